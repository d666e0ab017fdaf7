/* SPDX-License-Identifier: MIT */
/*
 * A PC's interrupt controllers in the kernel: bindings between the kernel's state
 * and the structs of the chips (hw/intc/backend.h), and the wires
 * to them. Linux Documentation/virt/kvm/api.rst 4.24 to 4.27, 4.71, 7.5.
 *
 * The chips predate KVM_CREATE_DEVICE; they are made together, before any vCPU.
 */
#include <errno.h>
#include <string.h>

#include "accel/kvm/x86.h"
#include "base/error.h"
#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/intc/apic.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"

/*
 * GSIs. The kernel's 8254 raises number 0, which is input 0 of the 8259 and 2 of
 * the I/O APIC; the rest have one for each pin of each chip, since the board wires
 * them apart.
 */
#define GSI_TIMER         0u
#define GSI_IOAPIC_PIN_0  31u
#define GSI_PIC(line)     (32u + (line))
#define PIC_TIMER_LINE    0u
#define IOAPIC_TIMER_LINE 2u

G_STATIC_ASSERT(KVM_IOAPIC_PINS == IOAPIC_LINES && KVM_IOAPIC_NUM_PINS == IOAPIC_LINES);

static unsigned ioapic_gsi(unsigned line)
{
    return line == 0 ? GSI_IOAPIC_PIN_0 : line == IOAPIC_TIMER_LINE ? GSI_TIMER : line;
}

/* `line` counts through both chips. */
static unsigned pic_gsi(unsigned line)
{
    return line == PIC_TIMER_LINE ? GSI_TIMER : GSI_PIC(line);
}

/* ---- making them ---- */

static bool route_pins(Kvm *kvm, GError **error)
{
    kvm_routing_begin(kvm);
    for (unsigned line = 0; line < 2 * I8259_LINES; line++) {
        kvm_routing_add_pin(kvm, pic_gsi(line), line < I8259_LINES ? KVM_IRQCHIP_PIC_MASTER
                                                                  : KVM_IRQCHIP_PIC_SLAVE,
                            line % I8259_LINES);
    }
    for (unsigned line = 0; line < IOAPIC_LINES; line++) {
        kvm_routing_add_pin(kvm, ioapic_gsi(line), KVM_IRQCHIP_IOAPIC, line);
    }
    return kvm_routing_commit(kvm, error);
}

static bool need(const Kvm *kvm, KvmCap cap, const char *mode, GError **error)
{
    if (kvm->cap[cap]) {
        return true;
    }
    error_set(error, ERROR_KVM_MISSING_CAP, "kernel-irqchip=%s: this kernel's KVM lacks %s; use "
              "kernel-irqchip=off", mode, kvm_caps[cap].name);
    return false;
}

static bool create_irqchip(Kvm *kvm, GError **error)
{
    int result;

    if (!need(kvm, CAP_IRQCHIP, "on", error) || !need(kvm, CAP_SIGNAL_MSI, "on", error)) {
        return false;
    }
    result = kvm_ioctl_number(kvm->vm, KVM_CREATE_IRQCHIP, 0);
    if (result < 0) {
        error_set_errno(error, -result, "cannot make interrupt controllers in the kernel: "
                        "KVM_CREATE_IRQCHIP");
        return false;
    }
    return route_pins(kvm, error);
}

/*
 * Ids have 32 bits in x2APIC mode, and 255 is one of them, not a broadcast. (A kernel without
 * this has the old format in its state: see lapic_page_id().)
 */
static bool set_x2apic_format(Kvm *kvm, GError **error)
{
    uint64_t wanted = KVM_X2APIC_API_USE_32BIT_IDS | KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK;

    return (kvm->cap[CAP_X2APIC_API] & wanted) != wanted ||
           kvm_enable_cap(kvm, CAP_X2APIC_API, wanted, error);
}

bool kvm_chips_create(Kvm *kvm, GError **error)
{
    if (kvm->irqchip == KVM_IRQCHIP_OFF) {
        return true;
    }
    if (!kvm_routing_init(kvm, error) || !set_x2apic_format(kvm, error)) {
        return false;
    }
    if (kvm->irqchip == KVM_IRQCHIP_ON) {
        return create_irqchip(kvm, error);
    }
    if (!need(kvm, CAP_SPLIT_IRQCHIP, "split", error) ||
        !need(kvm, CAP_SIGNAL_MSI, "split", error)) {
        return false;
    }
    kvm_routing_reserve(kvm, 0, KVM_IOAPIC_PINS);
    return kvm_enable_cap(kvm, CAP_SPLIT_IRQCHIP, KVM_IOAPIC_PINS, error);
}

/* ---- 8259 ---- */

