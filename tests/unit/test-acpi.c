/* SPDX-License-Identifier: MIT */
/*
 * The ACPI tables of a PC: structure, checksums, and what iasl makes of each.
 *
 * With a directory as its argument the program writes the fw_cfg files there instead, and with
 * "linked" after it the linked tables, to be tried in a guest.
 */
#include <string.h>

#include "base/bits.h"
#include "hw/firmware/acpi.h"
#include "tests/unit/iasl.h"

static const AcpiCpu two_cpus[] = { { 0, true, 0 }, { 1, true, 1 } };
static const AcpiIoApic io_apic = { 0, 0xfec00000, 0 };
static const AcpiIsaDevice isa[] = {
    { ACPI_ISA_RTC, 0x70, 8 },        { ACPI_ISA_KEYBOARD, 0x60, 1 },
    { ACPI_ISA_MOUSE, 0x60, 12 },     { ACPI_ISA_SERIAL, 0x3f8, 4 },
    { ACPI_ISA_SERIAL, 0x2f8, 3 },    { ACPI_ISA_PARALLEL, 0x378, 7 },
    { ACPI_ISA_FW_CFG, 0x510 },       { ACPI_ISA_PVPANIC, 0x505 },
    { ACPI_ISA_FLOPPY, 0x3f0, 6, 2 },
};

static AcpiMachine pc(void)
{
    AcpiMachine m = {
        .cpus = two_cpus,
        .cpu_count = G_N_ELEMENTS(two_cpus),
        .local_apic = 0xfee00000,
        .io_apics = &io_apic,
        .io_apic_count = 1,
        .pm_base = 0x600,
        .gpe_base = 0xafe0,
        .gpe_length = 4,
        .smbus_base = 0x700,
        .sci_irq = 9,
        .smi_port = 0xb2,
        .acpi_enable = 0xf1,
        .acpi_disable = 0xf0,
        .reset_port = 0xcf9,
        .reset_value = 0x06,
        .rtc_century = 0x32,
        .has_8042 = true,
        .hpet_base = 0xfed00000,
        .hpet_block_id = 0x8086a201,
        .has_pci = true,
        .pci_last_bus = 255,
        .pci_window = { { 0xc0000000, 0xfebfffff }, { 0x100000000, 0x1ffffffff } },
        .pci_window_count = 2,
        .isa_bridge_devfn = 1 << 3,
        .pm_devfn = 1 << 3 | 3,
        .isa = isa,
        .isa_count = G_N_ELEMENTS(isa),
    };

    for (unsigned slot = 0; slot < 32; slot++) {
        for (unsigned pin = 0; pin < 4; pin++) {
            m.pirq[slot][pin] = slot ? (slot - 1 + pin) & 3 : ACPI_PIRQ_NONE;
        }
    }
    m.pirq[1][0] = ACPI_PIRQ_SCI;
    return m;
}

enum { TABLES_AT = 0x7fe0000, RSDP_AT = 0x7ff0000 };

static TableLoader *build_and_link(const AcpiMachine *m)
{
    TableLoader *loader = acpi_build(m);
    g_autoptr(GError) error = NULL;

    table_loader_blob(loader, 0)->address = TABLES_AT;
    table_loader_blob(loader, 1)->address = RSDP_AT;
    g_assert_true(table_loader_link(loader, &error));
    g_assert_no_error(error);
    return loader;
}

static uint8_t sum(const uint8_t *bytes, size_t length)
{
    uint8_t total = 0;

    while (length--) {
        total += *bytes++;
    }
    return total;
}

static const uint8_t *at(TableLoader *loader, uint64_t address, size_t length)
{
    const GByteArray *data = table_loader_blob(loader, 0)->data;

    g_assert_cmpuint(address, >=, TABLES_AT);
    g_assert_cmpuint(address - TABLES_AT + length, <=, data->len);
    return data->data + (address - TABLES_AT);
}

/* Walks the XSDT (or the RSDT) as an operating system does. NULL when there is no such table.
 */
static const uint8_t *find_table(TableLoader *loader, const char *signature, bool xsdt)
{
    const uint8_t *rsdp = table_loader_blob(loader, 1)->data->data;
    unsigned size = xsdt ? 8 : 4;
    const uint8_t *root, *found = NULL;

    g_assert_cmpmem(rsdp, 8, "RSD PTR ", 8);
    g_assert_cmpuint(sum(rsdp, 20), ==, 0);
    g_assert_cmpuint(sum(rsdp, 36), ==, 0);
    root = at(loader, load_le(rsdp + (xsdt ? 24 : 16), size), 36);
    g_assert_cmpmem(root, 4, xsdt ? "XSDT" : "RSDT", 4);
    g_assert_cmpuint(sum(root, load_le(root + 4, 4)), ==, 0);
    for (unsigned i = 36; i < load_le(root + 4, 4); i += size) {
        const uint8_t *table = at(loader, load_le(root + i, size), 36);

        g_assert_cmpuint(sum(table, load_le(table + 4, 4)), ==, 0);
        if (!memcmp(table, signature, 4)) {
            g_assert_null(found);
            found = table;
        }
    }
    return found;
}

