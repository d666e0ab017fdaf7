/* SPDX-License-Identifier: MIT */
/*
 * MONITOR and MWAIT: Intel SDM volume 2, and volume 3, 9.10.
 *
 * What is stored to the monitored line is not watched. A sleep ends by itself instead, after
 * less than a millisecond, as MWAIT may for reasons of its own; the program looks at the line
 * and sleeps again.
 */
#include "accel/jit/x86/system.h"

/* A CPU that has just slept and found nothing sleeps for longer. */
#define SLEEP_FIRST 50000
#define SLEEP_LAST  800000

/* IA32_MISC_ENABLE: without it the instructions are not there. */
#define MONITOR_ENABLED (1ull << 18)

enum { MASKED_INTERRUPTS_WAKE = 1 };

static void sleep_is_over(void *opaque)
{
    x86_ask(opaque, X86_ASKED_GO_ON);
}

void x86_mwait_create(X86Jit *cpu)
{
    timer_init(&cpu->mwait_timer, TIME_VIRTUAL, sleep_is_over, cpu);
}

void x86_mwait_destroy(X86Jit *cpu)
{
    timer_cancel(&cpu->mwait_timer);
}

void x86_mwait_end(X86Jit *cpu)
{
    if (cpu->events.mwait_asleep) {
        cpu->events.mwait_asleep = false;
        cpu->mp_state = X86_MP_RUNNABLE;
    }
}

void x86_mwait_restored(X86Jit *cpu)
{
    X86Events *e = &cpu->events;
    int64_t now = time_virtual();

    timer_cancel(&cpu->mwait_timer);
    e->mwait_asleep &= cpu->mp_state == X86_MP_RUNNABLE;
    e->mwait_length = MIN(e->mwait_length, SLEEP_LAST);
    if (e->mwait_asleep) {
        e->mwait_until = MIN(e->mwait_until, (uint64_t)now + SLEEP_LAST);
        timer_set(&cpu->mwait_timer, e->mwait_until);
        cpu->mp_state = X86_MP_HALTED;
    }
}

bool x86_mwait_enabled(const X86Jit *cpu)
{
    return cpu->misc_enable & MONITOR_ENABLED;
}

static uint64_t extensions(X86Jit *cpu, uint64_t known)
{
    uint64_t value = cpu->gpr[X86_RCX] & (x86_code64(cpu) ? UINT64_MAX : UINT32_MAX);

    if (!x86_mwait_enabled(cpu)) {
        x86_raise(cpu, X86_UD);
    }
    if (value & ~known) {
        x86_raise_gp(cpu, 0);
    }
    return value;
}

uint64_t x86_help_monitor(X86Jit *cpu, uint64_t address)
{
    extensions(cpu, 0);
    jit_load(&cpu->core, address, 1, x86_data_mode(cpu));
    cpu->events.mwait_armed = true;
    return 0;
}

static void fall_asleep(X86Jit *cpu)
{
    X86Events *e = &cpu->events;
    uint64_t now;

    jit_machine_lock(&cpu->core);
    now = time_virtual();
    e->mwait_length = now - e->mwait_until < e->mwait_length ? MIN(2 * e->mwait_length, SLEEP_LAST)
                                                             : SLEEP_FIRST;
    e->mwait_until = now + e->mwait_length;
    timer_set(&cpu->mwait_timer, e->mwait_until);
    jit_machine_unlock(&cpu->core);
    e->mwait_asleep = true;
    cpu->mp_state = X86_MP_HALTED;
}

uint64_t x86_help_mwait(X86Jit *cpu, uint64_t next)
{
    cpu->events.mwait_masked_wake = extensions(cpu, MASKED_INTERRUPTS_WAKE) & MASKED_INTERRUPTS_WAKE;
    cpu->rip = next;
    if (cpu->events.mwait_armed) {
        cpu->events.mwait_armed = false;
        fall_asleep(cpu);
    }
    x86_step_over(cpu, cpu->rflags & X86_TF);
    jit_leave(&cpu->core);
}
