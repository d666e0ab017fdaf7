/* SPDX-License-Identifier: MIT */
/* Three CPUs with local APICs, and the window for messages, on the chips' bench. */
#ifndef TESTS_UNIT_CHIPS_APIC_BENCH_H
#define TESTS_UNIT_CHIPS_APIC_BENCH_H

#include "hw/intc/apic.h"
#include "tests/unit/chips/bench.h"

/* Offsets in the registers' page. */
enum {
    ID = 0x20, VERSION = 0x30, TPR = 0x80, APR = 0x90, PPR = 0xa0, EOI = 0xb0, LDR = 0xd0,
    DFR = 0xe0, SVR = 0xf0, ISR = 0x100, TMR = 0x180, IRR = 0x200, ESR = 0x280, ICR = 0x300,
    ICR2 = 0x310, LVT_TIMER = 0x320, LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_ERROR = 0x370,
    INITIAL = 0x380, CURRENT = 0x390, DIVIDE = 0x3e0,
};

#define WINDOW 0xfee00000u
#define X2APIC_BASE (WINDOW | 0xc00)     /* of IA32_APIC_BASE, in that mode */
#define CPUS 3

/* What a CPU's APIC has told it. */
typedef struct Seen {
    bool interrupt;
    unsigned nmi, smi, init, startup;
    uint8_t page;
} Seen;

extern Device *cpus[CPUS], *apics[CPUS];
extern Seen seen[CPUS];

/* The CPUs' time stamp counter: so much a nanosecond, from `tsc_zero` on; 0 stands still. */
extern unsigned tsc_rate;
extern int64_t tsc_zero;

/* g_test_init(), and the CPUs' type. */
void start_tests(int *argc, char ***argv);

/* A bench with them, enabled, CPU n with the logical identifier 1 << n; and its end. */
void up(void);
void down(void);
/* The parts of up(): between bench_new() and bench_up(), and behind it. */
void add_cpus(void);
void attach_cpus(void);

/* A message from a device to all of them. */
void message(uint32_t address_bits, uint32_t data);
/* A CPU's register. */
uint32_t get(unsigned cpu, uint32_t reg);
void put(unsigned cpu, uint32_t reg, uint32_t value);
/* Whether a vector's bit is set in ISR, TMR or IRR. */
bool vector_in(unsigned cpu, uint32_t set, uint8_t vector);

#endif
