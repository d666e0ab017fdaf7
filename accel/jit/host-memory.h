/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as the host has it: accesses of any alignment, in the order that guests count
 * on.
 *
 * An x86 guest sees loads in program order, stores in program order, no store before an earlier
 * load, and all CPUs see the stores of others in one order; only a load may pass an earlier
 * store to another place (SDM volume 3, 9.2.2). That is more than any other guest asks for, so
 * it holds for all:
 *
 *  - Hosts with the same order (x86, z/Architecture) need nothing but single instructions.
 *  - On others whose stores reach all CPUs at one time (ARMv8, RISC-V) each load acquires and each
 *    store releases: what is after a load, and what is before a store, stays there.
 *  - Where a store may reach one CPU before another (POWER), loads and stores that acquire and release
 *    let two readers disagree about two writers; they are sequentially consistent there.
 *
 * An atomic operation has a full barrier on both sides, as a locked instruction is one: that it
 * is sequentially consistent orders it with others of its kind, but on ARMv8 not the loads
 * after with the store that is half of it, where loads acquire by LDAPR.
 *
 * A naturally aligned access is one access of the host, never torn. A host of the first kind
 * does misaligned ones as guests expect of it. On others, whose instructions for this kind of
 * access fault at such addresses (ARMv8 without FEAT_LSE2), an access within an aligned word of
 * 8 bytes is done on the word, and so is whole, too; one that crosses words is two accesses, in
 * order of address. A processor by Intel or AMD since the P6 would not tear that within a line
 * of its cache.
 */
#ifndef ACCEL_JIT_HOST_MEMORY_H
#define ACCEL_JIT_HOST_MEMORY_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(__s390x__)
#define HOST_IN_ORDER 1
#define HOST_LOAD __ATOMIC_RELAXED
#define HOST_STORE __ATOMIC_RELAXED
#elif defined(__aarch64__) || defined(__riscv)
#define HOST_IN_ORDER 0
#define HOST_LOAD __ATOMIC_ACQUIRE
#define HOST_STORE __ATOMIC_RELEASE
#else
#define HOST_IN_ORDER 0
#define HOST_LOAD __ATOMIC_SEQ_CST
#define HOST_STORE __ATOMIC_SEQ_CST
#endif

/* May atomic operations be misaligned? A processor for x86 locks two lines. */
#if defined(__x86_64__)
#define HOST_ATOMIC_ANYWHERE 1
#else
#define HOST_ATOMIC_ANYWHERE 0
#endif

/* Does the compiler have atomic operations on 16 bytes that take no lock? Guests take none either. */
#if defined(__x86_64__) || defined(__aarch64__) || defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_16)
#define HOST_ATOMIC_16 1
#else
#define HOST_ATOMIC_16 0
#endif

/* Misaligned where the host may do so by itself. */
typedef volatile uint16_t __attribute__((aligned(1), may_alias)) HostAny16;
typedef volatile uint32_t __attribute__((aligned(1), may_alias)) HostAny32;
typedef volatile uint64_t __attribute__((aligned(1), may_alias)) HostAny64;

/* ---- misaligned, by aligned words ---- */

static inline uint64_t host_mask(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ull << 8 * size) - 1;
}

/* `size` bytes from byte `at` of a word, up to its end at most. */
static inline uint64_t host_read_within(const uint64_t *word, unsigned at, unsigned size)
{
    return GUINT64_FROM_LE(__atomic_load_n(word, HOST_LOAD)) >> 8 * at & host_mask(size);
}

static inline void host_write_within(uint64_t *word, unsigned at, unsigned size, uint64_t value)
{
    uint64_t mask = GUINT64_TO_LE(host_mask(size) << 8 * at), old, put;

    old = __atomic_load_n(word, __ATOMIC_RELAXED);
    do {
        put = (old & ~mask) | (GUINT64_TO_LE(value << 8 * at) & mask);
    } while (!__atomic_compare_exchange_n(word, &old, put, true, HOST_STORE, __ATOMIC_RELAXED));
}

static inline uint64_t host_read_misaligned(const void *host, unsigned size)
{
    unsigned at = (uintptr_t)host % 8, first = MIN(size, 8 - at);
    const uint64_t *word = (const uint64_t *)((uintptr_t)host - at);
    uint64_t value = host_read_within(word, at, first);

    return first == size ? value : value | host_read_within(word + 1, 0, size - first) << 8 * first;
}

