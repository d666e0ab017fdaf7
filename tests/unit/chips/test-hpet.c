/* SPDX-License-Identifier: MIT */
/* hpet: registers, one-shot and periodic timers, widths, levels, routes, messages, state. */
#include "hw/intc/apic-message.h"
#include "hw/timer/hpet.h"
#include "tests/unit/chips/bench.h"

#define BASE 0xfed00000ull
enum { CONFIG = 0x10, STATUS = 0x20, COUNTER = 0xf0 };
enum { LEVEL = 2, ENABLE = 4, PERIODIC = 8, VALUE_SET = 0x40, BITS32 = 0x100, FSB = 0x4000 };

static Device *hpet, *window;
static unsigned messages;
static uint64_t message_address;
static uint32_t message_data;

static void take_message(void *opaque, uint64_t address, uint32_t data, MemoryAttrs attrs)
{
    messages++;
    message_address = address;
    message_data = data;
}

static void up(const char *properties)
{
    bench_new();
    hpet = bench_add("hpet", "hpet", properties);
    device_place_bank(hpet, 0, SPACE_MEMORY, BASE);
    window = bench_add("apic-msi", "window", NULL);
    bench_up();
    apic_window_take_over(window, take_message, NULL);
    watch_pin(hpet, HPET_PIN_IRQ);
    messages = 0;
}

static uint64_t get(unsigned reg)
{
    return read64(BASE + reg);
}

static void put(unsigned reg, uint64_t value)
{
    write64(BASE + reg, value);
}

static unsigned config_of(unsigned timer)
{
    return 0x100 + 0x20 * timer;
}

static unsigned comparator_of(unsigned timer)
{
    return 0x108 + 0x20 * timer;
}

static void test_registers(void)
{
    up("hpet-intcap=4");
    g_assert_cmphex(get(0), ==, 0x009896808086a201ull);
    g_assert_cmphex(read32(BASE + 4), ==, 0x00989680);
    put(0, 0);
    g_assert_cmphex(get(0), ==, 0x009896808086a201ull);
    g_assert_cmphex(get(CONFIG) | get(STATUS) | get(COUNTER), ==, 0);
    for (unsigned i = 0; i < 3; i++) {
        g_assert_cmphex(get(config_of(i)), ==, 0x0000000400000030ull);
        g_assert_cmphex(get(comparator_of(i)), ==, UINT64_MAX);
        put(config_of(i), UINT64_MAX);
        /* Route 31 is not to be had, a value-set bit does not read back. */
        g_assert_cmphex(get(config_of(i)), ==, 0x000000040000013eull);
        put(config_of(i), 2 << 9);
        g_assert_cmphex(get(config_of(i)), ==, 0x0000000400000430ull);
        put(0x110 + 0x20 * i, 0x123456789);
        g_assert_cmphex(get(0x110 + 0x20 * i), ==, 0);
    }
    g_assert_cmphex(get(config_of(3)), ==, 0);
    put(CONFIG, 0xff);
    g_assert_cmphex(get(CONFIG), ==, 3);
    g_assert_true(pin_is_high(hpet, HPET_PIN_LEGACY, 0));
    put(CONFIG, 0);
    g_assert_false(pin_is_high(hpet, HPET_PIN_LEGACY, 0));
    bench_delete();

    up("timers=32,msi=on");
    g_assert_cmphex(get(0), ==, 0x009896808086bf01ull);
    g_assert_cmphex(get(config_of(31)), ==, 0x0000000400008030ull);
    put(0x110 + 0x20 * 31, 0x123456789abcdef0ull);
    g_assert_cmphex(get(0x110 + 0x20 * 31), ==, 0x123456789abcdef0ull);
    bench_delete();
}

static void test_properties(void)
{
    g_autoptr(GError) error = NULL;
    Device *device;

    bench_new();
    device = bench_add("hpet", "hpet", NULL);
    g_assert_false(object_set_string(OBJECT(device), "timers", "2", &error));
    g_clear_error(&error);
    g_assert_false(object_set_string(OBJECT(device), "timers", "33", &error));
    bench_delete();
}

static void test_counter(void)
{
    up(NULL);
    step(1000);
    g_assert_cmpuint(get(COUNTER), ==, 0);
    put(CONFIG, 1);
    step(1000);
    g_assert_cmpuint(get(COUNTER), ==, 100);
    put(CONFIG, 0);
    step(1000);
    g_assert_cmpuint(get(COUNTER), ==, 100);
    put(COUNTER, 0xfffffffffffffff0ull);
    put(CONFIG, 1);
    step(320);
    g_assert_cmphex(get(COUNTER), ==, 0x10);
    put(CONFIG, 0);
    write32(BASE + COUNTER + 4, 0x11);
    write32(BASE + COUNTER, 0x22);
    g_assert_cmphex(get(COUNTER), ==, 0x1100000022ull);
    g_assert_cmphex(read32(BASE + COUNTER + 4), ==, 0x11);
    bench_delete();
}

