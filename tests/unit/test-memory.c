/* SPDX-License-Identifier: MIT */
/* The region tree: decoding, changes, listeners, dispatch, the dirty log, mapped buffers. */
#include <string.h>
#include <sys/mman.h>

#include "base/lock.h"
#include "base/pages.h"
#include "memory/space.h"

/* ---- a region that remembers ---- */

typedef struct Probe {
    MemoryRegion *region;
    unsigned reads, writes;
    uint64_t offset, value;
    unsigned size;
    uint8_t bytes[64];
    AddressSpace *reenter;
    MemoryResult reentered;
} Probe;

static MemoryResult probe_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                               MemoryAttrs attrs)
{
    Probe *probe = opaque;

    probe->reads++;
    probe->offset = offset;
    probe->size = size;
    *value = 0;
    memcpy(value, probe->bytes + offset % 32, size);
    if (probe->reenter) {
        uint64_t ignored;
        probe->reentered = address_space_load(probe->reenter, 0x100, 4, ENDIAN_LITTLE,
                                              MEMORY_ATTRS_NONE, &ignored);
    }
    return MEMORY_OK;
}

static MemoryResult probe_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                MemoryAttrs attrs)
{
    Probe *probe = opaque;

    probe->writes++;
    probe->offset = offset;
    probe->size = size;
    probe->value = value;
    memcpy(probe->bytes + offset % 32, &value, size);
    return MEMORY_OK;
}

static const RegionOps any_size = {
    .read = probe_read, .write = probe_write, .unaligned = true, .impl_unaligned = true,
};
static const RegionOps words_only = {
    .read = probe_read, .write = probe_write, .impl_min = 4, .impl_max = 4,
};
static const RegionOps bytes_only = {
    .read = probe_read, .write = probe_write, .impl_min = 1, .impl_max = 1,
};
static const RegionOps strict_words = {
    .read = probe_read, .write = probe_write, .access_min = 4, .access_max = 4,
};
static const RegionOps big_words = {
    .read = probe_read, .write = probe_write, .endian = ENDIAN_BIG,
};

typedef struct Bench {
    MemoryRegion *root;
    AddressSpace *space;
} Bench;

static void bench_init(Bench *bench)
{
    bench->root = region_new_container(NULL, "root", REGION_SIZE_ALL);
    bench->space = address_space_new("test", bench->root, 0xff);
}

static void bench_release(Bench *bench)
{
    address_space_free(bench->space);
    region_free(bench->root);
}

