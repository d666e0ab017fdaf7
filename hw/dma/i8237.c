/* SPDX-License-Identifier: MIT */
#include "hw/dma/i8237.h"

#include "base/log.h"

#define CHUNK 4096u
#define FLOATING_BUS 0xff

enum { CMD_MEMORY_TO_MEMORY = 0x01, CMD_HOLD_ADDRESS = 0x02, CMD_DISABLE = 0x04,
       CMD_ROTATE = 0x10, CMD_DREQ_LOW = 0x40 };
enum { MODE_TYPE = 0x0c, MODE_VERIFY = 0x00, MODE_WRITE = 0x04, MODE_READ = 0x08,
       MODE_AUTOINIT = 0x10, MODE_DECREMENT = 0x20, MODE_CASCADE = 0xc0 };
enum { REG_COMMAND = 8, REG_REQUEST, REG_MASK, REG_MODE, REG_CLEAR_FLIP_FLOP, REG_MASTER_CLEAR,
       REG_CLEAR_MASK, REG_ALL_MASK };

typedef struct DmaChannel {
    uint16_t base_address, base_count;
    uint16_t address, count;      /* current; in units */
    uint8_t mode;
} DmaChannel;

typedef struct DmaPort {
    const DmaClient *client;
    void *opaque;
} DmaPort;

typedef struct I8237 {
    Device device;
    /* properties */
    uint32_t base, page_base, pageh_base;
    int32_t shift;
    /* state */
    DmaChannel channels[I8237_CHANNELS];
    uint8_t pages[8], high_pages[8];   /* as they lie in the block */
    uint8_t command, request, mask, terminal, temporary;
    uint8_t first;                     /* channel of highest priority */
    uint8_t dreq, wired;               /* asked for by clients, and by pins */
    bool flip_flop;
    bool granted;                      /* HLDA */
    /* not saved */
    DmaPort ports[I8237_CHANNELS];
    bool serving;
    struct I8237 *next;
} I8237;

#define I8237(pointer) ((I8237 *)(pointer))

static I8237 *all_controllers;

/* Where the page register of each channel lies in the block of 8: 0x87, 0x83, 0x81, 0x82. */
static const uint8_t page_of[I8237_CHANNELS] = { 7, 3, 1, 2 };

/* ---- addresses ---- */

static uint64_t bus_address(const I8237 *dma, unsigned index)
{
    const DmaChannel *channel = &dma->channels[index];
    uint64_t page = dma->pages[page_of[index]];
    uint64_t high = dma->pageh_base == UINT32_MAX ? 0 : dma->high_pages[page_of[index]];

    /* Words: the page register's bit 0 gives way to the address shifted by one. */
    page &= dma->shift ? ~1ull : ~0ull;
    return high << 24 | page << 16 | (uint64_t)channel->address << dma->shift;
}

static bool goes_down(const DmaChannel *channel)
{
    return channel->mode & MODE_DECREMENT;
}

/* Units that can be moved before the current address wraps. */
static uint32_t units_to_wrap(const DmaChannel *channel)
{
    return goes_down(channel) ? channel->address + 1u : 0x10000u - channel->address;
}

static void swap_units(uint8_t *data, uint32_t units, unsigned shift)
{
    for (uint32_t i = 0, j = units - 1; i < j; i++, j--) {
        for (unsigned byte = 0; byte < 1u << shift; byte++) {
            uint8_t keep = data[(i << shift) + byte];
            data[(i << shift) + byte] = data[(j << shift) + byte];
            data[(j << shift) + byte] = keep;
        }
    }
}

/* Lowest address of a run of units that starts at the current one. */
static uint64_t run_address(const I8237 *dma, unsigned index, uint32_t units)
{
    uint64_t address = bus_address(dma, index);

    return goes_down(&dma->channels[index]) ? address - ((uint64_t)(units - 1) << dma->shift)
                                            : address;
}

static void read_run(I8237 *dma, unsigned index, uint8_t *data, uint32_t units)
{
    dma_read(&dma->device, run_address(dma, index, units), data, units << dma->shift);
    if (goes_down(&dma->channels[index])) {
        swap_units(data, units, dma->shift);
    }
}

