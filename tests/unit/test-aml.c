/* SPDX-License-Identifier: MIT */
/* The AML writer: golden bytes of the encodings, and a disassembly by iasl. */
#include <string.h>

#include "hw/firmware/aml.h"
#include "tests/unit/iasl.h"

#define EXPECT(a, ...)                                                                         \
    do {                                                                                       \
        static const uint8_t expected[] = { __VA_ARGS__ };                                     \
        g_autoptr(GByteArray) code = aml_finish(a);                                            \
        g_assert_cmpmem(code->data, code->len, expected, sizeof(expected));                    \
    } while (0)

static void test_integers(void)
{
    Aml *a = aml_new();

    aml_int(a, 0);
    aml_int(a, 1);
    aml_int(a, 2);
    aml_int(a, 0xff);
    aml_int(a, 0x100);
    aml_int(a, 0x10000);
    aml_int(a, 0x123456789);
    aml_int(a, UINT64_MAX);
    EXPECT(a, 0x00, 0x01, 0x0a, 0x02, 0x0a, 0xff, 0x0b, 0x00, 0x01, 0x0c, 0x00, 0x00, 0x01,
           0x00, 0x0e, 0x89, 0x67, 0x45, 0x23, 0x01, 0x00, 0x00, 0x00, 0xff);
}

static void test_names(void)
{
    Aml *a = aml_new();

    aml_ref(a, "_SB");
    aml_ref(a, "\\");
    aml_ref(a, "^^A1");
    aml_ref(a, "\\_SB.PCI0");
    aml_ref(a, "A.B.C%03X", 0xabc);
    EXPECT(a, '_', 'S', 'B', '_', '\\', 0x00, '^', '^', 'A', '1', '_', '_', '\\', 0x2e, '_',
           'S', 'B', '_', 'P', 'C', 'I', '0', 0x2f, 3, 'A', '_', '_', '_', 'B', '_', '_', '_',
           'C', 'A', 'B', 'C');
}

static void test_eisa_id(void)
{
    Aml *a = aml_new();

    aml_eisa_id(a, "PNP0A03");
    EXPECT(a, 0x0c, 0x41, 0xd0, 0x0a, 0x03);
}

static void test_uuid(void)
{
    Aml *a = aml_new();

    aml_uuid(a, "33DB4D5B-1FF7-401C-9657-7441C03DD766");
    EXPECT(a, 0x11, 0x13, 0x0a, 0x10, 0x5b, 0x4d, 0xdb, 0x33, 0xf7, 0x1f, 0x1c, 0x40, 0x96,
           0x57, 0x74, 0x41, 0xc0, 0x3d, 0xd7, 0x66);
}

/* The PkgLength of a scope whose content is `content` bytes long, and its own size. */
static void check_package_length(unsigned content, unsigned bytes)
{
    Aml *a = aml_new();
    g_autoptr(GByteArray) code = NULL;
    const uint8_t *p;
    unsigned length;

    g_assert(content >= 4);
    aml_scope(a, "ABCD");
    for (unsigned i = 4; i < content; i++) {
        aml_op(a, AML_NOOP);
    }
    aml_end(a);
    code = aml_finish(a);
    g_assert_cmpuint(code->len, ==, 1 + bytes + content);
    p = code->data + 1;
    g_assert_cmpuint(p[0] >> 6, ==, bytes - 1);
    length = bytes == 1 ? p[0] : p[0] & 0xf;
    for (unsigned i = 1; i < bytes; i++) {
        length |= p[i] << (8 * i - 4);
    }
    g_assert_cmpuint(length, ==, bytes + content);
    g_assert_cmpmem(p + bytes, 4, "ABCD", 4);
}

static void test_package_length(void)
{
    check_package_length(4, 1);
    check_package_length(62, 1);
    check_package_length(63, 2);
    check_package_length(0xfff - 2, 2);
    check_package_length(0xfff - 1, 3);
    check_package_length(0xfffff - 3, 3);
    check_package_length(0xfffff - 2, 4);
}

