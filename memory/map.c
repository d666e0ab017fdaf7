/* SPDX-License-Identifier: MIT */
/* Transactions: which parts of which views a change touches, and telling the listeners. */
#include "base/epoch.h"
#include "base/lock.h"
#include "base/log.h"
#include "memory/internal.h"

unsigned transaction_depth;

static GPtrArray *maps;        /* every MemoryMap */
static bool any_damage;

/* ---- damage ---- */

static void map_damage(MemoryMap *map, uint64_t lo, uint64_t hi)
{
    if (!map->damaged) {
        map->damaged = true;
        map->damage_start = lo;
        map->damage_last = hi;
    } else {
        map->damage_start = MIN(map->damage_start, lo);
        map->damage_last = MAX(map->damage_last, hi);
    }
    any_damage = true;
}

/*
 * Nobody looks at the region, through an alias or as a space. So it is with the
 * bus-master container of a device whose space comes to the system memory: there
 * are as many aliases of that as bus masters, and none needs to be followed.
 */
static inline bool is_unseen(const MemoryRegion *region)
{
    return !region->map && !region->aliases_here && !region->container;
}

static inline bool alias_is_unseen(const MemoryRegion *alias)
{
    return !alias->map && !alias->aliases_here &&
        (!alias->container || !alias->enabled || is_unseen(alias->container));
}

/* [lo, hi] of the region's own offsets looks different now, wherever it shows. */
static void propagate(MemoryRegion *region, uint64_t lo, uint64_t hi)
{
    hi = MIN(hi, region->last);
    if (lo > hi) {
        return;
    }
    if (region->map) {
        map_damage(region->map, lo, hi);
    }
    for (guint i = 0; region->aliases_here && i < region->aliases_here->len; i++) {
        MemoryRegion *alias = region->aliases_here->pdata[i];
        if (hi >= alias->alias_offset && !alias_is_unseen(alias)) {
            propagate(alias, MAX(lo, alias->alias_offset) - alias->alias_offset,
                      hi - alias->alias_offset);
        }
    }
    if (region->container && region->enabled) {
        uint64_t offset = region->offset;
        if (lo <= UINT64_MAX - offset) {
            propagate(region->container, lo + offset,
                      hi > UINT64_MAX - offset ? UINT64_MAX : hi + offset);
        }
    }
}

void region_damage_content(MemoryRegion *region)
{
    propagate(region, 0, region->last);
}

void region_damage(MemoryRegion *region)
{
    any_damage = true;   /* a space's root may come to another tree now */
    if (region->enabled) {
        region_damage_content(region);
    }
}

/* ---- maps ---- */

MemoryMap *map_for_root(MemoryRegion *root)
{
    MemoryMap *map = root->map;

    if (!map) {
        map = g_new0(MemoryMap, 1);
        map->root = root;
        map->listeners = g_ptr_array_new();
        map->ioeventfds = g_array_new(FALSE, FALSE, sizeof(FlatIoeventfd));
        map->coalesced = g_array_new(FALSE, FALSE, sizeof(FlatPart));
        atomic_store(&map->view, flat_view_render(root));
        root->map = map;
        if (!maps) {
            maps = g_ptr_array_new();
        }
        g_ptr_array_add(maps, map);
    }
    map->users++;
    return map;
}

static void map_free(void *pointer)
{
    MemoryMap *map = pointer;

    flat_view_free(atomic_load(&map->view));
    g_ptr_array_unref(map->listeners);
    g_array_unref(map->ioeventfds);
    g_array_unref(map->coalesced);
    g_free(map);
}

void map_release(MemoryMap *map)
{
    if (--map->users == 0) {
        map->root->map = NULL;
        g_ptr_array_remove_fast(maps, map);
        epoch_retire(map, map_free);
    }
}

/* ---- ioeventfds and coalesced parts of a range ---- */

static void collect_ioeventfds(GArray *out, const FlatRange *range)
{
    const MemoryRegion *region = range->region;

    for (guint i = 0; region->ioeventfds && i < region->ioeventfds->len; i++) {
        const RegionIoeventfd *event = &g_array_index(region->ioeventfds, RegionIoeventfd, i);
        uint64_t span = range->last - range->start;
        if (event->offset >= range->offset && event->offset - range->offset <= span) {
            FlatIoeventfd flat = {
                .address = range->start + (event->offset - range->offset),
                .data = event->data, .size = event->size, .match = event->match, .fd = event->fd,
            };
            g_array_append_val(out, flat);
        }
    }
}

static void collect_coalesced(GArray *out, const FlatRange *range)
{
    const MemoryRegion *region = range->region;

    for (guint i = 0; region->coalesced && i < region->coalesced->len; i++) {
        const RegionPart *part = &g_array_index(region->coalesced, RegionPart, i);
        uint64_t lo = MAX(part->offset, range->offset);
        uint64_t hi = MIN(part->offset + part->size - 1,
                          range->offset + (range->last - range->start));
        if (lo <= hi) {
            FlatPart flat = { range->start + (lo - range->offset),
                              range->start + (hi - range->offset) };
            g_array_append_val(out, flat);
        }
    }
}

