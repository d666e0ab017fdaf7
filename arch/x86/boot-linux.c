/* SPDX-License-Identifier: MIT */
/* Linux bzImage: Documentation/arch/x86/boot.rst and zero-page.rst. */
#include <inttypes.h>
#include <string.h>

#include "arch/x86/boot-internal.h"
#include "base/bits.h"
#include "base/error.h"

/* The setup header, by offset in the file and in the zero page alike. */
enum {
    SETUP_SECTS = 0x1f1,
    SYSSIZE = 0x1f4,
    VID_MODE = 0x1fa,
    BOOT_FLAG = 0x1fe,
    JUMP = 0x200,
    HEADER = 0x202,
    VERSION = 0x206,
    KERNEL_VERSION = 0x20e,
    TYPE_OF_LOADER = 0x210,
    LOADFLAGS = 0x211,
    CODE32_START = 0x214,
    RAMDISK_IMAGE = 0x218,
    RAMDISK_SIZE = 0x21c,
    HEAP_END_PTR = 0x224,
    CMD_LINE_PTR = 0x228,
    INITRD_ADDR_MAX = 0x22c,
    KERNEL_ALIGNMENT = 0x230,
    RELOCATABLE_KERNEL = 0x234,
    XLOADFLAGS = 0x236,
    CMDLINE_SIZE = 0x238,
    SETUP_DATA = 0x250,
    PREF_ADDRESS = 0x258,
    INIT_SIZE = 0x260,
    HEADER_LONGEST = 0x290, /* the zero page has other uses for what follows */
};

/* The zero page beyond the setup header. */
enum {
    ACPI_RSDP_ADDR = 0x070,
    EXT_RAMDISK_IMAGE = 0x0c0,
    EXT_RAMDISK_SIZE = 0x0c4,
    ALT_MEM_K = 0x1e0,
    E820_ENTRIES = 0x1e8,
    E820_TABLE = 0x2d0,
    EXT_MEM_K = 0x002,
    OLD_CL_MAGIC = 0x020,
    OLD_CL_OFFSET = 0x022,
};

#define HDRS             0x53726448u
#define LOADED_HIGH      0x01
#define CAN_USE_HEAP     0x80
#define XLF_KERNEL_64    BIT(0)
#define XLF_ABOVE_4G     BIT(1)
#define LOADER_UNDEFINED 0xff
#define SETUP_RNG_SEED   9
#define SECTOR           512
#define HIGH_LOAD        0x100000
#define ENTRY_64         0x200 /* from the load address */

bool boot_is_linux(const uint8_t *data, size_t size)
{
    return size >= VERSION + 2 && load_le(data + BOOT_FLAG, 2) == 0xaa55 &&
           load_le(data + HEADER, 4) == HDRS;
}

/* A header field of `width` bytes; 0 where the header is too short to have it. */
static uint64_t field(const uint8_t *data, const BootLinux *image, unsigned offset,
                      unsigned width)
{
    return offset + width <= image->header_end ? load_le(data + offset, width) : 0;
}

static void read_version(const uint8_t *data, size_t size, BootLinux *image)
{
    uint64_t at = field(data, image, KERNEL_VERSION, 2) + SECTOR;

    for (unsigned i = 0; at > SECTOR && i < sizeof(image->version) - 1; i++) {
        if (at + i >= MIN(size, image->setup_size) || !g_ascii_isprint(data[at + i])) {
            break;
        }
        image->version[i] = data[at + i];
    }
}

static bool check_sizes(const uint8_t *data, size_t size, BootLinux *image, GError **error)
{
    unsigned sectors = data[SETUP_SECTS] ? data[SETUP_SECTS] : 4;
    uint64_t stated;

    image->setup_size = (sectors + 1) * SECTOR;
    if (size <= image->setup_size) {
        error_set(error, ERROR_INVALID,
                  "a Linux kernel cut short: %u bytes of setup code alone, and the file has %zu",
                  image->setup_size, size);
        return false;
    }
    image->kernel_size = size - image->setup_size;
    stated = load_le(data + SYSSIZE, image->protocol >= 0x0204 ? 4 : 2) * 16;
    /* The last unit of 16 may be padding that the file leaves out. */
    if (stated > image->kernel_size + 15) {
        error_set(error, ERROR_INVALID,
                  "a Linux kernel cut short: it should have %" PRIu64 " bytes behind the setup "
                  "code, and has %" PRIu64, stated, image->kernel_size);
        return false;
    }
    return true;
}

