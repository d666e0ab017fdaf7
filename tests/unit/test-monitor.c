/* SPDX-License-Identifier: MIT */
/* The commands of both monitors on a small machine. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fdset.h"
#include "base/log.h"
#include "hw/core/cpu.h"
#include "arch/x86/cpu.h"
#include "hw/core/debug.h"
#include "hw/core/machine.h"
#include "hw/core/plug.h"
#include "monitor/events.h"
#include "monitor/hmp.h"
#include "monitor/json.h"
#include "monitor/qmp.h"
#include "tests/unit/chardev-peer.h"
#include "tests/unit/monitor-client.h"

enum { RAM_SIZE = 0x10000 };

/* ---- the machine ---- */

typedef struct TestDevice {
    Device device;
    uint8_t data, colour;
    uint32_t size;
    char *text;
    Object *friend;
} TestDevice;

static const char *const colours[] = { "red", "green", NULL };

static const Property test_properties[] = {
    { .name = "size", .description = "a number", .field = FIELD_OF(TestDevice, size),
      .def.u = 7, .flags = PROPERTY_LIVE },
    { .name = "text", .description = "a string", .field = FIELD_OF(TestDevice, text) },
    { .name = "colour", .description = "a colour", .field = FIELD_OF(TestDevice, colour),
      .values = colours, .def.u = 1 },
};
static const RegisterInfo test_registers[] = {
    { 0, "DATA", FIELD(TestDevice, data), .reset = 0x5a },
};
static const BankInfo test_banks[] = {
    { .name = "io", .description = "the register", .kind = BANK_REGISTERS, .space = SPACE_IO,
      .size = 1, .registers = TABLE(test_registers), .base = 0x100, .fixed = true },
};
static const PinInfo test_pins[] = {
    { .name = "irq", .description = "the line", .direction = PIN_OUT },
};
static const BusInfo test_buses[] = { { "test.0", "test-bus" } };

static void print_irqs(Object *object, GString *out)
{
    g_string_append_printf(out, "irqs of %s\n", object->name);
}

static void print_device(Device *device, GString *out)
{
    print_irqs(OBJECT(device), out);
}

static GVariant *answer_pci(Object *object)
{
    return g_variant_new_parsed("[<{'bus': <int64 0>, 'devices': <@av []>}>]");
}

static const QueryOps pci_query = { "query-pci", answer_pci, .topic = "pci", .print = print_irqs };
static const Interface test_interfaces[] = {
    { QUERY_INTERFACE, &pci_query },
};

static const DeviceType test_device_type = {
    .name = "test-device", .parent = "device", .description = "a device",
    .size = sizeof(TestDevice), .properties = TABLE(test_properties), .bus = "System",
    .interfaces = TABLE(test_interfaces), .banks = TABLE(test_banks), .pins = TABLE(test_pins),
    .buses = TABLE(test_buses), .print = print_device, .topic = "irq",
};

typedef struct TestPlug {
    Device device;
    uint32_t number;
} TestPlug;

static const Property plug_properties[] = {
    { .name = "number", .description = "a number", .field = FIELD_OF(TestPlug, number), .max = 9 },
};

static const DeviceType test_plug_type = {
    .name = "test-plug", .parent = "device", .description = "comes and goes",
    .size = sizeof(TestPlug), .properties = TABLE(plug_properties), .bus = "test-bus",
    .hotpluggable = true,
};
static const BusType test_bus_type = {
    .name = "test-bus", .parent = "bus", .description = "for test-plug", .size = sizeof(Bus),
    .hotplug = true,
};
static const ObjectType test_machine_type = {
    .name = "test-machine", .parent = "machine", .description = "for the test",
    .size = sizeof(Machine),
};

typedef struct TestObject {
    Object object;
    uint32_t number;
} TestObject;

static const Property object_properties[] = {
    { .name = "number", .description = "a number", .field = FIELD_OF(TestObject, number),
      .flags = PROPERTY_REQUIRED },
};

static const ObjectType test_object_type = {
    .name = "test-object", .description = "users make it", .size = sizeof(TestObject),
    .user_creatable = true, .properties = TABLE(object_properties),
};

static bool get_register(Cpu *cpu, const char *name, uint64_t *value)
{
    *value = 0x1234;
    return g_str_equal(name, "rip");
}

static void print_registers(Cpu *cpu, GString *out, bool all)
{
    g_string_append_printf(out, "\nCPU#%u\nRIP=1234\n", cpu->index);
}

/* The first page is not mapped; the others are, one page further down. */
static bool translate(Cpu *cpu, uint64_t address, uint64_t *physical)
{
    *physical = address - 4096;
    return address >= 4096;
}

static unsigned nmis;

static void inject_nmi(void)
{
    nmis++;
}

static const CpuOps cpu_ops = {
    .arch = "x86_64", .print_registers = print_registers, .get_register = get_register,
    .translate = translate,
};
static const DeviceType test_cpu_type = {
    .name = "test-cpu", .parent = "cpu", .description = "stands still", .size = sizeof(Cpu),
};

static RamBlock *ram;
static MemoryRegion *ram_region;
static bool shut_down;

