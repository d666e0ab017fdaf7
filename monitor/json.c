/* SPDX-License-Identifier: MIT */
/*
 * json-c builds the values; the scanner before it finds where a value ends, and
 * holds what json-c would let pass: lengths, depth, duplicate keys (it counts
 * the colons), stray bytes, surrogates.
 */
#include "monitor/json.h"

#include <json-c/json.h>
#include <math.h>
#include <string.h>

/* A buffer that grew beyond this is given back after its value. */
#define BUFFER_KEPT (64u << 10)

typedef enum ScanState {
    SCAN_IDLE,      /* between tokens */
    SCAN_STRING,
    SCAN_ESCAPE,    /* after a backslash */
    SCAN_UNICODE,   /* in the digits of \uXXXX */
    SCAN_WORD,      /* in a number or keyword */
    SCAN_RECOVER,   /* after a stray byte: to the next thing that may begin a token */
} ScanState;

struct JsonStream {
    JsonStreamFunc func;
    void *opaque;
    struct json_tokener *tokener;
    GString *text;          /* the value in progress, in strict JSON */
    GError *mistake;        /* of the value in progress; reported when it is complete */
    ScanState state;
    char quote;             /* the one that closes the string */
    unsigned depth, tokens, colons;
    unsigned digits, code;  /* of \uXXXX */
    unsigned surrogate;     /* a high one that waits for its low one */
    size_t word;            /* where the word begins in text */
};

/* ---- json-c to GVariant ---- */

static GVariant *convert(struct json_object *json, unsigned *members, GError **error);

static GVariant *convert_object(struct json_object *json, unsigned *members, GError **error)
{
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT);

    json_object_object_foreach(json, key, member) {
        GVariant *value = convert(member, members, error);
        if (!value) {
            return NULL;
        }
        g_variant_builder_add(&builder, "{sv}", key, value);
        g_variant_unref(value);
        ++*members;
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static GVariant *convert_array(struct json_object *json, unsigned *members, GError **error)
{
    g_auto(GVariantBuilder) builder = G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("av"));
    size_t length = json_object_array_length(json);

    for (size_t i = 0; i < length; i++) {
        GVariant *value = convert(json_object_array_get_idx(json, i), members, error);
        if (!value) {
            return NULL;
        }
        g_variant_builder_add(&builder, "v", value);
        g_variant_unref(value);
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));
}

static GVariant *convert_int(struct json_object *json)
{
    int64_t number = json_object_get_int64(json);
    uint64_t large = json_object_get_uint64(json);

    return number == INT64_MAX && large > INT64_MAX ? g_variant_new_uint64(large)
                                                    : g_variant_new_int64(number);
}

static GVariant *convert(struct json_object *json, unsigned *members, GError **error)
{
    GVariant *value = NULL;

    switch (json_object_get_type(json)) {
    case json_type_object:
        return convert_object(json, members, error);
    case json_type_array:
        return convert_array(json, members, error);
    case json_type_null:
        value = g_variant_new_tuple(NULL, 0);
        break;
    case json_type_boolean:
        value = g_variant_new_boolean(json_object_get_boolean(json));
        break;
    case json_type_int:
        value = convert_int(json);
        break;
    case json_type_double:
        if (!isfinite(json_object_get_double(json))) {
            error_set(error, ERROR_INVALID, "JSON parse error, number out of range");
            return NULL;
        }
        value = g_variant_new_double(json_object_get_double(json));
        break;
    case json_type_string:
        value = g_variant_new_string(json_object_get_string(json));
        break;
    }
    return g_variant_ref_sink(value);
}

/* ---- a complete value ---- */

/* In the words that QMP's users know. */
static const char *describe_mistake(enum json_tokener_error code)
{
    switch (code) {
    case json_tokener_continue:
    case json_tokener_error_parse_unexpected:
        return "expecting value";
    case json_tokener_error_parse_array:
        return "expected separator in list";
    case json_tokener_error_parse_object_key_name:
        return "key is not a string in object";
    case json_tokener_error_parse_object_key_sep:
        return "missing : in object pair";
    case json_tokener_error_parse_object_value_sep:
        return "expected separator in dict";
    default:
        return json_tokener_error_desc(code);
    }
}

