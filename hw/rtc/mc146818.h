/* SPDX-License-Identifier: MIT */
/*
 * mc146818rtc: the Motorola MC146818A real-time clock with 128 bytes of CMOS RAM,
 * as it is in a PC: index and data ports 0x70 and 0x71, a 32.768 kHz crystal, the
 * century in byte 0x32 (and 0x37).
 *
 * `base` is the time at start: "utc", "localtime" or a date ("2006-06-17T16:01:21",
 * "2006-06-17"); `clock` is what moves it: "host" (the host's wall clock), "rt" (a
 * monotonic one) or "vm" (virtual time). Periodic interrupts are in virtual time.
 * lost_tick_policy "slew" delivers periodic interrupts that were not read in time
 * one after the other; "discard" drops them.
 *
 * A time that is written while updates are not inhibited counts at once. A change of
 * DM or 24/12 without SET converts the time, which the chip leaves undefined.
 *
 * Not modelled: daylight saving (DSE), the square wave, time bases other than
 * 32.768 kHz (the clock stands still with them), the NMI mask in bit 7 of the
 * index, the extended bank of the PIIX4 at 0x72.
 */
#ifndef HW_RTC_MC146818_H
#define HW_RTC_MC146818_H

#include "hw/core/device.h"

#define RTC_BYTES 128

enum { RTC_PIN_IRQ, RTC_PIN_INHIBIT };
enum { RTC_BANK_PORTS, RTC_BANK_CMOS };

/* Bytes of the chip. */
enum {
    RTC_SECONDS = 0x00, RTC_SECONDS_ALARM, RTC_MINUTES, RTC_MINUTES_ALARM, RTC_HOURS,
    RTC_HOURS_ALARM, RTC_WEEKDAY, RTC_DAY, RTC_MONTH, RTC_YEAR, RTC_A, RTC_B, RTC_C, RTC_D,
};

/* Bytes that the firmware of a PC reads. */
enum {
    CMOS_SHUTDOWN = 0x0f,          /* shutdown status */
    CMOS_FLOPPIES = 0x10,          /* drive types: A in bits 7-4, B in 3-0 */
    CMOS_DISKS = 0x12,             /* hard disk types */
    CMOS_EQUIPMENT = 0x14,
    CMOS_BASE_MEMORY = 0x15,       /* KiB, 2 bytes */
    CMOS_EXTENDED_MEMORY = 0x17,   /* KiB above 1 MiB, at most 63 MiB; 2 bytes, also at 0x30 */
    CMOS_DISK0_TYPE = 0x19, CMOS_DISK1_TYPE = 0x1a,
    CMOS_EXTENDED_MEMORY2 = 0x30,
    CMOS_CENTURY = 0x32,
    CMOS_MEMORY_16M = 0x34,        /* 64 KiB units above 16 MiB, 2 bytes */
    CMOS_CENTURY_PS2 = 0x37,
    CMOS_BOOT_ORDER2 = 0x38, CMOS_BOOT_ORDER1 = 0x3d,
    CMOS_MEMORY_4G = 0x5b,         /* 64 KiB units above 4 GiB, 3 bytes */
    CMOS_CPU_COUNT = 0x5f,         /* processors - 1 */
};

extern const DeviceType mc146818_type;

/* The machine's first one, or NULL. */
Device *rtc_find(void);
/* Contents of CMOS RAM, for who prepares the machine. Time and registers A to D are refused. */
void rtc_cmos_set(Device *rtc, uint8_t index, uint8_t value);
uint8_t rtc_cmos_get(Device *rtc, uint8_t index);
/* The time that it shows, in seconds since 1970 (in whatever zone it runs). */
int64_t rtc_time(Device *rtc);

#endif
