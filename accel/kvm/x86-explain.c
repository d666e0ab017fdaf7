/* SPDX-License-Identifier: MIT */
/*
 * When the kernel cannot go on with a guest: in words, with the registers and the
 * instruction. Opcodes: Intel SDM volume 2, appendix A.
 */
#include <string.h>

#include "accel/kvm/x86.h"
#include "arch/x86/paging.h"
#include "arch/x86/sanity.h"
#include "base/log.h"

#define MAX_INSTRUCTION 15
#define ANY 0xff

/* ---- naming an instruction ---- */

typedef struct OpcodeName {
    uint8_t length;      /* of the opcode, 1 to 3 */
    uint8_t opcode[3];
    uint8_t reg;         /* of ModR/M bits 5-3; ANY */
    uint8_t mod3;        /* 1: register form only, 0: memory only, ANY */
    uint8_t wide;        /* 1: with REX.W, 0: without, ANY */
    const char *name;
} OpcodeName;

/* What kernels and firmware do and instruction emulators may not know. */
static const OpcodeName opcodes[] = {
    { 1, { 0xcc }, ANY, ANY, ANY, "int3" },
    { 1, { 0xcd }, ANY, ANY, ANY, "int" },
    { 1, { 0xcf }, ANY, ANY, ANY, "iret" },
    { 1, { 0xf1 }, ANY, ANY, ANY, "int1" },
    { 1, { 0xf4 }, ANY, ANY, ANY, "hlt" },
    { 1, { 0x9b }, ANY, ANY, ANY, "fwait" },
    { 2, { 0x0f, 0xc7 }, 1, 0, 1, "cmpxchg16b" },
    { 2, { 0x0f, 0xc7 }, 1, 0, 0, "cmpxchg8b" },
    { 2, { 0x0f, 0xc7 }, 3, 0, ANY, "xrstors" },
    { 2, { 0x0f, 0xc7 }, 4, 0, ANY, "xsavec" },
    { 2, { 0x0f, 0xc7 }, 5, 0, ANY, "xsaves" },
    { 2, { 0x0f, 0xc7 }, 6, 1, ANY, "rdrand" },
    { 2, { 0x0f, 0xc7 }, 7, 1, ANY, "rdseed or rdpid" },
    { 2, { 0x0f, 0xae }, 0, 0, ANY, "fxsave" },
    { 2, { 0x0f, 0xae }, 1, 0, ANY, "fxrstor" },
    { 2, { 0x0f, 0xae }, 2, 0, ANY, "ldmxcsr" },
    { 2, { 0x0f, 0xae }, 3, 0, ANY, "stmxcsr" },
    { 2, { 0x0f, 0xae }, 4, 0, ANY, "xsave" },
    { 2, { 0x0f, 0xae }, 5, 0, ANY, "xrstor" },
    { 2, { 0x0f, 0xae }, 6, 0, ANY, "xsaveopt or clwb" },
    { 2, { 0x0f, 0xae }, 7, 0, ANY, "clflush" },
    { 2, { 0x0f, 0xae }, ANY, 1, ANY, "a fence, or rdfsbase and the like" },
    { 3, { 0x0f, 0x01, 0xd0 }, ANY, ANY, ANY, "xgetbv" },
    { 3, { 0x0f, 0x01, 0xd1 }, ANY, ANY, ANY, "xsetbv" },
    { 3, { 0x0f, 0x01, 0xca }, ANY, ANY, ANY, "clac" },
    { 3, { 0x0f, 0x01, 0xcb }, ANY, ANY, ANY, "stac" },
    { 3, { 0x0f, 0x01, 0xc1 }, ANY, ANY, ANY, "vmcall" },
    { 3, { 0x0f, 0x01, 0xd9 }, ANY, ANY, ANY, "vmmcall" },
    { 3, { 0x0f, 0x01, 0xf8 }, ANY, ANY, ANY, "swapgs" },
    { 3, { 0x0f, 0x01, 0xf9 }, ANY, ANY, ANY, "rdtscp" },
    { 3, { 0x0f, 0x01, 0xc8 }, ANY, ANY, ANY, "monitor" },
    { 3, { 0x0f, 0x01, 0xc9 }, ANY, ANY, ANY, "mwait" },
    { 2, { 0x0f, 0x01 }, 7, 0, ANY, "invlpg" },
    { 2, { 0x0f, 0x05 }, ANY, ANY, ANY, "syscall" },
    { 2, { 0x0f, 0x07 }, ANY, ANY, ANY, "sysret" },
    { 2, { 0x0f, 0x34 }, ANY, ANY, ANY, "sysenter" },
    { 2, { 0x0f, 0x35 }, ANY, ANY, ANY, "sysexit" },
    { 2, { 0x0f, 0x09 }, ANY, ANY, ANY, "wbinvd" },
    { 2, { 0x0f, 0x0b }, ANY, ANY, ANY, "ud2" },
    { 2, { 0x0f, 0xa2 }, ANY, ANY, ANY, "cpuid" },
    { 2, { 0x0f, 0x30 }, ANY, ANY, ANY, "wrmsr" },
    { 2, { 0x0f, 0x32 }, ANY, ANY, ANY, "rdmsr" },
    { 2, { 0x0f, 0x33 }, ANY, ANY, ANY, "rdpmc" },
    { 2, { 0x0f, 0xb8 }, ANY, ANY, ANY, "popcnt" },
    { 3, { 0x0f, 0x38, 0xf0 }, ANY, ANY, ANY, "movbe or crc32" },
    { 3, { 0x0f, 0x38, 0xf1 }, ANY, ANY, ANY, "movbe or crc32" },
    { 3, { 0x0f, 0x38, 0x82 }, ANY, ANY, ANY, "invpcid" },
    { 2, { 0x0f, 0x38 }, ANY, ANY, ANY, "an SSE instruction" },
    { 2, { 0x0f, 0x3a }, ANY, ANY, ANY, "an SSE instruction" },
    { 1, { 0xc4 }, ANY, 1, ANY, "an AVX instruction" },
    { 1, { 0xc5 }, ANY, 1, ANY, "an AVX instruction" },
    { 1, { 0x62 }, ANY, 1, ANY, "an AVX-512 instruction" },
    { 1, { 0xd8 }, ANY, ANY, ANY, "an x87 instruction" },
    { 1, { 0xd9 }, ANY, ANY, ANY, "an x87 instruction" },
    { 1, { 0xda }, ANY, ANY, ANY, "an x87 instruction" },
    { 1, { 0xdb }, ANY, ANY, ANY, "an x87 instruction" },
    { 1, { 0xdc }, ANY, ANY, ANY, "an x87 instruction" },
    { 1, { 0xdd }, ANY, ANY, ANY, "an x87 instruction" },
    { 1, { 0xde }, ANY, ANY, ANY, "an x87 instruction" },
    { 1, { 0xdf }, ANY, ANY, ANY, "an x87 instruction" },
};

