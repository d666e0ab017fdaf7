/* SPDX-License-Identifier: MIT */
/*
 * The PC's firmware device on a small PC: the real host bridge and fw_cfg, and stand-ins for
 * the chips that it programs, which only keep what is written.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "base/bits.h"
#include "base/lock.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/image.h"
#include "hw/firmware/pc-firmware.h"
#include "hw/firmware/pci-setup.h"
#include "hw/pci/pci.h"
#include "qom/types.h"
#include "tests/unit/iasl.h"

#define MIB (1ull << 20)
#define GIB (1ull << 30)

/* ---- stand-ins ---- */

static const ObjectType test_machine_type = {
    .name = "test-machine",
    .parent = "machine",
    .description = "a small PC",
    .size = sizeof(Machine),
};

static const RegisterInfo piix3_config[] = {
    { 0x60, "PIRQRC", .count = 4, .reset = 0x80 },
};
static const PciInfo piix3_pci = {
    .vendor = 0x8086,
    .device = 0x7000,
    .class_code = 0x060100,
    .config = TABLE(piix3_config),
};
static const DeviceType piix3_type = {
    .name = "test-piix3",
    .parent = "pci-device",
    .description = "PIRQ routes",
    .size = sizeof(PciDevice),
    .bus = "PCI",
    .pci = &piix3_pci,
};

static const RegisterInfo piix4_config[] = {
    { 0x40, "PMBA", .size = 4, .writable = 0xffc1, .reset = 1 },
    { 0x80, "PMREGMISC" },
    { 0x90, "SMBBA", .size = 4, .writable = 0xfff1, .reset = 1 },
    { 0xd2, "SMBHSTCFG" },
};
static const PciInfo piix4_pci = {
    .vendor = 0x8086,
    .device = 0x7113,
    .class_code = 0x068000,
    .interrupt_pin = 1,
    .config = TABLE(piix4_config),
};
static const DeviceType piix4_type = {
    .name = "test-piix4",
    .parent = "pci-device",
    .description = "power management",
    .size = sizeof(PciDevice),
    .bus = "PCI",
    .pci = &piix4_pci,
};

/* A card with 1 MiB of memory and 64 ports, and a place in the boot order. */
typedef struct TestCard {
    PciDevice pci;
    int32_t bootindex;
} TestCard;
static const BankInfo card_banks[] = {
    { "mem", .kind = BANK_RAM, .size = 1 << 20, .bar = 1 },
    { "io", .kind = BANK_CONTAINER, .space = SPACE_IO, .size = 64, .bar = 2 },
};
static const Property card_properties[] = {
    { "bootindex", "its place in the boot order", FIELD(TestCard, bootindex), .def.i = -1 },
};
static const PciInfo card_pci = {
    .vendor = 0x1234,
    .device = 0x0001,
    .class_code = 0x020000,
    .interrupt_pin = 1,
};
static const DeviceType card_type = {
    .name = "test-card",
    .parent = "pci-device",
    .description = "a card",
    .size = sizeof(TestCard),
    .bus = "PCI",
    .pci = &card_pci,
    .banks = TABLE(card_banks),
    .properties = TABLE(card_properties),
};

/* Ports that keep their bytes: CMOS, port 92, ELCR and the PM block. */
static uint8_t cmos[256], cmos_index, ports[0x10000];

static MemoryResult port_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                              MemoryAttrs attrs)
{
    *value = offset == 0x71 ? cmos[cmos_index] : load_le(ports + offset, size);
    return MEMORY_OK;
}

static MemoryResult port_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                               MemoryAttrs attrs)
{
    if (offset == 0x70) {
        cmos_index = value;
    } else if (offset == 0x71) {
        cmos[cmos_index] = value;
    }
    store_le(ports + offset, value, size);
    return MEMORY_OK;
}

static const RegionOps port_ops = { .read = port_read, .write = port_write };

/* ---- the machine ---- */

static MemoryRegion *all_ports;
static Object *backend;

static Device *plug(const char *type, const char *name, Bus *bus, const char *address)
{
    const DeviceType *t = (const DeviceType *)object_type_find(type);
    g_autoptr(GError) error = NULL;
    Device *device = device_new(t, OBJECT(machine_get()), name, &error);

    if (!device || !bus_plug(bus, device, &error) ||
        (address && !object_set_string(OBJECT(device), "addr", address, &error))) {
        g_error("%s: %s", type, error->message);
    }
    return device;
}

