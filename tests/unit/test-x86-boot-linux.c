/* SPDX-License-Identifier: MIT */
/* Kernels by Linux's boot protocol. */
#include <string.h>

#include "tests/unit/boot-kernels.h"

static void test_linux_parse(void)
{
    g_autoptr(GByteArray) kernel = make_linux();
    g_autoptr(GError) error = NULL;
    BootImage image;

    g_assert_true(boot_parse(kernel->data, kernel->len, &image, &error));
    g_assert_cmpint(image.format, ==, BOOT_LINUX);
    g_assert_cmphex(image.linux_image.protocol, ==, 0x20f);
    g_assert_cmpuint(image.linux_image.setup_size, ==, 1536);
    g_assert_cmpuint(image.linux_image.kernel_size, ==, 65536);
    g_assert_true(image.linux_image.loaded_high && image.linux_image.relocatable);
    g_assert_true(image.linux_image.entry_64 && image.linux_image.above_4g);
    g_assert_cmphex(image.linux_image.preferred, ==, 0x1000000);
    g_assert_cmphex(image.linux_image.init_size, ==, 0x2000000);
    g_assert_cmpuint(image.linux_image.command_line_max, ==, 2047);
    g_assert_cmpstr(image.linux_image.version, ==, "6.1.0-test (x@y)");
}

static void test_linux_64(void)
{
    g_autoptr(GByteArray) kernel = make_linux();
    static const uint8_t initrd[5000] = { 7 }, seed[32] = { 1, 2, 3 };
    BootModule module = { initrd, sizeof(initrd), NULL };
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = NULL;
    const BootSegment *s;
    g_autoptr(GString) text = g_string_new(NULL);

    request.modules = &module;
    request.module_count = 1;
    request.rng_seed = seed;
    request.rng_seed_size = sizeof(seed);
    plan = plan_of(&request);
    g_assert_cmpint(plan->entry, ==, BOOT_ENTRY_LONG64);
    g_assert_cmphex(plan->rip, ==, 0x1000200);
    g_assert_cmphex(plan->gpr[X86_RSI], ==, plan->info_address);
    s = segment(plan, "kernel");
    g_assert_cmphex(s->address, ==, 0x1000000);
    g_assert_cmpuint(s->size, ==, 65536);
    s = segment(plan, "initrd");
    g_assert_cmphex(s->address, ==, 256 * MIB - 0x20000 - 0x2000);
    g_assert_cmpmem(s->data, s->size, initrd, sizeof(initrd));
    s = segment(plan, "command line");
    g_assert_cmpmem(s->data, s->size, "console=ttyS0", 14);

    s = segment(plan, "zero page");
    g_assert_cmpuint(s->size, ==, 4096);
    g_assert_cmphex(load_le(s->data + 0x1fe, 2), ==, 0xaa55);
    g_assert_cmphex(load_le(s->data + 0x202, 4), ==, 0x53726448);
    g_assert_cmphex(s->data[0x210], ==, 0xff);
    g_assert_cmphex(load_le(s->data + 0x218, 4), ==, plan->initrd_address);
    g_assert_cmpuint(load_le(s->data + 0x21c, 4), ==, 5000);
    g_assert_cmphex(load_le(s->data + 0x228, 4), ==, plan->command_line_address);
    g_assert_cmphex(load_le(s->data + 0x70, 8), ==, 0xf5a20);
    g_assert_cmpuint(s->data[0x1e8], ==, G_N_ELEMENTS(map_256m));
    g_assert_cmphex(load_le(s->data + 0x2d0 + 3 * 20, 8), ==, MIB);
    g_assert_cmphex(load_le(s->data + 0x2d0 + 3 * 20 + 8, 8), ==, 255 * MIB - 0x20000);
    g_assert_cmpuint(load_le(s->data + 0x2d0 + 3 * 20 + 16, 4), ==, 1);
    g_assert_cmpuint(load_le(s->data + 0x1e0, 4), ==, (255 * MIB - 0x20000) >> 10);
    g_assert_cmphex(load_le(s->data + 0x250, 8), ==, segment(plan, "random seed")->address);
    s = segment(plan, "random seed");
    g_assert_cmpuint(load_le(s->data + 8, 4), ==, 9);
    g_assert_cmpuint(load_le(s->data + 12, 4), ==, 32);

    s = segment(plan, "page tables");
    g_assert_cmphex(plan->cr3, ==, s->address);
    g_assert_cmphex(load_le(s->data, 8), ==, (s->address + 0x1000) | 3);
    g_assert_cmphex(load_le(s->data + 0x1018, 8), ==, (s->address + 0x5000) | 3);
    g_assert_cmphex(load_le(s->data + 0x5ff8, 8), ==, 0xffe00000 | 0x83);
    s = segment(plan, "GDT");
    g_assert_cmphex(load_le(s->data + 0x10, 8), ==, 0x00af9b000000ffff);
    g_assert_cmphex(load_le(s->data + 0x18, 8), ==, 0x00cf93000000ffff);
    boot_plan_print(plan, text);
    g_assert_nonnull(strstr(text->str, "Linux bzImage, 64-bit entry at 0x1000200"));
}

