/* SPDX-License-Identifier: MIT */
/* The options that go to the machine's firmware: -smbios, -fw_cfg, -option-rom. */
#include "hw/core/machine.h"
#include "hw/firmware/fw_cfg.h"
#include "hw/firmware/pc-firmware.h"
#include "vmm/options.h"
#include "vmm/start.h"

static bool set_each(Object *object, const char *option, const char *property, GError **error)
{
    GPtrArray *values = option_values(option);

    if (values->len && !object) {
        error_set(error, ERROR_INVALID, "-%s: machine '%s' has no device that takes it", option,
                  machine_get()->board);
        return false;
    }
    for (guint i = 0; i < values->len; i++) {
        if (!object_set_string(object, property, g_ptr_array_index(values, i), error)) {
            return false;
        }
    }
    return true;
}

bool start_firmware(GError **error)
{
    Object *firmware = (Object *)pc_firmware_find(), *fw_cfg = (Object *)fw_cfg_find();

    return set_each(firmware, "smbios", "smbios", error) &&
           set_each(fw_cfg, "fw_cfg", "file", error) &&
           set_each(firmware, "option-rom", "option-rom", error);
}
