/* SPDX-License-Identifier: MIT */
/* The firmware configuration device: ports and memory, files, DMA, options, saved state. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/lock.h"
#include "base/bits.h"
#include "hw/core/machine.h"
#include "hw/core/state.h"
#include "hw/firmware/fw_cfg.h"
#include "qom/types.h"

enum { RAM_SIZE = 0x100000, MEM_BASE = 0x10000000 };

static const ObjectType test_machine_type = {
    .name = "test-machine",
    .parent = "machine",
    .description = "RAM and a fw_cfg",
    .size = sizeof(Machine),
};

static RamBlock *ram;
static MemoryRegion *ram_region;

/* A machine with one device of the type, realized and reset. */
static FwCfg *machine_up(const char *type_name, const char *dma)
{
    const DeviceType *type = (const DeviceType *)object_type_find(type_name);
    g_autoptr(GError) error = NULL;
    Device *device;

    g_assert_nonnull(machine_new(&test_machine_type, &error));
    ram = ram_block_new("ram", RAM_SIZE, NULL, &error);
    ram_region = region_new_ram(NULL, "ram", ram);
    region_add(address_space_root(machine_memory()), 0, ram_region, 0);
    device = device_new(type, OBJECT(machine_get()), "fw-cfg", &error);
    g_assert_no_error(error);
    g_assert_true(object_set_string(OBJECT(device), "dma_enabled", dma, &error));
    g_assert_true(bus_plug(system_bus(), device, &error));
    if (!strcmp(type_name, "fw_cfg_mem")) {
        device_place_bank(device, 0, SPACE_MEMORY, MEM_BASE);
    }
    if (!machine_bring_up(false, &error)) {
        g_error("%s", error->message);
    }
    g_assert_true(fw_cfg_find() == (FwCfg *)device);
    return (FwCfg *)device;
}

static void machine_down(void)
{
    region_free(ram_region);
    machine_delete();
    ram_block_free(ram);
}

static void out(uint16_t port, unsigned size, uint64_t value)
{
    address_space_store(machine_io(), port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, value);
}

static uint64_t in(uint16_t port, unsigned size)
{
    uint64_t value;

    address_space_load(machine_io(), port, size, ENDIAN_LITTLE, MEMORY_ATTRS_NONE, &value);
    return value;
}

static void read_item(uint16_t key, void *to, size_t length)
{
    out(0x510, 2, key);
    for (size_t i = 0; i < length; i++) {
        ((uint8_t *)to)[i] = in(0x511, 1);
    }
}

static void set_file(FwCfg *fw, const char *name, const char *content)
{
    g_autoptr(GBytes) data = g_bytes_new(content, strlen(content));
    g_autoptr(GError) error = NULL;

    g_assert_true(fw_cfg_set_file(fw, name, data, &error));
    g_assert_no_error(error);
}

static void test_items(void)
{
    FwCfg *fw = machine_up("fw_cfg_io", "on");
    uint8_t bytes[8];

    read_item(FW_CFG_SIGNATURE, bytes, 6);
    g_assert_cmpmem(bytes, 6, "QEMU\0\0", 6);
    read_item(FW_CFG_ID, bytes, 4);
    g_assert_cmpuint(load_le(bytes, 4), ==, 3);
    fw_cfg_set_number(fw, FW_CFG_NB_CPUS, 0x1234, 2);
    read_item(FW_CFG_NB_CPUS, bytes, 3);
    g_assert_cmphex(load_le(bytes, 3), ==, 0x1234);
    fw_cfg_set_item(fw, FW_CFG_NB_CPUS, NULL);
    read_item(FW_CFG_NB_CPUS, bytes, 2);
    g_assert_cmphex(load_le(bytes, 2), ==, 0);
    read_item(0x3333, bytes, 2);
    g_assert_cmphex(load_le(bytes, 2), ==, 0);
    /* Bit 14 asks for writing, which changes nothing. */
    read_item(FW_CFG_SIGNATURE | 0x4000, bytes, 4);
    g_assert_cmpmem(bytes, 4, "QEMU", 4);
    machine_down();
}

