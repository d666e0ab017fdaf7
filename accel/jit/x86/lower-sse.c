/* SPDX-License-Identifier: MIT */
/*
 * Lowering of MMX, SSE, AVX and their kin: vectors.table names these functions. SDM volume 2.
 */
#include "accel/jit/x86/fpu.h"
#include "accel/jit/x86/lower-vector.h"
#include "accel/jit/x86/vector.h"

#define VECTOR(n) ((uint32_t)(offsetof(X86Jit, vector) + (n) * sizeof(X86Vector)))
#define SCRATCH(n) ((uint32_t)(offsetof(X86Jit, scratch) + (n) * sizeof(X86Vector)))
#define MANTISSA(n) ((uint32_t)(offsetof(X86Jit, fpr) + (n) * sizeof(X86Fpr)))
#define EXPONENT(n) (MANTISSA(n) + (uint32_t)offsetof(X86Fpr, exponent))

#define CALL(name, function, args, flags) \
    static const IrHelper name = { #function, (IrFunction)(function), args, flags };
CALL(call_mmx_enter, x87_mmx_enter, 0, IR_NO_WRITE)
CALL(call_mmx_begin, x87_mmx_begin, 0, IR_NO_WRITE)
CALL(call_emms, x87_emms, 0, IR_NO_WRITE)
CALL(call_pcmpistr, x86_vector_pcmpistr, 3, IR_NO_SLOTS)
CALL(call_pcmpestr, x86_vector_pcmpestr, 4, IR_NO_SLOTS)
CALL(call_string_index, x86_vector_string_index, 2, IR_NO_SLOTS)
CALL(call_string_mask, x86_vector_string_mask, 2, IR_NO_SLOTS)
CALL(call_ldmxcsr, x86_vector_ldmxcsr, 1, 0)
CALL(call_stmxcsr, x86_vector_stmxcsr, 0, IR_NO_SLOTS)
CALL(call_mask_store, x86_vector_mask_store, 4, IR_NO_WRITE)
CALL(call_mask_load, x86_vector_mask_load, 4, IR_NO_WRITE)
CALL(call_gather, x86_vector_gather, 4, IR_NO_WRITE)
#undef CALL

/* ---- operands ---- */

static unsigned full_bytes(const Lower *l)
{
    return insn_vex256(l) ? 32 : 16;
}

/* Can SIMD be executed? False: the exception was lowered, and ends the block. */
static bool check_simd(Lower *l)
{
    uint32_t flags = context_flags(l);
    bool bad = insn_is_vex(l)
                   ? !(flags & X86_CTX_AVX) || !(flags & X86_CTX_PE) || flags & X86_CTX_VM
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

static bool check_mmx(Lower *l)
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

/* VEX.vvvv has to be 1111b where it names no operand. */
static bool check_no_vvvv(Lower *l)
{
    if (insn_is_vex(l) && insn_vvvv(l)) {
        raise_now(l, X86_UD);
        return false;
    }
    return true;
}

static IrValue load_state(Lower *l, uint32_t offset, unsigned size)
{
    return ir_state_load(l->ir, offset, size, 0);
}

static void store_state(Lower *l, uint32_t offset, unsigned size, IrValue value)
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

static void vector(Lower *l, const IrVectorOp *op, unsigned bytes, uint32_t d, uint32_t a,
                   uint32_t b, unsigned imm)
{
    ir_vector(l->ir, chosen(op), vector_flags(l, op), bytes, d, a, b, imm);
}

static IrValue vector_value(Lower *l, const IrVectorOp *op, unsigned bytes, uint32_t a, uint32_t b)
{
    return ir_vector_value(l->ir, chosen(op), vector_flags(l, op), bytes, a, b, 0);
}

#define OP(name) (&x86_vector_ops[X86_VEC_##name])

static void copy_vector(Lower *l, uint32_t to, uint32_t from, unsigned bytes)
{
    vector(l, OP(movaps), bytes, to, from, from, 0);
}

static void zero_vector(Lower *l, uint32_t offset, bool above)
{
    ir_vector_set(l->ir, offset, ir_const(l->ir, 0));
    if (above) {
        ir_zero_above(l->ir, offset);
    }
}

/* What a VEX instruction leaves above the `bytes` that it wrote. */
static void zero_above(Lower *l, unsigned reg, unsigned bytes)
{
    if (insn_is_vex(l) && bytes < 32) {
        ir_zero_above(l->ir, VECTOR(reg));
    }
}

/* `bytes` of memory to scratch vector n. */
static uint32_t load_memory(Lower *l, unsigned n, unsigned bytes, bool aligned)
{
    if (bytes >= 4) {
        ir_load_vector(l->ir, bytes, aligned ? IR_ALIGNED : 0, data_mode(l), sized_address(l, bytes),
                       SCRATCH(n));
    } else {
        ir_vector_set(l->ir, SCRATCH(n),
                      ir_load(l->ir, IR_I64, bytes, 0, data_mode(l), sized_address(l, bytes)));
    }
    return SCRATCH(n);
}

/* The ModRM.rm operand as a vector: its register, or `bytes` of memory in scratch. */
static uint32_t vector_rm(Lower *l, unsigned bytes)
{
    if (insn_is_register(l)) {
        return VECTOR(insn_rm(l));
    }
    return load_memory(l, 0, bytes, bytes == 16 && !insn_is_vex(l));
}

/* Bytes of a memory operand by the table's argument: 0 full, negative: a fraction of it. */
static unsigned memory_bytes(const Lower *l)
{
    int size = row_size(l);
    return !size ? full_bytes(l) : size < 0 ? full_bytes(l) / -size : size;
}

/* ---- the bulk: an operation of vector.h ---- */

/* op V, W; op V, H, W; with an immediate where the operation has one. */
void x86_lower_vec(Lower *l)
{
    const IrVectorOp *op = row_op(l);
    bool two = op->flags & IR_VEX_TWO;
    if (!check_simd(l) || (two && !check_no_vvvv(l))) {
        return;
    }
    unsigned bytes = full_bytes(l);
    uint32_t d = VECTOR(insn_reg(l));
    if (insn_is_register(l) && insn_rm(l) == (insn_is_vex(l) ? insn_vvvv(l) : insn_reg(l))
        && (op == OP(pxor) || op == OP(xorps))) {
        zero_vector(l, d, insn_is_vex(l));
        return;
    }
    uint32_t b = vector_rm(l, memory_bytes(l));
    uint32_t a = two ? b : insn_is_vex(l) ? VECTOR(insn_vvvv(l)) : d;
    uint8_t imm = op->flags & IR_VEX_IMM ? insn_imm(l) : 0;
    if (!insn_is_vex(l) && op->vex_opcode == 0xc2 && op->vex_map == 1) {
        imm &= 7; /* CMPPS and kin have 8 predicates without VEX */
    }
    vector(l, op, bytes, d, a, b, imm);
    zero_above(l, insn_reg(l), bytes);
}

/* The same of scalars and others that are 128 bits whatever VEX.L says. */
void x86_lower_vec128(Lower *l)
{
    const IrVectorOp *op = row_op(l);
    if (!check_simd(l) || (op->flags & IR_VEX_TWO && !check_no_vvvv(l))) {
        return;
    }
    uint32_t d = VECTOR(insn_reg(l));
    uint32_t b = insn_is_register(l) ? VECTOR(insn_rm(l))
                 : load_memory(l, 0, row_size(l) ? row_size(l) : 16,
                               !row_size(l) && !insn_is_vex(l));
    uint32_t a = op->flags & IR_VEX_TWO ? b : insn_is_vex(l) ? VECTOR(insn_vvvv(l)) : d;
    uint8_t imm = op->flags & IR_VEX_IMM ? insn_imm(l) : 0;
    if (!insn_is_vex(l) && op->vex_opcode == 0xc2 && op->vex_map == 1) {
        imm &= 7;
    }
    if (op == OP(insertps) && !insn_is_register(l)) {
        imm &= 0x3f; /* memory is one element, and the selector of the source is ignored */
    }
    vector(l, op, 16, d, a, b, imm);
    zero_above(l, insn_reg(l), 16);
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
    vector(l, row_op(l), bytes, d, a, b, mask);
    zero_above(l, insn_reg(l), bytes);
}

/* The immediate as a vector; counts above 64 do what 64 does. */
static uint32_t shift_count(const Lower *l)
{
    return offsetof(X86Jit, shift_counts) + 16 * MIN(insn_imm(l), 64);
}

/* Shifts by an immediate, VEX: to vvvv. The row's operation is that by a vector. */
void x86_lower_shift(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned bytes = full_bytes(l), reg = insn_is_vex(l) ? insn_vvvv(l) : insn_rm(l);
    vector(l, row_op(l), bytes, VECTOR(reg), VECTOR(insn_rm(l)), shift_count(l), 0);
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
        vector(l, OP(palignr), bytes, VECTOR(reg), from, zero, 16 - count);
    } else {
        vector(l, OP(palignr), bytes, VECTOR(reg), zero, from, count);
    }
    zero_above(l, reg, bytes);
}

/* ---- moves ---- */

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
        ir_load_vector(l->ir, bytes, row_size(l) ? IR_ALIGNED : 0, data_mode(l), sized_address(l, bytes), d);
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
        ir_store_vector(l->ir, bytes, row_size(l) ? IR_ALIGNED : 0, data_mode(l), sized_address(l, bytes), from);
    }
}

