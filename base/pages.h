/* SPDX-License-Identifier: MIT */
/*
 * Large pieces of the host's memory, laid so that its kernel can use huge pages for them: fewer
 * TLB misses, which cost twice where the host is a guest itself.
 */
#ifndef BASE_PAGES_H
#define BASE_PAGES_H

#include <stdbool.h>
#include <stddef.h>

/* Of x86-64, and of other hosts whose pages have 4 KiB. */
#define HUGE_PAGE_SIZE ((size_t)2 << 20)

/*
 * mmap(2) of `fd`'s first `size` bytes, at a multiple of HUGE_PAGE_SIZE if they are as many.
 * `file_page`: the size of the file's own pages, in bytes: of those that are larger, at a multiple
 * of that. MAP_FAILED with errno. munmap(2) gives it back.
 */
void *pages_map(size_t size, size_t file_page, int prot, int flags, int fd);

/*
 * Makes [address, address + HUGE_PAGE_SIZE), of which a page has been touched, one huge page now,
 * whatever the host's settings for shared memory say (MADV_COLLAPSE, Linux 6.1). False if the
 * kernel cannot do that at all; that it cannot just now is no reason to ask no more.
 */
bool pages_make_huge(void *address);

#endif
