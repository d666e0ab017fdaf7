/* SPDX-License-Identifier: MIT */
/*
 * Accesses to segments that are not all of 4 GiB: at each offset around the limit, by each way
 * of access, with what the segment is. SDM volume 3, 5.3 and 5.5.
 */
#include "tests/functional/jit-system/guest.h"

enum { CODE = 8, DATA = 16, SEGMENT = 24, SMALL_CODE = 32, UCODE = 40 | 3, TSS = 48, ENTRIES = 7 };

static u64 gdt[ENTRIES] __attribute__((aligned(8)));
static u8 memory[0x3000] __attribute__((aligned(4096))), stack_0[4096] __attribute__((aligned(16)));
static u32 tss[26];
u32 spare[2];

static u64 segment(u32 base, u32 limit, u32 access)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(access & 0xff) << 40 |
           (u64)(limit >> 16 & 15) << 48 | (u64)(access >> 8 & 15) << 52 | (u64)(base >> 24) << 56;
}

static void set_up(void)
{
    struct { u16 limit; u32 base; } __attribute__((packed)) pointer = { sizeof(gdt) - 1, (u32)gdt };

    gdt[CODE / 8] = segment(0, 0xfffff, 0xc9b);
    gdt[DATA / 8] = segment(0, 0xfffff, 0xc93);
    gdt[UCODE / 8] = segment(0, 0xfffff, 0xcfb);
    gdt[TSS / 8] = segment((u32)tss, sizeof(tss) - 1, 0x89);
    tss[1] = (u32)stack_0 + sizeof(stack_0);
    tss[2] = DATA;
    asm volatile("lgdt %0; ljmp $8, $1f; 1: mov %1, %%ds; mov %1, %%es; mov %1, %%ss; mov %1, %%fs;"
                 "mov %1, %%gs; mov %%cr4, %%eax; orl $0x40600, %%eax; mov %%eax, %%cr4;"
                 "mov %%cr0, %%eax; andl $~12, %%eax; mov %%eax, %%cr0; ltr %w2"
                 :: "m"(pointer), "r"(DATA), "r"(TSS) : "eax");
    asm volatile("xsetbv" :: "a"(7), "c"(0), "d"(0));
    load_idt();
    set_gate(0x82, CODE, STUB(0x82), 0xee, 0);
}

/* ---- ways to access what the register of a segment and ECX say ---- */

typedef enum { READS = 1, WRITES = 2 } Kind;

typedef struct Way {
    const char *name;
    void (*run)(u32 offset);
    u32 size;
    Kind kind;
} Way;

#define WAY(function, before, code) \
    static void function(u32 offset) \
    { \
        TRY("movl %0, %%ecx; movl $24, %%esi; " before code "; movl $16, %%esi; movl %%esi, %%ds", offset); \
        asm volatile("movl %0, %%es" :: "r"(DATA)); \
    }

#define IN_FS "movl %%esi, %%fs; "
#define IN_GS "movl %%esi, %%gs; "
#define IN_ES "movl %%esi, %%es; "
#define IN_DS "movl %%esi, %%ds; "

WAY(read_fs_8, IN_FS, "movb %%fs:(%%ecx), %%dl")
WAY(read_fs_16, IN_FS, "movw %%fs:(%%ecx), %%dx")
WAY(read_fs_32, IN_FS, "movl %%fs:(%%ecx), %%edx")
WAY(write_fs_8, IN_FS, "movb %%dl, %%fs:(%%ecx)")
WAY(write_gs_16, IN_GS, "movw %%dx, %%gs:(%%ecx)")
WAY(write_gs_32, IN_GS, "movl %%edx, %%gs:(%%ecx)")
WAY(add_gs_32, IN_GS, "addl $0, %%gs:(%%ecx)")
WAY(add_twice, IN_GS, "movl %%gs:(%%ecx), %%edx; incl %%edx; movl %%edx, %%gs:(%%ecx)")
WAY(lock_es_32, IN_ES, "lock; xaddl %%edx, %%es:(%%ecx)")
WAY(cmpxchg8b_es, IN_ES, "movl %%ecx, %%edi; cmpxchg8b %%es:(%%edi)")
WAY(read_ds_mmx, IN_DS, "movq (%%ecx), %%mm0; emms")
WAY(write_ds_mmx, IN_DS, "movq %%mm0, (%%ecx); emms")
WAY(read_es_sse, IN_ES, "movups %%es:(%%ecx), %%xmm0")
WAY(write_fs_sse, IN_FS, "movups %%xmm0, %%fs:(%%ecx)")
#define MASK_OF_4 "pcmpeqd %%xmm0, %%xmm0; psrldq $12, %%xmm0; "
WAY(maskmov_es, IN_ES, MASK_OF_4 "movl %%ecx, %%edi; es; maskmovdqu %%xmm0, %%xmm0")
WAY(vmaskmov_es, IN_ES, MASK_OF_4 "vmaskmovps %%es:(%%ecx), %%xmm0, %%xmm1")
WAY(vmaskmov_to_es, IN_ES, MASK_OF_4 "vmaskmovps %%xmm0, %%xmm0, %%es:(%%ecx)")
WAY(read_fs_x87, IN_FS, "fninit; fldt %%fs:(%%ecx); fstp %%st")
WAY(write_es_x87, IN_ES, "fninit; fldz; fstpt %%es:(%%ecx)")
WAY(stos_es, IN_ES, "movl %%ecx, %%edi; stosl")
WAY(lods_ds, IN_DS, "movl %%ecx, %%esi; lodsw")
WAY(sgdt_fs, IN_FS, "sgdt %%fs:(%%ecx)")
WAY(lgdt_gs, "sgdt spare; movl spare, %%edx; movl spare + 2, %%ebp; " IN_GS,
    "movl %%edx, %%gs:(%%ecx); movl %%ebp, %%gs:2(%%ecx); lgdt %%gs:(%%ecx)")
