/* SPDX-License-Identifier: MIT */
/* Terminals: pty, serial lines, and standard input and output with their way back. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "tests/unit/chardev-peer.h"

/* ---- pty ---- */

/* Makes a pty with standard output kept: its message is returned. */
static char *pty_message(Chardev **chardev)
{
    g_autofree char *path = test_path("stdout");
    int saved, file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char *text;

    fflush(stdout);
    saved = dup(STDOUT_FILENO);
    dup2(file, STDOUT_FILENO);
    *chardev = chardev_made("pty,id=p");
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(file);
    g_assert_true(g_file_get_contents(path, &text, NULL, NULL));
    return text;
}

static void test_pty(void)
{
    Chardev *chardev;
    g_autofree char *message = pty_message(&chardev);
    g_autofree char *name = chardev_filename(chardev);
    g_autofree char *expected = g_strdup_printf("char device redirected to %s (label p)\n",
                                                name + strlen("pty:"));
    struct termios settings;
    Recorder recorder;
    int peer;

    g_assert_cmpstr(message, ==, expected);
    recorder_attach(&recorder, chardev);
    run_idle();
    g_assert_cmpstr(recorder.events->str, ==, "");
    g_assert_cmpuint(chardev_write(chardev, "lost", 4), ==, 4);
    for (unsigned round = 1; round <= 2; round++) {
        peer = open(name + strlen("pty:"), O_RDWR | O_NOCTTY | O_CLOEXEC);
        g_assert_cmpint(peer, >=, 0);
        run_until_events(&recorder, round == 1 ? "O" : "OCO");
        g_assert_cmpint(tcgetattr(peer, &settings), ==, 0);
        g_assert_cmpuint(settings.c_lflag & (ECHO | ICANON | ISIG), ==, 0);
        g_assert_true(chardev_write_all(chardev, "to\n", 3));
        peer_expect(peer, "to\n", 3);
        g_assert_cmpint(write(peer, "from\r", 5), ==, 5);
        run_until_input(&recorder, 5 * round);
        close(peer);
        run_until_events(&recorder, round == 1 ? "OC" : "OCOC");
    }
    recorder_release(&recorder);
    chardev_remove_all();
}

/* ---- serial ---- */

static void test_serial(void)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    static const ChardevSerialParams params = { 9700, 7, 2, 'E' };
    g_autofree char *options = NULL;
    struct termios settings;
    Recorder recorder;
    unsigned lines;

    g_assert_cmpint(grantpt(master) | unlockpt(master), ==, 0);
    options = g_strdup_printf("serial,id=s,path=%s", ptsname(master));
    recorder_attach(&recorder, chardev_made(options));
    g_assert_cmpstr(recorder.events->str, ==, "O");
    g_assert_true(chardev_write_all(recorder.chardev, "out\n", 4));
    peer_expect(master, "out\n", 4);
    g_assert_cmpint(write(master, "in\r", 3), ==, 3);
    run_until_input(&recorder, 3);
    g_assert_cmpmem(recorder.input->data, 3, "in\r", 3);
    g_assert_true(chardev_set_serial_params(recorder.chardev, &params));
    g_assert_cmpint(tcgetattr(master, &settings), ==, 0);
    g_assert_cmpuint(cfgetospeed(&settings), ==, B9600);
    g_assert_cmpuint(settings.c_cflag & CSTOPB, ==, CSTOPB);
    /* A pseudoterminal has no modem lines. */
    g_assert_false(chardev_get_modem_lines(recorder.chardev, &lines));
    recorder_release(&recorder);
    chardev_remove_all();
    close(master);
}

/* ---- stdio ---- */

static bool is_raw(int master)
{
    struct termios settings;

    g_assert_cmpint(tcgetattr(master, &settings), ==, 0);
    return !(settings.c_lflag & (ECHO | ICANON));
}

static bool has_signals(int master)
{
    struct termios settings;

    g_assert_cmpint(tcgetattr(master, &settings), ==, 0);
    return settings.c_lflag & ISIG;
}

typedef enum Ending {
    END_BY_EXIT, END_BY_REMOVAL, END_BY_ABORT, END_BY_SEGV, END_BY_TERM,
} Ending;

