/* SPDX-License-Identifier: MIT */
/*
 * PIIX4_PM: Intel 82371AB function 3, order number 290562, chapters 7.1 and 7.2,
 * and the ACPI specification 1.0b for what they leave open.
 *
 * Sleep types of PMCNTRL: 0 is soft off, 1 suspend to RAM, `s4_val` suspend to
 * disk (the guest has saved itself: the machine goes off). ACPI mode is entered
 * by writing F1h to APMC, which on a board is the work of the firmware's SMI
 * handler; here the chip sets SCI_EN itself, so that it works without one.
 *
 * Not modelled: device monitors and their traps (DEVRES, DEVACT, DEVSTS, DEVCTL
 * hold what is written), clock control and processor power states, bus master
 * tracking, the global standby timer, EOS arbitration, powered-on suspend.
 */
#include "hw/isa/piix4-pm.h"

#include "base/log.h"
#include "hw/core/machine.h"

#define CONFIG_PMBASE  0x40
#define CONFIG_DEVACTB 0x58
#define CONFIG_PMREGMISC 0x80
#define CONFIG_SMBBA   0x90
#define CONFIG_SMBHSTCFG 0xd2
#define DEVACTB_APMC_EN 0x02000000u
#define PMIOSE         0x01
#define SMB_HST_EN     0x01

#define PM_SIZE        64
#define SMBUS_SIZE     16

/* PMSTS and PMEN, 7.2.1 and 7.2.2. */
#define PM_TMROF    0x0001
#define PM_BM       0x0010
#define PM_GBL      0x0020
#define PM_PWRBTN   0x0100
#define PM_RTC      0x0400
#define PM_PWRBTNOR 0x0800
#define PM_WAK      0x8000
#define PM_STATUS   (PM_TMROF | PM_BM | PM_GBL | PM_PWRBTN | PM_RTC | PM_PWRBTNOR | PM_WAK)
#define PM_ENABLE   (PM_TMROF | PM_GBL | PM_PWRBTN | PM_RTC)

/* PMCNTRL, 7.2.3. */
#define CNTRL_SCI_EN   0x0001
#define CNTRL_BRLD     0x0002
#define CNTRL_GBL_RLS  0x0004
#define CNTRL_SUS_TYP  0x1c00
#define CNTRL_SUS_EN   0x2000
#define SLEEP_OFF      0
#define SLEEP_RAM      1

/* GPSTS and GPEN, 7.2.5: THRM, USB, GPI, RI, LID. */
#define GP_BITS        0x0f01
#define GP_LINES       5

/* GLBSTS, GLBEN and GLBCTL, 7.2.9 to 7.2.12. */
#define GLB_BIOS       0x0001
#define GLB_APM        0x0020
#define GLBCTL_SMI_EN   0x00000001u
#define GLBCTL_BIOS_RLS 0x00000002u

#define TIMER_BITS 24
#define TIMER_HALF (1ull << (TIMER_BITS - 1))

static Piix4Pm *pm_of(Device *device)
{
    return (Piix4Pm *)device;
}

/* ---- the timer: its highest bit changes every 2.34 seconds ---- */

static uint64_t timer_ticks(void)
{
    return time_scale(time_virtual(), PIIX4_PM_TIMER_HZ, NANOSECONDS_PER_SECOND);
}

/* The first nanosecond in which the timer has counted so far. */
static int64_t tick_time(uint64_t ticks)
{
    return time_scale(ticks, NANOSECONDS_PER_SECOND, PIIX4_PM_TIMER_HZ) + 1;
}

/* The next change from now; also when the clock was set back. */
static void timer_aim(Piix4Pm *pm)
{
    pm->next_toggle = (timer_ticks() / TIMER_HALF + 1) * TIMER_HALF;
}

static void timer_follow(Piix4Pm *pm)
{
    uint64_t now = timer_ticks();

    if (now >= pm->next_toggle) {
        pm->pmsts |= PM_TMROF;
    }
    timer_aim(pm);
}

static void timer_arm(Piix4Pm *pm)
{
    if (pm->pmen & PM_TMROF) {
        timer_set(&pm->overflow, tick_time(pm->next_toggle));
    } else {
        timer_cancel(&pm->overflow);
    }
}

