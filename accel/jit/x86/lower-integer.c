/* SPDX-License-Identifier: MIT */
/* Arithmetic, moves, shifts, bits: Intel SDM volume 2. */
#include "accel/jit/x86/lower.h"


static IrValue sized(Lower *l, IrValue value, unsigned size)
{
    return size == 8 ? value : ir_extract(l->ir, value, 0, 8 * size);
}

static IrValue op2(Lower *l, IrOpcode opcode, unsigned size, IrValue a, IrValue b)
{
    return sized(l, ir_binary(l->ir, opcode, type_of(size), a, b), size);
}

/* ---- the eight of ADD … CMP ---- */

static IrValue alu_result(Lower *l, unsigned kind, unsigned size, IrValue a, IrValue b,
                          IrValue carry)
{
    switch (kind) {
    case ALU_ADD:
        return op2(l, IR_ADD, size, a, b);
    case ALU_ADC:
        return op2(l, IR_ADD, size, op2(l, IR_ADD, size, a, b), carry);
    case ALU_SUB: case ALU_CMP:
        return op2(l, IR_SUB, size, a, b);
    case ALU_SBB:
        return op2(l, IR_SUB, size, op2(l, IR_SUB, size, a, b), carry);
    case ALU_AND:
        return op2(l, IR_AND, size, a, b);
    case ALU_OR:
        return op2(l, IR_OR, size, a, b);
    default:
        return op2(l, IR_XOR, size, a, b);
    }
}

static void alu_flags(Lower *l, unsigned kind, unsigned size, IrValue dst, IrValue b, IrValue carry)
{
    static const uint8_t ops[] = { [ALU_ADD] = CC_ADD, [ALU_OR] = CC_LOGIC, [ALU_ADC] = CC_ADC,
                                   [ALU_SBB] = CC_SBB, [ALU_AND] = CC_LOGIC, [ALU_SUB] = CC_SUB,
                                   [ALU_XOR] = CC_LOGIC, [ALU_CMP] = CC_SUB };

    set_flags(l, ops[kind], size, dst, ops[kind] == CC_LOGIC ? 0 : b, carry);
}

/* LOCK: by one atomic operation. */
static void alu_locked(Lower *l, unsigned kind, unsigned size, IrValue b, IrValue carry)
{
    static const uint8_t atomics[] = { [ALU_ADD] = IR_ATOMIC_ADD, [ALU_OR] = IR_ATOMIC_OR,
                                       [ALU_AND] = IR_ATOMIC_AND, [ALU_SUB] = IR_ATOMIC_ADD,
                                       [ALU_XOR] = IR_ATOMIC_XOR, [ALU_ADC] = IR_ATOMIC_ADD,
                                       [ALU_SBB] = IR_ATOMIC_ADD };
    IrValue at = operand_address(l, size, true), with = b, old;

    if (kind == ALU_ADC || kind == ALU_SBB) {
        with = ir_add(l->ir, IR_I64, b, carry);
    }
    if (kind == ALU_SUB || kind == ALU_SBB) {
        with = ir_unary(l->ir, IR_NEG, IR_I64, with);
    }
    old = ir_atomic(l->ir, atomics[kind], size, data_mode(l), at, with, 0);
    alu_flags(l, kind, size, alu_result(l, kind, size, old, b, carry), b, carry);
}

void x86_lower_alu(Lower *l)
{
    unsigned kind = l->insn.row->arg, size = operand_size(l, 0);
    IrValue carry = kind == ALU_ADC || kind == ALU_SBB ? carry_flag(l) : 0;
    IrValue b = read_operand(l, 1), a, result;

    if (l->insn.lock) {
        alu_locked(l, kind, size, b, carry);
        return;
    }
    a = read_operand(l, 0);
    result = alu_result(l, kind, size, a, b, carry);
    if (kind != ALU_CMP) {
        write_operand(l, 0, result);
    }
    alu_flags(l, kind, size, result, b, carry);
    l->minuend = kind == ALU_SUB || kind == ALU_CMP ? a : 0;
}