WAY(bt_gs, IN_GS, "btl $0, %%gs:(%%ecx)")

static const Way ways[] = {
    { "FS, 8 bits", read_fs_8, 1, READS }, { "FS, 16 bits", read_fs_16, 2, READS },
    { "FS, 32 bits", read_fs_32, 4, READS }, { "to FS, 8 bits", write_fs_8, 1, WRITES },
    { "to GS, 16 bits", write_gs_16, 2, WRITES }, { "to GS, 32 bits", write_gs_32, 4, WRITES },
    { "ADD to GS", add_gs_32, 4, READS | WRITES }, { "GS twice", add_twice, 4, READS | WRITES },
    { "XADD to ES", lock_es_32, 4, READS | WRITES }, { "CMPXCHG8B", cmpxchg8b_es, 8, READS | WRITES },
    { "MOVQ", read_ds_mmx, 8, READS }, { "MOVQ to DS", write_ds_mmx, 8, WRITES },
    { "MOVUPS", read_es_sse, 16, READS }, { "MOVUPS to FS", write_fs_sse, 16, WRITES },
    { "MASKMOVDQU of 4 bytes", maskmov_es, 16, WRITES },
    { "VMASKMOVPS of 4 bytes", vmaskmov_es, 4, READS },
    { "VMASKMOVPS to 4 bytes", vmaskmov_to_es, 4, WRITES },
    { "FLD", read_fs_x87, 10, READS }, { "FSTP", write_es_x87, 10, WRITES },
    { "STOS", stos_es, 4, WRITES }, { "LODS", lods_ds, 2, READS }, { "SGDT", sgdt_fs, 6, WRITES },
    { "LGDT", lgdt_gs, 6, READS | WRITES }, { "BT", bt_gs, 4, READS },
};

/* By SS, at CPL 3: ESP is the offset plus what is pushed; IRET to a stack of 16 bits leaves the
 * rest of it. */
#define STACK_WAY(function, up, code) \
    static void function(u32 offset) \
    { \
        TRY("push $27; push %0; pushf; push $43; push $66f; iret; 66: movzwl %%sp, %%esp;" code \
            "; int $0x82", offset + (up)); \
        asm volatile("movl %0, %%es; movl %0, %%ds" :: "r"(DATA)); \
        caught.vector = caught.vector == 0x82 ? NOTHING : caught.vector; \
    }

STACK_WAY(push_ss, 4, "push %%edx")
STACK_WAY(push_ss_16, 2, "pushw %%dx")
STACK_WAY(pop_ss, 0, "pop %%edx")
STACK_WAY(read_ss, 0, "movl (%%esp), %%edx")
STACK_WAY(write_ss, 0, "movb %%dl, (%%esp)")
STACK_WAY(pusha_ss, 32, "pusha")
STACK_WAY(cmp_ss, 0, "cmpl $0, (%%esp)")
STACK_WAY(call_ss, 4, "call 1f; 1:")

static const Way stack_ways[] = {
    { "PUSH", push_ss, 4, WRITES }, { "PUSH, 16 bits", push_ss_16, 2, WRITES }, { "POP", pop_ss, 4, READS },
    { "SS", read_ss, 4, READS }, { "to SS", write_ss, 1, WRITES }, { "PUSHA", pusha_ss, 32, WRITES },
    { "CMP with SS", cmp_ss, 4, READS }, { "CALL", call_ss, 4, WRITES },
};

/* ---- segments ---- */

typedef struct Segment {
    const char *name;
    u32 limit, access;           /* as in the descriptor */
    u32 first, last;             /* offsets that may be accessed */
    Kind allows;
} Segment;