static void overflow_expired(Device *device, unsigned index)
{
    timer_follow(pm_of(device));
    timer_arm(pm_of(device));
}

static uint64_t read_timer(Device *device, unsigned index)
{
    return timer_ticks() & bits_mask(TIMER_BITS);
}

/* ---- interrupts ---- */

static void pm_update(Device *device)
{
    Piix4Pm *pm = pm_of(device);
    bool event = pm->pmsts & pm->pmen & PM_ENABLE || pm->gpsts & pm->gpen;

    pin_set(device, PIIX4_PIN_SCI, 0,
            (event && pm->pmcntrl & CNTRL_SCI_EN) || piix4_smbus_interrupts(pm));
}

static void raise_smi(Piix4Pm *pm, uint16_t cause)
{
    pm->glbsts |= cause;
    if (pm->glbctl & GLBCTL_SMI_EN) {
        pin_pulse(&pm->pci.device, PIIX4_PIN_SMI, 0);
    }
}

static void rtc_set(Device *device, unsigned line, bool level)
{
    if (level) {
        pm_of(device)->pmsts |= PM_RTC;
    }
}

/* A status bit is set when its input rises. */
static void gpi_set(Device *device, unsigned line, bool level)
{
    static const uint16_t bits[GP_LINES] = { 0x0001, 0x0100, 0x0200, 0x0400, 0x0800 };

    if (level) {
        pm_of(device)->gpsts |= bits[line];
    }
}

/* ---- registers ---- */

static uint64_t read_pmsts(Device *device, unsigned index)
{
    timer_follow(pm_of(device));
    return pm_of(device)->pmsts;
}

/* An overflow that nobody has seen yet is cleared by writing, too. */
static void write_pmsts(Device *device, unsigned index, uint64_t value)
{
    Piix4Pm *pm = pm_of(device);

    pm->pmsts = value;
    timer_aim(pm);
    timer_arm(pm);
}

static void wrote_pmen(Device *device, unsigned index, uint64_t old)
{
    timer_follow(pm_of(device));
    timer_arm(pm_of(device));
}

static void go_to_sleep(Piix4Pm *pm)
{
    unsigned type = (pm->pmcntrl & CNTRL_SUS_TYP) >> 10;

    if (type == SLEEP_OFF) {
        machine_request_shutdown(SHUTDOWN_GUEST_SHUTDOWN);
    } else if (type == SLEEP_RAM && !pm->disable_s3) {
        machine_request_suspend();
    } else if (type == pm->s4_val && !pm->disable_s4) {
        machine_event("SUSPEND_DISK", NULL);
        machine_request_shutdown(SHUTDOWN_GUEST_SHUTDOWN);
    } else {
        log_unimplemented("PIIX4_PM: sleep type %u%s", type,
                          type == SLEEP_RAM || type == pm->s4_val ? ", which is disabled" : "");
    }
}

static void write_pmcntrl(Device *device, unsigned index, uint64_t value)
{
    Piix4Pm *pm = pm_of(device);

    pm->pmcntrl = value & ~(uint64_t)(CNTRL_SUS_EN | CNTRL_GBL_RLS);
    if (value & CNTRL_GBL_RLS) {
        raise_smi(pm, GLB_BIOS);
    }
    if (value & CNTRL_SUS_EN) {
        go_to_sleep(pm);
    }
}

static void write_glbctl(Device *device, unsigned index, uint64_t value)
{
    Piix4Pm *pm = pm_of(device);

    pm->glbctl = value & ~(uint64_t)GLBCTL_BIOS_RLS;
    if (value & GLBCTL_BIOS_RLS) {
        pm->pmsts |= PM_GBL;
    }
}

static void wrote_apmc(Device *device, unsigned index, uint64_t old)
{
    Piix4Pm *pm = pm_of(device);

    if (pm->apmc == PIIX4_ACPI_ENABLE) {
        pm->pmcntrl |= CNTRL_SCI_EN;
    } else if (pm->apmc == PIIX4_ACPI_DISABLE) {
        pm->pmcntrl &= ~CNTRL_SCI_EN;
    }
    if (pci_config_load(&pm->pci, CONFIG_DEVACTB, 4) & DEVACTB_APMC_EN) {
        raise_smi(pm, GLB_APM);
    }
}

