/* SPDX-License-Identifier: MIT */
/* Registers between X86CpuState and the kernel; Linux Documentation/virt/kvm/api.rst. */
#include <errno.h>
#include <string.h>

#include "accel/kvm/x86.h"
#include "base/error.h"

static X86CpuState *state_of(const KvmX86Vcpu *vcpu)
{
    return kvm_x86_cpu(vcpu)->registers;
}

void kvm_x86_complete_io(KvmX86Vcpu *vcpu)
{
    struct kvm_run *run = vcpu->kvm.run;

    if (vcpu->io_pending) {
        vcpu->io_pending = false;
        run->immediate_exit = 1;
        kvm_ops->ioctl(vcpu->kvm.fd, KVM_RUN, NULL);
        run->immediate_exit = 0;
    }
}

/* ---- general registers ---- */

typedef struct GeneralRegister {
    uint8_t number;    /* X86_RAX … */
    uint8_t offset;    /* in struct kvm_regs */
} GeneralRegister;

#define GENERAL(number, member) { X86_##number, offsetof(struct kvm_regs, member) }

static const GeneralRegister general[] = {
    GENERAL(RAX, rax), GENERAL(RBX, rbx), GENERAL(RCX, rcx), GENERAL(RDX, rdx),
    GENERAL(RSI, rsi), GENERAL(RDI, rdi), GENERAL(RSP, rsp), GENERAL(RBP, rbp),
    GENERAL(R8, r8), GENERAL(R9, r9), GENERAL(R10, r10), GENERAL(R11, r11),
    GENERAL(R12, r12), GENERAL(R13, r13), GENERAL(R14, r14), GENERAL(R15, r15),
};

static bool get_regs(KvmX86Vcpu *vcpu, GError **error)
{
    X86CpuState *state = state_of(vcpu);
    struct kvm_regs regs;

    if (!kvm_vcpu_call(&vcpu->kvm, KVM_GET_REGS, &regs, error)) {
        return false;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(general); i++) {
        memcpy(&state->gpr[general[i].number], (char *)&regs + general[i].offset, 8);
    }
    state->rip = regs.rip;
    state->rflags = regs.rflags;
    return true;
}

static bool put_regs(KvmX86Vcpu *vcpu, GError **error)
{
    const X86CpuState *state = state_of(vcpu);
    struct kvm_regs regs = { .rip = state->rip, .rflags = state->rflags };

    for (unsigned i = 0; i < G_N_ELEMENTS(general); i++) {
        memcpy((char *)&regs + general[i].offset, &state->gpr[general[i].number], 8);
    }
    return kvm_vcpu_call(&vcpu->kvm, KVM_SET_REGS, &regs, error);
}

/* ---- system registers ---- */

typedef struct SegmentRegister {
    uint8_t number;    /* X86_ES … */
    uint16_t offset;   /* in struct kvm_sregs, and the same in kvm_sregs2 */
} SegmentRegister;

#define SEGMENT(number, member) { X86_##number, offsetof(struct kvm_sregs2, member) }

static const SegmentRegister segments[] = {
    SEGMENT(CS, cs), SEGMENT(DS, ds), SEGMENT(ES, es), SEGMENT(FS, fs), SEGMENT(GS, gs),
    SEGMENT(SS, ss), SEGMENT(TR, tr), SEGMENT(LDTR, ldt),
};

G_STATIC_ASSERT(offsetof(struct kvm_sregs, efer) == offsetof(struct kvm_sregs2, efer));
G_STATIC_ASSERT(offsetof(struct kvm_sregs, gdt) == offsetof(struct kvm_sregs2, gdt));
G_STATIC_ASSERT(offsetof(struct kvm_sregs, apic_base) == offsetof(struct kvm_sregs2, apic_base));

