/* SPDX-License-Identifier: MIT */
/* The state of a CPU: storage, power-on, reset, INIT and SIPI. */
#include "arch/x86/state.h"

#include <string.h>

#include "arch/x86/xsave.h"
#include "base/bits.h"

#define APIC_BASE_RESET     0xfee00000ull
#define APIC_BASE_BOOTSTRAP BIT64(8)
#define APIC_BASE_ENABLE    BIT64(11)

#define MSR_MISC_ENABLE 0x1a0
#define MSR_UCODE_REV   0x8b

/* Types of descriptors (SDM volume 3, 3.4.5.1 and 3.5). */
#define TYPE_DATA (3 | X86_SEGMENT_S | X86_SEGMENT_P)  /* read, write, accessed */
#define TYPE_CODE (11 | X86_SEGMENT_S | X86_SEGMENT_P) /* execute, read, accessed */
#define TYPE_LDT  (2 | X86_SEGMENT_P)
#define TYPE_TSS  (11 | X86_SEGMENT_P)                 /* 32-bit, busy */

static int msr_compare(gconstpointer a, gconstpointer b)
{
    const X86MsrValue *x = a, *y = b;

    return x->index < y->index ? -1 : x->index > y->index;
}

/* The same list for every CPU: made once, then copied. */
static const GArray *msr_template(void)
{
    static GArray *list;
    static gsize ready;

    if (g_once_init_enter(&ready)) {
        list = g_array_new(FALSE, FALSE, sizeof(X86MsrValue));
        for (size_t i = 0; i < x86_msr_count; i++) {
            const X86MsrInfo *m = &x86_msrs[i];

            for (unsigned k = 0; k < MAX(m->count, 1u); k++) {
                X86MsrValue value = {
                    .index = m->index + k * MAX(m->stride, 1u),
                    .supported = true,
                    .read_only = m->flags & X86_MSR_READ_ONLY,
                };

                g_array_append_val(list, value);
            }
        }
        g_array_sort(list, msr_compare);
        g_once_init_leave(&ready, 1);
    }
    return list;
}

static void msr_make(X86CpuState *state)
{
    const GArray *list = msr_template();

    state->msr_count = list->len;
    state->msr = g_memdup2(list->data, list->len * sizeof(X86MsrValue));
}

static void xsave_make(X86CpuState *state, const X86CpuDefinition *cpu,
                       const X86CpuSupport *support)
{
    uint64_t components = cpu->xcr0;

    /* A CPU without XSAVE still has FXSAVE's image here. */
    state->xsave_size = MAX(cpu->xsave_size, X86_XSAVE_MIN_SIZE);
    state->xsave = g_malloc0(state->xsave_size);
    state->xsave_offset[1] = 160;
    for (unsigned bit = 2; bit < 63; bit++) {
        uint32_t size;

        if (components >> bit & 1) {
            x86_xsave_place(support, bit, &state->xsave_offset[bit], &size);
        }
    }
}

/* Feature MSRs keep what the definition says, whatever happens to the CPU. */
static void msr_features(X86CpuState *state, const X86CpuDefinition *cpu)
{
    for (unsigned w = 0; w < X86_WORD_COUNT; w++) {
        uint32_t index = x86_feature_words[w].msr;

        if (index) {
            x86_cpu_msr_set(state, index, x86_cpu_feature_msr(cpu, w));
        }
    }
    x86_cpu_msr_set(state, MSR_UCODE_REV, cpu->ucode_rev);
}

X86CpuState *x86_cpu_state_new(const X86CpuDefinition *cpu, const X86CpuSupport *support,
                               bool bootstrap)
{
    X86CpuState *state = g_new0(X86CpuState, 1);

    state->bootstrap = bootstrap;
    state->signature = x86_cpu_signature(cpu);
    state->phys_bits = cpu->phys_bits;
    state->misc_enable = x86_cpu_misc_enable(cpu);
    msr_make(state);
    xsave_make(state, cpu, support);
    msr_features(state, cpu);
    x86_cpu_reset(state);
    return state;
}

