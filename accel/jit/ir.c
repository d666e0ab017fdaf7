/* SPDX-License-Identifier: MIT */
/* Building blocks of the intermediate form: folding, slots, dead operations, listings. */
#include "accel/jit/ir.h"

#include <string.h>

#include "accel/jit/ir-compute.h"

void ir_block_init(IrBlock *block, const IrSlot *slots, unsigned slot_count)
{
    g_assert(slot_count <= IR_MAX_SLOTS);
    block->slots = slots;
    block->slot_count = slot_count;
    block->count = 1;
    block->exits = 0;
    memset(block->current, 0, sizeof(block->current));
    block->ops[0] = (IrOp){ .opcode = IR_NOP };
}

static unsigned bits_of(uint64_t value)
{
    return value ? 64 - __builtin_clzll(value) : 0;
}

/* In how many low bits an operation's value fits, by what its operands fit in. */
static unsigned width_of(const IrBlock *block, const IrOp *op)
{
    const uint8_t *width = block->width;
    unsigned limit = op->type == IR_I32 ? 32 : 64;

    switch (op->opcode) {
    case IR_CONST:
        return bits_of(op->imm);
    case IR_GET:
        return block->slots[op->slot].size * 8;
    case IR_LOAD: case IR_STATE_LOAD:
        return !(op->flags & IR_SIGNED) ? op->size * 8 : op->opcode == IR_LOAD ? limit : 64;
    case IR_ATOMIC_ADD: case IR_ATOMIC_AND: case IR_ATOMIC_OR: case IR_ATOMIC_XOR:
    case IR_ATOMIC_XCHG: case IR_ATOMIC_CMPXCHG:
        return op->size * 8;
    case IR_SETCC:
        return 1;
    case IR_POPCNT: case IR_CLZ: case IR_CTZ:
        return 7;
    case IR_ZEXT8:
        return MIN(width[op->a], 8);
    case IR_ZEXT16:
        return MIN(width[op->a], 16);
    case IR_ZEXT32:
        return MIN(width[op->a], 32);
    case IR_EXTRACT:
        return op->length;
    case IR_AND:
        return MIN(limit, MIN(width[op->a], width[op->b]));
    case IR_OR: case IR_XOR:
        return MIN(limit, MAX(width[op->a], width[op->b]));
    case IR_SELECT:
        return MAX(width[op->c], width[op->d]);
    case IR_SHR:
        if (ir_is_const(block, op->b)) {
            unsigned count = ir_const_of(block, op->b) & (limit - 1), from = MIN(width[op->a], limit);
            return from > count ? from - count : 0;
        }
        return MIN(limit, width[op->a]);
    case IR_ADD: case IR_SUB: case IR_MUL: case IR_SHL: case IR_SAR: case IR_ROL: case IR_ROR:
    case IR_MULHU: case IR_MULHS: case IR_DIVU: case IR_DIVS: case IR_NOT: case IR_NEG: case IR_BSWAP:
    case IR_SEXT8: case IR_SEXT16: case IR_SEXT32:
        return limit;
    default:
        return 64;
    }
}

static IrValue append(IrBlock *block, IrOp op)
{
    g_assert(block->count < IR_MAX_OPS);
    block->ops[block->count] = op;
    block->width[block->count] = width_of(block, &op);
    return block->count++;
}

/* After what may have changed slots behind the block's back. */
static void forget_slots(IrBlock *block)
{
    memset(block->current, 0, sizeof(block->current));
}

IrValue ir_const(IrBlock *block, uint64_t value)
{
    /* A constant that was just made is often wanted again. */
    for (unsigned i = block->count; i-- > 1 && i + 8 > block->count;) {
        if (block->ops[i].opcode == IR_CONST && block->ops[i].imm == value) {
            return i;
        }
    }
    return append(block, (IrOp){ .opcode = IR_CONST, .imm = value });
}

IrValue ir_get(IrBlock *block, unsigned slot)
{
    g_assert(slot < block->slot_count);
    if (!block->current[slot]) {
        block->current[slot] = append(block, (IrOp){ .opcode = IR_GET, .slot = slot });
    }
    return block->current[slot];
}

/* What reading a slot of that size back gives. */
static IrValue narrowed(IrBlock *block, unsigned size, IrValue value)
{
    switch (size) {
    case 1:
        return ir_unary(block, IR_ZEXT8, IR_I64, value);
    case 2:
        return ir_unary(block, IR_ZEXT16, IR_I64, value);
    case 4:
        return ir_unary(block, IR_ZEXT32, IR_I64, value);
    default:
        return value;
    }
}

