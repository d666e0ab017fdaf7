/* SPDX-License-Identifier: MIT */
/*
 * hpet: the high precision event timer, to the IA-PC HPET specification 1.0a: a
 * 64-bit counter at 100 MHz and 3 to 32 comparators, each periodic or not, 64 or
 * 32 bits wide, edge or level triggered or by message (property "msi").
 *
 * Line n of the pin "irq" is global system interrupt n. While legacy replacement
 * is on, timer 0 drives line 0, timer 1 line 8, and the pin "legacy" is high; the
 * board leads it to what keeps the PIT and the RTC from these lines.
 *
 * Interrupts of a periodic timer come at least 20 µs apart; faster ones are taken
 * together. A write of the low half of a comparator in periodic mode ends the
 * effect of VAL_SET; who sets 64 bits by halves writes the high half first.
 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "hw/core/device.h"

#define HPET_TIMERS 32
#define HPET_LINES  32

enum { HPET_PIN_IRQ, HPET_PIN_LEGACY };

typedef struct HpetComparator {
    uint64_t config;
    uint64_t comparator;
    uint64_t period;
    uint64_t message;       /* FSB route: address in bits 63-32, data in bits 31-0 */
    bool value_set;         /* TN_VAL_SET_CNF: the next write sets the comparator */
} HpetComparator;

typedef struct Hpet {
    Device device;
    /* properties */
    uint8_t count;
    bool msi;
    uint32_t routes;        /* interrupts that timers can be routed to */
    /* state */
    uint64_t config, status;
    uint64_t counter;       /* at `stamp`; while it is halted, always */
    int64_t stamp;          /* virtual ns */
    HpetComparator comparators[HPET_TIMERS];
    Timer timers[HPET_TIMERS];
} Hpet;

extern const DeviceType hpet_type;

#endif
