/* SPDX-License-Identifier: MIT */
/*
 * The decoder of the x86 guest against capstone: random bytes, and every opcode with every ModRM, are
 * instructions of the same length in 16-, 32- and 64-bit code. Where they differ for a reason, a
 * table has it.
 *
 * usage: test-jit-decode [--cases N] [--seed S] [--report]
 */
#include <string.h>

#include "accel/jit/x86/decode.h"
#include "base/disas.h"
#include "tests/unit/program-options.h"

static int cases = 20000;
static int64_t first_seed = 1;
static gboolean report;

/* Mnemonics of ours whose length, or existence, capstone sees in another way. */
static const struct {
    const char *mnemonic, *reason;
} known[] = {
    { "ud0", "capstone takes no ModRM; the SDM (volume 2, UD) has one" },
    { "ud1", "the same" },
};

static const char *reason_of(const X86Insn *insn)
{
    if (insn->rep && insn->prefix66) {
        return "66 beside F2 or F3: which counts differs by table of capstone's";
    }
    if (insn->code64 && insn->prefix66 && insn->row->flags & X86_ROW_F64) {
        return "66 shortens a branch's displacement on AMD's CPUs; on Intel's it is ignored";
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(known); i++) {
        if (!strcmp(known[i].mnemonic, insn->row->mnemonic)) {
            return known[i].reason;
        }
    }
    return NULL;
}

static bool next_byte(void *opaque, unsigned at, uint8_t *byte)
{
    *byte = ((const uint8_t *)opaque)[at];
    return true;
}

typedef struct Tally {
    unsigned same, known, differ, unknown_to_us, unknown_to_capstone;
} Tally;

static void check(const uint8_t *bytes, unsigned bits, Tally *tally)
{
    static const DisasMode modes[] = { DISAS_X86_16, DISAS_X86_32, DISAS_X86_64 };
    g_autoptr(GString) text = g_string_new(NULL);
    X86Insn insn;
    X86Decoded decoded = x86_decode(&insn, bits, next_byte, (void *)bytes);
    unsigned theirs = disas_print(modes[bits / 32], 0, bytes, DISAS_MAX_BYTES, text);
    bool no_insn = theirs == 0 || strstr(text->str, ".byte");

    if (decoded != X86_DECODED || !insn.row) {
        tally->unknown_to_us += !no_insn;
    } else if (no_insn) {
        tally->unknown_to_capstone++;
    } else if (theirs == insn.length) {
        tally->same++;
    } else if (reason_of(&insn)) {
        tally->known++;
    } else if (tally->differ++ < 20) {
        g_printerr("%u-bit: %s %s takes %u bytes, ours %u\n", bits, insn.row->mnemonic, text->str,
                   theirs, insn.length);
    }
}

static void finish(const Tally *tally, unsigned bits)
{
    g_test_message("%u-bit code: %u of the same length, %u known to differ, %u not; "
                   "%u only capstone's, %u only ours", bits, tally->same, tally->known,
                   tally->differ, tally->unknown_to_us, tally->unknown_to_capstone);
    g_assert_cmpuint(tally->same, >, 0);
    if (tally->differ) {
        g_test_fail_printf("%u lengths differ", tally->differ);
    }
}

static void test_random(gconstpointer data)
{
    unsigned bits = GPOINTER_TO_UINT(data);
    g_autoptr(GRand) rand = g_rand_new_with_seed((guint32)first_seed);
    Tally tally = { 0 };

    if (disas_unavailable()) {
        g_test_skip(disas_unavailable());
        return;
    }
    for (int i = 0; i < cases; i++) {
        uint8_t bytes[32];
        for (unsigned j = 0; j < sizeof(bytes); j++) {
            bytes[j] = (uint8_t)g_rand_int(rand);
        }
        check(bytes, bits, &tally);
    }
    finish(&tally, bits);
}

