/* SPDX-License-Identifier: MIT */
/*
 * The x87 of the x86 guest, and MMX's relation to it. SDM volume 1, chapter 8; volume 2.
 *
 * There are two implementations of the instructions that compute, chosen by the accelerator's
 * property `float` when they are lowered. On x86-64 hosts the host's own x87 runs them with the
 * guest's registers, control and status word (fpu-host.c). On any host software does
 * (fpu-exact.c): bit for bit the same, rounding, stack faults, C0-C3, undocumented forms,
 * unmasked responses and what the SDM leaves undefined included, but for transcendental results.
 * Those are rounded correctly, where CPUs are within an ulp of that; C1 and whether a number
 * beside the smallest normal one is tiny go with the last bit.
 */
#ifndef ACCEL_JIT_X86_FPU_H
#define ACCEL_JIT_X86_FPU_H

#include "accel/jit/x86/x86.h"

#define X87_ES (1u << 7)
#define X87_B (1u << 15)

static inline unsigned x87_top(const X86Jit *cpu)
{
    return cpu->fsw >> 11 & 7;
}

/* FNINIT. */
void x87_init(X86Jit *cpu);
/*
 * Control and status word as they come of memory: bits that are reserved are as the x87 has them,
 * and ES and B as exceptions and masks say. FERR is left alone.
 */
void x87_set_words(X86Jit *cpu, uint16_t control, uint16_t status);

/*
 * Helpers. Those that lowered code calls are of IrHelper's type; all may raise. `code` is the
 * opcode's low three bits and ModRM: bits 0-7 ModRM, 8-10 opcode (as FOP has them), `ip` the offset
 * of the instruction itself (FIP).
 */

/* cpu.c: with CR0.NE 0 an error is told by FERR, and the CPU waits where it is. */
void x86_set_ferr(X86Jit *cpu, bool level);
G_NORETURN void x86_freeze(X86Jit *cpu);
/* Status or control changed: FERR falls with the error. */
void x87_error_changed(X86Jit *cpu);
/* An exception of before is raised now, if it is not masked: #MF, or FERR#. */
uint64_t x87_wait(X86Jit *cpu);
/* Register forms, the waiting ones that compute. */
uint64_t x87_exact_register(X86Jit *cpu, uint64_t code, uint64_t ip);
/* FCOMI and its kin, FCMOVcc: the arithmetic flags in and out. */
uint64_t x87_exact_register_flags(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t flags);
/* Memory forms that load, compute or store numbers; the address is linear, `fdp` the offset. */
uint64_t x87_exact_memory(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t address, uint64_t fdp);
#ifdef __x86_64__
/* The same by the host's x87. */
uint64_t x87_host_register(X86Jit *cpu, uint64_t code, uint64_t ip);
uint64_t x87_host_register_flags(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t flags);
uint64_t x87_host_memory(X86Jit *cpu, uint64_t code, uint64_t ip, uint64_t address, uint64_t fdp);
/* For tests: every instruction with the whole state on the host. */
extern bool x87_the_long_way;
#endif
/* Control instructions. */
uint64_t x87_fninit(X86Jit *cpu);
uint64_t x87_fnclex(X86Jit *cpu);
uint64_t x87_fldcw(X86Jit *cpu, uint64_t value);
/* `size` is the operand size, 2 or 4. */
uint64_t x87_fnstenv(X86Jit *cpu, uint64_t address, uint64_t size);
uint64_t x87_fldenv(X86Jit *cpu, uint64_t address, uint64_t size);
uint64_t x87_fnsave(X86Jit *cpu, uint64_t address, uint64_t size);
uint64_t x87_frstor(X86Jit *cpu, uint64_t address, uint64_t size);

/* Before an MMX instruction: what it does to the x87's state, TOP 0 and all tags valid. */
uint64_t x87_mmx_enter(X86Jit *cpu);
/* The same before the instruction has stored: the tags are left to be set. */
uint64_t x87_mmx_begin(X86Jit *cpu);
/* After one that wrote the register. */
uint64_t x87_mmx_written(X86Jit *cpu, uint64_t number);
uint64_t x87_emms(X86Jit *cpu);

#endif