static void test_field(void)
{
    Aml *a = aml_new();

    aml_operation_region(a, "PRR", AML_PCI_CONFIG, 0x60, 4);
    aml_field(a, "PRR", AML_BYTE_ACC, false, AML_PRESERVE);
    aml_field_unit(a, "PRQA", 8);
    aml_field_gap(a, 64);
    aml_end(a);
    EXPECT(a, 0x5b, 0x80, 'P', 'R', 'R', '_', 2, 0x0a, 0x60, 0x0a, 0x04, /* region */
           0x5b, 0x81, 0x0e, 'P', 'R', 'R', '_', 0x01, 'P', 'R', 'Q', 'A', 8, 0, 0x40, 0x04);
}

static void test_resources(void)
{
    Aml *a = aml_new();

    aml_resources(a);
    aml_res_io(a, 0x3f8, 0x3f8, 0, 8);
    aml_res_irq_no_flags(a, 4);
    aml_end(a);
    EXPECT(a, 0x11, 0x10, 0x0a, 0x0d, 0x47, 0x01, 0xf8, 0x03, 0xf8, 0x03, 0x00, 0x08, 0x22,
           0x10, 0x00, 0x79, 0x00);
}

static void test_address_spaces(void)
{
    Aml *a = aml_new();

    aml_resources(a);
    aml_res_dword_memory(a, false, 0xc0000000, 0xfebfffff);
    aml_end(a);
    EXPECT(a, 0x11, 0x1f, 0x0a, 0x1c, 0x87, 0x17, 0x00, 0x00, 0x0c, 0x01, 0, 0, 0, 0, 0, 0, 0,
           0xc0, 0xff, 0xff, 0xbf, 0xfe, 0, 0, 0, 0, 0, 0, 0xc0, 0x3e, 0x79, 0x00);
}

/* Every element once, so that iasl sees them all. */
static void write_everything(Aml *a)
{
    static const uint32_t irqs[] = { 5, 10, 300 };

    aml_mutex(a, "MTX", 3);
    aml_name(a, "BUF%u", 0);
    aml_bytes(a, "\1\2\3", 3);
    aml_name(a, "UID");
    aml_uuid(a, "33DB4D5B-1FF7-401C-9657-7441C03DD766");
    aml_name(a, "PKG");
    aml_package(a, 2);
    aml_string(a, "text");
    aml_package(a, 0);
    aml_end(a);
    aml_end(a);
    aml_alias(a, "PKG", "ALI");
    aml_operation_region(a, "CFG", AML_SYSTEM_MEMORY, UINT64_C(0x123456789a), 0x1000);
    aml_field(a, "CFG", AML_DWORD_ACC, true, AML_WRITE_ZEROS);
    aml_field_gap(a, 1000);
    aml_field_unit(a, "FLD", 32);
    aml_end(a);

    aml_device(a, "DEV");
    aml_name_eisa_id(a, "_HID", "PNP0C02");
    aml_name_string(a, "_UID", "one");
    aml_name(a, "_CRS");
    aml_resources(a);
    aml_res_io(a, 0x70, 0x71, 1, 2);
    aml_res_irq(a, 1 << 9 | 1 << 10, true, true, true);
    aml_res_irq_no_flags(a, 8);
    aml_res_interrupt(a, true, false, true, irqs, G_N_ELEMENTS(irqs));
    aml_res_dma(a, 2, false);
    aml_res_dma(a, 5, true);
    aml_res_memory24(a, true, 0xa0000, 0xb0000, 0, 0x10000);
    aml_res_memory32_fixed(a, false, 0xfed00000, 0x400);
    aml_res_word_bus_number(a, 0, 255);
    aml_res_word_io(a, 0xd00, 0xffff);
    aml_res_dword_memory(a, true, 0xa0000, 0xbffff);
    aml_res_qword_memory(a, false, UINT64_C(0x100000000), UINT64_C(0x17fffffff));
    aml_end(a);
    aml_end(a);

    aml_method(a, "TEST", 2, true);
    aml_acquire(a, "MTX", 0xffff);
    aml_op(a, AML_STORE);
    aml_arg(a, 0);
    aml_local(a, 0);
    aml_while(a);
    aml_op(a, AML_LLESS);
    aml_local(a, 0);
    aml_arg(a, 1);
    aml_op(a, AML_INCREMENT);
    aml_local(a, 0);
    aml_if(a);
    aml_op(a, AML_LEQUAL);
    aml_local(a, 0);
    aml_ref(a, "FLD");
    aml_op(a, AML_BREAK);
    aml_end(a);
    aml_else(a);
    aml_op(a, AML_CONTINUE);
    aml_end(a);
    aml_end(a);
    aml_op(a, AML_RELEASE);
    aml_ref(a, "MTX");
    aml_op(a, AML_RETURN);
    aml_op(a, AML_ADD);
    aml_local(a, 0);
    aml_int(a, 3);
    aml_null(a);
    aml_end(a);
}

