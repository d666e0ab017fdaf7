/* SPDX-License-Identifier: MIT */
/*
 * The human monitor: lines of words, answers for people. Its commands are in
 * the same modules as QMP's and call the same functions.
 */
#ifndef MONITOR_HMP_H
#define MONITOR_HMP_H

#include "monitor/monitor.h"
#include "monitor/schema.h"

typedef enum HmpArgKind {
    HMP_WORD,        /* "s": a word, or a "quoted string" */
    HMP_REST,        /* "s": the rest of the line */
    HMP_NUMBER,      /* "x": an expression */
    HMP_INDEX,       /* "x": ".expression", right behind the one before; always optional */
    HMP_BOOL,        /* "b": on or off */
    HMP_FLAG,        /* "b": the option `name`, a letter: "-f"; true when given */
    /* "/20xw": "count" "x", "format" "s" and "unit" "x" (bytes), or the last ones */
    HMP_FORMAT,
} HmpArgKind;

/* Adds words that `prefix` begins: copies, any order, also ones that do not fit. */
typedef void (*HmpComplete)(const char *prefix, GPtrArray *words);

typedef struct HmpArg {
    const char *name;
    HmpArgKind kind;
    bool optional;
    HmpComplete complete;
} HmpArg;

typedef void (*HmpHandler)(Monitor *monitor, GVariant *args, GError **error);

struct HmpCommand {
    const char *name;       /* with its other names: "quit|q" */
    const HmpArg *args;     /* ends with one without a name; NULL: none */
    const char *params;     /* for help: "[-f] addr" */
    const char *help;
    HmpHandler handler;     /* prints with monitor_printf() */
    /* Instead of a handler: the QMP command of this name is called with the arguments. */
    const char *qmp;
};

/* Runs a line and returns what it printed, as a floating string with \r\n. `cpu` < 0: the first. */
GVariant *hmp_run_for_qmp(const char *line, int64_t cpu, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Appends to the monitor's text. Errors of the command are printed as well. */
void hmp_run_line(Monitor *monitor, const char *line);

/* The command of a name, or of another of its names, in the commands or below "info". */
const HmpCommand *hmp_find(const char *name, bool info);

/* Splits a line's arguments as `args` says, into an "a{sv}" (not floating). */
GVariant *hmp_parse_args(Monitor *monitor, const HmpCommand *command, const char *line,
                         GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Words that could stand at the end of the line; the caller frees the array. */
GPtrArray *hmp_complete_line(const char *line);

/* help and info without arguments, and their tables. */
extern const SchemaModule hmp_module;

/* Completers that several modules use. */
void hmp_complete_device_type(const char *prefix, GPtrArray *words);
void hmp_complete_object_type(const char *prefix, GPtrArray *words);
void hmp_complete_path(const char *prefix, GPtrArray *words);
void hmp_complete_user_object(const char *prefix, GPtrArray *words);
void hmp_complete_chardev(const char *prefix, GPtrArray *words);

#endif
