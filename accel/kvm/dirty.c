/* SPDX-License-Identifier: MIT */
/*
 * The kernel's dirty log: a bitmap for each slot, protected again by range
 * (KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) or all at once, or a ring for each vCPU.
 * Linux Documentation/virt/kvm/api.rst 4.8, 4.117, 8.29.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/log.h"

#define REAP_INTERVAL (NANOSECONDS_PER_SECOND)

static uint64_t slot_words(const KvmSlot *slot)
{
    return ((slot->size >> RAM_PAGE_BITS) + 63) / 64;
}

/* ---- turning it on ---- */

static bool ring_init(Kvm *kvm, GError **error)
{
    KvmCap cap = kvm->cap[CAP_DIRTY_RING_ACQ_REL] ? CAP_DIRTY_RING_ACQ_REL : CAP_DIRTY_RING;
    uint64_t bytes = (uint64_t)kvm->ring_entries * sizeof(struct kvm_dirty_gfn);
    uint64_t page = sysconf(_SC_PAGESIZE);

    if (!kvm->cap[cap]) {
        error_set(error, ERROR_FAILED, "dirty-ring-size=%u: this kernel's KVM has no dirty ring "
                  "(KVM_CAP_DIRTY_LOG_RING); leave the option out to use bitmaps",
                  kvm->ring_entries);
        return false;
    }
    if (kvm->ring_entries & (kvm->ring_entries - 1) || bytes < page ||
        bytes > (uint64_t)kvm->cap[cap]) {
        error_set(error, ERROR_INVALID, "dirty-ring-size=%u: must be a power of two from %"
                  PRIu64 " to %zu", kvm->ring_entries, page / sizeof(struct kvm_dirty_gfn),
                  kvm->cap[cap] / sizeof(struct kvm_dirty_gfn));
        return false;
    }
    return kvm_enable_cap(kvm, cap, bytes, error);
}

static void reaper_expired(void *opaque);

bool kvm_dirty_init(Kvm *kvm, GError **error)
{
    KvmMemory *memory = &kvm->memory_state;
    uint64_t manual = kvm->cap[CAP_MANUAL_PROTECT] &
                      (KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET);

    if (kvm->ring_entries) {
        timer_init(&memory->reaper, TIME_REAL, reaper_expired, kvm);
        return ring_init(kvm, error);
    }
    if (manual & KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE) {
        if (!kvm_enable_cap(kvm, CAP_MANUAL_PROTECT, manual, error)) {
            return false;
        }
        memory->manual = true;
        memory->initially_set = manual & KVM_DIRTY_LOG_INITIALLY_SET;
    }
    return true;
}

/* A slot was made, or its logging was switched. */
void kvm_dirty_slot_logged(Kvm *kvm, KvmSlot *slot)
{
    g_clear_pointer(&slot->seen, g_free);
    if (slot->log && kvm->memory_state.manual) {
        slot->seen = g_new0(uint64_t, slot_words(slot));
        /* The kernel protects nothing until it is told to clear. */
        if (kvm->memory_state.initially_set) {
            memset(slot->seen, 0xff, slot_words(slot) * 8);
        }
    }
    if (slot->log && kvm->ring_entries && !timer_armed(&kvm->memory_state.reaper)) {
        timer_set(&kvm->memory_state.reaper, time_now(TIME_REAL) + REAP_INTERVAL);
    }
}

/* ---- the bitmap ---- */

void kvm_dirty_harvest(Kvm *kvm, KvmSlot *slot)
{
    g_autofree uint64_t *bitmap = NULL;
    struct kvm_dirty_log log = { .slot = kvm_slot_number(slot) };
    int result;

    if (kvm->ring_entries) {
        return;
    }
    bitmap = g_new0(uint64_t, slot_words(slot));
    log.dirty_bitmap = bitmap;
    result = kvm_ioctl(kvm->vm, KVM_GET_DIRTY_LOG, &log);
    if (result < 0) {
        /* Nothing is known: then all of it may have been written. */
        kvm_memory_failed(kvm, "KVM cannot tell the writes to guest memory 0x%" PRIx64
                          " (slot %u, %s): KVM_GET_DIRTY_LOG: %s", kvm_slot_address(slot), slot->id,
                          slot->block->id, g_strerror(-result));
        dirty_log_mark(slot->block, slot->offset, slot->size);
        return;
    }
    dirty_log_mark_bitmap(slot->block, slot->offset, bitmap, slot->size >> RAM_PAGE_BITS);
    for (uint64_t w = 0; slot->seen && w < slot_words(slot); w++) {
        slot->seen[w] |= bitmap[w];
    }
}