static bool is_prefix(uint8_t byte)
{
    static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0,
                                        0xf2, 0xf3 };

    return memchr(prefixes, byte, sizeof(prefixes));
}

static bool opcode_is(const OpcodeName *row, const uint8_t *bytes, unsigned length, bool wide)
{
    bool modrm = length > row->length;

    if (length < row->length || memcmp(bytes, row->opcode, row->length) != 0) {
        return false;
    }
    if ((row->reg != ANY || row->mod3 != ANY) && !modrm) {
        return false;
    }
    return (row->reg == ANY || (bytes[row->length] >> 3 & 7) == row->reg) &&
           (row->mod3 == ANY || (bytes[row->length] >> 6 == 3) == row->mod3) &&
           (row->wide == ANY || wide == row->wide);
}

const char *kvm_x86_instruction_name(const uint8_t *bytes, unsigned length, bool long_mode)
{
    bool wide = false;

    while (length && is_prefix(*bytes)) {
        bytes++;
        length--;
    }
    if (long_mode && length && (*bytes & 0xf0) == 0x40) {
        wide = *bytes & 8;
        bytes++;
        length--;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(opcodes); i++) {
        const OpcodeName *row = &opcodes[i];
        /* In 64-bit code these are VEX and EVEX whatever follows. */
        if (long_mode && length && row->length == 1 && row->mod3 == 1 &&
            bytes[0] == row->opcode[0]) {
            return row->name;
        }
        if (opcode_is(row, bytes, length, wide)) {
            return row->name;
        }
    }
    return NULL;
}

/* ---- internal errors ---- */