static X86Segment segment_from_kvm(const struct kvm_segment *s)
{
    return (X86Segment){
        .base = s->base, .limit = s->limit, .selector = s->selector,
        .attributes = s->type | (uint32_t)s->s << 4 | (uint32_t)s->dpl << 5 |
                      (uint32_t)s->present << 7 | (uint32_t)s->avl << 12 |
                      (uint32_t)s->l << 13 | (uint32_t)s->db << 14 | (uint32_t)s->g << 15 |
                      (s->unusable ? X86_SEGMENT_UNUSABLE : 0),
    };
}

static struct kvm_segment segment_to_kvm(const X86Segment *s)
{
    uint32_t a = s->attributes;

    return (struct kvm_segment){
        .base = s->base, .limit = s->limit, .selector = s->selector,
        .type = a & X86_SEGMENT_TYPE, .s = !!(a & X86_SEGMENT_S),
        .dpl = (a & X86_SEGMENT_DPL) >> 5, .present = !!(a & X86_SEGMENT_P),
        .avl = !!(a & X86_SEGMENT_AVL), .l = !!(a & X86_SEGMENT_L),
        .db = !!(a & X86_SEGMENT_DB), .g = !!(a & X86_SEGMENT_G),
        .unusable = (a & X86_SEGMENT_UNUSABLE) || !(a & X86_SEGMENT_P),
    };
}

static void sregs_from_kvm(X86CpuState *state, const struct kvm_sregs2 *sregs)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(segments); i++) {
        state->segment[segments[i].number] = segment_from_kvm(
            (const struct kvm_segment *)((const char *)sregs + segments[i].offset));
    }
    state->gdtr = (X86DescriptorTable){ sregs->gdt.base, sregs->gdt.limit };
    state->idtr = (X86DescriptorTable){ sregs->idt.base, sregs->idt.limit };
    state->cr0 = sregs->cr0;
    state->cr2 = sregs->cr2;
    state->cr3 = sregs->cr3;
    state->cr4 = sregs->cr4;
    state->cr8 = sregs->cr8;
    state->efer = sregs->efer;
    state->apic_base = sregs->apic_base;
}

static void sregs_to_kvm(const X86CpuState *state, struct kvm_sregs2 *sregs)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(segments); i++) {
        *(struct kvm_segment *)((char *)sregs + segments[i].offset) =
            segment_to_kvm(&state->segment[segments[i].number]);
    }
    sregs->gdt = (struct kvm_dtable){ .base = state->gdtr.base, .limit = state->gdtr.limit };
    sregs->idt = (struct kvm_dtable){ .base = state->idtr.base, .limit = state->idtr.limit };
    sregs->cr0 = state->cr0;
    sregs->cr2 = state->cr2;
    sregs->cr3 = state->cr3;
    sregs->cr4 = state->cr4;
    sregs->cr8 = state->cr8;
    sregs->efer = state->efer;
    sregs->apic_base = state->apic_base;
}

static bool get_sregs(KvmX86Vcpu *vcpu, GError **error)
{
    X86CpuState *state = state_of(vcpu);
    struct kvm_sregs2 sregs2 = { 0 };
    struct kvm_sregs sregs;

    if (vcpu->kvm.kvm->cap[CAP_SREGS2]) {
        if (!kvm_vcpu_call(&vcpu->kvm, KVM_GET_SREGS2, &sregs2, error)) {
            return false;
        }
        state->pdptrs_valid = sregs2.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID;
        for (unsigned i = 0; i < 4; i++) {
            state->pdptr[i] = state->pdptrs_valid ? sregs2.pdptrs[i] : 0;
        }
    } else {
        if (!kvm_vcpu_call(&vcpu->kvm, KVM_GET_SREGS, &sregs, error)) {
            return false;
        }
        memcpy(&sregs2, &sregs, offsetof(struct kvm_sregs, interrupt_bitmap));
        state->pdptrs_valid = false;
    }
    sregs_from_kvm(state, &sregs2);
    return true;
}

