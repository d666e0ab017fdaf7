/* SPDX-License-Identifier: MIT */
/* MSI-X (PCI 6.8.2): a table of messages and an array of pending bits in a BAR. */
#include <string.h>

#include "base/log.h"
#include "hw/pci/internal.h"

static uint16_t msix_control(const PciDevice *pci)
{
    return pci->msix_cap ? pci_config_load(pci, pci->msix_cap + PCI_MSIX_CONTROL, 2) : 0;
}

bool pci_msix_enabled(const PciDevice *pci)
{
    return msix_control(pci) & PCI_MSIX_ENABLE;
}

size_t pci_msix_table_length(const Device *device)
{
    return PCI_DEVICE(device)->msix_vectors * PCI_MSIX_ENTRY_SIZE;
}

/* Whole quad words (PCI 6.8.2.2). */
size_t pci_msix_pba_length(const Device *device)
{
    return (PCI_DEVICE(device)->msix_vectors + 63) / 64 * 8;
}

static uint8_t *entry(const PciDevice *pci, unsigned vector)
{
    return pci->msix_table + vector * PCI_MSIX_ENTRY_SIZE;
}

static bool vector_masked(const PciDevice *pci, unsigned vector)
{
    return msix_control(pci) & PCI_MSIX_FUNCTION_MASK ||
        load_le(entry(pci, vector) + PCI_MSIX_ENTRY_CONTROL, 4) & PCI_MSIX_ENTRY_MASKED;
}

static bool take_pending(PciDevice *pci, unsigned vector)
{
    bool pending = pci->msix_pba[vector / 8] >> vector % 8 & 1;

    pci->msix_pba[vector / 8] &= ~(1u << vector % 8);
    return pending;
}

bool pci_msix_get(const PciDevice *pci, unsigned vector, PciMessage *message, bool *masked)
{
    if (!pci_msix_enabled(pci) || vector >= pci->msix_vectors) {
        return false;
    }
    message->address = load_le(entry(pci, vector), 8);
    message->data = load_le(entry(pci, vector) + PCI_MSIX_ENTRY_DATA, 4);
    *masked = vector_masked(pci, vector);
    return true;
}

bool pci_msix_signal(PciDevice *pci, unsigned vector)
{
    PciMessage message;
    bool masked;

    if (!pci_msix_get(pci, vector, &message, &masked)) {
        return false;
    }
    if (masked) {
        pci->msix_pba[vector / 8] |= 1u << vector % 8;
    } else {
        pci_message_send(pci, &message);
    }
    return true;
}

static void send_if_ready(PciDevice *pci, unsigned vector)
{
    if (pci_msix_enabled(pci) && !vector_masked(pci, vector) && take_pending(pci, vector)) {
        pci_msix_signal(pci, vector);
    }
}

void pci_msix_wrote(PciDevice *pci, unsigned offset, unsigned size, uint16_t old_control)
{
    if (!pci_touches(offset, size, pci->msix_cap + PCI_MSIX_CONTROL, 2) ||
        old_control == msix_control(pci)) {
        return;
    }
    for (unsigned vector = 0; vector < pci->msix_vectors; vector++) {
        send_if_ready(pci, vector);
    }
}

/* ---- table and pending bits as the guest sees them ---- */

static MemoryResult table_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                               MemoryAttrs attrs)
{
    PciDevice *pci = opaque;

    *value = load_le(pci->msix_table + offset, size);
    return MEMORY_OK;
}

static MemoryResult table_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                MemoryAttrs attrs)
{
    PciDevice *pci = opaque;
    unsigned vector = offset / PCI_MSIX_ENTRY_SIZE;
    uint8_t *control = entry(pci, vector) + PCI_MSIX_ENTRY_CONTROL;

    store_le(pci->msix_table + offset, value, size);
    /* The address is of double words; the rest of the control word is reserved. */
    entry(pci, vector)[0] &= ~3u;
    store_le(control, load_le(control, 4) & PCI_MSIX_ENTRY_MASKED, 4);
    send_if_ready(pci, vector);
    return MEMORY_OK;
}

