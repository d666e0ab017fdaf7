/* SPDX-License-Identifier: MIT */
/*
 * The back end for x86-64 hosts (System V ABI).
 *
 * RBP is the CPU's state; RAX, RCX and RDX are scratch; the rest but RSP holds values. A value lies
 * in a register, in a slot's memory, on the stack, or is a constant. IR_PUT moves nothing: the slot
 * is `dirty` until somebody may look at its memory. Memory accesses that hit the TLB show
 * nothing, so their slow way, out of line, stores the dirty slots first.
 */
#include "accel/jit/host.h"

#if defined(__x86_64__)

#include <cpuid.h>
#include <errno.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accel/jit/host-x86_64-asm.h"
#include "base/error.h"

#define NO_REG  -1
#define NO_SLOT 0xffff
#define NO_SPILL 0xffff
#define SPILLS 256
/* RSP: 16 registers' worth for those that a slow way saves, then spilled values. */
#define SAVE_AT(reg) (8 * (reg))
#define SPILL_AT(n) (8 * (16 + (n)))
#define FRAME (8 * (16 + SPILLS) + 8)   /* and 8 to align */
#define HOT_BYTES 0x10000
#define COLD_BYTES 0x10000
#define ROOM_LEFT (HOT_BYTES + COLD_BYTES)
#define CODE_ALIGN 16

static const int8_t allocatable[] = { RBX, R12, R13, R14, R15, RSI, RDI, R8, R9, R10, R11 };
#define CALLER_SAVED (1u << RSI | 1u << RDI | 1u << R8 | 1u << R9 | 1u << R10 | 1u << R11)

/* What generated code gives back: these, or a JitExit. */
enum { RETURN_LEAVE, RETURN_INDIRECT };

static struct {
    uint8_t *write, *run;    /* the same memory */
    size_t size, used, fixed; /* `fixed`: the entry and the epilogue */
    size_t epilogue, indirect; /* `indirect`: gives RETURN_INDIRECT */
    bool has_avx2;
} code;

/* ---- the state of a compilation ---- */

typedef struct Place {
    int8_t reg;
    uint16_t home;           /* the slot whose memory has the value */
    uint16_t spill;
    uint16_t last;           /* the last operation that uses it */
} Place;

typedef struct Fixup {
    unsigned at;             /* in the hot part, or in the cold one */
    unsigned to;
    bool in_cold, to_cold;
} Fixup;

typedef struct Gen {
    Asm hot, cold;
    Asm *out;                /* one of them */
    const JitBlock *block;
    const IrOp *ops;
    unsigned at;             /* the operation */
    uint32_t locked;         /* registers that the operation needs */
    IrValue holds[16];       /* by register */
    Place place[IR_MAX_OPS];
    IrValue current[IR_MAX_SLOTS]; /* the slot's value, if it is known */
    bool dirty[IR_MAX_SLOTS];
    bool spill_used[SPILLS];
    Fixup fixups[IR_MAX_OPS];
    unsigned fixup_count;
    struct {
        unsigned jump;       /* of exit n, in the cold part; 0: none */
        unsigned stub;
    } exits[IR_MAX_EXITS];
    bool failed;
} Gen;

static bool is_const(const Gen *g, IrValue v)
{
    return g->ops[v].opcode == IR_CONST;
}

static uint64_t const_of(const Gen *g, IrValue v)
{
    return g->ops[v].imm;
}

static bool fits32(const Gen *g, IrValue v, bool wide)
{
    uint64_t value = const_of(g, v);

    return !wide || (int64_t)value == (int32_t)value;
}

static const IrSlot *slot_of(const Gen *g, unsigned slot)
{
    return &g->block->slots[slot];
}

/* Is the value needed after this operation, not counting dirty slots? */
static bool used_later(const Gen *g, IrValue v)
{
    return g->place[v].last > g->at;
}

/* A dirty slot that has the value; NO_SLOT: none. */
static unsigned dirty_slot_with(const Gen *g, IrValue v)
{
    for (unsigned s = 0; s < IR_MAX_SLOTS; s++) {
        if (g->dirty[s] && g->current[s] == v) {
            return s;
        }
    }
    return NO_SLOT;
}

/* ---- moving values ---- */

static void load_value(Gen *g, Asm *a, int to, IrValue v)
{
    const Place *p = &g->place[v];

    if (p->reg != NO_REG) {
        asm_mov_rr(a, to, p->reg);
    } else if (is_const(g, v)) {
        asm_mov_imm(a, to, const_of(g, v));
    } else if (p->spill != NO_SPILL) {
        asm_load(a, 8, false, true, to, RSP, SPILL_AT(p->spill));
    } else if (p->home != NO_SLOT) {
        asm_load(a, slot_of(g, p->home)->size, false, true, to, RBP, slot_of(g, p->home)->offset);
    } else {
        g_assert_not_reached();
    }
}

