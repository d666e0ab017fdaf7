/* SPDX-License-Identifier: MIT */
#include "base/disas.h"

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>
#include <dlfcn.h>

#include "base/log.h"
#endif

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

/* ---- the library ---- */

/* What is used of it. */
static typeof(cs_open) *open_handle;
static typeof(cs_option) *set_option;
static typeof(cs_disasm) *disassemble;
static typeof(cs_free) *free_instructions;
static typeof(cs_close) *close_handle;

#ifdef CAPSTONE_LINKED
static char *load(void)
{
    open_handle = cs_open;
    set_option = cs_option;
    disassemble = cs_disasm;
    free_instructions = cs_free;
    close_handle = cs_close;
    return NULL;
}
#else
/*
 * Few runs disassemble anything, and the library's tables are 1.3 MiB that relocation makes each
 * process's own: half of what an idle machine would have. A version of the interface has its own name.
 */
#define LIBRARY "libcapstone.so." G_STRINGIFY(CS_API_MAJOR)

static char *load(void)
{
    const struct {
        const char *name;
        void *pointer;
    } functions[] = {
        { "cs_open", &open_handle },  { "cs_option", &set_option }, { "cs_disasm", &disassemble },
        { "cs_free", &free_instructions }, { "cs_close", &close_handle },
    };
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

    for (unsigned i = 0; library && i < G_N_ELEMENTS(functions); i++) {
        void *function = dlsym(library, functions[i].name);
        if (!function) {
            library = NULL;
        }
        *(void **)functions[i].pointer = function;
    }
    return library ? NULL : g_strdup_printf("the disassembler cannot be loaded: %s", dlerror());
}
#endif

const char *disas_unavailable(void)
{
    static char *reason;
    static gsize done;

    if (g_once_init_enter(&done)) {
        reason = load();
        if (reason) {
            report_warning("%s; code is shown as bytes", reason);
        }
        g_once_init_leave(&done, 1);
    }
    return reason;
}

/* ---- instructions ---- */

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
    if (disas_unavailable() ||
        open_handle(machines[mode].arch, machines[mode].mode, &handle) != CS_ERR_OK) {
        return print_data(address, bytes, out);
    }
    set_option(handle, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
    if (disassemble(handle, bytes, length, address, 1, &insn) == 1) {
        used = insn->size;
        print_bytes(address, bytes, used, out);
        g_string_append_printf(out, " %-8s %s", insn->mnemonic, insn->op_str);
        free_instructions(insn, 1);
    } else if (length >= DISAS_MAX_BYTES) {
        used = print_data(address, bytes, out);
    }
    close_handle(&handle);
    return used;
}
#else
const char *disas_unavailable(void)
{
    return "this program was built without a disassembler (capstone)";
}

unsigned disas_print(DisasMode mode, uint64_t address, const uint8_t *bytes, unsigned length,
                     GString *out)
{
    return length ? print_data(address, bytes, out) : 0;
}
#endif
