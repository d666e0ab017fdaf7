/* SPDX-License-Identifier: MIT */
/* The ISA chips of the PC, each alone on a board of a host bridge and a PIIX3. */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/qtest/libqtest.h"

#define MILLISECOND INT64_C(1000000)
#define SECOND      (1000 * MILLISECOND)

static QTest *start(const char *node, const char *options)
{
    g_autofree char *nodes = g_strdup_printf(
        "ram: ram { compatible = \"memory-backend-ram\"; vmm,template = \"ram\"; };"
        "host { compatible = \"i440FX-pcihost\"; memory = <&ram>;"
        "  #address-cells = <3>; #size-cells = <2>;"
        "  host-bridge@0,0 { compatible = \"i440FX\"; reg = <0 0 0 0 0>; };"
        "  bridge: isa@1,0 { compatible = \"PIIX3\"; reg = <0x0800 0 0 0 0>;"
        "    #address-cells = <2>; #size-cells = <1>; %s }; };", node);

    return qtest_start_board(nodes, "-m 16M %s", options);
}

static void expect_event(QTest *q, const char *name, const char *text)
{
    g_autoptr(GVariant) event = qtest_event(q, name);
    g_autofree char *said = g_variant_print(event, FALSE);

    g_assert_nonnull(strstr(said, text));
}

/* ---- 8259 ---- */

static QTest *start_pic(void)
{
    QTest *q = start("pic: pic@20 { compatible = \"isa-i8259\"; reg = <1 0x20 2>, <1 0x4d0 1>;"
                     "  master; elcr_mask = <0xf8>; };", "");

    qtest_outb(q, 0x20, 0x13);   /* single, ICW4 */
    qtest_outb(q, 0x21, 0x40);
    qtest_outb(q, 0x21, 0x01);
    return q;
}

static uint8_t poll_pic(QTest *q)
{
    qtest_outb(q, 0x20, 0x0c);
    return qtest_inb(q, 0x20);
}

static void test_pic(void)
{
    QTest *q = start_pic();

    g_assert_cmphex(qtest_inb(q, 0x20) | qtest_inb(q, 0x21) | qtest_inb(q, 0x4d0), ==, 0);
    qtest_set_irq_in(q, "pic", "irq", 6, true);
    g_assert_true(qtest_pin(q, "pic", "INTR", 0));
    qtest_outb(q, 0x21, 0x40);
    g_assert_false(qtest_pin(q, "pic", "INTR", 0));
    g_assert_cmphex(qtest_register(q, "pic", "DATA"), ==, 0x40);
    qtest_outb(q, 0x21, 0);
    qtest_set_irq_in(q, "pic", "irq", 3, true);
    g_assert_cmphex(poll_pic(q), ==, 0x83);
    /* In service: 3, and 6 waits for its end. */
    qtest_outb(q, 0x20, 0x0b);
    g_assert_cmphex(qtest_inb(q, 0x20), ==, 0x08);
    g_assert_false(qtest_pin(q, "pic", "INTR", 0));
    qtest_outb(q, 0x20, 0x63);
    g_assert_cmphex(poll_pic(q), ==, 0x86);
    qtest_outb(q, 0x20, 0x20);
    g_assert_cmphex(poll_pic(q), ==, 0);
    qtest_stop(q);
}

/* An edge asks once, a level line until it is low; 0 to 2 cannot be level triggered. */
static void test_pic_levels(void)
{
    QTest *q = start_pic();

    qtest_outb(q, 0x4d0, 0xff);
    g_assert_cmphex(qtest_inb(q, 0x4d0), ==, 0xf8);
    g_assert_cmphex(qtest_register(q, "pic", "ELCR"), ==, 0xf8);
    for (unsigned line = 1; line <= 5; line += 4) {
        qtest_set_irq_in(q, "pic", "irq", line, true);
        g_assert_cmphex(poll_pic(q), ==, 0x80 | line);
        qtest_outb(q, 0x20, 0x20);
        g_assert_cmphex(poll_pic(q), ==, line == 5 ? 0x85 : 0);
        qtest_outb(q, 0x20, 0x20);
        qtest_set_irq_in(q, "pic", "irq", line, false);
        g_assert_cmphex(poll_pic(q), ==, 0);
    }
    qtest_stop(q);
}

/* ---- 8254 and port 0x61 ---- */

#define PIT "pit: timer@40 { compatible = \"isa-pit\"; reg = <1 0x40 4>; };"

