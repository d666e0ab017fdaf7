/* SPDX-License-Identifier: MIT */
/* Guest memory and I/O ports, looked at from outside. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/hostmem.h"
#include "base/bits.h"
#include "base/fdset.h"
#include "hw/core/machine.h"
#include "monitor/cpu-access.h"
#include "monitor/hmp.h"
#include "monitor/modules.h"

#define LINE_BYTES 16
/* Of one command: more is a file's work (memsave). */
#define MAX_DUMP_ITEMS 65536
#define CHUNK 4096

/* Where bytes come from: a CPU's virtual memory, or, without one, physical memory. */
static bool read_from(Cpu *cpu, uint64_t address, void *buffer, uint64_t length)
{
    return cpu ? cpu_read_virtual(cpu, address, buffer, length)
               : machine_read_physical(address, buffer, length);
}

/* ---- backends ---- */

static bool add_backend(Object *object, void *opaque)
{
    g_auto(GVariantBuilder) info = DICT_INIT;
    const MemoryBackend *backend = MEMORY_BACKEND(object);

    if (!object_is(object, "memory-backend")) {
        return true;
    }
    dict_str(&info, "id", object->name);
    dict_uint(&info, "size", backend->size);
    dict_bool(&info, "merge", backend->merge);
    dict_bool(&info, "dump", backend->dump);
    dict_bool(&info, "prealloc", backend->prealloc);
    dict_bool(&info, "share", backend->share);
    /* Memory comes from whichever node the host chooses. */
    dict_value(&info, "host-nodes", g_variant_new_array(G_VARIANT_TYPE("v"), NULL, 0));
    dict_str(&info, "policy", "default");
    list_value(opaque, g_variant_builder_end(&info));
    return true;
}

static GVariant *query_memdev(Monitor *monitor, GVariant *args, GError **error)
{
    g_auto(GVariantBuilder) list = LIST_INIT;

    object_foreach(object_root(), add_backend, &list);
    return g_variant_builder_end(&list);
}

static bool print_backend(Object *object, void *monitor)
{
    const MemoryBackend *backend = MEMORY_BACKEND(object);

    if (object_is(object, "memory-backend")) {
        monitor_printf(monitor, "memory backend: %s\n  size:  %" PRIu64 "\n  merge: %s\n"
                       "  dump: %s\n  prealloc: %s\n  share: %s\n  policy: default\n\n",
                       object->name, backend->size, backend->merge ? "true" : "false",
                       backend->dump ? "true" : "false", backend->prealloc ? "true" : "false",
                       backend->share ? "true" : "false");
    }
    return true;
}

static void info_memdev(Monitor *monitor, GVariant *args, GError **error)
{
    object_foreach(object_root(), print_backend, monitor);
}

/* ---- to a file ---- */

static bool write_all(int fd, const void *data, size_t length, const char *path, GError **error)
{
    const char *at = data;

    while (length) {
        ssize_t done = write(fd, at, length);
        if (done < 0 && errno != EINTR) {
            error_set_errno(error, errno, "writing memory to '%s' failed", path);
            return false;
        }
        if (done > 0) {
            at += done;
            length -= done;
        }
    }
    return true;
}

/* Where nothing answers physical memory is saved as zeros, but not without end. */
#define MAX_HOLE (4ull << 30)

static bool save(Cpu *cpu, uint64_t address, uint64_t size, const char *path, GError **error)
{
    int fd = file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666, error);
    uint64_t from = address, left = size, hole = 0;
    uint8_t buffer[CHUNK];
    bool good = fd >= 0;

    while (good && left) {
        uint64_t piece = MIN(left, CHUNK - from % CHUNK);
        if (read_from(cpu, from, buffer, piece)) {
            hole = 0;
        } else if (!cpu && (hole += piece) <= MAX_HOLE) {
            memset(buffer, 0, piece);
        } else {
            error_set(error, ERROR_FAILED, "Invalid addr 0x%016" PRIx64 "/size %" PRIu64
                      " specified", address, size);
            good = false;
        }
        good = good && write_all(fd, buffer, piece, path, error);
        from += piece;
        left -= piece;
    }
    if (fd >= 0 && close(fd) < 0 && good) {
        error_set_errno(error, errno, "writing memory to '%s' failed", path);
        good = false;
    }
    return good;
}

