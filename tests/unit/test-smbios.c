/* SPDX-License-Identifier: MIT */
/* SMBIOS structures, their entry points and the -smbios options; dmidecode reads them too. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/bits.h"
#include "hw/firmware/smbios.h"

static const uint8_t uuid[16] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                  0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
static const SmbiosMemoryRange ranges[] = { { 0, 0xc0000000 }, { 0x100000000, 0x340000000 } };

static SmbiosMachine pc(void)
{
    return (SmbiosMachine){
        .manufacturer = "Maker",
        .product = "Product",
        .version = "pc-1",
        .uuid = uuid,
        .ram_size = 0x400000000,
        .ranges = ranges,
        .range_count = 2,
        .sockets = 2,
        .cores = 4,
        .threads = 2,
        .cpuid_signature = 0x663,
        .cpuid_features = 0x78bfbff,
    };
}

static SmbiosTables build(const SmbiosMachine *m, const SmbiosOptions *options)
{
    SmbiosTables tables;
    g_autoptr(GError) error = NULL;

    g_assert_true(smbios_build(m, options, &tables, &error));
    g_assert_no_error(error);
    return tables;
}

/* The `nth` structure of `type`, or NULL; checks the whole list on the way. */
static const uint8_t *find(const SmbiosTables *tables, uint8_t type, unsigned nth)
{
    const uint8_t *p = tables->data->data, *limit = p + tables->data->len, *found = NULL;
    unsigned count = 0, largest = 0;

    while (p < limit) {
        const uint8_t *next = p + p[1];

        g_assert_cmpuint(p[1], >=, 4);
        while (next[0] || next[1]) {
            next++;
            g_assert_true(next < limit - 1);
        }
        next += 2;
        if (p[0] == type && !nth--) {
            found = p;
        }
        largest = MAX(largest, next - p);
        count++;
        g_assert_true((p[0] == 127) == (next == limit));
        p = next;
    }
    g_assert_cmpuint(count, ==, tables->count);
    g_assert_cmpuint(largest, ==, tables->largest);
    return found;
}

static const char *string_at(const uint8_t *structure, unsigned field)
{
    const char *text = (const char *)structure + structure[1];

    if (!structure[field]) {
        return NULL;
    }
    for (unsigned i = 1; i < structure[field]; i++) {
        text += strlen(text) + 1;
    }
    return text;
}

