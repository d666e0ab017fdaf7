/* SPDX-License-Identifier: MIT */
/* Bits and their counts, BMI1, BMI2, ADX, MOVBE, CRC32: Intel SDM volume 2. */
#include "accel/jit/x86/lower.h"

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
 * TZCNT, LZCNT: CF if the source is 0, ZF if the result is. arg 1: leading. CPUs before them
 * take no notice of the prefix.
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
