/* SPDX-License-Identifier: MIT */
#include "hw/timer/hpet.h"

#include "base/log.h"
#include "hw/timer/ticks.h"

#define HPET(pointer) ((Hpet *)(pointer))

#define FREQUENCY     100000000ull
#define PERIOD_FS     10000000ull
#define CLOSE_TICKS   2000          /* 20 µs */
#define VENDOR        0x8086ull

enum {
    CAPABILITIES = 0x000, CONFIG = 0x010, STATUS = 0x020, COUNTER = 0x0f0, FIRST_TIMER = 0x100,
    TIMER_STRIDE = 0x20, TIMER_CONFIG = 0x00, TIMER_COMPARATOR = 0x08, TIMER_MESSAGE = 0x10,
};

/* General capabilities and configuration. */
enum { CAP_REVISION = 0x01, CAP_64BIT = BIT(13), CAP_LEGACY = BIT(15) };
enum { ENABLE = 0x01, LEGACY = 0x02 };

/* Timer n configuration and capabilities. */
enum {
    T_LEVEL = BIT(1), T_ENABLE = BIT(2), T_PERIODIC = BIT(3), T_PERIODIC_CAP = BIT(4),
    T_64BIT_CAP = BIT(5), T_VALUE_SET = BIT(6), T_32BIT = BIT(8), T_ROUTE = 0x1f << 9,
    T_FSB = BIT(14), T_FSB_CAP = BIT(15),
};

#define LOW_HALF bits_mask(32)

/* ---- the counter ---- */

static bool enabled(const Hpet *hpet)
{
    return hpet->config & ENABLE;
}

static uint64_t counter_at(const Hpet *hpet, int64_t now)
{
    return hpet->counter + (enabled(hpet) ? ticks_elapsed(hpet->stamp, now, FREQUENCY) : 0);
}

/* From here on, counted from now. */
static void rebase(Hpet *hpet)
{
    hpet->counter = counter_at(hpet, time_virtual());
    hpet->stamp = time_virtual();
}

static uint64_t width_mask(const HpetComparator *timer)
{
    return timer->config & T_32BIT ? LOW_HALF : UINT64_MAX;
}

/* ---- interrupts ---- */

static bool legacy_timer(const Hpet *hpet, unsigned index)
{
    return (hpet->config & LEGACY) && index < 2;
}

static unsigned line_of(const Hpet *hpet, unsigned index)
{
    if (legacy_timer(hpet, index)) {
        return index == 0 ? 0 : 8;
    }
    return bits_extract(hpet->comparators[index].config, 9, 5);
}

static bool by_message(const Hpet *hpet, unsigned index)
{
    return !legacy_timer(hpet, index) && (hpet->comparators[index].config & T_FSB);
}

static void hpet_update(Device *device)
{
    Hpet *hpet = HPET(device);
    uint32_t lines = 0;

    for (unsigned i = 0; i < hpet->count && enabled(hpet); i++) {
        if ((hpet->status & BIT64(i)) && (hpet->comparators[i].config & T_ENABLE) &&
            !by_message(hpet, i)) {
            lines |= BIT(line_of(hpet, i));
        }
    }
    for (unsigned line = 0; line < HPET_LINES; line++) {
        pin_set(device, HPET_PIN_IRQ, line, lines & BIT(line));
    }
    pin_set(device, HPET_PIN_LEGACY, 0, hpet->config & LEGACY);
}

static void interrupt(Hpet *hpet, unsigned index)
{
    const HpetComparator *timer = &hpet->comparators[index];
    uint8_t data[4];

    if (by_message(hpet, index)) {
        if (timer->config & T_ENABLE) {
            store_le(data, timer->message & LOW_HALF, 4);
            dma_write(&hpet->device, timer->message >> 32, data, 4);
        }
    } else if (timer->config & T_LEVEL) {
        hpet->status |= BIT64(index);
    } else if (timer->config & T_ENABLE) {
        pin_pulse(&hpet->device, HPET_PIN_IRQ, line_of(hpet, index));
    }
}

/* ---- matches ---- */

