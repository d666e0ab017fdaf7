/* SPDX-License-Identifier: MIT */
/*
 * The 16550A UART, for every device that has one: National Semiconductor
 * PC16550D data sheet. A device embeds a Serial, names its tables by the macros
 * below, and says by its first interface where the parts are.
 *
 * The transmitter takes no time: a byte goes to the backend as it is written,
 * and stays in the FIFO only while the backend takes none. When that lasts for
 * a second, bytes are dropped until the backend takes some again, so that a
 * guest that polls goes on. Received bytes come as fast as the FIFO is read.
 * Character times (divisor, format) count for the time-out interrupt.
 *
 * Not modelled: DMA modes (RXRDY and TXRDY are on no pin), and the gate that PC
 * boards put between OUT2 and the interrupt line: it is always open.
 */
#ifndef HW_CHAR_SERIAL_H
#define HW_CHAR_SERIAL_H

#include "backends/char/chardev.h"
#include "base/fifo.h"
#include "hw/core/device.h"

typedef struct Serial {
    /* Properties. */
    Chardev *chardev;
    uint32_t baudbase;         /* the clock / 16: bits per second with divisor 1 */
    bool wakeup;               /* a received byte wakes a suspended machine */

    uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
    uint8_t lsr_errors;        /* OE, PE, FE, BI, until LSR is read */
    uint8_t msr;
    Fifo rx, tx;               /* of one byte each while the FIFOs are off */
    Fifo rx_errors;            /* PE, FE, BI of each byte in rx */
    bool thre_pending;         /* the THRE interrupt was not acknowledged */
    bool timeout_pending;      /* the character time-out interrupt */
    Timer timeout;
    Timer modem_poll;          /* of the backend's lines, while MSR interrupts are on */
    Timer tx_patience;         /* until bytes are dropped */
    bool tx_dropping;
} Serial;

/* What a device's first interface says. */
#define SERIAL_INTERFACE "serial"
typedef struct SerialPlace {
    size_t offset;             /* of the Serial in the device */
    unsigned irq_pin;
} SerialPlace;

#define SERIAL_BANK_SIZE 8

/* Entries of the device's tables; `m` is the Serial member of `Type`. */
#define SERIAL_PROPERTIES(Type, m)                                                            \
    { .name = "chardev", .description = "ID of a chardev to use as a backend",                \
      .field = FIELD_LINK_OF(Type, m.chardev), .link = "chardev", .link_root = "/chardevs",   \
      .type_name = "str" },                                                                   \
    { .name = "baudbase", .description = "bits per second with divisor 1",                    \
      .field = FIELD_OF(Type, m.baudbase), .def.u = 115200, .min = 1, .max = 1 << 28 },       \
    { .name = "wakeup", .description = "a received byte wakes a suspended machine",           \
      .field = FIELD_OF(Type, m.wakeup) }

#define SERIAL_REGISTERS(Type, m)                                                             \
    { 0, "DLL", "divisor latch, low", FIELD(Type, m.dll), .reset = 12,                        \
      .visible = serial_dlab, .wrote = serial_wrote_format },                                 \
    { 1, "DLM", "divisor latch, high", FIELD(Type, m.dlm), .visible = serial_dlab,            \
      .wrote = serial_wrote_format },                                                         \
    { 0, "RBR", "receiver buffer", .access = REG_RO, .read = serial_read_rbr },               \
    { 0, "THR", "transmitter holding", .access = REG_WO, .write = serial_write_thr },         \
    { 1, "IER", "interrupt enable", FIELD(Type, m.ier), .writable = 0x0f,                     \
      .wrote = serial_wrote_ier },                                                            \
    { 2, "IIR", "interrupt identification", .access = REG_RO, .read = serial_read_iir },      \
    { 2, "FCR", "FIFO control", FIELD(Type, m.fcr), .access = REG_WO,                         \
      .write = serial_write_fcr },                                                            \
    { 3, "LCR", "line control", FIELD(Type, m.lcr), .wrote = serial_wrote_lcr },              \
    { 4, "MCR", "modem control", FIELD(Type, m.mcr), .writable = 0x1f,                        \
      .wrote = serial_wrote_mcr },                                                            \
    { 5, "LSR", "line status", FIELD(Type, m.lsr_errors), .access = REG_RO,                   \
      .read = serial_read_lsr },                                                              \
    { 6, "MSR", "modem status", FIELD(Type, m.msr), .access = REG_RO,                         \
      .read = serial_read_msr },                                                              \
    { 7, "SCR", "scratch", FIELD(Type, m.scr) }

#define SERIAL_STATE(Type, m)                                                                 \
    { "rx", FIELD(Type, m.rx), .members = TABLE(serial_fifo_state) },                         \
    { "tx", FIELD(Type, m.tx), .members = TABLE(serial_fifo_state) },                         \
    { "rx_errors", FIELD(Type, m.rx_errors), .members = TABLE(serial_fifo_state) },           \
    { "thre_pending", FIELD(Type, m.thre_pending) },                                          \
    { "timeout_pending", FIELD(Type, m.timeout_pending) }

#define SERIAL_TIMERS(Type, m)                                                                \
    { "timeout", FIELD(Type, m.timeout), .expired = serial_timed_out },                       \
    { "modem_poll", FIELD(Type, m.modem_poll), .expired = serial_poll_modem },                \
    { "tx_patience", FIELD(Type, m.tx_patience), .expired = serial_tx_impatient }

#define SERIAL_TRANSIENT(Type, m)                                                             \
    { FIELD_OF(Type, m.tx_dropping), "of the backend; decided anew" }

extern const StateInfo serial_fifo_state[3];

bool serial_dlab(const Device *device);
void serial_wrote_format(Device *device, unsigned index, uint64_t old);
uint64_t serial_read_rbr(Device *device, unsigned index);
void serial_write_thr(Device *device, unsigned index, uint64_t value);
void serial_wrote_ier(Device *device, unsigned index, uint64_t old);
uint64_t serial_read_iir(Device *device, unsigned index);
void serial_write_fcr(Device *device, unsigned index, uint64_t value);
void serial_wrote_lcr(Device *device, unsigned index, uint64_t old);
void serial_wrote_mcr(Device *device, unsigned index, uint64_t old);
uint64_t serial_read_lsr(Device *device, unsigned index);
uint64_t serial_read_msr(Device *device, unsigned index);
void serial_timed_out(Device *device, unsigned index);
void serial_poll_modem(Device *device, unsigned index);
void serial_tx_impatient(Device *device, unsigned index);

/* The device's hooks call these, or are these. */
bool serial_realize(Device *device, GError **error);
void serial_unrealize(Device *device);
void serial_reset(Device *device);
void serial_update(Device *device);
bool serial_post_load(Device *device, GError **error);
void serial_print(Device *device, GString *out);

#endif
