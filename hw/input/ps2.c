/* SPDX-License-Identifier: MIT */
#include "hw/input/ps2.h"

bool ps2_has_byte(const Device *device)
{
    const Ps2Device *ps2 = (const Ps2Device *)device;

    return !fifo_is_empty(&ps2->replies) || !fifo_is_empty(&ps2->stream);
}

uint8_t ps2_take(Device *device)
{
    Ps2Device *ps2 = (Ps2Device *)device;
    uint8_t byte = fifo_pop(fifo_is_empty(&ps2->replies) ? &ps2->stream : &ps2->replies);

    device_update(device);
    return byte;
}

void ps2_write(Device *device, uint8_t byte)
{
    const Ps2Ops *ops = object_interface(OBJECT(device), PS2_INTERFACE);
    Ps2Device *ps2 = (Ps2Device *)device;

    fifo_clear(&ps2->replies);
    ops->command(ps2, byte);
    device_update(device);
}

void ps2_reply(Ps2Device *ps2, uint8_t byte)
{
    fifo_push(&ps2->replies, byte);
}

void ps2_reset(Device *device)
{
    Ps2Device *ps2 = (Ps2Device *)device;

    fifo_clear(&ps2->replies);
    fifo_clear(&ps2->stream);
    ps2->awaiting = 0;
}

void ps2_update(Device *device)
{
    pin_set(device, PS2_PIN_READY, 0, ps2_has_byte(device));
}

static const StateInfo fifo_state[] = {
    { "bytes", FIELD_ARRAY(Fifo, bytes) },
    { "head", FIELD(Fifo, head), .max = FIFO_SIZE - 1 },
    { "count", FIELD(Fifo, count), .max = FIFO_SIZE },
};
static const StateInfo ps2_state[] = {
    { "replies", FIELD(Ps2Device, replies), .members = TABLE(fifo_state) },
    { "stream", FIELD(Ps2Device, stream), .members = TABLE(fifo_state) },
    { "awaiting", FIELD(Ps2Device, awaiting) },
};

const DeviceType ps2_device_type = {
    .name = "ps2-device", .parent = "device", .abstract = true, .board_only = true,
    .description = "a device on a PS/2 port", .size = sizeof(Ps2Device),
    .state = TABLE(ps2_state), .reset = ps2_reset, .update = ps2_update,
};
