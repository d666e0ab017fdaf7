/* SPDX-License-Identifier: MIT */
/* Segments: loads, checks, and what depends on them. Intel SDM volume 3, chapters 3 and 5. */
#include "accel/jit/x86/system.h"

#define DESC_ACCESSED (1ull << 40)
#define RPL(selector) ((selector) & 3)

static unsigned desc_type(uint64_t d)
{
    return d >> 40 & 15;
}

static bool desc_is_system(uint64_t d)
{
    return !(d >> 44 & 1);
}

static unsigned desc_dpl(uint64_t d)
{
    return d >> 45 & 3;
}

static bool desc_present(uint64_t d)
{
    return d >> 47 & 1;
}

/* ---- the context ---- */

/* Whether accesses through it, wherever it begins, can be let through unchecked. */
static bool reaches_all(const X86Segment *s)
{
    uint32_t a = s->attributes;

    return s->limit == UINT32_MAX && !(a & X86_SEGMENT_UNUSABLE) && (a & X86_SEGMENT_P) &&
           !(a & X86_SEGMENT_CODE) && (a & 2) && !(a & 4);
}

static bool expands_down(const X86Segment *s)
{
    return (s->attributes & (X86_SEGMENT_CODE | 4)) == 4;
}

/* X86Jit.end of a segment. In real mode and virtual-8086 mode rights are not asked for. */
static void set_ends(X86Jit *cpu, unsigned segment)
{
    const X86Segment *s = &cpu->segment[segment];
    bool real = !x86_protected(cpu), code = s->attributes & X86_SEGMENT_CODE,
         bit = s->attributes & 2;
    bool there = real || (!(s->attributes & X86_SEGMENT_UNUSABLE) && s->attributes & X86_SEGMENT_P);
    /* Beyond 4 GiB the offset wraps: x86_segment_allows(). */
    uint64_t end = s->limit == UINT32_MAX ? UINT64_MAX : s->limit + 1ull;

    cpu->end[segment][0] = there && (real || !code || bit) ? end : 0;
    cpu->end[segment][1] = there && (real || (!code && bit)) ? end : 0;
}

/* Outside of 64-bit code. */
static uint32_t segment_flags(X86Jit *cpu)
{
    static const struct {
        uint32_t limit, base;
    } flag[] = {
        [X86_ES] = { X86_CTX_LIMITS, X86_CTX_BASES }, [X86_SS] = { X86_CTX_LIMITS, X86_CTX_BASES },
        [X86_DS] = { X86_CTX_LIMITS, X86_CTX_BASES }, [X86_FS] = { X86_CTX_FS_LIMIT, 0 },
        [X86_GS] = { X86_CTX_GS_LIMIT, 0 },
    };
    uint32_t flags = 0;

    if (cpu->segment[X86_CS].limit <
        (cpu->segment[X86_CS].attributes & X86_SEGMENT_DB ? UINT32_MAX : 0xffff)) {
        flags |= X86_CTX_CS_LIMIT;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(flag); i++) {
        flags |= (cpu->segment[i].base ? flag[i].base : 0) |
                 (reaches_all(&cpu->segment[i]) ? 0 : flag[i].limit) |
                 (x86_protected(cpu) && expands_down(&cpu->segment[i]) ? X86_CTX_DOWN : 0);
        set_ends(cpu, i);
    }
    return flags;
}

static uint32_t control_flags(const X86Jit *cpu, unsigned cpl)
{
    bool avx = (cpu->cr4 & X86_CR4_OSXSAVE) && (cpu->xcr0 & 6) == 6;
    bool mxcsr = ~cpu->mxcsr & 0x1f80;

    return (cpu->cr0 & X86_CR0_EM ? X86_CTX_EM : 0) | (cpu->cr0 & X86_CR0_TS ? X86_CTX_TS : 0) |
           (cpu->cr0 & X86_CR0_MP ? X86_CTX_MP : 0) |
           (cpu->cr4 & X86_CR4_OSFXSR ? X86_CTX_SSE : 0) | (avx ? X86_CTX_AVX : 0) |
           (mxcsr ? X86_CTX_MXCSR : 0) | (cpu->cr4 & X86_CR4_VME ? X86_CTX_VME : 0) |
           (cpu->cr4 & X86_CR4_PVI ? X86_CTX_PVI : 0) |
           (cpu->cr4 & X86_CR4_UMIP ? X86_CTX_UMIP : 0) |
           ((cpu->cr4 & X86_CR4_SMAP) && cpl < 3 && !(cpu->rflags & X86_AC) ? X86_CTX_SMAP : 0) |
           ((cpu->cr0 & X86_CR0_AM) && cpl == 3 && (cpu->rflags & X86_AC) ? X86_CTX_AC : 0) |
           (x86_breaks_on_code(cpu) ? X86_CTX_BREAK : 0);
}

