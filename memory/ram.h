/* SPDX-License-Identifier: MIT */
/*
 * Guest RAM blocks and the dirty log.
 *
 * A block is host memory that regions map. Every write to it by the program
 * (device DMA, loaders, translated code) and by the accelerator is logged for
 * the clients that are on. Pages are RAM_PAGE_SIZE bytes. Dirty bits may be set
 * from any thread; the rest is under the machine lock.
 */
#ifndef MEMORY_RAM_H
#define MEMORY_RAM_H

#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "qom/object.h"

#define RAM_PAGE_BITS 12
#define RAM_PAGE_SIZE (1ull << RAM_PAGE_BITS)

typedef enum DirtyClient {
    DIRTY_DISPLAY,
    DIRTY_CODE,
    DIRTY_MIGRATION,
    DIRTY_CLIENTS,
} DirtyClient;

typedef struct RamOptions {
    bool share;             /* a memfd, so that other processes can map it */
    bool prealloc;          /* touch every page now */
    bool no_dump;           /* leave it out of core dumps */
    bool merge;             /* let KSM merge pages */
    const char *path;       /* a file (hugetlbfs, tmpfs, a disk image of memory); NULL: none */
    bool read_only;         /* with path: map privately and never write the file */
} RamOptions;

typedef struct RamBlock {
    char *id;               /* "pc.ram"; unique, the name in migration streams */
    uint8_t *host;          /* page aligned */
    uint64_t size;          /* bytes, a multiple of RAM_PAGE_SIZE */
    uint64_t page_size;     /* of the host mapping */
    int fd;                 /* -1: anonymous */
    _Atomic(atomic_ulong *) dirty[DIRTY_CLIENTS]; /* one bit a page; NULL: client is off */
    struct RamBlock *next;
} RamBlock;

/* `size` is rounded up to whole pages. `options` may be NULL. */
RamBlock *ram_block_new(const char *id, uint64_t size, const RamOptions *options, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
void ram_block_free(RamBlock *block);
RamBlock *ram_block_first(void);
RamBlock *ram_block_find(const char *id);
/* The block that a host pointer lies in, and where; or NULL. */
RamBlock *ram_block_from_host(const void *host, uint64_t *offset);

/* Turns a client on (every page starts dirty if `all_dirty`) or off. */
void dirty_log_start(RamBlock *block, DirtyClient client, bool all_dirty);
void dirty_log_stop(RamBlock *block, DirtyClient client);
static inline bool dirty_log_on(RamBlock *block, DirtyClient client)
{
    return atomic_load_explicit(&block->dirty[client], memory_order_relaxed) != NULL;
}

/*
 * Called after a write that made a clean page dirty for the client, in the thread that wrote:
 * any, with or without the machine lock. Set while the client is off everywhere; NULL: nobody.
 */
typedef void (*DirtyWatch)(RamBlock *block, uint64_t offset, uint64_t length);
void dirty_log_set_watch(DirtyClient client, DirtyWatch watch);

/* For all the clients that are on. Bounds are the caller's: inside the block. */
void dirty_log_mark_slow(RamBlock *block, uint64_t offset, uint64_t length);
static inline void dirty_log_mark(RamBlock *block, uint64_t offset, uint64_t length)
{
    for (unsigned i = 0; i < DIRTY_CLIENTS; i++) {
        if (dirty_log_on(block, (DirtyClient)i)) {
            dirty_log_mark_slow(block, offset, length);
            return;
        }
    }
}
/* An accelerator's bitmap, bit 0 being the page at `offset`. */
void dirty_log_mark_bitmap(RamBlock *block, uint64_t offset, const uint64_t *bitmap,
                           uint64_t pages);

/*
 * Takes and clears at most `max_pages` dirty pages of [offset, offset + length).
 * `bitmap` (may be NULL) gets bit 0 for the page at `offset`, and must be zero
 * and hold the range. Returns the pages taken; *next is where to go on, the end
 * of the range when all was seen. The accelerator is asked first, by
 * dirty_log_sync(), by the caller: once for many takes.
 */
uint64_t dirty_log_take(RamBlock *block, DirtyClient client, uint64_t offset, uint64_t length,
                        uint64_t max_pages, uint64_t *bitmap, uint64_t *next);
uint64_t dirty_log_count(RamBlock *block, DirtyClient client);
bool dirty_log_test(RamBlock *block, DirtyClient client, uint64_t offset, uint64_t length);

#endif
