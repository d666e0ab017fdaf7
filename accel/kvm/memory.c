/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as the kernel's slots.
 *
 * The listener keeps the ranges of the map; at commit they become slots. A slot
 * that still shows the right memory is kept as it is, even when its range has
 * grown (the rest gets a slot of its own): taking a live slot away costs the
 * kernel all that it knows about the pages in it. Only when slots run short are
 * they joined. When a live slot must go, the CPUs are kept out of the guest, what
 * the kernel logged for it is taken first, and all changes appear as one.
 */
#include <string.h>
#include <unistd.h>

#include "accel/kvm/kvm.h"
#include "base/error.h"
#include "base/log.h"
#include "hw/core/machine.h"

/* The kernel counts a slot's pages in 31 bits. */
#define MAX_SLOT_SIZE (1ull << 42)

/* A stretch of memory that one slot could show. */
typedef struct KvmRange {
    uint64_t gpa, size;
    RamBlock *block;
    uint64_t offset;
    bool readonly, log;
} KvmRange;

typedef struct SlotPlan {
    GPtrArray *keep;      /* KvmSlot */
    GArray *keep_log;     /* bool: what its logging will be */
    GPtrArray *remove;    /* KvmSlot */
    GArray *add;          /* KvmRange */
    unsigned relog;       /* kept slots whose logging changes */
} SlotPlan;

void kvm_memory_failed(Kvm *kvm, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list args;

    va_start(args, format);
    text = g_strdup_vprintf(format, args);
    va_end(args);
    if (kvm->accel.attached) {
        report_error("%s", text);
        machine_request_stop(RUN_STATE_INTERNAL_ERROR);
    } else if (!kvm->memory_state.error) {
        error_set(&kvm->memory_state.error, ERROR_SYSTEM, "%s", text);
    }
}

/* ---- the ranges of the map ---- */

