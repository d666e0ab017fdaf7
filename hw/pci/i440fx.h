/* SPDX-License-Identifier: MIT */
/*
 * The 440FX host bridge (Intel 82441FX PMC, order number 290549). It owns how
 * RAM and PCI lie in the CPUs' address spaces:
 *
 *   memory  RAM below 4 GiB from 0, the rest from 4 GiB; everything else is PCI.
 *           From 640 KiB to 1 MiB, and in the fixed hole, registers choose
 *           between the two (hw/pci/i440fx-memory.c).
 *   I/O     CONFADD and CONFDATA; everything else is PCI.
 *
 * "i440FX-pcihost" is the side of the CPUs and provides the bus "pci.0";
 * "i440FX" is function 0 of device 0 on it, with the registers.
 */
#ifndef HW_PCI_I440FX_H
#define HW_PCI_I440FX_H

#include "backends/hostmem.h"
#include "hw/pci/pci.h"

#define I440FX_PAM_SEGMENTS 13

/* RAM below 4 GiB lies in parts, since three of them come and go. */
typedef enum I440fxRamPart {
    RAM_BASE,
    RAM_512K,       /* the fixed hole at 512 KiB */
    RAM_SMRAM,
    RAM_1M,
    RAM_15M,        /* the fixed hole at 15 MiB */
    RAM_16M,
    I440FX_RAM_PARTS,
} I440fxRamPart;

/* What an access to a segment reaches: bit 0 for reads, bit 1 for writes, 1 for RAM. */
typedef enum PamMode {
    PAM_PCI,
    PAM_READ_RAM,
    PAM_WRITE_RAM,
    PAM_RAM,
    PAM_MODES,
} PamMode;

typedef struct I440fxHost {
    Device device;
    uint32_t confadd;
    MemoryBackend *memory;
    uint64_t max_ram_below_4g;       /* bytes; 0: as the rule says */
    uint64_t below_4g, above_4g;     /* bytes of RAM */
    PciBus *bus;
    AddressSpace *pci_ports;         /* PCI at CONFADD and CONFDATA */
    MemoryRegion *pci_ports_root, *pci_ports_alias;

    RamBlock *ram_block;
    MemoryRegion *ram, *ram_high;
    MemoryRegion *ram_low[I440FX_RAM_PARTS];
    MemoryRegion *planes;            /* 1 MiB of each PamMode in turn */
    MemoryRegion *plane[PAM_MODES];
    AddressSpace *planes_space;
    MemoryRegion *pam[I440FX_PAM_SEGMENTS];
    MemoryRegion *smm_root, *smm_system, *smm_ram;
    AddressSpace *smm;
    bool smram_enabled;
} I440fxHost;

extern const DeviceType i440fx_host_type;
extern const DeviceType i440fx_type;

/* What CPUs see in system management mode. Made when it is first asked for. */
AddressSpace *i440fx_smm_space(I440fxHost *host);

/* ---- between the two devices ---- */

/* The DRAM below 1 MiB and the holes, as the registers of function 0 say. */
bool i440fx_memory_init(I440fxHost *host, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void i440fx_memory_free(I440fxHost *host);
void i440fx_set_pam(I440fxHost *host, unsigned segment, PamMode mode);
/* `open`: to everybody; `enabled`: in system management mode. */
void i440fx_set_smram(I440fxHost *host, bool open, bool enabled);
void i440fx_set_holes(I440fxHost *host, bool at_512k, bool at_15m);

#endif
