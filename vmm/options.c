/* SPDX-License-Identifier: MIT */
#include "vmm/options.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "monitor/json.h"
#include "qom/parse.h"

static GHashTable *given;   /* name to GPtrArray of char * */

static const OptionInfo *find_option(const char *name, GError **error)
{
    NearestName nearest = nearest_name_init(name);

    for (unsigned i = 0; i < option_count; i++) {
        const OptionInfo *info = &option_table[i];
        if (g_str_equal(info->name, name)) {
            return info->alias_of ? find_option(info->alias_of, error) : info;
        }
        nearest_name_offer(&nearest, info->name);
    }
    error_set(error, ERROR_NOT_FOUND, "-%s: invalid option%s", name,
              nearest_name_hint(&nearest));
    return NULL;
}

static GPtrArray *values_of(const char *name)
{
    GPtrArray *values;

    if (!given) {
        given = g_hash_table_new_full(g_str_hash, g_str_equal, NULL,
                                      (GDestroyNotify)g_ptr_array_unref);
    }
    values = g_hash_table_lookup(given, name);
    if (!values) {
        values = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(given, (char *)name, values);
    }
    return values;
}

static bool add_value(const OptionInfo *info, const char *value, GError **error)
{
    GPtrArray *values = values_of(info->name);

    if (info->kind == OPTION_ONCE && values->len) {
        error_set(error, ERROR_INVALID, "-%s is given twice: '%s' and '%s'", info->name,
                  (char *)values->pdata[0], value);
        return false;
    }
    g_ptr_array_add(values, g_strdup(value));
    return true;
}

static bool add_flag(const OptionInfo *info, GError **error)
{
    if (info->means) {
        g_auto(GStrv) words = g_strsplit(info->means, " ", 2);
        const OptionInfo *other = find_option(words[0], error);
        return other && add_value(other, words[1], error);
    }
    return add_value(info, "on", error);
}

bool options_parse(int argc, char **argv, GError **error)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        const OptionInfo *info;

        if (*name != '-' || !name[1]) {
            error_set(error, ERROR_INVALID, "'%s' is not an option: disk images as plain "
                      "arguments are not taken", name);
            return false;
        }
        name += name[1] == '-' ? 2 : 1;
        info = find_option(name, error);
        if (!info) {
            return false;
        }
        if (info->kind == OPTION_FLAG) {
            if (!add_flag(info, error)) {
                return false;
            }
            continue;
        }
        if (i + 1 == argc) {
            error_set(error, ERROR_INVALID, "-%s: requires an argument: %s", name,
                      info->argument);
            return false;
        }
        if (!add_value(info, argv[++i], error)) {
            return false;
        }
    }
    return true;
}

/* ---- -readconfig ---- */

static bool config_section(GKeyFile *file, const char *section, GError **error)
{
    g_auto(GStrv) words = g_strsplit(section, " ", 2);
    g_auto(GStrv) keys = g_key_file_get_keys(file, section, NULL, error);
    g_autoptr(GString) text = g_string_new(NULL);
    const OptionInfo *info = keys ? find_option(words[0], error) : NULL;

    if (!info) {
        return false;
    }
    if (words[1]) {
        g_autofree char *id = g_strdup(words[1]);
        size_t length = strlen(id);
        if (length < 3 || id[0] != '"' || id[length - 1] != '"') {
            error_set(error, ERROR_INVALID, "[%s]: the id is not in quotes", section);
            return false;
        }
        id[length - 1] = '\0';
        g_string_append_printf(text, "id=%s", id + 1);
    }
    for (char **key = keys; *key; key++) {
        g_autofree char *value = g_key_file_get_value(file, section, *key, error);
        size_t length = value ? strlen(value) : 0;
        if (length < 2 || value[0] != '"' || value[length - 1] != '"') {
            g_clear_error(error);
            error_set(error, ERROR_INVALID, "[%s]: the value of '%s' is not in quotes", section,
                      *key);
            return false;
        }
        value[length - 1] = '\0';
        g_auto(GStrv) parts = g_strsplit(value + 1, ",", -1);
        g_autofree char *quoted = g_strjoinv(",,", parts);
        g_string_append_printf(text, "%s%s=%s", text->len ? "," : "", *key, quoted);
    }
    return add_value(info, text->str, error);
}

