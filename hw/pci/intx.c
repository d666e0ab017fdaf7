/* SPDX-License-Identifier: MIT */
/*
 * Interrupt pins (PCI 2.2.6). Each bus has four lines, shared; a bridge turns
 * them by the slot of the function (PPB 9.1), the root bus as the board's host
 * bridge says.
 */
#include "hw/pci/internal.h"

static unsigned line_of(PciBus *bus, unsigned slot, unsigned pin)
{
    return bus->host ? bus->host->line_of(bus, slot, pin) : (slot + pin) % PCI_PINS;
}

/* One more function drives the line, or one less; up to the root while that changes it. */
static void bus_drive(PciBus *bus, unsigned slot, unsigned pin, bool level)
{
    while (bus) {
        unsigned line = line_of(bus, slot, pin);

        g_assert(line < PCI_PINS && (level || bus->intx_high[line]));
        bus->intx_high[line] += level ? 1 : -1;
        if (bus->intx_high[line] != (level ? 1 : 0)) {
            return;
        }
        if (bus->host) {
            bus->host->set_line(bus, line, level);
            return;
        }
        slot = PCI_SLOT(bus->bridge->devfn);
        pin = line;
        bus = pci_bus_of(bus->bridge);
    }
}

static void drive(PciDevice *pci, bool level)
{
    if (pci->intx_driven != level) {
        pci->intx_driven = level;
        bus_drive(pci_bus_of(pci), PCI_SLOT(pci->devfn), pci->config[PCI_INTERRUPT_PIN] - 1,
                  level);
    }
}

void pci_intx_update(PciDevice *pci)
{
    uint16_t status = pci_config_load(pci, PCI_STATUS, 2) & ~PCI_STATUS_INTERRUPT;
    bool disabled = pci_config_load(pci, PCI_COMMAND, 2) & PCI_COMMAND_INTX_DISABLE;
    bool wired = pci->attached && pci->config[PCI_INTERRUPT_PIN];

    /* The status bit tells of the request whether or not it may go out (PCI 6.2.3). */
    pci_config_store(pci, PCI_STATUS, 2, status | (pci->intx_level ? PCI_STATUS_INTERRUPT : 0));
    if (wired) {
        drive(pci, pci->intx_level && !disabled);
    }
}

void pci_intx_set(PciDevice *pci, bool level)
{
    if (pci->intx_level != level) {
        pci->intx_level = level;
        pci_intx_update(pci);
    }
}

void pci_intx_detach(PciDevice *pci)
{
    drive(pci, false);
}
