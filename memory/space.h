/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: a region tree as a CPU or a bus master sees it.
 *
 * The tree is rendered into a flat view, sorted and immutable, that readers use
 * without a lock. Spaces whose roots come to the same tree share one view.
 */
#ifndef MEMORY_SPACE_H
#define MEMORY_SPACE_H

#include "memory/region.h"

/* A piece of a flat view. */
typedef struct FlatRange {
    uint64_t start, last;       /* inclusive addresses in the space */
    MemoryRegion *region;       /* never a container or an alias */
    uint64_t offset;            /* of `start` in the region */
    RamBlock *block;            /* RAM, ROM and ROM devices */
    uint8_t *host;              /* of `start`; NULL for I/O */
    bool readonly;              /* writes do not reach the memory */
    bool direct_read;           /* RAM, ROM, ROM device in ROM mode */
    uint8_t dirty_clients;      /* bit per DirtyClient that the region itself asks for */
} FlatRange;

typedef struct FlatIoeventfd {
    uint64_t address;
    uint64_t data;
    uint8_t size;
    bool match;
    int fd;
} FlatIoeventfd;

/*
 * Told of every change of a space: begin, then all deletions, then all
 * additions, then the ioeventfd and coalesced changes, then commit. Ranges that
 * stay are not named. Any hook may be NULL.
 */
typedef struct MemoryListener MemoryListener;
typedef struct MemoryListenerOps {
    void (*begin)(MemoryListener *listener);
    void (*del)(MemoryListener *listener, const FlatRange *range);
    void (*add)(MemoryListener *listener, const FlatRange *range);
    /* The same range, but other dirty_clients. */
    void (*log_change)(MemoryListener *listener, const FlatRange *range, uint8_t old_clients);
    void (*ioeventfd_del)(MemoryListener *listener, const FlatIoeventfd *event);
    void (*ioeventfd_add)(MemoryListener *listener, const FlatIoeventfd *event);
    void (*coalesced_del)(MemoryListener *listener, uint64_t start, uint64_t last);
    void (*coalesced_add)(MemoryListener *listener, uint64_t start, uint64_t last);
    void (*commit)(MemoryListener *listener);
    /* Bring the accelerator's log of a block up to date in the dirty log. */
    void (*log_sync)(MemoryListener *listener, RamBlock *block, uint64_t offset,
                     uint64_t length);
    /* These pages were taken: write-protect them again. */
    void (*log_clear)(MemoryListener *listener, RamBlock *block, uint64_t offset,
                      uint64_t length);
    /* A client of the whole machine (migration, code) starts or stops logging. */
    void (*log_global)(MemoryListener *listener, bool on);
} MemoryListenerOps;

struct MemoryListener {
    const MemoryListenerOps *ops;
    struct MemoryMap *map;     /* the space's; kept by memory/ */
};

/* The value that reads of unassigned addresses give is `unassigned`, in every byte. */
AddressSpace *address_space_new(const char *name, MemoryRegion *root, uint8_t unassigned);
void address_space_free(AddressSpace *space);
const char *address_space_name(const AddressSpace *space);
MemoryRegion *address_space_root(const AddressSpace *space);
/* Ordered by creation. */
AddressSpace *address_space_first(void);
AddressSpace *address_space_next(AddressSpace *space);

/* Replays the present map to the listener (begin, add…, commit) and keeps it told. */
void memory_listener_register(MemoryListener *listener, AddressSpace *space);
/* Replays deletions. */
void memory_listener_unregister(MemoryListener *listener);

/*
 * Accesses. Ranges may span regions; each region's own rules split them. Reads
 * always fill the buffer (unassigned or refused parts with the space's value).
 * The result is the worst of the parts. Any thread; the machine lock is taken
 * where a device needs it.
 */
MemoryResult address_space_read(AddressSpace *space, uint64_t address, MemoryAttrs attrs,
                                void *buffer, uint64_t length);
MemoryResult address_space_write(AddressSpace *space, uint64_t address, MemoryAttrs attrs,
                                 const void *buffer, uint64_t length);
/* One access of 1, 2, 4 or 8 bytes, as a number. */
MemoryResult address_space_load(AddressSpace *space, uint64_t address, unsigned size,
                                Endian endian, MemoryAttrs attrs, uint64_t *value);
MemoryResult address_space_store(AddressSpace *space, uint64_t address, unsigned size,
                                 Endian endian, MemoryAttrs attrs, uint64_t value);
/* Fills with a byte. */
MemoryResult address_space_fill(AddressSpace *space, uint64_t address, MemoryAttrs attrs,
                                uint8_t byte, uint64_t length);
/* Loaders and debuggers: writes ROM too, never calls a device. False if a part is not memory. */
bool address_space_read_debug(AddressSpace *space, uint64_t address, void *buffer,
                              uint64_t length);
bool address_space_write_rom(AddressSpace *space, uint64_t address, const void *buffer,
                             uint64_t length);

/* The range that holds an address, copied; false when nothing is there. */
bool address_space_find(AddressSpace *space, uint64_t address, FlatRange *range);

/*
 * Direct access to guest memory: a counted handle. `length` may come out
 * shorter than asked; 0 is a failure (nothing there, or too many bounce
 * buffers). What is not RAM is bounced. Closing a writable mapping stores
 * `written` bytes and marks them dirty.
 */
typedef struct MemoryMapping {
    void *host;
    uint64_t length;
    AddressSpace *space;
    uint64_t address;
    RamBlock *block;
    uint64_t block_offset;
    MemoryAttrs attrs;
    bool writable;
    bool bounced;
} MemoryMapping;

bool memory_map_open(MemoryMapping *mapping, AddressSpace *space, uint64_t address,
                     uint64_t length, bool writable, MemoryAttrs attrs)
    G_GNUC_WARN_UNUSED_RESULT;
void memory_map_close(MemoryMapping *mapping, uint64_t written);
/* Handles that are open, for tests and for teardown checks. */
unsigned memory_map_count(void);

/* ---- dirty log, machine-wide ---- */

/* Asks the listeners (the accelerator) for their part of the log. */
void dirty_log_sync(RamBlock *block, uint64_t offset, uint64_t length);
/* Tells the listeners that pages were taken. */
void dirty_log_clear(RamBlock *block, uint64_t offset, uint64_t length);
/* A client that covers all RAM: migration or translated code. */
void dirty_log_global_start(DirtyClient client);
void dirty_log_global_stop(DirtyClient client);

/* ---- listings, in the layout of QEMU's `info mtree` ---- */

void memory_print_tree(GString *out, bool with_owner, bool with_disabled);
void memory_print_flat(GString *out);

#endif
