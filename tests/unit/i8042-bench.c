/* SPDX-License-Identifier: MIT */
#include "tests/unit/i8042-bench.h"

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

void start_tests(int *argc, char ***argv)
{
    static const ObjectType *const types[] = { (const ObjectType *)&sink_type, NULL };

    bench_start(argc, argv);
    object_types_register(types);
}

void connect_sink(Fixture *f, Device *device)
{
    pin_connect(device, device_pin_index(device, "a20"), 0, &f->sink->device, 0, 0);
    pin_connect(device, device_pin_index(device, "reset"), 0, &f->sink->device, 1, 0);
}

void set_up_with(Fixture *f, const char *options)
{
    f->sink = (Sink *)device_new(&sink_type, object_root(), NULL, NULL);
    f->controller = bench_device("i8042", options);
    connect_sink(f, f->controller);
}

void set_up(Fixture *f)
{
    set_up_with(f, NULL);
}

void tear_down(Fixture *f)
{
    input_reset();
    bench_remove(f->controller);
    device_remove(&f->sink->device);
}

bool a20(const Fixture *f)
{
    return pin_level(&f->sink->device, 0, 0);
}

/* ---- bytes ---- */

void command(uint8_t byte)
{
    outb(COMMAND, byte);
}

void set_mode(uint8_t mode)
{
    command(0x60);
    outb(DATA, mode);
}

void expect_from(uint8_t byte, bool aux)
{
    g_assert_cmphex(inb(STATUS) & 0x21, ==, aux ? 0x21 : 0x01);
    g_assert_cmphex(inb(DATA), ==, byte);
}

void expect(uint8_t byte)
{
    expect_from(byte, false);
}

void expect_nothing(void)
{
    g_assert_cmphex(inb(STATUS) & 0x01, ==, 0);
}

void expect_bytes(const char *text, bool aux)
{
    g_auto(GStrv) words = g_strsplit(text, " ", -1);

    for (unsigned i = 0; words[i]; i++) {
        if (*words[i]) {
            expect_from(g_ascii_strtoull(words[i], NULL, 16), aux);
        }
    }
    expect_nothing();
}

void keyboard(uint8_t byte, const char *answer)
{
    outb(DATA, byte);
    expect_bytes(answer, false);
}

void mouse(uint8_t byte, const char *answer)
{
    command(0xd4);
    outb(DATA, byte);
    expect_bytes(answer, true);
}

void set_rates(uint8_t a, uint8_t b, uint8_t c)
{
    const uint8_t rates[] = { a, b, c };

    for (unsigned i = 0; i < 3; i++) {
        mouse(0xf3, "fa");
        mouse(rates[i], "fa");
    }
}

/* ---- the user ---- */

void key(const char *name, bool down)
{
    GError *error = NULL;
    InputEvent event = { INPUT_KEY, input_key_by_name(name, &error), down };

    g_assert_no_error(error);
    g_assert_true(input_send(&event, 1, NULL));
}

void press(const char *name)
{
    key(name, true);
    key(name, false);
}

void move(int dx, int dy)
{
    const InputEvent events[] = { { INPUT_RELATIVE, INPUT_X, dx },
                                  { INPUT_RELATIVE, INPUT_Y, dy } };

    g_assert_true(input_send(events, 2, NULL));
}

void button(InputButton which, bool down)
{
    InputEvent event = { INPUT_BUTTON, which, down };

    g_assert_true(input_send(&event, 1, NULL));
}
