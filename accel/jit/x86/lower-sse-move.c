/* SPDX-License-Identifier: MIT */
/* Lowering of SIMD moves, whole, in parts and by a mask. SDM volume 2. */
#include "accel/jit/x86/fpu.h"
#include "accel/jit/x86/lower-sse.h"

LOWER_CALL(call_mmx_enter, x87_mmx_enter, 0, IR_NO_WRITE)
LOWER_CALL(call_mask_store, x86_vector_mask_store, 3, IR_NO_WRITE)
LOWER_CALL(call_mask_load, x86_vector_mask_load, 3, IR_NO_WRITE)
LOWER_CALL(call_gather, x86_vector_gather, 4, IR_NO_WRITE)

/* ---- whole and in parts ---- */

/* Whole vectors; the row's size is 1 where memory must be aligned even with VEX. */
void x86_lower_load(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    unsigned bytes = full_bytes(l);
    uint32_t d = VECTOR(insn_reg(l));
    if (insn_is_register(l)) {
        copy_vector(l, d, VECTOR(insn_rm(l)), bytes);
    } else {
        ir_load_vector(l->ir, bytes, row_size(l) ? IR_ALIGNED : 0, data_mode(l),
                       sized_address(l, bytes), d);
    }
    zero_above(l, insn_reg(l), bytes);
}

void x86_lower_store(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    unsigned bytes = full_bytes(l);
    uint32_t from = VECTOR(insn_reg(l));
    if (insn_is_register(l)) {
        copy_vector(l, VECTOR(insn_rm(l)), from, bytes);
        zero_above(l, insn_rm(l), bytes);
    } else {
        ir_store_vector(l->ir, bytes, row_size(l) ? IR_ALIGNED : 0, data_mode(l),
                        sized_address(l, bytes), from);
    }
}

/* MOVSS, MOVSD: of memory the rest becomes 0; between registers it is the first operand's. */
void x86_lower_load_scalar(Lower *l)
{
    unsigned size = row_size(l), reg = insn_reg(l);
    if (!check_simd(l) || (!insn_is_register(l) && !check_no_vvvv(l))) {
        return;
    }
    if (insn_is_register(l)) {
        lower_vector(l, size == 4 ? OP(movss) : OP(movsd), 16, VECTOR(reg), first_source(l, reg),
               VECTOR(insn_rm(l)), 0);
    } else {
        ir_load_vector(l->ir, size, 0, data_mode(l), sized_address(l, size), VECTOR(reg));
    }
    zero_above(l, reg, 16);
}

void x86_lower_store_scalar(Lower *l)
{
    unsigned size = row_size(l), rm = insn_rm(l);
    if (!check_simd(l)) {
        return;
    }
    if (insn_is_register(l)) {
        lower_vector(l, size == 4 ? OP(movss) : OP(movsd), 16, VECTOR(rm), first_source(l, rm),
               VECTOR(insn_reg(l)), 0);
        zero_above(l, rm, 16);
    } else if (check_no_vvvv(l)) {
        ir_store_vector(l->ir, size, 0, data_mode(l), sized_address(l, size), VECTOR(insn_reg(l)));
    }
}

/* MOVD, MOVQ from and to a general register or memory: 4 or 8 bytes by REX.W. */
void x86_lower_movd_load(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    if (insn_is_register(l)) {
        ir_vector_set(l->ir, VECTOR(insn_reg(l)), general_rm(l, size));
    } else {
        ir_load_vector(l->ir, size, 0, data_mode(l), sized_address(l, size), VECTOR(insn_reg(l)));
    }
    zero_above(l, insn_reg(l), 16);
}

void x86_lower_movd_store(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    unsigned size = insn_w(l) ? 8 : 4;
    if (insn_is_register(l)) {
        put_general_rm(l, size, load_state(l, VECTOR(insn_reg(l)), size));
    } else {
        ir_store_vector(l->ir, size, 0, data_mode(l), sized_address(l, size), VECTOR(insn_reg(l)));
    }
}

/* MOVQ V, W/m64 and W/m64, V. */
void x86_lower_movq_load(Lower *l)
{
    uint32_t d = VECTOR(insn_reg(l));
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    if (insn_is_register(l)) {
        lower_vector(l, OP(movq), 16, d, VECTOR(insn_rm(l)), VECTOR(insn_rm(l)), 0);
    } else {
        ir_load_vector(l->ir, 8, 0, data_mode(l), sized_address(l, 8), d);
    }
    zero_above(l, insn_reg(l), 16);
}

void x86_lower_movq_store(Lower *l)
{
    uint32_t from = VECTOR(insn_reg(l));
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    if (insn_is_register(l)) {
        lower_vector(l, OP(movq), 16, VECTOR(insn_rm(l)), from, from, 0);
        zero_above(l, insn_rm(l), 16);
    } else {
        ir_store_vector(l->ir, 8, 0, data_mode(l), sized_address(l, 8), from);
    }
}

/*
 * MOVLPS, MOVLPD, MOVHLPS (row's size 0) and MOVHPS, MOVHPD, MOVLHPS (8): the half at that
 * offset is replaced; of a register it is the other half that goes there.
 */
void x86_lower_load_half(Lower *l)
{
    unsigned reg = insn_reg(l);
    const IrVectorOp *op = row_size(l)            ? OP(movlhps)
                           : insn_is_register(l) ? OP(movhlps)
                                                 : OP(movsd);
    if (!check_simd(l)) {
        return;
    }
    uint32_t b = insn_is_register(l) ? VECTOR(insn_rm(l)) : load_memory(l, 0, 8, false);
    lower_vector(l, op, 16, VECTOR(reg), first_source(l, reg), b, 0);
    zero_above(l, reg, 16);
}

