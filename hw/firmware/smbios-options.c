/* SPDX-License-Identifier: MIT */
/* The -smbios option: one table of fields, checked when they are given. */
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "hw/firmware/smbios-private.h"

static const SmbiosField fields[] = {
    { 0, "vendor", SMBIOS_STRING },
    { 0, "version", SMBIOS_STRING },
    { 0, "date", SMBIOS_STRING },
    { 0, "release", SMBIOS_RELEASE },
    { 0, "uefi", SMBIOS_BOOL },
    { 1, "manufacturer", SMBIOS_STRING },
    { 1, "product", SMBIOS_STRING },
    { 1, "version", SMBIOS_STRING },
    { 1, "serial", SMBIOS_STRING },
    { 1, "uuid", SMBIOS_UUID },
    { 1, "sku", SMBIOS_STRING },
    { 1, "family", SMBIOS_STRING },
    { 2, "manufacturer", SMBIOS_STRING },
    { 2, "product", SMBIOS_STRING },
    { 2, "version", SMBIOS_STRING },
    { 2, "serial", SMBIOS_STRING },
    { 2, "asset", SMBIOS_STRING },
    { 2, "location", SMBIOS_STRING },
    { 3, "manufacturer", SMBIOS_STRING },
    { 3, "version", SMBIOS_STRING },
    { 3, "serial", SMBIOS_STRING },
    { 3, "asset", SMBIOS_STRING },
    { 3, "sku", SMBIOS_STRING },
    { 4, "sock_pfx", SMBIOS_STRING },
    { 4, "manufacturer", SMBIOS_STRING },
    { 4, "version", SMBIOS_STRING },
    { 4, "serial", SMBIOS_STRING },
    { 4, "asset", SMBIOS_STRING },
    { 4, "part", SMBIOS_STRING },
    { 4, "max-speed", SMBIOS_NUMBER, UINT16_MAX },
    { 4, "current-speed", SMBIOS_NUMBER, UINT16_MAX },
    { 4, "processor-id", SMBIOS_NUMBER, UINT64_MAX },
    { 8, "internal_reference", SMBIOS_STRING },
    { 8, "external_reference", SMBIOS_STRING },
    { 8, "connector_type", SMBIOS_NUMBER, UINT8_MAX },
    { 8, "port_type", SMBIOS_NUMBER, UINT8_MAX },
    { 11, "value", SMBIOS_VALUE },
    { 11, "path", SMBIOS_PATH },
    { 17, "loc_pfx", SMBIOS_STRING },
    { 17, "bank", SMBIOS_STRING },
    { 17, "manufacturer", SMBIOS_STRING },
    { 17, "serial", SMBIOS_STRING },
    { 17, "asset", SMBIOS_STRING },
    { 17, "part", SMBIOS_STRING },
    { 17, "speed", SMBIOS_NUMBER, UINT16_MAX },
};

static void port_free(void *data)
{
    SmbiosPort *port = data;

    g_free(port->internal);
    g_free(port->external);
    g_free(port);
}

SmbiosOptions *smbios_options_new(void)
{
    SmbiosOptions *options = g_new0(SmbiosOptions, 1);

    options->values = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    options->oem_strings = g_ptr_array_new_with_free_func(g_free);
    options->ports = g_ptr_array_new_with_free_func(port_free);
    options->structures = g_ptr_array_new_with_free_func((GDestroyNotify)g_byte_array_unref);
    return options;
}

void smbios_options_free(SmbiosOptions *options)
{
    if (options) {
        g_hash_table_unref(options->values);
        g_ptr_array_unref(options->oem_strings);
        g_ptr_array_unref(options->ports);
        g_ptr_array_unref(options->structures);
        g_free(options);
    }
}

char *smbios_options_help(void)
{
    GString *text = g_string_new("file=PATH\n");

    for (unsigned i = 0; i < G_N_ELEMENTS(fields);) {
        uint8_t type = fields[i].type;

        g_string_append_printf(text, "type=%u", type);
        for (; i < G_N_ELEMENTS(fields) && fields[i].type == type; i++) {
            static const char *const forms[] = {
                [SMBIOS_STRING] = "TEXT", [SMBIOS_NUMBER] = "NUMBER",
                [SMBIOS_BOOL] = "on|off", [SMBIOS_RELEASE] = "MAJOR.MINOR",
                [SMBIOS_UUID] = "UUID",   [SMBIOS_VALUE] = "TEXT",
                [SMBIOS_PATH] = "FILE",
            };

            g_string_append_printf(text, "[,%s=%s]", fields[i].name, forms[fields[i].kind]);
        }
        g_string_append_c(text, '\n');
    }
    return g_string_free(text, FALSE);
}

