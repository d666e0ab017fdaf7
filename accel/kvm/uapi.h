/* SPDX-License-Identifier: MIT */
/*
 * Parts of the kernel's interface that are younger than the headers that the
 * program must build with (Linux 6.1); Documentation/virt/kvm/api.rst.
 */
#ifndef ACCEL_KVM_UAPI_H
#define ACCEL_KVM_UAPI_H

#include <linux/kvm.h>

#ifndef KVM_EXIT_MEMORY_FAULT
#define KVM_EXIT_MEMORY_FAULT 39
#define KVM_MEMORY_EXIT_FLAG_PRIVATE (1ull << 3)
#endif

/* The argument of KVM_EXIT_MEMORY_FAULT, where the exit's data lie in struct kvm_run. */
typedef struct KvmMemoryFault {
    __u64 flags;
    __u64 gpa;
    __u64 size;
} KvmMemoryFault;

#ifndef KVM_CAP_X86_APIC_BUS_CYCLES_NS
#define KVM_CAP_X86_APIC_BUS_CYCLES_NS 237
#endif

#endif