/* Arms for the match that comes `ticks` after the counter's present value. */
static void arm_in(Hpet *hpet, unsigned index, uint64_t ticks)
{
    uint64_t passed = ticks_elapsed(hpet->stamp, time_virtual(), FREQUENCY);

    timer_set_moment(&hpet->timers[index], ticks > UINT64_MAX - passed ? TIME_NEVER
                     : ticks_time(hpet->stamp, passed + ticks, FREQUENCY));
}

static void arm(Hpet *hpet, unsigned index)
{
    HpetComparator *timer = &hpet->comparators[index];

    timer_cancel(&hpet->timers[index]);
    /* A level timer notes its matches even when it may not interrupt. */
    if (enabled(hpet) && (timer->config & (T_ENABLE | T_LEVEL))) {
        arm_in(hpet, index, (timer->comparator - counter_at(hpet, time_virtual())) &
                            width_mask(timer));
    }
}

static void arm_all(Hpet *hpet)
{
    for (unsigned i = 0; i < hpet->count; i++) {
        arm(hpet, i);
    }
}

/* The first multiple of the period that is not too close: section 2.3.9.2.2. */
static void advance(HpetComparator *timer, uint64_t counter)
{
    uint64_t mask = width_mask(timer), late = (counter - timer->comparator) & mask;
    uint64_t steps = late / timer->period + 1;

    if (timer->period < CLOSE_TICKS) {
        steps += CLOSE_TICKS / timer->period;
    }
    timer->comparator = (timer->comparator + steps * timer->period) & mask;
}

static void hpet_expired(Device *device, unsigned index)
{
    Hpet *hpet = HPET(device);
    HpetComparator *timer = &hpet->comparators[index];
    uint64_t mask = width_mask(timer), counter = counter_at(hpet, time_virtual());

    interrupt(hpet, index);
    if ((timer->config & T_PERIODIC) && timer->period) {
        advance(timer, counter & mask);
        arm(hpet, index);
    } else if (mask != UINT64_MAX) {
        /* The next match is when the 32 bits have gone round. */
        arm_in(hpet, index, ((timer->comparator - counter - 1) & mask) + 1);
    }
}

/* ---- registers ---- */

static uint64_t with_half(uint64_t old, uint64_t value, uint64_t mask)
{
    return (old & ~mask) | (value & mask);
}

static void write_config(Hpet *hpet, uint64_t value)
{
    rebase(hpet);
    hpet->config = value & (ENABLE | LEGACY);
    arm_all(hpet);
}

static void write_counter(Hpet *hpet, uint64_t value, uint64_t mask)
{
    if (enabled(hpet)) {
        log_guest_error("hpet: write of the counter while it runs");
    }
    rebase(hpet);
    hpet->counter = with_half(hpet->counter, value, mask);
    arm_all(hpet);
}

static void write_timer_config(Hpet *hpet, unsigned index, uint64_t value, uint64_t mask)
{
    HpetComparator *timer = &hpet->comparators[index];
    uint64_t writable = (T_LEVEL | T_ENABLE | T_PERIODIC | T_32BIT | T_ROUTE |
                         (hpet->msi ? T_FSB : 0)) & mask;

    /* A route that is not supported does not read back as written: section 2.3.8. */
    if (!(BIT64(bits_extract(value, 9, 5)) & hpet->routes)) {
        writable &= ~(uint64_t)T_ROUTE;
    }
    timer->config = with_half(timer->config, value, writable);
    if (mask & T_VALUE_SET) {
        timer->value_set = (value & T_VALUE_SET) && (timer->config & T_PERIODIC);
    }
    timer->comparator &= width_mask(timer);
    timer->period &= width_mask(timer);
    if (!(timer->config & T_LEVEL)) {
        hpet->status &= ~BIT64(index);
    }
    arm(hpet, index);
}