static GVariant *build(JsonStream *stream, GError **error)
{
    enum json_tokener_error code;
    struct json_object *json;
    unsigned members = 0;
    GVariant *value;

    if (!g_utf8_validate(stream->text->str, stream->text->len, NULL)) {
        error_set(error, ERROR_INVALID, "JSON parse error, invalid UTF-8 sequence in string");
        return NULL;
    }
    json_tokener_reset(stream->tokener);
    /* With its NUL, which ends a number. */
    json = json_tokener_parse_ex(stream->tokener, stream->text->str, stream->text->len + 1);
    code = json_tokener_get_error(stream->tokener);
    if (code != json_tokener_success) {
        error_set(error, ERROR_INVALID, "JSON parse error, %s", describe_mistake(code));
        json_object_put(json);
        return NULL;
    }
    value = convert(json, &members, error);
    json_object_put(json);
    if (value && members != stream->colons) {
        error_set(error, ERROR_INVALID, "JSON parse error, duplicate key");
        g_clear_pointer(&value, g_variant_unref);
    }
    return value;
}

static void forget(JsonStream *stream)
{
    if (stream->text->allocated_len > BUFFER_KEPT) {
        g_string_free(stream->text, TRUE);
        stream->text = g_string_new(NULL);
    }
    g_string_truncate(stream->text, 0);
    g_clear_error(&stream->mistake);
    stream->state = SCAN_IDLE;
    stream->depth = stream->tokens = stream->colons = stream->surrogate = 0;
}

static void complete(JsonStream *stream)
{
    g_autoptr(GError) error = g_steal_pointer(&stream->mistake);
    g_autoptr(GVariant) value = error ? NULL : build(stream, &error);

    forget(stream);
    stream->func(stream->opaque, value, error);
}

/* The value in progress is lost; the scan goes on in `state`. */
static void G_GNUC_PRINTF(3, 4) fail(JsonStream *stream, ScanState state, const char *format, ...)
{
    g_autoptr(GError) error = NULL;
    va_list args;

    va_start(args, format);
    error = g_error_new_valist(ERROR_DOMAIN, ERROR_INVALID, format, args);
    va_end(args);
    forget(stream);
    stream->state = state;
    stream->func(stream->opaque, NULL, error);
}

/* Remembers the first mistake of a value whose end can still be found. */
static void G_GNUC_PRINTF(2, 3) mistake(JsonStream *stream, const char *format, ...)
{
    if (!stream->mistake) {
        va_list args;
        va_start(args, format);
        stream->mistake = g_error_new_valist(ERROR_DOMAIN, ERROR_INVALID, format, args);
        va_end(args);
    }
}

static void stray(JsonStream *stream, unsigned char c)
{
    /* A control character, or a byte that UTF-8 never has, is a clean cut. */
    ScanState state = c < 0x20 || c >= 0xf8 ? SCAN_IDLE : SCAN_RECOVER;

    if (!c || c >= 0x80) {
        fail(stream, state, "JSON parse error, stray '\357\277\275'"); /* U+FFFD */
    } else {
        fail(stream, state, "JSON parse error, stray '%c'", c);
    }
}

/* ---- words ---- */

/* RFC 8259, section 6. */
static bool number_is_valid(const char *s, bool *integer)
{
    *integer = true;
    s += *s == '-';
    if (!g_ascii_isdigit(*s)) {
        return false;
    }
    if (*s == '0' && g_ascii_isdigit(s[1])) {
        return false;
    }
    s += strspn(s, "0123456789");
    if (*s == '.') {
        *integer = false;
        if (!g_ascii_isdigit(*++s)) {
            return false;
        }
        s += strspn(s, "0123456789");
    }
    if (*s == 'e' || *s == 'E') {
        *integer = false;
        s++;
        s += *s == '+' || *s == '-';
        if (!g_ascii_isdigit(*s)) {
            return false;
        }
        s += strspn(s, "0123456789");
    }
    return !*s;
}

static bool fits_64_bits(const char *number)
{
    if (*number == '-') {
        return g_ascii_string_to_signed(number, 10, INT64_MIN, INT64_MAX, NULL, NULL);
    }
    return g_ascii_string_to_unsigned(number, 10, 0, UINT64_MAX, NULL, NULL);
}

