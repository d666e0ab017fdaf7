/* SPDX-License-Identifier: MIT */
/*
 * Encodes x86-64 instructions (Intel SDM volume 2). Registers are numbers 0 … 15 as in the
 * encoding. Nothing is written past the end of a buffer: `full` is set instead.
 */
#ifndef ACCEL_JIT_HOST_X86_64_ASM_H
#define ACCEL_JIT_HOST_X86_64_ASM_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* Conditions as Jcc, SETcc and CMOVcc encode them. */
enum { CC_B = 2, CC_AE = 3, CC_E = 4, CC_NE = 5, CC_BE = 6, CC_A = 7, CC_S = 8, CC_L = 12, CC_GE = 13,
       CC_LE = 14, CC_G = 15 };

/* The group of eight that ALU instructions are: the /digit, and the opcode is 8 × it. */
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
/* The shift group. */
enum { SHIFT_ROL, SHIFT_ROR, SHIFT_SHL = 4, SHIFT_SHR, SHIFT_SAR = 7 };

typedef struct Asm {
    uint8_t *code;
    unsigned length, size;
    bool full;
    int32_t middle;          /* what RBP points to, as an offset in the state: JitArch.middle */
} Asm;

static inline void asm_byte(Asm *a, unsigned byte)
{
    if (a->length < a->size) {
        a->code[a->length++] = (uint8_t)byte;
    } else {
        a->full = true;
    }
}

static inline void asm_bytes(Asm *a, uint64_t value, unsigned count)
{
    /* All of them in one store: the last bytes of a buffer are not used. */
    if (a->size - a->length >= sizeof(value)) {
        memcpy(a->code + a->length, &value, sizeof(value));
        a->length += count;
    } else {
        a->full = true;
    }
}

static inline void asm_rex(Asm *a, bool wide, int reg, int index, int rm, bool force)
{
    unsigned rex = 0x40 | wide << 3 | (reg >> 3 & 1) << 2 | (index >> 3 & 1) << 1 | (rm >> 3 & 1);

    if (rex != 0x40 || force) {
        asm_byte(a, rex);
    }
}

/* Without a displacement, RBP and R13 would mean something else as a base. */
static inline unsigned displacement_bytes(int base, int32_t disp)
{
    return disp == 0 && (base & 7) != RBP ? 0 : disp >= -128 && disp <= 127 ? 1 : 4;
}

static inline unsigned displacement_mod(unsigned bytes)
{
    return bytes == 0 ? 0 : bytes == 1 ? 0x40 : 0x80;
}

/* ModRM and displacement for [base + disp]; with RBP for what lies at `disp` in the state. */
static inline void asm_memory(Asm *a, int reg, int base, int32_t disp)
{
    disp -= base == RBP ? a->middle : 0;
    unsigned bytes = displacement_bytes(base, disp);

    asm_byte(a, displacement_mod(bytes) | (reg & 7) << 3 | (base & 7));
    if ((base & 7) == RSP) {
        asm_byte(a, 0x24);
    }
    asm_bytes(a, (uint32_t)disp, bytes);
}

/* For [base + index × 2^scale + disp]. */
static inline void asm_memory_index(Asm *a, int reg, int base, int index, unsigned scale,
                                    int32_t disp)
{
    unsigned bytes = displacement_bytes(base, disp);

    asm_byte(a, displacement_mod(bytes) | 4 | (reg & 7) << 3);
    asm_byte(a, scale << 6 | (index & 7) << 3 | (base & 7));
    asm_bytes(a, (uint32_t)disp, bytes);
}

