/* SPDX-License-Identifier: MIT */
/* How the 440FX lays RAM and PCI into the CPUs' memory. */
#include "hw/core/state.h"
#include "tests/unit/pci-machine.h"

#define MIB 0x100000ull
#define GIB 0x40000000ull

#define PAM0  0x59
#define FDHC  0x68
#define SMRAM 0x72

static PciMachine machine;

/* Something on PCI below 1 MiB that tells itself from RAM. */
static RamBlock *pci_block;
static MemoryRegion *pci_memory;

static void set_up(uint64_t ram)
{
    machine = pci_machine_new(ram);
    pci_block = ram_block_new("pci-side", 16 * MIB, NULL, NULL);
    pci_memory = region_new_ram(NULL, "pci-side", pci_block);
    region_add(machine.bus->bus.memory, 0, pci_memory, 0);
    pci_machine_up();
}

static void tear_down(void)
{
    region_free(pci_memory);
    pci_machine_free();
    ram_block_free(pci_block);
}

static RamBlock *ram(void)
{
    return machine.host->ram_block;
}

static uint32_t in_block(RamBlock *block, uint64_t at)
{
    return load_le(block->host + at, 4);
}

/* ---- RAM ---- */

static void check_split(uint64_t size, const char *option, uint64_t below)
{
    machine = pci_machine_new(size);
    if (option) {
        g_assert_true(object_set_string(OBJECT(machine.host), "max-ram-below-4g", option, NULL));
    }
    pci_machine_up();
    g_assert_cmphex(machine.host->below_4g, ==, below);
    g_assert_cmphex(machine.host->above_4g, ==, size - below);
    memory_write(below - 4, 4, 0x11);
    g_assert_cmphex(memory_read(below - 4, 4), ==, 0x11);
    memory_write(below, 4, 0x22);
    g_assert_cmphex(memory_read(below, 4), ==, UINT32_MAX);
    if (size > below) {
        memory_write(4 * GIB + size - below - 4, 4, 0x33);
        g_assert_cmphex(in_block(ram(), size - 4), ==, 0x33);
    }
    g_assert_cmphex(memory_read(4 * GIB + size - below, 4), ==, UINT32_MAX);
    pci_machine_free();
}

static void test_ram_split(void)
{
    check_split(16 * MIB, NULL, 16 * MIB);
    check_split(3 * GIB, NULL, 3 * GIB);
    check_split(0xe0000000 - MIB, NULL, 0xe0000000 - MIB);
    check_split(0xe0000000, NULL, 3 * GIB);
    check_split(6 * GIB, NULL, 3 * GIB);
    check_split(2 * GIB, "1G", GIB);
    check_split(5 * GIB, "4G", 3 * GIB);
}

static void test_ram_errors(void)
{
    g_autoptr(GError) error = NULL;

    machine = pci_machine_new(MIB / 2);
    g_assert_false(machine_bring_up(false, &error));
    g_assert_true(g_pattern_match_simple("*too few*", error->message));
    pci_machine_free();
    g_clear_error(&error);
    machine = pci_machine_new(16 * MIB);
    g_assert_true(object_set_string(OBJECT(machine.host), "max-ram-below-4g", "8G", NULL));
    g_assert_false(machine_bring_up(false, &error));
    g_assert_true(g_pattern_match_simple("*max-ram-below-4g*1M to 4G*", error->message));
    pci_machine_free();
    g_clear_error(&error);
    machine = pci_machine_new(16 * MIB);
    g_assert_true(object_set_string(OBJECT(machine.host), "memory", "", NULL));
    g_assert_false(machine_bring_up(false, &error));
    g_assert_true(g_pattern_match_simple("*no RAM*", error->message));
    pci_machine_free();
}

/* ---- PAM ---- */

/* Reads and writes of `at` reach RAM or PCI as the mode says. */
static void check_mode(uint64_t at, PamMode mode)
{
    store_le(ram()->host + at, 0x11111111, 4);
    store_le(pci_block->host + at, 0x22222222, 4);
    g_assert_cmphex(memory_read(at, 4), ==, mode & PAM_READ_RAM ? 0x11111111 : 0x22222222);
    memory_write(at, 4, 0x33333333);
    g_assert_cmphex(in_block(ram(), at), ==, mode & PAM_WRITE_RAM ? 0x33333333 : 0x11111111);
    g_assert_cmphex(in_block(pci_block, at), ==, mode & PAM_WRITE_RAM ? 0x22222222 : 0x33333333);
    memory_write(at + 1, 8, 0x4444444444444444);
    g_assert_cmphex(in_block(mode & PAM_WRITE_RAM ? ram() : pci_block, at + 4), ==, 0x44444444);
}

static void check_segment(unsigned reg, unsigned shift, uint64_t base, uint64_t size)
{
    for (unsigned mode = 0; mode < PAM_MODES; mode++) {
        config_write(0, reg, 1, mode << shift);
        g_assert_cmphex(config_read(0, reg, 1), ==, mode << shift);
        check_mode(base, mode);
        check_mode(base + size - 16, mode);
        /* Its neighbours stay as they were. */
        check_mode(base == 0xc0000 ? base + size : base - 16, PAM_PCI);
    }
    config_write(0, reg, 1, 0);
}

static void test_pam(void)
{
    set_up(16 * MIB);
    check_mode(0x9fff0, PAM_RAM);
    check_mode(0x100000, PAM_RAM);
    check_segment(PAM0, 4, 0xf0000, 0x10000);
    for (unsigned i = 0; i < 12; i++) {
        check_segment(PAM0 + 1 + i / 2, i % 2 * 4, 0xc0000 + i * 0x4000, 0x4000);
    }
    config_write(0, PAM0, 1, 0xff);
    g_assert_cmphex(config_read(0, PAM0, 1), ==, 0x33);
    check_save_and_load(&machine.pmc->device);
    check_mode(0xf0000, PAM_RAM);
    device_reset(&machine.pmc->device);
    check_mode(0xf0000, PAM_PCI);
    tear_down();
}

