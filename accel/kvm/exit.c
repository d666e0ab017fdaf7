/* SPDX-License-Identifier: MIT */
/*
 * Why KVM_RUN came back, and what is done about it: one function for each reason.
 * Ports and memory are the hot path: no allocation, no other system call, and the
 * machine lock only around a device.
 */
#include <errno.h>
#include <linux/kvm_para.h>
#include <string.h>

#include "accel/kvm/uapi.h"
#include "accel/kvm/x86.h"
#include "base/lock.h"
#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/intc/apic.h"

typedef bool (*ExitHandler)(KvmVcpu *vcpu, struct kvm_run *run);

/* ---- ports and memory ---- */

/* `count` accesses to one port, with the data one after the other. */
static bool exit_io(KvmVcpu *vcpu, struct kvm_run *run)
{
    AddressSpace *space = vcpu->vcpu.cpu->io;
    uint8_t *data = (uint8_t *)run + run->io.data_offset;
    unsigned size = run->io.size;

    kvm_x86_vcpu(&vcpu->vcpu)->io_pending = true;
    for (uint32_t i = 0; i < run->io.count; i++, data += size) {
        if (run->io.direction == KVM_EXIT_IO_OUT) {
            address_space_write(space, run->io.port, MEMORY_ATTRS_NONE, data, size);
        } else {
            address_space_read(space, run->io.port, MEMORY_ATTRS_NONE, data, size);
        }
    }
    return true;
}

static bool exit_mmio(KvmVcpu *vcpu, struct kvm_run *run)
{
    AddressSpace *space = vcpu->vcpu.cpu->memory;
    unsigned length = MIN(run->mmio.len, sizeof(run->mmio.data));

    kvm_x86_vcpu(&vcpu->vcpu)->io_pending = true;
    if (run->mmio.is_write) {
        address_space_write(space, run->mmio.phys_addr, MEMORY_ATTRS_NONE, run->mmio.data,
                            length);
    } else {
        address_space_read(space, run->mmio.phys_addr, MEMORY_ATTRS_NONE, run->mmio.data,
                           length);
    }
    return true;
}

/* ---- the CPU stops ---- */

/* Only without a local APIC in the kernel; the loop waits for an interrupt. */
static bool exit_hlt(KvmVcpu *vcpu, struct kvm_run *run)
{
    machine_lock();
    vcpu->vcpu.cpu->halted = true;
    machine_unlock();
    return false;
}

/* A triple fault: the processor shuts down, and the chipset of a PC answers with a reset. */
static bool exit_shutdown(KvmVcpu *vcpu, struct kvm_run *run)
{
    machine_lock();
    if (log_enabled(LOG_CPU_RESET)) {
        log_write(LOG_CPU_RESET, "CPU %u: triple fault", vcpu->vcpu.cpu->index);
    }
    vcpu->vcpu.broken = true;
    machine_request_reset(SHUTDOWN_GUEST_RESET);
    machine_unlock();
    return false;
}

static bool exit_system_event(KvmVcpu *vcpu, struct kvm_run *run)
{
    bool known = true;

    machine_lock();
    vcpu->vcpu.broken = true;
    switch (run->system_event.type) {
    case KVM_SYSTEM_EVENT_SHUTDOWN:
        machine_request_shutdown(SHUTDOWN_GUEST_SHUTDOWN);
        break;
    case KVM_SYSTEM_EVENT_RESET:
        machine_request_reset(SHUTDOWN_GUEST_RESET);
        break;
    case KVM_SYSTEM_EVENT_CRASH:
        machine_guest_panicked(NULL);
        break;
    case KVM_SYSTEM_EVENT_SUSPEND:
        machine_request_suspend();
        break;
    case KVM_SYSTEM_EVENT_WAKEUP:
        vcpu->vcpu.broken = false;
        machine_request_wakeup();
        break;
    default:
        known = false;
        break;
    }
    if (!known) {
        g_autofree char *text = g_strdup_printf("KVM tells of system event %u, which is not "
                                                "known", run->system_event.type);
        kvm_x86_explain(kvm_x86_vcpu(&vcpu->vcpu), text);
    }
    machine_unlock();
    return false;
}

static bool explain(KvmVcpu *vcpu, const char *text)
{
    machine_lock();
    kvm_x86_explain(kvm_x86_vcpu(&vcpu->vcpu), text);
    machine_unlock();
    return false;
}

