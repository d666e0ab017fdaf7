/* SPDX-License-Identifier: MIT */
/*
 * Pins and the wires between them. An output keeps its level; an input counts
 * the drivers that are high, so that shared lines are ORed without a device for
 * it.
 */
#include "base/log.h"
#include "hw/core/internal.h"

/* Wires may form a loop through devices; a real one would oscillate. */
#define MAX_DEPTH 64

static unsigned depth;

static const PinInfo *pin_info(const Device *device, unsigned pin)
{
    return &device_type(device)->pins.at[pin];
}

static PinLine *pin_line(const Device *device, unsigned pin, unsigned line)
{
    g_assert(pin < device_type(device)->pins.count && line < device->pins[pin].count);
    return &device->pins[pin].lines[line];
}

void device_pins_init(Device *device)
{
    const PinTable *table = &device_type(device)->pins;

    device->pins = g_new0(DevicePins, table->count);
    for (unsigned i = 0; i < table->count; i++) {
        const PinInfo *info = &table->at[i];
        if (!info->count_of) {
            device->pins[i].count = MAX(info->count, 1);
            device->pins[i].lines = g_new0(PinLine, device->pins[i].count);
        }
    }
}

/* The number of lines may depend on properties, so these are made when first asked for. */
static DevicePins *pins_of(const Device *device, unsigned pin)
{
    DevicePins *pins = &device->pins[pin];

    if (!pins->lines) {
        pins->count = MAX(pin_info(device, pin)->count_of((Device *)device), 1);
        pins->lines = g_new0(PinLine, pins->count);
    }
    return pins;
}

static void input_driven(Device *device, unsigned pin, unsigned line, bool level);

void pin_disconnect_all(Device *device)
{
    for (unsigned i = 0; device->pins && i < device_type(device)->pins.count; i++) {
        DevicePins *pins = &device->pins[i];
        for (unsigned n = 0; n < pins->count; n++) {
            PinLine *line = &pins->lines[n];
            while (line->targets) {
                PinTarget *target = line->targets;
                PinLine *input = pin_line(target->device, target->pin, target->line);
                line->targets = target->next;
                input->drivers--;
                if (line->level) {
                    input->high--;
                    input_driven(target->device, target->pin, target->line, input->high > 0);
                }
                g_free(target);
            }
        }
    }
}

/* Outputs elsewhere that lead to a device that goes. */
static bool forget_targets(Object *object, void *gone)
{
    Device *device = DEVICE(object);

    if (!object_is(object, "device") || !device->pins) {
        return true;
    }
    for (unsigned i = 0; i < device_type(device)->pins.count; i++) {
        for (unsigned n = 0; n < device->pins[i].count; n++) {
            PinTarget **link = &device->pins[i].lines[n].targets;
            while (*link) {
                PinTarget *target = *link;
                if (target->device == gone) {
                    *link = target->next;
                    g_free(target);
                } else {
                    link = &target->next;
                }
            }
        }
    }
    return true;
}

static bool any_driver(const Device *device)
{
    for (unsigned i = 0; i < device_type(device)->pins.count; i++) {
        for (unsigned n = 0; n < device->pins[i].count; n++) {
            if (device->pins[i].lines[n].drivers) {
                return true;
            }
        }
    }
    return false;
}

void device_pins_free(Device *device)
{
    if (!device->pins) {
        return;
    }
    pin_disconnect_all(device);
    if (any_driver(device)) {
        object_foreach(object_root(), forget_targets, device);
    }
    for (unsigned i = 0; i < device_type(device)->pins.count; i++) {
        g_free(device->pins[i].lines);
    }
    g_clear_pointer(&device->pins, g_free);
}

int device_pin_index(const Device *device, const char *name)
{
    const PinTable *table = &device_type(device)->pins;

    for (unsigned i = 0; i < table->count; i++) {
        if (g_str_equal(table->at[i].name, name)) {
            return i;
        }
    }
    return -1;
}

unsigned device_pin_count(const Device *device, unsigned pin)
{
    return pins_of(device, pin)->count;
}

/* ---- levels ---- */

