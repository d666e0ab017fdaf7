/* SPDX-License-Identifier: MIT */
/* The packets of one letter: registers, memory, points, going on. */
#include <string.h>

#include "hw/core/machine.h"
#include "monitor/cpu-access.h"
#include "monitor/gdb/private.h"

/* ---- parsing and answering ---- */

bool gdb_hex(const char **at, uint64_t *value)
{
    unsigned digits = 0;

    *value = 0;
    for (; g_ascii_isxdigit(**at); (*at)++, digits++) {
        if (digits == 16) {
            return false;
        }
        *value = *value << 4 | g_ascii_xdigit_value(**at);
    }
    return digits > 0;
}

bool gdb_range(const char **at, uint64_t *address, uint64_t *length)
{
    return gdb_hex(at, address) && *(*at)++ == ',' && gdb_hex(at, length);
}

/* All digits, as gdb_hex() takes them; "-1" is all. */
static bool number_or_all(const char **at, uint64_t *value, bool *all)
{
    *all = g_str_has_prefix(*at, "-1");
    *at += *all ? 2 : 0;
    return *all || gdb_hex(at, value);
}

bool gdb_thread(const char **at, int *cpu)
{
    uint64_t number = 0, process = 1;
    bool all;

    if (**at == 'p') {
        (*at)++;
        if (!number_or_all(at, &process, &all)) {
            return false;
        }
        if (all || **at != '.') {
            *cpu = GDB_ALL_THREADS;
            return all || process <= 1;
        }
        (*at)++;
    }
    if (process > 1 || !number_or_all(at, &number, &all)) {
        return false;
    }
    *cpu = all ? GDB_ALL_THREADS : !number ? GDB_ANY_THREAD : (int)(number - 1);
    return all || !number || (number <= cpu_count() && cpu_get(number - 1));
}

void gdb_ok(void)
{
    g_string_assign(gdb.out, "OK");
}

void gdb_error(unsigned number)
{
    g_string_printf(gdb.out, "E%02x", number);
}

void gdb_put_hex(const void *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        g_string_append_printf(gdb.out, "%02x", ((const uint8_t *)data)[i]);
    }
}

void gdb_put_thread(unsigned cpu)
{
    g_string_append_printf(gdb.out, gdb.multiprocess ? "p01.%02x" : "%02x", cpu + 1);
}

/* Digits to bytes; the number of bytes, or -1. `bytes` has room for half of what is there. */
static int take_hex(const char *text, uint8_t *bytes)
{
    size_t length = strlen(text);

    for (size_t i = 0; i < length; i += 2) {
        if (!g_ascii_isxdigit(text[i]) || !g_ascii_isxdigit(text[i + 1])) {
            return -1;
        }
        bytes[i / 2] = g_ascii_xdigit_value(text[i]) << 4 | g_ascii_xdigit_value(text[i + 1]);
    }
    return length / 2;
}

static Cpu *cpu_at(int index)
{
    g_autoptr(GError) error = NULL;
    Cpu *cpu = index >= 0 && index < (int)cpu_count() ? cpu_get(index) : NULL;

    return cpu && cpu->ops && vcpu_load_state(cpu, &error) ? cpu : NULL;
}

Cpu *gdb_cpu(void)
{
    return cpu_at(gdb.cpu_g);
}

/* ---- registers ---- */

static const CpuRegisterOps *registers_of(const Cpu *cpu)
{
    return cpu ? cpu->ops->registers : NULL;
}

static void read_all(char *text, size_t length)
{
    Cpu *cpu = gdb_cpu();
    const CpuRegisterOps *ops = registers_of(cpu);
    uint8_t bytes[CPU_REGISTER_MAX];

    if (!ops) {
        gdb_error(GDB_EFAULT);
        return;
    }
    for (unsigned i = 0; i < ops->count(cpu); i++) {
        gdb_put_hex(bytes, ops->get(cpu, i, bytes));
    }
}

