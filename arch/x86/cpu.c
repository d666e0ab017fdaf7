/* SPDX-License-Identifier: MIT */
/* The processor device: made from a model, decided at realize, reset, looked at. */
#include "arch/x86/cpu.h"

#include <string.h>

#include "arch/x86/paging.h"
#include "arch/x86/query.h"
#include "arch/x86/savestate.h"
#include "base/error.h"
#include "base/log.h"
#include "hw/core/machine.h"

#define TYPE_SUFFIX "-x86_64-cpu"

/* 255 is for all of them. Beyond, interrupts need remapping, which no board has yet. */
#define MAX_APIC_ID 254

/* ---- what the accelerator supports ---- */

static const X86CpuSupport *present_support;

void x86_cpu_set_support(const X86CpuSupport *support)
{
    present_support = support;
}

const X86CpuSupport *x86_cpu_support(void)
{
    static X86CpuSupport everything;

    if (present_support) {
        return present_support;
    }
    if (!everything.name) {
        x86_cpu_support_init(&everything, "the test accelerator", NULL, 0);
        memset(&everything.features, 0xff, sizeof(everything.features));
        everything.phys_bits = 40;
    }
    return &everything;
}

/* ---- making ---- */

static void config_copy(X86CpuConfig *to, const X86CpuConfig *from)
{
    *to = *from;
    to->name = g_strdup(from->name);
    to->model_id = g_strdup(from->model_id);
}

/* Options that -global set as properties go on top: they were checked when they were set. */
static bool cpu_set_config(X86Cpu *x86, const X86CpuConfig *config, GError **error)
{
    if (x86->configured) {
        x86_cpu_config_release(&x86->config);
    }
    config_copy(&x86->config, config);
    x86->configured = true;
    for (guint i = 0; x86->options && i < x86->options->len; i += 2) {
        if (!x86_cpu_config_set(&x86->config, x86->options->pdata[i],
                                x86->options->pdata[i + 1], error)) {
            return false;
        }
    }
    return true;
}

/* A type's name says the model; options may come with x86_cpu_new(). */
static bool cpu_default_config(X86Cpu *x86, GError **error)
{
    const char *type = OBJECT(x86)->type->name;
    g_autofree char *model = g_strndup(type, strlen(type) - strlen(TYPE_SUFFIX));
    X86CpuConfig config;
    bool ok;

    if (!x86_cpu_config_parse(&config, model, error)) {
        return false;
    }
    ok = cpu_set_config(x86, &config, error);
    x86_cpu_config_release(&config);
    return ok;
}

bool x86_cpu_set_option(X86Cpu *x86, const char *name, const char *value, GError **error)
{
    if ((!x86->configured && !cpu_default_config(x86, error)) ||
        !x86_cpu_config_set(&x86->config, name, value, error)) {
        return false;
    }
    if (!x86->options) {
        x86->options = g_ptr_array_new_with_free_func(g_free);
    }
    g_ptr_array_add(x86->options, g_strdup(name));
    g_ptr_array_add(x86->options, g_strdup(value));
    return true;
}

static void cpu_init(Object *object)
{
    X86Cpu *x86 = (X86Cpu *)object;

    x86->topology = (X86Topology){ 1, 1, 1, 1 };
}

static void cpu_finalize(Object *object)
{
    X86Cpu *x86 = (X86Cpu *)object;

    if (x86->configured) {
        x86_cpu_config_release(&x86->config);
    }
    g_clear_pointer(&x86->options, g_ptr_array_unref);
    g_clear_pointer(&x86->cpuid, g_array_unref);
    g_clear_pointer(&x86->image, g_free);
    x86_cpu_state_free(x86->registers);
    x86->registers = NULL;
    x86->cpu.state = NULL;
}

/* The chip is found by name: it belongs to hw/intc/, which this folder does not know. */
static bool make_lapic(X86Cpu *x86, GError **error)
{
    const ObjectType *type = object_type_find("apic");
    g_autofree char *id = g_strdup_printf("%u", x86->apic_id);

    if (!type) {
        return true;
    }
    x86->lapic = device_new((const DeviceType *)type, OBJECT(x86), "lapic", error);
    if (!x86->lapic) {
        return false;
    }
    if (x86->apic_id < 0xff && object_type_property(type, "id") &&
        !object_set_string(OBJECT(x86->lapic), "id", id, error)) {
        return false;
    }
    return true;
}

