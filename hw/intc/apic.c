/* SPDX-License-Identifier: MIT */
#include "hw/intc/apic.h"

#include "base/log.h"
#include "hw/intc/apic-private.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"

/* ---- state ---- */

/* SDM volume 3, section 11.8.3.1. */
uint32_t apic_processor_priority(const Apic *apic)
{
    int service = apic_highest_vector(apic->isr);
    uint32_t service_class = service < 0 ? 0 : service & 0xf0;

    return (apic->tpr & 0xf0) >= service_class ? apic->tpr & 0xff : service_class;
}

static int deliverable_vector(const Apic *apic)
{
    int vector = apic_software_enabled(apic) ? apic_highest_vector(apic->irr) : -1;

    return vector >= 0 && (vector & 0xf0u) > (apic_processor_priority(apic) & 0xf0) ? vector : -1;
}

/* The 8259's request: on LINT0 in ExtINT mode, on INTR while the APIC is off, or by message. */
static bool extint_waits(const Apic *apic)
{
    uint32_t lvt = apic->lvt[APIC_LVT_LINT0];

    if (!apic_globally_enabled(apic)) {
        return apic->lint[0];
    }
    return apic->extint ||
           (apic->lint[0] && !(lvt & APIC_LVT_MASKED) && APIC_LVT_DELIVERY(lvt) == APIC_EXTINT);
}

bool apic_requests(const Device *device)
{
    const Apic *apic = (const Apic *)device;

    return deliverable_vector(apic) >= 0 || extint_waits(apic);
}

static void apic_update(Device *device)
{
    Apic *apic = APIC(device);
    bool requests = apic_requests(device);

    if (chip_is_bound(&apic->binding)) {
        return;
    }
    pin_set(device, APIC_PIN_INTR, 0, requests);
    if (requests != apic->requests) {
        apic->requests = requests;
        if (apic->ops) {
            apic->ops->interrupt(apic->opaque, requests);
        }
    }
}

int apic_acknowledge(Device *device)
{
    Apic *apic = APIC(device);
    Device *pic = i8259_master();
    int vector;

    if (extint_waits(apic) && pic && (apic->extint || i8259_requests(pic))) {
        apic->extint = false;
        vector = i8259_acknowledge(pic);
    } else {
        vector = deliverable_vector(apic);
        if (vector >= 0) {
            apic_vector_put(apic->irr, vector, false);
            apic_vector_put(apic->isr, vector, true);
        }
    }
    device_update(device);
    return vector;
}

/* ---- registers ---- */

static uint64_t read_version(Device *device, unsigned index)
{
    const Apic *apic = APIC(device);

    return apic->version | (APIC_LVTS - 1) << 16 |
           (apic->eoi_suppression ? APIC_VERSION_SUPPRESS : 0);
}

static uint64_t read_arbitration(Device *device, unsigned index)
{
    Apic *apic = APIC(device);
    int request = apic_highest_vector(apic->irr), service = apic_highest_vector(apic->isr);
    uint32_t request_class = request < 0 ? 0 : request & 0xf0;
    uint32_t service_class = service < 0 ? 0 : service & 0xf0;

    /* SDM volume 3, section 11.6.2.4. */
    if ((apic->tpr & 0xf0) >= request_class && (apic->tpr & 0xf0) > service_class) {
        return apic->tpr & 0xff;
    }
    return MAX(MAX(apic->tpr & 0xf0, service_class), request_class);
}

static uint64_t read_priority(Device *device, unsigned index)
{
    return apic_processor_priority(APIC(device));
}

static void end_local_level(Apic *apic, uint8_t vector)
{
    for (unsigned line = 0; line < 2; line++) {
        uint32_t *lvt = &apic->lvt[APIC_LVT_LINT0 + line];
        if ((*lvt & APIC_LVT_REMOTE_IRR) && (*lvt & APIC_LVT_VECTOR) == vector) {
            *lvt &= ~APIC_LVT_REMOTE_IRR;
            if (apic->lint[line]) {
                apic_local_interrupt(apic, APIC_LVT_LINT0 + line);
            }
        }
    }
}

static void write_eoi(Device *device, unsigned index, uint64_t value)
{
    Apic *apic = APIC(device);
    int vector = apic_highest_vector(apic->isr);

    if (vector < 0) {
        return;
    }
    apic_vector_put(apic->isr, vector, false);
    if (apic_vector_test(apic->tmr, vector)) {
        end_local_level(apic, vector);
        if (!(apic->svr & APIC_SVR_SUPPRESS)) {
            ioapic_end_of_interrupt(vector);
        }
    }
}

