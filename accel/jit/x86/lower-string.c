/* SPDX-License-Identifier: MIT */
/*
 * String instructions: one helper does one, or many with a prefix. Registers are brought up to date
 * after each element, so that a fault or an interrupt finds them right; rip stays at the
 * instruction until it is done.
 */
#include <string.h>

#include "accel/jit/host-memory.h"
#include "accel/jit/x86/lower.h"
#include "accel/jit/x86/system.h"

enum { STRING_MOVS, STRING_STOS, STRING_LODS, STRING_SCAS, STRING_CMPS, STRING_INS, STRING_OUTS };

/* How the helper is told: kind, size, address size, segment, mode, REP, 64-bit code, limits. */
typedef struct StringInfo {
    unsigned kind, size, address_size, segment, mode, rep;
    bool code64, checked;
} StringInfo;

static uint64_t pack(const StringInfo *s)
{
    return s->kind | s->size << 4 | s->address_size << 8 | s->segment << 12 | s->mode << 16 |
           (uint64_t)s->rep << 20 | (uint64_t)s->code64 << 28 | (uint64_t)s->checked << 29;
}

static StringInfo unpack(uint64_t word)
{
    return (StringInfo){ word & 15, word >> 4 & 15, word >> 8 & 15, word >> 12 & 15,
                         word >> 16 & 15, word >> 20 & 0xff, word >> 28 & 1, word >> 29 & 1 };
}

static uint64_t offset_of(const X86Jit *cpu, unsigned reg, const StringInfo *s)
{
    uint64_t value = cpu->gpr[reg];

    return s->address_size == 8 ? value : s->address_size == 4 ? (uint32_t)value : (uint16_t)value;
}

static void set_register(X86Jit *cpu, unsigned reg, const StringInfo *s, uint64_t value)
{
    if (s->address_size == 2) {
        cpu->gpr[reg] = (cpu->gpr[reg] & ~0xffffull) | (uint16_t)value;
    } else {
        cpu->gpr[reg] = s->address_size == 4 ? (uint32_t)value : value;
    }
}

static void advance(X86Jit *cpu, unsigned reg, const StringInfo *s, int64_t by)
{
    set_register(cpu, reg, s, cpu->gpr[reg] + (uint64_t)by);
}

static uint64_t linear(X86Jit *cpu, unsigned segment, uint64_t offset, const StringInfo *s,
                       bool write)
{
    if (s->code64) {
        return segment >= X86_FS ? cpu->base[segment] + offset : offset;
    }
    if (s->checked || segment >= X86_FS || segment == X86_CS) {
        x86_help_check_limit(cpu, segment, offset, s->size, write);
    }
    return (uint32_t)(cpu->base[segment] + offset);
}

/* What SCAS and CMPS compared: the flags are made of it when the instruction ends. */
typedef struct Compared {
    uint64_t a, b;
} Compared;

static bool compares(const StringInfo *s)
{
    return s->kind == STRING_SCAS || s->kind == STRING_CMPS;
}

static uint64_t operand_mask(const StringInfo *s)
{
    return s->size == 8 ? UINT64_MAX : (1ull << (8 * s->size)) - 1;
}

static void set_flags_of(X86Jit *cpu, const StringInfo *s, Compared c)
{
    if (compares(s)) {
        cpu->cc_op = CC_SUB + (s->size == 1 ? 0 : s->size == 2 ? 1 : s->size == 4 ? 2 : 3);
        cpu->cc_src = c.b & operand_mask(s);
        cpu->cc_dst = (c.a - c.b) & operand_mask(s);
    }
}

static void put_accumulator(X86Jit *cpu, const StringInfo *s, uint64_t value)
{
    if (s->size == 8) {
        cpu->gpr[X86_RAX] = value;
    } else if (s->size == 4) {
        cpu->gpr[X86_RAX] = (uint32_t)value;
    } else {
        uint64_t mask = (1ull << (8 * s->size)) - 1;
        cpu->gpr[X86_RAX] = (cpu->gpr[X86_RAX] & ~mask) | (value & mask);
    }
}