static void end_word(JsonStream *stream)
{
    const char *word = stream->text->str + stream->word;
    bool integer;

    stream->state = SCAN_IDLE;
    if (g_ascii_islower(*word)) {
        if (!g_str_equal(word, "true") && !g_str_equal(word, "false") &&
            !g_str_equal(word, "null")) {
            mistake(stream, "JSON parse error, invalid keyword '%.40s'", word);
        }
    } else if (!number_is_valid(word, &integer)) {
        mistake(stream, "JSON parse error, invalid number '%.40s'", word);
    } else if (integer && !fits_64_bits(word)) {
        g_string_append(stream->text, "e0");
    }
    if (!stream->depth) {
        complete(stream);
    }
}

/* ---- strings ---- */

static void end_string(JsonStream *stream)
{
    if (stream->surrogate) {
        mistake(stream, "JSON parse error, \\u%04x is not a valid Unicode character",
                stream->surrogate);
        stream->surrogate = 0;
    }
    g_string_append_c(stream->text, '"');
    stream->state = SCAN_IDLE;
    if (!stream->depth) {
        complete(stream);
    }
}

static void scan_string(JsonStream *stream, unsigned char c)
{
    if (c == stream->quote) {
        end_string(stream);
        return;
    }
    if (c < 0x20 || c >= 0xf8) {
        stray(stream, c);
        return;
    }
    if (c == '\\') {
        stream->state = SCAN_ESCAPE;
        return;
    }
    if (stream->surrogate) {
        mistake(stream, "JSON parse error, \\u%04x is not a valid Unicode character",
                stream->surrogate);
        stream->surrogate = 0;
    }
    if (c == '"') {
        g_string_append_c(stream->text, '\\');
    }
    g_string_append_c(stream->text, c);
}

static void scan_escape(JsonStream *stream, unsigned char c)
{
    if (c < 0x20 || c >= 0xf8) {
        stray(stream, c);
        return;
    }
    stream->state = SCAN_STRING;
    if (c == 'u') {
        stream->state = SCAN_UNICODE;
        stream->digits = stream->code = 0;
        return;
    }
    if (stream->surrogate || !strchr("\"\\/bfnrt'", c)) {
        mistake(stream, "JSON parse error, invalid escape sequence in string");
        stream->surrogate = 0;
        return;
    }
    if (c != '\'') {
        g_string_append_c(stream->text, '\\');
    }
    g_string_append_c(stream->text, c);
}

static void end_unicode(JsonStream *stream)
{
    unsigned code = stream->code;
    bool low = code >= 0xdc00 && code < 0xe000;

    stream->state = SCAN_STRING;
    if (!code || low != (stream->surrogate != 0)) {
        mistake(stream, "JSON parse error, \\u%04x is not a valid Unicode character",
                stream->surrogate ? stream->surrogate : code);
    }
    stream->surrogate = code >= 0xd800 && code < 0xdc00 ? code : 0;
    g_string_append_printf(stream->text, "\\u%04x", code);
}

static void scan_unicode(JsonStream *stream, unsigned char c)
{
    int digit = g_ascii_xdigit_value(c);

    if (digit < 0) {
        mistake(stream, "JSON parse error, \\u is not followed by four hexadecimal digits");
        stream->surrogate = 0;
        stream->state = SCAN_STRING;
        scan_string(stream, c);
        return;
    }
    stream->code = stream->code << 4 | digit;
    if (++stream->digits == 4) {
        end_unicode(stream);
    }
}

/* ---- tokens ---- */

static bool count_token(JsonStream *stream)
{
    if (++stream->tokens > JSON_MAX_TOKENS) {
        fail(stream, SCAN_RECOVER, "JSON token count limit exceeded");
        return false;
    }
    return true;
}

static void scan_punctuation(JsonStream *stream, char c)
{
    if (!count_token(stream)) {
        return;
    }
    g_string_append_c(stream->text, c);
    if (c == '{' || c == '[') {
        if (++stream->depth > JSON_MAX_DEPTH) {
            fail(stream, SCAN_IDLE, "JSON nesting depth limit exceeded");
        }
        return;
    }
    if (!stream->depth) {
        fail(stream, SCAN_IDLE, "JSON parse error, expecting value");
        return;
    }
    if (c == ':') {
        stream->colons++;
    } else if (c != ',' && --stream->depth == 0) {
        complete(stream);
    }
}

