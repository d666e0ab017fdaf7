/* SPDX-License-Identifier: MIT */
/* isa-serial: every register of the 16550A. */
#include <string.h>

#include "tests/unit/far-side.h"
#include "tests/unit/isa-bench.h"

enum { RBR = 0x3f8, THR = 0x3f8, DLL = 0x3f8, IER, DLM = 0x3f9, IIR, FCR = 0x3fa, LCR, MCR, LSR,
       MSR, SCR };
#define COM1_IRQ 4

/* A UART whose far side is a chardev of the test, "far". */
static Device *make_uart(FarSide *far)
{
    far_side_open(far, "uart");
    return bench_device("isa-serial", "chardev=uart");
}

static void remove_uart(Device *uart, FarSide *far)
{
    bench_remove(uart);
    far_side_close(far);
}

static void test_reset_values(void)
{
    Device *uart = bench_device("isa-serial", NULL);

    g_assert_cmphex(inb(IER), ==, 0);
    g_assert_cmphex(inb(IIR), ==, 0x01);
    g_assert_cmphex(inb(LCR), ==, 0);
    g_assert_cmphex(inb(MCR), ==, 0);
    g_assert_cmphex(inb(LSR), ==, 0x60);
    g_assert_cmphex(inb(MSR), ==, 0xb0);
    g_assert_false(irq_level(COM1_IRQ));
    bench_remove(uart);
}

static void test_registers(void)
{
    Device *uart = bench_device("isa-serial", NULL);

    outb(SCR, 0x5a);
    g_assert_cmphex(inb(SCR), ==, 0x5a);
    outb(IER, 0xf0);
    g_assert_cmphex(inb(IER), ==, 0);
    outb(MCR, 0xef);
    g_assert_cmphex(inb(MCR), ==, 0x0f);
    /* DLAB puts the divisor over the first two. */
    outb(LCR, 0x83);
    g_assert_cmphex(inw(DLL), ==, 12);
    outw(DLL, 0x0301);
    g_assert_cmphex(inb(DLL), ==, 0x01);
    g_assert_cmphex(inb(DLM), ==, 0x03);
    outb(LCR, 0x03);
    g_assert_cmphex(inb(IER), ==, 0);
    outb(LCR, 0x80);
    g_assert_cmphex(inw(DLL), ==, 0x0301);
    /* A wide access is one to each register. */
    outb(LCR, 0x03);
    outl(LCR, 0x000b0303);
    g_assert_cmphex(inb(LCR), ==, 0x03);
    g_assert_cmphex(inb(MCR), ==, 0x03);
    bench_remove(uart);
}

static void test_transmit(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    for (const char *p = "hello"; *p; p++) {
        outb(THR, *p);
    }
    far_side_expect(&far, "hello", 5);
    g_assert_cmphex(inb(LSR), ==, 0x60);
    remove_uart(uart, &far);
}

/* A backend that takes nothing holds the bytes; after a second they are dropped. */
static void test_blocked_transmit(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    outb(FCR, 0x01);
    far_side_block(&far, true);
    for (unsigned i = 0; i < 18; i++) {
        outb(THR, 'a' + i);
    }
    g_assert_cmphex(inb(LSR), ==, 0);
    outb(IER, 0x02);
    g_assert_cmphex(inb(IIR), ==, 0xc1);
    far_side_block(&far, false);
    far_side_expect(&far, "abcdefghijklmnop", 16);
    g_assert_cmphex(inb(LSR), ==, 0x60);
    g_assert_true(irq_level(COM1_IRQ));
    g_assert_cmphex(inb(IIR), ==, 0xc2);

    far_side_block(&far, true);
    outb(THR, '1');
    step_ns(999999999);
    g_assert_cmphex(inb(LSR), ==, 0);
    step_ns(1);
    g_assert_cmphex(inb(LSR), ==, 0x60);
    for (unsigned i = 0; i < 100; i++) {
        outb(THR, '2');
        g_assert_cmphex(inb(LSR), ==, 0x60);
    }
    far_side_block(&far, false);
    outb(THR, '3');
    far_side_expect(&far, "3", 1);
    remove_uart(uart, &far);
}

