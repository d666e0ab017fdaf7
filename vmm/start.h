/* SPDX-License-Identifier: MIT */
/* From the command line to a machine that is ready, and down again. */
#ifndef VMM_START_H
#define VMM_START_H

#include <glib.h>
#include <stdbool.h>

/* What asks only for a text ("-device help"): prints it; true when there was such. */
bool start_help(bool *ok, GError **error);

/* Builds everything and starts the machine unless -S is given. */
bool vmm_start(GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Accepts any state that vmm_start() left. */
void vmm_stop(void);

/* start-log.c: -d, -dfilter, -trace, -D */
bool start_logging(GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* start-backends.c: character backends, monitors, the servers of qtest and GDB */
bool start_chardevs(GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool start_monitors(GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool start_qtest(GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool start_gdb(GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The id of the chardev of a port ("serial", 0), or NULL. */
const char *port_backend(const char *kind, unsigned index, void *opaque);

/* No display is modelled: without one, the terminal is the console unless said otherwise. */
bool terminal_is_console(void);

/* start-machine.c: the board, its CPUs and memory, the accelerator */
bool start_machine(GError **error) G_GNUC_WARN_UNUSED_RESULT;
void stop_machine(void);
char *machines_help(void);

/* start-firmware.c: -smbios, -fw_cfg, -option-rom; when the board is made */
bool start_firmware(GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* start-kernel.c: -kernel and what belongs to it; before the machine is brought up */
bool start_kernel(GError **error) G_GNUC_WARN_UNUSED_RESULT;
void stop_kernel(void);

/* "x86_64", from the name that the program is called by. */
const char *target_arch(void);
void target_set(const char *program);
/* The machine of that target when -machine names none. */
const char *default_board(void);

/* describe.c: tells the monitors what the command line knows. */
void start_describe(void);

#endif
