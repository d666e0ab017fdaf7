/* SPDX-License-Identifier: MIT */
/*
 * The back end: blocks of the intermediate form as code of the host. A host without one, and a
 * block that the back end does not take, are left to the evaluator.
 *
 * Code memory is mapped twice, once to be written and once to be executed. All but
 * jit_host_run() is called with jit.lock held, or while no CPU runs.
 */
#ifndef ACCEL_JIT_HOST_H
#define ACCEL_JIT_HOST_H

#include "accel/jit/core.h"

/* False, with a reason: there is no back end here. `bytes` is the size of code memory. */
bool jit_host_init(size_t bytes, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void jit_host_release(void);
/* The code that all blocks share; its size in bytes. */
size_t jit_host_shared(const void **address);
/* Forgets all code. */
void jit_host_flush(void);
/* Little code memory is left: blocks should be flushed. */
bool jit_host_is_full(void);
/* Bytes of code, and room for them. Under jit.lock. */
size_t jit_host_used(size_t *size);

/* Where a block's code lies: what is executed seldom is apart. Sizes are in bytes. */
typedef struct JitHostCode {
    const void *hot, *cold;
    size_t hot_bytes, cold_bytes;
} JitHostCode;

/* Sets block->code; leaves it NULL, and returns sizes of 0, where that cannot be. */
JitHostCode jit_host_compile(JitBlock *block);
/* Exit `number` goes straight to another block, or with NULL back to the loop. */
void jit_host_link(JitBlock *from, unsigned number, JitBlock *to);

/* Whoever enters the block from now on comes out at once with JIT_END_INDIRECT. */
void jit_host_close(JitBlock *block);
/* Where indirect branches enter a block; NULL: they come out with JIT_END_INDIRECT. */
const void *jit_host_way_in(const JitBlock *block);

/* The host's MXCSR becomes the guest's, as far as that may be; and is the host's own again. */
void jit_host_float_load(JitCpu *cpu);
void jit_host_float_save(JitCpu *cpu);

/* Runs a block that has code, and those it is chained with. `*last` is the one that was left. */
JitEnd jit_host_run(JitCpu *cpu, JitBlock *block, JitBlock **last, unsigned *number);

#endif
