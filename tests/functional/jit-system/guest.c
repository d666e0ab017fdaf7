/* SPDX-License-Identifier: MIT */
/* Entry, console and exceptions of the bare-metal test programs; see guest.h. */
#include "tests/functional/jit-system/guest.h"

void main(void);

asm(".section .multiboot, \"a\"\n"
    ".balign 4\n"
    ".long 0x1badb002, 0, -0x1badb002\n"
    ".text\n"
    ".code32\n"
    ".globl _start\n"
    "_start: cld\n"
    "movl $stack_top, %esp\n"
    "movl %ebx, multiboot_info\n"
#ifdef __x86_64__
    /* 4 GiB mapped to themselves by large pages, then long mode. */
    "movl $page_tables, %edi\n"
    "leal 0x1007(%edi), %eax\n"
    "movl %eax, (%edi)\n"
    "leal 0x1000(%edi), %ebx\n"
    "leal 0x2007(%edi), %eax\n"
    "movl $4, %ecx\n"
    "1: movl %eax, (%ebx)\n"
    "addl $8, %ebx\n"
    "addl $0x1000, %eax\n"
    "loop 1b\n"
    "leal 0x2000(%edi), %ebx\n"
    "movl $0x83, %eax\n"
    "movl $2048, %ecx\n"
    "2: movl %eax, (%ebx)\n"
    "addl $8, %ebx\n"
    "addl $0x200000, %eax\n"
    "loop 2b\n"
    "movl $0x6a0, %eax\n"      /* PAE, PGE, OSFXSR, OSXMMEXCPT */
    "movl %eax, %cr4\n"
    "movl %edi, %cr3\n"
    "movl $0xc0000080, %ecx\n"
    "movl $0x901, %eax\n"      /* SCE, LME, NXE */
    "xorl %edx, %edx\n"
    "wrmsr\n"
    "movl $0x80010023, %eax\n" /* PG, WP, NE, MP, PE */
    "movl %eax, %cr0\n"
    "lgdt boot_gdtr\n"
    "ljmp $8, $3f\n"
    "boot_gdtr: .word 31\n"
    ".long boot_gdt, 0\n"
    ".globl boot_gdt\n"
    "boot_gdt: .quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0\n"
    ".code64\n"
    "3: movl $16, %eax\n"
    "movl %eax, %ds\n movl %eax, %es\n movl %eax, %ss\n"
    "movl $stack_top, %esp\n"
#endif
    "call main\n"
    "4: hlt\n jmp 4b\n"
    ".bss\n"
    ".balign 4096\n"
    ".globl page_tables\n"
    "page_tables: .skip 0x6000\n"
    ".skip 0x4000\n"
    "stack_top:\n"
    ".text\n");

/* Each stub: an error code where the CPU pushes none, the vector, and on. */
asm(".text\n"
    ".balign 16\n"
    ".globl stubs\n"
    "stubs:\n"
    ".set n, 0\n"
    ".rept 256\n"
    ".balign 16\n"
    ".if n != 8 && (n < 10 || n > 14) && n != 17 && n != 21\n"
    "push $0\n"
    ".endif\n"
    "push $n\n"
    "jmp common\n"
    ".set n, n + 1\n"
    ".endr\n"
    "common:\n"
#ifdef __x86_64__
    "push %rax\n push %rcx\n push %rdx\n push %rbx\n push %rbp\n push %rsi\n push %rdi\n"
    "push %r8\n push %r9\n push %r10\n push %r11\n"
    "leaq 88(%rsp), %rdi\n"
    "cld\n"
    "movq %rsp, %rbp\n"
    "andq $-16, %rsp\n"
    "call note\n"
    "movq %rbp, %rsp\n"
    "cmpq $0, returns(%rip)\n"
    "je 1f\n"
    "pop %r11\n pop %r10\n pop %r9\n pop %r8\n"
    "pop %rdi\n pop %rsi\n pop %rbp\n pop %rbx\n pop %rdx\n pop %rcx\n pop %rax\n"
    "addq $16, %rsp\n"
    "iretq\n"
    "1: movl $16, %eax\n"
    "movl %eax, %ss\n movl %eax, %ds\n movl %eax, %es\n"
    "movq resume_sp(%rip), %rsp\n"
    "jmp *resume_at(%rip)\n"
#else
    "pusha\n"
    "push %ds\n push %es\n"
    "movl $16, %eax\n"
    "movl %eax, %ds\n movl %eax, %es\n"
    "leal 40(%esp), %eax\n"
    "cld\n"
    "push %eax\n"
    "call note\n"
    "addl $4, %esp\n"
    "cmpl $0, returns\n"
    "je 1f\n"
    "pop %es\n pop %ds\n"
    "popa\n"
    "addl $8, %esp\n"
    "iret\n"
    "1: movl $16, %eax\n"
    "movl %eax, %ss\n"
    "movl resume_sp, %esp\n"
    "jmp *resume_at\n"
#endif
);

