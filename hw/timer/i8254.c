/* SPDX-License-Identifier: MIT */
#include "hw/timer/i8254.h"

#include "base/log.h"
#include "hw/timer/ticks.h"

#define I8254(pointer) ((I8254 *)(pointer))

#define NEVER INT64_MAX
#define CLOSE_NS 20000   /* edges closer than this are one */

enum { CONTROL_BCD = 0x01, CONTROL_LATCH = 0, READ_BACK = 3,
       READ_BACK_NO_COUNT = 0x20, READ_BACK_NO_STATUS = 0x10,
       STATUS_OUT = 0x80, STATUS_NULL = 0x40 };

/* ---- ticks of CLK ---- */

static int64_t tick_at(const I8254 *pit, int64_t time)
{
    return pit->base_tick + (int64_t)ticks_elapsed(pit->base_time, time, pit->frequency);
}

static int64_t tick_now(const I8254 *pit)
{
    return tick_at(pit, time_virtual());
}

static int64_t time_of_tick(const I8254 *pit, int64_t tick)
{
    return tick == NEVER ? TIME_NEVER
        : ticks_time(pit->base_time, MAX(tick - pit->base_tick, 0), pit->frequency);
}

static int64_t close_ticks(const I8254 *pit)
{
    return ticks_elapsed(0, CLOSE_NS, pit->frequency);
}

/* ---- one channel, as a function of the tick ---- */

static bool is_periodic(const I8254Channel *channel)
{
    return channel->mode == 2 || channel->mode == 3;
}

static bool is_triggered(const I8254Channel *channel)
{
    return channel->mode == 1 || channel->mode == 5;
}

/* Mode 3: CLKs for which OUT is high. */
static int64_t high_half(uint32_t count)
{
    return (count + 1) / 2;
}

/* A count that was written earlier takes over when its time has come. */
static void settle(I8254Channel *channel, int64_t tick)
{
    if (tick < channel->reload_tick) {
        return;
    }
    /* In mode 3 the time may be the end of the high half: the low one goes on with the new. */
    if (channel->mode == 3 &&
        (channel->reload_tick - channel->load_tick) % channel->count == high_half(channel->count)) {
        channel->load_tick = channel->reload_tick - high_half(channel->count_register);
    } else {
        channel->load_tick = channel->reload_tick;
    }
    channel->count = channel->count_register;
    channel->reload_tick = NEVER;
}

static int64_t elapsed(const I8254Channel *channel, int64_t tick)
{
    return channel->paused ? channel->paused_at : tick - channel->load_tick;
}

static bool out_at(const I8254Channel *channel, int64_t tick)
{
    int64_t count = channel->count, ticks = elapsed(channel, tick);

    if (!channel->counting) {
        return channel->mode != 0;
    }
    switch (channel->mode) {
    case 0:
        return ticks >= count;
    case 1:
        return ticks < 0 || ticks >= count;
    case 2:
        return ticks < 0 || count == 1 || ticks % count != count - 1;
    case 3:
        return ticks < 0 || ticks % count < high_half(count);
    default:
        return ticks != count;
    }
}

static uint32_t counter_at(const I8254Channel *channel, int64_t tick)
{
    int64_t count = channel->count, ticks = elapsed(channel, tick), position;
    int64_t modulus = channel->bcd ? 10000 : 65536;

    if (!channel->counting || ticks < 0) {
        return channel->held;
    }
    switch (channel->mode) {
    case 2:
        return (count - ticks % count) % modulus;
    case 3:
        /* Even numbers, by two; the high half of an odd count has one step more. */
        position = ticks % count;
        position -= position >= high_half(count) ? high_half(count) : 0;
        return ((count & ~1) - 2 * position) % modulus;
    default:
        return (modulus + (count - ticks) % modulus) % modulus;
    }
}

