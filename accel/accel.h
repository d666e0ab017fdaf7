/* SPDX-License-Identifier: MIT */
/*
 * Accelerators: what runs the CPUs.
 *
 * An accelerator is an object of a type derived from "accel"; its properties are
 * the options of `-accel NAME,…`. The order of calls is the program's:
 *
 *   accel_select()         options are checked, the first usable one is opened
 *   accel_machine_init()   before devices are wired: the VM is there, CPU features are known
 *   accel_machine_attach() the tree is realized: memory map, chips and CPUs are handed over
 *   (the machine is reset, runs, pauses …)
 *   accel_machine_detach() before the tree is torn down
 *   accel_delete()
 *
 * Everything is under the machine lock.
 */
#ifndef ACCEL_ACCEL_H
#define ACCEL_ACCEL_H

#include "accel/vcpu.h"

/* What devices and boards may count on. */
typedef enum AccelFeature {
    ACCEL_CPUS_RUN   = 1 << 0,  /* guest code is executed at all */
    ACCEL_MSI        = 1 << 1,  /* accel_msi_*() work */
    ACCEL_IRQFD      = 1 << 2,
    ACCEL_RESAMPLE   = 1 << 3,  /* irqfds of level lines report the end of interrupt */
    ACCEL_IOEVENTFD  = 1 << 4,
    ACCEL_KERNEL_PIC = 1 << 5,  /* 8259 and I/O APIC are in the kernel */
    ACCEL_KERNEL_APIC = 1 << 6, /* local APICs are */
    ACCEL_ICOUNT     = 1 << 7,  /* virtual time may count instructions: accel/icount.h */
} AccelFeature;

typedef struct Accel Accel;

/* Interrupts that go past the devices' pins; NULL where an accelerator has none. */
typedef struct AccelInterruptOps {
    /* A route for a message; its number or -1 with an error. */
    int (*msi_add)(Accel *accel, uint64_t address, uint32_t data, uint16_t requester_id,
                   GError **error);
    bool (*msi_update)(Accel *accel, int route, uint64_t address, uint32_t data,
                       uint16_t requester_id, GError **error);
    void (*msi_remove)(Accel *accel, int route);
    /* `resample_fd` is -1 or signalled at the end of the interrupt. */
    bool (*irqfd_add)(Accel *accel, int route, int fd, int resample_fd, GError **error);
    void (*irqfd_remove)(Accel *accel, int route, int fd);
} AccelInterruptOps;

typedef struct AccelType {
    struct ObjectType;         /* .name is "<option>-accel" */
    /* it is only a name of that one, and its child; NULL: itself */
    const struct AccelType *same_as;
    /* why it cannot be used on hosts of this kind; NULL: it may be tried */
    const char *unusable;
    const VcpuOps *vcpu;       /* NULL: CPUs do not run */
    const AccelInterruptOps *interrupts;
    /* May it be used here? An error says why not. Failing, it leaves nothing open. */
    bool (*open)(Accel *accel, GError **error);
    void (*close)(Accel *accel);
    bool (*machine_init)(Accel *accel, GError **error);
    bool (*machine_attach)(Accel *accel, GError **error);
    void (*machine_detach)(Accel *accel);
    /* Before CPUs go on, after they stopped. */
    void (*run_state)(Accel *accel, bool running);
    unsigned (*features)(Accel *accel);
    /* What it made of the guest's code; NULL: it makes nothing. */
    void (*describe)(Accel *accel, GString *out);
    /* Instruction by instruction, for debugging; NULL: it cannot. While no CPU runs. */
    void (*set_single)(Accel *accel, bool on);
    bool (*is_single)(Accel *accel);
} AccelType;

struct Accel {
    Object object;
    bool inited, attached;
};

#define ACCEL(pointer) ((Accel *)(pointer))

static inline const AccelType *accel_type(const Accel *accel)
{
    return (const AccelType *)accel->object.type;
}

extern const ObjectType accel_base_type;   /* "accel" */

/*
 * Each dictionary ("a{sv}") is one -accel: "accel" names it, the rest are its
 * properties. The first one that can be opened wins; a wrong name or option is
 * an error all the same. Those that could not be opened are reported.
 */
bool accel_select(GPtrArray *dicts, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The one in use, or NULL. Its object is "/accel". */
Accel *accel_get(void);
/* "kvm"; "none" before one is selected. */
const char *accel_name(void);
/* Is there one of that name, which hosts of this kind can use? */
bool accel_is_built_in(const char *name);
void accel_delete(void);
/* For `-accel help`: names of what is built in, then for one name its options; the caller
 * frees it. */
char *accel_help(const char *name_or_null);

bool accel_machine_init(GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool accel_machine_attach(GError **error) G_GNUC_WARN_UNUSED_RESULT;
void accel_machine_detach(void);
unsigned accel_features(void);

/* The text of `info jit`; false: the accelerator does not translate. */
bool accel_describe(GString *out);
/* Guest code goes on instruction by instruction. False: the accelerator cannot. */
bool accel_set_single(bool on);
bool accel_is_single(void);

/* Hot-plugged CPUs; those that are there at attach need neither. */
bool accel_cpu_plug(Cpu *cpu, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void accel_cpu_unplug(Cpu *cpu);

/* Registers of every CPU into cpu->state (for monitors, dumps, saving). */
bool accel_load_states(GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* And back, all at once: after state was loaded from a stream. */
bool accel_store_states(CpuStateLevel level, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* An NMI for one CPU, as its local APIC's LINT1 lets it through. */
void accel_inject_nmi(Cpu *cpu);

#endif
