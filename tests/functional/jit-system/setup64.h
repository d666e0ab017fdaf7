/* SPDX-License-Identifier: MIT */
/* What 64-bit test programs have: segments, a TSS, memory for users, and pages to try things
 * with. */
#ifndef SETUP64_H
#define SETUP64_H

#include "tests/functional/jit-system/guest.h"

enum {
    CODE = 8, DATA = 16, CODE32 = 24, UDATA = 32 | 3, UCODE = 40 | 3, TSS = 48, CALL_GATE = 64,
    CONFORMING = 80, UCODE32 = 88 | 3, FREE = 96, ENTRIES = 14,
};

extern u64 page_tables[];
extern u64 gdt[ENTRIES];
extern u8 ist_1[4096], user_stack[4096], page[3][4096];

/*
 * The GDT, the TSS, the IDT, and 1 GiB at AT (entry 1 of the top table) by tables[0] and
 * tables[1]: 512 pages of 4 KiB by PTE, of which none is there yet, one of 2 MiB behind them.
 * The next GiB is a page.
 */
void set_up(void);
#define AT 0x8000000000ull
extern u64 tables[5][512];
#define PTE tables[2]

static inline u64 read_cr4(void)
{
    u64 value;

    asm volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static inline u64 read_cr3(void)
{
    u64 value;

    asm volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}

static inline void write_cr4(u64 value) { asm volatile("mov %0, %%cr4" :: "r"(value) : "memory"); }
static inline void write_cr3(u64 value) { asm volatile("mov %0, %%cr3" :: "r"(value) : "memory"); }
static inline void flush(const void *at) { asm volatile("invlpg %0" :: "m"(*(const char *)at) : "memory"); }

/* The page at AT is `entry` from now on. */
void map(u64 entry);
/* Whether the first GiB is for users, too. */
void open_memory(int user);

/* By paging off and on: the entries of level_5 count, and its first is the tables that there
 * were; or those alone again. */
#define LA57 (1u << 12)
extern u64 level_5[512];
void five_levels(int on);

#define EXPECT(wanted, code) do { check("vector", caught.vector, wanted); \
                                  check("error code", caught.error, code); } while (0)

/* In TRY: to CPL 3, after open_memory(1). */
#define USER "push $35; push %[sp]; push $0x3002; push $43; push $66f; iretq; 66: "
#define OPERANDS [sp] "i"(user_stack + 4096)

/* At CPL 3 `code` raises `wanted`. */
#define EXPECT_USER(code, wanted) do { open_memory(1); \
                                       TRY(USER code, 0, OPERANDS); \
                                       open_memory(0); \
                                       EXPECT(wanted, 0); } while (0)

#endif
