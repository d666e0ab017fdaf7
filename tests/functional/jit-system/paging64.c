/* SPDX-License-Identifier: MIT */
/* Paging with 4 and 5 levels: entries, rights, keys, tags; Intel SDM volume 3, chapter 4. */
#include "tests/functional/jit-system/setup64.h"

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
enum { SMEP = 1 << 20, SMAP = 1 << 21, PKE = 1 << 22, PCIDE = 1 << 17, PGE = 0x80 };
#define NX (1ull << 63)

static void set_cr0(u64 set, u64 clear)
{
    u64 value;

    asm volatile("mov %%cr0, %0" : "=r"(value));
    asm volatile("mov %0, %%cr0" :: "r"((value | set) & ~clear) : "memory");
}

/* ---- accessed and dirty ---- */

/* Runs `code` with rdi = rsi = AT, rbx = AT as well, and the stack pointer on that page where
 * it says so. */
#define TOUCHES(code, bits) do { \
    map((u64)page[0] | P | W); \
    TRY("movq %0, %%rdi; movq %0, %%rsi; movq %0, %%rbx; xorl %%ecx, %%ecx; xorl %%edx, %%edx;" code, AT); \
    EXPECT(NOTHING, 0); \
    check(code, PTE[0] & (A | D), bits); } while (0)

static void test_accessed(void)
{
    TOUCHES("nop", 0);
    TOUCHES("movl (%%rdi), %%ecx", A);
    TOUCHES("movl %%ecx, (%%rdi)", A | D);
    TOUCHES("cmpl %%ecx, (%%rdi)", A);
    TOUCHES("testl %%ecx, (%%rdi)", A);
    TOUCHES("btl $1, (%%rdi)", A);
    TOUCHES("btsl $1, (%%rdi)", A | D);
    TOUCHES("incl (%%rdi)", A | D);
    TOUCHES("lock; orl $0, (%%rdi)", A | D);
    TOUCHES("xaddl %%ecx, (%%rdi)", A | D);
    TOUCHES("xchgl %%ecx, (%%rdi)", A | D);
    /* It writes, whatever the comparison says. */
    TOUCHES("movl $-1, %%eax; cmpxchgl %%ecx, (%%rdi)", A | D);
    TOUCHES("movl $-1, %%eax; cmpxchg8b (%%rdi)", A | D);
    TOUCHES("movl $-1, %%eax; lock; cmpxchg16b (%%rdi)", A | D);
    TOUCHES("shll %%cl, (%%rdi)", A | D);
    TOUCHES("xorl %%eax, %%eax; cmovnzl (%%rdi), %%ecx", A);
    TOUCHES("xorl %%eax, %%eax; setnz (%%rdi)", A | D);
    TOUCHES("leaq (%%rdi), %%rcx", 0);
    TOUCHES("invlpg (%%rdi)", 0);
    TOUCHES("rep; movsb", 0);
    TOUCHES("incl %%ecx; rep; lodsb", A);
    TOUCHES("incl %%ecx; rep; stosb", A | D);
    TOUCHES("movl $1, %%ecx; repe; cmpsb", A);
    TOUCHES("leaq 64(%%rbx), %%rsp; pushq %%rcx", A | D);
    TOUCHES("leaq 64(%%rbx), %%rsp; popq %%rcx", A);
    TOUCHES("movaps (%%rdi), %%xmm0", A);
    TOUCHES("movaps %%xmm0, (%%rdi)", A | D);
    TOUCHES("fninit; fildl (%%rdi)", A);
    TOUCHES("fnstcw (%%rdi)", A | D);
    TOUCHES("sidt (%%rdi)", A | D);
    TOUCHES("clflush (%%rdi)", A);
    page[0][0] = 0xc3;
    TOUCHES("call *%%rdi", A);
    page[0][0] = 0;
}

