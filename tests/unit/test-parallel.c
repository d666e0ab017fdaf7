/* SPDX-License-Identifier: MIT */
/* isa-parallel and isa-debugcon. */
#include "tests/unit/far-side.h"
#include "tests/unit/isa-bench.h"

enum { DATA = 0x378, STATUS, CONTROL };
#define LPT1_IRQ 7

static Device *make_port(FarSide *far)
{
    far_side_open(far, "printer");
    return bench_device("isa-parallel", "chardev=printer");
}

static void remove_port(Device *port, FarSide *far)
{
    bench_remove(port);
    far_side_close(far);
}

static void strobe(uint8_t byte, uint8_t control)
{
    outb(DATA, byte);
    outb(CONTROL, control | 0x01);
    outb(CONTROL, control);
}

static void test_registers(void)
{
    FarSide far;
    Device *port = make_port(&far);

    g_assert_cmphex(inb(DATA), ==, 0xff);
    g_assert_cmphex(inb(STATUS), ==, 0xdf);
    g_assert_cmphex(inb(CONTROL), ==, 0xcc);
    outb(DATA, 0x5a);
    g_assert_cmphex(inb(DATA), ==, 0x5a);
    outb(STATUS, 0);
    g_assert_cmphex(inb(STATUS), ==, 0xdf);
    /* The direction bit lets the lines float. */
    outb(CONTROL, 0x2c);
    g_assert_cmphex(inb(CONTROL), ==, 0xec);
    g_assert_cmphex(inb(DATA), ==, 0xff);
    outb(CONTROL, 0x0c);
    g_assert_cmphex(inb(DATA), ==, 0x5a);
    /* The printer is in its reset while INIT is low. */
    outb(CONTROL, 0x08);
    g_assert_cmphex(inb(STATUS), ==, 0x5f);
    remove_port(port, &far);
}

static void test_print(void)
{
    FarSide far;
    Device *port = make_port(&far);

    for (const char *p = "printed"; *p; p++) {
        g_assert_cmphex(inb(STATUS) & 0x80, ==, 0x80);
        strobe(*p, 0x0c);
        g_assert_cmphex(inb(STATUS), ==, 0x9f);
        step_ns(5000);
        g_assert_cmphex(inb(STATUS), ==, 0xdf);
    }
    /* A level is one strobe; an input is none. */
    outb(CONTROL, 0x0d);
    outb(CONTROL, 0x0d);
    outb(CONTROL, 0x2c);
    outb(CONTROL, 0x2d);
    far_side_expect(&far, "printedd", 8);
    g_assert_cmpuint(irq_edges(LPT1_IRQ), ==, 0);
    remove_port(port, &far);
}

static void test_interrupt(void)
{
    FarSide far;
    Device *port = make_port(&far);

    strobe('a', 0x1c);
    step_ns(4999);
    g_assert_false(irq_level(LPT1_IRQ));
    step_ns(1);
    g_assert_true(irq_level(LPT1_IRQ));
    bench_save_load(port);
    g_assert_cmphex(inb(STATUS), ==, 0xdb);
    g_assert_false(irq_level(LPT1_IRQ));
    g_assert_cmphex(inb(STATUS), ==, 0xdf);
    remove_port(port, &far);
}

static void test_busy(void)
{
    FarSide far;
    Device *port = make_port(&far);

    far_side_block(&far, true);
    strobe('a', 0x1c);
    g_assert_cmphex(inb(STATUS), ==, 0x5f);
    strobe('b', 0x1c);
    step_ns(1000000);
    g_assert_cmphex(inb(STATUS), ==, 0x5f);
    far_side_block(&far, false);
    g_assert_cmphex(inb(STATUS), ==, 0x9f);
    step_ns(5000);
    g_assert_true(irq_level(LPT1_IRQ));
    far_side_expect(&far, "a", 1);
    /* INIT makes it forget. */
    far_side_block(&far, true);
    strobe('c', 0x0c);
    outb(CONTROL, 0x08);
    outb(CONTROL, 0x0c);
    far_side_block(&far, false);
    far_side_expect(&far, "", 0);
    remove_port(port, &far);
}

static void test_no_printer(void)
{
    Device *port = bench_device("isa-parallel", NULL);

    g_assert_cmphex(inb(STATUS), ==, 0x7f);
    strobe('x', 0x1c);
    step_ns(1000000);
    g_assert_cmphex(inb(STATUS), ==, 0x7f);
    bench_remove(port);
}

static void test_ports(void)
{
    Device *ports[3];

    for (unsigned i = 0; i < 3; i++) {
        ports[i] = bench_device("isa-parallel", i == 2 ? "irq=5" : NULL);
    }
    g_assert_cmphex(inb(0x278 + 2), ==, 0xcc);
    g_assert_cmphex(inb(0x3bc + 2), ==, 0xcc);
    bench_refused("isa-parallel", NULL, "3 standard parallel ports");
    for (unsigned i = 0; i < 3; i++) {
        bench_remove(ports[i]);
    }
}

static void test_hammer(void)
{
    FarSide far;
    Device *port = make_port(&far);

    for (unsigned i = 0; i < 50; i++) {
        far_side_block(&far, i & 1);
        bench_hammer(DATA, 4, 50);
    }
    bench_save_load(port);
    far_side_block(&far, false);
    remove_port(port, &far);
}

static void test_debugcon(void)
{
    FarSide far;
    Device *port;

    far_side_open(&far, "debug");
    port = bench_device("isa-debugcon", "chardev=debug");
    g_assert_cmphex(inb(0xe9), ==, 0xe9);
    outb(0xe9, 'a');
    outb(0xe9, 'b');
    far_side_expect(&far, "ab", 2);
    far_side_block(&far, true);
    outb(0xe9, 'c');
    outb(0xe9, 'd');
    far_side_block(&far, false);
    far_side_expect(&far, "cd", 2);
    bench_remove(port);
    port = bench_device("isa-debugcon", "chardev=debug,iobase=0x402,readback=0x12");
    g_assert_cmphex(inb(0x402), ==, 0x12);
    g_assert_cmphex(inb(0xe9), ==, 0xff);
    outb(0x402, 'e');
    far_side_expect(&far, "e", 1);
    bench_remove(port);
    bench_refused("isa-debugcon", "iobase=0x10000", "out of range");
    bench_remove(bench_device("isa-debugcon", NULL));
    far_side_close(&far);
}

int main(int argc, char **argv)
{
    bench_start(&argc, &argv);
    far_side_register();
    bench_check_tables("isa-parallel");
    bench_check_tables("isa-debugcon");
    g_test_add_func("/parallel/registers", test_registers);
    g_test_add_func("/parallel/print", test_print);
    g_test_add_func("/parallel/interrupt", test_interrupt);
    g_test_add_func("/parallel/busy", test_busy);
    g_test_add_func("/parallel/no-printer", test_no_printer);
    g_test_add_func("/parallel/ports", test_ports);
    g_test_add_func("/parallel/hammer", test_hammer);
    g_test_add_func("/debugcon", test_debugcon);
    return bench_finish();
}