bool options_read_config(const char *path, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_auto(GStrv) sections = NULL;

    if (!g_key_file_load_from_file(file, path, G_KEY_FILE_NONE, error)) {
        g_prefix_error(error, "cannot read config file '%s': ", path);
        return false;
    }
    sections = g_key_file_get_groups(file, NULL);
    for (char **section = sections; *section; section++) {
        if (!config_section(file, *section, error)) {
            g_prefix_error(error, "%s: ", path);
            return false;
        }
    }
    return true;
}

/* ---- asking ---- */

bool option_given(const char *name)
{
    return given && g_hash_table_contains(given, name) && values_of(name)->len;
}

const char *option_value(const char *name)
{
    return option_given(name) ? values_of(name)->pdata[0] : NULL;
}

GPtrArray *option_values(const char *name)
{
    for (unsigned i = 0; i < option_count; i++) {
        if (g_str_equal(option_table[i].name, name)) {
            return values_of(option_table[i].name);
        }
    }
    g_assert_not_reached();
}

GVariant *option_parse_dict(const char *text, const char *implied, GError **error)
{
    GVariant *value;

    if (*text != '{') {
        return parse_keyval(text, implied, error);
    }
    value = json_parse(text, strlen(text), error);
    if (value && !g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        g_variant_unref(value);
        error_set(error, ERROR_INVALID, "a JSON object is expected");
        return NULL;
    }
    return value;
}

GVariant *option_dict(const char *name, GError **error)
{
    GPtrArray *values = option_values(name);
    const OptionInfo *info = find_option(name, NULL);
    GVariantDict all;

    g_variant_dict_init(&all, NULL);
    for (guint i = 0; i < values->len; i++) {
        g_autoptr(GVariant) one = option_parse_dict(values->pdata[i], info->implied, error);
        GVariantIter iter;
        const char *key;
        GVariant *value;
        if (!one) {
            g_prefix_error(error, "-%s %s: ", name, (char *)values->pdata[i]);
            g_variant_dict_clear(&all);
            return NULL;
        }
        g_variant_iter_init(&iter, one);
        while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
            g_variant_dict_insert_value(&all, key, value);
            g_variant_unref(value);
        }
    }
    return g_variant_ref_sink(g_variant_dict_end(&all));
}

bool option_check_keys(const char *option, GVariant *dict, const char *const *known, GError **error)
{
    GVariantIter iter;
    const char *key;

    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, NULL)) {
        if (!g_strv_contains(known, key)) {
            NearestName nearest = nearest_name_init(key);
            for (; *known; known++) {
                nearest_name_offer(&nearest, *known);
            }
            error_set(error, ERROR_NOT_FOUND, "-%s: Invalid parameter '%s'%s", option, key,
                      nearest_name_hint(&nearest));
            return false;
        }
    }
    return true;
}

/* ---- help ---- */

static void help_line(GString *text, const OptionInfo *info)
{
    g_autofree char *left = g_strdup_printf("-%s%s%s", info->name, info->argument ? " " : "",
                                            info->argument ? info->argument : "");

    if (strlen(left) < 24) {
        g_string_append_printf(text, "%-24s%s\n", left, info->help);
    } else {
        g_string_append_printf(text, "%s\n%-24s%s\n", left, "", info->help);
    }
}

char *option_help(const OptionInfo *info)
{
    GString *text = g_string_new(NULL);

    help_line(text, info);
    return g_string_free(text, FALSE);
}

char *options_help(void)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "vmm, a machine emulator\nusage: %s [options]\n",
                           report_program());
    for (unsigned i = 0; i < option_count; i++) {
        const OptionInfo *info = &option_table[i];
        if (info->section) {
            g_string_append_printf(text, "\n%s:\n", info->section);
        }
        if (info->help) {
            help_line(text, info);
        }
    }
    return g_string_free(text, FALSE);
}

void options_free(void)
{
    g_clear_pointer(&given, g_hash_table_unref);
}
