/* SPDX-License-Identifier: MIT */
/*
 * Inside the back end for x86-64 hosts (System V ABI): the state of one compilation, and what its
 * files are to each other.
 *
 *   host-x86_64.c          code memory, blocks, the ways in and out
 *   host-x86_64-emit.c     the code of each operation
 *   host-x86_64-values.c   where values lie, and which registers they get
 *   host-x86_64-vector.c   vectors of the state in host registers
 *
 * RBP points into the CPU's state (JitArch.middle); RAX, RCX and RDX are scratch; the rest but RSP
 * holds values. A value lies in a register, in a slot's memory, on the stack, or is a constant.
 * IR_PUT moves nothing: the slot is `dirty` until somebody may look at its memory. Memory accesses
 * that hit the TLB show nothing, so their slow way, out of line, stores the dirty slots first.
 *
 * Vectors of the state are kept in XMM registers in the same manner. MXCSR is the guest's, with
 * all exceptions masked, as long as generated code runs.
 */
#ifndef ACCEL_JIT_HOST_X86_64_H
#define ACCEL_JIT_HOST_X86_64_H

#include <stddef.h>

#include "accel/jit/core.h"
#include "accel/jit/host-x86_64-asm.h"

#define NO_REG  -1
#define NO_SLOT 0xffff
#define NO_SPILL 0xffff
#define SPILLS 256
/* RSP: 16 registers' worth for those that a slow way saves, then spilled values. */
#define SAVE_AT(reg) (8 * (reg))
#define SPILL_AT(n) (8 * (16 + (n)))
#define FRAME (8 * (16 + SPILLS) + 8)   /* and 8 to align */

#define CALLER_SAVED (1u << RSI | 1u << RDI | 1u << R8 | 1u << R9 | 1u << R10 | 1u << R11)

/* What generated code gives back: these, or a JitExit. */
enum { RETURN_LEAVE, RETURN_INDIRECT, RETURN_HOT, RETURNS };

typedef struct Place {
    int8_t reg;
    uint16_t home;           /* the slot whose memory has the value */
    IrValue next_home;       /* another value that lies there */
    uint64_t slots;          /* a bit for each dirty slot that has the value */
    uint16_t spill;
    uint16_t last;           /* the last operation that uses it */
} Place;

/* Of a block; and what blocks share, whose offsets are those of code memory. */
typedef enum Part { PART_HOT, PART_COLD, PART_SHARED } Part;

typedef struct Fixup {
    unsigned at, to;
    Part in, into;
} Fixup;

/* What an XMM register holds. */
typedef struct Vector {
    uint32_t offset;         /* of the vector in the state */
    uint8_t bytes;           /* 16 or 32; 0: nothing */
    bool dirty;              /* memory is not up to date */
    uint16_t used;           /* by which operation last */
} Vector;
#define VECTORS 15           /* XMM15 is scratch */

typedef struct Gen {
    Asm hot, cold;
    const JitBlock *block;
    const IrOp *ops;
    uint32_t host;           /* IR_HOST_*: what there is */
    unsigned at;             /* the operation */
    uint32_t locked;         /* registers that the operation needs */
    IrValue holds[16];       /* by register */
    IrValue current[IR_MAX_SLOTS]; /* the slot's value, if it is known */
    uint64_t dirty;          /* a bit for each slot */
    IrValue at_home[IR_MAX_SLOTS]; /* the first value whose home the slot is */
    bool spill_used[SPILLS];
    Vector vector[VECTORS];
    Vector missed[VECTORS];  /* as it was where the TLB missed */
    unsigned fixup_count;
    struct {
        unsigned jump;       /* of exit n; 0: none */
        unsigned stub;       /* in the cold part: what the jump leads to while it is not chained */
        bool hot;            /* the jump lies in the hot part */
    } exits[IR_MAX_EXITS];
    bool failed;
    /* Not cleared for each block: */
    Place place[IR_MAX_OPS];
    Fixup fixups[IR_MAX_OPS];
} Gen;

/* ---- host-x86_64.c ---- */

