/* SPDX-License-Identifier: MIT */
/* i8257: registers, transfers in both directions and modes, wraps, cascade, clients, state. */
#include <string.h>

#include "hw/dma/i8237.h"
#include "tests/unit/chips/bench.h"

enum { DMA1 = 0x00, DMA2 = 0xc0, PAGE_CH2 = 0x81, PAGE_CH1 = 0x83, PAGE_CH0 = 0x87,
       PAGE_CH5 = 0x8b };
enum { VERIFY = 0x00, WRITE = 0x04, READ = 0x08, AUTOINIT = 0x10, DOWN = 0x20, SINGLE = 0x40,
       BLOCK = 0x80, CASCADE = 0xc0 };

typedef struct Peer {
    uint8_t data[0x20000];
    size_t available, moved;
    unsigned terminal;
    unsigned calls, stop_after;    /* lowers its request after so many calls; 0: never */
} Peer;

static Device *dma1, *dma2;
static Peer peer;

static size_t portion(size_t length)
{
    size_t count = MIN(length, peer.available - peer.moved);

    if (++peer.calls == peer.stop_after) {
        i8237_request(dma1, 2, false);
    }
    return count;
}

static size_t to_memory(void *opaque, uint8_t *data, size_t length)
{
    size_t count = portion(length);

    memcpy(data, peer.data + peer.moved, count);
    peer.moved += count;
    return count;
}

static size_t from_memory(void *opaque, const uint8_t *data, size_t length)
{
    size_t count = portion(length);

    memcpy(peer.data + peer.moved, data, count);
    peer.moved += count;
    return count;
}

static void at_terminal_count(void *opaque)
{
    peer.terminal++;
}

static const DmaClient client = { to_memory, from_memory, at_terminal_count };

static void up(void)
{
    bench_new();
    dma1 = bench_add("i8257", "dma1", "base=0,page-base=0x80");
    dma2 = bench_add("i8257", "dma2", "base=0xc0,page-base=0x88,dshift=1");
    pin_connect(dma1, I8237_PIN_HRQ, 0, dma2, I8237_PIN_DREQ, 0);
    pin_connect(dma2, I8237_PIN_DACK, 0, dma1, I8237_PIN_HLDA, 0);
    bench_up();
    memset(&peer, 0, sizeof(peer));
    peer.available = sizeof(peer.data);
    for (size_t i = 0; i < sizeof(peer.data); i++) {
        peer.data[i] = i * 7 + (i >> 8);
    }
    i8237_attach(dma1, 2, &client, NULL);
    i8237_attach(dma2, 1, &client, NULL);
    /* As firmware leaves it: channel 4 cascades. */
    out8(DMA2 + 0x16, CASCADE);
    out8(DMA2 + 0x14, 0);
}

static void program(uint16_t base, unsigned shift, unsigned channel, uint8_t mode,
                    uint16_t address, uint16_t count)
{
    out8(base + (0xc << shift), 0);
    out8(base + (0xb << shift), mode | channel);
    out8(base + ((2 * channel) << shift), address);
    out8(base + ((2 * channel) << shift), address >> 8);
    out8(base + ((2 * channel + 1) << shift), count);
    out8(base + ((2 * channel + 1) << shift), count >> 8);
    out8(base + (0xa << shift), channel);
}

static uint16_t current(uint16_t base, unsigned shift, unsigned reg)
{
    uint16_t low;

    out8(base + (0xc << shift), 0);
    low = in8(base + (reg << shift));
    return low | in8(base + (reg << shift)) << 8;
}

static void fill(uint64_t address, uint8_t byte, size_t length)
{
    address_space_fill(machine_memory(), address, MEMORY_ATTRS_NONE, byte, length);
}

static void check_memory(uint64_t address, const uint8_t *expected, size_t length)
{
    g_autofree uint8_t *found = g_malloc(length);

    address_space_read(machine_memory(), address, MEMORY_ATTRS_NONE, found, length);
    g_assert_cmpmem(found, length, expected, length);
}

