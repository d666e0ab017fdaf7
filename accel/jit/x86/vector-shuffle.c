/* SPDX-License-Identifier: MIT */
/*
 * SIMD instructions that move lanes about: packs, unpacks, shuffles, blends, broadcasts,
 * extensions. SDM volume 2. Nearly all work on each 16 bytes apart (8 of MMX).
 */
#include "accel/jit/x86/vector.h"

/* Of how many lanes of `size` bytes a part that is worked on alone consists. */
static unsigned part_lanes(uint32_t imm, unsigned size)
{
    return MIN(x86_vector_bytes(imm), 16u) / size;
}

static int32_t saturate(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

/*
 * In each part: name, lanes, result lane k of n. x and y are the part's lanes in a and b, as a
 * pointer.
 */
#define BY_PART(X) \
    X(punpcklbw, u8, (k & 1 ? y : x)[k / 2]) \
    X(punpcklwd, u16, (k & 1 ? y : x)[k / 2]) \
    X(punpckldq, u32, (k & 1 ? y : x)[k / 2]) \
    X(punpcklqdq, u64, (k & 1 ? y : x)[0]) \
    X(punpckhbw, u8, (k & 1 ? y : x)[(n + k) / 2]) \
    X(punpckhwd, u16, (k & 1 ? y : x)[(n + k) / 2]) \
    X(punpckhdq, u32, (k & 1 ? y : x)[(n + k) / 2]) \
    X(punpckhqdq, u64, (k & 1 ? y : x)[1]) \
    X(unpcklps, u32, (k & 1 ? y : x)[k / 2]) \
    X(unpckhps, u32, (k & 1 ? y : x)[(n + k) / 2]) \
    X(unpcklpd, u64, (k & 1 ? y : x)[0]) \
    X(unpckhpd, u64, (k & 1 ? y : x)[1]) \
    X(packsswb, s8, saturate(WIDE(int16_t), INT8_MIN, INT8_MAX)) \
    X(packuswb, u8, saturate(WIDE(int16_t), 0, UINT8_MAX)) \
    X(packssdw, s16, saturate(WIDE(int32_t), INT16_MIN, INT16_MAX)) \
    X(packusdw, u16, saturate(WIDE(int32_t), 0, UINT16_MAX)) \
    X(pshufd, u32, y[imm >> 2 * k & 3]) \
    X(pshufw, u16, y[imm >> 2 * k & 3]) \
    X(pshuflw, u16, k < 4 ? y[imm >> 2 * k & 3] : y[k]) \
    X(pshufhw, u16, k < 4 ? y[k] : y[4 + (imm >> 2 * (k - 4) & 3)]) \
    X(shufps, u32, (k < 2 ? x : y)[imm >> 2 * k & 3]) \
    X(shufpd, u64, (k < 1 ? x : y)[imm >> (k + part) & 1]) \
    X(movaps, u64, y[k]) \
    X(movq, u64, k ? 0 : y[0]) \
    X(movss, u32, (k ? x : y)[k]) \
    X(movsd, u64, (k ? x : y)[k]) \
    X(movhlps, u64, k ? x[1] : y[1]) \
    X(movlhps, u64, k ? y[0] : x[0]) \
    X(movsldup, u32, y[k & ~1u]) \
    X(movshdup, u32, y[k | 1]) \
    X(movddup, u64, y[0]) \
    X(pshufb, u8, y[k] & 0x80 ? 0 : x[y[k] & (n - 1)]) \
    X(vpermilps, u32, x[y[k] & 3]) \
    X(vpermilpd, u64, x[y[k] >> 1 & 1]) \
    X(vpermilps_imm, u32, y[imm >> 2 * k & 3]) \
    X(vpermilpd_imm, u64, y[imm >> (k + part) & 1]) \
    X(palignr, u8, ALIGNED_BYTE(k + (imm & 0xff))) \
    X(pblendw, u16, (imm >> k & 1 ? y : x)[k]) \
    X(vpblendd, u32, (imm >> (k + part) & 1 ? y : x)[k]) \
    X(blendps, u32, (imm >> (k + part) & 1 ? y : x)[k]) \
    X(blendpd, u64, (imm >> (k + part) & 1 ? y : x)[k]) \
    X(pblendvb, u8, (mask.u8[part + k] >> 7 ? y : x)[k]) \
    X(blendvps, u32, (mask.u32[part + k] >> 31 ? y : x)[k]) \
    X(blendvpd, u64, (mask.u64[part + k] >> 63 ? y : x)[k])

/* A lane twice as wide of what is packed. */
#define WIDE(type) (((const type *)(k < n / 2 ? x : y))[k % (n / 2)])
#define ALIGNED_BYTE(at) ((at) < n ? y[at] : (at) < 2 * n ? x[(at) - n] : 0)

/* The mask of variable blends is the register whose number is in bits 4-7 of the immediate. */
#define X(name, lane, result) \
    X86_VECTOR_FUNCTION(name) \
    { \
        X86Vector va, vb, vd = { 0 }; \
        const X86Vector mask = ((X86Jit *)cpu)->vector[imm >> 4 & 15]; \
        unsigned n = part_lanes(imm, sizeof(va.lane[0])); \
        (void)mask; \
        x86_vector_load(&va, a, imm); \
        x86_vector_load(&vb, b, imm); \
        for (unsigned i = 0; i < x86_vector_bytes(imm) / sizeof(va.lane[0]); i++) { \
            unsigned k = i % n, part = i - k; \
            typeof(va.lane[0]) *x = va.lane + part, *y = vb.lane + part; \
            (void)x; \
            (void)y; \
            vd.lane[i] = (result); \
        } \
        x86_vector_load(d, &vd, imm); \
    }
BY_PART(X)
#undef X

/* From the whole of b: name, lanes of the result, result lane i. */
#define WHOLE(X) \
    X(pmovsxbw, s16, vb.s8[i]) \
    X(pmovsxbd, s32, vb.s8[i]) \
    X(pmovsxbq, s64, vb.s8[i]) \
    X(pmovsxwd, s32, vb.s16[i]) \
    X(pmovsxwq, s64, vb.s16[i]) \
    X(pmovsxdq, s64, vb.s32[i]) \
    X(pmovzxbw, u16, vb.u8[i]) \
    X(pmovzxbd, u32, vb.u8[i]) \
    X(pmovzxbq, u64, vb.u8[i]) \
    X(pmovzxwd, u32, vb.u16[i]) \
    X(pmovzxwq, u64, vb.u16[i]) \
    X(pmovzxdq, u64, vb.u32[i]) \
    X(vbroadcastss, u32, vb.u32[0]) \
    X(vbroadcastsd, u64, vb.u64[0]) \
    X(vbroadcast128, u64, vb.u64[i & 1]) \
    X(vpbroadcastb, u8, vb.u8[0]) \
    X(vpbroadcastw, u16, vb.u16[0]) \
    X(vpbroadcastd, u32, vb.u32[0]) \
    X(vpbroadcastq, u64, vb.u64[0]) \
    X(vpermd, u32, vb.u32[va.u32[i] & 7]) \
    X(vpermps, u32, vb.u32[va.u32[i] & 7]) \
    X(vpermq, u64, vb.u64[imm >> 2 * i & 3]) \
    X(vpermpd, u64, vb.u64[imm >> 2 * i & 3]) \
    X(vperm2f128, u64, HALF_OF_TWO) \
    X(vperm2i128, u64, HALF_OF_TWO) \
    X(vinsertf128, u64, i / 2 == (imm & 1) ? vb.u64[i & 1] : va.u64[i]) \
    X(vinserti128, u64, i / 2 == (imm & 1) ? vb.u64[i & 1] : va.u64[i]) \
    X(vextract128, u64, i < 2 ? vb.u64[2 * (imm & 1) + i] : 0)

#define HALF_OF_TWO \
    (imm >> (i / 2 * 4 + 3) & 1 ? 0 \
     : (imm >> (i / 2 * 4 + 1) & 1 ? vb : va).u64[(imm >> (i / 2 * 4) & 1) * 2 + (i & 1)])

#define X(name, lane, result) \
    X86_VECTOR_FUNCTION(name) \
    { \
        X86Vector va, vb, vd = { 0 }; \
        x86_vector_copy(&va, a, 32); \
        x86_vector_copy(&vb, b, 32); \
        for (unsigned i = 0; i < x86_vector_bytes(imm) / sizeof(va.lane[0]); i++) { \
            vd.lane[i] = (result); \
        } \
        x86_vector_load(d, &vd, imm); \
    }
WHOLE(X)
#undef X

X86_VECTOR_FUNCTION(insertps)
{
    X86Vector vb, vd;
    x86_vector_load(&vb, b, imm);
    x86_vector_load(&vd, a, imm);
    vd.u32[imm >> 4 & 3] = vb.u32[imm >> 6 & 3];
    for (unsigned i = 0; i < 4; i++) {
        if (imm >> i & 1) {
            vd.u32[i] = 0;
        }
    }
    x86_vector_load(d, &vd, imm);
}