static MemoryResult pba_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                             MemoryAttrs attrs)
{
    PciDevice *pci = opaque;

    *value = load_le(pci->msix_pba + offset, size);
    return MEMORY_OK;
}

static MemoryResult pba_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                              MemoryAttrs attrs)
{
    PciDevice *pci = opaque;

    log_guest_error("%s: write to the pending bits of MSI-X", pci->device.object.type->name);
    return MEMORY_OK;
}

/* Software may use double and quad words only (PCI 6.8.2). */
static const RegionOps table_ops = {
    .read = table_read, .write = table_write, .access_min = 4, .access_max = 8,
};

static const RegionOps pba_ops = {
    .read = pba_read, .write = pba_write, .access_min = 4, .access_max = 8,
};

static MemoryRegion *add_part(PciDevice *pci, unsigned bank, uint32_t offset, const char *name,
                              const RegionOps *ops, uint64_t size)
{
    MemoryRegion *container = device_bank_region(&pci->device, bank);
    MemoryRegion *region = region_new_io(OBJECT(pci), name, ops, pci, size);

    g_assert(offset % 8 == 0 && offset + size <= region_size(container) &&
             device_type(&pci->device)->banks.at[bank].kind == BANK_CONTAINER);
    region_add(container, offset, region, 1);
    return region;
}

/* ---- life ---- */

bool pci_msix_init(PciDevice *pci, GError **error)
{
    const PciMsixInfo *msix = &pci_info(pci)->msix;
    const BankTable *banks = &device_type(&pci->device)->banks;
    unsigned vectors = msix->vectors_of ? msix->vectors_of(pci) : msix->vectors, cap;

    if (!vectors) {
        return true;
    }
    g_assert(vectors <= 2048);
    cap = pci_capability_add(pci, PCI_CAP_MSIX, msix->offset, PCI_MSIX_SIZE, error);
    if (!cap) {
        return false;
    }
    pci->msix_cap = cap;
    pci->msix_vectors = vectors;
    pci_config_set(pci, cap + PCI_MSIX_CONTROL, 2, vectors - 1);
    pci_config_set_writable(pci, cap + PCI_MSIX_CONTROL, 2,
                            PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
    pci_config_set(pci, cap + PCI_MSIX_TABLE, 4,
                   msix->table_offset | (banks->at[msix->table_bank].bar - 1));
    pci_config_set(pci, cap + PCI_MSIX_PBA, 4,
                   msix->pba_offset | (banks->at[msix->pba_bank].bar - 1));
    pci_config_fix(pci, cap + PCI_MSIX_CONTROL, 2, 0x7ff);
    pci_config_fix(pci, cap + PCI_MSIX_TABLE, 4, UINT32_MAX);
    pci_config_fix(pci, cap + PCI_MSIX_PBA, 4, UINT32_MAX);
    pci->msix_table = g_malloc0(pci_msix_table_length(&pci->device));
    pci->msix_pba = g_malloc0(pci_msix_pba_length(&pci->device));
    pci->msix_table_region = add_part(pci, msix->table_bank, msix->table_offset, "msix-table",
                                      &table_ops, pci_msix_table_length(&pci->device));
    pci->msix_pba_region = add_part(pci, msix->pba_bank, msix->pba_offset, "msix-pba",
                                    &pba_ops, pci_msix_pba_length(&pci->device));
    pci_msix_reset(pci);
    return true;
}

void pci_msix_reset(PciDevice *pci)
{
    if (!pci->msix_vectors) {
        return;
    }
    memset(pci->msix_table, 0, pci_msix_table_length(&pci->device));
    memset(pci->msix_pba, 0, pci_msix_pba_length(&pci->device));
    for (unsigned vector = 0; vector < pci->msix_vectors; vector++) {
        store_le(entry(pci, vector) + PCI_MSIX_ENTRY_CONTROL, PCI_MSIX_ENTRY_MASKED, 4);
    }
}

void pci_msix_free(PciDevice *pci)
{
    g_clear_pointer(&pci->msix_table_region, region_free);
    g_clear_pointer(&pci->msix_pba_region, region_free);
    g_clear_pointer(&pci->msix_table, g_free);
    g_clear_pointer(&pci->msix_pba, g_free);
    pci->msix_vectors = 0;
}
