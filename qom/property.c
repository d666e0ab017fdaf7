/* SPDX-License-Identifier: MIT */
#include "qom/property.h"

#include <string.h>

#include "base/bits.h"
#include "qom/parse.h"

static void *field_at(Object *object, const Field *field)
{
    return (char *)object + field->offset;
}

char *property_type_name(const Property *property)
{
    const Field *field = &property->field;

    if (property->type_name) {
        return g_strdup(property->type_name);
    }
    if (property->link) {
        return g_strdup_printf("link<%s>", property->link);
    }
    if (property->values) {
        return g_strdup("str");
    }
    if (property->flags & PROPERTY_SIZE) {
        return g_strdup("size");
    }
    switch (field->kind) {
    case FIELD_BOOL:
        return g_strdup("bool");
    case FIELD_UINT:
        return g_strdup_printf("uint%u", field->width * 8);
    case FIELD_INT:
        return g_strdup_printf("int%u", field->width * 8);
    default:
        return g_strdup("str");
    }
}

/* Any integer type, or a boolean, as 64 bits; a string is parsed. */
static bool variant_to_u64(GVariant *value, bool size, uint64_t *result, GError **error)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_STRING:
        return size ? parse_size(g_variant_get_string(value, NULL), 1, result, error)
                    : parse_uint(g_variant_get_string(value, NULL), result, error);
    case G_VARIANT_CLASS_BYTE:
        *result = g_variant_get_byte(value);
        return true;
    case G_VARIANT_CLASS_UINT16:
        *result = g_variant_get_uint16(value);
        return true;
    case G_VARIANT_CLASS_UINT32:
        *result = g_variant_get_uint32(value);
        return true;
    case G_VARIANT_CLASS_UINT64:
        *result = g_variant_get_uint64(value);
        return true;
    case G_VARIANT_CLASS_INT32:
    case G_VARIANT_CLASS_INT64: {
        int64_t number = g_variant_classify(value) == G_VARIANT_CLASS_INT32
            ? g_variant_get_int32(value) : g_variant_get_int64(value);
        if (number < 0) {
            error_set(error, ERROR_INVALID, "%" G_GINT64_FORMAT " is negative", number);
            return false;
        }
        *result = number;
        return true;
    }
    default:
        error_set(error, ERROR_INVALID, "an integer is expected");
        return false;
    }
}

static bool variant_to_i64(GVariant *value, int64_t *result, GError **error)
{
    uint64_t number;

    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_STRING:
        return parse_int(g_variant_get_string(value, NULL), result, error);
    case G_VARIANT_CLASS_INT32:
        *result = g_variant_get_int32(value);
        return true;
    case G_VARIANT_CLASS_INT64:
        *result = g_variant_get_int64(value);
        return true;
    default:
        if (!variant_to_u64(value, false, &number, error)) {
            return false;
        }
        if (number > INT64_MAX) {
            error_set(error, ERROR_INVALID, "%" G_GUINT64_FORMAT " is too large", number);
            return false;
        }
        *result = number;
        return true;
    }
}

static bool store_bool(void *at, GVariant *value, GError **error)
{
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_BOOLEAN)) {
        *(bool *)at = g_variant_get_boolean(value);
        return true;
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        return parse_bool(g_variant_get_string(value, NULL), at, error);
    }
    error_set(error, ERROR_INVALID, "a boolean is expected");
    return false;
}

static bool store_enum(void *at, const Property *property, GVariant *value, GError **error)
{
    const char *text;
    NearestName nearest;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        error_set(error, ERROR_INVALID, "one of a set of names is expected");
        return false;
    }
    text = g_variant_get_string(value, NULL);
    nearest = nearest_name_init(text);
    for (unsigned i = 0; property->values[i]; i++) {
        if (g_str_equal(property->values[i], text)) {
            store_host(at, i, property->field.width);
            return true;
        }
        nearest_name_offer(&nearest, property->values[i]);
    }
    if (!property->values[1]) {
        error_set(error, ERROR_INVALID, "'%s' is not supported: it is always '%s'", text,
                  property->values[0]);
        return false;
    }
    g_autofree char *all = g_strjoinv(", ", (char **)property->values);
    error_set(error, ERROR_INVALID, "'%s' is not one of %s%s", text, all,
              nearest_name_hint(&nearest));
    return false;
}

