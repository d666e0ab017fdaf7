/* SPDX-License-Identifier: MIT */
/*
 * Page tables as debuggers read them: Intel SDM volume 3, chapter 4. All modes: none, 32-bit
 * (with PSE), PAE, 4-level, 5-level. Nothing of the guest changes: accessed and dirty bits
 * stay, and no device is read.
 */
#ifndef ARCH_X86_PAGING_H
#define ARCH_X86_PAGING_H

#include "arch/x86/state.h"

struct AddressSpace;

typedef struct X86Mapping {
    uint64_t virtual_address; /* of the page, canonical */
    uint64_t physical;        /* of the page */
    uint64_t size;            /* 4 KiB, 2 or 4 MiB, 1 GiB */
    uint64_t entry;           /* the last entry, as it stands in memory; 0 without paging */
    bool writable, user, executable; /* by all levels together */
} X86Mapping;

/* False when no page is mapped there. `mapping` may be NULL, `physical` is of the very address. */
bool x86_translate(const X86CpuState *state, struct AddressSpace *memory, uint64_t address,
                   uint64_t *physical, X86Mapping *mapping);

/*
 * Copies guest memory by virtual address, as far as it is mapped to RAM or ROM; the number of
 * bytes copied.
 */
size_t x86_read_virtual(const X86CpuState *state, struct AddressSpace *memory, uint64_t address,
                        void *buffer, size_t length);

/* The linear address of the next instruction. */
uint64_t x86_linear_rip(const X86CpuState *state);

/*
 * Calls `each` for every page that is mapped, in order, until it returns false. Tables that
 * lead to themselves would name any number of pages: after `budget` entries of tables the walk
 * ends, and false says that it is not whole.
 */
typedef bool (*X86MappingFunc)(const X86Mapping *mapping, void *opaque);
bool x86_walk_pages(const X86CpuState *state, struct AddressSpace *memory, uint64_t budget,
                    X86MappingFunc each, void *opaque);

/* In the layout of QEMU's `info tlb`: a line a page. */
void x86_print_tlb(const X86CpuState *state, struct AddressSpace *memory, GString *out);
/* In the layout of QEMU's `info mem`: a line for each range of equal rights. */
void x86_print_mem(const X86CpuState *state, struct AddressSpace *memory, GString *out);

#endif