/* Entering C2 or C3 is for the processor's HLT here; the reads give zero. */
static uint64_t read_level(Device *device, unsigned index)
{
    return 0;
}

static uint64_t read_gpireg(Device *device, unsigned index)
{
    return 0xff;
}

/* ---- where the registers lie ---- */

static void place_banks(Piix4Pm *pm)
{
    Device *device = &pm->pci.device;
    const PciDevice *pci = &pm->pci;
    uint32_t base = pci_config_load(pci, CONFIG_PMBASE, 4) & 0xffc0;
    uint32_t smbus = pci_config_load(pci, CONFIG_SMBBA, 4) & 0xfff0;

    device_move_bank(device, PIIX4_BANK_PM, base,
                     base && pci->config[CONFIG_PMREGMISC] & PMIOSE);
    device_move_bank(device, PIIX4_BANK_SMBUS, smbus,
                     smbus && pci->config[CONFIG_SMBHSTCFG] & SMB_HST_EN);
}

static void wrote_place(Device *device, unsigned index, uint64_t old)
{
    place_banks(pm_of(device));
}

static bool pm_prepare(Device *device, GError **error)
{
    Piix4Pm *pm = pm_of(device);

    if (pm->smb_io_base & ~0xfff0u) {
        error_set(error, ERROR_INVALID, "smb_io_base is 0x%x: it must be a multiple of 16 below "
                  "64 KiB", pm->smb_io_base);
        return false;
    }
    if (pm->s4_val < 2 || pm->s4_val > 7) {
        error_set(error, ERROR_INVALID, "s4_val is %u: it must be 2 to 7, other than soft off and "
                  "suspend to RAM", pm->s4_val);
        return false;
    }
    return true;
}

static bool pm_configure(PciDevice *pci, GError **error)
{
    Piix4Pm *pm = (Piix4Pm *)pci;
    Device *device = &pci->device;

    pm->bus = I2C_BUS(object_child(OBJECT(pci), "i2c"));
    pci_config_set(pci, CONFIG_SMBBA, 4, pm->smb_io_base | PCI_BASE_IO);
    for (unsigned i = 0; i < device_type(device)->banks.count; i++) {
        region_set_enabled(device_bank_region(device, i), false);
        device_map_bank(device, i, pci->device.bus->io, 0);
    }
    device_move_bank(device, PIIX4_BANK_APM, PIIX4_APMC_PORT, true);
    return true;
}

/* ---- life ---- */

static void power_button(void *opaque)
{
    Piix4Pm *pm = opaque;

    pm->pmsts |= PM_PWRBTN;
    device_update(&pm->pci.device);
}

/* A wakeup looks like the button: the guest shall go on, not off. */
static void woken_up(void *opaque)
{
    Piix4Pm *pm = opaque;

    pm->pmsts |= PM_WAK | PM_PWRBTN;
    device_update(&pm->pci.device);
}

static bool pm_realize(Device *device, GError **error)
{
    machine_on_powerdown(power_button, device);
    machine_on_wakeup(woken_up, device);
    return true;
}

static void pm_unrealize(Device *device)
{
    machine_off(power_button, device);
    machine_off(woken_up, device);
}

static void pm_reset(Device *device)
{
    Piix4Pm *pm = pm_of(device);

    memset(pm->smbus.block, 0, sizeof(pm->smbus.block));
    pm->smbus.block_index = 0;
    if (!pm->smm_enabled) {
        /* As if firmware had set SMM up already: it leaves alone what nothing answers. */
        store_le(pm->pci.config + CONFIG_DEVACTB, DEVACTB_APMC_EN, 4);
    }
    timer_aim(pm);
    if (pm->pci.attached) {
        place_banks(pm);
    }
}

static bool pm_post_load(Device *device, GError **error)
{
    memory_transaction_begin();
    place_banks(pm_of(device));
    memory_transaction_commit();
    return true;
}

/* ---- tables ---- */

