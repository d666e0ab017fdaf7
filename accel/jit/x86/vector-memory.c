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

/* Where a lane is, linearly; outside of 64-bit code its segment has to allow the access. */
static uint64_t lane_address(X86Jit *cpu, unsigned segment, uint64_t base, uint64_t offset,
                             unsigned size, bool write)
{
    if (x86_code64(cpu)) {
        return base + offset;
    }
    x86_help_check_limit(cpu, segment, (uint32_t)offset, size, write);
    return (uint32_t)(base + offset);
}

/* The addresses of the lanes that are on: the segment is asked for all, before any page is. */
static void lane_addresses(X86Jit *cpu, const X86Masked *m, uint64_t offset, uint64_t base, bool write,
                           uint64_t *address)
{
    const uint8_t *mask = bytes_at(cpu, m->mask);

    for (unsigned i = 0; i < m->bytes / m->lane; i++) {
        if (lane_is_on(mask, m->lane, i)) {
            address[i] = lane_address(cpu, m->segment, base, offset + i * m->lane, m->lane, write);
        }
    }
}

uint64_t x86_vector_mask_store(X86Jit *cpu, uint64_t offset, uint64_t base, uint64_t packed)
{
    X86Masked m;
    memcpy(&m, &packed, sizeof(m));
    unsigned count = m.bytes / m.lane, mode = x86_unaligned_mode(cpu);
    const uint8_t *from = bytes_at(cpu, m.vector), *mask = bytes_at(cpu, m.mask);
    uint64_t address[32];
    if (m.lane == 1) { /* MASKMOVQ, MASKMOVDQU: all that may be stored to is asked for */
        x86_help_check_limit(cpu, m.segment, (uint32_t)offset, m.bytes, true);
        x86_check_alignment(cpu, base + offset, 8);
    }
    /* All faults come before the first byte is written. */
    lane_addresses(cpu, &m, offset, base, true, address);
    for (unsigned i = 0; i < count; i++) {
        if (lane_is_on(mask, m.lane, i)) {
            jit_probe(&cpu->core, address[i], m.lane, JIT_WRITE, mode);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (lane_is_on(mask, m.lane, i)) {
            uint64_t value = 0;
            memcpy(&value, from + i * m.lane, m.lane);
            jit_store(&cpu->core, address[i], m.lane, mode, value);
        }
    }
    return 0;
}

uint64_t x86_vector_mask_load(X86Jit *cpu, uint64_t offset, uint64_t base, uint64_t packed)
{
    X86Masked m;
    memcpy(&m, &packed, sizeof(m));
    unsigned mode = x86_unaligned_mode(cpu);
    const uint8_t *mask = bytes_at(cpu, m.mask);
    uint64_t address[32];
    X86Vector r = { 0 };
    lane_addresses(cpu, &m, offset, base, false, address);
    for (unsigned i = 0; i < m.bytes / m.lane; i++) {
        if (lane_is_on(mask, m.lane, i)) {
            uint64_t value = jit_load(&cpu->core, address[i], m.lane, mode);
            memcpy(r.u8 + i * m.lane, &value, m.lane);
        }
    }
    x86_vector_copy(bytes_at(cpu, m.vector), &r, m.bytes);
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
        uint64_t at = offset + ((uint64_t)number << g.scale);
        uint64_t address = lane_address(cpu, segment, base, g.address32 ? (uint32_t)at : at, size,
                                        false);
        uint64_t value = jit_load(&cpu->core, address, size, mode);
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
