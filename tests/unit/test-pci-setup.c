/* SPDX-License-Identifier: MIT */
/* Setting up PCI, on configuration spaces that the test plays. */
#include <string.h>

#include "base/bits.h"
#include "hw/firmware/pci-setup.h"

enum { MAX_FUNCTIONS = 300 };

/* A function: the bytes of its space and which bits can be written. */
typedef struct Fake {
    int behind; /* index of the bridge, or -1 on the root bus */
    unsigned devfn;
    uint8_t config[256], writable[256];
} Fake;

static Fake fakes[MAX_FUNCTIONS];
static unsigned fake_count;
static uint32_t config_address;
static unsigned chips;

static Fake *fake_at(unsigned bus, unsigned devfn)
{
    for (unsigned i = 0; i < fake_count; i++) {
        unsigned own = fakes[i].behind < 0 ? 0 : fakes[fakes[i].behind].config[0x19];

        if (own == bus && fakes[i].devfn == devfn && (fakes[i].behind < 0 || own)) {
            return &fakes[i];
        }
    }
    return NULL;
}

static Fake *selected(unsigned *offset)
{
    *offset = (config_address & 0xfc) + *offset - 4;
    return config_address >> 31
               ? fake_at(config_address >> 16 & 0xff, config_address >> 8 & 0xff)
               : NULL;
}

static MemoryResult ports_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                               MemoryAttrs attrs)
{
    unsigned at = offset;
    Fake *fake;

    g_assert_cmpuint(offset, >=, 4);
    fake = selected(&at);
    *value = fake ? load_le(fake->config + at, size) : UINT64_MAX;
    return MEMORY_OK;
}

static MemoryResult ports_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                MemoryAttrs attrs)
{
    unsigned at = offset;
    Fake *fake;

    if (offset < 4) {
        g_assert_true(offset == 0 && size == 4);
        config_address = value;
        return MEMORY_OK;
    }
    fake = selected(&at);
    for (unsigned i = 0; fake && i < size; i++) {
        uint8_t mask = fake->writable[at + i], byte = value >> (8 * i);

        fake->config[at + i] = (fake->config[at + i] & ~mask) | (byte & mask);
    }
    return MEMORY_OK;
}

static const RegionOps ports_ops = { .read = ports_read, .write = ports_write };

static Fake *add(int behind, unsigned slot, unsigned function, uint16_t device)
{
    Fake *fake = &fakes[fake_count++];

    g_assert_cmpuint(fake_count, <=, MAX_FUNCTIONS);
    memset(fake, 0, sizeof(*fake));
    fake->behind = behind;
    fake->devfn = slot << 3 | function;
    store_le(fake->config, 0x8086, 2);
    store_le(fake->config + 2, device, 2);
    fake->writable[4] = 7;
    fake->writable[0x3c] = 0xff;
    return fake;
}

static void bar(Fake *fake, unsigned n, uint64_t size, unsigned flags)
{
    unsigned bytes = (flags & 7) == 4 ? 8 : 4;

    fake->config[0x10 + 4 * n] = flags;
    store_le(fake->writable + 0x10 + 4 * n, ~(size - 1), bytes);
}

static int add_bridge(int behind, unsigned slot, bool wide)
{
    Fake *fake = add(behind, slot, 0, 0xb41d);

    fake->config[0x0e] = 1;
    memset(fake->writable + 0x18, 0xff, 3);
    fake->writable[0x1c] = fake->writable[0x1d] = 0xf0;
    store_le(fake->writable + 0x20, 0xfff0fff0, 4);
    store_le(fake->writable + 0x24, 0xfff0fff0, 4);
    if (wide) {
        fake->config[0x24] = fake->config[0x26] = 1;
        memset(fake->writable + 0x28, 0xff, 8);
    }
    return fake_count - 1;
}

static uint8_t line(void *opaque, unsigned slot, unsigned pin)
{
    return 16 * pin + slot;
}

static void chip(void *opaque, AddressSpace *io, unsigned bus, unsigned devfn, uint32_t id)
{
    g_assert_cmphex(pci_ports_read(io, bus, devfn, 0, 4), ==, id);
    chips++;
}