static const Segment segments[] = {
    { "bytes", 0x1fff, 0x493, 0, 0x1fff, READS | WRITES },
    { "pages", 1, 0xc93, 0, 0x1fff, READS | WRITES },
    { "one byte", 0, 0x493, 0, 0, READS | WRITES },
    { "read only", 0x1fff, 0x491, 0, 0x1fff, READS },
    { "code", 0x1fff, 0x49b, 0, 0x1fff, READS },
    { "down", 0xfff, 0x497, 0x1000, 0xffffffff, READS | WRITES },
    { "down, 16 bits", 0xfff, 0x097, 0x1000, 0xffff, READS | WRITES },
    { "down, read only", 0xfff, 0x495, 0x1000, 0xffffffff, READS },
    { "all", 0xfffff, 0xc93, 0, 0xffffffff, READS | WRITES },
    { "all, read only", 0xfffff, 0xc91, 0, 0xffffffff, READS },
};

static void expect(const Way *way, const Segment *s, u32 offset, word fault)
{
    int good = (s->allows & way->kind) == way->kind && offset >= s->first &&
               (u64)offset + way->size - 1 <= s->last;
    word wanted = good ? NOTHING : fault;

    way->run(offset);
    if (caught.vector != wanted || caught.error) {
        print("# at ");
        print_hex(offset);
        print("\n");
    }
    check(way->name, caught.vector, wanted);
    check(way->name, caught.error, 0);
}

/* Up to `to`, where memory is: an offset that wraps is the CPU's choice. */
static void around(const Way *way, const Segment *s, u32 to, word fault)
{
    for (u32 at = to - 36; at < to + 4; at++) {
        if (at < sizeof(memory) - 64) {
            expect(way, s, at, fault);
        }
    }
}

static void test_ways(const Segment *s, const Way *way, unsigned count, word fault)
{
    for (; count > 0; count--, way++) {
        around(way, s, 36, fault);
        around(way, s, 0x1000 + 3, fault);
        around(way, s, 0x2000 + 3, fault);
    }
}

static void test_segment(const Segment *s)
{
    gdt[SEGMENT / 8] = segment((u32)memory, s->limit, s->access);
    test_ways(s, ways, sizeof(ways) / sizeof(ways[0]), GP);
    if (s->allows & WRITES) {
        gdt[SEGMENT / 8] = segment((u32)memory, s->limit, s->access | 0x60);
        test_ways(s, stack_ways, sizeof(stack_ways) / sizeof(stack_ways[0]), SS);
    }
}

static const Segment *current;
static void test_current(void) { test_segment(current); }

static void test_null(void)
{
    TRY("movl %0, %%fs; movb %%fs:0, %%dl", 0);
    check("vector", caught.vector, GP);
    TRY("movl %0, %%gs; movb %%dl, %%gs:memory", 3);
    check("vector", caught.vector, GP);
    TRY("movl %0, %%es; lock; incl %%es:memory", 0);
    check("vector", caught.vector, GP);
    asm volatile("movl %0, %%es; movl %0, %%fs; movl %0, %%gs" :: "r"(DATA));
}

/* By CS, which is never written, and read where its descriptor says so. */
extern u8 by_cs[], by_cs_end[];
asm(".text\n"
    "by_cs: movl %cs:(%ecx), %edx; lret\n"
    "movl %edx, %cs:(%ecx); lret\n"
    "by_cs_end:\n");

static void test_code(void)
{
    static const struct { u32 access, at, offset; word vector; } cases[] = {
        { 0x49b, 0, 0xffc, NOTHING }, { 0x49b, 0, 0xffd, GP }, { 0x49b, 0, 0xfffffffe, GP },
        { 0x499, 0, 0, GP }, { 0x49b, 4, 0, GP }, { 0x499, 4, 0, GP },
    };

    copy_code((word)memory, by_cs, by_cs_end);
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        gdt[SMALL_CODE / 8] = segment((u32)memory, 0xfff, cases[i].access);
        TRY("push $32; push %1; movl %%esp, %%edi; movl %0, %%ecx; lcall *(%%edi); addl $8, %%esp",
            cases[i].offset, "r"(cases[i].at));
        check("vector", caught.vector, cases[i].vector);
    }
}

/* FXRSTOR reads, FXSAVE writes. */
u8 image[512] __attribute__((aligned(16)));

static void test_image(void)
{
    TRY("fxsave image; fxrstor %%cs:image", 0);
    check("FXRSTOR", caught.vector, NOTHING);
    TRY("fxsave %%cs:image", 0);
    check("FXSAVE", caught.vector, GP);
}

void main(void)
{
    set_up();
    for (unsigned i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
        current = &segments[i];
        run(current->name, test_current);
    }
    run("null", test_null);
    run("code", test_code);
    run("FXSAVE's image", test_image);
    print("end\n");
    outb(0xf4, 0);
}
