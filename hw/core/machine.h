/* SPDX-License-Identifier: MIT */
/*
 * The machine as a whole: its life, its run state, and what a guest, a user or
 * a device asks of it. Requests may come from any thread and are carried out by
 * the main loop.
 */
#ifndef HW_CORE_MACHINE_H
#define HW_CORE_MACHINE_H

#include "hw/core/bus.h"
#include "hw/core/device.h"

typedef enum MachinePhase {
    MACHINE_NONE,
    MACHINE_CREATED,     /* the tree stands */
    MACHINE_CONFIGURED,  /* properties are set */
    MACHINE_WIRED,
    MACHINE_VALIDATED,
    MACHINE_REALIZED,
    MACHINE_READY,       /* firmware tables are built, it was reset once */
} MachinePhase;

typedef enum RunState {
    RUN_STATE_PRELAUNCH, RUN_STATE_RUNNING, RUN_STATE_PAUSED, RUN_STATE_DEBUG,
    RUN_STATE_SHUTDOWN, RUN_STATE_SUSPENDED, RUN_STATE_WATCHDOG, RUN_STATE_GUEST_PANICKED,
    RUN_STATE_INTERNAL_ERROR, RUN_STATE_IO_ERROR, RUN_STATE_INMIGRATE, RUN_STATE_POSTMIGRATE,
    RUN_STATE_FINISH_MIGRATE, RUN_STATE_SAVE_VM, RUN_STATE_RESTORE_VM, RUN_STATE_COLO,
    RUN_STATES,
} RunState;

/* QMP's ShutdownCause. */
typedef enum ShutdownCause {
    SHUTDOWN_NONE, SHUTDOWN_HOST_ERROR, SHUTDOWN_HOST_QMP_QUIT, SHUTDOWN_HOST_QMP_SYSTEM_RESET,
    SHUTDOWN_HOST_SIGNAL, SHUTDOWN_HOST_UI, SHUTDOWN_GUEST_SHUTDOWN, SHUTDOWN_GUEST_RESET,
    SHUTDOWN_GUEST_PANIC, SHUTDOWN_SUBSYSTEM_RESET, SHUTDOWN_SNAPSHOT_LOAD,
    SHUTDOWN_CAUSES,
} ShutdownCause;

typedef struct Machine {
    Object object;
    MachinePhase phase;
    char *board;                 /* "pc" or the file it came from */
    char *title;
    uint64_t ram_size;           /* bytes */
    unsigned cpus, max_cpus, sockets, dies, cores, threads;
    char *cpu_model;             /* as -cpu gives it; NULL: the board's default */
    char *kernel, *initrd, *append, *dtb, *firmware;
    char *boot_order;            /* "cad" */
    bool boot_menu, boot_strict;
    char *memory_backend;        /* id of the object that is the RAM; NULL: one is made */
    bool dump_guest_core, mem_merge;
    bool usb, graphics, acpi;
    GPtrArray *firmware_dirs;    /* -L, in order, then the built-in ones; of char * */
    char *name;                  /* -name */
    uint8_t uuid[16];
    bool uuid_set;
    uint64_t reserved_base;      /* physical addresses that the accelerator keeps for itself, */
    uint64_t reserved_size;      /* set before devices are wired; 0: none */
    GVariant *options;           /* all of -machine, "a{sv}" of strings */
} Machine;

extern const ObjectType machine_base_type;   /* "machine" */

/* /machine; NULL before it is created. */
Machine *machine_get(void);
/* Its devices, in the order of the object tree; the caller frees the array. */
GPtrArray *machine_devices(void);
Machine *machine_new(const ObjectType *type, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Tears all down: devices in reverse order, address spaces, RAM. Accepts any phase. */
void machine_delete(void);

/* Wire, validate and realize the whole tree; -machine-check stops before realize. */
bool machine_bring_up(bool only_check, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The CPUs' spaces. */
AddressSpace *machine_memory(void);
AddressSpace *machine_io(void);

/* ---- run state ---- */

RunState machine_run_state(void);
const char *run_state_name(RunState state);
bool machine_is_running(void);
/* Starts or stops CPUs, virtual time and backends; STOP and RESUME are announced. */
void machine_start(void);
void machine_stop(RunState state);

typedef void (*RunStateNotify)(void *opaque, bool running, RunState state);
void machine_on_run_state(RunStateNotify notify, void *opaque);
void machine_off_run_state(RunStateNotify notify, void *opaque);

/* ---- requests; any thread ---- */

void machine_request_reset(ShutdownCause cause);
void machine_request_shutdown(ShutdownCause cause);
void machine_request_powerdown(void);
void machine_request_stop(RunState state);
void machine_request_debug(void);
void machine_request_wakeup(void);
void machine_request_suspend(void);
/* isa-debug-exit and the like: exit with this status. */
void machine_request_exit(int status);
/* From the accelerator: something to say on the console first, then stops. */
void machine_guest_panicked(GVariant *info);
/* The -watchdog-action. */
void machine_watchdog_expired(void);

/* The button: false when nothing on the machine takes it. The accelerator sets the hook. */
bool machine_inject_nmi(void);
void machine_set_nmi_hook(void (*hook)(void));

/*
 * Called in the thread of a request to reset, shut down, stop or exit: the
 * accelerator keeps the CPU that made it from going on until it is carried out.
 */
void machine_set_request_hook(void (*hook)(void));

/* Called by the main loop under the machine lock. Returns true when it has to end. */
bool machine_handle_requests(int *exit_status);

/* -no-reboot, -no-shutdown, -action; "set-action". */
typedef struct MachineActions {
    bool shutdown_on_reset;      /* reboot=shutdown */
    bool pause_on_shutdown;      /* shutdown=pause */
    enum { PANIC_PAUSE, PANIC_SHUTDOWN, PANIC_EXIT_FAILURE, PANIC_NONE } panic;
    enum { WATCHDOG_RESET, WATCHDOG_SHUTDOWN, WATCHDOG_POWEROFF, WATCHDOG_PAUSE,
           WATCHDOG_DEBUG, WATCHDOG_NONE, WATCHDOG_INJECT_NMI } watchdog;
} MachineActions;
MachineActions *machine_actions(void);

/* Whole-machine reset, now; under the lock with the CPUs stopped. */
void machine_reset(ShutdownCause cause);
/* Runs in the reset of the machine after devices and before CPUs go (firmware tables). */
typedef void (*MachineNotify)(void *opaque);
void machine_on_reset(MachineNotify notify, void *opaque);
/* Once, when everything is realized. */
void machine_on_ready(MachineNotify notify, void *opaque);
void machine_on_powerdown(MachineNotify notify, void *opaque);
void machine_on_wakeup(MachineNotify notify, void *opaque);
/* Something on the machine takes part in waking up from suspend. */
bool machine_can_wake_up(void);
void machine_off(MachineNotify notify, void *opaque);

/* ---- events for monitors ---- */

typedef void (*EventSink)(const char *name, GVariant *data);
void machine_set_event_sink(EventSink sink);
/* `data` is an "a{sv}" (floating is fine) or NULL. */
void machine_event(const char *name, GVariant *data);

/* Wakes the main loop from any thread. */
void machine_wake_main_loop(void);

#endif
