/* SPDX-License-Identifier: MIT */
/*
 * Devices. One constant DeviceType per type names its registers, properties,
 * pins, clocks, timers, links and extra state; dispatch, reset, saved state,
 * introspection, board files, documentation, trace names and tests read it.
 *
 * Rules for the hooks: a register hook changes registers and returns; the
 * interrupt lines are computed in .update, which the core calls after every
 * access by a table of registers, every timer, change of an input or of a clock,
 * and reset; a bank's own .ops call device_update() themselves. Loading state
 * restores the lines as they were saved and calls no .update.
 * Reset hooks assign and never call register hooks. Everything runs under the
 * machine lock unless a bank says otherwise.
 */
#ifndef HW_CORE_DEVICE_H
#define HW_CORE_DEVICE_H

#include "base/bits.h"
#include "hw/core/time.h"
#include "memory/space.h"
#include "qom/object.h"

typedef struct Device Device;
typedef struct DeviceType DeviceType;
typedef struct Bus Bus;
typedef struct BusType BusType;

/* ---- registers ---- */

#define FIELD(Type, member)       .field = FIELD_OF(Type, member)
#define FIELD_ARRAY(Type, member) .field = FIELD_ARRAY_OF(Type, member)

typedef enum RegisterAccess {
    REG_RW,
    REG_RO,   /* a write is the guest's mistake: logged, ignored */
    REG_WO,   /* a read is: logged, gives the bank's hole value */
} RegisterAccess;

/* As `writable`: no bit of a register of less than 64 (only some that writing 1 clears). */
#define REG_NO_BITS (1ull << 63)

typedef struct RegisterInfo {
    uint32_t offset;            /* in the bank, of the first one */
    const char *name;           /* the data sheet's */
    const char *description;
    /* storage; none: a hook does it all. An array: consecutive registers */
    Field field;
    uint8_t access;             /* RegisterAccess */
    uint8_t size;               /* bytes it spans; 0: the bank's width */
    uint32_t stride;            /* of an array; 0: its size */
    uint32_t count;             /* of an array without a field; 0: the field's count, or 1 */
    uint64_t reset;
    uint64_t writable;          /* bits that a write changes; 0: all of them */
    uint64_t write_one_clears;  /* bits that writing 1 clears */
    uint64_t read_clears;       /* bits that a read clears */
    uint64_t unimplemented;     /* bits not modelled: logged when a guest sets them */
    bool keep_on_reset;
    /* This entry counts only while it returns true (DLAB and such); the first that fits wins. */
    bool (*visible)(const Device *device);
    /* Replaces the reading of the field. `index` is in an array, else 0. */
    uint64_t (*read)(Device *device, unsigned index);
    /* Replaces the storing; `value` has the masks applied to the field's old value. */
    void (*write)(Device *device, unsigned index, uint64_t value);
    /* After the storing. */
    void (*wrote)(Device *device, unsigned index, uint64_t old);
} RegisterInfo;

typedef struct RegisterTable {
    const RegisterInfo *at;
    unsigned count;
} RegisterTable;

/* ---- banks: what a device shows in an address space ---- */

typedef enum BankSpace {
    SPACE_MEMORY,
    SPACE_IO,
} BankSpace;

typedef enum BankKind {
    BANK_REGISTERS,  /* the table, or .ops */
    BANK_RAM,        /* a RAM block named "<device path>.<bank>" or by .ram_id */
    BANK_ROM,
    BANK_CONTAINER,  /* a window that the device fills itself */
} BankKind;

