/* SPDX-License-Identifier: MIT */
#include "hw/intc/i8259.h"

#include "base/log.h"

#define I8259(pointer) ((I8259 *)(pointer))

enum {
    ICW1_IC4 = 0x01, ICW1_SNGL = 0x02, ICW1_LTIM = 0x08, ICW1 = 0x10,
    ICW4_UPM = 0x01, ICW4_AEOI = 0x02, ICW4_BUF = 0x08, ICW4_SFNM = 0x10,
    OCW2_EOI = 0x20, OCW2_SL = 0x40, OCW2_R = 0x80,
    OCW3 = 0x08, OCW3_RIS = 0x01, OCW3_RR = 0x02, OCW3_P = 0x04, OCW3_SMM = 0x20, OCW3_ESMM = 0x40,
};

enum { EXPECT_NONE, EXPECT_ICW2, EXPECT_ICW3, EXPECT_ICW4 };

#define NO_LINE 8u         /* comes after every line and every priority */
#define SPURIOUS_LINE 7u   /* 231468, "interrupt sequence": no request is present any more */
#define FLOATING_BUS 0xff

static Device *the_master;

/* ---- priorities: 0 is the highest ---- */

static unsigned line_at(const I8259 *pic, unsigned priority)
{
    return (priority + pic->first) & 7;
}

static unsigned highest_priority(const I8259 *pic, uint8_t lines)
{
    unsigned priority = 0;

    if (!lines) {
        return NO_LINE;
    }
    while (!(lines & BIT(line_at(pic, priority)))) {
        priority++;
    }
    return priority;
}

static bool has_slave(const I8259 *pic, unsigned line)
{
    return pic->master && !pic->single && (pic->icw3 & BIT(line));
}

/* The line that the chip requests an interrupt for, or NO_LINE. */
static unsigned requested_line(const I8259 *pic)
{
    /* In special mask mode a masked level in service holds back nothing. */
    uint8_t blocking = pic->special_mask ? pic->isr & ~pic->imr : pic->isr;
    unsigned request = highest_priority(pic, pic->irr & ~pic->imr);
    unsigned service = highest_priority(pic, blocking);

    if (request == NO_LINE || pic->init_state != EXPECT_NONE) {
        return NO_LINE;
    }
    /* Special fully nested: a slave in service may ask again, for a higher line of its own. */
    if (request < service ||
        (request == service && pic->special_fully_nested &&
         has_slave(pic, line_at(pic, request)))) {
        return line_at(pic, request);
    }
    return NO_LINE;
}

static void i8259_update(Device *device)
{
    I8259 *pic = I8259(device);

    if (!chip_is_bound(&pic->binding)) {
        pin_set(device, I8259_PIN_INTR, 0, requested_line(pic) != NO_LINE);
    }
}

static void i8259_input(Device *device, unsigned line, bool level)
{
    I8259 *pic = I8259(device);
    uint8_t bit = BIT(line);

    if (pic->elcr & bit) {
        pic->irr = level ? pic->irr | bit : pic->irr & ~bit;
    } else if (level && !(pic->inputs & bit)) {
        pic->irr |= bit;
    }
    pic->inputs = level ? pic->inputs | bit : pic->inputs & ~bit;
}

/* ---- acknowledge and end of interrupt ---- */

static void end_service(I8259 *pic, unsigned line, bool rotate)
{
    pic->isr &= ~BIT(line);
    if (rotate) {
        pic->first = (line + 1) & 7;
    }
}

static void take_request(I8259 *pic, unsigned line)
{
    pic->isr |= BIT(line);
    if (!(pic->elcr & BIT(line))) {
        pic->irr &= ~BIT(line);
    }
    if (pic->auto_eoi) {
        end_service(pic, line, pic->rotate_on_auto_eoi);
    }
}

/* INTR goes low with the acknowledge, so that a further request is an edge. */
static void dip_request(I8259 *pic)
{
    pin_set(&pic->device, I8259_PIN_INTR, 0, false);
    device_update(&pic->device);
}

static unsigned acknowledge_one(I8259 *pic)
{
    unsigned line = requested_line(pic);

    if (line == NO_LINE) {
        return NO_LINE;
    }
    take_request(pic, line);
    return line;
}

static uint8_t vector_of(const I8259 *pic, unsigned line)
{
    return pic->icw2 | (line == NO_LINE ? SPURIOUS_LINE : line);
}

