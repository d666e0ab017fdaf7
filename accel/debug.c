/* SPDX-License-Identifier: MIT */
#include "accel/debug.h"

#include "base/error.h"
#include "base/lock.h"
#include "hw/core/machine.h"

static GArray *points;    /* of DebugPoint; NULL: none yet */

unsigned debug_point_count(void)
{
    return points ? points->len : 0;
}

DebugPoint *debug_point_at(unsigned n)
{
    return &g_array_index(points, DebugPoint, n);
}

const DebugPoint *debug_break_at(uint64_t address)
{
    for (unsigned i = 0; i < debug_point_count(); i++) {
        const DebugPoint *point = debug_point_at(i);
        if (!debug_kind_is_watch(point->kind) && point->address == address) {
            return point;
        }
    }
    return NULL;
}

const DebugPoint *debug_watch_at(uint64_t address, uint64_t length, bool write)
{
    for (unsigned i = 0; i < debug_point_count(); i++) {
        const DebugPoint *point = debug_point_at(i);
        if (debug_kind_is_watch(point->kind) &&
            point->kind != (write ? DEBUG_WATCH_READ : DEBUG_WATCH_WRITE) &&
            point->address <= address + length - 1 &&
            address <= point->address + point->length - 1) {
            return point;
        }
    }
    return NULL;
}

static int find(DebugKind kind, uint64_t address, uint64_t length)
{
    for (unsigned i = 0; i < debug_point_count(); i++) {
        const DebugPoint *point = debug_point_at(i);
        if (point->kind == kind && point->address == address &&
            (!debug_kind_is_watch(kind) || point->length == length)) {
            return i;
        }
    }
    return -1;
}

static void tell_cpus(void)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        vcpu_at(i)->debug.changed = true;
    }
}

static bool usable(GError **error)
{
    if (!vcpu_count() || !vcpu_at(0)->ops->set_debug) {
        error_set(error, ERROR_FAILED, "the accelerator has no breakpoints");
        return false;
    }
    if (machine_is_running()) {
        error_set(error, ERROR_FAILED, "breakpoints are set while the machine is stopped");
        return false;
    }
    return true;
}

static bool check(const DebugPoint *point, GError **error)
{
    const VcpuOps *ops = vcpu_at(0)->ops;

    if (debug_kind_is_watch(point->kind) &&
        (!point->length || point->length > DEBUG_MAX_LENGTH ||
         point->address + point->length - 1 < point->address)) {
        error_set(error, ERROR_INVALID, "a watchpoint covers 1 to %u bytes, not %" PRIu64,
                  DEBUG_MAX_LENGTH, point->length);
        return false;
    }
    if (debug_point_count() >= DEBUG_MAX_POINTS) {
        error_set(error, ERROR_FAILED, "there are %u breakpoints already", DEBUG_MAX_POINTS);
        return false;
    }
    return !ops->check_debug || ops->check_debug(point, error);
}

bool debug_point_add(DebugKind kind, uint64_t address, uint64_t length, Cpu *cpu, GError **error)
{
    DebugPoint point = { .kind = kind, .address = address, .length = length };

    g_assert(machine_lock_held() && kind < DEBUG_KINDS);
    if (!usable(error)) {
        return false;
    }
    if (find(kind, address, length) >= 0) {
        return true;
    }
    if (!check(&point, error)) {
        return false;
    }
    if (kind == DEBUG_BREAK_SOFTWARE && vcpu_at(0)->ops->breaks_in_memory &&
        (!cpu->ops->translate || !cpu->ops->translate(cpu, address, &point.physical))) {
        error_set(error, ERROR_INVALID, "no memory is mapped at 0x%" PRIx64, address);
        return false;
    }
    if (!points) {
        points = g_array_new(FALSE, FALSE, sizeof(DebugPoint));
    }
    g_array_append_val(points, point);
    tell_cpus();
    return true;
}

bool debug_point_remove(DebugKind kind, uint64_t address, uint64_t length, GError **error)
{
    int n = find(kind, address, length);

    if (!usable(error)) {
        return false;
    }
    if (n < 0) {
        error_set(error, ERROR_NOT_FOUND, "there is no such breakpoint at 0x%" PRIx64, address);
        return false;
    }
    g_array_remove_index(points, n);
    tell_cpus();
    return true;
}

void debug_clear(void)
{
    g_assert(!machine_is_running());
    g_clear_pointer(&points, g_array_unref);
    tell_cpus();
    for (unsigned i = 0; i < vcpu_count(); i++) {
        vcpu_at(i)->debug.step = VCPU_STEP_NONE;
        vcpu_at(i)->debug.frozen = false;
        vcpu_at(i)->debug.report = VCPU_REPORT_NONE;
    }
}

void debug_set_step(Cpu *cpu, VcpuStep step)
{
    Vcpu *vcpu = vcpu_of(cpu);

    if (vcpu) {
        vcpu->debug.changed |= vcpu->debug.step != step;
        vcpu->debug.step = step;
        vcpu->debug.report = VCPU_REPORT_NONE;
    }
}

void debug_set_frozen(Cpu *cpu, bool frozen)
{
    if (vcpu_of(cpu)) {
        vcpu_of(cpu)->debug.frozen = frozen;
    }
}

static void report(Vcpu *vcpu, VcpuReport what, DebugKind kind, uint64_t address)
{
    VcpuDebug *debug = &vcpu->debug;

    g_assert(machine_lock_held());
    debug->report = what;
    debug->kind = kind;
    debug->address = address;
    debug->changed |= debug->step != VCPU_STEP_NONE;
    debug->step = VCPU_STEP_NONE;
    vcpu->held = true;
    atomic_store(&vcpu->leave, true);
    machine_request_debug();
}

void debug_report_point(Vcpu *vcpu, DebugKind kind, uint64_t address)
{
    report(vcpu, VCPU_REPORT_POINT, kind, address);
}

void debug_report_step(Vcpu *vcpu)
{
    report(vcpu, VCPU_REPORT_STEP, DEBUG_BREAK_SOFTWARE, 0);
}
