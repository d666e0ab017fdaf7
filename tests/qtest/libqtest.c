/* SPDX-License-Identifier: MIT */
#include "tests/qtest/libqtest.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/json.h"

#define MAX_LINES 256

typedef struct Stream {
    int fd;
    GString *in;
} Stream;

struct QTest {
    char *directory;
    GPid pid;
    Stream qtest, qmp;
    bool level[MAX_LINES];
    unsigned raised[MAX_LINES];
    GQueue events;
};

/* ---- streams ---- */

static int listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(strlen(path), <, sizeof(address.sun_path));
    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(fd, 1) < 0) {
        g_error("cannot listen at %s: %s", path, g_strerror(errno));
    }
    return fd;
}

static void wait_readable(int fd, const char *what)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
    int ready;

    do {
        ready = poll(&poll_fd, 1, QTEST_TIMEOUT_MS);
    } while (ready < 0 && errno == EINTR);
    if (ready != 1) {
        g_error("the program does not %s within %d ms", what, QTEST_TIMEOUT_MS);
    }
}

static void stream_accept(Stream *stream, int listener)
{
    wait_readable(listener, "connect");
    stream->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    stream->in = g_string_new(NULL);
    close(listener);
}

static void stream_send(Stream *stream, const char *text)
{
    size_t left = strlen(text);

    while (left) {
        ssize_t sent = send(stream->fd, text, left, MSG_NOSIGNAL);
        if (sent < 0) {
            g_error("the program has gone: %s", g_strerror(errno));
        }
        text += sent;
        left -= sent;
    }
}

/* The next line without its end; NULL when the stream has ended. */
static char *stream_line(Stream *stream)
{
    char piece[65536];
    char *newline, *line;

    while (!(newline = strchr(stream->in->str, '\n'))) {
        wait_readable(stream->fd, "answer");
        ssize_t size = read(stream->fd, piece, sizeof(piece));
        if (size <= 0) {
            return NULL;
        }
        g_string_append_len(stream->in, piece, size);
    }
    line = g_strndup(stream->in->str, newline - stream->in->str);
    g_string_erase(stream->in, 0, newline + 1 - stream->in->str);
    return g_strchomp(line);
}

static void stream_close(Stream *stream)
{
    if (stream->in) {
        close(stream->fd);
        g_string_free(stream->in, TRUE);
        stream->in = NULL;
    }
}

/* ---- the program ---- */

static const char *binary(void)
{
    const char *path = g_getenv("VMM_BINARY");

    if (!path) {
        g_error("VMM_BINARY does not name the program to test");
    }
    return path;
}

