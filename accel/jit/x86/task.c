/* SPDX-License-Identifier: MIT */
/*
 * Task switches: Intel SDM volume 3, chapter 7. Outside of long mode only.
 *
 * Up to the new task's state everything is checked before anything changes, and faults are the old
 * task's. From then on they are the new task's: its registers and selectors are in place, and
 * segments that were not looked at yet cannot be used.
 */
#include <string.h>

#include "accel/jit/x86/system.h"
#include "base/bits.h"

#define TYPE_BUSY   2u
#define TYPE_32     8u
#define DR6_BT      (1u << 15)
#define DR7_LOCAL   0x155u  /* L0 to L3 and LE */

/* Where a TSS has what: figures 7-2 and 7-10. */
typedef struct TssLayout {
    uint8_t size;               /* of a register */
    uint8_t cr3;                /* 0: none */
    uint8_t ip, flags, gpr, segment, ldt;
    uint8_t segments;           /* ES, CS, SS, DS and so on, as they are numbered */
    uint8_t trap;               /* 0: none */
    uint8_t bytes;              /* of all that is read; the least limit is one below */
} TssLayout;

static const TssLayout layouts[] = {
    { 2, 0, 0x0e, 0x10, 0x12, 0x22, 0x2a, 4, 0, 0x2c },
    { 4, 0x1c, 0x20, 0x24, 0x28, 0x48, 0x60, 6, 0x64, 0x68 },
};

typedef struct Task {
    const TssLayout *layout;
    X86Segment tr;
    uint64_t at;                /* of the descriptor */
} Task;

static const TssLayout *layout_of(const X86Segment *tr)
{
    return &layouts[tr->attributes & TYPE_32 ? 1 : 0];
}

/* Step 1 to 4 of SDM 7.3: the TSS a selector names. `vector`: when it is none that will do. */
static Task find_task(X86Jit *cpu, uint16_t selector, bool busy, unsigned vector)
{
    uint16_t error = selector & ~3u;
    unsigned type;
    uint64_t d;
    Task task;

    if ((selector & 4) || !error || !x86_fetch_descriptor(cpu, selector, &d, &task.at)) {
        x86_raise_error(cpu, vector, error);
    }
    type = d >> 40 & 31;
    if ((type & ~(TYPE_BUSY | TYPE_32)) != 1 || !(type & TYPE_BUSY) == busy) {
        x86_raise_error(cpu, vector, error);
    }
    if (!(d >> 47 & 1)) {
        x86_raise_error(cpu, X86_NP, error);
    }
    task.tr = x86_segment_of(selector, d);
    task.layout = layout_of(&task.tr);
    if (task.tr.limit < task.layout->bytes - 1u) {
        x86_raise_error(cpu, X86_TS, error);
    }
    return task;
}

static void set_busy(X86Jit *cpu, uint64_t descriptor, bool busy)
{
    uint64_t type = jit_load(&cpu->core, descriptor + 5, 1, X86_MODE_SYSTEM);

    jit_store(&cpu->core, descriptor + 5, 1, X86_MODE_SYSTEM,
              busy ? type | TYPE_BUSY : type & ~(uint64_t)TYPE_BUSY);
}

/* Into the old task's TSS, from its instruction pointer to its last segment register. */
static void save_task(X86Jit *cpu, uint64_t flags, uint64_t next)
{
    const X86Segment *tr = &cpu->segment[X86_TR];
    const TssLayout *l = layout_of(tr);
    unsigned stride = l->size, end = l->segment + l->segments * stride;
    uint8_t image[0x68];

    jit_load_bytes(&cpu->core, tr->base, image, end, X86_MODE_SYSTEM);
    store_le(image + l->ip, next, l->size);
    store_le(image + l->flags, flags, l->size);
    for (unsigned i = 0; i < 8; i++) {
        store_le(image + l->gpr + i * stride, cpu->gpr[i], l->size);
    }
    for (unsigned i = 0; i < l->segments; i++) {
        store_le(image + l->segment + i * stride, cpu->segment[i].selector, 2);
    }
    jit_store_bytes(&cpu->core, tr->base + l->ip, image + l->ip, end - l->ip, X86_MODE_SYSTEM);
}

