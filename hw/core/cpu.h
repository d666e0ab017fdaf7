/* SPDX-License-Identifier: MIT */
/*
 * The virtual CPU as devices, the monitor and accelerators see it. The
 * architecture's part is in arch/; who runs it is in accel/.
 */
#ifndef HW_CORE_CPU_H
#define HW_CORE_CPU_H

#include "base/disas.h"
#include "hw/core/device.h"

typedef struct Cpu Cpu;

/* What an architecture's CPU type supplies. */
typedef struct CpuOps {
    const char *arch;                                   /* "x86_64" */
    void (*print_registers)(Cpu *cpu, GString *out, bool all);
    uint64_t (*program_counter)(Cpu *cpu);
    /* One named register, from the state as last synchronized. */
    bool (*get_register)(Cpu *cpu, const char *name, uint64_t *value);
    bool (*set_register)(Cpu *cpu, const char *name, uint64_t value);
    /* Guest virtual to physical, by a walk of the page tables; false when unmapped. */
    bool (*translate)(Cpu *cpu, uint64_t virtual_address, uint64_t *physical);
    void (*inject_nmi)(Cpu *cpu);
    /* How the CPU would read code now. May be NULL. */
    DisasMode (*disas_mode)(Cpu *cpu);
    /* The page tables: a line a page (`info tlb`), a line a range (`info mem`). May be NULL. */
    void (*print_pages)(Cpu *cpu, GString *out);
    void (*print_ranges)(Cpu *cpu, GString *out);
} CpuOps;

struct Cpu {
    Device device;
    const CpuOps *ops;
    unsigned index;              /* 0 … cpus - 1 */
    uint64_t arch_id;            /* APIC id, MPIDR, … */
    unsigned socket, die, core, thread;
    AddressSpace *memory, *io;   /* as this CPU sees them */
    void *state;                 /* the architecture's registers (X86CpuState, …) */
    bool state_loaded;           /* `state` is newer than what the accelerator holds */
    bool halted;
    int thread_id;               /* host's, for query-cpus-fast */
    void *accel;                 /* the accelerator's own */
};

#define CPU(pointer) ((Cpu *)(pointer))

extern const DeviceType cpu_base_type;    /* "cpu" */

/* By index; NULL past the last one. */
Cpu *cpu_get(unsigned index);
unsigned cpu_count(void);
void cpu_register(Cpu *cpu);
void cpu_unregister(Cpu *cpu);

/* The CPU whose thread this is, or NULL in other threads. */
extern _Thread_local Cpu *cpu_current;

#endif
