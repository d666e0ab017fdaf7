/* SPDX-License-Identifier: MIT */
/*
 * In-kernel devices by their tables. The scripted one answers as arm64 kernels do
 * for a VGICv3 and its ITS: addresses are set once, the number of lines before
 * init, registers read after it, writing pending bits replaces them, and writing
 * CBASER clears CREADR.
 */
#include <errno.h>
#include <string.h>

#include "accel/kvm/device.h"
#include "tests/unit/kvm/bench.h"
#include "tests/unit/kvm/script.h"

enum { GROUP_ADDR, GROUP_DIST, GROUP_CPU, GROUP_NR_IRQS, GROUP_CTRL, GROUP_ITS };
enum { CTRL_INIT, CTRL_RESET };

typedef struct Chip {
    uint64_t address;
    uint32_t ctlr, typer;
    uint32_t pending[4];
    uint64_t priority[2];      /* by CPU */
    uint64_t cbaser, creadr;
} Chip;

static const KvmAttr chip_attrs[] = {
    { "address", FIELD_OF(Chip, address), GROUP_ADDR, 2, .width = 8, .flags = KVM_ATTR_SETUP },
    { "lines", { 0 }, GROUP_NR_IRQS, 0, .width = 4, .flags = KVM_ATTR_SETUP },
    { "GICD_TYPER", FIELD_OF(Chip, typer), GROUP_DIST, 4, .width = 4,
      .flags = KVM_ATTR_READ_ONLY },
    { "GICD_CTLR", FIELD_OF(Chip, ctlr), GROUP_DIST, 0, .width = 4 },
    { "GICD_ISPENDR", FIELD_ARRAY_OF(Chip, pending), GROUP_DIST, 0x200, .count = 4, .width = 4 },
    { "ICC_PMR", FIELD_ARRAY_OF(Chip, priority), GROUP_CPU, 0x46, .width = 8,
      .flags = KVM_ATTR_PER_CPU },
    { "GITS_CBASER", FIELD_OF(Chip, cbaser), GROUP_ITS, 0x80, .width = 8 },
    { "GITS_CREADR", FIELD_OF(Chip, creadr), GROUP_ITS, 0x90, .width = 8 },
    { "younger", FIELD_OF(Chip, ctlr), GROUP_DIST, 0x999, .width = 4,
      .flags = KVM_ATTR_OPTIONAL },
};

static const KvmCommand chip_commands[] = {
    { "init", GROUP_CTRL, CTRL_INIT }, { "reset", GROUP_CTRL, CTRL_RESET, .optional = true },
};

static uint64_t with_cpu(uint64_t attr, const Cpu *cpu)
{
    return attr | (uint64_t)cpu->index << 32;
}

static const KvmDeviceInfo chip_info = {
    .name = "VGICv3", .type = KVM_DEV_TYPE_ARM_VGIC_V3, .attrs = TABLE(chip_attrs),
    .commands = TABLE(chip_commands), .cpu_attr = with_cpu,
};

/* ---- the kernel's side ---- */

static struct {
    Chip chip;
    bool addressed, numbered, inited;
    bool no_creadr;
} kernel;

static bool known(const struct kvm_device_attr *attr)
{
    switch (attr->group) {
    case GROUP_ADDR:
        return attr->attr == 2;
    case GROUP_DIST:
        return attr->attr == 0 || attr->attr == 4 ||
               (attr->attr >= 0x200 && attr->attr < 0x210 && attr->attr % 4 == 0);
    case GROUP_CPU:
        return (uint32_t)attr->attr == 0x46 && attr->attr >> 32 < 2;
    case GROUP_NR_IRQS:
        return attr->attr == 0;
    case GROUP_CTRL:
        return attr->attr == CTRL_INIT;
    case GROUP_ITS:
        return attr->attr == 0x80 || (attr->attr == 0x90 && !kernel.no_creadr);
    default:
        return false;
    }
}

static int place(const struct kvm_device_attr *attr, void **at, unsigned *width)
{
    *width = attr->group == GROUP_DIST ? 4 : 8;
    switch (attr->group) {
    case GROUP_ADDR:
        *at = &kernel.chip.address;
        return 0;
    case GROUP_DIST:
        *at = attr->attr == 0 ? &kernel.chip.ctlr : attr->attr == 4 ? &kernel.chip.typer
            : &kernel.chip.pending[(attr->attr - 0x200) / 4];
        return kernel.inited ? 0 : -EBUSY;
    case GROUP_CPU:
        *at = &kernel.chip.priority[attr->attr >> 32];
        return 0;
    case GROUP_ITS:
        *at = attr->attr == 0x80 ? &kernel.chip.cbaser : &kernel.chip.creadr;
        return 0;
    default:
        return -ENXIO;
    }
}

static int set_attr(const struct kvm_device_attr *attr)
{
    unsigned width;
    void *at;
    int result;

    if (attr->group == GROUP_CTRL) {
        kernel.inited = true;
        return 0;
    }
    if (attr->group == GROUP_NR_IRQS) {
        uint32_t lines = *(uint32_t *)attr->addr;
        if (lines % 32) {
            return -EINVAL;
        }
        if (kernel.numbered || kernel.inited) {
            return -EBUSY;
        }
        kernel.numbered = true;
        return 0;
    }
    if (attr->group == GROUP_ADDR) {
        if (*(uint64_t *)attr->addr & 0xffff) {
            return -EINVAL;
        }
        if (*(uint64_t *)attr->addr >> 40) {
            return -E2BIG;
        }
        if (kernel.addressed) {
            return -EEXIST;
        }
        kernel.addressed = true;
    }
    result = place(attr, &at, &width);
    if (result == 0) {
        memcpy(at, (void *)attr->addr, width);
        if (attr->group == GROUP_ITS && attr->attr == 0x80) {
            kernel.chip.creadr = 0;
        }
    }
    return result;
}

