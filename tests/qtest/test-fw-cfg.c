/* SPDX-License-Identifier: MIT */
/* fw_cfg and the PC's firmware device as a guest meets them, on a board with little else. */
#include <glib/gstdio.h>
#include <string.h>

#include "base/bits.h"
#include "tests/qtest/libqtest.h"

#define BOARD                                                                                  \
    "ram: ram { compatible = \"memory-backend-ram\"; vmm,template = \"ram\"; };"               \
    "host { compatible = \"i440FX-pcihost\"; memory = <&ram>;"                                 \
    "  #address-cells = <3>; #size-cells = <2>;"                                               \
    "  pmc@0 { compatible = \"i440FX\"; reg = <0 0 0 0 0>; }; };"                              \
    "fw-cfg { compatible = \"qemu,fw-cfg-io\"; };"                                             \
    "firmware { compatible = \"vmm,pc-firmware\"; };"

enum { SELECTOR = 0x510, DATA = 0x511, DMA = 0x514 };
enum { KEY_SIGNATURE = 0, KEY_RAM_SIZE = 3, KEY_CPUS = 5, KEY_DIR = 0x19 };

static void read_item(QTest *qtest, uint16_t key, void *to, size_t length)
{
    qtest_outw(qtest, SELECTOR, key);
    for (size_t i = 0; i < length; i++) {
        ((uint8_t *)to)[i] = qtest_inb(qtest, DATA);
    }
}

/* The key of a file and its size; fails the test when it is not in the directory. */
static uint16_t find_file(QTest *qtest, const char *name, uint32_t *size)
{
    uint8_t count[4], entry[64];

    read_item(qtest, KEY_DIR, count, sizeof(count));
    for (unsigned i = 0; i < load_be(count, 4); i++) {
        for (unsigned b = 0; b < sizeof(entry); b++) {
            entry[b] = qtest_inb(qtest, DATA);
        }
        if (!strcmp((char *)entry + 8, name)) {
            *size = load_be(entry, 4);
            return load_be(entry + 4, 2);
        }
    }
    g_error("fw_cfg has no file '%s'", name);
}

/* Reads a whole file by DMA to `address`; returns its size. */
static uint32_t dma_file(QTest *qtest, const char *name, uint64_t address)
{
    enum { READ = 2, SELECT = 8, COMMAND_AT = 0x1000 };
    uint32_t size;
    uint16_t key = find_file(qtest, name, &size);
    uint8_t command[16];

    store_be(command, key << 16 | SELECT | READ, 4);
    store_be(command + 4, size, 4);
    store_be(command + 8, address, 8);
    qtest_write(qtest, COMMAND_AT, command, sizeof(command));
    qtest_outl(qtest, DMA, 0);
    qtest_outl(qtest, DMA + 4, GUINT32_SWAP_LE_BE(COMMAND_AT));
    g_assert_cmphex(qtest_readl(qtest, COMMAND_AT), ==, 0);
    return size;
}

static char *make_bios(void)
{
    char *path = g_build_filename(g_get_tmp_dir(), "qtest-bios-XXXXXX", NULL);
    g_autofree char *bytes = g_malloc(0x20000);

    g_close(g_mkstemp(path), NULL);
    memset(bytes, 0xf4, 0x20000);
    memcpy(bytes + 0x1fff0, "RESET", 5);
    g_assert_true(g_file_set_contents(path, bytes, 0x20000, NULL));
    return path;
}

