/* SPDX-License-Identifier: MIT */
/*
 * The one table that says what a GSI is: a pin of an in-kernel chip or a message.
 * It is handed to the kernel whole, once for a batch of changes.
 */
#include <errno.h>
#include <string.h>

#include "accel/kvm/kvm.h"
#include "base/error.h"
#include "base/log.h"

/* Where local APICs take messages; SDM volume 3, 11.11.1. */
#define EXTENDED_DESTINATION(address) ((uint32_t)((address) >> 32))

typedef struct kvm_irq_routing_entry RoutingEntry;

bool kvm_routing_init(Kvm *kvm, GError **error)
{
    KvmRouting *routing = &kvm->routing;

    if (!kvm->cap[CAP_IRQ_ROUTING]) {
        error_set(error, ERROR_FAILED, "this kernel's KVM cannot route interrupts "
                  "(KVM_CAP_IRQ_ROUTING); use kernel-irqchip=off");
        return false;
    }
    routing->gsi_count = kvm->cap[CAP_IRQ_ROUTING];
    routing->entries = g_array_new(FALSE, TRUE, sizeof(RoutingEntry));
    routing->used = g_new0(uint64_t, (routing->gsi_count + 63) / 64);
    return true;
}

void kvm_routing_release(Kvm *kvm)
{
    g_clear_pointer(&kvm->routing.entries, g_array_unref);
    g_clear_pointer(&kvm->routing.used, g_free);
}

/* ---- the table ---- */

static void gsi_use(KvmRouting *routing, unsigned gsi, bool used)
{
    routing->used[gsi / 64] &= ~(1ull << gsi % 64);
    routing->used[gsi / 64] |= (uint64_t)used << gsi % 64;
}

static int gsi_find_free(const KvmRouting *routing)
{
    for (unsigned gsi = 0; gsi < routing->gsi_count; gsi++) {
        if (!(routing->used[gsi / 64] >> gsi % 64 & 1)) {
            return gsi;
        }
    }
    return -1;
}

static RoutingEntry *find_entry(KvmRouting *routing, unsigned gsi)
{
    for (guint i = 0; i < routing->entries->len; i++) {
        RoutingEntry *entry = &g_array_index(routing->entries, RoutingEntry, i);
        if (entry->gsi == gsi) {
            return entry;
        }
    }
    return NULL;
}

static void remove_entries(KvmRouting *routing, unsigned gsi)
{
    for (guint i = routing->entries->len; i-- > 0; ) {
        if (g_array_index(routing->entries, RoutingEntry, i).gsi == gsi) {
            g_array_remove_index(routing->entries, i);
            routing->dirty = true;
        }
    }
}

void kvm_routing_begin(Kvm *kvm)
{
    kvm->routing.depth++;
}

bool kvm_routing_commit(Kvm *kvm, GError **error)
{
    KvmRouting *routing = &kvm->routing;
    size_t bytes = routing->entries->len * sizeof(RoutingEntry);
    g_autofree struct kvm_irq_routing *table = NULL;
    int result;

    g_assert(routing->depth > 0);
    if (--routing->depth || !routing->dirty) {
        return true;
    }
    table = g_malloc0(sizeof(*table) + bytes);
    table->nr = routing->entries->len;
    if (bytes) {
        memcpy(table->entries, routing->entries->data, bytes);
    }
    result = kvm_ioctl(kvm->vm, KVM_SET_GSI_ROUTING, table);
    if (result < 0) {
        error_set_errno(error, -result, "KVM refuses the table of %u interrupt routes: "
                        "KVM_SET_GSI_ROUTING", table->nr);
        return false;
    }
    routing->dirty = false;
    return true;
}

static void put_entry(Kvm *kvm, const RoutingEntry *entry)
{
    g_array_append_val(kvm->routing.entries, *entry);
    gsi_use(&kvm->routing, entry->gsi, true);
    kvm->routing.dirty = true;
}

void kvm_routing_add_pin(Kvm *kvm, unsigned gsi, unsigned chip, unsigned pin)
{
    RoutingEntry entry = { .gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
                           .u.irqchip = { .irqchip = chip, .pin = pin } };

    g_assert(kvm->routing.depth > 0 && gsi < kvm->routing.gsi_count);
    put_entry(kvm, &entry);
}

static RoutingEntry message_entry(unsigned gsi, uint64_t address, uint32_t data)
{
    RoutingEntry entry = { .gsi = gsi, .type = KVM_IRQ_ROUTING_MSI };

    entry.u.msi.address_lo = address;
    entry.u.msi.address_hi = EXTENDED_DESTINATION(address);
    entry.u.msi.data = data;
    return entry;
}

void kvm_routing_reserve(Kvm *kvm, unsigned first, unsigned count)
{
    for (unsigned gsi = first; gsi < first + count; gsi++) {
        gsi_use(&kvm->routing, gsi, true);
    }
}

