/* SPDX-License-Identifier: MIT */
/* isa-pit and isa-pcspk: every mode, gates, latches, read-back, BCD, edges, state. */
#include "hw/timer/i8254.h"
#include "hw/timer/pcspk.h"
#include "tests/unit/chips/bench.h"

enum { COUNTER0 = 0x40, COUNTER2 = 0x42, CONTROL = 0x43, PORT61 = 0x61 };

static Device *pit, *speaker;
static int64_t start;

static void up(void)
{
    bench_new();
    pit = bench_add("isa-pit", "pit", NULL);
    speaker = bench_add("isa-pcspk", "speaker", "pit=/machine/pit");
    bench_up();
    start = time_virtual();
    watch_pin(pit, I8254_PIN_OUT);
    rising_edges(0);
}

/* Half a tick after tick `n` of CLK since the machine came up. */
static void to_tick(int64_t n)
{
    int64_t target = start + (2 * n + 1) * 1000000000 / 2 / 1193182;

    g_assert_cmpint(target, >=, time_virtual());
    time_step_to(target);
}

static void program(unsigned channel, unsigned mode, unsigned count, bool bcd)
{
    out8(CONTROL, channel << 6 | 0x30 | mode << 1 | bcd);
    out8(COUNTER0 + channel, count);
    out8(COUNTER0 + channel, count >> 8);
}

static unsigned latched(unsigned channel)
{
    unsigned low;

    out8(CONTROL, channel << 6);
    low = in8(COUNTER0 + channel);
    return low | in8(COUNTER0 + channel) << 8;
}

static uint8_t status(unsigned channel)
{
    out8(CONTROL, 0xe0 | 2 << channel);
    return in8(COUNTER0 + channel);
}

static void gate2(bool level)
{
    out8(PORT61, level);
}

static void test_reset(void)
{
    up();
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(status(i), ==, 0x70);
        g_assert_true(i8254_gate(pit, i) == (i != 2));
    }
    g_assert_cmphex(in8(CONTROL), ==, 0xff);
    step(1000000000);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    bench_delete();
}

static void test_mode0(void)
{
    up();
    to_tick(10);
    program(0, 0, 5, false);
    g_assert_cmphex(status(0), ==, 0x70);
    to_tick(11);
    g_assert_cmphex(status(0), ==, 0x30);
    g_assert_cmpuint(latched(0), ==, 5);
    to_tick(15);
    g_assert_cmpuint(latched(0), ==, 1);
    g_assert_false(pin_is_high(pit, I8254_PIN_OUT, 0));
    to_tick(16);
    g_assert_cmphex(status(0), ==, 0xb0);
    g_assert_true(pin_is_high(pit, I8254_PIN_OUT, 0));
    g_assert_cmpuint(latched(0), ==, 0);
    to_tick(17);
    g_assert_cmpuint(latched(0), ==, 0xffff);
    to_tick(200000);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    /* A new count starts again; its first byte sets OUT low. */
    out8(COUNTER0, 3);
    g_assert_false(pin_is_high(pit, I8254_PIN_OUT, 0));
    to_tick(200100);
    g_assert_false(pin_is_high(pit, I8254_PIN_OUT, 0));
    out8(COUNTER0, 0);
    to_tick(200103);
    g_assert_false(pin_is_high(pit, I8254_PIN_OUT, 0));
    to_tick(200104);
    g_assert_true(pin_is_high(pit, I8254_PIN_OUT, 0));
    /* A count of 0 is 65536. */
    program(0, 0, 0, false);
    to_tick(200104 + 65536);
    g_assert_false(pin_is_high(pit, I8254_PIN_OUT, 0));
    to_tick(200105 + 65536);
    g_assert_true(pin_is_high(pit, I8254_PIN_OUT, 0));
    bench_delete();
}

static void test_mode0_gate(void)
{
    up();
    gate2(true);
    program(2, 0, 10, false);
    to_tick(4);
    g_assert_cmpuint(latched(2), ==, 7);
    gate2(false);
    to_tick(100);
    g_assert_cmpuint(latched(2), ==, 7);
    gate2(true);
    to_tick(106);
    g_assert_false(i8254_out(pit, 2));
    to_tick(107);
    g_assert_true(i8254_out(pit, 2));
    g_assert_cmphex(in8(PORT61) & 0x2f, ==, 0x21);
    /* Written while the gate is low: loaded, and counted from the gate on. */
    gate2(false);
    program(2, 0, 10, false);
    to_tick(150);
    g_assert_cmpuint(latched(2), ==, 10);
    gate2(true);
    to_tick(159);
    g_assert_false(i8254_out(pit, 2));
    to_tick(160);
    g_assert_true(i8254_out(pit, 2));
    bench_delete();
}

