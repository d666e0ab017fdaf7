/* SPDX-License-Identifier: MIT */
/* ioapic: registers, edges and levels, messages, end of interrupt, state. */
#include "hw/intc/apic-message.h"
#include "hw/intc/ioapic.h"
#include "tests/unit/chips/bench.h"

enum { BASE = 0xfec00000, SELECT = BASE, WINDOW = BASE + 0x10, EOI = BASE + 0x40 };

static Device *ioapic;
static unsigned messages;
static uint64_t last_address;
static uint32_t last_data;

static void take_message(void *opaque, uint64_t address, uint32_t data, MemoryAttrs attrs)
{
    g_assert_true(attrs.is_dma);
    messages++;
    last_address = address;
    last_data = data;
}

static void up(const char *properties)
{
    Device *window;

    bench_new();
    ioapic = bench_add("ioapic", "ioapic", properties);
    device_place_bank(ioapic, IOAPIC_BANK_MEMORY, SPACE_MEMORY, BASE);
    window = bench_add("apic-msi", "window", NULL);
    bench_up();
    apic_window_take_over(window, take_message, NULL);
    messages = 0;
}

static uint32_t get(uint8_t reg)
{
    write32(SELECT, reg);
    return read32(WINDOW);
}

static void put(uint8_t reg, uint32_t value)
{
    write32(SELECT, reg);
    write32(WINDOW, value);
}

static void set_entry(unsigned line, uint64_t entry)
{
    put(0x11 + 2 * line, entry >> 32);
    put(0x10 + 2 * line, entry);
}

static uint64_t entry(unsigned line)
{
    return get(0x10 + 2 * line) | (uint64_t)get(0x11 + 2 * line) << 32;
}

static void irq(unsigned line, bool level)
{
    pin_drive_external(ioapic, IOAPIC_PIN_IRQ, line, level);
}

static unsigned taken(void)
{
    unsigned count = messages;

    messages = 0;
    return count;
}

static void test_registers(void)
{
    up(NULL);
    g_assert_cmphex(read32(SELECT), ==, 0);
    g_assert_cmphex(get(0), ==, 0);
    g_assert_cmphex(get(1), ==, 0x00170020);
    put(0, 0xffffffff);
    g_assert_cmphex(get(0), ==, 0x0f000000);
    g_assert_cmphex(get(2), ==, 0x0f000000);
    put(1, 0x55);
    g_assert_cmphex(get(1), ==, 0x00170020);
    for (unsigned line = 0; line < 24; line++) {
        g_assert_cmphex(entry(line), ==, 0x10000);
        put(0x11 + 2 * line, 0xffffffff);
        put(0x10 + 2 * line, 0xffffffff);
        g_assert_cmphex(entry(line), ==, 0xff0000000001afffull);
    }
    g_assert_cmphex(get(0x40), ==, 0);
    write32(SELECT, 0x1ff);
    g_assert_cmphex(read32(SELECT), ==, 0xff);
    g_assert_cmphex(read32(BASE + 0x20), ==, 0);
    g_assert_cmphex(read64(WINDOW), ==, 0);
    bench_delete();

    up("version=0x11");
    g_assert_cmphex(get(1), ==, 0x00170011);
    bench_delete();
    bench_new();
    bench_add("ioapic", "ioapic", "version=0x12");
    bench_up_fails("0x11 or 0x20");
    bench_delete();
}

static void test_edge(void)
{
    up(NULL);
    set_entry(5, 0x0300000000000000ull | 0x41);
    irq(5, true);
    g_assert_cmpuint(taken(), ==, 1);
    g_assert_cmphex(last_address, ==, 0xfee03000);
    g_assert_cmphex(last_data, ==, 0x4041);
    irq(5, false);
    g_assert_cmpuint(taken(), ==, 0);
    irq(5, true);
    g_assert_cmpuint(taken(), ==, 1);
    /* Edges at a masked pin are lost; a line that is high at unmasking is no edge. */
    irq(5, false);
    set_entry(5, 0x10041);
    irq(5, true);
    set_entry(5, 0x41);
    g_assert_cmpuint(taken(), ==, 0);
    /* Logical, lowest priority. */
    irq(7, false);
    set_entry(7, 0xf0ull << 56 | 0x952);
    irq(7, true);
    g_assert_cmphex(last_address, ==, 0xfeef000c);
    g_assert_cmphex(last_data, ==, 0x4152);
    bench_delete();
}

