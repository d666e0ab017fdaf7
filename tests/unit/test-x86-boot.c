/* SPDX-License-Identifier: MIT */
/* Starting a kernel of any kind: the memory map, CPUs, memory types, loading; hostile kernels. */
#include <string.h>

#include "base/lock.h"
#include "memory/space.h"
#include "tests/unit/boot-kernels.h"

static void test_map_bad(void)
{
    static const BootE820 unsorted[] = { { MIB, MIB, 1 }, { 0, 0x1000, 1 } };
    static const BootE820 wrapped[] = { { MIB, UINT64_MAX, 1 } };
    g_autofree BootE820 *many = g_new0(BootE820, BOOT_E820_MAX + 1);
    g_autoptr(GByteArray) kernel = make_linux();
    BootRequest request = request_of(kernel);

    request.e820 = unsorted;
    request.e820_count = 2;
    assert_refused(&request, "not sorted");
    request.e820 = wrapped;
    request.e820_count = 1;
    assert_refused(&request, "not sorted");
    request.e820 = many;
    request.e820_count = BOOT_E820_MAX + 1;
    assert_refused(&request, "a kernel takes 128");
    request.e820_count = 0;
    assert_refused(&request, "does not fit in RAM");
}

static void test_apply(void)
{
    g_autoptr(GByteArray) kernel = make_linux();
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = plan_of(&request);
    X86CpuDefinition cpu = { .family = 6, .phys_bits = 40 };
    X86CpuSupport support = { .name = "test" };
    X86CpuState *s = x86_cpu_state_new(&cpu, &support, true);
    X86CpuState *other = x86_cpu_state_new(&cpu, &support, false);

    boot_plan_apply(plan, s);
    boot_plan_apply(plan, other);
    g_assert_true(x86_cpu_in_64bit_code(s));
    g_assert_cmphex(s->rip, ==, 0x1000200);
    g_assert_cmphex(s->cr0, ==, 0x80000011);
    g_assert_cmphex(s->cr4, ==, 0x20);
    g_assert_cmphex(s->efer, ==, 0x500);
    g_assert_cmphex(s->cr3, ==, plan->cr3);
    g_assert_cmphex(s->segment[X86_CS].attributes, ==, 0xa09b);
    g_assert_cmphex(s->segment[X86_SS].attributes, ==, 0xc093);
    g_assert_cmphex(s->rflags, ==, 2);
    g_assert_cmphex(x86_cpu_msr_value(s, 0x2ff), ==, 0xc06);
    g_assert_cmphex(x86_cpu_msr_value(other, 0x2ff), ==, 0xc06);
    g_assert_cmpuint(other->mp_state, ==, X86_MP_WAIT_SIPI);
    g_assert_cmphex(other->rip, ==, 0xfff0);
    x86_cpu_state_free(s);
    x86_cpu_state_free(other);
}

/* The memory types of every CPU, by where RAM ends. */
static void test_memory_types(void)
{
    static const struct {
        uint64_t ram_end;
        uint64_t ranges[3][2];   /* base and mask */
    } rows[] = {
        { 0x10000000, { { 0xe0000000, 0xffe0000800 } } },
        { 0xe0000000, { { 0xe0000000, 0xffe0000800 } } },
        { 0xf0000000, { { 0xf0000000, 0xfff0000800 } } },
        { 0xe8000000, { { 0xe8000000, 0xfff8000800 }, { 0xf0000000, 0xfff0000800 } } },
        { 0xfd100001, { { 0xfe000000, 0xfffe000800 } } },
        { 0x200000000, { { 0 } } },
    };
    g_autoptr(GByteArray) kernel = make_linux();
    BootRequest request = request_of(kernel);
    X86CpuDefinition cpu = { .family = 6, .phys_bits = 40 };
    X86CpuSupport support = { .name = "test" };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        BootE820 ram = { 0, rows[i].ram_end, BOOT_E820_RAM };
        X86CpuState *s = x86_cpu_state_new(&cpu, &support, i % 2);
        g_autoptr(BootPlan) plan = NULL;

        request.e820 = &ram;
        request.e820_count = 1;
        plan = plan_of(&request);
        boot_plan_apply(plan, s);
        for (unsigned n = 0; n < 3; n++) {
            g_assert_cmphex(x86_cpu_msr_value(s, 0x200 + 2 * n), ==, rows[i].ranges[n][0]);
            g_assert_cmphex(x86_cpu_msr_value(s, 0x201 + 2 * n), ==, rows[i].ranges[n][1]);
        }
        g_assert_cmphex(x86_cpu_msr_value(s, 0x250), ==, 0x0606060606060606);
        g_assert_cmphex(x86_cpu_msr_value(s, 0x258), ==, 0x0606060606060606);
        g_assert_cmphex(x86_cpu_msr_value(s, 0x259), ==, 0);
        g_assert_cmphex(x86_cpu_msr_value(s, 0x26f), ==, 0x0505050505050505);
        x86_cpu_state_free(s);
    }
}

