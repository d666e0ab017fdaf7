/* SPDX-License-Identifier: MIT */
/*
 * The software CPU against the host: random instructions of every form of the decoder's tables
 * leave the same registers, flags, memory and exception, by the back end and by the evaluator; those
 * of floating point also when it is done in software.
 *
 * usage: test-jit-native [--cases N] [--seed S] [--form MNEMONIC] [--report]
 *
 * N is the number of cases of each form and width of code; sequences of any forms are 16 N. What CPUs leave undefined is a column of
 * the tables; forms that the host lacks, and those that a program cannot run alone, are told.
 */
#include "tests/unit/jit-native/native.h"

#include <stdlib.h>
#include <string.h>

#include "accel/jit/core.h"
#include "accel/jit/x86/lower-vector.h"
#include "accel/jit/x86/vector.h"
#include "base/disas.h"
#include "tests/unit/program-options.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_UNDEFINED__)
#define DEFAULT_CASES 6
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define DEFAULT_CASES 6
#endif
#endif
#ifndef DEFAULT_CASES
#define DEFAULT_CASES 60
#endif

#define SEQUENCES_PER_CASE 16
#define SEQUENCES_SHOWN    5   /* that differ */

/* What RFLAGS has that is neither ours to set nor the host's to keep. */
#define COMPARED_FLAGS (X86_ARITHMETIC | X86_DF | X86_AC | X86_NT | X86_ID)

static unsigned cases = DEFAULT_CASES;
static uint64_t first_seed = 1;
static const char *only_form;
static gboolean report;

/* ---- telling ---- */

static void print_number(GString *out, const char *name, uint64_t before, uint64_t host,
                         uint64_t ours)
{
    if (host != ours) {
        g_string_append_printf(out, "  %-8s was %016" PRIx64 "  host %016" PRIx64 "  ours %016"
                               PRIx64 "\n", name, before, host, ours);
    }
}

static void print_difference(const NativeCase *c, const NativeState *host, const NativeState *ours,
                             uint64_t flags, const char *by, uint64_t seed)
{
    static const char *const names[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                         "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15" };
    g_autoptr(GString) out = g_string_new(NULL);
    DisasMode mode = c->bits == 64 ? DISAS_X86_64 : c->bits == 32 ? DISAS_X86_32 : DISAS_X86_16;
    unsigned taken;

    g_string_append_printf(out, "%s, %u-bit code, %u-bit stack, --seed %" PRIu64 ":\n", by, c->bits,
                           c->stack_bits, seed);
    for (unsigned at = 0; at < c->length; at += taken) {
        g_string_append(out, "  ");
        taken = disas_print(mode, NATIVE_START + at, c->code + at, c->length - at, out);
        g_string_append_c(out, '\n');
        if (!taken) {
            break;
        }
    }
    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(out, "  %-3s %016" PRIx64 "%s", names[i], c->state.gpr[i],
                               i % 4 == 3 ? "\n" : "");
    }
    g_string_append_printf(out, "  rflags %" PRIx64 " fcw %x fsw %x ftw %x mxcsr %x\n",
                           c->state.rflags, c->state.fcw, c->state.fsw, c->state.ftw,
                           c->state.mxcsr);
    print_number(out, "end", 0, host->end, ours->end);
    print_number(out, "error", 0, host->error, ours->error);
    print_number(out, "cr2", 0, host->cr2, ours->cr2);
    print_number(out, "rip", c->state.rip, host->rip, ours->rip);
    print_number(out, "rflags", c->state.rflags, host->rflags & flags, ours->rflags & flags);
    for (unsigned i = 0; i < 16; i++) {
        print_number(out, names[i], c->state.gpr[i], host->gpr[i], ours->gpr[i]);
    }
    for (unsigned i = 0; i < 16; i++) {
        for (unsigned j = 0; j < 4; j++) {
            g_autofree char *name = g_strdup_printf("ymm%u[%u]", i, j);
            print_number(out, name, c->state.ymm[i][j], host->ymm[i][j], ours->ymm[i][j]);
        }
    }
    for (unsigned i = 0; i < 8; i++) {
        g_autofree char *name = g_strdup_printf("st%u", i);
        print_number(out, name, c->state.st[i].mantissa, host->st[i].mantissa, ours->st[i].mantissa);
        print_number(out, name, c->state.st[i].exponent, host->st[i].exponent, ours->st[i].exponent);
    }
    print_number(out, "fcw", c->state.fcw, host->fcw, ours->fcw);
    print_number(out, "fsw", c->state.fsw, host->fsw, ours->fsw);
    print_number(out, "ftw", c->state.ftw, host->ftw, ours->ftw);
    print_number(out, "mxcsr", c->state.mxcsr, host->mxcsr, ours->mxcsr);
    for (unsigned i = 0, told = 0; i < NATIVE_DATA_SIZE && told < 4; i += 8) {
        uint64_t was, there, here;
        g_autofree char *name = g_strdup_printf("[+%x]", i);
        memcpy(&was, c->state.memory + i, 8);
        memcpy(&there, host->memory + i, 8);
        memcpy(&here, ours->memory + i, 8);
        told += here != there;
        print_number(out, name, was, there, here);
    }
    g_printerr("%s", out->str);
}

