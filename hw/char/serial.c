/* SPDX-License-Identifier: MIT */
#include "hw/char/serial.h"

#include <string.h>

#include "base/log.h"
#include "hw/core/machine.h"

enum {
    IER_RDA = 0x01, IER_THRE = 0x02, IER_RLS = 0x04, IER_MS = 0x08,
};
enum {
    IIR_MS = 0x00, IIR_NONE = 0x01, IIR_THRE = 0x02, IIR_RDA = 0x04, IIR_RLS = 0x06,
    IIR_TIMEOUT = 0x0c, IIR_FIFOS_ON = 0xc0,
};
enum {
    FCR_ENABLE = 0x01, FCR_RX_RESET = 0x02, FCR_TX_RESET = 0x04, FCR_DMA = 0x08,
    FCR_TRIGGER_SHIFT = 6,
};
enum {
    LCR_BITS = 0x03, LCR_STOP = 0x04, LCR_PARITY = 0x08, LCR_EVEN = 0x10, LCR_BREAK = 0x40,
    LCR_DLAB = 0x80,
};
enum {
    MCR_DTR = 0x01, MCR_RTS = 0x02, MCR_OUT1 = 0x04, MCR_OUT2 = 0x08, MCR_LOOP = 0x10,
};
enum {
    LSR_DR = 0x01, LSR_OE = 0x02, LSR_PE = 0x04, LSR_FE = 0x08, LSR_BI = 0x10,
    LSR_THRE = 0x20, LSR_TEMT = 0x40, LSR_FIFO_ERROR = 0x80,
    LSR_ERRORS = LSR_OE | LSR_PE | LSR_FE | LSR_BI,
};
enum {
    MSR_DCTS = 0x01, MSR_DDSR = 0x02, MSR_TERI = 0x04, MSR_DDCD = 0x08, MSR_DELTAS = 0x0f,
    MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80,
};

#define MODEM_POLL_NS (10 * 1000 * 1000)
#define TX_PATIENCE_NS NANOSECONDS_PER_SECOND

static const SerialPlace *place_of(const Device *device)
{
    return device->object.type->interfaces.at[0].ops;
}

static Serial *serial_of(const Device *device)
{
    return (Serial *)((char *)device + place_of(device)->offset);
}

/* ---- the line's format ---- */

bool serial_dlab(const Device *device)
{
    return serial_of(device)->lcr & LCR_DLAB;
}

static unsigned divisor(const Serial *serial)
{
    unsigned value = serial->dlm << 8 | serial->dll;

    return value ? value : 1;
}

/* Of one character with its start, parity and stop bits. */
static uint64_t character_ns(const Serial *serial)
{
    unsigned bits = 1 + 5 + (serial->lcr & LCR_BITS) + !!(serial->lcr & LCR_PARITY) +
                    (serial->lcr & LCR_STOP ? 2 : 1);

    return time_scale((uint64_t)bits * divisor(serial), NANOSECONDS_PER_SECOND,
                      serial->baudbase);
}

void serial_wrote_format(Device *device, unsigned index, uint64_t old)
{
    Serial *serial = serial_of(device);
    ChardevSerialParams params = {
        .speed = serial->baudbase / divisor(serial),
        .data_bits = 5 + (serial->lcr & LCR_BITS),
        .stop_bits = serial->lcr & LCR_STOP ? 2 : 1,
        .parity = !(serial->lcr & LCR_PARITY) ? 'N' : serial->lcr & LCR_EVEN ? 'E' : 'O',
    };

    chardev_set_serial_params(serial->chardev, &params);
}

/* ---- receiver ---- */

static bool fifos_on(const Serial *serial)
{
    return serial->fcr & FCR_ENABLE;
}

static unsigned rx_size(const Serial *serial)
{
    return fifos_on(serial) ? FIFO_SIZE : 1;
}

static unsigned rx_trigger(const Serial *serial)
{
    static const uint8_t levels[] = { 1, 4, 8, 14 };

    return fifos_on(serial) ? levels[serial->fcr >> FCR_TRIGGER_SHIFT] : 1;
}

/* The time-out counts from the last byte received or read, while bytes lie in the FIFO. */
static void restart_timeout(Serial *serial)
{
    serial->timeout_pending = false;
    if (fifos_on(serial) && !fifo_is_empty(&serial->rx)) {
        timer_set(&serial->timeout, time_virtual() + 4 * character_ns(serial));
    } else {
        timer_cancel(&serial->timeout);
    }
}

void serial_timed_out(Device *device, unsigned index)
{
    Serial *serial = serial_of(device);

    serial->timeout_pending = fifos_on(serial) && !fifo_is_empty(&serial->rx);
}

