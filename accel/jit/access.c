/* SPDX-License-Identifier: MIT */
/* Accesses of guests: devices, loads and stores of all kinds, atomics, physical memory. */
#include <string.h>

#include "accel/jit/host-memory.h"
#include "accel/jit/host.h"
#include "base/lock.h"

/* ---- devices ---- */

void jit_leave_guest(JitCpu *cpu)
{
    if (cpu->core->in_code) {
        jit_host_float_save(cpu);
    }
    if (G_UNLIKELY(jit.icount)) {
        jit_icount_publish(cpu);
    }
    cpu->core->running = false;
    vcpu_leave_guest(&cpu->vcpu);
}

void jit_enter_guest(JitCpu *cpu)
{
    while (!vcpu_enter_guest(&cpu->vcpu)) {
        /* It was asked to leave; first the access under way is finished. */
    }
    cpu->core->running = true;
    if (cpu->core->in_code) {
        jit_host_float_load(cpu);
    }
}

void jit_machine_lock(JitCpu *cpu)
{
    jit_leave_guest(cpu);
    machine_lock();
}

void jit_machine_unlock(JitCpu *cpu)
{
    machine_unlock();
    jit_enter_guest(cpu);
}

void jit_begin_alone(JitCpu *cpu)
{
    jit_machine_lock(cpu);
    vcpus_block_guests();
}

void jit_end_alone(JitCpu *cpu)
{
    vcpus_unblock_guests();
    jit_machine_unlock(cpu);
}

static uint64_t read_device(JitCpu *cpu, const JitTlbInfo *info, uint64_t address, unsigned size)
{
    uint64_t physical = info->physical | (address & ~JIT_PAGE_MASK), value = 0;
    MemoryResult result;

    jit_leave_guest(cpu);
    result = address_space_load(cpu->memory, physical, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                                &value);
    jit_enter_guest(cpu);
    if (G_UNLIKELY(result != MEMORY_OK) && cpu->arch->bus_error) {
        cpu->arch->bus_error(cpu, address, physical, JIT_READ, result);
    }
    return value;
}

static void write_device(JitCpu *cpu, const JitTlbInfo *info, uint64_t address, unsigned size,
                         uint64_t value)
{
    uint64_t physical = info->physical | (address & ~JIT_PAGE_MASK);
    MemoryResult result;

    jit_leave_guest(cpu);
    result = address_space_store(cpu->memory, physical, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                                 value);
    jit_enter_guest(cpu);
    if (G_UNLIKELY(result != MEMORY_OK) && cpu->arch->bus_error) {
        cpu->arch->bus_error(cpu, address, physical, JIT_WRITE, result);
    }
}

uint64_t jit_port_read(JitCpu *cpu, uint16_t port, unsigned size)
{
    uint64_t value = 0;

    jit_leave_guest(cpu);
    (void)address_space_load(cpu->io, port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    jit_enter_guest(cpu);
    return value;
}

void jit_port_write(JitCpu *cpu, uint16_t port, unsigned size, uint64_t value)
{
    jit_leave_guest(cpu);
    (void)address_space_store(cpu->io, port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value);
    jit_enter_guest(cpu);
}

/* ---- loads and stores ---- */

static inline bool crosses_page(uint64_t address, unsigned size)
{
    return (address & ~JIT_PAGE_MASK) + size > JIT_PAGE_SIZE;
}

static inline JitTlbEntry *entry_of(JitCpu *cpu, uint64_t address, unsigned mode)
{
    return &cpu->tlb[mode].entries[jit_tlb_index(address)];
}

/* Before an access in any mode, by its translation or not. */
static inline void check_alignment(JitCpu *cpu, uint64_t address, unsigned size, unsigned mode)
{
    if (G_UNLIKELY(cpu->arch->aligned_modes >> mode & 1) && (address & (size - 1))) {
        cpu->arch->unaligned(cpu, address);
    }
}

static uint64_t load_crossing(JitCpu *cpu, uint64_t address, unsigned size, unsigned mode)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= jit_load(cpu, address + i, 1, mode) << (8 * i);
    }
    return value;
}

