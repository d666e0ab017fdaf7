/* SPDX-License-Identifier: MIT */
/* Starting kernels without firmware: the parts that all formats share. */
#include "arch/x86/boot.h"

#include <inttypes.h>
#include <string.h>

#include "arch/x86/boot-internal.h"
#include "base/bits.h"
#include "base/error.h"
#include "memory/space.h"

/* Selectors of the loader's table; Linux's __BOOT_CS and __BOOT_DS are these. */
#define SELECTOR_CODE 0x10
#define SELECTOR_DATA 0x18
#define SELECTOR_TSS  0x20

#define PTE_PRESENT BIT64(0)
#define PTE_WRITE   BIT64(1)
#define PTE_LARGE   BIT64(7)

#define MSR_MTRR_PHYSBASE0    0x200
#define MSR_MTRR_PHYSMASK0    0x201
#define MSR_MTRR_FIX64K_00000 0x250
#define MSR_MTRR_FIX16K_80000 0x258
#define MSR_MTRR_FIX16K_A0000 0x259
#define MSR_MTRR_FIX4K_C0000  0x268
#define MSR_MTRR_DEF_TYPE     0x2ff
#define MTRR_ENABLE           BIT64(11)   /* also of a variable range */
#define MTRR_FIXED            BIT64(10)
#define MTRR_UNCACHED         0
#define MTRR_WRITE_PROTECT    5
#define MTRR_WRITE_BACK       6

/* Devices lie below 4 GiB, from the end of RAM or from here on; eight pieces at the most. */
#define HOLE_LATEST 0xe0000000ull
#define HOLE_END    0x100000000ull
#define HOLE_STEP   (HOLE_END >> 8)

bool boot_parse(const uint8_t *data, size_t size, BootImage *image, GError **error)
{
    memset(image, 0, sizeof(*image));
    if (boot_is_linux(data, size)) {
        image->format = BOOT_LINUX;
        return boot_parse_linux(data, size, &image->linux_image, error);
    }
    if (boot_find_multiboot(data, size) >= 0) {
        image->format = BOOT_MULTIBOOT;
        return boot_parse_multiboot(data, size, &image->multiboot, error) &&
               (image->multiboot.has_addresses ||
                boot_parse_elf(data, size, &image->elf, error));
    }
    if (!boot_is_elf(data, size)) {
        error_set(error, ERROR_INVALID,
                  "not a kernel that can be started: neither a Linux bzImage, nor ELF, nor "
                  "Multiboot");
        return false;
    }
    image->format = BOOT_PVH;
    if (!boot_parse_elf(data, size, &image->elf, error)) {
        return false;
    }
    if (!image->elf.has_pvh) {
        error_set(error, ERROR_INVALID,
                  "an ELF kernel without a PVH note (XEN_ELFNOTE_PHYS32_ENTRY) and without a "
                  "Multiboot header; Linux needs CONFIG_PVH for that, or give its bzImage");
        return false;
    }
    return true;
}

/* ---- guest memory ---- */

bool boot_ram_holds(const BootRequest *request, uint64_t address, uint64_t size)
{
    uint64_t at = address, end;

    if (__builtin_add_overflow(address, size, &end)) {
        return false;
    }
    /* The map is sorted, so neighbours follow. */
    for (size_t i = 0; i < request->e820_count && at < end; i++) {
        const BootE820 *e = &request->e820[i];

        if (e->type == BOOT_E820_RAM && e->address <= at && at - e->address < e->length) {
            at = e->address + e->length;
        }
    }
    return at >= end;
}

static uint64_t segment_end(const BootSegment *s)
{
    return s->address + s->size + s->zero;
}

/* A piece that shares a byte with [address, address + size), or NULL. */
static const BootSegment *overlap(const BootPlan *plan, uint64_t address, uint64_t size)
{
    for (guint i = 0; i < plan->segments->len; i++) {
        const BootSegment *s = &g_array_index(plan->segments, BootSegment, i);

        if (address < segment_end(s) && s->address < address + size) {
            return s;
        }
    }
    return NULL;
}

