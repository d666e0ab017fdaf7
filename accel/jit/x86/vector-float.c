/* SPDX-License-Identifier: MIT */
/*
 * SIMD floating point, by the host's own under the guest's MXCSR. SDM volume 1, chapters 10, 11 and
 * 14; volume 2.
 *
 * A kernel computes into `d` with all exceptions masked, and the flags are looked at
 * afterwards. Arithmetic is in assembler, so that operands keep their order (which matters for NaNs)
 * and nothing moves out of where the guest's MXCSR is loaded. So PE beside an overflow or underflow that
 * is not masked tells of the masked result, where a CPU's tells of one of unbounded exponent.
 */
#include "accel/jit/x86/vector.h"

#include <math.h>

#define MXCSR_IE 0x01u
#define MXCSR_DE 0x02u
#define MXCSR_ZE 0x04u
#define MXCSR_OE 0x08u
#define MXCSR_UE 0x10u
#define MXCSR_PE 0x20u
#define MXCSR_FLAGS 0x3fu
#define MXCSR_DAZ 0x40u
#define MXCSR_MASKS 0x1f80u
#define MXCSR_UM (1u << 11)
#define MXCSR_RC 0x6000u
#define MXCSR_FZ 0x8000u

#define BEFORE_FLAGS (MXCSR_IE | MXCSR_DE | MXCSR_ZE)

#ifdef __x86_64__
#include <immintrin.h>

typedef void (*Kernel)(X86Vector *d, const X86Vector *a, const X86Vector *b, uint32_t imm);

/* What a guest's MXCSR is while its instruction runs on the host. */
static uint32_t host_mxcsr(uint32_t guest)
{
    uint32_t value = (guest & (MXCSR_RC | MXCSR_DAZ | MXCSR_FZ)) | MXCSR_MASKS;
    return guest & MXCSR_UM ? value : value & ~MXCSR_FZ;
}

/* Adds what happened to MXCSR; raises if that is not masked. */
static void account(X86Jit *cpu, uint32_t flags)
{
    uint32_t unmasked = ~(cpu->mxcsr >> 7) & MXCSR_FLAGS;
    if (flags & unmasked & BEFORE_FLAGS) {
        flags &= BEFORE_FLAGS; /* nothing was computed, so nothing was rounded */
    }
    cpu->mxcsr |= flags;
    if (flags & unmasked) {
        x86_raise(cpu, cpu->cr4 & (1u << 10) ? X86_XM : X86_UD);
    }
}

#ifdef __clang__
#define NOT_INLINED __attribute__((noinline))
#else
#define NOT_INLINED __attribute__((noipa))
#endif

/* Not inlined: what a kernel does must stay between the two loads of MXCSR. */
NOT_INLINED static uint32_t run(Kernel kernel, uint32_t mxcsr, X86Vector *d,
                                           const X86Vector *a, const X86Vector *b, uint32_t imm)
{
    uint32_t saved = _mm_getcsr(), flags = 0;
    if (!(mxcsr & MXCSR_UM)) {
        /* Not masked, underflow is any tiny result, also an exact one: what would be flushed. */
        X86Vector tiny = *d;
        _mm_setcsr(host_mxcsr(mxcsr) | MXCSR_FZ);
        kernel(&tiny, a, b, imm);
        flags = _mm_getcsr() & MXCSR_UE;
    }
    _mm_setcsr(host_mxcsr(mxcsr));
    kernel(d, a, b, imm);
    flags |= _mm_getcsr() & MXCSR_FLAGS;
    _mm_setcsr(saved);
    return flags;
}

/* The flags in `allowed` count. An exception that is not masked leaves `d` alone. */
static void float_operation(Kernel kernel, uint32_t allowed, void *cpu, void *d, const void *a,
                            const void *b, uint32_t imm)
{
    X86Vector va, vb, vd;
    x86_vector_load(&va, a, imm);
    x86_vector_load(&vb, b, imm);
    x86_vector_load(&vd, d, imm);
    uint32_t mxcsr = ((X86Jit *)cpu)->mxcsr;
    account(cpu, run(kernel, mxcsr, &vd, &va, &vb, imm) & allowed);
    x86_vector_load(d, &vd, imm);
}

