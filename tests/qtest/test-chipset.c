/* SPDX-License-Identifier: MIT */
/* The 440FX, the PIIX3 and the PIIX4 as they are wired on the PC. */
#include "tests/qtest/libqtest.h"

enum { PM = 0x600, APMC = 0xb2, RESET = 0xcf9 };

static QTest *start(void)
{
    QTest *qtest = qtest_start("-machine pc -m 16M");

    qtest_pci_writel(qtest, 1, 3, 0x40, PM | 1);
    qtest_pci_writeb(qtest, 1, 3, 0x80, 1);
    return qtest;
}

static void test_functions(void)
{
    QTest *qtest = start();

    g_assert_cmphex(qtest_pci_readl(qtest, 0, 0, 0), ==, 0x12378086);
    g_assert_cmphex(qtest_pci_readl(qtest, 1, 0, 0), ==, 0x70008086);
    g_assert_cmphex(qtest_pci_readl(qtest, 1, 3, 0), ==, 0x71138086);
    g_assert_cmphex(qtest_pci_readl(qtest, 1, 4, 0), ==, UINT32_MAX);
    g_assert_cmphex(qtest_pci_readl(qtest, 31, 7, 0), ==, UINT32_MAX);
    qtest_stop(qtest);
}

static void test_shadow(void)
{
    QTest *qtest = start();

    qtest_pci_writeb(qtest, 0, 0, 0x5a, 0x33);
    qtest_writel(qtest, 0xc0000, 0x12345678);
    qtest_pci_writeb(qtest, 0, 0, 0x5a, 0x11);
    qtest_writel(qtest, 0xc0000, 0);
    g_assert_cmphex(qtest_readl(qtest, 0xc0000), ==, 0x12345678);
    qtest_pci_writeb(qtest, 0, 0, 0x5a, 0);
    g_assert_cmphex(qtest_readl(qtest, 0xc0000), ==, UINT32_MAX);
    qtest_stop(qtest);
}

static void test_sci(void)
{
    QTest *qtest = start();

    qtest_outb(qtest, APMC, 0xf1);
    g_assert_cmphex(qtest_inw(qtest, PM + 4) & 1, ==, 1);
    qtest_outw(qtest, PM, 0xffff);
    qtest_outw(qtest, PM + 2, 1);
    g_assert_false(qtest_pin(qtest, "piix3", "irq", 9));
    qtest_clock_step(qtest, 3000000000);
    g_assert_true(qtest_pin(qtest, "piix3", "irq", 9));
    qtest_outw(qtest, PM, 1);
    g_assert_false(qtest_pin(qtest, "piix3", "irq", 9));
    qtest_stop(qtest);
}

/* A pulse at the first CPU: GLBCTL's SMI_EN, then APMC with DEVACTB's APMC_EN. */
static void test_smi(void)
{
    QTest *qtest = start();

    qtest_intercept_in(qtest, "cpu[0]");
    qtest_pci_writel(qtest, 1, 3, 0x58, 1 << 25);
    qtest_outb(qtest, APMC, 0x55);
    g_assert_cmpuint(qtest_irq_raised(qtest, 2), ==, 0);
    qtest_outl(qtest, PM + 0x28, qtest_inl(qtest, PM + 0x28) | 1);
    qtest_outb(qtest, APMC, 0x55);
    g_assert_cmpuint(qtest_irq_raised(qtest, 2), ==, 1);
    qtest_stop(qtest);
}

static void test_timer(void)
{
    QTest *qtest = start();
    uint32_t before = qtest_inl(qtest, PM + 8);

    qtest_clock_step(qtest, 1000000000);
    g_assert_cmpuint((qtest_inl(qtest, PM + 8) - before - 3579545 + 1) & 0xffffff, <=, 2);
    qtest_stop(qtest);
}

static void test_reset(void)
{
    QTest *qtest = start();

    qtest_pci_writeb(qtest, 1, 0, 0x60, 5);
    qtest_outb(qtest, RESET, 6);
    qtest_expect_event(qtest, "RESET", "reason", "guest-reset");
    g_assert_cmphex(qtest_pci_readb(qtest, 1, 0, 0x64), ==, 0x10);
    qtest_stop(qtest);
}

static void test_power_off(void)
{
    QTest *qtest = start();

    qtest_outw(qtest, PM + 4, 0x2000);
    qtest_expect_event(qtest, "SHUTDOWN", "reason", "guest-shutdown");
    g_assert_cmpint(qtest_wait_exit(qtest), ==, 0);
}

/* The memory module in slot 0 has 128 MiB, the one in slot 1 is not there. */
static void test_smbus(void)
{
    enum { SMBUS = 0xb100, READ_BYTE_DATA = 0x48 };
    QTest *qtest = qtest_start("-machine pc -m 128M");

    for (unsigned slot = 0; slot < 2; slot++) {
        qtest_outb(qtest, SMBUS, 0xff);
        qtest_outb(qtest, SMBUS + 3, 31);
        qtest_outb(qtest, SMBUS + 4, (0x50 + slot) << 1 | 1);
        qtest_outb(qtest, SMBUS + 2, READ_BYTE_DATA);
        g_assert_cmphex(qtest_inb(qtest, SMBUS), ==, 2);
        g_assert_cmphex(qtest_inb(qtest, SMBUS + 5), ==, slot ? 0 : 0x20);
    }
    qtest_stop(qtest);
}

/* Every register of every function, with everything a guest may try. */
static void test_hammer(void)
{
    static const uint32_t values[] = { 0, UINT32_MAX, 0x55555555, 0xaaaaaaaa };
    static const unsigned functions[] = { 0, 3 };
    QTest *qtest = start();

    for (unsigned f = 0; f < 2; f++) {
        for (unsigned offset = 0; offset < 256; offset += 4) {
            for (unsigned i = 0; i < 4; i++) {
                qtest_pci_writel(qtest, 1, functions[f], offset, values[i]);
                qtest_pci_writew(qtest, 1, functions[f], offset + 1, values[3 - i]);
                qtest_pci_readl(qtest, 1, functions[f], offset);
            }
        }
    }
    for (unsigned port = 0; port < 0x40; port++) {
        qtest_inl(qtest, PM + port);
    }
    qtest_stop(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/chipset/functions", test_functions);
    g_test_add_func("/chipset/shadow", test_shadow);
    g_test_add_func("/chipset/sci", test_sci);
    g_test_add_func("/chipset/timer", test_timer);
    g_test_add_func("/chipset/reset", test_reset);
    g_test_add_func("/chipset/smi", test_smi);
    g_test_add_func("/chipset/power-off", test_power_off);
    g_test_add_func("/chipset/smbus", test_smbus);
    g_test_add_func("/chipset/hammer", test_hammer);
    return g_test_run();
}
