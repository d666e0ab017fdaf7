/* SPDX-License-Identifier: MIT */
/* People's views of PCI: `info pci`, and a function's lines in `info qtree`. */
#include "hw/pci/internal.h"

/* PCI Code and ID Assignment Specification; names as monitors' users know them. */
static const struct {
    uint16_t code;
    const char *name;
} class_names[] = {
    { 0x0001, "VGA controller" },       { 0x0100, "SCSI controller" },
    { 0x0101, "IDE controller" },       { 0x0102, "Floppy controller" },
    { 0x0103, "IPI controller" },       { 0x0104, "RAID controller" },
    { 0x0106, "SATA controller" },      { 0x0107, "SAS controller" },
    { 0x0108, "NVMe controller" },
    { 0x0180, "Storage controller" },   { 0x0200, "Ethernet controller" },
    { 0x0201, "Token Ring controller" },{ 0x0202, "FDDI controller" },
    { 0x0203, "ATM controller" },       { 0x0280, "Network controller" },
    { 0x0300, "VGA controller" },       { 0x0301, "XGA controller" },
    { 0x0302, "3D controller" },        { 0x0380, "Display controller" },
    { 0x0400, "Video controller" },     { 0x0401, "Audio controller" },
    { 0x0402, "Phone" },                { 0x0403, "Audio controller" },
    { 0x0480, "Multimedia controller" },{ 0x0500, "RAM controller" },
    { 0x0501, "Flash controller" },     { 0x0580, "Memory controller" },
    { 0x0600, "Host bridge" },          { 0x0601, "ISA bridge" },
    { 0x0602, "EISA bridge" },          { 0x0603, "MC bridge" },
    { 0x0604, "PCI bridge" },           { 0x0605, "PCMCIA bridge" },
    { 0x0606, "NUBUS bridge" },         { 0x0607, "CARDBUS bridge" },
    { 0x0608, "RACEWAY bridge" },       { 0x0680, "Bridge" },
    { 0x0700, "Serial port" },          { 0x0701, "Parallel port" },
    { 0x0780, "Communication device" }, { 0x0800, "Interrupt controller" },
    { 0x0801, "DMA controller" },       { 0x0802, "Timer" },
    { 0x0803, "RTC" },                  { 0x0880, "System peripheral" },
    { 0x0900, "Keyboard" },             { 0x0901, "Pen" },
    { 0x0902, "Mouse" },                { 0x0c00, "FireWire controller" },
    { 0x0c03, "USB controller" },       { 0x0c04, "Fibre channel controller" },
    { 0x0c05, "SMBus" },
};

static uint16_t class_of(const PciDevice *pci)
{
    return pci_config_load(pci, PCI_CLASS_CODE + 1, 2);
}

const char *pci_class_name(uint16_t code)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(class_names); i++) {
        if (class_names[i].code == code) {
            return class_names[i].name;
        }
    }
    return NULL;
}

static void print_class(const PciDevice *pci, GString *out)
{
    const char *name = pci_class_name(class_of(pci));

    if (name) {
        g_string_append(out, name);
    } else {
        g_string_append_printf(out, "Class %04x", class_of(pci));
    }
}

static uint64_t bar_address(const PciBar *bar)
{
    return bar->enabled ? bar->address : UINT64_MAX;
}

static void print_bars(const PciDevice *pci, GString *out)
{
    for (unsigned i = 0; i <= PCI_ROM_SLOT; i++) {
        const PciBar *bar = &pci->bars[i];
        uint64_t address = bar_address(bar);

        if (!bar->present) {
            continue;
        }
        if (bar->io) {
            g_string_append_printf(out, "      BAR%u: I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n",
                                   i, address, address + bar->size - 1);
        } else {
            g_string_append_printf(out, "      BAR%u: %u bit%s memory at 0x%08" PRIx64
                                   " [0x%08" PRIx64 "].\n", i, bar->wide ? 64 : 32,
                                   bar->prefetch ? " prefetchable" : "", address,
                                   address + bar->size - 1);
        }
    }
}

void pci_bridge_windows(const PciDevice *pci, PciWindow windows[PCI_WINDOWS])
{
    uint64_t fast_base = pci_config_load(pci, PPB_PREFETCH_BASE_UPPER, 4);
    uint64_t fast_limit = pci_config_load(pci, PPB_PREFETCH_LIMIT_UPPER, 4);

    windows[PCI_WINDOW_IO] = (PciWindow){
        (uint64_t)(pci->config[PPB_IO_BASE] & 0xf0) << 8,
        (uint64_t)(pci->config[PPB_IO_LIMIT] & 0xf0) << 8 | 0xfff,
    };
    windows[PCI_WINDOW_MEMORY] = (PciWindow){
        (uint64_t)(pci_config_load(pci, PPB_MEMORY_BASE, 2) & 0xfff0) << 16,
        (uint64_t)(pci_config_load(pci, PPB_MEMORY_LIMIT, 2) & 0xfff0) << 16 | 0xfffff,
    };
    windows[PCI_WINDOW_PREFETCH] = (PciWindow){
        (uint64_t)(pci_config_load(pci, PPB_PREFETCH_BASE, 2) & 0xfff0) << 16 | fast_base << 32,
        (uint64_t)(pci_config_load(pci, PPB_PREFETCH_LIMIT, 2) & 0xfff0) << 16 | 0xfffff |
            fast_limit << 32,
    };
}