static void test_holes(void)
{
    set_up(32 * MIB);
    check_mode(0x80000, PAM_RAM);
    config_write(0, FDHC, 1, 0x40);
    check_mode(0x80000, PAM_PCI);
    check_mode(0x9fff0, PAM_PCI);
    check_mode(0xf00000, PAM_RAM);
    config_write(0, FDHC, 1, 0x80);
    check_mode(0x80000, PAM_RAM);
    check_mode(0xf00000, PAM_PCI);
    check_mode(0xfffff0, PAM_PCI);
    config_write(0, FDHC, 1, 0xc0);
    check_mode(0xf00000, PAM_RAM);
    tear_down();
}

/* ---- SMRAM ---- */

static uint64_t smm_read(uint64_t address)
{
    uint64_t value = 0;

    address_space_load(i440fx_smm_space(machine.host), address, 4, ENDIAN_LITTLE,
                       MEMORY_ATTRS_NONE, &value);
    return value;
}

static void test_smram(void)
{
    set_up(16 * MIB);
    g_assert_cmphex(config_read(0, SMRAM, 1), ==, 0x02);
    store_le(ram()->host + 0xa0000, 0x5350, 4);
    store_le(pci_block->host + 0xa0000, 0x1234, 4);
    g_assert_cmphex(memory_read(0xa0000, 4), ==, 0x1234);
    g_assert_cmphex(smm_read(0xa0000), ==, 0x1234);
    config_write(0, SMRAM, 1, 0x08);
    g_assert_cmphex(memory_read(0xa0000, 4), ==, 0x1234);
    g_assert_cmphex(smm_read(0xa0000), ==, 0x5350);
    g_assert_cmphex(smm_read(0x100), ==, memory_read(0x100, 4));
    config_write(0, SMRAM, 1, 0x48);
    check_mode(0xa0000, PAM_RAM);
    check_mode(0xbfff0, PAM_RAM);
    check_save_and_load(&machine.pmc->device);
    check_mode(0xa0000, PAM_RAM);
    /* The lock closes it and holds until reset. */
    config_write(0, SMRAM, 1, 0x58);
    g_assert_cmphex(config_read(0, SMRAM, 1), ==, 0x1a);
    check_mode(0xa0000, PAM_PCI);
    config_write(0, SMRAM, 1, 0x40);
    g_assert_cmphex(config_read(0, SMRAM, 1), ==, 0x1a);
    device_reset(&machine.pmc->device);
    g_assert_cmphex(config_read(0, SMRAM, 1), ==, 0x02);
    tear_down();
}

/* Where PCI has nothing, RAM does not show through. */
static void test_nothing_there(void)
{
    static const uint64_t places[] = { 0xa0000, 0xbfffc, 0xc0000, 0xdbffc, 0xf0000, 0xffffc };

    machine = pci_machine_new(32 * MIB);
    pci_machine_up();
    for (unsigned i = 0; i < G_N_ELEMENTS(places); i++) {
        store_le(ram()->host + places[i], 0x12345678, 4);
        memory_write(places[i], 4, 0);
        g_assert_cmphex(in_block(ram(), places[i]), ==, 0x12345678);
        g_assert_cmphex(memory_read(places[i], 4), ==, UINT32_MAX);
    }
    config_write(0, FDHC, 1, 0x40);
    g_assert_cmphex(memory_read(0x80000, 4), ==, UINT32_MAX);
    config_write(0, FDHC, 1, 0x80);
    g_assert_cmphex(memory_read(0xf00000, 4), ==, UINT32_MAX);
    g_assert_cmphex(memory_read(0x1000000, 4), ==, 0);
    g_assert_cmphex(memory_read(0xefffffc, 4), ==, UINT32_MAX);
    pci_machine_free();
}

/* ---- registers ---- */

static void test_registers(void)
{
    set_up(16 * MIB);
    g_assert_cmphex(config_read(0, PCI_CLASS_CODE + 1, 2), ==, 0x0600);
    g_assert_cmphex(config_read(0, PCI_REVISION_ID, 1), ==, 2);
    g_assert_cmphex(config_read(0, PCI_COMMAND, 2), ==, 6);
    config_write(0, PCI_COMMAND, 2, 0);
    g_assert_cmphex(config_read(0, PCI_COMMAND, 2), ==, 6);
    config_write(0, 0x60, 4, 0x40302010);
    g_assert_cmphex(config_read(0, 0x60, 4), ==, 0x40302010);
    g_assert_cmphex(config_read(0, 0x64, 4), ==, 0x01010101);
    for (unsigned i = 0; i < 256; i++) {
        config_write(0, i, 1, i == 0x93 ? 0 : 0xff);
    }
    for (unsigned i = 0; i + 4 <= 256; i += 4) {
        config_write(0, i, 4, 0);
    }
    check_save_and_load(&machine.host->device);
    tear_down();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    pci_machine_types(NULL);
    g_test_add_func("/i440fx/ram-split", test_ram_split);
    g_test_add_func("/i440fx/ram-errors", test_ram_errors);
    g_test_add_func("/i440fx/pam", test_pam);
    g_test_add_func("/i440fx/holes", test_holes);
    g_test_add_func("/i440fx/smram", test_smram);
    g_test_add_func("/i440fx/nothing-there", test_nothing_there);
    g_test_add_func("/i440fx/registers", test_registers);
    return g_test_run();
}