static int device_attr(unsigned long request, const struct kvm_device_attr *attr)
{
    unsigned width;
    void *at;
    int result;

    if (!known(attr)) {
        return -ENXIO;
    }
    if (request == KVM_HAS_DEVICE_ATTR) {
        return 0;
    }
    if (request == KVM_SET_DEVICE_ATTR) {
        return set_attr(attr);
    }
    result = place(attr, &at, &width);
    if (result == 0) {
        memcpy((void *)attr->addr, at, width);
    }
    return result;
}

static int create_device(struct kvm_create_device *request)
{
    if (request->type != KVM_DEV_TYPE_ARM_VGIC_V3) {
        return -ENODEV;
    }
    if (!(request->flags & KVM_CREATE_DEVICE_TEST)) {
        script.open_files++;
    }
    return 0;
}

/* ---- tests ---- */

static KvmDevice device;

static void start(void)
{
    GError *error = NULL;

    script_reset();
    memset(&kernel, 0, sizeof(kernel));
    kernel.chip.typer = 0x480007;
    script.device_attr = device_attr;
    script.create_device = create_device;
    g_assert_true(bench_start("kvm", "qemu64,check=off", 2, &error));
    g_assert_no_error(error);
}

static void stop(void)
{
    kvm_device_release(&device);
    bench_stop();
    g_assert_cmpuint(script.open_files, ==, 0);
}

static void check_error(bool ok, GError **error, const char *part)
{
    g_assert_false(ok);
    g_test_message("%s", (*error)->message);
    g_assert_nonnull(strstr((*error)->message, part));
    g_clear_error(error);
}

static void test_probe(void)
{
    static const KvmDeviceInfo other = { .name = "VGICv2", .type = KVM_DEV_TYPE_ARM_VGIC_V2 };
    GError *error = NULL;

    start();
    g_assert_true(kvm_device_probe(kvm_get(), &chip_info, &error));
    check_error(kvm_device_probe(kvm_get(), &other, &error), &error, "cannot make a VGICv2");
    check_error(kvm_device_init(&device, kvm_get(), &other, &error), &error, "no such device");
    stop();
}

static void test_missing(void)
{
    GError *error = NULL;

    start();
    kernel.no_creadr = true;
    check_error(kvm_device_init(&device, kvm_get(), &chip_info, &error), &error,
                "lacks GITS_CREADR");
    stop();
}

static void test_setup(void)
{
    GError *error = NULL;
    uint64_t value;

    start();
    g_assert_true(kvm_device_init(&device, kvm_get(), &chip_info, &error));
    g_assert_false(kvm_device_has_command(&device, "reset"));
    check_error(kvm_device_get(&device, "GICD_CTLR", NULL, &value, &error), &error,
                "before the device is initialized");
    check_error(kvm_device_set(&device, "lines", NULL, 33, &error), &error, "Invalid argument");
    g_assert_true(kvm_device_set(&device, "lines", NULL, 64, &error));
    check_error(kvm_device_set(&device, "lines", NULL, 64, &error), &error, "busy");
    check_error(kvm_device_set(&device, "address", NULL, 1ull << 50, &error), &error,
                "beyond what the guest can address");
    g_assert_true(kvm_device_set(&device, "address", NULL, 0x8000000, &error));
    check_error(kvm_device_set(&device, "address", NULL, 0x9000000, &error), &error,
                "can be set once");
    g_assert_true(kvm_device_command(&device, "init", &error));
    stop();
}

static void test_round_trip(void)
{
    GError *error = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    Chip chip = { 0 }, want = {
        .ctlr = 0x12, .typer = 0x480007, .pending = { 0, 0x100, 0, 1 },
        .priority = { 0xf0, 0x80 }, .cbaser = 0x8000000000001000, .creadr = 0x40,
    };

    start();
    g_assert_true(kvm_device_init(&device, kvm_get(), &chip_info, &error));
    g_assert_true(kvm_device_command(&device, "init", &error));
    kernel.chip.pending[1] = 0xffff;
    g_assert_true(kvm_device_load(&device, &want, &error));
    g_assert_no_error(error);
    g_assert_cmphex(kernel.chip.pending[1], ==, 0x100);
    g_assert_cmphex(kernel.chip.creadr, ==, 0x40);
    g_assert_true(kvm_device_save(&device, &chip, &error));
    g_assert_cmpmem(&chip, sizeof(chip), &want, sizeof(want));
    kvm_device_print(&device, text);
    g_assert_nonnull(strstr(text->str, "GICD_ISPENDR[1] 0x100\n"));
    g_assert_nonnull(strstr(text->str, "ICC_PMR cpu 1 0x80\n"));
    want.typer = 0x480008;
    check_error(kvm_device_load(&device, &want, &error), &error, "saved with 0x480008");
    stop();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bench_init();
    g_test_add_func("/kvm-device/probe", test_probe);
    g_test_add_func("/kvm-device/missing", test_missing);
    g_test_add_func("/kvm-device/setup", test_setup);
    g_test_add_func("/kvm-device/round-trip", test_round_trip);
    return g_test_run();
}
