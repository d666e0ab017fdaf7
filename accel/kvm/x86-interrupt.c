/* SPDX-License-Identifier: MIT */
/*
 * Interrupts of a vCPU whose local APIC, or whose 8259, is not in the kernel: the
 * vector is fetched and injected when the guest can take it
 * (Linux Documentation/virt/kvm/api.rst 4.16, KVM_INTERRUPT).
 */
#include <errno.h>
#include <string.h>

#include "accel/kvm/x86.h"
#include "base/lock.h"
#include "base/log.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"

static bool lapic_in_kernel(const KvmX86Vcpu *vcpu)
{
    return vcpu->kvm.kvm->irqchip != KVM_IRQCHIP_OFF;
}

static bool waits_for_sipi(const KvmX86Vcpu *vcpu)
{
    return !lapic_in_kernel(vcpu) &&
           kvm_x86_cpu(vcpu)->registers->mp_state == X86_MP_WAIT_SIPI;
}

/* ---- what the local APIC does to its CPU ---- */

static void apic_interrupt(void *opaque, bool level)
{
    KvmX86Vcpu *vcpu = opaque;

    vcpu->intr = level;
    if (level) {
        vcpu_kick(&vcpu->kvm.vcpu);
    }
}

static void apic_nmi(void *opaque)
{
    KvmX86Vcpu *vcpu = opaque;

    vcpu->nmi = true;
    vcpu_kick(&vcpu->kvm.vcpu);
}

/*
 * ---- system management interrupts: KVM_SMI, api.rst 4.97 ----
 *
 * One that a CPU gets through a local APIC in the kernel is not noticed here, so the memory of
 * that mode may not be there yet. The page of the state save area always is (SDM volume 3,
 * 32.4.1): the kernel saves the registers there, finds no first instruction of the handler, and
 * that exit is noticed.
 */

#define SMM_SAVE_PAGE 0xf000u   /* from SMBASE, which only a handler can change */

void kvm_x86_init_smm(Kvm *kvm)
{
    if (kvm->cap[CAP_SMM] && kvm->cap[CAP_ADDRESS_SPACES] > 1 && kvm->irqchip != KVM_IRQCHIP_OFF) {
        kvm->memory_state.smm_page = X86_SMBASE_RESET + SMM_SAVE_PAGE;
    }
}

/* Once for each CPU: several may have entered before the first of them came here. */
bool kvm_x86_smm_entered(KvmX86Vcpu *vcpu)
{
    struct kvm_vcpu_events events;
    bool shown;
    int result;

    if (vcpu->smm_met) {
        return false;
    }
    vcpu->smm_met = true;
    machine_lock();
    shown = kvm_memory_show_smm(vcpu->kvm.kvm);
    machine_unlock();
    if (!shown) {
        return false;
    }
    /*
     * The kernel makes the failure an undefined instruction, too; nothing else can be on its
     * way yet.
     */
    result = kvm_ioctl(vcpu->kvm.fd, KVM_GET_VCPU_EVENTS, &events);
    if (result >= 0) {
        memset(&events.exception, 0, sizeof(events.exception));
        events.exception_has_payload = 0;
        events.flags &= KVM_VCPUEVENT_VALID_SHADOW | KVM_VCPUEVENT_VALID_PAYLOAD;
        result = kvm_ioctl(vcpu->kvm.fd, KVM_SET_VCPU_EVENTS, &events);
    }
    return result >= 0;
}

static void smi_in_thread(Cpu *cpu, void *opaque)
{
    int result = kvm_ioctl_number(kvm_vcpu(vcpu_of(cpu))->fd, KVM_SMI, 0);

    if (result < 0) {
        report_warning("CPU %u: the system management interrupt is lost: KVM_SMI: %s", cpu->index,
                       g_strerror(-result));
    } else {
        cpu->halted = false;   /* it wakes from HLT; whether it may run is asked again */
    }
}

static void apic_smi(void *opaque)
{
    KvmX86Vcpu *vcpu = opaque;
    Cpu *cpu = vcpu->kvm.vcpu.cpu;

    if (vcpu->kvm.kvm->cap[CAP_SMM] && kvm_memory_show_smm(vcpu->kvm.kvm)) {
        vcpu_run_on_async(cpu, smi_in_thread, NULL, NULL);
    } else {
        log_unimplemented("CPU %u: system management interrupt (KVM_CAP_X86_SMM)", cpu->index);
    }
}

static void smi_driven(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    if (level) {
        apic_smi(opaque);
    }
}

static void apic_init(void *opaque)
{
    KvmX86Vcpu *vcpu = opaque;

    vcpu->init = true;
    vcpu->sipi = -1;
    vcpu_kick(&vcpu->kvm.vcpu);
}