static Compared one(X86Jit *cpu, const StringInfo *s)
{
    int64_t step = cpu->direction ? -(int64_t)s->size : (int64_t)s->size;
    uint64_t source = 0, target = 0, value = 0;
    Compared compared = { 0, 0 };
    bool reads = s->kind == STRING_MOVS || s->kind == STRING_LODS || s->kind == STRING_CMPS ||
                 s->kind == STRING_OUTS;
    bool has_target = s->kind != STRING_LODS && s->kind != STRING_OUTS;
    bool writes = s->kind == STRING_MOVS || s->kind == STRING_STOS || s->kind == STRING_INS;

    if (has_target && !writes) {
        /* If both operands of CMPS fault, CPUs tell of this one. */
        target = linear(cpu, X86_ES, offset_of(cpu, X86_RDI, s), s, false);
        compared.b = jit_load(&cpu->core, target, s->size, s->mode);
    }
    if (reads) {
        source = linear(cpu, s->segment, offset_of(cpu, X86_RSI, s), s, false);
    }
    if (s->kind == STRING_MOVS) {
        /* Faults of this operand come before all of the other's. */
        value = jit_load(&cpu->core, source, s->size, s->mode);
    }
    if (writes) {
        target = linear(cpu, X86_ES, offset_of(cpu, X86_RDI, s), s, true);
    }
    switch (s->kind) {
    case STRING_MOVS:
        jit_store(&cpu->core, target, s->size, s->mode, value);
        break;
    case STRING_STOS:
        jit_store(&cpu->core, target, s->size, s->mode, cpu->gpr[X86_RAX]);
        break;
    case STRING_LODS:
        put_accumulator(cpu, s, jit_load(&cpu->core, source, s->size, s->mode));
        break;
    case STRING_SCAS:
        compared.a = cpu->gpr[X86_RAX];
        break;
    case STRING_CMPS:
        compared.a = jit_load(&cpu->core, source, s->size, s->mode);
        break;
    case STRING_INS:
        /* A port may forget what it gave: the store must not fail any more. */
        jit_probe(&cpu->core, target, s->size, JIT_WRITE, s->mode);
        x86_note_io(cpu, cpu->gpr[X86_RDX], s->size,
                    X86_IO_IN | X86_IO_STRING | (s->rep ? X86_IO_REP : 0));
        jit_store(&cpu->core, target, s->size, s->mode,
                  jit_port_read(&cpu->core, (uint16_t)cpu->gpr[X86_RDX], s->size));
        x86_port_accessed(cpu, cpu->gpr[X86_RDX], s->size);
        break;
    default:
        value = jit_load(&cpu->core, source, s->size, s->mode);
        x86_note_io(cpu, cpu->gpr[X86_RDX], s->size, X86_IO_STRING | (s->rep ? X86_IO_REP : 0));
        jit_port_write(&cpu->core, (uint16_t)cpu->gpr[X86_RDX], s->size, value);
        x86_port_accessed(cpu, cpu->gpr[X86_RDX], s->size);
    }
    if (reads) {
        advance(cpu, X86_RSI, s, step);
    }
    if (has_target) {
        advance(cpu, X86_RDI, s, step);
    }
    return compared;
}

/* How many elements lie before the end of a page. */
static uint64_t to_page_end(uint64_t at, unsigned size)
{
    return (JIT_PAGE_SIZE - (at & ~JIT_PAGE_MASK)) / size;
}

/* Forward MOVS and STOS within pages of RAM; how many were done at once. Alignment is checked by
 * one(): an element that is not aligned is so before its page is not there. */