void x86_lower_test_gpr(Lower *l)
{
    unsigned size = operand_size(l, 0);

    set_flags(l, CC_LOGIC, size, op2(l, IR_AND, size, read_operand(l, 0), read_operand(l, 1)), 0, 0);
}

/* INC and DEC leave the carry. */
void x86_lower_incdec(Lower *l)
{
    bool inc = l->insn.row->arg > 0;
    unsigned size = operand_size(l, 0);
    IrValue carry = carry_flag(l), one = number(l, inc ? 1 : UINT64_MAX), result;

    if (l->insn.lock) {
        IrValue old = ir_atomic(l->ir, IR_ATOMIC_ADD, size, data_mode(l),
                                operand_address(l, size, true), one, 0);
        result = op2(l, IR_ADD, size, old, one);
    } else {
        result = op2(l, IR_ADD, size, read_operand(l, 0), one);
        write_operand(l, 0, result);
    }
    set_flags(l, inc ? CC_INC : CC_DEC, size, result, carry, 0);
}

void x86_lower_not(Lower *l)
{
    unsigned size = operand_size(l, 0);

    if (l->insn.lock) {
        ir_atomic(l->ir, IR_ATOMIC_XOR, size, data_mode(l), operand_address(l, size, true),
                  number(l, UINT64_MAX), 0);
        return;
    }
    write_operand(l, 0, sized(l, ir_unary(l->ir, IR_NOT, type_of(size), read_operand(l, 0)), size));
}

static uint64_t locked_neg(X86Jit *cpu, uint64_t at, uint64_t size, uint64_t mode)
{
    uint64_t old = jit_load(&cpu->core, at, size, mode), seen;

    while ((seen = jit_atomic(&cpu->core, IR_ATOMIC_CMPXCHG, at, size, mode, -old, old)) != old) {
        old = seen;
    }
    return old;
}
static const IrHelper locked_neg_helper = IR_HELPER(locked_neg, 3, IR_NO_WRITE);

void x86_lower_neg(Lower *l)
{
    unsigned size = operand_size(l, 0);
    IrValue old, result;

    if (l->insn.lock) {
        old = ir_call(l->ir, &locked_neg_helper, operand_address(l, size, true), number(l, size),
                      number(l, data_mode(l)), 0);
        result = op2(l, IR_SUB, size, number(l, 0), old);
    } else {
        old = read_operand(l, 0);
        result = op2(l, IR_SUB, size, number(l, 0), old);
        write_operand(l, 0, result);
    }
    set_flags(l, CC_SUB, size, result, old, 0);
}

/* ---- moves ---- */

void x86_lower_mov(Lower *l)
{
    write_operand(l, 0, read_operand(l, 1));
}

void x86_lower_lea(Lower *l)
{
    write_gpr(l, l->insn.reg, l->insn.operand_size,
              sized(l, address_offset(l), l->insn.operand_size));
}

/* MOVZX and MOVSX, from row->size bytes; arg 1: signed. */
void x86_lower_extend(Lower *l)
{
    static const IrOpcode sign[] = { [1] = IR_SEXT8, [2] = IR_SEXT16, [4] = IR_SEXT32 };
    unsigned from = row_size(l), size = l->insn.operand_size;
    IrValue value = l->insn.memory ? ir_load(l->ir, IR_I64, from, 0, data_mode(l),
                                             operand_address(l, from, false))
                                   : read_gpr(l, l->insn.rm, from);

    if (l->insn.row->arg) {
        value = sized(l, ir_unary(l->ir, sign[from], IR_I64, value), size);
    }
    write_gpr(l, l->insn.reg, size, value);
}

/* 90 without REX.B is NOP; with F3 it is PAUSE, whatever REX says. */
void x86_lower_xchg(Lower *l)
{
    unsigned size = operand_size(l, 0);
    IrValue b, a;

    if (l->insn.opcode == 0x90 && l->insn.rep == 0xf3) {
        call_system(l, X86_HELPER_pause, 0, 0, 0, 0);
        return;
    }
    if (l->insn.opcode == 0x90 && l->insn.rm == X86_RAX) {
        return;
    }
    b = read_operand(l, 1);

    if (l->insn.memory) {
        a = ir_atomic(l->ir, IR_ATOMIC_XCHG, size, data_mode(l), operand_address(l, size, true), b,
                      0);
    } else {
        a = read_operand(l, 0);
        write_operand(l, 0, b);
    }
    write_operand(l, 1, a);
}

