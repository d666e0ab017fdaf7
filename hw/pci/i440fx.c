/* SPDX-License-Identifier: MIT */
/*
 * The 440FX host bridge: Intel 82441FX PCI and memory controller (PMC), order
 * number 290549. PAM, SMRAM and the fixed DRAM hole change the memory map; the
 * registers of DRAM geometry, timing, buffers and arbitration hold what is
 * written. Not modelled: parity and ECC, the deturbo mode, the CPU's built-in
 * self test, and SMRAM's closing for data alone (DCLS).
 */
#include "hw/pci/i440fx.h"

#include "base/log.h"
#include "hw/core/machine.h"

#define CONFADD_PORT    0xcf8
#define CONFADD_ENABLE  0x80000000u
/* Bus, device, function and register; the rest reads as zero, PMC 3.1. */
#define CONFADD_BITS    0x80fffffcu

enum { HOST_PIN_PIRQ };

static I440fxHost *host_of(Device *device)
{
    return (I440fxHost *)device;
}

/* ---- interrupts: the board turns the pins by slot, device 1 first ---- */

static unsigned line_of(PciBus *bus, unsigned slot, unsigned pin)
{
    return (slot - 1 + pin) & 3;
}

static void set_line(PciBus *bus, unsigned line, bool level)
{
    pin_set(bus->bus.owner, HOST_PIN_PIRQ, line, level);
}

static const PciHostOps host_ops = { .line_of = line_of, .set_line = set_line };

/* ---- configuration mechanism 1 ---- */

static bool config_enabled(const I440fxHost *host)
{
    return host->confadd & CONFADD_ENABLE;
}

static MemoryResult pass_read(I440fxHost *host, unsigned offset, unsigned size, uint64_t *value,
                              MemoryAttrs attrs)
{
    return address_space_load(host->pci_ports, offset, size, ENDIAN_LITTLE, attrs, value);
}

static MemoryResult pass_write(I440fxHost *host, unsigned offset, unsigned size, uint64_t value,
                               MemoryAttrs attrs)
{
    return address_space_store(host->pci_ports, offset, size, ENDIAN_LITTLE, attrs, value);
}

/* Only a double word reaches CONFADD; narrower cycles go on to PCI (PMC 3.1.1). */
static MemoryResult confadd_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                 MemoryAttrs attrs)
{
    I440fxHost *host = opaque;

    if (size != 4) {
        return pass_read(host, offset, size, value, attrs);
    }
    *value = host->confadd;
    return MEMORY_OK;
}

static MemoryResult confadd_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                  MemoryAttrs attrs)
{
    I440fxHost *host = opaque;

    if (size != 4) {
        return pass_write(host, offset, size, value, attrs);
    }
    host->confadd = value & CONFADD_BITS;
    return MEMORY_OK;
}

static unsigned selected_bus(const I440fxHost *host)
{
    return host->confadd >> 16 & 0xff;
}

static unsigned selected_devfn(const I440fxHost *host)
{
    return host->confadd >> 8 & 0xff;
}

static unsigned selected_register(const I440fxHost *host)
{
    return host->confadd & 0xfc;
}

/* While CONFADD is not enabled, CONFDATA is an ordinary port of PCI (PMC 3.1.2). */
static MemoryResult confdata_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                  MemoryAttrs attrs)
{
    I440fxHost *host = opaque;

    if (!config_enabled(host)) {
        return pass_read(host, 4 + offset, size, value, attrs);
    }
    *value = pci_host_config_read(host->bus, selected_bus(host), selected_devfn(host),
                                  selected_register(host) + offset, size);
    return MEMORY_OK;
}

static MemoryResult confdata_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                   MemoryAttrs attrs)
{
    I440fxHost *host = opaque;

    if (!config_enabled(host)) {
        return pass_write(host, 4 + offset, size, value, attrs);
    }
    pci_host_config_write(host->bus, selected_bus(host), selected_devfn(host),
                          selected_register(host) + offset, size, value);
    return MEMORY_OK;
}

