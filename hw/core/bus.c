/* SPDX-License-Identifier: MIT */
#include "hw/core/bus.h"

#include "hw/core/internal.h"
#include "hw/core/machine.h"

static void bus_finalize(Object *object)
{
    Bus *bus = BUS(object);

    /* Devices on it whose parent is elsewhere lose their place. */
    while (bus->first) {
        bus_unplug(bus->first);
    }
}

const BusType bus_base_type = {
    .name = "bus", .description = "what devices plug into", .abstract = true,
    .size = sizeof(Bus), .finalize = bus_finalize,
};

const BusType system_bus_type = {
    .name = "System", .parent = "bus", .size = sizeof(Bus),
    .description = "the CPUs' own memory and I/O space",
};

Bus *system_bus(void)
{
    Machine *machine = machine_get();

    return machine ? BUS(object_child(OBJECT(machine), "main-system-bus")) : NULL;
}

Bus *bus_new(const BusType *type, Device *owner, const char *name, GError **error)
{
    Object *parent = owner ? OBJECT(owner) : OBJECT(machine_get());
    Bus *bus = (Bus *)object_new((const ObjectType *)type, parent, name, error);

    if (bus) {
        bus->owner = owner;
    }
    return bus;
}

bool bus_plug(Bus *bus, Device *device, GError **error)
{
    const BusType *type = bus_type(bus);
    const char *wanted = device_type(device)->bus;
    Device **link = &bus->first;

    g_assert(!device->bus);
    if (wanted && !object_type_is((const ObjectType *)type, wanted)) {
        g_autofree char *path = object_path(OBJECT(bus));
        error_set(error, ERROR_INVALID, "'%s' plugs into a %s bus, but %s is a %s bus",
                  device->object.type->name, wanted, path, type->name);
        return false;
    }
    if (type->max_devices && bus->count >= type->max_devices) {
        g_autofree char *path = object_path(OBJECT(bus));
        error_set(error, ERROR_INVALID, "bus %s is full: it takes %u devices", path,
                  type->max_devices);
        return false;
    }
    while (*link) {
        link = &(*link)->next_on_bus;
    }
    *link = device;
    device->bus = bus;
    bus->count++;
    return true;
}

void bus_unplug(Device *device)
{
    Bus *bus = device->bus;
    Device **link = &bus->first;

    if (device->phase != DEVICE_CREATED && bus_type(bus)->detach) {
        bus_type(bus)->detach(bus, device);
    }
    while (*link != device) {
        link = &(*link)->next_on_bus;
    }
    *link = device->next_on_bus;
    device->next_on_bus = NULL;
    device->bus = NULL;
    bus->count--;
}

/* ---- finding ---- */

typedef struct BusSearch {
    const char *name, *type;
    Bus *found;
    unsigned depth;       /* of the one found */
    NearestName nearest;
    bool full;
} BusSearch;

/* How many buses lie between this one and the CPUs. */
static unsigned bus_depth(const Bus *bus)
{
    unsigned depth = 0;

    while (bus->owner && bus->owner->bus) {
        bus = bus->owner->bus;
        depth++;
    }
    return depth;
}

static bool match_bus(Object *object, void *opaque)
{
    BusSearch *search = opaque;
    const BusType *type = (const BusType *)object->type;

    if (!object_is(object, "bus")) {
        return true;
    }
    if (search->name) {
        nearest_name_offer(&search->nearest, object->name);
        if (g_str_equal(object->name, search->name)) {
            search->found = BUS(object);
        }
        return search->found == NULL;
    }
    if (object_is(object, search->type)) {
        unsigned depth = bus_depth(BUS(object));
        if (type->max_devices && BUS(object)->count >= type->max_devices) {
            search->full = true;
        } else if (!search->found || depth < search->depth) {
            search->found = BUS(object);
            search->depth = depth;
        }
    }
    return true;
}

Bus *bus_find(const char *name, GError **error)
{
    BusSearch search = { .name = name, .nearest = nearest_name_init(name) };
    Object *object = *name == '/' ? object_resolve(name, NULL) : NULL;

    if (object_is(object, "bus")) {
        return BUS(object);
    }
    object_foreach(object_root(), match_bus, &search);
    if (!search.found) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "Bus '%s' not found%s", name,
                  nearest_name_hint(&search.nearest));
    }
    return search.found;
}

Bus *bus_find_type(const char *type, GError **error)
{
    BusSearch search = { .type = type };

    object_foreach(object_root(), match_bus, &search);
    if (!search.found) {
        error_set(error, ERROR_NOT_FOUND, search.full ? "all '%s' buses are full"
                  : "No '%s' bus found for device: the machine has none", type);
    }
    return search.found;
}

/* ---- places for devices ---- */

static bool bank_find_address(DeviceBank *bank, GError **error)
{
    const BankInfo *info = bank->info;
    uint64_t address = info->base;

    if (bank->placed) {
        return true;
    }
    bank->space = info->space;
    if (info->base_property) {
        g_autoptr(GVariant) value =
            object_get(OBJECT(bank->device), info->base_property, error);
        if (!value) {
            return false;
        }
        address = g_variant_get_uint64(value);
        bank->placed = true;
    } else if (info->fixed || info->base) {
        bank->placed = true;
    }
    bank->address = address;
    return true;
}

bool bus_attach_banks(Bus *bus, Device *device, GError **error)
{
    for (unsigned i = 0; i < device_type(device)->banks.count; i++) {
        DeviceBank *bank = &device->banks[i];
        MemoryRegion *container;

        if (bank->info->internal || !bank->region) {
            continue;
        }
        if (!bank_find_address(bank, error)) {
            return false;
        }
        container = bank->space == SPACE_IO ? bus->io : bus->memory;
        if (!bank->placed) {
            error_set(error, ERROR_INVALID, "bank '%s' has no address", bank->info->name);
            return false;
        }
        if (!container) {
            error_set(error, ERROR_INVALID, "bus %s has no %s space for bank '%s'",
                      bus->object.name, bank->space == SPACE_IO ? "I/O" : "memory",
                      bank->info->name);
            return false;
        }
        device_map_bank(device, i, container, bank->address);
    }
    return true;
}

static bool connect_line(Bus *bus, Device *device, unsigned pin, unsigned line, GError **error)
{
    Device *controller = bus->interrupt_device;

    if (!controller) {
        error_set(error, ERROR_INVALID, "bus %s has no interrupt lines", bus->object.name);
        return false;
    }
    if (line >= device_pin_count(controller, bus->interrupt_pin)) {
        error_set(error, ERROR_INVALID, "interrupt line %u: bus %s has lines 0 to %u", line,
                  bus->object.name, device_pin_count(controller, bus->interrupt_pin) - 1);
        return false;
    }
    pin_connect(device, pin, 0, controller, bus->interrupt_pin, line);
    return true;
}

bool bus_attach_interrupts(Bus *bus, Device *device, GError **error)
{
    for (unsigned i = 0; i < device_type(device)->pins.count; i++) {
        const PinInfo *pin = &device_type(device)->pins.at[i];

        if (pin->line_property && !pin_connected(device, i, 0)) {
            g_autoptr(GVariant) value = object_get(OBJECT(device), pin->line_property, error);
            if (!value || !connect_line(bus, device, i, g_variant_get_uint64(value), error)) {
                return false;
            }
        }
    }
    return true;
}
