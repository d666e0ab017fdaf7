/* SPDX-License-Identifier: MIT */
/*
 * The x87 on any host, by exact.h: an operation of the table below for each X87Operation. What it
 * computes is in fpu-arithmetic.c, but for addition and its like. SDM volume 1, 8.3 to 8.5.
 */
#include "accel/jit/x86/fpu-arithmetic.h"

#include <string.h>

typedef struct Run Run;

/* `compute` of ST(0) and the other operand; or of ST(1), with one that is not in the form. */
typedef struct Operation {
    void (*run)(Run *run);
    X87Function *compute;
    uint16_t codes;   /* those of C0 … C3 that it clears, if it does not set them */
    bool two;         /* operands, for `compute` */
    bool reversed;    /* ST(0) on the right */
    bool by_control;  /* rounds by PC */
    uint8_t detail;   /* to operations that share `run` */
} Operation;

struct Run {
    X86Jit *cpu;
    const X87Form *form;
    const Operation *operation;
    unsigned i;           /* of ST(i) */
    uint8_t memory[16];
    uint64_t eflags;
    ExactEnv env;         /* .flags: the exceptions of this instruction */
    uint16_t codes;       /* C0 … C3 as they come of it, and SF */
    bool ended;           /* by an exception that is not masked: nothing is written or popped */
};

/* ---- operands and results ---- */

/* An exception of operands that is not masked ends the instruction. SDM volume 1, 4.9.2 and 8.5. */
static bool is_ended(Run *run)
{
    if (run->env.flags & ~run->env.masked & (X87_IE | X87_DE | X87_ZE)) {
        run->ended = true;
    }
    return run->ended;
}

/* Of the stack: 8.5.1.1. */
static void stack_fault(Run *run, bool overflow)
{
    run->env.flags |= X87_IE;
    run->codes = (run->codes & ~X87_C1) | X87_SF | (overflow ? X87_C1 : 0);
    is_ended(run);
}

static bool has(Run *run, unsigned i)
{
    if (!x87_is_full(run->cpu, i)) {
        stack_fault(run, false);
        return false;
    }
    return true;
}

static void write_raw(Run *run, unsigned i, X86Fpr value)
{
    *x87_stack(run->cpu, i) = value;
    x87_set_full(run->cpu, i, true);
}

static void write_number(Run *run, unsigned i, ExactNumber number)
{
    write_raw(run, i, x87_pack(number));
}

static ExactNumber indefinite(const Run *run)
{
    return exact_default_nan(&run->env);
}

static void rounded(Run *run)
{
    run->codes |= run->env.rounded_up ? X87_C1 : 0;
}

static ExactNumber packed_decimal(ExactEnv *env, const uint8_t *memory)
{
    uint64_t value = 0;
    for (int i = 8; i >= 0; i--) {
        value = value * 100 + (memory[i] >> 4) * 10 + (memory[i] & 15);
    }
    ExactNumber number = exact_from_unsigned(env, value);
    number.negative = memory[9] >> 7;
    return number;
}

/* The operand in memory; none is rounded. */
static ExactNumber memory_operand(const Run *run)
{
    ExactEnv whole = { .format = &exact_extended };
    uint64_t bits = 0;
    X86Fpr extended;
    memcpy(&bits, run->memory, MIN(x87_operand_bytes(run->form), 8));
    switch (run->form->operand) {
    case X87_M32:
        return exact_unpack(&exact_binary32, bits);
    case X87_M64:
        return exact_unpack(&exact_binary64, bits);
    case X87_I16:
        return exact_from_integer(&whole, (int16_t)bits);
    case X87_I32:
        return exact_from_integer(&whole, (int32_t)bits);
    case X87_I64:
        return exact_from_integer(&whole, (int64_t)bits);
    case X87_BCD:
        return packed_decimal(&whole, run->memory);
    default:
        extended.mantissa = bits;
        memcpy(&extended.exponent, run->memory + 8, 2);
        return x87_unpack(&extended);
    }
}

static bool in_memory(const Run *run)
{
    return x87_operand_bytes(run->form);
}

/* The register beside ST(0). */
static unsigned other(const Run *run)
{
    return run->form->operand == X87_STI ? run->i : 1;
}

/* Both operands. False: a register is empty. */
static bool operands(Run *run, ExactNumber *a, ExactNumber *b)
{
    if (!has(run, 0) || (run->operation->two && !in_memory(run) && !has(run, other(run)))) {
        return false;
    }
    *a = x87_unpack(x87_stack(run->cpu, 0));
    *b = !run->operation->two ? *a
         : in_memory(run) ? memory_operand(run)
         : x87_unpack(x87_stack(run->cpu, other(run)));
    return true;
}