void ir_put(IrBlock *block, unsigned slot, IrValue value)
{
    g_assert(slot < block->slot_count && value);
    value = narrowed(block, block->slots[slot].size, value);
    if (block->current[slot] == value) {
        return;
    }
    append(block, (IrOp){ .opcode = IR_PUT, .slot = slot, .a = value });
    block->current[slot] = value;
}

IrValue ir_state_load(IrBlock *block, uint32_t offset, unsigned size, unsigned flags)
{
    return append(block, (IrOp){ .opcode = IR_STATE_LOAD, .size = size, .flags = flags,
                                 .imm = offset });
}

void ir_state_store(IrBlock *block, uint32_t offset, unsigned size, IrValue value)
{
    append(block, (IrOp){ .opcode = IR_STATE_STORE, .size = size, .imm = offset, .a = value });
}

/* ---- arithmetic ---- */

static bool commutes(IrOpcode opcode)
{
    return opcode == IR_ADD || opcode == IR_MUL || opcode == IR_AND || opcode == IR_OR ||
           opcode == IR_XOR || opcode == IR_MULHU || opcode == IR_MULHS;
}

/* The low half of a value, as an operation of the type would leave it. */
static IrValue as_type(IrBlock *block, IrType type, IrValue a)
{
    return type == IR_I32 ? ir_unary(block, IR_ZEXT32, IR_I64, a) : a;
}

/* a op constant, where that is a, or a constant; 0: it must be computed. */
static IrValue simplify(IrBlock *block, IrOpcode opcode, IrType type, IrValue a, uint64_t b)
{
    uint64_t ones = type == IR_I32 ? UINT32_MAX : UINT64_MAX;

    b &= ones;
    switch (opcode) {
    case IR_ADD: case IR_SUB: case IR_OR: case IR_XOR:
        return b == 0 ? as_type(block, type, a) : 0;
    case IR_SHL: case IR_SHR: case IR_SAR: case IR_ROL: case IR_ROR:
        return (b & (type == IR_I32 ? 31 : 63)) == 0 ? as_type(block, type, a) : 0;
    case IR_AND:
        return b == 0 ? ir_const(block, 0) : b == ones ? as_type(block, type, a) : 0;
    case IR_MUL:
        return b == 0 ? ir_const(block, 0) : b == 1 ? as_type(block, type, a) : 0;
    default:
        return 0;
    }
}

IrValue ir_binary(IrBlock *block, IrOpcode opcode, IrType type, IrValue a, IrValue b)
{
    g_assert(a && b);
    if (ir_is_const(block, a) && ir_is_const(block, b)) {
        return ir_const(block, ir_compute_binary(opcode, type, ir_const_of(block, a),
                                                 ir_const_of(block, b)));
    }
    if (ir_is_const(block, a) && commutes(opcode)) {
        IrValue swap = a;
        a = b;
        b = swap;
    }
    if (ir_is_const(block, b)) {
        IrValue simple = simplify(block, opcode, type, a, ir_const_of(block, b));
        if (simple) {
            return simple;
        }
    }
    if (a == b && (opcode == IR_XOR || opcode == IR_SUB)) {
        return ir_const(block, 0);
    }
    return append(block, (IrOp){ .opcode = opcode, .type = type, .a = a, .b = b });
}

IrValue ir_divide(IrBlock *block, IrOpcode opcode, IrType type, IrValue low, IrValue high,
                  IrValue by)
{
    g_assert(low && high && by);
    return append(block, (IrOp){ .opcode = opcode, .type = type, .a = low, .b = high, .c = by });
}

IrValue ir_unary(IrBlock *block, IrOpcode opcode, IrType type, IrValue a)
{
    g_assert(a);
    if (ir_is_const(block, a)) {
        return ir_const(block, ir_compute_unary(opcode, type, ir_const_of(block, a)));
    }
    if ((opcode == IR_ZEXT8 && block->width[a] <= 8) ||
        (opcode == IR_ZEXT16 && block->width[a] <= 16) ||
        (opcode == IR_ZEXT32 && block->width[a] <= 32)) {
        return a;
    }
    return append(block, (IrOp){ .opcode = opcode, .type = type, .a = a });
}

