/* SPDX-License-Identifier: MIT */
/*
 * "PIIX3": function 0 of the Intel 82371SB (order number 290550), the bridge
 * from PCI to ISA, which provides the bus "isa.0".
 *
 * ISA lies behind everything else on PCI (subtractive decode). The BIOS at the
 * end of the ISA memory space, which is where a board puts its ROM, shows again
 * in the last 128 KiB below 1 MiB.
 */
#ifndef HW_ISA_PIIX3_H
#define HW_ISA_PIIX3_H

#include "hw/isa/isa.h"
#include "hw/pci/pci.h"

enum {
    PIIX3_PIN_ISA_IRQ,   /* in: IRQ0 to IRQ15 of ISA */
    PIIX3_PIN_PIRQ,      /* in: PIRQA# to PIRQD# */
    PIIX3_PIN_IRQ,       /* out: to the interrupt chips, both kinds joined */
    PIIX3_PIN_RCIN,      /* in, high: somebody asks for a reset */
    PIIX3_PIN_FERR,      /* in: the CPU's floating-point error */
    PIIX3_PIN_IGNNE,     /* out: the CPU is to go on in spite of it */
};

typedef struct Piix3 {
    PciDevice pci;
    uint8_t rcr;         /* reset control */
    bool ignne;          /* the error was acknowledged, and is there still */
    Bus *isa;
    MemoryRegion *memory, *io, *bios;
} Piix3;

extern const DeviceType piix3_type;

#endif