/* The same where the result is the number that the kernel leaves in lane 0. */
static void value_operation(Kernel kernel, void *cpu, void *d, const void *a, const void *b,
                            uint32_t imm)
{
    X86Vector va, vb, vd = { 0 };
    x86_vector_load(&va, a, imm);
    x86_vector_load(&vb, b, imm);
    uint32_t mxcsr = ((X86Jit *)cpu)->mxcsr;
    account(cpu, run(kernel, mxcsr, &vd, &va, &vb, imm));
    *(uint64_t *)d = vd.u64[0];
}

static __m128 part_get(const X86Vector *v, unsigned part)
{
    return _mm_loadu_ps(v->f32 + 4 * part);
}

static void part_put(X86Vector *v, unsigned part, __m128 value)
{
    _mm_storeu_ps(v->f32 + 4 * part, value);
}

static unsigned parts(uint32_t imm)
{
    return x86_vector_bytes(imm) / 16;
}

/* `x` op= `y`, whatever type of vector they are declared as. */
#define SSE(name, x, y) __asm__ volatile(name " %1, %0" : "+x"(x) : "x"(y))

/* d = a op b; the name is the host's mnemonic. */
#define BINARY(X) \
    X(addps) X(addpd) X(addss) X(addsd) X(subps) X(subpd) X(subss) X(subsd) \
    X(mulps) X(mulpd) X(mulss) X(mulsd) X(divps) X(divpd) X(divss) X(divsd) \
    X(minps) X(minpd) X(minss) X(minsd) X(maxps) X(maxpd) X(maxss) X(maxsd) \
    X(sqrtss) X(sqrtsd) X(rsqrtss) X(rcpss) X(cvtss2sd) X(cvtsd2ss)

#define X(name) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        for (unsigned i = 0; i < parts(imm); i++) { \
            __m128 x = part_get(a, i), y = part_get(b, i); \
            SSE(#name, x, y); \
            part_put(d, i, x); \
        } \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
BINARY(X)
#undef X

/* d = op b, as many bytes out as in. */
#define UNARY(X) \
    X(sqrtps) X(sqrtpd) X(rsqrtps) X(rcpps) X(cvtdq2ps) X(cvtps2dq) X(cvttps2dq)

#define X(name) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        for (unsigned i = 0; i < parts(imm); i++) { \
            __m128 x = part_get(b, i), y = x; \
            SSE(#name, x, y); \
            part_put(d, i, x); \
        } \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
UNARY(X)
#undef X

/* To lanes half as wide: the results of all parts lie together, and the rest is 0. */
#define NARROW(X) X(cvtpd2ps) X(cvtpd2dq) X(cvttpd2dq)

