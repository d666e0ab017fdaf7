/* SPDX-License-Identifier: MIT */
/*
 * ELF kernels, and those entered by Xen's PVH protocol: docs/misc/pvh.pandoc and
 * xen/include/public/arch-x86/hvm/start_info.h.
 */
#include <inttypes.h>
#include <string.h>

#include "arch/x86/boot-internal.h"
#include "base/bits.h"
#include "base/error.h"

/* The few numbers of the ELF specification that loading needs. */
enum {
    EI_CLASS_OFFSET = 4,
    EI_DATA_OFFSET = 5,
    CLASS_32 = 1,
    CLASS_64 = 2,
    DATA_LITTLE = 1,
    TYPE_EXECUTABLE = 2,
    TYPE_SHARED = 3,
    MACHINE_386 = 3,
    MACHINE_X86_64 = 62,
    SEGMENT_LOAD = 1,
    SEGMENT_NOTE = 4,
    NOTE_PHYS32_ENTRY = 18,
    PHDR_32 = 32,
    PHDR_64 = 56,
    EHDR_32 = 52,
    EHDR_64 = 64,
};

/* As a program header, whatever the class. */
typedef struct ProgramHeader {
    uint32_t type;
    uint64_t offset, linked, address, file_size, memory_size, alignment;
} ProgramHeader;

bool boot_is_elf(const uint8_t *data, size_t size)
{
    return size >= EHDR_32 && memcmp(data, "\177ELF", 4) == 0;
}

static ProgramHeader read_header(const uint8_t *p, bool is_64)
{
    if (is_64) {
        return (ProgramHeader){
            .type = load_le(p, 4), .offset = load_le(p + 8, 8), .linked = load_le(p + 16, 8),
            .address = load_le(p + 24, 8), .file_size = load_le(p + 32, 8),
            .memory_size = load_le(p + 40, 8), .alignment = load_le(p + 48, 8),
        };
    }
    return (ProgramHeader){
        .type = load_le(p, 4), .offset = load_le(p + 4, 4), .linked = load_le(p + 8, 4),
        .address = load_le(p + 12, 4), .file_size = load_le(p + 16, 4), .memory_size = load_le(p + 20, 4),
        .alignment = load_le(p + 28, 4),
    };
}

/* Notes are name size, description size, type, then both, each padded to the alignment. */
static void read_notes(const uint8_t *data, const ProgramHeader *h, BootElf *elf)
{
    uint64_t align = h->alignment == 8 ? 8 : 4, at = 0;
    const uint8_t *notes = data + h->offset;

    while (boot_inside(h->file_size, at, 12)) {
        uint64_t name_size = load_le(notes + at, 4), size = load_le(notes + at + 4, 4);
        uint64_t type = load_le(notes + at + 8, 4);
        uint64_t name = at + 12;
        uint64_t description = (name + name_size + align - 1) & ~(align - 1);

        if (!boot_inside(h->file_size, name, name_size) ||
            !boot_inside(h->file_size, description, size)) {
            return;
        }
        if (type == NOTE_PHYS32_ENTRY && name_size == 4 && (size == 4 || size == 8) &&
            memcmp(notes + name, "Xen", 4) == 0) {
            uint64_t entry = load_le(notes + description, size);

            if (entry <= UINT32_MAX) {
                elf->has_pvh = true;
                elf->pvh_entry = entry;
            }
        }
        at = (description + size + align - 1) & ~(align - 1);
    }
}

static bool add_segment(BootElf *elf, const ProgramHeader *h, unsigned number, GError **error)
{
    uint64_t end;

    if (h->file_size > h->memory_size ||
        __builtin_add_overflow(h->address, h->memory_size, &end)) {
        error_set(error, ERROR_INVALID,
                  "a damaged ELF file: segment %u of 0x%" PRIx64 " bytes in 0x%" PRIx64
                  " of memory at 0x%" PRIx64, number, h->file_size, h->memory_size, h->address);
        return false;
    }
    if (elf->count == BOOT_ELF_SEGMENTS) {
        error_set(error, ERROR_INVALID, "an ELF file with more than %u loaded segments",
                  BOOT_ELF_SEGMENTS);
        return false;
    }
    elf->segment[elf->count++] = (BootElfSegment){
        .address = h->address, .linked = h->linked, .offset = h->offset, .size = h->file_size,
        .memory_size = h->memory_size,
    };
    return true;
}