static uint64_t bulk(X86Jit *cpu, const StringInfo *s, uint64_t count)
{
    uint64_t target, source = 0;
    uint8_t *to, *from = NULL;

    if (cpu->direction || s->checked || s->address_size == 2 || count < 4 || (cpu->rflags & X86_TF) ||
        s->mode == X86_MODE_ALIGNED || (s->kind != STRING_MOVS && s->kind != STRING_STOS)) {
        return 0;
    }
    target = linear(cpu, X86_ES, offset_of(cpu, X86_RDI, s), s, true);
    count = MIN(count, to_page_end(target, s->size));
    if (s->kind == STRING_MOVS) {
        source = linear(cpu, s->segment, offset_of(cpu, X86_RSI, s), s, false);
        count = MIN(count, to_page_end(source, s->size));
        from = count ? jit_host(&cpu->core, source, JIT_READ, s->mode) : NULL;
    }
    to = count ? jit_host(&cpu->core, target, JIT_WRITE, s->mode) : NULL;
    if (!to || (s->kind == STRING_MOVS && (!from || (to > from && to < from + count * s->size)))) {
        return 0;
    }
    host_bulk_begin();
    if (s->kind == STRING_MOVS) {
        memmove(to, from, count * s->size);
        advance(cpu, X86_RSI, s, (int64_t)(count * s->size));
    } else if (s->size == 1) {
        memset(to, (uint8_t)cpu->gpr[X86_RAX], count);
    } else {
        for (uint64_t i = 0; i < count; i++) {
            memcpy(to + i * s->size, &cpu->gpr[X86_RAX], s->size);
        }
    }
    host_bulk_end();
    advance(cpu, X86_RDI, s, (int64_t)(count * s->size));
    return count;
}

/* Has a repeated comparison ended? */
static bool ended(const StringInfo *s, Compared c)
{
    bool equal = !((c.a ^ c.b) & operand_mask(s));

    return compares(s) && equal != (s->rep == 0xf3);
}

/*
 * 1: done; 0: something wants the CPU, the instruction goes on later. Until it is done the
 * flags are those of before, also when an element faults: SDM volume 2, REP.
 */
static uint64_t string(X86Jit *cpu, uint64_t packed)
{
    StringInfo s = unpack(packed);
    Compared compared = { 0, 0 };
    uint64_t count;

    if (s.kind == STRING_INS || s.kind == STRING_OUTS) {
        x86_help_check_port(cpu, (uint16_t)cpu->gpr[X86_RDX], s.size);
    }
    if (!s.rep) {
        set_flags_of(cpu, &s, one(cpu, &s));
        return 1;
    }
    if (!offset_of(cpu, X86_RCX, &s)) {
        return 1;
    }
    while ((count = offset_of(cpu, X86_RCX, &s))) {
        uint64_t done = bulk(cpu, &s, count);
        if (!done) {
            compared = one(cpu, &s);
            done = 1;
        }
        set_register(cpu, X86_RCX, &s, count - done);
        if (ended(&s, compared)) {
            break;
        }
        /* A single step is one element: SDM volume 3, 17.3.1.4. */
        if (count > done && (atomic_load_explicit(&cpu->core.attention, memory_order_relaxed) ||
                             (cpu->rflags & X86_TF))) {
            return 0;
        }
    }
    set_flags_of(cpu, &s, compared);
    return 1;
}
static const IrHelper string_helper = IR_HELPER(string, 1, 0);

void x86_lower_string(Lower *l)
{
    const X86Insn *insn = &l->insn;
    StringInfo s = {
        .kind = insn->row->arg, .size = row_size(l) ? (unsigned)row_size(l) : insn->operand_size,
        .address_size = insn->address_size, .mode = data_mode(l), .rep = insn->rep,
        .segment = insn->segment >= 0 ? (unsigned)insn->segment : X86_DS,
        .code64 = l->flags & X86_CTX_CODE64, .checked = l->flags & X86_CTX_LIMITS,
    };
    IrValue done;

    if ((s.kind == STRING_INS || s.kind == STRING_OUTS) && s.size == 8) {
        s.size = 4;
    }
    done = ir_call(l->ir, &string_helper, number(l, pack(&s)), 0, 0, 0);
    l->cc_op = -1;
    if (s.kind == STRING_INS || s.kind == STRING_OUTS) {
        end_io(l);
    }
    if (insn->rep) {
        repeat_or_go_on(l, done);
    }
}
