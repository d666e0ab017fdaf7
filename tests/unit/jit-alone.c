/* SPDX-License-Identifier: MIT */
#include "tests/unit/jit-alone.h"

X86Jit *cpu;
int raised = -1;
jmp_buf raise_buffer;
uint8_t guest_memory[4096];

/* ---- what the functions need of the rest of the CPU ---- */

G_NORETURN void x86_raise_error(X86Jit *x86, unsigned vector, uint32_t error)
{
    x86_raise(x86, vector);
}

void x86_context_changed(X86Jit *x86)
{
}

void x86_set_ferr(X86Jit *x86, bool level)
{
}

G_NORETURN void x86_freeze(X86Jit *x86)
{
    x86_raise(x86, X86_MF);
}

void x86_check_alignment(X86Jit *x86, uint64_t address, unsigned to)
{
}

unsigned x86_unaligned_mode(const X86Jit *x86)
{
    return x86_data_mode(x86);
}

bool jit_float_is_exact(void)
{
    return true;
}

void jit_float_fold(JitCpu *core)
{
}

void jit_float_changed(JitCpu *core)
{
}

uint64_t jit_load(JitCpu *core, uint64_t address, unsigned size, unsigned mode)
{
    uint64_t value = 0;
    jit_load_bytes(core, address, &value, size, mode);
    return value;
}

void jit_store(JitCpu *core, uint64_t address, unsigned size, unsigned mode, uint64_t value)
{
    jit_store_bytes(core, address, &value, size, mode);
}

G_NORETURN void x86_raise(X86Jit *x86, unsigned vector)
{
    raised = vector;
    longjmp(raise_buffer, 1);
}

uint64_t x86_help_check_limit(X86Jit *x86, uint64_t segment, uint64_t offset, uint64_t size,
                              uint64_t write);
uint64_t x86_help_check_limit(X86Jit *x86, uint64_t segment, uint64_t offset, uint64_t size,
                              uint64_t write)
{
    return 0;
}

unsigned x86_data_mode(const X86Jit *x86)
{
    return X86_MODE_KERNEL;
}

void jit_load_bytes(JitCpu *core, uint64_t address, void *buffer, unsigned length, unsigned mode)
{
    g_assert_cmpuint(address + length, <=, sizeof(guest_memory));
    memcpy(buffer, guest_memory + address, length);
}

void jit_store_bytes(JitCpu *core, uint64_t address, const void *buffer, unsigned length,
                     unsigned mode)
{
    g_assert_cmpuint(address + length, <=, sizeof(guest_memory));
    memcpy(guest_memory + address, buffer, length);
}

void jit_probe(JitCpu *core, uint64_t address, unsigned length, JitAccess access, unsigned mode)
{
    g_assert_cmpuint(address + length, <=, sizeof(guest_memory));
}

/* ---- operands ---- */

static uint64_t random_state = 0x9e3779b97f4a7c15;

void seed_random(uint64_t seed)
{
    random_state = seed;
}

uint64_t next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* Words where arithmetic is special: of integers, singles, and the high halves of doubles. */
static const uint32_t special_words[] = {
    0, 0x80000000, 1, 0xffffffff, 0x7fffffff, 0x80008000, 0x7fff7fff, 0x7f800000, 0xff800000,
    0x7fc00001, 0x7f800001, 0xffc12345, 0x3f800000, 0xbf800000, 0x3f000000, 0x00800000, 0x007fffff,
    0x80000001, 0x7f7fffff, 0x4b000001, 0x4f000000, 0xcf000000, 0x7ff00000, 0xfff00000, 0x7ff80000,
    0x3ff00000, 0xbff00000, 0x3fe00000, 0x00100000, 0x000fffff, 0x7fefffff, 0x41e00000, 0xc1e00000,
    0x40200000, 0x3fc00000, 0x477ff000, 0x33800000, 0x387fe000,
};

void random_vector(X86Vector *v)
{
    unsigned kind = next_random() % 4;
    for (unsigned i = 0; i < 16; i++) {
        uint64_t r = next_random();
        if (kind == 0 || (kind == 3 && r & 64)) {
            v->u32[i] = r >> 32;
        } else if (kind == 2) { /* singles and halves of moderate size */
            v->f32[i] = (float)(int32_t)(r >> 32) / (float)(1u << (r & 31));
        } else {
            v->u32[i] = special_words[(r >> 8) % G_N_ELEMENTS(special_words)];
        }
    }
    if (kind == 2 && next_random() & 1) {
        for (unsigned i = 0; i < 8; i++) {
            double number = (double)(int64_t)next_random();
            v->f64[i] = number / (double)(1ull << (next_random() & 63));
        }
    }
    if (next_random() % 4 == 0) {
        v->u64[0] = next_random() & 0x7f; /* shift counts */
    }
}
