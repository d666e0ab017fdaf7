/* SPDX-License-Identifier: MIT */
/*
 * The soft TLB: from virtual pages to host memory. Each tag (an address space) has a bank of its
 * own, as long as there are enough, so that a change of address space flushes nothing.
 *
 * A tag that has JIT_TLB_SLOW set never compares equal: I/O, and RAM whose writes somebody has
 * to be told of, take the slow way each time.
 */
#include <string.h>

#include "accel/jit/host.h"
#include "base/lock.h"
#include "base/log.h"

/* ---- banks ---- */

static void clear_entry(JitTlbEntry *entry)
{
    entry->tag[0] = entry->tag[1] = entry->tag[2] = JIT_TLB_INVALID;
}

/* A salt that no entry of JitCpu.jumps has. Bits 63-57 of canonical addresses are copies of bit 56. */
static void renew_salt(JitCpu *cpu, JitTlbBank *bank)
{
    JitCore *core = cpu->core;

    core->last_salt += 1ull << 57;
    if (!core->last_salt) {
        memset(cpu->jumps, 0, sizeof(JitJump) << JIT_JUMP_BITS);
        for (unsigned i = 0; i < JIT_TLB_BANKS; i++) {
            if (core->bank[i] && core->bank[i] != bank) {
                core->last_salt += 1ull << 57;
                core->bank[i]->salt = core->last_salt;
            }
        }
        core->last_salt += 1ull << 57;
    }
    bank->salt = core->last_salt;
    memset(&bank->jump_pages, 0, sizeof(bank->jump_pages));
    cpu->jump_salt = core->current->salt;
}

static JitTlbBank *new_bank(JitCpu *cpu)
{
    JitTlbBank *bank = g_new0(JitTlbBank, 1);

    for (unsigned mode = 0; mode < JIT_MMU_MODES; mode++) {
        for (unsigned i = 0; i < JIT_TLB_ENTRIES; i++) {
            clear_entry(&bank->entries[mode][i]);
        }
    }
    return bank;
}

static void use_bank(JitCpu *cpu, JitTlbBank *bank)
{
    cpu->core->current = bank;
    bank->stamp = ++cpu->core->stamp;
    for (unsigned mode = 0; mode < JIT_MMU_MODES; mode++) {
        cpu->tlb[mode].entries = bank->entries[mode];
    }
    cpu->jump_salt = bank->salt;
}

bool jit_memory_create(JitCpu *cpu, GError **error)
{
    JitTlbBank *bank = new_bank(cpu);

    cpu->core = g_new0(JitCore, 1);
    cpu->jumps = g_new0(JitJump, 1u << JIT_JUMP_BITS);
    for (unsigned mode = 0; mode < JIT_MMU_MODES; mode++) {
        cpu->tlb[mode].mask = (JIT_TLB_ENTRIES - 1) * sizeof(JitTlbEntry);
    }
    atomic_store(&cpu->core->bank[0], bank);
    use_bank(cpu, bank);
    cpu->memory = cpu->vcpu.cpu->memory;
    cpu->io = cpu->vcpu.cpu->io;
    jit_tlb_flush_all(cpu);
    return true;
}

void jit_memory_destroy(JitCpu *cpu)
{
    g_clear_pointer(&cpu->jumps, g_free);
    for (unsigned i = 0; cpu->core && i < JIT_TLB_BANKS; i++) {
        g_free(cpu->core->bank[i]);
    }
    if (cpu->core) {
        jit_block_free(cpu->core->uncached);
    }
    g_clear_pointer(&cpu->core, g_free);
}

/* ---- flushing ---- */

/* Of the 64 entries from 64 × n those that were filled. */
static void flush_used(JitTlbBank *bank, unsigned mode, unsigned n, bool global)
{
    uint64_t left = bank->used[mode][n];

    while (left) {
        unsigned bit = __builtin_ctzll(left), i = 64 * n + bit;
        left &= left - 1;
        if (global || !bank->info[mode][i].global) {
            clear_entry(&bank->entries[mode][i]);
            bank->used[mode][n] &= ~(1ull << bit);
        }
    }
}

