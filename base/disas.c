/* SPDX-License-Identifier: MIT */
#include "base/disas.h"


#define BYTES_SHOWN 8    /* in the column; longer instructions push the text aside */

static void print_bytes(uint64_t address, const uint8_t *bytes, unsigned count, GString *out)
{
    g_string_append_printf(out, "0x%08" G_GINT64_MODIFIER "x:  ", address);
    for (unsigned i = 0; i < MAX(count, BYTES_SHOWN); i++) {
        if (i < count) {
            g_string_append_printf(out, "%02x ", bytes[i]);
        } else {
            g_string_append(out, "   ");
        }
    }
}

static unsigned print_data(uint64_t address, const uint8_t *bytes, GString *out)
{
    print_bytes(address, bytes, 1, out);
    g_string_append_printf(out, " %-8s 0x%02x", ".byte", bytes[0]);
    return 1;
}

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>

bool disas_available(void)
{
    return true;
}

static const struct {
    cs_arch arch;
    cs_mode mode;
} machines[] = {
    [DISAS_X86_16] = { CS_ARCH_X86, CS_MODE_16 },
    [DISAS_X86_32] = { CS_ARCH_X86, CS_MODE_32 },
    [DISAS_X86_64] = { CS_ARCH_X86, CS_MODE_64 },
};

unsigned disas_print(DisasMode mode, uint64_t address, const uint8_t *bytes, unsigned length,
                     GString *out)
{
    cs_insn *insn = NULL;
    unsigned used = 0;
    csh handle;

    if (!length) {
        return 0;
    }
    if (cs_open(machines[mode].arch, machines[mode].mode, &handle) != CS_ERR_OK) {
        return print_data(address, bytes, out);
    }
    cs_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    if (cs_disasm(handle, bytes, length, address, 1, &insn) == 1) {
        used = insn->size;
        print_bytes(address, bytes, used, out);
        g_string_append_printf(out, " %-8s %s", insn->mnemonic, insn->op_str);
        cs_free(insn, 1);
    } else if (length >= DISAS_MAX_BYTES) {
        used = print_data(address, bytes, out);
    }
    cs_close(&handle);
    return used;
}
#else
bool disas_available(void)
{
    return false;
}

unsigned disas_print(DisasMode mode, uint64_t address, const uint8_t *bytes, unsigned length,
                     GString *out)
{
    return length ? print_data(address, bytes, out) : 0;
}
#endif
