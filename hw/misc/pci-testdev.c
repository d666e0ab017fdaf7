/* SPDX-License-Identifier: MIT */
/*
 * "pci-testdev": counts writes, for tests of how fast they arrive, as its
 * published specification says (QEMU's documentation, specs/pci-testdev). BAR 0
 * is memory, BAR 1 I/O ports; each starts with a header through which a guest
 * chooses a test and learns where and what to write. Test 0 traps, test 1 has
 * an eventfd for any value and test 2 one for the value itself, which an
 * accelerator may signal without coming here. `membar` adds a large BAR 2.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "hw/pci/pci.h"

#define MEMORY_SIZE   0x1000u
#define PORTS_SIZE    0x100u
#define TESTS         3
#define NO_TEST       0xff
#define WIDTH         1
#define TARGET_MEMORY 0x800u
#define TARGET_PORTS  0x80u
#define VALUE_MATCH   0xfa
#define VALUE_ANY     0xce

/* The header. */
#define HEADER_TEST   0
#define HEADER_WIDTH  1
#define HEADER_OFFSET 4
#define HEADER_DATA   8
#define HEADER_COUNT  12
#define HEADER_NAME   16
#define HEADER_SIZE   48

enum { BANK_MEMORY, BANK_PORTS, BANK_LARGE, HALVES = 2 };

static const struct {
    const char *name;
    uint8_t value;
    bool any, eventfd;
} tests[TESTS] = {
    { "no-eventfd", VALUE_MATCH, false, false },
    { "wildcard-eventfd", VALUE_ANY, true, true },
    { "datamatch-eventfd", VALUE_MATCH, false, true },
};

typedef struct TestDev {
    PciDevice pci;
    uint64_t membar;
    uint8_t test[HALVES];     /* NO_TEST: none */
    uint32_t count[HALVES];
    int fd[HALVES];           /* of the test that has one; -1: none */
    uint8_t fd_test[HALVES];  /* which that is */
} TestDev;

static TestDev *dev_of(void *device)
{
    return device;
}

static unsigned target(unsigned half, unsigned test)
{
    return (half == BANK_MEMORY ? TARGET_MEMORY : TARGET_PORTS) + half * TESTS + test;
}

/* ---- the eventfd of a test ---- */

/* What the accelerator signalled since the last time. */
static void collect(TestDev *dev, unsigned half)
{
    uint64_t signals;

    if (dev->fd[half] >= 0 && read(dev->fd[half], &signals, sizeof(signals)) == sizeof(signals)) {
        dev->count[half] += signals;
    }
}

static void eventfd_close(TestDev *dev, unsigned half)
{
    unsigned test = dev->fd_test[half];

    if (dev->fd[half] >= 0) {
        region_remove_ioeventfd(device_bank_region(&dev->pci.device, half), target(half, test),
                                WIDTH, !tests[test].any, tests[test].value, dev->fd[half]);
        close(dev->fd[half]);
        dev->fd[half] = -1;
    }
}

/* Without one the writes come here and are counted the same. */
static void eventfd_open(TestDev *dev, unsigned half)
{
    unsigned test = dev->test[half];

    dev->fd_test[half] = test;
    dev->fd[half] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (dev->fd[half] < 0) {
        report_warning("pci-testdev: no eventfd: %s", g_strerror(errno));
        return;
    }
    region_add_ioeventfd(device_bank_region(&dev->pci.device, half), target(half, test), WIDTH,
                         !tests[test].any, tests[test].value, dev->fd[half]);
}

static void start_test(TestDev *dev, unsigned half, uint8_t test)
{
    eventfd_close(dev, half);
    dev->count[half] = 0;
    dev->test[half] = test < TESTS ? test : NO_TEST;
    if (test < TESTS && tests[test].eventfd) {
        eventfd_open(dev, half);
    }
}

/* ---- the header and the target ---- */

static void make_header(TestDev *dev, unsigned half, uint8_t *header)
{
    unsigned test = dev->test[half];

    memset(header, 0, HEADER_SIZE);
    if (test == NO_TEST) {
        return;
    }
    collect(dev, half);
    header[HEADER_TEST] = test;
    header[HEADER_WIDTH] = WIDTH;
    store_le(header + HEADER_OFFSET, target(half, test), 4);
    store_le(header + HEADER_DATA, tests[test].value, 4);
    store_le(header + HEADER_COUNT, dev->count[half], 4);
    g_snprintf((char *)header + HEADER_NAME, HEADER_SIZE - HEADER_NAME, "%s-%s",
               half == BANK_MEMORY ? "mmio" : "portio", tests[test].name);
}

static uint64_t half_read(TestDev *dev, unsigned half, uint64_t offset, unsigned size)
{
    uint8_t header[HEADER_SIZE + 8];

    if (offset >= HEADER_SIZE) {
        return 0;
    }
    memset(header + HEADER_SIZE, 0, 8);
    make_header(dev, half, header);
    return load_le(header + offset, size);
}

