/* SPDX-License-Identifier: MIT */
/*
 * Message signalled interrupts (PCI 6.8.1). A message is a write of a double
 * word in the function's own bus-master space, so it needs bus mastering on and
 * passes whatever lies on the way.
 */
#include "base/log.h"
#include "hw/pci/internal.h"

/* Offsets in the capability, which depend on its shape. */
static unsigned data_offset(uint16_t control)
{
    return control & PCI_MSI_64BIT ? 12 : 8;
}

static unsigned mask_offset(uint16_t control)
{
    return control & PCI_MSI_64BIT ? 16 : 12;
}

static unsigned pending_offset(uint16_t control)
{
    return mask_offset(control) + 4;
}

static uint16_t msi_control(const PciDevice *pci)
{
    return pci->msi_cap ? pci_config_load(pci, pci->msi_cap + PCI_MSI_CONTROL, 2) : 0;
}

static unsigned capable(uint16_t control)
{
    return 1u << (control >> PCI_MSI_CAPABLE_SHIFT & 7);
}

bool pci_msi_init(PciDevice *pci, GError **error)
{
    const PciMsiInfo *msi = &pci_info(pci)->msi;
    uint16_t control = (msi->wide ? PCI_MSI_64BIT : 0) | (msi->maskable ? PCI_MSI_MASKABLE : 0);
    unsigned size = (msi->wide ? 14 : 10) + (msi->maskable ? 10 : 0), cap;

    if (!msi->vectors) {
        return true;
    }
    g_assert(msi->vectors <= 32 && !(msi->vectors & (msi->vectors - 1)));
    control |= __builtin_ctz(msi->vectors) << PCI_MSI_CAPABLE_SHIFT;
    cap = pci_capability_add(pci, PCI_CAP_MSI, msi->offset, size, error);
    if (!cap) {
        return false;
    }
    pci->msi_cap = cap;
    pci_config_set(pci, cap + PCI_MSI_CONTROL, 2, control);
    pci_config_set_writable(pci, cap + PCI_MSI_CONTROL, 2,
                            PCI_MSI_ENABLE | (msi->vectors > 1 ? 7 << PCI_MSI_ENABLED_SHIFT : 0));
    pci_config_fix(pci, cap + PCI_MSI_CONTROL, 2,
                   PCI_MSI_64BIT | PCI_MSI_MASKABLE | 7 << PCI_MSI_CAPABLE_SHIFT);
    pci_config_set_writable(pci, cap + PCI_MSI_ADDRESS, 4, ~3u);
    if (msi->wide) {
        pci_config_set_writable(pci, cap + PCI_MSI_ADDRESS + 4, 4, UINT32_MAX);
    }
    pci_config_set_writable(pci, cap + data_offset(control), 2, 0xffff);
    if (msi->maskable) {
        pci_config_set_writable(pci, cap + mask_offset(control), 4, bits_mask(msi->vectors));
    }
    return true;
}

bool pci_msi_enabled(const PciDevice *pci)
{
    return msi_control(pci) & PCI_MSI_ENABLE;
}

unsigned pci_msi_allotted(const PciDevice *pci)
{
    uint16_t control = msi_control(pci);

    return MIN(1u << (control >> PCI_MSI_ENABLED_SHIFT & 7), capable(control));
}

bool pci_msi_get(const PciDevice *pci, unsigned vector, PciMessage *message, bool *masked)
{
    uint16_t control = msi_control(pci);
    unsigned allotted = pci_msi_allotted(pci);

    if (!(control & PCI_MSI_ENABLE) || vector >= capable(control)) {
        return false;
    }
    /* With fewer messages than vectors the function folds them (PCI 6.8.3.4). */
    vector &= allotted - 1;
    message->address = pci_config_load(pci, pci->msi_cap + PCI_MSI_ADDRESS, 4);
    if (control & PCI_MSI_64BIT) {
        message->address |= (uint64_t)pci_config_load(pci, pci->msi_cap + PCI_MSI_ADDRESS + 4, 4)
            << 32;
    }
    message->data = pci_config_load(pci, pci->msi_cap + data_offset(control), 2);
    message->data = (message->data & ~(allotted - 1)) | vector;
    *masked = control & PCI_MSI_MASKABLE &&
        pci_config_load(pci, pci->msi_cap + mask_offset(control), 4) >> vector & 1;
    return true;
}

static void set_pending(PciDevice *pci, unsigned vector, bool pending)
{
    uint16_t control = msi_control(pci);
    unsigned at = pci->msi_cap + pending_offset(control);
    uint32_t bits = pci_config_load(pci, at, 4);

    pci_config_store(pci, at, 4, pending ? bits | BIT(vector) : bits & ~BIT(vector));
}

void pci_message_send(PciDevice *pci, const PciMessage *message)
{
    MemoryAttrs attrs = { .is_dma = true, .requester_id = pci_requester_id(pci) };

    if (address_space_store(pci->dma, message->address, 4, ENDIAN_LITTLE, attrs,
                            message->data) != MEMORY_OK) {
        log_guest_error("%s: interrupt message 0x%08x to 0x%" PRIx64 " went nowhere%s",
                        pci->device.object.type->name, message->data, message->address,
                        pci_config_load(pci, PCI_COMMAND, 2) & PCI_COMMAND_MASTER ? ""
                        : ": bus mastering is off");
    }
}

bool pci_msi_signal(PciDevice *pci, unsigned vector)
{
    PciMessage message;
    bool masked;

    if (!pci_msi_get(pci, vector, &message, &masked)) {
        return false;
    }
    if (masked) {
        set_pending(pci, vector & (pci_msi_allotted(pci) - 1), true);
    } else {
        pci_message_send(pci, &message);
    }
    return true;
}

/* What became unmasked and is pending goes out. */
void pci_msi_wrote(PciDevice *pci, unsigned offset, unsigned size)
{
    uint16_t control = msi_control(pci);
    uint32_t ready;

    if (!(control & PCI_MSI_ENABLE) || !(control & PCI_MSI_MASKABLE) ||
        !pci_touches(offset, size, pci->msi_cap, pending_offset(control))) {
        return;
    }
    ready = pci_config_load(pci, pci->msi_cap + pending_offset(control), 4) &
        ~pci_config_load(pci, pci->msi_cap + mask_offset(control), 4);
    for (unsigned vector = 0; vector < pci_msi_allotted(pci); vector++) {
        if (ready >> vector & 1) {
            set_pending(pci, vector, false);
            pci_msi_signal(pci, vector);
        }
    }
}

/* ---- either kind ---- */

bool pci_message_signal(PciDevice *pci, unsigned vector)
{
    return pci_msix_enabled(pci) ? pci_msix_signal(pci, vector) : pci_msi_signal(pci, vector);
}

bool pci_message_get(const PciDevice *pci, unsigned vector, PciMessage *message)
{
    bool masked;

    return (pci_msix_enabled(pci) ? pci_msix_get(pci, vector, message, &masked)
            : pci_msi_get(pci, vector, message, &masked)) && !masked;
}