typedef struct BankInfo {
    const char *name;
    const char *description;
    BankKind kind;
    BankSpace space;
    uint64_t size;                        /* bytes */
    uint64_t (*size_of)(Device *device);  /* when properties say; called when it is wired */
    uint8_t width;                        /* of a register in bytes; 0: 1 */
    uint8_t access_min, access_max;       /* what a bus may do; 0: 1 and 8 */
    Endian endian;
    uint64_t hole;                        /* what unknown offsets read as */
    RegisterTable registers;
    const RegionOps *ops;                 /* instead of registers; opaque is the Device */
    /* not mapped by the bus: by the device, or an index bank */
    bool internal;
    /* Where it lies when the board does not say: a property of this name, or a fixed base. */
    const char *base_property;
    uint64_t base;
    bool fixed;                           /* `base` counts (it may be 0) */
    uint8_t bar;                          /* PCI: BAR number + 1; 0: none */
    bool bar_64bit, bar_prefetch;
    int priority;
    const char *ram_id;
} BankInfo;

typedef struct BankTable {
    const BankInfo *at;
    unsigned count;
} BankTable;

/* ---- pins ---- */

typedef enum PinDirection {
    PIN_IN,
    PIN_OUT,
} PinDirection;

typedef struct PinInfo {
    const char *name;           /* the data sheet's: "irq", "INTR", "A20M" */
    const char *description;
    PinDirection direction;
    unsigned count;             /* lines; 0: 1 */
    unsigned (*count_of)(Device *device);
    /* PIN_IN: the level changed. Several drivers of one input are ORed by the core. */
    void (*set)(Device *device, unsigned line, bool level);
    /* PIN_OUT: the bus's interrupt line is in this property ("irq"), unless the board wires it. */
    const char *line_property;
} PinInfo;

typedef struct PinTable {
    const PinInfo *at;
    unsigned count;
} PinTable;

/* ---- clocks ---- */

typedef struct ClockInfo {
    const char *name;
    const char *description;
    PinDirection direction;
    uint64_t frequency;         /* Hz: an output's, or an unconnected input's */
    void (*changed)(Device *device);
} ClockInfo;

typedef struct ClockTable {
    const ClockInfo *at;
    unsigned count;
} ClockTable;

/* ---- timers and state ---- */

/* The core initializes the Timer, saves its deadline, cancels it on reset and removal. */
typedef struct TimerInfo {
    const char *name;
    Field field;                       /* a Timer, or an array of them */
    void (*expired)(Device *device, unsigned index);
    bool keep_on_reset;
    TimeClock clock;
} TimerInfo;

typedef struct TimerTable {
    const TimerInfo *at;
    unsigned count;
} TimerTable;

typedef struct StateInfo StateInfo;
typedef struct StateTable {
    const StateInfo *at;
    unsigned count;
} StateTable;

/*
 * State that no register shows. Scalars and arrays of them name a field. With
 * `members`, the field is a struct or an array of structs, saved member by
 * member. With `length_of`, the field is a pointer to so many bytes.
 */
struct StateInfo {
    const char *name;
    Field field;
    StateTable members;
    size_t (*length_of)(const Device *device);
    /* false: left out; loading then keeps the reset value */
    bool (*needed)(const Device *device);
    uint64_t max;                           /* a loaded number above it is refused; 0: any */
};

/* Members that are neither saved nor a register, and why. */
typedef struct TransientInfo {
    Field field;
    const char *reason;
} TransientInfo;

typedef struct TransientTable {
    const TransientInfo *at;
    unsigned count;
} TransientTable;

/* ---- buses a device provides ---- */

typedef struct BusInfo {
    const char *name;           /* "pci.0", "isa.0", "i2c" */
    const char *type;           /* a BusType's name */
} BusInfo;

typedef struct BusTable {
    const BusInfo *at;
    unsigned count;
} BusTable;

/* ---- the type ---- */

struct PciInfo;   /* hw/pci/pci.h */

struct DeviceType {
    struct ObjectType;
    const char *compatible;     /* board files; several are separated by '|' */
    const char *bus;            /* the BusType it plugs into; NULL: any place, by the board alone */
    bool board_only;            /* not for -device */
    bool hotpluggable;
    unsigned state_version;     /* of the saved state; 0 means 1 */
    BankTable banks;
    PinTable pins;
    ClockTable clocks;
    TimerTable timers;
    StateTable state;
    TransientTable transient;
    BusTable buses;
    const struct PciInfo *pci;  /* for PCI functions */

