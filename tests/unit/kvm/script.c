/* SPDX-License-Identifier: MIT */
#include "tests/unit/kvm/script.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kvm/bench.h"

Script script;

enum { FD_KVM = 10000, FD_VM, FD_CPU, FD_DEVICE = FD_CPU + SCRIPT_CPUS };

#define PAGE 4096u
#define COALESCED_PAGE 2
#define RUN_PAGES 3

const size_t script_run_size = RUN_PAGES * PAGE;

static GMutex mutex;
static GCond kicked;

void script_reset(void)
{
    g_free(script.routing);
    if (script.log) {
        g_string_free(script.log, TRUE);
        g_string_free(script.lines, TRUE);
        g_string_free(script.messages, TRUE);
        g_string_free(script.ioeventfds, TRUE);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(script.slots); i++) {
        g_free(script.slots[i].dirty);
        g_free(script.slots[i].open);
    }
    memset(&script, 0, sizeof(script));
    memset(script.cap, 0xff, sizeof(script.cap));
    script.slot_limit = SCRIPT_SLOTS;
    script.log = g_string_new(NULL);
    script.lines = g_string_new(NULL);
    script.messages = g_string_new(NULL);
    script.ioeventfds = g_string_new(NULL);
    kvm_ops = &script_ops;
}

/* ---- capabilities ---- */

static int check_extension(unsigned long number)
{
    if (number < G_N_ELEMENTS(script.cap) && script.cap[number] >= 0) {
        return script.cap[number];
    }
    switch (number) {
    case KVM_CAP_NR_MEMSLOTS:
        return script.slot_limit;
    case KVM_CAP_COALESCED_MMIO:
        return COALESCED_PAGE;
    case KVM_CAP_IRQ_ROUTING:
        return 4096;
    case KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2:
        return KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE | KVM_DIRTY_LOG_INITIALLY_SET;
    case KVM_CAP_DIRTY_LOG_RING:
    case KVM_CAP_DIRTY_LOG_RING_ACQ_REL:
        return 1 << 20;
    case KVM_CAP_MAX_VCPUS:
    case KVM_CAP_NR_VCPUS:
    case KVM_CAP_MAX_VCPU_ID:
        return 255;
    case KVM_CAP_XSAVE2:
        return PAGE;
    case KVM_CAP_MULTI_ADDRESS_SPACE:
        return 2;
    case KVM_CAP_MCE:
        return 32;
    case KVM_CAP_X86_SMM:
    case KVM_CAP_X86_USER_SPACE_MSR:
    case KVM_CAP_X86_NOTIFY_VMEXIT:
        return 0;
    default:
        return 1;
    }
}

static int enable_cap(const struct kvm_enable_cap *cap)
{
    if (cap->cap == KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) {
        script.manual = true;
        script.initially_set = cap->args[0] & KVM_DIRTY_LOG_INITIALLY_SET;
    } else if (cap->cap == KVM_CAP_DIRTY_LOG_RING ||
               cap->cap == KVM_CAP_DIRTY_LOG_RING_ACQ_REL) {
        script.ring_bytes = cap->args[0];
    }
    return 0;
}

/* ---- slots ---- */

static bool any_inside(void)
{
    for (unsigned i = 0; i < SCRIPT_CPUS; i++) {
        if (script.cpus[i].inside) {
            return true;
        }
    }
    return false;
}

/* The address space is in bits 31-16. */
static ScriptSlot *slot_at(uint32_t number)
{
    return &script.slots[(number & 0xffff) % SCRIPT_SLOTS + (number >> 16 & 1) * SCRIPT_SLOTS];
}

static size_t slot_bytes(const ScriptSlot *slot)
{
    return (slot->size / PAGE + 63) / 64 * 8;
}

static void slot_set_log(ScriptSlot *slot, uint32_t flags)
{
    bool log = flags & KVM_MEM_LOG_DIRTY_PAGES;

    slot->flags = flags;
    g_clear_pointer(&slot->dirty, g_free);
    g_clear_pointer(&slot->open, g_free);
    if (log) {
        bool all = script.manual && script.initially_set;
        slot->dirty = g_malloc(slot_bytes(slot));
        slot->open = g_malloc(slot_bytes(slot));
        memset(slot->dirty, all ? 0xff : 0, slot_bytes(slot));
        memset(slot->open, all ? 0xff : 0, slot_bytes(slot));
    }
}

