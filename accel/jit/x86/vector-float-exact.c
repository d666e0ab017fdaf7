/* SPDX-License-Identifier: MIT */
/*
 * SIMD floating point in software, for any host: each row says what its lanes are and what
 * accel/jit/exact.h does with them. The rules of x86 are here: which NaN is the result, what is
 * signaled of comparisons and conversions, what the rest of the destination becomes. SDM volume 1,
 * 4.8.3, 11.5, 14.5; volume 2.
 */
#include "accel/jit/exact.h"
#include "accel/jit/x86/vector-float.h"

#include <float.h>
#include <math.h>

/* What lanes are. */
typedef enum LaneType { HALF, SINGLE, DOUBLE, INT32, INT64 } LaneType;

static const struct {
    const ExactFormat *format;  /* NULL: an integer */
    uint8_t bytes;
} lane_types[] = {
    [HALF] = { &exact_binary16, 2 }, [SINGLE] = { &exact_binary32, 4 },
    [DOUBLE] = { &exact_binary64, 8 }, [INT32] = { NULL, 4 }, [INT64] = { NULL, 8 },
};

/* What the destination has beside the lanes that are computed. */
typedef enum Rest {
    REST_ZERO,
    REST_OF_A,
    REST_KEPT,
    REST_NONE,      /* the result is a number, of IR_VECTOR_VALUE */
} Rest;

typedef struct Run Run;
typedef uint64_t (*LaneFunction)(Run *run, unsigned i);
typedef ExactNumber (*Operation)(ExactEnv *env, ExactNumber a, ExactNumber b);

typedef struct Row {
    LaneFunction steps[3];      /* the bits of lane i of the result; the next step's operands */
    Operation operation;        /* of the lane function that takes one */
    uint8_t from, to;           /* LaneType */
    uint8_t count, rest;        /* lanes, 0: as many as there is room for; Rest */
    bool truncates, signals;    /* rounds to zero; raises the invalid exception for a QNaN */
    uint8_t order[3];           /* FMA: which operands (0 d, 1 a, 2 b) are multiplied, and added */
    bool negates, minus[2];     /* FMA: the product's sign; the addend's in even and odd lanes */
} Row;

struct Run {
    const Row *row;
    X86Jit *cpu;
    ExactEnv env;
    bool by_host;               /* may the host's arithmetic be used? */
    uint32_t imm;
    X86Vector operand[3];       /* d, as it was; a; b */
};

enum { D, A, B };

/* ---- lanes ---- */

static uint64_t lane_bits(const X86Vector *v, LaneType type, unsigned i)
{
    switch (lane_types[type].bytes) {
    case 2:
        return v->u16[i];
    case 4:
        return v->u32[i];
    default:
        return v->u64[i];
    }
}

static void put_lane(X86Vector *v, LaneType type, unsigned i, uint64_t bits)
{
    switch (lane_types[type].bytes) {
    case 2:
        v->u16[i] = bits;
        break;
    case 4:
        v->u32[i] = bits;
        break;
    default:
        v->u64[i] = bits;
    }
}

static ExactNumber number(const Run *run, unsigned operand, unsigned i)
{
    LaneType type = run->row->from;
    return exact_unpack(lane_types[type].format, lane_bits(&run->operand[operand], type, i));
}

static uint64_t bits_of(const Run *run, ExactNumber result)
{
    return exact_pack(lane_types[run->row->to].format, result);
}

/* ---- plain numbers, by the arithmetic that C has ---- */

/*
 * It is IEEE 754's (C11, annex F), and so exact where it is asked for what is rounded to nearest.
 * What it raises is not looked at: of numbers that are neither denormal nor infinite, with
 * results that are not either, it can only be that the result is inexact. It is used where that
 * flag is set already, and not by float=host, with which the host's flags are the guest's.
 */
#if defined(__FAST_MATH__) || (FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 1) || \
    FLT_MANT_DIG != 24 || DBL_MANT_DIG != 53
enum { HOST_IS_EXACT = false };
#else
enum { HOST_IS_EXACT = true };
#endif

static uint64_t exponent_of(LaneType type, uint64_t bits)
{
    return type == SINGLE ? bits >> 23 & 0xff : bits >> 52 & 0x7ff;
}

static bool is_zero(LaneType type, uint64_t bits)
{
    return !(bits << (type == SINGLE ? 33 : 1));
}

