/* SPDX-License-Identifier: MIT */
/*
 * The intermediate form of the software CPU: what a guest's decoder lowers instructions to, what
 * the passes work on, and what the evaluator runs and a back end turns into host code.
 *
 * A block is a straight line of operations with one entry. It ends with IR_GOTO,
 * IR_GOTO_INDIRECT or IR_LEAVE, and can be left before by IR_EXIT_IF and by whatever raises an
 * exception. An operation that gives a value is named by its number in the block (IrValue), and
 * is never assigned again.
 *
 * Values are 64 bits wide. An operation of type IR_I32 looks at the low halves of its operands
 * and gives a result that is zero-extended to 64 bits; so there is no conversion from 32 to 64
 * bits unsigned, nor back.
 *
 * Guest registers are slots of the CPU's state, named by a table of the guest architecture.
 * IR_GET and IR_PUT read and write them; between two operations that can be seen from outside
 * a slot's value may live in a host register. Memory at the time of an exception, of a call that
 * may read slots, or of an exit, is as if every IR_PUT before had been done, and none after.
 */
#ifndef ACCEL_JIT_IR_H
#define ACCEL_JIT_IR_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The number of an operation in its block; 0 is none. */
typedef uint16_t IrValue;

typedef enum IrType {
    IR_I64,
    IR_I32,
} IrType;

typedef enum IrOpcode {
    IR_NOP,
    IR_CONST,       /* imm; gives imm */
    IR_GET,         /* slot; gives it zero-extended */
    IR_PUT,         /* slot, a: the low bytes of a */
    IR_STATE_LOAD,  /* `size` bytes of state at offset imm, which is in no slot; signed if IR_SIGNED */
    IR_STATE_STORE, /* … = a */

    /* a op b; both types */
    IR_ADD, IR_SUB, IR_MUL, IR_AND, IR_OR, IR_XOR,
    IR_SHL, IR_SHR, IR_SAR, IR_ROL, IR_ROR, /* the count b is taken modulo 32 or 64 */
    IR_MULHU, IR_MULHS,                     /* the high half of the product */
    IR_DIVU, IR_DIVS, /* the quotient of b and a, its high and low halves, by c. It must exist, and fit. */
    /* of a; both types */
    IR_NOT, IR_NEG, IR_BSWAP, IR_POPCNT,
    IR_CLZ, IR_CTZ,                         /* of 0: 32 or 64 */
    IR_SEXT8, IR_SEXT16, IR_SEXT32,         /* from the low bits to the type */
    IR_ZEXT8, IR_ZEXT16, IR_ZEXT32,
    IR_EXTRACT,     /* `length` bits of a from bit `position`, zero-extended */
    IR_DEPOSIT,     /* a, with `length` bits from bit `position` replaced by the low bits of b */
    IR_SETCC,       /* cond(a, b) ? 1 : 0, compared as type */
    IR_SELECT,      /* cond(a, b) ? c : d, compared as type; c and d are 64 bits */

    /* Guest memory at the virtual address a, `size` 1, 2, 4, 8 bytes; IR_SIGNED extends to type.
     * May raise. */
    IR_LOAD,
    IR_STORE,       /* … = b */
    /* 4, 8, 16 or 32 bytes between guest memory at a and state at offset imm; a load of less than
     * 16 bytes gives 16, zero-extended. IR_ALIGNED: the guest gets an alignment fault from
     * the hook `misaligned` when a is not a multiple of size. */
    IR_LOAD_VECTOR,
    IR_STORE_VECTOR,
    /* Atomically on guest memory at a; gives the old value, zero-extended. Always locked. */
    IR_ATOMIC_ADD, IR_ATOMIC_AND, IR_ATOMIC_OR, IR_ATOMIC_XOR, IR_ATOMIC_XCHG, /* with b */
    IR_ATOMIC_CMPXCHG, /* b is stored if the old value is c */
    IR_FENCE,       /* orders all memory accesses before with all after */

    IR_CALL,        /* helper(state, a, b, c, d) as its description says; gives its result */
    IR_VECTOR,      /* an operation on vectors in the state: see IrVectorOp */
    IR_VECTOR_VALUE, /* … whose result is a value */
    IR_VECTOR_SET,  /* 16 bytes of state at offset imm = a, zero-extended */

    IR_INSN,        /* an instruction of the guest starts: imm is its program counter */
    IR_EXIT_IF,     /* if cond(a, b), compared as type: as IR_GOTO with `target` and imm, or as
                       IR_GOTO_INDIRECT if IR_INDIRECT */
    IR_RAISE_IF,    /* if cond(a, b), compared as type: helper(state, c), which does not return */
    IR_GOTO,        /* goes on at pc imm (already in the slots), by the exit number `target` */
    IR_GOTO_INDIRECT, /* goes on where the slots say: all of JitContext but pc is as it was. imm is what
                       * JitArch.jumped is told where that place is not known to be good; 0: nothing */
    IR_LEAVE,       /* back to the loop that looks for interrupts, then where the slots say */
    IR_OPCODES,
} IrOpcode;