static const RegisterInfo pm_registers[] = {
    { 0x00, "PMSTS", "power management status", FIELD(Piix4Pm, pmsts), .size = 2,
      .writable = REG_NO_BITS, .write_one_clears = PM_STATUS, .read = read_pmsts,
      .write = write_pmsts },
    { 0x02, "PMEN", "power management resume enable", FIELD(Piix4Pm, pmen), .size = 2,
      .writable = PM_ENABLE, .wrote = wrote_pmen },
    { 0x04, "PMCNTRL", "power management control", FIELD(Piix4Pm, pmcntrl), .size = 2,
      .writable = CNTRL_SCI_EN | CNTRL_BRLD | CNTRL_GBL_RLS | CNTRL_SUS_TYP | CNTRL_SUS_EN,
      .write = write_pmcntrl },
    { 0x06, "RES06", "reserved", .size = 2, .read = read_level, .access = REG_RO },
    { 0x08, "PMTMR", "power management timer", .size = 4, .read = read_timer,
      .access = REG_RO },
    { 0x0c, "GPSTS", "general purpose status", FIELD(Piix4Pm, gpsts), .size = 2,
      .writable = REG_NO_BITS, .write_one_clears = GP_BITS },
    { 0x0e, "GPEN", "general purpose enable", FIELD(Piix4Pm, gpen), .size = 2,
      .writable = GP_BITS },
    { 0x10, "PCNTRL", "processor control", FIELD(Piix4Pm, pcntrl), .size = 4,
      .writable = 0x00023e1e, .unimplemented = 0x00021e10 },
    { 0x14, "PLVL", "processor level 2 and 3", .count = 2, .read = read_level,
      .access = REG_RO },
    { 0x18, "GLBSTS", "global status", FIELD(Piix4Pm, glbsts), .size = 2,
      .writable = REG_NO_BITS, .write_one_clears = 0x0d61 },
    { 0x1c, "DEVSTS", "device status", FIELD(Piix4Pm, devsts), .size = 4,
      .writable = REG_NO_BITS, .write_one_clears = 0x3fff000f },
    { 0x20, "GLBEN", "global enable", FIELD(Piix4Pm, glben), .size = 2, .writable = 0xcd11 },
    { 0x28, "GLBCTL", "global control", FIELD(Piix4Pm, glbctl), .size = 4,
      .writable = 0x0701ff07, .write = write_glbctl },
    { 0x2c, "DEVCTL", "device control", FIELD(Piix4Pm, devctl), .size = 4,
      .writable = 0x1fffffff, .unimplemented = 0x1fffffff },
    { 0x30, "GPIREG", "general purpose inputs", .count = 3, .read = read_gpireg,
      .access = REG_RO },
    { 0x34, "GPOREG", "general purpose outputs", FIELD(Piix4Pm, gporeg), .size = 4,
      .reset = 0x7fffbfff },
};

static const RegisterInfo apm_registers[] = {
    { 0, "APMC", "power management control", FIELD(Piix4Pm, apmc), .wrote = wrote_apmc },
    { 1, "APMS", "power management status", FIELD(Piix4Pm, apms) },
};

static const BankInfo pm_banks[] = {
    [PIIX4_BANK_PM] = { .name = "pm", .description = "ACPI registers at PMBASE",
                        .space = SPACE_IO, .size = PM_SIZE, .registers = TABLE(pm_registers) },
    [PIIX4_BANK_APM] = { .name = "apm", .description = "advanced power management control",
                         .space = SPACE_IO, .size = 2, .registers = TABLE(apm_registers) },
    [PIIX4_BANK_SMBUS] = { .name = "smbus", .description = "SMBus host at SMBBA",
                           .space = SPACE_IO, .size = SMBUS_SIZE, .hole = 0xff,
                           .registers = { piix4_smbus_registers, PIIX4_SMBUS_REGISTERS } },
};

