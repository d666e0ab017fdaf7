/* SPDX-License-Identifier: MIT */
/*
 * What SIMD instructions compute: a row for each, with the function that does it on any
 * host and the VEX encoding with which an x86-64 host does the same.
 *
 * Operands are vectors in the state (X86Vector), or the mantissas of x87 registers for MMX, when
 * 8 bytes are worked on. A function writes that many bytes of d and no more; d may be a or b.
 * Scalar floating point takes lanes but the lowest from a.
 *
 * Floating point is bit-exact with x86 hardware, exceptions and NaNs included, and is done twice:
 * by the host's own instructions with the guest's MXCSR, x86_vec_NAME on x86-64 hosts, and in
 * software by accel/jit/exact.h, x86_exact_NAME. The approximations (RCPPS, RSQRTPS and their
 * scalars) are each processor's own; in software they are the numbers correctly rounded to
 * nearest, so that what they are wrong by is 2^-24, where the SDM allows 1.5 * 2^-12.
 */
#ifndef ACCEL_JIT_X86_VECTOR_H
#define ACCEL_JIT_X86_VECTOR_H

#include "accel/jit/x86/x86.h"

/* name, VEX map, prefix, opcode, flags, what the host must have; map 0: the function only */
/* Integer arithmetic and logic: vector-integer.c */
#define X86_VECTOR_INTEGER_OPS(X) \
    X(pcmpgtb, 1, 1, 0x64, 0, IR_HOST_AVX2) \
    X(pcmpgtw, 1, 1, 0x65, 0, IR_HOST_AVX2) \
    X(pcmpgtd, 1, 1, 0x66, 0, IR_HOST_AVX2) \
    X(pcmpeqb, 1, 1, 0x74, 0, IR_HOST_AVX2) \
    X(pcmpeqw, 1, 1, 0x75, 0, IR_HOST_AVX2) \
    X(pcmpeqd, 1, 1, 0x76, 0, IR_HOST_AVX2) \
    X(psrlw, 1, 1, 0xd1, 0, IR_HOST_AVX2) \
    X(psrld, 1, 1, 0xd2, 0, IR_HOST_AVX2) \
    X(psrlq, 1, 1, 0xd3, 0, IR_HOST_AVX2) \
    X(paddq, 1, 1, 0xd4, 0, IR_HOST_AVX2) \
    X(pmullw, 1, 1, 0xd5, 0, IR_HOST_AVX2) \
    X(psubusb, 1, 1, 0xd8, 0, IR_HOST_AVX2) \
    X(psubusw, 1, 1, 0xd9, 0, IR_HOST_AVX2) \
    X(pminub, 1, 1, 0xda, 0, IR_HOST_AVX2) \
    X(pand, 1, 1, 0xdb, 0, IR_HOST_AVX2) \
    X(paddusb, 1, 1, 0xdc, 0, IR_HOST_AVX2) \
    X(paddusw, 1, 1, 0xdd, 0, IR_HOST_AVX2) \
    X(pmaxub, 1, 1, 0xde, 0, IR_HOST_AVX2) \
    X(pandn, 1, 1, 0xdf, 0, IR_HOST_AVX2) \
    X(pavgb, 1, 1, 0xe0, 0, IR_HOST_AVX2) \
    X(psraw, 1, 1, 0xe1, 0, IR_HOST_AVX2) \
    X(psrad, 1, 1, 0xe2, 0, IR_HOST_AVX2) \
    X(pavgw, 1, 1, 0xe3, 0, IR_HOST_AVX2) \
    X(pmulhuw, 1, 1, 0xe4, 0, IR_HOST_AVX2) \
    X(pmulhw, 1, 1, 0xe5, 0, IR_HOST_AVX2) \
    X(psubsb, 1, 1, 0xe8, 0, IR_HOST_AVX2) \
    X(psubsw, 1, 1, 0xe9, 0, IR_HOST_AVX2) \
    X(pminsw, 1, 1, 0xea, 0, IR_HOST_AVX2) \
    X(por, 1, 1, 0xeb, 0, IR_HOST_AVX2) \
    X(paddsb, 1, 1, 0xec, 0, IR_HOST_AVX2) \
    X(paddsw, 1, 1, 0xed, 0, IR_HOST_AVX2) \
    X(pmaxsw, 1, 1, 0xee, 0, IR_HOST_AVX2) \
    X(pxor, 1, 1, 0xef, 0, IR_HOST_AVX2) \
    X(psllw, 1, 1, 0xf1, 0, IR_HOST_AVX2) \
    X(pslld, 1, 1, 0xf2, 0, IR_HOST_AVX2) \
    X(psllq, 1, 1, 0xf3, 0, IR_HOST_AVX2) \
    X(pmuludq, 1, 1, 0xf4, 0, IR_HOST_AVX2) \
    X(pmaddwd, 1, 1, 0xf5, 0, IR_HOST_AVX2) \
    X(psadbw, 1, 1, 0xf6, 0, IR_HOST_AVX2) \
    X(psubb, 1, 1, 0xf8, 0, IR_HOST_AVX2) \
    X(psubw, 1, 1, 0xf9, 0, IR_HOST_AVX2) \
    X(psubd, 1, 1, 0xfa, 0, IR_HOST_AVX2) \
    X(psubq, 1, 1, 0xfb, 0, IR_HOST_AVX2) \
    X(paddb, 1, 1, 0xfc, 0, IR_HOST_AVX2) \
    X(paddw, 1, 1, 0xfd, 0, IR_HOST_AVX2) \
    X(paddd, 1, 1, 0xfe, 0, IR_HOST_AVX2) \
    X(andps, 1, 0, 0x54, 0, IR_HOST_AVX) \
    X(andnps, 1, 0, 0x55, 0, IR_HOST_AVX) \
    X(orps, 1, 0, 0x56, 0, IR_HOST_AVX) \
    X(xorps, 1, 0, 0x57, 0, IR_HOST_AVX) \
    X(phaddw, 2, 1, 0x01, 0, IR_HOST_AVX2) \
    X(phaddd, 2, 1, 0x02, 0, IR_HOST_AVX2) \
    X(phaddsw, 2, 1, 0x03, 0, IR_HOST_AVX2) \
    X(pmaddubsw, 2, 1, 0x04, 0, IR_HOST_AVX2) \
    X(phsubw, 2, 1, 0x05, 0, IR_HOST_AVX2) \
    X(phsubd, 2, 1, 0x06, 0, IR_HOST_AVX2) \
    X(phsubsw, 2, 1, 0x07, 0, IR_HOST_AVX2) \
    X(psignb, 2, 1, 0x08, 0, IR_HOST_AVX2) \
    X(psignw, 2, 1, 0x09, 0, IR_HOST_AVX2) \
    X(psignd, 2, 1, 0x0a, 0, IR_HOST_AVX2) \
    X(pmulhrsw, 2, 1, 0x0b, 0, IR_HOST_AVX2) \
    X(pabsb, 2, 1, 0x1c, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pabsw, 2, 1, 0x1d, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pabsd, 2, 1, 0x1e, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmuldq, 2, 1, 0x28, 0, IR_HOST_AVX2) \
    X(pcmpeqq, 2, 1, 0x29, 0, IR_HOST_AVX2) \
    X(pcmpgtq, 2, 1, 0x37, 0, IR_HOST_AVX2) \
    X(pminsb, 2, 1, 0x38, 0, IR_HOST_AVX2) \
    X(pminsd, 2, 1, 0x39, 0, IR_HOST_AVX2) \
    X(pminuw, 2, 1, 0x3a, 0, IR_HOST_AVX2) \
    X(pminud, 2, 1, 0x3b, 0, IR_HOST_AVX2) \
    X(pmaxsb, 2, 1, 0x3c, 0, IR_HOST_AVX2) \
    X(pmaxsd, 2, 1, 0x3d, 0, IR_HOST_AVX2) \
    X(pmaxuw, 2, 1, 0x3e, 0, IR_HOST_AVX2) \
    X(pmaxud, 2, 1, 0x3f, 0, IR_HOST_AVX2) \
    X(pmulld, 2, 1, 0x40, 0, IR_HOST_AVX2) \
    X(phminposuw, 2, 1, 0x41, IR_VEX_TWO, IR_HOST_AVX2) \
    X(psrlvd, 2, 1, 0x45, 0, IR_HOST_AVX2) \
    X(psrlvq, 2, 1, 0x45, IR_VEX_W, IR_HOST_AVX2) \
    X(psravd, 2, 1, 0x46, 0, IR_HOST_AVX2) \
    X(psllvd, 2, 1, 0x47, 0, IR_HOST_AVX2) \
    X(psllvq, 2, 1, 0x47, IR_VEX_W, IR_HOST_AVX2) \
    X(mpsadbw, 3, 1, 0x42, IR_VEX_IMM, IR_HOST_AVX2)

