/* SPDX-License-Identifier: MIT */
/*
 * SIMD integer arithmetic, and the table of all vector operations. SDM volume 2.
 */
#include "accel/jit/x86/vector.h"

#ifdef __x86_64__
#define FLOAT_FUNCTION(name) x86_vec_##name
#else
#define FLOAT_FUNCTION(name) x86_exact_##name
#endif

const IrVectorOp x86_vector_ops[X86_VECTOR_OP_COUNT] = {
#define X(name, map, prefix, opcode, flags, host) \
    [X86_VEC_##name] = { #name, x86_vec_##name, map, prefix, opcode, flags, host },
    X86_VECTOR_INTEGER_OPS(X) X86_VECTOR_SHUFFLE_OPS(X) X86_VECTOR_CRYPTO_OPS(X)
    X86_VECTOR_VALUE_OPS(X)
#undef X
#define X(name, map, prefix, opcode, flags, host) \
    [X86_VEC_##name] = { #name, FLOAT_FUNCTION(name), map, prefix, opcode, flags, host },
    X86_VECTOR_FLOAT_OPS(X) X86_VECTOR_FLOAT_VALUE_OPS(X)
#undef X
};

const IrVectorOp *x86_vector_op(const char *name)
{
    for (unsigned i = 0; i < X86_VECTOR_OP_COUNT; i++) {
        if (!strcmp(x86_vector_ops[i].name, name)) {
            return &x86_vector_ops[i];
        }
    }
    return NULL;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Lane by lane: name, the lanes' type, the result of x of a and y of b. */
#define LANEWISE(X) \
    X(paddb, u8, x + y) \
    X(paddw, u16, x + y) \
    X(paddd, u32, x + y) \
    X(paddq, u64, x + y) \
    X(psubb, u8, x - y) \
    X(psubw, u16, x - y) \
    X(psubd, u32, x - y) \
    X(psubq, u64, x - y) \
    X(paddsb, s8, clamp(x + y, INT8_MIN, INT8_MAX)) \
    X(paddsw, s16, clamp(x + y, INT16_MIN, INT16_MAX)) \
    X(paddusb, u8, clamp(x + y, 0, UINT8_MAX)) \
    X(paddusw, u16, clamp(x + y, 0, UINT16_MAX)) \
    X(psubsb, s8, clamp(x - y, INT8_MIN, INT8_MAX)) \
    X(psubsw, s16, clamp(x - y, INT16_MIN, INT16_MAX)) \
    X(psubusb, u8, clamp(x - y, 0, UINT8_MAX)) \
    X(psubusw, u16, clamp(x - y, 0, UINT16_MAX)) \
    X(pcmpeqb, u8, x == y ? -1 : 0) \
    X(pcmpeqw, u16, x == y ? -1 : 0) \
    X(pcmpeqd, u32, x == y ? -1 : 0) \
    X(pcmpeqq, u64, x == y ? -1 : 0) \
    X(pcmpgtb, s8, x > y ? -1 : 0) \
    X(pcmpgtw, s16, x > y ? -1 : 0) \
    X(pcmpgtd, s32, x > y ? -1 : 0) \
    X(pcmpgtq, s64, x > y ? -1 : 0) \
    X(pminub, u8, MIN(x, y)) \
    X(pminuw, u16, MIN(x, y)) \
    X(pminud, u32, MIN(x, y)) \
    X(pminsb, s8, MIN(x, y)) \
    X(pminsw, s16, MIN(x, y)) \
    X(pminsd, s32, MIN(x, y)) \
    X(pmaxub, u8, MAX(x, y)) \
    X(pmaxuw, u16, MAX(x, y)) \
    X(pmaxud, u32, MAX(x, y)) \
    X(pmaxsb, s8, MAX(x, y)) \
    X(pmaxsw, s16, MAX(x, y)) \
    X(pmaxsd, s32, MAX(x, y)) \
    X(pand, u64, x & y) \
    X(pandn, u64, ~x & y) \
    X(por, u64, x | y) \
    X(pxor, u64, x ^ y) \
    X(andps, u64, x & y) \
    X(andnps, u64, ~x & y) \
    X(orps, u64, x | y) \
    X(xorps, u64, x ^ y) \
    X(pavgb, u8, (x + y + 1) >> 1) \
    X(pavgw, u16, (x + y + 1) >> 1) \
    X(pmullw, u16, (uint32_t)x * y) \
    X(pmulld, u32, x * y) \
    X(pmulhw, s16, (x * y) >> 16) \
    X(pmulhuw, u16, ((uint32_t)x * y) >> 16) \
    X(pmulhrsw, s16, (((x * y) >> 14) + 1) >> 1) \
    X(pmuludq, u64, (uint64_t)(uint32_t)x * (uint32_t)y) \
    X(pmuldq, s64, (int64_t)(int32_t)x * (int32_t)y) \
    X(psignb, s8, y < 0 ? -x : y ? x : 0) \
    X(psignw, s16, y < 0 ? -x : y ? x : 0) \
    X(psignd, s32, y < 0 ? (int32_t)-(uint32_t)x : y ? x : 0) \
    X(pabsb, s8, ((void)x, y < 0 ? -y : y)) \
    X(pabsw, s16, ((void)x, y < 0 ? -y : y)) \
    X(pabsd, s32, ((void)x, y < 0 ? (int32_t)-(uint32_t)y : y)) \
    X(psllvd, u32, y < 32 ? x << y : 0) \
    X(psllvq, u64, y < 64 ? x << y : 0) \
    X(psrlvd, u32, y < 32 ? x >> y : 0) \
    X(psrlvq, u64, y < 64 ? x >> y : 0) \
    X(psravd, s32, x >> ((uint32_t)y < 32 ? y : 31))

#define X(name, lane, result) \
    X86_VECTOR_FUNCTION(name) \
    { \
        X86Vector va, vb, vd = { 0 }; \
        x86_vector_load(&va, a, imm); \
        x86_vector_load(&vb, b, imm); \
        for (unsigned i = 0; i < x86_vector_bytes(imm) / sizeof(va.lane[0]); i++) { \
            typeof(va.lane[0]) x = va.lane[i], y = vb.lane[i]; \
            vd.lane[i] = (result); \
        } \
        x86_vector_load(d, &vd, imm); \
    }
LANEWISE(X)
#undef X

/* Shifts of all lanes of a by the low 64 bits of b: name, lanes, result by the count n. */
#define SHIFTS(X) \
    X(psllw, u16, n < 16 ? x << n : 0) \
    X(pslld, u32, n < 32 ? x << n : 0) \
    X(psllq, u64, n < 64 ? x << n : 0) \
    X(psrlw, u16, n < 16 ? x >> n : 0) \
    X(psrld, u32, n < 32 ? x >> n : 0) \
    X(psrlq, u64, n < 64 ? x >> n : 0) \
    X(psraw, s16, x >> MIN(n, 15)) \
    X(psrad, s32, x >> MIN(n, 31))

#define X(name, lane, result) \
    X86_VECTOR_FUNCTION(name) \
    { \
        X86Vector va, vd = { 0 }; \
        uint64_t n; \
        memcpy(&n, b, sizeof(n)); \
        x86_vector_load(&va, a, imm); \
        for (unsigned i = 0; i < x86_vector_bytes(imm) / sizeof(va.lane[0]); i++) { \
            typeof(va.lane[0]) x = va.lane[i]; \
            vd.lane[i] = (result); \
        } \
        x86_vector_load(d, &vd, imm); \
    }
SHIFTS(X)
#undef X

/*
 * Horizontal ones: in each 16 bytes (8 of MMX) the pairs of a, then those of b. Name, lanes, result
 * of the pair x, y.
 */
#define HORIZONTAL(X) \
    X(phaddw, s16, x + y) \
    X(phaddd, u32, x + y) \
    X(phaddsw, s16, clamp(x + y, INT16_MIN, INT16_MAX)) \
    X(phsubw, s16, x - y) \
    X(phsubd, u32, x - y) \
    X(phsubsw, s16, clamp(x - y, INT16_MIN, INT16_MAX))

#define X(name, lane, result) \
    X86_VECTOR_FUNCTION(name) \
    { \
        X86Vector va, vb, vd = { 0 }; \
        unsigned width = MIN(x86_vector_bytes(imm), 16u) / sizeof(va.lane[0]); \
        x86_vector_load(&va, a, imm); \
        x86_vector_load(&vb, b, imm); \
        for (unsigned i = 0; i < x86_vector_bytes(imm) / sizeof(va.lane[0]); i++) { \
            const X86Vector *from = i % width < width / 2 ? &va : &vb; \
            unsigned first = i / width * width + i % (width / 2) * 2; \
            typeof(va.lane[0]) x = from->lane[first], y = from->lane[first + 1]; \
            vd.lane[i] = (result); \
        } \
        x86_vector_load(d, &vd, imm); \
    }
HORIZONTAL(X)
#undef X

X86_VECTOR_FUNCTION(pmaddwd)
{
    X86Vector va, vb, vd = { 0 };
    x86_vector_load(&va, a, imm);
    x86_vector_load(&vb, b, imm);
    for (unsigned i = 0; i < x86_vector_bytes(imm) / 4; i++) {
        vd.u32[i] = (uint32_t)(va.s16[2 * i] * vb.s16[2 * i])
                    + (uint32_t)(va.s16[2 * i + 1] * vb.s16[2 * i + 1]);
    }
    x86_vector_load(d, &vd, imm);
}

X86_VECTOR_FUNCTION(pmaddubsw)
{
    X86Vector va, vb, vd = { 0 };
    x86_vector_load(&va, a, imm);
    x86_vector_load(&vb, b, imm);
    for (unsigned i = 0; i < x86_vector_bytes(imm) / 2; i++) {
        vd.s16[i] = clamp(va.u8[2 * i] * vb.s8[2 * i] + va.u8[2 * i + 1] * vb.s8[2 * i + 1],
                          INT16_MIN, INT16_MAX);
    }
    x86_vector_load(d, &vd, imm);
}

X86_VECTOR_FUNCTION(psadbw)
{
    X86Vector va, vb, vd = { 0 };
    x86_vector_load(&va, a, imm);
    x86_vector_load(&vb, b, imm);
    for (unsigned i = 0; i < x86_vector_bytes(imm) / 8; i++) {
        uint64_t sum = 0;
        for (unsigned j = 8 * i; j < 8 * i + 8; j++) {
            sum += abs(va.u8[j] - vb.u8[j]);
        }
        vd.u64[i] = sum;
    }
    x86_vector_load(d, &vd, imm);
}

X86_VECTOR_FUNCTION(mpsadbw)
{
    X86Vector va, vb, vd = { 0 };
    x86_vector_load(&va, a, imm);
    x86_vector_load(&vb, b, imm);
    for (unsigned half = 0; half < x86_vector_bytes(imm) / 16; half++) {
        unsigned control = imm >> (3 * half);
        const uint8_t *window = va.u8 + 16 * half + (control & 4);
        const uint8_t *block = vb.u8 + 16 * half + (control & 3) * 4;
        for (unsigned i = 0; i < 8; i++) {
            unsigned sum = 0;
            for (unsigned j = 0; j < 4; j++) {
                sum += abs(window[i + j] - block[j]);
            }
            vd.u16[8 * half + i] = sum;
        }
    }
    x86_vector_load(d, &vd, imm);
}

X86_VECTOR_FUNCTION(phminposuw)
{
    X86Vector vb, vd = { 0 };
    unsigned least = 0;
    x86_vector_load(&vb, b, imm);
    for (unsigned i = 1; i < 8; i++) {
        if (vb.u16[i] < vb.u16[least]) {
            least = i;
        }
    }
    vd.u16[0] = vb.u16[least];
    vd.u16[1] = least;
    x86_vector_load(d, &vd, imm);
}
