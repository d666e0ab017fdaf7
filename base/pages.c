/* SPDX-License-Identifier: MIT */
/* Memory of the host in huge pages. */
#include "base/pages.h"

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25        /* <asm-generic/mman-common.h> of Linux 6.1 */
#endif

void *pages_map(size_t size, size_t file_page, int prot, int flags, int fd)
{
    size_t align = file_page > HUGE_PAGE_SIZE ? file_page : HUGE_PAGE_SIZE;
    uint8_t *room, *begin, *end, *pages;
    int number;

    if (size < HUGE_PAGE_SIZE) {
        return mmap(NULL, size, prot, flags, fd, 0);
    }
    if (size > SIZE_MAX - align) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    room = mmap(NULL, size + align, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return MAP_FAILED;
    }
    begin = room + (-(uintptr_t)room & (align - 1));
    end = begin + size;
    pages = mmap(begin, size, prot, flags | MAP_FIXED, fd, 0);
    if (pages == MAP_FAILED) {
        number = errno;
        munmap(room, size + align);
        errno = number;
        return MAP_FAILED;
    }
    if (begin > room) {
        munmap(room, begin - room);
    }
    munmap(end, room + size + align - end);
    return pages;
}

bool pages_make_huge(void *address)
{
    return madvise(address, HUGE_PAGE_SIZE, MADV_COLLAPSE) == 0 ||
           (errno != EINVAL && errno != ENOSYS);
}