void kvm_routing_set_message(Kvm *kvm, unsigned gsi, bool masked, uint64_t address,
                             uint32_t data)
{
    RoutingEntry wanted = message_entry(gsi, address, data), *entry;

    g_assert(kvm->routing.depth > 0);
    entry = find_entry(&kvm->routing, gsi);
    if (entry && !masked && memcmp(entry, &wanted, sizeof(wanted)) == 0) {
        return;
    }
    if (entry && !masked) {
        *entry = wanted;
        kvm->routing.dirty = true;
    } else if (entry) {
        remove_entries(&kvm->routing, gsi);
    } else if (!masked) {
        put_entry(kvm, &wanted);
    }
}

/* ---- messages ---- */

int kvm_msi_add(Accel *accel, uint64_t address, uint32_t data, uint16_t requester_id,
                GError **error)
{
    Kvm *kvm = (Kvm *)accel;
    int gsi = kvm->routing.entries ? gsi_find_free(&kvm->routing) : -1;
    RoutingEntry entry;

    if (gsi < 0) {
        error_set(error, ERROR_FAILED, "no interrupt route is free: this KVM has %u",
                  kvm->routing.gsi_count);
        return -1;
    }
    entry = message_entry(gsi, address, data);
    kvm_routing_begin(kvm);
    put_entry(kvm, &entry);
    if (!kvm_routing_commit(kvm, error)) {
        remove_entries(&kvm->routing, gsi);
        gsi_use(&kvm->routing, gsi, false);
        return -1;
    }
    return gsi;
}

bool kvm_msi_update(Accel *accel, int gsi, uint64_t address, uint32_t data,
                    uint16_t requester_id, GError **error)
{
    Kvm *kvm = (Kvm *)accel;

    kvm_routing_begin(kvm);
    kvm_routing_set_message(kvm, gsi, false, address, data);
    return kvm_routing_commit(kvm, error);
}

void kvm_msi_remove(Accel *accel, int gsi)
{
    Kvm *kvm = (Kvm *)accel;
    g_autoptr(GError) error = NULL;

    kvm_routing_begin(kvm);
    remove_entries(&kvm->routing, gsi);
    gsi_use(&kvm->routing, gsi, false);
    if (!kvm_routing_commit(kvm, &error)) {
        report_warning("%s", error->message);
    }
}

int kvm_signal_msi(Kvm *kvm, uint64_t address, uint32_t data)
{
    struct kvm_msi msi = { .address_lo = address, .address_hi = address >> 32, .data = data };

    return kvm_ioctl(kvm->vm, KVM_SIGNAL_MSI, &msi);
}

/* ---- irqfds and lines ---- */

static int irqfd(Kvm *kvm, unsigned gsi, int fd, int resample_fd, unsigned flags)
{
    struct kvm_irqfd request = { .fd = fd, .gsi = gsi, .flags = flags };

    if (resample_fd >= 0) {
        request.flags |= KVM_IRQFD_FLAG_RESAMPLE;
        request.resamplefd = resample_fd;
    }
    return kvm_ioctl(kvm->vm, KVM_IRQFD, &request);
}

bool kvm_irqfd_add(Accel *accel, int gsi, int fd, int resample_fd, GError **error)
{
    Kvm *kvm = (Kvm *)accel;
    int result;

    if (!kvm->cap[CAP_IRQFD] || (resample_fd >= 0 && !kvm->cap[CAP_IRQFD_RESAMPLE])) {
        error_set(error, ERROR_KVM_MISSING_CAP, "this kernel's KVM has no %s",
                  resample_fd >= 0 ? "KVM_CAP_IRQFD_RESAMPLE" : "KVM_CAP_IRQFD");
        return false;
    }
    result = irqfd(kvm, gsi, fd, resample_fd, 0);
    if (result < 0) {
        error_set_errno(error, -result, "KVM cannot raise interrupt %d from a file: KVM_IRQFD",
                        gsi);
        return false;
    }
    return true;
}

void kvm_irqfd_remove(Accel *accel, int gsi, int fd)
{
    int result = irqfd((Kvm *)accel, gsi, fd, -1, KVM_IRQFD_FLAG_DEASSIGN);

    if (result < 0) {
        report_warning("KVM cannot let go of the file of interrupt %d: KVM_IRQFD: %s", gsi,
                       g_strerror(-result));
    }
}

void kvm_irq_line(Kvm *kvm, unsigned gsi, bool level)
{
    struct kvm_irq_level request = { .irq = gsi, .level = level };
    int result = kvm_ioctl(kvm->vm, KVM_IRQ_LINE, &request);

    if (result < 0) {
        report_error("KVM cannot drive interrupt %u: KVM_IRQ_LINE: %s", gsi,
                     g_strerror(-result));
    }
}