static void write_run(I8237 *dma, unsigned index, uint8_t *data, uint32_t units)
{
    if (goes_down(&dma->channels[index])) {
        swap_units(data, units, dma->shift);
    }
    dma_write(&dma->device, run_address(dma, index, units), data, units << dma->shift);
}

static void move_address(DmaChannel *channel, uint32_t units)
{
    channel->address += goes_down(channel) ? -units : units;
}

/* ---- requests ---- */

static uint8_t requested(const I8237 *dma)
{
    uint8_t lines = dma->wired;

    for (unsigned i = 0; i < I8237_CHANNELS && (dma->command & CMD_DREQ_LOW); i++) {
        /* What nobody drives requests nothing. */
        lines ^= pin_connected(&dma->device, I8237_PIN_DREQ, i) ? BIT(i) : 0;
    }
    return lines | dma->dreq;
}

/* Channels that want a transfer; software's requests cannot be masked. */
static uint8_t wanting(const I8237 *dma)
{
    if (dma->command & CMD_DISABLE) {
        return 0;
    }
    return (requested(dma) & ~dma->mask) | dma->request;
}

static bool is_cascade(const I8237 *dma, unsigned index)
{
    return (dma->channels[index].mode & MODE_CASCADE) == MODE_CASCADE;
}

static void drive_dack(I8237 *dma, unsigned index, bool active)
{
    pin_set(&dma->device, I8237_PIN_DACK, index, active);
}

static void terminal_count(I8237 *dma, unsigned index)
{
    DmaChannel *channel = &dma->channels[index];

    dma->terminal |= BIT(index);
    dma->request &= ~BIT(index);
    if (channel->mode & MODE_AUTOINIT) {
        channel->address = channel->base_address;
        channel->count = channel->base_count;
    } else {
        dma->mask |= BIT(index);
    }
    pin_pulse(&dma->device, I8237_PIN_TC, 0);
    if (dma->ports[index].client && dma->ports[index].client->terminal_count) {
        dma->ports[index].client->terminal_count(dma->ports[index].opaque);
    }
}

/* ---- transfers ---- */

static size_t give_to_memory(I8237 *dma, unsigned index, uint8_t *data, uint32_t units)
{
    const DmaPort *port = &dma->ports[index];
    size_t length = (size_t)units << dma->shift, done = length;

    memset(data, FLOATING_BUS, length);
    if (port->client && port->client->to_memory) {
        done = port->client->to_memory(port->opaque, data, length);
        g_assert(done <= length);
    }
    units = done >> dma->shift;
    if (units) {
        write_run(dma, index, data, units);
    }
    return units;
}

static size_t take_from_memory(I8237 *dma, unsigned index, uint8_t *data, uint32_t units)
{
    const DmaPort *port = &dma->ports[index];
    size_t length = (size_t)units << dma->shift, done = length;

    read_run(dma, index, data, units);
    if (port->client && port->client->from_memory) {
        done = port->client->from_memory(port->opaque, data, length);
        g_assert(done <= length);
    }
    return done >> dma->shift;
}

/* A run of units without a wrap, at most a chunk; how many were moved. */
static uint32_t transfer_run(I8237 *dma, unsigned index, uint32_t units)
{
    uint8_t data[CHUNK];

    switch (dma->channels[index].mode & MODE_TYPE) {
    case MODE_WRITE:
        return give_to_memory(dma, index, data, units);
    case MODE_READ:
        return take_from_memory(dma, index, data, units);
    case MODE_VERIFY:
        return units;   /* addresses and counts go on, and nothing is moved */
    default:
        log_guest_error("i8257: channel %u has an illegal transfer type", index);
        dma->mask |= BIT(index);
        dma->request &= ~BIT(index);
        return 0;
    }
}

