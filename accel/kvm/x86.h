/* SPDX-License-Identifier: MIT */
/* What of the KVM accelerator is x86's own. */
#ifndef ACCEL_KVM_X86_H
#define ACCEL_KVM_X86_H

#include "accel/debug.h"
#include "accel/kvm/kvm.h"
#include "arch/x86/cpu.h"

/* Pins of the I/O APIC: the first GSIs. */
#define KVM_IOAPIC_PINS 24

typedef struct KvmX86 {
    X86CpuidEntry *supported;     /* borrowed by `support` */
    X86CpuSupport support;
    uint32_t *msrs;               /* KVM_GET_MSR_INDEX_LIST, ascending */
    unsigned msr_count;
    uint32_t xsave_size;          /* bytes of KVM_GET_XSAVE2's answer */
    uint64_t mce_supported;       /* MCG_CAP bits */
    struct kvm_clock_data clock;  /* as of the last stop */
    bool clock_saved;
    bool page_tables_only;        /* the host has neither VMX nor SVM */
} KvmX86;

/* Registers of one vCPU beyond what X86CpuState has. */
typedef struct KvmX86Vcpu {
    KvmVcpu kvm;
    struct kvm_xsave *xsave;
    struct kvm_msrs *msrs;        /* room for all of the state's */
    uint64_t *msr_seen;           /* the state's MSRs as the kernel has them */
    Device *lapic;
    bool lapic_dirty;             /* its page is newer than the kernel's */
    bool smm_met;                 /* it has run in system management mode */
    bool io_pending;              /* the next KVM_RUN completes an access */
    /* Without local APICs in the kernel (`extint` also with the split chip). */
    bool intr, extint, nmi, init;
    int sipi;                     /* page to start at, or -1 */
} KvmX86Vcpu;

static inline KvmX86Vcpu *kvm_x86_vcpu(Vcpu *vcpu)
{
    return (KvmX86Vcpu *)vcpu;
}

static inline X86Cpu *kvm_x86_cpu(const KvmX86Vcpu *vcpu)
{
    return (X86Cpu *)vcpu->kvm.vcpu.cpu;
}

/* ---- x86.c: the VM ---- */

bool kvm_x86_init(Kvm *kvm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void kvm_x86_release(Kvm *kvm);
bool kvm_x86_attach(Kvm *kvm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void kvm_x86_detach(Kvm *kvm);
void kvm_x86_run_state(Kvm *kvm, bool running);

/* ---- x86-vcpu.c: CPUID and what else is set once ---- */

bool kvm_x86_vcpu_create(KvmX86Vcpu *vcpu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void kvm_x86_vcpu_destroy(KvmX86Vcpu *vcpu);

/* ---- x86-state.c, x86-msrs.c: registers ---- */

bool kvm_x86_get_state(Vcpu *vcpu, GError **error);
bool kvm_x86_put_state(Vcpu *vcpu, CpuStateLevel level, GError **error);
bool kvm_x86_msrs_init(KvmX86Vcpu *vcpu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool kvm_x86_get_msrs(KvmX86Vcpu *vcpu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool kvm_x86_put_msrs(KvmX86Vcpu *vcpu, CpuStateLevel level, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
bool kvm_x86_put_msr(KvmX86Vcpu *vcpu, uint32_t index, uint64_t value);
bool kvm_x86_get_msr(KvmX86Vcpu *vcpu, uint32_t index, uint64_t *value);
/* An access that the last exit began is done in the kernel, without running the guest. */
void kvm_x86_complete_io(KvmX86Vcpu *vcpu);

/* ---- x86-interrupt.c: local APICs that are not in the kernel ---- */

/* Before KVM_RUN; false: the CPU must not run now. */
bool kvm_x86_before_run(KvmX86Vcpu *vcpu);
void kvm_x86_after_run(KvmX86Vcpu *vcpu);
bool kvm_x86_has_work(Vcpu *vcpu);
void kvm_x86_inject_nmi(Vcpu *vcpu);
/* Of address space 1, what the kernel needs to have before a CPU enters system management mode. */
void kvm_x86_init_smm(Kvm *kvm);
/* An emulation failure was the first look for memory in that mode, which is there now: run
 * again. */
bool kvm_x86_smm_entered(KvmX86Vcpu *vcpu);
/* An MSR of a local APIC that is not in the kernel. */
bool kvm_x86_is_apic_msr(const KvmX86Vcpu *vcpu, uint32_t index);
void kvm_x86_bind_cpu(KvmX86Vcpu *vcpu);
void kvm_x86_unbind_cpu(KvmX86Vcpu *vcpu);

/* ---- chips.c: 8259, I/O APIC and local APICs in the kernel ---- */

bool kvm_chips_create(Kvm *kvm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool kvm_chips_attach(Kvm *kvm, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void kvm_chips_detach(Kvm *kvm);
void kvm_chips_bind_lapic(KvmX86Vcpu *vcpu);
void kvm_chips_unbind_lapic(KvmX86Vcpu *vcpu);
bool kvm_chips_put_lapic(KvmX86Vcpu *vcpu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* KVM_EXIT_IOAPIC_EOI, under the lock. */
void kvm_chips_end_of_interrupt(Kvm *kvm, uint8_t vector);

/* ---- chip-pit.c ---- */

bool kvm_pit_attach(Kvm *kvm, Device *device, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void kvm_pit_detach(Kvm *kvm);
void kvm_pit_run_state(Kvm *kvm, bool running);

/* ---- x86-debug.c: a debugger outside of the guest ---- */

bool kvm_x86_set_debug(Vcpu *vcpu, GError **error);
bool kvm_x86_check_debug(const DebugPoint *point, GError **error);
/* Breakpoints stand in guest memory while the CPUs run. */
void kvm_x86_debug_run_state(bool running);
/* KVM_EXIT_DEBUG, without the lock. */
bool kvm_x86_exit_debug(KvmVcpu *vcpu, struct kvm_run *run);

/* ---- x86-explain.c ---- */

/* Says what went wrong, with registers and the bytes at RIP, and breaks the vCPU. */
void kvm_x86_explain(KvmX86Vcpu *vcpu, const char *what);
/* "cmpxchg16b", "iret" …; NULL when it is none that emulators stumble over. */
const char *kvm_x86_instruction_name(const uint8_t *bytes, unsigned length, bool long_mode);
char *kvm_x86_internal_error_text(const struct kvm_run *run);

#endif
