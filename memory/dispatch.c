/* SPDX-License-Identifier: MIT */
/*
 * One access to an I/O region. What has bitten emulators is closed here, once:
 * sizes, alignment and range are checked before a device is called, its own DMA
 * does not enter it again, and chains across devices are bounded.
 */
#include "base/bits.h"
#include "base/lock.h"
#include "base/log.h"
#include "memory/internal.h"

#define MAX_DEPTH 16

static _Thread_local unsigned depth;

static inline unsigned or_else(unsigned value, unsigned otherwise)
{
    return value ? value : otherwise;
}

unsigned region_access_size(const MemoryRegion *region, uint64_t offset, uint64_t length)
{
    const RegionOps *ops = region->ops;
    unsigned size = or_else(ops->access_max, 8);

    if (!ops->unaligned && offset) {
        uint64_t alignment = offset & -offset;
        size = MIN(size, alignment);
    }
    while (size > length) {
        size >>= 1;
    }
    return size;
}

static bool access_allowed(const MemoryRegion *region, uint64_t offset, unsigned size,
                           bool write)
{
    const RegionOps *ops = region->ops;

    if (G_LIKELY(size >= ops->access_min && size <= or_else(ops->access_max, 8) &&
                 (ops->unaligned || !(offset & (size - 1))) &&
                 offset <= region->last && size - 1 <= region->last - offset)) {
        return true;
    }
    log_guest_error("%s: %s of %u bytes at offset 0x%" PRIx64 " is not allowed", region->name,
                    write ? "write" : "read", size, offset);
    return false;
}

/* The guard word of a device, held while it is called. */
static bool dispatch_enter(MemoryRegion *region, uint64_t offset, MemoryAttrs attrs)
{
    if (G_UNLIKELY(region->guard && !region->ops->unlocked && *region->guard)) {
        log_guest_error("%s: access at offset 0x%" PRIx64 " by its own device is refused",
                        region->name, offset);
        return false;
    }
    if (G_UNLIKELY(depth >= MAX_DEPTH)) {
        log_guest_error("%s: access at offset 0x%" PRIx64 " is refused: the chain of devices "
                        "is longer than %u", region->name, offset, MAX_DEPTH);
        return false;
    }
    depth++;
    if (region->guard && !region->ops->unlocked) {
        *region->guard = 1;
    }
    return true;
}

static void dispatch_leave(MemoryRegion *region)
{
    if (region->guard && !region->ops->unlocked) {
        *region->guard = 0;
    }
    depth--;
}

/* ---- accesses that the device does not take as they are ---- */

typedef struct Pieces {
    uint64_t first;   /* offset of the first whole unit */
    unsigned unit;    /* what the device takes */
    unsigned count;
} Pieces;

static Pieces pieces_of(const MemoryRegion *region, uint64_t offset, unsigned size)
{
    const RegionOps *ops = region->ops;
    unsigned min = or_else(ops->impl_min, or_else(ops->access_min, 1));
    unsigned max = or_else(ops->impl_max, or_else(ops->access_max, 8));
    Pieces pieces = { .unit = CLAMP(size, min, max) };

    pieces.first = offset & ~(uint64_t)(pieces.unit - 1);
    pieces.count = (offset + size - pieces.first + pieces.unit - 1) / pieces.unit;
    return pieces;
}

static bool taken_unaligned(const MemoryRegion *region, const Pieces *pieces, unsigned size)
{
    return pieces->unit == size && region->ops->impl_unaligned;
}

static void value_to_bytes(const MemoryRegion *region, uint8_t *bytes, uint64_t value,
                           unsigned size)
{
    if (region->ops->endian == ENDIAN_BIG) {
        store_be(bytes, value, size);
    } else {
        store_le(bytes, value, size);
    }
}

static uint64_t bytes_to_value(const MemoryRegion *region, const uint8_t *bytes, unsigned size)
{
    return region->ops->endian == ENDIAN_BIG ? load_be(bytes, size) : load_le(bytes, size);
}

static MemoryResult read_pieces(MemoryRegion *region, const Pieces *pieces, uint8_t *bytes,
                                MemoryAttrs attrs)
{
    MemoryResult worst = MEMORY_OK;

    for (unsigned i = 0; i < pieces->count; i++) {
        uint64_t value = bits_mask(pieces->unit * 8);
        uint64_t at = pieces->first + i * pieces->unit;
        MemoryResult result = MEMORY_DEVICE_ERROR;
        if (at <= region->last && pieces->unit - 1 <= region->last - at) {
            result = region->ops->read(region->opaque, at, pieces->unit, &value, attrs);
        }
        value_to_bytes(region, bytes + i * pieces->unit, value, pieces->unit);
        worst = MAX(worst, result);
    }
    return worst;
}

