/* SPDX-License-Identifier: MIT */
/* Chips that are on no ISA bus, each alone: HPET, I/O APIC, local APIC, PIIX4's function 3. */
#include <string.h>

#include "tests/qtest/libqtest.h"

#define MILLISECOND INT64_C(1000000)
#define HPET        0xfed00000u
#define IOAPIC      0xfec00000u

/* ---- HPET ---- */

static QTest *start_hpet(const char *properties)
{
    g_autofree char *node = g_strdup_printf(
        "hpet: hpet@fed00000 { compatible = \"hpet\"; reg = <0 0xfed00000 0x400>; %s };",
        properties);

    return qtest_start_board(node, "-m 16M");
}

static void test_hpet(void)
{
    QTest *q = start_hpet("");
    uint64_t before;

    /* 100 MHz, 64 bits, three timers, legacy replacement. */
    g_assert_cmphex(qtest_readq(q, HPET), ==, 0x009896808086a201ull);
    g_assert_cmphex(qtest_readl(q, HPET + 4), ==, 0x00989680);
    g_assert_cmphex(qtest_readq(q, HPET + 0x10) | qtest_readq(q, HPET + 0xf0), ==, 0);
    /* It counts only when it is enabled. */
    qtest_clock_step(q, MILLISECOND);
    g_assert_cmphex(qtest_readq(q, HPET + 0xf0), ==, 0);
    qtest_writel(q, HPET + 0x10, 1);
    qtest_clock_step(q, MILLISECOND);
    before = qtest_readq(q, HPET + 0xf0);
    g_assert_cmpuint(before, ==, 100000);
    g_assert_cmphex(qtest_readl(q, HPET + 0xf0), ==, before);
    qtest_writel(q, HPET + 0x10, 0);
    qtest_clock_step(q, MILLISECOND);
    g_assert_cmpuint(qtest_readq(q, HPET + 0xf0), ==, before);
    qtest_stop(q);
}

static void test_hpet_timers(void)
{
    QTest *q = start_hpet("hpet-intcap = <0x300000>;");

    g_assert_cmphex(qtest_readq(q, HPET + 0x120) >> 32, ==, 0x300000);

    /* Timer 1, level, to line 20: raised until it is acknowledged in the status register. */
    qtest_writel(q, HPET + 0x120, 20 << 9 | 1 << 1 | 1 << 2);
    qtest_writeq(q, HPET + 0x128, 50000);
    qtest_writel(q, HPET + 0x10, 1);
    qtest_clock_step(q, MILLISECOND / 2 - 100);
    g_assert_false(qtest_pin(q, "hpet", "irq", 20));
    qtest_clock_step(q, 200);
    g_assert_true(qtest_pin(q, "hpet", "irq", 20));
    g_assert_cmphex(qtest_readl(q, HPET + 0x20), ==, 2);
    qtest_writel(q, HPET + 0x20, 2);
    g_assert_false(qtest_pin(q, "hpet", "irq", 20));
    /* Timer 0, periodic, an edge each millisecond. */
    qtest_intercept_out(q, "hpet");
    qtest_writel(q, HPET + 0x100, 21 << 9 | 1 << 2 | 1 << 3 | 1 << 6);
    qtest_writeq(q, HPET + 0x108, qtest_readq(q, HPET + 0xf0) + 100000);
    qtest_writeq(q, HPET + 0x108, 100000);
    qtest_clock_step(q, 10 * MILLISECOND + MILLISECOND / 2);
    g_assert_cmpuint(qtest_irq_raised(q, 21), ==, 10);
    /* Legacy replacement moves it to line 0. */
    g_assert_false(qtest_pin(q, "hpet", "legacy", 0));
    qtest_writel(q, HPET + 0x10, 3);
    g_assert_true(qtest_pin(q, "hpet", "legacy", 0));
    qtest_clock_step(q, 2 * MILLISECOND);
    g_assert_cmpuint(qtest_irq_raised(q, 21), ==, 10);
    g_assert_cmpuint(qtest_irq_raised(q, 0), ==, 2);
    qtest_stop(q);
}

