/* SPDX-License-Identifier: MIT */
/*
 * The exact arithmetic of the software CPU: formats, known results on any host, and on an x86-64
 * host random operands against its SSE2 and x87, results and exceptions, in every mode of
 * rounding.
 */
#include "accel/jit/exact-plain.h"

#include <glib.h>
#include <inttypes.h>
#include <string.h>

enum { ROUNDS = 3000 };

/* ---- formats ---- */

static void test_formats(void)
{
    static const struct {
        const ExactFormat *format;
        uint64_t bits, significand;
        int exponent;
        ExactClass class;
        bool negative;
    } table[] = {
        { &exact_binary16, 0x3c00, 1ull << 63, 0, EXACT_NORMAL, false },
        { &exact_binary16, 0x8001, 1ull << 63, -24, EXACT_DENORMAL, true },
        { &exact_binary16, 0x7bff, 0x7ffull << 53, 15, EXACT_NORMAL, false },
        { &exact_binary16, 0xfc00, 0, 0, EXACT_INFINITY, true },
        { &exact_binary16, 0x7c01, (1ull << 63) | (1ull << 53), 0, EXACT_SIGNALING_NAN, false },
        { &exact_binary32, 0x3f800000, 1ull << 63, 0, EXACT_NORMAL, false },
        { &exact_binary32, 0x80000000, 0, 0, EXACT_ZERO, true },
        { &exact_binary32, 0x007fffff, 0x7fffffull << 41, -127, EXACT_DENORMAL, false },
        { &exact_binary32, 0xffc00000, 3ull << 62, 0, EXACT_QUIET_NAN, true },
        { &exact_binary64, 0x7fefffffffffffff, ~0ull << 11, 1023, EXACT_NORMAL, false },
        { &exact_binary64, 1, 1ull << 63, -1074, EXACT_DENORMAL, false },
        { &exact_binary64, 0xfff0000000000001, (1ull << 63) | (1ull << 11), 0, EXACT_SIGNALING_NAN,
          true },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        ExactNumber number = exact_unpack(table[i].format, table[i].bits);
        g_assert_cmphex(number.significand, ==, table[i].significand);
        g_assert_cmpint(number.class, ==, table[i].class);
        g_assert_cmpint(number.negative, ==, table[i].negative);
        if (number.class == EXACT_NORMAL || number.class == EXACT_DENORMAL) {
            g_assert_cmpint(number.exponent, ==, table[i].exponent);
        }
        g_assert_cmphex(exact_pack(table[i].format, number), ==, table[i].bits);
    }
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        g_assert_cmphex(exact_pack(&exact_binary16, exact_unpack(&exact_binary16, bits)), ==, bits);
    }
}

static void test_extended(void)
{
    static const struct {
        uint64_t significand;
        uint16_t top;
        ExactClass class;
        int exponent;
    } table[] = {
        { 0, 0x8000, EXACT_ZERO, 0 },
        { 1, 0, EXACT_DENORMAL, -16445 },
        { 1ull << 63, 1, EXACT_NORMAL, -16382 },
        { ~0ull, 0xfffe, EXACT_NORMAL, 16383 },
        { 1ull << 63, 0x7fff, EXACT_INFINITY, 0 },
        { 3ull << 62, 0xffff, EXACT_QUIET_NAN, 0 },
        { (1ull << 63) | 5, 0x7fff, EXACT_SIGNALING_NAN, 0 },
    };
    uint16_t top;
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        ExactNumber number = exact_unpack_extended(table[i].significand, table[i].top);
        g_assert_cmpint(number.class, ==, table[i].class);
        g_assert_cmpint(number.exponent, ==, table[i].exponent);
        g_assert_cmphex(exact_pack_extended(number, &top), ==, table[i].significand);
        g_assert_cmphex(top, ==, table[i].top);
    }
    ExactNumber pseudo = exact_unpack_extended(1ull << 63, 0);
    g_assert_cmpint(pseudo.class, ==, EXACT_DENORMAL);
    g_assert_cmpint(pseudo.exponent, ==, -16382);
}

