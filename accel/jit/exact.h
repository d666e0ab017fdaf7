/* SPDX-License-Identifier: MIT */
/*
 * IEEE 754 arithmetic that is exact on any host, for guests whose floating point the host's own
 * does not do: by GNU MPFR, which rounds correctly, with the range of exponents, the exceptions and
 * the responses to them made here; plain numbers are done in integers (exact-plain.h). IEEE 754-2019 sections 3.4, 4.3, 5.4, 7; SDM volume 1, 4.8, 4.9,
 * 8.5, 11.5.
 *
 * Numbers are unpacked from their format, worked on, and packed. Operands of operations are no
 * NaNs, except where it is said: which NaN is the result, and whether a quiet one signals, is a
 * rule of the guest's, and its matter before it calls. Nothing here is of an architecture but what
 * ExactEnv says.
 *
 * Functions may be called by any thread. One that has called them calls exact_thread_end() before
 * it ends, or what MPFR keeps for the thread is lost.
 */
#ifndef ACCEL_JIT_EXACT_H
#define ACCEL_JIT_EXACT_H

#include <mpfr.h>
#include <stdbool.h>
#include <stdint.h>

/* Of a binary interchange format, or x87's extended one. 754 section 3.4: w and p. */
typedef struct ExactFormat {
    uint8_t exponent_bits;
    uint8_t precision;      /* bits of the significand, the integer bit among them; at most 64 */
} ExactFormat;

/* The last is x87's double extended-precision: SDM volume 1, 4.2.2. */
extern const ExactFormat exact_binary16, exact_binary32, exact_binary64, exact_extended;

/* The exponents of the smallest and largest normal number. */
static inline int exact_exponent_min(const ExactFormat *format)
{
    return 2 - (1 << (format->exponent_bits - 1));
}

static inline int exact_exponent_max(const ExactFormat *format)
{
    return (1 << (format->exponent_bits - 1)) - 1;
}

typedef enum ExactClass {
    EXACT_ZERO,
    EXACT_DENORMAL,     /* in the format that it was unpacked from, or rounded to */
    EXACT_NORMAL,
    EXACT_INFINITY,
    EXACT_QUIET_NAN,
    EXACT_SIGNALING_NAN,
} ExactClass;

/* A number of any format: significand * 2^(exponent - 63), if it is finite and not 0. */
typedef struct ExactNumber {
    /* Finite and not 0: bit 63 is set, also if it is denormal. NaN: bit 63 set, bit 62 set if
     * quiet, then the payload from the highest bit on. Else 0. */
    uint64_t significand;
    int32_t exponent;       /* 0 where there is none */
    uint8_t class;          /* ExactClass */
    bool negative;
} ExactNumber;

typedef enum ExactRounding {    /* as MXCSR.RC and the x87's RC encode them */
    EXACT_NEAREST_EVEN, EXACT_DOWN, EXACT_UP, EXACT_TO_ZERO,
} ExactRounding;

/* Exceptions: in the order of MXCSR and the x87's status word. 754 section 7. */
enum {
    EXACT_INVALID = 1 << 0,
    EXACT_DENORMAL_OPERAND = 1 << 1,
    EXACT_ZERO_DIVIDE = 1 << 2,
    EXACT_OVERFLOW = 1 << 3,
    EXACT_UNDERFLOW = 1 << 4,
    EXACT_INEXACT = 1 << 5,
    EXACT_ALL = 0x3f,
};

/*
 * What operations go by, and what they tell. Tininess is detected after rounding. Exceptions of
 * operands (invalid, zero divide, denormal operand) that are not masked end an operation: its
 * result means nothing then, and no other exception is told of.
 */
typedef struct ExactEnv {
    const ExactFormat *format;  /* of the result */
    uint8_t precision;          /* of the result, less than the format's: x87's PC; 0: its own */
    uint8_t rounding;           /* ExactRounding */
    uint8_t masked;             /* exceptions: EXACT_* */
    bool denormals_are_zero;    /* denormal operands are zeros, and no exception */
    bool flush_to_zero;         /* tiny results become zeros: underflow and inexact, if underflow
                                 * is masked; else it means nothing */
    bool nan_negative;          /* the sign of the NaN (quiet, payload 0) of an invalid operation */
    /* Overflow and underflow that are not masked: the result is the one rounded with exponents
     * unbounded; inexact tells of that. Any tiny result is underflow. Its exponent is less, or
     * more, by so much (754-1985, 7.3): x87 24576. 0: there is no result, and a zero stands for
     * it. */
    uint16_t bias_adjust;

    uint8_t flags;              /* exceptions, added to those that are there */
    bool rounded_up;            /* by the last operation: it is inexact, and larger in magnitude */
} ExactEnv;

