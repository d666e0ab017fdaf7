/* SPDX-License-Identifier: MIT */
/* The machine from -machine, -m, -smp, -cpu, -device and their like. */
#include <stdio.h>
#include <string.h>

#include "accel/accel.h"
#include "accel/icount.h"
#include "arch/x86/cpu.h"
#include "arch/x86/cpuconfig.h"
#include "base/log.h"
#include "hw/core/plug.h"
#include "machines/board.h"
#include "qom/parse.h"
#include "qom/user-object.h"
#include "vmm/config.h"
#include "vmm/options.h"
#include "vmm/start.h"

static Board *board;
static const char *arch = "x86_64";
static GVariant *machine_options;
static X86CpuConfig cpu_config;
static X86Topology topology;

/* ---- targets ---- */

typedef struct Target {
    const char *arch, *board;
} Target;

static const Target targets[] = { { "x86_64", "pc" } };

void target_set(const char *program)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(targets); i++) {
        if (g_str_has_suffix(program, targets[i].arch)) {
            arch = targets[i].arch;
        }
    }
}

const char *target_arch(void)
{
    return arch;
}

const char *default_board(void)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(targets); i++) {
        if (g_str_equal(targets[i].arch, arch)) {
            return targets[i].board;
        }
    }
    return "none";
}

char *machines_help(void)
{
    GString *text = g_string_new("Supported machines are:\n");

    for (const BuiltinBoard *at = builtin_boards; at->name; at++) {
        g_autoptr(GError) error = NULL;
        Board *one = board_open(at->name, &error);
        if (one) {
            g_string_append_printf(text, "%-20s %s%s\n", at->name, board_info(one)->description,
                                   g_str_equal(at->name, default_board()) ? " (default)" : "");
            board_free(one);
        }
    }
    g_string_append(text, "FILE.dtb, FILE.dts   a board of your own\n");
    return g_string_free(text, FALSE);
}

/* ---- -machine ---- */

/* Keys that are neither properties of a machine nor switches of a board's nodes. */
static const char *const structural[] = { "type", "accel", "kernel-irqchip", "kernel_irqchip",
                                          NULL };
static GHashTable *used_switches, *used_properties;

static bool board_switch(const char *name, bool *value, void *opaque)
{
    const char *text;

    g_hash_table_add(used_switches, g_strdup(name));
    if (!g_variant_lookup(machine_options, name, "&s", &text)) {
        return false;
    }
    return parse_bool(text, value, NULL);
}

static const char *board_property(const char *name, void *opaque)
{
    const char *text = NULL;

    g_hash_table_add(used_properties, g_strdup(name));
    g_variant_lookup(machine_options, name, "&s", &text);
    return text;
}

static bool set_machine_properties(Machine *machine, GError **error)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;

    g_variant_iter_init(&iter, machine_options);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        bool ok = true;
        if (!g_strv_contains(structural, key) &&
            object_type_property(OBJECT(machine)->type, key)) {
            ok = object_set(OBJECT(machine), key, value, error);
        }
        g_variant_unref(value);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool offer_name(const ObjectType *owner, const Property *property, void *nearest)
{
    nearest_name_offer(nearest, property->name);
    return true;
}

/* After the board was made: a key that nothing took is an error. */
static bool check_machine_options(Machine *machine, GError **error)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;
    bool flag;

    g_variant_iter_init(&iter, machine_options);
    while (g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        bool is_switch = g_hash_table_contains(used_switches, key);
        g_autofree char *text = g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)
            ? g_variant_dup_string(value, NULL) : g_strdup("");
        g_variant_unref(value);
        if (is_switch && !parse_bool(text, &flag, error)) {
            g_prefix_error(error, "-machine %s: ", key);
            return false;
        }
        if (!is_switch && !g_strv_contains(structural, key) &&
            !g_hash_table_contains(used_properties, key) &&
            !object_type_property(OBJECT(machine)->type, key)) {
            NearestName nearest = nearest_name_init(key);
            GHashTableIter names;
            void *name;
            object_type_foreach_property(OBJECT(machine)->type, offer_name, &nearest);
            g_hash_table_iter_init(&names, used_switches);
            while (g_hash_table_iter_next(&names, &name, NULL)) {
                nearest_name_offer(&nearest, name);
            }
            g_hash_table_iter_init(&names, used_properties);
            while (g_hash_table_iter_next(&names, &name, NULL)) {
                nearest_name_offer(&nearest, name);
            }
            error_set(error, ERROR_NOT_FOUND, "Property '%s-machine.%s' not found%s",
                      machine->board, key, nearest_name_hint(&nearest));
            return false;
        }
    }
    return true;
}

