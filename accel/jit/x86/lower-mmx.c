/* SPDX-License-Identifier: MIT */
/* Lowering of MMX, and of what moves between it and SSE. SDM volume 1, chapter 9; volume 2. */
#include "accel/jit/x86/fpu.h"
#include "accel/jit/x86/lower-sse.h"

LOWER_CALL(call_mmx_enter, x87_mmx_enter, 0, IR_NO_WRITE)
LOWER_CALL(call_mmx_begin, x87_mmx_begin, 0, IR_NO_WRITE)
LOWER_CALL(call_emms, x87_emms, 0, IR_NO_WRITE)
LOWER_CALL(call_wait, x87_wait, 0, IR_NO_WRITE)

static bool enter_mmx(Lower *l)
{
    if (!check_mmx(l)) {
        return false;
    }
    ir_call(l->ir, &call_mmx_enter, 0, 0, 0, 0);
    return true;
}

/* A store that faults has reset TOP, but not the tags. */
static void mmx_store(Lower *l, unsigned size, IrValue value)
{
    ir_call(l->ir, &call_mmx_begin, 0, 0, 0, 0);
    put_general_rm(l, size, value);
    store_state(l, offsetof(X86Jit, ftw), 1, ir_const(l->ir, 0xff));
}

static void mmx_written(Lower *l, unsigned reg)
{
    store_state(l, EXPONENT(reg), 2, ir_const(l->ir, 0xffff));
}

/*
 * The source is read before the x87's state changes: it may fault. But an exception of the x87 that
 * is pending comes before that.
 */
static void wait_for_source(Lower *l)
{
    if (!insn_is_register(l)) {
        ir_call(l->ir, &call_wait, 0, 0, 0, 0);
    }
}

static uint32_t mmx_rm(Lower *l, unsigned bytes)
{
    return insn_is_register(l) ? MANTISSA(insn_rm(l) & 7) : load_memory(l, 0, bytes, false);
}

/* op P, Q. The row's size is 4 where only that of memory is read. */
void x86_lower_mmx(Lower *l)
{
    const IrVectorOp *op = row_op(l);
    unsigned reg = insn_reg(l) & 7;
    if (!check_mmx(l)) {
        return;
    }
    wait_for_source(l);
    uint32_t b = mmx_rm(l, row_size(l) ? row_size(l) : 8);
    if (!enter_mmx(l)) {
        return;
    }
    lower_vector(l, op, 8, MANTISSA(reg), op->flags & IR_VEX_TWO ? b : MANTISSA(reg), b,
           op->flags & IR_VEX_IMM ? insn_imm(l) : 0);
    mmx_written(l, reg);
}

void x86_lower_mmx_shift(Lower *l)
{
    unsigned reg = insn_rm(l) & 7;
    if (!enter_mmx(l)) {
        return;
    }
    lower_vector(l, row_op(l), 8, MANTISSA(reg), MANTISSA(reg), shift_count(l), 0);
    mmx_written(l, reg);
}

/* MOVQ P, Q; MOVQ Q, P, MOVNTQ. */
void x86_lower_mmx_load(Lower *l)
{
    unsigned reg = insn_reg(l) & 7;
    if (!check_mmx(l)) {
        return;
    }
    wait_for_source(l);
    uint32_t b = mmx_rm(l, 8);
    if (!enter_mmx(l)) {
        return;
    }
    store_state(l, MANTISSA(reg), 8, load_state(l, b, 8));
    mmx_written(l, reg);
}

void x86_lower_mmx_store(Lower *l)
{
    if (!check_mmx(l)) {
        return;
    }
    IrValue value = load_state(l, MANTISSA(insn_reg(l) & 7), 8);
    if (insn_is_register(l)) {
        enter_mmx(l);
        store_state(l, MANTISSA(insn_rm(l) & 7), 8, value);
        mmx_written(l, insn_rm(l) & 7);
    } else {
        mmx_store(l, 8, value);
    }
}