static PciSetupResult run(void)
{
    MemoryRegion *root = region_new_container(NULL, "io", 0x10000);
    MemoryRegion *ports = region_new_io(NULL, "ports", &ports_ops, NULL, 8);
    AddressSpace *io = address_space_new("io", root, 0xff);
    PciSetup setup = {
        .io = io,
        .ports = { 0xc000, 0xffff },
        .low = { 0xe0000000, 0xfebfffff },
        .high = { 0x100000000, 0x8ffffffff },
        .interrupt_line = line,
        .chip = chip,
    };
    PciSetupResult result;

    chips = 0;
    region_add(root, 0xcf8, ports, 0);
    result = pci_setup(&setup);
    g_assert_cmpuint(chips, ==, result.functions);
    region_free(ports);
    address_space_free(io);
    region_free(root);
    return result;
}

static uint64_t bar_of(unsigned index, unsigned n)
{
    uint32_t low = load_le(fakes[index].config + 0x10 + 4 * n, 4);

    if (low & 1) {
        return low & ~3u;
    }
    return (low & ~0xfu) |
           ((low & 6) == 4 ? load_le(fakes[index].config + 0x14 + 4 * n, 4) << 32 : 0);
}

static void test_flat(void)
{
    PciSetupResult result;

    fake_count = 0;
    add(-1, 0, 0, 0x1237);
    add(-1, 1, 0, 0x7000)->config[0x0e] = 0x80;
    bar(add(-1, 1, 3, 0x7113), 4, 16, 1);
    fakes[2].config[0x3d] = 1;
    bar(add(-1, 2, 0, 0x1111), 0, 16 << 20, 8);
    bar(&fakes[3], 2, 4096, 0);
    bar(add(-1, 3, 0, 0x1000), 0, 64, 1);
    bar(&fakes[4], 4, 16384, 4 | 8);
    fakes[4].config[0x3d] = 2;
    result = run();
    g_assert_cmpuint(result.functions, ==, 5);
    g_assert_cmpuint(result.last_bus, ==, 0);
    g_assert_cmpuint(result.unplaced, ==, 0);
    g_assert_cmphex(bar_of(3, 0), ==, 0xe0000000);
    g_assert_cmphex(bar_of(4, 4), ==, 0xe1000000);
    g_assert_cmphex(bar_of(3, 2), ==, 0xe1004000);
    g_assert_cmphex(bar_of(4, 0), ==, 0xc000);
    g_assert_cmphex(bar_of(2, 4), ==, 0xc040);
    g_assert_cmphex(fakes[0].config[4], ==, 0);
    g_assert_cmphex(fakes[2].config[4], ==, 1);
    g_assert_cmphex(fakes[3].config[4], ==, 2);
    g_assert_cmphex(fakes[4].config[4], ==, 3);
    g_assert_cmphex(fakes[2].config[0x3c], ==, 0x01);
    g_assert_cmphex(fakes[4].config[0x3c], ==, 0x13);
}

