/* SPDX-License-Identifier: MIT */
/* The PIIX4's power management and SMBus host. */
#include <string.h>

#include "hw/i2c/smbus-eeprom.h"
#include "hw/i2c/spd.h"
#include "hw/isa/piix4-pm.h"
#include "tests/unit/pci-machine.h"

#define DEVFN   PCI_DEVFN(1, 3)
#define PM      0x600
#define SMBUS   0xb100
#define RAM     (1536ull << 20)
#define SECOND  1000000000ll

static PciMachine machine;
static Piix4Pm *pm;
static char *last_event;

static void note_event(const char *name, GVariant *data)
{
    g_free(last_event);
    last_event = g_strdup(name);
}

static void set_up_with(const char *option)
{
    machine = pci_machine_new(RAM);
    pm = (Piix4Pm *)pci_machine_add(BUS(machine.bus), "PIIX4_PM", "pm", "addr=1.3",
                                    "smb_io_base=0xb100", option, NULL);
    for (unsigned i = 0; i < 3; i++) {
        g_autofree char *address = g_strdup_printf("address=%u", 0x50 + i);
        g_autofree char *slot = g_strdup_printf("slot=%u", i);
        g_autofree char *name = g_strdup_printf("eeprom%u", i);
        pci_machine_add(bus_find("i2c", NULL), "smbus-eeprom", name, address,
                        i == 2 ? NULL : slot, NULL);
    }
    machine_set_event_sink(note_event);
    pci_machine_up();
    config_write(DEVFN, 0x40, 4, PM | 1);
    config_write(DEVFN, 0x80, 1, 1);
}

static void set_up(void)
{
    set_up_with(NULL);
}

static bool sci(void)
{
    return pin_level(&pm->pci.device, PIIX4_PIN_SCI, 0);
}

static unsigned smis;

static void count_smi(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    smis += level;
}

/* ---- registers ---- */

static void test_base(void)
{
    set_up();
    g_assert_cmphex(config_read(DEVFN, 0, 4), ==, 0x71138086);
    g_assert_cmphex(config_read(DEVFN, PCI_CLASS_CODE + 1, 2), ==, 0x0680);
    g_assert_cmphex(config_read(DEVFN, PCI_INTERRUPT_PIN, 1), ==, 1);
    g_assert_cmphex(config_read(DEVFN, 0x40, 4), ==, PM | 1);
    g_assert_cmphex(config_read(DEVFN, 0x90, 4), ==, SMBUS | 1);
    g_assert_cmphex(port_read(PM + 4, 2), ==, 0);
    g_assert_cmphex(port_read(PM + 0x34, 4), ==, 0x7fffbfff);
    config_write(DEVFN, 0x80, 1, 0);
    g_assert_cmphex(port_read(PM + 4, 2), ==, 0xffff);
    config_write(DEVFN, 0x80, 1, 1);
    config_write(DEVFN, 0x40, 4, 0x1000);
    port_write(0x1002, 2, 0x0121);
    g_assert_cmphex(port_read(0x1002, 2), ==, 0x0121);
    g_assert_cmphex(port_read(PM + 2, 2), ==, 0xffff);
    check_save_and_load(&pm->pci.device);
    g_assert_cmphex(port_read(0x1002, 2), ==, 0x0121);
    device_reset(&pm->pci.device);
    g_assert_cmphex(port_read(0x1002, 2), ==, 0xffff);
    pci_machine_free();
}

static void test_timer(void)
{
    uint64_t start = time_virtual();
    uint32_t before;

    set_up();
    before = port_read(PM + 8, 4);
    time_step_to(start + SECOND);
    g_assert_cmpuint((port_read(PM + 8, 4) - before) & 0xffffff, >=, PIIX4_PM_TIMER_HZ - 1);
    g_assert_cmpuint((port_read(PM + 8, 4) - before) & 0xffffff, <=, PIIX4_PM_TIMER_HZ + 1);
    port_write(PM, 2, 1);
    g_assert_cmphex(port_read(PM, 2) & 1, ==, 0);
    /* Its highest bit changes every 2.34 seconds. */
    time_step_to(start + 4 * SECOND);
    g_assert_cmphex(port_read(PM, 2) & 1, ==, 1);
    port_write(PM, 2, 1);
    g_assert_cmphex(port_read(PM, 2) & 1, ==, 0);
    /* With the interrupt enabled nobody needs to look. */
    port_write(PM + 4, 2, 1);
    port_write(PM + 2, 2, 1);
    g_assert_false(sci());
    time_step_to(start + 7 * SECOND);
    g_assert_true(sci());
    check_save_and_load(&pm->pci.device);
    config_write(DEVFN, 0x40, 4, PM | 1);
    port_write(PM, 2, 1);
    g_assert_false(sci());
    time_step_to(start + 10 * SECOND);
    g_assert_true(sci());
    port_write(PM + 2, 2, 0);
    g_assert_false(sci());
    pci_machine_free();
}