#define X(name) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        uint64_t result[4] = { 0 }; \
        for (unsigned i = 0; i < parts(imm); i++) { \
            __m128 x = part_get(b, i), y = x; \
            SSE(#name, x, y); \
            _mm_storel_pi((__m64 *)&result[i], x); \
        } \
        memcpy(d, result, x86_vector_bytes(imm)); \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
NARROW(X)
#undef X

/* To lanes twice as wide: part i comes of the i-th 8 bytes. */
#define WIDEN(X) X(cvtps2pd) X(cvtdq2pd)

#define X(name) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        for (unsigned i = 0; i < parts(imm); i++) { \
            __m128 x, y = _mm_castpd_ps(_mm_load_sd(&b->f64[i])); \
            x = y; \
            SSE(#name, x, y); \
            part_put(d, i, x); \
        } \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
WIDEN(X)
#undef X

/* ---- comparison: SDM volume 2, CMPPD, table of the 32 predicates ---- */

enum { RELATION_LT = 1, RELATION_EQ = 2, RELATION_GT = 4, RELATION_UNORDERED = 8 };

static bool predicate_holds(unsigned relation, unsigned predicate)
{
    static const uint8_t of[16] = { /* predicates 0 … 15; 16 … 31 are the same relations */
        RELATION_EQ, RELATION_LT, RELATION_LT | RELATION_EQ, RELATION_UNORDERED,
        RELATION_LT | RELATION_GT | RELATION_UNORDERED,
        RELATION_EQ | RELATION_GT | RELATION_UNORDERED, RELATION_GT | RELATION_UNORDERED,
        RELATION_LT | RELATION_EQ | RELATION_GT,
        RELATION_EQ | RELATION_UNORDERED, RELATION_LT | RELATION_UNORDERED,
        RELATION_LT | RELATION_EQ | RELATION_UNORDERED, 0, RELATION_LT | RELATION_GT,
        RELATION_EQ | RELATION_GT, RELATION_GT, 15,
    };
    return of[predicate & 15] & relation;
}

/* Does the predicate raise the invalid exception for a QNaN? */
static bool predicate_signals(unsigned predicate)
{
    return ((0x6666 >> (predicate & 15)) & 1) ^ (predicate >> 4 & 1);
}

static unsigned relation_of(uint64_t eflags)
{
    return eflags & X86_PF ? RELATION_UNORDERED
           : eflags & X86_ZF ? RELATION_EQ
           : eflags & X86_CF ? RELATION_LT
           : RELATION_GT;
}

#define COMPARE(name, type, x, y) \
    ({ \
        uint64_t compared_; \
        __asm__ volatile("lea -128(%%rsp), %%rsp; " name " %2, %1; pushfq; pop %0; " \
                         "lea 128(%%rsp), %%rsp" : "=r"(compared_) : "x"(x), "x"(y) : "cc"); \
        compared_; \
    })

static uint64_t compare_single(float x, float y, bool signals)
{
    return signals ? COMPARE("comiss", float, x, y) : COMPARE("ucomiss", float, x, y);
}

static uint64_t compare_double(double x, double y, bool signals)
{
    return signals ? COMPARE("comisd", double, x, y) : COMPARE("ucomisd", double, x, y);
}

#define COMPARISONS(X) \
    X(cmpps, f32, u32, single, false) \
    X(cmppd, f64, u64, double, false) \
    X(cmpss, f32, u32, single, true) \
    X(cmpsd, f64, u64, double, true)

#define X(name, lane, mask, precision, scalar) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        unsigned predicate = imm & 31; \
        unsigned count = scalar ? 1 : x86_vector_bytes(imm) / sizeof(a->lane[0]); \
        X86Vector r = *a; \
        for (unsigned i = 0; i < count; i++) { \
            uint64_t eflags = compare_##precision(a->lane[i], b->lane[i], \
                                                  predicate_signals(predicate)); \
            r.mask[i] = predicate_holds(relation_of(eflags), predicate) ? -1 : 0; \
        } \
        *d = r; \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
COMPARISONS(X)
#undef X

/* ---- horizontal, alternating, dot products ---- */

#define SCALARS(X) \
    X(add_single, "addss", float) X(sub_single, "subss", float) X(mul_single, "mulss", float) \
    X(add_double, "addsd", double) X(sub_double, "subsd", double) X(mul_double, "mulsd", double)

#define X(name, mnemonic, type) \
    static type name(type x, type y) \
    { \
        SSE(mnemonic, x, y); \
        return x; \
    }
SCALARS(X)
#undef X

/* name, lanes, what of lanes i and i + 1; or of lane i alternating. */
#define HORIZONTAL(X) \
    X(haddps, f32, add_single) X(hsubps, f32, sub_single) \
    X(haddpd, f64, add_double) X(hsubpd, f64, sub_double)

#define X(name, lane, operation) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        X86Vector r; \
        unsigned n = 16 / sizeof(a->lane[0]); \
        for (unsigned i = 0; i < n * parts(imm); i++) { \
            const X86Vector *from = i % n < n / 2 ? a : b; \
            unsigned first = i / n * n + i % (n / 2) * 2; \
            r.lane[i] = operation(from->lane[first], from->lane[first + 1]); \
        } \
        x86_vector_load(d, &r, imm); \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
