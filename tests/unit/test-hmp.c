/* SPDX-License-Identifier: MIT */
/* The human monitor: expressions, line editing, arguments, sessions. */
#include <string.h>

#include "monitor/expression.h"
#include "monitor/hmp.h"
#include "monitor/json.h"
#include "monitor/readline.h"
#include "tests/unit/chardev-peer.h"
#include "tests/unit/monitor-client.h"

/* ---- expressions ---- */

static bool lookup(void *opaque, const char *name, int64_t *value)
{
    *value = 0x1000;
    return g_str_equal(name, "rip");
}

static void test_expressions(void)
{
    static const struct { const char *text; int64_t value; const char *rest; } good[] = {
        { "1", 1, "" }, { "0x10 ", 16, "" }, { "010", 8, "" }, { "1+2*3", 7, "" },
        { "(1+2)*3", 9, "" }, { "-1", -1, "" }, { "~0", -1, "" }, { "- - 5", 5, "" },
        { "7 / 2", 3, "" }, { "-7 % 4", -3, "" }, { "1<<4|1", 17, "" }, { "6^3&2", 4, "" },
        { "'A'+1", 66, "" }, { "$rip+4", 0x1004, "" }, { "1 2", 1, "2" }, { "5 x", 5, "x" },
        { "16 /tmp/x", 16, "/tmp/x" }, { "1 -1", 1, "-1" }, { "(1 -1)", 0, "" },
        { "4 /2 ", 4, "/2 " },
        { "0xffffffffffffffff", -1, "" }, { "-9223372036854775808 / -1", INT64_MIN, "" },
        { "-9223372036854775808 % -1", 0, "" }, { "8 >> 2", 2, "" },
    };
    static const char *const bad[] = {
        "", "x", "1+", "(1", "1/0", "1%0", "$rax", "'a", "99999999999999999999", ")", "1 + *",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        const char *at = good[i].text;
        g_autoptr(GError) error = NULL;
        int64_t value = 0;
        g_assert_true(expression_parse(&at, lookup, NULL, &value, &error));
        g_assert_cmpint(value, ==, good[i].value);
        g_assert_cmpstr(at, ==, good[i].rest);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        const char *at = bad[i];
        g_autoptr(GError) error = NULL;
        int64_t value;
        g_assert_false(expression_parse(&at, lookup, NULL, &value, &error));
        g_assert_nonnull(error);
    }
}

static void test_deep_expression(void)
{
    g_autofree char *deep = g_strnfill(100000, '(');
    const char *at = deep;
    g_autoptr(GError) error = NULL;
    int64_t value;

    g_assert_false(expression_parse(&at, NULL, NULL, &value, &error));
    g_assert_cmpstr(error->message, ==, "expression is nested too deeply");
}

/* ---- line editing ---- */

typedef struct Editor {
    GString *output, *lines;
} Editor;

static void editor_write(void *opaque, const char *text, size_t length)
{
    g_string_append_len(((Editor *)opaque)->output, text, length);
}

static void editor_line(void *opaque, const char *line)
{
    g_string_append_printf(((Editor *)opaque)->lines, "<%s>", line);
}

static GPtrArray *editor_complete(void *opaque, const char *line)
{
    static const char *const words[] = { "system_reset", "system_powerdown", "stop", "quit" };
    const char *space = strrchr(line, ' ');
    GPtrArray *found = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(words[i], space ? space + 1 : line)) {
            g_ptr_array_add(found, g_strdup(words[i]));
        }
    }
    return found;
}

static const ReadlineOps editor_ops = { editor_write, editor_line, editor_complete };

static void check_keys(const char *keys, const char *lines)
{
    Editor editor = { g_string_new(NULL), g_string_new(NULL) };
    Readline *readline = readline_new(&editor_ops, &editor, "> ");

    readline_start(readline);
    readline_feed(readline, keys, strlen(keys));
    g_assert_cmpstr(editor.lines->str, ==, lines);
    readline_free(readline);
    g_string_free(editor.output, TRUE);
    g_string_free(editor.lines, TRUE);
}

