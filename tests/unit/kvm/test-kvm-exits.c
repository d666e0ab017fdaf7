/* SPDX-License-Identifier: MIT */
/* What comes of every exit, of interrupts and of messages; on a scripted kernel. */
#include <errno.h>
#include <string.h>

#include "accel/kvm/x86.h"
#include "base/lock.h"
#include "hw/intc/apic.h"
#include "tests/unit/kvm/bench.h"
#include "tests/unit/kvm/script.h"

static void start(const char *options, unsigned cpus)
{
    GError *error = NULL;
    bool ok;

    script_reset();
    ok = bench_start(options, "qemu64,check=off", cpus, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
}

/* Runs one exit of CPU 0 to its end. */
static void run_exit(ScriptExit exit)
{
    script_push(0, exit);
    machine_start();
    script_settle(0);
}

static void stop(void)
{
    bench_stop();
    g_assert_cmpuint(script.open_files, ==, 0);
    g_assert_cmpuint(script.open_maps, ==, 0);
}

/* ---- accesses ---- */

static int io_out_string(struct kvm_run *run)
{
    run->exit_reason = KVM_EXIT_IO;
    run->io.direction = KVM_EXIT_IO_OUT;
    run->io.port = BENCH_PORT + 2;
    run->io.size = 2;
    run->io.count = 3;
    run->io.data_offset = 4096;
    memcpy((char *)run + 4096, "abcdef", 6);
    return 0;
}

static int io_in_string(struct kvm_run *run)
{
    io_out_string(run);
    run->io.direction = KVM_EXIT_IO_IN;
    return 0;
}

static int mmio_write(struct kvm_run *run)
{
    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.is_write = 1;
    run->mmio.phys_addr = BENCH_MMIO + 8;
    run->mmio.len = 4;
    memcpy(run->mmio.data, "\x78\x56\x34\x12", 4);
    return 0;
}

static int mmio_read_nothing(struct kvm_run *run)
{
    run->exit_reason = KVM_EXIT_MMIO;
    run->mmio.is_write = 0;
    run->mmio.phys_addr = 0x50000000;
    run->mmio.len = 8;
    memset(run->mmio.data, 0, 8);
    return 0;
}

static void test_accesses(void)
{
    start("kvm", 1);
    bench.answer = 0x4241;
    run_exit(io_out_string);
    g_assert_cmpuint(bench.accesses, ==, 3);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmpuint(bench.last[i].size, ==, 2);
        g_assert_cmphex(bench.last[i].value, ==, ("abcdef"[2 * i + 1] << 8) + "abcdef"[2 * i]);
    }
    run_exit(io_in_string);
    g_assert_cmpmem((char *)script_run(0) + 4096, 6, "ABABAB", 6);
    run_exit(mmio_write);
    g_assert_cmphex(bench.last[6].value, ==, 0x12345678);
    run_exit(mmio_read_nothing);
    g_assert_cmpmem(script_run(0)->mmio.data, 8, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
    g_assert_true(machine_is_running());
    stop();
}

/* ---- exits that end in a state of the machine ---- */

static int reason(struct kvm_run *run, uint32_t exit_reason)
{
    memset(&run->hw, 0, 256);
    run->exit_reason = exit_reason;
    return 0;
}

static int exit_shutdown(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_SHUTDOWN);
}

static int exit_fail_entry(struct kvm_run *run)
{
    reason(run, KVM_EXIT_FAIL_ENTRY);
    run->fail_entry.hardware_entry_failure_reason = 0x80000021;
    return 0;
}

static int exit_internal_error(struct kvm_run *run)
{
    reason(run, KVM_EXIT_INTERNAL_ERROR);
    run->internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
    run->internal.ndata = 200;   /* more than there can be */
    return 0;
}

static int exit_emulation(struct kvm_run *run)
{
    reason(run, KVM_EXIT_INTERNAL_ERROR);
    run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
    run->emulation_failure.ndata = 4;
    run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
    run->emulation_failure.insn_size = 255;
    return 0;
}