static GVariant *memsave(Monitor *monitor, GVariant *args, GError **error)
{
    int64_t index = args_int(args, "cpu-index", monitor_cpu(monitor));
    Cpu *cpu;

    if (index < 0 || index >= cpu_count()) {
        error_set(error, ERROR_INVALID, "Parameter 'cpu-index' expects a CPU number");
        return NULL;
    }
    cpu = cpu_for_index(index, error);
    return no_result(cpu && save(cpu, args_uint(args, "val", 0), args_uint(args, "size", 0),
                                 args_str(args, "filename"), error));
}

static GVariant *pmemsave(Monitor *monitor, GVariant *args, GError **error)
{
    return no_result(save(NULL, args_uint(args, "val", 0), args_uint(args, "size", 0),
                          args_str(args, "filename"), error));
}

/* ---- x, xp ---- */

static void print_character(Monitor *monitor, uint8_t byte)
{
    static const char escaped[] = "\n\r\t\'\\", letters[] = "nrt\'\\";
    const char *escape = byte ? strchr(escaped, byte) : NULL;

    if (escape) {
        monitor_printf(monitor, " '\\%c'", letters[escape - escaped]);
    } else if (byte >= 0x20 && byte < 0x7f) {
        monitor_printf(monitor, " '%c'", byte);
    } else {
        monitor_printf(monitor, " '\\x%02x'", byte);
    }
}

static void print_item(Monitor *monitor, char format, const uint8_t *bytes, unsigned unit)
{
    static const int octal_digits[] = { [1] = 3, [2] = 6, [4] = 11, [8] = 22 };
    static const int decimal_digits[] = { [1] = 3, [2] = 5, [4] = 10, [8] = 20 };
    uint64_t value = 0;

    for (unsigned i = unit; i-- > 0;) {
        value = value << 8 | bytes[i];
    }
    switch (format) {
    case 'o':
        monitor_printf(monitor, " %#*" PRIo64, octal_digits[unit], value);
        break;
    case 'd':
        monitor_printf(monitor, " %*" PRId64, decimal_digits[unit],
                       (int64_t)(value << (64 - 8 * unit)) >> (64 - 8 * unit));
        break;
    case 'u':
        monitor_printf(monitor, " %*" PRIu64, decimal_digits[unit], value);
        break;
    case 'c':
        print_character(monitor, value);
        break;
    default:
        monitor_printf(monitor, " 0x%0*" PRIx64, 2 * unit, value);
        break;
    }
}

static void dump_lines(Monitor *monitor, Cpu *cpu, uint64_t address, char format, unsigned unit,
                       uint64_t count)
{
    uint64_t left = count * unit;

    while (left) {
        uint64_t length = MIN(left, LINE_BYTES);
        uint8_t bytes[LINE_BYTES];
        monitor_printf(monitor, "%016" PRIx64 ":", address);
        if (!read_from(cpu, address, bytes, length)) {
            monitor_puts(monitor, " Cannot access memory\n");
            return;
        }
        for (unsigned i = 0; i < length; i += unit) {
            print_item(monitor, format, bytes + i, unit);
        }
        monitor_puts(monitor, "\n");
        address += length;
        left -= length;
    }
}

/* As many bytes as are there, up to the longest instruction. */
static unsigned read_code(Cpu *cpu, uint64_t address, uint8_t *bytes)
{
    unsigned length = DISAS_MAX_BYTES;

    while (length && !read_from(cpu, address, bytes, length)) {
        length--;
    }
    return length;
}

