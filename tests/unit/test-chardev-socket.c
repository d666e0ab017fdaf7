/* SPDX-License-Identifier: MIT */
/* Sockets: both roles, end of file, reconnecting, partial writes, large input, telnet, fds. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/chardev-peer.h"

static Chardev *make_server(const char *path, const char *more)
{
    g_autofree char *options =
        g_strdup_printf("socket,id=s,path=%s,server=on,wait=off%s", path, more);

    return chardev_made(options);
}

static void test_server(void)
{
    g_autofree char *path = test_path("server");
    Chardev *chardev = make_server(path, "");
    g_autofree char *name = chardev_filename(chardev);
    g_autofree char *expected_name = g_strdup_printf("disconnected:unix:%s,server=on", path);
    Recorder recorder;
    int peer;

    g_assert_cmpstr(name, ==, expected_name);
    recorder_attach(&recorder, chardev);
    g_assert_cmpstr(recorder.events->str, ==, "");
    /* Nobody is there: taken and dropped. */
    g_assert_cmpuint(chardev_write(chardev, "lost", 4), ==, 4);
    for (unsigned round = 0; round < 3; round++) {
        peer = peer_connect(path);
        peer_send(peer, "hello", 5);
        run_until_input(&recorder, (round + 1) * 5);
        g_assert_true(chardev_write_all(chardev, "world", 5));
        peer_expect(peer, "world", 5);
        close(peer);
        run_until_events(&recorder, round == 0 ? "OC" : round == 1 ? "OCOC" : "OCOCOC");
    }
    g_assert_cmpmem(recorder.input->data, 15, "hellohellohello", 15);
    recorder_release(&recorder);
    chardev_remove_all();
    g_assert_cmpint(access(path, F_OK), ==, -1);
}

/* A client that closes at once, with its bytes unread, loses none of them. */
static void test_bytes_before_eof(void)
{
    g_autofree char *path = test_path("eof");
    Chardev *chardev = make_server(path, "");
    Recorder recorder;
    int peer = peer_connect(path);

    peer_send(peer, "last words", 10);
    close(peer);
    recorder_attach(&recorder, chardev);
    recorder.room = 3;
    run_until_input(&recorder, 3);
    run_idle();
    g_assert_cmpstr(recorder.events->str, ==, "O");
    recorder.room = 100;
    chardev_receive_resume(chardev);
    run_until_events(&recorder, "OC");
    g_assert_cmpmem(recorder.input->data, recorder.input->len, "last words", 10);
    recorder_release(&recorder);
    chardev_remove_all();
}

/* Bytes that the front end never takes do not keep the next client out. */
static void test_next_client(void)
{
    g_autofree char *path = test_path("next");
    Chardev *chardev = make_server(path, "");
    Recorder recorder;
    int first = peer_connect(path), second;

    recorder_attach(&recorder, chardev);
    recorder.room = 0;
    peer_send(first, "ignored", 7);
    run_until_events(&recorder, "O");
    close(first);
    second = peer_connect(path);
    run_until_events(&recorder, "OCO");
    g_assert_true(chardev_write_all(chardev, "hi", 2));
    peer_expect(second, "hi", 2);
    close(second);
    recorder_release(&recorder);
    chardev_remove_all();
}

/* A second client waits for the first to go. */
static void test_one_at_a_time(void)
{
    g_autofree char *path = test_path("one");
    Chardev *chardev = make_server(path, "");
    Recorder recorder;
    int first = peer_connect(path), second;

    recorder_attach(&recorder, chardev);
    run_until_events(&recorder, "O");
    second = peer_connect(path);
    peer_send(second, "b", 1);
    run_idle();
    g_assert_cmpuint(recorder.input->len, ==, 0);
    peer_send(first, "a", 1);
    close(first);
    run_until_input(&recorder, 2);
    g_assert_cmpmem(recorder.input->data, 2, "ab", 2);
    g_assert_cmpstr(recorder.events->str, ==, "OCO");
    close(second);
    recorder_release(&recorder);
    chardev_remove_all();
}