typedef enum IrCond {
    IR_EQ, IR_NE,
    IR_LTU, IR_GEU, IR_LEU, IR_GTU,
    IR_LTS, IR_GES, IR_LES, IR_GTS,
    IR_TEST_EQ, IR_TEST_NE,  /* (a & b) == 0, != 0 */
} IrCond;

static inline IrCond ir_cond_invert(IrCond cond)
{
    return (IrCond)(cond ^ 1);
}

/* Flags of operations. */
enum {
    IR_SIGNED = 1 << 0,
    IR_ALIGNED = 1 << 1,
    IR_ZERO_ABOVE = 1 << 2, /* of what writes 16 bytes of a vector: the 16 above become 0 */
    IR_EXACT = 1 << 3,      /* of IR_VEX_MXCSR: may raise, so that `function` has to do it */
    IR_ANYWHERE = 1 << 4,   /* of IR_GOTO_INDIRECT: all of JitContext may be another */
    IR_INDIRECT = 1 << 5,   /* of IR_EXIT_IF */
};

/* A guest register. Slots do not overlap; what shares bytes with one is not accessed otherwise
 * but by calls that say so. */
typedef struct IrSlot {
    const char *name;
    uint32_t offset;    /* in the guest architecture's CPU struct */
    uint8_t size;       /* 1, 2, 4 or 8 bytes */
    uint8_t pin;        /* not 0: among those most used; a back end keeps the lowest in registers */
} IrSlot;

/* What a call does to slots and whether it can raise; none: everything. */
enum {
    IR_PURE = 1 << 0,       /* the result depends on the arguments alone, and nothing else happens */
    IR_NO_SLOTS = 1 << 1,   /* neither reads nor writes slots, nor raises; touches other state */
    IR_NO_WRITE = 1 << 2,   /* may read slots and raise, but on return no slot has changed */
};

/* The first argument is the CPU's struct; `args` more follow, each a uint64_t. */
typedef void (*IrFunction)(void);
typedef struct IrHelper {
    const char *name;
    IrFunction function;    /* of type uint64_t (*)(X *cpu, uint64_t, …): see IR_HELPER() */
    uint8_t args;           /* 0 … 4 */
    uint8_t flags;          /* IR_PURE, … */
} IrHelper;
#define IR_HELPER(f, count, ...) { #f, (IrFunction)(f), (count), ##__VA_ARGS__ }

/*
 * An operation on vectors that lie in the state: `function` does it on any host; a host that
 * has the very instruction may run that instead. d, a, b are state offsets of the destination
 * and the sources. Bits 0-7 of `imm` are the instruction's immediate, the rest is how many
 * bytes are worked on, and so written: 16 or 32, where a host may run its own instruction with
 * VEX.L accordingly, or 8 (MMX), where it calls `function`.
 */
typedef struct IrVectorOp {
    const char *name;
    void (*function)(void *cpu, void *d, const void *a, const void *b, uint32_t imm);
    /* For x86-64 hosts: a VEX encoding `op d, a, b[, imm8]` of the same result. */
    uint8_t vex_map;        /* 1: 0F, 2: 0F38, 3: 0F3A; 0: none, `function` is called */
    uint8_t vex_prefix;     /* 0: none, 1: 66, 2: F3, 3: F2 */
    uint8_t vex_opcode;
    uint8_t flags;          /* IR_VEX_* */
    uint32_t host;          /* what the host must have: IR_HOST_* */
} IrVectorOp;

