/* SPDX-License-Identifier: MIT */
/*
 * Lowering of SIMD and x87: what it asks of the decoder about the instruction, and the functions
 * that vectors.table and x87.table name as `NAME` for x86_lower_NAME.
 *
 * A function that lowered an exception with raise_now() returns at once; the block ends there.
 * Memory operands are addressed, with their segment's checks, by address().
 */
#ifndef ACCEL_JIT_X86_LOWER_VECTOR_H
#define ACCEL_JIT_X86_LOWER_VECTOR_H

#include "accel/jit/x86/decode.h"
#include "accel/jit/x86/x86.h"

/* An instruction being lowered: `ir` is the block that it goes to. */
#define LOWER_RUNS 16
#define LOWER_RETURNS 8
#define LOWER_INSN_EXITS 3   /* at most: of a branch both ways, and of the end of its block */

typedef struct Lower {
    IrBlock *ir;
    JitTranslation *t;
    X86Jit *cpu;
    X86Insn insn;
    uint64_t pc;          /* of the instruction, linear */
    uint64_t end;         /* of the next */
    uint32_t flags;       /* X86_CTX_* */
    IrValue linear;       /* of the memory operand, once made */
    int cc_op;            /* what is known of the slot; -1: nothing */
    uint64_t next;        /* the instruction to be lowered after this one */
    struct {
        uint64_t start, end;
    } run[LOWER_RUNS];    /* of instructions one behind the other, in this round; the last goes
                           * on */
    unsigned runs;
    uint64_t basic;       /* what the last branch led to */
    unsigned share;       /* of JIT_HOT times, as often a trace comes to here */
    unsigned round_insns, round_ops, round_exits; /* of a block that is a loop: in one round */
    uint64_t returns[LOWER_RETURNS]; /* where the calls that were followed lead back to: offsets */
    unsigned depth;
    IrValue minuend;      /* with CC_SUB: what was subtracted from, if it is at hand */
    bool ended;           /* the block ended with this instruction */
    bool leave;           /* it has to end after it */
    bool to_loop;         /* … and the loop has to look around */
    bool sti;             /* the instruction was an STI that left its shadow to the next one */
} Lower;

