/* SPDX-License-Identifier: MIT */
#include "hw/core/time.h"

#include <glib.h>
#include <stdatomic.h>
#include <time.h>

/* A timer that re-arms itself in the past must not keep the main loop. */
#define MAX_FIRED_AT_ONCE 256

typedef struct TimerQueue {
    Timer **heap;           /* by (deadline, order) */
    unsigned count, room;
    uint64_t order;
} TimerQueue;

static TimerQueue queues[TIME_CLOCKS];
static void (*nearer_deadline)(void), (*nearer_virtual)(void);

static _Atomic bool virtual_running;
static _Atomic int64_t virtual_base;   /* running: now - monotonic; else: now */
static bool virtual_stepped;

/* ---- clocks ---- */

static int64_t host_clock(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return ts.tv_sec * NANOSECONDS_PER_SECOND + ts.tv_nsec;
}

int64_t time_now(TimeClock clock)
{
    switch (clock) {
    case TIME_HOST:
        return host_clock(CLOCK_REALTIME);
    case TIME_REAL:
        return host_clock(CLOCK_MONOTONIC);
    default:
        return atomic_load(&virtual_running)
            ? host_clock(CLOCK_MONOTONIC) + atomic_load(&virtual_base)
            : atomic_load(&virtual_base);
    }
}

void time_virtual_run(bool running)
{
    int64_t now = time_now(TIME_VIRTUAL);

    if (virtual_stepped || running == atomic_load(&virtual_running)) {
        return;
    }
    if (running) {
        atomic_store(&virtual_base, now - host_clock(CLOCK_MONOTONIC));
        atomic_store(&virtual_running, true);
        if (nearer_deadline) {
            nearer_deadline();
        }
    } else {
        atomic_store(&virtual_running, false);
        atomic_store(&virtual_base, now);
    }
}

void time_virtual_step_mode(void)
{
    time_virtual_run(false);
    virtual_stepped = true;
}

void time_virtual_set(int64_t now)
{
    atomic_store(&virtual_base, atomic_load(&virtual_running)
                 ? now - host_clock(CLOCK_MONOTONIC) : now);
}

/* ---- the queues: binary heaps ---- */

static bool fires_before(const Timer *a, const Timer *b)
{
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->order < b->order;
}

static void heap_put(TimerQueue *queue, unsigned at, Timer *timer)
{
    queue->heap[at] = timer;
    timer->slot = at + 1;
}

static void heap_up(TimerQueue *queue, unsigned at)
{
    Timer *timer = queue->heap[at];

    while (at && fires_before(timer, queue->heap[(at - 1) / 2])) {
        heap_put(queue, at, queue->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(queue, at, timer);
}

static void heap_down(TimerQueue *queue, unsigned at)
{
    Timer *timer = queue->heap[at];

    for (;;) {
        unsigned child = 2 * at + 1;
        if (child + 1 < queue->count &&
            fires_before(queue->heap[child + 1], queue->heap[child])) {
            child++;
        }
        if (child >= queue->count || !fires_before(queue->heap[child], timer)) {
            break;
        }
        heap_put(queue, at, queue->heap[child]);
        at = child;
    }
    heap_put(queue, at, timer);
}

void timer_init(Timer *timer, TimeClock clock, TimerCallback callback, void *opaque)
{
    *timer = (Timer){ .callback = callback, .opaque = opaque, .clock = clock };
}

void timer_cancel(Timer *timer)
{
    TimerQueue *queue = &queues[timer->clock];
    unsigned at = timer->slot - 1;
    Timer *last;

    if (!timer->slot) {
        return;
    }
    last = queue->heap[--queue->count];
    timer->slot = 0;
    if (last != timer) {
        heap_put(queue, at, last);
        heap_up(queue, at);
        heap_down(queue, last->slot - 1);
    }
}

void timer_set(Timer *timer, int64_t deadline)
{
    TimerQueue *queue = &queues[timer->clock];

    g_assert(timer->callback);
    timer_cancel(timer);
    timer->deadline = deadline;
    timer->order = queue->order++;
    if (queue->count == queue->room) {
        queue->room = queue->room ? 2 * queue->room : 32;
        queue->heap = g_renew(Timer *, queue->heap, queue->room);
    }
    heap_put(queue, queue->count++, timer);
    heap_up(queue, queue->count - 1);
    if (queue->heap[0] == timer && nearer_deadline) {
        nearer_deadline();
    }
    if (queue->heap[0] == timer && timer->clock == TIME_VIRTUAL && nearer_virtual) {
        nearer_virtual();
    }
}

/* ---- firing ---- */

static Timer *queue_pop(TimerQueue *queue, int64_t now)
{
    Timer *timer = queue->count ? queue->heap[0] : NULL;

    if (!timer || timer->deadline > now) {
        return NULL;
    }
    timer_cancel(timer);
    return timer;
}

void time_step_to(int64_t target)
{
    TimerQueue *queue = &queues[TIME_VIRTUAL];
    Timer *timer;

    while ((timer = queue_pop(queue, target))) {
        if (timer->deadline > atomic_load(&virtual_base)) {
            atomic_store(&virtual_base, timer->deadline);
        }
        timer->callback(timer->opaque);
    }
    if (target > atomic_load(&virtual_base)) {
        atomic_store(&virtual_base, target);
    }
}

int64_t time_next_deadline(TimeClock clock)
{
    return queues[clock].count ? queues[clock].heap[0]->deadline : -1;
}

static bool clock_runs(TimeClock clock)
{
    return clock != TIME_VIRTUAL || atomic_load(&virtual_running);
}

int64_t time_until_next(void)
{
    int64_t nearest = -1;

    for (TimeClock clock = 0; clock < TIME_CLOCKS; clock++) {
        if (queues[clock].count && clock_runs(clock)) {
            int64_t wait = queues[clock].heap[0]->deadline - time_now(clock);
            wait = MAX(wait, 0);
            nearest = nearest < 0 ? wait : MIN(nearest, wait);
        }
    }
    return nearest;
}

bool time_run_timers(void)
{
    unsigned fired = 0;

    for (TimeClock clock = 0; clock < TIME_CLOCKS; clock++) {
        Timer *timer;
        if (!clock_runs(clock) || !queues[clock].count) {
            continue;
        }
        while (fired < MAX_FIRED_AT_ONCE &&
               (timer = queue_pop(&queues[clock], time_now(clock)))) {
            fired++;
            timer->callback(timer->opaque);
        }
    }
    return fired > 0;
}

void time_on_nearer_deadline(void (*notify)(void))
{
    nearer_deadline = notify;
}

void time_on_nearer_virtual(void (*notify)(void))
{
    nearer_virtual = notify;
}
