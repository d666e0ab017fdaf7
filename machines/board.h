/* SPDX-License-Identifier: MIT */
/*
 * Boards: a machine is a device tree. docs/user/boards.rst is the language.
 *
 * A board is loaded in two passes: board_create() makes every object and sets
 * its properties, board_wire() draws the wires between them, in any order of
 * the file. The phases of hw/core/machine.h follow.
 */
#ifndef MACHINES_BOARD_H
#define MACHINES_BOARD_H

#include "hw/core/machine.h"

typedef struct Board Board;

/* What the file says of itself, before anything is made. */
typedef struct BoardInfo {
    char *name;                  /* vmm,machine; or the file's base name */
    char *description;           /* model */
    char *default_cpu;           /* vmm,default-cpu; may be NULL */
    char *arch;                  /* vmm,arch: "x86_64"; may be NULL */
    uint64_t default_ram;        /* bytes */
    unsigned max_cpus;
    bool native;                 /* written for this program: unknown things are errors */
} BoardInfo;

/* What the command line supplies to nodes that are marked as templates. */
typedef struct BoardResources {
    /* The id of the backend for template `kind` number `index` ("serial", 0), or NULL. */
    const char *(*backend)(const char *kind, unsigned index, void *opaque);
    /* -machine OPTION=on|off for a node with vmm,option; true when it was given. */
    bool (*option)(const char *name, bool *value, void *opaque);
    /* -machine NAME=VALUE for a node's vmm,machine-properties: the value as given, or NULL. */
    const char *(*property)(const char *name, void *opaque);
    /* The processor for `-cpu`: the type and its properties. */
    Device *(*new_cpu)(Object *parent, unsigned index, void *opaque, GError **error);
    void *opaque;
} BoardResources;

typedef struct BuiltinBoard {
    const char *name;
    const uint8_t *blob;
    size_t size;
} BuiltinBoard;

/* Ends with a NULL name; the build makes it from machines/ *.dts. */
extern const BuiltinBoard builtin_boards[];

/*
 * Opens a built-in board by name, or a file: .dtb, or .dts when dtc is there.
 * The whole blob is checked before it is used.
 */
Board *board_open(const char *name_or_path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
Board *board_open_blob(const char *name, const void *blob, size_t size, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
void board_free(Board *board);
const BoardInfo *board_info(const Board *board);

bool board_create(Board *board, Machine *machine, const BoardResources *resources,
                  GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool board_wire(Board *board, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* -machine-report: every node, how it was matched, its accesses; JSON. */
char *board_report(Board *board);

/* A pin by "LABEL:PIN[LINE]", for wires and for qtest. */
bool board_parse_pin(const char *text, Device **device, unsigned *pin, unsigned *first,
                     unsigned *last, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
