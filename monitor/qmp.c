/* SPDX-License-Identifier: MIT */
/*
 * A QMP session: bytes in, values through the queue, answers out.
 *
 * Commands wait in a queue and run from the main loop, not from within the
 * chardev's callback, so that they may do anything to chardevs. Out-of-band
 * commands run at once and overtake the queue.
 */
#include "monitor/qmp.h"

#include <string.h>

#include "hw/core/machine.h"
#include "monitor/events.h"
#include "monitor/json.h"
#include "monitor/monitor-private.h"

/* The QMP that is spoken here is the one of this version. */
#define QMP_MAJOR 7
#define QMP_MINOR 2
#define QMP_MICRO 0
#define PACKAGE "vmm 0.1.0"

typedef struct Request {
    GVariant *value;    /* or: */
    GError *error;
    FdList fds;
} Request;

typedef struct Qmp {
    Monitor;
    JsonStream *stream;
    GQueue requests;
    guint source;       /* runs the queue; 0: not scheduled */
    bool pretty, negotiated, oob;
    bool full;          /* the chardev was told that nothing more is taken */
} Qmp;

static bool strict;

void qmp_set_strict(bool on)
{
    strict = on;
}

static Qmp *QMP(Monitor *monitor)
{
    return (Qmp *)monitor;
}

GVariant *qmp_version(void)
{
    return g_variant_new_parsed("{'qemu': <{'micro': <%x>, 'minor': <%x>, 'major': <%x>}>,"
                                " 'package': <%s>}", (gint64)QMP_MICRO, (gint64)QMP_MINOR,
                                (gint64)QMP_MAJOR, PACKAGE);
}

/* ---- output ---- */

static void send_value(Qmp *qmp, GVariant *value)
{
    g_autoptr(GVariant) held = g_variant_ref_sink(value);
    g_autoptr(GString) text = g_string_new(NULL);

    if (!qmp->chardev) {
        return;
    }
    json_write(text, held, qmp->pretty);
    g_string_append_c(text, '\n');
    g_autofree char *lines = monitor_line_ends(text->str, text->len);
    /* A client that lets megabytes lie gets nothing more: there is no better answer. */
    (void)chardev_write_all(qmp->chardev, lines, strlen(lines));
}

static void send_greeting(Qmp *qmp)
{
    static const char *const capabilities[] = { "oob" };

    send_value(qmp, g_variant_new_parsed(
        "{'QMP': <{'version': <%@a{sv}>, 'capabilities': <%@as>}>}",
        qmp_version(), g_variant_new_strv(capabilities, 1)));
}

const char *qmp_error_class(const GError *error)
{
    if (error->domain == ERROR_DOMAIN) {
        switch (error->code) {
        case ERROR_COMMAND_NOT_FOUND:
            return "CommandNotFound";
        case ERROR_DEVICE_NOT_FOUND:
            return "DeviceNotFound";
        case ERROR_DEVICE_NOT_ACTIVE:
            return "DeviceNotActive";
        case ERROR_KVM_MISSING_CAP:
            return "KVMMissingCap";
        }
    }
    return "GenericError";
}

/* Error texts may quote what a guest or a file holds: JSON needs valid UTF-8. */
static void send_error(Qmp *qmp, GVariant *id, const GError *error)
{
    g_auto(GVariantBuilder) answer = DICT_INIT;
    g_auto(GVariantBuilder) inner = DICT_INIT;

    if (id) {
        dict_value(&answer, "id", id);
    }
    dict_str(&inner, "class", qmp_error_class(error));
    dict_take_str(&inner, "desc", g_utf8_make_valid(error->message, -1));
    dict_value(&answer, "error", g_variant_builder_end(&inner));
    send_value(qmp, g_variant_builder_end(&answer));
}

static void send_result(Qmp *qmp, GVariant *id, GVariant *result)
{
    g_auto(GVariantBuilder) answer = DICT_INIT;

    dict_value(&answer, "return", result);
    if (id) {
        dict_value(&answer, "id", id);
    }
    send_value(qmp, g_variant_builder_end(&answer));
}

/* ---- dispatch ---- */

static void check_result(const Command *command, GVariant *result)
{
    g_autoptr(GError) error = NULL;
    bool right = command->returns
        ? schema_check(command->returns, result, "return", &error)
        : g_variant_is_of_type(result, G_VARIANT_TYPE_VARDICT) && !g_variant_n_children(result);

    if (!right) {
        g_error("%s answers what is not in its schema: %s", command->name,
                error ? error->message : "something instead of nothing");
    }
}

static bool machine_is_ready(void)
{
    return machine_get() && machine_get()->phase >= MACHINE_READY;
}

