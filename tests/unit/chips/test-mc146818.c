/* SPDX-License-Identifier: MIT */
/* mc146818rtc: time in all formats, setting it, alarms, interrupts, RAM, bases, state. */
#include "hw/rtc/calendar.h"
#include "hw/rtc/mc146818.h"
#include "tests/unit/chips/bench.h"

#define SECOND 1000000000ll
#define MILLISECOND 1000000ll

static Device *rtc;
static unsigned events;
static int64_t event_offset;

static void take_event(const char *name, GVariant *data)
{
    if (g_str_equal(name, "RTC_CHANGE")) {
        events++;
        g_assert_true(g_variant_lookup(data, "offset", "x", &event_offset));
    }
}

static void up(const char *properties)
{
    bench_new();
    rtc = bench_add("mc146818rtc", "rtc", properties);
    pin_connect(rtc, RTC_PIN_IRQ, 0, bench_add("isa-i8259", "pic", "iobase=0xa0"), 0, 0);
    bench_up();
    machine_set_event_sink(take_event);
    events = 0;
    watch_pin(rtc, RTC_PIN_IRQ);
    rising_edges(0);
}

static void up_at(const char *date)
{
    g_autofree char *properties = g_strdup_printf("clock=vm,base=%s", date);

    up(properties);
}

static uint8_t get(uint8_t index)
{
    out8(0x70, index);
    return in8(0x71);
}

static void put(uint8_t index, uint8_t value)
{
    out8(0x70, index);
    out8(0x71, value);
}

static void check_time(unsigned h, unsigned m, unsigned s)
{
    g_assert_cmphex(get(RTC_HOURS), ==, h);
    g_assert_cmphex(get(RTC_MINUTES), ==, m);
    g_assert_cmphex(get(RTC_SECONDS), ==, s);
}

static void check_date(unsigned century, unsigned y, unsigned m, unsigned d, unsigned weekday)
{
    g_assert_cmphex(get(CMOS_CENTURY), ==, century);
    g_assert_cmphex(get(RTC_YEAR), ==, y);
    g_assert_cmphex(get(RTC_MONTH), ==, m);
    g_assert_cmphex(get(RTC_DAY), ==, d);
    g_assert_cmphex(get(RTC_WEEKDAY), ==, weekday);
}

static void test_calendar(void)
{
    static const CalendarTime odd = { 2023, 14, 32, 25, 61, 61 };
    int64_t seconds;

    for (int64_t day = -719528; day < 2932897; day += 13) {
        int64_t at = day * SECONDS_PER_DAY + 4711;
        CalendarTime time = calendar_from_seconds(at);
        g_autoptr(GDateTime) known = g_date_time_new_from_unix_utc(at);
        g_assert_cmpint(calendar_to_seconds(&time), ==, at);
        if (known && time.year > 0) {
            g_assert_cmpint(time.year, ==, g_date_time_get_year(known));
            g_assert_cmpint(time.month, ==, g_date_time_get_month(known));
            g_assert_cmpint(time.day, ==, g_date_time_get_day_of_month(known));
            g_assert_cmpuint(calendar_weekday(at), ==, g_date_time_get_day_of_week(known) % 7);
        }
    }
    g_assert_cmpint(calendar_to_seconds(&odd), ==, 1709517721);
    g_assert_cmpint(calendar_from_seconds(INT64_MAX).year, ==, 9999);
    g_assert_cmpint(calendar_from_seconds(INT64_MIN).year, ==, 0);
    g_assert_true(calendar_parse("2006-06-17T16:01:21", &seconds) && seconds == 1150560081);
    g_assert_true(calendar_parse("2006-06-17", &seconds) && seconds == 1150502400);
    g_assert_false(calendar_parse("2006-02-30", &seconds));
    g_assert_false(calendar_parse("2006-06-17T24:00:00", &seconds));
    g_assert_false(calendar_parse("2006-06-17x", &seconds));
    g_assert_false(calendar_parse("now", &seconds));
}

