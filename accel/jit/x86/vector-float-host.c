/* SPDX-License-Identifier: MIT */
/*
 * SIMD floating point, by the host's own under the guest's MXCSR. SDM volume 1, chapters 10, 11 and
 * 14; volume 2.
 *
 * A kernel computes into `d` with all exceptions masked, and the flags are looked at afterwards.
 * Arithmetic is in assembler, so that operands keep their order (which matters for NaNs) and
 * nothing moves out of where the guest's MXCSR is loaded. Overflow and underflow that are not
 * masked are told of by a result with an unbounded exponent, which only a CPU sees that has them
 * not masked: what may come to that is done in software, as is what the host has no instruction
 * for.
 */
#include "accel/jit/x86/vector-float.h"

#ifdef __x86_64__
#include <cpuid.h>
#include <immintrin.h>
#include <stdatomic.h>

typedef void (*Kernel)(X86Vector *d, const X86Vector *a, const X86Vector *b, uint32_t imm);
typedef void (*VectorFunction)(void *cpu, void *d, const void *a, const void *b, uint32_t imm);

#ifdef __clang__
#define NOT_INLINED __attribute__((noinline))
#else
#define NOT_INLINED __attribute__((noipa))
#endif

/* Not inlined: what a kernel does must stay between the two loads of MXCSR. */
NOT_INLINED static uint32_t run(Kernel kernel, uint32_t mxcsr, X86Vector *d,
                                           const X86Vector *a, const X86Vector *b, uint32_t imm)
{
    uint32_t saved = _mm_getcsr();
    _mm_setcsr((mxcsr & (MXCSR_RC | MXCSR_DAZ | MXCSR_FZ)) | MXCSR_MASKS);
    kernel(d, a, b, imm);
    uint32_t flags = _mm_getcsr() & MXCSR_FLAGS;
    _mm_setcsr(saved);
    return flags;
}

static bool needs_exact(const X86Jit *cpu)
{
    return x86_float_unmasked(cpu, MXCSR_OE | MXCSR_UE);
}

/* An exception that is not masked leaves `d` alone. Without `exact` nothing is told of results. */
static void float_operation(Kernel kernel, VectorFunction exact, void *cpu, void *d, const void *a,
                            const void *b, uint32_t imm)
{
    X86Vector va, vb, vd;
    if (exact && needs_exact(cpu)) {
        exact(cpu, d, a, b, imm);
        return;
    }
    x86_vector_load(&va, a, imm);
    x86_vector_load(&vb, b, imm);
    x86_vector_load(&vd, d, imm);
    uint32_t mxcsr = ((X86Jit *)cpu)->mxcsr;
    x86_float_account(cpu, run(kernel, mxcsr, &vd, &va, &vb, imm));
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
    x86_float_account(cpu, run(kernel, mxcsr, &vd, &va, &vb, imm));
    *(uint64_t *)d = vd.u64[0];
}

/* A kernel of that name, and the functions of vector.h that run it. */
#define KERNEL(name) \
    static void kernel_##name(X86Vector *d, const X86Vector *a, const X86Vector *b, uint32_t imm)
#define FUNCTION(name) \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, x86_exact_##name, cpu, d, a, b, imm); \
    }
