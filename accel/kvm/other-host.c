/* SPDX-License-Identifier: MIT */
/*
 * -accel kvm on a host that is of another architecture than all guests: its options are checked,
 * and it says why it cannot be used.
 */
#include "accel/kvm/options.h"

const AccelType kvm_accel_type = {
    .name = "kvm-accel", .parent = "accel", .description = "the kernel's virtual machine (KVM)",
    .unusable = "KVM runs guests of the host's own architecture, and this is no x86 host: use "
    "-accel jit",
    .size = sizeof(KvmOptions), .properties = { kvm_properties, KVM_PROPERTIES },
};
