/* SPDX-License-Identifier: MIT */
#include "hw/firmware/image.h"

#include <string.h>

#include "hw/core/machine.h"

/* A NULL-terminated copy of the array; its strings are borrowed. */
static char **all_dirs(void)
{
    const GPtrArray *dirs = machine_get()->firmware_dirs;
    unsigned count = dirs ? dirs->len : 0;
    char **list = g_new0(char *, count + 1);

    for (unsigned i = 0; i < count; i++) {
        list[i] = g_ptr_array_index(dirs, i);
    }
    return list;
}

char *firmware_image_find(const char *name, GError **errp)
{
    g_autofree char **dirs = all_dirs();
    g_autofree char *searched = NULL;

    if (g_file_test(name, G_FILE_TEST_IS_REGULAR)) {
        return g_strdup(name);
    }
    if (strchr(name, '/')) {
        error_set(errp, ERROR_NOT_FOUND, "could not load firmware '%s': there is no such file",
                  name);
        return NULL;
    }
    for (char **dir = dirs; *dir; dir++) {
        g_autofree char *path = g_build_filename(*dir, name, NULL);

        if (g_file_test(path, G_FILE_TEST_IS_REGULAR)) {
            return g_steal_pointer(&path);
        }
    }
    searched = g_strjoinv(", ", dirs);
    error_set(
        errp, ERROR_NOT_FOUND,
        "could not load firmware '%s': it is not in %s; install it (SeaBIOS is in package "
        "seabios) or name its directory with -L",
        name, *searched ? searched : "any directory (none is set)");
    return NULL;
}
