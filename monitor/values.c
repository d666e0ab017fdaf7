/* SPDX-License-Identifier: MIT */
/* Reading arguments and making answers: the small functions of monitor/schema.h. */
#include "monitor/schema.h"

GVariant *args_value(GVariant *args, const char *name)
{
    return g_variant_lookup_value(args, name, NULL);
}

bool args_has(GVariant *args, const char *name)
{
    g_autoptr(GVariant) value = args_value(args, name);

    return value != NULL;
}

const char *args_str(GVariant *args, const char *name)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(args, name, G_VARIANT_TYPE_STRING);

    /* The text belongs to the dictionary that holds the value. */
    return value ? g_variant_get_string(value, NULL) : NULL;
}

bool args_bool(GVariant *args, const char *name, bool otherwise)
{
    g_autoptr(GVariant) value = g_variant_lookup_value(args, name, G_VARIANT_TYPE_BOOLEAN);

    return value ? g_variant_get_boolean(value) : otherwise;
}

int64_t args_int(GVariant *args, const char *name, int64_t otherwise)
{
    g_autoptr(GVariant) value = args_value(args, name);

    if (value && g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64)) {
        return g_variant_get_uint64(value);
    }
    return value && g_variant_is_of_type(value, G_VARIANT_TYPE_INT64) ? g_variant_get_int64(value)
                                                                      : otherwise;
}

uint64_t args_uint(GVariant *args, const char *name, uint64_t otherwise)
{
    return args_int(args, name, otherwise);
}

void dict_value(GVariantBuilder *dict, const char *name, GVariant *value)
{
    g_variant_builder_add(dict, "{sv}", name, value);
}

void dict_str(GVariantBuilder *dict, const char *name, const char *text)
{
    dict_value(dict, name, g_variant_new_string(text));
}

void dict_take_str(GVariantBuilder *dict, const char *name, char *text)
{
    dict_value(dict, name, g_variant_new_take_string(text));
}

void dict_bool(GVariantBuilder *dict, const char *name, bool value)
{
    dict_value(dict, name, g_variant_new_boolean(value));
}

void dict_int(GVariantBuilder *dict, const char *name, int64_t value)
{
    dict_value(dict, name, g_variant_new_int64(value));
}

void dict_uint(GVariantBuilder *dict, const char *name, uint64_t value)
{
    if (value <= INT64_MAX) {
        dict_int(dict, name, value);
    } else {
        dict_value(dict, name, g_variant_new_uint64(value));
    }
}

void list_value(GVariantBuilder *list, GVariant *value)
{
    g_variant_builder_add(list, "v", value);
}
