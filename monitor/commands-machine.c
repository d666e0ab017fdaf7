/* SPDX-License-Identifier: MIT */
/* The machine's run state, and what a user asks of it. */
#include <string.h>

#include "accel/accel.h"
#include "hw/core/machine.h"
#include "monitor/hmp.h"
#include "monitor/machine-view.h"
#include "monitor/modules.h"

/* ---- run state ---- */

static GVariant *query_status(Monitor *monitor, GVariant *args, GError **error)
{
    return g_variant_new_parsed("{'status': <%s>, 'singlestep': <%b>, 'running': <%b>}",
                                run_state_name(machine_run_state()), accel_is_single(),
                                machine_is_running());
}

static GVariant *stop(Monitor *monitor, GVariant *args, GError **error)
{
    if (machine_is_running()) {
        machine_stop(RUN_STATE_PAUSED);
    }
    return NULL;
}

static GVariant *cont(Monitor *monitor, GVariant *args, GError **error)
{
    switch (machine_run_state()) {
    case RUN_STATE_SHUTDOWN:
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_GUEST_PANICKED:
        error_set(error, ERROR_FAILED, "Resetting the Virtual Machine is required");
        return NULL;
    case RUN_STATE_INMIGRATE:
        error_set(error, ERROR_FAILED, "the machine is still being received");
        return NULL;
    default:
        machine_start();
        return NULL;
    }
}

static GVariant *quit(Monitor *monitor, GVariant *args, GError **error)
{
    machine_request_shutdown(SHUTDOWN_HOST_QMP_QUIT);
    return NULL;
}

static GVariant *system_reset(Monitor *monitor, GVariant *args, GError **error)
{
    machine_request_reset(SHUTDOWN_HOST_QMP_SYSTEM_RESET);
    return NULL;
}

static GVariant *system_powerdown(Monitor *monitor, GVariant *args, GError **error)
{
    machine_request_powerdown();
    return NULL;
}

static GVariant *system_wakeup(Monitor *monitor, GVariant *args, GError **error)
{
    if (!machine_can_wake_up()) {
        error_set(error, ERROR_FAILED, "wake-up from suspend is not supported by this guest");
    } else if (machine_run_state() != RUN_STATE_SUSPENDED) {
        error_set(error, ERROR_FAILED, "Unable to wake up: guest is not in suspended state");
    } else {
        machine_request_wakeup();
    }
    return NULL;
}

static GVariant *inject_nmi(Monitor *monitor, GVariant *args, GError **error)
{
    if (!machine_inject_nmi()) {
        error_set(error, ERROR_FAILED, "this feature or command is not currently supported");
    }
    return NULL;
}

/* ---- actions ---- */

/* In the order of the enumerations of MachineActions. */
static const char *const reboot_values[] = { "reset", "shutdown", NULL };
static const char *const shutdown_values[] = { "poweroff", "pause", NULL };
static const char *const panic_values[] = { "pause", "shutdown", "exit-failure", "none", NULL };
static const char *const watchdog_values[] = {
    "reset", "shutdown", "poweroff", "pause", "debug", "none", "inject-nmi", NULL,
};

/* The index of an argument's value, or `otherwise` when it is absent. */
static int choice(GVariant *args, const char *name, const char *const *values, int otherwise)
{
    const char *text = args_str(args, name);

    for (int i = 0; text && values[i]; i++) {
        if (g_str_equal(values[i], text)) {
            return i;
        }
    }
    return otherwise;
}

static GVariant *set_action(Monitor *monitor, GVariant *args, GError **error)
{
    MachineActions *actions = machine_actions();

    actions->shutdown_on_reset = choice(args, "reboot", reboot_values,
                                        actions->shutdown_on_reset);
    actions->pause_on_shutdown = choice(args, "shutdown", shutdown_values,
                                        actions->pause_on_shutdown);
    actions->panic = choice(args, "panic", panic_values, actions->panic);
    actions->watchdog = choice(args, "watchdog", watchdog_values, actions->watchdog);
    return NULL;
}

static GVariant *watchdog_set_action(Monitor *monitor, GVariant *args, GError **error)
{
    MachineActions *actions = machine_actions();

    actions->watchdog = choice(args, "action", watchdog_values, actions->watchdog);
    return NULL;
}

/* ---- what it is made of ---- */

static GVariant *query_current_machine(Monitor *monitor, GVariant *args, GError **error)
{
    return g_variant_new_parsed("{'wakeup-suspend-support': <%b>}", machine_can_wake_up());
}

