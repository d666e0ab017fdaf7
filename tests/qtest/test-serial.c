/* SPDX-License-Identifier: MIT */
/* The PC's serial and parallel ports and debug console, from the guest to their backends. */
#include <glib/gstdio.h>
#include <string.h>

#include "tests/qtest/libqtest.h"

enum { COM1 = 0x3f8, COM2 = 0x2f8, LPT1 = 0x378, DEBUGCON = 0xe9 };
enum { DATA, IER, FCR_IIR, LCR, MCR, LSR };

/* What the guest wrote to the ring buffer of this id. */
static void expect_ring(QTest *qtest, const char *id, const char *expected)
{
    g_autoptr(GVariant) reply = qtest_qmp(
        qtest, "{\"execute\": \"ringbuf-read\", \"arguments\": {\"device\": \"%s\", "
        "\"size\": 1000}}", id);
    g_autoptr(GVariant) text = g_variant_lookup_value(reply, "return", G_VARIANT_TYPE_STRING);

    g_assert_nonnull(text);
    g_assert_cmpstr(g_variant_get_string(text, NULL), ==, expected);
}

static void write_text(QTest *qtest, uint16_t port, const char *text)
{
    for (; *text; text++) {
        qtest_outb(qtest, port, *text);
    }
}

static void test_output(void)
{
    QTest *qtest = qtest_start("-machine pc -chardev ringbuf,id=a -chardev ringbuf,id=b "
                               "-serial chardev:a -serial chardev:b");

    write_text(qtest, COM1, "to the first");
    write_text(qtest, COM2, "to the second");
    expect_ring(qtest, "a", "to the first");
    expect_ring(qtest, "b", "to the second");
    qtest_stop(qtest);
}

/* A file is read as fast as the guest takes it. */
static void test_input(void)
{
    static const char text[] = "What comes in waits for the guest, byte by byte.\n";
    g_autofree char *in = g_build_filename(g_get_tmp_dir(), "qtest-serial-XXXXXX", NULL);
    g_autoptr(GString) got = g_string_new(NULL);
    gint64 deadline = g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND;
    QTest *qtest;

    g_close(g_mkstemp(in), NULL);
    g_assert_true(g_file_set_contents(in, text, -1, NULL));
    qtest = qtest_start("-machine pc -chardev file,id=f,path=/dev/null,input-path=%s "
                        "-serial chardev:f", in);
    while (got->len < strlen(text)) {
        g_assert_cmpint(g_get_monotonic_time(), <, deadline);
        if (qtest_inb(qtest, COM1 + LSR) & 0x01) {
            g_string_append_c(got, qtest_inb(qtest, COM1 + DATA));
        }
    }
    g_assert_cmpstr(got->str, ==, text);
    qtest_stop(qtest);
    g_unlink(in);
}

static void test_interrupts(void)
{
    QTest *qtest = qtest_start("-machine pc -serial null -serial null");

    qtest_intercept_in(qtest, "ioapic");
    qtest_outb(qtest, COM1 + IER, 0x02);
    g_assert_true(qtest_irq(qtest, 4));
    g_assert_cmphex(qtest_inb(qtest, COM1 + FCR_IIR), ==, 0x02);
    g_assert_false(qtest_irq(qtest, 4));
    qtest_outb(qtest, COM2 + IER, 0x02);
    g_assert_true(qtest_irq(qtest, 3));
    g_assert_false(qtest_irq(qtest, 4));
    qtest_stop(qtest);
}

/* The time-out interrupt, in stepped time, by the names of registers and pins. */
static void test_timeout(void)
{
    QTest *qtest = qtest_start("-machine pc -serial null");

    qtest_set_register(qtest, "piix3/serial0", "LCR", 0x03);
    qtest_set_register(qtest, "piix3/serial0", "FCR", 0xc1);
    qtest_set_register(qtest, "piix3/serial0", "IER", 0x01);
    qtest_set_register(qtest, "piix3/serial0", "MCR", 0x10);
    qtest_set_register(qtest, "piix3/serial0", "THR", 'x');
    g_assert_cmphex(qtest_register(qtest, "piix3/serial0", "LSR"), ==, 0x61);
    qtest_clock_step(qtest, 4166600);
    g_assert_false(qtest_pin(qtest, "piix3/serial0", "irq", 0));
    qtest_clock_step(qtest, 100);
    g_assert_true(qtest_pin(qtest, "piix3/serial0", "irq", 0));
    g_assert_cmphex(qtest_register(qtest, "piix3/serial0", "IIR"), ==, 0xcc);
    qtest_stop(qtest);
}

static void test_more_ports(void)
{
    QTest *qtest = qtest_start("-machine pc -serial null -chardev ringbuf,id=r "
                               "-device isa-serial,chardev=r,id=more "
                               "-device isa-debugcon,chardev=d,iobase=0x402 "
                               "-chardev ringbuf,id=d");
    g_autofree char *message = NULL;

    write_text(qtest, COM2, "second");
    expect_ring(qtest, "r", "second");
    write_text(qtest, 0x402, "debug");
    expect_ring(qtest, "d", "debug");
    g_assert_cmphex(qtest_inb(qtest, 0x402), ==, 0xe9);
    qtest_stop(qtest);

    g_assert_cmpint(qtest_run(&message, "-machine pc -device isa-serial,chrdev=x"), ==, 1);
    g_assert_nonnull(strstr(message, "chardev"));
    g_clear_pointer(&message, g_free);
    g_assert_cmpint(qtest_run(&message, "-machine pc -serial null -device isa-serial,index=0"),
                    ==, 1);
    g_assert_nonnull(strstr(message, "overlaps"));
    g_clear_pointer(&message, g_free);
    g_assert_cmpint(qtest_run(&message, "-machine pc -chardev null,id=n -serial chardev:n "
                              "-device isa-serial,chardev=n"), ==, 1);
    g_assert_nonnull(strstr(message, "in use"));
}

static void test_parallel(void)
{
    QTest *qtest = qtest_start("-machine pc -chardev ringbuf,id=r -parallel chardev:r");

    qtest_intercept_in(qtest, "ioapic");
    for (const char *p = "paper"; *p; p++) {
        g_assert_cmphex(qtest_inb(qtest, LPT1 + 1) & 0x80, ==, 0x80);
        qtest_outb(qtest, LPT1, *p);
        qtest_outb(qtest, LPT1 + 2, 0x1d);
        qtest_outb(qtest, LPT1 + 2, 0x1c);
        qtest_clock_step(qtest, 5000);
        g_assert_true(qtest_irq(qtest, 7));
        qtest_inb(qtest, LPT1 + 1);
        g_assert_false(qtest_irq(qtest, 7));
    }
    expect_ring(qtest, "r", "paper");
    qtest_stop(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/serial/output", test_output);
    g_test_add_func("/serial/input", test_input);
    g_test_add_func("/serial/interrupts", test_interrupts);
    g_test_add_func("/serial/timeout", test_timeout);
    g_test_add_func("/serial/more-ports", test_more_ports);
    g_test_add_func("/parallel", test_parallel);
    return g_test_run();
}