static void log_slot(char what, const struct kvm_userspace_memory_region *r)
{
    g_string_append_printf(script.log, "%s%c%s%u 0x%llx-0x%llx%s%s%s", script.log->len ? "; " : "",
                           what, r->slot >> 16 ? "s" : "", r->slot & 0xffff, r->guest_phys_addr,
                           r->guest_phys_addr + MAX(r->memory_size, 1) - 1,
                           r->flags ? " " : "", r->flags & KVM_MEM_READONLY ? "r" : "",
                           r->flags & KVM_MEM_LOG_DIRTY_PAGES ? "l" : "");
}

static bool overlaps(const struct kvm_userspace_memory_region *r)
{
    for (unsigned i = 0; i < SCRIPT_SLOTS; i++) {
        const ScriptSlot *s = slot_at(i | (r->slot & ~0xffffu));
        if (s->used && i != (r->slot & 0xffff) && r->guest_phys_addr < s->gpa + s->size &&
            s->gpa < r->guest_phys_addr + r->memory_size) {
            return true;
        }
    }
    return false;
}

static int set_memory(const struct kvm_userspace_memory_region *r)
{
    ScriptSlot *slot = slot_at(r->slot);

    if ((r->slot & 0xffff) >= script.slot_limit || r->slot >> 16 > 1 || (r->guest_phys_addr | r->memory_size |
                                         r->userspace_addr) & (PAGE - 1)) {
        return -EINVAL;
    }
    if (!r->memory_size) {
        if (!slot->used) {
            return -EINVAL;
        }
        script.violations += any_inside();
        g_string_append_printf(script.log, "%s-%s%u", script.log->len ? "; " : "",
                               r->slot >> 16 ? "s" : "", r->slot & 0xffff);
        g_clear_pointer(&slot->dirty, g_free);
        g_clear_pointer(&slot->open, g_free);
        *slot = (ScriptSlot){ 0 };
        return 0;
    }
    if (overlaps(r)) {
        return -EEXIST;
    }
    if (slot->used && (slot->gpa != r->guest_phys_addr || slot->size != r->memory_size ||
                       slot->host != (uint8_t *)r->userspace_addr ||
                       (slot->flags ^ r->flags) & KVM_MEM_READONLY)) {
        return -EINVAL;
    }
    log_slot(slot->used ? '=' : '+', r);
    slot->used = true;
    slot->gpa = r->guest_phys_addr;
    slot->size = r->memory_size;
    slot->host = (uint8_t *)r->userspace_addr;
    slot_set_log(slot, r->flags);
    return 0;
}

static int get_dirty(const struct kvm_dirty_log *log)
{
    ScriptSlot *slot = slot_at(log->slot);

    if (script.ring_bytes) {
        return -ENXIO;
    }
    if (!slot->used || !slot->dirty) {
        return -ENOENT;
    }
    memcpy(log->dirty_bitmap, slot->dirty, slot_bytes(slot));
    if (!script.manual) {
        memset(slot->dirty, 0, slot_bytes(slot));
        memset(slot->open, 0, slot_bytes(slot));
    }
    return 0;
}

static int clear_dirty(const struct kvm_clear_dirty_log *clear)
{
    ScriptSlot *slot = slot_at(clear->slot);
    uint64_t pages = slot->size / PAGE;

    if (!script.manual || !slot->dirty || clear->first_page % 64 ||
        clear->first_page + clear->num_pages > pages ||
        (clear->num_pages % 64 && clear->first_page + clear->num_pages != pages)) {
        return -EINVAL;
    }
    for (uint64_t i = 0; i < (clear->num_pages + 63) / 64; i++) {
        uint64_t bits = ((const uint64_t *)clear->dirty_bitmap)[i];
        /* Only what the kernel itself holds for dirty is protected again. */
        uint64_t was = slot->dirty[clear->first_page / 64 + i];
        slot->dirty[clear->first_page / 64 + i] &= ~bits;
        slot->open[clear->first_page / 64 + i] &= ~(bits & was);
    }
    return 0;
}

