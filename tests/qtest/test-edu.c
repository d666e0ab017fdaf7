/* SPDX-License-Identifier: MIT */
/* edu on the PC: registers, the two engines in stepped time, pin and message. */
#include <string.h>

#include "tests/qtest/libqtest.h"

enum { SLOT = 0x10, BAR = 0xe0000000, MSI = 0x40, MAILBOX = 0x200000, DATA_AT = 0x300000 };
enum { ID = 0, LIVENESS = 4, FACTORIAL = 8, STATUS = 0x20, CAUSES = 0x24, RAISE = 0x60,
       ACKNOWLEDGE = 0x64, SOURCE = 0x80, DESTINATION = 0x88, COUNT = 0x90, COMMAND = 0x98 };
enum { BUFFER = 0x40000, MILLISECOND = 1000000 };

static QTest *start(const char *options)
{
    QTest *qtest = qtest_start("-machine pc -m 16M -device edu,id=edu,addr=10%s", options);

    qtest_pci_writel(qtest, SLOT, 0, 0x10, BAR);
    qtest_pci_writew(qtest, SLOT, 0, 4, 6);
    return qtest;
}

static uint32_t get(QTest *qtest, unsigned offset)
{
    return qtest_readl(qtest, (uint32_t)BAR + offset);
}

static void set(QTest *qtest, unsigned offset, uint32_t value)
{
    qtest_writel(qtest, (uint32_t)BAR + offset, value);
}

static bool pin(QTest *qtest)
{
    return qtest_pci_readw(qtest, SLOT, 0, 6) & 8;
}

static void test_identity(void)
{
    QTest *qtest = start("");

    g_assert_cmphex(qtest_pci_readl(qtest, SLOT, 0, 0), ==, 0x11e81234);
    g_assert_cmphex(qtest_pci_readl(qtest, SLOT, 0, 8), ==, 0x00ff0010);
    g_assert_cmphex(qtest_pci_readl(qtest, SLOT, 0, MSI), ==, 0x00800005);
    g_assert_cmphex(get(qtest, ID), ==, 0x010000ed);
    set(qtest, LIVENESS, 0x12345678);
    g_assert_cmphex(get(qtest, LIVENESS), ==, ~0x12345678u);
    g_assert_cmphex(get(qtest, 0x2c), ==, UINT32_MAX);
    /* Bytes are refused. */
    g_assert_cmphex(qtest_readb(qtest, (uint32_t)BAR), ==, 0xff);
    qtest_stop(qtest);
}

static void test_factorial(void)
{
    static const struct {
        uint32_t number, factorial;
    } cases[] = {
        { 0, 1 }, { 1, 1 }, { 5, 120 }, { 12, 479001600 }, { 33, 0x80000000 }, { 34, 0 },
        { UINT32_MAX, 0 },
    };
    QTest *qtest = start("");

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        set(qtest, FACTORIAL, cases[i].number);
        g_assert_cmphex(get(qtest, STATUS) & 1, ==, 1);
        set(qtest, FACTORIAL, 3);
        qtest_clock_step(qtest, MILLISECOND);
        g_assert_cmphex(get(qtest, STATUS) & 1, ==, 0);
        g_assert_cmphex(get(qtest, FACTORIAL), ==, cases[i].factorial);
    }
    g_assert_false(pin(qtest));
    set(qtest, STATUS, 0x80);
    set(qtest, FACTORIAL, 4);
    qtest_clock_step(qtest, MILLISECOND);
    g_assert_cmphex(get(qtest, CAUSES), ==, 1);
    g_assert_true(pin(qtest));
    set(qtest, ACKNOWLEDGE, 1);
    g_assert_false(pin(qtest));
    qtest_stop(qtest);
}