/* Writes a slot's memory. RAX may change. */
static void store_slot(Gen *g, Asm *a, unsigned s)
{
    const IrSlot *slot = slot_of(g, s);
    IrValue v = g->current[s];

    if (is_const(g, v) && asm_store_imm(a, slot->size, const_of(g, v), RBP, slot->offset)) {
        return;
    }
    if (g->place[v].reg != NO_REG) {
        asm_store(a, slot->size, g->place[v].reg, RBP, slot->offset);
    } else {
        load_value(g, a, RAX, v);
        asm_store(a, slot->size, RAX, RBP, slot->offset);
    }
}

/* The slot's memory is up to date from now on. */
static void clean_slot(Gen *g, unsigned s)
{
    store_slot(g, &g->hot, s);
    g->dirty[s] = false;
    if (g->place[g->current[s]].home == NO_SLOT) {
        g->place[g->current[s]].home = s;
    }
}

static void clean_slots(Gen *g)
{
    for (unsigned s = 0; s < g->block->slot_count; s++) {
        if (g->dirty[s]) {
            clean_slot(g, s);
        }
    }
}

/* For a way out of the block: memory is made right, here nothing changes. */
static void show_slots(Gen *g, Asm *a)
{
    for (unsigned s = 0; s < g->block->slot_count; s++) {
        if (g->dirty[s]) {
            store_slot(g, a, s);
        }
    }
}

static void spill(Gen *g, IrValue v)
{
    Place *p = &g->place[v];

    for (unsigned n = 0; n < SPILLS; n++) {
        if (!g->spill_used[n]) {
            g->spill_used[n] = true;
            if (p->reg != NO_REG) {
                asm_store(&g->hot, 8, p->reg, RSP, SPILL_AT(n));
            } else {
                load_value(g, &g->hot, RAX, v);
                asm_store(&g->hot, 8, RAX, RSP, SPILL_AT(n));
            }
            p->spill = n;
            return;
        }
    }
    g->failed = true;
}

static bool in_memory(const Gen *g, IrValue v)
{
    return is_const(g, v) || g->place[v].home != NO_SLOT || g->place[v].spill != NO_SPILL;
}

/* Gives a value memory, if it may be asked for again; of a dirty slot, the slot's own. */
static void keep_in_memory(Gen *g, IrValue v)
{
    unsigned s = dirty_slot_with(g, v);

    if (in_memory(g, v)) {
        return;
    }
    if (s != NO_SLOT && slot_of(g, s)->size == 8) {
        clean_slot(g, s);
    } else if (s != NO_SLOT || used_later(g, v) || g->place[v].last == g->at) {
        spill(g, v);
    }
}

static void empty_register(Gen *g, int reg)
{
    IrValue v = g->holds[reg];

    if (v) {
        keep_in_memory(g, v);
        g->place[v].reg = NO_REG;
        g->holds[reg] = 0;
    }
}

static int allocate(Gen *g)
{
    int best = NO_REG;
    unsigned best_last = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(allocatable); i++) {
        int reg = allocatable[i];
        if (g->locked >> reg & 1) {
            continue;
        }
        if (!g->holds[reg]) {
            best = reg;
            break;
        }
        /* What is wanted last goes first; constants and copies of memory before others. */
        unsigned last = g->place[g->holds[reg]].last + (in_memory(g, g->holds[reg]) ? 0x8000 : 0);
        if (best == NO_REG || last > best_last) {
            best = reg;
            best_last = last;
        }
    }
    g_assert(best != NO_REG);
    empty_register(g, best);
    g->locked |= 1u << best;
    return best;
}

static void hold(Gen *g, int reg, IrValue v)
{
    g->holds[reg] = v;
    g->place[v].reg = reg;
}

/* The value in a register that stays for this operation. */
static int use(Gen *g, IrValue v)
{
    int reg = g->place[v].reg;

    if (reg == NO_REG) {
        reg = allocate(g);
        load_value(g, &g->hot, reg, v);
        hold(g, reg, v);
    }
    g->locked |= 1u << reg;
    return reg;
}

/* A register for this operation's result. */
static int result(Gen *g)
{
    int reg = allocate(g);

    hold(g, reg, g->at);
    return reg;
}

