/* SPDX-License-Identifier: MIT */
/* The pc's interrupt controllers, timers and DMA as the board wires them. */
#include <string.h>

#include "tests/qtest/libqtest.h"

enum { PIC0 = 0x20, PIC1 = 0xa0, PIT = 0x40, PORT61 = 0x61, RTC = 0x70 };
#define IOAPIC 0xfec00000u
#define HPET   0xfed00000u
#define MILLISECOND 1000000

static QTest *start(void)
{
    QTest *q = qtest_start("-machine pc -m 64M");

    for (unsigned i = 0; i < 2; i++) {
        uint16_t port = i ? PIC1 : PIC0;
        qtest_outb(q, port, 0x11);
        qtest_outb(q, port + 1, 0x20 + 8 * i);
        qtest_outb(q, port + 1, i ? 2 : 4);
        qtest_outb(q, port + 1, 1);
    }
    return q;
}

static void pit_rate(QTest *q, unsigned count)
{
    qtest_outb(q, PIT + 3, 0x34);
    qtest_outb(q, PIT, count);
    qtest_outb(q, PIT, count >> 8);
}

static uint8_t requests(QTest *q, uint16_t pic)
{
    qtest_outb(q, pic, 0x0a);
    return qtest_inb(q, pic);
}

static void cmos_write(QTest *q, uint8_t index, uint8_t value)
{
    qtest_outb(q, RTC, index);
    qtest_outb(q, RTC + 1, value);
}

static uint8_t cmos_read(QTest *q, uint8_t index)
{
    qtest_outb(q, RTC, index);
    return qtest_inb(q, RTC + 1);
}

static void test_pit(void)
{
    QTest *q = start();

    qtest_intercept_in(q, "ioapic");
    g_assert_cmphex(requests(q, PIC0), ==, 0);
    pit_rate(q, 1193);
    qtest_clock_step(q, 10 * MILLISECOND + MILLISECOND / 2);
    /* Line 0 of the bus is the 8259's IR0 and the I/O APIC's pin 2. */
    g_assert_cmphex(requests(q, PIC0), ==, 0x01);
    g_assert_cmpuint(qtest_irq_raised(q, 2), >=, 10);
    g_assert_cmpuint(qtest_irq_raised(q, 2), <=, 12);
    g_assert_cmpuint(qtest_irq_raised(q, 0), ==, 0);
    qtest_stop(q);
}

static void test_speaker(void)
{
    QTest *q = start();

    qtest_outb(q, PORT61, 1);
    qtest_outb(q, PIT + 3, 0xb0);
    qtest_outb(q, PIT + 2, 100);
    qtest_outb(q, PIT + 2, 0);
    g_assert_cmphex(qtest_inb(q, PORT61) & 0x21, ==, 0x01);
    qtest_clock_step(q, MILLISECOND);
    g_assert_cmphex(qtest_inb(q, PORT61) & 0x21, ==, 0x21);
    qtest_stop(q);
}

static void test_rtc(void)
{
    QTest *q = start();

    qtest_intercept_in(q, "ioapic");
    cmos_write(q, 0x0b, 0x42);
    cmos_read(q, 0x0c);
    qtest_clock_step(q, 2 * MILLISECOND);
    g_assert_true(qtest_irq(q, 8));
    g_assert_cmphex(requests(q, PIC1), ==, 0x01);
    g_assert_cmphex(requests(q, PIC0), ==, 0x04);
    g_assert_cmphex(cmos_read(q, 0x0c) & 0xc0, ==, 0xc0);
    g_assert_false(qtest_irq(q, 8));
    qtest_stop(q);
}

/* -rtc sets the chip's properties. */
static void test_rtc_option(void)
{
    QTest *q = qtest_start("-machine pc -m 64M -rtc base=2006-06-17T16:01:21,clock=vm");
    g_autofree char *message = NULL, *other = NULL;

    g_assert_cmphex(cmos_read(q, 0x32), ==, 0x20);
    g_assert_cmphex(cmos_read(q, 0x09), ==, 0x06);
    g_assert_cmphex(cmos_read(q, 0x04), ==, 0x16);
    qtest_clock_step(q, 60ll * 1000 * MILLISECOND);
    g_assert_cmphex(cmos_read(q, 0x02), ==, 0x02);
    g_assert_cmphex(cmos_read(q, 0x00), ==, 0x21);
    qtest_stop(q);
    g_assert_cmpint(qtest_run(&message, "-machine pc -rtc base=soon"), ==, 1);
    g_assert_nonnull(strstr(message, "neither 'utc' nor 'localtime'"));
    g_assert_cmpint(qtest_run(&other, "-machine pc -rtc driftfix=maybe"), ==, 1);
    g_assert_nonnull(strstr(other, "'slew' or 'none'"));
}

