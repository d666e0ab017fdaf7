/* SPDX-License-Identifier: MIT */
/*
 * PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: SDM volume 1, 10.13 and volume 2, 4.1; and what SIMD
 * instructions give to general registers.
 */
#include "accel/jit/x86/vector.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

static const X86Vector *vector_at(X86Jit *cpu, uint64_t offset)
{
    return (const void *)((const char *)cpu + offset);
}

/* Element i by the immediate's bits 0, 1: bytes or words, unsigned or signed. */
static int element(const X86Vector *v, unsigned control, unsigned i)
{
    switch (control & 3) {
    case 0:
        return v->u8[i];
    case 1:
        return v->u16[i];
    case 2:
        return v->s8[i];
    default:
        return v->s16[i];
    }
}

/* The aggregation's bit for element j of b, with lengths in elements. */
static bool matches(const X86Vector *a, const X86Vector *b, unsigned control, unsigned length_a,
                    unsigned length_b, unsigned j)
{
    unsigned count = control & 1 ? 8 : 16;
    bool result;

    switch (control >> 2 & 3) {
    case 0: /* equal any */
        for (unsigned i = 0; i < length_a && j < length_b; i++) {
            if (element(a, control, i) == element(b, control, j)) {
                return true;
            }
        }
        return false;
    case 1: /* ranges */
        for (unsigned i = 0; i + 1 < length_a && j < length_b; i += 2) {
            if (element(b, control, j) >= element(a, control, i)
                && element(b, control, j) <= element(a, control, i + 1)) {
                return true;
            }
        }
        return false;
    case 2: /* equal each: both ended is equal too */
        result = j < length_a && j < length_b && element(a, control, j) == element(b, control, j);
        return result || (j >= length_a && j >= length_b);
    default: /* equal ordered */
        for (unsigned i = 0; i < length_a && i + j < count; i++) {
            if (i + j >= length_b || element(a, control, i) != element(b, control, i + j)) {
                return false;
            }
        }
        return true;
    }
}

/* The comparison's mask (IntRes2), and in bits 32 … the arithmetic flags. */
static uint64_t compare_strings(const X86Vector *a, const X86Vector *b, unsigned control,
                                unsigned length_a, unsigned length_b)
{
    unsigned count = control & 1 ? 8 : 16;
    uint32_t mask = 0, flags = 0;
    for (unsigned j = 0; j < count; j++) {
        mask |= (uint32_t)matches(a, b, control, length_a, length_b, j) << j;
    }
    if (control & 0x10) {
        mask ^= control & 0x20 ? (1u << length_b) - 1 : (1u << count) - 1;
    }
    flags |= mask ? X86_CF : 0;
    flags |= length_b < count ? X86_ZF : 0;
    flags |= length_a < count ? X86_SF : 0;
    flags |= mask & 1 ? X86_OF : 0;
    return mask | (uint64_t)flags << 32;
}

static unsigned implicit_length(const X86Vector *v, unsigned control)
{
    unsigned count = control & 1 ? 8 : 16, i = 0;
    while (i < count && element(v, control, i)) {
        i++;
    }
    return i;
}

static unsigned explicit_length(uint64_t value, bool wide, unsigned count)
{
    int64_t length = wide ? (int64_t)value : (int32_t)value;
    return length < -(int64_t)count || length > count ? count : ABS(length);
}

uint64_t x86_vector_pcmpistr(X86Jit *cpu, uint64_t a, uint64_t b, uint64_t control)
{
    const X86Vector *va = vector_at(cpu, a), *vb = vector_at(cpu, b);
    return compare_strings(va, vb, control, implicit_length(va, control),
                           implicit_length(vb, control));
}

uint64_t x86_vector_pcmpestr(X86Jit *cpu, uint64_t operands, uint64_t control, uint64_t rax,
                             uint64_t rdx)
{
    const X86Vector *va = vector_at(cpu, operands >> 32);
    const X86Vector *vb = vector_at(cpu, (uint32_t)operands);
    bool wide = control & X86_STRING_LENGTHS_64;
    unsigned count = control & 1 ? 8 : 16;
    return compare_strings(va, vb, control, explicit_length(rax, wide, count),
                           explicit_length(rdx, wide, count));
}

uint64_t x86_vector_string_index(X86Jit *cpu, uint64_t result, uint64_t control)
{
    uint32_t mask = result;
    return !mask ? (control & 1 ? 8 : 16)
           : control & 0x40 ? 31 - __builtin_clz(mask)
           : __builtin_ctz(mask);
}

uint64_t x86_vector_string_mask(X86Jit *cpu, uint64_t result, uint64_t control)
{
    X86Vector r = { 0 };
    if (!(control & 0x40)) {
        r.u16[0] = result;
    } else if (control & 1) {
        for (unsigned i = 0; i < 8; i++) {
            r.u16[i] = result >> i & 1 ? -1 : 0;
        }
    } else {
        for (unsigned i = 0; i < 16; i++) {
            r.u8[i] = result >> i & 1 ? -1 : 0;
        }
    }
    x86_vector_copy(&cpu->vector[0], &r, 16);
    return 0;
}

/* ---- those that give a value ---- */

static uint64_t sign_bits(const uint8_t *v, unsigned lane, unsigned bytes)
{
    uint64_t result = 0;
#ifdef __SSE2__
    if (lane == 1 && bytes >= 16) {
        result = (uint32_t)_mm_movemask_epi8(_mm_loadu_si128((const __m128i *)v));
        return bytes == 16 ? result
               : result | (uint64_t)(uint32_t)_mm_movemask_epi8(
                              _mm_loadu_si128((const __m128i *)(v + 16))) << 16;
    }
#endif
    for (unsigned i = 0; i < bytes / lane; i++) {
        result |= (uint64_t)(v[(i + 1) * lane - 1] >> 7) << i;
    }
    return result;
}

#define X(name, lane) \
    X86_VECTOR_FUNCTION(name) \
    { \
        *(uint64_t *)d = sign_bits(b, lane, x86_vector_bytes(imm)); \
    }
X(pmovmskb, 1)
X(movmskps, 4)
X(movmskpd, 8)
#undef X

/* ZF: no bit of `lanes` is in both; CF: none is in b alone. */
static uint64_t test(const X86Vector *a, const X86Vector *b, uint64_t lanes, unsigned bytes)
{
    uint64_t both = 0, only_b = 0;
    for (unsigned i = 0; i < bytes / 8; i++) {
        both |= a->u64[i] & b->u64[i] & lanes;
        only_b |= ~a->u64[i] & b->u64[i] & lanes;
    }
    return (both ? 0 : X86_ZF) | (only_b ? 0 : X86_CF);
}

#define X(name, lanes) \
    X86_VECTOR_FUNCTION(name) \
    { \
        *(uint64_t *)d = test(a, b, lanes, x86_vector_bytes(imm)); \
    }
X(ptest, UINT64_MAX)
X(vtestps, 0x8000000080000000)
X(vtestpd, 0x8000000000000000)
#undef X
