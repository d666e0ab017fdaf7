/* SPDX-License-Identifier: MIT */
/* The x86 CPU between its board and the core: interrupts, state in and out. */
#include <string.h>

#include "accel/jit/x86/fpu.h"
#include "accel/jit/x86/system.h"
#include "base/lock.h"
#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/intc/apic.h"
#include "hw/timer/ticks.h"

static X86Jit *x86_of(JitCpu *cpu)
{
    return (X86Jit *)cpu;
}

/* ---- what the local APIC does to its CPU ---- */

void x86_ask(X86Jit *cpu, unsigned what)
{
    atomic_fetch_or(&cpu->asked, what);
    jit_attention(&cpu->core);
    vcpu_kick(&cpu->core.vcpu);
}

static void apic_interrupt(void *opaque, bool level)
{
    X86Jit *cpu = opaque;

    if (level) {
        x86_ask(cpu, X86_ASKED_INTR);
    } else {
        atomic_fetch_and(&cpu->asked, ~X86_ASKED_INTR);
    }
}

static void apic_nmi(void *opaque) { x86_ask(opaque, X86_ASKED_NMI); }

static void apic_smi(void *opaque)
{
    x86_ask(opaque, X86_ASKED_SMI);
}

static void smi_driven(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    if (level) {
        apic_smi(opaque);
    }
}

/* ---- x87 errors with CR0.NE 0: SDM volume 1, appendix D ---- */

static void ignne_driven(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    X86Jit *cpu = opaque;

    atomic_store(&cpu->ignne, level);
    if (level) {
        x86_ask(cpu, X86_ASKED_GO_ON);
    }
}

void x86_set_ferr(X86Jit *cpu, bool level)
{
    cpu->ferr = level;
    jit_machine_lock(&cpu->core);
    pin_set(DEVICE(cpu->core.vcpu.cpu), X86_CPU_PIN_FERR, 0, level);
    jit_machine_unlock(&cpu->core);
}

void x86_freeze(X86Jit *cpu)
{
    if (!cpu->ferr) {
        x86_set_ferr(cpu, true);
    }
    /* Whoever looked away from IGNNE meanwhile finds it asked for. */
    cpu->frozen = true;
    cpu->mp_state = X86_MP_HALTED;
    jit_leave(&cpu->core);
}

static void apic_init(void *opaque)
{
    X86Jit *cpu = opaque;

    atomic_fetch_and(&cpu->asked, ~X86_ASKED_SIPI);
    x86_ask(cpu, X86_ASKED_INIT);
}

static void apic_startup(void *opaque, uint8_t page)
{
    X86Jit *cpu = opaque;

    cpu->sipi_page = page;
    x86_ask(cpu, X86_ASKED_SIPI);
}

static int64_t apic_tsc_to_virtual_ns(void *opaque, uint64_t tsc)
{
    const X86Jit *cpu = opaque;
    int64_t now = time_virtual();
    uint64_t at = x86_tsc(cpu);

    return tsc <= at ? now : ticks_time(now, tsc - at, x86_tsc_hz(cpu));
}

static const ApicCpuOps apic_ops = {
    .interrupt = apic_interrupt, .nmi = apic_nmi, .smi = apic_smi, .init = apic_init,
    .startup = apic_startup, .tsc_to_virtual_ns = apic_tsc_to_virtual_ns,
};

static bool create(JitCpu *jit, GError **error)
{
    X86Jit *cpu = x86_of(jit);

    cpu->x86 = (X86Cpu *)jit->vcpu.cpu;
    x86_mwait_create(cpu);
    cpu->initial = cpu->x86->registers;
    for (unsigned i = 0; i < G_N_ELEMENTS(cpu->shift_counts); i++) {
        cpu->shift_counts[i][0] = i;
    }
    if (cpu->x86->lapic) {
        pin_take_over(DEVICE(jit->vcpu.cpu), X86_CPU_PIN_SMI, smi_driven, cpu);
        pin_take_over(DEVICE(jit->vcpu.cpu), X86_CPU_PIN_IGNNE, ignne_driven, cpu);
        apic_set_features(cpu->x86->lapic,
                          (x86_has(cpu, "x2apic") ? APIC_X2APIC : 0) |
                          (x86_has(cpu, "tsc-deadline") ? APIC_TSC_DEADLINE : 0));
        apic_set_cpu_ops(cpu->x86->lapic, &apic_ops, cpu);
    }
    return true;
}

