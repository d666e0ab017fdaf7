/* SPDX-License-Identifier: MIT */
/* Address spaces and the accesses through them. */
#include "memory/space.h"

#include <string.h>

#include "base/bits.h"
#include "base/epoch.h"
#include "base/log.h"
#include "memory/internal.h"

/* An IOMMU may lead to a space with another IOMMU; not for ever. */
#define MAX_TRANSLATIONS 8

static AddressSpace *first_space;

/* ---- spaces ---- */

/*
 * What a root comes to: a container that shows nothing but one alias of a whole
 * region at offset 0 is that region. Bus masters without an IOMMU come to the
 * system memory this way and share its view.
 */
static MemoryRegion *resolve_root(MemoryRegion *root)
{
    for (;;) {
        MemoryRegion *only = NULL;

        if (root->kind == REGION_ALIAS) {
            if (!root->enabled || !root->alias || root->alias_offset ||
                root->last < root->alias->last || root->readonly) {
                return root;
            }
            root = root->alias;
            continue;
        }
        if (root->kind != REGION_CONTAINER || root->readonly || !root->enabled) {
            return root;
        }
        for (MemoryRegion *child = root->first_child; child; child = child->next_sibling) {
            if (child->enabled) {
                if (only) {
                    return root;
                }
                only = child;
            }
        }
        if (!only || only->offset || only->kind != REGION_ALIAS || only->last < root->last) {
            return root;
        }
        root = only;
    }
}

static void space_resolve(AddressSpace *space)
{
    MemoryMap *old = atomic_load(&space->map);
    MemoryRegion *root = resolve_root(space->root);

    if (!old || old->root != root) {
        atomic_store(&space->map, map_for_root(root));
        if (old) {
            map_release(old);
        }
    }
}

void spaces_resolve(void)
{
    for (AddressSpace *space = first_space; space; space = space->next) {
        space_resolve(space);
    }
}

AddressSpace *address_space_new(const char *name, MemoryRegion *root, uint8_t unassigned)
{
    AddressSpace *space = g_new0(AddressSpace, 1);
    AddressSpace **link = &first_space;

    space->name = g_strdup(name);
    space->root = root;
    space->unassigned = unassigned;
    while (*link) {
        link = &(*link)->next;
    }
    *link = space;
    space_resolve(space);
    return space;
}

static void space_destroy(void *pointer)
{
    AddressSpace *space = pointer;

    g_free(space->name);
    g_free(space);
}

void address_space_free(AddressSpace *space)
{
    AddressSpace **link = &first_space;

    if (!space) {
        return;
    }
    while (*link != space) {
        link = &(*link)->next;
    }
    *link = space->next;
    map_release(atomic_load(&space->map));
    epoch_retire(space, space_destroy);
}

const char *address_space_name(const AddressSpace *space)
{
    return space->name;
}

MemoryRegion *address_space_root(const AddressSpace *space)
{
    return space->root;
}

AddressSpace *address_space_first(void)
{
    return first_space;
}

AddressSpace *address_space_next(AddressSpace *space)
{
    return space->next;
}

/* ---- finding what an address is ---- */

typedef struct Target {
    const FlatRange *range;   /* NULL: nothing is there */
    uint64_t offset;          /* in the range's region */
    uint64_t length;          /* that can be had here, at most what was asked */
    uint8_t unassigned;
    MemoryResult result;      /* when there is no range */
} Target;

static Target target_none(MemoryResult result, uint8_t unassigned, uint64_t length)
{
    Target target = { .result = result, .unassigned = unassigned, .length = length };

    return target;
}

/* How many bytes from an unassigned address on are unassigned too. */
static uint64_t gap_length(const FlatView *view, uint64_t address, uint64_t length)
{
    unsigned index = flat_view_index(view, address);

    while (index < view->count && view->starts[index] <= address) {
        index++;
    }
    if (index < view->count && view->starts[index] - address < length) {
        return view->starts[index] - address;
    }
    return length;
}

