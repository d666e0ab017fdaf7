/* SPDX-License-Identifier: MIT */
/* Exceptions and interrupts: Intel SDM volume 3, chapter 6. */
#include "accel/jit/x86/system.h"
#include "base/log.h"

#define CONTRIBUTORY ((1u << X86_DE) | (1u << X86_TS) | (1u << X86_NP) | (1u << X86_SSV) | (1u << X86_GP))
#define HAS_ERROR    ((1u << X86_DFV) | (1u << X86_TS) | (1u << X86_NP) | (1u << X86_SSV) | \
                      (1u << X86_GP) | (1u << X86_PFV) | (1u << X86_ACV))
#define BY_SELECTOR  ((1u << X86_TS) | (1u << X86_NP) | (1u << X86_SSV) | (1u << X86_GP))

/* ---- raising ---- */

/* What comes of a second exception while a first is being delivered: table 6-5. */
static unsigned combine(X86Jit *cpu, unsigned first, unsigned second)
{
    bool second_bad = (CONTRIBUTORY >> second & 1) || second == X86_PFV;

    if (first == X86_DFV && second_bad) {
        cpu->events.triple_fault = true;
    } else if ((first == X86_PFV && second_bad) ||
               ((CONTRIBUTORY >> first & 1) && (CONTRIBUTORY >> second & 1))) {
        return X86_DFV;
    }
    return second;
}

static G_NORETURN void raise_now(X86Jit *cpu, unsigned vector, uint32_t error)
{
    X86Events *e = &cpu->events;
    bool external = e->exception_injected || (e->interrupt_injected && !e->interrupt_soft);

    if ((BY_SELECTOR >> vector & 1) && external) {
        error |= 1;
    }
    if (e->exception_injected) {
        vector = combine(cpu, e->exception, vector);
        error = vector == X86_DFV ? 0 : error;
    }
    if (log_enabled(LOG_INT)) {
        log_write(LOG_INT, "CPU %u: exception %u error 0x%x at 0x%" PRIx64 " cr2 0x%" PRIx64,
                  cpu->core.vcpu.cpu->index, vector, error, cpu->rip, cpu->cr2);
    }
    e->interrupt_injected = false;
    e->exception_injected = true;
    e->exception = vector;
    e->exception_error = error;
    e->exception_has_error = (HAS_ERROR >> vector & 1) && (cpu->cr0 & X86_CR0_PE);
    jit_leave(&cpu->core);
}

void x86_raise(X86Jit *cpu, unsigned vector)
{
    raise_now(cpu, vector, 0);
}

void x86_raise_error(X86Jit *cpu, unsigned vector, uint32_t error)
{
    raise_now(cpu, vector, error);
}

uint64_t x86_help_raise(X86Jit *cpu, uint64_t vector)
{
    raise_now(cpu, vector, 0);
}

uint64_t x86_help_raise_gp0(X86Jit *cpu)
{
    raise_now(cpu, X86_GP, 0);
}

/* The CPU knows no such instruction. */
uint64_t x86_help_undefined(X86Jit *cpu, uint64_t pc, uint64_t low, uint64_t high)
{
    char text[3 * 15 + 1] = "";
    unsigned count = high >> 56;

    for (unsigned i = 0; i < count; i++) {
        g_snprintf(text + 3 * i, 4, " %02x",
                   (unsigned)(i < 8 ? low >> 8 * i : high >> 8 * (i - 8)) & 0xff);
    }
    log_guest_error("undefined instruction at 0x%" PRIx64 ":%s", pc, text);
    raise_now(cpu, X86_UD, 0);
}

/* ---- delivery ---- */

static void deliver_real(X86Jit *cpu, unsigned vector, uint64_t next)
{
    X86Stack stack = x86_current_stack(cpu);
    uint32_t entry;

    if (vector * 4 + 3 > cpu->idtr.limit) {
        raise_now(cpu, X86_GP, vector * 8 + 2);
    }
    entry = jit_load(&cpu->core, (uint32_t)(cpu->idtr.base + vector * 4), 4, X86_MODE_SYSTEM);
    x86_push(&stack, 2, x86_get_rflags(cpu));
    x86_push(&stack, 2, cpu->segment[X86_CS].selector);
    x86_push(&stack, 2, next);
    x86_keep_stack(&stack);
    cpu->rflags &= ~(X86_IF | X86_TF | X86_AC | X86_RF);
    x86_set_real_segment(cpu, X86_CS, entry >> 16);
    cpu->rip = entry & 0xffff;
    x86_context_changed(cpu);
}

