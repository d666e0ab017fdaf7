/* SPDX-License-Identifier: MIT */
/* The keyboard controller: its commands, buffers, output port and state; port 92. */
#include "tests/unit/i8042-bench.h"

static void test_reset_values(void)
{
    Fixture f;

    set_up(&f);
    g_assert_cmphex(inb(STATUS), ==, 0x18);
    g_assert_cmphex(inb(DATA), ==, 0x00);
    command(0x20);
    g_assert_cmphex(inb(STATUS), ==, 0x19);
    expect(0x03);
    g_assert_true(a20(&f));
    tear_down(&f);
}

static void test_controller_commands(void)
{
    Fixture f;

    set_up(&f);
    command(0xaa);
    g_assert_cmphex(inb(STATUS), ==, 0x1d);
    expect(0x55);
    command(0xab);
    expect(0x00);
    command(0xa9);
    expect(0x00);
    command(0xa4);
    expect(0xf1);
    command(0xc0);
    expect(0x80);
    command(0xe0);
    expect(0x03);
    command(0xd0);
    expect(0xcf);
    /* RAM, of which byte 0 is the command byte. */
    for (unsigned i = 1; i < 32; i++) {
        command(0x60 + i);
        outb(DATA, i * 7);
    }
    for (unsigned i = 1; i < 32; i++) {
        command(0x20 + i);
        expect(i * 7);
    }
    set_mode(0x65);
    g_assert_cmphex(inb(STATUS), ==, 0x14);
    command(0x20);
    expect(0x65);
    /* The enable and disable commands are its bits. */
    command(0xad);
    command(0xa7);
    command(0x20);
    expect(0x75);
    command(0xe0);
    expect(0x00);
    command(0xae);
    command(0xa8);
    command(0x20);
    expect(0x45);
    /* A password's scan codes are swallowed up to the zero. */
    command(0xa5);
    outb(DATA, 0x1e);
    outb(DATA, 0x00);
    outb(DATA, 0xee);
    expect(0xee);
    command(0xa6);
    command(0x99);
    expect_nothing();
    tear_down(&f);
}

static void test_buffers(void)
{
    Fixture f;

    set_up(&f);
    command(0xd2);
    outb(DATA, 0x12);
    g_assert_true(irq_level(KBD_IRQ));
    g_assert_false(irq_level(AUX_IRQ));
    expect(0x12);
    g_assert_false(irq_level(KBD_IRQ));
    command(0xd3);
    outb(DATA, 0x34);
    g_assert_true(irq_level(AUX_IRQ));
    g_assert_false(irq_level(KBD_IRQ));
    g_assert_cmphex(inb(STATUS), ==, 0x31);
    expect_from(0x34, true);
    g_assert_false(irq_level(AUX_IRQ));
    /* Without the enable bits there are no interrupts. */
    set_mode(0x00);
    command(0xd2);
    outb(DATA, 0x12);
    g_assert_false(irq_level(KBD_IRQ));
    expect(0x12);
    tear_down(&f);
}

static void test_output_port(void)
{
    Fixture f;

    set_up(&f);
    command(0xd1);
    outb(DATA, 0xcd);
    g_assert_false(a20(&f));
    command(0xd0);
    expect(0xcd);
    command(0xdf);
    g_assert_true(a20(&f));
    command(0xdd);
    g_assert_false(a20(&f));
    command(0xd1);
    outb(DATA, 0xcf);
    g_assert_true(a20(&f));
    /* A full buffer shows. */
    press("a");
    command(0xd0);
    expect(0x1c);
    expect_bytes("df f0 1c", false);

    g_assert_cmpuint(f.sink->resets, ==, 0);
    command(0xfe);
    g_assert_cmpuint(f.sink->resets, ==, 1);
    command(0xff);
    command(0xf1);
    g_assert_cmpuint(f.sink->resets, ==, 1);
    command(0xd1);
    outb(DATA, 0xce);
    g_assert_cmpuint(f.sink->resets, ==, 2);
    tear_down(&f);
}

