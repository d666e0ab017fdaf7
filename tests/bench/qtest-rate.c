/* SPDX-License-Identifier: MIT */
/*
 * qtest-rate SOCKET DEPTH COUNT COMMAND... [-- COMMAND...]
 *
 * Listens on SOCKET for an emulator's qtest connection, sends the commands after "--" once,
 * then the commands before it in turn, COUNT in all, with up to DEPTH of them on their way.
 * Prints the nanoseconds a command took, the median of REPEATS rounds. An answer other than
 * OK is an error.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { REPEATS = 5, CONNECT_SECONDS = 20, MAX_DEPTH = 256 };

static int peer;
static char input[1 << 16];
static size_t input_start, input_end;

static void die(const char *what)
{
    fprintf(stderr, "qtest-rate: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(1);
}

/* The next line, without its newline; valid until the next call. */
static char *read_line(void)
{
    for (;;) {
        char *start = input + input_start;
        char *end = memchr(start, '\n', input_end - input_start);
        ssize_t got;

        if (end) {
            *end = 0;
            input_start = end + 1 - input;
            return start;
        }
        memmove(input, start, input_end - input_start);
        input_end -= input_start;
        input_start = 0;
        got = read(peer, input + input_end, sizeof(input) - input_end);
        if (got <= 0) {
            die("the emulator closed its qtest connection");
        }
        input_end += got;
    }
}

static void read_answer(const char *command)
{
    char *line;

    do {
        line = read_line();
    } while (strncmp(line, "IRQ", 3) == 0);
    if (strncmp(line, "OK", 2) != 0) {
        fprintf(stderr, "qtest-rate: '%s' was answered with '%s'\n", command, line);
        exit(1);
    }
}

static void send_all(const char *text, size_t size)
{
    while (size) {
        ssize_t sent = write(peer, text, size);

        if (sent <= 0) {
            die("write");
        }
        text += sent;
        size -= sent;
    }
}

static double now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e9 + now.tv_nsec;
}

/* Send `count` commands, `depth` at a time in one write; the time per command. */
static double run_round(char **commands, int n, int count, int depth)
{
    static char batch[1 << 16];
    double start = now_ns();
    int done = 0;

    while (done < count) {
        int wanted = count - done < depth ? count - done : depth;
        size_t size = 0;

        for (int i = 0; i < wanted; i++) {
            size += snprintf(batch + size, sizeof(batch) - size, "%s\n",
                             commands[(done + i) % n]);
            if (size >= sizeof(batch)) {
                errno = 0;
                die("commands too long");
            }
        }
        send_all(batch, size);
        for (int i = 0; i < wanted; i++) {
            read_answer(commands[(done + i) % n]);
        }
        done += wanted;
    }
    return (now_ns() - start) / count;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void accept_peer(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = CONNECT_SECONDS };
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        die(path);
    }
    strcpy(address.sun_path, path);
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 1) < 0) {
        die(path);
    }
    setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    peer = accept(listener, NULL, NULL);
    if (peer < 0) {
        die("no connection");
    }
    close(listener);
}

int main(int argc, char **argv)
{
    double rounds[REPEATS];
    int depth = argc > 4 ? atoi(argv[2]) : 0, count = argc > 4 ? atoi(argv[3]) : 0;
    int n = 0;

    while (4 + n < argc && strcmp(argv[4 + n], "--") != 0) {
        n++;
    }
    if (n == 0 || depth < 1 || depth > MAX_DEPTH || count < 1) {
        fputs("usage: qtest-rate SOCKET DEPTH COUNT COMMAND... [-- COMMAND...]\n", stderr);
        return 2;
    }
    accept_peer(argv[1]);
    for (int i = 4 + n + 1; i < argc; i++) {
        run_round(argv + i, 1, 1, 1);
    }
    for (int i = 0; i < REPEATS; i++) {
        rounds[i] = run_round(argv + 4, n, count, depth);
    }
    qsort(rounds, REPEATS, sizeof(rounds[0]), compare);
    printf("%.1f\n", rounds[REPEATS / 2]);
    return 0;
}
