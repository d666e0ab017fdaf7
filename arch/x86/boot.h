/* SPDX-License-Identifier: MIT */
/*
 * Kernels that are started directly, without firmware: what a kernel file is, where it and
 * what it needs go in guest memory, and how the CPU enters it.
 *
 * - Linux bzImage: Linux Documentation/arch/x86/boot.rst, boot protocol 2.00 and later,
 *   32-bit and 64-bit entry; zero-page.rst.
 * - ELF with the PVH note XEN_ELFNOTE_PHYS32_ENTRY: Xen docs/misc/pvh.pandoc, hvm_start_info.
 * - Multiboot 0.6.96 (version 1), ELF32 or with addresses in its header.
 *
 * Files are hostile: every length and offset is checked, no address wraps, and nothing is
 * placed outside the RAM that the memory map names, or over another piece.
 *
 * Not modelled: Multiboot's video mode (the request is reported), drives, APM table and
 * section headers; zImage (loaded low); the EFI handover entry.
 */
#ifndef ARCH_X86_BOOT_H
#define ARCH_X86_BOOT_H

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/x86/state.h"

struct AddressSpace;

/* What the loader makes (tables, command line, information blocks) lies in here; the first
 * page above what real-mode code owns, the last below any EBDA. */
#define BOOT_AREA_START 0x10000u
#define BOOT_AREA_END   0x80000u

typedef enum BootFormat {
    BOOT_LINUX,
    BOOT_PVH,
    BOOT_MULTIBOOT,
} BootFormat;

typedef enum BootEntry {
    BOOT_ENTRY_AUTO,   /* the 64-bit one when kernel and CPU have it */
    BOOT_ENTRY_PROT32, /* protected mode, no paging, flat segments */
    BOOT_ENTRY_LONG64, /* long mode, the first 4 GiB mapped one to one */
} BootEntry;

#define BOOT_E820_RAM      1u
#define BOOT_E820_RESERVED 2u
#define BOOT_E820_ACPI     3u
#define BOOT_E820_NVS      4u
#define BOOT_E820_MAX      128u /* as many as the zero page holds */

typedef struct BootE820 {
    uint64_t address;
    uint64_t length;
    uint32_t type;
} BootE820;

/* An initrd, or a Multiboot or PVH module. */
typedef struct BootModule {
    const uint8_t *data;
    size_t size;
    const char *command_line; /* NULL: none. Multiboot: the file's name and its arguments */
} BootModule;

typedef struct BootRequest {
    const uint8_t *kernel;    /* the mapped file; must outlive the plan, as all data here */
    size_t kernel_size;
    const char *kernel_name;  /* for messages, and first on a Multiboot command line */
    const char *command_line; /* NULL: empty */
    const BootModule *modules; /* Linux takes one at most: the initrd */
    size_t module_count;
    const BootE820 *e820;     /* sorted, not overlapping; RAM entries say what may be used */
    size_t e820_count;
    bool long_mode;           /* the CPU has it */
    BootEntry entry;
    uint64_t rsdp;            /* where the ACPI root pointer lies; 0: none */
    const uint8_t *rng_seed;  /* for Linux, protocol 2.09 and later; NULL: none */
    size_t rng_seed_size;
} BootRequest;

/* ---- what a file is ---- */

typedef struct BootLinux {
    uint16_t protocol;        /* 0x020f is 2.15 */
    uint32_t setup_size;      /* boot sector and setup code, bytes from the file's start */
    uint32_t header_end;      /* of the setup header, offset in the file */
    uint64_t kernel_size;     /* what follows the setup code */
    bool loaded_high;         /* at 1 MiB or above: bzImage */
    bool protected_entry;     /* code32_start is not 0 */
    bool relocatable;
    bool entry_64;            /* has the 64-bit entry */
    bool above_4g;            /* initrd and command line may lie above 4 GiB */
    uint64_t preferred;       /* load address */
    uint32_t alignment;
    uint64_t init_size;       /* bytes from the load address that it uses at first */
    uint64_t initrd_max;      /* the highest address the initrd may take */
    uint32_t command_line_max; /* without the NUL */
    char version[64];         /* "6.1.0-18-cloud-amd64 …", or "" */
} BootLinux;

#define BOOT_ELF_SEGMENTS 64u

typedef struct BootElfSegment {
    uint64_t address;         /* physical */
    uint64_t linked;          /* virtual */
    uint64_t offset, size;    /* in the file */
    uint64_t memory_size;     /* at least `size`; the rest is zero */
} BootElfSegment;

