/* SPDX-License-Identifier: MIT */
/* What is asked of the kernel, by name; Linux Documentation/virt/kvm/api.rst. */
#include "accel/kvm/kvm.h"
#include "base/error.h"

#define CAP(index, cap)               [index] = { KVM_CAP_##cap, "KVM_CAP_" #cap, NULL }
#define REQUIRED(index, cap, purpose) [index] = { KVM_CAP_##cap, "KVM_CAP_" #cap, purpose }

const KvmCapInfo kvm_caps[KVM_CAPS] = {
    REQUIRED(CAP_USER_MEMORY, USER_MEMORY, "guest memory"),
    REQUIRED(CAP_DESTROY_REGION, DESTROY_MEMORY_REGION_WORKS, "changes of the memory map"),
    REQUIRED(CAP_JOIN_REGIONS, JOIN_MEMORY_REGIONS_WORKS, "changes of the memory map"),
    REQUIRED(CAP_SYNC_MMU, SYNC_MMU, "guest memory that the program writes too"),
    REQUIRED(CAP_READONLY_MEM, READONLY_MEM, "ROM"),
    REQUIRED(CAP_IMMEDIATE_EXIT, IMMEDIATE_EXIT, "stopping a CPU without a race"),
    REQUIRED(CAP_MP_STATE, MP_STATE, "secondary CPUs"),
    REQUIRED(CAP_EXT_CPUID, EXT_CPUID, "CPU models"),
    REQUIRED(CAP_SET_TSS_ADDR, SET_TSS_ADDR, "real mode"),
    REQUIRED(CAP_VCPU_EVENTS, VCPU_EVENTS, "the state of interrupts being delivered"),
    REQUIRED(CAP_DEBUGREGS, DEBUGREGS, "debug registers"),
    CAP(CAP_NR_MEMSLOTS, NR_MEMSLOTS),
    CAP(CAP_IDENTITY_MAP, SET_IDENTITY_MAP_ADDR),
    REQUIRED(CAP_XSAVE, XSAVE, "FPU and vector registers"),
    CAP(CAP_XSAVE2, XSAVE2),
    CAP(CAP_XCRS, XCRS),
    CAP(CAP_SREGS2, SREGS2),
    CAP(CAP_IRQCHIP, IRQCHIP),
    CAP(CAP_PIT2, PIT2),
    CAP(CAP_PIT_STATE2, PIT_STATE2),
    CAP(CAP_SPLIT_IRQCHIP, SPLIT_IRQCHIP),
    CAP(CAP_IRQ_ROUTING, IRQ_ROUTING),
    CAP(CAP_IRQFD, IRQFD),
    CAP(CAP_IRQFD_RESAMPLE, IRQFD_RESAMPLE),
    CAP(CAP_SIGNAL_MSI, SIGNAL_MSI),
    CAP(CAP_IOEVENTFD, IOEVENTFD),
    CAP(CAP_IOEVENTFD_ANY_LENGTH, IOEVENTFD_ANY_LENGTH),
    CAP(CAP_COALESCED_MMIO, COALESCED_MMIO),
    CAP(CAP_COALESCED_PIO, COALESCED_PIO),
    CAP(CAP_MANUAL_PROTECT, MANUAL_DIRTY_LOG_PROTECT2),
    CAP(CAP_DIRTY_RING, DIRTY_LOG_RING),
    CAP(CAP_DIRTY_RING_ACQ_REL, DIRTY_LOG_RING_ACQ_REL),
    CAP(CAP_TSC_CONTROL, TSC_CONTROL),
    CAP(CAP_GET_TSC_KHZ, GET_TSC_KHZ),
    CAP(CAP_ADJUST_CLOCK, ADJUST_CLOCK),
    CAP(CAP_KVMCLOCK_CTRL, KVMCLOCK_CTRL),
    CAP(CAP_X2APIC_API, X2APIC_API),
    CAP(CAP_MSR_FEATURES, GET_MSR_FEATURES),
    CAP(CAP_MCE, MCE),
    CAP(CAP_EXCEPTION_PAYLOAD, EXCEPTION_PAYLOAD),
    CAP(CAP_TRIPLE_FAULT_EVENT, X86_TRIPLE_FAULT_EVENT),
    CAP(CAP_EXIT_ON_EMULATION_FAILURE, EXIT_ON_EMULATION_FAILURE),
    CAP(CAP_BUS_LOCK_EXIT, X86_BUS_LOCK_EXIT),
    CAP(CAP_NOTIFY_EXIT, X86_NOTIFY_VMEXIT),
    CAP(CAP_USER_NMI, USER_NMI),
    CAP(CAP_MAX_VCPUS, MAX_VCPUS),
    CAP(CAP_NR_VCPUS, NR_VCPUS),
    CAP(CAP_MAX_VCPU_ID, MAX_VCPU_ID),
    CAP(CAP_DEVICE_CTRL, DEVICE_CTRL),
    CAP(CAP_TSC_DEADLINE, TSC_DEADLINE_TIMER),
    CAP(CAP_PMU_CAPABILITY, PMU_CAPABILITY),
    CAP(CAP_SMM, X86_SMM),
    CAP(CAP_USER_SPACE_MSR, X86_USER_SPACE_MSR),
    CAP(CAP_GUEST_DEBUG, SET_GUEST_DEBUG),
    CAP(CAP_GUEST_DEBUG_FLAGS, SET_GUEST_DEBUG2),
    CAP(CAP_ADDRESS_SPACES, MULTI_ADDRESS_SPACE),
};

bool kvm_enable_cap(Kvm *kvm, KvmCap cap, uint64_t argument, GError **error)
{
    struct kvm_enable_cap request = { .cap = kvm_caps[cap].number, .args[0] = argument };
    int result = kvm_ioctl(kvm->vm, KVM_ENABLE_CAP, &request);

    if (result < 0) {
        error_set_errno(error, -result, "KVM cannot turn on %s", kvm_caps[cap].name);
        return false;
    }
    return true;
}