static void test_client(void)
{
    g_autofree char *path = test_path("client");
    g_autofree char *options = g_strdup_printf("socket,id=c,path=%s", path);
    int listener = peer_listen(path), peer;
    Chardev *chardev = chardev_made(options);
    Recorder recorder;

    recorder_attach(&recorder, chardev);
    g_assert_cmpstr(recorder.events->str, ==, "O");
    peer = peer_accept(listener);
    peer_send(peer, "abc", 3);
    run_until_input(&recorder, 3);
    close(peer);
    run_until_events(&recorder, "OC");
    g_assert_false(chardev_is_open(chardev));
    recorder_release(&recorder);
    chardev_remove_all();
    close(listener);
    unlink(path);
    assert_refused(options, "Failed to connect to");
}

static void test_reconnect(void)
{
    g_autofree char *path = test_path("again");
    g_autofree char *options = g_strdup_printf("socket,id=c,path=%s,reconnect-ms=20", path);
    Chardev *chardev = chardev_made(options);
    Recorder recorder;
    int listener, peer;

    recorder_attach(&recorder, chardev);
    g_assert_cmpstr(recorder.events->str, ==, "");
    listener = peer_listen(path);
    run_until_events(&recorder, "O");
    peer = peer_accept(listener);
    g_assert_true(chardev_write_all(chardev, "one", 3));
    peer_expect(peer, "one", 3);
    close(peer);
    run_until_events(&recorder, "OCO");
    peer = peer_accept(listener);
    g_assert_true(chardev_write_all(chardev, "two", 3));
    peer_expect(peer, "two", 3);
    close(peer);
    close(listener);
    recorder_release(&recorder);
    chardev_remove_all();
}

/* More than the socket holds: the rest is queued, in order, and told when it is gone. */
static void test_partial_writes(void)
{
    enum { SIZE = 3 << 20 };
    g_autofree char *path = test_path("partial");
    g_autofree uint8_t *data = g_malloc(SIZE);
    Chardev *chardev = make_server(path, "");
    Recorder recorder;
    int peer = peer_connect(path);
    size_t first;

    for (size_t i = 0; i < SIZE; i++) {
        data[i] = i * 7 + (i >> 9);
    }
    recorder_attach(&recorder, chardev);
    run_until_events(&recorder, "O");
    first = chardev_write(chardev, data, SIZE);
    g_assert_cmpuint(first, >, 0);
    g_assert_cmpuint(first, <, SIZE);
    g_assert_cmpuint(chardev_write(chardev, data, 1), ==, 0);
    g_assert_true(chardev_write_all(chardev, data + first, SIZE - first));
    g_assert_cmpuint(chardev_queued(chardev), ==, SIZE - first);
    peer_expect(peer, data, SIZE);
    run_idle();
    g_assert_cmpuint(chardev_queued(chardev), ==, 0);
    g_assert_cmpuint(recorder.writable, ==, 1);

    /* The queue is bounded. */
    while (chardev_write_all(chardev, data, SIZE)) {
        g_assert_cmpuint(chardev_queued(chardev), <=, CHARDEV_QUEUE_MAX + SIZE);
    }
    g_assert_cmpuint(chardev_queued(chardev), >, CHARDEV_QUEUE_MAX);
    g_assert_false(chardev_flush(chardev, 10));
    /* It goes with its client. */
    close(peer);
    run_until_events(&recorder, "OC");
    g_assert_cmpuint(chardev_queued(chardev), ==, 0);
    g_assert_cmpuint(recorder.writable, ==, 2);
    recorder_release(&recorder);
    chardev_remove_all();
}

static void test_large_input(void)
{
    enum { SIZE = 4 << 20 };
    g_autofree char *path = test_path("large");
    g_autofree uint8_t *data = g_malloc(SIZE);
    Chardev *chardev = make_server(path, "");
    Recorder recorder;
    int peer = peer_connect(path);

    for (size_t i = 0; i < SIZE; i++) {
        data[i] = i ^ (i >> 11);
    }
    recorder_attach(&recorder, chardev);
    peer_send(peer, data, SIZE);
    run_until_input(&recorder, SIZE);
    g_assert_cmpmem(recorder.input->data, SIZE, data, SIZE);
    /* In large pieces. */
    g_assert_cmpuint(recorder.pieces, <, SIZE / 4096);
    close(peer);
    recorder_release(&recorder);
    chardev_remove_all();
}