static void write_comparator(Hpet *hpet, unsigned index, uint64_t value, uint64_t mask)
{
    HpetComparator *timer = &hpet->comparators[index];
    uint64_t used = mask & width_mask(timer);

    if (!(timer->config & T_PERIODIC) || timer->value_set) {
        timer->comparator = with_half(timer->comparator, value, used);
    }
    if (timer->config & T_PERIODIC) {
        timer->period = with_half(timer->period, value, used);
    }
    if (mask & 1) {
        timer->value_set = false;
    }
    arm(hpet, index);
}

static uint64_t read_timer(const Hpet *hpet, unsigned index, uint64_t reg)
{
    const HpetComparator *timer = &hpet->comparators[index];

    switch (index < hpet->count ? reg : UINT64_MAX) {
    case TIMER_CONFIG:
        return timer->config | T_PERIODIC_CAP | T_64BIT_CAP | (hpet->msi ? T_FSB_CAP : 0) |
               (uint64_t)hpet->routes << 32;
    case TIMER_COMPARATOR:
        return timer->comparator;
    case TIMER_MESSAGE:
        return timer->message;
    default:
        return 0;
    }
}

static uint64_t read_register(const Hpet *hpet, uint64_t reg)
{
    switch (reg) {
    case CAPABILITIES:
        return PERIOD_FS << 32 | VENDOR << 16 | CAP_LEGACY | CAP_64BIT |
               (hpet->count - 1) << 8 | CAP_REVISION;
    case CONFIG:
        return hpet->config;
    case STATUS:
        return hpet->status;
    case COUNTER:
        return counter_at(hpet, time_virtual());
    default:
        return reg < FIRST_TIMER ? 0 : read_timer(hpet, (reg - FIRST_TIMER) / TIMER_STRIDE,
                                                  reg % TIMER_STRIDE);
    }
}

static void write_timer(Hpet *hpet, unsigned index, uint64_t reg, uint64_t value, uint64_t mask)
{
    HpetComparator *timer = &hpet->comparators[index];

    switch (index < hpet->count ? reg : UINT64_MAX) {
    case TIMER_CONFIG:
        write_timer_config(hpet, index, value, mask);
        break;
    case TIMER_COMPARATOR:
        write_comparator(hpet, index, value, mask);
        break;
    case TIMER_MESSAGE:
        timer->message = hpet->msi ? with_half(timer->message, value, mask) : 0;
        break;
    default:
        log_guest_error("hpet: write at offset 0x%" PRIx64 " of timer %u", reg, index);
        break;
    }
}

static void write_register(Hpet *hpet, uint64_t reg, uint64_t value, uint64_t mask)
{
    switch (reg) {
    case CONFIG:
        write_config(hpet, with_half(hpet->config, value, mask));
        break;
    case STATUS:
        hpet->status &= ~(value & mask);
        break;
    case COUNTER:
        write_counter(hpet, value, mask);
        break;
    default:
        if (reg < FIRST_TIMER) {
            log_guest_error("hpet: write at offset 0x%" PRIx64, reg);
        } else {
            write_timer(hpet, (reg - FIRST_TIMER) / TIMER_STRIDE, reg % TIMER_STRIDE, value,
                        mask);
        }
        break;
    }
}

/* Registers are 64 bits wide and are accessed whole or by halves: section 2.3. */
static MemoryResult hpet_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                              MemoryAttrs attrs)
{
    unsigned shift = 8 * (offset & 7);

    *value = read_register(HPET(opaque), offset & ~7ull) >> shift & bits_mask(8 * size);
    return MEMORY_OK;
}

static MemoryResult hpet_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                               MemoryAttrs attrs)
{
    unsigned shift = 8 * (offset & 7);

    write_register(HPET(opaque), offset & ~7ull, value << shift, bits_mask(8 * size) << shift);
    device_update(DEVICE(opaque));
    return MEMORY_OK;
}

/* ---- life ---- */

static void hpet_reset(Device *device)
{
    Hpet *hpet = HPET(device);

    hpet->config = hpet->status = hpet->counter = 0;
    hpet->stamp = time_virtual();
    for (unsigned i = 0; i < HPET_TIMERS; i++) {
        hpet->comparators[i] = (HpetComparator){ .comparator = UINT64_MAX };
    }
}