static bool get_chip(Kvm *kvm, struct kvm_irqchip *chip, unsigned id, GError **error)
{
    int result;

    memset(chip, 0, sizeof(*chip));
    chip->chip_id = id;
    result = kvm_ioctl(kvm->vm, KVM_GET_IRQCHIP, chip);
    if (result < 0) {
        error_set_errno(error, -result, "cannot read chip %u in the kernel: KVM_GET_IRQCHIP", id);
    }
    return result >= 0;
}

static bool set_chip(Kvm *kvm, struct kvm_irqchip *chip, unsigned id, GError **error)
{
    int result;

    chip->chip_id = id;
    result = kvm_ioctl(kvm->vm, KVM_SET_IRQCHIP, chip);
    if (result < 0) {
        error_set_errno(error, -result, "cannot write chip %u in the kernel: KVM_SET_IRQCHIP",
                        id);
    }
    return result >= 0;
}

static void report(GError *error)
{
    if (error) {
        report_error("%s", error->message);
    }
}

static unsigned pic_id(const Device *device)
{
    return ((const I8259 *)device)->master ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE;
}

static void pic_save(void *opaque, Device *device)
{
    I8259 *pic = (I8259 *)device;
    g_autoptr(GError) error = NULL;
    struct kvm_irqchip chip;
    const struct kvm_pic_state *k = &chip.chip.pic;

    if (!get_chip(opaque, &chip, pic_id(device), &error)) {
        report(error);
        return;
    }
    pic->inputs = k->last_irr;
    pic->irr = k->irr;
    pic->imr = k->imr;
    pic->isr = k->isr;
    pic->first = k->priority_add;
    pic->icw2 = k->irq_base;
    pic->init_state = k->init_state;
    pic->elcr = k->elcr;
    pic->icw4_needed = k->init4;
    pic->read_isr = k->read_reg_select;
    pic->poll = k->poll;
    pic->special_mask = k->special_mask;
    pic->auto_eoi = k->auto_eoi;
    pic->rotate_on_auto_eoi = k->rotate_on_auto_eoi;
    pic->special_fully_nested = k->special_fully_nested_mode;
}

static bool pic_load(void *opaque, Device *device, GError **error)
{
    const I8259 *pic = (const I8259 *)device;
    struct kvm_irqchip chip = {
        .chip.pic = {
            .last_irr = pic->inputs, .irr = pic->irr, .imr = pic->imr, .isr = pic->isr,
            .priority_add = pic->first, .irq_base = pic->icw2, .init_state = pic->init_state,
            .elcr = pic->elcr, .elcr_mask = pic->elcr_mask, .init4 = pic->icw4_needed,
            .read_reg_select = pic->read_isr, .poll = pic->poll,
            .special_mask = pic->special_mask, .auto_eoi = pic->auto_eoi,
            .rotate_on_auto_eoi = pic->rotate_on_auto_eoi,
            .special_fully_nested_mode = pic->special_fully_nested,
        },
    };

    return set_chip(opaque, &chip, pic_id(device), error);
}

static const ChipBackend pic_backend = { .name = "kvm", .save = pic_save, .load = pic_load };

static void pic_driven(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    unsigned base = pic_id(device) == KVM_IRQCHIP_PIC_MASTER ? 0 : I8259_LINES;

    kvm_irq_line(opaque, pic_gsi(base + line), level);
}

/* ---- I/O APIC ---- */

static void ioapic_save(void *opaque, Device *device)
{
    Ioapic *ioapic = (Ioapic *)device;
    g_autoptr(GError) error = NULL;
    struct kvm_irqchip chip;
    const struct kvm_ioapic_state *k = &chip.chip.ioapic;

    if (!get_chip(opaque, &chip, KVM_IRQCHIP_IOAPIC, &error)) {
        report(error);
        return;
    }
    ioapic->select = k->ioregsel;
    ioapic->id = k->id;
    ioapic->irr = k->irr;
    for (unsigned i = 0; i < IOAPIC_LINES; i++) {
        ioapic->redirection[i] = k->redirtbl[i].bits;
    }
}

static bool ioapic_load(void *opaque, Device *device, GError **error)
{
    const Ioapic *ioapic = (const Ioapic *)device;
    struct kvm_irqchip chip = { .chip_id = KVM_IRQCHIP_IOAPIC };
    struct kvm_ioapic_state *k = &chip.chip.ioapic;
    uint64_t base = 0xfec00000;

    device_bank_address(device, IOAPIC_BANK_MEMORY, &base);
    k->base_address = base;
    k->ioregsel = ioapic->select;
    k->id = ioapic->id;
    k->irr = ioapic->irr;
    for (unsigned i = 0; i < IOAPIC_LINES; i++) {
        k->redirtbl[i].bits = ioapic->redirection[i];
    }
    return set_chip(opaque, &chip, KVM_IRQCHIP_IOAPIC, error);
}

