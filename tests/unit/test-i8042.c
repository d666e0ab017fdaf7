/* SPDX-License-Identifier: MIT */
/* The keyboard controller with its keyboard and mouse, the input core, and port 92. */
#include <string.h>

#include "hw/input/input.h"
#include "monitor/hmp.h"
#include "monitor/schema.h"
#include "tests/unit/isa-bench.h"

enum { DATA = 0x60, STATUS = 0x64, COMMAND = 0x64 };
enum { KBD_IRQ = 1, AUX_IRQ = 12 };

/* ---- a board's side of the output pins ---- */

typedef struct Sink {
    Device device;
    unsigned resets;
} Sink;

static void sink_reset(Device *device, unsigned line, bool level)
{
    ((Sink *)device)->resets += level;
}

static const PinInfo sink_pins[] = {
    { "a20", "A20 gate", PIN_IN }, { "reset", "reset", PIN_IN, .set = sink_reset },
};
static const DeviceType sink_type = {
    .name = "test-sink", .parent = "device", .description = "counts resets",
    .size = sizeof(Sink), .pins = TABLE(sink_pins),
};

typedef struct Fixture {
    Device *controller;
    Sink *sink;
} Fixture;

static void connect(Fixture *f, Device *device)
{
    pin_connect(device, device_pin_index(device, "a20"), 0, &f->sink->device, 0, 0);
    pin_connect(device, device_pin_index(device, "reset"), 0, &f->sink->device, 1, 0);
}

static void set_up_with(Fixture *f, const char *options)
{
    f->sink = (Sink *)device_new(&sink_type, object_root(), NULL, NULL);
    f->controller = bench_device("i8042", options);
    connect(f, f->controller);
}

static void set_up(Fixture *f)
{
    set_up_with(f, NULL);
}

static void tear_down(Fixture *f)
{
    input_reset();
    bench_remove(f->controller);
    device_remove(&f->sink->device);
}

static bool a20(const Fixture *f)
{
    return pin_level(&f->sink->device, 0, 0);
}

/* ---- bytes ---- */

static void command(uint8_t byte)
{
    outb(COMMAND, byte);
}

static void set_mode(uint8_t mode)
{
    command(0x60);
    outb(DATA, mode);
}

/* The next byte: from the controller or keyboard, or from the mouse. */
static void expect_from(uint8_t byte, bool aux)
{
    g_assert_cmphex(inb(STATUS) & 0x21, ==, aux ? 0x21 : 0x01);
    g_assert_cmphex(inb(DATA), ==, byte);
}

static void expect(uint8_t byte)
{
    expect_from(byte, false);
}

static void expect_nothing(void)
{
    g_assert_cmphex(inb(STATUS) & 0x01, ==, 0);
}

/* Bytes in hexadecimal. */
static void expect_bytes(const char *text, bool aux)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (unsigned i = 0; words[i]; i++) {
        if (*words[i]) {
            expect_from(g_ascii_strtoull(words[i], NULL, 16), aux);
        }
    }
    expect_nothing();
}

static void keyboard(uint8_t byte, const char *answer)
{
    outb(DATA, byte);
    expect_bytes(answer, false);
}

static void mouse(uint8_t byte, const char *answer)
{
    command(0xd4);
    outb(DATA, byte);
    expect_bytes(answer, true);
}

static void key(const char *name, bool down)
{
    GError *error = NULL;
    InputEvent event = { INPUT_KEY, input_key_by_name(name, &error), down };

    g_assert_no_error(error);
    g_assert_true(input_send(&event, 1, NULL));
}

static void press(const char *name)
{
    key(name, true);
    key(name, false);
}

static void move(int dx, int dy)
{
    const InputEvent events[] = { { INPUT_RELATIVE, INPUT_X, dx }, { INPUT_RELATIVE, INPUT_Y, dy } };

    g_assert_true(input_send(events, 2, NULL));
}

static void button(InputButton which, bool down)
{
    InputEvent event = { INPUT_BUTTON, which, down };

    g_assert_true(input_send(&event, 1, NULL));
}

/* ---- the controller ---- */

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
    connect(&f, port92);
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

