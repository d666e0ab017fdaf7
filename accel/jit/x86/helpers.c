/* SPDX-License-Identifier: MIT */
/* The table of the functions that lowered code calls for the system's sake. */
#include "accel/jit/x86/system.h"

const IrHelper x86_system_helpers[X86_SYSTEM_HELPER_COUNT] = {
#define X(name, args, flags) [X86_HELPER_##name] = IR_HELPER(x86_help_##name, args, flags),
    X86_SYSTEM_HELPERS(X)
#undef X
};