/* ---- known results ---- */

static ExactNumber convert1(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    return exact_convert(env, a);
}

static ExactNumber sqrt1(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    return exact_sqrt(env, a);
}

static ExactNumber round1(ExactEnv *env, ExactNumber a, ExactNumber b)
{
    return exact_round(env, a);
}

enum { I = EXACT_INVALID, D = EXACT_DENORMAL_OPERAND, Z = EXACT_ZERO_DIVIDE, O = EXACT_OVERFLOW,
       U = EXACT_UNDERFLOW, P = EXACT_INEXACT };

static void test_known(void)
{
    static const struct {
        ExactNumber (*operation)(ExactEnv *env, ExactNumber a, ExactNumber b);
        uint32_t a, b, result;
        uint8_t rounding, flags;
        bool up, daz, ftz;
    } table[] = {
        { exact_add, 0x3f800000, 0x3f800000, 0x40000000, EXACT_NEAREST_EVEN, 0 },
        { exact_add, 0x3f800000, 0x33800000, 0x3f800000, EXACT_NEAREST_EVEN, P },
        { exact_add, 0x3f800000, 0x33800000, 0x3f800001, EXACT_UP, P, true },
        { exact_add, 0x3f800000, 0xbf800000, 0x80000000, EXACT_DOWN, 0 },
        { exact_add, 0x3f800000, 0xbf800000, 0x00000000, EXACT_UP, 0 },
        { exact_sub, 0x7f800000, 0x7f800000, 0xffc00000, EXACT_NEAREST_EVEN, I },
        { exact_mul, 0x7f7fffff, 0x40000000, 0x7f800000, EXACT_NEAREST_EVEN, O | P, true },
        { exact_mul, 0x7f7fffff, 0x40000000, 0x7f7fffff, EXACT_TO_ZERO, O | P },
        { exact_mul, 0xff7fffff, 0x40000000, 0xff800000, EXACT_DOWN, O | P, true },
        { exact_mul, 0x00800000, 0x3f000000, 0x00400000, EXACT_NEAREST_EVEN, 0 },
        { exact_mul, 0x00800001, 0x3f000000, 0x00400000, EXACT_NEAREST_EVEN, U | P },
        { exact_mul, 0x00800001, 0x3f000000, 0x00400001, EXACT_UP, U | P, true },
        { exact_mul, 0x00800000, 0xbf000000, 0x80000000, EXACT_NEAREST_EVEN, U | P, .ftz = true },
        /* Not tiny, as it rounds to the smallest normal number when the exponent is unbounded. */
        { exact_mul, 0x3f7fffff, 0x00800000, 0x00800000, EXACT_NEAREST_EVEN, U | P, true },
        { exact_mul, 0x3f800001, 0x007fffff, 0x00800000, EXACT_NEAREST_EVEN, D | P, true },
        { exact_mul, 0x00000001, 0x00000001, 0x00000000, EXACT_NEAREST_EVEN, D | U | P },
        { exact_mul, 0x00000001, 0x00000001, 0x00000001, EXACT_UP, D | U | P, true },
        { exact_mul, 0x00000001, 0x7f7fffff, 0x00000000, EXACT_UP, 0, .daz = true },
        { exact_div, 0x3f800000, 0x40400000, 0x3eaaaaab, EXACT_NEAREST_EVEN, P, true },
        { exact_div, 0xbf800000, 0x00000000, 0xff800000, EXACT_NEAREST_EVEN, Z },
        { exact_div, 0x3f800000, 0x80000001, 0xff800000, EXACT_NEAREST_EVEN, Z, .daz = true },
        { exact_div, 0x00000000, 0x00000000, 0xffc00000, EXACT_NEAREST_EVEN, I },
        { sqrt1, 0x40000000, 0, 0x3fb504f3, EXACT_NEAREST_EVEN, P },
        { sqrt1, 0x80000000, 0, 0x80000000, EXACT_NEAREST_EVEN, 0 },
        { sqrt1, 0x80000001, 0, 0xffc00000, EXACT_NEAREST_EVEN, I },
        { round1, 0x3f000000, 0, 0x00000000, EXACT_NEAREST_EVEN, P },
        { round1, 0xbfc00000, 0, 0xc0000000, EXACT_NEAREST_EVEN, P, true },
        { round1, 0x00000001, 0, 0x3f800000, EXACT_UP, P, true },
        { convert1, 0x00000001, 0, 0x00000001, EXACT_NEAREST_EVEN, D },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        ExactEnv env = { .format = &exact_binary32, .masked = EXACT_ALL, .nan_negative = true,
                         .rounding = table[i].rounding, .denormals_are_zero = table[i].daz,
                         .flush_to_zero = table[i].ftz };
        ExactNumber result = table[i].operation(&env, exact_unpack(&exact_binary32, table[i].a),
                                                exact_unpack(&exact_binary32, table[i].b));
        if (exact_pack(&exact_binary32, result) != table[i].result || env.flags != table[i].flags) {
            g_test_message("row %u", i);
        }
        g_assert_cmphex(exact_pack(&exact_binary32, result), ==, table[i].result);
        g_assert_cmphex(env.flags, ==, table[i].flags);
        g_assert_cmpint(env.rounded_up, ==, table[i].up);
    }
}

