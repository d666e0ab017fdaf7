/* SPDX-License-Identifier: MIT */
/*
 * Every node of machines/pc.dts answers. Each has a row here: what is written
 * first, what is read then, and what has to come. A node without a row fails.
 */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/qtest/libqtest.h"

#define EVERYTHING "-m 1G -serial null -serial null -serial null -serial null -parallel null "      \
                   "-debugcon null"

typedef enum AnswerKind {
    PORT,     /* I/O ports */
    MEMORY,
    GATED,    /* memory, after writes to ports */
    CONFIG,   /* `at` is 0xDFRR: slot, function, offset in PCI configuration space */
    EEPROM,   /* `at` is the SMBus address, offset 0 is read */
} AnswerKind;

typedef struct Write {
    uint32_t at;
    uint8_t size;   /* 0: none */
    uint32_t value;
} Write;

typedef struct Answer {
    const char *node;
    AnswerKind kind;
    Write first[2];
    uint32_t at;
    uint8_t size;
    uint32_t mask, value;
    const char *what;
} Answer;

#define ISA "/pcihost@cf8/isa@1,0"
#define SMBUS "/pcihost@cf8/pm@1,3"

static const Answer answers[] = {
    { "/memory@0", MEMORY, { { 0x1000, 4, 0x12345678 } }, 0x1000, 4, ~0u, 0x12345678, "RAM" },
    { "/a20-gate", GATED, { { 0x64, 1, 0xdd } }, 0x101000, 4, ~0u, 0x12345678, "closed: wraps" },
    /* The page of the CPU that reads; there is none here, and nobody drives the bus to ones. */
    { "/apic-window@fee00000", MEMORY, { { 0 } }, 0xfee00030, 4, ~0u, 0, "VERSION" },
    { "/ioapic@fec00000", MEMORY, { { 0xfec00000, 4, 1 } }, 0xfec00010, 4, ~0u, 0x00170020,
      "IOAPICVER: 24 entries" },
    { "/hpet@fed00000", MEMORY, { { 0 } }, 0xfed00000, 4, 0xffff0000, 0x80860000,
      "GCAP_ID: vendor" },
    { "/pcihost@cf8", PORT, { { 0xcf8, 4, 0x80000000 } }, 0xcf8, 4, ~0u, 0x80000000, "CONFADD" },
    { "/pcihost@cf8/host-bridge@0,0", CONFIG, { { 0 } }, 0x0000, 4, ~0u, 0x12378086, "82441FX" },
    { ISA, CONFIG, { { 0 } }, 0x1000, 4, ~0u, 0x70008086, "82371SB function 0" },
    { SMBUS, CONFIG, { { 0 } }, 0x1300, 4, ~0u, 0x71138086, "82371AB function 3" },
    { ISA "/interrupt-controller@20", PORT, { { 0x21, 1, 0xa5 } }, 0x21, 1, 0xff, 0xa5, "IMR" },
    { ISA "/interrupt-controller@a0", PORT, { { 0xa1, 1, 0x5a } }, 0xa1, 1, 0xff, 0x5a, "IMR" },
    { ISA "/timer@40", PORT, { { 0x43, 1, 0x36 }, { 0x43, 1, 0xe2 } }, 0x40, 1, 0xff, 0xf6,
      "status: mode 3, no count yet" },
    { ISA "/dma@0", PORT, { { 0x00, 1, 0x34 }, { 0x00, 1, 0x12 } }, 0x00, 1, 0xff, 0x34,
      "address of channel 0" },
    { ISA "/dma@c0", PORT, { { 0xc0, 1, 0x78 }, { 0xc0, 1, 0x56 } }, 0xc0, 1, 0xff, 0x78,
      "address of channel 4" },
    { ISA "/rtc@70", PORT, { { 0x70, 1, 0x0d } }, 0x71, 1, 0xff, 0x80, "register D: VRT" },
    { ISA "/speaker@61", PORT, { { 0x61, 1, 3 } }, 0x61, 1, 0x0f, 3, "gate and data" },
    { ISA "/keyboard@60", PORT, { { 0x64, 1, 0xaa } }, 0x60, 1, 0xff, 0x55, "self-test" },
    { ISA "/port92@92", PORT, { { 0x92, 1, 2 } }, 0x92, 1, 2, 2, "fast A20" },
    { ISA "/serial@3f8", PORT, { { 0 } }, 0x3fd, 1, 0xff, 0x60, "LSR" },
    { ISA "/serial@2f8", PORT, { { 0 } }, 0x2fd, 1, 0xff, 0x60, "LSR" },
    { ISA "/serial@3e8", PORT, { { 0 } }, 0x3ed, 1, 0xff, 0x60, "LSR" },
    { ISA "/serial@2e8", PORT, { { 0 } }, 0x2ed, 1, 0xff, 0x60, "LSR" },
    { ISA "/parallel@378", PORT, { { 0 } }, 0x37a, 1, 0x3f, 0x0c, "control" },
    { ISA "/debugcon@e9", PORT, { { 0 } }, 0xe9, 1, 0xff, 0xe9, "what a guest finds it by" },
    /* RAM of 1 GiB is one module. The other slots acknowledge, too: read_eeprom() looks. */
    { SMBUS "/eeprom@50", EEPROM, { { 0 } }, 0x50, 1, 0xff, 0x80, "SPD: 128 bytes" },
    { SMBUS "/eeprom@51", EEPROM, { { 0 } }, 0x51, 1, 0xff, 0x00, "SPD: no module" },
    { SMBUS "/eeprom@52", EEPROM, { { 0 } }, 0x52, 1, 0xff, 0x00, "SPD: no module" },
    { SMBUS "/eeprom@53", EEPROM, { { 0 } }, 0x53, 1, 0xff, 0x00, "SPD: no module" },
    { SMBUS "/eeprom@54", EEPROM, { { 0 } }, 0x54, 1, 0xff, 0x00, "SPD: no module" },
    { SMBUS "/eeprom@55", EEPROM, { { 0 } }, 0x55, 1, 0xff, 0x00, "SPD: no module" },
    { SMBUS "/eeprom@56", EEPROM, { { 0 } }, 0x56, 1, 0xff, 0x00, "SPD: no module" },
    { SMBUS "/eeprom@57", EEPROM, { { 0 } }, 0x57, 1, 0xff, 0x00, "SPD: no module" },
    { "/fw-cfg@510", PORT, { { 0x510, 2, 0 } }, 0x511, 1, 0xff, 'Q', "signature" },
    { "/firmware", MEMORY, { { 0 } }, 0xfffffff0, 1, 0xff, 0xea, "jump at the reset vector" },
};