/* Inside epoch_enter(); the range is valid until epoch_leave(). */
static Target find_target(AddressSpace *space, uint64_t address, uint64_t length, bool write,
                          MemoryAttrs attrs)
{
    if (length - 1 > UINT64_MAX - address) {
        length = UINT64_MAX - address + 1;
    }
    for (unsigned i = 0; i < MAX_TRANSLATIONS; i++) {
        MemoryMap *map = atomic_load_explicit(&space->map, memory_order_acquire);
        FlatView *view = atomic_load_explicit(&map->view, memory_order_acquire);
        const FlatRange *range = flat_view_find(view, address);

        if (G_UNLIKELY(!range)) {
            return target_none(MEMORY_DECODE_ERROR, space->unassigned,
                               gap_length(view, address, length));
        }
        Target target = {
            .range = range, .offset = range->offset + (address - range->start),
            .length = MIN(length - 1, range->last - address) + 1,
            .unassigned = space->unassigned,
        };
        if (G_LIKELY(range->region->kind != REGION_IOMMU)) {
            return target;
        }

        IommuAccess want = write ? IOMMU_WRITE : IOMMU_READ;
        IommuEntry entry = range->region->iommu->translate(range->region->opaque, target.offset,
                                                           want, attrs);
        length = MIN(target.length - 1, entry.page_mask - (target.offset & entry.page_mask)) + 1;
        if (!entry.target || !(entry.access & want)) {
            return target_none(MEMORY_ACCESS_ERROR, space->unassigned, length);
        }
        address = (entry.translated & ~entry.page_mask) | (target.offset & entry.page_mask);
        space = entry.target;
    }
    return target_none(MEMORY_ACCESS_ERROR, space->unassigned, length);
}

bool address_space_find(AddressSpace *space, uint64_t address, FlatRange *range)
{
    Target target;

    epoch_enter();
    target = find_target(space, address, 1, false, MEMORY_ATTRS_NONE);
    if (target.range) {
        *range = *target.range;
    }
    epoch_leave();
    return target.range != NULL;
}

/* ---- accesses ---- */

static MemoryResult read_part(const Target *target, uint8_t *buffer, uint64_t *length,
                              MemoryAttrs attrs)
{
    MemoryRegion *region;
    MemoryResult result;
    uint64_t value;

    *length = target->length;
    if (G_UNLIKELY(!target->range)) {
        memset(buffer, target->unassigned, target->length);
        return target->result;
    }
    region = target->range->region;
    if (target->range->direct_read) {
        memcpy(buffer, target->range->block->host + target->offset, target->length);
        /* A device that finds a descriptor filled in reads what it describes afterwards. */
        atomic_thread_fence(memory_order_acquire);
        return MEMORY_OK;
    }
    *length = region_access_size(region, target->offset, target->length);
    result = region_dispatch_read(region, target->offset, *length, &value, attrs);
    if (region->ops->endian == ENDIAN_BIG) {
        store_be(buffer, value, *length);
    } else {
        store_le(buffer, value, *length);
    }
    return result;
}

static MemoryResult write_part(const Target *target, const uint8_t *buffer, uint64_t *length,
                               MemoryAttrs attrs)
{
    MemoryRegion *region;
    uint64_t value;

    *length = target->length;
    if (G_UNLIKELY(!target->range)) {
        return target->result;
    }
    region = target->range->region;
    if (target->range->host && !target->range->readonly) {
        /* A guest that finds a status written finds the data written before it. */
        atomic_thread_fence(memory_order_release);
        memcpy(target->range->block->host + target->offset, buffer, target->length);
        dirty_log_mark(target->range->block, target->offset, target->length);
        return MEMORY_OK;
    }
    if (!region->ops) {
        log_guest_error("%s: write to read-only memory at offset 0x%" PRIx64, region->name,
                        target->offset);
        return MEMORY_OK;   /* hardware drops it without a word */
    }
    *length = region_access_size(region, target->offset, target->length);
    value = region->ops->endian == ENDIAN_BIG ? load_be(buffer, *length)
                                              : load_le(buffer, *length);
    return region_dispatch_write(region, target->offset, *length, value, attrs);
}