/* Accesses that the registers do not have. */
static void test_odd_accesses(void)
{
    FwCfg *fw = machine_up("fw_cfg_io", "on");

    g_assert_nonnull(fw);
    out(0x510, 2, FW_CFG_SIGNATURE);
    g_assert_cmphex(in(0x510, 1), ==, 0);
    g_assert_cmphex(in(0x510, 2), ==, 0);
    g_assert_cmphex(in(0x510, 4), ==, 0);
    g_assert_cmphex(in(0x511, 2), ==, 0);
    out(0x510, 1, 0x19);
    out(0x511, 1, 0x55);
    out(0x511, 4, 0x55);
    out(0x513, 4, 0x55);
    out(0x515, 2, 0x55);
    g_assert_cmphex(in(0x511, 1), ==, 'Q');
    g_assert_cmphex(in(0x514, 4), ==, 0x554d4551);
    g_assert_cmphex(in(0x518, 4), ==, 0x47464320);
    g_assert_cmphex(in(0x51b, 1), ==, 'G');
    g_assert_cmphex(in(0x51c, 1), ==, 0xff);
    machine_down();
}

static void test_files(void)
{
    FwCfg *fw = machine_up("fw_cfg_io", "on");
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) data = g_bytes_new_static("x", 1);
    g_autofree char *long_name = g_strnfill(FW_CFG_NAME_MAX + 1, 'x');
    uint8_t dir[4 + 3 * 64], content[6];

    set_file(fw, "etc/b", "two");
    set_file(fw, "opt/c", "three");
    set_file(fw, "etc/a", "one");
    set_file(fw, "etc/b", "TWO!");
    read_item(FW_CFG_FILE_DIR, dir, sizeof(dir));
    g_assert_cmpuint(load_be(dir, 4), ==, 3);
    g_assert_cmpstr((char *)dir + 4 + 8, ==, "etc/a");
    g_assert_cmpstr((char *)dir + 68 + 8, ==, "etc/b");
    g_assert_cmpstr((char *)dir + 132 + 8, ==, "opt/c");
    g_assert_cmpuint(load_be(dir + 68, 4), ==, 4);
    g_assert_cmphex(load_be(dir + 68 + 4, 2), ==, 0x21);
    read_item(0x21, content, 6);
    g_assert_cmpmem(content, 6, "TWO!\0\0", 6);

    g_assert_false(fw_cfg_set_file(fw, long_name, data, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    for (unsigned i = 0; i < 125; i++) {
        g_autofree char *name = g_strdup_printf("opt/%u", i);
        set_file(fw, name, "x");
    }
    g_assert_false(fw_cfg_set_file(fw, "opt/one-more", data, &error));
    g_assert_nonnull(strstr(error->message, "x-file-slots"));
    machine_down();
}

/* Puts a command at 0x1000, gives its address by two writes, returns its control word. */
static uint32_t dma(uint32_t control, uint32_t length, uint64_t address)
{
    uint8_t command[16];

    store_be(command, control, 4);
    store_be(command + 4, length, 4);
    store_be(command + 8, address, 8);
    address_space_write(machine_memory(), 0x1000, MEMORY_ATTRS_NONE, command, 16);
    out(0x514, 4, 0);
    out(0x518, 4, GUINT32_SWAP_LE_BE(0x1000));
    address_space_read(machine_memory(), 0x1000, MEMORY_ATTRS_NONE, command, 4);
    return load_be(command, 4);
}

enum { ERROR_BIT = 1, READ = 2, SKIP = 4, SELECT = 8, WRITE = 16 };

static void guest_read(uint64_t address, void *to, size_t length)
{
    address_space_read(machine_memory(), address, MEMORY_ATTRS_NONE, to, length);
}

static void test_dma(void)
{
    FwCfg *fw = machine_up("fw_cfg_io", "on");
    char bytes[16];

    set_file(fw, "opt/file", "0123456789");
    address_space_fill(machine_memory(), 0x2000, MEMORY_ATTRS_NONE, 0xee, 64);
    g_assert_cmphex(dma(0x20 << 16 | SELECT | READ, 4, 0x2000), ==, 0);
    guest_read(0x2000, bytes, 5);
    g_assert_cmpmem(bytes, 5, "0123\xee", 5);
    g_assert_cmphex(dma(SKIP, 2, 0), ==, 0);
    g_assert_cmphex(dma(READ, 1, 0x2000), ==, 0);
    guest_read(0x2000, bytes, 2);
    g_assert_cmpmem(bytes, 2, "61", 2);
    /* Past the end: zeros. */
    g_assert_cmphex(dma(READ, 8, 0x2000), ==, 0);
    guest_read(0x2000, bytes, 9);
    g_assert_cmpmem(bytes, 9, "789\0\0\0\0\0\xee", 9);
    g_assert_cmphex(dma(SKIP, UINT32_MAX, 0), ==, 0);
    g_assert_cmphex(in(0x511, 1), ==, 0);
    /* Nothing to do, and writing. */
    g_assert_cmphex(dma(0, 4, 0x2000), ==, 0);
    g_assert_cmphex(dma(0x20 << 16 | SELECT | WRITE, 4, 0x2000), ==, ERROR_BIT);
    g_assert_cmphex(in(0x511, 1), ==, '0');
    machine_down();
}

/* Commands and data where no memory is, at the ends of RAM and of everything. */
static void test_dma_hostile(void)
{
    FwCfg *fw = machine_up("fw_cfg_io", "on");

    set_file(fw, "opt/file", "0123456789");
    g_assert_cmphex(dma(0x20 << 16 | SELECT | READ, 10, RAM_SIZE - 4), ==, ERROR_BIT);
    g_assert_cmphex(dma(0x20 << 16 | SELECT | READ, UINT32_MAX, 0x2000), ==, ERROR_BIT);
    g_assert_cmphex(dma(0x20 << 16 | SELECT | READ, 10, UINT64_MAX - 4), ==, ERROR_BIT);
    g_assert_cmphex(dma(0x20 << 16 | SELECT | READ, 10, UINT64_MAX), ==, ERROR_BIT);
    /* The data lands on the command itself. */
    dma(0x20 << 16 | SELECT | READ, 10, 0x1000);
    /* The command is not in memory, or runs out of it. */
    out(0x514, 4, 0xffffffff);
    out(0x518, 4, 0xffffffff);
    out(0x514, 4, 0);
    out(0x518, 4, GUINT32_SWAP_LE_BE(RAM_SIZE - 8));
    out(0x518, 4, GUINT32_SWAP_LE_BE(0x80000000));
    machine_down();
}

static void test_without_dma(void)
{
    FwCfg *fw = machine_up("fw_cfg_io", "off");
    uint8_t id[4];

    g_assert_nonnull(fw);
    read_item(FW_CFG_ID, id, 4);
    g_assert_cmpuint(load_le(id, 4), ==, 1);
    g_assert_cmphex(in(0x514, 4), ==, 0xffffffff);
    machine_down();
}

static void mem_store(uint64_t offset, unsigned size, uint64_t value)
{
    address_space_store(machine_memory(), MEM_BASE + offset, size, ENDIAN_BIG,
                        MEMORY_ATTRS_NONE, value);
}

static void test_memory(void)
{
    FwCfg *fw = machine_up("fw_cfg_mem", "on");
    uint8_t bytes[16];

    set_file(fw, "opt/file", "0123456789");
    mem_store(8, 2, 0x20);
    guest_read(MEM_BASE, bytes, 8);
    g_assert_cmpmem(bytes, 8, "01234567", 8);
    guest_read(MEM_BASE, bytes, 1);
    g_assert_cmpmem(bytes, 1, "8", 1);
    guest_read(MEM_BASE + 16, bytes, 8);
    g_assert_cmpmem(bytes, 8, "QEMU CFG", 8);
    store_be(bytes, 0x20 << 16 | SELECT | READ, 4);
    store_be(bytes + 4, 3, 4);
    store_be(bytes + 8, 0x2000, 8);
    address_space_write(machine_memory(), 0x1000, MEMORY_ATTRS_NONE, bytes, 16);
    mem_store(16, 8, 0x1000);
    guest_read(0x1000, bytes, 4);
    g_assert_cmphex(load_be(bytes, 4), ==, 0);
    guest_read(0x2000, bytes, 3);
    g_assert_cmpmem(bytes, 3, "012", 3);
    machine_down();
}

static void test_options(void)
{
    static const char *const bad[] = {
        "",
        "name=opt/x",
        "name=opt/x,string=a,file=b",
        "name=opt/x,strin=a",
        "name=opt/x,file=/nonexistent/file",
        "string=a",
        "name=,string=a",
        "name=opt/x,name=opt/y,string=a",
        "name=opt/a,string=again",
        "name=opt/0123456789012345678901234567890123456789012345678901,string=a",
    };
    FwCfg *fw = machine_up("fw_cfg_io", "on");
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) data = g_bytes_new_static("x", 1);
    g_autoptr(GVariant) names = NULL;

    g_assert_true(fw_cfg_add_option(fw, "name=opt/a,string=one,,two", &error));
    g_assert_true(fw_cfg_add_option(fw, "opt/b,string=", &error));
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(fw_cfg_file(fw, "opt/a")), ==, 7);
    g_assert_cmpmem(g_bytes_get_data(fw_cfg_file(fw, "opt/a"), NULL), 7, "one,two", 7);
    g_assert_cmpuint(g_bytes_get_size(fw_cfg_file(fw, "opt/b")), ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) bad_error = NULL;

        if (fw_cfg_add_option(fw, bad[i], &bad_error)) {
            g_error("'%s' was taken", bad[i]);
        }
        g_assert_nonnull(bad_error);
    }
    g_assert_null(fw_cfg_file(fw, "opt/x"));
    g_assert_false(fw_cfg_set_file(fw, "opt/a", data, &error));
    g_assert_nonnull(strstr(error->message, "opt/a"));
    names = object_get(OBJECT(fw), "file", NULL);
    g_assert_cmpstr(g_variant_get_string(names, NULL), ==, "opt/a,opt/b");
    machine_down();
}