static void test_hpet_properties(void)
{
    QTest *q = start_hpet("timers = <8>;");

    g_assert_cmphex(qtest_readl(q, HPET) >> 8 & 0x1f, ==, 7);
    qtest_writeq(q, HPET + 0x1e8, 0x1234);
    g_assert_cmphex(qtest_readq(q, HPET + 0x1e8), ==, 0x1234);
    qtest_stop(q);
}

/* ---- I/O APIC, and the local APIC that it sends to ---- */

#define APICS                                                                                  \
    "cpus { #address-cells = <1>; #size-cells = <0>;"                                          \
    "  cpu@0 { device_type = \"cpu\"; reg = <0>; }; };"                                        \
    "window@fee00000 { compatible = \"apic-msi\"; reg = <0 0xfee00000 0x100000>; };"           \
    "ioapic: ioapic@fec00000 { compatible = \"ioapic\"; reg = <0 0xfec00000 0x1000>; };"

static void set_entry(QTest *q, unsigned line, uint32_t high, uint32_t low)
{
    qtest_writel(q, IOAPIC, 0x11 + 2 * line);
    qtest_writel(q, IOAPIC + 0x10, high);
    qtest_writel(q, IOAPIC, 0x10 + 2 * line);
    qtest_writel(q, IOAPIC + 0x10, low);
}

static void test_ioapic(void)
{
    QTest *q = qtest_start_board(APICS, "-m 16M");

    qtest_writel(q, IOAPIC, 1);
    g_assert_cmphex(qtest_readl(q, IOAPIC + 0x10), ==, 0x170020);
    for (unsigned line = 0; line < 24; line++) {
        g_autofree char *name = g_strdup_printf("indirect.IOREDTBL[%u]", line);
        g_assert_cmphex(qtest_register(q, "ioapic", name), ==, 0x10000);
    }
    qtest_writel(q, IOAPIC, 0);
    qtest_writel(q, IOAPIC + 0x10, 0xffffffff);
    g_assert_cmphex(qtest_readl(q, IOAPIC + 0x10), ==, 0x0f000000);
    /* An entry that does not exist. */
    qtest_writel(q, IOAPIC, 0x40);
    qtest_writel(q, IOAPIC + 0x10, 0x5555);
    g_assert_cmphex(qtest_readl(q, IOAPIC + 0x10), ==, 0);
    /* Read-only and reserved bits. */
    set_entry(q, 3, 0xffffffff, 0xffffffff);
    g_assert_cmphex(qtest_register(q, "ioapic", "IOREDTBL[3]"), ==, 0x1afff);
    g_assert_cmphex(qtest_register(q, "ioapic", "IOREDTBLH[3]"), ==, 0xff000000);
    qtest_stop(q);
}

