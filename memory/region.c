/* SPDX-License-Identifier: MIT */
/* Making, placing and changing regions. */
#include "memory/region.h"

#include "base/epoch.h"
#include "base/lock.h"
#include "memory/internal.h"

static MemoryRegion *region_new(RegionKind kind, Object *owner, const char *name, uint64_t size)
{
    MemoryRegion *region = g_new0(MemoryRegion, 1);

    g_assert(size > 0);
    region->kind = kind;
    region->owner = owner;
    region->name = g_strdup(name);
    region->last = size == REGION_SIZE_ALL ? UINT64_MAX : size - 1;
    region->enabled = true;
    return region;
}

MemoryRegion *region_new_container(Object *owner, const char *name, uint64_t size)
{
    return region_new(REGION_CONTAINER, owner, name, size);
}

MemoryRegion *region_new_io(Object *owner, const char *name, const RegionOps *ops, void *opaque,
                            uint64_t size)
{
    MemoryRegion *region = region_new(REGION_IO, owner, name, size);

    region->ops = ops;
    region->opaque = opaque;
    region_plan_accesses(region);
    return region;
}

MemoryRegion *region_new_ram(Object *owner, const char *name, RamBlock *block)
{
    MemoryRegion *region = region_new(REGION_RAM, owner, name, block->size);

    region->block = block;
    return region;
}

MemoryRegion *region_new_rom(Object *owner, const char *name, RamBlock *block)
{
    MemoryRegion *region = region_new(REGION_ROM, owner, name, block->size);

    region->block = block;
    return region;
}

MemoryRegion *region_new_rom_device(Object *owner, const char *name, const RegionOps *ops,
                                    void *opaque, RamBlock *block)
{
    MemoryRegion *region = region_new(REGION_ROM_DEVICE, owner, name, block->size);

    region->block = block;
    region->ops = ops;
    region->opaque = opaque;
    region->rom_mode = true;
    region_plan_accesses(region);
    return region;
}

MemoryRegion *region_new_alias(Object *owner, const char *name, MemoryRegion *target,
                               uint64_t offset, uint64_t size)
{
    MemoryRegion *region = region_new(REGION_ALIAS, owner, name, size);

    region->alias = target;
    region->alias_offset = offset;
    if (!target->aliases_here) {
        target->aliases_here = g_ptr_array_new();
    }
    g_ptr_array_add(target->aliases_here, region);
    return region;
}

MemoryRegion *region_new_iommu(Object *owner, const char *name, const IommuOps *ops,
                               void *opaque, uint64_t size)
{
    MemoryRegion *region = region_new(REGION_IOMMU, owner, name, size);

    region->iommu = ops;
    region->opaque = opaque;
    return region;
}

static void region_destroy(void *pointer)
{
    MemoryRegion *region = pointer;

    g_clear_pointer(&region->aliases_here, g_ptr_array_unref);
    g_clear_pointer(&region->ioeventfds, g_array_unref);
    g_clear_pointer(&region->coalesced, g_array_unref);
    g_free(region->name);
    g_free(region);
}

void region_free(MemoryRegion *region)
{
    if (!region) {
        return;
    }
    g_assert(!region->map);
    memory_transaction_begin();
    region_remove(region);
    while (region->first_child) {
        region_remove(region->first_child);
    }
    for (guint i = 0; region->aliases_here && i < region->aliases_here->len; i++) {
        MemoryRegion *alias = region->aliases_here->pdata[i];
        region_damage(alias);
        alias->alias = NULL;
    }
    if (region->alias) {
        g_ptr_array_remove_fast(region->alias->aliases_here, region);
    }
    memory_transaction_commit();
    region->owner = NULL;
    epoch_retire(region, region_destroy);
}

/* ---- placing ---- */

static void children_insert(MemoryRegion *container, MemoryRegion *region)
{
    MemoryRegion **link = &container->first_child;

    while (*link && (*link)->priority > region->priority) {
        link = &(*link)->next_sibling;
    }
    region->next_sibling = *link;
    *link = region;
    region->container = container;
}

static void children_remove(MemoryRegion *region)
{
    MemoryRegion **link = &region->container->first_child;

    while (*link != region) {
        link = &(*link)->next_sibling;
    }
    *link = region->next_sibling;
    region->next_sibling = NULL;
    region->container = NULL;
}

void region_add(MemoryRegion *container, uint64_t offset, MemoryRegion *region, int priority)
{
    g_assert(!region->container);
    memory_transaction_begin();
    region->offset = offset;
    region->priority = priority;
    children_insert(container, region);
    region_damage(region);
    memory_transaction_commit();
}

void region_remove(MemoryRegion *region)
{
    if (!region->container) {
        return;
    }
    memory_transaction_begin();
    region_damage(region);
    children_remove(region);
    memory_transaction_commit();
}

/* ---- changing ---- */

void region_set_enabled(MemoryRegion *region, bool enabled)
{
    if (region->enabled != enabled) {
        memory_transaction_begin();
        region_damage(region);
        region->enabled = enabled;
        region_damage(region);
        memory_transaction_commit();
    }
}

