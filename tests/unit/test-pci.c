/* SPDX-License-Identifier: MIT */
/* The PCI core, through configuration mechanism 1 and a function that has everything. */
#include <string.h>

#include "hw/core/state.h"
#include "tests/unit/pci-machine.h"

#define SLOT      4
#define DEVFN     PCI_DEVFN(SLOT, 0)
#define RAM_SIZE  (64u << 20)
#define MEMORY_AT 0xe0000000u
#define MSIX_AT   0xe1000000u
#define PREFETCH_AT 0x4000000000ull
#define PORTS_AT  0xc000
#define MAILBOX   0x100000   /* in RAM: where interrupt messages are sent */

/* ---- the function ---- */

typedef struct TestFunction {
    PciDevice pci;
    uint32_t scratch, port;
    unsigned hook_writes;
} TestFunction;

enum { BANK_MEMORY, BANK_PORTS, BANK_PREFETCH, BANK_MSIX };

static const RegisterInfo memory_registers[] = {
    { 0x00, "SCRATCH", FIELD(TestFunction, scratch) },
};

static const RegisterInfo port_registers[] = {
    { 0x00, "PORT", FIELD(TestFunction, port) },
};

static const BankInfo test_banks[] = {
    [BANK_MEMORY] = { .name = "memory", .size = 0x1000, .width = 4, .bar = 1,
                      .registers = TABLE(memory_registers) },
    [BANK_PORTS] = { .name = "ports", .space = SPACE_IO, .size = 0x20, .width = 4, .bar = 2,
                     .registers = TABLE(port_registers) },
    [BANK_PREFETCH] = { .name = "prefetch", .kind = BANK_RAM, .size = 0x100000, .bar = 3,
                        .bar_64bit = true, .bar_prefetch = true },
    [BANK_MSIX] = { .name = "msix", .kind = BANK_CONTAINER, .size = 0x1000, .bar = 5 },
};

static uint64_t read_computed(Device *device, unsigned index)
{
    return 0xa0 + index;
}

static void write_hooked(Device *device, unsigned index, uint64_t value)
{
    TestFunction *test = (TestFunction *)device;

    test->hook_writes++;
    pci_config_store(&test->pci, 0x44, 2, value ^ 0xff00);
}

static const RegisterInfo test_config[] = {
    { 0x40, "MASKED", .size = 4, .reset = 0x12345678, .writable = 0x0000ffff },
    { 0x44, "HOOKED", .size = 2, .write = write_hooked },
    { 0x46, "STATUS", .size = 1, .reset = 0x55, .writable = 0x0f, .write_one_clears = 0x50 },
    { 0x48, "COMPUTED", .count = 4, .read = read_computed, .access = REG_RO },
    { 0x4c, "KEPT", .keep_on_reset = true },
};

static const RegisterInfo vendor_registers[] = {
    { 2, "LENGTH", .access = REG_RO, .reset = 8 },
    { 4, "DATA", .size = 4 },
};

static const PciCapabilityInfo test_capabilities[] = {
    { PCI_CAP_VENDOR, 0x50, 8, TABLE(vendor_registers) },
};

static const PciInfo test_info = {
    .vendor = 0x1234, .device = 0x5678, .revision = 7, .class_code = 0x0c0330,
    .interrupt_pin = 1, .config = TABLE(test_config), .capabilities = TABLE(test_capabilities),
    .msi = { .vectors = 4, .offset = 0x60, .wide = true, .maskable = true },
    .msix = { .vectors = 3, .table_bank = BANK_MSIX, .pba_bank = BANK_MSIX, .pba_offset = 0x800 },
};

static const TransientInfo test_transient[] = {
    { FIELD(TestFunction, hook_writes), "a count of the test" },
};

static const DeviceType test_type = {
    .name = "test-function", .parent = "pci-device", .bus = "PCI", .hotpluggable = true,
    .size = sizeof(TestFunction), .banks = TABLE(test_banks), .pci = &test_info,
    .transient = TABLE(test_transient),
};

static const ObjectType *const test_types[] = { (const ObjectType *)&test_type, NULL };

static PciMachine machine;
static TestFunction *function;

static void set_up(void)
{
    machine = pci_machine_new(RAM_SIZE);
    function = (TestFunction *)pci_machine_add(BUS(machine.bus), "test-function", "func",
                                               "addr=4", NULL);
    pci_machine_up();
}

/* ---- mechanism 1 ---- */

