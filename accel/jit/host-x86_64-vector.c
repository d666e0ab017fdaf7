/* SPDX-License-Identifier: MIT */
/* The back end for x86-64 hosts: vectors of the state in host registers (SDM volume 2, VEX). */
#include "accel/jit/host-x86_64.h"

#if defined(__x86_64__)

enum { PP_NONE, PP_66, PP_F3, PP_F2 };

/* ---- encoding ---- */

static void vex(Asm *a, unsigned map, unsigned pp, bool w, bool wide, unsigned opcode, int reg,
                int vvvv, int index, int rm)
{
    asm_byte(a, 0xc4);
    asm_byte(a, (~reg >> 3 & 1) << 7 | (~index >> 3 & 1) << 6 | (~rm >> 3 & 1) << 5 | map);
    asm_byte(a, (unsigned)w << 7 | (~vvvv & 15) << 3 | (unsigned)wide << 2 | pp);
    asm_byte(a, opcode);
}

static void vex_rr(Asm *a, unsigned map, unsigned pp, bool w, bool wide, unsigned opcode, int reg,
                   int vvvv, int rm)
{
    vex(a, map, pp, w, wide, opcode, reg, vvvv, 0, rm);
    asm_register(a, reg, rm);
}

/* [base + disp], or with an index [base + index]. 4 and 8 bytes: the rest of the register is 0. */
static void move(Asm *a, bool store, unsigned bytes, int xmm, int base, int index, int32_t disp)
{
    unsigned pp = bytes == 4 ? PP_F3 : bytes == 8 ? PP_F2 : PP_NONE;

    vex(a, 1, pp, false, bytes == 32, store ? 0x11 : 0x10, xmm, 0, index == NO_REG ? 0 : index,
        base);
    if (index == NO_REG) {
        asm_memory(a, xmm, base, disp);
    } else {
        asm_memory_index(a, xmm, base, index, 0, disp);
    }
}

/* ---- what registers hold ---- */

static bool overlaps(const Vector *v, uint32_t offset, unsigned bytes)
{
    return v->bytes && v->offset < offset + bytes && offset < v->offset + v->bytes;
}

static void write_one(Gen *g, Asm *a, const Vector *vectors, unsigned i)
{
    move(a, true, vectors[i].bytes, i, RBP, NO_REG, vectors[i].offset);
}

static bool is_scratch(const Vector *v)
{
    return v->offset >= jit.arch->scratch && v->offset < jit.arch->scratch_end;
}

void gen_vectors_write(Gen *g, Asm *a, const Vector *vectors, bool all)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        if (vectors[i].dirty && (all || !is_scratch(&vectors[i]))) {
            write_one(g, a, vectors, i);
        }
    }
}

void gen_vectors_reload(Gen *g, Asm *a)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        if (g->vector[i].bytes) {
            move(a, false, g->vector[i].bytes, i, RBP, NO_REG, g->vector[i].offset);
        }
    }
}

void gen_vectors_give_up(Gen *g)
{
    gen_vectors_write(g, &g->hot, g->vector, true);
    memset(g->vector, 0, sizeof(g->vector));
}

static void clean(Gen *g, unsigned i)
{
    if (g->vector[i].dirty) {
        write_one(g, &g->hot, g->vector, i);
        g->vector[i].dirty = false;
    }
}

void gen_vectors_before_load(Gen *g, uint32_t offset, unsigned size)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        if (overlaps(&g->vector[i], offset, size)) {
            clean(g, i);
        }
    }
}

void gen_vectors_before_store(Gen *g, uint32_t offset, unsigned size)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        if (overlaps(&g->vector[i], offset, size)) {
            clean(g, i);
            g->vector[i].bytes = 0;
        }
    }
}

/* A register that this operation does not use yet, emptied. */
static unsigned take(Gen *g)
{
    unsigned best = VECTORS;

    for (unsigned i = 0; i < VECTORS; i++) {
        if (!g->vector[i].bytes && g->vector[i].used != g->at) {
            best = i;
            break;
        }
        if (g->vector[i].used != g->at &&
            (best == VECTORS || g->vector[i].used < g->vector[best].used)) {
            best = i;
        }
    }
    g_assert(best < VECTORS);
    clean(g, best);
    g->vector[best] = (Vector){ .used = g->at };
    return best;
}

