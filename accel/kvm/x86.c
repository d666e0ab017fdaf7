/* SPDX-License-Identifier: MIT */
/* What an x86 guest can be given, and the VM's own clock. */
#include "accel/kvm/x86.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#define FIRST_ROOM 100u
#define MAX_ROOM   4096u

/* The local APIC timer of KVM counts nanoseconds. */
#define APIC_BUS_KHZ 1000000u

/* ---- lists whose length the kernel says ---- */

static struct kvm_cpuid2 *read_cpuid(Kvm *kvm, GError **error)
{
    for (unsigned room = FIRST_ROOM; room <= MAX_ROOM; room *= 2) {
        struct kvm_cpuid2 *list = g_malloc0(sizeof(*list) + room * sizeof(list->entries[0]));
        int result;

        list->nent = room;
        result = kvm_ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, list);
        if (result >= 0) {
            return list;
        }
        g_free(list);
        if (result != -E2BIG) {
            error_set_errno(error, -result, "cannot learn what CPUs KVM supports: "
                            "KVM_GET_SUPPORTED_CPUID");
            return NULL;
        }
    }
    error_set(error, ERROR_SYSTEM, "KVM_GET_SUPPORTED_CPUID has more than %u entries", MAX_ROOM);
    return NULL;
}

static struct kvm_msr_list *read_msr_list(Kvm *kvm, unsigned long request, GError **error)
{
    struct kvm_msr_list probe = { .nmsrs = 0 }, *list;
    int result = kvm_ioctl(kvm->fd, request, &probe);

    if (result < 0 && result != -E2BIG) {
        error_set_errno(error, -result, "cannot learn which MSRs KVM has: %s",
                        kvm_ioctl_name(request));
        return NULL;
    }
    list = g_malloc0(sizeof(*list) + probe.nmsrs * sizeof(list->indices[0]));
    list->nmsrs = probe.nmsrs;
    result = kvm_ioctl(kvm->fd, request, list);
    if (result < 0) {
        error_set_errno(error, -result, "cannot learn which MSRs KVM has: %s",
                        kvm_ioctl_name(request));
        g_free(list);
        return NULL;
    }
    return list;
}

/* ---- what is supported ---- */

static void take_entries(KvmX86 *x86, const struct kvm_cpuid2 *list)
{
    x86->supported = g_new0(X86CpuidEntry, list->nent + 1);
    for (unsigned i = 0; i < list->nent; i++) {
        const struct kvm_cpuid_entry2 *e = &list->entries[i];
        x86->supported[i] = (X86CpuidEntry){
            .leaf = e->function, .subleaf = e->index,
            .flags = e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX ? X86_CPUID_SUBLEAF : 0,
            .eax = e->eax, .ebx = e->ebx, .ecx = e->ecx, .edx = e->edx,
        };
    }
    x86_cpu_support_init(&x86->support, "host", x86->supported, list->nent);
}

/*
 * KVM's answer does not know which interrupt controllers there will be. Without local
 * APICs in the kernel the MSRs of x2APIC mode come out as exits. IA32_TSC_DEADLINE does
 * not on every host: where the processor has a timer for its guests, the kernel drops
 * the write on its fast path, before it looks at filters; so that mode is not offered.
 */
static void adjust_for_irqchip(Kvm *kvm)
{
    X86FeatureSet *features = &kvm->x86->support.features;

    if (kvm->irqchip == KVM_IRQCHIP_OFF) {
        x86_feature_set_list(features, "tsc-deadline kvm-pv-eoi kvm-pv-unhalt kvm-pv-ipi "
                             "kvm-asyncpf kvm-asyncpf-int kvm-msi-ext-dest-id", false);
        if (!kvm->cap[CAP_USER_SPACE_MSR]) {
            x86_feature_set_list(features, "x2apic", false);
        }
    } else if (kvm->cap[CAP_TSC_DEADLINE]) {
        x86_feature_set_list(features, "tsc-deadline", true);
    }
}

