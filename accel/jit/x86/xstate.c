/* SPDX-License-Identifier: MIT */
/*
 * FXSAVE, XSAVE and their like: Intel SDM volume 1, chapters 10.5 and 13. Components: x87, SSE,
 * AVX, PKRU, in both forms. Of the optimizations XSAVEOPT, XSAVEC and XSAVES leave out what is
 * in its initial state; what was not modified since is saved all the same. There are no
 * supervisor components.
 */
#include <string.h>

#include "accel/jit/x86/fpu.h"
#include "accel/jit/x86/system.h"

enum { X87 = 1, SSE = 2, AVX = 4, PKRU = 0x200, ALL = X87 | SSE | AVX | PKRU };
enum { FORM_XSAVE, FORM_XSAVEOPT, FORM_XSAVEC, FORM_XSAVES };
#define COMPACTED  (1ull << 63)
#define MXCSR_RESET 0x1f80u
#define MXCSR_MASK  0xffffu
#define HEADER_AT   512u
#define EXTENDED_AT 576u
#define AVX_BYTES   256u
#define PKRU_AT     2688u
#define PKRU_BYTES  8u
#define IMAGE_SIZE  (PKRU_AT + PKRU_BYTES)

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

/* ---- the parts ---- */

/* Outside of 64-bit code there are eight XMM registers, and only those are touched. */
static unsigned vectors(const X86Jit *cpu)
{
    return cpu->context_flags & X86_CTX_CODE64 ? 16 : 8;
}

/* The first 32 bytes but MXCSR, and the registers. `wide`: pointers of 64 bits;
 * else of 32, with selectors that are 0. */
static void save_x87(const X86Jit *cpu, uint8_t *p, bool wide)
{
    unsigned top = cpu->fsw >> 11 & 7;

    put(p, cpu->fcw, 2);
    put(p + 2, cpu->fsw, 2);
    put(p + 4, cpu->ftw, 2);
    put(p + 6, cpu->fop, 2);
    put(p + 8, wide ? cpu->fip : (uint32_t)cpu->fip, 8);
    put(p + 16, wide ? cpu->fdp : (uint32_t)cpu->fdp, 8);
    for (unsigned i = 0; i < 8; i++) {
        memset(p + 32 + 16 * i, 0, 16);
        put(p + 32 + 16 * i, cpu->fpr[(top + i) & 7].mantissa, 8);
        put(p + 40 + 16 * i, cpu->fpr[(top + i) & 7].exponent, 2);
    }
}

static void restore_x87(X86Jit *cpu, const uint8_t *p, bool wide)
{
    unsigned top;

    x87_set_words(cpu, get(p, 2), get(p + 2, 2));
    cpu->ftw = get(p + 4, 1);
    cpu->fop = get(p + 6, 2) & 0x7ff;
    cpu->fip = get(p + 8, wide ? 8 : 4);
    cpu->fdp = get(p + 16, wide ? 8 : 4);
    top = cpu->fsw >> 11 & 7;
    for (unsigned i = 0; i < 8; i++) {
        cpu->fpr[(top + i) & 7].mantissa = get(p + 32 + 16 * i, 8);
        cpu->fpr[(top + i) & 7].exponent = get(p + 40 + 16 * i, 2);
    }
}

static void save_halves(const X86Jit *cpu, uint8_t *p, unsigned count, unsigned half)
{
    for (unsigned i = 0; i < count; i++) {
        memcpy(p + 16 * i, cpu->vector[i].u8 + 16 * half, 16);
    }
}

static void restore_halves(X86Jit *cpu, const uint8_t *p, unsigned count, unsigned half)
{
    for (unsigned i = 0; i < count; i++) {
        memcpy(cpu->vector[i].u8 + 16 * half, p + 16 * i, 16);
    }
}