static void test_mechanism(void)
{
    set_up();
    g_assert_cmphex(config_read(0, 0, 4), ==, 0x12378086);
    g_assert_cmphex(config_read(DEVFN, PCI_VENDOR_ID, 2), ==, 0x1234);
    g_assert_cmphex(config_read(DEVFN, PCI_DEVICE_ID, 2), ==, 0x5678);
    g_assert_cmphex(config_read(DEVFN, PCI_CLASS_CODE + 2, 1), ==, 0x0c);
    g_assert_cmphex(config_read(DEVFN, PCI_SUBSYSTEM_VENDOR_ID, 4), ==, 0x11001af4);
    /* Nobody there, and another bus. */
    g_assert_cmphex(config_read(PCI_DEVFN(9, 0), 0, 4), ==, UINT32_MAX);
    g_assert_cmphex(config_read_bus(1, DEVFN, 0, 2), ==, 0xffff);
    /* CONFADD takes double words only, and its reserved bits read as zero. */
    port_write(0xcf8, 4, 0xffffffff);
    g_assert_cmphex(port_read(0xcf8, 4), ==, 0x80fffffc);
    port_write(0xcf8, 2, 0x1234);
    port_write(0xcfb, 1, 0);
    g_assert_cmphex(port_read(0xcf8, 4), ==, 0x80fffffc);
    g_assert_cmphex(port_read(0xcf8, 1), ==, 0xff);
    /* While it is not enabled CONFDATA is not there. */
    port_write(0xcf8, 4, 0);
    g_assert_cmphex(port_read(0xcfc, 4), ==, UINT32_MAX);
    pci_machine_free();
}

static void test_masks(void)
{
    set_up();
    config_write(DEVFN, PCI_VENDOR_ID, 4, 0);
    g_assert_cmphex(config_read(DEVFN, PCI_VENDOR_ID, 4), ==, 0x56781234);
    config_write(DEVFN, 0x40, 4, 0xffffffff);
    g_assert_cmphex(config_read(DEVFN, 0x40, 4), ==, 0x1234ffff);
    config_write(DEVFN, 0x41, 1, 0);
    g_assert_cmphex(config_read(DEVFN, 0x40, 4), ==, 0x123400ff);
    /* A hook takes the whole register, also when one byte of it is written. */
    config_write(DEVFN, 0x44, 2, 0x1111);
    g_assert_cmphex(config_read(DEVFN, 0x44, 2), ==, 0xee11);
    config_write(DEVFN, 0x45, 1, 0x22);
    g_assert_cmphex(config_read(DEVFN, 0x44, 2), ==, 0xdd11);
    g_assert_cmpuint(function->hook_writes, ==, 2);
    /* One access over registers with and without a hook. */
    config_write(DEVFN, 0x44, 4, 0x00400022);
    g_assert_cmphex(config_read(DEVFN, 0x44, 4), ==, 0x0010ff22);
    g_assert_cmphex(config_read(DEVFN, 0x48, 4), ==, 0xa3a2a1a0);
    g_assert_cmphex(config_read(DEVFN, 0x4a, 2), ==, 0xa3a2);
    config_write(DEVFN, 0x4c, 1, 0x77);
    device_reset(&function->pci.device);
    g_assert_cmphex(config_read(DEVFN, 0x40, 4), ==, 0x12345678);
    g_assert_cmphex(config_read(DEVFN, 0x46, 1), ==, 0x55);
    g_assert_cmphex(config_read(DEVFN, 0x4c, 1), ==, 0x77);
    pci_machine_free();
}

static void test_capabilities_list(void)
{
    unsigned at, found = 0;

    set_up();
    g_assert_cmphex(config_read(DEVFN, PCI_STATUS, 2) & PCI_STATUS_CAPABILITIES, !=, 0);
    for (at = config_read(DEVFN, PCI_CAPABILITY_LIST, 1); at;
         at = config_read(DEVFN, at + 1, 1)) {
        found |= BIT(config_read(DEVFN, at, 1));
        g_assert_cmpuint(at & 3, ==, 0);
    }
    g_assert_cmphex(found, ==, BIT(PCI_CAP_VENDOR) | BIT(PCI_CAP_MSI) | BIT(PCI_CAP_MSIX));
    g_assert_cmphex(config_read(DEVFN, 0x52, 1), ==, 8);
    config_write(DEVFN, 0x54, 4, 0xcafe1234);
    g_assert_cmphex(config_read(DEVFN, 0x54, 4), ==, 0xcafe1234);
    config_write(DEVFN, 0x50, 4, 0);
    g_assert_cmphex(config_read(DEVFN, 0x50, 1), ==, PCI_CAP_VENDOR);
    pci_machine_free();
}

/* ---- base addresses ---- */

