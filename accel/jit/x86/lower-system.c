/* SPDX-License-Identifier: MIT */
/* Flags, ports, and what the system's helpers do; checks that the block's context decides are here. */
#include "accel/jit/x86/lower.h"
#include "accel/jit/x86/system.h"

static unsigned cpl(const Lower *l)
{
    return l->flags & X86_CTX_CPL;
}

static void raise_gp(Lower *l)
{
    call_system(l, X86_HELPER_raise_gp0, 0, 0, 0, 0);
    end_leave(l);
}

/* #GP unless at CPL 0. False: it was raised. */
static bool privileged(Lower *l)
{
    if (cpl(l) || l->flags & X86_CTX_VM) {
        raise_gp(l);
        return false;
    }
    return true;
}

/* #UD in real and virtual-8086 mode. */
static bool protected_mode(Lower *l)
{
    if (!(l->flags & X86_CTX_PE) || l->flags & X86_CTX_VM) {
        raise_now(l, X86_UD);
        return false;
    }
    return true;
}

static IrValue next_value(Lower *l)
{
    return number(l, next_offset(l));
}

/* ---- flags ---- */

/* CLC, STC, CMC by arg 0, 1, 2. */
void x86_lower_carry(Lower *l)
{
    IrValue flags = get_flags(l), cf = number(l, X86_CF);

    put_flags(l, l->insn.row->arg == 2 ? ir_xor(l->ir, IR_I64, flags, cf)
              : l->insn.row->arg ? ir_or(l->ir, IR_I64, flags, cf)
              : ir_and_const(l->ir, IR_I64, flags, ~(uint64_t)X86_CF));
}

void x86_lower_direction(Lower *l)
{
    ir_put(l->ir, X86_SLOT_DIRECTION, number(l, l->insn.row->arg ? X86_DF : 0));
}

void x86_lower_lahf(Lower *l)
{
    IrValue flags = ir_and_const(l->ir, IR_I64, get_flags(l),
                                 X86_SF | X86_ZF | X86_AF | X86_PF | X86_CF);
    IrValue rax = ir_get(l->ir, X86_SLOT_GPR + X86_RAX);

    ir_put(l->ir, X86_SLOT_GPR + X86_RAX,
           ir_deposit(l->ir, rax, ir_or(l->ir, IR_I64, flags, number(l, 2)), 8, 8));
}

void x86_lower_sahf(Lower *l)
{
    uint64_t mask = X86_SF | X86_ZF | X86_AF | X86_PF | X86_CF;
    IrValue ah = ir_extract(l->ir, ir_get(l->ir, X86_SLOT_GPR + X86_RAX), 8, 8);

    put_flags(l, ir_or(l->ir, IR_I64, ir_and_const(l->ir, IR_I64, get_flags(l), X86_OF),
                       ir_and_const(l->ir, IR_I64, ah, mask)));
}

void x86_lower_salc(Lower *l)
{
    write_gpr(l, X86_RAX, 1, ir_unary(l->ir, IR_NEG, IR_I64, carry_flag(l)));
}

/*
 * CLI, STI: arg is the helper. An STI that another instruction of its block follows needs no shadow
 * as long as nobody asked for an interrupt: blocks are not interrupted within. If none follows,
 * x86_lower_block() casts it.
 */
void x86_lower_interrupt_flag(Lower *l)
{
    bool sti = l->insn.row->arg == X86_HELPER_sti;
    bool plain = !(l->flags & X86_CTX_PE) || (l->flags & X86_CTX_CPL) <= (l->flags & X86_CTX_IOPL) >> 19;
    IrValue flags, begins;

    if (ends_single(l) || !plain || (sti && l->t->counted)) {
        call_system(l, sti ? X86_HELPER_sti_alone : X86_HELPER_cli, next_value(l), 0, 0, 0);
        leave_after(l);
        return;
    }
    if (!sti) {
        flags = ir_get(l->ir, X86_SLOT_RFLAGS);
        ir_put(l->ir, X86_SLOT_RFLAGS, ir_and_const(l->ir, IR_I32, flags, (uint32_t)~X86_IF));
        return;
    }
    begins = call_system(l, X86_HELPER_sti, next_value(l), 0, 0, 0);
    ir_state_store(l->ir, offsetof(X86Jit, shadow_ip), 8, next_value(l));
    ir_put(l->ir, X86_SLOT_RIP, next_value(l));
    ir_exit_if(l->ir, IR_NE, IR_I64, begins, number(l, 0), next_offset(l) + l->t->context.base);
    l->sti = true;
}