/* `virtual_cpu` as for dump_lines(); `cpu` says what the code is. */
static void dump_code(Monitor *monitor, Cpu *virtual_cpu, Cpu *cpu, uint64_t address,
                      uint64_t count)
{
    if (disas_unavailable()) {
        monitor_printf(monitor, "No instructions: %s.\n", disas_unavailable());
    }
    while (count--) {
        g_autoptr(GString) line = g_string_new(NULL);
        uint8_t bytes[DISAS_MAX_BYTES];
        unsigned length = read_code(virtual_cpu, address, bytes);
        unsigned used = disas_print(cpu->ops->disas_mode(cpu), address, bytes, length, line);
        if (!used) {
            monitor_printf(monitor, "0x%08" PRIx64 ": unable to read memory\n", address);
            return;
        }
        monitor_printf(monitor, "%s\n", line->str);
        address += used;
    }
}

static void dump(Monitor *monitor, Cpu *cpu, GVariant *args, GError **error)
{
    char format = *args_str(args, "format");
    unsigned unit = args_int(args, "unit", 0);
    int64_t count = args_int(args, "count", 1);

    if (count > MAX_DUMP_ITEMS) {
        error_set(error, ERROR_INVALID, "%" PRId64 " items are too many: at most %u, or memsave",
                  count, MAX_DUMP_ITEMS);
        return;
    }
    if (format == 'i') {
        Cpu *decoder = cpu_for_monitor(monitor, error);
        if (decoder && !decoder->ops->disas_mode) {
            error_set(error, ERROR_FAILED, "code of this CPU cannot be disassembled");
        } else if (decoder) {
            dump_code(monitor, cpu, decoder, args_int(args, "addr", 0), MAX(count, 0));
        }
        return;
    }
    dump_lines(monitor, cpu, args_int(args, "addr", 0), format, unit, count);
}

static void x(Monitor *monitor, GVariant *args, GError **error)
{
    Cpu *cpu = cpu_for_monitor(monitor, error);

    if (cpu) {
        dump(monitor, cpu, args, error);
    }
}

static void xp(Monitor *monitor, GVariant *args, GError **error)
{
    dump(monitor, NULL, args, error);
}

/* The checksum of BSD's sum(1). */
static void sum(Monitor *monitor, GVariant *args, GError **error)
{
    uint64_t address = args_uint(args, "start", 0), left = args_uint(args, "size", 0);
    uint8_t buffer[CHUNK];
    uint16_t total = 0;

    while (left) {
        uint64_t piece = MIN(left, sizeof(buffer));
        if (!machine_read_physical(address, buffer, piece)) {
            error_set(error, ERROR_FAILED, "no memory at 0x%" PRIx64, address);
            return;
        }
        for (unsigned i = 0; i < piece; i++) {
            total = (total >> 1 | total << 15) + buffer[i];
        }
        address += piece;
        left -= piece;
    }
    monitor_printf(monitor, "%05u\n", total);
}

/* ---- ports ---- */

static const struct {
    unsigned size;
    char letter;
} port_sizes[] = { { 1, 'b' }, { 2, 'w' }, { 4, 'l' } };

/* The letter of a format's unit; 0 with an error. "l" is not a format letter: "w" means 4 there. */
static char port_letter(unsigned size, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(port_sizes); i++) {
        if (port_sizes[i].size == size) {
            return port_sizes[i].letter;
        }
    }
    error_set(error, ERROR_INVALID, "a port is read or written by 1, 2 or 4 bytes (/b, /h, /w), not %u",
              size);
    return 0;
}

static void port_read(Monitor *monitor, GVariant *args, GError **error)
{
    uint64_t address = args_uint(args, "addr", 0) & 0xffff, value = 0;
    unsigned size = args_int(args, "unit", 0);
    char letter = port_letter(size, error);

    if (!letter || !machine_io()) {
        return;
    }
    if (args_has(args, "index")) {
        address_space_store(machine_io(), address, 1, ENDIAN_LITTLE, (MemoryAttrs){ 0 },
                            args_uint(args, "index", 0) & 0xff);
        address = (address + 1) & 0xffff;
    }
    address_space_load(machine_io(), address, size, ENDIAN_LITTLE, (MemoryAttrs){ 0 }, &value);
    monitor_printf(monitor, "port%c[0x%04" PRIx64 "] = 0x%0*" PRIx64 "\n", letter, address,
                   2 * size, value);
}

