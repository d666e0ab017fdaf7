/* SPDX-License-Identifier: MIT */
/* The PIIX3: interrupt routing, reset control, and ISA behind PCI. */
#include "hw/isa/piix3.h"
#include "tests/unit/pci-machine.h"

#define PIIX3_DEVFN PCI_DEVFN(1, 0)
#define PIRQRC 0x60
#define ROM_AT 0xfffc0000u
#define ROM_SIZE 0x40000u

static PciMachine machine;
static Piix3 *piix3;

static void set_up_wired(void)
{
    machine = pci_machine_new(16 << 20);
    piix3 = (Piix3 *)pci_machine_add(BUS(machine.bus), "PIIX3", "piix3", "addr=1", NULL);
    for (unsigned i = 0; i < 4; i++) {
        pin_connect(&machine.host->device, 0, i, &piix3->pci.device, PIIX3_PIN_PIRQ, i);
    }
}

static void set_up(void)
{
    set_up_wired();
    pci_machine_up();
}

static bool irq(unsigned line)
{
    return pin_level(&piix3->pci.device, PIIX3_PIN_IRQ, line);
}

static unsigned irqs(void)
{
    unsigned lines = 0;

    for (unsigned i = 0; i < ISA_IRQS; i++) {
        lines |= irq(i) << i;
    }
    return lines;
}

static void drive(unsigned pin, unsigned line, bool level)
{
    pin_drive_external(&piix3->pci.device, pin, line, level);
}

static void test_identity(void)
{
    set_up();
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0, 4), ==, 0x70008086);
    g_assert_cmphex(config_read(PIIX3_DEVFN, PCI_CLASS_CODE + 1, 2), ==, 0x0601);
    g_assert_cmphex(config_read(PIIX3_DEVFN, PCI_HEADER_TYPE, 1), ==, 0x80);
    g_assert_cmphex(config_read(PIIX3_DEVFN, PCI_COMMAND, 2), ==, 7);
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0x4c, 4), ==, 0x0003004d);
    g_assert_cmphex(config_read(PIIX3_DEVFN, PIRQRC, 4), ==, 0x80808080);
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0x68, 4), ==, 0x00000200);
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0x70, 1), ==, 0x80);
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0x74, 4), ==, 0x0c0c0000);
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0x78, 2), ==, 2);
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0xa0, 1), ==, 8);
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0xa8, 1), ==, 0x0f);
    pci_machine_free();
}

static void test_isa_lines(void)
{
    set_up();
    for (unsigned i = 0; i < ISA_IRQS; i++) {
        drive(PIIX3_PIN_ISA_IRQ, i, true);
        g_assert_cmphex(irqs(), ==, BIT(i));
        drive(PIIX3_PIN_ISA_IRQ, i, false);
    }
    g_assert_cmphex(irqs(), ==, 0);
    pci_machine_free();
}

/* 82371SB 2.5.5.3: FERR# is IRQ13 until F0h is written, which lets the CPU go on as long as it
 * stays. */
static void test_coprocessor_error(void)
{
    Device *device;

    set_up();
    device = &piix3->pci.device;
    port_write(0xf0, 1, 0);
    g_assert_false(pin_level(device, PIIX3_PIN_IGNNE, 0));
    for (unsigned i = 0; i < 3; i++) {
        drive(PIIX3_PIN_FERR, 0, true);
        g_assert_cmphex(irqs(), ==, BIT(13));
        g_assert_false(pin_level(device, PIIX3_PIN_IGNNE, 0));
        port_write(0xf0, 1, i);
        g_assert_cmphex(irqs(), ==, 0);
        g_assert_true(pin_level(device, PIIX3_PIN_IGNNE, 0));
        drive(PIIX3_PIN_FERR, 0, false);
        g_assert_false(pin_level(device, PIIX3_PIN_IGNNE, 0));
    }
    /* An error that goes by itself takes its interrupt along. */
    drive(PIIX3_PIN_FERR, 0, true);
    drive(PIIX3_PIN_FERR, 0, false);
    g_assert_cmphex(irqs(), ==, 0);
    pci_machine_free();
}

static void test_pirq_routing(void)
{
    set_up();
    drive(PIIX3_PIN_PIRQ, 1, true);
    g_assert_cmphex(irqs(), ==, 0);
    config_write(PIIX3_DEVFN, PIRQRC + 1, 1, 10);
    g_assert_cmphex(irqs(), ==, BIT(10));
    /* Moved while it is asserted. */
    config_write(PIIX3_DEVFN, PIRQRC + 1, 1, 11);
    g_assert_cmphex(irqs(), ==, BIT(11));
    /* Shared with another PIRQ and with ISA. */
    config_write(PIIX3_DEVFN, PIRQRC + 3, 1, 11);
    drive(PIIX3_PIN_PIRQ, 3, true);
    drive(PIIX3_PIN_ISA_IRQ, 11, true);
    drive(PIIX3_PIN_PIRQ, 1, false);
    drive(PIIX3_PIN_PIRQ, 3, false);
    g_assert_cmphex(irqs(), ==, BIT(11));
    drive(PIIX3_PIN_ISA_IRQ, 11, false);
    g_assert_cmphex(irqs(), ==, 0);
    /* Reserved lines go nowhere. */
    drive(PIIX3_PIN_PIRQ, 0, true);
    for (unsigned line = 0; line < 16; line++) {
        config_write(PIIX3_DEVFN, PIRQRC, 1, line);
        g_assert_cmphex(irqs(), ==, BIT(line) & 0xdef8);
    }
    config_write(PIIX3_DEVFN, PIRQRC, 1, 5);
    check_save_and_load(&piix3->pci.device);
    g_assert_cmphex(config_read(PIIX3_DEVFN, PIRQRC, 1), ==, 5);
    device_reset(&piix3->pci.device);
    g_assert_cmphex(irqs(), ==, 0);
    pci_machine_free();
}

