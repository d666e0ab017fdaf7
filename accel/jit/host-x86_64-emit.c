/* SPDX-License-Identifier: MIT */
/* The back end for x86-64 hosts: the code of each operation. */
#include "accel/jit/host-x86_64.h"

#if defined(__x86_64__)

/* ---- comparisons ---- */

static unsigned condition(IrCond cond)
{
    static const unsigned codes[] = {
        [IR_EQ] = CC_E, [IR_NE] = CC_NE, [IR_LTU] = CC_B, [IR_GEU] = CC_AE, [IR_LEU] = CC_BE,
        [IR_GTU] = CC_A, [IR_LTS] = CC_L, [IR_GES] = CC_GE, [IR_LES] = CC_LE, [IR_GTS] = CC_G,
        [IR_TEST_EQ] = CC_E, [IR_TEST_NE] = CC_NE,
    };

    return codes[cond];
}

static void emit_compare(Gen *g, const IrOp *op)
{
    bool wide = op->type == IR_I64, test = op->cond == IR_TEST_EQ || op->cond == IR_TEST_NE;
    int a = gen_use(g, op->a);

    if (gen_is_const(g, op->b) && gen_fits32(g, op->b, wide)) {
        if (!test && !gen_const_of(g, op->b)) {
            asm_rr(&g->hot, wide, 0x85, a, a);
            return;
        }
        if (!test) {
            asm_alu_imm(&g->hot, wide, ALU_CMP, a, (int32_t)gen_const_of(g, op->b));
            return;
        }
        asm_rex(&g->hot, wide, 0, 0, a, false);
        asm_byte(&g->hot, 0xf7);
        asm_register(&g->hot, 0, a);
        asm_bytes(&g->hot, gen_const_of(g, op->b), 4);
        return;
    }
    int b = gen_use(g, op->b);
    if (test) {
        asm_rr(&g->hot, wide, 0x85, b, a);
    } else {
        asm_alu_rr(&g->hot, wide, ALU_CMP, a, b);
    }
}

static void emit_setcc(Gen *g, const IrOp *op)
{
    emit_compare(g, op);
    int to = gen_result(g);
    asm_prefix_rr(&g->hot, 0, false, 0x0f90 | condition(op->cond), 0, RAX, true);
    asm_prefix_rr(&g->hot, 0, false, 0x0fb6, to, RAX, false);
}

static void emit_select(Gen *g, const IrOp *op)
{
    int c = gen_use(g, op->c), d = gen_use(g, op->d), to;

    to = gen_allocate(g);
    emit_compare(g, op);
    asm_mov_rr(&g->hot, to, d);
    asm_rr(&g->hot, true, 0x0f40 | condition(op->cond), to, c);
    gen_hold(g, to, g->at);
}

/* In the cold part: the loop finds where to go on, and is told what the operation says. */
static void emit_way_to_loop(Gen *g, const IrOp *op)
{
    if (op->imm) {
        asm_mov_imm(&g->cold, RAX, op->imm);
        asm_store(&g->cold, 8, RAX, RBP, offsetof(JitCpu, jumped_from));
    }
    gen_fix_return(g, asm_jmp(&g->cold), PART_COLD, RETURN_INDIRECT);
}

static void emit_exit_if(Gen *g, const IrOp *op)
{
    emit_compare(g, op);
    unsigned at = asm_jcc(&g->hot, condition(op->cond));
    gen_fix(g, at, PART_HOT, g->cold.length, PART_COLD);
    if (jit_counts_exit(g->block, op->target) && !(op->flags & IR_INDIRECT)) {
        gen_count_heat(&g->cold, jit_first_exit_index(g->block->pc));
    }
    gen_show_slots(g, &g->cold);
    gen_vectors_write(g, &g->cold, g->vector, false);
    if (op->flags & IR_INDIRECT) {
        emit_way_to_loop(g, op);
    } else {
        gen_exit(g, &g->cold, op->target);
    }
}

