/* SPDX-License-Identifier: MIT */
/*
 * Far jumps, calls and returns, IRET: Intel SDM volume 2 and volume 3, 5.8. Task switches are in
 * task.c.
 */
#include "accel/jit/x86/system.h"
#include "base/log.h"

typedef struct Target {
    X86Segment cs;
    uint64_t descriptor, at;
    unsigned cpl;
} Target;

void x86_log_transfer(const X86Jit *cpu, const char *what, uint16_t selector, uint64_t offset)
{
    if (G_UNLIKELY(log_enabled(LOG_PCALL)) && x86_protected(cpu) &&
        log_address_wanted(cpu->base[X86_CS] + cpu->rip)) {
        log_write(LOG_PCALL, "CPU %u: %s at %04x:%08" PRIx64 " to %04x:%08" PRIx64 " cpl %u",
                  cpu->core.vcpu.cpu->index, what, cpu->segment[X86_CS].selector, cpu->rip,
                  selector, offset, x86_jit_cpl(cpu));
    }
}

/* A code segment for a jump or call; `gate`: through one, so that DPL may be lower. */
static Target code_target(X86Jit *cpu, uint16_t selector, uint64_t d, uint64_t at)
{
    unsigned cpl = x86_jit_cpl(cpu), dpl = d >> 45 & 3, error = selector & ~3u;
    bool conforming = d >> 42 & 1;

    if (conforming ? dpl > cpl : (selector & 3) > cpl || dpl != cpl) {
        x86_raise_gp(cpu, error);
    }
    if (x86_long_mode(cpu) && (d >> 53 & 3) == 3) {
        x86_raise_gp(cpu, error);
    }
    if (!(d >> 47 & 1)) {
        x86_raise_error(cpu, X86_NP, error);
    }
    return (Target){ x86_segment_of(selector, d), d, at, cpl };
}

static void check_offset(X86Jit *cpu, const Target *target, uint64_t offset)
{
    bool wide = x86_long_mode(cpu) && (target->cs.attributes & X86_SEGMENT_L);

    if (wide ? !x86_canonical(cpu, offset) : offset > target->cs.limit) {
        x86_raise_gp(cpu, 0);
    }
}

/* In real and virtual-8086 mode; CS keeps its limit. */
static void check_real_offset(X86Jit *cpu, uint64_t offset)
{
    if (offset > cpu->segment[X86_CS].limit) {
        x86_raise_gp(cpu, 0);
    }
}

static void go(X86Jit *cpu, Target *target, uint64_t offset)
{
    x86_mark_accessed(cpu, target->at, &target->descriptor);
    target->cs.attributes |= 1;
    x86_set_cs(cpu, target->cs, target->cpl, offset);
    x86_context_changed(cpu);
}

static uint64_t fetch_or_gp(X86Jit *cpu, uint16_t selector, uint64_t *at)
{
    uint64_t d;

    if (!(selector & ~3u) || !x86_fetch_descriptor(cpu, selector, &d, at)) {
        x86_raise_gp(cpu, selector & ~3u);
    }
    return d;
}

typedef struct CallGate {
    uint16_t selector;
    uint64_t offset;
    unsigned size, count;
} CallGate;

/* Of a gate of 16 bytes: the upper half of the offset, whose own type has to be 0. */
static uint64_t upper_half(X86Jit *cpu, uint16_t selector, uint64_t at)
{
    const X86Segment *ldt = &cpu->segment[X86_LDTR];
    uint32_t limit = selector & 4 ? ldt->limit : cpu->gdtr.limit;
    uint64_t half;

    if ((selector & ~7u) + 15 > limit) {
        x86_raise_gp(cpu, selector & ~3u);
    }
    half = jit_load(&cpu->core, at + 8, 8, X86_MODE_SYSTEM);
    if (half >> 40 & 31) {
        x86_raise_gp(cpu, selector & ~3u);
    }
    return (uint32_t)half;
}

/*
 * A far jump or call to a TSS or a task gate. False: the descriptor is neither, or the CPU is
 * in long mode, where there are no tasks.
 */