static void print_bridge(const PciDevice *pci, GString *out)
{
    PciWindow windows[PCI_WINDOWS];
    const PciWindow *io = &windows[PCI_WINDOW_IO], *memory = &windows[PCI_WINDOW_MEMORY];
    const PciWindow *prefetch = &windows[PCI_WINDOW_PREFETCH];

    pci_bridge_windows(pci, windows);
    g_string_append_printf(out, "      BUS %u.\n      secondary bus %u.\n"
                           "      subordinate bus %u.\n", pci->config[PPB_PRIMARY_BUS],
                           pci->config[PPB_SECONDARY_BUS], pci->config[PPB_SUBORDINATE_BUS]);
    g_string_append_printf(out, "      IO range [0x%04" PRIx64 ", 0x%04" PRIx64 "]\n"
                           "      memory range [0x%08" PRIx64 ", 0x%08" PRIx64 "]\n"
                           "      prefetchable memory range [0x%08" PRIx64 ", 0x%08" PRIx64 "]\n",
                           io->base, io->limit, memory->base, memory->limit, prefetch->base,
                           prefetch->limit);
}

static void print_function(const PciDevice *pci, GString *out)
{
    const char *id = device_id(&pci->device);
    unsigned pin = pci->config[PCI_INTERRUPT_PIN];

    g_string_append_printf(out, "  Bus %2u, device %3u, function %u:\n    ",
                           pci_bus_number(pci_bus_of(pci)), PCI_SLOT(pci->devfn),
                           PCI_FUNCTION(pci->devfn));
    print_class(pci, out);
    g_string_append_printf(out, ": PCI device %04x:%04x\n",
                           pci_config_load(pci, PCI_VENDOR_ID, 2),
                           pci_config_load(pci, PCI_DEVICE_ID, 2));
    if (!pci_info(pci)->bridge) {
        g_string_append_printf(out, "      PCI subsystem %04x:%04x\n",
                               pci_config_load(pci, PCI_SUBSYSTEM_VENDOR_ID, 2),
                               pci_config_load(pci, PCI_SUBSYSTEM_ID, 2));
    }
    if (pin) {
        g_string_append_printf(out, "      IRQ %u, pin %c\n", pci->config[PCI_INTERRUPT_LINE],
                               'A' + pin - 1);
    }
    if (pci_info(pci)->bridge) {
        print_bridge(pci, out);
    }
    print_bars(pci, out);
    g_string_append_printf(out, "      id \"%s\"\n", id ? id : "");
}

void pci_print(PciBus *bus, GString *out)
{
    for (unsigned devfn = 0; devfn < 256; devfn++) {
        PciDevice *pci = bus->devices[devfn];
        if (!pci) {
            continue;
        }
        print_function(pci, out);
        if (pci_info(pci)->bridge && pci->config[PPB_SECONDARY_BUS]) {
            pci_print(pci_bridge_secondary(pci), out);
        }
    }
}

void pci_bus_print_device(Bus *bus, Device *device, GString *out)
{
    const PciDevice *pci = PCI_DEVICE(device);

    if (!pci->attached) {
        return;
    }
    g_string_append(out, "class ");
    print_class(pci, out);
    g_string_append_printf(out, ", addr %02x:%02x.%x, pci id %04x:%04x (sub %04x:%04x)\n",
                           pci_bus_number(PCI_BUS(bus)), PCI_SLOT(pci->devfn),
                           PCI_FUNCTION(pci->devfn), pci_config_load(pci, PCI_VENDOR_ID, 2),
                           pci_config_load(pci, PCI_DEVICE_ID, 2),
                           pci_config_load(pci, PCI_SUBSYSTEM_VENDOR_ID, 2),
                           pci_config_load(pci, PCI_SUBSYSTEM_ID, 2));
    for (unsigned i = 0; i <= PCI_ROM_SLOT; i++) {
        const PciBar *bar = &pci->bars[i];
        if (bar->present) {
            uint64_t address = bar_address(bar);
            g_string_append_printf(out, "bar %u: %s at 0x%" PRIx64 " [0x%" PRIx64 "]\n", i,
                                   bar->io ? "i/o" : "mem", address, address + bar->size - 1);
        }
    }
}
