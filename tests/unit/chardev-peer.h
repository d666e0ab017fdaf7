/* SPDX-License-Identifier: MIT */
/* A front end that records what it gets, and the far sides of sockets, for the tests. */
#ifndef TESTS_UNIT_CHARDEV_PEER_H
#define TESTS_UNIT_CHARDEV_PEER_H

#include "backends/char/chardev.h"
#include "backends/char/options.h"

typedef struct Recorder {
    Chardev *chardev;
    GByteArray *input;
    GString *events;     /* "OCBio" for opened, closed, break, mux in and out */
    size_t room;         /* what can_receive() answers; receive() takes from it */
    unsigned pieces;     /* calls of receive() */
    unsigned writable, gone;
    bool echo;           /* write back what comes, byte by byte */
} Recorder;

/* Unlimited room. */
void recorder_attach(Recorder *recorder, Chardev *chardev);
void recorder_release(Recorder *recorder);

/* Runs the main context until the condition holds; fails after ten seconds. */
typedef bool (*Condition)(const void *opaque);
void run_until(Condition condition, const void *opaque);
void run_until_input(Recorder *recorder, size_t size);
void run_until_events(Recorder *recorder, const char *events);
/* A few iterations that must not block. */
void run_idle(void);

/* Options that must work. */
Chardev *chardev_made(const char *options);
/* Options that must fail, with `message` in the error. */
void assert_refused(const char *options, const char *message);

/* A private directory; tests_cleanup() removes it. */
const char *test_dir(void);
char *test_path(const char *name);
void test_start(int *argc, char ***argv);
int test_finish(void);

/* The other side of a unix socket: blocking. */
int peer_connect(const char *path);
int peer_listen(const char *path);
int peer_accept(int listen_fd);
void peer_send(int fd, const void *data, size_t size);
/* Reads exactly so much while the main context runs. */
void peer_expect(int fd, const void *data, size_t size);
void peer_expect_eof(int fd);

#endif