/* Everything that the switch writes can be written, and what it reads read. */
static void probe(X86Jit *cpu, const Task *task, bool nested, bool leaves)
{
    const X86Segment *tr = &cpu->segment[X86_TR];
    const TssLayout *old = layout_of(tr);
    uint64_t descriptor = cpu->gdtr.base + (tr->selector & ~7u);

    if ((tr->attributes & X86_SEGMENT_UNUSABLE) || tr->limit < old->bytes - 1u) {
        x86_raise_error(cpu, X86_TS, tr->selector & ~3u);
    }
    jit_probe(&cpu->core, tr->base, old->bytes, JIT_WRITE, X86_MODE_SYSTEM);
    jit_probe(&cpu->core, task->tr.base, task->layout->bytes, JIT_READ, X86_MODE_SYSTEM);
    jit_probe(&cpu->core, task->at + 5, 1, JIT_WRITE, X86_MODE_SYSTEM);
    if (nested) {
        jit_probe(&cpu->core, task->tr.base, 2, JIT_WRITE, X86_MODE_SYSTEM);
    }
    if (leaves) {
        jit_probe(&cpu->core, descriptor + 5, 1, JIT_WRITE, X86_MODE_SYSTEM);
    }
}

static void load_page_tables(X86Jit *cpu, uint64_t cr3)
{
    bool pae = cpu->cr4 & X86_CR4_PAE;

    if (!(cpu->cr0 & X86_CR0_PG)) {
        return;
    }
    cpu->cr3 = cr3;
    x86_address_space_changed(cpu, false);
    if (pae && !x86_load_pdptrs(cpu, cr3)) {
        x86_raise_gp(cpu, 0);
    }
}

/* Registers and selectors; the segments themselves come after it. */
static void load_registers(X86Jit *cpu, const Task *task, const uint8_t *image, bool nested)
{
    const TssLayout *l = task->layout;
    uint64_t flags = load_le(image + l->flags, l->size) | (nested ? X86_NT : 0);
    unsigned cpl;

    for (unsigned i = 0; i < 8; i++) {
        cpu->gpr[i] = load_le(image + l->gpr + i * l->size, l->size) |
                      (l->size == 2 ? 0xffff0000u : 0);
    }
    x86_set_rflags(cpu, (flags & 0x3f7fd5) | X86_RFLAGS_FIXED);
    cpl = flags & X86_VM ? 3 : image[l->segment + X86_CS * l->size] & 3;
    for (unsigned i = 0; i < 6; i++) {
        cpu->segment[i] = (X86Segment){
            .selector = i < l->segments ? load_le(image + l->segment + i * l->size, 2) : 0,
            .attributes = X86_SEGMENT_UNUSABLE | (i == X86_SS ? cpl << 5 : 0),
        };
    }
    cpu->segment[X86_LDTR] = (X86Segment){ .selector = load_le(image + l->ldt, 2),
                                           .attributes = X86_SEGMENT_UNUSABLE };
    cpu->rip = load_le(image + l->ip, l->size);
    cpu->dr7 &= ~(uint64_t)DR7_LOCAL;
    x86_breakpoints_changed(cpu);
    x86_context_changed(cpu);
}

/* ---- the new task's segments: table 7-1 ---- */

static void load_ldt(X86Jit *cpu)
{
    uint16_t selector = cpu->segment[X86_LDTR].selector, error = selector & ~3u;
    uint64_t d, at;

    if (!error) {
        return;
    }
    if ((selector & 4) || !x86_fetch_descriptor(cpu, selector, &d, &at) || (d >> 40 & 31) != 2 ||
        !(d >> 47 & 1)) {
        x86_raise_error(cpu, X86_TS, error);
    }
    cpu->segment[X86_LDTR] = x86_segment_of(selector, d);
}