bool boot_plan_add(BootPlan *plan, const char *name, uint64_t address, const void *data,
                   uint64_t size, uint64_t zero, GError **error)
{
    BootSegment segment = { .name = name, .address = address, .data = data, .size = size,
                            .zero = zero };
    const BootSegment *other;
    uint64_t whole;

    if (__builtin_add_overflow(size, zero, &whole) ||
        !boot_ram_holds(plan->request, address, whole)) {
        error_set(error, ERROR_INVALID,
                  "%s of %" G_GUINT64_FORMAT " bytes does not fit in RAM at 0x%" PRIx64
                  "; give the machine more memory (-m), or another kernel", name,
                  size > UINT64_MAX - zero ? UINT64_MAX : size + zero, address);
        return false;
    }
    other = overlap(plan, address, whole);
    if (other) {
        error_set(error, ERROR_INVALID,
                  "%s at 0x%" PRIx64 "..0x%" PRIx64 " lies over %s at 0x%" PRIx64 "..0x%" PRIx64,
                  name, address, address + whole - 1, other->name, other->address,
                  segment_end(other) - 1);
        return false;
    }
    if (whole) {
        g_array_append_val(plan->segments, segment);
    }
    return true;
}

void *boot_plan_alloc(BootPlan *plan, size_t size)
{
    void *memory = g_malloc0(size);

    g_ptr_array_add(plan->owned, memory);
    return memory;
}

void boot_plan_note(BootPlan *plan, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_ptr_array_add(plan->notes, g_strdup_vprintf(format, args));
    va_end(args);
}

/* Ends each free stretch of a RAM entry below its pieces: at most one step a piece. */
bool boot_plan_place_high(const BootPlan *plan, uint64_t size, uint64_t alignment, uint64_t low,
                          uint64_t last, uint64_t *address)
{
    for (size_t i = plan->request->e820_count; i-- > 0;) {
        const BootE820 *e = &plan->request->e820[i];
        uint64_t start = MAX(e->address, low), end = e->address + e->length;

        end = last == UINT64_MAX ? end : MIN(end, last + 1);
        while (e->type == BOOT_E820_RAM && end > start && end - start >= size) {
            uint64_t at = (end - size) & ~(alignment - 1);
            const BootSegment *s;

            if (at < start) {
                break;
            }
            s = overlap(plan, at, size);
            if (!s) {
                *address = at;
                return true;
            }
            end = s->address;
        }
    }
    return false;
}

bool boot_plan_place_low(const BootPlan *plan, uint64_t size, uint64_t alignment, uint64_t low,
                         uint64_t last, uint64_t *address)
{
    for (size_t i = 0; i < plan->request->e820_count; i++) {
        const BootE820 *e = &plan->request->e820[i];
        uint64_t at = MAX(e->address, low), end = e->address + e->length;

        end = last == UINT64_MAX ? end : MIN(end, last + 1);
        while (e->type == BOOT_E820_RAM && at < end) {
            const BootSegment *s;

            if (at > UINT64_MAX - alignment) {
                break;
            }
            at = (at + alignment - 1) & ~(alignment - 1);
            if (at > end || end - at < size) {
                break;
            }
            s = overlap(plan, at, size);
            if (!s) {
                *address = at;
                return true;
            }
            at = segment_end(s);
        }
    }
    return false;
}

/* ---- what the CPU needs ---- */

/* Six pages: one of level 4, one of level 3, four of level 2 with pages of 2 MiB. */
static bool add_page_tables(BootPlan *plan, GError **error)
{
    enum { PAGES = 6, ENTRIES = 512 };
    uint8_t *tables = boot_plan_alloc(plan, PAGES * BOOT_PAGE);

    store_le(tables, (BOOT_PAGE_TABLES + BOOT_PAGE) | PTE_PRESENT | PTE_WRITE, 8);
    for (unsigned i = 0; i < 4; i++) {
        store_le(tables + BOOT_PAGE + 8 * i,
                 (BOOT_PAGE_TABLES + (2 + i) * BOOT_PAGE) | PTE_PRESENT | PTE_WRITE, 8);
    }
    for (unsigned i = 0; i < 4 * ENTRIES; i++) {
        store_le(tables + 2 * BOOT_PAGE + 8 * i,
                 ((uint64_t)i << 21) | PTE_PRESENT | PTE_WRITE | PTE_LARGE, 8);
    }
    plan->cr3 = BOOT_PAGE_TABLES;
    return boot_plan_add(plan, "page tables", BOOT_PAGE_TABLES, tables, PAGES * BOOT_PAGE, 0,
                         error);
}