static void test_bar_sizing(void)
{
    static const struct {
        unsigned offset;
        uint32_t sized;
    } bars[] = {
        { 0x10, 0xfffff000 }, { 0x14, 0xffffffe1 }, { 0x18, 0xfff0000c }, { 0x1c, 0xffffffff },
        { 0x20, 0xfffff000 }, { 0x24, 0 }, { PCI_ROM_ADDRESS, 0 },
    };

    set_up();
    for (unsigned i = 0; i < G_N_ELEMENTS(bars); i++) {
        config_write(DEVFN, bars[i].offset, 4, 0xffffffff);
        g_assert_cmphex(config_read(DEVFN, bars[i].offset, 4), ==, bars[i].sized);
    }
    pci_machine_free();
}

static void place_bars(void)
{
    config_write(DEVFN, 0x10, 4, MEMORY_AT);
    config_write(DEVFN, 0x14, 4, PORTS_AT);
    config_write(DEVFN, 0x18, 4, (uint32_t)PREFETCH_AT);
    config_write(DEVFN, 0x1c, 4, PREFETCH_AT >> 32);
    config_write(DEVFN, 0x20, 4, MSIX_AT);
}

static void set_command(uint16_t command)
{
    config_write(DEVFN, PCI_COMMAND, 2, command);
}

static void test_bar_decoding(void)
{
    set_up();
    place_bars();
    g_assert_cmphex(memory_read(MEMORY_AT, 4), ==, UINT32_MAX);
    set_command(PCI_COMMAND_MEMORY);
    memory_write(MEMORY_AT, 4, 0x11223344);
    g_assert_cmphex(function->scratch, ==, 0x11223344);
    memory_write(PREFETCH_AT + 8, 8, 0x1122334455667788);
    g_assert_cmphex(memory_read(PREFETCH_AT + 12, 4), ==, 0x11223344);
    port_write(PORTS_AT, 4, 0x99);
    g_assert_cmphex(function->port, ==, 0);
    set_command(PCI_COMMAND_IO | PCI_COMMAND_MEMORY);
    port_write(PORTS_AT, 4, 0x99);
    g_assert_cmphex(function->port, ==, 0x99);
    /* Moving while it is decoded. */
    config_write(DEVFN, 0x10, 4, MEMORY_AT + 0x10000);
    g_assert_cmphex(memory_read(MEMORY_AT, 4), ==, UINT32_MAX);
    g_assert_cmphex(memory_read(MEMORY_AT + 0x10000, 4), ==, 0x11223344);
    /* Sizing with decoding on does not cover the end of the space; zero is no place. */
    config_write(DEVFN, 0x10, 4, 0xffffffff);
    g_assert_cmphex(memory_read(0xfffff000, 4), ==, UINT32_MAX);
    config_write(DEVFN, 0x10, 4, 0);
    config_write(DEVFN, 0x14, 4, 0xffffffff);
    g_assert_cmphex(port_read(0xffe0, 4), ==, UINT32_MAX);
    /* RAM lies above PCI. */
    config_write(DEVFN, 0x10, 4, 0x200000);
    memory_write(0x200000, 4, 5);
    g_assert_cmphex(function->scratch, ==, 0x11223344);
    set_command(0);
    g_assert_cmphex(memory_read(PREFETCH_AT + 8, 4), ==, UINT32_MAX);
    pci_machine_free();
}

/* ---- bus mastering ---- */

static void test_bus_master(void)
{
    uint32_t value = 0x12345678, back = 0;
    Device *device;

    set_up();
    device = &function->pci.device;
    g_assert_cmpint(dma_write(device, MAILBOX, &value, 4), !=, MEMORY_OK);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0);
    set_command(PCI_COMMAND_MASTER);
    g_assert_cmpint(dma_write(device, MAILBOX, &value, 4), ==, MEMORY_OK);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, value);
    g_assert_cmpint(dma_read(device, MAILBOX, &back, 4), ==, MEMORY_OK);
    g_assert_cmphex(back, ==, value);
    g_assert_cmphex(device_dma_attrs(device).requester_id, ==, DEVFN);
    set_command(0);
    g_assert_cmpint(dma_read(device, MAILBOX, &back, 4), !=, MEMORY_OK);
    pci_machine_free();
}

/* ---- interrupts ---- */

static bool pirq(unsigned line)
{
    return pin_level(&machine.host->device, 0, line);
}