static void test_one_shot(void)
{
    up("hpet-intcap=0xff0104");
    put(config_of(0), ENABLE | 20 << 9);
    put(comparator_of(0), 1000);
    put(CONFIG, 1);
    step(9999);
    g_assert_cmpuint(rising_edges(20), ==, 0);
    step(1);
    g_assert_cmpuint(rising_edges(20), ==, 1);
    g_assert_cmphex(get(STATUS), ==, 0);
    step(100000000);
    g_assert_cmpuint(rising_edges(20), ==, 0);
    put(comparator_of(0), get(COUNTER) + 100);
    step(1000);
    g_assert_cmpuint(rising_edges(20), ==, 1);
    /* Masked or halted: nothing. */
    put(config_of(0), 20 << 9);
    put(comparator_of(0), get(COUNTER) + 100);
    step(2000);
    put(config_of(0), ENABLE | 20 << 9);
    step(2000);
    put(comparator_of(0), get(COUNTER) + 100);
    put(CONFIG, 0);
    step(2000);
    g_assert_cmpuint(rising_edges(20), ==, 0);
    put(CONFIG, 1);
    step(1000);
    g_assert_cmpuint(rising_edges(20), ==, 1);
    bench_delete();
}

static void test_32bit(void)
{
    up(NULL);
    put(COUNTER, 0xfffffff000ull);
    put(config_of(1), ENABLE | BITS32 | 2 << 9);
    put(comparator_of(1), 0x123400000010ull);
    g_assert_cmphex(get(comparator_of(1)), ==, 0x10);
    put(CONFIG, 1);
    step(0x1010 * 10 - 1);
    g_assert_cmpuint(rising_edges(2), ==, 0);
    step(1);
    g_assert_cmpuint(rising_edges(2), ==, 1);
    /* And once round. */
    step(0x100000000ll * 10 - 1);
    g_assert_cmpuint(rising_edges(2), ==, 0);
    step(1);
    g_assert_cmpuint(rising_edges(2), ==, 1);
    bench_delete();
}

static void test_periodic(void)
{
    up(NULL);
    put(config_of(0), ENABLE | PERIODIC | VALUE_SET | BITS32 | 2 << 9);
    put(comparator_of(0), 5000);
    put(comparator_of(0), 100000);
    put(CONFIG, 1);
    step(50000);
    g_assert_cmpuint(rising_edges(2), ==, 1);
    g_assert_cmpuint(get(comparator_of(0)), ==, 105000);
    step(10000000);
    g_assert_cmpuint(rising_edges(2), ==, 10);
    /* Without value-set the period alone changes. */
    put(comparator_of(0), 200000);
    g_assert_cmpuint(get(comparator_of(0)), ==, 1105000);
    step(1000000);
    g_assert_cmpuint(rising_edges(2), ==, 1);
    step(2000000);
    g_assert_cmpuint(rising_edges(2), ==, 1);
    /* Across the end of 32 bits. */
    put(CONFIG, 0);
    put(COUNTER, 0xffff0000);
    put(config_of(0), ENABLE | PERIODIC | VALUE_SET | BITS32 | 2 << 9);
    put(comparator_of(0), 0xffff8000);
    put(comparator_of(0), 0x8000);
    put(CONFIG, 1);
    step(0x8000 * 10 * 10);
    g_assert_cmpuint(rising_edges(2), ==, 10);
    bench_delete();
}

static void test_periodic_halves(void)
{
    up(NULL);
    put(config_of(0), ENABLE | PERIODIC | VALUE_SET | 2 << 9);
    write32(BASE + comparator_of(0) + 4, 1);
    write32(BASE + comparator_of(0), 500);
    g_assert_cmphex(get(comparator_of(0)), ==, 0x1000001f4ull);
    write32(BASE + comparator_of(0) + 4, 0);
    write32(BASE + comparator_of(0), 3000);
    g_assert_cmphex(get(comparator_of(0)), ==, 0x1000001f4ull);
    put(COUNTER, 0x100000000ull);
    put(CONFIG, 1);
    step(5000 + 30000 * 3);
    g_assert_cmpuint(rising_edges(2), ==, 4);
    bench_delete();
}

static void test_fast(void)
{
    unsigned edges;

    up(NULL);
    put(config_of(0), ENABLE | PERIODIC | VALUE_SET | 2 << 9);
    put(comparator_of(0), 1);
    put(CONFIG, 1);
    step(10000000);
    edges = rising_edges(2);
    g_assert_cmpuint(edges, >=, 300);
    g_assert_cmpuint(edges, <=, 600);
    /* A period of nothing is one match. */
    put(comparator_of(0), 0);
    step(10000000);
    g_assert_cmpuint(rising_edges(2), <=, 1);
    bench_delete();
}