void x86_lower_store_half(Lower *l)
{
    uint32_t from = VECTOR(insn_reg(l));
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    if (row_size(l)) {
        lower_vector(l, OP(unpckhpd), 16, SCRATCH(0), from, from, 0);
        from = SCRATCH(0);
    }
    ir_store_vector(l->ir, 8, 0, data_mode(l), sized_address(l, 8), from);
}

/* MOVNTI. */
void x86_lower_movnti(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;
    ir_store(l->ir, size, data_mode(l), sized_address(l, size), general_reg(l, insn_reg(l), size));
}

/* VBROADCASTF128, VBROADCASTI128. */
void x86_lower_broadcast128(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    if (!insn_vex256(l)) {
        raise_now(l, X86_UD);
        return;
    }
    uint32_t d = VECTOR(insn_reg(l));
    load_memory(l, 0, 16, false);
    copy_vector(l, d, SCRATCH(0), 16);
    copy_vector(l, d + 16, SCRATCH(0), 16);
}

/* VEXTRACTF128, VEXTRACTI128. */
void x86_lower_extract128(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    if (!insn_vex256(l)) {
        raise_now(l, X86_UD);
        return;
    }
    uint32_t from = VECTOR(insn_reg(l)) + 16 * (insn_imm(l) & 1);
    if (insn_is_register(l)) {
        copy_vector(l, VECTOR(insn_rm(l)), from, 16);
        zero_above(l, insn_rm(l), 16);
    } else {
        ir_store_vector(l->ir, 16, 0, data_mode(l), sized_address(l, 16), from);
    }
}

/* VZEROUPPER, VZEROALL. */
void x86_lower_vzero(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    for (unsigned i = 0; i < (insn_mode64(l) ? 16 : 8); i++) {
        if (insn_vex256(l)) {
            zero_vector(l, VECTOR(i), true);
        } else {
            ir_zero_above(l->ir, VECTOR(i));
        }
    }
}

/* ---- by a mask ---- */

/* The same where it is not that of a general register. */
static unsigned element_size(Lower *l)
{
    return row_size(l) ? row_size(l) : insn_vector_w(l) ? 8 : 4;
}

/* Lanes of so many bytes between memory and a vector. */
static void by_mask(Lower *l, const IrHelper *helper, IrValue offset, uint32_t vector,
                    uint32_t mask, unsigned lane, unsigned bytes)
{
    X86Masked m = { .vector = vector, .mask = mask, .lane = lane, .bytes = bytes,
                    .segment = address_segment(l) };
    uint64_t packed;
    memcpy(&packed, &m, sizeof(packed));
    ir_call(l->ir, helper, offset, address_segment_base(l), ir_const(l->ir, packed), 0);
}

/* MASKMOVDQU, MASKMOVQ (row's size 8): to DS:rDI. */
void x86_lower_maskmov(Lower *l)
{
    bool mmx = row_size(l) == 8;
    if (mmx ? !check_mmx(l) : !check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    if (mmx) {
        ir_call(l->ir, &call_mmx_enter, 0, 0, 0, 0);
    }
    uint32_t from = mmx ? MANTISSA(insn_reg(l) & 7) : VECTOR(insn_reg(l));
    uint32_t mask = mmx ? MANTISSA(insn_rm(l) & 7) : VECTOR(insn_rm(l));
    by_mask(l, &call_mask_store, offset_rdi(l), from, mask, 1, mmx ? 8 : 16);
}

/* VMASKMOVPx, VPMASKMOVx; the row's size is the lane's, 0: by VEX.W. */
void x86_lower_vmaskmov_load(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned bytes = full_bytes(l);
    by_mask(l, &call_mask_load, address_offset(l), VECTOR(insn_reg(l)), VECTOR(insn_vvvv(l)),
            element_size(l), bytes);
    zero_above(l, insn_reg(l), bytes);
}

void x86_lower_vmaskmov_store(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    by_mask(l, &call_mask_store, address_offset(l), VECTOR(insn_reg(l)), VECTOR(insn_vvvv(l)),
            element_size(l), full_bytes(l));
}

/* VGATHERxxx, VPGATHERxx: the row's size is the index's; the element's is by VEX.W. */
void x86_lower_gather(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned reg = insn_reg(l), mask = insn_vvvv(l), index = insn_vsib_index(l);
    if (insn_is_register(l) || insn_address_size(l) == 2 || reg == mask || reg == index ||
        mask == index) {
        raise_now(l, X86_UD);
        return;
    }
    unsigned element = insn_vector_w(l) ? 8 : 4, bytes = full_bytes(l), width = row_size(l);
    unsigned count = bytes / MAX(element, width);
    X86Gather g = { .reg = reg, .mask = mask, .index = index, .count = count,
                    .element_log = element == 8 ? 3 : 2, .index_log = width == 8 ? 3 : 2,
                    .scale = insn_scale(l), .wide = bytes, .address32 = insn_address_size(l) == 4 };
    uint64_t packed;
    memcpy(&packed, &g, sizeof(packed));
    ir_call(l->ir, &call_gather, vsib_offset(l), address_segment_base(l), ir_const(l->ir, packed),
            ir_const(l->ir, address_segment(l)));
    zero_vector(l, VECTOR(mask), true);
    if (count * element == 8) {
        lower_vector(l, OP(movq), 16, VECTOR(reg), VECTOR(reg), VECTOR(reg), 0);
    }
    if (count * element < 32) {
        ir_zero_above(l->ir, VECTOR(reg));
    }
}