/* The first edge after `tick`, or NEVER. */
static int64_t next_edge(const I8254Channel *channel, int64_t tick, bool rising)
{
    int64_t count = channel->count, ticks = elapsed(channel, tick), first, edge;

    if (!channel->counting || channel->paused || (is_periodic(channel) && count == 1)) {
        return NEVER;
    }
    switch (channel->mode) {
    case 0:
        first = rising ? count : NEVER;
        break;
    case 1:
        first = rising ? count : 0;
        break;
    case 2:
        first = rising ? count : count - 1;
        break;
    case 3:
        first = rising ? count : high_half(count);
        break;
    default:
        first = rising ? count + 1 : count;
        break;
    }
    if (first > ticks) {
        edge = first;
    } else if (is_periodic(channel)) {
        edge = first + ((ticks - first) / count + 1) * count;
    } else {
        return NEVER;
    }
    return edge == NEVER ? NEVER : channel->load_tick + edge;
}

/* ---- the OUT pins ---- */

static bool drives_pin(const I8254 *pit, unsigned index)
{
    if (chip_is_bound(&pit->binding) || (index == 0 && pit->inhibited)) {
        return false;
    }
    return index == 0 || pin_connected(&pit->device, I8254_PIN_OUT, index);
}

/* Arms for the next change of the pin after `from`. */
static void arm(I8254 *pit, unsigned index, int64_t from)
{
    I8254Channel *channel = &pit->channels[index];
    int64_t rising, falling, next;

    if (!drives_pin(pit, index)) {
        timer_cancel(&pit->timers[index]);
        return;
    }
    rising = next_edge(channel, from, true);
    falling = next_edge(channel, from, false);
    next = MIN(rising, falling);
    if (falling < rising && rising != NEVER && rising - falling < close_ticks(pit)) {
        next = rising;   /* the pin dips then */
    }
    timer_set_moment(&pit->timers[index],
                     time_of_tick(pit, MIN(next, channel->reload_tick)));
}

static void i8254_expired(Device *device, unsigned index)
{
    I8254 *pit = I8254(device);
    I8254Channel *channel = &pit->channels[index];
    int64_t tick = tick_now(pit), next;

    settle(channel, tick);
    if (out_at(channel, tick) && drives_pin(pit, index)) {
        /* Two edges passed, or one of a pin that was low anyway. */
        pin_set(device, I8254_PIN_OUT, index, false);
    }
    next = next_edge(channel, tick, true);
    arm(pit, index, next != NEVER && next - tick < close_ticks(pit) ? tick + close_ticks(pit)
                                                                    : tick);
}

static void i8254_update(Device *device)
{
    I8254 *pit = I8254(device);
    int64_t now = time_virtual(), tick = tick_at(pit, now);

    for (unsigned i = 0; i < I8254_CHANNELS && !chip_is_bound(&pit->binding); i++) {
        Timer *timer = &pit->timers[i];
        if (timer_armed(timer) && timer->deadline <= now) {
            continue;   /* its edge has come, and i8254_expired() makes it */
        }
        settle(&pit->channels[i], tick);
        pin_set(device, I8254_PIN_OUT, i,
                !(i == 0 && pit->inhibited) && out_at(&pit->channels[i], tick));
        if (!timer_armed(timer)) {
            arm(pit, i, tick);
        }
    }
}

/* What was armed is no longer true; i8254_update() arms again. */
static void rearm(I8254 *pit, unsigned index)
{
    timer_cancel(&pit->timers[index]);
}

/* ---- loading and gates ---- */

static void load_at(I8254Channel *channel, int64_t tick)
{
    channel->count = channel->count_register;
    channel->load_tick = tick;
    channel->counting = true;
    channel->paused = false;
    channel->reload_tick = NEVER;
    channel->null_until = tick;
}

/* The end of the running cycle (mode 2) or half-cycle (mode 3), when a new count is loaded. */
static int64_t cycle_end(const I8254Channel *channel, int64_t tick)
{
    int64_t count = channel->count, ticks = tick - channel->load_tick, position;

    if (ticks < 0) {
        return channel->load_tick;
    }
    position = ticks % count;
    if (channel->mode == 3 && position < high_half(count)) {
        return tick - position + high_half(count);
    }
    return tick - position + count;
}

