/* SPDX-License-Identifier: MIT */
/* Page tables, read from outside. */
#include "arch/x86/paging.h"

#include <inttypes.h>

#include "base/bits.h"
#include "memory/space.h"

#define ENTRY_PRESENT BIT64(0)
#define ENTRY_WRITE   BIT64(1)
#define ENTRY_USER    BIT64(2)
#define ENTRY_PWT     BIT64(3)
#define ENTRY_PCD     BIT64(4)
#define ENTRY_ACCESSED BIT64(5)
#define ENTRY_DIRTY   BIT64(6)
#define ENTRY_LARGE   BIT64(7)
#define ENTRY_GLOBAL  BIT64(8)
#define ENTRY_NX      BIT64(63)
#define ENTRY_ADDRESS 0x000ffffffffff000ull

/* Enough for every table of a guest of terabytes; a hostile one is cut. */
#define PRINT_BUDGET (4u << 20)
#define PRINT_LINES  100000u

/* How the CPU's mode lays its tables out. */
typedef struct Paging {
    unsigned levels;     /* 0: no paging */
    unsigned entry_size; /* 4 or 8 */
    unsigned index_bits; /* of each level but the first of PAE */
    bool pae;            /* three levels, the first of four entries */
    bool pse;
    bool nx;
} Paging;

static Paging paging_of(const X86CpuState *s)
{
    Paging p = { .entry_size = 8, .index_bits = 9, .nx = s->efer & X86_EFER_NX, .pse = true };

    if (!(s->cr0 & X86_CR0_PG)) {
        return (Paging){ 0 };
    }
    if (x86_cpu_in_long_mode(s)) {
        p.levels = s->cr4 & X86_CR4_LA57 ? 5 : 4;
    } else if (s->cr4 & X86_CR4_PAE) {
        p.levels = 3;
        p.pae = true;
    } else {
        p = (Paging){ .levels = 2, .entry_size = 4, .index_bits = 10,
                      .pse = s->cr4 & X86_CR4_PSE };
    }
    return p;
}

/* Level 1 is the last; the bits below what it indexes. */
static unsigned level_shift(const Paging *p, unsigned level)
{
    return 12 + (level - 1) * p->index_bits;
}

static unsigned level_entries(const Paging *p, unsigned level)
{
    return p->pae && level == 3 ? 4 : 1u << p->index_bits;
}

static uint64_t root_of(const X86CpuState *s, const Paging *p)
{
    return p->pae ? s->cr3 & 0xffffffe0 : s->cr3 & (p->levels > 3 ? ENTRY_ADDRESS : 0xfffff000);
}

static bool read_entry(const X86CpuState *s, const Paging *p, struct AddressSpace *memory,
                       unsigned level, uint64_t table, unsigned index, uint64_t *entry)
{
    uint8_t bytes[8];

    if (p->pae && level == 3 && s->pdptrs_valid) {
        *entry = s->pdptr[index];
        return true;
    }
    if (!address_space_read_debug(memory, table + (uint64_t)index * p->entry_size, bytes,
                                  p->entry_size)) {
        return false;
    }
    *entry = load_le(bytes, p->entry_size);
    return true;
}

/* An entry of a level above 1 that maps a page itself. */
static bool is_page(const Paging *p, unsigned level, uint64_t entry)
{
    if (level == 1) {
        return true;
    }
    return entry & ENTRY_LARGE && p->pse && (level == 2 || (level == 3 && !p->pae));
}

static uint64_t page_address(const Paging *p, unsigned level, uint64_t entry)
{
    uint64_t size = 1ull << level_shift(p, level);

    if (p->entry_size == 4 && level == 2) {
        /* PSE-36: bits 13 to 20 are the upper address bits. */
        return (entry & 0xffc00000) | (entry >> 13 & 0xff) << 32;
    }
    return entry & (p->entry_size == 4 ? 0xfffff000 : ENTRY_ADDRESS) & ~(size - 1);
}

