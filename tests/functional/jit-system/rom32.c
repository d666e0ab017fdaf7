/* SPDX-License-Identifier: MIT */
/*
 * A firmware that runs in its ROM: code there, written to, by its alias below 1 MiB, which the
 * chipset can give to RAM, over two of its pages. 82441FX, 3.2.18 (PAM0), after which nothing
 * has shadowed it yet.
 */
#include "tests/functional/jit-system/guest.h"

/* The reset vector, and on to protected mode in the upper alias. */
asm(".section .vector, \"ax\"\n.code16\n"
    "vector: jmp reset\n"
    ".section .reset, \"ax\"\n.globl reset\n"
    "reset: cli; cld; lgdtl %cs:rom_gdtr - reset + 0xff00\n"
    "movl $1, %eax; movl %eax, %cr0; ljmpl $8, $1f\n"
    ".code32\n"
    "1: movl $16, %eax; movl %eax, %ds; movl %eax, %es; movl %eax, %ss; movl %eax, %fs; movl %eax, %gs\n"
    "jmp _start\n"
    ".balign 8\n"
    "rom_gdt: .quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff\n"
    "rom_gdtr: .word 23\n.long rom_gdt\n");

enum { ALIAS = 0x100000 };   /* so far below 4 GiB, and so far from 0 */

/* MOVL $value, %EAX; and where it is. */
extern const u8 where[], over_pages[], code_end[];
asm(".text\n.balign 64\n"
    "where: call 1f\n1: popl %edx; movl $5, %eax; ret\n"
    ".balign 4096, 0x90\n.skip 4093, 0x90\n"
    "over_pages: movl $9, %eax; call 1f; 1: popl %edx; ret\n"
    "code_end:\n");

static u32 ran_at;

static u32 call(u32 at)
{
    u32 value;

    asm volatile("call *%2" : "=a"(value), "=d"(ran_at) : "r"(at) : "memory");
    return value;
}

static void write_over(u32 at)
{
    u32 count = 3, to = at;

    for (u32 i = 0; i < 16; i++) {
        *(volatile u8 *)(at + i) = 0xf4;
    }
    *(volatile u32 *)(at - 2) = 0xf4f4f4f4;
    asm volatile("rep; stosl" : "+c"(count), "+D"(to) : "a"(0xf4f4f4f4) : "memory");
    asm volatile("lock; orl $-1, (%0); lock; cmpxchg %1, (%0)" :: "r"(at), "r"(0xf4f4f4f4) : "eax", "memory", "cc");
}

static void test_rom(void)
{
    u32 at = (u32)where;

    for (unsigned i = 0; i < 3; i++) {
        check("eax", call(at), 5);
        check("where", ran_at, at + 5);
        write_over(at);                            /* is for nobody */
    }
}

static void test_pages(void)
{
    for (unsigned i = 0; i < 3; i++) {
        check("eax", call((u32)over_pages), 9);
        check("where", ran_at, (u32)over_pages + 10);
        write_over((u32)over_pages);
    }
}

static void test_alias(void)
{
    u32 at = (u32)where + ALIAS;                   /* from FFFFxxxx to 000Fxxxx */
    static const u8 code[] = { 0xb8, 7, 0, 0, 0, 0xc3 };

    for (unsigned i = 0; i < 3; i++) {
        config_write8(PAM0, 0);
        check("ROM", call(at), 5);
        check("where", ran_at, at + 5);
        write_over(at);
        check("after writes", call(at), 5);
        check("in its place", call((u32)where), 5);
        config_write8(PAM0, READ_RAM | WRITE_RAM);
        copy_code(at, code, code + sizeof(code));
        check("RAM", call(at), 7);
        config_write8(PAM0, WRITE_RAM);
        check("ROM, and what is written goes to RAM", call(at), 5);
        copy_code(at, where, where + 16);
        *(volatile u8 *)(at + 7) = 8 + i;          /* of MOVL */
        check("ROM still", call(at), 5);
        config_write8(PAM0, READ_RAM);
        check("a copy in RAM", call(at), 8 + i);
        check("where", ran_at, at + 5);
        write_over(at);
        check("which is not written", call(at), 8 + i);
    }
    /* All of it, as a firmware shadows itself. */
    config_write8(PAM0, WRITE_RAM);
    copy_code(0xf0000, (const u8 *)0xffff0000, (const u8 *)0xffffff00);
    config_write8(PAM0, READ_RAM);
    check("the shadow", call((u32)over_pages + ALIAS), 9);
    check("where", ran_at, (u32)over_pages + ALIAS + 10);
}

void main(void)
{
    load_idt();
    run("ROM", test_rom);
    run("two pages of ROM", test_pages);
    run("its alias", test_alias);
    print("end\n");
    outb(0xf4, 0);
}