IrValue ir_extract(IrBlock *block, IrValue a, unsigned position, unsigned length)
{
    g_assert(length > 0 && position + length <= 64);
    if (ir_is_const(block, a)) {
        return ir_const(block, ir_compute_extract(ir_const_of(block, a), position, length));
    }
    if (position == 0 && block->width[a] <= length) {
        return a;
    }
    if (position == 0 && (length == 8 || length == 16 || length == 32)) {
        return ir_unary(block, length == 8 ? IR_ZEXT8 : length == 16 ? IR_ZEXT16 : IR_ZEXT32,
                        IR_I64, a);
    }
    return append(block, (IrOp){ .opcode = IR_EXTRACT, .a = a, .position = position,
                                 .length = length });
}

IrValue ir_deposit(IrBlock *block, IrValue a, IrValue b, unsigned position, unsigned length)
{
    g_assert(length > 0 && position + length <= 64);
    if (length == 64) {
        return b;
    }
    if (ir_is_const(block, a) && ir_is_const(block, b)) {
        return ir_const(block, ir_compute_deposit(ir_const_of(block, a), ir_const_of(block, b),
                                                  position, length));
    }
    return append(block, (IrOp){ .opcode = IR_DEPOSIT, .a = a, .b = b, .position = position,
                                 .length = length });
}

IrValue ir_setcc(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b)
{
    g_assert(a && b);
    if (ir_is_const(block, a) && ir_is_const(block, b)) {
        return ir_const(block, ir_compute_cond(cond, type, ir_const_of(block, a),
                                               ir_const_of(block, b)));
    }
    return append(block, (IrOp){ .opcode = IR_SETCC, .type = type, .cond = cond, .a = a, .b = b });
}

IrValue ir_select(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b, IrValue c,
                  IrValue d)
{
    g_assert(a && b && c && d);
    if (ir_is_const(block, a) && ir_is_const(block, b)) {
        return ir_compute_cond(cond, type, ir_const_of(block, a), ir_const_of(block, b)) ? c : d;
    }
    if (c == d) {
        return c;
    }
    return append(block, (IrOp){ .opcode = IR_SELECT, .type = type, .cond = cond, .a = a, .b = b,
                                 .c = c, .d = d });
}

/* ---- memory ---- */

IrValue ir_load(IrBlock *block, IrType type, unsigned size, unsigned flags, unsigned mode,
                IrValue address)
{
    g_assert(address);
    return append(block, (IrOp){ .opcode = IR_LOAD, .type = type, .size = size, .flags = flags,
                                 .mode = mode, .a = address });
}

void ir_store(IrBlock *block, unsigned size, unsigned mode, IrValue address, IrValue value)
{
    g_assert(address && value);
    append(block, (IrOp){ .opcode = IR_STORE, .size = size, .mode = mode, .a = address,
                          .b = value });
}

void ir_load_vector(IrBlock *block, unsigned bytes, unsigned flags, unsigned mode,
                    IrValue address, uint32_t offset)
{
    append(block, (IrOp){ .opcode = IR_LOAD_VECTOR, .size = bytes, .flags = flags, .mode = mode,
                          .a = address, .imm = offset });
}

void ir_store_vector(IrBlock *block, unsigned bytes, unsigned flags, unsigned mode,
                     IrValue address, uint32_t offset)
{
    append(block, (IrOp){ .opcode = IR_STORE_VECTOR, .size = bytes, .flags = flags, .mode = mode,
                          .a = address, .imm = offset });
}

IrValue ir_atomic(IrBlock *block, IrOpcode opcode, unsigned size, unsigned mode, IrValue address,
                  IrValue value, IrValue expected)
{
    g_assert(opcode >= IR_ATOMIC_ADD && opcode <= IR_ATOMIC_CMPXCHG);
    return append(block, (IrOp){ .opcode = opcode, .size = size, .mode = mode, .a = address,
                                 .b = value, .c = expected });
}

void ir_fence(IrBlock *block)
{
    append(block, (IrOp){ .opcode = IR_FENCE });
}

/* ---- calls and ends ---- */

IrValue ir_call(IrBlock *block, const IrHelper *helper, IrValue a, IrValue b, IrValue c,
                IrValue d)
{
    IrValue result = append(block, (IrOp){ .opcode = IR_CALL, .helper = helper, .a = a, .b = b,
                                           .c = c, .d = d });

    if (!(helper->flags & (IR_PURE | IR_NO_SLOTS | IR_NO_WRITE))) {
        forget_slots(block);
    }
    return result;
}