static void test_port92(void)
{
    Fixture f;
    Device *port92;

    set_up(&f);
    port92 = bench_device("port92", NULL);
    connect_sink(&f, port92);
    g_assert_cmphex(inb(0x92), ==, 0);
    /* The gates of both are ORed. */
    outb(0x92, 0x02);
    command(0xdd);
    g_assert_true(a20(&f));
    outb(0x92, 0x00);
    g_assert_false(a20(&f));
    outb(0x92, 0x03);
    g_assert_cmpuint(f.sink->resets, ==, 1);
    outb(0x92, 0x03);
    g_assert_cmpuint(f.sink->resets, ==, 1);
    g_assert_cmphex(inb(0x92), ==, 0x03);
    bench_save_load(port92);
    outb(0x92, 0x00);
    outb(0x92, 0x01);
    g_assert_cmpuint(f.sink->resets, ==, 2);
    bench_hammer(0x92, 1, 200);
    device_remove(port92);
    tear_down(&f);
}

static void test_throttle(void)
{
    Fixture f;

    set_up_with(&f, "kbd-throttle=on");
    press("a");
    expect(0x1c);
    expect_nothing();
    g_assert_false(irq_level(KBD_IRQ));
    step_ns(999999);
    expect_nothing();
    step_ns(1);
    expect(0xf0);
    /* The controller itself need not wait. */
    command(0xaa);
    expect(0x55);
    step_ns(1000000);
    expect(0x1c);
    tear_down(&f);
}

/* The keyboard goes first; a disabled port keeps its bytes. */
static void test_both(void)
{
    Fixture f;

    set_up(&f);
    mouse(0xf4, "fa");
    command(0xad);
    command(0xa7);
    press("a");
    move(1, 0);
    expect_nothing();
    command(0xa8);
    g_assert_cmphex(inb(STATUS) & 0x21, ==, 0x21);
    command(0xae);
    expect_from(0x08, true);
    expect(0x1c);
    expect(0xf0);
    expect(0x1c);
    expect_bytes("01 00", true);
    tear_down(&f);
}

static void test_state(void)
{
    Fixture f;
    Device *kbd, *pointer;

    set_up(&f);
    kbd = DEVICE(object_child(OBJECT(f.controller), "ps2kbd"));
    pointer = DEVICE(object_child(OBJECT(f.controller), "ps2mouse"));
    bench_check_tables("i8042");
    bench_check_tables("port92");
    bench_check_tables("ps2-kbd");
    bench_check_tables("ps2-mouse");
    set_rates(200, 100, 80);
    mouse(0xf4, "fa");
    command(0xd1);
    bench_save_load(f.controller);
    outb(DATA, 0xcd);
    g_assert_false(a20(&f));
    mouse(0xf4, "fa");
    command(0xad);
    command(0xa7);
    key("a", true);
    key("b", true);
    move(300, 2);
    bench_save_load(kbd);
    bench_save_load(pointer);
    command(0xae);
    expect(0x1c);
    expect(0x32);
    tear_down(&f);
}

static void test_hammer(void)
{
    Fixture f;

    set_up(&f);
    for (unsigned i = 0; i < 300; i++) {
        bench_hammer(DATA, 6, 20);
        press(input_keys[1 + i % (input_key_count - 1)].name);
        move(i * 1000 - 100000, INT32_MIN + i);
        button(i % INPUT_BUTTONS, i & 1);
    }
    tear_down(&f);
}

int main(int argc, char **argv)
{
    start_tests(&argc, &argv);
    g_test_add_func("/i8042/reset-values", test_reset_values);
    g_test_add_func("/i8042/commands", test_controller_commands);
    g_test_add_func("/i8042/buffers", test_buffers);
    g_test_add_func("/i8042/output-port", test_output_port);
    g_test_add_func("/i8042/throttle", test_throttle);
    g_test_add_func("/i8042/both", test_both);
    g_test_add_func("/i8042/state", test_state);
    g_test_add_func("/i8042/hammer", test_hammer);
    g_test_add_func("/port92", test_port92);
    return bench_finish();
}