HORIZONTAL(X)
#undef X

#define ALTERNATING(X) X(addsubps, f32, single) X(addsubpd, f64, double)

#define X(name, lane, precision) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        for (unsigned i = 0; i < x86_vector_bytes(imm) / sizeof(a->lane[0]); i++) { \
            d->lane[i] = i & 1 ? add_##precision(a->lane[i], b->lane[i]) \
                               : sub_##precision(a->lane[i], b->lane[i]); \
        } \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
ALTERNATING(X)
#undef X

/*
 * The products are summed in pairs; the order tells which of two NaNs it is. After a step whose
 * exception is not masked there is no next one: SDM volume 2, DPPS. DPPD needs no second sum.
 */
#define DOT(X) X(dpps, f32, single) X(dppd, f64, double)

#define X(name, lane, precision) \
    static void kernel_##name##_product(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                                        uint32_t imm) \
    { \
        unsigned n = 16 / sizeof(a->lane[0]); \
        for (unsigned i = 0; i < n * parts(imm); i++) { \
            d->lane[i] = imm >> (4 + i % n) & 1 ? mul_##precision(a->lane[i], b->lane[i]) : 0; \
        } \
    }
DOT(X)
#undef X

static void kernel_dpps_pairs(X86Vector *d, const X86Vector *a, const X86Vector *b, uint32_t imm)
{
    for (unsigned i = 0; i < 4 * parts(imm); i++) {
        d->f32[i] = add_single(a->f32[i ^ 1], a->f32[i]);
    }
}

static void kernel_dpps_sum(X86Vector *d, const X86Vector *a, const X86Vector *b, uint32_t imm)
{
    for (unsigned i = 0; i < 4 * parts(imm); i++) {
        float sum = add_single(a->f32[i], a->f32[i ^ 2]);
        d->f32[i] = imm >> i % 4 & 1 ? sum : 0;
    }
}

static void kernel_dppd_sum(X86Vector *d, const X86Vector *a, const X86Vector *b, uint32_t imm)
{
    for (unsigned i = 0; i < 2; i++) {
        double sum = add_double(a->f64[i], a->f64[i ^ 1]);
        d->f64[i] = imm >> i & 1 ? sum : 0;
    }
}

X86_VECTOR_FUNCTION(dpps)
{
    X86Vector product, pairs;
    float_operation(kernel_dpps_product, MXCSR_FLAGS, cpu, &product, a, b, imm);
    float_operation(kernel_dpps_pairs, MXCSR_FLAGS, cpu, &pairs, &product, &product, imm);
    float_operation(kernel_dpps_sum, MXCSR_FLAGS, cpu, d, &pairs, &pairs, imm);
}

X86_VECTOR_FUNCTION(dppd)
{
    X86Vector product;
    float_operation(kernel_dppd_product, MXCSR_FLAGS, cpu, &product, a, b, imm);
    float_operation(kernel_dppd_sum, MXCSR_FLAGS, cpu, d, &product, &product, imm);
}

/* ---- conversions from and to general registers and MMX ---- */

/* From an integer in the low bytes of b to lane 0. */
#define FROM_INTEGER(X) \
    X(cvtsi2ss, "cvtsi2ssl", s32) X(cvtsi2sd, "cvtsi2sdl", s32) \
    X(cvtsq2ss, "cvtsi2ssq", s64) X(cvtsq2sd, "cvtsi2sdq", s64)

#define X(name, mnemonic, lane) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        __m128 x = part_get(a, 0); \
        __asm__ volatile(mnemonic " %1, %0" : "+x"(x) : "r"(b->lane[0])); \
        part_put(d, 0, x); \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
FROM_INTEGER(X)
#undef X

/*
 * Between MMX (8 bytes) and SSE; `imm` says 16 bytes for all, of which those of an MMX register
 * are the first 8: lowering goes through scratch vectors.
 */
