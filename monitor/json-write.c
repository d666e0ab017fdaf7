/* SPDX-License-Identifier: MIT */
#include <math.h>

#include "monitor/json.h"

static void write_value(GString *out, GVariant *value, int indent);

static void write_unit(GString *out, unsigned unit)
{
    g_string_append_printf(out, "\\u%04X", unit);
}

static void write_escaped(GString *out, gunichar c)
{
    static const char short_escapes[] = "btn?fr"; /* U+0008 to U+000D */

    if (c == '"' || c == '\\') {
        g_string_append_c(out, '\\');
        g_string_append_c(out, c);
    } else if (c >= 8 && c <= 13 && c != 11) {
        g_string_append_c(out, '\\');
        g_string_append_c(out, short_escapes[c - 8]);
    } else if (c >= 0x20 && c < 0x7f) {
        g_string_append_c(out, c);
    } else if (c < 0x10000) {
        write_unit(out, c);
    } else {
        write_unit(out, 0xd800 + ((c - 0x10000) >> 10));
        write_unit(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
    }
}

static void write_string(GString *out, const char *text)
{
    g_string_append_c(out, '"');
    for (; *text; text = g_utf8_next_char(text)) {
        write_escaped(out, g_utf8_get_char(text));
    }
    g_string_append_c(out, '"');
}

static void write_double(GString *out, double number)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    /* JSON knows no infinity and no NaN. */
    if (!isfinite(number)) {
        g_string_append(out, "null");
        return;
    }
    g_string_append(out, g_ascii_formatd(text, sizeof(text), "%.17g", number));
}

/* A line end and the indentation of `indent` levels; nothing when not pretty (< 0). */
static void write_break(GString *out, int indent)
{
    if (indent >= 0) {
        g_string_append_printf(out, "\n%*s", indent * 4, "");
    }
}

static void write_dictionary(GString *out, GVariant *value, int indent)
{
    int inside = indent < 0 ? indent : indent + 1;
    gsize count = g_variant_n_children(value);

    g_string_append_c(out, '{');
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) entry = g_variant_get_child_value(value, i);
        g_autoptr(GVariant) key = g_variant_get_child_value(entry, 0);
        g_autoptr(GVariant) member = g_variant_get_child_value(entry, 1);

        write_break(out, inside);
        write_string(out, g_variant_get_string(key, NULL));
        g_string_append(out, ": ");
        write_value(out, member, inside);
        if (i + 1 < count) {
            g_string_append(out, indent < 0 ? ", " : ",");
        }
    }
    write_break(out, indent);
    g_string_append_c(out, '}');
}

static void write_array(GString *out, GVariant *value, int indent)
{
    int inside = indent < 0 ? indent : indent + 1;
    gsize count = g_variant_n_children(value);

    g_string_append_c(out, '[');
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) element = g_variant_get_child_value(value, i);

        write_break(out, inside);
        write_value(out, element, inside);
        if (i + 1 < count) {
            g_string_append(out, indent < 0 ? ", " : ",");
        }
    }
    write_break(out, indent);
    g_string_append_c(out, ']');
}

static void write_inner(GString *out, GVariant *value, int indent)
{
    g_autoptr(GVariant) inner = g_variant_n_children(value)
        ? g_variant_get_child_value(value, 0) : NULL;

    if (inner) {
        write_value(out, inner, indent);
    } else {
        g_string_append(out, "null");
    }
}

static void write_value(GString *out, GVariant *value, int indent)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BOOLEAN:
        g_string_append(out, g_variant_get_boolean(value) ? "true" : "false");
        break;
    case G_VARIANT_CLASS_BYTE:
        g_string_append_printf(out, "%u", g_variant_get_byte(value));
        break;
    case G_VARIANT_CLASS_INT16:
        g_string_append_printf(out, "%d", g_variant_get_int16(value));
        break;
    case G_VARIANT_CLASS_UINT16:
        g_string_append_printf(out, "%u", g_variant_get_uint16(value));
        break;
    case G_VARIANT_CLASS_INT32:
    case G_VARIANT_CLASS_HANDLE:
        g_string_append_printf(out, "%d", g_variant_get_int32(value));
        break;
    case G_VARIANT_CLASS_UINT32:
        g_string_append_printf(out, "%u", g_variant_get_uint32(value));
        break;
    case G_VARIANT_CLASS_INT64:
        g_string_append_printf(out, "%" G_GINT64_FORMAT, g_variant_get_int64(value));
        break;
    case G_VARIANT_CLASS_UINT64:
        g_string_append_printf(out, "%" G_GUINT64_FORMAT, g_variant_get_uint64(value));
        break;
    case G_VARIANT_CLASS_DOUBLE:
        write_double(out, g_variant_get_double(value));
        break;
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
    case G_VARIANT_CLASS_SIGNATURE:
        write_string(out, g_variant_get_string(value, NULL));
        break;
    case G_VARIANT_CLASS_VARIANT:
    case G_VARIANT_CLASS_MAYBE:
        write_inner(out, value, indent);
        break;
    case G_VARIANT_CLASS_ARRAY:
        if (g_variant_is_of_type(value, G_VARIANT_TYPE_DICTIONARY)) {
            write_dictionary(out, value, indent);
        } else {
            write_array(out, value, indent);
        }
        break;
    case G_VARIANT_CLASS_TUPLE:
        if (!g_variant_n_children(value)) {
            g_string_append(out, "null");
        } else {
            write_array(out, value, indent);
        }
        break;
    case G_VARIANT_CLASS_DICT_ENTRY:
        write_array(out, value, indent);
        break;
    }
}

void json_write(GString *out, GVariant *value, bool pretty)
{
    write_value(out, value, pretty ? 0 : -1);
}

char *json_to_string(GVariant *value, bool pretty)
{
    GString *out = g_string_new(NULL);

    json_write(out, value, pretty);
    return g_string_free(out, FALSE);
}
