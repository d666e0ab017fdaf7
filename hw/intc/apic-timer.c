/* SPDX-License-Identifier: MIT */
/* The timer of the local APIC: SDM volume 3, section 11.5.4. */
#include "base/log.h"
#include "hw/intc/apic-private.h"
#include "hw/timer/ticks.h"

/* A guest's period may be a nanosecond; nobody can take interrupts that fast. */
#define MIN_PERIOD_NS 20000

static uint64_t divisor(const Apic *apic)
{
    unsigned code = (apic->divide & 3) | (apic->divide >> 1 & 4);

    return 1ull << ((code + 1) & 7);
}

static uint64_t ticks_since(const Apic *apic, int64_t now)
{
    return ticks_elapsed(apic->stamp, now, clock_frequency(&apic->device, 0)) / divisor(apic);
}

/* The first moment at which so many ticks have passed. */
static int64_t time_of_tick(const Apic *apic, uint64_t ticks)
{
    return ticks > UINT64_MAX / divisor(apic) ? TIME_NEVER
        : ticks_time(apic->stamp, ticks * divisor(apic), clock_frequency(&apic->device, 0));
}

/* Bits 18-17 choose: one shot, periodic, TSC deadline; 3 is reserved and counts nothing. */
static bool is_periodic(const Apic *apic)
{
    return apic->lvt[APIC_LVT_TIMER] & APIC_LVT_PERIODIC;
}

bool apic_timer_in_deadline_mode(const Apic *apic)
{
    return apic->lvt[APIC_LVT_TIMER] & APIC_LVT_DEADLINE;
}

static uint32_t count_at(const Apic *apic, int64_t now)
{
    uint64_t ticks = ticks_since(apic, now);

    if (ticks < apic->count) {
        return apic->count - ticks;
    }
    if (!is_periodic(apic) || !apic->initial_count) {
        return 0;
    }
    return apic->initial_count - (ticks - apic->count) % apic->initial_count;
}

uint32_t apic_timer_count(Apic *apic)
{
    return count_at(apic, time_virtual());
}

void apic_timer_stop(Apic *apic)
{
    timer_cancel(&apic->timer);
    apic->initial_count = apic->count = 0;
    apic->deadline = 0;
}

/* A zero that has passed counts, even if the timer's turn has not come yet. */
void apic_timer_rebase(Apic *apic)
{
    int64_t now = time_virtual();

    if (timer_armed(&apic->timer) && apic->timer.deadline <= now) {
        timer_cancel(&apic->timer);
        apic->deadline = 0;
        apic_local_interrupt(apic, APIC_LVT_TIMER);
    }
    apic->count = count_at(apic, now);
    apic->stamp = now;
}

/* Ticks since the stamp until the next zero after `earliest`; UINT64_MAX: never. */
static uint64_t next_zero(const Apic *apic, uint64_t earliest)
{
    if (apic->count && apic->count > earliest) {
        return apic->count;
    }
    if (!is_periodic(apic) || !apic->initial_count) {
        return UINT64_MAX;
    }
    return apic->count +
           ((earliest - apic->count) / apic->initial_count + 1) * apic->initial_count;
}

/* Arms for the first zero after `from`. */
static void arm_after(Apic *apic, int64_t from)
{
    uint64_t zero;

    timer_cancel(&apic->timer);
    if ((apic->lvt[APIC_LVT_TIMER] & APIC_LVT_MASKED) || chip_is_bound(&apic->binding)) {
        return;
    }
    zero = next_zero(apic, ticks_since(apic, from));
    if (zero != UINT64_MAX) {
        timer_set_moment(&apic->timer, time_of_tick(apic, zero));
    }
}

/* SDM volume 3, 11.5.4.1. A masked entry lets the deadline pass without an interrupt. */
static void arm_deadline(Apic *apic)
{
    int64_t moment;

    timer_cancel(&apic->timer);
    if (!apic->deadline || chip_is_bound(&apic->binding)) {
        return;
    }
    if (!apic->ops || !apic->ops->tsc_to_virtual_ns) {
        log_unimplemented("apic %u: TSC deadline for a CPU without a time stamp counter",
                          apic_number(apic));
        return;
    }
    moment = apic->ops->tsc_to_virtual_ns(apic->opaque, apic->deadline);
    if (moment <= time_virtual()) {
        apic->deadline = 0;
        apic_local_interrupt(apic, APIC_LVT_TIMER);
    } else {
        timer_set_moment(&apic->timer, moment);
    }
}

/* From the stamp on, not from now: a short count may run out between two looks at the clock. */
void apic_timer_arm(Apic *apic)
{
    if (apic_timer_in_deadline_mode(apic)) {
        arm_deadline(apic);
    } else {
        arm_after(apic, apic->stamp);
    }
}

void apic_timer_start(Apic *apic)
{
    apic->count = apic->initial_count;
    apic->stamp = time_virtual();
    apic_timer_arm(apic);
}

void apic_timer_expired(Device *device, unsigned index)
{
    Apic *apic = APIC(device);
    bool fast = is_periodic(apic) &&
                time_of_tick(apic, apic->initial_count) - apic->stamp < MIN_PERIOD_NS;

    if (apic_timer_in_deadline_mode(apic)) {
        apic->deadline = 0;
        apic_local_interrupt(apic, APIC_LVT_TIMER);
        return;
    }
    apic_local_interrupt(apic, APIC_LVT_TIMER);
    arm_after(apic, time_virtual() + (fast ? MIN_PERIOD_NS : 0));
}

/* ---- IA32_TSC_DEADLINE ---- */

uint64_t apic_tsc_deadline(Device *device)
{
    Apic *apic = APIC(device);

    if (!apic_timer_in_deadline_mode(apic)) {
        return 0;
    }
    apic_timer_rebase(apic);
    apic_timer_arm(apic);
    device_update(device);
    return apic->deadline;
}

void apic_set_tsc_deadline(Device *device, uint64_t tsc)
{
    Apic *apic = APIC(device);

    if (!apic_timer_in_deadline_mode(apic)) {
        return;
    }
    apic->deadline = tsc;
    apic_timer_arm(apic);
    device_update(device);
}

void apic_tsc_changed(Device *device)
{
    if (apic_timer_in_deadline_mode(APIC(device))) {
        apic_timer_arm(APIC(device));
        device_update(device);
    }
}