uint8_t i8259_acknowledge(Device *master)
{
    I8259 *pic = I8259(master);
    unsigned line = acknowledge_one(pic);
    uint8_t vector = vector_of(pic, line);

    if (line != NO_LINE && has_slave(pic, line)) {
        I8259 *slave = pic->slaves[line];
        vector = FLOATING_BUS;
        if (slave && (slave->icw3 & 7) == line) {
            vector = vector_of(slave, acknowledge_one(slave));
            dip_request(slave);
        }
    }
    dip_request(pic);
    return vector;
}

bool i8259_requests(const Device *master)
{
    return requested_line((const I8259 *)master) != NO_LINE;
}

Device *i8259_master(void)
{
    return the_master;
}

/* ---- the command port ---- */

static void write_icw1(I8259 *pic, uint8_t value)
{
    if (value & ICW1_LTIM) {
        log_guest_error("isa-i8259: ICW1 asks for level triggering, which ELCR decides here");
    }
    /* What is held by level stays requested; edges that came are forgotten. */
    pic->irr &= pic->elcr;
    pic->isr = pic->imr = 0;
    pic->first = 0;
    pic->special_mask = pic->read_isr = pic->poll = false;
    pic->icw4_needed = value & ICW1_IC4;
    pic->single = value & ICW1_SNGL;
    pic->auto_eoi = pic->special_fully_nested = pic->rotate_on_auto_eoi = false;
    pic->init_state = EXPECT_ICW2;
    if (!pic->icw4_needed) {
        log_unimplemented("isa-i8259: MCS-80/85 mode (ICW1 without ICW4)");
    }
}

static void write_ocw2(I8259 *pic, uint8_t value)
{
    bool rotate = value & OCW2_R;
    uint8_t candidates = pic->special_mask ? pic->isr & ~pic->imr : pic->isr;
    unsigned priority;

    switch (value & (OCW2_R | OCW2_SL | OCW2_EOI)) {
    case 0:
    case OCW2_R:
        pic->rotate_on_auto_eoi = rotate;
        break;
    case OCW2_EOI:
    case OCW2_R | OCW2_EOI:
        priority = highest_priority(pic, candidates);
        if (priority != NO_LINE) {
            end_service(pic, line_at(pic, priority), rotate);
        }
        break;
    case OCW2_SL | OCW2_EOI:
    case OCW2_R | OCW2_SL | OCW2_EOI:
        end_service(pic, value & 7, rotate);
        break;
    case OCW2_R | OCW2_SL:
        pic->first = (value + 1) & 7;
        break;
    default:
        break;   /* SL alone: no operation */
    }
}

static void write_ocw3(I8259 *pic, uint8_t value)
{
    pic->poll = value & OCW3_P;
    if (value & OCW3_RR) {
        pic->read_isr = value & OCW3_RIS;
    }
    if (value & OCW3_ESMM) {
        pic->special_mask = value & OCW3_SMM;
    }
}

static void i8259_write_command(Device *device, unsigned index, uint64_t value)
{
    I8259 *pic = I8259(device);

    if (value & ICW1) {
        write_icw1(pic, value);
    } else if (value & OCW3) {
        write_ocw3(pic, value);
    } else {
        write_ocw2(pic, value);
    }
}

static uint64_t read_poll(I8259 *pic)
{
    unsigned line = acknowledge_one(pic);

    pic->poll = false;
    if (line == NO_LINE) {
        return 0;
    }
    dip_request(pic);
    return 0x80 | line;
}

static uint64_t i8259_read_command(Device *device, unsigned index)
{
    I8259 *pic = I8259(device);

    if (pic->poll) {
        return read_poll(pic);
    }
    return pic->read_isr ? pic->isr : pic->irr;
}

/* ---- the data port ---- */

static void write_icw4(I8259 *pic, uint8_t value)
{
    pic->auto_eoi = value & ICW4_AEOI;
    pic->special_fully_nested = value & ICW4_SFNM;
    if (!(value & ICW4_UPM)) {
        log_unimplemented("isa-i8259: MCS-80/85 mode (ICW4 0x%02x)", value);
    }
    if (value & ICW4_BUF) {
        log_unimplemented("isa-i8259: buffered mode (ICW4 0x%02x)", value);
    }
}

static void i8259_write_data(Device *device, unsigned index, uint64_t value)
{
    I8259 *pic = I8259(device);
    uint8_t last = pic->icw4_needed ? EXPECT_ICW4 : EXPECT_NONE;

    switch (pic->init_state) {
    case EXPECT_ICW2:
        pic->icw2 = value & 0xf8;
        pic->init_state = pic->single ? last : EXPECT_ICW3;
        break;
    case EXPECT_ICW3:
        pic->icw3 = value;
        pic->init_state = last;
        break;
    case EXPECT_ICW4:
        write_icw4(pic, value);
        pic->init_state = EXPECT_NONE;
        break;
    default:
        pic->imr = value;
        break;
    }
}

