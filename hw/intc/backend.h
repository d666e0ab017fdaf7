/* SPDX-License-Identifier: MIT */
/*
 * A chip whose work somebody else does, such as a chip inside the kernel.
 *
 * The device stays what it is: its properties, its pins and, above all, its
 * struct, which holds the state in one layout whoever works on it. While a
 * backend is bound, the device drives no output and arms no timer; the backend
 * takes what arrives at the input pins with pin_take_over(). The struct is
 * brought up to date before it is looked at (saving, printing), and is handed
 * to the backend after it changed (reset, loading).
 *
 * Which types can be bound: isa-i8259, ioapic, isa-pit, apic.
 */
#ifndef HW_INTC_BACKEND_H
#define HW_INTC_BACKEND_H

#include "hw/core/device.h"

typedef struct ChipBackend {
    const char *name;   /* "kvm", for messages */
    /* The chip's state into the struct. A failure is reported by the backend. */
    void (*save)(void *opaque, Device *chip);
    /* The struct's state into the chip; after post_load. */
    bool (*load)(void *opaque, Device *chip, GError **error);
    /* The struct was reset; NULL: load() does. */
    void (*reset)(void *opaque, Device *chip);
} ChipBackend;

/* Embedded in a chip's struct as `binding`; zero is "the device works itself". */
typedef struct ChipBinding {
    const ChipBackend *backend;
    void *opaque;
} ChipBinding;

static inline bool chip_is_bound(const ChipBinding *binding)
{
    return binding->backend != NULL;
}

/* For .pre_save and .print. */
static inline void chip_binding_save(const ChipBinding *binding, Device *chip)
{
    if (binding->backend) {
        binding->backend->save(binding->opaque, chip);
    }
}

/* For .post_load. */
static inline bool chip_binding_load(const ChipBinding *binding, Device *chip, GError **error)
{
    return !binding->backend || binding->backend->load(binding->opaque, chip, error);
}

/* For .reset_exit. */
void chip_binding_reset(const ChipBinding *binding, Device *chip);

/*
 * Binds (backend != NULL) or sets free. When it is set free, the chip's state is
 * fetched first and the device goes on from there. A chip of another type than
 * those above is a mistake of the caller.
 */
void chip_bind(Device *chip, const ChipBackend *backend, void *opaque);

/* The types' side of chip_bind(): interface "interrupt-chip". */
#define CHIP_INTERFACE "interrupt-chip"

typedef struct ChipOps {
    ChipBinding *(*binding)(Device *chip);
    /* Timers stop when a backend takes over, and go on when it leaves. */
    void (*bound)(Device *chip);
} ChipOps;

#endif