/* ---- comparing ---- */

/* Where a return address of four bytes goes. */
static uint64_t pushed_at(const NativeCase *c)
{
    uint32_t sp = (uint32_t)c->state.gpr[X86_RSP] - 4;

    return native_segment_base(c->stack_bits) + (c->stack_bits == 16 ? (uint16_t)sp : sp);
}

/* What is not told of a case that ends so is made equal. */
static void normalize(NativeState *s, const NativeCase *c)
{
    uint64_t at = (s->cr2 & ~0xfffull) - NATIVE_DATA;

    if (s->end != X86_PFV) {
        s->cr2 = 0;
    } else if (c->in_parts && at - 1 < NATIVE_DATA_SIZE) {
        /* What is before the page that faults may have been stored. */
        memset(s->memory + at - 16, 0, 16);
    }
    at = pushed_at(c) - NATIVE_DATA;
    if (s->end == X86_GP && c->calls && c->bits == 16 && at < NATIVE_DATA_SIZE - 4) {
        /* Where CS's limit forbids to go, the way back may have been pushed. */
        memset(s->memory + at, 0, 4);
    }
    if (s->end < NATIVE_DONE && c->restores) {
        /* Which of the registers have been loaded before a fault. */
        memset(s->ymm, 0, sizeof(s->ymm));
        memset(s->st, 0, sizeof(s->st));
        s->mxcsr = s->fcw = s->fsw = s->ftw = 0;
    }
    if (s->end != X86_PFV && s->end != X86_GP && s->end != X86_SSV && s->end != X86_NP) {
        s->error = 0;
    }
    if (s->end < NATIVE_DONE) {
        /* Which of its bytes an access of many tells of is the CPU's choice. */
        s->cr2 = c->of_vectors ? 0 : s->cr2;
    }
    if (c->bits != 64) {
        /* The high halves, and R8 to R15, are undefined in 32-bit code. */
        for (unsigned i = 0; i < 16; i++) {
            s->gpr[i] = i < 8 ? (uint32_t)s->gpr[i] : 0;
        }
        s->rip = (uint32_t)s->rip;
    }
}

/* But for the padding. */
static bool same_x87(const NativeState *host, const NativeState *ours)
{
    for (unsigned i = 0; i < 8; i++) {
        if (host->st[i].mantissa != ours->st[i].mantissa ||
            host->st[i].exponent != ours->st[i].exponent) {
            return false;
        }
    }
    return host->fcw == ours->fcw && host->fsw == ours->fsw && host->ftw == ours->ftw;
}

