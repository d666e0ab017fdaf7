/* SPDX-License-Identifier: MIT */
/*
 * isa-i8259: the Intel 8259A programmable interrupt controller (order number
 * 231468), with the edge/level control register of the PIIX (290550, section
 * 2.5.2.6) in place of ICW1's LTIM bit.
 *
 * A PC has two: the master (property "master") at ports 0x20-0x21 and the slave
 * at 0xa0-0xa1, its INTR pin wired to input 2 of the master. They are told apart
 * by the wire: a slave finds the master that its INTR leads to.
 *
 * An edge stays latched when its input falls before it is acknowledged.
 *
 * Not modelled: MCS-80/85 mode (ICW4 bit 0 clear), whose CALL instructions no
 * x86 CPU fetches, and the buffered mode's SP/EN pin; both are logged.
 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "hw/intc/backend.h"

#define I8259_LINES 8

enum { I8259_PIN_IRQ, I8259_PIN_INTR };
enum { I8259_BANK_PIC, I8259_BANK_ELCR };

typedef struct I8259 {
    Device device;
    /* properties */
    bool master;
    uint8_t elcr_mask;          /* bits of ELCR that can be set */
    uint32_t iobase, elcr_addr; /* UINT32_MAX: not mapped by a property */
    /* state */
    uint8_t inputs;             /* IR0-IR7 as they are now */
    uint8_t irr, imr, isr;
    uint8_t first;              /* the line of highest priority; a rotation moves it */
    uint8_t icw2;               /* vector base, bits 7-3 */
    uint8_t icw3;               /* master: lines with slaves; slave: its identity */
    uint8_t init_state;         /* 1, 2, 3: ICW2, ICW3, ICW4 is expected next; 0: none */
    uint8_t elcr;               /* set: level triggered */
    bool single;                /* ICW1 SNGL */
    bool icw4_needed;           /* ICW1 IC4 */
    bool read_isr;              /* OCW3: the command port reads ISR */
    bool poll;                  /* OCW3: the next read is a poll */
    bool special_mask;
    bool auto_eoi;
    bool rotate_on_auto_eoi;
    bool special_fully_nested;
    /* not saved */
    struct I8259 *slaves[I8259_LINES];
    ChipBinding binding;
} I8259;

extern const DeviceType i8259_type;

/*
 * The CPU's interrupt acknowledge cycle to a master: the vector, from the slave
 * when the request came through one. When nothing requests any more, it is the
 * vector of the lowest line (a spurious interrupt). Lines are up to date
 * afterwards.
 */
uint8_t i8259_acknowledge(Device *master);

/* Whether the master requests an interrupt: the level of its INTR. */
bool i8259_requests(const Device *master);

/* The machine's realized master, or NULL: whom an ExtINT is acknowledged at. */
Device *i8259_master(void);

#endif
