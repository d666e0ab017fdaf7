/* SPDX-License-Identifier: MIT */
/*
 * Nanoseconds of SIMD floating point in software (-accel jit,float=exact), by instruction: of numbers
 * near 1, with the flag of inexact results clear, which each instruction begins with, and set, as it
 * is in a program that has run for a while. The x86 guest's functions are called directly.
 *
 * Prints lines of "NAME CLEAR SET", medians of several runs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "accel/jit/core.h"
#include "accel/jit/x86/vector.h"
#include "accel/jit/x86/x87.h"

#define RUNS 9
#define OPERATIONS 20000
#define VECTORS 64

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static double measure(X86Jit *cpu, const IrVectorOp *op, const X86Vector *operands, uint32_t mxcsr)
{
    X86Vector d = operands[0];
    double runs[RUNS];

    for (unsigned run = 0; run < RUNS; run++) {
        double start = now();
        for (unsigned i = 0; i < OPERATIONS; i++) {
            cpu->mxcsr = mxcsr;
            op->function(cpu, &d, &operands[i % VECTORS], &operands[(i + 1) % VECTORS], 16 << 8);
            d = operands[i % VECTORS];
        }
        runs[run] = (now() - start) / OPERATIONS;
    }
    qsort(runs, RUNS, sizeof(runs[0]), compare);
    return runs[RUNS / 2];
}

/* Of ST(0) and a register; ST(0) is then as before. */
static double measure_x87(X86Jit *cpu, uint64_t code)
{
    double runs[RUNS];

    x87_init(cpu);
    cpu->ftw = 0xff;
    for (unsigned i = 0; i < 8; i++) {
        cpu->fpr[i] = (X86Fpr){ 1ull << 63 | (uint64_t)rand() << 31, 0x3fff };
    }
    for (unsigned run = 0; run < RUNS; run++) {
        X86Fpr top = cpu->fpr[0];
        double start = now();
        for (unsigned i = 0; i < OPERATIONS; i++) {
            x87_exact_register(cpu, code, 0);
            cpu->fpr[0] = top;
        }
        runs[run] = (now() - start) / OPERATIONS;
    }
    qsort(runs, RUNS, sizeof(runs[0]), compare);
    return runs[RUNS / 2];
}

int main(void)
{
    /* As FOP has them. */
    static const struct {
        const char *name;
        uint64_t code;
    } x87[] = {
        { "fadd", 0x0c1 }, { "fsub", 0x0e1 }, { "fmul", 0x0c9 }, { "fdiv", 0x0f1 }, { "fsqrt", 0x1fa },
        { "fcom", 0x0d1 }, { "fxch", 0x1c9 }, { "frndint", 0x1fc },
    };
    static const struct {
        const char *name;
        bool singles;       /* what it takes; else doubles */
    } table[] = {
        { "addsd" }, { "subsd" }, { "mulsd" }, { "divsd" }, { "sqrtsd" }, { "vfmadd231sd" },
        { "addss", true }, { "mulss", true }, { "divss", true }, { "addpd" }, { "mulps", true },
        { "vfmadd231ps", true }, { "cvtsi2sd" }, { "cvtss2sd", true }, { "cvtsd2ss" },
        { "cvttsd2si" }, { "roundsd" }, { "ucomisd" }, { "minsd" }, { "cmpsd" },
    };
    static X86Jit cpu;
    static X86Vector doubles[VECTORS], singles[VECTORS];

    jit.exact_float = true;
    srand(1);
    for (unsigned i = 0; i < VECTORS; i++) {
        for (unsigned k = 0; k < 8; k++) {
            doubles[i].f64[k] = 0.5 + rand() / 1e9;
        }
        for (unsigned k = 0; k < 16; k++) {
            singles[i].f32[k] = 0.5f + (float)rand() / 1e9f;
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(table); i++) {
        const IrVectorOp *op = x86_vector_exact_op(x86_vector_op(table[i].name));
        const X86Vector *operands = table[i].singles ? singles : doubles;
        printf("%s %.1f %.1f\n", table[i].name, measure(&cpu, op, operands, 0x1f80),
               measure(&cpu, op, operands, 0x1fa0));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(x87); i++) {
        printf("%s %.1f\n", x87[i].name, measure_x87(&cpu, x87[i].code));
    }
    return 0;
}