static void test_state(void)
{
    static const char *const types[] = { "fw_cfg_io", "fw_cfg_mem" };
    FwCfg *fw = machine_up("fw_cfg_io", "on");
    g_autoptr(GByteArray) saved = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    size_t used;

    set_file(fw, "opt/file", "0123456789");
    out(0x510, 2, 0x20);
    in(0x511, 1);
    device_save(DEVICE(fw), saved);
    machine_reset(SHUTDOWN_NONE);
    g_assert_cmphex(in(0x511, 1), ==, 'Q');
    g_assert_true(device_load(DEVICE(fw), saved->data, saved->len, &used, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(used, ==, saved->len);
    g_assert_cmphex(in(0x511, 1), ==, '1');
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        g_autofree char *uncovered =
            device_type_uncovered((const DeviceType *)object_type_find(types[i]));

        g_assert_cmpstr(uncovered, ==, NULL);
    }
    machine_down();
}

int main(int argc, char **argv)
{
    g_autoptr(GPtrArray) types = g_ptr_array_new();

    g_test_init(&argc, &argv, NULL);
    for (const ObjectType *const *type = all_types; *type; type++) {
        g_ptr_array_add(types, (gpointer)*type);
    }
    g_ptr_array_add(types, (gpointer)&test_machine_type);
    g_ptr_array_add(types, NULL);
    object_types_register((const ObjectType *const *)types->pdata);
    machine_lock();
    g_test_add_func("/fw-cfg/items", test_items);
    g_test_add_func("/fw-cfg/odd-accesses", test_odd_accesses);
    g_test_add_func("/fw-cfg/files", test_files);
    g_test_add_func("/fw-cfg/dma", test_dma);
    g_test_add_func("/fw-cfg/dma-hostile", test_dma_hostile);
    g_test_add_func("/fw-cfg/without-dma", test_without_dma);
    g_test_add_func("/fw-cfg/memory", test_memory);
    g_test_add_func("/fw-cfg/options", test_options);
    g_test_add_func("/fw-cfg/state", test_state);
    return g_test_run();
}