typedef struct Gate {
    unsigned type, size, ist;     /* size: of what is pushed */
    uint16_t selector;
    uint64_t offset;
    uint64_t descriptor, at;      /* the code segment's */
    unsigned cpl;                 /* of the handler */
} Gate;

static void read_gate(X86Jit *cpu, unsigned vector, bool software, Gate *gate)
{
    bool lma = x86_long_mode(cpu);
    unsigned bytes = lma ? 16 : 8, error = vector * 8 + 2;
    uint64_t low, high = 0, at = cpu->idtr.base + vector * bytes;

    if (vector * bytes + bytes - 1 > cpu->idtr.limit) {
        raise_now(cpu, X86_GP, error);
    }
    low = jit_load(&cpu->core, at, 8, X86_MODE_SYSTEM);
    if (lma) {
        high = jit_load(&cpu->core, at + 8, 8, X86_MODE_SYSTEM);
    }
    gate->type = low >> 40 & 31;
    if (lma ? (gate->type & ~1u) != 14
            : gate->type != 5 && (gate->type & ~9u) != 6) {
        raise_now(cpu, X86_GP, error);
    }
    if (software && (low >> 45 & 3) < x86_jit_cpl(cpu)) {
        raise_now(cpu, X86_GP, error);
    }
    if (!(low >> 47 & 1)) {
        raise_now(cpu, X86_NP, error);
    }
    gate->size = lma ? 8 : gate->type & 8 ? 4 : 2;
    gate->ist = lma ? low >> 32 & 7 : 0;
    gate->selector = low >> 16;
    gate->offset = (low & 0xffff) | (low >> 32 & 0xffff0000) | high << 32;
    gate->offset = gate->size == 2 ? gate->offset & 0xffff : gate->offset;
}

static void check_handler(X86Jit *cpu, Gate *gate)
{
    unsigned cpl = x86_jit_cpl(cpu), dpl, error = gate->selector & ~3u;
    uint64_t d;

    if (!error || !x86_fetch_descriptor(cpu, gate->selector, &d, &gate->at)) {
        raise_now(cpu, X86_GP, error);
    }
    dpl = d >> 45 & 3;
    if ((d >> 43 & 3) != 3 || dpl > cpl || (x86_long_mode(cpu) && (d >> 53 & 3) != 1)) {
        raise_now(cpu, X86_GP, error);
    }
    if (!(d >> 47 & 1)) {
        raise_now(cpu, X86_NP, error);
    }
    gate->cpl = d >> 42 & 1 ? cpl : dpl;
    if ((cpu->rflags & X86_VM) && gate->cpl) {
        raise_now(cpu, X86_GP, error);
    }
    gate->descriptor = d;
}

void x86_tss_stack(X86Jit *cpu, unsigned level, uint16_t *selector, uint64_t *sp)
{
    const X86Segment *tr = &cpu->segment[X86_TR];
    bool wide = tr->attributes & 8;
    unsigned size = x86_long_mode(cpu) ? 8 : wide ? 6 : 4;
    unsigned at = x86_long_mode(cpu) ? 4 + level * 8 : wide ? 4 + level * 8 : 2 + level * 4;

    if (at + size - 1 > tr->limit || (tr->attributes & X86_SEGMENT_UNUSABLE)) {
        raise_now(cpu, X86_TS, tr->selector & ~3u);
    }
    if (x86_long_mode(cpu)) {
        *sp = jit_load(&cpu->core, tr->base + at, 8, X86_MODE_SYSTEM);
        *selector = 0;
        return;
    }
    *sp = jit_load(&cpu->core, tr->base + at, wide ? 4 : 2, X86_MODE_SYSTEM);
    *selector = jit_load(&cpu->core, tr->base + at + (wide ? 4 : 2), 2, X86_MODE_SYSTEM);
}

/* The segment registers as the code after a change of level finds them. */
void x86_set_cs(X86Jit *cpu, X86Segment cs, unsigned cpl, uint64_t rip)
{
    cs.selector = (cs.selector & ~3u) | cpl;
    cpu->segment[X86_CS] = cs;
    cpu->rip = rip;
}

