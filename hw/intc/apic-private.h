/* SPDX-License-Identifier: MIT */
/* Inside the local APIC: its parts to each other. */
#ifndef HW_INTC_APIC_PRIVATE_H
#define HW_INTC_APIC_PRIVATE_H

#include "hw/intc/apic.h"

#define APIC(pointer) ((Apic *)(pointer))

#define APIC_LVT_VECTOR      0xffu
#define APIC_LVT_DELIVERY(e) ((e) >> 8 & 7)
#define APIC_LVT_REMOTE_IRR  BIT(14)
#define APIC_LVT_LEVEL       BIT(15)
#define APIC_LVT_MASKED      BIT(16)
#define APIC_LVT_PERIODIC    BIT(17)
#define APIC_LVT_DEADLINE    BIT(18)
#define APIC_LVT_STATUS      BIT(12)

#define APIC_SVR_ENABLE      BIT(8)
#define APIC_SVR_SUPPRESS    BIT(12)

#define APIC_VERSION_SUPPRESS BIT(24)

#define APIC_MODE            (APIC_BASE_ENABLE | APIC_BASE_EXTD)
#define APIC_FIRST_VECTOR    16u       /* lower ones are the CPU's exceptions */

enum { APIC_ESR_SEND_VECTOR = BIT(5), APIC_ESR_RECEIVE_VECTOR = BIT(6),
       APIC_ESR_REGISTER = BIT(7) };

/* All that are realized; those of lower index first. */
extern Apic *apic_first;

/* ---- sets of vectors, 256 bits ---- */

/* Or -1. */
static inline int apic_highest_vector(const uint32_t *set)
{
    for (int word = 7; word >= 0; word--) {
        if (set[word]) {
            return 32 * word + 31 - __builtin_clz(set[word]);
        }
    }
    return -1;
}

static inline void apic_vector_put(uint32_t *set, uint8_t vector, bool value)
{
    uint32_t bit = BIT(vector % 32);

    set[vector / 32] = value ? set[vector / 32] | bit : set[vector / 32] & ~bit;
}

static inline bool apic_vector_test(const uint32_t *set, uint8_t vector)
{
    return set[vector / 32] & BIT(vector % 32);
}

/* ---- state ---- */

static inline bool apic_globally_enabled(const Apic *apic)
{
    return apic->base & APIC_BASE_ENABLE;
}

static inline bool apic_is_x2apic(const Apic *apic)
{
    return (apic->base & APIC_MODE) == APIC_MODE;
}

/* As people know it. */
static inline uint32_t apic_number(const Apic *apic)
{
    return apic_is_x2apic(apic) ? apic->id : apic->id >> 24;
}

static inline bool apic_software_enabled(const Apic *apic)
{
    return apic_globally_enabled(apic) && (apic->svr & APIC_SVR_ENABLE);
}

uint32_t apic_processor_priority(const Apic *apic);
/* The row of the page's table, or NULL where no register begins. */
const RegisterInfo *apic_page_register(uint32_t offset);
/* Id and logical destination are derived: the APIC is in x2APIC mode. */
void apic_derive_x2apic_ids(Apic *apic);
/* As INIT leaves it: all but the id and the base. */
void apic_init_state(Apic *apic);

/* ---- delivery ---- */

/* What a local source does; nothing when its entry is masked. */
void apic_local_interrupt(Apic *apic, unsigned lvt);
void apic_lint(Device *device, unsigned line, bool level);
/* What the interrupt command register says. */
void apic_send_ipi(Apic *apic);
void apic_send_self_ipi(Apic *apic, uint8_t vector);
/* An APIC_ESR_ bit. */
void apic_raise_error(Apic *apic, uint32_t error);

/* ---- the timer ---- */

uint32_t apic_timer_count(Apic *apic);
/* The initial count was written. */
void apic_timer_start(Apic *apic);
/* Neither a count nor a deadline is left. */
void apic_timer_stop(Apic *apic);
/* Call before the divisor changes, and apic_timer_arm() after. */
void apic_timer_rebase(Apic *apic);
/* Arms the timer for the next interrupt, if there is one. */
void apic_timer_arm(Apic *apic);
bool apic_timer_in_deadline_mode(const Apic *apic);
void apic_timer_expired(Device *device, unsigned index);

#endif