/* Everything, in the standard form. */
static void save_all(const X86Jit *cpu, uint8_t *p, unsigned count, bool wide)
{
    save_x87(cpu, p, wide);
    put(p + 24, cpu->mxcsr, 4);
    put(p + 28, MXCSR_MASK, 4);
    save_halves(cpu, p + 160, count, 0);
    save_halves(cpu, p + EXTENDED_AT, count, 1);
    put(p + PKRU_AT, cpu->pkru, PKRU_BYTES);
}

/* `parts` of an image in the standard form, without MXCSR. */
static void restore(X86Jit *cpu, const uint8_t *p, uint64_t parts, unsigned count, bool wide)
{
    if (parts & X87) {
        restore_x87(cpu, p, wide);
    }
    if (parts & SSE) {
        restore_halves(cpu, p + 160, count, 0);
    }
    if (parts & AVX) {
        restore_halves(cpu, p + EXTENDED_AT, count, 1);
    }
    if (parts & PKRU && cpu->pkru != get(p + PKRU_AT, 4)) {
        cpu->pkru = get(p + PKRU_AT, 4);
        jit_tlb_flush(&cpu->core, true);
    }
}

static void set_mxcsr(X86Jit *cpu, uint32_t value)
{
    cpu->mxcsr = value;
    jit_float_changed(&cpu->core);
}

void x86_xstate_from_image(X86Jit *cpu, const uint8_t *image, uint32_t size)
{
    uint8_t full[IMAGE_SIZE] = { 0 };

    memcpy(full, image, MIN(size, IMAGE_SIZE));
    restore(cpu, full, ALL, 16, true);
    cpu->mxcsr = get(full + 24, 4);
}

void x86_xstate_to_image(const X86Jit *cpu, uint8_t *image, uint32_t size)
{
    uint8_t full[IMAGE_SIZE] = { 0 };

    save_all(cpu, full, 16, true);
    put(full + HEADER_AT, X87 | SSE | (cpu->xcr0 & (AVX | PKRU)), 8);
    memcpy(image, full, MIN(size, IMAGE_SIZE));
}

/* ---- what is in its initial state ---- */

static bool all_zero(const X86Jit *cpu, unsigned half)
{
    for (unsigned i = 0; i < 16; i++) {
        if (cpu->vector[i].u64[2 * half] | cpu->vector[i].u64[2 * half + 1]) {
            return false;
        }
    }
    return true;
}

static bool x87_is_initial(const X86Jit *cpu)
{
    for (unsigned i = 0; i < 8; i++) {
        if (cpu->fpr[i].mantissa || cpu->fpr[i].exponent) {
            return false;
        }
    }
    return cpu->fcw == 0x37f && !cpu->fsw && !cpu->ftw && !cpu->fop && !cpu->fip && !cpu->fdp;
}

uint64_t x86_xstate_in_use(const X86Jit *cpu)
{
    return (x87_is_initial(cpu) ? 0 : X87) | (all_zero(cpu, 0) ? 0 : SSE) |
           (all_zero(cpu, 1) ? 0 : AVX) | (cpu->pkru ? PKRU : 0);
}

/* ---- FXSAVE, FXRSTOR ---- */

static void check_mxcsr(X86Jit *cpu, const uint8_t *image)
{
    if (get(image + 24, 4) & ~(uint64_t)MXCSR_MASK) {
        x86_raise_gp(cpu, 0);
    }
}

static void check_aligned(X86Jit *cpu, uint64_t address, unsigned to)
{
    x86_check_alignment(cpu, address, 4);
    if (address & (to - 1)) {
        if (x86_long_mode(cpu) && !x86_canonical(cpu, address)) {
            /* Which is #SS where it is by the stack's registers. */
            jit_probe(&cpu->core, address, 1, JIT_READ, x86_data_mode(cpu));
        }
        x86_raise_gp(cpu, 0);
    }
}