char *kvm_x86_internal_error_text(const struct kvm_run *run)
{
    GString *text = g_string_new(NULL);

    switch (run->internal.suberror) {
    case KVM_INTERNAL_ERROR_EMULATION:
        g_string_append(text, "KVM had to emulate an instruction and does not know it; the "
                        "software CPU, -accel jit, does");
        break;
    case KVM_INTERNAL_ERROR_SIMUL_EX:
        g_string_append(text, "KVM met exceptions on top of each other that it cannot deliver");
        break;
    case KVM_INTERNAL_ERROR_DELIVERY_EV:
        g_string_append(text, "an access to a device, or to no memory at all, came up while an "
                        "interrupt or exception was being delivered: the guest's descriptor "
                        "tables or stack are not in memory");
        break;
    case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
        g_string_append(text, "the processor left the guest for a reason that KVM does not know");
        break;
    default:
        g_string_append_printf(text, "KVM gave up (suberror %u)", run->internal.suberror);
        break;
    }
    g_string_append(text, " (KVM_EXIT_INTERNAL_ERROR");
    for (unsigned i = 0; run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION &&
                         i < MIN(run->internal.ndata, G_N_ELEMENTS(run->internal.data)); i++) {
        g_string_append_printf(text, "%s0x%" PRIx64, i ? " " : "; data ",
                               (uint64_t)run->internal.data[i]);
    }
    g_string_append(text, ")");
    return g_string_free(text, FALSE);
}

/* ---- the report ---- */

/* The instruction: as the kernel fetched it, or by a walk of the guest's tables. */
static unsigned fetch(KvmX86Vcpu *vcpu, uint8_t *bytes)
{
    const struct kvm_run *run = vcpu->kvm.run;
    Cpu *cpu = vcpu->kvm.vcpu.cpu;
    const X86CpuState *state = kvm_x86_cpu(vcpu)->registers;
    unsigned length;

    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
        run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && run->internal.ndata >= 4 &&
        run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES &&
        run->emulation_failure.insn_size) {
        length = MIN(run->emulation_failure.insn_size, MAX_INSTRUCTION);
        memcpy(bytes, run->emulation_failure.insn_bytes, length);
        return length;
    }
    return x86_read_virtual(state, cpu->memory, x86_linear_rip(state), bytes, MAX_INSTRUCTION);
}

static void append_instruction(GString *out, KvmX86Vcpu *vcpu)
{
    const X86CpuState *state = kvm_x86_cpu(vcpu)->registers;
    uint8_t bytes[MAX_INSTRUCTION];
    unsigned length = fetch(vcpu, bytes);
    const char *name = kvm_x86_instruction_name(bytes, length, x86_cpu_in_64bit_code(state));

    g_string_append_printf(out, "\n  instruction at %04x:%" PRIx64 ":",
                           state->segment[X86_CS].selector, state->rip);
    for (unsigned i = 0; i < length; i++) {
        g_string_append_printf(out, " %02x", bytes[i]);
    }
    if (!length) {
        g_string_append(out, " not in memory");
    } else if (name) {
        g_string_append_printf(out, " (%s)", name);
    }
}

/* Why the processor may not want to enter this state. */
static void append_problems(GString *out, const KvmX86Vcpu *vcpu)
{
    const X86Cpu *cpu = kvm_x86_cpu(vcpu);
    g_autoptr(GPtrArray) problems = g_ptr_array_new_with_free_func(g_free);

    x86_cpu_state_check(cpu->registers, &cpu->definition, problems);
    for (guint i = 0; i < problems->len; i++) {
        g_string_append_printf(out, "\n  %s", (const char *)problems->pdata[i]);
    }
}

/* An emulator in place of the processor's own virtualization knows fewer instructions. */
static void append_advice(GString *out, const KvmX86Vcpu *vcpu)
{
    const struct kvm_run *run = vcpu->kvm.run;

    if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR && vcpu->kvm.kvm->x86->page_tables_only) {
        g_string_append(out, "\n  This host's processor offers neither VMX nor SVM: its KVM runs "
                        "only user mode natively and emulates guest kernels one instruction at a "
                        "time, so firmware and small programs work and stock kernels do not.\n  "
                        "Use a host with hardware virtualization (for a virtual machine: nested "
                        "virtualization), or -accel jit.");
    }
}

void kvm_x86_explain(KvmX86Vcpu *vcpu, const char *what)
{
    Cpu *cpu = vcpu->kvm.vcpu.cpu;
    g_autoptr(GError) error = NULL;
    g_autoptr(GString) out = g_string_new(what);

    /* Completing the access that failed would only fail again. */
    vcpu->io_pending = false;
    if (vcpu_load_state(cpu, &error)) {
        append_instruction(out, vcpu);
        append_problems(out, vcpu);
        append_advice(out, vcpu);
        g_string_append_c(out, '\n');
        x86_cpu_print(kvm_x86_cpu(vcpu)->registers, cpu->index, false, out);
    } else {
        g_string_append_printf(out, "\n  registers are not to be had: %s", error->message);
    }
    vcpu_break(&vcpu->kvm.vcpu, "CPU %u: %s", cpu->index, out->str);
}
