/* SPDX-License-Identifier: MIT */
/*
 * Is this a state that a CPU can be in? When KVM cannot enter a guest it does not say why;
 * these are the rules of VM entry (Intel SDM volume 3, 26.3.1) and of consistency (AMD APM
 * volume 2, 15.5.1), each with a sentence.
 */
#ifndef ARCH_X86_SANITY_H
#define ARCH_X86_SANITY_H

#include "arch/x86/state.h"

/*
 * Appends to `problems` (of char *, freed by its own free function) what is not possible; the
 * number of them. `cpu` may be NULL: then widths and features are not judged.
 */
unsigned x86_cpu_state_check(const X86CpuState *state, const X86CpuDefinition *cpu,
                             GPtrArray *problems);

#endif
