/* SPDX-License-Identifier: MIT */
/* Rendering a region tree into a flat view, and finding an address in it. */
#include <string.h>

#include "memory/internal.h"

/* ---- rendering ---- */

static bool range_follows(const FlatRange *a, const FlatRange *b)
{
    return a->last + 1 == b->start && a->region == b->region &&
           a->offset + (b->start - a->start) == b->offset && a->readonly == b->readonly &&
           a->direct_read == b->direct_read && a->dirty_clients == b->dirty_clients;
}

bool flat_range_same_place(const FlatRange *a, const FlatRange *b)
{
    return a->start == b->start && a->last == b->last && a->region == b->region &&
           a->offset == b->offset && a->block == b->block && a->readonly == b->readonly &&
           a->direct_read == b->direct_read;
}

static FlatRange range_of(MemoryRegion *region, uint64_t base, uint64_t start, uint64_t last,
                          bool readonly)
{
    FlatRange range = {
        .start = start, .last = last, .region = region, .offset = start - base,
        .block = region->block, .dirty_clients = region->dirty_clients,
    };

    switch (region->kind) {
    case REGION_RAM:
        range.direct_read = true;
        range.readonly = readonly || region->readonly;
        break;
    case REGION_ROM:
        range.direct_read = true;
        range.readonly = true;
        break;
    case REGION_ROM_DEVICE:
        range.direct_read = region->rom_mode;
        range.readonly = true;
        break;
    default:
        range.readonly = readonly || region->readonly;
        break;
    }
    if (range.block) {
        range.host = range.block->host + range.offset;
    }
    return range;
}

/* Puts [start, last] where `ranges`, sorted, has nothing yet. */
static void fill_gaps(GArray *ranges, MemoryRegion *region, uint64_t base, uint64_t start,
                      uint64_t last, bool readonly)
{
    guint i = 0;

    while (i < ranges->len && g_array_index(ranges, FlatRange, i).last < start) {
        i++;
    }
    for (;;) {
        uint64_t end = last;
        if (i < ranges->len) {
            const FlatRange *there = &g_array_index(ranges, FlatRange, i);
            if (there->start <= start) {
                if (there->last >= last) {
                    return;
                }
                start = there->last + 1;
                i++;
                continue;
            }
            end = MIN(last, there->start - 1);
        }
        FlatRange range = range_of(region, base, start, end, readonly);
        g_array_insert_val(ranges, i, range);
        i++;
        if (end == last) {
            return;
        }
        start = end + 1;
    }
}

/*
 * Renders the part [lo, hi] of a region, in the region's own offsets. `base` is
 * what offset 0 is in the space, modulo 2^64. Children come highest first, so
 * each only fills what is left.
 */
static void render(GArray *ranges, MemoryRegion *region, uint64_t base, uint64_t lo, uint64_t hi,
                   bool readonly)
{
    hi = MIN(hi, region->last);
    if (lo > hi) {
        return;
    }
    readonly |= region->readonly;
    if (region->kind == REGION_ALIAS) {
        uint64_t shift = region->alias_offset;
        if (region->alias && region->alias->enabled && lo <= UINT64_MAX - shift) {
            uint64_t end = hi > UINT64_MAX - shift ? UINT64_MAX : hi + shift;
            render(ranges, region->alias, base - shift, lo + shift, end, readonly);
        }
        return;
    }
    for (MemoryRegion *child = region->first_child; child; child = child->next_sibling) {
        if (child->enabled && child->offset <= hi) {
            uint64_t from = MAX(lo, child->offset) - child->offset;
            render(ranges, child, base + child->offset, from, hi - child->offset, readonly);
        }
    }
    if (region->kind != REGION_CONTAINER) {
        fill_gaps(ranges, region, base, base + lo, base + hi, readonly);
    }
}