static void wrote_spurious(Device *device, unsigned index, uint64_t old)
{
    Apic *apic = APIC(device);

    if (!apic->eoi_suppression) {
        apic->svr &= ~APIC_SVR_SUPPRESS;
    }
    apic_timer_rebase(apic);
    for (unsigned i = 0; i < APIC_LVTS && !(apic->svr & APIC_SVR_ENABLE); i++) {
        apic->lvt[i] |= APIC_LVT_MASKED;
    }
    apic_timer_arm(apic);
}

static void write_errors(Device *device, unsigned index, uint64_t value)
{
    Apic *apic = APIC(device);

    apic->esr = apic->errors;
    apic->errors = 0;
}

static void wrote_icr_low(Device *device, unsigned index, uint64_t old)
{
    apic_send_ipi(APIC(device));
}

static void write_lvt(Apic *apic, unsigned entry, uint32_t value)
{
    apic->lvt[entry] = apic->svr & APIC_SVR_ENABLE ? value : value | APIC_LVT_MASKED;
}

static void write_lvt_timer(Device *device, unsigned index, uint64_t value)
{
    Apic *apic = APIC(device);

    if (!(apic->features & APIC_TSC_DEADLINE)) {
        value &= ~(uint64_t)APIC_LVT_DEADLINE;
    }
    apic_timer_rebase(apic);
    if ((apic->lvt[APIC_LVT_TIMER] ^ value) & APIC_LVT_DEADLINE) {
        apic_timer_stop(apic);
    }
    write_lvt(apic, APIC_LVT_TIMER, value);
    apic_timer_arm(apic);
}

static void write_lvt_thermal(Device *device, unsigned index, uint64_t value)
{
    write_lvt(APIC(device), APIC_LVT_THERMAL, value);
}

static void write_lvt_performance(Device *device, unsigned index, uint64_t value)
{
    write_lvt(APIC(device), APIC_LVT_PERFORMANCE, value);
}

static void write_lvt_pin(Apic *apic, unsigned line, uint32_t value)
{
    unsigned entry = APIC_LVT_LINT0 + line;

    write_lvt(apic, entry, value);
    if (!(value & APIC_LVT_LEVEL)) {
        apic->lvt[entry] &= ~APIC_LVT_REMOTE_IRR;
    } else if (apic->lint[line]) {
        apic_local_interrupt(apic, entry);
    }
}

static void write_lvt_lint0(Device *device, unsigned index, uint64_t value)
{
    write_lvt_pin(APIC(device), 0, value);
}

static void write_lvt_lint1(Device *device, unsigned index, uint64_t value)
{
    write_lvt_pin(APIC(device), 1, value);
}

static void write_lvt_error(Device *device, unsigned index, uint64_t value)
{
    write_lvt(APIC(device), APIC_LVT_ERROR, value);
}

static void wrote_initial_count(Device *device, unsigned index, uint64_t old)
{
    if (apic_timer_in_deadline_mode(APIC(device))) {
        APIC(device)->initial_count = old;
    } else {
        apic_timer_start(APIC(device));
    }
}

static uint64_t read_count(Device *device, unsigned index)
{
    return apic_timer_count(APIC(device));
}

static void write_divide(Device *device, unsigned index, uint64_t value)
{
    apic_timer_rebase(APIC(device));
    APIC(device)->divide = value;
    apic_timer_arm(APIC(device));
}

#define LVT(n) FIELD(Apic, lvt[n]), .reset = APIC_LVT_MASKED

