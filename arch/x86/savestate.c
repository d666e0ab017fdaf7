/* SPDX-License-Identifier: MIT */
/* The state of a CPU as bytes. */
#include "arch/x86/savestate.h"

#include <inttypes.h>
#include <string.h>

#include "arch/x86/xsave.h"
#include "base/bits.h"
#include "base/error.h"

/* "x86s", version 1, and the bytes that follow. */
#define MAGIC       0x73363878u
#define VERSION     1u
#define HEADER_SIZE 12u

/* A record: set, 0, 0, 0; number; size; then the bytes. */
#define RECORD_SIZE 12u
#define SET_XSAVE   0xffu

static void put(GByteArray *out, uint64_t value, unsigned size)
{
    uint8_t bytes[8];

    store_le(bytes, value, size);
    g_byte_array_append(out, bytes, size);
}

static void put_record(GByteArray *out, uint8_t set, uint32_t number, uint32_t size)
{
    put(out, set, 4);
    put(out, number, 4);
    put(out, size, 4);
}

void x86_cpu_state_save(const X86CpuState *state, GByteArray *out)
{
    guint start = out->len;

    put(out, MAGIC, 4);
    put(out, VERSION, 4);
    put(out, 0, 4);
    for (size_t i = 0; i < x86_register_count; i++) {
        const X86Register *r = &x86_registers[i];
        uint64_t value = 0;

        if (r->component < 0 && x86_register_get(state, r, &value)) {
            put_record(out, r->set, r->number, r->width);
            put(out, value, r->width);
        }
    }
    put_record(out, SET_XSAVE, 0, state->xsave_size);
    g_byte_array_append(out, state->xsave, state->xsave_size);
    for (size_t i = 0; i < state->msr_count; i++) {
        const X86MsrValue *m = &state->msr[i];

        if (m->supported && !m->read_only) {
            put_record(out, X86_SET_MSR, m->index, 8);
            put(out, m->value, 8);
        }
    }
    store_le(out->data + start + 8, out->len - start - HEADER_SIZE, 4);
}

/* What has been read, until all of it is known to be good. */
typedef struct Loader {
    X86CpuState next;  /* a copy, with storage of its own */
    uint8_t *seen;     /* by the row of x86_registers[] */
    bool seen_xsave;
} Loader;

static bool load_xsave(Loader *l, const uint8_t *data, uint32_t size, GError **error)
{
    X86CpuState *s = &l->next;
    uint64_t components;

    if (size < X86_XSAVE_MIN_SIZE) {
        error_set(error, ERROR_INVALID, "an XSAVE image of %u bytes; %u at least", size,
                  X86_XSAVE_MIN_SIZE);
        return false;
    }
    components = load_le(data + X86_XSAVE_LEGACY_SIZE, 8) & ~3ull;
    for (unsigned bit = 2; bit < 64; bit++) {
        if (components >> bit & 1 && !s->xsave_offset[bit]) {
            error_set(error, ERROR_INVALID,
                      "the XSAVE image holds component %u, which this CPU has not got", bit);
            return false;
        }
    }
    for (uint32_t i = s->xsave_size; i < size; i++) {
        if (data[i]) {
            error_set(error, ERROR_INVALID,
                      "the XSAVE image has %u bytes, and this CPU keeps %u", size, s->xsave_size);
            return false;
        }
    }
    memset(s->xsave, 0, s->xsave_size);
    memcpy(s->xsave, data, MIN(size, s->xsave_size));
    l->seen_xsave = true;
    return true;
}

static bool load_register(Loader *l, const X86Register *r, const uint8_t *data, uint32_t size,
                          GError **error)
{
    size_t row = r - x86_registers;
    uint64_t value;

    if (r->component >= 0 || size != r->width) {
        error_set(error, ERROR_INVALID, "register %s of %u bytes, and it has %u", r->name, size,
                  r->width);
        return false;
    }
    value = load_le(data, size);
    if (l->seen[row]) {
        error_set(error, ERROR_INVALID, "register %s comes twice", r->name);
        return false;
    }
    if (r->set == X86_SET_EVENT && r->offset == offsetof(X86CpuState, mp_state) &&
        value > X86_MP_SIPI) {
        error_set(error, ERROR_INVALID, "mp_state %" PRIu64 " is unknown", value);
        return false;
    }
    l->seen[row] = 1;
    return x86_register_set(&l->next, r, value);
}

