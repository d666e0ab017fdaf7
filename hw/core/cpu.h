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

/* Of a register, for debuggers: the widest one that there is. */
#define CPU_REGISTER_MAX 64

/*
 * Registers as debuggers number them, in the guest's byte order, from and to the state as last
 * synchronized. How they are numbered is told by `describe`: a target description of GDB
 * ("Debugging with GDB", appendix G), whose register numbers run from 0 without a gap.
 */
typedef struct CpuRegisterOps {
    unsigned (*count)(Cpu *cpu);
    /* Bytes of register `number`, below count: at most CPU_REGISTER_MAX. */
    unsigned (*get)(Cpu *cpu, unsigned number, uint8_t *bytes);
    /* `length` bytes; what is missing is 0, what is too much goes. False: it cannot be set. */
    bool (*set)(Cpu *cpu, unsigned number, const uint8_t *bytes, unsigned length);
    char *(*describe)(Cpu *cpu);                        /* the caller frees it */
} CpuRegisterOps;

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
    const CpuRegisterOps *registers;                    /* may be NULL */
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

/*
 * What x86 CPUs see in system management mode, as the chipset has it: `get` makes it when it is
 * first wanted, under the machine lock. NULL: the same as else.
 */
void cpu_set_smm_memory(AddressSpace *(*get)(void *opaque), void *opaque);
AddressSpace *cpu_smm_memory(void);

/*
 * -d cpu_reset: the registers of one CPU, from the state as last synchronized; or of all, before the
 * machine is reset. `load` is the accelerator's, and brings a CPU's state up to date; NULL: it is.
 */
void cpu_log_reset(Cpu *cpu);
void cpus_log_reset(void);
void cpu_set_load(void (*load)(Cpu *cpu));

/* The CPU whose thread this is, or NULL in other threads. */
extern _Thread_local Cpu *cpu_current;

#endif
