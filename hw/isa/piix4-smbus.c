/* SPDX-License-Identifier: MIT */
/*
 * The SMBus host controller of the PIIX4, 82371AB chapter 7.3. A transaction is
 * done at once when it is started. Not modelled: the controller as a slave,
 * arbitration with other masters, the SMI as the interrupt's route.
 */
#include "base/log.h"
#include "hw/isa/piix4-pm.h"

#define SMBHSTCFG       0xd2
#define SMBHSTCFG_IRQ   0x0e   /* route of the interrupt */
#define SMBHSTCFG_IRQ9  0x08

#define STATUS_BUSY      0x01
#define STATUS_INTERRUPT 0x02
#define STATUS_ERROR     0x04
#define STATUS_COLLISION 0x08
#define STATUS_FAILED    0x10

#define CONTROL_INTERRUPT 0x01
#define CONTROL_KILL      0x02
#define CONTROL_PROTOCOL  0x1c
#define CONTROL_START     0x40

typedef enum Protocol {
    PROTOCOL_QUICK,
    PROTOCOL_BYTE,
    PROTOCOL_BYTE_DATA,
    PROTOCOL_WORD_DATA,
    PROTOCOL_BLOCK = 5,
} Protocol;

static Piix4Pm *pm_of(Device *device)
{
    return (Piix4Pm *)device;
}

bool piix4_smbus_interrupts(const Piix4Pm *pm)
{
    return pm->smbus.control & CONTROL_INTERRUPT && pm->smbus.status & ~STATUS_BUSY &&
        (pm->pci.config[SMBHSTCFG] & SMBHSTCFG_IRQ) == SMBHSTCFG_IRQ9;
}

/* ---- transactions ---- */

static bool do_byte(Piix4Smbus *host, I2cBus *bus, uint8_t address, bool read)
{
    return read ? smbus_receive_byte(bus, address, &host->data0)
        : smbus_send_byte(bus, address, host->command);
}

static bool do_byte_data(Piix4Smbus *host, I2cBus *bus, uint8_t address, bool read)
{
    return read ? smbus_read_byte(bus, address, host->command, &host->data0)
        : smbus_write_byte(bus, address, host->command, host->data0);
}

static bool do_word_data(Piix4Smbus *host, I2cBus *bus, uint8_t address, bool read)
{
    uint16_t word = host->data0 | host->data1 << 8;

    if (!read) {
        return smbus_write_word(bus, address, host->command, word);
    }
    if (!smbus_read_word(bus, address, host->command, &word)) {
        return false;
    }
    host->data0 = word & 0xff;
    host->data1 = word >> 8;
    return true;
}

static bool do_block(Piix4Smbus *host, I2cBus *bus, uint8_t address, bool read)
{
    unsigned length = 0;

    if (!read) {
        return smbus_write_block(bus, address, host->command, host->block, host->data0);
    }
    if (!smbus_read_block(bus, address, host->command, host->block, &length)) {
        return false;
    }
    host->data0 = length;
    return true;
}

static void transact(Piix4Pm *pm)
{
    Piix4Smbus *host = &pm->smbus;
    uint8_t address = host->address >> 1;
    bool read = host->address & 1, done;

    switch ((host->control & CONTROL_PROTOCOL) >> 2) {
    case PROTOCOL_QUICK:
        done = smbus_quick(pm->bus, address, read);
        break;
    case PROTOCOL_BYTE:
        done = do_byte(host, pm->bus, address, read);
        break;
    case PROTOCOL_BYTE_DATA:
        done = do_byte_data(host, pm->bus, address, read);
        break;
    case PROTOCOL_WORD_DATA:
        done = do_word_data(host, pm->bus, address, read);
        break;
    case PROTOCOL_BLOCK:
        done = do_block(host, pm->bus, address, read);
        break;
    default:
        log_guest_error("PIIX4_PM: SMBus protocol %u is reserved",
                        (host->control & CONTROL_PROTOCOL) >> 2);
        done = false;
        break;
    }
    host->block_index = 0;
    host->status |= done ? STATUS_INTERRUPT : STATUS_INTERRUPT | STATUS_ERROR;
}

/* START is a command and does not stay; KILL fails what is under way, which is nothing. */
static void write_control(Device *device, unsigned index, uint64_t value)
{
    Piix4Pm *pm = pm_of(device);

    pm->smbus.control = value & ~CONTROL_START;
    if (value & CONTROL_KILL) {
        pm->smbus.status |= STATUS_FAILED;
    } else if (value & CONTROL_START) {
        transact(pm);
    }
}

/* Reading the control register goes back to the start of the block (7.3.8). */
static uint64_t read_control(Device *device, unsigned index)
{
    Piix4Pm *pm = pm_of(device);

    pm->smbus.block_index = 0;
    return pm->smbus.control;
}

static uint64_t read_block(Device *device, unsigned index)
{
    Piix4Smbus *host = &pm_of(device)->smbus;

    host->block_index %= SMBUS_BLOCK_MAX;
    return host->block[host->block_index++];
}

static void write_block(Device *device, unsigned index, uint64_t value)
{
    Piix4Smbus *host = &pm_of(device)->smbus;

    host->block_index %= SMBUS_BLOCK_MAX;
    host->block[host->block_index++] = value;
}

#define SMBUS_FIELD(member) FIELD(Piix4Pm, smbus.member)

const RegisterInfo piix4_smbus_registers[PIIX4_SMBUS_REGISTERS] = {
    { 0x00, "SMBHSTSTS", "host status", SMBUS_FIELD(status),
      .writable = REG_NO_BITS, .write_one_clears = STATUS_INTERRUPT | STATUS_ERROR |
      STATUS_COLLISION | STATUS_FAILED },
    { 0x01, "SMBSLVSTS", "slave status", SMBUS_FIELD(slave_status), .writable = REG_NO_BITS,
      .write_one_clears = 0x3c },
    { 0x02, "SMBHSTCNT", "host control", SMBUS_FIELD(control),
      .writable = CONTROL_INTERRUPT | CONTROL_KILL | CONTROL_PROTOCOL | CONTROL_START,
      .read = read_control, .write = write_control },
    { 0x03, "SMBHSTCMD", "host command", SMBUS_FIELD(command) },
    { 0x04, "SMBHSTADD", "host address", SMBUS_FIELD(address) },
    { 0x05, "SMBHSTDAT0", "host data, or the count of a block", SMBUS_FIELD(data0) },
    { 0x06, "SMBHSTDAT1", "host data", SMBUS_FIELD(data1) },
    { 0x07, "SMBBLKDAT", "block data", .read = read_block, .write = write_block },
    { 0x08, "SMBSLVCNT", "slave control", SMBUS_FIELD(slave_control), .writable = 0x0f,
      .unimplemented = 0x0f },
    { 0x09, "SMBSHDWCMD", "shadow command", SMBUS_FIELD(shadow_command), .access = REG_RO },
    { 0x0a, "SMBSLVEVT", "slave event", SMBUS_FIELD(slave_event), .size = 2 },
    { 0x0c, "SMBSLVDAT", "slave data", SMBUS_FIELD(slave_data), .size = 2, .access = REG_RO },
};