/* The errors of the byte that comes to the top show in LSR. */
static void show_top_errors(Serial *serial)
{
    if (!fifo_is_empty(&serial->rx)) {
        serial->lsr_errors |= fifo_peek(&serial->rx_errors, 0);
    }
}

static void rx_byte(Serial *serial, uint8_t byte, uint8_t errors)
{
    if (serial->rx.count >= rx_size(serial)) {
        serial->lsr_errors |= LSR_OE;
        if (fifos_on(serial)) {
            return;   /* the FIFO keeps what it has; the shift register is overwritten */
        }
        fifo_clear(&serial->rx);
        fifo_clear(&serial->rx_errors);
    }
    fifo_push(&serial->rx, byte);
    fifo_push(&serial->rx_errors, errors);
    if (serial->rx.count == 1) {
        show_top_errors(serial);
    }
    restart_timeout(serial);
}

uint64_t serial_read_rbr(Device *device, unsigned index)
{
    Serial *serial = serial_of(device);
    uint8_t byte = fifo_peek(&serial->rx, 0);   /* an empty one gives what it gave last */

    if (!fifo_is_empty(&serial->rx)) {
        fifo_pop(&serial->rx);
        fifo_pop(&serial->rx_errors);
        show_top_errors(serial);
        if (fifo_is_empty(&serial->rx)) {
            serial->rx.head = (serial->rx.head + FIFO_SIZE - 1) % FIFO_SIZE;
            serial->rx_errors.head = serial->rx.head;
        }
        restart_timeout(serial);
        chardev_receive_resume(serial->chardev);
    }
    return byte;
}

static size_t serial_can_receive(void *opaque)
{
    const Serial *serial = serial_of(opaque);
    unsigned size = rx_size(serial);

    if (serial->mcr & MCR_LOOP) {
        return 0;
    }
    return serial->rx.count < size ? size - serial->rx.count : 0;
}

static void serial_receive(void *opaque, const uint8_t *data, size_t size)
{
    Device *device = opaque;
    Serial *serial = serial_of(device);

    if (serial->wakeup) {
        machine_request_wakeup();
    }
    for (size_t i = 0; i < size; i++) {
        rx_byte(serial, data[i], 0);
    }
    device_update(device);
}

static void serial_event(void *opaque, ChardevEvent event)
{
    Device *device = opaque;
    Serial *serial = serial_of(device);

    if (event == CHARDEV_BREAK && !(serial->mcr & MCR_LOOP)) {
        /* The stop bit of a break is missing, too. */
        rx_byte(serial, 0, LSR_BI | LSR_FE);
        device_update(device);
    } else if (event == CHARDEV_OPENED) {
        serial_wrote_format(device, 0, 0);
    }
}

/* ---- transmitter ---- */

static void tx_now_empty(Serial *serial)
{
    serial->thre_pending = true;
    timer_cancel(&serial->tx_patience);
}

static void tx_run(Serial *serial)
{
    while (!fifo_is_empty(&serial->tx)) {
        const uint8_t *run = &serial->tx.bytes[serial->tx.head];
        unsigned length = MIN(serial->tx.count, FIFO_SIZE - serial->tx.head);
        size_t written = chardev_write(serial->chardev, run, length);
        if (!written && !serial->tx_dropping) {
            if (!timer_armed(&serial->tx_patience)) {
                timer_set(&serial->tx_patience, time_virtual() + TX_PATIENCE_NS);
            }
            return;
        }
        for (size_t i = 0; i < (serial->tx_dropping ? length : written); i++) {
            fifo_pop(&serial->tx);
        }
        serial->tx_dropping &= !written;
    }
    tx_now_empty(serial);
}

void serial_tx_impatient(Device *device, unsigned index)
{
    Serial *serial = serial_of(device);

    serial->tx_dropping = true;
    tx_run(serial);
}

static void serial_writable(void *opaque)
{
    Device *device = opaque;
    Serial *serial = serial_of(device);

    serial->tx_dropping = false;
    if (!fifo_is_empty(&serial->tx)) {
        tx_run(serial);
        device_update(device);
    }
}

void serial_write_thr(Device *device, unsigned index, uint64_t value)
{
    Serial *serial = serial_of(device);

    serial->thre_pending = false;
    if (serial->mcr & MCR_LOOP) {
        rx_byte(serial, value, 0);
        tx_now_empty(serial);
        return;
    }
    if (serial->tx.count >= (fifos_on(serial) ? FIFO_SIZE : 1)) {
        log_guest_error("%s: a byte is written while the transmitter is full",
                        device->object.type->name);
        if (fifos_on(serial)) {
            return;
        }
        fifo_clear(&serial->tx);
    }
    fifo_push(&serial->tx, value);
    tx_run(serial);
}