/* What is not masked: the exponent is adjusted, and inexact tells of the result so rounded. */
static void test_unmasked(void)
{
    static const struct {
        uint32_t a, b;
        uint8_t masked, flags;
        int exponent;
    } table[] = {
        { 0x7f000000, 0x40000000, (uint8_t)~EXACT_OVERFLOW, O, 128 - 192 },
        { 0x7f7fffff, 0x40400001, (uint8_t)~EXACT_OVERFLOW, O | P, 129 - 192 },
        { 0x00800000, 0x3f000000, (uint8_t)~EXACT_UNDERFLOW, U, -127 + 192 },
        { 0x00800001, 0x3f000001, (uint8_t)~EXACT_UNDERFLOW, U | P, -127 + 192 },
        { 0x00000001, 0x3f000000, (uint8_t)~(EXACT_UNDERFLOW | D), D, 0 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        ExactEnv env = { .format = &exact_binary32, .masked = table[i].masked, .bias_adjust = 192,
                         .flush_to_zero = true };
        ExactNumber result = exact_mul(&env, exact_unpack(&exact_binary32, table[i].a),
                                       exact_unpack(&exact_binary32, table[i].b));
        g_assert_cmphex(env.flags, ==, table[i].flags);
        if (!(env.flags & D)) {
            g_assert_cmpint(result.exponent, ==, table[i].exponent);
        }
    }
}

static void test_integers(void)
{
    static const struct {
        uint64_t from;      /* binary64 */
        unsigned bits;
        bool is_signed;
        uint8_t rounding, flags;
        uint64_t value;
    } table[] = {
        { 0x4004000000000000, 32, true, EXACT_NEAREST_EVEN, P, 2 },         /* 2.5 */
        { 0xc004000000000000, 32, true, EXACT_DOWN, P, -3 },
        { 0x41e0000000000000, 32, true, EXACT_NEAREST_EVEN, I, 0 },         /* 2^31 */
        { 0x41e0000000000000, 32, false, EXACT_NEAREST_EVEN, 0, 1ull << 31 },
        { 0xc1e0000000000000, 32, true, EXACT_NEAREST_EVEN, 0, -(1ull << 31) },
        { 0xc3e0000000000000, 64, true, EXACT_NEAREST_EVEN, 0, 1ull << 63 },
        { 0x43e0000000000000, 64, true, EXACT_NEAREST_EVEN, I, 0 },
        { 0x43e0000000000000, 64, false, EXACT_NEAREST_EVEN, 0, 1ull << 63 },
        { 0x43f0000000000000, 64, false, EXACT_NEAREST_EVEN, I, 0 },
        { 0x41dfffffffe00000, 32, true, EXACT_NEAREST_EVEN, I, 0 },         /* 2^31 - 0.5 */
        { 0x41dfffffffe00000, 32, true, EXACT_TO_ZERO, P, 0x7fffffff },
        { 0xbfe0000000000000, 64, false, EXACT_TO_ZERO, P, 0 },             /* -0.5 */
        { 0xbff0000000000000, 64, false, EXACT_TO_ZERO, I, 0 },
        { 0x7ff0000000000000, 64, true, EXACT_TO_ZERO, I, 0 },
        { 0x7ff8000000000000, 64, true, EXACT_TO_ZERO, I, 0 },
        { 0x0000000000000001, 16, true, EXACT_UP, P, 1 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        ExactEnv env = { .format = &exact_binary64, .masked = EXACT_ALL,
                         .rounding = table[i].rounding };
        uint64_t value;
        bool fits = exact_to_integer(&env, exact_unpack(&exact_binary64, table[i].from),
                                     table[i].bits, table[i].is_signed, &value);
        g_assert_cmpint(fits, ==, !(table[i].flags & I));
        g_assert_cmphex(value, ==, table[i].value);
        g_assert_cmphex(env.flags, ==, table[i].flags);
    }
    ExactEnv env = { .format = &exact_binary64, .masked = EXACT_ALL };
    g_assert_cmphex(exact_pack(&exact_binary64, exact_from_integer(&env, INT64_MIN)), ==,
                    0xc3e0000000000000);
    g_assert_cmphex(exact_pack(&exact_binary64, exact_from_integer(&env, 0)), ==, 0);
    g_assert_cmphex(env.flags, ==, 0);
    g_assert_cmphex(exact_pack(&exact_binary64, exact_from_unsigned(&env, UINT64_MAX)), ==,
                    0x43f0000000000000);
    g_assert_cmphex(env.flags, ==, P);
}

static void test_compare(void)
{
    static const uint32_t ascending[] = { 0xff800000, 0xff7fffff, 0x80000001, 0, 1, 0x3f800000,
                                          0x7f800000 };
    ExactEnv env = { .format = &exact_binary32, .masked = EXACT_ALL };
    for (unsigned i = 0; i < G_N_ELEMENTS(ascending); i++) {
        for (unsigned j = 0; j < G_N_ELEMENTS(ascending); j++) {
            g_assert_cmpint(exact_compare(&env, exact_unpack(&exact_binary32, ascending[i]),
                                          exact_unpack(&exact_binary32, ascending[j])), ==,
                            i < j ? EXACT_LESS : i > j ? EXACT_GREATER : EXACT_EQUAL);
        }
    }
    g_assert_cmphex(env.flags, ==, D);
    g_assert_cmpint(exact_compare(&env, exact_zero(true), exact_zero(false)), ==, EXACT_EQUAL);
    g_assert_cmpint(exact_compare(&env, exact_default_nan(&env), exact_zero(false)), ==,
                    EXACT_UNORDERED);
}

static uint64_t random64(void)
{
    return (uint64_t)g_test_rand_int() << 32 | (uint32_t)g_test_rand_int();
}

/* ---- integer arithmetic and MPFR ---- */

/* Of the format: bits at random, few of them, or long rows; with an exponent near `exponent`, or at an edge. */
static ExactNumber random_plain(const ExactFormat *format, int exponent)
{
    uint64_t significand = random64();
    unsigned kind = g_test_rand_int_range(0, 8), shift = g_test_rand_int_range(0, 64);
    int smallest = exact_exponent_min(format), largest = exact_exponent_max(format);

    significand = kind == 0   ? 0
                  : kind == 1 ? 1ull << shift
                  : kind == 2 ? ~0ull << shift
                  : kind == 3 ? ~0ull >> shift
                  : kind == 4 ? significand & ~0ull << shift
                              : significand;
    significand = (significand | 1ull << 63) & ~0ull << (64 - format->precision);
    exponent += g_test_rand_int_range(0, 4) ? g_test_rand_int_range(-4, 5) : g_test_rand_int_range(-140, 141);
    return (ExactNumber){ .class = EXACT_NORMAL, .negative = random64() & 1, .significand = significand,
                          .exponent = CLAMP(exponent, smallest, largest) };
}

static ExactNumber do_plain(unsigned operation, ExactEnv *env, ExactNumber a, ExactNumber b)
{
    switch (operation) {
    case 0:
        return exact_add(env, a, b);
    case 1:
        return exact_sub(env, a, b);
    case 2:
        return exact_mul(env, a, b);
    case 3:
        return exact_div(env, a, b);
    case 4:
        return exact_sqrt(env, a);
    case 5:
        return exact_convert(env, a);
    default:
        return exact_round(env, a);
    }
}

static void test_plain(void)
{
    static const struct {
        const ExactFormat *format;
        uint8_t precision;
    } formats[] = {
        { &exact_binary16, 0 }, { &exact_binary32, 0 }, { &exact_binary64, 0 },
        { &exact_extended, 0 }, { &exact_extended, 24 }, { &exact_extended, 53 },
    };

    for (unsigned i = 0; i < 40u * ROUNDS; i++) {
        unsigned n = i % G_N_ELEMENTS(formats), operation = g_test_rand_int_range(0, 7);
        const ExactFormat *format = formats[n].format;
        const ExactFormat *from = operation == 5 ? &exact_extended : format;
        ExactEnv env = { .format = format, .precision = formats[n].precision, .rounding = random64() & 3,
                         .masked = i & 16 ? EXACT_ALL : 0, .bias_adjust = 24576,
                         .flags = i & 32 ? EXACT_INEXACT : 0, .rounded_up = true };
        ExactEnv other = env;
        int exponent = g_test_rand_int_range(0, 3) ? 0
                       : (random64() & 1)          ? exact_exponent_min(format)
                                                   : exact_exponent_max(format);
        ExactNumber a = random_plain(from, exponent), b = random_plain(from, a.exponent), result, expected;

        result = do_plain(operation, &env, a, b);
        exact_by_mpfr = true;
        expected = do_plain(operation, &other, a, b);
        exact_by_mpfr = false;
        if (result.class != expected.class || result.negative != expected.negative ||
            result.significand != expected.significand || result.exponent != expected.exponent ||
            env.flags != other.flags || env.rounded_up != other.rounded_up) {
            g_test_message("operation %u, precision %u, rounding %u: %016" PRIx64 " %d, %016" PRIx64
                           " %d: %016" PRIx64 " %d flags %02x, not %016" PRIx64 " %d flags %02x", operation,
                           env.precision ? env.precision : format->precision, env.rounding, a.significand,
                           a.exponent, b.significand, b.exponent, result.significand, result.exponent,
                           env.flags, expected.significand, expected.exponent, other.flags);
            g_test_fail();
            return;
        }
    }
}

#ifdef __x86_64__
#include <immintrin.h>

static const ExactNumber none;

/* A number of the format, no NaN: often one at an edge, or near to `near`. */
static uint64_t random_number(const ExactFormat *format, uint64_t near)
{
    unsigned fraction = format->precision - 1;
    uint64_t one = 1ull << fraction, exponents = (1ull << format->exponent_bits) - 1;
    uint64_t bias = exponents >> 1, sign = (random64() & 1) << (fraction + format->exponent_bits);
    uint64_t mantissa = random64() & (one - 1), exponent;
    switch (random64() % 6) {
    case 0:
        mantissa = random64() & 1 ? 0 : one - 1;
        break;
    case 1:
        mantissa = 1ull << random64() % fraction;
        break;
    case 2:
        mantissa &= ~0ull << fraction / 2;
        break;
    }
    switch (random64() % 8) {
    case 0:
        return sign | mantissa;
    case 1:
        return sign | ((random64() & 1) * exponents) << fraction;
    case 2:
        exponent = exponents - 1 - random64() % 3;
        break;
    case 3:
        exponent = 1 + random64() % 3;
        break;
    case 4:
        exponent = bias + random64() % (fraction + 3);
        break;
    case 5:
        exponent = bias / 2 + random64() % 5;
        break;
    case 6:
        exponent = (near >> fraction & exponents) + random64() % 4;
        exponent = MIN(exponent, exponents - 1);
        break;
    default:
        exponent = random64() % exponents;
    }
    return sign | exponent << fraction | mantissa;
}

#define SSE_OPERATIONS(X) X(add) X(sub) X(mul) X(div)
#define X(name) \
    static uint64_t host_##name##_single(uint64_t a, uint64_t b, uint64_t c) \
    { \
        __m128i x = _mm_cvtsi64_si128(a); \
        __asm__ volatile(#name "ss %1, %0" : "+x"(x) : "x"(_mm_cvtsi64_si128(b))); \
        return (uint32_t)_mm_cvtsi128_si64(x); \
    } \
    static uint64_t host_##name##_double(uint64_t a, uint64_t b, uint64_t c) \
    { \
        __m128i x = _mm_cvtsi64_si128(a); \
        __asm__ volatile(#name "sd %1, %0" : "+x"(x) : "x"(_mm_cvtsi64_si128(b))); \
        return _mm_cvtsi128_si64(x); \
    } \
    static ExactNumber exact_##name##_of(ExactEnv *env, ExactNumber a, ExactNumber b, \
                                         ExactNumber c) \
    { \
        return exact_##name(env, a, b); \
    }
SSE_OPERATIONS(X)
#undef X

#define SSE_ONE(X) X(sqrt_single, "sqrtss") X(sqrt_double, "sqrtsd") X(narrow, "cvtsd2ss") \
    X(widen, "cvtss2sd") X(round_single, "roundss $4,") X(round_double, "roundsd $4,")
#define X(name, mnemonic) \
    static uint64_t host_##name(uint64_t a, uint64_t b, uint64_t c) \
    { \
        __m128i x = _mm_setzero_si128(); \
        __asm__ volatile(mnemonic " %1, %0" : "+x"(x) : "x"(_mm_cvtsi64_si128(a))); \
        return _mm_cvtsi128_si64(x); \
    }
SSE_ONE(X)
#undef X

#define SSE_THREE(X) X(fma_single, "vfmadd213ss") X(fma_double, "vfmadd213sd")
#define X(name, mnemonic) \
    static uint64_t host_##name(uint64_t a, uint64_t b, uint64_t c) \
    { \
        __m128i x = _mm_cvtsi64_si128(a); \
        __asm__ volatile(mnemonic " %2, %1, %0" : "+x"(x) : "x"(_mm_cvtsi64_si128(b)), \
                         "x"(_mm_cvtsi64_si128(c))); \
        return _mm_cvtsi128_si64(x); \
    }
SSE_THREE(X)
#undef X

static ExactNumber exact_sqrt_of(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber c)
{
    return exact_sqrt(env, a);
}

static ExactNumber exact_convert_of(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber c)
{
    return exact_convert(env, a);
}

static ExactNumber exact_round_of(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber c)
{
    return exact_round(env, a);
}

static bool always(void)
{
    return true;
}

static bool has_fma(void)
{
    return __builtin_cpu_supports("fma");
}

static bool has_sse41(void)
{
    return __builtin_cpu_supports("sse4.1");
}

static void test_host_sse(void)
{
    static const struct {
        const char *name;
        const ExactFormat *from, *to;
        uint64_t (*host)(uint64_t a, uint64_t b, uint64_t c);
        ExactNumber (*exact)(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber c);
        bool (*has)(void);
    } table[] = {
#define X(name) \
        { #name "ss", &exact_binary32, &exact_binary32, host_##name##_single, exact_##name##_of, \
          always }, \
        { #name "sd", &exact_binary64, &exact_binary64, host_##name##_double, exact_##name##_of, \
          always },
        SSE_OPERATIONS(X)
#undef X
        { "sqrtss", &exact_binary32, &exact_binary32, host_sqrt_single, exact_sqrt_of, always },
        { "sqrtsd", &exact_binary64, &exact_binary64, host_sqrt_double, exact_sqrt_of, always },
        { "cvtsd2ss", &exact_binary64, &exact_binary32, host_narrow, exact_convert_of, always },
        { "cvtss2sd", &exact_binary32, &exact_binary64, host_widen, exact_convert_of, always },
        { "roundss", &exact_binary32, &exact_binary32, host_round_single, exact_round_of,
          has_sse41 },
        { "roundsd", &exact_binary64, &exact_binary64, host_round_double, exact_round_of,
          has_sse41 },
        { "fmass", &exact_binary32, &exact_binary32, host_fma_single, exact_fma, has_fma },
        { "fmasd", &exact_binary64, &exact_binary64, host_fma_double, exact_fma, has_fma },
    };
    uint32_t saved = _mm_getcsr();
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        for (unsigned n = 0; table[i].has() && n < ROUNDS; n++) {
            uint64_t a = random_number(table[i].from, 0), b = random_number(table[i].from, a);
            uint64_t c = random_number(table[i].from, a);
            uint32_t mxcsr = (random64() & 0xe040) | 0x1f80;
            ExactEnv env = {
                .format = table[i].to, .rounding = mxcsr >> 13 & 3, .masked = EXACT_ALL,
                .denormals_are_zero = mxcsr & 0x40, .flush_to_zero = mxcsr & 0x8000,
                .nan_negative = true,
            };
            _mm_setcsr(mxcsr);
            uint64_t expected = table[i].host(a, b, c);
            uint32_t flags = _mm_getcsr() & 0x3f;
            _mm_setcsr(saved);
            uint64_t result = exact_pack(table[i].to, table[i].exact(
                &env, exact_unpack(table[i].from, a), exact_unpack(table[i].from, b),
                exact_unpack(table[i].from, c)));
            if (result != expected || flags != env.flags) {
                g_test_message("%s %" G_GINT64_MODIFIER "x, %" G_GINT64_MODIFIER "x, %"
                               G_GINT64_MODIFIER "x, MXCSR %x", table[i].name, a, b, c, mxcsr);
            }
            g_assert_cmphex(result, ==, expected);
            g_assert_cmphex(env.flags, ==, flags);
        }
    }
}

typedef struct Extended {
    uint64_t significand;
    uint16_t top;
} Extended;

static Extended random_extended(uint16_t near)
{
    static const uint64_t significands[] = { 1ull << 63, ~0ull, 1ull << 63 | 1, ~0ull << 40,
                                             1ull << 63 | 1ull << 39, 1ull << 63 | 1ull << 10 };
    uint64_t significand = random64() | 1ull << 63;
    uint16_t exponent, sign = random64() << 15;
    if (random64() & 1) {
        significand = significands[random64() % G_N_ELEMENTS(significands)];
    }
    switch (random64() % 8) {
    case 0: /* denormals, pseudo-denormals, 0 */
        return (Extended){ random64() % 8 ? significand >> random64() % 64 : 0, sign };
    case 1:
        return (Extended){ 1ull << 63, sign | 0x7fff };
    case 2:
        exponent = 0x7ffe - random64() % 3;
        break;
    case 3:
        exponent = 1 + random64() % 3;
        break;
    case 4:
        exponent = 0x3fff + random64() % 67;
        break;
    case 5:
        exponent = 0x1fff + random64() % 5;
        break;
    case 6:
        exponent = (near & 0x7fff) + 1 + random64() % 4;
        exponent = MIN(exponent, 0x7ffe);
        break;
    default:
        exponent = 1 + random64() % 0x7ffe;
    }
    return (Extended){ significand, sign | exponent };
}

#define X87_OPERATIONS(X) X(add, "fadd %%st(1), %%st") X(sub, "fsub %%st(1), %%st") \
    X(mul, "fmul %%st(1), %%st") X(div, "fdiv %%st(1), %%st") X(sqrt, "fsqrt") X(round, "frndint")

/* What is not masked is told by the next instruction that waits: there is none before FNCLEX. */
#define X(name, mnemonic) \
    static uint16_t x87_##name(uint16_t control, Extended a, Extended b, Extended *result) \
    { \
        uint16_t status; \
        __asm__ volatile("fninit\n\tfldt %3\n\tfldt %2\n\tfldcw %4\n\t" mnemonic "\n\t" \
                         "fnstsw %1\n\tfnclex\n\tfstpt %0\n\tfninit" \
                         : "=m"(*result), "=m"(status) : "m"(a), "m"(b), "m"(control)); \
        return status; \
    }
X87_OPERATIONS(X)
#undef X

static void test_host_x87(void)
{
    static const struct {
        const char *name;
        uint16_t (*host)(uint16_t control, Extended a, Extended b, Extended *result);
        ExactNumber (*exact)(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber c);
    } table[] = {
#define X(name, mnemonic) { #name, x87_##name, exact_##name##_of },
        X87_OPERATIONS(X)
#undef X
    };
    static const uint8_t precisions[] = { 24, 0, 53, 0 };
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        for (unsigned n = 0; n < ROUNDS; n++) {
            Extended a = random_extended(0), b = random_extended(a.top), expected = { 0 }, result;
            static const uint16_t pc_of[] = { 0, 0x200, 0x300 };
            uint16_t control = (random64() & 0xc00) | 0x3f | pc_of[random64() % 3];
            if (random64() & 1) {
                control &= ~0x18;
            }
            ExactEnv env = { .format = &exact_extended, .precision = precisions[control >> 8 & 3],
                             .rounding = control >> 10 & 3, .masked = control & 0x3f,
                             .nan_negative = true, .bias_adjust = 24576 };
            uint16_t status = table[i].host(control, a, b, &expected);
            ExactNumber x = exact_unpack_extended(a.significand, a.top), number;
            if (table[i].exact == exact_round_of) {
                x = exact_operand(&env, x);
            }
            number = table[i].exact(&env, x, exact_unpack_extended(b.significand, b.top), none);
            result.significand = exact_pack_extended(number, &result.top);
            if (result.significand != expected.significand || result.top != expected.top
                || (status & 0x3f) != env.flags
                || (status & P && (status >> 9 & 1) != env.rounded_up)) {
                g_test_message("%s %04x:%016" G_GINT64_MODIFIER "x, %04x:%016" G_GINT64_MODIFIER
                               "x, control %x gives %04x:%016" G_GINT64_MODIFIER "x, status %x",
                               table[i].name, a.top, a.significand, b.top, b.significand, control,
                               expected.top, expected.significand, status);
            }
            g_assert_cmphex(result.significand, ==, expected.significand);
            g_assert_cmphex(result.top, ==, expected.top);
            g_assert_cmphex(env.flags, ==, status & 0x3f);
            if (status & P) {
                g_assert_cmpint(env.rounded_up, ==, status >> 9 & 1);
            }
        }
    }
}
#endif

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/jit/exact/formats", test_formats);
    g_test_add_func("/jit/exact/extended", test_extended);
    g_test_add_func("/jit/exact/known", test_known);
    g_test_add_func("/jit/exact/unmasked", test_unmasked);
    g_test_add_func("/jit/exact/integers", test_integers);
    g_test_add_func("/jit/exact/compare", test_compare);
    g_test_add_func("/jit/exact/plain", test_plain);
#ifdef __x86_64__
    g_test_add_func("/jit/exact/host-sse", test_host_sse);
    g_test_add_func("/jit/exact/host-x87", test_host_x87);
#endif
    int result = g_test_run();
    exact_thread_end();
    return result;
}