static void flush_bank(JitCpu *cpu, JitTlbBank *bank, bool global)
{
    for (unsigned mode = 0; mode < cpu->arch->mmu_modes; mode++) {
        for (unsigned n = 0; n < JIT_TLB_ENTRIES / 64; n++) {
            flush_used(bank, mode, n, global);
        }
    }
    if (global) {
        memset(bank->large, 0, sizeof(bank->large));
    }
    renew_salt(cpu, bank);
}

void jit_jumps_flush(JitCpu *cpu)
{
    memset(cpu->jumps, 0, sizeof(JitJump) << JIT_JUMP_BITS);
}

static void log_flush(const JitCpu *cpu, const char *what)
{
    if (G_UNLIKELY(log_enabled(LOG_MMU))) {
        log_write(LOG_MMU, "CPU %u: mmu: %s", cpu->vcpu.cpu->index, what);
    }
}

void jit_tlb_flush(JitCpu *cpu, bool global)
{
    log_flush(cpu, global ? "all is forgotten" : "all but global pages is forgotten");
    for (unsigned i = 0; i < JIT_TLB_BANKS; i++) {
        if (cpu->core->bank[i]) {
            flush_bank(cpu, cpu->core->bank[i], global);
        }
    }
}

void jit_tlb_flush_all(JitCpu *cpu)
{
    jit_tlb_flush(cpu, true);
    for (unsigned i = 0; i < JIT_WALK_ENTRIES; i++) {
        cpu->core->walk[i].page = UINT64_MAX;
    }
}

void jit_set_memory(JitCpu *cpu, AddressSpace *memory)
{
    if (cpu->memory != memory) {
        cpu->memory = memory;
        jit_tlb_flush_all(cpu);
    }
}

/* The bank of a tag; else an unused one, or that which was left longest ago, emptied. */
static JitTlbBank *bank_for(JitCpu *cpu, uint64_t tag)
{
    JitTlbBank *oldest = NULL, *bank;

    for (unsigned i = 0; i < JIT_TLB_BANKS; i++) {
        bank = cpu->core->bank[i];
        if (!bank) {
            bank = new_bank(cpu);
            bank->tag = tag;
            renew_salt(cpu, bank);
            atomic_store(&cpu->core->bank[i], bank);
            return bank;
        }
        if (bank->tag == tag) {
            return bank;
        }
        oldest = !oldest || bank->stamp < oldest->stamp ? bank : oldest;
    }
    flush_bank(cpu, oldest, true);
    oldest->tag = tag;
    return oldest;
}

void jit_tlb_switch(JitCpu *cpu, uint64_t tag, bool keep)
{
    JitTlbBank *bank = bank_for(cpu, tag);

    if (G_UNLIKELY(log_enabled(LOG_MMU))) {
        log_write(LOG_MMU, "CPU %u: mmu: address space 0x%" PRIx64 "%s", cpu->vcpu.cpu->index, tag,
                  keep ? ", what is known of it stays" : "");
    }
    use_bank(cpu, bank);
    if (!keep) {
        flush_bank(cpu, bank, false);
    }
}

static void flush_page(JitCpu *cpu, JitTlbBank *bank, uint64_t address)
{
    if (jit_page_set_has(&bank->large[0], address >> 21) ||
        jit_page_set_has(&bank->large[1], address >> 30)) {
        flush_bank(cpu, bank, true);
        return;
    }
    for (unsigned mode = 0; mode < cpu->arch->mmu_modes; mode++) {
        JitTlbEntry *entry = &bank->entries[mode][jit_tlb_index(address)];
        for (unsigned access = 0; access < 3; access++) {
            if ((entry->tag[access] & JIT_PAGE_MASK) == (address & JIT_PAGE_MASK)) {
                clear_entry(entry);
            }
        }
    }
    if (jit_page_set_has(&bank->jump_pages, address >> JIT_PAGE_BITS)) {
        renew_salt(cpu, bank);
    }
}

void jit_tlb_flush_page(JitCpu *cpu, uint64_t address)
{
    if (G_UNLIKELY(log_enabled(LOG_MMU)) && log_address_wanted(address)) {
        log_write(LOG_MMU, "CPU %u: mmu: 0x%" PRIx64 " is forgotten", cpu->vcpu.cpu->index, address);
    }
    for (unsigned i = 0; i < JIT_TLB_BANKS; i++) {
        if (cpu->core->bank[i]) {
            flush_page(cpu, cpu->core->bank[i], address);
        }
    }
}