/* All devices; the caller sets what it wants of the machine and brings it up. */
static void machine_make(const char *ram)
{
    g_autoptr(GError) error = NULL;
    Object *host;
    Bus *pci;

    memset(cmos, 0, sizeof(cmos));
    memset(ports, 0, sizeof(ports));
    g_assert_nonnull(machine_new(&test_machine_type, &error));
    backend = object_new(object_type_find("memory-backend-ram"),
                         object_container(object_root(), "objects"), "pc.ram", &error);
    g_assert_true(object_set_string(backend, "size", ram, &error));
    g_assert_true(backend->type->complete
                      ? backend->type->complete(backend, &error)
                      : object_type_parent(backend->type)->complete(backend, &error));
    host = OBJECT(plug("i440FX-pcihost", "host", system_bus(), NULL));
    g_assert_true(object_set_string(host, "memory", "/objects/pc.ram", &error));
    pci = BUS(object_child(host, "pci.0"));
    plug("i440FX", "pmc", pci, "0.0");
    g_assert_true(object_set_string(OBJECT(plug("test-piix3", "piix3", pci, "1.0")),
                                    "multifunction", "on", &error));
    plug("test-piix4", "piix4", pci, "1.3");
    plug("test-card", "card", pci, "3.0");
    plug("fw_cfg_io", "fw-cfg", system_bus(), NULL);
    plug("pc-firmware", "firmware", system_bus(), NULL);
    all_ports = region_new_io(NULL, "ports", &port_ops, NULL, 0x10000);
    region_add(address_space_root(machine_io()), 0, all_ports, -10);
    g_assert_no_error(error);
}

static void machine_down(void)
{
    machine_delete();
    region_free(all_ports);
    object_delete(backend);
}

static void bring_up(void)
{
    g_autoptr(GError) error = NULL;

    if (!machine_bring_up(false, &error)) {
        g_error("%s", error->message);
    }
}

static void guest_read(uint64_t address, void *to, size_t length)
{
    g_assert_cmpint(
        address_space_read(machine_memory(), address, MEMORY_ATTRS_NONE, to, length), ==,
        MEMORY_OK);
}

static uint32_t config(unsigned slot, unsigned function, unsigned offset, unsigned size)
{
    return pci_ports_read(machine_io(), 0, slot << 3 | function, offset, size);
}

static uint8_t sum(const uint8_t *bytes, size_t length)
{
    uint8_t total = 0;

    while (length--) {
        total += *bytes++;
    }
    return total;
}

/* Searches the 16-byte boundaries of [start, end) as operating systems do. */
static uint64_t search(uint64_t start, uint64_t end, const char *signature)
{
    for (uint64_t at = start; at < end; at += 16) {
        char bytes[8];

        guest_read(at, bytes, strlen(signature));
        if (!memcmp(bytes, signature, strlen(signature))) {
            return at;
        }
    }
    return 0;
}

/* ---- without a BIOS ---- */

static void start_direct(const char *ram)
{
    machine_make(ram);
    machine_get()->kernel = g_strdup("a kernel");
    machine_get()->ram_size = 2 * GIB;
    bring_up();
    g_assert_true(pc_firmware_is_direct(pc_firmware_find()));
}

static void test_direct_chips(void)
{
    uint8_t data[32];

    start_direct("256M");
    g_assert_cmphex(config(0, 0, 0x59, 1), ==, 0x30);
    g_assert_cmphex(config(0, 0, 0x5a, 2), ==, 0x3333);
    g_assert_cmphex(config(0, 0, 0x5c, 4), ==, 0x33333333);
    g_assert_cmphex(config(1, 0, 0x60, 4), ==, 0x0b0b0a0a);
    g_assert_cmphex(load_le(ports + 0x4d0, 2), ==, 0x0e00);
    g_assert_cmphex(config(1, 3, 0x40, 4), ==, 0x601);
    g_assert_cmphex(config(1, 3, 0x80, 1) & 1, ==, 1);
    g_assert_cmphex(config(1, 3, 0x90, 4), ==, 0x701);
    g_assert_cmphex(config(1, 3, 0x3c, 1), ==, 9);
    g_assert_cmphex(load_le(ports + 0x604, 2), ==, 1);
    g_assert_cmphex(ports[0x92], ==, 2);
    /* The BIOS's data: where the extended ones lie, which are 1 KiB, and KiB below that. */
    guest_read(0x400, data, sizeof(data));
    g_assert_cmphex(load_le(data + 0x0e, 2), ==, 0x9fc0);
    g_assert_cmpuint(load_le(data + 0x13, 2), ==, 639);
    guest_read(0x9fc00, data, sizeof(data));
    g_assert_cmpuint(data[0], ==, 1);
    /* The card: both base addresses, decoding on, pin A of slot 3 on PIRQC. */
    g_assert_cmphex(config(3, 0, 0x10, 4), ==, 0xe0000000);
    g_assert_cmphex(config(3, 0, 0x14, 4), ==, 0xc001);
    g_assert_cmphex(config(3, 0, 0x04, 2) & 3, ==, 3);
    g_assert_cmphex(config(3, 0, 0x3c, 1), ==, 11);
    machine_down();
}

