/* SPDX-License-Identifier: MIT */
/* Keys and pointers. */
#include <string.h>

#include "hw/input/input.h"
#include "monitor/hmp.h"
#include "monitor/modules.h"
#include "monitor/monitor.h"
#include "qom/parse.h"

#define HOLD_MS 100
#define HOLD_MS_MAX 60000
#define KEYS_AT_ONCE 32
#define EVENTS_AT_ONCE 256

/* ---- from QMP's structures ---- */

/* A KeyValue; a checked one has a name that is known, but perhaps not a number. */
static bool read_key(GVariant *value, unsigned *key, GError **error)
{
    const char *name = args_str(value, "data");
    int64_t number;

    if (g_str_equal(args_str(value, "type"), "qcode")) {
        *key = input_key_by_name(name, NULL);   /* 0 is "unmapped", which is one as well */
        return true;
    }
    number = args_int(value, "data", 0);
    *key = number > 0 && number < 0x100 ? input_key_by_number(number) : 0;
    if (!*key) {
        error_set(error, ERROR_INVALID,
                  "no key has the number %" G_GINT64_FORMAT ": scan codes of set 1 are expected, "
                  "with bit 7 for a prefix of E0", number);
        return false;
    }
    return true;
}

static unsigned index_of(const char *const *names, const char *name)
{
    unsigned i = 0;

    while (names[i] && !g_str_equal(names[i], name)) {
        i++;
    }
    return i;
}

static bool read_event(GVariant *value, InputEvent *event, GError **error)
{
    const char *type = args_str(value, "type");
    g_autoptr(GVariant) data = args_value(value, "data");

    if (g_str_equal(type, "key")) {
        g_autoptr(GVariant) key = args_value(data, "key");
        event->kind = INPUT_KEY;
        event->value = args_bool(data, "down", false);
        return read_key(key, &event->code, error);
    }
    if (g_str_equal(type, "btn")) {
        event->kind = INPUT_BUTTON;
        event->code = index_of(input_button_names, args_str(data, "button"));
        event->value = args_bool(data, "down", false);
        return true;
    }
    event->kind = g_str_equal(type, "rel") ? INPUT_RELATIVE : INPUT_ABSOLUTE;
    event->code = index_of(input_axis_names, args_str(data, "axis"));
    event->value = CLAMP(args_int(data, "value", 0), INT32_MIN, INT32_MAX);
    return true;
}

static bool check_taken(const InputEvent *event, const char *type, GError **error)
{
    if (!input_taken(event->kind)) {
        error_set(error, ERROR_FAILED, "Input handler not found for event type %s: no device of "
                  "the machine takes such events", type);
        return false;
    }
    return true;
}

/* ---- QMP ---- */

static GVariant *send_key(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) list = args_value(args, "keys");
    int64_t hold = args_int(args, "hold-time", HOLD_MS);
    unsigned keys[KEYS_AT_ONCE], count = 0;

    if (g_variant_n_children(list) > KEYS_AT_ONCE) {
        error_set(error, ERROR_INVALID, "more than %u keys at once", KEYS_AT_ONCE);
        return NULL;
    }
    if (hold < 0 || hold > HOLD_MS_MAX) {
        error_set(error, ERROR_INVALID, "Parameter 'hold-time' expects 0 to %d milliseconds",
                  HOLD_MS_MAX);
        return NULL;
    }
    for (gsize i = 0; i < g_variant_n_children(list); i++) {
        g_autoptr(GVariant) item = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) key = g_variant_get_variant(item);
        if (!read_key(key, &keys[count++], error)) {
            return NULL;
        }
    }
    return no_result(input_send_keys(keys, count, hold, error));
}

static GVariant *input_send_event(Monitor *monitor, GVariant *args, GError **error)
{
    g_autoptr(GVariant) list = args_value(args, "events");
    g_autofree InputEvent *events = g_new0(InputEvent, EVENTS_AT_ONCE);
    gsize count = g_variant_n_children(list);
    const char *display = args_str(args, "device");

    if (display) {
        error_set(error, ERROR_DEVICE_NOT_FOUND, "Device '%s' not found: there is no display of "
                  "that name", display);
        return NULL;
    }
    if (count > EVENTS_AT_ONCE) {
        error_set(error, ERROR_INVALID, "more than %u events at once", EVENTS_AT_ONCE);
        return NULL;
    }
    for (gsize i = 0; i < count; i++) {
        g_autoptr(GVariant) item = g_variant_get_child_value(list, i);
        g_autoptr(GVariant) event = g_variant_get_variant(item);
        if (!read_event(event, &events[i], error) ||
            !check_taken(&events[i], args_str(event, "type"), error)) {
            return NULL;
        }
    }
    return no_result(input_send(events, count, error));
}

static bool is_pointer(const InputHandlerInfo *info)
{
    return info->ops->kinds & (BIT(INPUT_RELATIVE) | BIT(INPUT_ABSOLUTE));
}