static bool exit_fail_entry(KvmVcpu *vcpu, struct kvm_run *run)
{
    uint64_t reason = run->fail_entry.hardware_entry_failure_reason;
    bool guest_state = reason == 0x80000021;   /* SDM volume 3, 27.8: VM entry failures */
    g_autofree char *text = g_strdup_printf(
        "the processor refuses to run the guest (KVM_EXIT_FAIL_ENTRY, reason 0x%" PRIx64 "%s)",
        reason, guest_state ? ": its registers are in a state that this processor cannot enter; "
        "on one that cannot run real mode as it is, big real mode is such a state" : "");

    return explain(vcpu, text);
}

static bool exit_internal_error(KvmVcpu *vcpu, struct kvm_run *run)
{
    g_autofree char *text = NULL;

    if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && run->flags & KVM_RUN_X86_SMM &&
        kvm_x86_smm_entered(kvm_x86_vcpu(&vcpu->vcpu))) {
        return true;
    }
    text = kvm_x86_internal_error_text(run);
    return explain(vcpu, text);
}

static bool exit_unknown(KvmVcpu *vcpu, struct kvm_run *run)
{
    g_autofree char *text = g_strdup_printf("KVM does not know why the guest exited "
                                            "(KVM_EXIT_UNKNOWN, hardware reason 0x%" PRIx64 ")",
                                            (uint64_t)run->hw.hardware_exit_reason);

    return explain(vcpu, text);
}

static bool exit_exception(KvmVcpu *vcpu, struct kvm_run *run)
{
    g_autofree char *text = g_strdup_printf("an exception came out of the guest "
                                            "(KVM_EXIT_EXCEPTION: vector %u, error code 0x%x)",
                                            run->ex.exception, run->ex.error_code);

    return explain(vcpu, text);
}

static bool exit_memory_fault(KvmVcpu *vcpu, struct kvm_run *run)
{
    KvmMemoryFault fault;
    g_autofree char *text = NULL;

    memcpy(&fault, &run->padding, sizeof(fault));
    text = g_strdup_printf("the host cannot supply guest memory 0x%" PRIx64 "+0x%" PRIx64
                           " (KVM_EXIT_MEMORY_FAULT, flags 0x%" PRIx64 ")",
                           (uint64_t)fault.gpa, (uint64_t)fault.size, (uint64_t)fault.flags);
    return explain(vcpu, text);
}

/* ---- what needs a hand ---- */

static bool exit_nothing(KvmVcpu *vcpu, struct kvm_run *run)
{
    return true;
}

static bool exit_ioapic_eoi(KvmVcpu *vcpu, struct kvm_run *run)
{
    machine_lock();
    kvm_chips_end_of_interrupt(vcpu->kvm, run->eoi.vector);
    machine_unlock();
    return true;
}

static bool exit_dirty_ring_full(KvmVcpu *vcpu, struct kvm_run *run)
{
    return kvm_dirty_ring_full(vcpu);
}

/*
 * The kernel has no such MSR. Some are the local APIC's, where that is in the program; of the
 * others the guest gets the #GP that it would have got.
 */
static bool exit_rdmsr(KvmVcpu *vcpu, struct kvm_run *run)
{
    uint64_t value = 0;

    kvm_x86_vcpu(&vcpu->vcpu)->io_pending = true;
    if (kvm_x86_is_apic_msr(kvm_x86_vcpu(&vcpu->vcpu), run->msr.index)) {
        machine_lock();
        run->msr.error = !apic_msr_read(kvm_x86_vcpu(&vcpu->vcpu)->lapic, run->msr.index, &value);
        machine_unlock();
        run->msr.data = value;
        return true;
    }
    log_guest_error("CPU %u: rdmsr 0x%x: KVM has no such MSR for this CPU",
                    vcpu->vcpu.cpu->index, run->msr.index);
    run->msr.error = 1;
    return true;
}

