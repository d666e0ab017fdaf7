/* SPDX-License-Identifier: MIT */
#include "tests/unit/chips/bench.h"

#include <string.h>

#include "base/lock.h"
#include "hw/core/state.h"
#include "hw/isa/isa.h"
#include "qom/types.h"

static const ObjectType bench_type = {
    .name = "bench-machine", .parent = "machine", .size = sizeof(Machine),
    .description = "an ISA bus and RAM",
};

static RamBlock *ram;
static MemoryRegion *ram_region;
static Bus *isa;
static unsigned edges[64];

static const ObjectType *extra_type;

void bench_use_type(const DeviceType *type)
{
    extra_type = (const ObjectType *)type;
}

void bench_new(void)
{
    static GPtrArray *types;
    GError *error = NULL;

    if (!types) {
        types = g_ptr_array_new();
        for (const ObjectType *const *type = all_types; *type; type++) {
            g_ptr_array_add(types, (gpointer)*type);
        }
        g_ptr_array_add(types, (gpointer)&bench_type);
        g_ptr_array_add(types, (gpointer)extra_type);
        g_ptr_array_add(types, NULL);
        object_types_register((const ObjectType *const *)types->pdata);
        time_virtual_step_mode();
        machine_lock();
    }
    g_assert_nonnull(machine_new(&bench_type, &error));
    ram = ram_block_new("ram", BENCH_RAM_SIZE, NULL, &error);
    g_assert_no_error(error);
    ram_region = region_new_ram(NULL, "ram", ram);
    region_add(address_space_root(machine_memory()), 0, ram_region, 0);
    isa = bus_new(&isa_bus_type, NULL, "isa.0", &error);
    g_assert_no_error(error);
    isa->io = address_space_root(machine_io());
    isa->memory = address_space_root(machine_memory());
    memset(edges, 0, sizeof(edges));
}

void bench_delete(void)
{
    region_free(ram_region);
    machine_delete();
    ram_block_free(ram);
}

Device *bench_add_below(Object *parent, const char *type_name, const char *name,
                        const char *properties)
{
    const DeviceType *type = (const DeviceType *)object_type_find(type_name);
    g_auto(GStrv) list = g_strsplit(properties ? properties : "", ",", -1);
    GError *error = NULL;
    Device *device;

    g_assert_nonnull(type);
    device = device_new(type, parent, name, &error);
    g_assert_no_error(error);
    for (char **item = list; *item; item++) {
        g_auto(GStrv) pair = g_strsplit(*item, "=", 2);
        g_assert_true(object_set_string(OBJECT(device), pair[0], pair[1], &error));
        g_assert_no_error(error);
    }
    if (parent == OBJECT(machine_get())) {
        bool on_isa = object_type_is((const ObjectType *)type, "isa-device");
        g_assert_true(bus_plug(on_isa ? isa : system_bus(), device, &error));
    }
    return device;
}

Device *bench_add(const char *type, const char *name, const char *properties)
{
    return bench_add_below(OBJECT(machine_get()), type, name, properties);
}

void bench_up(void)
{
    GError *error = NULL;

    if (!machine_bring_up(false, &error)) {
        g_error("%s", error->message);
    }
}

void bench_up_fails(const char *text)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(machine_bring_up(false, &error));
    g_assert_nonnull(strstr(error->message, text));
}

/* ---- accesses ---- */

void out_sized(uint16_t port, unsigned size, uint64_t value)
{
    address_space_store(machine_io(), port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value);
}