/* SDM volume 3, table 11-1; each row is 16 bytes, of which 4 are used. */
static const RegisterInfo page_registers[] = {
    { 0x020, "ID", "local APIC ID", FIELD(Apic, id), .writable = 0xff000000,
      .keep_on_reset = true },
    { 0x030, "VERSION", "version and highest LVT entry", .access = REG_RO,
      .read = read_version },
    { 0x080, "TPR", "task priority", FIELD(Apic, tpr), .writable = 0xff },
    { 0x090, "APR", "arbitration priority", .access = REG_RO, .read = read_arbitration },
    { 0x0a0, "PPR", "processor priority", .access = REG_RO, .read = read_priority },
    { 0x0b0, "EOI", "end of interrupt", .access = REG_WO, .write = write_eoi },
    { 0x0d0, "LDR", "logical destination", FIELD(Apic, ldr), .writable = 0xff000000 },
    { 0x0e0, "DFR", "destination format", FIELD(Apic, dfr), .writable = 0xf0000000,
      .reset = UINT32_MAX },
    { 0x0f0, "SVR", "spurious-interrupt vector", FIELD(Apic, svr), .writable = 0x13ff,
      .reset = 0xff, .wrote = wrote_spurious },
    { 0x100, "ISR", "in service", FIELD_ARRAY(Apic, isr), .access = REG_RO, .stride = 16 },
    { 0x180, "TMR", "level triggered", FIELD_ARRAY(Apic, tmr), .access = REG_RO, .stride = 16 },
    { 0x200, "IRR", "requested", FIELD_ARRAY(Apic, irr), .access = REG_RO, .stride = 16 },
    { 0x280, "ESR", "error status", FIELD(Apic, esr), .write = write_errors },
    { 0x300, "ICR_LOW", "interrupt command, bits 31-0", FIELD(Apic, icr_low),
      .writable = 0xccfff, .wrote = wrote_icr_low },
    { 0x310, "ICR_HIGH", "interrupt command, bits 63-32", FIELD(Apic, icr_high),
      .writable = 0xff000000 },
    { 0x320, "LVT_TIMER", "timer", LVT(APIC_LVT_TIMER), .writable = 0x700ff,
      .write = write_lvt_timer },
    { 0x330, "LVT_THERMAL", "thermal sensor", LVT(APIC_LVT_THERMAL), .writable = 0x107ff,
      .write = write_lvt_thermal },
    { 0x340, "LVT_PERFORMANCE", "performance counters", LVT(APIC_LVT_PERFORMANCE),
      .writable = 0x107ff, .write = write_lvt_performance },
    { 0x350, "LVT_LINT0", "pin LINT0", LVT(APIC_LVT_LINT0), .writable = 0x1a7ff,
      .write = write_lvt_lint0 },
    { 0x360, "LVT_LINT1", "pin LINT1", LVT(APIC_LVT_LINT1), .writable = 0x1a7ff,
      .write = write_lvt_lint1 },
    { 0x370, "LVT_ERROR", "errors", LVT(APIC_LVT_ERROR), .writable = 0x100ff,
      .write = write_lvt_error },
    { 0x380, "INITIAL_COUNT", "of the timer", FIELD(Apic, initial_count),
      .wrote = wrote_initial_count },
    { 0x390, "CURRENT_COUNT", "of the timer", .access = REG_RO, .read = read_count },
    { 0x3e0, "DIVIDE", "divisor of the timer's clock", FIELD(Apic, divide), .writable = 0xb,
      .write = write_divide },
};

static unsigned register_elements(const RegisterInfo *reg)
{
    return MAX(reg->field.count, 1);
}

/* ---- accesses of the CPU ---- */

bool apic_page_contains(const Device *device, uint64_t address)
{
    const Apic *apic = (const Apic *)device;

    return apic_globally_enabled(apic) && !apic_is_x2apic(apic) &&
           (address & ~0xfffull) == (apic->base & APIC_BASE_ADDRESS);
}

/* One bit for each row of 16 bytes that has a register. */
static uint64_t defined_rows(void)
{
    static uint64_t rows;

    for (unsigned i = 0; !rows || i < G_N_ELEMENTS(page_registers); i++) {
        for (unsigned n = 0; n < register_elements(&page_registers[i]); n++) {
            rows |= BIT64(page_registers[i].offset / 16 + n);
        }
    }
    return rows;
}

static bool offset_defined(Apic *apic, uint32_t offset)
{
    if (offset < APIC_PAGE_BYTES && !(offset & 0xf) && (defined_rows() & BIT64(offset / 16))) {
        return true;
    }
    log_guest_error("apic %u: no register is at offset 0x%x", apic_number(apic), offset);
    apic_raise_error(apic, APIC_ESR_REGISTER);
    return false;
}

uint32_t apic_read(Device *device, uint32_t offset)
{
    uint32_t value = 0;

    if (offset_defined(APIC(device), offset)) {
        value = device_bank_read(device, APIC_BANK_PAGE, offset, 4);
    }
    device_update(device);
    return value;
}

void apic_write(Device *device, uint32_t offset, uint32_t value)
{
    if (offset_defined(APIC(device), offset)) {
        device_bank_write(device, APIC_BANK_PAGE, offset, 4, value);
    }
    device_update(device);
}