void x86_context_changed(X86Jit *cpu)
{
    bool pe = cpu->cr0 & X86_CR0_PE, vm = pe && (cpu->rflags & X86_VM);
    uint32_t cs = cpu->segment[X86_CS].attributes;
    unsigned cpl = !pe ? 0 : vm ? 3 : x86_dpl(&cpu->segment[X86_SS]);
    bool code64 = (cpu->efer & X86_EFER_LMA) && (cs & X86_SEGMENT_L);
    uint32_t flags = cpl | control_flags(cpu, cpl);

    flags |= (code64 ? X86_CTX_CODE64 : cs & X86_SEGMENT_DB ? X86_CTX_CODE32 : 0) |
             (cpu->segment[X86_SS].attributes & X86_SEGMENT_DB && !code64 ? X86_CTX_STACK32 : 0) |
             (pe ? X86_CTX_PE : 0) | (vm ? X86_CTX_VM : 0) |
             (cpu->efer & X86_EFER_LMA ? X86_CTX_LONG : 0) | x86_iopl(cpu) << 19;
    for (unsigned i = 0; i < 6; i++) {
        cpu->base[i] = code64 && i < X86_FS ? 0 : cpu->segment[i].base;
    }
    cpu->context_flags = flags | (code64 ? 0 : segment_flags(cpu));
}

unsigned x86_data_mode(const X86Jit *cpu)
{
    return cpu->context_flags & X86_CTX_AC ? X86_MODE_ALIGNED : x86_unaligned_mode(cpu);
}

unsigned x86_unaligned_mode(const X86Jit *cpu)
{
    return x86_jit_cpl(cpu) == 3 ? X86_MODE_USER :
           cpu->context_flags & X86_CTX_SMAP ? X86_MODE_SMAP : X86_MODE_KERNEL;
}

/* ---- descriptors ---- */

bool x86_fetch_descriptor(X86Jit *cpu, uint16_t selector, uint64_t *descriptor, uint64_t *address)
{
    const X86Segment *ldt = &cpu->segment[X86_LDTR];
    bool local = selector & 4;
    uint64_t base = local ? ldt->base : cpu->gdtr.base;
    uint32_t limit = local ? ldt->limit : cpu->gdtr.limit, offset = selector & ~7u;

    if ((local && (ldt->attributes & X86_SEGMENT_UNUSABLE || !(ldt->attributes & X86_SEGMENT_P))) ||
        offset + 7 > limit) {
        return false;
    }
    *address = base + offset;
    *descriptor = jit_load(&cpu->core, *address, 8, X86_MODE_SYSTEM);
    return true;
}

X86Segment x86_segment_of(uint16_t selector, uint64_t d)
{
    uint32_t limit = (d & 0xffff) | (d >> 32 & 0xf0000);

    return (X86Segment){
        .base = (d >> 16 & 0xffffff) | (d >> 32 & 0xff000000), .selector = selector,
        .limit = d >> 55 & 1 ? limit << 12 | 0xfff : limit, .attributes = d >> 40 & 0xf0ff,
    };
}

void x86_mark_accessed(X86Jit *cpu, uint64_t address, uint64_t *d)
{
    if (!(*d & DESC_ACCESSED)) {
        *d |= DESC_ACCESSED;
        jit_store(&cpu->core, address + 5, 1, X86_MODE_SYSTEM, *d >> 40 & 0xff);
    }
}

