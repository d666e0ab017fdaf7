/* SPDX-License-Identifier: MIT */
/*
 * The dirty log as migration uses it, on a real KVM: a guest writes a pattern over
 * its memory all the time, the memory map changes under it, and a copy is kept by
 * the log alone. In the end the copy has to be the memory.
 *
 * $ROUNDS: how many changes of the map (more in the lab).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/kvm/bench.h"

#define FIRST 0x100000u
#define END   0x700000u     /* what lies above is shown through aliases */
#define PAGES (BENCH_RAM >> RAM_PAGE_BITS)

static const char *skip;
static uint8_t *copy;

/* ---- the guest ---- */

static const uint8_t code[] = {
    0x0f, 0x01, 0x16, 0x10, 0x20,              /* lgdt [0x2010] */
    0x0f, 0x20, 0xc0, 0x0c, 0x01,              /* mov eax, cr0; or al, 1 */
    0x0f, 0x22, 0xc0,                          /* mov cr0, eax */
    0xea, 0x12, 0x10, 0x08, 0x00,              /* jmp 8:0x1012 */
    0x66, 0xb8, 0x10, 0x00, 0x8e, 0xd8,        /* mov ax, 16; mov ds, ax */
    0x31, 0xed,                                /* xor ebp, ebp */
    0x45,                                      /* pass: inc ebp */
    0xbf, 0x00, 0x00, 0x10, 0x00,              /* mov edi, 0x100000 */
    0x89, 0x2f,                                /* page: mov [edi], ebp */
    0x89, 0xaf, 0x04, 0x08, 0x00, 0x00,        /* mov [edi+0x804], ebp */
    0x81, 0xc7, 0x00, 0x10, 0x00, 0x00,        /* add edi, 0x1000 */
    0x81, 0xff, 0x00, 0x00, 0x70, 0x00,        /* cmp edi, 0x700000 */
    0x72, 0xea,                                /* jb page */
    0x89, 0x2d, 0x00, 0x40, 0x00, 0x00,        /* mov [0x4000], ebp */
    0xeb, 0xdc,                                /* jmp pass */
};

static const uint8_t descriptors[] = {
    0x17, 0x00, 0x18, 0x20, 0, 0, 0, 0,        /* limit 23, base 0x2018 */
    0, 0, 0, 0, 0, 0, 0, 0,
    0xff, 0xff, 0, 0, 0, 0x9b, 0xcf, 0,        /* flat 32-bit code */
    0xff, 0xff, 0, 0, 0, 0x93, 0xcf, 0,        /* and data */
};

static void load(void)
{
    static const uint8_t jump[] = { 0xea, 0x00, 0x10, 0x00, 0x00 };  /* jmp 0:0x1000 */

    memcpy(bench.rom->host + BENCH_ROM - 16, jump, sizeof(jump));
    memcpy(bench.ram->host + 0x1000, code, sizeof(code));
    memcpy(bench.ram->host + 0x2010, descriptors, sizeof(descriptors));
}

static uint32_t passes(void)
{
    uint32_t value;

    memcpy(&value, bench.ram->host + 0x4000, 4);
    return value;
}

/* ---- the copy ---- */

static unsigned copy_dirty(void)
{
    uint64_t bitmap[PAGES / 64] = { 0 }, next;
    unsigned copied = 0;

    dirty_log_sync(bench.ram, 0, BENCH_RAM);
    dirty_log_take(bench.ram, DIRTY_MIGRATION, 0, BENCH_RAM, UINT64_MAX, bitmap, &next);
    dirty_log_clear(bench.ram, 0, BENCH_RAM);
    for (unsigned page = 0; page < PAGES; page++) {
        if (bitmap[page / 64] >> page % 64 & 1) {
            memcpy(copy + page * 4096, bench.ram->host + page * 4096, 4096);
            copied++;
        }
    }
    return copied;
}

static void check_copy(void)
{
    for (unsigned page = 0; page < PAGES; page++) {
        if (memcmp(copy + page * 4096, bench.ram->host + page * 4096, 4096) != 0) {
            g_error("page 0x%x was written and nobody was told", page);
        }
    }
}

/* ---- changes of the map ---- */

static MemoryRegion *change_of(unsigned round)
{
    static const RegionOps nothing = { 0 };
    uint64_t at = FIRST + (round * 7 % 64) * 0x10000, size = 0x1000ull << round % 5;
    MemoryRegion *region;

    switch (round % 3) {
    case 0:
        region = region_new_io(NULL, "hole", &nothing, NULL, size);
        break;
    case 1:
        region = region_new_alias(NULL, "elsewhere", bench.ram_region, END, size);
        break;
    default:
        region = region_new_alias(NULL, "read-only", bench.ram_region, at, size);
        region_set_readonly(region, true);
        break;
    }
    region_add(address_space_root(machine_memory()), at, region, 1);
    return region;
}

/* ---- a kernel without manual protection ---- */

static KvmOps older_kernel;

static int older_ioctl(int fd, unsigned long request, void *argument)
{
    if (request == KVM_CHECK_EXTENSION &&
        (unsigned long)argument == KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) {
        return 0;
    }
    return kvm_kernel_ops.ioctl(fd, request, argument);
}

static void test_copy(const void *data)
{
    const char *options = data;
    unsigned rounds = g_getenv("ROUNDS") ? atoi(g_getenv("ROUNDS")) : 30, copied = 0;
    GError *error = NULL;
    bool ok;

    if (skip) {
        g_test_skip(skip);
        return;
    }
    older_kernel = kvm_kernel_ops;
    older_kernel.ioctl = older_ioctl;
    kvm_ops = strstr(options, "device=/dev/kvm") ? &older_kernel : &kvm_kernel_ops;
    ok = bench_start(options, "max,check=off", 2, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    load();
    copy = g_malloc0(BENCH_RAM);
    dirty_log_global_start(DIRTY_MIGRATION);
    machine_start();
    for (unsigned i = 0; i < rounds; i++) {
        MemoryRegion *change = change_of(i);
        bench_wait(1);
        copied += copy_dirty();
        region_free(change);
        bench_wait(1);
        if (i % 4 == 3) {
            machine_stop(RUN_STATE_PAUSED);
            copied += copy_dirty();
            check_copy();
            machine_start();
        }
    }
    for (unsigned i = 0; i < 20000 && passes() < 2; i++) {
        bench_wait(1);
    }
    machine_stop(RUN_STATE_PAUSED);
    copied += copy_dirty();
    check_copy();
    g_assert_cmpuint(passes(), >=, 2);
    g_test_message("%s: %u passes, %u pages copied", options, passes(), copied);
    dirty_log_global_stop(DIRTY_MIGRATION);
    bench_stop();
    g_clear_pointer(&copy, g_free);
    kvm_ops = &kvm_kernel_ops;
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bench_init();
    if (access("/dev/kvm", R_OK | W_OK) < 0) {
        skip = "no /dev/kvm that can be opened";
        g_printerr("# SKIPPED: %s\n", skip);
    }
    g_test_add_data_func("/kvm-dirty/manual", "kvm", test_copy);
    g_test_add_data_func("/kvm-dirty/bitmap", "kvm,device=/dev/kvm", test_copy);
    g_test_add_data_func("/kvm-dirty/ring", "kvm,dirty-ring-size=65536", test_copy);
    return g_test_run();
}