enum {
    IR_VEX_W = 1 << 0,
    IR_VEX_IMM = 1 << 1,
    IR_VEX_TWO = 1 << 2,    /* d and b only: vvvv is unused */
    IR_VEX_MXCSR = 1 << 3,  /* rounds by, and leaves flags in, the guest's MXCSR */
    IR_VEX_RMW = 1 << 4,    /* d is a source too (FMA) */
    IR_VEX_INTEGER = 1 << 5, /* b is an integer of 4 bytes, with IR_VEX_W of 8 */
    /* Of IR_VECTOR_VALUE: `function` writes a uint64_t to d. The instruction gives: */
    IR_VEX_TO_GENERAL = 1 << 6, /* a general register */
    IR_VEX_TO_FLAGS = 1 << 7,   /* ZF, PF and CF, which make the value, as in RFLAGS */
};
enum {
    IR_HOST_AVX = 1 << 0, IR_HOST_AVX2 = 1 << 1, IR_HOST_FMA = 1 << 2, IR_HOST_AES = 1 << 3,
    IR_HOST_PCLMUL = 1 << 4, IR_HOST_F16C = 1 << 5,
};

typedef struct IrOp {
    uint8_t opcode;         /* IrOpcode */
    uint8_t type;           /* IrType */
    uint8_t cond;           /* IrCond */
    uint8_t flags;
    uint8_t size;           /* bytes */
    uint8_t mode;           /* of memory accesses: the MMU mode */
    union {
        struct {
            uint8_t position, length;
        };
        uint16_t slot;
        uint16_t target;    /* number of the exit, from 0 */
    };
    union {
        struct {
            IrValue a, b, c, d;
        };
        struct {
            uint16_t vector_d, vector_a, vector_b;  /* IR_VECTOR: state offsets */
            uint8_t vector_bytes, vector_imm;
        };
    };
    union {
        uint64_t imm;
        const IrHelper *helper;
        const IrVectorOp *vector;
    };
} IrOp;

#define IR_MAX_OPS 4096     /* a decoder ends a block before IR_ENOUGH_OPS */
#define IR_ENOUGH_OPS 3000
#define IR_MAX_SLOTS 64
#define IR_MAX_EXITS 32     /* numbers of exits in a block */

typedef struct IrBlock {
    const IrSlot *slots;
    unsigned slot_count;
    unsigned count;
    unsigned exits;
    IrValue current[IR_MAX_SLOTS];  /* while building: the value a slot is known to have, or 0 */
    bool used[IR_MAX_OPS];          /* ir_remove_dead()'s */
    uint8_t width[IR_MAX_OPS];      /* the value fits in so many low bits */
    IrOp ops[IR_MAX_OPS];
} IrBlock;

void ir_block_init(IrBlock *block, const IrSlot *slots, unsigned slot_count);

static inline bool ir_is_const(const IrBlock *block, IrValue value)
{
    return block->ops[value].opcode == IR_CONST;
}
static inline uint64_t ir_const_of(const IrBlock *block, IrValue value)
{
    return block->ops[value].imm;
}

/* Building. Constants are folded, and a slot that was just read or written is not read again. */
IrValue ir_const(IrBlock *block, uint64_t value);
IrValue ir_get(IrBlock *block, unsigned slot);
void ir_put(IrBlock *block, unsigned slot, IrValue value);
IrValue ir_state_load(IrBlock *block, uint32_t offset, unsigned size, unsigned flags);
void ir_state_store(IrBlock *block, uint32_t offset, unsigned size, IrValue value);
IrValue ir_binary(IrBlock *block, IrOpcode opcode, IrType type, IrValue a, IrValue b);
IrValue ir_divide(IrBlock *block, IrOpcode opcode, IrType type, IrValue low, IrValue high,
                  IrValue by);
IrValue ir_unary(IrBlock *block, IrOpcode opcode, IrType type, IrValue a);
IrValue ir_extract(IrBlock *block, IrValue a, unsigned position, unsigned length);
IrValue ir_deposit(IrBlock *block, IrValue a, IrValue b, unsigned position, unsigned length);
IrValue ir_setcc(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b);
IrValue ir_select(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b, IrValue c,
                  IrValue d);
IrValue ir_load(IrBlock *block, IrType type, unsigned size, unsigned flags, unsigned mode,
                IrValue address);
