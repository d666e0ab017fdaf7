/* SPDX-License-Identifier: MIT */
#include "hw/intc/backend.h"

#include "base/log.h"

void chip_binding_reset(const ChipBinding *binding, Device *chip)
{
    g_autoptr(GError) error = NULL;

    if (!binding->backend) {
        return;
    }
    if (binding->backend->reset) {
        binding->backend->reset(binding->opaque, chip);
    } else if (!binding->backend->load(binding->opaque, chip, &error)) {
        report_error("reset of %s: %s", chip->object.name, error->message);
    }
}

void chip_bind(Device *chip, const ChipBackend *backend, void *opaque)
{
    const ChipOps *ops = object_interface(OBJECT(chip), CHIP_INTERFACE);
    ChipBinding *binding;

    g_assert(ops);
    binding = ops->binding(chip);
    if (!backend) {
        chip_binding_save(binding, chip);
    }
    *binding = (ChipBinding){ backend, opaque };
    if (ops->bound) {
        ops->bound(chip);
    }
    device_update(chip);
}