uint64_t in_sized(uint16_t port, unsigned size)
{
    uint64_t value;

    address_space_load(machine_io(), port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    return value;
}

void out8(uint16_t port, uint8_t value)
{
    out_sized(port, 1, value);
}

uint8_t in8(uint16_t port)
{
    return in_sized(port, 1);
}

static uint64_t load(uint64_t address, unsigned size)
{
    uint64_t value;

    address_space_load(machine_memory(), address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                       &value);
    return value;
}

static void store(uint64_t address, unsigned size, uint64_t value)
{
    address_space_store(machine_memory(), address, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE,
                        value);
}

uint32_t read32(uint64_t address)
{
    return load(address, 4);
}

void write32(uint64_t address, uint32_t value)
{
    store(address, 4, value);
}

uint64_t read64(uint64_t address)
{
    return load(address, 8);
}

void write64(uint64_t address, uint64_t value)
{
    store(address, 8, value);
}

void step(int64_t ns)
{
    time_step_to(time_virtual() + ns);
}

/* ---- pins ---- */

static void saw_change(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    edges[line] += level;
}

void watch_pin(Device *device, unsigned pin)
{
    pin_intercept(device, pin, saw_change, NULL);
}

unsigned rising_edges(unsigned line)
{
    unsigned count = edges[line];

    edges[line] = 0;
    return count;
}

bool pin_is_high(const Device *device, unsigned pin, unsigned line)
{
    return pin_level(device, pin, line);
}

/* ---- saved state ---- */

static bool try_load(Device *device, const uint8_t *data, size_t length)
{
    g_autoptr(GError) error = NULL;
    size_t used;
    bool loaded = device_load(device, data, length, &used, &error);

    g_assert_true(loaded == (error == NULL));
    device_update(device);
    return loaded;
}

static void check_bad_records(Device *device, const GByteArray *record)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20231);

    for (size_t length = 0; length < record->len; length += 1 + record->len / 300) {
        g_assert_false(try_load(device, record->data, length));
    }
    for (unsigned i = 0; i < 400; i++) {
        g_autofree uint8_t *copy = g_memdup2(record->data, record->len);
        for (unsigned n = 0; n < 1 + i % 4; n++) {
            copy[g_rand_int_range(rand, 0, record->len)] = g_rand_int(rand);
        }
        (void)try_load(device, copy, record->len);
        (void)try_load(device, record->data, record->len);
    }
}

void check_saved_state(Device *device)
{
    g_autoptr(GByteArray) before = g_byte_array_new(), after = g_byte_array_new();
    g_autofree char *uncovered = device_type_uncovered(device_type(device));

    g_assert_cmpstr(uncovered, ==, NULL);
    device_save(device, before);
    device_reset(device);
    g_assert_true(try_load(device, before->data, before->len));
    device_save(device, after);
    if (before->len != after->len || memcmp(before->data, after->data, after->len)) {
        g_autofree char *first = device_state_print(before->data, before->len);
        g_autofree char *second = device_state_print(after->data, after->len);
        g_error("state changed:\n%s\nto\n%s", first, second);
    }
    check_bad_records(device, before);
    g_assert_true(try_load(device, before->data, before->len));
}

/* ---- hostile guests ---- */

typedef void (*Access)(uint64_t address, unsigned size, bool write, uint64_t value);

static void storm(Access access, uint64_t first, uint64_t last, unsigned accesses)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(8259);

    for (unsigned i = 0; i < accesses; i++) {
        unsigned size = 1u << g_rand_int_range(rand, 0, 4);
        uint64_t value = (uint64_t)g_rand_int(rand) << 32 | g_rand_int(rand);
        uint64_t address = first + g_rand_int(rand) % (last - first + 1);
        if (g_rand_int(rand) % 4 == 0) {
            value = g_rand_int(rand) % 4 ? value & 0xff : 0;
        }
        access(address, size, g_rand_int(rand) % 3 != 0, value);
        if (i % 16 == 0) {
            step(g_rand_int_range(rand, 0, 20000));
        }
    }
}

static void access_port(uint64_t port, unsigned size, bool write, uint64_t value)
{
    if (write) {
        out_sized(port, size, value);
    } else {
        in_sized(port, size);
    }
}

static void access_memory(uint64_t address, unsigned size, bool write, uint64_t value)
{
    if (write) {
        store(address, size, value);
    } else {
        load(address, size);
    }
}

void storm_ports(uint16_t first, uint16_t last, unsigned accesses)
{
    storm(access_port, first, last, accesses);
}

void storm_memory(uint64_t first, uint64_t last, unsigned accesses)
{
    storm(access_memory, first, last, accesses);
}
