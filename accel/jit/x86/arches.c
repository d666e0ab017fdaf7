/* SPDX-License-Identifier: MIT */
/* The guest architectures that the software CPU has. */
#include "accel/jit/x86/x86.h"

const JitArch *const jit_arches[] = { &x86_jit_arch };
