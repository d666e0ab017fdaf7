/* SPDX-License-Identifier: MIT */
#include "hw/rtc/mc146818.h"

#include "base/log.h"
#include "hw/core/machine.h"
#include "hw/rtc/calendar.h"
#include "hw/timer/ticks.h"

enum { A_UIP = 0x80, A_DIVIDER = 0x70, A_RATE = 0x0f, DIVIDER_32KHZ = 0x20, DIVIDER_RESET = 0x60 };
enum { B_SET = 0x80, B_PIE = 0x40, B_AIE = 0x20, B_UIE = 0x10, B_SQWE = 0x08, B_DM = 0x04,
       B_24H = 0x02, B_DSE = 0x01 };
enum { C_IRQF = 0x80, C_PF = 0x40, C_AF = 0x20, C_UF = 0x10 };
enum { D_VRT = 0x80 };
enum { HOURS_PM = 0x80, ALARM_ANY = 0xc0 };
enum { CLOCK_HOST, CLOCK_RT, CLOCK_VM };
enum { TICKS_DISCARD, TICKS_SLEW };

#define SECOND         NANOSECONDS_PER_SECOND
#define CRYSTAL_HZ     32768
/* From UIP to the end of the update: table 2 of the data sheet, at 32.768 kHz. */
#define UPDATE_NS      (244000 + 1984000)
#define MOST_LOST      8192u

typedef struct Rtc {
    Device device;
    /* properties */
    uint16_t iobase;
    uint8_t irq, tick_policy, clock_source;
    int32_t base_year;
    char *base;
    /* state */
    uint8_t index;
    uint8_t cmos[RTC_BYTES];
    int64_t stamp;         /* the source's time at which the time bytes became what they are */
    int64_t phase;         /* ns since the stamp, when the state is saved */
    int64_t last_tick;     /* crystal ticks of virtual time up to which PF is known */
    uint32_t lost_ticks;
    bool touched;          /* the guest wrote the time, and nobody was told */
    bool inhibited;
    Timer periodic, update;
    /* not saved */
    int64_t reference;     /* ns from the source's time to the time the machine started with */
    struct Rtc *next;
} Rtc;

#define RTC(pointer) ((Rtc *)(pointer))

static Rtc *all_clocks;

/* ---- the source of time ---- */

static int64_t source_now(const Rtc *rtc)
{
    static const TimeClock clocks[] = {
        [CLOCK_HOST] = TIME_HOST, [CLOCK_RT] = TIME_REAL, [CLOCK_VM] = TIME_VIRTUAL,
    };

    return time_now(clocks[rtc->clock_source]);
}

static bool divider_runs(const Rtc *rtc)
{
    return (rtc->cmos[RTC_A] & A_DIVIDER) == DIVIDER_32KHZ;
}

static bool updates(const Rtc *rtc)
{
    return divider_runs(rtc) && !(rtc->cmos[RTC_B] & B_SET);
}

/* ---- bytes and time ---- */

static unsigned from_byte(const Rtc *rtc, uint8_t byte)
{
    return rtc->cmos[RTC_B] & B_DM ? byte : (byte >> 4) * 10 + (byte & 0xf);
}

static uint8_t to_byte(const Rtc *rtc, unsigned number)
{
    return rtc->cmos[RTC_B] & B_DM ? number : (number / 10 % 10) << 4 | number % 10;
}

static unsigned hours_from_byte(const Rtc *rtc, uint8_t byte)
{
    if (rtc->cmos[RTC_B] & B_24H) {
        return from_byte(rtc, byte);
    }
    return from_byte(rtc, byte & ~HOURS_PM) % 12 + (byte & HOURS_PM ? 12 : 0);
}

static uint8_t hours_to_byte(const Rtc *rtc, unsigned hours)
{
    if (rtc->cmos[RTC_B] & B_24H) {
        return to_byte(rtc, hours);
    }
    return to_byte(rtc, hours % 12 ? hours % 12 : 12) | (hours >= 12 ? HOURS_PM : 0);
}