static void test_intx(void)
{
    TestFunction *other;

    machine = pci_machine_new(RAM_SIZE);
    function = (TestFunction *)pci_machine_add(BUS(machine.bus), "test-function", "func",
                                               "addr=4", NULL);
    other = (TestFunction *)pci_machine_add(BUS(machine.bus), "test-function", "other",
                                            "addr=8", NULL);
    pci_machine_up();
    /* INTA# of slot 4 and of slot 8 share a line. */
    pci_intx_set(&function->pci, true);
    g_assert_true(pirq(3));
    g_assert_cmphex(config_read(DEVFN, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    pci_intx_set(&other->pci, true);
    pci_intx_set(&function->pci, false);
    g_assert_true(pirq(3));
    g_assert_cmphex(config_read(DEVFN, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, ==, 0);
    /* Disabled it goes down, but the status tells of it. */
    config_write(PCI_DEVFN(8, 0), PCI_COMMAND, 2, PCI_COMMAND_INTX_DISABLE);
    g_assert_false(pirq(3));
    g_assert_cmphex(config_read(PCI_DEVFN(8, 0), PCI_STATUS, 2) & PCI_STATUS_INTERRUPT, !=, 0);
    config_write(PCI_DEVFN(8, 0), PCI_COMMAND, 2, 0);
    g_assert_true(pirq(3));
    check_save_and_load(&other->pci.device);
    g_assert_true(pirq(3));
    device_reset(&other->pci.device);
    g_assert_false(pirq(3));
    for (unsigned i = 0; i < 3; i++) {
        g_assert_false(pirq(i));
    }
    pci_machine_free();
}

static unsigned msi_at(unsigned offset)
{
    return 0x60 + offset;
}

static void test_msi(void)
{
    set_up();
    set_command(PCI_COMMAND_MASTER);
    g_assert_cmphex(config_read(DEVFN, msi_at(PCI_MSI_CONTROL), 2), ==, 0x184);
    g_assert_false(pci_message_signal(&function->pci, 0));
    config_write(DEVFN, msi_at(4), 4, MAILBOX | 3);
    g_assert_cmphex(config_read(DEVFN, msi_at(4), 4), ==, MAILBOX);
    config_write(DEVFN, msi_at(12), 2, 0x4140);
    config_write(DEVFN, msi_at(PCI_MSI_CONTROL), 2, PCI_MSI_ENABLE | 2 << PCI_MSI_ENABLED_SHIFT);
    g_assert_cmpuint(pci_msi_allotted(&function->pci), ==, 4);
    g_assert_true(pci_message_signal(&function->pci, 2));
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0x4142);
    /* Masked it waits; unmasking sends it once. */
    memory_write(MAILBOX, 4, 0);
    config_write(DEVFN, msi_at(16), 4, 0xffffffff);
    g_assert_cmphex(config_read(DEVFN, msi_at(16), 4), ==, 0xf);
    pci_message_signal(&function->pci, 1);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0);
    g_assert_cmphex(config_read(DEVFN, msi_at(20), 4), ==, 2);
    check_save_and_load(&function->pci.device);
    config_write(DEVFN, msi_at(16), 4, 0);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0x4141);
    g_assert_cmphex(config_read(DEVFN, msi_at(20), 4), ==, 0);
    /* Fewer messages than vectors. */
    config_write(DEVFN, msi_at(PCI_MSI_CONTROL), 2, PCI_MSI_ENABLE);
    pci_message_signal(&function->pci, 3);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0x4140);
    /* No bus mastering, no message. */
    memory_write(MAILBOX, 4, 0);
    set_command(0);
    pci_message_signal(&function->pci, 0);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0);
    g_assert_false(pci_message_signal(&function->pci, 40));
    pci_machine_free();
}

static void msix_entry(unsigned vector, uint64_t address, uint32_t data, bool masked)
{
    uint64_t at = MSIX_AT + vector * 16;

    memory_write(at, 4, address);
    memory_write(at + 4, 4, address >> 32);
    memory_write(at + 8, 4, data);
    memory_write(at + 12, 4, masked);
}