static int exit_unknown(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_UNKNOWN);
}

static int exit_exception(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_EXCEPTION);
}

static int exit_hyperv(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_HYPERV);
}

static int exit_of_the_future(struct kvm_run *run)
{
    return reason(run, 12345);
}

static int exit_crash(struct kvm_run *run)
{
    reason(run, KVM_EXIT_SYSTEM_EVENT);
    run->system_event.type = KVM_SYSTEM_EVENT_CRASH;
    return 0;
}

static int exit_event_shutdown(struct kvm_run *run)
{
    reason(run, KVM_EXIT_SYSTEM_EVENT);
    run->system_event.type = KVM_SYSTEM_EVENT_SHUTDOWN;
    return 0;
}

static int exit_event_strange(struct kvm_run *run)
{
    reason(run, KVM_EXIT_SYSTEM_EVENT);
    run->system_event.type = 77;
    return 0;
}

static int exit_notify_lost(struct kvm_run *run)
{
    reason(run, KVM_EXIT_NOTIFY);
    run->notify.flags = KVM_NOTIFY_CONTEXT_INVALID;
    return 0;
}

static int exit_memory_fault(struct kvm_run *run)
{
    reason(run, KVM_EXIT_MEMORY_FAULT);
    return -EFAULT;
}

static int run_fails(struct kvm_run *run)
{
    return -ENOEXEC;
}

/* Those that need a hand, or none, and go on. */
static int exit_intr(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_INTR);
}

static int exit_window(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_IRQ_WINDOW_OPEN);
}

static int exit_set_tpr(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_SET_TPR);
}

static int exit_ioapic_eoi(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_IOAPIC_EOI);
}

static int exit_bus_lock(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_X86_BUS_LOCK);
}

static int exit_hypercall(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_HYPERCALL);
}

static int exit_rdmsr(struct kvm_run *run)
{
    return reason(run, KVM_EXIT_X86_RDMSR);
}

static int run_again(struct kvm_run *run)
{
    return -EAGAIN;
}

typedef struct Outcome {
    const char *name;
    ScriptExit exit;
    RunState state;
} Outcome;

static const Outcome outcomes[] = {
    { "fail-entry", exit_fail_entry, RUN_STATE_INTERNAL_ERROR },
    { "internal-error", exit_internal_error, RUN_STATE_INTERNAL_ERROR },
    { "emulation", exit_emulation, RUN_STATE_INTERNAL_ERROR },
    { "unknown", exit_unknown, RUN_STATE_INTERNAL_ERROR },
    { "exception", exit_exception, RUN_STATE_INTERNAL_ERROR },
    { "hyperv", exit_hyperv, RUN_STATE_INTERNAL_ERROR },
    { "future", exit_of_the_future, RUN_STATE_INTERNAL_ERROR },
    { "event-strange", exit_event_strange, RUN_STATE_INTERNAL_ERROR },
    { "notify-lost", exit_notify_lost, RUN_STATE_INTERNAL_ERROR },
    { "memory-fault", exit_memory_fault, RUN_STATE_INTERNAL_ERROR },
    { "run-fails", run_fails, RUN_STATE_INTERNAL_ERROR },
    { "shutdown", exit_shutdown, RUN_STATE_RUNNING },      /* reset, and on */
    { "crash", exit_crash, RUN_STATE_SHUTDOWN },
    { "event-shutdown", exit_event_shutdown, RUN_STATE_SHUTDOWN },
    { "intr", exit_intr, RUN_STATE_RUNNING },
    { "window", exit_window, RUN_STATE_RUNNING },
    { "set-tpr", exit_set_tpr, RUN_STATE_RUNNING },
    { "ioapic-eoi", exit_ioapic_eoi, RUN_STATE_RUNNING },
    { "bus-lock", exit_bus_lock, RUN_STATE_RUNNING },
    { "hypercall", exit_hypercall, RUN_STATE_RUNNING },
    { "again", run_again, RUN_STATE_RUNNING },
};