static char *value_key(uint8_t type, const char *field)
{
    return g_strdup_printf("%u.%s", type, field);
}

const char *smbios_option(const SmbiosOptions *options, uint8_t type, const char *field,
                          const char *otherwise)
{
    g_autofree char *key = value_key(type, field);
    const char *value = options ? g_hash_table_lookup(options->values, key) : NULL;

    return value ? value : otherwise;
}

uint64_t smbios_option_number(const SmbiosOptions *options, uint8_t type, const char *field,
                              uint64_t otherwise)
{
    const char *text = smbios_option(options, type, field, NULL);

    return text ? g_ascii_strtoull(text, NULL, 0) : otherwise;
}

/* ---- checking values ---- */

bool smbios_parse_uuid(const char *text, uint8_t *uuid)
{
    if (!g_uuid_string_is_valid(text)) {
        return false;
    }
    for (unsigned i = 0; i < 16; text += 2) {
        text += *text == '-';
        uuid[i++] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
    }
    return true;
}

static bool number_valid(const char *text, uint64_t limit)
{
    char *end;
    uint64_t value;

    if (!g_ascii_isdigit(*text)) {
        return false;
    }
    errno = 0;
    value = g_ascii_strtoull(text, &end, 0);
    return *end == '\0' && !errno && value <= limit;
}

static bool release_valid(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ".", -1);

    return g_strv_length(parts) == 2 && number_valid(parts[0], UINT8_MAX) &&
           number_valid(parts[1], UINT8_MAX);
}

static bool value_valid(const SmbiosField *field, const char *value)
{
    uint8_t uuid[16];

    switch (field->kind) {
    case SMBIOS_NUMBER:
        return number_valid(value, field->limit);
    case SMBIOS_BOOL:
        return !strcmp(value, "on") || !strcmp(value, "off");
    case SMBIOS_RELEASE:
        return release_valid(value);
    case SMBIOS_UUID:
        return smbios_parse_uuid(value, uuid);
    case SMBIOS_STRING:
    case SMBIOS_VALUE:
    case SMBIOS_PATH:
        return true;
    }
    g_assert_not_reached();
}

static bool add_path(SmbiosOptions *options, const char *path, GError **errp)
{
    g_autofree char *text = NULL;
    gsize length;

    if (!g_file_get_contents(path, &text, &length, errp)) {
        g_prefix_error(errp, "-smbios type=11,path=%s: ", path);
        return false;
    }
    if (memchr(text, 0, length)) {
        error_set(errp, ERROR_INVALID,
                  "-smbios type=11,path=%s: the file holds a zero byte; "
                  "an OEM string cannot",
                  path);
        return false;
    }
    g_ptr_array_add(options->oem_strings, g_steal_pointer(&text));
    return true;
}

/* ---- one argument ---- */

/* Cuts the next "name=value" off `*rest`; in the value ",," becomes ",". False at the end. */
static bool next_pair(const char **rest, char **name, char **value)
{
    const char *p = *rest;
    const char *equals = p + strcspn(p, "=,");
    GString *text;

    if (!*p) {
        return false;
    }
    *name = g_strndup(p, equals - p);
    p = equals;
    if (*p != '=') {
        *rest = *p ? p + 1 : p;
        *value = NULL;
        return true;
    }
    text = g_string_new(NULL);
    for (p++; *p && (*p != ',' || p[1] == ','); p++) {
        p += *p == ',';
        g_string_append_c(text, *p);
    }
    *rest = *p ? p + 1 : p;
    *value = g_string_free(text, FALSE);
    return true;
}

static const SmbiosField *find_field(uint8_t type, const char *name, GError **errp)
{
    NearestName nearest = nearest_name_init(name);

    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i].type == type) {
            if (!strcmp(fields[i].name, name)) {
                return &fields[i];
            }
            nearest_name_offer(&nearest, fields[i].name);
        }
    }
    error_set(errp, ERROR_NOT_FOUND, "-smbios type=%u has no field '%s'%s", type, name,
              nearest_name_hint(&nearest));
    return NULL;
}

static bool set_port_field(SmbiosPort *port, const SmbiosField *field, const char *value)
{
    if (!strcmp(field->name, "internal_reference")) {
        g_free(port->internal);
        port->internal = g_strdup(value);
    } else if (!strcmp(field->name, "external_reference")) {
        g_free(port->external);
        port->external = g_strdup(value);
    } else if (!strcmp(field->name, "connector_type")) {
        port->connector_type = g_ascii_strtoull(value, NULL, 0);
    } else {
        port->port_type = g_ascii_strtoull(value, NULL, 0);
    }
    return true;
}

