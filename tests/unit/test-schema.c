/* SPDX-License-Identifier: MIT */
/* The tables of the schema hold together, and introspection tells them all. */
#include <string.h>

#include "monitor/hmp.h"
#include "monitor/qmp.h"
#include "monitor/schema.h"
#include "tests/unit/chardev-peer.h"

static void check_members(const char *owner, const SchemaMember *members)
{
    for (const SchemaMember *member = members; member && member->name; member++) {
        if (!schema_type_exists(member->type)) {
            g_error("%s: '%s' has the unknown type '%s'", owner, member->name, member->type);
        }
    }
}

static bool tag_has_value(const SchemaType *type, const char *value)
{
    for (const SchemaMember *member = type->members; member && member->name; member++) {
        if (g_str_equal(member->name, type->tag)) {
            return g_strv_contains(schema_type(member->type)->values, value);
        }
    }
    return false;
}

static void check_type(const SchemaType *type)
{
    check_members(type->name, type->members);
    g_assert_true(!type->base || schema_type(type->base));
    g_assert_true(!type->variants || type->tag);
    for (const SchemaVariant *variant = type->variants; variant && variant->value; variant++) {
        if (!schema_type(variant->type) || !tag_has_value(type, variant->value)) {
            g_error("%s: variant %s, %s", type->name, variant->value, variant->type);
        }
    }
    for (const char *const *name = type->alternatives; name && *name; name++) {
        g_assert_true(schema_type_exists(*name));
    }
}

static void check_command(const Command *command)
{
    g_assert_nonnull(command->handler);
    g_assert_nonnull(command->help);
    check_members(command->name, command->arguments);
    g_assert_true(!command->arguments || !command->arguments_type);
    g_assert_true(!command->arguments_type || schema_type(command->arguments_type));
    if (command->returns && !schema_type_exists(command->returns)) {
        g_error("%s returns the unknown type '%s'", command->name, command->returns);
    }
}

static void check_hmp(const HmpCommand *commands, bool info)
{
    for (; commands && commands->name; commands++) {
        g_auto(GStrv) names = g_strsplit(commands->name, "|", -1);
        g_assert_nonnull(commands->help);
        g_assert_true(!commands->handler != !commands->qmp);
        g_assert_true(!commands->qmp || schema_command(commands->qmp));
        for (char **name = names; *name; name++) {
            if (hmp_find(*name, info) != commands) {
                g_error("two human commands are named '%s'", *name);
            }
        }
    }
}

static void test_tables(void)
{
    for (unsigned i = 0; i < schema_module_count(); i++) {
        const SchemaModule *module = schema_module(i);
        g_assert_nonnull(module->title);
        for (const SchemaType *type = module->types; type && type->name; type++) {
            check_type(type);
        }
        for (const Command *command = module->commands; command && command->name; command++) {
            check_command(command);
        }
        for (const Event *event = module->events; event && event->name; event++) {
            check_members(event->name, event->data);
            g_assert_nonnull(event->help);
        }
        check_hmp(module->hmp_commands, false);
        check_hmp(module->hmp_infos, true);
    }
}

static GHashTable *index_by_name(GVariant *list)
{
    GHashTable *index = g_hash_table_new_full(g_str_hash, g_str_equal, g_free,
                                              (GDestroyNotify)g_variant_unref);

    for (gsize i = 0; i < g_variant_n_children(list); i++) {
        g_autoptr(GVariant) boxed = g_variant_get_child_value(list, i);
        GVariant *info = g_variant_get_variant(boxed);
        if (!g_hash_table_insert(index, g_strdup(args_str(info, "name")), info)) {
            g_error("'%s' is told twice", args_str(info, "name"));
        }
    }
    return index;
}

/* Every "type", "arg-type", "ret-type" and "element-type" leads somewhere. */
static void check_references(GHashTable *index, GVariant *value)
{
    static const char *const references[] = {
        "type", "arg-type", "ret-type", "element-type", NULL,
    };

    if (g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
        for (const char *const *reference = references; *reference; reference++) {
            const char *name = args_str(value, *reference);
            if (name && !g_hash_table_contains(index, name)) {
                g_error("%s '%s' is not told", *reference, name);
            }
        }
    }
    for (gsize i = 0; g_variant_is_container(value) && i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        check_references(index, child);
    }
}

