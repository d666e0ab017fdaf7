/* SPDX-License-Identifier: MIT */
/*
 * A CPU moves between the software CPU and KVM (a scripted kernel) and back by the tables that save
 * it, and nothing is lost: registers, segments, control and debug registers, XSAVE image with
 * AVX and PKRU, MSRs, what is being delivered, the interrupt shadow, MP state, time stamp
 * counter, local APIC.
 */
#include <string.h>

#include "accel/kvm/x86.h"
#include "arch/x86/xsave.h"
#include "base/bits.h"
#include "base/lock.h"
#include "hw/core/state.h"
#include "hw/core/time.h"
#include "hw/intc/apic.h"
#include "tests/unit/kvm/bench.h"
#include "tests/unit/kvm/script.h"

#define MODEL "qemu64,check=off,+xsave,+xsaveopt,+avx,+pku,+fsgsbase,+rdtscp,+tsc-deadline,+x2apic,+tsc-adjust"
#define MSR_TSC 0x10

/* The same components in the same places as the software CPU has them. */
static const struct kvm_cpuid_entry2 cpuid[] = {
    { .function = 0, .eax = 0xd, .ebx = 0x68747541, .ecx = 0x444d4163, .edx = 0x69746e65 },
    { .function = 1, .eax = 0x60fb1, .ebx = 0, .ecx = 0xffffffff, .edx = 0xffffffff },
    { .function = 7, .index = 0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .ebx = 0x00000003, .ecx = 0x8 },
    { .function = 0xd, .index = 0, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 0x207, .ebx = 576,
      .ecx = 2696 },
    { .function = 0xd, .index = 1, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 0xf },
    { .function = 0xd, .index = 2, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 256, .ebx = 576 },
    { .function = 0xd, .index = 9, .flags = KVM_CPUID_FLAG_SIGNIFCANT_INDEX, .eax = 8, .ebx = 2688 },
    { .function = 0x80000000, .eax = 0x80000008 },
    { .function = 0x80000001, .ecx = 0xffffffff, .edx = 0xffffffff },
    { .function = 0x80000008, .eax = 0x3028 },
};

typedef struct Moved {
    GByteArray *cpu, *lapic;
    GArray *msrs;       /* uint32_t: those that were saved */
} Moved;

static X86Cpu *first(void)
{
    return (X86Cpu *)cpu_get(0);
}