/* ---- decimal ---- */

static void set_al_flags(X86Jit *cpu, uint64_t al, uint64_t carries)
{
    cpu->cc_src = (x86_flags(CC_LOGIC, al, 0, 0) & ~(uint64_t)(X86_CF | X86_AF)) | carries;
    cpu->cc_op = CC_FLAGS;
}

/* DAA, DAS, AAA, AAS, AAM, AAD by kind 0 … 5. */
static uint64_t decimal(X86Jit *cpu, uint64_t kind, uint64_t imm)
{
    uint64_t flags = x86_flags(cpu->cc_op, cpu->cc_dst, cpu->cc_src, cpu->cc_src2);
    unsigned al = cpu->gpr[X86_RAX] & 0xff, ah = cpu->gpr[X86_RAX] >> 8 & 0xff, old = al;
    bool half = (al & 15) > 9 || flags & X86_AF, full, minus = kind == 1 || kind == 3;

    switch (kind) {
    case 0: case 1:
        full = old > 0x99 || flags & X86_CF;
        al = half ? al + (minus ? -6u : 6u) : al;
        al = full ? al + (minus ? -0x60u : 0x60u) : al;
        al &= 0xff;
        if (kind == 1 && half && old < 6) {
            full = true;
        }
        set_al_flags(cpu, al, (half ? X86_AF : 0) | (full ? X86_CF : 0));
        break;
    case 2: case 3: {
        unsigned ax = ah << 8 | al;
        ax = half ? ax + (minus ? -0x106u : 0x106u) : ax;
        al = ax & 15;
        ah = ax >> 8 & 0xff;
        set_al_flags(cpu, al, half ? X86_AF | X86_CF : 0);
        break;
    }
    case 4:
        if (!(imm & 0xff)) {
            x86_raise(cpu, X86_DE);
        }
        ah = al / (imm & 0xff);
        al = al % (imm & 0xff);
        set_al_flags(cpu, al, 0);
        break;
    default:
        al = (al + ah * (imm & 0xff)) & 0xff;
        ah = 0;
        set_al_flags(cpu, al, 0);
    }
    cpu->gpr[X86_RAX] = (cpu->gpr[X86_RAX] & ~0xffffull) | ah << 8 | al;
    return 0;
}
static const IrHelper decimal_helper = IR_HELPER(decimal, 2, 0);

void x86_lower_decimal(Lower *l)
{
    ir_call(l->ir, &decimal_helper, number(l, l->insn.row->arg), number(l, l->insn.imm), 0, 0);
    l->cc_op = -1;
}

void x86_lower_xlat(Lower *l)
{
    IrValue at = ir_add(l->ir, IR_I64, ir_get(l->ir, X86_SLOT_GPR + X86_RBX),
                        read_gpr(l, X86_RAX, 1));

    at = l->insn.address_size == 8 ? at : ir_extract(l->ir, at, 0, 8 * l->insn.address_size);
    at = segment_address(l, l->insn.segment >= 0 ? (unsigned)l->insn.segment : X86_DS, at, 1, false);
    write_gpr(l, X86_RAX, 1, ir_load(l->ir, IR_I64, 1, 0, data_mode(l), at));
}

/* ---- ports ---- */

static unsigned port_size(const Lower *l)
{
    return row_size(l) ? row_size(l) : MIN(l->insn.operand_size, 4);
}

static IrValue port_number(Lower *l)
{
    return l->insn.row->operands[0] == X86_OP_Ib ? number(l, l->insn.imm & 0xff)
                                                 : read_gpr(l, X86_RDX, 2);
}

void x86_lower_in(Lower *l)
{
    unsigned size = port_size(l);

    write_gpr(l, X86_RAX, size,
              call_system(l, X86_HELPER_port_in, port_number(l), number(l, size), 0, 0));
    end_io(l);
}

void x86_lower_out(Lower *l)
{
    unsigned size = port_size(l);

    call_system(l, X86_HELPER_port_out, port_number(l), number(l, size), read_gpr(l, X86_RAX, size),
                0);
    end_io(l);
}

/* ---- instructions that are a helper ---- */