static void push_ring(unsigned cpu, unsigned slot, uint64_t page)
{
    ScriptCpu *c = &script.cpus[cpu];
    unsigned size = script.ring_bytes / sizeof(struct kvm_dirty_gfn);
    struct kvm_dirty_gfn *entry = &c->ring[c->ring_last++ % size];

    entry->slot = slot;
    entry->offset = page;
    __atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_DIRTY, __ATOMIC_RELEASE);
}

static int reset_rings(void)
{
    unsigned size = script.ring_bytes / sizeof(struct kvm_dirty_gfn);
    int count = 0;

    for (unsigned i = 0; i < SCRIPT_CPUS && size; i++) {
        ScriptCpu *c = &script.cpus[i];
        while (c->ring && c->ring_reset != c->ring_last) {
            struct kvm_dirty_gfn *entry = &c->ring[c->ring_reset % size];
            ScriptSlot *slot = slot_at(entry->slot);
            if (!(entry->flags & KVM_DIRTY_GFN_F_RESET)) {
                break;
            }
            entry->flags = 0;
            if (slot->open && entry->offset < slot->size / PAGE) {
                slot->open[entry->offset / 64] &= ~(1ull << entry->offset % 64);
            }
            c->ring_reset++;
            count++;
        }
    }
    return count;
}

bool script_guest_write(unsigned cpu, uint64_t gpa, uint8_t value)
{
    uint32_t space = script.cpus[cpu].smm ? 1u << 16 : 0;

    for (uint32_t i = space; i < space + SCRIPT_SLOTS; i++) {
        ScriptSlot *slot = slot_at(i);
        uint64_t page = (gpa - slot->gpa) / PAGE, bit = 1ull << page % 64;

        if (!slot->used || gpa < slot->gpa || gpa >= slot->gpa + slot->size) {
            continue;
        }
        if (slot->flags & KVM_MEM_READONLY) {
            return false;
        }
        slot->host[gpa - slot->gpa] = value;
        if (slot->open && !(slot->open[page / 64] & bit)) {
            slot->open[page / 64] |= bit;
            if (script.ring_bytes) {
                push_ring(cpu, i, page);
            } else {
                slot->dirty[page / 64] |= bit;
            }
        }
        return true;
    }
    return false;
}

