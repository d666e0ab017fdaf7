/* SPDX-License-Identifier: MIT */
/* Writes that do not leave the kernel: ioeventfds, and zones of coalesced writes. */
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "base/lock.h"
#include "base/log.h"
#include "hw/core/machine.h"

static Kvm *kvm_of(MemoryListener *listener, bool *pio)
{
    Kvm *kvm = kvm_get();

    *pio = listener == &kvm->memory_state.io;
    return kvm;
}

/* ---- ioeventfds ---- */

static int ioeventfd(Kvm *kvm, const FlatIoeventfd *event, bool pio, bool remove)
{
    struct kvm_ioeventfd request = {
        .datamatch = event->match ? event->data : 0, .addr = event->address,
        .len = event->size, .fd = event->fd,
        .flags = (event->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
                 (pio ? KVM_IOEVENTFD_FLAG_PIO : 0) |
                 (remove ? KVM_IOEVENTFD_FLAG_DEASSIGN : 0),
    };

    return kvm_ioctl(kvm->vm, KVM_IOEVENTFD, &request);
}

/* A device's register does the same as its ioeventfd, so a failure costs only time. */
void kvm_ioeventfd_add(MemoryListener *listener, const FlatIoeventfd *event)
{
    bool pio;
    Kvm *kvm = kvm_of(listener, &pio);
    int result;

    if (!kvm->cap[CAP_IOEVENTFD] || (!event->size && !kvm->cap[CAP_IOEVENTFD_ANY_LENGTH])) {
        return;
    }
    result = ioeventfd(kvm, event, pio, false);
    if (result < 0) {
        log_write(LOG_MEMORY, "kvm: no ioeventfd for %s 0x%" PRIx64 ": %s\n",
                  pio ? "port" : "address", event->address, g_strerror(-result));
    } else {
        kvm->memory_state.ioeventfds++;
    }
}

void kvm_ioeventfd_del(MemoryListener *listener, const FlatIoeventfd *event)
{
    bool pio;
    Kvm *kvm = kvm_of(listener, &pio);

    if (kvm->cap[CAP_IOEVENTFD] && ioeventfd(kvm, event, pio, true) == 0) {
        kvm->memory_state.ioeventfds--;
    }
}

/* ---- coalesced writes ---- */

static int zone(Kvm *kvm, uint64_t start, uint64_t last, bool pio, bool remove)
{
    struct kvm_coalesced_mmio_zone request = {
        .addr = start, .size = last - start + 1, .pio = pio,
    };

    return kvm_ioctl(kvm->vm, remove ? KVM_UNREGISTER_COALESCED_MMIO
                                     : KVM_REGISTER_COALESCED_MMIO, &request);
}

static bool zones_work(const Kvm *kvm, bool pio)
{
    return kvm->cap[CAP_COALESCED_MMIO] && (!pio || kvm->cap[CAP_COALESCED_PIO]);
}

void kvm_coalesced_add(MemoryListener *listener, uint64_t start, uint64_t last)
{
    bool pio;
    Kvm *kvm = kvm_of(listener, &pio);

    if (zones_work(kvm, pio) && zone(kvm, start, last, pio, false) == 0) {
        kvm->memory_state.zones++;
    }
}

void kvm_coalesced_del(MemoryListener *listener, uint64_t start, uint64_t last)
{
    bool pio;
    Kvm *kvm = kvm_of(listener, &pio);

    if (zones_work(kvm, pio)) {
        /* What is queued was written while the zone was there. */
        kvm_coalesced_flush(kvm);
        if (zone(kvm, start, last, pio, true) == 0) {
            kvm->memory_state.zones--;
        }
    }
}

static unsigned ring_entries(void)
{
    return (sysconf(_SC_PAGESIZE) - sizeof(struct kvm_coalesced_mmio_ring)) /
           sizeof(struct kvm_coalesced_mmio);
}

void kvm_coalesced_flush_slow(Kvm *kvm)
{
    KvmMemory *memory = &kvm->memory_state;
    bool lock = !machine_lock_held();

    if (lock) {
        machine_lock();
    }
    /* A device that is written to may change the map, which flushes. */
    if (!memory->flushing) {
        struct kvm_coalesced_mmio_ring *ring = memory->coalesced;
        unsigned count = ring_entries();

        memory->flushing = true;
        while (ring->first != __atomic_load_n(&ring->last, __ATOMIC_ACQUIRE)) {
            struct kvm_coalesced_mmio entry = ring->coalesced_mmio[ring->first % count];
            AddressSpace *space = entry.pio ? machine_io() : machine_memory();

            __atomic_store_n(&ring->first, (ring->first + 1) % count, __ATOMIC_RELEASE);
            address_space_write(space, entry.phys_addr, MEMORY_ATTRS_NONE, entry.data,
                                MIN(entry.len, sizeof(entry.data)));
        }
        memory->flushing = false;
    }
    if (lock) {
        machine_unlock();
    }
}