uint64_t jit_load(JitCpu *cpu, uint64_t address, unsigned size, unsigned mode)
{
    JitTlbEntry *entry = entry_of(cpu, address, mode);
    JitTlbInfo *info;

    check_alignment(cpu, address, size, mode);
    if (G_UNLIKELY(crosses_page(address, size))) {
        return load_crossing(cpu, address, size, mode);
    }
    if (G_LIKELY(entry->tag[JIT_READ] == (address & JIT_PAGE_MASK))) {
        return host_read((void *)(address + entry->addend), size);
    }
    info = jit_tlb_fill(cpu, address, JIT_READ, mode);
    if (G_UNLIKELY(info->watched)) {
        jit_check_watches(cpu, address, size, 1u << JIT_READ);
    }
    if (info->readable) {
        return host_read((void *)(address + entry->addend), size);
    }
    return read_device(cpu, info, address, size);
}

/*
 * The write is to code of the very block that runs: what comes after it in the block may be
 * another instruction now. The instruction is done again, alone.
 */
static void check_own_code(JitCpu *cpu, const JitTlbInfo *info, uint64_t offset, unsigned size)
{
    JitContext context;
    bool covers;

    if (cpu->core->single || !dirty_log_on(info->ram, DIRTY_CODE) ||
        dirty_log_test(info->ram, DIRTY_CODE, info->offset, 1)) {
        return;
    }
    cpu->arch->context(cpu, &context);
    g_mutex_lock(&jit.lock);
    covers = jit_cache_covers(info->ram, offset, size, context.pc);
    g_mutex_unlock(&jit.lock);
    if (covers) {
        jit_begin_again(cpu);
    }
}

/* After a write to RAM that somebody has to be told of. */
static void write_done(JitCpu *cpu, JitTlbEntry *entry, JitTlbInfo *info, uint64_t address,
                       uint64_t offset, unsigned size)
{
    dirty_log_mark(info->ram, offset, size);
    if ((entry->tag[JIT_WRITE] & ~JIT_TLB_SLOW) == (address & JIT_PAGE_MASK) &&
        !info->watched && !info->checked && !jit_tlb_writes_noticed(info)) {
        entry->tag[JIT_WRITE] = address & JIT_PAGE_MASK;
        jit_tlb_watch_again(entry, info);
    }
}

static void store_crossing(JitCpu *cpu, uint64_t address, unsigned size, unsigned mode,
                           uint64_t value)
{
    jit_probe(cpu, address, size, JIT_WRITE, mode);
    for (unsigned i = 0; i < size; i++) {
        jit_store(cpu, address + i, 1, mode, value >> (8 * i) & 0xff);
    }
}

void jit_store(JitCpu *cpu, uint64_t address, unsigned size, unsigned mode, uint64_t value)
{
    JitTlbEntry *entry = entry_of(cpu, address, mode);
    JitTlbInfo *info;

    check_alignment(cpu, address, size, mode);
    if (G_UNLIKELY(crosses_page(address, size))) {
        store_crossing(cpu, address, size, mode, value);
        return;
    }
    if (G_LIKELY(entry->tag[JIT_WRITE] == (address & JIT_PAGE_MASK))) {
        host_write((void *)(address + entry->addend), size, value);
        return;
    }
    info = jit_tlb_fill(cpu, address, JIT_WRITE, mode);
    if (G_UNLIKELY(info->watched)) {
        jit_check_watches(cpu, address, size, 1u << JIT_WRITE);
    }
    if (info->writable) {
        uint64_t offset = info->offset | (address & ~JIT_PAGE_MASK);
        check_own_code(cpu, info, offset, size);
        host_write((void *)(address + entry->addend), size, value);
        write_done(cpu, entry, info, address, offset, size);
    } else {
        write_device(cpu, info, address, size, value);
    }
}

void jit_probe(JitCpu *cpu, uint64_t address, unsigned length, JitAccess access, unsigned mode)
{
    (void)jit_tlb_fill(cpu, address, access, mode);
    if (crosses_page(address, length)) {
        (void)jit_tlb_fill(cpu, (address + length - 1) & JIT_PAGE_MASK, access, mode);
    }
}

void *jit_host(JitCpu *cpu, uint64_t address, JitAccess access, unsigned mode)
{
    JitTlbEntry *entry = entry_of(cpu, address, mode);

    if (entry->tag[access] != (address & JIT_PAGE_MASK)) {
        (void)jit_tlb_fill(cpu, address, access, mode);
        if (entry->tag[access] != (address & JIT_PAGE_MASK)) {
            return NULL;
        }
    }
    return (void *)(address + entry->addend);
}