static bool check_ident(const uint8_t *data, size_t size, GError **error)
{
    uint8_t class = data[EI_CLASS_OFFSET];
    uint16_t type = load_le(data + 16, 2), machine = load_le(data + 18, 2);

    if ((class != CLASS_32 && class != CLASS_64) || data[EI_DATA_OFFSET] != DATA_LITTLE ||
        (class == CLASS_64 && size < EHDR_64)) {
        error_set(error, ERROR_INVALID, "a damaged ELF file, or one of another kind of machine");
        return false;
    }
    if (machine != (class == CLASS_64 ? MACHINE_X86_64 : MACHINE_386)) {
        error_set(error, ERROR_INVALID,
                  "an ELF file for another kind of machine (e_machine %u, and %s needs %u)",
                  machine, class == CLASS_64 ? "ELF64" : "ELF32",
                  class == CLASS_64 ? MACHINE_X86_64 : MACHINE_386);
        return false;
    }
    if (type != TYPE_EXECUTABLE && type != TYPE_SHARED) {
        error_set(error, ERROR_INVALID, "an ELF file that is not an executable (e_type %u)", type);
        return false;
    }
    return true;
}

bool boot_parse_elf(const uint8_t *data, size_t size, BootElf *elf, GError **error)
{
    uint64_t table, each, count;

    memset(elf, 0, sizeof(*elf));
    if (!boot_is_elf(data, size)) {
        error_set(error, ERROR_INVALID, "not an ELF file");
        return false;
    }
    if (!check_ident(data, size, error)) {
        return false;
    }
    elf->is_64 = data[EI_CLASS_OFFSET] == CLASS_64;
    elf->entry = elf->is_64 ? load_le(data + 24, 8) : load_le(data + 24, 4);
    table = elf->is_64 ? load_le(data + 32, 8) : load_le(data + 28, 4);
    each = load_le(data + (elf->is_64 ? 54 : 42), 2);
    count = load_le(data + (elf->is_64 ? 56 : 44), 2);
    if (each < (elf->is_64 ? PHDR_64 : PHDR_32) || !boot_inside(size, table, each * count)) {
        error_set(error, ERROR_INVALID,
                  "a damaged ELF file: %" PRIu64 " program headers of %" PRIu64
                  " bytes at 0x%" PRIx64 " in a file of 0x%zx", count, each, table, size);
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        ProgramHeader h = read_header(data + table + i * each, elf->is_64);

        if (h.type != SEGMENT_LOAD && h.type != SEGMENT_NOTE) {
            continue;
        }
        if (!boot_inside(size, h.offset, h.file_size)) {
            error_set(error, ERROR_INVALID,
                      "an ELF file cut short: segment %" PRIu64 " ends at 0x%" PRIx64
                      " and the file at 0x%zx", i, h.offset + h.file_size, size);
            return false;
        }
        if (h.type == SEGMENT_NOTE) {
            read_notes(data, &h, elf);
        } else if (h.memory_size && !add_segment(elf, &h, i, error)) {
            return false;
        }
    }
    if (!elf->count) {
        error_set(error, ERROR_INVALID, "an ELF file with nothing to load");
        return false;
    }
    return true;
}

uint64_t boot_elf_physical(const BootElf *elf, uint64_t address)
{
    for (unsigned i = 0; i < elf->count; i++) {
        const BootElfSegment *s = &elf->segment[i];

        if (address >= s->address && address - s->address < s->memory_size) {
            return address;
        }
    }
    for (unsigned i = 0; i < elf->count; i++) {
        const BootElfSegment *s = &elf->segment[i];

        if (address >= s->linked && address - s->linked < s->memory_size) {
            return s->address + (address - s->linked);
        }
    }
    return address;
}