/* A single or double that is zero or normal. */
static bool is_plain(LaneType type, uint64_t bits)
{
    uint64_t exponent = exponent_of(type, bits);
    return exponent ? exponent != (type == SINGLE ? 0xff : 0x7ff) : is_zero(type, bits);
}

static double value_of(LaneType type, uint64_t bits)
{
    X86Vector v = { .u64 = { bits } };
    return type == SINGLE ? v.f32[0] : v.f64[0];
}

/*
 * The bits of a result; false: it may have been tiny, or too large, or it is a zero that need not
 * be exact. Rounding a sum, product, quotient or root to double and then to single is as rounding
 * it once.
 */
static bool host_result(LaneType type, double value, bool zero_is_exact, uint64_t *bits)
{
    X86Vector v = { 0 };
    if (type == SINGLE) {
        v.f32[0] = (float)value;
    } else {
        v.f64[0] = value;
    }
    *bits = v.u64[0];
    return is_zero(type, *bits) ? zero_is_exact
                                : is_plain(type, *bits) && exponent_of(type, *bits) > 1;
}

/* Lane i of A and B, for comparisons, which raise nothing of plain numbers. */
static bool plain_pair(const Run *run, unsigned i, double *x, double *y)
{
    LaneType type = run->row->from;
    uint64_t a = lane_bits(&run->operand[A], type, i), b = lane_bits(&run->operand[B], type, i);
    if (!HOST_IS_EXACT || !is_plain(type, a) || !is_plain(type, b)) {
        return false;
    }
    *x = value_of(type, a);
    *y = value_of(type, b);
    return true;
}

static bool compute_by_host(const Run *run, Operation operation, uint64_t x, uint64_t y,
                            uint64_t *bits)
{
    LaneType type = run->row->from;
    if (!run->by_host || !is_plain(type, x) || !is_plain(type, y)) {
        return false;
    }
    double a = value_of(type, x), b = value_of(type, y);
    double value = operation == exact_add   ? a + b
                   : operation == exact_sub ? a - b
                   : operation == exact_mul ? a * b
                                            : a / b;
    return host_result(type, value, a == 0 || b == 0, bits);
}

static bool fuse_by_host(const Run *run, const uint64_t *operands, bool minus, uint64_t *bits)
{
    LaneType type = run->row->from;
    double o[3];
    for (unsigned k = 0; k < 3; k++) {
        if (!run->by_host || !is_plain(type, operands[k])) {
            return false;
        }
        o[k] = value_of(type, operands[k]);
    }
    o[0] = run->row->negates ? -o[0] : o[0];
    o[2] = minus ? -o[2] : o[2];
    return host_result(type,
                       type == SINGLE ? fmaf((float)o[0], (float)o[1], (float)o[2])
                                      : fma(o[0], o[1], o[2]),
                       false, bits);
}

/* ---- NaNs ---- */

static bool is_signaling(ExactNumber a)
{
    return a.class == EXACT_SIGNALING_NAN;
}

/* The first NaN is the result, and quiet: SDM volume 1, table 4-7. False: there is none. */
static bool nan_result(Run *run, const ExactNumber *operands, unsigned count, ExactNumber *result)
{
    bool found = false;
    for (unsigned i = 0; i < count; i++) {
        run->env.flags |= is_signaling(operands[i]) ? EXACT_INVALID : 0;
        if (!found && exact_is_nan(operands[i])) {
            *result = exact_quiet(operands[i]);
            found = true;
        }
    }
    return found;
}

/* ---- arithmetic ---- */

/* Of lane i of one operand and lane j of another. */
static uint64_t compute(Run *run, Operation operation, unsigned a, unsigned i, unsigned b,
                        unsigned j)
{
    LaneType type = run->row->from;
    uint64_t bits;
    if (compute_by_host(run, operation, lane_bits(&run->operand[a], type, i),
                        lane_bits(&run->operand[b], type, j), &bits)) {
        return bits;
    }
    ExactNumber operands[] = { number(run, a, i), number(run, b, j) }, result;
    if (!nan_result(run, operands, 2, &result)) {
        result = operation(&run->env, operands[0], operands[1]);
    }
    return bits_of(run, result);
}

static uint64_t binary(Run *run, unsigned i)
{
    return compute(run, run->row->operation, A, i, B, i);
}

