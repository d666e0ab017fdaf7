/* SPDX-License-Identifier: MIT */
/* The protocol itself, and what the program is. */
#include <string.h>

#include "hw/core/machine.h"
#include "monitor/hmp.h"
#include "monitor/machine-view.h"
#include "monitor/modules.h"
#include "monitor/monitor.h"
#include "monitor/qmp.h"

/* ---- negotiation and versions ---- */

static GVariant *qmp_capabilities(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) enable = args_value(args, "enable");

    /* "oob" is the only one there is, the schema has seen to it. */
    qmp_negotiate(monitor, enable && g_variant_n_children(enable));
    return NULL;
}

static GVariant *query_version(Monitor *monitor, GVariant *args, GError **error)
{
    return qmp_version();
}

static GVariant *query_commands(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GVariantBuilder) list = LIST_INIT;

    for (unsigned i = 0; i < schema_module_count(); i++) {
        const Command *command = schema_module(i)->commands;
        for (; command && command->name; command++) {
            list_value(&list, g_variant_new_parsed("{'name': <%s>}", command->name));
        }
    }
    return g_variant_builder_end(&list);
}

static GVariant *query_qmp_schema(Monitor *monitor, GVariant *args, GError **error)
{
    return schema_introspect();
}

/* ---- the program ---- */

static GVariant *query_name(Monitor *monitor, GVariant *args, GError **error)
{
    const char *name = machine_get() ? machine_get()->name : NULL;

    return name ? g_variant_new_parsed("{'name': <%s>}", name) : NULL;
}

static GVariant *query_uuid(Monitor *monitor, GVariant *args, GError **error)
{
    g_autofree char *uuid = machine_view_uuid();

    return g_variant_new_parsed("{'UUID': <%s>}", uuid);
}

static GVariant *query_target(Monitor *monitor, GVariant *args, GError **error)
{
    return g_variant_new_parsed("{'arch': <%s>}", monitor_program()->target);
}

static GVariant *describe_parameter(const OptionParameter *parameter)
{
    g_auto(GVariantBuilder) info = DICT_INIT;

    dict_str(&info, "name", parameter->name);
    dict_str(&info, "type", parameter->type);
    if (parameter->help) {
        dict_str(&info, "help", parameter->help);
    }
    if (parameter->def) {
        dict_str(&info, "default", parameter->def);
    }
    return g_variant_builder_end(&info);
}

static GVariant *describe_option(const CommandLineOption *option)
{
    g_auto(GVariantBuilder) info = DICT_INIT;
    g_auto(GVariantBuilder) parameters = LIST_INIT;

    for (const OptionParameter *parameter = option->parameters; parameter && parameter->name;
         parameter++) {
        list_value(&parameters, describe_parameter(parameter));
    }
    dict_str(&info, "option", option->name);
    dict_value(&info, "parameters", g_variant_builder_end(&parameters));
    return g_variant_builder_end(&info);
}

static GVariant *query_command_line_options(Monitor *monitor, GVariant *args, GError **error)
{
    const char *wanted = args_str(args, "option");
    g_auto(GVariantBuilder) list = LIST_INIT;
    bool found = !wanted;

    for (const CommandLineOption *option = monitor_program()->options; option && option->name;
         option++) {
        if (!wanted || g_str_equal(wanted, option->name)) {
            list_value(&list, describe_option(option));
            found = true;
        }
    }
    if (!found) {
        error_set(error, ERROR_INVALID, "invalid option name: %s", wanted);
        return NULL;
    }
    return g_variant_builder_end(&list);
}

static GVariant *human_monitor_command(Monitor *monitor, GVariant *args, GError **error)
{
    return hmp_run_for_qmp(args_str(args, "command-line"), args_int(args, "cpu-index", -1), error);
}

/* ---- the tables ---- */

static const char *const capability_values[] = { "oob", NULL };
static const char *const meta_type_values[] = {
    "builtin", "enum", "array", "object", "alternate", "command", "event", NULL,
};
static const char *const json_type_values[] = {
    "string", "number", "int", "boolean", "null", "object", "array", "value", NULL,
};
static const char *const option_type_values[] = { "string", "boolean", "number", "size", NULL };
static const char *const arch_values[] = {
    "aarch64", "arm", "i386", "ppc", "ppc64", "x86_64", NULL,
};

