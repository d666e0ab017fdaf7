/* SPDX-License-Identifier: MIT */
/* The components of extended state. */
#include "arch/x86/xsave.h"

#include <string.h>

const X86XsaveComponent x86_xsave_components[] = {
    { 0, false, "x87", "xsave", 0, 160 },
    { 1, false, "sse", "xsave", 160, 256 },
    { 2, false, "avx", "avx", 576, 256 },
    { 3, false, "bndregs", "mpx", 960, 64 },
    { 4, false, "bndcsr", "mpx", 1024, 64 },
    { 5, false, "opmask", "avx512f", 1088, 64 },
    { 6, false, "zmm_hi256", "avx512f", 1152, 512 },
    { 7, false, "hi16_zmm", "avx512f", 1664, 1024 },
    { 8, true, "pt", "intel-pt", 0, 128 },
    { 9, false, "pkru", "pku", 2688, 8 },
    { 11, true, "cet_u", "cet-ss|cet-ibt", 0, 16 },
    { 12, true, "cet_s", "cet-ss|cet-ibt", 0, 24 },
    { 14, true, "uintr", "uintr", 0, 48 },
    { 15, true, "lbr", "arch-lbr", 0, 808 },
    { 17, false, "tilecfg", "amx-tile", 2752, 64, true },
    { 18, false, "tiledata", "amx-tile", 2816, 8192, true },
};
const size_t x86_xsave_component_count = G_N_ELEMENTS(x86_xsave_components);

static bool has_any(const X86FeatureSet *set, const char *names)
{
    while (*names) {
        size_t n = strcspn(names, "|");
        const X86FeatureInfo *f = x86_feature_find(names, n);

        g_assert(f);
        if (x86_feature_set_has_bit(set, f->word, f->bit)) {
            return true;
        }
        names += n + (names[n] == '|');
    }
    return false;
}

uint64_t x86_xsave_components_of(const X86FeatureSet *features, bool supervisor)
{
    uint64_t mask = 0;

    if (!x86_feature_set_has(features, supervisor ? "xsaves" : "xsave")) {
        return 0;
    }
    for (size_t i = 0; i < x86_xsave_component_count; i++) {
        const X86XsaveComponent *c = &x86_xsave_components[i];

        if (c->supervisor == supervisor && has_any(features, c->features)) {
            mask |= 1ull << c->bit;
        }
    }
    return mask;
}

void x86_xsave_place(const X86CpuSupport *support, unsigned bit, uint32_t *offset,
                     uint32_t *size)
{
    const X86CpuidEntry *e = bit > 1 ? x86_cpu_support_entry(support, 0xd, bit) : NULL;

    *offset = *size = 0;
    if (e && e->eax) {
        *offset = e->ebx;
        *size = e->eax;
        return;
    }
    for (size_t i = 0; i < x86_xsave_component_count; i++) {
        if (x86_xsave_components[i].bit == bit) {
            *offset = x86_xsave_components[i].offset;
            *size = x86_xsave_components[i].size;
        }
    }
}

uint32_t x86_xsave_size(const X86CpuSupport *support, uint64_t xcr0)
{
    uint32_t end = X86_XSAVE_MIN_SIZE;

    for (unsigned bit = 2; bit < 63; bit++) {
        uint32_t offset, size;

        if (xcr0 >> bit & 1) {
            x86_xsave_place(support, bit, &offset, &size);
            end = MAX(end, offset + size);
        }
    }
    return end;
}

bool x86_xsave_aligned(const X86CpuSupport *support, unsigned bit)
{
    enum { ALIGNED = 1 << 1 };   /* of ECX */
    const X86CpuidEntry *e = bit > 1 ? x86_cpu_support_entry(support, 0xd, bit) : NULL;

    if (e && e->eax) {
        return e->ecx & ALIGNED;
    }
    for (size_t i = 0; i < x86_xsave_component_count; i++) {
        if (x86_xsave_components[i].bit == bit) {
            return x86_xsave_components[i].aligned;
        }
    }
    return false;
}

/* SDM volume 1, 13.4.3. */
uint32_t x86_xsave_compacted_size(const X86CpuSupport *support, uint64_t components)
{
    uint32_t end = X86_XSAVE_MIN_SIZE;

    for (unsigned bit = 2; bit < 63; bit++) {
        uint32_t offset, size;

        if (components >> bit & 1) {
            x86_xsave_place(support, bit, &offset, &size);
            end = (x86_xsave_aligned(support, bit) ? (end + 63) & ~63u : end) + size;
        }
    }
    return end;
}
