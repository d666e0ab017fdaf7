/* SPDX-License-Identifier: MIT */
#include "hw/i2c/smbus.h"

/* Addresses the device and writes bytes; the bus stays addressed. */
static bool send(I2cBus *bus, uint8_t address, const uint8_t *bytes, unsigned count)
{
    if (!i2c_start(bus, address, false)) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!i2c_write(bus, bytes[i])) {
            return false;
        }
    }
    return true;
}

/* A command, then the bus turned round for the answer. */
static bool ask(I2cBus *bus, uint8_t address, uint8_t command, uint8_t *bytes, unsigned count)
{
    bool answered = send(bus, address, &command, 1) && i2c_start(bus, address, true);

    for (unsigned i = 0; answered && i < count; i++) {
        bytes[i] = i2c_read(bus);
    }
    return answered;
}

static bool end(I2cBus *bus, bool result)
{
    i2c_stop(bus);
    return result;
}

bool smbus_quick(I2cBus *bus, uint8_t address, bool read)
{
    return end(bus, i2c_start(bus, address, read));
}

bool smbus_send_byte(I2cBus *bus, uint8_t address, uint8_t byte)
{
    return end(bus, send(bus, address, &byte, 1));
}

bool smbus_receive_byte(I2cBus *bus, uint8_t address, uint8_t *byte)
{
    bool answered = i2c_start(bus, address, true);

    if (answered) {
        *byte = i2c_read(bus);
    }
    return end(bus, answered);
}

bool smbus_write_byte(I2cBus *bus, uint8_t address, uint8_t command, uint8_t byte)
{
    return end(bus, send(bus, address, (uint8_t[]){ command, byte }, 2));
}

bool smbus_read_byte(I2cBus *bus, uint8_t address, uint8_t command, uint8_t *byte)
{
    return end(bus, ask(bus, address, command, byte, 1));
}

bool smbus_write_word(I2cBus *bus, uint8_t address, uint8_t command, uint16_t word)
{
    return end(bus, send(bus, address, (uint8_t[]){ command, word & 0xff, word >> 8 }, 3));
}

bool smbus_read_word(I2cBus *bus, uint8_t address, uint8_t command, uint16_t *word)
{
    uint8_t bytes[2];
    bool answered = ask(bus, address, command, bytes, 2);

    if (answered) {
        *word = bytes[0] | bytes[1] << 8;
    }
    return end(bus, answered);
}

bool smbus_write_block(I2cBus *bus, uint8_t address, uint8_t command, const uint8_t *data,
                       unsigned length)
{
    bool taken = length && length <= SMBUS_BLOCK_MAX &&
        send(bus, address, (uint8_t[]){ command, length }, 2);

    for (unsigned i = 0; taken && i < length; i++) {
        taken = i2c_write(bus, data[i]);
    }
    return end(bus, taken);
}

bool smbus_read_block(I2cBus *bus, uint8_t address, uint8_t command, uint8_t *data,
                      unsigned *length)
{
    uint8_t count;
    bool answered = ask(bus, address, command, &count, 1) && count && count <= SMBUS_BLOCK_MAX;

    if (answered) {
        *length = count;
        for (unsigned i = 0; i < count; i++) {
            data[i] = i2c_read(bus);
        }
    }
    return end(bus, answered);
}
