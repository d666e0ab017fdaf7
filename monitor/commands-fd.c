/* SPDX-License-Identifier: MIT */
/* File descriptors that clients hand over through SCM_RIGHTS. */
#include <unistd.h>

#include "base/fdset.h"
#include "monitor/hmp.h"
#include "monitor/modules.h"
#include "monitor/monitor.h"

static bool check_fd_name(const char *name, GError **error)
{
    if (g_ascii_isdigit(*name) || !*name) {
        error_set(error, ERROR_INVALID,
                  "Parameter 'fdname' expects a name not starting with a digit");
        return false;
    }
    return true;
}

static GVariant *getfd(Monitor *monitor, GVariant *args, GError **error)
{
    int fd = monitor_take_fd(monitor, error);

    if (fd >= 0 && check_fd_name(args_str(args, "fdname"), error)) {
        monitor_name_fd(monitor, args_str(args, "fdname"), fd);
    } else if (fd >= 0) {
        close(fd);
    }
    return NULL;
}

static GVariant *closefd(Monitor *monitor, GVariant *args, GError **error)
{
    int fd = monitor_take_named_fd(monitor, args_str(args, "fdname"), error);

    if (fd >= 0) {
        close(fd);
    }
    return NULL;
}

static GVariant *add_fd(Monitor *monitor, GVariant *args, GError **error)
{
    int64_t id = args_int(args, "fdset-id", -1);
    g_auto(GVariantBuilder) answer = DICT_INIT;
    int fd = monitor_take_fd(monitor, error);

    if (fd < 0) {
        return NULL;
    }
    if (args_has(args, "fdset-id") && id < 0) {
        error_set(error, ERROR_INVALID, "Parameter 'fdset-id' expects a non-negative value");
        close(fd);
        return NULL;
    }
    id = fdset_add(id, fd, args_str(args, "opaque"), error);
    if (id < 0) {
        close(fd);
        return NULL;
    }
    dict_int(&answer, "fd", fd);
    dict_int(&answer, "fdset-id", id);
    return g_variant_builder_end(&answer);
}

static GVariant *remove_fd(Monitor *monitor, GVariant *args, GError **error)
{
    return no_result(fdset_remove(args_int(args, "fdset-id", -1), args_int(args, "fd", -1),
                                  error));
}

typedef struct FdsetList {
    GVariantBuilder sets, fds;
    int64_t id;              /* of the set in progress; -1: none */
} FdsetList;

static void end_set(FdsetList *list)
{
    if (list->id >= 0) {
        g_auto(GVariantBuilder) set = DICT_INIT;
        dict_int(&set, "fdset-id", list->id);
        dict_value(&set, "fds", g_variant_builder_end(&list->fds));
        list_value(&list->sets, g_variant_builder_end(&set));
        g_variant_builder_init(&list->fds, G_VARIANT_TYPE("av"));
    }
}

static void add_to_list(int64_t id, int fd, const char *opaque, void *user)
{
    FdsetList *list = user;
    g_auto(GVariantBuilder) info = DICT_INIT;

    if (id != list->id) {
        end_set(list);
        list->id = id;
    }
    dict_int(&info, "fd", fd);
    if (opaque) {
        dict_str(&info, "opaque", opaque);
    }
    list_value(&list->fds, g_variant_builder_end(&info));
}

static GVariant *query_fdsets(Monitor *monitor, GVariant *args, GError **error)
{
    FdsetList list = { .sets = LIST_INIT, .fds = LIST_INIT, .id = -1 };

    fdset_foreach(add_to_list, &list);
    end_set(&list);
    g_variant_builder_clear(&list.fds);
    return g_variant_builder_end(&list.sets);
}

/* ---- the tables ---- */

static const SchemaType types[] = {
    { .name = "AddfdInfo",
      .members = (const SchemaMember[]){ { "fdset-id", "int" }, { "fd", "int" }, { 0 } } },
    { .name = "FdsetFdInfo",
      .members = (const SchemaMember[]){ { "fd", "int" }, { "opaque", "str", true }, { 0 } } },
    { .name = "FdsetInfo",
      .members = (const SchemaMember[]){ { "fdset-id", "int" }, { "fds", "[FdsetFdInfo]" },
                                         { 0 } } },
    { 0 },
};

static const SchemaMember name_argument[] = { { "fdname", "str" }, { 0 } };
static const HmpArg hmp_name_argument[] = { { "fdname", HMP_WORD }, { 0 } };

static const Command commands[] = {
    { .name = "getfd", .help = "Keep the descriptor that comes with this command, by a name.",
      .arguments = name_argument, .handler = getfd },
    { .name = "closefd", .help = "Close a descriptor that getfd named.",
      .arguments = name_argument, .handler = closefd },
    { .name = "add-fd", .help = "Add the descriptor that comes with this command to a set.",
      .arguments = (const SchemaMember[]){ { "fdset-id", "int", true }, { "opaque", "str", true },
                                           { 0 } },
      .returns = "AddfdInfo", .handler = add_fd },
    { .name = "remove-fd", .help = "Remove a descriptor from its set, or the whole set.",
      .arguments = (const SchemaMember[]){ { "fdset-id", "int" }, { "fd", "int", true }, { 0 } },
      .handler = remove_fd },
    { .name = "query-fdsets", .help = "The sets of descriptors.", .returns = "[FdsetInfo]",
      .handler = query_fdsets },
    { 0 },
};

static const HmpCommand hmp_commands[] = {
    { .name = "getfd", .params = "name", .args = hmp_name_argument,
      .help = "receive a file descriptor via SCM rights and assign it a name", .qmp = "getfd" },
    { .name = "closefd", .params = "name", .args = hmp_name_argument,
      .help = "close a file descriptor previously passed via SCM rights", .qmp = "closefd" },
    { 0 },
};

const SchemaModule fd_module = {
    .title = "File descriptors", .types = types, .commands = commands,
    .hmp_commands = hmp_commands,
};