static void port_write(Monitor *monitor, GVariant *args, GError **error)
{
    unsigned size = args_int(args, "unit", 0);

    if (port_letter(size, error) && machine_io()) {
        address_space_store(machine_io(), args_uint(args, "addr", 0) & 0xffff, size,
                            ENDIAN_LITTLE, (MemoryAttrs){ 0 },
                            args_uint(args, "val", 0) & bits_mask(8 * size));
    }
}

/* ---- addresses ---- */

static bool find_ram(uint64_t address, FlatRange *range, uint8_t **host, GError **error)
{
    if (!machine_memory() || !address_space_find(machine_memory(), address, range)) {
        error_set(error, ERROR_FAILED, "No memory is mapped at address 0x%" PRIx64, address);
        return false;
    }
    if (!range->host) {
        error_set(error, ERROR_FAILED, "Memory at address 0x%" PRIx64 " is not RAM", address);
        return false;
    }
    *host = range->host + (address - range->start);
    return true;
}

static void gpa2hva(Monitor *monitor, GVariant *args, GError **error)
{
    uint64_t address = args_uint(args, "addr", 0);
    FlatRange range;
    uint8_t *host;

    if (find_ram(address, &range, &host, error)) {
        monitor_printf(monitor, "Host virtual address for 0x%" PRIx64 " (%s) is %p\n", address,
                       range.block->id, host);
    }
}

/* Linux, Documentation/admin-guide/mm/pagemap.rst. */
static bool host_physical(const void *host, uint64_t *physical, GError **error)
{
    uint64_t page_size = sysconf(_SC_PAGESIZE), entry = 0;
    uint64_t address = (uintptr_t)host;
    int fd = file_open("/proc/self/pagemap", O_RDONLY, 0, error);
    ssize_t got;

    if (fd < 0) {
        return false;
    }
    got = pread(fd, &entry, sizeof(entry), address / page_size * sizeof(entry));
    close(fd);
    if (got != sizeof(entry) || !(entry >> 63)) {
        error_set(error, ERROR_FAILED, "Page not present");
        return false;
    }
    entry &= bits_mask(55);
    if (!entry) {
        error_set(error, ERROR_FAILED, "the host shows page frames to administrators only");
        return false;
    }
    *physical = entry * page_size + address % page_size;
    return true;
}

static void gpa2hpa(Monitor *monitor, GVariant *args, GError **error)
{
    uint64_t address = args_uint(args, "addr", 0), physical;
    FlatRange range;
    uint8_t *host;

    if (find_ram(address, &range, &host, error) && host_physical(host, &physical, error)) {
        monitor_printf(monitor, "Host physical address for 0x%" PRIx64 " (%s) is 0x%" PRIx64 "\n",
                       address, range.block->id, physical);
    }
}

static void gva2gpa(Monitor *monitor, GVariant *args, GError **error)
{
    Cpu *cpu = cpu_for_monitor(monitor, error);
    uint64_t physical;

    if (!cpu) {
        return;
    }
    if (cpu->ops->translate && cpu->ops->translate(cpu, args_uint(args, "addr", 0), &physical)) {
        monitor_printf(monitor, "gpa: 0x%" PRIx64 "\n", physical);
    } else {
        monitor_puts(monitor, "Unmapped\n");
    }
}

/* ---- the tables ---- */

static const char *const policy_values[] = { "default", "preferred", "bind", "interleave", NULL };