/* What no board has yet is refused rather than left out. */
static bool check_parts(const Machine *machine, GError **error)
{
    static const char *const none_yet[] = { "display", "vga", "net", "nic" };

    for (unsigned i = 0; i < G_N_ELEMENTS(none_yet); i++) {
        GPtrArray *values = option_values(none_yet[i]);
        for (guint n = 0; n < values->len; n++) {
            if (!g_str_equal(values->pdata[n], "none")) {
                error_set(error, ERROR_INVALID, "-%s %s: 'none' is all there is", none_yet[i],
                          (const char *)values->pdata[n]);
                return false;
            }
        }
    }
    if (machine->usb) {
        error_set(error, ERROR_INVALID, "-machine usb=on: machine '%s' has no USB controller",
                  machine->board);
        return false;
    }
    return true;
}

/* ---- -m, -smp, -cpu ---- */

static const char *dict_string(GVariant *dict, const char *key)
{
    const char *text = NULL;

    g_variant_lookup(dict, key, "&s", &text);
    return text;
}

static bool set_ram(Machine *machine, GError **error)
{
    static const char *const known[] = { "size", NULL };
    g_autoptr(GVariant) dict = option_dict("m", error);
    const char *text;

    if (!dict || !option_check_keys("m", dict, known, error)) {
        return false;
    }
    machine->ram_size = board_info(board)->default_ram;
    text = dict_string(dict, "size");
    if (text && !parse_size(text, 1 << 20, &machine->ram_size, error)) {
        g_prefix_error(error, "-m: ");
        return false;
    }
    if (text && !machine->ram_size) {
        error_set(error, ERROR_INVALID, "-m %s: the machine cannot be without RAM", text);
        return false;
    }
    machine->ram_size = (machine->ram_size + 8191) & ~8191ull;
    return true;
}

static bool smp_number(GVariant *dict, const char *key, unsigned *value, GError **error)
{
    const char *text = dict_string(dict, key);
    uint64_t number;

    if (!text) {
        *value = 0;
        return true;
    }
    if (!parse_uint(text, &number, error)) {
        g_prefix_error(error, "-smp %s: ", key);
        return false;
    }
    if (!number || number > 4096) {
        error_set(error, ERROR_INVALID, "-smp %s=%s: 1 to 4096 is allowed", key, text);
        return false;
    }
    *value = number;
    return true;
}

/* What is not given is derived: threads and dies are 1, then cores before sockets. */
static bool complete_topology(Machine *m, GError **error)
{
    unsigned wanted = m->max_cpus ? m->max_cpus : m->cpus;
    unsigned product;

    m->dies = MAX(m->dies, 1);
    m->threads = MAX(m->threads, 1);
    if (!wanted) {
        m->sockets = MAX(m->sockets, 1);
        m->cores = MAX(m->cores, 1);
        wanted = m->sockets * m->dies * m->cores * m->threads;
    } else if (!m->cores) {
        m->sockets = MAX(m->sockets, 1);
        m->cores = MAX(wanted / (m->sockets * m->dies * m->threads), 1);
    } else if (!m->sockets) {
        m->sockets = MAX(wanted / (m->dies * m->cores * m->threads), 1);
    }
    m->max_cpus = wanted;
    m->cpus = m->cpus ? m->cpus : wanted;
    product = m->sockets * m->dies * m->cores * m->threads;
    if (product != m->max_cpus) {
        error_set(error, ERROR_INVALID, "Invalid CPU topology: product of the hierarchy must "
                  "match maxcpus: sockets (%u) * dies (%u) * cores (%u) * threads (%u) != "
                  "maxcpus (%u)", m->sockets, m->dies, m->cores, m->threads, m->max_cpus);
        return false;
    }
    if (m->cpus > m->max_cpus) {
        error_set(error, ERROR_INVALID, "Invalid CPU topology: maxcpus (%u) must be equal to or "
                  "greater than smp (%u)", m->max_cpus, m->cpus);
        return false;
    }
    return true;
}

