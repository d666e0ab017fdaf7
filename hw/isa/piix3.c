/* SPDX-License-Identifier: MIT */
/*
 * PIIX3 function 0: Intel 82371SB, order number 290550, chapter 2.2. The 8259s, the 8254, the
 * 8237s and the ports around them are devices of their own on isa.0. PIRQ routing, the reset
 * control register, coprocessor errors and the way to ISA work; the other configuration
 * registers hold what is written.
 *
 * Not modelled: gating of chip selects and of FERR# by XBCS (PC firmware for this chip reads
 * its ROM without enabling it, and leaves IRQ13 to FERR#), the APIC's and the distributed DMA's
 * registers, serialized interrupts, I/O recovery times, the chip's own SMI logic (a PC uses
 * that of the PIIX4's function 3).
 */
#include "hw/isa/piix3.h"

#include "base/log.h"
#include "hw/core/machine.h"

#define PIRQRC        0x60
#define PIRQRC_OFF    0x80
#define PIRQRC_LINE   0x0f
#define PIRQS         4
/* Lines that a PIRQ may be routed to: not 0, 1, 2, 8 and 13 (2.2.6). */
#define ROUTABLE      0xdef8u

#define RCR_PORT      0xcf9
#define RCR_HARD      0x02
#define RCR_RESET_CPU 0x04

#define COPROCESSOR_ERROR 0xf0
#define FERR_IRQ          13

#define ISA_MEMORY_SIZE 0x100000000ull
#define ISA_IO_SIZE     0x10000u
#define BIOS_LOW        0xe0000u
#define BIOS_SIZE       0x20000u
/* Behind every function on PCI; the BIOS before the rest of ISA. */
#define SUBTRACTIVE     -16
#define BIOS_PRIORITY   -15

static Piix3 *piix3_of(Device *device)
{
    return (Piix3 *)device;
}

/* ---- interrupts ---- */

static unsigned routed_lines(const Piix3 *piix3)
{
    unsigned lines = 0;

    for (unsigned i = 0; i < PIRQS; i++) {
        uint8_t route = piix3->pci.config[PIRQRC + i];
        if (!(route & PIRQRC_OFF) && pin_level(&piix3->pci.device, PIIX3_PIN_PIRQ, i)) {
            lines |= BIT(route & PIRQRC_LINE) & ROUTABLE;
        }
    }
    return lines;
}

static void piix3_update(Device *device)
{
    Piix3 *piix3 = piix3_of(device);
    bool ferr = pin_level(device, PIIX3_PIN_FERR, 0);
    unsigned lines = routed_lines(piix3);

    piix3->ignne &= ferr;
    lines |= ferr && !piix3->ignne ? BIT(FERR_IRQ) : 0;
    for (unsigned i = 0; i < ISA_IRQS; i++) {
        pin_set(device, PIIX3_PIN_IRQ, i,
                lines >> i & 1 || pin_level(device, PIIX3_PIN_ISA_IRQ, i));
    }
    pin_set(device, PIIX3_PIN_IGNNE, 0, piix3->ignne);
}

/* ---- coprocessor errors, 2.5.5.3: a write takes IRQ13 back, and the CPU may go on ---- */

static void coprocessor_wrote(Device *device, unsigned index, uint64_t value)
{
    piix3_of(device)->ignne = pin_level(device, PIIX3_PIN_FERR, 0);
}

static void wrote_pirqrc(Device *device, unsigned index, uint64_t old)
{
    uint8_t route = PCI_DEVICE(device)->config[PIRQRC + index];

    if (!(route & PIRQRC_OFF) && !(BIT(route & PIRQRC_LINE) & ROUTABLE)) {
        log_guest_error("PIIX3: PIRQ%c is routed to IRQ%u, which is reserved", 'A' + index,
                        route & PIRQRC_LINE);
    }
}

/* ---- reset control, 2.5.5.1 ---- */

static void rcr_wrote(Device *device, unsigned index, uint64_t old)
{
    if (~old & piix3_of(device)->rcr & RCR_RESET_CPU) {
        machine_request_reset(SHUTDOWN_GUEST_RESET);
    }
}

