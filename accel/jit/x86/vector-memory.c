/* SPDX-License-Identifier: MIT */
/*
 * SIMD instructions that access memory lane by lane, and MXCSR. SDM volume 2.
 */
#include "accel/jit/x86/system.h"
#include "accel/jit/x86/vector.h"

static uint8_t *bytes_at(X86Jit *cpu, uint64_t offset)
{
    return (uint8_t *)cpu + offset;
}

static bool lane_is_on(const uint8_t *mask, unsigned lane, unsigned i)
{
    return mask[(i + 1) * lane - 1] >> 7;
}

uint64_t x86_vector_mask_store(X86Jit *cpu, uint64_t address, uint64_t from, uint64_t mask,
                               uint64_t sizes)
{
    unsigned lane = sizes & 0xff, bytes = sizes >> 8, mode = x86_unaligned_mode(cpu);
    const uint8_t *v = bytes_at(cpu, from), *m = bytes_at(cpu, mask);
    if (lane == 1) {
        x86_check_alignment(cpu, address, 8);   /* MASKMOVQ, MASKMOVDQU: as CPUs do */
    }
    /* All faults come before the first byte is written. */
    for (unsigned i = 0; i < bytes / lane; i++) {
        if (lane_is_on(m, lane, i)) {
            jit_probe(&cpu->core, address + i * lane, lane, JIT_WRITE, mode);
        }
    }
    for (unsigned i = 0; i < bytes / lane; i++) {
        if (lane_is_on(m, lane, i)) {
            uint64_t value = 0;
            memcpy(&value, v + i * lane, lane);
            jit_store(&cpu->core, address + i * lane, lane, mode, value);
        }
    }
    return 0;
}

uint64_t x86_vector_mask_load(X86Jit *cpu, uint64_t address, uint64_t to, uint64_t mask,
                              uint64_t sizes)
{
    unsigned lane = sizes & 0xff, bytes = sizes >> 8, mode = x86_unaligned_mode(cpu);
    const uint8_t *m = bytes_at(cpu, mask);
    X86Vector r = { 0 };
    for (unsigned i = 0; i < bytes / lane; i++) {
        if (lane_is_on(m, lane, i)) {
            uint64_t value = jit_load(&cpu->core, address + i * lane, lane, mode);
            memcpy(r.u8 + i * lane, &value, lane);
        }
    }
    x86_vector_copy(bytes_at(cpu, to), &r, bytes);
    return 0;
}

/* An element that was loaded has its mask cleared, so that after a fault it goes on with the
 * rest. */
uint64_t x86_vector_gather(X86Jit *cpu, uint64_t offset, uint64_t base, uint64_t packed,
                           uint64_t segment)
{
    X86Gather g;
    memcpy(&g, &packed, sizeof(g));
    X86Vector *d = &cpu->vector[g.reg], *mask = &cpu->vector[g.mask];
    const X86Vector *index = &cpu->vector[g.index];
    unsigned size = 1u << g.element_log, mode = x86_unaligned_mode(cpu);
    /* SDM volume 2, VPGATHERDD: the mask is made all ones or zeros before the first load. */
    for (unsigned i = 0; i < 32 / size; i++) {
        bool on = i < g.wide / size && lane_is_on(mask->u8, size, i);
        memset(mask->u8 + i * size, on ? 0xff : 0, size);
    }
    for (unsigned i = 0; i < g.count; i++) {
        if (!lane_is_on(mask->u8, size, i)) {
            continue;
        }
        int64_t number = g.index_log == 3 ? index->s64[i] : index->s32[i];
        uint64_t address = offset + ((uint64_t)number << g.scale);
        if (g.linear32) {
            x86_help_check_limit(cpu, segment, (uint32_t)address, size, false);
        }
        address = base + (g.address32 ? (uint32_t)address : address);
        uint64_t value = jit_load(&cpu->core, g.linear32 ? (uint32_t)address : address, size, mode);
        memset(d->u8 + g.wide, 0, 32 - g.wide);
        memcpy(d->u8 + i * size, &value, size);
        memset(mask->u8 + i * size, 0, size);
    }
    return 0;
}

uint64_t x86_vector_stmxcsr(X86Jit *cpu)
{
    jit_float_fold(&cpu->core);
    return cpu->mxcsr;
}

uint64_t x86_vector_ldmxcsr(X86Jit *cpu, uint64_t value)
{
    if (value & ~0xffffull) {
        x86_raise_error(cpu, X86_GP, 0);
    }
    cpu->mxcsr = value;
    jit_float_changed(&cpu->core);
    x86_context_changed(cpu);
    return 0;
}