static void test_registers(void)
{
    up();
    device_reset(dma1);
    g_assert_cmphex(in8(DMA1 + 0xf), ==, 0xff);
    g_assert_cmphex(in8(DMA1 + 8), ==, 0);
    g_assert_cmphex(in8(DMA1 + 9), ==, 0xff);
    for (unsigned i = 0; i < 4; i++) {
        program(DMA1, 0, i, SINGLE, 0x1234 + i, 0x5678 + i);
        g_assert_cmphex(current(DMA1, 0, 2 * i), ==, 0x1234 + i);
        g_assert_cmphex(current(DMA1, 0, 2 * i + 1), ==, 0x5678 + i);
    }
    g_assert_cmphex(in8(DMA1 + 0xf), ==, 0xf0);
    out8(DMA1 + 0xf, 0xa);
    g_assert_cmphex(in8(DMA1 + 0xf), ==, 0xfa);
    out8(DMA1 + 0xa, 4);
    g_assert_cmphex(in8(DMA1 + 0xf), ==, 0xfb);
    out8(DMA1 + 0xe, 0);
    g_assert_cmphex(in8(DMA1 + 0xf), ==, 0xf0);
    out8(DMA1 + 0xd, 0);
    g_assert_cmphex(in8(DMA1 + 0xf), ==, 0xff);
    g_assert_cmphex(in8(DMA1 + 0xd), ==, 0);
    for (unsigned port = 0x80; port < 0x90; port++) {
        out8(port, port ^ 0x55);
    }
    for (unsigned port = 0x80; port < 0x90; port++) {
        g_assert_cmphex(in8(port), ==, port ^ 0x55);
    }
    g_assert_cmphex(in8(0x481), ==, 0xff);
    bench_delete();
}

static void test_to_memory(void)
{
    up();
    out8(PAGE_CH2, 0x01);
    program(DMA1, 0, 2, SINGLE | WRITE, 0x2000, 511);
    fill(0x12000, 0xee, 513);
    g_assert_cmpuint(i8237_remaining(dma1, 2), ==, 512);
    i8237_request(dma1, 2, true);
    g_assert_cmpuint(peer.moved, ==, 512);
    g_assert_cmpuint(peer.terminal, ==, 1);
    check_memory(0x12000, peer.data, 512);
    check_memory(0x12200, (const uint8_t[]){ 0xee }, 1);
    g_assert_cmphex(current(DMA1, 0, 4), ==, 0x2200);
    g_assert_cmphex(current(DMA1, 0, 5), ==, 0xffff);
    /* TC masks the channel; the status shows it once. */
    g_assert_cmpuint(i8237_remaining(dma1, 2), ==, 0);
    g_assert_cmphex(in8(DMA1 + 8), ==, 0x44);
    g_assert_cmphex(in8(DMA1 + 8), ==, 0x40);
    i8237_request(dma1, 2, false);
    g_assert_cmphex(in8(DMA1 + 8), ==, 0x00);
    bench_delete();
}

static void test_from_memory(void)
{
    uint8_t pattern[300];

    up();
    for (unsigned i = 0; i < sizeof(pattern); i++) {
        pattern[i] = i ^ 0x5a;
    }
    address_space_write(machine_memory(), 0x3456, MEMORY_ATTRS_NONE, pattern, sizeof(pattern));
    out8(PAGE_CH2, 0);
    program(DMA1, 0, 2, SINGLE | READ, 0x3456, 299);
    /* The device takes it in portions. */
    peer.available = 100;
    i8237_request(dma1, 2, true);
    g_assert_cmpuint(peer.moved, ==, 100);
    g_assert_cmpuint(peer.terminal, ==, 0);
    g_assert_cmphex(current(DMA1, 0, 5), ==, 199);
    i8237_request(dma1, 2, false);
    peer.available = 1000;
    i8237_request(dma1, 2, true);
    g_assert_cmpuint(peer.moved, ==, 300);
    g_assert_cmpuint(peer.terminal, ==, 1);
    g_assert_cmpmem(peer.data, 300, pattern, 300);
    bench_delete();
}

