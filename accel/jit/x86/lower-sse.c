/* SPDX-License-Identifier: MIT */
/*
 * Lowering of MMX, SSE, AVX and their kin: what it shares, and the instructions that are an
 * operation of vector.h. SDM volume 2.
 */
#include "accel/jit/x86/lower-sse.h"

unsigned full_bytes(const Lower *l)
{
    return insn_vex256(l) ? 32 : 16;
}

bool check_simd(Lower *l)
{
    uint32_t flags = context_flags(l);
    bool bad = insn_is_vex(l) ? !(flags & X86_CTX_AVX)
                              : flags & X86_CTX_EM || !(flags & X86_CTX_SSE);
    if (bad) {
        raise_now(l, X86_UD);
        return false;
    }
    if (flags & X86_CTX_TS) {
        raise_now(l, X86_NM);
        return false;
    }
    return true;
}

bool check_mmx(Lower *l)
{
    if (context_flags(l) & X86_CTX_EM) {
        raise_now(l, X86_UD);
        return false;
    }
    if (context_flags(l) & X86_CTX_TS) {
        raise_now(l, X86_NM);
        return false;
    }
    return true;
}

bool check_no_vvvv(Lower *l)
{
    if (insn_is_vex(l) && insn_vvvv(l)) {
        raise_now(l, X86_UD);
        return false;
    }
    return true;
}

IrValue load_state(Lower *l, uint32_t offset, unsigned size)
{
    return ir_state_load(l->ir, offset, size, 0);
}

void store_state(Lower *l, uint32_t offset, unsigned size, IrValue value)
{
    ir_state_store(l->ir, offset, size, value);
}

/* The row's operation, or the one that does the same without the host's floating point. */
static const IrVectorOp *chosen(const IrVectorOp *op)
{
    return jit_float_is_exact() ? x86_vector_exact_op(op) : op;
}

/* IR_EXACT where the operation may raise. */
static unsigned vector_flags(const Lower *l, const IrVectorOp *op)
{
    return op->flags & IR_VEX_MXCSR && context_flags(l) & X86_CTX_MXCSR ? IR_EXACT : 0;
}

void lower_vector(Lower *l, const IrVectorOp *op, unsigned bytes, uint32_t d, uint32_t a,
                  uint32_t b, unsigned imm)
{
    ir_vector(l->ir, chosen(op), vector_flags(l, op), bytes, d, a, b, imm);
}

IrValue lower_vector_value(Lower *l, const IrVectorOp *op, unsigned bytes, uint32_t a, uint32_t b)
{
    return ir_vector_value(l->ir, chosen(op), vector_flags(l, op), bytes, a, b, 0);
}

void copy_vector(Lower *l, uint32_t to, uint32_t from, unsigned bytes)
{
    lower_vector(l, OP(movaps), bytes, to, from, from, 0);
}

void zero_vector(Lower *l, uint32_t offset, bool above)
{
    ir_vector_set(l->ir, offset, ir_const(l->ir, 0));
    if (above) {
        ir_zero_above(l->ir, offset);
    }
}

void zero_above(Lower *l, unsigned reg, unsigned bytes)
{
    if (insn_is_vex(l) && bytes < 32) {
        ir_zero_above(l->ir, VECTOR(reg));
    }
}

/* Alignment is not checked for VCVTPH2PS and VCVTPS2PH: SDM volume 2, 2.8.11, exceptions of type 11. */
static unsigned vector_mode(const Lower *l)
{
    bool halves = row_op(l) == OP(vcvtph2ps) || row_op(l) == OP(vcvtps2ph);

    return halves ? unaligned_mode(l) : data_mode(l);
}

uint32_t load_memory(Lower *l, unsigned n, unsigned bytes, bool aligned)
{
    if (bytes >= 4) {
        ir_load_vector(l->ir, bytes, aligned ? IR_ALIGNED : 0, vector_mode(l),
                       sized_address(l, bytes), SCRATCH(n));
    } else {
        ir_vector_set(l->ir, SCRATCH(n),
                      ir_load(l->ir, IR_I64, bytes, 0, data_mode(l), sized_address(l, bytes)));
    }
    return SCRATCH(n);
}

uint32_t vector_rm(Lower *l, unsigned bytes)
{
    if (insn_is_register(l)) {
        return VECTOR(insn_rm(l));
    }
    return load_memory(l, 0, bytes, bytes == 16 && !insn_is_vex(l));
}

uint32_t shift_count(const Lower *l)
{
    return offsetof(X86Jit, shift_counts) + 16 * MIN(insn_imm(l), 64);
}

uint32_t first_source(const Lower *l, unsigned d)
{
    return VECTOR(insn_is_vex(l) ? insn_vvvv(l) : d);
}

/* ---- the bulk: an operation of vector.h ---- */