/* Every opcode of the three maps and every ModRM, with each mandatory prefix. */
static void test_enumerated(gconstpointer data)
{
    static const uint8_t prefixes[] = { 0, 0x66, 0xf2, 0xf3 };
    static const uint8_t maps[][2] = { { 0, 0 }, { 0x0f, 0 }, { 0x0f, 0x38 }, { 0x0f, 0x3a } };
    unsigned bits = GPOINTER_TO_UINT(data);
    Tally tally = { 0 };

    if (disas_unavailable()) {
        g_test_skip(disas_unavailable());
        return;
    }
    for (unsigned n = 0; n < 4 * 4 * 256 * 256; n++) {
        uint8_t bytes[32] = { 0 };
        unsigned at = 0, prefix = prefixes[n & 3], map = n >> 2 & 3, modrm = n >> 12;
        /* All forms of ModRM but not all registers, which say nothing new. */
        if ((modrm & 7) > 1 && (modrm & 7) != 4 && (modrm & 7) != 5 && modrm < 0xc0) {
            continue;
        }
        if (prefix && (modrm & 7 || (modrm > 0x38 && modrm < 0xc0))) {
            continue;
        }
        if (prefix) {
            bytes[at++] = (uint8_t)prefix;
        }
        for (unsigned i = 0; i < 2 && maps[map][i]; i++) {
            bytes[at++] = maps[map][i];
        }
        bytes[at++] = (uint8_t)(n >> 4);
        bytes[at] = (uint8_t)modrm;
        check(bytes, bits, &tally);
    }
    finish(&tally, bits);
}

static void print_report(void)
{
    unsigned vectors = 0, system = 0, undefined = 0;

    for (unsigned i = 0; i < x86_row_count; i++) {
        const X86Row *row = &x86_rows[i];
        vectors += row->of_vectors;
        system += (row->flags & X86_ROW_SYSTEM) != 0;
        undefined += g_str_has_prefix(row->mnemonic, "ud");
    }
    g_print("%u rows decoded, by opcode: %u of SIMD and x87, %u of integers; %u are the "
            "system's, %u are #UD by definition\n", x86_row_count, vectors,
            x86_row_count - vectors, system, undefined);
    for (unsigned map = 0; map < 4; map++) {
        for (unsigned vex = 0; vex < 2; vex++) {
            const uint16_t *starts = x86_row_starts[map][vex];
            unsigned none = 0;
            for (unsigned opcode = 0; opcode < 256; opcode++) {
                none += starts[opcode] == starts[opcode + 1];
            }
            g_print("%s%s: %u opcodes decoded, %u #UD\n", vex ? "VEX " : "",
                    (const char *[]){ "one byte", "0F", "0F38", "0F3A" }[map], 256 - none, none);
        }
    }
}

int main(int argc, char **argv)
{
    static const unsigned widths[] = { 16, 32, 64 };
    const GOptionEntry entries[] = {
        { "cases", 0, 0, G_OPTION_ARG_INT, &cases, "random instructions", "N" },
        { "seed", 0, 0, G_OPTION_ARG_INT64, &first_seed, "of those", "S" },
        { "report", 0, 0, G_OPTION_ARG_NONE, &report, "what is decoded", NULL },
        { NULL },
    };

    if (!program_options(entries, &argc, &argv)) {
        return 2;
    }
    if (report) {
        print_report();
        return 0;
    }
    g_test_init(&argc, &argv, NULL);
    for (unsigned i = 0; i < G_N_ELEMENTS(widths); i++) {
        g_autofree char *random = g_strdup_printf("/jit-decode/random-%u", widths[i]);
        g_autofree char *enumerated = g_strdup_printf("/jit-decode/enumerated-%u", widths[i]);
        g_test_add_data_func(random, GUINT_TO_POINTER(widths[i]), test_random);
        g_test_add_data_func(enumerated, GUINT_TO_POINTER(widths[i]), test_enumerated);
    }
    return g_test_run();
}