static void test_thre_interrupt(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    outb(IER, 0x02);
    g_assert_true(irq_level(COM1_IRQ));
    /* Reading IIR acknowledges it. */
    g_assert_cmphex(inb(IIR), ==, 0x02);
    g_assert_false(irq_level(COM1_IRQ));
    g_assert_cmphex(inb(IIR), ==, 0x01);
    /* So does writing; the byte goes at once and the next one comes. */
    outb(THR, 'x');
    g_assert_true(irq_level(COM1_IRQ));
    g_assert_cmphex(inb(IIR), ==, 0x02);
    outb(IER, 0x00);
    outb(IER, 0x02);
    g_assert_cmphex(inb(IIR), ==, 0x02);
    remove_uart(uart, &far);
}

/* Without FIFOs one byte is taken at a time. */
static void test_receive(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    outb(IER, 0x01);
    g_assert_cmpuint(far_side_send(&far, "abc", 3), ==, 1);
    g_assert_true(irq_level(COM1_IRQ));
    g_assert_cmphex(inb(IIR), ==, 0x04);
    g_assert_cmphex(inb(LSR), ==, 0x61);
    g_assert_cmphex(inb(RBR), ==, 'a');
    g_assert_false(irq_level(COM1_IRQ));
    g_assert_cmphex(inb(LSR), ==, 0x60);
    g_assert_cmpuint(far.resumed, >, 0);
    /* An empty one gives the last byte again. */
    g_assert_cmphex(inb(RBR), ==, 'a');
    g_assert_cmpuint(far_side_send(&far, "bc", 2), ==, 1);
    g_assert_cmphex(inb(RBR), ==, 'b');
    remove_uart(uart, &far);
}

static void test_triggers(void)
{
    static const unsigned levels[] = { 1, 4, 8, 14 };
    FarSide far;
    Device *uart = make_uart(&far);

    outb(IER, 0x01);
    for (unsigned i = 0; i < 4; i++) {
        outb(FCR, 0x07 | i << 6);
        g_assert_cmpuint(far_side_send(&far, "0123456789abcdefgh", levels[i] - 1), ==,
                         levels[i] - 1);
        g_assert_false(irq_level(COM1_IRQ));
        g_assert_cmpuint(far_side_send(&far, "x", 1), ==, 1);
        g_assert_true(irq_level(COM1_IRQ));
        g_assert_cmphex(inb(IIR), ==, 0xc4);
        inb(RBR);
        g_assert_false(irq_level(COM1_IRQ));
    }
    outb(FCR, 0x03);
    g_assert_cmphex(inb(LSR), ==, 0x60);
    g_assert_cmpuint(far_side_send(&far, "0123456789abcdefgh", 18), ==, 16);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(inb(RBR), ==, "0123456789abcdef"[i]);
    }
    g_assert_cmphex(inb(LSR), ==, 0x60);
    remove_uart(uart, &far);
}

/* Four character times after the last byte: 4 × 10 bits at 9600 bit/s. */
static void test_timeout(void)
{
    enum { FOUR_CHARACTERS = 4166666 };
    FarSide far;
    Device *uart = make_uart(&far);

    outb(LCR, 0x03);
    outb(IER, 0x01);
    outb(FCR, 0xc1);
    far_side_send(&far, "ab", 2);
    step_ns(FOUR_CHARACTERS - 10);
    g_assert_false(irq_level(COM1_IRQ));
    far_side_send(&far, "c", 1);
    step_ns(FOUR_CHARACTERS - 10);
    g_assert_false(irq_level(COM1_IRQ));
    step_ns(20);
    g_assert_true(irq_level(COM1_IRQ));
    g_assert_cmphex(inb(IIR), ==, 0xcc);
    bench_save_load(uart);
    g_assert_cmphex(inb(RBR), ==, 'a');
    g_assert_false(irq_level(COM1_IRQ));
    step_ns(FOUR_CHARACTERS);
    g_assert_cmphex(inb(IIR), ==, 0xcc);
    inb(RBR);
    inb(RBR);
    step_ns(10 * FOUR_CHARACTERS);
    g_assert_cmphex(inb(IIR), ==, 0xc1);
    remove_uart(uart, &far);
}

