/* SPDX-License-Identifier: MIT */
/* Guest RAM blocks and their dirty bitmaps. */
#include "memory/ram.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/epoch.h"
#include "base/pages.h"

#define HUGETLBFS_MAGIC_NUMBER 0x958458f6
#define WORD_BITS (8 * sizeof(unsigned long))

static RamBlock *blocks;

/* ---- host memory ---- */

static int open_file(const RamOptions *options, RamBlock *block, GError **error)
{
    struct stat st;
    struct statfs fs;
    int fd;

    if (stat(options->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        g_autofree char *name = g_strdup_printf("%s/vmm.XXXXXX", options->path);
        fd = g_mkstemp_full(name, O_RDWR | O_CLOEXEC, 0600);
        if (fd >= 0) {
            unlink(name);
        }
    } else {
        fd = open(options->path,
                  options->read_only ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    }
    if (fd < 0) {
        error_set_errno(error, errno, "cannot open '%s' for RAM '%s'", options->path, block->id);
        return -1;
    }
    if (fstatfs(fd, &fs) == 0 && fs.f_type == HUGETLBFS_MAGIC_NUMBER) {
        block->page_size = fs.f_bsize;
        block->size = (block->size + block->page_size - 1) & ~(block->page_size - 1);
    }
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size < block->size &&
        (options->read_only || ftruncate(fd, block->size) < 0)) {
        error_set(error, ERROR_SYSTEM, "'%s' is smaller than the %" PRIu64 " bytes of RAM '%s' "
                  "and cannot be made larger", options->path, block->size, block->id);
        close(fd);
        return -1;
    }
    return fd;
}

static bool block_map(RamBlock *block, const RamOptions *options, GError **error)
{
    int flags = MAP_PRIVATE | MAP_NORESERVE;

    if (options->path) {
        block->fd = open_file(options, block, error);
    } else if (options->share) {
        block->fd = memfd_create(block->id, MFD_CLOEXEC);
        if (block->fd >= 0 && ftruncate(block->fd, block->size) < 0) {
            error_set_errno(error, errno, "cannot make %" PRIu64 " bytes of shared RAM '%s'",
                            block->size, block->id);
            return false;
        }
    } else {
        flags |= MAP_ANONYMOUS;
    }
    if (block->fd < 0 && !(flags & MAP_ANONYMOUS)) {
        if (error && !*error) {
            error_set_errno(error, errno, "cannot make shared RAM '%s'", block->id);
        }
        return false;
    }
    if (options->share && !options->read_only) {
        flags = (flags & ~MAP_PRIVATE) | MAP_SHARED;
    }
    block->host = pages_map(block->size, block->page_size, PROT_READ | PROT_WRITE, flags,
                            block->fd);
    if (block->host == MAP_FAILED) {
        int number = errno;
        block->host = NULL;
        error_set_errno(error, number, "cannot allocate %" PRIu64 " MiB of guest RAM '%s'",
                        block->size >> 20, block->id);
        return false;
    }
    return true;
}

static bool block_advise(RamBlock *block, const RamOptions *options, GError **error)
{
    /* Advice may be refused by a kernel built without the feature. */
    if (block->size >= HUGE_PAGE_SIZE) {
        (void)madvise(block->host, block->size, MADV_HUGEPAGE);
    }
    if (options->no_dump) {
        (void)madvise(block->host, block->size, MADV_DONTDUMP);
    }
    if (options->merge) {
        (void)madvise(block->host, block->size, MADV_MERGEABLE);
    }
    if (options->prealloc) {
        if (madvise(block->host, block->size, MADV_POPULATE_WRITE) < 0) {
            error_set_errno(error, errno, "cannot populate %" PRIu64 " MiB of RAM '%s'",
                            block->size >> 20, block->id);
            return false;
        }
    }
    return true;
}

/* ---- blocks ---- */

static void block_destroy(void *pointer)
{
    RamBlock *block = pointer;

    if (block->host) {
        munmap(block->host, block->size);
    }
    if (block->fd >= 0) {
        close(block->fd);
    }
    for (unsigned i = 0; i < DIRTY_CLIENTS; i++) {
        g_free((void *)atomic_load(&block->dirty[i]));
    }
    g_free(block->id);
    g_free(block);
}

RamBlock *ram_block_new(const char *id, uint64_t size, const RamOptions *options, GError **error)
{
    static const RamOptions plain;
    RamBlock *block, **link;

    if (!size || size > (uint64_t)G_MAXINT64 - RAM_PAGE_SIZE) {
        error_set(error, ERROR_INVALID, "RAM '%s' cannot have %" PRIu64 " bytes", id, size);
        return NULL;
    }
    if (ram_block_find(id)) {
        error_set(error, ERROR_INVALID, "there is a RAM block '%s' already", id);
        return NULL;
    }
    options = options ? options : &plain;
    block = g_new0(RamBlock, 1);
    block->id = g_strdup(id);
    block->size = (size + RAM_PAGE_SIZE - 1) & ~(RAM_PAGE_SIZE - 1);
    block->page_size = sysconf(_SC_PAGESIZE);
    block->fd = -1;
    if (!block_map(block, options, error) || !block_advise(block, options, error)) {
        block_destroy(block);
        return NULL;
    }
    for (link = &blocks; *link; link = &(*link)->next) {
    }
    *link = block;
    return block;
}

void ram_block_free(RamBlock *block)
{
    RamBlock **link = &blocks;

    if (!block) {
        return;
    }
    while (*link != block) {
        link = &(*link)->next;
    }
    *link = block->next;
    epoch_retire(block, block_destroy);
}

RamBlock *ram_block_first(void)
{
    return blocks;
}

RamBlock *ram_block_find(const char *id)
{
    for (RamBlock *block = blocks; block; block = block->next) {
        if (g_str_equal(block->id, id)) {
            return block;
        }
    }
    return NULL;
}

RamBlock *ram_block_from_host(const void *host, uint64_t *offset)
{
    const uint8_t *at = host;

    for (RamBlock *block = blocks; block; block = block->next) {
        if (at >= block->host && at < block->host + block->size) {
            *offset = at - block->host;
            return block;
        }
    }
    return NULL;
}

/* ---- the dirty log ---- */

static uint64_t block_pages(const RamBlock *block)
{
    return block->size >> RAM_PAGE_BITS;
}

static uint64_t block_words(const RamBlock *block)
{
    return (block_pages(block) + WORD_BITS - 1) / WORD_BITS;
}

/* The bits [first, last] of a word that page `base` starts. */
static unsigned long word_mask(uint64_t base, uint64_t first, uint64_t last)
{
    unsigned long mask = ~0ul;

    if (first > base) {
        mask &= ~0ul << (first - base);
    }
    if (last < base + WORD_BITS - 1) {
        mask &= ~0ul >> (WORD_BITS - 1 - (last - base));
    }
    return mask;
}

static DirtyWatch watches[DIRTY_CLIENTS];

void dirty_log_set_watch(DirtyClient client, DirtyWatch watch)
{
    watches[client] = watch;
}

/* Was a page clean? */
static bool mark_pages(atomic_ulong *bits, uint64_t first, uint64_t last)
{
    bool news = false;

    for (uint64_t w = first / WORD_BITS; w <= last / WORD_BITS; w++) {
        unsigned long mask = word_mask(w * WORD_BITS, first, last);
        if ((atomic_load_explicit(&bits[w], memory_order_relaxed) & mask) != mask) {
            atomic_fetch_or(&bits[w], mask);
            news = true;
        }
    }
    return news;
}

void dirty_log_start(RamBlock *block, DirtyClient client, bool all_dirty)
{
    atomic_ulong *bits = atomic_load(&block->dirty[client]);

    if (!bits) {
        bits = g_new0(atomic_ulong, block_words(block));
        if (all_dirty) {
            mark_pages(bits, 0, block_pages(block) - 1);
        }
        atomic_store(&block->dirty[client], bits);
    }
}

void dirty_log_stop(RamBlock *block, DirtyClient client)
{
    atomic_ulong *bits = atomic_exchange(&block->dirty[client], NULL);

    if (bits) {
        epoch_retire((void *)bits, g_free);
    }
}

void dirty_log_mark_slow(RamBlock *block, uint64_t offset, uint64_t length)
{
    uint64_t first = offset >> RAM_PAGE_BITS, last = (offset + length - 1) >> RAM_PAGE_BITS;

    if (!length) {
        return;
    }
    g_assert(last < block_pages(block));
    epoch_enter();
    /* Whoever takes a bit that is found set below, and reads the page then, reads what was written. */
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned i = 0; i < DIRTY_CLIENTS; i++) {
        atomic_ulong *bits = atomic_load(&block->dirty[i]);
        if (bits && mark_pages(bits, first, last) && watches[i]) {
            watches[i](block, offset, length);
        }
    }
    epoch_leave();
}