/* `bits` as the low bits of the interchange format, not exact_extended. */
ExactNumber exact_unpack(const ExactFormat *format, uint64_t bits);
/* The number has to be one of the format's; NaNs lose the end of their payload, and quiet ones stay
 * NaNs. */
uint64_t exact_pack(const ExactFormat *format, ExactNumber number);
/* The same of the extended format. Encodings that the x87 does not support are not for here; a
 * pseudo-denormal is a denormal, which is not packed as it was. */
ExactNumber exact_unpack_extended(uint64_t significand, uint16_t sign_exponent);
uint64_t exact_pack_extended(ExactNumber number, uint16_t *sign_exponent);

static inline bool exact_is_nan(ExactNumber number)
{
    return number.class >= EXACT_QUIET_NAN;
}

static inline bool exact_is_finite(ExactNumber number)
{
    return number.class <= EXACT_NORMAL;
}

/* A zero, infinity of that sign; the NaN that an invalid operation gives. */
ExactNumber exact_zero(bool negative);
ExactNumber exact_infinity(bool negative);
ExactNumber exact_default_nan(const ExactEnv *env);
/* A NaN made quiet. */
ExactNumber exact_quiet(ExactNumber nan);

/* The operand as an operation takes it: a denormal is made 0, or raises EXACT_DENORMAL_OPERAND. */
ExactNumber exact_operand(ExactEnv *env, ExactNumber a);

/* Correctly rounded. Operands may be of any format. */
ExactNumber exact_add(ExactEnv *env, ExactNumber a, ExactNumber b);
ExactNumber exact_sub(ExactEnv *env, ExactNumber a, ExactNumber b);
ExactNumber exact_mul(ExactEnv *env, ExactNumber a, ExactNumber b);
ExactNumber exact_div(ExactEnv *env, ExactNumber a, ExactNumber b);
ExactNumber exact_sqrt(ExactEnv *env, ExactNumber a);
/* a * b + c, rounded once. */
ExactNumber exact_fma(ExactEnv *env, ExactNumber a, ExactNumber b, ExactNumber c);
/* To the format of `env`. */
ExactNumber exact_convert(ExactEnv *env, ExactNumber a);

/* To an integer of the format of `env`, which a is of. Denormals are not told of. */
ExactNumber exact_round(ExactEnv *env, ExactNumber a);
/*
 * To a signed (two's complement) or unsigned integer of 1 … 64 bits. a may be a NaN. Returns false
 * for NaNs, infinities and what does not fit, and raises EXACT_INVALID; *value is 0 then. Denormals
 * are not told of.
 */
bool exact_to_integer(ExactEnv *env, ExactNumber a, unsigned bits, bool is_signed,
                      uint64_t *value);
ExactNumber exact_from_integer(ExactEnv *env, int64_t value);
ExactNumber exact_from_unsigned(ExactEnv *env, uint64_t value);

typedef enum ExactRelation {
    EXACT_LESS, EXACT_EQUAL, EXACT_GREATER, EXACT_UNORDERED,
} ExactRelation;
/* Operands may be NaNs: EXACT_UNORDERED, and no exception. */
ExactRelation exact_compare(ExactEnv *env, ExactNumber a, ExactNumber b);

/*
 * What the operations are made of, for others: `function` sets the result, which has the
 * precision of `env`, of operands a, b, c, and returns MPFR's ternary value. A NaN as its result
 * is an invalid operation. Operands are as exact_operand() gives them; those not used may be
 * zeros.
 */
typedef int (*ExactFunction)(mpfr_ptr result, mpfr_srcptr a, mpfr_srcptr b, mpfr_srcptr c,
                             mpfr_rnd_t rounding);
ExactNumber exact_apply(ExactEnv *env, ExactFunction function, ExactNumber a, ExactNumber b,
                        ExactNumber c);

void exact_thread_end(void);

#endif