static bool put_sregs(KvmX86Vcpu *vcpu, GError **error)
{
    const X86CpuState *state = state_of(vcpu);
    struct kvm_sregs2 sregs2 = { 0 };
    struct kvm_sregs sregs = { 0 };

    sregs_to_kvm(state, &sregs2);
    if (vcpu->kvm.kvm->cap[CAP_SREGS2]) {
        if (state->pdptrs_valid) {
            sregs2.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
            for (unsigned i = 0; i < 4; i++) {
                sregs2.pdptrs[i] = state->pdptr[i];
            }
        }
        return kvm_vcpu_call(&vcpu->kvm, KVM_SET_SREGS2, &sregs2, error);
    }
    /* An interrupt being delivered is told by the events. */
    memcpy(&sregs, &sregs2, offsetof(struct kvm_sregs, interrupt_bitmap));
    return kvm_vcpu_call(&vcpu->kvm, KVM_SET_SREGS, &sregs, error);
}

/* ---- extended state ---- */

static bool get_xsave(KvmX86Vcpu *vcpu, GError **error)
{
    const Kvm *kvm = vcpu->kvm.kvm;
    X86CpuState *state = state_of(vcpu);

    if (!kvm_vcpu_call(&vcpu->kvm, kvm->cap[CAP_XSAVE2] ? KVM_GET_XSAVE2 : KVM_GET_XSAVE,
                       vcpu->xsave, error)) {
        return false;
    }
    memcpy(state->xsave, vcpu->xsave, MIN(state->xsave_size, kvm->x86->xsave_size));
    return true;
}

static bool put_xsave(KvmX86Vcpu *vcpu, GError **error)
{
    const Kvm *kvm = vcpu->kvm.kvm;
    const X86CpuState *state = state_of(vcpu);

    memset(vcpu->xsave, 0, kvm->x86->xsave_size);
    memcpy(vcpu->xsave, state->xsave, MIN(state->xsave_size, kvm->x86->xsave_size));
    return kvm_vcpu_call(&vcpu->kvm, KVM_SET_XSAVE, vcpu->xsave, error);
}

static bool has_xcrs(const KvmX86Vcpu *vcpu)
{
    return vcpu->kvm.kvm->cap[CAP_XCRS] && kvm_x86_cpu(vcpu)->definition.xcr0;
}

static bool get_xcrs(KvmX86Vcpu *vcpu, GError **error)
{
    struct kvm_xcrs xcrs = { 0 };

    if (!has_xcrs(vcpu)) {
        return true;
    }
    if (!kvm_vcpu_call(&vcpu->kvm, KVM_GET_XCRS, &xcrs, error)) {
        return false;
    }
    for (unsigned i = 0; i < MIN(xcrs.nr_xcrs, KVM_MAX_XCRS); i++) {
        if (xcrs.xcrs[i].xcr == 0) {
            state_of(vcpu)->xcr0 = xcrs.xcrs[i].value;
        }
    }
    return true;
}

static bool put_xcrs(KvmX86Vcpu *vcpu, GError **error)
{
    struct kvm_xcrs xcrs = { .nr_xcrs = 1, .xcrs[0].value = state_of(vcpu)->xcr0 };

    return !has_xcrs(vcpu) || kvm_vcpu_call(&vcpu->kvm, KVM_SET_XCRS, &xcrs, error);
}

static bool get_debugregs(KvmX86Vcpu *vcpu, GError **error)
{
    X86CpuState *state = state_of(vcpu);
    struct kvm_debugregs debug = { 0 };

    if (!kvm_vcpu_call(&vcpu->kvm, KVM_GET_DEBUGREGS, &debug, error)) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        state->dr[i] = debug.db[i];
    }
    state->dr6 = debug.dr6;
    state->dr7 = debug.dr7;
    return true;
}