static void test_walk(void)
{
    static const char *const present[] = { "FACP", "APIC", "HPET", "WAET" };
    static const char *const absent[] = { "MCFG", "SRAT", "SLIT" };
    AcpiMachine m = pc();
    g_autoptr(TableLoader) loader = build_and_link(&m);
    const uint8_t *fadt, *dsdt, *facs;

    for (unsigned i = 0; i < G_N_ELEMENTS(present); i++) {
        g_assert_nonnull(find_table(loader, present[i], true));
        g_assert_true(find_table(loader, present[i], true) ==
                      find_table(loader, present[i], false));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(absent); i++) {
        g_assert_null(find_table(loader, absent[i], true));
    }
    fadt = find_table(loader, "FACP", true);
    g_assert_cmpuint(load_le(fadt + 4, 4), ==, 276);
    facs = at(loader, load_le(fadt + 36, 4), 64);
    g_assert_cmpmem(facs, 4, "FACS", 4);
    g_assert_cmpuint(load_le(fadt + 36, 4) & 63, ==, 0);
    dsdt = at(loader, load_le(fadt + 40, 4), 36);
    g_assert_cmpuint(load_le(fadt + 140, 8), ==, load_le(fadt + 40, 4));
    g_assert_cmpmem(dsdt, 4, "DSDT", 4);
    g_assert_cmpuint(sum(dsdt, load_le(dsdt + 4, 4)), ==, 0);
    g_assert_cmpuint(load_le(fadt + 76, 4), ==, 0x608);
    g_assert_cmpuint(load_le(fadt + 116 + 4, 8), ==, 0xcf9);
}

static void check_iasl(TableLoader *loader, const char *signature, const char *const *expected)
{
    const uint8_t *table = find_table(loader, signature, true);
    g_autofree char *text = NULL;

    if (!strcmp(signature, "DSDT")) {
        table = at(loader, load_le(find_table(loader, "FACP", true) + 40, 4), 36);
    }
    g_assert_nonnull(table);
    text = iasl_disassemble(signature, table, load_le(table + 4, 4), true);
    for (; expected && *expected; expected++) {
        if (!strstr(text, *expected)) {
            g_error("not in %s: %s\n%s", signature, *expected, text);
        }
    }
}

static void test_iasl(void)
{
    static const char *const dsdt[] = {
        "Device (C001)",        "Device (PCI0)",
        "EisaId (\"PNP0A03\")", "Device (LNKD)",
        "Device (LNKS)",        "ISA.LNKA",
        "Device (COM2)",        "EisaId (\"PNP0501\")",
        "Device (LPT1)",        "\"QEMU0002\"",
        "\"QEMU0001\"",         "Name (\\_S5,",
        "Device (HPET)",        NULL,
    };
    AcpiMachine m = pc();
    g_autoptr(TableLoader) loader = NULL;

    if (!iasl_found()) {
        g_test_skip("iasl (package acpica-tools) is not installed");
        return;
    }
    loader = build_and_link(&m);
    check_iasl(loader, "DSDT", dsdt);
    check_iasl(loader, "FACP", NULL);
    check_iasl(loader, "APIC", NULL);
    check_iasl(loader, "HPET", NULL);
    check_iasl(loader, "WAET", NULL);
}

/* Identifiers past 254, two nodes, and an enhanced configuration window. */
static AcpiMachine big(AcpiCpu *cpus, unsigned count, AcpiNumaMemory *memory)
{
    static const uint8_t distances[] = { 10, 20, 20, 10 };
    AcpiMachine m = pc();

    for (unsigned i = 0; i < count; i++) {
        cpus[i] = (AcpiCpu){ i * 2, i < count - 1, i & 1 };
    }
    memory[0] = (AcpiNumaMemory){ 0, 0x80000000, 0, false };
    memory[1] = (AcpiNumaMemory){ 0x100000000, 0x80000000, 1, true };
    m.cpus = cpus;
    m.cpu_count = count;
    m.node_count = 2;
    m.memory = memory;
    m.memory_count = 2;
    m.distances = distances;
    m.ecam_base = 0xb0000000;
    m.s3 = m.s4 = true;
    m.s4_sleep_type = 2;
    return m;
}

