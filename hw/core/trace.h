/* SPDX-License-Identifier: MIT */
/*
 * The names of trace points: TYPE.REGISTER of every device type, and those that types without registers
 * list in an interface.
 */
#ifndef HW_CORE_TRACE_H
#define HW_CORE_TRACE_H

#include <glib.h>
#include <stdbool.h>

/* Interface.ops: a NULL-terminated array of names. */
#define TRACE_POINTS_INTERFACE "trace-points"

typedef void (*TracePointVisit)(const char *name, void *opaque);
void trace_points_foreach(TracePointVisit visit, void *opaque);

/* Is there a trace point that this matches, a pattern of log_trace_enable()? The error names the nearest. */
bool trace_pattern_check(const char *pattern, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The same for each "trace:PATTERN" in a list of log items. */
bool trace_items_check(const char *items, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
