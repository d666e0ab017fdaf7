/* SPDX-License-Identifier: MIT */
/*
 * The schema: constant tables of types, commands and events.
 *
 * What stands here is what a client may send, what it gets back, what
 * query-qmp-schema tells and what the manual lists. Arguments are checked
 * against it before a handler is called, so a handler reads members that are
 * known to be there and of the right type.
 *
 * A type is named by a string: "str", "bool", "number", "any", "null", "int"
 * (64 bits signed), "uint8", "uint16", "uint32", "uint64", "size", the name of
 * a SchemaType, or one of those in brackets for an array: "[RunState]".
 * Tables end with an entry without a name.
 */
#ifndef MONITOR_SCHEMA_H
#define MONITOR_SCHEMA_H

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct Monitor Monitor;
typedef struct HmpCommand HmpCommand;

typedef struct SchemaMember {
    const char *name;
    const char *type;
    bool optional;
} SchemaMember;

/* A union has these members too when its tag has this value. */
typedef struct SchemaVariant {
    const char *value;
    const char *type;
} SchemaVariant;

/* An enumeration, an alternate (told apart by the JSON type) or an object. */
typedef struct SchemaType {
    const char *name;
    const char *const *values;        /* enumeration; ends with NULL */
    const char *const *alternatives;  /* alternate: types; ends with NULL */
    const char *base;                 /* object: a type whose members it has as well */
    const SchemaMember *members;
    const char *tag;                  /* a member of an enumeration type */
    const SchemaVariant *variants;
    /* Members that are not listed are taken too: those of the QOM type that `tag` names. */
    bool open;
} SchemaType;

typedef enum CommandFlags {
    COMMAND_OOB       = 1 << 0, /* may run out of band: fast, without the machine's state */
    COMMAND_PRECONFIG = 1 << 1, /* may run before the machine is there */
} CommandFlags;

/*
 * `args` is an "a{sv}", never NULL. The result may be floating; NULL with an
 * error set is a failure, NULL without one is the empty object.
 */
typedef GVariant *(*CommandHandler)(Monitor *monitor, GVariant *args, GError **error);

/* The result of a handler whose work tells by a bool, and an error, whether it was done. */
static inline GVariant *no_result(bool done)
{
    return NULL;
}

typedef struct Command {
    const char *name;
    const char *help;                 /* one line for the manual */
    const SchemaMember *arguments;    /* or: */
    const char *arguments_type;       /* the name of an object type */
    const char *returns;              /* NULL: the empty object */
    CommandHandler handler;
    unsigned flags;                   /* CommandFlags */
} Command;

typedef struct Event {
    const char *name;
    const char *help;
    const SchemaMember *data;
    /*
     * At most one in this many milliseconds, the last one wins; 0: no limit.
     * The limit is per value of the data's member `rate_key`, if there is one.
     */
    unsigned rate_ms;
    const char *rate_key;
} Event;

/* One subject: its part of the schema, and its commands of the human monitor. */
typedef struct SchemaModule {
    const char *title;
    const SchemaType *types;
    const Command *commands;
    const Event *events;
    const HmpCommand *hmp_commands;
    const HmpCommand *hmp_infos;      /* below "info" */
} SchemaModule;

/* The modules of the program come first, by themselves; tests add their own. */
void schema_add_module(const SchemaModule *module);
unsigned schema_module_count(void);
const SchemaModule *schema_module(unsigned index);

const Command *schema_command(const char *name);
const Event *schema_event(const char *name);
/* NULL for built-in and array types, and for what is not there. */
const SchemaType *schema_type(const char *name);

/* Whether a type's name means something; arrays are looked into. */
bool schema_type_exists(const char *name);

/*
 * Checks a value against a type, or a dictionary against a list of members.
 * `path` names it in errors ("" for the arguments as a whole).
 */
bool schema_check(const char *type, GVariant *value, const char *path, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
bool schema_check_members(const SchemaMember *members, GVariant *dict, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
bool schema_check_arguments(const Command *command, GVariant *args, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* What query-qmp-schema answers. */
GVariant *schema_introspect(void);

/* ---- reading checked arguments ---- */

/* Borrowed from `args`; NULL when it is absent. */
const char *args_str(GVariant *args, const char *name);
bool args_has(GVariant *args, const char *name);
bool args_bool(GVariant *args, const char *name, bool otherwise);
int64_t args_int(GVariant *args, const char *name, int64_t otherwise);
uint64_t args_uint(GVariant *args, const char *name, uint64_t otherwise);
/* A new reference to the member's value, or NULL. */
GVariant *args_value(GVariant *args, const char *name);

/* ---- making answers ---- */

typedef GVariantBuilder Dict;
#define DICT_INIT G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE_VARDICT)
#define LIST_INIT G_VARIANT_BUILDER_INIT(G_VARIANT_TYPE("av"))

void dict_str(GVariantBuilder *dict, const char *name, const char *text);
void dict_take_str(GVariantBuilder *dict, const char *name, char *text);
void dict_bool(GVariantBuilder *dict, const char *name, bool value);
void dict_int(GVariantBuilder *dict, const char *name, int64_t value);
void dict_uint(GVariantBuilder *dict, const char *name, uint64_t value);
/* Takes floating values. */
void dict_value(GVariantBuilder *dict, const char *name, GVariant *value);
void list_value(GVariantBuilder *list, GVariant *value);

#endif
