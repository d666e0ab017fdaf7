/* SPDX-License-Identifier: MIT */
/* Arithmetic, logic, moves, exchanges: Intel SDM volume 2. */
#include "accel/jit/x86/lower.h"

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
    unsigned size = l->insn.operand_size;
    /* MOVSXD with 66 moves a word from a word: SDM volume 2, MOVSX. */
    unsigned from = MIN((unsigned)row_size(l), size);
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