static int64_t shown_seconds(const Rtc *rtc)
{
    const uint8_t *cmos = rtc->cmos;
    unsigned year = from_byte(rtc, cmos[RTC_YEAR]);
    /* The century is BCD whatever DM says; firmware and kernels take it so. */
    unsigned century = (cmos[CMOS_CENTURY] >> 4) * 10 + (cmos[CMOS_CENTURY] & 0xf);
    CalendarTime time = {
        .year = rtc->base_year ? rtc->base_year + (int)year : (int)(century * 100 + year),
        .month = from_byte(rtc, cmos[RTC_MONTH]), .day = from_byte(rtc, cmos[RTC_DAY]),
        .hour = hours_from_byte(rtc, cmos[RTC_HOURS]),
        .minute = from_byte(rtc, cmos[RTC_MINUTES]),
        .second = from_byte(rtc, cmos[RTC_SECONDS]),
    };

    return calendar_to_seconds(&time);
}

static void show_seconds(Rtc *rtc, int64_t seconds)
{
    CalendarTime time = calendar_from_seconds(seconds);
    int year = ((time.year - rtc->base_year) % 100 + 100) % 100;

    rtc->cmos[RTC_SECONDS] = to_byte(rtc, time.second);
    rtc->cmos[RTC_MINUTES] = to_byte(rtc, time.minute);
    rtc->cmos[RTC_HOURS] = hours_to_byte(rtc, time.hour);
    rtc->cmos[RTC_DAY] = to_byte(rtc, time.day);
    rtc->cmos[RTC_MONTH] = to_byte(rtc, time.month);
    rtc->cmos[RTC_YEAR] = to_byte(rtc, year);
    rtc->cmos[CMOS_CENTURY] = (time.year / 1000) << 4 | time.year / 100 % 10;
}

static void show_weekday(Rtc *rtc, int64_t weekday)
{
    rtc->cmos[RTC_WEEKDAY] = to_byte(rtc, ((weekday - 1) % 7 + 7) % 7 + 1);
}

/* ---- the alarm ---- */

static bool alarm_any(uint8_t byte)
{
    return (byte & ALARM_ANY) == ALARM_ANY;
}

/* Seconds from a time of day to the alarm after it, 1 to 86400; 0: it never comes. */
static unsigned seconds_to_alarm(const Rtc *rtc, unsigned now)
{
    const uint8_t *cmos = rtc->cmos;
    bool any_hour = alarm_any(cmos[RTC_HOURS_ALARM]);
    bool any_minute = alarm_any(cmos[RTC_MINUTES_ALARM]);
    bool any_second = alarm_any(cmos[RTC_SECONDS_ALARM]);
    unsigned hour = hours_from_byte(rtc, cmos[RTC_HOURS_ALARM]);
    unsigned minute = from_byte(rtc, cmos[RTC_MINUTES_ALARM]);
    unsigned second = from_byte(rtc, cmos[RTC_SECONDS_ALARM]);
    unsigned ahead = 1;

    while (ahead <= SECONDS_PER_DAY) {
        unsigned time = (now + ahead) % SECONDS_PER_DAY;
        if (!any_hour && time / 3600 != hour) {
            ahead += 3600 - time % 3600;
        } else if (!any_minute && time / 60 % 60 != minute) {
            ahead += 60 - time % 60;
        } else if (!any_second && time % 60 != second) {
            ahead++;
        } else {
            return ahead;
        }
    }
    return 0;
}

static unsigned time_of_day(int64_t seconds)
{
    return ((seconds % SECONDS_PER_DAY) + SECONDS_PER_DAY) % SECONDS_PER_DAY;
}

/* ---- catching up ---- */