static void test_accessed_above(void)
{
    u64 *const entries[] = { &page_tables[1], &tables[0][0], &tables[1][0] };

    for (unsigned i = 0; i < 3; i++) {
        *entries[i] &= ~(u64)A;
    }
    map((u64)page[0] | P | W);
    *(volatile u8 *)AT = 0;
    for (unsigned i = 0; i < 3; i++) {
        check("accessed of a table", *entries[i] & (A | D), A);
    }
    /* Large pages: D is in the entry that maps. */
    tables[1][1] &= ~(u64)(A | D);
    flush((u8 *)AT + 0x200000);
    (void)*(volatile u8 *)(AT + 0x200000);
    check("accessed of 2 MiB", tables[1][1] & (A | D), A);
    tables[1][2] = (u64)0x400000 | P | W | U | PS;
    *(volatile u8 *)(AT + 0x400000) = 0;
    check("dirty of 2 MiB", *(volatile u64 *)&tables[1][2] & (A | D), A | D);
    (void)*(volatile u8 *)(AT + 0x40000000);
    check("accessed of 1 GiB", tables[0][1] & (A | D), A);
    /* A write that may not be sets no D. */
    map((u64)page[0] | P);
    TRY("movb %%cl, (%0)", AT);
    EXPECT(PF, 3);
    check("after a fault", PTE[0] & D, 0);
}

/* ---- error codes ---- */

/* Instructions that write what they read fault as writes, also where it is the read that
 * cannot be. */
static void test_writes(void)
{
    static const u64 entries[] = { 0, P };

    for (unsigned i = 0; i < 2; i++) {
        u32 error = W | (entries[i] ? P : 0);
        map((u64)page[0] | entries[i]);
        TRY("movl %%ecx, (%0)", AT);
        EXPECT(PF, error);
        TRY("addl %%ecx, (%0)", AT);
        EXPECT(PF, error);
        TRY("lock; addl %%ecx, (%0)", AT);
        EXPECT(PF, error);
        TRY("xorl %%ecx, %%ecx; shll %%cl, (%0)", AT);
        EXPECT(PF, error);
        TRY("shldl $0, %%ecx, (%0)", AT);
        EXPECT(PF, error);
        TRY("movq %0, %%rdi; movl $-1, %%eax; cmpxchgl %%ecx, (%%rdi)", AT);
        EXPECT(PF, error);
        TRY("notl (%0)", AT);
        EXPECT(PF, error);
        TRY("btrl $5, (%0)", AT);
        EXPECT(PF, error);
        TRY("rclb $1, (%0)", AT);
        EXPECT(PF, error);
        TRY("xaddw %%cx, (%0)", AT);
        EXPECT(PF, error);
    }
    map(0);
    TRY("btl $5, (%0)", AT);
    EXPECT(PF, 0);
    TRY("cmpl %%ecx, (%0)", AT);
    EXPECT(PF, 0);
    TRY("movq %0, %%rsi; leaq -64(%%rsp), %%rdi; movsb", AT);
    EXPECT(PF, 0);
    TRY("movq %0, %%rdi; movq %%rsp, %%rsi; movsb", AT);
    EXPECT(PF, W);
    open_memory(1);
    map((u64)page[0] | P | W);
    TRY(USER "incl (%0)", AT, OPERANDS);
    EXPECT(PF, P | W | U);
    TRY(USER "jmp *%0", AT, OPERANDS);
    EXPECT(PF, P | U | 16);
    open_memory(0);
}

