/* SPDX-License-Identifier: MIT */
/*
 * The registers as debuggers see them: "Debugging with GDB", G.5 "i386 Features" for the names
 * that the standard features must have. The numbers are those of QEMU's description, so clients
 * that count on them find what they expect; segment bases and system registers stand among them.
 *
 * Outside of 64-bit code general registers are 32 bits wide: the upper halves read as 0.
 */
#include <string.h>

#include "arch/x86/cpu.h"
#include "arch/x86/state.h"
#include "base/bits.h"

typedef enum Special {
    PLAIN,
    GENERAL,    /* 32 bits outside of 64-bit code */
    SELECTOR,
    TAGS,       /* of the x87, two bits each */
    LOW,        /* the low 32 bits of an x87 pointer … */
    HIGH,       /* … and what 32-bit FXSAVE has as its segment */
} Special;

typedef struct DebugRegister {
    const char *name;       /* "xmm%u" when there is more than one */
    const char *own;        /* in x86_registers[] or an MSR, the same form; NULL: the name */
    const char *type;       /* GDB's, or one of types[] */
    const char *group;      /* NULL: GDB's choice by type */
    uint8_t bytes;
    uint8_t count;          /* 0 means 1 */
    uint8_t special;
} DebugRegister;

#define GPR(name) { name, NULL, "int64", NULL, 8, 0, GENERAL }
#define SEGMENT(name) { name, NULL, "int32", NULL, 4, 0, SELECTOR }

static const DebugRegister core[] = {
    GPR("rax"), GPR("rbx"), GPR("rcx"), GPR("rdx"), GPR("rsi"), GPR("rdi"),
    { "rbp", NULL, "data_ptr", NULL, 8, 0, GENERAL },
    { "rsp", NULL, "data_ptr", NULL, 8, 0, GENERAL },
    GPR("r8"), GPR("r9"), GPR("r10"), GPR("r11"), GPR("r12"), GPR("r13"), GPR("r14"), GPR("r15"),
    { "rip", NULL, "code_ptr", NULL, 8, 0, GENERAL },
    { "eflags", "rflags", "x64_eflags", NULL, 4 },
    SEGMENT("cs"), SEGMENT("ss"), SEGMENT("ds"), SEGMENT("es"), SEGMENT("fs"), SEGMENT("gs"),
    { "fs_base", NULL, "int64", NULL, 8 },
    { "gs_base", NULL, "int64", NULL, 8 },
    { "k_gs_base", "kernel_gs_base", "int64", NULL, 8 },
    { "cr0", NULL, "x64_cr0", "system", 8 },
    { "cr2", NULL, "int64", "system", 8 },
    { "cr3", NULL, "int64", "system", 8 },
    { "cr4", NULL, "x64_cr4", "system", 8 },
    { "cr8", NULL, "int64", "system", 8 },
    { "efer", NULL, "x64_efer", "system", 8 },
    { "st%u", NULL, "i387_ext", NULL, 10, 8 },
    { "fctrl", "fcw", "int", "float", 4 },
    { "fstat", "fsw", "int", "float", 4 },
    { "ftag", "ftw", "int", "float", 4, 0, TAGS },
    { "fiseg", "fip", "int", "float", 4, 0, HIGH },
    { "fioff", "fip", "int", "float", 4, 0, LOW },
    { "foseg", "fdp", "int", "float", 4, 0, HIGH },
    { "fooff", "fdp", "int", "float", 4, 0, LOW },
    { "fop", NULL, "int", "float", 4 },
    { 0 },
};

static const DebugRegister sse[] = {
    { "xmm%u", NULL, "vec128", NULL, 16, 16 },
    { "mxcsr", NULL, "x64_mxcsr", "vector", 4 },
    { 0 },
};

static const DebugRegister avx[] = {
    { "ymm%uh", "ymmh%u", "uint128", NULL, 16, 16 },
    { 0 },
};

typedef struct DebugFeature {
    const char *name;
    const DebugRegister *registers;
    uint8_t component;      /* of extended state, which the CPU must have */
} DebugFeature;