static uint32_t written_count(const I8254Channel *channel, uint16_t value)
{
    uint32_t count = value;

    if (channel->bcd) {
        count = (value >> 12) * 1000 + (value >> 8 & 0xf) * 100 + (value >> 4 & 0xf) * 10 +
                (value & 0xf);
        count %= 10000;
        return count ? count : 10000;
    }
    return count ? count : 65536;
}

static void write_count(I8254 *pit, unsigned index, uint16_t value)
{
    I8254Channel *channel = &pit->channels[index];
    int64_t tick = tick_now(pit);

    settle(channel, tick);
    channel->held = counter_at(channel, tick);
    channel->count_register = written_count(channel, value);
    channel->null_until = NEVER;
    rearm(pit, index);
    if (is_triggered(channel) || (is_periodic(channel) && !channel->gate)) {
        return;
    }
    if (is_periodic(channel) && channel->counting) {
        channel->reload_tick = cycle_end(channel, tick);
        channel->null_until = channel->reload_tick;
        return;
    }
    load_at(channel, tick + 1);
    if (!channel->gate) {
        channel->paused = true;
        channel->paused_at = 0;
    }
}

void i8254_set_gate(Device *device, unsigned index, bool level)
{
    I8254 *pit = I8254(device);
    I8254Channel *channel = &pit->channels[index];
    int64_t tick = tick_now(pit);

    if (channel->gate == level) {
        return;
    }
    settle(channel, tick);
    channel->held = counter_at(channel, tick);
    channel->gate = level;
    rearm(pit, index);
    if (level && channel->count_register &&
        (is_triggered(channel) || is_periodic(channel))) {
        load_at(channel, tick + 1);
    } else if (is_periodic(channel)) {
        /* OUT goes high at once, and the counter stands. */
        channel->counting = false;
        channel->reload_tick = NEVER;
    } else if (!is_triggered(channel) && channel->counting) {
        channel->paused_at = level ? channel->paused_at : MAX(tick - channel->load_tick, 0);
        channel->load_tick = tick - channel->paused_at;
        channel->paused = !level;
    }
    device_update(device);
}

bool i8254_gate(const Device *device, unsigned index)
{
    return ((const I8254 *)device)->channels[index].gate;
}

bool i8254_out(Device *device, unsigned index)
{
    I8254 *pit = I8254(device);
    int64_t tick = tick_now(pit);

    chip_binding_save(&pit->binding, device);
    settle(&pit->channels[index], tick);
    return out_at(&pit->channels[index], tick);
}

static void i8254_gate_pin(Device *device, unsigned line, bool level)
{
    i8254_set_gate(device, line, level);
}

static void i8254_inhibit(Device *device, unsigned line, bool level)
{
    I8254(device)->inhibited = level;
    rearm(I8254(device), 0);
}

int64_t i8254_load_time(const Device *device, unsigned index)
{
    const I8254 *pit = (const I8254 *)device;

    return time_of_tick(pit, pit->channels[index].load_tick);
}

void i8254_set_load_time(Device *device, unsigned index, int64_t time)
{
    I8254 *pit = I8254(device);
    I8254Channel *channel = &pit->channels[index];

    channel->count_register = channel->count = CLAMP(channel->count, 1, 65536);
    load_at(channel, tick_at(pit, time));
    if (is_periodic(channel) && !channel->gate) {
        channel->counting = false;
    } else if (!is_triggered(channel) && !is_periodic(channel) && !channel->gate) {
        channel->paused = true;
        channel->paused_at = MAX(tick_now(pit) - channel->load_tick, 0);
    }
    rearm(pit, index);
}

/* ---- the ports ---- */

static uint16_t counter_value(const I8254Channel *channel, int64_t tick)
{
    uint32_t value = counter_at(channel, tick);

    if (!channel->bcd) {
        return value;
    }
    return value / 1000 % 10 << 12 | value / 100 % 10 << 8 | value / 10 % 10 << 4 | value % 10;
}