static void test_reserved(void)
{
    u64 top = page_tables[1], next = tables[0][0];

    open_memory(1);
    map((u64)page[0] | P | W | U | 1ull << 45);
    TRY(USER "movq (%0), %%rcx", AT, OPERANDS);
    EXPECT(PF, P | U | 8);
    TRY(USER "movq %%rcx, (%0)", AT, OPERANDS);
    EXPECT(PF, P | W | U | 8);
    TRY("jmp *%0", AT);
    EXPECT(PF, P | 8 | 16);
    open_memory(0);
    map((u64)page[0] | P | W | 0x7full << 52);     /* what software may use */
    TRY("movq (%0), %%rcx", AT);
    EXPECT(NOTHING, 0);
    page_tables[1] = top | PS;
    flush((void *)AT);
    TRY("movq (%0), %%rcx", AT);
    EXPECT(PF, P | 8);
    page_tables[1] = top | 1ull << 40;
    flush((void *)AT);
    TRY("movq (%0), %%rcx", AT);
    EXPECT(PF, P | 8);
    page_tables[1] = top;
    tables[0][1] |= 1 << 13;                       /* within 1 GiB, but for the PAT's bit */
    flush((u8 *)AT + 0x40000000);
    TRY("movq (%0), %%rcx", AT + 0x40000000);
    EXPECT(PF, P | 8);
    tables[0][1] ^= 1 << 13 | 1 << 12;
    flush((u8 *)AT + 0x40000000);
    TRY("movq (%0), %%rcx", AT + 0x40000000);
    EXPECT(NOTHING, 0);
    tables[0][1] ^= 1 << 12;
    /* Of NX in a table above all that lies below cannot be run. */
    page[0][0] = 0xc3;
    map((u64)page[0] | P);
    tables[0][0] = next | NX;
    flush((void *)AT);
    TRY("call *%0", AT);
    EXPECT(PF, P | 16);
    tables[0][0] = next;
    flush((void *)AT);
    /* Without EFER.NXE the bit is reserved, and nobody tells of fetches but with SMEP. */
    write_msr(0xc0000080, 0x501);
    map((u64)page[0] | P | NX);
    TRY("movq (%0), %%rcx", AT);
    EXPECT(PF, P | 8);
    map(0);
    TRY("call *%0", AT);
    EXPECT(PF, 0);
    write_cr4(read_cr4() | SMEP);
    TRY("call *%0", AT);
    EXPECT(PF, 16);
    write_cr4(read_cr4() & ~(u64)SMEP);
    write_msr(0xc0000080, 0xd01);
}

/* ---- supervisor mode and pages of users ---- */

/* A table of descriptors at AT: data for the supervisor, data for users. */
static void set_ldt(void)
{
    map((u64)page[0] | P | W);
    ((volatile u64 *)page[0])[1] = gdt[DATA / 8];
    ((volatile u64 *)page[0])[2] = gdt[UDATA / 8];
    gdt[FREE / 8] = 0xfff | (AT & 0xffffff) << 16 | 0x82ull << 40 | (AT >> 24 & 0xff) << 56;
    gdt[FREE / 8 + 1] = AT >> 32;
    asm volatile("lldt %w0" :: "r"(FREE));
}

static void test_smap(void)
{
    u64 cr4 = read_cr4();

    set_ldt();
    map((u64)page[0] | P | W | U);
    write_cr4(cr4 | SMAP);
    TRY("stac; movq (%0), %%rcx; movq %%rcx, (%0)", AT);
    EXPECT(NOTHING, 0);
    TRY("clac; movq (%0), %%rcx", AT);
    EXPECT(PF, P);
    TRY("clac; movq %%rcx, (%0)", AT);
    EXPECT(PF, P | W);
    TRY("pushf; orl $0x40000, (%%rsp); popf; movq (%0), %%rcx", AT);
    EXPECT(NOTHING, 0);
    /* CR0.WP does not matter, nor does AC in accesses of the CPU's own. */
    set_cr0(0, 1 << 16);
    TRY("clac; movq %%rcx, (%0)", AT);
    EXPECT(PF, P | W);
    set_cr0(1 << 16, 0);
    TRY("stac; movl $12, %%ecx; movl %%ecx, %%es", 0);
    EXPECT(PF, P);
    check("cr2", caught.cr2, AT + 8);
    asm volatile("clac");
    /* From user code as well: it is not an access of its own. MOVL $23, %ECX; MOVL %ECX,
     * %ES; HLT */
    static const u8 user_code[] = { 0xb9, 23, 0, 0, 0, 0x8e, 0xc1, 0xf4 };
    copy_code((word)page[1], user_code, user_code + sizeof(user_code));
    PTE[1] = (u64)page[1] | P | U;
    TRY("push $35; push $0; push $2; push $43; push %0; iretq", AT + 0x1000);
    EXPECT(PF, P);
    check("ip", caught.ip, AT + 0x1005);
    write_cr4(cr4);
    TRY("push $35; push $0; push $2; push $43; push %0; iretq", AT + 0x1000);
    EXPECT(GP, 0);
    check("ip", caught.ip, AT + 0x1007);
    PTE[1] = 0;
    flush((u8 *)AT + 0x1000);
    write_cr4(cr4 | SMAP);
    TRY("clac; movq %0, %%rdi; stosb", AT);
    EXPECT(PF, P | W);
    map((u64)page[0] | P | W);
    TRY("clac; movq (%0), %%rcx", AT);
    EXPECT(NOTHING, 0);
    write_cr4(cr4);
    EXPECT_USER("stac", UD);
    EXPECT_USER("clac", UD);
}