static GVariant *query_machines(Monitor *monitor, GVariant *args, GError **error)
{
    return machine_view_boards(error);
}

static GVariant *query_cpus_fast(Monitor *monitor, GVariant *args, GError **error)
{
    return machine_view_cpus();
}

static GVariant *query_hotpluggable_cpus(Monitor *monitor, GVariant *args, GError **error)
{
    return machine_view_cpu_slots(error);
}

static GVariant *query_cpu_definitions(Monitor *monitor, GVariant *args, GError **error)
{
    return machine_view_cpu_definitions(error);
}

static GVariant *query_cpu_model_expansion(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) model = args_value(args, "model");

    return machine_view_expand_cpu(model, g_str_equal(args_str(args, "type"), "full"), error);
}

static GVariant *query_memory_size_summary(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GVariantBuilder) answer = DICT_INIT;
    Machine *machine = machine_get();

    dict_uint(&answer, "base-memory", machine ? machine->ram_size : 0);
    return g_variant_builder_end(&answer);
}

/* Whether KVM is built in, and whether it runs this machine. */
static GVariant *query_kvm(Monitor *monitor, GVariant *args, GError **error)
{
    return g_variant_new_parsed("{'enabled': <%b>, 'present': <%b>}",
                                g_str_equal(accel_name(), "kvm"),
                                accel_is_built_in("kvm"));
}

static GVariant *query_pci(Monitor *monitor, GVariant *args, GError **error)
{
    return machine_view_query("query-pci");
}

/* ---- the human side ---- */

static void info_status(Monitor *monitor, GVariant *args, GError **error)
{
    RunState state = machine_run_state();

    monitor_printf(monitor, "VM status: %s", machine_is_running() ? "running" : "paused");
    if (!machine_is_running() && state != RUN_STATE_PAUSED) {
        monitor_printf(monitor, " (%s)", run_state_name(state));
    }
    monitor_puts(monitor, "\n");
}

static void complete_watchdog(const char *prefix, GPtrArray *words)
{
    for (const char *const *value = watchdog_values; *value; value++) {
        g_ptr_array_add(words, g_strdup(*value));
    }
}

static void watchdog_action(Monitor *monitor, GVariant *args, GError **error)
{
    if (!g_strv_contains(watchdog_values, args_str(args, "action"))) {
        error_set(error, ERROR_INVALID, "invalid parameter value: %s", args_str(args, "action"));
        return;
    }
    watchdog_set_action(monitor, args, error);
}

static void info_kvm(Monitor *monitor, GVariant *args, GError **error)
{
    monitor_printf(monitor, "kvm support: %s\n",
                   !accel_is_built_in("kvm") ? "not compiled"
                   : g_str_equal(accel_name(), "kvm") ? "enabled" : "disabled");
}

static void singlestep(Monitor *monitor, GVariant *args, GError **error)
{
    const char *option = args_str(args, "option");

    if (option && !g_str_equal(option, "on") && !g_str_equal(option, "off")) {
        monitor_printf(monitor, "unexpected option %s\n", option);
    } else if (!accel_set_single(!option || g_str_equal(option, "on"))) {
        error_set(error, ERROR_FAILED, "the accelerator %s has no mode of single instructions",
                  accel_name());
    }
}

static void info_memory_size(Monitor *monitor, GVariant *args, GError **error)
{
    monitor_printf(monitor, "base memory: %" G_GUINT64_FORMAT "\n",
                   machine_get() ? machine_get()->ram_size : 0);
}

static void cpu(Monitor *monitor, GVariant *args, GError **error)
{
    int64_t index = args_int(args, "index", 0);

    if (index < 0 || index >= cpu_count()) {
        monitor_puts(monitor, "invalid CPU index\n");
    } else {
        monitor_set_cpu(monitor, index);
    }
}

static void info_cpus(Monitor *monitor, GVariant *args, GError **error)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        monitor_printf(monitor, "%c CPU #%u: thread_id=%d\n", i == monitor_cpu(monitor) ? '*' : ' ',
                       i, cpu_get(i)->thread_id);
    }
}

/* ---- the tables ---- */