static void emit_raise_if(Gen *g, const IrOp *op)
{
    emit_compare(g, op);
    gen_fix(g, asm_jcc(&g->hot, condition(op->cond)), PART_HOT, g->cold.length, PART_COLD);
    gen_show_slots(g, &g->cold);
    gen_vectors_write(g, &g->cold, g->vector, false);
    gen_load_value(g, &g->cold, RSI, op->c);
    gen_call(g, &g->cold, (const void *)op->helper->function);
    asm_byte(&g->cold, 0xcc);
}

/* ---- arithmetic ---- */

/* A register with a copy of `a` that may be changed, and is the result's. */
static int result_from(Gen *g, IrValue a)
{
    int from = gen_use(g, a), to;

    if (!gen_used_later(g, a) && !gen_is_in_dirty_slot(g, a)) {
        g->holds[from] = 0;
        g->place[a].reg = NO_REG;
        gen_hold(g, from, g->at);
        return from;
    }
    to = gen_result(g);
    asm_mov_rr(&g->hot, to, from);
    return to;
}

static void emit_alu(Gen *g, const IrOp *op, unsigned alu)
{
    bool wide = op->type == IR_I64;

    if (gen_is_const(g, op->b) && gen_fits32(g, op->b, wide)) {
        asm_alu_imm(&g->hot, wide, alu, result_from(g, op->a), (int32_t)gen_const_of(g, op->b));
        return;
    }
    int b = gen_use(g, op->b);
    if (op->a == op->b) {
        int to = gen_result(g);
        asm_mov_rr(&g->hot, to, b);
        asm_alu_rr(&g->hot, wide, alu, to, to);
        return;
    }
    asm_alu_rr(&g->hot, wide, alu, result_from(g, op->a), b);
}

static void emit_mul(Gen *g, const IrOp *op)
{
    bool wide = op->type == IR_I64;
    int b = gen_use(g, op->b), to;

    if (op->a == op->b) {
        to = gen_result(g);
        asm_mov_rr(&g->hot, to, b);
        asm_rr(&g->hot, wide, 0x0faf, to, to);
    } else {
        to = result_from(g, op->a);
        asm_rr(&g->hot, wide, 0x0faf, to, b);
    }
}

static void emit_divide(Gen *g, const IrOp *op)
{
    bool wide = op->type == IR_I64;
    int by = gen_use(g, op->c), to = gen_result(g);

    gen_load_value(g, &g->hot, RAX, op->a);
    gen_load_value(g, &g->hot, RDX, op->b);
    asm_rex(&g->hot, wide, 0, 0, by, false);
    asm_byte(&g->hot, 0xf7);
    asm_register(&g->hot, op->opcode == IR_DIVU ? 6 : 7, by);
    asm_rr(&g->hot, wide, 0x8b, to, RAX);
}

static void emit_mul_high(Gen *g, const IrOp *op)
{
    bool wide = op->type == IR_I64;
    int a = gen_use(g, op->a), b = gen_use(g, op->b), to = gen_result(g);

    asm_mov_rr(&g->hot, RAX, a);
    asm_rex(&g->hot, wide, 0, 0, b, false);
    asm_byte(&g->hot, 0xf7);
    asm_register(&g->hot, op->opcode == IR_MULHU ? 4 : 5, b);
    asm_rr(&g->hot, wide, 0x8b, to, RDX);
}

static void emit_shift(Gen *g, const IrOp *op, unsigned kind)
{
    bool wide = op->type == IR_I64;
    unsigned mask = wide ? 63 : 31;

    if (gen_is_const(g, op->b)) {
        int to = result_from(g, op->a);
        if (!wide) {
            asm_rr(&g->hot, false, 0x8b, to, to);
        }
        asm_shift_imm(&g->hot, wide, kind, to, gen_const_of(g, op->b) & mask);
        return;
    }
    asm_mov_rr(&g->hot, RCX, gen_use(g, op->b));
    int to = result_from(g, op->a);
    /* A count of 0 leaves the high half as it was. */
    if (!wide) {
        asm_rr(&g->hot, false, 0x8b, to, to);
    }
    asm_shift_cl(&g->hot, wide, kind, to);
}

