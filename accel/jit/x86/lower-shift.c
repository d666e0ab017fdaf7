/* SPDX-License-Identifier: MIT */
/* Shifts and rotates: Intel SDM volume 2. */
#include "accel/jit/x86/lower.h"

/* New flags of a rotate or a double shift, or the old ones when nothing moved. Packed: kind,
 * size. */
static uint64_t rotate_flags(X86Jit *cpu, uint64_t flags, uint64_t result, uint64_t count,
                             uint64_t packed)
{
    unsigned kind = packed & 0xff, bits = 8 * (packed >> 8);
    bool top = result >> (bits - 1) & 1, carry, overflow;

    if (!count) {
        return flags;
    }
    carry = kind == SHIFT_ROL ? result & 1 : top;
    overflow = kind == SHIFT_ROL ? top ^ carry : top ^ (result >> (bits - 2) & 1);
    return (flags & ~(uint64_t)(X86_CF | X86_OF)) | (carry ? X86_CF : 0) | (overflow ? X86_OF : 0);
}
static const IrHelper rotate_flags_helper = IR_HELPER(rotate_flags, 4, IR_PURE);

/* RCL and RCR: result in the low bits … the carry of the flags goes through. */
static uint64_t rotate_carry(X86Jit *cpu, uint64_t value, uint64_t count, uint64_t packed,
                             uint64_t flags)
{
    unsigned bits = 8 * (packed >> 8 & 0xff);
    unsigned __int128 ring = (unsigned __int128)(flags & X86_CF) << bits | value, mask;

    mask = ((unsigned __int128)1 << (bits + 1)) - 1;
    count %= bits + 1;
    if ((packed & 0xff) == SHIFT_RCR) {
        count = (bits + 1 - count) % (bits + 1);
    }
    if (count) {
        ring = (ring << count | ring >> (bits + 1 - count)) & mask;
    }
    return packed >> 16 ? (uint64_t)(ring >> bits & 1)
                        : (uint64_t)(ring & (mask >> 1));
}
static const IrHelper rotate_carry_helper = IR_HELPER(rotate_carry, 4, IR_PURE);

static uint64_t carry_flags(X86Jit *cpu, uint64_t flags, uint64_t result, uint64_t carry,
                            uint64_t packed)
{
    unsigned bits = 8 * (packed >> 8 & 0xff);
    bool top = result >> (bits - 1) & 1;
    bool overflow = (packed & 0xff) == SHIFT_RCR ? top ^ (result >> (bits - 2) & 1) : top ^ carry;

    return (flags & ~(uint64_t)(X86_CF | X86_OF)) | (carry ? X86_CF : 0) | (overflow ? X86_OF : 0);
}
static const IrHelper carry_flags_helper = IR_HELPER(carry_flags, 4, IR_PURE);

static void rotate_through_carry(Lower *l, unsigned kind, unsigned size, IrValue count)
{
    IrValue flags = get_flags(l), value = read_operand(l, 0);
    IrValue result = ir_call(l->ir, &rotate_carry_helper, value, count,
                             number(l, kind | size << 8), flags);
    IrValue carry = ir_call(l->ir, &rotate_carry_helper, value, count,
                            number(l, kind | size << 8 | 1 << 16), flags);
    IrValue after = ir_call(l->ir, &carry_flags_helper, flags, result, carry,
                            number(l, kind | size << 8));

    write_operand(l, 0, result);
    put_flags(l, ir_select(l->ir, IR_EQ, IR_I32, count, number(l, 0), flags, after));
}

static void rotate(Lower *l, unsigned kind, unsigned size, IrValue count)
{
    IrValue flags = get_flags(l), value = read_operand(l, 0), result;
    IrOpcode opcode = kind == SHIFT_ROL ? IR_ROL : IR_ROR;

    if (size >= 4) {
        result = ir_binary(l->ir, opcode, type_of(size), value, count);
    } else {
        /* Twice or four times side by side, a rotate of 32 bits does it. */
        IrValue wide = ir_deposit(l->ir, value, value, 8 * size, 8 * size);
        if (size == 1) {
            wide = ir_deposit(l->ir, wide, wide, 16, 16);
        }
        result = sized(l, ir_binary(l->ir, opcode, IR_I32, wide, count), size);
    }
    write_operand(l, 0, result);
    put_flags(l, ir_call(l->ir, &rotate_flags_helper, flags, result, count,
                         number(l, kind | size << 8)));
}