void ir_vector(IrBlock *block, const IrVectorOp *op, unsigned flags, unsigned bytes, uint32_t d,
               uint32_t a, uint32_t b, uint8_t imm)
{
    g_assert(d <= UINT16_MAX && a <= UINT16_MAX && b <= UINT16_MAX);
    append(block, (IrOp){ .opcode = IR_VECTOR, .flags = flags, .vector = op,
                          .vector_bytes = bytes, .vector_d = d, .vector_a = a, .vector_b = b,
                          .vector_imm = imm });
}

IrValue ir_vector_value(IrBlock *block, const IrVectorOp *op, unsigned flags, unsigned bytes,
                        uint32_t a, uint32_t b, uint8_t imm)
{
    g_assert(a <= UINT16_MAX && b <= UINT16_MAX);
    return append(block, (IrOp){ .opcode = IR_VECTOR_VALUE, .flags = flags, .vector = op,
                                 .vector_bytes = bytes, .vector_a = a, .vector_b = b,
                                 .vector_imm = imm });
}

void ir_vector_set(IrBlock *block, uint32_t offset, IrValue value)
{
    append(block, (IrOp){ .opcode = IR_VECTOR_SET, .imm = offset, .a = value });
}

/* Does the operation write the 16 bytes of the vector there and nothing else? */
static bool writes_vector(const IrOp *op, uint32_t offset)
{
    switch (op->opcode) {
    case IR_VECTOR:
        return op->vector_d == offset && op->vector_bytes == 16;
    case IR_VECTOR_SET:
        return op->imm == offset;
    case IR_LOAD_VECTOR:
        return op->imm == offset && op->size <= 16;
    default:
        return false;
    }
}

void ir_zero_above(IrBlock *block, uint32_t offset)
{
    IrOp *last = &block->ops[block->count - 1];
    IrValue zero;

    if (writes_vector(last, offset)) {
        last->flags |= IR_ZERO_ABOVE;
        return;
    }
    zero = ir_const(block, 0);
    ir_state_store(block, offset + 16, 8, zero);
    ir_state_store(block, offset + 24, 8, zero);
}

void ir_insn(IrBlock *block, uint64_t pc)
{
    append(block, (IrOp){ .opcode = IR_INSN, .imm = pc });
}

static uint16_t new_exit(IrBlock *block)
{
    g_assert(block->exits < IR_MAX_EXITS);
    return block->exits++;
}

void ir_exit_if(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b, uint64_t pc)
{
    append(block, (IrOp){ .opcode = IR_EXIT_IF, .cond = cond, .type = type, .a = a, .b = b,
                          .target = new_exit(block), .imm = pc });
}

void ir_exit_if_indirect(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b,
                         uint64_t from)
{
    append(block, (IrOp){ .opcode = IR_EXIT_IF, .cond = cond, .type = type, .flags = IR_INDIRECT,
                          .a = a, .b = b, .imm = from });
}

void ir_raise_if(IrBlock *block, IrCond cond, IrType type, IrValue a, IrValue b,
                 const IrHelper *helper, IrValue c)
{
    g_assert(a && b && c && helper->args == 1);
    if (!ir_is_const(block, a) || !ir_is_const(block, b) ||
        ir_compute_cond(cond, type, ir_const_of(block, a), ir_const_of(block, b))) {
        append(block, (IrOp){ .opcode = IR_RAISE_IF, .cond = cond, .type = type, .a = a, .b = b,
                              .c = c, .helper = helper });
    }
}

void ir_goto(IrBlock *block, uint64_t pc)
{
    append(block, (IrOp){ .opcode = IR_GOTO, .target = new_exit(block), .imm = pc });
}

void ir_goto_indirect(IrBlock *block, uint64_t from)
{
    append(block, (IrOp){ .opcode = IR_GOTO_INDIRECT, .imm = from });
}

void ir_goto_anywhere(IrBlock *block)
{
    append(block, (IrOp){ .opcode = IR_GOTO_INDIRECT, .flags = IR_ANYWHERE });
}

void ir_leave(IrBlock *block)
{
    append(block, (IrOp){ .opcode = IR_LEAVE });
}

/* ---- what an operation is ---- */