static GVariant *run(Monitor *monitor, const Command *command, GVariant *args, GError **error)
{
    g_autoptr(GVariant) given = args ? g_variant_ref_sink(args)
        : g_variant_ref_sink(g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0));
    GError *failure = NULL;
    GVariant *result;

    if (!(command->flags & COMMAND_PRECONFIG) && !machine_is_ready()) {
        error_set(error, ERROR_FAILED, "The command %s is permitted only after machine "
                  "initialization has completed", command->name);
        return NULL;
    }
    if (!schema_check_arguments(command, given, error)) {
        return NULL;
    }
    result = command->handler(monitor, given, &failure);
    if (failure) {
        g_assert(!result);
        g_propagate_error(error, failure);
        return NULL;
    }
    if (!result) {
        result = g_variant_new_array(G_VARIANT_TYPE("{sv}"), NULL, 0);
    }
    result = g_variant_take_ref(result);
    if (strict) {
        check_result(command, result);
    }
    return result;
}

static const Command *find_command(const char *name, GError **error)
{
    const Command *command = schema_command(name);

    if (!command) {
        error_set(error, ERROR_COMMAND_NOT_FOUND, "The command %s has not been found", name);
    }
    return command;
}

GVariant *qmp_call(Monitor *monitor, const char *name, GVariant *args, GError **error)
{
    const Command *command = find_command(name, error);

    return command ? run(monitor, command, args, error) : NULL;
}

/* What a request asks for, taken apart. Members are borrowed from the request. */
typedef struct Call {
    const char *name;
    bool oob;
    GVariant *arguments;
} Call;

static bool take_member(Call *call, const char *key, GVariant *value, bool oob, GError **error)
{
    if (g_str_equal(key, "execute") || (oob && g_str_equal(key, "exec-oob"))) {
        if (call->name) {
            error_set(error, ERROR_INVALID, "QMP input member 'execute' clashes with 'exec-oob'");
            return false;
        }
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_STRING)) {
            error_set(error, ERROR_INVALID, "QMP input member '%s' must be a string", key);
            return false;
        }
        call->name = g_variant_get_string(value, NULL);
        call->oob = g_str_equal(key, "exec-oob");
        return true;
    }
    if (g_str_equal(key, "arguments")) {
        if (!g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT)) {
            error_set(error, ERROR_INVALID, "QMP input member 'arguments' must be an object");
            return false;
        }
        call->arguments = value;
        return true;
    }
    if (g_str_equal(key, "id")) {
        return true;
    }
    error_set(error, ERROR_INVALID, "QMP input member '%s' is unexpected", key);
    return false;
}

static bool take_apart(GVariant *request, bool oob, Call *call, GError **error)
{
    GVariantIter iter;
    const char *key;
    GVariant *value;
    bool right = true;

    if (!g_variant_is_of_type(request, G_VARIANT_TYPE_VARDICT)) {
        error_set(error, ERROR_INVALID, "QMP input must be a JSON object");
        return false;
    }
    g_variant_iter_init(&iter, request);
    while (right && g_variant_iter_next(&iter, "{&sv}", &key, &value)) {
        right = take_member(call, key, value, oob, error);
        g_variant_unref(value); /* the request holds it */
    }
    if (right && !call->name) {
        error_set(error, ERROR_INVALID, "QMP input lacks member 'execute'");
        return false;
    }
    return right;
}

static bool is_allowed(Qmp *qmp, const Call *call, GError **error)
{
    bool negotiates = g_str_equal(call->name, "qmp_capabilities");
    const Command *command;

    if (!qmp->negotiated && !negotiates) {
        error_set(error, ERROR_COMMAND_NOT_FOUND,
                  "Expecting capabilities negotiation with 'qmp_capabilities'");
        return false;
    }
    if (qmp->negotiated && negotiates && !call->oob) {
        error_set(error, ERROR_COMMAND_NOT_FOUND,
                  "Capabilities negotiation is already complete, command ignored");
        return false;
    }
    command = find_command(call->name, error);
    if (command && call->oob && !(command->flags & COMMAND_OOB)) {
        error_set(error, ERROR_INVALID, "The command %s does not support OOB", call->name);
        return false;
    }
    return command != NULL;
}

static void dispatch(Qmp *qmp, GVariant *request)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) id = NULL;
    g_autoptr(GVariant) result = NULL;
    Call call = { 0 };

    if (g_variant_is_of_type(request, G_VARIANT_TYPE_VARDICT)) {
        id = args_value(request, "id");
    }
    if (take_apart(request, qmp->oob, &call, &error) && is_allowed(qmp, &call, &error)) {
        result = qmp_call((Monitor *)qmp, call.name, call.arguments, &error);
    }
    if (result) {
        send_result(qmp, id, result);
    } else {
        send_error(qmp, id, error);
    }
}

/* ---- the queue ---- */

static void request_free(Request *request)
{
    g_clear_pointer(&request->value, g_variant_unref);
    g_clear_error(&request->error);
    fd_list_close(&request->fds);
    g_free(request);
}

static size_t qmp_can_receive(Monitor *monitor)
{
    Qmp *qmp = QMP(monitor);

    qmp->full = g_queue_get_length(&qmp->requests) >= QMP_QUEUE_MAX ||
                chardev_queued(qmp->chardev) > QMP_UNREAD_MAX;
    /* Little at a time, so that the queue outgrows its limit by little. */
    return qmp->full ? 0 : 4096;
}