static bool same(const NativeState *host, const NativeState *ours, uint64_t flags)
{
    return host->end == ours->end && host->error == ours->error && host->cr2 == ours->cr2 &&
           host->rip == ours->rip && !((host->rflags ^ ours->rflags) & flags) &&
           !memcmp(host->gpr, ours->gpr, sizeof(host->gpr)) &&
           !memcmp(host->ymm, ours->ymm, sizeof(host->ymm)) &&
           same_x87(host, ours) && host->mxcsr == ours->mxcsr &&
           !memcmp(host->memory, ours->memory, NATIVE_DATA_SIZE);
}

/*
 * What is known to differ, and would cost speed to have otherwise, or is the CPU's choice. A branch to an
 * address that is not canonical is done, the fault is that of the fetch. The x87 stores nothing when
 * that is an exception that is not masked, but alignment and the segment are asked first, the segment
 * before alignment. So is CS's limit by a call, before anything is pushed: SDM volume 2, CALL.
 * Of a long operand it is asked whether its segment has all of it, before any part of it. And where 4 GiB
 * end some CPUs fault: SDM volume 3, 5.3.
 */
static bool known_difference(const NativeCase *c, const NativeState *host, const NativeState *ours)
{
    bool canonical = (ours->rip + (1ull << 47)) >> 48 == 0;
    bool by_segment = (ours->end == X86_GP || ours->end == X86_SSV) && c->bits != 64;

    return (host->end == X86_GP && ours->end == NATIVE_DONE && !canonical) ||
           (host->end == NATIVE_DONE && host->fsw & 0x80 && (ours->end == X86_ACV || by_segment)) ||
           (host->end == X86_GP && ours->end == X86_SSV && by_segment && c->of_vectors) ||
           ((host->end == X86_ACV || host->end == X86_PFV) && by_segment &&
            ((c->bits == 16 && c->calls) || c->is_long)) ||
           (host->end == X86_GP && ours->end == X86_ACV && (c->bits == 32 || c->is_long));
}

/* 1: agrees, 0: differs, -1: nothing to compare. */
static int compare(const NativeCase *c, uint64_t seed)
{
    static NativeState host, evaluated, compiled;
    uint64_t flags = COMPARED_FLAGS, end = NATIVE_START - native_segment_base(c->bits) + c->length;

    evaluated = c->state;
    native_cpu_run(c, true, &evaluated);
    if (evaluated.end == NATIVE_WILD || evaluated.end == NATIVE_ENDLESS) {
        return -1;
    }
    compiled = c->state;
    native_cpu_run(c, false, &compiled);
    host = c->state;
    native_host_run(c, &host);
    if (host.end == NATIVE_WILD || host.end == NATIVE_ENDLESS) {
        return -1;
    }
    flags &= ~(uint64_t)(host.end == NATIVE_DONE && host.rip == end ? c->undefined
                                                                    : c->undefined_any);
    normalize(&host, c);
    normalize(&evaluated, c);
    normalize(&compiled, c);
    if (!same(&evaluated, &compiled, ~0ull)) {
        print_difference(c, &evaluated, &compiled, ~0ull, "evaluator (as \"host\") and back end", seed);
        return 0;
    }
    if (!known_difference(c, &host, &compiled) && !same(&host, &compiled, flags)) {
        print_difference(c, &host, &compiled, flags, "host and software CPU", seed);
        return 0;
    }
    return 1;
}

typedef struct Tally {
    unsigned forms, compared, skipped, failed;
} Tally;

