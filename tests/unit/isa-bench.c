/* SPDX-License-Identifier: MIT */
#include "tests/unit/isa-bench.h"

#include <string.h>

#include "hw/core/state.h"
#include "hw/core/time.h"
#include "memory/space.h"
#include "qom/parse.h"
#include "qom/types.h"

#define LINES 16

typedef struct IsaHost {
    Device device;
    unsigned edges[LINES];
} IsaHost;

static Device *host;
static MemoryRegion *io;
static AddressSpace *io_space;
static Bus *bus;

static void host_line(Device *device, unsigned line, bool level)
{
    ((IsaHost *)device)->edges[line] += level;
}

static const PinInfo host_pins[] = {
    { "lines", "IRQ 0 to 15", PIN_IN, .count = LINES, .set = host_line },
};
static const BusInfo host_buses[] = { { "isa.0", "ISA" } };
static const DeviceType host_type = {
    .name = "test-isa-host", .parent = "device", .description = "an ISA bus for tests",
    .size = sizeof(IsaHost), .pins = TABLE(host_pins), .buses = TABLE(host_buses),
};

void bench_start(int *argc, char ***argv)
{
    static const ObjectType *const types[] = { (const ObjectType *)&host_type, NULL };
    GError *error = NULL;

    g_test_init(argc, argv, NULL);
    object_types_register(all_types);
    object_types_register(types);
    time_virtual_step_mode();
    host = device_new(&host_type, object_root(), "host", &error);
    g_assert_no_error(error);
    bus = BUS(object_child(OBJECT(host), "isa.0"));
    io = region_new_container(OBJECT(host), "io", 0x10000);
    io_space = address_space_new("io", io, 0xff);
    bus->io = io;
    bus->interrupt_device = host;
}

int bench_finish(void)
{
    int result = g_test_run();

    object_delete(OBJECT(host));
    address_space_free(io_space);
    region_free(io);
    object_delete(object_root());
    return result;
}

static bool bring_up(Device *device, const char *options, GError **error)
{
    g_autoptr(GVariant) dict = options ? parse_keyval(options, NULL, error) : NULL;

    if (options && (!dict || !object_set_all(OBJECT(device), dict, NULL, error))) {
        return false;
    }
    if (!bus_plug(bus, device, error) || !devices_wire(OBJECT(device), error) ||
        !devices_validate(OBJECT(device), error) || !devices_realize(OBJECT(device), error)) {
        return false;
    }
    device_reset(device);
    return true;
}

static Device *make(const char *type, const char *options, GError **error)
{
    const ObjectType *found = object_type_lookup(type, "device", error);
    Device *device = found
        ? device_new((const DeviceType *)found, object_root(), NULL, error) : NULL;

    if (device && !bring_up(device, options, error)) {
        device_remove(device);
        return NULL;
    }
    return device;
}

Device *bench_device(const char *type, const char *options)
{
    GError *error = NULL;
    Device *device = make(type, options, &error);

    g_assert_no_error(error);
    for (unsigned i = 0; i < LINES; i++) {
        irq_edges(i);
    }
    return device;
}

void bench_refused(const char *type, const char *options, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(make(type, options, &error));
    if (!strstr(error->message, message)) {
        g_error("'%s' with %s is refused with \"%s\", not \"%s\"", type, options,
                error->message, message);
    }
}

void bench_remove(Device *device)
{
    device_remove(device);
    for (unsigned i = 0; i < LINES; i++) {
        g_assert_false(irq_level(i));
    }
}

/* ---- accesses ---- */

static uint64_t in(uint16_t port, unsigned size)
{
    uint64_t value = 0;

    address_space_load(io_space, port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    return value;
}

static void out(uint16_t port, unsigned size, uint64_t value)
{
    address_space_store(io_space, port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value);
}

uint8_t inb(uint16_t port)
{
    return in(port, 1);
}

uint16_t inw(uint16_t port)
{
    return in(port, 2);
}

uint32_t inl(uint16_t port)
{
    return in(port, 4);
}

void outb(uint16_t port, uint8_t value)
{
    out(port, 1, value);
}

void outw(uint16_t port, uint16_t value)
{
    out(port, 2, value);
}

void outl(uint16_t port, uint32_t value)
{
    out(port, 4, value);
}

bool irq_level(unsigned line)
{
    return pin_level(host, 0, line);
}

unsigned irq_edges(unsigned line)
{
    unsigned edges = ((IsaHost *)host)->edges[line];

    ((IsaHost *)host)->edges[line] = 0;
    return edges;
}

void step_ns(int64_t ns)
{
    time_step_to(time_virtual() + ns);
}

/* ---- checks that every device takes ---- */

void bench_save_load(Device *device)
{
    g_autoptr(GByteArray) before = g_byte_array_new(), after = g_byte_array_new();
    GError *error = NULL;
    size_t used;

    device_save(device, before);
    device_reset(device);
    g_assert_true(device_load(device, before->data, before->len, &used, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(used, ==, before->len);
    device_update(device);
    device_save(device, after);
    g_assert_cmpmem(before->data, before->len, after->data, after->len);
    for (guint length = 0; length < before->len; length++) {
        g_autoptr(GError) ignored = NULL;
        g_assert_false(device_load(device, before->data, length, &used, &ignored));
        g_assert_nonnull(ignored);
    }
}

void bench_check_tables(const char *type)
{
    g_autofree char *uncovered =
        device_type_uncovered((const DeviceType *)object_type_find(type));

    g_assert_cmpstr(uncovered, ==, NULL);
}

void bench_hammer(uint16_t first, unsigned count, unsigned rounds)
{
    GRand *rand = g_rand_new_with_seed(first);

    for (unsigned i = 0; i < rounds; i++) {
        unsigned size = 1u << g_rand_int_range(rand, 0, 3);
        uint16_t port = first + g_rand_int_range(rand, -3, count);
        if (g_rand_boolean(rand)) {
            out(port, size, g_rand_int(rand));
        } else {
            in(port, size);
        }
        if (i % 64 == 0) {
            step_ns(g_rand_int_range(rand, 0, 10000000));
        }
    }
    g_rand_free(rand);
}