static void free_dead(Gen *g, IrValue v)
{
    Place *p = &g->place[v];

    if (p->last > g->at || dirty_slot_with(g, v) != NO_SLOT) {
        return;
    }
    if (p->reg != NO_REG) {
        g->holds[p->reg] = 0;
        p->reg = NO_REG;
    }
    if (p->spill != NO_SPILL) {
        g->spill_used[p->spill] = false;
        p->spill = NO_SPILL;
    }
}

/* ---- ways out ---- */

static void fix(Gen *g, unsigned at, bool in_cold, unsigned to, bool to_cold)
{
    if (g->fixup_count == G_N_ELEMENTS(g->fixups)) {
        g->failed = true;
        return;
    }
    g->fixups[g->fixup_count++] = (Fixup){ at, to, in_cold, to_cold };
}

/* Fixed places. */
#define EPILOGUE UINT_MAX
#define INDIRECT (UINT_MAX - 1)

/* In the cold part: a jump that can be led to another block, and what it does until then. */
static void emit_exit(Gen *g, unsigned number)
{
    /* The displacement is changed while it may be executed, so it lies in one aligned word. */
    while ((g->cold.length + 1) % 4) {
        asm_byte(&g->cold, 0x90);
    }
    g->exits[number].jump = asm_jmp(&g->cold);
    g->exits[number].stub = g->cold.length;
    fix(g, g->exits[number].jump, true, g->cold.length, true);
    asm_mov_imm(&g->cold, RAX, (uintptr_t)&g->block->exits[number]);
    fix(g, asm_jmp(&g->cold), true, EPILOGUE, false);
}

static void emit_return(Gen *g, unsigned what)
{
    asm_mov_imm(&g->hot, RAX, what);
    fix(g, asm_jmp(&g->hot), false, EPILOGUE, false);
}

static void emit_goto(Gen *g, const IrOp *op)
{
    clean_slots(g);
    fix(g, asm_jmp(&g->hot), false, 0, true);
    /* Where the exit is, is known only now. */
    unsigned jump = g->fixup_count - 1;
    while ((g->cold.length + 1) % 4) {
        asm_byte(&g->cold, 0x90);
    }
    g->fixups[jump].to = g->cold.length;
    emit_exit(g, op->target);
}

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
    int a = use(g, op->a);

    if (is_const(g, op->b) && fits32(g, op->b, wide)) {
        if (!test) {
            asm_alu_imm(&g->hot, wide, ALU_CMP, a, (int32_t)const_of(g, op->b));
            return;
        }
        asm_rex(&g->hot, wide, 0, 0, a, false);
        asm_byte(&g->hot, 0xf7);
        asm_register(&g->hot, 0, a);
        asm_bytes(&g->hot, const_of(g, op->b), 4);
        return;
    }
    int b = use(g, op->b);
    if (test) {
        asm_rr(&g->hot, wide, 0x85, b, a);
    } else {
        asm_alu_rr(&g->hot, wide, ALU_CMP, a, b);
    }
}

static void emit_setcc(Gen *g, const IrOp *op)
{
    emit_compare(g, op);
    int to = result(g);
    asm_prefix_rr(&g->hot, 0, false, 0x0f90 | condition(op->cond), 0, RAX, true);
    asm_prefix_rr(&g->hot, 0, false, 0x0fb6, to, RAX, false);
}

static void emit_select(Gen *g, const IrOp *op)
{
    int c = use(g, op->c), d = use(g, op->d), to;

    to = allocate(g);
    emit_compare(g, op);
    asm_mov_rr(&g->hot, to, d);
    asm_rr(&g->hot, true, 0x0f40 | condition(op->cond), to, c);
    hold(g, to, g->at);
}

static void emit_exit_if(Gen *g, const IrOp *op)
{
    emit_compare(g, op);
    unsigned at = asm_jcc(&g->hot, condition(op->cond));
    fix(g, at, false, g->cold.length, true);
    show_slots(g, &g->cold);
    emit_exit(g, op->target);
}

/* ---- arithmetic ---- */

/* A register with a copy of `a` that may be changed, and is the result's. */
static int result_from(Gen *g, IrValue a)
{
    int from = use(g, a), to;

    if (!used_later(g, a) && dirty_slot_with(g, a) == NO_SLOT) {
        g->holds[from] = 0;
        g->place[a].reg = NO_REG;
        hold(g, from, g->at);
        return from;
    }
    to = result(g);
    asm_mov_rr(&g->hot, to, from);
    return to;
}