static const RegionOps confadd_ops = {
    .read = confadd_read, .write = confadd_write, .access_max = 4, .unaligned = true,
};

static const RegionOps confdata_ops = {
    .read = confdata_read, .write = confdata_write, .access_max = 4, .unaligned = true,
};

/* ---- the bridge ---- */

static bool host_prepare(Device *device, GError **error)
{
    I440fxHost *host = host_of(device);
    Bus *system = system_bus();

    host->bus = PCI_BUS(object_child(OBJECT(device), "pci.0"));
    if (!host->memory) {
        error_set(error, ERROR_INVALID, "it has no RAM: link a memory backend by 'memory'");
        return false;
    }
    pci_bus_init_root(host->bus, &host_ops, system->memory);
    region_add(system->io, 0, host->bus->bus.io, -1);
    host->pci_ports_root = region_new_container(OBJECT(device), "i440fx-pci-ports", 8);
    host->pci_ports_alias = region_new_alias(OBJECT(device), "pci-ports", host->bus->bus.io,
                                             CONFADD_PORT, 8);
    region_add(host->pci_ports_root, 0, host->pci_ports_alias, 0);
    host->pci_ports = address_space_new("i440FX-pci-ports", host->pci_ports_root, 0xff);
    return i440fx_memory_init(host, error);
}

static void host_finalize(Object *object)
{
    I440fxHost *host = (I440fxHost *)object;

    i440fx_memory_free(host);
    g_clear_pointer(&host->pci_ports, address_space_free);
    g_clear_pointer(&host->pci_ports_alias, region_free);
    g_clear_pointer(&host->pci_ports_root, region_free);
    object_link_set((Object **)&host->memory, NULL);
}

static void host_reset(Device *device)
{
    host_of(device)->confadd = 0;
}

static const BankInfo host_banks[] = {
    { .name = "pci-conf-idx", .description = "CONFADD", .space = SPACE_IO, .size = 4,
      .ops = &confadd_ops, .base = CONFADD_PORT, .fixed = true },
    { .name = "pci-conf-data", .description = "CONFDATA", .space = SPACE_IO, .size = 4,
      .ops = &confdata_ops, .base = CONFADD_PORT + 4, .fixed = true },
};

static const Property host_properties[] = {
    { .name = "memory", .description = "the machine's RAM",
      .field = FIELD_LINK_OF(I440fxHost, memory), .link = "memory-backend",
      .link_root = "/objects" },
    { .name = "max-ram-below-4g", .description = "RAM that lies below 4 GiB at most; 0: 3.5 GiB, "
      "or 3 GiB when there is more",
      .field = FIELD_OF(I440fxHost, max_ram_below_4g), .flags = PROPERTY_SIZE },
    { .name = "below-4g-mem-size", .description = "RAM that lies below 4 GiB",
      .field = FIELD_OF(I440fxHost, below_4g), .flags = PROPERTY_SIZE | PROPERTY_READ_ONLY },
    { .name = "above-4g-mem-size", .description = "RAM that lies above 4 GiB",
      .field = FIELD_OF(I440fxHost, above_4g), .flags = PROPERTY_SIZE | PROPERTY_READ_ONLY },
};

static const PinInfo host_pins[] = {
    [HOST_PIN_PIRQ] = { .name = "pirq", .description = "PIRQA# to PIRQD#", .direction = PIN_OUT,
                        .count = 4 },
};

static const BusInfo host_buses[] = { { "pci.0", "PCI" } };

static const StateInfo host_state[] = {
    { .name = "confadd", FIELD(I440fxHost, confadd) },
};

#define MADE_BY_PREPARE "made when it is wired"