static bool store_uint(void *at, const Property *property, GVariant *value, GError **error)
{
    uint64_t number, max = property->max;

    if (!variant_to_u64(value, property->flags & PROPERTY_SIZE, &number, error)) {
        return false;
    }
    if (!max) {
        max = bits_mask(property->field.width * 8);
    }
    if (number < property->min || number > max) {
        error_set(error, ERROR_INVALID,
                  "%" G_GUINT64_FORMAT " is out of range: %" G_GUINT64_FORMAT
                  " to %" G_GUINT64_FORMAT " is allowed", number, property->min, max);
        return false;
    }
    store_host(at, number, property->field.width);
    return true;
}

static bool store_int(void *at, const Property *property, GVariant *value, GError **error)
{
    unsigned bits = property->field.width * 8;
    int64_t number, min = property->min, max = property->max;

    if (!variant_to_i64(value, &number, error)) {
        return false;
    }
    if (!min && !max) {
        max = bits_mask(bits - 1);
        min = -max - 1;
    }
    if (number < min || number > max) {
        error_set(error, ERROR_INVALID,
                  "%" G_GINT64_FORMAT " is out of range: %" G_GINT64_FORMAT " to %"
                  G_GINT64_FORMAT " is allowed", number, min, max);
        return false;
    }
    store_host(at, number, property->field.width);
    return true;
}

static bool store_string(char **at, GVariant *value, GError **error)
{
    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        error_set(error, ERROR_INVALID, "a string is expected");
        return false;
    }
    g_free(*at);
    *at = g_variant_dup_string(value, NULL);
    return true;
}

static bool store_link(Object **at, const Property *property, GVariant *value, GError **error)
{
    const char *text;
    Object *target = NULL;
    bool ambiguous = false;

    if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        error_set(error, ERROR_INVALID, "the path or id of a %s is expected", property->link);
        return false;
    }
    text = g_variant_get_string(value, NULL);
    if (!*text) {
        object_link_set(at, NULL);
        return true;
    }
    if (*text != '/' && property->link_root) {
        g_autofree char *path = g_strdup_printf("%s/%s", property->link_root, text);
        target = object_resolve(path, NULL);
    }
    if (!target && (*text == '/' || !property->link_root)) {
        target = object_resolve(text, &ambiguous);
    }
    if (!target) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "%s '%s' %s", property->link, text,
                  ambiguous ? "is ambiguous: give its path" : "not found");
        return false;
    }
    if (!object_is(target, property->link)) {
        error_set(error, ERROR_INVALID, "'%s' is a %s, not a %s", text, target->type->name,
                  property->link);
        return false;
    }
    object_link_set(at, target);
    return true;
}

/* A byte string as people write MAC addresses and such: "52:54:00:12:34:56". */
static bool store_bytes(uint8_t *at, const Property *property, GVariant *value, GError **error)
{
    g_auto(GStrv) parts = NULL;
    unsigned width = property->field.width;

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        parts = g_strsplit_set(g_variant_get_string(value, NULL), ":-", -1);
    }
    if (!parts || g_strv_length(parts) != width) {
        error_set(error, ERROR_INVALID, "%u bytes in hexadecimal, separated by ':', are expected",
                  width);
        return false;
    }
    for (unsigned i = 0; i < width; i++) {
        int high = g_ascii_xdigit_value(parts[i][0]);
        int low = high >= 0 ? g_ascii_xdigit_value(parts[i][1]) : -1;
        if (high < 0 || low < 0 || parts[i][2]) {
            error_set(error, ERROR_INVALID, "'%s' is not a byte in hexadecimal", parts[i]);
            return false;
        }
        at[i] = high << 4 | low;
    }
    return true;
}

bool property_store(Object *object, const Property *property, GVariant *value, GError **error)
{
    void *at = field_at(object, &property->field);

    if (property->set) {
        return property->set(object, property, value, error);
    }
    if (property->values) {
        return store_enum(at, property, value, error);
    }
    switch (property->field.kind) {
    case FIELD_BOOL:
        return store_bool(at, value, error);
    case FIELD_UINT:
        return store_uint(at, property, value, error);
    case FIELD_INT:
        return store_int(at, property, value, error);
    case FIELD_STRING:
        return store_string(at, value, error);
    case FIELD_POINTER:
        return store_link(at, property, value, error);
    case FIELD_BYTES:
        return store_bytes(at, property, value, error);
    default:
        error_set(error, ERROR_INVALID, "it is read-only");
        return false;
    }
}