static void test_msix(void)
{
    unsigned cap;

    set_up();
    place_bars();
    set_command(PCI_COMMAND_MASTER | PCI_COMMAND_MEMORY);
    cap = pci_capability_find(&function->pci, PCI_CAP_MSIX);
    g_assert_cmphex(config_read(DEVFN, cap + PCI_MSIX_CONTROL, 2), ==, 2);
    g_assert_cmphex(config_read(DEVFN, cap + PCI_MSIX_TABLE, 4), ==, 4);
    g_assert_cmphex(config_read(DEVFN, cap + PCI_MSIX_PBA, 4), ==, 0x804);
    g_assert_cmphex(memory_read(MSIX_AT + 12, 4), ==, 1);
    config_write(DEVFN, cap + PCI_MSIX_CONTROL, 2, PCI_MSIX_ENABLE);
    msix_entry(0, MAILBOX, 0x100, false);
    msix_entry(1, MAILBOX, 0x101, true);
    g_assert_true(pci_message_signal(&function->pci, 0));
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0x100);
    pci_message_signal(&function->pci, 1);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0x100);
    g_assert_cmphex(memory_read(MSIX_AT + 0x800, 8), ==, 2);
    memory_write(MSIX_AT + 0x800, 8, 0);
    g_assert_cmphex(memory_read(MSIX_AT + 0x800, 8), ==, 2);
    check_save_and_load(&function->pci.device);
    memory_write(MSIX_AT + 16 + 12, 4, 0);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0x101);
    g_assert_cmphex(memory_read(MSIX_AT + 0x800, 8), ==, 0);
    /* The function mask. */
    config_write(DEVFN, cap + PCI_MSIX_CONTROL, 2, PCI_MSIX_ENABLE | PCI_MSIX_FUNCTION_MASK);
    pci_message_signal(&function->pci, 0);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0x101);
    config_write(DEVFN, cap + PCI_MSIX_CONTROL, 2, PCI_MSIX_ENABLE);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 0x100);
    /* Bytes and words are refused; past the table there is nothing. */
    memory_write(MSIX_AT, 1, 0xff);
    g_assert_cmphex(memory_read(MSIX_AT, 4), ==, MAILBOX);
    memory_write(MSIX_AT + 3 * 16, 4, 1);
    g_assert_false(pci_message_signal(&function->pci, 3));
    pci_machine_free();
}

/* ---- slots ---- */

static void expect_bring_up_error(const char *pattern)
{
    g_autoptr(GError) error = NULL;

    g_assert_false(machine_bring_up(false, &error));
    g_assert_true(g_pattern_match_simple(pattern, error->message));
    pci_machine_free();
}

static void test_slots(void)
{
    g_autoptr(GError) error = NULL;
    Device *first, *second;
    int32_t devfn;

    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "a", "addr=1", NULL);
    first = pci_machine_add(BUS(machine.bus), "test-function", "b", NULL);
    pci_machine_add(BUS(machine.bus), "test-function", "c", "addr=2.0", "multifunction=on", NULL);
    second = pci_machine_add(BUS(machine.bus), "test-function", "d", "addr=02.7", NULL);
    pci_machine_up();
    g_assert_cmphex(PCI_DEVICE(first)->devfn, ==, PCI_DEVFN(3, 0));
    g_assert_cmphex(PCI_DEVICE(second)->devfn, ==, PCI_DEVFN(2, 7));
    g_assert_cmphex(config_read(PCI_DEVFN(2, 0), PCI_HEADER_TYPE, 1), ==, 0x80);
    g_assert_cmphex(config_read(PCI_DEVFN(2, 7), 0, 4), ==, 0x56781234);
    pci_machine_free();

    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "a", "addr=5", NULL);
    pci_machine_add(BUS(machine.bus), "test-function", "b", "addr=5", NULL);
    expect_bring_up_error("*slot 5 function 0 not available for test-function, in use by "
                          "test-function,id=a*");
    /* A device of the board has its place whoever comes first. */
    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "user", "addr=5", NULL);
    pci_machine_add(BUS(machine.bus), "test-function", "board", "addr=5", NULL)->placed = true;
    expect_bring_up_error("*/user: *not available for test-function*id=board");
    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "a", "addr=5", NULL);
    pci_machine_add(BUS(machine.bus), "test-function", "b", "addr=5.1", NULL);
    expect_bring_up_error("*single function device can't be populated in function 5.1*");
    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "a", "addr=5.1", NULL);
    pci_machine_add(BUS(machine.bus), "test-function", "b", "addr=5", NULL);
    expect_bring_up_error("*5.0 indicates single function, but 5.1 is already populated*");

    g_assert_true(pci_address_parse("1f.7", &devfn, &error));
    g_assert_cmphex(devfn, ==, 0xff);
    static const char *const bad[] = { "", "20", "1.8", "x", "1.", "1.1.1", "-1", "1 " };
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_clear_error(&error);
        g_assert_false(pci_address_parse(bad[i], &devfn, &error));
        g_assert_error(error, ERROR_DOMAIN, ERROR_INVALID);
    }
}

/* ---- option ROM ---- */

