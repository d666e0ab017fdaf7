/* SPDX-License-Identifier: MIT */
#include "monitor/machine-view.h"

#include "hw/core/debug.h"
#include "machines/board.h"
#include "monitor/monitor.h"
#include "monitor/schema.h"

/* ---- boards ---- */

static GVariant *describe_board(const BoardInfo *info)
{
    g_auto(GVariantBuilder) answer = DICT_INIT;
    const char *target = monitor_program()->target;

    dict_str(&answer, "name", info->name);
    dict_int(&answer, "cpu-max", info->max_cpus);
    dict_bool(&answer, "hotpluggable-cpus", false);
    dict_bool(&answer, "numa-mem-supported", false);
    dict_bool(&answer, "deprecated", false);
    if (info->default_cpu) {
        dict_take_str(&answer, "default-cpu-type",
                      g_strdup_printf("%s-%s-cpu", info->default_cpu,
                                      info->arch ? info->arch : target));
    }
    if (g_strcmp0(info->name, monitor_program()->default_machine) == 0) {
        dict_bool(&answer, "is-default", true);
    }
    return g_variant_builder_end(&answer);
}

/* A board of another architecture is another program's. */
static bool is_for_target(const BoardInfo *info)
{
    return !info->arch || g_str_equal(info->arch, monitor_program()->target);
}

GVariant *machine_view_boards(GError **error)
{
    g_auto(GVariantBuilder) list = LIST_INIT;

    for (const BuiltinBoard *board = builtin_boards; board->name; board++) {
        Board *opened = board_open_blob(board->name, board->blob, board->size, error);
        if (!opened) {
            return NULL;
        }
        if (is_for_target(board_info(opened))) {
            list_value(&list, describe_board(board_info(opened)));
        }
        board_free(opened);
    }
    return g_variant_builder_end(&list);
}

/* ---- CPUs ---- */

static GVariant *cpu_place(unsigned socket, unsigned die, unsigned core, unsigned thread)
{
    g_auto(GVariantBuilder) place = DICT_INIT;

    dict_int(&place, "socket-id", socket);
    if (machine_get() && machine_get()->dies > 1) {
        dict_int(&place, "die-id", die);
    }
    dict_int(&place, "core-id", core);
    dict_int(&place, "thread-id", thread);
    return g_variant_builder_end(&place);
}

GVariant *machine_view_cpus(void)
{
    g_auto(GVariantBuilder) list = LIST_INIT;

    for (unsigned i = 0; i < cpu_count(); i++) {
        const Cpu *cpu = cpu_get(i);
        g_auto(GVariantBuilder) info = DICT_INIT;
        dict_int(&info, "cpu-index", cpu->index);
        dict_take_str(&info, "qom-path", object_path(OBJECT(cpu)));
        dict_int(&info, "thread-id", cpu->thread_id);
        dict_value(&info, "props", cpu_place(cpu->socket, cpu->die, cpu->core, cpu->thread));
        dict_str(&info, "target", cpu->ops && cpu->ops->arch ? cpu->ops->arch
                                                             : monitor_program()->target);
        list_value(&list, g_variant_builder_end(&info));
    }
    return g_variant_builder_end(&list);
}

/* The place of the CPU number `index`, counted thread by thread, core by core … */
static GVariant *place_of_index(const Machine *machine, unsigned index)
{
    unsigned threads = MAX(machine->threads, 1), cores = MAX(machine->cores, 1);
    unsigned dies = MAX(machine->dies, 1);

    return cpu_place(index / (threads * cores * dies), index / (threads * cores) % dies,
                     index / threads % cores, index % threads);
}

GVariant *machine_view_cpu_slots(GError **error)
{
    g_auto(GVariantBuilder) list = LIST_INIT;
    const Machine *machine = machine_get();
    const Cpu *first = cpu_get(0);

    if (!machine || !first) {
        error_set(error, ERROR_FAILED, "The feature 'query-hotpluggable-cpus' is not enabled");
        return NULL;
    }
    for (unsigned i = MAX(machine->max_cpus, cpu_count()); i-- > 0;) {
        const Cpu *cpu = cpu_get(i);
        g_auto(GVariantBuilder) info = DICT_INIT;
        dict_value(&info, "props", cpu ? cpu_place(cpu->socket, cpu->die, cpu->core, cpu->thread)
                                       : place_of_index(machine, i));
        dict_int(&info, "vcpus-count", 1);
        if (cpu) {
            dict_take_str(&info, "qom-path", object_path(OBJECT(cpu)));
        }
        dict_str(&info, "type", first->device.object.type->name);
        list_value(&list, g_variant_builder_end(&info));
    }
    return g_variant_builder_end(&list);
}

