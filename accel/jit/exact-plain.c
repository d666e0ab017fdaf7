/* SPDX-License-Identifier: MIT */
/*
 * Significands of 64 bits, and 64 more behind them for what is cut off: the last of these stands for all that
 * is smaller. IEEE 754-2019, 4.3.
 */
#include "accel/jit/exact-plain.h"

#include <glib.h>

#define INTEGER_BIT (1ull << 63)
#define HALF (1ull << 63)

typedef unsigned __int128 Wide;

bool exact_by_mpfr;

/* Is a significand rounded away from zero? `rest`: behind its last bit, HALF is half of that. */
static bool goes_up(const ExactEnv *env, bool negative, bool odd, uint64_t rest)
{
    switch (env->rounding) {
    case EXACT_NEAREST_EVEN:
        return rest > HALF || (rest == HALF && odd);
    case EXACT_TO_ZERO:
        return false;
    default:
        return rest && negative == (env->rounding == EXACT_DOWN);
    }
}

/* To the precision of `env`. */
static bool finish(ExactEnv *env, bool negative, int exponent, uint64_t significand, uint64_t rest,
                   ExactNumber *result)
{
    unsigned precision = env->precision ? env->precision : env->format->precision;
    uint64_t last = 1ull << (64 - precision);
    bool up;

    if (precision < 64) {
        rest = significand << precision | (rest != 0);
        significand &= -last;
    }
    up = goes_up(env, negative, significand & last, rest);
    if (up) {
        significand += last;
        if (!significand) {
            significand = INTEGER_BIT;
            exponent++;
        }
    }
    if (exponent < exact_exponent_min(env->format) || exponent > exact_exponent_max(env->format)) {
        return false;
    }
    env->flags |= rest ? EXACT_INEXACT : 0;
    env->rounded_up = up;
    *result = (ExactNumber){ .class = EXACT_NORMAL, .negative = negative, .significand = significand,
                             .exponent = exponent };
    return true;
}

/* The highest bit of `value`, which is not 0, is made that of a significand: it counts 2^exponent as bit 127. */
static bool finish_wide(ExactEnv *env, bool negative, int exponent, Wide value, ExactNumber *result)
{
    uint64_t high = value >> 64;
    unsigned zeros = high ? __builtin_clzll(high) : 64 + __builtin_clzll((uint64_t)value);

    value <<= zeros;
    return finish(env, negative, exponent - (int)zeros, value >> 64, (uint64_t)value, result);
}

bool exact_plain_add(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber *result)
{
    bool swap = a.exponent < b.exponent ||
                (a.exponent == b.exponent && a.significand < b.significand);
    ExactNumber large = swap ? b : a, small = swap ? a : b;
    unsigned distance = (unsigned)(large.exponent - small.exponent);
    Wide x = (Wide)large.significand << 63, y = (Wide)small.significand << 63, moved;

    moved = distance < 127 ? y >> distance : 0;
    y = moved | (distance >= 127 || moved << distance != y);
    x = a.negative == b.negative ? x + y : x - y;
    if (!x) {
        env->rounded_up = false;
        *result = exact_zero(env->rounding == EXACT_DOWN);
        return true;
    }
    return finish_wide(env, large.negative, large.exponent + 1, x, result);
}

bool exact_plain_sub(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber *result)
{
    b.negative = !b.negative;
    return exact_plain_add(env, a, b, result);
}

bool exact_plain_mul(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber *result)
{
    return finish_wide(env, a.negative != b.negative, a.exponent + b.exponent + 1,
                       (Wide)a.significand * b.significand, result);
}

bool exact_plain_div(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber *result)
{
    bool less = a.significand < b.significand;
    Wide dividend = (Wide)a.significand << (less ? 64 : 63);
    uint64_t quotient = (uint64_t)(dividend / b.significand);
    uint64_t left = (uint64_t)dividend - quotient * b.significand, other = b.significand - left;

    return finish(env, a.negative != b.negative, a.exponent - b.exponent - less, quotient,
                  !left ? 0 : (left >= other ? HALF : 0) | (left != other), result);
}

/* The root of a number of 64 bits of which one of the first two is set. */
static uint32_t root64(uint64_t value)
{
    uint32_t root = 0;

    for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
        uint64_t next = root | bit;
        if (next * next <= value) {
            root = (uint32_t)next;
        }
    }
    return root;
}

/*
 * The same of 128 bits: a quarter of the number at a time is divided by twice the root of what is before
 * it, which may give one too many.
 */
static uint64_t root128(Wide value, Wide *left)
{
    uint64_t high = value >> 64, root = root64(high), rest = high - root * root;
    Wide dividend = (Wide)rest << 32 | (uint32_t)(value >> 32);
    uint64_t quotient = (uint64_t)(dividend / (2 * root));

    root = (quotient >> 32 ? UINT32_MAX : quotient) + (root << 32);
    while ((Wide)root * root > value) {
        root--;
    }
    *left = value - (Wide)root * root;
    return root;
}

bool exact_plain_sqrt(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber *result)
{
    bool odd = a.exponent & 1;
    uint64_t root;
    Wide left;

    if (a.negative) {
        return false;
    }
    root = root128((Wide)a.significand << (odd ? 64 : 63), &left);
    return finish(env, false, (a.exponent - odd) / 2, root, !left ? 0 : (left > root ? HALF : 0) | 1,
                  result);
}

bool exact_plain_convert(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber *result)
{
    return finish(env, a.negative, a.exponent, a.significand, 0, result);
}

ExactNumber exact_plain_round(ExactEnv *env, ExactNumber a)
{
    uint64_t last, rest;
    bool up;

    env->rounded_up = false;
    if (a.exponent >= 63) {
        return a;
    }
    if (a.exponent < 0) {
        rest = a.exponent == -1 ? a.significand : 1;
        last = 0;
    } else {
        rest = a.significand << a.exponent << 1;
        last = 1ull << (63 - a.exponent);
        a.significand &= -last;
    }
    env->flags |= rest ? EXACT_INEXACT : 0;
    env->rounded_up = up = goes_up(env, a.negative, a.significand & last, rest);
    if (!last) {
        a = up ? (ExactNumber){ .class = EXACT_NORMAL, .negative = a.negative,
                                .significand = INTEGER_BIT }
               : exact_zero(a.negative);
    } else if (up) {
        a.significand += last;
        if (!a.significand) {
            a.significand = INTEGER_BIT;
            a.exponent++;
        }
    }
    return a;
}
