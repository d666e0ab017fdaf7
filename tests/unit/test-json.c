/* SPDX-License-Identifier: MIT */
/* JSON text to values and back; the stream of values; every kind of bad text. */
#include <string.h>

#include "monitor/json.h"

static void check_round(const char *text, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value = json_parse(text, strlen(text), &error);
    g_autofree char *written = NULL;

    g_assert_no_error(error);
    written = json_to_string(value, false);
    g_assert_cmpstr(written, ==, expected);
}

static void test_values(void)
{
    check_round("null", "null");
    check_round(" true ", "true");
    check_round("false", "false");
    check_round("0", "0");
    check_round("-0", "0");
    check_round("-9223372036854775808", "-9223372036854775808");
    check_round("9223372036854775807", "9223372036854775807");
    check_round("9223372036854775808", "9223372036854775808");
    check_round("18446744073709551615", "18446744073709551615");
    check_round("99999999999999999999", "1e+20");
    check_round("-99999999999999999999", "-1e+20");
    check_round("0.1", "0.10000000000000001");
    check_round("1.0", "1");
    check_round("1e3", "1000");
    check_round("\"\"", "\"\"");
    check_round("[]", "[]");
    check_round("{}", "{}");
    check_round("[1,[2,{\"a\":[]}],null]", "[1, [2, {\"a\": []}], null]");
    check_round("{\"z\":1,\"a\":{\"y\":true,\"b\":[{}]},\"m\":\"x\"}",
                "{\"z\": 1, \"a\": {\"y\": true, \"b\": [{}]}, \"m\": \"x\"}");
}

static void test_strings(void)
{
    check_round("\"\\u00e9\\ud83d\\ude00\\n\\\"\\/\\\\\\u0001\\b\\f\\r\\t\"",
                "\"\\u00E9\\uD83D\\uDE00\\n\\\"/\\\\\\u0001\\b\\f\\r\\t\"");
    check_round("\"\xc3\xa9\xf0\x9f\x98\x80\"", "\"\\u00E9\\uD83D\\uDE00\"");
    check_round("\"\x7f<&\xe2\x80\xa8\"", "\"\\u007F<&\\u2028\"");
    check_round("'single'", "\"single\"");
    check_round("{'a':'\"\\'\\\"'}", "{\"a\": \"\\\"'\\\"\"}");
    check_round("\"it's \\'\"", "\"it's '\"");
}

static void test_types(void)
{
    static const struct { const char *text, *type; } cases[] = {
        { "1", "x" }, { "9223372036854775808", "t" }, { "1.5", "d" }, { "true", "b" },
        { "\"\"", "s" }, { "{}", "a{sv}" }, { "[]", "av" }, { "null", "()" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GVariant) value = json_parse(cases[i].text, strlen(cases[i].text), NULL);
        g_assert_cmpstr(g_variant_get_type_string(value), ==, cases[i].type);
        g_assert_false(g_variant_is_floating(value));
    }
}

static void test_write(void)
{
    g_autoptr(GVariant) value = g_variant_ref_sink(g_variant_new_parsed(
        "{'a': <byte 1>, 'b': <int16 -2>, 'c': <uint16 3>, 'd': <int32 -4>, 'e': <uint32 5>,"
        " 'f': <@as ['x', 'y']>, 'g': <@mv nothing>, 'h': <{'k': uint64 7}>, 'i': <(1, 'q')>}"));
    g_autofree char *text = json_to_string(value, false);

    g_assert_cmpstr(text, ==, "{\"a\": 1, \"b\": -2, \"c\": 3, \"d\": -4, \"e\": 5, "
                    "\"f\": [\"x\", \"y\"], \"g\": null, \"h\": {\"k\": 7}, \"i\": [1, \"q\"]}");
}

static void test_pretty(void)
{
    const char *in = "{\"a\":[],\"b\":[1,{\"c\":{}}]}";
    g_autoptr(GVariant) value = json_parse(in, strlen(in), NULL);
    g_autofree char *text = json_to_string(value, true);

    g_assert_cmpstr(text, ==, "{\n    \"a\": [\n    ],\n    \"b\": [\n        1,\n        {\n"
                    "            \"c\": {\n            }\n        }\n    ]\n}");
}

static void test_bad(void)
{
    static const char *const bad[] = {
        "", " ", "{", "[", "\"", "'", "{]", "[}", "}", "]", ",", ":", "[1 2]", "[1,]", "[,1]",
        "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{1:2}", "{a:1}", "{\"a\" 1}", "{\"a\":1 \"b\":2}",
        "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "1e400", "--1", "tru", "nulltrue",
        "True", "NaN", "nan", "Infinity", "-Infinity", "// x", "/* */ 1", "1 2", "{} {}", "\x01",
        "\"\x01\"", "\"a\nb\"", "\"\\q\"", "\"\\u12\"", "\"\\u0000\"", "\"\\ud800\"",
        "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\ud800x\"", "\"\\ud800\\n\"", "\"\xc3\"",
        "\"\xff\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"", "\"\xc0\x80\"", "\xc3\xa9",
        "{\"a\":1,\"a\":1}", "[{\"a\":{\"b\":1,\"b\":2}}]", "{\"a\\u0000b\":1}", "@", "[@]",
        "%s", "[1:2]", "{\"a\",\"b\"}", "[\"a\":1]",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) value = json_parse(bad[i], strlen(bad[i]), &error);
        if (value || !error) {
            g_error("'%s' was taken", bad[i]);
        }
        g_assert_error(error, ERROR_DOMAIN, ERROR_INVALID);
        g_assert_true(g_str_has_prefix(error->message, "JSON "));
    }
}