void x86_lower_nop(Lower *l)
{
}

/* CBW, CWDE, CDQE */
void x86_lower_cbw(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrOpcode opcode = size == 2 ? IR_SEXT8 : size == 4 ? IR_SEXT16 : IR_SEXT32;

    write_gpr(l, X86_RAX, size,
              sized(l, ir_unary(l->ir, opcode, IR_I64, ir_get(l->ir, X86_SLOT_GPR + X86_RAX)),
                    size));
}

/* CWD, CDQ, CQO */
void x86_lower_cwd(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue value = read_gpr(l, X86_RAX, size);

    if (size == 2) {
        value = ir_unary(l->ir, IR_SEXT16, IR_I32, value);
    }
    value = ir_sar(l->ir, type_of(size), value, number(l, size == 8 ? 63 : 31));
    write_gpr(l, X86_RDX, size, sized(l, value, size));
}

void x86_lower_bswap(Lower *l)
{
    unsigned size = l->insn.operand_size;

    if (size == 2) {
        /* Undefined; CPUs give 0. */
        write_gpr(l, l->insn.rm, 2, number(l, 0));
        return;
    }
    write_gpr(l, l->insn.rm, size,
              ir_unary(l->ir, IR_BSWAP, type_of(size), read_gpr(l, l->insn.rm, size)));
}

void x86_lower_cmov(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue b = read_operand(l, 1), a = read_gpr(l, l->insn.reg, size);
    LowerCond c = flag_condition(l, l->insn.opcode & 15);

    write_gpr(l, l->insn.reg, size, ir_select(l->ir, c.cond, c.type, c.a, c.b, b, a));
}

void x86_lower_setcc(Lower *l)
{
    LowerCond c = flag_condition(l, l->insn.opcode & 15);

    write_operand(l, 0, ir_setcc(l->ir, c.cond, c.type, c.a, c.b));
}

/* ---- multiplication and division ---- */

static IrValue extended(Lower *l, IrValue value, unsigned size, bool sign)
{
    static const IrOpcode signs[] = { [1] = IR_SEXT8, [2] = IR_SEXT16, [4] = IR_SEXT32 };

    return sign && size < 8 ? ir_unary(l->ir, signs[size], IR_I64, value) : value;
}

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

/* `high` and `low` are of so many bits, and zero-extended. Wide division only where it is needed. */
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

/* ---- shifts and rotates ---- */

/* New flags of a rotate or a double shift, or the old ones when nothing moved. Packed: kind, size. */
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
    IrValue result = ir_call(l->ir, &double_shift_helper, a, b, count, number(l, size | right << 8));
    IrValue flags = ir_call(l->ir, &double_shift_helper, a, b, count,
                            number(l, size | right << 8 | 2 << 8));

    write_operand(l, 0, result);
    put_flags(l, ir_select(l->ir, IR_EQ, IR_I64, flags, number(l, UINT64_MAX), old, flags));
}

/* ---- bits ---- */