typedef struct BootElf {
    bool is_64;
    uint64_t entry;
    unsigned count;
    BootElfSegment segment[BOOT_ELF_SEGMENTS];
    bool has_pvh;
    uint32_t pvh_entry;
} BootElf;

typedef struct BootMultiboot {
    uint32_t offset;          /* of the header */
    uint32_t flags;
    bool has_addresses;       /* the header says where to load */
    uint32_t load_address;
    uint64_t load_offset, load_size; /* in the file */
    uint32_t bss_size;
    uint32_t entry;
} BootMultiboot;

typedef struct BootImage {
    BootFormat format;
    BootLinux linux_image;    /* BOOT_LINUX */
    BootMultiboot multiboot;  /* BOOT_MULTIBOOT */
    BootElf elf;              /* BOOT_PVH, and BOOT_MULTIBOOT without addresses */
} BootImage;

/* Tells the format and reads and checks its headers. The data is not kept. */
bool boot_parse(const uint8_t *data, size_t size, BootImage *image, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* ---- the plan ---- */

typedef struct BootSegment {
    const char *name;         /* for messages */
    uint64_t address;
    const uint8_t *data;
    uint64_t size;            /* bytes of data */
    uint64_t zero;            /* bytes cleared behind them */
} BootSegment;

typedef struct BootPlan {
    BootImage image;
    BootEntry entry;          /* never BOOT_ENTRY_AUTO */
    GArray *segments;         /* of BootSegment */
    /* Registers at entry; all others as after reset. */
    uint64_t rip;
    uint64_t gpr[16];
    uint64_t cr3;             /* 0: no paging */
    X86DescriptorTable gdtr;
    uint64_t kernel_address;  /* of the lowest kernel byte */
    uint64_t kernel_end;      /* the first byte that it does not use */
    uint64_t initrd_address;  /* 0: none */
    uint64_t command_line_address;
    uint64_t info_address;    /* zero page, hvm_start_info or Multiboot information */
    GPtrArray *notes;         /* of char *: what the kernel asked for and does not get */
    const BootRequest *request;
    GPtrArray *owned;
} BootPlan;

/* The request and its data must outlive the plan. */
BootPlan *boot_plan_new(const BootRequest *request, GError **error) G_GNUC_WARN_UNUSED_RESULT;
void boot_plan_free(BootPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BootPlan, boot_plan_free)

/*
 * Writes the segments. `ram_is_zero` leaves out the clearing: memory that was never
 * written need not be touched. Fails, naming the piece, where the space has no RAM.
 */
bool boot_plan_load(const BootPlan *plan, struct AddressSpace *space, bool ram_is_zero,
                    GError **error) G_GNUC_WARN_UNUSED_RESULT;

/*
 * Puts a CPU, fresh from reset, where the kernel expects it: the bootstrap processor at the
 * entry, others waiting. All get what firmware would have set: caching on, memory
 * write-back by default, video memory and the hole from the end of low RAM (or 3.5 GiB) to
 * 4 GiB not cached, ROM write-protected (MTRRs).
 */
void boot_plan_apply(const BootPlan *plan, X86CpuState *state);

/* "16M kernel at 0x1000000 …", a line for each segment. */
void boot_plan_print(const BootPlan *plan, GString *out);

/* ---- through firmware ---- */

/* A bzImage for a boot loader in real mode: the parts, and where they belong. */
typedef struct BootSplit {
    uint8_t *setup;           /* the caller frees it; the header is filled in */
    uint32_t setup_size;
    uint32_t setup_address;
    const uint8_t *kernel;    /* in the request's data */
    uint64_t kernel_size;
    uint32_t kernel_address;
    uint32_t initrd_address;  /* 0: none */
    uint32_t command_line_address;
    uint32_t command_line_size; /* with its NUL */
} BootSplit;

/* Only for BOOT_LINUX; the e820 map bounds the initrd as in a plan. */
bool boot_split_linux(const BootRequest *request, BootSplit *split, GError **error)
    G_GNUC_WARN_UNUSED_RESULT;

/* ---- the option ---- */

/* "file args,file2 args": its parts; ",," is a comma. Free with g_strfreev(). */
char **boot_modules_split(const char *text);
/* The file of such a part: what stands before the first space; the caller frees it. */
char *boot_module_file(const char *part);

#endif
