/* SPDX-License-Identifier: MIT */
/* The slots of the x86 guest, and its arithmetic flags, which are computed when they are wanted. */
#include <stddef.h>

#include "accel/jit/x86/lower.h"
#include "accel/jit/x86/system.h"

#define SLOT(name, member, pin) { name, offsetof(X86Jit, member), sizeof(((X86Jit *)0)->member), pin }

const IrSlot x86_slots[X86_SLOTS] = {
    SLOT("rax", gpr[0], 1), SLOT("rcx", gpr[1], 2), SLOT("rdx", gpr[2], 3), SLOT("rbx", gpr[3], 4),
    SLOT("rsp", gpr[4], 5), SLOT("rbp", gpr[5], 6), SLOT("rsi", gpr[6], 7), SLOT("rdi", gpr[7], 8),
    SLOT("r8", gpr[8], 9), SLOT("r9", gpr[9], 10), SLOT("r10", gpr[10], 0),
    SLOT("r11", gpr[11], 0), SLOT("r12", gpr[12], 0), SLOT("r13", gpr[13], 0),
    SLOT("r14", gpr[14], 0), SLOT("r15", gpr[15], 0),
    SLOT("rip", rip, 0), SLOT("cc_op", cc_op, 0), SLOT("cc_dst", cc_dst, 0),
    SLOT("cc_src", cc_src, 0), SLOT("cc_src2", cc_src2, 0), SLOT("direction", direction, 0),
    SLOT("rflags", rflags, 0),
    SLOT("es_base", base[0], 0), SLOT("cs_base", base[1], 0), SLOT("ss_base", base[2], 0),
    SLOT("ds_base", base[3], 0), SLOT("fs_base", base[4], 0), SLOT("gs_base", base[5], 0),
};

/* ---- all of them ---- */

typedef struct Width {
    uint64_t mask, sign;
} Width;

static Width width_of(unsigned group)
{
    unsigned bits = 8u << group;
    uint64_t sign = 1ull << (bits - 1);

    return (Width){ sign | (sign - 1), sign };
}

static uint64_t result_flags(uint64_t dst, Width w)
{
    return ((dst & w.mask) == 0 ? X86_ZF : 0) | (dst & w.sign ? X86_SF : 0) |
           (__builtin_parity((uint8_t)dst) ? 0 : X86_PF);
}

static uint64_t carries(bool carry, bool overflow, bool half)
{
    return (carry ? X86_CF : 0) | (overflow ? X86_OF : 0) | (half ? X86_AF : 0);
}

uint64_t x86_flags(uint64_t cc_op, uint64_t dst, uint64_t src, uint64_t src2)
{
    unsigned kind = cc_op ? cc_op - (cc_op - CC_ADD) % 4 : CC_FLAGS;
    Width w = width_of(cc_op ? (cc_op - CC_ADD) % 4 : 3);
    uint64_t a;

    dst &= w.mask;
    switch (kind) {
    case CC_FLAGS:
        return src & X86_ARITHMETIC;
    case CC_ADD:
    case CC_ADC:
        src2 = kind == CC_ADC ? src2 & 1 : 0;
        a = (dst - src - src2) & w.mask;
        return result_flags(dst, w) |
               carries(src2 ? dst <= a : dst < a, ~(a ^ src) & (a ^ dst) & w.sign,
                       (a ^ src ^ dst) & 0x10);
    case CC_SUB:
    case CC_SBB:
        src2 = kind == CC_SBB ? src2 & 1 : 0;
        a = (dst + src + src2) & w.mask;
        src &= w.mask;
        return result_flags(dst, w) |
               carries(src2 ? a <= src : a < src, (a ^ src) & (a ^ dst) & w.sign,
                       (a ^ src ^ dst) & 0x10);
    case CC_LOGIC:
        return result_flags(dst, w);
    case CC_INC:
        return result_flags(dst, w) | carries(src & 1, dst == w.sign, (dst & 15) == 0);
    case CC_DEC:
        return result_flags(dst, w) | carries(src & 1, dst == w.sign - 1, (dst & 15) == 15);
    case CC_SHL:
        return result_flags(dst, w) | carries(src & w.sign, (src ^ dst) & w.sign, false);
    case CC_SAR:
        return result_flags(dst, w) | carries(src & 1, (src ^ dst) & w.sign, false);
    case CC_MUL:
        return result_flags(dst, w) | carries(src != 0, src != 0, false);
    case CC_BLSR:
        return result_flags(dst, w) | carries((src & w.mask) == 0, false, false);
    default:
        g_assert_not_reached();
    }
}

uint64_t x86_get_rflags(const X86Jit *cpu)
{
    return x86_flags(cpu->cc_op, cpu->cc_dst, cpu->cc_src, cpu->cc_src2) | cpu->direction |
           cpu->rflags | 2;
}

/*
 * RF ends with the instruction after IRET, which is only done where it counts
 * (x86_help_debug_step()); elsewhere it may be left over from long ago.
 */
uint64_t x86_shown_rflags(const X86Jit *cpu)
{
    uint64_t value = x86_get_rflags(cpu);

    return (value & X86_TF) || x86_breaks_on_code(cpu) ? value : value & ~(uint64_t)X86_RF;
}

void x86_set_rflags(X86Jit *cpu, uint64_t value)
{
    cpu->cc_op = CC_FLAGS;
    cpu->cc_src = value & X86_ARITHMETIC;
    cpu->direction = value & X86_DF;
    cpu->rflags = value & ~(uint64_t)(X86_ARITHMETIC | X86_DF);
}

/* ---- lowering ---- */

static uint64_t flags_of(X86Jit *cpu, uint64_t op, uint64_t dst, uint64_t src, uint64_t src2)
{
    return x86_flags(op, dst, src, src2);
}