static void set_rates(uint8_t a, uint8_t b, uint8_t c)
{
    const uint8_t rates[] = { a, b, c };

    for (unsigned i = 0; i < 3; i++) {
        mouse(0xf3, "fa");
        mouse(rates[i], "fa");
    }
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

/* ---- the input core ---- */

static void test_keys(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_cmpstr(input_keys[input_key_by_number(0x1e)].name, ==, "a");
    g_assert_cmpstr(input_keys[input_key_by_number(0x39)].name, ==, "spc");
    g_assert_cmpstr(input_keys[input_key_by_number(0xcb)].name, ==, "left");
    g_assert_cmpstr(input_keys[input_key_by_number(0x4b)].name, ==, "kp_4");
    g_assert_cmpuint(input_key_by_number(0x100), ==, 0);
    g_assert_cmpuint(input_key_by_number(0), ==, 0);
    g_assert_cmpuint(input_key_by_name("retn", &error), ==, 0);
    g_assert_nonnull(strstr(error->message, "did you mean 'ret'?"));
    g_assert_cmpuint(input_key_count, <=, 256);
    for (unsigned i = 1; i < input_key_count; i++) {
        g_assert_cmpuint(input_key_by_name(input_keys[i].name, NULL), ==, i);
    }
}

static void test_send_keys(void)
{
    enum { MS = 1000000 };
    Fixture f;
    unsigned keys[3];
    GError *error = NULL;

    set_up(&f);
    keys[0] = input_key_by_name("ctrl", &error);
    keys[1] = input_key_by_name("alt", &error);
    keys[2] = input_key_by_name("delete", &error);
    g_assert_true(input_send_keys(keys, 3, 100, &error));
    g_assert_true(input_send_keys(keys, 1, 100, &error));
    press("a");
    expect_bytes("14 11 e0 71", false);
    step_ns(99 * MS);
    expect_nothing();
    step_ns(2 * MS);
    expect_bytes("e0 f0 71 f0 11 f0 14", false);
    step_ns(100 * MS);
    expect_bytes("14", false);
    step_ns(100 * MS);
    expect_bytes("f0 14", false);
    step_ns(100 * MS);
    expect_bytes("1c f0 1c", false);
    press("b");
    expect_bytes("32 f0 32", false);
    /* The queue is bounded. */
    while (input_send_keys(keys, 3, 100, &error)) {
    }
    g_assert_nonnull(strstr(error->message, "too many input events"));
    g_error_free(error);
    input_reset();
    tear_down(&f);
}

static void test_handlers(void)
{
    Fixture f;
    InputHandlerInfo info;

    g_assert_false(input_taken(INPUT_KEY));
    g_assert_false(input_handler(0, &info));
    move(1, 1);
    set_up(&f);
    g_assert_true(input_taken(INPUT_KEY));
    g_assert_true(input_taken(INPUT_RELATIVE));
    g_assert_false(input_taken(INPUT_ABSOLUTE));
    g_assert_true(input_handler(0, &info));
    g_assert_true(info.current);
    g_assert_true(input_handler(1, &info));
    g_assert_false(input_handler(2, &info));
    tear_down(&f);
    g_assert_false(input_taken(INPUT_KEY));
}

/* ---- the monitor's commands ---- */

/* Runs a QMP command; the error's message, or NULL. */
static char *qmp(const char *name, const char *args_text, GVariant **result)
{
    const Command *found = schema_command(name);
    g_autoptr(GVariant) args =
        g_variant_ref_sink(g_variant_parse(G_VARIANT_TYPE_VARDICT, args_text, NULL, NULL, NULL));
    GVariant *value = NULL;
    GError *error = NULL;
    char *message = NULL;

    g_assert_nonnull(found);
    if (schema_check_arguments(found, args, &error)) {
        value = found->handler(NULL, args, &error);
    }
    if (error) {
        message = g_strdup(error->message);
        g_error_free(error);
    }
    if (value) {
        g_variant_ref_sink(value);
    }
    if (result) {
        *result = value;
    } else if (value) {
        g_variant_unref(value);
    }
    return message;
}

static void assert_done(const char *name, const char *args)
{
    g_autofree char *message = qmp(name, args, NULL);

    g_assert_cmpstr(message, ==, NULL);
}

static void assert_error(const char *name, const char *args, const char *expected)
{
    g_autofree char *message = qmp(name, args, NULL);

    g_assert_nonnull(message);
    if (!strstr(message, expected)) {
        g_error("%s answers \"%s\", not \"%s\"", name, message, expected);
    }
}

static void test_qmp(void)
{
    enum { MS = 1000000 };
    g_autoptr(GVariant) mice = NULL;
    g_autofree char *text = NULL, *message = NULL;
    Fixture f;

    set_up(&f);
    assert_done("send-key", "{'keys': <[<{'type': <'qcode'>, 'data': <'ctrl'>}>, "
                "<{'type': <'number'>, 'data': <int64 203>}>]>, 'hold-time': <int64 10>}");
    expect_bytes("14 e0 6b", false);
    step_ns(11 * MS);
    expect_bytes("e0 f0 6b f0 14", false);
    step_ns(11 * MS);
    assert_error("send-key", "{'keys': <[<{'type': <'number'>, 'data': <int64 300>}>]>}",
                 "no key has the number 300");
    assert_error("send-key", "{'keys': <[<{'type': <'qcode'>, 'data': <'ctlr'>}>]>}", "ctlr");
    assert_error("send-key", "{'keys': <@av []>, 'hold-time': <int64 -1>}", "hold-time");
    mouse(0xf4, "fa");
    assert_done("input-send-event", "{'events': <["
                "<{'type': <'rel'>, 'data': <{'axis': <'y'>, 'value': <int64 -3>}>}>, "
                "<{'type': <'btn'>, 'data': <{'button': <'middle'>, 'down': <true>}>}>]>}");
    expect_bytes("0c 00 03", true);
    assert_done("input-send-event", "{'events': <[<{'type': <'key'>, 'data': "
                "<{'down': <true>, 'key': <{'type': <'qcode'>, 'data': <'f7'>}>}>}>]>}");
    expect_bytes("83", false);
    assert_error("input-send-event", "{'events': <["
                 "<{'type': <'rel'>, 'data': <{'axis': <'x'>, 'value': <int64 1>}>}>, "
                 "<{'type': <'abs'>, 'data': <{'axis': <'x'>, 'value': <int64 1>}>}>]>}",
                 "Input handler not found for event type abs");
    assert_error("input-send-event", "{'device': <'screen'>, 'events': <@av []>}", "'screen'");
    message = qmp("query-mice", "@a{sv} {}", &mice);
    text = g_variant_print(mice, FALSE);
    g_assert_nonnull(strstr(text, "'name': <'PS/2 Mouse'>"));
    g_assert_nonnull(strstr(text, "'current': <true>"));
    tear_down(&f);
}

static char *hmp(const char *line)
{
    g_autoptr(GVariant) text = g_variant_ref_sink(hmp_run_for_qmp(line, -1, NULL));

    return g_variant_dup_string(text, NULL);
}

static void assert_hmp(const char *line, const char *pattern)
{
    g_autofree char *text = hmp(line);

    if (!g_pattern_match_simple(pattern, text)) {
        g_error("'%s' prints \"%s\", not \"%s\"", line, text, pattern);
    }
}

static void test_hmp(void)
{
    Fixture f;

    set_up(&f);
    mouse(0xf4, "fa");
    assert_hmp("sendkey alt-0x01 10", "");
    expect_bytes("11 76", false);
    step_ns(11000000);
    expect_bytes("f0 76 f0 11", false);
    step_ns(11000000);
    assert_hmp("sendkey ctrl-delet", "*did you mean 'delete'*");
    assert_hmp("mouse_move -2 3", "");
    expect_bytes("38 fe fd", true);
    step_ns(11000000);
    assert_hmp("mouse_button 4", "");
    expect_bytes("0a 00 00", true);
    assert_hmp("info mice", "? Mouse #*: PS/2 Mouse*");
    assert_hmp("mouse_set 9999", "*not found*");
    tear_down(&f);
    assert_hmp("info mice", "No mouse devices connected*");
    assert_hmp("mouse_move 1 1", "*Input handler not found*");
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
    static const ObjectType *const types[] = { (const ObjectType *)&sink_type, NULL };

    bench_start(&argc, &argv);
    object_types_register(types);
    g_test_add_func("/i8042/reset-values", test_reset_values);
    g_test_add_func("/i8042/commands", test_controller_commands);
    g_test_add_func("/i8042/buffers", test_buffers);
    g_test_add_func("/i8042/output-port", test_output_port);
    g_test_add_func("/i8042/throttle", test_throttle);
    g_test_add_func("/i8042/both", test_both);
    g_test_add_func("/i8042/state", test_state);
    g_test_add_func("/i8042/hammer", test_hammer);
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
    g_test_add_func("/port92", test_port92);
    g_test_add_func("/input/keys", test_keys);
    g_test_add_func("/input/send-keys", test_send_keys);
    g_test_add_func("/input/handlers", test_handlers);
    g_test_add_func("/input/qmp", test_qmp);
    g_test_add_func("/input/hmp", test_hmp);
    return bench_finish();
}