static void test_embedded_nul(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(json_parse("1\0", 2, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(json_parse("\"a\0b\"", 5, &error));
    g_assert_nonnull(error);
}

static char *nested(unsigned depth)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < depth; i++) {
        g_string_append(text, i % 2 ? "{\"a\":" : "[");
    }
    g_string_append(text, "1");
    for (unsigned i = depth; i-- > 0;) {
        g_string_append_c(text, i % 2 ? '}' : ']');
    }
    return g_string_free(text, FALSE);
}

static void test_depth(void)
{
    g_autofree char *deepest = nested(JSON_MAX_DEPTH), *deeper = nested(JSON_MAX_DEPTH + 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) value = json_parse(deepest, strlen(deepest), &error);
    g_autofree char *written = NULL;

    g_assert_no_error(error);
    written = json_to_string(value, false);
    g_assert_cmpuint(strlen(written), >, strlen(deepest));
    g_assert_null(json_parse(deeper, strlen(deeper), &error));
    g_assert_cmpstr(error->message, ==, "JSON nesting depth limit exceeded");
}

/* ---- streams ---- */

static void log_item(void *opaque, GVariant *value, const GError *error)
{
    GString *log = opaque;

    if (value) {
        json_write(log, value, false);
    } else {
        g_string_append(log, "!");
        g_string_append(log, strstr(error->message, "exceeded") ? "limit" : "");
    }
    g_string_append_c(log, ';');
}

static void check_stream(const char *text, size_t length, const char *expected)
{
    /* At once, and byte by byte. */
    for (int step = 0; step < 2; step++) {
        g_autoptr(GString) log = g_string_new(NULL);
        JsonStream *stream = json_stream_new(log_item, log);
        for (size_t i = 0; i < length; i += step ? 1 : length) {
            json_stream_feed(stream, text + i, step ? 1 : length);
        }
        json_stream_free(stream);
        g_assert_cmpstr(log->str, ==, expected);
    }
}

static void test_stream(void)
{
#define STREAM(text, expected) check_stream(text, sizeof(text) - 1, expected)
    STREAM("{}{}[]", "{};{};[];");
    STREAM("1 2\n\"a\"'b'true{}", "1;2;\"a\";\"b\";true;{};");
    STREAM("12", "");
    STREAM("12,", "12;!;");
    STREAM("tru{}", "!;{};");
    STREAM("{\"a\":1]{}", "!;{};");
    STREAM("{\xff{}", "!;{};");
    STREAM("{\"a\":\"b\xff{}", "!;{};");
    STREAM("{\"a\":\"b\x1b{}", "!;{};");
    STREAM("{\"a\":\"b\n{}", "!;{};");
    STREAM("\0{}", "!;{};");
    STREAM("%p\n{}", "!;{};");
    STREAM("Infinity {}", "!;{};");
    STREAM("]}{}", "!;!;{};");
    STREAM("{\"a\":1,\"a\":2}{\"a\":1}", "!;{\"a\": 1};");
    STREAM("{\"a\":nope,\"b\":01,\"c\":\"\\q\"}[]", "!;[];");
#undef STREAM
}

static void test_stream_limits(void)
{
    g_autoptr(GString) log = g_string_new(NULL);
    JsonStream *stream = json_stream_new(log_item, log);
    g_autofree char *block = g_malloc(1 << 20);

    memset(block, 'x', 1 << 20);
    json_stream_feed(stream, "\"", 1);
    for (unsigned i = 0; i <= JSON_MAX_BYTES >> 20; i++) {
        json_stream_feed(stream, block, 1 << 20);
    }
    json_stream_feed(stream, " {}", 3);
    g_assert_cmpstr(log->str, ==, "!limit;{};");

    g_string_truncate(log, 0);
    memset(block, ',', 1 << 20);
    json_stream_feed(stream, "[", 1);
    json_stream_feed(stream, block, 1 << 20);
    json_stream_feed(stream, block, 1 << 20);
    g_assert_cmpstr(log->str, ==, "!limit;");
    g_string_truncate(log, 0);
    json_stream_feed(stream, " {} [", 5);
    json_stream_reset(stream);
    json_stream_feed(stream, "[]", 2);
    g_assert_cmpstr(log->str, ==, "{};[];");
    json_stream_free(stream);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/json/values", test_values);
    g_test_add_func("/json/strings", test_strings);
    g_test_add_func("/json/types", test_types);
    g_test_add_func("/json/write", test_write);
    g_test_add_func("/json/pretty", test_pretty);
    g_test_add_func("/json/bad", test_bad);
    g_test_add_func("/json/nul", test_embedded_nul);
    g_test_add_func("/json/depth", test_depth);
    g_test_add_func("/json/stream", test_stream);
    g_test_add_func("/json/stream-limits", test_stream_limits);
    return g_test_run();
}