/* RAM of 64 MiB, with a hole where the e820 map of the request says there is none. */
static void test_load(void)
{
    g_autoptr(GByteArray) kernel = make_pvh(true);
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = plan_of(&request);
    g_autoptr(GError) error = NULL;
    RamBlock *block = ram_block_new("test.ram", 64 * MIB, NULL, &error);
    MemoryRegion *root, *ram;
    AddressSpace *space;
    char text[14];
    uint32_t magic;
    uint8_t byte = 0xaa;

    g_assert_no_error(error);
    machine_lock();
    root = region_new_container(NULL, "root", REGION_SIZE_ALL);
    ram = region_new_ram(NULL, "ram", block);
    region_add(root, 0, ram, 0);
    space = address_space_new("test", root, 0xff);
    block->host[0x1000800] = byte;
    g_assert_true(boot_plan_load(plan, space, true, &error));
    g_assert_true(address_space_read_debug(space, plan->command_line_address, text, 14));
    g_assert_cmpstr(text, ==, "console=ttyS0");
    g_assert_true(address_space_read_debug(space, plan->info_address, &magic, 4));
    g_assert_cmphex(GUINT32_FROM_LE(magic), ==, 0x336ec578);
    g_assert_cmpmem(block->host + 0x1000000, 4, "code", 4);
    g_assert_cmphex(block->host[0x1000800], ==, 0xaa);
    g_assert_true(boot_plan_load(plan, space, false, &error));
    g_assert_cmphex(block->host[0x1000800], ==, 0);
    g_assert_cmphex(block->host[0x1005000], ==, 0);

    region_remove(ram);
    g_assert_false(boot_plan_load(plan, space, false, &error));
    g_assert_nonnull(strstr(error->message, "no RAM for its"));
    address_space_free(space);
    region_free(ram);
    region_free(root);
    ram_block_free(block);
    machine_unlock();
}

/* ---- hostility ---- */

/* Whatever is cut off, parsing ends in an answer. */
static void test_truncated(void)
{
    GByteArray *kernels[] = { make_linux(), make_pvh(true), make_pvh(false),
                              make_multiboot(0x10007) };

    for (size_t i = 0; i < G_N_ELEMENTS(kernels); i++) {
        for (size_t size = 0; size < MIN(kernels[i]->len, 2048); size++) {
            /* A copy of just that size, so that a sanitizer sees a read behind it. */
            g_autofree uint8_t *copy = g_memdup2(kernels[i]->data, size);
            g_autoptr(GError) error = NULL;
            BootImage image;

            if (!boot_parse(copy, size, &image, &error)) {
                g_assert_nonnull(error);
            }
        }
        g_byte_array_unref(kernels[i]);
    }
}

/* Damage at random, always the same. A plan that comes of it stays inside RAM. */
static void test_mutated(void)
{
    GByteArray *kernels[] = { make_linux(), make_pvh(true), make_pvh(false),
                              make_multiboot(0x10007) };
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    static const uint8_t extremes[] = { 0, 1, 0x7f, 0x80, 0xff };

    for (unsigned round = 0; round < 8000; round++) {
        const GByteArray *original = kernels[round % G_N_ELEMENTS(kernels)];
        g_autofree uint8_t *copy = g_memdup2(original->data, original->len);
        BootRequest request = request_of(original);
        g_autoptr(BootPlan) plan = NULL;
        g_autoptr(GError) error = NULL;

        request.kernel = copy;
        for (int n = g_rand_int_range(rand, 1, 8); n > 0; n--) {
            size_t low = round % 4 == 0 ? 0x1f1 : 0, high = round % 4 == 0 ? 0x270 : 0x100;

            copy[g_rand_int_range(rand, low, MIN(high, original->len))] =
                g_rand_boolean(rand) ? extremes[g_rand_int_range(rand, 0, 5)]
                                     : g_rand_int(rand);
        }
        plan = boot_plan_new(&request, &error);
        g_assert_true((plan != NULL) == (error == NULL));
        for (guint i = 0; plan && i < plan->segments->len; i++) {
            const BootSegment *s = &g_array_index(plan->segments, BootSegment, i);

            g_assert_cmphex(s->address + s->size + s->zero, <=, 4160 * MIB);
            g_assert_cmphex(s->address + s->size + s->zero, >, s->address);
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kernels); i++) {
        g_byte_array_unref(kernels[i]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86/boot/map", test_map_bad);
    g_test_add_func("/x86/boot/apply", test_apply);
    g_test_add_func("/x86/boot/memory-types", test_memory_types);
    g_test_add_func("/x86/boot/load", test_load);
    g_test_add_func("/x86/boot/truncated", test_truncated);
    g_test_add_func("/x86/boot/mutated", test_mutated);
    return g_test_run();
}