static void test_power_button(void)
{
    int status = 0;

    set_up();
    port_write(PM + 2, 2, 0x100);
    machine_request_powerdown();
    machine_handle_requests(&status);
    g_assert_cmphex(port_read(PM, 2) & 0x100, ==, 0x100);
    /* No SCI before ACPI mode, which the command port enters. */
    g_assert_false(sci());
    port_write(0xb2, 1, PIIX4_ACPI_ENABLE);
    g_assert_cmphex(port_read(PM + 4, 2), ==, 1);
    g_assert_true(sci());
    port_write(PM, 2, 0x100);
    g_assert_false(sci());
    port_write(0xb2, 1, PIIX4_ACPI_DISABLE);
    g_assert_cmphex(port_read(PM + 4, 2), ==, 0);
    pci_machine_free();
}

static void test_general_purpose(void)
{
    set_up();
    port_write(PM + 4, 2, 1);
    port_write(PM + 0xe, 2, 0xffff);
    g_assert_cmphex(port_read(PM + 0xe, 2), ==, 0x0f01);
    pin_drive_external(&pm->pci.device, PIIX4_PIN_GPI, 2, true);
    g_assert_cmphex(port_read(PM + 0xc, 2), ==, 0x0200);
    g_assert_true(sci());
    port_write(PM + 0xc, 2, 0x0200);
    g_assert_false(sci());
    pci_machine_free();
}

static void test_smi(void)
{
    set_up();
    smis = 0;
    pin_intercept(&pm->pci.device, PIIX4_PIN_SMI, count_smi, NULL);
    port_write(0xb3, 1, 0x42);
    port_write(0xb2, 1, 0x55);
    g_assert_cmphex(port_read(0xb2, 2), ==, 0x4255);
    g_assert_cmpuint(smis, ==, 0);
    config_write(DEVFN, 0x58, 4, 0x02000000);
    port_write(0xb2, 1, 0x55);
    g_assert_cmpuint(smis, ==, 0);
    g_assert_cmphex(port_read(PM + 0x18, 2), ==, 0x20);
    port_write(PM + 0x28, 4, 1);
    port_write(0xb2, 1, 0x55);
    g_assert_cmpuint(smis, ==, 1);
    port_write(PM + 0x18, 2, 0x20);
    g_assert_cmphex(port_read(PM + 0x18, 2), ==, 0);
    /* The two locks of ACPI's global lock. */
    port_write(PM + 4, 2, 5);
    g_assert_cmphex(port_read(PM + 4, 2), ==, 1);
    g_assert_cmphex(port_read(PM + 0x18, 2), ==, 1);
    g_assert_cmpuint(smis, ==, 2);
    port_write(PM + 2, 2, 0x20);
    port_write(PM + 0x28, 4, 3);
    g_assert_cmphex(port_read(PM + 0x28, 4), ==, 1);
    g_assert_true(sci());
    pci_machine_free();
}

/* ---- sleep ---- */

static void sleep_with(unsigned type)
{
    port_write(PM + 4, 2, 0x2000 | type << 10);
}

static void test_soft_off(void)
{
    int status = 1;

    set_up();
    machine_start();
    sleep_with(0);
    g_assert_cmphex(port_read(PM + 4, 2), ==, 0);
    g_assert_true(machine_handle_requests(&status));
    pci_machine_free();
}

static void test_suspend(void)
{
    int status = 1;

    set_up();
    machine_start();
    sleep_with(1);
    g_assert_false(machine_handle_requests(&status));
    g_assert_cmpint(machine_run_state(), ==, RUN_STATE_SUSPENDED);
    machine_request_wakeup();
    g_assert_false(machine_handle_requests(&status));
    g_assert_cmpint(machine_run_state(), ==, RUN_STATE_RUNNING);
    config_write(DEVFN, 0x40, 4, PM | 1);
    config_write(DEVFN, 0x80, 1, 1);
    g_assert_cmphex(port_read(PM, 2) & 0x8100, ==, 0x8100);
    machine_stop(RUN_STATE_PAUSED);
    pci_machine_free();
}

