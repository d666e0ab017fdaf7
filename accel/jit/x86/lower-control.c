/* SPDX-License-Identifier: MIT */
/* The stack, jumps, calls and returns. */
#include "accel/jit/x86/lower.h"

static IrValue next_value(Lower *l)
{
    return number(l, next_offset(l));
}

/* ---- PUSH, POP ---- */

void x86_lower_push(Lower *l)
{
    push_value(l, l->insn.operand_size, read_operand(l, 0));
}

void x86_lower_push_imm(Lower *l)
{
    push_value(l, l->insn.operand_size, sized(l, number(l, l->insn.imm), l->insn.operand_size));
}

void x86_lower_pop(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue value = load_stack(l, 0, size), up;

    up = ir_add_const(l->ir, IR_I64, stack_pointer(l), size);
    if (l->insn.memory) {
        /* The address is made with rSP as it is after the pop; a fault leaves it as it was. */
        IrValue before = ir_get(l->ir, X86_SLOT_GPR + X86_RSP);
        set_stack_pointer(l, up);
        IrValue after = ir_get(l->ir, X86_SLOT_GPR + X86_RSP);
        IrValue offset = address_offset(l);
        ir_put(l->ir, X86_SLOT_GPR + X86_RSP, before);
        ir_store(l->ir, size, data_mode(l), operand_address_at(l, offset, size, true), value);
        ir_put(l->ir, X86_SLOT_GPR + X86_RSP, after);
        return;
    }
    set_stack_pointer(l, up);
    write_operand(l, 0, value);
}

void x86_lower_push_segment(Lower *l)
{
    unsigned size = l->insn.operand_size, segment = l->insn.row->arg;
    IrValue value = ir_state_load(l->ir, offsetof(X86Jit, segment[segment].selector), 2, 0);

    /* In 32-bit code CPUs write the selector, and leave what is above it. */
    store_stack(l, -(int)size, size == 4 ? 2 : size, value);
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l), (uint64_t)-(int64_t)size));
}

static void segment_loaded(Lower *l, unsigned segment)
{
    if (segment == X86_SS) {
        call_system(l, X86_HELPER_enter_shadow, number(l, 1), 0, 0, 0);
    }
    leave_after(l);
}

void x86_lower_pop_segment(Lower *l)
{
    unsigned size = l->insn.operand_size, segment = l->insn.row->arg;

    call_system(l, X86_HELPER_load_segment, number(l, segment), load_stack(l, 0, 2), 0, 0);
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l), size));
    segment_loaded(l, segment);
}

/* MOV to and from segment registers. */
void x86_lower_mov_from_segment(Lower *l)
{
    IrValue value;

    if (l->insn.reg % 8 > X86_GS) {
        raise_now(l, X86_UD);
        return;
    }
    value = ir_state_load(l->ir, offsetof(X86Jit, segment[l->insn.reg % 8].selector), 2, 0);
    if (l->insn.memory) {
        ir_store(l->ir, 2, data_mode(l), operand_address(l, 2, true), value);
    } else {
        write_gpr(l, l->insn.rm, l->insn.operand_size, value);
    }
}

void x86_lower_mov_to_segment(Lower *l)
{
    unsigned segment = l->insn.reg % 8;

    if (segment > X86_GS || segment == X86_CS) {
        raise_now(l, X86_UD);
        return;
    }
    call_system(l, X86_HELPER_load_segment, number(l, segment), general_rm(l, 2), 0, 0);
    segment_loaded(l, segment);
}

/* LES, LDS, LSS, LFS, LGS by arg. */
void x86_lower_load_far_pointer(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue at = operand_address(l, size + 2, false);
    IrValue offset = ir_load(l->ir, IR_I64, size, 0, data_mode(l), at);
    IrValue selector = ir_load(l->ir, IR_I64, 2, 0, data_mode(l), ir_add_const(l->ir, IR_I64, at,
                                                                             size));

    call_system(l, X86_HELPER_load_segment, number(l, l->insn.row->arg), selector, 0, 0);
    write_gpr(l, l->insn.reg, size, offset);
    segment_loaded(l, l->insn.row->arg);
}

void x86_lower_pusha(Lower *l)
{
    int size = l->insn.operand_size;

    for (int i = 0; i < 8; i++) {
        store_stack(l, -size * (i + 1), size, read_gpr(l, i, size));
    }
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l), (uint64_t)(int64_t)(-8 * size)));
}

void x86_lower_popa(Lower *l)
{
    int size = l->insn.operand_size;

    /* From RDI on. Those that were popped before a fault keep what they got: it is all done again. */
    for (int i = 7; i >= 0; i--) {
        IrValue value = load_stack(l, size * (7 - i), size);
        if (i != X86_RSP) {
            write_gpr(l, i, size, value);
        }
    }
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l), 8 * size));
}

