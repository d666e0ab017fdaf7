/* SPDX-License-Identifier: MIT */
/*
 * apic: the local APIC of an x86 CPU in userspace, in xAPIC mode (Intel SDM
 * volume 3, chapter 11). It is a child of its CPU object; apic-message.h is the
 * window through which CPUs and bus masters reach it.
 *
 * The timer counts at the frequency of the clock "bus", 1 GHz unless the board
 * says otherwise. The interrupts of a periodic timer come at least 20 µs apart:
 * faster ones are taken together, as the IRR bit would.
 *
 * After reset, LINT0 of the boot CPU is in ExtINT mode and not masked ("virtual
 * wire"), so that the interrupts of the 8259 reach a CPU whose APIC nobody has
 * set up; the SDM has it masked and leaves it to firmware.
 *
 * Not modelled: x2APIC mode (a base with EXTD set is refused), TSC-deadline mode
 * of the timer, LVT CMCI, suppression of the EOI broadcast, focus checking, and
 * the APIC bus of the P6 with its arbitration. The LVTs of the thermal sensor
 * and of the performance counters hold what is written; nothing raises them.
 */
#ifndef HW_INTC_APIC_H
#define HW_INTC_APIC_H

#include "hw/core/cpu.h"
#include "hw/intc/apic-message.h"
#include "hw/intc/backend.h"

enum { APIC_PIN_LINT, APIC_PIN_INTR };
enum { APIC_BANK_PAGE };
enum {
    APIC_LVT_TIMER, APIC_LVT_THERMAL, APIC_LVT_PERFORMANCE, APIC_LVT_LINT0, APIC_LVT_LINT1,
    APIC_LVT_ERROR, APIC_LVTS,
};

/* MSR IA32_APIC_BASE. */
#define APIC_BASE_BSP     BIT64(8)
#define APIC_BASE_EXTD    BIT64(10)
#define APIC_BASE_ENABLE  BIT64(11)
#define APIC_BASE_ADDRESS 0x000ffffffffff000ull

/*
 * What the APIC does to its CPU. Called under the machine lock, from any thread,
 * also from the CPU's own in the middle of an access: a hook notes what is asked
 * and wakes the CPU.
 */
typedef struct ApicCpuOps {
    void (*interrupt)(void *opaque, bool level);   /* INTR: apic_acknowledge() has a vector */
    void (*nmi)(void *opaque);
    void (*smi)(void *opaque);
    void (*init)(void *opaque);                    /* the APIC itself was reset before */
    void (*startup)(void *opaque, uint8_t page);   /* SIPI: start at page << 12 */
} ApicCpuOps;

typedef struct Apic {
    Device device;
    /* properties */
    uint32_t initial_id;
    uint8_t version;
    /* registers, as they read */
    uint32_t id;                /* bits 31-24 */
    uint32_t tpr, ldr, dfr, svr;
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t esr, errors;       /* as latched by the last write; those since */
    uint32_t icr_low, icr_high;
    uint32_t lvt[APIC_LVTS];
    uint32_t initial_count, divide;
    /* the timer: it had `count` at `stamp` (virtual ns) */
    uint32_t count;
    int64_t stamp;
    uint64_t base;              /* MSR IA32_APIC_BASE */
    bool lint[2];               /* the pins */
    bool extint;                /* a message in ExtINT mode waits */
    bool requests;              /* INTR as last told to the CPU */
    Timer timer;
    /* not saved */
    Cpu *cpu;
    const ApicCpuOps *ops;
    void *opaque;
    ChipBinding binding;
    struct Apic *next;
} Apic;

extern const DeviceType apic_type;

/* Of the APIC that is the CPU's child; NULL when it has none. */
Device *apic_of_cpu(const Cpu *cpu);
/* Whom it acts on. NULL: nobody; what would be done is logged. */
void apic_set_cpu_ops(Device *apic, const ApicCpuOps *ops, void *opaque);

/*
 * The CPU takes an interrupt: the vector, or -1 when nothing waits. An ExtINT is
 * acknowledged at the 8259.
 */
int apic_acknowledge(Device *apic);
bool apic_requests(const Device *apic);

/* CR8 is bits 7-4 of the task priority. */
uint8_t apic_cr8(const Device *apic);
void apic_set_cr8(Device *apic, uint8_t value);

/* MSR IA32_APIC_BASE. A false result is a #GP in the guest; nothing has changed then. */
uint64_t apic_base(const Device *apic);
bool apic_set_base(Device *apic, uint64_t value, uint8_t physical_bits) G_GNUC_WARN_UNUSED_RESULT;

/* Whether the register page is enabled and covers a physical address. */
bool apic_page_contains(const Device *apic, uint64_t address);
/* The CPU's accesses to its page; `offset` is a multiple of 4 below 4096. */
uint32_t apic_read(Device *apic, uint32_t offset);
void apic_write(Device *apic, uint32_t offset, uint32_t value);

/* A message to whom it may concern. */
void apic_deliver(const ApicMessage *message);

/*
 * The register page as SDM table 11-1 lays it out (1024 bytes, with the current
 * count), for a backend.
 */
#define APIC_PAGE_BYTES 1024
void apic_store_page(Device *apic, uint8_t *page);
void apic_load_page(Device *apic, const uint8_t *page);

#endif