static void test_disabled_sleep(void)
{
    int status = 1;

    set_up_with("disable_s3=1");
    machine_start();
    sleep_with(1);
    sleep_with(5);
    g_assert_false(machine_handle_requests(&status));
    g_assert_cmpint(machine_run_state(), ==, RUN_STATE_RUNNING);
    sleep_with(2);
    g_assert_true(machine_handle_requests(&status));
    pci_machine_free();
}

/* ---- SMBus ---- */

enum { QUICK = 0 << 2, BYTE = 1 << 2, BYTE_DATA = 2 << 2, WORD_DATA = 3 << 2, BLOCK = 5 << 2 };

static uint8_t transact(unsigned protocol, unsigned address, bool read, uint8_t command)
{
    uint8_t status;

    port_write(SMBUS + 3, 1, command);
    port_write(SMBUS + 4, 1, address << 1 | read);
    port_write(SMBUS + 2, 1, 0x40 | protocol);
    status = port_read(SMBUS, 1);
    port_write(SMBUS, 1, 0xff);
    g_assert_cmphex(port_read(SMBUS, 1), ==, 0);
    return status;
}

static void test_smbus(void)
{
    set_up();
    g_assert_cmphex(transact(QUICK, 0x50, false, 0), ==, 0x02);
    g_assert_cmphex(transact(QUICK, 0x57, false, 0), ==, 0x06);
    /* The second module of 1.5 GiB has 512 MiB; the blank one is zero. */
    g_assert_cmphex(transact(BYTE_DATA, 0x50, true, 2), ==, 0x02);
    g_assert_cmphex(port_read(SMBUS + 5, 1), ==, 8);
    transact(BYTE_DATA, 0x50, true, 31);
    g_assert_cmphex(port_read(SMBUS + 5, 1), ==, 0x01);
    transact(BYTE_DATA, 0x51, true, 31);
    g_assert_cmphex(port_read(SMBUS + 5, 1), ==, 0x80);
    transact(BYTE_DATA, 0x52, true, 31);
    g_assert_cmphex(port_read(SMBUS + 5, 1), ==, 0);
    /* Bytes and words, forth and back. */
    port_write(SMBUS + 5, 1, 0x12);
    transact(BYTE_DATA, 0x52, false, 0x20);
    port_write(SMBUS + 5, 2, 0x5634);
    transact(WORD_DATA, 0x52, false, 0x21);
    transact(WORD_DATA, 0x52, true, 0x20);
    g_assert_cmphex(port_read(SMBUS + 5, 2), ==, 0x3412);
    transact(BYTE, 0x52, true, 0);
    g_assert_cmphex(port_read(SMBUS + 5, 1), ==, 0x56);
    transact(BYTE, 0x52, false, 0x21);
    transact(BYTE, 0x52, true, 0);
    g_assert_cmphex(port_read(SMBUS + 5, 1), ==, 0x34);
    check_save_and_load(&pm->pci.device);
    check_save_and_load(pm->bus->bus.first);
    pci_machine_free();
}

static void test_smbus_block(void)
{
    set_up();
    port_read(SMBUS + 2, 1);
    for (unsigned i = 0; i < 4; i++) {
        port_write(SMBUS + 7, 1, 0xa0 + i);
    }
    port_write(SMBUS + 5, 1, 4);
    g_assert_cmphex(transact(BLOCK, 0x52, false, 0x40), ==, 0x02);
    /* An EEPROM stores the count as a byte like the others; so a block read finds it. */
    g_assert_cmphex(transact(BLOCK, 0x52, true, 0x40), ==, 0x02);
    g_assert_cmphex(port_read(SMBUS + 5, 1), ==, 4);
    port_read(SMBUS + 2, 1);
    for (unsigned i = 0; i < 4; i++) {
        g_assert_cmphex(port_read(SMBUS + 7, 1), ==, 0xa0 + i);
    }
    /* Counts that cannot be. */
    port_write(SMBUS + 5, 1, 33);
    g_assert_cmphex(transact(BLOCK, 0x52, false, 0), ==, 0x06);
    port_write(SMBUS + 5, 1, 0);
    g_assert_cmphex(transact(BLOCK, 0x52, false, 0), ==, 0x06);
    g_assert_cmphex(transact(BLOCK, 0x50, true, 0), ==, 0x06);
    g_assert_cmphex(transact(4 << 2, 0x50, true, 0), ==, 0x06);
    /* The data port goes round. */
    for (unsigned i = 0; i < 100; i++) {
        port_write(SMBUS + 7, 1, i);
        port_read(SMBUS + 7, 1);
    }
    pci_machine_free();
}

