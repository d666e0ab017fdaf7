/* SPDX-License-Identifier: MIT */
/* The table of registers, and access through it. */
#include <string.h>

#include "arch/x86/state.h"
#include "arch/x86/xsave.h"
#include "base/bits.h"

#define STATE(set_, number_, name_, member, description_)                                    \
    { .set = X86_SET_##set_, .number = (number_), .name = (name_), .component = -1,          \
      .offset = offsetof(X86CpuState, member),                                               \
      .width = sizeof(((X86CpuState *)0)->member),                                           \
      .truth = _Generic(((X86CpuState *)0)->member, bool: true, default: false),             \
      .description = (description_) }
#define XSAVE(set_, number_, name_, component_, offset_, width_, description_)               \
    { .set = X86_SET_##set_, .number = (number_), .name = (name_),                           \
      .component = (component_), .offset = (offset_), .width = (width_),                     \
      .description = (description_) }
#define GENERAL(number_, name_) STATE(GENERAL, number_, name_, gpr[number_], "general register")
#define SEGMENT(segment_, name_)                                                             \
    STATE(SEGMENT, 4 * segment_, name_, segment[segment_].selector, "selector"),             \
    STATE(SEGMENT, 4 * segment_ + 1, name_ "_base", segment[segment_].base, "base address"), \
    STATE(SEGMENT, 4 * segment_ + 2, name_ "_limit", segment[segment_].limit,                \
          "limit in bytes"),                                                                 \
    STATE(SEGMENT, 4 * segment_ + 3, name_ "_attributes", segment[segment_].attributes,      \
          "access rights")
#define EVENT(number_, member) STATE(EVENT, number_, #member, events.member, "event")
#define ST(n)     XSAVE(FPU, n, "st" #n, 0, 32 + 16 * n, 10, "x87 register")
#define XMM(n)    XSAVE(VECTOR, n, "xmm" #n, 1, 16 * n, 16, "SSE register")
#define YMMH(n)   XSAVE(VECTOR, 32 + n, "ymmh" #n, 2, 16 * n, 16, "upper half of ymm" #n)
#define ZMMH(n)   XSAVE(VECTOR, 64 + n, "zmmh" #n, 6, 32 * n, 32, "upper half of zmm" #n)
#define HI_ZMM(n) XSAVE(VECTOR, 80 + n, "zmm" #n, 7, 64 * (n - 16), 64, "AVX-512 register")
#define K(n)      XSAVE(VECTOR, 128 + n, "k" #n, 5, 8 * n, 8, "AVX-512 mask")

