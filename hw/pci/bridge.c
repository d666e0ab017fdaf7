/* SPDX-License-Identifier: MIT */
/*
 * "pci-bridge": a PCI-to-PCI bridge (PPB 1.2) in a chassis of its own. It
 * passes 16-bit I/O, 32-bit memory and 64-bit prefetchable memory windows, VGA
 * cycles and the ISA mode of the I/O window downstream, and everything upstream
 * while it is a bus master. Its secondary bus has the bridge's id, or "pci.N".
 * Not modelled: the standard hot-plug controller, 10-bit aliases of the VGA
 * ports, discard timers, parity and system errors.
 */
#include "hw/pci/internal.h"

#define VENDOR_RED_HAT  0x1b36
#define SLOT_ID_OFFSET  0x40
#define SLOT_ID_FIRST   0x20   /* first in chassis (PPB 13.4) */
#define ISA_BLOCK       0x400u /* of which ISA mode passes the first part */
#define ISA_PART        0x100u
#define ISA_BLOCKS      64

typedef enum Window {
    WINDOW_IO,
    WINDOW_MEMORY,
    WINDOW_PREFETCH,
    WINDOW_VGA_MEMORY,
    WINDOW_VGA_MONO,
    WINDOW_VGA_COLOR,
    WINDOW_ISA,   /* and the following ones */
    WINDOWS = WINDOW_ISA + ISA_BLOCKS,
} Window;

typedef struct PciBridge {
    PciDevice pci;
    PciBus *secondary;
    MemoryRegion *windows[WINDOWS];
    uint8_t chassis_nr;
    bool shpc;
} PciBridge;

static PciBridge *bridge_of(PciDevice *pci)
{
    return (PciBridge *)pci;
}

PciBus *pci_bridge_secondary(PciDevice *bridge)
{
    return bridge_of(bridge)->secondary;
}

/* ---- windows ---- */

static bool is_memory(Window window)
{
    return window == WINDOW_MEMORY || window == WINDOW_PREFETCH || window == WINDOW_VGA_MEMORY;
}

/* Shows [base, limit] of the secondary bus at the same place of the primary one. */
static void window_set(PciBridge *bridge, Window window, bool open, uint64_t base,
                       uint64_t limit)
{
    MemoryRegion **alias = &bridge->windows[window];
    Bus *primary = bridge->pci.device.bus, *secondary = &bridge->secondary->bus;

    open = open && base <= limit;
    if (!*alias && open) {
        *alias = region_new_alias(OBJECT(bridge), "pci_bridge_window",
                                  is_memory(window) ? secondary->memory : secondary->io, base,
                                  limit - base + 1);
        region_add(is_memory(window) ? primary->memory : primary->io, base, *alias, 0);
    } else if (*alias) {
        if (open) {
            region_set_alias_offset(*alias, base);
            region_set_offset(*alias, base);
            region_set_size(*alias, limit - base + 1);
        }
        region_set_enabled(*alias, open);
    }
}

/* In ISA mode a block of 1 KiB passes its first 256 ports only (PPB 3.2.5.18). */
static void update_io(PciBridge *bridge, bool open, bool isa_mode)
{
    const uint8_t *config = bridge->pci.config;
    unsigned base = (config[PPB_IO_BASE] & 0xf0) << 8;
    unsigned limit = (config[PPB_IO_LIMIT] & 0xf0) << 8 | 0xfff;

    window_set(bridge, WINDOW_IO, open && !isa_mode, base, limit);
    for (unsigned i = 0; i < ISA_BLOCKS; i++) {
        unsigned start = i * ISA_BLOCK;
        window_set(bridge, WINDOW_ISA + i, open && isa_mode && start >= base && start <= limit,
                   start, start + ISA_PART - 1);
    }
}

static uint64_t memory_base(const PciDevice *pci, unsigned offset)
{
    return (uint64_t)(pci_config_load(pci, offset, 2) & 0xfff0) << 16;
}

