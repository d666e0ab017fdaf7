/* SPDX-License-Identifier: MIT */
#include "accel/qtest/commands.h"

#include <stdlib.h>
#include <string.h>

#include "hw/core/machine.h"

/* What one command may read, write or fill. */
#define MAX_TRANSFER (256u << 20)

typedef struct Words {
    char *at[QTEST_MAX_WORDS];
    unsigned count;
} Words;

typedef struct Command Command;
struct Command {
    const char *name;
    unsigned min_words, max_words;   /* with the name */
    unsigned size;                   /* of an access */
    void (*run)(const Command *command, const Words *words, GString *out);
};

static void (*irq_notify)(unsigned line, bool level);

/* ---- words and numbers ---- */

/* As strtoull(3) with base 0 does it, over the whole word. */
static bool number(const char *text, uint64_t *value)
{
    char *end;

    *value = strtoull(text, &end, 0);
    return *text && !*end;
}

static bool numbers(const Words *words, unsigned first, uint64_t *values, unsigned count,
                    GString *out)
{
    for (unsigned i = 0; i < count; i++) {
        if (!number(words->at[first + i], &values[i])) {
            g_string_append_printf(out, "FAIL '%s' is not a number\n", words->at[first + i]);
            return false;
        }
    }
    return true;
}

static void append_hex(GString *out, uint64_t value, unsigned digits)
{
    static const char hex[] = "0123456789abcdef";
    char text[16];

    while (digits < 16 && value >> (4 * digits)) {
        digits++;
    }
    for (unsigned i = 0; i < digits; i++) {
        text[i] = hex[value >> (4 * (digits - 1 - i)) & 15];
    }
    g_string_append_len(out, "OK 0x", 5);
    g_string_append_len(out, text, digits);
    g_string_append_c(out, '\n');
}

static void ok(GString *out)
{
    g_string_append_len(out, "OK\n", 3);
}

/* ---- ports and memory ---- */

static void run_out(const Command *command, const Words *words, GString *out)
{
    uint64_t args[2];

    if (numbers(words, 1, args, 2, out)) {
        address_space_store(machine_io(), args[0] & 0xffff, command->size, ENDIAN_LITTLE,
                            MEMORY_ATTRS_NONE, args[1]);
        ok(out);
    }
}

static void run_in(const Command *command, const Words *words, GString *out)
{
    uint64_t port, value;

    if (numbers(words, 1, &port, 1, out)) {
        address_space_load(machine_io(), port & 0xffff, command->size, ENDIAN_LITTLE,
                           MEMORY_ATTRS_NONE, &value);
        append_hex(out, value, 4);
    }
}

static void run_store(const Command *command, const Words *words, GString *out)
{
    uint64_t args[2];

    if (numbers(words, 1, args, 2, out)) {
        address_space_store(machine_memory(), args[0], command->size, ENDIAN_LITTLE,
                            MEMORY_ATTRS_NONE, args[1]);
        ok(out);
    }
}

static void run_load(const Command *command, const Words *words, GString *out)
{
    uint64_t address, value;

    if (numbers(words, 1, &address, 1, out)) {
        address_space_load(machine_memory(), address, command->size, ENDIAN_LITTLE,
                           MEMORY_ATTRS_NONE, &value);
        append_hex(out, value, 16);
    }
}

static bool transfer(const Words *words, uint64_t *args, GString *out)
{
    if (!numbers(words, 1, args, 2, out)) {
        return false;
    }
    if (args[1] > MAX_TRANSFER) {
        g_string_append_printf(out, "FAIL %s of %" PRIu64 " bytes: at most %u are taken\n",
                               words->at[0], args[1], MAX_TRANSFER);
        return false;
    }
    return true;
}

static void run_read(const Command *command, const Words *words, GString *out)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t args[2];
    g_autofree uint8_t *data = NULL;

    if (!transfer(words, args, out)) {
        return;
    }
    data = g_malloc(args[1] + 1);
    address_space_read(machine_memory(), args[0], MEMORY_ATTRS_NONE, data, args[1]);
    g_string_append(out, "OK 0x");
    for (uint64_t i = 0; i < args[1]; i++) {
        g_string_append_c(out, hex[data[i] >> 4]);
        g_string_append_c(out, hex[data[i] & 15]);
    }
    g_string_append_c(out, '\n');
}