static void test_bios(void)
{
    g_autofree char *bios = make_bios();
    QTest *qtest =
        qtest_start_board(BOARD,
                          "-m 64M -bios %s -fw_cfg name=opt/org.test/x,string=hello -uuid "
                          "00112233-4455-6677-8899-aabbccddeeff -smbios type=1,serial=SN",
                          bios);
    uint8_t bytes[32];

    if (!qtest) {
        return;
    }
    read_item(qtest, KEY_SIGNATURE, bytes, 4);
    g_assert_cmpmem(bytes, 4, "QEMU", 4);
    read_item(qtest, KEY_RAM_SIZE, bytes, 8);
    g_assert_cmpuint(load_le(bytes, 8), ==, 64 << 20);
    g_assert_cmpuint(dma_file(qtest, "opt/org.test/x", 0x2000), ==, 5);
    qtest_read(qtest, 0x2000, bytes, 5);
    g_assert_cmpmem(bytes, 5, "hello", 5);
    g_assert_cmpuint(dma_file(qtest, "etc/e820", 0x2000), ==, 20);
    g_assert_cmphex(qtest_readq(qtest, 0x2000), ==, 0);
    g_assert_cmphex(qtest_readq(qtest, 0x2008), ==, 64 << 20);
    g_assert_cmpuint(dma_file(qtest, "etc/acpi/rsdp", 0x2000), ==, 36);
    qtest_read(qtest, 0x2000, bytes, 8);
    g_assert_cmpmem(bytes, 8, "RSD PTR ", 8);
    g_assert_cmpuint(dma_file(qtest, "etc/table-loader", 0x2000) % 128, ==, 0);
    dma_file(qtest, "etc/smbios/smbios-tables", 0x2000);
    qtest_read(qtest, 0x2008, bytes, 16);
    g_assert_cmpmem(bytes, 8, "\x33\x22\x11\x00\x55\x44\x77\x66", 8);
    /* The image, at both places. */
    qtest_read(qtest, 0xfffffff0, bytes, 5);
    g_assert_cmpmem(bytes, 5, "RESET", 5);
    qtest_read(qtest, 0xffff0, bytes, 5);
    g_assert_cmpmem(bytes, 5, "RESET", 5);
    qtest_writeb(qtest, 0xfffffff0, 0);
    g_assert_cmphex(qtest_readb(qtest, 0xfffffff0), ==, 'R');
    qtest_stop(qtest);
    g_remove(bios);
}

/* What the tables say of the places that firmware chooses. */
typedef struct Placement {
    uint32_t pm1_event, pm1_control, pm_timer, gpe;
    uint64_t x_pm1_control;
    uint32_t size;
    bool has_window_end; /* some integer of the DSDT is `window_end` */
} Placement;

static Placement read_placement(QTest *qtest, uint64_t window_end)
{
    uint32_t size = dma_file(qtest, "etc/acpi/tables", 0x10000);
    g_autofree uint8_t *tables = g_malloc(size);
    uint8_t end[8], *fadt, *dsdt;

    qtest_read(qtest, 0x10000, tables, size);
    fadt = memmem(tables, size, "FACP", 4);
    dsdt = memmem(tables, size, "DSDT", 4);
    g_assert_true(fadt && dsdt);
    store_le(end, window_end, 8);
    return (Placement){
        .pm1_event = load_le(fadt + 56, 4),
        .pm1_control = load_le(fadt + 64, 4),
        .pm_timer = load_le(fadt + 76, 4),
        .gpe = load_le(fadt + 80, 4),
        .x_pm1_control = load_le(fadt + 172 + 4, 8),
        .size = size,
        .has_window_end = memmem(dsdt, load_le(dsdt + 4, 4), end, 8),
    };
}

static void check_power(const Placement *placement, uint16_t base)
{
    g_assert_cmphex(placement->pm1_event, ==, base);
    g_assert_cmphex(placement->pm1_control, ==, base + 4);
    g_assert_cmphex(placement->x_pm1_control, ==, base + 4);
    g_assert_cmphex(placement->pm_timer, ==, base + 8);
    g_assert_cmphex(placement->gpe, ==, base + 12);
}

/* The tables follow what the BIOS does to the chips before it reads them, and keep their size. */
static void test_placement(void)
{
    enum { PMBA = 0x40, COMMAND = 4, COMMAND_MEMORY = 2, BAR2 = 0x18 };
    const uint64_t bar = 0x1000000000, before_bar = 0x8ffffffff;
    g_autofree char *bios = make_bios();
    QTest *qtest =
        qtest_start("-machine pc -m 64M -bios %s -device pci-testdev,membar=1M,addr=5", bios);
    Placement placement = read_placement(qtest, before_bar);
    uint32_t size = placement.size, bar_size;

    check_power(&placement, 0x600);
    g_assert_true(placement.has_window_end);
    qtest_pci_writel(qtest, 1, 3, PMBA, 0xb001);
    qtest_pci_writel(qtest, 5, 0, BAR2, 0xffffffff);
    bar_size = -(qtest_pci_readl(qtest, 5, 0, BAR2) & ~0xfu);
    qtest_pci_writel(qtest, 5, 0, BAR2, (uint32_t)bar);
    qtest_pci_writel(qtest, 5, 0, BAR2 + 4, bar >> 32);
    qtest_pci_writew(qtest, 5, 0, COMMAND, COMMAND_MEMORY);
    placement = read_placement(qtest, bar + bar_size - 1);
    check_power(&placement, 0xb000);
    g_assert_true(placement.has_window_end);
    g_assert_cmpuint(placement.size, ==, size);
    /* Over RAM, a base address says nothing of the windows; nowhere, PMBA has its usual place. */
    qtest_pci_writel(qtest, 5, 0, BAR2, 0x2000000);
    qtest_pci_writel(qtest, 5, 0, BAR2 + 4, 0);
    qtest_pci_writel(qtest, 1, 3, PMBA, 1);
    placement = read_placement(qtest, before_bar);
    check_power(&placement, 0x600);
    g_assert_true(placement.has_window_end);
    g_assert_cmpuint(placement.size, ==, size);
    qtest_stop(qtest);
    g_remove(bios);
}

