/* SPDX-License-Identifier: MIT */
/*
 * How a program without a system begins: entered as a PVH kernel (Xen's docs/misc/pvh.pandoc), in
 * 32-bit protected mode, it maps the first GiB to itself by pages of 2 MiB, enters 64-bit mode with
 * all vector registers on, and calls bare_main(). Exceptions go to bare_exception().
 */
#define CODE64 0x08
#define DATA   0x10

    .section .note.Xen, "a", @note
    .align 4
    .long 4, 4, 18              /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start

    .section .text
    .code32
    .globl start
start:
    cld
    mov $stack_top, %esp
    mov %ebx, start_info
    /* Level 4 and 3 have one entry each; all levels allow user accesses. */
    movl $pdpt + 7, pml4
    movl $page_directory + 7, pdpt
    mov $page_directory, %edi
    mov $0x87, %eax
1:  mov %eax, (%edi)
    add $8, %edi
    add $0x200000, %eax
    cmp $0x40000087, %eax
    jne 1b
    mov $0x40620, %eax          /* PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
    mov %eax, %cr4
    mov $pml4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx
    rdmsr
    or $0x901, %eax             /* NXE, LME, SCE */
    wrmsr
    mov $0x80010033, %eax       /* PG, WP, NE, ET, MP, PE */
    mov %eax, %cr0
    lgdt gdt_pointer
    ljmp $CODE64, $start64

    .code64
start64:
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %ecx, %ecx
    xor %edx, %edx
    mov $7, %eax                /* x87, SSE, AVX */
    xsetbv
    lidt idt_pointer(%rip)
    mov start_info(%rip), %edi
    call bare_main
1:  cli
    hlt
    jmp 1b

/* Each vector's entry is 16 bytes from the last's. */
    .align 16
    .globl bare_vectors
bare_vectors:
    .set vector, 0
    .rept 256
    .align 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17) || (vector == 21)
    .else
    push $0
    .endif
    push $vector
    jmp exception
    .set vector, vector + 1
    .endr

exception:
    push %rdi
    mov %rsp, %rdi
    cld
    call bare_exception         /* returns only when the program goes on where it was */
    pop %rdi
    add $16, %rsp
    iretq

    .section .data
    .align 16
    .globl bare_gdt
bare_gdt:
    .quad 0
    .quad 0x00af9b000000ffff    /* 08: code, 64 bits */
    .quad 0x00cf93000000ffff    /* 10: data */
    .quad 0x00cffb000000ffff    /* 18: user code, 32 bits */
    .quad 0x00cff3000000ffff    /* 20: user data */
    .quad 0x00affb000000ffff    /* 28: user code, 64 bits */
    .quad 0, 0                  /* 30: TSS */
    .quad 0, 0, 0, 0            /* 40 ... 58: the program's */
gdt_pointer:
    .word . - bare_gdt - 1
    .quad bare_gdt
idt_pointer:
    .word 4095
    .quad bare_idt

    .section .bss
    .align 4096
pml4: .skip 4096
pdpt: .skip 4096
page_directory: .skip 4096
    .globl bare_idt
bare_idt: .skip 4096
    .skip 65536
stack_top:
start_info: .skip 8

    .section .note.GNU-stack, "", @progbits
