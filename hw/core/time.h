/* SPDX-License-Identifier: MIT */
/*
 * Time, in nanoseconds. Devices use the virtual clock only: it stops with the
 * machine, and under qtest it moves by clock_step alone. All of it is under the
 * machine lock, but the reading of a clock, which any thread may do.
 */
#ifndef HW_CORE_TIME_H
#define HW_CORE_TIME_H

#include <stdbool.h>
#include <stdint.h>

#define NANOSECONDS_PER_SECOND 1000000000ll

typedef enum TimeClock {
    TIME_VIRTUAL,   /* runs while the machine runs */
    TIME_HOST,      /* the host's wall clock, since 1970 */
    TIME_REAL,      /* monotonic, runs always */
    TIME_CLOCKS,
} TimeClock;

int64_t time_now(TimeClock clock);

static inline int64_t time_virtual(void)
{
    return time_now(TIME_VIRTUAL);
}

/* a * b / c without overflow in between; c > 0. */
static inline uint64_t time_scale(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}

typedef void (*TimerCallback)(void *opaque);

/* Embedded in its user; zero is a timer that is not initialized. */
typedef struct Timer {
    TimerCallback callback;
    void *opaque;
    int64_t deadline;       /* valid while armed */
    uint64_t order;         /* among equal deadlines, first set fires first */
    TimeClock clock;
    unsigned slot;          /* 1 + index in the queue; 0: not armed */
} Timer;

void timer_init(Timer *timer, TimeClock clock, TimerCallback callback, void *opaque);
/* Fires once, at or after the deadline; a deadline in the past fires at once. */
void timer_set(Timer *timer, int64_t deadline);
/* Harmless when it is not armed or not initialized. */
void timer_cancel(Timer *timer);
static inline bool timer_armed(const Timer *timer)
{
    return timer->slot != 0;
}

/* ---- for the core and the accelerators ---- */

/* The virtual clock stops and goes on with the machine. */
void time_virtual_run(bool running);
/* From now on the virtual clock stands and moves by time_step_to() only (qtest, counted time). */
void time_virtual_step_mode(void);
/* Moves the stepped clock to `target`, firing what is due on the way, in order. */
void time_step_to(int64_t target);
/* Sets the virtual clock (restoring saved state); timers do not fire by it. */
void time_virtual_set(int64_t now);
/* The earliest virtual deadline, or -1. */
int64_t time_next_deadline(TimeClock clock);

/* Nanoseconds until the main loop has to call time_run_timers(); -1: never. */
int64_t time_until_next(void);
/* Fires what is due on all clocks. Returns whether anything fired. */
bool time_run_timers(void);
/* Called when the earliest deadline of a running clock came nearer: wakes the main loop. */
void time_on_nearer_deadline(void (*notify)(void));
/* The same for the virtual clock while it is stepped: for who steps it. */
void time_on_nearer_virtual(void (*notify)(void));

#endif
