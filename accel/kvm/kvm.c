/* SPDX-License-Identifier: MIT */
/* -accel kvm: its options, opening it, the VM, and its part in the machine's life. */
#include "accel/kvm/kvm.h"

#include <errno.h>
#include <string.h>

#include "accel/kvm/x86.h"
#include "base/error.h"
#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/core/trace.h"

/* The interface's version has been this since 2007, and will be. */
#define API_VERSION 12

/*
 * Three pages of a task state segment and one of an identity map, for real mode on
 * processors that cannot run it as it is: below the firmware, above the APICs.
 */
#define IDENTITY_MAP_ADDRESS 0xfeffc000u
#define TSS_ADDRESS          (IDENTITY_MAP_ADDRESS + 0x1000u)
#define KERNEL_PAGES_SIZE    0x4000u   /* the page of the identity map, three of the TSS */

static Kvm *in_use;

Kvm *kvm_get(void)
{
    return in_use;
}

/* ---- opening ---- */

static bool open_node(Kvm *kvm, GError **error)
{
    int version;

    kvm->fd = kvm_ops->open(kvm->device);
    if (kvm->fd < 0) {
        const char *hint =
            kvm->fd == -ENOENT ? " (is the module kvm_intel or kvm_amd loaded?)" :
            kvm->fd == -EACCES ? " (is the user a member of the group that owns it?)" :
            kvm->fd == -EBUSY || kvm->fd == -ENODEV || kvm->fd == -ENXIO
                ? " (is virtualization enabled in the firmware, and not taken by another "
                  "hypervisor?)" : "";
        error_set(error, ERROR_SYSTEM, "cannot open %s: %s%s", kvm->device,
                  g_strerror(-kvm->fd), hint);
        return false;
    }
    version = kvm_ioctl_number(kvm->fd, KVM_GET_API_VERSION, 0);
    if (version < 0) {
        error_set_errno(error, -version, "%s does not answer KVM_GET_API_VERSION", kvm->device);
    } else if (version != API_VERSION) {
        error_set(error, ERROR_FAILED, "%s speaks version %d of the KVM interface, not %d",
                  kvm->device, version, API_VERSION);
    }
    return version == API_VERSION;
}

static bool create_vm(Kvm *kvm, GError **error)
{
    int size = kvm_ioctl_number(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0);

    if (size < (int)sizeof(struct kvm_run)) {
        error_set(error, ERROR_SYSTEM, "KVM_GET_VCPU_MMAP_SIZE: %s",
                  size < 0 ? g_strerror(-size) : "too small an area for a CPU's exits");
        return false;
    }
    kvm->run_size = size;
    kvm->vm = kvm_ioctl_number(kvm->fd, KVM_CREATE_VM, 0);
    if (kvm->vm < 0) {
        error_set_errno(error, -kvm->vm, "cannot make a virtual machine: KVM_CREATE_VM");
        return false;
    }
    return true;
}

static bool read_caps(Kvm *kvm, GError **error)
{
    g_autoptr(GString) missing = g_string_new(NULL);

    for (unsigned i = 0; i < KVM_CAPS; i++) {
        int value = kvm_ioctl_number(kvm->vm, KVM_CHECK_EXTENSION, kvm_caps[i].number);
        kvm->cap[i] = MAX(value, 0);
        if (!kvm->cap[i] && kvm_caps[i].required) {
            g_string_append_printf(missing, "%s%s (%s)", missing->len ? ", " : "",
                                   kvm_caps[i].name, kvm_caps[i].required);
        }
    }
    if (missing->len) {
        error_set(error, ERROR_KVM_MISSING_CAP, "this kernel's KVM lacks %s", missing->str);
        return false;
    }
    return true;
}

static void kvm_close(Accel *accel)
{
    Kvm *kvm = (Kvm *)accel;

    kvm_x86_release(kvm);
    kvm_routing_release(kvm);
    if (kvm->vm >= 0) {
        kvm_ops->close(kvm->vm);
    }
    if (kvm->fd >= 0) {
        kvm_ops->close(kvm->fd);
    }
    kvm->vm = kvm->fd = -1;
    kvm->opened = false;
    in_use = NULL;
}

static bool kvm_open(Accel *accel, GError **error)
{
    Kvm *kvm = (Kvm *)accel;

    kvm->fd = kvm->vm = -1;
    if (!open_node(kvm, error) || !create_vm(kvm, error) || !read_caps(kvm, error)) {
        kvm_close(accel);
        return false;
    }
    kvm->opened = true;
    in_use = kvm;
    return true;
}

/* ---- the VM ---- */