static void latch_count(I8254Channel *channel, int64_t tick)
{
    if (!channel->count_latched) {
        channel->latched_count = counter_value(channel, tick);
        channel->count_latched = channel->rw_mode;
    }
}

static void latch_status(I8254Channel *channel, int64_t tick)
{
    unsigned rw = channel->rw_mode;

    if (!channel->status_latched) {
        channel->status_latched = true;
        channel->status = (out_at(channel, tick) ? STATUS_OUT : 0) |
                          (tick < channel->null_until ? STATUS_NULL : 0) |
                          rw << 4 | channel->mode << 1 | channel->bcd;
    }
}

static void read_back(I8254 *pit, uint8_t value)
{
    int64_t tick = tick_now(pit);

    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        I8254Channel *channel = &pit->channels[i];
        if (!(value & BIT(i + 1))) {
            continue;
        }
        settle(channel, tick);
        if (!(value & READ_BACK_NO_COUNT)) {
            latch_count(channel, tick);
        }
        if (!(value & READ_BACK_NO_STATUS)) {
            latch_status(channel, tick);
        }
    }
}

static void program(I8254 *pit, unsigned index, uint8_t value)
{
    I8254Channel *channel = &pit->channels[index];
    unsigned mode = value >> 1 & 7;

    channel->held = counter_at(channel, tick_now(pit));
    channel->rw_mode = channel->read_state = channel->write_state = value >> 4 & 3;
    channel->mode = mode > 5 ? mode - 4 : mode;
    channel->bcd = value & CONTROL_BCD;
    channel->counting = channel->paused = false;
    channel->count_register = 0;
    channel->count_latched = 0;
    channel->status_latched = false;
    channel->reload_tick = NEVER;
    channel->null_until = NEVER;
    rearm(pit, index);
}

static void i8254_write_control(Device *device, unsigned unused, uint64_t value)
{
    I8254 *pit = I8254(device);
    unsigned index = value >> 6;
    int64_t tick = tick_now(pit);

    if (index == READ_BACK) {
        read_back(pit, value);
    } else if ((value >> 4 & 3) == CONTROL_LATCH) {
        settle(&pit->channels[index], tick);
        latch_count(&pit->channels[index], tick);
    } else {
        settle(&pit->channels[index], tick);
        program(pit, index, value);
    }
}

static void i8254_write_counter(Device *device, unsigned index, uint64_t value)
{
    I8254 *pit = I8254(device);
    I8254Channel *channel = &pit->channels[index];

    switch (channel->write_state) {
    case I8254_LSB:
        write_count(pit, index, value);
        break;
    case I8254_MSB:
        write_count(pit, index, value << 8);
        break;
    case I8254_WORD_LSB:
        channel->write_latch = value;
        channel->write_state = I8254_WORD_MSB;
        if (channel->mode == 0) {
            /* The first byte stops the counter and sets OUT low. */
            channel->held = counter_at(channel, tick_now(pit));
            channel->counting = false;
            rearm(pit, index);
        }
        break;
    default:
        channel->write_state = I8254_WORD_LSB;
        write_count(pit, index, value << 8 | channel->write_latch);
        break;
    }
}

static uint8_t read_latched(I8254Channel *channel)
{
    uint16_t value = channel->latched_count;

    switch (channel->count_latched) {
    case I8254_LSB:
        channel->count_latched = 0;
        return value;
    case I8254_WORD_LSB:
        channel->count_latched = I8254_WORD_MSB;
        return value;
    default:
        channel->count_latched = 0;
        return value >> 8;
    }
}

static uint64_t i8254_read_counter(Device *device, unsigned index)
{
    I8254 *pit = I8254(device);
    I8254Channel *channel = &pit->channels[index];
    int64_t tick = tick_now(pit);
    uint16_t value;

    if (channel->status_latched) {
        channel->status_latched = false;
        return channel->status;
    }
    if (channel->count_latched) {
        return read_latched(channel);
    }
    settle(channel, tick);
    value = counter_value(channel, tick);
    switch (channel->read_state) {
    case I8254_LSB:
        return value & 0xff;
    case I8254_WORD_LSB:
        channel->read_state = I8254_WORD_MSB;
        return value & 0xff;
    case I8254_WORD_MSB:
        channel->read_state = I8254_WORD_LSB;
        return value >> 8;
    default:
        return value >> 8;
    }
}

