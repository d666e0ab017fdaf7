/* SPDX-License-Identifier: MIT */
#include "tests/unit/boot-kernels.h"

#include <string.h>

const BootE820 map_256m[7] = {
    { 0, 0x9fc00, BOOT_E820_RAM },
    { 0x9fc00, 0x400, BOOT_E820_RESERVED },
    { 0xf0000, 0x10000, BOOT_E820_RESERVED },
    { MIB, 255 * MIB - 0x20000, BOOT_E820_RAM },
    { 256 * MIB - 0x20000, 0x20000, BOOT_E820_ACPI },
    { 0xfffc0000, 0x40000, BOOT_E820_RESERVED },
    { 4096 * MIB, 64 * MIB, BOOT_E820_RAM },
};

BootRequest request_of(const GByteArray *kernel)
{
    return (BootRequest){
        .kernel = kernel->data, .kernel_size = kernel->len, .kernel_name = "test",
        .command_line = "console=ttyS0", .e820 = map_256m,
        .e820_count = G_N_ELEMENTS(map_256m), .long_mode = true, .rsdp = 0xf5a20,
    };
}

static GByteArray *bytes_new(size_t size)
{
    GByteArray *b = g_byte_array_new();

    g_byte_array_set_size(b, size);
    memset(b->data, 0, size);
    return b;
}

void put(GByteArray *b, size_t at, uint64_t value, unsigned size)
{
    g_assert_cmpuint(at + size, <=, b->len);
    store_le(b->data + at, value, size);
}

GByteArray *make_linux(void)
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

GByteArray *make_elf(bool is_64, uint64_t entry, const ElfPart *parts, unsigned count)
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

const uint32_t pvh_note[5] = { 4, 4, 18, 0x006e6558, 0x1000120 };

GByteArray *make_pvh(bool is_64)
{
    static const char code[256] = "code";
    const ElfPart parts[] = {
        { 1, 0x1000000, 0x3000, code, sizeof(code) },
        { 4, 0, 0, pvh_note, sizeof(pvh_note) },
        { 1, 0x1004000, 0x1000, code, 16 },
    };

    return make_elf(is_64, 0x1000000, parts, G_N_ELEMENTS(parts));
}

GByteArray *make_multiboot(uint32_t flags)
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

BootPlan *plan_of(const BootRequest *request)
{
    g_autoptr(GError) error = NULL;
    BootPlan *plan = boot_plan_new(request, &error);

    g_assert_no_error(error);
    g_assert_nonnull(plan);
    return plan;
}

void assert_refused(const BootRequest *request, const char *words)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(BootPlan) plan = boot_plan_new(request, &error);

    g_assert_null(plan);
    g_assert_nonnull(error);
    if (!strstr(error->message, words)) {
        g_error("'%s' does not say '%s'", error->message, words);
    }
}

const BootSegment *segment(const BootPlan *plan, const char *name)
{
    for (guint i = 0; i < plan->segments->len; i++) {
        const BootSegment *s = &g_array_index(plan->segments, BootSegment, i);

        if (strcmp(s->name, name) == 0) {
            return s;
        }
    }
    g_error("no segment '%s'", name);
}
