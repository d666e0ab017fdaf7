/* SPDX-License-Identifier: MIT */
/* The log and its trace points. */
#include <string.h>

#include "base/log.h"
#include "hw/core/trace.h"
#include "monitor/hmp.h"
#include "monitor/modules.h"
#include "monitor/monitor.h"

typedef struct PointSearch {
    const char *pattern;
    GVariantBuilder *list;    /* of TraceEventInfo; may be NULL */
    Monitor *monitor;         /* to print to; may be NULL */
    bool found;
    NearestName nearest;
} PointSearch;

static void match_point(const char *name, void *opaque)
{
    PointSearch *search = opaque;
    bool on;

    nearest_name_offer(&search->nearest, name);
    if (!g_pattern_match_simple(search->pattern, name)) {
        return;
    }
    search->found = true;
    on = log_trace_wanted(name);
    if (search->list) {
        list_value(search->list, g_variant_new_parsed("{'name': <%s>, 'state': <%s>, "
                                                      "'vcpu': <false>}", name,
                                                      on ? "enabled" : "disabled"));
    }
    if (search->monitor) {
        monitor_printf(search->monitor, "%s : state %d\n", name, on);
    }
}

/* A name without a wildcard must be there. */
static bool search_points(PointSearch *search, GError **error)
{
    search->nearest = nearest_name_init(search->pattern);
    trace_points_foreach(match_point, search);
    if (!search->found && !strpbrk(search->pattern, "*?")) {
        error_set(error, ERROR_NOT_FOUND, "unknown event \"%s\"%s", search->pattern,
                  nearest_name_hint(&search->nearest));
        return false;
    }
    return true;
}

static bool set_points(const char *pattern, bool on, GError **error)
{
    PointSearch search = { .pattern = pattern };
    g_autofree char *off = g_strdup_printf("-%s", pattern);

    if (!search_points(&search, error)) {
        return false;
    }
    log_trace_enable(on ? pattern : off);
    return true;
}

/* ---- QMP ---- */

static GVariant *trace_event_get_state(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GVariantBuilder) list = LIST_INIT;
    PointSearch search = { .pattern = args_str(args, "name"), .list = &list };

    return search_points(&search, error) ? g_variant_builder_end(&list) : NULL;
}

static GVariant *trace_event_set_state(Monitor *monitor, GVariant *args, GError **error)
{
    return no_result(set_points(args_str(args, "name"), args_bool(args, "enable", false), error));
}

/* ---- the human side ---- */

static void info_trace_events(Monitor *monitor, GVariant *args, GError **error)
{
    const char *name = args_str(args, "name");
    PointSearch search = { .pattern = name ? name : "*", .monitor = monitor };

    (void)!search_points(&search, error);
}

static void trace_event(Monitor *monitor, GVariant *args, GError **error)
{
    (void)!set_points(args_str(args, "name"), args_bool(args, "option", false), error);
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
    log_mask = 0;
    if (!g_str_equal(items, "none") && !log_set_items(items, error)) {
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
