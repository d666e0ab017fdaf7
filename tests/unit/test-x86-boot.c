/* SPDX-License-Identifier: MIT */
/* Kernels: good ones and hostile ones, made here. */
#include <string.h>

#include "arch/x86/boot.h"
#include "base/bits.h"
#include "base/lock.h"
#include "memory/space.h"

#define MIB (1ull << 20)

static const BootE820 map_256m[] = {
    { 0, 0x9fc00, BOOT_E820_RAM },
    { 0x9fc00, 0x400, BOOT_E820_RESERVED },
    { 0xf0000, 0x10000, BOOT_E820_RESERVED },
    { MIB, 255 * MIB - 0x20000, BOOT_E820_RAM },
    { 256 * MIB - 0x20000, 0x20000, BOOT_E820_ACPI },
    { 0xfffc0000, 0x40000, BOOT_E820_RESERVED },
    { 4096 * MIB, 64 * MIB, BOOT_E820_RAM },
};

static BootRequest request_of(const GByteArray *kernel)
{
    return (BootRequest){
        .kernel = kernel->data, .kernel_size = kernel->len, .kernel_name = "test",
        .command_line = "console=ttyS0", .e820 = map_256m,
        .e820_count = G_N_ELEMENTS(map_256m), .long_mode = true, .rsdp = 0xf5a20,
    };
}

/* ---- makers ---- */

static GByteArray *bytes_new(size_t size)
{
    GByteArray *b = g_byte_array_new();

    g_byte_array_set_size(b, size);
    memset(b->data, 0, size);
    return b;
}

static void put(GByteArray *b, size_t at, uint64_t value, unsigned size)
{
    g_assert_cmpuint(at + size, <=, b->len);
    store_le(b->data + at, value, size);
}

/* Two sectors of setup code and 64 KiB of kernel, 2.15. */
static GByteArray *make_linux(void)
{
    GByteArray *b = bytes_new(3 * 512 + 65536);

    memset(b->data + 1536, 0x90, 65536);
    put(b, 0x1f1, 2, 1);
    put(b, 0x1f4, 65536 / 16, 4);
    put(b, 0x1fe, 0xaa55, 2);
    put(b, 0x200, 0x6aeb, 2);
    put(b, 0x202, 0x53726448, 4);
    put(b, 0x206, 0x020f, 2);
    put(b, 0x20e, 0x300, 2);
    put(b, 0x211, 1, 1);
    put(b, 0x214, 0x100000, 4);
    put(b, 0x22c, 0x7fffffff, 4);
    put(b, 0x230, 0x200000, 4);
    put(b, 0x234, 1, 1);
    put(b, 0x236, 0x3f, 2);
    put(b, 0x238, 2047, 4);
    put(b, 0x258, 0x1000000, 8);
    put(b, 0x260, 0x2000000, 4);
    memcpy(b->data + 0x500, "6.1.0-test (x@y)", 17);
    return b;
}

typedef struct ElfPart {
    uint32_t type;
    uint64_t address, memory_size;
    const void *data;
    size_t size;
} ElfPart;

static GByteArray *make_elf(bool is_64, uint64_t entry, const ElfPart *parts, unsigned count)
{
    unsigned header = is_64 ? 64 : 52, each = is_64 ? 56 : 32;
    GByteArray *b = bytes_new(header + each * count);

    memcpy(b->data, "\177ELF", 4);
    put(b, 4, is_64 ? 2 : 1, 1);
    put(b, 5, 1, 1);
    put(b, 6, 1, 1);
    put(b, 16, 2, 2);
    put(b, 18, is_64 ? 62 : 3, 2);
    put(b, 24, entry, is_64 ? 8 : 4);
    put(b, is_64 ? 32 : 28, header, is_64 ? 8 : 4);
    put(b, is_64 ? 54 : 42, each, 2);
    put(b, is_64 ? 56 : 44, count, 2);
    for (unsigned i = 0; i < count; i++) {
        size_t at = header + each * i, data = b->len;
        unsigned wide = is_64 ? 8 : 4;

        g_byte_array_append(b, parts[i].data, parts[i].size);
        put(b, at, parts[i].type, 4);
        put(b, at + (is_64 ? 8 : 4), data, wide);
        put(b, at + (is_64 ? 24 : 12), parts[i].address, wide);
        put(b, at + (is_64 ? 32 : 16), parts[i].size, wide);
        put(b, at + (is_64 ? 40 : 20), parts[i].memory_size, wide);
    }
    return b;
}