static void emit_alu(Gen *g, const IrOp *op, unsigned alu)
{
    bool wide = op->type == IR_I64;

    if (is_const(g, op->b) && fits32(g, op->b, wide)) {
        asm_alu_imm(&g->hot, wide, alu, result_from(g, op->a), (int32_t)const_of(g, op->b));
        return;
    }
    int b = use(g, op->b);
    if (op->a == op->b) {
        int to = result(g);
        asm_mov_rr(&g->hot, to, b);
        asm_alu_rr(&g->hot, wide, alu, to, to);
        return;
    }
    asm_alu_rr(&g->hot, wide, alu, result_from(g, op->a), b);
}

static void emit_mul(Gen *g, const IrOp *op)
{
    bool wide = op->type == IR_I64;
    int b = use(g, op->b), a = use(g, op->a), to = result(g);

    asm_mov_rr(&g->hot, RAX, a);
    asm_rr(&g->hot, wide, 0x0faf, RAX, b);
    asm_mov_rr(&g->hot, to, RAX);
}

static void emit_mul_high(Gen *g, const IrOp *op)
{
    bool wide = op->type == IR_I64;
    int a = use(g, op->a), b = use(g, op->b), to = result(g);

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

    if (is_const(g, op->b)) {
        int to = result_from(g, op->a);
        if (!wide) {
            asm_rr(&g->hot, false, 0x8b, to, to);
        }
        asm_shift_imm(&g->hot, wide, kind, to, const_of(g, op->b) & mask);
        return;
    }
    asm_mov_rr(&g->hot, RCX, use(g, op->b));
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
    int a = use(g, op->a), to = result(g);

    asm_prefix_rr(&g->hot, 0xf3, op->type == IR_I64, opcode, to, a, false);
}