void x86_set_real_segment(X86Jit *cpu, unsigned segment, uint16_t selector)
{
    X86Segment *s = &cpu->segment[segment];

    s->selector = selector;
    s->base = (uint32_t)selector << 4;
    if (cpu->rflags & X86_VM) {
        s->limit = 0xffff;
        s->attributes = X86_SEGMENT_P | X86_SEGMENT_DPL | X86_SEGMENT_S | 3;
    } else {
        /* The limit stays as it is: unreal mode. */
        s->attributes &= ~(X86_SEGMENT_UNUSABLE | X86_SEGMENT_DPL);
        s->attributes |= X86_SEGMENT_P | X86_SEGMENT_S;
        if (segment == X86_CS) {
            s->attributes = (s->attributes & ~X86_SEGMENT_TYPE) | 3;
        }
    }
}

void x86_set_null_segment(X86Jit *cpu, unsigned segment, uint16_t selector)
{
    uint32_t dpl = segment == X86_SS ? x86_jit_cpl(cpu) << 5 : 0;

    cpu->segment[segment] = (X86Segment){ .selector = selector,
                                          .attributes = X86_SEGMENT_UNUSABLE | dpl };
}

void x86_raise_gp(X86Jit *cpu, uint32_t error)
{
    x86_raise_error(cpu, X86_GP, error);
}

static bool is_stack(uint64_t d)
{
    return !desc_is_system(d) && (desc_type(d) & 0xa) == 2;
}

X86Segment x86_checked_stack(X86Jit *cpu, uint16_t selector, unsigned cpl, unsigned vector)
{
    uint64_t d, address;
    uint16_t error = selector & ~3u;

    if (!error || RPL(selector) != cpl || !x86_fetch_descriptor(cpu, selector, &d, &address) ||
        !is_stack(d) || desc_dpl(d) != cpl) {
        x86_raise_error(cpu, vector, error);
    }
    if (!desc_present(d)) {
        x86_raise_error(cpu, X86_SSV, error);
    }
    x86_mark_accessed(cpu, address, &d);
    return x86_segment_of(selector, d);
}

void x86_load_data_segment(X86Jit *cpu, unsigned segment, uint16_t selector, unsigned vector)
{
    unsigned cpl = x86_jit_cpl(cpu), type;
    uint64_t d, address;
    uint16_t error = selector & ~3u;
    bool conforming;

    if (!error) {
        x86_set_null_segment(cpu, segment, selector);
        return;
    }
    if (!x86_fetch_descriptor(cpu, selector, &d, &address) || desc_is_system(d)) {
        x86_raise_error(cpu, vector, error);
    }
    type = desc_type(d);
    conforming = (type & 0xc) == 0xc;
    if ((type & 0xa) == 8 ||
        (!conforming && (desc_dpl(d) < cpl || desc_dpl(d) < RPL(selector)))) {
        x86_raise_error(cpu, vector, error);
    }
    if (!desc_present(d)) {
        x86_raise_error(cpu, X86_NP, error);
    }
    x86_mark_accessed(cpu, address, &d);
    cpu->segment[segment] = x86_segment_of(selector, d);
}

void x86_load_segment(X86Jit *cpu, unsigned segment, uint16_t selector)
{
    unsigned cpl = x86_jit_cpl(cpu);

    if (!x86_protected(cpu)) {
        x86_set_real_segment(cpu, segment, selector);
    } else if (segment != X86_SS) {
        x86_load_data_segment(cpu, segment, selector, X86_GP);
    } else if (!(selector & ~3u) && x86_code64(cpu) && cpl < 3 && RPL(selector) == cpl) {
        x86_set_null_segment(cpu, X86_SS, selector);
    } else {
        cpu->segment[X86_SS] = x86_checked_stack(cpu, selector, cpl, X86_GP);
    }
    x86_context_changed(cpu);
}

uint64_t x86_help_load_segment(X86Jit *cpu, uint64_t segment, uint64_t selector)
{
    x86_load_segment(cpu, segment, selector);
    return 0;
}

/* ---- limits ---- */

bool x86_segment_allows(const X86Segment *s, uint64_t offset, unsigned size, bool write)
{
    uint32_t a = s->attributes, top = a & X86_SEGMENT_DB ? UINT32_MAX : 0xffff;
    uint64_t last = (uint32_t)offset + (uint64_t)size - 1;

    if ((a & X86_SEGMENT_UNUSABLE) || !(a & X86_SEGMENT_P)) {
        return false;
    }
    if (a & X86_SEGMENT_CODE ? write || !(a & 2) : write && !(a & 2)) {
        return false;
    }
    if (expands_down(s)) {
        return (uint32_t)offset > s->limit && last <= top;
    }
    /* Beyond 4 GiB the offset wraps; whether that faults is the CPU's choice (SDM volume 3,
     * 5.3). */
    return last <= s->limit || s->limit == UINT32_MAX;
}