static uint64_t i8259_read_data(Device *device, unsigned index)
{
    I8259 *pic = I8259(device);

    return pic->poll ? read_poll(pic) : pic->imr;
}

static void i8259_write_elcr(Device *device, unsigned index, uint64_t value)
{
    I8259 *pic = I8259(device);
    uint8_t changed = pic->elcr ^ (value & pic->elcr_mask);

    pic->elcr = value & pic->elcr_mask;
    /* A line that is level triggered now requests while it is high, and no longer. */
    pic->irr = (pic->irr & ~(changed & pic->elcr)) | (pic->inputs & changed & pic->elcr);
}

/* ---- life ---- */

/* The master and its input that a slave's INTR leads to. */
static I8259 *wired_master(I8259 *pic, unsigned *line)
{
    Device *target;
    unsigned pin;

    for (unsigned n = 0; !pic->master &&
         pin_target(&pic->device, I8259_PIN_INTR, 0, n, &target, &pin, line); n++) {
        if (object_is(OBJECT(target), "isa-i8259") && I8259(target)->master &&
            pin == I8259_PIN_IRQ) {
            return I8259(target);
        }
    }
    return NULL;
}

static bool i8259_realize(Device *device, GError **error)
{
    I8259 *pic = I8259(device), *master;
    unsigned line;

    if (pic->master) {
        if (!the_master) {
            the_master = device;
        }
        return true;
    }
    master = wired_master(pic, &line);
    if (master) {
        master->slaves[line] = pic;
    }
    return true;
}

static void i8259_unrealize(Device *device)
{
    I8259 *pic = I8259(device), *master;
    unsigned line;

    if (the_master == device) {
        the_master = NULL;
    }
    master = wired_master(pic, &line);
    if (master && master->slaves[line] == pic) {
        master->slaves[line] = NULL;
    }
}

/* ICW3 starts as the board is wired, so that a chip works whoever programmed it before. */
static uint8_t wired_icw3(I8259 *pic)
{
    uint8_t lines = 0;
    unsigned line = 0;

    if (!pic->master) {
        return wired_master(pic, &line) ? line : 0;
    }
    for (line = 0; line < I8259_LINES; line++) {
        lines |= pic->slaves[line] ? BIT(line) : 0;
    }
    return lines;
}

static void i8259_reset(Device *device)
{
    I8259 *pic = I8259(device);

    pic->irr = pic->imr = pic->isr = pic->first = pic->icw2 = pic->elcr = 0;
    pic->init_state = EXPECT_NONE;
    pic->single = pic->icw4_needed = pic->read_isr = pic->poll = pic->special_mask = false;
    pic->auto_eoi = pic->rotate_on_auto_eoi = pic->special_fully_nested = false;
    pic->icw3 = wired_icw3(pic);
    pic->inputs = 0;
    for (unsigned line = 0; line < I8259_LINES; line++) {
        pic->inputs |= pin_level(device, I8259_PIN_IRQ, line) ? BIT(line) : 0;
    }
}

static void i8259_reset_exit(Device *device)
{
    chip_binding_reset(&I8259(device)->binding, device);
}

static void i8259_pre_save(Device *device)
{
    chip_binding_save(&I8259(device)->binding, device);
}

static bool i8259_post_load(Device *device, GError **error)
{
    return chip_binding_load(&I8259(device)->binding, device, error);
}

static void i8259_print(Device *device, GString *out)
{
    I8259 *pic = I8259(device);

    chip_binding_save(&pic->binding, device);
    g_string_append_printf(out, "pic%d: irr=%02x imr=%02x isr=%02x hprio=%d irq_base=%02x "
                           "rr_sel=%d elcr=%02x fnm=%d\n", pic->master ? 0 : 1, pic->irr,
                           pic->imr, pic->isr, pic->first, pic->icw2, pic->read_isr, pic->elcr,
                           pic->special_fully_nested);
}

static ChipBinding *i8259_binding(Device *device)
{
    return &I8259(device)->binding;
}

/* ---- tables ---- */

static uint64_t pic_size(Device *device)
{
    return 2;
}

static uint64_t elcr_size(Device *device)
{
    return I8259(device)->elcr_addr == UINT32_MAX ? 0 : 1;
}

