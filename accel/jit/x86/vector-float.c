/* SPDX-License-Identifier: MIT */
/* SIMD floating point: exceptions, predicates, and the rows of what is exact on any host. */
#include "accel/jit/x86/system.h"
#include "accel/jit/x86/vector-float.h"

void x86_float_account(X86Jit *cpu, uint32_t flags)
{
    const uint32_t before = MXCSR_IE | MXCSR_DE | MXCSR_ZE;
    if (x86_float_unmasked(cpu, flags & before)) {
        flags &= before; /* nothing was computed, so nothing was rounded */
    }
    cpu->mxcsr |= flags;
    if (x86_float_unmasked(cpu, flags)) {
        x86_raise(cpu, cpu->cr4 & X86_CR4_OSXMMEXCPT ? X86_XM : X86_UD);
    }
}

bool x86_predicate_holds(unsigned relation, unsigned predicate)
{
    static const uint8_t of[16] = { /* predicates 0 … 15; 16 … 31 are the same relations */
        RELATION_EQ, RELATION_LT, RELATION_LT | RELATION_EQ, RELATION_UNORDERED,
        RELATION_LT | RELATION_GT | RELATION_UNORDERED,
        RELATION_EQ | RELATION_GT | RELATION_UNORDERED, RELATION_GT | RELATION_UNORDERED,
        RELATION_LT | RELATION_EQ | RELATION_GT,
        RELATION_EQ | RELATION_UNORDERED, RELATION_LT | RELATION_UNORDERED,
        RELATION_LT | RELATION_EQ | RELATION_UNORDERED, 0, RELATION_LT | RELATION_GT,
        RELATION_EQ | RELATION_GT, RELATION_GT, 15,
    };
    return of[predicate & 15] & relation;
}

bool x86_predicate_signals(unsigned predicate)
{
    return ((0x6666 >> (predicate & 15)) & 1) ^ (predicate >> 4 & 1);
}

static const IrVectorOp exact_ops[] = {
#define X(name, map, prefix, opcode, flags, host) \
    [X86_VEC_##name - X86_VEC_FLOAT_FIRST] = { #name, x86_exact_##name, 0, 0, 0, flags, 0 },
    X86_VECTOR_FLOAT_OPS(X)
    X86_VECTOR_FLOAT_VALUE_OPS(X)
#undef X
};

const IrVectorOp *x86_vector_exact_op(const IrVectorOp *op)
{
    size_t number = op - x86_vector_ops;
    bool is_float = number >= X86_VEC_FLOAT_FIRST && number < X86_VEC_FLOAT_END;
    return is_float ? &exact_ops[number - X86_VEC_FLOAT_FIRST] : op;
}
