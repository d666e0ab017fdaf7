/* SPDX-License-Identifier: MIT */
/* pvpanic, by port and by PCI: what a guest tells becomes an event. */
#include "tests/qtest/libqtest.h"

enum { SLOT = 0x10, BAR = 0xe0000000, PORT = 0x505 };

static void test_isa(void)
{
    QTest *qtest = qtest_start("-machine pc -m 16M -device pvpanic -action panic=none");

    g_assert_cmphex(qtest_inb(qtest, PORT), ==, 3);
    qtest_outb(qtest, PORT, 2);
    qtest_expect_event(qtest, "GUEST_CRASHLOADED", "action", "run");
    qtest_outb(qtest, PORT, 1);
    qtest_expect_event(qtest, "GUEST_PANICKED", "action", "run");
    qtest_outb(qtest, PORT, 0xfc);
    qtest_stop(qtest);
}

static void test_port(void)
{
    QTest *qtest = qtest_start("-machine pc -m 16M -device pvpanic,ioport=0x600,events=2 "
                               "-action panic=none");

    g_assert_cmphex(qtest_inb(qtest, PORT), ==, 0xff);
    g_assert_cmphex(qtest_inb(qtest, 0x600), ==, 2);
    /* A panic is not among its events; the crash load after it is the first thing told. */
    qtest_outb(qtest, 0x600, 1);
    qtest_outb(qtest, 0x600, 3);
    qtest_expect_event(qtest, "GUEST_CRASHLOADED", "action", "run");
    qtest_stop(qtest);
}

static void test_pci(void)
{
    QTest *qtest = qtest_start("-machine pc -m 16M -device pvpanic-pci,addr=10 "
                               "-action panic=none");

    g_assert_cmphex(qtest_pci_readl(qtest, SLOT, 0, 0), ==, 0x00111b36);
    g_assert_cmphex(qtest_pci_readl(qtest, SLOT, 0, 8), ==, 0x08800001);
    qtest_pci_writel(qtest, SLOT, 0, 0x10, BAR);
    qtest_pci_writew(qtest, SLOT, 0, 4, 2);
    g_assert_cmphex(qtest_readb(qtest, (uint32_t)BAR), ==, 3);
    qtest_writeb(qtest, (uint32_t)BAR, 1);
    qtest_expect_event(qtest, "GUEST_PANICKED", "action", "run");
    qtest_stop(qtest);
}

static void test_shutdown(void)
{
    QTest *qtest = qtest_start("-machine pc -m 16M -device pvpanic");

    qtest_outb(qtest, PORT, 1);
    qtest_expect_event(qtest, "GUEST_PANICKED", "action", "pause");
    qtest_expect_event(qtest, "GUEST_PANICKED", "action", "poweroff");
    g_assert_cmpint(qtest_wait_exit(qtest), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pvpanic/isa", test_isa);
    g_test_add_func("/pvpanic/port", test_port);
    g_test_add_func("/pvpanic/pci", test_pci);
    g_test_add_func("/pvpanic/shutdown", test_shutdown);
    return g_test_run();
}
