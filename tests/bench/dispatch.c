/* SPDX-License-Identifier: MIT */
/*
 * Nanoseconds of the core's own work, in process: finding a region among many,
 * an access to RAM and to an I/O region through an address space, and a change
 * of the map. The bare floor is the device's function called directly.
 *
 * Prints lines of "NAME NANOSECONDS", medians of several runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/lock.h"
#include "memory/space.h"

#define RUNS 9
#define OPERATIONS 200000
#define REGION_SIZE 0x1000u

static uint64_t registers[16];

static MemoryResult device_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                MemoryAttrs attrs)
{
    *value = registers[offset / 8 % 16];
    return MEMORY_OK;
}

static MemoryResult device_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                 MemoryAttrs attrs)
{
    registers[offset / 8 % 16] = value;
    return MEMORY_OK;
}

static const RegionOps ops = { .read = device_read, .write = device_write };

typedef struct Bench {
    MemoryRegion *root;
    MemoryRegion **regions;
    unsigned count;
    AddressSpace *space;
    uint64_t *addresses;     /* in a random order, so that no branch learns them */
} Bench;

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void measure(const char *name, unsigned count, void (*work)(Bench *, unsigned),
                    Bench *bench, unsigned operations)
{
    double runs[RUNS];

    for (unsigned run = 0; run < RUNS; run++) {
        double start = now();
        work(bench, operations);
        runs[run] = (now() - start) / operations;
    }
    qsort(runs, RUNS, sizeof(runs[0]), compare);
    printf("%s-%u %.1f\n", name, count, runs[RUNS / 2]);
}

static void work_direct(Bench *bench, unsigned operations)
{
    /* Through a pointer the compiler cannot see through, as any device is called. */
    MemoryResult (*volatile read)(void *, uint64_t, unsigned, uint64_t *, MemoryAttrs) =
        device_read;
    uint64_t value;

    for (unsigned i = 0; i < operations; i++) {
        read(NULL, i % 64 & ~7u, 4, &value, MEMORY_ATTRS_NONE);
    }
}

static void work_find(Bench *bench, unsigned operations)
{
    FlatRange range;

    for (unsigned i = 0; i < operations; i++) {
        address_space_find(bench->space, bench->addresses[i % 1024], &range);
    }
}

static void work_read(Bench *bench, unsigned operations)
{
    uint64_t value;

    for (unsigned i = 0; i < operations; i++) {
        address_space_load(bench->space, bench->addresses[i % 1024], 4, ENDIAN_LITTLE,
                           MEMORY_ATTRS_NONE, &value);
    }
}

static void work_change(Bench *bench, unsigned operations)
{
    for (unsigned i = 0; i < operations; i++) {
        MemoryRegion *region = bench->regions[i / 2 % bench->count];
        region_set_enabled(region, i % 2);
    }
}

static void bench_regions(unsigned count)
{
    Bench bench = { .count = count };

    bench.root = region_new_container(NULL, "root", REGION_SIZE_ALL);
    bench.space = address_space_new("bench", bench.root, 0xff);
    bench.regions = g_new(MemoryRegion *, count);
    memory_transaction_begin();
    for (unsigned i = 0; i < count; i++) {
        bench.regions[i] = region_new_io(NULL, "region", &ops, NULL, REGION_SIZE);
        region_add(bench.root, 0xe0000000 + (uint64_t)i * 2 * REGION_SIZE, bench.regions[i], 0);
    }
    memory_transaction_commit();
    bench.addresses = g_new(uint64_t, 1024);
    srand(1);
    for (unsigned i = 0; i < 1024; i++) {
        bench.addresses[i] = 0xe0000000 + (uint64_t)(rand() % count) * 2 * REGION_SIZE +
                             rand() % (REGION_SIZE / 8) * 8;
    }
    measure("find", count, work_find, &bench, OPERATIONS);
    measure("read", count, work_read, &bench, OPERATIONS);
    measure("change", count, work_change, &bench, 2000);
    for (unsigned i = 0; i < count; i++) {
        region_free(bench.regions[i]);
    }
    address_space_free(bench.space);
    region_free(bench.root);
    g_free(bench.regions);
    g_free(bench.addresses);
}

int main(void)
{
    static const unsigned counts[] = { 1, 30, 1000 };

    machine_lock();
    measure("direct", 1, work_direct, NULL, OPERATIONS);
    for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
        bench_regions(counts[i]);
    }
    return 0;
}
