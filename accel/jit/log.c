/* SPDX-License-Identifier: MIT */
/* What is told of blocks: -d in_asm, op, op_opt, out_asm, exec, cpu, and the map of code for
 * perf. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "accel/jit/host.h"
#include "base/disas.h"
#include "base/error.h"
#include "base/log.h"

/* ---- code as text ---- */

static void print_code(GString *text, DisasMode mode, uint64_t address, const uint8_t *bytes,
                       size_t length)
{
    while (length) {
        unsigned used = disas_print(mode, address, bytes, MIN(length, DISAS_MAX_BYTES), text);
        if (!used) {
            /* Too few bytes for an instruction: what is left is data. */
            g_string_append_printf(text, "0x%08" PRIx64 ":  %02x", address, *bytes);
            used = 1;
        }
        g_string_append_c(text, '\n');
        address += used;
        bytes += used;
        length -= used;
    }
}

/* The bytes that were translated from `pc` on; as many as lie in memory, and not more than
 * `most`. */
static GByteArray *guest_code(const JitTranslation *t, uint64_t pc, uint64_t most)
{
    GByteArray *bytes = g_byte_array_new();

    for (; pc != t->end && bytes->len < most; pc++) {
        const uint8_t *page = t->page[(pc ^ t->context.pc) & JIT_PAGE_MASK ? 1 : 0];
        if (!page) {
            break;
        }
        g_byte_array_append(bytes, page + (pc & ~JIT_PAGE_MASK), 1);
    }
    return bytes;
}

static DisasMode disas_mode(const JitTranslation *t)
{
    const JitArch *arch = t->cpu->arch;

    return arch->disas_mode ? arch->disas_mode(&t->context) : DISAS_X86_64;
}

/* In the order in which a trace has its instructions, up to where it comes to its first one
 * again. */
static void print_trace(GString *text, const JitTranslation *t)
{
    bool began = false;

    for (unsigned i = 0; i < t->ir->count; i++) {
        const IrOp *op = &t->ir->ops[i];
        if (op->opcode != IR_INSN) {
            continue;
        }
        if (began && op->imm == t->context.pc) {
            g_string_append(text, "(and again)\n");
            return;
        }
        began = true;
        GByteArray *bytes = guest_code(t, op->imm, DISAS_MAX_BYTES);
        unsigned used = disas_print(disas_mode(t), op->imm, bytes->data, bytes->len, text);
        g_string_append(text, used ? "\n" : "");
        g_byte_array_unref(bytes);
    }
}

static void log_guest_code(const JitTranslation *t)
{
    g_autoptr(GString) text = g_string_new("----------------\n");

    g_string_append(text, t->trace ? "IN (often):\n" : "IN:\n");
    if (t->trace) {
        print_trace(text, t);
    } else {
        GByteArray *bytes = guest_code(t, t->context.pc, UINT64_MAX);
        print_code(text, disas_mode(t), t->context.pc, bytes->data, bytes->len);
        if (bytes->len < t->end - t->context.pc) {
            g_string_append(text, "(not all of it is in memory)\n");
        }
        g_byte_array_unref(bytes);
    }
    log_write(LOG_IN_ASM, "%s", text->str);
}

static void log_ops(const JitTranslation *t, LogItem item, const char *title)
{
    g_autoptr(GString) text = g_string_new(NULL);

    ir_print(t->ir, text);
    log_write(item, "%s: 0x%" PRIx64 " flags 0x%x\n%s", title, t->context.pc, t->context.flags,
              text->str);
}

void jit_log_optimized(const JitTranslation *t)
{
    if (log_address_wanted(t->context.pc)) {
        log_ops(t, LOG_OP_OPT, "OP_OPT");
    }
}

void jit_log_translated(const JitTranslation *t)
{
    if (!log_address_wanted(t->context.pc)) {
        return;
    }
    if (log_enabled(LOG_IN_ASM)) {
        log_guest_code(t);
    }
    if (log_enabled(LOG_OP)) {
        log_ops(t, LOG_OP, "OP");
    }
}

/* Hosts that have a back end have a disassembler's name here. */
static void print_host_code(GString *text, const void *code, size_t bytes)
{
#ifdef __x86_64__
    print_code(text, DISAS_X86_64, (uintptr_t)code, code, bytes);
#endif
}

static void log_host_code(const JitBlock *block, const JitHostCode *code)
{
    g_autoptr(GString) text = g_string_new(NULL);

    g_string_printf(text, "OUT: [size=%zu] guest 0x%" PRIx64 "\n",
                    code->hot_bytes + code->cold_bytes, block->pc);
    print_host_code(text, code->hot, code->hot_bytes);
    if (code->cold_bytes) {
        g_string_append(text, "  -- seldom executed\n");
        print_host_code(text, code->cold, code->cold_bytes);
    }
    log_write(LOG_OUT_ASM, "%s", text->str);
}

/* ---- perf ---- */

static FILE *perf_map;

bool jit_perf_map_open(GError **error)
{
    g_autofree char *path = g_strdup_printf("/tmp/perf-%d.map", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);

    perf_map = fd < 0 ? NULL : fdopen(fd, "w");
    if (!perf_map) {
        error_set_errno(error, errno, "cannot write perf's map of code '%s'", path);
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    setvbuf(perf_map, NULL, _IOLBF, 0);
    return true;
}

void jit_perf_map_close(void)
{
    g_clear_pointer(&perf_map, fclose);
}

void jit_perf_map_add(const void *code, size_t bytes, const char *name)
{
    if (perf_map) {
        fprintf(perf_map, "%" PRIxPTR " %zx %s\n", (uintptr_t)code, bytes, name);
    }
}

void jit_log_compiled(const JitBlock *block, const JitHostCode *code)
{
    if (log_enabled(LOG_OUT_ASM) && block->code && log_address_wanted(block->pc)) {
        log_host_code(block, code);
    }
    if (perf_map && block->code) {
        g_autofree char *name = g_strdup_printf("guest:0x%" PRIx64, block->pc);
        jit_perf_map_add(code->hot, code->hot_bytes, name);
        jit_perf_map_add(code->cold, code->cold_bytes, name);
    }
}

/* ---- execution ---- */

void jit_log_entered(JitCpu *cpu, const JitBlock *block)
{
    if (!log_address_wanted(block->pc)) {
        return;
    }
    log_write(LOG_EXEC, "Trace %u: %p [%016" PRIx64 "/%016" PRIx64 "/%08x/%u]",
              cpu->vcpu.cpu->index, block->code, block->base, block->pc, block->flags,
              block->mode);
    if (log_enabled(LOG_CPU) && cpu->arch->print) {
        g_autoptr(GString) text = g_string_new(NULL);
        cpu->arch->print(cpu, text);
        log_write(LOG_CPU, "%s", text->str);
    }
}
