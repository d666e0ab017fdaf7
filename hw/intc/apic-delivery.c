/* SPDX-License-Identifier: MIT */
/*
 * How interrupts get into a local APIC: messages, its own sources, and commands of
 * the processors to each other. SDM volume 3, sections 11.5, 11.6 and 11.11.
 */
#include "base/log.h"
#include "hw/intc/apic-private.h"

enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };

#define FIRST_VECTOR   16u     /* lower ones are the CPU's exceptions */
#define DFR_FLAT       0xfu

Apic *apic_first;

/* ---- errors ---- */

void apic_raise_error(Apic *apic, uint32_t error)
{
    bool is_new = error & ~apic->errors;

    apic->errors |= error;
    if (is_new) {
        apic_local_interrupt(apic, APIC_LVT_ERROR);
    }
}

/* ---- what arrives ---- */

static void accept_fixed(Apic *apic, uint8_t vector, bool level_triggered)
{
    if (!apic_software_enabled(apic)) {
        return;
    }
    if (vector < FIRST_VECTOR) {
        log_guest_error("apic %u: interrupt with vector %u", apic->id >> 24, vector);
        /* The error entry itself may have such a vector; it does not report itself. */
        if (vector != (apic->lvt[APIC_LVT_ERROR] & APIC_LVT_VECTOR)) {
            apic_raise_error(apic, APIC_ESR_RECEIVE_VECTOR);
        } else {
            apic->errors |= APIC_ESR_RECEIVE_VECTOR;
        }
        return;
    }
    apic_vector_put(apic->irr, vector, true);
    apic_vector_put(apic->tmr, vector, level_triggered);
}

static void tell_cpu(Apic *apic, void (*hook)(void *opaque), const char *what)
{
    if (hook) {
        hook(apic->opaque);
    } else {
        log_write(LOG_INT, "apic %u: %s, but no CPU is there to take it\n", apic->id >> 24,
                  what);
    }
}

static void accept_message(Apic *apic, ApicDelivery delivery, uint8_t vector,
                           bool level_triggered)
{
    const ApicCpuOps *ops = apic->ops;

    switch (delivery) {
    case APIC_FIXED:
    case APIC_LOWEST_PRIORITY:
        accept_fixed(apic, vector, level_triggered);
        break;
    case APIC_SMI:
        tell_cpu(apic, ops ? ops->smi : NULL, "SMI");
        break;
    case APIC_NMI:
        tell_cpu(apic, ops ? ops->nmi : NULL, "NMI");
        break;
    case APIC_INIT:
        apic_init_state(apic);
        tell_cpu(apic, ops ? ops->init : NULL, "INIT");
        break;
    case APIC_STARTUP:
        if (ops && ops->startup) {
            ops->startup(apic->opaque, vector);
        } else {
            tell_cpu(apic, NULL, "SIPI");
        }
        break;
    case APIC_EXTINT:
        apic->extint = true;
        break;
    default:
        log_guest_error("apic %u: message with a reserved delivery mode", apic->id >> 24);
        break;
    }
    device_update(&apic->device);
}

/* ---- local sources ---- */

void apic_local_interrupt(Apic *apic, unsigned entry)
{
    uint32_t *lvt = &apic->lvt[entry];
    bool is_lint = entry == APIC_LVT_LINT0 || entry == APIC_LVT_LINT1;
    bool level = is_lint && (*lvt & APIC_LVT_LEVEL) && APIC_LVT_DELIVERY(*lvt) == APIC_FIXED;

    if ((*lvt & APIC_LVT_MASKED) || (level && (*lvt & APIC_LVT_REMOTE_IRR))) {
        return;
    }
    switch (APIC_LVT_DELIVERY(*lvt)) {
    case APIC_FIXED:
        *lvt |= level && apic_software_enabled(apic) ? APIC_LVT_REMOTE_IRR : 0;
        accept_message(apic, APIC_FIXED, *lvt & APIC_LVT_VECTOR, level);
        break;
    case APIC_SMI:
    case APIC_NMI:
    case APIC_INIT:
        accept_message(apic, APIC_LVT_DELIVERY(*lvt), 0, false);
        break;
    case APIC_EXTINT:
        break;   /* the pin's level counts: extint_waits() */
    default:
        log_guest_error("apic %u: local vector entry %u has a reserved delivery mode",
                        apic->id >> 24, entry);
        break;
    }
}

