/* SPDX-License-Identifier: MIT */
/*
 * vCPU threads: one for each CPU. A thread holds the machine lock except while
 * its accelerator's `run` executes the guest.
 *
 * A thread is made stopped. It runs between vcpus_resume() and vcpus_pause();
 * a pause returns when no CPU executes guest code or a device callback any more.
 * Unless said otherwise a function is called under the machine lock.
 */
#ifndef ACCEL_VCPU_H
#define ACCEL_VCPU_H

#include <pthread.h>
#include <stdatomic.h>

#include "hw/core/cpu.h"

typedef struct Vcpu Vcpu;

/* How much of a CPU's registers is written to the accelerator. */
typedef enum CpuStateLevel {
    CPU_STATE_RUNTIME, /* what a debugger or a device changes while the machine runs */
    CPU_STATE_RESET,   /* and what a reset sets: MP state, events, MSRs that keep history */
    CPU_STATE_FULL,    /* and time: the state comes from a file or another host */
} CpuStateLevel;

struct DebugPoint;

/* A debugger's single step; see accel/debug.h. */
typedef enum VcpuStep {
    VCPU_STEP_NONE,
    VCPU_STEP,             /* one instruction; an interrupt may come first */
    VCPU_STEP_NO_IRQ,      /* one instruction, and external interrupts wait */
} VcpuStep;

typedef enum VcpuReport {
    VCPU_REPORT_NONE,
    VCPU_REPORT_STEP,
    VCPU_REPORT_POINT,
} VcpuReport;

typedef struct VcpuDebug {
    bool changed;          /* set_debug() is to be called before the CPU runs */
    bool frozen;           /* the debugger keeps it stopped */
    uint8_t step;          /* VcpuStep */
    uint8_t report;        /* VcpuReport: why it stopped last */
    uint8_t kind;          /* of the point that it met: DebugKind */
    uint64_t address;      /* … and its address */
} VcpuDebug;

/* What an accelerator does for a vCPU; all but `run` and `kick` under the machine lock. */
typedef struct VcpuOps {
    size_t size;           /* of the accelerator's struct, whose first member is a Vcpu */
    const char *thread;    /* suffix of the thread's name: "CPU 0/KVM" */
    /* In the new thread. Failing, it leaves nothing to destroy. */
    bool (*create)(Vcpu *vcpu, GError **error);
    void (*destroy)(Vcpu *vcpu);
    /* Without the lock: runs the guest until vcpu_must_leave(), or it cannot go on. */
    void (*run)(Vcpu *vcpu);
    /* Any thread: makes `run` come out of the guest soon, also when it is not in it yet. */
    void (*kick)(Vcpu *vcpu);
    /* A halted CPU: has something come up that it must wake for? NULL: the accelerator halts. */
    bool (*has_work)(Vcpu *vcpu);
    /* Registers to and from cpu->state; in the vCPU's thread. */
    bool (*get_state)(Vcpu *vcpu, GError **error);
    bool (*put_state)(Vcpu *vcpu, CpuStateLevel level, GError **error);
    /* In the vCPU's thread. */
    void (*inject_nmi)(Vcpu *vcpu);
    /*
     * Debugging from outside: the points of accel/debug.h, or vcpu->debug.step, have changed
     * since the CPU ran last; in its thread. NULL: the accelerator cannot.
     */
    bool (*set_debug)(Vcpu *vcpu, GError **error);
    /* Can the point be set, beside those that are? NULL: any. */
    bool (*check_debug)(const struct DebugPoint *point, GError **error);
    /* A software breakpoint stands in guest memory: it is set where memory is mapped. */
    bool breaks_in_memory;
} VcpuOps;

typedef struct VcpuWork VcpuWork;

struct Vcpu {
    Cpu *cpu;
    const VcpuOps *ops;
    pthread_t thread;
    GCond wake;                 /* the thread waits here while it has nothing to run */
    GQueue work;                /* of VcpuWork */
    bool created, failed;
    bool stop, stopped;         /* asked to; and it did */
    bool remove, gone;
    bool broken;                /* an error ended it; until the next reset */
    bool held;                  /* it asked for what only the main loop does; until resume */
    CpuStateLevel put_level;    /* of the next write of the state */
    GError *error;              /* of create */
    VcpuDebug debug;
    atomic_bool leave;          /* `run` has to return */
    atomic_bool in_guest;
};

/* Makes the thread and waits until its vCPU is there. The CPU's `accel` is the Vcpu. */
bool vcpu_new(Cpu *cpu, const VcpuOps *ops, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Stops and joins the thread and destroys the vCPU. Accepts a CPU that has none. */
void vcpu_delete(Cpu *cpu);

static inline Vcpu *vcpu_of(const Cpu *cpu)
{
    return (Vcpu *)cpu->accel;
}

/* In order of their making. */
unsigned vcpu_count(void);
Vcpu *vcpu_at(unsigned n);

void vcpus_pause(void);
void vcpus_resume(void);
/* Keeps the calling thread's CPU, if it is one, from going on before the next resume. */
void vcpu_hold_current(void);
bool vcpus_paused(void);

/* For `run`: it has been asked to come back. Any thread. */
static inline bool vcpu_must_leave(const Vcpu *vcpu)
{
    return atomic_load_explicit(&vcpu->leave, memory_order_acquire);
}

/* Makes a vCPU look for what changed: out of the guest, or out of its sleep. */
void vcpu_kick(Vcpu *vcpu);

/*
 * Calls function(cpu, opaque) in the CPU's thread and waits for it; at once when
 * that is the calling thread, or when the CPU has no thread. The machine lock is
 * dropped meanwhile.
 */
typedef void (*VcpuFunction)(Cpu *cpu, void *opaque);
void vcpu_run_on(Cpu *cpu, VcpuFunction function, void *opaque);
/* The same without waiting; `destroy` (may be NULL) frees `opaque` afterwards. */
void vcpu_run_on_async(Cpu *cpu, VcpuFunction function, void *opaque, GDestroyNotify destroy);

/* The vCPU cannot go on: says why (the text names the CPU), stops the machine. */
void vcpu_break(Vcpu *vcpu, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * Around guest execution, without the machine lock: so that the memory map of
 * the accelerator can be changed while no CPU sees it. Enter waits while
 * somebody blocks guests; false: vcpu_must_leave().
 */
bool vcpu_enter_guest(Vcpu *vcpu);
void vcpu_leave_guest(Vcpu *vcpu);
/* Under the machine lock. Nests. Returns when no CPU but the caller's is in its guest. */
void vcpus_block_guests(void);
void vcpus_unblock_guests(void);

/*
 * Brings cpu->state up to date (get) and has it written back before the CPU runs
 * again. `level` of a mark is kept until then if it is higher.
 */
bool vcpu_load_state(Cpu *cpu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void vcpu_mark_state(Cpu *cpu, CpuStateLevel level);
/* Writes it now, where something was marked; in the vCPU's thread or with it stopped. */
bool vcpu_store_state(Cpu *cpu, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
