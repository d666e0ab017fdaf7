/* SPDX-License-Identifier: MIT */
/* query-command-line-options: the table of options as the monitors tell it. */
#include <string.h>

#include "hw/core/machine.h"
#include "monitor/events.h"
#include "monitor/monitor.h"
#include "vmm/options.h"
#include "vmm/start.h"

/* QEMU's names of its groups, where they are not the option's. */
static const struct {
    const char *option, *group;
} groups[] = {
    { "m", "memory" }, { "smp", "smp-opts" }, { "boot", "boot-opts" },
};

static const char *group_of(const char *option)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (g_str_equal(groups[i].option, option)) {
            return groups[i].group;
        }
    }
    return option;
}

/* By what -help shows as the value. */
static const char *type_of(const char *value)
{
    if (g_str_equal(value, "on")) {
        return "boolean";
    }
    if (g_str_equal(value, "N") || g_str_equal(value, "MS")) {
        return "number";
    }
    return g_str_equal(value, "MEGS") ? "size" : "string";
}

/* "prop=" and "field=" stand for any key; what is in capitals is to be replaced. */
static bool is_key(const char *word, const char *equals)
{
    for (const char *at = word; at < equals; at++) {
        if (g_ascii_isupper(*at)) {
            return false;
        }
    }
    return !g_str_has_prefix(word, "prop=") && !g_str_has_prefix(word, "field=");
}

/* The keys of "[type=]NAME[,key=on|off…]": what stands before an '='. */
static OptionParameter *parameters_of(const char *argument)
{
    GArray *list = g_array_new(TRUE, TRUE, sizeof(OptionParameter));
    g_auto(GStrv) words = g_strsplit_set(argument, "[],|", -1);

    for (char **word = words; *word; word++) {
        char *equals = strchr(*word, '=');
        OptionParameter parameter = { 0 };
        if (!equals || !is_key(*word, equals)) {
            continue;
        }
        /* "[size=]MEGS": the value is behind the bracket. */
        parameter.type = type_of(equals[1] || !word[1] ? equals + 1 : word[1]);
        parameter.name = g_strndup(*word, equals - *word);
        g_array_append_val(list, parameter);
    }
    return (OptionParameter *)(void *)g_array_free(list, FALSE);
}

static const CommandLineOption *describe_options(void)
{
    GArray *list = g_array_new(TRUE, TRUE, sizeof(CommandLineOption));

    for (unsigned i = 0; i < option_count; i++) {
        const OptionInfo *info = &option_table[i];
        bool has_keys = info->argument && strchr(info->argument, '=');
        if (has_keys && info->kind != OPTION_ONCE && !info->alias_of) {
            CommandLineOption option = { group_of(info->name), parameters_of(info->argument) };
            g_array_append_val(list, option);
        }
    }
    return (CommandLineOption *)(void *)g_array_free(list, FALSE);
}

void start_describe(void)
{
    static MonitorProgram program;

    program.target = target_arch();
    program.default_machine = default_board();
    program.options = describe_options();
    monitor_set_program(&program);
    machine_set_event_sink(monitor_event);
}