static void emit_group3(Gen *g, const IrOp *op, unsigned digit)
{
    int to = result_from(g, op->a);

    asm_rex(&g->hot, op->type == IR_I64, 0, 0, to, false);
    asm_byte(&g->hot, 0xf7);
    asm_register(&g->hot, digit, to);
}

static void emit_bswap(Gen *g, const IrOp *op)
{
    int to = result_from(g, op->a);

    asm_rex(&g->hot, op->type == IR_I64, 0, 0, to, false);
    asm_byte(&g->hot, 0x0f);
    asm_byte(&g->hot, 0xc8 | (to & 7));
}

static void emit_count(Gen *g, const IrOp *op, unsigned opcode)
{
    int a = gen_use(g, op->a), to = gen_result(g);

    asm_prefix_rr(&g->hot, 0xf3, op->type == IR_I64, opcode, to, a, false);
}

static void emit_extend(Gen *g, const IrOp *op)
{
    int a = gen_use(g, op->a), to = gen_result(g);
    bool wide = op->type == IR_I64;

    switch (op->opcode) {
    case IR_SEXT8:
        asm_prefix_rr(&g->hot, 0, wide, 0x0fbe, to, a, true);
        break;
    case IR_SEXT16:
        asm_rr(&g->hot, wide, 0x0fbf, to, a);
        break;
    case IR_SEXT32:
        asm_rr(&g->hot, wide, wide ? 0x63 : 0x8b, to, a);
        break;
    case IR_ZEXT8:
        asm_prefix_rr(&g->hot, 0, false, 0x0fb6, to, a, true);
        break;
    case IR_ZEXT16:
        asm_rr(&g->hot, false, 0x0fb7, to, a);
        break;
    default:
        asm_rr(&g->hot, false, 0x8b, to, a);
        break;
    }
}

static void emit_extract(Gen *g, const IrOp *op)
{
    int to = result_from(g, op->a);
    unsigned above = 64 - op->position - op->length;

    if (above) {
        asm_shift_imm(&g->hot, true, SHIFT_SHL, to, above);
    }
    asm_shift_imm(&g->hot, true, SHIFT_SHR, to, 64 - op->length);
}

static void emit_deposit(Gen *g, const IrOp *op)
{
    int b = gen_use(g, op->b), to = gen_result(g), a = gen_use(g, op->a);

    asm_mov_rr(&g->hot, to, a);
    if (op->position == 0 && (op->length == 8 || op->length == 16)) {
        if (op->length == 16) {
            asm_byte(&g->hot, 0x66);
        }
        asm_rex(&g->hot, false, b, 0, to, op->length == 8);
        asm_byte(&g->hot, op->length == 8 ? 0x88 : 0x89);
        asm_register(&g->hot, b, to);
        return;
    }
    asm_mov_rr(&g->hot, RAX, b);
    asm_shift_imm(&g->hot, true, SHIFT_SHL, RAX, 64 - op->length);
    if (64 - op->length - op->position) {
        asm_shift_imm(&g->hot, true, SHIFT_SHR, RAX, 64 - op->length - op->position);
    }
    asm_mov_imm(&g->hot, RCX, ~(((1ull << op->length) - 1) << op->position));
    asm_alu_rr(&g->hot, true, ALU_AND, to, RCX);
    asm_alu_rr(&g->hot, true, ALU_OR, to, RAX);
}

/* ---- calls ---- */

void gen_give_up_caller_saved(Gen *g)
{
    for (int reg = 0; reg < 16; reg++) {
        if (CALLER_SAVED >> reg & 1) {
            gen_empty_register(g, reg);
        }
    }
}