/* The pages of a slot that lie in a part of its block. */
static bool slot_part(const KvmSlot *slot, const RamBlock *block, uint64_t offset,
                      uint64_t length, uint64_t *first, uint64_t *end)
{
    uint64_t lo = MAX(offset, slot->offset);
    uint64_t hi = MIN(offset + length, slot->offset + slot->size);

    if (slot->block != block || !slot->log || lo >= hi) {
        return false;
    }
    *first = (lo - slot->offset) >> RAM_PAGE_BITS;
    *end = (hi - slot->offset + RAM_PAGE_SIZE - 1) >> RAM_PAGE_BITS;
    return true;
}

void kvm_log_sync(MemoryListener *listener, RamBlock *block, uint64_t offset, uint64_t length)
{
    Kvm *kvm = kvm_of_memory(listener);
    uint64_t first, end;

    kvm_coalesced_flush(kvm);
    if (kvm->ring_entries) {
        vcpus_block_guests();
        kvm_dirty_reap(kvm);
        vcpus_unblock_guests();
        return;
    }
    for (guint i = 0; i < kvm->memory_state.slots->len; i++) {
        KvmSlot *slot = kvm->memory_state.slots->pdata[i];
        if (slot_part(slot, block, offset, length, &first, &end)) {
            kvm_dirty_harvest(kvm, slot);
        }
    }
}

static uint64_t word_part(uint64_t word, uint64_t first, uint64_t end)
{
    uint64_t mask = ~0ull;

    if (first > word * 64) {
        mask &= ~0ull << (first - word * 64);
    }
    if (end < word * 64 + 64) {
        mask &= ~0ull >> (word * 64 + 64 - end);
    }
    return mask;
}

/*
 * Protects again what the kernel reported and nobody protected since. Never more:
 * a page that was written after the last report would be lost.
 */
static void slot_clear(Kvm *kvm, KvmSlot *slot, uint64_t first, uint64_t end)
{
    uint64_t pages = slot->size >> RAM_PAGE_BITS;
    uint64_t from = first / 64, to = (end + 63) / 64;
    g_autofree uint64_t *bitmap = NULL;
    struct kvm_clear_dirty_log clear;
    uint64_t any = 0;
    int result;

    bitmap = g_new0(uint64_t, to - from);
    for (uint64_t w = from; w < to; w++) {
        bitmap[w - from] = slot->seen[w] & word_part(w, first, MIN(end, pages));
        any |= bitmap[w - from];
    }
    if (!any) {
        return;
    }
    clear = (struct kvm_clear_dirty_log){
        .slot = kvm_slot_number(slot), .first_page = from * 64,
        .num_pages = MIN(to * 64, pages) - from * 64, .dirty_bitmap = bitmap,
    };
    result = kvm_ioctl(kvm->vm, KVM_CLEAR_DIRTY_LOG, &clear);
    if (result < 0) {
        kvm_memory_failed(kvm, "KVM cannot watch guest memory 0x%" PRIx64 " (slot %u, %s) for "
                          "writes again: KVM_CLEAR_DIRTY_LOG: %s", kvm_slot_address(slot), slot->id,
                          slot->block->id, g_strerror(-result));
        return;
    }
    for (uint64_t w = from; w < to; w++) {
        slot->seen[w] &= ~bitmap[w - from];
    }
}

void kvm_log_clear(MemoryListener *listener, RamBlock *block, uint64_t offset, uint64_t length)
{
    Kvm *kvm = kvm_of_memory(listener);
    uint64_t first, end;

    for (guint i = 0; i < kvm->memory_state.slots->len; i++) {
        KvmSlot *slot = kvm->memory_state.slots->pdata[i];
        if (slot->seen && slot_part(slot, block, offset, length, &first, &end)) {
            slot_clear(kvm, slot, first, end);
        }
    }
}

/* ---- the ring ---- */