void x86_cpu_state_free(X86CpuState *state)
{
    if (state) {
        g_free(state->xsave);
        g_free(state->msr);
        g_free(state);
    }
}

/* What reset and INIT have in common. */
static void integer_state_reset(X86CpuState *s)
{
    memset(s->gpr, 0, sizeof(s->gpr));
    s->gpr[X86_RDX] = s->signature;
    s->rip = 0xfff0;
    s->rflags = X86_RFLAGS_FIXED;
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        s->segment[i] = (X86Segment){ .limit = 0xffff, .attributes = TYPE_DATA };
    }
    s->segment[X86_CS] = (X86Segment){
        .selector = 0xf000, .base = 0xffff0000, .limit = 0xffff, .attributes = TYPE_CODE,
    };
    s->segment[X86_LDTR] = (X86Segment){ .limit = 0xffff, .attributes = TYPE_LDT };
    s->segment[X86_TR] = (X86Segment){ .limit = 0xffff, .attributes = TYPE_TSS };
    s->gdtr = s->idtr = (X86DescriptorTable){ .limit = 0xffff };
    s->cr2 = s->cr3 = s->cr4 = s->cr8 = 0;
    s->efer = 0;
    memset(s->pdptr, 0, sizeof(s->pdptr));
    s->pdptrs_valid = false;
    memset(s->dr, 0, sizeof(s->dr));
    s->dr6 = 0xffff0ff0;
    s->dr7 = 0x400;
    memset(&s->events, 0, sizeof(s->events));
    s->mp_state = s->bootstrap ? X86_MP_RUNNABLE : X86_MP_WAIT_SIPI;
}

/* Control word 40h and tags of zero, not the state that FNINIT makes. */
static void fpu_reset(X86CpuState *s)
{
    memset(s->xsave, 0, s->xsave_size);
    store_le(s->xsave, 0x40, 2);
    s->xsave[4] = 0xff;
    store_le(s->xsave + 24, 0x1f80, 4);
    store_le(s->xsave + 28, 0xffff, 4);
    store_le(s->xsave + X86_XSAVE_LEGACY_SIZE, 3, 8);
}

static void msr_reset(X86CpuState *s, bool init)
{
    for (size_t i = 0; i < x86_msr_count; i++) {
        const X86MsrInfo *m = &x86_msrs[i];

        if (m->flags & X86_MSR_READ_ONLY || (init && !(m->flags & X86_MSR_INIT_CLEARS))) {
            continue;
        }
        for (unsigned k = 0; k < MAX(m->count, 1u); k++) {
            x86_cpu_msr_set(s, m->index + k * MAX(m->stride, 1u), m->reset);
        }
    }
    if (!init) {
        x86_cpu_msr_set(s, MSR_MISC_ENABLE, s->misc_enable);
    }
}

void x86_cpu_reset(X86CpuState *s)
{
    integer_state_reset(s);
    s->cr0 = X86_CR0_CD | X86_CR0_NW | X86_CR0_ET;
    s->xcr0 = 1;
    s->apic_base = APIC_BASE_RESET | APIC_BASE_ENABLE |
                   (s->bootstrap ? APIC_BASE_BOOTSTRAP : 0);
    fpu_reset(s);
    msr_reset(s, false);
}

void x86_cpu_init(X86CpuState *s)
{
    uint64_t caches = s->cr0 & (X86_CR0_CD | X86_CR0_NW);

    integer_state_reset(s);
    s->cr0 = caches | X86_CR0_ET;
    msr_reset(s, true);
}

void x86_cpu_sipi(X86CpuState *s, uint8_t vector)
{
    s->segment[X86_CS].selector = (uint16_t)(vector << 8);
    s->segment[X86_CS].base = (uint64_t)vector << 12;
    s->rip = 0;
    s->mp_state = X86_MP_RUNNABLE;
}