static void test_editing(void)
{
    check_keys("abc\r", "<abc>");
    check_keys("abc\r\ndef\n", "<abc><def>");
    check_keys("\n\n", "<><>");
    check_keys("abd\x7f" "c\r", "<abc>");
    check_keys("bc\x01" "a\x05" "d\r", "<abcd>");
    check_keys("ac\x02" "b\x06" "d\r", "<abcd>");
    check_keys("axbc\033[D\033[D\033[D\x04\r", "<abc>");
    check_keys("abc\033[H\033[3~\033[F!\r", "<bc!>");
    check_keys("abc\033[1~x\033[4~y\r", "<xabcy>");
    check_keys("abc\033OHx\r", "<xabc>");
    check_keys("one two\x17three\r", "<one three>");
    check_keys("one two\033b\x0b\r", "<one >");
    check_keys("one two\x15\r", "<>");
    check_keys("one\x03two\r", "<two>");
    check_keys("a\rb\r\033[A\033[A\r", "<a><b><a>");
    check_keys("a\rb\rc\x10\x10\x0e\x0e!\r", "<a><b><c!>");
    check_keys("\x7f\x04\x02\x06\x10\x0e\x0b\x15\x17\033[Z\033x\r", "<>");
    check_keys("st\t\r", "<stop >");
    check_keys("sys\tr\t\r", "<system_reset >");
    check_keys("zzz\t\r", "<zzz>");
    check_keys("help qu\t\r", "<help quit >");
}

static void test_long_line(void)
{
    Editor editor = { g_string_new(NULL), g_string_new(NULL) };
    Readline *readline = readline_new(&editor_ops, &editor, "> ");
    g_autofree char *much = g_strnfill(100000, 'a');

    readline_feed(readline, much, strlen(much));
    readline_feed(readline, "\r", 1);
    g_assert_cmpuint(editor.lines->len, ==, READLINE_MAX_LINE + 2);
    for (int i = 0; i < 200; i++) {
        g_autofree char *line = g_strdup_printf("%d\r", i);
        readline_feed(readline, line, strlen(line));
    }
    g_string_truncate(editor.lines, 0);
    for (int i = 0; i < 200; i++) {
        readline_feed(readline, "\x10", 1);
    }
    readline_feed(readline, "\r", 1);
    g_assert_cmpstr(editor.lines->str, ==, "<136>");
    readline_free(readline);
    g_string_free(editor.output, TRUE);
    g_string_free(editor.lines, TRUE);
}

/* What is typed is echoed as it is; escape sequences come only with editing. */
static void test_echo(void)
{
    Editor editor = { g_string_new(NULL), g_string_new(NULL) };
    Readline *readline = readline_new(&editor_ops, &editor, "> ");

    readline_start(readline);
    readline_feed(readline, "ab\n", 3);
    g_assert_cmpstr(editor.output->str, ==, "> ab\r\n> ");
    readline_free(readline);
    g_string_free(editor.output, TRUE);
    g_string_free(editor.lines, TRUE);
}

/* ---- arguments ---- */

static GVariant *seen;

static void remember(Monitor *monitor, GVariant *args, GError **error)
{
    g_clear_pointer(&seen, g_variant_unref);
    seen = g_variant_ref(args);
    monitor_printf(monitor, "done\n");
}

static void fails(Monitor *monitor, GVariant *args, GError **error)
{
    monitor_printf(monitor, "half\n");
    error_set(error, ERROR_FAILED, "it failed");
}