static const DebugFeature features[] = {
    { "org.gnu.gdb.i386.core", core, 0 },
    { "org.gnu.gdb.i386.sse", sse, 1 },
    { "org.gnu.gdb.i386.avx", avx, 2 },
};

/* ---- types ---- */

typedef struct DebugFlag {
    const char *name;
    uint8_t first, last;
} DebugFlag;

typedef struct DebugType {
    const char *name;
    uint8_t bytes;
    const DebugFlag *flags;
} DebugType;

/* SDM volume 1, 3.4.3; volume 3, 2.5; volume 4 (IA32_EFER); volume 1, 10.2.3. */
static const DebugType types[] = {
    { "x64_eflags", 4, (const DebugFlag[]){
        { "CF", 0, 0 }, { "PF", 2, 2 }, { "AF", 4, 4 }, { "ZF", 6, 6 }, { "SF", 7, 7 },
        { "TF", 8, 8 }, { "IF", 9, 9 }, { "DF", 10, 10 }, { "OF", 11, 11 }, { "IOPL", 12, 13 },
        { "NT", 14, 14 }, { "RF", 16, 16 }, { "VM", 17, 17 }, { "AC", 18, 18 },
        { "VIF", 19, 19 }, { "VIP", 20, 20 }, { "ID", 21, 21 }, { 0 } } },
    { "x64_cr0", 8, (const DebugFlag[]){
        { "PE", 0, 0 }, { "MP", 1, 1 }, { "EM", 2, 2 }, { "TS", 3, 3 }, { "ET", 4, 4 },
        { "NE", 5, 5 }, { "WP", 16, 16 }, { "AM", 18, 18 }, { "NW", 29, 29 }, { "CD", 30, 30 },
        { "PG", 31, 31 }, { 0 } } },
    { "x64_cr4", 8, (const DebugFlag[]){
        { "VME", 0, 0 }, { "PVI", 1, 1 }, { "TSD", 2, 2 }, { "DE", 3, 3 }, { "PSE", 4, 4 },
        { "PAE", 5, 5 }, { "MCE", 6, 6 }, { "PGE", 7, 7 }, { "PCE", 8, 8 }, { "OSFXSR", 9, 9 },
        { "OSXMMEXCPT", 10, 10 }, { "UMIP", 11, 11 }, { "LA57", 12, 12 }, { "VMXE", 13, 13 },
        { "SMXE", 14, 14 }, { "FSGSBASE", 16, 16 }, { "PCIDE", 17, 17 }, { "OSXSAVE", 18, 18 },
        { "SMEP", 20, 20 }, { "SMAP", 21, 21 }, { "PKE", 22, 22 }, { 0 } } },
    { "x64_efer", 8, (const DebugFlag[]){
        { "SCE", 0, 0 }, { "LME", 8, 8 }, { "LMA", 10, 10 }, { "NXE", 11, 11 },
        { "SVME", 12, 12 }, { "LMSLE", 13, 13 }, { "FFXSR", 14, 14 }, { "TCE", 15, 15 }, { 0 } } },
    { "x64_mxcsr", 4, (const DebugFlag[]){
        { "IE", 0, 0 }, { "DE", 1, 1 }, { "ZE", 2, 2 }, { "OE", 3, 3 }, { "UE", 4, 4 },
        { "PE", 5, 5 }, { "DAZ", 6, 6 }, { "IM", 7, 7 }, { "DM", 8, 8 }, { "ZM", 9, 9 },
        { "OM", 10, 10 }, { "UM", 11, 11 }, { "PM", 12, 12 }, { "FZ", 15, 15 }, { 0 } } },
};

/* What vec128 can be read as. */
static const struct {
    const char *field, *element;
    unsigned count;
} lanes[] = {
    { "v4_float", "ieee_single", 4 }, { "v2_double", "ieee_double", 2 },
    { "v16_int8", "int8", 16 },       { "v8_int16", "int16", 8 },
    { "v4_int32", "int32", 4 },       { "v2_int64", "int64", 2 },
};