static void machine_up(void)
{
    static const ObjectType *const types[] = {
        (const ObjectType *)&test_bus_type, (const ObjectType *)&test_device_type,
        (const ObjectType *)&test_plug_type, (const ObjectType *)&test_cpu_type,
        &test_machine_type, &test_object_type, NULL,
    };
    g_autoptr(GError) error = NULL;
    Device *device, *cpu;

    object_types_register(types);
    object_types_register(x86_cpu_types());
    g_assert_nonnull(machine_new(&test_machine_type, &error));
    machine_get()->ram_size = RAM_SIZE;
    machine_get()->max_cpus = 2;
    machine_set_nmi_hook(inject_nmi);
    ram = ram_block_new("test.ram", RAM_SIZE, NULL, &error);
    ram_region = region_new_ram(NULL, "test.ram", ram);
    region_add(address_space_root(machine_memory()), 0, ram_region, 0);
    for (unsigned i = 0; i < RAM_SIZE; i++) {
        ram->host[i] = i;
    }
    device = device_new(&test_device_type, OBJECT(machine_get()), "dev", &error);
    g_assert_no_error(error);
    g_assert_true(bus_plug(system_bus(), device, &error));
    cpu = device_new(&test_cpu_type, OBJECT(machine_get()), "cpu", &error);
    g_assert_no_error(error);
    CPU(cpu)->ops = &cpu_ops;
    CPU(cpu)->memory = machine_memory();
    CPU(cpu)->thread_id = 42;
    cpu_register(CPU(cpu));
    if (!machine_bring_up(false, &error)) {
        g_error("%s", error->message);
    }
}

static void machine_down(void)
{
    cpu_unregister(cpu_get(0));
    region_free(ram_region);
    machine_delete();
    ram_block_free(ram);
}

/* ---- asking ---- */

static Monitor *monitor;
static Client client;

/* Requests to the machine are carried out by the main loop: here, after each command. */
static void settle(void)
{
    int status = 0;

    run_idle();
    shut_down |= machine_handle_requests(&status);
}

static void ask(const char *command, const char *args, const char *answer)
{
    g_autofree char *text = g_strdup_printf("{'execute':'%s','arguments':%s}", command, args);

    client_ask(&client, text, answer);
}

static void ask_like(const char *command, const char *args, const char *pattern)
{
    g_autofree char *text = g_strdup_printf("{'execute':'%s','arguments':%s}", command, args);

    client_send(&client, text);
    client_expect_like(&client, pattern);
}

static void ask_fails(const char *command, const char *args, const char *class, const char *desc)
{
    g_autofree char *answer = g_strdup_printf("{\"error\": {\"class\": \"%s\", \"desc\": \"%s\"}}",
                                              class, desc);

    ask_like(command, args, answer);
}

#define DONE "{\"return\": {}}"

static char *human(const char *line)
{
    GVariant *result = hmp_run_for_qmp(line, -1, NULL);
    char *text = g_variant_dup_string(result, NULL);

    g_variant_unref(g_variant_ref_sink(result));
    return text;
}

static void check_human(const char *line, const char *pattern)
{
    g_autofree char *text = human(line);

    if (!g_pattern_match_simple(pattern, text)) {
        g_error("'%s' prints '%s', not '%s'", line, text, pattern);
    }
}

/* ---- the tests ---- */

static void test_program(void)
{
    static const OptionParameter parameters[] = {
        { "a", "string", "an a", NULL }, { "b", "size", NULL, "1" }, { 0 },
    };
    static const CommandLineOption options[] = { { "opt", parameters }, { "none", NULL }, { 0 } };
    static const MonitorProgram program = {
        .target = "x86_64", .options = options, .default_machine = "none",
    };
    static const uint8_t uuid[16] = {
        0x55, 0x0e, 0x84, 0x00, 0xe2, 0x9b, 0x41, 0xd4, 0xa7, 0x16, 0x44, 0x66, 0x55, 0x44, 0, 0,
    };

    ask("query-name", "{}", DONE);
    ask("query-uuid", "{}", "{\"return\": {\"UUID\": \"00000000-0000-0000-0000-000000000000\"}}");
    monitor_set_program(&program);
    machine_get()->name = g_strdup("it");
    machine_get()->uuid_set = true;
    memcpy(machine_get()->uuid, uuid, sizeof(uuid));
    ask("query-name", "{}", "{\"return\": {\"name\": \"it\"}}");
    ask("query-uuid", "{}", "{\"return\": {\"UUID\": \"550e8400-e29b-41d4-a716-446655440000\"}}");
    ask("query-target", "{}", "{\"return\": {\"arch\": \"x86_64\"}}");
    ask("query-command-line-options", "{'option':'opt'}",
        "{\"return\": [{\"option\": \"opt\", \"parameters\": [{\"name\": \"a\", \"type\": "
        "\"string\", \"help\": \"an a\"}, {\"name\": \"b\", \"type\": \"size\", \"default\": "
        "\"1\"}]}]}");
    ask_like("query-command-line-options", "{}", "*{\"option\": \"none\", \"parameters\": []}]}");
    ask_fails("query-command-line-options", "{'option':'x'}", "GenericError",
              "invalid option name: x");
    ask_like("query-machines", "{}", "*\"name\": \"none\"*\"is-default\": true*");
    check_human("info name", "it\r\n");
    check_human("info uuid", "550e8400-e29b-41d4-a716-446655440000\r\n");
    check_human("info version", "vmm *\r\n");
    monitor_set_program(NULL);
}

