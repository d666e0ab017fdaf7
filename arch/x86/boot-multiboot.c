/* SPDX-License-Identifier: MIT */
/* Multiboot specification 0.6.96. */
#include <inttypes.h>
#include <string.h>

#include "arch/x86/boot-internal.h"
#include "base/bits.h"
#include "base/error.h"

#define HEADER_MAGIC  0x1badb002u
#define LOADER_MAGIC  0x2badb002u
#define HEADER_WITHIN 8192u /* bytes from the file's start */
#define HEADER_SIZE   12u
#define HEADER_ADDRESSES_SIZE 32u
#define HEADER_VIDEO_SIZE     48u

/* Bits of the header's flags. */
#define WANTS_PAGE_ALIGNED_MODULES BIT(0)
#define WANTS_MEMORY               BIT(1)
#define WANTS_VIDEO                BIT(2)
#define HAS_ADDRESSES              BIT(16)
/* Of bits 0 to 15 a loader has to know all that are set. */
#define MUST_KNOW                  0xffffu

/* Of the information's flags, and where its fields lie. */
#define INFO_MEMORY   BIT(0)
#define INFO_CMDLINE  BIT(2)
#define INFO_MODULES  BIT(3)
#define INFO_MAP      BIT(6)
#define INFO_NAME     BIT(9)
#define INFO_SIZE     116u
#define MODULE_SIZE   16u
#define MAP_ENTRY     24u /* its size field counts what follows: 20 */

int64_t boot_find_multiboot(const uint8_t *data, size_t size)
{
    for (size_t at = 0; at + HEADER_SIZE <= MIN(size, HEADER_WITHIN); at += 4) {
        if (load_le(data + at, 4) == HEADER_MAGIC &&
            (uint32_t)(load_le(data + at, 4) + load_le(data + at + 4, 4) +
                       load_le(data + at + 8, 4)) == 0) {
            return at;
        }
    }
    return -1;
}

/* The addresses of the header: what of the file goes where ("The address fields"). */
static bool read_addresses(const uint8_t *data, size_t size, BootMultiboot *m, GError **error)
{
    const uint8_t *h = data + m->offset;
    uint32_t header, load, load_end, bss_end;

    if (!boot_inside(size, m->offset, HEADER_ADDRESSES_SIZE)) {
        error_set(error, ERROR_INVALID, "a Multiboot kernel cut short inside its header");
        return false;
    }
    header = load_le(h + 12, 4);
    load = load_le(h + 16, 4);
    load_end = load_le(h + 20, 4);
    bss_end = load_le(h + 24, 4);
    m->entry = load_le(h + 28, 4);
    m->load_address = load;
    if (header < load || header - load > m->offset) {
        error_set(error, ERROR_INVALID,
                  "a damaged Multiboot header: header_addr 0x%x with load_addr 0x%x, and the "
                  "header is at 0x%x of the file", header, load, m->offset);
        return false;
    }
    m->load_offset = m->offset - (header - load);
    m->load_size = load_end ? (uint64_t)load_end - load : size - m->load_offset;
    if ((load_end && load_end < load) || !boot_inside(size, m->load_offset, m->load_size)) {
        error_set(error, ERROR_INVALID,
                  "a Multiboot kernel cut short, or damaged: it loads 0x%x to 0x%x, and the file "
                  "has 0x%" PRIx64 " bytes for that", load, load_end, size - m->load_offset);
        return false;
    }
    if (bss_end) {
        if (bss_end < load + m->load_size) {
            error_set(error, ERROR_INVALID,
                      "a damaged Multiboot header: bss_end_addr 0x%x lies before the end of what "
                      "is loaded, 0x%" PRIx64, bss_end, load + m->load_size);
            return false;
        }
        m->bss_size = bss_end - (load + m->load_size);
    }
    return true;
}