static bool exit_wrmsr(KvmVcpu *vcpu, struct kvm_run *run)
{
    kvm_x86_vcpu(&vcpu->vcpu)->io_pending = true;
    if (kvm_x86_is_apic_msr(kvm_x86_vcpu(&vcpu->vcpu), run->msr.index)) {
        machine_lock();
        run->msr.error = !apic_msr_write(kvm_x86_vcpu(&vcpu->vcpu)->lapic, run->msr.index,
                                         run->msr.data);
        machine_unlock();
        return true;
    }
    log_guest_error("CPU %u: wrmsr 0x%x, 0x%" PRIx64 ": KVM has no such MSR for this CPU, or "
                    "not with this value", vcpu->vcpu.cpu->index, run->msr.index,
                    (uint64_t)run->msr.data);
    run->msr.error = 1;
    return true;
}

static bool exit_bus_lock(KvmVcpu *vcpu, struct kvm_run *run)
{
    log_guest_error("CPU %u: a locked access across cache lines", vcpu->vcpu.cpu->index);
    return true;
}

/* KVM_NOTIFY_CONTEXT_INVALID: what was being executed is lost. */
static bool exit_notify(KvmVcpu *vcpu, struct kvm_run *run)
{
    enum { NOTIFY_RUN };

    if (run->notify.flags & KVM_NOTIFY_CONTEXT_INVALID) {
        return explain(vcpu, "the guest kept interrupts out for too long, and what it was doing "
                       "is lost (KVM_EXIT_NOTIFY)");
    }
    if (vcpu->kvm->notify_exit != NOTIFY_RUN) {
        return explain(vcpu, "the guest kept interrupts out for longer than notify-window allows "
                       "(KVM_EXIT_NOTIFY)");
    }
    report_warning("CPU %u kept interrupts out for too long", vcpu->vcpu.cpu->index);
    return true;
}

/* KVM_CAP_EXIT_HYPERCALL is never turned on, so this is a kernel's mistake, not the guest's. */
static bool exit_hypercall(KvmVcpu *vcpu, struct kvm_run *run)
{
    log_guest_error("CPU %u: hypercall %" PRIu64 " is not supported", vcpu->vcpu.cpu->index,
                    (uint64_t)run->hypercall.nr);
    run->hypercall.ret = -KVM_ENOSYS;
    return true;
}

static const ExitHandler handlers[] = {
    [KVM_EXIT_UNKNOWN] = exit_unknown,
    [KVM_EXIT_EXCEPTION] = exit_exception,
    [KVM_EXIT_IO] = exit_io,
    [KVM_EXIT_HYPERCALL] = exit_hypercall,
    [KVM_EXIT_DEBUG] = kvm_x86_exit_debug,
    [KVM_EXIT_HLT] = exit_hlt,
    [KVM_EXIT_MMIO] = exit_mmio,
    [KVM_EXIT_IRQ_WINDOW_OPEN] = exit_nothing,  /* the next entry injects */
    [KVM_EXIT_SHUTDOWN] = exit_shutdown,
    [KVM_EXIT_FAIL_ENTRY] = exit_fail_entry,
    [KVM_EXIT_INTR] = exit_nothing,
    [KVM_EXIT_SET_TPR] = exit_nothing,          /* cr8 of the run area was taken over */
    [KVM_EXIT_TPR_ACCESS] = exit_nothing,
    [KVM_EXIT_INTERNAL_ERROR] = exit_internal_error,
    [KVM_EXIT_SYSTEM_EVENT] = exit_system_event,
    [KVM_EXIT_IOAPIC_EOI] = exit_ioapic_eoi,
    [KVM_EXIT_X86_RDMSR] = exit_rdmsr,
    [KVM_EXIT_X86_WRMSR] = exit_wrmsr,
    [KVM_EXIT_DIRTY_RING_FULL] = exit_dirty_ring_full,
    [KVM_EXIT_X86_BUS_LOCK] = exit_bus_lock,
    [KVM_EXIT_NOTIFY] = exit_notify,
    [KVM_EXIT_MEMORY_FAULT] = exit_memory_fault,
};

bool kvm_handle_exit(KvmVcpu *vcpu)
{
    struct kvm_run *run = vcpu->run;
    uint32_t reason = run->exit_reason;
    g_autofree char *text = NULL;

    if (G_LIKELY(reason < G_N_ELEMENTS(handlers) && handlers[reason])) {
        return handlers[reason](vcpu, run);
    }
    text = g_strdup_printf("%s is not known", kvm_exit_name(reason));
    return explain(vcpu, text);
}
