/* SPDX-License-Identifier: MIT */
#include "accel/icount.h"

#include <string.h>

#include "base/error.h"

/* Of shift=auto, until it is known how fast the host is. */
#define FIRST_SHIFT 3

static IcountOptions chosen = { .sleep = true };

const IcountOptions *icount_options(void)
{
    return &chosen;
}

unsigned icount_fit(int64_t count, int64_t spent, int64_t ahead)
{
    /* What it is off by goes within a few rounds; time never stands for it, nor runs. */
    int64_t wanted = CLAMP(spent - ahead / 4, spent / 4, spent * 4);
    unsigned shift = 0;

    /* Up to the next power of two below 1.5 times as much. */
    while (shift < ICOUNT_MAX_SHIFT && (count << shift) + (count << shift) / 2 <= wanted) {
        shift++;
    }
    return shift;
}

static bool take_switch(const char *key, const char *text, bool *value, GError **error)
{
    *value = g_str_equal(text, "on");
    if (!*value && !g_str_equal(text, "off")) {
        error_set(error, ERROR_INVALID, "%s is on or off, not '%s'", key, text);
        return false;
    }
    return true;
}

static bool take_shift(const char *text, GError **error)
{
    char *end;
    guint64 shift = g_ascii_strtoull(text, &end, 10);

    chosen.automatic = g_str_equal(text, "auto");
    if (!chosen.automatic && (!g_ascii_isdigit(*text) || *end || shift > ICOUNT_MAX_SHIFT)) {
        error_set(error, ERROR_INVALID, "shift is auto or a number from 0 to %u, not '%s'",
                  ICOUNT_MAX_SHIFT, text);
        return false;
    }
    chosen.shift = chosen.automatic ? FIRST_SHIFT : shift;
    chosen.on = true;
    return true;
}

static bool take_option(const char *key, const char *text, GError **error)
{
    if (g_str_equal(key, "shift")) {
        return take_shift(text, error);
    }
    if (g_str_equal(key, "sleep")) {
        return take_switch(key, text, &chosen.sleep, error);
    }
    if (g_str_equal(key, "align")) {
        return take_switch(key, text, &chosen.align, error);
    }
    if (g_str_equal(key, "rr") || g_str_equal(key, "rrfile") || g_str_equal(key, "rrsnapshot")) {
        error_set(error, ERROR_INVALID, "%s: recording and replaying what comes from outside is not "
                  "supported", key);
        return false;
    }
    error_set(error, ERROR_INVALID, "there is no option '%s'; there are shift, sleep and align", key);
    return false;
}

bool icount_configure(GVariant *options, GError **error)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, options);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autofree char *text = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
            ? g_variant_dup_string(value, NULL) : g_variant_print(value, FALSE);
        g_variant_unref(value);
        if (!take_option(key, text, error)) {
            return false;
        }
    }
    if (!chosen.on) {
        error_set(error, ERROR_INVALID, "shift=N is missing: an instruction takes 2 to the power of N "
                  "nanoseconds (auto: as real time goes)");
        return false;
    }
    if (chosen.automatic && (chosen.align || !chosen.sleep)) {
        error_set(error, ERROR_INVALID, "shift=auto follows real time: it excludes %s",
                  chosen.align ? "align=on" : "sleep=off");
        return false;
    }
    if (chosen.align && !chosen.sleep) {
        error_set(error, ERROR_INVALID, "align=on keeps to real time and sleep=off does not: they "
                  "exclude each other");
        return false;
    }
    return true;
}