/* A card behind a real bridge: windows that reach it, and its memory through both. */
static void test_direct_bridge(void)
{
    g_autoptr(GError) error = NULL;
    uint8_t byte = 0x5a, *host;
    uint32_t address;
    Device *bridge, *card;
    Bus *behind;

    machine_make("256M");
    machine_get()->kernel = g_strdup("a kernel");
    machine_get()->ram_size = 256 * MIB;
    bridge = plug("pci-bridge", "bridge", bus_find("pci.0", &error), "5.0");
    g_assert_true(object_set_string(OBJECT(bridge), "chassis_nr", "1", &error));
    behind = BUS(bridge->object.first_child);
    g_assert_true(object_is(OBJECT(behind), "PCI"));
    card = plug("test-card", "far-card", behind, "2.0");
    bring_up();
    g_assert_cmphex(config(5, 0, 0x18, 4) & 0xffffff, ==, 0x010100);
    g_assert_cmphex(config(5, 0, 0x04, 2) & 7, ==, 7);
    address = pci_ports_read(machine_io(), 1, 2 << 3, 0x10, 4) & ~0xfu;
    g_assert_cmphex(address >> 16 & 0xfff0, ==, config(5, 0, 0x20, 2));
    /* Slot 2 behind slot 5: INTA# is pin 2 there, PIRQ (5 - 1 + 2) & 3. */
    g_assert_cmphex(pci_ports_read(machine_io(), 1, 2 << 3, 0x3c, 1), ==, 11);
    host = device_bank_ram(card, 0)->host;
    address_space_write(machine_memory(), address + 0x1234, MEMORY_ATTRS_NONE, &byte, 1);
    g_assert_cmphex(host[0x1234], ==, 0x5a);
    machine_down();
}

static void check_map(const E820Entry *expected, unsigned count)
{
    const E820Map *map = pc_firmware_memory_map(pc_firmware_find());

    g_assert_cmpuint(e820_count(map), ==, count);
    for (unsigned i = 0; i < count; i++) {
        E820Entry entry = e820_entry(map, i);

        g_assert_cmphex(entry.base, ==, expected[i].base);
        g_assert_cmphex(entry.length, ==, expected[i].length);
        g_assert_cmpuint(entry.type, ==, expected[i].type);
    }
}

static void test_direct_map(void)
{
    static const E820Entry small[] = {
        { 0, 0x9fc00, E820_RAM },
        { 0x9fc00, 0x400, E820_RESERVED },
        { 0xe0000, 0x20000, E820_RESERVED },
        { MIB, 255 * MIB, E820_RAM },
    };
    static const E820Entry large[] = {
        { 0, 0x9fc00, E820_RAM },
        { 0x9fc00, 0x400, E820_RESERVED },
        { 0xe0000, 0x20000, E820_RESERVED },
        { MIB, 3 * GIB - MIB, E820_RAM },
        { 4 * GIB, 2 * GIB, E820_RAM },
    };

    start_direct("256M");
    check_map(small, G_N_ELEMENTS(small));
    /* The shadow segments are RAM now, and count no second time. */
    machine_reset(SHUTDOWN_GUEST_RESET);
    check_map(small, G_N_ELEMENTS(small));
    machine_down();
    start_direct("5G");
    check_map(large, G_N_ELEMENTS(large));
    machine_down();
}

