/* SPDX-License-Identifier: MIT */
#include "monitor/tree-print.h"

#include <string.h>

#include "hw/core/bus.h"
#include "hw/core/machine.h"

static void print_bus(GString *out, Bus *bus, unsigned indent);

static void line(GString *out, unsigned indent, const char *format, ...) G_GNUC_PRINTF(3, 4);

static void line(GString *out, unsigned indent, const char *format, ...)
{
    va_list args;

    g_string_append_printf(out, "%*s", indent, "");
    va_start(args, format);
    g_string_append_vprintf(out, format, args);
    va_end(args);
    g_string_append_c(out, '\n');
}

/* ---- devices ---- */

typedef struct PropertyLines {
    GString *out;
    Object *object;
    const char *location;    /* "addr = 04.0": instead of the property of that name; or NULL */
    unsigned indent;
} PropertyLines;

/* Integers in both bases, a text's line ends as \n. */
static char *shown_value(const Property *property, GVariant *value)
{
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_STRING) &&
        strchr(g_variant_get_string(value, NULL), '\n')) {
        g_auto(GStrv) lines = g_strsplit(g_variant_get_string(value, NULL), "\n", -1);
        g_autofree char *joined = g_strjoinv("\\n", lines);
        return g_strdup_printf("\"%s\"", joined);
    }
    if (g_variant_is_of_type(value, G_VARIANT_TYPE_UINT64) && !(property->flags & PROPERTY_HEX)) {
        guint64 number = g_variant_get_uint64(value);
        return g_strdup_printf("%" G_GUINT64_FORMAT " (0x%" G_GINT64_MODIFIER "x)", number,
                               number);
    }
    return property_print(property, value);
}

static bool names_location(const PropertyLines *lines, const Property *property)
{
    size_t length = strlen(property->name);

    return lines->location && g_str_has_prefix(lines->location, property->name) &&
           lines->location[length] == ' ';
}

static bool print_property(const ObjectType *owner, const Property *property, void *opaque)
{
    PropertyLines *lines = opaque;
    g_autoptr(GVariant) value = NULL;

    if (property->flags & PROPERTY_READ_ONLY || names_location(lines, property)) {
        return true;
    }
    value = object_get(lines->object, property->name, NULL);
    if (value) {
        g_autofree char *text = shown_value(property, value);
        line(lines->out, lines->indent, "%s = %s", property->name, text);
    }
    return true;
}

static void print_pins(GString *out, Device *device, unsigned indent)
{
    const DeviceType *type = device_type(device);

    for (unsigned i = 0; i < type->pins.count; i++) {
        const PinInfo *pin = &type->pins.at[i];
        line(out, indent, "gpio-%s \"%s\" %u", pin->direction == PIN_IN ? "in" : "out", pin->name,
             device_pin_count(device, i));
    }
}

static void print_banks(GString *out, Device *device, unsigned indent)
{
    const DeviceType *type = device_type(device);

    for (unsigned i = 0; i < type->banks.count; i++) {
        const BankInfo *bank = &type->banks.at[i];
        MemoryRegion *region = device_bank_region(device, i);
        uint64_t address;
        if (region && region_enabled(region) && !bank->bar &&
            device_bank_address(device, i, &address)) {
            line(out, indent, "%s %016" PRIx64 "/%016" PRIx64,
                 bank->space == SPACE_IO ? "pio" : "mmio", address, region_size(region));
        }
    }
}

static void print_device(GString *out, Device *device, unsigned indent)
{
    const char *id = device_id(device);
    g_autofree char *location = device->bus && bus_type(device->bus)->location
        ? bus_type(device->bus)->location(device->bus, device) : NULL;
    PropertyLines lines = { out, OBJECT(device), location, indent + 2 };
    bool by_user = device->object.parent &&
                   g_str_equal(device->object.parent->name, "peripheral");

    line(out, indent, "dev: %s, id \"%s\"", device->object.type->name, by_user && id ? id : "");
    print_pins(out, device, indent + 2);
    if (location) {
        line(out, indent + 2, "%s", location);
    }
    object_type_foreach_property(device->object.type, print_property, &lines);
    print_banks(out, device, indent + 2);
    if (device->bus && bus_type(device->bus)->print_device) {
        g_autoptr(GString) text = g_string_new(NULL);
        bus_type(device->bus)->print_device(device->bus, device, text);
        g_auto(GStrv) extra = g_strsplit(g_strchomp(text->str), "\n", -1);
        for (char **one = extra; *one && **one; one++) {
            line(out, indent + 2, "%s", *one);
        }
    }
    for (Object *child = device->object.first_child; child; child = child->next_sibling) {
        if (object_is(child, "bus")) {
            print_bus(out, BUS(child), indent + 2);
        }
    }
}

/* ---- buses ---- */

typedef struct Placeless {
    GString *out;
    unsigned indent;
} Placeless;

/* A device without a bus stands in the CPUs' own space. CPUs are shown by info cpus. */
static bool print_placeless(Object *object, void *opaque)
{
    Placeless *placeless = opaque;

    if (object_is(object, "device") && !object_is(object, "cpu") && !DEVICE(object)->bus) {
        print_device(placeless->out, DEVICE(object), placeless->indent);
    }
    return true;
}

static void print_bus(GString *out, Bus *bus, unsigned indent)
{
    line(out, indent, "bus: %s", bus->object.name);
    line(out, indent + 2, "type %s", bus->object.type->name);
    for (Device *device = bus->first; device; device = device->next_on_bus) {
        print_device(out, device, indent + 2);
    }
    if (bus == system_bus()) {
        Placeless placeless = { out, indent + 2 };
        object_foreach(OBJECT(machine_get()), print_placeless, &placeless);
    }
}

void tree_print_buses(GString *out)
{
    if (system_bus()) {
        print_bus(out, system_bus(), 0);
    }
}

/* ---- objects ---- */

static void print_object(GString *out, Object *object, unsigned indent)
{
    line(out, indent, "/%s (%s)", object->name, object->type->name);
    for (Object *child = object->first_child; child; child = child->next_sibling) {
        print_object(out, child, indent + 2);
    }
}

void tree_print_objects(GString *out, Object *root)
{
    print_object(out, root, 0);
}
