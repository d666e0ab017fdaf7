/* SPDX-License-Identifier: MIT */
/*
 * The portable evaluator: runs the intermediate form as it stands. It serves hosts that have
 * no back end, and is what back ends are compared with.
 */
#include <string.h>

#include "accel/jit/core.h"
#include "accel/jit/ir-compute.h"

/* A slot of few bytes is the low end of one of more, and so are the lanes of a vector. */
G_STATIC_ASSERT(G_BYTE_ORDER == G_LITTLE_ENDIAN);

static inline void *state(JitCpu *cpu, uint64_t offset)
{
    return (uint8_t *)cpu + offset;
}

static inline uint64_t read_state(JitCpu *cpu, uint64_t offset, unsigned size)
{
    uint64_t value = 0;

    switch (size) {
    case 1:
        return *(uint8_t *)state(cpu, offset);
    case 2:
        return *(uint16_t *)state(cpu, offset);
    case 4:
        return *(uint32_t *)state(cpu, offset);
    case 8:
        return *(uint64_t *)state(cpu, offset);
    }
    return value;
}

static inline void write_state(JitCpu *cpu, uint64_t offset, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        *(uint8_t *)state(cpu, offset) = value;
        break;
    case 2:
        *(uint16_t *)state(cpu, offset) = value;
        break;
    case 4:
        *(uint32_t *)state(cpu, offset) = value;
        break;
    case 8:
        *(uint64_t *)state(cpu, offset) = value;
        break;
    }
}

static uint64_t extended(uint64_t value, const IrOp *op)
{
    if (!(op->flags & IR_SIGNED)) {
        return value;
    }
    return ir_compute_unary(op->size == 1 ? IR_SEXT8 : op->size == 2 ? IR_SEXT16 : IR_SEXT32,
                            op->type, value);
}

static uint64_t call(JitCpu *cpu, const IrOp *op, const uint64_t *v)
{
    typedef uint64_t (*Call0)(void *);
    typedef uint64_t (*Call1)(void *, uint64_t);
    typedef uint64_t (*Call2)(void *, uint64_t, uint64_t);
    typedef uint64_t (*Call3)(void *, uint64_t, uint64_t, uint64_t);
    typedef uint64_t (*Call4)(void *, uint64_t, uint64_t, uint64_t, uint64_t);

    switch (op->helper->args) {
    case 0:
        return ((Call0)op->helper->function)(cpu);
    case 1:
        return ((Call1)op->helper->function)(cpu, v[op->a]);
    case 2:
        return ((Call2)op->helper->function)(cpu, v[op->a], v[op->b]);
    case 3:
        return ((Call3)op->helper->function)(cpu, v[op->a], v[op->b], v[op->c]);
    default:
        return ((Call4)op->helper->function)(cpu, v[op->a], v[op->b], v[op->c], v[op->d]);
    }
}

static uint64_t packed(const IrOp *op)
{
    return op->size | op->mode << 8 | (op->flags & IR_ALIGNED ? 1u << 16 : 0);
}

static void vector(JitCpu *cpu, const IrOp *op, void *d)
{
    op->vector->function(cpu, d, state(cpu, op->vector_a), state(cpu, op->vector_b),
                         op->vector_imm | (uint32_t)op->vector_bytes << 8);
}

static void zero_above(JitCpu *cpu, const IrOp *op, uint64_t offset)
{
    if (op->flags & IR_ZERO_ABOVE) {
        memset(state(cpu, offset + 16), 0, 16);
    }
}