static void destroy(JitCpu *jit)
{
    X86Jit *cpu = x86_of(jit);

    x86_mwait_destroy(cpu);
    if (cpu->x86->lapic) {
        pin_take_over(DEVICE(jit->vcpu.cpu), X86_CPU_PIN_SMI, NULL, NULL);
        pin_take_over(DEVICE(jit->vcpu.cpu), X86_CPU_PIN_IGNNE, NULL, NULL);
        apic_set_cpu_ops(cpu->x86->lapic, NULL, NULL);
    }
    g_clear_pointer(&cpu->msr, g_free);
}

/* ---- state ---- */

/* X86Events.interrupt_shadow, as KVM has it. */
enum { SHADOW_SS = 1, SHADOW_STI = 2 };

#define MSR_TSC 0x10
#define DR6_TOLD 0xe00fu

static unsigned shadow_shown(const X86Jit *cpu)
{
    bool lies = cpu->shadow && cpu->shadow != X86_SHADOW_OVER;

    return !lies ? 0 : cpu->shadow_of_ss ? SHADOW_SS : SHADOW_STI;
}

/* INIT and SIPI that were asked for and not looked at yet, as if they had been. */
static void apply_init(X86CpuState *s, unsigned asked, uint8_t page)
{
    if (asked & X86_ASKED_INIT) {
        x86_cpu_init(s);
    }
    if ((asked & X86_ASKED_SIPI) && s->mp_state == X86_MP_WAIT_SIPI) {
        x86_cpu_sipi(s, page);
    }
}

/* KVM tells of exceptions that were raised, and of what they will have done once they are delivered. */
static void take_pending_exception(X86Jit *cpu)
{
    X86Events *e = &cpu->events;

    if (e->exception_pending && e->exception_has_payload) {
        cpu->dr6 |= e->exception == X86_DB ? e->exception_payload & DR6_TOLD : 0;
        cpu->cr2 = e->exception == X86_PFV ? e->exception_payload : cpu->cr2;
    }
    e->exception_injected |= e->exception_pending;
    e->exception_pending = e->exception_has_payload = false;
}

/* What waits for it, from state that was saved: of this CPU nothing else is true any more. */
static void put_asked(X86Jit *cpu, const X86Events *e, CpuStateLevel level)
{
    if (level == CPU_STATE_FULL) {
        atomic_fetch_and(&cpu->asked, ~(X86_ASKED_NMI | X86_ASKED_SMI | X86_ASKED_INIT | X86_ASKED_SIPI));
    }
    atomic_fetch_or(&cpu->asked, (e->nmi_pending ? X86_ASKED_NMI : 0) |
                                 (e->smi_pending ? X86_ASKED_SMI : 0) |
                                 (e->smi_latched_init ? X86_ASKED_INIT : 0) |
                                 (e->smi_latched_sipi ? X86_ASKED_SIPI : 0));
    if (e->smi_latched_sipi) {
        cpu->sipi_page = e->sipi_vector;
    }
    cpu->events.nmi_pending = cpu->events.smi_pending = false;
    cpu->events.smi_latched_init = cpu->events.smi_latched_sipi = false;
}

/* A CPU that waits for IGNNE# or an interrupt is saved as one that is about to wait. */
static void put_mp_state(X86Jit *cpu, const X86CpuState *s)
{
    cpu->mp_state = s->mp_state;
    cpu->frozen = false;
    x86_mwait_restored(cpu);
    if (s->mp_state == X86_MP_INIT) {
        cpu->mp_state = X86_MP_WAIT_SIPI;    /* KVM: INIT was taken, SIPI was not */
    } else if (s->mp_state == X86_MP_SIPI) {
        cpu->segment[X86_CS].selector = (uint16_t)(s->events.sipi_vector << 8);
        cpu->segment[X86_CS].base = (uint64_t)s->events.sipi_vector << 12;
        cpu->rip = 0;
        cpu->mp_state = X86_MP_RUNNABLE;
    }
}

