/* SPDX-License-Identifier: MIT */
/*
 * Debugging from outside: KVM_SET_GUEST_DEBUG, and what KVM_EXIT_DEBUG tells; Linux
 * Documentation/virt/kvm/api.rst, Intel SDM volume 3, 17.2.
 *
 * Software breakpoints are INT3 instructions that stand in guest memory while the machine runs,
 * and only then. Hardware breakpoints and watchpoints take the four debug registers away from
 * the guest.
 */
#include <errno.h>

#include "accel/kvm/uapi.h"
#include "accel/kvm/x86.h"
#include "base/error.h"
#include "base/lock.h"
#include "base/log.h"
#include "hw/core/machine.h"

#define INT3 0xcc
#define DR6_BS (1u << 14)
#define DR7_FIXED 0x700u    /* LE and GE, which old processors want, and the bit that is 1 */
#define HARDWARE_POINTS 4

enum { VECTOR_DB = 1, VECTOR_BP = 3 };
enum { DR7_EXECUTE = 0, DR7_WRITE = 1, DR7_ACCESS = 3 };

/* ---- the points ---- */

static bool is_hardware(const DebugPoint *point)
{
    return point->kind != DEBUG_BREAK_SOFTWARE;
}

bool kvm_x86_check_debug(const DebugPoint *point, GError **error)
{
    unsigned used = 0;

    if (!kvm_get()->cap[CAP_GUEST_DEBUG]) {
        error_set(error, ERROR_FAILED, "this KVM has no debugging (KVM_CAP_SET_GUEST_DEBUG)");
        return false;
    }
    if (!is_hardware(point)) {
        return true;
    }
    for (unsigned i = 0; i < debug_point_count(); i++) {
        used += is_hardware(debug_point_at(i));
    }
    if (used >= HARDWARE_POINTS) {
        error_set(error, ERROR_FAILED, "the processor has %u debug registers, and all are in use",
                  HARDWARE_POINTS);
        return false;
    }
    if (point->kind == DEBUG_WATCH_READ) {
        error_set(error, ERROR_FAILED, "the processor cannot watch reads alone: watch accesses");
        return false;
    }
    if (debug_kind_is_watch(point->kind) &&
        ((point->length & (point->length - 1)) || point->length > 8 ||
         point->address & (point->length - 1))) {
        error_set(error, ERROR_FAILED, "the processor watches 1, 2, 4 or 8 bytes at a multiple of "
                  "that, not 0x%" PRIx64 "+%" PRIu64, point->address, point->length);
        return false;
    }
    return true;
}

/* The debug register's fields in DR7. */
static uint64_t dr7_bits(const DebugPoint *point, unsigned n)
{
    static const uint8_t lengths[] = { [1] = 0, [2] = 1, [4] = 3, [8] = 2 };
    unsigned how = point->kind == DEBUG_BREAK_HARDWARE ? DR7_EXECUTE
                   : point->kind == DEBUG_WATCH_WRITE ? DR7_WRITE : DR7_ACCESS;
    unsigned length = debug_kind_is_watch(point->kind) ? lengths[point->length] : 0;

    return 2ull << 2 * n | (uint64_t)(how | length << 2) << (16 + 4 * n);
}

/* The point in debug register n. */
static const DebugPoint *in_register(unsigned n)
{
    for (unsigned i = 0; i < debug_point_count(); i++) {
        if (is_hardware(debug_point_at(i)) && n-- == 0) {
            return debug_point_at(i);
        }
    }
    return NULL;
}

static bool set_guest_debug(KvmX86Vcpu *vcpu, uint32_t once, GError **error)
{
    const VcpuDebug *wanted = &vcpu->kvm.vcpu.debug;
    struct kvm_guest_debug debug = { 0 };
    const DebugPoint *point;

    if (debug_point_count()) {
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP;
    }
    for (unsigned n = 0; n < HARDWARE_POINTS && (point = in_register(n)); n++) {
        /* The instruction that is stepped over may be the one that it is on. */
        if (wanted->step && point->kind == DEBUG_BREAK_HARDWARE) {
            continue;
        }
        debug.control |= KVM_GUESTDBG_USE_HW_BP;
        debug.arch.debugreg[n] = point->address;
        debug.arch.debugreg[7] |= DR7_FIXED | dr7_bits(point, n);
    }
    if (wanted->step) {
        debug.control |= KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP;
    }
    if (wanted->step == VCPU_STEP_NO_IRQ &&
        vcpu->kvm.kvm->cap[CAP_GUEST_DEBUG_FLAGS] & KVM_GUESTDBG_BLOCKIRQ) {
        debug.control |= KVM_GUESTDBG_BLOCKIRQ;
    }
    debug.control |= once;
    return kvm_vcpu_call(&vcpu->kvm, KVM_SET_GUEST_DEBUG, &debug, error);
}

