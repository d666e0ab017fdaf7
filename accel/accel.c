/* SPDX-License-Identifier: MIT */
/* Choosing an accelerator, and its part in the machine's life. */
#include "accel/accel.h"

#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "hw/core/machine.h"

const ObjectType accel_base_type = {
    .name = "accel", .description = "what runs the CPUs", .size = sizeof(Accel),
    .abstract = true,
};

static Accel *current;

Accel *accel_get(void)
{
    return current;
}

/* "kvm-accel" is named "kvm". */
static char *option_name(const ObjectType *type)
{
    g_autofree char *name = g_strdup(type->name);

    if (g_str_has_suffix(name, "-accel")) {
        name[strlen(name) - strlen("-accel")] = 0;
    }
    return g_steal_pointer(&name);
}

const char *accel_name(void)
{
    static char name[32];
    g_autofree char *option = current ? option_name(current->object.type) : g_strdup("none");

    g_strlcpy(name, option, sizeof(name));
    return name;
}

/* ---- choosing ---- */

static bool type_has_name(const ObjectType *type, const char *name)
{
    g_autofree char *option = option_name(type);

    return strcmp(option, name) == 0 || strcmp(type->name, name) == 0;
}

static const AccelType *type_itself(const ObjectType *type)
{
    const AccelType *accel = (const AccelType *)type;

    return accel->same_as ? accel->same_as : accel;
}

bool accel_is_built_in(const char *name)
{
    g_autoptr(GPtrArray) types = object_types_list("accel", false);

    for (guint i = 0; i < types->len; i++) {
        if (type_has_name(types->pdata[i], name)) {
            return !type_itself(types->pdata[i])->unusable;
        }
    }
    return false;
}

static const AccelType *type_by_name(const char *name, GError **error)
{
    g_autoptr(GPtrArray) types = object_types_list("accel", false);
    NearestName nearest = nearest_name_init(name);
    g_autoptr(GString) known = g_string_new(NULL);

    for (guint i = 0; i < types->len; i++) {
        const ObjectType *type = types->pdata[i];
        g_autofree char *option = option_name(type);
        if (type_has_name(type, name)) {
            return type_itself(type);
        }
        nearest_name_offer(&nearest, option);
        g_string_append_printf(known, "%s%s", known->len ? ", " : "", option);
    }
    error_set(error, ERROR_NOT_FOUND, "invalid accelerator '%s'%s; this program has: %s", name,
              nearest_name_hint(&nearest), known->str);
    return NULL;
}

/*
 * Makes the object and sets its options, which must be right whether or not it
 * can be opened.
 */
static Accel *accel_from_dict(GVariant *dict, const char *object_name, GError **error)
{
    static const char *const skip[] = { "accel", NULL };
    const AccelType *type;
    const char *name;
    Object *object;

    if (!g_variant_lookup(dict, "accel", "&s", &name)) {
        error_set(error, ERROR_INVALID, "-accel needs the name of an accelerator; "
                  "'-accel help' lists them");
        return NULL;
    }
    type = type_by_name(name, error);
    if (!type) {
        return NULL;
    }
    object = object_new((const ObjectType *)type, object_root(), object_name, error);
    if (!object) {
        return NULL;
    }
    if (!object_set_all(object, dict, skip, error)) {
        g_prefix_error(error, "-accel %s: ", name);
        object_delete(object);
        return NULL;
    }
    return ACCEL(object);
}

static bool accel_open(Accel *accel, GError **error)
{
    const AccelType *type = accel_type(accel);

    if (type->unusable) {
        error_set(error, ERROR_FAILED, "%s", type->unusable);
        return false;
    }
    return !type->open || type->open(accel, error);
}

/* Opens it, unless there is one already: then its options are only checked. */
static bool accel_try(GVariant *dict, GString *refused, GError **error)
{
    g_autoptr(GError) why = NULL;
    Accel *accel = accel_from_dict(dict, current ? NULL : "accel", error);

    if (!accel) {
        return false;
    }
    if (!current) {
        g_autofree char *option = option_name(accel->object.type);
        if (accel_open(accel, &why)) {
            current = accel;
            return true;
        }
        g_string_append_printf(refused, "%s%s: %s", refused->len ? "; " : "", option,
                               why->message);
    }
    object_delete(OBJECT(accel));
    return true;
}

bool accel_select(GPtrArray *dicts, GError **error)
{
    g_autoptr(GString) refused = g_string_new(NULL);

    g_assert(!current);
    for (guint i = 0; i < dicts->len; i++) {
        if (!accel_try(dicts->pdata[i], refused, error)) {
            accel_delete();
            return false;
        }
    }
    if (!current) {
        error_set(error, ERROR_FAILED, "no usable accelerator: %s",
                  refused->len ? refused->str : "none was named");
        return false;
    }
    if (refused->len) {
        report_warning("%s; falling back to %s", refused->str, accel_name());
    }
    return true;
}

void accel_delete(void)
{
    if (current) {
        accel_machine_detach();
        if (accel_type(current)->close) {
            accel_type(current)->close(current);
        }
        object_delete(OBJECT(current));
        current = NULL;
    }
}

/* ---- help ---- */

static bool help_property(const ObjectType *owner, const Property *property, void *opaque)
{
    g_autofree char *type = property_type_name(property);

    g_string_append_printf(opaque, "  %s=<%s>%s%s\n", property->name, type,
                           property->description ? " - " : "",
                           property->description ? property->description : "");
    return true;
}

