/* SPDX-License-Identifier: MIT */
/* The back end for x86-64 hosts: where values lie, and which registers they get. */
#include "accel/jit/host-x86_64.h"

#if defined(__x86_64__)

void gen_set_home(Gen *g, IrValue v, unsigned slot)
{
    g->place[v].home = slot;
    g->place[v].next_home = g->at_home[slot];
    g->at_home[slot] = v;
}

/* ---- moving values ---- */

void gen_load_value(Gen *g, Asm *a, int to, IrValue v)
{
    const Place *p = &g->place[v];

    if (p->reg != NO_REG) {
        asm_mov_rr(a, to, p->reg);
    } else if (gen_is_const(g, v)) {
        asm_mov_imm(a, to, gen_const_of(g, v));
    } else if (p->spill != NO_SPILL) {
        asm_load(a, 8, false, true, to, RSP, SPILL_AT(p->spill));
    } else if (p->home != NO_SLOT) {
        asm_load(a, gen_slot_of(g, p->home)->size, false, true, to, RBP, gen_slot_of(g, p->home)->offset);
    } else {
        g_assert_not_reached();
    }
}

/* Writes a slot's memory. RAX may change. */
static void store_slot(Gen *g, Asm *a, unsigned s)
{
    const IrSlot *slot = gen_slot_of(g, s);
    IrValue v = g->current[s];

    if (gen_is_const(g, v) && asm_store_imm(a, slot->size, gen_const_of(g, v), RBP, slot->offset)) {
        return;
    }
    if (g->place[v].reg != NO_REG) {
        asm_store(a, slot->size, g->place[v].reg, RBP, slot->offset);
    } else {
        gen_load_value(g, a, RAX, v);
        asm_store(a, slot->size, RAX, RBP, slot->offset);
    }
}

/* The slot's memory is up to date from now on. */
static void clean_slot(Gen *g, unsigned s)
{
    store_slot(g, &g->hot, s);
    g->dirty &= ~(1ull << s);
    g->place[g->current[s]].slots &= ~(1ull << s);
    if (g->place[g->current[s]].home == NO_SLOT) {
        gen_set_home(g, g->current[s], s);
    }
}

void gen_clean_slots(Gen *g)
{
    while (g->dirty) {
        clean_slot(g, __builtin_ctzll(g->dirty));
    }
}

/* For a way out of the block: memory is made right, here nothing changes. */
void gen_show_slots(Gen *g, Asm *a)
{
    for (uint64_t left = g->dirty; left; left &= left - 1) {
        store_slot(g, a, __builtin_ctzll(left));
    }
}

void gen_spill(Gen *g, IrValue v)
{
    Place *p = &g->place[v];

    for (unsigned n = 0; n < SPILLS; n++) {
        if (!g->spill_used[n]) {
            g->spill_used[n] = true;
            if (p->reg != NO_REG) {
                asm_store(&g->hot, 8, p->reg, RSP, SPILL_AT(n));
            } else {
                gen_load_value(g, &g->hot, RAX, v);
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
    return gen_is_const(g, v) || g->place[v].home != NO_SLOT || g->place[v].spill != NO_SPILL;
}

/* Gives a value memory, if it may be asked for again; of a dirty slot, the slot's own. */
static void keep_in_memory(Gen *g, IrValue v)
{
    unsigned s = g->place[v].slots ? __builtin_ctzll(g->place[v].slots) : NO_SLOT;

    if (in_memory(g, v)) {
        return;
    }
    if (s != NO_SLOT && gen_slot_of(g, s)->size == 8) {
        clean_slot(g, s);
    } else if (s != NO_SLOT || gen_used_later(g, v) || g->place[v].last == g->at) {
        gen_spill(g, v);
    }
}

void gen_empty_register(Gen *g, int reg)
{
    IrValue v = g->holds[reg];

    if (v) {
        keep_in_memory(g, v);
        g->place[v].reg = NO_REG;
        g->holds[reg] = 0;
    }
}

static const int8_t allocatable[] = { RBX, R12, R13, R14, R15, RSI, RDI, R8, R9, R10, R11 };

int gen_allocate(Gen *g)
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
    gen_empty_register(g, best);
    g->locked |= 1u << best;
    return best;
}

void gen_hold(Gen *g, int reg, IrValue v)
{
    g->holds[reg] = v;
    g->place[v].reg = reg;
}

/* The value in a register that stays for this operation. */
int gen_use(Gen *g, IrValue v)
{
    int reg = g->place[v].reg;

    if (reg == NO_REG) {
        reg = gen_allocate(g);
        gen_load_value(g, &g->hot, reg, v);
        gen_hold(g, reg, v);
    }
    g->locked |= 1u << reg;
    return reg;
}

/* A register for this operation's result. */
int gen_result(Gen *g)
{
    int reg = gen_allocate(g);

    gen_hold(g, reg, g->at);
    return reg;
}

void gen_free_dead(Gen *g, IrValue v)
{
    Place *p = &g->place[v];

    if (p->last > g->at || gen_is_in_dirty_slot(g, v)) {
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
#endif
