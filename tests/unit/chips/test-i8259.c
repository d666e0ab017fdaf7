/* SPDX-License-Identifier: MIT */
/* isa-i8259: initialization, priorities, ends of interrupt, modes, cascade, ELCR, backend. */
#include "hw/intc/i8259.h"
#include "tests/unit/chips/bench.h"

enum { MASTER = 0x20, SLAVE = 0xa0, ELCR1 = 0x4d0, ELCR2 = 0x4d1 };
enum { EOI = 0x20, READ_IRR = 0x0a, READ_ISR = 0x0b, POLL = 0x0c };

static Device *master, *slave;

static void init_chip(uint16_t port, uint8_t base, uint8_t icw3, uint8_t icw4)
{
    out8(port, 0x11);
    out8(port + 1, base);
    out8(port + 1, icw3);
    out8(port + 1, icw4);
}

static void up(void)
{
    bench_new();
    master = bench_add("isa-i8259", "pic", "master=on,iobase=0x20,elcr_addr=0x4d0,elcr_mask=0xf8");
    slave = bench_add("isa-i8259", "pic2", "iobase=0xa0,elcr_addr=0x4d1,elcr_mask=0xde");
    pin_connect(slave, I8259_PIN_INTR, 0, master, I8259_PIN_IRQ, 2);
    bench_up();
    init_chip(MASTER, 0x20, 0x04, 0x01);
    init_chip(SLAVE, 0x28, 0x02, 0x01);
}

static void irq(unsigned line, bool level)
{
    pin_drive_external(line < 8 ? master : slave, I8259_PIN_IRQ, line & 7, level);
}

static void pulse(unsigned line)
{
    irq(line, true);
    irq(line, false);
}

static bool requests(void)
{
    g_assert_true(i8259_requests(master) == pin_is_high(master, I8259_PIN_INTR, 0));
    return i8259_requests(master);
}

static uint8_t status(uint16_t port, uint8_t which)
{
    out8(port, which);
    return in8(port);
}

static void test_reset(void)
{
    bench_new();
    master = bench_add("isa-i8259", "pic", "master=on,iobase=0x20");
    bench_up();
    g_assert_cmphex(in8(0x20), ==, 0);
    g_assert_cmphex(in8(0x21), ==, 0);
    g_assert_true(i8259_master() == master);
    g_assert_false(i8259_requests(master));
    bench_delete();
    g_assert_null(i8259_master());
}

static void test_fully_nested(void)
{
    up();
    irq(3, true);
    g_assert_true(requests());
    g_assert_cmphex(status(MASTER, READ_IRR), ==, 0x08);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x23);
    g_assert_false(requests());
    g_assert_cmphex(status(MASTER, READ_IRR), ==, 0x00);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0x08);
    /* Lower and equal ones wait, higher ones interrupt. */
    irq(5, true);
    irq(3, false);
    irq(3, true);
    g_assert_false(requests());
    irq(1, true);
    g_assert_true(requests());
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x21);
    g_assert_cmphex(in8(MASTER), ==, 0x0a);
    out8(MASTER, EOI);
    g_assert_cmphex(in8(MASTER), ==, 0x08);
    g_assert_false(requests());
    out8(MASTER, EOI);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x23);
    out8(MASTER, EOI);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x25);
    out8(MASTER, EOI);
    g_assert_false(requests());
    /* One edge, one interrupt. */
    g_assert_cmphex(status(MASTER, READ_IRR), ==, 0);
    bench_delete();
}

static void test_mask(void)
{
    up();
    out8(MASTER + 1, 0xf7);
    g_assert_cmphex(in8(MASTER + 1), ==, 0xf7);
    irq(4, true);
    g_assert_false(requests());
    out8(MASTER + 1, 0xe7);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x24);
    bench_delete();
}

static void test_spurious(void)
{
    up();
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x27);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0);
    /* A level that goes before it is acknowledged. */
    out8(ELCR1, 0x20);
    irq(5, true);
    irq(5, false);
    g_assert_false(requests());
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x27);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0);
    /* On the slave, the master has it in service all the same. */
    out8(ELCR2, 0x02);
    irq(9, true);
    irq(9, false);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x2f);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0x04);
    g_assert_cmphex(status(SLAVE, READ_ISR), ==, 0);
    bench_delete();
}

