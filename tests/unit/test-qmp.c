/* SPDX-License-Identifier: MIT */
/* QMP sessions over a socket: negotiation, dispatch, errors, events, out-of-band, bad input. */
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "monitor/events.h"
#include "monitor/json.h"
#include "monitor/qmp.h"
#include "monitor/schema.h"
#include "tests/unit/chardev-peer.h"
#include "tests/unit/monitor-client.h"

/* ---- a subject of the test's own ---- */

static GVariant *test_echo(Monitor *monitor, GVariant *args, GError **error)
{
    return args_value(args, "value");
}

static GVariant *test_fail(Monitor *monitor, GVariant *args, GError **error)
{
    error_set(error, args_int(args, "code", ERROR_FAILED), "it failed as \xff%s", "asked");
    return NULL;
}

static GVariant *test_take_fd(Monitor *monitor, GVariant *args, GError **error)
{
    int fd = monitor_take_fd(monitor, error);
    char byte;

    if (fd < 0) {
        return NULL;
    }
    g_assert_cmpint(pread(fd, &byte, 1, 0), ==, 1);
    close(fd);
    return g_variant_new_int64(byte);
}

static unsigned strange_calls;

static GVariant *test_strange(Monitor *monitor, GVariant *args, GError **error)
{
    strange_calls++;
    return NULL;
}

static const char *const colours[] = { "red", "green", NULL };
static const char *const choices[] = { "str", "int", "TestPoint", NULL };
static const SchemaType test_types[] = {
    { .name = "TestColour", .values = colours },
    { .name = "TestPoint",
      .members = (const SchemaMember[]){ { "x", "int" }, { "y", "int", true }, { 0 } } },
    { .name = "TestChoice", .alternatives = choices },
    { .name = "TestBase",
      .members = (const SchemaMember[]){ { "colour", "TestColour" }, { 0 } } },
    { .name = "TestUnion", .base = "TestBase",
      .members = (const SchemaMember[]){ { "kind", "TestColour" }, { 0 } }, .tag = "kind",
      .variants = (const SchemaVariant[]){ { "red", "TestPoint" }, { 0 } } },
    { 0 },
};
static const Command test_commands[] = {
    { .name = "test-echo", .arguments = (const SchemaMember[]){ { "value", "any" }, { 0 } },
      .returns = "any", .handler = test_echo, .flags = COMMAND_PRECONFIG },
    { .name = "test-oob", .arguments = (const SchemaMember[]){ { "value", "any" }, { 0 } },
      .returns = "any", .handler = test_echo, .flags = COMMAND_OOB | COMMAND_PRECONFIG },
    { .name = "test-fail", .arguments = (const SchemaMember[]){ { "code", "int", true }, { 0 } },
      .handler = test_fail, .flags = COMMAND_PRECONFIG },
    { .name = "test-late", .handler = test_strange },
    { .name = "test-fd", .returns = "int", .handler = test_take_fd,
      .flags = COMMAND_PRECONFIG },
    { .name = "test-args", .handler = test_strange, .flags = COMMAND_PRECONFIG,
      .arguments = (const SchemaMember[]){
          { "s", "str", true }, { "b", "bool", true }, { "i", "int", true },
          { "u8", "uint8", true }, { "u64", "uint64", true }, { "n", "number", true },
          { "null", "null", true }, { "colour", "TestColour", true },
          { "points", "[TestPoint]", true }, { "choice", "TestChoice", true },
          { "union", "TestUnion", true }, { 0 } } },
    { 0 },
};
#define RATE_MS 50
static const Event test_events[] = {
    { .name = "TEST_PLAIN" },
    { .name = "TEST_LIMITED", .rate_ms = RATE_MS, .rate_key = "id",
      .data = (const SchemaMember[]){ { "id", "str" }, { "n", "int" }, { 0 } } },
    { 0 },
};
static const SchemaModule test_module = {
    .title = "Tests", .types = test_types, .commands = test_commands, .events = test_events,
};

static const MonitorOptions control = { .mode = MONITOR_CONTROL };