static void update_windows(PciBridge *bridge)
{
    const PciDevice *pci = &bridge->pci;
    uint16_t command = pci_config_load(pci, PCI_COMMAND, 2);
    uint16_t control = pci_config_load(pci, PPB_CONTROL, 2);
    bool io = command & PCI_COMMAND_IO, memory = command & PCI_COMMAND_MEMORY;
    bool vga = control & PPB_CONTROL_VGA;

    memory_transaction_begin();
    update_io(bridge, io, control & PPB_CONTROL_ISA);
    window_set(bridge, WINDOW_MEMORY, memory, memory_base(pci, PPB_MEMORY_BASE),
               memory_base(pci, PPB_MEMORY_LIMIT) | 0xfffff);
    window_set(bridge, WINDOW_PREFETCH, memory,
               memory_base(pci, PPB_PREFETCH_BASE) |
               (uint64_t)pci_config_load(pci, PPB_PREFETCH_BASE_UPPER, 4) << 32,
               memory_base(pci, PPB_PREFETCH_LIMIT) | 0xfffff |
               (uint64_t)pci_config_load(pci, PPB_PREFETCH_LIMIT_UPPER, 4) << 32);
    window_set(bridge, WINDOW_VGA_MEMORY, memory && vga, 0xa0000, 0xbffff);
    window_set(bridge, WINDOW_VGA_MONO, io && vga, 0x3b0, 0x3bb);
    window_set(bridge, WINDOW_VGA_COLOR, io && vga, 0x3c0, 0x3df);
    memory_transaction_commit();
}

static void bridge_config_wrote(PciDevice *pci, unsigned offset, unsigned size)
{
    if (pci_touches(offset, size, PCI_COMMAND, 2) ||
        pci_touches(offset, size, PPB_IO_BASE, PPB_IO_LIMIT_UPPER + 2 - PPB_IO_BASE) ||
        pci_touches(offset, size, PPB_CONTROL, 2)) {
        update_windows(bridge_of(pci));
    }
}

/* The secondary bus is in reset while the bit is set; going in is what changes state. */
static void wrote_control(Device *device, unsigned index, uint64_t old)
{
    PciBridge *bridge = (PciBridge *)device;

    if (!(old & PPB_CONTROL_RESET) &&
        pci_config_load(&bridge->pci, PPB_CONTROL, 2) & PPB_CONTROL_RESET) {
        devices_reset(OBJECT(bridge->secondary));
    }
}

/* ---- life ---- */

static void bridge_init(Object *object)
{
    PciBridge *bridge = (PciBridge *)object;
    const char *id = device_id(DEVICE(object));
    g_autofree char *name = g_strdup(id);
    Bus *there = NULL;

    for (unsigned n = 1; !id; n++) {
        g_free(name);
        name = g_strdup_printf("pci.%u", n);
        there = bus_find(name, NULL);
        if (!there) {
            break;
        }
    }
    bridge->secondary = (PciBus *)bus_new(&pci_bus_type, DEVICE(object), name, NULL);
    g_assert(bridge->secondary);
    bridge->secondary->bridge = &bridge->pci;
}

static bool bridge_prepare(Device *device, GError **error)
{
    PciBridge *bridge = (PciBridge *)device;

    if (!bridge->chassis_nr) {
        error_set(error, ERROR_INVALID, "Bridge chassis not specified. Each bridge is required "
                  "to be assigned a unique chassis id > 0: give chassis_nr");
        return false;
    }
    if (bridge->shpc) {
        error_set(error, ERROR_INVALID, "the standard hot-plug controller is not modelled: "
                  "leave out shpc=on");
        return false;
    }
    return true;
}

static bool bridge_configure(PciDevice *pci, GError **error)
{
    bridge_of(pci)->secondary->upstream = pci->master;
    pci_config_set(pci, SLOT_ID_OFFSET + 3, 1, bridge_of(pci)->chassis_nr);
    return true;
}

static void bridge_reset(Device *device)
{
    PciBridge *bridge = (PciBridge *)device;

    if (bridge->pci.attached) {
        update_windows(bridge);
    }
}

static bool bridge_post_load(Device *device, GError **error)
{
    update_windows((PciBridge *)device);
    return true;
}

