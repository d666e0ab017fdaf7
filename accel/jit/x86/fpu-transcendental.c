/* SPDX-License-Identifier: MIT */
/*
 * The transcendental instructions of the x87, rounded correctly: real ones are within an ulp of
 * that. Angles are reduced by the pi of 66 bits that all x87s have had. SDM volume 1, 8.3.7 to
 * 8.3.10.
 */
#include "accel/jit/x86/fpu-arithmetic.h"

/* Of the type ExactFunction. */
#define FUNCTION(name) \
    static int name(mpfr_ptr result, mpfr_srcptr a, mpfr_srcptr b, mpfr_srcptr c, \
                    mpfr_rnd_t rounding)

static ExactNumber apply(ExactEnv *env, ExactFunction function, ExactNumber a, ExactNumber b)
{
    uint8_t before = env->flags;
    ExactNumber result = exact_apply(env, function, a, b, exact_zero(false));
    if (env->flags & EXACT_INVALID) { /* hides that an operand is denormal */
        return result;
    }
    uint8_t after = env->flags;
    env->flags = before;
    if (!x87_denormal_ends(env, a, b)) {
        env->flags |= after;
    }
    return result;
}

/* Where CPUs do not notice that a result is exact, but for 0. */
static ExactNumber apply_inexact(ExactEnv *env, ExactFunction function, ExactNumber a,
                                 ExactNumber b)
{
    ExactNumber result = apply(env, function, a, b);
    bool ends = env->flags & ~env->masked & EXACT_DENORMAL_OPERAND;
    bool finite = exact_is_finite(a) && exact_is_finite(b);
    if (finite && !ends && (result.class == EXACT_NORMAL || result.class == EXACT_DENORMAL)) {
        env->flags |= EXACT_INEXACT;
    }
    return result;
}

/* ---- angles ---- */

/*
 * 0 … 3: the quadrant of the angle, whose middle is at 0, pi / 2 …; `rest` is initialized to what
 * is left of it, exactly.
 */
static unsigned reduce(mpfr_ptr rest, mpfr_srcptr angle)
{
    mpfr_t half_pi, turns;
    mpfr_init2(rest, 256);
    mpfr_init2(half_pi, 128);
    mpfr_init2(turns, 128);
    mpfr_set_str(half_pi, "C90FDAA22168C234Cp-67", 16, MPFR_RNDN);
    mpfr_div(turns, angle, half_pi, MPFR_RNDN);
    mpfr_rint(turns, turns, MPFR_RNDN);
    mpfr_mul(rest, turns, half_pi, MPFR_RNDN);
    mpfr_sub(rest, angle, rest, MPFR_RNDN);
    if (mpfr_zero_p(turns)) {
        mpfr_set(rest, angle, MPFR_RNDN); /* that of -0 is -0 */
    }
    mpfr_fmod_ui(turns, turns, 4, MPFR_RNDN);
    unsigned quadrant = mpfr_get_si(turns, MPFR_RNDN) & 3;
    mpfr_clear(half_pi);
    mpfr_clear(turns);
    return quadrant;
}

typedef int Unary(mpfr_ptr result, mpfr_srcptr a, mpfr_rnd_t rounding);

static int negative_of(Unary *function, mpfr_ptr result, mpfr_srcptr a, mpfr_rnd_t rounding)
{
    int ternary = function(result, a, rounding == MPFR_RNDU   ? MPFR_RNDD
                                      : rounding == MPFR_RNDD ? MPFR_RNDU
                                                              : rounding);
    mpfr_neg(result, result, MPFR_RNDN);
    return -ternary;
}

static int quarter_sine(unsigned quadrant, mpfr_ptr result, mpfr_srcptr a, mpfr_rnd_t rounding)
{
    Unary *function = quadrant & 1 ? mpfr_cos : mpfr_sin;
    return quadrant & 2 ? negative_of(function, result, a, rounding)
                        : function(result, a, rounding);
}

FUNCTION(sine)
{
    mpfr_t rest;
    unsigned quadrant = reduce(rest, a);
    int ternary = quarter_sine(quadrant, result, rest, rounding);
    mpfr_clear(rest);
    return ternary;
}

