/* SPDX-License-Identifier: MIT */
/* The board that docs/user/boards.rst shows is valid, and does what the page says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/qtest/libqtest.h"

static const char *board;

static void need_dtc(void)
{
    g_autofree char *dtc = g_find_program_in_path("dtc");

    if (!dtc) {
        g_print("1..0 # SKIP dtc is not installed\n");
        exit(0);
    }
}

static void test_check(void)
{
    g_autofree char *message = NULL;

    g_assert_cmpint(qtest_run(&message, "-machine %s -machine-check", board), ==, 0);
    g_assert_cmpstr(message, ==, "");
}

static void test_ports(void)
{
    QTest *qtest = qtest_start("-machine %s -debugcon null", board);

    g_assert_cmphex(qtest_inb(qtest, 0x4ed), ==, 0x60);
    g_assert_cmphex(qtest_register(qtest, "fast", "LSR"), ==, 0x60);
    g_assert_cmphex(qtest_inb(qtest, 0x402), ==, 0xe9);
    g_assert_cmphex(qtest_inb(qtest, 0x3fd), ==, 0x60);
    qtest_stop(qtest);
    /* A device is found by its name, though its backend has the same. */
    qtest = qtest_start("-machine %s -serial null", board);
    g_assert_cmphex(qtest_register(qtest, "serial0", "LSR"), ==, 0x60);
    /* -m is not given, so RAM is as large as the board says. */
    qtest_writel(qtest, 0x3fffffc, 0x12345678);
    g_assert_cmphex(qtest_readl(qtest, 0x3fffffc), ==, 0x12345678);
    g_assert_cmphex(qtest_readl(qtest, 0x4000000), ==, 0xffffffff);
    qtest_stop(qtest);
}

/* IER's THRE bit raises IRQ11: through the bridge to line 3 of the second 8259. */
static void test_interrupt(void)
{
    QTest *qtest = qtest_start("-machine %s", board);

    qtest_intercept_in(qtest, "pic1");
    qtest_outb(qtest, 0x4ec, 8);   /* MCR: OUT2 lets the interrupt out */
    qtest_outb(qtest, 0x4e9, 2);
    g_assert_true(qtest_irq(qtest, 3));
    qtest_outb(qtest, 0x4e9, 0);
    g_assert_false(qtest_irq(qtest, 3));
    qtest_stop(qtest);
}

/* Without a -debugcon there is none, and -machine log=off takes it away. */
static void test_switches(void)
{
    QTest *qtest = qtest_start("-machine %s", board);

    g_assert_cmphex(qtest_inb(qtest, 0x402), ==, 0xff);
    qtest_stop(qtest);
    qtest = qtest_start("-machine %s,log=off -debugcon null", board);
    g_assert_cmphex(qtest_inb(qtest, 0x402), ==, 0xff);
    qtest_stop(qtest);
}

/* The board with a change: what it is told to be wrong with. */
static void expect_refused(const char *from, const char *to, const char *message)
{
    g_autofree char *text = NULL, *path = NULL, *said = NULL, *changed = NULL;
    g_autofree char *directory = g_dir_make_tmp("vmm-board-XXXXXX", NULL);
    g_auto(GStrv) parts = NULL;

    g_assert_true(g_file_get_contents(board, &text, NULL, NULL));
    parts = g_strsplit(text, from, -1);
    g_assert_cmpuint(g_strv_length(parts), >, 1);
    changed = g_strjoinv(to, parts);
    path = g_strdup_printf("%s/board.dts", directory);
    g_assert_true(g_file_set_contents(path, changed, -1, NULL));
    g_assert_cmpint(qtest_run(&said, "-machine %s -machine-check", path), ==, 1);
    if (!strstr(said, message)) {
        g_error("'%s' is not in: %s", message, said);
    }
    remove(path);
    remove(directory);
}

static void test_mistakes(void)
{
    expect_refused("<1 0x4e8 8>", "<1 0x3fc 8>", "/machine/host/bridge/fast: bank 'registers' at "
                   "0x3fc overlaps bank 'registers' of /machine/host/bridge/serial0");
    expect_refused("pic1:irq[0-7]", "pic1:irq[0-8]", "pin irq of isa-i8259 has the lines 0 to 7");
    expect_refused("pic1:irq[0-7]", "pic1:irq[0-6]", "8 lines cannot lead to 7");
    expect_refused("baudbase", "baudbas", "did you mean 'baudbase'?");
    expect_refused("device_type = \"cpu\";", "device_type = \"cpu\"; "
                   "vmm,wires = \"FERR -> bridge:ferr\";", "\"cpu[0]:PIN -> DEVICE:PIN\"");
    expect_refused("device_type = \"cpu\";", "device_type = \"cpu\"; clock-frequency = <5>;",
                   "property 'clock-frequency'");
    expect_refused("\"isa-pit\"", "\"isa-pot\"", "did you mean 'isa-pit'?");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_assert_cmpint(argc, ==, 2);
    board = argv[1];
    need_dtc();
    g_test_add_func("/board-example/check", test_check);
    g_test_add_func("/board-example/ports", test_ports);
    g_test_add_func("/board-example/interrupt", test_interrupt);
    g_test_add_func("/board-example/switches", test_switches);
    g_test_add_func("/board-example/mistakes", test_mistakes);
    return g_test_run();
}
