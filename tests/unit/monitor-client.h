/* SPDX-License-Identifier: MIT */
/* A client of a monitor, on a unix socket, for the tests. */
#ifndef TESTS_UNIT_MONITOR_CLIENT_H
#define TESTS_UNIT_MONITOR_CLIENT_H

#include <glib.h>

#include "monitor/monitor.h"

typedef struct Client {
    int fd;
    GString *input;    /* received and not taken yet */
} Client;

/* A monitor on a new socket chardev of this id, that listens on test_path(id). */
Monitor *monitor_listening(const char *id, const MonitorOptions *options);

void client_connect(Client *client, const char *id);
void client_close(Client *client);
void client_send(Client *client, const char *text);
void client_send_bytes(Client *client, const void *bytes, size_t length);
/* With descriptors, in one message. */
void client_send_fds(Client *client, const char *text, const int *fds, unsigned count);

/* The next line without its end, while the main context runs; the caller frees it. */
char *client_line(Client *client);
/* The next line is this. */
void client_expect(Client *client, const char *line);
/* The next line matches a glob. */
void client_expect_like(Client *client, const char *pattern);
/* Sends, and expects an answer. */
void client_ask(Client *client, const char *text, const char *answer);
/* Nothing comes while the main context has something to do. */
void client_expect_silence(Client *client);
bool client_is_silent(Client *client);
/* Takes the greeting and negotiates. */
void client_negotiate(Client *client, bool oob);
/* Text that ends so; the caller frees it. */
char *client_until(Client *client, const char *end);

#endif