static void kernel_cvtpi2ps(X86Vector *d, const X86Vector *a, const X86Vector *b, uint32_t imm)
{
    __m128 x = _mm_castpd_ps(_mm_load_sd(&b->f64[0]));
    SSE("cvtdq2ps", x, x);
    *d = *a;
    _mm_storel_pi((__m64 *)d, x);
}

X86_VECTOR_FUNCTION(cvtpi2ps)
{
    float_operation(kernel_cvtpi2ps, MXCSR_FLAGS, cpu, d, a, b, imm);
}

X86_VECTOR_FUNCTION(cvtpi2pd)
{
    x86_vec_cvtdq2pd(cpu, d, a, b, imm);
}

#define TO_MMX(X) \
    X(cvtps2pi, "cvtps2dq", true) X(cvttps2pi, "cvttps2dq", true) \
    X(cvtpd2pi, "cvtpd2dq", false) X(cvttpd2pi, "cvttpd2dq", false)

#define X(name, mnemonic, single) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        __m128 x = single ? _mm_castpd_ps(_mm_load_sd(&b->f64[0])) : part_get(b, 0); \
        SSE(mnemonic, x, x); \
        d->u64[0] = 0; \
        _mm_storel_pi((__m64 *)d, x); \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
TO_MMX(X)
#undef X

/* ---- those that give a value ---- */

#define TO_INTEGER(X) \
    X(cvtss2si, "cvtss2si %1, %k0") X(cvttss2si, "cvttss2si %1, %k0") \
    X(cvtsd2si, "cvtsd2si %1, %k0") X(cvttsd2si, "cvttsd2si %1, %k0") \
    X(cvtss2sq, "cvtss2si %1, %q0") X(cvttss2sq, "cvttss2si %1, %q0") \
    X(cvtsd2sq, "cvtsd2si %1, %q0") X(cvttsd2sq, "cvttsd2si %1, %q0")

#define X(name, mnemonic) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        uint64_t wide = 0; \
        __asm__ volatile(mnemonic : "=r"(wide) : "x"(part_get(b, 0))); \
        d->u64[0] = wide; \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        value_operation(kernel_##name, cpu, d, a, b, imm); \
    }
TO_INTEGER(X)
#undef X

#define TO_FLAGS(X) \
    X(ucomiss, f32, compare_single, false) X(comiss, f32, compare_single, true) \
    X(ucomisd, f64, compare_double, false) X(comisd, f64, compare_double, true)

