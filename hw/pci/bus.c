/* SPDX-License-Identifier: MIT */
/* The bus: slots and functions, attaching and leaving, configuration cycles. */
#include <string.h>

#include "hw/core/debug.h"
#include "hw/pci/internal.h"

#define IO_SPACE_SIZE 0x10000u
#define UNASSIGNED    0xff

/* ---- slots ---- */

static bool explicit_at(const PciBus *bus, const PciDevice *except, unsigned devfn)
{
    for (const Device *device = bus->bus.first; device; device = device->next_on_bus) {
        if (PCI_DEVICE(device) != except && PCI_DEVICE(device)->devfn == (int32_t)devfn) {
            return true;
        }
    }
    return false;
}

/* Who has the place: whoever is there, or the board's device that comes to be there. */
static const PciDevice *occupant(const PciBus *bus, const PciDevice *pci)
{
    const Device *device = bus->devices[pci->devfn] ? &bus->devices[pci->devfn]->device : NULL;

    if (!device && !pci->device.placed) {
        device = bus->bus.first;
        while (device && !(device->placed && PCI_DEVICE(device)->devfn == pci->devfn)) {
            device = device->next_on_bus;
        }
    }
    return (const PciDevice *)device;
}

/* The first slot in which nobody is or asked to be. */
static bool choose_slot(PciBus *bus, PciDevice *pci, GError **error)
{
    for (unsigned slot = 0; slot < 32; slot++) {
        bool used = false;
        for (unsigned function = 0; function < 8 && !used; function++) {
            used = bus->devices[PCI_DEVFN(slot, function)] ||
                explicit_at(bus, pci, PCI_DEVFN(slot, function));
        }
        if (!used) {
            pci->devfn = PCI_DEVFN(slot, 0);
            return true;
        }
    }
    error_set(error, ERROR_INVALID, "bus %s has no free slot for '%s': all 32 are in use",
              bus->bus.object.name, pci->device.object.type->name);
    return false;
}

static bool check_functions(PciBus *bus, PciDevice *pci, GError **error)
{
    unsigned slot = PCI_SLOT(pci->devfn), function = PCI_FUNCTION(pci->devfn);
    const PciDevice *first = bus->devices[PCI_DEVFN(slot, 0)];

    if (function && first && !first->multifunction) {
        error_set(error, ERROR_INVALID,
                  "PCI: single function device can't be populated in function %x.%x: set "
                  "multifunction=on for %x.0", slot, function, slot);
        return false;
    }
    for (unsigned n = 1; !function && !pci->multifunction && n < 8; n++) {
        if (bus->devices[PCI_DEVFN(slot, n)]) {
            error_set(error, ERROR_INVALID,
                      "PCI: %x.0 indicates single function, but %x.%x is already populated: "
                      "set multifunction=on for %x.0", slot, slot, n, slot);
            return false;
        }
    }
    return true;
}

static bool take_slot(PciBus *bus, PciDevice *pci, GError **error)
{
    const PciDevice *there;

    if (pci->devfn < 0 && !choose_slot(bus, pci, error)) {
        return false;
    }
    there = occupant(bus, pci);
    if (there) {
        error_set(error, ERROR_INVALID,
                  "PCI: slot %u function %u not available for %s, in use by %s,id=%s",
                  PCI_SLOT(pci->devfn), PCI_FUNCTION(pci->devfn), pci->device.object.type->name,
                  there->device.object.type->name,
                  device_id(&there->device) ? device_id(&there->device) : "(null)");
        return false;
    }
    return check_functions(bus, pci, error);
}

/* ---- attaching and leaving ---- */

static void release(PciDevice *pci)
{
    for (unsigned i = 0; i < PCI_BARS; i++) {
        if (pci->bars[i].present) {
            region_remove(device_bank_region(&pci->device, pci->bars[i].bank));
        }
    }
    memset(pci->bars, 0, sizeof(pci->bars));
    pci_rom_free(pci);
    pci_msix_free(pci);
    g_clear_pointer(&pci->dma, address_space_free);
    g_clear_pointer(&pci->master_alias, region_free);
    g_clear_pointer(&pci->master, region_free);
    pci_config_free(pci);
}

static bool lay_out(PciDevice *pci, GError **error)
{
    const PciInfo *info = pci_info(pci);

    return pci_config_init(pci, error) && pci_msi_init(pci, error) &&
        pci_msix_init(pci, error) && (!info->configure || info->configure(pci, error)) &&
        pci_rom_load(pci, error) && pci_bars_init(pci, error);
}