static void test_reset(void)
{
    up_at("2006-06-17T16:01:21");
    g_assert_cmphex(get(RTC_A), ==, 0x26);
    g_assert_cmphex(get(RTC_B), ==, 0x02);
    g_assert_cmphex(get(RTC_C), ==, 0x00);
    g_assert_cmphex(get(RTC_D), ==, 0x80);
    put(RTC_C, 0xff);
    put(RTC_D, 0);      /* read-only, both */
    g_assert_cmphex(get(RTC_C), ==, 0x00);
    g_assert_cmphex(get(RTC_D), ==, 0x80);
    g_assert_cmphex(in8(0x70), ==, 0xff);
    check_time(0x16, 0x01, 0x21);
    check_date(0x20, 0x06, 0x06, 0x17, 7);
    g_assert_cmphex(get(CMOS_CENTURY_PS2), ==, 0x20);
    g_assert_true(rtc_find() == rtc);
    put(RTC_B, 0x72);
    put(0x40, 0x5a);
    device_reset(rtc);
    g_assert_cmphex(get(RTC_B), ==, 0x02);
    g_assert_cmphex(get(0x40), ==, 0x5a);
    check_time(0x16, 0x01, 0x21);
    bench_delete();
    g_assert_null(rtc_find());
}

static void test_running(void)
{
    up_at("1999-12-31T23:59:58");
    step(1999 * MILLISECOND);
    check_time(0x23, 0x59, 0x59);
    check_date(0x19, 0x99, 0x12, 0x31, 6);
    step(MILLISECOND);
    check_time(0, 0, 0);
    check_date(0x20, 0x00, 0x01, 0x01, 7);
    step(59 * 86400 * SECOND);
    check_date(0x20, 0x00, 0x02, 0x29, 3);
    step(86400 * SECOND);
    check_date(0x20, 0x00, 0x03, 0x01, 4);
    g_assert_cmpint(rtc_time(rtc), ==, 951868800);
    bench_delete();
}

static void test_formats(void)
{
    up_at("2024-02-29T13:45:59");
    /* Without SET the time is converted. */
    put(RTC_B, 0x06);
    check_time(13, 45, 59);
    check_date(0x20, 24, 2, 29, 5);
    put(RTC_B, 0x04);
    check_time(0x81, 45, 59);
    put(RTC_B, 0x00);
    check_time(0x81, 0x45, 0x59);
    step(SECOND);
    check_time(0x81, 0x46, 0x00);
    step(11 * 3600 * SECOND);
    check_time(0x12, 0x46, 0x00);
    step(3600 * SECOND);
    check_time(0x01, 0x46, 0x00);
    step(11 * 3600 * SECOND);
    check_time(0x92, 0x46, 0x00);
    put(RTC_B, 0x02);
    check_time(0x12, 0x46, 0x00);
    bench_delete();
}

static void set_time(uint8_t b, const uint8_t *fields)
{
    static const uint8_t places[] = { RTC_YEAR, RTC_MONTH, RTC_DAY, RTC_HOURS, RTC_MINUTES,
                                      RTC_SECONDS };

    put(RTC_B, b | 0x80);
    for (unsigned i = 0; i < 6; i++) {
        put(places[i], fields[i]);
    }
    put(RTC_B, b);
}

