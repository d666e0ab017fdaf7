/* SPDX-License-Identifier: MIT */
/*
 * Devices on a PS/2 port: what a keyboard and a mouse have in common, and what
 * a controller does with them. IBM PS/2 Hardware Interface Technical Reference,
 * keyboard and auxiliary device controller.
 *
 * A byte waits in one of two FIFOs: answers to commands, which go first, and
 * the stream of keys or movements. The output pin 0 is high while one waits.
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "base/fifo.h"
#include "hw/core/device.h"

enum { PS2_ACK = 0xfa, PS2_RESEND = 0xfe, PS2_ERROR = 0xfc, PS2_BAT_OK = 0xaa };

#define PS2_PIN_READY 0

typedef struct Ps2Device {
    Device device;
    Fifo replies, stream;
    uint8_t awaiting;        /* the command whose parameter comes next; 0: none */
} Ps2Device;

/* The interface of the two types. */
#define PS2_INTERFACE "ps2"
typedef struct Ps2Ops {
    /* A byte from the controller; earlier answers are gone already. */
    void (*command)(Ps2Device *ps2, uint8_t byte);
} Ps2Ops;

extern const DeviceType ps2_device_type;   /* "ps2-device", abstract */
extern const DeviceType ps2_kbd_type;      /* "ps2-kbd" */
extern const DeviceType ps2_mouse_type;    /* "ps2-mouse" */

/* For controllers. */
bool ps2_has_byte(const Device *ps2);
uint8_t ps2_take(Device *ps2);
void ps2_write(Device *ps2, uint8_t byte);

/* For the devices. */
void ps2_reply(Ps2Device *ps2, uint8_t byte);
void ps2_reset(Device *ps2);
void ps2_update(Device *ps2);

#endif