static bool bus_attach(Bus *b, Device *device, GError **error)
{
    PciBus *bus = PCI_BUS(b);
    PciDevice *pci = PCI_DEVICE(device);

    g_assert(pci_info(pci));
    if (!bus->upstream) {
        error_set(error, ERROR_INVALID, "bus %s does not work, see its bridge", b->object.name);
        return false;
    }
    if (!take_slot(bus, pci, error)) {
        return false;
    }
    pci->master = region_new_container(OBJECT(pci), "bus master container", REGION_SIZE_ALL);
    pci->master_alias = region_new_alias(OBJECT(pci), "bus master", bus->upstream, 0,
                                         REGION_SIZE_ALL);
    region_set_enabled(pci->master_alias, false);
    region_add(pci->master, 0, pci->master_alias, 0);
    pci->dma = address_space_new(device->object.type->name, pci->master, UNASSIGNED);
    if (!lay_out(pci, error)) {
        release(pci);
        return false;
    }
    bus->devices[pci->devfn] = pci;
    pci->attached = true;
    pci_bars_map(pci);
    return true;
}

static void bus_detach(Bus *b, Device *device)
{
    PciDevice *pci = PCI_DEVICE(device);

    if (pci->attached) {
        memory_transaction_begin();
        pci_intx_detach(pci);
        PCI_BUS(b)->devices[pci->devfn] = NULL;
        pci->attached = false;
        release(pci);
        memory_transaction_commit();
    }
}

static AddressSpace *bus_dma_space(Bus *bus, Device *device)
{
    return PCI_DEVICE(device)->dma;
}

static MemoryAttrs bus_dma_attrs(Bus *bus, Device *device)
{
    return (MemoryAttrs){ .requester_id = pci_requester_id(PCI_DEVICE(device)) };
}

static char *bus_location(Bus *bus, Device *device)
{
    const PciDevice *pci = PCI_DEVICE(device);

    return pci->devfn < 0 ? NULL : g_strdup_printf("addr = %02x.%x", PCI_SLOT(pci->devfn),
                                                   PCI_FUNCTION(pci->devfn));
}

/* ---- the bus itself ---- */

static void bus_init(Object *object)
{
    Bus *bus = BUS(object);

    bus->memory = region_new_container(object, "pci", REGION_SIZE_ALL);
    bus->io = region_new_container(object, "pci-io", IO_SPACE_SIZE);
}

static void bus_finalize(Object *object)
{
    Bus *bus = BUS(object);

    while (bus->first) {
        bus_unplug(bus->first);
    }
    g_clear_pointer(&bus->memory, region_free);
    g_clear_pointer(&bus->io, region_free);
}

void pci_bus_init_root(PciBus *bus, const PciHostOps *host, MemoryRegion *upstream)
{
    bus->host = host;
    bus->upstream = upstream;
}

unsigned pci_bus_number(const PciBus *bus)
{
    return bus->bridge ? bus->bridge->config[PPB_SECONDARY_BUS] : 0;
}

static const Interface pci_bus_interfaces[] = { { QUERY_INTERFACE, &pci_query_ops } };

const BusType pci_bus_type = {
    .name = "PCI", .parent = "bus", .description = "conventional PCI",
    .size = sizeof(PciBus), .init = bus_init, .finalize = bus_finalize, .hotplug = true,
    .attach = bus_attach, .detach = bus_detach, .dma_space = bus_dma_space,
    .dma_attrs = bus_dma_attrs, .location = bus_location, .print_device = pci_bus_print_device,
    .interfaces = TABLE(pci_bus_interfaces),
};

/* ---- configuration cycles ---- */

static PciBus *find_bus(PciBus *bus, unsigned number)
{
    while (bus && pci_bus_number(bus) != number) {
        PciBus *next = NULL;
        for (unsigned devfn = 0; devfn < 256 && !next; devfn++) {
            PciDevice *pci = bus->devices[devfn];
            if (pci && pci_info(pci)->bridge && number >= pci->config[PPB_SECONDARY_BUS] &&
                number <= pci->config[PPB_SUBORDINATE_BUS] &&
                !(pci_config_load(pci, PPB_CONTROL, 2) & PPB_CONTROL_RESET)) {
                next = pci_bridge_secondary(pci);
            }
        }
        bus = next;
    }
    return bus;
}

static PciDevice *find_function(PciBus *root, unsigned number, unsigned devfn)
{
    /* Bus 0 is the root's; a bridge whose numbers are not set has nothing behind it. */
    PciBus *bus = number ? find_bus(root, number) : root;
    PciDevice *pci = bus ? bus->devices[devfn & 0xff] : NULL;

    return pci && pci->device.phase == DEVICE_REALIZED ? pci : NULL;
}

uint32_t pci_host_config_read(PciBus *root, unsigned bus, unsigned devfn, unsigned offset,
                              unsigned size)
{
    PciDevice *pci = find_function(root, bus, devfn);

    return pci ? pci_config_read(pci, offset, size) : bits_mask(8 * size);
}

void pci_host_config_write(PciBus *root, unsigned bus, unsigned devfn, unsigned offset,
                           unsigned size, uint32_t value)
{
    PciDevice *pci = find_function(root, bus, devfn);

    if (pci) {
        pci_config_write(pci, offset, size, value);
    }
}
