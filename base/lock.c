/* SPDX-License-Identifier: MIT */
#include "base/lock.h"

_Thread_local bool machine_lock_is_held;

static GMutex mutex;

void machine_lock(void)
{
    g_assert(!machine_lock_is_held);
    g_mutex_lock(&mutex);
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