static void advance(Rtc *rtc, int64_t seconds)
{
    int64_t before = shown_seconds(rtc), after = before + seconds;
    unsigned alarm = seconds_to_alarm(rtc, time_of_day(before));
    int64_t days = (after - time_of_day(after) - before + time_of_day(before)) / SECONDS_PER_DAY;

    if (seconds > 0) {
        rtc->cmos[RTC_C] |= C_UF;
        rtc->cmos[RTC_C] |= alarm && alarm <= seconds ? C_AF : 0;
    }
    show_seconds(rtc, after);
    show_weekday(rtc, from_byte(rtc, rtc->cmos[RTC_WEEKDAY]) + days % 7);
}

/* The time bytes become those of now. The host's clock may have been set back. */
static void catch_up(Rtc *rtc)
{
    int64_t passed = source_now(rtc) - rtc->stamp;
    int64_t seconds = passed / SECOND - (passed % SECOND < 0);

    if (divider_runs(rtc) && seconds) {
        if (updates(rtc)) {
            advance(rtc, seconds);
        }
        rtc->stamp += seconds * SECOND;
    }
}

static int64_t crystal_ticks(void)
{
    return ticks_elapsed(0, time_virtual(), CRYSTAL_HZ);
}

/* Of the periodic interrupt, in crystal ticks; 0: none. Table 5 of the data sheet. */
static int64_t periodic_ticks(const Rtc *rtc)
{
    unsigned rate = rtc->cmos[RTC_A] & A_RATE;

    if (!rate || !divider_runs(rtc)) {
        return 0;
    }
    return 1ll << (rate < 3 ? rate + 6 : rate - 1);
}

static void catch_up_periodic(Rtc *rtc)
{
    int64_t tick = crystal_ticks(), period = periodic_ticks(rtc), passed;

    passed = period ? tick / period - rtc->last_tick / period : 0;
    rtc->last_tick = tick;
    if (passed <= 0) {
        return;
    }
    if (!(rtc->cmos[RTC_C] & C_PF)) {
        rtc->cmos[RTC_C] |= C_PF;
        passed--;
    }
    if (rtc->tick_policy == TICKS_SLEW && (rtc->cmos[RTC_B] & B_PIE)) {
        rtc->lost_ticks = MIN(rtc->lost_ticks + (uint64_t)passed, MOST_LOST);
    }
}

/* ---- interrupts and timers ---- */

static uint8_t pending(const Rtc *rtc)
{
    /* PF, AF and UF lie where PIE, AIE and UIE do. */
    return rtc->cmos[RTC_C] & rtc->cmos[RTC_B] & (C_PF | C_AF | C_UF);
}

static void arm_periodic(Rtc *rtc)
{
    int64_t period = periodic_ticks(rtc);

    /* While PF waits to be read, the next one changes nothing that could be seen. */
    if (!period || !(rtc->cmos[RTC_B] & B_PIE) || (rtc->cmos[RTC_C] & C_PF)) {
        timer_cancel(&rtc->periodic);
    } else if (!timer_armed(&rtc->periodic)) {
        timer_set_moment(&rtc->periodic,
                         ticks_time(0, (rtc->last_tick / period + 1) * period, CRYSTAL_HZ));
    }
}

static void arm_update(Rtc *rtc)
{
    uint8_t wanted = rtc->cmos[RTC_B] & ~rtc->cmos[RTC_C] & (B_UIE | B_AIE);
    int64_t seconds = 0;

    timer_cancel(&rtc->update);
    if (!updates(rtc) || !wanted) {
        return;
    }
    seconds = wanted & B_UIE ? 1 : seconds_to_alarm(rtc, time_of_day(shown_seconds(rtc)));
    if (seconds) {
        int64_t wait = rtc->stamp + seconds * SECOND - source_now(rtc);
        timer_set(&rtc->update, time_virtual() + MAX(wait, 1));
    }
}

static void rtc_update(Device *device)
{
    Rtc *rtc = RTC(device);

    rtc->cmos[RTC_C] = (rtc->cmos[RTC_C] & ~C_IRQF) | (pending(rtc) ? C_IRQF : 0);
    pin_set(device, RTC_PIN_IRQ, 0, pending(rtc) && !rtc->inhibited);
    arm_periodic(rtc);
    arm_update(rtc);
}