static const ChipBackend ioapic_backend = {
    .name = "kvm", .save = ioapic_save, .load = ioapic_load,
};

static void ioapic_driven(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    kvm_irq_line(opaque, ioapic_gsi(line), level);
}

/* ---- local APIC ---- */

enum { PAGE_ID = 0x20, TSC_DEADLINE = 0x6e0 };

typedef struct LapicState {
    struct kvm_lapic_state page;
    uint64_t base, deadline;
    bool ok;
} LapicState;

static void lapic_read(Cpu *cpu, void *opaque)
{
    LapicState *state = opaque;
    KvmVcpu *vcpu = kvm_vcpu(vcpu_of(cpu));
    bool has_sregs2 = vcpu->kvm->cap[CAP_SREGS2];
    g_autoptr(GError) error = NULL;
    struct kvm_sregs2 sregs = { .flags = 0 };   /* begins as struct kvm_sregs does */

    state->ok = kvm_vcpu_call(vcpu, KVM_GET_LAPIC, &state->page, &error) &&
                kvm_vcpu_call(vcpu, has_sregs2 ? KVM_GET_SREGS2 : KVM_GET_SREGS, &sregs, &error);
    report(error);
    state->base = sregs.apic_base;
    if (!kvm_x86_get_msr(kvm_x86_vcpu(&vcpu->vcpu), TSC_DEADLINE, &state->deadline)) {
        state->deadline = 0;
    }
}

static void lapic_save(void *opaque, Device *device)
{
    KvmX86Vcpu *vcpu = opaque;
    LapicState state = { .ok = false };

    if (vcpu->lapic_dirty) {
        return;
    }
    vcpu_run_on(vcpu->kvm.vcpu.cpu, lapic_read, &state);
    if (state.ok) {
        apic_load_page(device, (const uint8_t *)state.page.regs);
        apic_load_msrs(device, state.base, state.deadline);
    }
}

/* The kernel that has not been told otherwise wants bits 7-0 of the id, in bits 31-24. */
static void lapic_page_id(const KvmX86Vcpu *vcpu, uint8_t *page)
{
    bool wide = vcpu->kvm.kvm->cap[CAP_X2APIC_API] & KVM_X2APIC_API_USE_32BIT_IDS;

    if (!wide && apic_in_x2apic_mode(vcpu->lapic)) {
        store_le(page + PAGE_ID, load_le(page + PAGE_ID, 4) << 24, 4);
    }
}

/* Goes with the CPU's registers: the kernel has to know IA32_APIC_BASE first. */
static bool lapic_load(void *opaque, Device *device, GError **error)
{
    KvmX86Vcpu *vcpu = opaque;

    vcpu->lapic_dirty = true;
    if (vcpu_load_state(vcpu->kvm.vcpu.cpu, error)) {
        vcpu_mark_state(vcpu->kvm.vcpu.cpu, CPU_STATE_RUNTIME);
        return true;
    }
    return false;
}

bool kvm_chips_put_lapic(KvmX86Vcpu *vcpu, GError **error)
{
    uint64_t deadline = x86_cpu_msr_value(kvm_x86_cpu(vcpu)->registers, TSC_DEADLINE);
    struct kvm_lapic_state page = { { 0 } };

    if (!vcpu->lapic_dirty || !vcpu->lapic) {
        return true;
    }
    apic_store_page(vcpu->lapic, (uint8_t *)page.regs);
    lapic_page_id(vcpu, (uint8_t *)page.regs);
    if (!kvm_vcpu_call(&vcpu->kvm, KVM_SET_LAPIC, &page, error)) {
        return false;
    }
    vcpu->lapic_dirty = false;
    if (deadline) {
        kvm_x86_put_msr(vcpu, TSC_DEADLINE, deadline);
    }
    return true;
}

static const ChipBackend lapic_backend = {
    .name = "kvm", .save = lapic_save, .load = lapic_load,
};

void kvm_chips_bind_lapic(KvmX86Vcpu *vcpu)
{
    chip_bind(vcpu->lapic, &lapic_backend, vcpu);
    vcpu->lapic_dirty = true;
}

void kvm_chips_unbind_lapic(KvmX86Vcpu *vcpu)
{
    chip_bind(vcpu->lapic, NULL, NULL);
}

/* ---- messages ---- */

/*
 * With the I/O APIC in the program, the kernel has to know which vectors are level
 * triggered, so that it tells of their end: by the routes of the first GSIs.
 */
static Ioapic *userspace_ioapic;