void jit_load_bytes(JitCpu *cpu, uint64_t address, void *buffer, unsigned length, unsigned mode)
{
    uint8_t *to = buffer;
    const void *host;

    if (!crosses_page(address, length) && (host = jit_host(cpu, address, JIT_READ, mode))) {
        host_read_bytes(buffer, host, length);
        return;
    }
    jit_probe(cpu, address, length, JIT_READ, mode);
    while (length) {    /* aligned, so that devices see what buses do */
        unsigned size = host_piece(address, length);
        uint64_t value = GUINT64_TO_LE(jit_load(cpu, address, size, mode));
        memcpy(to, &value, size);
        address += size;
        to += size;
        length -= size;
    }
}

void jit_store_bytes(JitCpu *cpu, uint64_t address, const void *buffer, unsigned length,
                     unsigned mode)
{
    const uint8_t *from = buffer;
    void *host;

    if (!crosses_page(address, length) && (host = jit_host(cpu, address, JIT_WRITE, mode))) {
        host_write_bytes(host, buffer, length);
        return;
    }
    jit_probe(cpu, address, length, JIT_WRITE, mode);
    while (length) {
        unsigned size = host_piece(address, length);
        uint64_t value = 0;
        memcpy(&value, from, size);
        jit_store(cpu, address, size, mode, GUINT64_FROM_LE(value));
        address += size;
        from += size;
        length -= size;
    }
}

/* ---- atomics ---- */

#define ATOMIC_SIZE(type) \
    static uint64_t atomic_##type(type *host, IrOpcode opcode, uint64_t value, uint64_t expected) \
    { \
        type old = (type)expected; \
        switch (opcode) { \
        case IR_ATOMIC_ADD: \
            return __atomic_fetch_add(host, (type)value, __ATOMIC_SEQ_CST); \
        case IR_ATOMIC_AND: \
            return __atomic_fetch_and(host, (type)value, __ATOMIC_SEQ_CST); \
        case IR_ATOMIC_OR: \
            return __atomic_fetch_or(host, (type)value, __ATOMIC_SEQ_CST); \
        case IR_ATOMIC_XOR: \
            return __atomic_fetch_xor(host, (type)value, __ATOMIC_SEQ_CST); \
        case IR_ATOMIC_XCHG: \
            return __atomic_exchange_n(host, (type)value, __ATOMIC_SEQ_CST); \
        default: \
            __atomic_compare_exchange_n(host, &old, (type)value, false, __ATOMIC_SEQ_CST, \
                                        __ATOMIC_SEQ_CST); \
            return old; \
        } \
    }
ATOMIC_SIZE(uint8_t)
ATOMIC_SIZE(uint16_t)
ATOMIC_SIZE(uint32_t)
ATOMIC_SIZE(uint64_t)
#undef ATOMIC_SIZE

/* Where the host can: see is_alone(). */
static uint64_t atomic_on_host(void *host, IrOpcode opcode, unsigned size, uint64_t value,
                               uint64_t expected)
{
    uint64_t old;

    host_barrier();
    switch (size) {
    case 1:
        old = atomic_uint8_t(host, opcode, value, expected);
        break;
    case 2:
        old = atomic_uint16_t(host, opcode, value, expected);
        break;
    case 4:
        old = atomic_uint32_t(host, opcode, value, expected);
        break;
    default:
        old = atomic_uint64_t(host, opcode, value, expected);
    }
    host_barrier();
    return old;
}

static uint64_t computed(IrOpcode opcode, uint64_t old, unsigned size, uint64_t value,
                         uint64_t expected)
{
    uint64_t mask = size == 8 ? UINT64_MAX : (1ull << (8 * size)) - 1;

    switch (opcode) {
    case IR_ATOMIC_ADD:
        return (old + value) & mask;
    case IR_ATOMIC_AND:
        return old & value;
    case IR_ATOMIC_OR:
        return (old | value) & mask;
    case IR_ATOMIC_XOR:
        return (old ^ value) & mask;
    case IR_ATOMIC_CMPXCHG:
        return (old == (expected & mask) ? value : old) & mask;
    default:
        return value & mask;
    }
}

/* Bytes of an access that may lie on two pages, each RAM or a device's. */
typedef struct Piece {
    JitTlbEntry *entry;
    JitTlbInfo *info;
    uint64_t address;
    unsigned size;
} Piece;