char *accel_help(const char *name_or_null)
{
    g_autoptr(GPtrArray) types = object_types_list("accel", false);
    GString *out = g_string_new(NULL);

    if (!name_or_null) {
        g_string_append(out, "Accelerators supported in this program:\n");
    }
    for (guint i = 0; i < types->len; i++) {
        const ObjectType *type = types->pdata[i];
        g_autofree char *option = option_name(type);
        if (!name_or_null && !type_itself(type)->unusable) {
            g_string_append_printf(out, "%s\n", option);
        } else if (name_or_null && type_has_name(type, name_or_null)) {
            g_string_append_printf(out, "%s options:\n", option);
            object_type_foreach_property(type, help_property, out);
        }
    }
    return g_string_free(out, FALSE);
}

/* ---- the machine's life ---- */

unsigned accel_features(void)
{
    return current && accel_type(current)->features ? accel_type(current)->features(current) : 0;
}

bool accel_describe(GString *out)
{
    if (!current || !accel_type(current)->describe) {
        return false;
    }
    accel_type(current)->describe(current, out);
    return true;
}

bool accel_set_single(bool on)
{
    bool runs = current && current->attached && machine_is_running();

    if (!current || !accel_type(current)->set_single) {
        return false;
    }
    if (runs) {
        vcpus_pause();
    }
    accel_type(current)->set_single(current, on);
    if (runs) {
        vcpus_resume();
    }
    return true;
}

bool accel_is_single(void)
{
    return current && accel_type(current)->is_single && accel_type(current)->is_single(current);
}

bool accel_machine_init(GError **error)
{
    const AccelType *type = current ? accel_type(current) : NULL;

    if (!type || current->inited) {
        return true;
    }
    if (type->machine_init && !type->machine_init(current, error)) {
        return false;
    }
    current->inited = true;
    return true;
}

static void run_state_changed(void *opaque, bool running, RunState state)
{
    const AccelType *type = accel_type(current);

    if (running) {
        if (type->run_state) {
            type->run_state(current, true);
        }
        vcpus_resume();
    } else {
        vcpus_pause();
        if (type->run_state) {
            type->run_state(current, false);
        }
    }
}

static void load_before_reset(Cpu *cpu)
{
    g_autoptr(GError) error = NULL;

    if (!vcpu_load_state(cpu, &error)) {
        log_write(LOG_CPU_RESET, "CPU %u: %s", cpu->index, error->message);
    }
}

/* Device reset has put reset values into every cpu->state. */
static void machine_was_reset(void *opaque)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        Cpu *cpu = cpu_get(i);
        if (cpu) {
            vcpu_mark_state(cpu, CPU_STATE_RESET);
        }
    }
}

bool accel_cpu_plug(Cpu *cpu, GError **error)
{
    if (!current || !accel_type(current)->vcpu) {
        return true;
    }
    return vcpu_new(cpu, accel_type(current)->vcpu, error);
}

void accel_cpu_unplug(Cpu *cpu)
{
    vcpu_delete(cpu);
}

/* Every CPU, as the NMI button of a server does. */
static void inject_nmi_everywhere(void)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        if (cpu_get(i)) {
            accel_inject_nmi(cpu_get(i));
        }
    }
}

static void cpus_unplug(void)
{
    for (unsigned i = cpu_count(); i-- > 0; ) {
        Cpu *cpu = cpu_get(i);
        if (cpu) {
            accel_cpu_unplug(cpu);
        }
    }
}

bool accel_machine_attach(GError **error)
{
    const AccelType *type = current ? accel_type(current) : NULL;

    if (!type || current->attached) {
        return true;
    }
    if (type->machine_attach && !type->machine_attach(current, error)) {
        return false;
    }
    for (unsigned i = 0; i < cpu_count(); i++) {
        Cpu *cpu = cpu_get(i);
        if (cpu && !accel_cpu_plug(cpu, error)) {
            cpus_unplug();
            if (type->machine_detach) {
                type->machine_detach(current);
            }
            return false;
        }
    }
    machine_on_run_state(run_state_changed, NULL);
    machine_on_reset(machine_was_reset, NULL);
    cpu_set_load(load_before_reset);
    machine_set_nmi_hook(inject_nmi_everywhere);
    machine_set_request_hook(vcpu_hold_current);
    current->attached = true;
    return true;
}

void accel_machine_detach(void)
{
    if (!current || !current->attached) {
        return;
    }
    current->attached = false;
    machine_off_run_state(run_state_changed, NULL);
    machine_off(machine_was_reset, NULL);
    cpu_set_load(NULL);
    machine_set_nmi_hook(NULL);
    machine_set_request_hook(NULL);
    vcpus_pause();
    cpus_unplug();
    if (accel_type(current)->machine_detach) {
        accel_type(current)->machine_detach(current);
    }
}

/* ---- CPUs ---- */

bool accel_load_states(GError **error)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        Cpu *cpu = cpu_get(i);
        if (cpu && !vcpu_load_state(cpu, error)) {
            return false;
        }
    }
    return true;
}

bool accel_store_states(CpuStateLevel level, GError **error)
{
    for (unsigned i = 0; i < cpu_count(); i++) {
        Cpu *cpu = cpu_get(i);
        if (cpu) {
            vcpu_mark_state(cpu, level);
            if (!vcpu_store_state(cpu, error)) {
                return false;
            }
        }
    }
    return true;
}

static void nmi_in_thread(Cpu *cpu, void *opaque)
{
    vcpu_of(cpu)->ops->inject_nmi(vcpu_of(cpu));
}

void accel_inject_nmi(Cpu *cpu)
{
    Vcpu *vcpu = vcpu_of(cpu);

    if (vcpu && vcpu->ops->inject_nmi) {
        vcpu_run_on_async(cpu, nmi_in_thread, NULL, NULL);
    } else if (cpu->ops && cpu->ops->inject_nmi) {
        cpu->ops->inject_nmi(cpu);
    }
}