static void check_acpi(void)
{
    uint64_t at = search(0xe0000, 0x100000, "RSD PTR ");
    uint8_t rsdp[36], header[36];

    g_assert_cmphex(at, ==, pc_firmware_rsdp(pc_firmware_find()));
    guest_read(at, rsdp, sizeof(rsdp));
    g_assert_cmpuint(sum(rsdp, 20), ==, 0);
    g_assert_cmpuint(sum(rsdp, 36), ==, 0);
    guest_read(load_le(rsdp + 24, 8), header, sizeof(header));
    g_assert_cmpmem(header, 4, "XSDT", 4);
    for (unsigned i = 36; i < load_le(header + 4, 4); i += 8) {
        uint8_t pointer[8], length[8];
        g_autofree uint8_t *table = NULL;
        uint64_t address;

        guest_read(load_le(rsdp + 24, 8) + i, pointer, 8);
        address = load_le(pointer, 8);
        guest_read(address, length, 8);
        table = g_malloc(load_le(length + 4, 4));
        guest_read(address, table, load_le(length + 4, 4));
        g_assert_cmpuint(sum(table, load_le(length + 4, 4)), ==, 0);
        if (!memcmp(table, "FACP", 4) && iasl_found()) {
            uint64_t dsdt = load_le(table + 40, 4);
            g_autofree char *text = NULL;
            g_autofree uint8_t *code = NULL;

            g_assert_cmphex(load_le(table + 56, 4), ==, 0x600);
            guest_read(dsdt, length, 8);
            code = g_malloc(load_le(length + 4, 4));
            guest_read(dsdt, code, load_le(length + 4, 4));
            text = iasl_disassemble("dsdt", code, load_le(length + 4, 4), true);
            g_assert_nonnull(strstr(text, "Device (PCI0)"));
            g_assert_nonnull(strstr(text, "QEMU0002"));
            g_assert_nonnull(strstr(text, "LNKS"));
        }
    }
}

static void test_direct_tables(void)
{
    g_autoptr(GError) error = NULL;
    uint8_t anchor[31], type1[64];
    uint64_t at;

    machine_make("256M");
    machine_get()->kernel = g_strdup("a kernel");
    machine_get()->ram_size = 256 * MIB;
    g_assert_true(
        object_set_string(OBJECT(pc_firmware_find()), "smbios", "type=1,serial=S1", &error));
    bring_up();
    for (unsigned i = 0; i < 2; i++) {
        check_acpi();
        at = search(0xf0000, 0x100000, "_SM_");
        g_assert_cmphex(at, !=, 0);
        guest_read(at, anchor, sizeof(anchor));
        g_assert_cmpuint(sum(anchor, 31), ==, 0);
        guest_read(load_le(anchor + 24, 4), type1, sizeof(type1));
        g_assert_cmpuint(type1[0], ==, 0); /* the first structure: BIOS information */
        machine_reset(SHUTDOWN_GUEST_RESET);
    }
    machine_down();
}

static void test_cmos(void)
{
    machine_make("5G");
    machine_get()->kernel = g_strdup("a kernel");
    machine_get()->ram_size = 5 * GIB;
    machine_get()->boot_order = g_strdup("dc");
    bring_up();
    g_assert_cmpuint(load_le(cmos + 0x15, 2), ==, 640);
    g_assert_cmpuint(load_le(cmos + 0x17, 2), ==, 0xffff);
    g_assert_cmpuint(load_le(cmos + 0x34, 2), ==, (3 * GIB - 16 * MIB) >> 16);
    g_assert_cmpuint(load_le(cmos + 0x5b, 2) | cmos[0x5d] << 16, ==, 2 * GIB >> 16);
    g_assert_cmphex(cmos[0x3d], ==, 0x23);
    g_assert_cmphex(cmos[0x38], ==, 0x01);
    machine_down();
}

/* ---- with a BIOS ---- */

/* A file that is a pattern; the caller removes it. */
static char *make_bios(size_t size)
{
    char *path = g_build_filename(g_get_tmp_dir(), "test-pc-bios-XXXXXX", NULL);
    g_autofree uint8_t *bytes = g_malloc(size);

    g_close(g_mkstemp(path), NULL);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = i * 7 + (i >> 8) * 13;
    }
    g_assert_true(g_file_set_contents(path, (char *)bytes, size, NULL));
    return path;
}

static uint8_t bios_byte(size_t i)
{
    return i * 7 + (i >> 8) * 13;
}