static void test_setting(void)
{
    up_at("2024-01-01T00:00:00");
    step(300 * MILLISECOND);
    set_time(0x02, (const uint8_t[]){ 0x30, 0x12, 0x31, 0x23, 0x59, 0x50 });
    g_assert_cmpuint(events, ==, 1);
    g_assert_cmpint(event_offset, ==, 1924991990 - 1704067200);
    check_time(0x23, 0x59, 0x50);
    /* The divider went on: the next second comes 700 ms later. */
    step(699 * MILLISECOND);
    check_time(0x23, 0x59, 0x50);
    step(2 * MILLISECOND);
    check_time(0x23, 0x59, 0x51);
    step(9 * SECOND);
    check_date(0x20, 0x31, 0x01, 0x01, 3);
    /* SET freezes the time, and what is written stays. */
    put(RTC_B, 0x82);
    put(RTC_SECONDS, 0x77);
    step(10 * SECOND);
    g_assert_cmphex(get(RTC_SECONDS), ==, 0x77);
    g_assert_cmphex(get(RTC_A) & 0x80, ==, 0);
    put(RTC_SECONDS, 0x30);
    put(RTC_B, 0x02);
    step(SECOND);
    check_time(0x00, 0x00, 0x31);
    /* A divider in reset: half a second after it starts. */
    put(RTC_A, 0x76);
    put(RTC_SECONDS, 0x10);
    step(5 * SECOND);
    check_time(0x00, 0x00, 0x10);
    put(RTC_A, 0x26);
    step(499 * MILLISECOND);
    check_time(0x00, 0x00, 0x10);
    step(2 * MILLISECOND);
    check_time(0x00, 0x00, 0x11);
    /* While it runs: at once; nonsense carries over. */
    put(RTC_MONTH, 0x99);
    g_assert_cmphex(get(RTC_MONTH), ==, 0x99);
    step(SECOND);
    g_assert_cmphex(get(RTC_MONTH), ==, 0x03);
    g_assert_cmpuint(events, ==, 4);
    /* The weekday is a counter of its own. */
    put(RTC_WEEKDAY, 5);
    step(86400 * SECOND);
    g_assert_cmphex(get(RTC_WEEKDAY), ==, 6);
    bench_delete();
}

static void test_update_in_progress(void)
{
    up_at("2024-01-01T00:00:00");
    step(SECOND - 2229000);
    g_assert_cmphex(get(RTC_A), ==, 0x26);
    step(2000);
    g_assert_cmphex(get(RTC_A), ==, 0xa6);
    step(2226999);
    g_assert_cmphex(get(RTC_A), ==, 0xa6);
    check_time(0, 0, 0);
    step(1);
    g_assert_cmphex(get(RTC_A), ==, 0x26);
    check_time(0, 0, 1);
    g_assert_cmphex(get(RTC_C), ==, 0x50);
    g_assert_cmphex(get(RTC_C), ==, 0x00);
    bench_delete();
}