static bool hpet_post_load(Device *device, GError **error)
{
    Hpet *hpet = HPET(device);

    if ((hpet->status & ~bits_mask(hpet->count)) || (hpet->config & ~(uint64_t)(ENABLE | LEGACY))) {
        device_reset(device);
        error_set(error, ERROR_INVALID, "the saved state of hpet has status 0x%" PRIx64
                  " for %u timers", hpet->status, hpet->count);
        return false;
    }
    return true;
}

static void hpet_print(Device *device, GString *out)
{
    Hpet *hpet = HPET(device);

    g_string_append_printf(out, "hpet: config=0x%" PRIx64 " status=0x%" PRIx64 " counter=0x%"
                           PRIx64 "\n", hpet->config, hpet->status,
                           counter_at(hpet, time_virtual()));
    for (unsigned i = 0; i < hpet->count; i++) {
        const HpetComparator *timer = &hpet->comparators[i];
        g_string_append_printf(out, "  timer %u: config=0x%" PRIx64 " comparator=0x%" PRIx64
                               " period=0x%" PRIx64 "\n", i, read_timer(hpet, i, TIMER_CONFIG),
                               timer->comparator, timer->period);
    }
}

/* ---- tables ---- */

static const RegionOps hpet_ops = {
    .read = hpet_read, .write = hpet_write, .access_min = 4, .access_max = 8,
};

/* The specification's 1 KiB holds 24 timers; more go beyond. */
static uint64_t hpet_size(Device *device)
{
    return MAX(0x400, FIRST_TIMER + HPET(device)->count * TIMER_STRIDE);
}

static const BankInfo hpet_banks[] = {
    { "hpet", "capabilities, counter and timers", .size_of = hpet_size, .ops = &hpet_ops },
};

static const PinInfo hpet_pins[] = {
    [HPET_PIN_IRQ] = { "irq", "global system interrupts", PIN_OUT, .count = HPET_LINES },
    [HPET_PIN_LEGACY] = { "legacy", "high: legacy replacement is on", PIN_OUT },
};

static const Property hpet_properties[] = {
    { .name = "timers", .description = "number of timers", .field = FIELD_OF(Hpet, count),
      .def.u = 3, .min = 3, .max = HPET_TIMERS },
    { .name = "msi", .description = "interrupts by message (FSB)", .field = FIELD_OF(Hpet, msi) },
    { .name = "hpet-intcap", .description = "interrupts that timers can be routed to, a bit each",
      .field = FIELD_OF(Hpet, routes), .def.u = 4, .flags = PROPERTY_HEX },
};

static const TimerInfo hpet_timers[] = {
    { "match", FIELD_ARRAY(Hpet, timers), .expired = hpet_expired },
};

static const StateInfo comparator_state[] = {
    { "config", FIELD(HpetComparator, config), .max = T_FSB | (T_FSB - 1) },
    { "comparator", FIELD(HpetComparator, comparator) },
    { "period", FIELD(HpetComparator, period) },
    { "message", FIELD(HpetComparator, message) },
    { "value_set", FIELD(HpetComparator, value_set) },
};

static const StateInfo hpet_state[] = {
    { "config", FIELD(Hpet, config) },
    { "status", FIELD(Hpet, status) },
    { "counter", FIELD(Hpet, counter) },
    { "stamp", FIELD(Hpet, stamp), .max = INT64_MAX },
    { "comparators", FIELD_ARRAY(Hpet, comparators), .members = TABLE(comparator_state) },
};

const DeviceType hpet_type = {
    .name = "hpet", .parent = "sys-bus-device", .size = sizeof(Hpet),
    .description = "high precision event timer", .compatible = "intel,ce4100-hpet",
    .board_only = true, .properties = TABLE(hpet_properties), .banks = TABLE(hpet_banks),
    .pins = TABLE(hpet_pins), .timers = TABLE(hpet_timers), .state = TABLE(hpet_state),
    .reset = hpet_reset, .update = hpet_update, .post_load = hpet_post_load,
    .print = hpet_print,
};