static void test_bios(void)
{
    static const char *const files[] = {
        "etc/e820",
        "etc/acpi/tables",
        "etc/acpi/rsdp",
        "etc/table-loader",
        "bootorder",
        "etc/smbios/smbios-tables",
        "etc/smbios/smbios-anchor",
        "etc/system-states",
    };
    g_autofree char *path = make_bios(256 * 1024);
    g_autoptr(GError) error = NULL;
    uint8_t bytes[16];
    FwCfg *fw;
    gsize size;
    const char *order;

    machine_make("256M");
    machine_get()->firmware = g_strdup(path);
    machine_get()->ram_size = 256 * MIB;
    g_assert_true(object_set_string(OBJECT(device_find("card")), "bootindex", "1", &error));
    bring_up();
    guest_read(0xfffffff0, bytes, 16);
    g_assert_cmphex(bytes[0], ==, bios_byte(0x3fff0));
    guest_read(0xfffc0000, bytes, 16);
    g_assert_cmphex(bytes[1], ==, bios_byte(1));
    guest_read(0xe0000, bytes, 16);
    g_assert_cmphex(bytes[1], ==, bios_byte(0x20001));
    guest_read(0xffff0, bytes, 16);
    g_assert_cmphex(bytes[0], ==, bios_byte(0x3fff0));
    /* Nothing was programmed: that is the BIOS's work. */
    g_assert_cmphex(config(3, 0, 0x04, 2), ==, 0);
    g_assert_cmphex(config(0, 0, 0x59, 1), ==, 0);
    fw = fw_cfg_find();
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        if (!fw_cfg_file(fw, files[i])) {
            g_error("no file %s", files[i]);
        }
    }
    order = g_bytes_get_data(fw_cfg_file(fw, "bootorder"), &size);
    g_assert_cmpmem(order, size, "/pci@i0cf8/ethernet@3", 22);
    g_assert_cmpuint(g_bytes_get_size(fw_cfg_file(fw, "etc/e820")), ==, 20);
    machine_down();
    g_remove(path);
}

/* PM1a_EVT_BLK in the tables that are selected, from their start. */
static uint32_t read_pm1_event(size_t size)
{
    g_autofree uint8_t *tables = g_malloc(size);
    uint64_t byte;
    uint8_t *fadt;

    for (size_t i = 0; i < size; i++) {
        address_space_load(machine_io(), 0x511, 1, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &byte);
        tables[i] = byte;
    }
    fadt = memmem(tables, size, "FACP", 4);
    g_assert_nonnull(fadt);
    return load_le(fadt + 56, 4);
}

/* The tables say where the BIOS put the PIIX4's ports; also when they were selected on another
 * machine, whose state is loaded. */
static void test_placement(void)
{
    enum { SELECTOR = 0x510, TABLES = 0x21 /* after etc/acpi/rsdp */, PMBA = 0x40 };
    g_autofree char *path = make_bios(256 * 1024);
    g_autoptr(GByteArray) state = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    size_t used, size;

    machine_make("256M");
    machine_get()->firmware = g_strdup(path);
    bring_up();
    size = g_bytes_get_size(fw_cfg_file(fw_cfg_find(), "etc/acpi/tables"));
    pci_ports_write(machine_io(), 0, 1 << 3 | 3, PMBA, 4, 0xb001);
    address_space_store(machine_io(), SELECTOR, 2, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, TABLES);
    device_save(DEVICE(fw_cfg_find()), state);
    g_assert_cmphex(read_pm1_event(size), ==, 0xb000);
    pci_ports_write(machine_io(), 0, 1 << 3 | 3, PMBA, 4, 0xc001);
    g_assert_true(
        device_load(DEVICE(fw_cfg_find()), state->data, state->len, &used, &error));
    g_assert_cmphex(read_pm1_event(size), ==, 0xc000);
    g_assert_cmpuint(g_bytes_get_size(fw_cfg_file(fw_cfg_find(), "etc/acpi/tables")), ==, size);
    machine_down();
    g_remove(path);
}

