/* SPDX-License-Identifier: MIT */
/* Arithmetic of the x87 that is exact but for the last rounding: see fpu-arithmetic.h. */
#include "accel/jit/x86/fpu-arithmetic.h"

#define INTEGER_BIT (1ull << 63)

/* ---- formats ---- */

ExactNumber x87_unpack(const X86Fpr *value)
{
    if (value->exponent & 0x7fff && !(value->mantissa & INTEGER_BIT)) {
        return (ExactNumber){ .class = X87_UNSUPPORTED, .negative = value->exponent >> 15 };
    }
    return exact_unpack_extended(value->mantissa, value->exponent);
}

X86Fpr x87_pack(ExactNumber number)
{
    X86Fpr value = { 3ull << 62, 0xffff };
    if (number.class != X87_UNSUPPORTED) {
        value.mantissa = exact_pack_extended(number, &value.exponent);
    }
    return value;
}

/* The larger significand; of two that are equal the positive one. */
static bool is_larger(ExactNumber a, ExactNumber b)
{
    return a.significand != b.significand ? a.significand > b.significand : b.negative;
}

ExactNumber x87_nan(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    if (a.class >= EXACT_SIGNALING_NAN || b.class >= EXACT_SIGNALING_NAN) {
        env->flags |= EXACT_INVALID;
    }
    if (a.class == X87_UNSUPPORTED || b.class == X87_UNSUPPORTED) {
        return exact_default_nan(env);
    }
    if (!x87_is_nan(a) || !x87_is_nan(b)) {
        return exact_quiet(x87_is_nan(a) ? a : b);
    }
    if (a.class != b.class) {
        return a.class == EXACT_QUIET_NAN ? a : b;
    }
    return exact_quiet(is_larger(a, b) ? a : b);
}

/* A denormal is no exception where it is stored. */
static ExactNumber as_normal(ExactNumber a)
{
    if (a.class == EXACT_DENORMAL) {
        a.class = EXACT_NORMAL;
    }
    return a;
}

uint64_t x87_narrow(ExactEnv *env, ExactNumber a)
{
    ExactNumber number = x87_is_nan(a) ? x87_nan(env, a, a) : exact_convert(env, as_normal(a));
    if (env->flags & ~env->masked & (EXACT_INVALID | EXACT_OVERFLOW | EXACT_UNDERFLOW)) {
        return 0; /* it is not stored */
    }
    return exact_pack(env->format, number);
}

/* Truncated, with what rounding to nearest adds; exact ones are given by `exact`. */
X86Fpr x87_constant(const ExactEnv *env, X87Operation operation)
{
    static const struct {
        uint64_t significand;
        uint16_t exponent;
        bool exact, nearest_is_up;
    } constants[] = {
        [X87_FLD1] = { INTEGER_BIT, 0x3fff, true, false },
        [X87_FLDL2T] = { 0xd49a784bcd1b8afe, 0x4000, false, false }, /* log2 10 */
        [X87_FLDL2E] = { 0xb8aa3b295c17f0bb, 0x3fff, false, true },  /* log2 e */
        [X87_FLDPI] = { 0xc90fdaa22168c234, 0x4000, false, true },
        [X87_FLDLG2] = { 0x9a209a84fbcff798, 0x3ffd, false, true },  /* log10 2 */
        [X87_FLDLN2] = { 0xb17217f7d1cf79ab, 0x3ffe, false, true },  /* ln 2 */
        [X87_FLDZ] = { 0, 0, true, false },
    };
    bool up = env->rounding == EXACT_UP ||
              (env->rounding == EXACT_NEAREST_EVEN && constants[operation].nearest_is_up);
    return (X86Fpr){
        constants[operation].significand + (up && !constants[operation].exact),
        constants[operation].exponent,
    };
}

bool x87_denormal_ends(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    exact_operand(env, a);
    exact_operand(env, b);
    return env->flags & ~env->masked & EXACT_DENORMAL_OPERAND;
}

/* ---- FRNDINT, FSCALE, FXTRACT ---- */

ExactNumber x87_round(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    if (!exact_is_finite(a) || x87_denormal_ends(env, a, a)) {
        return a;
    }
    return exact_round(env, a);
}

static int shift(mpfr_ptr result, mpfr_srcptr a, mpfr_srcptr b, mpfr_srcptr c, mpfr_rnd_t rounding)
{
    return mpfr_mul_2si(result, a, mpfr_get_si(b, MPFR_RNDZ), rounding);
}

/* Massive overflow and underflow: SDM volume 1, 8.5.4 and 8.5.5. */
static ExactNumber limited(ExactEnv *env, ExactNumber number)
{
    bool large = number.exponent > exact_exponent_max(env->format);
    bool small = number.exponent < exact_exponent_min(env->format);
    if (number.class != EXACT_NORMAL || (!large && !small)) {
        return number;
    }
    env->flags |= EXACT_INEXACT;
    env->rounded_up = large;
    return large ? exact_infinity(number.negative) : exact_zero(number.negative);
}

