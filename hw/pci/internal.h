/* SPDX-License-Identifier: MIT */
/* Inside hw/pci/: what the parts of a function do for each other. */
#ifndef HW_PCI_INTERNAL_H
#define HW_PCI_INTERNAL_H

#include "hw/pci/pci.h"

/* Whether an access touches [start, start + length). */
static inline bool pci_touches(unsigned offset, unsigned size, unsigned start, unsigned length)
{
    return length && offset < start + length && start < offset + size;
}

/* config.c */
bool pci_config_init(PciDevice *pci, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void pci_config_free(PciDevice *pci);
void pci_config_reset(PciDevice *pci);
bool pci_config_check_loaded(PciDevice *pci, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Loaded or reset state must agree in these bits. */
void pci_config_fix(PciDevice *pci, unsigned offset, unsigned size, uint32_t mask);

/* bar.c */
bool pci_bars_init(PciDevice *pci, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void pci_bars_map(PciDevice *pci);
void pci_bars_update(PciDevice *pci);
/* Offset of a base address register; the ROM's is PCI_ROM_SLOT. */
unsigned pci_bar_offset(const PciDevice *pci, unsigned bar);

/* rom.c */
bool pci_rom_load(PciDevice *pci, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void pci_rom_free(PciDevice *pci);

/* intx.c */
void pci_intx_update(PciDevice *pci);
void pci_intx_detach(PciDevice *pci);

/* msi.c */
bool pci_msi_init(PciDevice *pci, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void pci_msi_wrote(PciDevice *pci, unsigned offset, unsigned size);
bool pci_msi_get(const PciDevice *pci, unsigned vector, PciMessage *message, bool *masked);
bool pci_msi_signal(PciDevice *pci, unsigned vector);
void pci_message_send(PciDevice *pci, const PciMessage *message);

/* msix.c */
bool pci_msix_init(PciDevice *pci, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void pci_msix_reset(PciDevice *pci);
void pci_msix_free(PciDevice *pci);
void pci_msix_wrote(PciDevice *pci, unsigned offset, unsigned size, uint16_t old_control);
bool pci_msix_get(const PciDevice *pci, unsigned vector, PciMessage *message, bool *masked);
bool pci_msix_signal(PciDevice *pci, unsigned vector);
size_t pci_msix_table_length(const Device *device);
size_t pci_msix_pba_length(const Device *device);

/* pci.c: the upstream way opens and closes with bus master enable */
void pci_master_update(PciDevice *pci);

/* print.c */
void pci_bus_print_device(Bus *bus, Device *device, GString *out);
/* Of a base class and sub-class; NULL when it has no name. */
const char *pci_class_name(uint16_t code);

/* What a bridge passes down; empty when the base is above the limit. */
enum { PCI_WINDOW_IO, PCI_WINDOW_MEMORY, PCI_WINDOW_PREFETCH, PCI_WINDOWS };
typedef struct PciWindow {
    uint64_t base, limit;
} PciWindow;
void pci_bridge_windows(const PciDevice *pci, PciWindow windows[PCI_WINDOWS]);

/* query.c: query-pci and info pci, of root buses */
extern const struct QueryOps pci_query_ops;

/* bridge.c: the bus behind a bridge; bus.c asks it for cycles to pass on */
PciBus *pci_bridge_secondary(PciDevice *bridge);

#endif
