/* SPDX-License-Identifier: MIT */
/*
 * i8257 (QEMU's name): the Intel 8237A DMA controller (order number 231466) with
 * the page registers of a PC/AT. A PC has two: channels 0 to 3 of bytes
 * (dshift=0) and, cascaded in front of it, 4 to 7 of 16-bit words (dshift=1).
 *
 * Transfers go through the controller's bus-master space at 24-bit addresses
 * (32-bit ones where "pageh-base" gives the high page registers) and take no
 * time. The current address wraps within its page of 64 Ki units. The bytes of
 * the page register block that belong to no channel hold what is written.
 *
 * A controller whose HRQ leads nowhere owns the bus; otherwise it transfers while
 * HLDA is high, so a first controller waits for channel 4 to be in cascade mode
 * and not masked, as on the board. Each request transfers up to one terminal
 * count.
 *
 * Compressed timing and extended write change the shape of bus cycles only. The
 * pin DACK is high while a channel is served, whatever the command register says.
 */
#ifndef HW_DMA_I8237_H
#define HW_DMA_I8237_H

#include "hw/core/device.h"

#define I8237_CHANNELS 4

enum { I8237_PIN_DREQ, I8237_PIN_DACK, I8237_PIN_TC, I8237_PIN_HRQ, I8237_PIN_HLDA };

/*
 * The device at a channel. Both move up to `length` bytes (a multiple of the
 * channel's unit) and return how many; fewer than asked means that the device has
 * no more for now. They may call i8237_request(), and nothing else of the controller.
 */
typedef struct DmaClient {
    size_t (*to_memory)(void *opaque, uint8_t *data, size_t length);
    size_t (*from_memory)(void *opaque, const uint8_t *data, size_t length);
    /* TC with the last transfer; may be NULL. */
    void (*terminal_count)(void *opaque);
} DmaClient;

extern const DeviceType i8237_type;

/*
 * The controller of a PC's channel 0 to 7 and the channel's number on it; an error
 * when the machine has none. `client` NULL detaches.
 */
bool i8237_find(unsigned pc_channel, Device **dma, unsigned *channel, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;
void i8237_attach(Device *dma, unsigned channel, const DmaClient *client, void *opaque);
/* DREQ, beside what is wired to the pin. Raising it transfers before it returns, if it may. */
void i8237_request(Device *dma, unsigned channel, bool level);
/* Bytes until terminal count; 0 when the channel is masked. */
uint32_t i8237_remaining(const Device *dma, unsigned channel);

#endif
