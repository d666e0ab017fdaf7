/* SPDX-License-Identifier: MIT */
/*
 * A kernel to follow a script: KvmOps without a kernel. It keeps slots, dirty bits
 * and rings, routes and chips as the real one does, refuses what that refuses, and
 * fails any call that a test wants to fail. Guest "execution" is a queue of exits;
 * when that is empty a CPU stays in the guest until it is kicked.
 */
#ifndef TESTS_UNIT_KVM_SCRIPT_H
#define TESTS_UNIT_KVM_SCRIPT_H

#include "accel/kvm/ops.h"
#include "accel/kvm/uapi.h"
#include "qom/object.h"

#define SCRIPT_SLOTS 64
#define SCRIPT_CPUS  4
#define SCRIPT_RING  1024u

typedef struct ScriptSlot {
    bool used;
    uint64_t gpa, size;
    uint8_t *host;
    uint32_t flags;
    uint64_t *dirty;      /* the kernel's bitmap, while it is logged */
    uint64_t *open;       /* pages that are not protected: writes leave no trace */
} ScriptSlot;

/* What an entry to the guest comes to; the run area is filled in. Returns 0 or -errno. */
typedef int (*ScriptExit)(struct kvm_run *run);

typedef struct ScriptCpu {
    bool made;
    uint8_t *run;         /* of script_run_size bytes */
    struct kvm_dirty_gfn *ring;
    uint32_t ring_last, ring_reset;
    ScriptExit exits[32];
    unsigned exit_next, exit_count;
    bool inside;
    bool smm;             /* its writes go to address space 1 */
    struct kvm_lapic_state lapic;
    struct kvm_mp_state mp_state;
    struct kvm_regs regs;
    struct kvm_sregs2 sregs;
    struct kvm_guest_debug debug;
    struct kvm_xcrs xcrs;
    struct kvm_debugregs debugregs;
    struct kvm_vcpu_events events;
    uint8_t xsave[4096];
    uint64_t msr[256];    /* as Script.msrs counts them */
} ScriptCpu;

typedef struct ScriptDevice {
    uint32_t type;
    bool used;
} ScriptDevice;

typedef struct Script {
    /* what the test wants */
    int cap[512];             /* -1: as a good kernel has it */
    unsigned slot_limit;
    unsigned long fail_request;   /* this call … */
    unsigned fail_after;          /* … but not the first so many of it … */
    int fail_with;                /* … gives -errno */
    unsigned fail_call;           /* or call number so much of all (from 1); 0: none */
    const struct kvm_cpuid_entry2 *cpuid;   /* NULL: a CPU with what a 64-bit guest needs */
    unsigned cpuid_count;
    /* the ones that there are, at most 256; NULL: any, and none has a value */
    const uint32_t *msrs;
    unsigned msr_count;
    int (*device_attr)(unsigned long request, const struct kvm_device_attr *attr);
    int (*create_device)(struct kvm_create_device *request);
    /* what came of it */
    unsigned calls;
    unsigned violations;      /* a live slot was changed with a CPU in the guest */
    unsigned open_files, open_maps;
    char failed[64];          /* the name of the call that was made to fail */
    ScriptSlot slots[2 * SCRIPT_SLOTS];   /* then those of system management mode */
    ScriptCpu cpus[SCRIPT_CPUS];
    bool manual, initially_set;
    uint32_t ring_bytes;
    GString *log;             /* slots as they change: "+1 0x0-0x7fffff rl", "-1" */
    struct kvm_irq_routing *routing;
    unsigned routing_writes;
    GString *lines;           /* KVM_IRQ_LINE: "4=1 4=0" */
    GString *messages;        /* KVM_SIGNAL_MSI: "0xfee00000=0x31" */
    GString *ioeventfds;      /* "+p0x510/2", "-…" */
    struct kvm_irqchip chips[3];
    struct kvm_pit_state2 pit;
    unsigned interrupts[8], interrupt_count;  /* KVM_INTERRUPT */
    unsigned nmis, smis;
} Script;

extern Script script;
extern const KvmOps script_ops;
extern const size_t script_run_size;

/* A fresh kernel; kvm_ops point to it. */
void script_reset(void);

struct kvm_run *script_run(unsigned cpu);
void script_push(unsigned cpu, ScriptExit exit);
/*
 * Lets the threads go on until the CPU has done with all its exits: it is in the guest again,
 * or one of them has stopped the machine.
 */
void script_settle(unsigned cpu);

/* The guest writes; false when that is no memory it may write (an exit). */
bool script_guest_write(unsigned cpu, uint64_t gpa, uint8_t value);
/* Entry of the VM's ring of coalesced writes. */
void script_coalesce(bool pio, uint64_t address, uint8_t value);

/* "+0 0x0-0x7fffff rl": the slots by address. The caller frees it. */
char *script_slots(void);
/* Those of address space 1. */
char *script_smm_slots(void);

#endif