/* The first source: VEX.vvvv, or the destination. */
static uint32_t first(const Lower *l, unsigned d)
{
    return VECTOR(insn_is_vex(l) ? insn_vvvv(l) : d);
}

/* MOVSS, MOVSD: of memory the rest becomes 0; between registers it is the first operand's. */
void x86_lower_load_scalar(Lower *l)
{
    unsigned size = row_size(l), reg = insn_reg(l);
    if (!check_simd(l) || (!insn_is_register(l) && !check_no_vvvv(l))) {
        return;
    }
    if (insn_is_register(l)) {
        vector(l, size == 4 ? OP(movss) : OP(movsd), 16, VECTOR(reg), first(l, reg),
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
        vector(l, size == 4 ? OP(movss) : OP(movsd), 16, VECTOR(rm), first(l, rm),
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
        vector(l, OP(movq), 16, d, VECTOR(insn_rm(l)), VECTOR(insn_rm(l)), 0);
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
        vector(l, OP(movq), 16, VECTOR(insn_rm(l)), from, from, 0);
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
    const IrVectorOp *op = row_size(l) ? OP(movlhps) : insn_is_register(l) ? OP(movhlps) : OP(movsd);
    if (!check_simd(l)) {
        return;
    }
    uint32_t b = insn_is_register(l) ? VECTOR(insn_rm(l)) : load_memory(l, 0, 8, false);
    vector(l, op, 16, VECTOR(reg), first(l, reg), b, 0);
    zero_above(l, reg, 16);
}

void x86_lower_store_half(Lower *l)
{
    uint32_t from = VECTOR(insn_reg(l));
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    if (row_size(l)) {
        vector(l, OP(unpckhpd), 16, SCRATCH(0), from, from, 0);
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

/* VCVTPS2PH: its destination is ModRM.rm. */
void x86_lower_cvtps2ph(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    unsigned bytes = full_bytes(l), half = bytes / 2;
    uint32_t from = VECTOR(insn_reg(l));
    vector(l, row_op(l), bytes, SCRATCH(0), from, from, insn_imm(l));
    if (insn_is_register(l)) {
        vector(l, half == 16 ? OP(movaps) : OP(movq), 16, VECTOR(insn_rm(l)), SCRATCH(0),
               SCRATCH(0), 0);
        zero_above(l, insn_rm(l), 16);
    } else {
        ir_store_vector(l->ir, half, 0, data_mode(l), sized_address(l, half), SCRATCH(0));
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

/* ---- to and from general registers ---- */

/* CVTSI2SS, CVTSI2SD: the row's operation is that of 32 bits; of 64 it is two further. */
void x86_lower_from_integer(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    const IrVectorOp *op = row_op(l) + (insn_w(l) ? 2 : 0);
    uint32_t d = VECTOR(insn_reg(l));
    store_state(l, SCRATCH(0), 8, general_rm(l, insn_w(l) ? 8 : 4));
    vector(l, op, 16, d, first(l, insn_reg(l)), SCRATCH(0), 0);
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
                    vector_value(l, row_op(l) + insn_w(l), 16, b, b));
}

/* (U)COMISS, (U)COMISD. */
void x86_lower_compare(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    uint32_t b = scalar_rm(l);
    put_flags(l, vector_value(l, row_op(l), 16, VECTOR(insn_reg(l)), b));
}

/* PTEST, VTESTPS, VTESTPD. */
void x86_lower_test(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    uint32_t b = vector_rm(l, full_bytes(l));
    put_flags(l, vector_value(l, row_op(l), full_bytes(l), VECTOR(insn_reg(l)), b));
}

/* PMOVMSKB, MOVMSKPS, MOVMSKPD. */
void x86_lower_sign_bits(Lower *l)
{
    if (!check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    uint32_t b = VECTOR(insn_rm(l));
    put_general_reg(l, insn_reg(l), 8, vector_value(l, row_op(l), full_bytes(l), b, b));
}

/* The lane's bytes: the row's size, or 4 and 8 by REX.W. */
static unsigned lane_size(Lower *l)
{
    return row_size(l) ? row_size(l) : insn_w(l) ? 8 : 4;
}

/* The same where it is not that of a general register. */
static unsigned element_size(Lower *l)
{
    return row_size(l) ? row_size(l) : insn_vector_w(l) ? 8 : 4;
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
    ir_store(l->ir, 4, data_mode(l), sized_address(l, 4), ir_call(l->ir, &call_stmxcsr, 0, 0, 0, 0));
}

/* ---- by a mask ---- */

/* MASKMOVDQU, MASKMOVQ (row's size 8): to DS:rDI. */
void x86_lower_maskmov(Lower *l)
{
    bool mmx = row_size(l) == 8;
    if (mmx ? !check_mmx(l) : !check_simd(l) || !check_no_vvvv(l)) {
        return;
    }
    IrBlock *ir = l->ir;
    if (mmx) {
        ir_call(ir, &call_mmx_enter, 0, 0, 0, 0);
    }
    uint32_t from = mmx ? MANTISSA(insn_reg(l) & 7) : VECTOR(insn_reg(l));
    uint32_t mask = mmx ? MANTISSA(insn_rm(l) & 7) : VECTOR(insn_rm(l));
    ir_call(ir, &call_mask_store, address_rdi(l), ir_const(ir, from), ir_const(ir, mask),
            ir_const(ir, 1 | (mmx ? 8 : 16) << 8));
}

/* VMASKMOVPx, VPMASKMOVx; the row's size is the lane's, 0: by VEX.W. */
void x86_lower_vmaskmov_load(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned bytes = full_bytes(l);
    ir_call(l->ir, &call_mask_load, address(l), ir_const(l->ir, VECTOR(insn_reg(l))),
            ir_const(l->ir, VECTOR(insn_vvvv(l))), ir_const(l->ir, element_size(l) | bytes << 8));
    zero_above(l, insn_reg(l), bytes);
}

void x86_lower_vmaskmov_store(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    ir_call(l->ir, &call_mask_store, address(l), ir_const(l->ir, VECTOR(insn_reg(l))),
            ir_const(l->ir, VECTOR(insn_vvvv(l))),
            ir_const(l->ir, element_size(l) | full_bytes(l) << 8));
}

/* VGATHERxxx, VPGATHERxx: the row's size is the index's; the element's is by VEX.W. */
void x86_lower_gather(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned reg = insn_reg(l), mask = insn_vvvv(l), index = insn_vsib_index(l);
    if (insn_is_register(l) || insn_address_size(l) == 2 || reg == mask || reg == index || mask == index) {
        raise_now(l, X86_UD);
        return;
    }
    unsigned element = insn_vector_w(l) ? 8 : 4, bytes = full_bytes(l), width = row_size(l);
    unsigned count = bytes / MAX(element, width);
    X86Gather g = { .reg = reg, .mask = mask, .index = index, .count = count,
                    .element_log = element == 8 ? 3 : 2, .index_log = width == 8 ? 3 : 2,
                    .scale = insn_scale(l), .wide = bytes, .address32 = insn_address_size(l) == 4,
                    .linear32 = !insn_mode64(l) };
    uint64_t packed;
    memcpy(&packed, &g, sizeof(packed));
    ir_call(l->ir, &call_gather, vsib_offset(l), vsib_segment_base(l), ir_const(l->ir, packed),
            ir_const(l->ir, vsib_segment(l)));
    zero_vector(l, VECTOR(mask), true);
    if (count * element == 8) {
        vector(l, OP(movq), 16, VECTOR(reg), VECTOR(reg), VECTOR(reg), 0);
    }
    if (count * element < 32) {
        ir_zero_above(l->ir, VECTOR(reg));
    }
}

/* ---- MMX ---- */

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

/* The source is read before the x87's state changes: it may fault. */
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
    uint32_t b = mmx_rm(l, row_size(l) ? row_size(l) : 8);
    if (!enter_mmx(l)) {
        return;
    }
    vector(l, op, 8, MANTISSA(reg), op->flags & IR_VEX_TWO ? b : MANTISSA(reg), b,
           op->flags & IR_VEX_IMM ? insn_imm(l) : 0);
    mmx_written(l, reg);
}

void x86_lower_mmx_shift(Lower *l)
{
    unsigned reg = insn_rm(l) & 7;
    if (!enter_mmx(l)) {
        return;
    }
    vector(l, row_op(l), 8, MANTISSA(reg), MANTISSA(reg), shift_count(l), 0);
    mmx_written(l, reg);
}

/* MOVQ P, Q; MOVQ Q, P, MOVNTQ. */
void x86_lower_mmx_load(Lower *l)
{
    unsigned reg = insn_reg(l) & 7;
    if (!check_mmx(l)) {
        return;
    }
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
    put_general_reg(l, insn_reg(l), 8, vector_value(l, OP(pmovmskb), 8, b, b));
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
    IrValue value = insn_is_register(l) ? general_reg(l, insn_rm(l), 8)
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

/* CVTPI2PS, CVTPI2PD. */
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
    vector(l, row_op(l), 16, d, d, SCRATCH(0), 0);
}

/* CVT(T)PS2PI, CVT(T)PD2PI: the row's size is the memory operand's. */
void x86_lower_to_mmx(Lower *l)
{
    if (!check_simd(l)) {
        return;
    }
    unsigned size = row_size(l);
    uint32_t b = insn_is_register(l) ? VECTOR(insn_rm(l)) : load_memory(l, 0, size, size == 16);
    enter_mmx(l);
    vector(l, row_op(l), 16, SCRATCH(1), b, b, 0);
    store_state(l, MANTISSA(insn_reg(l) & 7), 8, load_state(l, SCRATCH(1), 8));
    mmx_written(l, insn_reg(l) & 7);
}

void x86_lower_emms(Lower *l)
{
    if (check_mmx(l)) {
        ir_call(l->ir, &call_emms, 0, 0, 0, 0);
    }
}
