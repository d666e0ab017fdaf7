/* SPDX-License-Identifier: MIT */
/* Registers, in the layout that users of QEMU's `info registers` and their scripts know. */
#include "arch/x86/state.h"
#include "arch/x86/xsave.h"
#include "base/bits.h"

#define X16 "%016" G_GINT64_MODIFIER "x"

static void print_flags(GString *out, uint64_t rflags)
{
    static const struct {
        unsigned bit;
        char letter;
    } flags[] = { { 11, 'O' }, { 10, 'D' }, { 7, 'S' }, { 6, 'Z' }, { 4, 'A' }, { 2, 'P' },
                  { 0, 'C' } };
    /* The direction flag stands first. */
    static const unsigned order[] = { 1, 0, 2, 3, 4, 5, 6 };

    g_string_append_c(out, '[');
    for (unsigned i = 0; i < G_N_ELEMENTS(order); i++) {
        unsigned at = order[i];

        g_string_append_c(out, rflags >> flags[at].bit & 1 ? flags[at].letter : '-');
    }
    g_string_append_c(out, ']');
}

static void print_general(const X86CpuState *s, bool wide, GString *out)
{
    static const uint8_t order[] = { X86_RAX, X86_RBX, X86_RCX, X86_RDX, X86_RSI, X86_RDI,
                                     X86_RBP, X86_RSP, X86_R8, X86_R9, X86_R10, X86_R11,
                                     X86_R12, X86_R13, X86_R14, X86_R15 };
    static const char *const names[] = { "AX", "BX", "CX", "DX", "SI", "DI", "BP", "SP",
                                         "8 ", "9 ", "10", "11", "12", "13", "14", "15" };
    unsigned count = wide ? 16 : 8;

    for (unsigned i = 0; i < count; i++) {
        uint64_t value = s->gpr[order[i]];

        if (wide) {
            g_string_append_printf(out, "R%s=" X16, names[i], value);
        } else {
            g_string_append_printf(out, "E%s=%08x", names[i], (uint32_t)value);
        }
        g_string_append_c(out, i % 4 == 3 ? '\n' : ' ');
    }
    if (wide) {
        g_string_append_printf(out, "RIP=" X16 " RFL=%08x ", s->rip, (uint32_t)s->rflags);
    } else {
        g_string_append_printf(out, "EIP=%08x EFL=%08x ", (uint32_t)s->rip, (uint32_t)s->rflags);
    }
    print_flags(out, s->rflags);
    g_string_append_printf(out, " CPL=%u II=%u A20=%u SMM=%u HLT=%u\n", x86_cpu_cpl(s),
                           s->events.interrupt_shadow != 0, !s->a20_masked, s->events.smm,
                           s->mp_state != X86_MP_RUNNABLE);
}

static const char *system_type(unsigned type, bool long_mode)
{
    /* SDM volume 3, table 3-2. */
    static const char *const types[2][16] = {
        { "Reserved", "TSS16-avl", "LDT", "TSS16-busy", "CallGate16", "TaskGate", "IntGate16",
          "TrapGate16", "Reserved", "TSS32-avl", "Reserved", "TSS32-busy", "CallGate32",
          "Reserved", "IntGate32", "TrapGate32" },
        { "<hiword>", "Reserved", "LDT", "Reserved", "Reserved", "Reserved", "Reserved",
          "Reserved", "Reserved", "TSS64-avl", "Reserved", "TSS64-busy", "CallGate64",
          "Reserved", "IntGate64", "TrapGate64" },
    };

    return types[long_mode][type];
}

static void print_segment_kind(const X86CpuState *s, const X86Segment *seg, GString *out)
{
    uint32_t a = seg->attributes, type = a & X86_SEGMENT_TYPE;

    g_string_append_printf(out, " DPL=%u ", (a & X86_SEGMENT_DPL) >> 5);
    if (!(a & X86_SEGMENT_S)) {
        g_string_append(out, system_type(type, x86_cpu_in_long_mode(s)));
    } else if (type & X86_SEGMENT_CODE) {
        g_string_append(out, a & X86_SEGMENT_L ? "CS64" : a & X86_SEGMENT_DB ? "CS32" : "CS16");
        g_string_append_printf(out, " [%c%c%c]", type & 4 ? 'C' : '-', type & 2 ? 'R' : '-',
                               type & 1 ? 'A' : '-');
    } else {
        g_string_append(out, a & X86_SEGMENT_DB || x86_cpu_in_long_mode(s) ? "DS  " : "DS16");
        g_string_append_printf(out, " [%c%c%c]", type & 4 ? 'E' : '-', type & 2 ? 'W' : '-',
                               type & 1 ? 'A' : '-');
    }
}

