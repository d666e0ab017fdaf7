/* SPDX-License-Identifier: MIT */
#include "hw/intc/apic-message.h"

#include "base/lock.h"
#include "base/log.h"
#include "hw/core/cpu.h"
#include "hw/intc/apic.h"

typedef struct ApicWindow {
    Device device;
    ApicMessageHandler handler;
    void *opaque;
} ApicWindow;

#define WINDOW(pointer) ((ApicWindow *)(pointer))

/* ---- the format ---- */

uint64_t apic_message_address(const ApicMessage *message)
{
    bool hint = message->redirection_hint || message->delivery == APIC_LOWEST_PRIORITY;

    return APIC_WINDOW_BASE | (uint64_t)(message->destination & 0xff) << 12 | (hint ? BIT(3) : 0) |
           (message->logical ? BIT(2) : 0);
}

uint32_t apic_message_data(const ApicMessage *message)
{
    return message->vector | message->delivery << 8 | (message->level ? BIT(14) : 0) |
           (message->level_triggered ? BIT(15) : 0);
}

ApicMessage apic_message_parse(uint64_t address, uint32_t data)
{
    return (ApicMessage){
        .destination = address >> 12 & 0xff, .redirection_hint = address & BIT(3),
        .logical = address & BIT(2), .vector = data, .delivery = data >> 8 & 7,
        .level = data & BIT(14), .level_triggered = data & BIT(15),
    };
}

/* ---- accesses ---- */

static void take_message(ApicWindow *window, uint64_t offset, uint32_t data, MemoryAttrs attrs)
{
    ApicMessage message;

    if (window->handler) {
        window->handler(window->opaque, APIC_WINDOW_BASE + offset, data, attrs);
        return;
    }
    message = apic_message_parse(APIC_WINDOW_BASE + offset, data);
    apic_deliver(&message);
}

/* The local APIC whose page the access is to: of the CPU that makes it. */
static Device *accessed_apic(uint64_t offset, MemoryAttrs attrs)
{
    Device *apic = cpu_current && !attrs.is_dma ? apic_of_cpu(cpu_current) : NULL;

    return apic && apic_page_contains(apic, APIC_WINDOW_BASE + offset) ? apic : NULL;
}

/*
 * The end of an interrupt, written here, lets an I/O APIC send the next message
 * here at once. So these ops are entered again by design and take the lock
 * themselves, instead of being guarded like a device that must not meet itself.
 */
static bool enter_window(void)
{
    bool held = machine_lock_held();

    if (!held) {
        machine_lock();
    }
    return held;
}

static void leave_window(bool held)
{
    if (!held) {
        machine_unlock();
    }
}

static MemoryResult window_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                MemoryAttrs attrs)
{
    bool held = enter_window();
    Device *apic = accessed_apic(offset, attrs);

    *value = 0;
    if (apic) {
        *value = apic_read(apic, offset & ~3u & 0xfff) >> (8 * (offset & 3)) &
                 bits_mask(8 * size);
    } else {
        log_guest_error("apic-msi: read of %u bytes at 0x%" PRIx64 ", which only takes messages",
                        size, APIC_WINDOW_BASE + offset);
    }
    leave_window(held);
    return MEMORY_OK;
}

static MemoryResult window_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                 MemoryAttrs attrs)
{
    bool held = enter_window();
    Device *apic = accessed_apic(offset, attrs);

    if (size != 4) {
        log_guest_error("apic-msi: write of %u bytes at 0x%" PRIx64 "; registers and messages "
                        "are of 4", size, APIC_WINDOW_BASE + offset);
    } else if (apic) {
        apic_write(apic, offset & 0xfff, value);
    } else {
        take_message(WINDOW(opaque), offset, value, attrs);
    }
    leave_window(held);
    return MEMORY_OK;
}

void apic_window_take_over(Device *window, ApicMessageHandler handler, void *opaque)
{
    WINDOW(window)->handler = handler;
    WINDOW(window)->opaque = opaque;
}

/* ---- tables ---- */

static const RegionOps window_ops = {
    .read = window_read, .write = window_write, .access_min = 1, .access_max = 4,
    .unlocked = true,   /* see enter_window() */
};

static const BankInfo window_banks[] = {
    { "apic-msi", "pages of the local APICs, and interrupt messages", .size = APIC_WINDOW_SIZE,
      .base = APIC_WINDOW_BASE, .ops = &window_ops, .priority = 4096 },
};

static const TransientInfo window_transient[] = {
    { FIELD_OF(ApicWindow, handler), "who delivers messages" },
    { FIELD_OF(ApicWindow, opaque), "who delivers messages" },
};

const DeviceType apic_msi_type = {
    .name = "apic-msi", .parent = "sys-bus-device", .size = sizeof(ApicWindow),
    .description = "window of the local APICs and of interrupt messages",
    .compatible = "intel,ce4100-lapic", .board_only = true,
    .banks = TABLE(window_banks), .transient = TABLE(window_transient),
};
