/* SPDX-License-Identifier: MIT */
/* Bytes to instructions, by the rows that scripts/make-x86-decoder makes of *.table. */
#ifndef ACCEL_JIT_X86_DECODE_H
#define ACCEL_JIT_X86_DECODE_H

#include "accel/jit/ir.h"

typedef struct Lower Lower;

typedef enum X86Operand {
    X86_OP_NONE,
    /* as in vectors.table and x87.table */
    X86_OP_V, X86_OP_W, X86_OP_U, X86_OP_H, X86_OP_L, X86_OP_P, X86_OP_Q, X86_OP_N, X86_OP_G,
    X86_OP_E, X86_OP_M, X86_OP_Mw, X86_OP_Md, X86_OP_Mq, X86_OP_Mt, X86_OP_ST0, X86_OP_STi,
    X86_OP_Ib,
    /* integers.table: the SDM's letters, volume 2, appendix A */
    X86_OP_Eb, X86_OP_Ew, X86_OP_Ev, X86_OP_Ey, X86_OP_Gb, X86_OP_Gw, X86_OP_Gv, X86_OP_Gy,
    X86_OP_By, X86_OP_Iw, X86_OP_Iz, X86_OP_Iv, X86_OP_Jb, X86_OP_Jz, X86_OP_Ap, X86_OP_Ob,
    X86_OP_Ov, X86_OP_AL, X86_OP_rAX, X86_OP_Zb, X86_OP_Zv, X86_OP_Sw, X86_OP_CL, X86_OP_DX,
    X86_OP_one,
} X86Operand;

enum { X86_NO_MODRM, X86_MODRM, X86_MODRM_DIGIT, X86_MODRM_EXACT };
enum { X86_RM_ANY, X86_RM_MEMORY, X86_RM_REGISTER };
enum { X86_ANY_PREFIX, X86_NO_PREFIX, X86_PREFIX_66, X86_PREFIX_F3, X86_PREFIX_F2 };
enum {
    X86_ROW_I64 = 1,   /* not in 64-bit code */
    X86_ROW_O64 = 2,   /* only there */
    X86_ROW_D64 = 4,   /* operand size 64 by default there */
    X86_ROW_F64 = 8,   /* … whatever prefixes say */
    X86_ROW_LOCK = 16, /* takes LOCK when its first operand is memory */
    X86_ROW_REGISTERS = 512, /* whatever ModRM.mod says */
    X86_ROW_WRITE = 256, /* of vectors.table: writes its memory operand */
    X86_ROW_RMW = 128,   /* writes its first operand after it was read; X86_ROW_LOCK does, too */
    X86_ROW_VSIB = 64,   /* the index is a vector */
    X86_ROW_SYSTEM = 32, /* reads or changes what an operating system keeps from a program */
};

typedef struct X86Row {
    const char *mnemonic;
    void (*lower)(Lower *l);
    const IrVectorOp *vector;
    int arg;           /* for lowering */
    int size;          /* for lowering */
    const char *feature; /* of arch/x86/features.h; NULL: every CPU has it */
    uint8_t modrm, value, where, prefix;
    bool vex;
    int8_t l, w;       /* of VEX; -1: any */
    uint16_t flags;
    bool of_vectors;    /* vectors.table or x87.table has it */
    uint16_t undefined; /* arithmetic flags that are undefined after it */
    uint8_t operands[4];
} X86Row;

extern const X86Row x86_rows[];
extern const uint16_t x86_row_starts[4][2][257]; /* map, VEX, opcode */
extern const unsigned x86_row_count;

typedef struct X86Insn {
    const X86Row *row;
    uint8_t length;
    uint8_t opcode, modrm;
    bool code64, vex, w, lock, prefix66;
    uint8_t rep;           /* 0, 0xf2, 0xf3 */
    uint8_t vex_l, vvvv;
    int8_t segment;        /* X86_ES …: by a prefix; -1: none */
    uint8_t operand_size, address_size;
    bool has_rex;
    uint8_t reg, rm;       /* with REX */
    bool memory;           /* rm is memory: */
    int8_t base, index;    /* registers or -1 */
    uint8_t scale;         /* a shift */
    bool rip_relative;
    int64_t disp;
    uint64_t imm;          /* sign-extended, but for Iw and Ap's offset */
    uint16_t imm2;         /* ENTER's second, Ap's selector */
} X86Insn;

typedef enum X86Decoded {
    X86_DECODED,
    X86_UNDEFINED,   /* #UD */
    X86_TOO_LONG,    /* #GP: more than 15 bytes */
    X86_NO_BYTES,    /* the source had no more */
} X86Decoded;

/* The byte at offset `at` of the instruction; false: there is none. */
typedef bool (*X86Fetch)(void *opaque, unsigned at, uint8_t *byte);

/* `bits` is 16, 32 or 64. */
X86Decoded x86_decode(X86Insn *insn, unsigned bits, X86Fetch fetch, void *opaque);

#endif