static bool set_cpus(Machine *machine, GError **error)
{
    static const char *const known[] = { "cpus", "maxcpus", "sockets", "dies", "cores",
                                         "threads", NULL };
    g_autoptr(GVariant) dict = option_dict("smp", error);
    unsigned limit = board_info(board)->max_cpus;

    if (!dict || !option_check_keys("smp", dict, known, error) ||
        !smp_number(dict, "cpus", &machine->cpus, error) ||
        !smp_number(dict, "maxcpus", &machine->max_cpus, error) ||
        !smp_number(dict, "sockets", &machine->sockets, error) ||
        !smp_number(dict, "dies", &machine->dies, error) ||
        !smp_number(dict, "cores", &machine->cores, error) ||
        !smp_number(dict, "threads", &machine->threads, error)) {
        return false;
    }
    if (!complete_topology(machine, error)) {
        return false;
    }
    if (machine->max_cpus > limit) {
        error_set(error, ERROR_INVALID, "Invalid SMP CPUs %u. The max CPUs supported by machine "
                  "'%s' is %u", machine->max_cpus, machine->board, limit);
        return false;
    }
    return true;
}

static Device *new_cpu(Object *parent, unsigned index, void *opaque, GError **error)
{
    return x86_cpu_new(parent, index, &cpu_config, &topology, error);
}

static bool parse_cpu(Machine *machine, GError **error)
{
    const char *text = option_value("cpu");

    if (!text) {
        text = board_info(board)->default_cpu ? board_info(board)->default_cpu : "qemu64";
    }
    machine->cpu_model = g_strdup(text);
    topology = (X86Topology){ .sockets = machine->sockets, .dies = machine->dies,
                              .cores = machine->cores, .threads = machine->threads };
    return x86_cpu_config_parse(&cpu_config, text, error);
}

/* ---- the accelerator ---- */

static void add_accel(GPtrArray *dicts, const char *name)
{
    GVariantBuilder dict;

    g_variant_builder_init(&dict, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&dict, "{sv}", "accel", g_variant_new_string(name));
    g_ptr_array_add(dicts, g_variant_ref_sink(g_variant_builder_end(&dict)));
}

/* -machine kernel-irqchip= is an option of the accelerator. */
static GVariant *with_irqchip(GVariant *dict)
{
    const char *irqchip = dict_string(machine_options, "kernel-irqchip");
    const char *name = dict_string(dict, "accel");
    GVariantDict all;

    irqchip = irqchip ? irqchip : dict_string(machine_options, "kernel_irqchip");
    if (!irqchip || !name || !g_str_equal(name, "kvm")) {
        return g_variant_ref(dict);
    }
    g_variant_dict_init(&all, dict);
    if (!g_variant_dict_contains(&all, "kernel-irqchip")) {
        g_variant_dict_insert(&all, "kernel-irqchip", "s", irqchip);
    }
    return g_variant_ref_sink(g_variant_dict_end(&all));
}

static bool start_icount(GError **error)
{
    g_autoptr(GVariant) dict = NULL;

    if (!option_given("icount")) {
        return true;
    }
    dict = option_dict("icount", error);
    if (!dict || !icount_configure(dict, error)) {
        g_prefix_error(error, "-icount: ");
        return false;
    }
    return true;
}

static bool check_icount(GError **error)
{
    if (icount_options()->on && !(accel_features() & ACCEL_ICOUNT)) {
        error_set(error, ERROR_INVALID, "-icount: the accelerator %s does not count instructions: "
                  "use -accel jit", accel_name());
        return false;
    }
    return true;
}