static void test_update_interrupt(void)
{
    up_at("2024-01-01T00:00:00");
    put(RTC_B, 0x12);
    step(SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    g_assert_true(pin_is_high(rtc, RTC_PIN_IRQ, 0));
    step(5 * SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    g_assert_cmphex(get(RTC_C) & 0x90, ==, 0x90);
    g_assert_false(pin_is_high(rtc, RTC_PIN_IRQ, 0));
    for (unsigned i = 0; i < 5; i++) {
        step(SECOND);
        g_assert_cmpuint(rising_edges(0), ==, 1);
        get(RTC_C);
    }
    /* SET clears UIE. */
    put(RTC_B, 0x92);
    g_assert_cmphex(get(RTC_B), ==, 0x82);
    put(RTC_B, 0x02);
    step(3 * SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    g_assert_cmphex(get(RTC_C) & 0x90, ==, 0x10);
    bench_delete();
}

static void test_alarm(void)
{
    up_at("2024-01-01T10:20:30");
    put(RTC_HOURS_ALARM, 0x10);
    put(RTC_MINUTES_ALARM, 0x21);
    put(RTC_SECONDS_ALARM, 0x05);
    put(RTC_B, 0x22);
    get(RTC_C);
    step(34 * SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    step(SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    g_assert_cmphex(get(RTC_C) & 0xa0, ==, 0xa0);
    step(86399 * SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    step(SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    get(RTC_C);
    /* Every hour, every minute, every second. */
    put(RTC_HOURS_ALARM, 0xff);
    step(3600 * SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    get(RTC_C);
    put(RTC_MINUTES_ALARM, 0xc0);
    step(60 * SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    get(RTC_C);
    put(RTC_SECONDS_ALARM, 0xff);
    step(SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    get(RTC_C);
    /* One that never comes. */
    put(RTC_SECONDS_ALARM, 0x77);
    step(2 * 86400 * SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    /* The flag comes without the interrupt, too; 12 hours with PM. */
    put(RTC_B, 0x00);
    get(RTC_C);
    put(RTC_HOURS_ALARM, 0x81);
    put(RTC_MINUTES_ALARM, 0x00);
    put(RTC_SECONDS_ALARM, 0x00);
    step((13 * 3600 - rtc_time(rtc) % 86400 + 86400) % 86400 * SECOND - SECOND);
    g_assert_cmphex(get(RTC_C) & 0x20, ==, 0);
    step(SECOND);
    g_assert_cmphex(get(RTC_C) & 0x20, ==, 0x20);
    bench_delete();
}

static void test_periodic(void)
{
    up_at("2024-01-01T00:00:00");
    for (unsigned rate = 1; rate < 16; rate++) {
        unsigned hz = rate < 3 ? 256 >> (rate - 1) : 32768 >> (rate - 1), count = 0;
        put(RTC_A, 0x20 | rate);
        put(RTC_B, 0x42);
        get(RTC_C);
        rising_edges(0);
        for (unsigned i = 0; i < 4 * hz; i++) {
            step(SECOND / 2 / hz);
            count += rising_edges(0);
            get(RTC_C);
        }
        g_assert_cmpuint(count, >=, 2 * hz - 2);
        g_assert_cmpuint(count, <=, 2 * hz + 1);
        put(RTC_B, 0x02);
    }
    put(RTC_A, 0x20);
    put(RTC_B, 0x42);
    get(RTC_C);
    step(SECOND);
    g_assert_cmphex(get(RTC_C) & 0x40, ==, 0);
    bench_delete();
}

static unsigned reads_until_quiet(void)
{
    unsigned count = 0;

    while (pin_is_high(rtc, RTC_PIN_IRQ, 0) && count < 10000) {
        g_assert_cmphex(get(RTC_C) & 0xc0, ==, 0xc0);
        count++;
    }
    return count;
}

static void test_lost_ticks(void)
{
    up_at("2024-01-01T00:00:00");
    put(RTC_B, 0x42);
    reads_until_quiet();
    step(SECOND);
    g_assert_cmpuint(reads_until_quiet(), ==, 1);
    bench_delete();

    up("clock=vm,lost_tick_policy=slew");
    put(RTC_B, 0x42);
    reads_until_quiet();
    step(SECOND);
    g_assert_cmpuint(reads_until_quiet(), ==, 1024);
    step(100 * SECOND);
    g_assert_cmpuint(reads_until_quiet(), ==, 8193);
    step(SECOND);
    put(RTC_B, 0x02);
    get(RTC_C);
    g_assert_cmphex(get(RTC_C) & 0x40, ==, 0);
    bench_delete();
}

static void test_inhibit(void)
{
    up_at("2024-01-01T00:00:00");
    pin_drive_external(rtc, RTC_PIN_INHIBIT, 0, true);
    put(RTC_B, 0x12);
    step(SECOND);
    g_assert_cmpuint(rising_edges(0), ==, 0);
    g_assert_cmphex(get(RTC_C) & 0x90, ==, 0x90);
    bench_delete();
}

static void test_ram(void)
{
    up_at("2024-01-01T00:00:00");
    for (unsigned i = 0x0e; i < 0x80; i++) {
        if (i != CMOS_CENTURY && i != CMOS_CENTURY_PS2) {
            put(i | (i & 1) << 7, ~i);
        }
    }
    for (unsigned i = 0x0e; i < 0x80; i++) {
        if (i != CMOS_CENTURY && i != CMOS_CENTURY_PS2) {
            g_assert_cmphex(get(i), ==, ~i & 0xff);
        }
    }
    rtc_cmos_set(rtc, CMOS_BASE_MEMORY, 0x80);
    g_assert_cmphex(get(CMOS_BASE_MEMORY), ==, 0x80);
    put(CMOS_CENTURY_PS2, 0x21);
    g_assert_cmphex(get(CMOS_CENTURY), ==, 0x21);
    g_assert_cmphex(rtc_cmos_get(rtc, CMOS_CENTURY), ==, 0x21);
    bench_delete();
}

static void test_bases(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) date = NULL;
    int64_t seconds;

    up("base=utc");
    g_assert_cmpint(rtc_time(rtc) - g_get_real_time() / 1000000, >=, -1);
    g_assert_cmpint(rtc_time(rtc) - g_get_real_time() / 1000000, <=, 1);
    bench_delete();

    g_setenv("TZ", "UTC-3", true);
    up("base=localtime");
    seconds = rtc_time(rtc) - g_get_real_time() / 1000000;
    g_assert_cmpint(ABS(seconds - 3 * 3600), <=, 1);
    bench_delete();

    up("base=2001-02-03T04:05:06,clock=rt");
    g_assert_cmpint(ABS(rtc_time(rtc) - 981173106), <=, 1);
    date = object_get(OBJECT(rtc), "date", &error);
    g_assert_true(g_variant_lookup(date, "tm_year", "x", &seconds) && seconds == 101);
    bench_delete();

    up("clock=vm,base=1995-05-05,base_year=1980");
    g_assert_cmphex(get(RTC_YEAR), ==, 0x15);
    g_assert_cmphex(get(CMOS_CENTURY), ==, 0x19);
    g_assert_cmpint(rtc_time(rtc), ==, 799632000);
    bench_delete();

    bench_new();
    rtc = bench_add("mc146818rtc", "rtc", "base=tomorrow");
    pin_connect(rtc, RTC_PIN_IRQ, 0, bench_add("isa-i8259", "pic", "iobase=0xa0"), 0, 0);
    bench_up_fails("neither 'utc' nor 'localtime'");
    bench_delete();
}

static void test_state(void)
{
    up_at("2024-02-29T13:45:59");
    put(RTC_B, 0x52);
    put(0x44, 0x99);
    step(1300 * MILLISECOND);
    check_saved_state(rtc);
    check_time(0x13, 0x46, 0x00);
    get(RTC_C);
    rising_edges(0);
    step(2 * MILLISECOND);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    g_assert_cmphex(get(0x44), ==, 0x99);
    bench_delete();
}

static void test_storm(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(146818);

    up_at("2024-02-29T13:45:59");
    for (unsigned i = 0; i < 2000; i++) {
        put(g_rand_int(rand) % (i & 1 ? 0x10 : 0x100), g_rand_int(rand));
        get(g_rand_int(rand) % 0x10);
        step(g_rand_int(rand) % (i % 50 ? 20000000u : 4000000000u));
        if (i % 20 == 0) {
            storm_ports(0x6f, 0x72, 20);
            put(RTC_A, 0x26);
        }
    }
    check_saved_state(rtc);
    bench_delete();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/rtc/calendar", test_calendar);
    g_test_add_func("/rtc/reset", test_reset);
    g_test_add_func("/rtc/running", test_running);
    g_test_add_func("/rtc/formats", test_formats);
    g_test_add_func("/rtc/setting", test_setting);
    g_test_add_func("/rtc/update-in-progress", test_update_in_progress);
    g_test_add_func("/rtc/update-interrupt", test_update_interrupt);
    g_test_add_func("/rtc/alarm", test_alarm);
    g_test_add_func("/rtc/periodic", test_periodic);
    g_test_add_func("/rtc/lost-ticks", test_lost_ticks);
    g_test_add_func("/rtc/inhibit", test_inhibit);
    g_test_add_func("/rtc/ram", test_ram);
    g_test_add_func("/rtc/bases", test_bases);
    g_test_add_func("/rtc/state", test_state);
    g_test_add_func("/rtc/storm", test_storm);
    return g_test_run();
}
