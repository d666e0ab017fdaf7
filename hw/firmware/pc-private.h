/* SPDX-License-Identifier: MIT */
/* What the parts of the PC's firmware device share. */
#ifndef HW_FIRMWARE_PC_PRIVATE_H
#define HW_FIRMWARE_PC_PRIVATE_H

#include "hw/core/machine.h"
#include "hw/firmware/acpi.h"
#include "hw/firmware/boot-order.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/pc-firmware.h"
#include "hw/firmware/smbios.h"
#include "hw/pci/pci.h"

/* Where firmware puts the PIIX4's registers; any place would do, SeaBIOS takes these, and
 * OVMF others. */
enum { PC_PM_BASE = 0x600, PC_SMBUS_BASE = 0x700, PC_SCI_IRQ = 9 };

/* Where PCI may go below 4 GiB: from the end of RAM, but leave room for RAM up to here when
 * that is lower; up to the I/O APIC. */
#define PC_PCI_LOW_FIRST 0xe0000000u
#define PC_PCI_LOW_LAST  0xfebfffffu

/* What the finished tree says. */
typedef struct PcDescription {
    GArray *ram;       /* SmbiosMemoryRange, ascending; the hole below 1 MiB is in the first */
    GArray *cpus;      /* AcpiCpu */
    GArray *io_apics;  /* AcpiIoApic */
    GArray *isa;       /* AcpiIsaDevice */
    uint64_t low_end;  /* of RAM below 4 GiB */
    uint64_t high_end; /* of RAM above it, at least 4 GiB */
    PciBus *root;      /* or NULL */
    AcpiMachine acpi;  /* its arrays are those above */
} PcDescription;

/* The bus of the host bridge, or NULL; never one behind a PCI-to-PCI bridge. */
PciBus *pc_root_bus(void);

/* Reads the tree; `direct` says that no BIOS is there to wake up to. The places that firmware
 * chooses are those that ours takes. */
void pc_describe(PcDescription *description, bool direct);
void pc_description_release(PcDescription *description);

/* Puts into the description what the BIOS has chosen meanwhile: the ports of the PIIX4 and where
 * base addresses lie above 4 GiB. Nothing else changes, so tables stay as long as they are.
 * Returns whether something did. */
bool pc_describe_placement(PcDescription *description);

/* RAM, and what the accelerator keeps for itself of the addresses. */
E820Map *pc_memory_map(const PcDescription *description);

/* What of it the SMBIOS tables need; borrows from the description and the machine. */
SmbiosMachine pc_describe_smbios(const PcDescription *description);

/* The line that firmware routes PIRQA..PIRQD to. */
uint8_t pc_pirq_line(unsigned pirq);
/* The same for a pin of a slot on the root bus. */
uint8_t pc_interrupt_line(const PcDescription *description, unsigned slot, unsigned pin);

/* Collects the devices that have a bootindex. */
bool pc_boot_order(BootOrder *order, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* Writes the clock's CMOS memory: RAM sizes, equipment, boot devices. */
void pc_write_cmos(const PcDescription *description);

struct PcFirmware {
    Device device;
    char *default_bios;
    uint8_t entry_point; /* of SMBIOS: index into "32", "64" */
    SmbiosOptions *smbios;
    GPtrArray *option_roms; /* paths */
    bool direct;
    PcDescription *description; /* of the finished tree */
    RamBlock *rom_block;
    MemoryRegion *rom, *rom_below_1m;
    E820Map *map;
    uint64_t rsdp;
};

/* Hands everything to the BIOS, through fw_cfg. */
bool pc_publish(PcFirmware *firmware, FwCfg *fw, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

/* Does what a BIOS would have done. */
bool pc_start_directly(PcFirmware *firmware, GError **errp) G_GNUC_WARN_UNUSED_RESULT;

#endif