void x86_lower_mmx_movd_load(Lower *l)
{
    if (!check_mmx(l)) {
        return;
    }
    wait_for_source(l);
    IrValue value = general_rm(l, insn_w(l) ? 8 : 4);
    enter_mmx(l);
    store_state(l, MANTISSA(insn_reg(l) & 7), 8, value);
    mmx_written(l, insn_reg(l) & 7);
}

void x86_lower_mmx_movd_store(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;
    if (!check_mmx(l)) {
        return;
    }
    mmx_store(l, size, load_state(l, MANTISSA(insn_reg(l) & 7), size));
}

void x86_lower_mmx_sign_bits(Lower *l)
{
    if (!enter_mmx(l)) {
        return;
    }
    uint32_t b = MANTISSA(insn_rm(l) & 7);
    put_general_reg(l, insn_reg(l), 8, lower_vector_value(l, OP(pmovmskb), 8, b, b));
}

void x86_lower_mmx_pextrw(Lower *l)
{
    if (!enter_mmx(l)) {
        return;
    }
    put_general_reg(l, insn_reg(l), 8,
                    load_state(l, MANTISSA(insn_rm(l) & 7) + (insn_imm(l) & 3) * 2, 2));
}

void x86_lower_mmx_pinsrw(Lower *l)
{
    if (!check_mmx(l)) {
        return;
    }
    wait_for_source(l);
    IrValue value = insn_is_register(l)
                        ? general_reg(l, insn_rm(l), 8)
                        : ir_load(l->ir, IR_I64, 2, 0, data_mode(l), sized_address(l, 2));
    enter_mmx(l);
    store_state(l, MANTISSA(insn_reg(l) & 7) + (insn_imm(l) & 3) * 2, 2, value);
    mmx_written(l, insn_reg(l) & 7);
}

/* MOVQ2DQ, MOVDQ2Q. */
void x86_lower_movq2dq(Lower *l)
{
    if (!check_simd(l) || !enter_mmx(l)) {
        return;
    }
    ir_vector_set(l->ir, VECTOR(insn_reg(l)), load_state(l, MANTISSA(insn_rm(l) & 7), 8));
}

void x86_lower_movdq2q(Lower *l)
{
    if (!check_simd(l) || !enter_mmx(l)) {
        return;
    }
    store_state(l, MANTISSA(insn_reg(l) & 7), 8, load_state(l, VECTOR(insn_rm(l)), 8));
    mmx_written(l, insn_reg(l) & 7);
}

/* CVTPI2PS, CVTPI2PD: with memory they are no business of the x87's. */
void x86_lower_from_mmx(Lower *l)
{
    uint32_t d = VECTOR(insn_reg(l));
    if (!check_simd(l)) {
        return;
    }
    uint32_t b = mmx_rm(l, 8);
    if (insn_is_register(l)) {
        enter_mmx(l);
        store_state(l, SCRATCH(0), 8, load_state(l, b, 8));
    }
    lower_vector(l, row_op(l), 16, d, d, SCRATCH(0), 0);
}

/* CVT(T)PS2PI, CVT(T)PD2PI: the row's size is the memory operand's. */
void x86_lower_to_mmx(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned size = row_size(l);
    wait_for_source(l);
    uint32_t b = insn_is_register(l) ? VECTOR(insn_rm(l)) : load_memory(l, 0, size, size == 16);
    enter_mmx(l);
    lower_vector(l, row_op(l), 16, SCRATCH(1), b, b, 0);
    store_state(l, MANTISSA(insn_reg(l) & 7), 8, load_state(l, SCRATCH(1), 8));
    mmx_written(l, insn_reg(l) & 7);
}

void x86_lower_emms(Lower *l)
{
    if (check_mmx(l)) {
        ir_call(l->ir, &call_emms, 0, 0, 0, 0);
    }
}
