/* SPDX-License-Identifier: MIT */
/*
 * What the implementations of the x87's instructions share: which there are, the stack, the status.
 * SDM volume 1, chapter 8.
 */
#ifndef ACCEL_JIT_X86_X87_H
#define ACCEL_JIT_X86_X87_H

#include "accel/jit/x86/fpu.h"

/* The exceptions, in the status word; their masks are the same bits of the control word. */
#define X87_IE (1u << 0)
#define X87_DE (1u << 1)
#define X87_ZE (1u << 2)
#define X87_OE (1u << 3)
#define X87_UE (1u << 4)
#define X87_PE (1u << 5)
#define X87_EXCEPTIONS 0x3fu
#define X87_SF (1u << 6)
#define X87_C0 (1u << 8)
#define X87_C1 (1u << 9)
#define X87_C2 (1u << 10)
#define X87_C3 (1u << 14)
#define X87_CODES (X87_C0 | X87_C1 | X87_C2 | X87_C3)
#define X87_TOP (7u << 11)

/*
 * What an instruction computes, apart from where its operand is. FSUB and FDIV have ST(0) on the
 * left, FSUBR and FDIVR the operand, wherever the result goes; so do the comparisons.
 */
typedef enum X87Operation {
    X87_UD, /* does not exist, or is a control instruction with a function of its own in fpu.h */
    X87_FADD, X87_FMUL, X87_FSUB, X87_FSUBR, X87_FDIV, X87_FDIVR,
    X87_FCOM, X87_FUCOM, X87_FCOMI, X87_FUCOMI, X87_FTST, X87_FXAM,
    X87_FLD, X87_FST, X87_FSTNC, X87_FIST, X87_FISTT, X87_FBST, X87_FXCH, X87_FFREE,
    X87_FNOP, X87_FINCSTP, X87_FDECSTP,
    X87_FCMOVB, X87_FCMOVE, X87_FCMOVBE, X87_FCMOVU,
    X87_FCMOVNB, X87_FCMOVNE, X87_FCMOVNBE, X87_FCMOVNU,
    X87_FCHS, X87_FABS, X87_FSQRT, X87_FRNDINT, X87_FSCALE, X87_FXTRACT, X87_FPREM, X87_FPREM1,
    X87_FLD1, X87_FLDL2T, X87_FLDL2E, X87_FLDPI, X87_FLDLG2, X87_FLDLN2, X87_FLDZ,
    X87_F2XM1, X87_FYL2X, X87_FYL2XP1, X87_FPTAN, X87_FPATAN, X87_FSIN, X87_FCOS, X87_FSINCOS,
    X87_OPERATIONS,
} X87Operation;

/* Where the operand beside ST(0) is; the low four bits are its bytes in memory. */
typedef enum X87Operand {
    X87_NONE,
    X87_M32 = 0x04, X87_M64 = 0x08, X87_M80 = 0x0a,
    X87_I16 = 0x12, X87_I32 = 0x14, X87_I64 = 0x18,
    X87_BCD = 0x2a,
    X87_STI = 0x30,
} X87Operand;

enum { X87_POP = 1, X87_POP_TWICE = 2, X87_TO_STI = 4, X87_STORES = 8 };

typedef struct X87Form {
    uint8_t operation; /* X87Operation */
    uint8_t operand;   /* X87Operand */
    uint8_t flags;
} X87Form;

/* By opcode, from D8, and by ModRM from C0, or its reg field. */
extern const X87Form x87_register_forms[8][64], x87_memory_forms[8][8];

static inline const X87Form *x87_register_form(uint64_t code)
{
    return &x87_register_forms[code >> 8 & 7][code & 0x3f];
}

static inline const X87Form *x87_memory_form(uint64_t code)
{
    return &x87_memory_forms[code >> 8 & 7][code >> 3 & 7];
}

static inline unsigned x87_operand_bytes(const X87Form *form)
{
    return form->operand & 15;
}

/* ---- the stack: ST(i), and whether it is full ---- */

static inline X86Fpr *x87_stack(X86Jit *cpu, unsigned i)
{
    return &cpu->fpr[(x87_top(cpu) + i) & 7];
}

static inline bool x87_is_full(const X86Jit *cpu, unsigned i)
{
    return cpu->ftw >> ((x87_top(cpu) + i) & 7) & 1;
}

static inline void x87_set_full(X86Jit *cpu, unsigned i, bool full)
{
    unsigned bit = 1u << ((x87_top(cpu) + i) & 7);
    cpu->ftw = full ? cpu->ftw | bit : cpu->ftw & ~bit;
}

static inline void x87_turn(X86Jit *cpu, unsigned by)
{
    cpu->fsw = (cpu->fsw & ~X87_TOP) | ((x87_top(cpu) + by) & 7) << 11;
}

static inline void x87_pop(X86Jit *cpu)
{
    x87_set_full(cpu, 0, false);
    x87_turn(cpu, 1);
}

/* The new ST(0) is to be written. */
static inline void x87_push(X86Jit *cpu)
{
    x87_turn(cpu, 7);
    x87_set_full(cpu, 0, true);
}

/* ---- fpu.c ---- */

/* ES and B follow the exceptions and their masks, and FERR falls with them. */
void x87_update_summary(X86Jit *cpu);
/* The tag word as FNSTENV stores it, and back. */
uint16_t x87_full_tags(const X86Jit *cpu);
void x87_set_full_tags(X86Jit *cpu, uint16_t tags);

/* The last instruction that is not a control instruction. */
static inline void x87_note(X86Jit *cpu, uint64_t code, uint64_t ip)
{
    cpu->fop = code & 0x7ff;
    cpu->fip = ip;
}

#endif