void x86_lower_pushf(Lower *l)
{
    unsigned size = l->insn.operand_size;

    push_value(l, size, call_system(l, X86_HELPER_pushf, number(l, size), 0, 0, 0));
}

void x86_lower_popf(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue value = load_stack(l, 0, size);

    call_system(l, X86_HELPER_popf, value, number(l, size), 0, 0);
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l), size));
    leave_after(l);
}

void x86_lower_leave_frame(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue frame = read_gpr(l, X86_RBP, stack_size(l)), value;

    value = ir_load(l->ir, IR_I64, size, 0, data_mode(l),
                    segment_address(l, X86_SS, frame, size, false));
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, frame, size));
    write_gpr(l, X86_RBP, size, value);
}

static uint64_t probe_write(X86Jit *cpu, uint64_t address, uint64_t size, uint64_t mode)
{
    x86_check_alignment(cpu, address, size);
    jit_probe(&cpu->core, address, size, JIT_WRITE, mode);
    return 0;
}
static const IrHelper probe_helper = IR_HELPER(probe_write, 3, IR_NO_WRITE);

void x86_lower_enter(Lower *l)
{
    int size = l->insn.operand_size, level = l->insn.imm2 % 32, down = size;
    IrValue frame = ir_get(l->ir, X86_SLOT_GPR + X86_RBP), top;

    store_stack(l, -size, size, sized(l, frame, size));
    top = ir_add_const(l->ir, IR_I64, stack_pointer(l), (uint64_t)(int64_t)-size);
    top = sized(l, top, stack_size(l));
    for (int i = 1; i < level; i++) {
        IrValue at = ir_add_const(l->ir, IR_I64, frame, (uint64_t)(int64_t)(-size * i));
        IrValue link = ir_load(l->ir, IR_I64, size, 0, data_mode(l),
                               segment_address(l, X86_SS, sized(l, at, stack_size(l)), size, false));
        down += size;
        store_stack(l, -down, size, link);
    }
    if (level > 0) {
        down += size;
        store_stack(l, -down, size, sized(l, top, size));
    }
    /* A frame whose end cannot be written faults now: SDM volume 2, ENTER. */
    down += l->insn.imm & 0xffff;
    ir_call(l->ir, &probe_helper,
            segment_address(l, X86_SS,
                            sized(l, ir_add_const(l->ir, IR_I64, stack_pointer(l),
                                                  (uint64_t)-(int64_t)down), stack_size(l)),
                            size, true),
            number(l, size), number(l, data_mode(l)), 0);
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l), (uint64_t)-(int64_t)down));
    write_gpr(l, X86_RBP, l->flags & X86_CTX_CODE64 ? 8 : size, top);
}

/* ---- near jumps ---- */

/*
 * Outside of 64-bit code a near jump to where CS ends faults as the jump, before anything else is
 * done. 16-bit code whose segment has its usual limit gets there with an operand of 32 bits alone.
 */
static bool targets_are_checked(const Lower *l)
{
    return l->flags & X86_CTX_CS_LIMIT || (code_bits(l) == 16 && l->insn.operand_size == 4);
}

static void check_target(Lower *l, IrValue target)
{
    if (targets_are_checked(l)) {
        call_system(l, X86_HELPER_check_fetch, target, 0, 0, 0);
    }
}

/*
 * In 64-bit code the target must be canonical. One that comes from memory or a register is
 * looked at after the jump, by x86_jumped(), if there is no block known: at a wrong one there
 * never is.
 */
static bool is_canonical(uint64_t target)
{
    return (target + (1ull << 47)) >> 48 == 0;    /* with 48 bits, so with 57, too */
}

/* How far rSP may have been moved before. */
#define MAX_MOVED 63

static uint64_t jumped_from(const Lower *l, int moved)
{
    return code_bits(l) == 64 ? l->pc << 7 | (unsigned)(moved + 64) : 0;
}

/* Before rSP is moved. */
static void check_target_64(Lower *l, IrValue target, int moved)
{
    if (code_bits(l) == 64 && (ir_is_const(l->ir, target) ? !is_canonical(ir_const_of(l->ir, target))
                                                          : ends_single(l) || moved > MAX_MOVED)) {
        call_system(l, X86_HELPER_check_target, target, 0, 0, 0);
    }
}

static uint64_t branch_target(const Lower *l)
{
    uint64_t target = next_offset(l) + l->insn.imm;

    if (code_bits(l) != 64 && l->insn.operand_size == 2) {
        return (uint16_t)target;
    }
    return wrap_offset(l, target);
}