static void test_objects(void)
{
    ask("qom-list", "{'path':'/machine/dev/test.0'}",
        "{\"return\": [{\"name\": \"type\", \"type\": \"string\"}]}");
    ask_like("qom-list", "{'path':'dev'}",
             "*{\"name\": \"size\", \"type\": \"uint32\", \"description\": \"a number\"}*"
             "{\"name\": \"test.0\", \"type\": \"child<test-bus>\"}*");
    ask_fails("qom-list", "{'path':'/nope'}", "DeviceNotFound", "Device '/nope' not found");
    ask("qom-get", "{'path':'/machine/dev','property':'type'}",
        "{\"return\": \"test-device\"}");
    ask("qom-get", "{'path':'/machine','property':'dev'}", "{\"return\": \"/machine/dev\"}");
    ask("qom-get", "{'path':'dev','property':'size'}", "{\"return\": 7}");
    ask_fails("qom-get", "{'path':'dev','property':'sise'}", "GenericError",
              "Property 'test-device.sise' not found (did you mean 'size'?)");
    ask("qom-set", "{'path':'dev','property':'size','value':8}", DONE);
    ask("qom-get", "{'path':'dev','property':'size'}", "{\"return\": 8}");
    ask_fails("qom-set", "{'path':'dev','property':'size','value':-1}", "GenericError", "*");
    ask_fails("qom-set", "{'path':'dev','property':'text','value':'x'}", "GenericError",
              "*realized already");
    ask_fails("qom-set", "{'path':'dev','property':'type','value':'x'}", "GenericError",
              "Property 'test-device.type' is not writable");
    ask_like("qom-list-get", "{'paths':['dev']}",
             "{\"return\": [{\"properties\": [{\"name\": \"type\", \"type\": \"string\", "
             "\"value\": \"test-device\"}*\"value\": 8}*");
    ask("qom-list-types", "{'implements':'test-object'}",
        "{\"return\": [{\"name\": \"test-object\", \"parent\": \"object\"}]}");
    ask_like("qom-list-types", "{'implements':'bus','abstract':true}",
             "*{\"name\": \"bus\", \"abstract\": true, \"parent\": \"object\"}*");
    ask_like("qom-list-properties", "{'typename':'test-device'}", "*\"realized\"*");
    ask_fails("qom-list-properties", "{'typename':'x'}", "DeviceNotFound", "Class 'x' not found");
    ask("device-list-properties", "{'typename':'test-plug'}",
        "{\"return\": [{\"name\": \"number\", \"type\": \"uint32\", \"description\": "
        "\"a number\", \"default-value\": 0}]}");
    ask_fails("device-list-properties", "{'typename':'x'}", "DeviceNotFound",
              "Device 'x' not found");
    ask_fails("device-list-properties", "{'typename':'test-object'}", "GenericError",
              "Parameter 'typename' expects a non-abstract device type");
}

static void test_user_objects(void)
{
    ask_fails("object-add", "{'qom-type':'test-objet','id':'a'}", "GenericError",
              "Parameter 'qom-type' does not accept value 'test-objet' (did you mean "
              "'test-object'?)");
    ask_fails("object-add", "{'qom-type':'test-device','id':'a'}", "GenericError", "*accept*");
    ask_fails("object-add", "{'qom-type':'test-object','id':'a'}", "GenericError", "*'number'");
    ask_fails("object-add", "{'qom-type':'test-object','id':'1','number':1}", "GenericError",
              "*identifier*");
    ask_fails("object-add", "{'qom-type':'test-object','id':'a','x':1}", "GenericError",
              "Property 'test-object.x' not found");
    ask_fails("object-add", "{'id':'a'}", "GenericError", "Parameter 'qom-type' is missing");
    ask("object-add", "{'qom-type':'test-object','id':'a','number':5}", DONE);
    ask_fails("object-add", "{'qom-type':'test-object','id':'a','number':5}", "GenericError",
              "*exists already*");
    ask("qom-get", "{'path':'/objects/a','property':'number'}", "{\"return\": 5}");
    ask("object-del", "{'id':'a'}", DONE);
    ask_fails("object-del", "{'id':'a'}", "GenericError", "object 'a' not found");
    check_human("object_add test-object,id=b,number=3", "");
    check_human("object_add {\"qom-type\":\"test-object\",\"id\":\"c\",\"number\":4}", "");
    check_human("object_add []", "Error: *");
    check_human("qom-get /objects/c number", "4\r\n");
    check_human("object_del b", "");
    check_human("object_del c", "");
    check_human("object_del c", "Error: object 'c' not found\r\n");
}