static void describe_type(const char *name, GString *out)
{
    if (g_str_equal(name, "vec128")) {
        for (unsigned i = 0; i < G_N_ELEMENTS(lanes); i++) {
            g_string_append_printf(out, "<vector id=\"%s\" type=\"%s\" count=\"%u\"/>\n",
                                   lanes[i].field, lanes[i].element, lanes[i].count);
        }
        g_string_append(out, "<union id=\"vec128\">\n");
        for (unsigned i = 0; i < G_N_ELEMENTS(lanes); i++) {
            g_string_append_printf(out, "<field name=\"%s\" type=\"%s\"/>\n", lanes[i].field,
                                   lanes[i].field);
        }
        g_string_append(out, "<field name=\"uint128\" type=\"uint128\"/>\n</union>\n");
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(types); i++) {
        if (g_str_equal(name, types[i].name)) {
            g_string_append_printf(out, "<flags id=\"%s\" size=\"%u\">\n", name, types[i].bytes);
            for (const DebugFlag *flag = types[i].flags; flag->name; flag++) {
                g_string_append_printf(out, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>\n",
                                       flag->name, flag->first, flag->last);
            }
            g_string_append(out, "</flags>\n");
        }
    }
}

/* ---- the table ---- */

static X86CpuState *state_of(Cpu *cpu)
{
    return ((X86Cpu *)cpu)->registers;
}

static bool has_feature(const X86CpuState *state, const DebugFeature *feature)
{
    return feature->component < 2 || state->xsave_offset[feature->component];
}

static unsigned repeats(const DebugRegister *row)
{
    return MAX(row->count, 1);
}

/* The name of one of a row's registers: "%u" in the row's is its number. */
static char *name_of(const char *form, unsigned number)
{
    g_auto(GStrv) parts = g_strsplit(form, "%u", 2);

    return parts[1] ? g_strdup_printf("%s%u%s", parts[0], number, parts[1]) : g_strdup(form);
}

static const DebugRegister *find(const X86CpuState *state, unsigned number, unsigned *which)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        if (!has_feature(state, &features[i])) {
            continue;
        }
        for (const DebugRegister *row = features[i].registers; row->name; row++) {
            if (number < repeats(row)) {
                *which = number;
                return row;
            }
            number -= repeats(row);
        }
    }
    return NULL;
}

static unsigned count(Cpu *cpu)
{
    unsigned n = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        for (const DebugRegister *row = features[i].registers;
             row->name && has_feature(state_of(cpu), &features[i]); row++) {
            n += repeats(row);
        }
    }
    return n;
}

static char *describe(Cpu *cpu)
{
    GString *out = g_string_new("<?xml version=\"1.0\"?>\n"
                                "<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target>\n"
                                "<architecture>i386:x86-64</architecture>\n");
    unsigned number = 0;

    for (unsigned i = 0; i < G_N_ELEMENTS(features); i++) {
        if (!has_feature(state_of(cpu), &features[i])) {
            continue;
        }
        g_string_append_printf(out, "<feature name=\"%s\">\n", features[i].name);
        for (const DebugRegister *row = features[i].registers; row->name; row++) {
            describe_type(row->type, out);
            for (unsigned n = 0; n < repeats(row); n++) {
                g_autofree char *name = name_of(row->name, n);
                g_string_append_printf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" "
                                       "regnum=\"%u\"", name, row->bytes * 8, row->type, number++);
                if (row->group) {
                    g_string_append_printf(out, " group=\"%s\"", row->group);
                }
                g_string_append(out, "/>\n");
            }
        }
        g_string_append(out, "</feature>\n");
    }
    g_string_append(out, "</target>\n");
    return g_string_free(out, FALSE);
}

/* ---- values ---- */

static const X86Register *own_register(const DebugRegister *row, unsigned which, char **name)
{
    *name = name_of(row->own ? row->own : row->name, which);
    return x86_register_find(*name);
}