static const SchemaType types[] = {
    { .name = "HostMemPolicy", .values = policy_values },
    { .name = "Memdev",
      .members = (const SchemaMember[]){
          { "id", "str", true }, { "size", "size" }, { "merge", "bool" }, { "dump", "bool" },
          { "prealloc", "bool" }, { "share", "bool" }, { "reserve", "bool", true },
          { "host-nodes", "[uint16]" }, { "policy", "HostMemPolicy" }, { 0 } } },
    { 0 },
};

static const Command commands[] = {
    { .name = "query-memdev", .help = "The memory backends.", .returns = "[Memdev]",
      .handler = query_memdev, .flags = COMMAND_PRECONFIG },
    { .name = "memsave", .help = "Write virtual memory, as a CPU sees it, to a file.",
      .arguments = (const SchemaMember[]){ { "val", "int" }, { "size", "size" },
                                           { "filename", "str" }, { "cpu-index", "int", true },
                                           { 0 } },
      .handler = memsave },
    { .name = "pmemsave", .help = "Write physical memory to a file; zeros where there is none.",
      .arguments = (const SchemaMember[]){ { "val", "int" }, { "size", "size" },
                                           { "filename", "str" }, { 0 } },
      .handler = pmemsave },
    { 0 },
};

static const HmpArg dump_args[] = { { "format", HMP_FORMAT }, { "addr", HMP_NUMBER }, { 0 } };
static const HmpArg address_args[] = { { "addr", HMP_NUMBER }, { 0 } };
static const HmpArg save_args[] = {
    { "val", HMP_NUMBER }, { "size", HMP_NUMBER }, { "filename", HMP_WORD }, { 0 },
};

static const HmpCommand hmp_commands[] = {
    { .name = "x", .params = "/fmt addr", .args = dump_args, .handler = x,
      .help = "virtual memory dump starting at 'addr'" },
    { .name = "xp", .params = "/fmt addr", .args = dump_args, .handler = xp,
      .help = "physical memory dump starting at 'addr'" },
    { .name = "i", .params = "/fmt addr[.index]",
      .args = (const HmpArg[]){ { "format", HMP_FORMAT }, { "addr", HMP_NUMBER },
                                { "index", HMP_INDEX }, { 0 } },
      .help = "I/O port read", .handler = port_read },
    { .name = "o", .params = "/fmt addr value",
      .args = (const HmpArg[]){ { "format", HMP_FORMAT }, { "addr", HMP_NUMBER },
                                { "val", HMP_NUMBER }, { 0 } },
      .help = "I/O port write", .handler = port_write },
    { .name = "sum", .params = "addr size",
      .args = (const HmpArg[]){ { "start", HMP_NUMBER }, { "size", HMP_NUMBER }, { 0 } },
      .help = "compute the checksum of a memory region", .handler = sum },
    { .name = "memsave", .params = "addr size file", .args = save_args, .qmp = "memsave",
      .help = "save to disk virtual memory dump starting at 'addr' of size 'size'" },
    { .name = "pmemsave", .params = "addr size file", .args = save_args, .qmp = "pmemsave",
      .help = "save to disk physical memory dump starting at 'addr' of size 'size'" },
    { .name = "gva2gpa", .params = "addr", .args = address_args, .handler = gva2gpa,
      .help = "print the guest physical address corresponding to a guest virtual address" },
    { .name = "gpa2hva", .params = "addr", .args = address_args, .handler = gpa2hva,
      .help = "print the host virtual address corresponding to a guest physical address" },
    { .name = "gpa2hpa", .params = "addr", .args = address_args, .handler = gpa2hpa,
      .help = "print the host physical address corresponding to a guest physical address" },
    { 0 },
};

static const HmpCommand hmp_infos[] = {
    { .name = "memdev", .help = "show memory backends", .handler = info_memdev },
    { 0 },
};

const SchemaModule memory_module = {
    .title = "Memory and ports", .types = types, .commands = commands,
    .hmp_commands = hmp_commands, .hmp_infos = hmp_infos,
};