static bool read_feature_msrs(Kvm *kvm, GError **error)
{
    g_autofree struct kvm_msr_list *list = NULL;

    if (!kvm->cap[CAP_MSR_FEATURES]) {
        return true;
    }
    list = read_msr_list(kvm, KVM_GET_MSR_FEATURE_INDEX_LIST, error);
    if (!list) {
        return false;
    }
    for (unsigned i = 0; i < list->nmsrs; i++) {
        struct {
            struct kvm_msrs head;
            struct kvm_msr_entry entry;
        } one = { .head.nmsrs = 1, .entry.index = list->indices[i] };

        if (kvm_ioctl(kvm->fd, KVM_GET_MSRS, &one) == 1) {
            x86_cpu_support_add_msr(&kvm->x86->support, one.entry.index, one.entry.data);
        }
    }
    return true;
}

static int compare_index(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static bool read_msrs(Kvm *kvm, GError **error)
{
    g_autofree struct kvm_msr_list *list = read_msr_list(kvm, KVM_GET_MSR_INDEX_LIST, error);

    if (!list) {
        return false;
    }
    kvm->x86->msr_count = list->nmsrs;
    kvm->x86->msrs = g_memdup2(list->indices, list->nmsrs * sizeof(list->indices[0]));
    if (list->nmsrs) {
        qsort(kvm->x86->msrs, list->nmsrs, sizeof(uint32_t), compare_index);
    }
    return true;
}

static void read_rest(Kvm *kvm)
{
    KvmX86 *x86 = kvm->x86;
    int khz = kvm_ioctl_number(kvm->vm, KVM_GET_TSC_KHZ, 0);

    x86->support.hardware = true;
    x86->support.paravirt = true;
    g_strlcpy(x86->support.signature, "KVMKVMKVM", sizeof(x86->support.signature));
    x86->support.tsc_khz = MAX(khz, 0);
    x86->support.apic_bus_khz = APIC_BUS_KHZ;
    x86->xsave_size = MAX(kvm->cap[CAP_XSAVE2], (int)sizeof(struct kvm_xsave));
    if (kvm->cap[CAP_MCE] &&
        kvm_ioctl(kvm->fd, KVM_X86_GET_MCE_CAP_SUPPORTED, &x86->mce_supported) < 0) {
        x86->mce_supported = 0;
    }
}

/* A kernel that emulates instructions instead of running them; bits of CPUID 1 and 80000001. */
static bool host_lacks_virtualization(void)
{
#if defined(__x86_64__) || defined(__i386__)
    unsigned a, b, c, d;

    if (__get_cpuid(1, &a, &b, &c, &d) && c & 1u << 5) {
        return false;
    }
    return !(__get_cpuid(0x80000001, &a, &b, &c, &d) && c & 1u << 2);
#else
    return false;
#endif
}

/* Exits instead of #GP: for local APICs in the program, or so that they can be logged. */
static bool watch_msrs(Kvm *kvm, GError **error)
{
    bool wanted = kvm->irqchip == KVM_IRQCHIP_OFF || log_enabled(LOG_GUEST_ERRORS);

    return !wanted || !kvm->cap[CAP_USER_SPACE_MSR] ||
           kvm_enable_cap(kvm, CAP_USER_SPACE_MSR,
                          KVM_MSR_EXIT_REASON_UNKNOWN | KVM_MSR_EXIT_REASON_INVAL, error);
}

static bool set_notify(Kvm *kvm, GError **error)
{
    enum { NOTIFY_RUN, NOTIFY_ERROR, NOTIFY_DISABLE };

    if (kvm->notify_exit == NOTIFY_DISABLE) {
        return true;
    }
    if (!kvm->cap[CAP_NOTIFY_EXIT]) {
        error_set(error, ERROR_FAILED, "notify-vmexit: this host cannot limit how long a guest "
                  "keeps interrupts out (KVM_CAP_X86_NOTIFY_VMEXIT)");
        return false;
    }
    return kvm_enable_cap(kvm, CAP_NOTIFY_EXIT, (uint64_t)kvm->notify_window << 32 |
                          KVM_X86_NOTIFY_VMEXIT_ENABLED | KVM_X86_NOTIFY_VMEXIT_USER, error);
}

/* Parts of KVM_GET_VCPU_EVENTS that are there only when they are asked for. */
static bool enable_events(Kvm *kvm, GError **error)
{
    static const KvmCap parts[] = { CAP_EXCEPTION_PAYLOAD, CAP_TRIPLE_FAULT_EVENT };

    for (unsigned i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (kvm->cap[parts[i]] && !kvm_enable_cap(kvm, parts[i], 1, error)) {
            return false;
        }
    }
    return true;
}

bool kvm_x86_init(Kvm *kvm, GError **error)
{
    g_autofree struct kvm_cpuid2 *list = read_cpuid(kvm, error);

    if (!list) {
        return false;
    }
    kvm->x86 = g_new0(KvmX86, 1);
    take_entries(kvm->x86, list);
    adjust_for_irqchip(kvm);
    kvm->x86->page_tables_only = host_lacks_virtualization();
    read_rest(kvm);
    if (!read_feature_msrs(kvm, error) || !read_msrs(kvm, error) || !watch_msrs(kvm, error) ||
        !set_notify(kvm, error) || !enable_events(kvm, error) ||
        !kvm_chips_create(kvm, error)) {
        kvm_x86_release(kvm);
        return false;
    }
    kvm_x86_init_smm(kvm);
    x86_cpu_set_support(&kvm->x86->support);
    return true;
}

void kvm_x86_release(Kvm *kvm)
{
    if (kvm->x86) {
        if (x86_cpu_support() == &kvm->x86->support) {
            x86_cpu_set_support(NULL);
        }
        g_free(kvm->x86->supported);
        g_free(kvm->x86->msrs);
        g_clear_pointer(&kvm->x86, g_free);
    }
}

bool kvm_x86_attach(Kvm *kvm, GError **error)
{
    return kvm_chips_attach(kvm, error);
}

void kvm_x86_detach(Kvm *kvm)
{
    kvm_chips_detach(kvm);
}

/* ---- kvmclock ---- */

/* Tells the guest's watchdogs that it stood still; nothing to tell without a kvmclock. */
static void tell_pause(Cpu *cpu, void *opaque)
{
    kvm_ioctl_number(kvm_vcpu(vcpu_of(cpu))->fd, KVM_KVMCLOCK_CTRL, 0);
}

/* The guest's clock stands still with the machine. */
void kvm_x86_run_state(Kvm *kvm, bool running)
{
    KvmX86 *x86 = kvm->x86;
    int result;

    kvm_pit_run_state(kvm, running);
    if (!kvm->cap[CAP_ADJUST_CLOCK]) {
        return;
    }
    if (!running) {
        memset(&x86->clock, 0, sizeof(x86->clock));
        result = kvm_ioctl(kvm->vm, KVM_GET_CLOCK, &x86->clock);
        x86->clock_saved = result >= 0;
        if (result < 0) {
            report_warning("the guest's clock goes on while it is paused: KVM_GET_CLOCK: %s",
                           g_strerror(-result));
        }
        return;
    }
    if (!x86->clock_saved) {
        return;
    }
    x86->clock_saved = false;
    /* Without a host time beside it: the clock goes on from where it stopped. */
    x86->clock.flags = 0;
    result = kvm_ioctl(kvm->vm, KVM_SET_CLOCK, &x86->clock);
    if (result < 0) {
        report_warning("the guest's clock jumps over the pause: KVM_SET_CLOCK: %s",
                       g_strerror(-result));
    }
    for (unsigned i = 0; kvm->cap[CAP_KVMCLOCK_CTRL] && i < vcpu_count(); i++) {
        vcpu_run_on_async(vcpu_at(i)->cpu, tell_pause, NULL, NULL);
    }
}
