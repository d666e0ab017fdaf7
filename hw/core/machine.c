/* SPDX-License-Identifier: MIT */
/* The machine: bring-up, run state, requests, notifications. */
#include "hw/core/machine.h"

#include <stdatomic.h>
#include <string.h>

#include "base/lock.h"
#include "base/log.h"
#include "hw/core/cpu.h"
#include "hw/core/internal.h"

static Machine *the_machine;
static AddressSpace *memory_space, *io_space;
static MemoryRegion *memory_root, *io_root;
static MachineActions actions = { .panic = PANIC_SHUTDOWN };

Machine *machine_get(void)
{
    return the_machine;
}

static bool add_device(Object *object, void *list)
{
    if (object_is(object, "device")) {
        g_ptr_array_add(list, object);
    }
    return true;
}

GPtrArray *machine_devices(void)
{
    GPtrArray *list = g_ptr_array_new();

    object_foreach(OBJECT(the_machine), add_device, list);
    return list;
}

AddressSpace *machine_memory(void)
{
    return memory_space;
}

AddressSpace *machine_io(void)
{
    return io_space;
}

MachineActions *machine_actions(void)
{
    return &actions;
}

/* ---- the object ---- */

static const Property machine_properties[] = {
    { .name = "firmware", .description = "firmware image",
      .field = FIELD_OF(Machine, firmware) },
    { .name = "kernel", .description = "Linux kernel image file",
      .field = FIELD_OF(Machine, kernel) },
    { .name = "initrd", .description = "Linux initial ramdisk file",
      .field = FIELD_OF(Machine, initrd) },
    { .name = "append", .description = "Linux kernel command line",
      .field = FIELD_OF(Machine, append) },
    { .name = "dtb", .description = "device tree of the guest",
      .field = FIELD_OF(Machine, dtb) },
    { .name = "usb", .description = "a USB host controller, where the board has one",
      .field = FIELD_OF(Machine, usb) },
    { .name = "memory-backend", .description = "id of the memory backend that is the RAM",
      .field = FIELD_OF(Machine, memory_backend) },
    { .name = "dump-guest-core", .description = "include guest RAM in core dumps",
      .field = FIELD_OF(Machine, dump_guest_core), .def.u = 1 },
    { .name = "mem-merge", .description = "let the host merge equal pages",
      .field = FIELD_OF(Machine, mem_merge), .def.u = 1 },
    { .name = "acpi", .description = "ACPI tables",
      .field = FIELD_OF(Machine, acpi), .def.u = 1 },
    { .name = "graphics", .description = "on/off: whether there is a display",
      .field = FIELD_OF(Machine, graphics), .def.u = 1 },
};

static void machine_finalize(Object *object)
{
    Machine *machine = (Machine *)object;

    g_free(machine->board);
    g_free(machine->title);
    g_free(machine->cpu_model);
    g_free(machine->boot_order);
    g_clear_pointer(&machine->firmware_dirs, g_ptr_array_unref);
    g_free(machine->name);
    g_clear_pointer(&machine->options, g_variant_unref);
}

const ObjectType machine_base_type = {
    .name = "machine", .description = "a machine", .abstract = true, .size = sizeof(Machine),
    .properties = TABLE(machine_properties), .finalize = machine_finalize,
};

Machine *machine_new(const ObjectType *type, GError **error)
{
    Bus *bus;

    g_assert(!the_machine);
    the_machine = (Machine *)object_new(type, object_root(), "machine", error);
    if (!the_machine) {
        return NULL;
    }
    memory_root = region_new_container(OBJECT(the_machine), "system", REGION_SIZE_ALL);
    io_root = region_new_container(OBJECT(the_machine), "io", 0x10000);
    memory_space = address_space_new("memory", memory_root, 0xff);
    io_space = address_space_new("I/O", io_root, 0xff);
    bus = bus_new(&system_bus_type, NULL, "main-system-bus", error);
    if (!bus) {
        machine_delete();
        return NULL;
    }
    bus->memory = memory_root;
    bus->io = io_root;
    bus->dma = memory_space;
    object_container(OBJECT(the_machine), "unattached");
    object_container(OBJECT(the_machine), "peripheral");
    object_container(OBJECT(the_machine), "peripheral-anon");
    the_machine->phase = MACHINE_CREATED;
    return the_machine;
}

void machine_delete(void)
{
    if (!the_machine) {
        return;
    }
    memory_transaction_begin();
    object_delete(OBJECT(the_machine));
    the_machine = NULL;
    memory_transaction_commit();
    address_space_free(memory_space);
    address_space_free(io_space);
    region_free(memory_root);
    region_free(io_root);
    memory_space = io_space = NULL;
    memory_root = io_root = NULL;
}

/* ---- notifications ---- */