static void test_waiting(void)
{
    up();
    program(DMA1, 0, 2, SINGLE | WRITE, 0, 9);
    out8(DMA1 + 0xa, 4 | 2);
    i8237_request(dma1, 2, true);
    g_assert_cmpuint(peer.moved, ==, 0);
    /* Unmasking lets a request that waits go. */
    out8(DMA1 + 8, 0x04);
    out8(DMA1 + 0xa, 2);
    g_assert_cmpuint(peer.moved, ==, 0);
    out8(DMA1 + 8, 0x00);
    g_assert_cmpuint(peer.moved, ==, 10);
    bench_delete();
    /* Channel 4 masked: the first controller has no bus. */
    up();
    out8(DMA2 + 0x14, 4);
    program(DMA1, 0, 2, SINGLE | WRITE, 0, 9);
    i8237_request(dma1, 2, true);
    g_assert_cmpuint(peer.moved, ==, 0);
    out8(DMA2 + 0x14, 0);
    g_assert_cmpuint(peer.moved, ==, 10);
    g_assert_false(pin_is_high(dma2, I8237_PIN_DACK, 0));
    g_assert_false(pin_is_high(dma1, I8237_PIN_DACK, 2));
    bench_delete();
}

static void test_autoinit(void)
{
    up();
    program(DMA1, 0, 2, SINGLE | WRITE | AUTOINIT, 0x100, 99);
    for (unsigned i = 1; i <= 3; i++) {
        i8237_request(dma1, 2, true);
        i8237_request(dma1, 2, false);
        g_assert_cmpuint(peer.moved, ==, 100 * i);
        g_assert_cmpuint(peer.terminal, ==, i);
        g_assert_cmphex(current(DMA1, 0, 4), ==, 0x100);
        g_assert_cmphex(current(DMA1, 0, 5), ==, 99);
        g_assert_cmpuint(i8237_remaining(dma1, 2), ==, 100);
    }
    bench_delete();
}

static void test_down_and_wrap(void)
{
    uint8_t expected[16];

    up();
    program(DMA1, 0, 2, SINGLE | WRITE | DOWN, 0x100f, 15);
    i8237_request(dma1, 2, true);
    for (unsigned i = 0; i < 16; i++) {
        expected[i] = peer.data[15 - i];
    }
    check_memory(0x1000, expected, 16);
    g_assert_cmphex(current(DMA1, 0, 4), ==, 0x0fff);
    i8237_request(dma1, 2, false);
    /* The page does not follow when the address wraps. */
    peer.moved = 0;
    out8(PAGE_CH2, 0x03);
    program(DMA1, 0, 2, SINGLE | WRITE, 0xfff8, 15);
    fill(0x40000, 0xee, 8);
    i8237_request(dma1, 2, true);
    check_memory(0x3fff8, peer.data, 8);
    check_memory(0x30000, peer.data + 8, 8);
    check_memory(0x40000, (const uint8_t[]){ 0xee, 0xee }, 2);
    i8237_request(dma1, 2, false);
    peer.moved = 0;
    program(DMA1, 0, 2, SINGLE | WRITE | DOWN, 0x0003, 7);
    i8237_request(dma1, 2, true);
    check_memory(0x30000, (const uint8_t[]){ peer.data[3], peer.data[2], peer.data[1],
                                             peer.data[0] }, 4);
    check_memory(0x3fffc, (const uint8_t[]){ peer.data[7], peer.data[6], peer.data[5],
                                             peer.data[4] }, 4);
    bench_delete();
}

static void test_whole_page(void)
{
    up();
    out8(PAGE_CH2, 0x05);
    program(DMA1, 0, 2, BLOCK | WRITE, 0, 0xffff);
    i8237_request(dma1, 2, true);
    g_assert_cmpuint(peer.moved, ==, 0x10000);
    g_assert_cmpuint(peer.terminal, ==, 1);
    check_memory(0x50000, peer.data, 0x10000);
    bench_delete();
}

