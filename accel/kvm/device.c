/* SPDX-License-Identifier: MIT */
#include "accel/kvm/device.h"

#include <errno.h>
#include <string.h>

#include "base/bits.h"
#include "base/error.h"
#include "base/log.h"

/* ---- one access ---- */

static const char *explain_errno(int number)
{
    switch (number) {
    case ENXIO:
        return " (the kernel has no such attribute, or not yet)";
    case EBUSY:
        return " (it must be done before the device is initialized, or while no CPU runs)";
    case EEXIST:
        return " (it was set before, and can be set once)";
    case ENODEV:
        return " (the kernel has no such device)";
    case E2BIG:
        return " (it lies beyond what the guest can address)";
    default:
        return "";
    }
}

static uint64_t attr_number(const KvmDevice *device, const KvmAttr *attr, unsigned index,
                            const Cpu *cpu)
{
    uint64_t number = attr->attr + (uint64_t)index * (attr->stride ? attr->stride : attr->width);

    return attr->flags & KVM_ATTR_PER_CPU && cpu ? device->info->cpu_attr(number, cpu) : number;
}

static bool attr_access(KvmDevice *device, const KvmAttr *attr, unsigned index, const Cpu *cpu,
                        uint64_t *value, bool write, GError **error)
{
    uint8_t bytes[8] = { 0 };
    struct kvm_device_attr request = {
        .group = attr->group, .attr = attr_number(device, attr, index, cpu),
        .addr = (uintptr_t)bytes,
    };
    int result;

    if (write) {
        store_host(bytes, *value, attr->width);
    }
    result = kvm_ioctl(device->fd, write ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, &request);
    if (result >= 0 && !write) {
        *value = load_host(bytes, attr->width);
    }
    if (log_trace_wanted("kvm_device_attr")) {
        log_trace("kvm_device_attr", "%s %s %s[%u] cpu %d group %u attr 0x%" PRIx64
                  " width %u value 0x%" PRIx64 " = %d", device->info->name,
                  write ? "set" : "get", attr->name, index, cpu ? (int)cpu->index : -1,
                  attr->group, (uint64_t)request.attr, attr->width, *value, result);
    }
    if (result < 0) {
        error_set(error, ERROR_SYSTEM, "%s: cannot %s %s[%u]%s: %s%s", device->info->name,
                  write ? "write" : "read", attr->name, index,
                  cpu ? " of a CPU" : "", g_strerror(-result), explain_errno(-result));
        return false;
    }
    return true;
}

/* ---- making ---- */

static int create(Kvm *kvm, const KvmDeviceInfo *info, bool test, int *fd)
{
    struct kvm_create_device request = {
        .type = info->type, .flags = test ? KVM_CREATE_DEVICE_TEST : 0,
    };
    int result = kvm->cap[CAP_DEVICE_CTRL] ? kvm_ioctl(kvm->vm, KVM_CREATE_DEVICE, &request)
                                           : -ENODEV;

    *fd = request.fd;
    return result;
}

bool kvm_device_probe(Kvm *kvm, const KvmDeviceInfo *info, GError **error)
{
    int fd, result = create(kvm, info, true, &fd);

    if (result < 0) {
        error_set(error, ERROR_KVM_MISSING_CAP, "this kernel's KVM cannot make a %s: %s%s",
                  info->name, g_strerror(-result), explain_errno(-result));
    }
    return result >= 0;
}

static bool kernel_has(KvmDevice *device, uint32_t group, uint64_t attr)
{
    struct kvm_device_attr request = { .group = group, .attr = attr };

    return kvm_ioctl(device->fd, KVM_HAS_DEVICE_ATTR, &request) >= 0;
}

static void name_missing(GString *missing, const char *name)
{
    g_string_append_printf(missing, "%s%s", missing->len ? ", " : "", name);
}

