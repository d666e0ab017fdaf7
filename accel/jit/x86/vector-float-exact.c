/* SPDX-License-Identifier: MIT */
/*
 * SIMD floating point in software, for any host: each row says what its lanes are and what
 * accel/jit/exact.h does with them. The rules of x86 are here: which NaN is the result, what is
 * signaled of comparisons and conversions, what the rest of the destination becomes. SDM volume 1,
 * 4.8.3, 11.5, 14.5; volume 2.
 */
#include "accel/jit/exact.h"
#include "accel/jit/x86/vector-float.h"

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

static uint64_t compute(Run *run, Operation operation, ExactNumber x, ExactNumber y)
{
    ExactNumber operands[] = { x, y }, result;
    if (!nan_result(run, operands, 2, &result)) {
        result = operation(&run->env, x, y);
    }
    return bits_of(run, result);
}

static uint64_t binary(Run *run, unsigned i)
{
    return compute(run, run->row->operation, number(run, A, i), number(run, B, i));
}

static uint64_t square_root(Run *run, unsigned i)
{
    ExactNumber x = number(run, B, i), result;
    if (!nan_result(run, &x, 1, &result)) {
        result = exact_sqrt(&run->env, x);
    }
    return bits_of(run, result);
}

/* The second is the result when there is a NaN, or both are zeros. SDM volume 2, MINPD, MAXPD. */
static uint64_t pick(Run *run, unsigned i, ExactRelation wanted)
{
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
    return compute(run, run->row->operation, number(run, operand, first),
                   number(run, operand, first + 1));
}

static uint64_t alternating(Run *run, unsigned i)
{
    return compute(run, i & 1 ? exact_add : exact_sub, number(run, A, i), number(run, B, i));
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
    return compute(run, exact_add, number(run, A, i ^ 1), number(run, A, i));
}

static uint64_t dot_sum(Run *run, unsigned i)
{
    unsigned n = 16 / lane_types[run->row->from].bytes;
    uint64_t sum = compute(run, exact_add, number(run, A, i), number(run, A, i ^ n / 2));
    return run->imm >> i % n & 1 ? sum : 0;
}

/* SDM volume 1, 14.5. A NaN is the result whatever the product is. */
static uint64_t fused(Run *run, unsigned i)
{
    const Row *row = run->row;
    ExactNumber operands[3], result;
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

static unsigned relation(Run *run, ExactNumber x, ExactNumber y, bool signals)
{
    static const uint8_t of[] = {
        [EXACT_LESS] = RELATION_LT, [EXACT_EQUAL] = RELATION_EQ, [EXACT_GREATER] = RELATION_GT,
        [EXACT_UNORDERED] = RELATION_UNORDERED,
    };
    ExactRelation found = exact_compare(&run->env, x, y);
    if (found == EXACT_UNORDERED && (signals || is_signaling(x) || is_signaling(y))) {
        run->env.flags |= EXACT_INVALID;
    }
    return of[found];
}

static uint64_t predicate(Run *run, unsigned i)
{
    unsigned which = run->imm & 31;
    unsigned found = relation(run, number(run, A, i), number(run, B, i),
                              x86_predicate_signals(which));
    return x86_predicate_holds(found, which) ? UINT64_MAX : 0;
}

/* (U)COMISS, (U)COMISD: as flags. */
static uint64_t comparison(Run *run, unsigned i)
{
    switch (relation(run, number(run, A, 0), number(run, B, 0), run->row->signals)) {
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
    unsigned bits = lane_types[run->row->to].bytes * 8;
    uint64_t value;
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
    uint64_t value = lane_bits(&run->operand[B], run->row->from, i);
    return bits_of(run, exact_from_integer(&run->env, run->row->from == INT32 ? (int32_t)value
                                                                               : (int64_t)value));
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
    Run run = { .row = row, .cpu = cpu, .imm = imm };
    X86Vector result = { 0 };

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
