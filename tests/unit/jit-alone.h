/* SPDX-License-Identifier: MIT */
/*
 * The functions of the x86 guest that compute, without the rest of the CPU: memory is an array,
 * exceptions are told.
 */
#ifndef TESTS_UNIT_JIT_ALONE_H
#define TESTS_UNIT_JIT_ALONE_H

#include "accel/jit/x86/fpu.h"
#include "accel/jit/x86/vector.h"

#include <setjmp.h>

extern X86Jit *cpu;
/* x86_raise() sets the vector and jumps to the buffer. */
extern int raised;
extern jmp_buf raise_buffer;
/* At address 0. */
extern uint8_t guest_memory[4096];

/* The same numbers in each run, or after the same seed. */
uint64_t next_random(void);
void seed_random(uint64_t seed);
/* Words where arithmetic is special, numbers of moderate size, and any. */
void random_vector(X86Vector *v);

#endif
