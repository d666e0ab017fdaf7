/* SPDX-License-Identifier: MIT */
/*
 * ib700: the watchdog of the iBASE IB700 single-board computer, as the Linux driver
 * ib700wdt knows it. A write of N to port 0x443 (re)starts it with 30 - 2 * (N & 15)
 * seconds, a write to port 0x441 stops it; reads give 0xff. When it expires, the
 * machine's watchdog action is taken (-action watchdog=…), and it stands.
 */
#include "base/log.h"
#include "hw/core/machine.h"

typedef struct Ib700 {
    Device device;
    Timer timer;
} Ib700;

#define IB700(pointer) ((Ib700 *)(pointer))

static void ib700_stop(Device *device, unsigned index, uint64_t value)
{
    timer_cancel(&IB700(device)->timer);
}

static void ib700_start(Device *device, unsigned index, uint64_t value)
{
    int64_t seconds = 30 - 2 * (int64_t)(value & 0xf);

    timer_set(&IB700(device)->timer, time_virtual() + seconds * NANOSECONDS_PER_SECOND);
}

static void ib700_expired(Device *device, unsigned index)
{
    machine_watchdog_expired();
}

static const RegisterInfo ib700_registers[] = {
    { 0, "STOP", "any write stops the watchdog", .access = REG_WO, .write = ib700_stop },
    { 2, "START", "bits 3-0: 15 is 0 s, 0 is 30 s", .access = REG_WO, .write = ib700_start },
};

static const BankInfo ib700_banks[] = {
    { "ib700", "stop and start", .space = SPACE_IO, .size = 3, .base = 0x441, .fixed = true,
      .hole = 0xff, .registers = TABLE(ib700_registers) },
};

static const TimerInfo ib700_timers[] = {
    { "watchdog", FIELD(Ib700, timer), .expired = ib700_expired },
};

const DeviceType ib700_type = {
    .name = "ib700", .parent = "isa-device", .size = sizeof(Ib700),
    .description = "iBASE IB700 watchdog", .bus = "ISA", .banks = TABLE(ib700_banks),
    .timers = TABLE(ib700_timers),
};
