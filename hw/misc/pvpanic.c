/* SPDX-License-Identifier: MIT */
/*
 * "pvpanic" (ISA) and "pvpanic-pci": one register through which a guest says
 * that it panicked, or that it loaded a crash kernel and goes on, as its
 * published specification says (QEMU's documentation, specs/pvpanic). Reading
 * gives what the device knows.
 */
#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

#define EVENT_PANICKED     0x01
#define EVENT_CRASH_LOADED 0x02
#define EVENTS             (EVENT_PANICKED | EVENT_CRASH_LOADED)

typedef struct Pvpanic {
    Device device;
    uint8_t events;
    uint16_t ioport;
} Pvpanic;

typedef struct PvpanicPci {
    PciDevice pci;
    uint8_t events;
} PvpanicPci;

static void announce_crash_load(void)
{
    GVariantBuilder data;

    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&data, "{sv}", "action", g_variant_new_string("run"));
    machine_event("GUEST_CRASHLOADED", g_variant_builder_end(&data));
}

static void handle(uint8_t supported, uint64_t value)
{
    if (value & ~(uint64_t)supported) {
        log_guest_error("pvpanic: event 0x%" PRIx64 " is not supported", value & ~supported);
    }
    if (value & supported & EVENT_PANICKED) {
        machine_guest_panicked(NULL);
    } else if (value & supported & EVENT_CRASH_LOADED) {
        announce_crash_load();
    }
}

static uint64_t isa_read(Device *device, unsigned index)
{
    return ((Pvpanic *)device)->events;
}

static void isa_write(Device *device, unsigned index, uint64_t value)
{
    handle(((Pvpanic *)device)->events, value);
}

static uint64_t pci_read(Device *device, unsigned index)
{
    return ((PvpanicPci *)device)->events;
}

static void pci_write(Device *device, unsigned index, uint64_t value)
{
    handle(((PvpanicPci *)device)->events, value);
}

/* ---- tables ---- */

static const RegisterInfo isa_registers[] = {
    { 0, "EVENTS", "what happened; read: what can be said", .read = isa_read,
      .write = isa_write },
};

static const BankInfo isa_banks[] = {
    { .name = "events", .space = SPACE_IO, .size = 1, .registers = TABLE(isa_registers),
      .base_property = "ioport" },
};

static const Property isa_properties[] = {
    { .name = "ioport", .description = "I/O port", .field = FIELD_OF(Pvpanic, ioport),
      .def.u = 0x505, .flags = PROPERTY_HEX },
    { .name = "events", .description = "events that the guest may tell of: 1 panic, 2 crash load",
      .field = FIELD_OF(Pvpanic, events), .def.u = EVENTS, .max = EVENTS },
};

const DeviceType pvpanic_type = {
    .name = "pvpanic", .parent = "isa-device", .bus = "ISA", .compatible = "qemu,pvpanic",
    .description = "tells of a guest's panic, by an I/O port", .size = sizeof(Pvpanic),
    .properties = TABLE(isa_properties), .banks = TABLE(isa_banks),
};

static const RegisterInfo pci_registers[] = {
    { 0, "EVENTS", "what happened; read: what can be said", .read = pci_read,
      .write = pci_write },
};

/* A memory BAR has at least 16 bytes; the register is the first of them. */
static const BankInfo pci_banks[] = {
    { .name = "events", .size = 16, .registers = TABLE(pci_registers), .bar = 1 },
};

static const Property pci_properties[] = {
    { .name = "events", .description = "events that the guest may tell of: 1 panic, 2 crash load",
      .field = FIELD_OF(PvpanicPci, events), .def.u = EVENTS, .max = EVENTS },
};

static const PciInfo pvpanic_pci_info = {
    .vendor = 0x1b36, .device = 0x0011, .revision = 1, .class_code = 0x088000,
};

const DeviceType pvpanic_pci_type = {
    .name = "pvpanic-pci", .parent = "pci-device", .bus = "PCI", .hotpluggable = true,
    .description = "tells of a guest's panic, by PCI", .size = sizeof(PvpanicPci),
    .properties = TABLE(pci_properties), .banks = TABLE(pci_banks), .pci = &pvpanic_pci_info,
};
