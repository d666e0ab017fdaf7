/* SPDX-License-Identifier: MIT */
/* The log: what goes to it, and where it goes. */
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "hw/core/trace.h"
#include "vmm/options.h"
#include "vmm/start.h"

/* A name that nothing has is no mistake that a machine cannot run with. */
static void warn_unknown(const char *option, const GError *error)
{
    report_warning("-%s: %s; '-trace help' lists them", option, error->message);
}

static void enable_trace(const char *pattern)
{
    g_autoptr(GError) error = NULL;

    if (!trace_pattern_check(pattern, &error)) {
        warn_unknown("trace", error);
    }
    log_trace_enable(pattern);
}

/* A pattern a line; empty lines, and those that begin with '#', say nothing. */
static bool read_trace_events(const char *path, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents(path, &text, NULL, error)) {
        g_prefix_error(error, "-trace events=%s: ", path);
        return false;
    }
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line; line++) {
        const char *pattern = g_strstrip(*line);
        if (*pattern && *pattern != '#') {
            enable_trace(pattern);
        }
    }
    return true;
}

static bool start_trace(const char *text, GError **error)
{
    static const char *const known[] = { "enable", "events", "file", NULL };
    g_autoptr(GVariant) dict = option_parse_dict(text, "enable", error);
    const char *pattern, *events, *file;

    if (!dict) {
        g_prefix_error(error, "-trace %s: ", text);
        return false;
    }
    if (!option_check_keys("trace", dict, known, error)) {
        return false;
    }
    if (g_variant_lookup(dict, "enable", "&s", &pattern)) {
        enable_trace(pattern);
    }
    if (g_variant_lookup(dict, "events", "&s", &events) && !read_trace_events(events, error)) {
        return false;
    }
    if (g_variant_lookup(dict, "file", "&s", &file)) {
        if (option_given("D")) {
            error_set(error, ERROR_INVALID, "-trace file=%s: the log goes to one file, and -D names it",
                      file);
            return false;
        }
        return log_open(file, error);
    }
    return true;
}

bool start_logging(GError **error)
{
    GPtrArray *items = option_values("d"), *traces = option_values("trace");
    GPtrArray *filters = option_values("dfilter");

    for (guint i = 0; i < items->len; i++) {
        g_autoptr(GError) unknown = NULL;
        if (!log_set_items(items->pdata[i], error)) {
            return false;
        }
        if (!trace_items_check(items->pdata[i], &unknown)) {
            warn_unknown("d", unknown);
        }
    }
    for (guint i = 0; i < filters->len; i++) {
        if (!log_set_filter(filters->pdata[i], error)) {
            g_prefix_error(error, "-dfilter: ");
            return false;
        }
    }
    for (guint i = 0; i < traces->len; i++) {
        if (!start_trace(traces->pdata[i], error)) {
            return false;
        }
    }
    return !option_given("D") || log_open(option_value("D"), error);
}