static void apic_startup(void *opaque, uint8_t page)
{
    KvmX86Vcpu *vcpu = opaque;

    vcpu->sipi = page;
    vcpu_kick(&vcpu->kvm.vcpu);
}

static const ApicCpuOps apic_ops = {
    .interrupt = apic_interrupt, .nmi = apic_nmi, .smi = apic_smi, .init = apic_init,
    .startup = apic_startup,
};

/* ---- LINT0 and LINT1 of a local APIC in the kernel ---- */

static void inject_nmi_in_thread(Cpu *cpu, void *opaque)
{
    kvm_x86_inject_nmi(vcpu_of(cpu));
}

static void lint_driven(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    KvmX86Vcpu *vcpu = opaque;

    if (line == 1 && level) {
        vcpu_run_on_async(vcpu->kvm.vcpu.cpu, inject_nmi_in_thread, NULL, NULL);
    } else if (line == 0 && vcpu->kvm.kvm->irqchip == KVM_IRQCHIP_SPLIT) {
        vcpu->extint = level;
        if (level) {
            vcpu_kick(&vcpu->kvm.vcpu);
        }
    }
}

bool kvm_x86_is_apic_msr(const KvmX86Vcpu *vcpu, uint32_t index)
{
    return !lapic_in_kernel(vcpu) && vcpu->lapic && index >= APIC_MSR_FIRST &&
           index <= APIC_MSR_LAST;
}

/* What CPUID tells the guest of its local APIC. */
static unsigned apic_features(const KvmX86Vcpu *vcpu)
{
    const X86FeatureSet *features = &kvm_x86_cpu(vcpu)->definition.features;

    return (x86_feature_set_has(features, "x2apic") ? APIC_X2APIC : 0) |
           (x86_feature_set_has(features, "tsc-deadline") ? APIC_TSC_DEADLINE : 0);
}

void kvm_x86_bind_cpu(KvmX86Vcpu *vcpu)
{
    pin_take_over(DEVICE(vcpu->kvm.vcpu.cpu), X86_CPU_PIN_SMI, smi_driven, vcpu);
    if (!vcpu->lapic) {
        return;
    }
    apic_set_features(vcpu->lapic, apic_features(vcpu));
    if (lapic_in_kernel(vcpu)) {
        kvm_chips_bind_lapic(vcpu);
        pin_take_over(vcpu->lapic, APIC_PIN_LINT, lint_driven, vcpu);
    } else {
        apic_set_cpu_ops(vcpu->lapic, &apic_ops, vcpu);
    }
}

void kvm_x86_unbind_cpu(KvmX86Vcpu *vcpu)
{
    pin_take_over(DEVICE(vcpu->kvm.vcpu.cpu), X86_CPU_PIN_SMI, NULL, NULL);
    if (!vcpu->lapic) {
        return;
    }
    if (lapic_in_kernel(vcpu)) {
        pin_take_over(vcpu->lapic, APIC_PIN_LINT, NULL, NULL);
        kvm_chips_unbind_lapic(vcpu);
    } else {
        apic_set_cpu_ops(vcpu->lapic, NULL, NULL);
    }
    vcpu->lapic = NULL;
}

/* ---- around KVM_RUN ---- */

/* A change of registers goes the long way: false sends the CPU back to its loop. */
static bool take_init(KvmX86Vcpu *vcpu)
{
    Cpu *cpu = vcpu->kvm.vcpu.cpu;
    X86CpuState *state = kvm_x86_cpu(vcpu)->registers;
    g_autoptr(GError) error = NULL;

    if (!vcpu_load_state(cpu, &error)) {
        vcpu_break(&vcpu->kvm.vcpu, "%s", error->message);
        return false;
    }
    if (vcpu->init) {
        vcpu->init = false;
        x86_cpu_init(state);
    }
    if (vcpu->sipi >= 0 && state->mp_state == X86_MP_WAIT_SIPI) {
        x86_cpu_sipi(state, vcpu->sipi);
    }
    vcpu->sipi = -1;
    cpu->halted = state->mp_state != X86_MP_RUNNABLE;
    vcpu_mark_state(cpu, CPU_STATE_RESET);
    return false;
}

static void inject(KvmX86Vcpu *vcpu)
{
    struct kvm_run *run = vcpu->kvm.run;
    struct kvm_interrupt interrupt;
    Device *master;
    int vector = -1, result;

    if (lapic_in_kernel(vcpu)) {
        master = i8259_master();
        vector = master && i8259_requests(master) ? i8259_acknowledge(master) : -1;
    } else {
        vector = apic_acknowledge(vcpu->lapic);
    }
    if (vector < 0) {
        return;
    }
    interrupt.irq = vector;
    run->ready_for_interrupt_injection = 0;
    result = kvm_ioctl(vcpu->kvm.fd, KVM_INTERRUPT, &interrupt);
    if (result < 0) {
        vcpu_break(&vcpu->kvm.vcpu, "CPU %u: interrupt 0x%x is lost: KVM_INTERRUPT: %s",
                   vcpu->kvm.vcpu.cpu->index, vector, g_strerror(-result));
    }
}