/* FERR# is what an instruction that waits has met, and no error that nobody asked about yet. */
static void put_error_pins(X86Jit *cpu)
{
    Device *device = DEVICE(cpu->core.vcpu.cpu);

    cpu->ferr = pin_level(device, X86_CPU_PIN_FERR, 0) && (cpu->fsw & X87_ES) && !(cpu->cr0 & X86_CR0_NE);
    pin_set(device, X86_CPU_PIN_FERR, 0, cpu->ferr);
    if (cpu->x86->lapic) {
        atomic_store(&cpu->ignne, pin_level(device, X86_CPU_PIN_IGNNE, 0));
    }
}

static bool get_state(JitCpu *jit, GError **error)
{
    X86Jit *cpu = x86_of(jit);
    X86CpuState *s = cpu->x86->registers;
    unsigned asked = atomic_load(&cpu->asked);

    memcpy(s->gpr, cpu->gpr, sizeof(s->gpr));
    memcpy(s->segment, cpu->segment, sizeof(s->segment));
    memcpy(s->dr, cpu->dr, sizeof(s->dr));
    memcpy(s->pdptr, cpu->pdptr, sizeof(s->pdptr));
    s->pdptrs_valid = (cpu->cr0 & X86_CR0_PG) && (cpu->cr4 & X86_CR4_PAE) && !x86_long_mode(cpu);
    s->rip = cpu->rip;
    s->rflags = x86_shown_rflags(cpu);
    s->gdtr = cpu->gdtr;
    s->idtr = cpu->idtr;
    s->cr0 = cpu->cr0;
    s->cr2 = cpu->cr2;
    s->cr3 = cpu->cr3;
    s->cr4 = cpu->cr4;
    s->cr8 = cpu->x86->lapic ? apic_cr8(cpu->x86->lapic) : cpu->cr8;
    s->dr6 = cpu->dr6;
    s->dr7 = cpu->dr7;
    s->efer = cpu->efer;
    s->apic_base = cpu->x86->lapic ? apic_base(cpu->x86->lapic) : cpu->apic_base;
    s->xcr0 = cpu->xcr0;
    s->events = cpu->events;
    s->events.interrupt_shadow = shadow_shown(cpu);
    s->events.nmi_pending = asked & X86_ASKED_NMI;
    s->events.smi_pending = asked & X86_ASKED_SMI;
    s->events.smi_latched_init = cpu->events.smm && asked & X86_ASKED_INIT;
    s->events.smi_latched_sipi = cpu->events.smm && asked & X86_ASKED_SIPI;
    s->events.sipi_vector = cpu->sipi_page;
    s->mp_state = cpu->events.mwait_asleep || cpu->frozen ? X86_MP_RUNNABLE : cpu->mp_state;
    for (size_t i = 0; i < s->msr_count && i < cpu->msr_count; i++) {
        s->msr[i].supported = cpu->msr[i].supported;
    }

    x86_msrs_to_state(cpu, s);
    x86_xstate_to_image(cpu, s->xsave, s->xsave_size);
    if (!cpu->events.smm) {
        apply_init(s, asked, cpu->sipi_page);
    }
    return true;
}