static void test_delivery(void)
{
    QTest *q = qtest_start_board(APICS, "-m 16M");

    g_assert_cmphex(qtest_register(q, "lapic", "VERSION"), ==, 0x50014);
    g_assert_cmphex(qtest_register(q, "lapic", "SVR"), ==, 0xff);
    g_assert_cmphex(qtest_register(q, "lapic", "LVT_LINT0"), ==, 0x700);
    g_assert_cmphex(qtest_register(q, "lapic", "LVT_TIMER"), ==, 0x10000);
    qtest_set_register(q, "lapic", "SVR", 0x1ff);
    /* An edge: once. */
    set_entry(q, 4, 0, 0x31);
    qtest_set_irq_in(q, "ioapic", "irq", 4, true);
    g_assert_cmphex(qtest_register(q, "lapic", "IRR[1]"), ==, 1 << 17);
    g_assert_cmphex(qtest_register(q, "lapic", "TMR[1]"), ==, 0);
    g_assert_true(qtest_pin(q, "lapic", "INTR", 0));
    /* A level: until its end is told. */
    set_entry(q, 5, 0, 0x8052);
    qtest_set_irq_in(q, "ioapic", "irq", 5, true);
    g_assert_cmphex(qtest_register(q, "ioapic", "IOREDTBL[5]"), ==, 0xc052);
    g_assert_cmphex(qtest_register(q, "lapic", "TMR[2]"), ==, 1 << 18);
    qtest_set_irq_in(q, "ioapic", "irq", 5, false);
    qtest_writel(q, IOAPIC + 0x40, 0x52);
    g_assert_cmphex(qtest_register(q, "ioapic", "IOREDTBL[5]"), ==, 0x8052);
    /* A masked edge is forgotten, a message of anybody's is taken. */
    set_entry(q, 6, 0, 0x10063);
    qtest_set_irq_in(q, "ioapic", "irq", 6, true);
    set_entry(q, 6, 0, 0x63);
    g_assert_cmphex(qtest_register(q, "lapic", "IRR[3]"), ==, 0);
    qtest_writel(q, 0xfee00000, 0x64);
    g_assert_cmphex(qtest_register(q, "lapic", "IRR[3]"), ==, 1 << 4);
    qtest_writel(q, 0xfee05000, 0x65);
    g_assert_cmphex(qtest_register(q, "lapic", "IRR[3]"), ==, 1 << 4);
    qtest_stop(q);
}

static void test_local_timer(void)
{
    QTest *q = qtest_start_board(APICS, "-m 16M");

    qtest_set_register(q, "lapic", "SVR", 0x1ff);
    qtest_set_register(q, "lapic", "DIVIDE", 0xb);
    qtest_set_register(q, "lapic", "LVT_TIMER", 0x20071);
    qtest_set_register(q, "lapic", "INITIAL_COUNT", 1000000);
    qtest_clock_step(q, MILLISECOND / 4);
    g_assert_cmpuint(qtest_register(q, "lapic", "CURRENT_COUNT"), ==, 750000);
    g_assert_false(qtest_pin(q, "lapic", "INTR", 0));
    qtest_clock_step(q, MILLISECOND);
    g_assert_true(qtest_pin(q, "lapic", "INTR", 0));
    g_assert_cmphex(qtest_register(q, "lapic", "IRR[3]"), ==, 1 << 17);
    g_assert_cmpuint(qtest_register(q, "lapic", "CURRENT_COUNT"), ==, 750000);
    /* Nothing counts in TSC-deadline mode. */
    qtest_set_register(q, "lapic", "LVT_TIMER", 0x40071);
    qtest_set_register(q, "lapic", "INITIAL_COUNT", 1000000);
    g_assert_cmpuint(qtest_register(q, "lapic", "CURRENT_COUNT"), ==, 0);
    qtest_stop(q);
}

/* ---- PIIX4, function 3 ---- */

enum { PM = 0x600, SMB = 0x700 };

#define PIIX4                                                                                  \
    "ram: ram { compatible = \"memory-backend-ram\"; vmm,template = \"ram\"; };"               \
    "host { compatible = \"i440FX-pcihost\"; memory = <&ram>;"                                 \
    "  #address-cells = <3>; #size-cells = <2>;"                                               \
    "  host-bridge@0,0 { compatible = \"i440FX\"; reg = <0 0 0 0 0>; };"                       \
    "  pm: pm@1,3 { compatible = \"PIIX4_PM\"; reg = <0x0b00 0 0 0 0>;"                        \
    "    #address-cells = <1>; #size-cells = <0>;"                                             \
    "    eeprom@50 { compatible = \"smbus-eeprom\"; reg = <0x50>; slot = <0>; }; }; };"