static const char *const run_state_values[] = {
    "debug", "inmigrate", "internal-error", "io-error", "paused", "postmigrate", "prelaunch",
    "finish-migrate", "restore-vm", "running", "save-vm", "shutdown", "suspended", "watchdog",
    "guest-panicked", "colo", NULL,
};
static const char *const cause_values[] = {
    "none", "host-error", "host-qmp-quit", "host-qmp-system-reset", "host-signal", "host-ui",
    "guest-shutdown", "guest-reset", "guest-panic", "subsystem-reset", "snapshot-load", NULL,
};
static const char *const panicked_values[] = { "pause", "poweroff", "run", NULL };
static const char *const panic_info_values[] = { "hyper-v", "s390", NULL };
static const char *const expansion_values[] = { "static", "full", NULL };

static const SchemaType types[] = {
    { .name = "RunState", .values = run_state_values },
    { .name = "ShutdownCause", .values = cause_values },
    { .name = "StatusInfo",
      .members = (const SchemaMember[]){ { "running", "bool" }, { "singlestep", "bool" },
                                         { "status", "RunState" }, { 0 } } },
    { .name = "RebootAction", .values = reboot_values },
    { .name = "ShutdownAction", .values = shutdown_values },
    { .name = "PanicAction", .values = panic_values },
    { .name = "WatchdogAction", .values = watchdog_values },
    { .name = "GuestPanicAction", .values = panicked_values },
    { .name = "GuestPanicInformationType", .values = panic_info_values },
    { .name = "GuestPanicInformation",
      .members = (const SchemaMember[]){ { "type", "GuestPanicInformationType" }, { 0 } },
      .tag = "type",
      .variants = (const SchemaVariant[]){ { "hyper-v", "GuestPanicInformationHyperV" }, { 0 } } },
    { .name = "GuestPanicInformationHyperV",
      .members = (const SchemaMember[]){ { "arg1", "uint64" }, { "arg2", "uint64" },
                                         { "arg3", "uint64" }, { "arg4", "uint64" },
                                         { "arg5", "uint64" }, { 0 } } },
    { .name = "CurrentMachineParams",
      .members = (const SchemaMember[]){ { "wakeup-suspend-support", "bool" }, { 0 } } },
    { .name = "MachineInfo",
      .members = (const SchemaMember[]){
          { "name", "str" }, { "alias", "str", true }, { "is-default", "bool", true },
          { "cpu-max", "int" }, { "hotpluggable-cpus", "bool" }, { "numa-mem-supported", "bool" },
          { "deprecated", "bool" }, { "default-cpu-type", "str", true },
          { "default-ram-id", "str", true }, { 0 } } },
    { .name = "CpuInstanceProperties",
      .members = (const SchemaMember[]){
          { "node-id", "int", true }, { "socket-id", "int", true }, { "die-id", "int", true },
          { "cluster-id", "int", true }, { "core-id", "int", true }, { "thread-id", "int", true },
          { 0 } } },
    { .name = "CpuInfoFast",
      .members = (const SchemaMember[]){
          { "cpu-index", "int" }, { "qom-path", "str" }, { "thread-id", "int" },
          { "props", "CpuInstanceProperties", true }, { "target", "SysEmuTarget" }, { 0 } } },
    { .name = "HotpluggableCPU",
      .members = (const SchemaMember[]){
          { "type", "str" }, { "vcpus-count", "int" }, { "props", "CpuInstanceProperties" },
          { "qom-path", "str", true }, { 0 } } },
    { .name = "CpuDefinitionInfo",
      .members = (const SchemaMember[]){
          { "name", "str" }, { "migration-safe", "bool", true }, { "static", "bool" },
          { "unavailable-features", "[str]", true }, { "typename", "str" },
          { "alias-of", "str", true }, { "deprecated", "bool" }, { 0 } } },
    { .name = "CpuModelInfo",
      .members = (const SchemaMember[]){ { "name", "str" }, { "props", "any", true }, { 0 } } },
    { .name = "CpuModelExpansionType", .values = expansion_values },
    { .name = "CpuModelExpansionInfo",
      .members = (const SchemaMember[]){ { "model", "CpuModelInfo" }, { 0 } } },
    { .name = "MemoryInfo",
      .members = (const SchemaMember[]){ { "base-memory", "size" },
                                         { "plugged-memory", "size", true }, { 0 } } },
    { .name = "KvmInfo",
      .members = (const SchemaMember[]){ { "enabled", "bool" }, { "present", "bool" }, { 0 } } },
    { .name = "PciMemoryRange",
      .members = (const SchemaMember[]){ { "base", "uint64" }, { "limit", "uint64" }, { 0 } } },
    { .name = "PciMemoryRegion",
      .members = (const SchemaMember[]){
          { "bar", "int" }, { "type", "str" }, { "address", "int" }, { "size", "int" },
          { "prefetch", "bool", true }, { "mem_type_64", "bool", true }, { 0 } } },
    { .name = "PciBusInfo",
      .members = (const SchemaMember[]){
          { "number", "int" }, { "secondary", "int" }, { "subordinate", "int" },
          { "io_range", "PciMemoryRange" }, { "memory_range", "PciMemoryRange" },
          { "prefetchable_range", "PciMemoryRange" }, { 0 } } },
    { .name = "PciBridgeInfo",
      .members = (const SchemaMember[]){ { "bus", "PciBusInfo" },
                                         { "devices", "[PciDeviceInfo]", true }, { 0 } } },
    { .name = "PciDeviceClass",
      .members = (const SchemaMember[]){ { "desc", "str", true }, { "class", "int" }, { 0 } } },
    { .name = "PciDeviceId",
      .members = (const SchemaMember[]){
          { "device", "int" }, { "vendor", "int" }, { "subsystem", "int", true },
          { "subsystem-vendor", "int", true }, { 0 } } },
    { .name = "PciDeviceInfo",
      .members = (const SchemaMember[]){
          { "bus", "int" }, { "slot", "int" }, { "function", "int" },
          { "class_info", "PciDeviceClass" }, { "id", "PciDeviceId" }, { "irq", "int", true },
          { "irq_pin", "int" }, { "qdev_id", "str" }, { "pci_bridge", "PciBridgeInfo", true },
          { "regions", "[PciMemoryRegion]" }, { 0 } } },
    { .name = "PciInfo",
      .members = (const SchemaMember[]){ { "bus", "int" }, { "devices", "[PciDeviceInfo]" },
                                         { 0 } } },
    { 0 },
};

