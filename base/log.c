/* SPDX-License-Identifier: MIT */
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

typedef struct LogItemName {
    const char *name;
    LogItem item;
    const char *description;
} LogItemName;

static const LogItemName item_names[] = {
    { "guest_errors", LOG_GUEST_ERRORS, "the guest broke a rule of the hardware" },
    { "unimp", LOG_UNIMPLEMENTED, "the guest used what is not modelled" },
    { "int", LOG_INT, "interrupts and exceptions" },
    { "cpu", LOG_CPU, "CPU state before every translated block as it is entered" },
    { "cpu_reset", LOG_CPU_RESET, "CPU state before a CPU is reset" },
    { "memory", LOG_MEMORY, "changes of the memory map" },
    { "trace", LOG_TRACE, "trace points (-d trace:PATTERN, or -trace PATTERN)" },
    { "in_asm", LOG_IN_ASM, "guest code as it is translated" },
    { "op", LOG_OP, "intermediate form of translated code" },
    { "op_opt", LOG_OP_OPT, "the same after what has no effect was taken out" },
    { "out_asm", LOG_OUT_ASM, "host code as it is generated" },
    { "exec", LOG_EXEC, "every translated block as it is entered" },
    { "page", LOG_PAGE, "pages with translated code, and writes to them" },
    { "mmu", LOG_MMU, "translations of addresses as they are found and forgotten" },
    { "pcall", LOG_PCALL, "far jumps, calls, returns and task switches in protected mode" },
    { "fpu", LOG_FPU, "with cpu: floating-point and vector registers, too" },
    { "nochain", LOG_NOCHAIN, "blocks do not go on to one another, so that exec and cpu show all" },
};

unsigned log_mask;

static GMutex log_lock;
static FILE *log_file;
static GPtrArray *trace_patterns;
static const char *program_name = "vmm";

static gboolean set_one_item(const char *name, GError **error)
{
    if (g_str_equal(name, "none")) {
        log_mask = 0;
        return TRUE;
    }
    if (g_str_equal(name, "all")) {
        for (guint i = 0; i < G_N_ELEMENTS(item_names); i++) {
            log_mask |= item_names[i].item;
        }
        log_trace_enable("*");
        return TRUE;
    }
    if (g_str_has_prefix(name, "trace:")) {
        log_trace_enable(name + strlen("trace:"));
        return TRUE;
    }

    NearestName nearest = nearest_name_init(name);
    for (guint i = 0; i < G_N_ELEMENTS(item_names); i++) {
        if (g_str_equal(name, item_names[i].name)) {
            log_mask |= item_names[i].item;
            return TRUE;
        }
        nearest_name_offer(&nearest, item_names[i].name);
    }
    error_set(error, ERROR_NOT_FOUND, "unknown log item '%s'%s; -d help lists them", name,
              nearest_name_hint(&nearest));
    return FALSE;
}

gboolean log_set_items(const char *items, GError **error)
{
    g_auto(GStrv) names = g_strsplit(items, ",", -1);

    for (char **name = names; *name; name++) {
        if (!set_one_item(*name, error)) {
            return FALSE;
        }
    }
    return TRUE;
}

/* ---- -dfilter ---- */

typedef struct LogRange {
    guint64 first, last;
} LogRange;

static GArray *ranges;    /* NULL: everything is wanted */

static gboolean parse_number(const char *text, guint64 *value)
{
    char *end;

    if (!g_ascii_isdigit(*text)) {
        return FALSE;
    }
    errno = 0;
    *value = g_ascii_strtoull(text, &end, 0);
    return !errno && !*end;
}

static gboolean parse_range(const char *text, LogRange *range, GError **error)
{
    size_t length = strspn(text, "0123456789abcdefABCDEFxX");
    g_autofree char *first = g_strndup(text, length);
    const char *sign = text + length;
    gboolean to = g_str_has_prefix(sign, "..");
    guint64 start, other;

    if ((!to && *sign != '+' && *sign != '-') || !parse_number(first, &start) ||
        !parse_number(sign + (to ? 2 : 1), &other)) {
        error_set(error, ERROR_INVALID, "'%s' is no range of addresses: START..END, START+LENGTH or "
                  "START-LENGTH are", text);
        return FALSE;
    }
    range->first = *sign == '-' ? start - other : start;
    range->last = to ? other : *sign == '+' ? start + other - 1 : start - 1;
    if ((!to && !other) || range->first > range->last) {
        error_set(error, ERROR_INVALID, "'%s' is an empty range of addresses, or passes their end",
                  text);
        return FALSE;
    }
    return TRUE;
}

gboolean log_set_filter(const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text ? text : "", ",", -1);

    if (!text) {
        g_clear_pointer(&ranges, g_array_unref);
        return TRUE;
    }
    if (!*text) {
        error_set(error, ERROR_INVALID, "a range of addresses is expected: START..END, START+LENGTH "
                  "or START-LENGTH");
        return FALSE;
    }
    if (!ranges) {
        ranges = g_array_new(FALSE, FALSE, sizeof(LogRange));
    }
    for (char **part = parts; *part; part++) {
        LogRange range;
        if (!parse_range(*part, &range, error)) {
            return FALSE;
        }
        g_array_append_val(ranges, range);
    }
    return TRUE;
}

