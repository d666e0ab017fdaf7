/* SPDX-License-Identifier: MIT */
/* The input core, with a keyboard and a mouse as its handlers; the monitor's commands. */
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/schema.h"
#include "tests/unit/i8042-bench.h"

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

int main(int argc, char **argv)
{
    start_tests(&argc, &argv);
    g_test_add_func("/input/keys", test_keys);
    g_test_add_func("/input/send-keys", test_send_keys);
    g_test_add_func("/input/handlers", test_handlers);
    g_test_add_func("/input/qmp", test_qmp);
    g_test_add_func("/input/hmp", test_hmp);
    return bench_finish();
}