/* ---- accesses ---- */

static void store(QTest *qtest, AnswerKind kind, const Write *w)
{
    if (kind == MEMORY) {
        qtest_writel(qtest, w->at, w->value);
    } else if (w->size == 1) {
        qtest_outb(qtest, w->at, w->value);
    } else if (w->size == 2) {
        qtest_outw(qtest, w->at, w->value);
    } else {
        qtest_outl(qtest, w->at, w->value);
    }
}

/* A byte read over the PIIX4's SMBus host: 82371AB, 7.4 and 11.3. */
static uint8_t read_eeprom(QTest *qtest, unsigned address, uint8_t offset)
{
    enum { BASE = 0x700, STATUS = 0, CONTROL = 2, COMMAND = 3, ADDRESS = 4, DATA0 = 5 };
    enum { BYTE_DATA = 2 << 2, START = 1 << 6, INTERRUPTED = 1 << 1 };

    qtest_pci_writel(qtest, 1, 3, 0x90, BASE | 1);
    qtest_pci_writeb(qtest, 1, 3, 0xd2, 1);
    qtest_outb(qtest, BASE + STATUS, 0x1e);
    qtest_outb(qtest, BASE + ADDRESS, address << 1 | 1);
    qtest_outb(qtest, BASE + COMMAND, offset);
    qtest_outb(qtest, BASE + CONTROL, BYTE_DATA | START);
    qtest_clock_step(qtest, 10 * 1000 * 1000);
    g_assert_cmphex(qtest_inb(qtest, BASE + STATUS), ==, INTERRUPTED);
    return qtest_inb(qtest, BASE + DATA0);
}

static uint32_t load(QTest *qtest, const Answer *answer)
{
    switch (answer->kind) {
    case CONFIG:
        return qtest_pci_readl(qtest, answer->at >> 12, answer->at >> 8 & 0xf,
                               answer->at & 0xff);
    case EEPROM:
        return read_eeprom(qtest, answer->at, 0);
    case MEMORY:
    case GATED:
        return answer->size == 1 ? qtest_readb(qtest, answer->at)
                                 : qtest_readl(qtest, answer->at);
    default:
        return answer->size == 1 ? qtest_inb(qtest, answer->at) : qtest_inl(qtest, answer->at);
    }
}