static void enter_handler(X86Jit *cpu, const Gate *gate, const X86Segment *ss)
{
    uint64_t d = gate->descriptor;

    x86_mark_accessed(cpu, gate->at, &d);
    if (ss) {
        cpu->segment[X86_SS] = *ss;
    }
    if (cpu->rflags & X86_VM) {
        for (unsigned i = 0; i < 6; i++) {
            if (i != X86_CS && i != X86_SS) {
                cpu->segment[i] = (X86Segment){ .attributes = X86_SEGMENT_UNUSABLE };
            }
        }
    }
    cpu->rflags &= ~(X86_TF | X86_VM | X86_RF | X86_NT | (gate->type & 1 ? 0 : X86_IF));
    x86_set_cs(cpu, x86_segment_of(gate->selector, d), gate->cpl, gate->offset);
    x86_context_changed(cpu);
}

static void deliver_64(X86Jit *cpu, Gate *gate, bool has_error, uint32_t error, uint64_t rflags,
                       uint64_t next)
{
    bool change = gate->cpl != x86_jit_cpl(cpu);
    X86Stack stack = { .cpu = cpu, .sp = cpu->gpr[X86_RSP], .mask = UINT64_MAX,
                       .mode = gate->cpl == 3 ? X86_MODE_USER : X86_MODE_SYSTEM };
    X86Segment null = { .selector = gate->cpl,
                        .attributes = X86_SEGMENT_UNUSABLE | gate->cpl << 5 };
    uint16_t unused;

    if (gate->ist) {
        /* IST1 lies 8 bytes after where a fourth RSP would. */
        x86_tss_stack(cpu, gate->ist + 3, &unused, &stack.sp);
    } else if (change) {
        x86_tss_stack(cpu, gate->cpl, &unused, &stack.sp);
    }
    if (!x86_canonical(cpu, gate->offset)) {
        raise_now(cpu, X86_GP, 0);
    }
    stack.sp &= ~15ull;
    x86_push(&stack, 8, cpu->segment[X86_SS].selector);
    x86_push(&stack, 8, cpu->gpr[X86_RSP]);
    x86_push(&stack, 8, rflags);
    x86_push(&stack, 8, cpu->segment[X86_CS].selector);
    x86_push(&stack, 8, next);
    if (has_error) {
        x86_push(&stack, 8, error);
    }
    x86_keep_stack(&stack);
    enter_handler(cpu, gate, change ? &null : NULL);
}

static void deliver_32(X86Jit *cpu, Gate *gate, bool has_error, uint32_t error, uint64_t rflags,
                       uint64_t next)
{
    bool change = gate->cpl != x86_jit_cpl(cpu);
    static const uint8_t kept[] = { X86_GS, X86_FS, X86_DS, X86_ES };
    X86Stack stack = x86_current_stack(cpu);
    X86Segment ss;
    uint16_t selector;

    if (change) {
        x86_tss_stack(cpu, gate->cpl, &selector, &stack.sp);
        ss = x86_checked_stack(cpu, selector, gate->cpl, X86_TS);
        stack.ss = &ss;
        stack.base = ss.base;
        stack.mask = ss.attributes & X86_SEGMENT_DB ? UINT32_MAX : 0xffff;
        stack.error = selector & ~3u;
    }
    stack.mode = gate->cpl == 3 ? X86_MODE_USER : X86_MODE_SYSTEM;
    if (gate->offset > x86_segment_of(0, gate->descriptor).limit) {
        raise_now(cpu, X86_GP, 0);
    }
    if (change && (cpu->rflags & X86_VM)) {
        for (unsigned i = 0; i < G_N_ELEMENTS(kept); i++) {
            x86_push(&stack, gate->size, cpu->segment[kept[i]].selector);
        }
    }
    if (change) {
        x86_push(&stack, gate->size, cpu->segment[X86_SS].selector);
        x86_push(&stack, gate->size, cpu->gpr[X86_RSP]);
    }
    x86_push(&stack, gate->size, rflags);
    x86_push(&stack, gate->size, cpu->segment[X86_CS].selector);
    x86_push(&stack, gate->size, next);
    if (has_error) {
        x86_push(&stack, gate->size, error);
    }
    x86_keep_stack(&stack);
    enter_handler(cpu, gate, change ? &ss : NULL);
}