const RegisterInfo *apic_page_register(uint32_t offset)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(page_registers); i++) {
        const RegisterInfo *reg = &page_registers[i];
        uint32_t past = offset - reg->offset;
        if (offset >= reg->offset && past % 16 == 0 && past / 16 < register_elements(reg)) {
            return reg;
        }
    }
    return NULL;
}

uint8_t apic_cr8(const Device *device)
{
    return ((const Apic *)device)->tpr >> 4 & 0xf;
}

void apic_set_cr8(Device *device, uint8_t value)
{
    APIC(device)->tpr = (value & 0xf) << 4;
    device_update(device);
}

uint64_t apic_base(const Device *device)
{
    return ((const Apic *)device)->base;
}

/* SDM volume 3, 11.12.5: x2APIC mode is entered from xAPIC mode, and left for none but off. */
static bool mode_change_allowed(const Apic *apic, uint64_t value)
{
    uint64_t mode = value & APIC_MODE;

    if (mode == APIC_BASE_EXTD || (mode == APIC_MODE && !(apic->features & APIC_X2APIC))) {
        return false;
    }
    return apic_is_x2apic(apic) ? mode != APIC_BASE_ENABLE
                                : mode != APIC_MODE || apic_globally_enabled(apic);
}

void apic_derive_x2apic_ids(Apic *apic)
{
    apic->id = apic->initial_id;
    apic->ldr = (apic->id >> 4) << 16 | BIT(apic->id & 0xf);
}

bool apic_set_base(Device *device, uint64_t value, uint8_t physical_bits)
{
    Apic *apic = APIC(device);
    uint64_t allowed = (APIC_BASE_ADDRESS & bits_mask(physical_bits)) | APIC_BASE_BSP | APIC_MODE;
    bool was_x2apic = apic_is_x2apic(apic);

    if ((value & ~allowed) || !mode_change_allowed(apic, value)) {
        return false;
    }
    if ((value & APIC_BASE_ADDRESS) - APIC_WINDOW_BASE >= APIC_WINDOW_SIZE) {
        log_unimplemented("apic %u: page at 0x%" PRIx64 ", outside of the window",
                          apic_number(apic), (uint64_t)(value & APIC_BASE_ADDRESS));
    }
    if ((apic->base & ~value) & APIC_BASE_ENABLE) {
        apic->base = value;
        apic_init_state(apic);
        apic->id = apic->initial_id << 24;
    }
    apic->base = value;
    if (apic_is_x2apic(apic) && !was_x2apic) {
        apic_derive_x2apic_ids(apic);
        apic->icr_high = 0;
    }
    device_update(device);
    return true;
}

/* ---- the page, for a backend ---- */

void apic_store_page(Device *device, uint8_t *page)
{
    memset(page, 0, APIC_PAGE_BYTES);
    for (unsigned i = 0; i < G_N_ELEMENTS(page_registers); i++) {
        const RegisterInfo *reg = &page_registers[i];
        for (unsigned n = 0; n < register_elements(reg); n++) {
            uint64_t value = 0;
            if (reg->read) {
                value = reg->read(device, n);
            } else {
                device_register_peek(device, reg, n, &value);
            }
            store_le(page + reg->offset + 16 * n, value, 4);
        }
    }
}

void apic_load_page(Device *device, const uint8_t *page)
{
    Apic *apic = APIC(device);

    for (unsigned i = 0; i < G_N_ELEMENTS(page_registers); i++) {
        const RegisterInfo *reg = &page_registers[i];
        for (unsigned n = 0; n < reg->field.count; n++) {
            store_host((char *)apic + reg->field.offset + n * reg->field.width,
                       load_le(page + reg->offset + 16 * n, 4), reg->field.width);
        }
    }
    apic->count = load_le(page + 0x390, 4);
    apic->stamp = time_virtual();
}

void apic_load_msrs(Device *device, uint64_t base, uint64_t deadline)
{
    Apic *apic = APIC(device);

    apic->base = base;
    apic->deadline = deadline;
    if (apic_is_x2apic(apic)) {
        apic_derive_x2apic_ids(apic);
    }
}

/* ---- life ---- */

static bool is_boot_cpu(const Apic *apic)
{
    return apic->cpu ? apic->cpu->index == 0 : apic == apic_first;
}