static void test_mode1(void)
{
    up();
    program(2, 1, 4, false);
    g_assert_true(i8254_out(pit, 2));
    to_tick(10);
    g_assert_true(i8254_out(pit, 2));
    g_assert_cmphex(status(2) & 0x40, ==, 0x40);
    gate2(true);
    to_tick(11);
    g_assert_false(i8254_out(pit, 2));
    g_assert_cmphex(status(2) & 0x40, ==, 0);
    to_tick(13);
    gate2(false);
    gate2(true);
    to_tick(17);
    g_assert_false(i8254_out(pit, 2));
    to_tick(18);
    g_assert_true(i8254_out(pit, 2));
    /* A new count waits for the next trigger. */
    out8(COUNTER2, 2);
    out8(COUNTER2, 0);
    to_tick(20);
    g_assert_true(i8254_out(pit, 2));
    gate2(false);
    gate2(true);
    to_tick(22);
    g_assert_false(i8254_out(pit, 2));
    to_tick(23);
    g_assert_true(i8254_out(pit, 2));
    bench_delete();
}

static void test_mode2(void)
{
    up();
    program(0, 2, 100, false);
    to_tick(1);
    g_assert_cmpuint(latched(0), ==, 100);
    to_tick(99);
    g_assert_cmpuint(latched(0), ==, 2);
    g_assert_true(status(0) & 0x80);
    to_tick(100);
    g_assert_cmpuint(latched(0), ==, 1);
    g_assert_false(status(0) & 0x80);
    to_tick(101);
    g_assert_cmpuint(latched(0), ==, 100);
    g_assert_true(status(0) & 0x80);
    g_assert_cmpuint(rising_edges(0), ==, 2);
    to_tick(100 * 100 + 50);
    g_assert_cmpuint(rising_edges(0), ==, 99);
    /* A new count takes over at the end of the cycle. */
    out8(COUNTER0, 50);
    out8(COUNTER0, 0);
    g_assert_true(status(0) & 0x40);
    g_assert_cmpuint(latched(0), ==, 51);
    to_tick(100 * 100 + 101);
    g_assert_false(status(0) & 0x40);
    g_assert_cmpuint(latched(0), ==, 50);
    to_tick(100 * 100 + 101 + 500);
    g_assert_cmpuint(rising_edges(0), ==, 11);
    bench_delete();
}

static void test_mode2_gate(void)
{
    up();
    gate2(true);
    program(2, 2, 10, false);
    to_tick(10);
    g_assert_false(i8254_out(pit, 2));
    gate2(false);
    g_assert_true(i8254_out(pit, 2));
    to_tick(50);
    g_assert_true(i8254_out(pit, 2));
    g_assert_cmpuint(latched(2), ==, 1);
    gate2(true);
    to_tick(51);
    g_assert_cmpuint(latched(2), ==, 10);
    to_tick(60);
    g_assert_false(i8254_out(pit, 2));
    bench_delete();
}

static void test_mode3(void)
{
    up();
    gate2(true);
    /* Even: half and half, by two. */
    program(2, 3, 6, false);
    for (unsigned i = 0; i < 3; i++) {
        static const uint8_t counts[] = { 6, 4, 2, 6, 4, 2 };
        for (unsigned n = 0; n < 6; n++) {
            to_tick(1 + 6 * i + n);
            g_assert_cmpuint(latched(2), ==, counts[n]);
            g_assert_true(i8254_out(pit, 2) == (n < 3));
        }
    }
    /* Odd: the high half is one longer. */
    to_tick(99);
    program(2, 3, 5, false);
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned n = 0; n < 5; n++) {
            to_tick(100 + 5 * i + n);
            g_assert_true(i8254_out(pit, 2) == (n < 3));
        }
    }
    /* A new count at the end of the half-cycle. */
    to_tick(199);
    program(2, 3, 20, false);
    to_tick(203);
    out8(COUNTER2, 8);
    out8(COUNTER2, 0);
    to_tick(209);
    g_assert_true(i8254_out(pit, 2));
    to_tick(210);
    g_assert_false(i8254_out(pit, 2));
    to_tick(213);
    g_assert_false(i8254_out(pit, 2));
    to_tick(214);
    g_assert_true(i8254_out(pit, 2));
    to_tick(218);
    g_assert_false(i8254_out(pit, 2));
    gate2(false);
    g_assert_true(i8254_out(pit, 2));
    bench_delete();
}

