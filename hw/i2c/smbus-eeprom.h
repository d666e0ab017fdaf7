/* SPDX-License-Identifier: MIT */
/* The serial EEPROM of memory modules. */
#ifndef HW_I2C_SMBUS_EEPROM_H
#define HW_I2C_SMBUS_EEPROM_H

#include "hw/i2c/i2c.h"

typedef struct SmbusEeprom {
    I2cDevice i2c;
    uint8_t slot;
    uint8_t data[256];
    uint8_t offset;
    bool addressing;      /* the next byte that is written is the offset */
} SmbusEeprom;

extern const DeviceType smbus_eeprom_type;

#endif