/* Until terminal count, or until the device has no more. True at terminal count. */
static bool serve_channel(I8237 *dma, unsigned index)
{
    DmaChannel *channel = &dma->channels[index];

    while (wanting(dma) & BIT(index)) {
        uint32_t left = channel->count + 1u, units, moved;
        units = MIN(MIN(left, units_to_wrap(channel)), CHUNK >> dma->shift);
        moved = transfer_run(dma, index, units);
        move_address(channel, moved);
        channel->count -= moved;
        if (moved == left) {
            terminal_count(dma, index);
            return true;
        }
        if (moved < units) {
            return false;
        }
    }
    return false;
}

/* Units that can be copied at once with the same outcome as one by one. */
static uint32_t copy_units(const I8237 *dma, uint32_t left)
{
    const DmaChannel *from = &dma->channels[0], *to = &dma->channels[1];
    uint64_t a = bus_address(dma, 0), b = bus_address(dma, 1);
    uint64_t distance = (a > b ? a - b : b - a) >> dma->shift;
    uint32_t units = MIN(MIN(left, units_to_wrap(to)), CHUNK >> dma->shift);

    if (dma->command & CMD_HOLD_ADDRESS) {
        return distance < CHUNK ? 1 : units;
    }
    if (goes_down(from) != goes_down(to)) {
        return 1;
    }
    units = MIN(units, units_to_wrap(from));
    return distance ? MIN(units, distance) : units;
}

static void copy_run(I8237 *dma, uint32_t units)
{
    uint8_t data[CHUNK];
    unsigned unit = 1u << dma->shift;

    if (dma->command & CMD_HOLD_ADDRESS) {
        read_run(dma, 0, data, 1);
        for (uint32_t i = 1; i < units; i++) {
            memcpy(data + i * unit, data, unit);
        }
    } else {
        read_run(dma, 0, data, units);
        move_address(&dma->channels[0], units);
    }
    dma->temporary = data[(units - 1) * unit];
    write_run(dma, 1, data, units);
    move_address(&dma->channels[1], units);
}

/* Channel 0 to channel 1 through the temporary register; channel 1 counts. */
static void copy_memory(I8237 *dma)
{
    DmaChannel *from = &dma->channels[0], *to = &dma->channels[1];
    uint32_t left = to->count + 1u;

    from->count -= left;
    to->count -= left;
    while (left) {
        uint32_t units = copy_units(dma, left);
        copy_run(dma, units);
        left -= units;
    }
    dma->request &= ~BIT(0);
    if (from->mode & MODE_AUTOINIT) {
        from->address = from->base_address;
        from->count = from->base_count;
    }
    terminal_count(dma, 1);
}

static unsigned next_channel(const I8237 *dma, uint8_t channels)
{
    unsigned index = dma->first;

    while (!(channels & BIT(index))) {
        index = (index + 1) & 3;
    }
    return index;
}

static void serve(I8237 *dma)
{
    uint8_t done = 0, channels;

    /* Each channel once; a device that always has more does not keep the machine. */
    while ((channels = wanting(dma) & ~done)) {
        unsigned index = next_channel(dma, channels);
        done |= BIT(index);
        drive_dack(dma, index, true);
        if (is_cascade(dma, index)) {
            continue;   /* the controller behind it transfers while DACK is active */
        }
        if (index == 0 && (dma->command & CMD_MEMORY_TO_MEMORY)) {
            copy_memory(dma);
        } else {
            serve_channel(dma, index);
        }
        drive_dack(dma, index, false);
        if (dma->command & CMD_ROTATE) {
            dma->first = (index + 1) & 3;
        }
    }
}

static bool owns_bus(const I8237 *dma)
{
    return dma->granted || !pin_connected(&dma->device, I8237_PIN_HRQ, 0);
}

static void release_idle(I8237 *dma)
{
    for (unsigned i = 0; i < I8237_CHANNELS; i++) {
        if (!(wanting(dma) & BIT(i))) {
            drive_dack(dma, i, false);
        }
    }
}

