/* SPDX-License-Identifier: MIT */
/*
 * apic: the local APIC of an x86 CPU in userspace, in xAPIC and x2APIC mode (Intel
 * SDM volume 3, chapter 11). It is a child of its CPU object; apic-message.h is the
 * window through which CPUs and bus masters reach it, and apic_msr_read() and
 * apic_msr_write() are what a CPU in x2APIC mode has instead.
 *
 * The timer counts at the frequency of the clock "bus", 1 GHz unless the board
 * says otherwise; in TSC-deadline mode it follows the CPU's time stamp counter,
 * which the CPU's owner translates. The interrupts of a periodic timer come at
 * least 20 µs apart: faster ones are taken together, as the IRR bit would.
 *
 * An APIC whose id does not fit into xAPIC mode (255 and more) is reached there by
 * broadcasts, by logical destinations and by CPUs in x2APIC mode.
 *
 * After reset, LINT0 of the boot CPU is in ExtINT mode and not masked ("virtual
 * wire"), so that the interrupts of the 8259 reach a CPU whose APIC nobody has
 * set up; the SDM has it masked and leaves it to firmware.
 *
 * Not modelled: LVT CMCI, focus checking, and the APIC bus of the P6 with its
 * arbitration. The LVTs of the thermal sensor and of the performance counters hold
 * what is written; nothing raises them.
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
    /*
     * The virtual time in ns at which the CPU's time stamp counter reaches a value:
     * not after now if it has, TIME_NEVER if it never will. NULL: the timer has no
     * TSC-deadline mode that comes to an end.
     */
    int64_t (*tsc_to_virtual_ns)(void *opaque, uint64_t tsc);
} ApicCpuOps;

/* What CPUID offers of the APIC. */
enum { APIC_X2APIC = BIT(0), APIC_TSC_DEADLINE = BIT(1) };

typedef struct Apic {
    Device device;
    /* properties */
    uint32_t initial_id;
    uint8_t version;
    bool eoi_suppression;       /* SVR bit 12 can be set */
    /* registers, as they read */
    uint32_t id;                /* bits 31-24; all of it in x2APIC mode */
    uint32_t tpr, ldr, dfr, svr;
    uint32_t isr[8], tmr[8], irr[8];
    uint32_t esr, errors;       /* as latched by the last write; those since */
    uint32_t icr_low, icr_high;
    uint32_t lvt[APIC_LVTS];
    uint32_t initial_count, divide;
    /* the timer: it had `count` at `stamp` (virtual ns) */
    uint32_t count;
    int64_t stamp;
    uint64_t deadline;          /* MSR IA32_TSC_DEADLINE; 0: not armed */
    uint64_t base;              /* MSR IA32_APIC_BASE */
    bool lint[2];               /* the pins */
    bool extint;                /* a message in ExtINT mode waits */
    bool requests;              /* INTR as last told to the CPU */
    Timer timer;
    /* not saved */
    Cpu *cpu;
    const ApicCpuOps *ops;
    void *opaque;
    unsigned features;          /* APIC_X2APIC … */
    ChipBinding binding;
    struct Apic *next;
} Apic;

extern const DeviceType apic_type;

/* Of the APIC that is the CPU's child; NULL when it has none. */
Device *apic_of_cpu(const Cpu *cpu);
/* Whom it acts on. NULL: nobody; what would be done is logged. */
void apic_set_cpu_ops(Device *apic, const ApicCpuOps *ops, void *opaque);
/* APIC_X2APIC and APIC_TSC_DEADLINE as the CPU has them; both until it is said. */
void apic_set_features(Device *apic, unsigned features);

/*
 * The CPU takes an interrupt: the vector, or -1 when nothing waits. An ExtINT is
 * acknowledged at the 8259.
 */
int apic_acknowledge(Device *apic);
bool apic_requests(const Device *apic);

/* CR8 is bits 7-4 of the task priority. */
uint8_t apic_cr8(const Device *apic);
void apic_set_cr8(Device *apic, uint8_t value);

/*
 * MSR IA32_APIC_BASE. A false result is a #GP in the guest; nothing has changed then.
 * Changes of mode are those of SDM volume 3, 11.12.5.
 */
uint64_t apic_base(const Device *apic);
bool apic_set_base(Device *apic, uint64_t value, uint8_t physical_bits) G_GNUC_WARN_UNUSED_RESULT;

/*
 * MSRs 0x800 to 0x8ff, SDM volume 3, table 11-6. False is a #GP in the guest, also
 * for every one of them outside of x2APIC mode; nothing has changed then.
 */
#define APIC_MSR_FIRST 0x800u
#define APIC_MSR_LAST  0x8ffu
bool apic_in_x2apic_mode(const Device *apic);
bool apic_msr_read(Device *apic, uint32_t index, uint64_t *value) G_GNUC_WARN_UNUSED_RESULT;
bool apic_msr_write(Device *apic, uint32_t index, uint64_t value) G_GNUC_WARN_UNUSED_RESULT;

/*
 * MSR IA32_TSC_DEADLINE (SDM volume 3, 11.5.4.1): reads as zero and ignores writes
 * while the timer is in another mode. Whether the CPU has the MSR at all is the
 * caller's to check.
 */
#define APIC_MSR_TSC_DEADLINE 0x6e0u
uint64_t apic_tsc_deadline(Device *apic);
void apic_set_tsc_deadline(Device *apic, uint64_t tsc);
/* The time stamp counter was written or runs at another rate. */
void apic_tsc_changed(Device *apic);

/* Whether the register page is enabled and covers a physical address. */
bool apic_page_contains(const Device *apic, uint64_t address);
/* The CPU's accesses to its page; `offset` is a multiple of 4 below 4096. */
uint32_t apic_read(Device *apic, uint32_t offset);
void apic_write(Device *apic, uint32_t offset, uint32_t value);

/* A message to whom it may concern. */
void apic_deliver(const ApicMessage *message);

/*
 * The register page as SDM table 11-1 lays it out (1024 bytes, with the current
 * count), for a backend. In x2APIC mode ID and LDR have 32 bits there, and the
 * destination is in ICR_HIGH.
 */
#define APIC_PAGE_BYTES 1024
void apic_store_page(Device *apic, uint8_t *page);
void apic_load_page(Device *apic, const uint8_t *page);
/* The two MSRs as a backend has them, without the effects of writes; after the page. */
void apic_load_msrs(Device *apic, uint64_t base, uint64_t deadline);

#endif
