/* SPDX-License-Identifier: MIT */
/* Multiplication and division: Intel SDM volume 2. */
#include "accel/jit/x86/lower.h"

/* Low and high halves of a product. */
static void multiply(Lower *l, unsigned size, bool sign, IrValue a, IrValue b, IrValue *low,
                     IrValue *high)
{
    IrValue product;

    if (size == 8) {
        *low = ir_mul(l->ir, IR_I64, a, b);
        *high = ir_binary(l->ir, sign ? IR_MULHS : IR_MULHU, IR_I64, a, b);
        return;
    }
    product = ir_mul(l->ir, IR_I64, extended(l, a, size, sign), extended(l, b, size, sign));
    *low = ir_extract(l->ir, product, 0, 8 * size);
    *high = ir_extract(l->ir, product, 8 * size, 8 * size);
}

/* CC_MUL wants 0 where the high half says no more than the low one. */
static IrValue high_matters(Lower *l, unsigned size, bool sign, IrValue low, IrValue high)
{
    if (sign) {
        IrValue fill = ir_sar(l->ir, IR_I64, extended(l, low, size, true), number(l, 63));
        high = ir_xor(l->ir, IR_I64, high, sized(l, fill, size));
    }
    return high;
}

/* MUL and IMUL of one operand; arg 1: signed. */
void x86_lower_mul(Lower *l)
{
    unsigned size = operand_size(l, 0);
    bool sign = l->insn.row->arg;
    IrValue low, high;

    multiply(l, size, sign, read_gpr(l, X86_RAX, size), read_operand(l, 0), &low, &high);
    if (size == 1) {
        write_gpr(l, X86_RAX, 2, ir_deposit(l->ir, low, high, 8, 8));
    } else {
        write_gpr(l, X86_RAX, size, low);
        write_gpr(l, X86_RDX, size, high);
    }
    set_flags(l, CC_MUL, size, low, high_matters(l, size, sign, low, high), 0);
}

/* IMUL r, r/m [, imm] */
void x86_lower_imul(Lower *l)
{
    unsigned size = l->insn.operand_size;
    bool three = l->insn.row->operands[2] != X86_OP_NONE;
    IrValue a = read_operand(l, 1);
    IrValue b = three ? sized(l, number(l, l->insn.imm), size) : read_gpr(l, l->insn.reg, size);
    IrValue low, high;

    multiply(l, size, true, a, b, &low, &high);
    write_gpr(l, l->insn.reg, size, low);
    set_flags(l, CC_MUL, size, low, high_matters(l, size, true, low, high), 0);
}

typedef struct Quotient {
    uint64_t quotient, remainder;
    bool overflow;
} Quotient;

/* `high` and `low` are of so many bits, and zero-extended. Wide division only where it is
 * needed. */
static Quotient divide_unsigned(uint64_t high, uint64_t low, uint64_t by, unsigned bits)
{
    unsigned __int128 value;

    if (high >= by) {
        return (Quotient){ .overflow = true };
    }
    if (bits < 64 || !high) {
        low |= bits < 64 ? high << bits : 0;
        return (Quotient){ low / by, low % by, false };
    }
    value = (unsigned __int128)high << 64 | low;
    return (Quotient){ (uint64_t)(value / by), (uint64_t)(value % by), false };
}

static Quotient divide_signed(uint64_t high, uint64_t low, uint64_t by, unsigned bits)
{
    bool minus = high >> (bits - 1) & 1, minus_by = by >> (bits - 1) & 1;
    uint64_t mask = bits == 64 ? UINT64_MAX : (1ull << bits) - 1, limit;
    Quotient q;

    if (minus) {
        low = -low & mask;
        high = (~high + !low) & mask;
    }
    q = divide_unsigned(high, low, minus_by ? -by & mask : by, bits);
    limit = (mask >> 1) + (minus != minus_by);
    q.overflow |= q.quotient > limit;
    q.quotient = minus != minus_by ? -q.quotient : q.quotient;
    q.remainder = minus ? -q.remainder : q.remainder;
    return q;
}