/* User code loads a segment whose descriptor lies in a supervisor's page. */
static void test_implicit(void)
{
    set_ldt();
    open_memory(1);
    TRY(USER "movl $23, %%ecx; movl %%ecx, %%es; hlt", 0, OPERANDS);
    EXPECT(GP, 0);                                 /* it got as far as HLT */
    map(0);
    TRY(USER "movl $23, %%ecx; movl %%ecx, %%es; hlt", 0, OPERANDS);
    EXPECT(PF, 0);
    check("cr2", caught.cr2, AT + 16);
    /* The descriptor's accessed bit is written in spite of the page. */
    ((volatile u64 *)page[0])[2] &= ~(1ull << 40);
    map((u64)page[0] | P | W);
    TRY(USER "movl $23, %%ecx; movl %%ecx, %%es; hlt", 0, OPERANDS);
    EXPECT(GP, 0);
    check("the descriptor", ((volatile u64 *)page[0])[2] >> 40 & 1, 1);
    open_memory(0);
    asm volatile("lldt %w0" :: "r"(0));
}

static void test_smep(void)
{
    u64 cr4 = read_cr4();

    page[0][0] = 0xc3;
    write_cr4(cr4 | SMEP);
    map((u64)page[0] | P | U);
    TRY("stac; call *%0; clac", AT);               /* AC is for data */
    EXPECT(PF, P | 16);
    /* A supervisor's page is one if any entry says so. */
    tables[1][0] &= ~(u64)U;
    flush((void *)AT);
    TRY("call *%0", AT);
    EXPECT(NOTHING, 0);
    tables[1][0] |= U;
    write_cr4(cr4);
    asm volatile("clac");
}

/* ---- protection keys ---- */

#define WRPKRU(value) "xorl %%ecx, %%ecx; xorl %%edx, %%edx; movl $" #value ", %%eax; wrpkru; "
#define KEY(n) ((u64)(n) << 59)

