/* SPDX-License-Identifier: MIT */
/*
 * Events: what happens without being asked for. Each goes, with the time it
 * was raised, to every QMP monitor that has finished its negotiation.
 */
#ifndef MONITOR_EVENTS_H
#define MONITOR_EVENTS_H

#include <glib.h>

/*
 * `name` stands in the schema. `data` is an "a{sv}", or NULL; a floating one is
 * consumed. May be called from every thread; what comes from another than the
 * main thread is sent by the main loop.
 */
void monitor_event(const char *name, GVariant *data);

/* Sends what waits for the main loop now. */
void monitor_events_flush(void);

#endif