static void start(const char *accel)
{
    GError *error = NULL;
    bool ok = bench_start(accel, MODEL, 2, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
}

static Moved take(void)
{
    Moved moved = { g_byte_array_new(), g_byte_array_new(),
                    g_array_new(FALSE, FALSE, sizeof(uint32_t)) };
    const X86CpuState *s = first()->registers;
    GError *error = NULL;

    g_assert_true(accel_load_states(&error));
    device_save(DEVICE(first()), moved.cpu);
    device_save(first()->lapic, moved.lapic);
    for (size_t i = 0; i < s->msr_count; i++) {
        if (s->msr[i].supported) {
            g_array_append_val(moved.msrs, s->msr[i].index);
        }
    }
    return moved;
}

static void give(const Moved *moved)
{
    GError *error = NULL;
    size_t used;
    bool ok = device_load(DEVICE(first()), moved->cpu->data, moved->cpu->len, &used, &error);

    g_assert_no_error(error);
    g_assert_true(ok);
    ok = device_load(first()->lapic, moved->lapic->data, moved->lapic->len, &used, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    ok = accel_store_states(CPU_STATE_FULL, &error);
    g_assert_no_error(error);
    g_assert_true(ok);
    g_assert_false(cpu_get(0)->state_loaded);
    /* What is read again comes from the accelerator. */
    memset(first()->registers->gpr, 0xee, sizeof(first()->registers->gpr));
    memset(first()->registers->dr, 0xee, sizeof(first()->registers->dr));
    memset(first()->registers->xsave, 0xee, first()->registers->xsave_size);
    memset(&first()->registers->events, 0, sizeof(X86Events));
    first()->registers->rip = first()->registers->cr3 = first()->registers->efer = 0xee;
}

static void release(Moved *moved)
{
    g_byte_array_unref(moved->cpu);
    g_byte_array_unref(moved->lapic);
    g_array_unref(moved->msrs);
}

static void expect_same(const GByteArray *a, const GByteArray *b, const char *what)
{
    g_autofree char *x = device_state_print(a->data, a->len);
    g_autofree char *y = device_state_print(b->data, b->len);

    if (a->len != b->len || memcmp(a->data, b->data, a->len)) {
        g_error("%s:\n%s\n-- became --\n%s", what, x, y);
    }
}

/* ---- a CPU in the middle of something ---- */

static void set_msr(uint32_t index, uint64_t value)
{
    X86MsrValue *msr = x86_cpu_msr(first()->registers, index);

    g_assert_nonnull(msr);
    g_assert_true(msr->supported);
    msr->value = value;
}

static void fill_registers(X86CpuState *s, bool pae)
{
    for (unsigned i = 0; i < 16; i++) {
        s->gpr[i] = 0x0123456789abcdef * (i + 1);
    }
    s->rip = pae ? 0x12345678 : 0xffffffff81234567;
    s->rflags = 0x250ad7 & ~(1u << 8);
    for (unsigned i = 0; i < 6; i++) {
        s->segment[i] = (X86Segment){ .selector = 8 * (i + 2), .limit = 0xfffff0ff + i,
                                      .base = pae ? 0x1000 * i : 0, .attributes = 0xc093 };
    }
    s->segment[X86_CS].attributes = pae ? 0xc09b : 0xa09b;
    s->segment[X86_FS].base = pae ? 0x7000 : 0x7fff12345000;
    s->segment[X86_GS].base = pae ? 0x8000 : 0xffff888012345000;
    s->segment[X86_LDTR] =
        (X86Segment){ .selector = 0x50, .base = 0x9000, .limit = 0x7f, .attributes = 0x82 };
    s->segment[X86_TR] =
        (X86Segment){ .selector = 0x40, .base = 0xa000, .limit = 0x2087, .attributes = 0x8b };
    s->gdtr = (X86DescriptorTable){ 0xb000, 0x7f };
    s->idtr = (X86DescriptorTable){ 0xc000, 0xfff };
    s->cr0 = 0x80050033;
    s->cr2 = 0xdeadbeef000;
    s->cr3 = 0x6000;
    s->cr4 = pae ? 0x406a0 : 0x506a0;
    s->cr8 = 5;
    s->efer = pae ? 0x800 : 0xd01;
    s->xcr0 = 0x207;
    s->pdptrs_valid = pae;
    for (unsigned i = 0; i < 4; i++) {
        s->dr[i] = 0x1000 * (i + 1);
        s->pdptr[i] = pae ? 0x2001 + 0x1000 * i : 0;
    }
    s->dr6 = 0xffff4ff2;
    s->dr7 = 0xd0602;
}

/* Legal values all over: a header that says what is there, x87 with full registers, vectors,
 * PKRU. */
static void fill_xsave(X86CpuState *s)
{
    static const uint8_t control[32] = { 0x7f, 0x02, 0x81, 0x38, 0xff, 0, 0xd9, 0x01, 1, 2, 3, 4, 5, 6, 7, 8,
                                         9, 10, 11, 12, 13, 14, 15, 16, 0xa0, 0x1f, 0, 0, 0xff, 0xff, 0, 0 };

    memset(s->xsave, 0, s->xsave_size);
    memcpy(s->xsave, control, sizeof(control));
    for (unsigned i = 0; i < 8; i++) {
        uint8_t *st = s->xsave + 32 + 16 * i;
        store_le(st, 0x8123456789abcdef + i, 8);
        store_le(st + 8, 0x3fff + i, 2);
    }
    for (unsigned i = 0; i < 256; i++) {
        s->xsave[160 + i] = i ^ 0x5a;
        s->xsave[576 + i] = i ^ 0xa5;
    }
    store_le(s->xsave + 512, 0x207, 8);
    store_le(s->xsave + s->xsave_offset[9], 0x55555550, 4);
}

static void fill_events(X86Events *e, unsigned which)
{
    switch (which) {
    case 0:
        e->exception_injected = e->exception_has_error = true;
        e->exception = 14;
        e->exception_error = 7;
        break;
    case 1:
        e->interrupt_injected = true;
        e->interrupt = 0x31;
        e->nmi_masked = e->nmi_pending = true;
        break;
    case 2:
        e->interrupt_shadow = 1;
        e->smi_pending = true;
        break;
    case 4:
        e->debug_pending = 0x4001;
        break;
    default:
        e->interrupt_shadow = 2;
        e->nmi_pending = true;
        break;
    }
}

static void fill_apic(void)
{
    Device *lapic = first()->lapic;
    const ApicMessage fixed = { .delivery = APIC_FIXED, .vector = 0x61, .destination = 0xff };

    apic_write(lapic, 0xf0, 0x1ff);
    apic_write(lapic, 0xd0, 0x02000000);
    apic_write(lapic, 0xe0, 0xffffffff);
    apic_write(lapic, 0x80, 0x50);
    apic_write(lapic, 0x320, 0x100ec);
    apic_write(lapic, 0x350, 0x08700);
    apic_write(lapic, 0x360, 0x400);
    apic_write(lapic, 0x370, 0xfe);
    apic_write(lapic, 0x3e0, 0xb);
    apic_write(lapic, 0x310, 0x01000000);
    apic_deliver(&fixed);
}

static void fill(unsigned which)
{
    X86CpuState *s = first()->registers;
    GError *error = NULL;

    g_assert_true(accel_load_states(&error));
    fill_registers(s, which & 1);
    fill_xsave(s);
    s->events = (X86Events){ 0 };
    fill_events(&s->events, which);
    s->mp_state = which == 3 ? X86_MP_HALTED : X86_MP_RUNNABLE;
    set_msr(MSR_TSC, 0x123456789abc);
    set_msr(0x174, 0x10);
    set_msr(0x175, 0xfffffe0000001000);
    set_msr(0x176, 0xffffffff81800000);
    set_msr(0x277, 0x0407050600070106);
    set_msr(0xc0000081, 0x23001000000000);
    set_msr(0xc0000082, 0xffffffff81800080);
    set_msr(0xc0000084, 0x47700);
    set_msr(0xc0000102, 0xffff888000001000);
    set_msr(0xc0000103, 0x42);
    set_msr(0x200, 0x80000000);
    set_msr(0x201, 0xff80000800);
    set_msr(0x2ff, 0xc06);
    fill_apic();
    g_assert_true(accel_store_states(CPU_STATE_FULL, &error));
}

static void start_kvm(const Moved *moved)
{
    script_reset();
    script.cpuid = cpuid;
    script.cpuid_count = G_N_ELEMENTS(cpuid);
    script.msrs = (const uint32_t *)moved->msrs->data;
    script.msr_count = moved->msrs->len;
    script.cap[KVM_CAP_X86_SMM] = 1;
    start("kvm");
    give(moved);
}

static void test_round_trip(gconstpointer data)
{
    unsigned which = GPOINTER_TO_UINT(data);
    Moved before, there, back;

    script_reset();
    start("jit");
    fill(which);
    before = take();
    bench_stop();

    start_kvm(&before);
    /* It reached the kernel. */
    g_assert_cmphex(script.cpus[0].regs.rax, ==, 0x0123456789abcdef);
    g_assert_cmphex(script.cpus[0].debugregs.db[2], ==, 0x3000);
    g_assert_cmphex(script.cpus[0].xcrs.xcrs[0].value, ==, 0x207);
    g_assert_cmpuint(script.cpus[0].mp_state.mp_state, ==, which == 3 ? KVM_MP_STATE_HALTED : 0);
    there = take();
    bench_stop();
    expect_same(before.cpu, there.cpu, "the CPU on its way to KVM");
    expect_same(before.lapic, there.lapic, "the local APIC on its way to KVM");

    start("jit");
    give(&there);
    back = take();
    bench_stop();
    expect_same(before.cpu, back.cpu, "the CPU on its way back");
    expect_same(before.lapic, back.lapic, "the local APIC on its way back");
    release(&before);
    release(&there);
    release(&back);
}

/* A trap that is due is an exception that is being delivered, to the kernel. */
static void test_debug_trap(void)
{
    Moved before, there;

    script_reset();
    start("jit");
    fill(4);
    before = take();
    g_assert_cmphex(first()->registers->events.debug_pending, ==, 0x4001);
    g_assert_false(first()->registers->events.exception_injected);
    bench_stop();
    start_kvm(&before);
    g_assert_true(script.cpus[0].events.exception.injected);
    g_assert_cmpuint(script.cpus[0].events.exception.nr, ==, 1);
    g_assert_cmphex(script.cpus[0].debugregs.dr6 & 0x4001, ==, 0x4001);
    there = take();
    bench_stop();
    start("jit");
    give(&there);
    g_assert_true(accel_load_states(NULL));
    g_assert_true(first()->registers->events.exception_injected);
    g_assert_cmpuint(first()->registers->events.exception, ==, 1);
    g_assert_cmphex(first()->registers->dr6 & 0x4001, ==, 0x4001);
    bench_stop();
    release(&before);
    release(&there);
}

/* What only the kernel tells of: an exception that was raised, an INIT and a SIPI that were
 * received. */
static void test_from_kvm(void)
{
    X86CpuState *s;
    GError *error = NULL;

    script_reset();
    start("jit");
    s = first()->registers;
    g_assert_true(accel_load_states(&error));
    s->events = (X86Events){ .exception_pending = true, .exception = 14, .exception_has_payload = true,
                             .exception_payload = 0x123456, .exception_has_error = true, .nmi_pending = true };
    s->mp_state = X86_MP_INIT;
    g_assert_true(accel_store_states(CPU_STATE_FULL, &error));
    g_assert_true(accel_load_states(&error));
    g_assert_true(s->events.exception_injected && !s->events.exception_pending &&
                  s->events.nmi_pending);
    g_assert_cmphex(s->cr2, ==, 0x123456);
    g_assert_cmpuint(s->mp_state, ==, X86_MP_WAIT_SIPI);
    s->events = (X86Events){ .sipi_vector = 0x9a };
    s->mp_state = X86_MP_SIPI;
    g_assert_true(accel_store_states(CPU_STATE_FULL, &error));
    g_assert_true(accel_load_states(&error));
    g_assert_cmpuint(s->mp_state, ==, X86_MP_RUNNABLE);
    g_assert_cmphex(s->segment[X86_CS].selector, ==, 0x9a00);
    g_assert_cmphex(s->segment[X86_CS].base, ==, 0x9a000);
    g_assert_cmphex(s->rip, ==, 0);
    g_assert_false(s->events.nmi_pending);
    bench_stop();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    bench_init();
    g_test_add_data_func("/kvm-jit/exception", GUINT_TO_POINTER(0), test_round_trip);
    g_test_add_data_func("/kvm-jit/interrupt-pae", GUINT_TO_POINTER(1), test_round_trip);
    g_test_add_data_func("/kvm-jit/shadow-of-ss", GUINT_TO_POINTER(2), test_round_trip);
    g_test_add_data_func("/kvm-jit/shadow-of-sti-pae", GUINT_TO_POINTER(3), test_round_trip);
    g_test_add_func("/kvm-jit/debug-trap", test_debug_trap);
    g_test_add_func("/kvm-jit/from-kvm", test_from_kvm);
    return g_test_run();
}