static void test_keys(void)
{
    u64 cr4 = read_cr4();

    TRY("xorl %%ecx, %%ecx; rdpkru", 0);
    EXPECT(UD, 0);
    TRY(WRPKRU(0) "nop", 0);
    EXPECT(UD, 0);
    write_cr4(cr4 | PKE);
    TRY("movl $1, %%ecx; rdpkru", 0);
    EXPECT(GP, 0);
    TRY("movl $1, %%ecx; xorl %%edx, %%edx; xorl %%eax, %%eax; wrpkru", 0);
    EXPECT(GP, 0);
    TRY("xorl %%ecx, %%ecx; movl $1, %%edx; xorl %%eax, %%eax; wrpkru", 0);
    EXPECT(GP, 0);
    TRY(WRPKRU(0x55555554) "movl $-1, %%edx; movl %%edx, %%eax; rdpkru; shlq $32, %%rdx; orq %%rdx, %%rax; cmpq $0x55555554, %%rax; je 1f; ud2; 1:", 0);
    EXPECT(NOTHING, 0);
    open_memory(1);
    /* Key 15: neither reads nor writes, then reads alone; users and the supervisor alike. */
    map((u64)page[0] | P | W | U | KEY(15));
    TRY(USER "movq %0, %%rsi;" WRPKRU(0x40000000) "movq (%%rsi), %%rcx", AT, OPERANDS);
    EXPECT(PF, P | U | 32);
    TRY(USER "movq %0, %%rsi;" WRPKRU(0x40000000) "movq %%rcx, (%%rsi)", AT, OPERANDS);
    EXPECT(PF, P | W | U | 32);
    TRY(USER "movq %0, %%rsi;" WRPKRU(0x80000000) "movq (%%rsi), %%rcx; movq %%rcx, (%%rsi)", AT,
        OPERANDS);
    EXPECT(PF, P | W | U | 32);
    TRY(USER "movq %0, %%rsi;" WRPKRU(0x80000000) "incl (%%rsi)", AT, OPERANDS);
    EXPECT(PF, P | W | U | 32);
    TRY(USER "movq %0, %%rsi;" WRPKRU(0x3ffffffc) "movq (%%rsi), %%rcx; movq %%rcx, (%%rsi); hlt",
        AT, OPERANDS);
    EXPECT(GP, 0);                                 /* other keys do not matter */
    TRY("movq %0, %%rsi;" WRPKRU(0x40000000) "movq (%%rsi), %%rcx", AT);
    EXPECT(PF, P | 32);
    set_cr0(0, 1 << 16);
    TRY("movq %0, %%rsi;" WRPKRU(0x80000000) "movq %%rcx, (%%rsi)", AT);
    EXPECT(NOTHING, 0);
    TRY("movq %0, %%rsi;" WRPKRU(0x40000000) "movq %%rcx, (%%rsi)", AT);
    EXPECT(PF, P | W | 32);
    set_cr0(1 << 16, 0);
    /* The bit says that the key forbids it, also when something else does. */
    map((u64)page[0] | P | U | KEY(15));
    TRY(USER "movq %0, %%rsi;" WRPKRU(0x80000000) "movq %%rcx, (%%rsi)", AT, OPERANDS);
    EXPECT(PF, P | W | U | 32);
    /* A supervisor's page has no key; a fetch asks for none. */
    map((u64)page[0] | P | W | KEY(15));
    TRY("movq %0, %%rsi;" WRPKRU(0x40000000) "movq %%rcx, (%%rsi)", AT);
    EXPECT(NOTHING, 0);
    page[0][0] = 0xcd;                             /* INT 0x82 */
    page[0][1] = 0x82;
    set_gate(0x82, CODE, STUB(0x82), 0xee, 0);
    map((u64)page[0] | P | U | KEY(15));
    TRY(USER "movq %0, %%rsi;" WRPKRU(0x40000000) "jmp *%%rsi", AT, OPERANDS);
    EXPECT(0x82, 0);
    /* Code that its own key keeps it from reading. */
    page[0][0] = 0x48;                             /* MOVQ (%RSI), %RCX */
    page[0][1] = 0x8b;
    page[0][2] = 0x0e;
    TRY(USER "movq %0, %%rsi;" WRPKRU(0x40000000) "jmp *%%rsi", AT, OPERANDS);
    EXPECT(PF, P | U | 32);
    open_memory(0);
    TRY(WRPKRU(0) "nop", 0);
    write_cr4(cr4);
}

/* ---- tags of address spaces ---- */

static u64 other_top[512] __attribute__((aligned(4096)));

#define INVPCID(type, address, at) do { \
    struct { u64 pcid, linear; } __attribute__((aligned(16))) d_ = { address, at }; \
    asm volatile("invpcid %0, %1" :: "m"(d_), "r"((u64)(type)) : "memory"); } while (0)
static struct { u64 pcid, linear; } descriptor;
#define TRY_INVPCID(type, tag, at) do { \
    descriptor.pcid = tag; \
    descriptor.linear = at; \
    TRY("invpcid %1, %0", type, "m"(descriptor)); } while (0)
#define KEEP (1ull << 63)

static u8 seen_at(void) { return *(volatile u8 *)AT; }

