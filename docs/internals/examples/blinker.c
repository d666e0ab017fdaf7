/* SPDX-License-Identifier: MIT */
/*
 * A lamp that blinks: turns over once a period, and may interrupt when it does.
 * No data sheet: it is the example of docs/internals/devices.rst.
 */
#include "hw/core/device.h"

#define CTRL_EN 0x1u      /* it blinks */
#define CTRL_IE 0x2u      /* and interrupts */
#define STAT_TURNED 0x1u

typedef struct Blinker {
    Device device;        /* always first */
    uint32_t period;      /* property: milliseconds */
    uint32_t ctrl, stat;  /* registers */
    uint32_t count;       /* how often it turned over */
    Timer timer;
} Blinker;

/* The line is computed here, from the state, and nowhere else. */
static void blinker_update(Device *device)
{
    Blinker *self = (Blinker *)device;

    pin_set(device, 0, 0, (self->stat & STAT_TURNED) && (self->ctrl & CTRL_IE));
}

static void blinker_wait(Blinker *self)
{
    timer_set(&self->timer, time_virtual() + self->period * 1000000ll);
}

static void blinker_expired(Device *device, unsigned index)
{
    Blinker *self = (Blinker *)device;

    self->count++;
    self->stat |= STAT_TURNED;
    blinker_wait(self);
}

/* After CTRL has its new value; `old` is what it was. */
static void blinker_wrote_ctrl(Device *device, unsigned index, uint64_t old)
{
    Blinker *self = (Blinker *)device;

    if (self->ctrl & ~old & CTRL_EN) {
        blinker_wait(self);
    } else if (!(self->ctrl & CTRL_EN)) {
        timer_cancel(&self->timer);
    }
}

static const Property blinker_properties[] = {
    { .name = "period", .description = "milliseconds until it turns over",
      .field = FIELD_OF(Blinker, period), .def.u = 1000, .min = 1, .max = 60000 },
};
static const RegisterInfo blinker_registers[] = {
    { 0x0, "CTRL", "control: 1 blinks, 2 interrupts", FIELD(Blinker, ctrl),
      .writable = CTRL_EN | CTRL_IE, .wrote = blinker_wrote_ctrl },
    { 0x4, "STAT", "1: it turned over", FIELD(Blinker, stat), .writable = REG_NO_BITS,
      .write_one_clears = STAT_TURNED },
    { 0x8, "COUNT", "how often it turned over", FIELD(Blinker, count), .access = REG_RO },
};
static const BankInfo blinker_banks[] = {
    { .name = "registers", .size = 0x10, .width = 4, .access_min = 4, .access_max = 4,
      .registers = TABLE(blinker_registers) },
};
static const PinInfo blinker_pins[] = {
    { "irq", "it turned over", PIN_OUT },
};
static const TimerInfo blinker_timers[] = {
    { "timer", FIELD(Blinker, timer), .expired = blinker_expired },
};

const DeviceType blinker_type = {
    .name = "blinker", .parent = "sys-bus-device", .size = sizeof(Blinker),
    .description = "a lamp that blinks", .compatible = "example,blinker",
    .properties = TABLE(blinker_properties), .banks = TABLE(blinker_banks),
    .pins = TABLE(blinker_pins), .timers = TABLE(blinker_timers), .update = blinker_update,
};