/* ---- a result of one or two operands ---- */

static void run_result(Run *run)
{
    unsigned to = run->form->flags & X87_TO_STI ? run->i
                  : run->form->flags & X87_POP  ? 1
                                                : 0;
    ExactNumber a, b, result = indefinite(run);
    if (operands(run, &a, &b)) {
        if (x87_is_nan(a) || x87_is_nan(b)) {
            result = x87_nan(&run->env, a, b);
        } else {
            bool reversed = run->operation->reversed;
            result = run->operation->compute(&run->env, reversed ? b : a, reversed ? a : b,
                                             &run->codes);
            rounded(run);
        }
    }
    if (!is_ended(run)) {
        write_number(run, to, result);
    }
}

static ExactNumber add(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return exact_add(env, a, b);
}

static ExactNumber subtract(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return exact_sub(env, a, b);
}

static ExactNumber multiply(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return exact_mul(env, a, b);
}

static ExactNumber divide(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return exact_div(env, a, b);
}

static ExactNumber root(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return exact_sqrt(env, a);
}

/* FXTRACT, FPTAN, FSINCOS: `compute` gives what is in ST(0), x87_second() what is then pushed. */
static void run_two_results(Run *run)
{
    ExactNumber a, b, results[2] = { indefinite(run), indefinite(run) };
    bool has_operand = has(run, 0), in_range = true;
    if (has_operand && x87_is_full(run->cpu, 7)) {
        stack_fault(run, true);
    } else if (has_operand) {
        operands(run, &a, &b);
        if (x87_is_nan(a)) {
            results[0] = results[1] = x87_nan(&run->env, a, a);
        } else {
            results[0] = run->operation->compute(&run->env, a, b, &run->codes);
            rounded(run);
            in_range = !(run->codes & run->operation->codes & X87_C2);
            if (in_range) {
                results[1] = x87_second(&run->env, run->form->operation, a, &run->codes);
            }
        }
    }
    if (!is_ended(run) && in_range) {
        write_number(run, 0, results[0]);
        x87_turn(run->cpu, 7);
        write_number(run, 0, results[1]);
    }
}

/* FCHS, FABS: not arithmetic, NaNs are no different. */
static void run_sign(Run *run)
{
    bool full = has(run, 0);
    X86Fpr value = full ? *x87_stack(run->cpu, 0) : x87_pack(indefinite(run));
    if (full) {
        value.exponent = run->operation->detail ? value.exponent ^ 0x8000 : value.exponent & 0x7fff;
    }
    if (!is_ended(run)) {
        write_raw(run, 0, value);
    }
}

/* ---- comparisons ---- */

/* Of ST(0) to the other operand, FTST's being 0. Registers that are empty are as NaNs. */
static ExactRelation relation_of(Run *run)
{
    bool quiet = run->operation->detail;
    ExactRelation relation = EXACT_UNORDERED;
    ExactNumber a, b;
    if (!operands(run, &a, &b)) {
        return relation;
    }
    if (run->form->operation == X87_FTST) {
        b = exact_zero(false);
    }
    if (x87_is_nan(a) || x87_is_nan(b)) {
        ExactEnv env = run->env;
        x87_nan(&env, a, b);
        run->env.flags |= quiet ? env.flags & X87_IE : X87_IE;
    } else {
        relation = exact_compare(&run->env, a, b);
    }
    is_ended(run);
    return relation;
}

static void run_compare(Run *run)
{
    static const uint16_t codes[] = {
        [EXACT_LESS] = X87_C0, [EXACT_EQUAL] = X87_C3, [EXACT_GREATER] = 0,
        [EXACT_UNORDERED] = X87_C0 | X87_C2 | X87_C3,
    };
    run->codes |= codes[relation_of(run)];
}

static void run_compare_flags(Run *run)
{
    static const uint16_t flags[] = {
        [EXACT_LESS] = X86_CF, [EXACT_EQUAL] = X86_ZF, [EXACT_GREATER] = 0,
        [EXACT_UNORDERED] = X86_ZF | X86_PF | X86_CF,
    };
    run->eflags = flags[relation_of(run)];
}