/* The value shifted, and shifted by one less. */
static void shift(Lower *l, unsigned kind, unsigned size, IrValue count)
{
    IrOpcode opcode = kind == SHIFT_SHR ? IR_SHR : kind == SHIFT_SAR ? IR_SAR : IR_SHL;
    bool constant = ir_is_const(l->ir, count);
    /* Counts up to 31 may be more than a byte or a word has: 64 bits do not run out. */
    IrValue value = read_operand(l, 0), before, result, less;

    if (constant && !ir_const_of(l->ir, count)) {
        write_operand(l, 0, value);     /* of 32 bits: the upper half becomes 0 */
        return;
    }
    value = extended(l, value, size, kind == SHIFT_SAR);
    less = ir_add_const(l->ir, IR_I64, count, UINT64_MAX);
    before = sized(l, ir_binary(l->ir, opcode, IR_I64, value, less), size);
    result = sized(l, ir_binary(l->ir, opcode, IR_I64, value, count), size);
    write_operand(l, 0, result);
    if (constant) {
        set_flags(l, kind == SHIFT_SHL || kind == 6 ? CC_SHL : CC_SAR, size, result, before, 0);
        return;
    }
    /* A count of 0 changes no flag. */
    IrValue zero = number(l, 0), old_op = ir_get(l->ir, X86_SLOT_CC_OP);
    unsigned cc = (kind == SHIFT_SHL || kind == 6 ? CC_SHL : CC_SAR) +
                  (size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3);
    IrValue op = ir_select(l->ir, IR_EQ, IR_I32, count, zero, old_op, number(l, cc));
    IrValue dst = ir_select(l->ir, IR_EQ, IR_I32, count, zero, ir_get(l->ir, X86_SLOT_CC_DST),
                            result);
    IrValue src = ir_select(l->ir, IR_EQ, IR_I32, count, zero, ir_get(l->ir, X86_SLOT_CC_SRC),
                            before);
    ir_put(l->ir, X86_SLOT_CC_OP, op);
    ir_put(l->ir, X86_SLOT_CC_DST, dst);
    ir_put(l->ir, X86_SLOT_CC_SRC, src);
    l->cc_op = -1;
}

void x86_lower_shift_gpr(Lower *l)
{
    unsigned kind = l->insn.row->arg, size = operand_size(l, 0);
    IrValue count = ir_and_const(l->ir, IR_I32, read_operand(l, 1), size == 8 ? 63 : 31);

    if (kind == SHIFT_RCL || kind == SHIFT_RCR) {
        rotate_through_carry(l, kind, size, count);
    } else if (kind == SHIFT_ROL || kind == SHIFT_ROR) {
        rotate(l, kind, size, count);
    } else {
        shift(l, kind, size, count);
    }
}

/* SHLD and SHRD. Packed: size, 1 if right, 2 if the flags are wanted. */
static uint64_t double_shift(X86Jit *cpu, uint64_t a, uint64_t b, uint64_t count, uint64_t packed)
{
    unsigned bits = 8 * (packed & 0xff);
    bool right = packed >> 8 & 1;
    unsigned __int128 both = right ? (unsigned __int128)b << bits | a
                                   : (unsigned __int128)a << bits | b;
    uint64_t result, carry;

    count &= bits == 64 ? 63 : 31;
    if (!count) {
        return packed >> 9 & 1 ? UINT64_MAX : a;
    }
    /* More than 16 with words is undefined; here the pattern goes on. */
    if (bits == 16 && count > 16) {
        both = right ? (unsigned __int128)a << 32 | both : both << 16 | a;
        bits = right ? 16 : 32;
    }
    if (right) {
        result = (uint64_t)(both >> count);
        carry = (uint64_t)(both >> (count - 1)) & 1;
    } else {
        result = (uint64_t)(both << count >> bits);
        carry = (uint64_t)(both >> (2 * bits - count)) & 1;
    }
    bits = 8 * (packed & 0xff);
    result &= bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
    if (packed >> 9 & 1) {
        bool overflow = (a ^ result) >> (bits - 1) & 1;
        return x86_flags(CC_LOGIC + (bits == 16 ? 1 : bits == 32 ? 2 : 3), result, 0, 0) |
               (carry ? X86_CF : 0) | (overflow ? X86_OF : 0);
    }
    return result;
}
static const IrHelper double_shift_helper = IR_HELPER(double_shift, 4, IR_PURE);

void x86_lower_double_shift(Lower *l)
{
    unsigned size = l->insn.operand_size, right = l->insn.row->arg;
    IrValue count = l->insn.row->operands[2] == X86_OP_CL ? read_gpr(l, X86_RCX, 1)
                                                          : number(l, l->insn.imm & 0xff);
    IrValue a = read_operand(l, 0), b = read_gpr(l, l->insn.reg, size), old = get_flags(l);
    IrValue result =
        ir_call(l->ir, &double_shift_helper, a, b, count, number(l, size | right << 8));
    IrValue flags = ir_call(l->ir, &double_shift_helper, a, b, count,
                            number(l, size | right << 8 | 2 << 8));

    write_operand(l, 0, result);
    put_flags(l, ir_select(l->ir, IR_EQ, IR_I64, flags, number(l, UINT64_MAX), old, flags));
}
