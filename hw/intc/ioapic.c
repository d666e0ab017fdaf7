/* SPDX-License-Identifier: MIT */
#include "hw/intc/ioapic.h"

#include "base/log.h"
#include "hw/intc/apic-message.h"

#define IOAPIC(pointer) ((Ioapic *)(pointer))

#define ENTRY_READ_ONLY (IOAPIC_PENDING | IOAPIC_REMOTE_IRR)
#define ENTRY_WRITABLE  ((0x1ffffull & ~ENTRY_READ_ONLY) | 0xffull << 56)
#define INDIRECT(reg)   ((reg) * 4u)   /* place of an indirect register in its bank */

static Ioapic *all_ioapics;

/* ---- sending ---- */

bool ioapic_entry_message(uint64_t entry, uint64_t *address, uint32_t *data)
{
    ApicMessage message = {
        .destination = IOAPIC_DESTINATION(entry), .logical = entry & IOAPIC_LOGICAL,
        .delivery = IOAPIC_DELIVERY(entry), .vector = entry & IOAPIC_VECTOR,
        .level = true, .level_triggered = entry & IOAPIC_LEVEL,
    };

    if (message.delivery == APIC_RESERVED_3 || message.delivery == APIC_STARTUP) {
        return false;
    }
    *address = apic_message_address(&message);
    *data = apic_message_data(&message);
    return true;
}

static bool send_entry(Ioapic *ioapic, unsigned line)
{
    uint64_t address;
    uint32_t data;
    uint8_t bytes[4];

    if (!ioapic_entry_message(ioapic->redirection[line], &address, &data)) {
        log_guest_error("ioapic: entry %u has the reserved delivery mode %u", line,
                        IOAPIC_DELIVERY(ioapic->redirection[line]));
        return false;
    }
    store_le(bytes, data, 4);
    dma_write(&ioapic->device, address, bytes, 4);
    return true;
}

/* Only these are answered by an EOI; the others are edges whatever bit 15 says. */
static bool entry_is_level(uint64_t entry)
{
    return (entry & IOAPIC_LEVEL) && (IOAPIC_DELIVERY(entry) == APIC_FIXED ||
                                      IOAPIC_DELIVERY(entry) == APIC_LOWEST_PRIORITY);
}

static void service(Ioapic *ioapic, unsigned line)
{
    uint64_t *entry = &ioapic->redirection[line];

    if (!(ioapic->irr & BIT(line)) || (*entry & IOAPIC_MASKED)) {
        return;
    }
    if (!entry_is_level(*entry)) {
        ioapic->irr &= ~BIT(line);
        send_entry(ioapic, line);
    } else if (!(*entry & IOAPIC_REMOTE_IRR)) {
        *entry |= IOAPIC_REMOTE_IRR;
        if (!send_entry(ioapic, line)) {
            *entry &= ~IOAPIC_REMOTE_IRR;
        }
    }
}

static void ioapic_update(Device *device)
{
    Ioapic *ioapic = IOAPIC(device);

    for (uint32_t waiting = chip_is_bound(&ioapic->binding) ? 0 : ioapic->irr; waiting;
         waiting &= waiting - 1) {
        service(ioapic, __builtin_ctz(waiting));
    }
}

static void ioapic_input(Device *device, unsigned line, bool level)
{
    Ioapic *ioapic = IOAPIC(device);
    uint64_t entry = ioapic->redirection[line];
    uint32_t bit = BIT(line);

    if (entry_is_level(entry)) {
        ioapic->irr = level ? ioapic->irr | bit : ioapic->irr & ~bit;
    } else if (level && !(ioapic->inputs & bit) && !(entry & IOAPIC_MASKED)) {
        ioapic->irr |= bit;
    }
    ioapic->inputs = level ? ioapic->inputs | bit : ioapic->inputs & ~bit;
}

static void end_of_interrupt(Ioapic *ioapic, uint8_t vector)
{
    for (unsigned line = 0; line < IOAPIC_LINES; line++) {
        uint64_t *entry = &ioapic->redirection[line];
        if ((*entry & IOAPIC_REMOTE_IRR) && (*entry & IOAPIC_VECTOR) == vector) {
            *entry &= ~IOAPIC_REMOTE_IRR;
        }
    }
}

void ioapic_end_of_interrupt(uint8_t vector)
{
    for (Ioapic *ioapic = all_ioapics; ioapic; ioapic = ioapic->next) {
        end_of_interrupt(ioapic, vector);
        device_update(&ioapic->device);
    }
}

/* ---- indirect registers ---- */

static uint64_t read_id(Device *device, unsigned index)
{
    return (uint64_t)IOAPIC(device)->id << 24;
}