#define GENERIC(text) "{\"error\": {\"class\": \"GenericError\", \"desc\": \"" text "\"}}"
#define NOT_FOUND(text) "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"" text "\"}}"
#define GREETING                                                                              \
    "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 2, \"major\": 7}, "        \
    "\"package\": \"vmm *\"}, \"capabilities\": [\"oob\"]}}"

/* ---- the tests ---- */

static void test_negotiation(void)
{
    Monitor *monitor = monitor_listening("q", &control);
    Client client;

    client_connect(&client, "q");
    client_expect_like(&client, GREETING);
    client_ask(&client, "{'execute':'query-name'}",
               NOT_FOUND("Expecting capabilities negotiation with 'qmp_capabilities'"));
    client_ask(&client, "{'execute':'nonsense'}",
               NOT_FOUND("Expecting capabilities negotiation with 'qmp_capabilities'"));
    client_ask(&client, "{'execute':'qmp_capabilities','arguments':{'enable':['x']}}",
               GENERIC("Parameter 'enable[0]' does not accept value 'x'"));
    client_ask(&client, "{'execute':'qmp_capabilities','id':[1,{'a':null}]}",
               "{\"return\": {}, \"id\": [1, {\"a\": null}]}");
    client_ask(&client, "{'execute':'qmp_capabilities'}",
               NOT_FOUND("Capabilities negotiation is already complete, command ignored"));
    client_ask(&client, "{'execute':'query-name'}", "{\"return\": {}}");
    client_ask(&client, "{'exec-oob':'test-oob','arguments':{'value':1}}",
               GENERIC("QMP input member 'exec-oob' is unexpected"));
    client_close(&client);
    monitor_delete(monitor);
}

static void test_reconnect(void)
{
    Monitor *monitor = monitor_listening("again", &control);
    Client client;

    for (int i = 0; i < 3; i++) {
        client_connect(&client, "again");
        client_expect_like(&client, GREETING);
        client_ask(&client, "{'execute':'query-name'}",
                   NOT_FOUND("Expecting capabilities negotiation with 'qmp_capabilities'"));
        client_ask(&client, "{'execute':'qmp_capabilities'}", "{\"return\": {}}");
        /* Half a command and unanswered ones: nothing of them is left to the next client. */
        client_send(&client, "{'execute':'query-name'}{'execute':'query-name'}{'execute':");
        client_close(&client);
    }
    monitor_delete(monitor);
}

static void test_shape(void)
{
    static const struct { const char *text, *answer; } cases[] = {
        { "[]", GENERIC("QMP input must be a JSON object") },
        { "1 ", GENERIC("QMP input must be a JSON object") },
        { "{}", GENERIC("QMP input lacks member 'execute'") },
        { "{\"execute\":1}", GENERIC("QMP input member 'execute' must be a string") },
        { "{\"execute\":\"stop\",\"arguments\":[]}",
          GENERIC("QMP input member 'arguments' must be an object") },
        { "{\"execute\":\"stop\",\"foo\":1}", GENERIC("QMP input member 'foo' is unexpected") },
        { "{\"execute\":\"stop\",\"exec-oob\":\"stop\"}",
          GENERIC("QMP input member 'execute' clashes with 'exec-oob'") },
        { "{\"execute\":\"nope\",\"id\":1}", "{\"id\": 1, \"error\": {\"class\": "
          "\"CommandNotFound\", \"desc\": \"The command nope has not been found\"}}" },
        { "{\"execute\":\"query-name\",\"execute\":\"query-uuid\"}",
          GENERIC("JSON parse error, duplicate key") },
        { "{\"execute\":\"test-late\"}", GENERIC("The command test-late is permitted only after "
                                              "machine initialization has completed") },
        { "]", GENERIC("JSON parse error, expecting value") },
        { "{\"execute\":\"query-name\",\"id\":\"\\ud83d\\ude00\"}",
          "{\"return\": {}, \"id\": \"\\uD83D\\uDE00\"}" },
        { "\x1b", GENERIC("JSON parse error, stray '\\u001B'") },
    };
    Monitor *monitor = monitor_listening("shape", &control);
    Client client;

    client_connect(&client, "shape");
    client_negotiate(&client, true);
    for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
        client_ask(&client, cases[i].text, cases[i].answer);
    }
    client_expect_silence(&client);
    client_close(&client);
    monitor_delete(monitor);
}