static const SchemaType types[] = {
    { .name = "QMPCapability", .values = capability_values },
    { .name = "VersionTriple",
      .members = (const SchemaMember[]){ { "major", "int" }, { "minor", "int" },
                                         { "micro", "int" }, { 0 } } },
    { .name = "VersionInfo",
      .members = (const SchemaMember[]){ { "qemu", "VersionTriple" }, { "package", "str" },
                                         { 0 } } },
    { .name = "CommandInfo", .members = (const SchemaMember[]){ { "name", "str" }, { 0 } } },
    { .name = "NameInfo", .members = (const SchemaMember[]){ { "name", "str", true }, { 0 } } },
    { .name = "UuidInfo", .members = (const SchemaMember[]){ { "UUID", "str" }, { 0 } } },
    { .name = "SysEmuTarget", .values = arch_values },
    { .name = "TargetInfo",
      .members = (const SchemaMember[]){ { "arch", "SysEmuTarget" }, { 0 } } },
    { .name = "CommandLineParameterType", .values = option_type_values },
    { .name = "CommandLineParameterInfo",
      .members = (const SchemaMember[]){ { "name", "str" }, { "type", "CommandLineParameterType" },
                                         { "help", "str", true }, { "default", "str", true },
                                         { 0 } } },
    { .name = "CommandLineOptionInfo",
      .members = (const SchemaMember[]){ { "option", "str" },
                                         { "parameters", "[CommandLineParameterInfo]" }, { 0 } } },
    { .name = "SchemaMetaType", .values = meta_type_values },
    { .name = "JSONType", .values = json_type_values },
    { .name = "SchemaInfo",
      .members = (const SchemaMember[]){ { "name", "str" }, { "meta-type", "SchemaMetaType" },
                                         { "features", "[str]", true }, { 0 } },
      .tag = "meta-type",
      .variants = (const SchemaVariant[]){
          { "builtin", "SchemaInfoBuiltin" }, { "enum", "SchemaInfoEnum" },
          { "array", "SchemaInfoArray" }, { "object", "SchemaInfoObject" },
          { "alternate", "SchemaInfoAlternate" }, { "command", "SchemaInfoCommand" },
          { "event", "SchemaInfoEvent" }, { 0 } } },
    { .name = "SchemaInfoBuiltin",
      .members = (const SchemaMember[]){ { "json-type", "JSONType" }, { 0 } } },
    { .name = "SchemaInfoEnumMember",
      .members = (const SchemaMember[]){ { "name", "str" }, { "features", "[str]", true },
                                         { 0 } } },
    { .name = "SchemaInfoEnum",
      .members = (const SchemaMember[]){ { "members", "[SchemaInfoEnumMember]" },
                                         { "values", "[str]" }, { 0 } } },
    { .name = "SchemaInfoArray",
      .members = (const SchemaMember[]){ { "element-type", "str" }, { 0 } } },
    { .name = "SchemaInfoObjectMember",
      .members = (const SchemaMember[]){ { "name", "str" }, { "type", "str" },
                                         { "default", "any", true },
                                         { "features", "[str]", true }, { 0 } } },
    { .name = "SchemaInfoObjectVariant",
      .members = (const SchemaMember[]){ { "case", "str" }, { "type", "str" }, { 0 } } },
    { .name = "SchemaInfoObject",
      .members = (const SchemaMember[]){ { "members", "[SchemaInfoObjectMember]" },
                                         { "tag", "str", true },
                                         { "variants", "[SchemaInfoObjectVariant]", true },
                                         { 0 } } },
    { .name = "SchemaInfoAlternateMember",
      .members = (const SchemaMember[]){ { "type", "str" }, { 0 } } },
    { .name = "SchemaInfoAlternate",
      .members = (const SchemaMember[]){ { "members", "[SchemaInfoAlternateMember]" }, { 0 } } },
    { .name = "SchemaInfoCommand",
      .members = (const SchemaMember[]){ { "arg-type", "str" }, { "ret-type", "str" },
                                         { "allow-oob", "bool", true }, { 0 } } },
    { .name = "SchemaInfoEvent",
      .members = (const SchemaMember[]){ { "arg-type", "str" }, { 0 } } },
    { 0 },
};

static const Command commands[] = {
    { .name = "qmp_capabilities", .help = "End the negotiation; enable capabilities.",
      .arguments = (const SchemaMember[]){ { "enable", "[QMPCapability]", true }, { 0 } },
      .handler = qmp_capabilities, .flags = COMMAND_PRECONFIG },
    { .name = "query-version", .help = "The version of the protocol and of the program.",
      .returns = "VersionInfo", .handler = query_version, .flags = COMMAND_PRECONFIG },
    { .name = "query-commands", .help = "The names of all commands.",
      .returns = "[CommandInfo]", .handler = query_commands, .flags = COMMAND_PRECONFIG },
    { .name = "query-qmp-schema", .help = "All commands, events and types.",
      .returns = "[SchemaInfo]", .handler = query_qmp_schema, .flags = COMMAND_PRECONFIG },
    { .name = "query-command-line-options", .help = "The options of the command line.",
      .arguments = (const SchemaMember[]){ { "option", "str", true }, { 0 } },
      .returns = "[CommandLineOptionInfo]", .handler = query_command_line_options,
      .flags = COMMAND_PRECONFIG },
    { .name = "query-name", .help = "The name that -name gave.",
      .returns = "NameInfo", .handler = query_name, .flags = COMMAND_PRECONFIG },
    { .name = "query-uuid", .help = "The UUID of the machine; all zeros: none was given.",
      .returns = "UuidInfo", .handler = query_uuid, .flags = COMMAND_PRECONFIG },
    { .name = "query-target", .help = "The architecture that is emulated.",
      .returns = "TargetInfo", .handler = query_target, .flags = COMMAND_PRECONFIG },
    { .name = "human-monitor-command", .help = "Run a line of the human monitor.",
      .arguments = (const SchemaMember[]){ { "command-line", "str" },
                                           { "cpu-index", "int", true }, { 0 } },
      .returns = "str", .handler = human_monitor_command },
    { 0 },
};

const SchemaModule general_module = {
    .title = "The protocol and the program", .types = types, .commands = commands,
};
