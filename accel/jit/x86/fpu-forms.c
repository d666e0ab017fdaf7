/* SPDX-License-Identifier: MIT */
/*
 * The instructions of the x87: SDM volume 2, appendix A, table. Forms that Intel does
 * not document, but has: FSTP1 (D9 D8), FCOM2, FCOMP3, FXCH4, FFREEP, FCOMP5, FXCH7, FSTP8,
 * FSTP9.
 */
#include "accel/jit/x86/x87.h"

#define OF_STI(first, operation, flags) \
    [(first) ... (first) + 7] = { operation, X87_STI, flags }

const X87Form x87_register_forms[8][64] = {
    { /* D8 */
        OF_STI(0x00, X87_FADD, 0), OF_STI(0x08, X87_FMUL, 0),
        OF_STI(0x10, X87_FCOM, 0), OF_STI(0x18, X87_FCOM, X87_POP),
        OF_STI(0x20, X87_FSUB, 0), OF_STI(0x28, X87_FSUBR, 0),
        OF_STI(0x30, X87_FDIV, 0), OF_STI(0x38, X87_FDIVR, 0),
    },
    { /* D9 */
        OF_STI(0x00, X87_FLD, 0), OF_STI(0x08, X87_FXCH, 0),
        [0x10] = { X87_FNOP }, OF_STI(0x18, X87_FSTNC, X87_POP),
        [0x20] = { X87_FCHS }, { X87_FABS }, [0x24] = { X87_FTST }, { X87_FXAM },
        [0x28] = { X87_FLD1 }, { X87_FLDL2T }, { X87_FLDL2E }, { X87_FLDPI },
        { X87_FLDLG2 }, { X87_FLDLN2 }, { X87_FLDZ },
        [0x30] = { X87_F2XM1 }, { X87_FYL2X, X87_NONE, X87_POP }, { X87_FPTAN },
        { X87_FPATAN, X87_NONE, X87_POP },
        { X87_FXTRACT }, { X87_FPREM1 }, { X87_FDECSTP }, { X87_FINCSTP },
        { X87_FPREM }, { X87_FYL2XP1, X87_NONE, X87_POP }, { X87_FSQRT }, { X87_FSINCOS },
        { X87_FRNDINT }, { X87_FSCALE }, { X87_FSIN }, { X87_FCOS },
    },
    { /* DA */
        OF_STI(0x00, X87_FCMOVB, 0), OF_STI(0x08, X87_FCMOVE, 0),
        OF_STI(0x10, X87_FCMOVBE, 0), OF_STI(0x18, X87_FCMOVU, 0),
        [0x29] = { X87_FUCOM, X87_STI, X87_POP_TWICE },
    },
    { /* DB */
        OF_STI(0x00, X87_FCMOVNB, 0), OF_STI(0x08, X87_FCMOVNE, 0),
        OF_STI(0x10, X87_FCMOVNBE, 0), OF_STI(0x18, X87_FCMOVNU, 0),
        OF_STI(0x28, X87_FUCOMI, 0), OF_STI(0x30, X87_FCOMI, 0),
    },
    { /* DC */
        OF_STI(0x00, X87_FADD, X87_TO_STI), OF_STI(0x08, X87_FMUL, X87_TO_STI),
        OF_STI(0x10, X87_FCOM, 0), OF_STI(0x18, X87_FCOM, X87_POP),
        OF_STI(0x20, X87_FSUB, X87_TO_STI), OF_STI(0x28, X87_FSUBR, X87_TO_STI),
        OF_STI(0x30, X87_FDIV, X87_TO_STI), OF_STI(0x38, X87_FDIVR, X87_TO_STI),
    },
    { /* DD */
        OF_STI(0x00, X87_FFREE, 0), OF_STI(0x08, X87_FXCH, 0),
        OF_STI(0x10, X87_FST, 0), OF_STI(0x18, X87_FST, X87_POP),
        OF_STI(0x20, X87_FUCOM, 0), OF_STI(0x28, X87_FUCOM, X87_POP),
    },
    { /* DE */
        OF_STI(0x00, X87_FADD, X87_TO_STI | X87_POP), OF_STI(0x08, X87_FMUL, X87_TO_STI | X87_POP),
        OF_STI(0x10, X87_FCOM, X87_POP), [0x19] = { X87_FCOM, X87_STI, X87_POP_TWICE },
        OF_STI(0x20, X87_FSUB, X87_TO_STI | X87_POP), OF_STI(0x28, X87_FSUBR, X87_TO_STI | X87_POP),
        OF_STI(0x30, X87_FDIV, X87_TO_STI | X87_POP), OF_STI(0x38, X87_FDIVR, X87_TO_STI | X87_POP),
    },
    { /* DF */
        OF_STI(0x00, X87_FFREE, X87_POP), OF_STI(0x08, X87_FXCH, 0),
        OF_STI(0x10, X87_FST, X87_POP), OF_STI(0x18, X87_FST, X87_POP),
        OF_STI(0x28, X87_FUCOMI, X87_POP), OF_STI(0x30, X87_FCOMI, X87_POP),
    },
};

#define ARITHMETIC(operand) { \
        { X87_FADD, operand, 0 }, { X87_FMUL, operand, 0 }, \
        { X87_FCOM, operand, 0 }, { X87_FCOM, operand, X87_POP }, \
        { X87_FSUB, operand, 0 }, { X87_FSUBR, operand, 0 }, \
        { X87_FDIV, operand, 0 }, { X87_FDIVR, operand, 0 }, \
    }

const X87Form x87_memory_forms[8][8] = {
    ARITHMETIC(X87_M32),
    { /* D9 */
        [0] = { X87_FLD, X87_M32, 0 },
        [2] = { X87_FST, X87_M32, X87_STORES },
        [3] = { X87_FST, X87_M32, X87_STORES | X87_POP },
    },
    ARITHMETIC(X87_I32),
    { /* DB */
        [0] = { X87_FLD, X87_I32, 0 },
        [1] = { X87_FISTT, X87_I32, X87_STORES | X87_POP },
        [2] = { X87_FIST, X87_I32, X87_STORES },
        [3] = { X87_FIST, X87_I32, X87_STORES | X87_POP },
        [5] = { X87_FLD, X87_M80, 0 },
        [7] = { X87_FST, X87_M80, X87_STORES | X87_POP },
    },
    ARITHMETIC(X87_M64),
    { /* DD */
        [0] = { X87_FLD, X87_M64, 0 },
        [1] = { X87_FISTT, X87_I64, X87_STORES | X87_POP },
        [2] = { X87_FST, X87_M64, X87_STORES },
        [3] = { X87_FST, X87_M64, X87_STORES | X87_POP },
    },
    ARITHMETIC(X87_I16),
    { /* DF */
        { X87_FLD, X87_I16, 0 },
        { X87_FISTT, X87_I16, X87_STORES | X87_POP },
        { X87_FIST, X87_I16, X87_STORES },
        { X87_FIST, X87_I16, X87_STORES | X87_POP },
        { X87_FLD, X87_BCD, 0 },
        { X87_FLD, X87_I64, 0 },
        { X87_FBST, X87_BCD, X87_STORES | X87_POP },
        { X87_FIST, X87_I64, X87_STORES | X87_POP },
    },
};
