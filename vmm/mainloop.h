/* SPDX-License-Identifier: MIT */
/*
 * The main loop: glib's default context, with the machine lock dropped while it
 * sleeps, and with the machine's timers to the nanosecond.
 */
#ifndef VMM_MAINLOOP_H
#define VMM_MAINLOOP_H

/* Takes the machine lock for the calling thread and catches SIGINT, SIGTERM, SIGHUP. */
void main_loop_init(void);
/* Runs until the machine ends; returns the exit status. Under the machine lock. */
int main_loop_run(void);

#endif
