/* SPDX-License-Identifier: MIT */
/* Rules that the state of a CPU keeps. */
#include "arch/x86/sanity.h"

#include <inttypes.h>

#include "base/bits.h"

typedef struct Check {
    const X86CpuState *s;
    const X86CpuDefinition *cpu;
    GPtrArray *problems;
    unsigned count;
} Check;

static void G_GNUC_PRINTF(2, 3) problem(Check *c, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(c->problems, g_strdup_vprintf(format, args));
    va_end(args);
    c->count++;
}

static bool canonical(const Check *c, uint64_t address)
{
    unsigned bits = c->cpu ? c->cpu->linear_bits : 57;
    int64_t shifted = (int64_t)(address << (64 - bits));

    return bits <= 32 || (uint64_t)(shifted >> (64 - bits)) == address;
}

static void check_control(Check *c)
{
    const X86CpuState *s = c->s;
    bool pg = s->cr0 & X86_CR0_PG, lme = s->efer & X86_EFER_LME, lma = s->efer & X86_EFER_LMA;

    if (s->cr0 >> 32) {
        problem(c, "cr0 0x%" PRIx64 ": bits above 31 have to be 0", s->cr0);
    }
    if (pg && !(s->cr0 & X86_CR0_PE)) {
        problem(c, "cr0 0x%" PRIx64 ": paging (PG) without protected mode (PE)", s->cr0);
    }
    if (s->cr0 & X86_CR0_NW && !(s->cr0 & X86_CR0_CD)) {
        problem(c, "cr0 0x%" PRIx64 ": NW without CD", s->cr0);
    }
    if (lma != (lme && pg)) {
        problem(c, "efer 0x%" PRIx64 ", cr0 0x%" PRIx64 ": LMA has to be set exactly when LME and "
                "paging are", s->efer, s->cr0);
    }
    if (lme && pg && !(s->cr4 & X86_CR4_PAE)) {
        problem(c, "cr4 0x%" PRIx64 ": long mode needs PAE", s->cr4);
    }
    if (c->cpu && pg && s->cr3 >> c->cpu->phys_bits) {
        problem(c, "cr3 0x%" PRIx64 ": beyond the CPU's %u physical address bits", s->cr3,
                c->cpu->phys_bits);
    }
    if (c->cpu && s->efer & X86_EFER_NX && !x86_feature_set_has(&c->cpu->features, "nx")) {
        problem(c, "efer 0x%" PRIx64 ": NXE, and the CPU has no nx", s->efer);
    }
    if (c->cpu && lme && !x86_feature_set_has(&c->cpu->features, "lm")) {
        problem(c, "efer 0x%" PRIx64 ": LME, and the CPU has no 64-bit mode (lm)", s->efer);
    }
    if (s->dr6 >> 32 || s->dr7 >> 32) {
        problem(c, "dr6 0x%" PRIx64 ", dr7 0x%" PRIx64 ": bits above 31 have to be 0", s->dr6,
                s->dr7);
    }
    if (s->cr8 > 15) {
        problem(c, "cr8 0x%" PRIx64 ": more than 15", s->cr8);
    }
}

static void check_flags(Check *c)
{
    const X86CpuState *s = c->s;

    /* Bits 3, 5, 15 and all from 22 on are reserved. */
    if (!(s->rflags & X86_RFLAGS_FIXED) || s->rflags & ~0x3f7fd7ull) {
        problem(c, "rflags 0x%" PRIx64 ": bit 1 has to be 1, and reserved bits 0", s->rflags);
    }
    if (s->rflags & X86_RFLAGS_VM && (x86_cpu_in_long_mode(s) || !(s->cr0 & X86_CR0_PE))) {
        problem(c, "rflags 0x%" PRIx64 ": virtual-8086 mode in %s mode", s->rflags,
                x86_cpu_in_long_mode(s) ? "long" : "real");
    }
    if (s->events.interrupt_injected && !(s->rflags & X86_RFLAGS_IF) &&
        !s->events.interrupt_soft) {
        problem(c, "interrupt %u is being delivered with interrupts off (IF)",
                s->events.interrupt);
    }
}

static void check_rip(Check *c)
{
    const X86CpuState *s = c->s;

    if (x86_cpu_in_64bit_code(s)) {
        if (!canonical(c, s->rip)) {
            problem(c, "rip 0x%" PRIx64 " is not canonical", s->rip);
        }
    } else if (s->rip >> 32) {
        problem(c, "rip 0x%" PRIx64 ": more than 32 bits outside of 64-bit code", s->rip);
    }
}

static bool usable(const X86Segment *seg)
{
    return !(seg->attributes & X86_SEGMENT_UNUSABLE);
}

/* Virtual-8086 mode and, for KVM's sake, real mode too: what the CPU itself would have loaded. */
static void check_segments_8086(Check *c, const char *const *names)
{
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        const X86Segment *seg = &c->s->segment[i];

        if (seg->base != (uint64_t)seg->selector << 4 || seg->limit != 0xffff) {
            problem(c, "%s: base 0x%" PRIx64 " and limit 0x%x are not those that virtual-8086 mode "
                    "gives selector 0x%x", names[i], seg->base, seg->limit, seg->selector);
        }
    }
}

