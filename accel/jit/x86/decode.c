/* SPDX-License-Identifier: MIT */
/* Intel SDM volume 2, chapter 2: prefixes, opcodes, ModRM, SIB, displacement, immediates. */
#include "accel/jit/x86/decode.h"

#include <string.h>

#include "arch/x86/state.h"

#define MAX_LENGTH 15

typedef struct Decoder {
    X86Insn *insn;
    X86Fetch fetch;
    void *opaque;
    unsigned bits, map;
    uint8_t rex;
    bool undefined;         /* … which is told once it has all its bytes */
    X86Decoded problem;
} Decoder;

static uint8_t next(Decoder *d)
{
    uint8_t byte = 0;

    if (d->problem != X86_DECODED) {
        return 0;
    }
    if (d->insn->length == MAX_LENGTH) {
        d->problem = X86_TOO_LONG;
    } else if (!d->fetch(d->opaque, d->insn->length, &byte)) {
        d->problem = X86_NO_BYTES;
    } else {
        d->insn->length++;
    }
    return byte;
}

static uint64_t next_bytes(Decoder *d, unsigned count)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < count; i++) {
        value |= (uint64_t)next(d) << (8 * i);
    }
    return value;
}

static int64_t next_signed(Decoder *d, unsigned count)
{
    unsigned shift = 64 - 8 * count;

    return (int64_t)(next_bytes(d, count) << shift) >> shift;
}

/* Takes prefixes; the byte after them is returned. */
static uint8_t prefixes(Decoder *d)
{
    static const struct {
        uint8_t byte;
        int8_t segment;
    } segments[] = {
        { 0x26, X86_ES }, { 0x2e, X86_CS }, { 0x36, X86_SS }, { 0x3e, X86_DS },
        { 0x64, X86_FS }, { 0x65, X86_GS },
    };
    X86Insn *insn = d->insn;

    for (;;) {
        uint8_t byte = next(d);
        bool known = true;
        if (d->problem != X86_DECODED) {
            return 0;
        }
        if (d->bits == 64 && (byte & 0xf0) == 0x40) {
            d->rex = byte;
            continue;
        }
        switch (byte) {
        case 0x66:
            insn->prefix66 = true;
            break;
        case 0x67:
            insn->address_size = d->bits == 32 ? 2 : 4;
            break;
        case 0xf0:
            insn->lock = true;
            break;
        case 0xf2: case 0xf3:
            insn->rep = byte;
            break;
        default:
            known = false;
            for (unsigned i = 0; i < G_N_ELEMENTS(segments); i++) {
                if (segments[i].byte == byte) {
                    known = true;
                    /* In 64-bit code the first four have no effect, nor do they hide another. */
                    if (d->bits != 64 || segments[i].segment >= X86_FS) {
                        insn->segment = segments[i].segment;
                    }
                }
            }
        }
        if (!known) {
            return byte;
        }
        /* REX counts only right before the opcode. */
        d->rex = 0;
    }
}

/* C4 and C5, which are LES and LDS outside of 64-bit code unless ModRM would be a register. */
static bool is_vex(Decoder *d, uint8_t byte)
{
    uint8_t after;

    if (byte != 0xc4 && byte != 0xc5) {
        return false;
    }
    return d->bits == 64 || (d->fetch(d->opaque, d->insn->length, &after) && after >= 0xc0);
}

static uint8_t vex(Decoder *d, uint8_t byte)
{
    static const uint8_t reps[] = { 0, 0, 0xf3, 0xf2 };
    X86Insn *insn = d->insn;
    uint8_t first = next(d), last = first;

    d->undefined = insn->prefix66 || insn->rep || insn->lock || d->rex;
    insn->vex = true;
    d->map = 1;
    d->rex = 0x40 | (first & 0x80 ? 0 : 4);
    if (byte == 0xc4) {
        last = next(d);
        d->map = first & 31;
        d->rex = 0x40 | (~first >> 5 & 7) | (last >> 4 & 8);
    }
    if (d->bits != 64) {
        d->rex &= 0x48;
    }
    insn->w = d->rex & 8;
    insn->vvvv = ~last >> 3 & (d->bits == 64 ? 15 : 7);
    insn->vex_l = last >> 2 & 1;
    insn->rep = reps[last & 3];
    insn->prefix66 = (last & 3) == 1;
    if (d->map < 1 || d->map > 3) {
        d->undefined = true;
        d->map = 1;
    }
    return next(d);
}