static void write_all(char *text, size_t length)
{
    Cpu *cpu = gdb_cpu();
    const CpuRegisterOps *ops = registers_of(cpu);
    g_autofree uint8_t *bytes = g_malloc(length / 2 + 1);
    uint8_t old[CPU_REGISTER_MAX];
    int size = take_hex(text, bytes), at = 0;

    if (!ops || size < 0) {
        gdb_error(GDB_EINVAL);
        return;
    }
    for (unsigned i = 0; i < ops->count(cpu); i++) {
        int width = ops->get(cpu, i, old);
        if (at + width > size) {
            break;
        }
        if (memcmp(old, bytes + at, width) != 0) {
            (void)ops->set(cpu, i, bytes + at, width);
        }
        at += width;
    }
    vcpu_mark_state(cpu, CPU_STATE_RUNTIME);
    gdb_ok();
}

static void read_one(char *text, size_t length)
{
    Cpu *cpu = gdb_cpu();
    const CpuRegisterOps *ops = registers_of(cpu);
    uint8_t bytes[CPU_REGISTER_MAX];
    const char *at = text;
    uint64_t number;

    if (!ops || !gdb_hex(&at, &number) || *at || number >= ops->count(cpu)) {
        gdb_error(GDB_EFAULT);
        return;
    }
    gdb_put_hex(bytes, ops->get(cpu, number, bytes));
}

static void write_one(char *text, size_t length)
{
    Cpu *cpu = gdb_cpu();
    const CpuRegisterOps *ops = registers_of(cpu);
    g_autofree uint8_t *bytes = g_malloc(length / 2 + 1);
    const char *at = text;
    uint64_t number;
    int size;

    if (!ops || !gdb_hex(&at, &number) || *at++ != '=' || (size = take_hex(at, bytes)) < 1 ||
        number >= ops->count(cpu)) {
        gdb_error(GDB_EINVAL);
        return;
    }
    if (!ops->set(cpu, number, bytes, size)) {
        gdb_error(GDB_EFAULT);
        return;
    }
    vcpu_mark_state(cpu, CPU_STATE_RUNTIME);
    gdb_ok();
}

/* ---- memory ---- */

static bool access_byte_range(uint64_t address, uint8_t *bytes, uint64_t length, bool write)
{
    Cpu *cpu = gdb_cpu();

    if (gdb.physical) {
        AddressSpace *space = machine_memory();
        return space && (write ? address_space_write_rom(space, address, bytes, length)
                               : address_space_read_debug(space, address, bytes, length));
    }
    return cpu && (write ? cpu_write_virtual(cpu, address, bytes, length)
                         : cpu_read_virtual(cpu, address, bytes, length));
}

/* As far as memory goes: a reader that asks beyond its end gets the rest. */
static void read_memory(char *text, size_t text_length)
{
    uint8_t bytes[GDB_PACKET_MAX / 2];
    const char *at = text;
    uint64_t address, length, done = 0;

    if (!gdb_range(&at, &address, &length) || *at || length > sizeof(bytes)) {
        gdb_error(GDB_EINVAL);
        return;
    }
    while (done < length) {
        uint64_t piece = MIN(length - done, 4096 - (address + done) % 4096);
        if (!access_byte_range(address + done, bytes + done, piece, false)) {
            break;
        }
        done += piece;
    }
    if (length && !done) {
        gdb_error(GDB_EFAULT);
    } else {
        gdb_put_hex(bytes, done);
    }
}

static void put_memory(uint64_t address, uint64_t length, uint8_t *bytes, uint64_t given)
{
    if (length != given) {
        gdb_error(GDB_EINVAL);
    } else if (length && !access_byte_range(address, bytes, length, true)) {
        gdb_error(GDB_EFAULT);
    } else {
        gdb_ok();
    }
}

static void write_memory(char *text, size_t text_length)
{
    g_autofree uint8_t *bytes = g_malloc(text_length / 2 + 1);
    const char *at = text;
    uint64_t address, length;
    int given;

    if (!gdb_range(&at, &address, &length) || *at++ != ':' || (given = take_hex(at, bytes)) < 0) {
        gdb_error(GDB_EINVAL);
        return;
    }
    put_memory(address, length, bytes, given);
}

/* The same with bytes as they are. */
static void write_binary(char *text, size_t text_length)
{
    const char *at = text;
    uint64_t address, length;

    if (!gdb_range(&at, &address, &length) || *at++ != ':') {
        gdb_error(GDB_EINVAL);
        return;
    }
    put_memory(address, length, (uint8_t *)text + (at - text), text_length - (at - text));
}

/* ---- breakpoints and watchpoints ---- */