static const CpuModelsOps *cpu_models(GError **error)
{
    g_autoptr(GPtrArray) types = object_types_list(CPU_MODELS_INTERFACE, true);

    for (guint i = 0; i < types->len; i++) {
        const ObjectType *type = types->pdata[i];
        for (unsigned n = 0; n < type->interfaces.count; n++) {
            if (g_str_equal(type->interfaces.at[n].name, CPU_MODELS_INTERFACE)) {
                return type->interfaces.at[n].ops;
            }
        }
    }
    error_set(error, ERROR_FAILED, "CPU models of %s are not known", monitor_program()->target);
    return NULL;
}

GVariant *machine_view_cpu_definitions(GError **error)
{
    const CpuModelsOps *ops = cpu_models(error);

    return ops ? ops->definitions(error) : NULL;
}

GVariant *machine_view_expand_cpu(GVariant *model, bool full, GError **error)
{
    const CpuModelsOps *ops = cpu_models(error);
    g_autoptr(GVariant) props = args_value(model, "props");
    g_auto(GVariantBuilder) answer = DICT_INIT;
    GVariant *expanded;

    if (!ops) {
        return NULL;
    }
    if (props && !g_variant_is_of_type(props, G_VARIANT_TYPE_VARDICT)) {
        error_set(error, ERROR_INVALID, "Invalid parameter type for 'model.props', "
                  "expected: object");
        return NULL;
    }
    expanded = ops->expand(args_str(model, "name"), props, full, error);
    if (!expanded) {
        return NULL;
    }
    dict_value(&answer, "model", expanded);
    return g_variant_builder_end(&answer);
}

char *machine_view_uuid(void)
{
    static const uint8_t none[16];
    const Machine *machine = machine_get();
    const uint8_t *uuid = machine && machine->uuid_set ? machine->uuid : none;
    GString *text = g_string_new(NULL);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(text, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
                               uuid[i]);
    }
    return g_string_free(text, FALSE);
}

/* ---- interfaces ---- */

typedef struct Walk {
    const char *name;         /* of the command or topic */
    GVariantBuilder *list;    /* or: */
    GString *out;
    bool found;
} Walk;

static bool collect_answer(Object *object, void *opaque)
{
    const QueryOps *ops = object_interface(object, QUERY_INTERFACE);
    Walk *walk = opaque;

    if (ops && ops->answer && g_strcmp0(ops->command, walk->name) == 0) {
        g_autoptr(GVariant) part = g_variant_take_ref(ops->answer(object));
        for (gsize i = 0; i < g_variant_n_children(part); i++) {
            g_autoptr(GVariant) child = g_variant_get_child_value(part, i);
            g_variant_builder_add_value(walk->list, child);
        }
    }
    return true;
}

GVariant *machine_view_query(const char *command)
{
    g_auto(GVariantBuilder) list = LIST_INIT;
    Walk walk = { .name = command, .list = &list };

    object_foreach(object_root(), collect_answer, &walk);
    return g_variant_builder_end(&list);
}

static bool print_topic(Object *object, void *opaque)
{
    const QueryOps *query = object_interface(object, QUERY_INTERFACE);
    Walk *walk = opaque;

    if (object_is(object, "device")) {
        const DeviceType *type = device_type(DEVICE(object));
        if (type->print && g_strcmp0(type->topic, walk->name) == 0) {
            type->print(DEVICE(object), walk->out);
            walk->found = true;
        }
    }
    if (query && query->print && g_strcmp0(query->topic, walk->name) == 0) {
        query->print(object, walk->out);
        walk->found = true;
    }
    return true;
}

bool machine_view_print(const char *topic, Object *root, GString *out)
{
    Walk walk = { .name = topic, .out = out };

    object_foreach(root ? root : object_root(), print_topic, &walk);
    return walk.found;
}
