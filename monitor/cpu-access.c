/* SPDX-License-Identifier: MIT */
#include "monitor/cpu-access.h"

#include "accel/vcpu.h"
#include "hw/core/machine.h"

#define PAGE 4096ull

Cpu *cpu_for_index(int64_t index, GError **error)
{
    Cpu *cpu = index >= 0 && index < cpu_count() ? cpu_get(index) : NULL;

    if (!cpu) {
        error_set(error, ERROR_INVALID, "No CPU #%" G_GINT64_FORMAT ": the machine has %u", index,
                  cpu_count());
        return NULL;
    }
    return vcpu_load_state(cpu, error) ? cpu : NULL;
}

Cpu *cpu_for_monitor(Monitor *monitor, GError **error)
{
    return cpu_for_index(monitor_cpu(monitor), error);
}

static bool access_virtual(Cpu *cpu, uint64_t address, uint8_t *at, uint64_t length, bool write)
{
    AddressSpace *space = cpu->memory ? cpu->memory : machine_memory();

    if (!cpu->ops || !cpu->ops->translate) {
        return false;
    }
    while (length) {
        uint64_t piece = MIN(length, PAGE - address % PAGE), physical;
        if (!cpu->ops->translate(cpu, address, &physical) ||
            !(write ? address_space_write_rom(space, physical, at, piece)
                    : address_space_read_debug(space, physical, at, piece))) {
            return false;
        }
        address += piece;
        at += piece;
        length -= piece;
    }
    return true;
}

bool cpu_read_virtual(Cpu *cpu, uint64_t address, void *buffer, uint64_t length)
{
    return access_virtual(cpu, address, buffer, length, false);
}

bool cpu_write_virtual(Cpu *cpu, uint64_t address, const void *buffer, uint64_t length)
{
    return access_virtual(cpu, address, (void *)buffer, length, true);
}

bool machine_read_physical(uint64_t address, void *buffer, uint64_t length)
{
    AddressSpace *space = machine_memory();

    return space && address_space_read_debug(space, address, buffer, length);
}