static inline void asm_register(Asm *a, int reg, int rm)
{
    asm_byte(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* opcode reg, rm with both in registers. */
static inline void asm_rr(Asm *a, bool wide, unsigned opcode, int reg, int rm)
{
    asm_rex(a, wide, reg, 0, rm, false);
    if (opcode > 0xff) {
        asm_byte(a, opcode >> 8);
    }
    asm_byte(a, opcode & 0xff);
    asm_register(a, reg, rm);
}

/* The same with a prefix (66, F2, F3) before REX; `byte` operands need REX to be the low ones. */
static inline void asm_prefix_rr(Asm *a, unsigned prefix, bool wide, unsigned opcode, int reg,
                                 int rm, bool force)
{
    if (prefix) {
        asm_byte(a, prefix);
    }
    asm_rex(a, wide, reg, 0, rm, force);
    asm_byte(a, opcode >> 8);
    asm_byte(a, opcode & 0xff);
    asm_register(a, reg, rm);
}

static inline void asm_rm(Asm *a, bool wide, unsigned opcode, int reg, int base, int32_t disp)
{
    asm_rex(a, wide, reg, 0, base, false);
    if (opcode > 0xff) {
        asm_byte(a, opcode >> 8);
    }
    asm_byte(a, opcode & 0xff);
    asm_memory(a, reg, base, disp);
}

static inline void asm_mov_rr(Asm *a, int to, int from)
{
    if (to != from) {
        asm_rr(a, true, 0x8b, to, from);
    }
}

/* Keeps the flags. */
static inline void asm_mov_imm(Asm *a, int to, uint64_t value)
{
    if (value <= UINT32_MAX) {
        asm_rex(a, false, 0, 0, to, false);
        asm_byte(a, 0xb8 | (to & 7));
        asm_bytes(a, value, 4);
    } else if ((int64_t)value >= INT32_MIN && (int64_t)value < 0) {
        asm_rex(a, true, 0, 0, to, false);
        asm_byte(a, 0xc7);
        asm_register(a, 0, to);
        asm_bytes(a, value, 4);
    } else {
        asm_rex(a, true, 0, 0, to, false);
        asm_byte(a, 0xb8 | (to & 7));
        asm_bytes(a, value, 8);
    }
}

/* to = size bytes at [base + disp], zero- or sign-extended (to 64 bits if `wide`). */
static inline void asm_load(Asm *a, unsigned size, bool sign, bool wide, int to, int base,
                            int32_t disp)
{
    static const unsigned zero[] = { [1] = 0x0fb6, [2] = 0x0fb7, [4] = 0x8b, [8] = 0x8b };
    static const unsigned signs[] = { [1] = 0x0fbe, [2] = 0x0fbf, [4] = 0x63 };

    if (sign && size < 8 && !(size == 4 && !wide)) {
        asm_rm(a, wide, signs[size], to, base, disp);
    } else {
        asm_rm(a, size == 8, zero[size], to, base, disp);
    }
}

static inline void asm_load_index(Asm *a, unsigned size, bool sign, bool wide, int to, int base,
                                  int index)
{
    static const unsigned zero[] = { [1] = 0x0fb6, [2] = 0x0fb7, [4] = 0x8b, [8] = 0x8b };
    static const unsigned signs[] = { [1] = 0x0fbe, [2] = 0x0fbf, [4] = 0x63 };
    bool extend = sign && size < 8 && !(size == 4 && !wide);
    unsigned opcode = extend ? signs[size] : zero[size];

    asm_rex(a, extend ? wide : size == 8, to, index, base, false);
    if (opcode > 0xff) {
        asm_byte(a, opcode >> 8);
    }
    asm_byte(a, opcode & 0xff);
    asm_memory_index(a, to, base, index, 0, 0);
}

static inline void asm_store(Asm *a, unsigned size, int from, int base, int32_t disp)
{
    if (size == 2) {
        asm_byte(a, 0x66);
    }
    asm_rex(a, size == 8, from, 0, base, size == 1);
    asm_byte(a, size == 1 ? 0x88 : 0x89);
    asm_memory(a, from, base, disp);
}

static inline void asm_store_index(Asm *a, unsigned size, int from, int base, int index)
{
    if (size == 2) {
        asm_byte(a, 0x66);
    }
    asm_rex(a, size == 8, from, index, base, size == 1);
    asm_byte(a, size == 1 ? 0x88 : 0x89);
    asm_memory_index(a, from, base, index, 0, 0);
}

/* [base + disp] = value; false when the value does not fit a sign-extended 32-bit immediate. */
static inline bool asm_store_imm(Asm *a, unsigned size, uint64_t value, int base, int32_t disp)
{
    if (size == 8 && (int64_t)value != (int32_t)value) {
        return false;
    }
    if (size == 2) {
        asm_byte(a, 0x66);
    }
    asm_rex(a, size == 8, 0, 0, base, false);
    asm_byte(a, size == 1 ? 0xc6 : 0xc7);
    asm_memory(a, 0, base, disp);
    asm_bytes(a, value, MIN(size, 4));
    return true;
}

static inline void asm_alu_rr(Asm *a, bool wide, unsigned alu, int to, int from)
{
    asm_rr(a, wide, alu * 8 + 3, to, from);
}

static inline void asm_alu_imm(Asm *a, bool wide, unsigned alu, int to, int32_t value)
{
    bool small = value >= -128 && value <= 127;

    asm_rex(a, wide, 0, 0, to, false);
    if (!small && to == RAX) {
        asm_byte(a, alu * 8 + 5);
    } else {
        asm_byte(a, small ? 0x83 : 0x81);
        asm_register(a, alu, to);
    }
    asm_bytes(a, (uint32_t)value, small ? 1 : 4);
}

static inline void asm_shift_imm(Asm *a, bool wide, unsigned kind, int to, unsigned count)
{
    asm_rex(a, wide, 0, 0, to, false);
    asm_byte(a, 0xc1);
    asm_register(a, kind, to);
    asm_byte(a, count);
}

/* By CL. */
static inline void asm_shift_cl(Asm *a, bool wide, unsigned kind, int to)
{
    asm_rex(a, wide, 0, 0, to, false);
    asm_byte(a, 0xd3);
    asm_register(a, kind, to);
}

/* Leave room for a displacement of 32 bits; its place is returned. */
static inline unsigned asm_jmp(Asm *a)
{
    asm_byte(a, 0xe9);
    asm_bytes(a, 0, 4);
    return a->length - 4;
}

static inline unsigned asm_jcc(Asm *a, unsigned cc)
{
    asm_byte(a, 0x0f);
    asm_byte(a, 0x80 | cc);
    asm_bytes(a, 0, 4);
    return a->length - 4;
}

#endif