static uint8_t opcode(Decoder *d, uint8_t byte)
{
    if (is_vex(d, byte)) {
        return vex(d, byte);
    }
    if (byte != 0x0f) {
        return byte;
    }
    d->map = 1;
    byte = next(d);
    if (byte == 0x38 || byte == 0x3a) {
        d->map = byte == 0x38 ? 2 : 3;
        byte = next(d);
    }
    return byte;
}

/* ---- the row ---- */

static unsigned mandatory_prefix(const X86Insn *insn)
{
    return insn->rep == 0xf3 ? X86_PREFIX_F3 : insn->rep == 0xf2 ? X86_PREFIX_F2
         : insn->prefix66 ? X86_PREFIX_66 : X86_NO_PREFIX;
}

static bool modrm_fits(const X86Row *row, uint8_t modrm)
{
    bool is_register = modrm >= 0xc0;

    if (row->modrm == X86_NO_MODRM) {
        return true;
    }
    if ((row->where == X86_RM_MEMORY && is_register) ||
        (row->where == X86_RM_REGISTER && !is_register)) {
        return false;
    }
    return row->modrm == X86_MODRM ||
           (row->modrm == X86_MODRM_DIGIT && (modrm >> 3 & 7) == row->value) ||
           (row->modrm == X86_MODRM_EXACT && modrm == row->value);
}

static bool row_fits(const Decoder *d, const X86Row *row, uint8_t modrm)
{
    const X86Insn *insn = d->insn;

    if ((row->prefix != X86_ANY_PREFIX && row->prefix != mandatory_prefix(insn)) ||
        (row->flags & X86_ROW_I64 && d->bits == 64) ||
        (row->flags & X86_ROW_O64 && d->bits != 64)) {
        return false;
    }
    if (row->vex && ((row->l >= 0 && row->l != insn->vex_l) || (row->w >= 0 && row->w != insn->w))) {
        return false;
    }
    return modrm_fits(row, modrm);
}

static bool wants_modrm(const X86Row *first, const X86Row *end)
{
    return first < end && first->modrm != X86_NO_MODRM;
}

/*
 * Where none fits the instruction is undefined, but it is as long as another with that opcode: that
 * it is too long, or goes on where nothing can be fetched, comes first.
 */
static void find_row(Decoder *d)
{
    X86Insn *insn = d->insn;
    const uint16_t *starts = x86_row_starts[d->map][insn->vex];
    const X86Row *first = &x86_rows[starts[insn->opcode]], *row = first;
    const X86Row *end = &x86_rows[starts[insn->opcode + 1]];

    if (wants_modrm(row, end)) {
        insn->modrm = next(d);
    }
    for (; row < end; row++) {
        if (row_fits(d, row, insn->modrm)) {
            insn->row = row;
            return;
        }
    }
    d->undefined = true;
    insn->row = first < end ? first : NULL;
}

/* ---- sizes, ModRM, immediates ---- */

static void set_operand_size(Decoder *d)
{
    X86Insn *insn = d->insn;
    unsigned flags = insn->row->flags;

    if (d->bits != 64) {
        insn->operand_size = (d->bits == 32) != insn->prefix66 ? 4 : 2;
    } else if (insn->w || flags & X86_ROW_F64) {
        insn->operand_size = 8;
    } else {
        insn->operand_size = insn->prefix66 ? 2 : flags & X86_ROW_D64 ? 8 : 4;
    }
}

static void memory16(Decoder *d, unsigned mod, unsigned rm)
{
    static const int8_t bases[] = { X86_RBX, X86_RBX, X86_RBP, X86_RBP, X86_RSI, X86_RDI, X86_RBP,
                                    X86_RBX };
    static const int8_t indexes[] = { X86_RSI, X86_RDI, X86_RSI, X86_RDI, -1, -1, -1, -1 };
    X86Insn *insn = d->insn;

    insn->base = bases[rm];
    insn->index = indexes[rm];
    if (mod == 0 && rm == 6) {
        insn->base = -1;
        insn->disp = next_signed(d, 2);
    } else if (mod) {
        insn->disp = next_signed(d, mod == 1 ? 1 : 2);
    }
}