/* All that may raise is done here. */
static Piece prepare_piece(JitCpu *cpu, uint64_t address, unsigned size, unsigned mode)
{
    Piece piece = { entry_of(cpu, address, mode), jit_tlb_fill(cpu, address, JIT_WRITE, mode),
                    address, size };

    if (G_UNLIKELY(piece.info->watched)) {
        jit_check_watches(cpu, address, size, 1u << JIT_READ | 1u << JIT_WRITE);
    }
    if (piece.info->writable) {
        check_own_code(cpu, piece.info, piece.info->offset | (address & ~JIT_PAGE_MASK), size);
    }
    return piece;
}

static bool is_prepared(const Piece *piece)
{
    uint64_t tag = piece->size ? piece->entry->tag[JIT_WRITE] : 0;

    return !piece->size || (!(tag & JIT_TLB_INVALID) &&
                            (tag & JIT_PAGE_MASK) == (piece->address & JIT_PAGE_MASK));
}

/* Devices see accesses of sizes that buses have. */
static unsigned step_of(const Piece *piece)
{
    return !piece->info->writable && !(piece->size & (piece->size - 1)) ? piece->size : 1;
}

static uint64_t load_piece(JitCpu *cpu, const Piece *piece)
{
    uint64_t value = 0, part = 0;

    for (unsigned i = 0; i < piece->size; i += step_of(piece)) {
        uint64_t at = piece->address + i;
        if (piece->info->writable) {
            part = host_read((void *)(at + piece->entry->addend), 1);
        } else {
            (void)address_space_load(cpu->memory, piece->info->physical | (at & ~JIT_PAGE_MASK),
                                     step_of(piece), ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &part);
        }
        value |= part << 8 * i;
    }
    return value;
}

static void store_piece(JitCpu *cpu, const Piece *piece, uint64_t value)
{
    for (unsigned i = 0; i < piece->size; i += step_of(piece)) {
        uint64_t at = piece->address + i;
        if (piece->info->writable) {
            host_write((void *)(at + piece->entry->addend), 1, value >> 8 * i & 0xff);
        } else {
            (void)address_space_store(cpu->memory, piece->info->physical | (at & ~JIT_PAGE_MASK),
                                      step_of(piece), ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value >> 8 * i);
        }
    }
    if (piece->size && piece->info->writable) {
        write_done(cpu, piece->entry, piece->info, piece->address,
                   piece->info->offset | (piece->address & ~JIT_PAGE_MASK), piece->size);
    }
}

/*
 * On what is not plain RAM, across pages, which need not be neighbours in the host, or where
 * the host has no such operation: while no other CPU is in its guest, as a bus that is locked.
 */
static void begin_alone_with(JitCpu *cpu, uint64_t address, unsigned first, unsigned second,
                             unsigned mode, Piece *low, Piece *high)
{
    for (;;) {
        *low = prepare_piece(cpu, address, first, mode);
        *high = second ? prepare_piece(cpu, address + first, second, mode) : (Piece){ .size = 0 };
        jit_begin_alone(cpu);
        if (is_prepared(low) && is_prepared(high)) {
            return;
        }
        /* The map changed meanwhile. */
        jit_end_alone(cpu);
    }
}

static uint64_t atomic_alone(JitCpu *cpu, IrOpcode opcode, uint64_t address, unsigned size,
                             unsigned mode, uint64_t value, uint64_t expected)
{
    unsigned first = MIN(size, JIT_PAGE_SIZE - (address & ~JIT_PAGE_MASK));
    uint64_t old, put;
    Piece low, high;

    begin_alone_with(cpu, address, first, size - first, mode, &low, &high);
    old = load_piece(cpu, &low) | (high.size ? load_piece(cpu, &high) << 8 * first : 0);
    put = computed(opcode, old, size, value, expected);
    store_piece(cpu, &low, put);
    store_piece(cpu, &high, high.size ? put >> 8 * first : 0);
    jit_end_alone(cpu);
    return old;
}

static inline bool is_alone(uint64_t address, unsigned size)
{
    return crosses_page(address, size) || (!HOST_ATOMIC_ANYWHERE && (address & (size - 1)));
}