    /* Interrupt controllers: DT cells to an input line. NULL: one cell, the line of pin 0. */
    unsigned interrupt_cells;
    bool (*interrupt_map)(Device *device, const uint32_t *cells, unsigned *pin, unsigned *line,
                          GError **error);

    /* After it was configured, before banks are made: derived values, checks. May fail. */
    bool (*prepare)(Device *device, GError **error);
    /* Opens the outside world; address and wires are known. May fail. */
    bool (*realize)(Device *device, GError **error);
    /* Accepts any state, cannot fail. */
    void (*unrealize)(Device *device);

    /*
     * Hooks of parent types run too: before the type's own (prepare, realize,
     * resets, post_load) or after it (unrealize, pre_save). Of update and
     * print only the nearest counts.
     */

    /* The table's part is done before each. enter: assign. hold: drive lines. exit: go. */
    void (*reset)(Device *device);
    void (*reset_hold)(Device *device);
    void (*reset_exit)(Device *device);

    void (*update)(Device *device);
    bool (*post_load)(Device *device, GError **error);
    void (*pre_save)(Device *device);    /* bring time-derived fields up to now */

    /* People's view of it: whole lines; may be NULL. With `topic` ("pic") `info TOPIC` shows it. */
    void (*print)(Device *device, GString *out);
    const char *topic;
};

typedef enum DevicePhase {
    DEVICE_CREATED,
    DEVICE_WIRED,
    DEVICE_REALIZED,
} DevicePhase;

struct Device {
    Object object;
    Bus *bus;                   /* where it is plugged in, or NULL */
    Device *next_on_bus;
    DevicePhase phase;
    bool hotplugged;
    bool placed;                /* the board file gave it */
    unsigned busy;              /* in a callback: the guard of its regions */
    unsigned reset_depth;
    int board_node;             /* offset in the board's tree, -1: none */
    struct DeviceBank *banks;
    struct DevicePins *pins;
    struct DeviceClock *clocks;
    struct DeviceTimer *timers;
};

#define DEVICE(pointer) ((Device *)(pointer))

/* The parent type while it is a device type, else NULL. */
const DeviceType *device_type_parent(const DeviceType *type);

static inline const DeviceType *device_type(const Device *device)
{
    return (const DeviceType *)device->object.type;
}

/* ---- making ---- */

extern const DeviceType device_base_type;        /* "device" */
extern const DeviceType sys_bus_device_type;     /* "sys-bus-device" */