/* SDM volume 1, table 8-1, and volume 2, FXAM. */
static void run_examine(Run *run)
{
    static const uint16_t codes[] = {
        [EXACT_ZERO] = X87_C3, [EXACT_DENORMAL] = X87_C3 | X87_C2, [EXACT_NORMAL] = X87_C2,
        [EXACT_INFINITY] = X87_C2 | X87_C0, [EXACT_QUIET_NAN] = X87_C0,
        [EXACT_SIGNALING_NAN] = X87_C0, [X87_UNSUPPORTED] = 0,
    };
    const X86Fpr *value = x87_stack(run->cpu, 0);
    run->codes |= value->exponent >> 15 ? X87_C1 : 0;
    run->codes |= x87_is_full(run->cpu, 0) ? codes[x87_unpack(value).class] : X87_C3 | X87_C0;
}

/* ---- loads, stores, moves ---- */

static void push_raw(Run *run, X86Fpr value)
{
    if (x87_is_full(run->cpu, 7) && !(run->codes & X87_SF)) {
        stack_fault(run, true);
        value = x87_pack(indefinite(run));
    }
    if (!is_ended(run)) {
        x87_turn(run->cpu, 7);
        write_raw(run, 0, value);
    }
}

/*
 * Of single and double precision alone may be NaNs that signal, and denormals that are told of: the
 * number is loaded even so.
 */
static void run_load(Run *run)
{
    X86Fpr value;
    if (run->form->operand == X87_STI) {
        value = has(run, run->i) ? *x87_stack(run->cpu, run->i) : x87_pack(indefinite(run));
    } else if (run->form->operand == X87_M80) {
        memcpy(&value.mantissa, run->memory, 8);
        memcpy(&value.exponent, run->memory + 8, 2);
    } else {
        ExactNumber number = memory_operand(run);
        run->env.masked |= X87_DE;
        if (!x87_is_full(run->cpu, 7)) {
            number = x87_is_nan(number) ? x87_nan(&run->env, number, number)
                                        : exact_convert(&run->env, number);
        }
        value = x87_pack(number);
    }
    push_raw(run, value);
}

static void run_constant(Run *run)
{
    push_raw(run, x87_constant(&run->env, run->form->operation));
}

/* To a register, or memory. */
static void run_store(Run *run)
{
    if (run->operation->detail && !x87_is_full(run->cpu, 0)) {
        return; /* FSTP1 of an empty register */
    }
    bool full = has(run, 0);
    X86Fpr value = full ? *x87_stack(run->cpu, 0) : x87_pack(indefinite(run));
    if (run->form->operand == X87_STI) {
        if (!is_ended(run)) {
            write_raw(run, run->i, value);
        }
    } else if (run->form->operand == X87_M80) {
        is_ended(run);
        memcpy(run->memory, &value.mantissa, 8);
        memcpy(run->memory + 8, &value.exponent, 2);
    } else {
        run->env.format = run->form->operand == X87_M32 ? &exact_binary32 : &exact_binary64;
        uint64_t bits = x87_narrow(&run->env, x87_unpack(&value));
        memcpy(run->memory, &bits, 8);
        /* Overflow and underflow that are not masked keep a number from memory: 8.5.4, 8.5.5. */
        run->ended = run->env.flags & ~run->env.masked & (X87_EXCEPTIONS & ~X87_PE);
        if (run->ended) {
            run->env.flags &= ~X87_PE;
        } else {
            rounded(run);
        }
    }
}

static void run_store_integer(Run *run)
{
    unsigned bits = x87_operand_bytes(run->form) * 8;
    uint64_t value = 1ull << (bits - 1);
    if (run->operation->detail) {
        run->env.rounding = EXACT_TO_ZERO;
    }
    if (has(run, 0)) {
        ExactNumber number = x87_unpack(x87_stack(run->cpu, 0));
        if (!exact_to_integer(&run->env, number, bits, true, &value)) {
            value = 1ull << (bits - 1);
        }
        rounded(run);
    }
    is_ended(run);
    memcpy(run->memory, &value, 8);
}

static void run_store_decimal(Run *run)
{
    static const uint8_t none[10] = { [7] = 0xc0, 0xff, 0xff };
    uint64_t value;
    memcpy(run->memory, none, 10);
    if (has(run, 0)) {
        ExactNumber number = x87_unpack(x87_stack(run->cpu, 0));
        bool negative = number.negative;
        ExactEnv env = run->env;
        if (exact_to_integer(&env, number, 64, true, &value) &&
            (negative ? -value : value) < 1000000000000000000) {
            run->env = env;
            value = negative ? -value : value;
            for (unsigned i = 0; i < 9; i++, value /= 100) {
                run->memory[i] = value % 10 | value / 10 % 10 << 4;
            }
            run->memory[9] = negative << 7;
            rounded(run);
        } else {
            run->env.flags |= X87_IE;
        }
    }
    is_ended(run);
}

