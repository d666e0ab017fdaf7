/* SPDX-License-Identifier: MIT */
/* The machine as clients see it: answers of query-machines, query-cpus-fast and the like. */
#ifndef MONITOR_MACHINE_VIEW_H
#define MONITOR_MACHINE_VIEW_H

#include <glib.h>
#include <stdbool.h>

#include "hw/core/cpu.h"
#include "hw/core/machine.h"

/* All are floating arrays "av", or NULL with an error. */
GVariant *machine_view_boards(GError **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *machine_view_cpus(void);
GVariant *machine_view_cpu_slots(GError **error) G_GNUC_WARN_UNUSED_RESULT;
GVariant *machine_view_cpu_definitions(GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* {"model": {"name", "props"}} */
GVariant *machine_view_expand_cpu(GVariant *model, bool full, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* "550e8400-e29b-…"; all zeros when none was given. The caller frees it. */
char *machine_view_uuid(void);

/* What all objects with QUERY_INTERFACE answer to a command, in one array. */
GVariant *machine_view_query(const char *command);

/*
 * What devices (DeviceType.topic) and objects (QUERY_INTERFACE) below `root`,
 * or everywhere when it is NULL, print to a topic; false: none of them does.
 */
bool machine_view_print(const char *topic, Object *root, GString *out);

#endif