/* Moving lanes about: vector-shuffle.c */
#define X86_VECTOR_SHUFFLE_OPS(X) \
    X(punpcklbw, 1, 1, 0x60, 0, IR_HOST_AVX2) \
    X(punpcklwd, 1, 1, 0x61, 0, IR_HOST_AVX2) \
    X(punpckldq, 1, 1, 0x62, 0, IR_HOST_AVX2) \
    X(packsswb, 1, 1, 0x63, 0, IR_HOST_AVX2) \
    X(packuswb, 1, 1, 0x67, 0, IR_HOST_AVX2) \
    X(punpckhbw, 1, 1, 0x68, 0, IR_HOST_AVX2) \
    X(punpckhwd, 1, 1, 0x69, 0, IR_HOST_AVX2) \
    X(punpckhdq, 1, 1, 0x6a, 0, IR_HOST_AVX2) \
    X(packssdw, 1, 1, 0x6b, 0, IR_HOST_AVX2) \
    X(punpcklqdq, 1, 1, 0x6c, 0, IR_HOST_AVX2) \
    X(punpckhqdq, 1, 1, 0x6d, 0, IR_HOST_AVX2) \
    X(pshufd, 1, 1, 0x70, IR_VEX_TWO | IR_VEX_IMM, IR_HOST_AVX2) \
    X(pshufhw, 1, 2, 0x70, IR_VEX_TWO | IR_VEX_IMM, IR_HOST_AVX2) \
    X(pshuflw, 1, 3, 0x70, IR_VEX_TWO | IR_VEX_IMM, IR_HOST_AVX2) \
    X(pshufw, 0, 0, 0x0, IR_VEX_IMM, 0) \
    X(unpcklps, 1, 0, 0x14, 0, IR_HOST_AVX) \
    X(unpckhps, 1, 0, 0x15, 0, IR_HOST_AVX) \
    X(shufps, 1, 0, 0xc6, IR_VEX_IMM, IR_HOST_AVX) \
    X(unpcklpd, 1, 1, 0x14, 0, IR_HOST_AVX) \
    X(unpckhpd, 1, 1, 0x15, 0, IR_HOST_AVX) \
    X(shufpd, 1, 1, 0xc6, IR_VEX_IMM, IR_HOST_AVX) \
    X(movaps, 1, 0, 0x28, IR_VEX_TWO, IR_HOST_AVX) \
    X(movq, 1, 2, 0x7e, IR_VEX_TWO, IR_HOST_AVX) \
    X(movss, 1, 2, 0x10, 0, IR_HOST_AVX) \
    X(movsd, 1, 3, 0x10, 0, IR_HOST_AVX) \
    X(movhlps, 1, 0, 0x12, 0, IR_HOST_AVX) \
    X(movlhps, 1, 0, 0x16, 0, IR_HOST_AVX) \
    X(movsldup, 1, 2, 0x12, IR_VEX_TWO, IR_HOST_AVX) \
    X(movshdup, 1, 2, 0x16, IR_VEX_TWO, IR_HOST_AVX) \
    X(movddup, 1, 3, 0x12, IR_VEX_TWO, IR_HOST_AVX) \
    X(pshufb, 2, 1, 0x00, 0, IR_HOST_AVX2) \
    X(packusdw, 2, 1, 0x2b, 0, IR_HOST_AVX2) \
    X(pmovsxbw, 2, 1, 0x20, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovsxbd, 2, 1, 0x21, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovsxbq, 2, 1, 0x22, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovsxwd, 2, 1, 0x23, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovsxwq, 2, 1, 0x24, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovsxdq, 2, 1, 0x25, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovzxbw, 2, 1, 0x30, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovzxbd, 2, 1, 0x31, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovzxbq, 2, 1, 0x32, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovzxwd, 2, 1, 0x33, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovzxwq, 2, 1, 0x34, IR_VEX_TWO, IR_HOST_AVX2) \
    X(pmovzxdq, 2, 1, 0x35, IR_VEX_TWO, IR_HOST_AVX2) \
    X(vpermilps, 2, 1, 0x0c, 0, IR_HOST_AVX) \
    X(vpermilpd, 2, 1, 0x0d, 0, IR_HOST_AVX) \
    X(vbroadcastss, 2, 1, 0x18, IR_VEX_TWO, IR_HOST_AVX) \
    X(vbroadcastsd, 2, 1, 0x19, IR_VEX_TWO, IR_HOST_AVX2) \
    X(vpermps, 2, 1, 0x16, 0, IR_HOST_AVX2) \
    X(vpermd, 2, 1, 0x36, 0, IR_HOST_AVX2) \
    X(vpbroadcastd, 2, 1, 0x58, IR_VEX_TWO, IR_HOST_AVX2) \
    X(vpbroadcastq, 2, 1, 0x59, IR_VEX_TWO, IR_HOST_AVX2) \
    X(vpbroadcastb, 2, 1, 0x78, IR_VEX_TWO, IR_HOST_AVX2) \
    X(vpbroadcastw, 2, 1, 0x79, IR_VEX_TWO, IR_HOST_AVX2) \
    X(vbroadcast128, 0, 0, 0x0, 0, 0) \
    X(vpermq, 3, 1, 0x00, IR_VEX_W | IR_VEX_TWO | IR_VEX_IMM, IR_HOST_AVX2) \
    X(vpermpd, 3, 1, 0x01, IR_VEX_W | IR_VEX_TWO | IR_VEX_IMM, IR_HOST_AVX2) \
    X(vpblendd, 3, 1, 0x02, IR_VEX_IMM, IR_HOST_AVX2) \
    X(palignr, 3, 1, 0x0f, IR_VEX_IMM, IR_HOST_AVX2) \
    X(pblendw, 3, 1, 0x0e, IR_VEX_IMM, IR_HOST_AVX2) \
    X(vperm2i128, 3, 1, 0x46, IR_VEX_IMM, IR_HOST_AVX2) \
    X(vinserti128, 3, 1, 0x38, IR_VEX_IMM, IR_HOST_AVX2) \
    X(vpermilps_imm, 3, 1, 0x04, IR_VEX_TWO | IR_VEX_IMM, IR_HOST_AVX) \
    X(vpermilpd_imm, 3, 1, 0x05, IR_VEX_TWO | IR_VEX_IMM, IR_HOST_AVX) \
    X(vperm2f128, 3, 1, 0x06, IR_VEX_IMM, IR_HOST_AVX) \
    X(blendps, 3, 1, 0x0c, IR_VEX_IMM, IR_HOST_AVX) \
    X(blendpd, 3, 1, 0x0d, IR_VEX_IMM, IR_HOST_AVX) \
    X(insertps, 3, 1, 0x21, IR_VEX_IMM, IR_HOST_AVX) \
    X(vinsertf128, 3, 1, 0x18, IR_VEX_IMM, IR_HOST_AVX) \
    X(pblendvb, 0, 0, 0x0, IR_VEX_IMM, 0) \
    X(blendvps, 0, 0, 0x0, IR_VEX_IMM, 0) \
    X(blendvpd, 0, 0, 0x0, IR_VEX_IMM, 0) \
    X(vextract128, 0, 0, 0x0, IR_VEX_IMM, 0)