/* The chip answers with a reset of the processor, and this board with that of the machine. */
static void rcin_driven(Device *device, unsigned line, bool level)
{
    if (level) {
        machine_request_reset(SHUTDOWN_GUEST_RESET);
    }
}

/* The bit starts a reset and does not stay. */
static uint64_t rcr_read(Device *device, unsigned index)
{
    return piix3_of(device)->rcr & ~RCR_RESET_CPU;
}

/* ---- the way to ISA ---- */

static bool piix3_configure(PciDevice *pci, GError **error)
{
    Piix3 *piix3 = (Piix3 *)pci;
    Bus *primary = pci->device.bus;

    piix3->isa = BUS(object_child(OBJECT(pci), "isa.0"));
    piix3->memory = region_new_container(OBJECT(pci), "isa", ISA_MEMORY_SIZE);
    piix3->io = region_new_container(OBJECT(pci), "isa-io", ISA_IO_SIZE);
    piix3->bios = region_new_alias(OBJECT(pci), "isa-bios", piix3->memory,
                                   ISA_MEMORY_SIZE - BIOS_SIZE, BIOS_SIZE);
    region_add(primary->memory, 0, piix3->memory, SUBTRACTIVE);
    region_add(primary->io, 0, piix3->io, SUBTRACTIVE);
    region_add(primary->memory, BIOS_LOW, piix3->bios, BIOS_PRIORITY);
    piix3->isa->memory = piix3->memory;
    piix3->isa->io = piix3->io;
    piix3->isa->dma = pci->dma;
    piix3->isa->interrupt_device = &pci->device;
    piix3->isa->interrupt_pin = PIIX3_PIN_ISA_IRQ;
    device_map_bank(&pci->device, 0, primary->io, RCR_PORT);
    device_map_bank(&pci->device, 1, piix3->io, COPROCESSOR_ERROR);
    return true;
}

static void piix3_finalize(Object *object)
{
    Piix3 *piix3 = (Piix3 *)object;

    g_clear_pointer(&piix3->bios, region_free);
    g_clear_pointer(&piix3->memory, region_free);
    g_clear_pointer(&piix3->io, region_free);
}

/* ---- tables ---- */

static const RegisterInfo rcr_registers[] = {
    { 0, "RC", "reset control", FIELD(Piix3, rcr), .writable = RCR_HARD | RCR_RESET_CPU,
      .read = rcr_read, .wrote = rcr_wrote },
};

static const RegisterInfo coprocessor_registers[] = {
    { 0, "CERR", "coprocessor error", .write = coprocessor_wrote },
};

static const BankInfo piix3_banks[] = {
    { .name = "reset-control", .description = "one byte in the middle of CONFADD",
      .space = SPACE_IO, .size = 1, .registers = TABLE(rcr_registers), .priority = 1 },
    { .name = "coprocessor-error", .description = "F0h: IGNNE# instead of IRQ13",
      .space = SPACE_IO, .size = 1, .registers = TABLE(coprocessor_registers) },
};

