/* SPDX-License-Identifier: MIT */
/* Inside memory/: regions, maps and flat views as they are. */
#ifndef MEMORY_INTERNAL_H
#define MEMORY_INTERNAL_H

#include "memory/space.h"

typedef enum RegionKind {
    REGION_CONTAINER,
    REGION_RAM,
    REGION_ROM,
    REGION_ROM_DEVICE,
    REGION_IO,
    REGION_ALIAS,
    REGION_IOMMU,
} RegionKind;

typedef struct RegionIoeventfd {
    uint64_t offset, data;
    uint8_t size;
    bool match;
    int fd;
} RegionIoeventfd;

typedef struct RegionPart {
    uint64_t offset, size;
} RegionPart;

typedef struct MemoryMap MemoryMap;

struct MemoryRegion {
    RegionKind kind;
    bool enabled, readonly, rom_mode;
    uint8_t dirty_clients;
    /* of aligned accesses that the ops take as they are; bits 1, 2, 4, 8 */
    uint8_t plain_sizes;
    int priority;
    uint64_t last;               /* size - 1 */
    uint64_t offset;             /* in the container */
    const RegionOps *ops;
    void *opaque;
    unsigned *guard;
    const IommuOps *iommu;
    RamBlock *block;
    MemoryRegion *container;
    MemoryRegion *first_child, *next_sibling;  /* highest priority first */
    MemoryRegion *alias;         /* target */
    uint64_t alias_offset;
    GPtrArray *aliases_here;     /* aliases whose target is this region */
    GArray *ioeventfds;          /* RegionIoeventfd; NULL while none */
    GArray *coalesced;           /* RegionPart; NULL while none */
    MemoryMap *map;              /* when this is the root of one */
    Object *owner;
    char *name;
};

#define FLAT_CACHE 64u

typedef struct FlatView {
    unsigned count;
    uint64_t *starts;            /* of the ranges, apart for the search */
    FlatRange *ranges;
    _Atomic uint32_t cache[FLAT_CACHE];  /* last hit by address hash */
} FlatView;

/* A root region that some address space shows, with its view and listeners. */
struct MemoryMap {
    MemoryRegion *root;
    _Atomic(FlatView *) view;
    GPtrArray *listeners;
    GArray *ioeventfds;          /* FlatIoeventfd, by address */
    GArray *coalesced;           /* FlatPart: start, last */
    unsigned users;
    bool damaged;
    uint64_t damage_start, damage_last;
};

typedef struct FlatPart {
    uint64_t start, last;
} FlatPart;

struct AddressSpace {
    char *name;
    MemoryRegion *root;
    _Atomic(MemoryMap *) map;    /* of the root, or of what it comes to */
    uint8_t unassigned;
    AddressSpace *next;
};

/* view.c */
FlatView *flat_view_render(MemoryRegion *root);
FlatView *flat_view_splice(const FlatView *old, MemoryRegion *root, uint64_t *start,
                           uint64_t *last);
void flat_view_free(void *view);
bool flat_range_same_place(const FlatRange *a, const FlatRange *b);
const FlatRange *flat_view_find(FlatView *view, uint64_t address);
unsigned flat_view_index(const FlatView *view, uint64_t address);

/* map.c */
void region_damage(MemoryRegion *region);
void region_damage_content(MemoryRegion *region);
void map_commit_all(void);
MemoryMap *map_for_root(MemoryRegion *root);
void map_release(MemoryMap *map);
void spaces_resolve(void);
extern unsigned transaction_depth;

/* dispatch.c */
/*
 * One access to an I/O region, checked and taken apart as its ops say. The
 * value is a number in the region's own byte order.
 */
MemoryResult region_dispatch_read(MemoryRegion *region, uint64_t offset, unsigned size,
                                  uint64_t *value, MemoryAttrs attrs);
MemoryResult region_dispatch_write(MemoryRegion *region, uint64_t offset, unsigned size,
                                   uint64_t value, MemoryAttrs attrs);
/* Sets plain_sizes from the ops. */
void region_plan_accesses(MemoryRegion *region);

static inline bool region_takes_plain(const MemoryRegion *region, uint64_t offset, unsigned size)
{
    return (region->plain_sizes & size) && !(offset & (size - 1)) && offset <= region->last &&
           size - 1 <= region->last - offset;
}

/* The widest access the region takes at this offset, at most `length`. */
unsigned region_access_size(const MemoryRegion *region, uint64_t offset, uint64_t length);

#endif