/* The PM function's INTA# in slot 1 is PIRQA#. */
static void test_slot_wiring(void)
{
    PciDevice *function;

    set_up_wired();
    function = PCI_DEVICE(pci_machine_add(BUS(machine.bus), "PIIX4_PM", "pm", "addr=1.3", NULL));
    pci_machine_up();
    config_write(PIIX3_DEVFN, PIRQRC, 1, 9);
    pci_intx_set(function, true);
    g_assert_cmphex(irqs(), ==, BIT(9));
    pci_intx_set(function, false);
    g_assert_cmphex(irqs(), ==, 0);
    pci_machine_free();
}

static void test_reset_control(void)
{
    int status = 0;

    set_up();
    port_write(0xcf9, 1, 0x02);
    g_assert_cmphex(port_read(0xcf9, 1), ==, 0x02);
    /* A double word there is CONFADD. */
    port_write(0xcf8, 4, 0x80000600);
    g_assert_cmphex(port_read(0xcf8, 4), ==, 0x80000600);
    config_write(PIIX3_DEVFN, 0x4c, 1, 0x11);
    g_assert_false(machine_handle_requests(&status));
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0x4c, 1), ==, 0x11);
    port_write(0xcf9, 1, 0x06);
    g_assert_false(machine_handle_requests(&status));
    g_assert_cmphex(config_read(PIIX3_DEVFN, 0x4c, 1), ==, 0x4d);
    g_assert_cmphex(port_read(0xcf9, 1), ==, 0);
    pci_machine_free();
}

/* ---- ISA behind PCI ---- */

static void test_isa_ports(void)
{
    Bus *isa;

    set_up_wired();
    isa = bus_find("isa.0", NULL);
    g_assert_nonnull(isa);
    pci_machine_add(isa, "isa-serial", "com", NULL);
    pci_machine_up();
    port_write(0x3ff, 1, 0x5a);
    g_assert_cmphex(port_read(0x3ff, 1), ==, 0x5a);
    g_assert_cmphex(port_read(0x2ff, 1), ==, 0xff);
    pci_machine_free();
}

static void test_bios(void)
{
    RamBlock *block;
    MemoryRegion *rom;

    set_up();
    block = ram_block_new("bios", ROM_SIZE, NULL, NULL);
    rom = region_new_rom(NULL, "bios", block);
    store_le(block->host + ROM_SIZE - 16, 0xea, 1);
    store_le(block->host + ROM_SIZE - 0x20000, 0x1234, 2);
    region_add(piix3->isa->memory, ROM_AT, rom, 0);
    /* At the end of the 32-bit space, and again below 1 MiB. */
    g_assert_cmphex(memory_read(0xfffffff0, 1), ==, 0xea);
    g_assert_cmphex(memory_read(0xffff0, 1), ==, 0xea);
    g_assert_cmphex(memory_read(0xe0000, 2), ==, 0x1234);
    memory_write(0xffff0, 1, 0);
    g_assert_cmphex(memory_read(0xffff0, 1), ==, 0xea);
    /* Shadowed: copied in the mode that reads PCI and writes RAM. */
    config_write(0, 0x59, 1, 0x20);
    memory_write(0xffff0, 1, memory_read(0xffff0, 1) + 1);
    g_assert_cmphex(memory_read(0xffff0, 1), ==, 0xea);
    config_write(0, 0x59, 1, 0x10);
    g_assert_cmphex(memory_read(0xffff0, 1), ==, 0xeb);
    region_free(rom);
    pci_machine_free();
    ram_block_free(block);
}

static void test_coverage(void)
{
    check_type("PIIX3");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_machine_types(NULL);
    g_test_add_func("/piix3/identity", test_identity);
    g_test_add_func("/piix3/isa-lines", test_isa_lines);
    g_test_add_func("/piix3/coprocessor-error", test_coprocessor_error);
    g_test_add_func("/piix3/pirq-routing", test_pirq_routing);
    g_test_add_func("/piix3/slot-wiring", test_slot_wiring);
    g_test_add_func("/piix3/reset-control", test_reset_control);
    g_test_add_func("/piix3/isa-ports", test_isa_ports);
    g_test_add_func("/piix3/bios", test_bios);
    g_test_add_func("/piix3/coverage", test_coverage);
    return g_test_run();
}