static void scan_idle(JsonStream *stream, unsigned char c)
{
    if (strchr(" \t\r\n", c) && c) {
        if (stream->depth) {
            g_string_append_c(stream->text, ' ');
        }
    } else if (strchr("{}[],:", c) && c) {
        scan_punctuation(stream, c);
    } else if (c == '"' || c == '\'') {
        if (count_token(stream)) {
            g_string_append_c(stream->text, '"');
            stream->quote = c;
            stream->state = SCAN_STRING;
        }
    } else if (c == '-' || g_ascii_isdigit(c) || g_ascii_islower(c)) {
        if (count_token(stream)) {
            stream->word = stream->text->len;
            stream->state = SCAN_WORD;
            g_string_append_c(stream->text, c);
        }
    } else {
        stray(stream, c);
    }
}

static void scan_word(JsonStream *stream, unsigned char c)
{
    if (g_ascii_isalnum(c) || (c && strchr("+-._", c))) {
        g_string_append_c(stream->text, c);
        return;
    }
    end_word(stream);
    scan_idle(stream, c);
}

static void scan_recover(JsonStream *stream, unsigned char c)
{
    if (c < 0x20 || c >= 0xf8 || strchr(" {}[],:\"'", c)) {
        stream->state = SCAN_IDLE;
        scan_idle(stream, c);
    }
}

static void scan(JsonStream *stream, unsigned char c)
{
    switch (stream->state) {
    case SCAN_IDLE:
        scan_idle(stream, c);
        break;
    case SCAN_STRING:
        scan_string(stream, c);
        break;
    case SCAN_ESCAPE:
        scan_escape(stream, c);
        break;
    case SCAN_UNICODE:
        scan_unicode(stream, c);
        break;
    case SCAN_WORD:
        scan_word(stream, c);
        break;
    case SCAN_RECOVER:
        scan_recover(stream, c);
        break;
    }
    if (stream->text->len > JSON_MAX_BYTES) {
        fail(stream, SCAN_RECOVER, "JSON token size limit exceeded");
    }
}

JsonStream *json_stream_new(JsonStreamFunc func, void *opaque)
{
    JsonStream *stream = g_new0(JsonStream, 1);

    stream->func = func;
    stream->opaque = opaque;
    stream->text = g_string_new(NULL);
    /* One level more than the scanner lets pass: a scalar counts as one. */
    stream->tokener = json_tokener_new_ex(JSON_MAX_DEPTH + 2);
    json_tokener_set_flags(stream->tokener, JSON_TOKENER_STRICT);
    return stream;
}

void json_stream_free(JsonStream *stream)
{
    if (stream) {
        json_tokener_free(stream->tokener);
        g_string_free(stream->text, TRUE);
        g_clear_error(&stream->mistake);
        g_free(stream);
    }
}

void json_stream_reset(JsonStream *stream)
{
    forget(stream);
}

void json_stream_feed(JsonStream *stream, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        scan(stream, bytes[i]);
    }
}

/* ---- one value ---- */

typedef struct ParseOne {
    GVariant *value;
    GError *error;
    unsigned count;
} ParseOne;

static void parse_one(void *opaque, GVariant *value, const GError *error)
{
    ParseOne *one = opaque;

    if (!one->count++) {
        one->value = value ? g_variant_ref(value) : NULL;
        one->error = error ? g_error_copy(error) : NULL;
    }
}

GVariant *json_parse(const char *text, size_t length, GError **error)
{
    ParseOne one = { 0 };
    JsonStream *stream = json_stream_new(parse_one, &one);

    json_stream_feed(stream, text, length);
    json_stream_feed(stream, "\n", 1); /* ends a word */
    if (!one.error && (one.count != 1 || stream->depth || stream->state != SCAN_IDLE)) {
        error_set(&one.error, ERROR_INVALID, one.count ? "JSON parse error, text after the value"
                                                      : "JSON parse error, expecting value");
        g_clear_pointer(&one.value, g_variant_unref);
    }
    json_stream_free(stream);
    if (one.error) {
        g_propagate_error(error, one.error);
    }
    return one.value;
}
