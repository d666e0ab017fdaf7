/* SPDX-License-Identifier: MIT */
/*
 * Monitors: sessions that command the machine, over a Chardev.
 *
 * A control monitor speaks QMP (JSON), a human one takes lines. There may be
 * any number of either. Everything here runs in the main thread, under the
 * machine lock.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include <glib.h>
#include <stdbool.h>

#include "backends/char/chardev.h"
#include "base/error.h"

typedef struct Monitor Monitor;

typedef enum MonitorMode {
    MONITOR_CONTROL,   /* QMP */
    MONITOR_READLINE,  /* human, with line editing */
    MONITOR_PLAIN,     /* human, whole lines without echo */
} MonitorMode;

typedef struct MonitorOptions {
    MonitorMode mode;
    bool pretty;       /* QMP: indented answers */
} MonitorOptions;

/* Attaches to the chardev. The monitor lives until monitor_delete_all(). */
Monitor *monitor_new(Chardev *chardev, const MonitorOptions *options, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/*
 * -mon as a dictionary of strings or typed values: chardev (required), mode
 * ("readline", the default, or "control"), pretty.
 */
bool monitor_add(GVariant *options, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The text that "-mon help" prints; the caller frees it. */
char *monitor_options_help(void);

/* Writes what is queued, for at most a second: before the program ends. */
void monitor_flush_all(void);
void monitor_delete_all(void);

/* Takes NULL. Not from inside one of its own commands. */
void monitor_delete(Monitor *monitor);

/* ---- for command handlers ---- */

/* Appends to what a human monitor (or human-monitor-command) shows. */
void monitor_printf(Monitor *monitor, const char *format, ...) G_GNUC_PRINTF(2, 3);
void monitor_puts(Monitor *monitor, const char *text);

/*
 * The descriptor that came with the command through SCM_RIGHTS; the caller
 * owns it. -1 with an error when none came.
 */
int monitor_take_fd(Monitor *monitor, GError **error);

/* Descriptors that "getfd" named: kept until closed or taken, per monitor. */
void monitor_name_fd(Monitor *monitor, const char *name, int fd);
/* The caller owns it. -1 with an error when there is none of that name. */
int monitor_take_named_fd(Monitor *monitor, const char *name, GError **error);

/* The CPU that the commands of this monitor mean. */
unsigned monitor_cpu(const Monitor *monitor);
void monitor_set_cpu(Monitor *monitor, unsigned index);

/* ---- what the program tells the monitors ---- */

typedef struct OptionParameter {
    const char *name;
    const char *type;    /* "string", "boolean", "number" or "size" */
    const char *help;    /* may be NULL */
    const char *def;     /* may be NULL */
} OptionParameter;

/* One command-line option; the table ends with an entry without a name. */
typedef struct CommandLineOption {
    const char *name;
    const OptionParameter *parameters; /* ends with one without a name */
} CommandLineOption;

/* Facts that only the command line knows. All pointers are kept. */
typedef struct MonitorProgram {
    const char *target;                  /* "x86_64" */
    const char *default_machine;         /* "pc"; may be NULL */
    const CommandLineOption *options;
} MonitorProgram;

void monitor_set_program(const MonitorProgram *program);
const MonitorProgram *monitor_program(void);

#endif