static void test_devices(void)
{
    ask_fails("device_add", "{'driver':'nope'}", "GenericError", "'nope' is not a valid device *");
    ask_fails("device_add", "{'id':'x'}", "GenericError", "Parameter 'driver' is missing");
    ask_fails("device_add", "{'driver':1}", "GenericError",
              "Invalid parameter type for 'driver', expected: string");
    ask_fails("device_add", "{'driver':'test-plug','number':10}", "GenericError", "*range*");
    ask_fails("device_add", "{'driver':'test-plug','bus':'none.0'}", "*", "Bus 'none.0' not *");
    ask_fails("device_add", "{'driver':'test-device'}", "GenericError", "*hotplug*");
    ask("device_add", "{'driver':'test-plug','id':'p','number':3}", DONE);
    ask_fails("device_add", "{'driver':'test-plug','id':'p'}", "GenericError",
              "Duplicate device ID 'p'");
    ask("qom-get", "{'path':'/machine/peripheral/p','property':'hotplugged'}",
        "{\"return\": true}");
    ask_like("device_del", "{'id':'p'}", "*\"event\": \"DEVICE_DELETED\", \"data\": "
             "{\"device\": \"p\", \"path\": \"/machine/peripheral/p\"}}");
    client_expect(&client, DONE);
    ask_fails("device_del", "{'id':'p'}", "DeviceNotFound", "Device 'p' not found");
    check_human("device_add test-plug,id=q", "");
    check_human("device_add test-plug,help", "*number=*");
    check_human("device_add help", "*test-plug*");
    check_human("device_add", "device_add: device expected\r\n*");
    check_human("info qtree", "bus: main-system-bus\r\n  type System\r\n"
                "  dev: test-device, id \"\"\r\n    gpio-out \"irq\" 1\r\n    size = 8 (0x8)\r\n"
                "    text = \"\"\r\n    colour = \"green\"\r\n"
                "    pio 0000000000000100/0000000000000001\r\n    bus: test.0\r\n"
                "      type test-bus\r\n      dev: test-plug, id \"q\"\r\n"
                "        number = 0 (0x0)\r\n*");
    check_human("info qom-tree", "/machine (test-machine)\r\n*  /peripheral (container)\r\n"
                "    /q (test-plug)\r\n*");
    check_human("info qom-tree /nope", "Error: Device '/nope' not found\r\n");
    check_human("device_del q", "");
    client_expect_like(&client, "*DEVICE_DELETED*");
    check_human("qom-list", "/\r\n");
    check_human("qom-list dev", "type (string)\r\n*size (uint32)\r\n*");
    check_human("qom-get dev colour", "\"green\"\r\n");
    check_human("qom-set dev size 9", "");
    check_human("qom-set -j dev size 10", "");
    check_human("qom-get dev size", "10\r\n");
    check_human("qom-set dev size nine", "Error: *");
}

static void test_run_state(void)
{
    ask("query-status", "{}", "{\"return\": {\"status\": \"prelaunch\", \"singlestep\": false, "
                              "\"running\": false}}");
    check_human("info status", "VM status: paused (prelaunch)\r\n");
    ask_like("cont", "{}", "*\"event\": \"RESUME\"}");
    client_expect(&client, DONE);
    ask("cont", "{}", DONE);
    check_human("info status", "VM status: running\r\n");
    ask_like("stop", "{}", "*\"event\": \"STOP\"}");
    client_expect(&client, DONE);
    ask("stop", "{}", DONE);
    check_human("info status", "VM status: paused\r\n");
    ask("system_reset", "{}", DONE);
    settle();
    client_expect_like(&client, "*\"event\": \"RESET\", \"data\": {\"guest\": false, \"reason\": "
                                "\"host-qmp-system-reset\"}}");
    ask("system_powerdown", "{}", DONE);
    settle();
    client_expect_like(&client, "*\"event\": \"POWERDOWN\"}");
    ask_fails("system_wakeup", "{}", "GenericError",
              "wake-up from suspend is not supported by this guest");
    ask("query-current-machine", "{}", "{\"return\": {\"wakeup-suspend-support\": false}}");
    ask("inject-nmi", "{}", DONE);
    check_human("nmi", "");
    g_assert_cmpuint(nmis, ==, 2);
    check_human("c", "");
    client_expect_like(&client, "*\"RESUME\"}");
    check_human("s", "");
    client_expect_like(&client, "*\"STOP\"}");
}

static void test_actions(void)
{
    MachineActions before = *machine_actions();

    ask("set-action", "{'reboot':'shutdown','shutdown':'pause','panic':'none',"
                      "'watchdog':'inject-nmi'}", DONE);
    g_assert_true(machine_actions()->shutdown_on_reset);
    g_assert_true(machine_actions()->pause_on_shutdown);
    g_assert_cmpint(machine_actions()->panic, ==, PANIC_NONE);
    g_assert_cmpint(machine_actions()->watchdog, ==, WATCHDOG_INJECT_NMI);
    ask("set-action", "{'reboot':'reset','shutdown':'poweroff'}", DONE);
    g_assert_false(machine_actions()->shutdown_on_reset);
    g_assert_false(machine_actions()->pause_on_shutdown);
    g_assert_cmpint(machine_actions()->panic, ==, PANIC_NONE);
    ask("watchdog-set-action", "{'action':'none'}", DONE);
    machine_watchdog_expired();
    client_expect_like(&client, "*\"WATCHDOG\", \"data\": {\"action\": \"none\"}}");
    check_human("watchdog_action poweroff", "");
    g_assert_cmpint(machine_actions()->watchdog, ==, WATCHDOG_POWEROFF);
    check_human("watchdog_action foo", "Error: invalid parameter value: foo\r\n");
    *machine_actions() = before;
}