/* BT, BTS, BTR, BTC; a register's bit number reaches beyond a memory operand. */
void x86_lower_bt(Lower *l)
{
    unsigned kind = l->insn.row->arg, size = l->insn.operand_size;
    bool by_register = l->insn.row->operands[1] != X86_OP_Ib;
    IrValue bit = by_register ? read_gpr(l, l->insn.reg, size) : number(l, l->insn.imm & 0xff);
    IrValue low = ir_and_const(l->ir, IR_I64, bit, 8 * size - 1), mask, value, result, flags;

    if (l->insn.memory) {
        IrValue offset = address_offset(l);
        if (by_register) {
            IrValue wide = size == 2 ? ir_unary(l->ir, IR_SEXT16, IR_I64, bit)
                         : size == 4 ? ir_unary(l->ir, IR_SEXT32, IR_I64, bit) : bit;
            IrValue unit = ir_sar(l->ir, IR_I64, wide, number(l, size == 2 ? 4 : size == 4 ? 5 : 6));
            unit = ir_shl(l->ir, IR_I64, unit, number(l, size == 2 ? 1 : size == 4 ? 2 : 3));
            offset = sized(l, ir_add(l->ir, IR_I64, offset, unit), l->insn.address_size);
        }
        unsigned segment = l->insn.segment >= 0 ? (unsigned)l->insn.segment
                         : l->insn.base == X86_RSP || l->insn.base == X86_RBP ? X86_SS : X86_DS;
        l->linear = segment_address(l, segment, offset, size, kind != BIT_TEST);
    }
    mask = ir_shl(l->ir, IR_I64, number(l, 1), low);
    flags = get_flags(l);
    if (l->insn.lock && kind != BIT_TEST) {
        IrOpcode opcode = kind == BIT_SET ? IR_ATOMIC_OR : kind == BIT_RESET ? IR_ATOMIC_AND
                                                                            : IR_ATOMIC_XOR;
        IrValue with = kind == BIT_RESET ? ir_unary(l->ir, IR_NOT, IR_I64, mask) : mask;
        value = ir_atomic(l->ir, opcode, size, data_mode(l), l->linear, with, 0);
    } else {
        value = read_operand(l, 0);
        if (kind != BIT_TEST) {
            result = kind == BIT_SET ? ir_or(l->ir, IR_I64, value, mask)
                   : kind == BIT_FLIP ? ir_xor(l->ir, IR_I64, value, mask)
                   : ir_and(l->ir, IR_I64, value, ir_unary(l->ir, IR_NOT, IR_I64, mask));
            write_operand(l, 0, result);
        }
    }
    put_flags(l, ir_or(l->ir, IR_I64, ir_and_const(l->ir, IR_I64, flags, ~(uint64_t)X86_CF),
                       ir_and_const(l->ir, IR_I64, ir_shr(l->ir, IR_I64, value, low), 1)));
}

/* BSF, BSR: of 0 the destination stays, ZF tells. arg 1: from above. */
void x86_lower_bit_scan(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue value = read_operand(l, 1), old = read_gpr(l, l->insn.reg, 8), found;

    found = ir_unary(l->ir, l->insn.row->arg ? IR_CLZ : IR_CTZ, IR_I64, value);
    if (l->insn.row->arg) {
        found = ir_xor(l->ir, IR_I64, found, number(l, 63));
    }
    if (size == 2) {
        found = ir_deposit(l->ir, old, found, 0, 16);
    }
    write_gpr(l, l->insn.reg, 8, ir_select(l->ir, IR_EQ, IR_I64, value, number(l, 0), old, found));
    set_flags(l, CC_LOGIC, size, value, 0, 0);
}

/*
 * TZCNT, LZCNT: CF if the source is 0, ZF if the result is. arg 1: leading. CPUs before them take no
 * notice of the prefix.
 */
void x86_lower_zero_count(Lower *l)
{
    unsigned size = l->insn.operand_size, bits = 8 * size;
    IrValue value, count;

    if (!cpu_has(l, l->insn.row->arg ? "abm" : "bmi1")) {
        x86_lower_bit_scan(l);
        return;
    }
    value = read_operand(l, 1);
    if (l->insn.row->arg) {
        count = ir_unary(l->ir, IR_CLZ, IR_I64, value);
        count = ir_add_const(l->ir, IR_I64, count, (uint64_t)bits - 64);
    } else {
        IrValue guard = size == 8 ? value : ir_or(l->ir, IR_I64, value, number(l, 1ull << bits));
        count = ir_unary(l->ir, IR_CTZ, IR_I64, guard);
    }
    write_gpr(l, l->insn.reg, size, count);
    put_flags(l, ir_or(l->ir, IR_I64,
                       ir_setcc(l->ir, IR_EQ, IR_I64, value, number(l, 0)),
                       ir_shl(l->ir, IR_I64, ir_setcc(l->ir, IR_EQ, IR_I64, count, number(l, 0)),
                              number(l, 6))));
}