void region_set_offset(MemoryRegion *region, uint64_t offset)
{
    if (region->offset != offset) {
        memory_transaction_begin();
        region_damage(region);
        region->offset = offset;
        region_damage(region);
        memory_transaction_commit();
    }
}

void region_set_size(MemoryRegion *region, uint64_t size)
{
    uint64_t last = size == REGION_SIZE_ALL ? UINT64_MAX : size - 1;

    g_assert(size > 0 && (!region->block || size <= region->block->size));
    if (region->last != last) {
        memory_transaction_begin();
        region_damage(region);
        region->last = last;
        region_damage(region);
        memory_transaction_commit();
    }
}

void region_set_priority(MemoryRegion *region, int priority)
{
    MemoryRegion *container = region->container;

    if (region->priority != priority && container) {
        memory_transaction_begin();
        children_remove(region);
        region->priority = priority;
        children_insert(container, region);
        region_damage(region);
        memory_transaction_commit();
    }
}

void region_set_readonly(MemoryRegion *region, bool readonly)
{
    if (region->readonly != readonly) {
        memory_transaction_begin();
        region->readonly = readonly;
        region_damage_content(region);
        memory_transaction_commit();
    }
}

void region_set_alias_offset(MemoryRegion *alias, uint64_t offset)
{
    if (alias->alias_offset != offset) {
        memory_transaction_begin();
        alias->alias_offset = offset;
        region_damage_content(alias);
        memory_transaction_commit();
    }
}

void region_set_rom_mode(MemoryRegion *region, bool rom_mode)
{
    g_assert(region->kind == REGION_ROM_DEVICE);
    if (region->rom_mode != rom_mode) {
        memory_transaction_begin();
        region->rom_mode = rom_mode;
        region_damage_content(region);
        memory_transaction_commit();
    }
}

void region_set_dirty_log(MemoryRegion *region, DirtyClient client, bool on)
{
    uint8_t clients = region->dirty_clients & ~(1u << client);

    g_assert(region->block);
    if (on) {
        dirty_log_start(region->block, client, true);
        clients |= 1u << client;
    } else {
        dirty_log_stop(region->block, client);
    }
    if (clients != region->dirty_clients) {
        memory_transaction_begin();
        region->dirty_clients = clients;
        region_damage_content(region);
        memory_transaction_commit();
    }
}

void region_set_guard(MemoryRegion *region, unsigned *busy)
{
    region->guard = busy;
}

/* ---- ioeventfds and coalescing ---- */

void region_add_ioeventfd(MemoryRegion *region, uint64_t offset, unsigned size, bool match,
                          uint64_t data, int fd)
{
    RegionIoeventfd event = { .offset = offset, .size = size, .match = match, .data = data,
                              .fd = fd };

    memory_transaction_begin();
    if (!region->ioeventfds) {
        region->ioeventfds = g_array_new(FALSE, FALSE, sizeof(RegionIoeventfd));
    }
    g_array_append_val(region->ioeventfds, event);
    region_damage_content(region);
    memory_transaction_commit();
}

void region_remove_ioeventfd(MemoryRegion *region, uint64_t offset, unsigned size, bool match,
                             uint64_t data, int fd)
{
    memory_transaction_begin();
    for (guint i = 0; region->ioeventfds && i < region->ioeventfds->len; i++) {
        const RegionIoeventfd *event = &g_array_index(region->ioeventfds, RegionIoeventfd, i);
        if (event->offset == offset && event->size == size && event->match == match &&
            event->data == data && event->fd == fd) {
            g_array_remove_index_fast(region->ioeventfds, i);
            break;
        }
    }
    region_damage_content(region);
    memory_transaction_commit();
}

void region_add_coalesced(MemoryRegion *region, uint64_t offset, uint64_t size)
{
    RegionPart part = { offset, size };

    g_assert(size > 0 && offset <= region->last && size - 1 <= region->last - offset);
    memory_transaction_begin();
    if (!region->coalesced) {
        region->coalesced = g_array_new(FALSE, FALSE, sizeof(RegionPart));
    }
    g_array_append_val(region->coalesced, part);
    region_damage_content(region);
    memory_transaction_commit();
}

void region_clear_coalesced(MemoryRegion *region)
{
    if (region->coalesced) {
        memory_transaction_begin();
        g_clear_pointer(&region->coalesced, g_array_unref);
        region_damage_content(region);
        memory_transaction_commit();
    }
}

/* ---- asking ---- */

const char *region_name(const MemoryRegion *region)
{
    return region->name;
}

Object *region_owner(const MemoryRegion *region)
{
    return region->owner;
}

uint64_t region_size(const MemoryRegion *region)
{
    return region->last == UINT64_MAX ? REGION_SIZE_ALL : region->last + 1;
}

uint64_t region_offset(const MemoryRegion *region)
{
    return region->offset;
}

bool region_enabled(const MemoryRegion *region)
{
    return region->enabled;
}

MemoryRegion *region_container(const MemoryRegion *region)
{
    return region->container;
}

RamBlock *region_ram_block(const MemoryRegion *region)
{
    return region->block;
}

bool region_is_iommu(const MemoryRegion *region)
{
    return region->kind == REGION_IOMMU;
}
