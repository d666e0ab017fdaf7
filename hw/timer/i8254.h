/* SPDX-License-Identifier: MIT */
/*
 * isa-pit: the Intel 8254 programmable interval timer (order number 231164), all
 * modes, gates, latches and read-back. CLK is the clock "CLK", 1193182 Hz in a PC.
 *
 * Counters follow from time: a count that was written is loaded at the next tick
 * of CLK, and the rest is arithmetic. Edges of OUT that come closer than 20 µs
 * reach the pin as one, so that no guest can keep the machine busy with them;
 * i8254_out() and the status byte are exact.
 *
 * GATE0 and GATE1 are high unless the board wires them, GATE2 is low. A count of
 * 1 in modes 2 and 3, which the data sheet forbids, leaves OUT high.
 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "hw/intc/backend.h"

#define I8254_CHANNELS 3

enum { I8254_PIN_OUT, I8254_PIN_GATE, I8254_PIN_INHIBIT };

/* Which byte comes next. */
enum { I8254_LSB = 1, I8254_MSB, I8254_WORD_LSB, I8254_WORD_MSB };

typedef struct I8254Channel {
    uint32_t count;         /* what the counter was loaded with: 1 to 65536 (BCD: 10000) */
    uint32_t count_register;/* what was written last, to be loaded; same range */
    uint32_t held;          /* the counter while it stands */
    uint16_t latched_count; /* as it is read */
    uint8_t count_latched;  /* 0, or how it is read: I8254_LSB … */
    bool status_latched;
    uint8_t status;
    uint8_t read_state, write_state;
    uint8_t write_latch;    /* the first byte of two */
    uint8_t rw_mode;        /* I8254_LSB, _MSB or _WORD_LSB */
    uint8_t mode;           /* 0 to 5 */
    bool bcd;
    bool gate;
    bool counting;          /* loaded, or about to be, and not reprogrammed since */
    bool paused;            /* by GATE, in modes 0 and 4 */
    int64_t load_tick;      /* of CLK: when it held `count` */
    int64_t paused_at;      /* ticks after load_tick */
    int64_t reload_tick;    /* when count_register takes over; INT64_MAX: not before a trigger */
    int64_t null_until;     /* NULL COUNT is set before this tick */
} I8254Channel;

typedef struct I8254 {
    Device device;
    uint32_t iobase;        /* property */
    I8254Channel channels[I8254_CHANNELS];
    uint64_t frequency;     /* of CLK */
    int64_t base_time;      /* virtual ns at which tick base_tick was */
    int64_t base_tick;
    bool inhibited;         /* channel 0 drives no interrupt: HPET legacy replacement */
    Timer timers[I8254_CHANNELS];
    ChipBinding binding;    /* not saved */
} I8254;

extern const DeviceType i8254_base_type;   /* "pit-common" */
extern const DeviceType i8254_type;

/* OUT, now. */
bool i8254_out(Device *pit, unsigned channel);
bool i8254_gate(const Device *pit, unsigned channel);
void i8254_set_gate(Device *pit, unsigned channel, bool level);

/*
 * For a backend: virtual ns at which the channel was loaded with `count`, and the
 * other way round; `count`, `mode`, `bcd` and `gate` are set before.
 */
int64_t i8254_load_time(const Device *pit, unsigned channel);
void i8254_set_load_time(Device *pit, unsigned channel, int64_t time);

#endif