void dirty_log_mark_bitmap(RamBlock *block, uint64_t offset, const uint64_t *bitmap,
                           uint64_t pages)
{
    uint64_t first = offset >> RAM_PAGE_BITS;

    g_assert(first + pages <= block_pages(block));
    for (uint64_t w = 0; w * 64 < pages; w++) {
        uint64_t word = bitmap[w];
        while (word) {
            unsigned bit = __builtin_ctzll(word);
            unsigned run = ~(word >> bit) ? (unsigned)__builtin_ctzll(~(word >> bit)) : 64;
            uint64_t page = w * 64 + bit;
            if (page >= pages) {
                break;
            }
            run = MIN(run, 64 - bit);
            run = MIN(run, pages - page);
            dirty_log_mark_slow(block, (first + page) << RAM_PAGE_BITS,
                                (uint64_t)run << RAM_PAGE_BITS);
            word &= run + bit >= 64 ? 0 : ~0ull << (bit + run);
        }
    }
}

static void bitmap_or(uint64_t *bitmap, uint64_t at, unsigned long word)
{
    bitmap[at / 64] |= (uint64_t)word << (at % 64);
    if (at % 64 && word >> (64 - at % 64)) {
        bitmap[at / 64 + 1] |= (uint64_t)word >> (64 - at % 64);
    }
}