MemoryResult address_space_read(AddressSpace *space, uint64_t address, MemoryAttrs attrs,
                                void *buffer, uint64_t length)
{
    MemoryResult worst = MEMORY_OK;
    uint8_t *at = buffer;

    epoch_enter();
    while (length) {
        Target target = find_target(space, address, length, false, attrs);
        uint64_t done;
        MemoryResult result = read_part(&target, at, &done, attrs);
        worst = MAX(worst, result);
        at += done;
        address += done;
        length -= done;
    }
    epoch_leave();
    return worst;
}

MemoryResult address_space_write(AddressSpace *space, uint64_t address, MemoryAttrs attrs,
                                 const void *buffer, uint64_t length)
{
    MemoryResult worst = MEMORY_OK;
    const uint8_t *at = buffer;

    epoch_enter();
    while (length) {
        Target target = find_target(space, address, length, true, attrs);
        uint64_t done;
        MemoryResult result = write_part(&target, at, &done, attrs);
        worst = MAX(worst, result);
        at += done;
        address += done;
        length -= done;
    }
    epoch_leave();
    return worst;
}

/* The range that holds all of a plain access, if it is one that a region takes as it is. */
static inline const FlatRange *plain_range(AddressSpace *space, uint64_t address, unsigned size,
                                           uint64_t *offset)
{
    MemoryMap *map = atomic_load_explicit(&space->map, memory_order_acquire);
    const FlatRange *range =
        flat_view_find(atomic_load_explicit(&map->view, memory_order_acquire), address);

    if (G_UNLIKELY(!range || size - 1 > range->last - address)) {
        return NULL;
    }
    *offset = range->offset + (address - range->start);
    return range;
}

static inline uint64_t to_endian(uint64_t value, unsigned size, bool swap)
{
    return G_UNLIKELY(swap) ? swap_bytes(value, size) : value;
}

MemoryResult address_space_load(AddressSpace *space, uint64_t address, unsigned size,
                                Endian endian, MemoryAttrs attrs, uint64_t *value)
{
    const FlatRange *range;
    MemoryResult result;
    uint64_t offset;
    uint8_t bytes[8];

    epoch_enter();
    range = plain_range(space, address, size, &offset);
    if (range && !range->direct_read && region_takes_plain(range->region, offset, size)) {
        result = region_dispatch_read(range->region, offset, size, value, attrs);
        *value = to_endian(*value, size, range->region->ops->endian != endian);
        epoch_leave();
        return result;
    }
    epoch_leave();
    result = address_space_read(space, address, attrs, bytes, size);
    *value = endian == ENDIAN_BIG ? load_be(bytes, size) : load_le(bytes, size);
    return result;
}

MemoryResult address_space_store(AddressSpace *space, uint64_t address, unsigned size,
                                 Endian endian, MemoryAttrs attrs, uint64_t value)
{
    const FlatRange *range;
    MemoryResult result;
    uint64_t offset;
    uint8_t bytes[8];

    epoch_enter();
    range = plain_range(space, address, size, &offset);
    if (range && !range->block && region_takes_plain(range->region, offset, size)) {
        value = to_endian(value, size, range->region->ops->endian != endian);
        result = region_dispatch_write(range->region, offset, size, value, attrs);
        epoch_leave();
        return result;
    }
    epoch_leave();
    if (endian == ENDIAN_BIG) {
        store_be(bytes, value, size);
    } else {
        store_le(bytes, value, size);
    }
    return address_space_write(space, address, attrs, bytes, size);
}