static void half_write(TestDev *dev, unsigned half, uint64_t offset, uint64_t value)
{
    unsigned test = dev->test[half];

    if (offset == HEADER_TEST) {
        start_test(dev, half, value & 0xff);
    } else if (test != NO_TEST && offset == target(half, test) &&
               (tests[test].any || (value & 0xff) == tests[test].value)) {
        dev->count[half]++;
    }
}

static MemoryResult memory_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                                MemoryAttrs attrs)
{
    *value = half_read(dev_of(opaque), BANK_MEMORY, offset, size);
    return MEMORY_OK;
}

static MemoryResult memory_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                 MemoryAttrs attrs)
{
    half_write(dev_of(opaque), BANK_MEMORY, offset, value);
    return MEMORY_OK;
}

static MemoryResult ports_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                               MemoryAttrs attrs)
{
    *value = half_read(dev_of(opaque), BANK_PORTS, offset, size);
    return MEMORY_OK;
}

static MemoryResult ports_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                MemoryAttrs attrs)
{
    half_write(dev_of(opaque), BANK_PORTS, offset, value);
    return MEMORY_OK;
}

static const RegionOps memory_ops = {
    .read = memory_read, .write = memory_write, .unaligned = true, .impl_unaligned = true,
};

static const RegionOps ports_ops = {
    .read = ports_read, .write = ports_write, .access_max = 4, .unaligned = true,
    .impl_unaligned = true,
};

/* ---- life ---- */

static uint64_t large_size(Device *device)
{
    return dev_of(device)->membar;
}

static bool testdev_prepare(Device *device, GError **error)
{
    uint64_t size = dev_of(device)->membar;

    if (size & (size - 1) || (size && size < 16) || size > 1ull << 62) {
        error_set(error, ERROR_INVALID, "membar is 0x%" PRIx64 ": it must be a power of two, at "
                  "least 16 bytes, or 0 for none", size);
        return false;
    }
    return true;
}

static void testdev_init(Object *object)
{
    TestDev *dev = dev_of(object);

    for (unsigned half = 0; half < HALVES; half++) {
        dev->fd[half] = -1;
        dev->test[half] = NO_TEST;
    }
}

static void testdev_stop(Device *device)
{
    for (unsigned half = 0; half < HALVES; half++) {
        start_test(dev_of(device), half, NO_TEST);
    }
}

static void testdev_pre_save(Device *device)
{
    for (unsigned half = 0; half < HALVES; half++) {
        collect(dev_of(device), half);
    }
}

static bool testdev_post_load(Device *device, GError **error)
{
    TestDev *dev = dev_of(device);

    for (unsigned half = 0; half < HALVES; half++) {
        uint32_t count = dev->count[half];
        uint8_t test = dev->test[half];
        start_test(dev, half, test);
        dev->count[half] = count;
    }
    return true;
}

/* ---- tables ---- */

static const BankInfo testdev_banks[] = {
    [BANK_MEMORY] = { .name = "mmio", .size = MEMORY_SIZE, .ops = &memory_ops, .bar = 1 },
    [BANK_PORTS] = { .name = "portio", .space = SPACE_IO, .size = PORTS_SIZE, .ops = &ports_ops,
                     .bar = 2 },
    [BANK_LARGE] = { .name = "membar", .kind = BANK_CONTAINER, .size_of = large_size, .bar = 3,
                     .bar_64bit = true, .bar_prefetch = true },
};

static const StateInfo testdev_state[] = {
    { .name = "test", FIELD_ARRAY(TestDev, test) },
    { .name = "count", FIELD_ARRAY(TestDev, count) },
};

static const TransientInfo testdev_transient[] = {
    { FIELD(TestDev, fd), "follow the tests" },
    { FIELD(TestDev, fd_test), "follow the tests" },
};

static const Property testdev_properties[] = {
    { .name = "membar", .description = "size of a 64-bit memory BAR with nothing in it; 0: none",
      .field = FIELD_OF(TestDev, membar), .flags = PROPERTY_SIZE },
};

static const PciInfo testdev_info = {
    .vendor = 0x1b36, .device = 0x0005, .class_code = 0x00ff00,
};

const DeviceType pci_testdev_type = {
    .name = "pci-testdev", .parent = "pci-device", .bus = "PCI", .hotpluggable = true,
    .description = "PCI Test Device", .size = sizeof(TestDev),
    .properties = TABLE(testdev_properties), .banks = TABLE(testdev_banks),
    .state = TABLE(testdev_state), .transient = TABLE(testdev_transient), .pci = &testdev_info,
    .init = testdev_init, .prepare = testdev_prepare, .unrealize = testdev_stop,
    .reset = testdev_stop, .pre_save = testdev_pre_save, .post_load = testdev_post_load,
};
