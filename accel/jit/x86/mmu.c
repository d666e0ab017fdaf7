/* SPDX-License-Identifier: MIT */
/* Page walks: Intel SDM volume 3, chapter 4. */
#include "accel/jit/x86/decode.h"
#include "accel/jit/x86/system.h"

#define PTE_P   1ull
#define PTE_W   2ull
#define PTE_U   4ull
#define PTE_A   0x20ull
#define PTE_D   0x40ull
#define PTE_PS  0x80ull
#define PTE_G   0x100ull
#define PTE_NX  (1ull << 63)

enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_RSVD = 8, PF_I = 16, PF_PK = 32 };

typedef struct Walk {
    X86Jit *cpu;
    uint64_t address;
    uint64_t table;
    unsigned level, bits, bytes;  /* level 0: the entries are of 4 KiB pages */
    uint64_t all;                 /* U and W of every entry so far */
    uint64_t nx;
    uint64_t entry, at;           /* the last one */
} Walk;

bool x86_canonical(const X86Jit *cpu, uint64_t address)
{
    unsigned shift = cpu->cr4 & X86_CR4_LA57 ? 64 - 57 : 64 - 48;

    return (uint64_t)((int64_t)(address << shift) >> shift) == address;
}

static uint64_t address_mask(const X86Jit *cpu)
{
    return ((1ull << cpu->x86->definition.phys_bits) - 1) & ~0xfffull;
}

static uint32_t high_bits_of_4m(const X86Jit *cpu)
{
    unsigned bits = x86_has(cpu, "pse36") ? CLAMP(cpu->x86->definition.phys_bits, 32, 40) - 32 : 0;

    return ((1u << bits) - 1) << 13;
}

static uint64_t reserved_bits(const Walk *walk, bool leaf)
{
    const X86Jit *cpu = walk->cpu;
    bool lma = cpu->efer & X86_EFER_LMA;
    uint64_t physical = ~((1ull << cpu->x86->definition.phys_bits) - 1), reserved;

    if (walk->bytes == 4) {
        /* Of 4 MiB: bits 13 … 20 are address bits 32 … 39, as far as there are such. */
        return leaf && walk->level == 1 ? (1u << 22) - (1u << 13) - high_bits_of_4m(cpu) : 0;
    }
    reserved = physical & (lma ? (1ull << 52) - 1 : (1ull << 63) - 1);
    if (!(cpu->efer & X86_EFER_NX)) {
        reserved |= PTE_NX;
    }
    if (leaf && walk->level > 0) {
        reserved |= ((1ull << (12 + 9 * walk->level)) - 1) & ~0x1fffull;
    }
    if (walk->level > 2 ||
        (walk->level == 2 && !x86_feature_set_has(&cpu->x86->definition.features, "pdpe1gb"))) {
        reserved |= PTE_PS;
    }
    return reserved;
}

static bool start_walk(Walk *walk)
{
    X86Jit *cpu = walk->cpu;

    if (cpu->efer & X86_EFER_LMA) {
        walk->level = cpu->cr4 & X86_CR4_LA57 ? 4 : 3;
        walk->table = cpu->cr3 & address_mask(cpu);
    } else if (cpu->cr4 & X86_CR4_PAE) {
        uint64_t pdpte = cpu->pdptr[walk->address >> 30 & 3];
        if (!(pdpte & PTE_P)) {
            return false;
        }
        walk->level = 1;
        walk->table = pdpte & address_mask(cpu);
    } else {
        walk->level = 1;
        walk->bits = 10;
        walk->bytes = 4;
        walk->table = cpu->cr3 & 0xfffff000u;
    }
    return true;
}

/* Follows the tables: 0, or bits of the error code and UINT32_MAX to begin again. */
static uint32_t follow(Walk *walk, bool probe, bool *present)
{
    X86Jit *cpu = walk->cpu;

    *present = false;
    for (;; walk->level--) {
        unsigned shift = 12 + walk->bits * walk->level;
        bool large = walk->bytes == 8 || (cpu->cr4 & X86_CR4_PSE), leaf;
        walk->at = walk->table + (walk->address >> shift & ((1u << walk->bits) - 1)) * walk->bytes;
        walk->entry = jit_load_physical(&cpu->core, walk->at, walk->bytes);
        if (!(walk->entry & PTE_P)) {
            return 0;
        }
        leaf = walk->level == 0 || (walk->level <= 2 && large && (walk->entry & PTE_PS));
        if (walk->entry & reserved_bits(walk, leaf)) {
            *present = true;
            return PF_RSVD;
        }
        walk->all &= walk->entry;
        walk->nx |= walk->entry & PTE_NX;
        if (leaf) {
            *present = true;
            return 0;
        }
        if (!probe && !(walk->entry & PTE_A) &&
            !jit_update_physical(&cpu->core, walk->at, walk->bytes, walk->entry,
                                 walk->entry | PTE_A)) {
            return UINT32_MAX;
        }
        walk->table = walk->entry & (walk->bytes == 4 ? 0xfffff000u : address_mask(cpu));
    }
}