MemoryResult address_space_fill(AddressSpace *space, uint64_t address, MemoryAttrs attrs,
                                uint8_t byte, uint64_t length)
{
    MemoryResult worst = MEMORY_OK;
    uint8_t chunk[4096];

    memset(chunk, byte, sizeof(chunk));
    while (length) {
        uint64_t step = MIN(length, sizeof(chunk));
        MemoryResult result = address_space_write(space, address, attrs, chunk, step);
        worst = MAX(worst, result);
        address += step;
        length -= step;
    }
    return worst;
}

static bool debug_access(AddressSpace *space, uint64_t address, uint8_t *buffer, uint64_t length,
                         bool write)
{
    bool all = true;

    epoch_enter();
    while (length) {
        Target target = find_target(space, address, length, false, MEMORY_ATTRS_NONE);
        if (target.range && target.range->block) {
            uint8_t *host = target.range->block->host + target.offset;
            if (write) {
                memcpy(host, buffer, target.length);
                dirty_log_mark(target.range->block, target.offset, target.length);
            } else {
                memcpy(buffer, host, target.length);
            }
        } else {
            all = false;
            if (!write) {
                memset(buffer, target.unassigned, target.length);
            }
        }
        buffer += target.length;
        address += target.length;
        length -= target.length;
    }
    epoch_leave();
    return all;
}

bool address_space_read_debug(AddressSpace *space, uint64_t address, void *buffer,
                              uint64_t length)
{
    return debug_access(space, address, buffer, length, false);
}

bool address_space_write_rom(AddressSpace *space, uint64_t address, const void *buffer,
                             uint64_t length)
{
    return debug_access(space, address, (uint8_t *)buffer, length, true);
}

/* ---- mapped buffers ---- */

#define MAX_BOUNCE (1u << 20)     /* of one mapping */
#define MAX_BOUNCE_ALL (16u << 20)

static _Atomic unsigned open_mappings;
static _Atomic uint64_t bounced_bytes;

static bool map_bounce(MemoryMapping *mapping, uint64_t length)
{
    length = MIN(length, MAX_BOUNCE);
    if (atomic_fetch_add(&bounced_bytes, length) + length > MAX_BOUNCE_ALL) {
        atomic_fetch_sub(&bounced_bytes, length);
        return false;
    }
    mapping->bounced = true;
    mapping->length = length;
    mapping->host = g_malloc0(length);
    if (!mapping->writable) {
        address_space_read(mapping->space, mapping->address, mapping->attrs, mapping->host,
                           length);
    }
    return true;
}

bool memory_map_open(MemoryMapping *mapping, AddressSpace *space, uint64_t address,
                     uint64_t length, bool writable, MemoryAttrs attrs)
{
    Target target;
    bool ok = true;

    *mapping = (MemoryMapping){ .space = space, .address = address, .attrs = attrs,
                                .writable = writable };
    if (!length) {
        return false;
    }
    epoch_enter();
    target = find_target(space, address, length, writable, attrs);
    if (!target.range) {
        ok = false;
    } else if (target.range->direct_read && target.range->host &&
               !(writable && target.range->readonly)) {
        mapping->block = target.range->block;
        mapping->block_offset = target.offset;
        mapping->host = target.range->block->host + target.offset;
        mapping->length = target.length;
    } else {
        ok = map_bounce(mapping, target.length);
    }
    epoch_leave();
    if (ok) {
        atomic_fetch_add(&open_mappings, 1);
    }
    return ok;
}

void memory_map_close(MemoryMapping *mapping, uint64_t written)
{
    if (!mapping->host) {
        return;
    }
    written = MIN(written, mapping->length);
    if (mapping->writable && written) {
        if (mapping->bounced) {
            address_space_write(mapping->space, mapping->address, mapping->attrs, mapping->host,
                                written);
        } else {
            dirty_log_mark(mapping->block, mapping->block_offset, written);
        }
    }
    if (mapping->bounced) {
        atomic_fetch_sub(&bounced_bytes, mapping->length);
        g_free(mapping->host);
    }
    mapping->host = NULL;
    atomic_fetch_sub(&open_mappings, 1);
}

unsigned memory_map_count(void)
{
    return atomic_load(&open_mappings);
}