uint64_t jit_atomic(JitCpu *cpu, IrOpcode opcode, uint64_t address, unsigned size, unsigned mode,
                    uint64_t value, uint64_t expected)
{
    JitTlbEntry *entry = entry_of(cpu, address, mode);
    JitTlbInfo *info;
    uint64_t offset, old;

    check_alignment(cpu, address, size, mode);
    if (G_UNLIKELY(is_alone(address, size))) {
        return atomic_alone(cpu, opcode, address, size, mode, value, expected);
    }
    if (G_LIKELY(entry->tag[JIT_WRITE] == (address & JIT_PAGE_MASK))) {
        return atomic_on_host((void *)(address + entry->addend), opcode, size, value, expected);
    }
    info = jit_tlb_fill(cpu, address, JIT_WRITE, mode);
    if (G_UNLIKELY(info->watched)) {
        jit_check_watches(cpu, address, size, 1u << JIT_READ | 1u << JIT_WRITE);
    }
    if (!info->writable) {
        return atomic_alone(cpu, opcode, address, size, mode, value, expected);
    }
    offset = info->offset | (address & ~JIT_PAGE_MASK);
    check_own_code(cpu, info, offset, size);
    old = atomic_on_host((void *)(address + entry->addend), opcode, size, value, expected);
    write_done(cpu, entry, info, address, offset, size);
    return old;
}

typedef unsigned __int128 Wide;

#if defined(__x86_64__)
/* Compilers call libatomic for 16 bytes, which may take a lock that guests do not. */
static Wide swap16(Wide *host, Wide want, Wide put)
{
    uint64_t low = (uint64_t)want, high = (uint64_t)(want >> 64);

    __asm__ volatile("lock cmpxchg16b %0"
                     : "+m"(*host), "+a"(low), "+d"(high)
                     : "b"((uint64_t)put), "c"((uint64_t)(put >> 64)) : "cc", "memory");
    return (Wide)high << 64 | low;
}
#elif HOST_ATOMIC_16
/*
 * ARMv8's LDXP may load halves of different times unless a store to the place succeeds after it; a
 * guest may well use an exchange that fails as a load. So what was found is put in its own place.
 */
static Wide swap16(Wide *host, Wide want, Wide put)
{
    Wide was;

    host_barrier();
    do {
        was = __sync_val_compare_and_swap(host, want, put);
    } while (was != want && __sync_val_compare_and_swap(host, was, was) != was);
    host_barrier();
    return was;
}
#else
static Wide swap16(Wide *host, Wide want, Wide put)
{
    g_assert_not_reached();     /* cmpxchg16_alone() does it */
}
#endif

static bool cmpxchg16_alone(JitCpu *cpu, uint64_t address, unsigned mode, uint64_t expected[2],
                            const uint64_t desired[2])
{
    uint64_t old[2];
    Piece low, high;
    bool same;

    begin_alone_with(cpu, address, 8, 8, mode, &low, &high);
    old[0] = load_piece(cpu, &low);
    old[1] = load_piece(cpu, &high);
    same = old[0] == expected[0] && old[1] == expected[1];
    store_piece(cpu, &low, same ? desired[0] : old[0]);
    store_piece(cpu, &high, same ? desired[1] : old[1]);
    jit_end_alone(cpu);
    memcpy(expected, old, sizeof(old));
    return same;
}

bool jit_cmpxchg16(JitCpu *cpu, uint64_t address, unsigned mode, uint64_t expected[2],
                   const uint64_t desired[2])
{
    JitTlbEntry *entry = entry_of(cpu, address, mode);
    JitTlbInfo *info = jit_tlb_fill(cpu, address, JIT_WRITE, mode);
    uint64_t offset = info->offset | (address & ~JIT_PAGE_MASK);
    Wide want = (Wide)expected[1] << 64 | expected[0], put = (Wide)desired[1] << 64 | desired[0];
    Wide was;

    if (!info->writable || !HOST_ATOMIC_16) {
        return cmpxchg16_alone(cpu, address, mode, expected, desired);
    }
    if (G_UNLIKELY(info->watched)) {
        jit_check_watches(cpu, address, 16, 1u << JIT_READ | 1u << JIT_WRITE);
    }
    check_own_code(cpu, info, offset, 16);
    was = swap16((Wide *)(address + entry->addend), want, put);
    expected[0] = (uint64_t)was;
    expected[1] = (uint64_t)(was >> 64);
    if (entry->tag[JIT_WRITE] & JIT_TLB_SLOW) {
        write_done(cpu, entry, info, address, offset, 16);
    }
    return was == want;
}