static void check_segment(Check *c, const char *name, const X86Segment *seg, bool code)
{
    uint32_t a = seg->attributes, type = a & X86_SEGMENT_TYPE;

    if (!usable(seg)) {
        if (code) {
            problem(c, "%s is marked unusable", name);
        }
        return;
    }
    if (!(a & X86_SEGMENT_P)) {
        problem(c, "%s: attributes 0x%x, not present", name, a);
    }
    if (!(a & X86_SEGMENT_S)) {
        problem(c, "%s: attributes 0x%x, a system segment", name, a);
    }
    if (code ? !(type & X86_SEGMENT_CODE) && type != 3 : type & X86_SEGMENT_CODE && !(type & 2)) {
        problem(c, "%s: type 0x%x is not %s", name, type, code ? "code" : "readable");
    }
    /* Granularity: low bits all set means pages, high bits set need them. */
    if ((seg->limit & 0xfff) != 0xfff && a & X86_SEGMENT_G) {
        problem(c, "%s: limit 0x%x with granularity of pages (G)", name, seg->limit);
    }
    if (seg->limit >> 20 && !(a & X86_SEGMENT_G)) {
        problem(c, "%s: limit 0x%x without granularity of pages (G)", name, seg->limit);
    }
    if (code && a & X86_SEGMENT_L && a & X86_SEGMENT_DB && x86_cpu_in_long_mode(c->s)) {
        problem(c, "%s: attributes 0x%x, 64-bit (L) and 32-bit (D) at once", name, a);
    }
}

static void check_segments(Check *c)
{
    static const char *const names[] = { "es", "cs", "ss", "ds", "fs", "gs", "ldtr", "tr" };
    const X86CpuState *s = c->s;
    bool wide = x86_cpu_in_long_mode(s);

    if (s->rflags & X86_RFLAGS_VM) {
        check_segments_8086(c, names);
        return;
    }
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        check_segment(c, names[i], &s->segment[i], i == X86_CS);
        if (i != X86_FS && i != X86_GS && usable(&s->segment[i]) && s->segment[i].base >> 32) {
            problem(c, "%s: base 0x%" PRIx64 " of more than 32 bits", names[i],
                    s->segment[i].base);
        }
    }
    if (wide && (!canonical(c, s->segment[X86_FS].base) ||
                 !canonical(c, s->segment[X86_GS].base))) {
        problem(c, "fs base 0x%" PRIx64 ", gs base 0x%" PRIx64 ": not canonical",
                s->segment[X86_FS].base, s->segment[X86_GS].base);
    }
}

static void check_system_segments(Check *c)
{
    const X86CpuState *s = c->s;
    const X86Segment *tr = &s->segment[X86_TR], *ldtr = &s->segment[X86_LDTR];
    uint32_t tr_type = tr->attributes & (X86_SEGMENT_TYPE | X86_SEGMENT_S);
    uint32_t ldtr_type = ldtr->attributes & (X86_SEGMENT_TYPE | X86_SEGMENT_S);
    bool wide = x86_cpu_in_long_mode(s);

    if (!usable(tr) || !(tr->attributes & X86_SEGMENT_P) ||
        (tr_type != 11 && (wide || tr_type != 3))) {
        problem(c, "tr: attributes 0x%x, where a busy TSS has to be", tr->attributes);
    }
    if (tr->selector & 4) {
        problem(c, "tr: selector 0x%x points into the LDT", tr->selector);
    }
    if (usable(ldtr) && ldtr->attributes & X86_SEGMENT_P && ldtr_type != 2) {
        problem(c, "ldtr: attributes 0x%x are not those of an LDT", ldtr->attributes);
    }
    if (wide && (!canonical(c, s->gdtr.base) || !canonical(c, s->idtr.base) ||
                 !canonical(c, tr->base))) {
        problem(c, "gdtr 0x%" PRIx64 ", idtr 0x%" PRIx64 ", tr 0x%" PRIx64 ": a base is not "
                "canonical", s->gdtr.base, s->idtr.base, tr->base);
    }
}

static void check_extended(Check *c)
{
    const X86CpuState *s = c->s;

    if (!(s->xcr0 & 1)) {
        problem(c, "xcr0 0x%" PRIx64 ": bit 0 (x87) has to be 1", s->xcr0);
    }
    if ((s->xcr0 & 6) == 4) {
        problem(c, "xcr0 0x%" PRIx64 ": AVX without SSE", s->xcr0);
    }
    if (s->xcr0 & 0xe0 && (s->xcr0 & 0xe6) != 0xe6) {
        problem(c, "xcr0 0x%" PRIx64 ": the three parts of AVX-512 go together, with AVX",
                s->xcr0);
    }
    if (c->cpu && s->xcr0 & ~(c->cpu->xcr0 | 1)) {
        problem(c, "xcr0 0x%" PRIx64 ": state that the CPU has not got (it has 0x%" PRIx64 ")",
                s->xcr0, c->cpu->xcr0);
    }
    if (load_le(s->xsave + 24, 4) & ~0xffffull) {
        problem(c, "mxcsr 0x%x: reserved bits are set", (unsigned)load_le(s->xsave + 24, 4));
    }
    if (c->cpu && s->apic_base & 0xfffffffffffff000ull & ~bits_mask(c->cpu->phys_bits)) {
        problem(c, "apic_base 0x%" PRIx64 ": beyond the CPU's %u physical address bits",
                s->apic_base, c->cpu->phys_bits);
    }
}

unsigned x86_cpu_state_check(const X86CpuState *state, const X86CpuDefinition *cpu,
                             GPtrArray *problems)
{
    Check check = { .s = state, .cpu = cpu, .problems = problems };

    check_control(&check);
    check_flags(&check);
    check_rip(&check);
    check_segments(&check);
    check_system_segments(&check);
    check_extended(&check);
    return check.count;
}