const X86Register x86_registers[] = {
    GENERAL(X86_RAX, "rax"), GENERAL(X86_RCX, "rcx"), GENERAL(X86_RDX, "rdx"),
    GENERAL(X86_RBX, "rbx"), GENERAL(X86_RSP, "rsp"), GENERAL(X86_RBP, "rbp"),
    GENERAL(X86_RSI, "rsi"), GENERAL(X86_RDI, "rdi"), GENERAL(X86_R8, "r8"),
    GENERAL(X86_R9, "r9"), GENERAL(X86_R10, "r10"), GENERAL(X86_R11, "r11"),
    GENERAL(X86_R12, "r12"), GENERAL(X86_R13, "r13"), GENERAL(X86_R14, "r14"),
    GENERAL(X86_R15, "r15"),
    STATE(GENERAL, 16, "rip", rip, "instruction pointer"),
    STATE(GENERAL, 17, "rflags", rflags, "flags"),

    SEGMENT(X86_ES, "es"), SEGMENT(X86_CS, "cs"), SEGMENT(X86_SS, "ss"), SEGMENT(X86_DS, "ds"),
    SEGMENT(X86_FS, "fs"), SEGMENT(X86_GS, "gs"), SEGMENT(X86_LDTR, "ldtr"),
    SEGMENT(X86_TR, "tr"),

    STATE(TABLE, 0, "gdtr_base", gdtr.base, "global descriptor table"),
    STATE(TABLE, 1, "gdtr_limit", gdtr.limit, "its limit in bytes"),
    STATE(TABLE, 2, "idtr_base", idtr.base, "interrupt descriptor table"),
    STATE(TABLE, 3, "idtr_limit", idtr.limit, "its limit in bytes"),

    STATE(CONTROL, 0, "cr0", cr0, "modes"),
    STATE(CONTROL, 2, "cr2", cr2, "address of the last page fault"),
    STATE(CONTROL, 3, "cr3", cr3, "page table base"),
    STATE(CONTROL, 4, "cr4", cr4, "modes"),
    STATE(CONTROL, 8, "cr8", cr8, "task priority"),
    STATE(CONTROL, 16, "xcr0", xcr0, "extended state that is enabled"),
    STATE(CONTROL, 17, "pdptrs_valid", pdptrs_valid, "pdptr0 to pdptr3 are in use"),
    STATE(CONTROL, 20, "pdptr0", pdptr[0], "PAE page directory pointer"),
    STATE(CONTROL, 21, "pdptr1", pdptr[1], "PAE page directory pointer"),
    STATE(CONTROL, 22, "pdptr2", pdptr[2], "PAE page directory pointer"),
    STATE(CONTROL, 23, "pdptr3", pdptr[3], "PAE page directory pointer"),

    STATE(DEBUG, 0, "dr0", dr[0], "breakpoint address"),
    STATE(DEBUG, 1, "dr1", dr[1], "breakpoint address"),
    STATE(DEBUG, 2, "dr2", dr[2], "breakpoint address"),
    STATE(DEBUG, 3, "dr3", dr[3], "breakpoint address"),
    STATE(DEBUG, 6, "dr6", dr6, "debug status"),
    STATE(DEBUG, 7, "dr7", dr7, "debug control"),

    ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7),
    XSAVE(FPU, 8, "fcw", 0, 0, 2, "x87 control word"),
    XSAVE(FPU, 9, "fsw", 0, 2, 2, "x87 status word"),
    XSAVE(FPU, 10, "ftw", 0, 4, 1, "x87 tags, a bit for each register in use"),
    XSAVE(FPU, 11, "fop", 0, 6, 2, "last x87 opcode"),
    XSAVE(FPU, 12, "fip", 0, 8, 8, "last x87 instruction"),
    XSAVE(FPU, 13, "fdp", 0, 16, 8, "last x87 operand"),
    XSAVE(FPU, 14, "mxcsr", 0, 24, 4, "SSE control and status"),
    XSAVE(FPU, 15, "mxcsr_mask", 0, 28, 4, "bits of mxcsr that exist"),
    XSAVE(FPU, 16, "xstate_bv", 0, 512, 8, "components not in their initial state"),

    XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
    XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
    YMMH(0), YMMH(1), YMMH(2), YMMH(3), YMMH(4), YMMH(5), YMMH(6), YMMH(7),
    YMMH(8), YMMH(9), YMMH(10), YMMH(11), YMMH(12), YMMH(13), YMMH(14), YMMH(15),
    ZMMH(0), ZMMH(1), ZMMH(2), ZMMH(3), ZMMH(4), ZMMH(5), ZMMH(6), ZMMH(7),
    ZMMH(8), ZMMH(9), ZMMH(10), ZMMH(11), ZMMH(12), ZMMH(13), ZMMH(14), ZMMH(15),
    HI_ZMM(16), HI_ZMM(17), HI_ZMM(18), HI_ZMM(19), HI_ZMM(20), HI_ZMM(21), HI_ZMM(22),
    HI_ZMM(23), HI_ZMM(24), HI_ZMM(25), HI_ZMM(26), HI_ZMM(27), HI_ZMM(28), HI_ZMM(29),
    HI_ZMM(30), HI_ZMM(31),
    K(0), K(1), K(2), K(3), K(4), K(5), K(6), K(7),
    XSAVE(VECTOR, 160, "pkru", 9, 0, 4, "protection keys of user pages"),

    STATE(MSR, 0x1b, "apic_base", apic_base, "IA32_APIC_BASE"),
    STATE(MSR, 0xc0000080, "efer", efer, "extended features"),

    EVENT(0, exception_pending), EVENT(1, exception_injected), EVENT(2, exception),
    EVENT(3, exception_has_error), EVENT(4, exception_error), EVENT(5, exception_has_payload),
    EVENT(6, exception_payload), EVENT(7, interrupt_injected), EVENT(8, interrupt),
    EVENT(9, interrupt_soft), EVENT(10, interrupt_shadow), EVENT(11, nmi_injected),
    EVENT(12, nmi_pending), EVENT(13, nmi_masked), EVENT(14, sipi_vector), EVENT(15, smm),
    EVENT(16, smi_pending), EVENT(17, smm_inside_nmi), EVENT(18, smi_latched_init),
    EVENT(19, triple_fault), EVENT(21, debug_pending), EVENT(22, debug_in_smm), EVENT(23, io),
    EVENT(24, io_rip), EVENT(25, io_rcx), EVENT(26, io_rsi), EVENT(27, io_rdi),
    EVENT(28, smi_latched_sipi), EVENT(29, mwait_armed), EVENT(30, mwait_asleep),
    EVENT(31, mwait_masked_wake), EVENT(32, mwait_until), EVENT(33, mwait_length),
    STATE(EVENT, 20, "mp_state", mp_state, "0 runs, 1 waits for SIPI, 2 INIT, 3 halted, 4 SIPI"),
};
const size_t x86_register_count = G_N_ELEMENTS(x86_registers);

const char *x86_register_set_name(X86RegisterSet set)
{
    static const char *const names[X86_SET_COUNT] = {
        [X86_SET_GENERAL] = "general", [X86_SET_SEGMENT] = "segment",
        [X86_SET_TABLE] = "table",     [X86_SET_CONTROL] = "control",
        [X86_SET_DEBUG] = "debug",     [X86_SET_FPU] = "fpu",
        [X86_SET_VECTOR] = "vector",   [X86_SET_MSR] = "msr",
        [X86_SET_EVENT] = "event",
    };

    return names[set];
}

