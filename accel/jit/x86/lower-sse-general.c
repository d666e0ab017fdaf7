/* SPDX-License-Identifier: MIT */
/* Lowering of SIMD instructions with general registers, flags or MXCSR. SDM volume 2. */
#include "accel/jit/x86/lower-sse.h"

LOWER_CALL(call_pcmpistr, x86_vector_pcmpistr, 3, IR_NO_SLOTS)
LOWER_CALL(call_pcmpestr, x86_vector_pcmpestr, 4, IR_NO_SLOTS)
LOWER_CALL(call_string_index, x86_vector_string_index, 2, IR_NO_SLOTS)
LOWER_CALL(call_string_mask, x86_vector_string_mask, 2, IR_NO_SLOTS)
LOWER_CALL(call_ldmxcsr, x86_vector_ldmxcsr, 1, 0)
LOWER_CALL(call_stmxcsr, x86_vector_stmxcsr, 0, IR_NO_SLOTS)

/* CVTSI2SS, CVTSI2SD: the row's operation is that of 32 bits; of 64 it is two further. */
void x86_lower_from_integer(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    const IrVectorOp *op = row_op(l) + (insn_w(l) ? 2 : 0);
    uint32_t d = VECTOR(insn_reg(l));
    store_state(l, SCRATCH(0), 8, general_rm(l, insn_w(l) ? 8 : 4));
    lower_vector(l, op, 16, d, first_source(l, insn_reg(l)), SCRATCH(0), 0);
    zero_above(l, insn_reg(l), 16);
}

/* The second source of a scalar operation; the row's size is that of memory. */
static uint32_t scalar_rm(Lower *l)
{
    return insn_is_register(l) ? VECTOR(insn_rm(l)) : load_memory(l, 0, row_size(l), false);
}

/* CVT(T)SS2SI, CVT(T)SD2SI: the row's operation is that of 32 bits; of 64 it is the next. */
void x86_lower_to_integer(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    uint32_t b = scalar_rm(l);
    put_general_reg(l, insn_reg(l), insn_w(l) ? 8 : 4,
                    lower_vector_value(l, row_op(l) + insn_w(l), 16, b, b));
}

/* (U)COMISS, (U)COMISD. */
void x86_lower_compare(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    uint32_t b = scalar_rm(l);
    put_flags(l, lower_vector_value(l, row_op(l), 16, VECTOR(insn_reg(l)), b));
}

/* PTEST, VTESTPS, VTESTPD. */
void x86_lower_test(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    uint32_t b = vector_rm(l, full_bytes(l));
    put_flags(l, lower_vector_value(l, row_op(l), full_bytes(l), VECTOR(insn_reg(l)), b));
}

/* PMOVMSKB, MOVMSKPS, MOVMSKPD. */
void x86_lower_sign_bits(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    uint32_t b = VECTOR(insn_rm(l));
    put_general_reg(l, insn_reg(l), 8, lower_vector_value(l, row_op(l), full_bytes(l), b, b));
}

/* The lane's bytes: the row's size, or 4 and 8 by REX.W. */
static unsigned lane_size(Lower *l)
{
    return row_size(l) ? row_size(l) : insn_w(l) ? 8 : 4;
}

/* PEXTRx, EXTRACTPS to ModRM.rm. */
void x86_lower_extract(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    unsigned size = lane_size(l), lane = insn_imm(l) & (16 / size - 1);
    IrValue value = load_state(l, VECTOR(insn_reg(l)) + lane * size, size);
    if (insn_is_register(l)) {
        put_general_reg(l, insn_rm(l), 8, value);
    } else {
        ir_store(l->ir, size, data_mode(l), sized_address(l, size), value);
    }
}

/* PEXTRW of SSE2: to ModRM.reg. */
void x86_lower_pextrw(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    put_general_reg(l, insn_reg(l), 8,
                    load_state(l, VECTOR(insn_rm(l)) + (insn_imm(l) & 7) * 2, 2));
}

/* PINSRx. */
void x86_lower_insert(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned size = lane_size(l), lane = insn_imm(l) & (16 / size - 1), reg = insn_reg(l);
    IrValue value = insn_is_register(l)
                        ? general_reg(l, insn_rm(l), 8)
                        : ir_load(l->ir, IR_I64, size, 0, data_mode(l), sized_address(l, size));
    if (insn_is_vex(l)) {
        copy_vector(l, VECTOR(reg), VECTOR(insn_vvvv(l)), 16);
    }
    store_state(l, VECTOR(reg) + lane * size, size, value);
    zero_above(l, reg, 16);
}

/* PCMPxSTRx: the row's size has bit 0 for explicit lengths, bit 1 for a mask. */
void x86_lower_pcmpstr(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    IrBlock *ir = l->ir;
    uint32_t a = VECTOR(insn_reg(l));
    uint32_t b = insn_is_register(l) ? VECTOR(insn_rm(l)) : load_memory(l, 0, 16, false);
    unsigned control = insn_imm(l) | (insn_w(l) ? X86_STRING_LENGTHS_64 : 0);
    IrValue result =
        row_size(l) & 1
            ? ir_call(ir, &call_pcmpestr, ir_const(ir, (uint64_t)a << 32 | b),
                      ir_const(ir, control), general_reg(l, 0, 8), general_reg(l, 2, 8))
            : ir_call(ir, &call_pcmpistr, ir_const(ir, a), ir_const(ir, b), ir_const(ir, control),
                      0);
    if (row_size(l) & 2) {
        ir_call(ir, &call_string_mask, result, ir_const(ir, control), 0, 0);
        zero_above(l, 0, 16);
    } else {
        IrValue index = ir_call(ir, &call_string_index, result, ir_const(ir, control), 0, 0);
        put_general_reg(l, 1, 8, index);
    }
    put_flags(l, ir_extract(ir, result, 32, 32));
}

void x86_lower_ldmxcsr(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    IrValue value = ir_load(l->ir, IR_I32, 4, 0, data_mode(l), sized_address(l, 4));
    ir_call(l->ir, &call_ldmxcsr, value, 0, 0, 0);
    leave_after(l); /* the context may be another */
}

void x86_lower_stmxcsr(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    IrValue value = ir_call(l->ir, &call_stmxcsr, 0, 0, 0, 0);
    ir_store(l->ir, 4, data_mode(l), sized_address(l, 4), value);
}
