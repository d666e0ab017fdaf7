/* SPDX-License-Identifier: MIT */
/*
 * The state of the x87: control, status, tags, environments, and what MMX does to them. SDM
 * volume 1, chapter 8.
 *
 * FOP, FIP and FDP are kept for every instruction that is not a control instruction; FCS and FDS
 * are 0, as CPUID says (8.1.8). So in real and virtual-8086 mode the pointers are offsets.
 */
#include "accel/jit/x86/x87.h"

void x87_init(X86Jit *cpu)
{
    cpu->fcw = 0x37f;
    cpu->fsw = 0;
    cpu->ftw = 0;
    cpu->fop = 0;
    cpu->fip = cpu->fdp = 0;
}

/* ES and B say whether an exception that is not masked is pending. */
static void summarize(X86Jit *cpu)
{
    if (cpu->fsw & ~cpu->fcw & X87_EXCEPTIONS) {
        cpu->fsw |= X87_ES | X87_B;
    } else {
        cpu->fsw &= ~(X87_ES | X87_B);
    }
}

void x87_update_summary(X86Jit *cpu)
{
    summarize(cpu);
    x87_error_changed(cpu);
}

void x87_set_words(X86Jit *cpu, uint16_t control, uint16_t status)
{
    cpu->fcw = (control & 0x1f3f) | 0x40;
    cpu->fsw = status;
    summarize(cpu);
}

void x87_error_changed(X86Jit *cpu)
{
    if (G_UNLIKELY(cpu->ferr) && (!(cpu->fsw & X87_ES) || cpu->cr0 & X86_CR0_NE)) {
        x86_set_ferr(cpu, false);
    }
}

uint64_t x87_wait(X86Jit *cpu)
{
    if (cpu->fsw & X87_ES) {
        if (cpu->cr0 & X86_CR0_NE) {
            x86_raise(cpu, X86_MF);
        }
        if (!atomic_load(&cpu->ignne)) {
            x86_freeze(cpu);
        }
    }
    return 0;
}

static unsigned tag_of(const X86Jit *cpu, unsigned physical)
{
    const X86Fpr *r = &cpu->fpr[physical];
    unsigned exponent = r->exponent & 0x7fff;
    if (!(cpu->ftw >> physical & 1)) {
        return 3;
    }
    if (!exponent && !r->mantissa) {
        return 1;
    }
    return exponent == 0x7fff || !exponent || !(r->mantissa >> 63) ? 2 : 0;
}

uint16_t x87_full_tags(const X86Jit *cpu)
{
    uint16_t tags = 0;
    for (unsigned i = 0; i < 8; i++) {
        tags |= tag_of(cpu, i) << 2 * i;
    }
    return tags;
}

void x87_set_full_tags(X86Jit *cpu, uint16_t tags)
{
    cpu->ftw = 0;
    for (unsigned i = 0; i < 8; i++) {
        cpu->ftw |= ((tags >> 2 * i & 3) != 3) << i;
    }
}

/* ---- control ---- */

uint64_t x87_fninit(X86Jit *cpu)
{
    x87_init(cpu);
    x87_error_changed(cpu);
    return 0;
}

uint64_t x87_fnclex(X86Jit *cpu)
{
    cpu->fsw &= ~(X87_EXCEPTIONS | X87_SF | X87_ES | X87_B);
    x87_error_changed(cpu);
    return 0;
}

uint64_t x87_fldcw(X86Jit *cpu, uint64_t value)
{
    x87_wait(cpu);
    x87_set_words(cpu, value, cpu->fsw);
    x87_error_changed(cpu);
    return 0;
}

/*
 * The environment, SDM volume 1, 8.1.10, figures 8-9 to 8-12: words of `size` bytes. In real and
 * virtual-8086 mode the opcode lies with the pointers, which have no selectors beside them.
 */
static void environment_out(const X86Jit *cpu, uint8_t *out, unsigned size)
{
    bool protected = cpu->context_flags & X86_CTX_PE && !(cpu->context_flags & X86_CTX_VM);
    uint32_t word[7] = { cpu->fcw, cpu->fsw, x87_full_tags(cpu) };
    if (size == 4) {
        word[0] |= 0xffff0000;
        word[1] |= 0xffff0000;
        word[2] |= 0xffff0000;
    }
    if (protected) {
        word[3] = cpu->fip;
        word[4] = size == 4 ? (uint32_t)cpu->fop << 16 : 0;
        word[5] = cpu->fdp;
        word[6] = size == 4 ? 0xffff0000 : 0;
    } else {
        uint32_t ip = cpu->fip, dp = cpu->fdp;
        word[3] = (ip & 0xffff) | (size == 4 ? 0xffff0000 : 0);
        word[4] = cpu->fop | (ip >> 16) << 12;
        word[5] = (dp & 0xffff) | (size == 4 ? 0xffff0000 : 0);
        word[6] = (dp >> 16) << 12;
    }
    for (unsigned i = 0; i < 7; i++) {
        memcpy(out + i * size, &word[i], size);
    }
}