static void test_rom(void)
{
    g_autofree char *path = NULL;
    g_autofree char *setting = NULL;
    char image[3000];
    int fd = g_file_open_tmp("vmm-rom-XXXXXX", &path, NULL);

    g_assert_cmpint(fd, >=, 0);
    close(fd);
    memset(image, 0x5a, sizeof(image));
    memcpy(image, "\x55\xaa", 2);
    g_assert_true(g_file_set_contents(path, image, sizeof(image), NULL));
    setting = g_strdup_printf("romfile=%s", path);

    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "func", "addr=4", setting, NULL);
    pci_machine_up();
    config_write(DEVFN, PCI_ROM_ADDRESS, 4, 0xffffffff);
    g_assert_cmphex(config_read(DEVFN, PCI_ROM_ADDRESS, 4), ==, 0xfffff001);
    config_write(DEVFN, PCI_ROM_ADDRESS, 4, 0xe8000000);
    set_command(PCI_COMMAND_MEMORY);
    g_assert_cmphex(memory_read(0xe8000000, 2), ==, 0xffff);
    config_write(DEVFN, PCI_ROM_ADDRESS, 4, 0xe8000001);
    g_assert_cmphex(memory_read(0xe8000000, 2), ==, 0xaa55);
    memory_write(0xe8000000, 2, 0);
    g_assert_cmphex(memory_read(0xe8000000, 4), ==, 0x5a5aaa55);
    g_assert_cmphex(memory_read(0xe8000ffc, 4), ==, 0);
    pci_machine_free();

    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "func", "addr=4", setting, "rombar=0",
                    NULL);
    pci_machine_up();
    config_write(DEVFN, PCI_ROM_ADDRESS, 4, 0xffffffff);
    g_assert_cmphex(config_read(DEVFN, PCI_ROM_ADDRESS, 4), ==, 0);
    pci_machine_free();

    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "func", setting, "romsize=2048", NULL);
    expect_bring_up_error("*romfile*has 3000 bytes*");
    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "func", setting, "romsize=5000", NULL);
    expect_bring_up_error("*power of two*");
    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "test-function", "func", "romfile=/no/such/file", NULL);
    expect_bring_up_error("*/no/such/file*");
    unlink(path);
}

/* ---- a bridge ---- */

#define BRIDGE PCI_DEVFN(6, 0)

static void set_up_bridge(void)
{
    Bus *behind;

    machine = pci_machine_new(RAM_SIZE);
    pci_machine_add(BUS(machine.bus), "pci-bridge", "br", "addr=6", "chassis_nr=1", NULL);
    behind = bus_find("br", NULL);
    g_assert_nonnull(behind);
    function = (TestFunction *)pci_machine_add(behind, "test-function", "func", "addr=4", NULL);
    pci_machine_up();
}

static void test_bridge_cycles(void)
{
    set_up_bridge();
    g_assert_cmphex(config_read(BRIDGE, PCI_CLASS_CODE + 1, 2), ==, 0x0604);
    g_assert_cmphex(config_read(BRIDGE, PCI_HEADER_TYPE, 1), ==, 1);
    g_assert_cmphex(config_read_bus(1, DEVFN, 0, 4), ==, UINT32_MAX);
    config_write(BRIDGE, PPB_PRIMARY_BUS, 4, 0x00050200);
    g_assert_cmphex(config_read_bus(2, DEVFN, 0, 4), ==, 0x56781234);
    g_assert_cmphex(config_read_bus(3, DEVFN, 0, 4), ==, UINT32_MAX);
    g_assert_cmphex(config_read_bus(0, DEVFN, 0, 4), ==, UINT32_MAX);
    g_assert_cmphex(device_dma_attrs(&function->pci.device).requester_id, ==, 0x200 | DEVFN);
    /* INTA# of slot 4 behind the bridge in slot 6 is the bridge's INTA#. */
    pci_intx_set(&function->pci, true);
    g_assert_true(pirq((6 - 1 + 0) & 3));
    pci_intx_set(&function->pci, false);
    g_assert_false(pirq(1));
    /* The secondary bus in reset. */
    config_write_bus(2, DEVFN, 0x40, 4, 0);
    config_write(BRIDGE, PPB_CONTROL, 2, PPB_CONTROL_RESET);
    g_assert_cmphex(config_read_bus(2, DEVFN, 0, 4), ==, UINT32_MAX);
    config_write(BRIDGE, PPB_CONTROL, 2, 0);
    g_assert_cmphex(config_read_bus(2, DEVFN, 0x40, 4), ==, 0x12345678);
    pci_machine_free();
}

