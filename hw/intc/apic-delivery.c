/* SPDX-License-Identifier: MIT */
/*
 * How interrupts get into a local APIC: messages, its own sources, and commands of
 * the processors to each other. SDM volume 3, sections 11.5, 11.6 and 11.11.
 */
#include "base/log.h"
#include "hw/intc/apic-private.h"

enum { SHORTHAND_NONE, SHORTHAND_SELF, SHORTHAND_ALL, SHORTHAND_OTHERS };

#define DFR_FLAT         0xfu
#define APIC_ICR_LOGICAL BIT(11)

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
    if (vector < APIC_FIRST_VECTOR) {
        log_guest_error("apic %u: interrupt with vector %u", apic_number(apic), vector);
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
        log_write(LOG_INT, "apic %u: %s, but no CPU is there to take it\n", apic_number(apic),
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
        log_guest_error("apic %u: message with a reserved delivery mode", apic_number(apic));
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
                        apic_number(apic), entry);
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

static bool matches_logical(const Apic *apic, uint32_t destination)
{
    uint8_t mine = apic->ldr >> 24;

    if (apic_is_x2apic(apic)) {
        return destination >> 16 == apic->ldr >> 16 && (destination & apic->ldr & 0xffff);
    }
    if (destination > UINT8_MAX) {
        return false;
    }
    if (apic->dfr >> 28 == DFR_FLAT) {
        return destination & mine;
    }
    return (destination >> 4 == mine >> 4 || destination >> 4 == 0xf) &&
           (destination & mine & 0xf);
}

static bool matches(const Apic *apic, bool logical, uint32_t destination)
{
    if (destination == APIC_BROADCAST_ALL) {
        return true;
    }
    if (logical) {
        return matches_logical(apic, destination);
    }
    if (apic_is_x2apic(apic)) {
        return destination == apic->id;
    }
    return destination == APIC_BROADCAST || destination == apic->id >> 24 ||
           (destination > UINT8_MAX && destination == apic->initial_id);
}

/* Of the destinations, the one with the lowest processor priority. */
static Apic *lowest_priority(bool logical, uint32_t destination)
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

/* Of an IPI. In xAPIC mode the broadcast reaches CPUs that have gone on to x2APIC mode, too. */
static uint32_t command_destination(const Apic *apic)
{
    uint32_t destination = apic->icr_high >> 24;

    if (apic_is_x2apic(apic)) {
        return apic->icr_high;
    }
    return destination == APIC_BROADCAST && !(apic->icr_low & APIC_ICR_LOGICAL)
               ? APIC_BROADCAST_ALL : destination;
}

void apic_send_self_ipi(Apic *apic, uint8_t vector)
{
    if (vector < APIC_FIRST_VECTOR) {
        log_guest_error("apic %u: IPI with vector %u", apic_number(apic), vector);
        apic_raise_error(apic, APIC_ESR_SEND_VECTOR);
    } else {
        accept_message(apic, APIC_FIXED, vector, false);
    }
}

void apic_send_ipi(Apic *apic)
{
    unsigned shorthand = apic->icr_low >> 18 & 3;
    ApicMessage message = apic_message_parse(0, apic->icr_low);

    message.destination = command_destination(apic);
    message.logical = apic->icr_low & APIC_ICR_LOGICAL;
    /* IPIs are edges; only INIT knows a level, and its de-assertion acts on the P6's bus alone. */
    if (message.delivery == APIC_INIT && !message.level && message.level_triggered) {
        return;
    }
    message.level_triggered = false;
    if (message.delivery == APIC_RESERVED_3 || message.delivery == APIC_EXTINT) {
        log_guest_error("apic %u: IPI with the delivery mode %u", apic_number(apic),
                        message.delivery);
        return;
    }
    if (message.delivery <= APIC_LOWEST_PRIORITY && message.vector < APIC_FIRST_VECTOR) {
        log_guest_error("apic %u: IPI with vector %u", apic_number(apic), message.vector);
        apic_raise_error(apic, APIC_ESR_SEND_VECTOR);
        return;
    }
    if (shorthand == SHORTHAND_NONE) {
        apic_deliver(&message);
    } else {
        send_to_shorthand(apic, shorthand, &message);
    }
}
