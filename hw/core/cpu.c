/* SPDX-License-Identifier: MIT */
#include "hw/core/cpu.h"

#include "base/log.h"

_Thread_local Cpu *cpu_current;

static GPtrArray *cpus;

const DeviceType cpu_base_type = {
    .name = "cpu", .parent = "device", .description = "a processor", .abstract = true,
    .size = sizeof(Cpu),
};

Cpu *cpu_get(unsigned index)
{
    return cpus && index < cpus->len ? cpus->pdata[index] : NULL;
}

unsigned cpu_count(void)
{
    return cpus ? cpus->len : 0;
}

void cpu_register(Cpu *cpu)
{
    if (!cpus) {
        cpus = g_ptr_array_new();
    }
    cpu->index = cpus->len;
    g_ptr_array_add(cpus, cpu);
}

void cpu_unregister(Cpu *cpu)
{
    if (cpus) {
        g_ptr_array_remove(cpus, cpu);
    }
}

/* ---- what a reset loses ---- */

static void (*load_state)(Cpu *cpu);

void cpu_set_load(void (*load)(Cpu *cpu))
{
    load_state = load;
}

void cpu_log_reset(Cpu *cpu)
{
    if (log_enabled(LOG_CPU_RESET) && cpu->ops && cpu->ops->print_registers && cpu->state) {
        g_autoptr(GString) text = g_string_new(NULL);
        cpu->ops->print_registers(cpu, text, log_enabled(LOG_FPU));
        log_write(LOG_CPU_RESET, "CPU Reset (CPU %u)\n%s", cpu->index, text->str);
    }
}

void cpus_log_reset(void)
{
    for (unsigned i = 0; log_enabled(LOG_CPU_RESET) && i < cpu_count(); i++) {
        if (load_state) {
            load_state(cpu_get(i));
        }
        cpu_log_reset(cpu_get(i));
    }
}

/* ---- system management mode ---- */

static AddressSpace *(*smm_memory)(void *opaque);
static void *smm_opaque;

void cpu_set_smm_memory(AddressSpace *(*get)(void *opaque), void *opaque)
{
    smm_memory = get;
    smm_opaque = opaque;
}

AddressSpace *cpu_smm_memory(void)
{
    return smm_memory ? smm_memory(smm_opaque) : NULL;
}