static bool read_placement(const uint8_t *data, BootLinux *image, GError **error)
{
    image->preferred = HIGH_LOAD;
    image->alignment = BOOT_PAGE;
    image->init_size = image->kernel_size;
    if (image->protocol >= 0x0205) {
        image->relocatable = field(data, image, RELOCATABLE_KERNEL, 1);
        image->alignment = MAX(field(data, image, KERNEL_ALIGNMENT, 4), BOOT_PAGE);
    }
    if (image->protocol >= 0x020a) {
        image->preferred = field(data, image, PREF_ADDRESS, 8);
        image->init_size = MAX(field(data, image, INIT_SIZE, 4), image->kernel_size);
    }
    if (image->alignment & (image->alignment - 1)) {
        error_set(error, ERROR_INVALID,
                  "a Linux kernel with a damaged header: kernel_alignment 0x%x is no power of two",
                  image->alignment);
        return false;
    }
    if (image->preferred < HIGH_LOAD || image->preferred >= BOOT_4G) {
        error_set(error, ERROR_INVALID,
                  "a Linux kernel with a damaged header: pref_address 0x%" PRIx64
                  " lies outside of 1 MiB to 4 GiB", image->preferred);
        return false;
    }
    return true;
}

bool boot_parse_linux(const uint8_t *data, size_t size, BootLinux *image, GError **error)
{
    memset(image, 0, sizeof(*image));
    image->protocol = load_le(data + VERSION, 2);
    if (image->protocol < 0x0200) {
        error_set(error, ERROR_INVALID, "a Linux kernel of boot protocol %u.%02u; 2.00 is needed",
                  image->protocol >> 8, image->protocol & 0xff);
        return false;
    }
    /* The jump over the header tells its end. */
    image->header_end = MIN(HEADER + data[JUMP + 1], MIN(size, HEADER_LONGEST));
    if (!check_sizes(data, size, image, error)) {
        return false;
    }
    image->loaded_high = field(data, image, LOADFLAGS, 1) & LOADED_HIGH;
    /* Linux says where it loads itself; what only wears its header, as iPXE does, says 0. */
    image->protected_entry = field(data, image, CODE32_START, 4) != 0;
    if (image->protocol >= 0x020c) {
        uint64_t flags = field(data, image, XLOADFLAGS, 2);

        image->entry_64 = flags & XLF_KERNEL_64 && image->kernel_size > ENTRY_64;
        image->above_4g = flags & XLF_ABOVE_4G;
    }
    image->initrd_max = image->protocol >= 0x0203 ? field(data, image, INITRD_ADDR_MAX, 4)
                                                  : 0x37ffffff;
    image->command_line_max = image->protocol >= 0x0206 ? field(data, image, CMDLINE_SIZE, 4)
                                                        : 255;
    read_version(data, size, image);
    return read_placement(data, image, error);
}

/* ---- the plan ---- */

static bool choose_entry(BootPlan *plan, GError **error)
{
    const BootLinux *image = &plan->image.linux_image;
    BootEntry wanted = plan->request->entry;
    bool can = image->entry_64 && plan->request->long_mode;

    if (!image->loaded_high) {
        error_set(error, ERROR_INVALID,
                  "a Linux zImage, which loads below 1 MiB, starts only through firmware (-bios)");
        return false;
    }
    if (!image->protected_entry) {
        error_set(error, ERROR_INVALID,
                  "it has no entry in protected mode (its header's code32_start is 0), so it "
                  "starts only through firmware (-bios bios-256k.bin)");
        return false;
    }
    if (wanted == BOOT_ENTRY_LONG64 && !can) {
        error_set(error, ERROR_INVALID, "no 64-bit entry: %s",
                  image->entry_64 ? "the CPU has no 64-bit mode (lm)" : "the kernel has none");
        return false;
    }
    if (wanted == BOOT_ENTRY_AUTO) {
        wanted = can ? BOOT_ENTRY_LONG64 : BOOT_ENTRY_PROT32;
    }
    plan->entry = wanted;
    return true;
}

/* Where it prefers to run; else, when it can move, the lowest place that it fits in. */
static bool add_kernel(BootPlan *plan, GError **error)
{
    const BootRequest *request = plan->request;
    const BootLinux *image = &plan->image.linux_image;
    uint64_t at = image->preferred;

    if (!boot_ram_holds(request, at, image->init_size) && image->relocatable) {
        uint64_t place;

        if (boot_plan_place_low(plan, image->init_size, image->alignment, HIGH_LOAD, BOOT_4G - 1,
                                &place)) {
            at = place;
        }
    }
    if (!boot_ram_holds(request, at, image->init_size)) {
        error_set(error, ERROR_INVALID,
                  "it needs %" PRIu64 " MiB of RAM from 0x%" PRIx64
                  " to start, and the machine has not got them; give it more memory (-m)",
                  (image->init_size + (1 << 20) - 1) >> 20, at);
        return false;
    }
    plan->kernel_address = at;
    plan->kernel_end = at + image->init_size;
    plan->rip = plan->entry == BOOT_ENTRY_LONG64 ? at + ENTRY_64 : at;
    return boot_plan_add(plan, "kernel", at, request->kernel + image->setup_size,
                         image->kernel_size, 0, error);
}