static void change_point(char *text, bool insert)
{
    g_autoptr(GError) error = NULL;
    const char *at = text + 1;
    uint64_t address, length;
    Cpu *cpu = gdb_cpu();
    bool done;

    if (*text < '0' || *text >= '0' + DEBUG_KINDS) {
        return;    /* not known */
    }
    if (!cpu || *at++ != ',' || !gdb_range(&at, &address, &length) || *at) {
        gdb_error(GDB_EINVAL);
        return;
    }
    done = insert ? debug_point_add(*text - '0', address, length, cpu, &error)
                  : debug_point_remove(*text - '0', address, length, &error);
    if (done) {
        gdb_ok();
    } else {
        gdb_error(error->code == ERROR_INVALID ? GDB_EFAULT : GDB_EINVAL);
    }
}

static void insert_point(char *text, size_t length) { change_point(text, true); }
static void remove_point(char *text, size_t length) { change_point(text, false); }

/* ---- going on ---- */

void gdb_resume(const char *actions)
{
    VcpuStep step = gdb.step_flags & GDB_STEP_NO_IRQ ? VCPU_STEP_NO_IRQ : VCPU_STEP;

    switch (machine_run_state()) {
    case RUN_STATE_SHUTDOWN:
    case RUN_STATE_INTERNAL_ERROR:
    case RUN_STATE_GUEST_PANICKED:
    case RUN_STATE_INMIGRATE:
        /* Only a reset brings it back. */
        gdb_error(GDB_EINVAL);
        return;
    default:
        break;
    }
    for (unsigned i = 0; i < cpu_count(); i++) {
        if (cpu_get(i)) {
            debug_set_step(cpu_get(i), actions[i] == 's' ? step : VCPU_STEP_NONE);
            debug_set_frozen(cpu_get(i), !actions[i]);
        }
    }
    gdb.waiting = gdb.answer_later = true;
    machine_start();
}

/* c [ADDRESS], C SIGNAL[;ADDRESS], s, S: the signal is nothing that a CPU could be sent. */
static void go_on(char *text, char action, bool with_signal)
{
    g_autofree char *actions = g_malloc(cpu_count());
    const char *at = text;
    uint64_t value;
    Cpu *cpu = cpu_at(gdb.cpu_c);

    if (!cpu || (with_signal && !gdb_hex(&at, &value)) ||
        (with_signal && *at && *at++ != ';')) {
        gdb_error(GDB_EINVAL);
        return;
    }
    if (*at) {
        if (!gdb_hex(&at, &value) || *at || !cpu->ops->set_register ||
            !cpu->ops->set_register(cpu, "pc", value)) {
            gdb_error(GDB_EINVAL);
            return;
        }
        vcpu_mark_state(cpu, CPU_STATE_RUNTIME);
    }
    memset(actions, 'c', cpu_count());
    actions[gdb.cpu_c] = action;
    gdb_resume(actions);
}

static void do_continue(char *text, size_t length) { go_on(text, 'c', false); }
static void continue_signal(char *text, size_t length) { go_on(text, 'c', true); }
static void do_step(char *text, size_t length) { go_on(text, 's', false); }
static void step_signal(char *text, size_t length) { go_on(text, 's', true); }

/* ---- why it stands ---- */

/* GDB's own numbers of signals ("include/gdb/signals.def" of its sources' interface). */
static unsigned signal_of(RunState state)
{
    enum { INTERRUPTED = 2, QUIT = 3, TRAP = 5, ABORTED = 6, ALARM = 14, IO = 23, LIMIT = 24 };

    switch (state) {
    case RUN_STATE_DEBUG: case RUN_STATE_PRELAUNCH:
        return TRAP;
    case RUN_STATE_SHUTDOWN:
        return QUIT;
    case RUN_STATE_INTERNAL_ERROR: case RUN_STATE_GUEST_PANICKED:
        return ABORTED;
    case RUN_STATE_WATCHDOG:
        return ALARM;
    case RUN_STATE_IO_ERROR:
        return IO;
    case RUN_STATE_FINISH_MIGRATE:
        return LIMIT;
    default:
        return INTERRUPTED;
    }
}

/*
 * A breakpoint's address is linear; where CS has a base the client sees the CPU at another. It
 * takes that for the trap of a breakpoint that it has removed meanwhile, and goes on without a
 * word.
 */