static bool ask_for_all(KvmDevice *device, GError **error)
{
    const KvmDeviceInfo *info = device->info;
    g_autoptr(GString) missing = g_string_new(NULL);

    for (unsigned i = 0; i < info->attrs.count; i++) {
        const KvmAttr *attr = &info->attrs.at[i];
        if (!kernel_has(device, attr->group, attr_number(device, attr, 0, NULL))) {
            device->missing_attrs |= 1ull << i;
            if (!(attr->flags & KVM_ATTR_OPTIONAL)) {
                name_missing(missing, attr->name);
            }
        }
    }
    for (unsigned i = 0; i < info->commands.count; i++) {
        const KvmCommand *command = &info->commands.at[i];
        if (!kernel_has(device, command->group, command->attr)) {
            device->missing_commands |= 1ull << i;
            if (!command->optional) {
                name_missing(missing, command->name);
            }
        }
    }
    if (missing->len) {
        error_set(error, ERROR_KVM_MISSING_CAP, "the %s of this kernel's KVM lacks %s",
                  info->name, missing->str);
        return false;
    }
    return true;
}

bool kvm_device_init(KvmDevice *device, Kvm *kvm, const KvmDeviceInfo *info, GError **error)
{
    int result;

    g_assert(info->attrs.count <= 64 && info->commands.count <= 64);
    *device = (KvmDevice){ .kvm = kvm, .info = info, .fd = -1 };
    result = create(kvm, info, false, &device->fd);
    if (result < 0) {
        device->fd = -1;
        error_set(error, ERROR_SYSTEM, "cannot make a %s: KVM_CREATE_DEVICE: %s%s", info->name,
                  g_strerror(-result), explain_errno(-result));
        return false;
    }
    if (!ask_for_all(device, error)) {
        kvm_device_release(device);
        return false;
    }
    return true;
}

void kvm_device_release(KvmDevice *device)
{
    if (device->info && device->fd >= 0) {
        kvm_ops->close(device->fd);
    }
    device->fd = -1;
}

/* ---- commands ---- */

static int command_index(const KvmDevice *device, const char *name)
{
    for (unsigned i = 0; i < device->info->commands.count; i++) {
        if (g_str_equal(device->info->commands.at[i].name, name)) {
            return i;
        }
    }
    g_assert_not_reached();
}

bool kvm_device_has_command(const KvmDevice *device, const char *name)
{
    return !(device->missing_commands >> command_index(device, name) & 1);
}

bool kvm_device_command(KvmDevice *device, const char *name, GError **error)
{
    const KvmCommand *command = &device->info->commands.at[command_index(device, name)];
    struct kvm_device_attr request = { .group = command->group, .attr = command->attr };
    int result = kvm_ioctl(device->fd, KVM_SET_DEVICE_ATTR, &request);

    if (log_trace_wanted("kvm_device_command")) {
        log_trace("kvm_device_command", "%s %s = %d", device->info->name, name, result);
    }
    if (result < 0) {
        error_set(error, ERROR_SYSTEM, "%s: '%s' failed: %s%s", device->info->name, name,
                  g_strerror(-result), explain_errno(-result));
    }
    return result >= 0;
}

/* ---- single attributes ---- */

static const KvmAttr *attr_by_name(const KvmDevice *device, const char *name)
{
    for (unsigned i = 0; i < device->info->attrs.count; i++) {
        if (g_str_equal(device->info->attrs.at[i].name, name)) {
            return &device->info->attrs.at[i];
        }
    }
    g_assert_not_reached();
}

bool kvm_device_set(KvmDevice *device, const char *name, const Cpu *cpu, uint64_t value,
                    GError **error)
{
    return attr_access(device, attr_by_name(device, name), 0, cpu, &value, true, error);
}

bool kvm_device_get(KvmDevice *device, const char *name, const Cpu *cpu, uint64_t *value,
                    GError **error)
{
    return attr_access(device, attr_by_name(device, name), 0, cpu, value, false, error);
}

/* ---- all of them ---- */

typedef bool (*AttrVisit)(KvmDevice *device, const KvmAttr *attr, unsigned index,
                          const Cpu *cpu, uint8_t *element, void *opaque, GError **error);