static void test_words(void)
{
    up();
    /* Page bit 0 gives way to the shifted address. */
    out8(PAGE_CH5, 0x0b);
    program(DMA2, 1, 1, SINGLE | WRITE, 0x8004, 0xff);
    g_assert_cmpuint(i8237_remaining(dma2, 1), ==, 0x200);
    i8237_request(dma2, 1, true);
    g_assert_cmpuint(peer.moved, ==, 0x200);
    check_memory(0xb0008, peer.data, 0x200);
    g_assert_cmphex(current(DMA2, 1, 2), ==, 0x8104);
    i8237_request(dma2, 1, false);
    peer.moved = 0;
    program(DMA2, 1, 1, SINGLE | WRITE | DOWN, 0x0001, 1);
    i8237_request(dma2, 1, true);
    check_memory(0xa0000, (const uint8_t[]){ peer.data[2], peer.data[3], peer.data[0],
                                             peer.data[1] }, 4);
    bench_delete();
}

static void test_software_request(void)
{
    up();
    /* It cannot be masked, and ends at TC; nobody drives the data bus. */
    program(DMA1, 0, 1, BLOCK | WRITE, 0x4000, 3);
    out8(DMA1 + 0xa, 4 | 1);
    fill(0x4000, 0, 5);
    out8(PAGE_CH1, 0);
    out8(DMA1 + 9, 4 | 1);
    check_memory(0x4000, (const uint8_t[]){ 0xff, 0xff, 0xff, 0xff, 0 }, 5);
    g_assert_cmphex(in8(DMA1 + 8), ==, 0x02);
    /* Verify moves nothing but counts. */
    program(DMA1, 0, 1, BLOCK | VERIFY, 0x4000, 3);
    fill(0x4000, 0, 5);
    out8(DMA1 + 9, 4 | 1);
    check_memory(0x4000, (const uint8_t[]){ 0, 0, 0, 0, 0 }, 5);
    g_assert_cmphex(current(DMA1, 0, 2), ==, 0x4004);
    g_assert_cmphex(in8(DMA1 + 8), ==, 0x02);
    /* An illegal type is refused. */
    program(DMA1, 0, 1, BLOCK | 0x0c, 0x4000, 3);
    out8(DMA1 + 9, 4 | 1);
    g_assert_cmphex(current(DMA1, 0, 3), ==, 3);
    bench_delete();
}

static void test_memory_to_memory(void)
{
    uint8_t pattern[64], same[64];

    up();
    for (unsigned i = 0; i < 64; i++) {
        pattern[i] = 3 * i;
    }
    address_space_write(machine_memory(), 0x6000, MEMORY_ATTRS_NONE, pattern, 64);
    out8(PAGE_CH0, 0);
    out8(PAGE_CH1, 0);
    program(DMA1, 0, 0, BLOCK | READ, 0x6000, 63);
    program(DMA1, 0, 1, BLOCK | WRITE, 0x7000, 63);
    out8(DMA1 + 8, 0x01);
    out8(DMA1 + 9, 4 | 0);
    check_memory(0x7000, pattern, 64);
    g_assert_cmphex(in8(DMA1 + 8), ==, 0x02);
    g_assert_cmphex(in8(DMA1 + 0xd), ==, pattern[63]);
    /* Overlapping, each byte goes before the next comes. */
    program(DMA1, 0, 0, BLOCK | READ, 0x7000, 63);
    program(DMA1, 0, 1, BLOCK | WRITE, 0x7002, 61);
    out8(DMA1 + 9, 4 | 0);
    for (unsigned i = 0; i < 64; i++) {
        same[i] = pattern[i % 2];
    }
    check_memory(0x7000, same, 64);
    /* Against each other: turns it round. */
    address_space_write(machine_memory(), 0x6000, MEMORY_ATTRS_NONE, pattern, 64);
    program(DMA1, 0, 0, BLOCK | READ | DOWN, 0x603f, 63);
    program(DMA1, 0, 1, BLOCK | WRITE, 0x7000, 63);
    out8(DMA1 + 9, 4 | 0);
    for (unsigned i = 0; i < 64; i++) {
        same[i] = pattern[63 - i];
    }
    check_memory(0x7000, same, 64);
    /* Address hold fills. */
    program(DMA1, 0, 0, BLOCK | READ, 0x6005, 63);
    program(DMA1, 0, 1, BLOCK | WRITE, 0x7000, 63);
    out8(DMA1 + 8, 0x03);
    out8(DMA1 + 9, 4 | 0);
    memset(same, pattern[5], 64);
    check_memory(0x7000, same, 64);
    bench_delete();
}