static void emit_extend(Gen *g, const IrOp *op)
{
    int a = use(g, op->a), to = result(g);
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
    int b = use(g, op->b), to = result(g), a = use(g, op->a);

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

/* Registers that a called function may change are given up. */
static void give_up_caller_saved(Gen *g)
{
    for (int reg = 0; reg < 16; reg++) {
        if (CALLER_SAVED >> reg & 1) {
            empty_register(g, reg);
        }
    }
}

/* Memory of slots will not be what it was: values that lie there alone come away. */
static void leave_homes(Gen *g)
{
    for (unsigned v = 1; v < g->at; v++) {
        if (g->place[v].home != NO_SLOT) {
            if (used_later(g, v) && g->place[v].reg == NO_REG && !is_const(g, v) &&
                g->place[v].spill == NO_SPILL) {
                spill(g, v);
            }
            g->place[v].home = NO_SLOT;
        }
    }
    memset(g->current, 0, sizeof(g->current));
}

static void emit_call(Gen *g, const IrOp *op)
{
    const IrValue args[4] = { op->a, op->b, op->c, op->d };
    unsigned count = op->helper->args, flags = op->helper->flags;

    if (!(flags & (IR_PURE | IR_NO_SLOTS))) {
        clean_slots(g);
    }
    /* All that is needed again gets memory, and the arguments come from there or from
     * registers that are kept. */
    give_up_caller_saved(g);
    if (!(flags & (IR_PURE | IR_NO_SLOTS | IR_NO_WRITE))) {
        static const int targets[4] = { RSI, RDX, RCX, R8 };
        for (unsigned n = 0; n < count; n++) {
            load_value(g, &g->hot, targets[n], args[n]);
        }
        /* RAX may be used to save what leaves its home, the arguments stay. */
        leave_homes(g);
    } else {
        static const int targets[4] = { RSI, RDX, RCX, R8 };
        for (unsigned n = 0; n < count; n++) {
            load_value(g, &g->hot, targets[n], args[n]);
        }
    }
    asm_mov_rr(&g->hot, RDI, RBP);
    asm_call(&g->hot, (const void *)op->helper->function);
    if (g->place[g->at].last) {
        asm_mov_rr(&g->hot, result(g), RAX);
    }
}

static void emit_atomic(Gen *g, const IrOp *op)
{
    clean_slots(g);
    give_up_caller_saved(g);
    load_value(g, &g->hot, RSI, op->a);
    load_value(g, &g->hot, RDX, op->b);
    if (op->opcode == IR_ATOMIC_CMPXCHG) {
        load_value(g, &g->hot, RCX, op->c);
    } else {
        asm_mov_imm(&g->hot, RCX, 0);
    }
    asm_mov_imm(&g->hot, R8, (uintptr_t)op->opcode | op->size << 8 | op->mode << 16);
    asm_mov_rr(&g->hot, RDI, RBP);
    asm_call(&g->hot, (const void *)jit_atomic_packed);
    asm_mov_rr(&g->hot, result(g), RAX);
}

static void emit_vector(Gen *g, const IrOp *op)
{
    if (ir_shows_slots(op)) {
        clean_slots(g);
    }
    give_up_caller_saved(g);
    asm_mov_rr(&g->hot, RDI, RBP);
    asm_rm(&g->hot, true, 0x8d, RSI, RBP, op->vector_d);
    asm_rm(&g->hot, true, 0x8d, RDX, RBP, op->vector_a);
    asm_rm(&g->hot, true, 0x8d, RCX, RBP, op->vector_b);
    asm_mov_imm(&g->hot, R8, op->vector_imm | (uint32_t)op->vector_bytes << 8);
    asm_call(&g->hot, (const void *)op->vector->function);
}

/* ---- memory ---- */

/* RCX becomes the addend of the page; misses go to the place that is returned, in the hot part. */
static unsigned emit_tlb(Gen *g, const IrOp *op, int address, JitAccess access)
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

/* Begins the cold part of an access that missed. */
static void begin_miss(Gen *g, unsigned miss, int except)
{
    fix(g, miss, false, g->cold.length, true);
    show_slots(g, &g->cold);
    save_registers(g, except, false);
}

static void end_miss(Gen *g, int except)
{
    save_registers(g, except, true);
    fix(g, asm_jmp(&g->cold), true, g->hot.length, false);
}

static void emit_load(Gen *g, const IrOp *op)
{
    bool sign = op->flags & IR_SIGNED, wide = op->type == IR_I64;
    int address = use(g, op->a), to = result(g);
    unsigned miss = emit_tlb(g, op, address, JIT_READ);

    asm_load_index(&g->hot, op->size, sign, wide, to, address, RCX);
    begin_miss(g, miss, to);
    asm_mov_rr(&g->cold, RSI, address);
    asm_mov_rr(&g->cold, RDI, RBP);
    asm_mov_imm(&g->cold, RDX, op->size);
    asm_mov_imm(&g->cold, RCX, op->mode);
    asm_call(&g->cold, (const void *)jit_load);
    if (sign && op->size == 1) {
        asm_prefix_rr(&g->cold, 0, wide, 0x0fbe, to, RAX, true);
    } else if (sign && op->size == 2) {
        asm_rr(&g->cold, wide, 0x0fbf, to, RAX);
    } else if (sign && op->size == 4 && wide) {
        asm_rr(&g->cold, true, 0x63, to, RAX);
    } else {
        asm_mov_rr(&g->cold, to, RAX);
    }
    end_miss(g, to);
}

static void emit_store(Gen *g, const IrOp *op)
{
    int value = use(g, op->b), address = use(g, op->a);
    unsigned miss = emit_tlb(g, op, address, JIT_WRITE);

    asm_store_index(&g->hot, op->size, value, address, RCX);
    begin_miss(g, miss, NO_REG);
    asm_mov_rr(&g->cold, RAX, value);
    asm_mov_rr(&g->cold, RSI, address);
    asm_mov_rr(&g->cold, R8, RAX);
    asm_mov_rr(&g->cold, RDI, RBP);
    asm_mov_imm(&g->cold, RDX, op->size);
    asm_mov_imm(&g->cold, RCX, op->mode);
    asm_call(&g->cold, (const void *)jit_store);
    end_miss(g, NO_REG);
}

/* 16 bytes at a time by XMM0. */
static void move_vector(Asm *a, bool store, int base, int index, int32_t disp)
{
    asm_byte(a, 0xf3);
    asm_rex(a, false, 0, index == NO_REG ? 0 : index, base, false);
    asm_byte(a, 0x0f);
    asm_byte(a, store ? 0x7f : 0x6f);
    if (index == NO_REG) {
        asm_memory(a, 0, base, disp);
    } else {
        asm_memory_index(a, 0, base, index, 0, disp);
    }
}

static void emit_vector_access(Gen *g, const IrOp *op)
{
    bool store = op->opcode == IR_STORE_VECTOR;
    int address = use(g, op->a);
    unsigned aligned = 0, miss;

    if (op->flags & IR_ALIGNED) {
        asm_rex(&g->hot, false, 0, 0, address, true);
        asm_byte(&g->hot, 0xf6);
        asm_register(&g->hot, 0, address);
        asm_byte(&g->hot, op->size - 1);
        aligned = asm_jcc(&g->hot, CC_NE);
    }
    miss = emit_tlb(g, op, address, store ? JIT_WRITE : JIT_READ);
    for (unsigned at = 0; at < op->size; at += 16) {
        if (store) {
            move_vector(&g->hot, false, RBP, NO_REG, op->imm + at);
            move_vector(&g->hot, true, address, RCX, at);
        } else {
            move_vector(&g->hot, false, address, RCX, at);
            move_vector(&g->hot, true, RBP, NO_REG, op->imm + at);
        }
    }
    if (op->flags & IR_ALIGNED) {
        fix(g, aligned, false, g->cold.length, true);
    }
    begin_miss(g, miss, NO_REG);
    asm_mov_rr(&g->cold, RSI, address);
    asm_mov_rr(&g->cold, RDI, RBP);
    asm_rm(&g->cold, true, 0x8d, RDX, RBP, op->imm);
    asm_mov_imm(&g->cold, RCX, op->size | op->mode << 8 | (op->flags & IR_ALIGNED ? 1u << 16 : 0));
    asm_call(&g->cold, store ? (const void *)jit_store_vector : (const void *)jit_load_vector);
    end_miss(g, NO_REG);
}

/* ---- one operation ---- */

static void emit_get(Gen *g, const IrOp *op)
{
    /* Where it lies is enough until somebody wants it. */
    g->place[g->at].home = op->slot;
    g->current[op->slot] = g->at;
    g->dirty[op->slot] = false;
}

static void emit_put(Gen *g, const IrOp *op)
{
    /* The slot's memory will change behind values that lie there. */
    for (unsigned v = 1; v < g->at; v++) {
        if (g->place[v].home == op->slot) {
            g->place[v].home = NO_SLOT;
            if ((g->place[v].last > g->at || v == op->a || dirty_slot_with(g, v) != NO_SLOT) &&
                g->place[v].reg == NO_REG && !is_const(g, v) && g->place[v].spill == NO_SPILL) {
                int reg = allocate(g);
                g->place[v].home = op->slot;
                load_value(g, &g->hot, reg, v);
                g->place[v].home = NO_SLOT;
                hold(g, reg, v);
            }
        }
    }
    g->current[op->slot] = op->a;
    g->dirty[op->slot] = true;
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

/* To the block at the pc in the slot, if it is known and its context is this one's. */
static void emit_indirect(Gen *g)
{
    const JitArch *arch = jit.arch;
    IrValue pc = g->current[arch->pc_slot];

    clean_slots(g);
    if (!g->block->context || !pc) {
        emit_return(g, RETURN_INDIRECT);
        return;
    }
    load_value(g, &g->hot, RAX, pc);
    if (g->block->base) {
        asm_mov_imm(&g->hot, RCX, g->block->base);
        asm_alu_rr(&g->hot, true, ALU_ADD, RAX, RCX);
    }
    emit_jump_entry(g);
    asm_rm(&g->hot, true, 0x33, RAX, RBP, offsetof(JitCpu, jump_salt));
    asm_rm(&g->hot, true, 0x3b, RAX, RCX, offsetof(JitJump, pc));
    fix(g, asm_jcc(&g->hot, CC_NE), false, INDIRECT, false);
    asm_byte(&g->hot, 0x81);
    asm_memory(&g->hot, ALU_CMP, RCX, offsetof(JitJump, context));
    asm_bytes(&g->hot, g->block->context, 4);
    fix(g, asm_jcc(&g->hot, CC_NE), false, INDIRECT, false);
    asm_byte(&g->hot, 0xff);
    asm_memory(&g->hot, 4, RCX, offsetof(JitJump, code));
}

static void emit_op(Gen *g, const IrOp *op)
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
    case IR_STATE_LOAD: {
        int to = result(g);
        asm_load(&g->hot, op->size, op->flags & IR_SIGNED, op->type == IR_I64, to, RBP, op->imm);
        break;
    }
    case IR_STATE_STORE:
        asm_store(&g->hot, op->size, use(g, op->a), RBP, op->imm);
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
        emit_vector_access(g, op);
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
        emit_vector(g, op);
        break;
    case IR_EXIT_IF:
        emit_exit_if(g, op);
        break;
    case IR_GOTO:
        emit_goto(g, op);
        break;
    case IR_GOTO_INDIRECT:
        emit_indirect(g);
        break;
    case IR_LEAVE:
        clean_slots(g);
        emit_return(g, RETURN_LEAVE);
        break;
    case IR_OPCODES:
        g_assert_not_reached();
    }
}

