/* SPDX-License-Identifier: MIT */
/* Between the loaders of kernel formats. */
#ifndef ARCH_X86_BOOT_INTERNAL_H
#define ARCH_X86_BOOT_INTERNAL_H

#include "arch/x86/boot.h"

#define BOOT_PAGE 0x1000u
#define BOOT_4G   0x100000000ull

/* Where the loader's own pieces lie, between BOOT_AREA_START and BOOT_AREA_END. */
#define BOOT_GDT          0x10000u
#define BOOT_INFO         0x11000u /* zero page, hvm_start_info, Multiboot information */
#define BOOT_SETUP_DATA   0x12000u
#define BOOT_PAGE_TABLES  0x18000u /* six pages */
#define BOOT_COMMAND_LINE 0x20000u /* up to BOOT_TABLES */
#define BOOT_TABLES       0x40000u /* lists of modules and of memory, strings */

/* [offset, offset + length) lies inside `size`. */
static inline bool boot_inside(uint64_t size, uint64_t offset, uint64_t length)
{
    return offset <= size && length <= size - offset;
}

bool boot_parse_linux(const uint8_t *data, size_t size, BootLinux *image, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
bool boot_is_linux(const uint8_t *data, size_t size);
bool boot_parse_elf(const uint8_t *data, size_t size, BootElf *elf, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
bool boot_is_elf(const uint8_t *data, size_t size);
/* The offset of a Multiboot header, or -1. */
int64_t boot_find_multiboot(const uint8_t *data, size_t size);
bool boot_parse_multiboot(const uint8_t *data, size_t size, BootMultiboot *image, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

bool boot_plan_linux(BootPlan *plan, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool boot_plan_pvh(BootPlan *plan, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool boot_plan_multiboot(BootPlan *plan, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * Where an address of the file is while paging is off: itself, if a segment is loaded there, or
 * by the virtual address that a segment is linked for.
 */
uint64_t boot_elf_physical(const BootElf *elf, uint64_t address);
/* The loaded pieces of an ELF file; sets the plan's kernel_address and kernel_end. */
bool boot_plan_add_elf(BootPlan *plan, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* True when all of it is RAM by the request's map. */
bool boot_ram_holds(const BootRequest *request, uint64_t address, uint64_t size);

/* Adds a piece; it has to lie in RAM and over nothing else. */
bool boot_plan_add(BootPlan *plan, const char *name, uint64_t address, const void *data,
                   uint64_t size, uint64_t zero, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Memory that lives as long as the plan, cleared. */
void *boot_plan_alloc(BootPlan *plan, size_t size);

/*
 * The highest place for `size` bytes in RAM, free of the plan's pieces, in
 * [low, last]; `alignment` is a power of two. False when there is none.
 */
bool boot_plan_place_high(const BootPlan *plan, uint64_t size, uint64_t alignment, uint64_t low,
                          uint64_t last, uint64_t *address);
/* The lowest one. */
bool boot_plan_place_low(const BootPlan *plan, uint64_t size, uint64_t alignment, uint64_t low,
                         uint64_t last, uint64_t *address);

/* Flat segments and, for the 64-bit entry, page tables. */
bool boot_plan_add_tables(BootPlan *plan, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The command line at its place, with its NUL. */
bool boot_plan_add_command_line(BootPlan *plan, const char *text, uint64_t max, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Something that the user should know of. */
void boot_plan_note(BootPlan *plan, const char *format, ...) G_GNUC_PRINTF(2, 3);

#endif
