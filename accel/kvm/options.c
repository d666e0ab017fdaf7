/* SPDX-License-Identifier: MIT */
#include "accel/kvm/options.h"

static const char *const irqchip_values[] = { "on", "off", "split", NULL };
static const char *const notify_values[] = { "run", "internal-error", "disable", NULL };

const Property kvm_properties[KVM_PROPERTIES] = {
    { .name = "device", .description = "the node to open", FIELD(KvmOptions, device),
      .def.s = "/dev/kvm" },
    { .name = "kernel-irqchip", .description = "where interrupt controllers are: in the kernel, "
      "in the program, or local APICs in the kernel and the rest in the program",
      FIELD(KvmOptions, irqchip), .values = irqchip_values, .type_name = "OnOffSplit" },
    { .name = "dirty-ring-size", .description = "entries of each CPU's ring of written pages, a "
      "power of two; 0: a bitmap for each piece of memory", FIELD(KvmOptions, ring_entries) },
    { .name = "kvm-shadow-mem", .description = "bytes for shadow page tables; 0: the kernel's "
      "choice", FIELD(KvmOptions, shadow_memory), .flags = PROPERTY_SIZE },
    { .name = "notify-vmexit", .description = "what happens when the guest keeps interrupts out "
      "for too long", FIELD(KvmOptions, notify_exit), .values = notify_values, .def.u = 2 },
    { .name = "notify-window", .description = "how long that is, in clocks of the processor "
      "besides a built-in amount", FIELD(KvmOptions, notify_window) },
};
