/* SPDX-License-Identifier: MIT */
/* The human monitor's own commands: help, info, and what its arguments complete to. */
#include <string.h>

#include "backends/char/chardev.h"
#include "monitor/expression.h"
#include "monitor/hmp.h"
#include "qom/object.h"

static void print_command(Monitor *monitor, const char *before, const HmpCommand *command)
{
    monitor_printf(monitor, "%s%s %s -- %s\n", before, command->name,
                   command->params ? command->params : "", command->help);
}

static void print_all(Monitor *monitor, bool info)
{
    for (unsigned i = 0; i < schema_module_count(); i++) {
        const SchemaModule *module = schema_module(i);
        const HmpCommand *command = info ? module->hmp_infos : module->hmp_commands;
        for (; command && command->name; command++) {
            print_command(monitor, info ? "info " : "", command);
        }
    }
}

static void help(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GStrv) words = g_strsplit_set(args_str(args, "name") ? args_str(args, "name") : "",
                                         " \t", 2);
    bool info = words[0] && g_str_equal(words[0], "info");
    const HmpCommand *command;

    if (!words[0] || !*words[0]) {
        print_all(monitor, false);
    } else if (info && !words[1]) {
        print_all(monitor, true);
    } else {
        command = hmp_find(info ? g_strstrip(words[1]) : words[0], info);
        if (command) {
            print_command(monitor, info ? "info " : "", command);
        } else {
            error_set(error, ERROR_COMMAND_NOT_FOUND, "unknown command: '%s'",
                      args_str(args, "name"));
        }
    }
}

static void info(Monitor *monitor, GVariant *args, GError **error)
{
    print_all(monitor, true);
}

static void print(Monitor *monitor, GVariant *args, GError **error)
{
    const char *format = args_str(args, "format");
    int64_t value = args_int(args, "value", 0);

    switch (*format) {
    case 'o':
        monitor_printf(monitor, "%#" G_GINT64_MODIFIER "o\n", (guint64)value);
        break;
    case 'u':
        monitor_printf(monitor, "%" G_GUINT64_FORMAT "\n", (guint64)value);
        break;
    case 'd':
        monitor_printf(monitor, "%" G_GINT64_FORMAT "\n", value);
        break;
    case 'c':
        monitor_printf(monitor, g_ascii_isprint(value & 0xff) && value < 0x80 ? "'%c'\n"
                                : "'\\x%02x'\n", (unsigned)(value & 0xff));
        break;
    default:
        monitor_printf(monitor, "%#" G_GINT64_MODIFIER "x\n", (guint64)value);
        break;
    }
}

/* ---- completers ---- */

static void add_types(const char *base, bool user_creatable, GPtrArray *words)
{
    g_autoptr(GPtrArray) all = object_types_list(base, false);

    for (guint i = 0; i < all->len; i++) {
        const ObjectType *type = all->pdata[i];
        if (!user_creatable || type->user_creatable) {
            g_ptr_array_add(words, g_strdup(type->name));
        }
    }
}

void hmp_complete_device_type(const char *prefix, GPtrArray *words)
{
    add_types("device", false, words);
}

void hmp_complete_object_type(const char *prefix, GPtrArray *words)
{
    add_types(NULL, true, words);
}

static void add_children(Object *parent, const char *before, GPtrArray *words)
{
    for (Object *child = parent->first_child; child; child = child->next_sibling) {
        g_ptr_array_add(words, g_strdup_printf("%s%s%s", before, child->name,
                                               child->first_child ? "/" : ""));
    }
}

/* One level of the tree: the children of what stands before the last "/". */
void hmp_complete_path(const char *prefix, GPtrArray *words)
{
    const char *slash = strrchr(prefix, '/');
    g_autofree char *before = slash ? g_strndup(prefix, slash + 1 - prefix) : g_strdup("/");
    Object *parent = object_resolve(before, NULL);

    if (parent) {
        add_children(parent, before, words);
    }
}

void hmp_complete_user_object(const char *prefix, GPtrArray *words)
{
    add_children(object_container(object_root(), "objects"), "", words);
}

void hmp_complete_chardev(const char *prefix, GPtrArray *words)
{
    add_children(chardev_container(), "", words);
}

/* ---- the tables ---- */

static const HmpCommand commands[] = {
    { .name = "help|?", .args = (const HmpArg[]){ { "name", HMP_REST, true }, { 0 } },
      .params = "[cmd]", .help = "show the help", .handler = help },
    { .name = "info", .params = "[subcommand]",
      .help = "show various information about the system state", .handler = info },
    { .name = "print|p", .args = (const HmpArg[]){ { "format", HMP_FORMAT },
                                                   { "value", HMP_NUMBER }, { 0 } },
      .params = "/fmt expr", .help = "print expression value (use $reg for CPU register access)",
      .handler = print },
    { 0 },
};

const SchemaModule hmp_module = { .title = "The human monitor", .hmp_commands = commands };