static bool put_debugregs(KvmX86Vcpu *vcpu, GError **error)
{
    const X86CpuState *state = state_of(vcpu);
    struct kvm_debugregs debug = { .dr6 = state->dr6 | state->events.debug_pending,
                                   .dr7 = state->dr7 };

    for (unsigned i = 0; i < 4; i++) {
        debug.db[i] = state->dr[i];
    }
    return kvm_vcpu_call(&vcpu->kvm, KVM_SET_DEBUGREGS, &debug, error);
}

/* ---- what is being delivered ---- */

#define VECTOR_DB 1

static bool get_events(KvmX86Vcpu *vcpu, GError **error)
{
    X86Events *e = &state_of(vcpu)->events;
    struct kvm_vcpu_events k = { 0 };

    if (!kvm_vcpu_call(&vcpu->kvm, KVM_GET_VCPU_EVENTS, &k, error)) {
        return false;
    }
    *e = (X86Events){
        .exception_injected = k.exception.injected, .exception = k.exception.nr,
        .exception_has_error = k.exception.has_error_code,
        .exception_error = k.exception.error_code, .interrupt_injected = k.interrupt.injected,
        .interrupt = k.interrupt.nr, .interrupt_soft = k.interrupt.soft,
        .interrupt_shadow = k.interrupt.shadow, .nmi_injected = k.nmi.injected,
        .nmi_pending = k.nmi.pending, .nmi_masked = k.nmi.masked, .sipi_vector = k.sipi_vector,
    };
    if (k.flags & KVM_VCPUEVENT_VALID_PAYLOAD) {
        e->exception_pending = k.exception.pending;
        e->exception_has_payload = k.exception_has_payload;
        e->exception_payload = k.exception_payload;
    }
    if (k.flags & KVM_VCPUEVENT_VALID_SMM) {
        e->smm = k.smi.smm;
        e->smi_pending = k.smi.pending;
        e->smm_inside_nmi = k.smi.smm_inside_nmi;
        e->smi_latched_init = k.smi.latched_init;
    }
    e->triple_fault = k.flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT && k.triple_fault.pending;
    return true;
}

static bool put_events(KvmX86Vcpu *vcpu, CpuStateLevel level, GError **error)
{
    const Kvm *kvm = vcpu->kvm.kvm;
    const X86Events *e = &state_of(vcpu)->events;
    const X86MsrValue *smbase = x86_cpu_msr(state_of(vcpu), X86_MSR_SMBASE);
    struct kvm_vcpu_events k = {
        .exception = { .injected = e->exception_injected, .nr = e->exception,
                       .has_error_code = e->exception_has_error,
                       .error_code = e->exception_error },
        .interrupt = { .injected = e->interrupt_injected, .nr = e->interrupt,
                       .soft = e->interrupt_soft, .shadow = e->interrupt_shadow },
        .nmi = { .injected = e->nmi_injected, .pending = e->nmi_pending,
                 .masked = e->nmi_masked },
        .sipi_vector = e->sipi_vector, .flags = KVM_VCPUEVENT_VALID_SHADOW,
    };

    /* A debug trap that is due is an exception now. */
    if (e->debug_pending && !e->exception_injected) {
        k.exception.injected = true;
        k.exception.nr = VECTOR_DB;
        k.exception.has_error_code = false;
    }
    if (kvm->cap[CAP_EXCEPTION_PAYLOAD]) {
        k.flags |= KVM_VCPUEVENT_VALID_PAYLOAD;
        k.exception.pending = e->exception_pending;
        k.exception_has_payload = e->exception_has_payload;
        k.exception_payload = e->exception_payload;
    }
    /* Where SMBASE has moved, it was in that mode before. */
    if (kvm->cap[CAP_SMM] && (e->smm || (smbase && smbase->value != X86_SMBASE_RESET))) {
        (void)kvm_memory_show_smm(vcpu->kvm.kvm);
    }
    if (kvm->cap[CAP_SMM]) {
        k.flags |= KVM_VCPUEVENT_VALID_SMM;
        k.smi.smm = e->smm;
        k.smi.pending = e->smi_pending;
        k.smi.smm_inside_nmi = e->smm_inside_nmi;
        k.smi.latched_init = e->smi_latched_init;
    }
    if (kvm->cap[CAP_TRIPLE_FAULT_EVENT]) {
        k.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
        k.triple_fault.pending = e->triple_fault;
    }
    /* While it runs, another CPU's NMI or SIPI may be on its way: not to be overwritten. */
    if (level >= CPU_STATE_RESET) {
        k.flags |= KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR;
    }
    return kvm_vcpu_call(&vcpu->kvm, KVM_SET_VCPU_EVENTS, &k, error);
}

