/* SPDX-License-Identifier: MIT */
/* The PC's keyboard controller: its commands, interrupts, keys from QMP, reset, A20. */
#include <string.h>

#include "tests/qtest/libqtest.h"

enum { DATA = 0x60, STATUS = 0x64, COMMAND = 0x64, PORT92 = 0x92 };
enum { KBD_IRQ = 1, AUX_IRQ = 12 };

static void expect(QTest *qtest, const char *bytes)
{
    g_auto(GStrv) words = g_strsplit(bytes, " ", -1);

    for (unsigned i = 0; words[i]; i++) {
        g_assert_cmphex(qtest_inb(qtest, STATUS) & 0x01, ==, 0x01);
        g_assert_cmphex(qtest_inb(qtest, DATA), ==, g_ascii_strtoull(words[i], NULL, 16));
    }
    g_assert_cmphex(qtest_inb(qtest, STATUS) & 0x01, ==, 0);
}

static void test_commands(void)
{
    QTest *qtest = qtest_start("-machine pc");

    qtest_outb(qtest, COMMAND, 0xaa);
    expect(qtest, "55");
    qtest_outb(qtest, COMMAND, 0xab);
    expect(qtest, "00");
    qtest_outb(qtest, DATA, 0xff);
    expect(qtest, "fa aa");
    qtest_outb(qtest, DATA, 0xf2);
    expect(qtest, "fa ab 83");
    qtest_outb(qtest, COMMAND, 0xd4);
    qtest_outb(qtest, DATA, 0xff);
    g_assert_cmphex(qtest_inb(qtest, STATUS) & 0x21, ==, 0x21);
    expect(qtest, "fa aa 00");
    qtest_stop(qtest);
}

static void assert_done(GVariant *reply)
{
    g_autoptr(GVariant) G_GNUC_UNUSED held = reply;
    g_autofree char *text = g_variant_print(reply, FALSE);

    if (!strstr(text, "'return'")) {
        g_error("QMP answers %s", text);
    }
}

static void test_keys(void)
{
    QTest *qtest = qtest_start("-machine pc");
    g_autofree char *mice = NULL, *irqs = NULL, *counted = NULL;

    qtest_intercept_in(qtest, "ioapic");
    qtest_outb(qtest, COMMAND, 0x60);
    qtest_outb(qtest, DATA, 0x43);
    assert_done(qtest_qmp(qtest, "{\"execute\": \"send-key\", \"arguments\": {\"keys\": ["
                          "{\"type\": \"qcode\", \"data\": \"ctrl\"}, "
                          "{\"type\": \"qcode\", \"data\": \"right\"}]}}"));
    g_assert_true(qtest_irq(qtest, KBD_IRQ));
    g_assert_false(qtest_irq(qtest, AUX_IRQ));
    expect(qtest, "1d e0 4d");
    g_assert_cmpuint(qtest_irq_raised(qtest, KBD_IRQ), ==, 3);
    qtest_clock_step(qtest, 100000000);
    expect(qtest, "e0 cd 9d");
    qtest_clock_step(qtest, 100000000);

    qtest_outb(qtest, COMMAND, 0xd4);
    qtest_outb(qtest, DATA, 0xf4);
    expect(qtest, "fa");
    assert_done(qtest_qmp(qtest, "{\"execute\": \"input-send-event\", \"arguments\": "
                          "{\"events\": [{\"type\": \"rel\", \"data\": {\"axis\": \"x\", "
                          "\"value\": 5}}, {\"type\": \"btn\", \"data\": {\"button\": \"left\", "
                          "\"down\": true}}]}}"));
    g_assert_true(qtest_irq(qtest, AUX_IRQ));
    expect(qtest, "09 05 00");
    mice = qtest_hmp(qtest, "info mice");
    g_assert_nonnull(strstr(mice, "PS/2 Mouse"));
    irqs = qtest_hmp(qtest, "info irq");
    counted = g_strdup_printf("\n 1: %u\r\n", qtest_irq_raised(qtest, KBD_IRQ));
    g_assert_nonnull(strstr(irqs, counted));
    qtest_stop(qtest);
}

static void test_a20(void)
{
    QTest *qtest = qtest_start("-machine pc");

    g_assert_true(qtest_pin(qtest, "i8042", "a20", 0));
    qtest_outb(qtest, COMMAND, 0xdd);
    g_assert_false(qtest_pin(qtest, "i8042", "a20", 0));
    qtest_outb(qtest, COMMAND, 0xdf);
    g_assert_true(qtest_pin(qtest, "i8042", "a20", 0));
    qtest_outb(qtest, PORT92, 0x02);
    g_assert_cmphex(qtest_inb(qtest, PORT92), ==, 0x02);
    g_assert_true(qtest_pin(qtest, "port92", "a20", 0));
    qtest_stop(qtest);
}

/* Closed, the second MiB is the first one; either controller opens it. */
static void test_a20_wrap(void)
{
    QTest *qtest = qtest_start("-machine pc -m 4");

    qtest_writel(qtest, 0x500, 0x11111111);
    qtest_writel(qtest, 0x100500, 0x22222222);
    qtest_outb(qtest, COMMAND, 0xdd);
    g_assert_cmphex(qtest_readl(qtest, 0x100500), ==, 0x11111111);
    qtest_writel(qtest, 0x100500, 0x33333333);
    g_assert_cmphex(qtest_readl(qtest, 0x500), ==, 0x33333333);
    g_assert_cmphex(qtest_readl(qtest, 0x1ffff0), ==, qtest_readl(qtest, 0xffff0));
    qtest_outb(qtest, PORT92, 0x02);
    g_assert_cmphex(qtest_readl(qtest, 0x100500), ==, 0x22222222);
    qtest_outb(qtest, PORT92, 0x00);
    g_assert_cmphex(qtest_readl(qtest, 0x100500), ==, 0x33333333);
    /* A reset opens it. */
    assert_done(qtest_qmp(qtest, "{\"execute\": \"system_reset\"}"));
    g_variant_unref(qtest_event(qtest, "RESET"));
    g_assert_cmphex(qtest_readl(qtest, 0x100500), ==, 0x22222222);
    qtest_stop(qtest);

    qtest = qtest_start("-machine pc,i8042=off -m 4");
    qtest_writel(qtest, 0x100500, 0x22222222);
    qtest_writel(qtest, 0x500, 0x11111111);
    g_assert_cmphex(qtest_readl(qtest, 0x100500), ==, 0x22222222);
    qtest_stop(qtest);
}

static void test_reset(uint16_t port, uint8_t value)
{
    QTest *qtest = qtest_start("-machine pc");
    g_autoptr(GVariant) event = NULL;
    g_autofree char *text = NULL;

    qtest_outb(qtest, port, value);
    event = qtest_event(qtest, "RESET");
    text = g_variant_print(event, FALSE);
    g_assert_nonnull(strstr(text, "guest-reset"));
    g_assert_false(qtest_pin(qtest, "piix3", "rcin", port == PORT92));
    g_assert_cmphex(qtest_inb(qtest, STATUS), ==, 0x18);
    qtest_stop(qtest);
}

static void test_resets(void)
{
    test_reset(COMMAND, 0xfe);
    test_reset(PORT92, 0x01);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8042/commands", test_commands);
    g_test_add_func("/i8042/keys", test_keys);
    g_test_add_func("/i8042/a20", test_a20);
    g_test_add_func("/i8042/a20-wrap", test_a20_wrap);
    g_test_add_func("/i8042/reset", test_resets);
    return g_test_run();
}