/* Memory of slots will not be what it was: values that lie there alone come away. */
static void leave_homes(Gen *g)
{
    for (unsigned s = 0; s < g->block->slot_count; s++) {
        for (IrValue v = g->at_home[s]; v; v = g->place[v].next_home) {
            if (gen_used_later(g, v) && g->place[v].reg == NO_REG && !gen_is_const(g, v) &&
                g->place[v].spill == NO_SPILL) {
                gen_spill(g, v);
            }
            g->place[v].home = NO_SLOT;
        }
    }
    memset(g->at_home, 0, sizeof(g->at_home));
    memset(g->current, 0, sizeof(g->current));
}

static void emit_call(Gen *g, const IrOp *op)
{
    const IrValue args[4] = { op->a, op->b, op->c, op->d };
    unsigned count = op->helper->args, flags = op->helper->flags;

    gen_vectors_give_up(g);
    if (!(flags & (IR_PURE | IR_NO_SLOTS))) {
        gen_clean_slots(g);
    }
    /* All that is needed again gets memory, and the arguments come from there or from
     * registers that are kept. */
    gen_give_up_caller_saved(g);
    if (!(flags & (IR_PURE | IR_NO_SLOTS | IR_NO_WRITE))) {
        static const int targets[4] = { RSI, RDX, RCX, R8 };
        for (unsigned n = 0; n < count; n++) {
            gen_load_value(g, &g->hot, targets[n], args[n]);
        }
        /* RAX may be used to save what leaves its home, the arguments stay. */
        leave_homes(g);
    } else {
        static const int targets[4] = { RSI, RDX, RCX, R8 };
        for (unsigned n = 0; n < count; n++) {
            gen_load_value(g, &g->hot, targets[n], args[n]);
        }
    }
    gen_call(g, &g->hot, (const void *)op->helper->function);
    if (g->place[g->at].last) {
        asm_mov_rr(&g->hot, gen_result(g), RAX);
    }
}

static void emit_atomic(Gen *g, const IrOp *op)
{
    gen_vectors_give_up(g);
    gen_clean_slots(g);
    gen_give_up_caller_saved(g);
    gen_load_value(g, &g->hot, RSI, op->a);
    gen_load_value(g, &g->hot, RDX, op->b);
    if (op->opcode == IR_ATOMIC_CMPXCHG) {
        gen_load_value(g, &g->hot, RCX, op->c);
    } else {
        asm_mov_imm(&g->hot, RCX, 0);
    }
    asm_mov_imm(&g->hot, R8, (uintptr_t)op->opcode | op->size << 8 | op->mode << 16);
    gen_call(g, &g->hot, (const void *)jit_atomic_packed);
    asm_mov_rr(&g->hot, gen_result(g), RAX);
}

/* ---- memory ---- */

unsigned gen_tlb(Gen *g, const IrOp *op, int address, JitAccess access)
{
    int32_t tlb = offsetof(JitCpu, tlb) + op->mode * sizeof(JitTlb);
    unsigned miss;

    asm_mov_rr(&g->hot, RCX, address);
    asm_shift_imm(&g->hot, true, SHIFT_SHR, RCX,
                  JIT_PAGE_BITS - __builtin_ctz(sizeof(JitTlbEntry)));
    asm_rm(&g->hot, true, 0x23, RCX, RBP, tlb + offsetof(JitTlb, mask));
    asm_rm(&g->hot, true, 0x03, RCX, RBP, tlb + offsetof(JitTlb, entries));
    if (op->size > 1) {
        asm_rm(&g->hot, true, 0x8d, RAX, address, op->size - 1);
    } else {
        asm_mov_rr(&g->hot, RAX, address);
    }
    asm_alu_imm(&g->hot, true, ALU_AND, RAX, (int32_t)JIT_PAGE_MASK);
    asm_rm(&g->hot, true, 0x3b, RAX, RCX, offsetof(JitTlbEntry, tag) + 8 * access);
    miss = asm_jcc(&g->hot, CC_NE);
    asm_load(&g->hot, 8, false, true, RCX, RCX, offsetof(JitTlbEntry, addend));
    memcpy(g->missed, g->vector, sizeof(g->missed));
    return miss;
}