/* Keeps the lowest `count` set bits. */
static unsigned long lowest_bits(unsigned long word, uint64_t count)
{
    unsigned long kept = 0;

    while (word && count--) {
        unsigned long bit = word & -word;
        kept |= bit;
        word ^= bit;
    }
    return kept;
}

uint64_t dirty_log_take(RamBlock *block, DirtyClient client, uint64_t offset, uint64_t length,
                        uint64_t max_pages, uint64_t *bitmap, uint64_t *next)
{
    atomic_ulong *bits = atomic_load(&block->dirty[client]);
    uint64_t first = offset >> RAM_PAGE_BITS, last, taken = 0;

    *next = offset + length;
    if (!bits || !length) {
        return 0;
    }
    last = (offset + length - 1) >> RAM_PAGE_BITS;
    g_assert(last < block_pages(block));
    for (uint64_t w = first / WORD_BITS; w <= last / WORD_BITS; w++) {
        uint64_t base = w * WORD_BITS;
        unsigned long mask = word_mask(base, first, last);
        unsigned long word = atomic_load_explicit(&bits[w], memory_order_relaxed) & mask;

        if (!word) {
            continue;
        }
        if (taken == max_pages) {
            *next = MAX(base, first) << RAM_PAGE_BITS;
            return taken;
        }
        if ((uint64_t)__builtin_popcountl(word) > max_pages - taken) {
            word = lowest_bits(word, max_pages - taken);
        }
        word = atomic_fetch_and(&bits[w], ~word) & word;
        taken += __builtin_popcountl(word);
        if (bitmap) {
            uint64_t at = MAX(base, first);
            bitmap_or(bitmap, at - first, word >> (at - base));
        }
        if (atomic_load_explicit(&bits[w], memory_order_relaxed) & mask && taken == max_pages) {
            *next = MAX(base, first) << RAM_PAGE_BITS;
            return taken;
        }
    }
    return taken;
}

uint64_t dirty_log_count(RamBlock *block, DirtyClient client)
{
    atomic_ulong *bits = atomic_load(&block->dirty[client]);
    uint64_t count = 0;

    for (uint64_t w = 0; bits && w < block_words(block); w++) {
        count += __builtin_popcountl(atomic_load_explicit(&bits[w], memory_order_relaxed));
    }
    return count;
}

bool dirty_log_test(RamBlock *block, DirtyClient client, uint64_t offset, uint64_t length)
{
    atomic_ulong *bits = atomic_load(&block->dirty[client]);
    uint64_t last = (offset + length - 1) >> RAM_PAGE_BITS;

    for (uint64_t page = offset >> RAM_PAGE_BITS; bits && length && page <= last; page++) {
        if (atomic_load_explicit(&bits[page / WORD_BITS], memory_order_relaxed) >>
            (page % WORD_BITS) & 1) {
            return true;
        }
    }
    return false;
}
