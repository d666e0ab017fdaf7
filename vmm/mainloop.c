/* SPDX-License-Identifier: MIT */
#include "vmm/mainloop.h"

#include <errno.h>
#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#include "base/lock.h"
#include "base/log.h"
#include "hw/core/machine.h"

static GThread *main_thread;

/* glib counts in milliseconds, the machine's timers in nanoseconds. */
static gint poll_unlocked(GPollFD *fds, guint count, gint timeout_ms)
{
    int64_t timer = time_until_next();
    int64_t wait = timeout_ms < 0 ? -1 : timeout_ms * 1000000ll;
    struct timespec ts;
    int ready;

    if (timer >= 0 && (wait < 0 || timer < wait)) {
        wait = timer;
    }
    ts.tv_sec = wait / NANOSECONDS_PER_SECOND;
    ts.tv_nsec = wait % NANOSECONDS_PER_SECOND;
    machine_unlock();
    ready = ppoll((struct pollfd *)fds, count, wait < 0 ? NULL : &ts, NULL);
    machine_lock();
    return ready;
}

static void nearer_deadline(void)
{
    /* The main thread looks at the timers before it sleeps anyway. */
    if (g_thread_self() != main_thread) {
        machine_wake_main_loop();
    }
}

static gboolean end_by_signal(gpointer number)
{
    static const char *const names[] = { [SIGINT] = "SIGINT", [SIGTERM] = "SIGTERM",
                                         [SIGHUP] = "SIGHUP" };

    report_info("terminating on signal %d (%s)", GPOINTER_TO_INT(number),
                names[GPOINTER_TO_INT(number)]);
    machine_request_shutdown(SHUTDOWN_HOST_SIGNAL);
    return G_SOURCE_CONTINUE;
}

void main_loop_init(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

    main_thread = g_thread_self();
    machine_lock();
    time_on_nearer_deadline(nearer_deadline);
    g_main_context_set_poll_func(NULL, poll_unlocked);
    for (unsigned i = 0; i < G_N_ELEMENTS(signals); i++) {
        g_unix_signal_add(signals[i], end_by_signal, GINT_TO_POINTER(signals[i]));
    }
    signal(SIGPIPE, SIG_IGN);
}

int main_loop_run(void)
{
    int status = 0;

    while (!machine_handle_requests(&status)) {
        /* A timer that is due must not wait for a file descriptor. */
        g_main_context_iteration(NULL, time_until_next() != 0);
        time_run_timers();
    }
    return status;
}