static const uint32_t pvh_note[] = { 4, 4, 18, 0x006e6558, 0x1000120 };

static GByteArray *make_pvh(bool is_64)
{
    static const char code[256] = "code";
    const ElfPart parts[] = {
        { 1, 0x1000000, 0x3000, code, sizeof(code) },
        { 4, 0, 0, pvh_note, sizeof(pvh_note) },
        { 1, 0x1004000, 0x1000, code, 16 },
    };

    return make_elf(is_64, 0x1000000, parts, G_N_ELEMENTS(parts));
}

/* The header at 0x40, loaded from the file's start. */
static GByteArray *make_multiboot(uint32_t flags)
{
    GByteArray *b = bytes_new(0x1000);

    put(b, 0x40, 0x1badb002, 4);
    put(b, 0x44, flags, 4);
    put(b, 0x48, 0u - 0x1badb002u - flags, 4);
    put(b, 0x4c, 0x200040, 4);
    put(b, 0x50, 0x200000, 4);
    put(b, 0x54, 0x200800, 4);
    put(b, 0x58, 0x202000, 4);
    put(b, 0x5c, 0x200100, 4);
    put(b, 0x60, 0, 4);
    put(b, 0x64, 1024, 4);
    put(b, 0x68, 768, 4);
    put(b, 0x6c, 32, 4);
    return b;
}

/* ---- helpers ---- */

static BootPlan *plan_of(const BootRequest *request)
{
    g_autoptr(GError) error = NULL;
    BootPlan *plan = boot_plan_new(request, &error);

    g_assert_no_error(error);
    g_assert_nonnull(plan);
    return plan;
}

static void assert_refused(const BootRequest *request, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BootPlan) plan = boot_plan_new(request, &error);

    g_assert_null(plan);
    g_assert_nonnull(error);
    if (!strstr(error->message, words)) {
        g_error("'%s' does not say '%s'", error->message, words);
    }
}

static const BootSegment *segment(const BootPlan *plan, const char *name)
{
    for (guint i = 0; i < plan->segments->len; i++) {
        const BootSegment *s = &g_array_index(plan->segments, BootSegment, i);

        if (strcmp(s->name, name) == 0) {
            return s;
        }
    }
    g_error("no segment '%s'", name);
}

/* ---- Linux ---- */

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

/* ---- ELF ---- */

static void test_pvh(gconstpointer is_64)
{
    g_autoptr(GByteArray) kernel = make_pvh(GPOINTER_TO_INT(is_64));
    static const uint8_t initrd[5000] = { 7 };
    BootModule modules[] = { { initrd, sizeof(initrd), NULL }, { initrd, 10, "second args" } };
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = NULL;
    const BootSegment *start, *lists;

    request.modules = modules;
    request.module_count = 2;
    plan = plan_of(&request);
    g_assert_cmpint(plan->entry, ==, BOOT_ENTRY_PROT32);
    g_assert_cmphex(plan->rip, ==, 0x1000120);
    g_assert_cmphex(plan->gpr[X86_RBX], ==, plan->info_address);
    g_assert_cmphex(plan->kernel_address, ==, 0x1000000);
    g_assert_cmphex(plan->kernel_end, ==, 0x1005000);
    g_assert_cmpuint(segment(plan, "kernel segment")->zero, ==, 0x3000 - 256);
    start = segment(plan, "hvm_start_info");
    lists = segment(plan, "module and memory lists");
    g_assert_cmphex(load_le(start->data, 4), ==, 0x336ec578);
    g_assert_cmpuint(load_le(start->data + 4, 4), ==, 1);
    g_assert_cmpuint(load_le(start->data + 12, 4), ==, 2);
    g_assert_cmphex(load_le(start->data + 16, 8), ==, lists->address);
    g_assert_cmphex(load_le(start->data + 24, 8), ==, plan->command_line_address);
    g_assert_cmphex(load_le(start->data + 32, 8), ==, 0xf5a20);
    g_assert_cmphex(load_le(start->data + 40, 8), ==, lists->address + 64);
    g_assert_cmpuint(load_le(start->data + 48, 4), ==, G_N_ELEMENTS(map_256m));
    g_assert_cmphex(load_le(lists->data, 8), ==, plan->initrd_address);
    g_assert_cmpuint(load_le(lists->data + 8, 8), ==, 5000);
    g_assert_cmpuint(load_le(lists->data + 40, 8), ==, 10);
    g_assert_cmpstr((char *)lists->data + (load_le(lists->data + 48, 8) - lists->address), ==,
                    "second args");
    g_assert_cmphex(load_le(lists->data + 64 + 3 * 24, 8), ==, MIB);
    request.entry = BOOT_ENTRY_LONG64;
    assert_refused(&request, "32-bit");
}

