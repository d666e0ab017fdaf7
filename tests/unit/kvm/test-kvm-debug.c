/* SPDX-License-Identifier: MIT */
/* Breakpoints, watchpoints and single steps from outside, on a scripted kernel: KVM_SET_GUEST_DEBUG
 * and KVM_EXIT_DEBUG. */
#include <errno.h>
#include <string.h>

#include "accel/debug.h"
#include "accel/kvm/x86.h"
#include "tests/unit/kvm/bench.h"
#include "tests/unit/kvm/script.h"

#define DR6_BS (1u << 14)

enum { VECTOR_DB = 1, VECTOR_BP = 3 };

static void start_cpus(unsigned cpus)
{
    GError *error = NULL;
    bool ok = bench_start("kvm", "qemu64,check=off", cpus, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static void start(unsigned cpus)
{
    script_reset();
    start_cpus(cpus);
}

static void stop(void)
{
    debug_clear();
    bench_stop();
    g_assert_cmpuint(script.open_files, ==, 0);
    g_assert_cmpuint(script.open_maps, ==, 0);
}

static struct kvm_debug_exit_arch next_debug;

static int exit_debug(struct kvm_run *run)
{
    memset(&run->hw, 0, 256);
    run->exit_reason = KVM_EXIT_DEBUG;
    run->debug.arch = next_debug;
    return 0;
}

/* Runs up to an exit, which takes the machine to `state`. */
static void stop_by(unsigned exception, uint64_t pc, uint64_t dr6, RunState state)
{
    next_debug = (struct kvm_debug_exit_arch){ .exception = exception, .pc = pc, .dr6 = dr6 };
    script_push(0, exit_debug);
    machine_start();
    script_settle(0);
    bench_wait_state(state);
}

static bool add_point(DebugKind kind, uint64_t address, uint64_t length)
{
    g_autoptr(GError) error = NULL;

    return debug_point_add(kind, address, length, cpu_get(0), &error);
}

static void test_points(void)
{
    const VcpuDebug *debug;
    const struct kvm_guest_debug *kernel = &script.cpus[0].debug;
    uint8_t *byte;

    start(1);
    byte = bench.ram->host + 0x1234;
    debug = &vcpu_of(cpu_get(0))->debug;
    *byte = 0x90;
    g_assert_true(add_point(DEBUG_BREAK_SOFTWARE, 0x1234, 1));
    g_assert_true(add_point(DEBUG_BREAK_HARDWARE, 0x2000, 1));
    g_assert_true(add_point(DEBUG_WATCH_WRITE, 0x3008, 8));
    g_assert_true(add_point(DEBUG_WATCH_ACCESS, 0x3004, 4));
    g_assert_false(add_point(DEBUG_WATCH_READ, 0x3000, 4));
    g_assert_false(add_point(DEBUG_WATCH_WRITE, 0x3001, 2));
    g_assert_false(add_point(DEBUG_WATCH_WRITE, 0x3000, 3));
    g_assert_cmphex(*byte, ==, 0x90);

    stop_by(3, 0x1234, 0, RUN_STATE_DEBUG);
    g_assert_cmpuint(debug->report, ==, VCPU_REPORT_POINT);
    g_assert_cmpuint(debug->kind, ==, DEBUG_BREAK_SOFTWARE);
    g_assert_cmphex(*byte, ==, 0x90);
    g_assert_cmphex(kernel->control, ==, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP |
                                         KVM_GUESTDBG_USE_HW_BP);
    g_assert_cmphex(kernel->arch.debugreg[1], ==, 0x3008);
    g_assert_cmphex(kernel->arch.debugreg[7], ==, 0x700 | 0x2a | 0x9ull << 20 | 0xfull << 24);
    stop_by(1, 0x1111, 1 << 1, RUN_STATE_DEBUG);
    g_assert_cmpuint(debug->kind, ==, DEBUG_WATCH_WRITE);
    g_assert_cmphex(debug->address, ==, 0x3008);
    /* INT3 of the guest's own, while the breakpoint stands in memory. */
    stop_by(3, 0x1111, 0, RUN_STATE_RUNNING);
    g_assert_cmphex(*byte, ==, 0xcc);
    g_assert_true(kernel->control & KVM_GUESTDBG_INJECT_BP);
    machine_stop(RUN_STATE_PAUSED);
    g_assert_cmphex(*byte, ==, 0x90);
    stop();
}

static void test_step(void)
{
    const struct kvm_guest_debug *kernel = &script.cpus[0].debug;

    start(1);
    debug_set_step(cpu_get(0), VCPU_STEP_NO_IRQ);
    stop_by(1, 0x1111, 1 << 14, RUN_STATE_DEBUG);
    g_assert_cmpuint(vcpu_of(cpu_get(0))->debug.report, ==, VCPU_REPORT_STEP);
    g_assert_true(kernel->control & KVM_GUESTDBG_SINGLESTEP);
    /* It is over; a trap that comes now is the guest's. */
    stop_by(1, 0x1111, 1 << 14, RUN_STATE_RUNNING);
    g_assert_false(kernel->control & KVM_GUESTDBG_SINGLESTEP);
    g_assert_true(kernel->control & KVM_GUESTDBG_INJECT_DB);
    machine_stop(RUN_STATE_PAUSED);
    /* Frozen, it executes nothing. */
    debug_set_frozen(cpu_get(0), true);
    script_push(0, exit_debug);
    machine_start();
    bench_wait(10);
    g_assert_cmpuint(script.cpus[0].exit_next, ==, 2);
    machine_stop(RUN_STATE_PAUSED);
    stop();
}

static void set_pc(unsigned cpu, uint64_t address)
{
    X86CpuState *state = ((X86Cpu *)cpu_get(cpu))->registers;
    GError *error = NULL;

    g_assert_true(vcpu_load_state(cpu_get(cpu), &error));
    state->segment[X86_CS].base = 0;
    state->rip = address;
}

/* The instruction that a CPU steps from is the guest's, whoever else has a breakpoint there. */
static void test_step_over(void)
{
    const struct kvm_guest_debug *kernel = &script.cpus[0].debug;
    uint8_t *byte;

    start(2);
    byte = bench.ram->host + 0x1234;
    *byte = 0x90;
    g_assert_true(add_point(DEBUG_BREAK_SOFTWARE, 0x1234, 1));
    g_assert_true(add_point(DEBUG_BREAK_HARDWARE, 0x1235, 1));
    g_assert_true(add_point(DEBUG_WATCH_WRITE, 0x2000, 1));
    set_pc(0, 0x1234);
    debug_set_step(cpu_get(0), VCPU_STEP);
    debug_set_frozen(cpu_get(1), true);
    next_debug =
        (struct kvm_debug_exit_arch){ .exception = VECTOR_DB, .pc = 0x1235, .dr6 = DR6_BS };
    machine_start();
    g_assert_cmphex(*byte, ==, 0x90);
    script_push(0, exit_debug);
    bench_wait_state(RUN_STATE_DEBUG);
    /* The step is in effect; of hardware's points only the watchpoint is. */
    g_assert_cmphex(kernel->control, ==, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP |
                                         KVM_GUESTDBG_USE_HW_BP | KVM_GUESTDBG_SINGLESTEP);
    g_assert_cmphex(kernel->arch.debugreg[7] & 0xff, ==, 8);
    g_assert_cmpuint(vcpu_of(cpu_get(0))->debug.report, ==, VCPU_REPORT_STEP);
    /* Both go on: now it stands in memory, and every CPU knows. */
    set_pc(0, 0x1235);
    debug_set_frozen(cpu_get(1), false);
    machine_start();
    g_assert_cmphex(*byte, ==, 0xcc);
    for (unsigned i = 0; i < 2; i++) {
        script_settle(i);
        g_assert_cmphex(script.cpus[i].debug.control, ==,
                        KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP);
    }
    /* What the guest wrote in its place stays. */
    *byte = 0x55;
    machine_stop(RUN_STATE_PAUSED);
    g_assert_cmphex(*byte, ==, 0x55);
    stop();
}

/* Four registers, the newest of them for the newest point, and each one's bit in DR6. */
static void test_four(void)
{
    const VcpuDebug *debug;

    start(1);
    debug = &vcpu_of(cpu_get(0))->debug;
    for (unsigned i = 0; i < 4; i++) {
        g_assert_true(add_point(DEBUG_WATCH_ACCESS, 0x3000 + 8 * i, 1u << i));
    }
    g_assert_false(add_point(DEBUG_BREAK_HARDWARE, 0x4000, 1));
    g_assert_false(add_point(DEBUG_WATCH_WRITE, 0x4000, 1));
    g_assert_true(add_point(DEBUG_BREAK_SOFTWARE, 0x4000, 1));
    g_assert_true(add_point(DEBUG_WATCH_ACCESS, 0x3000, 1));    /* that is one of the four */
    for (unsigned i = 0; i < 4; i++) {
        stop_by(VECTOR_DB, 0x1111, 1u << i, RUN_STATE_DEBUG);
        g_assert_cmpuint(debug->kind, ==, DEBUG_WATCH_ACCESS);
        g_assert_cmphex(debug->address, ==, 0x3000 + 8 * i);
        for (unsigned n = 0; n < 4; n++) {
            g_assert_cmphex(script.cpus[0].debug.arch.debugreg[n], ==, 0x3000 + 8 * n);
        }
    }
    /* Lengths 1, 2, 4 and 8 are 0, 1, 3 and 2. */
    g_assert_cmphex(script.cpus[0].debug.arch.debugreg[7], ==, 0xbf730000 | 0x7aa);
    g_assert_true(debug_point_remove(DEBUG_WATCH_ACCESS, 0x3008, 2, NULL));
    g_assert_false(debug_point_remove(DEBUG_WATCH_ACCESS, 0x3008, 2, NULL));
    g_assert_true(add_point(DEBUG_BREAK_HARDWARE, 0x4000, 1));
    stop_by(VECTOR_DB, 0x4000, 1u << 3, RUN_STATE_DEBUG);
    g_assert_cmpuint(debug->kind, ==, DEBUG_BREAK_HARDWARE);
    stop();
}

/* Interrupts are kept out of a step where the kernel can. */
static void test_block_interrupts(void)
{
    for (unsigned i = 0; i < 4; i++) {
        bool able = i & 1, wanted = i & 2;
        script_reset();
        script.cap[KVM_CAP_SET_GUEST_DEBUG2] = able ? KVM_GUESTDBG_BLOCKIRQ : 0;
        start_cpus(1);
        debug_set_step(cpu_get(0), wanted ? VCPU_STEP_NO_IRQ : VCPU_STEP);
        stop_by(VECTOR_DB, 0x1111, DR6_BS, RUN_STATE_DEBUG);
        g_assert_cmphex(script.cpus[0].debug.control, ==, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
                        (able && wanted ? KVM_GUESTDBG_BLOCKIRQ : 0));
        stop();
    }
}

static void test_no_debugging(void)
{
    g_autoptr(GError) error = NULL;

    script_reset();
    script.cap[KVM_CAP_SET_GUEST_DEBUG] = 0;
    start_cpus(1);
    g_assert_false(debug_point_add(DEBUG_BREAK_HARDWARE, 0x1000, 1, cpu_get(0), &error));
    g_assert_nonnull(strstr(error->message, "KVM_CAP_SET_GUEST_DEBUG"));
    stop();
}

/* The call fails: the machine stops and says why, the next debugger can go on. */
static void test_call_fails(void)
{
    start(1);
    g_assert_true(add_point(DEBUG_BREAK_HARDWARE, 0x1000, 1));
    script.fail_request = KVM_SET_GUEST_DEBUG;
    machine_start();
    bench_wait_state(RUN_STATE_INTERNAL_ERROR);
    g_assert_cmpuint(script.cpus[0].exit_next, ==, 0);
    stop();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bench_init();
    g_test_add_func("/kvm-debug/points", test_points);
    g_test_add_func("/kvm-debug/step", test_step);
    g_test_add_func("/kvm-debug/step-over", test_step_over);
    g_test_add_func("/kvm-debug/four", test_four);
    g_test_add_func("/kvm-debug/block-interrupts", test_block_interrupts);
    g_test_add_func("/kvm-debug/no-debugging", test_no_debugging);
    g_test_add_func("/kvm-debug/call-fails", test_call_fails);
    return g_test_run();
}
