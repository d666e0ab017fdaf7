/* SPDX-License-Identifier: MIT */
/*
 * The protocols of the System Management Bus 2.0 (section 5.5) on an I²C bus,
 * as a host makes them. False: a byte was not acknowledged.
 */
#ifndef HW_I2C_SMBUS_H
#define HW_I2C_SMBUS_H

#include "hw/i2c/i2c.h"

#define SMBUS_BLOCK_MAX 32

bool smbus_quick(I2cBus *bus, uint8_t address, bool read);
bool smbus_send_byte(I2cBus *bus, uint8_t address, uint8_t byte);
bool smbus_receive_byte(I2cBus *bus, uint8_t address, uint8_t *byte);
bool smbus_write_byte(I2cBus *bus, uint8_t address, uint8_t command, uint8_t byte);
bool smbus_read_byte(I2cBus *bus, uint8_t address, uint8_t command, uint8_t *byte);
bool smbus_write_word(I2cBus *bus, uint8_t address, uint8_t command, uint16_t word);
bool smbus_read_word(I2cBus *bus, uint8_t address, uint8_t command, uint16_t *word);
/* 1 to SMBUS_BLOCK_MAX bytes. */
bool smbus_write_block(I2cBus *bus, uint8_t address, uint8_t command, const uint8_t *data,
                       unsigned length);
/* `data` holds SMBUS_BLOCK_MAX bytes. A length that is not 1 to that is a failure. */
bool smbus_read_block(I2cBus *bus, uint8_t address, uint8_t command, uint8_t *data,
                      unsigned *length);

#endif
