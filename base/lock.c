/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

_Thread_local bool machine_lock_is_held;

/*
 * A CPU in a loop of port accesses takes and drops the lock all the time, and
 * would keep a sleeping waiter out. Who waits holds the gate, so it is next.
 */
static GMutex gate, mutex;

void machine_lock(void)
{
    g_assert(!machine_lock_is_held);
    g_mutex_lock(&gate);
    g_mutex_lock(&mutex);
    g_mutex_unlock(&gate);
    machine_lock_is_held = true;
}

void machine_unlock(void)
{
    g_assert(machine_lock_is_held);
    machine_lock_is_held = false;
    g_mutex_unlock(&mutex);
}

void machine_lock_wait(GCond *condition)
{
    g_assert(machine_lock_is_held);
    machine_lock_is_held = false;
    g_cond_wait(condition, &mutex);
    machine_lock_is_held = true;
}

bool machine_lock_wait_until(GCond *condition, gint64 end)
{
    bool woken;

    g_assert(machine_lock_is_held);
    machine_lock_is_held = false;
    woken = g_cond_wait_until(condition, &mutex, end);
    machine_lock_is_held = true;
    return woken;
}