static uint32_t code_attributes(BootEntry entry)
{
    uint32_t type = 11 | X86_SEGMENT_S | X86_SEGMENT_P | X86_SEGMENT_G;

    return type | (entry == BOOT_ENTRY_LONG64 ? X86_SEGMENT_L : X86_SEGMENT_DB);
}

#define DATA_ATTRIBUTES (3 | X86_SEGMENT_S | X86_SEGMENT_P | X86_SEGMENT_G | X86_SEGMENT_DB)
#define TSS_ATTRIBUTES  (11 | X86_SEGMENT_P)
#define TSS_LIMIT       0x67

/* A descriptor (SDM volume 3, 3.4.5), of a limit counted as its G bit says. */
static uint64_t descriptor(uint32_t attributes, uint32_t limit)
{
    return (uint64_t)(attributes & 0xf0ff) << 40 | (uint64_t)(limit & 0xf0000) << 32 |
           (limit & 0xffff);
}

bool boot_plan_add_tables(BootPlan *plan, GError **error)
{
    enum { ENTRIES = 6 }; /* the TSS takes two in long mode */
    uint8_t *gdt = boot_plan_alloc(plan, 8 * ENTRIES);

    store_le(gdt + SELECTOR_CODE, descriptor(code_attributes(plan->entry), 0xfffff), 8);
    store_le(gdt + SELECTOR_DATA, descriptor(DATA_ATTRIBUTES, 0xfffff), 8);
    store_le(gdt + SELECTOR_TSS, descriptor(TSS_ATTRIBUTES, TSS_LIMIT), 8);
    plan->gdtr = (X86DescriptorTable){ .base = BOOT_GDT, .limit = 8 * ENTRIES - 1 };
    if (!boot_plan_add(plan, "GDT", BOOT_GDT, gdt, 8 * ENTRIES, 0, error)) {
        return false;
    }
    return plan->entry != BOOT_ENTRY_LONG64 || add_page_tables(plan, error);
}

bool boot_plan_add_command_line(BootPlan *plan, const char *text, uint64_t max, GError **error)
{
    uint64_t length = strlen(text);

    max = MIN(max, BOOT_TABLES - BOOT_COMMAND_LINE - 1);
    if (length > max) {
        error_set(error, ERROR_INVALID,
                  "the kernel's command line (-append) has %" G_GUINT64_FORMAT
                  " characters, and it takes %" G_GUINT64_FORMAT, length, max);
        return false;
    }
    plan->command_line_address = BOOT_COMMAND_LINE;
    return boot_plan_add(plan, "command line", BOOT_COMMAND_LINE, text, length + 1, 0, error);
}

/* ---- memory types: SDM volume 3, 12.11 ---- */

static void set_fixed_ranges(X86CpuState *state)
{
    static const struct {
        uint32_t index, count;
        uint8_t type;
    } ranges[] = {
        { MSR_MTRR_FIX64K_00000, 1, MTRR_WRITE_BACK },
        { MSR_MTRR_FIX16K_80000, 1, MTRR_WRITE_BACK },
        { MSR_MTRR_FIX16K_A0000, 1, MTRR_UNCACHED },
        { MSR_MTRR_FIX4K_C0000, 8, MTRR_WRITE_PROTECT },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
        for (unsigned n = 0; n < ranges[i].count; n++) {
            x86_cpu_msr_set(state, ranges[i].index + n,
                            ranges[i].type * UINT64_C(0x0101010101010101));
        }
    }
}

