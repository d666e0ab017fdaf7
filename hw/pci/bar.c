/* SPDX-License-Identifier: MIT */
/*
 * Base address registers (PCI 6.2.5): made from the banks, and moved when the
 * guest writes them or the command register.
 */
#include "hw/pci/internal.h"

#define IO_SPACE_SIZE   0x10000u
#define MEMORY_BAR_MIN  16u   /* the lower four bits are flags */
#define IO_BAR_MIN      4u

unsigned pci_bar_offset(const PciDevice *pci, unsigned bar)
{
    if (bar == PCI_ROM_SLOT) {
        return pci_info(pci)->bridge ? PPB_ROM_ADDRESS : PCI_ROM_ADDRESS;
    }
    return PCI_BASE_ADDRESS + 4 * bar;
}

static uint64_t round_up_to_power(uint64_t size, uint64_t least)
{
    uint64_t power = least;

    while (power < size) {
        power <<= 1;
    }
    return power;
}

/* ---- making ---- */

static void lay_bar(PciDevice *pci, unsigned n)
{
    const PciBar *bar = &pci->bars[n];
    unsigned offset = pci_bar_offset(pci, n);
    uint64_t mask = ~(bar->size - 1);
    uint32_t flags = bar->io ? PCI_BASE_IO
        : (bar->wide ? PCI_BASE_64BIT : 0) | (bar->prefetch ? PCI_BASE_PREFETCH : 0);

    if (n == PCI_ROM_SLOT) {
        mask |= PCI_ROM_ENABLE;
    }
    pci_config_set(pci, offset, 4, flags);
    pci_config_set_writable(pci, offset, 4, mask);
    pci_config_fix(pci, offset, 4, ~mask);
    if (bar->wide) {
        pci_config_set(pci, offset + 4, 4, 0);
        pci_config_set_writable(pci, offset + 4, 4, mask >> 32);
        pci_config_fix(pci, offset + 4, 4, ~(mask >> 32));
    }
}

static bool bar_is_taken(const PciDevice *pci, unsigned n)
{
    return pci->bars[n].present || (n > 0 && pci->bars[n - 1].present && pci->bars[n - 1].wide);
}

static void bar_init(PciDevice *pci, unsigned bank)
{
    const BankInfo *info = &device_type(&pci->device)->banks.at[bank];
    unsigned n = info->bar - 1, limit = pci_info(pci)->bridge ? 2 : PCI_BARS;
    PciBar *bar = &pci->bars[n];

    g_assert(n + info->bar_64bit < limit && !bar_is_taken(pci, n));
    *bar = (PciBar){
        .present = true, .io = info->space == SPACE_IO, .wide = info->bar_64bit,
        .prefetch = info->bar_prefetch, .bank = bank,
    };
    bar->size = round_up_to_power(region_size(device_bank_region(&pci->device, bank)),
                                  bar->io ? IO_BAR_MIN : MEMORY_BAR_MIN);
    lay_bar(pci, n);
}

bool pci_bars_init(PciDevice *pci, GError **error)
{
    const BankTable *banks = &device_type(&pci->device)->banks;

    for (unsigned i = 0; i < banks->count; i++) {
        MemoryRegion *region = device_bank_region(&pci->device, i);
        if (!banks->at[i].bar || !region) {
            continue;
        }
        bar_init(pci, i);
        const PciBar *bar = &pci->bars[banks->at[i].bar - 1];
        if (!bar->wide && !bar->io && bar->size > 1ull << 31) {
            error_set(error, ERROR_INVALID,
                      "bank '%s' of '%s' has 0x%" PRIx64 " bytes, more than a 32-bit base "
                      "address register can place", banks->at[i].name,
                      pci->device.object.type->name, bar->size);
            return false;
        }
    }
    if (pci->rom) {
        pci->bars[PCI_ROM_SLOT] = (PciBar){ .present = true, .size = region_size(pci->rom) };
        lay_bar(pci, PCI_ROM_SLOT);
    }
    return true;
}

/* Into the bus's spaces, hidden until the guest turns decoding on. */
void pci_bars_map(PciDevice *pci)
{
    Bus *bus = pci->device.bus;

    for (unsigned i = 0; i < PCI_BARS; i++) {
        const PciBar *bar = &pci->bars[i];
        if (bar->present) {
            region_set_enabled(device_bank_region(&pci->device, bar->bank), false);
            device_map_bank(&pci->device, bar->bank, bar->io ? bus->io : bus->memory, 0);
        }
    }
    if (pci->rom) {
        region_set_enabled(pci->rom, false);
        region_add(bus->memory, 0, pci->rom, 0);
    }
}

/* ---- following the registers ---- */

/*
 * Where a base address register places its bank. Not at zero, which is what
 * software leaves in a register that it has not assigned, and not up to the end
 * of the 32-bit space, which is what sizing looks like while decoding is on.
 */
static bool bar_decodes(const PciDevice *pci, unsigned n, uint64_t *address)
{
    const PciBar *bar = &pci->bars[n];
    unsigned offset = pci_bar_offset(pci, n);
    uint16_t command = pci_config_load(pci, PCI_COMMAND, 2);
    uint64_t value = pci_config_load(pci, offset, 4), last;

    if (!(command & (bar->io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY)) ||
        (n == PCI_ROM_SLOT && !(value & PCI_ROM_ENABLE))) {
        return false;
    }
    if (bar->wide) {
        value |= (uint64_t)pci_config_load(pci, offset + 4, 4) << 32;
    }
    value &= ~(bar->size - 1);
    last = value + (bar->size - 1);
    *address = value;
    if (bar->io) {
        return value && last < IO_SPACE_SIZE;
    }
    return value && last != UINT32_MAX && last != UINT64_MAX;
}

void pci_bars_update(PciDevice *pci)
{
    for (unsigned i = 0; i <= PCI_ROM_SLOT; i++) {
        PciBar *bar = &pci->bars[i];
        uint64_t address = 0;
        bool enabled = bar->present && bar_decodes(pci, i, &address);

        if (enabled == bar->enabled && (!enabled || address == bar->address)) {
            continue;
        }
        bar->enabled = enabled;
        bar->address = address;
        if (i == PCI_ROM_SLOT) {
            region_set_enabled(pci->rom, false);
            region_set_offset(pci->rom, address);
            region_set_enabled(pci->rom, enabled);
        } else {
            device_move_bank(&pci->device, bar->bank, address, enabled);
        }
    }
}