uint64_t x86_help_check_limit(X86Jit *cpu, uint64_t segment, uint64_t offset, uint64_t size,
                              uint64_t write)
{
    X86Segment s = cpu->segment[segment];

    if (x86_code64(cpu)) {
        return 0;
    }
    if (!x86_protected(cpu)) {
        s.attributes = X86_SEGMENT_P | 2 | (s.attributes & X86_SEGMENT_DB);
    }
    if (!x86_segment_allows(&s, offset, size, write)) {
        x86_help_limit_fault(cpu, segment);
    }
    return 0;
}

uint64_t x86_help_limit_fault(X86Jit *cpu, uint64_t segment)
{
    x86_raise_error(cpu, segment == X86_SS ? X86_SSV : X86_GP, 0);
}

uint64_t x86_help_check_fetch(X86Jit *cpu, uint64_t last)
{
    if (last > cpu->segment[X86_CS].limit) {
        x86_raise_gp(cpu, 0);
    }
    return 0;
}

/*
 * SDM volume 2, CALL, JMP, RET: a target that is not canonical is the jump's fault, not that of
 * a fetch.
 */
uint64_t x86_help_check_target(X86Jit *cpu, uint64_t target)
{
    if (!x86_canonical(cpu, target)) {
        x86_raise_gp(cpu, 0);
    }
    return 0;
}

void x86_jumped(JitCpu *jit, uint64_t from)
{
    X86Jit *cpu = (X86Jit *)jit;

    if (!x86_canonical(cpu, cpu->rip)) {
        cpu->gpr[X86_RSP] -= (from & 127) - 64;
        cpu->rip = (int64_t)from >> 7;
        x86_raise_gp(cpu, 0);
    }
}

/* ---- stacks ---- */

X86Stack x86_current_stack(X86Jit *cpu)
{
    const X86Segment *ss = &cpu->segment[X86_SS];
    bool flat = x86_code64(cpu);

    return (X86Stack){
        .cpu = cpu, .ss = flat ? NULL : ss, .base = flat ? 0 : ss->base, .sp = cpu->gpr[X86_RSP],
        .mask = flat ? UINT64_MAX : ss->attributes & X86_SEGMENT_DB ? UINT32_MAX : 0xffff,
        .mode = x86_data_mode(cpu),
    };
}

static uint64_t stack_address(const X86Stack *stack, unsigned size, bool write)
{
    uint64_t offset = stack->sp & stack->mask, address;
    X86Segment s;

    if (!stack->ss) {
        if (!x86_canonical(stack->cpu, offset)) {
            x86_raise_error(stack->cpu, X86_SSV, stack->error);
        }
        return offset;
    }
    s = *stack->ss;
    if (!x86_protected(stack->cpu) && !stack->error) {
        s.attributes = X86_SEGMENT_P | 2 | (s.attributes & X86_SEGMENT_DB);
    }
    if (!x86_segment_allows(&s, offset, size, write)) {
        x86_raise_error(stack->cpu, X86_SSV, stack->error);
    }
    address = stack->base + offset;
    return (uint32_t)address;
}

void x86_push(X86Stack *stack, unsigned size, uint64_t value)
{
    stack->sp = (stack->sp & ~stack->mask) | ((stack->sp - size) & stack->mask);
    jit_store(&stack->cpu->core, stack_address(stack, size, true), size, stack->mode, value);
}

uint64_t x86_pop(X86Stack *stack, unsigned size)
{
    uint64_t value = jit_load(&stack->cpu->core, stack_address(stack, size, false), size,
                              stack->mode);

    stack->sp = (stack->sp & ~stack->mask) | ((stack->sp + size) & stack->mask);
    return value;
}

void x86_keep_stack(X86Stack *stack)
{
    stack->cpu->gpr[X86_RSP] = stack->sp;
}

/* ---- questions about selectors ---- */

/* SDM volume 2, LAR: which system types answer, outside of and in long mode. */
#define LAR_TYPES      0x1a3eu
#define LAR_TYPES_LONG 0x1a04u
#define LSL_TYPES      0x0a0eu
#define LSL_TYPES_LONG 0x0a04u