static const IrHelper flags_helper = IR_HELPER(flags_of, 4, IR_PURE);

static unsigned group_of(unsigned size)
{
    return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

void set_flags(Lower *l, unsigned cc_op, unsigned size, IrValue dst, IrValue src, IrValue src2)
{
    l->cc_op = cc_op == CC_FLAGS ? CC_FLAGS : cc_op + group_of(size);
    l->minuend = 0;
    ir_put(l->ir, X86_SLOT_CC_OP, number(l, l->cc_op));
    if (dst) {
        ir_put(l->ir, X86_SLOT_CC_DST, dst);
    }
    if (src) {
        ir_put(l->ir, X86_SLOT_CC_SRC, src);
    }
    if (src2) {
        ir_put(l->ir, X86_SLOT_CC_SRC2, src2);
    }
}

IrValue get_flags(Lower *l)
{
    if (l->cc_op == CC_FLAGS) {
        return ir_get(l->ir, X86_SLOT_CC_SRC);
    }
    return ir_call(l->ir, &flags_helper, ir_get(l->ir, X86_SLOT_CC_OP),
                   ir_get(l->ir, X86_SLOT_CC_DST), ir_get(l->ir, X86_SLOT_CC_SRC),
                   ir_get(l->ir, X86_SLOT_CC_SRC2));
}

void put_flags(Lower *l, IrValue flags)
{
    set_flags(l, CC_FLAGS, 8, 0, flags, 0);
}

/* From the flags as bits. */
static LowerCond generic(Lower *l, unsigned cc)
{
    static const uint32_t masks[] = { X86_OF, X86_CF, X86_ZF, X86_CF | X86_ZF, X86_SF, X86_PF };
    IrValue flags = get_flags(l), less;

    if (cc < 12) {
        uint32_t mask = masks[cc >> 1 == 5 ? 5 : cc >> 1];
        return (LowerCond){ cc & 1 ? IR_TEST_EQ : IR_TEST_NE, IR_I32, flags, number(l, mask) };
    }
    /* SF is bit 7, OF bit 11. */
    less = ir_xor(l->ir, IR_I32, flags,
                  ir_shr(l->ir, IR_I32, flags, number(l, 4)));
    if (cc < 14) {
        return (LowerCond){ cc & 1 ? IR_TEST_EQ : IR_TEST_NE, IR_I32, less, number(l, X86_SF) };
    }
    less = ir_or(l->ir, IR_I32, ir_and_const(l->ir, IR_I32, less, X86_SF),
                 ir_and_const(l->ir, IR_I32, flags, X86_ZF));
    return (LowerCond){ cc & 1 ? IR_EQ : IR_NE, IR_I32, less, number(l, 0) };
}

static IrValue sign_extended(Lower *l, IrValue value, unsigned group)
{
    return group == 0 ? ir_unary(l->ir, IR_SEXT8, IR_I32, value)
         : group == 1 ? ir_unary(l->ir, IR_SEXT16, IR_I32, value) : value;
}

/* After a subtraction: the operands themselves. */
static bool after_sub(Lower *l, unsigned cc, unsigned group, LowerCond *cond)
{
    static const IrCond conds[] = { [2 >> 1] = IR_LTU, [6 >> 1] = IR_LEU,
                                    [12 >> 1] = IR_LTS, [14 >> 1] = IR_LES };
    IrType type = type_of(1u << group);
    IrValue dst = ir_get(l->ir, X86_SLOT_CC_DST), src = ir_get(l->ir, X86_SLOT_CC_SRC), a;

    if (cc < 2 || cc >> 1 == 2 || (cc >= 8 && cc < 12)) {
        return false;
    }
    a = l->minuend ? l->minuend : ir_add(l->ir, type, dst, src);
    if (group < 2) {
        a = ir_extract(l->ir, a, 0, 8u << group);
    }
    if (cc >= 12) {
        a = sign_extended(l, a, group);
        src = sign_extended(l, src, group);
    }
    *cond = (LowerCond){ conds[cc >> 1], type, a, src };
    if (cc & 1) {
        cond->cond = ir_cond_invert(cond->cond);
    }
    return true;
}

LowerCond flag_condition(Lower *l, unsigned cc)
{
    unsigned group = l->cc_op > 0 ? (l->cc_op - CC_ADD) % 4 : 0;
    unsigned kind = l->cc_op > 0 ? l->cc_op - group : 0;
    IrType type = type_of(1u << group);
    LowerCond cond;

    if (l->cc_op <= 0) {
        return generic(l, cc);
    }
    if (kind == CC_SUB && after_sub(l, cc, group, &cond)) {
        return cond;
    }
    IrValue dst = ir_get(l->ir, X86_SLOT_CC_DST);
    bool logic = kind == CC_LOGIC;
    if (cc >> 1 == 2 || (logic && cc >> 1 == 3)) {
        return (LowerCond){ cc & 1 ? IR_NE : IR_EQ, type, dst, number(l, 0) };
    }
    if (cc >> 1 == 4 || (logic && cc >> 1 == 6)) {
        return (LowerCond){ cc & 1 ? IR_TEST_EQ : IR_TEST_NE, type, dst,
                            number(l, 1ull << ((8u << group) - 1)) };
    }
    if (kind == CC_ADD && cc >> 1 == 1) {
        return (LowerCond){ cc & 1 ? IR_GEU : IR_LTU, type, dst, ir_get(l->ir, X86_SLOT_CC_SRC) };
    }
    return generic(l, cc);
}

IrValue carry_flag(Lower *l)
{
    LowerCond c = flag_condition(l, 2);

    return ir_setcc(l->ir, c.cond, c.type, c.a, c.b);
}
