/* SPDX-License-Identifier: MIT */
/*
 * The components of extended state that XSAVE keeps (Intel SDM volume 1, 13.1 and 13.4):
 * which features bring them and where they lie in the standard form.
 */
#ifndef ARCH_X86_XSAVE_H
#define ARCH_X86_XSAVE_H

#include "arch/x86/cpuid.h"

#define X86_XSAVE_LEGACY_SIZE 512u  /* the FXSAVE image */
#define X86_XSAVE_HEADER_SIZE 64u
#define X86_XSAVE_MIN_SIZE    (X86_XSAVE_LEGACY_SIZE + X86_XSAVE_HEADER_SIZE)

typedef struct X86XsaveComponent {
    uint8_t bit;          /* in XCR0, or in IA32_XSS when .supervisor */
    bool supervisor;
    const char *name;
    const char *features; /* any of these, separated by '|', brings it */
    uint32_t offset;      /* Intel's; a CPU may state another in leaf 0xd */
    uint32_t size;
    bool aligned;         /* begins at a multiple of 64 bytes in the compacted form */
} X86XsaveComponent;

extern const X86XsaveComponent x86_xsave_components[];
extern const size_t x86_xsave_component_count;

/* The components that a set of features brings: XCR0's, or IA32_XSS's. */
uint64_t x86_xsave_components_of(const X86FeatureSet *features, bool supervisor);

/* Size and offset of a component, as the accelerator's leaf 0xd or else Intel says. */
void x86_xsave_place(const X86CpuSupport *support, unsigned bit, uint32_t *offset,
                     uint32_t *size);

/* Whether it is aligned in the compacted form; by the same sources. */
bool x86_xsave_aligned(const X86CpuSupport *support, unsigned bit);

/*
 * Bytes of the standard form with the components of `xcr0`, and of the compacted form with
 * those of XCR0 | IA32_XSS: what EBX of leaves 0xd.0 and 0xd.1 say as the CPU runs.
 */
uint32_t x86_xsave_size(const X86CpuSupport *support, uint64_t xcr0);
uint32_t x86_xsave_compacted_size(const X86CpuSupport *support, uint64_t components);

#endif