/* As high as the kernel lets it: below 4 GiB first. */
static bool place_initrd(const BootPlan *plan, uint64_t size, uint64_t *address, GError **error)
{
    const BootLinux *image = &plan->image.linux_image;
    /* What the kernel uses at first is more than its file. */
    uint64_t low = plan->kernel_end;

    if (boot_plan_place_high(plan, size, BOOT_PAGE, low, MIN(image->initrd_max, BOOT_4G - 1),
                             address) ||
        (image->above_4g &&
         boot_plan_place_high(plan, size, BOOT_PAGE, BOOT_4G, UINT64_MAX, address))) {
        return true;
    }
    error_set(error, ERROR_INVALID,
              "the initrd of %" PRIu64 " bytes does not fit between the kernel's end at 0x%" PRIx64
              " and 0x%" PRIx64 "; give the machine more memory (-m)", size, low,
              image->initrd_max);
    return false;
}

static bool add_initrd(BootPlan *plan, GError **error)
{
    const BootModule *initrd = plan->request->modules;

    if (plan->request->module_count > 1) {
        error_set(error, ERROR_INVALID, "Linux takes one initrd, and %zu are given",
                  plan->request->module_count);
        return false;
    }
    if (!plan->request->module_count || !initrd->size) {
        return true;
    }
    return place_initrd(plan, initrd->size, &plan->initrd_address, error) &&
           boot_plan_add(plan, "initrd", plan->initrd_address, initrd->data, initrd->size, 0,
                         error);
}

/* The only link of the chain: random bytes for the kernel's generator. */
static bool add_setup_data(BootPlan *plan, uint8_t *zero_page, GError **error)
{
    const BootRequest *request = plan->request;
    uint8_t *node;

    if (!request->rng_seed || plan->image.linux_image.protocol < 0x0209) {
        return true;
    }
    if (request->rng_seed_size > BOOT_PAGE - 16) {
        error_set(error, ERROR_INVALID, "a random seed of %zu bytes; %u at most",
                  request->rng_seed_size, BOOT_PAGE - 16);
        return false;
    }
    node = boot_plan_alloc(plan, 16 + request->rng_seed_size);
    store_le(node + 8, SETUP_RNG_SEED, 4);
    store_le(node + 12, request->rng_seed_size, 4);
    memcpy(node + 16, request->rng_seed, request->rng_seed_size);
    store_le(zero_page + SETUP_DATA, BOOT_SETUP_DATA, 8);
    return boot_plan_add(plan, "random seed", BOOT_SETUP_DATA, node,
                         16 + request->rng_seed_size, 0, error);
}

/* KiB of RAM that follow 1 MiB without a gap. */
static uint64_t extended_kib(const BootRequest *request)
{
    uint64_t at = HIGH_LOAD;

    for (size_t i = 0; i < request->e820_count; i++) {
        const BootE820 *e = &request->e820[i];

        if (e->type == BOOT_E820_RAM && e->address <= at && at - e->address < e->length) {
            at = e->address + e->length;
        }
    }
    return (at - HIGH_LOAD) >> 10;
}

static void fill_memory(const BootRequest *request, uint8_t *zero_page)
{
    uint64_t kib = extended_kib(request);

    store_le(zero_page + EXT_MEM_K, MIN(kib, 0xfc00u), 2);
    store_le(zero_page + ALT_MEM_K, MIN(kib, UINT32_MAX), 4);
    zero_page[E820_ENTRIES] = request->e820_count;
    for (size_t i = 0; i < request->e820_count; i++) {
        uint8_t *entry = zero_page + E820_TABLE + 20 * i;

        store_le(entry, request->e820[i].address, 8);
        store_le(entry + 8, request->e820[i].length, 8);
        store_le(entry + 16, request->e820[i].type, 4);
    }
}

/* Before 2.02: a magic number and the distance from this very page. */
static void fill_old_command_line(uint8_t *page, uint32_t distance)
{
    store_le(page + OLD_CL_MAGIC, 0xa33f, 2);
    store_le(page + OLD_CL_OFFSET, distance, 2);
}