static uint64_t square_root(Run *run, unsigned i)
{
    LaneType type = run->row->from;
    uint64_t bits = lane_bits(&run->operand[B], type, i);
    if (run->by_host && is_plain(type, bits) &&
        host_result(type, sqrt(value_of(type, bits)), is_zero(type, bits), &bits)) {
        return bits;
    }
    ExactNumber x = number(run, B, i), result;
    if (!nan_result(run, &x, 1, &result)) {
        result = exact_sqrt(&run->env, x);
    }
    return bits_of(run, result);
}

/* The second is the result when there is a NaN, or both are zeros. SDM volume 2, MINPD, MAXPD. */
static uint64_t pick(Run *run, unsigned i, ExactRelation wanted)
{
    double first, second;
    if (plain_pair(run, i, &first, &second)) {
        bool is_first = wanted == EXACT_LESS ? first < second : first > second;
        return lane_bits(&run->operand[is_first ? A : B], run->row->from, i);
    }
    ExactNumber x = number(run, A, i), y = number(run, B, i);
    if (exact_is_nan(x) || exact_is_nan(y)) {
        run->env.flags |= EXACT_INVALID;
        bool is_zero = y.class == EXACT_DENORMAL && run->env.denormals_are_zero;
        return bits_of(run, is_zero ? exact_zero(y.negative) : y);
    }
    x = exact_operand(&run->env, x);
    y = exact_operand(&run->env, y);
    return bits_of(run, exact_compare(&run->env, x, y) == wanted ? x : y);
}

static uint64_t minimum(Run *run, unsigned i)
{
    return pick(run, i, EXACT_LESS);
}

static uint64_t maximum(Run *run, unsigned i)
{
    return pick(run, i, EXACT_GREATER);
}

/* HADDPS and kin: of neighbours, in each 16 bytes first those of a, then those of b. */
static uint64_t horizontal(Run *run, unsigned i)
{
    unsigned n = 16 / lane_types[run->row->from].bytes;
    unsigned operand = i % n < n / 2 ? A : B, first = i / n * n + i % (n / 2) * 2;
    return compute(run, run->row->operation, operand, first, operand, first + 1);
}

static uint64_t alternating(Run *run, unsigned i)
{
    return compute(run, i & 1 ? exact_add : exact_sub, A, i, B, i);
}

/*
 * DPPS, DPPD: products, and their sums in pairs. The order tells which of two NaNs it is.
 * After a step whose exception is not masked there is no next one: SDM volume 2, DPPS.
 */
static uint64_t product(Run *run, unsigned i)
{
    unsigned n = 16 / lane_types[run->row->from].bytes;
    return run->imm >> (4 + i % n) & 1 ? binary(run, i) : 0;
}

static uint64_t pair_sum(Run *run, unsigned i)
{
    return compute(run, exact_add, A, i ^ 1, A, i);
}

static uint64_t dot_sum(Run *run, unsigned i)
{
    unsigned n = 16 / lane_types[run->row->from].bytes;
    uint64_t sum = compute(run, exact_add, A, i, A, i ^ n / 2);
    return run->imm >> i % n & 1 ? sum : 0;
}

/* SDM volume 1, 14.5. A NaN is the result whatever the product is. */
static uint64_t fused(Run *run, unsigned i)
{
    const Row *row = run->row;
    ExactNumber operands[3], result;
    uint64_t bits[3];
    for (unsigned k = 0; k < 3; k++) {
        bits[k] = lane_bits(&run->operand[row->order[k]], row->from, i);
    }
    if (fuse_by_host(run, bits, row->minus[i & 1], &bits[0])) {
        return bits[0];
    }
    for (unsigned k = 0; k < 3; k++) {
        operands[k] = number(run, row->order[k], i);
    }
    if (!nan_result(run, operands, 3, &result)) {
        operands[0].negative ^= row->negates;
        operands[2].negative ^= row->minus[i & 1];
        result = exact_fma(&run->env, operands[0], operands[1], operands[2]);
    }
    return bits_of(run, result);
}

/* ---- approximations: nothing is signaled, tiny numbers are 0. SDM volume 2, RCPPS ---- */

static const ExactEnv approximate = {
    .format = &exact_binary32, .rounding = EXACT_NEAREST_EVEN, .masked = EXACT_ALL,
    .denormals_are_zero = true, .flush_to_zero = true, .nan_negative = true,
};