/* Entries for a page of RAM, whoever's they are, stop matching writes. */
static void watch_in_bank(JitTlbBank *bank, const RamBlock *ram, uint64_t offset)
{
    for (unsigned mode = 0; mode < JIT_MMU_MODES; mode++) {
        for (unsigned n = 0; n < JIT_TLB_ENTRIES / 64; n++) {
            uint64_t left = __atomic_load_n(&bank->used[mode][n], __ATOMIC_SEQ_CST);
            for (; left; left &= left - 1) {
                unsigned i = 64 * n + __builtin_ctzll(left);
                if (bank->info[mode][i].ram == ram && bank->info[mode][i].offset == offset) {
                    __atomic_or_fetch(&bank->entries[mode][i].tag[JIT_WRITE], JIT_TLB_SLOW,
                                      __ATOMIC_SEQ_CST);
                }
            }
        }
    }
}

void jit_tlb_watch(RamBlock *ram, uint64_t offset)
{
    for (unsigned n = 0; n < vcpu_count(); n++) {
        JitCore *core = ((JitCpu *)vcpu_at(n))->core;
        for (unsigned i = 0; i < JIT_TLB_BANKS; i++) {
            JitTlbBank *bank = atomic_load(&core->bank[i]);
            if (bank) {
                watch_in_bank(bank, ram, offset & JIT_PAGE_MASK);
            }
        }
    }
}

/* ---- filling ---- */

/* Must somebody be told of writes to the page? */
bool jit_tlb_writes_noticed(const JitTlbInfo *info)
{
    for (unsigned client = 0; client < DIRTY_CLIENTS; client++) {
        if (dirty_log_on(info->ram, client) &&
            !dirty_log_test(info->ram, client, info->offset, JIT_PAGE_SIZE)) {
            return true;
        }
    }
    return false;
}

static uint64_t tag_for(const JitTlbInfo *info, uint64_t page, JitAccess access)
{
    if (!(info->allowed & 1u << access)) {
        return JIT_TLB_INVALID;
    }
    if ((info->watched || info->checked) && access != JIT_FETCH) {
        return page | JIT_TLB_SLOW;
    }
    if (access == JIT_WRITE) {
        return page | (info->writable && !jit_tlb_writes_noticed(info) ? 0 : JIT_TLB_SLOW);
    }
    return page | (info->readable ? 0 : JIT_TLB_SLOW);
}

/* ---- watched ranges ---- */

static bool watch_covers(const JitWatch *watch, uint64_t address, uint64_t length)
{
    return watch->access && address - watch->address < watch->length
               ? true : watch->access && watch->address - address < length;
}

static bool is_watched(const JitCpu *cpu, uint64_t page)
{
    for (unsigned i = 0; i < cpu->watches; i++) {
        if (watch_covers(&cpu->watch[i], page, JIT_PAGE_SIZE)) {
            return true;
        }
    }
    return false;
}

void jit_watch(JitCpu *cpu, unsigned number, uint64_t address, uint64_t length, uint8_t access)
{
    const JitWatch watch = { address, length, access };

    if (!access && !cpu->watch[number].access) {
        return;
    }
    cpu->watch[number] = watch;
    cpu->watches = 0;
    for (unsigned i = 0; i < JIT_WATCHES; i++) {
        cpu->watches = cpu->watch[i].access ? i + 1 : cpu->watches;
    }
    jit_tlb_flush(cpu, true);
}

/*
 * Before an access to a page with watched ranges: if it is to one, the instruction is done again
 * alone, so that nothing comes between it and who wants to know.
 */
void jit_check_watches(JitCpu *cpu, uint64_t address, unsigned size, unsigned access)
{
    for (unsigned i = 0; i < cpu->watches; i++) {
        if ((cpu->watch[i].access & access) && watch_covers(&cpu->watch[i], address, size)) {
            if (!cpu->core->single) {
                jit_begin_again(cpu);
            }
            if (i < JIT_ARCH_WATCHES) {
                cpu->arch->watch_hit(cpu, i);
            } else {
                jit_debug_watch_hit(cpu, i);
            }
        }
    }
}

