/* SPDX-License-Identifier: MIT */
/* The CPU that a command means, with its registers brought up to date. */
#ifndef MONITOR_CPU_ACCESS_H
#define MONITOR_CPU_ACCESS_H

#include "hw/core/cpu.h"
#include "monitor/monitor.h"

/* Number `index`, or an error that names it. Its registers are as of now. */
Cpu *cpu_for_index(int64_t index, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The one that the `cpu` command chose, or the first. */
Cpu *cpu_for_monitor(Monitor *monitor, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Reads memory as the CPU's present page tables show it; false when a part is not there. */
bool cpu_read_virtual(Cpu *cpu, uint64_t address, void *buffer, uint64_t length);
/* Writes it, whatever its protection says, and ROM too; no device is called. */
bool cpu_write_virtual(Cpu *cpu, uint64_t address, const void *buffer, uint64_t length);
/* RAM and ROM at physical addresses; no device is called. */
bool machine_read_physical(uint64_t address, void *buffer, uint64_t length);

#endif