static uint64_t load(Bench *bench, uint64_t address, unsigned size)
{
    uint64_t value;

    address_space_load(bench->space, address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    return value;
}

static MemoryResult store(Bench *bench, uint64_t address, unsigned size, uint64_t value)
{
    return address_space_store(bench->space, address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                               value);
}

static RamBlock *new_block(const char *id, uint64_t size)
{
    GError *error = NULL;
    RamBlock *block = ram_block_new(id, size, NULL, &error);

    g_assert_no_error(error);
    return block;
}

/* ---- decoding ---- */

static void test_priorities(void)
{
    Bench bench;
    RamBlock *block = new_block("ram", 0x10000);
    Probe low = { .bytes = { 1 } }, high = { .bytes = { 2 } }, equal = { .bytes = { 3 } };

    bench_init(&bench);
    MemoryRegion *ram = region_new_ram(NULL, "ram", block);
    low.region = region_new_io(NULL, "low", &any_size, &low, 0x100);
    high.region = region_new_io(NULL, "high", &any_size, &high, 0x100);
    equal.region = region_new_io(NULL, "equal", &any_size, &equal, 0x100);
    region_add(bench.root, 0, ram, 0);
    region_add(bench.root, 0x1000, low.region, -1);
    g_assert_cmphex(load(&bench, 0x1000, 1), ==, 0);
    region_add(bench.root, 0x1000, high.region, 1);
    g_assert_cmphex(load(&bench, 0x1000, 1), ==, 2);
    region_add(bench.root, 0x1000, equal.region, 1);
    g_assert_cmphex(load(&bench, 0x1000, 1), ==, 3);
    region_set_enabled(equal.region, false);
    g_assert_cmphex(load(&bench, 0x1000, 1), ==, 2);
    region_set_priority(low.region, 5);
    g_assert_cmphex(load(&bench, 0x1000, 1), ==, 1);
    region_set_offset(low.region, 0x2000);
    g_assert_cmphex(load(&bench, 0x1000, 1), ==, 2);
    g_assert_cmphex(load(&bench, 0x2000, 1), ==, 1);
    region_free(low.region);
    region_free(high.region);
    g_assert_cmphex(load(&bench, 0x1000, 1), ==, 0);
    region_free(equal.region);
    g_assert_cmphex(load(&bench, 0x10000, 4), ==, 0xffffffff);
    region_free(ram);
    g_assert_cmphex(load(&bench, 0x1000, 1), ==, 0xff);
    bench_release(&bench);
    ram_block_free(block);
}

static void test_alias(void)
{
    Bench bench;
    Probe probe = { .bytes = { 0 } };

    bench_init(&bench);
    for (unsigned i = 0; i < 32; i++) {
        probe.bytes[i] = i;
    }
    probe.region = region_new_io(NULL, "probe", &any_size, &probe, 0x1000);
    MemoryRegion *alias = region_new_alias(NULL, "alias", probe.region, 0x10, 0x100);
    region_add(bench.root, 0x8000, alias, 0);
    g_assert_cmphex(load(&bench, 0x8001, 1), ==, 0x11);
    g_assert_cmpuint(probe.offset, ==, 0x11);
    region_set_alias_offset(alias, 0x4);
    g_assert_cmphex(load(&bench, 0x8001, 1), ==, 0x05);
    /* Past the end of the target there is nothing. */
    region_set_alias_offset(alias, 0xff8);
    g_assert_cmphex(load(&bench, 0x8007, 1), ==, 0x1f);
    g_assert_cmphex(load(&bench, 0x8008, 1), ==, 0xff);
    /* The target goes first. */
    region_free(probe.region);
    g_assert_cmphex(load(&bench, 0x8001, 1), ==, 0xff);
    region_free(alias);
    bench_release(&bench);
}

static void test_top_of_space(void)
{
    Bench bench;
    Probe probe = { .bytes = { 0x5a } };

    bench_init(&bench);
    probe.region = region_new_io(NULL, "top", &any_size, &probe, 0x10);
    region_add(bench.root, UINT64_MAX - 0xf, probe.region, 0);
    g_assert_cmphex(load(&bench, UINT64_MAX - 0xf, 1), ==, 0x5a);
    g_assert_cmphex(load(&bench, UINT64_MAX, 1), ==, 0);
    /* An access that wraps ends, one way or the other. */
    load(&bench, UINT64_MAX - 1, 8);
    region_free(probe.region);
    bench_release(&bench);
}

static void test_shared_views(void)
{
    Bench bench;
    RamBlock *block = new_block("ram", 0x10000);

    bench_init(&bench);
    MemoryRegion *ram = region_new_ram(NULL, "ram", block);
    MemoryRegion *master_root = region_new_container(NULL, "master", REGION_SIZE_ALL);
    MemoryRegion *window = region_new_alias(NULL, "window", bench.root, 0, REGION_SIZE_ALL);
    AddressSpace *master = address_space_new("master", master_root, 0xff);
    uint64_t value;

    region_add(bench.root, 0, ram, 0);
    region_add(master_root, 0, window, 0);
    region_set_enabled(window, false);
    store(&bench, 0x10, 4, 0x12345678);
    address_space_load(master, 0x10, 4, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    g_assert_cmphex(value, ==, 0xffffffff);
    region_set_enabled(window, true);
    address_space_load(master, 0x10, 4, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    g_assert_cmphex(value, ==, 0x12345678);
    region_remove(ram);
    address_space_load(master, 0x10, 4, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    g_assert_cmphex(value, ==, 0xffffffff);
    address_space_free(master);
    region_free(window);
    region_free(master_root);
    region_free(ram);
    bench_release(&bench);
    ram_block_free(block);
}

/* ---- access rules ---- */

static void test_access_sizes(void)
{
    Bench bench;
    Probe probe = { .bytes = { 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88 } };

    bench_init(&bench);
    probe.region = region_new_io(NULL, "words", &words_only, &probe, 0x20);
    region_add(bench.root, 0, probe.region, 0);
    g_assert_cmphex(load(&bench, 1, 1), ==, 0x22);          /* widened */
    g_assert_cmpuint(probe.size, ==, 4);
    g_assert_cmphex(load(&bench, 0, 8), ==, 0x8877665544332211);
    store(&bench, 2, 1, 0xaa);                              /* read, modified, written */
    g_assert_cmphex(probe.value, ==, 0x44aa2211);
    region_free(probe.region);

    probe.region = region_new_io(NULL, "bytes", &bytes_only, &probe, 0x20);
    region_add(bench.root, 0, probe.region, 0);
    probe.writes = 0;
    store(&bench, 4, 4, 0x04030201);                        /* split */
    g_assert_cmpuint(probe.writes, ==, 4);
    g_assert_cmphex(load(&bench, 4, 4), ==, 0x04030201);
    region_free(probe.region);

    probe.region = region_new_io(NULL, "strict", &strict_words, &probe, 0x20);
    region_add(bench.root, 0, probe.region, 0);
    probe.reads = probe.writes = 0;
    g_assert_cmphex(load(&bench, 0, 1), ==, 0xff);
    g_assert_cmpint(store(&bench, 2, 2, 0), ==, MEMORY_DEVICE_ERROR);
    g_assert_cmpuint(probe.reads + probe.writes, ==, 0);
    load(&bench, 0, 8);
    g_assert_cmpuint(probe.reads, ==, 2);
    region_free(probe.region);
    bench_release(&bench);
}

static void test_endianness(void)
{
    Bench bench;
    Probe probe = { .bytes = { 0x44, 0x33, 0x22, 0x11 } };   /* 0x11223344 as a number */
    uint64_t value;
    uint8_t bytes[4];

    bench_init(&bench);
    probe.region = region_new_io(NULL, "big", &big_words, &probe, 0x20);
    region_add(bench.root, 0, probe.region, 0);
    address_space_load(bench.space, 0, 4, ENDIAN_BIG, MEMORY_ATTRS_NONE, &value);
    g_assert_cmphex(value, ==, 0x11223344);
    address_space_load(bench.space, 0, 4, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    g_assert_cmphex(value, ==, 0x44332211);
    address_space_read(bench.space, 0, MEMORY_ATTRS_NONE, bytes, 4);
    g_assert_cmphex(bytes[0], ==, 0x11);
    region_free(probe.region);
    bench_release(&bench);
}

static void test_reentry(void)
{
    Bench bench;
    Probe probe = { .bytes = { 0 } };
    unsigned busy = 0;

    bench_init(&bench);
    probe.region = region_new_io(NULL, "probe", &any_size, &probe, 0x1000);
    region_set_guard(probe.region, &busy);
    region_add(bench.root, 0, probe.region, 0);
    probe.reenter = bench.space;
    load(&bench, 0, 4);
    g_assert_cmpuint(probe.reads, ==, 1);
    g_assert_cmpint(probe.reentered, ==, MEMORY_DEVICE_ERROR);
    g_assert_cmpuint(busy, ==, 0);
    /* Without a guard the chain is bounded all the same. */
    region_set_guard(probe.region, NULL);
    probe.reads = 0;
    load(&bench, 0, 4);
    g_assert_cmpuint(probe.reads, <=, 32);
    region_free(probe.region);
    bench_release(&bench);
}

static void test_rom(void)
{
    Bench bench;
    RamBlock *block = new_block("rom", 0x1000);
    Probe probe = { .bytes = { 0x77 } };

    bench_init(&bench);
    block->host[0] = 0xa5;
    MemoryRegion *rom = region_new_rom(NULL, "rom", block);
    region_add(bench.root, 0, rom, 0);
    g_assert_cmpint(store(&bench, 0, 1, 0), ==, MEMORY_OK);
    g_assert_cmphex(load(&bench, 0, 1), ==, 0xa5);
    g_assert_true(address_space_write_rom(bench.space, 0, "\x5a", 1));
    g_assert_cmphex(load(&bench, 0, 1), ==, 0x5a);
    region_free(rom);

    MemoryRegion *flash = region_new_rom_device(NULL, "flash", &any_size, &probe, block);
    region_add(bench.root, 0, flash, 0);
    g_assert_cmphex(load(&bench, 0, 1), ==, 0x5a);
    store(&bench, 0, 1, 0x90);
    g_assert_cmphex(probe.value, ==, 0x90);
    region_set_rom_mode(flash, false);
    g_assert_cmphex(load(&bench, 0, 1), ==, 0x90);
    region_free(flash);
    bench_release(&bench);
    ram_block_free(block);
}

/* ---- an IOMMU ---- */

typedef struct Swap {
    AddressSpace *target;
} Swap;

/* Page 0 is readable at page 1 of the target; page 1 leads nowhere; page 2 to itself. */
static IommuEntry swap_translate(void *opaque, uint64_t offset, IommuAccess access,
                                 MemoryAttrs attrs)
{
    Swap *swap = opaque;
    IommuEntry entry = { .page_mask = 0xfff };

    if (offset < 0x1000) {
        entry.target = swap->target;
        entry.translated = 0x1000;
        entry.access = IOMMU_READ;
    }
    return entry;
}

static void test_iommu(void)
{
    static const IommuOps ops = { .translate = swap_translate };
    Bench bench, behind;
    RamBlock *block = new_block("ram", 0x4000);
    uint8_t bytes[4];

    bench_init(&bench);
    bench_init(&behind);
    Swap swap = { behind.space };
    MemoryRegion *ram = region_new_ram(NULL, "ram", block);
    MemoryRegion *iommu = region_new_iommu(NULL, "iommu", &ops, &swap, 0x10000);
    region_add(behind.root, 0, ram, 0);
    region_add(bench.root, 0, iommu, 0);
    block->host[0x1ffe] = 0x77;
    block->host[0x2000] = 0x99;
    g_assert_cmphex(load(&bench, 0xffe, 1), ==, 0x77);
    g_assert_cmpint(store(&bench, 0xffe, 1, 1), ==, MEMORY_ACCESS_ERROR);
    g_assert_cmphex(block->host[0x1ffe], ==, 0x77);
    /* Across the page only what is allowed is read. */
    g_assert_cmpint(address_space_read(bench.space, 0xffe, MEMORY_ATTRS_NONE, bytes, 4), ==,
                    MEMORY_ACCESS_ERROR);
    g_assert_cmphex(bytes[0], ==, 0x77);
    g_assert_cmphex(bytes[2], ==, 0xff);
    region_free(iommu);
    region_free(ram);
    bench_release(&bench);
    bench_release(&behind);
    ram_block_free(block);
}

/* ---- listeners ---- */

typedef struct Ear {
    MemoryListener listener;
    unsigned begins, commits, adds, dels, events, coalesced;
    bool additions_began;
} Ear;

static void ear_begin(MemoryListener *listener)
{
    Ear *ear = (Ear *)listener;

    ear->begins++;
    ear->additions_began = false;
}

static void ear_del(MemoryListener *listener, const FlatRange *range)
{
    g_assert_false(((Ear *)listener)->additions_began);
    ((Ear *)listener)->dels++;
}

static void ear_add(MemoryListener *listener, const FlatRange *range)
{
    ((Ear *)listener)->additions_began = true;
    ((Ear *)listener)->adds++;
}

static void ear_commit(MemoryListener *listener)
{
    ((Ear *)listener)->commits++;
}

static void ear_event_add(MemoryListener *listener, const FlatIoeventfd *event)
{
    ((Ear *)listener)->events++;
}

static void ear_event_del(MemoryListener *listener, const FlatIoeventfd *event)
{
    ((Ear *)listener)->events--;
}

static void ear_coalesced_add(MemoryListener *listener, uint64_t start, uint64_t last)
{
    ((Ear *)listener)->coalesced++;
}

static void ear_coalesced_del(MemoryListener *listener, uint64_t start, uint64_t last)
{
    ((Ear *)listener)->coalesced--;
}

static const MemoryListenerOps ear_ops = {
    .begin = ear_begin, .del = ear_del, .add = ear_add, .commit = ear_commit,
    .ioeventfd_add = ear_event_add, .ioeventfd_del = ear_event_del,
    .coalesced_add = ear_coalesced_add, .coalesced_del = ear_coalesced_del,
};

static void test_listener(void)
{
    Bench bench;
    RamBlock *block = new_block("ram", 0x100000);
    Probe probe = { .bytes = { 0 } };
    Ear ear = { .listener.ops = &ear_ops };

    bench_init(&bench);
    MemoryRegion *ram = region_new_ram(NULL, "ram", block);
    probe.region = region_new_io(NULL, "probe", &any_size, &probe, 0x1000);
    region_add(bench.root, 0, ram, 0);
    memory_listener_register(&ear.listener, bench.space);
    g_assert_cmpuint(ear.adds, ==, 1);

    ear.adds = ear.commits = 0;
    memory_transaction_begin();
    region_add(bench.root, 0x8000, probe.region, 1);
    region_set_enabled(probe.region, false);
    region_set_enabled(probe.region, true);
    memory_transaction_commit();
    /* RAM is cut in two around the probe, in one commit. */
    g_assert_cmpuint(ear.commits, ==, 1);
    g_assert_cmpuint(ear.dels, ==, 1);
    g_assert_cmpuint(ear.adds, ==, 3);

    /* Far from the change nothing is touched. */
    ear.adds = ear.dels = 0;
    region_set_offset(probe.region, 0x200000);
    g_assert_cmpuint(ear.dels, ==, 3);
    g_assert_cmpuint(ear.adds, ==, 2);
    ear.adds = ear.dels = 0;
    region_set_offset(probe.region, 0x300000);
    g_assert_cmpuint(ear.dels, ==, 1);
    g_assert_cmpuint(ear.adds, ==, 1);

    /* A transaction that changes nothing says nothing of ranges. */
    ear.adds = ear.dels = 0;
    memory_transaction_begin();
    region_set_enabled(probe.region, false);
    region_set_enabled(probe.region, true);
    memory_transaction_commit();
    g_assert_cmpuint(ear.adds + ear.dels, ==, 0);

    region_add_ioeventfd(probe.region, 8, 4, true, 1, 42);
    g_assert_cmpuint(ear.events, ==, 1);
    region_add_coalesced(probe.region, 0, 0x100);
    g_assert_cmpuint(ear.coalesced, ==, 1);
    region_set_enabled(probe.region, false);
    g_assert_cmpuint(ear.events + ear.coalesced, ==, 0);
    region_set_enabled(probe.region, true);
    region_remove_ioeventfd(probe.region, 8, 4, true, 1, 42);
    region_clear_coalesced(probe.region);
    g_assert_cmpuint(ear.events + ear.coalesced, ==, 0);

    memory_listener_unregister(&ear.listener);
    region_free(probe.region);
    region_free(ram);
    bench_release(&bench);
    ram_block_free(block);
}

/* ---- random trees against a plain model ---- */

#define MODEL_REGIONS 24
#define MODEL_SPACE 0x4000u

typedef struct ModelRegion {
    MemoryRegion *region;
    Probe probe;
    bool enabled;
    unsigned offset, size, order;
    int priority, parent;    /* -1: the root */
    bool container;
} ModelRegion;

/* Which probe answers at an address, by walking the tree the slow way. */
static int model_find(const ModelRegion *all, int parent, unsigned address)
{
    int order[MODEL_REGIONS], count = 0;

    for (int i = 0; i < MODEL_REGIONS; i++) {
        if (all[i].parent == parent) {
            int at = count++;
            while (at && (all[order[at - 1]].priority < all[i].priority ||
                          (all[order[at - 1]].priority == all[i].priority &&
                           all[order[at - 1]].order < all[i].order))) {
                order[at] = order[at - 1];
                at--;
            }
            order[at] = i;
        }
    }
    for (int i = 0; i < count; i++) {
        const ModelRegion *region = &all[order[i]];
        if (!region->enabled || address < region->offset ||
            address - region->offset >= region->size) {
            continue;
        }
        if (!region->container) {
            return order[i];
        }
        int inside = model_find(all, order[i], address - region->offset);
        if (inside >= 0) {
            return inside;
        }
    }
    return -1;
}

static void model_check(Bench *bench, ModelRegion *all)
{
    for (unsigned address = 0; address < MODEL_SPACE; address += 0x20) {
        int expected = model_find(all, -1, address);
        FlatRange range;
        bool found = address_space_find(bench->space, address, &range);
        g_assert_cmpint(found, ==, expected >= 0);
        if (found) {
            g_assert_true(range.region == all[expected].region);
        }
    }
}

static void test_random_trees(void)
{
    ModelRegion all[MODEL_REGIONS] = { 0 };
    unsigned order = 0;
    Bench bench;

    bench_init(&bench);
    for (int i = 0; i < MODEL_REGIONS; i++) {
        ModelRegion *region = &all[i];
        region->container = i < 6;
        region->parent = i && i < 6 ? g_test_rand_int_range(-1, i) : g_test_rand_int_range(-1, 6);
        region->parent = i < 6 && region->parent >= i ? -1 : region->parent;
        region->size = 0x20u * g_test_rand_int_range(1, 64);
        region->offset = 0x20u * g_test_rand_int_range(0, 256);
        region->priority = g_test_rand_int_range(-1, 3);
        region->enabled = true;
        region->order = order++;
        region->region = region->container
            ? region_new_container(NULL, "container", region->size)
            : region_new_io(NULL, "io", &any_size, &region->probe, region->size);
        region_add(region->parent < 0 ? bench.root : all[region->parent].region, region->offset,
                   region->region, region->priority);
    }
    model_check(&bench, all);
    for (unsigned step = 0; step < 400; step++) {
        ModelRegion *region = &all[g_test_rand_int_range(0, MODEL_REGIONS)];
        switch (g_test_rand_int_range(0, 4)) {
        case 0:
            region->enabled = !region->enabled;
            region_set_enabled(region->region, region->enabled);
            break;
        case 1:
            region->offset = 0x20u * g_test_rand_int_range(0, 256);
            region_set_offset(region->region, region->offset);
            break;
        case 2:
            region->size = 0x20u * g_test_rand_int_range(1, 64);
            region_set_size(region->region, region->size);
            break;
        default: {
            int priority = g_test_rand_int_range(-1, 3);
            if (priority != region->priority) {
                region->priority = priority;
                region->order = order++;
                region_set_priority(region->region, priority);
            }
            break;
        }
        }
        model_check(&bench, all);
    }
    for (int i = MODEL_REGIONS - 1; i >= 0; i--) {
        region_free(all[i].region);
    }
    bench_release(&bench);
}

/* ---- the dirty log and mappings ---- */

static void test_dirty_log(void)
{
    Bench bench;
    RamBlock *block = new_block("ram", 200 * RAM_PAGE_SIZE);
    uint64_t bitmap[4] = { 0 }, next;

    bench_init(&bench);
    MemoryRegion *ram = region_new_ram(NULL, "ram", block);
    region_add(bench.root, 0, ram, 0);
    store(&bench, 0x3000, 4, 1);
    dirty_log_start(block, DIRTY_MIGRATION, false);
    dirty_log_start(block, DIRTY_DISPLAY, true);
    g_assert_cmpuint(dirty_log_count(block, DIRTY_DISPLAY), ==, 200);
    g_assert_cmpuint(dirty_log_count(block, DIRTY_MIGRATION), ==, 0);
    store(&bench, 0x3ffe, 4, 1);                   /* two pages */
    store(&bench, 150 * RAM_PAGE_SIZE, 1, 1);
    g_assert_cmpuint(dirty_log_count(block, DIRTY_MIGRATION), ==, 3);
    g_assert_true(dirty_log_test(block, DIRTY_MIGRATION, 0x4000, 1));

    /* By budget. */
    g_assert_cmpuint(dirty_log_take(block, DIRTY_MIGRATION, 0, block->size, 1, bitmap, &next),
                     ==, 1);
    g_assert_cmphex(bitmap[0], ==, 1u << 3);
    g_assert_cmpuint(next, <, block->size);
    g_assert_cmpuint(dirty_log_take(block, DIRTY_MIGRATION, next, block->size - next, 100, NULL,
                                    &next), ==, 2);
    g_assert_cmpuint(next, ==, block->size);
    g_assert_cmpuint(dirty_log_count(block, DIRTY_MIGRATION), ==, 0);

    /* By range. */
    dirty_log_mark(block, 0, 10 * RAM_PAGE_SIZE);
    memset(bitmap, 0, sizeof(bitmap));
    g_assert_cmpuint(dirty_log_take(block, DIRTY_MIGRATION, 5 * RAM_PAGE_SIZE,
                                    2 * RAM_PAGE_SIZE, 100, bitmap, &next), ==, 2);
    g_assert_cmphex(bitmap[0], ==, 3);
    g_assert_cmpuint(dirty_log_count(block, DIRTY_MIGRATION), ==, 8);

    bitmap[0] = 0x8000000000000001;
    bitmap[1] = 3;
    bitmap[2] = 0;
    dirty_log_stop(block, DIRTY_MIGRATION);
    dirty_log_start(block, DIRTY_MIGRATION, false);
    dirty_log_mark_bitmap(block, 10 * RAM_PAGE_SIZE, bitmap, 66);
    g_assert_cmpuint(dirty_log_count(block, DIRTY_MIGRATION), ==, 4);
    g_assert_true(dirty_log_test(block, DIRTY_MIGRATION, 10 * RAM_PAGE_SIZE, 1));
    g_assert_true(dirty_log_test(block, DIRTY_MIGRATION, 75 * RAM_PAGE_SIZE, 1));
    dirty_log_stop(block, DIRTY_MIGRATION);
    dirty_log_stop(block, DIRTY_DISPLAY);
    region_free(ram);
    bench_release(&bench);
    ram_block_free(block);
}

static void test_mapping(void)
{
    Bench bench;
    RamBlock *block = new_block("ram", 4 * RAM_PAGE_SIZE);
    Probe probe = { .bytes = { 0x12 } };
    MemoryMapping mapping;

    bench_init(&bench);
    MemoryRegion *ram = region_new_ram(NULL, "ram", block);
    probe.region = region_new_io(NULL, "probe", &any_size, &probe, 0x20);
    region_add(bench.root, 0, ram, 0);
    region_add(bench.root, 0x100000, probe.region, 0);
    dirty_log_start(block, DIRTY_MIGRATION, false);

    g_assert_true(memory_map_open(&mapping, bench.space, 0x3000, 0x2000, true,
                                  MEMORY_ATTRS_NONE));
    g_assert_cmpuint(mapping.length, ==, 0x1000);     /* the end of RAM */
    g_assert_cmpuint(dirty_log_count(block, DIRTY_MIGRATION), ==, 0);
    memory_map_close(&mapping, 10);
    g_assert_cmpuint(dirty_log_count(block, DIRTY_MIGRATION), ==, 1);

    g_assert_true(memory_map_open(&mapping, bench.space, 0x100000, 4, true, MEMORY_ATTRS_NONE));
    memcpy(mapping.host, "\x01\x02\x03\x04", 4);
    g_assert_cmpuint(probe.writes, ==, 0);
    memory_map_close(&mapping, 4);
    g_assert_cmphex(probe.value, ==, 0x04030201);

    g_assert_false(memory_map_open(&mapping, bench.space, 0x900000, 4, true,
                                   MEMORY_ATTRS_NONE));
    g_assert_cmpuint(memory_map_count(), ==, 0);
    dirty_log_stop(block, DIRTY_MIGRATION);
    region_free(probe.region);
    region_free(ram);
    bench_release(&bench);
    ram_block_free(block);
}

static void test_blocks(void)
{
    GError *error = NULL;
    RamBlock *block = new_block("one", 5000);

    g_assert_cmpuint(block->size, ==, 8192);
    g_assert_null(ram_block_new("one", 4096, NULL, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_null(ram_block_new("two", 0, NULL, &error));
    g_clear_error(&error);
    g_assert_null(ram_block_new("two", UINT64_MAX, NULL, &error));
    g_clear_error(&error);
    g_assert_null(ram_block_new("two", 1ull << 60, NULL, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    RamOptions shared = { .share = true };
    RamBlock *two = ram_block_new("two", 4096, &shared, &error);
    g_assert_no_error(error);
    g_assert_cmpint(two->fd, >=, 0);
    ram_block_free(two);
    ram_block_free(block);
}

/* The host can use huge pages for it; the ends are there. */
static void test_huge_blocks(void)
{
    static const RamOptions options[] = { { 0 }, { .share = true } };

    for (unsigned i = 0; i < G_N_ELEMENTS(options); i++) {
        GError *error = NULL;
        RamBlock *block = ram_block_new("huge", HUGE_PAGE_SIZE + 8192, &options[i], &error);
        g_assert_no_error(error);
        g_assert_cmpuint((uintptr_t)block->host % HUGE_PAGE_SIZE, ==, 0);
        block->host[0] = block->host[block->size - 1] = 1;
        ram_block_free(block);
    }
}

/* A file whose pages are larger than those, as of a hugetlbfs, takes only multiples of its own. */
static void test_larger_pages(void)
{
    const size_t page = 16 * HUGE_PAGE_SIZE;

    for (unsigned i = 0; i < 4; i++) {
        uint8_t *pages = pages_map(page, page, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
        g_assert_true(pages != MAP_FAILED);
        g_assert_cmpuint((uintptr_t)pages % page, ==, 0);
        pages[0] = pages[page - 1] = 1;
        g_assert_cmpint(munmap(pages, page), ==, 0);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    machine_lock();
    g_test_add_func("/memory/priorities", test_priorities);
    g_test_add_func("/memory/alias", test_alias);
    g_test_add_func("/memory/top-of-space", test_top_of_space);
    g_test_add_func("/memory/shared-views", test_shared_views);
    g_test_add_func("/memory/access-sizes", test_access_sizes);
    g_test_add_func("/memory/endianness", test_endianness);
    g_test_add_func("/memory/reentry", test_reentry);
    g_test_add_func("/memory/rom", test_rom);
    g_test_add_func("/memory/iommu", test_iommu);
    g_test_add_func("/memory/listener", test_listener);
    g_test_add_func("/memory/random-trees", test_random_trees);
    g_test_add_func("/memory/dirty-log", test_dirty_log);
    g_test_add_func("/memory/mapping", test_mapping);
    g_test_add_func("/memory/blocks", test_blocks);
    g_test_add_func("/memory/huge-blocks", test_huge_blocks);
    g_test_add_func("/memory/larger-pages", test_larger_pages);
    return g_test_run();
}
