/* SPDX-License-Identifier: MIT */
/*
 * exact.h's operations on numbers that are plain, by integer arithmetic: the usual case, many times as
 * fast as MPFR. Each returns false, with nothing done, where it does not know: operands or results that
 * are zeros, denormals, infinities, or too large. Then MPFR is asked.
 */
#ifndef ACCEL_JIT_EXACT_PLAIN_H
#define ACCEL_JIT_EXACT_PLAIN_H

#include "accel/jit/exact.h"

/* Of operands that are EXACT_NORMAL: the result, and what it raises. */
typedef bool ExactPlain(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber *result);
ExactPlain exact_plain_add, exact_plain_sub, exact_plain_mul, exact_plain_div;
/* Of the first operand alone. */
ExactPlain exact_plain_sqrt, exact_plain_convert;

/* To an integer; of any number that is finite and not 0, and one of the format of `env`. */
ExactNumber exact_plain_round(ExactEnv *env, ExactNumber a);

/* For tests: all is done by MPFR. */
extern bool exact_by_mpfr;

#endif
