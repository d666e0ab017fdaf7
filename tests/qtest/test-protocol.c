/* SPDX-License-Identifier: MIT */
/* The qtest protocol itself, and the command line around it. */
#include <string.h>

#include "tests/qtest/libqtest.h"

static void expect(QTest *qtest, const char *command, const char *answer)
{
    g_autofree char *line = qtest_command(qtest, "%s", command);

    g_assert_cmpstr(line, ==, answer);
}

static void test_answers(void)
{
    QTest *qtest = qtest_start("-machine none");

    expect(qtest, "endianness", "OK little");
    expect(qtest, "clock_step 1000", "OK 1000");
    expect(qtest, "clock_step", "OK 1000");
    expect(qtest, "clock_set 5000", "OK 5000");
    expect(qtest, "inb 0x80", "OK 0x00ff");
    expect(qtest, "inl 0x80", "OK 0xffffffff");
    expect(qtest, "readw 0x1000", "OK 0x000000000000ffff");
    expect(qtest, "read 0x1000 2", "OK 0xffff");
    expect(qtest, "read 0x1000 0", "OK 0x");
    expect(qtest, "b64read 0x1000 3", "OK ////");
    expect(qtest, "memset 0x1000 16 1", "OK");
    qtest_stop(qtest);
}

static void test_malformed(void)
{
    static const char *const lines[] = {
        "bogus", "outb", "outb 1", "outb x 1", "outb 1 2 3", "inb zzz", "readl 0x",
        "read 0 0xffffffffffffffff", "write 0 4 1234", "write 0 4 0x123", "write 0 4 0xzz",
        "memset 0 0xffffffffff 0", "clock_step 99999999999999999999", "b64write 0 4 AA==",
        "irq_intercept_in /nowhere", "set_irq_in a b c d", "a b c d e f g h i j",
        "register_read nothing X", "pin_read nothing irq", "module_load a b",
    };
    QTest *qtest = qtest_start("-machine none");

    for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
        g_autofree char *line = qtest_command(qtest, "%s", lines[i]);
        if (!g_str_has_prefix(line, "FAIL")) {
            g_error("'%s' answers '%s'", lines[i], line);
        }
    }
    expect(qtest, "endianness", "OK little");
    qtest_stop(qtest);
}

static void test_shutdown_event(void)
{
    QTest *qtest = qtest_start("-machine none");
    g_autoptr(GVariant) G_GNUC_UNUSED reply = qtest_qmp(qtest, "{\"execute\": \"quit\"}");
    g_autoptr(GVariant) event = qtest_event(qtest, "SHUTDOWN");
    g_autofree char *text = g_variant_print(event, FALSE);

    g_assert_nonnull(strstr(text, "host-qmp-quit"));
    g_assert_cmpint(qtest_wait_exit(qtest), ==, 0);
}

static void expect_error(const char *arguments, const char *part)
{
    g_autofree char *message = NULL;
    int status = qtest_run(&message, "-accel qtest -display none %s", arguments);

    g_assert_cmpint(status, ==, 1);
    if (!strstr(message, part)) {
        g_error("'%s' says '%s', not '%s'", arguments, message, part);
    }
}

static void test_bad_options(void)
{
    expect_error("-machne none", "did you mean 'machine'");
    expect_error("-machine nonee", "did you mean 'none'");
    expect_error("-machine none -kernel a -kernel b", "given twice");
    expect_error("-machine none,bogus=1", "bogus");
    expect_error("-machine none -m 12x", "12x");
    expect_error("-machine none -smp 0", "-smp");
    expect_error("-machine none -smp cpus=1,socket=1", "did you mean 'sockets'");
    expect_error("-machine none -device isa-seriall", "did you mean 'isa-serial'");
    expect_error("-machine none -device isa-serial", "No 'ISA' bus");
    expect_error("-machine none -accel qtestt", "qtestt");
    expect_error("-machine /nonexistent.dtb", "nonexistent");
    expect_error("-machine none -kernel", "requires an argument");
    expect_error("-machine none -chardev nulll,id=a", "did you mean 'null'");
    expect_error("disk.img", "disk.img");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/qtest/answers", test_answers);
    g_test_add_func("/qtest/malformed", test_malformed);
    g_test_add_func("/qtest/shutdown-event", test_shutdown_event);
    g_test_add_func("/qtest/bad-options", test_bad_options);
    return g_test_run();
}
