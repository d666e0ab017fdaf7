/* SPDX-License-Identifier: MIT */
/* A machine of a 440FX host bridge and RAM, in process, for tests of PCI devices. */
#ifndef TESTS_PCI_MACHINE_H
#define TESTS_PCI_MACHINE_H

#include "hw/core/machine.h"
#include "hw/pci/i440fx.h"

/* Types of the test itself, besides the program's; NULL-terminated or NULL. Once. */
void pci_machine_types(const ObjectType *const *extra);

typedef struct PciMachine {
    I440fxHost *host;
    PciDevice *pmc;
    PciBus *bus;
} PciMachine;

PciMachine pci_machine_new(uint64_t ram_size);
/* Plugs in and sets properties from "name=value" strings up to NULL. */
Device *pci_machine_add(Bus *bus, const char *type, const char *name, ...)
    G_GNUC_NULL_TERMINATED;
void pci_machine_up(void);
void pci_machine_free(void);

/* Through CONFADD and CONFDATA. */
uint32_t config_read(unsigned devfn, unsigned offset, unsigned size);
void config_write(unsigned devfn, unsigned offset, unsigned size, uint32_t value);
uint32_t config_read_bus(unsigned bus, unsigned devfn, unsigned offset, unsigned size);
void config_write_bus(unsigned bus, unsigned devfn, unsigned offset, unsigned size,
                      uint32_t value);

/* The CPUs' ports and memory. */
uint32_t port_read(uint16_t port, unsigned size);
void port_write(uint16_t port, unsigned size, uint32_t value);
uint64_t memory_read(uint64_t address, unsigned size);
void memory_write(uint64_t address, unsigned size, uint64_t value);

/* Saves the device, resets it, loads what was saved and compares a second saving. */
void check_save_and_load(Device *device);
/* Every member of the type's private struct is in some table. */
void check_type(const char *type);

#endif
