/* SPDX-License-Identifier: MIT */
/*
 * A firmware image of 64 KiB that does one kind of access COUNT times in flat protected mode
 * and ends through isa-debug-exit at port 0xf4. bench assembles it with the symbols KIND
 * (0: out to port 0x402, 1: in from port 0x402, 2: read of the HPET's counter,
 * 3: write of its comparator) and COUNT.
 */
        .equ    SEGMENT, 0xf0000        /* the image's alias below 1 MiB */
        .equ    HPET_COUNTER, 0xfed000f0
        .equ    HPET_COMPARATOR, 0xfed00108

        .code16
        .org    0
start:
        cli
        lgdtl   %cs:gdt_pointer - start
        movl    %cr0, %eax
        orl     $1, %eax
        movl    %eax, %cr0
        ljmpl   $8, $(SEGMENT + protected - start)

        .code32
protected:
        movw    $16, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $COUNT, %ecx
        movw    $0x402, %dx
        xorl    %eax, %eax
1:
        .if     KIND == 0
        outb    %al, %dx
        .elseif KIND == 1
        inb     %dx, %al
        .elseif KIND == 2
        movl    HPET_COUNTER, %eax
        .elseif KIND == 3
        movl    %eax, HPET_COMPARATOR
        .endif
        decl    %ecx
        jnz     1b
        movw    $0xf4, %dx
        xorl    %eax, %eax
        outb    %al, %dx
2:
        hlt
        jmp     2b

        .balign 8
gdt:
        .quad   0
        .quad   0x00cf9b000000ffff      /* 8: code, 4 GiB */
        .quad   0x00cf93000000ffff      /* 16: data, 4 GiB */
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   SEGMENT + gdt - start

        .org    0xfff0                  /* where an x86 begins */
        .code16
        ljmpw   $0xf000, $0
        .org    0xffff
        .byte   0