static void deliver(X86Jit *cpu, unsigned vector, bool software, bool has_error, uint32_t error,
                    uint64_t next)
{
    uint64_t rflags = x86_shown_rflags(cpu);
    bool fault = !software && cpu->events.exception_injected && vector != X86_DB;
    Gate gate = { 0 };

    if (!(cpu->cr0 & X86_CR0_PE)) {
        deliver_real(cpu, vector, next);
        return;
    }
    read_gate(cpu, vector, software, &gate);
    if (gate.type == 5) {
        x86_switch_task(cpu, gate.selector, X86_TASK_INTERRUPT, next, has_error ? &error : NULL);
        return;
    }
    check_handler(cpu, &gate);
    /* A faulting instruction is to run again without its breakpoint. */
    rflags |= fault ? X86_RF : 0;
    if (x86_long_mode(cpu)) {
        deliver_64(cpu, &gate, has_error, error, rflags, next);
    } else {
        deliver_32(cpu, &gate, has_error, error, rflags, next);
    }
}

void x86_deliver(X86Jit *cpu, unsigned vector, bool software, bool has_error, uint32_t error,
                 uint64_t next)
{
    deliver(cpu, vector, software, has_error, error, next);
    if (vector == X86_DB && !software) {
        x86_debug_entered(cpu);
    }
}

/* ---- INT n ---- */

/* Virtual-8086 mode with VME: does the vector go to the 8086 program itself? */
static bool redirected(X86Jit *cpu, unsigned vector)
{
    const X86Segment *tr = &cpu->segment[X86_TR];
    uint32_t map;

    if (!(cpu->cr4 & X86_CR4_VME) || tr->limit < 103) {
        return false;
    }
    map = jit_load(&cpu->core, tr->base + 102, 2, X86_MODE_SYSTEM) - 32 + vector / 8;
    return map <= tr->limit &&
           !(jit_load(&cpu->core, tr->base + map, 1, X86_MODE_SYSTEM) >> vector % 8 & 1);
}

static void deliver_redirected(X86Jit *cpu, unsigned vector, uint64_t next)
{
    X86Stack stack = x86_current_stack(cpu);
    bool virtual = x86_iopl(cpu) < 3;
    uint64_t flags = x86_get_rflags(cpu);
    uint32_t entry = jit_load(&cpu->core, vector * 4, 4, X86_MODE_USER);

    if (virtual) {
        flags = (flags & ~(uint64_t)X86_IF) | X86_IOPL | (flags & X86_VIF ? X86_IF : 0);
    }
    x86_push(&stack, 2, flags);
    x86_push(&stack, 2, cpu->segment[X86_CS].selector);
    x86_push(&stack, 2, next);
    x86_keep_stack(&stack);
    cpu->rflags &= ~(X86_TF | X86_RF | (virtual ? X86_VIF : X86_IF));
    x86_set_real_segment(cpu, X86_CS, entry >> 16);
    cpu->rip = entry & 0xffff;
    x86_context_changed(cpu);
}

void x86_soft_interrupt(X86Jit *cpu, unsigned vector, uint64_t next)
{
    cpu->events.interrupt_injected = true;
    cpu->events.interrupt_soft = true;
    if (log_enabled(LOG_INT)) {
        log_write(LOG_INT, "CPU %u: software interrupt 0x%02x before %04x:%016" PRIx64 " cpl %u",
                  cpu->core.vcpu.cpu->index, vector, cpu->segment[X86_CS].selector, next,
                  x86_jit_cpl(cpu));
    }
    x86_deliver(cpu, vector, true, false, 0, next);
    cpu->events.interrupt_injected = false;
    jit_leave(&cpu->core);
}

uint64_t x86_help_soft_interrupt(X86Jit *cpu, uint64_t vector, uint64_t next)
{
    bool is_int_n = vector != X86_BP && vector != X86_OFV;

    if ((cpu->rflags & X86_VM) && is_int_n) {
        if (redirected(cpu, vector)) {
            deliver_redirected(cpu, vector, next);
            jit_leave(&cpu->core);
        }
        if (x86_iopl(cpu) < 3) {
            raise_now(cpu, X86_GP, 0);
        }
    }
    x86_soft_interrupt(cpu, vector, next);
}