static void test_level(void)
{
    up();
    out8(ELCR1, 0xff);
    g_assert_cmphex(in8(ELCR1), ==, 0xf8);
    out8(ELCR2, 0xff);
    g_assert_cmphex(in8(ELCR2), ==, 0xde);
    irq(11, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x2b);
    out8(SLAVE, EOI);
    out8(MASTER, EOI);
    g_assert_true(requests());
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x2b);
    irq(11, false);
    out8(SLAVE, EOI);
    out8(MASTER, EOI);
    g_assert_false(requests());
    /* A line that is high when it becomes level triggered requests. */
    out8(ELCR1, 0);
    irq(7, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x27);
    out8(MASTER, EOI);
    g_assert_false(requests());
    out8(ELCR1, 0x80);
    g_assert_true(requests());
    out8(ELCR1, 0x00);
    bench_delete();
}

static void test_cascade(void)
{
    up();
    irq(12, true);
    irq(8, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x28);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0x04);
    g_assert_cmphex(status(SLAVE, READ_ISR), ==, 0x01);
    g_assert_false(requests());
    out8(SLAVE, EOI);
    g_assert_false(requests());
    out8(MASTER, EOI);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x2c);
    /* A higher one of the same slave waits for the master's EOI ... */
    irq(8, false);
    irq(8, true);
    g_assert_false(requests());
    out8(MASTER, EOI);
    g_assert_true(requests());
    bench_delete();
    /* ... unless the master is specially fully nested. */
    up();
    init_chip(MASTER, 0x20, 0x04, 0x11);
    irq(12, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x2c);
    irq(3, true);
    g_assert_false(requests());
    irq(8, true);
    g_assert_true(requests());
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x28);
    bench_delete();
}

/* What the guest programs as cascade counts, not only the wire. */
static void test_cascade_numbers(void)
{
    up();
    init_chip(SLAVE, 0x28, 0x03, 0x01);
    irq(8, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0xff);
    bench_delete();
    up();
    init_chip(MASTER, 0x20, 0x00, 0x01);
    irq(8, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x22);
    bench_delete();
}

static void test_rotation(void)
{
    up();
    irq(2, true);
    irq(4, true);
    i8259_acknowledge(master);
    out8(MASTER, 0xa0);
    /* 2 is the lowest now: 3, 4, … 2. */
    irq(2, false);
    irq(2, true);
    irq(1, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x24);
    out8(MASTER, 0xe4);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x21);
    out8(MASTER, 0x61);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0);
    /* Set priority: 5 the lowest, 6 the highest. */
    out8(MASTER, 0xc5);
    irq(6, true);
    irq(0, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x26);
    /* No operation. */
    out8(MASTER, 0x40);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0x40);
    bench_delete();
}

static void test_auto_eoi(void)
{
    up();
    init_chip(MASTER, 0x20, 0x04, 0x03);
    irq(3, true);
    irq(5, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x23);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x25);
    out8(MASTER, 0x80);
    pulse(6);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x26);
    pulse(0);
    pulse(7);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x27);
    out8(MASTER, 0x00);
    bench_delete();
}

static void test_special_mask(void)
{
    up();
    irq(1, true);
    i8259_acknowledge(master);
    out8(MASTER + 1, 0x02);
    irq(4, true);
    g_assert_false(requests());
    out8(MASTER, 0x68);
    g_assert_true(requests());
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x24);
    /* A non-specific EOI ends the level that is not masked. */
    out8(MASTER, EOI);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0x02);
    out8(MASTER, 0x48);
    irq(4, false);
    irq(4, true);
    g_assert_false(requests());
    out8(MASTER, 0x61);
    g_assert_true(requests());
    bench_delete();
}

static void test_poll(void)
{
    up();
    out8(MASTER, POLL);
    g_assert_cmphex(in8(MASTER), ==, 0);
    irq(6, true);
    out8(MASTER, POLL);
    g_assert_cmphex(in8(MASTER), ==, 0x86);
    g_assert_cmphex(status(MASTER, READ_ISR), ==, 0x40);
    g_assert_false(requests());
    irq(10, true);
    out8(SLAVE, POLL);
    g_assert_cmphex(in8(SLAVE + 1), ==, 0x82);
    bench_delete();
}