static void test_defaults(void)
{
    static const uint8_t stored[16] = { 0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66,
                                        0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
    SmbiosMachine m = pc();
    SmbiosTables tables = build(&m, NULL);
    const uint8_t *system = find(&tables, 1, 0), *cpu = find(&tables, 4, 1);
    const uint8_t *array = find(&tables, 16, 0), *dimm = find(&tables, 17, 0);
    const uint8_t *range = find(&tables, 19, 1);

    g_assert_cmpstr(string_at(system, 4), ==, "Maker");
    g_assert_cmpstr(string_at(system, 5), ==, "Product");
    g_assert_null(string_at(system, 7));
    g_assert_cmpmem(system + 8, 16, stored, 16);
    g_assert_cmpstr(string_at(cpu, 4), ==, "CPU 1");
    g_assert_cmpuint(load_le(cpu + 8, 8), ==, 0x078bfbff00000663);
    g_assert_cmpuint(cpu[0x23], ==, 4);
    g_assert_cmpuint(cpu[0x25], ==, 8);
    g_assert_cmpuint(load_le(array + 7, 4), ==, 16 << 20);
    g_assert_cmpuint(load_le(array + 13, 2), ==, 1);
    g_assert_cmpuint(load_le(dimm + 12, 2), ==, 16384);
    g_assert_cmpuint(load_le(range + 4, 4), ==, 4 << 20);
    g_assert_cmpuint(load_le(range + 8, 4), ==, (0x440000000 >> 10) - 1);
    g_assert_nonnull(find(&tables, 0, 0));
    g_assert_nonnull(find(&tables, 2, 0));
    g_assert_nonnull(find(&tables, 3, 0));
    g_assert_nonnull(find(&tables, 32, 0));
    g_assert_null(find(&tables, 8, 0));
    g_assert_null(find(&tables, 11, 0));
    smbios_tables_release(&tables);
}

static void add(SmbiosOptions *options, const char *argument)
{
    g_autoptr(GError) error = NULL;

    if (!smbios_options_add(options, argument, &error)) {
        g_error("%s: %s", argument, error->message);
    }
}

static void test_options(void)
{
    g_autoptr(SmbiosOptions) options = smbios_options_new();
    SmbiosMachine m = pc();
    SmbiosTables tables;
    const uint8_t *p;

    m.bios_adds_type0 = true;
    add(options, "type=0,vendor=V,release=3.14,uefi=on");
    add(options, "type=1,serial=A,,B,uuid=12345678-1234-1234-1234-1234567890ab");
    add(options, "type=1,serial=again");
    add(options, "type=4,max-speed=0xfff,processor-id=1");
    add(options, "type=8,internal_reference=J1,port_type=0x1f");
    add(options, "type=8,external_reference=J2");
    add(options, "type=11,value=one,value=two=2");
    add(options, "type=11,value=three");
    add(options, "type=17,loc_pfx=Slot,speed=3200");
    tables = build(&m, options);

    p = find(&tables, 0, 0);
    g_assert_cmpstr(string_at(p, 4), ==, "V");
    g_assert_cmpuint(p[0x14], ==, 3);
    g_assert_cmpuint(p[0x15], ==, 14);
    g_assert_cmphex(p[0x13], ==, 0x1c);
    p = find(&tables, 1, 0);
    g_assert_cmpstr(string_at(p, 7), ==, "again");
    g_assert_cmphex(load_le(p + 8, 4), ==, 0x12345678);
    p = find(&tables, 4, 0);
    g_assert_cmpuint(load_le(p + 0x14, 2), ==, 0xfff);
    g_assert_cmpuint(load_le(p + 8, 8), ==, 1);
    p = find(&tables, 8, 0);
    g_assert_cmpstr(string_at(p, 4), ==, "J1");
    g_assert_cmphex(p[8], ==, 0x1f);
    g_assert_cmpstr(string_at(find(&tables, 8, 1), 6), ==, "J2");
    p = find(&tables, 11, 0);
    g_assert_cmpuint(p[4], ==, 3);
    g_assert_cmpstr((const char *)p + 5, ==, "one");
    g_assert_cmpstr((const char *)p + 9, ==, "two=2");
    p = find(&tables, 17, 0);
    g_assert_cmpstr(string_at(p, 16), ==, "Slot 0");
    g_assert_cmpuint(load_le(p + 21, 2), ==, 3200);
    smbios_tables_release(&tables);
}

static void test_comma(void)
{
    g_autoptr(SmbiosOptions) options = smbios_options_new();
    SmbiosMachine m = pc();
    SmbiosTables tables;

    add(options, "type=1,serial=A,,B,family=,,");
    tables = build(&m, options);
    g_assert_cmpstr(string_at(find(&tables, 1, 0), 7), ==, "A,B");
    g_assert_cmpstr(string_at(find(&tables, 1, 0), 0x1a), ==, ",");
    smbios_tables_release(&tables);
}

static void test_bios_type0(void)
{
    SmbiosMachine m = pc();
    SmbiosTables tables;

    m.bios_adds_type0 = true;
    tables = build(&m, NULL);
    g_assert_null(find(&tables, 0, 0));
    smbios_tables_release(&tables);
}

/* Each bad argument, and a word that its message has to hold. */
static void test_bad_options(void)
{
    static const char *const bad[][2] = {
        { "", "expected" },
        { "type", "expected" },
        { "serial=1", "expected" },
        { "type=5", "no such type" },
        { "type=256", "no such type" },
        { "type=x", "no such type" },
        { "type=1,seral=5", "serial" },
        { "type=1,serial", "no" },
        { "type=1,uuid=1234", "uuid" },
        { "type=0,release=1", "release" },
        { "type=0,release=1.256", "release" },
        { "type=0,uefi=maybe", "uefi" },
        { "type=4,max-speed=65536", "max-speed" },
        { "type=4,max-speed=-1", "max-speed" },
        { "type=4,max-speed=", "max-speed" },
        { "type=11,path=/nonexistent/file", "/nonexistent/file" },
        { "file=/nonexistent/file", "/nonexistent/file" },
        { "file=/dev/null,x=y", "expected" },
        { "file=/dev/null", "structure" },
    };
    g_autoptr(SmbiosOptions) options = smbios_options_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(smbios_options_add(options, bad[i][0], &error));
        g_assert_nonnull(error);
        if (!strstr(error->message, bad[i][1])) {
            g_error("%s: the message lacks '%s': %s", bad[i][0], bad[i][1], error->message);
        }
    }
}