void jit_tlb_find_memory(JitCpu *cpu, JitTlbInfo *info, uint8_t **host)
{
    FlatRange range;
    uint64_t in_range;

    info->ram = NULL;
    info->readable = info->writable = false;
    *host = NULL;
    if (!address_space_find(cpu->memory, info->physical, &range) || !range.block ||
        range.start > info->physical || range.last < info->physical + JIT_PAGE_SIZE - 1) {
        return;
    }
    in_range = info->physical - range.start;
    info->ram = range.block;
    *host = range.host + in_range;
    info->offset = (uint64_t)(*host - range.block->host);
    info->readable = range.direct_read;
    info->writable = range.direct_read && !range.readonly;
    if (info->offset & ~JIT_PAGE_MASK) {
        info->ram = NULL;
        info->readable = info->writable = false;
    }
}

/* Another CPU may have begun to watch the page between the question and the tag: ask again. */
void jit_tlb_watch_again(JitTlbEntry *entry, const JitTlbInfo *info)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (!(entry->tag[JIT_WRITE] & (JIT_TLB_SLOW | JIT_TLB_INVALID)) && jit_tlb_writes_noticed(info)) {
        __atomic_or_fetch(&entry->tag[JIT_WRITE], JIT_TLB_SLOW, __ATOMIC_SEQ_CST);
    }
}

static void log_found(const JitCpu *cpu, uint64_t page, unsigned mode, const JitPage *found,
                      const JitTlbInfo *info)
{
    log_write(LOG_MMU, "CPU %u: mmu: 0x%" PRIx64 " is 0x%" PRIx64 ", %s, mode %u, %c%c%c%s, of 0x%" PRIx64,
              cpu->vcpu.cpu->index, page, info->physical, info->ram ? info->ram->id : "I/O", mode,
              info->allowed & JIT_CAN_READ ? 'r' : '-', info->allowed & JIT_CAN_WRITE ? 'w' : '-',
              info->allowed & JIT_CAN_FETCH ? 'x' : '-', info->global ? " global" : "", found->size);
}

JitTlbInfo *jit_tlb_known(const JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode)
{
    unsigned index = jit_tlb_index(address);
    uint64_t tag = cpu->tlb[mode].entries[index].tag[access];

    return (tag & JIT_PAGE_MASK) == (address & JIT_PAGE_MASK) && !(tag & JIT_TLB_INVALID)
           ? &cpu->core->current->info[mode][index] : NULL;
}

JitTlbInfo *jit_tlb_fill(JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode)
{
    JitTlbInfo *info = jit_tlb_known(cpu, address, access, mode);
    unsigned index = jit_tlb_index(address);
    JitTlbEntry *entry = &cpu->tlb[mode].entries[index];
    JitTlbBank *bank = cpu->core->current;
    uint64_t page = address & JIT_PAGE_MASK;
    JitPage found;
    uint8_t *host;

    if (info) {
        return info;
    }
    info = &bank->info[mode][index];
    cpu->arch->walk(cpu, address, access, mode, false, &found);
    clear_entry(entry);
    info->physical = found.physical & JIT_PAGE_MASK;
    if (cpu->arch->mask_physical) {
        info->physical = cpu->arch->mask_physical(cpu, info->physical);
    }
    info->global = found.global;
    info->allowed = found.allowed;
    if (found.size > JIT_PAGE_SIZE) {
        jit_page_set_add(&bank->large[0], address >> 21);
        if (found.size > 1ull << 22) {
            jit_page_set_add(&bank->large[1], address >> 30);
        } else {
            jit_page_set_add(&bank->large[0], (address ^ 1ull << 21) >> 21);
        }
    }
    info->watched = cpu->watches && is_watched(cpu, page);
    info->checked = cpu->arch->aligned_modes >> mode & 1;
    __atomic_or_fetch(&bank->used[mode][index / 64], 1ull << index % 64, __ATOMIC_RELAXED);
    jit_tlb_find_memory(cpu, info, &host);
    if (G_UNLIKELY(log_enabled(LOG_MMU)) && log_address_wanted(address)) {
        log_found(cpu, page, mode, &found, info);
    }
    entry->addend = (uintptr_t)host - page;
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < 3; i++) {
        entry->tag[i] = tag_for(info, page, i);
    }
    jit_tlb_watch_again(entry, info);
    return info;
}
