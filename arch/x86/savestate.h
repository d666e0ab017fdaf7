/* SPDX-License-Identifier: MIT */
/*
 * The state of a CPU as bytes, by the table of registers: migration, snapshots.
 *
 * A header, then one record for each register outside the XSAVE image, the image whole, and a
 * record for each supported MSR that is not read-only. A record names its register by set and
 * number, so a stream does not depend on the layout of X86CpuState; numbers are little-endian.
 */
#ifndef ARCH_X86_SAVESTATE_H
#define ARCH_X86_SAVESTATE_H

#include "arch/x86/state.h"

/* Appends to `out`. */
void x86_cpu_state_save(const X86CpuState *state, GByteArray *out);

/*
 * Reads what x86_cpu_state_save() wrote, all `length` bytes. Everything is checked before the
 * state changes: an unknown or missing register, a value that does not fit, extended state or
 * an MSR that this CPU has not got are errors that name it.
 */
bool x86_cpu_state_load(X86CpuState *state, const uint8_t *data, size_t length, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

#endif
