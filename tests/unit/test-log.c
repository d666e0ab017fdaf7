/* SPDX-License-Identifier: MIT */
/* The log: items, ranges of addresses, patterns of trace points, and the file that it goes to. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static void test_items(void)
{
    g_autoptr(GError) error = NULL;

    g_assert_true(log_set_items("int,unimp", &error));
    g_assert_cmpuint(log_mask, ==, LOG_INT | LOG_UNIMPLEMENTED);
    g_assert_true(log_set_items("exec,none,page", &error));
    g_assert_cmpuint(log_mask, ==, LOG_PAGE);
    g_assert_false(log_set_items("guest_erors", &error));
    g_assert_nonnull(strstr(error->message, "'guest_errors'"));
    log_mask = 0;
}

static void test_filter(void)
{
    static const struct {
        const char *ranges;    /* NULL in `in`: an error */
        guint64 in[2], out[2];
    } rows[] = {
        { "0x1000+0x100", { 0x1000, 0x10ff }, { 0xfff, 0x1100 } },
        { "0x1000..0x1100", { 0x1000, 0x1100 }, { 0xfff, 0x1101 } },
        { "0x1000-0x100", { 0xf00, 0xfff }, { 0xeff, 0x1000 } },
        { "0x10+1,0xffffffff81000000+4096", { 0x10, 0xffffffff81000fff }, { 0x11, 0xffffffff81001000 } },
        { "0..0xffffffffffffffff", { 0, G_MAXUINT64 } },
    };
    static const char *const wrong[] = {
        "", "x", "0x1000", "0x1000+", "+1", "0x10..0xf", "1+0", "1-0", "0xffffffffffffffff+2", "0x10-0x11",
        "0x10...0x20", "1+2,", "1 + 2", "0x10000000000000000+1",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_true(log_set_filter(NULL, &error));
        g_assert_true(log_address_wanted(rows[i].out[0]));
        g_assert_true(log_set_filter(rows[i].ranges, &error));
        for (unsigned n = 0; n < 2; n++) {
            g_assert_true(log_address_wanted(rows[i].in[n]));
            g_assert_cmpint(log_address_wanted(rows[i].out[n]), ==, rows[i].out[n] == rows[i].in[0]);
        }
    }
    g_assert_true(log_set_filter(NULL, NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(log_set_filter(wrong[i], &error));
        g_assert_nonnull(error);
    }
    g_assert_true(log_set_filter(NULL, NULL));
}

static void test_patterns(void)
{
    log_trace_enable("a.*");
    g_assert_true(log_trace_wanted("a.b"));
    g_assert_false(log_trace_wanted("b.a"));
    log_trace_enable("-a.b");
    g_assert_false(log_trace_wanted("a.b"));
    g_assert_true(log_trace_wanted("a.c"));
    log_trace_enable("-*");
    g_assert_false(log_trace_wanted("a.c"));
    log_mask = 0;
}

static char *temporary(const char *name)
{
    return g_strdup_printf("%s/vmm-test-log-%d-%s", g_get_tmp_dir(), (int)getpid(), name);
}

static gpointer write_lines(gpointer stop)
{
    while (!g_atomic_int_get((int *)stop)) {
        log_write(LOG_INT, "a line");
    }
    return NULL;
}

/* `logfile` of a monitor, while CPUs log. */
static void test_change_file(void)
{
    char *path[] = { temporary("a"), temporary("b") };
    g_autofree char *text = NULL;
    GThread *threads[4];
    int stop = 0;

    log_mask = LOG_INT;
    g_assert_true(log_open(path[0], NULL));
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        threads[i] = g_thread_new("writer", write_lines, &stop);
    }
    for (unsigned i = 0; i < 300; i++) {
        g_assert_true(log_open(path[i & 1], NULL));
        g_usleep(100);
    }
    g_atomic_int_set(&stop, 1);
    for (unsigned i = 0; i < G_N_ELEMENTS(threads); i++) {
        g_thread_join(threads[i]);
    }
    log_mask = 0;
    log_close();
    g_assert_true(g_file_get_contents(path[1], &text, NULL, NULL));
    for (const char *line = text; *line; line += strlen("a line\n")) {
        g_assert_true(g_str_has_prefix(line, "a line\n"));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(path); i++) {
        g_unlink(path[i]);
        g_free(path[i]);
    }
}

static void test_file_name(void)
{
    g_autofree char *pattern = temporary("%d.log");
    g_autofree char *number = g_strdup_printf("%d.log", (int)getpid());
    g_autofree char *path = temporary(number);

    g_assert_true(log_open(pattern, NULL));
    log_close();
    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_false(log_open("/nonexistent/log", NULL));
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/log/items", test_items);
    g_test_add_func("/log/filter", test_filter);
    g_test_add_func("/log/patterns", test_patterns);
    g_test_add_func("/log/change-file", test_change_file);
    g_test_add_func("/log/file-name", test_file_name);
    return g_test_run();
}
