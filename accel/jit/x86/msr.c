/* SPDX-License-Identifier: MIT */
/*
 * Model-specific registers: Intel SDM volume 4, AMD APM volume 2 appendix A. Those that mean
 * something to the CPU are members of X86Jit; memory types and machine checks are kept and have
 * no effect. Not modelled: performance counters, VMX and SVM, branch records and traces, shadow
 * stacks, and what paravirtual clocks of KVM would be. Where CPUID tells of them, their
 * registers are not there; those that systems take for granted by the CPU's family read as 0
 * and keep nothing.
 */
#include "accel/jit/x86/system.h"
#include "base/log.h"
#include "hw/intc/apic.h"

typedef struct Member {
    uint32_t index;
    size_t offset;
    enum { ANY, CANONICAL, LOW32 } rule;
} Member;

#define MEMBER(index, member, rule) { index, offsetof(X86Jit, member), rule }

static const Member members[] = {
    MEMBER(0x174, sysenter_cs, LOW32), MEMBER(0x175, sysenter_esp, CANONICAL),
    MEMBER(0x176, sysenter_eip, CANONICAL), MEMBER(0x1a0, misc_enable, ANY),
    MEMBER(0x277, pat, ANY), MEMBER(0xc0000081, star, ANY),
    MEMBER(0xc0000082, lstar, CANONICAL), MEMBER(0xc0000083, cstar, CANONICAL),
    MEMBER(0xc0000084, fmask, LOW32), MEMBER(0xc0000102, kernel_gs_base, CANONICAL),
    MEMBER(0xc0000103, tsc_aux, LOW32),
};

enum { TSC = 0x10, APIC_BASE = 0x1b, TSC_ADJUST = 0x3b, MICROCODE = 0x8b, MCG_CAP = 0x179,
       MISC_ENABLE = 0x1a0, PAT = 0x277, XSS = 0xda0, EFER = 0xc0000080u, FS_BASE = 0xc0000100u, GS_BASE,
       HWCR = 0xc0010015u };

static const Member *member_of(uint32_t index)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++) {
        if (members[i].index == index) {
            return &members[i];
        }
    }
    return NULL;
}

enum { MTRRCAP = 0xfe, MTRR_PHYSBASE0 = 0x200, MTRR_PHYS_END = 0x210, MTRR_FIX_FIRST = 0x250,
       MTRR_FIX_LAST = 0x26f, MTRR_DEF_TYPE = 0x2ff };

/* SDM volume 3, 12.11.1: eight variable ranges, fixed ranges, write combining. */
#define MTRRCAP_VALUE (8 | 1 << 8 | 1 << 10)

/* SDM volume 4, IA32_MISC_ENABLE: there are counters; with branch trace and PEBS, what is only
 * read. */
#define MISC_ENABLE_COUNTERS (1ull << 7)
#define MISC_ENABLE_TOLD     (MISC_ENABLE_COUNTERS | 1ull << 11 | 1ull << 12)

/* SDM volume 3, 16.3.1: banks of machine checks, and MCG_CTL. */
#define MCE_BANKS     10
#define MCG_CAP_VALUE (MCE_BANKS | 1 << 8)
#define HWCR_STATUS_WRITABLE (1u << 18)
enum { MC0_CTL = 0x400, MC_END = MC0_CTL + 4 * MCE_BANKS };

/* Of those that CPU states may have, what this CPU has not, or only with a feature. */
static const struct {
    uint32_t first, last;
    const char *feature;
} absent[] = {
    { 0x11, 0x12 }, { 0x33, 0x33 }, { 0x48, 0x48, "spec-ctrl" }, { 0x8c, 0x8f }, { 0xc1, 0xc8 },
    { 0xe1, 0xe1 }, { MTRRCAP, MTRRCAP, "mtrr" }, { 0x10a, 0x10a, "arch-capabilities" },
    { 0x122, 0x122 }, { MCG_CAP, MCG_CAP + 2, "mca" }, { 0x186, 0x18d }, { 0x1c4, 0x1c5 },
    { MTRR_PHYSBASE0, MTRR_FIX_LAST, "mtrr" }, { MTRR_DEF_TYPE, MTRR_DEF_TYPE, "mtrr" },
    { 0x309, 0x30c }, { 0x345, 0x345 }, { 0x38d, 0x390 }, { 0x3f1, 0x3f1 },
    { MC0_CTL, MC_END - 1, "mca" }, { MC_END, 0x47f },
    { 0x480, 0x491 }, { 0x4c1, 0x4c8 }, { 0x560, 0x58f }, { 0x600, 0x600 }, { 0x6a0, 0x6a8 },
    { 0x6e0, 0x6e0, "tsc-deadline" }, { 0x6e1, 0x6e1 }, { 0xd90, 0xd90 }, { 0xda0, 0xda0, "xsaves" },
    { 0x1200, 0x16ff }, { 0x4b564d00, 0x4b564dff }, { 0xc0000104, 0xc0000104 },
    { 0xc0010000, 0xc0010007 }, { 0xc0010117, 0xc0010117 }, { 0xc001011f, 0xc001011f },
    { 0xc0010200, 0xc001020f },
};