static void i8237_update(Device *device)
{
    I8237 *dma = I8237(device);

    if (dma->serving) {
        return;   /* the transfer that this comes from goes on looking */
    }
    release_idle(dma);
    pin_set(device, I8237_PIN_HRQ, 0, wanting(dma));
    if (!wanting(dma) || !owns_bus(dma)) {
        return;
    }
    dma->serving = true;
    serve(dma);
    release_idle(dma);
    pin_set(device, I8237_PIN_HRQ, 0, false);
    dma->serving = false;
}

static void i8237_dreq(Device *device, unsigned line, bool level)
{
    I8237 *dma = I8237(device);

    dma->wired = level ? dma->wired | BIT(line) : dma->wired & ~BIT(line);
}

static void i8237_hlda(Device *device, unsigned line, bool level)
{
    I8237(device)->granted = level;
}

/* ---- for devices ---- */

bool i8237_find(unsigned pc_channel, Device **found, unsigned *channel, GError **error)
{
    for (I8237 *dma = all_controllers; dma && pc_channel < 2 * I8237_CHANNELS; dma = dma->next) {
        if (dma->shift == (int)pc_channel / I8237_CHANNELS) {
            *found = &dma->device;
            *channel = pc_channel % I8237_CHANNELS;
            return true;
        }
    }
    error_set(error, ERROR_NOT_FOUND, "DMA channel %u: the machine has no such channel",
              pc_channel);
    return false;
}

void i8237_attach(Device *device, unsigned channel, const DmaClient *client, void *opaque)
{
    g_assert(channel < I8237_CHANNELS);
    I8237(device)->ports[channel] = (DmaPort){ client, opaque };
    if (!client) {
        I8237(device)->dreq &= ~BIT(channel);
    }
}

void i8237_request(Device *device, unsigned channel, bool level)
{
    I8237 *dma = I8237(device);

    g_assert(channel < I8237_CHANNELS);
    dma->dreq = level ? dma->dreq | BIT(channel) : dma->dreq & ~BIT(channel);
    device_update(device);
}

uint32_t i8237_remaining(const Device *device, unsigned channel)
{
    const I8237 *dma = (const I8237 *)device;

    g_assert(channel < I8237_CHANNELS);
    return dma->mask & BIT(channel) ? 0 : (dma->channels[channel].count + 1u) << dma->shift;
}

/* ---- registers ---- */

/* The two bytes of an address or count, in turn. */
static uint8_t read_half(I8237 *dma, uint16_t value)
{
    dma->flip_flop = !dma->flip_flop;
    return dma->flip_flop ? value : value >> 8;
}

static void write_half(I8237 *dma, uint16_t *base, uint16_t *current, uint8_t value)
{
    *base = dma->flip_flop ? (*base & 0xff) | value << 8 : (*base & 0xff00) | value;
    *current = dma->flip_flop ? (*current & 0xff) | value << 8 : (*current & 0xff00) | value;
    dma->flip_flop = !dma->flip_flop;
}

static void master_clear(I8237 *dma)
{
    dma->command = dma->request = dma->terminal = dma->temporary = 0;
    dma->mask = 0xf;
    dma->first = 0;
    dma->flip_flop = false;
}

static uint8_t with_bit(uint8_t bits, uint8_t value)
{
    return value & 4 ? bits | BIT(value & 3) : bits & ~BIT(value & 3);
}

static void write_command_register(I8237 *dma, unsigned reg, uint8_t value)
{
    switch (reg) {
    case REG_COMMAND:
        dma->command = value;
        dma->first = value & CMD_ROTATE ? dma->first : 0;
        break;
    case REG_REQUEST:
        dma->request = with_bit(dma->request, value);
        break;
    case REG_MASK:
        dma->mask = with_bit(dma->mask, value);
        break;
    case REG_MODE:
        dma->channels[value & 3].mode = value & 0xfc;
        break;
    case REG_CLEAR_FLIP_FLOP:
        dma->flip_flop = false;
        break;
    case REG_MASTER_CLEAR:
        master_clear(dma);
        break;
    case REG_CLEAR_MASK:
        dma->mask = 0;
        break;
    default:
        dma->mask = value & 0xf;
        break;
    }
}