/* As INIT leaves it: all but the id and the base. */
void apic_init_state(Apic *apic)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(page_registers); i++) {
        const RegisterInfo *reg = &page_registers[i];
        for (unsigned n = 0; n < reg->field.count && !reg->keep_on_reset; n++) {
            store_host((char *)apic + reg->field.offset + n * reg->field.width, reg->reset,
                       reg->field.width);
        }
    }
    if (is_boot_cpu(apic)) {
        apic->lvt[APIC_LVT_LINT0] = APIC_EXTINT << 8;
    }
    if (apic_is_x2apic(apic)) {
        apic_derive_x2apic_ids(apic);
    }
    apic->errors = apic->count = 0;
    apic->deadline = 0;
    apic->stamp = time_virtual();
    apic->extint = false;
    timer_cancel(&apic->timer);
}

static void apic_reset(Device *device)
{
    Apic *apic = APIC(device);

    apic->base = APIC_WINDOW_BASE | APIC_BASE_ENABLE |
                 (is_boot_cpu(apic) ? APIC_BASE_BSP : 0);
    apic_init_state(apic);
    apic->id = apic->initial_id << 24;
    for (unsigned line = 0; line < 2; line++) {
        apic->lint[line] = pin_level(device, APIC_PIN_LINT, line);
    }
}

static void apic_reset_exit(Device *device)
{
    chip_binding_reset(&APIC(device)->binding, device);
}

static bool apic_prepare(Device *device, GError **error)
{
    Apic *apic = APIC(device);

    apic->features = APIC_X2APIC | APIC_TSC_DEADLINE;
    if (apic->initial_id == APIC_BROADCAST_ALL) {
        error_set(error, ERROR_INVALID, "property 'id' is %u, which addresses all APICs; ids "
                  "are from 0 to %u", apic->initial_id, APIC_BROADCAST_ALL - 1);
        return false;
    }
    return true;
}

static bool apic_realize(Device *device, GError **error)
{
    Apic *apic = APIC(device), **link = &apic_first;
    Device *parent = device_parent(device);

    apic->cpu = parent && object_is(OBJECT(parent), "cpu") ? CPU(parent) : NULL;
    for (; *link; link = &(*link)->next) {
        if ((*link)->initial_id == apic->initial_id) {
            error_set(error, ERROR_INVALID, "property 'id' is %u, which another APIC has",
                      apic->initial_id);
            return false;
        }
    }
    *link = apic;
    return true;
}

static void apic_unrealize(Device *device)
{
    Apic *apic = APIC(device);

    for (Apic **link = &apic_first; *link; link = &(*link)->next) {
        if (*link == apic) {
            *link = apic->next;
            break;
        }
    }
    apic->next = NULL;
    apic->cpu = NULL;
}

Device *apic_of_cpu(const Cpu *cpu)
{
    Apic *apic = apic_first;

    while (apic && apic->cpu != cpu) {
        apic = apic->next;
    }
    return apic ? &apic->device : NULL;
}

void apic_set_cpu_ops(Device *device, const ApicCpuOps *ops, void *opaque)
{
    Apic *apic = APIC(device);

    apic->ops = ops;
    apic->opaque = opaque;
    if (ops) {
        ops->interrupt(opaque, apic->requests);
        apic_tsc_changed(device);
    }
}

void apic_set_features(Device *device, unsigned features)
{
    APIC(device)->features = features;
}

static void apic_pre_save(Device *device)
{
    chip_binding_save(&APIC(device)->binding, device);
}

static bool apic_post_load(Device *device, GError **error)
{
    Apic *apic = APIC(device);

    if ((apic->base & APIC_MODE) == APIC_BASE_EXTD) {
        error_set(error, ERROR_INVALID, "IA32_APIC_BASE is 0x%" PRIx64 ": EXTD needs EN",
                  apic->base);
        return false;
    }
    if (apic_is_x2apic(apic)) {
        apic_derive_x2apic_ids(apic);
    }
    if (apic->ops && !chip_is_bound(&apic->binding)) {
        apic->ops->interrupt(apic->opaque, apic->requests);
    }
    return chip_binding_load(&apic->binding, device, error);
}

static void apic_bound(Device *device)
{
    apic_timer_arm(APIC(device));
}

static void print_vectors(GString *out, const char *name, const uint32_t *set)
{
    g_string_append_printf(out, " %s\t", name);
    for (unsigned vector = 0; vector < 256; vector++) {
        if (apic_vector_test(set, vector)) {
            g_string_append_printf(out, " %u", vector);
        }
    }
    g_string_append(out, apic_highest_vector(set) < 0 ? " (none)\n" : "\n");
}

