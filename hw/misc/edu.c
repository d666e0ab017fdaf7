/* SPDX-License-Identifier: MIT */
/*
 * "edu": the device for writing one's first driver, as its published
 * specification says (QEMU's documentation, specs/edu): a liveness register, a
 * factorial engine, interrupts by pin or message, and DMA between RAM and a
 * buffer of 4 KiB that only DMA reaches, at 40000h of the device.
 *
 * The factorial takes 1 ms and a transfer 100 us of virtual time. Accesses of 8
 * bytes below 80h, which the specification does not allow, are two of 4.
 */
#include "base/log.h"
#include "hw/pci/pci.h"

#define IDENTIFICATION 0x010000ed
#define BUFFER_AT      0x40000u
#define BUFFER_SIZE    4096u
#define MEMORY_SIZE    0x100000u
#define FACTORIAL_NS   1000000
#define TRANSFER_NS    100000

#define STATUS_COMPUTING 0x01
#define STATUS_INTERRUPT 0x80
#define COMMAND_START     0x01
#define COMMAND_TO_RAM    0x02
#define COMMAND_INTERRUPT 0x04
#define CAUSE_FACTORIAL  0x001
#define CAUSE_TRANSFER   0x100

typedef enum EngineRegister {
    SOURCE,
    DESTINATION,
    COUNT,
} EngineRegister;

typedef struct Edu {
    PciDevice pci;
    uint64_t dma_mask;
    uint32_t liveness, factorial, status, causes;
    uint64_t engine[3];         /* registers of DMA, by EngineRegister */
    uint64_t command;
    uint8_t buffer[BUFFER_SIZE];
    Timer factorial_timer, transfer_timer;
} Edu;

static Edu *edu_of(Device *device)
{
    return (Edu *)device;
}

/* ---- interrupts ---- */

static void edu_update(Device *device)
{
    Edu *edu = edu_of(device);

    pci_intx_set(&edu->pci, edu->causes && !pci_msi_enabled(&edu->pci));
}

static void raise_causes(Edu *edu, uint32_t causes)
{
    edu->causes |= causes;
    if (edu->causes) {
        pci_message_signal(&edu->pci, 0);
    }
}

static void write_raise(Device *device, unsigned index, uint64_t value)
{
    raise_causes(edu_of(device), value);
}

static void write_acknowledge(Device *device, unsigned index, uint64_t value)
{
    edu_of(device)->causes &= ~value;
}

/* ---- liveness and the factorial ---- */

static void write_liveness(Device *device, unsigned index, uint64_t value)
{
    edu_of(device)->liveness = ~value;
}

static void write_factorial(Device *device, unsigned index, uint64_t value)
{
    Edu *edu = edu_of(device);

    if (edu->status & STATUS_COMPUTING) {
        log_guest_error("edu: a number is written while the factorial of another is computed");
        return;
    }
    edu->factorial = value;
    edu->status |= STATUS_COMPUTING;
    timer_set(&edu->factorial_timer, time_virtual() + FACTORIAL_NS);
}

/* In 32 bits; from 34! on all of them are zero. */
static uint32_t factorial(uint32_t number)
{
    uint32_t product = 1;

    for (uint32_t i = MIN(number, 34); i > 1; i--) {
        product *= i;
    }
    return product;
}

static void factorial_done(Device *device, unsigned index)
{
    Edu *edu = edu_of(device);

    edu->factorial = factorial(edu->factorial);
    edu->status &= ~STATUS_COMPUTING;
    if (edu->status & STATUS_INTERRUPT) {
        raise_causes(edu, CAUSE_FACTORIAL);
    }
}

/* ---- DMA ---- */

static uint64_t bus_address(const Edu *edu, uint64_t address)
{
    if (address & ~edu->dma_mask) {
        log_guest_error("edu: DMA address 0x%" PRIx64 " has bits outside of dma_mask 0x%" PRIx64,
                        address, edu->dma_mask);
    }
    return address & edu->dma_mask;
}

static bool in_buffer(uint64_t address, uint64_t count)
{
    return address >= BUFFER_AT && count <= BUFFER_SIZE &&
        address - BUFFER_AT <= BUFFER_SIZE - count;
}

