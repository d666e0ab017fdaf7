/* SPDX-License-Identifier: MIT */
#include "qom/parse.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

bool parse_bool(const char *text, bool *value, GError **error)
{
    static const char *const yes[] = { "on", "yes", "true", "y", NULL };
    static const char *const no[] = { "off", "no", "false", "n", NULL };

    if (g_strv_contains(yes, text)) {
        *value = true;
        return true;
    }
    if (g_strv_contains(no, text)) {
        *value = false;
        return true;
    }
    error_set(error, ERROR_INVALID, "'%s' is not a boolean: use 'on' or 'off'", text);
    return false;
}

static bool number_base(const char *text)
{
    if (*text == '-' || *text == '+') {
        text++;
    }
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

bool parse_uint(const char *text, uint64_t *value, GError **error)
{
    char *end = NULL;

    errno = 0;
    *value = g_ascii_strtoull(text, &end, number_base(text) ? 16 : 10);
    if (!g_ascii_isdigit(*text) || *end || errno) {
        error_set(error, ERROR_INVALID, "'%s' is not a non-negative number%s", text,
                  errno == ERANGE ? " of 64 bits" : "");
        return false;
    }
    return true;
}

bool parse_int(const char *text, int64_t *value, GError **error)
{
    char *end = NULL;

    errno = 0;
    *value = g_ascii_strtoll(text, &end, number_base(text) ? 16 : 10);
    if (end == text || g_ascii_isspace(*text) || *end || errno) {
        error_set(error, ERROR_INVALID, "'%s' is not a number%s", text,
                  errno == ERANGE ? " of 64 bits" : "");
        return false;
    }
    return true;
}

static int size_shift(char suffix)
{
    static const char suffixes[] = "bkmgtpe";
    const char *at = suffix ? strchr(suffixes, g_ascii_tolower(suffix)) : NULL;

    return at ? 10 * (int)(at - suffixes) : -1;
}

bool parse_size(const char *text, uint64_t default_unit, uint64_t *value, GError **error)
{
    bool hex = number_base(text);
    char *end = NULL;
    uint64_t whole, unit = default_unit;
    double fraction = 0;

    if (!g_ascii_isdigit(*text)) {
        goto bad;
    }
    errno = 0;
    whole = g_ascii_strtoull(text, &end, hex ? 16 : 10);
    if (errno) {
        goto bad;
    }
    if (*end == '.' && !hex) {
        fraction = g_ascii_strtod(end, &end);
        if (!(fraction >= 0 && fraction < 1)) {
            goto bad;
        }
    }
    if (*end) {
        int shift = size_shift(*end);
        if (shift < 0 || end[1]) {
            goto bad;
        }
        unit = 1ull << shift;
    }
    if (whole > UINT64_MAX / unit) {
        goto bad;
    }
    *value = whole * unit + (uint64_t)llround(fraction * (double)unit);
    return true;

bad:
    error_set(error, ERROR_INVALID,
              "'%s' is not a size: use a number with an optional suffix k, M, G, T, P or E", text);
    return false;
}

/* One word up to a single comma; ",," stands for a comma. */
static char *next_word(const char **text)
{
    GString *word = g_string_new(NULL);
    const char *p = *text;

    while (*p) {
        if (*p == ',') {
            if (p[1] != ',') {
                p++;
                break;
            }
            p++;
        }
        g_string_append_c(word, *p++);
    }
    *text = p;
    return g_string_free(word, FALSE);
}

static bool word_split(char *word, bool first, const char *implied, const char **key,
                       const char **value, GError **error)
{
    char *equals = strchr(word, '=');

    if (equals) {
        *equals = '\0';
        *key = word;
        *value = equals + 1;
    } else if (first && implied) {
        *key = implied;
        *value = word;
    } else if (g_str_has_prefix(word, "no") && word[2]) {
        *key = word + 2;
        *value = "off";
    } else {
        *key = word;
        *value = "on";
    }
    if (!**key) {
        error_set(error, ERROR_INVALID, "a name is missing before '%s'",
                  **value ? *value : "=");
        return false;
    }
    if (!g_utf8_validate(*key, -1, NULL) || !g_utf8_validate(*value, -1, NULL)) {
        error_set(error, ERROR_INVALID, "an option is not valid UTF-8");
        return false;
    }
    return true;
}

GVariant *parse_keyval(const char *text, const char *implied, GError **error)
{
    GVariantBuilder builder;
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    bool first = true;

    g_variant_builder_init(&builder, G_VARIANT_TYPE_VARDICT);
    while (*text) {
        g_autofree char *word = next_word(&text);
        const char *key, *value;

        if (!word_split(word, first, implied, &key, &value, error)) {
            goto fail;
        }
        if (!g_hash_table_add(seen, g_strdup(key))) {
            error_set(error, ERROR_INVALID, "'%s' is given twice", key);
            goto fail;
        }
        g_variant_builder_add(&builder, "{sv}", key, g_variant_new_string(value));
        first = false;
    }
    return g_variant_ref_sink(g_variant_builder_end(&builder));

fail:
    g_variant_builder_clear(&builder);
    return NULL;
}