/* What lowered code calls, as an IrHelper named `name`. */
#define LOWER_CALL(name, function, args, flags) \
    static const IrHelper name = { #function, (IrFunction)(function), args, flags };

/* ---- the instruction ---- */

uint32_t context_flags(const Lower *l);
bool insn_is_vex(const Lower *l);
bool insn_vex256(const Lower *l);           /* VEX.L */
bool insn_vector_w(const Lower *l);         /* VEX.W, which is not of general registers: anywhere */
bool insn_w(const Lower *l);                /* REX.W or VEX.W; false outside of 64-bit code */
bool insn_mode64(const Lower *l);
bool insn_is_register(const Lower *l);      /* ModRM.mod is 3 */
unsigned insn_reg(const Lower *l);          /* with REX.R */
unsigned insn_rm(const Lower *l);           /* of a register operand, with REX.B */
unsigned insn_vvvv(const Lower *l);         /* the register, 0 … 15: not inverted */
unsigned insn_imm(const Lower *l);          /* the immediate byte, 0 … 255 */
unsigned insn_modrm(const Lower *l);
unsigned insn_opcode(const Lower *l);       /* the last opcode byte */
unsigned insn_operand_size(const Lower *l); /* 2, 4 or 8 */
unsigned insn_address_size(const Lower *l);
IrValue insn_ip(Lower *l);                  /* the offset in CS of the instruction itself */

/* ---- its row ---- */

const IrVectorOp *row_op(const Lower *l);   /* "operation": &x86_vector_ops[X86_VEC_…] */
int row_size(const Lower *l);               /* "size" */

/* ---- memory ---- */

IrValue address(Lower *l);                  /* linear */
IrValue sized_address(Lower *l, unsigned size); /* the same of an operand of so many bytes */
bool address_is_checked(const Lower *l);    /* can its segment make it fault? */
IrValue address_offset(Lower *l);           /* the offset in the segment */
IrValue offset_rdi(Lower *l);               /* the same of rDI */
unsigned data_mode(const Lower *l);
unsigned unaligned_mode(const Lower *l);    /* the same without the check of RFLAGS.AC */
unsigned address_segment(const Lower *l);   /* DS, where the operand is no ModRM.rm */
IrValue address_segment_base(Lower *l);
/* VSIB: SIB.index with REX.X as a vector register, SIB.scale as a shift; base and displacement. */
unsigned insn_vsib_index(const Lower *l);
unsigned insn_scale(const Lower *l);
IrValue vsib_offset(Lower *l);

/* ---- general registers, flags, the end ---- */

/* `size` 2, 4, 8 bytes: 4 zero-extends to 64 bits, 2 leaves the rest alone. */
IrValue general_reg(Lower *l, unsigned reg, unsigned size);
void put_general_reg(Lower *l, unsigned reg, unsigned size, IrValue value);
/* ModRM.rm, register or memory. */
IrValue general_rm(Lower *l, unsigned size);
void put_general_rm(Lower *l, unsigned size, IrValue value);
/* The six arithmetic flags, as in RFLAGS. */
IrValue get_flags(Lower *l);
void put_flags(Lower *l, IrValue flags);
/* Raises a vector without error code. */
void raise_now(Lower *l, unsigned vector);
/* The context may have changed: the block ends after this instruction. */
void leave_after(Lower *l);

/* ---- lower-sse*.c, lower-mmx.c, lower-fpu.c ---- */

void x86_lower_vec(Lower *l);
void x86_lower_vec128(Lower *l);
void x86_lower_vec256(Lower *l);
void x86_lower_blendv(Lower *l);
void x86_lower_shift(Lower *l);
void x86_lower_shift_bytes(Lower *l);
void x86_lower_load(Lower *l);
void x86_lower_store(Lower *l);
void x86_lower_load_scalar(Lower *l);
void x86_lower_store_scalar(Lower *l);
void x86_lower_movd_load(Lower *l);
void x86_lower_movd_store(Lower *l);
void x86_lower_movq_load(Lower *l);
void x86_lower_movq_store(Lower *l);
void x86_lower_load_half(Lower *l);
void x86_lower_store_half(Lower *l);
void x86_lower_movnti(Lower *l);
void x86_lower_broadcast128(Lower *l);
void x86_lower_extract128(Lower *l);
void x86_lower_cvtps2ph(Lower *l);
void x86_lower_vzero(Lower *l);
void x86_lower_from_integer(Lower *l);
void x86_lower_to_integer(Lower *l);
void x86_lower_compare(Lower *l);
void x86_lower_test(Lower *l);
void x86_lower_sign_bits(Lower *l);
void x86_lower_extract(Lower *l);
void x86_lower_pextrw(Lower *l);
void x86_lower_insert(Lower *l);
void x86_lower_pcmpstr(Lower *l);
void x86_lower_ldmxcsr(Lower *l);
void x86_lower_stmxcsr(Lower *l);
void x86_lower_maskmov(Lower *l);
void x86_lower_vmaskmov_load(Lower *l);
void x86_lower_vmaskmov_store(Lower *l);
void x86_lower_gather(Lower *l);
void x86_lower_mmx(Lower *l);
void x86_lower_mmx_shift(Lower *l);
void x86_lower_mmx_load(Lower *l);
void x86_lower_mmx_store(Lower *l);
void x86_lower_mmx_movd_load(Lower *l);
void x86_lower_mmx_movd_store(Lower *l);
void x86_lower_mmx_sign_bits(Lower *l);
void x86_lower_mmx_pextrw(Lower *l);
void x86_lower_mmx_pinsrw(Lower *l);
void x86_lower_movq2dq(Lower *l);
void x86_lower_movdq2q(Lower *l);
void x86_lower_from_mmx(Lower *l);
void x86_lower_to_mmx(Lower *l);
void x86_lower_emms(Lower *l);
void x86_lower_fwait(Lower *l);
void x86_lower_x87(Lower *l);
void x86_lower_fcmov(Lower *l);
void x86_lower_fcomi(Lower *l);
void x86_lower_fninit(Lower *l);
void x86_lower_fnclex(Lower *l);
void x86_lower_x87_nop(Lower *l);
void x86_lower_fldcw(Lower *l);
void x86_lower_fnstcw(Lower *l);
void x86_lower_fnstsw(Lower *l);
void x86_lower_fnstenv(Lower *l);
void x86_lower_fldenv(Lower *l);
void x86_lower_fnsave(Lower *l);
void x86_lower_frstor(Lower *l);

#endif