/* Where devices begin below 4 GiB. */
static uint64_t hole_start(const BootRequest *request)
{
    uint64_t start = HOLE_LATEST;

    for (size_t i = 0; i < request->e820_count; i++) {
        uint64_t end = request->e820[i].address + request->e820[i].length;
        if (request->e820[i].type == BOOT_E820_RAM && request->e820[i].address < HOLE_END) {
            start = MAX(start, MIN(end, HOLE_END));
        }
    }
    return start;
}

/* Pieces that are powers of two, each twice the one before: no more than a CPU has ranges. */
static void set_variable_ranges(X86CpuState *state, uint64_t start)
{
    uint64_t addresses = bits_mask(state->phys_bits);
    unsigned n = 0;

    start = (start + HOLE_STEP - 1) & ~(uint64_t)(HOLE_STEP - 1);
    while (start < HOLE_END) {
        uint64_t size = start & -start;

        x86_cpu_msr_set(state, MSR_MTRR_PHYSBASE0 + 2 * n, start | MTRR_UNCACHED);
        x86_cpu_msr_set(state, MSR_MTRR_PHYSMASK0 + 2 * n,
                        (~(size - 1) & addresses) | MTRR_ENABLE);
        start += size;
        n++;
    }
}

void boot_plan_apply(const BootPlan *plan, X86CpuState *state)
{
    bool wide = plan->entry == BOOT_ENTRY_LONG64;

    set_fixed_ranges(state);
    set_variable_ranges(state, hole_start(plan->request));
    x86_cpu_msr_set(state, MSR_MTRR_DEF_TYPE, MTRR_ENABLE | MTRR_FIXED | MTRR_WRITE_BACK);
    state->cr0 = X86_CR0_ET | (state->cr0 & ~(X86_CR0_CD | X86_CR0_NW));
    if (!state->bootstrap) {
        return;
    }
    memcpy(state->gpr, plan->gpr, sizeof(state->gpr));
    state->rip = plan->rip;
    state->rflags = X86_RFLAGS_FIXED;
    state->cr0 |= X86_CR0_PE;
    state->gdtr = plan->gdtr;
    state->idtr = (X86DescriptorTable){ 0 };
    for (unsigned i = X86_ES; i <= X86_GS; i++) {
        state->segment[i] = (X86Segment){ .selector = SELECTOR_DATA, .limit = UINT32_MAX,
                                          .attributes = DATA_ATTRIBUTES };
    }
    state->segment[X86_CS] = (X86Segment){ .selector = SELECTOR_CODE, .limit = UINT32_MAX,
                                           .attributes = code_attributes(plan->entry) };
    state->segment[X86_TR] = (X86Segment){ .selector = SELECTOR_TSS, .limit = TSS_LIMIT,
                                           .attributes = TSS_ATTRIBUTES };
    if (wide) {
        state->cr0 |= X86_CR0_PG;
        state->cr3 = plan->cr3;
        state->cr4 = X86_CR4_PAE;
        state->efer = X86_EFER_LME | X86_EFER_LMA;
    }
}

/* ---- the plan ---- */

static bool check_map(const BootRequest *request, GError **error)
{
    uint64_t end = 0;

    if (request->e820_count > BOOT_E820_MAX) {
        error_set(error, ERROR_INVALID, "a memory map of %zu entries; a kernel takes %u",
                  request->e820_count, BOOT_E820_MAX);
        return false;
    }
    for (size_t i = 0; i < request->e820_count; i++) {
        const BootE820 *e = &request->e820[i];

        if (e->address < end || __builtin_add_overflow(e->address, e->length, &end)) {
            error_set(error, ERROR_INVALID,
                      "the memory map is not sorted, or overlaps, at entry %zu (0x%" PRIx64 ")",
                      i, e->address);
            return false;
        }
    }
    return true;
}