typedef struct Notifier {
    struct Notifier *next;
    MachineNotify notify;
    void *opaque;
} Notifier;

typedef struct RunNotifier {
    struct RunNotifier *next;
    RunStateNotify notify;
    void *opaque;
} RunNotifier;

static Notifier *on_reset, *on_ready, *on_powerdown, *on_wakeup;
static RunNotifier *on_run_state;
static EventSink event_sink;

static void notifier_add(Notifier **list, MachineNotify notify, void *opaque)
{
    Notifier *item = g_new(Notifier, 1);

    *item = (Notifier){ .notify = notify, .opaque = opaque };
    while (*list) {
        list = &(*list)->next;
    }
    *list = item;
}

static void notifier_drop(Notifier **list, MachineNotify notify, void *opaque)
{
    while (*list) {
        Notifier *item = *list;
        if (item->notify == notify && item->opaque == opaque) {
            *list = item->next;
            g_free(item);
        } else {
            list = &item->next;
        }
    }
}

static void notify_all(Notifier *list)
{
    for (Notifier *item = list, *next; item; item = next) {
        next = item->next;
        item->notify(item->opaque);
    }
}

void machine_on_reset(MachineNotify notify, void *opaque)
{
    notifier_add(&on_reset, notify, opaque);
}

void machine_on_ready(MachineNotify notify, void *opaque)
{
    notifier_add(&on_ready, notify, opaque);
}

void machine_on_powerdown(MachineNotify notify, void *opaque)
{
    notifier_add(&on_powerdown, notify, opaque);
}

void machine_on_wakeup(MachineNotify notify, void *opaque)
{
    notifier_add(&on_wakeup, notify, opaque);
}

bool machine_can_wake_up(void)
{
    return on_wakeup != NULL;
}

void machine_off(MachineNotify notify, void *opaque)
{
    notifier_drop(&on_reset, notify, opaque);
    notifier_drop(&on_ready, notify, opaque);
    notifier_drop(&on_powerdown, notify, opaque);
    notifier_drop(&on_wakeup, notify, opaque);
}

void machine_on_run_state(RunStateNotify notify, void *opaque)
{
    RunNotifier *item = g_new(RunNotifier, 1), **list = &on_run_state;

    *item = (RunNotifier){ .notify = notify, .opaque = opaque };
    while (*list) {
        list = &(*list)->next;
    }
    *list = item;
}

void machine_off_run_state(RunStateNotify notify, void *opaque)
{
    for (RunNotifier **list = &on_run_state; *list;) {
        RunNotifier *item = *list;
        if (item->notify == notify && item->opaque == opaque) {
            *list = item->next;
            g_free(item);
        } else {
            list = &item->next;
        }
    }
}

void machine_set_event_sink(EventSink sink)
{
    event_sink = sink;
}

void machine_event(const char *name, GVariant *data)
{
    g_autoptr(GVariant) held = data ? g_variant_ref_sink(data) : NULL;

    if (event_sink) {
        event_sink(name, held);
    }
}

void machine_wake_main_loop(void)
{
    g_main_context_wakeup(NULL);
}

/* ---- run state ---- */

static RunState run_state = RUN_STATE_PRELAUNCH;

static const char *const run_state_names[RUN_STATES] = {
    [RUN_STATE_PRELAUNCH] = "prelaunch", [RUN_STATE_RUNNING] = "running",
    [RUN_STATE_PAUSED] = "paused", [RUN_STATE_DEBUG] = "debug",
    [RUN_STATE_SHUTDOWN] = "shutdown", [RUN_STATE_SUSPENDED] = "suspended",
    [RUN_STATE_WATCHDOG] = "watchdog", [RUN_STATE_GUEST_PANICKED] = "guest-panicked",
    [RUN_STATE_INTERNAL_ERROR] = "internal-error", [RUN_STATE_IO_ERROR] = "io-error",
    [RUN_STATE_INMIGRATE] = "inmigrate", [RUN_STATE_POSTMIGRATE] = "postmigrate",
    [RUN_STATE_FINISH_MIGRATE] = "finish-migrate", [RUN_STATE_SAVE_VM] = "save-vm",
    [RUN_STATE_RESTORE_VM] = "restore-vm", [RUN_STATE_COLO] = "colo",
};

RunState machine_run_state(void)
{
    return run_state;
}

const char *run_state_name(RunState state)
{
    return run_state_names[state];
}

bool machine_is_running(void)
{
    return run_state == RUN_STATE_RUNNING || run_state == RUN_STATE_SUSPENDED;
}

static void tell_run_state(bool running)
{
    for (RunNotifier *item = on_run_state, *next; item; item = next) {
        next = item->next;
        item->notify(item->opaque, running, run_state);
    }
}