static bool is_user(unsigned mode)
{
    return mode == X86_MODE_USER || mode == X86_MODE_ALIGNED;
}

/* SDM 4.6.2: keys are of user-mode addresses, with 4 and 5 levels. */
static bool key_forbids(const Walk *walk, JitAccess access, unsigned mode)
{
    const X86Jit *cpu = walk->cpu;
    unsigned rights = cpu->pkru >> (walk->entry >> 59 & 15) * 2 & 3;

    return access != JIT_FETCH && (cpu->efer & X86_EFER_LMA) && (walk->all & PTE_U) &&
           (cpu->cr4 & X86_CR4_PKE) &&
           ((rights & 1) || ((rights & 2) && access == JIT_WRITE &&
                             (is_user(mode) || (cpu->cr0 & X86_CR0_WP))));
}

/* Whether an access is allowed; PF_PK in *why when a key forbids it. */
static bool may_access(const Walk *walk, JitAccess access, unsigned mode, uint32_t *why)
{
    const X86Jit *cpu = walk->cpu;
    bool user_page = walk->all & PTE_U, user = is_user(mode);

    if (key_forbids(walk, access, mode)) {
        *why |= PF_PK;
        return false;
    }
    if (user && !user_page) {
        return false;
    }
    if (access == JIT_FETCH) {
        return !walk->nx && !(user_page && !user && (cpu->cr4 & X86_CR4_SMEP));
    }
    if (!user && user_page && (cpu->cr4 & X86_CR4_SMAP) &&
        (mode == X86_MODE_SMAP || mode == X86_MODE_SYSTEM)) {
        return false;
    }
    return access != JIT_WRITE || (walk->all & PTE_W) || !(user || (cpu->cr0 & X86_CR0_WP));
}

static void describe(const Walk *walk, unsigned mode, JitPage *page)
{
    uint64_t size = 1ull << (12 + walk->bits * walk->level), base;
    uint32_t why = 0;

    if (walk->bytes == 4) {
        base = walk->entry & 0xffffffffu & ~(size - 1);
        base |= walk->level == 1 ? (walk->entry >> 13 & 0xff) << 32 : 0;
    } else {
        base = walk->entry & address_mask(walk->cpu) & ~(size - 1);
    }
    page->physical = base | (walk->address & (size - 1) & JIT_PAGE_MASK);
    page->size = size;
    page->global = (walk->entry & PTE_G) && (walk->cpu->cr4 & X86_CR4_PGE);
    page->allowed = (may_access(walk, JIT_READ, mode, &why) ? JIT_CAN_READ : 0) |
                    (may_access(walk, JIT_FETCH, mode, &why) ? JIT_CAN_FETCH : 0);
    if ((walk->entry & PTE_D) && may_access(walk, JIT_WRITE, mode, &why)) {
        page->allowed |= JIT_CAN_WRITE;
    }
}

/* Of the instruction that runs, which was fetched a moment ago: nothing is to be raised. */
static bool code_byte(void *opaque, unsigned at, uint8_t *byte)
{
    X86Jit *cpu = opaque;
    uint64_t pc = cpu->base[X86_CS] + cpu->rip + at;
    JitPage page;

    if (!cpu->core.arch->walk(&cpu->core, pc, JIT_FETCH,
                              x86_jit_cpl(cpu) == 3 ? X86_MODE_USER : X86_MODE_KERNEL, true,
                              &page)) {
        return false;
    }
    *byte = jit_load_physical(&cpu->core, page.physical | (pc & ~JIT_PAGE_MASK & ~3ull), 4) >>
            8 * (pc & 3);
    return true;
}

static bool decode_again(X86Jit *cpu, X86Insn *insn)
{
    unsigned bits = x86_code64(cpu) ? 64 : cpu->context_flags & X86_CTX_CODE32 ? 32 : 16;

    return x86_decode(insn, bits, code_byte, cpu) == X86_DECODED;
}

/*
 * Whether 64-bit code came to an address by the stack segment, which is #SS in place of #GP: by rSP
 * or rBP as a base, or by the stack pointer itself. The instruction is looked at again.
 */