void ir_store(IrBlock *block, unsigned size, unsigned mode, IrValue address, IrValue value);
void ir_load_vector(IrBlock *block, unsigned bytes, unsigned flags, unsigned mode,
                    IrValue address, uint32_t offset);
void ir_store_vector(IrBlock *block, unsigned bytes, unsigned flags, unsigned mode,
                     IrValue address, uint32_t offset);
/* `expected` is 0 but for IR_ATOMIC_CMPXCHG. */
IrValue ir_atomic(IrBlock *block, IrOpcode opcode, unsigned size, unsigned mode, IrValue address,
                  IrValue value, IrValue expected);
void ir_fence(IrBlock *block);
/* As many values as the helper takes; others are 0. */
IrValue ir_call(IrBlock *block, const IrHelper *helper, IrValue a, IrValue b, IrValue c,
                IrValue d);
void ir_vector(IrBlock *block, const IrVectorOp *op, unsigned flags, unsigned bytes, uint32_t d,
               uint32_t a, uint32_t b, uint8_t imm);
IrValue ir_vector_value(IrBlock *block, const IrVectorOp *op, unsigned flags, unsigned bytes,
                        uint32_t a, uint32_t b, uint8_t imm);
void ir_vector_set(IrBlock *block, uint32_t offset, IrValue value);
/* The 16 bytes above the vector at an offset become 0. */
void ir_zero_above(IrBlock *block, uint32_t offset);
void ir_insn(IrBlock *block, uint64_t pc);
/*
 * The slots must already say where the guest goes on. `pc` is that place as JitContext
 * has it, so that blocks can be chained.
 */
void ir_exit_if(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b, uint64_t pc);
/* As ir_goto_indirect(). */
void ir_exit_if_indirect(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b,
                         uint64_t from);
void ir_raise_if(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b,
                 const IrHelper *helper, IrValue c);
void ir_goto(IrBlock *block, uint64_t pc);
void ir_goto_indirect(IrBlock *block, uint64_t from);
/* The same with IR_ANYWHERE. */
void ir_goto_anywhere(IrBlock *block);
void ir_leave(IrBlock *block);

#define IR_BINARY(name, opcode) \
    static inline IrValue name(IrBlock *block, IrType type, IrValue a, IrValue b) \
    { \
        return ir_binary(block, opcode, type, a, b); \
    }
IR_BINARY(ir_add, IR_ADD)
IR_BINARY(ir_sub, IR_SUB)
IR_BINARY(ir_mul, IR_MUL)
IR_BINARY(ir_and, IR_AND)
IR_BINARY(ir_or, IR_OR)
IR_BINARY(ir_xor, IR_XOR)
IR_BINARY(ir_shl, IR_SHL)
IR_BINARY(ir_shr, IR_SHR)
IR_BINARY(ir_sar, IR_SAR)
#undef IR_BINARY

/* For an exit that happens to some values of slots only: put them before, and these back after. */
static inline IrValue ir_add_const(IrBlock *block, IrType type, IrValue a, uint64_t imm)
{
    return imm ? ir_add(block, type, a, ir_const(block, imm)) : a;
}
static inline IrValue ir_and_const(IrBlock *block, IrType type, IrValue a, uint64_t imm)
{
    return ir_and(block, type, a, ir_const(block, imm));
}

typedef struct IrOpInfo {
    const char *name;
    uint8_t args;           /* operands that are values; of a call, its helper says */
    bool value;             /* it gives one */
} IrOpInfo;

extern const IrOpInfo ir_op_info[IR_OPCODES];

/* How many of a, b, c, d are values that the operation uses. */
static inline unsigned ir_arg_count(const IrOp *op)
{
    return op->opcode == IR_CALL ? op->helper->args : ir_op_info[op->opcode].args;
}
static inline bool ir_has_value(const IrOp *op)
{
    return ir_op_info[op->opcode].value;
}
/* May it raise an exception or otherwise show slots to the outside? */
bool ir_shows_slots(const IrOp *op);
/* Calls with no effect whose value nobody uses go; PUTs that another one hides go too. */
void ir_remove_dead(IrBlock *block);
/* For -d op. */
void ir_print(const IrBlock *block, GString *out);

#endif