static void route_ioapic(Kvm *kvm)
{
    g_autoptr(GError) error = NULL;

    kvm_routing_begin(kvm);
    for (unsigned i = 0; i < IOAPIC_LINES; i++) {
        uint64_t entry = userspace_ioapic->redirection[i], address = 0;
        uint32_t data = 0;
        bool routed = !(entry & IOAPIC_MASKED) && ioapic_entry_message(entry, &address, &data);
        kvm_routing_set_message(kvm, i, !routed, address, data);
    }
    if (!kvm_routing_commit(kvm, &error)) {
        report(error);
    }
}

static void message(void *opaque, uint64_t address, uint32_t data, MemoryAttrs attrs)
{
    Kvm *kvm = opaque;
    int result;

    if (userspace_ioapic && data & 1u << 15) {
        route_ioapic(kvm);
    }
    result = kvm_signal_msi(kvm, address, data);
    if (result < 0) {
        log_guest_error("interrupt message 0x%" PRIx64 " = 0x%x from %02x:%02x.%x: %s", address,
                        data, attrs.requester_id >> 8, attrs.requester_id >> 3 & 0x1f,
                        attrs.requester_id & 7, g_strerror(-result));
    }
}

void kvm_chips_end_of_interrupt(Kvm *kvm, uint8_t vector)
{
    ioapic_end_of_interrupt(vector);
}

/* ---- the board's chips ---- */

typedef struct Attach {
    Kvm *kvm;
    GError **error;
    bool ok;
    unsigned masters, slaves, ioapics;
} Attach;

static bool only_one(Attach *attach, unsigned *count, Object *object)
{
    g_autofree char *path = object_path(object);

    if ((*count)++ == 0) {
        return true;
    }
    error_set(attach->error, ERROR_INVALID, "KVM has one chip like %s only; use "
              "kernel-irqchip=off", path);
    attach->ok = false;
    return false;
}

/* The kernel's chip gets the state that the device has now. */
static void bind(Attach *attach, Device *device, const ChipBackend *backend, unsigned pin,
                 PinHandler driven)
{
    chip_bind(device, backend, attach->kvm);
    pin_take_over(device, pin, driven, attach->kvm);
    attach->ok = backend->load(attach->kvm, device, attach->error);
}

static void attach_kernel_chip(Attach *attach, Object *object)
{
    Device *device = DEVICE(object);

    if (object_is(object, "isa-i8259")) {
        if (only_one(attach, ((I8259 *)device)->master ? &attach->masters : &attach->slaves,
                     object)) {
            bind(attach, device, &pic_backend, I8259_PIN_IRQ, pic_driven);
        }
    } else if (object_is(object, "ioapic")) {
        if (only_one(attach, &attach->ioapics, object)) {
            bind(attach, device, &ioapic_backend, IOAPIC_PIN_IRQ, ioapic_driven);
        }
    } else if (object_is(object, "isa-pit")) {
        attach->ok = kvm_pit_attach(attach->kvm, device, attach->error);
    }
}

static bool attach_object(Object *object, void *opaque)
{
    Attach *attach = opaque;

    if (object_is(object, "apic-msi")) {
        apic_window_take_over(DEVICE(object), message, attach->kvm);
    } else if (attach->kvm->irqchip == KVM_IRQCHIP_ON) {
        attach_kernel_chip(attach, object);
    } else if (object_is(object, "ioapic")) {
        userspace_ioapic = (Ioapic *)object;
    }
    return attach->ok;
}

bool kvm_chips_attach(Kvm *kvm, GError **error)
{
    Attach attach = { .kvm = kvm, .error = error, .ok = true };

    if (kvm->irqchip != KVM_IRQCHIP_OFF && machine_get()) {
        object_foreach(OBJECT(machine_get()), attach_object, &attach);
    }
    if (!attach.ok) {
        kvm_chips_detach(kvm);
    }
    return attach.ok;
}

static bool detach_object(Object *object, void *opaque)
{
    if (object_is(object, "apic-msi")) {
        apic_window_take_over(DEVICE(object), NULL, NULL);
    } else if (((Kvm *)opaque)->irqchip == KVM_IRQCHIP_ON) {
        if (object_is(object, "isa-i8259")) {
            pin_take_over(DEVICE(object), I8259_PIN_IRQ, NULL, NULL);
            chip_bind(DEVICE(object), NULL, NULL);
        } else if (object_is(object, "ioapic")) {
            pin_take_over(DEVICE(object), IOAPIC_PIN_IRQ, NULL, NULL);
            chip_bind(DEVICE(object), NULL, NULL);
        }
    }
    return true;
}

void kvm_chips_detach(Kvm *kvm)
{
    userspace_ioapic = NULL;
    kvm_pit_detach(kvm);
    if (kvm->irqchip != KVM_IRQCHIP_OFF && machine_get()) {
        object_foreach(OBJECT(machine_get()), detach_object, kvm);
    }
}