void x86_lower_popcnt(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue value = read_operand(l, 1), count = ir_unary(l->ir, IR_POPCNT, IR_I64, value);

    write_gpr(l, l->insn.reg, size, count);
    put_flags(l, ir_shl(l->ir, IR_I64, ir_setcc(l->ir, IR_EQ, IR_I64, value, number(l, 0)),
                        number(l, 6)));
}

/* ---- exchanges ---- */

void x86_lower_xadd(Lower *l)
{
    unsigned size = operand_size(l, 0);
    IrValue b = read_gpr(l, l->insn.reg, size), old, sum;

    if (l->insn.lock) {
        old = ir_atomic(l->ir, IR_ATOMIC_ADD, size, data_mode(l), operand_address(l, size, true), b,
                        0);
        sum = op2(l, IR_ADD, size, old, b);
        write_gpr(l, l->insn.reg, size, old);
    } else {
        old = read_operand(l, 0);
        sum = op2(l, IR_ADD, size, old, b);
        if (l->insn.memory) {
            write_operand(l, 0, sum);
            write_gpr(l, l->insn.reg, size, old);
        } else {
            write_gpr(l, l->insn.reg, size, old);
            write_operand(l, 0, sum);
        }
    }
    set_flags(l, CC_ADD, size, sum, b, 0);
}

void x86_lower_cmpxchg(Lower *l)
{
    unsigned size = operand_size(l, 0);
    IrValue a = read_gpr(l, X86_RAX, size), b = read_gpr(l, l->insn.reg, size), old;

    if (l->insn.memory) {
        old = ir_atomic(l->ir, IR_ATOMIC_CMPXCHG, size, data_mode(l),
                        operand_address(l, size, true), b, a);
    } else {
        old = read_operand(l, 0);
        /* 32 bits clear the high half of the one that is written, and of no other. */
        IrValue whole = ir_get(l->ir, X86_SLOT_GPR + l->insn.rm);
        if (size == 4) {
            ir_put(l->ir, X86_SLOT_GPR + l->insn.rm,
                   ir_select(l->ir, IR_EQ, IR_I32, old, a, b, whole));
        } else {
            write_operand(l, 0, ir_select(l->ir, IR_EQ, IR_I64, old, a, b, old));
        }
    }
    IrValue rax = ir_get(l->ir, X86_SLOT_GPR + X86_RAX);
    IrValue other = size == 8 ? old : size == 4 ? old : ir_deposit(l->ir, rax, old, 0, 8 * size);
    ir_put(l->ir, X86_SLOT_GPR + X86_RAX,
           ir_select(l->ir, IR_EQ, IR_I64, old, a, rax, other));
    set_flags(l, CC_SUB, size, op2(l, IR_SUB, size, a, old), old, 0);
}

/* CMPXCHG8B, CMPXCHG16B */
static uint64_t cmpxchg_pair(X86Jit *cpu, uint64_t at, uint64_t size, uint64_t mode)
{
    uint64_t *gpr = cpu->gpr;
    bool same;

    if (size == 16) {
        uint64_t expected[2] = { gpr[X86_RAX], gpr[X86_RDX] };
        const uint64_t desired[2] = { gpr[X86_RBX], gpr[X86_RCX] };
        if (at & 15) {
            x86_raise_error(cpu, X86_GP, 0);
        }
        same = jit_cmpxchg16(&cpu->core, at, mode, expected, desired);
        if (!same) {
            gpr[X86_RAX] = expected[0];
            gpr[X86_RDX] = expected[1];
        }
    } else {
        uint64_t expected = (uint32_t)gpr[X86_RAX] | gpr[X86_RDX] << 32;
        uint64_t desired = (uint32_t)gpr[X86_RBX] | gpr[X86_RCX] << 32;
        uint64_t old = jit_atomic(&cpu->core, IR_ATOMIC_CMPXCHG, at, 8, mode, desired, expected);
        same = old == expected;
        if (!same) {
            gpr[X86_RAX] = (uint32_t)old;
            gpr[X86_RDX] = old >> 32;
        }
    }
    uint64_t flags = x86_flags(cpu->cc_op, cpu->cc_dst, cpu->cc_src, cpu->cc_src2);
    cpu->cc_op = CC_FLAGS;
    cpu->cc_src = same ? flags | X86_ZF : flags & ~(uint64_t)X86_ZF;
    return 0;
}
static const IrHelper cmpxchg_pair_helper = IR_HELPER(cmpxchg_pair, 3, 0);

