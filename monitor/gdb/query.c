/* SPDX-License-Identifier: MIT */
/* The packets with names: q, Q, v. */
#include <string.h>

#include "hw/core/machine.h"
#include "monitor/gdb/private.h"
#include "monitor/hmp.h"

/* Text in O packets is sent in pieces of so many bytes. */
#define CONSOLE_PIECE (GDB_PACKET_MAX / 2 - 1)

/* ---- what is understood ---- */

static void supported(char *text)
{
    g_auto(GStrv) words = g_strsplit(*text == ':' ? text + 1 : text, ";", 0);

    gdb.multiprocess = g_strv_contains((const char *const *)words, "multiprocess+");
    gdb.swbreak = g_strv_contains((const char *const *)words, "swbreak+");
    gdb.hwbreak = g_strv_contains((const char *const *)words, "hwbreak+");
    g_string_printf(gdb.out, "PacketSize=%x;qXfer:features:read+;vContSupported+;"
                    "QStartNoAckMode+;multiprocess+;swbreak+;hwbreak+", GDB_PACKET_MAX);
}

static void no_ack_mode(char *text)
{
    gdb.no_ack = true;
    gdb_ok();
}

static void attached(char *text)
{
    g_string_assign(gdb.out, "1");
}

static void ok(char *text)
{
    gdb_ok();
}

/* ---- the target description ---- */

/* "ANNEX:OFFSET,LENGTH" */
static void read_features(char *text)
{
    Cpu *cpu = gdb_cpu();
    char *colon = strchr(text, ':');
    const char *at = colon ? colon + 1 : "";
    uint64_t offset, length;
    size_t size;

    if (!colon || !gdb_range(&at, &offset, &length) || *at || !cpu || !cpu->ops->registers) {
        gdb_error(0);
        return;
    }
    *colon = '\0';
    if (!g_str_equal(text, "target.xml")) {
        gdb_error(0);
        return;
    }
    if (!gdb.description) {
        gdb.description = cpu->ops->registers->describe(cpu);
    }
    size = strlen(gdb.description);
    if (offset > size) {
        gdb_error(0);
        return;
    }
    length = MIN(length, GDB_PACKET_MAX / 2);
    g_string_append_c(gdb.out, size - offset > length ? 'm' : 'l');
    g_string_append_len(gdb.out, gdb.description + offset, MIN(length, size - offset));
}

/* ---- threads ---- */

static void put_threads(void)
{
    unsigned put = 0;

    while (gdb.next_thread < cpu_count() && put < 256) {
        if (cpu_get(gdb.next_thread)) {
            g_string_append_c(gdb.out, put++ ? ',' : 'm');
            gdb_put_thread(gdb.next_thread);
        }
        gdb.next_thread++;
    }
    if (!put) {
        g_string_assign(gdb.out, "l");
    }
}

static void first_threads(char *text)
{
    gdb.next_thread = 0;
    put_threads();
}

static void more_threads(char *text)
{
    put_threads();
}

static void thread_info(char *text)
{
    g_autofree char *info = NULL;
    const char *at = text;
    int index;

    if (!gdb_thread(&at, &index) || *at || index < 0) {
        gdb_error(GDB_EINVAL);
        return;
    }
    info = g_strdup_printf("CPU#%d [%s]", index, cpu_get(index)->halted ? "halted" : "running");
    gdb_put_hex(info, strlen(info));
}

static void current_thread(char *text)
{
    g_string_assign(gdb.out, "QC");
    gdb_put_thread(gdb.cpu_g);
}

/* ---- the monitor ---- */

static char *decode_line(const char *hex)
{
    size_t length = strlen(hex);
    char *line = g_malloc(length / 2 + 1);

    for (size_t i = 0; i < length; i += 2) {
        if (!g_ascii_isxdigit(hex[i]) || !g_ascii_isxdigit(hex[i + 1])) {
            g_free(line);
            return NULL;
        }
        line[i / 2] = g_ascii_xdigit_value(hex[i]) << 4 | g_ascii_xdigit_value(hex[i + 1]);
    }
    line[length / 2] = '\0';
    return line;
}

static void put_console(const char *text, size_t length)
{
    for (size_t at = 0; at < length; at += CONSOLE_PIECE) {
        g_string_assign(gdb.out, "O");
        gdb_put_hex(text + at, MIN(CONSOLE_PIECE, length - at));
        gdb_send();
    }
}