static void write_id(Device *device, unsigned index, uint64_t value)
{
    IOAPIC(device)->id = value >> 24 & 0xf;
}

static uint64_t read_version(Device *device, unsigned index)
{
    return IOAPIC(device)->version | (IOAPIC_LINES - 1) << 16;
}

static uint64_t read_entry_low(Device *device, unsigned line)
{
    return (uint32_t)IOAPIC(device)->redirection[line];
}

static uint64_t read_entry_high(Device *device, unsigned line)
{
    return IOAPIC(device)->redirection[line] >> 32;
}

static void write_entry_low(Device *device, unsigned line, uint64_t value)
{
    Ioapic *ioapic = IOAPIC(device);
    uint64_t *entry = &ioapic->redirection[line];
    uint64_t writable = (uint32_t)ENTRY_WRITABLE;

    *entry = (*entry & ~writable) | (value & writable);
    if (entry_is_level(*entry)) {
        ioapic->irr = (ioapic->irr & ~BIT(line)) | (ioapic->inputs & BIT(line));
    } else {
        /* Remote IRR is undefined for edges; software clears it this way. */
        *entry &= ~IOAPIC_REMOTE_IRR;
        ioapic->irr &= ~BIT(line);
    }
}

static void write_entry_high(Device *device, unsigned line, uint64_t value)
{
    uint64_t *entry = &IOAPIC(device)->redirection[line];
    uint64_t wanted = value << 32;
    uint64_t writable = ENTRY_WRITABLE & ~(uint64_t)UINT32_MAX;

    *entry = (*entry & ~writable) | (wanted & writable);
}

/* ---- direct registers ---- */

static uint64_t read_window(Device *device, unsigned index)
{
    return device_bank_read(device, IOAPIC_BANK_INDIRECT, INDIRECT(IOAPIC(device)->select), 4);
}

static void write_window(Device *device, unsigned index, uint64_t value)
{
    device_bank_write(device, IOAPIC_BANK_INDIRECT, INDIRECT(IOAPIC(device)->select), 4, value);
}

static bool has_eoi(const Device *device)
{
    return ((const Ioapic *)device)->version >= 0x20;
}

static void write_eoi(Device *device, unsigned index, uint64_t value)
{
    end_of_interrupt(IOAPIC(device), value);
}

/* ---- life ---- */

static bool ioapic_prepare(Device *device, GError **error)
{
    uint8_t version = IOAPIC(device)->version;

    if (version != 0x11 && version != 0x20) {
        error_set(error, ERROR_INVALID, "property 'version' is 0x%02x: an I/O APIC of version "
                  "0x11 or 0x20 can be had", version);
        return false;
    }
    return true;
}

static bool ioapic_realize(Device *device, GError **error)
{
    Ioapic **link = &all_ioapics;

    while (*link) {
        link = &(*link)->next;
    }
    *link = IOAPIC(device);
    return true;
}

static void ioapic_unrealize(Device *device)
{
    for (Ioapic **link = &all_ioapics; *link; link = &(*link)->next) {
        if (*link == IOAPIC(device)) {
            *link = IOAPIC(device)->next;
            break;
        }
    }
}

static void ioapic_reset(Device *device)
{
    Ioapic *ioapic = IOAPIC(device);

    ioapic->id = 0;
    ioapic->irr = ioapic->inputs = 0;
    for (unsigned line = 0; line < IOAPIC_LINES; line++) {
        ioapic->redirection[line] = IOAPIC_MASKED;
        ioapic->inputs |= pin_level(device, IOAPIC_PIN_IRQ, line) ? BIT(line) : 0;
    }
}

static void ioapic_reset_exit(Device *device)
{
    chip_binding_reset(&IOAPIC(device)->binding, device);
}

static void ioapic_pre_save(Device *device)
{
    chip_binding_save(&IOAPIC(device)->binding, device);
}

static bool ioapic_post_load(Device *device, GError **error)
{
    return chip_binding_load(&IOAPIC(device)->binding, device, error);
}

static void ioapic_print(Device *device, GString *out)
{
    static const char *const modes[] = {
        "fixed", "lowpri", "SMI", "reserved", "NMI", "INIT", "reserved", "ExtINT",
    };
    Ioapic *ioapic = IOAPIC(device);

    chip_binding_save(&ioapic->binding, device);
    g_string_append_printf(out, "ioapic: ver=0x%x id=0x%02x sel=0x%02x\n", ioapic->version,
                           ioapic->id, ioapic->select);
    for (unsigned line = 0; line < IOAPIC_LINES; line++) {
        uint64_t entry = ioapic->redirection[line];
        g_string_append_printf(out, "  pin %-2u 0x%016" PRIx64 " dest=0x%02x vec=%-3u %s %s "
                               "%-6s %s %s%s%s\n", line, entry, IOAPIC_DESTINATION(entry),
                               (unsigned)(entry & IOAPIC_VECTOR),
                               entry & IOAPIC_ACTIVE_LOW ? "active-lo" : "active-hi",
                               entry & IOAPIC_LEVEL ? "level" : "edge ",
                               entry & IOAPIC_MASKED ? "masked" : "",
                               entry & IOAPIC_LOGICAL ? "logical " : "physical",
                               modes[IOAPIC_DELIVERY(entry)],
                               entry & IOAPIC_REMOTE_IRR ? " remote-irr" : "",
                               ioapic->irr & BIT(line) ? " irr" : "");
    }
}