static void test_linux_32(void)
{
    g_autoptr(GByteArray) kernel = make_linux();
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = NULL;

    request.long_mode = false;
    plan = plan_of(&request);
    g_assert_cmpint(plan->entry, ==, BOOT_ENTRY_PROT32);
    g_assert_cmphex(plan->rip, ==, 0x1000000);
    g_assert_cmphex(plan->cr3, ==, 0);
    g_assert_cmphex(load_le(segment(plan, "GDT")->data + 0x10, 8), ==, 0x00cf9b000000ffff);
    request.entry = BOOT_ENTRY_LONG64;
    assert_refused(&request, "no 64-bit mode");
    request.long_mode = true;
    put(kernel, 0x236, 0, 2);
    assert_refused(&request, "the kernel has none");
}

/* It prefers 16 MiB, and the machine has a hole there. */
static void test_linux_moves(void)
{
    static const BootE820 hole[] = {
        { 0, 0x9fc00, BOOT_E820_RAM },
        { MIB, 4 * MIB, BOOT_E820_RAM },
        { 33 * MIB + 0x1000, 95 * MIB, BOOT_E820_RAM },
    };
    g_autoptr(GByteArray) kernel = make_linux();
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = NULL;

    request.e820 = hole;
    request.e820_count = G_N_ELEMENTS(hole);
    plan = plan_of(&request);
    g_assert_cmphex(plan->kernel_address, ==, 34 * MIB);
    put(kernel, 0x234, 0, 1);
    assert_refused(&request, "needs 32 MiB of RAM from 0x1000000");
    put(kernel, 0x234, 1, 1);
    request.e820_count = 2;
    assert_refused(&request, "needs 32 MiB");
}

static void test_linux_initrd_places(void)
{
    g_autoptr(GByteArray) kernel = make_linux();
    g_autofree uint8_t *data = g_malloc0(64 * MIB);
    BootModule modules[2] = { { data, 5000, NULL }, { data, 1, NULL } };
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = NULL;

    request.modules = modules;
    request.module_count = 1;
    put(kernel, 0x22c, 0x5ffffff, 4); /* initrd_addr_max */
    plan = plan_of(&request);
    g_assert_cmphex(plan->initrd_address, ==, 0x6000000 - 0x2000);
    g_clear_pointer(&plan, boot_plan_free);

    modules[0].size = 60 * MIB; /* only above 4 GiB */
    plan = plan_of(&request);
    g_assert_cmphex(plan->initrd_address, ==, 4100 * MIB);
    g_assert_cmphex(load_le(segment(plan, "zero page")->data + 0xc0, 4), ==, 1);
    g_clear_pointer(&plan, boot_plan_free);

    put(kernel, 0x236, 1, 2);
    assert_refused(&request, "initrd of 62914560 bytes does not fit");
    request.module_count = 2;
    assert_refused(&request, "one initrd");
    request.module_count = 1;
    modules[0].size = 0;
    plan = plan_of(&request);
    g_assert_cmphex(plan->initrd_address, ==, 0);
}