bool boot_plan_add_elf(BootPlan *plan, GError **error)
{
    const BootElf *elf = &plan->image.elf;

    plan->kernel_address = UINT64_MAX;
    for (unsigned i = 0; i < elf->count; i++) {
        const BootElfSegment *s = &elf->segment[i];

        if (!boot_plan_add(plan, "kernel segment", s->address, plan->request->kernel + s->offset,
                           s->size, s->memory_size - s->size, error)) {
            return false;
        }
        plan->kernel_address = MIN(plan->kernel_address, s->address);
        plan->kernel_end = MAX(plan->kernel_end, s->address + s->memory_size);
    }
    return true;
}

/* ---- PVH ---- */

#define START_MAGIC     0x336ec578u
#define START_SIZE      56
#define MODULE_SIZE     32
#define MEMORY_SIZE     24
#define START_VERSION_1 1

/* The lists that hvm_start_info points to: modules, the memory map, command lines. */
static bool add_lists(BootPlan *plan, uint8_t *start, GError **error)
{
    const BootRequest *request = plan->request;
    size_t modules = request->module_count * MODULE_SIZE;
    size_t memory = request->e820_count * MEMORY_SIZE;
    size_t texts = 0, at;
    uint8_t *lists;

    for (size_t i = 0; i < request->module_count; i++) {
        texts += request->modules[i].command_line ? strlen(request->modules[i].command_line) + 1
                                                  : 0;
    }
    lists = boot_plan_alloc(plan, modules + memory + texts + 1);
    at = modules + memory;
    for (size_t i = 0; i < request->module_count; i++) {
        const BootModule *m = &request->modules[i];
        uint8_t *entry = lists + MODULE_SIZE * i;
        uint64_t address = 0;

        if (m->size &&
            (!boot_plan_place_high(plan, m->size, BOOT_PAGE, plan->kernel_end, BOOT_4G - 1,
                                   &address) ||
             !boot_plan_add(plan, i ? "module" : "initrd", address, m->data, m->size, 0, error))) {
            if (error && !*error) {
                error_set(error, ERROR_INVALID,
                          "no RAM for module %zu of %zu bytes; give the machine more (-m)", i,
                          m->size);
            }
            return false;
        }
        plan->initrd_address = i ? plan->initrd_address : address;
        store_le(entry, address, 8);
        store_le(entry + 8, m->size, 8);
        if (m->command_line) {
            store_le(entry + 16, BOOT_TABLES + at, 8);
            strcpy((char *)lists + at, m->command_line);
            at += strlen(m->command_line) + 1;
        }
    }
    for (size_t i = 0; i < request->e820_count; i++) {
        uint8_t *entry = lists + modules + MEMORY_SIZE * i;

        store_le(entry, request->e820[i].address, 8);
        store_le(entry + 8, request->e820[i].length, 8);
        store_le(entry + 16, request->e820[i].type, 4);
    }
    store_le(start + 12, request->module_count, 4);
    store_le(start + 16, request->module_count ? BOOT_TABLES : 0, 8);
    store_le(start + 40, BOOT_TABLES + modules, 8);
    store_le(start + 48, request->e820_count, 4);
    return boot_plan_add(plan, "module and memory lists", BOOT_TABLES, lists, at, 0, error);
}

bool boot_plan_pvh(BootPlan *plan, GError **error)
{
    const char *text = plan->request->command_line ? plan->request->command_line : "";
    uint8_t *start = boot_plan_alloc(plan, START_SIZE);

    if (plan->request->entry == BOOT_ENTRY_LONG64) {
        error_set(error, ERROR_INVALID, "the PVH entry is a 32-bit one");
        return false;
    }
    plan->entry = BOOT_ENTRY_PROT32;
    plan->info_address = BOOT_INFO;
    plan->rip = plan->image.elf.pvh_entry;
    plan->gpr[X86_RBX] = BOOT_INFO;
    if (!boot_plan_add_tables(plan, error) ||
        !boot_plan_add_command_line(plan, text, UINT32_MAX, error) ||
        !boot_plan_add_elf(plan, error) || !add_lists(plan, start, error)) {
        return false;
    }
    store_le(start, START_MAGIC, 4);
    store_le(start + 4, START_VERSION_1, 4);
    store_le(start + 24, plan->command_line_address, 8);
    store_le(start + 32, plan->request->rsdp, 8);
    return boot_plan_add(plan, "hvm_start_info", BOOT_INFO, start, START_SIZE, 0, error);
}