static void test_arguments(void)
{
    static const struct { const char *args, *error; } bad[] = {
        { "{'x':1}", "Parameter 'x' is unexpected" },
        { "{'s':1}", "Invalid parameter type for 's', expected: string" },
        { "{'s':null}", "Invalid parameter type for 's', expected: string" },
        { "{'b':1}", "Invalid parameter type for 'b', expected: boolean" },
        { "{'i':'1'}", "Invalid parameter type for 'i', expected: integer" },
        { "{'i':1.5}", "Invalid parameter type for 'i', expected: integer" },
        { "{'i':9223372036854775808}", "Invalid parameter type for 'i', expected: integer" },
        { "{'i':99999999999999999999}", "Invalid parameter type for 'i', expected: integer" },
        { "{'u8':256}", "Parameter 'u8' expects uint8" },
        { "{'u8':-1}", "Parameter 'u8' expects uint8" },
        { "{'u64':-1}", "Parameter 'u64' expects uint64" },
        { "{'n':'1'}", "Invalid parameter type for 'n', expected: number" },
        { "{'null':0}", "Invalid parameter type for 'null', expected: null" },
        { "{'colour':'blue'}", "Parameter 'colour' does not accept value 'blue'" },
        { "{'colour':1}", "Invalid parameter type for 'colour', expected: string" },
        { "{'points':{}}", "Invalid parameter type for 'points', expected: array" },
        { "{'points':[{'x':1},2]}", "Invalid parameter type for 'points[1]', expected: object" },
        { "{'points':[{'y':1}]}", "Parameter 'points[0].x' is missing" },
        { "{'points':[{'x':1,'z':1}]}", "Parameter 'points[0].z' is unexpected" },
        { "{'choice':true}", "Invalid parameter type for 'choice', expected: TestChoice" },
        { "{'choice':{'y':1}}", "Parameter 'choice.x' is missing" },
        { "{'union':{'kind':'green'}}", "Parameter 'union.colour' is missing" },
        { "{'union':{'colour':'red'}}", "Parameter 'union.kind' is missing" },
        { "{'union':{'colour':'red','kind':'red'}}", "Parameter 'union.x' is missing" },
        { "{'union':{'colour':'red','kind':'green','x':1}}",
          "Parameter 'union.x' is unexpected" },
    };
    static const char *const good[] = {
        "{}", "{'s':'','b':false,'i':-1,'u8':255,'u64':18446744073709551615,'n':1,'null':null}",
        "{'n':1.5,'colour':'green','points':[],'choice':'x'}", "{'choice':5}",
        "{'choice':{'x':1},'points':[{'x':1},{'x':2,'y':3}]}",
        "{'union':{'colour':'red','kind':'red','x':1}}",
        "{'union':{'colour':'red','kind':'green'}}",
    };
    Monitor *monitor = monitor_listening("args", &control);
    Client client;

    client_connect(&client, "args");
    client_negotiate(&client, false);
    strange_calls = 0;
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *text = g_strdup_printf("{'execute':'test-args','arguments':%s}",
                                                bad[i].args);
        g_autofree char *answer = g_strdup_printf(GENERIC("%s"), bad[i].error);
        client_ask(&client, text, answer);
    }
    g_assert_cmpuint(strange_calls, ==, 0);
    for (unsigned i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *text = g_strdup_printf("{'execute':'test-args','arguments':%s}", good[i]);
        client_ask(&client, text, "{\"return\": {}}");
    }
    g_assert_cmpuint(strange_calls, ==, G_N_ELEMENTS(good));
    client_close(&client);
    monitor_delete(monitor);
}