static void run_exchange(Run *run)
{
    unsigned at[2] = { 0, run->i };
    X86Fpr values[2];
    for (unsigned i = 0; i < 2; i++) {
        values[i] = has(run, at[i]) ? *x87_stack(run->cpu, at[i]) : x87_pack(indefinite(run));
    }
    if (!is_ended(run)) {
        write_raw(run, 0, values[1]);
        write_raw(run, run->i, values[0]);
    }
}

/* FCMOVcc: the conditions of CMOV, of CF, ZF and PF; the odd ones are the other way round. */
static void run_conditional_move(Run *run)
{
    static const uint16_t conditions[] = { X86_CF, X86_ZF, X86_CF | X86_ZF, X86_PF };
    unsigned n = run->operation->detail;
    bool moves = (run->eflags & conditions[n & 3]) ? n < 4 : n >= 4;
    bool full = has(run, 0) && has(run, run->i);
    if (!is_ended(run) && (moves || !full)) {
        write_raw(run, 0, full ? *x87_stack(run->cpu, run->i) : x87_pack(indefinite(run)));
    }
}

static void run_free(Run *run)
{
    x87_set_full(run->cpu, run->i, false);
}

static void run_nothing(Run *run)
{
}

static void run_turn(Run *run)
{
    x87_turn(run->cpu, run->operation->detail);
}

/* ---- the table ---- */

#define C1 X87_C1
#define ALL X87_CODES
static const Operation operations[X87_OPERATIONS] = {
    [X87_FADD] = { run_result, add, C1, .two = true, .by_control = true },
    [X87_FMUL] = { run_result, multiply, C1, .two = true, .by_control = true },
    [X87_FSUB] = { run_result, subtract, C1, .two = true, .by_control = true },
    [X87_FSUBR] = { run_result, subtract, C1, .two = true, .by_control = true, .reversed = true },
    [X87_FDIV] = { run_result, divide, C1, .two = true, .by_control = true },
    [X87_FDIVR] = { run_result, divide, C1, .two = true, .by_control = true, .reversed = true },
    [X87_FCOM] = { run_compare, NULL, ALL, .two = true },
    [X87_FUCOM] = { run_compare, NULL, ALL, .two = true, .detail = true },
    [X87_FCOMI] = { run_compare_flags, NULL, 0, .two = true },
    [X87_FUCOMI] = { run_compare_flags, NULL, 0, .two = true, .detail = true },
    [X87_FTST] = { run_compare, NULL, ALL },
    [X87_FXAM] = { run_examine, NULL, ALL },
    [X87_FLD] = { run_load, NULL, C1 },
    [X87_FST] = { run_store, NULL, C1 },
    [X87_FSTNC] = { run_store, NULL, C1, .detail = true },
    [X87_FIST] = { run_store_integer, NULL, C1 },
    [X87_FISTT] = { run_store_integer, NULL, C1, .detail = true },
    [X87_FBST] = { run_store_decimal, NULL, C1 },
    [X87_FXCH] = { run_exchange, NULL, C1 },
    [X87_FFREE] = { run_free, NULL, C1 },
    [X87_FNOP] = { run_nothing, NULL, 0 },
    [X87_FINCSTP] = { run_turn, NULL, C1, .detail = 1 },
    [X87_FDECSTP] = { run_turn, NULL, C1, .detail = 7 },
    [X87_FCMOVB] = { run_conditional_move, NULL, 0, .detail = 0 },
    [X87_FCMOVE] = { run_conditional_move, NULL, 0, .detail = 1 },
    [X87_FCMOVBE] = { run_conditional_move, NULL, 0, .detail = 2 },
    [X87_FCMOVU] = { run_conditional_move, NULL, 0, .detail = 3 },
    [X87_FCMOVNB] = { run_conditional_move, NULL, 0, .detail = 4 },
    [X87_FCMOVNE] = { run_conditional_move, NULL, 0, .detail = 5 },
    [X87_FCMOVNBE] = { run_conditional_move, NULL, 0, .detail = 6 },
    [X87_FCMOVNU] = { run_conditional_move, NULL, 0, .detail = 7 },
    [X87_FCHS] = { run_sign, NULL, C1, .detail = true },
    [X87_FABS] = { run_sign, NULL, C1 },
    [X87_FSQRT] = { run_result, root, C1, .by_control = true },
    [X87_FRNDINT] = { run_result, x87_round, C1 },
    [X87_FSCALE] = { run_result, x87_scale, C1, .two = true },
    [X87_FXTRACT] = { run_two_results, x87_exponent, C1 },
    [X87_FPREM] = { run_result, x87_remainder, C1 | X87_C2, .two = true },
    [X87_FPREM1] = { run_result, x87_remainder_nearest, C1 | X87_C2, .two = true },
    [X87_FLD1] = { run_constant, NULL, C1 },
    [X87_FLDL2T] = { run_constant, NULL, C1 },
    [X87_FLDL2E] = { run_constant, NULL, C1 },
    [X87_FLDPI] = { run_constant, NULL, C1 },
    [X87_FLDLG2] = { run_constant, NULL, C1 },
    [X87_FLDLN2] = { run_constant, NULL, C1 },
    [X87_FLDZ] = { run_constant, NULL, C1 },
    [X87_F2XM1] = { run_result, x87_f2xm1, C1 },
    [X87_FYL2X] = { run_result, x87_fyl2x, C1, .two = true },
    [X87_FYL2XP1] = { run_result, x87_fyl2xp1, C1, .two = true },
    [X87_FPTAN] = { run_two_results, x87_tangent, C1 | X87_C2 },
    [X87_FPATAN] = { run_result, x87_arctangent, C1, .two = true },
    [X87_FSIN] = { run_result, x87_sine, C1 | X87_C2 },
    [X87_FCOS] = { run_result, x87_cosine, C1 | X87_C2 },
    [X87_FSINCOS] = { run_two_results, x87_sine, C1 | X87_C2 },
};
#undef C1
#undef ALL