/* The displacement at `at` in a part leads to `to` in another. */
void gen_fix(Gen *g, unsigned at, Part in, unsigned to, Part into);
/* Leads a displacement to where the loop gets RETURN_*. */
void gen_fix_return(Gen *g, unsigned at, Part in, unsigned what);
/* Adds a step to an entry of JitCpu.heat, and sets CF when it comes round. */
void gen_count_heat(Asm *a, unsigned index);
/* A jump that can be led to another block, and what it does until then. */
void gen_exit(Gen *g, Asm *a, unsigned number);

/* Of a function of the CPU, whose other arguments are in their registers; RAX changes. */
void gen_call(Gen *g, Asm *a, const void *function);
/* The same with the access's size and mode as the third and fourth argument. */
void gen_call_access(Gen *g, Asm *a, const void *function, const IrOp *op);

/* For generated code: the way into the block where the CPU is; that to the loop, if none is known. */
const void *gen_way_on(JitCpu *cpu);

/* ---- host-x86_64-emit.c ---- */

void gen_operation(Gen *g, const IrOp *op);
/*
 * RCX becomes the addend of the page of an address in a register; RAX changes. The jump that is
 * taken on a miss is returned; gen_begin_miss() leads it to the cold part, and saves registers but
 * `except`; gen_end_miss() restores them and goes back to the end of the hot part.
 */
unsigned gen_tlb(Gen *g, const IrOp *op, int address, JitAccess access);
void gen_begin_miss(Gen *g, unsigned miss, int except);
void gen_end_miss(Gen *g, int except);
/* Registers that a called function may change are given up. */
void gen_give_up_caller_saved(Gen *g);
/* ---- host-x86_64-values.c ---- */

static inline bool gen_is_const(const Gen *g, IrValue v)
{
    return g->ops[v].opcode == IR_CONST;
}
static inline uint64_t gen_const_of(const Gen *g, IrValue v)
{
    return g->ops[v].imm;
}
static inline bool gen_fits32(const Gen *g, IrValue v, bool wide)
{
    uint64_t value = gen_const_of(g, v);

    return !wide || (int64_t)value == (int32_t)value;
}
static inline const IrSlot *gen_slot_of(const Gen *g, unsigned slot)
{
    return &g->block->slots[slot];
}
/* Is the value needed after this operation, not counting dirty slots? */
static inline bool gen_used_later(const Gen *g, IrValue v)
{
    return g->place[v].last > g->at;
}
/* Has a dirty slot the value? */
static inline bool gen_is_in_dirty_slot(const Gen *g, IrValue v)
{
    return g->place[v].slots;
}
/* The slot's memory has the value. */
void gen_set_home(Gen *g, IrValue v, unsigned slot);
/* Into a given register, which is not allocated by that. */
void gen_load_value(Gen *g, Asm *a, int to, IrValue v);
void gen_spill(Gen *g, IrValue v);
/* Slots' memory is up to date from now on. RAX may change. */
void gen_clean_slots(Gen *g);
/* For a way out of the block: memory is made right, here nothing changes. */
void gen_show_slots(Gen *g, Asm *a);
void gen_empty_register(Gen *g, int reg);
int gen_allocate(Gen *g);
void gen_hold(Gen *g, int reg, IrValue v);
/* The value in a register that stays for this operation. */
int gen_use(Gen *g, IrValue v);
/* A register for this operation's result. */
int gen_result(Gen *g);
void gen_free_dead(Gen *g, IrValue v);

/* ---- host-x86_64-vector.c ---- */

/* Memory gets what dirty registers hold: all, or at a block's end all but scratch vectors. */
void gen_vectors_write(Gen *g, Asm *a, const Vector *vectors, bool all);
/* In the cold part, after a call: the registers have again what they are said to hold. */
void gen_vectors_reload(Gen *g, Asm *a);
/* Before a call: all go to memory, and are not in registers afterwards. */
void gen_vectors_give_up(Gen *g);
/* An access to other state, by plain instructions: memory there is right, and stays so. */
void gen_vectors_before_load(Gen *g, uint32_t offset, unsigned size);
void gen_vectors_before_store(Gen *g, uint32_t offset, unsigned size);
void gen_vector(Gen *g, const IrOp *op);
void gen_vector_value(Gen *g, const IrOp *op);
void gen_vector_set(Gen *g, const IrOp *op);
void gen_vector_access(Gen *g, const IrOp *op);
/* 8 bytes at the start of a vector that is in a register. False: it is not. */
bool gen_vector_low(Gen *g, const IrOp *op);

#endif
