/* SPDX-License-Identifier: MIT */
/*
 * apic-msi: the window at 0xfee00000-0xfeefffff, which CPUs and bus masters see
 * differently (SDM volume 3, sections 11.4.1 and 11.11).
 *
 * A CPU's access to the page of its own local APIC stays inside the CPU. Every
 * other 32-bit write is an interrupt message; other reads give zeroes. Which CPU
 * it is, the thread tells (cpu_current); DMA and accesses by no CPU are messages.
 *
 * Not modelled: messages to a page outside of the window that a guest moved its
 * local APIC to; messages with 32-bit destinations, which an IOMMU makes.
 */
#ifndef HW_INTC_APIC_MESSAGE_H
#define HW_INTC_APIC_MESSAGE_H

#include "hw/core/device.h"

#define APIC_WINDOW_BASE ((uint64_t)0xfee00000)
#define APIC_WINDOW_SIZE ((uint64_t)0x100000)

/* Delivery modes: SDM volume 3, figure 11-12 and section 11.11.2. */
typedef enum ApicDelivery {
    APIC_FIXED, APIC_LOWEST_PRIORITY, APIC_SMI, APIC_RESERVED_3,
    APIC_NMI, APIC_INIT, APIC_STARTUP, APIC_EXTINT,
} ApicDelivery;

#define APIC_BROADCAST     0xffu        /* to all in xAPIC mode */
#define APIC_BROADCAST_ALL UINT32_MAX   /* to all */

typedef struct ApicMessage {
    uint32_t destination;     /* an address holds bits 7-0 */
    bool logical;             /* destination mode */
    bool redirection_hint;    /* to one of the destinations, that of lowest priority */
    uint8_t delivery;         /* ApicDelivery */
    uint8_t vector;
    bool level;               /* assert */
    bool level_triggered;
} ApicMessage;

uint64_t apic_message_address(const ApicMessage *message);
uint32_t apic_message_data(const ApicMessage *message);
/* `address` lies in the window. */
ApicMessage apic_message_parse(uint64_t address, uint32_t data);

extern const DeviceType apic_msi_type;

/*
 * Somebody else delivers the messages (a kernel's local APICs). NULL ends it.
 * Called under the machine lock; `attrs` name the requester.
 */
typedef void (*ApicMessageHandler)(void *opaque, uint64_t address, uint32_t data,
                                   MemoryAttrs attrs);
void apic_window_take_over(Device *window, ApicMessageHandler handler, void *opaque);

#endif