static void test_error_classes(void)
{
    static const char *const classes[] = {
        [ERROR_FAILED] = "GenericError", [ERROR_NOT_FOUND] = "GenericError",
        [ERROR_INVALID] = "GenericError", [ERROR_COMMAND_NOT_FOUND] = "CommandNotFound",
        [ERROR_DEVICE_NOT_FOUND] = "DeviceNotFound",
        [ERROR_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
        [ERROR_KVM_MISSING_CAP] = "KVMMissingCap", [ERROR_SYSTEM] = "GenericError",
    };
    Monitor *monitor = monitor_listening("classes", &control);
    Client client;

    client_connect(&client, "classes");
    client_negotiate(&client, false);
    for (unsigned i = 0; i < G_N_ELEMENTS(classes); i++) {
        g_autofree char *text = g_strdup_printf("{'execute':'test-fail','arguments':{'code':%u}}",
                                                i);
        g_autofree char *answer = g_strdup_printf("{\"error\": {\"class\": \"%s\", \"desc\": "
                                                  "\"it failed as \\uFFFDasked\"}}", classes[i]);
        client_ask(&client, text, answer);
    }
    client_close(&client);
    monitor_delete(monitor);
}

static void test_pretty(void)
{
    const MonitorOptions pretty = { .mode = MONITOR_CONTROL, .pretty = true };
    Monitor *monitor = monitor_listening("pretty", &pretty);
    Client client;

    client_connect(&client, "pretty");
    g_free(client_until(&client, "\r\n}\r\n"));
    client_send(&client, "{'execute':'qmp_capabilities'}");
    client_expect(&client, "{");
    client_expect(&client, "    \"return\": {");
    client_expect(&client, "    }");
    client_expect(&client, "}");
    client_close(&client);
    monitor_delete(monitor);
}

/* Twenty in one message: answered in order, however many may wait. */
static void test_many(void)
{
    Monitor *monitor = monitor_listening("many", &control);
    g_autoptr(GString) text = g_string_new(NULL);
    Client client;

    for (int i = 0; i < 200; i++) {
        g_string_append_printf(text, "{'execute':'test-echo','arguments':{'value':%d},'id':%d}",
                               i, i);
    }
    client_connect(&client, "many");
    client_negotiate(&client, false);
    client_send(&client, text->str);
    for (int i = 0; i < 200; i++) {
        g_autofree char *answer = g_strdup_printf("{\"return\": %d, \"id\": %d}", i, i);
        client_expect(&client, answer);
    }
    client_close(&client);
    monitor_delete(monitor);
}

static void test_out_of_band(void)
{
    Monitor *monitor = monitor_listening("oob", &control);
    Client client;

    client_connect(&client, "oob");
    client_negotiate(&client, true);
    client_ask(&client, "{'exec-oob':'test-echo','arguments':{'value':1},'id':7}",
               "{\"id\": 7, \"error\": {\"class\": \"GenericError\", \"desc\": "
               "\"The command test-echo does not support OOB\"}}");
    client_ask(&client, "{'exec-oob':'qmp_capabilities'}",
               GENERIC("The command qmp_capabilities does not support OOB"));
    /* In one message: the one out of band overtakes. */
    client_send(&client, "{'execute':'test-echo','arguments':{'value':1},'id':1}"
                         "{'execute':'test-oob','arguments':{'value':2},'id':2}"
                         "{'exec-oob':'test-oob','arguments':{'value':3},'id':3}");
    client_expect(&client, "{\"return\": 3, \"id\": 3}");
    client_expect(&client, "{\"return\": 1, \"id\": 1}");
    client_expect(&client, "{\"return\": 2, \"id\": 2}");
    client_close(&client);
    monitor_delete(monitor);
}

static void test_events_sent(void)
{
    Monitor *one = monitor_listening("one", &control), *two = monitor_listening("two", &control);
    Client first, second;

    client_connect(&first, "one");
    client_connect(&second, "two");
    client_negotiate(&first, false);
    client_expect_like(&second, GREETING);
    monitor_event("TEST_PLAIN", NULL);
    client_expect_like(&first, "{\"timestamp\": {\"seconds\": *, \"microseconds\": *}, "
                               "\"event\": \"TEST_PLAIN\"}");
    client_expect_silence(&second);
    client_ask(&second, "{'execute':'qmp_capabilities'}", "{\"return\": {}}");
    monitor_event("TEST_LIMITED", g_variant_new_parsed("{'id': <'a'>, 'n': <int64 1>}"));
    client_expect_like(&first, "*\"event\": \"TEST_LIMITED\", \"data\": {\"id\": \"a\", "
                               "\"n\": 1}}");
    client_expect_like(&second, "*\"event\": \"TEST_LIMITED\"*");
    client_close(&first);
    client_close(&second);
    monitor_delete(one);
    monitor_delete(two);
}

static void raise_limited(const char *id, gint64 n)
{
    monitor_event("TEST_LIMITED", g_variant_new_parsed("{'id': <%s>, 'n': <%x>}", id, n));
}

static void test_event_limit(void)
{
    Monitor *monitor = monitor_listening("limit", &control);
    Client client;
    gint64 start;
    bool silent;

    client_connect(&client, "limit");
    client_negotiate(&client, false);
    start = g_get_monotonic_time();
    for (int i = 0; i < 100; i++) {
        raise_limited("b", i);
        raise_limited("c", i);
    }
    /* The first at once, the last when the time is over; each key by itself. */
    client_expect_like(&client, "*{\"id\": \"b\", \"n\": 0}}");
    client_expect_like(&client, "*{\"id\": \"c\", \"n\": 0}}");
    silent = client_is_silent(&client);
    if (g_get_monotonic_time() - start < RATE_MS * 1000) {  /* a slow host may be there already */
        g_assert_true(silent);
    }
    client_expect_like(&client, "*\"n\": 99}}");
    client_expect_like(&client, "*\"n\": 99}}");
    client_expect_silence(&client);
    client_close(&client);
    monitor_delete(monitor);
}

static void *raise_event(void *opaque)
{
    monitor_event("TEST_PLAIN", NULL);
    return NULL;
}

static void test_event_thread(void)
{
    Monitor *monitor = monitor_listening("thread", &control);
    Client client;

    client_connect(&client, "thread");
    client_negotiate(&client, false);
    g_thread_join(g_thread_new("raiser", raise_event, NULL));
    client_expect_like(&client, "*TEST_PLAIN*");
    client_close(&client);
    monitor_delete(monitor);
}

static int file_with(char byte)
{
    g_autofree char *path = test_path("byte");
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    g_assert_cmpint(write(fd, &byte, 1), ==, 1);
    unlink(path);
    return fd;
}

static void test_descriptors(void)
{
    Monitor *monitor = monitor_listening("fds", &control);
    int a = file_with('A'), b = file_with('B');
    Client client;

    client_connect(&client, "fds");
    client_negotiate(&client, false);
    client_ask(&client, "{'execute':'test-fd'}",
               GENERIC("No file descriptor supplied via SCM_RIGHTS"));
    /* Two commands with one each before either runs. */
    client_send_fds(&client, "{'execute':'test-fd'}", &a, 1);
    client_send_fds(&client, "{'execute':'test-fd'}", &b, 1);
    client_expect(&client, "{\"return\": 65}");
    client_expect(&client, "{\"return\": 66}");
    client_ask(&client, "{'execute':'test-fd'}",
               GENERIC("No file descriptor supplied via SCM_RIGHTS"));
    /* One that nobody takes is closed with the session. */
    client_send_fds(&client, "{'execute':'query-name'}", &a, 1);
    client_expect(&client, "{\"return\": {}}");
    close(a);
    close(b);
    client_close(&client);
    monitor_delete(monitor);
}

/* Megabytes of anything: answered or refused, and the session goes on. */
static void test_hostile(void)
{
    Monitor *monitor = monitor_listening("hostile", &control);
    g_autofree char *block = g_malloc(1 << 20);
    GRand *random = g_rand_new_with_seed(1);
    Client client;

    client_connect(&client, "hostile");
    client_negotiate(&client, true);
    for (unsigned i = 0; i < 1 << 16; i++) {
        block[i] = g_rand_int(random);
    }
    client_send_bytes(&client, block, 1 << 16);
    memset(block, '[', 1 << 20);
    client_send_bytes(&client, block, 1 << 14);
    memset(block, 'a', 1 << 20);
    client_send(&client, "\xff{\"execute\":\"");
    client_send_bytes(&client, block, 1 << 20);
    client_send(&client, "\"}\xff{\"execute\":\"query-name\",\"id\":\"end\"}");
    g_free(client_until(&client, "{\"return\": {}, \"id\": \"end\"}\r\n"));
    client_expect_silence(&client);
    client_close(&client);
    g_rand_free(random);
    monitor_delete(monitor);
}

/* A client that never reads: its input stops being taken; others are served. */
static void test_deaf(void)
{
    Monitor *monitor = monitor_listening("deaf", &control);
    Client client;
    unsigned sent = 0;
    const char *text = "{'execute':'query-commands'}";

    client_connect(&client, "deaf");
    client_negotiate(&client, false);
    for (unsigned quiet = 0; quiet < 200;) {
        ssize_t size = send(client.fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
        quiet = size == (ssize_t)strlen(text) ? 0 : quiet + 1;
        g_assert_true(size < 0 || size == (ssize_t)strlen(text));
        sent += size > 0;
        g_main_context_iteration(NULL, FALSE);
        g_assert_cmpuint(sent, <, 100000);
    }
    for (unsigned i = 0; i < sent; i++) {
        client_expect_like(&client, "{\"return\": [{\"name\": *");
    }
    client_ask(&client, "{'execute':'query-name'}", "{\"return\": {}}");
    client_close(&client);
    monitor_delete(monitor);
}

static void test_options(void)
{
    static const struct { const char *options, *error; } bad[] = {
        { "{'mode': <'control'>}", "mon: 'chardev' is missing" },
        { "{'chardev': <'none'>}", "mon: chardev 'none' not found" },
        { "{'chardev': <'opt'>, 'mode': <'x'>}",
          "mon: mode 'x' is neither 'readline' nor 'control'" },
        { "{'chardev': <'opt'>, 'pretty': <'on'>}", "mon: 'pretty' needs mode=control" },
        { "{'chardev': <'opt'>, 'mode': <'control'>, 'pretty': <'maybe'>}",
          "mon: 'pretty' must be on or off" },
        { "{'chardev': <'opt'>, 'prety': <'on'>}",
          "mon: unknown option 'prety' (did you mean 'pretty'?)" },
    };
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) good = g_variant_ref_sink(
        g_variant_new_parsed("{'chardev': <'opt'>, 'mode': <'control'>, 'pretty': <'off'>}"));

    chardev_made("ringbuf,id=opt,size=4096");
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GVariant) options = g_variant_ref_sink(g_variant_new_parsed(bad[i].options));
        g_assert_false(monitor_add(options, &error));
        g_assert_cmpstr(error->message, ==, bad[i].error);
        g_clear_error(&error);
    }
    g_assert_true(monitor_add(good, &error));
    g_assert_false(monitor_add(good, &error));
    g_assert_nonnull(error);
    g_clear_error(&error);
    g_assert_false(chardev_remove("opt", &error));
    monitor_delete_all();
    g_clear_error(&error);
    g_assert_true(chardev_remove("opt", &error));
}

int main(int argc, char **argv)
{
    test_start(&argc, &argv);
    schema_add_module(&test_module);
    qmp_set_strict(true);
    g_test_add_func("/qmp/negotiation", test_negotiation);
    g_test_add_func("/qmp/reconnect", test_reconnect);
    g_test_add_func("/qmp/shape", test_shape);
    g_test_add_func("/qmp/arguments", test_arguments);
    g_test_add_func("/qmp/error-classes", test_error_classes);
    g_test_add_func("/qmp/pretty", test_pretty);
    g_test_add_func("/qmp/many", test_many);
    g_test_add_func("/qmp/oob", test_out_of_band);
    g_test_add_func("/qmp/events", test_events_sent);
    g_test_add_func("/qmp/event-limit", test_event_limit);
    g_test_add_func("/qmp/event-thread", test_event_thread);
    g_test_add_func("/qmp/descriptors", test_descriptors);
    g_test_add_func("/qmp/hostile", test_hostile);
    g_test_add_func("/qmp/deaf", test_deaf);
    g_test_add_func("/qmp/options", test_options);
    return test_finish();
}
