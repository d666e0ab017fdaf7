/* SPDX-License-Identifier: MIT */
/* The human monitor: its session, and how a line becomes a call. */
#include "monitor/hmp.h"

#include <string.h>

#include "monitor/cpu-access.h"
#include "monitor/expression.h"
#include "monitor/monitor-private.h"
#include "monitor/qmp.h"
#include "monitor/readline.h"
#include "qom/parse.h"

#define PROMPT "(qemu) "
#define BANNER "vmm 0.1.0 monitor - type 'help' for more information\r\n"

typedef struct Hmp {
    Monitor;
    Readline *readline;   /* NULL: whole lines, without echo */
    GString *input;       /* the line so far, without readline */
    bool after_cr;        /* a line feed that follows belongs to it */
    bool owes_banner;     /* of a mux: nobody has looked here yet */
} Hmp;

static Hmp *HMP(Monitor *monitor)
{
    return (Hmp *)monitor;
}

/* ---- finding commands ---- */

static bool has_name(const HmpCommand *command, const char *name)
{
    g_auto(GStrv) names = g_strsplit(command->name, "|", -1);

    return g_strv_contains((const char *const *)names, name);
}

const HmpCommand *hmp_find(const char *name, bool info)
{
    for (unsigned i = 0; i < schema_module_count(); i++) {
        const SchemaModule *module = schema_module(i);
        const HmpCommand *command = info ? module->hmp_infos : module->hmp_commands;
        for (; command && command->name; command++) {
            if (has_name(command, name)) {
                return command;
            }
        }
    }
    return NULL;
}

/* ---- arguments ---- */

static const char *skip_space(const char *at)
{
    while (g_ascii_isspace(*at)) {
        at++;
    }
    return at;
}

static bool parse_quoted(const char **at, GString *word, GError **error)
{
    const char *p = *at + 1;

    for (; *p && *p != '"'; p++) {
        static const char from[] = "nrt", to[] = "\n\r\t";
        const char *known = *p == '\\' && p[1] ? strchr(from, p[1]) : NULL;
        if (*p == '\\' && !p[1]) {
            break;
        }
        p += *p == '\\';
        g_string_append_c(word, known ? to[known - from] : *p);
    }
    if (*p != '"') {
        error_set(error, ERROR_INVALID, "unterminated string literal");
        return false;
    }
    *at = p + 1;
    return true;
}

/* The next word, or NULL with an error. */
static char *parse_word(const char **at, GError **error)
{
    g_autoptr(GString) word = g_string_new(NULL);

    if (**at == '"') {
        if (!parse_quoted(at, word, error)) {
            return NULL;
        }
    } else {
        size_t length = strcspn(*at, " \t\r\n");
        g_string_append_len(word, *at, length);
        *at += length;
    }
    return g_strdup(word->str);
}

/* $pc is where the next instruction lies, as an address: what `x /i $pc` takes. */
static bool lookup_register(void *opaque, const char *name, int64_t *value)
{
    Cpu *cpu = cpu_for_monitor(opaque, NULL);
    uint64_t found;

    if (!cpu || !cpu->ops) {
        return false;
    }
    if (g_str_equal(name, "pc") && cpu->ops->program_counter) {
        found = cpu->ops->program_counter(cpu);
    } else if (!cpu->ops->get_register || !cpu->ops->get_register(cpu, name, &found)) {
        return false;
    }
    *value = found;
    return true;
}

static unsigned unit_size(char c)
{
    switch (c) {
    case 'b':
        return 1;
    case 'h':
        return 2;
    case 'w':
        return 4;
    case 'g':
        return 8;
    default:
        return 0;
    }
}

/* A format stays in effect for the next commands; a unit that was given, too. */
static bool parse_format(const char **at, GVariantBuilder *args, GError **error)
{
    static char last_format = 'x';
    static unsigned last_unit = 4;
    int64_t count = 1;
    unsigned unit = 0;
    char format = 0;

    if (**at == '/') {
        ++*at;
        if (g_ascii_isdigit(**at)) {
            char *end;
            count = MIN(g_ascii_strtoull(*at, &end, 10), G_MAXINT32);
            *at = end;
        }
        for (; **at && !g_ascii_isspace(**at); ++*at) {
            if (unit_size(**at)) {
                unit = unit_size(**at);
            } else if (strchr("oduxci", **at)) {
                format = **at;
            } else {
                error_set(error, ERROR_INVALID, "invalid char in format: '%c'", **at);
                return false;
            }
        }
    }
    format = last_format = format ? format : last_format;
    if (unit && format != 'i') {
        last_unit = unit;
    }
    if (!unit) {
        unit = format == 'i' || format == 'c' ? 1 : last_unit;
    }
    dict_int(args, "count", count);
    dict_take_str(args, "format", g_strdup_printf("%.1s", (char[]){ format, 0 }));
    dict_int(args, "unit", unit);
    return true;
}