/* Answers to one piece of input leave in one piece. */
static void test_gathered_writes(void)
{
    g_autofree char *path = test_path("gather");
    Chardev *chardev = make_server(path, "");
    Recorder recorder;
    int peer = peer_connect(path);
    char buffer[64];

    recorder_attach(&recorder, chardev);
    recorder.echo = true;
    peer_send(peer, "0123456789", 10);
    run_until_input(&recorder, 10);
    g_assert_cmpint(recv(peer, buffer, sizeof(buffer), MSG_DONTWAIT), ==, 10);
    g_assert_cmpmem(buffer, 10, "0123456789", 10);
    close(peer);
    recorder_release(&recorder);
    chardev_remove_all();
}

static void test_no_room(void)
{
    g_autofree char *path = test_path("room");
    Chardev *chardev = make_server(path, "");
    Recorder recorder;
    int peer = peer_connect(path);

    recorder_attach(&recorder, chardev);
    recorder.room = 1;
    peer_send(peer, "abc", 3);
    for (size_t i = 1; i <= 3; i++) {
        run_until_input(&recorder, i);
        run_idle();
        g_assert_cmpuint(recorder.input->len, ==, i);
        recorder.room = 1;
        chardev_receive_resume(chardev);
    }
    close(peer);
    recorder_release(&recorder);
    chardev_remove_all();
}

static void send_fds(int fd, const int *fds, unsigned count)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(32 * sizeof(int))];
    } control;
    char byte = 'x';
    struct iovec vector = { &byte, 1 };
    struct msghdr message = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control,
        .msg_controllen = CMSG_SPACE(count * sizeof(int)),
    };

    memset(&control, 0, sizeof(control));
    control.header.cmsg_len = CMSG_LEN(count * sizeof(int));
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    memcpy(CMSG_DATA(&control.header), fds, count * sizeof(int));
    g_assert_cmpint(sendmsg(fd, &message, 0), ==, 1);
}

static unsigned open_fds(void)
{
    GDir *dir = g_dir_open("/proc/self/fd", 0, NULL);
    unsigned count = 0;

    while (g_dir_read_name(dir)) {
        count++;
    }
    g_dir_close(dir);
    return count;
}

static void test_fds(void)
{
    if (g_getenv("VMM_EMULATED_HOST")) {
        /* Of a control message with more descriptors than there is room for it keeps some open. */
        g_test_skip("QEMU's emulation of system calls leaks descriptors");
        return;
    }
    g_autofree char *path = test_path("fds");
    Chardev *chardev = make_server(path, "");
    Recorder recorder;
    int peer = peer_connect(path), pair[2], taken[4], many[32];
    char byte;
    unsigned before;

    recorder_attach(&recorder, chardev);
    run_until_events(&recorder, "O");
    g_assert_cmpint(pipe(pair), ==, 0);
    before = open_fds();
    g_assert_cmpuint(chardev_take_fds(chardev, taken, 4), ==, 0);
    send_fds(peer, pair, 2);
    run_until_input(&recorder, 1);
    g_assert_cmpuint(chardev_take_fds(chardev, taken, 1), ==, 1);
    g_assert_cmpuint(chardev_take_fds(chardev, taken + 1, 3), ==, 1);
    g_assert_cmpint(write(taken[1], "y", 1), ==, 1);
    g_assert_cmpint(read(pair[0], &byte, 1), ==, 1);
    g_assert_cmpint(byte, ==, 'y');
    g_assert_cmpint(fcntl(taken[0], F_GETFD) & FD_CLOEXEC, ==, FD_CLOEXEC);
    close(taken[0]);
    close(taken[1]);
    /* Nobody takes these: they are closed when others come, or the client goes. */
    send_fds(peer, pair, 2);
    run_until_input(&recorder, 2);
    for (unsigned i = 0; i < 32; i++) {
        many[i] = pair[0];
    }
    send_fds(peer, many, 32);
    run_until_input(&recorder, 3);
    close(peer);
    run_until_events(&recorder, "OC");
    g_assert_cmpuint(open_fds(), ==, before - 2);
    close(pair[0]);
    close(pair[1]);
    recorder_release(&recorder);
    chardev_remove_all();
}

/* ---- TCP ---- */

