/* SPDX-License-Identifier: MIT */
/* The memory map and the boot order. */
#include <string.h>

#include "base/bits.h"
#include "hw/firmware/boot-order.h"
#include "hw/firmware/e820.h"

static void check(const E820Map *map, const E820Entry *expected, unsigned count)
{
    g_autoptr(GByteArray) bytes = e820_encode(map);

    g_assert_cmpuint(e820_count(map), ==, count);
    g_assert_cmpuint(bytes->len, ==, 20 * count);
    for (unsigned i = 0; i < count; i++) {
        E820Entry entry = e820_entry(map, i);

        g_assert_cmphex(entry.base, ==, expected[i].base);
        g_assert_cmphex(entry.length, ==, expected[i].length);
        g_assert_cmpuint(entry.type, ==, expected[i].type);
        g_assert_cmphex(load_le(bytes->data + 20 * i, 8), ==, expected[i].base);
        g_assert_cmphex(load_le(bytes->data + 20 * i + 8, 8), ==, expected[i].length);
        g_assert_cmphex(load_le(bytes->data + 20 * i + 16, 4), ==, expected[i].type);
    }
}

static void test_pc(void)
{
    static const E820Entry expected[] = {
        { 0, 0x9fc00, E820_RAM },
        { 0x9fc00, 0x400, E820_RESERVED },
        { 0xf0000, 0x10000, E820_RESERVED },
        { 0x100000, 0x7fee0000, E820_RAM },
        { 0x7ffe0000, 0x20000, E820_ACPI },
        { 0x100000000, 0x80000000, E820_RAM },
    };
    g_autoptr(E820Map) map = e820_new();

    e820_add(map, 0, 0x80000000, E820_RAM);
    e820_add(map, 0x100000000, 0x80000000, E820_RAM);
    e820_add(map, 0xa0000, 0x60000, E820_NONE);
    e820_add(map, 0xf0000, 0x10000, E820_RESERVED);
    e820_add(map, 0x9fc00, 0x400, E820_RESERVED);
    e820_add(map, 0x7ffe0000, 0x20000, E820_ACPI);
    check(map, expected, G_N_ELEMENTS(expected));
}

static void test_edges(void)
{
    static const E820Entry joined[] = { { 0x1000, 0x3000, E820_RAM } };
    static const E820Entry covered[] = { { 0, 0x8000, E820_NVS } };
    g_autoptr(E820Map) map = e820_new();

    check(map, NULL, 0);
    e820_add(map, 0x1000, 0, E820_RAM);
    check(map, NULL, 0);
    e820_add(map, 0x3000, 0x1000, E820_RAM);
    e820_add(map, 0x1000, 0x1000, E820_RAM);
    e820_add(map, 0x2000, 0x1000, E820_RAM);
    check(map, joined, 1);
    e820_add(map, 0x1800, 0x800, E820_RAM); /* already so */
    check(map, joined, 1);
    e820_add(map, 0, 0x8000, E820_NVS);
    check(map, covered, 1);
    e820_add(map, 0, UINT64_MAX, E820_NONE);
    check(map, NULL, 0);
}

/* Random ranges against a plain array of types. */
static void test_random(void)
{
    enum { SIZE = 64 };
    uint8_t model[SIZE];
    g_autoptr(E820Map) map = e820_new();

    memset(model, 0, sizeof(model));
    for (unsigned round = 0; round < 2000; round++) {
        unsigned base = g_test_rand_int_range(0, SIZE);
        unsigned length = g_test_rand_int_range(0, SIZE - base + 1);
        unsigned type = g_test_rand_int_range(0, 4), i = 0;

        memset(model + base, type, length);
        e820_add(map, base, length, type);
        for (unsigned at = 0; at < SIZE;) {
            unsigned end = at;

            while (end < SIZE && model[end] == model[at]) {
                end++;
            }
            if (model[at]) {
                E820Entry entry = e820_entry(map, i++);

                g_assert_cmpuint(entry.base, ==, at);
                g_assert_cmpuint(entry.length, ==, end - at);
                g_assert_cmpuint(entry.type, ==, model[at]);
            }
            at = end;
        }
        g_assert_cmpuint(e820_count(map), ==, i);
    }
}

static void test_boot_order(void)
{
    g_autoptr(BootOrder) order = boot_order_new();
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) file = NULL, strict = NULL, halt = NULL;

    g_assert_null(boot_order_file(order, false));
    halt = boot_order_file(order, true);
    g_assert_cmpmem(halt->data, halt->len, "HALT", 5);
    g_assert_true(boot_order_add(order, 5, "/five", "five", &error));
    g_assert_true(boot_order_add(order, 0, "/zero", "zero", &error));
    g_assert_true(boot_order_add(order, 2, "/two", "two", &error));
    g_assert_false(boot_order_add(order, 2, "/other", "other", &error));
    g_assert_nonnull(strstr(error->message, "two"));
    g_assert_nonnull(strstr(error->message, "other"));
    file = boot_order_file(order, false);
    g_assert_cmpmem(file->data, file->len, "/zero\n/two\n/five", 17);
    strict = boot_order_file(order, true);
    g_assert_cmpmem(strict->data, strict->len, "/zero\n/two\n/five\nHALT", 22);
}

static void test_boot_devices(void)
{
    static const char *const bad[] = { "", "x", "cc", "cdx", "C" };
    BootCmos cmos = boot_devices_cmos("cad");

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(boot_devices_valid(bad[i], &error));
        g_assert_nonnull(error);
    }
    g_assert_true(boot_devices_valid("cadn", NULL));
    g_assert_cmphex(cmos.reg_3d, ==, 0x12);
    g_assert_cmphex(cmos.reg_38, ==, 0x30);
    cmos = boot_devices_cmos("n");
    g_assert_cmphex(cmos.reg_3d, ==, 0x04);
    g_assert_cmphex(cmos.reg_38, ==, 0x00);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/e820/pc", test_pc);
    g_test_add_func("/e820/edges", test_edges);
    g_test_add_func("/e820/random", test_random);
    g_test_add_func("/boot-order/file", test_boot_order);
    g_test_add_func("/boot-order/devices", test_boot_devices);
    return g_test_run();
}