bool boot_parse_multiboot(const uint8_t *data, size_t size, BootMultiboot *m, GError **error)
{
    int64_t at = boot_find_multiboot(data, size);
    uint32_t unknown;

    memset(m, 0, sizeof(*m));
    if (at < 0) {
        error_set(error, ERROR_INVALID, "no Multiboot header");
        return false;
    }
    m->offset = at;
    m->flags = load_le(data + at + 4, 4);
    unknown = m->flags & MUST_KNOW &
              ~(WANTS_PAGE_ALIGNED_MODULES | WANTS_MEMORY | WANTS_VIDEO);
    if (unknown) {
        error_set(error, ERROR_INVALID,
                  "a Multiboot kernel that requires what this loader does not know (flags 0x%x)",
                  unknown);
        return false;
    }
    m->has_addresses = m->flags & HAS_ADDRESSES;
    return !m->has_addresses || read_addresses(data, size, m, error);
}

/* ---- the plan ---- */

static bool add_kernel(BootPlan *plan, GError **error)
{
    const BootMultiboot *m = &plan->image.multiboot;

    if (m->has_addresses) {
        plan->rip = m->entry;
        plan->kernel_address = m->load_address;
        plan->kernel_end = m->load_address + m->load_size + m->bss_size;
        return boot_plan_add(plan, "kernel", m->load_address,
                             plan->request->kernel + m->load_offset, m->load_size, m->bss_size,
                             error);
    }
    if (plan->image.elf.is_64) {
        error_set(error, ERROR_INVALID,
                  "a Multiboot kernel in ELF64 form without load addresses in its header; "
                  "Multiboot is a 32-bit protocol: make it ELF32 (objcopy -O elf32-i386)");
        return false;
    }
    plan->rip = boot_elf_physical(&plan->image.elf, plan->image.elf.entry);
    return boot_plan_add_elf(plan, error);
}

static void note_video(BootPlan *plan)
{
    const BootMultiboot *m = &plan->image.multiboot;
    const uint8_t *h = plan->request->kernel + m->offset;

    if (!(m->flags & WANTS_VIDEO)) {
        return;
    }
    if (!boot_inside(plan->request->kernel_size, m->offset, HEADER_VIDEO_SIZE)) {
        boot_plan_note(plan, "it asks for a video mode, in a header that is cut short");
        return;
    }
    boot_plan_note(plan,
                   "it asks for the video mode %ux%ux%u (type %u), which is not set: no VBE "
                   "without firmware",
                   (unsigned)load_le(h + 36, 4), (unsigned)load_le(h + 40, 4),
                   (unsigned)load_le(h + 44, 4), (unsigned)load_le(h + 32, 4));
}

/* Strings and lists grow in one block at BOOT_TABLES. */
typedef struct Tables {
    GByteArray *bytes;
} Tables;

static uint32_t tables_string(Tables *t, const char *text)
{
    uint32_t address = BOOT_TABLES + t->bytes->len;

    g_byte_array_append(t->bytes, (const guint8 *)text, strlen(text) + 1);
    return address;
}

static void tables_number(Tables *t, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    store_le(bytes, value, size);
    g_byte_array_append(t->bytes, bytes, size);
}

static void tables_align(Tables *t)
{
    while (t->bytes->len % 8) {
        tables_number(t, 0, 1);
    }
}

static bool add_modules(BootPlan *plan, Tables *t, uint8_t *info, GError **error)
{
    const BootRequest *request = plan->request;
    g_autofree uint32_t *strings = g_new0(uint32_t, request->module_count + 1);
    uint64_t after = plan->kernel_end;

    for (size_t i = 0; i < request->module_count; i++) {
        const char *text = request->modules[i].command_line;

        strings[i] = tables_string(t, text ? text : "");
    }
    tables_align(t);
    store_le(info + 20, request->module_count, 4);
    store_le(info + 24, BOOT_TABLES + t->bytes->len, 4);
    for (size_t i = 0; i < request->module_count; i++) {
        const BootModule *m = &request->modules[i];
        uint64_t address = 0;

        if (!boot_plan_place_low(plan, MAX(m->size, 1), BOOT_PAGE, after, BOOT_4G - 1,
                                 &address)) {
            error_set(error, ERROR_INVALID,
                      "no RAM for module %zu ('%s') of %zu bytes; give the machine more (-m)", i,
                      m->command_line ? m->command_line : "", m->size);
            return false;
        }
        if (!boot_plan_add(plan, "module", address, m->data, m->size, 0, error)) {
            return false;
        }
        after = address + m->size;
        plan->initrd_address = i ? plan->initrd_address : address;
        tables_number(t, address, 4);
        tables_number(t, after, 4);
        tables_number(t, strings[i], 4);
        tables_number(t, 0, 4);
    }
    return true;
}