#define VALUE_FUNCTION(name) \
    X86_VECTOR_FUNCTION(name) \
    { \
        value_operation(kernel_##name, cpu, d, a, b, imm); \
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
    X(sqrtss) X(sqrtsd) X(cvtss2sd) X(cvtsd2ss)
#define BINARY_APPROXIMATE(X) X(rsqrtss) X(rcpss)

#define X(name) \
    KERNEL(name) \
    { \
        for (unsigned i = 0; i < parts(imm); i++) { \
            __m128 x = part_get(a, i), y = part_get(b, i); \
            SSE(#name, x, y); \
            part_put(d, i, x); \
        } \
    }
BINARY(X)
BINARY_APPROXIMATE(X)
#undef X

/* d = op b, as many bytes out as in. */
#define UNARY(X) X(sqrtps) X(sqrtpd) X(cvtdq2ps) X(cvtps2dq) X(cvttps2dq)
#define UNARY_APPROXIMATE(X) X(rsqrtps) X(rcpps)

#define X(name) \
    KERNEL(name) \
    { \
        for (unsigned i = 0; i < parts(imm); i++) { \
            __m128 x = part_get(b, i), y = x; \
            SSE(#name, x, y); \
            part_put(d, i, x); \
        } \
    }
UNARY(X)
UNARY_APPROXIMATE(X)
#undef X

/* To lanes half as wide: the results of all parts lie together, and the rest is 0. */
#define NARROW(X) X(cvtpd2ps) X(cvtpd2dq) X(cvttpd2dq)

#define X(name) \
    KERNEL(name) \
    { \
        uint64_t result[4] = { 0 }; \
        for (unsigned i = 0; i < parts(imm); i++) { \
            __m128 x = part_get(b, i), y = x; \
            SSE(#name, x, y); \
            _mm_storel_pi((__m64 *)&result[i], x); \
        } \
        memcpy(d, result, x86_vector_bytes(imm)); \
    }
NARROW(X)
#undef X

/* To lanes twice as wide: part i comes of the i-th 8 bytes. */
#define WIDEN(X) X(cvtps2pd) X(cvtdq2pd)

#define X(name) \
    KERNEL(name) \
    { \
        for (unsigned i = 0; i < parts(imm); i++) { \
            __m128 x, y = _mm_castpd_ps(_mm_load_sd(&b->f64[i])); \
            x = y; \
            SSE(#name, x, y); \
            part_put(d, i, x); \
        } \
    }
WIDEN(X)
#undef X

BINARY(FUNCTION)
UNARY(FUNCTION)
NARROW(FUNCTION)
WIDEN(FUNCTION)
#define X(name) \
    X86_VECTOR_FUNCTION(name) \
    { \
        float_operation(kernel_##name, NULL, cpu, d, a, b, imm); \
    }
BINARY_APPROXIMATE(X)
UNARY_APPROXIMATE(X)
#undef X

/* ---- comparison ---- */

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
    KERNEL(name) \
    { \
        unsigned predicate = imm & 31; \
        unsigned count = scalar ? 1 : x86_vector_bytes(imm) / sizeof(a->lane[0]); \
        X86Vector r = *a; \
        for (unsigned i = 0; i < count; i++) { \
            uint64_t eflags = compare_##precision(a->lane[i], b->lane[i], \
                                                  x86_predicate_signals(predicate)); \
            r.mask[i] = x86_predicate_holds(relation_of(eflags), predicate) ? -1 : 0; \
        } \
        *d = r; \
    } \
    FUNCTION(name)
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
    KERNEL(name) \
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
    FUNCTION(name)
HORIZONTAL(X)
#undef X

#define ALTERNATING(X) X(addsubps, f32, single) X(addsubpd, f64, double)

#define X(name, lane, precision) \
    KERNEL(name) \
    { \
        for (unsigned i = 0; i < x86_vector_bytes(imm) / sizeof(a->lane[0]); i++) { \
            d->lane[i] = i & 1 ? add_##precision(a->lane[i], b->lane[i]) \
                               : sub_##precision(a->lane[i], b->lane[i]); \
        } \
    } \
    FUNCTION(name)
ALTERNATING(X)
#undef X

/*
 * The products are summed in pairs; the order tells which of two NaNs it is. After a step whose
 * exception is not masked there is no next one: SDM volume 2, DPPS. DPPD needs no second sum.
 */
#define DOT(X) X(dpps, f32, single) X(dppd, f64, double)

#define X(name, lane, precision) \
    KERNEL(name##_product) \
    { \
        unsigned n = 16 / sizeof(a->lane[0]); \
        for (unsigned i = 0; i < n * parts(imm); i++) { \
            d->lane[i] = imm >> (4 + i % n) & 1 ? mul_##precision(a->lane[i], b->lane[i]) : 0; \
        } \
    }
DOT(X)
#undef X

KERNEL(dpps_pairs)
{
    for (unsigned i = 0; i < 4 * parts(imm); i++) {
        d->f32[i] = add_single(a->f32[i ^ 1], a->f32[i]);
    }
}

KERNEL(dpps_sum)
{
    for (unsigned i = 0; i < 4 * parts(imm); i++) {
        float sum = add_single(a->f32[i], a->f32[i ^ 2]);
        d->f32[i] = imm >> i % 4 & 1 ? sum : 0;
    }
}

KERNEL(dppd_sum)
{
    for (unsigned i = 0; i < 2; i++) {
        double sum = add_double(a->f64[i], a->f64[i ^ 1]);
        d->f64[i] = imm >> i & 1 ? sum : 0;
    }
}

static void step(Kernel kernel, X86Jit *cpu, X86Vector *d, const void *a, const void *b,
                 uint32_t imm)
{
    X86Vector va, vb;
    x86_vector_load(&va, a, imm);
    x86_vector_load(&vb, b, imm);
    x86_float_account(cpu, run(kernel, cpu->mxcsr, d, &va, &vb, imm));
}

X86_VECTOR_FUNCTION(dpps)
{
    X86Vector product, pairs, sum;
    if (needs_exact(cpu)) {
        x86_exact_dpps(cpu, d, a, b, imm);
        return;
    }
    step(kernel_dpps_product, cpu, &product, a, b, imm);
    step(kernel_dpps_pairs, cpu, &pairs, &product, &product, imm);
    step(kernel_dpps_sum, cpu, &sum, &pairs, &pairs, imm);
    x86_vector_load(d, &sum, imm);
}

X86_VECTOR_FUNCTION(dppd)
{
    X86Vector product, sum;
    if (needs_exact(cpu)) {
        x86_exact_dppd(cpu, d, a, b, imm);
        return;
    }
    step(kernel_dppd_product, cpu, &product, a, b, imm);
    step(kernel_dppd_sum, cpu, &sum, &product, &product, imm);
    x86_vector_load(d, &sum, imm);
}

/* ---- conversions from and to general registers and MMX ---- */

/* From an integer in the low bytes of b to lane 0. */
#define FROM_INTEGER(X) \
    X(cvtsi2ss, "cvtsi2ssl", s32) X(cvtsi2sd, "cvtsi2sdl", s32) \
    X(cvtsq2ss, "cvtsi2ssq", s64) X(cvtsq2sd, "cvtsi2sdq", s64)

#define X(name, mnemonic, lane) \
    KERNEL(name) \
    { \
        __m128 x = part_get(a, 0); \
        __asm__ volatile(mnemonic " %1, %0" : "+x"(x) : "r"(b->lane[0])); \
        part_put(d, 0, x); \
    } \
    FUNCTION(name)
FROM_INTEGER(X)
#undef X

/*
 * Between MMX (8 bytes) and SSE; `imm` says 16 bytes for all, of which those of an MMX register
 * are the first 8: lowering goes through scratch vectors.
 */
KERNEL(cvtpi2ps)
{
    __m128 x = _mm_castpd_ps(_mm_load_sd(&b->f64[0]));
    SSE("cvtdq2ps", x, x);
    *d = *a;
    _mm_storel_pi((__m64 *)d, x);
}

FUNCTION(cvtpi2ps)

X86_VECTOR_FUNCTION(cvtpi2pd)
{
    x86_vec_cvtdq2pd(cpu, d, a, b, imm);
}

#define TO_MMX(X) \
    X(cvtps2pi, "cvtps2dq", true) X(cvttps2pi, "cvttps2dq", true) \
    X(cvtpd2pi, "cvtpd2dq", false) X(cvttpd2pi, "cvttpd2dq", false)

#define X(name, mnemonic, single) \
    KERNEL(name) \
    { \
        __m128 x = single ? _mm_castpd_ps(_mm_load_sd(&b->f64[0])) : part_get(b, 0); \
        SSE(mnemonic, x, x); \
        d->u64[0] = 0; \
        _mm_storel_pi((__m64 *)d, x); \
    } \
    FUNCTION(name)
TO_MMX(X)
#undef X

/* ---- those that give a value ---- */

#define TO_INTEGER(X) \
    X(cvtss2si, "cvtss2si %1, %k0") X(cvttss2si, "cvttss2si %1, %k0") \
    X(cvtsd2si, "cvtsd2si %1, %k0") X(cvttsd2si, "cvttsd2si %1, %k0") \
    X(cvtss2sq, "cvtss2si %1, %q0") X(cvttss2sq, "cvttss2si %1, %q0") \
    X(cvtsd2sq, "cvtsd2si %1, %q0") X(cvttsd2sq, "cvttsd2si %1, %q0")

#define X(name, mnemonic) \
    KERNEL(name) \
    { \
        uint64_t wide = 0; \
        __asm__ volatile(mnemonic : "=r"(wide) : "x"(part_get(b, 0))); \
        d->u64[0] = wide; \
    } \
    VALUE_FUNCTION(name)
TO_INTEGER(X)
#undef X

#define TO_FLAGS(X) \
    X(ucomiss, f32, compare_single, false) X(comiss, f32, compare_single, true) \
    X(ucomisd, f64, compare_double, false) X(comisd, f64, compare_double, true)

#define X(name, lane, compare, signals) \
    KERNEL(name) \
    { \
        d->u64[0] = compare(a->lane[0], b->lane[0], signals) & X86_ARITHMETIC; \
    } \
    VALUE_FUNCTION(name)
TO_FLAGS(X)
#undef X

/* ---- not of every host, or not worth it: the back end has the very instructions ---- */

#define SOFTWARE(X) X(roundps) X(roundpd) X(roundss) X(roundsd) X(vcvtph2ps)

#define X(name) \
    X86_VECTOR_FUNCTION(name) \
    { \
        x86_exact_##name(cpu, d, a, b, imm); \
    }
SOFTWARE(X)
#undef X

/* ---- half precision: SDM volume 2, VCVTPS2PH. FTZ does not matter ---- */

KERNEL(vcvtps2ph)
{
    X86Vector result = { 0 };
    for (unsigned i = 0; i < parts(imm); i++) {
        __m128 x = part_get(b, i);
        __asm__ volatile("vcvtps2ph $4, %0, %0" : "+x"(x)); /* rounds by MXCSR */
        _mm_storel_pi((__m64 *)&result.u64[i], x);
    }
    x86_vector_load(d, &result, imm);
}

static bool has_f16c(void)
{
    static atomic_int known;    /* 1: no, 2: yes */
    unsigned eax, ebx, ecx, edx;
    if (!atomic_load_explicit(&known, memory_order_relaxed)) {
        bool has = __get_cpuid(1, &eax, &ebx, &ecx, &edx) && ecx & bit_F16C;
        atomic_store_explicit(&known, has + 1, memory_order_relaxed);
    }
    return atomic_load_explicit(&known, memory_order_relaxed) == 2;
}

X86_VECTOR_FUNCTION(vcvtps2ph)
{
    X86Jit *x86 = cpu;
    X86Vector vb, vd;
    uint32_t mxcsr = imm & 4 ? x86->mxcsr : (x86->mxcsr & ~MXCSR_RC) | (imm & 3) << 13;
    if (!has_f16c() || needs_exact(x86)) {
        x86_exact_vcvtps2ph(cpu, d, a, b, imm);
        return;
    }
    x86_vector_load(&vb, b, imm);
    x86_float_account(x86, run(kernel_vcvtps2ph, mxcsr, &vd, &vb, &vb, imm));
    x86_vector_load(d, &vd, imm);
}

/* ---- FMA: SDM volume 1, 14.5. Operand 1 is d, 2 is a, 3 is b ---- */

static void fused(Kernel kernel, VectorFunction exact, void *cpu, void *d, const void *a,
                  const void *b, uint32_t imm)
{
    if (__builtin_cpu_supports("fma")) {
        float_operation(kernel, exact, cpu, d, a, b, imm);
    } else {
        exact(cpu, d, a, b, imm);
    }
}

/* name, the host's mnemonic by whether lane i is odd */
#define FUSED(X, order) \
    X(vfmadd##order, "vfmadd" #order, "vfmadd" #order) \
    X(vfmsub##order, "vfmsub" #order, "vfmsub" #order) \
    X(vfnmadd##order, "vfnmadd" #order, "vfnmadd" #order) \
    X(vfnmsub##order, "vfnmsub" #order, "vfnmsub" #order)
#define FUSED_ALTERNATING(X, order) \
    X(vfmaddsub##order, "vfmsub" #order, "vfmadd" #order) \
    X(vfmsubadd##order, "vfmadd" #order, "vfmsub" #order)

#define LANES(name, suffix, letter, even, odd, lane, count) \
    KERNEL(name##suffix) \
    { \
        for (unsigned i = 0; i < (count); i++) { \
            typeof(d->lane[0]) o1 = d->lane[i], o2 = a->lane[i], o3 = b->lane[i]; \
            if (i & 1) { \
                __asm__ volatile(odd "s" letter " %2, %1, %0" : "+x"(o1) : "x"(o2), "x"(o3)); \
            } else { \
                __asm__ volatile(even "s" letter " %2, %1, %0" : "+x"(o1) : "x"(o2), "x"(o3)); \
            } \
            d->lane[i] = o1; \
        } \
    } \
    X86_VECTOR_FUNCTION(name##suffix) \
    { \
        fused(kernel_##name##suffix, x86_exact_##name##suffix, cpu, d, a, b, imm); \
    }
#define PACKED(name, even, odd) \
    LANES(name, ps, "s", even, odd, f32, x86_vector_bytes(imm) / 4) \
    LANES(name, pd, "d", even, odd, f64, x86_vector_bytes(imm) / 8)
#define SCALAR(name, even, odd) \
    LANES(name, ss, "s", even, odd, f32, 1) \
    LANES(name, sd, "d", even, odd, f64, 1)

FUSED(PACKED, 132)
FUSED(PACKED, 213)
FUSED(PACKED, 231)
FUSED(SCALAR, 132)
FUSED(SCALAR, 213)
FUSED(SCALAR, 231)
FUSED_ALTERNATING(PACKED, 132)
FUSED_ALTERNATING(PACKED, 213)
FUSED_ALTERNATING(PACKED, 231)

#endif