static void test_invpcid(void)
{
    u64 cr3 = read_cr3();

    TRY("movl $4, %%ecx; invpcid %1, %%rcx", 0, "m"(descriptor));
    EXPECT(GP, 0);
    TRY("movl $0, %%ecx; movq %0, %%rdi; invpcid (%%rdi), %%rcx", AT + 0x5000);
    EXPECT(PF, 0);
    descriptor.pcid = 1;
    TRY("movl $1, %%ecx; invpcid %1, %%rcx", 0, "m"(descriptor));
    EXPECT(GP, 0);                                 /* CR4.PCIDE is 0 */
    TRY("movl $2, %%ecx; invpcid %1, %%rcx", 0, "m"(descriptor));
    EXPECT(NOTHING, 0);
    /* PCIDE: not with another PCID than 0 in CR3, and not without paging. */
    write_cr3(cr3 | 0x18);
    TRY("movq %0, %%cr4", read_cr4() | PCIDE);
    EXPECT(GP, 0);
    write_cr3(cr3);
    TRY("movq %0, %%cr3", cr3 | KEEP);
    EXPECT(GP, 0);
    write_cr4(read_cr4() | PCIDE);
    TRY("movl $1, %%ecx; invpcid %1, %%rcx", 0, "m"(descriptor));
    EXPECT(NOTHING, 0);
    descriptor.pcid = 0x1000;
    for (u64 type = 0; type < 4; type++) {
        TRY("movq %0, %%rcx; invpcid %1, %%rcx", type, "m"(descriptor));
        EXPECT(GP, 0);
    }
    descriptor.pcid = 0;
    descriptor.linear = 1ull << 47;
    TRY("xorl %%ecx, %%ecx; invpcid %1, %%rcx", 0, "m"(descriptor));
    EXPECT(GP, 0);
    TRY("movl $1, %%ecx; invpcid %1, %%rcx", 0, "m"(descriptor));
    EXPECT(NOTHING, 0);
    open_memory(1);
    TRY(USER "invpcid %1, %%rcx", 0, "m"(descriptor), OPERANDS);
    EXPECT(GP, 0);
    open_memory(0);
    write_cr4(read_cr4() & ~(u64)PCIDE);
}

/* PCID 1 has page[0] or page[1] at AT, PCID 2 page[2]. */
static void test_pcid(void)
{
    u64 cr3 = read_cr3(), one = cr3 | 1, two = (u64)other_top | 2;

    for (unsigned i = 0; i < 512; i++) {
        other_top[i] = page_tables[i];
    }
    other_top[1] = (u64)tables[3] | 7;
    tables[3][0] = (u64)tables[4] | 7;
    static u64 last[512] __attribute__((aligned(4096)));
    tables[4][0] = (u64)last | 7;
    last[0] = (u64)page[2] | P | W;
    for (unsigned i = 0; i < 3; i++) {
        page[i][0] = i + 1;
    }
    map((u64)page[0] | P | W);
    write_cr4(read_cr4() | PCIDE);
    write_cr3(one);
    check("PCID 1", seen_at(), 1);
    write_cr3(two);
    check("PCID 2", seen_at(), 3);
    write_cr3(one | KEEP);
    check("PCID 1 again", seen_at(), 1);
    check("cr3 has no bit 63", read_cr3(), one);
    write_cr3(two | KEEP);
    check("PCID 2 again", seen_at(), 3);
    /* A change to PCID 1's, from within PCID 2: by one address, by PCID, all, all but global
     * ones. */
    for (u64 type = 0; type < 4; type++) {
        write_cr3(one | KEEP);
        (void)seen_at();
        write_cr3(two | KEEP);
        PTE[0] = (u64)page[type & 1 ? 0 : 1] | P | W;
        INVPCID(type, type < 2 ? 1 : 0, AT);
        check("PCID 2 stays", seen_at(), 3);
        write_cr3(one | KEEP);
        check("after INVPCID", seen_at(), type & 1 ? 1 : 2);
    }
    /* Without bit 63 what is known of the PCID goes. */
    PTE[0] = (u64)page[1] | P | W;
    write_cr3(one);
    check("after CR3 was written", seen_at(), 2);
    /* Global pages: of all PCIDs; INVLPG and type 2 empty them. */
    PTE[0] = (u64)page[0] | P | W | G;
    flush((void *)AT);
    check("a global page", seen_at(), 1);
    PTE[0] = (u64)page[1] | P | W | G;
    INVPCID(2, 0, 0);
    check("after INVPCID of all", seen_at(), 2);
    PTE[0] = (u64)page[0] | P | W;
    flush((void *)AT);
    check("after INVLPG", seen_at(), 1);
    /* More of them than anybody can remember. */
    for (u64 tag = 3; tag < 40; tag++) {
        write_cr3((tag & 1 ? cr3 : (u64)other_top) | tag);
        check("of many", seen_at(), tag & 1 ? 1 : 3);
    }
    for (u64 tag = 3; tag < 40; tag++) {
        write_cr3((tag & 1 ? cr3 : (u64)other_top) | tag | KEEP);
        check("of many, again", seen_at(), tag & 1 ? 1 : 3);
    }
    /* Paging is not left with PCIDE. */
    TRY("push $24; push $pcid_compat; lretq", 0);
    EXPECT(GP, 0);
    check("cs", caught.cs, CODE32);
    write_cr3(cr3);
    write_cr4(read_cr4() & ~(u64)PCIDE);
}
asm(".text\n.code32\npcid_compat: movl %cr0, %eax; andl $0x7fffffff, %eax; movl %eax, %cr0\n.code64\n");