/* What an accelerator keeps for itself is told directly, and through fw_cfg. */
static void test_reserved(void)
{
    static const E820Entry expected[] = {
        { 0, 0x9fc00, E820_RAM },
        { 0x9fc00, 0x400, E820_RESERVED },
        { 0xe0000, 0x20000, E820_RESERVED },
        { MIB, 255 * MIB, E820_RAM },
        { 0xfeffc000, 0x4000, E820_RESERVED },
    };
    g_autofree char *path = NULL;
    GBytes *file;

    machine_make("256M");
    machine_get()->kernel = g_strdup("a kernel");
    machine_get()->ram_size = 256 * MIB;
    machine_get()->reserved_base = 0xfeffc000;
    machine_get()->reserved_size = 0x4000;
    bring_up();
    check_map(expected, G_N_ELEMENTS(expected));
    machine_down();

    path = make_bios(256 * 1024);
    machine_make("256M");
    machine_get()->firmware = g_strdup(path);
    machine_get()->reserved_base = 0xfeffc000;
    machine_get()->reserved_size = 0x4000;
    bring_up();
    file = fw_cfg_file(fw_cfg_find(), "etc/e820");
    g_assert_cmpuint(g_bytes_get_size(file), ==, 40);
    g_assert_cmphex(load_le((const uint8_t *)g_bytes_get_data(file, NULL) + 20, 8), ==, 0xfeffc000);
    machine_down();
    g_remove(path);
}

static void check_bios_error(const char *firmware, const char *word)
{
    g_autoptr(GError) error = NULL;

    machine_make("16M");
    machine_get()->firmware = g_strdup(firmware);
    machine_get()->ram_size = 16 * MIB;
    g_assert_false(machine_bring_up(false, &error));
    if (!strstr(error->message, word)) {
        g_error("the message lacks '%s': %s", word, error->message);
    }
    machine_down();
}

static void test_bad_bios(void)
{
    g_autofree char *odd = make_bios(65536 + 1), *empty = make_bios(0);

    check_bios_error("/nonexistent/bios", "no such file");
    check_bios_error("no-bios-of-this-name.bin", "-L");
    check_bios_error(odd, "multiple of 64 KiB");
    check_bios_error(empty, "multiple of 64 KiB");
    check_bios_error("/", "no such file");
    g_remove(odd);
    g_remove(empty);
}

static void test_image_dirs(void)
{
    g_autofree char *path = make_bios(16), *dir = g_path_get_dirname(path);
    g_autofree char *base = g_path_get_basename(path), *found = NULL;
    g_autoptr(GError) error = NULL;

    machine_make("16M");
    found = firmware_image_find(base, &error);
    g_assert_null(found);
    g_clear_error(&error);
    machine_get()->firmware_dirs = g_ptr_array_new();
    g_ptr_array_add(machine_get()->firmware_dirs, dir);
    found = firmware_image_find(base, &error);
    g_assert_cmpstr(found, ==, path);
    g_remove(path);
    machine_down();
}

static void test_state(void)
{
    g_autofree char *uncovered =
        device_type_uncovered((const DeviceType *)object_type_find("pc-firmware"));

    g_assert_cmpstr(uncovered, ==, NULL);
}

int main(int argc, char **argv)
{
    static const void *const own[] = { &test_machine_type, &piix3_type, &piix4_type,
                                       &card_type };
    g_autoptr(GPtrArray) types = g_ptr_array_new();

    g_test_init(&argc, &argv, NULL);
    for (const ObjectType *const *type = all_types; *type; type++) {
        g_ptr_array_add(types, (gpointer)*type);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(own); i++) {
        g_ptr_array_add(types, (gpointer)own[i]);
    }
    g_ptr_array_add(types, NULL);
    object_types_register((const ObjectType *const *)types->pdata);
    machine_lock();
    g_test_add_func("/pc-firmware/direct/chips", test_direct_chips);
    g_test_add_func("/pc-firmware/direct/bridge", test_direct_bridge);
    g_test_add_func("/pc-firmware/direct/map", test_direct_map);
    g_test_add_func("/pc-firmware/reserved", test_reserved);
    g_test_add_func("/pc-firmware/direct/tables", test_direct_tables);
    g_test_add_func("/pc-firmware/cmos", test_cmos);
    g_test_add_func("/pc-firmware/bios", test_bios);
    g_test_add_func("/pc-firmware/placement", test_placement);
    g_test_add_func("/pc-firmware/bad-bios", test_bad_bios);
    g_test_add_func("/pc-firmware/image-dirs", test_image_dirs);
    g_test_add_func("/pc-firmware/state", test_state);
    return g_test_run();
}