static void print_segment(const X86CpuState *s, const char *name, const X86Segment *seg,
                          GString *out)
{
    bool wide = x86_cpu_in_long_mode(s);
    /* Where the attributes stand in the second word of a descriptor. */
    uint32_t flags = (seg->attributes & 0xf0ff) << 8;

    if (seg->attributes & X86_SEGMENT_UNUSABLE) {
        flags = 0;
    }
    /* Limits beyond 20 bits are counted in pages there. */
    g_string_append_printf(out, wide ? "%-3s=%04x " X16 " %08x %08x" :
                           "%-3s=%04x %08" G_GINT64_MODIFIER "x %08x %08x",
                           name, seg->selector, wide ? seg->base : (uint32_t)seg->base,
                           seg->limit, flags | (seg->attributes & X86_SEGMENT_G ?
                                                seg->limit >> 12 & 0xf0000 :
                                                seg->limit & 0xf0000));
    if (s->cr0 & X86_CR0_PE && flags & X86_SEGMENT_P << 8) {
        print_segment_kind(s, seg, out);
    }
    g_string_append_c(out, '\n');
}

static void print_system(const X86CpuState *s, bool wide, GString *out)
{
    static const char *const names[X86_SEGMENTS] = { "ES", "CS", "SS", "DS", "FS", "GS", "LDT",
                                                     "TR" };

    for (unsigned i = 0; i < X86_SEGMENTS; i++) {
        print_segment(s, names[i], &s->segment[i], out);
    }
    if (wide) {
        g_string_append_printf(out, "GDT=     " X16 " %08x\nIDT=     " X16 " %08x\n",
                               s->gdtr.base, s->gdtr.limit, s->idtr.base, s->idtr.limit);
        g_string_append_printf(out, "CR0=%08x CR2=" X16 " CR3=" X16 " CR4=%08x\n",
                               (uint32_t)s->cr0, s->cr2, s->cr3, (uint32_t)s->cr4);
    } else {
        g_string_append_printf(out, "GDT=     %08x %08x\nIDT=     %08x %08x\n",
                               (uint32_t)s->gdtr.base, s->gdtr.limit, (uint32_t)s->idtr.base,
                               s->idtr.limit);
        g_string_append_printf(out, "CR0=%08x CR2=%08x CR3=%08x CR4=%08x\n", (uint32_t)s->cr0,
                               (uint32_t)s->cr2, (uint32_t)s->cr3, (uint32_t)s->cr4);
    }
    for (unsigned i = 0; i < 4; i++) {
        g_string_append_printf(out, "DR%u=" X16 " ", i, s->dr[i]);
    }
    g_string_append_printf(out, "\nDR6=" X16 " DR7=" X16 "\nEFER=" X16 "\n", s->dr6, s->dr7,
                           s->efer);
}

static uint64_t image(const X86CpuState *s, unsigned offset, unsigned size)
{
    return load_le(s->xsave + offset, size);
}

static void print_fpu(const X86CpuState *s, GString *out)
{
    uint16_t status = image(s, 2, 2);

    g_string_append_printf(out, "FCW=%04x FSW=%04x [ST=%u] FTW=%02x MXCSR=%08x\n",
                           (unsigned)image(s, 0, 2), status, status >> 11 & 7,
                           (unsigned)image(s, 4, 1), (unsigned)image(s, 24, 4));
    for (unsigned i = 0; i < 8; i++) {
        /* The image goes by the stack, the listing by the register. */
        unsigned at = 32 + 16 * ((i - (status >> 11)) & 7);

        g_string_append_printf(out, "FPR%u=" X16 " %04x%c", i, image(s, at, 8),
                               (unsigned)image(s, at + 8, 2), i % 2 ? '\n' : ' ');
    }
}

static void print_vectors(const X86CpuState *s, unsigned count, GString *out)
{
    uint32_t upper = s->xcr0 & 4 ? s->xsave_offset[2] : 0;

    for (unsigned i = 0; i < count; i++) {
        unsigned low = 160 + 16 * i;

        if (upper) {
            g_string_append_printf(out, "YMM%02u=" X16 " " X16 " " X16 " " X16 "\n", i,
                                   image(s, upper + 16 * i + 8, 8),
                                   image(s, upper + 16 * i, 8), image(s, low + 8, 8),
                                   image(s, low, 8));
        } else {
            g_string_append_printf(out, "XMM%02u=" X16 " " X16 "%c", i, image(s, low + 8, 8),
                                   image(s, low, 8), i % 2 ? '\n' : ' ');
        }
    }
}

void x86_cpu_print(const X86CpuState *s, unsigned index, bool all, GString *out)
{
    bool wide = x86_cpu_in_64bit_code(s);

    g_string_append_printf(out, "\nCPU#%u\n", index);
    print_general(s, wide, out);
    print_system(s, x86_cpu_in_long_mode(s), out);
    if (all) {
        print_fpu(s, out);
        print_vectors(s, wide ? 16 : 8, out);
    }
}