static void environment_in(X86Jit *cpu, const uint8_t *in, unsigned size)
{
    bool protected = cpu->context_flags & X86_CTX_PE && !(cpu->context_flags & X86_CTX_VM);
    uint32_t word[7] = { 0 };
    for (unsigned i = 0; i < 7; i++) {
        memcpy(&word[i], in + i * size, size);
    }
    x87_set_words(cpu, word[0], word[1]);
    x87_error_changed(cpu);
    x87_set_full_tags(cpu, word[2]);
    if (protected) {
        cpu->fip = word[3];
        cpu->fop = size == 4 ? word[4] >> 16 & 0x7ff : 0;
        cpu->fdp = word[5];
    } else {
        cpu->fip = (word[3] & 0xffff) | (word[4] >> 12 & 0xffff) << 16;
        cpu->fop = word[4] & 0x7ff;
        cpu->fdp = (word[5] & 0xffff) | (word[6] >> 12 & 0xffff) << 16;
    }
}

uint64_t x87_fnstenv(X86Jit *cpu, uint64_t address, uint64_t size)
{
    uint8_t out[28];
    x86_check_alignment(cpu, address, size);
    environment_out(cpu, out, size);
    jit_store_bytes(&cpu->core, address, out, 7 * size, x86_data_mode(cpu));
    cpu->fcw |= X87_EXCEPTIONS;
    x87_update_summary(cpu);
    return 0;
}

uint64_t x87_fldenv(X86Jit *cpu, uint64_t address, uint64_t size)
{
    uint8_t in[28];
    x87_wait(cpu);
    x86_check_alignment(cpu, address, size);
    jit_load_bytes(&cpu->core, address, in, 7 * size, x86_data_mode(cpu));
    environment_in(cpu, in, size);
    return 0;
}

uint64_t x87_fnsave(X86Jit *cpu, uint64_t address, uint64_t size)
{
    uint8_t out[108];
    x86_check_alignment(cpu, address, size);
    environment_out(cpu, out, size);
    for (unsigned i = 0; i < 8; i++) {
        const X86Fpr *r = &cpu->fpr[(x87_top(cpu) + i) & 7];
        memcpy(out + 7 * size + 10 * i, &r->mantissa, 8);
        memcpy(out + 7 * size + 10 * i + 8, &r->exponent, 2);
    }
    jit_store_bytes(&cpu->core, address, out, 7 * size + 80, x86_data_mode(cpu));
    x87_init(cpu);
    x87_error_changed(cpu);
    return 0;
}

uint64_t x87_frstor(X86Jit *cpu, uint64_t address, uint64_t size)
{
    uint8_t in[108];
    x87_wait(cpu);
    x86_check_alignment(cpu, address, size);
    jit_load_bytes(&cpu->core, address, in, 7 * size + 80, x86_data_mode(cpu));
    environment_in(cpu, in, size);
    for (unsigned i = 0; i < 8; i++) {
        X86Fpr *r = &cpu->fpr[(x87_top(cpu) + i) & 7];
        memcpy(&r->mantissa, in + 7 * size + 10 * i, 8);
        memcpy(&r->exponent, in + 7 * size + 10 * i + 8, 2);
    }
    return 0;
}

/* ---- MMX ---- */

uint64_t x87_mmx_begin(X86Jit *cpu)
{
    x87_wait(cpu);
    cpu->fsw &= ~X87_TOP;
    return 0;
}

uint64_t x87_mmx_enter(X86Jit *cpu)
{
    x87_mmx_begin(cpu);
    cpu->ftw = 0xff;
    return 0;
}

uint64_t x87_mmx_written(X86Jit *cpu, uint64_t number)
{
    cpu->fpr[number & 7].exponent = 0xffff;
    return 0;
}

uint64_t x87_emms(X86Jit *cpu)
{
    x87_wait(cpu);
    cpu->fsw &= ~X87_TOP;
    cpu->ftw = 0;
    return 0;
}
