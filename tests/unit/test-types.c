/* SPDX-License-Identifier: MIT */
/*
 * What every type has to keep: its tables name all of its private struct, and
 * the state of every device of the PC survives saving and loading.
 */
#include <string.h>

#include "accel/accel.h"
#include "arch/x86/cpu.h"
#include "base/lock.h"
#include "hw/core/machine.h"
#include "hw/core/plug.h"
#include "hw/core/state.h"
#include "machines/board.h"
#include "qom/types.h"

static void test_covered(void)
{
    g_autoptr(GPtrArray) types = object_types_list("device", false);

    for (guint i = 0; i < types->len; i++) {
        const DeviceType *type = types->pdata[i];
        g_autofree char *gaps = device_type_uncovered(type);
        if (gaps) {
            g_test_message("%s (%zu bytes): no table names %s", type->name, type->size, gaps);
            g_test_fail();
        }
    }
}

static void test_described(void)
{
    g_autoptr(GPtrArray) types = object_types_list(NULL, true);

    for (guint i = 0; i < types->len; i++) {
        const ObjectType *type = types->pdata[i];
        if (!type->description) {
            g_test_message("%s has no description", type->name);
            g_test_fail();
        }
    }
}

/* ---- the whole PC ---- */

static X86CpuConfig cpu_config;

static const char *backend(const char *kind, unsigned index, void *opaque)
{
    return "";
}

static Device *new_cpu(Object *parent, unsigned index, void *opaque, GError **error)
{
    static const X86Topology topology = { 1, 1, 2, 1 };

    return x86_cpu_new(parent, index, &cpu_config, &topology, error);
}

static const BoardResources resources = { .backend = backend, .new_cpu = new_cpu };

static Board *pc_new(void)
{
    static const char *const extra[] = { "pci-bridge,chassis_nr=1", "pci-testdev", "edu",
                                         "pvpanic", "pvpanic-pci", "ib700", "isa-debug-exit",
                                         "pc-testdev", NULL };
    GError *error = NULL;
    Board *board = board_open("pc", &error);
    Machine *machine;

    g_assert_no_error(error);
    machine = machine_new(object_type_find("board-machine"), &error);
    g_assert_no_error(error);
    machine->board = g_strdup("pc");
    machine->ram_size = 16 << 20;
    machine->cpus = machine->max_cpus = machine->cores = 2;
    machine->sockets = machine->dies = machine->threads = 1;
    machine->firmware_dirs = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(machine->firmware_dirs, g_strdup("/usr/share/seabios"));
    g_assert_true(x86_cpu_config_parse(&cpu_config, "qemu64", &error));
    g_assert_true(board_create(board, machine, &resources, &error));
    g_assert_true(globals_apply_all(OBJECT(machine), &error));
    for (unsigned i = 0; extra[i]; i++) {
        GVariantBuilder options;
        g_autofree char *driver = g_strndup(extra[i], strcspn(extra[i], ","));
        if (!object_type_find(driver)) {
            continue;
        }
        g_variant_builder_init(&options, G_VARIANT_TYPE_VARDICT);
        g_variant_builder_add(&options, "{sv}", "driver", g_variant_new_string(driver));
        if (strchr(extra[i], '=')) {
            g_variant_builder_add(&options, "{sv}", "chassis_nr", g_variant_new_string("1"));
        }
        g_autoptr(GVariant) dict = g_variant_ref_sink(g_variant_builder_end(&options));
        if (!device_add(dict, &error)) {
            g_error("%s: %s", driver, error->message);
        }
    }
    g_assert_true(board_wire(board, &error));
    g_assert_true(machine_bring_up(false, &error) || error);
    g_assert_no_error(error);
    return board;
}

static void pc_free(Board *board)
{
    machine_delete();
    object_delete(object_child(object_root(), "objects"));
    board_free(board);
    x86_cpu_config_release(&cpu_config);
}

static void check_same(Device *device, const GByteArray *first, const GByteArray *second)
{
    if (first->len != second->len || memcmp(first->data, second->data, first->len)) {
        g_autofree char *a = device_state_print(first->data, first->len);
        g_autofree char *b = device_state_print(second->data, second->len);
        g_error("the state of %s differs:\n%s\n%s", device->object.name, a, b);
    }
}

static void test_save_and_load(void)
{
    Board *board = pc_new();
    g_autoptr(GPtrArray) devices = machine_devices();

    g_assert_cmpuint(devices->len, >, 20);
    for (guint i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        g_autoptr(GByteArray) first = g_byte_array_new(), second = g_byte_array_new();
        GError *error = NULL;
        size_t used;

        device_save(device, first);
        if (!device_load(device, first->data, first->len, &used, &error)) {
            g_error("%s: %s", device->object.type->name, error->message);
        }
        g_assert_cmpuint(used, ==, first->len);
        device_save(device, second);
        check_same(device, first, second);
    }
    pc_free(board);
}

/* A stream that is cut short or altered loads or is refused; it never crashes. */
static void test_hostile_state(void)
{
    Board *board = pc_new();
    g_autoptr(GPtrArray) devices = machine_devices();

    for (guint i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        g_autoptr(GByteArray) state = g_byte_array_new();
        size_t used;

        device_save(device, state);
        for (guint cut = 0; cut < state->len; cut += 1 + state->len / 40) {
            g_autoptr(GError) error = NULL;
            g_assert_false(device_load(device, state->data, cut, &used, &error));
            g_assert_nonnull(error);
        }
        for (unsigned round = 0; round < 40; round++) {
            g_autofree uint8_t *copy = g_memdup2(state->data, state->len);
            g_autoptr(GError) error = NULL;
            copy[g_test_rand_int_range(0, state->len)] = g_test_rand_int();
            bool loaded = device_load(device, copy, state->len, &used, &error);
            g_assert_true(loaded == (error == NULL));
        }
        devices_reset(OBJECT(machine_get()));
    }
    pc_free(board);
}

/* Reset twice gives the same state as once, and nothing stays behind when it goes. */
static void test_reset(void)
{
    Board *board = pc_new();
    g_autoptr(GPtrArray) devices = machine_devices();

    devices_reset(OBJECT(machine_get()));
    for (guint i = 0; i < devices->len; i++) {
        Device *device = devices->pdata[i];
        g_autoptr(GByteArray) first = g_byte_array_new(), second = g_byte_array_new();
        device_save(device, first);
        devices_reset(OBJECT(machine_get()));
        device_save(device, second);
        check_same(device, first, second);
    }
    pc_free(board);
    g_assert_null(ram_block_first());
    g_assert_null(address_space_first());
    g_assert_cmpuint(memory_map_count(), ==, 0);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    machine_lock();
    time_virtual_step_mode();
    object_types_register(all_types);
    object_types_register(x86_cpu_types());
    /* Two states of one moment are to be the same. */
    if (!global_add("mc146818rtc", "clock", "vm", NULL) ||
        !global_add("mc146818rtc", "base", "2020-01-01T00:00:00", NULL)) {
        return 1;
    }
    g_test_add_func("/types/covered", test_covered);
    g_test_add_func("/types/described", test_described);
    g_test_add_func("/types/save-and-load", test_save_and_load);
    g_test_add_func("/types/hostile-state", test_hostile_state);
    g_test_add_func("/types/reset", test_reset);
    return g_test_run();
}
