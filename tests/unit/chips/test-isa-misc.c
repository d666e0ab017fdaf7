/* SPDX-License-Identifier: MIT */
/* isa-debug-exit, pc-testdev and ib700. */
#include "base/bits.h"
#include "hw/intc/ioapic.h"
#include "tests/unit/chips/bench.h"

#define SECOND 1000000000ll

static unsigned expirations;

static int exit_status(void)
{
    int status = -1;

    return machine_handle_requests(&status) ? status : -1;
}

static void check_exit(uint16_t port, unsigned size, uint64_t value, int status)
{
    bench_new();
    bench_add("isa-debug-exit", "exit", "iobase=0x501,iosize=4");
    bench_up();
    g_assert_cmphex(in_sized(0x501, 4), ==, 0);
    g_assert_cmpint(exit_status(), ==, -1);
    out_sized(port, size, value);
    g_assert_cmpint(exit_status(), ==, status);
    bench_delete();
}

static void test_debug_exit(void)
{
    g_autoptr(GError) error = NULL;
    Device *device;

    check_exit(0x501, 1, 0, 1);
    check_exit(0x501, 1, 3, 7);
    check_exit(0x501, 1, 255, 255);
    check_exit(0x501, 2, 0x1234, 0x69);
    check_exit(0x501, 4, 0xffffffff, 0xff);
    check_exit(0x502, 2, 0x10, 0x21);
    bench_new();
    device = bench_add("isa-debug-exit", "exit", "iobase=0xf4");
    g_assert_false(object_set_string(OBJECT(device), "iosize", "5", &error));
    bench_up();
    g_assert_cmphex(in8(0xf6), ==, 0xff);
    out8(0xf6, 1);
    g_assert_cmpint(exit_status(), ==, -1);
    out8(0xf5, 1);
    g_assert_cmpint(exit_status(), ==, 3);
    check_saved_state(device);
    bench_delete();
}

static Device *testdev, *ioapic;

static void testdev_up(void)
{
    bench_new();
    testdev = bench_add("pc-testdev", "testdev", NULL);
    ioapic = bench_add("ioapic", "ioapic", NULL);
    device_place_bank(ioapic, IOAPIC_BANK_MEMORY, SPACE_MEMORY, 0xfec00000);
    for (unsigned line = 0; line < 16; line++) {
        pin_connect(testdev, 0, line, ioapic, IOAPIC_PIN_IRQ, line);
    }
    bench_up();
}

static void test_words(void)
{
    testdev_up();
    out_sized(0xe0, 4, 0x89abcdef);
    g_assert_cmphex(in_sized(0xe0, 4), ==, 0x89abcdef);
    g_assert_cmphex(in8(0xe1), ==, 0xcd);
    g_assert_cmphex(in_sized(0xe1, 2), ==, 0xabcd);
    g_assert_cmphex(in_sized(0xe8, 4), ==, 0x89abcdef);
    out8(0xe2, 0x77);
    g_assert_cmphex(in_sized(0xe0, 4), ==, 0x8977cdef);
    out_sized(0xe8, 4, 0x11223344);
    out8(0xe9, 0x55);
    g_assert_cmphex(in_sized(0xe0, 4), ==, 0x11225544);
    write32(0xff000000, 0x12345678);
    g_assert_cmphex(read32(0xff000000), ==, 0x12345678);
    write64(0xff000101, 0x1122334455667788ull);
    g_assert_cmphex(read64(0xff000101), ==, 0x1122334455667788ull);
    g_assert_cmphex(read32(0xff000105), ==, 0x11223344);
    g_assert_cmphex(read32(0xff00fffc), ==, 0);
    check_saved_state(testdev);
    g_assert_cmphex(read32(0xff000000), ==, 0x12345678);
    bench_delete();
}

static void test_lines(void)
{
    testdev_up();
    for (unsigned line = 0; line < 24; line++) {
        out8(0x2000 + line, line + 1);
        g_assert_true(pin_is_high(ioapic, IOAPIC_PIN_IRQ, line));
        g_assert_cmphex(in8(0x2000 + line), ==, 0);
        if (line % 2) {
            out8(0x2000 + line, 0);
            g_assert_false(pin_is_high(ioapic, IOAPIC_PIN_IRQ, line));
        }
    }
    device_reset(testdev);
    for (unsigned line = 0; line < 24; line++) {
        g_assert_false(pin_is_high(ioapic, IOAPIC_PIN_IRQ, line));
    }
    bench_delete();
}

static void test_flush(void)
{
    testdev_up();
    write32(0x5000, 0x600df00d);
    out_sized(0xe4, 4, 0x5123);
    g_assert_cmphex(in_sized(0xe4, 4), ==, 0);
    g_assert_cmphex(read32(0x5000), ==, 0x600df00d);
    write32(0x5000, 1);
    g_assert_cmphex(read32(0x5000), ==, 1);
    /* Where no RAM is: nothing. */
    out_sized(0xe4, 4, 0xff000000);
    out_sized(0xe4, 4, 0xfffff000);
    out8(0xe5, 0x50);
    for (unsigned i = 0; i < 20; i++) {
        storm_ports(0xdf, 0xec, 50);
        storm_ports(0x1fff, 0x2018, 20);
        storm_memory(0xfefffff0, 0xff000010, 20);
        storm_memory(0xff00fff0, 0xff010010, 20);
    }
    bench_delete();
}

static void count_event(const char *name, GVariant *data)
{
    expirations += g_str_equal(name, "WATCHDOG");
}

static unsigned expired(void)
{
    unsigned count = expirations;

    expirations = 0;
    return count;
}

static void test_watchdog(void)
{
    Device *watchdog;

    bench_new();
    watchdog = bench_add("ib700", "watchdog", NULL);
    bench_up();
    machine_set_event_sink(count_event);
    machine_actions()->watchdog = WATCHDOG_DEBUG;
    step(100 * SECOND);
    g_assert_cmpuint(expired(), ==, 0);
    for (unsigned value = 0; value < 15; value++) {
        out8(0x443, 0xf0 | value);
        step((30 - 2 * value) * SECOND - 1);
        g_assert_cmpuint(expired(), ==, 0);
        step(1);
        g_assert_cmpuint(expired(), ==, 1);
        step(100 * SECOND);
        g_assert_cmpuint(expired(), ==, 0);
    }
    out8(0x443, 15);
    step(1);
    g_assert_cmpuint(expired(), ==, 1);
    /* Kept alive, stopped, reset. */
    for (unsigned i = 0; i < 10; i++) {
        out8(0x443, 10);
        step(9 * SECOND);
    }
    check_saved_state(watchdog);
    g_assert_cmpuint(expired(), ==, 0);
    out8(0x441, 0);
    step(100 * SECOND);
    g_assert_cmpuint(expired(), ==, 0);
    out8(0x443, 10);
    device_reset(watchdog);
    step(100 * SECOND);
    g_assert_cmpuint(expired(), ==, 0);
    g_assert_cmphex(in8(0x441), ==, 0xff);
    g_assert_cmphex(in_sized(0x441, 4), ==, 0xffffffff);
    machine_set_event_sink(NULL);
    bench_delete();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/isa-misc/debug-exit", test_debug_exit);
    g_test_add_func("/isa-misc/testdev-words", test_words);
    g_test_add_func("/isa-misc/testdev-lines", test_lines);
    g_test_add_func("/isa-misc/testdev-flush", test_flush);
    g_test_add_func("/isa-misc/ib700", test_watchdog);
    return g_test_run();
}