#define X(name, lane, compare, signals) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                              uint32_t imm) \
    { \
        d->u64[0] = compare(a->lane[0], b->lane[0], signals) & X86_ARITHMETIC; \
    } \
    X86_VECTOR_FUNCTION(name) \
    { \
        value_operation(kernel_##name, cpu, d, a, b, imm); \
    }
TO_FLAGS(X)
#undef X

/* ---- ROUNDxx: to an integer, by MXCSR or the immediate; bit 3 hides the precision flag ---- */

/* What SSE4.1 does in one instruction: 2^23 or 2^52, added and taken away, rounds. */
static uint64_t round_bits(uint64_t bits, unsigned fraction, unsigned width, unsigned mode,
                           uint32_t *flags)
{
    uint64_t sign = bits >> (width - 1) << (width - 1);
    uint64_t magnitude = bits ^ sign;
    uint64_t infinity = ((1ull << (width - 1 - fraction)) - 1) << fraction;
    uint64_t one = (infinity >> 1) & ~((1ull << fraction) - 1);
    int exponent = (int)(magnitude >> fraction) - (int)(one >> fraction);
    if (magnitude > infinity) {
        if (!(magnitude >> (fraction - 1) & 1)) {
            *flags |= MXCSR_IE;
        }
        return bits | 1ull << (fraction - 1);
    }
    if (exponent >= (int)fraction || !magnitude) {
        return bits;
    }
    uint64_t ulp = exponent < 0 ? 0 : 1ull << (fraction - exponent);
    uint64_t down = exponent < 0 ? 0 : magnitude & ~(ulp - 1);
    uint64_t up = exponent < 0 ? one : down + ulp;
    if (down == magnitude) {
        return bits;
    }
    *flags |= MXCSR_PE;
    uint64_t half = exponent < 0 ? one - (1ull << fraction) : down | ulp / 2;
    bool odd = exponent < 0 ? false : exponent == 0 ? true : (down / ulp & 1);
    bool away;
    switch (mode) {
    case 0:
        away = magnitude > half || (magnitude == half && odd);
        break;
    case 1:
        away = sign;
        break;
    case 2:
        away = !sign;
        break;
    default:
        away = false;
    }
    return sign | (away ? up : down);
}

static uint64_t round_lane(uint64_t bits, bool wide, X86Jit *cpu, uint32_t imm, uint32_t *flags)
{
    unsigned fraction = wide ? 52 : 23, width = wide ? 64 : 32;
    uint64_t sign = 1ull << (width - 1);
    if (cpu->mxcsr & MXCSR_DAZ && !((bits & ~sign) >> fraction)) {
        bits &= sign;
    }
    return round_bits(bits, fraction, width, imm & 4 ? cpu->mxcsr >> 13 & 3 : imm & 3, flags);
}

static void round_lanes(X86Jit *cpu, void *d, const void *a, const void *b, uint32_t imm,
                        bool wide, bool scalar)
{
    X86Vector vd, vb;
    uint32_t flags = 0;
    x86_vector_load(&vd, a, imm);
    x86_vector_load(&vb, b, imm);
    unsigned count = scalar ? 1 : x86_vector_bytes(imm) / (wide ? 8 : 4);
    for (unsigned i = 0; i < count; i++) {
        if (wide) {
            vd.u64[i] = round_lane(vb.u64[i], true, cpu, imm, &flags);
        } else {
            vd.u32[i] = round_lane(vb.u32[i], false, cpu, imm, &flags);
        }
    }
    account(cpu, imm & 8 ? flags & ~MXCSR_PE : flags);
    x86_vector_load(d, &vd, imm);
}

X86_VECTOR_FUNCTION(roundps)
{
    round_lanes(cpu, d, a, b, imm, false, false);
}

X86_VECTOR_FUNCTION(roundpd)
{
    round_lanes(cpu, d, a, b, imm, true, false);
}

X86_VECTOR_FUNCTION(roundss)
{
    round_lanes(cpu, d, a, b, imm, false, true);
}

X86_VECTOR_FUNCTION(roundsd)
{
    round_lanes(cpu, d, a, b, imm, true, true);
}

/* ---- half precision: SDM volume 2, VCVTPH2PS, VCVTPS2PH; DAZ and FTZ as said there ---- */

static uint32_t single_of_half(uint16_t half, uint32_t *flags)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff;
    if (magnitude >= 0x7c00) {
        bool nan = magnitude > 0x7c00;
        if (nan && !(magnitude & 0x200)) {
            *flags |= MXCSR_IE;
        }
        return sign | 0x7f800000 | (magnitude & 0x3ff) << 13 | (nan ? 0x400000 : 0);
    }
    if (magnitude >= 0x400) {
        return sign | ((magnitude << 13) + (112u << 23));
    }
    if (!magnitude) {
        return sign;
    }
    unsigned shift = __builtin_clz(magnitude) - 21; /* makes bit 10 the first one set */
    return sign | ((113 - shift) << 23) | (magnitude << shift & 0x3ff) << 13;
}

X86_VECTOR_FUNCTION(vcvtph2ps)
{
    X86Vector vb, vd = { 0 };
    uint32_t flags = 0;
    x86_vector_load(&vb, b, imm);
    for (unsigned i = 0; i < x86_vector_bytes(imm) / 4; i++) {
        vd.u32[i] = single_of_half(vb.u16[i], &flags);
    }
    account(cpu, flags);
    x86_vector_load(d, &vd, imm);
}

