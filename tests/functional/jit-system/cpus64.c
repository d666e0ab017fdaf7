/* SPDX-License-Identifier: MIT */
/* The other CPUs of a 64-bit test program: from real mode into long mode with the first one's
 * tables. */
#include "tests/functional/jit-system/guest.h"

/* By x2APIC, to the CPU whose number stands above them. */
#define IPI_INIT  0x4500
#define IPI_START 0x4608                /* at page 8 */
#define START_AT 0x8000

extern const u8 cpu_start[], cpu_start_end[];
asm(".text\n.code16\n"
    "cpu_start: cli; lgdtl %cs:(cpu_gdtr - cpu_start)\n"
    "movl $0x6a0, %eax; movl %eax, %cr4\n"
    "movl $page_tables, %eax; movl %eax, %cr3\n"
    "movl $0xc0000080, %ecx; movl $0x901, %eax; xorl %edx, %edx; wrmsr\n"
    "movl $0x80010023, %eax; movl %eax, %cr0\n"
    "ljmpl $8, $cpu_long\n"
    "cpu_gdtr: .word 23; .long boot_gdt\n"
    "cpu_start_end:\n"
    ".code64\n"
    "cpu_long: movl $16, %eax; movl %eax, %ss; movl %eax, %ds; movl %eax, %es\n"
    "movl $1, %edi; lock; xaddl %edi, cpus_begun; incl %edi\n"
    "movl %edi, %eax; shll $12, %eax; leaq cpu_stacks(%rax), %rsp\n"
    "call cpu_main");

u8 cpu_stacks[CPUS * 4096] __attribute__((aligned(16)));
volatile u32 cpus_begun;
static void (*cpu_function)(unsigned);

void cpu_main(unsigned number);
void cpu_main(unsigned number)
{
    load_idt_register();
    cpu_function(number);
    for (;;) {
        asm volatile("cli; hlt");
    }
}

void enable_x2apic(void)
{
    write_msr(0x1b, 0xfee00000 | 0xd00);
    write_msr(0x80f, 0x1ff);
}

void start_cpus(unsigned count, void (*function)(unsigned))
{
    cpu_function = function;
    copy_code(START_AT, cpu_start, cpu_start_end);
    enable_x2apic();
    for (u64 cpu = cpus_begun + 1; cpu <= count; cpu++) {
        write_msr(0x830, cpu << 32 | IPI_INIT);
        write_msr(0x830, cpu << 32 | IPI_START);
        while (cpus_begun < cpu) {
            asm volatile("pause");
        }
    }
}