static const RegisterInfo pic_registers[] = {
    { 0, "COMMAND", "written: ICW1, OCW2 or OCW3; read: IRR, ISR or the poll word",
      .read = i8259_read_command, .write = i8259_write_command },
    { 1, "DATA", "written: ICW2, ICW3, ICW4 or OCW1; read: IMR",
      .read = i8259_read_data, .write = i8259_write_data },
};

static const RegisterInfo elcr_registers[] = {
    { 0, "ELCR", "lines that are level triggered", FIELD(I8259, elcr),
      .write = i8259_write_elcr },
};

static const BankInfo i8259_banks[] = {
    [I8259_BANK_PIC] = { "pic", "the chip's two ports", .space = SPACE_IO, .size = 2,
                         .size_of = pic_size, .registers = TABLE(pic_registers),
                         .base_property = "iobase" },
    [I8259_BANK_ELCR] = { "elcr", "edge/level control", .space = SPACE_IO, .size = 1,
                          .size_of = elcr_size, .registers = TABLE(elcr_registers),
                          .base_property = "elcr_addr" },
};

static const PinInfo i8259_pins[] = {
    [I8259_PIN_IRQ] = { "irq", "IR0 to IR7", PIN_IN, .count = I8259_LINES, .set = i8259_input },
    [I8259_PIN_INTR] = { "INTR", "to the CPU, or from a slave to its master", PIN_OUT },
};

static const Property i8259_properties[] = {
    { .name = "iobase", .description = "I/O port of the chip", .field = FIELD_OF(I8259, iobase),
      .def.u = UINT32_MAX, .flags = PROPERTY_HEX },
    { .name = "elcr_addr", .description = "I/O port of ELCR",
      .field = FIELD_OF(I8259, elcr_addr), .def.u = UINT32_MAX, .flags = PROPERTY_HEX },
    { .name = "elcr_mask", .description = "lines that ELCR can make level triggered",
      .field = FIELD_OF(I8259, elcr_mask), .def.u = 0xff, .flags = PROPERTY_HEX },
    { .name = "master", .description = "whether its INTR goes to the CPU",
      .field = FIELD_OF(I8259, master) },
};

static const StateInfo i8259_state[] = {
    { "inputs", FIELD(I8259, inputs) },
    { "irr", FIELD(I8259, irr) },
    { "imr", FIELD(I8259, imr) },
    { "isr", FIELD(I8259, isr) },
    { "first", FIELD(I8259, first), .max = 7 },
    { "icw2", FIELD(I8259, icw2), .max = 0xf8 },
    { "icw3", FIELD(I8259, icw3) },
    { "init_state", FIELD(I8259, init_state), .max = EXPECT_ICW4 },
    { "single", FIELD(I8259, single) },
    { "icw4_needed", FIELD(I8259, icw4_needed) },
    { "read_isr", FIELD(I8259, read_isr) },
    { "poll", FIELD(I8259, poll) },
    { "special_mask", FIELD(I8259, special_mask) },
    { "auto_eoi", FIELD(I8259, auto_eoi) },
    { "rotate_on_auto_eoi", FIELD(I8259, rotate_on_auto_eoi) },
    { "special_fully_nested", FIELD(I8259, special_fully_nested) },
};

static const TransientInfo i8259_transient[] = {
    { FIELD_OF(I8259, slaves), "wiring, found when the slaves are realized" },
    { FIELD_OF(I8259, binding), "who works the chip" },
};

static const ChipOps i8259_chip_ops = { .binding = i8259_binding };
static const Interface i8259_interfaces[] = { { CHIP_INTERFACE, &i8259_chip_ops } };

const DeviceType i8259_type = {
    .name = "isa-i8259", .parent = "isa-device", .size = sizeof(I8259),
    .description = "Intel 8259A programmable interrupt controller",
    .compatible = "intel,i8259", .bus = "ISA", .board_only = true,
    .properties = TABLE(i8259_properties), .interfaces = TABLE(i8259_interfaces),
    .banks = TABLE(i8259_banks), .pins = TABLE(i8259_pins), .state = TABLE(i8259_state),
    .transient = TABLE(i8259_transient), .realize = i8259_realize,
    .unrealize = i8259_unrealize, .reset = i8259_reset, .reset_exit = i8259_reset_exit,
    .update = i8259_update, .pre_save = i8259_pre_save, .post_load = i8259_post_load,
    .print = i8259_print, .topic = "pic",
};
