/* SPDX-License-Identifier: MIT */
/* Inside machines/: reading a flattened tree with errors that name the node. */
#ifndef MACHINES_TREE_H
#define MACHINES_TREE_H

#include <glib.h>
#include <libfdt.h>
#include <stdbool.h>
#include <stdint.h>

char *tree_node_path(const void *fdt, int node);
bool tree_has(const void *fdt, int node, const char *property);
const char *tree_string(const void *fdt, int node, const char *property);
/* 1 or 2 cells; `otherwise` when absent or of another size. */
uint64_t tree_number(const void *fdt, int node, const char *property, uint64_t otherwise);
/* Big-endian cells; NULL when absent or not a multiple of 4. */
const fdt32_t *tree_cells(const void *fdt, int node, const char *property, unsigned *count);
/* #address-cells and #size-cells that hold for the node's children. */
void tree_child_cells(const void *fdt, int node, unsigned *address_cells, unsigned *size_cells);
uint64_t tree_join_cells(const fdt32_t *cells, unsigned count);
/* The node that interrupts of this node go to, or -1. */
int tree_interrupt_parent(const void *fdt, int node);
/* A node's label, from __symbols__, or NULL. */
const char *tree_label(const void *fdt, int node);

/* Compiles a .dts with dtc; NULL with an error. The caller frees the blob. */
void *tree_compile_file(const char *path, size_t *size, GError **error);

#endif
