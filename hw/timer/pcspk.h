/* SPDX-License-Identifier: MIT */
/*
 * isa-pcspk: port 0x61 of a PC, the NMI status and control register of the PIIX
 * (290550, section 2.5.6.1): the gate and the output of PIT channel 2, the
 * speaker's data bit and the refresh toggle, which changes every 15.085 µs.
 *
 * Not modelled: the sound itself, and the sources of NMI (SERR#, IOCHK#): their
 * enable bits 2 and 3 are kept, their status bits 6 and 7 read as zero.
 */
#ifndef HW_TIMER_PCSPK_H
#define HW_TIMER_PCSPK_H

#include "hw/core/device.h"

typedef struct PcSpeaker {
    Device device;
    uint32_t iobase;      /* property */
    Device *pit;          /* property: an isa-pit, link */
    uint8_t control;      /* bits 3-0 as written */
} PcSpeaker;

enum { PCSPK_GATE2 = 0x01, PCSPK_DATA = 0x02, PCSPK_REFRESH = 0x10, PCSPK_OUT2 = 0x20 };

extern const DeviceType pcspk_type;

#endif