void x86_lower_cmpxchg_pair(Lower *l)
{
    unsigned size = insn_w(l) ? 16 : 8;

    if (size == 16 && !cpu_has(l, "cx16")) {
        raise_now(l, X86_UD);
        return;
    }
    ir_call(l->ir, &cmpxchg_pair_helper, operand_address(l, size, true), number(l, size),
            number(l, data_mode(l)), 0);
    l->cc_op = -1;
}

/* ---- BMI1, BMI2, ADX, MOVBE, CRC32 ---- */

void x86_lower_andn(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;
    IrValue a = ir_unary(l->ir, IR_NOT, type_of(size), read_gpr(l, l->insn.vvvv, size));
    IrValue result = op2(l, IR_AND, size, a, read_operand(l, 2));

    write_gpr(l, l->insn.reg, size, result);
    set_flags(l, CC_LOGIC, size, result, 0, 0);
}

/* BLSR, BLSMSK, BLSI by arg 1, 2, 3; into VEX.vvvv. */
void x86_lower_bls(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4, kind = l->insn.row->arg;
    IrType type = type_of(size);
    IrValue a = read_operand(l, 1), result, flags;
    IrValue less = ir_add_const(l->ir, type, a, UINT64_MAX);

    result = kind == 1 ? ir_and(l->ir, type, a, less)
           : kind == 2 ? ir_xor(l->ir, type, a, less)
           : ir_and(l->ir, type, a, ir_unary(l->ir, IR_NEG, type, a));
    write_gpr(l, l->insn.vvvv, size, result);
    set_flags(l, CC_BLSR, size, result, a, 0);
    /* BLSI's carry is the other way round. */
    if (kind == 3) {
        flags = get_flags(l);
        put_flags(l, ir_xor(l->ir, IR_I64, flags, number(l, X86_CF)));
    }
}

static uint64_t bextr(X86Jit *cpu, uint64_t value, uint64_t control, uint64_t size)
{
    unsigned start = control & 0xff, length = control >> 8 & 0xff;

    if (start >= 8 * size) {
        return 0;
    }
    value >>= start;
    return length >= 64 ? value : value & ((1ull << length) - 1);
}
static const IrHelper bextr_helper = IR_HELPER(bextr, 3, IR_PURE);

void x86_lower_bextr(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;
    IrValue result = ir_call(l->ir, &bextr_helper, read_operand(l, 1),
                             read_gpr(l, l->insn.vvvv, size), number(l, size), 0);

    write_gpr(l, l->insn.reg, size, result);
    set_flags(l, CC_LOGIC, size, result, 0, 0);
}

void x86_lower_bzhi(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4, bits = 8 * size;
    IrValue value = read_operand(l, 1), n = read_gpr(l, l->insn.vvvv, 1), mask, result, over;

    mask = ir_add_const(l->ir, IR_I64, ir_shl(l->ir, IR_I64, number(l, 1), n), UINT64_MAX);
    result = ir_select(l->ir, IR_LTU, IR_I32, n, number(l, bits),
                       ir_and(l->ir, IR_I64, value, mask), value);
    over = ir_setcc(l->ir, IR_GEU, IR_I32, n, number(l, bits));
    write_gpr(l, l->insn.reg, size, result);
    set_flags(l, CC_LOGIC, size, result, 0, 0);
    put_flags(l, ir_or(l->ir, IR_I64, get_flags(l), over));
}