static const RegisterInfo piix3_config[] = {
    { PCI_COMMAND, "PCICMD", "I/O, memory and bus mastering are always on", .size = 2,
      .reset = PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, .writable = 0x0008 },
    { PCI_CACHE_LINE_SIZE, "CLS", "reserved", .access = REG_RO },
    { PCI_INTERRUPT_LINE, "INTLN", "reserved", .access = REG_RO },
    { 0x4c, "IORT", "ISA I/O recovery times", .reset = 0x4d, .writable = 0x7f },
    { 0x4e, "XBCS", "X-bus chip select", .size = 2, .reset = 0x0003, .writable = 0x03f7 },
    { PIRQRC, "PIRQRC", "routes of PIRQA# to PIRQD#", .count = PIRQS, .reset = PIRQRC_OFF,
      .writable = PIRQRC_OFF | PIRQRC_LINE, .wrote = wrote_pirqrc },
    { 0x64, "SERIRQC", "serial interrupt control", .reset = 0x10, .unimplemented = 0x80 },
    { 0x69, "TOM", "top of memory for ISA masters", .reset = 0x02, .writable = 0xfe },
    { 0x6a, "MSTAT", "miscellaneous status", .size = 2, .writable = 0x4004,
      .write_one_clears = 0x8001 },
    { 0x70, "MBIRQ0", "motherboard device interrupt route", .reset = 0x80, .writable = 0xef,
      .unimplemented = 0x20 },
    { 0x76, "MBDMA", "motherboard device DMA", .count = 2, .reset = 0x0c, .writable = 0x8f },
    { 0x78, "PCSC", "programmable chip select", .size = 2, .reset = 0x0002 },
    { 0x80, "APICBASE", "APIC base address relocation", .writable = 0x7f },
    { 0x82, "DLC", "deterministic latency control", .writable = 0x0f },
    { 0xa0, "SMICNTL", "SMI control", .reset = 0x08, .writable = 0x1f, .unimplemented = 0x01 },
    { 0xa2, "SMIEN", "SMI enable", .size = 2, .writable = 0x01ff },
    { 0xa4, "SEE", "system event enable", .size = 4 },
    { 0xa8, "FTMR", "fast off timer", .reset = 0x0f },
    { 0xaa, "SMIREQ", "SMI request", .size = 2, .writable = 0x01ff },
    { 0xac, "CTLTMR", "clock scaling, STPCLK# low" },
    { 0xae, "CTHTMR", "clock scaling, STPCLK# high" },
};

static const PinInfo piix3_pins[] = {
    [PIIX3_PIN_ISA_IRQ] = { .name = "isa-irq", .description = "lines of the ISA bus",
                            .direction = PIN_IN, .count = ISA_IRQS },
    [PIIX3_PIN_PIRQ] = { .name = "pirq", .description = "PIRQA# to PIRQD#", .direction = PIN_IN,
                         .count = PIRQS },
    [PIIX3_PIN_IRQ] = { .name = "irq", .description = "to the interrupt controllers",
                        .direction = PIN_OUT, .count = ISA_IRQS },
    [PIIX3_PIN_RCIN] = { .name = "rcin", .description = "reset requests: of the keyboard "
                         "controller (RCIN#), of port 92", .direction = PIN_IN, .count = 2,
                         .set = rcin_driven },
    [PIIX3_PIN_FERR] = { .name = "ferr", .description = "the CPU's floating-point error",
                         .direction = PIN_IN },
    [PIIX3_PIN_IGNNE] = { .name = "ignne", .description = "the CPU goes on in spite of it",
                          .direction = PIN_OUT },
};

static const StateInfo piix3_state[] = {
    { "ignne", FIELD(Piix3, ignne) },
};

static const BusInfo piix3_buses[] = { { "isa.0", "ISA" } };

static const TransientInfo piix3_transient[] = {
    { FIELD(Piix3, isa), "made with the device" },
    { FIELD(Piix3, memory), "made when it is attached" },
    { FIELD(Piix3, io), "made when it is attached" },
    { FIELD(Piix3, bios), "made when it is attached" },
};

static const PciInfo piix3_info = {
    .vendor = 0x8086, .device = 0x7000, .class_code = 0x060100, .multifunction = true,
    .status = PCI_STATUS_DEVSEL_MEDIUM, .config = TABLE(piix3_config),
    .configure = piix3_configure,
};

const DeviceType piix3_type = {
    .name = "PIIX3", .parent = "pci-device", .bus = "PCI", .compatible = "intel,piix3",
    .description = "ISA bridge", .size = sizeof(Piix3), .board_only = true,
    .banks = TABLE(piix3_banks), .pins = TABLE(piix3_pins), .buses = TABLE(piix3_buses),
    .state = TABLE(piix3_state), .transient = TABLE(piix3_transient), .pci = &piix3_info, .finalize = piix3_finalize,
    .update = piix3_update,
};
