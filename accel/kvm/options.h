/* SPDX-License-Identifier: MIT */
/* The options of -accel kvm, which are the same on a host whose KVM is of no use. */
#ifndef ACCEL_KVM_OPTIONS_H
#define ACCEL_KVM_OPTIONS_H

#include "accel/accel.h"

typedef enum KvmIrqchip {
    KVM_IRQCHIP_ON,
    KVM_IRQCHIP_OFF,
    KVM_IRQCHIP_SPLIT,
} KvmIrqchip;

typedef struct KvmOptions {
    Accel accel;
    char *device;            /* the node; "/dev/kvm" */
    uint8_t irqchip;         /* KvmIrqchip */
    uint32_t ring_entries;   /* of each vCPU's dirty ring; 0: bitmaps */
    uint64_t shadow_memory;  /* bytes for shadow page tables; 0: the kernel's choice */
    uint8_t notify_exit;     /* run, internal-error, disable */
    uint32_t notify_window;
} KvmOptions;

#define KVM_PROPERTIES 6
extern const Property kvm_properties[KVM_PROPERTIES];

#endif