static const RegisterInfo pm_config[] = {
    { CONFIG_PMBASE, "PMBASE", "ACPI base address", .size = 4, .reset = PCI_BASE_IO,
      .writable = 0xffc0, .wrote = wrote_place },
    { 0x44, "CNTA", "count A", .size = 4 },
    { 0x48, "CNTB", "count B", .size = 4 },
    { 0x4c, "GPICTL", "general purpose input control", .size = 4 },
    { 0x50, "DEVRESD", "device resource D", .size = 4 },
    { 0x54, "DEVACTA", "device activity A", .size = 4 },
    { CONFIG_DEVACTB, "DEVACTB", "device activity B", .size = 4,
      .unimplemented = ~(uint64_t)DEVACTB_APMC_EN },
    { 0x5c, "DEVRES", "device resources A, B, C, E to J", .size = 4, .count = 9 },
    { CONFIG_PMREGMISC, "PMREGMISC", "miscellaneous", .writable = PMIOSE,
      .wrote = wrote_place },
    { CONFIG_SMBBA, "SMBBA", "SMBus base address", .size = 4, .reset = PCI_BASE_IO,
      .writable = 0xfff0, .wrote = wrote_place },
    { CONFIG_SMBHSTCFG, "SMBHSTCFG", "SMBus host configuration", .reset = 0x09,
      .writable = 0x0f, .wrote = wrote_place },
    { 0xd3, "SMBSLVC", "SMBus slave command" },
    { 0xd4, "SMBSHDW", "SMBus slave shadow ports", .count = 2 },
    { 0xd6, "SMBREV", "SMBus revision", .access = REG_RO },
};

static const Property pm_properties[] = {
    { .name = "smb_io_base", .description = "where the SMBus host lies after reset; 0: nowhere",
      .field = FIELD_OF(Piix4Pm, smb_io_base), .flags = PROPERTY_HEX },
    { .name = "disable_s3", .description = "no suspend to RAM",
      .field = FIELD_OF(Piix4Pm, disable_s3), .max = 1 },
    { .name = "disable_s4", .description = "no suspend to disk",
      .field = FIELD_OF(Piix4Pm, disable_s4), .max = 1 },
    { .name = "smm-enabled", .description = "processors have a system management mode",
      .field = FIELD_OF(Piix4Pm, smm_enabled) },
    { .name = "s4_val", .description = "the sleep type of suspend to disk",
      .field = FIELD_OF(Piix4Pm, s4_val), .def.u = 2, .max = 7 },
};

static const PinInfo pm_pins[] = {
    [PIIX4_PIN_SCI] = { .name = "sci", .description = "system control interrupt",
                        .direction = PIN_OUT },
    [PIIX4_PIN_SMI] = { .name = "smi", .description = "system management interrupt",
                        .direction = PIN_OUT },
    [PIIX4_PIN_RTC] = { .name = "rtc", .description = "alarm of the real-time clock",
                        .direction = PIN_IN, .set = rtc_set },
    [PIIX4_PIN_GPI] = { .name = "gpi", .description = "THRM, USB, GPI1, RI, LID",
                        .direction = PIN_IN, .count = GP_LINES, .set = gpi_set },
};

static const TimerInfo pm_timers[] = {
    { "overflow", FIELD_OF(Piix4Pm, overflow), overflow_expired },
};

static const StateInfo pm_state[] = {
    { .name = "next_toggle", FIELD(Piix4Pm, next_toggle) },
    { .name = "smbus_block", FIELD_ARRAY(Piix4Pm, smbus.block) },
    { .name = "smbus_block_index", FIELD(Piix4Pm, smbus.block_index), .max = SMBUS_BLOCK_MAX },
};

static const TransientInfo pm_transient[] = {
    { FIELD(Piix4Pm, bus), "made with the device" },
};

static const BusInfo pm_buses[] = { { "i2c", "i2c-bus" } };

static const PciInfo pm_info = {
    .vendor = 0x8086, .device = 0x7113, .revision = 0x03, .class_code = 0x068000,
    .interrupt_pin = 1, .status = PCI_STATUS_DEVSEL_MEDIUM | PCI_STATUS_FAST_BACK,
    .config = TABLE(pm_config), .configure = pm_configure,
};

const DeviceType piix4_pm_type = {
    .name = "PIIX4_PM", .parent = "pci-device", .bus = "PCI", .compatible = "intel,piix4-pm",
    .description = "PM", .size = sizeof(Piix4Pm), .board_only = true,
    .properties = TABLE(pm_properties), .banks = TABLE(pm_banks), .pins = TABLE(pm_pins),
    .timers = TABLE(pm_timers), .state = TABLE(pm_state), .transient = TABLE(pm_transient),
    .buses = TABLE(pm_buses), .pci = &pm_info, .prepare = pm_prepare, .realize = pm_realize,
    .unrealize = pm_unrealize, .reset = pm_reset, .post_load = pm_post_load,
    .update = pm_update,
};