static void load_counter(QTest *q, unsigned counter, unsigned mode, uint16_t count)
{
    qtest_outb(q, 0x43, counter << 6 | 0x30 | mode << 1);
    qtest_outb(q, 0x40 + counter, count);
    qtest_outb(q, 0x40 + counter, count >> 8);
}

static uint16_t latched(QTest *q, unsigned counter)
{
    uint8_t low;

    qtest_outb(q, 0x43, counter << 6);
    low = qtest_inb(q, 0x40 + counter);
    return low | qtest_inb(q, 0x40 + counter) << 8;
}

static void test_pit(void)
{
    QTest *q = start(PIT, "");

    g_assert_cmphex(qtest_inb(q, 0x43), ==, 0xff);
    /* 1193182 Hz: 11932 ticks are 10 ms. */
    load_counter(q, 0, 0, 11932);
    g_assert_false(qtest_pin(q, "pit", "OUT", 0));
    qtest_clock_step(q, 5 * MILLISECOND);
    g_assert_cmpint(ABS(latched(q, 0) - 5966), <=, 2);
    g_assert_false(qtest_pin(q, "pit", "OUT", 0));
    qtest_clock_step(q, 5 * MILLISECOND + 2000);
    g_assert_true(qtest_pin(q, "pit", "OUT", 0));
    /* Read-back: status of counter 0. */
    qtest_outb(q, 0x43, 0xe2);
    g_assert_cmphex(qtest_inb(q, 0x40), ==, 0xb0);
    qtest_intercept_out(q, "pit");
    load_counter(q, 0, 2, 1193);
    qtest_clock_step(q, 10 * MILLISECOND + MILLISECOND / 2);
    g_assert_cmpuint(qtest_irq_raised(q, 0), >=, 10);
    g_assert_cmpuint(qtest_irq_raised(q, 0), <=, 12);
    /* A closed gate stops the third. */
    load_counter(q, 2, 3, 1000);
    qtest_set_irq_in(q, "pit", "GATE", 2, false);
    qtest_clock_step(q, MILLISECOND);
    g_assert_cmpuint(latched(q, 2), ==, latched(q, 2));
    qtest_stop(q);
}

static void test_speaker(void)
{
    QTest *q = start(PIT "speaker: speaker@61 { compatible = \"isa-pcspk\"; reg = <1 0x61 1>;"
                     " pit = <&pit>; };", "");

    g_assert_cmphex(qtest_inb(q, 0x61) & 0x0f, ==, 0);
    qtest_outb(q, 0x61, 0xff);
    g_assert_cmphex(qtest_inb(q, 0x61) & 0x0f, ==, 0x0f);
    g_assert_cmphex(qtest_register(q, "speaker", "NMISC") & 0x0f, ==, 0x0f);
    /* Bit 0 is the gate of counter 2, bit 5 its output. */
    qtest_outb(q, 0x61, 1);
    load_counter(q, 2, 0, 1193);
    g_assert_cmphex(qtest_inb(q, 0x61) & 0x20, ==, 0);
    qtest_outb(q, 0x61, 0);
    qtest_clock_step(q, 10 * MILLISECOND);
    g_assert_cmphex(qtest_inb(q, 0x61) & 0x20, ==, 0);
    qtest_outb(q, 0x61, 1);
    qtest_clock_step(q, 2 * MILLISECOND);
    g_assert_cmphex(qtest_inb(q, 0x61) & 0x20, ==, 0x20);
    qtest_stop(q);
}

/* ---- 8237 ---- */

