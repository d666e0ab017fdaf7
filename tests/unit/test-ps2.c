/* SPDX-License-Identifier: MIT */
/* The PS/2 keyboard and mouse, behind their controller. */
#include "tests/unit/i8042-bench.h"

/* ---- the keyboard ---- */

static void test_keyboard_commands(void)
{
    Fixture f;

    set_up(&f);
    keyboard(0xff, "fa aa");
    keyboard(0xf2, "fa ab 83");
    keyboard(0xee, "ee");
    keyboard(0xf0, "fa");
    keyboard(0x00, "fa 02");
    keyboard(0xf0, "fa");
    keyboard(0x04, "fe");
    keyboard(0xed, "fa");
    keyboard(0x07, "fa");
    keyboard(0xf3, "fa");
    keyboard(0x00, "fa");
    keyboard(0xf5, "fa");
    press("a");
    expect_nothing();
    keyboard(0xf4, "fa");
    press("a");
    expect_bytes("1c f0 1c", false);
    keyboard(0x12, "fe");
    keyboard(0xf6, "fa");
    keyboard(0xfe, "fa");
    /* A command in place of a parameter is a command. */
    keyboard(0xed, "fa");
    keyboard(0xf2, "fa ab 83");
    /* Sending turns the interface on. */
    command(0xad);
    keyboard(0xee, "ee");
    command(0x20);
    expect(0x03);
    tear_down(&f);
}

static void test_translation(void)
{
    Fixture f;

    set_up(&f);
    set_mode(0x43);
    press("a");
    expect_bytes("1e 9e", false);
    press("right");
    expect_bytes("e0 4d e0 cd", false);
    press("f7");
    expect_bytes("41 c1", false);
    press("pause");
    expect_bytes("e1 1d 45 e1 9d c5", false);
    keyboard(0xf2, "fa ab 41");
    /* Set 1 needs no translation. */
    set_mode(0x03);
    keyboard(0xf0, "fa");
    keyboard(0x01, "fa");
    press("a");
    expect_bytes("1e 9e", false);
    press("right");
    expect_bytes("e0 4d e0 cd", false);
    tear_down(&f);
}

static void test_special_keys(void)
{
    Fixture f;

    set_up(&f);
    press("print");
    expect_bytes("e0 12 e0 7c e0 f0 7c e0 f0 12", false);
    key("alt", true);
    press("print");
    key("alt", false);
    expect_bytes("11 84 f0 84 f0 11", false);
    key("shift", true);
    press("print");
    key("shift", false);
    expect_bytes("12 e0 7c e0 f0 7c f0 12", false);
    press("pause");
    expect_bytes("e1 14 77 e1 f0 14 f0 77", false);
    key("ctrl_r", true);
    press("pause");
    key("ctrl_r", false);
    expect_bytes("e0 14 e0 7e e0 f0 7e e0 f0 14", false);
    press("lang1");
    expect_bytes("f2", false);
    press("undo");
    expect_nothing();
    /* A key is down once. */
    key("a", true);
    key("a", true);
    key("a", false);
    key("a", false);
    expect_bytes("1c f0 1c", false);
    tear_down(&f);
}

static void test_set3(void)
{
    Fixture f;

    set_up(&f);
    keyboard(0xf0, "fa");
    keyboard(0x03, "fa");
    press("a");
    expect_bytes("1c", false);
    press("shift");
    expect_bytes("12 f0 12", false);
    press("esc");
    expect_bytes("08", false);
    keyboard(0xfa, "fa");
    press("esc");
    expect_bytes("08 f0 08", false);
    keyboard(0xfd, "fa");
    keyboard(0x08, "fa");
    keyboard(0x1c, "fa");
    keyboard(0xf4, "fa");
    press("esc");
    press("a");
    press("b");
    expect_bytes("08 1c 32 f0 32", false);
    keyboard(0xf6, "fa");
    press("esc");
    expect_bytes("76 f0 76", false);
    tear_down(&f);
}

static void test_typematic(void)
{
    enum { MS = 1000000 };
    Fixture f;

    set_up(&f);
    key("x", true);
    expect_bytes("22", false);
    step_ns(499 * MS);
    expect_nothing();
    step_ns(2 * MS);
    expect_bytes("22", false);
    step_ns(92 * MS);
    expect_bytes("22", false);
    /* The last key repeats; lifting it ends that. */
    key("y", true);
    expect_bytes("35", false);
    key("x", false);
    expect_bytes("f0 22", false);
    step_ns(501 * MS);
    expect_bytes("35", false);
    key("y", false);
    expect_bytes("f0 35", false);
    step_ns(2000 * MS);
    expect_nothing();
    /* 250 ms, then 33.3 ms. */
    keyboard(0xf3, "fa");
    keyboard(0x00, "fa");
    key("x", true);
    step_ns(251 * MS);
    expect_bytes("22 22", false);
    step_ns(34 * MS);
    expect_bytes("22", false);
    /* A guest that does not read does not pile them up. */
    step_ns(5000 * (int64_t)MS);
    expect(0x22);
    expect_bytes("22", false);
    tear_down(&f);
}

static void test_overrun(void)
{
    Fixture f;

    set_up(&f);
    command(0xad);
    for (unsigned i = 0; i < 20; i++) {
        press("a");
    }
    expect_nothing();
    command(0xae);
    expect_bytes("1c f0 1c 1c f0 1c 1c f0 1c 1c f0 1c 1c f0 1c 00", false);
    press("b");
    expect_bytes("32 f0 32", false);
    tear_down(&f);
}