/* At CPL 0; no argument; the block ends. */
void x86_lower_privileged(Lower *l)
{
    if (privileged(l)) {
        call_system(l, l->insn.row->arg, 0, 0, 0, 0);
        leave_after(l);
    }
}

/* At any CPL; no argument. */
void x86_lower_helper(Lower *l)
{
    call_system(l, l->insn.row->arg, 0, 0, 0, 0);
    leave_after(l);
}

/* With the offset of the next instruction; it sets rip. */
void x86_lower_helper_next(Lower *l)
{
    call_system(l, l->insn.row->arg, next_value(l), 0, 0, 0);
    end_anywhere(l);
}

void x86_lower_privileged_next(Lower *l)
{
    if (privileged(l)) {
        x86_lower_helper_next(l);
    }
}

/* SYSRET, SYSEXIT: with the operand size. */
void x86_lower_system_return(Lower *l)
{
    call_system(l, l->insn.row->arg, number(l, insn_w(l) ? 8 : 4), 0, 0, 0);
    end_anywhere(l);
}

void x86_lower_swapgs(Lower *l)
{
    const uint32_t at = offsetof(X86Jit, kernel_gs_base);
    IrValue base, other;

    if (privileged(l)) {
        base = ir_get(l->ir, X86_SLOT_BASE + X86_GS);
        other = ir_state_load(l->ir, at, 8, 0);
        ir_state_store(l->ir, at, 8, base);
        ir_state_store(l->ir, offsetof(X86Jit, segment[X86_GS].base), 8, other);
        ir_put(l->ir, X86_SLOT_BASE + X86_GS, other);
    }
}

/* Is there a register of that number? #UD otherwise, whatever the privilege. */
static bool register_exists(Lower *l)
{
    bool control = l->insn.row->arg == X86_HELPER_read_cr || l->insn.row->arg == X86_HELPER_write_cr;
    unsigned allowed = control ? 0x11d : 0xff;   /* CR0, 2, 3, 4, 8 */

    if (!(allowed >> l->insn.reg & 1)) {
        raise_now(l, X86_UD);
        return false;
    }
    return true;
}

/* Control and debug registers; arg: the helper. The operand is 32 bits, or 64 in 64-bit code. */
void x86_lower_read_register(Lower *l)
{
    if (register_exists(l) && privileged(l)) {
        write_gpr(l, l->insn.rm, l->insn.code64 ? 8 : 4,
                  call_system(l, l->insn.row->arg, number(l, l->insn.reg), 0, 0, 0));
    }
}

void x86_lower_write_register(Lower *l)
{
    if (register_exists(l) && privileged(l)) {
        call_system(l, l->insn.row->arg, number(l, l->insn.reg),
                    read_gpr(l, l->insn.rm, l->insn.code64 ? 8 : 4), 0, 0);
        leave_after(l);
    }
}

/* ---- groups 6 and 7 ---- */

static bool umip(Lower *l)
{
    if (l->flags & X86_CTX_UMIP && cpl(l)) {
        raise_gp(l);
        return false;
    }
    return true;
}

/* SLDT, STR; arg: the segment. */
void x86_lower_store_selector(Lower *l)
{
    IrValue value;

    if (!protected_mode(l) || !umip(l)) {
        return;
    }
    value = ir_state_load(l->ir, offsetof(X86Jit, segment[l->insn.row->arg].selector), 2, 0);
    put_general_rm(l, l->insn.memory ? 2 : l->insn.operand_size, value);
}

/* LLDT, LTR */
void x86_lower_load_selector(Lower *l)
{
    if (protected_mode(l) && privileged(l)) {
        call_system(l, l->insn.row->arg, general_rm(l, 2), 0, 0, 0);
        leave_after(l);
    }
}

/* VERR, VERW: ZF. */
void x86_lower_verify(Lower *l)
{
    IrValue good;

    if (!protected_mode(l)) {
        return;
    }
    good = call_system(l, l->insn.row->arg, general_rm(l, 2), 0, 0, 0);
    put_flags(l, ir_deposit(l->ir, get_flags(l), good, 6, 1));
}