static void test_break(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    outb(IER, 0x05);
    outb(FCR, 0x01);
    far_side_send(&far, "a", 1);
    far_side_event(&far, CHARDEV_BREAK);
    far_side_send(&far, "b", 1);
    /* Behind the first byte: only the FIFO's summary bit shows. */
    g_assert_cmphex(inb(IIR), ==, 0xc4);
    g_assert_cmphex(inb(LSR), ==, 0xe1);
    g_assert_cmphex(inb(RBR), ==, 'a');
    g_assert_cmphex(inb(IIR), ==, 0xc6);
    g_assert_cmphex(inb(LSR), ==, 0xf9);
    g_assert_cmphex(inb(LSR), ==, 0x61);
    g_assert_cmphex(inb(IIR), ==, 0xc4);
    g_assert_cmphex(inb(RBR), ==, 0);
    g_assert_cmphex(inb(RBR), ==, 'b');
    remove_uart(uart, &far);
}

static void test_loopback(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    inb(MSR);
    outb(MCR, 0x10);
    g_assert_cmphex(inb(MSR), ==, 0x0b);
    for (unsigned i = 0; i < 16; i++) {
        outb(MCR, 0x10 | i);
        g_assert_cmphex(inb(MSR) & 0xf0, ==,
                        (i & 2 ? 0x10 : 0) | (i & 1 ? 0x20 : 0) | (i & 4 ? 0x40 : 0) |
                        (i & 8 ? 0x80 : 0));
    }
    outb(THR, 'x');
    g_assert_cmphex(inb(LSR), ==, 0x61);
    g_assert_cmphex(inb(RBR), ==, 'x');
    g_assert_cmpuint(far.output->len, ==, 0);
    /* Nothing comes from outside. */
    g_assert_cmpuint(far_side_send(&far, "y", 1), ==, 0);
    /* Overrun, without FIFOs and with. */
    outb(THR, '1');
    outb(THR, '2');
    g_assert_cmphex(inb(LSR), ==, 0x63);
    g_assert_cmphex(inb(LSR), ==, 0x61);
    g_assert_cmphex(inb(RBR), ==, '2');
    outb(FCR, 0x01);
    for (unsigned i = 0; i < 17; i++) {
        outb(THR, 'a' + i);
    }
    g_assert_cmphex(inb(LSR), ==, 0x63);
    for (unsigned i = 0; i < 16; i++) {
        g_assert_cmphex(inb(RBR), ==, 'a' + i);
    }
    /* A break comes back as well. */
    outb(LCR, 0x43);
    g_assert_cmphex(inb(LSR) & 0x1f, ==, 0x19);
    remove_uart(uart, &far);
}

static void test_modem_interrupt(void)
{
    Device *uart = bench_device("isa-serial", NULL);

    outb(MCR, 0x10);
    inb(MSR);
    outb(IER, 0x08);
    g_assert_false(irq_level(COM1_IRQ));
    outb(MCR, 0x14);
    g_assert_false(irq_level(COM1_IRQ));
    outb(MCR, 0x10);
    /* The trailing edge of RI. */
    g_assert_true(irq_level(COM1_IRQ));
    g_assert_cmphex(inb(IIR), ==, 0x00);
    g_assert_cmphex(inb(MSR), ==, 0x04);
    g_assert_false(irq_level(COM1_IRQ));
    outb(MCR, 0x11);
    g_assert_cmphex(inb(MSR), ==, 0x22);
    g_assert_cmphex(inb(MSR), ==, 0x20);
    bench_remove(uart);
}

static void test_modem_lines(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    far.has_modem_lines = true;
    far.modem_in = CHARDEV_CTS;
    inb(MSR);
    g_assert_cmphex(inb(MSR), ==, 0x10);
    outb(MCR, 0x03);
    g_assert_cmphex(far.modem_out, ==, CHARDEV_DTR | CHARDEV_RTS);
    outb(IER, 0x08);
    far.modem_in = CHARDEV_CTS | CHARDEV_DSR;
    step_ns(11000000);
    g_assert_true(irq_level(COM1_IRQ));
    g_assert_cmphex(inb(MSR), ==, 0x32);
    outb(LCR, 0x40);
    g_assert_true(far.break_on);
    outb(LCR, 0x00);
    g_assert_false(far.break_on);
    remove_uart(uart, &far);
}