static void test_mode3_interrupts(void)
{
    up();
    program(0, 3, 11932, false);
    step(1000000000);
    g_assert_cmpuint(rising_edges(0), ==, 100);
    bench_delete();
}

static void test_mode4(void)
{
    up();
    program(0, 4, 10, false);
    to_tick(10);
    g_assert_true(status(0) & 0x80);
    to_tick(11);
    g_assert_false(status(0) & 0x80);
    to_tick(12);
    g_assert_true(status(0) & 0x80);
    g_assert_cmpuint(latched(0), ==, 0xffff);
    rising_edges(0);
    to_tick(100000);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    program(0, 4, 1000, false);
    to_tick(200000);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    bench_delete();
}

static void test_mode5(void)
{
    up();
    program(2, 5, 10, false);
    to_tick(50);
    g_assert_true(i8254_out(pit, 2));
    gate2(true);
    gate2(false);
    to_tick(60);
    g_assert_true(i8254_out(pit, 2));
    to_tick(61);
    g_assert_false(i8254_out(pit, 2));
    to_tick(62);
    g_assert_true(i8254_out(pit, 2));
    bench_delete();
}

static void test_bcd(void)
{
    up();
    program(0, 2, 0x1234, true);
    to_tick(1);
    g_assert_cmphex(latched(0), ==, 0x1234);
    to_tick(36);
    g_assert_cmphex(latched(0), ==, 0x1199);
    program(0, 0, 0, true);
    to_tick(37);
    g_assert_cmphex(latched(0), ==, 0x0000);
    to_tick(38);
    g_assert_cmphex(latched(0), ==, 0x9999);
    to_tick(37 + 10001);
    g_assert_true(pin_is_high(pit, I8254_PIN_OUT, 0));
    g_assert_cmphex(latched(0), ==, 0x9999);
    g_assert_cmphex(status(0), ==, 0xb1);
    bench_delete();
}

static void test_bytes(void)
{
    up();
    /* LSB only, MSB only. */
    out8(CONTROL, 0x14);
    out8(COUNTER0, 200);
    to_tick(11);
    g_assert_cmpuint(in8(COUNTER0), ==, 190);
    g_assert_cmpuint(in8(COUNTER0), ==, 190);
    out8(CONTROL, 0x24);
    out8(COUNTER0, 2);
    to_tick(12);
    g_assert_cmpuint(in8(COUNTER0), ==, 2);
    to_tick(13);
    g_assert_cmpuint(in8(COUNTER0), ==, 1);
    /* Two bytes: unlatched reads alternate, a latch holds both. */
    program(0, 2, 0x1000, false);
    to_tick(14);
    g_assert_cmphex(in8(COUNTER0), ==, 0x00);
    to_tick(15);
    g_assert_cmphex(in8(COUNTER0), ==, 0x0f);
    out8(CONTROL, 0x00);
    to_tick(200);
    out8(CONTROL, 0x00);
    g_assert_cmphex(in8(COUNTER0), ==, 0xff);
    to_tick(3000);
    g_assert_cmphex(in8(COUNTER0), ==, 0x0f);
    /* Status comes before a count that is latched with it; a second latch changes nothing. */
    out8(CONTROL, 0xc2);
    out8(CONTROL, 0xc2);
    g_assert_cmphex(in8(COUNTER0), ==, 0xb4);
    g_assert_cmphex(in8(COUNTER0), ==, (0x1000 - (3000 - 14)) & 0xff);
    g_assert_cmphex(in8(COUNTER0), ==, (0x1000 - (3000 - 14)) >> 8);
    /* Several at once. */
    out8(CONTROL, 0xee);
    g_assert_cmphex(in8(COUNTER0), ==, 0xb4);
    g_assert_cmphex(in8(COUNTER0 + 1), ==, 0x70);
    g_assert_cmphex(in8(COUNTER2), ==, 0x70);
    /* Modes 6 and 7 are 2 and 3. */
    out8(CONTROL, 0x3c);
    g_assert_cmphex(status(0) & 0x0e, ==, 0x04);
    out8(CONTROL, 0x3e);
    g_assert_cmphex(status(0) & 0x0e, ==, 0x06);
    bench_delete();
}