/* ---- a block ---- */

static void find_last_uses(Gen *g)
{
    for (unsigned i = 0; i < g->block->count; i++) {
        const IrOp *op = &g->ops[i];
        const IrValue args[4] = { op->a, op->b, op->c, op->d };
        g->place[i] = (Place){ .reg = NO_REG, .home = NO_SLOT, .spill = NO_SPILL };
        for (unsigned n = 0; n < ir_arg_count(op); n++) {
            /* IR_PUT's own use ends when the slot's does. */
            g->place[args[n]].last = i;
        }
    }
}

static void emit_block(Gen *g)
{
    /* Somebody may want the CPU. Seven bytes, since jit_host_close() replaces this instruction. */
    asm_byte(&g->hot, 0x80);
    asm_byte(&g->hot, 0x80 | ALU_CMP << 3 | RBP);
    asm_bytes(&g->hot, offsetof(JitCpu, attention), 4);
    asm_byte(&g->hot, 0);
    fix(g, asm_jcc(&g->hot, CC_NE), false, g->cold.length, true);
    asm_mov_imm(&g->cold, RAX, RETURN_LEAVE);
    fix(g, asm_jmp(&g->cold), true, EPILOGUE, false);
    for (unsigned i = 0; i < g->block->count && !g->failed; i++) {
        const IrOp *op = &g->ops[i];
        const IrValue args[4] = { op->a, op->b, op->c, op->d };
        g->at = i;
        g->locked = 0;
        emit_op(g, op);
        for (unsigned n = 0; n < ir_arg_count(op); n++) {
            free_dead(g, args[n]);
        }
        if (ir_has_value(op)) {
            free_dead(g, i);
        }
    }
}

