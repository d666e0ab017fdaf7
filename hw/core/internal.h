/* SPDX-License-Identifier: MIT */
/* Inside hw/core/: what a device keeps beside its tables. */
#ifndef HW_CORE_INTERNAL_H
#define HW_CORE_INTERNAL_H

#include "hw/core/bus.h"
#include "hw/core/device.h"

typedef struct DeviceBank {
    Device *device;
    const BankInfo *info;
    const struct BankIndex *index;   /* offset to register; shared by all of the type */
    MemoryRegion *region;            /* from phase wire on */
    RamBlock *ram;
    bool placed;                     /* the board or a property gave an address */
    BankSpace space;
    uint64_t address;
} DeviceBank;

typedef struct PinTarget {
    struct PinTarget *next;
    Device *device;
    unsigned pin, line;
} PinTarget;

typedef struct PinLine {
    bool level;
    bool external;          /* driven from outside of the machine */
    unsigned high;          /* drivers of an input that are high */
    unsigned drivers;       /* outputs connected to an input */
    PinTarget *targets;     /* of an output */
    uint64_t raised;        /* how often an input went high; for people, not saved */
} PinLine;

typedef struct DevicePins {
    unsigned count;
    PinLine *lines;
    PinHandler taken, intercept;
    void *taken_opaque, *intercept_opaque;
} DevicePins;

typedef struct DeviceClock {
    uint64_t frequency;
    Device *source;         /* NULL: none */
    unsigned source_clock;
} DeviceClock;

typedef struct DeviceTimer {
    Device *device;
    const TimerInfo *info;
    unsigned index;
    Timer *timer;
} DeviceTimer;

unsigned field_count(const Field *field);
void *field_element(const Device *device, const Field *field, unsigned index);

/* bank.c */
void device_banks_init(Device *device);
bool device_banks_make(Device *device, GError **error);
void device_banks_free(Device *device);
void device_registers_reset(Device *device);

/* pin.c */
void device_pins_init(Device *device);
void device_pins_free(Device *device);
void pin_restore_level(Device *device, unsigned pin, unsigned line, bool level);

/* clock.c */
void device_clocks_init(Device *device);
void device_clocks_free(Device *device);

/* device.c: the timers of a device and of its parent types */
unsigned device_timer_count(const Device *device);
void device_timers_cancel(Device *device, bool all);

/* reset.c */
typedef bool (*DeviceVisit)(Device *device, void *opaque);
/* The subtree, and the devices plugged into its buses, each once; parents first. */
GPtrArray *devices_below(Object *root);

#endif