static void test_shutdown(void)
{
    machine_actions()->pause_on_shutdown = true;
    ask_like("cont", "{}", "*RESUME*");
    client_expect(&client, DONE);
    machine_request_shutdown(SHUTDOWN_GUEST_SHUTDOWN);
    settle();
    client_expect_like(&client, "*\"SHUTDOWN\", \"data\": {\"guest\": true, \"reason\": "
                                "\"guest-shutdown\"}}");
    client_expect_like(&client, "*\"STOP\"}");
    g_assert_false(shut_down);
    ask_fails("cont", "{}", "GenericError", "Resetting the Virtual Machine is required");
    machine_actions()->pause_on_shutdown = false;
    ask("quit", "{}", DONE);
    settle();
    client_expect_like(&client, "*\"reason\": \"host-qmp-quit\"}}");
    g_assert_true(shut_down);
}

static void test_cpus(void)
{
    ask("query-cpus-fast", "{}", "{\"return\": [{\"cpu-index\": 0, \"qom-path\": \"/machine/cpu\""
        ", \"thread-id\": 42, \"props\": {\"socket-id\": 0, \"core-id\": 0, \"thread-id\": 0}, "
        "\"target\": \"x86_64\"}]}");
    ask_like("query-hotpluggable-cpus", "{}", "{\"return\": [{\"props\": {\"socket-id\": 1, *}, "
             "\"vcpus-count\": 1, \"type\": \"test-cpu\"}, {*\"qom-path\": \"/machine/cpu\", "
             "\"type\": \"test-cpu\"}]}");
    ask("query-memory-size-summary", "{}", "{\"return\": {\"base-memory\": 65536}}");
    check_human("info cpus", "* CPU #0: thread_id=42\r\n");
    check_human("cpu 1", "invalid CPU index\r\n");
    check_human("cpu 0", "");
    check_human("info registers", "\r\nCPU#0\r\nRIP=1234\r\n");
    check_human("info tlb", "The page tables of this CPU cannot be shown\r\n");
    check_human("info mem", "The page tables of this CPU cannot be shown\r\n");
    check_human("info registers -a", "\r\nCPU#0\r\nRIP=1234\r\n");
    check_human("info registers 4", "Error: No CPU #4: the machine has 1\r\n");
    check_human("print $rip+1", "0x1235\r\n");
    check_human("print $nope", "print: unknown register 'nope'\r\n*");
    ask_fails("human-monitor-command", "{'command-line':'info cpus','cpu-index':3}",
              "GenericError", "Parameter 'cpu-index' expects a CPU number");
    ask("human-monitor-command", "{'command-line':'info cpus','cpu-index':0}",
        "{\"return\": \"* CPU #0: thread_id=42\\r\\n\"}");
}

static void test_memory(void)
{
    check_human("xp /4xb 0x10", "0000000000000010: 0x10 0x11 0x12 0x13\r\n");
    check_human("xp/5xh 0", "0000000000000000: 0x0100 0x0302 0x0504 0x0706 0x0908\r\n");
    check_human("xp /xg 0", "0000000000000000: 0x0706050403020100\r\n");
    check_human("xp 0", "0000000000000000: 0x0706050403020100\r\n");
    check_human("xp /w 0", "0000000000000000: 0x03020100\r\n");
    check_human("xp /2db 0xff", "00000000000000ff:  -1   0\r\n");
    check_human("xp /2ub 0xff", "00000000000000ff: 255   0\r\n");
    check_human("xp /2ob 7", "0000000000000007:  07 010\r\n");
    check_human("xp /4c 0x41", "0000000000000041: 'A' 'B' 'C' 'D'\r\n");
    check_human("xp /3c 9", "0000000000000009: '\\t' '\\n' '\\x0b'\r\n");
    check_human("xp /20xb 0xfff8", "000000000000fff8: Cannot access memory\r\n");
    check_human("xp /99999xb 0", "Error: *too many*");
    check_human("xp /4i 0", "Error: code of this CPU cannot be disassembled\r\n");
    check_human("x /4xb 0x1010", "0000000000001010: 0x10 0x11 0x12 0x13\r\n");
    check_human("x /4xb 0x10", "0000000000000010: Cannot access memory\r\n");
    check_human("xp /1i 0", "Error: code of this CPU cannot be disassembled\r\n");
    check_human("print 10", "0xa\r\n");
    check_human("print /xw 10", "0xa\r\n");
    check_human("gva2gpa 0x1234", "gpa: 0x234\r\n");
    check_human("gva2gpa 0", "Unmapped\r\n");
    check_human("sum 0xff 3", "49216\r\n");
    check_human("sum 0xfff0 0x20", "Error: no memory at 0xfff0\r\n");
    check_human("gpa2hva 0x10", "Host virtual address for 0x10 (test.ram) is 0x*\r\n");
    check_human("gpa2hva 0x10000", "Error: No memory is mapped at address 0x10000\r\n");
    check_human("i /b 0x100", "portb[0x0100] = 0x5a\r\n");
    check_human("o /b 0x100 0x77", "");
    check_human("i 0x100", "portb[0x0100] = 0x77\r\n");
    check_human("i 0xff.1", "portb[0x0100] = 0x77\r\n");
    check_human("i /g 0x100", "Error: *8\r\n");
    check_human("info mtree", "*test.ram*");
    check_human("info mtree -f", "*FlatView*test.ram*");
    check_human("info ramblock", "*test.ram*");
    ask("object-add", "{'qom-type':'memory-backend-ram','id':'mem','size':4096}", DONE);
    ask("query-memdev", "{}", "{\"return\": [{\"id\": \"mem\", \"size\": 4096, \"merge\": true, "
        "\"dump\": true, \"prealloc\": false, \"share\": false, \"host-nodes\": [], "
        "\"policy\": \"default\"}]}");
    check_human("info memdev", "memory backend: mem\r\n  size:  4096\r\n*");
    ask("object-del", "{'id':'mem'}", DONE);
    check_human("info mem-size", "base memory: 65536\r\n");
}