Device *x86_cpu_new(Object *parent, unsigned index, const X86CpuConfig *config,
                    const X86Topology *topology, GError **error)
{
    g_autofree char *type_name = g_strconcat(config->name, TYPE_SUFFIX, NULL);
    g_autofree char *name = g_strdup_printf("cpu[%u]", index);
    const ObjectType *type = object_type_lookup(type_name, X86_CPU_TYPE, error);
    X86CpuIds ids;
    X86Cpu *x86;

    if (!type || !x86_topology_validate(topology, error)) {
        return NULL;
    }
    if (x86_topology_apic_id(topology, index) > MAX_APIC_ID) {
        error_set(error, ERROR_INVALID, "CPU %u would have APIC id %u, and interrupts reach no "
                  "further than %u; choose counts of -smp that are powers of two, or fewer CPUs",
                  index, x86_topology_apic_id(topology, index), MAX_APIC_ID);
        return NULL;
    }
    x86 = (X86Cpu *)device_new((const DeviceType *)type, parent, name, error);
    if (!x86) {
        return NULL;
    }
    if (!cpu_set_config(x86, config, error)) {
        object_delete(OBJECT(x86));
        return NULL;
    }
    x86->topology = *topology;
    x86->cpu.index = index;
    x86->apic_id = x86_topology_apic_id(topology, index);
    ids = x86_topology_ids(topology, index);
    x86->socket_id = x86->cpu.socket = ids.socket;
    x86->die_id = x86->cpu.die = ids.die;
    x86->core_id = x86->cpu.core = ids.core;
    x86->thread_id = x86->cpu.thread = ids.thread;
    if (!make_lapic(x86, error)) {
        object_delete(OBJECT(x86));
        return NULL;
    }
    return DEVICE(x86);
}

/* ---- saved state ---- */

/* Room for every MSR of the table, of which the accelerator may support fewer. */
static void make_image(X86Cpu *x86)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    x86_cpu_state_save(x86->registers, bytes);
    x86->image_size = 4 + bytes->len;
    x86->image = g_malloc0(x86->image_size);
}

static size_t image_length(const Device *device)
{
    return ((const X86Cpu *)device)->image_size;
}

/* The registers are as the accelerator had them when they were last asked for. */
static void cpu_pre_save(Device *device)
{
    X86Cpu *x86 = (X86Cpu *)device;
    g_autoptr(GByteArray) bytes = g_byte_array_new();

    if (x86->registers) {
        x86_cpu_state_save(x86->registers, bytes);
        g_assert(4 + bytes->len <= x86->image_size);
        memset(x86->image, 0, x86->image_size);
        store_le(x86->image, bytes->len, 4);
        memcpy(x86->image + 4, bytes->data, bytes->len);
    }
}

static bool cpu_post_load(Device *device, GError **error)
{
    X86Cpu *x86 = (X86Cpu *)device;
    uint64_t length;

    if (!x86->registers) {
        return true;
    }
    length = load_le(x86->image, 4);
    if (length > x86->image_size - 4) {
        error_set(error, ERROR_INVALID, "%s: %" PRIu64 " bytes of registers cannot be",
                  device->object.name, length);
        return false;
    }
    if (!x86_cpu_state_load(x86->registers, x86->image + 4, length, error)) {
        return false;
    }
    x86->cpu.state_loaded = true;
    return true;
}

static const StateInfo cpu_state[] = {
    { .name = "registers", FIELD(X86Cpu, image), .length_of = image_length },
};

/* ---- realize ---- */

static bool cpu_define(X86Cpu *x86, GError **error)
{
    g_autoptr(GPtrArray) warnings = g_ptr_array_new_with_free_func(g_free);

    bool defined =
        x86_cpu_define(&x86->definition, &x86->config, x86_cpu_support(), warnings, error);

    /* The others are alike. With "enforce" they say what is missing. */
    for (guint i = 0; x86->cpu.index == 0 && i < warnings->len; i++) {
        report_warning("%s", (char *)warnings->pdata[i]);
    }
    return defined;
}

static bool cpu_realize(Device *device, GError **error)
{
    X86Cpu *x86 = (X86Cpu *)device;
    Cpu *cpu = &x86->cpu;

    if ((!x86->configured && !cpu_default_config(x86, error)) || !cpu_define(x86, error)) {
        return false;
    }
    if (x86->apic_id == UINT32_MAX) {
        x86->apic_id = x86_topology_apic_id(&x86->topology, cpu->index);
    }
    cpu_register(cpu);
    cpu->arch_id = x86->apic_id;
    cpu->memory = machine_memory();
    cpu->io = machine_io();
    x86->cpuid = x86_cpuid_build(&x86->definition, &x86->topology, cpu->index,
                                 x86_cpu_support());
    x86->registers = x86_cpu_state_new(&x86->definition, x86_cpu_support(), cpu->index == 0);
    make_image(x86);
    cpu->state = x86->registers;
    cpu->state_loaded = true;
    return true;
}