/* ---- interrupts ---- */

static unsigned interrupt_source(const Serial *serial)
{
    if (serial->ier & IER_RLS && serial->lsr_errors & LSR_ERRORS) {
        return IIR_RLS;
    }
    if (serial->ier & IER_RDA && serial->timeout_pending) {
        return IIR_TIMEOUT;
    }
    if (serial->ier & IER_RDA && serial->rx.count >= rx_trigger(serial)) {
        return IIR_RDA;
    }
    if (serial->ier & IER_THRE && serial->thre_pending) {
        return IIR_THRE;
    }
    if (serial->ier & IER_MS && serial->msr & MSR_DELTAS) {
        return IIR_MS;
    }
    return IIR_NONE;
}

uint64_t serial_read_iir(Device *device, unsigned index)
{
    Serial *serial = serial_of(device);
    unsigned source = interrupt_source(serial);

    if (source == IIR_THRE) {
        serial->thre_pending = false;
    }
    return source | (fifos_on(serial) ? IIR_FIFOS_ON : 0);
}

void serial_wrote_ier(Device *device, unsigned index, uint64_t old)
{
    Serial *serial = serial_of(device);

    /* Turned on while the transmitter is empty, the interrupt comes at once. */
    if (serial->ier & ~old & IER_THRE) {
        serial->thre_pending = fifo_is_empty(&serial->tx);
    }
    if (serial->ier & ~old & IER_MS) {
        serial_poll_modem(device, 0);
    }
}

void serial_update(Device *device)
{
    pin_set(device, place_of(device)->irq_pin, 0,
            interrupt_source(serial_of(device)) != IIR_NONE);
}

/* ---- modem lines ---- */

static uint8_t modem_inputs(const Serial *serial)
{
    unsigned lines;

    if (serial->mcr & MCR_LOOP) {
        return (serial->mcr & MCR_RTS ? MSR_CTS : 0) | (serial->mcr & MCR_DTR ? MSR_DSR : 0) |
               (serial->mcr & MCR_OUT1 ? MSR_RI : 0) | (serial->mcr & MCR_OUT2 ? MSR_DCD : 0);
    }
    if (chardev_get_modem_lines(serial->chardev, &lines)) {
        return (lines & CHARDEV_CTS ? MSR_CTS : 0) | (lines & CHARDEV_DSR ? MSR_DSR : 0) |
               (lines & CHARDEV_RI ? MSR_RI : 0) | (lines & CHARDEV_DCD ? MSR_DCD : 0);
    }
    return MSR_CTS | MSR_DSR | MSR_DCD;
}

static void take_modem_inputs(Serial *serial)
{
    uint8_t old = serial->msr, now = modem_inputs(serial), changed = old ^ now;

    serial->msr = now | (old & MSR_DELTAS) | (changed & MSR_CTS ? MSR_DCTS : 0) |
                  (changed & MSR_DSR ? MSR_DDSR : 0) | (changed & MSR_DCD ? MSR_DDCD : 0) |
                  (changed & old & MSR_RI ? MSR_TERI : 0);
}

void serial_poll_modem(Device *device, unsigned index)
{
    Serial *serial = serial_of(device);
    unsigned lines;

    take_modem_inputs(serial);
    if (serial->ier & IER_MS && chardev_get_modem_lines(serial->chardev, &lines)) {
        timer_set(&serial->modem_poll, time_virtual() + MODEM_POLL_NS);
    }
}

uint64_t serial_read_msr(Device *device, unsigned index)
{
    Serial *serial = serial_of(device);
    uint8_t value;

    take_modem_inputs(serial);
    value = serial->msr;
    serial->msr &= ~MSR_DELTAS;
    return value;
}

void serial_wrote_mcr(Device *device, unsigned index, uint64_t old)
{
    Serial *serial = serial_of(device);

    if (!(serial->mcr & MCR_LOOP)) {
        chardev_set_modem_lines(serial->chardev, (serial->mcr & MCR_DTR ? CHARDEV_DTR : 0) |
                                                 (serial->mcr & MCR_RTS ? CHARDEV_RTS : 0));
        chardev_receive_resume(serial->chardev);
    }
    take_modem_inputs(serial);
}

/* ---- control and status ---- */