/* The register that has so many bytes at the offset. */
static unsigned source(Gen *g, uint32_t offset, unsigned bytes)
{
    unsigned i;

    for (i = 0; i < VECTORS; i++) {
        if (g->vector[i].bytes >= bytes && g->vector[i].offset == offset) {
            g->vector[i].used = g->at;
            return i;
        }
    }
    gen_vectors_before_store(g, offset, bytes);
    i = take(g);
    g->vector[i] = (Vector){ .offset = offset, .bytes = bytes, .used = g->at };
    move(&g->hot, false, bytes, i, RBP, NO_REG, offset);
    return i;
}

/* The register that will have them. What is outside of them goes to memory. */
static unsigned destination(Gen *g, uint32_t offset, unsigned bytes)
{
    unsigned to = VECTORS;

    for (unsigned i = 0; i < VECTORS; i++) {
        Vector *v = &g->vector[i];
        if (!overlaps(v, offset, bytes)) {
            continue;
        }
        if (v->offset < offset || v->offset + v->bytes > offset + bytes) {
            clean(g, i);
        }
        /* Instructions read their sources before they write: it may be one. */
        if (v->offset == offset) {
            to = i;
        }
        v->bytes = 0;
        v->dirty = false;
    }
    to = to < VECTORS ? to : take(g);
    g->vector[to] = (Vector){ .offset = offset, .bytes = bytes, .dirty = true, .used = g->at };
    return to;
}

static unsigned written(const IrOp *op, unsigned bytes)
{
    return op->flags & IR_ZERO_ABOVE ? 32 : bytes;
}

/* ---- operations ---- */

static bool is_native(const Gen *g, const IrOp *op)
{
    const IrVectorOp *v = op->vector;

    return v->vex_map && op->vector_bytes >= 16 && !(op->flags & IR_EXACT) &&
           (v->host & g->host) == v->host;
}

/* function(cpu, d, a, b, imm); d is in RSI already. */
static void call_function(Gen *g, const IrOp *op)
{
    asm_rm(&g->hot, true, 0x8d, RDX, RBP, op->vector_a);
    asm_rm(&g->hot, true, 0x8d, RCX, RBP, op->vector_b);
    asm_mov_imm(&g->hot, R8, op->vector_imm | (uint32_t)op->vector_bytes << 8);
    gen_call(g, &g->hot, (const void *)op->vector->function);
}

static void prepare_call(Gen *g, const IrOp *op)
{
    if (ir_shows_slots(op)) {
        gen_clean_slots(g);
    }
    gen_vectors_give_up(g);
    gen_give_up_caller_saved(g);
}

/* The register of b, or RBP where b is memory. */
static int second(Gen *g, const IrOp *op)
{
    if (op->vector->flags & IR_VEX_INTEGER) {
        gen_vectors_before_load(g, op->vector_b, 8);
        return RBP;
    }
    return source(g, op->vector_b, op->vector_bytes);
}

static void encode(Gen *g, const IrOp *op, int reg, int vvvv, int b)
{
    const IrVectorOp *v = op->vector;

    vex(&g->hot, v->vex_map, v->vex_prefix, v->flags & IR_VEX_W, op->vector_bytes == 32,
        v->vex_opcode, reg, vvvv, 0, b);
    if (v->flags & IR_VEX_INTEGER) {
        asm_memory(&g->hot, reg, RBP, op->vector_b);
    } else {
        asm_register(&g->hot, reg, b);
    }
    if (v->flags & IR_VEX_IMM) {
        asm_byte(&g->hot, op->vector_imm);
    }
}

void gen_vector(Gen *g, const IrOp *op)
{
    unsigned flags = op->vector->flags;
    int a, b;

    if (is_native(g, op)) {
        a = flags & IR_VEX_TWO ? 0 : (int)source(g, op->vector_a, op->vector_bytes);
        b = second(g, op);
        if (flags & IR_VEX_RMW) {
            (void)source(g, op->vector_d, op->vector_bytes);
        }
        encode(g, op, destination(g, op->vector_d, written(op, op->vector_bytes)), a, b);
        return;
    }
    prepare_call(g, op);
    asm_rm(&g->hot, true, 0x8d, RSI, RBP, op->vector_d);
    call_function(g, op);
    if (op->flags & IR_ZERO_ABOVE) {
        (void)asm_store_imm(&g->hot, 8, 0, RBP, op->vector_d + 16);
        (void)asm_store_imm(&g->hot, 8, 0, RBP, op->vector_d + 24);
    }
}

