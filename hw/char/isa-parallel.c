/* SPDX-License-Identifier: MIT */
/*
 * The parallel port of a PC with a printer at it: IEEE 1284-1994 compatibility
 * mode (SPP), and the direction bit and the interrupt latch of the IBM PS/2
 * port (IBM PS/2 Hardware Interface Technical Reference, parallel port
 * controller).
 *
 * The printer is a character backend: it takes a byte with each strobe, is busy
 * until the backend has it, and acknowledges for five microseconds. Without a
 * backend no cable is in the socket, and the inputs float high. The printer
 * never drives the data lines; an input reads them as they are pulled up.
 *
 * Not modelled: EPP and ECP, whose registers are not decoded either.
 */
#include "backends/char/chardev.h"
#include "base/log.h"
#include "hw/core/device.h"

#define PORTS 3
#define UNSET UINT32_MAX
#define ACK_NS 5000

enum {
    STATUS_NOT_BUSY = 0x80, STATUS_NOT_ACK = 0x40, STATUS_PAPER_OUT = 0x20,
    STATUS_SELECT = 0x10, STATUS_NOT_ERROR = 0x08, STATUS_NOT_IRQ = 0x04, STATUS_UNUSED = 0x03,
};
enum {
    CONTROL_STROBE = 0x01, CONTROL_NOT_INIT = 0x04, CONTROL_IRQ = 0x10, CONTROL_INPUT = 0x20,
    CONTROL_UNUSED = 0xc0,
};

typedef struct IsaParallel {
    Device device;
    uint32_t index, iobase, irq;
    Chardev *chardev;
    uint8_t data, control;
    uint8_t byte;       /* what the printer is taking */
    bool busy;          /* it is */
    bool irq_pending;   /* an acknowledge came, and the status was not read */
    Timer ack;          /* armed while ACK is asserted */
} IsaParallel;

static const uint16_t standard[PORTS] = { 0x378, 0x278, 0x3bc };

static IsaParallel *parallel_of(Device *device)
{
    return (IsaParallel *)device;
}

/* ---- the printer ---- */

static void print_byte(IsaParallel *self)
{
    if (self->busy && chardev_write(self->chardev, &self->byte, 1) == 1) {
        self->busy = false;
        timer_set(&self->ack, time_virtual() + ACK_NS);
    }
}

/* The interrupt comes with the end of the acknowledge. */
static void parallel_ack_ends(Device *device, unsigned index)
{
    IsaParallel *self = parallel_of(device);

    self->irq_pending = (self->control & CONTROL_IRQ) != 0;
}

static void parallel_writable(void *opaque)
{
    print_byte(opaque);
    device_update(opaque);
}

/* ---- registers ---- */

static uint64_t parallel_read_data(Device *device, unsigned index)
{
    IsaParallel *self = parallel_of(device);

    return self->control & CONTROL_INPUT ? 0xff : self->data;
}

static uint64_t parallel_read_status(Device *device, unsigned index)
{
    IsaParallel *self = parallel_of(device);
    uint8_t value = STATUS_UNUSED | STATUS_SELECT | STATUS_NOT_ERROR;
    bool ready = !self->busy && self->control & CONTROL_NOT_INIT;

    if (!self->chardev) {
        value |= STATUS_PAPER_OUT | STATUS_NOT_ACK;
    } else {
        value |= (ready ? STATUS_NOT_BUSY : 0) | (timer_armed(&self->ack) ? 0 : STATUS_NOT_ACK);
    }
    value |= self->irq_pending ? 0 : STATUS_NOT_IRQ;
    self->irq_pending = false;
    return value;
}

static uint64_t parallel_read_control(Device *device, unsigned index)
{
    return parallel_of(device)->control | CONTROL_UNUSED;
}

static void parallel_wrote_control(Device *device, unsigned index, uint64_t old)
{
    IsaParallel *self = parallel_of(device);
    bool strobe = self->control & ~old & CONTROL_STROBE;

    if (!(self->control & CONTROL_NOT_INIT)) {
        self->busy = false;
        timer_cancel(&self->ack);
    } else if (strobe && self->busy) {
        log_guest_error("isa-parallel: a strobe while the printer is busy");
    } else if (strobe && self->chardev && !(self->control & CONTROL_INPUT)) {
        self->byte = self->data;
        self->busy = true;
        print_byte(self);
    }
    if (!(self->control & CONTROL_IRQ)) {
        self->irq_pending = false;
    }
}

static void parallel_update(Device *device)
{
    pin_set(device, 0, 0, parallel_of(device)->irq_pending);
}