static void bridge_finalize(Object *object)
{
    PciBridge *bridge = (PciBridge *)object;

    for (unsigned i = 0; i < WINDOWS; i++) {
        g_clear_pointer(&bridge->windows[i], region_free);
    }
}

/* ---- tables ---- */

static const RegisterInfo bridge_config[] = {
    { PPB_PRIMARY_BUS, "PRIBUS", "primary bus number" },
    { PPB_SECONDARY_BUS, "SECBUS", "secondary bus number" },
    { PPB_SUBORDINATE_BUS, "SUBBUS", "highest bus number behind the bridge" },
    { PPB_SECONDARY_LATENCY, "SLT", "secondary latency timer" },
    { PPB_IO_BASE, "IOBASE", "I/O window", .writable = 0xf0 },
    { PPB_IO_LIMIT, "IOLIMIT", "I/O window", .writable = 0xf0 },
    { PPB_SECONDARY_STATUS, "SECSTS", "errors on the secondary bus", .size = 2,
      .reset = PCI_STATUS_66MHZ | PCI_STATUS_FAST_BACK, .access = REG_RO,
      .write_one_clears = PCI_STATUS_ERRORS },
    { PPB_MEMORY_BASE, "MEMBASE", "memory window", .size = 2, .writable = 0xfff0 },
    { PPB_MEMORY_LIMIT, "MEMLIMIT", "memory window", .size = 2, .writable = 0xfff0 },
    { PPB_PREFETCH_BASE, "PREMEMBASE", "prefetchable window", .size = 2, .writable = 0xfff0,
      .reset = 1 },
    { PPB_PREFETCH_LIMIT, "PREMEMLIMIT", "prefetchable window", .size = 2, .writable = 0xfff0,
      .reset = 1 },
    { PPB_PREFETCH_BASE_UPPER, "PREBASEUPPER", "prefetchable window", .size = 4 },
    { PPB_PREFETCH_LIMIT_UPPER, "PRELIMITUPPER", "prefetchable window", .size = 4 },
    { PPB_CONTROL, "BRIDGECTL", "bridge control", .size = 2, .writable = 0x0bff,
      .write_one_clears = 0x0400, .wrote = wrote_control },
};

static const RegisterInfo slot_id_registers[] = {
    { 2, "ESR", "expansion slots", .access = REG_RO, .reset = SLOT_ID_FIRST },
    { 3, "CHASSIS", "chassis number" },
};

static const PciCapabilityInfo bridge_capabilities[] = {
    { PCI_CAP_SLOT_ID, SLOT_ID_OFFSET, 4, TABLE(slot_id_registers) },
};

static const PciInfo bridge_info = {
    .vendor = VENDOR_RED_HAT, .device = 0x0001, .class_code = 0x060400, .bridge = true,
    .status = PCI_STATUS_66MHZ | PCI_STATUS_FAST_BACK,
    .config = TABLE(bridge_config), .capabilities = TABLE(bridge_capabilities),
    .configure = bridge_configure, .config_wrote = bridge_config_wrote,
};

static const Property bridge_properties[] = {
    { .name = "chassis_nr", .description = "number of the chassis, unique and above 0",
      .field = FIELD_OF(PciBridge, chassis_nr) },
    { .name = "shpc", .description = "standard hot-plug controller: not modelled, must be off",
      .field = FIELD_OF(PciBridge, shpc) },
};

static const TransientInfo bridge_transient[] = {
    { FIELD(PciBridge, secondary), "made with the device" },
    { FIELD(PciBridge, windows), "follow the configuration space" },
};

const DeviceType pci_bridge_type = {
    .name = "pci-bridge", .parent = "pci-device", .bus = "PCI", .hotpluggable = true,
    .description = "PCI-to-PCI bridge", .size = sizeof(PciBridge),
    .properties = TABLE(bridge_properties), .pci = &bridge_info,
    .transient = TABLE(bridge_transient), .init = bridge_init, .finalize = bridge_finalize,
    .prepare = bridge_prepare, .reset = bridge_reset, .post_load = bridge_post_load,
};