ExactNumber x87_scale(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    bool zero = b.negative ? a.class == EXACT_INFINITY : a.class == EXACT_ZERO;
    if (b.class == EXACT_INFINITY && zero) {
        env->flags |= EXACT_INVALID;
        return exact_default_nan(env);
    }
    if (x87_denormal_ends(env, a, b)) {
        return a;
    }
    if (b.class == EXACT_INFINITY) {
        return b.negative ? exact_zero(a.negative) : exact_infinity(a.negative);
    }
    if (a.class == EXACT_ZERO || a.class == EXACT_INFINITY) {
        return a;
    }
    if (b.exponent > 17) { /* as good as any that is larger */
        b.exponent = 17;
    }
    return limited(env, exact_apply(env, shift, a, b, exact_zero(false)));
}

ExactNumber x87_exponent(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    if (a.class == EXACT_ZERO) {
        env->flags |= EXACT_ZERO_DIVIDE;
        return exact_infinity(true);
    }
    if (a.class == EXACT_INFINITY) {
        return exact_infinity(false);
    }
    x87_denormal_ends(env, a, a);
    return exact_from_integer(env, a.exponent);
}

ExactNumber x87_second(ExactEnv *env, X87Operation operation, ExactNumber a, uint16_t *codes)
{
    switch (operation) {
    case X87_FXTRACT:
        if (exact_is_finite(a) && a.class != EXACT_ZERO) {
            a.exponent = 0;
        }
        return as_normal(a);
    case X87_FSINCOS:
        return x87_cosine(env, a, a, codes);
    default:
        return a.class == EXACT_INFINITY ? exact_default_nan(env) : exact_from_integer(env, 1);
    }
}

/* ---- FPREM, FPREM1 ---- */

/* The quotient's low bits; C0 and C3 stay where there is none. */
static void set_quotient(uint16_t *codes, uint64_t quotient)
{
    *codes = (*codes & ~(X87_C0 | X87_C3)) | (quotient & 4 ? X87_C0 : 0) |
             (quotient & 2 ? X87_C3 : 0) | (quotient & 1 ? X87_C1 : 0);
}

/* significand * 2^(exponent - 63). */
static ExactNumber of_significand(ExactEnv *env, bool negative, uint64_t significand, int exponent)
{
    unsigned zeros = significand ? __builtin_clzll(significand) : 0;
    if (!significand) {
        return exact_zero(negative);
    }
    return exact_convert(env, (ExactNumber){ .class = EXACT_NORMAL, .negative = negative,
                                             .significand = significand << zeros,
                                             .exponent = exponent - (int)zeros });
}

/*
 * By so many bits of the quotient at once is an operand reduced whose exponent is 64 or more
 * above the other's: the SDM leaves a choice of 32 to 63.
 */
static unsigned partial_bits(int difference)
{
    return 32 + difference % 32;
}

static ExactNumber remainder_of(ExactEnv *env, ExactNumber a, ExactNumber b, bool nearest,
                                uint16_t *codes)
{
    bool negative = a.negative;
    int difference = a.exponent - b.exponent, lowest = b.exponent;
    uint64_t quotient = 0, rest = a.significand;
    if (a.class == EXACT_INFINITY || b.class == EXACT_ZERO) {
        env->flags |= EXACT_INVALID;
        return exact_default_nan(env);
    }
    if (x87_denormal_ends(env, a, b)) {
        return a;
    }
    if (a.class == EXACT_ZERO || b.class == EXACT_INFINITY || difference < (nearest ? -1 : 0)) {
        set_quotient(codes, 0);
        return exact_convert(env, as_normal(a));
    }
    if (difference >= 64) {
        unsigned bits = partial_bits(difference);
        rest = ((unsigned __int128)a.significand << bits) % b.significand;
        set_quotient(codes, 0);
        *codes |= X87_C2;
        return of_significand(env, negative, rest, lowest + difference - (int)bits);
    }
    unsigned __int128 dividend = a.significand, divisor = b.significand;
    if (difference < 0) { /* -1, so that it may be nearer to the divisor than to 0 */
        divisor <<= 1;
        lowest--;
    } else {
        dividend <<= difference;
    }
    quotient = dividend / divisor;
    unsigned __int128 left = dividend % divisor, complement = divisor - left;
    if (nearest && (left > complement || (left == complement && quotient & 1))) {
        quotient++;
        left = complement;
        negative = !negative;
    }
    set_quotient(codes, quotient);
    return of_significand(env, left ? negative : a.negative, left, lowest);
}

ExactNumber x87_remainder(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return remainder_of(env, a, b, false, codes);
}

ExactNumber x87_remainder_nearest(ExactEnv *env, ExactNumber a, ExactNumber b, uint16_t *codes)
{
    return remainder_of(env, a, b, true, codes);
}
