/* SPDX-License-Identifier: MIT */
/*
 * Counters as a function of time: a chip's counter is not counted, it follows
 * from a moment at which its value was known and from the frequency of its clock.
 */
#ifndef HW_TIMER_TICKS_H
#define HW_TIMER_TICKS_H

#include "hw/core/time.h"

/* A moment that no timer is armed for. */
#define TIME_NEVER INT64_MAX

/* Whole ticks from `from` to `now`; 0 when `now` is not later. */
static inline uint64_t ticks_elapsed(int64_t from, int64_t now, uint64_t hz)
{
    return now > from ? time_scale((uint64_t)now - (uint64_t)from, hz, NANOSECONDS_PER_SECOND)
                      : 0;
}

/*
 * The first moment at which `ticks` have elapsed since `from` (not negative), or
 * TIME_NEVER when the clock stands or the moment is beyond the end of time.
 */
static inline int64_t ticks_time(int64_t from, uint64_t ticks, uint64_t hz)
{
    unsigned __int128 ns = hz ? ((unsigned __int128)ticks * NANOSECONDS_PER_SECOND + hz - 1) / hz
                              : (unsigned __int128)TIME_NEVER;

    return ns < (unsigned __int128)(TIME_NEVER - from) ? from + (int64_t)ns : TIME_NEVER;
}

/* Arms for a moment of ticks_time(), or cancels when that never comes. */
static inline void timer_set_moment(Timer *timer, int64_t moment)
{
    if (moment == TIME_NEVER) {
        timer_cancel(timer);
    } else {
        timer_set(timer, moment);
    }
}

#endif
