/* SPDX-License-Identifier: MIT */
/*
 * Types and objects.
 *
 * A type is a constant table. An object is an instance with a named parent;
 * the tree of parents is the composition tree, its paths look like
 * "/machine/soc/uart0". The parent owns its children: object_delete() takes
 * the subtree. A link borrows, and is cleared when its target goes.
 *
 * Values that come from or go to the outside (command line, QMP, board files)
 * are GVariants: "b", "t"/"x" (any integer type is taken), "d", "s", arrays
 * "at", "as" and dictionaries "a{sv}". A string is taken for every kind of
 * property and parsed as the command line writes it ("on", "0x10", "64M").
 *
 * The tree is changed and read under the machine lock only.
 */
#ifndef QOM_OBJECT_H
#define QOM_OBJECT_H

#include <glib.h>

#include "base/error.h"
#include "base/field.h"

typedef struct Object Object;
typedef struct ObjectType ObjectType;
typedef struct Property Property;

typedef enum PropertyFlags {
    PROPERTY_REQUIRED  = 1 << 0, /* must be set before the object is realized */
    PROPERTY_LIVE      = 1 << 1, /* may be set after it, too */
    PROPERTY_READ_ONLY = 1 << 2, /* only shown */
    PROPERTY_SIZE      = 1 << 3, /* bytes: "64M" is taken, the type is "size" */
    PROPERTY_HEX       = 1 << 4, /* shown in hexadecimal to people */
} PropertyFlags;

struct Property {
    const char *name;
    const char *description;
    Field field;
    union {
        uint64_t u;
        int64_t i;
        const char *s;
    } def;                        /* the default */
    uint64_t min, max;            /* range of integers; both 0: what the field holds */
    const char *const *values;    /* NULL-terminated; the field holds the index */
    const char *link;             /* for a link: the type it must point to */
    const char *link_root;        /* where a bare id is looked up, e.g. "/chardevs" */
    unsigned flags;               /* PropertyFlags */
    const char *type_name;        /* what introspection answers; NULL: derived */

    /* A computed property has no field but these. set() takes a normalized value. */
    GVariant *(*get)(Object *object, const Property *property);
    bool (*set)(Object *object, const Property *property, GVariant *value, GError **error);
};

typedef struct PropertyTable {
    const Property *at;
    unsigned count;
} PropertyTable;

typedef struct Interface {
    const char *name;
    const void *ops;
} Interface;

typedef struct InterfaceTable {
    const Interface *at;
    unsigned count;
} InterfaceTable;

struct ObjectType {
    const char *name;             /* QEMU's where QEMU has it */
    const char *parent;           /* NULL means "object" */
    const char *description;
    size_t size;                  /* of the instance; its first member is its parent's */
    bool abstract;
    bool user_creatable;          /* -object and object-add */
    PropertyTable properties;
    InterfaceTable interfaces;
    void (*init)(Object *object);                      /* after the parent type's */
    bool (*complete)(Object *object, GError **error);  /* -object: all properties are set */
    void (*finalize)(Object *object);                  /* accepts any state; cannot fail */
};

struct Object {
    const ObjectType *type;
    Object *parent;
    Object *first_child, *last_child, *next_sibling, *previous_sibling;
    char *name;                   /* unique below the parent */
    GPtrArray *links_here;        /* Object ** slots that point here; NULL while none do */
    bool locked;                  /* realized: only PROPERTY_LIVE may be set */
};

#define OBJECT(pointer) ((Object *)(pointer))

/* ---- types ---- */

/*
 * The build's array of types; NULL-terminated. Registers them all: checks the
 * tables (names unique, parents known) and aborts on a mistake of ours.
 */
void object_types_register(const ObjectType *const *types);

const ObjectType *object_type_find(const char *name);
const ObjectType *object_type_parent(const ObjectType *type);
bool object_type_is(const ObjectType *type, const char *ancestor_or_interface);

/* Ordered by name. `implements` may be NULL. The caller frees the array only. */
GPtrArray *object_types_list(const char *implements, bool include_abstract);

/* Finds a concrete type that is a `base`; the error names the nearest. */
const ObjectType *object_type_lookup(const char *name, const char *base, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The type's own and inherited properties; ends after `visit` returns false. */
typedef bool (*PropertyVisit)(const ObjectType *owner, const Property *property, void *opaque);
void object_type_foreach_property(const ObjectType *type, PropertyVisit visit, void *opaque);
const Property *object_type_property(const ObjectType *type, const char *name);

/* The properties that can be set, a line each, for "TYPE,help"; the caller frees it. */
char *object_type_help(const ObjectType *type);

/* "uint32", "bool", "str", "size", "link<chardev>", … ; the caller frees it. */
char *property_type_name(const Property *property);
/* The default as a value, or NULL when it has none; floating reference sunk. */
GVariant *property_default(const Property *property);

/* ---- objects ---- */

/* The root "/" of the composition tree; made on first use. */
Object *object_root(void);

/* A child container of that name, made when it is not there ("/machine/peripheral"). */
Object *object_container(Object *parent, const char *name);

/*
 * Makes an object with defaults set. `name` may be NULL ("TYPE[N]" is chosen,
 * the first N that is free). The name must be free and without '/'.
 */
Object *object_new(const ObjectType *type, Object *parent, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* The name must be free in the parent. */
void object_rename(Object *object, const char *name);

/* Takes NULL. Children go first, last made first. */
void object_delete(Object *object);

bool object_is(const Object *object, const char *type_or_interface);
const void *object_interface(const Object *object, const char *name);

Object *object_child(const Object *parent, const char *name);
/* Absolute path, or a partial one whose last names are unique. NULL when absent or ambiguous. */
Object *object_resolve(const char *path, bool *ambiguous);
char *object_path(const Object *object);

/* Depth first, parents before children; stops when visit returns false. */
typedef bool (*ObjectVisit)(Object *object, void *opaque);
bool object_foreach(Object *root, ObjectVisit visit, void *opaque);

bool object_set(Object *object, const char *property, GVariant *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
bool object_set_string(Object *object, const char *property, const char *value, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* Every entry of an "a{sv}", but those that `skip` (NULL-terminated, may be NULL) names. */
bool object_set_all(Object *object, GVariant *dict, const char *const *skip, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* A full reference, or NULL with an error. */
GVariant *object_get(Object *object, const char *property, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Required properties that are not set: one error that names them all. */
bool object_check_required(Object *object, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Sets a borrowed link slot and keeps it from dangling; target may be NULL. */
void object_link_set(Object **slot, Object *target);

/* A property's value as people write it; the caller frees it. */
char *property_print(const Property *property, GVariant *value);

#endif