static const HmpCommand test_commands[] = {
    { .name = "t-mixed|tm", .params = "[-a] [-b] word n [rest]", .help = "mixed arguments",
      .args = (const HmpArg[]){ { "a", HMP_FLAG }, { "b", HMP_FLAG }, { "word", HMP_WORD },
                                { "n", HMP_NUMBER }, { "rest", HMP_REST, true }, { 0 } },
      .handler = remember },
    { .name = "t-format", .help = "a format",
      .args = (const HmpArg[]){ { "format", HMP_FORMAT }, { "addr", HMP_NUMBER }, { 0 } },
      .handler = remember },
    { .name = "t-bool", .help = "a switch",
      .args = (const HmpArg[]){ { "on", HMP_BOOL, true }, { 0 } }, .handler = remember },
    { .name = "t-fail", .help = "fails", .handler = fails },
    { .name = "t-qmp", .help = "a QMP command", .qmp = "query-nothing" },
    { 0 },
};
static const SchemaModule test_module = { .title = "Tests", .hmp_commands = test_commands };

static char *run(const char *line)
{
    g_autoptr(GError) error = NULL;
    GVariant *result = hmp_run_for_qmp(line, -1, &error);
    char *text;

    g_assert_no_error(error);
    text = g_variant_dup_string(result, NULL);
    g_variant_unref(g_variant_ref_sink(result));
    return text;
}

static void check_run(const char *line, const char *expected)
{
    g_autofree char *text = run(line);

    g_assert_cmpstr(text, ==, expected);
}

static void check_args(const char *line, const char *expected)
{
    g_autofree char *text = NULL;

    check_run(line, "done\r\n");
    text = json_to_string(seen, false);
    g_assert_cmpstr(text, ==, expected);
    g_clear_pointer(&seen, g_variant_unref);
}

static void test_arguments(void)
{
    check_args("t-mixed foo 1+1", "{\"word\": \"foo\", \"n\": 2}");
    check_args("  tm  -b -a foo (1 + 1) the rest of it  ",
               "{\"b\": true, \"a\": true, \"word\": \"foo\", \"n\": 2, "
               "\"rest\": \"the rest of it\"}");
    check_args("tm -ab \"two words\\n\\\"\" 3", "{\"a\": true, \"b\": true, "
               "\"word\": \"two words\\n\\\"\", \"n\": 3}");
    check_args("t-format/20xg 0x10", "{\"count\": 20, \"format\": \"x\", \"unit\": 8, "
               "\"addr\": 16}");
    check_args("t-format /i 5", "{\"count\": 1, \"format\": \"i\", \"unit\": 1, \"addr\": 5}");
    /* What was given last holds. */
    check_args("t-format /d 5", "{\"count\": 1, \"format\": \"d\", \"unit\": 8, \"addr\": 5}");
    check_args("t-format 5", "{\"count\": 1, \"format\": \"d\", \"unit\": 8, \"addr\": 5}");
    check_args("t-format /xw 5", "{\"count\": 1, \"format\": \"x\", \"unit\": 4, \"addr\": 5}");
    check_args("t-bool on", "{\"on\": true}");
    check_args("t-bool", "{}");
}

#define TRY(name) "\r\nTry \"help " name "\" for more information\r\n"

static void test_bad_lines(void)
{
    check_run("", "");
    check_run("   ", "");
    check_run("# a comment", "");
    check_run("nonsense", "unknown command: 'nonsense'\r\n");
    check_run("info nonsense", "unknown command: 'info nonsense'\r\n");
    check_run("t-mixed", "t-mixed: word expected" TRY("t-mixed"));
    check_run("tm foo", "t-mixed: n expected" TRY("t-mixed"));
    check_run("tm foo bar", "t-mixed: invalid char 'b' in expression" TRY("t-mixed"));
    check_run("tm -ax foo 1", "unsupported option -x" TRY("t-mixed"));
    check_run("tm \"foo 1", "t-mixed: unterminated string literal" TRY("t-mixed"));
    check_run("tm \"foo\\", "t-mixed: unterminated string literal" TRY("t-mixed"));
    check_run("t-fail x", "t-fail: extraneous characters at the end of line" TRY("t-fail"));
    check_run("t-fail", "half\r\nError: it failed\r\n");
    check_run("t-qmp", "Error: The command query-nothing has not been found\r\n");
    check_run("t-format/20q 1", "t-format: invalid char in format: 'q'" TRY("t-format"));
    check_run("t-bool maybe", "t-bool: 'maybe' is not a boolean: use 'on' or 'off'" TRY("t-bool"));
    check_run("tm \xff 1", "t-mixed: 'word' is not valid UTF-8" TRY("t-mixed"));
}