const IrOpInfo ir_op_info[IR_OPCODES] = {
    [IR_NOP] = { "nop" },
    [IR_CONST] = { "const", 0, true },
    [IR_GET] = { "get", 0, true },
    [IR_PUT] = { "put", 1 },
    [IR_STATE_LOAD] = { "state_load", 0, true },
    [IR_STATE_STORE] = { "state_store", 1 },
    [IR_ADD] = { "add", 2, true },
    [IR_SUB] = { "sub", 2, true },
    [IR_MUL] = { "mul", 2, true },
    [IR_AND] = { "and", 2, true },
    [IR_OR] = { "or", 2, true },
    [IR_XOR] = { "xor", 2, true },
    [IR_SHL] = { "shl", 2, true },
    [IR_SHR] = { "shr", 2, true },
    [IR_SAR] = { "sar", 2, true },
    [IR_ROL] = { "rol", 2, true },
    [IR_ROR] = { "ror", 2, true },
    [IR_MULHU] = { "mulhu", 2, true },
    [IR_MULHS] = { "mulhs", 2, true },
    [IR_DIVU] = { "divu", 3, true },
    [IR_DIVS] = { "divs", 3, true },
    [IR_NOT] = { "not", 1, true },
    [IR_NEG] = { "neg", 1, true },
    [IR_BSWAP] = { "bswap", 1, true },
    [IR_POPCNT] = { "popcnt", 1, true },
    [IR_CLZ] = { "clz", 1, true },
    [IR_CTZ] = { "ctz", 1, true },
    [IR_SEXT8] = { "sext8", 1, true },
    [IR_SEXT16] = { "sext16", 1, true },
    [IR_SEXT32] = { "sext32", 1, true },
    [IR_ZEXT8] = { "zext8", 1, true },
    [IR_ZEXT16] = { "zext16", 1, true },
    [IR_ZEXT32] = { "zext32", 1, true },
    [IR_EXTRACT] = { "extract", 1, true },
    [IR_DEPOSIT] = { "deposit", 2, true },
    [IR_SETCC] = { "setcc", 2, true },
    [IR_SELECT] = { "select", 4, true },
    [IR_LOAD] = { "load", 1, true },
    [IR_STORE] = { "store", 2 },
    [IR_LOAD_VECTOR] = { "load_vector", 1 },
    [IR_STORE_VECTOR] = { "store_vector", 1 },
    [IR_ATOMIC_ADD] = { "atomic_add", 2, true },
    [IR_ATOMIC_AND] = { "atomic_and", 2, true },
    [IR_ATOMIC_OR] = { "atomic_or", 2, true },
    [IR_ATOMIC_XOR] = { "atomic_xor", 2, true },
    [IR_ATOMIC_XCHG] = { "atomic_xchg", 2, true },
    [IR_ATOMIC_CMPXCHG] = { "atomic_cmpxchg", 3, true },
    [IR_FENCE] = { "fence" },
    [IR_CALL] = { "call", 0, true },
    [IR_VECTOR] = { "vector" },
    [IR_VECTOR_VALUE] = { "vector_value", 0, true },
    [IR_VECTOR_SET] = { "vector_set", 1 },
    [IR_INSN] = { "insn" },
    [IR_EXIT_IF] = { "exit_if", 2 },
    [IR_RAISE_IF] = { "raise_if", 3 },
    [IR_GOTO] = { "goto" },
    [IR_GOTO_INDIRECT] = { "goto_indirect" },
    [IR_LEAVE] = { "leave" },
};

bool ir_shows_slots(const IrOp *op)
{
    switch (op->opcode) {
    case IR_LOAD: case IR_STORE: case IR_LOAD_VECTOR: case IR_STORE_VECTOR:
    case IR_ATOMIC_ADD: case IR_ATOMIC_AND: case IR_ATOMIC_OR: case IR_ATOMIC_XOR:
    case IR_ATOMIC_XCHG: case IR_ATOMIC_CMPXCHG:
    case IR_EXIT_IF: case IR_RAISE_IF: case IR_GOTO: case IR_GOTO_INDIRECT: case IR_LEAVE:
        return true;
    case IR_VECTOR: case IR_VECTOR_VALUE:
        return op->flags & IR_EXACT;
    case IR_CALL:
        return !(op->helper->flags & (IR_PURE | IR_NO_SLOTS));
    default:
        return false;
    }
}

