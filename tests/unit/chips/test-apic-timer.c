/* SPDX-License-Identifier: MIT */
/* apic: its timer, by counts and by the time stamp counter. */
#include "tests/unit/chips/apic-bench.h"

static void test_timer_one_shot(void)
{
    up();
    put(0, DIVIDE, 0xb);
    put(0, LVT_TIMER, 0x40);
    put(0, INITIAL, 1000);
    step(400);
    g_assert_cmpuint(get(0, CURRENT), ==, 600);
    step(599);
    g_assert_false(seen[0].interrupt);
    step(1);
    g_assert_true(seen[0].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
    put(0, EOI, 0);
    step(10000);
    g_assert_cmpuint(get(0, CURRENT), ==, 0);
    g_assert_false(seen[0].interrupt);
    /* All divisors. */
    for (unsigned code = 0; code < 8; code++) {
        unsigned divisor = 1u << ((code + 1) & 7);
        put(0, DIVIDE, (code & 3) | (code & 4) << 1);
        put(0, INITIAL, 1000);
        step(100 * divisor);
        g_assert_cmpuint(get(0, CURRENT), ==, 900);
        step(900 * divisor);
        g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
        put(0, EOI, 0);
    }
    /* Stopped by a zero; another divisor on the way. */
    put(0, DIVIDE, 0xb);
    put(0, INITIAL, 1000);
    put(0, INITIAL, 0);
    step(5000);
    g_assert_false(seen[0].interrupt);
    put(0, INITIAL, 1000);
    step(500);
    put(0, DIVIDE, 0);
    step(999);
    g_assert_false(seen[0].interrupt);
    step(1);
    g_assert_true(seen[0].interrupt);
    down();
}

static void test_timer_periodic(void)
{
    unsigned count = 0;

    up();
    put(0, DIVIDE, 0xb);
    put(0, LVT_TIMER, 0x20040);
    put(0, INITIAL, 1000000);
    for (unsigned i = 0; i < 10; i++) {
        step(1000000);
        g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
        put(0, EOI, 0);
        g_assert_cmpint(apic_acknowledge(apics[0]), ==, -1);
    }
    step(250000);
    g_assert_cmpuint(get(0, CURRENT), ==, 750000);
    put(0, LVT_TIMER, 0x30040);
    step(2000000);
    g_assert_false(seen[0].interrupt);
    g_assert_cmpuint(get(0, CURRENT), ==, 750000);
    put(0, LVT_TIMER, 0x20040);
    step(750000);
    g_assert_true(seen[0].interrupt);
    /* A period of a nanosecond neither hangs nor drifts. */
    put(0, INITIAL, 1);
    for (unsigned i = 0; i < 1000; i++) {
        step(100000);
        while (apic_acknowledge(apics[0]) >= 0) {
            put(0, EOI, 0);
            count++;
        }
    }
    g_assert_cmpuint(count, >=, 1000);
    /* Nor does the end of time. */
    put(0, INITIAL, 0xffffffff);
    put(0, DIVIDE, 0xa);
    step(INT64_MAX / 2 - time_virtual());
    g_assert_cmpuint(get(0, CURRENT), >, 0);
    down();
}

static uint64_t tsc_now(void)
{
    return (time_virtual() - tsc_zero) * tsc_rate;
}

static void test_deadline(void)
{
    up();
    tsc_zero = time_virtual();
    /* Another mode: zero, and writes are ignored. */
    apic_set_tsc_deadline(apics[0], 1000);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    put(0, LVT_TIMER, 0x40040);
    g_assert_cmphex(get(0, LVT_TIMER), ==, 0x40040);
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 1000);
    put(0, INITIAL, 5);
    g_assert_cmpuint(get(0, INITIAL) + get(0, CURRENT), ==, 0);
    check_saved_state(apics[0]);
    step(499);
    g_assert_false(seen[0].interrupt);
    step(1);
    g_assert_true(seen[0].interrupt);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
    put(0, EOI, 0);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    /* One that has passed; one that is taken back. */
    apic_set_tsc_deadline(apics[0], 1);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
    put(0, EOI, 0);
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000);
    apic_set_tsc_deadline(apics[0], 0);
    step(10000);
    g_assert_false(seen[0].interrupt);
    /* Another mode and back disarm. */
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000);
    put(0, LVT_TIMER, 0x40);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    put(0, INITIAL, 5000);
    put(0, LVT_TIMER, 0x40040);
    step(10000);
    g_assert_false(seen[0].interrupt);
    down();
}

static void test_deadline_changes(void)
{
    up();
    tsc_zero = time_virtual();
    /* A masked deadline passes in silence. */
    put(0, LVT_TIMER, 0x50040);
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000);
    step(500);
    g_assert_false(seen[0].interrupt);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    put(0, LVT_TIMER, 0x40040);
    /* The counter is set on, or stands still. */
    apic_set_tsc_deadline(apics[0], tsc_now() + 1000000);
    tsc_zero -= 499999;
    apic_tsc_changed(apics[0]);
    g_assert_false(seen[0].interrupt);
    step(1);
    g_assert_cmpint(apic_acknowledge(apics[0]), ==, 0x40);
    put(0, EOI, 0);
    tsc_rate = 0;
    apic_set_tsc_deadline(apics[0], 5);
    step(1000000);
    g_assert_false(seen[0].interrupt);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 5);
    tsc_rate = 2;
    /* INIT disarms; a CPU that lacks the mode has no bit for it. */
    message(0, 0x4500);
    g_assert_cmpuint(apic_tsc_deadline(apics[0]), ==, 0);
    apic_set_features(apics[0], APIC_X2APIC);
    put(0, SVR, 0x1ff);
    put(0, LVT_TIMER, 0x40040);
    g_assert_cmphex(get(0, LVT_TIMER), ==, 0x40);
    down();
}

int main(int argc, char **argv)
{
    start_tests(&argc, &argv);
    g_test_add_func("/apic/timer-one-shot", test_timer_one_shot);
    g_test_add_func("/apic/timer-periodic", test_timer_periodic);
    g_test_add_func("/apic/deadline", test_deadline);
    g_test_add_func("/apic/deadline-changes", test_deadline_changes);
    return g_test_run();
}