static bool go_to_task(X86Jit *cpu, uint16_t selector, uint64_t d, X86TaskSwitch how, uint64_t next)
{
    unsigned type = d >> 40 & 31, dpl = d >> 45 & 3, error = selector & ~3u;

    if (x86_long_mode(cpu) || (type != 5 && (type & ~10u) != 1)) {
        return false;
    }
    if (dpl < x86_jit_cpl(cpu) || dpl < (selector & 3)) {
        x86_raise_gp(cpu, error);
    }
    if (type == 5 && !(d >> 47 & 1)) {
        x86_raise_error(cpu, X86_NP, error);
    }
    x86_switch_task(cpu, type == 5 ? d >> 16 & 0xffff : selector, how, next, NULL);
    return true;
}

/* The gate a selector names; its code segment comes into *d and *at. */
static CallGate read_call_gate(X86Jit *cpu, uint16_t selector, uint64_t *d, uint64_t *at)
{
    unsigned type = *d >> 40 & 15, dpl = *d >> 45 & 3, error = selector & ~3u;
    bool lma = x86_long_mode(cpu);
    CallGate gate = { .selector = *d >> 16, .size = lma ? 8 : type & 8 ? 4 : 2 };

    if ((lma ? type != 12 : (type & ~8u) != 4) || dpl < x86_jit_cpl(cpu) ||
        dpl < (selector & 3)) {
        x86_raise_gp(cpu, error);
    }
    if (!(*d >> 47 & 1)) {
        x86_raise_error(cpu, X86_NP, error);
    }
    gate.offset = (*d & 0xffff) | (*d >> 32 & 0xffff0000);
    gate.offset = gate.size == 2 ? gate.offset & 0xffff : gate.offset;
    gate.count = lma ? 0 : *d >> 32 & 31;
    if (lma) {
        gate.offset |= upper_half(cpu, selector, *at) << 32;
    }
    *d = fetch_or_gp(cpu, gate.selector, at);
    if ((*d >> 43 & 3) != 3 || (*d >> 45 & 3) > x86_jit_cpl(cpu) ||
        (lma && (*d >> 53 & 3) != 1)) {
        x86_raise_gp(cpu, gate.selector & ~3u);
    }
    if (!(*d >> 47 & 1)) {
        x86_raise_error(cpu, X86_NP, gate.selector & ~3u);
    }
    return gate;
}

static uint64_t truncate_to(uint64_t value, unsigned size)
{
    return size == 8 ? value : value & ((1ull << size * 8) - 1);
}

uint64_t x86_help_far_jump(X86Jit *cpu, uint64_t selector, uint64_t offset, uint64_t size,
                           uint64_t next)
{
    uint64_t at, d;
    Target target;

    offset = truncate_to(offset, size);
    x86_log_transfer(cpu, "far jump", selector, offset);
    if (!x86_protected(cpu)) {
        check_real_offset(cpu, offset);
        x86_set_real_segment(cpu, X86_CS, selector);
        cpu->rip = offset;
        x86_context_changed(cpu);
        return 0;
    }
    d = fetch_or_gp(cpu, selector, &at);
    if ((d >> 43 & 3) == 3) {
        target = code_target(cpu, selector, d, at);
    } else if (d >> 44 & 1) {
        x86_raise_gp(cpu, selector & 0xfffc);
    } else if (go_to_task(cpu, selector, d, X86_TASK_JUMP, next)) {
        return 0;
    } else {
        CallGate gate = read_call_gate(cpu, selector, &d, &at);
        if (!(d >> 42 & 1) && (d >> 45 & 3) != x86_jit_cpl(cpu)) {
            x86_raise_gp(cpu, gate.selector & ~3u);
        }
        target = (Target){ x86_segment_of(gate.selector, d), d, at, x86_jit_cpl(cpu) };
        offset = gate.offset;
    }
    check_offset(cpu, &target, offset);
    go(cpu, &target, offset);
    return 0;
}

