/* SPDX-License-Identifier: MIT */
#include "hw/rtc/calendar.h"

#include <stdio.h>
#include <string.h>

#define DAYS_PER_ERA   146097   /* 400 years */
#define FIRST_SECOND   (-62167219200ll)   /* 0000-01-01 */
#define LAST_SECOND    253402300799ll     /* 9999-12-31 23:59:59 */

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/*
 * Days since 1970-01-01. Years are counted from March, so that the leap day is the
 * last one; months from March have (153 m + 2) / 5 days before them.
 */
static int64_t days_of(int64_t year, int month, int64_t day)
{
    int64_t from_march = year - (month <= 2);
    int64_t era = floor_divide(from_march, 400), year_of_era = from_march - era * 400;
    int64_t day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;

    return era * DAYS_PER_ERA + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
           day_of_year - 719468;
}

int64_t calendar_to_seconds(const CalendarTime *time)
{
    int64_t years = floor_divide((int64_t)time->month - 1, 12);
    int month = time->month - 1 - years * 12 + 1;

    return days_of(time->year + years, month, time->day) * SECONDS_PER_DAY +
           time->hour * 3600ll + time->minute * 60ll + time->second;
}

CalendarTime calendar_from_seconds(int64_t seconds)
{
    int64_t inside = seconds < FIRST_SECOND ? FIRST_SECOND
                   : seconds > LAST_SECOND ? LAST_SECOND : seconds;
    int64_t days = floor_divide(inside, SECONDS_PER_DAY);
    int32_t rest = inside - days * SECONDS_PER_DAY;
    int64_t era = floor_divide(days + 719468, DAYS_PER_ERA);
    int64_t day = days + 719468 - era * DAYS_PER_ERA;
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    int32_t month = (5 * day_of_year + 2) / 153;

    return (CalendarTime){
        .year = year + era * 400 + (month >= 10), .month = month < 10 ? month + 3 : month - 9,
        .day = day_of_year - (153 * month + 2) / 5 + 1,
        .hour = rest / 3600, .minute = rest / 60 % 60, .second = rest % 60,
    };
}

unsigned calendar_weekday(int64_t seconds)
{
    int64_t days = floor_divide(seconds, SECONDS_PER_DAY) + 4;   /* 1970-01-01 was a Thursday */

    return days - floor_divide(days, 7) * 7;
}

bool calendar_parse(const char *text, int64_t *seconds)
{
    CalendarTime time = { 0 }, back;
    int used = 0;

    if (sscanf(text, "%4d-%2d-%2d%n", &time.year, &time.month, &time.day, &used) != 3) {
        return false;
    }
    text += used;
    used = 0;
    if (*text && (sscanf(text, "T%2d:%2d:%2d%n", &time.hour, &time.minute, &time.second,
                         &used) != 3 || text[used])) {
        return false;
    }
    *seconds = calendar_to_seconds(&time);
    back = calendar_from_seconds(*seconds);
    return memcmp(&time, &back, sizeof(time)) == 0;
}