static const TransientInfo host_transient[] = {
    { FIELD(I440fxHost, bus), MADE_BY_PREPARE },
    { FIELD(I440fxHost, pci_ports), MADE_BY_PREPARE },
    { FIELD(I440fxHost, pci_ports_root), MADE_BY_PREPARE },
    { FIELD(I440fxHost, pci_ports_alias), MADE_BY_PREPARE },
    { FIELD(I440fxHost, ram_block), MADE_BY_PREPARE },
    { FIELD(I440fxHost, ram), MADE_BY_PREPARE },
    { FIELD(I440fxHost, ram_low), "follow the SMRAM and FDHC registers" },
    { FIELD(I440fxHost, ram_high), MADE_BY_PREPARE },
    { FIELD(I440fxHost, planes), MADE_BY_PREPARE },
    { FIELD(I440fxHost, plane), MADE_BY_PREPARE },
    { FIELD(I440fxHost, planes_space), MADE_BY_PREPARE },
    { FIELD(I440fxHost, pam), "follow the PAM registers" },
    { FIELD(I440fxHost, smm_root), MADE_BY_PREPARE },
    { FIELD(I440fxHost, smm_system), MADE_BY_PREPARE },
    { FIELD(I440fxHost, smm_ram), "follows the SMRAM register" },
    { FIELD(I440fxHost, smm), MADE_BY_PREPARE },
    { FIELD(I440fxHost, smram_enabled), "follows the SMRAM register" },
};

const DeviceType i440fx_host_type = {
    .name = "i440FX-pcihost", .parent = "sys-bus-device", .compatible = "intel,i440fx-pcihost",
    .description = "the 440FX host bridge's side of the CPUs", .size = sizeof(I440fxHost),
    .board_only = true, .properties = TABLE(host_properties), .banks = TABLE(host_banks),
    .pins = TABLE(host_pins), .buses = TABLE(host_buses), .state = TABLE(host_state),
    .transient = TABLE(host_transient), .finalize = host_finalize, .prepare = host_prepare,
    .reset = host_reset,
};

/* ---- function 0 ---- */

#define PAM_FIRST    0x59
#define FDHC         0x68
#define SMRAM        0x72
#define TRC          0x93

#define SMRAM_DOPEN   0x40
#define SMRAM_DCLS    0x20
#define SMRAM_DLCK    0x10
#define SMRAM_GSMRAME 0x08
#define SMRAM_BASESEG 0x02   /* A0000h, the only choice */

#define TRC_RESET_CPU 0x04

static I440fxHost *host_above(const PciDevice *pci)
{
    return host_of(pci_bus_of(pci)->bus.owner);
}

/* The high half of PAM0 is segment 0; each of the others has two (PMC table 9). */
static void update_pam(PciDevice *pci, unsigned index)
{
    uint8_t value = pci->config[PAM_FIRST + index];

    i440fx_set_pam(host_above(pci), index * 2, value >> 4 & 3);
    if (index) {
        i440fx_set_pam(host_above(pci), index * 2 - 1, value & 3);
    }
}

static void update_smram(PciDevice *pci)
{
    uint8_t value = pci->config[SMRAM];
    bool enabled = value & SMRAM_GSMRAME;

    i440fx_set_smram(host_above(pci), enabled && value & SMRAM_DOPEN, enabled);
}

static void update_holes(PciDevice *pci)
{
    unsigned hole = pci->config[FDHC] >> 6;

    i440fx_set_holes(host_above(pci), hole == 1, hole == 2);
}

static void wrote_pam(Device *device, unsigned index, uint64_t old)
{
    update_pam(PCI_DEVICE(device), index);
}

static void wrote_fdhc(Device *device, unsigned index, uint64_t old)
{
    update_holes(PCI_DEVICE(device));
}

/* DLCK closes SMRAM and takes the register out of reach until reset (PMC 3.2.23). */
static void write_smram(Device *device, unsigned index, uint64_t value)
{
    PciDevice *pci = PCI_DEVICE(device);
    uint8_t old = pci->config[SMRAM];

    if (old & SMRAM_DLCK) {
        value = (old & ~SMRAM_DCLS) | (value & SMRAM_DCLS);
    } else if (value & SMRAM_DLCK) {
        value &= ~(uint64_t)SMRAM_DOPEN;
    }
    pci_config_store(pci, SMRAM, 1, value);
    update_smram(pci);
}

static void wrote_trc(Device *device, unsigned index, uint64_t old)
{
    if (~old & PCI_DEVICE(device)->config[TRC] & TRC_RESET_CPU) {
        machine_request_reset(SHUTDOWN_GUEST_RESET);
    }
}