static void call_inward(X86Jit *cpu, const CallGate *gate, Target *target, uint64_t next)
{
    X86Stack old = x86_current_stack(cpu), stack = old;
    bool lma = x86_long_mode(cpu);
    uint64_t words[32];
    uint16_t selector;
    X86Segment ss = { .selector = target->cpl,
                      .attributes = X86_SEGMENT_UNUSABLE | target->cpl << 5 };

    x86_tss_stack(cpu, target->cpl, &selector, &stack.sp);
    stack.mode = X86_MODE_SYSTEM;
    stack.ss = NULL;
    stack.base = 0;
    stack.mask = UINT64_MAX;
    if (!lma) {
        ss = x86_checked_stack(cpu, selector, target->cpl, X86_TS);
        stack.ss = &ss;
        stack.base = ss.base;
        stack.mask = ss.attributes & X86_SEGMENT_DB ? UINT32_MAX : 0xffff;
        stack.error = selector & ~3u;
    }
    for (unsigned i = 0; i < gate->count; i++) {
        words[i] = x86_pop(&old, gate->size);
    }
    x86_push(&stack, gate->size, cpu->segment[X86_SS].selector);
    x86_push(&stack, gate->size, cpu->gpr[X86_RSP]);
    for (unsigned i = gate->count; i-- > 0;) {
        x86_push(&stack, gate->size, words[i]);
    }
    x86_push(&stack, gate->size, cpu->segment[X86_CS].selector);
    x86_push(&stack, gate->size, next);
    x86_mark_accessed(cpu, target->at, &target->descriptor);
    cpu->segment[X86_SS] = ss;
    x86_keep_stack(&stack);
}

uint64_t x86_help_far_call(X86Jit *cpu, uint64_t selector, uint64_t offset, uint64_t size,
                           uint64_t next)
{
    X86Stack stack = x86_current_stack(cpu);
    uint64_t at, d;
    Target target = { 0 };

    offset = truncate_to(offset, size);
    x86_log_transfer(cpu, "far call", selector, offset);
    if (x86_protected(cpu)) {
        d = fetch_or_gp(cpu, selector, &at);
        if ((d >> 43 & 3) == 3) {
            target = code_target(cpu, selector, d, at);
        } else if (d >> 44 & 1) {
            x86_raise_gp(cpu, selector & 0xfffc);
        } else if (go_to_task(cpu, selector, d, X86_TASK_CALL, next)) {
            return 0;
        } else {
            CallGate gate = read_call_gate(cpu, selector, &d, &at);
            unsigned dpl = d >> 45 & 3;
            bool inward = !(d >> 42 & 1) && dpl < x86_jit_cpl(cpu);
            target = (Target){ x86_segment_of(gate.selector, d), d, at,
                               inward ? dpl : x86_jit_cpl(cpu) };
            offset = gate.offset;
            size = gate.size;
            check_offset(cpu, &target, offset);
            if (inward) {
                call_inward(cpu, &gate, &target, next);
                go(cpu, &target, offset);
                return 0;
            }
        }
        check_offset(cpu, &target, offset);
    } else {
        check_real_offset(cpu, offset);
    }
    x86_push(&stack, size, cpu->segment[X86_CS].selector);
    x86_push(&stack, size, next);
    if (x86_protected(cpu)) {
        x86_mark_accessed(cpu, target.at, &target.descriptor);
        x86_keep_stack(&stack);
        go(cpu, &target, offset);
    } else {
        x86_keep_stack(&stack);
        x86_set_real_segment(cpu, X86_CS, selector);
        cpu->rip = offset;
        x86_context_changed(cpu);
    }
    return 0;
}

/* ---- returns ---- */

static Target return_target(X86Jit *cpu, uint16_t selector)
{
    uint64_t at, d = fetch_or_gp(cpu, selector, &at);
    unsigned rpl = selector & 3, dpl = d >> 45 & 3, error = selector & ~3u;

    if ((d >> 43 & 3) != 3 || rpl < x86_jit_cpl(cpu) ||
        (d >> 42 & 1 ? dpl > rpl : dpl != rpl) ||
        (x86_long_mode(cpu) && (d >> 53 & 3) == 3)) {
        x86_raise_gp(cpu, error);
    }
    if (!(d >> 47 & 1)) {
        x86_raise_error(cpu, X86_NP, error);
    }
    return (Target){ x86_segment_of(selector, d), d, at, rpl };
}