static const Command commands[] = {
    { .name = "query-status", .help = "Whether the machine runs, and if not, why.",
      .returns = "StatusInfo", .handler = query_status, .flags = COMMAND_PRECONFIG },
    { .name = "stop", .help = "Pause the machine.", .handler = stop },
    { .name = "cont", .help = "Let the machine go on.", .handler = cont },
    { .name = "quit", .help = "End the program.", .handler = quit, .flags = COMMAND_PRECONFIG },
    { .name = "system_reset", .help = "Reset the machine.", .handler = system_reset },
    { .name = "system_powerdown", .help = "Press the power button.",
      .handler = system_powerdown },
    { .name = "system_wakeup", .help = "Wake the guest from suspend.",
      .handler = system_wakeup },
    { .name = "inject-nmi", .help = "Press the NMI button.", .handler = inject_nmi },
    { .name = "set-action", .help = "What to do when the guest resets, shuts down, panics, or its "
                                    "watchdog expires.",
      .arguments = (const SchemaMember[]){ { "reboot", "RebootAction", true },
                                           { "shutdown", "ShutdownAction", true },
                                           { "panic", "PanicAction", true },
                                           { "watchdog", "WatchdogAction", true }, { 0 } },
      .handler = set_action, .flags = COMMAND_PRECONFIG },
    { .name = "watchdog-set-action", .help = "What to do when the guest's watchdog expires.",
      .arguments = (const SchemaMember[]){ { "action", "WatchdogAction" }, { 0 } },
      .handler = watchdog_set_action },
    { .name = "query-current-machine", .help = "What the machine that runs can do.",
      .returns = "CurrentMachineParams", .handler = query_current_machine },
    { .name = "query-machines", .help = "The boards that -machine takes.",
      .returns = "[MachineInfo]", .handler = query_machines, .flags = COMMAND_PRECONFIG },
    { .name = "query-cpus-fast", .help = "The CPUs and their threads.",
      .returns = "[CpuInfoFast]", .handler = query_cpus_fast },
    { .name = "query-hotpluggable-cpus", .help = "The places for CPUs, taken or free.",
      .returns = "[HotpluggableCPU]", .handler = query_hotpluggable_cpus,
      .flags = COMMAND_PRECONFIG },
    { .name = "query-cpu-definitions", .help = "The models that -cpu takes.",
      .returns = "[CpuDefinitionInfo]", .handler = query_cpu_definitions,
      .flags = COMMAND_PRECONFIG },
    { .name = "query-cpu-model-expansion", .help = "A CPU model as a list of properties.",
      .arguments = (const SchemaMember[]){ { "type", "CpuModelExpansionType" },
                                           { "model", "CpuModelInfo" }, { 0 } },
      .returns = "CpuModelExpansionInfo", .handler = query_cpu_model_expansion,
      .flags = COMMAND_PRECONFIG },
    { .name = "query-memory-size-summary", .help = "How much RAM the machine has.",
      .returns = "MemoryInfo", .handler = query_memory_size_summary },
    { .name = "query-kvm", .help = "Whether KVM is there, and in use.", .returns = "KvmInfo",
      .handler = query_kvm },
    { .name = "query-pci", .help = "The PCI buses and what is on them.",
      .returns = "[PciInfo]", .handler = query_pci },
    { 0 },
};