/*
 * Systems write these without asking: they read as 0, and what is written is lost, so that who
 * looks sees that it is. EBL_CR_POWERON, LASTBRANCH and LASTINT of Intel's family 6; the four
 * counters of AMD's since family 6, NB_CFG, MMIO_CFG_BASE, SMM_ADDR and SMM_MASK, LS_CFG,
 * IC_CFG, DC_CFG, BU_CFG, FP_CFG, DE_CFG, BU_CFG2.
 */
static const struct {
    uint32_t first, last;
} empty[] = {
    { 0x2a, 0x2a }, { 0x1db, 0x1de }, { 0xc0010000, 0xc0010007 }, { 0xc001001f, 0xc001001f },
    { 0xc0010058, 0xc0010058 }, { 0xc0010112, 0xc0010113 }, { 0xc0011020, 0xc0011023 },
    { 0xc0011028, 0xc001102a },
};

static bool is_empty(uint32_t index)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(empty); i++) {
        if (index >= empty[i].first && index <= empty[i].last) {
            return true;
        }
    }
    return false;
}

static bool is_absent(const X86Jit *cpu, uint32_t index)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(absent); i++) {
        if (index >= absent[i].first && index <= absent[i].last) {
            return !absent[i].feature || !x86_has(cpu, absent[i].feature);
        }
    }
    return false;
}

static X86MsrValue *stored(const X86Jit *cpu, uint32_t index)
{
    for (size_t i = 0; i < cpu->msr_count; i++) {
        if (cpu->msr[i].index == index) {
            return &cpu->msr[i];
        }
    }
    return NULL;
}

static bool apic_register(X86Jit *cpu, uint32_t index, uint64_t *value, bool write)
{
    Device *lapic = cpu->x86->lapic;
    bool good;

    if (!lapic || !x86_has(cpu, "x2apic")) {
        return false;
    }
    jit_machine_lock(&cpu->core);
    good = write ? apic_msr_write(lapic, index, *value) : apic_msr_read(lapic, index, value);
    jit_machine_unlock(&cpu->core);
    return good;
}

static bool tsc_deadline(X86Jit *cpu, uint64_t *value, bool write)
{
    Device *lapic = cpu->x86->lapic;

    if (!lapic || !x86_has(cpu, "tsc-deadline")) {
        return false;
    }
    jit_machine_lock(&cpu->core);
    if (write) {
        apic_set_tsc_deadline(lapic, *value);
    } else {
        *value = apic_tsc_deadline(lapic);
    }
    jit_machine_unlock(&cpu->core);
    return true;
}

static void tsc_changed(X86Jit *cpu)
{
    if (cpu->x86->lapic) {
        jit_machine_lock(&cpu->core);
        apic_tsc_changed(cpu->x86->lapic);
        jit_machine_unlock(&cpu->core);
    }
}

/* They take the machine lock, and are saved with the APIC. */
static bool is_apic_register(uint32_t index)
{
    return (index >= APIC_MSR_FIRST && index <= APIC_MSR_LAST) || index == APIC_MSR_TSC_DEADLINE;
}