static void test_iasl(void)
{
    static const char *const expected[] = {
        "Mutex (MTX, 0x03)",
        "OperationRegion (CFG, SystemMemory, 0x000000123456789A, 0x1000)",
        "Field (CFG, DWordAcc, Lock, WriteAsZeros)",
        "Offset (0x7D), \n        FLD,    32",
        "Alias (PKG, ALI)",
        "Name (_HID, EisaId (\"PNP0C02\")",
        "IRQ (Level, ActiveLow, Shared, )\n                {9,10}",
        "IRQNoFlags ()\n                {8}",
        "Interrupt (ResourceConsumer, Level, ActiveHigh, Shared, ,, )",
        "0x0000012C,",
        "DMA (Compatibility, NotBusMaster, Transfer8, )\n                {2}",
        "DMA (Compatibility, NotBusMaster, Transfer16, )\n                {5}",
        "Memory24 (ReadWrite,",
        "Memory32Fixed (ReadOnly,",
        "WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,",
        "WordIO (ResourceProducer, MinFixed, MaxFixed, PosDecode, EntireRange,",
        "DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, Cacheable, ReadWrite,",
        ("QWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed, NonCacheable, "
         "ReadWrite,"),
        "Method (TEST, 2, Serialized)",
        "Acquire (MTX, 0xFFFF)",
        "While ((Local0 < Arg1))",
        "If ((Local0 == FLD))",
        "Return ((Local0 + 0x03))",
    };
    static const char header[36] = "DSDT\0\0\0\0\2\0TEST  TESTTEST\1\0\0\0TEST\1\0\0";
    Aml *a;
    g_autoptr(GByteArray) code = NULL;
    g_autoptr(GByteArray) table = g_byte_array_new();
    g_autofree char *text = NULL;
    uint8_t sum = 0;

    if (!iasl_found()) {
        g_test_skip("iasl (package acpica-tools) is not installed");
        return;
    }
    a = aml_new();
    write_everything(a);
    code = aml_finish(a);
    g_byte_array_append(table, (const guint8 *)header, sizeof(header));
    g_byte_array_append(table, code->data, code->len);
    table->data[4] = table->len & 0xff;
    table->data[5] = table->len >> 8;
    for (guint i = 0; i < table->len; i++) {
        sum += table->data[i];
    }
    table->data[9] = -sum;
    text = iasl_disassemble("everything", table->data, table->len, true);
    for (guint i = 0; i < G_N_ELEMENTS(expected); i++) {
        if (!strstr(text, expected[i])) {
            g_error("not in the disassembly: %s\n%s", expected[i], text);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/aml/integers", test_integers);
    g_test_add_func("/aml/names", test_names);
    g_test_add_func("/aml/eisa-id", test_eisa_id);
    g_test_add_func("/aml/uuid", test_uuid);
    g_test_add_func("/aml/package-length", test_package_length);
    g_test_add_func("/aml/field", test_field);
    g_test_add_func("/aml/resources", test_resources);
    g_test_add_func("/aml/address-spaces", test_address_spaces);
    g_test_add_func("/aml/iasl", test_iasl);
    return g_test_run();
}