/* ---- life ---- */

static void i8254_clock_changed(Device *device)
{
    I8254 *pit = I8254(device);
    int64_t now = time_virtual(), tick = tick_at(pit, now);

    pit->base_time = now;
    pit->base_tick = tick;
    pit->frequency = clock_frequency(device, 0);
    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        rearm(pit, i);
    }
}

static void i8254_reset(Device *device)
{
    I8254 *pit = I8254(device);

    pit->base_time = time_virtual();
    pit->base_tick = 0;
    pit->frequency = clock_frequency(device, 0);
    pit->inhibited = pin_level(device, I8254_PIN_INHIBIT, 0);
    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        bool wired = pin_connected(device, I8254_PIN_GATE, i);
        /* The data sheet leaves it undefined before the first control word. */
        pit->channels[i] = (I8254Channel){
            .rw_mode = I8254_WORD_LSB, .read_state = I8254_WORD_LSB,
            .write_state = I8254_WORD_LSB, .count = 65536,
            .gate = wired ? pin_level(device, I8254_PIN_GATE, i) : i != 2,
            .reload_tick = NEVER, .null_until = NEVER,
        };
    }
}

static void i8254_reset_exit(Device *device)
{
    chip_binding_reset(&I8254(device)->binding, device);
}

static void i8254_pre_save(Device *device)
{
    chip_binding_save(&I8254(device)->binding, device);
}

static bool check_channel(const I8254Channel *channel)
{
    /* Ticks lie within the time of a run, so that sums of them are numbers. */
    return channel->count >= 1 && channel->rw_mode >= I8254_LSB && channel->rw_mode <= I8254_WORD_LSB &&
           channel->load_tick > -(INT64_MAX / 4) && channel->load_tick < INT64_MAX / 4 &&
           channel->paused_at >= 0 && channel->paused_at < INT64_MAX / 4 &&
           (channel->reload_tick == NEVER ||
            (channel->counting && channel->count_register && channel->reload_tick >= 0 &&
             channel->reload_tick < INT64_MAX / 4));
}

static bool i8254_post_load(Device *device, GError **error)
{
    I8254 *pit = I8254(device);
    bool sound = pit->frequency <= NANOSECONDS_PER_SECOND && pit->base_tick < INT64_MAX / 4;

    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        sound = sound && check_channel(&pit->channels[i]);
    }
    if (!sound) {
        device_reset(device);
        error_set(error, ERROR_INVALID, "the saved state of isa-pit contradicts itself");
        return false;
    }
    return chip_binding_load(&pit->binding, device, error);
}

static ChipBinding *i8254_binding(Device *device)
{
    return &I8254(device)->binding;
}

static void i8254_bound(Device *device)
{
    for (unsigned i = 0; i < I8254_CHANNELS; i++) {
        rearm(I8254(device), i);
    }
}

/* ---- tables ---- */

static const RegisterInfo i8254_registers[] = {
    { 0, "COUNTER", "count, latched count or status", .count = I8254_CHANNELS,
      .read = i8254_read_counter, .write = i8254_write_counter },
    { 3, "CONTROL", "control word", .access = REG_WO, .write = i8254_write_control },
};

static const BankInfo i8254_banks[] = {
    { "pit", "counters and control word", .space = SPACE_IO, .size = 4, .hole = 0xff,
      .registers = TABLE(i8254_registers), .base_property = "iobase" },
};

static const PinInfo i8254_pins[] = {
    [I8254_PIN_OUT] = { "OUT", "OUT0 to OUT2", PIN_OUT, .count = I8254_CHANNELS },
    [I8254_PIN_GATE] = { "GATE", "GATE0 to GATE2", PIN_IN, .count = I8254_CHANNELS,
                         .set = i8254_gate_pin },
    [I8254_PIN_INHIBIT] = { "inhibit", "high: OUT0 is held low (HPET legacy replacement)",
                            PIN_IN, .set = i8254_inhibit },
};