static void cpu_unrealize(Device *device)
{
    cpu_unregister(CPU(device));
}

static void cpu_reset(Device *device)
{
    X86Cpu *x86 = (X86Cpu *)device;

    if (x86->registers) {
        x86_cpu_reset(x86->registers);
        x86->cpu.halted = !x86->registers->bootstrap;
        x86->cpu.state_loaded = true;
    }
}

/* ---- pins ---- */

static void drive_lint(Device *device, const char *what, unsigned lint, bool level)
{
    X86Cpu *x86 = (X86Cpu *)device;
    int pin = x86->lapic ? device_pin_index(x86->lapic, "LINT") : -1;

    if (pin >= 0) {
        pin_drive_external(x86->lapic, pin, lint, level);
    } else if (level) {
        log_unimplemented("%s: %s of a CPU without a local APIC", device->object.name, what);
    }
}

static void set_intr(Device *device, unsigned line, bool level)
{
    drive_lint(device, "INTR", 0, level);
}

static void set_nmi(Device *device, unsigned line, bool level)
{
    drive_lint(device, "NMI", 1, level);
}

static void set_smi(Device *device, unsigned line, bool level)
{
    if (level) {
        log_unimplemented("%s: system management interrupt", device->object.name);
    }
}

static const PinInfo cpu_pins[] = {
    [X86_CPU_PIN_INTR] = { .name = "INTR", .description = "interrupt request of the 8259: LINT0",
                           .direction = PIN_IN, .set = set_intr },
    [X86_CPU_PIN_NMI] = { .name = "NMI", .description = "non-maskable interrupt: LINT1",
                          .direction = PIN_IN, .set = set_nmi },
    [X86_CPU_PIN_SMI] = { .name = "SMI", .description = "system management interrupt",
                          .direction = PIN_IN, .set = set_smi },
    [X86_CPU_PIN_FERR] = { .name = "FERR", .description = "floating-point error",
                           .direction = PIN_OUT },
    [X86_CPU_PIN_IGNNE] = { .name = "IGNNE", .description = "ignore numeric errors",
                            .direction = PIN_IN },
};

/* ---- the CPU as others see it ---- */

static X86CpuState *state_of(Cpu *cpu)
{
    return ((X86Cpu *)cpu)->registers;
}

static void print_registers(Cpu *cpu, GString *out, bool all)
{
    x86_cpu_print(state_of(cpu), cpu->index, all, out);
}

static uint64_t program_counter(Cpu *cpu)
{
    return x86_linear_rip(state_of(cpu));
}

static bool get_register(Cpu *cpu, const char *name, uint64_t *value)
{
    return x86_cpu_get_register(state_of(cpu), name, value);
}

static bool set_register(Cpu *cpu, const char *name, uint64_t value)
{
    return x86_cpu_set_register(state_of(cpu), name, value);
}

static bool translate(Cpu *cpu, uint64_t virtual_address, uint64_t *physical)
{
    return x86_translate(state_of(cpu), cpu->memory, virtual_address, physical, NULL);
}

static void print_pages(Cpu *cpu, GString *out)
{
    x86_print_tlb(state_of(cpu), cpu->memory, out);
}

static void print_ranges(Cpu *cpu, GString *out)
{
    x86_print_mem(state_of(cpu), cpu->memory, out);
}

static void inject_nmi(Cpu *cpu)
{
    set_nmi(&cpu->device, 0, true);
    set_nmi(&cpu->device, 0, false);
}

static DisasMode disas_mode(Cpu *cpu)
{
    const X86CpuState *state = state_of(cpu);

    if (x86_cpu_in_64bit_code(state)) {
        return DISAS_X86_64;
    }
    return state->segment[X86_CS].attributes & X86_SEGMENT_DB ? DISAS_X86_32 : DISAS_X86_16;
}

static const CpuOps cpu_ops = {
    .arch = "x86_64", .print_registers = print_registers, .program_counter = program_counter,
    .get_register = get_register, .set_register = set_register, .translate = translate,
    .inject_nmi = inject_nmi, .registers = &x86_register_ops, .disas_mode = disas_mode,
    .print_pages = print_pages, .print_ranges = print_ranges,
};

