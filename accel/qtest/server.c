/* SPDX-License-Identifier: MIT */
#include "accel/qtest/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "accel/qtest/commands.h"
#include "base/error.h"

/* A line holds at most the hexadecimal digits of the largest write. */
#define MAX_LINE (513u << 20)

static struct {
    Chardev *chardev;
    FILE *log;
    gint64 start;
    GString *in, *out;
    bool in_command;
    bool dropping;       /* the rest of a line that was too long */
} server;

static void log_dialogue(char direction, const char *text, int length)
{
    if (server.log) {
        double seconds = (double)(g_get_monotonic_time() - server.start) / G_USEC_PER_SEC;
        fprintf(server.log, "[%c +%.6f] %.*s\n", direction, seconds, length, text);
    }
}

static void send_answers(void)
{
    if (server.log) {
        const char *at = server.out->str, *end;
        for (; (end = strchr(at, '\n')); at = end + 1) {
            log_dialogue('S', at, end - at);
        }
        fflush(server.log);
    }
    chardev_write_all(server.chardev, server.out->str, server.out->len);
    g_string_truncate(server.out, 0);
}

/* A line that changes is told before the answer of the command that changed it. */
static void irq_changed(unsigned line, bool level)
{
    g_string_append_printf(server.out, "IRQ %s %u\n", level ? "raise" : "lower", line);
    if (!server.in_command) {
        send_answers();
    }
}

static void run_line(char *line)
{
    log_dialogue('R', line, strlen(line));
    if (server.out->len > (64u << 10)) {
        send_answers();
    }
    server.in_command = true;
    qtest_command(line, server.out, irq_changed);
    server.in_command = false;
}

static void take_lines(char *data, size_t size)
{
    char *end = data + size, *newline;

    while ((newline = memchr(data, '\n', end - data))) {
        *newline = '\0';
        if (server.dropping) {
            server.dropping = false;
            g_string_append(server.out, "FAIL the line is too long\n");
        } else if (server.in->len) {
            g_string_append_len(server.in, data, newline - data);
            run_line(server.in->str);
            g_string_truncate(server.in, 0);
        } else {
            run_line(data);
        }
        data = newline + 1;
    }
    if (server.in->len + (end - data) > MAX_LINE) {
        g_string_truncate(server.in, 0);
        server.dropping = true;
    } else if (!server.dropping) {
        g_string_append_len(server.in, data, end - data);
    }
}

static void server_receive(void *opaque, const uint8_t *data, size_t size)
{
    g_autofree char *copy = g_memdup2(data, size);

    take_lines(copy, size);
    send_answers();
}

static void server_event(void *opaque, ChardevEvent event)
{
    if (event == CHARDEV_OPENED) {
        server.start = g_get_monotonic_time();
        log_dialogue('I', "OPENED", 6);
    } else if (event == CHARDEV_CLOSED) {
        log_dialogue('I', "CLOSED", 6);
        g_string_truncate(server.in, 0);
        server.dropping = false;
        qtest_commands_reset();
    }
}

static void server_gone(void *opaque)
{
    server.chardev = NULL;
}

bool qtest_server_start(Chardev *chardev, const char *log, GError **error)
{
    static const ChardevFrontendOps ops = {
        .receive = server_receive, .event = server_event, .gone = server_gone,
    };

    g_assert(!server.in);
    if (!log) {
        server.log = stderr;
    } else if (!g_str_equal(log, "none") && !g_str_equal(log, "/dev/null")) {
        server.log = fopen(log, "we");
        if (!server.log) {
            error_set_errno(error, errno, "cannot open qtest log '%s'", log);
            return false;
        }
    }
    server.chardev = chardev;
    server.in = g_string_new(NULL);
    server.out = g_string_new(NULL);
    server.start = g_get_monotonic_time();
    if (!chardev_attach(chardev, &ops, &server, error)) {
        server.chardev = NULL;
        qtest_server_stop();
        return false;
    }
    return true;
}

void qtest_server_stop(void)
{
    if (!server.in) {
        return;
    }
    qtest_commands_reset();
    if (server.chardev) {
        chardev_detach(server.chardev, &server);
    }
    g_string_free(server.in, TRUE);
    g_string_free(server.out, TRUE);
    if (server.log && server.log != stderr) {
        fclose(server.log);
    }
    memset(&server, 0, sizeof(server));
}

bool qtest_server_running(void)
{
    return server.in != NULL;
}