static uint8_t read_command_register(I8237 *dma, unsigned reg)
{
    uint8_t value;

    switch (reg) {
    case REG_COMMAND:
        value = dma->terminal | requested(dma) << 4;
        dma->terminal = 0;
        return value;
    case REG_MASTER_CLEAR:
        return dma->temporary;
    case REG_ALL_MASK:
        return dma->mask | 0xf0;
    default:
        log_guest_error("i8257: read of the write-only register %u", reg);
        return FLOATING_BUS;
    }
}

static MemoryResult i8237_read(void *opaque, uint64_t offset, unsigned size, uint64_t *value,
                               MemoryAttrs attrs)
{
    I8237 *dma = opaque;
    unsigned reg = offset >> dma->shift;

    if (reg >= REG_COMMAND) {
        *value = read_command_register(dma, reg);
    } else {
        const DmaChannel *channel = &dma->channels[reg >> 1];
        *value = read_half(dma, reg & 1 ? channel->count : channel->address);
    }
    device_update(&dma->device);
    return MEMORY_OK;
}

static MemoryResult i8237_write(void *opaque, uint64_t offset, unsigned size, uint64_t value,
                                MemoryAttrs attrs)
{
    I8237 *dma = opaque;
    unsigned reg = offset >> dma->shift;

    if (reg >= REG_COMMAND) {
        write_command_register(dma, reg, value);
    } else if (reg & 1) {
        DmaChannel *channel = &dma->channels[reg >> 1];
        write_half(dma, &channel->base_count, &channel->count, value);
    } else {
        DmaChannel *channel = &dma->channels[reg >> 1];
        write_half(dma, &channel->base_address, &channel->address, value);
    }
    device_update(&dma->device);
    return MEMORY_OK;
}

/* ---- life ---- */

static bool i8237_realize(Device *device, GError **error)
{
    I8237 **link = &all_controllers;

    while (*link) {
        link = &(*link)->next;
    }
    *link = I8237(device);
    return true;
}

static void i8237_unrealize(Device *device)
{
    for (I8237 **link = &all_controllers; *link; link = &(*link)->next) {
        if (*link == I8237(device)) {
            *link = I8237(device)->next;
            break;
        }
    }
}

static void i8237_reset(Device *device)
{
    I8237 *dma = I8237(device);

    master_clear(dma);
    memset(dma->channels, 0, sizeof(dma->channels));
    dma->dreq = dma->wired = 0;
    for (unsigned i = 0; i < I8237_CHANNELS; i++) {
        dma->wired |= pin_level(device, I8237_PIN_DREQ, i) ? BIT(i) : 0;
    }
    dma->granted = pin_level(device, I8237_PIN_HLDA, 0);
}

static void i8237_print(Device *device, GString *out)
{
    I8237 *dma = I8237(device);

    g_string_append_printf(out, "dma: command=%02x mask=%x request=%x status=%x\n",
                           dma->command, dma->mask, dma->request,
                           dma->terminal | requested(dma) << 4);
    for (unsigned i = 0; i < I8237_CHANNELS; i++) {
        g_string_append_printf(out, "  channel %u: address=%06" PRIx64 " count=%04x mode=%02x\n",
                               i + dma->shift * I8237_CHANNELS, bus_address(dma, i),
                               dma->channels[i].count, dma->channels[i].mode);
    }
}

/* ---- tables ---- */

static uint64_t controller_size(Device *device)
{
    return 16u << I8237(device)->shift;
}

static uint64_t high_page_size(Device *device)
{
    return I8237(device)->pageh_base == UINT32_MAX ? 0 : 8;
}

static const RegionOps i8237_ops = {
    .read = i8237_read, .write = i8237_write, .access_min = 1, .access_max = 1,
};

static const RegisterInfo page_registers[] = {
    { 0, "PAGE", "address bits 23-16: at 1 of channel 2, at 2 of 3, at 3 of 1, at 7 of 0",
      FIELD_ARRAY(I8237, pages), .keep_on_reset = true },
};

static const RegisterInfo high_page_registers[] = {
    { 0, "HIGH_PAGE", "address bits 31-24, in the same order", FIELD_ARRAY(I8237, high_pages),
      .keep_on_reset = true },
};

