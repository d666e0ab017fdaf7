/* SPDX-License-Identifier: MIT */
/*
 * An option ROM that starts a Linux kernel which the machine hands over through fw_cfg: what a
 * BIOS runs when a kernel is given together with a BIOS.
 *
 * Option ROM and boot entry vector: BIOS Boot Specification 1.01, section 3.3 and appendix A;
 * Plug and Play BIOS Specification 1.0A, section 3.2. fw_cfg's DMA: QEMU's docs/specs/fw_cfg.
 * The kernel's entry in real mode: Linux Documentation/arch/x86/boot.rst.
 *
 * The DMA takes physical addresses of 64 bits, so nothing here leaves real mode.
 */
        .code16
        .text

        .set    FW_CFG_DMA, 0x514
        .set    DMA_ERROR, 1
        .set    DMA_READ_SELECTED, 2 | 8

        /* Low memory that the BIOS leaves to what it boots. */
        .set    COMMAND, 0x7000         /* the DMA command, 16 bytes */
        .set    NUMBER, 0x7010          /* where a 32-bit item is read to */
        .set    STACK, 0x7c00

        /* Items of fw_cfg: address, size, content. */
        .set    KERNEL_ADDRESS, 0x07
        .set    KERNEL_SIZE, 0x08
        .set    KERNEL_DATA, 0x11
        .set    INITRD_ADDRESS, 0x0a
        .set    INITRD_SIZE, 0x0b
        .set    INITRD_DATA, 0x12
        .set    CMDLINE_ADDRESS, 0x13
        .set    CMDLINE_SIZE, 0x14
        .set    CMDLINE_DATA, 0x15
        .set    SETUP_ADDRESS, 0x16
        .set    SETUP_SIZE, 0x17
        .set    SETUP_DATA, 0x18

        .globl  _start
_start:
        .byte   0x55, 0xaa
        .byte   (end - _start) / 512
        /* Initialization: nothing to do; AX tells that there is a boot device. */
        movw    $0x0020, %ax
        lretw

        .org    0x1a
        .word   pnp - _start

        .balign 16, 0
pnp:
        .ascii  "$PnP"
        .byte   1                       /* revision */
        .byte   (pnp_end - pnp) / 16
        .word   0                       /* next header */
        .byte   0
        .byte   0                       /* checksum; written by the build */
        .long   0                       /* device */
        .word   manufacturer - _start
        .word   product - _start
        .byte   0x00, 0x80, 0x02        /* class: other */
        .byte   0x64                    /* may boot; may be shadowed and cached */
        .word   0                       /* boot connection vector */
        .word   0                       /* disconnect vector */
        .word   boot - _start           /* boot entry vector */
        .word   0
        .word   0                       /* static resources */
        .balign 16, 0
pnp_end:

manufacturer:
        .asciz  "vmm"
product:
        .asciz  "Linux kernel"
failure:
        .asciz  "kernel: reading fw_cfg failed\r\n"

        /* ECX bytes of item AX to the physical address EDI. Keeps no register. */
read_item:
        shll    $16, %eax
        orl     $DMA_READ_SELECTED, %eax
        bswapl  %eax
        movl    %eax, COMMAND
        bswapl  %ecx
        movl    %ecx, COMMAND + 4
        movl    $0, COMMAND + 8
        bswapl  %edi
        movl    %edi, COMMAND + 12
        movw    $FW_CFG_DMA, %dx
        xorl    %eax, %eax
        outl    %eax, %dx
        movw    $FW_CFG_DMA + 4, %dx
        movl    $COMMAND, %eax
        bswapl  %eax
        outl    %eax, %dx
1:      movl    COMMAND, %eax
        bswapl  %eax
        testl   $DMA_ERROR, %eax
        jnz     fail
        testl   %eax, %eax
        jnz     1b
        retw

        /* EAX = the 32-bit item AX. */
read_number:
        movl    $4, %ecx
        movl    $NUMBER, %edi
        callw   read_item
        movl    NUMBER, %eax
        retw

        /* The item BL (content) of the size in item BH to the address in item CL. */
load:
        pushw   %bx
        movzbw  %cl, %ax
        callw   read_number
        movl    %eax, %ebp
        popw    %bx
        pushw   %bx
        movzbw  %bh, %ax
        callw   read_number
        popw    %bx
        testl   %eax, %eax
        jz      1f
        movl    %eax, %ecx
        movl    %ebp, %edi
        movzbw  %bl, %ax
        callw   read_item
1:      retw

fail:
        pushw   %cs
        popw    %ds
        movw    $failure - _start, %si
1:      lodsb
        testb   %al, %al
        jz      2f
        movb    $0x0e, %ah
        movw    $7, %bx
        int     $0x10
        jmp     1b
2:      hlt
        jmp     2b

boot:
        cld
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $STACK, %esp

        movw    $(KERNEL_SIZE << 8 | KERNEL_DATA), %bx
        movb    $KERNEL_ADDRESS, %cl
        callw   load
        movw    $(INITRD_SIZE << 8 | INITRD_DATA), %bx
        movb    $INITRD_ADDRESS, %cl
        callw   load
        movw    $(CMDLINE_SIZE << 8 | CMDLINE_DATA), %bx
        movb    $CMDLINE_ADDRESS, %cl
        callw   load
        movw    $(SETUP_SIZE << 8 | SETUP_DATA), %bx
        movb    $SETUP_ADDRESS, %cl
        callw   load

        /* The stack is below the command line, in the setup code's segment. */
        movw    $CMDLINE_ADDRESS, %ax
        callw   read_number
        pushl   %eax
        movw    $SETUP_ADDRESS, %ax
        callw   read_number
        popl    %ebx
        subl    %eax, %ebx
        subl    $16, %ebx
        shrl    $4, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %fs
        movw    %ax, %gs
        movw    %ax, %ss
        movl    %ebx, %esp
        addw    $0x20, %ax
        pushw   %ax
        pushw   $0
        xorl    %ebx, %ebx
        xorl    %ebp, %ebp
        lretw

        .balign 512, 0
end:
