/* SPDX-License-Identifier: MIT */
/*
 * The JSON side of a control monitor, apart from its transport.
 */
#ifndef MONITOR_QMP_H
#define MONITOR_QMP_H

#include "monitor/monitor.h"
#include "monitor/schema.h"

/* Commands that wait in one session; beyond it no input is taken. */
#define QMP_QUEUE_MAX 8
/* Answers that wait to be read by the client, in bytes; beyond it no input is taken. */
#define QMP_UNREAD_MAX (1u << 20)

/*
 * Looks a command up, checks its arguments and calls it. `args` is an "a{sv}" or NULL.
 * Returns the result, not floating, or NULL with an error.
 */
GVariant *qmp_call(Monitor *monitor, const char *name, GVariant *args, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The class that a client sees for an error. */
const char *qmp_error_class(const GError *error);

/* {"qemu": {"micro", "minor", "major"}, "package"} */
GVariant *qmp_version(void);

/*
 * With this a result that does not fit the schema, and an event that does not,
 * end the program: it is our mistake. Tests and fuzzers set it.
 */
void qmp_set_strict(bool strict);

/* The negotiation of a session has succeeded. Other monitors take no notice. */
void qmp_negotiate(Monitor *monitor, bool oob);

/* Sends a finished event to all that have negotiated. */
void qmp_broadcast(GVariant *event);
/* When strict: whether the data fit the schema. */
void qmp_check_event(const Event *event, GVariant *data);

#endif