static bool has_effect(const IrOp *op)
{
    if (op->opcode == IR_CALL) {
        return !(op->helper->flags & IR_PURE);
    }
    if (op->opcode == IR_VECTOR_VALUE && op->vector->flags & IR_VEX_MXCSR) {
        return true;
    }
    return !ir_has_value(op) || ir_shows_slots(op);
}

void ir_remove_dead(IrBlock *block)
{
    bool *used = block->used;
    bool hidden[IR_MAX_SLOTS] = { false };

    memset(used, 0, block->count);
    for (unsigned i = block->count; i-- > 1;) {
        IrOp *op = &block->ops[i];
        if (op->opcode == IR_PUT) {
            if (hidden[op->slot]) {
                op->opcode = IR_NOP;
                continue;
            }
            hidden[op->slot] = true;
        } else if (op->opcode == IR_GET) {
            if (used[i]) {
                hidden[op->slot] = false;
            }
        } else if (ir_shows_slots(op)) {
            memset(hidden, 0, sizeof(hidden));
        }
        if (!used[i] && !has_effect(op)) {
            op->opcode = IR_NOP;
            continue;
        }
        const IrValue args[4] = { op->a, op->b, op->c, op->d };
        for (unsigned n = 0; n < ir_arg_count(op); n++) {
            used[args[n]] = true;
        }
    }
}

/* ---- listing ---- */

static const char *const cond_names[] = {
    "eq", "ne", "ltu", "geu", "leu", "gtu", "lts", "ges", "les", "gts", "test_eq", "test_ne",
};

static void print_op(const IrBlock *block, unsigned number, GString *out)
{
    const IrOp *op = &block->ops[number];
    const IrValue args[4] = { op->a, op->b, op->c, op->d };

    if (op->opcode == IR_INSN) {
        g_string_append_printf(out, " ---- 0x%" G_GINT64_MODIFIER "x\n", op->imm);
        return;
    }
    g_string_append(out, "  ");
    if (ir_has_value(op)) {
        g_string_append_printf(out, "v%u = ", number);
    }
    g_string_append_printf(out, "%s%s", ir_op_info[op->opcode].name,
                           op->type == IR_I32 ? ".32" : "");
    switch (op->opcode) {
    case IR_GET: case IR_PUT:
        g_string_append_printf(out, " %s", block->slots[op->slot].name);
        break;
    case IR_SETCC: case IR_SELECT: case IR_EXIT_IF:
        g_string_append_printf(out, " %s", cond_names[op->cond]);
        break;
    case IR_CALL:
        g_string_append_printf(out, " %s", op->helper->name);
        break;
    case IR_RAISE_IF:
        g_string_append_printf(out, " %s %s", cond_names[op->cond], op->helper->name);
        break;
    case IR_VECTOR: case IR_VECTOR_VALUE:
        g_string_append_printf(out, " %s.%u +%u, +%u, +%u, %u%s%s", op->vector->name,
                               op->vector_bytes, op->vector_d, op->vector_a, op->vector_b,
                               op->vector_imm, op->flags & IR_ZERO_ABOVE ? " zero_above" : "",
                               op->flags & IR_EXACT ? " exact" : "");
        break;
    case IR_EXTRACT: case IR_DEPOSIT:
        g_string_append_printf(out, " %u+%u", op->position, op->length);
        break;
    default:
        if (op->size) {
            g_string_append_printf(out, "%s%u", op->flags & IR_SIGNED ? " s" : " u", op->size * 8);
        }
    }
    for (unsigned n = 0; n < ir_arg_count(op); n++) {
        g_string_append_printf(out, "%s v%u", n ? "," : "", args[n]);
    }
    if (op->opcode == IR_CONST || op->opcode == IR_GOTO || op->opcode == IR_EXIT_IF ||
        op->opcode == IR_STATE_LOAD || op->opcode == IR_STATE_STORE ||
        op->opcode == IR_LOAD_VECTOR || op->opcode == IR_STORE_VECTOR ||
        op->opcode == IR_VECTOR_SET) {
        g_string_append_printf(out, " 0x%" G_GINT64_MODIFIER "x", op->imm);
    }
    g_string_append_c(out, '\n');
}

void ir_print(const IrBlock *block, GString *out)
{
    for (unsigned i = 1; i < block->count; i++) {
        if (block->ops[i].opcode != IR_NOP) {
            print_op(block, i, out);
        }
    }
}
