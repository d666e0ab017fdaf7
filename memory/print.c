/* SPDX-License-Identifier: MIT */
/* `info mtree`: the region trees and the flat views as text. */
#include <inttypes.h>

#include "memory/internal.h"

static const char *kind_name(const MemoryRegion *region)
{
    switch (region->kind) {
    case REGION_RAM:
        return region->readonly ? "rom" : "ram";
    case REGION_ROM:
        return "rom";
    case REGION_ROM_DEVICE:
        return "romd";
    default:
        return "i/o";
    }
}

static const char *kind_of_target(const MemoryRegion *region)
{
    while (region->kind == REGION_ALIAS && region->alias) {
        region = region->alias;
    }
    return kind_name(region);
}

static void print_owner(GString *out, const MemoryRegion *region)
{
    if (region->owner) {
        g_autofree char *path = object_path(region->owner);
        g_string_append_printf(out, " owner:{obj path=%s}", path);
    }
}

static void print_region(GString *out, const MemoryRegion *region, uint64_t base, unsigned level,
                         bool with_owner, bool with_disabled)
{
    if (!region->enabled && !with_disabled) {
        return;
    }
    g_string_append_printf(out, "%*s%016" PRIx64 "-%016" PRIx64 " (prio %d, %s): ",
                           level * 2, "", base, base + region->last, region->priority,
                           kind_of_target(region));
    if (region->kind == REGION_ALIAS) {
        g_string_append_printf(out, "alias %s @%s %016" PRIx64 "-%016" PRIx64, region->name,
                               region->alias ? region->alias->name : "(gone)",
                               region->alias_offset, region->alias_offset + region->last);
    } else {
        g_string_append(out, region->name);
    }
    if (!region->enabled) {
        g_string_append(out, " [disabled]");
    }
    if (with_owner) {
        print_owner(out, region);
    }
    g_string_append_c(out, '\n');

    /* By address, and among equals by priority, as people look for things. */
    g_autoptr(GPtrArray) children = g_ptr_array_new();
    for (MemoryRegion *child = region->first_child; child; child = child->next_sibling) {
        guint at = 0;
        while (at < children->len &&
               ((MemoryRegion *)children->pdata[at])->offset <= child->offset) {
            at++;
        }
        g_ptr_array_insert(children, at, child);
    }
    for (guint i = 0; i < children->len; i++) {
        const MemoryRegion *child = children->pdata[i];
        print_region(out, child, base + child->offset, level + 1, with_owner, with_disabled);
    }
}

static bool root_seen_before(const AddressSpace *space)
{
    for (AddressSpace *other = address_space_first(); other != space; other = other->next) {
        if (other->root == space->root) {
            return true;
        }
    }
    return false;
}

static void print_alias_targets(GString *out, const MemoryRegion *region, GPtrArray *seen,
                                bool with_owner, bool with_disabled)
{
    for (const MemoryRegion *child = region->first_child; child; child = child->next_sibling) {
        print_alias_targets(out, child, seen, with_owner, with_disabled);
    }
    if (region->kind == REGION_ALIAS && region->alias && !region->alias->container &&
        !g_ptr_array_find(seen, region->alias, NULL)) {
        g_ptr_array_add(seen, region->alias);
        g_string_append_printf(out, "memory-region: %s\n", region->alias->name);
        print_region(out, region->alias, 0, 1, with_owner, with_disabled);
        g_string_append_c(out, '\n');
        print_alias_targets(out, region->alias, seen, with_owner, with_disabled);
    }
}

void memory_print_tree(GString *out, bool with_owner, bool with_disabled)
{
    g_autoptr(GPtrArray) seen = g_ptr_array_new();

    for (AddressSpace *space = address_space_first(); space; space = space->next) {
        g_string_append_printf(out, "address-space: %s\n", space->name);
        g_ptr_array_add(seen, space->root);
        if (!root_seen_before(space)) {
            print_region(out, space->root, 0, 1, with_owner, with_disabled);
        }
        g_string_append_c(out, '\n');
    }
    for (AddressSpace *space = address_space_first(); space; space = space->next) {
        print_alias_targets(out, space->root, seen, with_owner, with_disabled);
    }
}

static void print_range(GString *out, const FlatRange *range)
{
    g_string_append_printf(out, "  %016" PRIx64 "-%016" PRIx64 " (prio %d, %s): %s",
                           range->start, range->last, range->region->priority,
                           range->readonly && range->region->kind == REGION_RAM
                               ? "rom" : kind_name(range->region),
                           range->region->name);
    if (range->offset) {
        g_string_append_printf(out, " @%016" PRIx64, range->offset);
    }
    g_string_append_c(out, '\n');
}

void memory_print_flat(GString *out)
{
    g_autoptr(GPtrArray) done = g_ptr_array_new();
    unsigned number = 0;

    for (AddressSpace *space = address_space_first(); space; space = space->next) {
        MemoryMap *map = atomic_load(&space->map);
        const FlatView *view = atomic_load(&map->view);

        if (g_ptr_array_find(done, map, NULL)) {
            continue;
        }
        g_ptr_array_add(done, map);
        g_string_append_printf(out, "FlatView #%u\n", number++);
        for (AddressSpace *same = space; same; same = same->next) {
            if (atomic_load(&same->map) == map) {
                g_string_append_printf(out, " AS \"%s\", root: %s\n", same->name,
                                       same->root->name);
            }
        }
        g_string_append_printf(out, " Root memory region: %s\n", map->root->name);
        for (unsigned i = 0; i < view->count; i++) {
            print_range(out, &view->ranges[i]);
        }
        if (!view->count) {
            g_string_append(out, "  No rendered FlatView\n");
        }
        g_string_append_c(out, '\n');
    }
}