static void resume_input(Qmp *qmp)
{
    if (qmp->full && qmp->chardev && qmp_can_receive((Monitor *)qmp)) {
        chardev_receive_resume(qmp->chardev);
    }
}

static void run_request(Qmp *qmp, Request *request)
{
    fd_list_move(&qmp->fds, &request->fds);
    if (request->error) {
        send_error(qmp, NULL, request->error);
    } else {
        dispatch(qmp, request->value);
    }
    request_free(request);
}

static gboolean run_queue(void *opaque)
{
    Qmp *qmp = opaque;
    Request *request = g_queue_pop_head(&qmp->requests);

    if (!request || !g_queue_get_length(&qmp->requests)) {
        qmp->source = 0;
    }
    if (request) {
        gboolean more = qmp->source != 0;
        run_request(qmp, request);
        resume_input(qmp);
        return more;
    }
    return G_SOURCE_REMOVE;
}

static bool is_out_of_band(Qmp *qmp, GVariant *value)
{
    return qmp->oob && g_variant_is_of_type(value, G_VARIANT_TYPE_VARDICT) &&
           args_has(value, "exec-oob") && !args_has(value, "execute");
}

static void on_value(void *opaque, GVariant *value, const GError *error)
{
    Qmp *qmp = opaque;
    Request *request;

    if (value && is_out_of_band(qmp, value)) {
        fd_list_move(&qmp->fds, &qmp->incoming);
        dispatch(qmp, value);
        return;
    }
    request = g_new0(Request, 1);
    request->value = value ? g_variant_ref(value) : NULL;
    request->error = error ? g_error_copy(error) : NULL;
    fd_list_move(&request->fds, &qmp->incoming);
    g_queue_push_tail(&qmp->requests, request);
    if (!qmp->source) {
        qmp->source = g_idle_add_full(G_PRIORITY_DEFAULT, run_queue, qmp, NULL);
    }
}

/* ---- the session ---- */

static void qmp_receive(Monitor *monitor, const uint8_t *data, size_t size)
{
    json_stream_feed(QMP(monitor)->stream, (const char *)data, size);
}

static void reset_session(Qmp *qmp)
{
    Request *request;

    while ((request = g_queue_pop_head(&qmp->requests))) {
        request_free(request);
    }
    json_stream_reset(qmp->stream);
    fd_list_close(&qmp->incoming);
    fd_list_close(&qmp->fds);
    g_hash_table_remove_all(qmp->named_fds);
    qmp->negotiated = qmp->oob = qmp->full = false;
}

static void qmp_event(Monitor *monitor, ChardevEvent event)
{
    Qmp *qmp = QMP(monitor);

    if (event == CHARDEV_OPENED) {
        reset_session(qmp);
        send_greeting(qmp);
    } else if (event == CHARDEV_CLOSED) {
        /* What was said before the end counts: `echo … | vmm -qmp stdio`. */
        Request *request;
        while ((request = g_queue_pop_head(&qmp->requests))) {
            run_request(qmp, request);
        }
        reset_session(qmp);
    }
}

static void qmp_writable(Monitor *monitor)
{
    resume_input(QMP(monitor));
}

static void qmp_release(Monitor *monitor)
{
    Qmp *qmp = QMP(monitor);

    reset_session(qmp);
    if (qmp->source) {
        g_source_remove(qmp->source);
    }
    json_stream_free(qmp->stream);
}

const MonitorKind qmp_kind = {
    .can_receive = qmp_can_receive,
    .receive = qmp_receive,
    .event = qmp_event,
    .writable = qmp_writable,
    .release = qmp_release,
};

Monitor *qmp_alloc(bool pretty)
{
    Qmp *qmp = g_new0(Qmp, 1);

    monitor_init((Monitor *)qmp, &qmp_kind);
    qmp->pretty = pretty;
    qmp->stream = json_stream_new(on_value, qmp);
    g_queue_init(&qmp->requests);
    return (Monitor *)qmp;
}

/* ---- what reaches into sessions ---- */

void qmp_negotiate(Monitor *monitor, bool oob)
{
    Qmp *qmp = QMP(monitor);

    if (monitor->kind == &qmp_kind) {
        qmp->negotiated = true;
        qmp->oob = oob;
    }
}

static void send_event(Monitor *monitor, void *event)
{
    Qmp *qmp = QMP(monitor);

    if (qmp->negotiated) {
        send_value(qmp, event);
    }
}

void qmp_broadcast(GVariant *event)
{
    monitor_foreach(&qmp_kind, send_event, event);
}

void qmp_check_event(const Event *event, GVariant *data)
{
    g_autoptr(GError) error = NULL;

    if (strict && !schema_check_members(event->data, data, &error)) {
        g_error("the event %s has what is not in its schema: %s", event->name, error->message);
    }
}