static int slot_compare(const void *a, const void *b)
{
    const ScriptSlot *x = *(const ScriptSlot *const *)a, *y = *(const ScriptSlot *const *)b;

    return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

static char *slots_of(const ScriptSlot *slots)
{
    const ScriptSlot *sorted[SCRIPT_SLOTS];
    GString *out = g_string_new(NULL);
    unsigned count = 0;

    for (unsigned i = 0; i < SCRIPT_SLOTS; i++) {
        if (slots[i].used) {
            sorted[count++] = &slots[i];
        }
    }
    qsort(sorted, count, sizeof(sorted[0]), slot_compare);
    for (unsigned i = 0; i < count; i++) {
        g_string_append_printf(out, "%s0x%" PRIx64 "-0x%" PRIx64 "%s%s%s", i ? "; " : "",
                               sorted[i]->gpa, sorted[i]->gpa + sorted[i]->size - 1,
                               sorted[i]->flags ? " " : "",
                               sorted[i]->flags & KVM_MEM_READONLY ? "r" : "",
                               sorted[i]->flags & KVM_MEM_LOG_DIRTY_PAGES ? "l" : "");
    }
    return g_string_free(out, FALSE);
}

char *script_slots(void)
{
    return slots_of(script.slots);
}

char *script_smm_slots(void)
{
    return slots_of(script.slots + SCRIPT_SLOTS);
}

/* ---- CPUs ---- */

struct kvm_run *script_run(unsigned cpu)
{
    return (struct kvm_run *)script.cpus[cpu].run;
}

void script_push(unsigned cpu, ScriptExit exit)
{
    g_mutex_lock(&mutex);
    script.cpus[cpu].exits[script.cpus[cpu].exit_count++] = exit;
    g_cond_broadcast(&kicked);
    g_mutex_unlock(&mutex);
}

static bool has_settled(const ScriptCpu *cpu)
{
    bool settled;

    g_mutex_lock(&mutex);
    settled = cpu->exit_next == cpu->exit_count && (cpu->inside || !machine_is_running());
    g_mutex_unlock(&mutex);
    return settled;
}

void script_settle(unsigned cpu)
{
    for (unsigned i = 0; i < 10000 && !has_settled(&script.cpus[cpu]); i++) {
        bench_wait(1);
    }
    g_assert_true(has_settled(&script.cpus[cpu]));
    bench_wait(0);      /* what the CPU has asked for is done, too */
}

static int run_cpu(ScriptCpu *cpu)
{
    struct kvm_run *run = (struct kvm_run *)cpu->run;
    ScriptExit exit = NULL;

    g_mutex_lock(&mutex);
    cpu->inside = true;
    while (!__atomic_load_n(&run->immediate_exit, __ATOMIC_ACQUIRE) &&
           cpu->exit_next == cpu->exit_count) {
        g_cond_wait(&kicked, &mutex);
    }
    if (!run->immediate_exit) {
        exit = cpu->exits[cpu->exit_next++];
    }
    cpu->inside = false;
    g_mutex_unlock(&mutex);
    return exit ? exit(run) : -EINTR;
}

static void script_kick(pthread_t thread)
{
    g_mutex_lock(&mutex);
    g_cond_broadcast(&kicked);
    g_mutex_unlock(&mutex);
}

/* Up to the first one that is not there. */
static int move_msrs(ScriptCpu *cpu, struct kvm_msrs *list, bool set)
{
    for (unsigned i = 0; script.msrs && i < list->nmsrs; i++) {
        struct kvm_msr_entry *entry = &list->entries[i];
        unsigned n = 0;
        while (n < script.msr_count && script.msrs[n] != entry->index) {
            n++;
        }
        if (n == script.msr_count) {
            return i;
        }
        if (set) {
            cpu->msr[n] = entry->data;
        } else {
            entry->data = cpu->msr[n];
        }
    }
    return list->nmsrs;
}

/* What is kept as it is set. */
static const struct {
    unsigned long get, set;
    size_t at, size;
} states[] = {
#define MEMBER(name) offsetof(ScriptCpu, name), sizeof(((ScriptCpu *)NULL)->name)
    { KVM_GET_REGS, KVM_SET_REGS, MEMBER(regs) },
    { KVM_GET_SREGS2, KVM_SET_SREGS2, MEMBER(sregs) },
    { KVM_GET_LAPIC, KVM_SET_LAPIC, MEMBER(lapic) },
    { KVM_GET_MP_STATE, KVM_SET_MP_STATE, MEMBER(mp_state) },
    { KVM_GET_XCRS, KVM_SET_XCRS, MEMBER(xcrs) },
    { KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS, MEMBER(debugregs) },
    { KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS, MEMBER(events) },
    { KVM_GET_XSAVE2, KVM_SET_XSAVE, MEMBER(xsave) },
    { 0, KVM_SET_GUEST_DEBUG, MEMBER(debug) },
#undef MEMBER
};

static bool move_state(ScriptCpu *cpu, unsigned long request, void *argument)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(states); i++) {
        uint8_t *state = (uint8_t *)cpu + states[i].at;

        if (request == states[i].set) {
            memcpy(state, argument, states[i].size);
            return true;
        }
        if (request == states[i].get) {
            memcpy(argument, state, states[i].size);
            return true;
        }
    }
    return false;
}

static int cpu_ioctl(unsigned n, unsigned long request, void *argument)
{
    ScriptCpu *cpu = &script.cpus[n];

    if (move_state(cpu, request, argument)) {
        return 0;
    }
    switch (request) {
    case KVM_RUN:
        return run_cpu(cpu);
    case KVM_GET_MSRS:
    case KVM_SET_MSRS:
        return move_msrs(cpu, argument, request == KVM_SET_MSRS);
    case KVM_INTERRUPT:
        script.interrupts[script.interrupt_count++ % G_N_ELEMENTS(script.interrupts)] =
            ((struct kvm_interrupt *)argument)->irq;
        return 0;
    case KVM_NMI:
        script.nmis++;
        return 0;
    case KVM_SMI:
        script.smis++;
        return 0;
    default:
        return 0;
    }
}

/* ---- interrupts ---- */