gboolean log_address_wanted(guint64 address)
{
    for (guint i = 0; ranges && i < ranges->len; i++) {
        const LogRange *range = &g_array_index(ranges, LogRange, i);
        if (address >= range->first && address <= range->last) {
            return TRUE;
        }
    }
    return !ranges;
}

char *log_items_help(void)
{
    GString *text = g_string_new("Log items (comma separated):\n");

    g_string_append_printf(text, "%-15s %s\n", "none", "no items, those before it neither");
    for (guint i = 0; i < G_N_ELEMENTS(item_names); i++) {
        g_string_append_printf(text, "%-15s %s\n", item_names[i].name,
                               item_names[i].description);
    }
    g_string_append_printf(text, "%-15s %s\n", "trace:PATTERN",
                           "trace points whose name matches a glob");
    return g_string_free(text, FALSE);
}

/* CPUs may be writing to the one before. */
static void set_file(FILE *file)
{
    g_mutex_lock(&log_lock);
    if (log_file) {
        fclose(log_file);
    }
    log_file = file;
    g_mutex_unlock(&log_lock);
}

gboolean log_open(const char *path, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(path, "%d", 3);
    g_autofree char *name = parts[0] && parts[1]
        ? g_strdup_printf("%s%d%s", parts[0], (int)getpid(), parts[1])
        : g_strdup(path);
    FILE *file;

    if (g_strv_length(parts) > 2) {
        error_set(error, ERROR_INVALID, "log file '%s': %%d, which becomes the process's number, may "
                  "stand there once", path);
        return FALSE;
    }
    file = fopen(name, "we");
    if (!file) {
        error_set_errno(error, errno, "cannot open log file '%s'", name);
        return FALSE;
    }
    setvbuf(file, NULL, _IOLBF, 0);
    set_file(file);
    return TRUE;
}

void log_close(void)
{
    set_file(NULL);
}

static void G_GNUC_PRINTF(2, 0) log_vwrite(const char *prefix, const char *format, va_list args)
{
    FILE *out;

    g_mutex_lock(&log_lock);
    out = log_file ? log_file : stderr;
    fputs(prefix, out);
    vfprintf(out, format, args);
    fputc('\n', out);
    g_mutex_unlock(&log_lock);
}

void log_write(LogItem item, const char *format, ...)
{
    if (log_enabled(item)) {
        va_list args;
        va_start(args, format);
        log_vwrite("", format, args);
        va_end(args);
    }
}

void log_guest_error(const char *format, ...)
{
    if (log_enabled(LOG_GUEST_ERRORS)) {
        va_list args;
        va_start(args, format);
        log_vwrite("guest error: ", format, args);
        va_end(args);
    }
}

void log_unimplemented(const char *format, ...)
{
    if (log_enabled(LOG_UNIMPLEMENTED)) {
        va_list args;
        va_start(args, format);
        log_vwrite("not modelled: ", format, args);
        va_end(args);
    }
}

void log_trace_enable(const char *pattern)
{
    g_mutex_lock(&log_lock);
    if (!trace_patterns) {
        trace_patterns = g_ptr_array_new_with_free_func(g_free);
        /* Without patterns all were wanted. */
        if (log_mask & LOG_TRACE) {
            g_ptr_array_add(trace_patterns, g_strdup("*"));
        }
    }
    /* Said again it moves to the end, so the list does not grow with use. */
    for (guint i = trace_patterns->len; i-- > 0;) {
        const char *old = trace_patterns->pdata[i];
        if (g_str_equal(old + (*old == '-'), pattern + (*pattern == '-'))) {
            g_ptr_array_remove_index(trace_patterns, i);
        }
    }
    g_ptr_array_add(trace_patterns, g_strdup(pattern));
    if (*pattern != '-') {
        log_mask |= LOG_TRACE;
    }
    g_mutex_unlock(&log_lock);
}

gboolean log_trace_wanted_slow(const char *name)
{
    gboolean wanted = FALSE;

    g_mutex_lock(&log_lock);
    if (!trace_patterns) {
        wanted = TRUE;
    }
    for (guint i = trace_patterns ? trace_patterns->len : 0; i-- > 0;) {
        const char *pattern = trace_patterns->pdata[i];
        gboolean on = *pattern != '-';
        if (g_pattern_match_simple(on ? pattern : pattern + 1, name)) {
            wanted = on;
            break;
        }
    }
    g_mutex_unlock(&log_lock);
    return wanted;
}

void log_trace(const char *name, const char *format, ...)
{
    if (log_trace_wanted(name)) {
        g_autofree char *prefix = g_strdup_printf("%s ", name);
        va_list args;
        va_start(args, format);
        log_vwrite(prefix, format, args);
        va_end(args);
    }
}

void report_set_program(const char *name)
{
    program_name = name;
}

const char *report_program(void)
{
    return program_name;
}

static void G_GNUC_PRINTF(2, 0) report(const char *kind, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);

    g_mutex_lock(&log_lock);
    fprintf(stderr, "%s: %s%s\n", program_name, kind, text);
    g_mutex_unlock(&log_lock);
}

void report_error(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("", format, args);
    va_end(args);
}

void report_warning(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("warning: ", format, args);
    va_end(args);
}

void report_info(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report("info: ", format, args);
    va_end(args);
}