/* What an entry allows, together with those above it. The rights of PAE's first level are none. */
static void narrow(const Paging *p, unsigned level, uint64_t entry, X86Mapping *m)
{
    if (p->pae && level == 3) {
        return;
    }
    m->writable = m->writable && entry & ENTRY_WRITE;
    m->user = m->user && entry & ENTRY_USER;
    m->executable = m->executable && !(p->nx && p->entry_size == 8 && entry & ENTRY_NX);
}

/* Sign-extended from the highest bit that is translated. */
static uint64_t canonical(const Paging *p, uint64_t address)
{
    unsigned bits = level_shift(p, p->levels + 1);

    return p->levels > 3 ? (uint64_t)((int64_t)(address << (64 - bits)) >> (64 - bits)) : address;
}

bool x86_translate(const X86CpuState *s, struct AddressSpace *memory, uint64_t address,
                   uint64_t *physical, X86Mapping *mapping)
{
    Paging p = paging_of(s);
    X86Mapping m = { .writable = true, .user = true, .executable = true };
    uint64_t table = root_of(s, &p), entry = 0;

    if (!p.levels) {
        m.virtual_address = m.physical = address & ~0xfffull;
        m.size = 0x1000;
        *physical = address;
    } else if (p.levels > 3 ? canonical(&p, address) != address : address > UINT32_MAX) {
        return false;
    }
    for (unsigned level = p.levels; level > 0; level--) {
        unsigned shift = level_shift(&p, level);
        unsigned index = address >> shift & (level_entries(&p, level) - 1);

        if (!read_entry(s, &p, memory, level, table, index, &entry) ||
            !(entry & ENTRY_PRESENT)) {
            return false;
        }
        narrow(&p, level, entry, &m);
        if (is_page(&p, level, entry)) {
            m.size = 1ull << shift;
            m.physical = page_address(&p, level, entry);
            m.virtual_address = address & ~(m.size - 1);
            m.entry = entry;
            *physical = m.physical | (address & (m.size - 1));
            break;
        }
        table = entry & (p.entry_size == 4 ? 0xfffff000 : ENTRY_ADDRESS);
    }
    if (mapping) {
        *mapping = m;
    }
    return true;
}

size_t x86_read_virtual(const X86CpuState *s, struct AddressSpace *memory, uint64_t address,
                        void *buffer, size_t length)
{
    size_t done = 0;

    while (done < length) {
        uint64_t at = address + done, physical;
        size_t part = MIN(length - done, 0x1000 - (at & 0xfff));

        if (!x86_translate(s, memory, at, &physical, NULL) ||
            !address_space_read_debug(memory, physical, (uint8_t *)buffer + done, part)) {
            break;
        }
        done += part;
    }
    return done;
}

uint64_t x86_linear_rip(const X86CpuState *s)
{
    return x86_cpu_in_64bit_code(s) ? s->rip
                                    : (uint32_t)(s->segment[X86_CS].base + s->rip);
}

/* ---- the whole map ---- */

typedef struct Walk {
    const X86CpuState *state;
    struct AddressSpace *memory;
    Paging paging;
    uint64_t budget;
    X86MappingFunc each;
    void *opaque;
} Walk;

/* At most as deep as there are levels. */
static bool walk_table(Walk *w, unsigned level, uint64_t table, uint64_t base, X86Mapping rights)
{
    const Paging *p = &w->paging;
    unsigned shift = level_shift(p, level);

    for (unsigned i = 0; i < level_entries(p, level); i++) {
        uint64_t entry, address = base | (uint64_t)i << shift;
        X86Mapping m = rights;

        if (!w->budget--) {
            w->budget = 0;
            return false;
        }
        if (!read_entry(w->state, p, w->memory, level, table, i, &entry)) {
            return true; /* the table is not in memory */
        }
        if (!(entry & ENTRY_PRESENT)) {
            continue;
        }
        narrow(p, level, entry, &m);
        if (is_page(p, level, entry)) {
            m.virtual_address = canonical(p, address);
            m.physical = page_address(p, level, entry);
            m.size = 1ull << shift;
            m.entry = entry;
            if (!w->each(&m, w->opaque)) {
                return false;
            }
        } else if (!walk_table(w, level - 1,
                               entry & (p->entry_size == 4 ? 0xfffff000 : ENTRY_ADDRESS), address,
                               m)) {
            return false;
        }
    }
    return true;
}

