/* SPDX-License-Identifier: MIT */
/*
 * Debugging from outside: what accel/debug.h asks of the software CPU.
 *
 * A breakpoint ends a block before its instruction, and is a block of its own that stops the CPU.
 * Data are watched by the TLB, see jit_watch(). A step is one uncached block of one instruction.
 */
#include <string.h>

#include "accel/jit/host.h"
#include "base/error.h"

/* Slots before these are the architecture's. */
#define FIRST_WATCH JIT_ARCH_WATCHES
#define MAX_WATCHES (JIT_WATCHES - FIRST_WATCH)

enum { STEP_NONE, STEP_BEGUN, STEP_DONE };

/* ---- breakpoints ---- */

static uint64_t breakpoint_met(JitCpu *cpu, uint64_t pc)
{
    const DebugPoint *point;

    jit_machine_lock(cpu);
    point = debug_break_at(pc);
    debug_report_point(&cpu->vcpu, point ? point->kind : DEBUG_BREAK_SOFTWARE, pc);
    jit_machine_unlock(cpu);
    jit_leave(cpu);
}

static const IrHelper breakpoint_helper = IR_HELPER(breakpoint_met, 1, 0);

bool jit_debug_break(const JitTranslation *t, uint64_t pc)
{
    /* A step goes over one; so does an instruction that has begun, and is done again alone. */
    if (G_LIKELY(!jit.breakpoints) || t->cpu->core->pass) {
        return false;
    }
    for (unsigned i = 0; i < jit.breakpoints->len; i++) {
        if (g_array_index(jit.breakpoints, uint64_t, i) == pc) {
            return true;
        }
    }
    return false;
}

void jit_debug_lower(JitTranslation *t, uint64_t pc)
{
    ir_call(t->ir, &breakpoint_helper, ir_const(t->ir, pc), 0, 0, 0);
    ir_leave(t->ir);
}

/* Blocks that have the instruction, or the breakpoint on it, go. */
static void forget_code_at(uint64_t pc)
{
    for (guint i = 0; i < jit.all->len; i++) {
        JitBlock *block = jit.all->pdata[i];
        if (!block->gone && block->start <= pc && pc < block->end) {
            jit_cache_take_out(block);
        }
    }
}

static bool same_as_before(const GArray *now)
{
    guint count = jit.breakpoints ? jit.breakpoints->len : 0;

    return now->len == count &&
           (!count || !memcmp(now->data, jit.breakpoints->data, count * sizeof(uint64_t)));
}

/* The list that translating looks into; while no CPU runs, so it needs no lock of its own. */
static void take_breakpoints(void)
{
    GArray *now = g_array_new(FALSE, FALSE, sizeof(uint64_t));

    for (unsigned i = 0; i < debug_point_count(); i++) {
        if (!debug_kind_is_watch(debug_point_at(i)->kind)) {
            g_array_append_val(now, debug_point_at(i)->address);
        }
    }
    if (!same_as_before(now)) {
        g_mutex_lock(&jit.lock);
        for (guint i = 0; jit.breakpoints && i < jit.breakpoints->len; i++) {
            forget_code_at(g_array_index(jit.breakpoints, uint64_t, i));
        }
        for (guint i = 0; i < now->len; i++) {
            forget_code_at(g_array_index(now, uint64_t, i));
        }
        if (jit.breakpoints) {
            g_array_unref(jit.breakpoints);
        }
        jit.breakpoints = now->len ? g_array_ref(now) : NULL;
        g_mutex_unlock(&jit.lock);
    }
    g_array_unref(now);
}

/* ---- watchpoints ---- */

static void take_watchpoints(JitCpu *cpu)
{
    static const uint8_t accesses[DEBUG_KINDS] = {
        [DEBUG_WATCH_WRITE] = 1 << JIT_WRITE, [DEBUG_WATCH_READ] = 1 << JIT_READ,
        [DEBUG_WATCH_ACCESS] = 1 << JIT_WRITE | 1 << JIT_READ,
    };
    unsigned n = FIRST_WATCH;

    for (unsigned i = 0; i < debug_point_count(); i++) {
        const DebugPoint *point = debug_point_at(i);
        if (debug_kind_is_watch(point->kind)) {
            cpu->core->watch_kind[n] = point->kind;
            jit_watch(cpu, n++, point->address, point->length, accesses[point->kind]);
        }
    }
    while (n < JIT_WATCHES) {
        jit_watch(cpu, n++, 0, 0, 0);
    }
}

bool jit_check_debug(const DebugPoint *point, GError **error)
{
    unsigned count = 0;

    for (unsigned i = 0; i < debug_point_count(); i++) {
        count += debug_kind_is_watch(debug_point_at(i)->kind);
    }
    if (debug_kind_is_watch(point->kind) && count >= MAX_WATCHES) {
        error_set(error, ERROR_FAILED, "there are %u watchpoints already, which is all that "
                  "the software CPU has", MAX_WATCHES);
        return false;
    }
    return true;
}

void jit_debug_watch_hit(JitCpu *cpu, unsigned number)
{
    if (!cpu->core->watch_met) {
        cpu->core->watch_met = number;
    }
    jit_attention(cpu);
}

bool jit_set_debug(Vcpu *vcpu, GError **error)
{
    JitCpu *cpu = (JitCpu *)vcpu;

    take_breakpoints();
    take_watchpoints(cpu);
    jit_jumps_flush(cpu);
    cpu->core->step = STEP_NONE;
    cpu->core->watch_met = 0;
    cpu->debugged = vcpu->debug.step || debug_point_count();
    return true;
}

/* ---- between blocks ---- */

static uint64_t pc_of(JitCpu *cpu)
{
    JitContext context;

    cpu->arch->context(cpu, &context);
    return context.pc;
}

void jit_debug_left(JitCpu *cpu)
{
    cpu->core->left_pc = pc_of(cpu);
}

void jit_debug_before_block(JitCpu *cpu)
{
    JitCore *core = cpu->core;

    if (cpu->vcpu.debug.step) {
        core->single = core->pass = true;
    } else {
        core->pass = core->single && pc_of(cpu) == core->left_pc;
    }
}

void jit_debug_after_block(JitCpu *cpu)
{
    cpu->core->pass = false;
    if (cpu->vcpu.debug.step) {
        cpu->core->step = STEP_DONE;
    }
}

bool jit_debug_stops(JitCpu *cpu)
{
    JitCore *core = cpu->core;
    bool stops = core->watch_met || core->step == STEP_DONE ||
                 (core->step == STEP_BEGUN && pc_of(cpu) != core->step_pc);

    if (stops) {
        jit_machine_lock(cpu);
        if (core->watch_met) {
            debug_report_point(&cpu->vcpu, core->watch_kind[core->watch_met],
                               cpu->watch[core->watch_met].address);
        } else {
            debug_report_step(&cpu->vcpu);
        }
        jit_machine_unlock(cpu);
        core->watch_met = 0;
        core->step = STEP_NONE;
    } else if (cpu->vcpu.debug.step && core->step == STEP_NONE) {
        core->step = STEP_BEGUN;
        core->step_pc = pc_of(cpu);
    }
    return stops;
}