static void check_file(const char *path, const char *bytes, size_t length)
{
    g_autofree char *content = NULL;
    gsize size;

    g_assert_true(g_file_get_contents(path, &content, &size, NULL));
    g_assert_cmpmem(content, size, bytes, length);
}

static void test_save(void)
{
    g_autofree char *path = test_path("saved");
    g_autofree char *args = g_strdup_printf("{'val':16,'size':4,'filename':'%s'}", path);
    g_autofree char *virtual_args = g_strdup_printf("{'val':4128,'size':4,'filename':'%s'}", path);
    g_autofree char *line = g_strdup_printf("pmemsave 0x30 2 %s", path);
    g_autofree char *beyond = g_strdup_printf("{'val':65532,'size':8,'filename':'%s'}", path);

    ask("pmemsave", args, DONE);
    check_file(path, "\x10\x11\x12\x13", 4);
    ask("memsave", virtual_args, DONE);
    check_file(path, "\x20\x21\x22\x23", 4);
    check_human(line, "");
    check_file(path, "\x30\x31", 2);
    ask_fails("memsave", args, "GenericError", "Invalid addr 0x0000000000000010/size 4 specified");
    ask("pmemsave", beyond, DONE);
    check_file(path, "\xfc\xfd\xfe\xff\0\0\0\0", 8);
    ask_fails("pmemsave", "{'val':0,'size':1,'filename':'/nonexistent/x'}", "GenericError",
              "Could not open '/nonexistent/x': *");
    ask_fails("memsave", "{'val':0,'size':1,'filename':'x','cpu-index':7}", "GenericError",
              "Parameter 'cpu-index' expects a CPU number");
}

static void test_char(void)
{
    g_autofree char *path = test_path("chr");
    g_autofree char *unix_args = g_strdup_printf(
        "{'id':'u','backend':{'type':'socket','data':{'addr':{'type':'unix','data':{'path':'%s'}}"
        "}}}", path);

    ask("chardev-add", "{'id':'n','backend':{'type':'null','data':{}}}", DONE);
    ask_fails("chardev-add", "{'id':'n','backend':{'type':'null','data':{}}}", "GenericError",
              "Chardev with id 'n' already exists");
    ask_fails("chardev-add", "{'id':'x','backend':{'type':'nul','data':{}}}", "GenericError",
              "Parameter 'backend.type' does not accept value 'nul'");
    ask_fails("chardev-add", "{'id':'x','backend':{'type':'file','data':{}}}", "GenericError",
              "Parameter 'backend.data.out' is missing");
    ask_fails("chardev-add", "{'id':'x','backend':{'type':'file','data':{'out':'/nonexistent/x'}}"
              "}", "GenericError", "*/nonexistent/x*");
    ask_like("chardev-add", "{'id':'p','backend':{'type':'pty','data':{}}}",
             "{\"return\": {\"pty\": \"/dev/*\"}}");
    /* A server that does not wait. */
    ask("chardev-add", unix_args, DONE);
    ask("chardev-add", "{'id':'r','backend':{'type':'ringbuf','data':{'size':16}}}", DONE);
    ask("ringbuf-write", "{'device':'r','data':'hello'}", DONE);
    ask("ringbuf-read", "{'device':'r','size':3}", "{\"return\": \"hel\"}");
    ask("ringbuf-write", "{'device':'r','data':'/wA=','format':'base64'}", DONE);
    ask("ringbuf-read", "{'device':'r','size':100,'format':'base64'}",
        "{\"return\": \"bG//AA==\"}");
    ask_fails("ringbuf-read", "{'device':'r','size':0}", "GenericError", "size must be *");
    ask_fails("ringbuf-read", "{'device':'n','size':1}", "GenericError", "*ringbuf*");
    ask_fails("ringbuf-read", "{'device':'x','size':1}", "GenericError", "*not found");
    check_human("ringbuf_write r abc", "");
    check_human("ringbuf_read r 10", "abc\r\n");
    ask_like("query-chardev", "{}", "*{\"frontend-open\": *, \"filename\": \"null\", \"label\": "
                                    "\"n\"}*");
    ask_like("query-chardev-backends", "{}", "*{\"name\": \"ringbuf\"}*");
    check_human("info chardev", "*n: filename=null\r\n*");
    ask("chardev-change", "{'id':'n','backend':{'type':'ringbuf','data':{}}}", DONE);
    check_human("info chardev", "*n: filename=ringbuf\r\n*");
    ask_fails("chardev-change", "{'id':'x','backend':{'type':'null','data':{}}}", "GenericError",
              "Chardev 'x' does not exist");
    ask_fails("chardev-change", "{'id':'m','backend':{'type':'null','data':{}}}", "GenericError",
              "Chardev user does not support chardev hotswap");
    ask_fails("chardev-remove", "{'id':'m'}", "GenericError", "Chardev 'm' is busy");
    ask_fails("chardev-remove", "{'id':'x'}", "GenericError", "Chardev 'x' not found");
    ask("chardev-send-break", "{'id':'n'}", DONE);
    ask_fails("chardev-send-break", "{'id':'x'}", "GenericError", "Chardev 'x' not found");
    check_human("chardev-add null,id=h", "");
    check_human("chardev-change h ringbuf", "");
    check_human("chardev-remove h", "");
    for (const char *id = "npru"; *id; id++) {
        g_autofree char *args = g_strdup_printf("{'id':'%c'}", *id);
        ask("chardev-remove", args, DONE);
    }
}