static bool put_state(JitCpu *jit, CpuStateLevel level, GError **error)
{
    X86Jit *cpu = x86_of(jit);
    const X86CpuState *s = cpu->x86->registers;

    memcpy(cpu->gpr, s->gpr, sizeof(s->gpr));
    memcpy(cpu->segment, s->segment, sizeof(s->segment));
    memcpy(cpu->dr, s->dr, sizeof(s->dr));
    memcpy(cpu->pdptr, s->pdptr, sizeof(s->pdptr));
    cpu->rip = s->rip;
    cpu->gdtr = s->gdtr;
    cpu->idtr = s->idtr;
    cpu->cr0 = s->cr0;
    cpu->cr2 = s->cr2;
    cpu->cr3 = s->cr3;
    cpu->cr4 = s->cr4;
    cpu->cr8 = s->cr8;
    cpu->dr6 = s->dr6;
    cpu->dr7 = s->dr7;
    cpu->efer = s->efer;
    cpu->apic_base = s->apic_base;
    cpu->xcr0 = s->xcr0;
    cpu->events = s->events;
    cpu->shadow = s->events.interrupt_shadow ? X86_SHADOW_BEGINS : X86_SHADOW_NONE;
    cpu->shadow_of_ss = s->events.interrupt_shadow & SHADOW_SS;
    take_pending_exception(cpu);
    put_asked(cpu, &s->events, level);
    if (level >= CPU_STATE_RESET) {
        put_mp_state(cpu, s);
    }
    x86_smm_changed(cpu);
    x86_msrs_from_state(cpu, s);
    if (level >= CPU_STATE_RESET) {
        cpu->tsc_offset = x86_cpu_msr_value(s, MSR_TSC) - x86_tsc_at(cpu, jit_put_time());
    }
    x86_xstate_from_image(cpu, s->xsave, s->xsave_size);
    x86_set_rflags(cpu, s->rflags);
    put_error_pins(cpu);
    x86_address_space_changed(cpu, false);
    x86_breakpoints_changed(cpu);
    x86_context_changed(cpu);
    jit_attention(jit);
    return true;
}

/* ---- between blocks ---- */

static bool shut_down(X86Jit *cpu)
{
    jit_machine_lock(&cpu->core);
    if (log_enabled(LOG_CPU_RESET)) {
        log_write(LOG_CPU_RESET, "CPU %u: triple fault", cpu->core.vcpu.cpu->index);
    }
    cpu->core.vcpu.broken = true;
    machine_request_reset(SHUTDOWN_GUEST_RESET);
    jit_machine_unlock(&cpu->core);
    return false;
}

static void take_init(X86Jit *cpu, unsigned asked)
{
    g_autoptr(GError) error = NULL;
    X86CpuState *state = cpu->x86->registers;
    uint64_t tsc_offset = cpu->tsc_offset;

    jit_machine_lock(&cpu->core);
    if (get_state(&cpu->core, &error)) {
        cpu_log_reset(cpu->core.vcpu.cpu);
        apply_init(state, asked, cpu->sipi_page);
        put_state(&cpu->core, CPU_STATE_RESET, &error);
        cpu->tsc_offset = tsc_offset;    /* it went on meanwhile */
    }
    jit_machine_unlock(&cpu->core);
    jit_tlb_flush(&cpu->core, true);
}

static void deliver_external(X86Jit *cpu, unsigned vector)
{
    X86Events *e = &cpu->events;

    cpu->mp_state = X86_MP_RUNNABLE;
    cpu->frozen = false;
    e->interrupt_injected = true;
    e->interrupt_soft = false;
    e->interrupt = vector;
    if (log_enabled(LOG_INT)) {
        log_write(LOG_INT, "CPU %u: interrupt 0x%02x at %04x:%016" PRIx64 " cpl %u",
                  cpu->core.vcpu.cpu->index, vector, cpu->segment[X86_CS].selector, cpu->rip,
                  x86_jit_cpl(cpu));
    }
    x86_deliver(cpu, vector, false, false, 0, cpu->rip);
    e->interrupt_injected = false;
}

static void take_interrupt(X86Jit *cpu)
{
    int vector;

    jit_machine_lock(&cpu->core);
    vector = apic_acknowledge(cpu->x86->lapic);
    jit_machine_unlock(&cpu->core);
    if (vector >= 0) {
        deliver_external(cpu, vector);
    }
}

static void take_debug_trap(X86Jit *cpu)
{
    if (log_enabled(LOG_INT)) {
        log_write(LOG_INT, "CPU %u: debug trap 0x%x before 0x%" PRIx64, cpu->core.vcpu.cpu->index,
                  cpu->events.debug_pending, cpu->rip);
    }
    cpu->dr6 |= cpu->events.debug_pending;
    cpu->events.debug_pending = 0;
    cpu->shadow = X86_SHADOW_NONE;
    cpu->events.exception_injected = true;
    cpu->events.exception = X86_DB;
    x86_deliver(cpu, X86_DB, false, false, 0, cpu->rip);
    cpu->events.exception_injected = false;
}

