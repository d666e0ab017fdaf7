/* SPDX-License-Identifier: MIT */
/*
 * Exact IEEE 754 arithmetic by MPFR, where exact-plain.h does not know: its numbers have the precision that is asked for and as good
 * as any exponent, so an operation gives what 754 calls the result rounded with exponents
 * unbounded, and the ternary value says on which side the exact one is. The rest is done by
 * finish().
 */
#include "accel/jit/exact-plain.h"

#include <glib.h>
#include <limits.h>

const ExactFormat exact_binary16 = { 5, 11 };
const ExactFormat exact_binary32 = { 8, 24 };
const ExactFormat exact_binary64 = { 11, 53 };
const ExactFormat exact_extended = { 15, 64 };

#define INTEGER_BIT (1ull << 63)
#define QUIET_BIT (1ull << 62)

/* ---- formats ---- */

static ExactNumber special(ExactClass class, bool negative, uint64_t significand)
{
    return (ExactNumber){ .class = class, .negative = negative, .significand = significand };
}

ExactNumber exact_zero(bool negative)
{
    return special(EXACT_ZERO, negative, 0);
}

ExactNumber exact_infinity(bool negative)
{
    return special(EXACT_INFINITY, negative, 0);
}

ExactNumber exact_quiet(ExactNumber nan)
{
    return special(EXACT_QUIET_NAN, nan.negative, nan.significand | QUIET_BIT);
}

ExactNumber exact_default_nan(const ExactEnv *env)
{
    return special(EXACT_QUIET_NAN, env->nan_negative, INTEGER_BIT | QUIET_BIT);
}

/* `exponent` is the field's, `significand` has the integer bit at bit 63 unless the field is 0. */
static ExactNumber unpack(const ExactFormat *format, bool negative, unsigned exponent,
                          uint64_t significand)
{
    if (exponent == (1u << format->exponent_bits) - 1) {
        return significand == INTEGER_BIT ? exact_infinity(negative)
               : special(significand & QUIET_BIT ? EXACT_QUIET_NAN : EXACT_SIGNALING_NAN, negative,
                         significand);
    }
    if (!significand) {
        return exact_zero(negative);
    }
    unsigned shift = __builtin_clzll(significand);
    return (ExactNumber){
        .class = exponent ? EXACT_NORMAL : EXACT_DENORMAL, .negative = negative,
        .significand = significand << shift,
        .exponent = (int)MAX(exponent, 1) - exact_exponent_max(format) - (int)shift,
    };
}

/* The exponent's field; the significand with the integer bit at bit 63. */
static unsigned pack(const ExactFormat *format, ExactNumber number, uint64_t *significand)
{
    int minimum = exact_exponent_min(format);
    *significand = number.significand;
    switch (number.class) {
    case EXACT_ZERO:
        return 0;
    case EXACT_INFINITY:
        *significand = INTEGER_BIT;
        return (1u << format->exponent_bits) - 1;
    case EXACT_QUIET_NAN:
    case EXACT_SIGNALING_NAN:
        return (1u << format->exponent_bits) - 1;
    default:
        g_assert(number.exponent <= exact_exponent_max(format));
        if (number.exponent < minimum) {
            g_assert(minimum - number.exponent < format->precision);
            *significand >>= minimum - number.exponent;
            return 0;
        }
        return number.exponent + exact_exponent_max(format);
    }
}

ExactNumber exact_unpack(const ExactFormat *format, uint64_t bits)
{
    unsigned fraction = format->precision - 1, exponents = format->exponent_bits;
    unsigned exponent = bits >> fraction & ((1u << exponents) - 1);
    bool special_or_normal = exponent;
    uint64_t significand = bits << (63 - fraction) & ~INTEGER_BIT;
    return unpack(format, bits >> (fraction + exponents) & 1, exponent,
                  significand | (special_or_normal ? INTEGER_BIT : 0));
}

uint64_t exact_pack(const ExactFormat *format, ExactNumber number)
{
    unsigned fraction = format->precision - 1;
    uint64_t significand, exponent = pack(format, number, &significand);
    return (uint64_t)number.negative << (fraction + format->exponent_bits) | exponent << fraction
           | (significand & ~INTEGER_BIT) >> (63 - fraction);
}

ExactNumber exact_unpack_extended(uint64_t significand, uint16_t sign_exponent)
{
    return unpack(&exact_extended, sign_exponent >> 15, sign_exponent & 0x7fff, significand);
}

uint64_t exact_pack_extended(ExactNumber number, uint16_t *sign_exponent)
{
    uint64_t significand;
    *sign_exponent = pack(&exact_extended, number, &significand) | number.negative << 15;
    return significand;
}