static void test_outcome(const void *data)
{
    const Outcome *outcome = data;

    start("kvm", 1);
    run_exit(outcome->exit);
    bench_wait_state(outcome->state);
    if (outcome->state == RUN_STATE_RUNNING) {
        /* It runs on. */
        run_exit(mmio_write);
        g_assert_cmpuint(bench.accesses, ==, 1);
    } else if (outcome->state == RUN_STATE_INTERNAL_ERROR) {
        /* Not without a reset; with one, it does. */
        machine_start();
        script_push(0, mmio_write);
        bench_wait(10);
        g_assert_cmpuint(bench.accesses, ==, 0);
        machine_request_reset(SHUTDOWN_HOST_QMP_SYSTEM_RESET);
        bench_wait(1);
        machine_start();
        script_settle(0);
        g_assert_cmpuint(bench.accesses, ==, 1);
    }
    stop();
}

static void test_msr(void)
{
    start("kvm", 1);
    run_exit(exit_rdmsr);
    g_assert_cmpuint(script_run(0)->msr.error, ==, 1);
    stop();
}

/* ---- x2APIC mode with the local APIC in the program ---- */

static int enter_x2apic(struct kvm_run *run)
{
    run->apic_base = 0xfee00d00;
    return reason(run, KVM_EXIT_INTR);
}

static int x2apic_read_id(struct kvm_run *run)
{
    reason(run, KVM_EXIT_X86_RDMSR);
    run->msr.index = 0x802;
    run->msr.data = 0x55;
    return 0;
}

static int x2apic_write_priority(struct kvm_run *run)
{
    reason(run, KVM_EXIT_X86_WRMSR);
    run->msr.index = 0x808;
    run->msr.data = 0x34;
    return 0;
}

static int x2apic_write_reserved(struct kvm_run *run)
{
    x2apic_write_priority(run);
    run->msr.data = 0x134;
    return 0;
}

static int x2apic_self_ipi(struct kvm_run *run)
{
    reason(run, KVM_EXIT_X86_WRMSR);
    run->msr.index = 0x83f;
    run->msr.data = 0x71;
    run->ready_for_interrupt_injection = 1;
    return 0;
}

static void test_x2apic(void)
{
    GError *error = NULL;
    Device *lapic;

    script_reset();
    script.cap[KVM_CAP_X86_USER_SPACE_MSR] = 1;
    g_assert_true(bench_start("kvm,kernel-irqchip=off", "qemu64,check=off,+x2apic", 1, &error));
    lapic = ((X86Cpu *)cpu_get(0))->lapic;
    apic_set_features(lapic, APIC_X2APIC);
    script_run(0)->apic_base = apic_base(lapic);
    /* Not in this mode yet: #GP. */
    run_exit(x2apic_read_id);
    g_assert_cmpuint(script_run(0)->msr.error, ==, 1);
    apic_write(lapic, 0xf0, 0x1ff);
    run_exit(enter_x2apic);
    g_assert_true(apic_in_x2apic_mode(lapic));
    run_exit(x2apic_read_id);
    g_assert_cmpuint(script_run(0)->msr.error, ==, 0);
    g_assert_cmphex(script_run(0)->msr.data, ==, 0);
    run_exit(x2apic_write_reserved);
    g_assert_cmpuint(script_run(0)->msr.error, ==, 1);
    g_assert_cmphex(apic_cr8(lapic), ==, 0);
    run_exit(x2apic_write_priority);
    g_assert_cmpuint(script_run(0)->msr.error, ==, 0);
    g_assert_cmphex(apic_cr8(lapic), ==, 3);
    run_exit(x2apic_self_ipi);
    bench_wait_count(&script.interrupt_count, 1);
    g_assert_cmphex(script.interrupts[0], ==, 0x71);
    stop();
}