static void test_file(void)
{
    static const char good[] = { 1, 8, 0, 1, 1, 0, 0, 0, 'M', 'e', 0, 0 };
    static const char bad[][8] = {
        { 1, 3, 0, 1, 0, 0, 0, 0 },   /* shorter than its header */
        { 1, 7, 0, 1, 0, 0, 0, 0 },   /* no room for the end */
        { 1, 4, 0, 1, 0, 0, 'x', 0 }, /* goes on after the end */
        { 1, 4, 0, 1, 'x', 'y', 'z', 0 },
    };
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "test-smbios-XXXXXX", NULL);
    g_autofree char *argument = NULL;
    g_autoptr(SmbiosOptions) options = smbios_options_new();
    SmbiosMachine m = pc();
    SmbiosTables tables;
    int fd = g_mkstemp(path);

    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    argument = g_strconcat("file=", path, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_true(g_file_set_contents(path, bad[i], sizeof(bad[i]), NULL));
        g_assert_false(smbios_options_add(options, argument, &error));
        g_assert_nonnull(error);
    }
    g_assert_true(g_file_set_contents(path, good, sizeof(good), NULL));
    add(options, argument);
    g_assert_false(smbios_options_add(options, "type=1,serial=1", NULL));
    tables = build(&m, options);
    g_assert_cmpstr(string_at(find(&tables, 1, 0), 4), ==, "Me");
    g_assert_null(find(&tables, 1, 1));
    smbios_tables_release(&tables);
    g_remove(path);
}

static uint8_t sum(const uint8_t *bytes, unsigned length)
{
    uint8_t total = 0;

    while (length--) {
        total += *bytes++;
    }
    return total;
}

static void test_entry_points(void)
{
    SmbiosMachine m = pc();
    SmbiosTables tables = build(&m, NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) old = smbios_entry_point_32(&tables, 0xf5000, &error);
    g_autoptr(GByteArray) new = smbios_entry_point_64(&tables, 0xf5000);

    g_assert_no_error(error);
    g_assert_cmpuint(old->len, ==, 31);
    g_assert_cmpuint(sum(old->data, 31), ==, 0);
    g_assert_cmpuint(sum(old->data + 16, 15), ==, 0);
    g_assert_cmpuint(load_le(old->data + 24, 4), ==, 0xf5000);
    g_assert_cmpuint(load_le(old->data + 28, 2), ==, tables.count);
    g_assert_cmpuint(new->len, ==, 24);
    g_assert_cmpuint(sum(new->data, 24), ==, 0);
    g_assert_cmpuint(load_le(new->data + 16, 8), ==, 0xf5000);
    g_assert_null(smbios_entry_point_32(&tables, UINT64_C(0x100000000), &error));
    g_assert_nonnull(error);
    smbios_tables_release(&tables);
}