static void test_fast_and_far(void)
{
    unsigned edges;

    up();
    /* A period of two ticks neither hangs nor is silent. */
    program(0, 3, 2, false);
    step(10000000);
    edges = rising_edges(0);
    g_assert_cmpuint(edges, >=, 300);
    g_assert_cmpuint(edges, <=, 600);
    program(0, 2, 1, false);
    step(10000000);
    g_assert_cmpuint(rising_edges(0), <=, 1);
    /* A slow guest that looks often loses no tick. */
    program(0, 2, 1193, false);
    for (unsigned i = 0; i < 5000; i++) {
        step(20000);
        latched(0);
    }
    g_assert_cmpuint(rising_edges(0), >=, 99);
    bench_delete();
}

static void test_inhibit(void)
{
    up();
    program(0, 2, 1193, false);
    step(10500000);
    g_assert_cmpuint(rising_edges(0), >=, 10);
    pin_drive_external(pit, I8254_PIN_INHIBIT, 0, true);
    step(10000000);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    g_assert_true(i8254_out(pit, 0));
    pin_drive_external(pit, I8254_PIN_INHIBIT, 0, false);
    step(10000000);
    g_assert_cmpuint(rising_edges(0), >=, 10);
    bench_delete();
}

static void test_port61(void)
{
    uint8_t first;

    up();
    out8(PORT61, 0xff);
    g_assert_cmphex(in8(PORT61) & ~0x30, ==, 0x0f);
    first = in8(PORT61) & 0x10;
    step(15085);
    g_assert_cmphex(in8(PORT61) & 0x10, !=, first);
    step(15085);
    g_assert_cmphex(in8(PORT61) & 0x10, ==, first);
    check_saved_state(speaker);
    g_assert_cmphex(in8(PORT61) & ~0x30, ==, 0x0f);
    bench_delete();
    bench_new();
    bench_add("isa-pcspk", "speaker", NULL);
    bench_up_fails("pit");
    bench_delete();
}

static void test_backend(void)
{
    I8254Channel *channel;
    static const ChipBackend backend = { "test", .save = NULL };

    up();
    program(0, 2, 11932, false);
    channel = &((I8254 *)pit)->channels[0];
    to_tick(100);
    channel->count = 1193;
    i8254_set_load_time(pit, 0, time_virtual());
    g_assert_cmpint(time_virtual() - i8254_load_time(pit, 0), <, 1000);
    device_update(pit);
    rising_edges(0);
    step(10500000);
    g_assert_cmpuint(rising_edges(0), ==, 10);
    chip_bind(pit, &backend, NULL);
    step(10500000);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    ((I8254 *)pit)->binding = (ChipBinding){ NULL };
    bench_delete();
}

static void test_state(void)
{
    up();
    program(0, 2, 1193, false);
    program(2, 0, 500, false);
    gate2(true);
    to_tick(300);
    gate2(false);
    out8(COUNTER0, 7);
    out8(CONTROL, 0xc2);
    check_saved_state(pit);
    rising_edges(0);
    step(10500000);
    g_assert_cmpuint(rising_edges(0), >=, 10);
    bench_delete();
}

static void test_storm(void)
{
    up();
    for (unsigned i = 0; i < 300; i++) {
        storm_ports(COUNTER0 - 1, CONTROL + 1, 50);
        storm_ports(PORT61, PORT61, 5);
        pin_drive_external(pit, I8254_PIN_GATE, i % 3, i & 8);
        pin_drive_external(pit, I8254_PIN_INHIBIT, 0, i & 16);
    }
    check_saved_state(pit);
    bench_delete();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8254/reset", test_reset);
    g_test_add_func("/i8254/mode0", test_mode0);
    g_test_add_func("/i8254/mode0-gate", test_mode0_gate);
    g_test_add_func("/i8254/mode1", test_mode1);
    g_test_add_func("/i8254/mode2", test_mode2);
    g_test_add_func("/i8254/mode2-gate", test_mode2_gate);
    g_test_add_func("/i8254/mode3", test_mode3);
    g_test_add_func("/i8254/mode3-interrupts", test_mode3_interrupts);
    g_test_add_func("/i8254/mode4", test_mode4);
    g_test_add_func("/i8254/mode5", test_mode5);
    g_test_add_func("/i8254/bcd", test_bcd);
    g_test_add_func("/i8254/bytes", test_bytes);
    g_test_add_func("/i8254/fast-and-far", test_fast_and_far);
    g_test_add_func("/i8254/inhibit", test_inhibit);
    g_test_add_func("/i8254/port61", test_port61);
    g_test_add_func("/i8254/backend", test_backend);
    g_test_add_func("/i8254/state", test_state);
    g_test_add_func("/i8254/storm", test_storm);
    return g_test_run();
}
