/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <string.h>

GQuark error_domain(void)
{
    return g_quark_from_static_string("vmm");
}

void error_set(GError **error, ErrorCode code, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        g_assert(!*error);
        *error = g_error_new_valist(ERROR_DOMAIN, code, format, args);
        va_end(args);
    }
}

void error_set_errno(GError **error, int number, const char *format, ...)
{
    if (error) {
        va_list args;
        va_start(args, format);
        g_autofree char *text = g_strdup_vprintf(format, args);
        va_end(args);
        g_assert(!*error);
        *error = g_error_new(ERROR_DOMAIN, ERROR_SYSTEM, "%s: %s", text, g_strerror(number));
    }
}

NearestName nearest_name_init(const char *wanted)
{
    /* Beyond a third of the letters a suggestion is noise. */
    NearestName nearest = { .wanted = wanted, .distance = strlen(wanted) / 3 + 2 };

    return nearest;
}

/* Levenshtein distance, letters folded; long names are not worth the work. */
static unsigned edit_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    unsigned row[64];

    if (la >= G_N_ELEMENTS(row) || lb >= G_N_ELEMENTS(row)) {
        return G_MAXUINT;
    }
    for (size_t j = 0; j <= lb; j++) {
        row[j] = j;
    }
    for (size_t i = 1; i <= la; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            unsigned above = row[j];
            unsigned change = g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]);
            row[j] = MIN(MIN(above, row[j - 1]) + 1, diagonal + change);
            diagonal = above;
        }
    }
    return row[lb];
}

void nearest_name_offer(NearestName *nearest, const char *candidate)
{
    unsigned distance = edit_distance(nearest->wanted, candidate);

    if (distance < nearest->distance) {
        nearest->distance = distance;
        g_strlcpy(nearest->best, candidate, sizeof(nearest->best));
    }
}

const char *nearest_name_hint(NearestName *nearest)
{
    if (nearest->best[0]) {
        g_snprintf(nearest->hint, sizeof(nearest->hint), " (did you mean '%s'?)",
                   nearest->best);
    }
    return nearest->hint;
}
