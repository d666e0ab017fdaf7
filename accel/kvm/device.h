/* SPDX-License-Identifier: MIT */
/*
 * Devices in the kernel that KVM_CREATE_DEVICE makes (Linux
 * Documentation/virt/kvm/devices/). Two tables describe one:
 *
 * Attributes are state. They are walked by save, load and print, in the order of
 * the table (for some chips the order of writing counts), and only while no CPU
 * runs. The table holds width and direction, so that one place checks, traces
 * (`kvm_device_attr`) and explains every access.
 *
 * Commands have effects (init, reset, save tables, inject). They are named, are
 * no part of the state, and may be given while CPUs run.
 */
#ifndef ACCEL_KVM_DEVICE_H
#define ACCEL_KVM_DEVICE_H

#include "accel/kvm/kvm.h"
#include "base/field.h"

typedef enum KvmAttrFlags {
    KVM_ATTR_WRITE_ONLY = 1 << 0, /* cannot be read: load writes it, save does not */
    KVM_ATTR_READ_ONLY  = 1 << 1, /* identification: load checks that it is the same */
    KVM_ATTR_OPTIONAL   = 1 << 2, /* older kernels do without */
    KVM_ATTR_PER_CPU    = 1 << 3, /* one for each CPU; the field's elements go by CPU */
    KVM_ATTR_SETUP      = 1 << 4, /* written once before init by kvm_device_set(), not by load */
} KvmAttrFlags;

typedef struct KvmAttr {
    const char *name;       /* the data sheet's: "GICD_CTLR" */
    Field field;            /* in the chip's struct; elements as count and CPUs say */
    uint32_t group;
    uint64_t attr;          /* of the first */
    uint32_t count;         /* consecutive ones; 0 means 1 */
    uint32_t stride;        /* of attr from one to the next; 0: the width */
    uint8_t width;          /* bytes that the kernel reads or writes: 1, 2, 4 or 8 */
    uint8_t flags;          /* KvmAttrFlags */
} KvmAttr;

typedef struct KvmCommand {
    const char *name;       /* "init", "save-tables" */
    uint32_t group;
    uint64_t attr;
    bool optional;
} KvmCommand;

typedef struct KvmDeviceInfo {
    const char *name;       /* "VGICv3", for messages */
    uint32_t type;          /* KVM_DEV_TYPE_* */
    struct {
        const KvmAttr *at;
        unsigned count;
    } attrs;
    struct {
        const KvmCommand *at;
        unsigned count;
    } commands;
    /* How a CPU is named inside of an attribute; needed with KVM_ATTR_PER_CPU. */
    uint64_t (*cpu_attr)(uint64_t attr, const Cpu *cpu);
} KvmDeviceInfo;

typedef struct KvmDevice {
    Kvm *kvm;
    const KvmDeviceInfo *info;
    int fd;                 /* -1: none */
    uint64_t missing_attrs, missing_commands;  /* optional ones, by their place in the table */
} KvmDevice;

/* Could it be made? Nothing is. The error says what is missing, so that a caller may fall back. */
bool kvm_device_probe(Kvm *kvm, const KvmDeviceInfo *info, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Makes it, and asks for every attribute and command: those that are missing are named. */
bool kvm_device_init(KvmDevice *device, Kvm *kvm, const KvmDeviceInfo *info, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* Takes one that was never made. */
void kvm_device_release(KvmDevice *device);

bool kvm_device_command(KvmDevice *device, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* False also when the kernel lacks it. */
bool kvm_device_has_command(const KvmDevice *device, const char *name);

/* One attribute by name, element 0 of its kind (`cpu` may be NULL). For setup and moves. */
bool kvm_device_set(KvmDevice *device, const char *name, const Cpu *cpu, uint64_t value,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool kvm_device_get(KvmDevice *device, const char *name, const Cpu *cpu, uint64_t *value,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* All attributes into the struct at `base`, or out of it; no CPU runs. */
bool kvm_device_save(KvmDevice *device, void *base, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool kvm_device_load(KvmDevice *device, const void *base, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* "GICD_CTLR 0x12" for each; no CPU runs. */
void kvm_device_print(KvmDevice *device, GString *out);

#endif
