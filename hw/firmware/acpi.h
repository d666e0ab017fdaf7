/* SPDX-License-Identifier: MIT */
/*
 * ACPI tables of a PC: RSDP, XSDT, RSDT, FADT, FACS, MADT, DSDT, WAET and, for what the machine
 * has, HPET, MCFG, SRAT and SLIT. ACPI specification 6.x chapter 5; HPET, WAET and MCFG from
 * their own specifications.
 *
 * The builder knows no device. It reads one plain description of the machine, which the
 * firmware device fills from the finished tree.
 */
#ifndef HW_FIRMWARE_ACPI_H
#define HW_FIRMWARE_ACPI_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "hw/firmware/aml.h"
#include "hw/firmware/table-loader.h"

/* The fw_cfg files of the tables, which are the loader's blobs, and of the loader's script. */
#define ACPI_TABLES_FILE "etc/acpi/tables"
#define ACPI_RSDP_FILE   "etc/acpi/rsdp"
#define ACPI_LOADER_FILE "etc/table-loader"

typedef struct AcpiCpu {
    uint32_t apic_id;
    bool present; /* false: may be added while the machine runs */
    uint32_t node;
} AcpiCpu;

typedef struct AcpiIoApic {
    uint8_t id;
    uint32_t address;
    uint32_t gsi_base;
} AcpiIoApic;

/* A range of addresses, both ends in it; absent when `last` is 0. */
typedef struct AcpiWindow {
    uint64_t first, last;
} AcpiWindow;

typedef struct AcpiNumaMemory {
    uint64_t base, length;
    uint32_t node;
    bool hotplug;
} AcpiNumaMemory;

/* The devices of the ISA bus that the DSDT can describe. */
typedef enum AcpiIsaKind {
    ACPI_ISA_SERIAL,   /* 16550A: io, irq */
    ACPI_ISA_PARALLEL, /* io, irq */
    ACPI_ISA_RTC,      /* io 0x70, irq */
    ACPI_ISA_KEYBOARD, /* 8042: io 0x60, irq */
    ACPI_ISA_MOUSE,    /* 8042: irq */
    ACPI_ISA_FLOPPY,   /* io 0x3f0, irq, dma */
    ACPI_ISA_FW_CFG,   /* io 0x510; no irq */
    ACPI_ISA_PVPANIC,  /* io 0x505; no irq */
    ACPI_ISA_KINDS,
} AcpiIsaKind;

typedef struct AcpiIsaDevice {
    AcpiIsaKind kind;
    uint16_t io;
    uint8_t irq; /* 0..15 */
    uint8_t dma; /* 0..7 */
} AcpiIsaDevice;

/* Where a slot's pin of the root bus ends. */
enum {
    ACPI_PIRQ_NONE = 0xff,
    ACPI_PIRQ_SCI = 4, /* wired to the SCI, not routed; 0..3 are PIRQA..PIRQD */
};

typedef struct AcpiMachine {
    /* Processors in the order of their ACPI identifiers. */
    const AcpiCpu *cpus;
    unsigned cpu_count;
    uint32_t local_apic;        /* physical address */
    const AcpiIoApic *io_apics; /* none: 8259s only */
    unsigned io_apic_count;

    /* Power management: I/O ports as the PIIX4 has them; no SCI without pm_base. */
    uint16_t pm_base;  /* PM1a events at +0, control at +4, timer at +8; 0: none */
    uint16_t gpe_base; /* status then enable; 0: none */
    uint8_t gpe_length;
    uint16_t smbus_base; /* 0: none */
    uint8_t sci_irq;
    uint8_t smi_port; /* 0: none, the machine is always in ACPI mode */
    uint8_t acpi_enable, acpi_disable;
    bool s3, s4;           /* sleep states; S5 is always there */
    uint8_t s4_sleep_type; /* of SLP_TYP; the PIIX4's S5 is 0 and its S3 is 1 */
    uint16_t reset_port;   /* 0: none */
    uint8_t reset_value;
    uint8_t rtc_century; /* index into CMOS; 0: none */
    bool has_8042;

    /* The high precision event timer. */
    uint32_t hpet_base; /* 0: none */
    uint32_t hpet_block_id;

    /* PCI. The PIIX3 carries the PIRQ route control registers at 0x60..0x63. */
    bool has_pci;
    uint8_t pci_last_bus;
    AcpiWindow pci_window[3]; /* of memory; those below 4 GiB must end there */
    unsigned pci_window_count;
    uint8_t isa_bridge_devfn; /* 0: none */
    uint8_t pm_devfn;         /* 0: none */
    uint8_t pirq[32][4];      /* by slot and pin of the root bus */
    uint64_t ecam_base;       /* of the enhanced configuration mechanism; 0: none */

    const AcpiIsaDevice *isa;
    unsigned isa_count;

    /* NUMA; no SRAT when node_count is 0. */
    unsigned node_count;
    const AcpiNumaMemory *memory;
    unsigned memory_count;
    const uint8_t *distances; /* node_count * node_count, or NULL */
} AcpiMachine;

/* Makes all tables of `machine`. Its arrays are not used afterwards. */
TableLoader *acpi_build(const AcpiMachine *machine) G_GNUC_WARN_UNUSED_RESULT;

/* Writes the body of the DSDT; acpi_build() calls it. */
void acpi_write_dsdt(Aml *a, const AcpiMachine *machine);

#endif