/* A Multiboot kernel of two instructions, which needs no more than its header. */
static char *make_kernel(void)
{
    char *path = g_build_filename(g_get_tmp_dir(), "qtest-kernel-XXXXXX", NULL);
    uint8_t bytes[0x400] = { 0 };
    uint32_t flags = 1 << 16;

    g_close(g_mkstemp(path), NULL);
    store_le(bytes, 0x1badb002, 4);
    store_le(bytes + 4, flags, 4);
    store_le(bytes + 8, -(0x1badb002 + flags), 4);
    store_le(bytes + 12, 0x100000, 4); /* header, load, load end, bss end, entry */
    store_le(bytes + 16, 0x100000, 4);
    store_le(bytes + 20, 0x100400, 4);
    store_le(bytes + 28, 0x100020, 4);
    bytes[0x20] = 0xfa;
    bytes[0x21] = 0xf4;
    g_assert_true(g_file_set_contents(path, (char *)bytes, sizeof(bytes), NULL));
    return path;
}

static void check_direct(QTest *qtest)
{
    uint8_t bytes[8];

    g_assert_cmphex(qtest_readl(qtest, 0x100000), ==, 0x1badb002);
    qtest_read(qtest, 0xf0000, bytes, 8);
    g_assert_cmpmem(bytes, 8, "RSD PTR ", 8);
    g_assert_cmphex(qtest_pci_readb(qtest, 0, 0, 0x5f), ==, 0x33);
}

/* Without a BIOS, the first time and after a reset that follows a guest's vandalism. */
static void test_direct(void)
{
    g_autofree char *kernel = make_kernel();
    QTest *qtest = qtest_start_board(BOARD, "-m 64M -kernel %s", kernel);
    g_autoptr(GVariant) reply = NULL, event = NULL;

    if (!qtest) {
        return;
    }
    check_direct(qtest);
    qtest_memset(qtest, 0xf0000, 0xee, 0x10000);
    qtest_memset(qtest, 0x100000, 0xee, 0x1000);
    reply = qtest_qmp(qtest, "{\"execute\": \"system_reset\"}");
    event = qtest_event(qtest, "RESET");
    check_direct(qtest);
    qtest_stop(qtest);
    g_remove(kernel);
}

/* What a kernel finds on the whole PC: the chips as a BIOS would have left them. */
static void test_pc(void)
{
    g_autofree char *kernel = make_kernel();
    QTest *qtest = qtest_start("-machine pc -m 64M -kernel %s -device pci-bridge,chassis_nr=1,"
                               "addr=4.0",
                               kernel);

    for (unsigned i = 0; i < 2; i++) {
        check_direct(qtest);
        g_assert_cmphex(qtest_pci_readl(qtest, 1, 0, 0x60), ==, 0x0b0b0a0a);
        g_assert_cmphex(qtest_inb(qtest, 0x4d0), ==, 0x00);
        g_assert_cmphex(qtest_inb(qtest, 0x4d1), ==, 0x0e);
        g_assert_cmphex(qtest_pci_readl(qtest, 1, 3, 0x40), ==, 0x601);
        g_assert_cmphex(qtest_pci_readl(qtest, 1, 3, 0x90), ==, 0x701);
        g_assert_cmphex(qtest_pci_readb(qtest, 1, 3, 0x3c), ==, 9);
        g_assert_cmphex(qtest_inw(qtest, 0x604) & 1, ==, 1); /* SCI_EN */
        g_assert_cmphex(qtest_inb(qtest, 0x92) & 3, ==, 2);
        g_assert_cmphex(qtest_pci_readl(qtest, 4, 0, 0x18) & 0xffffff, ==, 0x010100);
        if (!i) {
            g_autoptr(GVariant) G_GNUC_UNUSED reply =
                qtest_qmp(qtest, "{\"execute\": \"system_reset\"}");
            g_autoptr(GVariant) G_GNUC_UNUSED event = qtest_event(qtest, "RESET");
        }
    }
    qtest_stop(qtest);
    g_remove(kernel);
}