/* Registers over a call in the cold part, but the one that gets its result. */
static void save_registers(Gen *g, int except, bool restore)
{
    for (int reg = 0; reg < 16; reg++) {
        if (!(CALLER_SAVED >> reg & 1) || !g->holds[reg] || reg == except) {
            continue;
        }
        if (restore) {
            asm_load(&g->cold, 8, false, true, reg, RSP, SAVE_AT(reg));
        } else {
            asm_store(&g->cold, 8, reg, RSP, SAVE_AT(reg));
        }
    }
}

void gen_begin_miss(Gen *g, unsigned miss, int except)
{
    gen_fix(g, miss, PART_HOT, g->cold.length, PART_COLD);
    gen_show_slots(g, &g->cold);
    gen_vectors_write(g, &g->cold, g->missed, true);
    save_registers(g, except, false);
}

void gen_end_miss(Gen *g, int except)
{
    save_registers(g, except, true);
    gen_vectors_reload(g, &g->cold);
    gen_fix(g, asm_jmp(&g->cold), PART_COLD, g->hot.length, PART_HOT);
}

static void emit_load(Gen *g, const IrOp *op)
{
    bool sign = op->flags & IR_SIGNED, wide = op->type == IR_I64;
    int address = gen_use(g, op->a), to = gen_result(g);
    unsigned miss = gen_tlb(g, op, address, JIT_READ);

    asm_load_index(&g->hot, op->size, sign, wide, to, address, RCX);
    gen_begin_miss(g, miss, to);
    asm_mov_rr(&g->cold, RSI, address);
    gen_call_access(g, &g->cold, (const void *)jit_load, op);
    if (sign && op->size == 1) {
        asm_prefix_rr(&g->cold, 0, wide, 0x0fbe, to, RAX, true);
    } else if (sign && op->size == 2) {
        asm_rr(&g->cold, wide, 0x0fbf, to, RAX);
    } else if (sign && op->size == 4 && wide) {
        asm_rr(&g->cold, true, 0x63, to, RAX);
    } else {
        asm_mov_rr(&g->cold, to, RAX);
    }
    gen_end_miss(g, to);
}

static void emit_store(Gen *g, const IrOp *op)
{
    int value = gen_use(g, op->b), address = gen_use(g, op->a);
    unsigned miss = gen_tlb(g, op, address, JIT_WRITE);

    asm_store_index(&g->hot, op->size, value, address, RCX);
    gen_begin_miss(g, miss, NO_REG);
    asm_mov_rr(&g->cold, RAX, value);
    asm_mov_rr(&g->cold, RSI, address);
    asm_mov_rr(&g->cold, R8, RAX);
    gen_call_access(g, &g->cold, (const void *)jit_store, op);
    gen_end_miss(g, NO_REG);
}

/* ---- one operation ---- */

static void emit_get(Gen *g, const IrOp *op)
{
    /* Where it lies is enough until somebody wants it. */
    gen_set_home(g, g->at, op->slot);
    g->current[op->slot] = g->at;
}

static void emit_state_load(Gen *g, const IrOp *op)
{
    if (!gen_vector_low(g, op)) {
        gen_vectors_before_load(g, op->imm, op->size);
        asm_load(&g->hot, op->size, op->flags & IR_SIGNED, op->type == IR_I64, gen_result(g), RBP,
                 op->imm);
    }
}

static void emit_put(Gen *g, const IrOp *op)
{
    uint64_t bit = 1ull << op->slot;

    /* The slot's memory will change behind values that lie there. */
    for (IrValue v = g->at_home[op->slot]; v; v = g->place[v].next_home) {
        Place *p = &g->place[v];
        if ((p->last > g->at || v == op->a || gen_is_in_dirty_slot(g, v)) && p->reg == NO_REG &&
            !gen_is_const(g, v) && p->spill == NO_SPILL) {
            int reg = gen_allocate(g);
            gen_load_value(g, &g->hot, reg, v);
            gen_hold(g, reg, v);
        }
        p->home = NO_SLOT;
    }
    g->at_home[op->slot] = 0;
    if (g->dirty & bit) {
        g->place[g->current[op->slot]].slots &= ~bit;
    }
    g->current[op->slot] = op->a;
    g->dirty |= bit;
    g->place[op->a].slots |= bit;
}