static bool add_zero_page(BootPlan *plan, GError **error)
{
    const BootRequest *request = plan->request;
    const BootLinux *image = &plan->image.linux_image;
    uint8_t *page = boot_plan_alloc(plan, BOOT_PAGE);
    uint64_t initrd = plan->initrd_address;
    uint64_t initrd_size = initrd ? request->modules->size : 0;

    memcpy(page + SETUP_SECTS, request->kernel + SETUP_SECTS, image->header_end - SETUP_SECTS);
    page[TYPE_OF_LOADER] = LOADER_UNDEFINED;
    page[LOADFLAGS] &= ~CAN_USE_HEAP;
    store_le(page + CODE32_START, plan->kernel_address, 4);
    store_le(page + RAMDISK_IMAGE, initrd, 4);
    store_le(page + RAMDISK_SIZE, initrd_size, 4);
    store_le(page + EXT_RAMDISK_IMAGE, initrd >> 32, 4);
    store_le(page + EXT_RAMDISK_SIZE, initrd_size >> 32, 4);
    if (image->protocol >= 0x0202) {
        store_le(page + CMD_LINE_PTR, plan->command_line_address, 4);
    } else {
        fill_old_command_line(page, plan->command_line_address - BOOT_INFO);
    }
    store_le(page + ACPI_RSDP_ADDR, request->rsdp, 8);
    fill_memory(request, page);
    plan->info_address = BOOT_INFO;
    return add_setup_data(plan, page, error) &&
           boot_plan_add(plan, "zero page", BOOT_INFO, page, BOOT_PAGE, 0, error);
}

bool boot_plan_linux(BootPlan *plan, GError **error)
{
    const char *text = plan->request->command_line ? plan->request->command_line : "";

    if (!choose_entry(plan, error) || !boot_plan_add_tables(plan, error) ||
        !boot_plan_add_command_line(plan, text, plan->image.linux_image.command_line_max,
                                    error) ||
        !add_kernel(plan, error) || !add_initrd(plan, error) || !add_zero_page(plan, error)) {
        return false;
    }
    plan->gpr[X86_RSI] = plan->info_address;
    return true;
}

/* ---- through firmware ---- */

/* As a real-mode loader fills the header in (boot.rst, "Sample boot configuration"). */
static void fill_setup(const BootLinux *image, const BootRequest *request, BootSplit *split)
{
    uint8_t *setup = split->setup;
    bool initrd = split->initrd_address;

    setup[TYPE_OF_LOADER] = LOADER_UNDEFINED;
    if (image->protocol >= 0x0201) {
        setup[LOADFLAGS] |= CAN_USE_HEAP;
        /* The heap ends below the command line, from the segment's start less 0x200. */
        store_le(setup + HEAP_END_PTR,
                 split->command_line_address - split->setup_address - 0x200, 2);
    }
    if (initrd) {
        store_le(setup + RAMDISK_IMAGE, split->initrd_address, 4);
        store_le(setup + RAMDISK_SIZE, request->modules->size, 4);
    }
    if (image->protocol >= 0x0202) {
        store_le(setup + CMD_LINE_PTR, split->command_line_address, 4);
    } else {
        fill_old_command_line(setup, split->command_line_address - split->setup_address);
    }
}

bool boot_split_linux(const BootRequest *request, BootSplit *split, GError **error)
{
    const char *text = request->command_line ? request->command_line : "";
    BootPlan plan = { .request = request, .segments = g_array_new(FALSE, FALSE,
                                                                  sizeof(BootSegment)) };
    BootLinux *image = &plan.image.linux_image;
    uint64_t initrd = 0;
    bool ok = false;

    memset(split, 0, sizeof(*split));
    if (!boot_is_linux(request->kernel, request->kernel_size)) {
        error_set(error, ERROR_INVALID, "not a Linux bzImage");
    } else if (!boot_parse_linux(request->kernel, request->kernel_size, image, error)) {
        /* the error is set */
    } else if (strlen(text) > image->command_line_max) {
        error_set(error, ERROR_INVALID,
                  "the kernel's command line (-append) has %zu characters, and it takes %u",
                  strlen(text), image->command_line_max);
    } else {
        image->above_4g = false;
        plan.kernel_end = HIGH_LOAD + image->init_size;
        ok = !request->module_count || !request->modules->size ||
             place_initrd(&plan, request->modules->size, &initrd, error);
    }
    g_array_unref(plan.segments);
    if (!ok) {
        return false;
    }
    *split = (BootSplit){
        .setup = g_memdup2(request->kernel, image->setup_size),
        .setup_size = image->setup_size,
        .setup_address = 0x10000,
        .kernel = request->kernel + image->setup_size,
        .kernel_size = image->kernel_size,
        .kernel_address = image->loaded_high ? HIGH_LOAD : 0x10000,
        .initrd_address = initrd,
        .command_line_address = 0x20000,
        .command_line_size = strlen(text) + 1,
    };
    if (!image->loaded_high) {
        /* zImage lies where the setup code would; that goes to the top of low memory. */
        split->setup_address = 0x90000;
        split->command_line_address = 0x9a000 - MIN(split->command_line_size, 0x1000u);
    }
    fill_setup(image, request, split);
    return true;
}
