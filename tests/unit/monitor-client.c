/* SPDX-License-Identifier: MIT */
#include "tests/unit/monitor-client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/chardev-peer.h"

Monitor *monitor_listening(const char *id, const MonitorOptions *options)
{
    g_autofree char *path = test_path(id);
    g_autofree char *spec = g_strdup_printf("socket,id=%s,path=%s,server=on,wait=off", id, path);
    g_autoptr(GError) error = NULL;
    Monitor *monitor = monitor_new(chardev_made(spec), options, &error);

    g_assert_no_error(error);
    return monitor;
}

void client_connect(Client *client, const char *id)
{
    g_autofree char *path = test_path(id);

    client->fd = peer_connect(path);
    client->input = g_string_new(NULL);
}

void client_close(Client *client)
{
    close(client->fd);
    g_string_free(client->input, TRUE);
    run_idle();
}

/* Reads what is there. */
static void receive(Client *client)
{
    char buffer[4096];
    ssize_t got;

    while ((got = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0) {
        g_string_append_len(client->input, buffer, got);
    }
}

void client_send_bytes(Client *client, const void *bytes, size_t length)
{
    const char *at = bytes;

    while (length) {
        ssize_t sent = send(client->fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent < 0) {
            g_assert_cmpint(errno, ==, EAGAIN);
            g_main_context_iteration(NULL, FALSE);
            receive(client);
            continue;
        }
        at += sent;
        length -= sent;
    }
}

void client_send(Client *client, const char *text)
{
    client_send_bytes(client, text, strlen(text));
}

void client_send_fds(Client *client, const char *text, const int *fds, unsigned count)
{
    char control[CMSG_SPACE(sizeof(int) * 8)] = { 0 };
    struct iovec iov = { (char *)text, strlen(text) };
    struct msghdr message = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
        .msg_controllen = CMSG_SPACE(sizeof(int) * count),
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    g_assert_cmpint(sendmsg(client->fd, &message, 0), ==, strlen(text));
}

typedef struct Wanted {
    Client *client;
    const char *text;
} Wanted;

static bool has_text(const void *opaque)
{
    const Wanted *wanted = opaque;

    receive(wanted->client);
    return strstr(wanted->client->input->str, wanted->text);
}

static gboolean tick(gpointer opaque)
{
    return G_SOURCE_CONTINUE;
}

char *client_until(Client *client, const char *end)
{
    Wanted wanted = { client, end };
    guint ticker = g_timeout_add(1, tick, NULL);
    size_t length;
    char *text;

    run_until(has_text, &wanted);
    g_source_remove(ticker);
    length = strstr(client->input->str, end) - client->input->str + strlen(end);
    text = g_strndup(client->input->str, length);
    g_string_erase(client->input, 0, length);
    return text;
}

char *client_line(Client *client)
{
    char *line = client_until(client, "\r\n");

    line[strlen(line) - 2] = 0;
    return line;
}

void client_expect(Client *client, const char *expected)
{
    g_autofree char *line = client_line(client);

    g_assert_cmpstr(line, ==, expected);
}

void client_expect_like(Client *client, const char *pattern)
{
    g_autofree char *line = client_line(client);

    if (!g_pattern_match_simple(pattern, line)) {
        g_error("'%s' is not like '%s'", line, pattern);
    }
}

void client_ask(Client *client, const char *text, const char *answer)
{
    client_send(client, text);
    client_expect(client, answer);
}

bool client_is_silent(Client *client)
{
    run_idle();
    receive(client);
    return !client->input->len;
}

void client_expect_silence(Client *client)
{
    (void)client_is_silent(client);
    g_assert_cmpstr(client->input->str, ==, "");
}

void client_negotiate(Client *client, bool oob)
{
    client_expect_like(client, "{\"QMP\": *");
    client_ask(client, oob ? "{\"execute\":\"qmp_capabilities\",\"arguments\":{\"enable\":"
                             "[\"oob\"]}}\n" : "{\"execute\":\"qmp_capabilities\"}\n",
               "{\"return\": {}}");
}
