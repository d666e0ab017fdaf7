/* SPDX-License-Identifier: MIT */
#include "hw/i2c/i2c.h"

static I2cDevice *device_at(const I2cBus *bus, uint8_t address)
{
    for (Device *device = bus->bus.first; device; device = device->next_on_bus) {
        if (I2C_DEVICE(device)->address == address && device->phase == DEVICE_REALIZED) {
            return I2C_DEVICE(device);
        }
    }
    return NULL;
}

bool i2c_start(I2cBus *bus, uint8_t address, bool read)
{
    I2cDevice *device = device_at(bus, address);

    if (bus->addressed && bus->addressed != device) {
        i2c_stop(bus);
    }
    if (!device || (device->ops->start && !device->ops->start(device, read))) {
        return false;
    }
    bus->addressed = device;
    bus->reading = read;
    return true;
}

bool i2c_write(I2cBus *bus, uint8_t byte)
{
    I2cDevice *device = bus->addressed;

    return device && !bus->reading && (!device->ops->write || device->ops->write(device, byte));
}

uint8_t i2c_read(I2cBus *bus)
{
    I2cDevice *device = bus->addressed;

    return device && bus->reading && device->ops->read ? device->ops->read(device) : 0xff;
}

void i2c_stop(I2cBus *bus)
{
    I2cDevice *device = bus->addressed;

    bus->addressed = NULL;
    if (device && device->ops->stop) {
        device->ops->stop(device);
    }
}

/* ---- the bus ---- */

static bool i2c_attach(Bus *bus, Device *device, GError **error)
{
    I2cDevice *target = I2C_DEVICE(device);

    target->ops = object_interface(OBJECT(device), I2C_INTERFACE);
    g_assert(target->ops);
    for (const Device *other = bus->first; other; other = other->next_on_bus) {
        if (other != device && other->phase != DEVICE_CREATED &&
            I2C_DEVICE(other)->address == target->address) {
            error_set(error, ERROR_INVALID, "address 0x%02x of bus %s is taken by %s",
                      target->address, bus->object.name, other->object.name);
            return false;
        }
    }
    return true;
}

static void i2c_detach(Bus *bus, Device *device)
{
    if (I2C_BUS(bus)->addressed == I2C_DEVICE(device)) {
        I2C_BUS(bus)->addressed = NULL;
    }
}

static char *i2c_location(Bus *bus, Device *device)
{
    return g_strdup_printf("address = 0x%02x", I2C_DEVICE(device)->address);
}

static void i2c_reset(Bus *bus)
{
    I2C_BUS(bus)->addressed = NULL;
}

const BusType i2c_bus_type = {
    .name = "i2c-bus", .parent = "bus", .size = sizeof(I2cBus), .description = "I2C or SMBus",
    .attach = i2c_attach, .detach = i2c_detach, .location = i2c_location, .reset = i2c_reset,
};

static const Property i2c_properties[] = {
    { .name = "address", .description = "7-bit address on the bus",
      .field = FIELD_OF(I2cDevice, address), .max = I2C_ADDRESS_MAX, .flags = PROPERTY_HEX },
};

static const TransientInfo i2c_transient[] = {
    { FIELD(I2cDevice, ops), "the type's" },
};

const DeviceType i2c_device_type = {
    .name = "i2c-slave", .parent = "device", .bus = "i2c-bus", .abstract = true,
    .size = sizeof(I2cDevice), .description = "a device on an I2C bus",
    .properties = TABLE(i2c_properties), .transient = TABLE(i2c_transient),
};