/* What the kernel's local APIC is read as, and written. */
static void test_lapic_format(const void *data)
{
    int format = *(const int *)data;
    struct kvm_lapic_state *page = &script.cpus[0].lapic;
    GError *error = NULL;
    Device *lapic;
    Apic *apic;

    script_reset();
    script.cap[KVM_CAP_X2APIC_API] = format;
    g_assert_true(bench_start("kvm", "qemu64,check=off", 1, &error));
    lapic = ((X86Cpu *)cpu_get(0))->lapic;
    apic = (Apic *)lapic;
    apic->initial_id = 5;
    machine_start();
    script_settle(0);
    machine_stop(RUN_STATE_PAUSED);
    script.cpus[0].sregs.apic_base = 0xfee00d00;
    store_le(page->regs + 0x20, format ? 5 : 5 << 24, 4);
    store_le(page->regs + 0x310, 0x12345678, 4);
    device_type(lapic)->pre_save(lapic);
    g_assert_true(apic_in_x2apic_mode(lapic));
    g_assert_cmphex(apic->id, ==, 5);
    g_assert_cmphex(apic->icr_high, ==, 0x12345678);
    memset(page, 0, sizeof(*page));
    g_assert_true(device_type(lapic)->post_load(lapic, &error));
    machine_start();
    script_settle(0);
    g_assert_cmphex(load_le(page->regs + 0x20, 4), ==, format ? 5 : 5 << 24);
    stop();
}

/* The CPU that asks for a reset does nothing more before it. */
static void ask_for_reset(Bench *b, const BenchAccess *access)
{
    if (access->offset == 8 && !access->pio) {
        machine_request_reset(SHUTDOWN_GUEST_RESET);
    }
}

static void test_held(void)
{
    start("kvm", 1);
    bench.on_write = ask_for_reset;
    script_push(0, mmio_write);
    script_push(0, io_out_string);
    machine_start();
    machine_unlock();
    g_usleep(20000);
    machine_lock();
    g_assert_cmpuint(bench.accesses, ==, 1);
    script_settle(0);
    g_assert_cmpuint(bench.accesses, ==, 4);
    stop();
}

/* ---- a CPU's own calls ---- */

static void note_thread(Cpu *cpu, void *opaque)
{
    g_assert_true(cpu_current == cpu);
    (*(unsigned *)opaque)++;
}

static void call_other(Cpu *cpu, void *opaque)
{
    vcpu_run_on(cpu_get(1 - cpu->index), note_thread, opaque);
}

static void test_run_on(void)
{
    unsigned calls = 0;

    start("kvm", 2);
    machine_start();
    for (unsigned i = 0; i < 50; i++) {
        vcpu_run_on(cpu_get(i % 2), note_thread, &calls);
    }
    g_assert_cmpuint(calls, ==, 50);
    /* Two that wait for each other. */
    vcpu_run_on_async(cpu_get(0), call_other, &calls, NULL);
    vcpu_run_on_async(cpu_get(1), call_other, &calls, NULL);
    bench_wait_count(&calls, 52);
    g_assert_cmpuint(calls, ==, 52);
    machine_stop(RUN_STATE_PAUSED);
    vcpu_run_on(cpu_get(1), note_thread, &calls);
    g_assert_cmpuint(calls, ==, 53);
    stop();
}

static void test_nmi(void)
{
    start("kvm", 2);
    machine_start();
    /* LINT1 is masked: nothing comes through. */
    script.cpus[0].lapic.regs[0x362] = 1;
    script.cpus[1].lapic.regs[0x361] = 4;   /* NMI */
    g_assert_true(machine_inject_nmi());
    bench_wait_requests();
    g_assert_cmpuint(script.nmis, ==, 1);
    stop();
}

