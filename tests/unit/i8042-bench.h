/* SPDX-License-Identifier: MIT */
/* A keyboard controller with its keyboard and mouse on the ISA bench, and what sees its output
 * pins. */
#ifndef TESTS_UNIT_I8042_BENCH_H
#define TESTS_UNIT_I8042_BENCH_H

#include "hw/input/input.h"
#include "tests/unit/isa-bench.h"

enum { DATA = 0x60, STATUS = 0x64, COMMAND = 0x64 };
enum { KBD_IRQ = 1, AUX_IRQ = 12 };

/* A board's side of the output pins. */
typedef struct Sink {
    Device device;
    unsigned resets;
} Sink;

typedef struct Fixture {
    Device *controller;
    Sink *sink;
} Fixture;

/* bench_start(), and the sink's type. */
void start_tests(int *argc, char ***argv);

/* The controller, with options as -device takes them; its pins end in the sink. */
void set_up_with(Fixture *f, const char *options);
void set_up(Fixture *f);
void tear_down(Fixture *f);
/* The device's pins a20 and reset, too. */
void connect_sink(Fixture *f, Device *device);
bool a20(const Fixture *f);

void command(uint8_t byte);
/* Writes the command byte. */
void set_mode(uint8_t mode);
/* The next byte: from the controller or keyboard, or from the mouse. */
void expect_from(uint8_t byte, bool aux);
/* That one comes from the controller or keyboard. */
void expect(uint8_t byte);
void expect_nothing(void);
/* These come, in hexadecimal, and nothing else. */
void expect_bytes(const char *text, bool aux);
/* Sends a byte to the keyboard, or the mouse, and expects its answer. */
void keyboard(uint8_t byte, const char *answer);
void mouse(uint8_t byte, const char *answer);
/* Three sample rates for the mouse, which make a wheel known. */
void set_rates(uint8_t a, uint8_t b, uint8_t c);

/* What the user does. */
void key(const char *name, bool down);
void press(const char *name);
void move(int dx, int dy);
void button(InputButton which, bool down);

#endif