static const SchemaMember cause_data[] = {
    { "guest", "bool" }, { "reason", "ShutdownCause" }, { 0 },
};
static const SchemaMember panic_data[] = {
    { "action", "GuestPanicAction" }, { "info", "GuestPanicInformation", true }, { 0 },
};

static const Event events[] = {
    { .name = "SHUTDOWN", .help = "The machine has shut down.", .data = cause_data },
    { .name = "POWERDOWN", .help = "The power button was pressed." },
    { .name = "RESET", .help = "The machine was reset.", .data = cause_data },
    { .name = "STOP", .help = "The machine was paused." },
    { .name = "RESUME", .help = "The machine goes on." },
    { .name = "SUSPEND", .help = "The guest has suspended to RAM." },
    { .name = "SUSPEND_DISK", .help = "The guest has suspended to disk." },
    { .name = "WAKEUP", .help = "The guest was woken." },
    { .name = "WATCHDOG", .help = "The guest's watchdog has expired.", .rate_ms = 1000,
      .data = (const SchemaMember[]){ { "action", "WatchdogAction" }, { 0 } } },
    { .name = "GUEST_PANICKED", .help = "The guest has told of a panic.", .data = panic_data },
    { .name = "GUEST_CRASHLOADED", .help = "The guest has panicked and runs its crash kernel.",
      .data = panic_data },
    { .name = "RTC_CHANGE", .help = "The guest has set its clock.", .rate_ms = 1000,
      .data = (const SchemaMember[]){ { "offset", "int" }, { "qom-path", "str" }, { 0 } } },
    { 0 },
};

static const HmpCommand hmp_commands[] = {
    { .name = "stop|s", .help = "stop emulation", .qmp = "stop" },
    { .name = "cont|c", .help = "resume emulation", .qmp = "cont" },
    { .name = "singlestep|one-insn-per-tb", .params = "[on|off]",
      .args = (const HmpArg[]){ { "option", HMP_WORD, true }, { 0 } },
      .help = "run emulation in singlestep mode or switch to normal mode", .handler = singlestep },
    { .name = "quit|q", .help = "quit the emulator", .qmp = "quit" },
    { .name = "system_reset", .help = "reset the system", .qmp = "system_reset" },
    { .name = "system_powerdown", .help = "send system power down event",
      .qmp = "system_powerdown" },
    { .name = "system_wakeup", .help = "wakeup guest from suspend", .qmp = "system_wakeup" },
    { .name = "nmi", .help = "inject an NMI", .qmp = "inject-nmi" },
    { .name = "watchdog_action", .params = "[reset|shutdown|poweroff|pause|debug|none|inject-nmi]",
      .args = (const HmpArg[]){ { "action", HMP_WORD, false, complete_watchdog }, { 0 } },
      .help = "change watchdog action", .handler = watchdog_action },
    { .name = "cpu", .args = (const HmpArg[]){ { "index", HMP_NUMBER }, { 0 } },
      .params = "index", .help = "set the default CPU", .handler = cpu },
    { 0 },
};

static const HmpCommand hmp_infos[] = {
    { .name = "status", .help = "show the current VM status (running|paused)",
      .handler = info_status },
    { .name = "cpus", .help = "show infos for each CPU", .handler = info_cpus },
    { .name = "kvm", .help = "show KVM information", .handler = info_kvm },
    { .name = "memory_size_summary|mem-size", .help = "show the amount of RAM in bytes",
      .handler = info_memory_size },
    { 0 },
};

const SchemaModule machine_module = {
    .title = "The machine", .types = types, .commands = commands, .events = events,
    .hmp_commands = hmp_commands, .hmp_infos = hmp_infos,
};