void machine_start(void)
{
    if (machine_is_running()) {
        return;
    }
    run_state = RUN_STATE_RUNNING;
    time_virtual_run(true);
    tell_run_state(true);
    machine_event("RESUME", NULL);
}

void machine_stop(RunState state)
{
    bool was_running = machine_is_running();

    run_state = state;
    if (was_running) {
        tell_run_state(false);
        time_virtual_run(false);
        /* Of the end of the machine SHUTDOWN tells, unless it can go on. */
        if (state != RUN_STATE_SHUTDOWN || actions.pause_on_shutdown) {
            machine_event("STOP", NULL);
        }
    }
}

/* ---- requests ---- */

static _Atomic int wanted_reset, wanted_shutdown;     /* a ShutdownCause */
static _Atomic int wanted_stop = -1;                  /* a RunState */
static _Atomic int wanted_exit = -1;
static _Atomic bool wanted_powerdown, wanted_wakeup, wanted_suspend;

static const char *const cause_names[SHUTDOWN_CAUSES] = {
    "none", "host-error", "host-qmp-quit", "host-qmp-system-reset", "host-signal", "host-ui",
    "guest-shutdown", "guest-reset", "guest-panic", "subsystem-reset", "snapshot-load",
};

static bool cause_is_guest(ShutdownCause cause)
{
    return cause == SHUTDOWN_GUEST_SHUTDOWN || cause == SHUTDOWN_GUEST_RESET ||
           cause == SHUTDOWN_GUEST_PANIC;
}

static void (*request_hook)(void);

void machine_set_request_hook(void (*hook)(void))
{
    request_hook = hook;
}

static void post(_Atomic int *wanted, int value)
{
    atomic_store(wanted, value);
    if (request_hook) {
        request_hook();
    }
    machine_wake_main_loop();
}

void machine_request_reset(ShutdownCause cause)
{
    if (actions.shutdown_on_reset && cause != SHUTDOWN_SUBSYSTEM_RESET) {
        machine_request_shutdown(cause);
    } else {
        post(&wanted_reset, cause);
    }
}

void machine_request_shutdown(ShutdownCause cause)
{
    post(&wanted_shutdown, cause);
}

void machine_request_powerdown(void)
{
    atomic_store(&wanted_powerdown, true);
    machine_wake_main_loop();
}

void machine_request_wakeup(void)
{
    atomic_store(&wanted_wakeup, true);
    machine_wake_main_loop();
}

void machine_request_suspend(void)
{
    atomic_store(&wanted_suspend, true);
    machine_wake_main_loop();
}

void machine_request_stop(RunState state)
{
    post(&wanted_stop, state);
}

void machine_request_debug(void)
{
    machine_request_stop(RUN_STATE_DEBUG);
}

void machine_request_exit(int status)
{
    post(&wanted_exit, status);
}

static GVariant *cause_data(ShutdownCause cause)
{
    GVariantBuilder data;

    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&data, "{sv}", "guest", g_variant_new_boolean(cause_is_guest(cause)));
    g_variant_builder_add(&data, "{sv}", "reason", g_variant_new_string(cause_names[cause]));
    return g_variant_builder_end(&data);
}

static void panic_event(const char *action, GVariant *info)
{
    GVariantBuilder data;

    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&data, "{sv}", "action", g_variant_new_string(action));
    if (info) {
        g_variant_builder_add(&data, "{sv}", "info", info);
    }
    machine_event("GUEST_PANICKED", g_variant_builder_end(&data));
}

void machine_guest_panicked(GVariant *info)
{
    g_autoptr(GVariant) held = info ? g_variant_ref_sink(info) : NULL;

    switch (actions.panic) {
    case PANIC_PAUSE:
        panic_event("pause", held);
        machine_request_stop(RUN_STATE_GUEST_PANICKED);
        break;
    case PANIC_NONE:
        panic_event("run", held);
        break;
    default:
        panic_event("pause", held);
        machine_request_stop(RUN_STATE_GUEST_PANICKED);
        panic_event("poweroff", held);
        if (actions.panic == PANIC_EXIT_FAILURE) {
            machine_request_exit(1);
        }
        machine_request_shutdown(SHUTDOWN_GUEST_PANIC);
        break;
    }
}