static void rtc_periodic(Device *device, unsigned unused)
{
    catch_up_periodic(RTC(device));
}

static void rtc_second(Device *device, unsigned unused)
{
    catch_up(RTC(device));
}

static void rtc_inhibit(Device *device, unsigned line, bool level)
{
    RTC(device)->inhibited = level;
}

/* ---- telling of a new time ---- */

static void announce_change(Rtc *rtc)
{
    g_autofree char *path = object_path(OBJECT(rtc));
    GVariantBuilder data;
    int64_t expected = (rtc->reference + source_now(rtc)) / SECOND;

    if (!rtc->touched || !updates(rtc)) {
        return;
    }
    rtc->touched = false;
    g_variant_builder_init(&data, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&data, "{sv}", "offset",
                          g_variant_new_int64(shown_seconds(rtc) - expected));
    g_variant_builder_add(&data, "{sv}", "qom-path", g_variant_new_string(path));
    machine_event("RTC_CHANGE", g_variant_builder_end(&data));
}

/* ---- registers ---- */

static void wrote_time(Device *device, unsigned index, uint64_t old)
{
    RTC(device)->touched = true;
    announce_change(RTC(device));
}

static uint64_t read_a(Device *device, unsigned index)
{
    Rtc *rtc = RTC(device);
    int64_t left = rtc->stamp + SECOND - source_now(rtc);

    return rtc->cmos[RTC_A] | (updates(rtc) && left <= UPDATE_NS ? A_UIP : 0);
}

static void write_a(Device *device, unsigned index, uint64_t value)
{
    Rtc *rtc = RTC(device);
    bool ran = divider_runs(rtc);

    rtc->cmos[RTC_A] = value & ~A_UIP;
    timer_cancel(&rtc->periodic);
    if (!ran && divider_runs(rtc)) {
        /* The first update comes half a second after the divider starts. */
        rtc->stamp = source_now(rtc) - SECOND / 2;
        rtc->last_tick = crystal_ticks();
        announce_change(rtc);
    } else if (!divider_runs(rtc) && (value & DIVIDER_RESET) != DIVIDER_RESET) {
        log_unimplemented("mc146818rtc: divider 0x%02" PRIx64 ": the crystal is of 32.768 kHz",
                          value & A_DIVIDER);
    }
}

static void write_b(Device *device, unsigned index, uint64_t value)
{
    Rtc *rtc = RTC(device);
    uint8_t old = rtc->cmos[RTC_B];
    bool converts = !((old | value) & B_SET) && ((old ^ value) & (B_DM | B_24H));
    int64_t seconds = shown_seconds(rtc);
    unsigned weekday = from_byte(rtc, rtc->cmos[RTC_WEEKDAY]);

    if (value & B_DSE) {
        log_unimplemented("mc146818rtc: daylight saving");
    }
    if (value & B_SET) {
        value &= ~(uint64_t)B_UIE;   /* the data sheet: SET clears it */
    }
    rtc->cmos[RTC_B] = value;
    if (converts) {
        show_seconds(rtc, seconds);
        show_weekday(rtc, weekday);
    }
    if (!(value & B_PIE)) {
        rtc->lost_ticks = 0;
    }
    announce_change(rtc);
}

static uint64_t read_c(Device *device, unsigned index)
{
    Rtc *rtc = RTC(device);
    uint8_t value = (rtc->cmos[RTC_C] & ~C_IRQF) | (pending(rtc) ? C_IRQF : 0);

    rtc->cmos[RTC_C] = 0;
    pin_set(device, RTC_PIN_IRQ, 0, false);
    if (rtc->lost_ticks) {
        rtc->lost_ticks--;
        rtc->cmos[RTC_C] = C_PF;
    }
    return value;
}