static void run_write(const Command *command, const Words *words, GString *out)
{
    const char *text = words->at[3];
    uint64_t args[2], length;
    g_autofree uint8_t *data = NULL;

    if (!transfer(words, args, out)) {
        return;
    }
    if (strncmp(text, "0x", 2) || strlen(text + 2) % 2) {
        g_string_append(out, "FAIL the data is not 0x and pairs of hexadecimal digits\n");
        return;
    }
    /* What the data does not reach is written as zero. */
    data = g_malloc0(args[1] + 1);
    length = MIN(strlen(text + 2) / 2, args[1]);
    for (uint64_t i = 0; i < length; i++) {
        int high = g_ascii_xdigit_value(text[2 + 2 * i]);
        int low = g_ascii_xdigit_value(text[3 + 2 * i]);
        if (high < 0 || low < 0) {
            g_string_append(out, "FAIL the data is not 0x and pairs of hexadecimal digits\n");
            return;
        }
        data[i] = high << 4 | low;
    }
    address_space_write(machine_memory(), args[0], MEMORY_ATTRS_NONE, data, args[1]);
    ok(out);
}

static void run_b64read(const Command *command, const Words *words, GString *out)
{
    uint64_t args[2];

    if (transfer(words, args, out)) {
        g_autofree uint8_t *data = g_malloc(args[1] + 1);
        g_autofree char *text = NULL;
        address_space_read(machine_memory(), args[0], MEMORY_ATTRS_NONE, data, args[1]);
        text = g_base64_encode(data, args[1]);
        g_string_append_printf(out, "OK %s\n", text);
    }
}

static void run_b64write(const Command *command, const Words *words, GString *out)
{
    uint64_t args[2];
    gsize length;

    if (transfer(words, args, out)) {
        g_autofree uint8_t *data = g_base64_decode(words->at[3], &length);
        if (length != args[1]) {
            g_string_append_printf(out, "FAIL the data has %zu bytes, not %" PRIu64 "\n",
                                   length, args[1]);
            return;
        }
        address_space_write(machine_memory(), args[0], MEMORY_ATTRS_NONE, data, length);
        ok(out);
    }
}

static void run_memset(const Command *command, const Words *words, GString *out)
{
    uint64_t args[3];

    if (transfer(words, args, out) && numbers(words, 3, args + 2, 1, out)) {
        address_space_fill(machine_memory(), args[0], MEMORY_ATTRS_NONE, args[2], args[1]);
        ok(out);
    }
}

static void run_endianness(const Command *command, const Words *words, GString *out)
{
    g_string_append(out, "OK little\n");
}

/* ---- time ---- */

static void append_time(GString *out)
{
    g_string_append_printf(out, "OK %" PRId64 "\n", time_virtual());
}

static void run_clock_step(const Command *command, const Words *words, GString *out)
{
    int64_t next = time_next_deadline(TIME_VIRTUAL);
    uint64_t step = 0;

    if (words->count > 1) {
        if (!numbers(words, 1, &step, 1, out)) {
            return;
        }
    } else if (next > time_virtual()) {
        step = next - time_virtual();
    }
    if (step > (uint64_t)(INT64_MAX - time_virtual())) {
        g_string_append(out, "FAIL the clock would pass its end\n");
        return;
    }
    time_step_to(time_virtual() + (int64_t)step);
    append_time(out);
}

static void run_clock_set(const Command *command, const Words *words, GString *out)
{
    uint64_t target;

    if (numbers(words, 1, &target, 1, out)) {
        time_step_to(MIN(target, (uint64_t)INT64_MAX));
        append_time(out);
    }
}

/* ---- interrupts and pins ---- */

static Device *intercepted;

static unsigned line_number(const Device *device, unsigned pin, unsigned line)
{
    const PinTable *pins = &device_type(device)->pins;

    for (unsigned i = 0; i < pin; i++) {
        if (pins->at[i].direction == pins->at[pin].direction) {
            line += device_pin_count(device, i);
        }
    }
    return line;
}

static void pin_changed(void *opaque, Device *device, unsigned pin, unsigned line, bool level)
{
    if (irq_notify) {
        irq_notify(line_number(device, pin, line), level);
    }
}

