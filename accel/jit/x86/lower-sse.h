/* SPDX-License-Identifier: MIT */
/*
 * What the lowering of MMX, SSE, AVX and their kin shares: lower-sse.c, lower-sse-move.c,
 * lower-sse-general.c, lower-mmx.c. Vectors are named by their offset in the state.
 */
#ifndef ACCEL_JIT_X86_LOWER_SSE_H
#define ACCEL_JIT_X86_LOWER_SSE_H

#include "accel/jit/x86/lower-vector.h"
#include "accel/jit/x86/vector.h"

#define VECTOR(n) ((uint32_t)(offsetof(X86Jit, vector) + (n) * sizeof(X86Vector)))
#define SCRATCH(n) ((uint32_t)(offsetof(X86Jit, scratch) + (n) * sizeof(X86Vector)))
/* The registers of MMX, 0 … 7: the x87's. */
#define MANTISSA(n) ((uint32_t)(offsetof(X86Jit, fpr) + (n) * sizeof(X86Fpr)))
#define EXPONENT(n) (MANTISSA(n) + (uint32_t)offsetof(X86Fpr, exponent))

#define OP(name) (&x86_vector_ops[X86_VEC_##name])

/* ---- checks: false: an exception was lowered, and ends the block ---- */

/* Can SIMD, can MMX be executed? */
bool check_simd(Lower *l);
bool check_mmx(Lower *l);
/* VEX.vvvv has to be 1111b where it names no operand. */
bool check_no_vvvv(Lower *l);

/* ---- operands ---- */

/* Of a vector by VEX.L. */
unsigned full_bytes(const Lower *l);
IrValue load_state(Lower *l, uint32_t offset, unsigned size);
void store_state(Lower *l, uint32_t offset, unsigned size, IrValue value);
/* `bytes` of memory to scratch vector n. */
uint32_t load_memory(Lower *l, unsigned n, unsigned bytes, bool aligned);
/* The ModRM.rm operand as a vector: its register, or `bytes` of memory in scratch. */
uint32_t vector_rm(Lower *l, unsigned bytes);
/* The first source: VEX.vvvv, or the destination. */
uint32_t first_source(const Lower *l, unsigned d);
/* The immediate as a vector; counts above 64 do what 64 does. */
uint32_t shift_count(const Lower *l);

/* ---- operations ---- */

void lower_vector(Lower *l, const IrVectorOp *op, unsigned bytes, uint32_t d, uint32_t a,
                  uint32_t b, unsigned imm);
IrValue lower_vector_value(Lower *l, const IrVectorOp *op, unsigned bytes, uint32_t a,
                           uint32_t b);
void copy_vector(Lower *l, uint32_t to, uint32_t from, unsigned bytes);
void zero_vector(Lower *l, uint32_t offset, bool above);
/* What a VEX instruction leaves above the `bytes` that it wrote. */
void zero_above(Lower *l, unsigned reg, unsigned bytes);

#endif