static bool same_event(const FlatIoeventfd *a, const FlatIoeventfd *b)
{
    return a->address == b->address && a->size == b->size && a->match == b->match &&
           a->data == b->data && a->fd == b->fd;
}

static bool event_listed(GArray *events, const FlatIoeventfd *event)
{
    for (guint i = 0; i < events->len; i++) {
        if (same_event(&g_array_index(events, FlatIoeventfd, i), event)) {
            return true;
        }
    }
    return false;
}

static bool part_listed(GArray *parts, const FlatPart *part)
{
    for (guint i = 0; i < parts->len; i++) {
        const FlatPart *other = &g_array_index(parts, FlatPart, i);
        if (other->start == part->start && other->last == part->last) {
            return true;
        }
    }
    return false;
}

/* ---- telling a listener ---- */

typedef struct MapChange {
    const FlatView *old, *view;
    GArray *old_events, *events;
    GArray *old_parts, *parts;
    uint64_t lo, hi;
} MapChange;

static unsigned first_range(const FlatView *view, uint64_t address)
{
    unsigned index = flat_view_index(view, address);

    return index < view->count && view->ranges[index].last < address ? index + 1 : index;
}

static void tell_del(MemoryListener *listener, const FlatRange *range)
{
    if (listener->ops->del) {
        listener->ops->del(listener, range);
    }
}

static void tell_add(MemoryListener *listener, const FlatRange *range)
{
    if (listener->ops->add) {
        listener->ops->add(listener, range);
    }
}

static void tell_stays(MemoryListener *listener, const FlatRange *now, uint8_t old_clients)
{
    if (listener->ops->log_change && now->dirty_clients != old_clients) {
        listener->ops->log_change(listener, now, old_clients);
    }
}

/*
 * Walks the old and the new ranges of the damaged part side by side: once for
 * the deletions, once for the rest.
 */
static void tell_ranges(MemoryListener *listener, const MapChange *change, bool additions)
{
    const FlatView *old = change->old, *view = change->view;
    unsigned i = first_range(old, change->lo), j = first_range(view, change->lo);

    for (;;) {
        const FlatRange *a = i < old->count && old->starts[i] <= change->hi
            ? &old->ranges[i] : NULL;
        const FlatRange *b = j < view->count && view->starts[j] <= change->hi
            ? &view->ranges[j] : NULL;

        if (!a && !b) {
            return;
        }
        if (a && b && flat_range_same_place(a, b)) {
            if (additions) {
                tell_stays(listener, b, a->dirty_clients);
            }
            i++;
            j++;
        } else if (a && (!b || a->start <= b->start)) {
            if (!additions) {
                tell_del(listener, a);
            }
            i++;
        } else {
            if (additions) {
                tell_add(listener, b);
            }
            j++;
        }
    }
}

static void tell_events(MemoryListener *listener, GArray *from, GArray *other,
                        void (*hook)(MemoryListener *, const FlatIoeventfd *))
{
    for (guint i = 0; hook && i < from->len; i++) {
        const FlatIoeventfd *event = &g_array_index(from, FlatIoeventfd, i);
        if (!event_listed(other, event)) {
            hook(listener, event);
        }
    }
}

static void tell_parts(MemoryListener *listener, GArray *from, GArray *other,
                       void (*hook)(MemoryListener *, uint64_t, uint64_t))
{
    for (guint i = 0; hook && i < from->len; i++) {
        const FlatPart *part = &g_array_index(from, FlatPart, i);
        if (!part_listed(other, part)) {
            hook(listener, part->start, part->last);
        }
    }
}

static void tell_listener(MemoryListener *listener, const MapChange *change)
{
    const MemoryListenerOps *ops = listener->ops;

    if (ops->begin) {
        ops->begin(listener);
    }
    tell_events(listener, change->old_events, change->events, ops->ioeventfd_del);
    tell_parts(listener, change->old_parts, change->parts, ops->coalesced_del);
    tell_ranges(listener, change, false);
    tell_ranges(listener, change, true);
    tell_events(listener, change->events, change->old_events, ops->ioeventfd_add);
    tell_parts(listener, change->parts, change->old_parts, ops->coalesced_add);
    if (ops->commit) {
        ops->commit(listener);
    }
}

static void map_collect(const FlatView *view, GArray *events, GArray *parts)
{
    for (unsigned i = 0; i < view->count; i++) {
        collect_ioeventfds(events, &view->ranges[i]);
        collect_coalesced(parts, &view->ranges[i]);
    }
}

