/* SPDX-License-Identifier: MIT */
/*
 * Virtual time that counts instructions (-icount).
 *
 * A block takes what it has instructions from JitCpu.budget, or is not entered when that is too
 * little. The budget is what is left until the next timer: the CPU comes out there, exactly,
 * since what does not fit is run an instruction at a time, and fires the timers itself. A block
 * that is left early, by an exception or by a jump out of its middle, counts as whole.
 *
 * CPUs run one at a time. The turn goes round by instructions counted, and to the next CPU that
 * has something to do when one halts; so the order does not depend on the host either. Who has
 * the turn when all are halted moves the clock to the next timer.
 *
 * With shift=auto the shift changes between blocks, so that virtual time goes as fast as real
 * time does.
 *
 * All but the budget is under the machine lock.
 */
#include <string.h>
#include <sys/random.h>

#include "accel/icount.h"
#include "accel/jit/core.h"
#include "base/lock.h"
#include "hw/core/time.h"

/* Instructions of a turn, if there is more than one CPU: from one half of this to one and a
 * half. */
#define TURN 20000
#define MAX_GRANT (1ll << 30)
/* A guest that is ahead of real time by so many nanoseconds waits (align=on). */
#define MAX_AHEAD 3000000

static struct {
    JitCpu *turn;
    int64_t executed;    /* instructions before the present grant */
    int64_t granted;     /* budget that the CPU whose turn it is began with */
    int64_t bias;        /* of the clock: time in which nothing was executed */
    int64_t turn_left;   /* instructions */
    int64_t ahead_base;  /* virtual minus real time when the machine began */
    bool based;
    uint64_t lengths;    /* of turns: the last number of a sequence */
    unsigned shift;
} counter;

/* With shift=auto: how it was when the shift was last looked at. */
static struct {
    int64_t real, ahead; /* real time then; what virtual time was before it at first */
    int64_t executed;
    int64_t idle;        /* real time since, in which nothing was executed */
} pace;

/* How often, in nanoseconds of real time; a machine that did not run for so much longer begins
 * anew. */
#define PACE_INTERVAL 50000000
#define PACE_PAUSE    (20 * PACE_INTERVAL)

static int64_t now(void)
{
    int64_t count = counter.executed;

    if (counter.turn) {
        count += counter.granted - counter.turn->budget;
    }
    return (count << counter.shift) + counter.bias;
}

void jit_icount_publish(const JitCpu *cpu)
{
    if (counter.turn == cpu) {
        time_virtual_set(now());
    }
}

static void account(JitCpu *cpu)
{
    int64_t used = counter.granted - cpu->budget;

    counter.executed += used;
    counter.turn_left -= used;
    counter.granted = cpu->budget = 0;
}

/* A timer is due earlier than was thought; what was granted may be too much. */
static void deadline_came_nearer(void)
{
    if (counter.turn) {
        jit_attention(counter.turn);
    }
}

void jit_icount_init(void)
{
    jit.icount = icount_options()->on;
    if (jit.icount) {
        memset(&counter, 0, sizeof(counter));
        counter.shift = icount_options()->shift;
        pace.real = 0;
        time_virtual_step_mode();
        time_on_nearer_virtual(deadline_came_nearer);
    }
}

void jit_icount_release(void)
{
    if (jit.icount) {
        time_on_nearer_virtual(NULL);
    }
    counter.turn = NULL;
}

void jit_icount_forget(JitCpu *cpu)
{
    if (counter.turn == cpu) {
        account(cpu);
        counter.turn = NULL;
    }
}

/* ---- turns ---- */

/*
 * Turns that are all of one length may end in the same place of a loop each time, and if that is
 * with a lock held, nobody else ever gets it. A linear congruential sequence is enough.
 */
static int64_t turn_length(void)
{
    counter.lengths = counter.lengths * 6364136223846793005ull + 1442695040888963407ull;
    return TURN / 2 + (int64_t)(counter.lengths >> 33) % TURN;
}

static bool can_run(JitCpu *cpu)
{
    return !cpu->vcpu.debug.frozen &&
           (!cpu->core->sleeping || cpu->arch->has_work(cpu));
}

static void give_turn(JitCpu *from, JitCpu *to)
{
    account(from);
    counter.turn = to;
    counter.turn_left = turn_length();
    g_cond_broadcast(&to->vcpu.wake);
}

bool jit_icount_has_turn(const JitCpu *cpu)
{
    return counter.turn == cpu;
}

bool jit_icount_take_turn(JitCpu *cpu)
{
    bool mine;

    machine_lock();
    if (!counter.turn) {
        counter.turn = (JitCpu *)vcpu_at(0);
        counter.turn_left = turn_length();
    }
    if (counter.turn != cpu && counter.turn->vcpu.debug.frozen) {
        give_turn(counter.turn, cpu);
    }
    while (counter.turn != cpu && !vcpu_must_leave(&cpu->vcpu)) {
        /* It may be waiting for somebody to have something to do. */
        g_cond_broadcast(&counter.turn->vcpu.wake);
        machine_lock_wait(&cpu->vcpu.wake);
    }
    mine = counter.turn == cpu;
    if (mine) {
        /* Restored state has brought its own time. */
        counter.bias += time_virtual() - now();
    }
    machine_unlock();
    return mine;
}