bool x86_read_msr(X86Jit *cpu, uint32_t index, uint64_t *value)
{
    const Member *member = member_of(index);
    const X86MsrValue *msr;

    switch (index) {
    case TSC:
        *value = x86_tsc(cpu);
        return true;
    case APIC_BASE:
        *value = cpu->x86->lapic ? apic_base(cpu->x86->lapic) : cpu->apic_base;
        return true;
    case EFER:
        *value = cpu->efer;
        return true;
    case APIC_MSR_TSC_DEADLINE:
        return tsc_deadline(cpu, value, false);
    case FS_BASE:
    case GS_BASE:
        *value = cpu->segment[X86_FS + (index - FS_BASE)].base;
        return true;
    }
    if (index >= APIC_MSR_FIRST && index <= APIC_MSR_LAST) {
        return apic_register(cpu, index, value, false);
    }
    if (member) {
        *value = *(uint64_t *)((char *)cpu + member->offset);
        return true;
    }
    msr = stored(cpu, index);
    if (!msr || !msr->supported) {
        *value = 0;
        return is_empty(index);
    }
    *value = index == MTRRCAP ? MTRRCAP_VALUE : index == MCG_CAP ? MCG_CAP_VALUE : msr->value;
    return true;
}

static bool write_efer(X86Jit *cpu, uint64_t value)
{
    uint64_t allowed = X86_EFER_SCE | X86_EFER_LMA | (x86_has(cpu, "nx") ? X86_EFER_NX : 0) |
                       (x86_has(cpu, "lm") ? X86_EFER_LME : 0);

    if ((value & ~allowed) ||
        ((cpu->cr0 & X86_CR0_PG) && ((value ^ cpu->efer) & X86_EFER_LME))) {
        return false;
    }
    cpu->efer = (value & ~(uint64_t)X86_EFER_LMA) | (cpu->efer & X86_EFER_LMA);
    jit_tlb_flush(&cpu->core, true);
    x86_context_changed(cpu);
    return true;
}

static bool write_apic_base(X86Jit *cpu, uint64_t value)
{
    bool good;

    if (!cpu->x86->lapic) {
        return false;
    }
    jit_machine_lock(&cpu->core);
    good = apic_set_base(cpu->x86->lapic, value, cpu->x86->definition.phys_bits);
    jit_machine_unlock(&cpu->core);
    cpu->apic_base = good ? value : cpu->apic_base;
    return good;
}

/* SDM volume 3, table 12-8: uncached, write combining, through, protected, back. */
static bool is_mtrr_type(uint8_t type)
{
    return type < 7 && type != 2 && type != 3;
}

/* SDM volume 3, 12.11.2: what is reserved raises #GP. True for what is no MTRR. */
static bool mtrr_is_valid(const X86Jit *cpu, uint32_t index, uint64_t value)
{
    enum { DEF_TYPE_RESERVED = 0x300, BASE_RESERVED = 0xf00, MASK_RESERVED = 0x7ff };

    if (index == MTRR_DEF_TYPE) {
        return is_mtrr_type(value) && !(value & DEF_TYPE_RESERVED) && value < 1 << 12;
    }
    if (index >= MTRR_FIX_FIRST && index <= MTRR_FIX_LAST) {
        bool good = true;

        for (unsigned i = 0; i < 8; i++) {
            good &= is_mtrr_type(value >> (8 * i));
        }
        return good;
    }
    if (index >= MTRR_PHYSBASE0 && index < MTRR_PHYS_END) {
        return value >> cpu->x86->definition.phys_bits == 0 &&
               (index & 1 ? !(value & MASK_RESERVED)
                          : is_mtrr_type(value) && !(value & BASE_RESERVED));
    }
    return true;
}

static bool pat_is_valid(uint64_t value)
{
    for (unsigned i = 0; i < 8; i++, value >>= 8) {
        if ((value & 0xff) > 7 || (value & 0xfe) == 2) {
            return false;
        }
    }
    return true;
}

/* SDM volume 3, 16.3.2.2: a status is cleared; AMD's HWCR lets it be set. */
static bool mce_is_valid(const X86Jit *cpu, uint32_t index, uint64_t value)
{
    const X86MsrValue *hwcr = stored(cpu, HWCR);
    bool status = index >= MC0_CTL && index < MC_END && (index - MC0_CTL) % 4 == 1;

    return !status || !value || (hwcr && hwcr->value & HWCR_STATUS_WRITABLE);
}

/* SDM volume 3, 17.17.3: what the counter is moved by, its adjustment is, too. */
static void write_tsc(X86Jit *cpu, uint64_t value)
{
    uint64_t delta = value - x86_tsc(cpu);
    X86MsrValue *adjust = stored(cpu, TSC_ADJUST);

    cpu->tsc_offset += delta;
    if (adjust) {
        adjust->value += delta;
    }
    tsc_changed(cpu);
}