/* KiB of RAM from `start`, without a gap, up to `end`. */
static uint64_t ram_kib(const BootRequest *request, uint64_t start, uint64_t end)
{
    uint64_t at = start;

    for (size_t i = 0; i < request->e820_count; i++) {
        const BootE820 *e = &request->e820[i];

        if (e->type == BOOT_E820_RAM && e->address <= at && at - e->address < e->length) {
            at = e->address + e->length;
        }
    }
    return (MIN(at, end) - start) >> 10;
}

static void add_map(BootPlan *plan, Tables *t, uint8_t *info)
{
    const BootRequest *request = plan->request;

    tables_align(t);
    store_le(info + 44, request->e820_count * MAP_ENTRY, 4);
    store_le(info + 48, BOOT_TABLES + t->bytes->len, 4);
    for (size_t i = 0; i < request->e820_count; i++) {
        tables_number(t, MAP_ENTRY - 4, 4);
        tables_number(t, request->e820[i].address, 8);
        tables_number(t, request->e820[i].length, 8);
        tables_number(t, request->e820[i].type, 4);
    }
}

static bool add_info(BootPlan *plan, GError **error)
{
    const BootRequest *request = plan->request;
    uint8_t *info = boot_plan_alloc(plan, INFO_SIZE);
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    Tables tables = { bytes };
    uint8_t *block;
    guint length;

    store_le(info, INFO_MEMORY | INFO_CMDLINE | INFO_MODULES | INFO_MAP | INFO_NAME, 4);
    store_le(info + 4, ram_kib(request, 0, 640 << 10), 4);
    store_le(info + 8, MIN(ram_kib(request, 1 << 20, UINT64_MAX), UINT32_MAX), 4);
    store_le(info + 16, plan->command_line_address, 4);
    store_le(info + 64, tables_string(&tables, "vmm"), 4);
    if (!add_modules(plan, &tables, info, error)) {
        return false;
    }
    add_map(plan, &tables, info);
    length = bytes->len;
    block = boot_plan_alloc(plan, length);
    memcpy(block, bytes->data, length);
    plan->info_address = BOOT_INFO;
    return boot_plan_add(plan, "Multiboot lists", BOOT_TABLES, block, length, 0, error) &&
           boot_plan_add(plan, "Multiboot information", BOOT_INFO, info, INFO_SIZE, 0, error);
}

bool boot_plan_multiboot(BootPlan *plan, GError **error)
{
    const BootRequest *request = plan->request;
    g_autofree char *text = g_strjoin(request->kernel_name && request->command_line ? " " : "",
                                      request->kernel_name ? request->kernel_name : "",
                                      request->command_line ? request->command_line : "", NULL);
    char *line = boot_plan_alloc(plan, strlen(text) + 1);

    strcpy(line, text);
    if (request->entry == BOOT_ENTRY_LONG64) {
        error_set(error, ERROR_INVALID, "Multiboot's entry is a 32-bit one");
        return false;
    }
    plan->entry = BOOT_ENTRY_PROT32;
    plan->gpr[X86_RAX] = LOADER_MAGIC;
    plan->gpr[X86_RBX] = BOOT_INFO;
    if (!boot_plan_add_tables(plan, error) ||
        !boot_plan_add_command_line(plan, line, UINT32_MAX, error) || !add_kernel(plan, error)) {
        return false;
    }
    note_video(plan);
    return add_info(plan, error);
}
