/* SPDX-License-Identifier: MIT */
/* The Gregorian calendar in both directions, for clocks of any board. */
#ifndef HW_RTC_CALENDAR_H
#define HW_RTC_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define SECONDS_PER_DAY 86400

typedef struct CalendarTime {
    int32_t year;            /* 2024 */
    int32_t month, day;      /* from 1 */
    int32_t hour, minute, second;
} CalendarTime;

/* Seconds since 1970-01-01 00:00:00. Fields beyond their ranges carry over. */
int64_t calendar_to_seconds(const CalendarTime *time);
/* Years 0 to 9999; what lies outside comes out as the nearest moment inside. */
CalendarTime calendar_from_seconds(int64_t seconds);
/* 0 is Sunday. */
unsigned calendar_weekday(int64_t seconds);
/* "2006-06-17T16:01:21" or "2006-06-17". */
bool calendar_parse(const char *text, int64_t *seconds);

#endif