static void test_level(void)
{
    up("hpet-intcap=0xff0104");
    put(config_of(2), ENABLE | LEVEL | 21 << 9);
    put(comparator_of(2), 100);
    put(CONFIG, 1);
    step(1000);
    g_assert_true(pin_is_high(hpet, HPET_PIN_IRQ, 21));
    g_assert_cmphex(get(STATUS), ==, 4);
    put(STATUS, 3);
    g_assert_true(pin_is_high(hpet, HPET_PIN_IRQ, 21));
    put(STATUS, 4);
    g_assert_cmphex(get(STATUS), ==, 0);
    g_assert_false(pin_is_high(hpet, HPET_PIN_IRQ, 21));
    /* Status comes although the interrupt is off; turning it on shows it. */
    put(config_of(2), LEVEL | 21 << 9);
    put(comparator_of(2), get(COUNTER) + 100);
    step(2000);
    g_assert_cmphex(get(STATUS), ==, 4);
    g_assert_false(pin_is_high(hpet, HPET_PIN_IRQ, 21));
    put(config_of(2), LEVEL | ENABLE | 21 << 9);
    g_assert_true(pin_is_high(hpet, HPET_PIN_IRQ, 21));
    put(CONFIG, 0);
    g_assert_false(pin_is_high(hpet, HPET_PIN_IRQ, 21));
    g_assert_cmphex(get(STATUS), ==, 4);
    bench_delete();
}

static void test_legacy(void)
{
    up(NULL);
    for (unsigned i = 0; i < 3; i++) {
        put(config_of(i), ENABLE | 2 << 9);
        put(comparator_of(i), 100);
    }
    put(CONFIG, 3);
    step(1000);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    g_assert_cmpuint(rising_edges(8), ==, 1);
    g_assert_cmpuint(rising_edges(2), ==, 1);
    bench_delete();
}

static void test_messages(void)
{
    up("msi=on");
    put(config_of(0), ENABLE | FSB | 2 << 9);
    put(0x110, 0xfee01000ull << 32 | 0x4055);
    put(comparator_of(0), 100);
    put(CONFIG, 1);
    step(1000);
    g_assert_cmpuint(messages, ==, 1);
    g_assert_cmphex(message_address, ==, 0xfee01000);
    g_assert_cmphex(message_data, ==, 0x4055);
    g_assert_cmpuint(rising_edges(2), ==, 0);
    /* Into nothing, into the timer itself: harmless. */
    put(0x110, 0x12345ull << 32);
    put(comparator_of(0), get(COUNTER) + 10);
    step(1000);
    put(0x110, (BASE + 0x10) << 32);
    put(comparator_of(0), get(COUNTER) + 10);
    step(1000);
    g_assert_cmphex(get(CONFIG), ==, 1);
    bench_delete();
}

static void test_state(void)
{
    up("timers=4");
    put(config_of(0), ENABLE | PERIODIC | VALUE_SET | 2 << 9);
    put(comparator_of(0), 100000);
    put(config_of(3), ENABLE | LEVEL | 2 << 9);
    put(comparator_of(3), 500);
    put(CONFIG, 1);
    step(1500000);
    check_saved_state(hpet);
    rising_edges(2);
    g_assert_cmphex(get(STATUS), ==, 8);
    put(STATUS, 8);
    step(10000000);
    g_assert_cmpuint(rising_edges(2), ==, 10);
    bench_delete();
}

static void test_storm(void)
{
    up("timers=5,msi=on,hpet-intcap=0xffffffff");
    for (unsigned i = 0; i < 100; i++) {
        storm_memory(BASE, BASE + 0x200, 100);
        put(CONFIG, 1);
    }
    storm_memory(BASE + 0x3f0, BASE + 0x410, 50);
    check_saved_state(hpet);
    bench_delete();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/hpet/registers", test_registers);
    g_test_add_func("/hpet/properties", test_properties);
    g_test_add_func("/hpet/counter", test_counter);
    g_test_add_func("/hpet/one-shot", test_one_shot);
    g_test_add_func("/hpet/32bit", test_32bit);
    g_test_add_func("/hpet/periodic", test_periodic);
    g_test_add_func("/hpet/periodic-halves", test_periodic_halves);
    g_test_add_func("/hpet/fast", test_fast);
    g_test_add_func("/hpet/level", test_level);
    g_test_add_func("/hpet/legacy", test_legacy);
    g_test_add_func("/hpet/messages", test_messages);
    g_test_add_func("/hpet/state", test_state);
    g_test_add_func("/hpet/storm", test_storm);
    return g_test_run();
}