static void test_keyboard_interrupt(void)
{
    Fixture f;

    set_up(&f);
    g_assert_cmpuint(irq_edges(KBD_IRQ), ==, 0);
    press("a");
    g_assert_true(irq_level(KBD_IRQ));
    /* Each byte makes an edge. */
    g_assert_cmpuint(irq_edges(KBD_IRQ), ==, 1);
    expect(0x1c);
    g_assert_cmpuint(irq_edges(KBD_IRQ), ==, 1);
    expect(0xf0);
    expect(0x1c);
    g_assert_cmpuint(irq_edges(KBD_IRQ), ==, 1);
    g_assert_false(irq_level(KBD_IRQ));
    tear_down(&f);
}

/* ---- the mouse ---- */

static void test_mouse_commands(void)
{
    Fixture f;

    set_up(&f);
    mouse(0xff, "fa aa 00");
    mouse(0xf2, "fa 00");
    mouse(0xe9, "fa 00 02 64");
    mouse(0xe8, "fa");
    mouse(0x03, "fa");
    mouse(0xf3, "fa");
    mouse(0x28, "fa");
    mouse(0xe7, "fa");
    mouse(0xf4, "fa");
    mouse(0xe9, "fa 30 03 28");
    mouse(0xfe, "30 03 28");
    button(INPUT_LEFT, true);
    button(INPUT_RIGHT, true);
    expect_bytes("09 00 00", true);
    mouse(0xe9, "fa 35 03 28");
    mouse(0xf6, "fa");
    mouse(0xe9, "fa 05 02 64");
    /* A bad one is asked for again; a second one after it is an error. */
    mouse(0xe8, "fa");
    mouse(0x04, "fe");
    mouse(0x01, "fc");
    mouse(0xf2, "fa 00");
    mouse(0x01, "fe");
    mouse(0xf3, "fa");
    mouse(0x55, "fe");
    /* Wrap mode echoes. */
    mouse(0xee, "fa");
    mouse(0xf2, "f2");
    mouse(0xe9, "e9");
    mouse(0xec, "fa");
    mouse(0xf2, "fa 00");
    /* Remote mode sends when asked. */
    mouse(0xf0, "fa");
    mouse(0xf4, "fa");
    move(3, 4);
    expect_nothing();
    mouse(0xeb, "fa 2b 03 fc");
    mouse(0xe9, "fa 65 02 64");
    tear_down(&f);
}

static void test_mouse_packets(void)
{
    Fixture f;

    set_up(&f);
    move(5, 5);
    expect_nothing();
    mouse(0xf4, "fa");
    move(5, -7);
    expect_bytes("08 05 07", true);
    g_assert_cmpuint(irq_edges(AUX_IRQ), ==, 1 + 3);
    /* The next sample is ten milliseconds later. */
    move(-1, 1);
    move(-1, 1);
    button(INPUT_LEFT, true);
    expect_nothing();
    step_ns(10000001);
    expect_bytes("39 fe fe", true);
    /* Large movements take several packets. */
    step_ns(20000000);
    move(600, 0);
    expect_bytes("09 ff 00", true);
    step_ns(10000001);
    expect_bytes("09 ff 00", true);
    step_ns(10000001);
    expect_bytes("09 5a 00", true);
    button(INPUT_LEFT, false);
    step_ns(10000001);
    expect_bytes("08 00 00", true);
    step_ns(50000000);
    expect_nothing();
    /* 2:1 scaling. */
    mouse(0xe7, "fa");
    move(3, -10);
    expect_bytes("08 03 14", true);
    tear_down(&f);
}

static void test_wheel(void)
{
    Fixture f;

    set_up(&f);
    set_rates(200, 100, 80);
    mouse(0xf2, "fa 03");
    mouse(0xf4, "fa");
    button(INPUT_WHEEL_UP, true);
    button(INPUT_WHEEL_UP, false);
    expect_bytes("08 00 00 ff", true);
    step_ns(20000000);
    button(INPUT_SIDE, true);
    expect_nothing();
    button(INPUT_SIDE, false);
    set_rates(200, 200, 80);
    mouse(0xf2, "fa 04");
    button(INPUT_SIDE, true);
    expect_bytes("08 00 00 10", true);
    step_ns(20000000);
    button(INPUT_EXTRA, true);
    expect_bytes("08 00 00 30", true);
    step_ns(20000000);
    button(INPUT_WHEEL_DOWN, true);
    expect_bytes("08 00 00 31", true);
    mouse(0xff, "fa aa 00");
    mouse(0xf2, "fa 00");
    tear_down(&f);
}

int main(int argc, char **argv)
{
    start_tests(&argc, &argv);
    g_test_add_func("/ps2-kbd/commands", test_keyboard_commands);
    g_test_add_func("/ps2-kbd/translation", test_translation);
    g_test_add_func("/ps2-kbd/special-keys", test_special_keys);
    g_test_add_func("/ps2-kbd/set3", test_set3);
    g_test_add_func("/ps2-kbd/typematic", test_typematic);
    g_test_add_func("/ps2-kbd/overrun", test_overrun);
    g_test_add_func("/ps2-kbd/interrupt", test_keyboard_interrupt);
    g_test_add_func("/ps2-mouse/commands", test_mouse_commands);
    g_test_add_func("/ps2-mouse/packets", test_mouse_packets);
    g_test_add_func("/ps2-mouse/wheel", test_wheel);
    return bench_finish();
}