uint64_t jit_atomic_packed(JitCpu *cpu, uint64_t address, uint64_t value, uint64_t expected,
                           uint64_t packed)
{
    return jit_atomic(cpu, packed & 0xff, address, packed >> 8 & 0xff, packed >> 16 & 0xff, value,
                      expected);
}

static void check_vector(JitCpu *cpu, uint64_t address, uint64_t packed, JitAccess access)
{
    if (packed >> 16 & 1 && address & ((packed & 0xff) - 1)) {
        cpu->arch->misaligned(cpu, address, access);
    }
    if ((packed & 0xff) <= 8) {
        check_alignment(cpu, address, packed & 0xff, packed >> 8 & 0xff);
    }
}

void jit_load_vector(JitCpu *cpu, uint64_t address, void *to, uint64_t packed)
{
    check_vector(cpu, address, packed, JIT_READ);
    jit_load_bytes(cpu, address, to, packed & 0xff, packed >> 8 & 0xff);
    if ((packed & 0xff) < 16) {
        memset((uint8_t *)to + (packed & 0xff), 0, 16 - (packed & 0xff));
    }
}

void jit_store_vector(JitCpu *cpu, uint64_t address, const void *from, uint64_t packed)
{
    check_vector(cpu, address, packed, JIT_WRITE);
    jit_store_bytes(cpu, address, from, packed & 0xff, packed >> 8 & 0xff);
}

/* ---- physical memory ---- */

/* The host address of RAM, from a small cache; NULL: not RAM. */
static uint8_t *walk_host(JitCpu *cpu, uint64_t physical, bool write, RamBlock **ram,
                          uint64_t *offset)
{
    uint64_t page = physical & JIT_PAGE_MASK;
    unsigned index = physical >> JIT_PAGE_BITS & (JIT_WALK_ENTRIES - 1);
    JitTlbInfo info = { .physical = page };

    if (cpu->core->walk[index].page != page) {
        jit_tlb_find_memory(cpu, &info, &cpu->core->walk[index].host);
        cpu->core->walk[index].page = info.readable ? page : UINT64_MAX;
        cpu->core->walk[index].ram = info.ram;
        cpu->core->walk[index].offset = info.offset;
        cpu->core->walk[index].writable = info.writable;
        if (!info.readable) {
            return NULL;
        }
    }
    if (write && !cpu->core->walk[index].writable) {
        return NULL;
    }
    *ram = cpu->core->walk[index].ram;
    *offset = cpu->core->walk[index].offset | (physical & ~JIT_PAGE_MASK);
    return cpu->core->walk[index].host + (physical & ~JIT_PAGE_MASK);
}

static uint64_t masked(JitCpu *cpu, uint64_t physical)
{
    return cpu->arch->mask_physical ? cpu->arch->mask_physical(cpu, physical) : physical;
}

uint64_t jit_load_physical(JitCpu *cpu, uint64_t physical, unsigned size)
{
    const JitTlbInfo info = { .physical = masked(cpu, physical) & JIT_PAGE_MASK };
    uint64_t offset;
    RamBlock *ram;
    const uint8_t *host = walk_host(cpu, masked(cpu, physical), false, &ram, &offset);

    if (host && !crosses_page(physical, size)) {
        return host_read(host, size);
    }
    return read_device(cpu, &info, physical, size);
}

void jit_store_physical(JitCpu *cpu, uint64_t physical, unsigned size, uint64_t value)
{
    const JitTlbInfo info = { .physical = masked(cpu, physical) & JIT_PAGE_MASK };
    uint64_t offset;
    RamBlock *ram;
    uint8_t *host = walk_host(cpu, masked(cpu, physical), true, &ram, &offset);

    if (host && !crosses_page(physical, size)) {
        host_write(host, size, value);
        dirty_log_mark(ram, offset, size);
    } else {
        write_device(cpu, &info, physical, size, value);
    }
}

bool jit_update_physical(JitCpu *cpu, uint64_t physical, unsigned size, uint64_t old,
                         uint64_t value)
{
    uint64_t offset;
    RamBlock *ram;
    uint8_t *host = walk_host(cpu, masked(cpu, physical), true, &ram, &offset);
    bool same;

    if (!host) {
        return true;    /* a table in ROM: its bits cannot be set */
    }
    same = atomic_on_host(host, IR_ATOMIC_CMPXCHG, size, value, old) == old;
    if (same) {
        dirty_log_mark(ram, offset, size);
    }
    return same;
}