void gen_vector_value(Gen *g, const IrOp *op)
{
    int a, b, to;

    if (!is_native(g, op)) {
        prepare_call(g, op);
        asm_rm(&g->hot, true, 0x8d, RSI, RSP, SAVE_AT(RAX));
        (void)asm_store_imm(&g->hot, 8, 0, RSP, SAVE_AT(RAX));
        call_function(g, op);
        to = gen_result(g);
        asm_load(&g->hot, 8, false, true, to, RSP, SAVE_AT(RAX));
        return;
    }
    to = gen_result(g);
    if (op->vector->flags & IR_VEX_TO_GENERAL) {
        encode(g, op, to, 0, second(g, op));
        return;
    }
    a = source(g, op->vector_a, op->vector_bytes);
    b = second(g, op);
    encode(g, op, a, 0, b);
    asm_byte(&g->hot, 0x9f);    /* LAHF */
    asm_bytes(&g->hot, 0xc4b60f, 3); /* MOVZX EAX, AH */
    asm_alu_imm(&g->hot, false, ALU_AND, RAX, 0x45);
    asm_mov_rr(&g->hot, to, RAX);
}

void gen_vector_set(Gen *g, const IrOp *op)
{
    int from = gen_is_const(g, op->a) && !gen_const_of(g, op->a) ? NO_REG : gen_use(g, op->a);
    int d = destination(g, op->imm, written(op, 16));

    if (from == NO_REG) {
        vex_rr(&g->hot, 1, PP_66, false, false, 0xef, d, d, d);  /* VPXOR */
    } else {
        vex_rr(&g->hot, 1, PP_66, true, false, 0x6e, d, 0, from); /* VMOVQ */
    }
}

bool gen_vector_low(Gen *g, const IrOp *op)
{
    for (unsigned i = 0; i < VECTORS; i++) {
        if (g->vector[i].bytes && g->vector[i].offset == op->imm && op->size == 8) {
            vex_rr(&g->hot, 1, PP_66, true, false, 0x7e, i, 0, gen_result(g)); /* VMOVQ */
            return true;
        }
    }
    return false;
}

/* ---- memory ---- */

static unsigned test_alignment(Gen *g, const IrOp *op, int address)
{
    asm_rex(&g->hot, false, 0, 0, address, true);
    asm_byte(&g->hot, 0xf6);
    asm_register(&g->hot, 0, address);
    asm_byte(&g->hot, op->size - 1);
    return asm_jcc(&g->hot, CC_NE);
}

void gen_vector_access(Gen *g, const IrOp *op)
{
    bool store = op->opcode == IR_STORE_VECTOR;
    int address = gen_use(g, op->a), from = NO_REG;
    unsigned aligned = 0, miss;

    if (store) {
        from = source(g, op->imm, MAX(op->size, 16));
    }
    if (op->flags & IR_ALIGNED) {
        aligned = test_alignment(g, op, address);
    }
    miss = gen_tlb(g, op, address, store ? JIT_WRITE : JIT_READ);
    if (store) {
        move(&g->hot, true, op->size, from, address, RCX, 0);
    } else {
        move(&g->hot, false, op->size, destination(g, op->imm, written(op, MAX(op->size, 16))),
             address, RCX, 0);
    }
    if (op->flags & IR_ALIGNED) {
        gen_fix(g, aligned, PART_HOT, g->cold.length, PART_COLD);
    }
    gen_begin_miss(g, miss, NO_REG);
    asm_mov_rr(&g->cold, RSI, address);
    asm_rm(&g->cold, true, 0x8d, RDX, RBP, op->imm);
    asm_mov_imm(&g->cold, RCX, op->size | op->mode << 8 | (op->flags & IR_ALIGNED ? 1u << 16 : 0));
    gen_call(g, &g->cold, store ? (const void *)jit_store_vector : (const void *)jit_load_vector);
    if (!store && op->flags & IR_ZERO_ABOVE) {
        (void)asm_store_imm(&g->cold, 8, 0, RBP, op->imm + 16);
        (void)asm_store_imm(&g->cold, 8, 0, RBP, op->imm + 24);
    }
    gen_end_miss(g, NO_REG);
}
#endif