static void test_smbus_interrupt(void)
{
    set_up();
    port_write(SMBUS + 4, 1, 0x50 << 1);
    port_write(SMBUS + 2, 1, 0x41);
    g_assert_true(sci());
    port_write(SMBUS, 1, 2);
    g_assert_false(sci());
    config_write(DEVFN, 0xd2, 1, 0x01);
    port_write(SMBUS + 2, 1, 0x41);
    g_assert_false(sci());
    config_write(DEVFN, 0xd2, 1, 0);
    g_assert_cmphex(port_read(SMBUS, 1), ==, 0xff);
    pci_machine_free();
}

static void test_spd(void)
{
    uint8_t data[SPD_SIZE], sum = 0;

    spd_fill(data, RAM, 0);
    for (unsigned i = 0; i < 63; i++) {
        sum += data[i];
    }
    g_assert_cmphex(sum, ==, data[63]);
    /* Size from the geometry, for every size there is. */
    for (uint64_t size = 128ull << 20; size <= 16ull << 30; size <<= 1) {
        spd_fill(data, size, 0);
        g_assert_cmpuint((1ull << (data[3] + data[4])) * data[17] * 8, ==, size);
        spd_fill(data, size, 1);
        g_assert_cmphex(data[2], ==, 0);
    }
    spd_fill(data, 64ull << 30, 3);
    g_assert_cmphex(data[31], ==, 0x10);
    spd_fill(data, 64ull << 30, 4);
    g_assert_cmphex(data[2], ==, 0);
    spd_fill(data, 64 << 20, 0);
    g_assert_cmphex(data[2], ==, 0);
}

static void test_bad_options(void)
{
    g_autoptr(GError) error = NULL;

    machine = pci_machine_new(RAM);
    pci_machine_add(BUS(machine.bus), "PIIX4_PM", "pm", "addr=1", "smb_io_base=0xb101", NULL);
    g_assert_false(machine_bring_up(false, &error));
    g_assert_nonnull(strstr(error->message, "multiple of 16"));
    pci_machine_free();
    g_clear_error(&error);
    machine = pci_machine_new(RAM);
    pci_machine_add(BUS(machine.bus), "PIIX4_PM", "pm", "addr=1", NULL);
    pci_machine_add(bus_find("i2c", NULL), "smbus-eeprom", "a", "address=0x50", NULL);
    pci_machine_add(bus_find("i2c", NULL), "smbus-eeprom", "b", "address=0x50", NULL);
    g_assert_false(machine_bring_up(false, &error));
    g_assert_nonnull(strstr(error->message, "address 0x50 of bus i2c is taken"));
    pci_machine_free();
}

static void test_coverage(void)
{
    check_type("PIIX4_PM");
    check_type("smbus-eeprom");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_machine_types(NULL);
    g_test_add_func("/piix4-pm/base", test_base);
    g_test_add_func("/piix4-pm/timer", test_timer);
    g_test_add_func("/piix4-pm/power-button", test_power_button);
    g_test_add_func("/piix4-pm/general-purpose", test_general_purpose);
    g_test_add_func("/piix4-pm/smi", test_smi);
    g_test_add_func("/piix4-pm/soft-off", test_soft_off);
    g_test_add_func("/piix4-pm/suspend", test_suspend);
    g_test_add_func("/piix4-pm/disabled-sleep", test_disabled_sleep);
    g_test_add_func("/piix4-pm/smbus", test_smbus);
    g_test_add_func("/piix4-pm/smbus-block", test_smbus_block);
    g_test_add_func("/piix4-pm/smbus-interrupt", test_smbus_interrupt);
    g_test_add_func("/piix4-pm/spd", test_spd);
    g_test_add_func("/piix4-pm/bad-options", test_bad_options);
    g_test_add_func("/piix4-pm/coverage", test_coverage);
    return g_test_run();
}
