/* SPDX-License-Identifier: MIT */
/* Clock wires: who runs at what frequency, and who is told when it changes. */
#include "hw/core/internal.h"

static const ClockInfo *clock_info(const Device *device, unsigned clock)
{
    return &device_type(device)->clocks.at[clock];
}

void device_clocks_init(Device *device)
{
    const ClockTable *table = &device_type(device)->clocks;

    device->clocks = g_new0(DeviceClock, table->count);
    for (unsigned i = 0; i < table->count; i++) {
        device->clocks[i].frequency = table->at[i].frequency;
    }
}

typedef struct ClockSource {
    Device *device;
    unsigned clock;
    uint64_t frequency;
    bool gone;
} ClockSource;

static bool follow_source(Object *object, void *opaque)
{
    const ClockSource *source = opaque;
    Device *device = DEVICE(object);

    if (!object_is(object, "device") || !device->clocks) {
        return true;
    }
    for (unsigned i = 0; i < device_type(device)->clocks.count; i++) {
        DeviceClock *clock = &device->clocks[i];
        if (clock->source != source->device ||
            (!source->gone && clock->source_clock != source->clock)) {
            continue;
        }
        if (source->gone) {
            clock->source = NULL;
        } else {
            clock->frequency = source->frequency;
            if (clock_info(device, i)->changed) {
                clock_info(device, i)->changed(device);
                device_update(device);
            }
        }
    }
    return true;
}

void device_clocks_free(Device *device)
{
    ClockSource source = { .device = device, .gone = true };

    if (device->clocks && device_type(device)->clocks.count) {
        object_foreach(object_root(), follow_source, &source);
    }
    g_clear_pointer(&device->clocks, g_free);
}

uint64_t clock_frequency(const Device *device, unsigned clock)
{
    return device->clocks[clock].frequency;
}

void clock_set_frequency(Device *device, unsigned clock, uint64_t hz)
{
    ClockSource source = { .device = device, .clock = clock, .frequency = hz };

    g_assert(clock_info(device, clock)->direction == PIN_OUT);
    if (device->clocks[clock].frequency != hz) {
        device->clocks[clock].frequency = hz;
        object_foreach(object_root(), follow_source, &source);
    }
}

void clock_connect(Device *from, unsigned out_clock, Device *to, unsigned in_clock)
{
    DeviceClock *clock = &to->clocks[in_clock];

    g_assert(clock_info(from, out_clock)->direction == PIN_OUT);
    clock->source = from;
    clock->source_clock = out_clock;
    clock->frequency = from->clocks[out_clock].frequency;
}

int device_clock_index(const Device *device, const char *name)
{
    const ClockTable *table = &device_type(device)->clocks;

    for (unsigned i = 0; i < table->count; i++) {
        if (g_str_equal(table->at[i].name, name)) {
            return i;
        }
    }
    return -1;
}