/* Registers C and D. With REG_RO their writes would go to the RAM that lies under all. */
static void write_read_only(Device *device, unsigned index, uint64_t value)
{
}

/* Nobody on a PC drives the bus when the index port is read. That is no mistake to log: BIOSes
 * save the port so, around the code of others. */
static uint64_t read_index(Device *device, unsigned index)
{
    return 0xff;
}

static uint64_t read_data(Device *device, unsigned index)
{
    Rtc *rtc = RTC(device);

    catch_up(rtc);
    catch_up_periodic(rtc);
    return device_bank_read(device, RTC_BANK_CMOS, rtc->index, 1);
}

static void write_data(Device *device, unsigned index, uint64_t value)
{
    Rtc *rtc = RTC(device);

    catch_up(rtc);
    catch_up_periodic(rtc);
    device_bank_write(device, RTC_BANK_CMOS, rtc->index, 1, value);
}

/* ---- for the machine ---- */

Device *rtc_find(void)
{
    return all_clocks ? &all_clocks->device : NULL;
}

void rtc_cmos_set(Device *device, uint8_t index, uint8_t value)
{
    g_assert(index > RTC_D && index < RTC_BYTES && index != CMOS_CENTURY);
    RTC(device)->cmos[index] = value;
}

uint8_t rtc_cmos_get(Device *device, uint8_t index)
{
    g_assert(index < RTC_BYTES);
    catch_up(RTC(device));
    return RTC(device)->cmos[index];
}

int64_t rtc_time(Device *device)
{
    catch_up(RTC(device));
    return shown_seconds(RTC(device));
}

/* ---- life ---- */

/* The time to start with, in ns. */
static bool parse_base(const Rtc *rtc, int64_t *ns, GError **error)
{
    int64_t host = time_now(TIME_HOST), seconds;

    if (g_str_equal(rtc->base, "utc")) {
        *ns = host;
    } else if (g_str_equal(rtc->base, "localtime")) {
        g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(host / SECOND);
        *ns = host + g_date_time_get_utc_offset(local) * 1000;
    } else if (calendar_parse(rtc->base, &seconds) && seconds < INT64_MAX / SECOND) {
        *ns = seconds * SECOND;
    } else {
        error_set(error, ERROR_INVALID, "RTC base '%s' is neither 'utc' nor 'localtime' nor a "
                  "date as in '2006-06-17T16:01:21' or '2006-06-17'", rtc->base);
        return false;
    }
    return true;
}

/* With its battery in, the chip has always been running. */
static bool rtc_realize(Device *device, GError **error)
{
    Rtc *rtc = RTC(device), **link = &all_clocks;
    int64_t now = source_now(rtc), start;

    if (!parse_base(rtc, &start, error)) {
        return false;
    }
    rtc->cmos[RTC_A] = DIVIDER_32KHZ | 6;
    rtc->cmos[RTC_B] = B_24H;
    rtc->cmos[RTC_D] = D_VRT;
    rtc->reference = start - now;
    rtc->stamp = now - (start % SECOND + SECOND) % SECOND;
    start -= (start % SECOND + SECOND) % SECOND;
    show_seconds(rtc, start / SECOND);
    show_weekday(rtc, calendar_weekday(start / SECOND) + 1);
    while (*link) {
        link = &(*link)->next;
    }
    *link = rtc;
    return true;
}

static void rtc_unrealize(Device *device)
{
    for (Rtc **link = &all_clocks; *link; link = &(*link)->next) {
        if (*link == RTC(device)) {
            *link = RTC(device)->next;
            break;
        }
    }
}

