/* SPDX-License-Identifier: MIT */
#include "tests/unit/chardev-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qom/types.h"

static char *directory;

/* ---- the front end ---- */

static size_t recorder_can_receive(void *opaque)
{
    return ((Recorder *)opaque)->room;
}

static void recorder_receive(void *opaque, const uint8_t *data, size_t size)
{
    Recorder *recorder = opaque;

    g_assert_cmpuint(size, >, 0);
    g_assert_cmpuint(size, <=, recorder->room);
    g_assert_cmpuint(size, <=, CHARDEV_PIECE);
    if (recorder->room != SIZE_MAX) {
        recorder->room -= size;
    }
    recorder->pieces++;
    g_byte_array_append(recorder->input, data, size);
    for (size_t i = 0; recorder->echo && i < size; i++) {
        g_assert_true(chardev_write_all(recorder->chardev, data + i, 1));
    }
}

static void recorder_event(void *opaque, ChardevEvent event)
{
    g_string_append_c(((Recorder *)opaque)->events, "OCBio"[event]);
}

static void recorder_writable(void *opaque)
{
    ((Recorder *)opaque)->writable++;
}

static void recorder_gone(void *opaque)
{
    Recorder *recorder = opaque;

    recorder->gone++;
    recorder->chardev = NULL;
}

static const ChardevFrontendOps recorder_ops = {
    .can_receive = recorder_can_receive, .receive = recorder_receive,
    .event = recorder_event, .writable = recorder_writable, .gone = recorder_gone,
};

void recorder_attach(Recorder *recorder, Chardev *chardev)
{
    GError *error = NULL;
    bool ok;

    *recorder = (Recorder){
        .chardev = chardev, .input = g_byte_array_new(), .events = g_string_new(NULL),
        .room = SIZE_MAX,
    };
    ok = chardev_attach(chardev, &recorder_ops, recorder, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
}

void recorder_release(Recorder *recorder)
{
    chardev_detach(recorder->chardev, recorder);
    g_byte_array_unref(recorder->input);
    g_string_free(recorder->events, TRUE);
}

/* ---- the main context ---- */

static gboolean on_timeout(gpointer opaque)
{
    g_error("the test waited for ten seconds in vain");
    return G_SOURCE_REMOVE;
}

void run_until(Condition condition, const void *opaque)
{
    guint timer = g_timeout_add_seconds(10, on_timeout, NULL);

    while (!condition(opaque)) {
        g_main_context_iteration(NULL, TRUE);
    }
    g_source_remove(timer);
}

typedef struct WantedInput {
    Recorder *recorder;
    size_t size;
} WantedInput;

static bool has_input(const void *opaque)
{
    const WantedInput *wanted = opaque;

    return wanted->recorder->input->len >= wanted->size;
}

void run_until_input(Recorder *recorder, size_t size)
{
    WantedInput wanted = { recorder, size };

    run_until(has_input, &wanted);
    g_assert_cmpuint(recorder->input->len, ==, size);
}

typedef struct WantedEvents {
    Recorder *recorder;
    const char *events;
} WantedEvents;

static bool has_events(const void *opaque)
{
    const WantedEvents *wanted = opaque;

    return wanted->recorder->events->len >= strlen(wanted->events);
}

void run_until_events(Recorder *recorder, const char *events)
{
    WantedEvents wanted = { recorder, events };

    run_until(has_events, &wanted);
    g_assert_cmpstr(recorder->events->str, ==, events);
}

void run_idle(void)
{
    for (unsigned i = 0; i < 20; i++) {
        g_main_context_iteration(NULL, FALSE);
    }
}

/* ---- options ---- */

Chardev *chardev_made(const char *options)
{
    GError *error = NULL;
    Chardev *chardev = chardev_new_from_string(options, &error);

    g_assert_no_error(error);
    g_assert_nonnull(chardev);
    return chardev;
}

void assert_refused(const char *options, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(chardev_new_from_string(options, &error));
    g_assert_nonnull(error);
    if (!strstr(error->message, message)) {
        g_error("'%s' is refused with \"%s\", not \"%s\"", options, error->message, message);
    }
    g_assert_null(chardev_container()->first_child);
}

/* ---- files ---- */

const char *test_dir(void)
{
    return directory;
}

char *test_path(const char *name)
{
    return g_build_filename(directory, name, NULL);
}

void test_start(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    object_types_register(all_types);
    directory = g_dir_make_tmp("vmm-chardev-XXXXXX", NULL);
    g_assert_nonnull(directory);
}

int test_finish(void)
{
    int result = g_test_run();
    GDir *dir = g_dir_open(directory, 0, NULL);
    const char *name;

    object_delete(object_root());
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = test_path(name);
        g_unlink(path);
    }
    g_dir_close(dir);
    g_rmdir(directory);
    g_free(directory);
    return result;
}

/* ---- the far side ---- */

static struct sockaddr_un address_of(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
    return address;
}

int peer_connect(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

int peer_listen(const char *path)
{
    struct sockaddr_un address = address_of(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    unlink(path);
    g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(fd, 5), ==, 0);
    return fd;
}

int peer_accept(int listen_fd)
{
    int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

void peer_send(int fd, const void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t sent = send(fd, (const char *)data + done, size - done,
                            MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            done += sent;
        } else {
            g_assert_cmpint(errno, ==, EAGAIN);
            g_main_context_iteration(NULL, TRUE);
        }
    }
}

typedef struct Expected {
    int fd;
    size_t size;
    GByteArray *got;
    bool eof;
} Expected;

static bool reads_expected(const void *opaque)
{
    Expected *expected = (Expected *)opaque;
    uint8_t buffer[4096];
    ssize_t size;

    do {
        size_t wanted = expected->size - expected->got->len;
        size = read(expected->fd, buffer, MIN(sizeof(buffer), MAX(wanted, 1)));
        if (size > 0) {
            g_byte_array_append(expected->got, buffer, size);
        } else if (size == 0 || errno != EAGAIN) {
            expected->eof = true;
        }
    } while (size > 0 && (!expected->size || expected->got->len < expected->size));
    return expected->eof || (expected->size && expected->got->len >= expected->size);
}

/* The condition looks at the file descriptor itself, so the context must not block. */
static gboolean on_tick(gpointer opaque)
{
    return G_SOURCE_CONTINUE;
}

static Expected read_expected(int fd, size_t size)
{
    Expected expected = { fd, size, g_byte_array_new() };
    guint ticker = g_timeout_add(1, on_tick, NULL);
    int flags = fcntl(fd, F_GETFL);

    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    run_until(reads_expected, &expected);
    fcntl(fd, F_SETFL, flags);
    g_source_remove(ticker);
    return expected;
}

void peer_expect(int fd, const void *data, size_t size)
{
    Expected expected = read_expected(fd, size);

    g_assert_false(expected.eof);
    g_assert_cmpmem(expected.got->data, expected.got->len, data, size);
    g_byte_array_unref(expected.got);
}

void peer_expect_eof(int fd)
{
    Expected expected = read_expected(fd, 0);

    g_assert_true(expected.eof);
    g_assert_cmpuint(expected.got->len, ==, 0);
    g_byte_array_unref(expected.got);
}