static void intercept_pins(Device *device, PinDirection direction, PinHandler handler)
{
    const PinTable *pins = &device_type(device)->pins;

    for (unsigned i = 0; i < pins->count; i++) {
        if (pins->at[i].direction == direction) {
            pin_intercept(device, i, handler, NULL);
        }
    }
}

static void run_intercept(const Command *command, const Words *words, GString *out)
{
    Device *device = device_find(words->at[1]);

    if (!device) {
        g_string_append(out, "FAIL Unknown device\n");
        return;
    }
    if (intercepted && intercepted != device) {
        g_string_append(out, "FAIL IRQ intercept already enabled\n");
        return;
    }
    object_link_set((Object **)&intercepted, OBJECT(device));
    intercept_pins(device, command->size ? PIN_OUT : PIN_IN, pin_changed);
    ok(out);
}

static int find_pin(Device *device, const char *name, PinDirection direction)
{
    const PinTable *pins = &device_type(device)->pins;

    if (!g_str_has_prefix(name, "unnamed-gpio-")) {
        return device_pin_index(device, name);
    }
    for (unsigned i = 0; i < pins->count; i++) {
        if (pins->at[i].direction == direction) {
            return i;
        }
    }
    return -1;
}

static void run_set_irq_in(const Command *command, const Words *words, GString *out)
{
    Device *device = device_find(words->at[1]);
    uint64_t args[2];
    int pin;

    if (!device) {
        g_string_append(out, "FAIL Unknown device\n");
        return;
    }
    if (!numbers(words, 3, args, 2, out)) {
        return;
    }
    pin = find_pin(device, words->at[2], PIN_IN);
    if (pin < 0 || device_type(device)->pins.at[pin].direction != PIN_IN ||
        args[0] >= device_pin_count(device, pin)) {
        g_string_append_printf(out, "FAIL %s has no input %s line %s\n",
                               device->object.type->name, words->at[2], words->at[3]);
        return;
    }
    pin_drive_external(device, pin, args[0], args[1] != 0);
    ok(out);
}

static void run_pin_read(const Command *command, const Words *words, GString *out)
{
    Device *device = device_find(words->at[1]);
    int pin = device ? device_pin_index(device, words->at[2]) : -1;
    uint64_t line = 0;

    if (words->count > 3 && !numbers(words, 3, &line, 1, out)) {
        return;
    }
    if (pin < 0 || line >= device_pin_count(device, pin)) {
        g_string_append(out, device ? "FAIL Unknown pin\n" : "FAIL Unknown device\n");
        return;
    }
    append_hex(out, pin_level(device, pin, line), 1);
}

/* ---- registers and clocks by name ---- */

static const RegisterInfo *find_register(const Words *words, Device **device, unsigned *bank,
                                         unsigned *index, GString *out)
{
    const char *dot = strchr(words->at[2], '.');
    g_autofree char *bank_name = dot ? g_strndup(words->at[2], dot - words->at[2]) : NULL;
    const RegisterInfo *reg;

    *device = device_find(words->at[1]);
    if (!*device) {
        g_string_append(out, "FAIL Unknown device\n");
        return NULL;
    }
    reg = device_register_find(*device, bank_name, dot ? dot + 1 : words->at[2], bank, index);
    if (!reg) {
        g_string_append_printf(out, "FAIL %s has no register '%s'\n",
                               (*device)->object.type->name, words->at[2]);
    }
    return reg;
}

static void run_register(const Command *command, const Words *words, GString *out)
{
    unsigned bank, index, size;
    Device *device;
    const RegisterInfo *reg = find_register(words, &device, &bank, &index, out);
    const BankInfo *info;
    uint64_t offset, value;

    if (!reg) {
        return;
    }
    info = &device_type(device)->banks.at[bank];
    size = reg->size ? reg->size : MAX(info->width, 1);
    offset = reg->offset + (uint64_t)index * (reg->stride ? reg->stride : size);
    if (command->size) {
        if (numbers(words, 3, &value, 1, out)) {
            device_bank_write(device, bank, offset, size, value);
            device_update(device);
            ok(out);
        }
        return;
    }
    value = device_bank_read(device, bank, offset, size);
    device_update(device);
    append_hex(out, value, 2 * size);
}