static void test_linux_old(void)
{
    g_autoptr(GByteArray) kernel = make_linux();
    BootRequest request = request_of(kernel);
    g_autofree char *longer = g_strnfill(256, 'x');
    g_autoptr(BootPlan) plan = NULL;

    put(kernel, 0x206, 0x0201, 2);
    plan = plan_of(&request);
    g_assert_cmphex(plan->kernel_address, ==, MIB);
    g_assert_cmpint(plan->entry, ==, BOOT_ENTRY_PROT32);
    g_assert_cmphex(load_le(segment(plan, "zero page")->data + 0x20, 2), ==, 0xa33f);
    request.command_line = longer;
    assert_refused(&request, "256 characters, and it takes 255");
    put(kernel, 0x206, 0x0101, 2);
    assert_refused(&request, "boot protocol 1.01");
    put(kernel, 0x206, 0x020f, 2);
    put(kernel, 0x211, 0, 1);
    assert_refused(&request, "zImage");
    put(kernel, 0x211, 1, 1);
    put(kernel, 0x214, 0, 4);
    assert_refused(&request, "no entry in protected mode");
}

static void test_linux_bad(void)
{
    static const struct {
        unsigned at, size;
        uint64_t value;
        const char *message;
    } cases[] = {
        { 0x1f1, 1, 255, "cut short" },
        { 0x1f4, 4, 0xffffffff, "cut short" },
        { 0x230, 4, 0x300000, "no power of two" },
        { 0x258, 8, 0, "pref_address" },
        { 0x258, 8, UINT64_MAX, "pref_address" },
        { 0x260, 4, 0xffffffff, "needs 4096 MiB of RAM" },
        { 0x201, 1, 0x10, "pref_address" }, /* a header that ends early */
        { 0x1fe, 2, 0, "not a kernel" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) kernel = make_linux();
        BootRequest request = request_of(kernel);

        put(kernel, cases[i].at, cases[i].value, cases[i].size);
        assert_refused(&request, cases[i].message);
    }
}

static void test_split(void)
{
    g_autoptr(GByteArray) kernel = make_linux();
    static const uint8_t initrd[5000] = { 7 };
    BootModule module = { initrd, sizeof(initrd), NULL };
    BootRequest request = request_of(kernel);
    g_autoptr(GError) error = NULL;
    BootSplit split;

    request.modules = &module;
    request.module_count = 1;
    g_assert_true(boot_split_linux(&request, &split, &error));
    g_assert_cmpuint(split.setup_size, ==, 1536);
    g_assert_cmphex(split.setup_address, ==, 0x10000);
    g_assert_true(split.kernel == kernel->data + 1536);
    g_assert_cmphex(split.kernel_address, ==, MIB);
    g_assert_cmpuint(split.command_line_size, ==, 14);
    g_assert_cmphex(split.setup[0x210], ==, 0xff);
    g_assert_cmphex(split.setup[0x211], ==, 0x81);
    g_assert_cmphex(load_le(split.setup + 0x218, 4), ==, split.initrd_address);
    g_assert_cmphex(load_le(split.setup + 0x228, 4), ==, 0x20000);
    g_assert_cmphex(load_le(split.setup + 0x224, 2), ==, 0xfe00);
    g_assert_cmphex(kernel->data[0x211], ==, 1);
    g_free(split.setup);
    request.kernel_size = 1000;
    g_assert_false(boot_split_linux(&request, &split, &error));
    g_assert_nonnull(error);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/x86/boot/linux/parse", test_linux_parse);
    g_test_add_func("/x86/boot/linux/64", test_linux_64);
    g_test_add_func("/x86/boot/linux/32", test_linux_32);
    g_test_add_func("/x86/boot/linux/moves", test_linux_moves);
    g_test_add_func("/x86/boot/linux/initrd", test_linux_initrd_places);
    g_test_add_func("/x86/boot/linux/old", test_linux_old);
    g_test_add_func("/x86/boot/linux/bad", test_linux_bad);
    g_test_add_func("/x86/boot/linux/split", test_split);
    return g_test_run();
}
