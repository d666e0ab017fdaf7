/* SPDX-License-Identifier: MIT */
#include "hw/core/plug.h"

#include <string.h>

#include "base/log.h"
#include "hw/core/bus.h"
#include "hw/core/machine.h"

/* ---- globals ---- */

typedef struct Global {
    char *driver, *property, *value;
    bool used;
} Global;

static GPtrArray *globals;

bool global_add(const char *driver, const char *property, const char *value, GError **error)
{
    const ObjectType *type = object_type_find(driver);
    Global *global;

    if (type && !type->abstract && !object_type_property(type, property)) {
        error_set(error, ERROR_NOT_FOUND, "-global %s.%s: Property '%s.%s' not found", driver,
                  property, driver, property);
        return false;
    }
    global = g_new0(Global, 1);
    global->driver = g_strdup(driver);
    global->property = g_strdup(property);
    global->value = g_strdup(value);
    if (!globals) {
        globals = g_ptr_array_new();
    }
    g_ptr_array_add(globals, global);
    return true;
}

bool globals_apply(Object *object, GError **error)
{
    for (guint i = 0; globals && i < globals->len; i++) {
        Global *global = globals->pdata[i];
        if (!object_is(object, global->driver)) {
            continue;
        }
        global->used = true;
        if (!object_set_string(object, global->property, global->value, error)) {
            g_prefix_error(error, "-global %s.%s=%s: ", global->driver, global->property,
                           global->value);
            return false;
        }
    }
    return true;
}

typedef struct ApplyAll {
    GError **error;
} ApplyAll;

static bool apply_to_device(Object *object, void *opaque)
{
    ApplyAll *all = opaque;

    return !object_is(object, "device") || globals_apply(object, all->error);
}

bool globals_apply_all(Object *root, GError **error)
{
    ApplyAll all = { .error = error };

    return !globals || object_foreach(root, apply_to_device, &all);
}

void globals_check_used(void)
{
    for (guint i = 0; globals && i < globals->len; i++) {
        const Global *global = globals->pdata[i];
        if (!global->used && !object_type_find(global->driver)) {
            report_warning("global %s.%s has invalid class name", global->driver,
                           global->property);
        }
    }
}

/* ---- adding ---- */

static const char *lookup_string(GVariant *options, const char *key)
{
    const char *text = NULL;

    g_variant_lookup(options, key, "&s", &text);
    return text;
}

static Bus *find_bus(const DeviceType *type, const char *name, GError **error)
{
    Bus *bus;

    if (!type->bus) {
        error_set(error, ERROR_INVALID, "Device '%s' can not be added: only a board file places "
                  "it", type->name);
        return NULL;
    }
    if (!name) {
        return bus_find_type(type->bus, error);
    }
    bus = bus_find(name, error);
    if (bus && !object_is(OBJECT(bus), type->bus)) {
        error_set(error, ERROR_INVALID, "Device '%s' can't go on %s bus", type->name,
                  bus_type(bus)->name);
        return NULL;
    }
    return bus;
}

static bool hotplug_allowed(const DeviceType *type, Bus *bus, GError **error)
{
    if (!type->hotpluggable) {
        error_set(error, ERROR_INVALID, "Device '%s' does not support hotplugging", type->name);
        return false;
    }
    if (!bus_type(bus)->hotplug) {
        error_set(error, ERROR_INVALID, "Bus '%s' does not support hotplugging",
                  bus->object.name);
        return false;
    }
    return true;
}

static const DeviceType *find_type(GVariant *options, GError **error)
{
    const char *driver = lookup_string(options, "driver");
    const ObjectType *type;

    if (!driver) {
        error_set(error, ERROR_INVALID, "Parameter 'driver' is missing");
        return NULL;
    }
    type = object_type_lookup(driver, "device", error);
    if (type && ((const DeviceType *)type)->board_only) {
        error_set(error, ERROR_INVALID, "Parameter 'driver' expects a pluggable device type; "
                  "'%s' belongs in a board file", driver);
        return NULL;
    }
    return (const DeviceType *)type;
}

