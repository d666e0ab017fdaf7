/* SPDX-License-Identifier: MIT */
/*
 * The log (`-d ITEM,… -D FILE`) and messages to the user.
 *
 * What a guest does wrong goes to the log and only there; what the user must
 * know goes to standard error through report_*(). All functions may be called
 * from any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <glib.h>
#include <inttypes.h>

typedef enum LogItem {
    LOG_GUEST_ERRORS  = 1 << 0,  /* the guest broke a rule of the hardware */
    LOG_UNIMPLEMENTED = 1 << 1,  /* the guest used what is not modelled */
    LOG_INT           = 1 << 2,  /* interrupts and exceptions taken */
    LOG_CPU           = 1 << 3,  /* CPU state before each block that is entered */
    LOG_CPU_RESET     = 1 << 4,
    LOG_MEMORY        = 1 << 5,  /* map changes */
    LOG_TRACE         = 1 << 6,  /* trace points, see log_trace_enable() */
    LOG_IN_ASM        = 1 << 7,
    LOG_OP            = 1 << 8,
    LOG_OUT_ASM       = 1 << 9,
    LOG_EXEC          = 1 << 10,
    LOG_PAGE          = 1 << 11,
    LOG_NOCHAIN       = 1 << 12, /* the software CPU comes back to its loop after every block */
    LOG_OP_OPT        = 1 << 13,
    LOG_MMU           = 1 << 14, /* translations found and forgotten */
    LOG_PCALL         = 1 << 15, /* far transfers in protected mode */
    LOG_FPU           = 1 << 16, /* LOG_CPU shows floating-point and vector registers, too */
} LogItem;

extern unsigned log_mask;

/* One of them, at least. */
static inline gboolean log_enabled(unsigned items)
{
    return (log_mask & items) != 0;
}

/* Sets the mask from a comma-separated list ("guest_errors,unimp", "all"). */
gboolean log_set_items(const char *items, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * Limits what is logged of guest code to addresses in these ranges (-dfilter): "START..END" with
 * its end, "START+LENGTH" from START on, "START-LENGTH" below START; separated by commas. Added to
 * those there are; NULL: no limit any more. Only while no other thread logs.
 */
gboolean log_set_filter(const char *ranges, GError **error) G_GNUC_WARN_UNUSED_RESULT;
gboolean log_address_wanted(guint64 address);

/* The text that `-d help` prints; the caller frees it. */
char *log_items_help(void);

/* Sends the log to a file instead of standard error. "%d" becomes the pid. */
gboolean log_open(const char *path, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void log_close(void);

void log_write(LogItem item, const char *format, ...) G_GNUC_PRINTF(2, 3);
void log_guest_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void log_unimplemented(const char *format, ...) G_GNUC_PRINTF(1, 2);

/*
 * Trace points are named after tables (`isa-serial.IER`, `kvm_device_attr`).
 * A pattern is a glob; one that begins with '-' turns off what the rest of it
 * matches. Of several that match a name the last one counts. trace_wanted() is
 * cheap while no pattern is set.
 */
void log_trace_enable(const char *pattern);
gboolean log_trace_wanted_slow(const char *name);
void log_trace(const char *name, const char *format, ...) G_GNUC_PRINTF(2, 3);

static inline gboolean log_trace_wanted(const char *name)
{
    return G_UNLIKELY(log_enabled(LOG_TRACE)) && log_trace_wanted_slow(name);
}

/* "vmm-system-x86_64: …" on standard error. */
void report_set_program(const char *name);
const char *report_program(void);
void report_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void report_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
void report_info(const char *format, ...) G_GNUC_PRINTF(1, 2);

#endif