static bool set_addresses(Kvm *kvm, GError **error)
{
    uint64_t identity = IDENTITY_MAP_ADDRESS;
    int result = 0;

    if (kvm->cap[CAP_IDENTITY_MAP]) {
        result = kvm_ioctl(kvm->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
        if (result < 0) {
            error_set_errno(error, -result, "KVM_SET_IDENTITY_MAP_ADDR 0x%x",
                            IDENTITY_MAP_ADDRESS);
            return false;
        }
    }
    if (machine_get()) {
        machine_get()->reserved_base = IDENTITY_MAP_ADDRESS;
        machine_get()->reserved_size = KERNEL_PAGES_SIZE;
    }
    result = kvm_ioctl_number(kvm->vm, KVM_SET_TSS_ADDR, TSS_ADDRESS);
    if (result < 0) {
        error_set_errno(error, -result, "KVM_SET_TSS_ADDR 0x%x", TSS_ADDRESS);
        return false;
    }
    return true;
}

static bool set_shadow_memory(Kvm *kvm, GError **error)
{
    int result;

    if (!kvm->shadow_memory) {
        return true;
    }
    result = kvm_ioctl_number(kvm->vm, KVM_SET_NR_MMU_PAGES,
                              kvm->shadow_memory >> RAM_PAGE_BITS);
    if (result < 0) {
        error_set_errno(error, -result, "kvm-shadow-mem=%" PRIu64 ": KVM_SET_NR_MMU_PAGES",
                        kvm->shadow_memory);
        return false;
    }
    return true;
}

/* How many CPUs the kernel can have, told before any is made. */
static bool check_cpus(Kvm *kvm, GError **error)
{
    const Machine *machine = machine_get();
    unsigned most = kvm->cap[CAP_MAX_VCPUS] ? kvm->cap[CAP_MAX_VCPUS] :
                    kvm->cap[CAP_NR_VCPUS] ? kvm->cap[CAP_NR_VCPUS] : 4;

    if (machine && MAX(machine->cpus, machine->max_cpus) > most) {
        error_set(error, ERROR_INVALID, "%u CPUs were asked for, but this kernel's KVM can run "
                  "no more than %u", MAX(machine->cpus, machine->max_cpus), most);
        return false;
    }
    return true;
}

static bool kvm_machine_init(Accel *accel, GError **error)
{
    Kvm *kvm = (Kvm *)accel;

    return check_cpus(kvm, error) && set_addresses(kvm, error) &&
           set_shadow_memory(kvm, error) && kvm_dirty_init(kvm, error) &&
           kvm_x86_init(kvm, error);
}

static bool kvm_machine_attach(Accel *accel, GError **error)
{
    Kvm *kvm = (Kvm *)accel;

    if (!kvm_x86_attach(kvm, error)) {
        return false;
    }
    if (!kvm_memory_attach(kvm, error)) {
        kvm_x86_detach(kvm);
        return false;
    }
    return true;
}

static void kvm_machine_detach(Accel *accel)
{
    Kvm *kvm = (Kvm *)accel;

    kvm_memory_detach(kvm);
    kvm_x86_detach(kvm);
}

static void kvm_run_state(Accel *accel, bool running)
{
    Kvm *kvm = (Kvm *)accel;

    if (!running) {
        kvm_coalesced_flush(kvm);
    }
    kvm_x86_debug_run_state(running);
    kvm_x86_run_state(kvm, running);
}

static unsigned kvm_features(Accel *accel)
{
    Kvm *kvm = (Kvm *)accel;
    bool apic = kvm->irqchip != KVM_IRQCHIP_OFF;

    return ACCEL_CPUS_RUN | (kvm->cap[CAP_IOEVENTFD] ? ACCEL_IOEVENTFD : 0) |
           (apic ? ACCEL_KERNEL_APIC : 0) |
           (apic && kvm->cap[CAP_SIGNAL_MSI] ? ACCEL_MSI : 0) |
           (apic && kvm->cap[CAP_IRQFD] ? ACCEL_IRQFD : 0) |
           (kvm->irqchip == KVM_IRQCHIP_ON && kvm->cap[CAP_IRQFD_RESAMPLE] ? ACCEL_RESAMPLE : 0) |
           (kvm->irqchip == KVM_IRQCHIP_ON ? ACCEL_KERNEL_PIC : 0);
}

/* ---- the type ---- */

static const AccelInterruptOps kvm_interrupts = {
    .msi_add = kvm_msi_add, .msi_update = kvm_msi_update, .msi_remove = kvm_msi_remove,
    .irqfd_add = kvm_irqfd_add, .irqfd_remove = kvm_irqfd_remove,
};

static const char *const kvm_trace_points[] = {
    "kvm_ioctl", "kvm_device_attr", "kvm_device_command", NULL
};

static const Interface kvm_interfaces[] = { { TRACE_POINTS_INTERFACE, kvm_trace_points } };

const AccelType kvm_accel_type = {
    .name = "kvm-accel", .parent = "accel", .description = "the kernel's virtual machine (KVM)",
    .size = sizeof(Kvm), .properties = { kvm_properties, KVM_PROPERTIES },
    .interfaces = { kvm_interfaces, G_N_ELEMENTS(kvm_interfaces) },
    .vcpu = &kvm_vcpu_ops, .interrupts = &kvm_interrupts,
    .open = kvm_open, .close = kvm_close, .machine_init = kvm_machine_init,
    .machine_attach = kvm_machine_attach, .machine_detach = kvm_machine_detach,
    .run_state = kvm_run_state, .features = kvm_features,
};
