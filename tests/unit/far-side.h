/* SPDX-License-Identifier: MIT */
/* A character backend whose other side is the test: no descriptors, no main loop. */
#ifndef TESTS_UNIT_FAR_SIDE_H
#define TESTS_UNIT_FAR_SIDE_H

#include "backends/char/chardev.h"

typedef struct FarSide {
    Chardev *chardev;
    GByteArray *output;     /* what the front end wrote */
    bool blocked;           /* it takes nothing */
    bool watched;           /* the front end waits for it to take something */
    unsigned resumed;       /* chardev_receive_resume() calls */
    bool has_modem_lines;
    unsigned modem_in, modem_out;
    bool break_on;
    ChardevSerialParams params;
} FarSide;

/* Registers the type of these backends. */
void far_side_register(void);
/* Makes the backend with this id. */
void far_side_open(FarSide *far, const char *id);
void far_side_close(FarSide *far);
/* Gives the front end what it has room for; returns how much that was. */
size_t far_side_send(FarSide *far, const void *data, size_t size);
void far_side_event(FarSide *far, ChardevEvent event);
void far_side_block(FarSide *far, bool blocked);
/* What was written since the last call is exactly this. */
void far_side_expect(FarSide *far, const void *data, size_t size);

#endif