/* 8 TiB and 300 cores: what the old fields cannot hold is in the extended ones. */
static void test_big(void)
{
    static const SmbiosMemoryRange all = { 0, 8ull << 40 };
    SmbiosMachine m = pc();
    SmbiosTables tables;
    const uint8_t *p;

    m.ram_size = all.length;
    m.ranges = &all;
    m.range_count = 1;
    m.cores = 300;
    tables = build(&m, NULL);
    p = find(&tables, 16, 0);
    g_assert_cmphex(load_le(p + 7, 4), ==, 0x80000000);
    g_assert_cmphex(load_le(p + 15, 8), ==, all.length);
    p = find(&tables, 17, 0);
    g_assert_cmphex(load_le(p + 12, 2), ==, 0x7fff);
    g_assert_cmphex(load_le(p + 28, 4), ==, 65536);
    p = find(&tables, 19, 0);
    g_assert_cmphex(load_le(p + 4, 4), ==, UINT32_MAX);
    g_assert_cmphex(load_le(p + 23, 8), ==, all.length - 1);
    p = find(&tables, 4, 0);
    g_assert_cmpuint(p[0x23], ==, 255);
    g_assert_cmpuint(load_le(p + 0x2a, 2), ==, 300);
    smbios_tables_release(&tables);
}

/* dmidecode reads a dump: the entry point, then the tables at offset 32. */
static void test_dmidecode(void)
{
    static const char *const expected[] = {
        "SMBIOS 2.8 present.",
        "Manufacturer: Maker",
        "Product Name: Product",
        "UUID: 00112233-4455-6677-8899-aabbccddeeff",
        "Socket Designation: CPU 1",
        "Core Count: 4",
        "Thread Count: 8",
        "Maximum Capacity: 16 GB",
        "Size: 16 GB",
        "Starting Address: 0x00100000000",
        "Ending Address: 0x0043FFFFFFF",
        "Status: No errors detected",
        "End Of Table",
    };
    g_autofree char *program = g_find_program_in_path("dmidecode");
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "test-smbios-XXXXXX", NULL);
    g_autofree char *out = NULL, *err = NULL;
    g_autoptr(GByteArray) dump = NULL;
    SmbiosMachine m = pc();
    SmbiosTables tables;
    int fd, status;
    char *argv[] = { program, (char *)"--from-dump", path, NULL };

    if (!program) {
        g_test_skip("dmidecode is not installed");
        return;
    }
    tables = build(&m, NULL);
    dump = smbios_entry_point_32(&tables, 32, NULL);
    g_byte_array_append(dump, (const guint8 *)"", 1);
    g_byte_array_append(dump, tables.data->data, tables.data->len);
    fd = g_mkstemp(path);
    g_close(fd, NULL);
    g_assert_true(g_file_set_contents(path, (char *)dump->data, dump->len, NULL));
    g_assert_true(g_spawn_sync(NULL, argv, NULL, 0, NULL, NULL, &out, &err, &status, NULL));
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(expected); i++) {
        if (!strstr(out, expected[i])) {
            g_error("dmidecode does not say '%s':\n%s%s", expected[i], out, err);
        }
    }
    g_assert_null(strstr(out, "BROKEN"));
    g_assert_null(strstr(out, "<OUT OF SPEC>"));
    g_assert_null(strstr(out, "<BAD INDEX>"));
    g_remove(path);
    smbios_tables_release(&tables);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/smbios/defaults", test_defaults);
    g_test_add_func("/smbios/options", test_options);
    g_test_add_func("/smbios/comma", test_comma);
    g_test_add_func("/smbios/bios-type0", test_bios_type0);
    g_test_add_func("/smbios/bad-options", test_bad_options);
    g_test_add_func("/smbios/file", test_file);
    g_test_add_func("/smbios/entry-points", test_entry_points);
    g_test_add_func("/smbios/big", test_big);
    g_test_add_func("/smbios/dmidecode", test_dmidecode);
    return g_test_run();
}