static void run_clock_read(const Command *command, const Words *words, GString *out)
{
    Device *device = device_find(words->at[1]);
    int clock = device ? device_clock_index(device, words->at[2]) : -1;

    if (clock < 0) {
        g_string_append(out, device ? "FAIL Unknown clock\n" : "FAIL Unknown device\n");
        return;
    }
    g_string_append_printf(out, "OK %" PRIu64 "\n", clock_frequency(device, clock));
}

static void run_module_load(const Command *command, const Words *words, GString *out)
{
    /* There are no modules: everything is in the program. */
    g_string_append_printf(out, "FAIL\n");
}

/* ---- the table ---- */

static const Command commands[] = {
    { "outb", 3, 3, 1, run_out }, { "outw", 3, 3, 2, run_out }, { "outl", 3, 3, 4, run_out },
    { "inb", 2, 2, 1, run_in }, { "inw", 2, 2, 2, run_in }, { "inl", 2, 2, 4, run_in },
    { "writeb", 3, 3, 1, run_store }, { "writew", 3, 3, 2, run_store },
    { "writel", 3, 3, 4, run_store }, { "writeq", 3, 3, 8, run_store },
    { "readb", 2, 2, 1, run_load }, { "readw", 2, 2, 2, run_load },
    { "readl", 2, 2, 4, run_load }, { "readq", 2, 2, 8, run_load },
    { "read", 3, 3, 0, run_read }, { "write", 4, 4, 0, run_write },
    { "b64read", 3, 3, 0, run_b64read }, { "b64write", 4, 4, 0, run_b64write },
    { "memset", 4, 4, 0, run_memset }, { "endianness", 1, 1, 0, run_endianness },
    { "clock_step", 1, 2, 0, run_clock_step }, { "clock_set", 2, 2, 0, run_clock_set },
    { "irq_intercept_in", 2, 2, 0, run_intercept },
    { "irq_intercept_out", 2, 2, 1, run_intercept },
    { "set_irq_in", 5, 5, 0, run_set_irq_in }, { "module_load", 3, 3, 0, run_module_load },
    { "register_read", 3, 3, 0, run_register }, { "register_write", 4, 4, 1, run_register },
    { "pin_read", 3, 4, 0, run_pin_read }, { "clock_read", 3, 3, 0, run_clock_read },
};

static const Command *find_command(const char *name)
{
    static GHashTable *by_name;

    if (!by_name) {
        by_name = g_hash_table_new(g_str_hash, g_str_equal);
        for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
            g_hash_table_insert(by_name, (char *)commands[i].name, (void *)&commands[i]);
        }
    }
    return g_hash_table_lookup(by_name, name);
}

static bool split(char *line, Words *words)
{
    words->count = 0;
    for (char *p = line;;) {
        while (*p == ' ') {
            p++;
        }
        if (!*p) {
            return true;
        }
        if (words->count == QTEST_MAX_WORDS) {
            return false;
        }
        words->at[words->count++] = p;
        p += strcspn(p, " ");
        if (*p) {
            *p++ = '\0';
        }
    }
}

void qtest_command(char *line, GString *out, void (*irq)(unsigned line, bool level))
{
    const Command *command;
    Words words;

    irq_notify = irq;
    if (!split(line, &words)) {
        g_string_append(out, "FAIL too many words\n");
        return;
    }
    if (!words.count) {
        return;
    }
    command = find_command(words.at[0]);
    if (!command) {
        g_autofree char *shown = g_utf8_make_valid(words.at[0], -1);
        g_string_append_printf(out, "FAIL Unknown command '%s'\n", shown);
    } else if (words.count < command->min_words || words.count > command->max_words) {
        g_string_append_printf(out, "FAIL %s takes %u to %u arguments\n", command->name,
                               command->min_words - 1, command->max_words - 1);
    } else {
        command->run(command, &words, out);
    }
}

void qtest_commands_reset(void)
{
    if (intercepted) {
        intercept_pins(intercepted, PIN_IN, NULL);
        intercept_pins(intercepted, PIN_OUT, NULL);
        object_link_set((Object **)&intercepted, NULL);
    }
}