/* RDX:RAX by a value; quotient and remainder, or #DE. */
static uint64_t divide(X86Jit *cpu, uint64_t by, uint64_t size, uint64_t sign)
{
    unsigned bits = 8 * size;
    uint64_t mask = bits == 64 ? UINT64_MAX : (1ull << bits) - 1, low = cpu->gpr[X86_RAX] & mask;
    uint64_t high = (size == 1 ? cpu->gpr[X86_RAX] >> 8 : cpu->gpr[X86_RDX]) & mask;
    Quotient q = { .overflow = true };

    by &= mask;
    if (by) {
        q = sign ? divide_signed(high, low, by, bits) : divide_unsigned(high, low, by, bits);
    }
    if (q.overflow) {
        x86_raise(cpu, X86_DE);
    }
    q.quotient &= mask;
    q.remainder &= mask;
    if (size == 1) {
        cpu->gpr[X86_RAX] = (cpu->gpr[X86_RAX] & ~0xffffull) | q.remainder << 8 | q.quotient;
    } else if (size == 2) {
        cpu->gpr[X86_RAX] = (cpu->gpr[X86_RAX] & ~mask) | q.quotient;
        cpu->gpr[X86_RDX] = (cpu->gpr[X86_RDX] & ~mask) | q.remainder;
    } else {
        cpu->gpr[X86_RAX] = q.quotient;
        cpu->gpr[X86_RDX] = q.remainder;
    }
    return 0;
}
static const IrHelper divide_helper = IR_HELPER(divide, 3, 0);

/* Is `high` what CDQ or CQO made of `low`? */
static bool is_sign_of(const Lower *l, IrValue high, IrValue low, unsigned size)
{
    const IrOp *ops = l->ir->ops, *sign = &ops[high];
    IrValue of = sign->a;

    of = ops[of].opcode == IR_ZEXT32 && size == 4 ? ops[of].a : of;
    low = ops[low].opcode == IR_ZEXT32 && size == 4 ? ops[low].a : low;
    return sign->opcode == IR_SAR && sign->type == type_of(size) && of == low &&
           ir_is_const(l->ir, sign->b) && ir_const_of(l->ir, sign->b) == 8 * size - 1;
}

/* By the host's own division, where what it raises is easily known before. */
static bool divide_here(Lower *l, unsigned size, bool sign, IrValue by)
{
    const IrHelper *raise = &x86_system_helpers[X86_HELPER_raise];
    IrValue low = read_gpr(l, X86_RAX, size), high = read_gpr(l, X86_RDX, size), error, quotient;
    IrType type = type_of(size);

    if (size < 4 || (sign && !is_sign_of(l, high, low, size))) {
        return false;
    }
    error = number(l, X86_DE);
    if (sign) {
        /* The smallest by -1. */
        IrValue both = ir_or(l->ir, type,
                             ir_xor(l->ir, type, low, number(l, 1ull << (8 * size - 1))),
                             ir_unary(l->ir, IR_NOT, type, by));
        ir_raise_if(l->ir, IR_EQ, type, both, number(l, 0), raise, error);
        ir_raise_if(l->ir, IR_EQ, type, by, number(l, 0), raise, error);
    } else {
        ir_raise_if(l->ir, IR_LEU, type, by, high, raise, error);
    }
    quotient = ir_divide(l->ir, sign ? IR_DIVS : IR_DIVU, type, low, high, by);
    write_gpr(l, X86_RAX, size, quotient);
    write_gpr(l, X86_RDX, size, ir_sub(l->ir, type, low, ir_mul(l->ir, type, quotient, by)));
    return true;
}

void x86_lower_div(Lower *l)
{
    unsigned size = operand_size(l, 0);
    IrValue by = read_operand(l, 0);

    if (divide_here(l, size, l->insn.row->arg, by)) {
        return;
    }
    ir_call(l->ir, &divide_helper, by, number(l, size),
            number(l, l->insn.row->arg), 0);
    l->cc_op = -1;
}

void x86_lower_mulx(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;
    IrValue low, high;

    multiply(l, size, false, read_gpr(l, X86_RDX, size), read_operand(l, 2), &low, &high);
    write_gpr(l, l->insn.vvvv, size, low);
    write_gpr(l, l->insn.reg, size, high);
}