static bool parse_number(Monitor *monitor, const HmpArg *arg, const char **at,
                         GVariantBuilder *args, GError **error)
{
    int64_t value;

    if (!expression_parse(at, lookup_register, monitor, &value, error)) {
        return false;
    }
    dict_int(args, arg->name, value);
    return true;
}

static bool parse_index(Monitor *monitor, const HmpArg *arg, const char **at,
                        GVariantBuilder *args, GError **error)
{
    if (**at != '.') {
        return true;
    }
    ++*at;
    return parse_number(monitor, arg, at, args, error);
}

static bool parse_bool_word(const HmpArg *arg, const char **at, GVariantBuilder *args,
                            GError **error)
{
    g_autofree char *word = parse_word(at, error);
    bool value;

    if (!word || !parse_bool(word, &value, error)) {
        return false;
    }
    dict_bool(args, arg->name, value);
    return true;
}

static bool parse_text(const HmpArg *arg, const char **at, GVariantBuilder *args, GError **error)
{
    char *word;

    if (arg->kind == HMP_REST) {
        word = g_strdup(*at);
        g_strchomp(word);
        *at += strlen(*at);
    } else {
        word = parse_word(at, error);
    }
    if (word && !g_utf8_validate(word, -1, NULL)) {
        error_set(error, ERROR_INVALID, "'%s' is not valid UTF-8", arg->name);
        g_clear_pointer(&word, g_free);
    }
    if (word) {
        dict_take_str(args, arg->name, word);
    }
    return word != NULL;
}

static const HmpArg *find_flag(const HmpArg *spec, char letter)
{
    for (; spec && spec->name; spec++) {
        if (spec->kind == HMP_FLAG && spec->name[0] == letter) {
            return spec;
        }
    }
    return NULL;
}

/* Flags stand before the other arguments, in any order: "-f -d" or "-fd". */
static bool parse_flags(const HmpArg *spec, const char **at, GVariantBuilder *args,
                        GError **error)
{
    guint64 seen = 0;

    while (**at == '-' && g_ascii_isalpha((*at)[1]) && find_flag(spec, (*at)[1])) {
        for (++*at; **at && !g_ascii_isspace(**at); ++*at) {
            const HmpArg *flag = find_flag(spec, **at);
            if (!flag) {
                error_set(error, ERROR_INVALID, "unsupported option -%c", **at);
                return false;
            }
            if (!(seen & 1ull << (flag - spec))) {
                dict_bool(args, flag->name, true);
                seen |= 1ull << (flag - spec);
            }
        }
        *at = skip_space(*at);
    }
    return true;
}

static bool parse_one(Monitor *monitor, const HmpArg *arg, const char **at,
                      GVariantBuilder *args, GError **error)
{
    switch (arg->kind) {
    case HMP_NUMBER:
        return parse_number(monitor, arg, at, args, error);
    case HMP_INDEX:
        return parse_index(monitor, arg, at, args, error);
    case HMP_BOOL:
        return parse_bool_word(arg, at, args, error);
    case HMP_FORMAT:
        return parse_format(at, args, error);
    default:
        return parse_text(arg, at, args, error);
    }
}

/* "quit|q" to "quit". The caller frees it. */
static char *first_name(const HmpCommand *command)
{
    return g_strndup(command->name, strcspn(command->name, "|"));
}

GVariant *hmp_parse_args(Monitor *monitor, const HmpCommand *command, const char *line,
                         GError **error)
{
    g_auto(GVariantBuilder) args = DICT_INIT;
    const char *at = skip_space(line);
    g_autofree char *name = first_name(command);

    if (!parse_flags(command->args, &at, &args, error)) {
        return NULL;
    }
    for (const HmpArg *arg = command->args; arg && arg->name; arg++) {
        at = skip_space(at);
        if (arg->kind == HMP_FLAG || (!*at && arg->optional && arg->kind != HMP_FORMAT)) {
            continue;
        }
        if (!*at && arg->kind != HMP_FORMAT && arg->kind != HMP_INDEX) {
            error_set(error, ERROR_INVALID, "%s: %s expected", name, arg->name);
            return NULL;
        }
        if (!parse_one(monitor, arg, &at, &args, error)) {
            g_prefix_error(error, "%s: ", name);
            return NULL;
        }
    }
    if (*skip_space(at)) {
        error_set(error, ERROR_INVALID, "%s: extraneous characters at the end of line", name);
        return NULL;
    }
    return g_variant_ref_sink(g_variant_builder_end(&args));
}

