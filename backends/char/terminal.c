/* SPDX-License-Identifier: MIT */
#include "backends/char/terminal.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "backends/char/chardev.h"

/* Read by signal handlers. */
static volatile sig_atomic_t terminal_fd = -1;
static volatile sig_atomic_t is_raw;
static volatile sig_atomic_t raw_again;  /* after it was stopped */
static struct termios original, raw;

/* Only async-signal-safe calls. */
void chardev_restore_terminal(void)
{
    if (is_raw) {
        is_raw = 0;
        tcsetattr(terminal_fd, TCSANOW, &original);
    }
}

static void on_fatal_signal(int number)
{
    /* SA_RESETHAND: what it did before, it does now. */
    chardev_restore_terminal();
    raise(number);
}

static void on_stop(int number)
{
    int saved_errno = errno;
    sigset_t set;

    raw_again = is_raw;
    chardev_restore_terminal();
    signal(SIGTSTP, SIG_DFL);
    raise(SIGTSTP);
    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    /* Here it stops, until SIGCONT. */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    signal(SIGTSTP, on_stop);
    errno = saved_errno;
}

static void on_continue(int number)
{
    int saved_errno = errno;

    /* In the background, touching the terminal would stop the program again. */
    if ((is_raw || raw_again) && tcgetpgrp(terminal_fd) == getpgrp()) {
        is_raw = 1;
        raw_again = 0;
        tcsetattr(terminal_fd, TCSANOW, &raw);
    }
    errno = saved_errno;
}

static void handle_if_default(int number, void (*handler)(int), int flags)
{
    struct sigaction action;

    if (!sigaction(number, NULL, &action) && !(action.sa_flags & SA_SIGINFO) &&
        action.sa_handler == SIG_DFL) {
        memset(&action, 0, sizeof(action));
        action.sa_handler = handler;
        action.sa_flags = flags;
        sigaction(number, &action, NULL);
    }
}

static void install_handlers(void)
{
    static const int fatal[] = {
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGILL, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS,
        SIGXCPU, SIGXFSZ,
    };
    static bool installed;

    if (!installed) {
        installed = true;
        atexit(chardev_restore_terminal);
        for (unsigned i = 0; i < G_N_ELEMENTS(fatal); i++) {
            handle_if_default(fatal[i], on_fatal_signal, SA_RESETHAND | SA_NODEFER);
        }
        handle_if_default(SIGTSTP, on_stop, SA_RESTART);
        handle_if_default(SIGCONT, on_continue, SA_RESTART);
    }
}

bool terminal_set_raw(int fd, bool signals)
{
    if (!is_raw && tcgetattr(fd, &original)) {
        return false;
    }
    raw = original;
    raw.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    raw.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    if (!signals) {
        raw.c_lflag &= ~ISIG;
    }
    raw.c_cflag &= ~(CSIZE | PARENB);
    raw.c_cflag |= CS8;
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    terminal_fd = fd;
    install_handlers();
    is_raw = 1;
    tcsetattr(fd, TCSANOW, &raw);
    return true;
}

static void end_at_once(int number)
{
    chardev_restore_terminal();
    signal(number, SIG_DFL);
    raise(number);
}

void terminal_signals_end(bool on)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP };
    static struct sigaction saved[G_N_ELEMENTS(numbers)];
    struct sigaction end = { .sa_handler = end_at_once };

    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
        if (on) {
            sigaction(numbers[i], &end, &saved[i]);
        } else {
            sigaction(numbers[i], &saved[i], NULL);
        }
    }
}