static QTest *start_piix4(void)
{
    QTest *q = qtest_start_board(PIIX4, "-m 128M");

    qtest_pci_writel(q, 1, 3, 0x40, PM | 1);
    qtest_pci_writeb(q, 1, 3, 0x80, 1);
    qtest_pci_writel(q, 1, 3, 0x90, SMB | 1);
    qtest_pci_writeb(q, 1, 3, 0xd2, 9);
    qtest_pci_writew(q, 1, 3, 0x04, 1);
    return q;
}

static void test_power_management(void)
{
    QTest *q = start_piix4();
    uint32_t before;

    g_assert_cmphex(qtest_pci_readl(q, 1, 3, 0), ==, 0x71138086);
    g_assert_cmphex(qtest_inw(q, PM) | qtest_inw(q, PM + 2) | qtest_inw(q, PM + 4), ==, 0);
    /* The timer: 3.579545 MHz; its 24th bit asks for an SCI when it may. */
    before = qtest_inl(q, PM + 8);
    qtest_clock_step(q, 100 * MILLISECOND);
    g_assert_cmpint(ABS((int)((qtest_inl(q, PM + 8) - before) & 0xffffff) - 357954), <=, 2);
    qtest_outw(q, PM + 2, 1);
    qtest_outw(q, PM + 4, 1);
    g_assert_false(qtest_pin(q, "pm", "sci", 0));
    qtest_clock_step(q, 2400 * MILLISECOND);
    g_assert_true(qtest_pin(q, "pm", "sci", 0));
    g_assert_cmphex(qtest_inw(q, PM) & 1, ==, 1);
    qtest_outw(q, PM, 1);
    g_assert_false(qtest_pin(q, "pm", "sci", 0));
    /* The power button. */
    qtest_outw(q, PM + 2, 0x100);
    g_variant_unref(qtest_qmp(q, "{\"execute\": \"system_powerdown\"}"));
    g_assert_cmphex(qtest_inw(q, PM) & 0x100, ==, 0x100);
    g_assert_true(qtest_pin(q, "pm", "sci", 0));
    /* Unmapped. */
    qtest_pci_writeb(q, 1, 3, 0x80, 0);
    g_assert_cmphex(qtest_inw(q, PM), ==, 0xffff);
    qtest_stop(q);
}

static void smbus(QTest *q, uint8_t address, uint8_t command, uint8_t protocol)
{
    qtest_outb(q, SMB, 0x1e);
    qtest_outb(q, SMB + 4, address);
    qtest_outb(q, SMB + 3, command);
    qtest_outb(q, SMB + 2, 0x40 | protocol << 2);
}

static void test_smbus(void)
{
    QTest *q = start_piix4();

    g_assert_cmphex(qtest_inb(q, SMB), ==, 0);
    /* Byte 2 of the module's description: its type. */
    smbus(q, 0xa1, 2, 2);
    g_assert_cmphex(qtest_inb(q, SMB) & 0x1f, ==, 2);
    g_assert_cmphex(qtest_inb(q, SMB + 5), ==, qtest_register(q, "pm", "SMBHSTDAT0"));
    g_assert_cmphex(qtest_inb(q, SMB + 5), !=, 0);
    /* Nobody is at the next address: a device error. */
    smbus(q, 0xa3, 2, 2);
    g_assert_cmphex(qtest_inb(q, SMB) & 0x1c, ==, 4);
    qtest_outb(q, SMB, 0x1e);
    g_assert_cmphex(qtest_inb(q, SMB) & 0x1f, ==, 0);
    qtest_stop(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/system-boards/hpet", test_hpet);
    g_test_add_func("/system-boards/hpet-timers", test_hpet_timers);
    g_test_add_func("/system-boards/hpet-properties", test_hpet_properties);
    g_test_add_func("/system-boards/ioapic", test_ioapic);
    g_test_add_func("/system-boards/apic-delivery", test_delivery);
    g_test_add_func("/system-boards/apic-timer", test_local_timer);
    g_test_add_func("/system-boards/power-management", test_power_management);
    g_test_add_func("/system-boards/smbus", test_smbus);
    return g_test_run();
}
