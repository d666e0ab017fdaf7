/* SPDX-License-Identifier: MIT */
/* The device that docs/internals/devices.rst shows, and what the page says of it. */
#include <string.h>

#include "base/lock.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "qom/types.h"

extern const DeviceType blinker_type;

#define BASE 0x10000000ull
#define MILLISECOND 1000000ll

static Device *device;

static void machine_up(const char *period)
{
    GError *error = NULL;

    g_assert_nonnull(machine_new(object_type_find("board-machine"), &error));
    device = device_new(&blinker_type, OBJECT(machine_get()), "lamp", &error);
    g_assert_nonnull(device);
    g_assert_true(object_set_string(OBJECT(device), "period", period, &error));
    g_assert_true(bus_plug(system_bus(), device, &error));
    device_place_bank(device, 0, SPACE_MEMORY, BASE);
    g_assert_true(machine_bring_up(false, &error));
    g_assert_no_error(error);
}

static void store(uint64_t offset, unsigned size, uint32_t value)
{
    address_space_store(machine_memory(), BASE + offset, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                        value);
}

static uint32_t load(uint64_t offset)
{
    uint64_t value;

    address_space_load(machine_memory(), BASE + offset, 4, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                       &value);
    return value;
}

static void test_blinks(void)
{
    int64_t start;

    machine_up("20");
    start = time_virtual();
    store(0, 4, 0xffffffff);
    g_assert_cmphex(load(0), ==, 3);
    time_step_to(start + 20 * MILLISECOND - 1);
    g_assert_cmphex(load(4), ==, 0);
    time_step_to(start + 65 * MILLISECOND);
    g_assert_cmphex(load(4), ==, 1);
    g_assert_cmpuint(load(8), ==, 3);
    g_assert_true(pin_level(device, 0, 0));
    store(4, 4, 1);
    g_assert_false(pin_level(device, 0, 0));
    store(8, 4, 99);   /* read-only: refused */
    g_assert_cmpuint(load(8), ==, 3);
    store(0, 4, 0);
    time_step_to(start + 500 * MILLISECOND);
    g_assert_cmpuint(load(8), ==, 3);
    machine_delete();
}

/* None of this is written in the device. */
static void test_for_nothing(void)
{
    g_autoptr(GByteArray) state = g_byte_array_new();
    g_autofree char *gaps = device_type_uncovered(&blinker_type);
    GError *error = NULL;
    size_t used;

    g_assert_null(gaps);
    machine_up("20");
    store(0, 4, 1);
    time_step_to(time_virtual() + 20 * MILLISECOND);
    device_save(device, state);
    device_reset(device);
    g_assert_cmphex(load(0), ==, 0);
    g_assert_cmpuint(load(8), ==, 0);
    g_assert_cmpint(time_next_deadline(TIME_VIRTUAL), ==, -1);
    g_assert_true(device_load(device, state->data, state->len, &used, &error));
    g_assert_cmpuint(load(8), ==, 1);
    g_assert_cmpint(time_next_deadline(TIME_VIRTUAL), ==, time_virtual() + 20 * MILLISECOND);
    g_assert_false(object_set_string(OBJECT(device), "period", "30", &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    machine_delete();
    g_assert_cmpint(time_next_deadline(TIME_VIRTUAL), ==, -1);
}

static void test_range(void)
{
    GError *error = NULL;

    g_assert_nonnull(machine_new(object_type_find("board-machine"), &error));
    device = device_new(&blinker_type, OBJECT(machine_get()), "lamp", &error);
    g_assert_false(object_set_string(OBJECT(device), "period", "60001", &error));
    g_assert_nonnull(strstr(error->message, "60000"));
    g_clear_error(&error);
    machine_delete();
}

int main(int argc, char **argv)
{
    static const ObjectType *const types[] = { (const ObjectType *)&blinker_type, NULL };

    g_test_init(&argc, &argv, NULL);
    machine_lock();
    time_virtual_step_mode();
    object_types_register(all_types);
    object_types_register(types);
    g_test_add_func("/example-device/blinks", test_blinks);
    g_test_add_func("/example-device/for-nothing", test_for_nothing);
    g_test_add_func("/example-device/range", test_range);
    return g_test_run();
}