FUNCTION(cosine)
{
    mpfr_t rest;
    unsigned quadrant = reduce(rest, a);
    int ternary = quarter_sine(quadrant + 1, result, rest, rounding);
    mpfr_clear(rest);
    return ternary;
}

FUNCTION(tangent)
{
    mpfr_t rest;
    unsigned quadrant = reduce(rest, a);
    int ternary = quadrant & 1 ? negative_of(mpfr_cot, result, rest, rounding)
                               : mpfr_tan(result, rest, rounding);
    mpfr_clear(rest);
    return ternary;
}

/* Angles of 2^63 and more are not taken. */
static ExactNumber trigonometric(ExactEnv *env, ExactFunction function, ExactNumber a,
                                 uint16_t *codes)
{
    if (exact_is_finite(a) && a.exponent >= 63) {
        *codes |= X87_C2;
        return a;
    }
    return apply(env, function, a, a);
}

ExactNumber x87_sine(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return trigonometric(env, sine, a, codes);
}

ExactNumber x87_cosine(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return trigonometric(env, cosine, a, codes);
}

ExactNumber x87_tangent(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return trigonometric(env, tangent, a, codes);
}

FUNCTION(arctangent)
{
    return mpfr_atan2(result, b, a, rounding);
}

ExactNumber x87_arctangent(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return apply(env, arctangent, a, b);
}

/* ---- exponentials and logarithms ---- */

/* What the SDM leaves undefined is so on Intel's CPUs. */
static ExactNumber out_of_range(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    if (!x87_denormal_ends(env, a, b)) {
        env->flags |= EXACT_INEXACT;
        env->rounded_up = false;
    }
    return a;
}

FUNCTION(exponential)
{
    return mpfr_exp2m1(result, a, rounding);
}

ExactNumber x87_f2xm1(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    bool is_1 = a.exponent == 0 && a.significand == 1ull << 63;
    if (exact_is_finite(a) && a.class != EXACT_ZERO && a.exponent >= 0 && !is_1) {
        return out_of_range(env, a, a);
    }
    return apply_inexact(env, exponential, a, a);
}

/*
 * b * function(a), rounded once. But for a few that MPFR says are exact, logarithms are
 * irrational, so the product is never halfway, and some precision shows where it lies.
 */
static int multiple(Unary *function, mpfr_ptr result, mpfr_srcptr a, mpfr_srcptr b,
                    mpfr_rnd_t rounding)
{
    mpfr_prec_t wanted = mpfr_get_prec(result);
    mpfr_t logarithm, product;
    bool known = false;
    int ternary = 0;
    for (mpfr_prec_t bits = 128; !known; bits *= 2) {
        mpfr_init2(logarithm, bits);
        mpfr_init2(product, bits + mpfr_get_prec(b));
        bool exact = !function(logarithm, a, MPFR_RNDN);
        mpfr_mul(product, logarithm, b, MPFR_RNDN);
        known = exact || !mpfr_regular_p(product) ||
                mpfr_can_round(product, bits - 2, MPFR_RNDN, MPFR_RNDZ,
                               wanted + (rounding == MPFR_RNDN));
        if (known) {
            ternary = mpfr_set(result, product, rounding);
        }
        mpfr_clear(logarithm);
        mpfr_clear(product);
    }
    return ternary;
}

FUNCTION(logarithm_times)
{
    return multiple(mpfr_log2, result, a, b, rounding);
}

FUNCTION(logarithm_above_1_times)
{
    return multiple(mpfr_log2p1, result, a, b, rounding);
}

ExactNumber x87_fyl2x(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    if (a.class == EXACT_ZERO && exact_is_finite(b) && b.class != EXACT_ZERO) {
        env->flags |= EXACT_ZERO_DIVIDE;
        return exact_infinity(!b.negative);
    }
    return apply_inexact(env, logarithm_times, a, b);
}

ExactNumber x87_fyl2xp1(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    if (exact_is_finite(a) && a.class != EXACT_ZERO && a.negative && a.exponent >= 0) {
        b.negative = !b.negative;
        return b.class == EXACT_INFINITY || b.class == EXACT_ZERO ? b : out_of_range(env, a, b);
    }
    return apply_inexact(env, logarithm_above_1_times, a, b);
}