static void test_interrupts(void)
{
    QTest *qtest = start("");

    /* INTA# of slot 16 is PIRQD#, here routed to IRQ 11. */
    qtest_pci_writeb(qtest, 1, 0, 0x63, 11);
    qtest_intercept_out(qtest, "piix3");
    set(qtest, RAISE, 0x30);
    g_assert_cmphex(get(qtest, CAUSES), ==, 0x30);
    g_assert_true(qtest_pin(qtest, "piix3", "irq", 11));
    set(qtest, ACKNOWLEDGE, 0x10);
    g_assert_true(pin(qtest));
    set(qtest, ACKNOWLEDGE, 0x20);
    g_assert_false(pin(qtest));
    g_assert_false(qtest_pin(qtest, "piix3", "irq", 11));
    /* By message, which lands in RAM here. */
    qtest_pci_writel(qtest, SLOT, 0, MSI + 4, MAILBOX);
    qtest_pci_writew(qtest, SLOT, 0, MSI + 12, 0x4041);
    qtest_pci_writew(qtest, SLOT, 0, MSI + 2, 1);
    set(qtest, RAISE, 1);
    g_assert_cmphex(qtest_readl(qtest, MAILBOX), ==, 0x4041);
    g_assert_false(pin(qtest));
    qtest_stop(qtest);
}

static void transfer(QTest *qtest, uint64_t from, uint64_t to, uint64_t count, unsigned command)
{
    qtest_writeq(qtest, (uint32_t)BAR + SOURCE, from);
    qtest_writeq(qtest, (uint32_t)BAR + DESTINATION, to);
    set(qtest, COUNT, count);
    set(qtest, COUNT + 4, count >> 32);
    set(qtest, COMMAND, command);
    g_assert_cmphex(get(qtest, COMMAND) & 1, ==, 1);
    /* The engine's registers stand still. */
    set(qtest, SOURCE, 0);
    g_assert_cmphex(get(qtest, SOURCE), ==, (uint32_t)from);
    qtest_clock_step(qtest, MILLISECOND);
    g_assert_cmphex(get(qtest, COMMAND) & 1, ==, 0);
}

static void test_dma(void)
{
    QTest *qtest = start("");
    char back[16];

    qtest_write(qtest, DATA_AT, "through the card", 16);
    transfer(qtest, DATA_AT, BUFFER + 4080, 16, 1);
    transfer(qtest, BUFFER + 4080, DATA_AT + 0x100, 16, 7);
    qtest_read(qtest, DATA_AT + 0x100, back, 16);
    g_assert_cmpmem(back, 16, "through the card", 16);
    g_assert_cmphex(get(qtest, CAUSES), ==, 0x100);
    set(qtest, ACKNOWLEDGE, 0x100);
    /* Out of the buffer by one byte, by a sum that wraps, and by length. */
    qtest_memset(qtest, DATA_AT, 0x5a, 16);
    transfer(qtest, BUFFER + 4081, DATA_AT, 16, 3);
    transfer(qtest, UINT64_MAX - 7, DATA_AT, 16, 3);
    transfer(qtest, BUFFER, DATA_AT, UINT64_MAX, 3);
    transfer(qtest, BUFFER - 1, DATA_AT, 1, 3);
    g_assert_cmphex(qtest_readb(qtest, DATA_AT), ==, 0x5a);
    /* To its own registers: refused, and it lives on. */
    transfer(qtest, BUFFER, (uint32_t)BAR + RAISE, 8, 3);
    g_assert_cmphex(get(qtest, CAUSES), ==, 0);
    /* No bus mastering, no transfer. */
    qtest_pci_writew(qtest, SLOT, 0, 4, 2);
    transfer(qtest, BUFFER, DATA_AT, 16, 3);
    g_assert_cmphex(qtest_readb(qtest, DATA_AT), ==, 0x5a);
    qtest_stop(qtest);
}

static void test_dma_mask(void)
{
    QTest *qtest = start(",dma_mask=0xfffff");
    const uint64_t above = DATA_AT | 0x40;

    qtest_writeq(qtest, above & 0xfffff, 0x1122334455667788);
    transfer(qtest, above, BUFFER, 8, 1);
    transfer(qtest, BUFFER, 0x80, 8, 3);
    g_assert_cmphex(qtest_readq(qtest, 0x80), ==, 0x1122334455667788);
    qtest_stop(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/edu/identity", test_identity);
    g_test_add_func("/edu/factorial", test_factorial);
    g_test_add_func("/edu/interrupts", test_interrupts);
    g_test_add_func("/edu/dma", test_dma);
    g_test_add_func("/edu/dma-mask", test_dma_mask);
    return g_test_run();
}