static void run_form(const NativeForm *form, unsigned bits, Tally *tally)
{
    static NativeCase c;
    unsigned done = 0;
    bool host_lacks = form->row->feature && !native_host_has(form->row->feature);

    if ((form->row->flags & X86_ROW_O64 && bits != 64) ||
        (form->row->flags & X86_ROW_I64 && bits == 64)) {
        return;
    }
    tally->forms++;
    for (unsigned i = 0; i < cases; i++) {
        int result;
        uint64_t seed = first_seed + i;
        native_seed(seed * 0x100000 + form->map * 0x1000 + form->opcode * 16 + form->row->value +
                    (uint64_t)bits * 0x10000000000);
        native_case_begin(&c, bits);
        if (!native_case_add(&c, form)) {
            continue;
        }
        result = compare(&c, seed);
        done += result > 0;
        if (!result) {
            tally->failed++;
            break;
        }
    }
    tally->compared += done > 0;
    if (!done) {
        tally->skipped++;
    }
    if (report || (!done && host_lacks)) {
        g_test_message("%u-bit %s%s %02x/%u %s: %s", bits, form->row->vex ? "VEX " : "",
                       (const char *[]){ "", "0F", "0F38", "0F3A" }[form->map], form->opcode,
                       form->row->value, form->row->mnemonic,
                       done                                ? "compared"
                       : form->row->flags & X86_ROW_SYSTEM ? "the system's: not compared"
                       : host_lacks                        ? "SKIPPED: the host lacks it"
                                                           : "nothing compared");
    }
}

typedef enum Kind { INTEGERS, VECTORS, EXACT_FLOAT, SEQUENCES, KINDS } Kind;
static const char *const kind_names[KINDS] = { "integers", "vectors", "exact", "sequences" };

/* Each processor has its own. */
static bool is_approximation(const X86Row *row)
{
    static const char *const approximations[] = {
        "rcpps", "rcpss", "vrcpps", "vrcpss", "rsqrtps", "rsqrtss", "vrsqrtps", "vrsqrtss",
        "f2xm1", "fyl2x", "fyl2xp1", "fptan", "fpatan", "fsin", "fcos", "fsincos",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(approximations); i++) {
        if (!strcmp(row->mnemonic, approximations[i])) {
            return true;
        }
    }
    return false;
}

/* Floating point that has one result. */
static bool is_exact_float(const X86Row *row)
{
    if (is_approximation(row)) {
        return false;
    }
    return (row->vector && x86_vector_exact_op(row->vector) != row->vector) ||
           row->lower == x86_lower_x87 || row->lower == x86_lower_fcmov ||
           row->lower == x86_lower_fcomi;
}

static bool is_of(Kind kind, const X86Row *row)
{
    return kind == EXACT_FLOAT ? is_exact_float(row) : row->of_vectors == (kind == VECTORS);
}

static void run_forms(unsigned bits, Kind kind)
{
    Tally tally = { 0 };

    for (unsigned map = 0; map < 4; map++) {
        for (unsigned vex = 0; vex < 2; vex++) {
            for (unsigned opcode = 0; opcode < 256; opcode++) {
                const uint16_t *starts = x86_row_starts[map][vex];
                for (unsigned i = starts[opcode]; i < starts[opcode + 1]; i++) {
                    NativeForm form = { &x86_rows[i], (uint8_t)map, (uint8_t)opcode };
                    if (is_of(kind, form.row) &&
                        (!only_form || !strcmp(only_form, form.row->mnemonic))) {
                        run_form(&form, bits, &tally);
                    }
                }
            }
        }
    }
    g_test_message("%u-bit code, %s: %u forms, %u compared, %u not, %u differ", bits,
                   kind_names[kind], tally.forms, tally.compared, tally.skipped,
                   tally.failed);
    if (only_form && !tally.forms) {
        g_test_skip("--form names none of these");
        return;
    }
    if (tally.failed) {
        g_test_fail_printf("%u forms differ", tally.failed);
    }
    g_assert_cmpuint(tally.compared, >, only_form ? 0 : tally.forms / 2);
}

/* What the first of these stores of FOP and FDP after others, CPUs differ in: CPUID says so. The last may
 * fault when it stores nothing. */
static bool is_left_alone(const X86Row *row)
{
    return row->lower == x86_lower_fnstenv || row->lower == x86_lower_fnsave ||
           row->lower == x86_lower_maskmov;
}