static void watchdog_event(const char *action)
{
    GVariantBuilder data;

    g_variant_builder_init(&data, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_add(&data, "{sv}", "action", g_variant_new_string(action));
    machine_event("WATCHDOG", g_variant_builder_end(&data));
}

void machine_watchdog_expired(void)
{
    switch (actions.watchdog) {
    case WATCHDOG_RESET:
        watchdog_event("reset");
        machine_request_reset(SHUTDOWN_GUEST_RESET);
        break;
    case WATCHDOG_SHUTDOWN:
        watchdog_event("shutdown");
        machine_request_powerdown();
        break;
    case WATCHDOG_POWEROFF:
        watchdog_event("poweroff");
        machine_request_shutdown(SHUTDOWN_GUEST_SHUTDOWN);
        break;
    case WATCHDOG_PAUSE:
        watchdog_event("pause");
        machine_request_stop(RUN_STATE_WATCHDOG);
        break;
    case WATCHDOG_DEBUG:
        watchdog_event("debug");
        log_write(LOG_GUEST_ERRORS, "watchdog: timer fired");
        break;
    case WATCHDOG_NONE:
        watchdog_event("none");
        break;
    case WATCHDOG_INJECT_NMI:
        watchdog_event("inject-nmi");
        machine_inject_nmi();
        break;
    }
}

/* ---- non-maskable interrupt ---- */

static void (*nmi_hook)(void);

void machine_set_nmi_hook(void (*hook)(void))
{
    nmi_hook = hook;
}

bool machine_inject_nmi(void)
{
    if (nmi_hook) {
        nmi_hook();
    }
    return nmi_hook != NULL;
}

/* ---- carrying requests out ---- */

void machine_reset(ShutdownCause cause)
{
    cpus_log_reset();
    devices_reset(OBJECT(the_machine));
    notify_all(on_reset);
    if (cause != SHUTDOWN_NONE && cause != SHUTDOWN_SUBSYSTEM_RESET) {
        machine_event("RESET", cause_data(cause));
    }
}

/* CPUs stand still while the machine under them is reset. */
static void reset_now(ShutdownCause cause)
{
    bool was_running = machine_is_running();

    if (was_running) {
        tell_run_state(false);
    }
    machine_reset(cause);
    if (run_state == RUN_STATE_SHUTDOWN || run_state == RUN_STATE_GUEST_PANICKED ||
        run_state == RUN_STATE_INTERNAL_ERROR) {
        run_state = RUN_STATE_PAUSED;
    }
    if (was_running) {
        run_state = RUN_STATE_RUNNING;
        tell_run_state(true);
    }
}

static bool shutdown_now(ShutdownCause cause)
{
    machine_event("SHUTDOWN", cause_data(cause));
    if (actions.pause_on_shutdown && cause != SHUTDOWN_HOST_QMP_QUIT &&
        cause != SHUTDOWN_HOST_SIGNAL && cause != SHUTDOWN_HOST_UI) {
        machine_stop(RUN_STATE_SHUTDOWN);
        return false;
    }
    machine_stop(RUN_STATE_SHUTDOWN);
    return true;
}

static void suspend_now(void)
{
    tell_run_state(false);
    run_state = RUN_STATE_SUSPENDED;
    machine_event("SUSPEND", NULL);
}

static void wake_up_now(void)
{
    if (run_state == RUN_STATE_SUSPENDED) {
        run_state = RUN_STATE_RUNNING;
        machine_reset(SHUTDOWN_NONE);
        notify_all(on_wakeup);
        machine_event("WAKEUP", NULL);
        tell_run_state(true);
    }
}

bool machine_handle_requests(int *exit_status)
{
    int status = atomic_exchange(&wanted_exit, -1);
    int value;

    if ((value = atomic_exchange(&wanted_stop, -1)) >= 0) {
        machine_stop(value);
    }
    if (status >= 0) {
        *exit_status = status;
        if (!atomic_load(&wanted_shutdown)) {
            machine_stop(RUN_STATE_SHUTDOWN);
            return true;
        }
    }
    if (atomic_exchange(&wanted_suspend, false) && run_state == RUN_STATE_RUNNING) {
        suspend_now();
    }
    if ((value = atomic_exchange(&wanted_shutdown, SHUTDOWN_NONE)) && shutdown_now(value)) {
        return true;
    }
    if ((value = atomic_exchange(&wanted_reset, SHUTDOWN_NONE))) {
        reset_now(value);
    }
    if (atomic_exchange(&wanted_wakeup, false)) {
        wake_up_now();
    }
    if (atomic_exchange(&wanted_powerdown, false)) {
        machine_event("POWERDOWN", NULL);
        notify_all(on_powerdown);
    }
    return false;
}

/* ---- bring-up ---- */

bool machine_bring_up(bool only_check, GError **error)
{
    Object *root = OBJECT(the_machine);

    the_machine->phase = MACHINE_CONFIGURED;
    if (!devices_wire(root, error)) {
        return false;
    }
    the_machine->phase = MACHINE_WIRED;
    if (!devices_validate(root, error)) {
        return false;
    }
    the_machine->phase = MACHINE_VALIDATED;
    if (only_check) {
        return true;
    }
    if (!devices_realize(root, error)) {
        return false;
    }
    the_machine->phase = MACHINE_REALIZED;
    notify_all(on_ready);
    machine_reset(SHUTDOWN_NONE);
    the_machine->phase = MACHINE_READY;
    return true;
}