const X86Register *x86_register_at(X86RegisterSet set, uint32_t number)
{
    for (size_t i = 0; i < x86_register_count; i++) {
        if (x86_registers[i].set == set && x86_registers[i].number == number) {
            return &x86_registers[i];
        }
    }
    return NULL;
}

const X86Register *x86_register_find(const char *name)
{
    for (size_t i = 0; i < x86_register_count; i++) {
        if (strcmp(x86_registers[i].name, name) == 0) {
            return &x86_registers[i];
        }
    }
    return NULL;
}

void *x86_register_pointer(const X86CpuState *state, const X86Register *reg)
{
    uint32_t start;

    if (reg->component < 0) {
        return (char *)state + reg->offset;
    }
    start = state->xsave_offset[reg->component];
    if ((reg->component > 1 && !start) || start + reg->offset + reg->width > state->xsave_size) {
        return NULL;
    }
    return state->xsave + start + reg->offset;
}

/* Members are in the host's order, the XSAVE image in the guest's. */
bool x86_register_get(const X86CpuState *state, const X86Register *reg, uint64_t *value)
{
    const void *at = x86_register_pointer(state, reg);

    if (!at) {
        return false;
    }
    *value = reg->component < 0 ? load_host(at, reg->width) : load_le(at, MIN(reg->width, 8));
    return true;
}

bool x86_register_set(X86CpuState *state, const X86Register *reg, uint64_t value)
{
    void *at = x86_register_pointer(state, reg);

    if (!at) {
        return false;
    }
    if (reg->component < 0) {
        store_host(at, reg->truth ? value != 0 : value, reg->width);
    } else {
        store_le(at, value, MIN(reg->width, 8));
    }
    return true;
}

/* Names of parts of registers, and other names of whole ones. */
typedef struct Part {
    const char *name;
    const char *whole;
    uint8_t shift, bits;
} Part;

static const Part parts[] = {
    { "eax", "rax", 0, 32 }, { "ax", "rax", 0, 16 }, { "al", "rax", 0, 8 }, { "ah", "rax", 8, 8 },
    { "ebx", "rbx", 0, 32 }, { "bx", "rbx", 0, 16 }, { "bl", "rbx", 0, 8 }, { "bh", "rbx", 8, 8 },
    { "ecx", "rcx", 0, 32 }, { "cx", "rcx", 0, 16 }, { "cl", "rcx", 0, 8 }, { "ch", "rcx", 8, 8 },
    { "edx", "rdx", 0, 32 }, { "dx", "rdx", 0, 16 }, { "dl", "rdx", 0, 8 }, { "dh", "rdx", 8, 8 },
    { "esi", "rsi", 0, 32 }, { "si", "rsi", 0, 16 }, { "edi", "rdi", 0, 32 },
    { "di", "rdi", 0, 16 },  { "ebp", "rbp", 0, 32 }, { "bp", "rbp", 0, 16 },
    { "esp", "rsp", 0, 32 }, { "sp", "rsp", 0, 64 },  { "eip", "rip", 0, 32 },
    { "pc", "rip", 0, 64 },  { "eflags", "rflags", 0, 32 }, { "flags", "rflags", 0, 64 },
    { "es.base", "es_base", 0, 64 }, { "cs.base", "cs_base", 0, 64 },
    { "ss.base", "ss_base", 0, 64 }, { "ds.base", "ds_base", 0, 64 },
    { "fs.base", "fs_base", 0, 64 }, { "gs.base", "gs_base", 0, 64 },
};

static const Part *find_part(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++) {
        if (strcmp(parts[i].name, name) == 0) {
            return &parts[i];
        }
    }
    return NULL;
}

static X86MsrValue *find_msr(const X86CpuState *state, const char *name)
{
    for (size_t i = 0; i < state->msr_count; i++) {
        g_autofree char *own = x86_msr_name(state->msr[i].index);

        if (strcmp(own, name) == 0) {
            return &state->msr[i];
        }
    }
    return NULL;
}

bool x86_cpu_get_register(const X86CpuState *state, const char *name, uint64_t *value)
{
    const Part *part = find_part(name);
    const X86Register *reg = x86_register_find(part ? part->whole : name);
    const X86MsrValue *msr;

    if (reg) {
        if (!x86_register_get(state, reg, value)) {
            return false;
        }
        if (part) {
            *value = bits_extract(*value, part->shift, part->bits);
        }
        return true;
    }
    msr = find_msr(state, name);
    if (msr) {
        *value = msr->value;
    }
    return msr;
}

bool x86_cpu_set_register(X86CpuState *state, const char *name, uint64_t value)
{
    const Part *part = find_part(name);
    const X86Register *reg = x86_register_find(part ? part->whole : name);
    X86MsrValue *msr;
    uint64_t whole;

    if (reg) {
        if (part && part->bits < 32) {
            if (!x86_register_get(state, reg, &whole)) {
                return false;
            }
            value = bits_deposit(whole, part->shift, part->bits, value);
        } else if (part && part->bits == 32) {
            value = (uint32_t)value;
        }
        return x86_register_set(state, reg, value);
    }
    msr = find_msr(state, name);
    if (msr && !msr->read_only) {
        msr->value = value;
        return true;
    }
    return false;
}