static void test_dma(void)
{
    QTest *q = start("dma: dma@0 { compatible = \"i8257\"; reg = <1 0 16>, <1 0x80 8>; };", "");

    /* Reset: all masked, nothing asked. */
    g_assert_cmphex(qtest_inb(q, 0x0f) & 0xf, ==, 0xf);
    g_assert_cmphex(qtest_inb(q, 0x08), ==, 0);
    qtest_outb(q, 0x81, 0x12);
    g_assert_cmphex(qtest_inb(q, 0x81), ==, 0x12);
    g_assert_cmphex(qtest_register(q, "dma", "PAGE[1]"), ==, 0x12);
    /* The flip-flop: low and high half; what was loaded reads back. */
    qtest_outb(q, 0x0c, 0);
    qtest_outb(q, 0x04, 0x34);
    qtest_outb(q, 0x04, 0x12);
    g_assert_cmphex(qtest_inb(q, 0x04), ==, 0x34);
    g_assert_cmphex(qtest_inb(q, 0x04), ==, 0x12);
    /* A device asks on channel 2: four bytes, as nobody drives the bus, to 0x121000. */
    qtest_memset(q, 0x121000, 0, 8);
    qtest_outb(q, 0x0c, 0);
    qtest_outb(q, 0x04, 0x00);
    qtest_outb(q, 0x04, 0x10);
    qtest_outb(q, 0x05, 0x03);
    qtest_outb(q, 0x05, 0x00);
    qtest_outb(q, 0x0b, 0x46);
    qtest_set_irq_in(q, "dma", "DREQ", 2, true);
    g_assert_cmphex(qtest_inb(q, 0x08), ==, 0x40);
    g_assert_cmphex(qtest_readl(q, 0x121000), ==, 0);
    qtest_outb(q, 0x0a, 0x02);
    g_assert_cmphex(qtest_readq(q, 0x121000), ==, 0xffffffff);
    g_assert_cmphex(qtest_inb(q, 0x08) & 0x0f, ==, 0x04);
    g_assert_cmphex(qtest_inb(q, 0x08) & 0x0f, ==, 0);
    g_assert_cmphex(qtest_inb(q, 0x0f) & 0x4, ==, 0x4);
    g_assert_cmphex(qtest_inb(q, 0x04), ==, 0x04);
    g_assert_cmphex(qtest_inb(q, 0x04), ==, 0x10);
    qtest_outb(q, 0x0a, 0x00);
    g_assert_cmphex(qtest_inb(q, 0x0f) & 0xf, ==, 0xe);
    qtest_outb(q, 0x0d, 0);   /* master clear */
    g_assert_cmphex(qtest_inb(q, 0x0f) & 0xf, ==, 0xf);
    qtest_stop(q);
}

/* ---- MC146818 ---- */

static uint8_t cmos(QTest *q, uint8_t index)
{
    qtest_outb(q, 0x70, index);
    return qtest_inb(q, 0x71);
}

static void set_cmos(QTest *q, uint8_t index, uint8_t value)
{
    qtest_outb(q, 0x70, index);
    qtest_outb(q, 0x71, value);
}

static void test_rtc(void)
{
    QTest *q = start("rtc: rtc@70 { compatible = \"mc146818rtc\"; reg = <1 0x70 2>;"
                     " interrupts = <8>; };", "-rtc base=1999-12-31T23:59:58,clock=vm");

    g_assert_cmphex(cmos(q, 0x0d), ==, 0x80);
    g_assert_cmphex(cmos(q, 0x00), ==, 0x58);
    set_cmos(q, 0x0e, 0xa5);
    g_assert_cmphex(qtest_register(q, "rtc", "cmos.CMOS[14]"), ==, 0xa5);
    /* The alarm at midnight: IRQ8 by the bridge. */
    set_cmos(q, 0x01, 0);
    set_cmos(q, 0x03, 0);
    set_cmos(q, 0x05, 0);
    set_cmos(q, 0x0b, 0x22);
    cmos(q, 0x0c);
    qtest_clock_step(q, SECOND);
    g_assert_false(qtest_pin(q, "bridge", "irq", 8));
    qtest_clock_step(q, 2 * SECOND);
    g_assert_true(qtest_pin(q, "bridge", "irq", 8));
    g_assert_cmphex(cmos(q, 0x0c) & 0xa0, ==, 0xa0);
    g_assert_false(qtest_pin(q, "bridge", "irq", 8));
    g_assert_cmphex(cmos(q, 0x09), ==, 0x00);
    g_assert_cmphex(cmos(q, 0x32), ==, 0x20);
    /* 1024 Hz. */
    set_cmos(q, 0x0b, 0x42);
    qtest_clock_step(q, MILLISECOND);
    g_assert_cmphex(cmos(q, 0x0c) & 0xc0, ==, 0xc0);
    /* Held: the time stands. */
    set_cmos(q, 0x0b, 0x82);
    set_cmos(q, 0x00, 0x30);
    qtest_clock_step(q, 5 * SECOND);
    g_assert_cmphex(cmos(q, 0x00), ==, 0x30);
    qtest_stop(q);
}

/* ---- port 92 ---- */