/* LAR, LSL: bit 63 of the helper's answer says whether it is one. */
void x86_lower_lar(Lower *l)
{
    unsigned size = l->insn.operand_size;
    IrValue answer, good, old, value;

    if (!protected_mode(l)) {
        return;
    }
    answer = call_system(l, l->insn.row->arg, general_rm(l, 2), number(l, size), 0, 0);
    good = ir_extract(l->ir, answer, 63, 1);
    old = read_gpr(l, l->insn.reg, size);
    value = ir_extract(l->ir, answer, 0, 32);
    write_gpr(l, l->insn.reg, size, ir_select(l->ir, IR_NE, IR_I64, good, number(l, 0), value, old));
    put_flags(l, ir_deposit(l->ir, get_flags(l), good, 6, 1));
}

/* SGDT, SIDT; arg: the helper of the base, which the limit's follows. */
void x86_lower_store_table(Lower *l)
{
    IrValue at;

    if (!umip(l)) {
        return;
    }
    at = operand_address(l, l->insn.code64 ? 10 : 6, true);
    ir_store(l->ir, 2, data_mode(l), at, call_system(l, l->insn.row->arg + 1, 0, 0, 0, 0));
    ir_store(l->ir, l->insn.code64 ? 8 : 4, data_mode(l), ir_add_const(l->ir, IR_I64, at, 2),
             call_system(l, l->insn.row->arg, 0, 0, 0, 0));
}

/* LGDT, LIDT */
void x86_lower_load_table(Lower *l)
{
    IrValue at, limit, base;

    if (!privileged(l)) {
        return;
    }
    at = operand_address(l, l->insn.code64 ? 10 : 6, false);
    limit = ir_load(l->ir, IR_I64, 2, 0, data_mode(l), at);
    base = ir_load(l->ir, IR_I64, l->insn.code64 ? 8 : 4, 0, data_mode(l),
                   ir_add_const(l->ir, IR_I64, at, 2));
    if (!l->insn.code64 && l->insn.operand_size == 2) {
        base = ir_and_const(l->ir, IR_I64, base, 0xffffff);
    }
    call_system(l, l->insn.row->arg, base, limit, 0, 0);
    leave_after(l);
}

void x86_lower_smsw(Lower *l)
{
    if (umip(l)) {
        put_general_rm(l, l->insn.memory ? 2 : l->insn.operand_size,
                       ir_state_load(l->ir, offsetof(X86Jit, cr0), 8, 0));
    }
}

void x86_lower_lmsw(Lower *l)
{
    if (privileged(l)) {
        call_system(l, X86_HELPER_lmsw, general_rm(l, 2), 0, 0, 0);
        leave_after(l);
    }
}

/* INVLPG, and what is told an address alone. */
void x86_lower_invlpg(Lower *l)
{
    if (privileged(l)) {
        call_system(l, l->insn.row->arg, operand_address(l, 1, false), 0, 0, 0);
        leave_after(l);
    }
}

void x86_lower_invpcid(Lower *l)
{
    if (privileged(l)) {
        call_system(l, X86_HELPER_invpcid, read_gpr(l, l->insn.reg, l->insn.code64 ? 8 : 4),
                    operand_address(l, 16, false), 0, 0);
        leave_after(l);
    }
}

/* Some are no instructions elsewhere than at CPL 0. */
static bool kernel_mode(Lower *l)
{
    if (cpl(l) || l->flags & X86_CTX_VM) {
        raise_now(l, X86_UD);
        return false;
    }
    return true;
}

void x86_lower_monitor(Lower *l)
{
    IrValue at = read_gpr(l, X86_RAX, l->insn.address_size);

    if (kernel_mode(l)) {
        call_system(l, X86_HELPER_monitor,
                    segment_address(l, l->insn.segment >= 0 ? (unsigned)l->insn.segment : X86_DS, at,
                                    1, false), 0, 0, 0);
    }
}

void x86_lower_mwait(Lower *l)
{
    if (kernel_mode(l)) {
        x86_lower_helper_next(l);
    }
}

/* CLAC, STAC: arg 0, 1; #UD elsewhere than at CPL 0. */
void x86_lower_smap(Lower *l)
{
    if (kernel_mode(l)) {
        call_system(l, X86_HELPER_mask_smap, number(l, l->insn.row->arg), 0, 0, 0);
        leave_after(l);
    }
}

static uint64_t store_if(X86Jit *cpu, uint64_t condition, uint64_t address, uint64_t mode,
                         uint64_t value)
{
    if (condition) {
        jit_store(&cpu->core, address, 2, mode, value);
    }
    return 0;
}
static const IrHelper store_if_helper = IR_HELPER(store_if, 4, IR_NO_WRITE);