/* ---- five levels ---- */

#define AT_57 (3ull << 48)

static void test_la57(void)
{
    level_5[0] = (u64)page_tables | P | W;
    level_5[3] = (u64)page_tables | P | W;
    TRY("movq %0, %%cr4", read_cr4() | LA57);      /* not in long mode */
    EXPECT(GP, 0);
    TRY("movq (%0), %%rcx", AT_57 + AT);
    EXPECT(GP, 0);
    five_levels(1);
    check("cr4", read_cr4() & LA57, LA57);
    map((u64)page[0] | P | W);
    page[0][0] = 0x57;
    check("four levels below", *(volatile u8 *)AT, 0x57);
    check("by another entry of the fifth", *(volatile u8 *)(AT_57 + AT), 0x57);
    check("accessed", level_5[3] & (A | D), A);
    TRY("movq (%0), %%rcx", AT_57 + AT + 0x1000);
    EXPECT(PF, 0);
    check("cr2", caught.cr2, AT_57 + AT + 0x1000);
    TRY("movq (%0), %%rcx", 5ull << 48);
    EXPECT(PF, 0);
    TRY("movq (%0), %%rcx", 0xffull << 56);
    EXPECT(PF, 0);
    TRY("movq (%0), %%rcx", 1ull << 56);
    EXPECT(GP, 0);
    TRY("movq %0, %%rcx; wrfsbase %%rcx", 1ull << 56);
    EXPECT(UD, 0);
    TRY("movq %0, %%rdx; shrq $32, %%rdx; movl $0xc0000100, %%ecx; wrmsr", AT_57);
    EXPECT(NOTHING, 0);
    TRY("movq %0, %%rdx; shrq $32, %%rdx; movl $0xc0000100, %%ecx; wrmsr", 1ull << 56);
    EXPECT(GP, 0);
    write_msr(0xc0000100, 0);
    level_5[3] |= PS;
    flush((void *)(AT_57 + AT));
    TRY("movq (%0), %%rcx", AT_57 + AT);
    EXPECT(PF, P | 8);
    level_5[3] ^= PS;
    TRY("movq %0, %%cr4", read_cr4() & ~(u64)LA57);
    EXPECT(GP, 0);
    five_levels(0);
    TRY("movq (%0), %%rcx", AT_57 + AT);
    EXPECT(GP, 0);
}

void main(void)
{
    set_up();
    run("accessed and dirty bits", test_accessed);
    run("accessed bits of tables", test_accessed_above);
    run("faults of what reads and writes", test_writes);
    run("reserved bits, NX", test_reserved);
    run("SMAP", test_smap);
    run("implicit accesses", test_implicit);
    run("SMEP", test_smep);
    run("protection keys", test_keys);
    run("INVPCID", test_invpcid);
    run("PCID", test_pcid);
    run("five levels", test_la57);
    print("end\n");
    outb(0xf4, 0);
}