uint64_t x86_help_fxsave(X86Jit *cpu, uint64_t address, uint64_t wide)
{
    uint8_t image[IMAGE_SIZE] = { 0 };

    check_aligned(cpu, address, 16);
    /* All of the area is asked for, though the end is left alone. */
    jit_probe(&cpu->core, address, 512, JIT_WRITE, x86_data_mode(cpu));
    jit_float_fold(&cpu->core);
    save_all(cpu, image, vectors(cpu), wide);
    jit_store_bytes(&cpu->core, address, image, 160 + 16 * vectors(cpu), x86_data_mode(cpu));
    return 0;
}

uint64_t x86_help_fxrstor(X86Jit *cpu, uint64_t address, uint64_t wide)
{
    uint8_t image[512];

    check_aligned(cpu, address, 16);
    jit_load_bytes(&cpu->core, address, image, 512, x86_data_mode(cpu));
    check_mxcsr(cpu, image);
    restore(cpu, image, X87 | SSE, vectors(cpu), wide);
    set_mxcsr(cpu, get(image + 24, 4));
    x87_error_changed(cpu);
    x86_context_changed(cpu);
    return 0;
}

/* ---- XSAVE and its like ---- */

/* Where the components of an area are: the standard form's places, or one after the other. */
typedef struct Layout {
    uint32_t avx, pkru, size;
} Layout;

static Layout layout_of(uint64_t components, bool compacted)
{
    Layout l = { EXTENDED_AT, PKRU_AT, EXTENDED_AT };

    if (components & AVX) {
        l.size = EXTENDED_AT + AVX_BYTES;
    }
    if (components & PKRU) {
        l.pkru = compacted ? l.size : PKRU_AT;
        l.size = l.pkru + PKRU_BYTES;
    }
    return l;
}

/* Which components XSAVEC and XSAVES write: MXCSR counts as SSE's. */
static uint64_t in_use_compacted(const X86Jit *cpu)
{
    return x86_xstate_in_use(cpu) | (cpu->mxcsr != MXCSR_RESET ? SSE : 0);
}

static void store_part(X86Jit *cpu, uint64_t address, const uint8_t *from, unsigned bytes)
{
    jit_store_bytes(&cpu->core, address, from, bytes, x86_data_mode(cpu));
}

static void check_state_instruction(X86Jit *cpu, uint64_t address, bool supervisor)
{
    if (!(cpu->cr4 & X86_CR4_OSXSAVE)) {
        x86_raise(cpu, X86_UD);
    }
    if (cpu->cr0 & X86_CR0_TS) {
        x86_raise(cpu, X86_NM);
    }
    if (supervisor && x86_jit_cpl(cpu)) {
        x86_raise_gp(cpu, 0);
    }
    check_aligned(cpu, address, 64);
}

/* Does the segment, if `packed` names one, have those bytes of the operand? */
static void check_segment(X86Jit *cpu, uint64_t packed, uint64_t address, unsigned bytes, bool write)
{
    unsigned segment = (unsigned)(packed >> 8) - 1;

    if (packed >> 8) {
        x86_help_check_limit(cpu, segment, (uint32_t)(address - cpu->base[segment]), bytes, write);
    }
}

