/* SPDX-License-Identifier: MIT */
/*
 * pc-testdev: the helper of kvm-unit-tests on a PC.
 *
 *   0xe0-0xe3    a 32-bit word that reads as it was written, accessed whole or in part
 *   0xe4-0xe7    writing an address takes the page of guest RAM that it is in away
 *                from the accelerator, which has to map it again; reads give 0
 *   0xe8-0xeb    the same word as at 0xe0, byte by byte
 *   0x2000-0x2017  writing N to 0x2000 + line drives interrupt line 0 to 23 high
 *                (N != 0) or low; reads give 0
 *   0xff000000   64 KiB of memory that is accessed by exits
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "hw/core/bus.h"
#include "hw/core/machine.h"

#define LINES      24
#define PAGE       4096u
#define IO_MEMORY  0x10000u

enum { PIN_IRQ };

typedef struct PcTestdev {
    Device device;
    uint32_t word;
    uint8_t memory[IO_MEMORY];
} PcTestdev;

#define TESTDEV(pointer) ((PcTestdev *)(pointer))

static void write_line(Device *device, unsigned line, uint64_t value)
{
    pin_set(device, PIN_IRQ, line, value != 0);
}

static uint64_t read_zero(Device *device, unsigned index)
{
    return 0;
}

/*
 * The host tells the accelerator when the protection of a page changes, whatever the
 * change is. This one takes nothing away from others who use the page meanwhile.
 */
static void flush_page(Device *device, unsigned index, uint64_t value)
{
    FlatRange range;
    uint64_t address = value & ~(uint64_t)(PAGE - 1);
    uint8_t *host;

    if (!address_space_find(machine_memory(), address, &range) || !range.block ||
        range.readonly || !range.host) {
        log_guest_error("pc-testdev: flush of 0x%" PRIx64 ", where no RAM is", address);
        return;
    }
    host = range.host + (address - range.start);
    if ((uintptr_t)host % PAGE || sysconf(_SC_PAGESIZE) != PAGE) {
        log_unimplemented("pc-testdev: flush of a page that is none of the host");
        return;
    }
    if (mprotect(host, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) ||
        mprotect(host, PAGE, PROT_READ | PROT_WRITE)) {
        report_warning("pc-testdev: flush of 0x%" PRIx64 ": %s", address, g_strerror(errno));
    }
}

static MemoryResult memory_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                MemoryAttrs attrs)
{
    *value = load_le(TESTDEV(opaque)->memory + offset, size);
    return MEMORY_OK;
}

static MemoryResult memory_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                 MemoryAttrs attrs)
{
    store_le(TESTDEV(opaque)->memory + offset, value, size);
    return MEMORY_OK;
}

/* ---- wiring ---- */

static bool find_ioapic(Object *object, void *found)
{
    if (object_is(object, "ioapic")) {
        *(Device **)found = DEVICE(object);
    }
    return *(Device **)found == NULL;
}

/* Lines 0 to 15 are those of the bus; the rest are known to the I/O APIC alone. */
static bool testdev_realize(Device *device, GError **error)
{
    Device *bus_lines = device->bus->interrupt_device, *ioapic = NULL;
    unsigned bus_pin = device->bus->interrupt_pin;
    unsigned count = bus_lines ? MIN(device_pin_count(bus_lines, bus_pin), LINES) : 0;

    object_foreach(object_root(), find_ioapic, &ioapic);
    for (unsigned line = 0; line < LINES; line++) {
        if (pin_connected(device, PIN_IRQ, line)) {
            continue;
        }
        if (line < count) {
            pin_connect(device, PIN_IRQ, line, bus_lines, bus_pin, line);
        } else if (ioapic && line < device_pin_count(ioapic, 0)) {
            pin_connect(device, PIN_IRQ, line, ioapic, 0, line);
        }
    }
    return true;
}

static void testdev_reset(Device *device)
{
    TESTDEV(device)->word = 0;
}

static void testdev_reset_hold(Device *device)
{
    for (unsigned line = 0; line < LINES; line++) {
        pin_set(device, PIN_IRQ, line, false);
    }
}

/* ---- tables ---- */

static const RegisterInfo word_registers[] = {
    { 0, "WORD", "as written", FIELD(PcTestdev, word) },
};

static const RegisterInfo flush_registers[] = {
    { 0, "FLUSH", "address of a page", .read = read_zero, .write = flush_page },
};

static const RegisterInfo line_registers[] = {
    { 0, "LINE", "level of an interrupt line", .count = LINES, .read = read_zero,
      .write = write_line },
};

static const RegionOps memory_ops = {
    .read = memory_read, .write = memory_write, .access_min = 1, .access_max = 8,
    .unaligned = true, .impl_unaligned = true,
};

static const BankInfo testdev_banks[] = {
    { "ioport", "a word", .space = SPACE_IO, .size = 4, .width = 4, .base = 0xe0, .fixed = true,
      .access_max = 4, .registers = TABLE(word_registers) },
    { "flush-page", "takes a page from the accelerator", .space = SPACE_IO, .size = 4,
      .width = 4, .base = 0xe4, .fixed = true, .access_max = 4,
      .registers = TABLE(flush_registers) },
    { "ioport-byte", "the same word, by bytes", .space = SPACE_IO, .size = 4, .width = 4,
      .base = 0xe8, .fixed = true, .access_max = 1, .registers = TABLE(word_registers),
      .priority = -1 /* a debug console's port 0xe9 lies in it */ },
    { "irq-line", "interrupt lines", .space = SPACE_IO, .size = LINES, .base = 0x2000,
      .fixed = true, .access_max = 1, .registers = TABLE(line_registers) },
    { "iomem", "memory by exits", .size = IO_MEMORY, .base = 0xff000000, .fixed = true,
      .ops = &memory_ops },
};

static const PinInfo testdev_pins[] = {
    [PIN_IRQ] = { "irq", "interrupt lines 0 to 23", PIN_OUT, .count = LINES },
};

static const StateInfo testdev_state[] = {
    { "memory", FIELD(PcTestdev, memory) },
};

const DeviceType pc_testdev_type = {
    .name = "pc-testdev", .parent = "isa-device", .size = sizeof(PcTestdev),
    .description = "helper of kvm-unit-tests", .bus = "ISA", .banks = TABLE(testdev_banks),
    .pins = TABLE(testdev_pins), .state = TABLE(testdev_state), .realize = testdev_realize,
    .reset = testdev_reset, .reset_hold = testdev_reset_hold,
};