static bool is_by_stack(X86Jit *cpu, uint64_t address)
{
    bool near = address - cpu->gpr[X86_RSP] + 256 < 512 || address - cpu->gpr[X86_RBP] + 256 < 512;
    X86Insn insn;

    if (!x86_code64(cpu) || !decode_again(cpu, &insn)) {
        return false;
    }
    if (!insn.memory || (insn.base != X86_RSP && insn.base != X86_RBP)) {
        return near && (!insn.memory || insn.opcode == 0xff || insn.opcode == 0x8f);
    }
    return insn.segment != X86_FS && insn.segment != X86_GS;
}

/* Instructions that write what they read ask for both at once: CPUs report the write. */
static bool is_write(X86Jit *cpu, JitAccess access, unsigned mode)
{
    X86Insn insn;

    return access == JIT_WRITE ||
           (access == JIT_READ && mode != X86_MODE_SYSTEM && decode_again(cpu, &insn) &&
            insn.memory && (insn.row->flags & (X86_ROW_RMW | X86_ROW_LOCK)));
}

G_NORETURN void x86_page_fault(X86Jit *cpu, uint64_t address, JitAccess access, unsigned mode,
                               uint32_t error)
{
    bool tells_fetch = (cpu->cr4 & X86_CR4_SMEP) ||
                       ((cpu->cr4 & X86_CR4_PAE) && (cpu->efer & X86_EFER_NX));

    error |= (is_write(cpu, access, mode) ? PF_W : 0) | (is_user(mode) ? PF_U : 0) |
             (access == JIT_FETCH && tells_fetch ? PF_I : 0);
    cpu->cr2 = address;
    x86_raise_error(cpu, X86_PFV, error);
}

static bool fail(X86Jit *cpu, uint64_t address, JitAccess access, unsigned mode, bool probe,
                 uint32_t error)
{
    if (probe) {
        return false;
    }
    x86_page_fault(cpu, address, access, mode, error);
}

bool x86_walk(JitCpu *jit, uint64_t address, JitAccess access, unsigned mode, bool probe,
              JitPage *page)
{
    X86Jit *cpu = (X86Jit *)jit;

    if (!(cpu->efer & X86_EFER_LMA)) {
        address = (uint32_t)address;
    } else if (!x86_canonical(cpu, address)) {
        if (probe) {
            return false;
        }
        x86_raise_error(cpu, access != JIT_FETCH && mode != X86_MODE_SYSTEM &&
                             is_by_stack(cpu, address) ? X86_SSV : X86_GP, 0);
    }
    if (!(cpu->cr0 & X86_CR0_PG)) {
        *page = (JitPage){ .physical = address & JIT_PAGE_MASK, .size = JIT_PAGE_SIZE,
                           .allowed = JIT_CAN_READ | JIT_CAN_WRITE | JIT_CAN_FETCH };
        return true;
    }
    for (;;) {
        Walk walk = { .cpu = cpu, .address = address, .bits = 9, .bytes = 8, .all = UINT64_MAX };
        uint32_t error;
        uint64_t wanted;
        bool present;

        if (!start_walk(&walk)) {
            return fail(cpu, address, access, mode, probe, 0);
        }
        error = follow(&walk, probe, &present);
        if (error == UINT32_MAX) {
            continue;
        }
        if (!present || error) {
            return fail(cpu, address, access, mode, probe, error | (present ? PF_P : 0));
        }
        if (!may_access(&walk, access, mode, &error)) {
            return fail(cpu, address, access, mode, probe, error | PF_P);
        }
        wanted = walk.entry | PTE_A | (access == JIT_WRITE ? PTE_D : 0);
        if (!probe && wanted != walk.entry &&
            !jit_update_physical(jit, walk.at, walk.bytes, walk.entry, wanted)) {
            continue;
        }
        walk.entry = probe ? walk.entry : wanted;
        describe(&walk, mode, page);
        return true;
    }
}

bool x86_load_pdptrs(X86Jit *cpu, uint64_t cr3)
{
    uint64_t reserved = ~((1ull << cpu->x86->definition.phys_bits) - 1) | 0x1e6, entry[4];

    for (unsigned i = 0; i < 4; i++) {
        entry[i] = jit_load_physical(&cpu->core, (cr3 & 0xffffffe0u) + 8 * i, 8);
        if ((entry[i] & PTE_P) && (entry[i] & reserved)) {
            return false;
        }
    }
    for (unsigned i = 0; i < 4; i++) {
        cpu->pdptr[i] = entry[i];
    }
    return true;
}

/* An address that is not canonical is told of first, and a page that is not there later. */
void x86_check_alignment(X86Jit *cpu, uint64_t address, unsigned to)
{
    if ((cpu->context_flags & X86_CTX_AC) && (address & (to - 1)) &&
        (!x86_long_mode(cpu) || x86_canonical(cpu, address))) {
        x86_raise_error(cpu, X86_ACV, 0);
    }
}