static GVariant *query_mice(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GVariantBuilder) list = LIST_INIT;
    InputHandlerInfo info;

    for (unsigned n = 0; input_handler(n, &info); n++) {
        if (is_pointer(&info)) {
            g_auto(GVariantBuilder) mouse = DICT_INIT;
            dict_str(&mouse, "name", info.ops->name);
            dict_int(&mouse, "index", info.index);
            dict_bool(&mouse, "current", info.current);
            dict_bool(&mouse, "absolute", info.ops->kinds & BIT(INPUT_ABSOLUTE));
            list_value(&list, g_variant_builder_end(&mouse));
        }
    }
    return g_variant_builder_end(&list);
}

/* ---- the human side ---- */

/* "a", "0x1e" */
static bool read_key_word(const char *word, unsigned *key, GError **error)
{
    uint64_t number;

    if (g_str_has_prefix(word, "0x") && parse_uint(word, &number, NULL)) {
        *key = number < 0x100 ? input_key_by_number(number) : 0;
        if (!*key) {
            error_set(error, ERROR_INVALID, "invalid parameter: %s", word);
        }
    } else {
        *key = input_key_by_name(word, error);
    }
    return *key != 0;
}

static void sendkey(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GStrv) words = g_strsplit(args_str(args, "keys"), "-", -1);
    uint64_t hold = args_uint(args, "hold_ms", HOLD_MS);
    unsigned keys[KEYS_AT_ONCE], count = 0;

    if (g_strv_length(words) > KEYS_AT_ONCE || hold > HOLD_MS_MAX) {
        error_set(error, ERROR_INVALID, "at most %u keys and %d milliseconds are possible",
                  KEYS_AT_ONCE, HOLD_MS_MAX);
        return;
    }
    for (; words[count]; count++) {
        if (!read_key_word(words[count], &keys[count], error)) {
            return;
        }
    }
    (void)!input_send_keys(keys, count, hold, error);
}

/* Distances may be negative, so they come as words. */
static bool read_distance(GVariant *args, const char *name, int32_t *distance, GError **error)
{
    const char *word = args_str(args, name);
    int64_t value = 0;

    if (word && !parse_int(word, &value, error)) {
        return false;
    }
    *distance = CLAMP(value, INT32_MIN, INT32_MAX);
    return true;
}

static void mouse_move(Monitor *monitor, GVariant *args, GError **error)
{
    InputEvent events[] = {
        { INPUT_RELATIVE, INPUT_X }, { INPUT_RELATIVE, INPUT_Y }, { INPUT_BUTTON, 0, 1 },
        { INPUT_BUTTON, 0, 0 },
    };
    int32_t wheel;

    if (!read_distance(args, "dx", &events[0].value, error) ||
        !read_distance(args, "dy", &events[1].value, error) ||
        !read_distance(args, "dz", &wheel, error) ||
        !check_taken(&events[0], "rel", error)) {
        return;
    }
    events[2].code = events[3].code = wheel > 0 ? INPUT_WHEEL_UP : INPUT_WHEEL_DOWN;
    (void)!input_send(events, wheel ? 4 : 2, error);
}

static void mouse_button(Monitor *monitor, GVariant *args, GError **error)
{
    uint64_t state = args_uint(args, "button_state", 0);
    const InputEvent events[] = {
        { INPUT_BUTTON, INPUT_LEFT, state & 1 }, { INPUT_BUTTON, INPUT_MIDDLE, state >> 1 & 1 },
        { INPUT_BUTTON, INPUT_RIGHT, state >> 2 & 1 },
    };

    if (check_taken(&events[0], "btn", error)) {
        (void)!input_send(events, G_N_ELEMENTS(events), error);
    }
}

static void mouse_set(Monitor *monitor, GVariant *args, GError **error)
{
    uint64_t index = args_uint(args, "index", 0);
    InputHandlerInfo info;

    for (unsigned n = 0; input_handler(n, &info); n++) {
        if (is_pointer(&info) && info.index == index) {
            input_activate(info.device);
            return;
        }
    }
    error_set(error, ERROR_NOT_FOUND, "Mouse at index '%" G_GUINT64_FORMAT "' not found; "
              "info mice lists them", index);
}

static void info_mice(Monitor *monitor, GVariant *args, GError **error)
{
    InputHandlerInfo info;
    unsigned count = 0;

    for (unsigned n = 0; input_handler(n, &info); n++) {
        if (is_pointer(&info)) {
            count++;
            monitor_printf(monitor, "%c Mouse #%u: %s%s\n", info.current ? '*' : ' ', info.index,
                           info.ops->name,
                           info.ops->kinds & BIT(INPUT_ABSOLUTE) ? " (absolute)" : "");
        }
    }
    if (!count) {
        monitor_puts(monitor, "No mouse devices connected\n");
    }
}

static void complete_key(const char *prefix, GPtrArray *words)
{
    for (unsigned i = 1; input_key_names[i]; i++) {
        g_ptr_array_add(words, g_strdup(input_key_names[i]));
    }
}