/* ---- running a line ---- */

static void call(Monitor *monitor, const HmpCommand *command, GVariant *args)
{
    g_autoptr(GError) error = NULL;

    if (command->handler) {
        command->handler(monitor, args, &error);
    } else {
        GVariant *result = qmp_call(monitor, command->qmp, args, &error);
        g_clear_pointer(&result, g_variant_unref);
    }
    if (error) {
        monitor_printf(monitor, "Error: %s\n", error->message);
    }
}

static void run_command(Monitor *monitor, const HmpCommand *command, const char *rest)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) args = hmp_parse_args(monitor, command, rest, &error);
    g_autofree char *name = first_name(command);

    if (args) {
        call(monitor, command, args);
    } else {
        monitor_printf(monitor, "%s\nTry \"help %s%s\" for more information\n", error->message,
                       hmp_find(name, true) == command ? "info " : "", name);
    }
}

void hmp_run_line(Monitor *monitor, const char *line)
{
    const char *at = skip_space(line);
    size_t length = strcspn(at, " \t\r\n/");
    g_autofree char *name = g_strndup(at, length);
    const HmpCommand *command;

    if (!*at || *at == '#') {
        return;
    }
    command = hmp_find(name, false);
    at = skip_space(at + length);
    if (command && g_str_equal(name, "info") && *at) {
        length = strcspn(at, " \t\r\n");
        g_autofree char *topic = g_strndup(at, length);
        const HmpCommand *info = hmp_find(topic, true);
        if (!info) {
            monitor_printf(monitor, "unknown command: 'info %s'\n", topic);
            return;
        }
        run_command(monitor, info, at + length);
        return;
    }
    if (!command) {
        monitor_printf(monitor, "unknown command: '%s'\n", name);
        return;
    }
    run_command(monitor, command, at);
}

