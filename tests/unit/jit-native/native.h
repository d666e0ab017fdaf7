/* SPDX-License-Identifier: MIT */
/*
 * The same few instructions by the host and by the software CPU, from the same registers and
 * memory: what test-jit-native compares.
 *
 * Both have the same addresses: a window of pages at NATIVE_BASE, in a range of which the rest is
 * mapped to nothing, so that an address that is wrong by a little is a page fault on both sides.
 */
#ifndef TESTS_UNIT_JIT_NATIVE_NATIVE_H
#define TESTS_UNIT_JIT_NATIVE_NATIVE_H

#include "accel/jit/x86/decode.h"
#include "accel/jit/x86/x86.h"

#define NATIVE_BASE      0x30000000ull
#define NATIVE_CODE      NATIVE_BASE               /* a page to read and to execute */
#define NATIVE_DATA      (NATIVE_BASE + 0x1000)    /* pages to read and to write, but for: */
#define NATIVE_DATA_SIZE 0x4000u
#define NATIVE_CONSTANT  (NATIVE_BASE + 0x3000)    /* a page of zeros to read, between them */
#define NATIVE_SIZE      0x5000u
#define NATIVE_FIRST     0x10000000ull             /* of the range */
#define NATIVE_LAST      0x6fffffffull
#define NATIVE_GS        (NATIVE_DATA + 0x800)     /* the base of GS in 64-bit code */
#define NATIVE_START     (NATIVE_CODE + 0x800)     /* where the code is */
#define NATIVE_CODE_16   0x07                      /* selectors of 16-bit code: of the LDT */
#define NATIVE_DATA_16   0x0f
#define NATIVE_GS_16     0x17
#define NATIVE_GS_32     0x1f

/* Of CS, DS, ES and SS; those of 16-bit code have 64 KiB. */
static inline uint64_t native_segment_base(unsigned bits)
{
    return bits == 16 ? NATIVE_BASE : 0;
}

/* GS outside of 64-bit code: addresses wrap in 32-bit code, and are beyond the limit soon in 16-bit code. */
static inline uint32_t native_gs_base(unsigned bits)
{
    return bits == 16 ? NATIVE_DATA : 0xf0000000;
}

static inline uint32_t native_gs_limit(unsigned bits)
{
    return bits == 16 ? 0x17ff : UINT32_MAX;
}

enum { NATIVE_DONE = 0x100, NATIVE_ENDLESS, NATIVE_WILD };

typedef struct NativeState {
    uint64_t gpr[16], rip, rflags;
    uint64_t ymm[16][4];
    X86Fpr st[8];           /* from the top of the stack */
    uint16_t fcw, fsw;
    uint8_t ftw;            /* a bit for each that is not empty, R0 to R7 */
    uint32_t mxcsr;
    /* What came of it: NATIVE_DONE, NATIVE_ENDLESS: too many steps, NATIVE_WILD: an address out of
     * the range, or a jump into an instruction, or an exception's vector. */
    unsigned end;
    uint32_t error;
    uint64_t cr2;
    uint8_t memory[NATIVE_DATA_SIZE];
} NativeState;

/* ---- the host: host.c ---- */

/* False, with the reason: this is no host to compare with. */
bool native_host_init(const char **why);
void native_host_release(void);
/* False: the host has no segments for programs: neither 16-bit code nor GS. */
bool native_host_has_segments(void);
/* CPUID of the host has a feature of arch/x86/features.h. */
bool native_host_has(const char *feature);
uint64_t native_host_fs(void);
typedef struct NativeCase NativeCase;

/* Steps through the case's code until the end, or out of it. */
void native_host_run(const NativeCase *c, NativeState *state);

/* ---- the software CPU: cpu.c ---- */

bool native_cpu_init(bool with_back_end, const char **why);
void native_cpu_release(void);
bool native_cpu_has(const char *feature);
/* The same; all of its instructions are in the first block. */
void native_cpu_run(const NativeCase *c, bool evaluate, NativeState *state);

/* ---- cases.c ---- */

typedef struct NativeForm {
    const X86Row *row;
    uint8_t map, opcode;
} NativeForm;

#define NATIVE_CODE_SIZE 112
#define NATIVE_CODE_FULL (NATIVE_CODE_SIZE - 48) /* room for another instruction, made carelessly */

struct NativeCase {
    unsigned bits, stack_bits;      /* the width of code; that of SS */
    uint8_t code[NATIVE_CODE_SIZE];
    bool starts[NATIVE_CODE_SIZE];  /* an instruction does there */
    unsigned length, insns;
    bool of_vectors, in_parts;  /* in_parts: stores more than once */
    bool calls;                 /* or pushes, then looks at CS's limit */
    bool restores;              /* registers from an image */
    bool is_long;               /* the operand: an image or an environment */
    uint16_t undefined;     /* arithmetic flags, after the last instruction */
    uint16_t undefined_any; /* after any of them */
    NativeState state;
};

void native_seed(uint64_t seed);
uint64_t native_random(void);
/* 0 … n - 1 */
unsigned native_below(unsigned n);
/* Without instructions; random registers and memory. */
void native_case_begin(NativeCase *c, unsigned bits);
/*
 * Appends an instruction of the form; false: what came out is no instruction to compare. Flags that
 * the one before left undefined are set by a comparison between them.
 */
bool native_case_add(NativeCase *c, const NativeForm *form);

#endif