void apic_lint(Device *device, unsigned line, bool level)
{
    Apic *apic = APIC(device);

    apic->lint[line] = level;
    if (!level) {
        return;
    }
    if (apic_globally_enabled(apic)) {
        apic_local_interrupt(apic, APIC_LVT_LINT0 + line);
    } else if (line == 1) {
        /* The pins are INTR and NMI while the APIC is off: section 11.5.1. */
        tell_cpu(apic, apic->ops ? apic->ops->nmi : NULL, "NMI");
    }
}

/* ---- destinations: SDM volume 3, section 11.6.2 ---- */

static bool matches(const Apic *apic, bool logical, uint8_t destination)
{
    uint8_t mine = apic->ldr >> 24;

    if (!logical) {
        return destination == APIC_BROADCAST || destination == apic->id >> 24;
    }
    if (apic->dfr >> 28 == DFR_FLAT) {
        return destination & mine;
    }
    return (destination >> 4 == mine >> 4 || destination >> 4 == 0xf) &&
           (destination & mine & 0xf);
}

/* Of the destinations, the one with the lowest processor priority. */
static Apic *lowest_priority(bool logical, uint8_t destination)
{
    Apic *best = NULL;

    for (Apic *apic = apic_first; apic; apic = apic->next) {
        if (apic_software_enabled(apic) && matches(apic, logical, destination) &&
            (!best || apic_processor_priority(apic) < apic_processor_priority(best))) {
            best = apic;
        }
    }
    return best;
}

void apic_deliver(const ApicMessage *message)
{
    if (message->delivery == APIC_LOWEST_PRIORITY ||
        (message->redirection_hint && message->delivery == APIC_FIXED)) {
        Apic *apic = lowest_priority(message->logical, message->destination);
        if (apic) {
            accept_message(apic, APIC_FIXED, message->vector, message->level_triggered);
        }
        return;
    }
    for (Apic *apic = apic_first; apic; apic = apic->next) {
        if (apic_globally_enabled(apic) && matches(apic, message->logical, message->destination)) {
            accept_message(apic, message->delivery, message->vector, message->level_triggered);
        }
    }
}

/* ---- interprocessor interrupts ---- */

static void send_to_shorthand(Apic *sender, unsigned shorthand, const ApicMessage *message)
{
    for (Apic *apic = apic_first; apic; apic = apic->next) {
        bool self = apic == sender;
        if (apic_globally_enabled(apic) && (shorthand == SHORTHAND_ALL ||
                                       self == (shorthand == SHORTHAND_SELF))) {
            accept_message(apic, message->delivery, message->vector, message->level_triggered);
        }
    }
}

void apic_send_ipi(Apic *apic)
{
    unsigned shorthand = apic->icr_low >> 18 & 3;
    ApicMessage message = apic_message_parse(0, apic->icr_low);

    message.destination = apic->icr_high >> 24;
    message.logical = apic->icr_low & BIT(11);
    /* IPIs are edges; only INIT knows a level, and its de-assertion acts on the P6's bus alone. */
    if (message.delivery == APIC_INIT && !message.level && message.level_triggered) {
        return;
    }
    message.level_triggered = false;
    if (message.delivery == APIC_RESERVED_3 || message.delivery == APIC_EXTINT) {
        log_guest_error("apic %u: IPI with the delivery mode %u", apic->id >> 24,
                        message.delivery);
        return;
    }
    if (message.delivery <= APIC_LOWEST_PRIORITY && message.vector < FIRST_VECTOR) {
        log_guest_error("apic %u: IPI with vector %u", apic->id >> 24, message.vector);
        apic_raise_error(apic, APIC_ESR_SEND_VECTOR);
        return;
    }
    if (shorthand == SHORTHAND_NONE) {
        apic_deliver(&message);
    } else {
        send_to_shorthand(apic, shorthand, &message);
    }
}