bool x86_walk_pages(const X86CpuState *state, struct AddressSpace *memory, uint64_t budget,
                    X86MappingFunc each, void *opaque)
{
    Walk walk = { state, memory, paging_of(state), budget, each, opaque };
    X86Mapping all = { .writable = true, .user = true, .executable = true };

    return !walk.paging.levels ||
           walk_table(&walk, walk.paging.levels, root_of(state, &walk.paging), 0, all);
}

typedef struct Listing {
    GString *out;
    unsigned lines;
    bool wide;
    /* Of `info mem`: the range so far. */
    uint64_t start, end;
    bool open, writable, user;
} Listing;

static bool print_page(const X86Mapping *m, void *opaque)
{
    Listing *l = opaque;
    uint64_t e = m->entry;
    bool large = m->size > 0x1000;

    g_string_append_printf(l->out, "%016" PRIx64 ": %016" PRIx64 " %c%c%c%c%c%c%c%c%c\n",
                           m->virtual_address, m->physical, e & ENTRY_NX ? 'X' : '-',
                           e & ENTRY_GLOBAL ? 'G' : '-', large ? 'P' : '-',
                           e & ENTRY_DIRTY ? 'D' : '-', e & ENTRY_ACCESSED ? 'A' : '-',
                           e & ENTRY_PCD ? 'C' : '-', e & ENTRY_PWT ? 'T' : '-',
                           e & ENTRY_USER ? 'U' : '-', e & ENTRY_WRITE ? 'W' : '-');
    return ++l->lines < PRINT_LINES;
}

static void range_flush(Listing *l)
{
    if (l->open) {
        g_string_append_printf(l->out,
                               l->wide ? "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 " %cr%c\n"
                                       : "%08" PRIx64 "-%08" PRIx64 " %08" PRIx64 " %cr%c\n",
                               l->start, l->end, l->end - l->start, l->user ? 'u' : '-',
                               l->writable ? 'w' : '-');
        l->lines++;
        l->open = false;
    }
}

static bool print_range(const X86Mapping *m, void *opaque)
{
    Listing *l = opaque;

    if (!l->open || m->virtual_address != l->end || m->writable != l->writable ||
        m->user != l->user) {
        range_flush(l);
        l->start = m->virtual_address;
        l->writable = m->writable;
        l->user = m->user;
        l->open = true;
    }
    l->end = m->virtual_address + m->size;
    return l->lines < PRINT_LINES;
}

static void print_with(const X86CpuState *s, struct AddressSpace *memory, X86MappingFunc each,
                       GString *out)
{
    Listing l = { .out = out, .wide = x86_cpu_in_long_mode(s) };

    if (!(s->cr0 & X86_CR0_PG)) {
        g_string_append(out, "PG disabled\n");
        return;
    }
    if (!x86_walk_pages(s, memory, PRINT_BUDGET, each, &l)) {
        range_flush(&l);
        g_string_append(out, "(cut: the page tables name more than can be listed)\n");
        return;
    }
    range_flush(&l);
}

void x86_print_tlb(const X86CpuState *state, struct AddressSpace *memory, GString *out)
{
    print_with(state, memory, print_page, out);
}

void x86_print_mem(const X86CpuState *state, struct AddressSpace *memory, GString *out)
{
    print_with(state, memory, print_range, out);
}
