/* SPDX-License-Identifier: MIT */
/* The log and its trace points. */
#include <string.h>

#include "base/log.h"
#include "hw/core/trace.h"
#include "monitor/hmp.h"
#include "monitor/modules.h"
#include "monitor/monitor.h"

typedef struct PointList {
    const char *pattern;
    GVariantBuilder *list;    /* of TraceEventInfo; may be NULL */
    Monitor *monitor;         /* to print to; may be NULL */
} PointList;

static void tell_point(const char *name, void *opaque)
{
    PointList *points = opaque;
    bool on;

    if (!g_pattern_match_simple(points->pattern, name)) {
        return;
    }
    on = log_trace_wanted(name);
    if (points->list) {
        list_value(points->list, g_variant_new_parsed("{'name': <%s>, 'state': <%s>, "
                                                      "'vcpu': <false>}", name,
                                                      on ? "enabled" : "disabled"));
    }
    if (points->monitor) {
        monitor_printf(points->monitor, "%s : state %d\n", name, on);
    }
}

/* To a program a pattern that matches nothing is an empty answer; a name has to be there. */
static bool check_name(const char *pattern, GError **error)
{
    return strpbrk(pattern, "*?") || trace_pattern_check(pattern, error);
}

static void set_points(const char *pattern, bool on)
{
    g_autofree char *off = g_strdup_printf("-%s", pattern);

    log_trace_enable(on ? pattern : off);
}

/* ---- QMP ---- */

static GVariant *trace_event_get_state(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GVariantBuilder) list = LIST_INIT;
    PointList points = { .pattern = args_str(args, "name"), .list = &list };

    if (!check_name(points.pattern, error)) {
        return NULL;
    }
    trace_points_foreach(tell_point, &points);
    return g_variant_builder_end(&list);
}

static GVariant *trace_event_set_state(Monitor *monitor, GVariant *args, GError **error)
{
    const char *name = args_str(args, "name");

    if (!check_name(name, error)) {
        return NULL;
    }
    set_points(name, args_bool(args, "enable", false));
    return no_result(true);
}

/* ---- the human side ---- */

/* For people a pattern that matches nothing is a mistake, too. */
static bool check_human(const char *pattern, GError **error)
{
    g_autoptr(GError) unknown = NULL;

    if (!trace_pattern_check(pattern, &unknown)) {
        error_set(error, ERROR_NOT_FOUND, "%s; 'info trace-events' lists them", unknown->message);
        return false;
    }
    return true;
}

static void info_trace_events(Monitor *monitor, GVariant *args, GError **error)
{
    const char *name = args_str(args, "name");
    PointList points = { .pattern = name ? name : "*", .monitor = monitor };

    if (check_human(points.pattern, error)) {
        trace_points_foreach(tell_point, &points);
    }
}

static void trace_event(Monitor *monitor, GVariant *args, GError **error)
{
    const char *name = args_str(args, "name");

    if (check_human(name, error)) {
        set_points(name, args_bool(args, "option", false));
    }
}

static void log_command(Monitor *monitor, GVariant *args, GError **error)
{
    const char *items = args_str(args, "items");
    unsigned before = log_mask;

    if (g_str_equal(items, "help")) {
        g_autofree char *help = log_items_help();
        monitor_puts(monitor, help);
        return;
    }
    if (!trace_items_check(items, error)) {
        return;
    }
    log_mask = 0;
    if (!log_set_items(items, error)) {
        log_mask = before;
    }
}

static void logfile(Monitor *monitor, GVariant *args, GError **error)
{
    (void)!log_open(args_str(args, "filename"), error);
}

static void add_word(const char *name, void *words)
{
    g_ptr_array_add(words, g_strdup(name));
}

static void complete_point(const char *prefix, GPtrArray *words)
{
    trace_points_foreach(add_word, words);
}

/* ---- the tables ---- */

static const char *const state_values[] = { "unavailable", "disabled", "enabled", NULL };

static const SchemaType types[] = {
    { .name = "TraceEventState", .values = state_values },
    { .name = "TraceEventInfo",
      .members = (const SchemaMember[]){ { "name", "str" }, { "state", "TraceEventState" },
                                         { "vcpu", "bool" }, { 0 } } },
    { 0 },
};

static const Command commands[] = {
    { .name = "trace-event-get-state", .help = "Trace points, by name or pattern.",
      .arguments = (const SchemaMember[]){ { "name", "str" }, { "vcpu", "int", true }, { 0 } },
      .returns = "[TraceEventInfo]", .handler = trace_event_get_state,
      .flags = COMMAND_PRECONFIG },
    { .name = "trace-event-set-state", .help = "Turn trace points on or off.",
      .arguments = (const SchemaMember[]){ { "name", "str" }, { "enable", "bool" },
                                           { "ignore-unavailable", "bool", true },
                                           { "vcpu", "int", true }, { 0 } },
      .handler = trace_event_set_state, .flags = COMMAND_PRECONFIG },
    { 0 },
};

static const HmpCommand hmp_commands[] = {
    { .name = "log", .params = "item1[,...]", .help = "activate logging of the specified items",
      .args = (const HmpArg[]){ { "items", HMP_WORD }, { 0 } }, .handler = log_command },
    { .name = "logfile", .params = "filename", .help = "output logs to 'filename'",
      .args = (const HmpArg[]){ { "filename", HMP_WORD }, { 0 } }, .handler = logfile },
    { .name = "trace-event", .params = "name on|off",
      .help = "changes status of a specific trace event",
      .args = (const HmpArg[]){ { "name", HMP_WORD, false, complete_point },
                                { "option", HMP_BOOL }, { 0 } },
      .handler = trace_event },
    { 0 },
};

static const HmpCommand hmp_infos[] = {
    { .name = "trace-events", .params = "[name]",
      .help = "show available trace-events & their state (name: event name pattern)",
      .args = (const HmpArg[]){ { "name", HMP_WORD, true, complete_point }, { 0 } },
      .handler = info_trace_events },
    { 0 },
};

const SchemaModule trace_module = {
    .title = "Log and trace", .types = types, .commands = commands,
    .hmp_commands = hmp_commands, .hmp_infos = hmp_infos,
};