/* A debugger steps: what it looks at is the program, not the interrupts that came meanwhile. */
static bool keeps_out_interrupts(const X86Jit *cpu)
{
    return G_UNLIKELY(cpu->core.vcpu.debug.step == VCPU_STEP_NO_IRQ) &&
           cpu->mp_state == X86_MP_RUNNABLE;
}

/* What is asked of it; in system management mode INIT waits for RSM. */
static unsigned waiting(const X86Jit *cpu)
{
    unsigned asked = atomic_load(&cpu->asked);

    return cpu->events.smm ? asked & ~(unsigned)(X86_ASKED_INIT | X86_ASKED_SIPI) : asked;
}

static bool pending_but_io(JitCpu *jit)
{
    X86Jit *cpu = x86_of(jit);
    X86Events *e = &cpu->events;
    unsigned asked = waiting(cpu);

    if (e->triple_fault) {
        return shut_down(cpu);
    }
    if (G_UNLIKELY(asked & X86_ASKED_GO_ON)) {
        atomic_fetch_and(&cpu->asked, ~X86_ASKED_GO_ON);
        cpu->mp_state = cpu->frozen ? X86_MP_RUNNABLE : cpu->mp_state;
        cpu->frozen = false;
        x86_mwait_end(cpu);
    }
    if ((asked & X86_ASKED_INTR) && e->mwait_masked_wake) {
        x86_mwait_end(cpu);
    }
    if (asked & (X86_ASKED_INIT | X86_ASKED_SIPI)) {
        asked = atomic_fetch_and(&cpu->asked, ~(X86_ASKED_INIT | X86_ASKED_SIPI));
        take_init(cpu, asked);
    }
    if (cpu->mp_state == X86_MP_WAIT_SIPI) {
        return false;
    }
    if (e->exception_injected) {
        x86_deliver(cpu, e->exception, false, e->exception_has_error, e->exception_error,
                    cpu->rip);
        e->exception_injected = false;
        cpu->shadow = X86_SHADOW_NONE;
    } else if (e->nmi_injected) {
        e->nmi_injected = false;
        e->nmi_masked = true;
        deliver_external(cpu, X86_NMI);
    } else if (e->interrupt_injected && !e->interrupt_soft) {
        deliver_external(cpu, e->interrupt);
    }
    /*
     * SDM volume 3, table 6-2: before the traps of the instruction that was done; those wait
     * for RSM.
     */
    if ((asked & X86_ASKED_SMI) && !e->smm && cpu->shadow != X86_SHADOW_BEGINS) {
        atomic_fetch_and(&cpu->asked, ~X86_ASKED_SMI);
        x86_mwait_end(cpu);
        x86_enter_smm(cpu);
    }
    if (cpu->events.debug_pending && !(cpu->shadow == X86_SHADOW_BEGINS && cpu->shadow_of_ss)) {
        take_debug_trap(cpu);
    }
    if (cpu->shadow == X86_SHADOW_BEGINS || cpu->shadow == X86_SHADOW_LIES) {
        cpu->shadow = X86_SHADOW_LIES;   /* on one instruction, a block that says that it is over */
        return true;
    }
    cpu->shadow = X86_SHADOW_NONE;
    if ((asked & X86_ASKED_NMI) && !e->nmi_masked) {
        atomic_fetch_and(&cpu->asked, ~X86_ASKED_NMI);
        e->nmi_masked = true;
        deliver_external(cpu, X86_NMI);
    } else if ((asked & X86_ASKED_INTR) && (cpu->rflags & X86_IF) && !keeps_out_interrupts(cpu)) {
        take_interrupt(cpu);
    }
    return cpu->mp_state == X86_MP_RUNNABLE;
}

static bool pending(JitCpu *jit)
{
    bool runs = pending_but_io(jit);

    x86_of(jit)->events.io = 0;
    x86_of(jit)->shadow_ip = 0;
    x86_of(jit)->events.mwait_asleep &= !runs;
    return runs;
}