static inline void host_write_misaligned(void *host, unsigned size, uint64_t value)
{
    unsigned at = (uintptr_t)host % 8, first = MIN(size, 8 - at);
    uint64_t *word = (uint64_t *)((uintptr_t)host - at);

    host_write_within(word, at, first, value);
    if (first < size) {
        host_write_within(word + 1, 0, size - first, value >> 8 * first);
    }
}

/* ---- a number of 1, 2, 4 or 8 bytes, little endian ---- */

static inline uint64_t host_read(const void *host, unsigned size)
{
    if (!HOST_IN_ORDER && G_UNLIKELY((uintptr_t)host & (size - 1))) {
        return host_read_misaligned(host, size);
    }
    switch (size) {
    case 1:
        return __atomic_load_n((const uint8_t *)host, HOST_LOAD);
    case 2:
        return GUINT16_FROM_LE(HOST_IN_ORDER ? *(const HostAny16 *)host
                                             : __atomic_load_n((const uint16_t *)host, HOST_LOAD));
    case 4:
        return GUINT32_FROM_LE(HOST_IN_ORDER ? *(const HostAny32 *)host
                                             : __atomic_load_n((const uint32_t *)host, HOST_LOAD));
    default:
        return GUINT64_FROM_LE(HOST_IN_ORDER ? *(const HostAny64 *)host
                                             : __atomic_load_n((const uint64_t *)host, HOST_LOAD));
    }
}

static inline void host_write_aligned(void *host, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        __atomic_store_n((uint8_t *)host, (uint8_t)value, HOST_STORE);
        break;
    case 2:
        __atomic_store_n((uint16_t *)host, GUINT16_TO_LE((uint16_t)value), HOST_STORE);
        break;
    case 4:
        __atomic_store_n((uint32_t *)host, GUINT32_TO_LE((uint32_t)value), HOST_STORE);
        break;
    default:
        __atomic_store_n((uint64_t *)host, GUINT64_TO_LE(value), HOST_STORE);
    }
}

static inline void host_write(void *host, unsigned size, uint64_t value)
{
    if (!HOST_IN_ORDER) {
        if (G_UNLIKELY((uintptr_t)host & (size - 1))) {
            host_write_misaligned(host, size, value);
        } else {
            host_write_aligned(host, size, value);
        }
        return;
    }
    switch (size) {
    case 1:
        *(volatile uint8_t *)host = (uint8_t)value;
        break;
    case 2:
        *(HostAny16 *)host = GUINT16_TO_LE((uint16_t)value);
        break;
    case 4:
        *(HostAny32 *)host = GUINT32_TO_LE((uint32_t)value);
        break;
    default:
        *(HostAny64 *)host = GUINT64_TO_LE(value);
    }
}

/* ---- bytes ---- */

/* The largest aligned piece of an access that begins at an address. */
static inline unsigned host_piece(uint64_t address, unsigned length)
{
    unsigned size = 8;

    while (size > length || address & (size - 1)) {
        size /= 2;
    }
    return size;
}

/* As many as an instruction has, or some hundred: what of it is aligned is not torn. */
static inline void host_read_bytes(void *to, const void *host, unsigned length)
{
    if (HOST_IN_ORDER) {
        memcpy(to, host, length);
        return;
    }
    for (unsigned done = 0, size; done < length; done += size) {
        const uint8_t *at = (const uint8_t *)host + done;
        uint64_t value;
        size = host_piece((uintptr_t)at, length - done);
        value = GUINT64_TO_LE(host_read(at, size));
        memcpy((uint8_t *)to + done, &value, size);
    }
}

static inline void host_write_bytes(void *host, const void *from, unsigned length)
{
    if (HOST_IN_ORDER) {
        memcpy(host, from, length);
        return;
    }
    for (unsigned done = 0, size; done < length; done += size) {
        uint8_t *at = (uint8_t *)host + done;
        uint64_t value = 0;
        size = host_piece((uintptr_t)at, length - done);
        memcpy(&value, (const uint8_t *)from + done, size);
        host_write(at, size, GUINT64_FROM_LE(value));
    }
}

/*
 * Around many accesses by other means (memcpy): they are in order with those before and after, in
 * no order among themselves, as those of REP MOVS and REP STOS are (SDM volume 3, 9.2.4).
 */
static inline void host_bulk_begin(void)
{
    if (!HOST_IN_ORDER) {
        __atomic_thread_fence(HOST_STORE);
    }
}

static inline void host_bulk_end(void)
{
    if (!HOST_IN_ORDER) {
        __atomic_thread_fence(HOST_LOAD);
    }
}

/* ---- around atomic operations ---- */

static inline void host_barrier(void)
{
    if (!HOST_IN_ORDER) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

#endif
