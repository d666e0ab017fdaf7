/* SPDX-License-Identifier: MIT */
/* Every system call of the start, made to fail in turn: a message, and nothing left open. */
#include <errno.h>
#include <string.h>

#include "tests/unit/kvm/bench.h"
#include "tests/unit/kvm/script.h"

/* Calls whose failure costs a feature, not the start. */
static const char *const dispensable[] = {
    "KVM_CHECK_EXTENSION",            /* the same as an answer of 0 */
    "KVM_GET_MSRS",                   /* a feature MSR that cannot be read is not offered */
    "KVM_GET_TSC_KHZ", "KVM_X86_GET_MCE_CAP_SUPPORTED", NULL,
};

static void check_closed(void)
{
    g_assert_cmpuint(script.open_files, ==, 0);
    g_assert_cmpuint(script.open_maps, ==, 0);
}

static void test_each_call(const void *options)
{
    unsigned total;
    GError *error = NULL;

    script_reset();
    g_assert_true(bench_start(options, "qemu64,check=off", 2, &error));
    g_assert_no_error(error);
    total = script.calls;
    bench_stop();
    g_assert_cmpuint(total, >, 50);

    for (unsigned call = 1; call <= total; call++) {
        bool ok;

        script_reset();
        script.fail_call = call;
        ok = bench_start(options, "qemu64,check=off", 2, &error);
        if (ok) {
            if (script.failed[0] && !g_strv_contains(dispensable, script.failed)) {
                g_error("call %u, %s, failed without an error", call, script.failed);
            }
        } else {
            g_assert_nonnull(error);
            g_test_message("%u %s: %s", call, script.failed, error->message);
            /* The call is named, or what it was for. */
            g_assert_cmpuint(strlen(error->message), >, 20);
        }
        g_clear_error(&error);
        bench_stop();
        check_closed();
    }
}

typedef struct Refusal {
    const char *name;
    int cap;                  /* gives `value` */
    int value;
    const char *options;
    const char *message;      /* part of the error */
} Refusal;

static const Refusal refusals[] = {
    { "readonly-mem", KVM_CAP_READONLY_MEM, 0, "kvm", "KVM_CAP_READONLY_MEM (ROM)" },
    { "immediate-exit", KVM_CAP_IMMEDIATE_EXIT, 0, "kvm", "KVM_CAP_IMMEDIATE_EXIT" },
    { "irqchip", KVM_CAP_IRQCHIP, 0, "kvm", "use kernel-irqchip=off" },
    { "split", KVM_CAP_SPLIT_IRQCHIP, 0, "kvm,kernel-irqchip=split", "KVM_CAP_SPLIT_IRQCHIP" },
    { "routing", KVM_CAP_IRQ_ROUTING, 0, "kvm", "use kernel-irqchip=off" },
    { "signal-msi", KVM_CAP_SIGNAL_MSI, 0, "kvm", "KVM_CAP_SIGNAL_MSI" },
    { "ring", KVM_CAP_DIRTY_LOG_RING_ACQ_REL, 0, "kvm,dirty-ring-size=1000", "power of two" },
    { "ring-small", -1, 0, "kvm,dirty-ring-size=16", "power of two from 256" },
    { "ring-large", -1, 0, "kvm,dirty-ring-size=1048576", "to 65536" },
    { "notify", -1, 0, "kvm,notify-vmexit=run", "KVM_CAP_X86_NOTIFY_VMEXIT" },
    { "cpus", KVM_CAP_MAX_VCPUS, 1, "kvm", "no more than 1" },
};

static void test_refusal(const void *data)
{
    const Refusal *refusal = data;
    GError *error = NULL;

    script_reset();
    if (refusal->cap >= 0) {
        script.cap[refusal->cap] = refusal->value;
    }
    g_assert_false(bench_start(refusal->options, "qemu64,check=off", 2, &error));
    g_test_message("%s", error->message);
    g_assert_nonnull(strstr(error->message, refusal->message));
    g_clear_error(&error);
    bench_stop();
    check_closed();
}

/* A topology with gaps in the APIC ids may run out of them. */
static void test_apic_ids(void)
{
    static const X86Topology topology = { .sockets = 1, .dies = 1, .cores = 129, .threads = 2 };
    GError *error = NULL;
    X86CpuConfig config;

    script_reset();
    g_assert_true(bench_start("kvm", "qemu64,check=off", 1, &error));
    g_assert_true(x86_cpu_config_parse(&config, "qemu64", &error));
    g_assert_null(x86_cpu_new(OBJECT(machine_get()), 256, &config, &topology, &error));
    g_assert_nonnull(strstr(error->message, "APIC id 256"));
    g_clear_error(&error);
    x86_cpu_config_release(&config);
    bench_stop();
    check_closed();
}

/* ---- the choice of an accelerator ---- */

static void check_open(const char *options, const char *name, const char *message)
{
    GError *error = NULL;
    bool ok = bench_open(options, &error);

    if (message) {
        g_assert_false(ok);
        g_test_message("%s", error->message);
        g_assert_nonnull(strstr(error->message, message));
        g_clear_error(&error);
        g_assert_null(accel_get());
    } else {
        g_assert_no_error(error);
        g_assert_cmpstr(accel_name(), ==, name);
    }
    bench_stop();
    check_closed();
}

static void test_choice(void)
{
    script_reset();
    check_open("kvm", "kvm", NULL);
    check_open("kvm;nothing-like-it", NULL, "invalid accelerator 'nothing-like-it'");
    check_open("kvn", NULL, "did you mean 'kvm'?");
    check_open("kvm,kernel-irqchip=maybe", NULL, "kernel-irqchip");
    check_open("kvm,dirty-ringsize=4", NULL, "dirty-ring-size");
}

static void test_no_fallback(void)
{
    script_reset();
    script.fail_call = 1;
    script.fail_with = EACCES;
    check_open("kvm", NULL, "/dev/kvm: Permission denied");
}

/* The next one that works is taken. */
static void test_fallback(void)
{
    script_reset();
    script.fail_request = KVM_CREATE_VM;
    check_open("kvm;qtest", "qtest", NULL);
    script_reset();
    check_open("kvm;qtest", "kvm", NULL);
    check_open("kvm;qtest,speed=9", NULL, "speed");
}

static void test_version(void)
{
    script_reset();
    script.fail_request = KVM_GET_API_VERSION;
    script.fail_with = ENOTTY;
    check_open("kvm,device=/dev/null", NULL, "/dev/null does not answer KVM_GET_API_VERSION");
}

int main(int argc, char **argv)
{
    static const char *const modes[] = {
        "kvm", "kvm,kernel-irqchip=split", "kvm,kernel-irqchip=off", "kvm,dirty-ring-size=1024",
    };

    g_test_init(&argc, &argv, NULL);
    bench_init();
    for (unsigned i = 0; i < G_N_ELEMENTS(modes); i++) {
        g_autofree char *path = g_strdup_printf("/kvm-failures/each/%s", modes[i]);
        g_test_add_data_func(path, modes[i], test_each_call);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autofree char *path = g_strdup_printf("/kvm-failures/missing/%s", refusals[i].name);
        g_test_add_data_func(path, &refusals[i], test_refusal);
    }
    g_test_add_func("/kvm-failures/apic-ids", test_apic_ids);
    g_test_add_func("/kvm-failures/choice", test_choice);
    g_test_add_func("/kvm-failures/no-fallback", test_no_fallback);
    g_test_add_func("/kvm-failures/version", test_version);
    g_test_add_func("/kvm-failures/fallback", test_fallback);
    return g_test_run();
}