GVariant *hmp_run_for_qmp(const char *line, int64_t cpu, GError **error)
{
    Monitor *monitor;
    GVariant *result;

    if (cpu >= 0 && (cpu > G_MAXINT || !cpu_get(cpu))) {
        error_set(error, ERROR_INVALID, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    monitor = hmp_alloc(false);
    monitor->cpu = MAX(cpu, 0);
    hmp_run_line(monitor, line);
    g_autofree char *text = monitor_line_ends(monitor->text->str, monitor->text->len);
    result = g_variant_new_take_string(g_utf8_make_valid(text, -1));
    monitor_release(monitor);
    return result;
}

/* ---- completion ---- */

static void add_names(GPtrArray *words, const HmpCommand *command)
{
    for (; command && command->name; command++) {
        g_auto(GStrv) names = g_strsplit(command->name, "|", -1);
        for (char **name = names; *name; name++) {
            g_ptr_array_add(words, g_strdup(*name));
        }
    }
}

static void add_all_names(GPtrArray *words, bool info)
{
    for (unsigned i = 0; i < schema_module_count(); i++) {
        const SchemaModule *module = schema_module(i);
        add_names(words, info ? module->hmp_infos : module->hmp_commands);
    }
}

/* The argument number `index` of a command, flags not counted. */
static const HmpArg *nth_arg(const HmpCommand *command, unsigned index)
{
    for (const HmpArg *arg = command->args; arg && arg->name; arg++) {
        if (arg->kind != HMP_FLAG && arg->kind != HMP_FORMAT && index-- == 0) {
            return arg;
        }
    }
    return NULL;
}

static void complete_argument(GPtrArray *words, char **given, const char *prefix)
{
    unsigned count = g_strv_length(given);
    bool info = g_str_equal(given[0], "info");
    const HmpCommand *command;
    const HmpArg *arg;

    if (count == 1 && (info || g_str_equal(given[0], "help") || g_str_equal(given[0], "?"))) {
        add_all_names(words, info);
        return;
    }
    command = hmp_find(given[info ? 1 : 0], info);
    arg = command ? nth_arg(command, count - (info ? 2 : 1)) : NULL;
    if (arg && arg->kind == HMP_BOOL) {
        g_ptr_array_add(words, g_strdup("on"));
        g_ptr_array_add(words, g_strdup("off"));
    } else if (arg && arg->complete) {
        arg->complete(prefix, words);
    }
}

GPtrArray *hmp_complete_line(const char *line)
{
    const char *space = strrchr(line, ' ');
    const char *prefix = space ? space + 1 : line;
    g_autofree char *before = g_strndup(line, prefix - line);
    g_auto(GStrv) given = g_strsplit(g_strstrip(before), " ", -1);
    GPtrArray *words = g_ptr_array_new_with_free_func(g_free);

    if (!given[0] || !*given[0]) {
        add_all_names(words, false);
    } else {
        complete_argument(words, given, prefix);
    }
    for (guint i = words->len; i-- > 0;) {
        if (!g_str_has_prefix(words->pdata[i], prefix)) {
            g_ptr_array_remove_index_fast(words, i);
        }
    }
    return words;
}

/* ---- the session ---- */

static void write_bytes(void *opaque, const char *text, size_t length)
{
    Hmp *hmp = opaque;

    if (hmp->chardev) {
        (void)chardev_write_all(hmp->chardev, text, length);
    }
}

static void run_line(void *opaque, const char *line)
{
    Hmp *hmp = opaque;

    g_string_truncate(hmp->text, 0);
    hmp_run_line((Monitor *)hmp, line);
    g_autofree char *text = monitor_line_ends(hmp->text->str, hmp->text->len);
    write_bytes(hmp, text, strlen(text));
    g_string_truncate(hmp->text, 0);
}

static GPtrArray *complete_words(void *opaque, const char *line)
{
    return hmp_complete_line(line);
}

static const ReadlineOps readline_ops = {
    .write = write_bytes, .line = run_line, .complete = complete_words,
};

static void feed_plain(Hmp *hmp, char c)
{
    bool ends = c == '\r' || (c == '\n' && !hmp->after_cr);

    if (ends) {
        run_line(hmp, hmp->input->str);
        write_bytes(hmp, PROMPT, strlen(PROMPT));
        g_string_truncate(hmp->input, 0);
    } else if (c != '\n' && c && hmp->input->len < READLINE_MAX_LINE) {
        g_string_append_c(hmp->input, c);
    }
    hmp->after_cr = c == '\r';
}

static size_t hmp_can_receive(Monitor *monitor)
{
    return chardev_queued(monitor->chardev) > QMP_UNREAD_MAX ? 0 : 4096;
}

static void show_prompt(Hmp *hmp)
{
    if (hmp->readline) {
        readline_start(hmp->readline);
    } else {
        g_string_truncate(hmp->input, 0);
        write_bytes(hmp, PROMPT, strlen(PROMPT));
    }
}

static void show_banner(Hmp *hmp)
{
    hmp->owes_banner = false;
    write_bytes(hmp, BANNER, strlen(BANNER));
    show_prompt(hmp);
}

static void hmp_receive(Monitor *monitor, const uint8_t *data, size_t size)
{
    Hmp *hmp = HMP(monitor);

    fd_list_move(&monitor->fds, &monitor->incoming);
    if (hmp->owes_banner) {
        show_banner(hmp);
    }
    if (hmp->readline) {
        readline_feed(hmp->readline, (const char *)data, size);
        return;
    }
    for (size_t i = 0; i < size; i++) {
        feed_plain(hmp, data[i]);
    }
}

static void hmp_event(Monitor *monitor, ChardevEvent event)
{
    Hmp *hmp = HMP(monitor);

    if (event == CHARDEV_OPENED && chardev_is_mux(monitor->chardev)) {
        /* The console that is beside it comes first. */
        hmp->owes_banner = true;
    } else if (event == CHARDEV_OPENED || (event == CHARDEV_MUX_IN && hmp->owes_banner)) {
        show_banner(hmp);
    } else if (event == CHARDEV_MUX_IN) {
        show_prompt(hmp);
    }
}

static void hmp_writable(Monitor *monitor)
{
    chardev_receive_resume(monitor->chardev);
}

static void hmp_release(Monitor *monitor)
{
    readline_free(HMP(monitor)->readline);
    g_string_free(HMP(monitor)->input, TRUE);
}

const MonitorKind hmp_kind = {
    .can_receive = hmp_can_receive,
    .receive = hmp_receive,
    .event = hmp_event,
    .writable = hmp_writable,
    .release = hmp_release,
};

Monitor *hmp_alloc(bool readline)
{
    Hmp *hmp = g_new0(Hmp, 1);

    monitor_init((Monitor *)hmp, &hmp_kind);
    hmp->input = g_string_new(NULL);
    hmp->readline = readline ? readline_new(&readline_ops, hmp, PROMPT) : NULL;
    return (Monitor *)hmp;
}