static bool ask(X86Jit *cpu, uint16_t selector, uint32_t types, uint64_t *d)
{
    unsigned need = MAX(x86_jit_cpl(cpu), RPL(selector));
    uint64_t address;

    if (!(selector & ~3u) || !x86_fetch_descriptor(cpu, selector, d, &address)) {
        return false;
    }
    if (desc_is_system(*d)) {
        return (types >> desc_type(*d) & 1) && desc_dpl(*d) >= need;
    }
    return (desc_type(*d) & 0xc) == 0xc || desc_dpl(*d) >= need;
}

uint64_t x86_help_lar(X86Jit *cpu, uint64_t selector, uint64_t size)
{
    uint64_t d;

    if (!ask(cpu, selector, x86_long_mode(cpu) ? LAR_TYPES_LONG : LAR_TYPES, &d)) {
        return 0;
    }
    return (d >> 32 & 0xf0ff00) | 1ull << 63;
}

uint64_t x86_help_lsl(X86Jit *cpu, uint64_t selector, uint64_t size)
{
    uint64_t d;

    if (!ask(cpu, selector, x86_long_mode(cpu) ? LSL_TYPES_LONG : LSL_TYPES, &d)) {
        return 0;
    }
    return x86_segment_of(selector, d).limit | 1ull << 63;
}

uint64_t x86_help_verr(X86Jit *cpu, uint64_t selector)
{
    uint64_t d;

    return ask(cpu, selector, 0, &d) && (desc_type(d) & 0xa) != 8;
}

uint64_t x86_help_verw(X86Jit *cpu, uint64_t selector)
{
    uint64_t d;

    return ask(cpu, selector, 0, &d) && (desc_type(d) & 0xa) == 2;
}

/* ---- LDTR and TR ---- */

static void load_system(X86Jit *cpu, unsigned segment, uint16_t selector, uint32_t types)
{
    uint16_t error = selector & ~3u;
    uint64_t d, address, high = 0;
    X86Segment s;

    if ((selector & 4) || !x86_fetch_descriptor(cpu, selector, &d, &address) ||
        !desc_is_system(d) || !(types >> desc_type(d) & 1)) {
        x86_raise_gp(cpu, error);
    }
    if (x86_long_mode(cpu)) {
        if (error + 15u > cpu->gdtr.limit) {
            x86_raise_gp(cpu, error);
        }
        high = jit_load(&cpu->core, address + 8, 8, X86_MODE_SYSTEM);
    }
    if (high >> 40 & 0x1f) {
        x86_raise_gp(cpu, error);
    }
    if (!desc_present(d)) {
        x86_raise_error(cpu, X86_NP, error);
    }
    s = x86_segment_of(selector, d);
    s.base |= high << 32;
    if (x86_long_mode(cpu) && !x86_canonical(cpu, s.base)) {
        x86_raise_gp(cpu, error);
    }
    if (segment == X86_TR) {
        s.attributes |= 2;
        jit_store(&cpu->core, address + 5, 1, X86_MODE_SYSTEM, (d >> 40 & 0xff) | 2);
    }
    cpu->segment[segment] = s;
}

static void need_kernel(X86Jit *cpu)
{
    if (!x86_protected(cpu)) {
        x86_raise(cpu, X86_UD);
    }
    if (x86_jit_cpl(cpu)) {
        x86_raise_gp(cpu, 0);
    }
}

uint64_t x86_help_lldt(X86Jit *cpu, uint64_t selector)
{
    need_kernel(cpu);
    if (selector & 0xfffc) {
        load_system(cpu, X86_LDTR, selector, 1u << 2);
    } else {
        cpu->segment[X86_LDTR] = (X86Segment){ .selector = selector,
                                               .attributes = X86_SEGMENT_UNUSABLE };
    }
    return 0;
}

uint64_t x86_help_ltr(X86Jit *cpu, uint64_t selector)
{
    need_kernel(cpu);
    if (!(selector & 0xfffc)) {
        x86_raise_gp(cpu, 0);
    }
    load_system(cpu, X86_TR, selector, x86_long_mode(cpu) ? 1u << 9 : 1u << 1 | 1u << 9);
    return 0;
}
