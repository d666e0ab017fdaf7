/* SPDX-License-Identifier: MIT */
/*
 * The command line: one table of options, from which parsing, `-help`,
 * completion and query-command-line-options come.
 */
#ifndef VMM_OPTIONS_H
#define VMM_OPTIONS_H

#include <glib.h>
#include <stdbool.h>

typedef enum OptionKind {
    OPTION_FLAG,     /* no argument; repeating it changes nothing */
    OPTION_ONCE,     /* an argument; given twice it is an error */
    OPTION_LIST,     /* an argument; every one counts */
    OPTION_MERGED,   /* keyval arguments that add up; a key twice is an error */
} OptionKind;

typedef struct OptionInfo {
    const char *name;
    OptionKind kind;
    const char *argument;    /* how -help shows it */
    const char *help;
    const char *section;     /* of -help; set on the first of a section */
    const char *alias_of;    /* another name of that option */
    const char *implied;     /* MERGED: the key of a first word without '=' */
    const char *means;       /* a FLAG that stands for another option: "accel kvm" */
} OptionInfo;

extern const OptionInfo option_table[];
extern const unsigned option_count;

/* Takes the command line apart. Errors name the option and the nearest known one. */
bool options_parse(int argc, char **argv, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* -readconfig: an ini file of [option "id"] sections. */
bool options_read_config(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;

bool option_given(const char *name);
/* The argument of a ONCE option, or NULL. */
const char *option_value(const char *name);
/* All arguments of a LIST option, in order; never NULL. */
GPtrArray *option_values(const char *name);
/* All of a MERGED option as one "a{sv}"; an empty one when it was not given. Full reference. */
GVariant *option_dict(const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* One argument as a dictionary: keyval, or JSON when it starts with '{'. Full reference. */
GVariant *option_parse_dict(const char *text, const char *implied, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* Are all keys among `known` (NULL-terminated)? The error names the nearest. */
bool option_check_keys(const char *option, GVariant *dict, const char *const *known, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

char *options_help(void);
/* The lines of one option; the caller frees it. */
char *option_help(const OptionInfo *info);
void options_free(void);

#endif