static MemoryResult read_split(MemoryRegion *region, uint64_t offset, unsigned size,
                               uint64_t *value, MemoryAttrs attrs)
{
    Pieces pieces = pieces_of(region, offset, size);
    uint8_t bytes[32];
    MemoryResult result;

    if (taken_unaligned(region, &pieces, size)) {
        return region->ops->read(region->opaque, offset, size, value, attrs);
    }
    result = read_pieces(region, &pieces, bytes, attrs);
    *value = bytes_to_value(region, bytes + (offset - pieces.first), size);
    return result;
}

static MemoryResult write_split(MemoryRegion *region, uint64_t offset, unsigned size,
                                uint64_t value, MemoryAttrs attrs)
{
    Pieces pieces = pieces_of(region, offset, size);
    unsigned skip = offset - pieces.first;
    MemoryResult worst = MEMORY_OK;
    uint8_t bytes[32];

    if (taken_unaligned(region, &pieces, size)) {
        return region->ops->write(region->opaque, offset, size, value, attrs);
    }
    if (skip || size % pieces.unit) {
        worst = region->ops->read ? read_pieces(region, &pieces, bytes, attrs)
                                  : MEMORY_DEVICE_ERROR;
    }
    value_to_bytes(region, bytes + skip, value, size);
    for (unsigned i = 0; i < pieces.count; i++) {
        uint64_t at = pieces.first + i * pieces.unit;
        uint64_t part = bytes_to_value(region, bytes + i * pieces.unit, pieces.unit);
        MemoryResult result = MEMORY_DEVICE_ERROR;
        if (at <= region->last && pieces.unit - 1 <= region->last - at) {
            result = region->ops->write(region->opaque, at, pieces.unit, part, attrs);
        }
        worst = MAX(worst, result);
    }
    return worst;
}

void region_plan_accesses(MemoryRegion *region)
{
    const RegionOps *ops = region->ops;
    unsigned min = or_else(ops->impl_min, or_else(ops->access_min, 1));
    unsigned max = or_else(ops->impl_max, or_else(ops->access_max, 8));

    for (unsigned size = 1; size <= 8; size <<= 1) {
        if (size >= min && size <= max && size >= ops->access_min &&
            size <= or_else(ops->access_max, 8)) {
            region->plain_sizes |= size;
        }
    }
}

/* ---- the entry points ---- */

MemoryResult region_dispatch_read(MemoryRegion *region, uint64_t offset, unsigned size,
                                  uint64_t *value, MemoryAttrs attrs)
{
    const RegionOps *ops = region->ops;
    bool lock = !ops->unlocked && !machine_lock_held();
    bool plain = region_takes_plain(region, offset, size);
    MemoryResult result = MEMORY_DEVICE_ERROR;

    *value = bits_mask(size * 8);
    if (!ops->read || !(plain || access_allowed(region, offset, size, false))) {
        return MEMORY_DEVICE_ERROR;
    }
    if (lock) {
        machine_lock();
    }
    if (G_LIKELY(dispatch_enter(region, offset, attrs))) {
        result = G_LIKELY(plain) ? ops->read(region->opaque, offset, size, value, attrs)
                                 : read_split(region, offset, size, value, attrs);
        dispatch_leave(region);
    }
    if (lock) {
        machine_unlock();
    }
    return result;
}

MemoryResult region_dispatch_write(MemoryRegion *region, uint64_t offset, unsigned size,
                                   uint64_t value, MemoryAttrs attrs)
{
    const RegionOps *ops = region->ops;
    bool lock = !ops->unlocked && !machine_lock_held();
    bool plain = region_takes_plain(region, offset, size);
    MemoryResult result = MEMORY_DEVICE_ERROR;

    if (!ops->write || !(plain || access_allowed(region, offset, size, true))) {
        return MEMORY_DEVICE_ERROR;
    }
    if (lock) {
        machine_lock();
    }
    if (G_LIKELY(dispatch_enter(region, offset, attrs))) {
        value &= bits_mask(size * 8);
        result = G_LIKELY(plain) ? ops->write(region->opaque, offset, size, value, attrs)
                                 : write_split(region, offset, size, value, attrs);
        dispatch_leave(region);
    }
    if (lock) {
        machine_unlock();
    }
    return result;
}