bool kvm_dirty_map_ring(KvmVcpu *vcpu, GError **error)
{
    Kvm *kvm = vcpu->kvm;
    int number = 0;

    if (!kvm->ring_entries) {
        return true;
    }
    vcpu->ring = kvm_ops->map(kvm->ring_entries * sizeof(struct kvm_dirty_gfn), vcpu->fd,
                              KVM_DIRTY_LOG_PAGE_OFFSET * sysconf(_SC_PAGESIZE), &number);
    if (!vcpu->ring) {
        error_set_errno(error, number, "cannot map the dirty ring of CPU %u",
                        vcpu->vcpu.cpu->index);
        return false;
    }
    return true;
}

static void entry_mark(Kvm *kvm, const struct kvm_dirty_gfn *entry)
{
    KvmMemory *memory = &kvm->memory_state;
    unsigned id = entry->slot & 0xffff;
    KvmSlot *slot = id < memory->by_id->len ? memory->by_id->pdata[id] : NULL;
    uint64_t page = entry->offset;

    if (!slot || entry->slot != kvm_slot_number(slot) || page >= slot->size >> RAM_PAGE_BITS) {
        log_write(LOG_MEMORY, "kvm: dirty ring: slot 0x%x page 0x%" PRIx64 " is not mapped\n",
                  entry->slot, page);
        return;
    }
    dirty_log_mark(slot->block, slot->offset + (page << RAM_PAGE_BITS), RAM_PAGE_SIZE);
}

static unsigned ring_collect(KvmVcpu *vcpu)
{
    unsigned collected = 0, size = vcpu->kvm->ring_entries;

    while (vcpu->ring && collected < size) {
        struct kvm_dirty_gfn *entry = &vcpu->ring[vcpu->ring_next & (size - 1)];

        if (__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) != KVM_DIRTY_GFN_F_DIRTY) {
            break;
        }
        entry_mark(vcpu->kvm, entry);
        __atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
        vcpu->ring_next++;
        collected++;
    }
    return collected;
}

/* The kernel leaves room when it stops a CPU; a ring without any has been written over. */
static void mark_overflow(KvmVcpu *vcpu)
{
    Kvm *kvm = vcpu->kvm;

    report_warning("CPU %u wrote more pages than its dirty ring of %u entries holds; all memory "
                   "counts as written (make dirty-ring-size larger, or leave it out)",
                   vcpu->vcpu.cpu->index, kvm->ring_entries);
    for (guint i = 0; i < kvm->memory_state.slots->len; i++) {
        const KvmSlot *slot = kvm->memory_state.slots->pdata[i];
        if (slot->log) {
            dirty_log_mark(slot->block, slot->offset, slot->size);
        }
    }
}

unsigned kvm_dirty_reap(Kvm *kvm)
{
    unsigned collected = 0;
    int result;

    for (unsigned i = 0; i < vcpu_count(); i++) {
        KvmVcpu *vcpu = kvm_vcpu(vcpu_at(i));
        unsigned count = ring_collect(vcpu);
        if (count == kvm->ring_entries) {
            mark_overflow(vcpu);
        }
        collected += count;
    }
    if (!collected) {
        return 0;
    }
    result = kvm_ioctl_number(kvm->vm, KVM_RESET_DIRTY_RINGS, 0);
    if (result < 0) {
        kvm_memory_failed(kvm, "KVM cannot watch written guest memory again: "
                          "KVM_RESET_DIRTY_RINGS: %s", g_strerror(-result));
    } else if ((unsigned)result != collected) {
        log_write(LOG_MEMORY, "kvm: %u dirty ring entries were collected, %d were reset\n",
                  collected, result);
    }
    return collected;
}

bool kvm_dirty_ring_full(KvmVcpu *vcpu)
{
    bool emptied;

    machine_lock();
    emptied = kvm_dirty_reap(vcpu->kvm) > 0;
    if (!emptied) {
        vcpu_break(&vcpu->vcpu, "CPU %u: KVM says that the dirty ring is full, but there is "
                   "nothing in it: it was overrun (make dirty-ring-size larger, or leave it out)",
                   vcpu->vcpu.cpu->index);
    }
    machine_unlock();
    return emptied;
}

/* So that a busy guest seldom finds its ring full. */
static void reaper_expired(void *opaque)
{
    Kvm *kvm = opaque;
    bool logged = false;

    for (guint i = 0; i < kvm->memory_state.slots->len; i++) {
        const KvmSlot *slot = kvm->memory_state.slots->pdata[i];
        logged |= slot->log;
    }
    if (logged) {
        kvm_dirty_reap(kvm);
        timer_set(&kvm->memory_state.reaper, time_now(TIME_REAL) + REAP_INTERVAL);
    }
}
