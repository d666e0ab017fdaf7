/* SPDX-License-Identifier: MIT */
/* pci-testdev on the PC: the tests as its header describes them, on both BARs. */
#include <string.h>

#include "tests/qtest/libqtest.h"

enum { SLOT = 0x10, MEMORY = 0xe0000000, PORTS = 0xc000 };
enum { WIDTH = 1, OFFSET = 4, DATA = 8, COUNT = 12, NAME = 16 };

static QTest *start(const char *options)
{
    QTest *qtest = qtest_start("-machine pc -m 16M -device pci-testdev,addr=10%s", options);

    qtest_pci_writel(qtest, SLOT, 0, 0x10, MEMORY);
    qtest_pci_writel(qtest, SLOT, 0, 0x14, PORTS);
    qtest_pci_writew(qtest, SLOT, 0, 4, 3);
    return qtest;
}

static uint8_t get_byte(QTest *qtest, bool ports, unsigned offset)
{
    return ports ? qtest_inb(qtest, PORTS + offset)
        : qtest_readb(qtest, (uint32_t)MEMORY + offset);
}

static uint32_t get(QTest *qtest, bool ports, unsigned offset)
{
    return ports ? qtest_inl(qtest, PORTS + offset)
        : qtest_readl(qtest, (uint32_t)MEMORY + offset);
}

static void put(QTest *qtest, bool ports, unsigned offset, uint8_t value)
{
    if (ports) {
        qtest_outb(qtest, PORTS + offset, value);
    } else {
        qtest_writeb(qtest, (uint32_t)MEMORY + offset, value);
    }
}

static void check_half(QTest *qtest, bool ports)
{
    static const char *const names[] = { "no-eventfd", "wildcard-eventfd", "datamatch-eventfd" };

    g_assert_cmphex(get(qtest, ports, 0), ==, 0);
    for (unsigned test = 0; test < 3; test++) {
        g_autofree char *expected = g_strdup_printf("%s-%s", ports ? "portio" : "mmio",
                                                    names[test]);
        uint32_t offset, data;
        char name[32];
        put(qtest, ports, 0, test);
        for (unsigned i = 0; i < sizeof(name); i++) {
            name[i] = get_byte(qtest, ports, NAME + i);
        }
        g_assert_cmpstr(name, ==, expected);
        g_assert_cmphex(get_byte(qtest, ports, WIDTH), ==, 1);
        offset = get(qtest, ports, OFFSET);
        data = get(qtest, ports, DATA);
        g_assert_cmphex(offset, <, ports ? 0x100 : 0x1000);
        g_assert_cmphex(get(qtest, ports, COUNT), ==, 0);
        put(qtest, ports, offset, data);
        put(qtest, ports, offset, data);
        g_assert_cmphex(get(qtest, ports, COUNT), ==, 2);
        put(qtest, ports, offset, data ^ 0xff);
        g_assert_cmphex(get(qtest, ports, COUNT), ==, test == 1 ? 3 : 2);
        put(qtest, ports, offset + 8, data);
        g_assert_cmphex(get(qtest, ports, COUNT), ==, test == 1 ? 3 : 2);
    }
    put(qtest, ports, 0, 3);
    g_assert_cmphex(get(qtest, ports, 0), ==, 0);
}

static void test_both(void)
{
    QTest *qtest = start("");

    check_half(qtest, false);
    check_half(qtest, true);
    /* Any access anywhere. */
    for (unsigned offset = 0; offset < 0x1000; offset += 61) {
        qtest_writeq(qtest, (uint32_t)MEMORY + offset, 0x0202020202020202);
        qtest_readq(qtest, (uint32_t)MEMORY + offset);
    }
    qtest_stop(qtest);
}

static void test_membar(void)
{
    QTest *qtest = start(",membar=8G");
    char *message = NULL;

    qtest_pci_writel(qtest, SLOT, 0, 0x18, 0xffffffff);
    qtest_pci_writel(qtest, SLOT, 0, 0x1c, 0xffffffff);
    g_assert_cmphex(qtest_pci_readl(qtest, SLOT, 0, 0x18), ==, 0xc);
    g_assert_cmphex(qtest_pci_readl(qtest, SLOT, 0, 0x1c), ==, 0xfffffffe);
    qtest_stop(qtest);
    g_assert_cmpint(qtest_run(&message, "-machine pc -device pci-testdev,membar=3M"), ==, 1);
    g_assert_nonnull(strstr(message, "power of two"));
    g_free(message);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci-testdev/both", test_both);
    g_test_add_func("/pci-testdev/membar", test_membar);
    return g_test_run();
}