static void test_answers(void)
{
    QTest *qtest = qtest_start("-machine pc " EVERYTHING);

    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        const Answer *answer = &answers[i];
        uint32_t value;
        for (unsigned n = 0; n < G_N_ELEMENTS(answer->first) && answer->first[n].size; n++) {
            store(qtest, answer->kind, &answer->first[n]);
        }
        value = load(qtest, answer) & answer->mask;
        if (value != answer->value) {
            g_test_message("%s (%s) answers 0x%x, not 0x%x", answer->node, answer->what, value,
                           answer->value);
            g_test_fail();
        }
    }
    qtest_stop(qtest);
}

/* ---- all of them ---- */

static bool has_row(const char *node)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(answers); i++) {
        if (g_str_equal(answers[i].node, node)) {
            return true;
        }
    }
    return false;
}

static char *report(void)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "vmm-report-XXXXXX", NULL);
    int fd = g_mkstemp(path);
    char *text = NULL;

    g_assert_cmpint(fd, >=, 0);
    g_close(fd, NULL);
    g_assert_cmpint(qtest_run(NULL, "-machine pc -machine-check -machine-report %s " EVERYTHING,
                              path), ==, 0);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_unlink(path);
    return text;
}

static void test_complete(void)
{
    g_autofree char *text = report();
    g_autoptr(GRegex) node = g_regex_new("\"path\": \"([^\"]+)\", \"compatible\": \"[^\"]*\", "
                                         "\"tier\": \"(\\w+)\"", 0, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    unsigned count = 0;

    for (g_regex_match(node, text, 0, &match); g_match_info_matches(match);
         g_match_info_next(match, NULL), count++) {
        g_autofree char *path = g_match_info_fetch(match, 1);
        g_autofree char *tier = g_match_info_fetch(match, 2);
        if (!has_row(path) || !g_str_equal(tier, "exact")) {
            g_test_message("%s: %s", path, has_row(path) ? tier : "no row says how it answers");
            g_test_fail();
        }
    }
    g_assert_cmpuint(count, ==, G_N_ELEMENTS(answers));
}

/* ---- code ---- */

static void test_disassembly(void)
{
    QTest *qtest = qtest_start("-machine pc");
    g_autofree char *text = NULL;

    /* mov $0x1234, %ax; nop; and what no instruction is */
    qtest_writel(qtest, 0x1000, 0x901234b8);
    qtest_writel(qtest, 0x1004, 0xffffffff);
    text = qtest_hmp(qtest, "xp /3i 0x1000");
    if (strstr(text, "No instructions")) {
        g_test_skip("no capstone");
    } else {
        g_assert_cmpstr(text, ==,
                        "0x00001000:  b8 34 12                 movw     $0x1234, %ax\r\n"
                        "0x00001003:  90                       nop      \r\n"
                        "0x00001004:  ff                       .byte    0xff\r\n");
    }
    qtest_stop(qtest);
}

/* At reset CS's base is not 16 times its selector (SDM volume 3, Processor State After Reset). */
static void test_program_counter(void)
{
    static const struct {
        const char *name, *value;
    } rows[] = {
        { "pc", "0xfffffff0" }, { "eip", "0xfff0" }, { "rip", "0xfff0" }, { "cs", "0xf000" },
        { "cs.base", "0xffff0000" }, { "cs_base", "0xffff0000" }, { "ds.base", "0" },
    };
    QTest *qtest = qtest_start("-machine pc");
    g_autofree char *code = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *text = qtest_hmp(qtest, "print $%s", rows[i].name);
        g_assert_cmpstr(g_strchomp(text), ==, rows[i].value);
    }
    code = qtest_hmp(qtest, "x /1i $pc");
    if (strstr(code, "No instructions")) {
        g_test_skip("no capstone");
    } else {
        g_assert_nonnull(strstr(code, "0xfffffff0:  ea "));
        g_assert_nonnull(strstr(code, "ljmpw    $0xf000:$"));
    }
    qtest_stop(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pc/answers", test_answers);
    g_test_add_func("/pc/program-counter", test_program_counter);
    g_test_add_func("/pc/complete", test_complete);
    g_test_add_func("/pc/disassembly", test_disassembly);
    return g_test_run();
}
