/* SPDX-License-Identifier: MIT */
/*
 * Memory regions: the tree that decodes addresses.
 *
 * A region is a container, RAM, ROM, a ROM device, I/O, an alias or an IOMMU.
 * Regions lie in a container at an offset with a priority; where they overlap
 * the higher priority wins, among equals the one added last. A container lets
 * lower ones show through where it has nothing. Sizes and offsets are bytes;
 * REGION_SIZE_ALL is a region of 2^64 bytes.
 *
 * The tree is changed under the machine lock. Changes between
 * memory_transaction_begin() and _commit() (they nest) become visible as one;
 * outside of a transaction every change is one.
 */
#ifndef MEMORY_REGION_H
#define MEMORY_REGION_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/ram.h"
#include "qom/object.h"

#define REGION_SIZE_ALL UINT64_MAX

typedef struct MemoryRegion MemoryRegion;
typedef struct AddressSpace AddressSpace;

/* What an access came to. */
typedef enum MemoryResult {
    MEMORY_OK,
    MEMORY_DEVICE_ERROR, /* the device, or the core for it, refused the access */
    MEMORY_DECODE_ERROR, /* nothing is there */
    MEMORY_ACCESS_ERROR, /* an IOMMU or a permission forbids it */
} MemoryResult;

typedef struct MemoryAttrs {
    uint16_t requester_id;  /* PCI bus/devfn of a DMA's origin */
    bool is_dma;            /* set by the DMA helpers */
    bool secure;
    bool user;
} MemoryAttrs;

#define MEMORY_ATTRS_NONE ((MemoryAttrs){ 0 })

typedef enum Endian {
    ENDIAN_LITTLE,
    ENDIAN_BIG,
} Endian;

/*
 * What an I/O region does. `offset` is inside the region and offset + size too.
 * `size` is a power of two within impl_min..impl_max, aligned unless
 * impl_unaligned. An access outside access_min..access_max or unaligned
 * without `unaligned` is split where it is too wide, and refused otherwise.
 * Narrower than impl_min: reads are widened, writes become read-modify-write.
 */
typedef struct RegionOps {
    MemoryResult (*read)(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                         MemoryAttrs attrs);
    MemoryResult (*write)(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                          MemoryAttrs attrs);
    Endian endian;
    uint8_t access_min, access_max;  /* 0: 1 and 8 */
    uint8_t impl_min, impl_max;      /* 0: as access_min and access_max */
    bool unaligned, impl_unaligned;
    bool unlocked;                   /* called without the machine lock; say why beside it */
} RegionOps;

typedef enum IommuAccess {
    IOMMU_NONE = 0,
    IOMMU_READ = 1,
    IOMMU_WRITE = 2,
    IOMMU_READ_WRITE = 3,
} IommuAccess;

typedef struct IommuEntry {
    AddressSpace *target;   /* where the access goes on */
    uint64_t translated;    /* of the page that holds the address */
    uint64_t page_mask;     /* 0xfff for 4 KiB */
    IommuAccess access;     /* what is allowed */
} IommuEntry;

typedef struct IommuOps {
    IommuEntry (*translate)(void *opaque, uint64_t offset, IommuAccess access,
                            MemoryAttrs attrs);
} IommuOps;

/*
 * The owner (may be NULL) is who answers for the region in listings; it is not
 * kept alive by it. `name` is copied. A region is freed by region_free(), which
 * takes it out of its container first; accesses in flight finish before the
 * memory goes.
 */
MemoryRegion *region_new_container(Object *owner, const char *name, uint64_t size);
MemoryRegion *region_new_io(Object *owner, const char *name, const RegionOps *ops, void *opaque,
                            uint64_t size);
/* The block is borrowed and must outlive the region. */
MemoryRegion *region_new_ram(Object *owner, const char *name, RamBlock *block);
MemoryRegion *region_new_rom(Object *owner, const char *name, RamBlock *block);
/* Reads come from the block while in ROM mode (the initial one); writes go to ops. */
MemoryRegion *region_new_rom_device(Object *owner, const char *name, const RegionOps *ops,
                                    void *opaque, RamBlock *block);
MemoryRegion *region_new_alias(Object *owner, const char *name, MemoryRegion *target,
                               uint64_t offset, uint64_t size);
MemoryRegion *region_new_iommu(Object *owner, const char *name, const IommuOps *ops,
                               void *opaque, uint64_t size);
void region_free(MemoryRegion *region);

void region_add(MemoryRegion *container, uint64_t offset, MemoryRegion *region, int priority);
/* Takes a region out of its container; harmless when it is in none. */
void region_remove(MemoryRegion *region);

void region_set_enabled(MemoryRegion *region, bool enabled);
void region_set_offset(MemoryRegion *region, uint64_t offset);
void region_set_size(MemoryRegion *region, uint64_t size);
void region_set_priority(MemoryRegion *region, int priority);
void region_set_readonly(MemoryRegion *region, bool readonly);
void region_set_alias_offset(MemoryRegion *alias, uint64_t offset);
void region_set_rom_mode(MemoryRegion *rom_device, bool rom_mode);
/*
 * Regions of one device share a word that is non-zero while the device is in a
 * callback; its own DMA does not enter it again.
 */
void region_set_guard(MemoryRegion *region, unsigned *busy);

const char *region_name(const MemoryRegion *region);
Object *region_owner(const MemoryRegion *region);
uint64_t region_size(const MemoryRegion *region); /* REGION_SIZE_ALL for 2^64 */
uint64_t region_offset(const MemoryRegion *region);
bool region_enabled(const MemoryRegion *region);
MemoryRegion *region_container(const MemoryRegion *region);
RamBlock *region_ram_block(const MemoryRegion *region);
bool region_is_iommu(const MemoryRegion *region);

/* A write of `size` bytes (0: any) at `offset`, of `data` if `match`, signals `fd`. */
void region_add_ioeventfd(MemoryRegion *region, uint64_t offset, unsigned size, bool match,
                          uint64_t data, int fd);
void region_remove_ioeventfd(MemoryRegion *region, uint64_t offset, unsigned size, bool match,
                             uint64_t data, int fd);
/* Writes to this part may be queued by the accelerator and delivered before the next exit. */
void region_add_coalesced(MemoryRegion *region, uint64_t offset, uint64_t size);
void region_clear_coalesced(MemoryRegion *region);

/* Which dirty-log clients watch a RAM region (display); ORed with the global ones. */
void region_set_dirty_log(MemoryRegion *region, DirtyClient client, bool on);

void memory_transaction_begin(void);
void memory_transaction_commit(void);

#endif