static bool start_accel(GError **error)
{
    g_autoptr(GPtrArray) dicts = g_ptr_array_new_with_free_func((GDestroyNotify)g_variant_unref);
    GPtrArray *options = option_values("accel");
    const char *by_machine = dict_string(machine_options, "accel");

    for (guint i = 0; i < options->len; i++) {
        g_autoptr(GVariant) dict = option_parse_dict(options->pdata[i], "accel", error);
        if (!dict) {
            g_prefix_error(error, "-accel %s: ", (char *)options->pdata[i]);
            return false;
        }
        g_ptr_array_add(dicts, with_irqchip(dict));
    }
    if (by_machine) {
        g_auto(GStrv) names = g_strsplit(by_machine, ":", -1);
        for (guint i = 0; i < dicts->len; i++) {
            const char *name = dict_string(dicts->pdata[i], "accel");
            if (name && !g_strv_contains((const char *const *)names, name)) {
                error_set(error, ERROR_INVALID, "-machine accel=%s and -accel %s do not go together: "
                          "give -accel alone", by_machine, name);
                return false;
            }
        }
        for (char **name = names; !options->len && *name; name++) {
            add_accel(dicts, *name);
        }
    } else if (!options->len && (option_given("qtest") || option_given("machine-check"))) {
        add_accel(dicts, "qtest");
    } else if (!options->len) {
        if (!option_given("icount") && accel_is_built_in("kvm")) {
            add_accel(dicts, "kvm");
        }
        add_accel(dicts, "jit");
    }
    for (guint i = 0; i < dicts->len; i++) {
        GVariant *dict = with_irqchip(dicts->pdata[i]);
        g_variant_unref(dicts->pdata[i]);
        dicts->pdata[i] = dict;
    }
    if (!start_icount(error) || !accel_select(dicts, error) || !check_icount(error)) {
        return false;
    }
    if (option_given("singlestep") && !accel_set_single(true)) {
        report_warning("-singlestep: the accelerator %s has no such mode; -accel jit does",
                       accel_name());
    }
    return true;
}

/* ---- devices and objects ---- */

static bool start_globals(GError **error)
{
    GPtrArray *texts = option_values("global");

    for (guint i = 0; i < texts->len; i++) {
        const char *text = texts->pdata[i];
        const char *equals = strchr(text, '=');
        const char *dot = equals ? g_strrstr_len(text, equals - text, ".") : NULL;
        if (!dot) {
            error_set(error, ERROR_INVALID, "-global %s: DRIVER.PROPERTY=VALUE is expected",
                      text);
            return false;
        }
        g_autofree char *driver = g_strndup(text, dot - text);
        g_autofree char *property = g_strndup(dot + 1, equals - dot - 1);
        if (!global_add(driver, property, equals + 1, error)) {
            return false;
        }
    }
    return true;
}

/* -rtc: properties of the clock chip, under the names it has for them. */
static bool start_clock(GError **error)
{
    static const char *const known[] = { "base", "clock", "driftfix", NULL };
    static const char *const chip = "mc146818rtc";
    g_autoptr(GVariant) dict = option_dict("rtc", error);
    const char *base, *clock, *drift;

    if (!dict || !option_check_keys("rtc", dict, known, error)) {
        return false;
    }
    base = dict_string(dict, "base");
    clock = dict_string(dict, "clock");
    drift = dict_string(dict, "driftfix");
    if (drift && !g_str_equal(drift, "slew") && !g_str_equal(drift, "none")) {
        error_set(error, ERROR_INVALID, "-rtc driftfix=%s: 'slew' or 'none' is expected", drift);
        return false;
    }
    return (!base || global_add(chip, "base", base, error)) &&
           (!clock || global_add(chip, "clock", clock, error)) &&
           (!drift || global_add(chip, "lost_tick_policy",
                                 g_str_equal(drift, "slew") ? "slew" : "discard", error));
}

static bool start_objects(GError **error)
{
    GPtrArray *texts = option_values("object");

    for (guint i = 0; i < texts->len; i++) {
        g_autoptr(GVariant) dict = option_parse_dict(texts->pdata[i], "qom-type", error);
        if (!dict || !user_object_add(dict, error)) {
            g_prefix_error(error, "-object %s: ", (char *)texts->pdata[i]);
            return false;
        }
    }
    return true;
}

static bool start_devices(GError **error)
{
    GPtrArray *texts = option_values("device");

    for (guint i = 0; i < texts->len; i++) {
        g_autoptr(GVariant) dict = option_parse_dict(texts->pdata[i], "driver", error);
        if (!dict || !device_add(dict, error)) {
            g_prefix_error(error, "-device %s: ", (char *)texts->pdata[i]);
            return false;
        }
    }
    return true;
}