/* ---- an instruction ---- */

/* PC: 1 is reserved. SDM volume 1, 8.1.5.2. */
static const uint8_t precisions[] = { 24, 64, 53, 64 };

/* All but `memory`, which is filled in by the load, or what is stored. */
static void begin(Run *run, X86Jit *cpu, const X87Form *form)
{
    const Operation *operation = &operations[form->operation];

    run->cpu = cpu;
    run->form = form;
    run->operation = operation;
    run->i = 0;
    run->eflags = 0;
    run->codes = cpu->fsw & X87_CODES & ~operation->codes;
    run->ended = false;
    run->env = (ExactEnv){
        .format = &exact_extended, .rounding = cpu->fcw >> 10 & 3,
        .precision = operation->by_control ? precisions[cpu->fcw >> 8 & 3] : 0,
        .masked = cpu->fcw & X87_EXCEPTIONS, .nan_negative = true, .bias_adjust = 24576,
    };
}

/* After the store, if any. */
static void end(Run *run, uint64_t code, uint64_t ip)
{
    X86Jit *cpu = run->cpu;
    if (!run->ended) {
        for (unsigned pops = run->form->flags & (X87_POP | X87_POP_TWICE); pops; pops--) {
            x87_pop(cpu);
        }
    }
    cpu->fsw = (cpu->fsw & ~X87_CODES) | run->codes | run->env.flags;
    if (run->env.flags) {
        x87_update_summary(cpu);
    }
    x87_note(cpu, code, ip);
}

uint64_t x87_exact_register_flags(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t flags)
{
    const X87Form *form = x87_register_form(code);
    __attribute__((uninitialized)) Run run;
    if (!form->operation) {
        x86_raise(cpu, X86_UD);
    }
    x87_wait(cpu);
    begin(&run, cpu, form);
    run.i = code & 7;
    run.eflags = flags & X86_ARITHMETIC;
    run.operation->run(&run);
    end(&run, code, ip);
    return run.eflags;
}

uint64_t x87_exact_register(X86Jit *cpu, uint64_t code, uint64_t ip)
{
    x87_exact_register_flags(cpu, code, ip, 0);
    return 0;
}

/* The state changes after the store, which may fault, or be done again. */
uint64_t x87_exact_memory(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t address, uint64_t fdp)
{
    const X87Form *form = x87_memory_form(code);
    unsigned bytes = x87_operand_bytes(form);
    __attribute__((uninitialized)) Run run;
    if (!form->operation) {
        x86_raise(cpu, X86_UD);
    }
    x87_wait(cpu);
    x86_check_alignment(cpu, address, bytes == 10 ? 8 : bytes);
    begin(&run, cpu, form);
    if (!(form->flags & X87_STORES)) {
        jit_load_bytes(&cpu->core, address, run.memory, bytes, x86_data_mode(cpu));
    }
    run.operation->run(&run);
    if (form->flags & X87_STORES && !run.ended) {
        jit_store_bytes(&cpu->core, address, run.memory, bytes, x86_data_mode(cpu));
    }
    end(&run, code, ip);
    cpu->fdp = fdp;
    return 0;
}