static void test_big(void)
{
    static const char *const apic[] = { "[Processor Local x2APIC]", "[Local x2APIC NMI]",
                                        NULL };
    static const char *const srat[] = { "[Processor Local x2APIC Affinity]",
                                        "Hot Pluggable : 1", NULL };
    AcpiCpu cpus[300];
    AcpiNumaMemory memory[2];
    AcpiMachine m = big(cpus, G_N_ELEMENTS(cpus), memory);
    g_autoptr(TableLoader) loader = build_and_link(&m);
    const uint8_t *madt = find_table(loader, "APIC", true);
    unsigned local = 0, x2 = 0;

    for (unsigned i = 44; i < load_le(madt + 4, 4); i += madt[i + 1]) {
        g_assert_cmpuint(madt[i + 1], >, 0);
        local += madt[i] == 0;
        x2 += madt[i] == 9;
    }
    g_assert_cmpuint(local, ==, 128); /* identifiers 0, 2, .. 254 */
    g_assert_cmpuint(x2, ==, 172);
    g_assert_nonnull(find_table(loader, "MCFG", true));
    g_assert_nonnull(find_table(loader, "SLIT", true));
    if (iasl_found()) {
        check_iasl(loader, "APIC", apic);
        check_iasl(loader, "SRAT", srat);
        check_iasl(loader, "SLIT", NULL);
        check_iasl(loader, "MCFG", NULL);
        check_iasl(loader, "DSDT", NULL);
    }
}

/* A machine with next to nothing gives whole tables too. */
static void test_bare(void)
{
    static const AcpiCpu cpu = { 0, true, 0 };
    AcpiMachine m = { .cpus = &cpu, .cpu_count = 1, .local_apic = 0xfee00000 };
    g_autoptr(TableLoader) loader = build_and_link(&m);

    g_assert_null(find_table(loader, "HPET", true));
    if (iasl_found()) {
        check_iasl(loader, "DSDT", NULL);
        check_iasl(loader, "FACP", NULL);
    }
}

static void test_script(void)
{
    AcpiMachine m = pc();
    g_autoptr(TableLoader) loader = acpi_build(&m);
    g_autoptr(GByteArray) script = table_loader_script(loader);
    bool seen_rsdp = false;

    g_assert_cmpuint(script->len % 128, ==, 0);
    g_assert_cmpuint(load_le(script->data, 4), ==, 1);
    g_assert_cmpstr((const char *)script->data + 4, ==, "etc/acpi/tables");
    g_assert_cmpuint(load_le(script->data + 60, 4), ==, 64);
    g_assert_cmpuint(script->data[64], ==, TABLE_ZONE_HIGH);
    for (guint i = 0; i < script->len; i += 128) {
        const uint8_t *record = script->data + i;

        g_assert_cmpuint(load_le(record, 4), >=, 1);
        g_assert_cmpuint(load_le(record, 4), <=, 3);
        if (load_le(record, 4) == 1 && !strcmp((const char *)record + 4, "etc/acpi/rsdp")) {
            seen_rsdp = true;
            g_assert_cmpuint(record[64], ==, TABLE_ZONE_F_SEGMENT);
        }
    }
    g_assert_true(seen_rsdp);
}

static void test_link_error(void)
{
    AcpiMachine m = pc();
    g_autoptr(TableLoader) loader = acpi_build(&m);
    g_autoptr(GError) error = NULL;

    table_loader_blob(loader, 0)->address = UINT64_C(0x100000000);
    g_assert_false(table_loader_link(loader, &error));
    g_assert_nonnull(error);
}

static bool write_blob(const char *dir, const char *name, const GByteArray *data)
{
    g_autofree char *base = g_path_get_basename(name);
    g_autofree char *path = g_build_filename(dir, base, NULL);

    return g_file_set_contents(path, (const char *)data->data, data->len, NULL);
}

/* The tables as a BIOS gets them, or linked for TABLES_AT and RSDP_AT. */
static int write_files(const char *dir, bool linked)
{
    AcpiMachine m = pc();
    g_autoptr(TableLoader) loader = linked ? build_and_link(&m) : acpi_build(&m);
    g_autoptr(GByteArray) script = table_loader_script(loader);
    bool ok = write_blob(dir, ACPI_LOADER_FILE, script);

    for (unsigned i = 0; i < table_loader_blob_count(loader); i++) {
        const TableBlob *blob = table_loader_blob(loader, i);

        ok = write_blob(dir, blob->name, blob->data) && ok;
    }
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && g_file_test(argv[1], G_FILE_TEST_IS_DIR)) {
        return write_files(argv[1], argc == 3 && !strcmp(argv[2], "linked"));
    }
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi/walk", test_walk);
    g_test_add_func("/acpi/iasl", test_iasl);
    g_test_add_func("/acpi/big", test_big);
    g_test_add_func("/acpi/bare", test_bare);
    g_test_add_func("/acpi/script", test_script);
    g_test_add_func("/acpi/link-error", test_link_error);
    return g_test_run();
}