/* The child: echoes with stdio until it has seen "q", then ends in some way. */
static void child(int master, int slave, const char *options, Ending ending)
{
    Recorder recorder;

    close(master);
    setsid();
    ioctl(slave, TIOCSCTTY, 0);
    dup2(slave, STDIN_FILENO);
    dup2(slave, STDOUT_FILENO);
    close(slave);
    /* A sanitizer may have handlers of its own. */
    signal(SIGABRT, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    recorder_attach(&recorder, chardev_made(options));
    recorder.echo = true;
    while (!recorder.input->len || !memchr(recorder.input->data, 'q', recorder.input->len)) {
        g_main_context_iteration(NULL, TRUE);
    }
    switch (ending) {
    case END_BY_EXIT:
        exit(0);
    case END_BY_REMOVAL:
        chardev_remove_all();
        _exit(0);
    case END_BY_ABORT:
        abort();
    case END_BY_SEGV:
        raise(SIGSEGV);
        break;
    case END_BY_TERM:
        raise(SIGTERM);
        break;
    }
    _exit(99);
}

static void check_stdio(const char *options, bool signals, Ending ending, int expected_status)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), slave, status;
    char buffer[1];
    pid_t pid;

    g_assert_cmpint(grantpt(master) | unlockpt(master), ==, 0);
    slave = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_false(is_raw(master));
    fflush(stdout);
    pid = fork();
    if (!pid) {
        child(master, slave, options, ending);
    }
    while (!is_raw(master)) {
        g_usleep(1000);
    }
    g_assert_true(has_signals(master) == signals);
    g_assert_cmpint(write(master, "x", 1), ==, 1);
    g_assert_cmpint(read(master, buffer, 1), ==, 1);
    g_assert_cmpint(buffer[0], ==, 'x');
    /* The terminal that the shell shares stays as it was. */
    g_assert_cmpint(fcntl(slave, F_GETFL) & O_NONBLOCK, ==, 0);
    g_assert_cmpint(write(master, "q", 1), ==, 1);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, expected_status);
    g_assert_false(is_raw(master));
    g_assert_true(has_signals(master));
    close(slave);
    close(master);
}

static void test_stdio(void)
{
    check_stdio("stdio,id=s", true, END_BY_EXIT, W_EXITCODE(0, 0));
    check_stdio("stdio,id=s,signal=off", false, END_BY_REMOVAL, W_EXITCODE(0, 0));
}

static void test_stdio_signals(void)
{
    check_stdio("stdio,id=s,signal=off", false, END_BY_ABORT, W_EXITCODE(0, SIGABRT));
    check_stdio("stdio,id=s,signal=off", false, END_BY_SEGV, W_EXITCODE(0, SIGSEGV));
    check_stdio("stdio,id=s", true, END_BY_TERM, W_EXITCODE(0, SIGTERM));
}

/* With /dev/null or a pipe for input, output goes on after the end of the input. */
static void test_stdio_pipes(void)
{
    int in[2], out[2], status;
    pid_t pid;

    g_assert_cmpint(pipe2(in, O_CLOEXEC) | pipe2(out, O_CLOEXEC), ==, 0);
    fflush(stdout);
    pid = fork();
    if (!pid) {
        Recorder recorder;
        GError *error = NULL;
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        recorder_attach(&recorder, chardev_made("stdio,id=s"));
        g_assert_null(chardev_new_from_string("stdio,id=t", &error));
        g_assert_nonnull(strstr(error->message, "cannot use stdio by multiple"));
        run_until_events(&recorder, "OC");
        chardev_write_all(recorder.chardev, recorder.input->data, recorder.input->len);
        _exit(recorder.input->len);
    }
    close(out[1]);
    g_assert_cmpint(write(in[1], "hello", 5), ==, 5);
    close(in[1]);
    peer_expect(out[0], "hello", 5);
    peer_expect_eof(out[0]);
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_cmpint(status, ==, W_EXITCODE(5, 0));
    g_assert_cmpint(fcntl(in[0], F_GETFL) & O_NONBLOCK, ==, 0);
    close(in[0]);
    close(out[0]);
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    g_test_add_func("/chardev/pty", test_pty);
    g_test_add_func("/chardev/serial", test_serial);
    g_test_add_func("/chardev/stdio", test_stdio);
    g_test_add_func("/chardev/stdio/signals", test_stdio_signals);
    g_test_add_func("/chardev/stdio/pipes", test_stdio_pipes);
    return test_finish();
}