static void test_hpet_replaces_both(void)
{
    QTest *q = start();
    unsigned before;

    qtest_intercept_in(q, "ioapic");
    g_assert_cmphex(qtest_readq(q, HPET), ==, 0x009896808086a201ull);
    pit_rate(q, 1193);
    qtest_writeq(q, HPET + 0x108, 100000);
    qtest_writeq(q, HPET + 0x100, 4);
    qtest_writeq(q, HPET + 0x10, 3);
    qtest_clock_step(q, MILLISECOND / 2);
    before = qtest_irq_raised(q, 2);
    qtest_clock_step(q, 10 * MILLISECOND);
    /* The PIT is silent now, and timer 0 came once. */
    g_assert_cmpuint(qtest_irq_raised(q, 2), ==, before + 1);
    qtest_writeq(q, HPET + 0x10, 1);
    qtest_clock_step(q, 10 * MILLISECOND);
    g_assert_cmpuint(qtest_irq_raised(q, 2), >=, before + 11);
    qtest_stop(q);
}

static void test_ioapic(void)
{
    QTest *q = start();

    qtest_writel(q, IOAPIC, 1);
    g_assert_cmphex(qtest_readl(q, IOAPIC + 0x10), ==, 0x170020);
    qtest_writel(q, IOAPIC, 0x10 + 2 * 5);
    g_assert_cmphex(qtest_readl(q, IOAPIC + 0x10), ==, 0x10000);
    qtest_writel(q, IOAPIC + 0x10, 0x8051);
    qtest_set_irq_in(q, "ioapic", "irq", 5, true);
    g_assert_cmphex(qtest_readl(q, IOAPIC + 0x10), ==, 0xc051);
    qtest_set_irq_in(q, "ioapic", "irq", 5, false);
    qtest_writel(q, IOAPIC + 0x40, 0x51);
    g_assert_cmphex(qtest_readl(q, IOAPIC + 0x10), ==, 0x8051);
    g_assert_cmphex(qtest_register(q, "ioapic", "IOREDTBL[5]"), ==, 0x8051);
    qtest_stop(q);
}

static void test_elcr(void)
{
    QTest *q = start();

    qtest_outw(q, 0x4d0, 0xffff);
    g_assert_cmphex(qtest_inw(q, 0x4d0), ==, 0xdef8);
    qtest_stop(q);
}

static void write_half(QTest *q, uint16_t port, uint16_t value)
{
    qtest_outb(q, port, value);
    qtest_outb(q, port, value >> 8);
}

/* Channel 1 by software request, through channel 4's cascade, into 0xa12000 of 64 MiB. */
static void test_dma(void)
{
    QTest *q = start();

    qtest_memset(q, 0xa12000, 0, 8);
    qtest_outb(q, 0x83, 0xa1);
    qtest_outb(q, 0x0c, 0);
    qtest_outb(q, 0x0b, 0x85);
    write_half(q, 0x02, 0x2000);
    write_half(q, 0x03, 3);
    qtest_outb(q, 0x09, 5);
    g_assert_cmphex(qtest_readl(q, 0xa12000), ==, 0);
    qtest_outb(q, 0xd6, 0xc0);
    qtest_outb(q, 0xd4, 0x00);
    g_assert_cmphex(qtest_readq(q, 0xa12000), ==, 0xffffffff);
    g_assert_cmphex(qtest_inb(q, 0x08), ==, 0x02);
    qtest_stop(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc-chips/pit", test_pit);
    g_test_add_func("/pc-chips/speaker", test_speaker);
    g_test_add_func("/pc-chips/rtc", test_rtc);
    g_test_add_func("/pc-chips/rtc-option", test_rtc_option);
    g_test_add_func("/pc-chips/hpet", test_hpet_replaces_both);
    g_test_add_func("/pc-chips/ioapic", test_ioapic);
    g_test_add_func("/pc-chips/elcr", test_elcr);
    g_test_add_func("/pc-chips/dma", test_dma);
    return g_test_run();
}