static void memory32(Decoder *d, unsigned mod, unsigned rm)
{
    X86Insn *insn = d->insn;

    insn->base = rm | (d->rex << 3 & 8);
    if (rm == 4) {
        uint8_t sib = next(d);
        insn->index = (sib >> 3 & 7) | (d->rex << 2 & 8);
        insn->scale = sib >> 6;
        insn->base = (sib & 7) | (d->rex << 3 & 8);
        /* A vector index has no number that means none. */
        if (insn->index == 4 && !(insn->row->flags & X86_ROW_VSIB)) {
            insn->index = -1;
        }
        rm = sib & 7;
    }
    if (mod == 0 && rm == 5) {
        insn->rip_relative = d->bits == 64 && (insn->modrm & 7) == 5;
        insn->base = -1;
        insn->disp = next_signed(d, 4);
    } else if (mod) {
        insn->disp = next_signed(d, mod == 1 ? 1 : 4);
    }
}

static void take_modrm(Decoder *d)
{
    X86Insn *insn = d->insn;
    unsigned mod = insn->modrm >> 6, rm = insn->modrm & 7;

    insn->reg = (insn->modrm >> 3 & 7) | (d->rex << 1 & 8);
    insn->rm = rm | (d->rex << 3 & 8);
    insn->memory = mod != 3 && !(insn->row->flags & X86_ROW_REGISTERS);
    if (!insn->memory) {
        return;
    }
    if (insn->address_size == 2) {
        memory16(d, mod, rm);
    } else {
        memory32(d, mod, rm);
    }
}

static void take_immediate(Decoder *d, unsigned operand, bool second)
{
    X86Insn *insn = d->insn;
    unsigned size = insn->operand_size;

    switch (operand) {
    case X86_OP_Ib: case X86_OP_Jb: case X86_OP_L:
        if (second) {
            insn->imm2 = next(d);
        } else {
            insn->imm = next_signed(d, 1);
        }
        break;
    case X86_OP_Iw:
        insn->imm = next_bytes(d, 2);
        break;
    case X86_OP_Iz:
        insn->imm = next_signed(d, size == 2 ? 2 : 4);
        break;
    case X86_OP_Jz:
        insn->imm = next_signed(d, size == 2 && d->bits != 64 ? 2 : 4);
        break;
    case X86_OP_Iv:
        insn->imm = next_signed(d, size);
        break;
    case X86_OP_Ap:
        insn->imm = next_bytes(d, size == 2 ? 2 : 4);
        insn->imm2 = next_bytes(d, 2);
        break;
    case X86_OP_Ob: case X86_OP_Ov:
        insn->memory = true;
        insn->disp = (int64_t)next_bytes(d, insn->address_size);
        break;
    default:
        break;
    }
}

static bool is_immediate(unsigned operand)
{
    return operand == X86_OP_Ib || operand == X86_OP_Iw || operand == X86_OP_L;
}

static void take_operands(Decoder *d)
{
    const X86Row *row = d->insn->row;
    bool any = false;

    for (unsigned i = 0; i < G_N_ELEMENTS(row->operands); i++) {
        take_immediate(d, row->operands[i], any);
        any |= is_immediate(row->operands[i]);
    }
}

X86Decoded x86_decode(X86Insn *insn, unsigned bits, X86Fetch fetch, void *opaque)
{
    Decoder d = { .insn = insn, .fetch = fetch, .opaque = opaque, .bits = bits };
    uint8_t byte;

    *insn = (X86Insn){ .segment = -1, .base = -1, .index = -1, .address_size = bits / 8,
                       .code64 = bits == 64 };
    byte = prefixes(&d);
    insn->opcode = opcode(&d, byte);
    insn->has_rex = d.rex && !insn->vex;
    insn->w = insn->vex ? insn->w : d.rex >> 3 & 1;
    find_row(&d);
    if (insn->row) {
        set_operand_size(&d);
        if (insn->row->modrm != X86_NO_MODRM) {
            take_modrm(&d);
        } else {
            insn->rm = (insn->opcode & 7) | (d.rex << 3 & 8);
        }
        take_operands(&d);
    }
    if (d.problem != X86_DECODED) {
        return d.problem;
    }
    if (d.undefined || !insn->row) {
        return X86_UNDEFINED;
    }
    if (insn->lock && (!(insn->row->flags & X86_ROW_LOCK) || !insn->memory)) {
        return X86_UNDEFINED;
    }
    return X86_DECODED;
}
