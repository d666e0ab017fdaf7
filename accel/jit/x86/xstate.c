/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE, XSAVE and their like: Intel SDM volume 1, chapter 13. Components: x87, SSE, AVX, PKRU,
 * in the standard form. XSAVEC and XSAVES are not offered and raise #UD.
 */
#include <string.h>

#include "accel/jit/x86/system.h"

enum { X87 = 1, SSE = 2, AVX = 4, PKRU = 0x200 };
#define IMAGE_SIZE  2696u
#define AVX_AT      576u
#define PKRU_AT     2688u
#define MXCSR_MASK  0xffffu

static void put(uint8_t *at, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        at[i] = value >> 8 * i;
    }
}

static uint64_t get(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)at[i] << 8 * i;
    }
    return value;
}

static void save(const X86Jit *cpu, uint8_t *p, uint64_t parts)
{
    unsigned top = cpu->fsw >> 11 & 7;

    if (parts & X87) {
        put(p, cpu->fcw, 2);
        put(p + 2, cpu->fsw, 2);
        put(p + 4, cpu->ftw, 2);
        put(p + 6, cpu->fop, 2);
        put(p + 8, cpu->fip, 8);
        put(p + 16, cpu->fdp, 8);
        for (unsigned i = 0; i < 8; i++) {
            put(p + 32 + 16 * i, cpu->fpr[(top + i) & 7].mantissa, 8);
            put(p + 40 + 16 * i, cpu->fpr[(top + i) & 7].exponent, 8);
        }
    }
    if (parts & (SSE | AVX)) {
        put(p + 24, cpu->mxcsr, 4);
        put(p + 28, MXCSR_MASK, 4);
    }
    for (unsigned i = 0; i < 16; i++) {
        if (parts & SSE) {
            memcpy(p + 160 + 16 * i, cpu->vector[i].u8, 16);
        }
        if (parts & AVX) {
            memcpy(p + AVX_AT + 16 * i, cpu->vector[i].u8 + 16, 16);
        }
    }
    if (parts & PKRU) {
        put(p + PKRU_AT, cpu->pkru, 4);
    }
}

static void restore(X86Jit *cpu, const uint8_t *p, uint64_t parts)
{
    unsigned top;

    if (parts & X87) {
        cpu->fcw = get(p, 2);
        cpu->fsw = get(p + 2, 2);
        cpu->ftw = get(p + 4, 1);
        cpu->fop = get(p + 6, 2) & 0x7ff;
        cpu->fip = get(p + 8, 8);
        cpu->fdp = get(p + 16, 8);
        top = cpu->fsw >> 11 & 7;
        for (unsigned i = 0; i < 8; i++) {
            cpu->fpr[(top + i) & 7].mantissa = get(p + 32 + 16 * i, 8);
            cpu->fpr[(top + i) & 7].exponent = get(p + 40 + 16 * i, 2);
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        if (parts & SSE) {
            memcpy(cpu->vector[i].u8, p + 160 + 16 * i, 16);
        }
        if (parts & AVX) {
            memcpy(cpu->vector[i].u8 + 16, p + AVX_AT + 16 * i, 16);
        }
    }
    if (parts & PKRU) {
        cpu->pkru = get(p + PKRU_AT, 4);
        jit_tlb_flush(&cpu->core, true);
    }
}

void x86_xstate_from_image(X86Jit *cpu, const uint8_t *image, uint32_t size)
{
    uint8_t full[IMAGE_SIZE] = { 0 };

    memcpy(full, image, MIN(size, IMAGE_SIZE));
    restore(cpu, full, X87 | SSE | AVX | PKRU);
    cpu->mxcsr = get(full + 24, 4);
}

void x86_xstate_to_image(const X86Jit *cpu, uint8_t *image, uint32_t size)
{
    uint8_t full[IMAGE_SIZE] = { 0 };

    save(cpu, full, X87 | SSE | AVX | PKRU);
    put(full + 512, X87 | SSE | (cpu->xcr0 & (AVX | PKRU)), 8);
    memcpy(image, full, MIN(size, IMAGE_SIZE));
}

static void check_mxcsr(X86Jit *cpu, const uint8_t *image)
{
    if (get(image + 24, 4) & ~(uint64_t)MXCSR_MASK) {
        x86_raise_gp(cpu, 0);
    }
}

static void check_aligned(X86Jit *cpu, uint64_t address, unsigned to)
{
    if (address & (to - 1)) {
        x86_raise_gp(cpu, 0);
    }
}

uint64_t x86_help_fxsave(X86Jit *cpu, uint64_t address, uint64_t wide)
{
    uint8_t image[512];
    unsigned mode = x86_data_mode(cpu);

    check_aligned(cpu, address, 16);
    jit_load_bytes(&cpu->core, address, image, 512, mode);
    jit_float_fold(&cpu->core);
    save(cpu, image, X87 | SSE);
    jit_store_bytes(&cpu->core, address, image, 416, mode);
    return 0;
}

uint64_t x86_help_fxrstor(X86Jit *cpu, uint64_t address, uint64_t wide)
{
    uint8_t image[512];

    check_aligned(cpu, address, 16);
    jit_load_bytes(&cpu->core, address, image, 512, x86_data_mode(cpu));
    check_mxcsr(cpu, image);
    restore(cpu, image, X87 | SSE);
    cpu->mxcsr = get(image + 24, 4);
    jit_float_changed(&cpu->core);
    x86_context_changed(cpu);
    return 0;
}

static uint32_t size_of(uint64_t parts)
{
    return parts & PKRU ? IMAGE_SIZE : parts & AVX ? AVX_AT + 256 : AVX_AT;
}

uint64_t x86_help_xsave(X86Jit *cpu, uint64_t address, uint64_t mask, uint64_t kind, uint64_t wide)
{
    uint64_t parts = mask & cpu->xcr0;
    unsigned mode = x86_data_mode(cpu);
    uint8_t image[IMAGE_SIZE];

    if (!(cpu->cr4 & X86_CR4_OSXSAVE) || kind > 1) {
        x86_raise(cpu, X86_UD);
    }
    check_aligned(cpu, address, 64);
    jit_load_bytes(&cpu->core, address, image, size_of(parts), mode);
    jit_float_fold(&cpu->core);
    save(cpu, image, parts);
    put(image + 512, (get(image + 512, 8) & ~parts) | parts, 8);
    jit_store_bytes(&cpu->core, address, image, size_of(parts), mode);
    return 0;
}

uint64_t x86_help_xrstor(X86Jit *cpu, uint64_t address, uint64_t mask, uint64_t kind,
                         uint64_t wide)
{
    uint64_t parts = mask & cpu->xcr0, present;
    uint8_t image[IMAGE_SIZE], initial[IMAGE_SIZE] = { 0x7f, 0x03 };

    if (!(cpu->cr4 & X86_CR4_OSXSAVE) || kind) {
        x86_raise(cpu, X86_UD);
    }
    check_aligned(cpu, address, 64);
    jit_load_bytes(&cpu->core, address, image, size_of(parts), x86_data_mode(cpu));
    present = get(image + 512, 8);
    if ((present & ~cpu->xcr0) || get(image + 520, 8) || get(image + 528, 8)) {
        x86_raise_gp(cpu, 0);
    }
    if (parts & (SSE | AVX)) {
        check_mxcsr(cpu, image);
        cpu->mxcsr = get(image + 24, 4);
        jit_float_changed(&cpu->core);
    }
    restore(cpu, image, parts & present);
    restore(cpu, initial, parts & ~present);
    x86_context_changed(cpu);
    return 0;
}