/* Floating point: vector-float-host.c, vector-float-exact.c */
#define X86_VECTOR_FLOAT_OPS(X) \
    X(sqrtps, 1, 0, 0x51, IR_VEX_MXCSR | IR_VEX_TWO, IR_HOST_AVX) \
    X(sqrtpd, 1, 1, 0x51, IR_VEX_MXCSR | IR_VEX_TWO, IR_HOST_AVX) \
    X(sqrtss, 1, 2, 0x51, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(sqrtsd, 1, 3, 0x51, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(addps, 1, 0, 0x58, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(addpd, 1, 1, 0x58, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(addss, 1, 2, 0x58, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(addsd, 1, 3, 0x58, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(mulps, 1, 0, 0x59, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(mulpd, 1, 1, 0x59, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(mulss, 1, 2, 0x59, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(mulsd, 1, 3, 0x59, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(subps, 1, 0, 0x5c, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(subpd, 1, 1, 0x5c, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(subss, 1, 2, 0x5c, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(subsd, 1, 3, 0x5c, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(minps, 1, 0, 0x5d, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(minpd, 1, 1, 0x5d, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(minss, 1, 2, 0x5d, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(minsd, 1, 3, 0x5d, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(divps, 1, 0, 0x5e, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(divpd, 1, 1, 0x5e, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(divss, 1, 2, 0x5e, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(divsd, 1, 3, 0x5e, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(maxps, 1, 0, 0x5f, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(maxpd, 1, 1, 0x5f, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(maxss, 1, 2, 0x5f, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(maxsd, 1, 3, 0x5f, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cmpps, 1, 0, 0xc2, IR_VEX_MXCSR | IR_VEX_IMM, IR_HOST_AVX) \
    X(cmppd, 1, 1, 0xc2, IR_VEX_MXCSR | IR_VEX_IMM, IR_HOST_AVX) \
    X(cmpss, 1, 2, 0xc2, IR_VEX_MXCSR | IR_VEX_IMM, IR_HOST_AVX) \
    X(cmpsd, 1, 3, 0xc2, IR_VEX_MXCSR | IR_VEX_IMM, IR_HOST_AVX) \
    X(rsqrtps, 1, 0, 0x52, IR_VEX_TWO, IR_HOST_AVX) \
    X(rsqrtss, 1, 2, 0x52, 0, IR_HOST_AVX) \
    X(rcpps, 1, 0, 0x53, IR_VEX_TWO, IR_HOST_AVX) \
    X(rcpss, 1, 2, 0x53, 0, IR_HOST_AVX) \
    X(cvtps2pd, 1, 0, 0x5a, IR_VEX_TWO | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtdq2ps, 1, 0, 0x5b, IR_VEX_TWO | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtpd2ps, 1, 1, 0x5a, IR_VEX_TWO | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtps2dq, 1, 1, 0x5b, IR_VEX_TWO | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvttpd2dq, 1, 1, 0xe6, IR_VEX_TWO | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvttps2dq, 1, 2, 0x5b, IR_VEX_TWO | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtdq2pd, 1, 2, 0xe6, IR_VEX_TWO, IR_HOST_AVX) \
    X(cvtss2sd, 1, 2, 0x5a, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtpd2dq, 1, 3, 0xe6, IR_VEX_TWO | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtsd2ss, 1, 3, 0x5a, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(haddpd, 1, 1, 0x7c, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(hsubpd, 1, 1, 0x7d, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(addsubpd, 1, 1, 0xd0, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(haddps, 1, 3, 0x7c, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(hsubps, 1, 3, 0x7d, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(addsubps, 1, 3, 0xd0, IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtsi2ss, 1, 2, 0x2a, IR_VEX_MXCSR | IR_VEX_INTEGER, IR_HOST_AVX) \
    X(cvtsi2sd, 1, 3, 0x2a, IR_VEX_INTEGER, IR_HOST_AVX) \
    X(cvtsq2ss, 1, 2, 0x2a, IR_VEX_MXCSR | IR_VEX_INTEGER | IR_VEX_W, IR_HOST_AVX) \
    X(cvtsq2sd, 1, 3, 0x2a, IR_VEX_MXCSR | IR_VEX_INTEGER | IR_VEX_W, IR_HOST_AVX) \
    X(cvtpi2ps, 0, 0, 0x0, IR_VEX_MXCSR, 0) \
    X(cvtpi2pd, 0, 0, 0x0, 0, 0) \
    X(cvtps2pi, 0, 0, 0x0, IR_VEX_MXCSR, 0) \
    X(cvttps2pi, 0, 0, 0x0, IR_VEX_MXCSR, 0) \
    X(cvtpd2pi, 0, 0, 0x0, IR_VEX_MXCSR, 0) \
    X(cvttpd2pi, 0, 0, 0x0, IR_VEX_MXCSR, 0) \
    X(roundps, 3, 1, 0x08, IR_VEX_TWO | IR_VEX_IMM | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(roundpd, 3, 1, 0x09, IR_VEX_TWO | IR_VEX_IMM | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(roundss, 3, 1, 0x0a, IR_VEX_IMM | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(roundsd, 3, 1, 0x0b, IR_VEX_IMM | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(dpps, 3, 1, 0x40, IR_VEX_IMM | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(dppd, 3, 1, 0x41, IR_VEX_IMM | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(vcvtph2ps, 2, 1, 0x13, IR_VEX_TWO | IR_VEX_MXCSR, IR_HOST_F16C) \
    X(vcvtps2ph, 0, 0, 0x0, IR_VEX_IMM | IR_VEX_MXCSR, 0) \
    X(vfmaddsub132ps, 2, 1, 0x96, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmaddsub132pd, 2, 1, 0x96, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmaddsub213ps, 2, 1, 0xa6, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmaddsub213pd, 2, 1, 0xa6, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmaddsub231ps, 2, 1, 0xb6, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmaddsub231pd, 2, 1, 0xb6, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsubadd132ps, 2, 1, 0x97, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsubadd132pd, 2, 1, 0x97, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsubadd213ps, 2, 1, 0xa7, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsubadd213pd, 2, 1, 0xa7, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsubadd231ps, 2, 1, 0xb7, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsubadd231pd, 2, 1, 0xb7, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmadd132ps, 2, 1, 0x98, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmadd132pd, 2, 1, 0x98, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmadd132ss, 2, 1, 0x99, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmadd132sd, 2, 1, 0x99, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmadd213ps, 2, 1, 0xa8, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmadd213pd, 2, 1, 0xa8, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmadd213ss, 2, 1, 0xa9, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmadd213sd, 2, 1, 0xa9, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmadd231ps, 2, 1, 0xb8, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmadd231pd, 2, 1, 0xb8, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmadd231ss, 2, 1, 0xb9, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmadd231sd, 2, 1, 0xb9, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsub132ps, 2, 1, 0x9a, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsub132pd, 2, 1, 0x9a, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsub132ss, 2, 1, 0x9b, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsub132sd, 2, 1, 0x9b, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsub213ps, 2, 1, 0xaa, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsub213pd, 2, 1, 0xaa, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsub213ss, 2, 1, 0xab, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsub213sd, 2, 1, 0xab, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsub231ps, 2, 1, 0xba, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsub231pd, 2, 1, 0xba, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfmsub231ss, 2, 1, 0xbb, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfmsub231sd, 2, 1, 0xbb, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmadd132ps, 2, 1, 0x9c, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmadd132pd, 2, 1, 0x9c, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmadd132ss, 2, 1, 0x9d, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmadd132sd, 2, 1, 0x9d, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmadd213ps, 2, 1, 0xac, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmadd213pd, 2, 1, 0xac, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmadd213ss, 2, 1, 0xad, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmadd213sd, 2, 1, 0xad, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmadd231ps, 2, 1, 0xbc, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmadd231pd, 2, 1, 0xbc, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmadd231ss, 2, 1, 0xbd, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmadd231sd, 2, 1, 0xbd, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmsub132ps, 2, 1, 0x9e, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmsub132pd, 2, 1, 0x9e, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmsub132ss, 2, 1, 0x9f, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmsub132sd, 2, 1, 0x9f, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmsub213ps, 2, 1, 0xae, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmsub213pd, 2, 1, 0xae, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmsub213ss, 2, 1, 0xaf, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmsub213sd, 2, 1, 0xaf, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmsub231ps, 2, 1, 0xbe, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmsub231pd, 2, 1, 0xbe, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA) \
    X(vfnmsub231ss, 2, 1, 0xbf, IR_VEX_RMW | IR_VEX_MXCSR, IR_HOST_FMA) \
    X(vfnmsub231sd, 2, 1, 0xbf, IR_VEX_RMW | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_FMA)

/* Cryptography: vector-crypto.c */
#define X86_VECTOR_CRYPTO_OPS(X) \
    X(aesimc, 2, 1, 0xdb, IR_VEX_TWO, IR_HOST_AES) \
    X(aesenc, 2, 1, 0xdc, 0, IR_HOST_AES) \
    X(aesenclast, 2, 1, 0xdd, 0, IR_HOST_AES) \
    X(aesdec, 2, 1, 0xde, 0, IR_HOST_AES) \
    X(aesdeclast, 2, 1, 0xdf, 0, IR_HOST_AES) \
    X(aeskeygenassist, 3, 1, 0xdf, IR_VEX_TWO | IR_VEX_IMM, IR_HOST_AES) \
    X(pclmulqdq, 3, 1, 0x44, IR_VEX_IMM, IR_HOST_PCLMUL) \
    X(sha1nexte, 0, 0, 0x0, 0, 0) \
    X(sha1msg1, 0, 0, 0x0, 0, 0) \
    X(sha1msg2, 0, 0, 0x0, 0, 0) \
    X(sha256rnds2, 0, 0, 0x0, 0, 0) \
    X(sha256msg1, 0, 0, 0x0, 0, 0) \
    X(sha256msg2, 0, 0, 0x0, 0, 0) \
    X(sha1rnds4, 0, 0, 0x0, IR_VEX_IMM, 0)

/* Those that give a value, for IR_VECTOR_VALUE: floating point, vector-string.c */
#define X86_VECTOR_FLOAT_VALUE_OPS(X) \
    X(ucomiss, 1, 0, 0x2e, IR_VEX_TO_FLAGS | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(comiss, 1, 0, 0x2f, IR_VEX_TO_FLAGS | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(ucomisd, 1, 1, 0x2e, IR_VEX_TO_FLAGS | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(comisd, 1, 1, 0x2f, IR_VEX_TO_FLAGS | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtss2si, 1, 2, 0x2d, IR_VEX_TO_GENERAL | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtss2sq, 1, 2, 0x2d, IR_VEX_TO_GENERAL | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_AVX) \
    X(cvttss2si, 1, 2, 0x2c, IR_VEX_TO_GENERAL | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvttss2sq, 1, 2, 0x2c, IR_VEX_TO_GENERAL | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_AVX) \
    X(cvtsd2si, 1, 3, 0x2d, IR_VEX_TO_GENERAL | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvtsd2sq, 1, 3, 0x2d, IR_VEX_TO_GENERAL | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_AVX) \
    X(cvttsd2si, 1, 3, 0x2c, IR_VEX_TO_GENERAL | IR_VEX_MXCSR, IR_HOST_AVX) \
    X(cvttsd2sq, 1, 3, 0x2c, IR_VEX_TO_GENERAL | IR_VEX_MXCSR | IR_VEX_W, IR_HOST_AVX)
#define X86_VECTOR_VALUE_OPS(X) \
    X(ptest, 2, 1, 0x17, IR_VEX_TO_FLAGS, IR_HOST_AVX) \
    X(vtestps, 2, 1, 0x0e, IR_VEX_TO_FLAGS, IR_HOST_AVX) \
    X(vtestpd, 2, 1, 0x0f, IR_VEX_TO_FLAGS, IR_HOST_AVX) \
    X(pmovmskb, 1, 1, 0xd7, IR_VEX_TO_GENERAL, IR_HOST_AVX2) \
    X(movmskps, 1, 0, 0x50, IR_VEX_TO_GENERAL, IR_HOST_AVX) \
    X(movmskpd, 1, 1, 0x50, IR_VEX_TO_GENERAL, IR_HOST_AVX)

#define X86_VECTOR_OPS(X) \
    X86_VECTOR_INTEGER_OPS(X) X86_VECTOR_SHUFFLE_OPS(X) X86_VECTOR_CRYPTO_OPS(X) \
    X86_VECTOR_VALUE_OPS(X) X86_VECTOR_FLOAT_OPS(X) X86_VECTOR_FLOAT_VALUE_OPS(X)

typedef enum X86VectorOp {
#define X(name, map, prefix, opcode, flags, host) X86_VEC_##name,
    X86_VECTOR_OPS(X)
#undef X
    X86_VECTOR_OP_COUNT,
    X86_VEC_FLOAT_FIRST = X86_VEC_sqrtps,
    X86_VEC_FLOAT_END = X86_VECTOR_OP_COUNT,
} X86VectorOp;

extern const IrVectorOp x86_vector_ops[X86_VECTOR_OP_COUNT];

#define X86_VECTOR_FUNCTION(name) \
    void x86_vec_##name(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
#define X86_EXACT_FUNCTION(name) \
    void x86_exact_##name(void *cpu, void *d, const void *a, const void *b, uint32_t imm)
#define X(name, map, prefix, opcode, flags, host) X86_VECTOR_FUNCTION(name);
X86_VECTOR_OPS(X)
#undef X
#define X(name, map, prefix, opcode, flags, host) X86_EXACT_FUNCTION(name);
X86_VECTOR_FLOAT_OPS(X)
X86_VECTOR_FLOAT_VALUE_OPS(X)
#undef X

/* The row of an instruction's name, or NULL. */
const IrVectorOp *x86_vector_op(const char *name);
/*
 * Of a row of x86_vector_ops the one that does floating point in software, for any host; itself, if
 * it does none. On hosts that are not x86-64 the float rows of x86_vector_ops are of no use.
 */
const IrVectorOp *x86_vector_exact_op(const IrVectorOp *op);

/*
 * PCMPxSTRx of the vectors at two state offsets, by the immediate `control`: the mask in the low
 * half, the arithmetic flags in the high one. For explicit lengths a is the high half of
 * `operands`, and RAX and RDX are in elements, 64 bits of them with X86_STRING_LENGTHS_64.
 */
enum { X86_STRING_LENGTHS_64 = 1 << 8 };
uint64_t x86_vector_pcmpistr(X86Jit *cpu, uint64_t a, uint64_t b, uint64_t control);
uint64_t x86_vector_pcmpestr(X86Jit *cpu, uint64_t operands, uint64_t control, uint64_t rax,
                             uint64_t rdx);
/* What ECX gets of such a result; and XMM0 set. */
uint64_t x86_vector_string_index(X86Jit *cpu, uint64_t result, uint64_t control);
uint64_t x86_vector_string_mask(X86Jit *cpu, uint64_t result, uint64_t control);
/*
 * Lanes of memory whose mask's highest bit is set, at an offset in a segment with that base; the
 * others are not accessed. Those not loaded become 0. `packed` is an X86Masked.
 */
typedef struct X86Masked {
    uint16_t vector, mask;       /* state offsets */
    uint8_t lane, bytes;         /* the size of a lane; of all */
    uint16_t segment;
} X86Masked;
G_STATIC_ASSERT(sizeof(X86Masked) == 8 && sizeof(X86Jit) <= UINT16_MAX);
uint64_t x86_vector_mask_store(X86Jit *cpu, uint64_t offset, uint64_t base, uint64_t packed);
uint64_t x86_vector_mask_load(X86Jit *cpu, uint64_t offset, uint64_t base, uint64_t packed);
/* A gather's registers and sizes, in one value. `offset` is that of base register and
 * displacement. */
typedef struct X86Gather {
    uint8_t reg, mask, index, count;
    uint8_t element_log : 4, index_log : 4;
    uint8_t scale, wide;         /* wide: the mask's bytes, 16 or 32 */
    uint8_t address32;           /* the offset is of 32 bits */
} X86Gather;
G_STATIC_ASSERT(sizeof(X86Gather) == 8);
uint64_t x86_vector_gather(X86Jit *cpu, uint64_t offset, uint64_t base, uint64_t packed,
                           uint64_t segment);
uint64_t x86_vector_stmxcsr(X86Jit *cpu);
/* Reserved bits raise #GP. The context may be another afterwards. */
uint64_t x86_vector_ldmxcsr(X86Jit *cpu, uint64_t value);

/* The parts of a function's `imm`. */
static inline unsigned x86_vector_bytes(uint32_t imm)
{
    return imm >> 8;
}

/* A source or destination that may be 8-byte aligned only. The rest of `v` is left alone. */
static inline void x86_vector_copy(void *to, const void *from, unsigned bytes)
{
    switch (bytes) {
    case 8:
        memcpy(to, from, 8);
        break;
    case 16:
        memcpy(to, from, 16);
        break;
    default:
        memcpy(to, from, 32);
    }
}

/* As x86_vector_copy(), of as much as the operation with this `imm` works on. */
static inline void x86_vector_load(X86Vector *v, const void *from, uint32_t imm)
{
    x86_vector_copy(v, from, x86_vector_bytes(imm));
}

#endif