static int reciprocal_root_of(mpfr_ptr result, mpfr_srcptr a, mpfr_srcptr b, mpfr_srcptr c,
                              mpfr_rnd_t rounding)
{
    return mpfr_rec_sqrt(result, a, rounding);
}

static uint64_t reciprocal(Run *run, unsigned i)
{
    ExactEnv env = approximate;
    ExactNumber x = number(run, B, i), one = exact_from_integer(&env, 1);
    return bits_of(run, exact_is_nan(x) ? exact_quiet(x) : exact_div(&env, one, x));
}

static uint64_t reciprocal_root(Run *run, unsigned i)
{
    ExactEnv env = approximate;
    ExactNumber x = number(run, B, i);
    if (exact_is_nan(x)) {
        return bits_of(run, exact_quiet(x));
    }
    x = exact_operand(&env, x);
    if (x.class == EXACT_ZERO) {
        return bits_of(run, exact_infinity(x.negative));
    }
    return bits_of(run, exact_apply(&env, reciprocal_root_of, x, exact_zero(false),
                                    exact_zero(false)));
}

/* ---- comparisons ---- */

static unsigned relation(Run *run, unsigned i, bool signals)
{
    static const uint8_t of[] = {
        [EXACT_LESS] = RELATION_LT, [EXACT_EQUAL] = RELATION_EQ, [EXACT_GREATER] = RELATION_GT,
        [EXACT_UNORDERED] = RELATION_UNORDERED,
    };
    double first, second;
    if (plain_pair(run, i, &first, &second)) {
        return first < second ? RELATION_LT : first > second ? RELATION_GT : RELATION_EQ;
    }
    ExactNumber x = number(run, A, i), y = number(run, B, i);
    ExactRelation found = exact_compare(&run->env, x, y);
    if (found == EXACT_UNORDERED && (signals || is_signaling(x) || is_signaling(y))) {
        run->env.flags |= EXACT_INVALID;
    }
    return of[found];
}

static uint64_t predicate(Run *run, unsigned i)
{
    unsigned which = run->imm & 31;
    unsigned found = relation(run, i, x86_predicate_signals(which));
    return x86_predicate_holds(found, which) ? UINT64_MAX : 0;
}

/* (U)COMISS, (U)COMISD: as flags. */
static uint64_t comparison(Run *run, unsigned i)
{
    switch (relation(run, 0, run->row->signals)) {
    case RELATION_UNORDERED:
        return X86_ZF | X86_PF | X86_CF;
    case RELATION_EQ:
        return X86_ZF;
    case RELATION_LT:
        return X86_CF;
    default:
        return 0;
    }
}

/* ---- conversions ---- */

static uint64_t convert(Run *run, unsigned i)
{
    const Row *row = run->row;
    uint64_t bits = lane_bits(&run->operand[B], row->from, i);
    if (run->by_host && row->from != HALF && row->to != HALF && is_plain(row->from, bits) &&
        host_result(row->to, value_of(row->from, bits), is_zero(row->from, bits), &bits)) {
        return bits;
    }
    ExactNumber x = number(run, B, i), result;
    if (!nan_result(run, &x, 1, &result)) {
        result = exact_convert(&run->env, x);
    }
    return bits_of(run, result);
}

/* DAZ does not matter, and nothing is told of denormals. SDM volume 2, VCVTPH2PS. */
static uint64_t from_half(Run *run, unsigned i)
{
    run->env.denormals_are_zero = false;
    run->env.masked |= EXACT_DENORMAL_OPERAND;
    uint64_t result = convert(run, i);
    run->env.flags &= ~EXACT_DENORMAL_OPERAND;
    return result;
}

/* The rounding of an immediate: bit 2 is MXCSR's. */
static void round_by(Run *run)
{
    if (!(run->imm & 4)) {
        run->env.rounding = run->imm & 3;
    }
}

/* FTZ does not matter. SDM volume 2, VCVTPS2PH. */
static uint64_t to_half(Run *run, unsigned i)
{
    round_by(run);
    run->env.flush_to_zero = false;
    return convert(run, i);
}