/* ---- the tables ---- */

static const char *const key_kinds[] = { "number", "qcode", NULL };
static const char *const event_kinds[] = { "key", "btn", "rel", "abs", NULL };

static const SchemaType types[] = {
    { .name = "QKeyCode", .values = input_key_names },
    { .name = "InputButton", .values = input_button_names },
    { .name = "InputAxis", .values = input_axis_names },
    { .name = "KeyValueKind", .values = key_kinds },
    { .name = "IntWrapper", .members = (const SchemaMember[]){ { "data", "int" }, { 0 } } },
    { .name = "QKeyCodeWrapper",
      .members = (const SchemaMember[]){ { "data", "QKeyCode" }, { 0 } } },
    { .name = "KeyValue",
      .members = (const SchemaMember[]){ { "type", "KeyValueKind" }, { 0 } }, .tag = "type",
      .variants = (const SchemaVariant[]){ { "number", "IntWrapper" },
                                           { "qcode", "QKeyCodeWrapper" }, { 0 } } },
    { .name = "InputEventKind", .values = event_kinds },
    { .name = "InputKeyEvent",
      .members = (const SchemaMember[]){ { "key", "KeyValue" }, { "down", "bool" }, { 0 } } },
    { .name = "InputKeyEventWrapper",
      .members = (const SchemaMember[]){ { "data", "InputKeyEvent" }, { 0 } } },
    { .name = "InputBtnEvent",
      .members = (const SchemaMember[]){ { "button", "InputButton" }, { "down", "bool" },
                                         { 0 } } },
    { .name = "InputBtnEventWrapper",
      .members = (const SchemaMember[]){ { "data", "InputBtnEvent" }, { 0 } } },
    { .name = "InputMoveEvent",
      .members = (const SchemaMember[]){ { "axis", "InputAxis" }, { "value", "int" }, { 0 } } },
    { .name = "InputMoveEventWrapper",
      .members = (const SchemaMember[]){ { "data", "InputMoveEvent" }, { 0 } } },
    { .name = "InputEvent",
      .members = (const SchemaMember[]){ { "type", "InputEventKind" }, { 0 } }, .tag = "type",
      .variants = (const SchemaVariant[]){ { "key", "InputKeyEventWrapper" },
                                           { "btn", "InputBtnEventWrapper" },
                                           { "rel", "InputMoveEventWrapper" },
                                           { "abs", "InputMoveEventWrapper" }, { 0 } } },
    { .name = "MouseInfo",
      .members = (const SchemaMember[]){ { "name", "str" }, { "index", "int" },
                                         { "current", "bool" }, { "absolute", "bool" },
                                         { 0 } } },
    { 0 },
};

static const Command commands[] = {
    { .name = "send-key", .help = "Press keys together, and lift them after a while.",
      .arguments = (const SchemaMember[]){ { "keys", "[KeyValue]" },
                                           { "hold-time", "int", true }, { 0 } },
      .handler = send_key },
    { .name = "input-send-event", .help = "Send input events to the guest.",
      .arguments = (const SchemaMember[]){ { "device", "str", true }, { "head", "int", true },
                                           { "events", "[InputEvent]" }, { 0 } },
      .handler = input_send_event },
    { .name = "query-mice", .help = "The pointing devices.", .returns = "[MouseInfo]",
      .handler = query_mice },
    { 0 },
};

static const HmpCommand hmp_commands[] = {
    { .name = "sendkey", .params = "keys [hold_ms]",
      .help = "send keys to the VM (e.g. 'sendkey ctrl-alt-f1', default hold time=100 ms)",
      .args = (const HmpArg[]){ { "keys", HMP_WORD, false, complete_key },
                                { "hold_ms", HMP_NUMBER, true }, { 0 } },
      .handler = sendkey },
    { .name = "mouse_move", .params = "dx dy [dz]", .help = "send mouse move events",
      .args = (const HmpArg[]){ { "dx", HMP_WORD }, { "dy", HMP_WORD },
                                { "dz", HMP_WORD, true }, { 0 } },
      .handler = mouse_move },
    { .name = "mouse_button", .params = "state",
      .help = "change mouse button state (1=L, 2=M, 4=R)",
      .args = (const HmpArg[]){ { "button_state", HMP_NUMBER }, { 0 } },
      .handler = mouse_button },
    { .name = "mouse_set", .params = "index", .help = "set which mouse device receives events",
      .args = (const HmpArg[]){ { "index", HMP_NUMBER }, { 0 } }, .handler = mouse_set },
    { 0 },
};

static const HmpCommand hmp_infos[] = {
    { .name = "mice", .help = "show which guest mouse is receiving events",
      .handler = info_mice },
    { 0 },
};

const SchemaModule input_module = {
    .title = "Keys and pointers", .types = types, .commands = commands,
    .hmp_commands = hmp_commands, .hmp_infos = hmp_infos,
};
