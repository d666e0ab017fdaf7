/* SPDX-License-Identifier: MIT */
/*
 * What the operations of the intermediate form compute: the one statement of it, which folding
 * and the evaluator share and back ends are compared with.
 */
#ifndef ACCEL_JIT_IR_COMPUTE_H
#define ACCEL_JIT_IR_COMPUTE_H

#include "accel/jit/ir.h"

static inline uint64_t ir_compute_binary64(IrOpcode opcode, uint64_t a, uint64_t b)
{
    switch (opcode) {
    case IR_ADD:
        return a + b;
    case IR_SUB:
        return a - b;
    case IR_MUL:
        return a * b;
    case IR_AND:
        return a & b;
    case IR_OR:
        return a | b;
    case IR_XOR:
        return a ^ b;
    case IR_SHL:
        return a << (b & 63);
    case IR_SHR:
        return a >> (b & 63);
    case IR_SAR:
        return (uint64_t)((int64_t)a >> (b & 63));
    case IR_ROL:
        return a << (b & 63) | a >> (-b & 63);
    case IR_ROR:
        return a >> (b & 63) | a << (-b & 63);
    case IR_MULHU:
        return (unsigned __int128)a * b >> 64;
    case IR_MULHS:
        return (uint64_t)((__int128)(int64_t)a * (int64_t)b >> 64);
    default:
        g_assert_not_reached();
    }
}

static inline uint32_t ir_compute_binary32(IrOpcode opcode, uint32_t a, uint32_t b)
{
    switch (opcode) {
    case IR_SHL:
        return a << (b & 31);
    case IR_SHR:
        return a >> (b & 31);
    case IR_SAR:
        return (uint32_t)((int32_t)a >> (b & 31));
    case IR_ROL:
        return a << (b & 31) | a >> (-b & 31);
    case IR_ROR:
        return a >> (b & 31) | a << (-b & 31);
    case IR_MULHU:
        return (uint64_t)a * b >> 32;
    case IR_MULHS:
        return (uint32_t)((int64_t)(int32_t)a * (int32_t)b >> 32);
    default:
        return (uint32_t)ir_compute_binary64(opcode, a, b);
    }
}

static inline uint64_t ir_compute_binary(IrOpcode opcode, IrType type, uint64_t a, uint64_t b)
{
    return type == IR_I32 ? ir_compute_binary32(opcode, (uint32_t)a, (uint32_t)b)
                          : ir_compute_binary64(opcode, a, b);
}

static inline uint64_t ir_compute_divide32(IrOpcode opcode, uint32_t low, uint32_t high,
                                           uint32_t by)
{
    uint64_t value = (uint64_t)high << 32 | low;

    return opcode == IR_DIVU ? (uint32_t)(value / by) : (uint32_t)((int64_t)value / (int32_t)by);
}

static inline uint64_t ir_compute_divide64(IrOpcode opcode, uint64_t low, uint64_t high,
                                           uint64_t by)
{
    unsigned __int128 value = (unsigned __int128)high << 64 | low;

    return opcode == IR_DIVU ? (uint64_t)(value / by) : (uint64_t)((__int128)value / (int64_t)by);
}

static inline uint64_t ir_compute_divide(IrOpcode opcode, IrType type, uint64_t low, uint64_t high,
                                         uint64_t by)
{
    return type == IR_I32 ? ir_compute_divide32(opcode, low, high, by)
                          : ir_compute_divide64(opcode, low, high, by);
}

static inline uint64_t ir_compute_unary64(IrOpcode opcode, uint64_t a)
{
    switch (opcode) {
    case IR_NOT:
        return ~a;
    case IR_NEG:
        return -a;
    case IR_BSWAP:
        return __builtin_bswap64(a);
    case IR_POPCNT:
        return (unsigned)__builtin_popcountll(a);
    case IR_CLZ:
        return a ? (unsigned)__builtin_clzll(a) : 64;
    case IR_CTZ:
        return a ? (unsigned)__builtin_ctzll(a) : 64;
    case IR_SEXT8:
        return (uint64_t)(int8_t)a;
    case IR_SEXT16:
        return (uint64_t)(int16_t)a;
    case IR_SEXT32:
        return (uint64_t)(int32_t)a;
    case IR_ZEXT8:
        return (uint8_t)a;
    case IR_ZEXT16:
        return (uint16_t)a;
    case IR_ZEXT32:
        return (uint32_t)a;
    default:
        g_assert_not_reached();
    }
}

static inline uint64_t ir_compute_unary(IrOpcode opcode, IrType type, uint64_t a)
{
    if (type == IR_I64) {
        return ir_compute_unary64(opcode, a);
    }
    switch (opcode) {
    case IR_BSWAP:
        return __builtin_bswap32((uint32_t)a);
    case IR_CLZ:
        return (uint32_t)a ? (unsigned)__builtin_clz((uint32_t)a) : 32;
    case IR_CTZ:
        return (uint32_t)a ? (unsigned)__builtin_ctz((uint32_t)a) : 32;
    default:
        return (uint32_t)ir_compute_unary64(opcode, (uint32_t)a);
    }
}

static inline uint64_t ir_mask(unsigned bits)
{
    return bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
}

static inline uint64_t ir_compute_extract(uint64_t a, unsigned position, unsigned length)
{
    return a >> position & ir_mask(length);
}

static inline uint64_t ir_compute_deposit(uint64_t a, uint64_t b, unsigned position,
                                          unsigned length)
{
    uint64_t mask = ir_mask(length) << position;

    return (a & ~mask) | (b << position & mask);
}

static inline bool ir_compute_cond(IrCond cond, IrType type, uint64_t a, uint64_t b)
{
    int64_t sa = (int64_t)a, sb = (int64_t)b;

    if (type == IR_I32) {
        a = (uint32_t)a;
        b = (uint32_t)b;
        sa = (int32_t)a;
        sb = (int32_t)b;
    }
    switch (cond) {
    case IR_EQ:
        return a == b;
    case IR_NE:
        return a != b;
    case IR_LTU:
        return a < b;
    case IR_GEU:
        return a >= b;
    case IR_LEU:
        return a <= b;
    case IR_GTU:
        return a > b;
    case IR_LTS:
        return sa < sb;
    case IR_GES:
        return sa >= sb;
    case IR_LES:
        return sa <= sb;
    case IR_GTS:
        return sa > sb;
    case IR_TEST_EQ:
        return (a & b) == 0;
    case IR_TEST_NE:
        return (a & b) != 0;
    default:
        g_assert_not_reached();
    }
}

#endif