static void test_help(void)
{
    g_autofree char *all = run("help"), *one = run("help tm");

    g_assert_nonnull(strstr(all, "help|? [cmd] -- show the help\r\n"));
    g_assert_cmpstr(one, ==, "t-mixed|tm [-a] [-b] word n [rest] -- mixed arguments\r\n");
    check_run("help nonsense", "Error: unknown command: 'nonsense'\r\n");
    check_run("print 10", "0xa\r\n");
    check_run("p/d -1", "-1\r\n");
    check_run("p/u -1", "18446744073709551615\r\n");
    check_run("p/o 8", "010\r\n");
    check_run("p/c 65", "'A'\r\n");
    check_run("p/c 1", "'\\x01'\r\n");
    check_run("p 1", "'\\x01'\r\n");
    check_run("p/x 1", "0x1\r\n");
}

static void test_completion(void)
{
    g_autoptr(GPtrArray) commands = hmp_complete_line("t-m");
    g_autoptr(GPtrArray) switches = hmp_complete_line("t-bool o");
    g_autoptr(GPtrArray) helps = hmp_complete_line("help t-fa");
    g_autoptr(GPtrArray) none = hmp_complete_line("nonsense x");

    g_assert_cmpuint(commands->len, ==, 1);
    g_assert_cmpstr(commands->pdata[0], ==, "t-mixed");
    g_assert_cmpuint(switches->len, ==, 2);
    g_assert_cmpuint(helps->len, ==, 1);
    g_assert_cmpuint(none->len, ==, 0);
}

/* ---- sessions ---- */

#define BANNER "vmm 0.1.0 monitor - type 'help' for more information\r\n(qemu) "

static void test_session(void)
{
    const MonitorOptions options = { .mode = MONITOR_READLINE };
    Monitor *monitor = monitor_listening("h", &options);
    Client client;
    g_autofree char *banner = NULL;

    for (int i = 0; i < 2; i++) {
        client_connect(&client, "h");
        g_free(banner);
        banner = client_until(&client, "(qemu) ");
        g_assert_cmpstr(banner, ==, BANNER);
        client_send(&client, "print 1\nprint 2\r");
        client_expect(&client, "print 1");
        client_expect(&client, "0x1");
        client_expect(&client, "(qemu) print 2");
        client_expect(&client, "0x2");
        g_free(client_until(&client, "(qemu) "));
        client_send(&client, "half a li");
        client_close(&client);
    }
    monitor_delete(monitor);
}

static void test_plain_session(void)
{
    const MonitorOptions options = { .mode = MONITOR_PLAIN };
    Monitor *monitor = monitor_listening("plain", &options);
    Client client;
    g_autofree char *banner = NULL;

    client_connect(&client, "plain");
    banner = client_until(&client, "(qemu) ");
    client_send(&client, "print 1\r\nprint 2\n");
    client_expect(&client, "0x1");
    client_expect(&client, "(qemu) 0x2");
    client_close(&client);
    monitor_delete(monitor);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    schema_add_module(&test_module);
    g_test_add_func("/hmp/expressions", test_expressions);
    g_test_add_func("/hmp/deep-expression", test_deep_expression);
    g_test_add_func("/hmp/editing", test_editing);
    g_test_add_func("/hmp/long-line", test_long_line);
    g_test_add_func("/hmp/echo", test_echo);
    g_test_add_func("/hmp/arguments", test_arguments);
    g_test_add_func("/hmp/bad-lines", test_bad_lines);
    g_test_add_func("/hmp/help", test_help);
    g_test_add_func("/hmp/completion", test_completion);
    g_test_add_func("/hmp/session", test_session);
    g_test_add_func("/hmp/plain-session", test_plain_session);
    return test_finish();
}