static uint64_t check_write_if(X86Jit *cpu, uint64_t condition, uint64_t segment, uint64_t offset)
{
    return condition ? x86_help_check_limit(cpu, segment, offset, 2, true) : 0;
}
static const IrHelper check_write_if_helper = IR_HELPER(check_write_if, 3, IR_NO_WRITE);

/* Memory is written, and asked whether it may be, only when the RPL changes. */
void x86_lower_arpl(Lower *l)
{
    IrValue a, b, rpl, low, result, adjusts;

    if (!protected_mode(l)) {
        return;
    }
    a = general_rm(l, 2);
    b = read_gpr(l, l->insn.reg, 2);
    low = ir_and_const(l->ir, IR_I64, a, 3);
    rpl = ir_and_const(l->ir, IR_I64, b, 3);
    adjusts = ir_setcc(l->ir, IR_LTU, IR_I64, low, rpl);
    result = ir_select(l->ir, IR_LTU, IR_I64, low, rpl, ir_deposit(l->ir, a, rpl, 0, 2), a);
    if (l->insn.memory) {
        ir_call(l->ir, &check_write_if_helper, adjusts, number(l, address_segment(l)), address_offset(l),
                0);
        ir_call(l->ir, &store_if_helper, adjusts, l->linear, number(l, data_mode(l)), result);
    } else {
        write_gpr(l, l->insn.rm, 2, result);
    }
    put_flags(l, ir_deposit(l->ir, get_flags(l), adjusts, 6, 1));
}

/* ---- group 15 and others ---- */

/* FXSAVE, FXRSTOR: 512 bytes at a multiple of 16. */
void x86_lower_fxsave(Lower *l)
{
    if (l->flags & (X86_CTX_EM | X86_CTX_TS)) {
        raise_now(l, X86_NM);
        return;
    }
    IrValue at = operand_address(l, 512, l->insn.row->arg == X86_HELPER_fxsave);
    call_system(l, l->insn.row->arg, at, number(l, insn_w(l)), 0, 0);
    leave_after(l);
}

/*
 * XSAVE and its like: EDX:EAX says what; row->size which of them. The operand is of 576 bytes at
 * least; how long it is, the helper knows, which asks its segment again.
 */
void x86_lower_xsave(Lower *l)
{
    IrValue mask = ir_or(l->ir, IR_I64, read_gpr(l, X86_RAX, 4),
                         ir_shl(l->ir, IR_I64, read_gpr(l, X86_RDX, 4), number(l, 32)));
    IrValue at = operand_address(l, 576, l->insn.row->arg == X86_HELPER_xsave);
    unsigned segment = address_is_checked(l) ? address_segment(l) + 1 : 0;

    call_system(l, l->insn.row->arg, at, mask, number(l, row_size(l) | segment << 8),
                number(l, insn_w(l)));
    leave_after(l);
}

/* RDFSBASE, RDGSBASE and their writes; arg: the segment, row->size 1: write. */
void x86_lower_segment_base(Lower *l)
{
    unsigned size = insn_w(l) ? 8 : 4, segment = l->insn.row->arg;

    call_system(l, X86_HELPER_fsgsbase_check, 0, 0, 0, 0);
    if (row_size(l)) {
        call_system(l, X86_HELPER_canonical_base, number(l, segment), read_gpr(l, l->insn.rm, size),
                    0, 0);
    } else {
        write_gpr(l, l->insn.rm, size, ir_get(l->ir, X86_SLOT_BASE + segment));
    }
}

void x86_lower_rdpid(Lower *l)
{
    write_gpr(l, l->insn.rm, l->insn.code64 ? 8 : 4, call_system(l, X86_HELPER_rdpid, 0, 0, 0, 0));
}

/* RDRAND, RDSEED: always a number, so CF is 1 and the others are 0. */
void x86_lower_random(Lower *l)
{
    unsigned size = l->insn.operand_size;

    write_gpr(l, l->insn.rm, size,
              call_system(l, X86_HELPER_random, number(l, size), 0, 0, 0));
    put_flags(l, number(l, X86_CF));
}

void x86_lower_fence(Lower *l)
{
    ir_fence(l->ir);
}

/* CLFLUSH and its like touch the line, no more. */
void x86_lower_clflush(Lower *l)
{
    ir_load(l->ir, IR_I64, 1, 0, data_mode(l), operand_address(l, 1, false));
}