static bool cpu_prepare(Device *device, GError **error)
{
    CPU(device)->ops = &cpu_ops;
    return true;
}

/* ---- the types ---- */

#define TRANSIENT(member, why) { FIELD_OF(X86Cpu, member), why }

static const TransientInfo cpu_transient[] = {
    TRANSIENT(cpu, "identity and the accelerator's view"),
    TRANSIENT(config, "configuration"), TRANSIENT(configured, "configuration"),
    TRANSIENT(options, "configuration"),
    TRANSIENT(topology, "configuration"), TRANSIENT(definition, "follows from configuration"),
    TRANSIENT(cpuid, "follows from configuration"),
    TRANSIENT(registers, "saved as the image"),
    TRANSIENT(image_size, "follows from configuration"),
    TRANSIENT(lapic, "a device of its own"),
};

static const Property cpu_properties[] = {
    { .name = "apic-id", .description = "initial APIC identifier", FIELD(X86Cpu, apic_id),
      .def.u = UINT32_MAX },
    { .name = "socket-id", .description = "processor socket it belongs to",
      FIELD(X86Cpu, socket_id), .def.i = -1 },
    { .name = "die-id", .description = "die in the socket", FIELD(X86Cpu, die_id), .def.i = -1 },
    { .name = "core-id", .description = "core in the die", FIELD(X86Cpu, core_id),
      .def.i = -1 },
    { .name = "thread-id", .description = "thread of the core", FIELD(X86Cpu, thread_id),
      .def.i = -1 },
    { .name = "feature-words", .description = "CPUID features the guest sees",
      .type_name = "X86CPUFeatureWordInfo", .flags = PROPERTY_READ_ONLY,
      .get = x86_cpu_get_feature_words },
    { .name = "filtered-features", .description = "CPUID features the accelerator lacks",
      .type_name = "X86CPUFeatureWordInfo", .flags = PROPERTY_READ_ONLY,
      .get = x86_cpu_get_filtered_features },
    { .name = "unavailable-features", .description = "the same by name",
      .type_name = "strList", .flags = PROPERTY_READ_ONLY,
      .get = x86_cpu_get_unavailable_features },
};

static const Interface cpu_interfaces[] = {
    { CPU_MODELS_INTERFACE, &x86_cpu_models_ops },
};

/* Without the properties of features, which are made from the table of features. */
static const DeviceType base_template = {
    .name = X86_CPU_TYPE, .parent = "cpu", .description = "an x86 processor", .abstract = true,
    .size = sizeof(X86Cpu), .properties = TABLE(cpu_properties),
    .interfaces = TABLE(cpu_interfaces), .init = cpu_init,
    .finalize = cpu_finalize, .pins = TABLE(cpu_pins), .transient = TABLE(cpu_transient),
    .state = TABLE(cpu_state), .pre_save = cpu_pre_save, .post_load = cpu_post_load,
    .prepare = cpu_prepare, .realize = cpu_realize, .unrealize = cpu_unrealize,
    .reset = cpu_reset,
};

static const ObjectType *make_base_type(void)
{
    static DeviceType base;
    PropertyTable features = x86_cpu_model_properties();
    Property *all = g_new(Property, features.count + G_N_ELEMENTS(cpu_properties));

    memcpy(all, cpu_properties, sizeof(cpu_properties));
    memcpy(all + G_N_ELEMENTS(cpu_properties), features.at, features.count * sizeof(Property));
    base = base_template;
    base.properties =
        (PropertyTable){ all, features.count + (unsigned)G_N_ELEMENTS(cpu_properties) };
    return (const ObjectType *)&base;
}

static void make_model_type(DeviceType *type, const X86CpuModelName *name)
{
    type->name = g_strconcat(name->name, TYPE_SUFFIX, NULL);
    type->parent = base_template.name;
    type->description = x86_cpu_model_id(name->model);
    type->size = sizeof(X86Cpu);
    type->pins = base_template.pins;
    type->transient = base_template.transient;
}

const ObjectType *const *x86_cpu_types(void)
{
    static const ObjectType **types;

    if (!types) {
        g_autoptr(GArray) names = x86_cpu_model_names();
        DeviceType *models = g_new0(DeviceType, names->len);

        types = g_new0(const ObjectType *, names->len + 2);
        types[0] = make_base_type();
        for (guint i = 0; i < names->len; i++) {
            make_model_type(&models[i], &g_array_index(names, X86CpuModelName, i));
            types[1 + i] = (const ObjectType *)&models[i];
        }
    }
    return types;
}