static int set_routing(const struct kvm_irq_routing *table)
{
    size_t bytes = sizeof(*table) + table->nr * sizeof(table->entries[0]);

    g_free(script.routing);
    script.routing = g_memdup2(table, bytes);
    script.routing_writes++;
    return 0;
}

static int signal_msi(const struct kvm_msi *msi)
{
    g_string_append_printf(script.messages, "%s0x%x=0x%x", script.messages->len ? " " : "",
                           msi->address_lo, msi->data);
    return 1;
}

static int irq_line(const struct kvm_irq_level *line)
{
    g_string_append_printf(script.lines, "%s%u=%u", script.lines->len ? " " : "", line->irq,
                           line->level);
    return 0;
}

static int ioeventfd(const struct kvm_ioeventfd *event)
{
    g_string_append_printf(script.ioeventfds, "%s%c%s0x%llx/%u", script.ioeventfds->len ? " " : "",
                           event->flags & KVM_IOEVENTFD_FLAG_DEASSIGN ? '-' : '+',
                           event->flags & KVM_IOEVENTFD_FLAG_PIO ? "p" : "", event->addr,
                           event->len);
    return 0;
}

static int vm_ioctl(unsigned long request, void *argument)
{
    struct kvm_irqchip *chip = argument;
    struct kvm_create_device *device = argument;

    switch (request) {
    case KVM_CHECK_EXTENSION:
        return check_extension((unsigned long)argument);
    case KVM_ENABLE_CAP:
        return enable_cap(argument);
    case KVM_SET_USER_MEMORY_REGION:
        return set_memory(argument);
    case KVM_GET_DIRTY_LOG:
        return get_dirty(argument);
    case KVM_CLEAR_DIRTY_LOG:
        return clear_dirty(argument);
    case KVM_RESET_DIRTY_RINGS:
        return reset_rings();
    case KVM_SET_GSI_ROUTING:
        return set_routing(argument);
    case KVM_SIGNAL_MSI:
        return signal_msi(argument);
    case KVM_IRQ_LINE:
        return irq_line(argument);
    case KVM_IOEVENTFD:
        return ioeventfd(argument);
    case KVM_GET_IRQCHIP:
        *chip = script.chips[chip->chip_id];
        return 0;
    case KVM_SET_IRQCHIP:
        script.chips[chip->chip_id] = *chip;
        return 0;
    case KVM_GET_PIT2:
        memcpy(argument, &script.pit, sizeof(script.pit));
        return 0;
    case KVM_SET_PIT2:
        memcpy(&script.pit, argument, sizeof(script.pit));
        return 0;
    case KVM_CREATE_DEVICE:
        if (!script.create_device) {
            return -ENODEV;
        }
        device->fd = FD_DEVICE;
        return script.create_device(device);
    case KVM_CREATE_VCPU:
        for (unsigned i = 0; i < SCRIPT_CPUS; i++) {
            if (!script.cpus[i].made) {
                script.cpus[i].made = true;
                script.open_files++;
                return FD_CPU + i;
            }
        }
        return -EINVAL;
    default:
        return 0;
    }
}

/* ---- the system ---- */

/* A CPU with what a 64-bit guest needs. */
static const struct kvm_cpuid_entry2 cpuid[] = {
    { .function = 0, .eax = 0xd, .ebx = 0x756e6547, .ecx = 0x6c65746e, .edx = 0x49656e69 },
    { .function = 1, .eax = 0x6f0, .ecx = 0x84200001, .edx = 0x078bfbfd },
    { .function = 0xd, .index = 0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 3,
      .ebx = 576, .ecx = 576 },
    { .function = 0x80000000, .eax = 0x80000008 },
    { .function = 0x80000001, .ecx = 1, .edx = 0x20100800 },
    { .function = 0x80000008, .eax = 0x3028 },
};