/* RESET leaves the time, the alarm and the RAM. */
static void rtc_reset(Device *device)
{
    Rtc *rtc = RTC(device);

    catch_up(rtc);
    rtc->cmos[RTC_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    rtc->cmos[RTC_C] = 0;
    rtc->last_tick = crystal_ticks();
    rtc->lost_ticks = 0;
    rtc->inhibited = pin_level(device, RTC_PIN_INHIBIT, 0);
}

static void rtc_pre_save(Device *device)
{
    Rtc *rtc = RTC(device);

    catch_up(rtc);
    catch_up_periodic(rtc);
    rtc->phase = source_now(rtc) - rtc->stamp;
}

static bool rtc_post_load(Device *device, GError **error)
{
    Rtc *rtc = RTC(device);
    int64_t now = source_now(rtc);

    if (rtc->phase < 0 || rtc->phase > SECOND) {
        rtc->phase = 0;   /* the divider was held, and the stamp is old */
    }
    /* Wall time went on meanwhile; the others did not. */
    if (rtc->clock_source != CLOCK_HOST || rtc->stamp > now || rtc->stamp < 0) {
        rtc->stamp = now - rtc->phase;
    }
    rtc->last_tick = crystal_ticks();
    return true;
}

static GVariant *get_date(Object *object, const Property *property)
{
    CalendarTime time = calendar_from_seconds(rtc_time(DEVICE(object)));
    GVariantBuilder date;

    g_variant_builder_init(&date, G_VARIANT_TYPE("a{sv}"));
    g_variant_builder_add(&date, "{sv}", "tm_year", g_variant_new_int64(time.year - 1900));
    g_variant_builder_add(&date, "{sv}", "tm_mon", g_variant_new_int64(time.month - 1));
    g_variant_builder_add(&date, "{sv}", "tm_mday", g_variant_new_int64(time.day));
    g_variant_builder_add(&date, "{sv}", "tm_hour", g_variant_new_int64(time.hour));
    g_variant_builder_add(&date, "{sv}", "tm_min", g_variant_new_int64(time.minute));
    g_variant_builder_add(&date, "{sv}", "tm_sec", g_variant_new_int64(time.second));
    return g_variant_builder_end(&date);
}

/* ---- tables ---- */

static const RegisterInfo port_registers[] = {
    { 0, "INDEX", "which byte the data port shows", FIELD(Rtc, index),
      .read = read_index, .writable = RTC_BYTES - 1 },
    { 1, "DATA", "the byte", .read = read_data, .write = write_data },
};

#define BYTE(n) FIELD(Rtc, cmos[n]), .keep_on_reset = true

static const RegisterInfo cmos_registers[] = {
    { 0x00, "SECONDS", NULL, BYTE(0x00), .wrote = wrote_time },
    { 0x01, "SECONDS_ALARM", NULL, BYTE(0x01) },
    { 0x02, "MINUTES", NULL, BYTE(0x02), .wrote = wrote_time },
    { 0x03, "MINUTES_ALARM", NULL, BYTE(0x03) },
    { 0x04, "HOURS", NULL, BYTE(0x04), .wrote = wrote_time },
    { 0x05, "HOURS_ALARM", NULL, BYTE(0x05) },
    { 0x06, "DAY_OF_WEEK", "1 is Sunday", BYTE(0x06), .wrote = wrote_time },
    { 0x07, "DAY_OF_MONTH", NULL, BYTE(0x07), .wrote = wrote_time },
    { 0x08, "MONTH", NULL, BYTE(0x08), .wrote = wrote_time },
    { 0x09, "YEAR", NULL, BYTE(0x09), .wrote = wrote_time },
    { 0x0a, "A", "update in progress, divider, rate", BYTE(0x0a), .writable = 0x7f,
      .read = read_a, .write = write_a },
    { 0x0b, "B", "modes and interrupt enables", BYTE(0x0b), .write = write_b },
    { 0x0c, "C", "interrupt flags; reading clears them", BYTE(0x0c),
      .read = read_c, .write = write_read_only },
    { 0x0d, "D", "valid RAM and time", BYTE(0x0d), .write = write_read_only },
    { 0x32, "CENTURY", NULL, BYTE(0x32), .wrote = wrote_time },
    { 0x37, "CENTURY_PS2", "the same byte", BYTE(0x32), .wrote = wrote_time },
    { 0x00, "CMOS", "battery-backed RAM, the above included", FIELD_ARRAY(Rtc, cmos),
      .keep_on_reset = true },
};

static const BankInfo rtc_banks[] = {
    [RTC_BANK_PORTS] = { "rtc", "index and data", .space = SPACE_IO, .size = 2, .hole = 0xff,
                         .registers = TABLE(port_registers), .base_property = "iobase" },
    [RTC_BANK_CMOS] = { "cmos", "what the index selects", .size = RTC_BYTES, .internal = true,
                        .registers = TABLE(cmos_registers) },
};

static const PinInfo rtc_pins[] = {
    [RTC_PIN_IRQ] = { "irq", "periodic, alarm and update interrupts", PIN_OUT,
                      .line_property = "irq" },
    [RTC_PIN_INHIBIT] = { "inhibit", "high: irq is held low (HPET legacy replacement)", PIN_IN,
                          .set = rtc_inhibit },
};

static const char *const policy_names[] = { "discard", "slew", NULL };
static const char *const clock_names[] = { "host", "rt", "vm", NULL };

static const Property rtc_properties[] = {
    { .name = "base_year", .description = "year that 0 in the year register is; 0: by the century",
      .field = FIELD_OF(Rtc, base_year), .min = 0, .max = 9900 },
    { .name = "iobase", .description = "I/O port of the index", .field = FIELD_OF(Rtc, iobase),
      .def.u = 0x70, .flags = PROPERTY_HEX },
    { .name = "irq", .description = "interrupt line", .field = FIELD_OF(Rtc, irq), .def.u = 8 },
    { .name = "lost_tick_policy", .description = "what becomes of periodic interrupts that "
      "come before the last one was read", .field = FIELD_OF(Rtc, tick_policy),
      .values = policy_names },
    { .name = "base", .description = "time at start: utc, localtime or a date",
      .field = FIELD_OF(Rtc, base), .def.s = "utc" },
    { .name = "clock", .description = "what moves the time", .field = FIELD_OF(Rtc, clock_source),
      .values = clock_names },
    { .name = "date", .description = "the time that it shows", .type_name = "struct tm",
      .get = get_date, .flags = PROPERTY_READ_ONLY },
};

static const TimerInfo rtc_timers[] = {
    { "periodic", FIELD(Rtc, periodic), .expired = rtc_periodic },
    { "update", FIELD(Rtc, update), .expired = rtc_second },
};

static const StateInfo rtc_state[] = {
    { "cmos", FIELD_ARRAY(Rtc, cmos) },
    { "stamp", FIELD(Rtc, stamp) },
    { "phase", FIELD(Rtc, phase) },
    { "last_tick", FIELD(Rtc, last_tick), .max = INT64_MAX },
    { "lost_ticks", FIELD(Rtc, lost_ticks), .max = MOST_LOST },
    { "touched", FIELD(Rtc, touched) },
    { "inhibited", FIELD(Rtc, inhibited) },
};

static const TransientInfo rtc_transient[] = {
    { FIELD_OF(Rtc, reference), "from the properties" },
    { FIELD_OF(Rtc, next), "list of all of them" },
};

const DeviceType mc146818_type = {
    .name = "mc146818rtc", .parent = "isa-device", .size = sizeof(Rtc),
    .description = "MC146818A real-time clock with CMOS RAM",
    .compatible = "motorola,mc146818", .bus = "ISA", .board_only = true,
    .properties = TABLE(rtc_properties), .banks = TABLE(rtc_banks), .pins = TABLE(rtc_pins),
    .timers = TABLE(rtc_timers), .state = TABLE(rtc_state), .transient = TABLE(rtc_transient),
    .realize = rtc_realize, .unrealize = rtc_unrealize, .reset = rtc_reset,
    .update = rtc_update, .pre_save = rtc_pre_save, .post_load = rtc_post_load,
};