/* The port of "tcp:127.0.0.1:PORT,…" in a filename. */
static unsigned port_of(Chardev *chardev)
{
    g_autofree char *name = chardev_filename(chardev);
    const char *at = strstr(name, "127.0.0.1:");

    g_assert_nonnull(at);
    return g_ascii_strtoull(at + strlen("127.0.0.1:"), NULL, 10);
}

static int tcp_connect(unsigned port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    return fd;
}

static void test_tcp(void)
{
    Chardev *server = chardev_made("socket,id=s,host=127.0.0.1,port=0,server=on,wait=off");
    unsigned port = port_of(server);
    g_autofree char *options =
        g_strdup_printf("socket,id=c,host=127.0.0.1,port=%u,nodelay=on", port);
    Chardev *client = chardev_made(options);
    g_autofree char *name = NULL;
    Recorder at_server, at_client;

    recorder_attach(&at_server, server);
    recorder_attach(&at_client, client);
    g_assert_true(chardev_write_all(client, "ping", 4));
    run_until_input(&at_server, 4);
    g_assert_true(chardev_write_all(server, "pong!", 5));
    run_until_input(&at_client, 5);
    name = chardev_filename(server);
    g_assert_true(g_str_has_prefix(name, "tcp:127.0.0.1:"));
    g_assert_nonnull(strstr(name, ",server=on <-> 127.0.0.1:"));
    recorder_release(&at_client);
    recorder_release(&at_server);
    chardev_remove_all();
}

static void test_telnet(void)
{
    static const uint8_t greeting[] = {
        255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0,
    };
    /* a, IAC IAC, BREAK, DO ECHO, DO 99 (refused), SB … SE, CR NUL, b */
    static const uint8_t input[] = {
        'a', 255, 255, 255, 243, 255, 253, 1, 255, 253, 99, 255, 250, 24, 1, 255, 255, 2,
        255, 240, '\r', 0, 'b',
    };
    static const uint8_t decoded[] = { 'a', 255, '\r', 'b' };
    static const uint8_t refusal[] = { 255, 252, 99 };
    static const uint8_t output[] = { 'x', 255, 'y', 255 };
    static const uint8_t encoded[] = { 'x', 255, 255, 'y', 255, 255 };
    Chardev *chardev =
        chardev_made("socket,id=t,host=127.0.0.1,port=0,server=on,wait=off,telnet=on");
    int peer = tcp_connect(port_of(chardev));
    Recorder recorder;

    recorder_attach(&recorder, chardev);
    peer_expect(peer, greeting, sizeof(greeting));
    for (size_t i = 0; i < sizeof(input); i++) {
        peer_send(peer, input + i, 1);
        run_idle();
    }
    run_until_input(&recorder, sizeof(decoded));
    g_assert_cmpmem(recorder.input->data, recorder.input->len, decoded, sizeof(decoded));
    g_assert_cmpstr(recorder.events->str, ==, "OB");
    peer_expect(peer, refusal, sizeof(refusal));
    g_assert_true(chardev_write_all(chardev, output, sizeof(output)));
    peer_expect(peer, encoded, sizeof(encoded));
    close(peer);
    recorder_release(&recorder);
    chardev_remove_all();
}

static void test_abstract(void)
{
    g_autofree char *server_options = g_strdup_printf(
        "socket,id=s,path=vmm-test-%d,abstract=on,server=on,wait=off", getpid());
    g_autofree char *client_options =
        g_strdup_printf("socket,id=c,path=vmm-test-%d,abstract=on", getpid());
    Chardev *server = chardev_made(server_options);
    Chardev *client = chardev_made(client_options);
    Recorder recorder;

    recorder_attach(&recorder, server);
    g_assert_true(chardev_write_all(client, "abstract", 8));
    run_until_input(&recorder, 8);
    recorder_release(&recorder);
    chardev_remove_all();
}

static gpointer connect_soon(gpointer opaque)
{
    for (unsigned i = 0; i < 1000; i++) {
        g_usleep(1000);
        if (access(opaque, F_OK) == 0) {
            return GINT_TO_POINTER(peer_connect(opaque));
        }
    }
    return GINT_TO_POINTER(-1);
}

static void test_wait(void)
{
    g_autofree char *path = test_path("wait");
    g_autofree char *options = g_strdup_printf("socket,id=s,path=%s,server=on", path);
    GThread *thread = g_thread_new("client", connect_soon, path);
    Chardev *chardev = chardev_made(options);

    g_assert_true(chardev_is_open(chardev));
    close(GPOINTER_TO_INT(g_thread_join(thread)));
    chardev_remove_all();
}