/* Bytes of a memory operand by the table's argument: 0 full, negative: a fraction of it. */
static unsigned memory_bytes(const Lower *l)
{
    int size = row_size(l);
    return !size ? full_bytes(l) : size < 0 ? full_bytes(l) / -size : size;
}

/* op V, W; op V, H, W; with an immediate where the operation has one. */
static void lower_operation(Lower *l, unsigned bytes, unsigned bytes_of_memory)
{
    const IrVectorOp *op = row_op(l);
    bool vex = insn_is_vex(l);
    if (!check_simd(l) || (op->flags & IR_VEX_TWO && !check_no_vvvv(l))) {
        return;
    }
    uint32_t d = VECTOR(insn_reg(l));
    if (insn_is_register(l) && insn_rm(l) == (vex ? insn_vvvv(l) : insn_reg(l)) &&
        (op == OP(pxor) || op == OP(xorps))) {
        zero_vector(l, d, vex);
        return;
    }
    uint32_t b = vector_rm(l, bytes_of_memory);
    uint32_t a = op->flags & IR_VEX_TWO ? b : first_source(l, insn_reg(l));
    uint8_t imm = op->flags & IR_VEX_IMM ? insn_imm(l) : 0;
    if (!vex && op->vex_opcode == 0xc2 && op->vex_map == 1) {
        imm &= 7; /* CMPPS and kin have 8 predicates without VEX */
    }
    if (op == OP(insertps) && !insn_is_register(l)) {
        imm &= 0x3f; /* memory is one element, and the selector of the source is ignored */
    }
    lower_vector(l, op, bytes, d, a, b, imm);
    zero_above(l, insn_reg(l), bytes);
}

void x86_lower_vec(Lower *l)
{
    lower_operation(l, full_bytes(l), memory_bytes(l));
}

/* Scalars and others that are 128 bits whatever VEX.L says. */
void x86_lower_vec128(Lower *l)
{
    lower_operation(l, 16, row_size(l) ? row_size(l) : 16);
}

/* Needs VEX.L = 1, else #UD. */
void x86_lower_vec256(Lower *l)
{
    if (!insn_vex256(l)) {
        raise_now(l, X86_UD);
        return;
    }
    x86_lower_vec(l);
}

/* Blends by a mask register: XMM0, or the immediate's bits 4-7. */
void x86_lower_blendv(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned bytes = full_bytes(l);
    uint32_t d = VECTOR(insn_reg(l)), b = vector_rm(l, bytes);
    uint32_t a = insn_is_vex(l) ? VECTOR(insn_vvvv(l)) : d;
    unsigned mask = insn_is_vex(l) ? insn_imm(l) & (insn_mode64(l) ? 0xf0 : 0x70) : 0;
    lower_vector(l, row_op(l), bytes, d, a, b, mask);
    zero_above(l, insn_reg(l), bytes);
}

/* Shifts by an immediate, VEX: to vvvv. The row's operation is that by a vector. */
void x86_lower_shift(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned bytes = full_bytes(l), reg = insn_is_vex(l) ? insn_vvvv(l) : insn_rm(l);
    lower_vector(l, row_op(l), bytes, VECTOR(reg), VECTOR(insn_rm(l)), shift_count(l), 0);
    zero_above(l, reg, bytes);
}

/* PSLLDQ, PSRLDQ: bytes of the register and of zero, aligned; the row's size is 1 for left. */
void x86_lower_shift_bytes(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned bytes = full_bytes(l), reg = insn_is_vex(l) ? insn_vvvv(l) : insn_rm(l);
    unsigned count = MIN(insn_imm(l), 16);
    uint32_t from = VECTOR(insn_rm(l)), zero = SCRATCH(0);
    zero_vector(l, zero, bytes == 32);
    if (row_size(l)) {
        lower_vector(l, OP(palignr), bytes, VECTOR(reg), from, zero, 16 - count);
    } else {
        lower_vector(l, OP(palignr), bytes, VECTOR(reg), zero, from, count);
    }
    zero_above(l, reg, bytes);
}

/* VCVTPS2PH: its destination is ModRM.rm. */
void x86_lower_cvtps2ph(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    unsigned bytes = full_bytes(l), half = bytes / 2;
    uint32_t from = VECTOR(insn_reg(l));
    lower_vector(l, row_op(l), bytes, SCRATCH(0), from, from, insn_imm(l));
    if (insn_is_register(l)) {
        lower_vector(l, half == 16 ? OP(movaps) : OP(movq), 16, VECTOR(insn_rm(l)), SCRATCH(0),
               SCRATCH(0), 0);
        zero_above(l, insn_rm(l), 16);
    } else {
        ir_store_vector(l->ir, half, 0, vector_mode(l), sized_address(l, half), SCRATCH(0));
    }
}