/* root - bridge at 4 - bridge at 2 - device at 3, INTB. */
static void test_bridges(void)
{
    int outer, inner;
    PciSetupResult result;

    fake_count = 0;
    outer = add_bridge(-1, 4, true);
    inner = add_bridge(outer, 2, true);
    bar(add(inner, 3, 0, 0x1000), 0, 256, 1);
    bar(&fakes[2], 1, 4096, 0);
    bar(&fakes[2], 2, UINT64_C(0x200000000), 4 | 8);
    fakes[2].config[0x3d] = 2;
    bar(add(outer, 5, 0, 0x2000), 0, 1 << 20, 0);
    add_bridge(-1, 6, false);
    result = run();
    g_assert_cmpuint(result.functions, ==, 5);
    g_assert_cmpuint(result.last_bus, ==, 3);
    g_assert_cmpuint(result.unplaced, ==, 0);
    g_assert_cmpmem(fakes[outer].config + 0x18, 3, "\0\1\2", 3);
    g_assert_cmpmem(fakes[inner].config + 0x18, 3, "\1\2\2", 3);
    g_assert_cmpmem(fakes[4].config + 0x18, 3, "\0\3\3", 3);
    /* The large one is above 4 GiB, in the windows of both bridges. */
    g_assert_cmphex(bar_of(2, 2), ==, UINT64_C(0x200000000));
    for (int i = outer; i <= inner; i++) {
        const uint8_t *config = fakes[i].config;

        g_assert_cmphex(load_le(config + 0x28, 4), ==, 2);
        g_assert_cmphex(load_le(config + 0x2c, 4), ==, 3);
        g_assert_cmphex(load_le(config + 0x24, 2) & 0xfff0, ==, 0);
        g_assert_cmphex(load_le(config + 0x26, 2) & 0xfff0, ==, 0xfff0);
        g_assert_cmphex(config[4], ==, 7);
        /* Base and limit of what the functions behind got. */
        g_assert_cmphex(bar_of(2, 1) >> 16 & 0xfff0, >=, load_le(config + 0x20, 2));
        g_assert_cmphex(bar_of(2, 1) >> 16 & 0xfff0, <=, load_le(config + 0x22, 2));
        g_assert_cmphex(bar_of(2, 0) >> 8 & 0xf0, ==, config[0x1c]);
        g_assert_cmphex(bar_of(2, 0) >> 8 & 0xf0, ==, config[0x1d]);
    }
    g_assert_cmphex(bar_of(3, 0) >> 16 & 0xfff0, >=, load_le(fakes[outer].config + 0x20, 2));
    g_assert_cmphex(bar_of(3, 0) >> 16 & 0xfff0, <=, load_le(fakes[outer].config + 0x22, 2));
    g_assert_true(bar_of(3, 0) >> 20 != bar_of(2, 1) >> 20);
    /* The empty bridge is closed. */
    g_assert_cmphex(load_le(fakes[4].config + 0x20, 2), >, load_le(fakes[4].config + 0x22, 2));
    g_assert_cmphex(load_le(fakes[4].config + 0x24, 2), >, load_le(fakes[4].config + 0x26, 2));
    g_assert_cmphex(fakes[4].config[0x1c], >, fakes[4].config[0x1d]);
    /* INTB at slot 3, then slot 2: pin (1 + 3 + 2) & 3 of slot 4. */
    g_assert_cmphex(fakes[2].config[0x3c], ==, 16 * 2 + 4);
}

/* What does not fit is left off, and what is smaller still gets its place. */
static void test_too_much(void)
{
    PciSetupResult result;

    fake_count = 0;
    bar(add(-1, 1, 0, 1), 0, 0x40000000, 0);
    bar(&fakes[0], 1, 256, 1);
    bar(add(-1, 2, 0, 2), 0, UINT64_C(1) << 40, 4);
    bar(add(-1, 3, 0, 3), 0, 0x10000000, 0);
    bar(add(-1, 4, 0, 4), 0, UINT64_C(1) << 63, 4 | 8);
    result = run();
    g_assert_cmpuint(result.unplaced, ==, 3);
    g_assert_cmphex(fakes[0].config[4], ==, 1);
    g_assert_cmphex(fakes[1].config[4], ==, 0);
    g_assert_cmphex(fakes[2].config[4], ==, 2);
    g_assert_cmphex(bar_of(2, 0), ==, 0xe0000000);
}

/* A chain of bridges deeper than the limit, and a bus full of bridges. */
static void test_limits(void)
{
    int behind = -1;

    fake_count = 0;
    for (unsigned i = 0; i < 20; i++) {
        behind = add_bridge(behind, 1, true);
    }
    g_assert_cmpuint(run().last_bus, <=, 20);

    fake_count = 0;
    for (unsigned slot = 0; slot < 9; slot++) {
        int bridge = add_bridge(-1, slot, false);

        for (unsigned inner = 0; inner < 31; inner++) {
            add_bridge(bridge, inner, false);
        }
    }
    g_assert_cmpuint(run().last_bus, ==, 255);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci-setup/flat", test_flat);
    g_test_add_func("/pci-setup/bridges", test_bridges);
    g_test_add_func("/pci-setup/too-much", test_too_much);
    g_test_add_func("/pci-setup/limits", test_limits);
    return g_test_run();
}
