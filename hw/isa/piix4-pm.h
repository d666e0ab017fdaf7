/* SPDX-License-Identifier: MIT */
/*
 * "PIIX4_PM": power management, function 3 of the Intel 82371AB (order number
 * 290562): ACPI registers and timer at PMBASE, the SMI command port, and the
 * SMBus host (hw/isa/piix4-smbus.c), which provides the bus "i2c".
 */
#ifndef HW_ISA_PIIX4_PM_H
#define HW_ISA_PIIX4_PM_H

#include "hw/i2c/smbus.h"
#include "hw/pci/pci.h"

#define PIIX4_PM_TIMER_HZ 3579545u
#define PIIX4_ACPI_ENABLE  0xf1   /* written to APMC */
#define PIIX4_ACPI_DISABLE 0xf0
#define PIIX4_APMC_PORT    0xb2

enum {
    PIIX4_PIN_SCI,     /* out, high: the ACPI interrupt, IRQ9 on a PC */
    PIIX4_PIN_SMI,     /* out, a pulse */
    PIIX4_PIN_RTC,     /* in: the alarm, IRQ8# */
    PIIX4_PIN_GPI,     /* in: THRM#, USB, GPI1#, RI#, LID: bits of GPSTS */
};

enum { PIIX4_BANK_PM, PIIX4_BANK_APM, PIIX4_BANK_SMBUS };

typedef struct Piix4Smbus {
    uint8_t status, control, command, address, data0, data1;
    uint8_t slave_status, slave_control, shadow_command;
    uint16_t slave_event, slave_data;
    uint8_t block[SMBUS_BLOCK_MAX];
    uint8_t block_index;
} Piix4Smbus;

typedef struct Piix4Pm {
    PciDevice pci;
    /* properties */
    uint32_t smb_io_base;
    uint8_t disable_s3, disable_s4, s4_val;
    bool smm_enabled;
    /* registers */
    uint16_t pmsts, pmen, pmcntrl;
    uint16_t gpsts, gpen;
    uint32_t pcntrl;
    uint16_t glbsts, glben;
    uint32_t devsts, glbctl, devctl, gporeg;
    uint8_t apmc, apms;
    Piix4Smbus smbus;
    /* state */
    uint64_t next_toggle;   /* ticks of the timer: when its highest bit changes next */
    Timer overflow;
    I2cBus *bus;
} Piix4Pm;

extern const DeviceType piix4_pm_type;

#define PIIX4_SMBUS_REGISTERS 12
extern const RegisterInfo piix4_smbus_registers[PIIX4_SMBUS_REGISTERS];
/* Whether the SMBus host asks for IRQ9. */
bool piix4_smbus_interrupts(const Piix4Pm *pm);

#endif