static uint64_t shift_rounded(uint64_t value, unsigned shift, unsigned mode, bool sign,
                              bool *inexact)
{
    uint64_t down = value >> shift, rest = value & ((1ull << shift) - 1), half = 1ull << (shift - 1);
    *inexact = rest;
    switch (mode) {
    case 0:
        return down + (rest > half || (rest == half && down & 1));
    case 1:
        return down + (sign && rest);
    case 2:
        return down + (!sign && rest);
    default:
        return down;
    }
}

static uint16_t half_of_single(uint32_t single, unsigned mode, bool daz, uint32_t *flags)
{
    uint16_t sign = single >> 16 & 0x8000;
    uint32_t magnitude = single & 0x7fffffff, fraction = magnitude & 0x7fffff;
    int exponent = (int)(magnitude >> 23) - 127;
    bool inexact;

    if (exponent == 128) {
        if (fraction && !(fraction & 0x400000)) {
            *flags |= MXCSR_IE;
        }
        return sign | 0x7c00 | (fraction ? 0x200 | fraction >> 13 : 0);
    }
    if (!magnitude || (exponent == -127 && daz)) {
        return sign;
    }
    if (exponent == -127) {
        *flags |= MXCSR_DE;
        exponent = -126;
    } else {
        fraction |= 0x800000;
    }
    if (exponent < -14) {
        unsigned shift = MIN(13 + (-14 - exponent), 40);
        uint16_t result = shift_rounded(fraction, shift, mode, sign, &inexact);
        bool ignored;
        bool tiny = exponent < -15
                    || shift_rounded(fraction, 13, mode, sign, &ignored) < 0x800;
        *flags |= inexact ? MXCSR_PE | (tiny ? MXCSR_UE : 0) : 0;
        return sign | result;
    }
    uint64_t rounded = shift_rounded(fraction, 13, mode, sign, &inexact);
    if (rounded == 0x800) {
        rounded = 0x400;
        exponent++;
    }
    if (exponent > 15) {
        *flags |= MXCSR_OE | MXCSR_PE;
        bool infinite = mode == 0 || (mode == 1 && sign) || (mode == 2 && !sign);
        return sign | (infinite ? 0x7c00 : 0x7bff);
    }
    *flags |= inexact ? MXCSR_PE : 0;
    return sign | (exponent + 15) << 10 | (rounded & 0x3ff);
}

X86_VECTOR_FUNCTION(vcvtps2ph)
{
    X86Jit *x86 = cpu;
    X86Vector vb, vd = { 0 };
    uint32_t flags = 0;
    x86_vector_load(&vb, b, imm);
    for (unsigned i = 0; i < x86_vector_bytes(imm) / 4; i++) {
        vd.u16[i] = half_of_single(vb.u32[i], imm & 4 ? x86->mxcsr >> 13 & 3 : imm & 3,
                                   x86->mxcsr & MXCSR_DAZ, &flags);
    }
    account(x86, flags);
    x86_vector_load(d, &vd, imm);
}

/* ---- FMA: SDM volume 1, 14.5 ---- */

static bool is_nan_single(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, 4);
    return (bits & 0x7fffffff) > 0x7f800000;
}

static bool is_nan_double(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, 8);
    return (bits & INT64_MAX) > 0x7ffull << 52;
}

/* On hosts without FMA: the C library's, but for the choice of NaNs. o1 … o3 in operand order. */
static float fused_single(float o1, float o2, float o3, float x, float y, float z)
{
    if (is_nan_single(o1) || is_nan_single(o2) || is_nan_single(o3)) {
        float first = is_nan_single(o1) ? o1 : is_nan_single(o2) ? o2 : o3, rest = o2;
        SSE("addss", first, rest);
        rest = o3;
        SSE("addss", first, rest);
        return first;
    }
    return fmaf(x, y, z);
}

static double fused_double(double o1, double o2, double o3, double x, double y, double z)
{
    if (is_nan_double(o1) || is_nan_double(o2) || is_nan_double(o3)) {
        double first = is_nan_double(o1) ? o1 : is_nan_double(o2) ? o2 : o3, rest = o2;
        SSE("addsd", first, rest);
        rest = o3;
        SSE("addsd", first, rest);
        return first;
    }
    return fma(x, y, z);
}