/* ---- the rest of the machine's facts ---- */

static void set_files(Machine *machine)
{
    static const struct {
        const char *option;
        size_t offset;
    } files[] = {
        { "kernel", offsetof(Machine, kernel) }, { "initrd", offsetof(Machine, initrd) },
        { "append", offsetof(Machine, append) }, { "dtb", offsetof(Machine, dtb) },
        { "bios", offsetof(Machine, firmware) },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(files); i++) {
        char **slot = (char **)((char *)machine + files[i].offset);
        if (option_given(files[i].option)) {
            g_free(*slot);
            *slot = g_strdup(option_value(files[i].option));
        }
    }
    machine->firmware_dirs = g_ptr_array_new_with_free_func(g_free);
    GPtrArray *dirs = option_values("L");
    for (guint i = 0; i < dirs->len; i++) {
        g_ptr_array_add(machine->firmware_dirs, g_strdup(dirs->pdata[i]));
    }
    g_auto(GStrv) built_in = g_strsplit(VMM_FIRMWARE_PATH, ":", -1);
    for (char **dir = built_in; *dir; dir++) {
        g_ptr_array_add(machine->firmware_dirs, g_strdup(*dir));
    }
}

static bool set_boot(Machine *machine, GError **error)
{
    static const char *const known[] = { "order", "once", "menu", "splash", "splash-time",
                                         "reboot-timeout", "strict", NULL };
    g_autoptr(GVariant) dict = option_dict("boot", error);
    const char *text;

    if (!dict || !option_check_keys("boot", dict, known, error)) {
        return false;
    }
    text = dict_string(dict, "order");
    for (const char *p = text; p && *p; p++) {
        if (*p < 'a' || *p > 'p' || strchr(p + 1, *p)) {
            error_set(error, ERROR_INVALID, "-boot order=%s: letters a to p, each once", text);
            return false;
        }
    }
    machine->boot_order = g_strdup(text ? text : "cad");
    text = dict_string(dict, "menu");
    if (text && !parse_bool(text, &machine->boot_menu, error)) {
        return false;
    }
    text = dict_string(dict, "strict");
    return !text || parse_bool(text, &machine->boot_strict, error);
}

static bool parse_uuid(const char *text, uint8_t *uuid)
{
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*text++ != '-') {
                return false;
            }
        }
        if (!g_ascii_isxdigit(text[0]) || !g_ascii_isxdigit(text[1])) {
            return false;
        }
        uuid[i] = g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]);
        text += 2;
    }
    return !*text;
}

static bool set_identity(Machine *machine, GError **error)
{
    static const char *const known[] = { "guest", "debug-threads", "process", NULL };
    g_autoptr(GVariant) dict = option_dict("name", error);
    const char *uuid = option_value("uuid");

    if (!dict || !option_check_keys("name", dict, known, error)) {
        return false;
    }
    machine->name = g_strdup(dict_string(dict, "guest"));
    if (uuid) {
        machine->uuid_set = parse_uuid(uuid, machine->uuid);
        if (!machine->uuid_set) {
            error_set(error, ERROR_INVALID, "-uuid %s: not of the form "
                      "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", uuid);
            return false;
        }
    }
    return true;
}

