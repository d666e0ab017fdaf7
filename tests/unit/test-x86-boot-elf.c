/* SPDX-License-Identifier: MIT */
/* ELF kernels, for PVH and Multiboot; Multiboot's modules. */
#include <string.h>

#include "tests/unit/boot-kernels.h"

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

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
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
    return g_test_run();
}