/* ---- ends ---- */

/* All that is known only here goes to memory. */
static void finish(Gen *g)
{
    gen_clean_slots(g);
    gen_vectors_write(g, &g->hot, g->vector, false);
}

static void emit_goto(Gen *g, const IrOp *op)
{
    finish(g);
    gen_exit(g, &g->hot, op->target);
}

/*
 * RAX is the pc: RCX becomes its entry in the cache of jumps. As jit_jump_index() has it; the
 * table's entries are 32 bytes.
 */
static void emit_jump_entry(Gen *g)
{
    G_STATIC_ASSERT(sizeof(JitJump) == 32);
    asm_mov_rr(&g->hot, RCX, RAX);
    asm_shift_imm(&g->hot, true, SHIFT_SHR, RCX, 12);
    asm_rr(&g->hot, false, 0x33, RCX, RAX);
    asm_alu_imm(&g->hot, false, ALU_AND, RCX, (1 << JIT_JUMP_BITS) - 1);
    asm_shift_imm(&g->hot, false, SHIFT_SHL, RCX, 5);
    asm_rm(&g->hot, true, 0x03, RCX, RBP, offsetof(JitCpu, jumps));
}

/* To the block there, if it is known, whatever its context is. */
static void emit_anywhere(Gen *g)
{
    finish(g);
    if (!g->block->context) {
        gen_fix_return(g, asm_jmp(&g->hot), PART_HOT, RETURN_INDIRECT);
        return;
    }
    gen_call(g, &g->hot, (const void *)gen_way_on);
    asm_byte(&g->hot, 0xff);
    asm_register(&g->hot, 4, RAX);
}

static void fix_miss(Gen *g, const IrOp *op, unsigned at, unsigned miss)
{
    if (op->imm) {
        gen_fix(g, at, PART_HOT, miss, PART_COLD);
    } else {
        gen_fix_return(g, at, PART_HOT, RETURN_INDIRECT);
    }
}

/* To the block at the pc in the slot, if it is known and its context is this one's. */
static void emit_indirect(Gen *g, const IrOp *op)
{
    unsigned miss = g->cold.length;
    const JitArch *arch = jit.arch;
    IrValue pc = g->current[arch->pc_slot];

    if (op->imm) {
        emit_way_to_loop(g, op);
    }
    finish(g);
    if (!g->block->context || !pc) {
        fix_miss(g, op, asm_jmp(&g->hot), miss);
        return;
    }
    gen_load_value(g, &g->hot, RAX, pc);
    if (g->block->base) {
        asm_mov_imm(&g->hot, RCX, g->block->base);
        asm_alu_rr(&g->hot, true, ALU_ADD, RAX, RCX);
    }
    emit_jump_entry(g);
    asm_rm(&g->hot, true, 0x33, RAX, RBP, offsetof(JitCpu, jump_salt));
    asm_rm(&g->hot, true, 0x3b, RAX, RCX, offsetof(JitJump, pc));
    fix_miss(g, op, asm_jcc(&g->hot, CC_NE), miss);
    asm_byte(&g->hot, 0x81);
    asm_memory(&g->hot, ALU_CMP, RCX, offsetof(JitJump, context));
    asm_bytes(&g->hot, g->block->context, 4);
    fix_miss(g, op, asm_jcc(&g->hot, CC_NE), miss);
    asm_byte(&g->hot, 0xff);
    asm_memory(&g->hot, 4, RCX, offsetof(JitJump, code));
}