u32 multiboot_info;
volatile Caught caught;
volatile word resume_at, resume_sp, returns;
static const char *current;
static int failures;

/* Fields of a frame: vector, error code, ip, cs, flags, sp. */
void note(const word *frame)
{
    word cr2;

    asm volatile("mov %%cr2, %0" : "=r"(cr2));
    caught.vector = frame[0];
    caught.error = frame[1];
    caught.ip = frame[2];
    caught.cs = frame[3];
    caught.flags = frame[4];
    caught.sp = (word)(frame + 5);
    caught.old_sp = frame[5];
    caught.cr2 = cr2;
    caught.count++;
    if (!returns && !resume_at) {
        print("not ok: exception 0x");
        print_hex(frame[0]);
        print(" error 0x");
        print_hex(frame[1]);
        print(" at 0x");
        print_hex(frame[2]);
        print(" in ");
        print(current ? current : "start");
        print("\nend\n");
        outb(0xf4, 1);
    }
}

#ifdef __x86_64__
static struct { u16 low, selector; u8 ist, type; u16 middle; u32 high, zero; } idt[256];
#else
static struct { u16 low, selector; u8 zero, type; u16 high; } idt[256];
#endif

void set_gate(unsigned vector, u16 selector, word handler, unsigned type, unsigned ist)
{
    idt[vector].low = handler;
    idt[vector].selector = selector;
    idt[vector].type = type;
#ifdef __x86_64__
    idt[vector].ist = ist;
    idt[vector].middle = handler >> 16;
    idt[vector].high = handler >> 32;
#else
    idt[vector].high = handler >> 16;
#endif
}

void load_idt_register(void)
{
    struct { u16 limit; word base; } __attribute__((packed)) pointer = { sizeof(idt) - 1, (word)idt };

    asm volatile("lidt %0" :: "m"(pointer));
}

void load_idt(void)
{
    for (unsigned i = 0; i < 256; i++) {
        set_gate(i, 8, STUB(i), 0x8e, 0);
    }
    load_idt_register();
}

void copy_code(word to, const u8 *from, const u8 *end)
{
    for (; from < end; from++, to++) {
        *(volatile u8 *)to = *from;
    }
}

void print(const char *text)
{
    while (*text) {
        outb(0xe9, *text++);
    }
}

void print_hex(word value)
{
    for (int shift = sizeof(value) * 8 - 4; shift >= 0; shift -= 4) {
        if (value >> shift || !shift) {
            outb(0xe9, "0123456789abcdef"[value >> shift & 15]);
        }
    }
}

void print_number(u32 value)
{
    if (value > 9) {
        print_number(value / 10);
    }
    outb(0xe9, '0' + value % 10);
}

void check(const char *what, word found, word expected)
{
    if (found != expected) {
        failures++;
        print("not ok ");
        print(current);
        print(": ");
        print(what);
        print(" is 0x");
        print_hex(found);
        print(", not 0x");
        print_hex(expected);
        print("\n");
    }
}

void run(const char *name, void (*test)(void))
{
    int before = failures;

    current = name;
    test();
    if (failures == before) {
        print("ok ");
        print(name);
        print("\n");
    }
}