/* One that a program may have in such code; with INTEGERS or VECTORS one of these. */
static NativeForm any_form(unsigned bits, Kind kind)
{
    for (;;) {
        unsigned map = native_below(4), opcode = native_below(256);
        const uint16_t *starts = x86_row_starts[map][native_below(2)];
        unsigned count = starts[opcode + 1] - starts[opcode];
        const X86Row *row = count ? &x86_rows[starts[opcode] + native_below(count)] : NULL;
        if (row && !(row->flags & (X86_ROW_SYSTEM | (bits == 64 ? X86_ROW_I64 : X86_ROW_O64))) &&
            !is_left_alone(row) && (kind == SEQUENCES || is_of(kind, row)) && !(jit.exact_float && is_approximation(row))) {
            return (NativeForm){ row, (uint8_t)map, (uint8_t)opcode };
        }
    }
}

/*
 * Some instructions in one block, so what one leaves behind for the next in its own way: flags, what is
 * in the host's registers, what is not stored yet when there is a fault.
 */
static void run_sequences(unsigned bits)
{
    static NativeCase c;
    Tally tally = { 0 };

    for (unsigned i = 0; i < cases * SEQUENCES_PER_CASE; i++) {
        uint64_t seed = first_seed + i;
        unsigned wanted;
        Kind kind;
        native_seed(seed * 0x100000 + (uint64_t)bits * 0x10000000000);
        jit.exact_float = native_below(2);
        wanted = 2 + native_below(6);
        kind = (Kind[]){ SEQUENCES, INTEGERS, INTEGERS, VECTORS }[native_below(4)];
        native_case_begin(&c, bits);
        while (c.insns < wanted && c.length < NATIVE_CODE_FULL) {
            NativeForm form = any_form(bits, kind);
            native_case_add(&c, &form);
        }
        switch (compare(&c, seed)) {
        case 0:
            tally.failed++;
            break;
        case 1:
            tally.compared++;
            break;
        default:
            tally.skipped++;
        }
        if (tally.failed == SEQUENCES_SHOWN) {
            break;
        }
    }
    g_test_message("%u-bit code, sequences: %u compared, %u not, %u differ", bits, tally.compared,
                   tally.skipped, tally.failed);
    if (tally.failed) {
        g_test_fail_printf("%u sequences differ", tally.failed);
    }
    g_assert_cmpuint(tally.compared, >, tally.skipped);
}

static void test_forms(gconstpointer what)
{
    unsigned bits = GPOINTER_TO_UINT(what) & ~7u;
    Kind kind = GPOINTER_TO_UINT(what) & 7;
    const char *why;

    if (!native_cpu_init(true, &why)) {
        g_test_skip(why);
        return;
    }
    if (!native_host_init(&why)) {
        g_test_skip(why);
        native_cpu_release();
        return;
    }
    if (bits == 16 && !native_host_has_segments()) {
        g_test_skip("the host has no 16-bit segments for programs");
    } else if (kind == SEQUENCES) {
        run_sequences(bits);
    } else {
        jit.exact_float = kind == EXACT_FLOAT;
        run_forms(bits, kind);
    }
    jit.exact_float = false;
    native_host_release();
    native_cpu_release();
}

int main(int argc, char **argv)
{
    const GOptionEntry entries[] = {
        { "cases", 0, 0, G_OPTION_ARG_INT, &cases, "of each form", "N" },
        { "seed", 0, 0, G_OPTION_ARG_INT64, &first_seed, "of the first case", "S" },
        { "form", 0, 0, G_OPTION_ARG_STRING, &only_form, "that one alone", "MNEMONIC" },
        { "report", 0, 0, G_OPTION_ARG_NONE, &report, "what was compared, by form", NULL },
        { NULL },
    };

    if (!program_options(entries, &argc, &argv)) {
        return 2;
    }
    g_test_init(&argc, &argv, NULL);
    for (unsigned bits = 64; bits >= 16; bits /= 2) {
        for (Kind kind = 0; kind < KINDS; kind++) {
            g_autofree char *name = g_strdup_printf("/jit-native/%s-%u", kind_names[kind], bits);
            g_test_add_data_func(name, GUINT_TO_POINTER(bits | kind), test_forms);
        }
    }
    return g_test_run();
}
