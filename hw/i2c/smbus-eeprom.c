/* SPDX-License-Identifier: MIT */
/*
 * "smbus-eeprom": a serial EEPROM of 256 bytes (24C02, Atmel 0180), as memory
 * modules have for their serial presence detect. With `slot` it describes the
 * module in that slot of the machine's RAM (hw/i2c/spd.c); without, it is blank.
 * What a guest writes lasts until the program ends. Not modelled: the write
 * cycle's time and the write-protect pin.
 */
#include <string.h>

#include "hw/core/machine.h"
#include "hw/i2c/i2c.h"
#include "hw/i2c/smbus-eeprom.h"
#include "hw/i2c/spd.h"

#define NO_SLOT 0xff
/* A write goes around in a page (24C02: 8 bytes). */
#define PAGE 8

static bool eeprom_start(I2cDevice *device, bool read)
{
    ((SmbusEeprom *)device)->addressing = !read;
    return true;
}

/* The first byte of a write is the address; reads go on from where that was. */
static bool eeprom_write(I2cDevice *device, uint8_t byte)
{
    SmbusEeprom *eeprom = (SmbusEeprom *)device;

    if (eeprom->addressing) {
        eeprom->addressing = false;
        eeprom->offset = byte;
    } else {
        eeprom->data[eeprom->offset] = byte;
        eeprom->offset = (eeprom->offset & ~(PAGE - 1)) | ((eeprom->offset + 1) & (PAGE - 1));
    }
    return true;
}

static uint8_t eeprom_read(I2cDevice *device)
{
    SmbusEeprom *eeprom = (SmbusEeprom *)device;

    return eeprom->data[eeprom->offset++];
}

static const I2cOps eeprom_ops = {
    .start = eeprom_start, .write = eeprom_write, .read = eeprom_read,
};

static bool eeprom_realize(Device *device, GError **error)
{
    SmbusEeprom *eeprom = (SmbusEeprom *)device;

    if (eeprom->slot != NO_SLOT) {
        spd_fill(eeprom->data, machine_get()->ram_size, eeprom->slot);
    }
    return true;
}

static void eeprom_reset(Device *device)
{
    ((SmbusEeprom *)device)->offset = 0;
    ((SmbusEeprom *)device)->addressing = false;
}

static const Property eeprom_properties[] = {
    { .name = "slot", .description = "slot of the memory module it describes, from 0; "
      "255: it is blank",
      .field = FIELD_OF(SmbusEeprom, slot), .def.u = NO_SLOT },
};

static const StateInfo eeprom_state[] = {
    { .name = "data", FIELD_ARRAY(SmbusEeprom, data) },
    { .name = "offset", FIELD(SmbusEeprom, offset) },
    { .name = "addressing", FIELD(SmbusEeprom, addressing) },
};

static const Interface eeprom_interfaces[] = { { I2C_INTERFACE, &eeprom_ops } };

const DeviceType smbus_eeprom_type = {
    .name = "smbus-eeprom", .parent = "i2c-slave", .bus = "i2c-bus",
    .compatible = "atmel,24c02|atmel,spd|spd", .description = "serial EEPROM of 256 bytes",
    .size = sizeof(SmbusEeprom), .properties = TABLE(eeprom_properties),
    .interfaces = TABLE(eeprom_interfaces), .state = TABLE(eeprom_state),
    .realize = eeprom_realize, .reset = eeprom_reset,
};