static bool load_msr(Loader *l, uint32_t index, const uint8_t *data, uint32_t size,
                     GError **error)
{
    X86MsrValue *m = x86_cpu_msr(&l->next, index);

    if (size != 8 || !m || !m->supported || m->read_only) {
        g_autofree char *name = x86_msr_name(index);

        error_set(error, ERROR_INVALID, "MSR 0x%x (%s) is not one that this CPU can restore",
                  index, name ? name : "unknown");
        return false;
    }
    m->value = load_le(data, 8);
    return true;
}

static bool load_record(Loader *l, uint32_t set, uint32_t number, const uint8_t *data,
                        uint32_t size, GError **error)
{
    const X86Register *r = set < X86_SET_COUNT ? x86_register_at(set, number) : NULL;

    if (set == SET_XSAVE) {
        return load_xsave(l, data, size, error);
    }
    if (r) {
        return load_register(l, r, data, size, error);
    }
    if (set == X86_SET_MSR) {
        return load_msr(l, number, data, size, error);
    }
    error_set(error, ERROR_INVALID, "register %u of set %u is unknown", number, set);
    return false;
}

static bool load_all(Loader *l, const uint8_t *data, size_t length, GError **error)
{
    size_t at = HEADER_SIZE;

    if (length < HEADER_SIZE || load_le(data, 4) != MAGIC || load_le(data + 4, 4) != VERSION) {
        error_set(error, ERROR_INVALID, "not the state of an x86 CPU, or of another version");
        return false;
    }
    if (load_le(data + 8, 4) != length - HEADER_SIZE) {
        error_set(error, ERROR_INVALID, "the state of the CPU is cut short");
        return false;
    }
    while (at < length) {
        uint32_t size = length - at >= RECORD_SIZE ? load_le(data + at + 8, 4) : 0;

        if (length - at < RECORD_SIZE || size > length - at - RECORD_SIZE) {
            error_set(error, ERROR_INVALID, "a record of the CPU's state is cut short");
            return false;
        }
        if (!load_record(l, load_le(data + at, 4), load_le(data + at + 4, 4),
                         data + at + RECORD_SIZE, size, error)) {
            return false;
        }
        at += RECORD_SIZE + size;
    }
    for (size_t i = 0; i < x86_register_count; i++) {
        if (x86_registers[i].component < 0 && !l->seen[i]) {
            error_set(error, ERROR_INVALID, "the state of the CPU lacks register %s",
                      x86_registers[i].name);
            return false;
        }
    }
    if (!l->seen_xsave) {
        error_set(error, ERROR_INVALID, "the state of the CPU lacks its XSAVE image");
        return false;
    }
    return true;
}

bool x86_cpu_state_load(X86CpuState *state, const uint8_t *data, size_t length, GError **error)
{
    Loader l = { .next = *state, .seen = g_new0(uint8_t, x86_register_count) };
    bool ok;

    l.next.xsave = g_memdup2(state->xsave, state->xsave_size);
    l.next.msr = g_memdup2(state->msr, state->msr_count * sizeof(X86MsrValue));
    ok = load_all(&l, data, length, error);
    if (ok) {
        memcpy(state->xsave, l.next.xsave, state->xsave_size);
        memcpy(state->msr, l.next.msr, state->msr_count * sizeof(X86MsrValue));
        g_free(l.next.xsave);
        g_free(l.next.msr);
        l.next.xsave = state->xsave;
        l.next.msr = state->msr;
        *state = l.next;
    } else {
        g_free(l.next.xsave);
        g_free(l.next.msr);
    }
    g_free(l.seen);
    return ok;
}