static bool visit_attr(KvmDevice *device, const KvmAttr *attr, uint8_t *base, AttrVisit visit,
                       void *opaque, GError **error)
{
    bool per_cpu = attr->flags & KVM_ATTR_PER_CPU;
    unsigned cpus = per_cpu ? cpu_count() : 1, count = attr->count ? attr->count : 1;

    for (unsigned c = 0; c < cpus; c++) {
        for (unsigned i = 0; i < count; i++) {
            unsigned n = c * count + i;
            g_assert(n < attr->field.count);
            if (!visit(device, attr, i, per_cpu ? cpu_get(c) : NULL,
                       base + attr->field.offset + n * attr->field.width, opaque, error)) {
                return false;
            }
        }
    }
    return true;
}

static bool visit_all(KvmDevice *device, void *base, unsigned skip_flags, AttrVisit visit,
                      void *opaque, GError **error)
{
    /* Other CPUs would see half of a state, and the kernel refuses it for some chips. */
    g_assert(vcpus_paused());
    for (unsigned i = 0; i < device->info->attrs.count; i++) {
        const KvmAttr *attr = &device->info->attrs.at[i];
        if (!(attr->flags & skip_flags) && !(device->missing_attrs >> i & 1) &&
            attr->field.kind != FIELD_NONE &&
            !visit_attr(device, attr, base, visit, opaque, error)) {
            return false;
        }
    }
    return true;
}

static bool save_one(KvmDevice *device, const KvmAttr *attr, unsigned index, const Cpu *cpu,
                     uint8_t *element, void *opaque, GError **error)
{
    uint64_t value = 0;

    if (!attr_access(device, attr, index, cpu, &value, false, error)) {
        return false;
    }
    store_host(element, value, attr->field.width);
    return true;
}

bool kvm_device_save(KvmDevice *device, void *base, GError **error)
{
    return visit_all(device, base, KVM_ATTR_WRITE_ONLY, save_one, NULL, error);
}

static bool load_one(KvmDevice *device, const KvmAttr *attr, unsigned index, const Cpu *cpu,
                     uint8_t *element, void *opaque, GError **error)
{
    uint64_t value = load_host(element, attr->field.width), now;

    if (!(attr->flags & KVM_ATTR_READ_ONLY)) {
        return attr_access(device, attr, index, cpu, &value, true, error);
    }
    if (!attr_access(device, attr, index, cpu, &now, false, error)) {
        return false;
    }
    if (now != value) {
        error_set(error, ERROR_INVALID, "%s: %s[%u] is 0x%" PRIx64 " here, but the state was "
                  "saved with 0x%" PRIx64, device->info->name, attr->name, index, now, value);
        return false;
    }
    return true;
}

bool kvm_device_load(KvmDevice *device, const void *base, GError **error)
{
    return visit_all(device, (void *)base, KVM_ATTR_SETUP, load_one, NULL, error);
}

static bool print_one(KvmDevice *device, const KvmAttr *attr, unsigned index, const Cpu *cpu,
                      uint8_t *element, void *opaque, GError **error)
{
    g_autoptr(GError) why = NULL;
    uint64_t value = 0;
    bool ok = attr_access(device, attr, index, cpu, &value, false, &why);

    g_string_append(opaque, attr->name);
    if (attr->count > 1) {
        g_string_append_printf(opaque, "[%u]", index);
    }
    if (cpu) {
        g_string_append_printf(opaque, " cpu %u", cpu->index);
    }
    if (ok) {
        g_string_append_printf(opaque, " 0x%" PRIx64 "\n", value);
    } else {
        g_string_append_printf(opaque, " (%s)\n", why->message);
    }
    return true;
}

void kvm_device_print(KvmDevice *device, GString *out)
{
    g_autoptr(GError) error = NULL;

    if (!visit_all(device, NULL, KVM_ATTR_WRITE_ONLY, print_one, out, &error)) {
        g_string_append_printf(out, "%s\n", error->message);
    }
}