static void test_request_falls(void)
{
    up();
    program(DMA1, 0, 2, WRITE, 0, 0x3fff);
    peer.stop_after = 2;
    i8237_request(dma1, 2, true);
    g_assert_cmpuint(peer.calls, ==, 2);
    g_assert_cmpuint(peer.moved, ==, 0x2000);
    g_assert_cmphex(current(DMA1, 0, 5), ==, 0x1fff);
    bench_delete();
}

static void test_pins(void)
{
    up();
    watch_pin(dma1, I8237_PIN_TC);
    program(DMA1, 0, 3, SINGLE | VERIFY, 0x1000, 0xf);
    rising_edges(0);
    pin_drive_external(dma1, I8237_PIN_DREQ, 3, true);
    g_assert_cmpuint(rising_edges(0), ==, 1);
    g_assert_cmphex(in8(DMA1 + 8), ==, 0x88);
    pin_drive_external(dma1, I8237_PIN_DREQ, 3, false);
    /* Requests that are active low; what nobody drives requests nothing. */
    out8(DMA2 + 0x1e, 0xf);
    out8(DMA2 + 0x10, 0x40);
    g_assert_cmphex(in8(DMA2 + 0x10), ==, 0x10);
    bench_delete();
}

static void test_find(void)
{
    g_autoptr(GError) error = NULL;
    Device *found;
    unsigned channel;

    up();
    g_assert_true(i8237_find(2, &found, &channel, &error) && found == dma1 && channel == 2);
    g_assert_true(i8237_find(5, &found, &channel, &error) && found == dma2 && channel == 1);
    g_assert_false(i8237_find(8, &found, &channel, &error));
    g_assert_nonnull(error);
    bench_delete();
}

static void test_high_pages(void)
{
    bench_new();
    dma1 = bench_add("i8257", "dma1", "pageh-base=0x480");
    bench_up();
    out8(0x481, 0x12);
    g_assert_cmphex(in8(0x481), ==, 0x12);
    bench_delete();
}

static void test_state(void)
{
    up();
    out8(PAGE_CH2, 0x07);
    program(DMA1, 0, 2, SINGLE | WRITE | AUTOINIT, 0x1234, 0x4321);
    out8(DMA1 + 0xc, 0);
    in8(DMA1 + 4);
    check_saved_state(dma1);
    check_saved_state(dma2);
    g_assert_cmphex(in8(DMA1 + 4), ==, 0x12);
    g_assert_cmphex(in8(PAGE_CH2), ==, 0x07);
    bench_delete();
}

static void test_storm(void)
{
    up();
    for (unsigned i = 0; i < 100; i++) {
        storm_ports(DMA1, DMA1 + 0x10, 20);
        storm_ports(DMA2, DMA2 + 0x20, 20);
        storm_ports(0x80, 0x90, 10);
        peer.moved = peer.moved > sizeof(peer.data) / 2 ? 0 : peer.moved;
        i8237_request(dma1, 2, i & 1);
        i8237_request(dma2, 1, i & 2);
        out8(DMA1 + 0xd, 0);
        out8(DMA2 + 0x1a, 0);
    }
    check_saved_state(dma1);
    bench_delete();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/i8237/registers", test_registers);
    g_test_add_func("/i8237/to-memory", test_to_memory);
    g_test_add_func("/i8237/from-memory", test_from_memory);
    g_test_add_func("/i8237/waiting", test_waiting);
    g_test_add_func("/i8237/autoinit", test_autoinit);
    g_test_add_func("/i8237/down-and-wrap", test_down_and_wrap);
    g_test_add_func("/i8237/whole-page", test_whole_page);
    g_test_add_func("/i8237/words", test_words);
    g_test_add_func("/i8237/software-request", test_software_request);
    g_test_add_func("/i8237/memory-to-memory", test_memory_to_memory);
    g_test_add_func("/i8237/request-falls", test_request_falls);
    g_test_add_func("/i8237/pins", test_pins);
    g_test_add_func("/i8237/find", test_find);
    g_test_add_func("/i8237/high-pages", test_high_pages);
    g_test_add_func("/i8237/state", test_state);
    g_test_add_func("/i8237/storm", test_storm);
    return g_test_run();
}
