/* SPDX-License-Identifier: MIT */
/* Inside backends/char: a mux and the backend that was made for it. */
#ifndef BACKENDS_CHAR_MUX_H
#define BACKENDS_CHAR_MUX_H

#include "backends/char/chardev.h"

/* The backend was made with the mux (mux=on) and goes with it. */
void chardev_mux_own_backend(Chardev *mux);

#endif
