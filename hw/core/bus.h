/* SPDX-License-Identifier: MIT */
/*
 * Buses. A bus is an object below the device that provides it. Devices plug
 * into it; it gives them addresses, interrupt lines and their way to memory.
 */
#ifndef HW_CORE_BUS_H
#define HW_CORE_BUS_H

#include "hw/core/device.h"

struct BusType {
    struct ObjectType;
    unsigned max_devices;       /* 0: no limit of its own */
    bool hotplug;
    /*
     * Gives the device its place: checks its address property, maps its banks,
     * connects its interrupt. Called once, in phase wire.
     */
    bool (*attach)(Bus *bus, Device *device, GError **error);
    void (*detach)(Bus *bus, Device *device);
    /* The device's bus-master space; NULL: the bus's own `dma`. */
    AddressSpace *(*dma_space)(Bus *bus, Device *device);
    MemoryAttrs (*dma_attrs)(Bus *bus, Device *device);
    /* "addr = 04.0": for info qtree; the caller frees it. May be NULL. */
    char *(*location)(Bus *bus, Device *device);
    /* Extra lines for `info qtree`. */
    void (*print_device)(Bus *bus, Device *device, GString *out);
    void (*reset)(Bus *bus);
};

struct Bus {
    Object object;
    Device *owner;              /* who provides it */
    Device *first;              /* in order of plugging */
    unsigned count;
    MemoryRegion *memory, *io;  /* containers that the devices are mapped into; may be NULL */
    AddressSpace *dma;          /* NULL: that of the owner */
    Device *interrupt_device;   /* line n of the bus is this input pin's line n */
    unsigned interrupt_pin;
};

#define BUS(pointer) ((Bus *)(pointer))

static inline const BusType *bus_type(const Bus *bus)
{
    return (const BusType *)bus->object.type;
}

extern const BusType bus_base_type;       /* "bus" */
extern const BusType system_bus_type;     /* "System": the place of devices without a bus */

/* The machine's root bus; its memory and io are the CPUs' views. */
Bus *system_bus(void);

/* Made with the owner; also for devices whose bus count depends on properties. */
Bus *bus_new(const BusType *type, Device *owner, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* Plugs in (phase create/configure): the attach hook runs when the device is wired. */
bool bus_plug(Bus *bus, Device *device, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void bus_unplug(Device *device);

/* By path or by name anywhere in the machine ("pci.0"). */
Bus *bus_find(const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* The bus of a type (or one derived from it) nearest to the CPUs that has room. */
Bus *bus_find_type(const char *type, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Default attach for buses with memory/io containers: banks by placement, property or fixed
 * base. */
bool bus_attach_banks(Bus *bus, Device *device, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Connects outputs with a line_property to the bus's interrupt lines. */
bool bus_attach_interrupts(Bus *bus, Device *device, GError **error) G_GNUC_WARN_UNUSED_RESULT;

#endif