/* Operand 1 is d, 2 is a, 3 is b. */

/* name, the host's mnemonic by whether lane i is odd, order, sign of product, signs of addend */
#define FUSED(X, order) \
    X(vfmadd##order, "vfmadd" #order, "vfmadd" #order, order, 0, 0, 0) \
    X(vfmsub##order, "vfmsub" #order, "vfmsub" #order, order, 0, 1, 1) \
    X(vfnmadd##order, "vfnmadd" #order, "vfnmadd" #order, order, 1, 0, 0) \
    X(vfnmsub##order, "vfnmsub" #order, "vfnmsub" #order, order, 1, 1, 1)
#define FUSED_ALTERNATING(X, order) \
    X(vfmaddsub##order, "vfmsub" #order, "vfmadd" #order, order, 0, 1, 0) \
    X(vfmsubadd##order, "vfmadd" #order, "vfmsub" #order, order, 0, 0, 1)

#define LANES(name, suffix, letter, even, odd, order, negate, even_sign, odd_sign, lane, precision, \
              count) \
    static void kernel_##name##suffix(X86Vector *d, const X86Vector *a, const X86Vector *b, \
                                      uint32_t imm) \
    { \
        X86Vector old = *d; \
        for (unsigned i = 0; i < (count); i++) { \
            typeof(d->lane[0]) o1 = old.lane[i], o2 = a->lane[i], o3 = b->lane[i]; \
            if (__builtin_cpu_supports("fma")) { \
                if (i & 1) { \
                    __asm__ volatile(odd "s" letter " %2, %1, %0" : "+x"(o1) : "x"(o2), "x"(o3)); \
                } else { \
                    __asm__ volatile(even "s" letter " %2, %1, %0" : "+x"(o1) : "x"(o2), "x"(o3)); \
                } \
                d->lane[i] = o1; \
                continue; \
            } \
            typeof(o1) x = order == 132 ? o1 : o2, y = order == 213 ? o1 : o3, \
                       z = order == 132 ? o2 : order == 213 ? o3 : o1; \
            bool minus = i & 1 ? odd_sign : even_sign; \
            d->lane[i] = fused_##precision(o1, o2, o3, negate ? -x : x, y, minus ? -z : z); \
        } \
    } \
    X86_VECTOR_FUNCTION(name##suffix) \
    { \
        float_operation(kernel_##name##suffix, MXCSR_FLAGS, cpu, d, a, b, imm); \
    }
#define PACKED(name, even, odd, order, negate, even_sign, odd_sign) \
    LANES(name, ps, "s", even, odd, order, negate, even_sign, odd_sign, f32, single, \
          x86_vector_bytes(imm) / 4) \
    LANES(name, pd, "d", even, odd, order, negate, even_sign, odd_sign, f64, double, \
          x86_vector_bytes(imm) / 8)
#define SCALAR(name, even, odd, order, negate, even_sign, odd_sign) \
    LANES(name, ss, "s", even, odd, order, negate, even_sign, odd_sign, f32, single, 1) \
    LANES(name, sd, "d", even, odd, order, negate, even_sign, odd_sign, f64, double, 1)

FUSED(PACKED, 132)
FUSED(PACKED, 213)
FUSED(PACKED, 231)
FUSED(SCALAR, 132)
FUSED(SCALAR, 213)
FUSED(SCALAR, 231)
FUSED_ALTERNATING(PACKED, 132)
FUSED_ALTERNATING(PACKED, 213)
FUSED_ALTERNATING(PACKED, 231)

#else

#include "base/log.h"

static G_NORETURN void no_float(X86Jit *cpu)
{
    log_unimplemented("x86: SIMD floating point on a host other than x86-64");
    x86_raise(cpu, X86_UD);
}

#define X(name, map, prefix, opcode, flags, host) \
    X86_VECTOR_FUNCTION(name) \
    { \
        no_float(cpu); \
    }
X86_VECTOR_FLOAT_OPS(X)
X86_VECTOR_FLOAT_VALUE_OPS(X)
#undef X

#endif