static void merge_neighbours(GArray *ranges)
{
    guint kept = 0;

    for (guint i = 1; i < ranges->len; i++) {
        FlatRange *a = &g_array_index(ranges, FlatRange, kept);
        const FlatRange *b = &g_array_index(ranges, FlatRange, i);
        if (range_follows(a, b)) {
            a->last = b->last;
        } else {
            g_array_index(ranges, FlatRange, ++kept) = *b;
        }
    }
    if (ranges->len) {
        g_array_set_size(ranges, kept + 1);
    }
}

static FlatView *view_new(unsigned count)
{
    FlatView *view = g_malloc0(sizeof(*view));

    view->count = count;
    view->starts = g_new(uint64_t, count + 1);
    view->ranges = g_new(FlatRange, count + 1);
    return view;
}

void flat_view_free(void *pointer)
{
    FlatView *view = pointer;

    if (view) {
        g_free(view->starts);
        g_free(view->ranges);
        g_free(view);
    }
}

static void view_put(FlatView *view, unsigned at, const FlatRange *ranges, unsigned count)
{
    if (count) {
        memcpy(view->ranges + at, ranges, count * sizeof(*ranges));
    }
    for (unsigned i = 0; i < count; i++) {
        view->starts[at + i] = ranges[i].start;
    }
}

FlatView *flat_view_splice(const FlatView *old, MemoryRegion *root, uint64_t *start,
                           uint64_t *last)
{
    g_autoptr(GArray) ranges = g_array_new(FALSE, FALSE, sizeof(FlatRange));
    unsigned first, end;
    FlatView *view;

    /* One address more on each side, so that what now touches can join. */
    *start -= *start > 0;
    *last += *last < UINT64_MAX;
    for (first = flat_view_index(old, *start); first < old->count; first++) {
        if (old->ranges[first].last >= *start) {
            break;
        }
    }
    for (end = first; end < old->count && old->starts[end] <= *last; end++) {
    }
    if (end > first) {
        *start = MIN(*start, old->starts[first]);
        *last = MAX(*last, old->ranges[end - 1].last);
    }
    if (root->enabled) {
        render(ranges, root, 0, *start, *last, false);
    }
    merge_neighbours(ranges);

    view = view_new(first + ranges->len + (old->count - end));
    view_put(view, 0, old->ranges, first);
    view_put(view, first, (FlatRange *)ranges->data, ranges->len);
    view_put(view, first + ranges->len, old->ranges + end, old->count - end);
    return view;
}

FlatView *flat_view_render(MemoryRegion *root)
{
    FlatView *nothing = view_new(0);
    uint64_t start = 0, last = UINT64_MAX;
    FlatView *view = flat_view_splice(nothing, root, &start, &last);

    flat_view_free(nothing);
    return view;
}

/* ---- finding ---- */

/* The last range that starts at or below the address; 0 when none does. */
unsigned flat_view_index(const FlatView *view, uint64_t address)
{
    const uint64_t *starts = view->starts;
    unsigned base = 0, count = view->count;

    while (count > 1) {
        unsigned half = count / 2;
        base += starts[base + half] <= address ? half : 0;
        count -= half;
    }
    return base;
}

static inline bool range_holds(const FlatRange *range, uint64_t address)
{
    return address >= range->start && address <= range->last;
}

const FlatRange *flat_view_find(FlatView *view, uint64_t address)
{
    /* Ports lie close together, memory comes in pages. */
    uint64_t key = address < 0x10000 ? address >> 1 : address >> RAM_PAGE_BITS;
    unsigned slot = (key ^ key >> 6) % FLAT_CACHE;
    unsigned index;

    if (!view->count) {
        return NULL;
    }
    /* A stale or racing entry is harmless: the range itself is checked. */
    index = atomic_load_explicit(&view->cache[slot], memory_order_relaxed);
    if (G_LIKELY(range_holds(&view->ranges[index], address))) {
        return &view->ranges[index];
    }
    index = flat_view_index(view, address);
    if (!range_holds(&view->ranges[index], address)) {
        return NULL;
    }
    atomic_store_explicit(&view->cache[slot], index, memory_order_relaxed);
    return &view->ranges[index];
}