static const BankInfo i8237_banks[] = {
    { "dma", "channels and command registers", .space = SPACE_IO, .size_of = controller_size,
      .ops = &i8237_ops, .base_property = "base" },
    { "page", "page registers", .space = SPACE_IO, .size = 8,
      .registers = TABLE(page_registers), .base_property = "page-base" },
    { "high-page", "high page registers", .space = SPACE_IO, .size = 8,
      .size_of = high_page_size, .registers = TABLE(high_page_registers),
      .base_property = "pageh-base" },
};

static const PinInfo i8237_pins[] = {
    [I8237_PIN_DREQ] = { "DREQ", "requests of devices", PIN_IN, .count = I8237_CHANNELS,
                         .set = i8237_dreq },
    [I8237_PIN_DACK] = { "DACK", "high: the channel is served", PIN_OUT,
                         .count = I8237_CHANNELS },
    [I8237_PIN_TC] = { "TC", "terminal count", PIN_OUT },
    [I8237_PIN_HRQ] = { "HRQ", "asks for the bus; to DREQ0 of the controller in front", PIN_OUT },
    [I8237_PIN_HLDA] = { "HLDA", "has the bus; from DACK0 of the controller in front", PIN_IN,
                         .set = i8237_hlda },
};

static const Property i8237_properties[] = {
    { .name = "base", .description = "I/O port of the controller",
      .field = FIELD_OF(I8237, base), .flags = PROPERTY_HEX },
    { .name = "page-base", .description = "I/O port of the page registers",
      .field = FIELD_OF(I8237, page_base), .def.u = 0x80, .flags = PROPERTY_HEX },
    { .name = "pageh-base", .description = "I/O port of the high page registers, 0xffffffff: none",
      .field = FIELD_OF(I8237, pageh_base), .def.u = UINT32_MAX, .flags = PROPERTY_HEX },
    { .name = "dshift", .description = "0: channels of bytes, 1: of 16-bit words",
      .field = FIELD_OF(I8237, shift), .min = 0, .max = 1 },
};

static const StateInfo channel_state[] = {
    { "base_address", FIELD(DmaChannel, base_address) },
    { "base_count", FIELD(DmaChannel, base_count) },
    { "address", FIELD(DmaChannel, address) },
    { "count", FIELD(DmaChannel, count) },
    { "mode", FIELD(DmaChannel, mode) },
};

static const StateInfo i8237_state[] = {
    { "channels", FIELD_ARRAY(I8237, channels), .members = TABLE(channel_state) },
    { "command", FIELD(I8237, command) },
    { "request", FIELD(I8237, request), .max = 0xf },
    { "mask", FIELD(I8237, mask), .max = 0xf },
    { "terminal", FIELD(I8237, terminal), .max = 0xf },
    { "temporary", FIELD(I8237, temporary) },
    { "first", FIELD(I8237, first), .max = 3 },
    { "dreq", FIELD(I8237, dreq), .max = 0xf },
    { "wired", FIELD(I8237, wired), .max = 0xf },
    { "flip_flop", FIELD(I8237, flip_flop) },
    { "granted", FIELD(I8237, granted) },
};

static const TransientInfo i8237_transient[] = {
    { FIELD_OF(I8237, ports), "devices attach themselves" },
    { FIELD_OF(I8237, serving), "true only within a call" },
    { FIELD_OF(I8237, next), "list of all of them" },
};

const DeviceType i8237_type = {
    .name = "i8257", .parent = "isa-device", .size = sizeof(I8237),
    .description = "Intel 8237A DMA controller", .compatible = "intel,i8237", .bus = "ISA",
    .board_only = true, .properties = TABLE(i8237_properties), .banks = TABLE(i8237_banks),
    .pins = TABLE(i8237_pins), .state = TABLE(i8237_state), .transient = TABLE(i8237_transient),
    .realize = i8237_realize, .unrealize = i8237_unrealize, .reset = i8237_reset,
    .update = i8237_update, .print = i8237_print,
};