static X86Segment return_stack(X86Jit *cpu, uint16_t selector, const Target *target)
{
    bool wide = x86_long_mode(cpu) && (target->cs.attributes & X86_SEGMENT_L);

    if (!(selector & ~3u) && wide && target->cpl < 3 && (selector & 3) == target->cpl) {
        return (X86Segment){ .selector = selector,
                             .attributes = X86_SEGMENT_UNUSABLE | target->cpl << 5 };
    }
    return x86_checked_stack(cpu, selector, target->cpl, X86_GP);
}

/* What the outer level may not use is taken away. */
static void drop_inner_segments(X86Jit *cpu, unsigned cpl)
{
    static const uint8_t data[] = { X86_ES, X86_DS, X86_FS, X86_GS };

    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++) {
        X86Segment *s = &cpu->segment[data[i]];
        /* A null one has nothing to protect, and its base stays. */
        if (s->selector & ~3 && (s->attributes & 0xc) != 0xc && x86_dpl(s) < cpl) {
            *s = (X86Segment){ .attributes = X86_SEGMENT_UNUSABLE };
        }
    }
}

static void go_outward(X86Jit *cpu, Target *target, uint64_t offset, const X86Segment *ss,
                       uint64_t sp, bool outer)
{
    uint64_t mask = x86_long_mode(cpu) && (target->cs.attributes & X86_SEGMENT_L) ? UINT64_MAX :
                    ss->attributes & X86_SEGMENT_DB ? UINT32_MAX : 0xffff;

    x86_mark_accessed(cpu, target->at, &target->descriptor);
    cpu->segment[X86_SS] = *ss;
    cpu->gpr[X86_RSP] = mask == 0xffff ? (cpu->gpr[X86_RSP] & ~mask) | (sp & mask) : sp & mask;
    if (outer) {
        drop_inner_segments(cpu, target->cpl);
    }
    go(cpu, target, offset);
}

uint64_t x86_help_far_return(X86Jit *cpu, uint64_t size, uint64_t release)
{
    X86Stack stack = x86_current_stack(cpu);
    uint64_t offset = x86_pop(&stack, size), sp;
    uint16_t selector = x86_pop(&stack, size);
    Target target;
    X86Segment ss;

    x86_log_transfer(cpu, "far return", selector, offset);
    stack.sp = (stack.sp & ~stack.mask) | ((stack.sp + release) & stack.mask);
    if (!x86_protected(cpu)) {
        check_real_offset(cpu, offset);
        x86_keep_stack(&stack);
        x86_set_real_segment(cpu, X86_CS, selector);
        cpu->rip = offset;
        x86_context_changed(cpu);
        return 0;
    }
    target = return_target(cpu, selector);
    check_offset(cpu, &target, offset);
    if (target.cpl == x86_jit_cpl(cpu)) {
        x86_mark_accessed(cpu, target.at, &target.descriptor);
        x86_keep_stack(&stack);
        go(cpu, &target, offset);
        return 0;
    }
    sp = x86_pop(&stack, size);
    ss = return_stack(cpu, x86_pop(&stack, size), &target);
    go_outward(cpu, &target, offset, &ss, sp + release, true);
    return 0;
}

/* VIF and VIP change in protected mode alone. */
static void set_flags(X86Jit *cpu, uint64_t value, unsigned size, unsigned cpl, unsigned iopl)
{
    uint64_t mask = 0xfd5 | X86_NT | X86_RF | X86_AC | X86_ID, old = x86_get_rflags(cpu);

    mask &= cpl <= iopl ? UINT64_MAX : ~(uint64_t)X86_IF;
    mask |= cpl == 0 ? X86_IOPL | (x86_protected(cpu) ? X86_VIF | X86_VIP : 0) : 0;
    mask &= size == 2 ? 0xffff : UINT32_MAX;
    x86_set_rflags(cpu, (old & ~mask) | (value & mask) | X86_RFLAGS_FIXED);
}

