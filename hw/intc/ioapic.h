/* SPDX-License-Identifier: MIT */
/*
 * ioapic: the Intel 82093AA I/O APIC (order number 290566), with the EOI register
 * that later chipsets added (version 0x20; property "version").
 *
 * Interrupts go out as messages: a 32-bit write by the chip's own bus master into
 * 0xfee00000-0xfeefffff, in the format of SDM volume 3, section 11.11. So an
 * interrupt-remapping bridge, the local APICs or a kernel take them alike.
 *
 * An edge at a masked pin is ignored, as the data sheet says. Not modelled: the
 * serial APIC bus and its arbitration (the arbitration register shows the id).
 */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "hw/intc/backend.h"

#define IOAPIC_LINES 24

enum { IOAPIC_PIN_IRQ };
enum { IOAPIC_BANK_MEMORY, IOAPIC_BANK_INDIRECT };

/* Redirection table entry. */
#define IOAPIC_VECTOR        0xffull
#define IOAPIC_DELIVERY(e)   ((unsigned)((e) >> 8) & 7)
#define IOAPIC_LOGICAL       BIT64(11)
#define IOAPIC_PENDING       BIT64(12)   /* delivery status, read-only */
#define IOAPIC_ACTIVE_LOW    BIT64(13)
#define IOAPIC_REMOTE_IRR    BIT64(14)   /* read-only */
#define IOAPIC_LEVEL         BIT64(15)
#define IOAPIC_MASKED        BIT64(16)
#define IOAPIC_DESTINATION(e) ((unsigned)((e) >> 56))

typedef struct Ioapic {
    Device device;
    uint8_t version;                     /* property: 0x11 or 0x20 */
    uint8_t select;                      /* IOREGSEL */
    uint8_t id;                          /* IOAPICID bits 27-24 */
    uint32_t inputs;                     /* pins as they are */
    /* requests that wait: edges until sent, levels while high */
    uint32_t irr;
    uint64_t redirection[IOAPIC_LINES];
    /* not saved */
    ChipBinding binding;
    struct Ioapic *next;
} Ioapic;

extern const DeviceType ioapic_type;

/*
 * A local APIC ended the service of a level-triggered vector: every I/O APIC
 * clears the remote IRR of the entries with that vector and sends again what is
 * still high.
 */
void ioapic_end_of_interrupt(uint8_t vector);

/* The message that an entry sends. False for reserved delivery modes. */
bool ioapic_entry_message(uint64_t entry, uint64_t *address, uint32_t *data);

#endif
