/* SPDX-License-Identifier: MIT */
/*
 * I²C buses (NXP UM10204): "i2c-bus", and "i2c-slave", the base of the devices
 * on it. A device implements the interface I2C_INTERFACE.
 */
#ifndef HW_I2C_I2C_H
#define HW_I2C_I2C_H

#include "hw/core/bus.h"

#define I2C_ADDRESS_MAX 0x7f
#define I2C_INTERFACE   "i2c-target"

typedef struct I2cDevice I2cDevice;

/* Any may be NULL: acknowledged, and reads give all ones. */
typedef struct I2cOps {
    /* The device is addressed, again perhaps; false: it does not acknowledge. */
    bool (*start)(I2cDevice *device, bool read);
    /* A byte from the master; false: it does not acknowledge. */
    bool (*write)(I2cDevice *device, uint8_t byte);
    /* A byte to the master. */
    uint8_t (*read)(I2cDevice *device);
    void (*stop)(I2cDevice *device);
} I2cOps;

struct I2cDevice {
    Device device;
    uint8_t address;      /* 7 bits; a property */
    const I2cOps *ops;
};

typedef struct I2cBus {
    Bus bus;
    I2cDevice *addressed; /* between start and stop */
    bool reading;
} I2cBus;

#define I2C_DEVICE(pointer) ((I2cDevice *)(pointer))
#define I2C_BUS(pointer)    ((I2cBus *)(pointer))

extern const BusType i2c_bus_type;
extern const DeviceType i2c_device_type;

/* The master's side. False: nobody acknowledged. A start while addressed is a repeated one. */
bool i2c_start(I2cBus *bus, uint8_t address, bool read);
bool i2c_write(I2cBus *bus, uint8_t byte);
uint8_t i2c_read(I2cBus *bus);
void i2c_stop(I2cBus *bus);

#endif
