/* SPDX-License-Identifier: MIT */
/*
 * What a PC's firmware does to PCI before an operating system: numbers the buses, sizes and
 * places base addresses and the windows of bridges, writes interrupt lines and lets functions
 * decode. PCI Local Bus Specification 3.0 chapter 6; PCI-to-PCI Bridge Architecture 1.2
 * chapter 3.
 *
 * Everything goes through configuration mechanism 1, ports 0xcf8 and 0xcfc, as firmware in the
 * guest would do it. Expansion ROMs are not placed: without firmware nobody runs them, and an
 * operating system that wants to read one places it itself.
 */
#ifndef HW_FIRMWARE_PCI_SETUP_H
#define HW_FIRMWARE_PCI_SETUP_H

#include <stdbool.h>
#include <stdint.h>

#include "memory/space.h"

/* A range of addresses, both ends in it; empty when `last` is below `first`. */
typedef struct PciRange {
    uint64_t first, last;
} PciRange;

typedef struct PciSetup {
    AddressSpace *io; /* with the two ports */
    PciRange ports;   /* for I/O base addresses */
    PciRange low;     /* for memory below 4 GiB */
    PciRange high;    /* for 64-bit base addresses that do not fit there; may be empty */
    /* The line, 0..15, that pin 0..3 (INTA..INTD) of a slot of the root bus ends on. */
    uint8_t (*interrupt_line)(void *opaque, unsigned slot, unsigned pin);
    /* Called for every function after it is set up, for what only its chip has. May be NULL. */
    void (*chip)(void *opaque, AddressSpace *io, unsigned bus, unsigned devfn, uint32_t id);
    void *opaque;
} PciSetup;

typedef struct PciSetupResult {
    unsigned functions; /* found */
    unsigned last_bus;
    unsigned unplaced; /* base addresses that got no room; their functions do not decode them */
} PciSetupResult;

/* Sets up all buses. Bridges below the 255th bus or the eighth level are left closed. */
PciSetupResult pci_setup(const PciSetup *setup);

/* One access to configuration space; `size` is 1, 2 or 4 and the offset is aligned to it. */
uint32_t pci_ports_read(AddressSpace *io, unsigned bus, unsigned devfn, unsigned offset,
                        unsigned size);
void pci_ports_write(AddressSpace *io, unsigned bus, unsigned devfn, unsigned offset,
                     unsigned size, uint32_t value);

#endif