static void test_bridge_windows(void)
{
    uint32_t value = 77;

    set_up_bridge();
    config_write(BRIDGE, PPB_PRIMARY_BUS, 4, 0x00010100);
    config_write_bus(1, DEVFN, 0x10, 4, MEMORY_AT);
    config_write_bus(1, DEVFN, 0x14, 4, PORTS_AT + 0x400);
    config_write_bus(1, DEVFN, 0x18, 4, (uint32_t)PREFETCH_AT);
    config_write_bus(1, DEVFN, 0x1c, 4, PREFETCH_AT >> 32);
    config_write_bus(1, DEVFN, PCI_COMMAND, 2, 7);
    memory_write(MEMORY_AT, 4, 1);
    g_assert_cmphex(function->scratch, ==, 0);
    config_write(BRIDGE, PPB_MEMORY_BASE, 4, (MEMORY_AT >> 16) | MEMORY_AT);
    config_write(BRIDGE, PPB_PREFETCH_BASE, 4, 0);
    config_write(BRIDGE, PPB_PREFETCH_BASE_UPPER, 4, PREFETCH_AT >> 32);
    config_write(BRIDGE, PPB_PREFETCH_LIMIT_UPPER, 4, PREFETCH_AT >> 32);
    config_write(BRIDGE, PPB_IO_BASE, 2, 0xc0 | 0xc0 << 8);
    memory_write(MEMORY_AT, 4, 1);
    g_assert_cmphex(function->scratch, ==, 0);
    config_write(BRIDGE, PCI_COMMAND, 2, PCI_COMMAND_MEMORY | PCI_COMMAND_IO);
    memory_write(MEMORY_AT, 4, 0x1234);
    g_assert_cmphex(function->scratch, ==, 0x1234);
    memory_write(PREFETCH_AT, 4, 0x4321);
    g_assert_cmphex(memory_read(PREFETCH_AT, 4), ==, 0x4321);
    port_write(PORTS_AT + 0x400, 4, 0x55);
    g_assert_cmphex(function->port, ==, 0x55);
    /* ISA mode hides the upper part of each kilobyte. */
    config_write(BRIDGE, PPB_CONTROL, 2, PPB_CONTROL_ISA);
    g_assert_cmphex(port_read(PORTS_AT + 0x400, 4), ==, 0x55);
    config_write_bus(1, DEVFN, 0x14, 4, PORTS_AT + 0x500);
    g_assert_cmphex(port_read(PORTS_AT + 0x500, 4), ==, UINT32_MAX);
    config_write(BRIDGE, PPB_CONTROL, 2, 0);
    g_assert_cmphex(port_read(PORTS_AT + 0x500, 4), ==, 0x55);
    /* VGA mode. */
    config_write_bus(1, DEVFN, 0x14, 4, 0x3c0);
    g_assert_cmphex(port_read(0x3c0, 4), ==, UINT32_MAX);
    config_write(BRIDGE, PPB_CONTROL, 2, PPB_CONTROL_VGA);
    g_assert_cmphex(port_read(0x3c0, 4), ==, 0x55);
    /* Upstream goes through the bridge's own bus mastering. */
    g_assert_cmpint(dma_write(&function->pci.device, MAILBOX, &value, 4), !=, MEMORY_OK);
    config_write(BRIDGE, PCI_COMMAND, 2, 7);
    g_assert_cmpint(dma_write(&function->pci.device, MAILBOX, &value, 4), ==, MEMORY_OK);
    g_assert_cmphex(memory_read(MAILBOX, 4), ==, 77);
    /* The reset in between went through the bridge; its windows are what was saved. */
    check_save_and_load(&machine.bus->devices[BRIDGE]->device);
    g_assert_cmphex(memory_read(MEMORY_AT, 4), ==, UINT32_MAX);
    config_write_bus(1, DEVFN, 0x10, 4, MEMORY_AT);
    config_write_bus(1, DEVFN, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    memory_write(MEMORY_AT, 4, 0x4567);
    g_assert_cmphex(function->scratch, ==, 0x4567);
    pci_machine_free();
}

/* ---- hot plug, listings, bad state ---- */

static void test_hot_plug(void)
{
    g_autoptr(GError) error = NULL;
    Device *late;

    set_up();
    late = pci_machine_add(BUS(machine.bus), "test-function", "late", NULL);
    g_assert_true(devices_wire(OBJECT(late), &error) && devices_realize(OBJECT(late), &error));
    device_reset(late);
    g_assert_cmphex(config_read(PCI_DEVFN(1, 0), 0, 4), ==, 0x56781234);
    config_write(PCI_DEVFN(1, 0), 0x10, 4, MEMORY_AT);
    config_write(PCI_DEVFN(1, 0), PCI_COMMAND, 2, 7);
    pci_intx_set(PCI_DEVICE(late), true);
    g_assert_true(pirq(0));
    memory_write(MEMORY_AT, 4, 9);
    device_remove(late);
    g_assert_false(pirq(0));
    g_assert_cmphex(config_read(PCI_DEVFN(1, 0), 0, 4), ==, UINT32_MAX);
    g_assert_cmphex(memory_read(MEMORY_AT, 4), ==, UINT32_MAX);
    pci_machine_free();
}

static void test_listing(void)
{
    g_autoptr(GString) text = g_string_new(NULL);

    set_up_bridge();
    config_write(BRIDGE, PPB_PRIMARY_BUS, 4, 0x00010100);
    config_write_bus(1, DEVFN, PCI_INTERRUPT_LINE, 1, 11);
    pci_print(machine.bus, text);
    g_assert_nonnull(strstr(text->str, "  Bus  0, device   0, function 0:\n"
                            "    Host bridge: PCI device 8086:1237\n"));
    g_assert_nonnull(strstr(text->str, "      secondary bus 1.\n"));
    g_assert_nonnull(strstr(text->str, "  Bus  1, device   4, function 0:\n"));
    g_assert_nonnull(strstr(text->str, "      IRQ 11, pin A\n"
                            "      BAR0: 32 bit memory at 0xffffffffffffffff [0x00000ffe].\n"));
    pci_machine_free();
}

static void test_bad_state(void)
{
    g_autoptr(GByteArray) saved = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    uint8_t *at;
    size_t used;

    set_up();
    config_write(DEVFN, 0x40, 2, 0xbeef);
    device_save(&function->pci.device, saved);
    at = memmem(saved->data, saved->len, "\x34\x12\x78\x56", 4);
    g_assert_nonnull(at);
    *at = 0x35;
    g_assert_false(device_load(&function->pci.device, saved->data, saved->len, &used, &error));
    g_assert_nonnull(strstr(error->message, "different devices"));
    pci_machine_free();
}

/* The devices for tests of guests, at work while their state is saved. */
static void test_test_devices(void)
{
    Device *edu, *testdev, *panic;

    machine = pci_machine_new(RAM_SIZE);
    edu = pci_machine_add(BUS(machine.bus), "edu", "edu", "addr=4", NULL);
    testdev = pci_machine_add(BUS(machine.bus), "pci-testdev", "dev", "addr=5", NULL);
    panic = pci_machine_add(BUS(machine.bus), "pvpanic-pci", "panic", "addr=6", NULL);
    pci_machine_up();
    config_write(DEVFN, 0x10, 4, MEMORY_AT);
    config_write(DEVFN, PCI_COMMAND, 2, 6);
    memory_write(MEMORY_AT + 0x08, 4, 5);
    memory_write(MEMORY_AT + 0x98, 4, 5);
    memory_write(MEMORY_AT + 0x60, 4, 0x10);
    check_save_and_load(edu);
    g_assert_cmphex(memory_read(MEMORY_AT + 0x24, 4), ==, 0x10);
    time_step_to(time_virtual() + 2000000);
    g_assert_cmphex(memory_read(MEMORY_AT + 0x08, 4), ==, 120);
    config_write(PCI_DEVFN(5, 0), 0x10, 4, MSIX_AT);
    config_write(PCI_DEVFN(5, 0), PCI_COMMAND, 2, 2);
    memory_write(MSIX_AT, 1, 1);
    memory_write(MSIX_AT + memory_read(MSIX_AT + 4, 4), 1, 0);
    check_save_and_load(testdev);
    g_assert_cmphex(memory_read(MSIX_AT + 12, 4), ==, 1);
    memory_write(MSIX_AT + memory_read(MSIX_AT + 4, 4), 1, 0);
    g_assert_cmphex(memory_read(MSIX_AT + 12, 4), ==, 2);
    check_save_and_load(panic);
    pci_machine_free();
}

static void test_coverage(void)
{
    static const char *const names[] = { "test-function", "pci-bridge", "i440FX",
                                         "i440FX-pcihost", "edu", "pci-testdev", "pvpanic",
                                         "pvpanic-pci" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        check_type(names[i]);
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_machine_types(test_types);
    g_test_add_func("/pci/mechanism", test_mechanism);
    g_test_add_func("/pci/masks", test_masks);
    g_test_add_func("/pci/capabilities", test_capabilities_list);
    g_test_add_func("/pci/bar-sizing", test_bar_sizing);
    g_test_add_func("/pci/bar-decoding", test_bar_decoding);
    g_test_add_func("/pci/bus-master", test_bus_master);
    g_test_add_func("/pci/intx", test_intx);
    g_test_add_func("/pci/msi", test_msi);
    g_test_add_func("/pci/msix", test_msix);
    g_test_add_func("/pci/slots", test_slots);
    g_test_add_func("/pci/rom", test_rom);
    g_test_add_func("/pci/bridge-cycles", test_bridge_cycles);
    g_test_add_func("/pci/bridge-windows", test_bridge_windows);
    g_test_add_func("/pci/hot-plug", test_hot_plug);
    g_test_add_func("/pci/listing", test_listing);
    g_test_add_func("/pci/bad-state", test_bad_state);
    g_test_add_func("/pci/test-devices", test_test_devices);
    g_test_add_func("/pci/coverage", test_coverage);
    return g_test_run();
}