/* Where the next instruction is, nobody looks before it is fetched. */
static void check_branch(Lower *l, LowerCond c)
{
    uint64_t target = branch_target(l);
    bool wide = code_bits(l) == 64;

    if (wide ? !is_canonical(target) : targets_are_checked(l)) {
        call_system(l, wide ? X86_HELPER_check_target : X86_HELPER_check_fetch,
                    ir_select(l->ir, c.cond, c.type, c.a, c.b, number(l, target), number(l, 0)), 0, 0,
                    0);
    }
}

/*
 * Which way does a branch of a trace go mostly, by what the block counted that ended with it?
 * False: nobody knows, or the trace seldom comes so far.
 */
static bool is_foreseen(Lower *l, bool *taken)
{
    unsigned count, all = jit_heat(l->t, l->basic, &count);

    *taken = count > all / 2;
    l->share = all ? l->share * MIN(*taken ? count : all - count, all) / all : 0;
    return l->share >= JIT_HOT / 8;
}

/* If the condition holds to the target, else to what follows. */
static void branch(Lower *l, LowerCond c)
{
    uint64_t base = l->t->context.base, target = branch_target(l), follows = next_offset(l);
    bool goes_on, taken = false;

    if (!stays_on_page(l, target + base)) {
        jump_to_value(l, ir_select(l->ir, c.cond, c.type, c.a, c.b, number(l, target),
                                   number(l, follows)), 0);
        return;
    }
    goes_on = l->t->trace && is_foreseen(l, &taken) && stays_on_page(l, follows + base);
    if (goes_on && taken && goes_on_at(l, target + base)) {
        ir_put(l->ir, X86_SLOT_RIP, number(l, follows));
        ir_exit_if(l->ir, ir_cond_invert(c.cond), c.type, c.a, c.b, follows + base);
        return;
    }
    ir_put(l->ir, X86_SLOT_RIP, number(l, target));
    ir_exit_if(l->ir, c.cond, c.type, c.a, c.b, target + base);
    if (!goes_on || taken || !goes_on_at(l, follows + base)) {
        jump_to(l, follows);
    }
}

void x86_lower_jcc(Lower *l)
{
    LowerCond c = flag_condition(l, l->insn.opcode & 15);

    check_branch(l, c);
    branch(l, c);
}

/* Always to a known target. */
static void go_to(Lower *l, uint64_t target)
{
    if (!l->t->trace || !goes_on_at(l, target + l->t->context.base)) {
        jump_to(l, target);
    }
}

void x86_lower_jmp(Lower *l)
{
    IrValue target = number(l, branch_target(l));

    check_target(l, target);
    check_target_64(l, target, 0);
    go_to(l, branch_target(l));
}

void x86_lower_jmp_rm(Lower *l)
{
    IrValue target = read_operand(l, 0);

    check_target(l, target);
    check_target_64(l, target, 0);
    jump_to_value(l, target, jumped_from(l, 0));
}

/*
 * SDM volume 2 asks for the target first; Intel's CPUs write the word, which shows when they
 * cannot, and then ask whether the target is canonical, with rSP as it was.
 */
static void push_next(Lower *l, IrValue target)
{
    int size = l->insn.operand_size;

    check_target(l, target);
    store_stack(l, -size, size, next_value(l));
    check_target_64(l, target, -size);
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l), (uint64_t)-(int64_t)size));
}

void x86_lower_call(Lower *l)
{
    push_next(l, number(l, branch_target(l)));
    if (l->depth < LOWER_RETURNS) {
        l->returns[l->depth++] = next_offset(l);
    }
    go_to(l, branch_target(l));
}

void x86_lower_call_rm(Lower *l)
{
    IrValue target = read_operand(l, 0);

    push_next(l, target);
    jump_to_value(l, target, jumped_from(l, -(int)l->insn.operand_size));
}

/* A trace goes on behind the call that it came by, if that is where the guest returns. */
static void return_to(Lower *l, IrValue target, uint64_t from)
{
    uint64_t expected;

    if (l->depth > 0 && l->t->trace) {
        expected = l->returns[--l->depth];
        if (goes_on_at(l, expected + l->t->context.base)) {
            ir_put(l->ir, X86_SLOT_RIP, target);
            ir_exit_if_indirect(l->ir, IR_NE, IR_I64, target, number(l, expected), from);
            return;
        }
    }
    jump_to_value(l, target, from);
}

void x86_lower_ret(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue target = load_stack(l, 0, size);
    uint64_t release = l->insn.row->operands[0] == X86_OP_Iw ? l->insn.imm & 0xffff : 0;

    check_target(l, target);
    check_target_64(l, target, size + release);
    set_stack_pointer(l, ir_add_const(l->ir, IR_I64, stack_pointer(l), size + release));
    return_to(l, target, size + release > MAX_MOVED ? 0 : jumped_from(l, size + release));
}

/* JCXZ and its like. */
void x86_lower_jcxz(Lower *l)
{
    LowerCond c = { IR_EQ, IR_I64, read_gpr(l, X86_RCX, l->insn.address_size), number(l, 0) };

    check_branch(l, c);
    branch(l, c);
}