/* ---- between blocks ---- */

/* Real time went by slower than virtual time did. Returns under the lock. */
static void wait_for_real_time(JitCpu *cpu)
{
    int64_t ahead;

    if (!counter.based) {
        counter.ahead_base = now() - time_now(TIME_REAL);
        counter.based = true;
    }
    ahead = now() - time_now(TIME_REAL) - counter.ahead_base;
    if (ahead > MAX_AHEAD && !vcpu_must_leave(&cpu->vcpu)) {
        (void)machine_lock_wait_until(&cpu->vcpu.wake, g_get_monotonic_time() + ahead / 1000);
    }
}

/* shift=auto. Nothing is granted. */
static void follow_real_time(void)
{
    int64_t real = time_now(TIME_REAL), count = counter.executed - pace.executed;
    int64_t spent = real - pace.real - pace.idle, ahead = now() - real;
    unsigned shift;

    if (!pace.real || spent > PACE_PAUSE) {
        pace.ahead = ahead;
    } else if (spent < PACE_INTERVAL) {
        return;
    } else {
        shift = icount_fit(count, spent, ahead - pace.ahead);
        counter.bias += (counter.executed << counter.shift) - (counter.executed << shift);
        counter.shift = shift;
    }
    pace.real = real;
    pace.executed = counter.executed;
    pace.idle = 0;
}

static int64_t until_deadline(void)
{
    int64_t deadline = time_next_deadline(TIME_VIRTUAL);
    unsigned shift = counter.shift;
    int64_t wait = deadline - now();

    if (deadline < 0 || wait >= MAX_GRANT << shift) {
        return MAX_GRANT;
    }
    return MAX((wait + (1ll << shift) - 1) >> shift, 1);
}

bool jit_icount_between(JitCpu *cpu)
{
    JitCpu *next;

    jit_machine_lock(cpu);
    account(cpu);
    time_step_to(now());
    if (icount_options()->align) {
        wait_for_real_time(cpu);
    }
    if (icount_options()->automatic) {
        follow_real_time();
    }
    if (counter.turn_left <= 0) {
        next = jit_next_cpu(cpu, can_run);
        give_turn(cpu, next ? next : cpu);
    }
    if (counter.turn == cpu) {
        counter.granted = cpu->budget = until_deadline();
        if (vcpu_count() > 1) {
            counter.granted = cpu->budget = MIN(cpu->budget, counter.turn_left);
        }
    }
    jit_machine_unlock(cpu);
    /* A timer may have stopped the machine, at this very instruction. */
    return counter.turn == cpu && !vcpu_must_leave(&cpu->vcpu);
}

/* Nothing is to be done before `deadline`: virtual time gets there, or as far as real time did. */
static void sleep_until(JitCpu *cpu, int64_t deadline)
{
    int64_t start = time_now(TIME_REAL), wait = deadline - now(), slept;
    gint64 end = g_get_monotonic_time() + (wait + 999) / 1000;

    while (icount_options()->sleep && time_now(TIME_REAL) - start < wait) {
        if (vcpu_must_leave(&cpu->vcpu) || jit_next_cpu(cpu, can_run)) {
            slept = time_now(TIME_REAL) - start;
            counter.bias += CLAMP(slept, 0, wait);
            return;
        }
        (void)machine_lock_wait_until(&cpu->vcpu.wake, end);
    }
    counter.bias += MAX(wait, 0);
}

void jit_icount_idle(JitCpu *cpu)
{
    JitCpu *next;
    int64_t deadline, start = time_now(TIME_REAL);

    jit_machine_lock(cpu);
    account(cpu);
    next = jit_next_cpu(cpu, can_run);
    if (next) {
        if (next != cpu) {
            give_turn(cpu, next);
        }
    } else if ((deadline = time_next_deadline(TIME_VIRTUAL)) >= 0) {
        sleep_until(cpu, deadline);
        time_step_to(now());
        time_virtual_set(now());
    } else if (!vcpu_must_leave(&cpu->vcpu)) {
        machine_lock_wait(&cpu->vcpu.wake);
    }
    pace.idle += time_now(TIME_REAL) - start;
    jit_machine_unlock(cpu);
}

/* ---- for architectures ---- */

void jit_sync_time(const JitCpu *cpu)
{
    if (G_UNLIKELY(jit.icount)) {
        jit_icount_publish(cpu);
    }
}

static uint64_t next_of_sequence(void)
{
    static uint64_t state;
    uint64_t x = state += 0x9e3779b97f4a7c15ull;    /* an odd number near 2^64 / golden ratio */

    x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
    x = (x ^ x >> 32) * 0xd6e8feb86659fd93ull;
    return x ^ x >> 32;
}

uint64_t jit_random(void)
{
    uint64_t value = 0;

    if (jit.icount) {
        return next_of_sequence();
    }
    while (getrandom(&value, sizeof(value), 0) < 0) {
    }
    return value;
}