static void input_driven(Device *device, unsigned pin, unsigned line, bool level)
{
    DevicePins *pins = &device->pins[pin];
    PinLine *input = &pins->lines[line];
    const PinInfo *info = pin_info(device, pin);

    level |= input->external;
    if (input->level == level) {
        return;
    }
    input->level = level;
    input->raised += level;
    if (depth >= MAX_DEPTH) {
        log_guest_error("%s: pin %s changes in a loop of wires; it stays", device->object.name,
                        info->name);
        return;
    }
    depth++;
    if (pins->intercept) {
        pins->intercept(pins->intercept_opaque, device, pin, line, level);
    } else if (pins->taken) {
        pins->taken(pins->taken_opaque, device, pin, line, level);
    } else {
        if (info->set) {
            info->set(device, line, level);
        }
        device_update(device);
    }
    depth--;
}

void pin_set(Device *device, unsigned pin, unsigned line, bool level)
{
    DevicePins *pins = pins_of(device, pin);
    PinLine *output = pin_line(device, pin, line);

    g_assert(pin_info(device, pin)->direction == PIN_OUT);
    if (output->level == level) {
        return;
    }
    output->level = level;
    if (pins->intercept) {
        pins->intercept(pins->intercept_opaque, device, pin, line, level);
    }
    for (PinTarget *target = output->targets; target; target = target->next) {
        PinLine *input = pin_line(target->device, target->pin, target->line);
        input->high += level ? 1 : -1;
        input_driven(target->device, target->pin, target->line, input->high > 0);
    }
}

bool pin_level(const Device *device, unsigned pin, unsigned line)
{
    pins_of(device, pin);
    return pin_line(device, pin, line)->level;
}

uint64_t pin_raised(const Device *device, unsigned pin, unsigned line)
{
    pins_of(device, pin);
    return pin_line(device, pin, line)->raised;
}

void pin_drive_external(Device *device, unsigned in, unsigned line, bool level)
{
    PinLine *input;

    pins_of(device, in);
    input = pin_line(device, in, line);
    input->external = level;
    input_driven(device, in, line, input->high > 0);
}

/* Loading state: levels come as they were, and nobody is called. */
void pin_restore_level(Device *device, unsigned pin, unsigned line, bool level)
{
    PinLine *here;

    pins_of(device, pin);
    here = pin_line(device, pin, line);
    if (pin_info(device, pin)->direction == PIN_OUT && here->level != level) {
        for (PinTarget *target = here->targets; target; target = target->next) {
            pin_line(target->device, target->pin, target->line)->high += level ? 1 : -1;
        }
    }
    here->level = level;
}

/* ---- wires ---- */

void pin_connect(Device *from, unsigned out, unsigned out_line, Device *to, unsigned in,
                 unsigned in_line)
{
    PinTarget *target = g_new0(PinTarget, 1), **link;
    PinLine *output, *input;

    pins_of(from, out);
    pins_of(to, in);
    output = pin_line(from, out, out_line);
    input = pin_line(to, in, in_line);
    g_assert(pin_info(from, out)->direction == PIN_OUT && pin_info(to, in)->direction == PIN_IN);
    *target = (PinTarget){ .device = to, .pin = in, .line = in_line };
    for (link = &output->targets; *link; link = &(*link)->next) {
    }
    *link = target;
    input->drivers++;
    if (output->level) {
        input->high++;
        input_driven(to, in, in_line, true);
    }
}

bool pin_connected(const Device *device, unsigned pin, unsigned line)
{
    const PinLine *here;

    pins_of(device, pin);
    here = pin_line(device, pin, line);
    return here->targets || here->drivers;
}

bool pin_target(const Device *from, unsigned out, unsigned out_line, unsigned n, Device **to,
                unsigned *in, unsigned *in_line)
{
    const PinTarget *target;

    pins_of(from, out);
    target = pin_line(from, out, out_line)->targets;
    while (target && n--) {
        target = target->next;
    }
    if (!target) {
        return false;
    }
    *to = target->device;
    *in = target->pin;
    *in_line = target->line;
    return true;
}

void pin_take_over(Device *device, unsigned in, PinHandler handler, void *opaque)
{
    DevicePins *pins = pins_of(device, in);

    g_assert(pin_info(device, in)->direction == PIN_IN);
    pins->taken = handler;
    pins->taken_opaque = opaque;
}

void pin_intercept(Device *device, unsigned pin, PinHandler handler, void *opaque)
{
    DevicePins *pins = pins_of(device, pin);

    pins->intercept = handler;
    pins->intercept_opaque = opaque;
}