static void map_commit(MemoryMap *map)
{
    MapChange change = {
        .old = atomic_load(&map->view), .lo = map->damage_start, .hi = map->damage_last,
        .old_events = map->ioeventfds, .old_parts = map->coalesced,
    };
    FlatView *view = flat_view_splice(change.old, map->root, &change.lo, &change.hi);

    map->damaged = false;
    change.view = view;
    atomic_store(&map->view, view);
    if (map->listeners->len) {
        change.events = g_array_new(FALSE, FALSE, sizeof(FlatIoeventfd));
        change.parts = g_array_new(FALSE, FALSE, sizeof(FlatPart));
        map_collect(view, change.events, change.parts);
        map->ioeventfds = change.events;
        map->coalesced = change.parts;
        for (guint i = 0; i < map->listeners->len; i++) {
            tell_listener(map->listeners->pdata[i], &change);
        }
        g_array_unref(change.old_events);
        g_array_unref(change.old_parts);
    }
    epoch_retire((void *)change.old, flat_view_free);
}

void map_commit_all(void)
{
    if (!any_damage) {
        return;
    }
    any_damage = false;
    spaces_resolve();
    for (guint i = 0; maps && i < maps->len; i++) {
        MemoryMap *map = maps->pdata[i];
        if (map->damaged) {
            map_commit(map);
        }
    }
}

void memory_transaction_begin(void)
{
    transaction_depth++;
}

void memory_transaction_commit(void)
{
    g_assert(transaction_depth > 0);
    if (--transaction_depth == 0) {
        map_commit_all();
    }
}

/* ---- registering ---- */

/* What a listener hears that comes or goes: everything, or nothing. */
static void replay(MemoryListener *listener, MemoryMap *map, bool coming)
{
    static const FlatView nothing;
    g_autoptr(GArray) no_events = g_array_new(FALSE, FALSE, sizeof(FlatIoeventfd));
    g_autoptr(GArray) no_parts = g_array_new(FALSE, FALSE, sizeof(FlatPart));
    const FlatView *view = atomic_load(&map->view);
    MapChange change = {
        .old = coming ? &nothing : view, .view = coming ? view : &nothing,
        .old_events = coming ? no_events : map->ioeventfds,
        .events = coming ? map->ioeventfds : no_events,
        .old_parts = coming ? no_parts : map->coalesced,
        .parts = coming ? map->coalesced : no_parts,
        .lo = 0, .hi = UINT64_MAX,
    };

    tell_listener(listener, &change);
}

void memory_listener_register(MemoryListener *listener, AddressSpace *space)
{
    MemoryMap *map;

    g_assert(transaction_depth == 0);
    map = map_for_root(address_space_root(space));
    map_commit_all();
    if (!map->listeners->len) {
        /* Nobody was told of these so far, so they were not kept. */
        g_array_set_size(map->ioeventfds, 0);
        g_array_set_size(map->coalesced, 0);
        map_collect(atomic_load(&map->view), map->ioeventfds, map->coalesced);
    }
    listener->map = map;
    g_ptr_array_add(map->listeners, listener);
    replay(listener, map, true);
}

void memory_listener_unregister(MemoryListener *listener)
{
    MemoryMap *map = listener->map;

    if (map) {
        replay(listener, map, false);
        g_ptr_array_remove(map->listeners, listener);
        listener->map = NULL;
        map_release(map);
    }
}

/* ---- the accelerator's part of the dirty log ---- */

static void each_listener(void (*call)(MemoryListener *, RamBlock *, uint64_t, uint64_t, bool),
                          RamBlock *block, uint64_t offset, uint64_t length, bool on)
{
    for (guint i = 0; maps && i < maps->len; i++) {
        MemoryMap *map = maps->pdata[i];
        for (guint l = 0; l < map->listeners->len; l++) {
            call(map->listeners->pdata[l], block, offset, length, on);
        }
    }
}

static void call_sync(MemoryListener *listener, RamBlock *block, uint64_t offset,
                      uint64_t length, bool on)
{
    if (listener->ops->log_sync) {
        listener->ops->log_sync(listener, block, offset, length);
    }
}

static void call_clear(MemoryListener *listener, RamBlock *block, uint64_t offset,
                       uint64_t length, bool on)
{
    if (listener->ops->log_clear) {
        listener->ops->log_clear(listener, block, offset, length);
    }
}

static void call_global(MemoryListener *listener, RamBlock *block, uint64_t offset,
                        uint64_t length, bool on)
{
    if (listener->ops->log_global) {
        listener->ops->log_global(listener, on);
    }
}

void dirty_log_sync(RamBlock *block, uint64_t offset, uint64_t length)
{
    each_listener(call_sync, block, offset, length, true);
}

void dirty_log_clear(RamBlock *block, uint64_t offset, uint64_t length)
{
    each_listener(call_clear, block, offset, length, true);
}

static unsigned global_clients;

void dirty_log_global_start(DirtyClient client)
{
    for (RamBlock *block = ram_block_first(); block; block = block->next) {
        dirty_log_start(block, client, client == DIRTY_MIGRATION);
    }
    if (global_clients++ == 0) {
        each_listener(call_global, NULL, 0, 0, true);
    }
}

void dirty_log_global_stop(DirtyClient client)
{
    g_assert(global_clients > 0);
    if (--global_clients == 0) {
        each_listener(call_global, NULL, 0, 0, false);
    }
    for (RamBlock *block = ram_block_first(); block; block = block->next) {
        dirty_log_stop(block, client);
    }
}