/* LOOP, and with arg 1 LOOPE, arg 2 LOOPNE: flags as a bit, combined without a branch. */
void x86_lower_loop(Lower *l)
{
    unsigned size = l->insn.address_size;
    IrValue zero = number(l, 0), count, more;

    count = sized(l, ir_add_const(l->ir, IR_I64, ir_get(l->ir, X86_SLOT_GPR + X86_RCX),
                                  UINT64_MAX), size);
    more = ir_setcc(l->ir, IR_NE, IR_I64, count, zero);
    if (l->insn.row->arg) {
        LowerCond c = flag_condition(l, l->insn.row->arg == 1 ? 4 : 5);
        more = ir_and(l->ir, IR_I64, more, ir_setcc(l->ir, c.cond, c.type, c.a, c.b));
    }
    LowerCond c = { IR_NE, IR_I64, more, zero };
    check_branch(l, c);
    write_gpr(l, X86_RCX, size, count);
    branch(l, c);
}

/* ---- far ---- */

static void far_transfer(Lower *l, X86SystemHelper helper, IrValue selector, IrValue offset)
{
    call_system(l, helper, selector, offset, number(l, l->insn.operand_size), next_value(l));
    end_transfer(l);
}

/* arg: the helper. */
void x86_lower_far_direct(Lower *l)
{
    far_transfer(l, l->insn.row->arg, number(l, l->insn.imm2), number(l, l->insn.imm));
}

void x86_lower_far_memory(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue at = operand_address(l, size + 2, false);
    IrValue offset = ir_load(l->ir, IR_I64, size, 0, data_mode(l), at);
    IrValue selector = ir_load(l->ir, IR_I64, 2, 0, data_mode(l),
                               ir_add_const(l->ir, IR_I64, at, size));

    far_transfer(l, l->insn.row->arg, selector, offset);
}

void x86_lower_ret_far(Lower *l)
{
    call_system(l, X86_HELPER_far_return, number(l, l->insn.operand_size),
                number(l, l->insn.row->operands[0] == X86_OP_Iw ? l->insn.imm & 0xffff : 0), 0, 0);
    end_transfer(l);
}

void x86_lower_iret(Lower *l)
{
    call_system(l, X86_HELPER_interrupt_return, number(l, l->insn.operand_size), next_value(l), 0,
                0);
    end_transfer(l);
}

void x86_lower_int(Lower *l)
{
    unsigned vector = l->insn.row->operands[0] == X86_OP_Ib ? l->insn.imm & 0xff
                                                            : (unsigned)l->insn.row->arg;

    call_system(l, X86_HELPER_soft_interrupt, number(l, vector), next_value(l), 0, 0);
    end_leave(l);
}

void x86_lower_int1(Lower *l)
{
    call_system(l, X86_HELPER_int1, next_value(l), 0, 0, 0);
    end_leave(l);
}

static uint64_t into(X86Jit *cpu, uint64_t next)
{
    if (x86_flags(cpu->cc_op, cpu->cc_dst, cpu->cc_src, cpu->cc_src2) & X86_OF) {
        x86_soft_interrupt(cpu, X86_OFV, next);
    }
    return 0;
}
static const IrHelper into_helper = IR_HELPER(into, 1, 0);

void x86_lower_into(Lower *l)
{
    ir_call(l->ir, &into_helper, next_value(l), 0, 0, 0);
    l->cc_op = -1;
}

static uint64_t bound(X86Jit *cpu, uint64_t value, uint64_t low, uint64_t high)
{
    if ((int64_t)value < (int64_t)low || (int64_t)value > (int64_t)high) {
        x86_raise(cpu, X86_BR);
    }
    return 0;
}
static const IrHelper bound_helper = IR_HELPER(bound, 3, IR_NO_WRITE);

void x86_lower_bound(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrOpcode extend = size == 2 ? IR_SEXT16 : IR_SEXT32;
    IrValue at = operand_address(l, 2 * size, false);
    IrValue value = ir_unary(l->ir, extend, IR_I64, read_gpr(l, l->insn.reg, size));
    IrValue low = ir_load(l->ir, IR_I64, size, IR_SIGNED, data_mode(l), at), high;

    /* Below the low bound the high one is not looked at. */
    ir_call(l->ir, &bound_helper, value, low, number(l, INT64_MAX), 0);
    high = ir_load(l->ir, IR_I64, size, IR_SIGNED, data_mode(l),
                   ir_add_const(l->ir, IR_I64, at, size));
    ir_call(l->ir, &bound_helper, value, number(l, (uint64_t)INT64_MIN), high, 0);
}

void x86_lower_ud(Lower *l)
{
    raise_now(l, X86_UD);
}