static ChipBinding *ioapic_binding(Device *device)
{
    return &IOAPIC(device)->binding;
}

/* ---- tables ---- */

static const RegisterInfo memory_registers[] = {
    { 0x00, "IOREGSEL", "which indirect register IOWIN shows", FIELD(Ioapic, select),
      .size = 4, .writable = 0xff },
    { 0x10, "IOWIN", "the selected register", .read = read_window, .write = write_window },
    { 0x40, "EOI", "vector whose service has ended", .access = REG_WO, .visible = has_eoi,
      .write = write_eoi },
};

static const RegisterInfo indirect_registers[] = {
    { INDIRECT(0x00), "IOAPICID", "identification", .read = read_id, .write = write_id },
    { INDIRECT(0x01), "IOAPICVER", "version and highest entry", .access = REG_RO,
      .read = read_version },
    { INDIRECT(0x02), "IOAPICARB", "arbitration identification", .access = REG_RO,
      .read = read_id },
    { INDIRECT(0x10), "IOREDTBL", "redirection entry, bits 31-0", .count = IOAPIC_LINES,
      .stride = 8, .read = read_entry_low, .write = write_entry_low },
    { INDIRECT(0x11), "IOREDTBLH", "redirection entry, bits 63-32", .count = IOAPIC_LINES,
      .stride = 8, .read = read_entry_high, .write = write_entry_high },
};

static const BankInfo ioapic_banks[] = {
    [IOAPIC_BANK_MEMORY] = { "ioapic", "direct registers", .size = 0x1000, .width = 4,
                             .access_max = 4, .registers = TABLE(memory_registers) },
    [IOAPIC_BANK_INDIRECT] = { "indirect", "what IOREGSEL selects", .size = INDIRECT(0x100),
                               .width = 4, .access_max = 4, .internal = true,
                               .hole = 0, .registers = TABLE(indirect_registers) },
};

static const PinInfo ioapic_pins[] = {
    [IOAPIC_PIN_IRQ] = { "irq", "INTIN0 to INTIN23", PIN_IN, .count = IOAPIC_LINES,
                         .set = ioapic_input },
};

static const Property ioapic_properties[] = {
    { .name = "version", .description = "0x11, or 0x20 with an EOI register",
      .field = FIELD_OF(Ioapic, version), .def.u = 0x20, .flags = PROPERTY_HEX },
};

static const StateInfo ioapic_state[] = {
    { "id", FIELD(Ioapic, id), .max = 0xf },
    { "inputs", FIELD(Ioapic, inputs), .max = BIT(IOAPIC_LINES) - 1 },
    { "irr", FIELD(Ioapic, irr), .max = BIT(IOAPIC_LINES) - 1 },
    { "redirection", FIELD_ARRAY(Ioapic, redirection) },
};

static const TransientInfo ioapic_transient[] = {
    { FIELD_OF(Ioapic, binding), "who works the chip" },
    { FIELD_OF(Ioapic, next), "list of all of them" },
};

static const ChipOps ioapic_chip_ops = { .binding = ioapic_binding };
static const Interface ioapic_interfaces[] = { { CHIP_INTERFACE, &ioapic_chip_ops } };

const DeviceType ioapic_type = {
    .name = "ioapic", .parent = "sys-bus-device", .size = sizeof(Ioapic),
    .description = "Intel 82093AA I/O APIC",
    .compatible = "intel,ce4100-ioapic", .board_only = true,
    .properties = TABLE(ioapic_properties), .interfaces = TABLE(ioapic_interfaces),
    .banks = TABLE(ioapic_banks), .pins = TABLE(ioapic_pins), .state = TABLE(ioapic_state),
    .transient = TABLE(ioapic_transient), .prepare = ioapic_prepare,
    .realize = ioapic_realize, .unrealize = ioapic_unrealize, .reset = ioapic_reset,
    .reset_exit = ioapic_reset_exit, .update = ioapic_update, .pre_save = ioapic_pre_save,
    .post_load = ioapic_post_load, .print = ioapic_print,
    .topic = "ioapic",
};