static void test_format(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    outb(LCR, 0x80);
    outw(DLL, 1);
    outb(LCR, 0x1e);
    g_assert_cmpuint(far.params.speed, ==, 115200);
    g_assert_cmpuint(far.params.data_bits, ==, 7);
    g_assert_cmpuint(far.params.stop_bits, ==, 2);
    g_assert_cmpint(far.params.parity, ==, 'E');
    outb(LCR, 0x0b);
    g_assert_cmpint(far.params.parity, ==, 'O');
    g_assert_cmpuint(far.params.data_bits, ==, 8);
    remove_uart(uart, &far);
}

static void test_fifo_reset(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    outb(FCR, 0x01);
    far_side_send(&far, "abc", 3);
    outb(FCR, 0x03);
    g_assert_cmphex(inb(LSR), ==, 0x60);
    far_side_send(&far, "abc", 3);
    /* Turning them off empties them, and the other bits do not count then. */
    outb(FCR, 0xc0);
    g_assert_cmphex(inb(LSR), ==, 0x60);
    g_assert_cmphex(inb(IIR), ==, 0x01);
    outb(FCR, 0x01);
    outb(IER, 0x01);
    far_side_send(&far, "a", 1);
    g_assert_cmphex(inb(IIR), ==, 0xc4);
    remove_uart(uart, &far);
}

static void test_ports(void)
{
    Device *ports[4];

    for (unsigned i = 0; i < 4; i++) {
        ports[i] = bench_device("isa-serial", NULL);
    }
    g_assert_cmphex(inb(0x2f8 + 5), ==, 0x60);
    g_assert_cmphex(inb(0x3e8 + 5), ==, 0x60);
    outb(0x2e8 + 1, 0x02);
    g_assert_true(irq_level(3));
    outb(0x2f8 + 1, 0x02);
    outb(0x2e8 + 1, 0);
    g_assert_true(irq_level(3));
    outb(0x2f8 + 1, 0);
    g_assert_false(irq_level(3));
    bench_refused("isa-serial", NULL, "4 standard serial ports");
    bench_refused("isa-serial", "index=5", "4 standard serial ports");
    bench_refused("isa-serial", "index=5,iobase=0x1000,irq=16", "interrupt line 16");
    for (unsigned i = 0; i < 4; i++) {
        bench_remove(ports[i]);
    }
    bench_remove(bench_device("isa-serial", "index=7,iobase=0x1000,irq=9"));
}

static void test_hammer(void)
{
    FarSide far;
    Device *uart = make_uart(&far);

    for (unsigned i = 0; i < 200; i++) {
        bench_hammer(RBR, 8, 20);
        far_side_send(&far, "0123456789abcdefghijkl", 20);
        far_side_event(&far, CHARDEV_BREAK);
    }
    bench_save_load(uart);
    remove_uart(uart, &far);
}

int main(int argc, char **argv)
{
    bench_start(&argc, &argv);
    far_side_register();
    bench_check_tables("isa-serial");
    g_test_add_func("/serial/reset-values", test_reset_values);
    g_test_add_func("/serial/registers", test_registers);
    g_test_add_func("/serial/transmit", test_transmit);
    g_test_add_func("/serial/blocked-transmit", test_blocked_transmit);
    g_test_add_func("/serial/thre-interrupt", test_thre_interrupt);
    g_test_add_func("/serial/receive", test_receive);
    g_test_add_func("/serial/triggers", test_triggers);
    g_test_add_func("/serial/timeout", test_timeout);
    g_test_add_func("/serial/break", test_break);
    g_test_add_func("/serial/loopback", test_loopback);
    g_test_add_func("/serial/modem-interrupt", test_modem_interrupt);
    g_test_add_func("/serial/modem-lines", test_modem_lines);
    g_test_add_func("/serial/format", test_format);
    g_test_add_func("/serial/fifo-reset", test_fifo_reset);
    g_test_add_func("/serial/ports", test_ports);
    g_test_add_func("/serial/hammer", test_hammer);
    return bench_finish();
}