/* SDM volume 1, 8.1.7 and 10.5.1: from a bit for each register that is in use. */
static uint16_t full_tags(const X86CpuState *state, uint8_t used)
{
    unsigned top = load_le(state->xsave + 2, 2) >> 11 & 7;
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        const uint8_t *at = state->xsave + 32 + 16 * ((i - top) & 7);
        uint64_t mantissa = load_le(at, 8);
        unsigned exponent = load_le(at + 8, 2) & 0x7fff;
        unsigned tag = !(used >> i & 1) ? 3 : !exponent && !mantissa ? 1
                       : !exponent || exponent == 0x7fff || !(mantissa >> 63) ? 2 : 0;
        tags |= tag << 2 * i;
    }
    return tags;
}

static uint8_t abridged_tags(uint16_t tags)
{
    uint8_t used = 0;

    for (unsigned i = 0; i < 8; i++) {
        used |= ((tags >> 2 * i & 3) != 3) << i;
    }
    return used;
}

static unsigned get(Cpu *cpu, unsigned number, uint8_t *bytes)
{
    X86CpuState *state = state_of(cpu);
    unsigned which = 0;
    const DebugRegister *row = find(state, number, &which);
    g_autofree char *name = NULL;
    const X86Register *reg;
    uint64_t value = 0;
    const void *at;

    g_assert(row);
    reg = own_register(row, which, &name);
    memset(bytes, 0, row->bytes);
    if (reg && reg->width > 8) {
        at = x86_register_pointer(state, reg);
        if (at) {
            memcpy(bytes, at, row->bytes);
        }
        return row->bytes;
    }
    (void)x86_cpu_get_register(state, name, &value);
    switch (row->special) {
    case GENERAL:
        value = x86_cpu_in_64bit_code(state) ? value : (uint32_t)value;
        break;
    case TAGS:
        value = full_tags(state, value);
        break;
    case LOW:
        value = (uint32_t)value;
        break;
    case HIGH:
        value = value >> 32 & 0xffff;
        break;
    }
    store_le(bytes, value, row->bytes);
    return row->bytes;
}

/* What is written is not in its initial state any more. */
static void touch(X86CpuState *state, unsigned component)
{
    uint64_t present = load_le(state->xsave + 512, 8);

    store_le(state->xsave + 512, present | 1ull << component, 8);
}

static uint64_t special_value(const X86CpuState *state, const DebugRegister *row, uint64_t old,
                              uint64_t value)
{
    switch (row->special) {
    case GENERAL:
        return x86_cpu_in_64bit_code(state) ? value : (uint32_t)value;
    case SELECTOR:
        return value & 0xffff;
    case TAGS:
        return abridged_tags(value);
    case LOW:
        return (old & ~0xffffffffull) | (uint32_t)value;
    case HIGH:
        return (old & ~(0xffffull << 32)) | (value & 0xffff) << 32;
    default:
        return value;
    }
}

static bool set(Cpu *cpu, unsigned number, const uint8_t *bytes, unsigned length)
{
    X86CpuState *state = state_of(cpu);
    unsigned which = 0;
    const DebugRegister *row = find(state, number, &which);
    uint8_t whole[CPU_REGISTER_MAX] = { 0 };
    g_autofree char *name = NULL;
    const X86Register *reg;
    uint64_t old = 0, value;
    void *at;

    g_assert(row);
    reg = own_register(row, which, &name);
    memcpy(whole, bytes, MIN(length, row->bytes));
    if (reg && reg->component >= 0) {
        touch(state, reg->component);
    }
    if (reg && reg->width > 8) {
        at = x86_register_pointer(state, reg);
        if (at) {
            memcpy(at, whole, row->bytes);
        }
        return at;
    }
    if (!x86_cpu_get_register(state, name, &old)) {
        return false;
    }
    value = special_value(state, row, old, load_le(whole, MIN(row->bytes, 8)));
    if (!x86_cpu_set_register(state, name, value)) {
        return false;
    }
    /* In real and virtual-8086 mode the selector is the base (SDM volume 3, 21.1.1). */
    if (row->special == SELECTOR && (!(state->cr0 & X86_CR0_PE) ||
                                     state->rflags & X86_RFLAGS_VM)) {
        state->segment[(reg->number / 4)].base = value << 4;
    }
    return true;
}

const CpuRegisterOps x86_register_ops = {
    .count = count, .get = get, .set = set, .describe = describe,
};