/* Bit 3 hides the precision exception. */
static uint64_t round_lane(Run *run, unsigned i)
{
    ExactNumber x = number(run, B, i), result;
    round_by(run);
    if (!nan_result(run, &x, 1, &result)) {
        result = exact_round(&run->env, x);
    }
    if (run->imm & 8) {
        run->env.flags &= ~EXACT_INEXACT;
    }
    return bits_of(run, result);
}

/* What cannot be is the smallest integer: SDM volume 1, 4.8.3.7. */
static uint64_t to_integer(Run *run, unsigned i)
{
    LaneType from = run->row->from;
    unsigned bits = lane_types[run->row->to].bytes * 8;
    uint64_t value = lane_bits(&run->operand[B], from, i);
    if (run->by_host && is_plain(from, value)) {
        double number = value_of(from, value), limit = bits == 32 ? 0x1p31 : 0x1p63;
        number = run->row->truncates ? trunc(number) : rint(number);
        if (number >= -limit && number < limit) {
            return bits == 32 ? (uint32_t)(int32_t)number : (uint64_t)(int64_t)number;
        }
    }
    if (run->row->truncates) {
        run->env.rounding = EXACT_TO_ZERO;
    }
    if (!exact_to_integer(&run->env, number(run, B, i), bits, true, &value)) {
        value = 1ull << (bits - 1);
    }
    return bits == 32 ? (uint32_t)value : value;
}

static uint64_t from_integer(Run *run, unsigned i)
{
    uint64_t bits = lane_bits(&run->operand[B], run->row->from, i);
    int64_t value = run->row->from == INT32 ? (int32_t)bits : (int64_t)bits;
    if (run->by_host &&
        host_result(run->row->to, run->row->to == SINGLE ? (float)value : (double)value, true,
                    &bits)) {
        return bits;
    }
    return bits_of(run, exact_from_integer(&run->env, value));
}

/* ---- the rows ---- */