static void load_code(X86Jit *cpu)
{
    uint16_t selector = cpu->segment[X86_CS].selector, error = selector & ~3u;
    unsigned rpl = selector & 3, dpl;
    uint64_t d, at;

    if (!error || !x86_fetch_descriptor(cpu, selector, &d, &at) || (d >> 43 & 3) != 3) {
        x86_raise_error(cpu, X86_TS, error);
    }
    dpl = d >> 45 & 3;
    if (d >> 42 & 1 ? dpl > rpl : dpl != rpl) {
        x86_raise_error(cpu, X86_TS, error);
    }
    if (!(d >> 47 & 1)) {
        x86_raise_error(cpu, X86_NP, error);
    }
    x86_mark_accessed(cpu, at, &d);
    cpu->segment[X86_CS] = x86_segment_of(selector, d);
}

static void load_segments(X86Jit *cpu, unsigned count)
{
    static const uint8_t data[] = { X86_DS, X86_ES, X86_FS, X86_GS };
    unsigned cpl = cpu->segment[X86_CS].selector & 3;

    load_ldt(cpu);
    if (cpu->rflags & X86_VM) {
        for (unsigned i = 0; i < 6; i++) {
            x86_set_real_segment(cpu, i, cpu->segment[i].selector);
        }
        x86_context_changed(cpu);
        return;
    }
    load_code(cpu);
    cpu->segment[X86_SS] = x86_checked_stack(cpu, cpu->segment[X86_SS].selector, cpl, X86_TS);
    x86_context_changed(cpu);
    for (unsigned i = 0; i < G_N_ELEMENTS(data); i++) {
        if (data[i] < count) {
            x86_load_data_segment(cpu, data[i], cpu->segment[data[i]].selector, X86_TS);
        }
    }
    x86_context_changed(cpu);
}

static void push_error(X86Jit *cpu, const Task *task, uint32_t error)
{
    X86Stack stack = x86_current_stack(cpu);

    x86_push(&stack, task->layout->size, error);
    x86_keep_stack(&stack);
}

void x86_switch_task(X86Jit *cpu, uint16_t selector, X86TaskSwitch how, uint64_t next,
                     const uint32_t *error)
{
    bool nested = how == X86_TASK_CALL || how == X86_TASK_INTERRUPT;
    bool leaves = how == X86_TASK_JUMP || how == X86_TASK_RETURN;
    Task task = find_task(cpu, selector, how == X86_TASK_RETURN,
                          how == X86_TASK_RETURN ? X86_TS : X86_GP);
    uint16_t old = cpu->segment[X86_TR].selector;
    uint64_t flags = x86_get_rflags(cpu);
    uint8_t image[0x68];

    x86_log_transfer(cpu, "task switch", selector, 0);
    flags &= how == X86_TASK_RETURN ? ~(uint64_t)X86_NT : UINT64_MAX;
    flags |= how == X86_TASK_INTERRUPT && cpu->events.exception_injected &&
             cpu->events.exception != X86_DB ? X86_RF : 0;
    probe(cpu, &task, nested, leaves);
    if (leaves) {
        set_busy(cpu, cpu->gdtr.base + (old & ~7u), false);
    }
    save_task(cpu, flags, next);
    jit_load_bytes(&cpu->core, task.tr.base, image, task.layout->bytes, X86_MODE_SYSTEM);
    if (nested) {
        jit_store(&cpu->core, task.tr.base, 2, X86_MODE_SYSTEM, old);
    }
    set_busy(cpu, task.at, true);
    task.tr.attributes |= TYPE_BUSY;
    cpu->segment[X86_TR] = task.tr;
    cpu->cr0 |= X86_CR0_TS;
    load_registers(cpu, &task, image, nested);
    if (task.layout->cr3) {
        load_page_tables(cpu, load_le(image + task.layout->cr3, 4));
    }
    load_segments(cpu, task.layout->segments);
    if (error) {
        push_error(cpu, &task, *error);
    }
    if (cpu->rip > cpu->segment[X86_CS].limit) {
        x86_raise_gp(cpu, 0);
    }
    if (task.layout->trap && (image[task.layout->trap] & 1)) {
        cpu->dr6 |= DR6_BT;
        x86_raise(cpu, X86_DB);
    }
}

void x86_return_from_task(X86Jit *cpu, uint64_t next)
{
    uint16_t back = jit_load(&cpu->core, cpu->segment[X86_TR].base, 2, X86_MODE_SYSTEM);

    x86_switch_task(cpu, back, X86_TASK_RETURN, next, NULL);
}