bool kvm_x86_set_debug(Vcpu *vcpu, GError **error)
{
    return set_guest_debug(kvm_x86_vcpu(vcpu), 0, error);
}

/* ---- INT3 in memory ---- */

/* Is a CPU about to step over the instruction that it is on? */
static bool is_stepped_over(const DebugPoint *point)
{
    for (unsigned i = 0; i < vcpu_count(); i++) {
        Cpu *cpu = vcpu_at(i)->cpu;
        g_autoptr(GError) error = NULL;
        if (vcpu_at(i)->debug.step && vcpu_load_state(cpu, &error) &&
            cpu->ops->program_counter(cpu) == point->address) {
            return true;
        }
    }
    return false;
}

static void put_in_place(DebugPoint *point)
{
    static const uint8_t int3 = INT3;
    AddressSpace *memory = machine_memory();

    if (is_stepped_over(point)) {
        return;
    }
    point->in_place = address_space_read_debug(memory, point->physical, &point->original, 1) &&
                      address_space_write_rom(memory, point->physical, &int3, 1);
}

/* Unless the guest wrote something else there. */
static void take_out(DebugPoint *point)
{
    AddressSpace *memory = machine_memory();
    uint8_t now;

    if (point->in_place && address_space_read_debug(memory, point->physical, &now, 1) &&
        now == INT3) {
        (void)address_space_write_rom(memory, point->physical, &point->original, 1);
    }
    point->in_place = false;
}

void kvm_x86_debug_run_state(bool running)
{
    for (unsigned i = 0; i < debug_point_count(); i++) {
        DebugPoint *point = debug_point_at(i);
        if (point->kind == DEBUG_BREAK_SOFTWARE) {
            if (running) {
                put_in_place(point);
            } else {
                take_out(point);
            }
        }
    }
}

/* ---- exits ---- */

/* One that the guest made itself: it gets its exception. */
static void give_back(KvmX86Vcpu *vcpu, uint32_t exception)
{
    g_autoptr(GError) error = NULL;

    if (!set_guest_debug(vcpu, KVM_GUESTDBG_ENABLE | (exception == VECTOR_BP
                                                      ? KVM_GUESTDBG_INJECT_BP
                                                      : KVM_GUESTDBG_INJECT_DB), &error)) {
        vcpu_break(&vcpu->kvm.vcpu, "an exception %u of the guest is lost: %s", exception,
                   error->message);
    }
}

static const DebugPoint *point_met(const struct kvm_debug_exit_arch *arch)
{
    const DebugPoint *point;

    if (arch->exception == VECTOR_BP) {
        point = debug_break_at(arch->pc);
        return point && !is_hardware(point) ? point : NULL;
    }
    for (unsigned n = 0; n < HARDWARE_POINTS; n++) {
        if (arch->dr6 >> n & 1 && (point = in_register(n))) {
            return point;
        }
    }
    return NULL;
}

bool kvm_x86_exit_debug(KvmVcpu *kvm, struct kvm_run *run)
{
    KvmX86Vcpu *vcpu = kvm_x86_vcpu(&kvm->vcpu);
    const struct kvm_debug_exit_arch *arch = &run->debug.arch;
    const DebugPoint *point;
    bool stops = true;

    machine_lock();
    point = point_met(arch);
    if (point) {
        debug_report_point(&kvm->vcpu, point->kind, point->address);
    } else if (arch->exception == VECTOR_DB && kvm->vcpu.debug.step) {
        debug_report_step(&kvm->vcpu);
    } else {
        give_back(vcpu, arch->exception);
        stops = kvm->vcpu.broken;
    }
    machine_unlock();
    return !stops;
}
