/* SPDX-License-Identifier: MIT */
/*
 * thread=single: CPUs have threads, but one at a time is in its guest. Who waits for its turn
 * ends that of another after SLICE; who halts or waits in a loop (jit_yield()) gives it away.
 * Time is the host's, so the order is, too; with -icount turns are counted instead (icount.c).
 *
 * All but what is atomic is under the machine lock, which nobody holds who is in a guest.
 */
#include "accel/jit/core.h"
#include "base/lock.h"

#define SLICE 10000   /* microseconds */

static struct {
    JitCpu *owner;       /* it is in its guest, or about to be; NULL: nobody */
    atomic_uint waiting;
    atomic_bool over;    /* the owner is to give its turn away */
} turn;

JitCpu *jit_next_cpu(const JitCpu *cpu, bool (*is_wanted)(JitCpu *cpu))
{
    unsigned count = vcpu_count(), at = 0;

    while (at < count && vcpu_at(at) != &cpu->vcpu) {
        at++;
    }
    for (unsigned i = 1; i <= count; i++) {
        JitCpu *other = (JitCpu *)vcpu_at((at + i) % count);
        if (other->core && is_wanted(other)) {
            return other;
        }
    }
    return NULL;
}

static bool waits(JitCpu *cpu)
{
    return cpu->core->waits_for_turn;
}

static void pass_on(JitCpu *cpu)
{
    if (turn.owner == cpu) {
        atomic_store(&turn.over, false);
        turn.owner = jit_next_cpu(cpu, waits);
        if (turn.owner) {
            g_cond_broadcast(&turn.owner->vcpu.wake);
        }
    }
}

/* It looks around, and finds that it is over. */
static void end_turn_of(JitCpu *owner)
{
    atomic_store(&turn.over, true);
    jit_attention(owner);
}

bool jit_turn_take(JitCpu *cpu)
{
    gint64 end;
    bool mine;

    machine_lock();
    turn.owner = turn.owner ? turn.owner : cpu;
    cpu->core->waits_for_turn = true;
    atomic_fetch_add(&turn.waiting, 1);
    end = g_get_monotonic_time() + SLICE;
    while (turn.owner != cpu && !vcpu_must_leave(&cpu->vcpu)) {
        if (!machine_lock_wait_until(&cpu->vcpu.wake, end)) {
            end_turn_of(turn.owner);
            end = g_get_monotonic_time() + SLICE;
        }
    }
    atomic_fetch_sub(&turn.waiting, 1);
    cpu->core->waits_for_turn = false;
    mine = !vcpu_must_leave(&cpu->vcpu);
    if (!mine) {
        pass_on(cpu);
    }
    machine_unlock();
    return mine;
}

void jit_turn_release(JitCpu *cpu)
{
    machine_lock();
    pass_on(cpu);
    machine_unlock();
}

bool jit_turn_is_over(void)
{
    return atomic_load_explicit(&turn.over, memory_order_relaxed);
}

void jit_yield(JitCpu *cpu)
{
    if (jit.single_turns && atomic_load_explicit(&turn.waiting, memory_order_relaxed)) {
        end_turn_of(cpu);
    }
}