/* ---- life ---- */

typedef struct IndexSearch {
    const Device *except;
    uint32_t used;   /* a bit for each index */
} IndexSearch;

static bool note_index(Object *object, void *opaque)
{
    IndexSearch *search = opaque;

    if (object_is(object, "isa-parallel") && DEVICE(object) != search->except) {
        const IsaParallel *other = (const IsaParallel *)object;
        for (unsigned i = 0; i < PORTS; i++) {
            bool used = other->index == i || other->iobase == standard[i];
            search->used |= used ? BIT(i) : 0;
        }
    }
    return true;
}

static bool parallel_prepare(Device *device, GError **error)
{
    IsaParallel *self = parallel_of(device);

    if (self->index == UNSET) {
        IndexSearch search = { .except = device };
        object_foreach(object_root(), note_index, &search);
        for (self->index = 0; self->index < PORTS && search.used & BIT(self->index);
             self->index++) {
        }
    }
    if (self->iobase == UNSET && self->index >= PORTS) {
        error_set(error, ERROR_INVALID,
                  "a PC has %u standard parallel ports; give iobase to another one", PORTS);
        return false;
    }
    if (self->iobase == UNSET) {
        self->iobase = standard[self->index];
    }
    return true;
}

static const ChardevFrontendOps parallel_frontend = { .writable = parallel_writable };

static bool parallel_realize(Device *device, GError **error)
{
    return chardev_attach(parallel_of(device)->chardev, &parallel_frontend, device, error);
}

static void parallel_unrealize(Device *device)
{
    chardev_detach(parallel_of(device)->chardev, device);
}

static bool parallel_post_load(Device *device, GError **error)
{
    print_byte(parallel_of(device));
    return true;
}

/* ---- tables ---- */

static const Property parallel_properties[] = {
    { .name = "chardev", .description = "ID of a chardev to use as a backend",
      .field = FIELD_LINK_OF(IsaParallel, chardev), .link = "chardev", .link_root = "/chardevs",
      .type_name = "str" },
    { .name = "index", .description = "number of the port: 0 is LPT1; the next free one",
      .field = FIELD_OF(IsaParallel, index), .def.u = UNSET },
    { .name = "iobase", .description = "I/O port, if not that of the index",
      .field = FIELD_OF(IsaParallel, iobase), .def.u = UNSET, .flags = PROPERTY_HEX },
    { .name = "irq", .description = "interrupt line", .field = FIELD_OF(IsaParallel, irq),
      .def.u = 7 },
};
static const RegisterInfo parallel_registers[] = {
    { 0, "DATA", "data", FIELD(IsaParallel, data), .read = parallel_read_data, .reset = 0xff },
    { 1, "STATUS", "printer status", .access = REG_RO, .read = parallel_read_status },
    { 2, "CONTROL", "printer control", FIELD(IsaParallel, control), .writable = 0x3f,
      .read = parallel_read_control, .wrote = parallel_wrote_control, .reset = 0x0c },
};
static const BankInfo parallel_banks[] = {
    { .name = "registers", .space = SPACE_IO, .size = 3, .hole = 0xff,
      .registers = TABLE(parallel_registers), .base_property = "iobase" },
};
static const PinInfo parallel_pins[] = {
    { "irq", "interrupt", PIN_OUT, .line_property = "irq" },
};
static const TimerInfo parallel_timers[] = {
    { "ack", FIELD(IsaParallel, ack), .expired = parallel_ack_ends },
};
static const StateInfo parallel_state[] = {
    { "byte", FIELD(IsaParallel, byte) },
    { "busy", FIELD(IsaParallel, busy) },
    { "irq_pending", FIELD(IsaParallel, irq_pending) },
};

static void parallel_reset(Device *device)
{
    IsaParallel *self = parallel_of(device);

    self->byte = 0;
    self->busy = self->irq_pending = false;
}

const DeviceType isa_parallel_type = {
    .name = "isa-parallel", .parent = "isa-device", .size = sizeof(IsaParallel),
    .description = "parallel port", .compatible = "pnpPNP,400", .bus = "ISA",
    .properties = TABLE(parallel_properties), .banks = TABLE(parallel_banks),
    .pins = TABLE(parallel_pins), .timers = TABLE(parallel_timers),
    .state = TABLE(parallel_state), .prepare = parallel_prepare, .realize = parallel_realize,
    .unrealize = parallel_unrealize, .reset = parallel_reset, .update = parallel_update,
    .post_load = parallel_post_load,
};