/* ---- MPFR's numbers: in memory of ours, so that there is nothing to be freed ---- */

enum { LIMBS = (64 + GMP_NUMB_BITS - 1) / GMP_NUMB_BITS };

typedef struct Big {
    mpfr_t number;
    mp_limb_t limbs[LIMBS];
} Big;

static void big_of(Big *big, ExactNumber number)
{
    int kind = number.class == EXACT_ZERO ? MPFR_ZERO_KIND
               : number.class == EXACT_INFINITY ? MPFR_INF_KIND
               : MPFR_REGULAR_KIND;
    for (unsigned i = 0; i < LIMBS; i++) {
        big->limbs[i] = (mp_limb_t)(number.significand >> (i * (64 / LIMBS)));
    }
    mpfr_custom_init_set(big->number, number.negative ? -kind : kind, number.exponent + 1, 64,
                         big->limbs);
}

static uint64_t big_significand(const Big *big)
{
    unsigned used = (mpfr_get_prec(big->number) + GMP_NUMB_BITS - 1) / GMP_NUMB_BITS;
    uint64_t significand = 0;
    for (unsigned i = 0; i < used; i++) {
        significand |= (uint64_t)big->limbs[i] << ((LIMBS - used + i) * (64 / LIMBS));
    }
    return significand;
}

static mpfr_rnd_t rounding_of(const ExactEnv *env)
{
    static const mpfr_rnd_t of[] = {
        [EXACT_NEAREST_EVEN] = MPFR_RNDN, [EXACT_DOWN] = MPFR_RNDD,
        [EXACT_UP] = MPFR_RNDU, [EXACT_TO_ZERO] = MPFR_RNDZ,
    };
    return of[env->rounding];
}

/* ---- results: 754 sections 7.4 … 7.6 ---- */

static ExactNumber number_of(const ExactEnv *env, const Big *big)
{
    ExactNumber number = {
        .class = EXACT_NORMAL, .negative = mpfr_signbit(big->number) != 0,
        .significand = big_significand(big), .exponent = (int)mpfr_get_exp(big->number) - 1,
    };
    if (number.exponent < exact_exponent_min(env->format)) {
        number.class = EXACT_DENORMAL;
    }
    return number;
}

static void inexact(ExactEnv *env, bool negative, int ternary)
{
    if (ternary) {
        env->flags |= EXACT_INEXACT;
        env->rounded_up = (ternary > 0) != negative;
    }
}

/* With the exponent adjusted. */
static ExactNumber not_masked(ExactEnv *env, const Big *big, int ternary, int adjust)
{
    ExactNumber number = number_of(env, big);
    inexact(env, number.negative, ternary);
    number.exponent += adjust;
    number.class = EXACT_NORMAL;
    return adjust ? number : exact_zero(number.negative);
}

static ExactNumber overflow(ExactEnv *env, const Big *big, int ternary)
{
    bool negative = mpfr_signbit(big->number);
    env->flags |= EXACT_OVERFLOW;
    if (!(env->masked & EXACT_OVERFLOW)) {
        return not_masked(env, big, ternary, -env->bias_adjust);
    }
    env->flags |= EXACT_INEXACT;
    env->rounded_up = env->rounding == EXACT_NEAREST_EVEN
                      || env->rounding == (negative ? EXACT_DOWN : EXACT_UP);
    if (env->rounded_up) {
        return exact_infinity(negative);
    }
    unsigned precision = env->precision ? env->precision : env->format->precision;
    return (ExactNumber){
        .class = EXACT_NORMAL, .negative = negative, .significand = ~0ull << (64 - precision),
        .exponent = exact_exponent_max(env->format),
    };
}

static ExactNumber underflow(ExactEnv *env, Big *big, int ternary)
{
    bool negative = mpfr_signbit(big->number);
    if (!(env->masked & EXACT_UNDERFLOW)) {
        env->flags |= EXACT_UNDERFLOW;
        return not_masked(env, big, ternary, env->bias_adjust);
    }
    if (env->flush_to_zero) {
        env->flags |= EXACT_UNDERFLOW | EXACT_INEXACT;
        return exact_zero(negative);
    }
    /* MPFR's exponents are one more, and its smallest number is the smallest denormal. */
    mpfr_exp_t all = mpfr_get_emin();
    mpfr_rnd_t rounding = rounding_of(env);
    mpfr_set_emin(exact_exponent_min(env->format) + 2 - mpfr_get_prec(big->number));
    ternary = mpfr_check_range(big->number, ternary, rounding);
    ternary = mpfr_subnormalize(big->number, ternary, rounding);
    mpfr_set_emin(all);
    if (ternary) {
        env->flags |= EXACT_UNDERFLOW;
        inexact(env, negative, ternary);
    }
    return mpfr_zero_p(big->number) ? exact_zero(negative) : number_of(env, big);
}