static BootPlan *plan_new_empty(const BootRequest *request)
{
    BootPlan *plan = g_new0(BootPlan, 1);

    plan->request = request;
    plan->segments = g_array_new(FALSE, FALSE, sizeof(BootSegment));
    plan->notes = g_ptr_array_new_with_free_func(g_free);
    plan->owned = g_ptr_array_new_with_free_func(g_free);
    return plan;
}

static bool plan_fill(BootPlan *plan, GError **error)
{
    switch (plan->image.format) {
    case BOOT_LINUX:
        return boot_plan_linux(plan, error);
    case BOOT_PVH:
        return boot_plan_pvh(plan, error);
    default:
        return boot_plan_multiboot(plan, error);
    }
}

BootPlan *boot_plan_new(const BootRequest *request, GError **error)
{
    BootPlan *plan = plan_new_empty(request);

    if (!check_map(request, error) ||
        !boot_parse(request->kernel, request->kernel_size, &plan->image, error) ||
        !plan_fill(plan, error)) {
        if (request->kernel_name) {
            g_prefix_error(error, "kernel '%s': ", request->kernel_name);
        }
        boot_plan_free(plan);
        return NULL;
    }
    return plan;
}

void boot_plan_free(BootPlan *plan)
{
    if (plan) {
        g_array_unref(plan->segments);
        g_ptr_array_unref(plan->notes);
        g_ptr_array_unref(plan->owned);
        g_free(plan);
    }
}

bool boot_plan_load(const BootPlan *plan, struct AddressSpace *space, bool ram_is_zero,
                    GError **error)
{
    static const uint8_t zeros[64 * 1024];

    for (guint i = 0; i < plan->segments->len; i++) {
        const BootSegment *s = &g_array_index(plan->segments, BootSegment, i);
        uint64_t at = s->address + s->size, left = ram_is_zero ? 0 : s->zero;
        bool done = !s->size || address_space_write_rom(space, s->address, s->data, s->size);

        for (; done && left; left -= MIN(left, sizeof(zeros)), at += sizeof(zeros)) {
            done = address_space_write_rom(space, at, zeros, MIN(left, sizeof(zeros)));
        }
        if (!done) {
            error_set(error, ERROR_INVALID,
                      "%s: no RAM for its %" G_GUINT64_FORMAT " bytes at 0x%" PRIx64, s->name,
                      s->size + s->zero, s->address);
            return false;
        }
    }
    return true;
}

void boot_plan_print(const BootPlan *plan, GString *out)
{
    static const char *const formats[] = {
        [BOOT_LINUX] = "Linux bzImage", [BOOT_PVH] = "ELF with PVH entry",
        [BOOT_MULTIBOOT] = "Multiboot",
    };

    g_string_append_printf(out, "%s, %s entry at 0x%" PRIx64 "\n", formats[plan->image.format],
                           plan->entry == BOOT_ENTRY_LONG64 ? "64-bit" : "32-bit", plan->rip);
    for (guint i = 0; i < plan->segments->len; i++) {
        const BootSegment *s = &g_array_index(plan->segments, BootSegment, i);

        g_string_append_printf(out, "  0x%012" PRIx64 "..0x%012" PRIx64 " %s\n", s->address,
                               segment_end(s) - 1, s->name);
    }
    for (guint i = 0; i < plan->notes->len; i++) {
        g_string_append_printf(out, "  note: %s\n", (char *)g_ptr_array_index(plan->notes, i));
    }
}

/* ---- the option ---- */

char **boot_modules_split(const char *text)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new();
    g_autoptr(GString) part = g_string_new(NULL);

    for (; *text; text++) {
        if (*text == ',' && text[1] == ',') {
            text++;
        } else if (*text == ',') {
            g_ptr_array_add(parts, g_strdup(part->str));
            g_string_truncate(part, 0);
            continue;
        }
        g_string_append_c(part, *text);
    }
    if (part->len || parts->len) {
        g_ptr_array_add(parts, g_strdup(part->str));
    }
    g_ptr_array_add(parts, NULL);
    return (char **)g_ptr_array_free(g_steal_pointer(&parts), FALSE);
}

char *boot_module_file(const char *part)
{
    return g_strndup(part, strcspn(part, " "));
}