static void test_introspection(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) list = g_variant_ref_sink(schema_introspect());
    g_autoptr(GHashTable) index = index_by_name(list);

    g_assert_true(schema_check("[SchemaInfo]", list, "schema", &error));
    g_assert_no_error(error);
    check_references(index, list);
    for (unsigned i = 0; i < schema_module_count(); i++) {
        const Command *command = schema_module(i)->commands;
        for (; command && command->name; command++) {
            GVariant *info = g_hash_table_lookup(index, command->name);
            g_assert_cmpstr(args_str(info, "meta-type"), ==, "command");
        }
    }
}

/* ---- the manual ---- */

#define MANUAL_BEGIN ".. begin of the tables\n"
#define MANUAL_END ".. end of the tables\n"

static void add_title(GString *out, const char *title, char underline)
{
    g_autofree char *line = g_strnfill(strlen(title), underline);

    g_string_append_printf(out, "\n%s\n%s\n", title, line);
}

static void add_members(GString *out, const SchemaMember *members)
{
    for (const SchemaMember *member = members; member && member->name; member++) {
        g_string_append_printf(out, member->optional ? " [*%s*]" : " *%s*", member->name);
    }
}

static const SchemaMember *arguments_of(const Command *command)
{
    return command->arguments_type ? schema_type(command->arguments_type)->members
                                   : command->arguments;
}

static void add_human(GString *out, const HmpCommand *command, const char *before)
{
    for (; command && command->name; command++) {
        g_string_append_printf(out, "\n``%s%s%s%s``\n    %s.\n", before, command->name,
                               command->params ? " " : "",
                               command->params ? command->params : "", command->help);
    }
}

/* The commands and events of the tables, as the manual lists them. */
static char *manual(void)
{
    GString *out = g_string_new(MANUAL_BEGIN);

    add_title(out, "QMP commands", '-');
    for (unsigned i = 0; i < schema_module_count(); i++) {
        const Command *command = schema_module(i)->commands;
        if (command) {
            add_title(out, schema_module(i)->title, '~');
        }
        for (; command && command->name; command++) {
            g_string_append_printf(out, "\n``%s``", command->name);
            add_members(out, arguments_of(command));
            g_string_append_printf(out, "\n    %s\n", command->help);
        }
    }
    add_title(out, "Events", '-');
    for (unsigned i = 0; i < schema_module_count(); i++) {
        const Event *event = schema_module(i)->events;
        for (; event && event->name; event++) {
            g_string_append_printf(out, "\n``%s``", event->name);
            add_members(out, event->data);
            g_string_append_printf(out, "\n    %s%s\n", event->help,
                                   event->rate_ms ? " At most one a second." : "");
        }
    }
    add_title(out, "Commands of the human monitor", '-');
    for (unsigned i = 0; i < schema_module_count(); i++) {
        add_human(out, schema_module(i)->hmp_commands, "");
    }
    for (unsigned i = 0; i < schema_module_count(); i++) {
        add_human(out, schema_module(i)->hmp_infos, "info ");
    }
    g_string_append_printf(out, "\n%s", MANUAL_END);
    return g_string_free(out, FALSE);
}

static const char *manual_path;

static void test_manual(void)
{
    g_autofree char *expected = manual(), *page = NULL;
    g_autoptr(GError) error = NULL;

    if (!manual_path) {
        g_test_skip("called without the path of the manual");
        return;
    }
    g_file_get_contents(manual_path, &page, NULL, &error);
    g_assert_no_error(error);
    if (!strstr(page, expected)) {
        g_error("%s does not list what the tables have: put the output of 'test-schema --manual' "
                "in the place of its own tables", manual_path);
    }
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    if (argc > 1 && g_str_equal(argv[1], "--manual")) {
        g_autofree char *text = manual();
        g_print("%s", text);
        return 0;
    }
    manual_path = argc > 1 ? argv[1] : NULL;
    g_test_add_func("/schema/manual", test_manual);
    g_test_add_func("/schema/tables", test_tables);
    g_test_add_func("/schema/introspection", test_introspection);
    return test_finish();
}