static bool set_actions(GError **error)
{
    static const char *const known[] = { "reboot", "shutdown", "panic", "watchdog", NULL };
    static const char *const panics[] = { "pause", "shutdown", "exit-failure", "none", NULL };
    static const char *const watchdogs[] = { "reset", "shutdown", "poweroff", "pause", "debug",
                                             "none", "inject-nmi", NULL };
    g_autoptr(GVariant) dict = option_dict("action", error);
    MachineActions *actions = machine_actions();
    const char *reboot, *shutdown, *panic, *watchdog;

    if (!dict || !option_check_keys("action", dict, known, error)) {
        return false;
    }
    reboot = dict_string(dict, "reboot");
    shutdown = dict_string(dict, "shutdown");
    panic = dict_string(dict, "panic");
    watchdog = dict_string(dict, "watchdog");
    watchdog = watchdog ? watchdog : option_value("watchdog-action");
    if ((reboot && strcmp(reboot, "reset") && strcmp(reboot, "shutdown")) ||
        (shutdown && strcmp(shutdown, "poweroff") && strcmp(shutdown, "pause")) ||
        (panic && !g_strv_contains(panics, panic)) ||
        (watchdog && !g_strv_contains(watchdogs, watchdog))) {
        error_set(error, ERROR_INVALID, "-action: reboot=reset|shutdown, "
                  "shutdown=poweroff|pause, panic=pause|shutdown|exit-failure|none, watchdog="
                  "reset|shutdown|poweroff|inject-nmi|pause|debug|none");
        return false;
    }
    actions->shutdown_on_reset = option_given("no-reboot") ||
                                 (reboot && g_str_equal(reboot, "shutdown"));
    actions->pause_on_shutdown = option_given("no-shutdown") ||
                                 (shutdown && g_str_equal(shutdown, "pause"));
    for (unsigned i = 0; panic && panics[i]; i++) {
        actions->panic = g_str_equal(panics[i], panic) ? i : actions->panic;
    }
    for (unsigned i = 0; watchdog && watchdogs[i]; i++) {
        actions->watchdog = g_str_equal(watchdogs[i], watchdog) ? i : actions->watchdog;
    }
    return true;
}

/* ---- the whole ---- */

static bool make_machine(GError **error)
{
    const char *name = dict_string(machine_options, "type");
    Machine *machine;

    board = board_open(name ? name : default_board(), error);
    if (!board) {
        return false;
    }
    machine = machine_new(object_type_find("board-machine"), error);
    if (!machine) {
        return false;
    }
    machine->board = g_strdup(board_info(board)->name);
    machine->title = g_strdup(board_info(board)->description);
    machine->options = g_variant_ref(machine_options);
    if (option_given("no-acpi")) {
        machine->acpi = false;
    }
    if (terminal_is_console()) {
        machine->graphics = false;
    }
    set_files(machine);
    return set_machine_properties(machine, error) && check_parts(machine, error) &&
           set_ram(machine, error) &&
           set_cpus(machine, error) && set_boot(machine, error) &&
           set_identity(machine, error) && set_actions(error) && parse_cpu(machine, error);
}

static bool fill_machine(GError **error)
{
    BoardResources resources = {
        .backend = port_backend, .option = board_switch, .property = board_property,
        .new_cpu = new_cpu,
    };
    Machine *machine = machine_get();

    return start_clock(error) && start_globals(error) && start_objects(error) &&
           board_create(board, machine, &resources, error) &&
           check_machine_options(machine, error) &&
           globals_apply_all(OBJECT(machine), error) && start_devices(error) &&
           start_firmware(error) && start_kernel(error) && board_wire(board, error);
}

static bool write_report(GError **error)
{
    const char *path = option_value("machine-report");
    g_autofree char *text = NULL;

    if (!path || !board) {
        return true;
    }
    text = board_report(board);
    return g_file_set_contents(path, text, -1, error);
}

bool start_machine(GError **error)
{
    used_switches = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    used_properties = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    machine_options = option_dict("machine", error);
    if (machine_options && option_given("no-hpet")) {
        GVariantDict with;
        g_variant_dict_init(&with, machine_options);
        g_variant_dict_insert(&with, "hpet", "s", "off");
        g_variant_unref(machine_options);
        machine_options = g_variant_ref_sink(g_variant_dict_end(&with));
    }
    if (!machine_options || !start_accel(error) || !make_machine(error) ||
        !accel_machine_init(error) || !fill_machine(error) ||
        !machine_bring_up(option_given("machine-check"), error)) {
        return false;
    }
    globals_check_used();
    if (option_given("machine-check")) {
        return write_report(error);
    }
    return accel_machine_attach(error);
}

void stop_machine(void)
{
    g_autoptr(GError) error = NULL;

    if (!write_report(&error)) {
        report_warning("-machine-report: %s", error->message);
    }
    accel_machine_detach();
    stop_kernel();
    machine_delete();
    accel_delete();
    object_delete(object_child(object_root(), "objects"));
    g_clear_pointer(&board, board_free);
    g_clear_pointer(&machine_options, g_variant_unref);
    g_clear_pointer(&used_switches, g_hash_table_unref);
    g_clear_pointer(&used_properties, g_hash_table_unref);
    x86_cpu_config_release(&cpu_config);
}
