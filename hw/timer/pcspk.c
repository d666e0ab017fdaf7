/* SPDX-License-Identifier: MIT */
#include "hw/timer/pcspk.h"

#include "hw/timer/i8254.h"

#define SPEAKER(pointer) ((PcSpeaker *)(pointer))

/* 18 ticks of the PIT's clock: the refresh request of channel 1. */
#define REFRESH_NS 15085

static uint64_t read_control(Device *device, unsigned index)
{
    PcSpeaker *speaker = SPEAKER(device);
    uint8_t value = speaker->control;

    if (time_virtual() / REFRESH_NS & 1) {
        value |= PCSPK_REFRESH;
    }
    return value | (i8254_out(speaker->pit, 2) ? PCSPK_OUT2 : 0);
}

static void wrote_control(Device *device, unsigned index, uint64_t old)
{
    PcSpeaker *speaker = SPEAKER(device);

    i8254_set_gate(speaker->pit, 2, speaker->control & PCSPK_GATE2);
}

static const RegisterInfo pcspk_registers[] = {
    { 0, "NMISC", "speaker, timer 2 and NMI sources", FIELD(PcSpeaker, control),
      .writable = 0x0f, .read = read_control, .wrote = wrote_control },
};

static const BankInfo pcspk_banks[] = {
    { "pcspk", "port 0x61", .space = SPACE_IO, .size = 1, .registers = TABLE(pcspk_registers),
      .base_property = "iobase" },
};

static const Property pcspk_properties[] = {
    { .name = "iobase", .description = "I/O port", .field = FIELD_OF(PcSpeaker, iobase),
      .def.u = 0x61, .flags = PROPERTY_HEX },
    { .name = "pit", .description = "whose channel 2 makes the sound",
      .field = FIELD_LINK_OF(PcSpeaker, pit), .link = "isa-pit", .flags = PROPERTY_REQUIRED },
};

const DeviceType pcspk_type = {
    .name = "isa-pcspk", .parent = "isa-device", .size = sizeof(PcSpeaker),
    .description = "PC speaker and port 0x61", .compatible = "pnpPNP,800", .bus = "ISA",
    .board_only = true, .properties = TABLE(pcspk_properties), .banks = TABLE(pcspk_banks),
};