static void apply_fixups(Gen *g, uint8_t *at)
{
    for (unsigned i = 0; i < g->fixup_count; i++) {
        const Fixup *f = &g->fixups[i];
        uint32_t place = f->at + (f->in_cold ? g->hot.length : 0);
        int64_t target = f->to == EPILOGUE   ? (int64_t)code.epilogue - (at - code.write)
                         : f->to == INDIRECT ? (int64_t)code.indirect - (at - code.write)
                                             : (int64_t)f->to + (f->to_cold ? g->hot.length : 0);
        int32_t distance = (int32_t)(target - (place + 4));
        memcpy(at + place, &distance, sizeof(distance));
    }
}

void jit_host_compile(JitBlock *block)
{
    static Gen *g;
    static uint8_t *hot, *cold;
    uint8_t *at = code.write + code.used;

    if (!code.write || jit_host_is_full()) {
        return;
    }
    if (!g) {
        g = g_new(Gen, 1);
        hot = g_malloc(HOT_BYTES);
        cold = g_malloc(COLD_BYTES);
    }
    memset(g, 0, offsetof(Gen, place));
    memset(g->current, 0, sizeof(*g) - offsetof(Gen, current));
    g->hot = (Asm){ .code = hot, .size = HOT_BYTES };
    g->cold = (Asm){ .code = cold, .size = COLD_BYTES };
    g->block = block;
    g->ops = block->ops;
    find_last_uses(g);
    emit_block(g);
    if (g->failed || g->hot.full || g->cold.full) {
        return;
    }
    /* The cold part begins at a multiple of 4, as the words of exits need. */
    while (g->hot.length % 4) {
        asm_byte(&g->hot, 0xcc);
    }
    memcpy(at, g->hot.code, g->hot.length);
    memcpy(at + g->hot.length, g->cold.code, g->cold.length);
    apply_fixups(g, at);
    for (unsigned n = 0; n < IR_MAX_EXITS; n++) {
        if (g->exits[n].jump) {
            block->exits[n].jump = code.used + g->hot.length + g->exits[n].jump;
            block->exits[n].stub = code.used + g->hot.length + g->exits[n].stub;
            block->exits[n].from = block;
        }
    }
    block->code = code.run + code.used;
    code.used += (g->hot.length + g->cold.length + CODE_ALIGN - 1) & ~(CODE_ALIGN - 1);
}

void jit_host_link(JitBlock *from, unsigned number, JitBlock *to)
{
    const JitExit *exit = &from->exits[number];
    int64_t target;

    if (!from->code || !exit->jump || (to && !to->code)) {
        return;
    }
    target = to ? (const uint8_t *)to->code - code.run : (int64_t)exit->stub;
    __atomic_store_n((int32_t *)(code.write + exit->jump), (int32_t)(target - (exit->jump + 4)),
                     __ATOMIC_RELEASE);
}

void jit_host_close(JitBlock *block)
{
    uint8_t *at;
    uint64_t word;
    int32_t distance;

    if (!block->code) {
        return;
    }
    /* A jump over the first instruction, in one write: nobody is between its bytes. */
    at = code.write + ((const uint8_t *)block->code - code.run);
    distance = (int32_t)((int64_t)code.indirect - (at + 5 - code.write));
    word = *(uint64_t *)(void *)at & 0xffffff0000000000;
    word |= 0xe9 | (uint64_t)(uint32_t)distance << 8;
    __atomic_store_n((uint64_t *)(void *)at, word, __ATOMIC_RELEASE);
}