static const ClockInfo i8254_clocks[] = {
    { "CLK", "what the counters count", PIN_IN, .frequency = 1193182,
      .changed = i8254_clock_changed },
};

static const Property i8254_properties[] = {
    { .name = "iobase", .description = "I/O port of counter 0",
      .field = FIELD_OF(I8254, iobase), .def.u = 0x40, .flags = PROPERTY_HEX },
};

static const TimerInfo i8254_timers[] = {
    { "out", FIELD_ARRAY(I8254, timers), .expired = i8254_expired },
};

static const StateInfo channel_state[] = {
    { "count", FIELD(I8254Channel, count), .max = 65536 },
    { "count_register", FIELD(I8254Channel, count_register), .max = 65536 },
    { "held", FIELD(I8254Channel, held), .max = 65536 },
    { "latched_count", FIELD(I8254Channel, latched_count) },
    { "count_latched", FIELD(I8254Channel, count_latched), .max = I8254_WORD_MSB },
    { "status_latched", FIELD(I8254Channel, status_latched) },
    { "status", FIELD(I8254Channel, status) },
    { "read_state", FIELD(I8254Channel, read_state), .max = I8254_WORD_MSB },
    { "write_state", FIELD(I8254Channel, write_state), .max = I8254_WORD_MSB },
    { "write_latch", FIELD(I8254Channel, write_latch) },
    { "rw_mode", FIELD(I8254Channel, rw_mode), .max = I8254_WORD_LSB },
    { "mode", FIELD(I8254Channel, mode), .max = 5 },
    { "bcd", FIELD(I8254Channel, bcd) },
    { "gate", FIELD(I8254Channel, gate) },
    { "counting", FIELD(I8254Channel, counting) },
    { "paused", FIELD(I8254Channel, paused) },
    { "load_tick", FIELD(I8254Channel, load_tick) },
    { "paused_at", FIELD(I8254Channel, paused_at), .max = INT64_MAX },
    { "reload_tick", FIELD(I8254Channel, reload_tick), .max = INT64_MAX },
    { "null_until", FIELD(I8254Channel, null_until) },
};

static const StateInfo i8254_state[] = {
    { "channel", FIELD_ARRAY(I8254, channels), .members = TABLE(channel_state) },
    { "frequency", FIELD(I8254, frequency) },
    { "base_time", FIELD(I8254, base_time), .max = INT64_MAX },
    { "base_tick", FIELD(I8254, base_tick), .max = INT64_MAX },
    { "inhibited", FIELD(I8254, inhibited) },
};

static const TransientInfo i8254_transient[] = {
    { FIELD_OF(I8254, binding), "who works the chip" },
};

static const ChipOps i8254_chip_ops = { .binding = i8254_binding, .bound = i8254_bound };
static const Interface i8254_interfaces[] = { { CHIP_INTERFACE, &i8254_chip_ops } };

const DeviceType i8254_base_type = {
    .name = "pit-common", .parent = "isa-device", .size = sizeof(Device), .abstract = true,
    .description = "interval timer of a PC", .bus = "ISA",
};

const DeviceType i8254_type = {
    .name = "isa-pit", .parent = "pit-common", .size = sizeof(I8254),
    .description = "Intel 8254 programmable interval timer",
    .compatible = "intel,i8254", .bus = "ISA", .board_only = true,
    .properties = TABLE(i8254_properties), .interfaces = TABLE(i8254_interfaces),
    .banks = TABLE(i8254_banks), .pins = TABLE(i8254_pins), .clocks = TABLE(i8254_clocks),
    .timers = TABLE(i8254_timers), .state = TABLE(i8254_state),
    .transient = TABLE(i8254_transient), .reset = i8254_reset,
    .reset_exit = i8254_reset_exit, .update = i8254_update, .pre_save = i8254_pre_save,
    .post_load = i8254_post_load,
};
