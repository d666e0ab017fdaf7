/* SPDX-License-Identifier: MIT */
/* A walk of the guest's page tables, for debuggers; Intel SDM volume 3, chapter 4. */
#include "arch/x86/cpu.h"

#define PRESENT    (1u << 0)
#define LARGE      (1u << 7)
#define ADDRESS    0x000ffffffffff000ull

/* One kind of paging: how many levels, and how an index is cut out of the address. */
typedef struct Paging {
    unsigned levels;
    unsigned entry;      /* bytes */
    unsigned bits;       /* of an index */
} Paging;

static bool read_entry(AddressSpace *memory, uint64_t address, unsigned size, uint64_t *value)
{
    return address_space_load(memory, address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value) ==
           MEMORY_OK;
}

/* Bits 20-13 of a 4 MiB entry are bits 39-32 of the address (PSE-36). */
static uint64_t large_base(const Paging *paging, uint64_t entry, unsigned shift)
{
    if (paging->entry == 4) {
        return (entry & 0xffc00000u) | (entry >> 13 & 0xff) << 32;
    }
    return entry & ADDRESS & ~((1ull << shift) - 1);
}

static bool large_allowed(const Paging *paging, const X86CpuState *state, unsigned level)
{
    return paging->entry == 4 ? level == 2 && (state->cr4 & X86_CR4_PSE)
                              : level == 2 || (level == 3 && paging->levels > 3);
}

static bool walk(const X86CpuState *state, AddressSpace *memory, const Paging *paging,
                 uint64_t table, uint64_t address, uint64_t *physical)
{
    for (unsigned level = paging->levels; level > 0; level--) {
        unsigned shift = 12 + (level - 1) * paging->bits;
        uint64_t index = address >> shift & ((1u << paging->bits) - 1), entry;

        if (!read_entry(memory, table + index * paging->entry, paging->entry, &entry) ||
            !(entry & PRESENT)) {
            return false;
        }
        if (level == 1 || (entry & LARGE && large_allowed(paging, state, level))) {
            uint64_t base = level == 1 ? entry & ADDRESS : large_base(paging, entry, shift);
            *physical = base | (address & ((1ull << shift) - 1));
            return true;
        }
        table = entry & ADDRESS;
    }
    return false;
}

bool x86_cpu_translate(const X86CpuState *state, AddressSpace *memory, uint64_t address,
                       uint64_t *physical)
{
    static const Paging plain = { 2, 4, 10 }, pae = { 2, 8, 9 }, four = { 4, 8, 9 },
                        five = { 5, 8, 9 };

    if (!(state->cr0 & X86_CR0_PG)) {
        *physical = (uint32_t)address;
        return true;
    }
    if (x86_cpu_in_long_mode(state)) {
        return walk(state, memory, state->cr4 & X86_CR4_LA57 ? &five : &four,
                    state->cr3 & ADDRESS, address, physical);
    }
    address = (uint32_t)address;
    if (state->cr4 & X86_CR4_PAE) {
        uint64_t pointer = 0;
        if (state->pdptrs_valid) {
            pointer = state->pdptr[address >> 30];
        } else if (!read_entry(memory, (state->cr3 & 0xffffffe0u) + (address >> 30) * 8, 8,
                               &pointer)) {
            return false;
        }
        return pointer & PRESENT &&
               walk(state, memory, &pae, pointer & ADDRESS, address, physical);
    }
    return walk(state, memory, &plain, state->cr3 & 0xfffff000u, address, physical);
}
