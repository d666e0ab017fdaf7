/* SPDX-License-Identifier: MIT */
#include "tests/functional/jit-system/setup64.h"

u64 gdt[ENTRIES];
u8 ist_1[4096] __attribute__((aligned(16))), user_stack[4096] __attribute__((aligned(4096)));
u8 page[3][4096] __attribute__((aligned(4096)));
u64 tables[5][512] __attribute__((aligned(4096)));
u64 level_5[512] __attribute__((aligned(4096)));
static u32 tss[26] __attribute__((aligned(16)));
static u8 stack_0[4096] __attribute__((aligned(16)));

static void set_tss_pointer(unsigned at, u64 value)
{
    tss[at / 4] = value;
    tss[at / 4 + 1] = value >> 32;
}

void set_up(void)
{
    struct { u16 limit; u64 base; } __attribute__((packed)) pointer = { sizeof(gdt) - 1, (u64)gdt };
    u64 base = (u64)tss;

    gdt[1] = 0x00af9b000000ffff;
    gdt[2] = 0x00cf93000000ffff;
    gdt[3] = 0x00cf9b000000ffff;
    gdt[4] = 0x00cff3000000ffff;
    gdt[5] = 0x00affb000000ffff;
    gdt[UCODE32 / 8] = 0x00cffb000000ffff;
    gdt[6] =
        (sizeof(tss) - 1) | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[7] = base >> 32;
    set_tss_pointer(4, (u64)stack_0 + sizeof(stack_0));
    set_tss_pointer(36, (u64)ist_1 + sizeof(ist_1));
    tss[25] = sizeof(tss) << 16;
    asm volatile("lgdt %0; ltr %w1" :: "m"(pointer), "r"(TSS));
    load_idt();
    page_tables[1] = (u64)tables[0] | 7;
    tables[0][0] = (u64)tables[1] | 7;
    tables[1][0] = (u64)tables[2] | 7;
    tables[1][1] = 0x200000 | 0x87;
    tables[0][1] = 0x80000000 | 0x87;
}

void map(u64 entry)
{
    PTE[0] = entry;
    flush((void *)AT);
}

void open_memory(int user)
{
    for (unsigned i = 0; i < 512; i++) {
        u64 *entry = &page_tables[512 * 2 + i];
        *entry = user ? *entry | 4 : *entry & ~4ull;
    }
    write_cr3(read_cr3());
}

/* CR4 and CR3 become what they are to be while paging is off, in 32-bit code. */
u32 new_cr4, new_cr3;
void change_levels(void);
asm(".text\n.globl change_levels\n"
    "change_levels: push %rbx; push $24; push $1f; lretq\n"
    ".code32\n1: movl %cr0, %eax; andl $0x7fffffff, %eax; movl %eax, %cr0\n"
    "movl new_cr4, %ecx; movl %ecx, %cr4; movl new_cr3, %ecx; movl %ecx, %cr3\n"
    "orl $0x80000000, %eax; movl %eax, %cr0; ljmp $8, $2f\n"
    ".code64\n2: pop %rbx; ret\n");

void five_levels(int on)
{
    level_5[0] = (u64)page_tables | 7;
    new_cr4 = on ? read_cr4() | LA57 : read_cr4() & ~LA57;
    new_cr3 = (u32)(u64)(on ? level_5 : page_tables);
    change_levels();
}