static void test_elf_bad(void)
{
    static const char code[64];
    static const struct {
        const char *message;
        ElfPart parts[2];
        unsigned count;
    } cases[] = {
        { "without a PVH note", { { 1, 0x1000000, 64, code, 64 } }, 1 },
        { "nothing to load", { { 4, 0, 0, pvh_note, sizeof(pvh_note) } }, 1 },
        { "damaged ELF", { { 1, 0x1000000, 10, code, 64 } }, 1 },
        { "damaged ELF", { { 1, UINT64_MAX - 10, 64, code, 64 } }, 1 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) kernel = make_elf(true, 0, cases[i].parts, cases[i].count);
        BootRequest request = request_of(kernel);

        assert_refused(&request, cases[i].message);
    }
}

static void test_elf_placement(void)
{
    static const char code[64];
    static const struct {
        const char *message;
        uint64_t address, size;
        uint64_t address2;
    } cases[] = {
        { "does not fit in RAM", 0x40000000, 64, 0x1000000 },
        { "does not fit in RAM", 0xfffffffffffff000, 64, 0x1000000 },
        { "does not fit in RAM", 0x1000000, 1ull << 40, 0x200000 },
        { "does not fit in RAM", 0x9fbff, 64, 0x1000000 },
        { "lies over kernel segment", 0x1000000, 4096, 0x1000fff },
        { "lies over GDT", 0x10000, 64, 0x1000000 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        const ElfPart parts[] = {
            { 1, cases[i].address, cases[i].size, code, 64 },
            { 1, cases[i].address2, 64, code, 64 },
            { 4, 0, 0, pvh_note, sizeof(pvh_note) },
        };
        g_autoptr(GByteArray) kernel = make_elf(true, 0, parts, 3);
        BootRequest request = request_of(kernel);

        assert_refused(&request, cases[i].message);
    }
}

static void test_elf_header_bad(void)
{
    static const struct {
        unsigned at, size;
        uint64_t value;
        const char *message;
    } cases[] = {
        { 4, 1, 9, "damaged ELF" },
        { 5, 1, 2, "another kind of machine" },
        { 16, 2, 1, "not an executable" },
        { 18, 2, 183, "another kind of machine (e_machine 183" },
        { 32, 8, UINT64_MAX, "program headers" },
        { 54, 2, 8, "program headers" },
        { 54, 2, 0xffff, "program headers" },
        { 56, 2, 0xffff, "program headers" },
        { 64 + 8, 8, UINT64_MAX - 3, "cut short" },
        { 64 + 32, 8, UINT64_MAX, "cut short" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) kernel = make_pvh(true);
        BootRequest request = request_of(kernel);

        put(kernel, cases[i].at, cases[i].value, cases[i].size);
        assert_refused(&request, cases[i].message);
    }
}

/* Notes whose sizes lead out of their segment, or nowhere, are no PVH note. */
static void test_elf_notes_bad(void)
{
    static const uint32_t bad[][5] = {
        { 0xffffffff, 4, 18, 0x006e6558, 0x1000120 },
        { 4, 0xffffffff, 18, 0x006e6558, 0x1000120 },
        { 4, 4, 17, 0x006e6558, 0x1000120 },
        { 4, 4, 18, 0x006e6559, 0x1000120 },
        { 4, 3, 18, 0x006e6558, 0x1000120 },
        { 0, 0, 0, 0, 0 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const ElfPart parts[] = {
            { 1, 0x1000000, 64, bad[i], 20 }, { 4, 0, 0, bad[i], sizeof(bad[i]) },
        };
        g_autoptr(GByteArray) kernel = make_elf(false, 0, parts, 2);
        BootRequest request = request_of(kernel);

        assert_refused(&request, "without a PVH note");
    }
}

/* ---- Multiboot ---- */

static void test_multiboot(void)
{
    g_autoptr(GByteArray) kernel = make_multiboot(0x10007);
    static const uint8_t data[5000] = { 7 };
    BootModule modules[] = { { data, sizeof(data), "mod1 a b" }, { data, 10, "mod2" } };
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = NULL;
    const BootSegment *s, *info, *lists;
    const uint8_t *list;

    request.modules = modules;
    request.module_count = 2;
    plan = plan_of(&request);
    g_assert_cmphex(plan->rip, ==, 0x200100);
    g_assert_cmphex(plan->gpr[X86_RAX], ==, 0x2badb002);
    s = segment(plan, "kernel");
    g_assert_cmphex(s->address, ==, 0x200000);
    g_assert_cmphex(s->size, ==, 0x800);
    g_assert_cmphex(s->zero, ==, 0x1800);
    g_assert_true(s->data == kernel->data);
    g_assert_cmpuint(plan->notes->len, ==, 1);
    g_assert_nonnull(strstr(g_ptr_array_index(plan->notes, 0), "1024x768x32"));
    info = segment(plan, "Multiboot information");
    lists = segment(plan, "Multiboot lists");
    g_assert_cmphex(plan->gpr[X86_RBX], ==, info->address);
    g_assert_cmphex(load_le(info->data, 4), ==, 0x24d);
    g_assert_cmpuint(load_le(info->data + 4, 4), ==, 639);
    g_assert_cmpuint(load_le(info->data + 8, 4), ==, (255 * MIB - 0x20000) >> 10);
    g_assert_cmpstr((char *)segment(plan, "command line")->data, ==, "test console=ttyS0");
    g_assert_cmpuint(load_le(info->data + 20, 4), ==, 2);
    list = lists->data + (load_le(info->data + 24, 4) - lists->address);
    g_assert_cmphex(load_le(list, 4), ==, 0x203000 - 0x1000);
    g_assert_cmphex(load_le(list + 4, 4), ==, 0x202000 + 5000);
    g_assert_cmpstr((char *)lists->data + (load_le(list + 8, 4) - lists->address), ==, "mod1 a b");
    g_assert_cmphex(load_le(list + 16, 4), ==, 0x204000);
    list = lists->data + (load_le(info->data + 48, 4) - lists->address);
    g_assert_cmpuint(load_le(info->data + 44, 4), ==, 24 * G_N_ELEMENTS(map_256m));
    g_assert_cmpuint(load_le(list, 4), ==, 20);
    g_assert_cmphex(load_le(list + 3 * 24 + 4, 8), ==, MIB);
    g_assert_cmpstr((char *)lists->data + (load_le(info->data + 64, 4) - lists->address), ==,
                    "vmm");
}

static void test_multiboot_bad(void)
{
    static const struct {
        unsigned at;
        uint32_t value;
        const char *message;
    } cases[] = {
        { 0x4c, 0x1fffff, "damaged Multiboot header" },
        { 0x4c, 0x300040, "damaged Multiboot header" },
        { 0x54, 0x1ff000, "cut short, or damaged" },
        { 0x54, 0x201800, "cut short, or damaged" },
        { 0x58, 0x200400, "bss_end_addr" },
        { 0x58, 0xffffffff, "does not fit in RAM" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GByteArray) kernel = make_multiboot(0x10003);
        BootRequest request = request_of(kernel);

        put(kernel, cases[i].at, cases[i].value, 4);
        assert_refused(&request, cases[i].message);
    }
    {
        g_autoptr(GByteArray) kernel = make_multiboot(0x10008);
        BootRequest request = request_of(kernel);

        assert_refused(&request, "does not know (flags 0x8)");
    }
    {
        g_autoptr(GByteArray) kernel = make_multiboot(3); /* no addresses, and no ELF */
        BootRequest request = request_of(kernel);

        assert_refused(&request, "not an ELF");
    }
}

static void test_multiboot_elf(void)
{
    uint32_t header[16] = { 0x1badb002, 3, 0u - 0x1badb002u - 3u };
    const ElfPart parts[] = { { 1, 0x300000, 0x1000, header, sizeof(header) } };
    g_autoptr(GByteArray) kernel = make_elf(false, 0x300010, parts, 1);
    g_autoptr(GByteArray) kernel_64 = make_elf(true, 0x300010, parts, 1);
    BootRequest request = request_of(kernel);
    g_autoptr(BootPlan) plan = plan_of(&request);

    g_assert_cmphex(plan->rip, ==, 0x300010);
    g_assert_cmphex(plan->kernel_end, ==, 0x301000);
    request = request_of(kernel_64);
    assert_refused(&request, "ELF32");
    /* Linked for elsewhere, with an entry there: paging is off. */
    put(kernel, 52 + 8, 0xc0300000, 4);
    put(kernel, 24, 0xc0300020, 4);
    request = request_of(kernel);
    g_clear_pointer(&plan, boot_plan_free);
    plan = plan_of(&request);
    g_assert_cmphex(plan->rip, ==, 0x300020);
    g_assert_cmphex(plan->kernel_address, ==, 0x300000);
}

static void test_modules_option(void)
{
    g_auto(GStrv) parts = boot_modules_split("a.elf x=1 y,b,,c d,,e,last");
    g_auto(GStrv) none = boot_modules_split("");
    g_autofree char *file = NULL;

    g_assert_cmpuint(g_strv_length(parts), ==, 3);
    g_assert_cmpstr(parts[0], ==, "a.elf x=1 y");
    g_assert_cmpstr(parts[1], ==, "b,c d,e");
    g_assert_cmpstr(parts[2], ==, "last");
    g_assert_cmpuint(g_strv_length(none), ==, 0);
    file = boot_module_file(parts[0]);
    g_assert_cmpstr(file, ==, "a.elf");
}

/* ---- memory map, CPU and memory ---- */

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
    g_test_add_func("/x86/boot/linux/parse", test_linux_parse);
    g_test_add_func("/x86/boot/linux/64", test_linux_64);
    g_test_add_func("/x86/boot/linux/32", test_linux_32);
    g_test_add_func("/x86/boot/linux/moves", test_linux_moves);
    g_test_add_func("/x86/boot/linux/initrd", test_linux_initrd_places);
    g_test_add_func("/x86/boot/linux/old", test_linux_old);
    g_test_add_func("/x86/boot/linux/bad", test_linux_bad);
    g_test_add_func("/x86/boot/linux/split", test_split);
    g_test_add_data_func("/x86/boot/pvh/64", GINT_TO_POINTER(1), test_pvh);
    g_test_add_data_func("/x86/boot/pvh/32", GINT_TO_POINTER(0), test_pvh);
    g_test_add_func("/x86/boot/elf/bad", test_elf_bad);
    g_test_add_func("/x86/boot/elf/placement", test_elf_placement);
    g_test_add_func("/x86/boot/elf/header", test_elf_header_bad);
    g_test_add_func("/x86/boot/elf/notes", test_elf_notes_bad);
    g_test_add_func("/x86/boot/multiboot/good", test_multiboot);
    g_test_add_func("/x86/boot/multiboot/bad", test_multiboot_bad);
    g_test_add_func("/x86/boot/multiboot/elf", test_multiboot_elf);
    g_test_add_func("/x86/boot/modules", test_modules_option);
    g_test_add_func("/x86/boot/map", test_map_bad);
    g_test_add_func("/x86/boot/apply", test_apply);
    g_test_add_func("/x86/boot/memory-types", test_memory_types);
    g_test_add_func("/x86/boot/load", test_load);
    g_test_add_func("/x86/boot/truncated", test_truncated);
    g_test_add_func("/x86/boot/mutated", test_mutated);
    return g_test_run();
}