static void transfer(Edu *edu)
{
    bool to_ram = edu->command & COMMAND_TO_RAM;
    uint64_t own = edu->engine[to_ram ? SOURCE : DESTINATION];
    uint64_t other = edu->engine[to_ram ? DESTINATION : SOURCE];
    uint64_t count = edu->engine[COUNT];
    MemoryResult result;

    if (!in_buffer(own, count)) {
        log_guest_error("edu: DMA of 0x%" PRIx64 " bytes at 0x%" PRIx64 " of the device leaves "
                        "its buffer", count, own);
        return;
    }
    other = bus_address(edu, other);
    result = to_ram
        ? dma_write(&edu->pci.device, other, edu->buffer + (own - BUFFER_AT), count)
        : dma_read(&edu->pci.device, other, edu->buffer + (own - BUFFER_AT), count);
    if (result != MEMORY_OK) {
        log_guest_error("edu: DMA of 0x%" PRIx64 " bytes at 0x%" PRIx64 " failed", count,
                        other);
    }
}

static void transfer_done(Device *device, unsigned index)
{
    Edu *edu = edu_of(device);

    transfer(edu);
    edu->command &= ~(uint64_t)COMMAND_START;
    if (edu->command & COMMAND_INTERRUPT) {
        raise_causes(edu, CAUSE_TRANSFER);
    }
}

/* The registers of the engine stay as they are while it works. */
static void write_engine(Device *device, unsigned index, uint64_t value)
{
    Edu *edu = edu_of(device);

    if (!(edu->command & COMMAND_START)) {
        edu->engine[index] = value;
    }
}

static void write_command(Device *device, unsigned index, uint64_t value)
{
    Edu *edu = edu_of(device);

    if (edu->command & COMMAND_START) {
        return;
    }
    edu->command = value;
    if (value & COMMAND_START) {
        timer_set(&edu->transfer_timer, time_virtual() + TRANSFER_NS);
    }
}

static void edu_reset(Device *device)
{
    Edu *edu = edu_of(device);

    memset(edu->buffer, 0, sizeof(edu->buffer));
}

/* ---- tables ---- */

static uint64_t read_identification(Device *device, unsigned index)
{
    return IDENTIFICATION;
}

static const RegisterInfo edu_registers[] = {
    { 0x00, "ID", "identification", .read = read_identification, .access = REG_RO },
    { 0x04, "LIVENESS", "gives the inverse of what is written", FIELD(Edu, liveness),
      .write = write_liveness },
    { 0x08, "FACTORIAL", "a number, then its factorial", FIELD(Edu, factorial),
      .write = write_factorial },
    { 0x20, "STATUS", "computing, and whether its end interrupts", FIELD(Edu, status),
      .writable = STATUS_INTERRUPT },
    { 0x24, "CAUSES", "interrupt status", FIELD(Edu, causes), .access = REG_RO },
    { 0x60, "RAISE", "interrupt raise", .write = write_raise, .access = REG_WO },
    { 0x64, "ACKNOWLEDGE", "interrupt acknowledge", .write = write_acknowledge,
      .access = REG_WO },
    { 0x80, "ENGINE", "DMA source, destination and count", FIELD_ARRAY(Edu, engine),
      .size = 8, .write = write_engine },
    { 0x98, "COMMAND", "DMA command", FIELD(Edu, command), .size = 8,
      .writable = COMMAND_START | COMMAND_TO_RAM | COMMAND_INTERRUPT, .write = write_command },
};

static const BankInfo edu_banks[] = {
    { .name = "mmio", .size = MEMORY_SIZE, .width = 4, .access_min = 4, .hole = UINT64_MAX,
      .registers = TABLE(edu_registers), .bar = 1 },
};

static const TimerInfo edu_timers[] = {
    { "factorial", FIELD_OF(Edu, factorial_timer), factorial_done },
    { "transfer", FIELD_OF(Edu, transfer_timer), transfer_done },
};

static const StateInfo edu_state[] = {
    { .name = "buffer", FIELD_ARRAY(Edu, buffer) },
};

static const Property edu_properties[] = {
    { .name = "dma_mask", .description = "bits of an address that DMA drives",
      .field = FIELD_OF(Edu, dma_mask), .def.u = (1u << 28) - 1, .flags = PROPERTY_HEX },
};

static const PciInfo edu_info = {
    .vendor = 0x1234, .device = 0x11e8, .revision = 0x10, .class_code = 0x00ff00,
    .interrupt_pin = 1, .msi = { .vectors = 1, .wide = true },
};

const DeviceType edu_type = {
    .name = "edu", .parent = "pci-device", .bus = "PCI", .hotpluggable = true,
    .description = "PCI device for learning to write drivers", .size = sizeof(Edu),
    .properties = TABLE(edu_properties), .banks = TABLE(edu_banks), .timers = TABLE(edu_timers),
    .state = TABLE(edu_state), .pci = &edu_info, .reset = edu_reset, .update = edu_update,
};