static bool slow_before_run(KvmX86Vcpu *vcpu)
{
    struct kvm_run *run = vcpu->kvm.run;

    if (vcpu->init || (vcpu->sipi >= 0 && waits_for_sipi(vcpu))) {
        return take_init(vcpu);
    }
    if (waits_for_sipi(vcpu)) {
        vcpu->kvm.vcpu.cpu->halted = true;
        return false;
    }
    vcpu->sipi = -1;
    vcpu->kvm.vcpu.cpu->halted = false;
    if (vcpu->nmi) {
        vcpu->nmi = false;
        kvm_ioctl_number(vcpu->kvm.fd, KVM_NMI, 0);
    }
    if ((vcpu->intr || vcpu->extint) && run->ready_for_interrupt_injection) {
        inject(vcpu);
    }
    run->request_interrupt_window = vcpu->intr || vcpu->extint;
    return true;
}

bool kvm_x86_before_run(KvmX86Vcpu *vcpu)
{
    struct kvm_run *run = vcpu->kvm.run;
    bool go_on = true;

    /* Flags are set under the lock and come with a kick, so a late look sees them. */
    if (vcpu->intr || vcpu->extint || vcpu->nmi || vcpu->init || vcpu->sipi >= 0 ||
        vcpu->kvm.vcpu.cpu->halted) {
        machine_lock();
        go_on = slow_before_run(vcpu);
        machine_unlock();
    } else {
        run->request_interrupt_window = 0;
    }
    if (!lapic_in_kernel(vcpu) && vcpu->lapic) {
        run->cr8 = apic_cr8(vcpu->lapic);
    }
    return go_on;
}

/* What the guest did to its local APIC by instructions instead of accesses. */
void kvm_x86_after_run(KvmX86Vcpu *vcpu)
{
    struct kvm_run *run = vcpu->kvm.run;

    if (lapic_in_kernel(vcpu) || !vcpu->lapic ||
        (run->cr8 == apic_cr8(vcpu->lapic) && run->apic_base == apic_base(vcpu->lapic))) {
        return;
    }
    machine_lock();
    apic_set_cr8(vcpu->lapic, run->cr8);
    if (run->apic_base != apic_base(vcpu->lapic) &&
        !apic_set_base(vcpu->lapic, run->apic_base, kvm_x86_cpu(vcpu)->definition.phys_bits)) {
        log_guest_error("CPU %u: IA32_APIC_BASE 0x%" PRIx64 " is not possible",
                        vcpu->kvm.vcpu.cpu->index, (uint64_t)run->apic_base);
    }
    machine_unlock();
}

bool kvm_x86_has_work(Vcpu *v)
{
    KvmX86Vcpu *vcpu = kvm_x86_vcpu(v);

    if (lapic_in_kernel(vcpu) || vcpu->init) {
        return true;
    }
    if (waits_for_sipi(vcpu)) {
        return vcpu->sipi >= 0;
    }
    return vcpu->nmi || (vcpu->intr && vcpu->kvm.run->if_flag);
}

/* ---- NMI ---- */

#define LVT_LINT1   0x360
#define LVT_MASKED  (1u << 16)
#define LVT_MODE(x) ((x) >> 8 & 7)
#define MODE_NMI    4

/* SDM volume 3, 11.5.1: LINT1 is what the entry of the vector table makes of it. */
void kvm_x86_inject_nmi(Vcpu *v)
{
    KvmX86Vcpu *vcpu = kvm_x86_vcpu(v);
    struct kvm_lapic_state page;
    uint32_t entry;
    int result;

    if (!lapic_in_kernel(vcpu)) {
        if (v->cpu->ops && v->cpu->ops->inject_nmi) {
            v->cpu->ops->inject_nmi(v->cpu);
        }
        return;
    }
    result = kvm_ioctl(vcpu->kvm.fd, KVM_GET_LAPIC, &page);
    entry = load_le((const uint8_t *)page.regs + LVT_LINT1, 4);
    if (result >= 0 && ((entry & LVT_MASKED) || LVT_MODE(entry) != MODE_NMI)) {
        return;
    }
    result = kvm_ioctl_number(vcpu->kvm.fd, KVM_NMI, 0);
    if (result < 0) {
        report_warning("CPU %u: the NMI is lost: KVM_NMI: %s", v->cpu->index,
                       g_strerror(-result));
    }
}