static int64_t load_signed(const void *at, unsigned width)
{
    unsigned shift = 64 - 8 * width;

    return (int64_t)(load_host(at, width) << shift) >> shift;
}

static GVariant *load_bytes(const uint8_t *at, unsigned width)
{
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < width; i++) {
        g_string_append_printf(text, "%s%02x", i ? ":" : "", at[i]);
    }
    return g_variant_new_take_string(g_string_free(text, FALSE));
}

GVariant *property_load(Object *object, const Property *property)
{
    const void *at = field_at(object, &property->field);
    GVariant *value;

    if (property->get) {
        return g_variant_take_ref(property->get(object, property));
    }
    if (property->values) {
        value = g_variant_new_string(property->values[load_host(at, property->field.width)]);
        return g_variant_ref_sink(value);
    }
    switch (property->field.kind) {
    case FIELD_BOOL:
        value = g_variant_new_boolean(*(const bool *)at);
        break;
    case FIELD_UINT:
        value = g_variant_new_uint64(load_host(at, property->field.width));
        break;
    case FIELD_INT:
        value = g_variant_new_int64(load_signed(at, property->field.width));
        break;
    case FIELD_POINTER: {
        Object *target = *(Object *const *)at;
        value = g_variant_new_take_string(target ? object_path(target) : g_strdup(""));
        break;
    }
    case FIELD_BYTES:
        value = load_bytes(at, property->field.width);
        break;
    default: {
        const char *text = *(char *const *)at;
        value = g_variant_new_string(text ? text : "");
        break;
    }
    }
    return g_variant_ref_sink(value);
}

GVariant *property_default(const Property *property)
{
    GVariant *value;

    if (property->get || property->set || property->flags & PROPERTY_REQUIRED) {
        return NULL;
    }
    if (property->values) {
        return g_variant_ref_sink(g_variant_new_string(property->values[property->def.u]));
    }
    switch (property->field.kind) {
    case FIELD_BOOL:
        value = g_variant_new_boolean(property->def.u != 0);
        break;
    case FIELD_UINT:
        value = g_variant_new_uint64(property->def.u);
        break;
    case FIELD_INT:
        value = g_variant_new_int64(property->def.i);
        break;
    case FIELD_STRING:
        if (!property->def.s) {
            return NULL;
        }
        value = g_variant_new_string(property->def.s);
        break;
    default:
        return NULL;
    }
    return g_variant_ref_sink(value);
}

void property_set_default(Object *object, const Property *property)
{
    void *at = field_at(object, &property->field);

    switch (property->field.kind) {
    case FIELD_BOOL:
        *(bool *)at = property->def.u != 0;
        break;
    case FIELD_UINT:
    case FIELD_INT:
        store_host(at, property->def.u, property->field.width);
        break;
    case FIELD_STRING:
        *(char **)at = g_strdup(property->def.s);
        break;
    case FIELD_BYTES:
        if (property->def.s) {
            memcpy(at, property->def.s, property->field.width);
        }
        break;
    default:
        break;
    }
}

void property_release(Object *object, const Property *property)
{
    void *at = field_at(object, &property->field);

    if (property->field.kind == FIELD_STRING) {
        g_clear_pointer((char **)at, g_free);
    } else if (property->field.kind == FIELD_POINTER) {
        object_link_set(at, NULL);
    }
}

bool property_is_unset(Object *object, const Property *property)
{
    const void *at = field_at(object, &property->field);

    switch (property->field.kind) {
    case FIELD_STRING:
    case FIELD_POINTER:
        return *(void *const *)at == NULL;
    case FIELD_UINT:
    case FIELD_INT:
        /* A required number has a range that leaves out its initial 0. */
        return load_host(at, property->field.width) == property->def.u;
    default:
        return false;
    }
}

char *property_print(const Property *property, GVariant *value)
{
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
        return g_strdup_printf("\"%s\"", g_variant_get_string(value, NULL));
    }
    if (property->flags & PROPERTY_HEX && g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)) {
        return g_strdup_printf("0x%" G_GINT64_MODIFIER "x", g_variant_get_uint64(value));
    }
    return g_variant_print(value, FALSE);
}
