/* SPDX-License-Identifier: MIT */
/* Options, short forms, help, and the backends without a far side: null, ringbuf, file, pipe. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/chardev-peer.h"

static void assert_file(const char *path, const char *expected)
{
    g_autofree char *text = NULL;

    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    g_assert_cmpstr(text, ==, expected);
}

static void test_no_backend(void)
{
    int fd;

    /* A device without a chardev calls all the same. */
    g_assert_true(chardev_attach(NULL, NULL, &fd, NULL));
    g_assert_cmpuint(chardev_write(NULL, "x", 1), ==, 1);
    g_assert_true(chardev_write_all(NULL, "x", 1));
    g_assert_true(chardev_flush(NULL, 1));
    g_assert_cmpuint(chardev_queued(NULL), ==, 0);
    g_assert_cmpuint(chardev_take_fds(NULL, &fd, 1), ==, 0);
    g_assert_false(chardev_set_break(NULL, true));
    g_assert_false(chardev_is_open(NULL));
    chardev_receive_resume(NULL);
    chardev_set_fe_open(NULL, true);
    chardev_detach(NULL, &fd);
}

static void test_null(void)
{
    Chardev *chardev = chardev_made("null,id=n");
    g_autofree char *name = chardev_filename(chardev);
    g_autoptr(GError) error = NULL;
    Recorder recorder;
    int other;

    g_assert_cmpstr(name, ==, "null");
    g_assert_true(chardev_find("n") == chardev);
    g_assert_false(chardev_fe_open(chardev));
    recorder_attach(&recorder, chardev);
    g_assert_cmpstr(recorder.events->str, ==, "O");
    g_assert_true(chardev_fe_open(chardev));
    g_assert_cmpuint(chardev_write(chardev, "abc", 3), ==, 3);
    g_assert_false(chardev_attach(chardev, NULL, &other, &error));
    g_assert_nonnull(strstr(error->message, "in use by another front end"));
    g_clear_error(&error);
    g_assert_false(chardev_remove("n", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'n' is busy");
    g_clear_error(&error);
    recorder_release(&recorder);
    g_assert_true(chardev_remove("n", NULL));
    g_assert_false(chardev_remove("n", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'n' not found");
}

static void assert_ringbuf(Chardev *chardev, size_t max, const char *expected)
{
    g_autoptr(GBytes) bytes = chardev_ringbuf_read(chardev, max, NULL);
    size_t size;
    const void *data = g_bytes_get_data(bytes, &size);

    g_assert_cmpmem(data, size, expected, strlen(expected));
}

static void test_ringbuf(void)
{
    Chardev *ring = chardev_made("ringbuf,id=r,size=8");
    Chardev *null = chardev_made("null,id=n");
    g_autoptr(GError) error = NULL;

    assert_ringbuf(ring, 10, "");
    g_assert_true(chardev_ringbuf_write(ring, "abcdef", 6, NULL));
    assert_ringbuf(ring, 2, "ab");
    /* Over the end, with nothing lost; then with the oldest lost. */
    g_assert_cmpuint(chardev_write(ring, "ghij", 4), ==, 4);
    assert_ringbuf(ring, 100, "cdefghij");
    chardev_write(ring, "0123456", 7);
    chardev_write(ring, "789", 3);
    assert_ringbuf(ring, 3, "234");
    assert_ringbuf(ring, 100, "56789");
    chardev_write(ring, "a long text that ends so", 24);
    assert_ringbuf(ring, 100, " ends so");
    g_assert_null(chardev_ringbuf_read(null, 1, &error));
    g_assert_cmpstr(error->message, ==, "n is not a ringbuf device");
    chardev_remove_all();
    assert_refused("ringbuf,id=r,size=100", "power of two");
    assert_refused("ringbuf,id=r,size=0", "out of range");
    assert_refused("ringbuf,id=r,size=2G", "out of range");
    assert_refused("ringbuf,id=r,size=many", "is not a size");
}

static void test_file(void)
{
    g_autofree char *path = test_path("file"), *input = test_path("input");
    g_autofree char *options = g_strdup_printf("file,id=f,path=%s", path);
    g_autofree char *more = g_strdup_printf("%s,append=on", options);
    g_autofree char *both = g_strdup_printf("%s,input-path=%s", options, input);
    Recorder recorder;

    g_assert_true(chardev_write_all(chardev_made(options), "one", 3));
    chardev_remove_all();
    assert_file(path, "one");
    g_assert_true(chardev_write_all(chardev_made(more), "two", 3));
    chardev_remove_all();
    assert_file(path, "onetwo");
    g_assert_true(g_file_set_contents(input, "what is read", -1, NULL));
    recorder_attach(&recorder, chardev_made(both));
    assert_file(path, "");
    run_until_events(&recorder, "OC");
    g_assert_cmpmem(recorder.input->data, recorder.input->len, "what is read", 12);
    /* Its end does not end writing. */
    g_assert_true(chardev_write_all(recorder.chardev, "on", 2));
    assert_file(path, "on");
    recorder_release(&recorder);
    chardev_remove_all();
    assert_refused("file,id=f", "needs the property 'path'");
    assert_refused("file,id=f,path=/nonexistent/f", "Could not open '/nonexistent/f'");
}

static void test_pipe(void)
{
    g_autofree char *path = test_path("fifo");
    g_autofree char *in = g_strconcat(path, ".in", NULL), *out = g_strconcat(path, ".out", NULL);
    g_autofree char *options = g_strdup_printf("pipe,id=p,path=%s", path);
    Recorder recorder;
    int to, from;

    assert_refused(options, "Could not open");
    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    assert_refused(options, "the pipe needs the two FIFOs");
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    recorder_attach(&recorder, chardev_made(options));
    for (unsigned round = 1; round <= 2; round++) {
        to = open(in, O_WRONLY | O_CLOEXEC);
        from = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        g_assert_cmpint(write(to, "question", 8), ==, 8);
        run_until_input(&recorder, 8 * round);
        g_assert_true(chardev_write_all(recorder.chardev, "answer", 6));
        peer_expect(from, "answer", 6);
        close(to);
        close(from);
        run_idle();
    }
    g_assert_cmpstr(recorder.events->str, ==, "O");
    recorder_release(&recorder);
    chardev_remove_all();
}

/* A reader that does not read: the rest waits, and goes in order. */
static void test_full_pipe(void)
{
    enum { SIZE = 300000 };
    g_autofree char *path = test_path("slow"),
                    *options = g_strdup_printf("pipe,id=p,path=%s", path);
    g_autofree uint8_t *data = g_malloc(SIZE);
    Chardev *chardev;
    int from;

    g_assert_cmpint(mkfifo(path, 0600), ==, 0);
    /* One FIFO would be read by its writer; so nobody is attached. */
    chardev = chardev_made(options);
    for (size_t i = 0; i < SIZE; i++) {
        data[i] = i % 251;
    }
    g_assert_true(chardev_write_all(chardev, data, SIZE));
    g_assert_cmpuint(chardev_queued(chardev), >, 0);
    from = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    peer_expect(from, data, SIZE);
    run_idle();
    g_assert_cmpuint(chardev_queued(chardev), ==, 0);
    close(from);
    chardev_remove_all();
}

static void test_logfile(void)
{
    g_autofree char *path = test_path("log");
    g_autofree char *options = g_strdup_printf("null,id=n,logfile=%s", path);
    g_autofree char *more = g_strdup_printf("%s,logappend=on", options);

    g_assert_true(chardev_write_all(chardev_made(options), "first", 5));
    chardev_remove_all();
    g_assert_true(chardev_write_all(chardev_made(more), " second", 7));
    chardev_remove_all();
    assert_file(path, "first second");
    g_assert_true(chardev_write_all(chardev_made(options), "third", 5));
    chardev_remove_all();
    assert_file(path, "third");
    assert_refused("null,id=n,logappend=on", "logappend needs logfile");
    assert_refused("null,id=n,logfile=/nonexistent/log", "cannot open logfile");
}

static void test_refusals(void)
{
    static const struct {
        const char *options, *message;
    } cases[] = {
        { "null", "no id specified" },
        { "id=x", "missing backend" },
        { "nul,id=x", "'nul' is not a valid char driver name (did you mean 'null'?)" },
        { "fd,id=x", "is not a valid char driver name" },
        { "vc,id=x", "text console in a window" },
        { "null,id=1x", "expects an identifier" },
        { "null,id=", "expects an identifier" },
        { "null,id=a/b", "expects an identifier" },
        { "null,id=x,path=y", "Invalid parameter 'path' for chardev type 'null'" },
        { "file,id=x,pth=y", "(did you mean 'path'?)" },
        { "null,id=x,mux=2", "Parameter 'mux'" },
        { "null,id=x,connected=on", "Invalid parameter 'connected'" },
        { "null,id=x,id=y", "given twice" },
        { "stdio,id=x,signal=perhaps", "is not a boolean" },
        { "mux,id=x", "needs the property 'chardev'" },
        { "mux,id=x,chardev=y", "not found" },
        { "serial,id=x,path=/dev/null", "is not a serial line" },
    };
    g_autoptr(GError) error = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_refused(cases[i].options, cases[i].message);
    }
    chardev_made("null,id=x");
    g_assert_null(chardev_new_from_string("ringbuf,id=x", &error));
    g_assert_cmpstr(error->message, ==, "Chardev with id 'x' already exists");
    g_clear_error(&error);
    g_assert_null(chardev_new_from_string("ringbuf,id=x,mux=on", &error));
    g_assert_cmpstr(error->message, ==, "Chardev with id 'x' already exists");
    g_assert_null(chardev_find("x-base"));
    chardev_remove_all();
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The options of a short form, printed: keys in order. */
static void assert_legacy(const char *spec, const char *expected)
{
    g_autoptr(GError) error = NULL;
    bool monitor;
    g_autoptr(GVariant) dict = chardev_parse_legacy(spec, &monitor, &error);
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) text = g_string_new(monitor ? "monitor" : "");
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_assert_no_error(error);
    g_variant_iter_init(&iter, dict);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        g_autofree char *shown = g_variant_print(value, FALSE);
        g_ptr_array_add(words, g_strdup_printf("%s=%s", key, shown));
        g_variant_unref(value);
    }
    g_ptr_array_sort(words, compare_words);
    for (guint i = 0; i < words->len; i++) {
        const char *a = words->pdata[i];
        g_string_append_printf(text, "%s%s", text->len ? " " : "", a);
    }
    g_assert_cmpstr(text->str, ==, expected);
}

static void test_legacy(void)
{
    static const struct {
        const char *spec, *options;
    } cases[] = {
        { "stdio", "backend='stdio'" },
        { "none", "backend='none'" },
        { "null", "backend='null'" },
        { "pty", "backend='pty'" },
        { "unix:/tmp/a", "backend='socket' path='/tmp/a'" },
        { "unix:/tmp/a,server=on,wait=off",
          "backend='socket' path='/tmp/a' server='on' wait='off'" },
        { "unix:/tmp/a,server,nowait", "backend='socket' path='/tmp/a' server='on' wait='off'" },
        { "unix:/tmp/a,,b", "backend='socket' path='/tmp/a,b'" },
        { "tcp:localhost:1234", "backend='socket' host='localhost' port='1234'" },
        { "tcp::1234,server=on,nodelay",
          "backend='socket' delay='off' host='' port='1234' server='on'" },
        { "tcp:[::1]:1234", "backend='socket' host='::1' port='1234'" },
        { "telnet:h:23,server=on",
          "backend='socket' host='h' port='23' server='on' telnet=true" },
        { "file:/tmp/x", "backend='file' path='/tmp/x'" },
        { "pipe:/tmp/x", "backend='pipe' path='/tmp/x'" },
        { "chardev:abc", "backend='chardev' id='abc'" },
        { "mon:chardev:abc", "monitor backend='chardev' id='abc'" },
        { "/dev/ttyS0", "backend='serial' path='/dev/ttyS0'" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_legacy(cases[i].spec, cases[i].options);
    }
    assert_legacy("mon:stdio", "monitor backend='stdio' mux=true signal=false");
    assert_legacy("mon:tcp::1,server=on",
                  "monitor backend='socket' host='' mux=true port='1' server='on'");
}

static void test_bad_legacy(void)
{
    static const char *const cases[] = {
        "", "stdoi", "unix", "tcp:1234", "tcp:h:", "tcp:h,x:1", "stdio:x", "udp:h:1", "mon:",
        "unix:/tmp/a,wait=on,wait=off", "tcp:[::1:5", "mon:mon:stdio", ":", ",",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        bool monitor;
        g_assert_null(chardev_parse_legacy(cases[i], &monitor, &error));
        g_assert_nonnull(error);
    }
    g_assert_null(chardev_parse_legacy("mon:stdio", NULL, NULL));
}

static void test_made_legacy(void)
{
    g_autoptr(GError) error = NULL;
    Chardev *chardev, *same;

    g_assert_true(chardev_new_from_legacy("serial0", "none", NULL, &chardev, &error));
    g_assert_null(chardev);
    g_assert_true(chardev_new_from_legacy("serial0", "ringbuf,size=16", NULL, &chardev, &error));
    g_assert_cmpstr(chardev_id(chardev), ==, "serial0");
    g_assert_true(chardev_new_from_legacy("serial1", "chardev:serial0", NULL, &same, &error));
    g_assert_true(chardev == same);
    g_assert_false(chardev_new_from_legacy("serial1", "chardev:other", NULL, &same, &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'other' not found");
    g_clear_error(&error);
    g_assert_false(chardev_new_from_legacy("serial1", "vc", NULL, &same, &error));
    g_assert_nonnull(strstr(error->message, "text console in a window"));
    chardev_remove_all();
}

/* What QMP's chardev-add brings. */
static void test_qmp_options(void)
{
    g_autofree char *path = test_path("qmp-file");
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) backend = g_variant_ref_sink(g_variant_new_parsed(
        "{'type': <'file'>, 'data': <{'out': <%s>, 'append': <true>}>}", path));
    g_autoptr(GVariant) options = chardev_options_from_backend(backend, &error);
    Chardev *chardev = chardev_new_from_options("q", options, &error);
    g_autofree char *name = NULL;

    g_assert_no_error(error);
    g_assert_true(chardev_write_all(chardev, "x", 1));
    assert_file(path, "x");
    g_clear_pointer(&backend, g_variant_unref);
    g_clear_pointer(&options, g_variant_unref);
    backend = g_variant_ref_sink(g_variant_new_parsed(
        "{'type': <'socket'>, 'data': <{'wait': <false>, 'addr': <{'type': <'inet'>, "
        "'data': <{'host': <'127.0.0.1'>, 'port': <'0'>}>}>}>}"));
    options = chardev_options_from_backend(backend, &error);
    chardev = chardev_new_from_options("s", options, &error);
    g_assert_no_error(error);
    name = chardev_filename(chardev);
    g_assert_true(g_str_has_prefix(name, "disconnected:tcp:127.0.0.1:"));
    chardev_remove_all();
}

static void test_help(void)
{
    g_autofree char *all = NULL, *one = NULL, *unknown = NULL, *none = NULL;

    g_assert_true(chardev_wants_help("help", &all));
    g_assert_nonnull(strstr(all, "Available chardev backend types:"));
    g_assert_nonnull(strstr(all, "  socket "));
    g_assert_null(strstr(all, "  fd "));
    g_assert_true(chardev_wants_help("socket,help", &one));
    g_assert_nonnull(strstr(one, "  wait=<auto|on|off> - "));
    g_assert_nonnull(strstr(one, "  logfile=<str> - "));
    g_assert_null(strstr(one, "connected="));
    g_assert_true(chardev_wants_help("sockt,help", &unknown));
    g_assert_nonnull(strstr(unknown, "did you mean 'socket'"));
    g_assert_false(chardev_wants_help("socket,id=help-me", &none));
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    g_test_add_func("/chardev/no-backend", test_no_backend);
    g_test_add_func("/chardev/null", test_null);
    g_test_add_func("/chardev/ringbuf", test_ringbuf);
    g_test_add_func("/chardev/file", test_file);
    g_test_add_func("/chardev/pipe", test_pipe);
    g_test_add_func("/chardev/full-pipe", test_full_pipe);
    g_test_add_func("/chardev/logfile", test_logfile);
    g_test_add_func("/chardev/refusals", test_refusals);
    g_test_add_func("/chardev/legacy", test_legacy);
    g_test_add_func("/chardev/bad-legacy", test_bad_legacy);
    g_test_add_func("/chardev/made-legacy", test_made_legacy);
    g_test_add_func("/chardev/qmp-options", test_qmp_options);
    g_test_add_func("/chardev/help", test_help);
    return test_finish();
}