bool x86_write_msr(X86Jit *cpu, uint32_t index, uint64_t value)
{
    const Member *member = member_of(index);
    X86MsrValue *msr;

    switch (index) {
    case TSC:
        write_tsc(cpu, value);
        return true;
    case APIC_BASE:
        return write_apic_base(cpu, value);
    case EFER:
        return write_efer(cpu, value);
    case APIC_MSR_TSC_DEADLINE:
        return tsc_deadline(cpu, &value, true);
    case MICROCODE:
        return true;    /* 0 is written before CPUID puts the revision there */
    case FS_BASE:
    case GS_BASE:
        if (!x86_canonical(cpu, value)) {
            return false;
        }
        cpu->segment[X86_FS + (index - FS_BASE)].base = value;
        x86_context_changed(cpu);
        return true;
    }
    if (index >= APIC_MSR_FIRST && index <= APIC_MSR_LAST) {
        return apic_register(cpu, index, &value, true);
    }
    if (member) {
        if ((member->rule == CANONICAL && !x86_canonical(cpu, value)) ||
            (member->rule == LOW32 && value >> 32) || (index == PAT && !pat_is_valid(value))) {
            return false;
        }
        if (index == MISC_ENABLE) {
            value = (value & ~MISC_ENABLE_TOLD) | (cpu->misc_enable & MISC_ENABLE_TOLD);
        }
        *(uint64_t *)((char *)cpu + member->offset) = value;
        return true;
    }
    msr = stored(cpu, index);
    if (!msr || !msr->supported) {
        if (is_empty(index) && value) {
            log_unimplemented("CPU %u: MSR 0x%x keeps nothing, 0x%" PRIx64,
                              cpu->core.vcpu.cpu->index, index, value);
        }
        return is_empty(index);
    }
    if (msr->read_only || (index == XSS && value & ~cpu->x86->definition.xss) ||
        !mtrr_is_valid(cpu, index, value) || !mce_is_valid(cpu, index, value)) {
        return false;
    }
    if (index == TSC_ADJUST) {
        cpu->tsc_offset += value - msr->value;
        tsc_changed(cpu);
    }
    msr->value = value;
    return true;
}

uint64_t x86_help_rdmsr(X86Jit *cpu)
{
    uint32_t index = cpu->gpr[X86_RCX];
    uint64_t value;

    if (x86_jit_cpl(cpu) || !x86_read_msr(cpu, index, &value)) {
        log_guest_error("CPU %u: rdmsr of 0x%x", cpu->core.vcpu.cpu->index, index);
        x86_raise_gp(cpu, 0);
    }
    cpu->gpr[X86_RAX] = (uint32_t)value;
    cpu->gpr[X86_RDX] = value >> 32;
    return 0;
}

uint64_t x86_help_wrmsr(X86Jit *cpu)
{
    uint32_t index = cpu->gpr[X86_RCX];
    uint64_t value = (uint32_t)cpu->gpr[X86_RAX] | cpu->gpr[X86_RDX] << 32;

    if (x86_jit_cpl(cpu) || !x86_write_msr(cpu, index, value)) {
        log_guest_error("CPU %u: wrmsr of 0x%x, 0x%" PRIx64, cpu->core.vcpu.cpu->index, index,
                        value);
        x86_raise_gp(cpu, 0);
    }
    return 0;
}

void x86_msrs_from_state(X86Jit *cpu, const X86CpuState *state)
{
    g_free(cpu->msr);
    cpu->msr = g_memdup2(state->msr, state->msr_count * sizeof(*state->msr));
    cpu->msr_count = state->msr_count;
    for (size_t i = 0; i < cpu->msr_count; i++) {
        cpu->msr[i].supported &= !is_absent(cpu, cpu->msr[i].index);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(members); i++) {
        *(uint64_t *)((char *)cpu + members[i].offset) =
            x86_cpu_msr_value(state, members[i].index);
    }
    cpu->misc_enable &= ~MISC_ENABLE_COUNTERS;
}

void x86_msrs_to_state(X86Jit *cpu, X86CpuState *state)
{
    for (size_t i = 0; i < state->msr_count; i++) {
        uint64_t value;
        if (!is_apic_register(state->msr[i].index) &&
            x86_read_msr(cpu, state->msr[i].index, &value)) {
            state->msr[i].value = value;
        }
    }
}