static bool valid_id(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    for (; *id; id++) {
        if (!g_ascii_isalnum(*id) && !strchr("-._", *id)) {
            return false;
        }
    }
    return true;
}

static bool configure_and_start(Device *device, Bus *bus, GVariant *options, bool hotplug,
                                GError **error)
{
    static const char *const placing[] = { "driver", "id", "bus", NULL };

    if (!bus_plug(bus, device, error) || !globals_apply(OBJECT(device), error) ||
        !object_set_all(OBJECT(device), options, placing, error)) {
        return false;
    }
    if (!hotplug) {
        return true;
    }
    device->hotplugged = true;
    /* The whole machine is checked: it may lie where something else does. */
    if (!devices_wire(OBJECT(device), error) ||
        !devices_validate(OBJECT(machine_get()), error) ||
        !devices_realize(OBJECT(device), error)) {
        return false;
    }
    device_reset(device);
    return true;
}

Device *device_add(GVariant *options, GError **error)
{
    const DeviceType *type = find_type(options, error);
    const char *id = lookup_string(options, "id");
    Machine *machine = machine_get();
    bool hotplug = machine->phase >= MACHINE_REALIZED;
    Object *parent;
    Device *device;
    Bus *bus;

    if (!type) {
        return NULL;
    }
    if (id && !valid_id(id)) {
        error_set(error, ERROR_INVALID, "Parameter 'id' expects an identifier: letters, digits, "
                  "'-', '.', '_', starting with a letter");
        return NULL;
    }
    bus = find_bus(type, lookup_string(options, "bus"), error);
    if (!bus || (hotplug && !hotplug_allowed(type, bus, error))) {
        return NULL;
    }
    parent = object_container(OBJECT(machine), id ? "peripheral" : "peripheral-anon");
    if (id && object_child(parent, id)) {
        error_set(error, ERROR_INVALID, "Duplicate device ID '%s'", id);
        return NULL;
    }
    g_autofree char *name = NULL;
    for (unsigned i = 0; !id && !name; i++) {
        name = g_strdup_printf("device[%u]", i);
        if (object_child(parent, name)) {
            g_clear_pointer(&name, g_free);
        }
    }
    device = device_new(type, parent, id ? id : name, error);
    if (device && !configure_and_start(device, bus, options, hotplug, error)) {
        device_remove(device);
        return NULL;
    }
    return device;
}

bool device_del(const char *id, GError **error)
{
    Device *device = device_find(id);
    g_autofree char *path = NULL;
    GVariantBuilder data;

    if (!device) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found", id);
        return false;
    }
    if (!device->bus || !hotplug_allowed(device_type(device), device->bus, error)) {
        if (error && !*error) {
            error_set(error, ERROR_INVALID, "Device '%s' is part of the board", id);
        }
        return false;
    }
    path = object_path(OBJECT(device));
    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    if (device_id(device)) {
        g_variant_builder_add(&data, "{sv}", "device", g_variant_new_string(device_id(device)));
    }
    g_variant_builder_add(&data, "{sv}", "path", g_variant_new_string(path));
    device_remove(device);
    machine_event("DEVICE_DELETED", g_variant_builder_end(&data));
    return true;
}

/* ---- help ---- */

char *device_types_help(void)
{
    g_autoptr(GPtrArray) types = object_types_list("device", false);
    GString *text = g_string_new("Devices, by the bus they plug into:\n");

    for (guint i = 0; i < types->len; i++) {
        const DeviceType *type = types->pdata[i];
        if (!type->board_only && type->bus) {
            g_string_append_printf(text, "name \"%s\", bus %s, desc \"%s\"\n", type->name,
                                   type->bus, type->description ? type->description : "");
        }
    }
    return g_string_free(text, FALSE);
}

char *device_type_help(const char *name, GError **error)
{
    const ObjectType *type = object_type_lookup(name, "device", error);

    return type ? object_type_help(type) : NULL;
}