static bool client_sees(Cpu *cpu, const VcpuDebug *debug)
{
    uint64_t pc;

    return !cpu->ops->get_register || !cpu->ops->get_register(cpu, "pc", &pc) ||
           pc == debug->address;
}

static void put_point(Cpu *cpu, const VcpuDebug *debug)
{
    static const char *const watches[DEBUG_KINDS] = {
        [DEBUG_WATCH_WRITE] = "watch", [DEBUG_WATCH_READ] = "rwatch",
        [DEBUG_WATCH_ACCESS] = "awatch",
    };

    if (watches[debug->kind]) {
        g_string_append_printf(gdb.out, "%s:%" PRIx64 ";", watches[debug->kind], debug->address);
    } else if ((debug->kind == DEBUG_BREAK_SOFTWARE ? gdb.swbreak : gdb.hwbreak) &&
               client_sees(cpu, debug)) {
        g_string_append(gdb.out, debug->kind == DEBUG_BREAK_SOFTWARE ? "swbreak:;" : "hwbreak:;");
    }
}

void gdb_stop_reason(void)
{
    RunState state = machine_run_state();

    g_string_printf(gdb.out, "T%02x", signal_of(state));
    for (unsigned i = 0; i < cpu_count() && state == RUN_STATE_DEBUG; i++) {
        Vcpu *vcpu = cpu_get(i) ? vcpu_of(cpu_get(i)) : NULL;
        if (vcpu && vcpu->debug.report) {
            Cpu *cpu = cpu_at(i);
            if (cpu && vcpu->debug.report == VCPU_REPORT_POINT) {
                put_point(cpu, &vcpu->debug);
            }
            gdb.cpu_g = gdb.cpu_c = i;
            break;
        }
    }
    g_string_append(gdb.out, "thread:");
    gdb_put_thread(gdb.cpu_c);
    g_string_append_c(gdb.out, ';');
}

static void why(char *text, size_t length)
{
    gdb_stop_reason();
}

/* ---- threads, the end ---- */

static void choose_thread(char *text, size_t length)
{
    const char *at = text + 1;
    int cpu;

    if ((*text != 'g' && *text != 'c') || !gdb_thread(&at, &cpu) || *at) {
        gdb_error(GDB_EINVAL);
        return;
    }
    if (cpu >= 0) {
        *(*text == 'g' ? &gdb.cpu_g : &gdb.cpu_c) = cpu;
    }
    gdb_ok();
}

static void is_alive(char *text, size_t length)
{
    const char *at = text;
    int cpu;

    if (gdb_thread(&at, &cpu) && !*at && cpu >= 0) {
        gdb_ok();
    } else {
        gdb_error(GDB_EINVAL);
    }
}

static void detach(char *text, size_t length)
{
    if (machine_is_running()) {
        machine_stop(RUN_STATE_PAUSED);
    }
    debug_clear();
    gdb_ok();
    if (machine_run_state() == RUN_STATE_PAUSED || machine_run_state() == RUN_STATE_DEBUG ||
        machine_run_state() == RUN_STATE_PRELAUNCH) {
        machine_start();
    }
}

static void kill_program(char *text, size_t length)
{
    gdb.answer_later = true;
    machine_request_shutdown(SHUTDOWN_HOST_QMP_QUIT);
}

static void restart(char *text, size_t length)
{
    gdb.answer_later = true;
    machine_request_reset(SHUTDOWN_HOST_QMP_SYSTEM_RESET);
}

static void extended(char *text, size_t length)
{
    gdb_ok();
}

static const struct {
    char letter;
    void (*run)(char *text, size_t length);   /* what follows the letter */
} commands[] = {
    { '?', why }, { '!', extended }, { 'c', do_continue }, { 'C', continue_signal },
    { 's', do_step }, { 'S', step_signal }, { 'g', read_all }, { 'G', write_all },
    { 'p', read_one }, { 'P', write_one }, { 'm', read_memory }, { 'M', write_memory },
    { 'X', write_binary }, { 'Z', insert_point }, { 'z', remove_point }, { 'H', choose_thread },
    { 'T', is_alive }, { 'D', detach }, { 'k', kill_program }, { 'R', restart },
};

void gdb_command(char *text, size_t length)
{
    if (!length || gdb_query(text)) {
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (*text == commands[i].letter) {
            commands[i].run(text + 1, length - 1);
            return;
        }
    }
}