static void update_map(PciDevice *pci)
{
    for (unsigned i = 0; i <= I440FX_PAM_SEGMENTS / 2; i++) {
        update_pam(pci, i);
    }
    update_smram(pci);
    update_holes(pci);
}

static void pmc_reset(Device *device)
{
    if (PCI_DEVICE(device)->attached) {
        update_map(PCI_DEVICE(device));
    }
}

static bool pmc_post_load(Device *device, GError **error)
{
    memory_transaction_begin();
    update_map(PCI_DEVICE(device));
    memory_transaction_commit();
    return true;
}

static bool pmc_configure(PciDevice *pci, GError **error)
{
    if (!object_is(OBJECT(pci_bus_of(pci)->bus.owner), "i440FX-pcihost")) {
        error_set(error, ERROR_INVALID, "i440FX works on the bus of an i440FX-pcihost only");
        return false;
    }
    return true;
}

static const RegisterInfo pmc_config[] = {
    { PCI_COMMAND, "PCICMD", "memory access and bus mastering are always on", .size = 2,
      .reset = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER,
      .writable = PCI_COMMAND_PARITY | PCI_COMMAND_SERR },
    { PCI_CACHE_LINE_SIZE, "CLS", "reserved", .access = REG_RO },
    { PCI_LATENCY_TIMER, "MLT", "master latency timer", .writable = 0xf8 },
    { PCI_INTERRUPT_LINE, "INTLN", "reserved", .access = REG_RO },
    { 0x50, "PMCCFG", "PMC configuration", .size = 2, .writable = 0xffbf },
    { 0x52, "DETURBO", "deturbo counter" },
    { 0x53, "DBC", "data buffer control", .reset = 0x80, .writable = 0xfc },
    { 0x54, "AXC", "auxiliary control", .writable = 0xa2 },
    { 0x55, "DRT", "DRAM row type", .size = 2 },
    { 0x57, "DRAMC", "DRAM control", .reset = 0x01, .writable = 0x7f },
    { 0x58, "DRAMT", "DRAM timing", .reset = 0x10 },
    { PAM_FIRST, "PAM", "programmable attribute map", .count = 7, .writable = 0x33,
      .wrote = wrote_pam },
    { 0x60, "DRB", "DRAM row boundary, in units of 8 MiB", .count = 8, .reset = 0x01 },
    { FDHC, "FDHC", "fixed DRAM hole control", .writable = 0xc0, .wrote = wrote_fdhc },
    { 0x70, "MTT", "multi-transaction timer", .reset = 0x20, .writable = 0xf8 },
    { 0x71, "CLT", "CPU latency timer", .reset = 0x10, .writable = 0x1f },
    { SMRAM, "SMRAM", "system management RAM control", .reset = SMRAM_BASESEG,
      .writable = SMRAM_DOPEN | SMRAM_DCLS | SMRAM_DLCK | SMRAM_GSMRAME,
      .unimplemented = SMRAM_DCLS, .write = write_smram },
    { 0x90, "ERRCMD", "error command", .unimplemented = 0x03 },
    { 0x91, "ERRSTS", "error status", .access = REG_RO, .write_one_clears = 0x11 },
    { TRC, "TRC", "turbo and reset control", .writable = 0x0f, .unimplemented = 0x09,
      .wrote = wrote_trc },
};

static const PciInfo pmc_info = {
    .vendor = 0x8086, .device = 0x1237, .revision = 0x02, .class_code = 0x060000,
    .status = PCI_STATUS_DEVSEL_MEDIUM | PCI_STATUS_FAST_BACK,
    .config = TABLE(pmc_config), .configure = pmc_configure,
};

const DeviceType i440fx_type = {
    .name = "i440FX", .parent = "pci-device", .bus = "PCI", .compatible = "intel,i440fx",
    .description = "Host bridge", .size = sizeof(PciDevice), .board_only = true,
    .pci = &pmc_info, .reset = pmc_reset, .post_load = pmc_post_load,
};