/* X86MpState counts as the kernel does. */
G_STATIC_ASSERT(X86_MP_RUNNABLE == KVM_MP_STATE_RUNNABLE);
G_STATIC_ASSERT(X86_MP_WAIT_SIPI == KVM_MP_STATE_UNINITIALIZED);
G_STATIC_ASSERT(X86_MP_INIT == KVM_MP_STATE_INIT_RECEIVED);
G_STATIC_ASSERT(X86_MP_HALTED == KVM_MP_STATE_HALTED);
G_STATIC_ASSERT(X86_MP_SIPI == KVM_MP_STATE_SIPI_RECEIVED);

static bool get_mp_state(KvmX86Vcpu *vcpu, GError **error)
{
    Cpu *cpu = vcpu->kvm.vcpu.cpu;
    X86CpuState *state = state_of(vcpu);
    struct kvm_mp_state mp = { 0 };

    if (vcpu->kvm.kvm->irqchip == KVM_IRQCHIP_OFF) {
        if (state->mp_state != X86_MP_WAIT_SIPI) {
            state->mp_state = cpu->halted ? X86_MP_HALTED : X86_MP_RUNNABLE;
        }
        return true;
    }
    if (!kvm_vcpu_call(&vcpu->kvm, KVM_GET_MP_STATE, &mp, error)) {
        return false;
    }
    state->mp_state = mp.mp_state;
    cpu->halted = mp.mp_state == KVM_MP_STATE_HALTED;
    return true;
}

static bool put_mp_state(KvmX86Vcpu *vcpu, GError **error)
{
    X86CpuState *state = state_of(vcpu);
    struct kvm_mp_state mp = { .mp_state = state->mp_state };

    if (vcpu->kvm.kvm->irqchip == KVM_IRQCHIP_OFF) {
        vcpu->kvm.vcpu.cpu->halted = state->mp_state != X86_MP_RUNNABLE;
        return true;
    }
    vcpu->kvm.vcpu.cpu->halted = false;
    return kvm_vcpu_call(&vcpu->kvm, KVM_SET_MP_STATE, &mp, error);
}

/* ---- all of it ---- */

bool kvm_x86_get_state(Vcpu *v, GError **error)
{
    KvmX86Vcpu *vcpu = kvm_x86_vcpu(v);

    kvm_x86_complete_io(vcpu);
    return get_regs(vcpu, error) && get_sregs(vcpu, error) && get_xsave(vcpu, error) &&
           get_xcrs(vcpu, error) && get_debugregs(vcpu, error) && get_events(vcpu, error) &&
           get_mp_state(vcpu, error) && kvm_x86_get_msrs(vcpu, error);
}

bool kvm_x86_put_state(Vcpu *v, CpuStateLevel level, GError **error)
{
    KvmX86Vcpu *vcpu = kvm_x86_vcpu(v);

    kvm_x86_complete_io(vcpu);
    if (!put_sregs(vcpu, error) || !put_regs(vcpu, error) || !put_xsave(vcpu, error) ||
        !put_xcrs(vcpu, error) || !put_debugregs(vcpu, error) ||
        !kvm_x86_put_msrs(vcpu, level, error) || !kvm_chips_put_lapic(vcpu, error)) {
        return false;
    }
    if (level >= CPU_STATE_RESET && !put_mp_state(vcpu, error)) {
        return false;
    }
    return put_events(vcpu, level, error);
}