const void *jit_host_way_in(const JitBlock *block)
{
    return block->code ? block->code : code.run + code.indirect;
}

/* ---- entry and memory ---- */

static const int8_t kept[] = { RBX, RBP, R12, R13, R14, R15 };

/* entry(cpu, code): saves what the ABI says, and jumps; the epilogue returns RAX. */
static void emit_entry(void)
{
    Asm a = { .code = code.write, .size = 256 };

    asm_bytes(&a, 0xfa1e0ff3, 4);   /* ENDBR64 */
    for (unsigned i = 0; i < G_N_ELEMENTS(kept); i++) {
        asm_rex(&a, false, 0, 0, kept[i], false);
        asm_byte(&a, 0x50 | (kept[i] & 7));
    }
    asm_alu_imm(&a, true, ALU_SUB, RSP, FRAME);
    asm_mov_rr(&a, RBP, RDI);
    asm_byte(&a, 0xff);
    asm_register(&a, 4, RSI);
    code.epilogue = a.length;
    asm_alu_imm(&a, true, ALU_ADD, RSP, FRAME);
    for (unsigned i = G_N_ELEMENTS(kept); i-- > 0;) {
        asm_rex(&a, false, 0, 0, kept[i], false);
        asm_byte(&a, 0x58 | (kept[i] & 7));
    }
    asm_byte(&a, 0xc3);
    code.indirect = a.length;
    asm_mov_imm(&a, RAX, RETURN_INDIRECT);
    unsigned jump = asm_jmp(&a);
    int32_t distance = (int32_t)(code.epilogue - (jump + 4));
    memcpy(a.code + jump, &distance, sizeof(distance));
    code.fixed = code.used = (a.length + CODE_ALIGN - 1) & ~(CODE_ALIGN - 1);
}

static bool host_has_all(GError **error)
{
    unsigned eax, ebx, ecx, edx;

    __builtin_cpu_init();
    if (!__builtin_cpu_supports("popcnt") || !__builtin_cpu_supports("bmi") ||
        !__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx) || !(ecx & bit_LZCNT)) {
        error_set(error, ERROR_FAILED, "the host's CPU has no POPCNT, LZCNT or BMI1");
        return false;
    }
    code.has_avx2 = __builtin_cpu_supports("avx2");
    return true;
}

bool jit_host_init(size_t bytes, GError **error)
{
    int fd, number;

    if (!host_has_all(error)) {
        return false;
    }
    fd = memfd_create("vmm-jit", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, bytes) < 0) {
        error_set_errno(error, errno, "cannot make code memory");
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    code.write = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    code.run = mmap(NULL, bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    number = errno;
    close(fd);
    code.size = bytes;
    if (code.write == MAP_FAILED || code.run == MAP_FAILED) {
        error_set_errno(error, number, "cannot map code memory");
        jit_host_release();
        return false;
    }
    emit_entry();
    return true;
}

void jit_host_release(void)
{
    if (code.write && code.write != MAP_FAILED) {
        munmap(code.write, code.size);
    }
    if (code.run && code.run != MAP_FAILED) {
        munmap(code.run, code.size);
    }
    code.write = code.run = NULL;
}

void jit_host_flush(void)
{
    code.used = code.fixed;
}

bool jit_host_is_full(void)
{
    return code.write && code.size - code.used < ROOM_LEFT;
}

JitEnd jit_host_run(JitCpu *cpu, JitBlock *block, JitBlock **last, unsigned *number)
{
    typedef uint64_t (*Entry)(JitCpu *, const void *);
    uint64_t end = ((Entry)(void *)code.run)(cpu, block->code);

    if (end == RETURN_LEAVE) {
        return JIT_END_LEAVE;
    }
    if (end == RETURN_INDIRECT) {
        return JIT_END_INDIRECT;
    }
    const JitExit *exit = (const JitExit *)(uintptr_t)end;
    *last = exit->from;
    *number = exit - exit->from->exits;
    return JIT_END_EXIT;
}

#else

bool jit_host_init(size_t bytes, GError **error)
{
    error_set(error, ERROR_FAILED, "there is no back end for this host");
    return false;
}

void jit_host_release(void) {}
void jit_host_flush(void) {}
bool jit_host_is_full(void) { return false; }
void jit_host_compile(JitBlock *block) {}
void jit_host_link(JitBlock *from, unsigned number, JitBlock *to) {}
void jit_host_close(JitBlock *block) {}

const void *jit_host_way_in(const JitBlock *block)
{
    return NULL;
}

JitEnd jit_host_run(JitCpu *cpu, JitBlock *block, JitBlock **last, unsigned *number)
{
    g_assert_not_reached();
}
#endif