static void return_to_v8086(X86Jit *cpu, X86Stack *stack, uint64_t offset, uint16_t cs,
                            uint64_t flags)
{
    static const uint8_t order[] = { X86_ES, X86_DS, X86_FS, X86_GS };
    uint64_t sp = x86_pop(stack, 4), ss = x86_pop(stack, 4), value[4];

    for (unsigned i = 0; i < 4; i++) {
        value[i] = x86_pop(stack, 4);
    }
    if (offset > 0xffff) {
        x86_raise_gp(cpu, 0);
    }
    x86_set_rflags(cpu, (flags & 0x3f7fd5) | X86_RFLAGS_FIXED);
    x86_set_real_segment(cpu, X86_CS, cs);
    x86_set_real_segment(cpu, X86_SS, ss);
    for (unsigned i = 0; i < 4; i++) {
        x86_set_real_segment(cpu, order[i], value[i]);
    }
    cpu->gpr[X86_RSP] = sp;
    cpu->rip = offset;
    x86_context_changed(cpu);
}

static void return_real(X86Jit *cpu, unsigned size)
{
    X86Stack stack = x86_current_stack(cpu);
    uint64_t offset, flags;
    uint16_t selector;

    bool virtual = (cpu->rflags & X86_VM) && x86_iopl(cpu) < 3;

    if (virtual && (size != 2 || !(cpu->cr4 & X86_CR4_VME))) {
        x86_raise_gp(cpu, 0);
    }
    offset = x86_pop(&stack, size);
    selector = x86_pop(&stack, size);
    flags = x86_pop(&stack, size);
    /* With VME, IF of the image is VIF: SDM volume 3, 20.3.3.4. */
    if (virtual && ((flags & X86_TF) || ((flags & X86_IF) && (cpu->rflags & X86_VIP)))) {
        x86_raise_gp(cpu, 0);
    }
    check_real_offset(cpu, offset);
    x86_keep_stack(&stack);
    set_flags(cpu, flags, size, cpu->rflags & X86_VM ? 3 : 0, virtual ? 0 : 3);
    if (virtual) {
        cpu->rflags = (cpu->rflags & ~X86_VIF) | (flags & X86_IF ? X86_VIF : 0);
    }
    x86_set_real_segment(cpu, X86_CS, selector);
    cpu->rip = offset;
    x86_context_changed(cpu);
}

static void return_protected(X86Jit *cpu, unsigned size, uint64_t next)
{
    X86Stack stack = x86_current_stack(cpu);
    unsigned cpl = x86_jit_cpl(cpu), iopl = x86_iopl(cpu);
    uint64_t offset, flags, sp = 0;
    uint16_t selector;
    Target target;
    X86Segment ss = cpu->segment[X86_SS];
    bool outer;

    if (cpu->rflags & X86_NT) {
        if (x86_long_mode(cpu)) {
            x86_raise_gp(cpu, 0);
        }
        x86_return_from_task(cpu, next);
        return;
    }
    offset = x86_pop(&stack, size);
    selector = x86_pop(&stack, size);
    flags = x86_pop(&stack, size);
    x86_log_transfer(cpu, "interrupt return", selector, offset);
    if ((flags & X86_VM) && size == 4 && cpl == 0 && !x86_long_mode(cpu)) {
        return_to_v8086(cpu, &stack, offset, selector, flags);
        return;
    }
    target = return_target(cpu, selector);
    check_offset(cpu, &target, offset);
    outer = target.cpl > cpl;
    if (outer || x86_code64(cpu)) {
        sp = x86_pop(&stack, size);
        ss = return_stack(cpu, x86_pop(&stack, size), &target);
        x86_mark_accessed(cpu, target.at, &target.descriptor);
        set_flags(cpu, flags, size, cpl, iopl);
        go_outward(cpu, &target, offset, &ss, sp, outer);
        return;
    }
    x86_mark_accessed(cpu, target.at, &target.descriptor);
    x86_keep_stack(&stack);
    set_flags(cpu, flags, size, cpl, iopl);
    go(cpu, &target, offset);
}

uint64_t x86_help_interrupt_return(X86Jit *cpu, uint64_t size, uint64_t next)
{
    if (x86_protected(cpu)) {
        return_protected(cpu, size, next);
    } else {
        return_real(cpu, size);
    }
    cpu->events.nmi_masked = false;
    x86_unmasked(cpu);
    return 0;
}