/* SHLX, SHRX, SARX, and RORX with an immediate: no flags. */
void x86_lower_shift_bmi(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;
    bool immediate = l->insn.row->arg == IR_ROR;
    IrValue count;

    if (immediate && l->insn.vvvv) {
        raise_now(l, X86_UD);
        return;
    }
    count = immediate ? number(l, l->insn.imm & 0xff) : read_gpr(l, l->insn.vvvv, size);

    write_gpr(l, l->insn.reg, size,
              ir_binary(l->ir, l->insn.row->arg, type_of(size), read_operand(l, 1), count));
}

void x86_lower_mulx(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;
    IrValue low, high;

    multiply(l, size, false, read_gpr(l, X86_RDX, size), read_operand(l, 2), &low, &high);
    write_gpr(l, l->insn.vvvv, size, low);
    write_gpr(l, l->insn.reg, size, high);
}

static uint64_t deposit_bits(X86Jit *cpu, uint64_t value, uint64_t mask)
{
    uint64_t result = 0;

    for (unsigned i = 0; mask; i++, mask &= mask - 1) {
        result |= value >> i & 1 ? mask & -mask : 0;
    }
    return result;
}
static uint64_t extract_bits(X86Jit *cpu, uint64_t value, uint64_t mask)
{
    uint64_t result = 0;

    for (unsigned i = 0; mask; i++, mask &= mask - 1) {
        result |= value & mask & -mask ? 1ull << i : 0;
    }
    return result;
}
static const IrHelper deposit_helper = IR_HELPER(deposit_bits, 2, IR_PURE);
static const IrHelper extract_helper = IR_HELPER(extract_bits, 2, IR_PURE);

/* PDEP, and PEXT by arg 1. */
void x86_lower_pdep(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4;

    write_gpr(l, l->insn.reg, size,
              ir_call(l->ir, l->insn.row->arg ? &extract_helper : &deposit_helper,
                      read_gpr(l, l->insn.vvvv, size), read_operand(l, 2), 0, 0));
}

/* ADCX, and ADOX by arg 1: one flag goes in and comes out, the others stay. */
void x86_lower_adx(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4, bit = l->insn.row->arg ? 11 : 0;
    IrType type = type_of(size);
    IrValue flags = get_flags(l), a = read_gpr(l, l->insn.reg, size), b = read_operand(l, 1);
    IrValue in = ir_extract(l->ir, flags, bit, 1), sum = ir_add(l->ir, type, a, b);
    IrValue first = ir_setcc(l->ir, IR_LTU, type, sum, a), total = ir_add(l->ir, type, sum, in);
    IrValue second = ir_setcc(l->ir, IR_LTU, type, total, sum);

    write_gpr(l, l->insn.reg, size, total);
    put_flags(l, ir_deposit(l->ir, flags, ir_or(l->ir, IR_I64, first, second), bit, 1));
}

void x86_lower_movbe(Lower *l)
{
    unsigned size = l->insn.operand_size;
    bool store = l->insn.row->arg;
    IrValue value = store ? read_gpr(l, l->insn.reg, size) : read_operand(l, 1);

    value = ir_unary(l->ir, IR_BSWAP, IR_I64, value);
    value = ir_shr(l->ir, IR_I64, value, number(l, 64 - 8 * size));
    write_operand(l, 0, value);
}

static uint64_t crc32c(X86Jit *cpu, uint64_t crc, uint64_t value, uint64_t size)
{
    for (unsigned i = 0; i < size; i++) {
        crc ^= value >> (8 * i) & 0xff;
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
        }
    }
    return (uint32_t)crc;
}
static const IrHelper crc32c_helper = IR_HELPER(crc32c, 3, IR_PURE);

void x86_lower_crc32(Lower *l)
{
    unsigned size = operand_size(l, 1);

    write_gpr(l, l->insn.reg, 4,
              ir_call(l->ir, &crc32c_helper, read_gpr(l, l->insn.reg, 4), read_operand(l, 1),
                      number(l, size), 0));
}
