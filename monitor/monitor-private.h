/* SPDX-License-Identifier: MIT */
/* Inside monitor/: what both kinds of monitor have. */
#ifndef MONITOR_MONITOR_PRIVATE_H
#define MONITOR_MONITOR_PRIVATE_H

#include "monitor/monitor.h"
#include "monitor/schema.h"

typedef struct MonitorKind {
    size_t (*can_receive)(Monitor *monitor);
    void (*receive)(Monitor *monitor, const uint8_t *data, size_t size);
    void (*event)(Monitor *monitor, ChardevEvent event);
    void (*writable)(Monitor *monitor);
    /* Releases what the kind added; the caller frees the Monitor. */
    void (*release)(Monitor *monitor);
} MonitorKind;

#define MONITOR_MAX_FDS 16

typedef struct FdList {
    int fd[MONITOR_MAX_FDS];
    unsigned count;
} FdList;

struct Monitor {
    const MonitorKind *kind;
    Chardev *chardev;         /* NULL when it went, and while none is needed */
    GString *text;            /* what monitor_printf() collects */
    GHashTable *named_fds;    /* char * to int */
    FdList incoming;          /* came with bytes that are no whole command yet */
    FdList fds;               /* came with the last command that had any */
    unsigned cpu;
};

void monitor_init(Monitor *monitor, const MonitorKind *kind);
void monitor_release(Monitor *monitor);
bool monitor_attach(Monitor *monitor, Chardev *chardev, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

void fd_list_close(FdList *list);
/* The descriptors go to `to`, those that it had are closed; unless there are none. */
void fd_list_move(FdList *to, FdList *from);

/* Puts "\r" before each "\n". */
char *monitor_line_ends(const char *text, size_t length);

/* Runs `func` on each monitor of a kind. */
void monitor_foreach(const MonitorKind *kind, void (*func)(Monitor *, void *), void *opaque);

extern const MonitorKind qmp_kind, hmp_kind;
Monitor *qmp_alloc(bool pretty);
Monitor *hmp_alloc(bool readline);

#endif