static void test_init(void)
{
    up();
    out8(MASTER + 1, 0x5a);
    irq(3, true);
    irq(0, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x20);
    out8(MASTER, READ_ISR);
    out8(MASTER, 0x12);
    g_assert_false(requests());
    g_assert_cmphex(in8(MASTER), ==, 0);
    g_assert_cmphex(in8(MASTER + 1), ==, 0);
    out8(MASTER + 1, 0x47);
    /* Single and without ICW4: done. Vectors are multiples of 8. */
    out8(MASTER + 1, 0x01);
    g_assert_cmphex(in8(MASTER + 1), ==, 0x01);
    /* The edges that came are forgotten, and a line that stays high is none. */
    g_assert_false(requests());
    irq(3, false);
    irq(3, true);
    g_assert_cmphex(i8259_acknowledge(master), ==, 0x43);
    bench_delete();
}

static unsigned loads, saves;

static void kernel_save(void *opaque, Device *chip)
{
    ((I8259 *)chip)->imr = *(uint8_t *)opaque;
    saves++;
}

static bool kernel_load(void *opaque, Device *chip, GError **error)
{
    *(uint8_t *)opaque = ((I8259 *)chip)->imr;
    loads++;
    return true;
}

static void test_backend(void)
{
    static const ChipBackend backend = { "test", kernel_save, kernel_load };
    uint8_t kernel = 0x77;

    up();
    chip_bind(master, &backend, &kernel);
    irq(3, true);
    g_assert_false(pin_is_high(master, I8259_PIN_INTR, 0));
    check_saved_state(master);
    g_assert_cmpuint(loads, >, 2);
    g_assert_cmpuint(saves, >, 1);
    device_reset(master);
    g_assert_cmphex(kernel, ==, 0);
    kernel = 0xf6;
    out8(MASTER + 1, 0);
    chip_bind(master, NULL, NULL);
    g_assert_cmphex(in8(MASTER + 1), ==, 0xf6);
    bench_delete();
}

static void test_state(void)
{
    up();
    out8(ELCR2, 0x08);
    irq(11, true);
    irq(4, true);
    i8259_acknowledge(master);
    out8(MASTER, 0x11);
    check_saved_state(master);
    check_saved_state(slave);
    out8(MASTER + 1, 0x20);
    out8(MASTER + 1, 0x04);
    out8(MASTER + 1, 0x01);
    irq(4, false);
    irq(4, true);
    g_assert_true(requests());
    bench_delete();
}

static void test_storm(void)
{
    up();
    for (unsigned i = 0; i < 200; i++) {
        irq(i % 16, i & 0x20);
        storm_ports(MASTER - 1, MASTER + 2, 20);
        storm_ports(SLAVE - 1, SLAVE + 2, 20);
        storm_ports(ELCR1 - 1, ELCR2 + 1, 4);
        i8259_acknowledge(master);
    }
    g_assert_cmphex(in_sized(MASTER, 2) >> 8, ==, in8(MASTER + 1));
    bench_delete();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8259/reset", test_reset);
    g_test_add_func("/i8259/fully-nested", test_fully_nested);
    g_test_add_func("/i8259/mask", test_mask);
    g_test_add_func("/i8259/spurious", test_spurious);
    g_test_add_func("/i8259/level", test_level);
    g_test_add_func("/i8259/cascade", test_cascade);
    g_test_add_func("/i8259/cascade-numbers", test_cascade_numbers);
    g_test_add_func("/i8259/rotation", test_rotation);
    g_test_add_func("/i8259/auto-eoi", test_auto_eoi);
    g_test_add_func("/i8259/special-mask", test_special_mask);
    g_test_add_func("/i8259/poll", test_poll);
    g_test_add_func("/i8259/init", test_init);
    g_test_add_func("/i8259/backend", test_backend);
    g_test_add_func("/i8259/state", test_state);
    g_test_add_func("/i8259/storm", test_storm);
    return g_test_run();
}
