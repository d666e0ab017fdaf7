/* SPDX-License-Identifier: MIT */
/*
 * Configuration space: where the registers of the header and of the common
 * capabilities lie, and their bits (PCI Local Bus Specification 3.0, chapter 6;
 * PCI-to-PCI Bridge Architecture Specification 1.2, chapter 3).
 */
#ifndef HW_PCI_REGS_H
#define HW_PCI_REGS_H

#define PCI_CONFIG_SIZE 256

/* The header, PCI 6.1. */
#define PCI_VENDOR_ID           0x00
#define PCI_DEVICE_ID           0x02
#define PCI_COMMAND             0x04
#define PCI_STATUS              0x06
#define PCI_REVISION_ID         0x08
#define PCI_CLASS_CODE          0x09
#define PCI_CACHE_LINE_SIZE     0x0c
#define PCI_LATENCY_TIMER       0x0d
#define PCI_HEADER_TYPE         0x0e
#define PCI_BASE_ADDRESS        0x10
#define PCI_SUBSYSTEM_VENDOR_ID 0x2c
#define PCI_SUBSYSTEM_ID        0x2e
#define PCI_ROM_ADDRESS         0x30
#define PCI_CAPABILITY_LIST     0x34
#define PCI_INTERRUPT_LINE      0x3c
#define PCI_INTERRUPT_PIN       0x3d
#define PCI_HEADER_END          0x40

#define PCI_COMMAND_IO           0x0001
#define PCI_COMMAND_MEMORY       0x0002
#define PCI_COMMAND_MASTER       0x0004
#define PCI_COMMAND_PARITY       0x0040
#define PCI_COMMAND_SERR         0x0100
#define PCI_COMMAND_INTX_DISABLE 0x0400

#define PCI_STATUS_INTERRUPT     0x0008
#define PCI_STATUS_CAPABILITIES  0x0010
#define PCI_STATUS_66MHZ         0x0020
#define PCI_STATUS_FAST_BACK     0x0080
#define PCI_STATUS_DEVSEL_MEDIUM 0x0200
/* Errors that writing 1 clears. */
#define PCI_STATUS_ERRORS        0xf900

#define PCI_HEADER_TYPE_NORMAL   0
#define PCI_HEADER_TYPE_BRIDGE   1
#define PCI_HEADER_MULTIFUNCTION 0x80

#define PCI_BASE_IO       0x1
#define PCI_BASE_64BIT    0x4
#define PCI_BASE_PREFETCH 0x8
#define PCI_ROM_ENABLE    0x1

/* The header of a bridge, PPB 3.2. */
#define PPB_PRIMARY_BUS           0x18
#define PPB_SECONDARY_BUS         0x19
#define PPB_SUBORDINATE_BUS       0x1a
#define PPB_SECONDARY_LATENCY     0x1b
#define PPB_IO_BASE               0x1c
#define PPB_IO_LIMIT              0x1d
#define PPB_SECONDARY_STATUS      0x1e
#define PPB_MEMORY_BASE           0x20
#define PPB_MEMORY_LIMIT          0x22
#define PPB_PREFETCH_BASE         0x24
#define PPB_PREFETCH_LIMIT        0x26
#define PPB_PREFETCH_BASE_UPPER   0x28
#define PPB_PREFETCH_LIMIT_UPPER  0x2c
#define PPB_IO_BASE_UPPER         0x30
#define PPB_IO_LIMIT_UPPER        0x32
#define PPB_ROM_ADDRESS           0x38
#define PPB_CONTROL               0x3e

#define PPB_CONTROL_PARITY        0x0001
#define PPB_CONTROL_SERR          0x0002
#define PPB_CONTROL_ISA           0x0004
#define PPB_CONTROL_VGA           0x0008
#define PPB_CONTROL_VGA_16BIT     0x0010
#define PPB_CONTROL_MASTER_ABORT  0x0020
#define PPB_CONTROL_RESET         0x0040
#define PPB_CONTROL_FAST_BACK     0x0080
#define PPB_CONTROL_DISCARD       0x0f00

/* Capabilities, PCI appendix H. */
#define PCI_CAP_SLOT_ID 0x04
#define PCI_CAP_MSI     0x05
#define PCI_CAP_VENDOR  0x09
#define PCI_CAP_MSIX    0x11

/* MSI, PCI 6.8.1: message control. */
#define PCI_MSI_CONTROL        2
#define PCI_MSI_ADDRESS        4
#define PCI_MSI_ENABLE         0x0001
#define PCI_MSI_CAPABLE_SHIFT  1
#define PCI_MSI_ENABLED_SHIFT  4
#define PCI_MSI_64BIT          0x0080
#define PCI_MSI_MASKABLE       0x0100

/* MSI-X, PCI 6.8.2. */
#define PCI_MSIX_CONTROL       2
#define PCI_MSIX_TABLE         4
#define PCI_MSIX_PBA           8
#define PCI_MSIX_SIZE          12
#define PCI_MSIX_ENABLE        0x8000
#define PCI_MSIX_FUNCTION_MASK 0x4000
#define PCI_MSIX_ENTRY_SIZE    16
#define PCI_MSIX_ENTRY_DATA    8
#define PCI_MSIX_ENTRY_CONTROL 12
#define PCI_MSIX_ENTRY_MASKED  0x1

#endif
