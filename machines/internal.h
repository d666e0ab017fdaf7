/* SPDX-License-Identifier: MIT */
/* Inside machines/: a board while it is made. */
#ifndef MACHINES_INTERNAL_H
#define MACHINES_INTERNAL_H

#include "machines/board.h"
#include "machines/tree.h"

typedef enum BoardTier {
    BOARD_EXACT,           /* the first of the compatible list */
    BOARD_FALLBACK,        /* a later one */
    BOARD_UNIMPLEMENTED,   /* nothing models it: it reads as zero and counts */
} BoardTier;

typedef struct BoardNode {
    int offset;
    char *path, *compatible;
    Object *object;
    BoardTier tier;
} BoardNode;

struct Board {
    void *fdt;
    BoardInfo info;
    GPtrArray *nodes;      /* BoardNode, in order of the file */
    Machine *machine;
    const BoardResources *resources;
};

void board_node_free(void *node);
BoardNode *board_find_node(Board *board, int offset);
void board_error(Board *board, int node, GError **error, const char *format, ...)
    G_GNUC_PRINTF(4, 5);

/* configure.c: properties, addresses; links wait until every object is made */
bool board_configure_node(Board *board, int node, Object *object, const char *backend,
                          GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool board_resolve_links(Board *board, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool board_add_unimplemented(Board *board, int node, Object *parent, const char *compatible,
                             GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