static bool has_work(JitCpu *jit)
{
    X86Jit *cpu = x86_of(jit);
    unsigned asked = waiting(cpu);

    if (cpu->mp_state == X86_MP_WAIT_SIPI) {
        return asked & (X86_ASKED_INIT | X86_ASKED_SIPI);
    }
    return cpu->mp_state == X86_MP_RUNNABLE || (asked & (X86_ASKED_INIT | X86_ASKED_GO_ON)) ||
           ((asked & X86_ASKED_SMI) && !cpu->events.smm) ||
           ((asked & X86_ASKED_NMI) && !cpu->events.nmi_masked) ||
           ((asked & X86_ASKED_INTR) &&
            (cpu->rflags & X86_IF || (cpu->events.mwait_asleep && cpu->events.mwait_masked_wake)));
}

static void context(JitCpu *jit, JitContext *context)
{
    X86Jit *cpu = x86_of(jit);

    context->base = cpu->base[X86_CS];
    context->pc = context->base + cpu->rip;
    if (!(cpu->context_flags & X86_CTX_CODE64)) {
        context->pc = (uint32_t)context->pc;
        context->base = context->pc - cpu->rip;
    }
    context->flags = cpu->context_flags | (cpu->rflags & X86_TF ? X86_CTX_TF : 0) |
                     (cpu->shadow ? X86_CTX_SHADOW : 0);
    context->mode = x86_jit_cpl(cpu) == 3 ? X86_MODE_USER : X86_MODE_KERNEL;
}

static void misaligned(JitCpu *jit, uint64_t address, JitAccess access)
{
    x86_raise_gp(x86_of(jit), 0);
}

static void unaligned(JitCpu *jit, uint64_t address)
{
    x86_check_alignment(x86_of(jit), address, 8);
}

/* The shadow lies on the instruction still. */
static void begins_again(JitCpu *jit)
{
    X86Jit *cpu = x86_of(jit);

    if (cpu->shadow == X86_SHADOW_OVER) {
        cpu->shadow = X86_SHADOW_BEGINS;
    } else if (cpu->shadow_ip && cpu->shadow_ip == cpu->rip) {
        x86_help_enter_shadow(cpu, 0);
    }
}

static void inject_nmi(JitCpu *jit)
{
    Cpu *cpu = jit->vcpu.cpu;

    if (cpu->ops && cpu->ops->inject_nmi) {
        cpu->ops->inject_nmi(cpu);
    }
}

static void print(JitCpu *jit, GString *out)
{
    X86Jit *cpu = x86_of(jit);

    /* Its image is nobody's while the CPU runs. */
    if (get_state(jit, NULL)) {
        x86_cpu_print(cpu->x86->registers, jit->vcpu.cpu->index, log_enabled(LOG_FPU), out);
    }
}

static unsigned disas_mode(const JitContext *context)
{
    return context->flags & X86_CTX_CODE64 ? DISAS_X86_64
           : context->flags & X86_CTX_CODE32 ? DISAS_X86_32 : DISAS_X86_16;
}

static bool machine_init(GError **error)
{
    x86_cpu_set_support(x86_jit_support());
    return true;
}

static bool machine_attach(GError **error) { return true; }
static void machine_detach(void) { }

const JitArch x86_jit_arch = {
    .name = "x86", .size = sizeof(X86Jit), .slots = x86_slots, .slot_count = X86_SLOTS,
    .mmu_modes = JIT_MMU_MODES, .aligned_modes = 1u << X86_MODE_ALIGNED, .pc_slot = X86_SLOT_RIP,
    .middle = offsetof(X86Jit, gpr),
    .scratch = offsetof(X86Jit, scratch), .scratch_end = offsetof(X86Jit, shift_counts),
    .mxcsr = offsetof(X86Jit, mxcsr), .watch_hit = x86_watch_hit, .machine_init = machine_init,
    .machine_attach = machine_attach, .machine_detach = machine_detach, .create = create,
    .destroy = destroy, .get_state = get_state, .put_state = put_state, .inject_nmi = inject_nmi,
    .context = context, .translate = x86_lower_block, .jumped = x86_jumped, .walk = x86_walk,
    .misaligned = misaligned, .unaligned = unaligned, .begins_again = begins_again,
    .pending = pending, .has_work = has_work, .print = print, .disas_mode = disas_mode,
};