void serial_write_fcr(Device *device, unsigned index, uint64_t value)
{
    Serial *serial = serial_of(device);
    /* A change of mode empties both; so does the change back. */
    unsigned clears = (value ^ serial->fcr) & FCR_ENABLE ? FCR_RX_RESET | FCR_TX_RESET
                                                         : value & FCR_ENABLE ? value : 0;

    if (value & FCR_ENABLE && value & FCR_DMA) {
        log_unimplemented("%s: DMA mode 1 of FCR", device->object.type->name);
    }
    if (clears & FCR_RX_RESET) {
        fifo_clear(&serial->rx);
        fifo_clear(&serial->rx_errors);
    }
    if (clears & FCR_TX_RESET) {
        fifo_clear(&serial->tx);
        tx_now_empty(serial);
    }
    /* The other bits count only together with the enable bit. */
    serial->fcr = value & FCR_ENABLE ? value & ~(FCR_RX_RESET | FCR_TX_RESET) : 0;
    restart_timeout(serial);
    chardev_receive_resume(serial->chardev);
}

void serial_wrote_lcr(Device *device, unsigned index, uint64_t old)
{
    Serial *serial = serial_of(device);
    bool breaks = serial->lcr & LCR_BREAK;

    if ((serial->lcr ^ old) & LCR_BREAK) {
        if (!(serial->mcr & MCR_LOOP)) {
            chardev_set_break(serial->chardev, breaks);
        } else if (breaks) {
            rx_byte(serial, 0, LSR_BI | LSR_FE);
        }
    }
    if ((serial->lcr ^ old) & (LCR_BITS | LCR_STOP | LCR_PARITY | LCR_EVEN)) {
        serial_wrote_format(device, 0, 0);
    }
}

uint64_t serial_read_lsr(Device *device, unsigned index)
{
    Serial *serial = serial_of(device);
    uint8_t value = serial->lsr_errors;

    value |= fifo_is_empty(&serial->rx) ? 0 : LSR_DR;
    value |= fifo_is_empty(&serial->tx) ? LSR_THRE | LSR_TEMT : 0;
    for (unsigned i = 0; fifos_on(serial) && i < serial->rx.count; i++) {
        value |= fifo_peek(&serial->rx_errors, i) ? LSR_FIFO_ERROR : 0;
    }
    serial->lsr_errors = 0;
    if (!fifo_is_empty(&serial->rx)) {
        serial->rx_errors.bytes[serial->rx_errors.head % FIFO_SIZE] = 0;
    }
    return value;
}

/* ---- life ---- */

static const ChardevFrontendOps serial_frontend = {
    .can_receive = serial_can_receive, .receive = serial_receive, .event = serial_event,
    .writable = serial_writable,
};

bool serial_realize(Device *device, GError **error)
{
    g_assert(g_str_equal(device->object.type->interfaces.at[0].name, SERIAL_INTERFACE));
    return chardev_attach(serial_of(device)->chardev, &serial_frontend, device, error);
}

void serial_unrealize(Device *device)
{
    chardev_detach(serial_of(device)->chardev, device);
}

void serial_reset(Device *device)
{
    Serial *serial = serial_of(device);

    fifo_clear(&serial->rx);
    fifo_clear(&serial->rx_errors);
    fifo_clear(&serial->tx);
    serial->thre_pending = serial->timeout_pending = serial->tx_dropping = false;
    serial->msr = modem_inputs(serial);
    chardev_receive_resume(serial->chardev);
}

bool serial_post_load(Device *device, GError **error)
{
    Serial *serial = serial_of(device);

    if (serial->rx.count != serial->rx_errors.count ||
        serial->rx.head != serial->rx_errors.head) {
        error_set(error, ERROR_INVALID,
                  "the saved state of %s has %u received bytes with the errors of %u",
                  device->object.type->name, serial->rx.count, serial->rx_errors.count);
        return false;
    }
    serial_wrote_format(device, 0, 0);
    chardev_receive_resume(serial->chardev);
    return true;
}

void serial_print(Device *device, GString *out)
{
    const Serial *serial = serial_of(device);

    g_string_append_printf(out, "%s: %u bit/s, %u data bits, FIFOs %s, %u received, %u to send\n",
                           device->object.name, serial->baudbase / divisor(serial),
                           5 + (serial->lcr & LCR_BITS), fifos_on(serial) ? "on" : "off",
                           serial->rx.count, serial->tx.count);
}

const StateInfo serial_fifo_state[3] = {
    { "bytes", FIELD_ARRAY(Fifo, bytes) },
    { "head", FIELD(Fifo, head), .max = FIFO_SIZE - 1 },
    { "count", FIELD(Fifo, count), .max = FIFO_SIZE },
};
