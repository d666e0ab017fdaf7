/* SPDX-License-Identifier: MIT */
#include "machines/tree.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define MAX_PATH_LENGTH 1024

char *tree_node_path(const void *fdt, int node)
{
    char path[MAX_PATH_LENGTH];

    return g_strdup(node >= 0 && fdt_get_path(fdt, node, path, sizeof(path)) == 0 ? path : "?");
}

bool tree_has(const void *fdt, int node, const char *property)
{
    return fdt_getprop(fdt, node, property, NULL) != NULL;
}

const char *tree_string(const void *fdt, int node, const char *property)
{
    int length;
    const char *text = fdt_getprop(fdt, node, property, &length);

    return text && length > 0 && text[length - 1] == '\0' ? text : NULL;
}

const fdt32_t *tree_cells(const void *fdt, int node, const char *property, unsigned *count)
{
    int length;
    const fdt32_t *cells = fdt_getprop(fdt, node, property, &length);

    *count = 0;
    if (!cells || length <= 0 || length % 4) {
        return NULL;
    }
    *count = length / 4;
    return cells;
}

uint64_t tree_join_cells(const fdt32_t *cells, unsigned count)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < count; i++) {
        value = value << 32 | fdt32_ld(&cells[i]);
    }
    return value;
}

uint64_t tree_number(const void *fdt, int node, const char *property, uint64_t otherwise)
{
    unsigned count;
    const fdt32_t *cells = tree_cells(fdt, node, property, &count);

    return cells && count <= 2 ? tree_join_cells(cells, count) : otherwise;
}

void tree_child_cells(const void *fdt, int node, unsigned *address_cells, unsigned *size_cells)
{
    *address_cells = MIN(tree_number(fdt, node, "#address-cells", 2), 4);
    *size_cells = MIN(tree_number(fdt, node, "#size-cells", 1), 4);
}

int tree_interrupt_parent(const void *fdt, int node)
{
    for (int at = node; at >= 0; at = fdt_parent_offset(fdt, at)) {
        uint32_t phandle = tree_number(fdt, at, "interrupt-parent", 0);
        if (phandle) {
            return fdt_node_offset_by_phandle(fdt, phandle);
        }
        if (at != node && (tree_has(fdt, at, "interrupt-controller") ||
                           tree_has(fdt, at, "interrupt-map"))) {
            return at;
        }
    }
    return -1;
}

const char *tree_label(const void *fdt, int node)
{
    int symbols = fdt_path_offset(fdt, "/__symbols__"), property;
    g_autofree char *path = tree_node_path(fdt, node);

    if (symbols < 0) {
        return NULL;
    }
    fdt_for_each_property_offset(property, fdt, symbols) {
        const char *name, *value;
        int length;
        value = fdt_getprop_by_offset(fdt, property, &name, &length);
        if (value && length > 0 && value[length - 1] == '\0' && g_str_equal(value, path)) {
            return name;
        }
    }
    return NULL;
}

void *tree_compile_file(const char *path, size_t *size, GError **error)
{
    g_autofree char *messages = NULL;
    g_autoptr(GError) spawn_error = NULL;
    g_autofree char *output_name = NULL;
    char *blob = NULL;
    int status, fd;

    fd = g_file_open_tmp("vmm-XXXXXX.dtb", &output_name, error);
    if (fd < 0) {
        return NULL;
    }
    close(fd);
    const char *argv[] = { "dtc", "-q", "-@", "-I", "dts", "-O", "dtb", "-o", output_name, path,
                           NULL };
    if (!g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH, NULL, NULL, NULL,
                      &messages, &status, &spawn_error)) {
        error_set(error, ERROR_SYSTEM, "cannot compile board '%s': %s; install dtc, or give a "
                  ".dtb", path, spawn_error->message);
    } else if (!g_spawn_check_wait_status(status, NULL)) {
        error_set(error, ERROR_INVALID, "board '%s' does not compile:\n%s", path,
                  g_strchomp(messages));
    } else if (!g_file_get_contents(output_name, &blob, size, &spawn_error)) {
        error_set(error, ERROR_SYSTEM, "board '%s': %s", path, spawn_error->message);
    }
    unlink(output_name);
    return blob;
}