static bool set_field(SmbiosOptions *options, uint8_t type, const char *name, const char *value,
                      GError **errp)
{
    const SmbiosField *field = find_field(type, name, errp);

    if (!field) {
        return false;
    }
    if (!value || !value_valid(field, value)) {
        error_set(errp, ERROR_INVALID, "-smbios type=%u,%s=%s: not a valid value%s", type, name,
                  value ? value : "", value ? "" : "; there is none");
        return false;
    }
    if (field->kind == SMBIOS_PATH) {
        return add_path(options, value, errp);
    }
    if (field->kind == SMBIOS_VALUE) {
        g_ptr_array_add(options->oem_strings, g_strdup(value));
        return true;
    }
    if (type == 8) {
        return set_port_field(g_ptr_array_index(options->ports, options->ports->len - 1), field,
                              value);
    }
    g_hash_table_replace(options->values, value_key(type, name), g_strdup(value));
    return true;
}

static bool type_known(unsigned type)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (fields[i].type == type) {
            return true;
        }
    }
    return false;
}

static bool add_type(SmbiosOptions *options, const char *type_text, const char *rest,
                     GError **errp)
{
    uint8_t type;

    if (!number_valid(type_text, UINT8_MAX) ||
        !type_known(g_ascii_strtoull(type_text, NULL, 0))) {
        error_set(errp, ERROR_NOT_FOUND,
                  "-smbios type=%s: no such type; fields can be set of 0, 1, 2, 3, 4, 8, 11 "
                  "and 17",
                  type_text);
        return false;
    }
    type = g_ascii_strtoull(type_text, NULL, 0);
    if (options->from_file[type]) {
        error_set(errp, ERROR_INVALID, "-smbios type=%u: a file= gave this structure already",
                  type);
        return false;
    }
    options->given[type] = true;
    if (type == 8) {
        g_ptr_array_add(options->ports, g_new0(SmbiosPort, 1));
    }
    for (;;) {
        g_autofree char *name = NULL, *value = NULL;

        if (!next_pair(&rest, &name, &value)) {
            return true;
        }
        if (!set_field(options, type, name, value, errp)) {
            return false;
        }
    }
}

/* A structure is a formatted area of the length in its second byte, then strings that end with
 * two zero bytes; section 6.1. */
static bool structure_valid(const uint8_t *bytes, size_t length)
{
    if (length < 6 || length > UINT16_MAX || bytes[1] < 4 || bytes[1] > length - 2) {
        return false;
    }
    for (size_t i = bytes[1]; i + 1 < length; i++) {
        if (!bytes[i] && !bytes[i + 1]) {
            return i + 2 == length;
        }
    }
    return false;
}

static bool add_file(SmbiosOptions *options, const char *path, GError **errp)
{
    char *bytes;
    gsize length;
    uint8_t type;

    if (!g_file_get_contents(path, &bytes, &length, errp)) {
        g_prefix_error(errp, "-smbios file=%s: ", path);
        return false;
    }
    if (!structure_valid((const uint8_t *)bytes, length)) {
        error_set(errp, ERROR_INVALID,
                  "-smbios file=%s: not one whole SMBIOS structure with its strings", path);
        g_free(bytes);
        return false;
    }
    type = bytes[0];
    if (options->given[type] || type == 127) {
        error_set(errp, ERROR_INVALID,
                  "-smbios file=%s: structures of type %u are made from %s", path, type,
                  type == 127 ? "nothing else but the machine" : "type= fields");
        g_free(bytes);
        return false;
    }
    options->from_file[type] = true;
    g_ptr_array_add(options->structures, g_byte_array_new_take((guint8 *)bytes, length));
    return true;
}

bool smbios_options_add(SmbiosOptions *options, const char *argument, GError **errp)
{
    g_autofree char *name = NULL, *value = NULL;
    const char *rest = argument;

    if (next_pair(&rest, &name, &value) && value) {
        if (!strcmp(name, "type")) {
            return add_type(options, value, rest, errp);
        }
        if (!strcmp(name, "file") && !*rest) {
            return add_file(options, value, errp);
        }
    }
    error_set(errp, ERROR_INVALID,
              "-smbios %s: expected type=N,field=value,... or file=PATH (see -smbios help)",
              argument);
    return false;
}