/* The pin SMI, and a message; only where the kernel has the mode. */
static void test_smi(void)
{
    static const char *const modes[] = { "kvm", "kvm,kernel-irqchip=off" };

    for (unsigned i = 0; i < 4; i++) {
        ApicMessage smi = { .delivery = APIC_SMI, .level = true };
        GError *error = NULL;

        script_reset();
        script.cap[KVM_CAP_X86_SMM] = i >= 2;
        g_assert_true(bench_start(modes[i % 2], "qemu64,check=off", 1, &error));
        script_run(0)->apic_base = 0xfee00900;
        machine_start();
        pin_drive_external(DEVICE(cpu_get(0)), X86_CPU_PIN_SMI, 0, true);
        pin_drive_external(DEVICE(cpu_get(0)), X86_CPU_PIN_SMI, 0, false);
        bench_wait_requests();
        g_assert_cmpuint(script.smis, ==, i >= 2);
        if (i == 3) {
            apic_deliver(&smi);
            bench_wait_requests();
            g_assert_cmpuint(script.smis, ==, 2);
        }
        stop();
    }
}

static int exit_emulation_in_smm(struct kvm_run *run)
{
    run->flags = KVM_RUN_X86_SMM;
    script.cpus[0].events.flags |= KVM_VCPUEVENT_VALID_SMM;
    script.cpus[0].events.exception.injected = 1;
    script.cpus[0].events.exception.nr = 6;
    return exit_emulation(run);
}

/* One that came through a local APIC in the kernel: memory is shown when it is missed, once. */
static void test_smi_noticed(void)
{
    g_autofree char *slots = NULL;
    GError *error = NULL;

    script_reset();
    script.cap[KVM_CAP_X86_SMM] = 1;
    g_assert_true(bench_start("kvm", "qemu64,check=off", 1, &error));
    run_exit(exit_emulation_in_smm);
    slots = script_smm_slots();
    g_assert_cmpstr(slots, ==,
                    "0x0-0x3efff; 0x3f000-0x3ffff; 0x40000-0x7fffff; 0xffff0000-0xffffffff r");
    g_assert_false(script.cpus[0].events.exception.injected);
    g_assert_false(script.cpus[0].events.flags & KVM_VCPUEVENT_VALID_SMM);
    g_assert_cmpint(machine_run_state(), ==, RUN_STATE_RUNNING);
    run_exit(mmio_write);
    g_assert_cmpuint(bench.accesses, ==, 1);
    run_exit(exit_emulation_in_smm);
    g_assert_cmpint(machine_run_state(), ==, RUN_STATE_INTERNAL_ERROR);
    stop();
}

/* ---- routes ---- */

static unsigned routes_of(unsigned gsi)
{
    unsigned count = 0;

    for (unsigned i = 0; script.routing && i < script.routing->nr; i++) {
        count += script.routing->entries[i].gsi == gsi;
    }
    return count;
}

static void test_routing(void)
{
    const AccelInterruptOps *ops;
    GError *error = NULL;
    int a, b;

    start("kvm", 1);
    ops = accel_type(accel_get())->interrupts;
    g_assert_cmpuint(script.routing_writes, ==, 1);
    g_assert_cmpuint(script.routing->nr, ==, 40);
    g_assert_cmpuint(routes_of(0), ==, 2);   /* the timer: 8259 and I/O APIC */
    a = ops->msi_add(accel_get(), 0xfee00000, 0x41, 0, &error);
    b = ops->msi_add(accel_get(), 0xfee01000, 0x42, 0, &error);
    g_assert_no_error(error);
    g_assert_true(a >= 0 && b >= 0 && a != b);
    g_assert_cmpuint(routes_of(a), ==, 1);
    g_assert_cmpuint(script.routing_writes, ==, 3);
    g_assert_true(ops->msi_update(accel_get(), a, 0xfee00000, 0x41, 0, &error));
    g_assert_cmpuint(script.routing_writes, ==, 3);   /* nothing changed */
    g_assert_true(ops->msi_update(accel_get(), a, 0xfee00000, 0x51, 0, &error));
    g_assert_cmpuint(script.routing_writes, ==, 4);
    ops->msi_remove(accel_get(), a);
    g_assert_cmpuint(routes_of(a), ==, 0);
    g_assert_cmpint(ops->msi_add(accel_get(), 0xfee00000, 0x61, 0, &error), ==, a);
    /* In a batch, once. */
    script.routing_writes = 0;
    kvm_routing_begin(kvm_get());
    for (unsigned i = 0; i < 10; i++) {
        g_assert_true(ops->msi_add(accel_get(), 0xfee00000, 0x70 + i, 0, &error) > 0);
    }
    g_assert_true(kvm_routing_commit(kvm_get(), &error));
    g_assert_cmpuint(script.routing_writes, ==, 1);
    /* A table that the kernel refuses is told, and the number is free again. */
    script.fail_request = KVM_SET_GSI_ROUTING;
    g_assert_cmpint(ops->msi_add(accel_get(), 0xfee00000, 0x99, 0, &error), ==, -1);
    g_assert_nonnull(error);
    g_clear_error(&error);
    stop();
}