static int system_ioctl(unsigned long request, void *argument)
{
    struct kvm_cpuid2 *list = argument;
    struct kvm_msr_list *msrs = argument;
    static const uint32_t indices[] = { 0x10, 0x174, 0xc0000081 };
    const uint32_t *index = script.msrs ? script.msrs : indices;
    unsigned index_count = script.msrs ? script.msr_count : G_N_ELEMENTS(indices);

    switch (request) {
    case KVM_GET_API_VERSION:
        return 12;
    case KVM_GET_VCPU_MMAP_SIZE:
        return script_run_size;
    case KVM_CREATE_VM:
        script.open_files++;
        return FD_VM;
    case KVM_CHECK_EXTENSION:
        return check_extension((unsigned long)argument);
    case KVM_GET_SUPPORTED_CPUID:
        list->nent = script.cpuid ? script.cpuid_count : G_N_ELEMENTS(cpuid);
        memcpy(list->entries, script.cpuid ? script.cpuid : cpuid, list->nent * sizeof(cpuid[0]));
        return 0;
    case KVM_GET_MSR_INDEX_LIST:
    case KVM_GET_MSR_FEATURE_INDEX_LIST:
        if (msrs->nmsrs < index_count) {
            msrs->nmsrs = index_count;
            return -E2BIG;
        }
        msrs->nmsrs = index_count;
        memcpy(msrs->indices, index, index_count * sizeof(index[0]));
        return 0;
    case KVM_GET_MSRS:
        return ((struct kvm_msrs *)argument)->nmsrs;
    default:
        return 0;
    }
}

/* ---- the table ---- */

static bool is_to_fail(unsigned long request)
{
    script.calls++;
    if (script.fail_call && script.calls == script.fail_call) {
        return true;
    }
    return request && request == script.fail_request && script.fail_after-- == 0;
}

static int fail(const char *name)
{
    g_strlcpy(script.failed, name, sizeof(script.failed));
    return script.fail_with ? -script.fail_with : -EIO;
}

static int script_open(const char *path)
{
    if (is_to_fail(0)) {
        return fail("open");
    }
    script.open_files++;
    return FD_KVM;
}

static void script_close(int fd)
{
    script.open_files--;
    if (fd >= FD_CPU && fd < FD_DEVICE) {
        script.cpus[fd - FD_CPU].made = false;
    }
}

static int script_ioctl(int fd, unsigned long request, void *argument)
{
    if (is_to_fail(request)) {
        return fail(kvm_ioctl_name(request));
    }
    if (fd == FD_KVM) {
        return system_ioctl(request, argument);
    }
    if (fd == FD_VM) {
        return vm_ioctl(request, argument);
    }
    if (fd >= FD_DEVICE) {
        return script.device_attr ? script.device_attr(request, argument) : -ENXIO;
    }
    return cpu_ioctl(fd - FD_CPU, request, argument);
}

static void *script_map(size_t length, int fd, off_t offset, int *error)
{
    void *memory;

    if (is_to_fail(0)) {
        *error = -fail("mmap");
        return NULL;
    }
    script.open_maps++;
    memory = g_malloc0(length);
    if (offset) {
        script.cpus[fd - FD_CPU].ring = memory;
    } else {
        script.cpus[fd - FD_CPU].run = memory;
    }
    return memory;
}

static void script_unmap(void *address, size_t length)
{
    script.open_maps--;
    for (unsigned i = 0; i < SCRIPT_CPUS; i++) {
        if (script.cpus[i].ring == address) {
            script.cpus[i].ring = NULL;
        }
        if (script.cpus[i].run == address) {
            script.cpus[i].run = NULL;
        }
    }
    g_free(address);
}

static int script_eventfd(void)
{
    return is_to_fail(0) ? fail("eventfd") : FD_DEVICE + 100;
}

const KvmOps script_ops = {
    .open = script_open, .close = script_close, .ioctl = script_ioctl, .map = script_map,
    .unmap = script_unmap, .eventfd = script_eventfd, .kick = script_kick,
};

void script_coalesce(bool pio, uint64_t address, uint8_t value)
{
    struct kvm_coalesced_mmio_ring *ring =
        (struct kvm_coalesced_mmio_ring *)(script.cpus[0].run + COALESCED_PAGE * PAGE);
    unsigned count = (PAGE - sizeof(*ring)) / sizeof(ring->coalesced_mmio[0]);

    ring->coalesced_mmio[ring->last] = (struct kvm_coalesced_mmio){
        .phys_addr = address, .len = 1, .pio = pio, .data[0] = value,
    };
    __atomic_store_n(&ring->last, (ring->last + 1) % count, __ATOMIC_RELEASE);
}