static void apic_print(Device *device, GString *out)
{
    Apic *apic = APIC(device);

    chip_binding_save(&apic->binding, device);
    g_string_append_printf(out, "dumping local APIC state for CPU %u\n\n",
                           apic->cpu ? apic->cpu->index : apic->initial_id);
    for (unsigned i = 0; i < G_N_ELEMENTS(page_registers); i++) {
        const RegisterInfo *reg = &page_registers[i];
        uint64_t value = 0;
        if (reg->access == REG_WO || reg->field.count > 1) {
            continue;
        }
        if (reg->read) {
            value = reg->read(device, 0);
        } else {
            device_register_peek(device, reg, 0, &value);
        }
        g_string_append_printf(out, "%-16s 0x%08" PRIx64 "  %s\n", reg->name, value,
                               reg->description);
    }
    print_vectors(out, "ISR", apic->isr);
    print_vectors(out, "IRR", apic->irr);
}

static ChipBinding *apic_binding(Device *device)
{
    return &APIC(device)->binding;
}

/* ---- tables ---- */

static const BankInfo apic_banks[] = {
    [APIC_BANK_PAGE] = { "page", "what the CPU sees at its APIC base", .size = 0x1000,
                         .width = 4, .access_min = 4, .access_max = 4, .internal = true,
                         .registers = TABLE(page_registers) },
};

static const PinInfo apic_pins[] = {
    [APIC_PIN_LINT] = { "LINT", "LINT0 (INTR of the 8259) and LINT1 (NMI)", PIN_IN, .count = 2,
                        .set = apic_lint },
    [APIC_PIN_INTR] = { "INTR", "the CPU has an interrupt to take", PIN_OUT },
};

static const ClockInfo apic_clocks[] = {
    { "bus", "what the timer divides", PIN_IN, .frequency = 1000000000 },
};

static const Property apic_properties[] = {
    { .name = "id", .description = "APIC ID after reset", .field = FIELD_OF(Apic, initial_id) },
    { .name = "version", .description = "of the version register",
      .field = FIELD_OF(Apic, version), .def.u = 0x14, .flags = PROPERTY_HEX },
    { .name = "eoi-broadcast-suppression", .description = "bit 12 of SVR keeps the end of an "
      "interrupt from the I/O APICs", .field = FIELD_OF(Apic, eoi_suppression) },
};

static const TimerInfo apic_timers[] = {
    { "timer", FIELD(Apic, timer), .expired = apic_timer_expired },
};

static const StateInfo apic_state[] = {
    { "errors", FIELD(Apic, errors) },
    { "count", FIELD(Apic, count) },
    { "stamp", FIELD(Apic, stamp), .max = INT64_MAX },
    { "deadline", FIELD(Apic, deadline) },
    { "base", FIELD(Apic, base) },
    { "lint", FIELD_ARRAY(Apic, lint) },
    { "extint", FIELD(Apic, extint) },
    { "requests", FIELD(Apic, requests) },
};

static const TransientInfo apic_transient[] = {
    { FIELD_OF(Apic, cpu), "its parent in the tree" },
    { FIELD_OF(Apic, ops), "who runs the CPU" },
    { FIELD_OF(Apic, opaque), "who runs the CPU" },
    { FIELD_OF(Apic, features), "who runs the CPU" },
    { FIELD_OF(Apic, binding), "who works the chip" },
    { FIELD_OF(Apic, next), "list of all of them" },
};

static const ChipOps apic_chip_ops = { .binding = apic_binding, .bound = apic_bound };
static const Interface apic_interfaces[] = { { CHIP_INTERFACE, &apic_chip_ops } };

const DeviceType apic_type = {
    .name = "apic", .parent = "device", .size = sizeof(Apic),
    .description = "local APIC of an x86 CPU", .board_only = true,
    .properties = TABLE(apic_properties), .interfaces = TABLE(apic_interfaces),
    .banks = TABLE(apic_banks), .pins = TABLE(apic_pins), .clocks = TABLE(apic_clocks),
    .timers = TABLE(apic_timers), .state = TABLE(apic_state),
    .transient = TABLE(apic_transient), .prepare = apic_prepare, .realize = apic_realize,
    .unrealize = apic_unrealize, .reset = apic_reset, .reset_exit = apic_reset_exit,
    .update = apic_update, .pre_save = apic_pre_save, .post_load = apic_post_load,
    .print = apic_print, .topic = "lapic",
};