static void test_routes_run_out(void)
{
    const AccelInterruptOps *ops;
    GError *error = NULL;

    script_reset();
    script.cap[KVM_CAP_IRQ_ROUTING] = 50;
    g_assert_true(bench_start("kvm", "qemu64,check=off", 1, &error));
    ops = accel_type(accel_get())->interrupts;
    for (unsigned i = 0; i < 100 && !error; i++) {
        ops->msi_add(accel_get(), 0xfee00000, i, 0, &error);
    }
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "this KVM has 50"));
    g_clear_error(&error);
    stop();
}

/* ---- words ---- */

static void test_instruction_names(void)
{
    static const struct {
        const char *name;
        uint8_t bytes[8];
        unsigned length;
        bool long_mode;
    } rows[] = {
        { "cmpxchg16b", { 0xf0, 0x48, 0x0f, 0xc7, 0x4e, 0x10 }, 6, true },
        { "cmpxchg8b", { 0x0f, 0xc7, 0x4e, 0x10 }, 4, false },
        { "xrstor", { 0x48, 0x0f, 0xae, 0x2f }, 4, true },
        { "int3", { 0xcc }, 1, true },
        { "an AVX instruction", { 0xc5, 0xf8, 0x77 }, 3, true },
        { NULL, { 0xc5, 0x38, 0x77 }, 3, false },              /* lds */
        { "iret", { 0x48, 0xcf }, 2, true },
        { NULL, { 0x89, 0xc0 }, 2, true },
        { NULL, { 0x0f }, 1, true },
        { NULL, { 0x66, 0x66 }, 2, true },
        { NULL, { 0 }, 0, true },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_assert_cmpstr(kvm_x86_instruction_name(rows[i].bytes, rows[i].length,
                                                 rows[i].long_mode), ==, rows[i].name);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bench_init();
    g_test_add_func("/kvm-exits/accesses", test_accesses);
    for (unsigned i = 0; i < G_N_ELEMENTS(outcomes); i++) {
        g_autofree char *path = g_strdup_printf("/kvm-exits/outcome/%s", outcomes[i].name);
        g_test_add_data_func(path, &outcomes[i], test_outcome);
    }
    g_test_add_func("/kvm-exits/msr", test_msr);
    g_test_add_func("/kvm-exits/x2apic", test_x2apic);
    g_test_add_data_func("/kvm-exits/lapic-format/old", &(const int){ 0 }, test_lapic_format);
    g_test_add_data_func("/kvm-exits/lapic-format/wide", &(const int){ 3 }, test_lapic_format);
    g_test_add_func("/kvm-exits/held", test_held);
    g_test_add_func("/kvm-exits/run-on", test_run_on);
    g_test_add_func("/kvm-exits/nmi", test_nmi);
    g_test_add_func("/kvm-exits/smi", test_smi);
    g_test_add_func("/kvm-exits/smi-noticed", test_smi_noticed);
    g_test_add_func("/kvm-exits/routing", test_routing);
    g_test_add_func("/kvm-exits/routes-run-out", test_routes_run_out);
    g_test_add_func("/kvm-exits/instruction-names", test_instruction_names);
    return g_test_run();
}
