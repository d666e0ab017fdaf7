/* SPDX-License-Identifier: MIT */
/*
 * Input events: what users and monitors do with keyboards and pointers, on its
 * way to the device of the machine that takes it. Names are QMP's (QKeyCode,
 * InputButton, InputAxis). Everything runs under the machine lock.
 */
#ifndef HW_INPUT_INPUT_H
#define HW_INPUT_INPUT_H

#include "hw/core/device.h"

/* ---- keys ---- */

/* A key by its place on the keyboard. One table says what every kind of keyboard sends for it. */
typedef struct InputKey {
    const char *name;        /* QKeyCode */
    uint16_t linux_code;     /* <linux/input-event-codes.h> */
    uint16_t set2, set3;     /* PS/2 scan codes; 0xe0xx has the prefix; 0: it has none */
    char set3_kind;          /* what set 3 sends unless told: 'T'ypematic, make/'B'reak, 'M'ake */
} InputKey;

/* Keys are indexes into this; 0 is "unmapped". */
extern const InputKey input_keys[];
extern const unsigned input_key_count;
extern const char *const input_key_names[];   /* the same; NULL-terminated */

/* By QKeyCode; 0 with an error that names the nearest. */
unsigned input_key_by_name(const char *name, GError **error) G_GNUC_WARN_UNUSED_RESULT;
/* By QMP's number: a scan code of set 1, with bit 7 for the prefix E0. 0: no such key. */
unsigned input_key_by_number(unsigned number);
/* A byte of scan code set 2 in set 1, as the 8042 translates it (make codes and constants). */
uint8_t input_translate_set2(uint8_t byte);

/* ---- events ---- */

typedef enum InputKind {
    INPUT_KEY, INPUT_BUTTON, INPUT_RELATIVE, INPUT_ABSOLUTE, INPUT_KINDS,
} InputKind;

typedef enum InputButton {
    INPUT_LEFT, INPUT_MIDDLE, INPUT_RIGHT, INPUT_WHEEL_UP, INPUT_WHEEL_DOWN, INPUT_SIDE,
    INPUT_EXTRA, INPUT_WHEEL_LEFT, INPUT_WHEEL_RIGHT, INPUT_BUTTONS,
} InputButton;

typedef enum InputAxis {
    INPUT_X, INPUT_Y, INPUT_AXES,
} InputAxis;

/* Absolute positions are 0 to this. */
#define INPUT_ABSOLUTE_MAX 0x7fff

typedef struct InputEvent {
    InputKind kind;
    unsigned code;   /* key, InputButton or InputAxis */
    int32_t value;   /* 1 down, 0 up; a distance (down and right are positive); a position */
} InputEvent;

extern const char *const input_button_names[INPUT_BUTTONS + 1];
extern const char *const input_axis_names[INPUT_AXES + 1];

/* ---- who takes them ---- */

typedef struct InputOps {
    const char *name;                                        /* query-mice: "PS/2 Mouse" */
    unsigned kinds;                                          /* BIT(InputKind) … */
    void (*event)(Device *device, const InputEvent *event);
    /* what belongs together is complete; may be NULL */
    void (*sync)(Device *device);
} InputOps;

/* The device that was attached or activated last gets the events of its kinds. */
void input_attach(Device *device, const InputOps *ops);
void input_detach(Device *device);
void input_activate(Device *device);
/* Whether an event of this kind goes anywhere. */
bool input_taken(InputKind kind);

typedef struct InputHandlerInfo {
    Device *device;
    const InputOps *ops;
    unsigned index;     /* since the program started */
    bool current;       /* gets the events of one of its kinds */
} InputHandlerInfo;

/* Handler number n, first those that go first; false past the last one. */
bool input_handler(unsigned n, InputHandlerInfo *info);

/* ---- sending ---- */

/*
 * Events that belong together; they go at once, or behind those that are
 * queued. An event of a kind that nobody takes is dropped. False with nothing
 * sent when too many are queued.
 */
bool input_send(const InputEvent *events, unsigned count, GError **error);
/*
 * Presses the keys in order, and lifts them in reverse order hold_ms of virtual
 * time later. Calls follow each other.
 */
bool input_send_keys(const unsigned *keys, unsigned count, unsigned hold_ms, GError **error);
/* Drops what is queued. */
void input_reset(void);

#endif