static guint range_position(GArray *ranges, uint64_t gpa)
{
    guint low = 0, high = ranges->len;

    while (low < high) {
        guint middle = (low + high) / 2;
        if (g_array_index(ranges, KvmRange, middle).gpa < gpa) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static const MemoryListenerOps smm_ops;

static Kvm *kvm_of(MemoryListener *listener, uint64_t *space)
{
    bool smm = listener->ops == &smm_ops;

    *space = smm ? KVM_SMM_SPACE : 0;
    return (Kvm *)((char *)listener - (smm ? offsetof(Kvm, memory_state.smm)
                                           : offsetof(Kvm, memory_state.memory)));
}

/* What the CPU can be let at directly. */
static bool range_of(const FlatRange *flat, uint64_t space, KvmRange *range)
{
    if (!flat->host || !flat->direct_read) {
        return false;
    }
    *range = (KvmRange){
        .gpa = flat->start | space, .size = flat->last - flat->start + 1, .block = flat->block,
        .offset = flat->host - flat->block->host, .readonly = flat->readonly,
        .log = flat->dirty_clients && !flat->readonly,
    };
    return true;
}

static void memory_begin(MemoryListener *listener)
{
    uint64_t space;

    kvm_of(listener, &space)->memory_state.changed = false;
}

static void memory_del(MemoryListener *listener, const FlatRange *flat)
{
    uint64_t space;
    KvmMemory *memory = &kvm_of(listener, &space)->memory_state;
    KvmRange range;
    guint at;

    if (range_of(flat, space, &range)) {
        at = range_position(memory->ranges, range.gpa);
        g_assert(at < memory->ranges->len &&
                 g_array_index(memory->ranges, KvmRange, at).gpa == range.gpa);
        g_array_remove_index(memory->ranges, at);
        memory->changed = true;
    }
}

static void memory_add(MemoryListener *listener, const FlatRange *flat)
{
    uint64_t space;
    KvmMemory *memory = &kvm_of(listener, &space)->memory_state;
    KvmRange range;

    if (range_of(flat, space, &range)) {
        g_array_insert_val(memory->ranges, range_position(memory->ranges, range.gpa), range);
        memory->changed = true;
    }
}

static void memory_log_change(MemoryListener *listener, const FlatRange *flat,
                              uint8_t old_clients)
{
    uint64_t space;
    KvmMemory *memory = &kvm_of(listener, &space)->memory_state;
    KvmRange range;

    if (range_of(flat, space, &range)) {
        guint at = range_position(memory->ranges, range.gpa);
        g_array_index(memory->ranges, KvmRange, at).log = range.log;
        memory->changed = true;
    }
}

/* ---- planning ---- */

/*
 * Whole pages of the host in both views. Where a range begins or ends inside a
 * page, or lies askew to the host's pages, accesses exit and are dispatched.
 */
static bool range_align(KvmRange *range)
{
    uint64_t page = sysconf(_SC_PAGESIZE);
    uint64_t skip = -range->gpa & (page - 1);

    if (range->size <= skip || ((range->offset + skip) & (page - 1))) {
        return false;
    }
    range->gpa += skip;
    range->offset += skip;
    range->size = (range->size - skip) & ~(page - 1);
    return range->size > 0;
}

static bool range_joins(const KvmRange *a, const KvmRange *b)
{
    return a->gpa + a->size == b->gpa && a->block == b->block &&
           a->offset + a->size == b->offset && a->readonly == b->readonly && a->log == b->log;
}

/* The page of address space 1 that is there while the rest of it is not: of RAM, as all CPUs
 * see it. */
static void plan_smm_page(const KvmMemory *memory, GArray *runs)
{
    uint64_t size = sysconf(_SC_PAGESIZE);

    for (guint i = 0; i < runs->len; i++) {
        KvmRange run = g_array_index(runs, KvmRange, i);
        uint64_t skip = memory->smm_page - run.gpa;

        if (run.gpa <= memory->smm_page && skip < run.size && !run.readonly) {
            run.gpa = memory->smm_page | KVM_SMM_SPACE;
            run.offset += skip;
            run.size = size;
            g_array_append_val(runs, run);
            return;
        }
    }
}

/* The longest stretches that the map has. */
static GArray *plan_runs(const KvmMemory *memory)
{
    GArray *runs = g_array_new(FALSE, FALSE, sizeof(KvmRange));

    for (guint i = 0; i < memory->ranges->len; i++) {
        KvmRange range = g_array_index(memory->ranges, KvmRange, i);
        KvmRange *last = runs->len ? &g_array_index(runs, KvmRange, runs->len - 1) : NULL;

        if (!range_align(&range)) {
            continue;
        }
        range.log |= memory->log_global && !range.readonly;
        if (last && range_joins(last, &range)) {
            last->size += range.size;
        } else {
            g_array_append_val(runs, range);
        }
    }
    if (memory->smm_page && !memory->smm_shown) {
        plan_smm_page(memory, runs);
    }
    return runs;
}

static bool slot_shows(const KvmSlot *slot, const KvmRange *run)
{
    return slot->gpa >= run->gpa && slot->gpa + slot->size <= run->gpa + run->size &&
           slot->block == run->block && slot->readonly == run->readonly &&
           slot->offset - run->offset == slot->gpa - run->gpa;
}

static void plan_fill(SlotPlan *plan, const KvmRange *run, uint64_t start, uint64_t end)
{
    while (start < end) {
        KvmRange part = *run;
        part.gpa = start;
        part.offset += start - run->gpa;
        part.size = MIN(end - start, MAX_SLOT_SIZE);
        g_array_append_val(plan->add, part);
        start += part.size;
    }
}

static void plan_keep(SlotPlan *plan, KvmSlot *slot, bool log)
{
    g_ptr_array_add(plan->keep, slot);
    g_array_append_val(plan->keep_log, log);
    plan->relog += slot->log != log;
}

/* Both lists are sorted; every slot is either kept inside one run or goes. */
static void plan_slots(SlotPlan *plan, const KvmMemory *memory, GArray *runs, bool join)
{
    guint s = 0;

    for (guint r = 0; r < runs->len; r++) {
        const KvmRange *run = &g_array_index(runs, KvmRange, r);
        uint64_t at = run->gpa, end = run->gpa + run->size;

        for (; s < memory->slots->len; s++) {
            KvmSlot *slot = memory->slots->pdata[s];
            if (slot->gpa >= end) {
                break;
            }
            if (slot_shows(slot, run) && (!join || slot->size == run->size)) {
                plan_fill(plan, run, at, slot->gpa);
                plan_keep(plan, slot, run->log);
                at = slot->gpa + slot->size;
            } else {
                g_ptr_array_add(plan->remove, slot);
            }
        }
        plan_fill(plan, run, at, end);
    }
    for (; s < memory->slots->len; s++) {
        g_ptr_array_add(plan->remove, memory->slots->pdata[s]);
    }
}

static void plan_init(SlotPlan *plan)
{
    *plan = (SlotPlan){
        .keep = g_ptr_array_new(), .keep_log = g_array_new(FALSE, FALSE, sizeof(bool)),
        .remove = g_ptr_array_new(), .add = g_array_new(FALSE, FALSE, sizeof(KvmRange)),
    };
}

static void plan_release(SlotPlan *plan)
{
    g_ptr_array_unref(plan->keep);
    g_array_unref(plan->keep_log);
    g_ptr_array_unref(plan->remove);
    g_array_unref(plan->add);
}

/* ---- slots ---- */

static bool slot_tell(Kvm *kvm, const KvmSlot *slot, uint64_t size, const char *what)
{
    struct kvm_userspace_memory_region region = {
        .slot = kvm_slot_number(slot), .guest_phys_addr = kvm_slot_address(slot), .memory_size = size,
        .userspace_addr = (uintptr_t)(slot->block->host + slot->offset),
        .flags = (slot->readonly ? KVM_MEM_READONLY : 0) |
                 (slot->log ? KVM_MEM_LOG_DIRTY_PAGES : 0),
    };
    int result = kvm_ioctl(kvm->vm, KVM_SET_USER_MEMORY_REGION, &region);

    if (log_enabled(LOG_MEMORY)) {
        log_write(LOG_MEMORY, "kvm: slot %u 0x%" PRIx64 "+0x%" PRIx64 " of %s at 0x%" PRIx64
                  "%s%s: %d\n", kvm_slot_number(slot), kvm_slot_address(slot), size, slot->block->id,
                  slot->offset,
                  slot->readonly ? " read-only" : "", slot->log ? " logged" : "", result);
    }
    if (result < 0) {
        kvm_memory_failed(kvm, "KVM cannot %s guest memory 0x%" PRIx64 "-0x%" PRIx64
                          " (slot %u, %s): KVM_SET_USER_MEMORY_REGION: %s", what,
                          kvm_slot_address(slot), kvm_slot_address(slot) + slot->size - 1,
                          kvm_slot_number(slot), slot->block->id,
                          g_strerror(-result));
        return false;
    }
    return true;
}

static void slot_free(KvmSlot *slot)
{
    g_free(slot->seen);
    g_free(slot);
}

static unsigned slot_take_number(KvmMemory *memory, KvmSlot *slot)
{
    unsigned id = memory->lowest_free;

    while (id < memory->by_id->len && memory->by_id->pdata[id]) {
        id++;
    }
    if (id == memory->by_id->len) {
        g_ptr_array_add(memory->by_id, NULL);
    }
    memory->by_id->pdata[id] = slot;
    memory->lowest_free = id + 1;
    return id;
}

static void slot_drop(Kvm *kvm, KvmSlot *slot)
{
    KvmMemory *memory = &kvm->memory_state;

    slot_tell(kvm, slot, 0, "unmap");
    memory->by_id->pdata[slot->id] = NULL;
    memory->lowest_free = MIN(memory->lowest_free, slot->id);
    slot_free(slot);
}

static KvmSlot *slot_make(Kvm *kvm, const KvmRange *range)
{
    KvmMemory *memory = &kvm->memory_state;
    KvmSlot *slot = g_new0(KvmSlot, 1);

    *slot = (KvmSlot){ .gpa = range->gpa, .size = range->size, .block = range->block,
                       .offset = range->offset, .readonly = range->readonly,
                       .log = range->log };
    slot->id = slot_take_number(memory, slot);
    if (!slot_tell(kvm, slot, slot->size, "map")) {
        memory->by_id->pdata[slot->id] = NULL;
        memory->lowest_free = MIN(memory->lowest_free, slot->id);
        slot_free(slot);
        return NULL;
    }
    kvm_dirty_slot_logged(kvm, slot);
    return slot;
}

/* ---- applying ---- */

static gint slot_compare(gconstpointer a, gconstpointer b)
{
    const KvmSlot *x = *(KvmSlot *const *)a, *y = *(KvmSlot *const *)b;

    return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

static void apply_remove(Kvm *kvm, const SlotPlan *plan)
{
    bool logged = false;

    for (guint i = 0; i < plan->remove->len; i++) {
        const KvmSlot *slot = plan->remove->pdata[i];
        logged |= slot->log;
    }
    if (logged && kvm->ring_entries) {
        /* Entries name slots by number, which others will get. */
        kvm_dirty_reap(kvm);
    }
    for (guint i = 0; i < plan->remove->len; i++) {
        KvmSlot *slot = plan->remove->pdata[i];
        if (slot->log) {
            kvm_dirty_harvest(kvm, slot);
        }
        slot_drop(kvm, slot);
    }
}

static void apply_relog(Kvm *kvm, const SlotPlan *plan)
{
    for (guint i = 0; i < plan->keep->len; i++) {
        KvmSlot *slot = plan->keep->pdata[i];
        bool log = g_array_index(plan->keep_log, bool, i);

        if (slot->log == log) {
            continue;
        }
        if (slot->log) {
            kvm_dirty_harvest(kvm, slot);
        }
        slot->log = log;
        if (slot_tell(kvm, slot, slot->size, log ? "log writes to" : "stop logging writes to")) {
            kvm_dirty_slot_logged(kvm, slot);
        }
    }
}

static void plan_apply(Kvm *kvm, const SlotPlan *plan)
{
    KvmMemory *memory = &kvm->memory_state;
    unsigned steps = plan->remove->len + plan->add->len + plan->relog;
    bool block = plan->remove->len || steps > 1;
    GPtrArray *slots;

    if (!steps) {
        return;
    }
    if (block) {
        vcpus_block_guests();
    }
    apply_remove(kvm, plan);
    apply_relog(kvm, plan);
    slots = g_ptr_array_ref(plan->keep);
    for (guint i = 0; i < plan->add->len; i++) {
        KvmSlot *slot = slot_make(kvm, &g_array_index(plan->add, KvmRange, i));
        if (slot) {
            g_ptr_array_add(slots, slot);
        }
    }
    g_ptr_array_sort(slots, slot_compare);
    g_ptr_array_unref(memory->slots);
    memory->slots = slots;
    if (block) {
        vcpus_unblock_guests();
    }
}

static void memory_apply(Kvm *kvm)
{
    KvmMemory *memory = &kvm->memory_state;
    g_autoptr(GArray) runs = plan_runs(memory);
    SlotPlan plan;

    plan_init(&plan);
    plan_slots(&plan, memory, runs, false);
    if (plan.keep->len + plan.add->len > memory->max_slots) {
        plan_release(&plan);
        plan_init(&plan);
        plan_slots(&plan, memory, runs, true);
    }
    if (plan.keep->len + plan.add->len > memory->max_slots) {
        kvm_memory_failed(kvm, "the memory map has %u stretches of RAM and ROM, but this KVM "
                          "takes no more than %u slots; use fewer memory devices",
                          plan.keep->len + plan.add->len, memory->max_slots);
    } else {
        plan_apply(kvm, &plan);
    }
    plan_release(&plan);
}

static void memory_commit(MemoryListener *listener)
{
    uint64_t space;
    Kvm *kvm = kvm_of(listener, &space);

    if (kvm->memory_state.changed) {
        kvm->memory_state.changed = false;
        memory_apply(kvm);
    }
}

static void memory_log_global(MemoryListener *listener, bool on)
{
    Kvm *kvm = kvm_of_memory(listener);

    kvm->memory_state.log_global = on;
    memory_apply(kvm);
}

static const MemoryListenerOps memory_ops = {
    .begin = memory_begin, .del = memory_del, .add = memory_add, .commit = memory_commit,
    .log_change = memory_log_change, .log_global = memory_log_global,
    .log_sync = kvm_log_sync, .log_clear = kvm_log_clear,
    .ioeventfd_add = kvm_ioeventfd_add, .ioeventfd_del = kvm_ioeventfd_del,
    .coalesced_add = kvm_coalesced_add, .coalesced_del = kvm_coalesced_del,
};

/* The log is that of all slots. */
static const MemoryListenerOps smm_ops = {
    .begin = memory_begin, .del = memory_del, .add = memory_add, .commit = memory_commit,
    .log_change = memory_log_change,
};

static const MemoryListenerOps io_ops = {
    .ioeventfd_add = kvm_ioeventfd_add, .ioeventfd_del = kvm_ioeventfd_del,
    .coalesced_add = kvm_coalesced_add, .coalesced_del = kvm_coalesced_del,
};

bool kvm_memory_attach(Kvm *kvm, GError **error)
{
    KvmMemory *memory = &kvm->memory_state;

    memory->max_slots = kvm->cap[CAP_NR_MEMSLOTS] ? kvm->cap[CAP_NR_MEMSLOTS] : 32;
    memory->coalesced_offset = kvm->cap[CAP_COALESCED_MMIO];
    memory->ranges = g_array_new(FALSE, FALSE, sizeof(KvmRange));
    memory->slots = g_ptr_array_new();
    memory->by_id = g_ptr_array_new();
    memory->lowest_free = 0;
    memory->memory.ops = &memory_ops;
    memory->io.ops = &io_ops;
    memory_listener_register(&memory->memory, machine_memory());
    memory_listener_register(&memory->io, machine_io());
    if (memory->error) {
        g_propagate_error(error, g_steal_pointer(&memory->error));
        kvm_memory_detach(kvm);
        return false;
    }
    return true;
}

/*
 * The kernel looks into address space 1 while a CPU is in system management mode, and finds nothing
 * there until then, or one page: few guests ever enter it, and it costs as many slots as all else.
 */
bool kvm_memory_show_smm(Kvm *kvm)
{
    KvmMemory *memory = &kvm->memory_state;
    AddressSpace *space;

    if (kvm->cap[CAP_ADDRESS_SPACES] < 2 || !memory->ranges) {
        return false;
    }
    if (!memory->smm_shown) {
        space = cpu_smm_memory();
        memory->smm.ops = &smm_ops;
        memory->smm_shown = true;
        memory_listener_register(&memory->smm, space ? space : machine_memory());
    }
    return true;
}

void kvm_memory_detach(Kvm *kvm)
{
    KvmMemory *memory = &kvm->memory_state;

    if (!memory->ranges) {
        return;
    }
    if (memory->smm_shown) {
        memory_listener_unregister(&memory->smm);
        memory->smm_shown = false;
    }
    memory_listener_unregister(&memory->io);
    memory_listener_unregister(&memory->memory);
    timer_cancel(&memory->reaper);
    g_clear_pointer(&memory->ranges, g_array_unref);
    g_clear_pointer(&memory->slots, g_ptr_array_unref);
    g_clear_pointer(&memory->by_id, g_ptr_array_unref);
    g_clear_error(&memory->error);
}
