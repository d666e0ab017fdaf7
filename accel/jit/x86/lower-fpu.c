/* SPDX-License-Identifier: MIT */
/*
 * Lowering of the x87: x87.table names these functions. SDM volume 2.
 */
#include "accel/jit/x86/fpu.h"
#include "accel/jit/x86/lower-vector.h"

LOWER_CALL(call_wait, x87_wait, 0, IR_NO_WRITE)
LOWER_CALL(call_exact_register, x87_exact_register, 2, IR_NO_WRITE)
LOWER_CALL(call_exact_register_flags, x87_exact_register_flags, 3, IR_NO_WRITE)
LOWER_CALL(call_exact_memory, x87_exact_memory, 4, IR_NO_WRITE)
#ifdef __x86_64__
LOWER_CALL(call_host_register, x87_host_register, 2, IR_NO_WRITE)
LOWER_CALL(call_host_register_flags, x87_host_register_flags, 3, IR_NO_WRITE)
LOWER_CALL(call_host_memory, x87_host_memory, 4, IR_NO_WRITE)
#endif
LOWER_CALL(call_fninit, x87_fninit, 0, IR_NO_SLOTS)
LOWER_CALL(call_fnclex, x87_fnclex, 0, IR_NO_SLOTS)
LOWER_CALL(call_fldcw, x87_fldcw, 1, IR_NO_WRITE)
LOWER_CALL(call_fnstenv, x87_fnstenv, 2, IR_NO_WRITE)
LOWER_CALL(call_fldenv, x87_fldenv, 2, IR_NO_WRITE)
LOWER_CALL(call_fnsave, x87_fnsave, 2, IR_NO_WRITE)
LOWER_CALL(call_frstor, x87_frstor, 2, IR_NO_WRITE)

typedef struct Calls {
    const IrHelper *of_register, *of_register_flags, *of_memory;
} Calls;

/* What computes: the host's x87, or software. */
static const Calls *calls(void)
{
    static const Calls exact = {
        &call_exact_register, &call_exact_register_flags, &call_exact_memory,
    };
#ifdef __x86_64__
    static const Calls host = {
        &call_host_register, &call_host_register_flags, &call_host_memory,
    };
    return jit_float_is_exact() ? &exact : &host;
#else
    return &exact;
#endif
}

/* CR0.EM and TS: both are #NM for the x87. */
static bool check_x87(Lower *l)
{
    if (context_flags(l) & (X86_CTX_EM | X86_CTX_TS)) {
        raise_now(l, X86_NM);
        return false;
    }
    return true;
}

/* FWAIT looks at TS with MP only. */
void x86_lower_fwait(Lower *l)
{
    uint32_t both = X86_CTX_TS | X86_CTX_MP;
    if ((context_flags(l) & both) == both) {
        raise_now(l, X86_NM);
        return;
    }
    ir_call(l->ir, &call_wait, 0, 0, 0, 0);
}

/* Opcode and ModRM as FOP has them. */
static IrValue code_of(Lower *l)
{
    return ir_const(l->ir, (insn_opcode(l) & 7) << 8 | insn_modrm(l));
}

void x86_lower_x87(Lower *l)
{
    if (!check_x87(l)) {
        return;
    }
    if (insn_is_register(l)) {
        ir_call(l->ir, calls()->of_register, code_of(l), insn_ip(l), 0, 0);
    } else {
        if (address_is_checked(l)) {
            ir_call(l->ir, &call_wait, 0, 0, 0, 0);
        }
        IrValue linear = address(l);
        ir_call(l->ir, calls()->of_memory, code_of(l), insn_ip(l), linear, address_offset(l));
    }
}

/* FCMOVcc reads the arithmetic flags. */
void x86_lower_fcmov(Lower *l)
{
    if (check_x87(l)) {
        ir_call(l->ir, calls()->of_register_flags, code_of(l), insn_ip(l), get_flags(l), 0);
    }
}

/* FCOMI and its kin write them: OF, SF, AF become 0 as the host does it. */
void x86_lower_fcomi(Lower *l)
{
    if (check_x87(l)) {
        put_flags(l, ir_call(l->ir, calls()->of_register_flags, code_of(l), insn_ip(l),
                             ir_const(l->ir, 0), 0));
    }
}

void x86_lower_fninit(Lower *l)
{
    if (check_x87(l)) {
        ir_call(l->ir, &call_fninit, 0, 0, 0, 0);
    }
}

void x86_lower_fnclex(Lower *l)
{
    if (check_x87(l)) {
        ir_call(l->ir, &call_fnclex, 0, 0, 0, 0);
    }
}

/* FENI, FDISI, FSETPM: of older chips; nothing happens. */
void x86_lower_x87_nop(Lower *l)
{
    check_x87(l);
}

void x86_lower_fldcw(Lower *l)
{
    if (check_x87(l)) {
        ir_call(l->ir, &call_wait, 0, 0, 0, 0);
        IrValue value = ir_load(l->ir, IR_I32, 2, 0, data_mode(l), sized_address(l, 2));
        ir_call(l->ir, &call_fldcw, value, 0, 0, 0);
    }
}

void x86_lower_fnstcw(Lower *l)
{
    if (check_x87(l)) {
        IrValue value = ir_state_load(l->ir, offsetof(X86Jit, fcw), 2, 0);
        ir_store(l->ir, 2, data_mode(l), sized_address(l, 2), value);
    }
}

/* FNSTSW m16 and AX. */
void x86_lower_fnstsw(Lower *l)
{
    if (!check_x87(l)) {
        return;
    }
    IrValue value = ir_state_load(l->ir, offsetof(X86Jit, fsw), 2, 0);
    if (insn_is_register(l)) {
        put_general_reg(l, 0, 2, value);
    } else {
        ir_store(l->ir, 2, data_mode(l), sized_address(l, 2), value);
    }
}

/* `numbers`: with the registers behind it. */
static void environment(Lower *l, const IrHelper *helper, bool numbers)
{
    if (check_x87(l)) {
        if (address_is_checked(l) && !(l->insn.row->flags & X86_ROW_WRITE)) {
            ir_call(l->ir, &call_wait, 0, 0, 0, 0);
        }
        unsigned size = insn_operand_size(l) == 2 ? 2 : 4;
        ir_call(l->ir, helper, sized_address(l, 7 * size + (numbers ? 80 : 0)),
                ir_const(l->ir, size), 0, 0);
    }
}

void x86_lower_fnstenv(Lower *l)
{
    environment(l, &call_fnstenv, false);
}

void x86_lower_fldenv(Lower *l)
{
    environment(l, &call_fldenv, false);
}

void x86_lower_fnsave(Lower *l)
{
    environment(l, &call_fnsave, true);
}

void x86_lower_frstor(Lower *l)
{
    environment(l, &call_frstor, true);
}