static void test_descriptors(void)
{
    g_autofree char *path = test_path("fd");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), other;
    g_autoptr(GError) error = NULL;

    ask_fails("getfd", "{'fdname':'x'}", "GenericError",
              "No file descriptor supplied via SCM_RIGHTS");
    ask_fails("closefd", "{'fdname':'x'}", "GenericError",
              "File descriptor named 'x' not found");
    client_send_fds(&client, "{'execute':'getfd','arguments':{'fdname':'x'}}", &fd, 1);
    client_expect(&client, DONE);
    client_send_fds(&client, "{'execute':'getfd','arguments':{'fdname':'1x'}}", &fd, 1);
    client_expect_like(&client, "*not starting with a digit*");
    ask("closefd", "{'fdname':'x'}", DONE);
    client_send_fds(&client, "{'execute':'add-fd','arguments':{'fdset-id':2,'opaque':'it'}}", &fd,
                    1);
    client_expect_like(&client, "{\"return\": {\"fd\": *, \"fdset-id\": 2}}");
    client_send_fds(&client, "{'execute':'add-fd'}", &fd, 1);
    client_expect_like(&client, "{\"return\": {\"fd\": *, \"fdset-id\": 0}}");
    client_send_fds(&client, "{'execute':'add-fd','arguments':{'fdset-id':-1}}", &fd, 1);
    client_expect_like(&client, "*non-negative*");
    ask_like("query-fdsets", "{}", "{\"return\": [{\"fdset-id\": 0, \"fds\": [{\"fd\": *}]}, "
             "{\"fdset-id\": 2, \"fds\": [{\"fd\": *, \"opaque\": \"it\"}]}]}");
    other = file_open("/dev/fdset/2", O_RDWR, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpint(other, >=, 0);
    close(other);
    g_assert_cmpint(file_open("/dev/fdset/2", O_RDONLY, 0, &error), ==, -1);
    g_clear_error(&error);
    g_assert_cmpint(file_open("/dev/fdset/9", O_RDWR, 0, &error), ==, -1);
    g_clear_error(&error);
    ask_fails("remove-fd", "{'fdset-id':2,'fd':9999}", "GenericError", "*fd:9999' not found");
    ask("remove-fd", "{'fdset-id':2}", DONE);
    ask("remove-fd", "{'fdset-id':0}", DONE);
    ask_fails("remove-fd", "{'fdset-id':0}", "GenericError",
              "File descriptor named 'fdset-id:0' not found");
    ask("query-fdsets", "{}", "{\"return\": []}");
    close(fd);
}

static void test_trace(void)
{
    ask("trace-event-get-state", "{'name':'test-device.*'}",
        "{\"return\": [{\"name\": \"test-device.DATA\", \"state\": \"disabled\", \"vcpu\": false}]"
        "}");
    ask("trace-event-set-state", "{'name':'test-device.DATA','enable':true}", DONE);
    ask_like("trace-event-get-state", "{'name':'test-device.DATA'}", "*\"enabled\"*");
    g_assert_true(log_trace_wanted("test-device.DATA"));
    check_human("trace-event test-* off", "");
    g_assert_false(log_trace_wanted("test-device.DATA"));
    check_human("info trace-events test-device.*", "test-device.DATA : state 0\r\n");
    ask_fails("trace-event-set-state", "{'name':'nope','enable':true}", "GenericError",
              "there is no trace point 'nope'");
    ask_fails("trace-event-set-state", "{'name':'test-device.DATE','enable':true}", "GenericError",
              "there is no trace point 'test-device.DATE' (did you mean 'test-device.DATA'?)");
    ask("trace-event-get-state", "{'name':'nope*'}", "{\"return\": []}");
    ask("trace-event-set-state", "{'name':'nope*','enable':true}", DONE);
    check_human("trace-event nope* on", "Error: no trace point's name matches 'nope*'; "
                "'info trace-events' lists them\r\n");
    check_human("info trace-events nope", "Error: there is no trace point 'nope'; "
                "'info trace-events' lists them\r\n");
    check_human("log trace:nope", "Error: there is no trace point 'nope'*");
    check_human("log help", "*guest_errors*");
    check_human("log guest_errors,unimp", "");
    g_assert_cmpuint(log_mask, ==, LOG_GUEST_ERRORS | LOG_UNIMPLEMENTED);
    check_human("log nope", "Error: unknown log item 'nope'*");
    g_assert_cmpuint(log_mask, ==, LOG_GUEST_ERRORS | LOG_UNIMPLEMENTED);
    check_human("log none", "");
    check_human("logfile /nonexistent/x", "Error: *");
}

