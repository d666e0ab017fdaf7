/* SPDX-License-Identifier: MIT */
/* What SIMD floating point is to both who compute it: vector-float-host.c, vector-float-exact.c. */
#ifndef ACCEL_JIT_X86_VECTOR_FLOAT_H
#define ACCEL_JIT_X86_VECTOR_FLOAT_H

#include "accel/jit/x86/vector.h"

/* SDM volume 1, 10.2.3. The flags are ExactEnv's. */
#define MXCSR_IE 0x01u
#define MXCSR_DE 0x02u
#define MXCSR_ZE 0x04u
#define MXCSR_OE 0x08u
#define MXCSR_UE 0x10u
#define MXCSR_PE 0x20u
#define MXCSR_FLAGS 0x3fu
#define MXCSR_DAZ 0x40u
#define MXCSR_MASKS 0x1f80u
#define MXCSR_RC 0x6000u
#define MXCSR_FZ 0x8000u

/* Those of the flags whose exception is not masked. */
static inline uint32_t x86_float_unmasked(const X86Jit *cpu, uint32_t flags)
{
    return flags & ~(cpu->mxcsr >> 7);
}

/*
 * Adds what happened to MXCSR; raises #XM, or #UD, if that is not masked. What was seen of operands
 * (IE, DE, ZE) and is not masked hides what came of results: SDM volume 1, 11.5.2.
 */
void x86_float_account(X86Jit *cpu, uint32_t flags);

/* Comparison: SDM volume 2, CMPPD, table of the 32 predicates. */
enum { RELATION_LT = 1, RELATION_EQ = 2, RELATION_GT = 4, RELATION_UNORDERED = 8 };

bool x86_predicate_holds(unsigned relation, unsigned predicate);
/* Does it raise the invalid exception for a QNaN? */
bool x86_predicate_signals(unsigned predicate);

#endif