static ExactNumber finish(ExactEnv *env, Big *big, int ternary)
{
    bool negative = mpfr_signbit(big->number);
    if (mpfr_nan_p(big->number)) {
        env->flags |= EXACT_INVALID;
        return exact_default_nan(env);
    }
    if (mpfr_inf_p(big->number)) {
        return exact_infinity(negative);
    }
    if (mpfr_zero_p(big->number)) { /* inexact, it was rounded to an integer */
        inexact(env, negative, ternary);
        return exact_zero(negative);
    }
    int exponent = (int)mpfr_get_exp(big->number) - 1;
    if (exponent > exact_exponent_max(env->format)) {
        return overflow(env, big, ternary);
    }
    if (exponent < exact_exponent_min(env->format)) {
        return underflow(env, big, ternary);
    }
    inexact(env, negative, ternary);
    return number_of(env, big);
}

ExactNumber exact_apply(ExactEnv *env, ExactFunction function, ExactNumber a, ExactNumber b,
                        ExactNumber c)
{
    Big big_a, big_b, big_c, result;
    big_of(&big_a, a);
    big_of(&big_b, b);
    big_of(&big_c, c);
    mpfr_custom_init_set(result.number, MPFR_ZERO_KIND, 0,
                         env->precision ? env->precision : env->format->precision, result.limbs);
    env->rounded_up = false;
    return finish(env, &result, function(result.number, big_a.number, big_b.number, big_c.number,
                                         rounding_of(env)));
}

/* ---- operations ---- */

ExactNumber exact_operand(ExactEnv *env, ExactNumber a)
{
    if (a.class == EXACT_DENORMAL) {
        if (env->denormals_are_zero) {
            return exact_zero(a.negative);
        }
        env->flags |= EXACT_DENORMAL_OPERAND;
    }
    return a;
}

/* Of `count` operands. An invalid operation, or one by 0, hides that an operand is denormal. */
static ExactNumber operate(ExactEnv *env, ExactFunction function, unsigned count, ExactNumber a,
                           ExactNumber b, ExactNumber c)
{
    uint8_t before = env->flags;

    env->flags = 0;
    a = exact_operand(env, a);
    b = count > 1 ? exact_operand(env, b) : b;
    c = count > 2 ? exact_operand(env, c) : c;
    uint8_t denormal = env->flags;
    ExactNumber result = exact_apply(env, function, a, b, c);
    if (env->flags & (EXACT_INVALID | EXACT_ZERO_DIVIDE)) {
        env->flags &= ~EXACT_DENORMAL_OPERAND;
    } else if (denormal & ~env->masked) {
        env->flags = denormal;
        env->rounded_up = false;
    }
    env->flags |= before;
    return result;
}

/* The same of the first, or both, of a and b. */
static ExactNumber operate_plain(ExactEnv *env, ExactPlain *plain, ExactFunction function,
                                 unsigned count, ExactNumber a, ExactNumber b)
{
    ExactNumber result;

    if (a.class == EXACT_NORMAL && (count == 1 || b.class == EXACT_NORMAL) && !exact_by_mpfr &&
        plain(env, a, b, &result)) {
        return result;
    }
    return operate(env, function, count, a, b, exact_zero(false));
}

#define FUNCTION(name, call) \
    static int name(mpfr_ptr result, mpfr_srcptr a, mpfr_srcptr b, mpfr_srcptr c, \
                    mpfr_rnd_t rounding) \
    { \
        return call; \
    }
FUNCTION(add, mpfr_add(result, a, b, rounding))
FUNCTION(sub, mpfr_sub(result, a, b, rounding))
FUNCTION(mul, mpfr_mul(result, a, b, rounding))
FUNCTION(divide, mpfr_div(result, a, b, rounding))
FUNCTION(root, mpfr_sqrt(result, a, rounding))
FUNCTION(fused, mpfr_fma(result, a, b, c, rounding))
FUNCTION(same, mpfr_set(result, a, rounding))
FUNCTION(integral, mpfr_rint(result, a, rounding))
#undef FUNCTION

ExactNumber exact_add(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    return operate_plain(env, exact_plain_add, add, 2, a, b);
}

ExactNumber exact_sub(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    return operate_plain(env, exact_plain_sub, sub, 2, a, b);
}

ExactNumber exact_mul(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    return operate_plain(env, exact_plain_mul, mul, 2, a, b);
}

