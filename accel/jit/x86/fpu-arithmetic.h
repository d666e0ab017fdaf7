/* SPDX-License-Identifier: MIT */
/*
 * What instructions of the x87 compute, by exact.h, whose flags are the status word's. Results
 * are rounded to the format of `env` (double extended) by its rounding. SDM volume 1, chapter 8;
 * volume 2.
 */
#ifndef ACCEL_JIT_X86_FPU_ARITHMETIC_H
#define ACCEL_JIT_X86_FPU_ARITHMETIC_H

#include "accel/jit/exact.h"
#include "accel/jit/x86/x87.h"

/* ExactNumber.class: an encoding that 8.2.2 calls unsupported. It is treated as a NaN that
 * signals. */
enum { X87_UNSUPPORTED = EXACT_SIGNALING_NAN + 1 };

ExactNumber x87_unpack(const X86Fpr *value);
/* An unsupported encoding becomes the indefinite. */
X86Fpr x87_pack(ExactNumber number);

static inline bool x87_is_nan(ExactNumber number)
{
    return number.class >= EXACT_QUIET_NAN;
}

/* The result of an instruction with two operands, of which one or both are NaNs: table 4-7. */
ExactNumber x87_nan(ExactEnv *env, ExactNumber a, ExactNumber b);
/* FST to the single or double that `env` has: the bits. */
uint64_t x87_narrow(ExactEnv *env, ExactNumber a);
/* FLD1 … FLDZ, rounded by RC. */
X86Fpr x87_constant(const ExactEnv *env, X87Operation operation);

/*
 * ST(0) is a, the other operand, or ST(1), is b; neither is a NaN. `codes` gets C0, C2 and C3
 * where an instruction has them, and C1 where it is no rounding's.
 */
typedef ExactNumber X87Function(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes);
X87Function x87_round, x87_scale, x87_remainder, x87_remainder_nearest;
X87Function x87_f2xm1, x87_fyl2x, x87_fyl2xp1, x87_arctangent;
/* With C2 the operand is out of range, and the result the operand. */
X87Function x87_sine, x87_cosine, x87_tangent;
/* Of FXTRACT what is in ST(0) before the significand is pushed. */
X87Function x87_exponent;
/* What FXTRACT, FPTAN and FSINCOS push, after the function that they have above. */
ExactNumber x87_second(ExactEnv *env, X87Operation operation, ExactNumber a, uint16_t *codes);

/* For functions: a denormal operand is told of; true: it ends the instruction, not being masked. */
bool x87_denormal_ends(ExactEnv *env, ExactNumber a, ExactNumber b);

#endif