static void test_refusals(void)
{
    static const struct {
        const char *options, *message;
    } cases[] = {
        { "socket,id=a", "exactly one of path, port" },
        { "socket,id=a,path=x,port=1", "exactly one of path, port" },
        { "socket,id=a,host=localhost", "no port given" },
        { "socket,id=a,path=x,wait=on", "'wait' option is incompatible" },
        { "socket,id=a,path=x,server=on,reconnect=1", "'reconnect' option is incompatible" },
        { "socket,id=a,path=x,ipv4=on", "need a TCP socket" },
        { "socket,id=a,port=1,abstract=on", "'abstract' needs a unix socket" },
        { "socket,id=a,port=99999999,host=127.0.0.1", "port 99999999 is out of range" },
        { "socket,id=a,port=no-such-service,host=127.0.0.1", "address resolution failed" },
        { "socket,id=a,port=5,to=4,host=127.0.0.1,server=on", "to=4" },
        { "socket,id=a,port=5,host=127.0.0.1,ipv4=off,ipv6=off", "leave no address" },
        { "socket,id=a,fd=0x", "Unable to parse FD number" },
        { "socket,id=a,fd=9999", "is not a stream socket" },
        { "socket,id=a,path=x,servre=on", "did you mean 'server'?" },
        { "socket,id=a,path=x,wait=maybe", "'maybe' is not one of auto, on, off" },
        { "socket,id=a,path=/", "Failed to connect" },
        { "socket,id=a,path=/,server=on", "is not a socket" },
        { "socket,id=a,path=/nonexistent/x,server=on", "Failed to listen" },
    };
    g_autofree char *long_name = g_strnfill(200, 'x');
    g_autofree char *too_long = g_strdup_printf("socket,id=a,path=%s", long_name);

    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        assert_refused(cases[i].options, cases[i].message);
    }
    assert_refused(too_long, "too long");
}

/* Deleting it with everything open leaks no descriptor. */
static void test_removal(void)
{
    g_autofree char *path = test_path("removal");
    g_autoptr(GError) error = NULL;
    Chardev *chardev;
    Recorder recorder;
    unsigned before;
    int peer;

    /* The main context has descriptors of its own. */
    run_idle();
    before = open_fds();
    chardev = make_server(path, "");
    peer = peer_connect(path);
    recorder_attach(&recorder, chardev);
    run_until_events(&recorder, "O");
    g_assert_false(chardev_remove("s", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 's' is busy");
    g_assert_true(chardev_write_all(chardev, "bye", 3));
    chardev_remove_all();
    g_assert_cmpuint(recorder.gone, ==, 1);
    peer_expect(peer, "bye", 3);
    peer_expect_eof(peer);
    close(peer);
    recorder_release(&recorder);
    g_assert_cmpuint(open_fds(), ==, before);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    g_test_add_func("/chardev/socket/server", test_server);
    g_test_add_func("/chardev/socket/bytes-before-eof", test_bytes_before_eof);
    g_test_add_func("/chardev/socket/next-client", test_next_client);
    g_test_add_func("/chardev/socket/one-at-a-time", test_one_at_a_time);
    g_test_add_func("/chardev/socket/client", test_client);
    g_test_add_func("/chardev/socket/reconnect", test_reconnect);
    g_test_add_func("/chardev/socket/partial-writes", test_partial_writes);
    g_test_add_func("/chardev/socket/large-input", test_large_input);
    g_test_add_func("/chardev/socket/gathered-writes", test_gathered_writes);
    g_test_add_func("/chardev/socket/no-room", test_no_room);
    g_test_add_func("/chardev/socket/fds", test_fds);
    g_test_add_func("/chardev/socket/tcp", test_tcp);
    g_test_add_func("/chardev/socket/telnet", test_telnet);
    g_test_add_func("/chardev/socket/abstract", test_abstract);
    g_test_add_func("/chardev/socket/wait", test_wait);
    g_test_add_func("/chardev/socket/refusals", test_refusals);
    g_test_add_func("/chardev/socket/removal", test_removal);
    return test_finish();
}