static void test_topics(void)
{
    check_human("info irq", "irqs of dev\r\n");
    check_human("info pci", "irqs of dev\r\n");
    check_human("info roms", "No device *");
    check_human("info lapic", "CPU #0 has no local APIC\r\n");
    check_human("info device dev", "irqs of dev\r\nio.DATA = 0x*\r\n");
    check_human("info device nope", "Error: Device 'nope' not found\r\n");
    ask("x-query-irq", "{}", "{\"return\": {\"human-readable-text\": \"irqs of dev\\n\"}}");
    ask("query-pci", "{}", "{\"return\": [{\"bus\": 0, \"devices\": []}]}");
}

static void test_cpu_models(void)
{
    ask_like("query-cpu-definitions", "{}", "*{\"name\": \"qemu64\", \"typename\": "
             "\"qemu64-x86_64-cpu\", *\"alias-of\": \"qemu64-v1\", \"static\": false, "
             "\"migration-safe\": true, \"deprecated\": false}*");
    ask_like("query-cpu-model-expansion", "{'type':'full','model':{'name':'Haswell','props':"
             "{'avx':false}}}", "{\"return\": {\"model\": {\"name\": \"Haswell\", \"props\": "
             "{*\"avx\": false*");
    ask_like("query-cpu-model-expansion", "{'type':'static','model':{'name':'Haswell'}}",
             "{\"return\": {\"model\": {\"name\": \"base\", \"props\": {*\"avx\": true*");
    ask_fails("query-cpu-model-expansion", "{'type':'full','model':{'name':'Haswel'}}",
              "GenericError", "CPU model 'Haswel' not found (did you mean 'Haswell'?)");
    ask_fails("query-cpu-model-expansion", "{'type':'full','model':{'name':'qemu64','props':"
              "{'foo':true}}}", "GenericError", "*foo*");
    ask_fails("query-cpu-model-expansion", "{'type':'full','model':{'name':'qemu64','props':[]}}",
              "GenericError", "*'model.props', expected: object");
}

/* Every command without arguments, and every human one, answers something. */
static void test_all(void)
{
    for (unsigned i = 0; i < schema_module_count(); i++) {
        const SchemaModule *module = schema_module(i);
        for (const Command *c = module->commands; c && c->name; c++) {
            g_autofree char *text = g_strdup_printf("{'execute':'%s','id':'end'}", c->name);
            if (!g_str_equal(c->name, "quit")) {
                client_send(&client, text);
                g_free(client_until(&client, "\"id\": \"end\""));
                g_free(client_until(&client, "\r\n"));
                settle();
            }
        }
        for (const HmpCommand *c = module->hmp_infos; c && c->name; c++) {
            g_autofree char *name = g_strndup(c->name, strcspn(c->name, "|"));
            g_autofree char *line = g_strdup_printf("info %s", name);
            g_free(human(line));
        }
    }
    machine_stop(RUN_STATE_PAUSED);
    client_send(&client, "{'execute':'query-name','id':'all'}");
    g_free(client_until(&client, "\"all\"}\r\n"));
    ask_like("query-qmp-schema", "{}", "*\"test-object-properties\"*");
}

int main(int argc, char **argv)
{
    const MonitorOptions control = { .mode = MONITOR_CONTROL };
    int result;

    test_start(&argc, &argv);
    machine_up();
    machine_set_event_sink(monitor_event);
    qmp_set_strict(true);
    monitor = monitor_listening("m", &control);
    client_connect(&client, "m");
    client_negotiate(&client, false);
    g_test_add_func("/monitor/program", test_program);
    g_test_add_func("/monitor/objects", test_objects);
    g_test_add_func("/monitor/user-objects", test_user_objects);
    g_test_add_func("/monitor/devices", test_devices);
    g_test_add_func("/monitor/run-state", test_run_state);
    g_test_add_func("/monitor/actions", test_actions);
    g_test_add_func("/monitor/cpus", test_cpus);
    g_test_add_func("/monitor/memory", test_memory);
    g_test_add_func("/monitor/save", test_save);
    g_test_add_func("/monitor/char", test_char);
    g_test_add_func("/monitor/descriptors", test_descriptors);
    g_test_add_func("/monitor/trace", test_trace);
    g_test_add_func("/monitor/topics", test_topics);
    g_test_add_func("/monitor/cpu-models", test_cpu_models);
    g_test_add_func("/monitor/all", test_all);
    g_test_add_func("/monitor/shutdown", test_shutdown);
    result = g_test_run();
    client_close(&client);
    monitor_delete_all();
    machine_down();
    return result;
}