void gen_operation(Gen *g, const IrOp *op)
{
    switch ((IrOpcode)op->opcode) {
    case IR_NOP: case IR_INSN: case IR_CONST:
        break;
    case IR_GET:
        emit_get(g, op);
        break;
    case IR_PUT:
        emit_put(g, op);
        break;
    case IR_STATE_LOAD:
        emit_state_load(g, op);
        break;
    case IR_STATE_STORE:
        gen_vectors_before_store(g, op->imm, op->size);
        asm_store(&g->hot, op->size, gen_use(g, op->a), RBP, op->imm);
        break;
    case IR_ADD:
        emit_alu(g, op, ALU_ADD);
        break;
    case IR_SUB:
        emit_alu(g, op, ALU_SUB);
        break;
    case IR_AND:
        emit_alu(g, op, ALU_AND);
        break;
    case IR_OR:
        emit_alu(g, op, ALU_OR);
        break;
    case IR_XOR:
        emit_alu(g, op, ALU_XOR);
        break;
    case IR_MUL:
        emit_mul(g, op);
        break;
    case IR_MULHU: case IR_MULHS:
        emit_mul_high(g, op);
        break;
    case IR_DIVU: case IR_DIVS:
        emit_divide(g, op);
        break;
    case IR_SHL:
        emit_shift(g, op, SHIFT_SHL);
        break;
    case IR_SHR:
        emit_shift(g, op, SHIFT_SHR);
        break;
    case IR_SAR:
        emit_shift(g, op, SHIFT_SAR);
        break;
    case IR_ROL:
        emit_shift(g, op, SHIFT_ROL);
        break;
    case IR_ROR:
        emit_shift(g, op, SHIFT_ROR);
        break;
    case IR_NOT:
        emit_group3(g, op, 2);
        break;
    case IR_NEG:
        emit_group3(g, op, 3);
        break;
    case IR_BSWAP:
        emit_bswap(g, op);
        break;
    case IR_POPCNT:
        emit_count(g, op, 0x0fb8);
        break;
    case IR_CLZ:
        emit_count(g, op, 0x0fbd);
        break;
    case IR_CTZ:
        emit_count(g, op, 0x0fbc);
        break;
    case IR_SEXT8: case IR_SEXT16: case IR_SEXT32:
    case IR_ZEXT8: case IR_ZEXT16: case IR_ZEXT32:
        emit_extend(g, op);
        break;
    case IR_EXTRACT:
        emit_extract(g, op);
        break;
    case IR_DEPOSIT:
        emit_deposit(g, op);
        break;
    case IR_SETCC:
        emit_setcc(g, op);
        break;
    case IR_SELECT:
        emit_select(g, op);
        break;
    case IR_LOAD:
        emit_load(g, op);
        break;
    case IR_STORE:
        emit_store(g, op);
        break;
    case IR_LOAD_VECTOR: case IR_STORE_VECTOR:
        gen_vector_access(g, op);
        break;
    case IR_ATOMIC_ADD: case IR_ATOMIC_AND: case IR_ATOMIC_OR: case IR_ATOMIC_XOR:
    case IR_ATOMIC_XCHG: case IR_ATOMIC_CMPXCHG:
        emit_atomic(g, op);
        break;
    case IR_FENCE:
        asm_bytes(&g->hot, 0xf0ae0f, 3);
        break;
    case IR_CALL:
        emit_call(g, op);
        break;
    case IR_VECTOR:
        gen_vector(g, op);
        break;
    case IR_VECTOR_VALUE:
        gen_vector_value(g, op);
        break;
    case IR_VECTOR_SET:
        gen_vector_set(g, op);
        break;
    case IR_EXIT_IF:
        emit_exit_if(g, op);
        break;
    case IR_RAISE_IF:
        emit_raise_if(g, op);
        break;
    case IR_GOTO:
        emit_goto(g, op);
        break;
    case IR_GOTO_INDIRECT:
        if (op->flags & IR_ANYWHERE) {
            emit_anywhere(g);
        } else {
            emit_indirect(g, op);
        }
        break;
    case IR_LEAVE:
        finish(g);
        gen_fix_return(g, asm_jmp(&g->hot), PART_HOT, RETURN_LEAVE);
        break;
    case IR_OPCODES:
        g_assert_not_reached();
    }
}
#endif