/* A Linux kernel of one page, protocol 2.15, together with a BIOS. */
static char *make_linux(void)
{
    char *path = g_build_filename(g_get_tmp_dir(), "qtest-linux-XXXXXX", NULL);
    uint8_t bytes[3 * 512 + 4096] = { 0 };

    g_close(g_mkstemp(path), NULL);
    bytes[0x1f1] = 2; /* sectors of setup code */
    store_le(bytes + 0x1f4, 4096 / 16, 4);
    store_le(bytes + 0x1fe, 0xaa55, 2);
    store_le(bytes + 0x200, 0x6aeb, 2);
    memcpy(bytes + 0x202, "HdrS", 4);
    store_le(bytes + 0x206, 0x020f, 2);
    bytes[0x211] = 1; /* loaded high */
    store_le(bytes + 0x22c, 0x37ffffff, 4);
    store_le(bytes + 0x230, 0x200000, 4);
    bytes[0x234] = 1;
    store_le(bytes + 0x238, 255, 4);
    store_le(bytes + 0x258, 0x1000000, 8);
    store_le(bytes + 0x260, 0x100000, 4);
    memset(bytes + 1536, 0x90, 4096);
    g_assert_true(g_file_set_contents(path, (char *)bytes, sizeof(bytes), NULL));
    return path;
}

static void test_kernel_with_bios(void)
{
    enum { KERNEL_ADDR = 7, KERNEL_SIZE = 8, KERNEL_DATA = 0x11, CMDLINE_DATA = 0x15 };
    g_autofree char *bios = make_bios(), *kernel = make_linux();
    QTest *qtest =
        qtest_start_board(BOARD, "-m 64M -bios %s -kernel %s -append one=1", bios, kernel);
    uint8_t bytes[32];
    uint32_t size;

    if (!qtest) {
        return;
    }
    read_item(qtest, KERNEL_ADDR, bytes, 4);
    g_assert_cmphex(load_le(bytes, 4), ==, 0x100000);
    read_item(qtest, KERNEL_SIZE, bytes, 4);
    g_assert_cmphex(load_le(bytes, 4), ==, 4096);
    read_item(qtest, KERNEL_DATA, bytes, 1);
    g_assert_cmphex(bytes[0], ==, 0x90);
    read_item(qtest, CMDLINE_DATA, bytes, 6);
    g_assert_cmpstr((char *)bytes, ==, "one=1");
    g_assert_cmpuint(dma_file(qtest, "bootorder", 0x2000), ==, 24);
    qtest_read(qtest, 0x2000, bytes, 24);
    g_assert_cmpstr((char *)bytes, ==, "/rom@genroms/kernel.bin");
    find_file(qtest, "genroms/kernel.bin", &size);
    g_assert_cmpuint(size % 512, ==, 0);
    qtest_stop(qtest);
    g_remove(bios);
    g_remove(kernel);
}

static void test_errors(void)
{
    static const char *const bad[][2] = {
        { "-machine none -kernel /etc/hostname", "cannot start a kernel" },
        { "-machine none -initrd /etc/hostname", "-kernel" },
        { "-machine none -fw_cfg name=opt/x,string=y", "no device" },
        { "-machine none -smbios type=1", "no device" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *message = NULL;

        g_assert_cmpint(qtest_run(&message, "%s -accel qtest -display none", bad[i][0]), ==, 1);
        if (!strstr(message, bad[i][1])) {
            g_error("%s: the message lacks '%s': %s", bad[i][0], bad[i][1], message);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/fw-cfg/bios", test_bios);
    g_test_add_func("/fw-cfg/placement", test_placement);
    g_test_add_func("/fw-cfg/direct", test_direct);
    g_test_add_func("/fw-cfg/pc", test_pc);
    g_test_add_func("/fw-cfg/kernel-with-bios", test_kernel_with_bios);
    g_test_add_func("/fw-cfg/errors", test_errors);
    return g_test_run();
}