static void test_level(void)
{
    up(NULL);
    set_entry(9, 0x8061);
    irq(9, true);
    g_assert_cmpuint(taken(), ==, 1);
    g_assert_cmphex(last_data, ==, 0xc061);
    g_assert_cmphex(entry(9), ==, 0xc061);
    g_assert_cmpuint(taken(), ==, 0);
    /* Still high at the EOI: again. */
    ioapic_end_of_interrupt(0x61);
    g_assert_cmpuint(taken(), ==, 1);
    irq(9, false);
    ioapic_end_of_interrupt(0x60);
    g_assert_cmphex(entry(9), ==, 0xc061);
    ioapic_end_of_interrupt(0x61);
    g_assert_cmphex(entry(9), ==, 0x8061);
    g_assert_cmpuint(taken(), ==, 0);
    /* High while masked, sent when unmasked. */
    set_entry(9, 0x18061);
    irq(9, true);
    g_assert_cmpuint(taken(), ==, 0);
    set_entry(9, 0x8061);
    g_assert_cmpuint(taken(), ==, 1);
    /* Masking and unmasking while it is in service sends no second one. */
    set_entry(9, 0x18061);
    set_entry(9, 0x8061);
    g_assert_cmpuint(taken(), ==, 0);
    /* The EOI register. */
    write32(EOI, 0x61);
    g_assert_cmpuint(taken(), ==, 1);
    /* Switching to edge and back clears remote IRR. */
    set_entry(9, 0x10061);
    g_assert_cmphex(entry(9), ==, 0x10061);
    set_entry(9, 0x8061);
    g_assert_cmpuint(taken(), ==, 1);
    bench_delete();
}

static void test_no_eoi_register(void)
{
    up("version=0x11");
    set_entry(9, 0x8061);
    irq(9, true);
    taken();
    write32(EOI, 0x61);
    g_assert_cmphex(entry(9), ==, 0xc061);
    bench_delete();
}

static void test_other_modes(void)
{
    up(NULL);
    /* NMI, SMI, INIT and ExtINT are edges, also when they say level. */
    for (unsigned mode = 2; mode < 8; mode++) {
        bool reserved = mode == 3 || mode == 6;
        irq(1, false);
        set_entry(1, 0x8000 | mode << 8);
        irq(1, true);
        g_assert_cmpuint(taken(), ==, reserved ? 0 : 1);
        g_assert_cmphex(entry(1), ==, 0x8000 | mode << 8);
    }
    bench_delete();
}

static void test_reset_with_high_line(void)
{
    up(NULL);
    irq(4, true);
    device_reset(ioapic);
    g_assert_cmphex(entry(4), ==, 0x10000);
    set_entry(4, 0x8071);
    g_assert_cmpuint(taken(), ==, 1);
    bench_delete();
}

static void test_state(void)
{
    up(NULL);
    set_entry(9, 0x8061);
    irq(9, true);
    set_entry(10, 0x10062);
    put(0, 0x02000000);
    check_saved_state(ioapic);
    g_assert_cmphex(entry(9), ==, 0xc061);
    g_assert_cmphex(get(0), ==, 0x02000000);
    bench_delete();
}

static void test_storm(void)
{
    up(NULL);
    for (unsigned i = 0; i < 500; i++) {
        irq(i % 24, i & 0x40);
        storm_memory(BASE, BASE + 0x60, 20);
        put(g_test_rand_int_range(0, 256), g_test_rand_int());
        write32(SELECT, i);
        storm_memory(WINDOW, WINDOW, 4);
    }
    storm_memory(BASE + 0xf00, BASE + 0x1010, 100);
    check_saved_state(ioapic);
    bench_delete();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ioapic/registers", test_registers);
    g_test_add_func("/ioapic/edge", test_edge);
    g_test_add_func("/ioapic/level", test_level);
    g_test_add_func("/ioapic/no-eoi-register", test_no_eoi_register);
    g_test_add_func("/ioapic/other-modes", test_other_modes);
    g_test_add_func("/ioapic/reset-with-high-line", test_reset_with_high_line);
    g_test_add_func("/ioapic/state", test_state);
    g_test_add_func("/ioapic/storm", test_storm);
    return g_test_run();
}