uint64_t x86_help_xsave(X86Jit *cpu, uint64_t address, uint64_t mask, uint64_t packed, uint64_t wide)
{
    unsigned form = packed & 0xff;
    bool compacted = form >= FORM_XSAVEC;
    uint64_t wanted = mask & cpu->xcr0, in_use, parts, present;
    Layout l = layout_of(wanted, compacted);
    unsigned first;
    uint8_t image[IMAGE_SIZE] = { 0 }, header[16] = { 0 };

    check_state_instruction(cpu, address, form == FORM_XSAVES);
    /* Nothing is written if not all can be. */
    first = wanted & (compacted ? X87 | SSE : X87 | SSE | AVX) ? 0 : HEADER_AT;
    check_segment(cpu, packed, address + first, l.size - first, true);
    jit_probe(&cpu->core, address + first, l.size - first, JIT_WRITE, x86_data_mode(cpu));
    jit_float_fold(&cpu->core);
    save_all(cpu, image, vectors(cpu), wide);
    in_use = wanted & (compacted ? in_use_compacted(cpu) : x86_xstate_in_use(cpu));
    parts = form == FORM_XSAVE ? wanted : in_use;
    if (parts & X87) {
        store_part(cpu, address, image, 24);
        store_part(cpu, address + 32, image + 32, 128);
    }
    if (compacted ? parts & SSE : wanted & (SSE | AVX)) {
        store_part(cpu, address + 24, image + 24, 8);
    }
    if (parts & SSE) {
        store_part(cpu, address + 160, image + 160, 16 * vectors(cpu));
    }
    if (parts & AVX) {
        store_part(cpu, address + l.avx, image + EXTENDED_AT, 16 * vectors(cpu));
    }
    if (parts & PKRU) {
        store_part(cpu, address + l.pkru, image + PKRU_AT, PKRU_BYTES);
    }
    present = compacted ? 0 : jit_load(&cpu->core, address + HEADER_AT, 8, x86_data_mode(cpu));
    put(header, (present & ~wanted) | in_use, 8);
    put(header + 8, wanted | COMPACTED, 8);
    store_part(cpu, address + HEADER_AT, header, compacted ? 16 : 8);
    return 0;
}

/* The header's rules; gives which components the area has. */
static uint64_t check_header(X86Jit *cpu, const uint8_t *header, bool supervisor)
{
    uint64_t present = get(header, 8), form = get(header + 8, 8), rest = get(header + 16, 8);
    bool compacted = form & COMPACTED;
    bool good = compacted ? x86_has(cpu, "xsavec") && !(form & ~(COMPACTED | cpu->xcr0)) &&
                                !(present & ~form)
                          : !supervisor && !form && !(present & ~cpu->xcr0);

    for (unsigned at = 24; compacted && at < 64; at += 8) {
        rest |= get(header + at, 8);
    }
    if (!good || rest) {
        x86_raise_gp(cpu, 0);
    }
    return present;
}

uint64_t x86_help_xrstor(X86Jit *cpu, uint64_t address, uint64_t mask, uint64_t packed,
                         uint64_t wide)
{
    unsigned form = packed & 0xff;
    uint64_t wanted = mask & cpu->xcr0, present;
    unsigned mode = x86_data_mode(cpu);
    uint8_t image[IMAGE_SIZE] = { 0 }, initial[IMAGE_SIZE] = { 0x7f, 0x03 };
    bool compacted;
    Layout l;

    check_state_instruction(cpu, address, form == FORM_XSAVES);
    jit_load_bytes(&cpu->core, address, image, EXTENDED_AT, mode);
    present = check_header(cpu, image + HEADER_AT, form == FORM_XSAVES);
    compacted = get(image + HEADER_AT + 8, 8) & COMPACTED;
    l = layout_of(compacted ? get(image + HEADER_AT + 8, 8) : ALL, compacted);
    /* The segment has to have what is asked for, be it present or not. */
    check_segment(cpu, packed, address,
                  layout_of(wanted & (compacted ? get(image + HEADER_AT + 8, 8) : ALL), compacted).size,
                  false);
    if (wanted & present & AVX) {
        jit_load_bytes(&cpu->core, address + l.avx, image + EXTENDED_AT, 16 * vectors(cpu), mode);
    }
    if (wanted & present & PKRU) {
        jit_load_bytes(&cpu->core, address + l.pkru, image + PKRU_AT, PKRU_BYTES, mode);
    }
    if (compacted ? wanted & present & SSE : wanted & (SSE | AVX)) {
        check_mxcsr(cpu, image);
        set_mxcsr(cpu, get(image + 24, 4));
    } else if (compacted && wanted & SSE) {
        set_mxcsr(cpu, MXCSR_RESET);
    }
    restore(cpu, image, wanted & present, vectors(cpu), wide);
    restore(cpu, initial, wanted & ~present, vectors(cpu), wide);
    x87_error_changed(cpu);
    x86_context_changed(cpu);
    return 0;
}