#define OF_PACKED(name, type, ...) \
    [X86_VEC_##name - X86_VEC_FLOAT_FIRST] = { .from = type, .to = type, __VA_ARGS__ },
#define OF_SCALAR(name, type, ...) \
    [X86_VEC_##name - X86_VEC_FLOAT_FIRST] = { .from = type, .to = type, .count = 1, \
                                               .rest = REST_OF_A, __VA_ARGS__ },
#define BOTH_PACKED(name, ...) \
    OF_PACKED(name##ps, SINGLE, __VA_ARGS__) OF_PACKED(name##pd, DOUBLE, __VA_ARGS__)
#define BOTH_SCALAR(name, ...) \
    OF_SCALAR(name##ss, SINGLE, __VA_ARGS__) OF_SCALAR(name##sd, DOUBLE, __VA_ARGS__)
#define ALL_FOUR(name, ...) BOTH_PACKED(name, __VA_ARGS__) BOTH_SCALAR(name, __VA_ARGS__)
#define CONVERSION(name, from_type, to_type, ...) \
    [X86_VEC_##name - X86_VEC_FLOAT_FIRST] = { .from = from_type, .to = to_type, __VA_ARGS__ },
#define VALUE .count = 1, .rest = REST_NONE

/* FMA: of scalars the rest is d's. */
#define FUSED(name, ...) \
    BOTH_PACKED(name, .steps = { fused }, .rest = REST_KEPT, __VA_ARGS__) \
    CONVERSION(name##ss, SINGLE, SINGLE, .steps = { fused }, .count = 1, .rest = REST_KEPT, \
               __VA_ARGS__) \
    CONVERSION(name##sd, DOUBLE, DOUBLE, .steps = { fused }, .count = 1, .rest = REST_KEPT, \
               __VA_ARGS__)
#define FUSED_ORDER(number, ...) \
    FUSED(vfmadd##number, .order = __VA_ARGS__) \
    FUSED(vfmsub##number, .minus = { true, true }, .order = __VA_ARGS__) \
    FUSED(vfnmadd##number, .negates = true, .order = __VA_ARGS__) \
    FUSED(vfnmsub##number, .negates = true, .minus = { true, true }, .order = __VA_ARGS__) \
    BOTH_PACKED(vfmaddsub##number, .steps = { fused }, .minus = { true, false }, \
                .order = __VA_ARGS__) \
    BOTH_PACKED(vfmsubadd##number, .steps = { fused }, .minus = { false, true }, \
                .order = __VA_ARGS__)

static const Row rows[X86_VEC_FLOAT_END - X86_VEC_FLOAT_FIRST] = {
    ALL_FOUR(add, .steps = { binary }, .operation = exact_add)
    ALL_FOUR(sub, .steps = { binary }, .operation = exact_sub)
    ALL_FOUR(mul, .steps = { binary }, .operation = exact_mul)
    ALL_FOUR(div, .steps = { binary }, .operation = exact_div)
    ALL_FOUR(min, .steps = { minimum })
    ALL_FOUR(max, .steps = { maximum })
    ALL_FOUR(sqrt, .steps = { square_root })
    ALL_FOUR(cmp, .steps = { predicate })
    ALL_FOUR(round, .steps = { round_lane })
    OF_PACKED(rcpps, SINGLE, .steps = { reciprocal })
    OF_SCALAR(rcpss, SINGLE, .steps = { reciprocal })
    OF_PACKED(rsqrtps, SINGLE, .steps = { reciprocal_root })
    OF_SCALAR(rsqrtss, SINGLE, .steps = { reciprocal_root })
    BOTH_PACKED(hadd, .steps = { horizontal }, .operation = exact_add)
    BOTH_PACKED(hsub, .steps = { horizontal }, .operation = exact_sub)
    BOTH_PACKED(addsub, .steps = { alternating })
    OF_PACKED(dpps, SINGLE, .steps = { product, pair_sum, dot_sum }, .operation = exact_mul)
    OF_PACKED(dppd, DOUBLE, .steps = { product, dot_sum }, .operation = exact_mul)

    CONVERSION(cvtps2pd, SINGLE, DOUBLE, .steps = { convert })
    CONVERSION(cvtpd2ps, DOUBLE, SINGLE, .steps = { convert })
    CONVERSION(cvtss2sd, SINGLE, DOUBLE, .steps = { convert }, .count = 1, .rest = REST_OF_A)
    CONVERSION(cvtsd2ss, DOUBLE, SINGLE, .steps = { convert }, .count = 1, .rest = REST_OF_A)
    CONVERSION(vcvtph2ps, HALF, SINGLE, .steps = { from_half })
    CONVERSION(vcvtps2ph, SINGLE, HALF, .steps = { to_half })

    CONVERSION(cvtdq2ps, INT32, SINGLE, .steps = { from_integer })
    CONVERSION(cvtdq2pd, INT32, DOUBLE, .steps = { from_integer })
    CONVERSION(cvtpi2ps, INT32, SINGLE, .steps = { from_integer }, .count = 2, .rest = REST_OF_A)
    CONVERSION(cvtpi2pd, INT32, DOUBLE, .steps = { from_integer })
    CONVERSION(cvtsi2ss, INT32, SINGLE, .steps = { from_integer }, .count = 1, .rest = REST_OF_A)
    CONVERSION(cvtsi2sd, INT32, DOUBLE, .steps = { from_integer }, .count = 1, .rest = REST_OF_A)
    CONVERSION(cvtsq2ss, INT64, SINGLE, .steps = { from_integer }, .count = 1, .rest = REST_OF_A)
    CONVERSION(cvtsq2sd, INT64, DOUBLE, .steps = { from_integer }, .count = 1, .rest = REST_OF_A)

    CONVERSION(cvtps2dq, SINGLE, INT32, .steps = { to_integer })
    CONVERSION(cvttps2dq, SINGLE, INT32, .steps = { to_integer }, .truncates = true)
    CONVERSION(cvtpd2dq, DOUBLE, INT32, .steps = { to_integer })
    CONVERSION(cvttpd2dq, DOUBLE, INT32, .steps = { to_integer }, .truncates = true)
    CONVERSION(cvtps2pi, SINGLE, INT32, .steps = { to_integer }, .count = 2, .rest = REST_KEPT)
    CONVERSION(cvttps2pi, SINGLE, INT32, .steps = { to_integer }, .count = 2, .rest = REST_KEPT,
               .truncates = true)
    CONVERSION(cvtpd2pi, DOUBLE, INT32, .steps = { to_integer }, .count = 2, .rest = REST_KEPT)
    CONVERSION(cvttpd2pi, DOUBLE, INT32, .steps = { to_integer }, .count = 2, .rest = REST_KEPT,
               .truncates = true)
    CONVERSION(cvtss2si, SINGLE, INT32, .steps = { to_integer }, VALUE)
    CONVERSION(cvtss2sq, SINGLE, INT64, .steps = { to_integer }, VALUE)
    CONVERSION(cvtsd2si, DOUBLE, INT32, .steps = { to_integer }, VALUE)
    CONVERSION(cvtsd2sq, DOUBLE, INT64, .steps = { to_integer }, VALUE)
    CONVERSION(cvttss2si, SINGLE, INT32, .steps = { to_integer }, .truncates = true, VALUE)
    CONVERSION(cvttss2sq, SINGLE, INT64, .steps = { to_integer }, .truncates = true, VALUE)
    CONVERSION(cvttsd2si, DOUBLE, INT32, .steps = { to_integer }, .truncates = true, VALUE)
    CONVERSION(cvttsd2sq, DOUBLE, INT64, .steps = { to_integer }, .truncates = true, VALUE)
    CONVERSION(ucomiss, SINGLE, INT64, .steps = { comparison }, VALUE)
    CONVERSION(ucomisd, DOUBLE, INT64, .steps = { comparison }, VALUE)
    CONVERSION(comiss, SINGLE, INT64, .steps = { comparison }, .signals = true, VALUE)
    CONVERSION(comisd, DOUBLE, INT64, .steps = { comparison }, .signals = true, VALUE)

    FUSED_ORDER(132, { D, B, A })
    FUSED_ORDER(213, { A, D, B })
    FUSED_ORDER(231, { A, B, D })
};

/* ---- running them ---- */

static unsigned lane_count(const Row *row, uint32_t imm)
{
    return row->count ? row->count
                      : x86_vector_bytes(imm) / MAX(lane_types[row->from].bytes,
                                                    lane_types[row->to].bytes);
}

static ExactEnv env_of(const X86Jit *cpu, const Row *row)
{
    const ExactFormat *to = lane_types[row->to].format;
    return (ExactEnv){
        .format = to ? to : lane_types[row->from].format, .rounding = cpu->mxcsr >> 13 & 3,
        .masked = cpu->mxcsr >> 7 & EXACT_ALL, .denormals_are_zero = cpu->mxcsr & MXCSR_DAZ,
        .flush_to_zero = cpu->mxcsr & MXCSR_FZ, .nan_negative = true,
    };
}

/* An exception that is not masked leaves `d` alone. */
static void execute(X86Jit *cpu, const Row *row, void *d, const void *a, const void *b,
                    uint32_t imm)
{
    /* Operands are of as many bytes as `imm` says: the rest is not looked at, nor cleared. */
    __attribute__((uninitialized)) Run run;
    __attribute__((uninitialized)) X86Vector result;

    run.row = row;
    run.cpu = cpu;
    run.imm = imm;
    x86_vector_load(&run.operand[A], a, imm);
    x86_vector_load(&run.operand[B], b, imm);
    if (row->rest != REST_NONE) {
        x86_vector_load(&run.operand[D], d, imm);
    }
    for (unsigned step = 0; step < G_N_ELEMENTS(row->steps) && row->steps[step]; step++) {
        result = row->rest == REST_OF_A ? run.operand[A]
                 : row->rest == REST_KEPT ? run.operand[D]
                                          : (X86Vector){ 0 };
        run.env = env_of(cpu, row);
        run.by_host = HOST_IS_EXACT && jit_float_is_exact() &&
                      run.env.rounding == EXACT_NEAREST_EVEN &&
                      run.env.masked & cpu->mxcsr & EXACT_INEXACT;
        for (unsigned i = 0; i < lane_count(row, imm); i++) {
            put_lane(&result, row->to, i, row->steps[step](&run, i));
        }
        x86_float_account(cpu, run.env.flags);
        run.operand[A] = result;
    }
    if (row->rest == REST_NONE) {
        *(uint64_t *)d = result.u64[0];
    } else {
        x86_vector_load(d, &result, imm);
    }
}

#define X(name, map, prefix, opcode, flags, host) \
    X86_EXACT_FUNCTION(name) \
    { \
        execute(cpu, &rows[X86_VEC_##name - X86_VEC_FLOAT_FIRST], d, a, b, imm); \
    }
X86_VECTOR_FLOAT_OPS(X)
X86_VECTOR_FLOAT_VALUE_OPS(X)
#undef X