static void test_port92(void)
{
    QTest *q = start("gate: port92@92 { compatible = \"port92\"; reg = <1 0x92 1>;"
                     " vmm,wires = \"reset -> bridge:rcin[1]\"; };", "");

    g_assert_cmphex(qtest_inb(q, 0x92), ==, 0);
    qtest_outb(q, 0x92, 0xfe);
    g_assert_cmphex(qtest_register(q, "gate", "CONTROL"), ==, 0xfe);
    g_assert_true(qtest_pin(q, "gate", "a20", 0));
    qtest_outb(q, 0x92, 0xff);
    expect_event(q, "RESET", "guest-reset");
    g_assert_cmphex(qtest_inb(q, 0x92), ==, 0);
    qtest_stop(q);
}

/* ---- for tests and debugging ---- */

static void test_debugcon(void)
{
    g_autofree char *directory = g_dir_make_tmp("vmm-debugcon-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "out", NULL);
    g_autofree char *options = g_strdup_printf("-debugcon file:%s", path);
    g_autofree char *text = NULL;
    QTest *q = start("log@402 { compatible = \"isa-debugcon\"; vmm,template = \"debugcon\";"
                     " vmm,index = <0>; reg = <1 0x402 1>; readback = <0x5a>; };", options);

    g_assert_cmphex(qtest_inb(q, 0x402), ==, 0x5a);
    for (const char *c = "hello"; *c; c++) {
        qtest_outb(q, 0x402, *c);
    }
    qtest_stop(q);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, "hello");
    g_remove(path);
    g_rmdir(directory);
}

static void test_debug_exit(void)
{
    QTest *q = start("", "-device isa-debug-exit,iobase=0xf4,iosize=4");

    g_assert_cmphex(qtest_inl(q, 0xf4), ==, 0);
    g_free(qtest_command(q, "outb 0xf6 0x15"));
    g_assert_cmpint(qtest_wait_exit(q), ==, 0x15 << 1 | 1);
}

static void test_testdev(void)
{
    QTest *q = start("", "-device pc-testdev,id=helper");

    qtest_outl(q, 0xe0, 0x12345678);
    g_assert_cmphex(qtest_inw(q, 0xe2), ==, 0x1234);
    g_assert_cmphex(qtest_inb(q, 0xe8), ==, 0x78);
    qtest_outb(q, 0xe9, 0xff);
    g_assert_cmphex(qtest_inl(q, 0xe0), ==, 0x1234ff78);
    qtest_writel(q, 0xff000ffc, 0xcafe);
    g_assert_cmphex(qtest_readw(q, 0xff000ffc), ==, 0xcafe);
    g_assert_cmphex(qtest_readl(q, 0xff000ff8), ==, 0);
    qtest_outb(q, 0x2000 + 7, 1);
    g_assert_true(qtest_pin(q, "helper", "irq", 7));
    qtest_outb(q, 0x2000 + 7, 0);
    g_assert_false(qtest_pin(q, "helper", "irq", 7));
    qtest_stop(q);
}

static void test_ib700(void)
{
    QTest *q = start("", "-device ib700 -action watchdog=none");

    g_assert_cmphex(qtest_inb(q, 0x443), ==, 0xff);
    qtest_outb(q, 0x443, 10);   /* 10 s */
    qtest_clock_step(q, 9 * SECOND);
    qtest_outb(q, 0x443, 10);
    qtest_clock_step(q, 9 * SECOND);
    qtest_outb(q, 0x441, 0);
    qtest_clock_step(q, 100 * SECOND);
    qtest_outb(q, 0x443, 0x0e);   /* 2 s */
    qtest_clock_step(q, 2 * SECOND);
    expect_event(q, "WATCHDOG", "none");
    qtest_stop(q);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/isa-boards/pic", test_pic);
    g_test_add_func("/isa-boards/pic-levels", test_pic_levels);
    g_test_add_func("/isa-boards/pit", test_pit);
    g_test_add_func("/isa-boards/speaker", test_speaker);
    g_test_add_func("/isa-boards/dma", test_dma);
    g_test_add_func("/isa-boards/rtc", test_rtc);
    g_test_add_func("/isa-boards/port92", test_port92);
    g_test_add_func("/isa-boards/debugcon", test_debugcon);
    g_test_add_func("/isa-boards/debug-exit", test_debug_exit);
    g_test_add_func("/isa-boards/testdev", test_testdev);
    g_test_add_func("/isa-boards/ib700", test_ib700);
    return g_test_run();
}