static bool is_zero(const ExactEnv *env, ExactNumber a)
{
    return a.class == EXACT_ZERO || (a.class == EXACT_DENORMAL && env->denormals_are_zero);
}

ExactNumber exact_div(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    if (exact_is_finite(a) && !is_zero(env, a) && is_zero(env, b)) {
        env->flags |= EXACT_ZERO_DIVIDE;
        env->rounded_up = false;
        return exact_infinity(a.negative != b.negative);
    }
    return operate_plain(env, exact_plain_div, divide, 2, a, b);
}

ExactNumber exact_sqrt(ExactEnv *env, ExactNumber a)
{
    return operate_plain(env, exact_plain_sqrt, root, 1, a, exact_zero(false));
}

ExactNumber exact_fma(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber c)
{
    return operate(env, fused, 3, a, b, c);
}

ExactNumber exact_convert(ExactEnv *env, ExactNumber a)
{
    return operate_plain(env, exact_plain_convert, same, 1, a, exact_zero(false));
}

/* ---- integers ---- */

ExactNumber exact_round(ExactEnv *env, ExactNumber a)
{
    uint8_t precision = env->precision;
    if (is_zero(env, a)) {
        env->rounded_up = false;
        return exact_zero(a.negative);
    }
    if (exact_is_finite(a) && !exact_by_mpfr) {
        return exact_plain_round(env, a);
    }
    env->precision = 0;
    a = exact_apply(env, integral, a, exact_zero(false), exact_zero(false));
    env->precision = precision;
    return a;
}

bool exact_to_integer(ExactEnv *env, ExactNumber a, unsigned bits, bool is_signed,
                      uint64_t *value)
{
    ExactEnv rounding = *env;
    *value = 0;
    if (exact_is_finite(a)) {
        rounding.format = &exact_extended; /* any operand is one of its numbers */
        a = exact_round(&rounding, a);
    }
    uint64_t magnitude = a.class == EXACT_ZERO ? 0
                         : exact_is_finite(a) && a.exponent < 64 ? a.significand >> (63 - a.exponent)
                         : UINT64_MAX;
    uint64_t largest = is_signed ? (1ull << (bits - 1)) - 1 + a.negative
                       : a.negative ? 0
                       : UINT64_MAX >> (64 - bits);
    if (magnitude > largest || !exact_is_finite(a) || (a.class != EXACT_ZERO && a.exponent > 63)) {
        env->flags |= EXACT_INVALID;
        env->rounded_up = false;
        return false;
    }
    env->flags = rounding.flags;
    env->rounded_up = rounding.rounded_up;
    *value = a.negative ? -magnitude : magnitude;
    return true;
}

static ExactNumber from_magnitude(ExactEnv *env, bool negative, uint64_t magnitude)
{
    ExactNumber number = exact_zero(false);
    if (magnitude) {
        unsigned shift = __builtin_clzll(magnitude);
        number = (ExactNumber){ .class = EXACT_NORMAL, .negative = negative,
                                .significand = magnitude << shift, .exponent = 63 - (int)shift };
    }
    return exact_convert(env, number);
}

ExactNumber exact_from_integer(ExactEnv *env, int64_t value)
{
    return from_magnitude(env, value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

ExactNumber exact_from_unsigned(ExactEnv *env, uint64_t value)
{
    return from_magnitude(env, false, value);
}

/* ---- comparison ---- */

/* Of magnitudes. */
static int order_of(ExactNumber a, ExactNumber b)
{
    int of_a = a.class == EXACT_ZERO ? INT_MIN : a.class == EXACT_INFINITY ? INT_MAX : a.exponent;
    int of_b = b.class == EXACT_ZERO ? INT_MIN : b.class == EXACT_INFINITY ? INT_MAX : b.exponent;

    return of_a != of_b                   ? (of_a < of_b ? -1 : 1)
           : a.significand != b.significand ? (a.significand < b.significand ? -1 : 1)
                                            : 0;
}

ExactRelation exact_compare(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    int order;

    if (exact_is_nan(a) || exact_is_nan(b)) {
        return EXACT_UNORDERED;
    }
    a = exact_operand(env, a);
    b = exact_operand(env, b);
    if (a.class == EXACT_ZERO && b.class == EXACT_ZERO) {
        return EXACT_EQUAL;
    }
    order = a.negative != b.negative ? 1 : order_of(a, b);
    order = a.negative ? -order : order;
    return order < 0 ? EXACT_LESS : order ? EXACT_GREATER : EXACT_EQUAL;
}

void exact_thread_end(void)
{
    mpfr_free_cache2(MPFR_FREE_LOCAL_CACHE);
}
