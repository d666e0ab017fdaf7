/* SPDX-License-Identifier: MIT */
/*
 * The machine lock: one lock over the composition tree, the memory map and
 * every device's state. The core takes it before a device is called; it is
 * dropped around guest execution and while the main loop sleeps.
 */
#ifndef BASE_LOCK_H
#define BASE_LOCK_H

#include <glib.h>
#include <stdbool.h>

extern _Thread_local bool machine_lock_is_held;

void machine_lock(void);
void machine_unlock(void);

/* Waits on `condition` with the machine lock dropped. */
void machine_lock_wait(GCond *condition);

/* Until g_get_monotonic_time() is `end`, at the latest; false: it is. */
bool machine_lock_wait_until(GCond *condition, gint64 end);

static inline bool machine_lock_held(void)
{
    return machine_lock_is_held;
}

#endif