static void child_setup(gpointer unused)
{
    /* A test that dies takes its machine with it: that would hold its pipes open. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
}

static QTest *start(char *directory, const char *arguments)
{
    QTest *qtest = g_new0(QTest, 1);
    g_autofree char *qtest_path = g_strdup_printf("%s/qtest", directory);
    g_autofree char *qmp_path = g_strdup_printf("%s/qmp", directory);
    int qtest_listener = listen_at(qtest_path), qmp_listener = listen_at(qmp_path);
    g_autofree char *line = g_strdup_printf(
        "%s -qtest unix:%s -qtest-log none -display none -accel qtest "
        "-chardev socket,path=%s,id=qtest-qmp -mon chardev=qtest-qmp,mode=control %s",
        binary(), qtest_path, qmp_path, arguments);
    g_auto(GStrv) argv = NULL;
    GError *error = NULL;

    if (!g_shell_parse_argv(line, NULL, &argv, &error) ||
        !g_spawn_async(NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDOUT_TO_DEV_NULL,
                       child_setup, NULL, &qtest->pid, &error)) {
        g_error("cannot start '%s': %s", line, error->message);
    }
    qtest->directory = directory;
    g_queue_init(&qtest->events);
    stream_accept(&qtest->qmp, qmp_listener);
    stream_accept(&qtest->qtest, qtest_listener);
    g_free(stream_line(&qtest->qmp));
    g_variant_unref(qtest_qmp(qtest, "{\"execute\": \"qmp_capabilities\"}"));
    return qtest;
}

static char *make_directory(void)
{
    GError *error = NULL;
    char *directory = g_dir_make_tmp("vmm-qtest-XXXXXX", &error);

    if (!directory) {
        g_error("cannot make a directory: %s", error->message);
    }
    return directory;
}

QTest *qtest_start(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *arguments = g_strdup_vprintf(format, args);
    va_end(args);
    return start(make_directory(), arguments);
}

QTest *qtest_start_board(const char *nodes, const char *format, ...)
{
    g_autofree char *dtc = g_find_program_in_path("dtc");
    char *directory;
    va_list args;

    va_start(args, format);
    g_autofree char *more = g_strdup_vprintf(format, args);
    va_end(args);
    if (!dtc) {
        g_print("1..0 # SKIP dtc is not installed\n");
        exit(0);
    }
    directory = make_directory();
    g_autofree char *path = g_strdup_printf("%s/board.dts", directory);
    g_autofree char *source = g_strdup_printf(
        "/dts-v1/;\n/ {\nvmm,machine = \"test\"; vmm,arch = \"x86_64\"; vmm,max-cpus = <255>;\n"
        "#address-cells = <2>; #size-cells = <1>;\n%s\n};\n", nodes);
    g_assert_true(g_file_set_contents(path, source, -1, NULL));
    g_autofree char *arguments = g_strdup_printf("-machine %s %s", path, more);
    return start(directory, arguments);
}

static void free_qtest(QTest *qtest)
{
    static const char *const files[] = { "qtest", "qmp", "board.dts" };

    stream_close(&qtest->qtest);
    stream_close(&qtest->qmp);
    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_strdup_printf("%s/%s", qtest->directory, files[i]);
        unlink(path);
    }
    rmdir(qtest->directory);
    g_free(qtest->directory);
    g_queue_clear_full(&qtest->events, (GDestroyNotify)g_variant_unref);
    g_free(qtest);
}

int qtest_wait_exit(QTest *qtest)
{
    gint64 end = g_get_monotonic_time() + QTEST_TIMEOUT_MS * 1000ll;
    int status;

    while (waitpid(qtest->pid, &status, WNOHANG) == 0) {
        if (g_get_monotonic_time() > end) {
            kill(qtest->pid, SIGKILL);
            g_error("the program does not end");
        }
        g_usleep(1000);
    }
    free_qtest(qtest);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void qtest_stop(QTest *qtest)
{
    kill(qtest->pid, SIGTERM);
    g_assert_cmpint(qtest_wait_exit(qtest), ==, 0);
}

int qtest_run(char **message, const char *format, ...)
{
    va_list args;
    g_auto(GStrv) argv = NULL;
    GError *error = NULL;
    int status;

    va_start(args, format);
    g_autofree char *arguments = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *line = g_strdup_printf("timeout %d %s %s", QTEST_TIMEOUT_MS / 1000,
                                            binary(), arguments);
    if (!g_shell_parse_argv(line, NULL, &argv, &error) ||
        !g_spawn_sync(NULL, argv, NULL, G_SPAWN_STDOUT_TO_DEV_NULL | G_SPAWN_SEARCH_PATH, NULL, NULL, NULL, message,
                      &status, &error)) {
        g_error("cannot run '%s': %s", line, error->message);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- the protocol ---- */

static bool take_irq(QTest *qtest, const char *line)
{
    unsigned number;

    if (sscanf(line, "IRQ raise %u", &number) == 1 && number < MAX_LINES) {
        qtest->level[number] = true;
        qtest->raised[number]++;
        return true;
    }
    if (sscanf(line, "IRQ lower %u", &number) == 1 && number < MAX_LINES) {
        qtest->level[number] = false;
        return true;
    }
    return false;
}

static char *answer(QTest *qtest, const char *command)
{
    stream_send(&qtest->qtest, command);
    stream_send(&qtest->qtest, "\n");
    for (;;) {
        char *line = stream_line(&qtest->qtest);
        if (!line) {
            g_error("the program has gone at '%s'", command);
        }
        if (!take_irq(qtest, line)) {
            return line;
        }
        g_free(line);
    }
}

char *qtest_command(QTest *qtest, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *command = g_strdup_vprintf(format, args);
    va_end(args);
    return answer(qtest, command);
}

/* Expects OK and returns what follows as a number. */
static uint64_t number(QTest *qtest, const char *format, ...) G_GNUC_PRINTF(2, 3);
static uint64_t number(QTest *qtest, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *command = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *line = answer(qtest, command);
    if (!g_str_has_prefix(line, "OK")) {
        g_error("'%.100s' answers '%s'", command, line);
    }
    return strtoull(line + 2, NULL, 0);
}

void qtest_outb(QTest *qtest, uint16_t port, uint8_t value)
{
    number(qtest, "outb 0x%x 0x%x", port, value);
}

void qtest_outw(QTest *qtest, uint16_t port, uint16_t value)
{
    number(qtest, "outw 0x%x 0x%x", port, value);
}

void qtest_outl(QTest *qtest, uint16_t port, uint32_t value)
{
    number(qtest, "outl 0x%x 0x%x", port, value);
}

uint8_t qtest_inb(QTest *qtest, uint16_t port)
{
    return number(qtest, "inb 0x%x", port);
}

uint16_t qtest_inw(QTest *qtest, uint16_t port)
{
    return number(qtest, "inw 0x%x", port);
}

uint32_t qtest_inl(QTest *qtest, uint16_t port)
{
    return number(qtest, "inl 0x%x", port);
}

static void store(QTest *qtest, char size, uint64_t address, uint64_t value)
{
    number(qtest, "write%c 0x%" G_GINT64_MODIFIER "x 0x%" G_GINT64_MODIFIER "x", size, address,
           value);
}

static uint64_t load(QTest *qtest, char size, uint64_t address)
{
    return number(qtest, "read%c 0x%" G_GINT64_MODIFIER "x", size, address);
}

void qtest_writeb(QTest *qtest, uint64_t address, uint8_t value)
{
    store(qtest, 'b', address, value);
}

void qtest_writew(QTest *qtest, uint64_t address, uint16_t value)
{
    store(qtest, 'w', address, value);
}

void qtest_writel(QTest *qtest, uint64_t address, uint32_t value)
{
    store(qtest, 'l', address, value);
}

void qtest_writeq(QTest *qtest, uint64_t address, uint64_t value)
{
    store(qtest, 'q', address, value);
}

uint8_t qtest_readb(QTest *qtest, uint64_t address)
{
    return load(qtest, 'b', address);
}

uint16_t qtest_readw(QTest *qtest, uint64_t address)
{
    return load(qtest, 'w', address);
}

uint32_t qtest_readl(QTest *qtest, uint64_t address)
{
    return load(qtest, 'l', address);
}

uint64_t qtest_readq(QTest *qtest, uint64_t address)
{
    return load(qtest, 'q', address);
}

void qtest_read(QTest *qtest, uint64_t address, void *data, size_t size)
{
    g_autofree char *line = qtest_command(qtest, "b64read 0x%" G_GINT64_MODIFIER "x 0x%zx",
                                          address, size);
    g_autofree guchar *bytes = NULL;
    gsize length;

    g_assert_true(g_str_has_prefix(line, "OK "));
    bytes = g_base64_decode(line + 3, &length);
    g_assert_cmpuint(length, ==, size);
    memcpy(data, bytes, size);
}

void qtest_write(QTest *qtest, uint64_t address, const void *data, size_t size)
{
    g_autofree char *text = g_base64_encode(data, size);

    number(qtest, "b64write 0x%" G_GINT64_MODIFIER "x 0x%zx %s", address, size, text);
}

void qtest_memset(QTest *qtest, uint64_t address, uint8_t byte, size_t size)
{
    number(qtest, "memset 0x%" G_GINT64_MODIFIER "x 0x%zx 0x%x", address, size, byte);
}

/* ---- PCI ---- */

static void pci_select(QTest *qtest, unsigned slot, unsigned function, unsigned offset)
{
    qtest_outl(qtest, 0xcf8, 0x80000000u | slot << 11 | function << 8 | (offset & 0xfc));
}

uint32_t qtest_pci_readl(QTest *qtest, unsigned slot, unsigned function, unsigned offset)
{
    pci_select(qtest, slot, function, offset);
    return qtest_inl(qtest, 0xcfc);
}

uint16_t qtest_pci_readw(QTest *qtest, unsigned slot, unsigned function, unsigned offset)
{
    pci_select(qtest, slot, function, offset);
    return qtest_inw(qtest, 0xcfc + (offset & 2));
}

uint8_t qtest_pci_readb(QTest *qtest, unsigned slot, unsigned function, unsigned offset)
{
    pci_select(qtest, slot, function, offset);
    return qtest_inb(qtest, 0xcfc + (offset & 3));
}

void qtest_pci_writel(QTest *qtest, unsigned slot, unsigned function, unsigned offset,
                      uint32_t value)
{
    pci_select(qtest, slot, function, offset);
    qtest_outl(qtest, 0xcfc, value);
}

void qtest_pci_writew(QTest *qtest, unsigned slot, unsigned function, unsigned offset,
                      uint16_t value)
{
    pci_select(qtest, slot, function, offset);
    qtest_outw(qtest, 0xcfc + (offset & 2), value);
}

void qtest_pci_writeb(QTest *qtest, unsigned slot, unsigned function, unsigned offset,
                      uint8_t value)
{
    pci_select(qtest, slot, function, offset);
    qtest_outb(qtest, 0xcfc + (offset & 3), value);
}

/* ---- time, lines, names ---- */

int64_t qtest_clock_step(QTest *qtest, int64_t nanoseconds)
{
    return number(qtest, "clock_step %" G_GINT64_FORMAT, nanoseconds);
}

int64_t qtest_clock_step_next(QTest *qtest)
{
    return number(qtest, "clock_step");
}

void qtest_intercept_in(QTest *qtest, const char *device)
{
    number(qtest, "irq_intercept_in %s", device);
}

void qtest_intercept_out(QTest *qtest, const char *device)
{
    number(qtest, "irq_intercept_out %s", device);
}

bool qtest_irq(QTest *qtest, unsigned line)
{
    g_assert_cmpuint(line, <, MAX_LINES);
    /* An answer comes after every line that changed before it. */
    number(qtest, "endianness");
    return qtest->level[line];
}

unsigned qtest_irq_raised(QTest *qtest, unsigned line)
{
    qtest_irq(qtest, line);
    return qtest->raised[line];
}

void qtest_set_irq_in(QTest *qtest, const char *device, const char *pin, unsigned line,
                      bool level)
{
    number(qtest, "set_irq_in %s %s %u %u", device, pin, line, level);
}

uint64_t qtest_register(QTest *qtest, const char *device, const char *name)
{
    return number(qtest, "register_read %s %s", device, name);
}

void qtest_set_register(QTest *qtest, const char *device, const char *name, uint64_t value)
{
    number(qtest, "register_write %s %s 0x%" G_GINT64_MODIFIER "x", device, name, value);
}

bool qtest_pin(QTest *qtest, const char *device, const char *pin, unsigned line)
{
    return number(qtest, "pin_read %s %s %u", device, pin, line);
}

/* ---- QMP ---- */

static GVariant *qmp_line(QTest *qtest)
{
    g_autofree char *line = stream_line(&qtest->qmp);
    GError *error = NULL;
    GVariant *value;

    if (!line) {
        return NULL;
    }
    value = json_parse(line, strlen(line), &error);
    if (!value) {
        g_error("the monitor answers '%s': %s", line, error->message);
    }
    return value;
}

static bool is_event(GVariant *value, const char *name)
{
    const char *event;

    return g_variant_lookup(value, "event", "&s", &event) &&
           (!name || g_str_equal(event, name));
}

GVariant *qtest_qmp(QTest *qtest, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *command = g_strdup_vprintf(format, args);
    va_end(args);
    stream_send(&qtest->qmp, command);
    stream_send(&qtest->qmp, "\n");
    for (;;) {
        GVariant *value = qmp_line(qtest);
        if (!value) {
            g_error("the program has gone at '%s'", command);
        }
        if (!is_event(value, NULL)) {
            return value;
        }
        g_queue_push_tail(&qtest->events, value);
    }
}

GVariant *qtest_event(QTest *qtest, const char *name)
{
    for (GList *link = qtest->events.head; link; link = link->next) {
        if (is_event(link->data, name)) {
            GVariant *value = link->data;
            g_queue_delete_link(&qtest->events, link);
            return value;
        }
    }
    for (;;) {
        GVariant *value = qmp_line(qtest);
        if (!value) {
            g_error("the program has gone before event %s", name);
        }
        if (is_event(value, name)) {
            return value;
        }
        g_queue_push_tail(&qtest->events, value);
    }
}

void qtest_expect_event(QTest *qtest, const char *name, const char *member, const char *text)
{
    g_autoptr(GVariant) event = qtest_event(qtest, name);
    g_autoptr(GVariant) data = g_variant_lookup_value(event, "data", G_VARIANT_TYPE_VARDICT);
    const char *found = NULL;

    g_assert_nonnull(data);
    g_assert_true(g_variant_lookup(data, member, "&s", &found));
    g_assert_cmpstr(found, ==, text);
}

char *qtest_hmp(QTest *qtest, const char *format, ...)
{
    va_list args;
    const char *text;

    va_start(args, format);
    g_autofree char *line = g_strdup_vprintf(format, args);
    va_end(args);
    g_autofree char *quoted = g_strescape(line, NULL);
    g_autoptr(GVariant) reply = qtest_qmp(
        qtest, "{\"execute\": \"human-monitor-command\", \"arguments\": {\"command-line\": "
        "\"%s\"}}", quoted);
    if (!g_variant_lookup(reply, "return", "&s", &text)) {
        g_autofree char *shown = g_variant_print(reply, FALSE);
        g_error("'%s' answers %s", line, shown);
    }
    return g_strdup(text);
}