JitEnd jit_evaluate(JitCpu *cpu, const JitBlock *block, unsigned *number)
{
    uint64_t *v = cpu->core->values;
    const IrSlot *slots = block->slots;

    for (unsigned i = 0;; i++) {
        const IrOp *op = &block->ops[i];
        switch ((IrOpcode)op->opcode) {
        case IR_NOP: case IR_INSN:
            break;
        case IR_CONST:
            v[i] = op->imm;
            break;
        case IR_GET:
            v[i] = read_state(cpu, slots[op->slot].offset, slots[op->slot].size);
            break;
        case IR_PUT:
            write_state(cpu, slots[op->slot].offset, slots[op->slot].size, v[op->a]);
            break;
        case IR_STATE_LOAD:
            v[i] = extended(read_state(cpu, op->imm, op->size), op);
            break;
        case IR_STATE_STORE:
            write_state(cpu, op->imm, op->size, v[op->a]);
            break;
        case IR_ADD: case IR_SUB: case IR_MUL: case IR_AND: case IR_OR: case IR_XOR:
        case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROL: case IR_ROR:
        case IR_MULHU: case IR_MULHS:
            v[i] = ir_compute_binary(op->opcode, op->type, v[op->a], v[op->b]);
            break;
        case IR_DIVU: case IR_DIVS:
            v[i] = ir_compute_divide(op->opcode, op->type, v[op->a], v[op->b], v[op->c]);
            break;
        case IR_NOT: case IR_NEG: case IR_BSWAP: case IR_POPCNT: case IR_CLZ: case IR_CTZ:
        case IR_SEXT8: case IR_SEXT16: case IR_SEXT32:
        case IR_ZEXT8: case IR_ZEXT16: case IR_ZEXT32:
            v[i] = ir_compute_unary(op->opcode, op->type, v[op->a]);
            break;
        case IR_EXTRACT:
            v[i] = ir_compute_extract(v[op->a], op->position, op->length);
            break;
        case IR_DEPOSIT:
            v[i] = ir_compute_deposit(v[op->a], v[op->b], op->position, op->length);
            break;
        case IR_SETCC:
            v[i] = ir_compute_cond(op->cond, op->type, v[op->a], v[op->b]);
            break;
        case IR_SELECT:
            v[i] = ir_compute_cond(op->cond, op->type, v[op->a], v[op->b]) ? v[op->c] : v[op->d];
            break;
        case IR_LOAD:
            v[i] = extended(jit_load(cpu, v[op->a], op->size, op->mode), op);
            break;
        case IR_STORE:
            jit_store(cpu, v[op->a], op->size, op->mode, v[op->b]);
            break;
        case IR_LOAD_VECTOR:
            jit_load_vector(cpu, v[op->a], state(cpu, op->imm), packed(op));
            zero_above(cpu, op, op->imm);
            break;
        case IR_STORE_VECTOR:
            jit_store_vector(cpu, v[op->a], state(cpu, op->imm), packed(op));
            break;
        case IR_ATOMIC_ADD: case IR_ATOMIC_AND: case IR_ATOMIC_OR: case IR_ATOMIC_XOR:
        case IR_ATOMIC_XCHG: case IR_ATOMIC_CMPXCHG:
            v[i] = jit_atomic(cpu, op->opcode, v[op->a], op->size, op->mode, v[op->b],
                              op->opcode == IR_ATOMIC_CMPXCHG ? v[op->c] : 0);
            break;
        case IR_FENCE:
            atomic_thread_fence(memory_order_seq_cst);
            break;
        case IR_CALL:
            v[i] = call(cpu, op, v);
            break;
        case IR_VECTOR:
            vector(cpu, op, state(cpu, op->vector_d));
            zero_above(cpu, op, op->vector_d);
            break;
        case IR_VECTOR_VALUE:
            v[i] = 0;
            vector(cpu, op, &v[i]);
            break;
        case IR_VECTOR_SET:
            write_state(cpu, op->imm, 8, v[op->a]);
            write_state(cpu, op->imm + 8, 8, 0);
            zero_above(cpu, op, op->imm);
            break;
        case IR_EXIT_IF:
            if (ir_compute_cond(op->cond, op->type, v[op->a], v[op->b])) {
                if (op->flags & IR_INDIRECT) {
                    cpu->jumped_from = op->imm;
                    return JIT_END_INDIRECT;
                }
                *number = op->target;
                return JIT_END_EXIT;
            }
            break;
        case IR_RAISE_IF:
            if (ir_compute_cond(op->cond, op->type, v[op->a], v[op->b])) {
                ((uint64_t (*)(void *, uint64_t))op->helper->function)(cpu, v[op->c]);
                g_assert_not_reached();
            }
            break;
        case IR_GOTO:
            *number = op->target;
            return JIT_END_EXIT;
        case IR_GOTO_INDIRECT:
            cpu->jumped_from = op->imm;
            return JIT_END_INDIRECT;
        case IR_LEAVE:
            return JIT_END_LEAVE;
        case IR_OPCODES:
            g_assert_not_reached();
        }
    }
}
