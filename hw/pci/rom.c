/* SPDX-License-Identifier: MIT */
/* The expansion ROM (PCI 6.2.5.2 and 6.3): a file behind its base address register. */
#include <string.h>

#include "hw/pci/internal.h"

#define ROM_MIN (2u * 1024)
#define ROM_MAX (256u * 1024 * 1024)

static uint64_t rom_size(const PciDevice *pci, uint64_t length)
{
    uint64_t size = ROM_MIN;

    if (pci->romsize != UINT32_MAX) {
        return pci->romsize;
    }
    while (size < length) {
        size <<= 1;
    }
    return size;
}

static bool check_size(const PciDevice *pci, uint64_t length, uint64_t size, GError **error)
{
    if (size & (size - 1) || size < ROM_MIN || size > ROM_MAX) {
        error_set(error, ERROR_INVALID,
                  "romsize is 0x%" PRIx64 ": it must be a power of two from 2 KiB to 256 MiB",
                  size);
        return false;
    }
    if (!length || length > size) {
        error_set(error, ERROR_INVALID,
                  "romfile '%s' has %" PRIu64 " bytes, it must have 1 to %" PRIu64, pci->romfile,
                  length, size);
        return false;
    }
    return true;
}

bool pci_rom_load(PciDevice *pci, GError **error)
{
    g_autofree char *data = NULL, *path = NULL, *id = NULL;
    g_autoptr(GError) cause = NULL;
    uint64_t size;
    gsize length;

    if (!pci->romfile || !*pci->romfile || !pci->rombar) {
        return true;
    }
    if (!g_file_get_contents(pci->romfile, &data, &length, &cause)) {
        error_set(error, ERROR_SYSTEM, "romfile '%s': %s", pci->romfile, cause->message);
        return false;
    }
    size = rom_size(pci, length);
    if (!check_size(pci, length, size, error)) {
        return false;
    }
    path = object_path(OBJECT(pci));
    id = g_strdup_printf("%s.rom", path);
    /* The block is in whole pages; a smaller ROM shows the first part of it. */
    pci->rom_block = ram_block_new(id, size, NULL, error);
    if (!pci->rom_block) {
        return false;
    }
    memcpy(pci->rom_block->host, data, length);
    pci->rom = region_new_rom(OBJECT(pci), "rom", pci->rom_block);
    region_set_size(pci->rom, size);
    return true;
}

void pci_rom_free(PciDevice *pci)
{
    g_clear_pointer(&pci->rom, region_free);
    g_clear_pointer(&pci->rom_block, ram_block_free);
}