/* In phase create: pins, clocks and the device's own buses are there; nothing is mapped. */
Device *device_new(const DeviceType *type, Object *parent, const char *name, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
/* Its id: the object's name when the user gave one. */
const char *device_id(const Device *device);
Device *device_find(const char *path_or_id);

/* Nearest ancestor that is a device (the parent in the composition tree), or NULL. */
Device *device_parent(const Device *device);

/* ---- banks ---- */

/* Where the board puts a bank; before the device is wired. */
void device_place_bank(Device *device, unsigned bank, BankSpace space, uint64_t address);
/* Bank by name, or -1. */
int device_bank_index(const Device *device, const char *name);
MemoryRegion *device_bank_region(const Device *device, unsigned bank);
RamBlock *device_bank_ram(const Device *device, unsigned bank);
/* The address on its bus, if it has one. */
bool device_bank_address(const Device *device, unsigned bank, uint64_t *address);
/* Moves, shows or hides a mapped bank (PMBASE and such); any time after wiring. */
void device_move_bank(Device *device, unsigned bank, uint64_t address, bool enabled);
/* For buses: makes the regions of all banks; maps one into a container. */
void device_map_bank(Device *device, unsigned bank, MemoryRegion *container, uint64_t address);

/*
 * A register as a guest would access it (hooks run), for index/data pairs and
 * for qtest by name. `offset` in the bank; size = the bank's width.
 */
uint64_t device_bank_read(Device *device, unsigned bank, uint64_t offset, unsigned size);
void device_bank_write(Device *device, unsigned bank, uint64_t offset, unsigned size,
                       uint64_t value);
const RegisterInfo *device_register_find(const Device *device, const char *bank_or_null,
                                         const char *name, unsigned *bank, unsigned *index);
/* Storage alone, no hooks; false when the register has none. */
bool device_register_peek(Device *device, const RegisterInfo *reg, unsigned index,
                          uint64_t *value);

/* Lines are computed again (from a timer, a backend's callback, an operation). */
void device_update(Device *device);

/* ---- pins ---- */

/* Pin by name, or -1. */
int device_pin_index(const Device *device, const char *name);
unsigned device_pin_count(const Device *device, unsigned pin);
/* Drives an output. Cheap when the level stays. */
void pin_set(Device *device, unsigned pin, unsigned line, bool level);
static inline void pin_pulse(Device *device, unsigned pin, unsigned line)
{
    pin_set(device, pin, line, true);
    pin_set(device, pin, line, false);
}
bool pin_level(const Device *device, unsigned pin, unsigned line);
/* How often an input went high since it was made. */
uint64_t pin_raised(const Device *device, unsigned pin, unsigned line);
/* Connects an output line to an input line; any number to any number. */
void pin_connect(Device *from, unsigned out, unsigned out_line, Device *to, unsigned in,
                 unsigned in_line);
void pin_disconnect_all(Device *device);
bool pin_connected(const Device *device, unsigned pin, unsigned line);
/* The target of an output line, number n; false past the last one. */
bool pin_target(const Device *from, unsigned out, unsigned out_line, unsigned n, Device **to,
                unsigned *in, unsigned *in_line);
/* An input is driven from outside of the machine (qtest set_irq_in, NMI button). */
void pin_drive_external(Device *device, unsigned in, unsigned line, bool level);
/*
 * Somebody else takes what arrives at an input pin (an in-kernel chip), or is
 * told of an output's changes besides its targets (qtest). NULL ends it.
 */
typedef void (*PinHandler)(void *opaque, Device *device, unsigned pin, unsigned line, bool level);
void pin_take_over(Device *device, unsigned in, PinHandler handler, void *opaque);
void pin_intercept(Device *device, unsigned pin, PinHandler handler, void *opaque);

/* ---- clocks ---- */

uint64_t clock_frequency(const Device *device, unsigned clock); /* Hz; 0: stopped */
void clock_set_frequency(Device *device, unsigned out_clock, uint64_t hz);
void clock_connect(Device *from, unsigned out_clock, Device *to, unsigned in_clock);
int device_clock_index(const Device *device, const char *name);

/* ---- DMA: through the device's own bus-master address space ---- */

/* Never NULL once wired: a device on no bus gets the system memory. */
AddressSpace *device_dma_space(Device *device);
MemoryAttrs device_dma_attrs(Device *device);
MemoryResult dma_read(Device *device, uint64_t address, void *buffer, uint64_t length);
MemoryResult dma_write(Device *device, uint64_t address, const void *buffer, uint64_t length);
bool dma_map(Device *device, MemoryMapping *mapping, uint64_t address, uint64_t length,
             bool writable) G_GNUC_WARN_UNUSED_RESULT;

/* ---- life ---- */

/* The phases of one subtree; each names every problem it finds. */
bool devices_wire(Object *root, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool devices_validate(Object *root, GError **error) G_GNUC_WARN_UNUSED_RESULT;
bool devices_realize(Object *root, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* Unrealizes and deletes a device with all below it. */
void device_remove(Device *device);

/* Three steps over the subtree of the composition tree and the buses below it. */
void device_reset(Device *device);
void devices_reset(Object *root);

#endif