static void run_monitor(char *text)
{
    g_autofree char *line = decode_line(text);
    g_autoptr(GVariant) shown = NULL;
    g_autoptr(GError) error = NULL;

    if (!line || !g_utf8_validate(line, -1, NULL)) {
        gdb_error(GDB_EINVAL);
        return;
    }
    shown = hmp_run_for_qmp(line, gdb.cpu_g, &error);
    if (shown) {
        g_variant_ref_sink(shown);
        put_console(g_variant_get_string(shown, NULL), strlen(g_variant_get_string(shown, NULL)));
    } else if (error) {
        g_autofree char *message = g_strdup_printf("%s\r\n", error->message);
        put_console(message, strlen(message));
    }
    gdb_ok();
}

/* ---- how steps and memory are meant ---- */

static void step_bits(char *text)
{
    g_string_printf(gdb.out, "ENABLE=1,NOIRQ=%x,NOTIMER=%x", GDB_STEP_NO_IRQ, GDB_STEP_NO_TIMER);
}

static void step_flags(char *text)
{
    g_string_printf(gdb.out, "0x%x", gdb.step_flags | 1);
}

static void set_step_flags(char *text)
{
    const char *at = text;
    uint64_t value;

    if (!gdb_hex(&at, &value) || *at ||
        value & ~(uint64_t)(1 | GDB_STEP_NO_IRQ | GDB_STEP_NO_TIMER)) {
        gdb_error(GDB_EINVAL);
        return;
    }
    gdb.step_flags = value;
    gdb_ok();
}

static void physical_mode(char *text)
{
    g_string_assign(gdb.out, gdb.physical ? "1" : "0");
}

static void set_physical_mode(char *text)
{
    if (!g_str_equal(text, "0") && !g_str_equal(text, "1")) {
        gdb_error(GDB_EINVAL);
        return;
    }
    gdb.physical = *text == '1';
    gdb_ok();
}

/* ---- v ---- */

static void vcont_query(char *text)
{
    g_string_assign(gdb.out, "vCont;c;C;s;S");
}

static bool take_action(const char **at, char *actions)
{
    char action = g_ascii_tolower(**at);
    bool with_signal = **at == 'C' || **at == 'S';
    int cpu = GDB_ALL_THREADS;
    uint64_t number;

    if (action != 'c' && action != 's') {
        return false;
    }
    (*at)++;
    if (with_signal && !gdb_hex(at, &number)) {
        return false;
    }
    if (**at == ':') {
        (*at)++;
        if (!gdb_thread(at, &cpu)) {
            return false;
        }
    }
    cpu = cpu == GDB_ANY_THREAD ? gdb.cpu_c : cpu;
    for (unsigned i = 0; i < cpu_count(); i++) {
        if ((cpu == GDB_ALL_THREADS || cpu == (int)i) && !actions[i]) {
            actions[i] = action;
        }
    }
    return true;
}

/* ";ACTION[:THREAD]…": the first that fits a CPU counts, one that none fits stays. */
static void vcont(char *text)
{
    g_autofree char *actions = g_malloc0(cpu_count() + 1);
    const char *at = text;

    while (*at == ';') {
        at++;
        if (!take_action(&at, actions)) {
            gdb_error(GDB_EINVAL);
            return;
        }
    }
    if (*at || at == text) {
        gdb_error(GDB_EINVAL);
        return;
    }
    gdb_resume(actions);
}

static void vattach(char *text)
{
    gdb_stop_reason();
}

static void vkill(char *text)
{
    gdb_ok();
    machine_request_shutdown(SHUTDOWN_HOST_QMP_QUIT);
}

/* ---- the table ---- */

static const struct {
    const char *name;      /* all of the packet's beginning; what follows is passed on */
    void (*run)(char *text);
    bool whole;            /* nothing may follow */
} queries[] = {
    { "qSupported", supported },
    { "QStartNoAckMode", no_ack_mode, true },
    { "qXfer:features:read:", read_features },
    { "qfThreadInfo", first_threads, true },
    { "qsThreadInfo", more_threads, true },
    { "qThreadExtraInfo,", thread_info },
    { "qC", current_thread, true },
    { "qAttached", attached },
    { "qSymbol:", ok },
    { "qRcmd,", run_monitor },
    { "qqemu.sstepbits", step_bits, true },
    { "qqemu.sstep", step_flags, true },
    { "Qqemu.sstep=", set_step_flags },
    { "qqemu.PhyMemMode", physical_mode, true },
    { "Qqemu.PhyMemMode:", set_physical_mode },
    { "vCont?", vcont_query, true },
    { "vCont", vcont },
    { "vAttach;", vattach },
    { "vKill;", vkill },
};

bool gdb_query(char *text)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(queries); i++) {
        size_t length = strlen(queries[i].name);
        if (strncmp(text, queries[i].name, length) == 0 &&
            !(queries[i].whole && text[length])) {
            queries[i].run(text + length);
            return true;
        }
    }
    return *text == 'q' || *text == 'Q' || *text == 'v';
}
