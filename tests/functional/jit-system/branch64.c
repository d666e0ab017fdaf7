/* SPDX-License-Identifier: MIT */
/*
 * Where jumps, calls and returns lead that have no canonical target: the fault is the
 * instruction's, with RIP and RSP as they were before it. SDM volume 2.
 */
#include "tests/functional/jit-system/setup64.h"

/* The first address that is not canonical: of 48 bits, or of 57. */
static u64 not_canonical = 1ull << 47;

word wanted_ip, wanted_sp;

/* Before the instruction at 1: is the one that faults. */
#define HERE "leaq 1f(%%rip), %%rcx; movq %%rcx, wanted_ip(%%rip); movq %%rsp, wanted_sp(%%rip); "
#define TARGET "push %0; "
/* The same with TF from that instruction on, where a block is one instruction. */
#define STEP "pushfq; orl $0x100, (%%rsp); popfq; "

static void expect_fault_at(word ip, const char *what)
{
    check(what, caught.vector, GP);
    check(what, caught.error, 0);
    check(what, caught.ip, ip);
    check(what, caught.old_sp, wanted_sp);
}

static void expect_fault(const char *what)
{
    expect_fault_at(wanted_ip, what);
}

/* Each instruction as it comes, and in a single step. */
#define FAULTS(before, code) do { \
    TRY(before HERE "1: " code, not_canonical); \
    expect_fault(code); \
    TRY(before HERE STEP "1: " code, not_canonical); \
    expect_fault(code " stepped"); } while (0)

static void test_near(void)
{
    FAULTS("", "jmp *%0");
    FAULTS("", "call *%0");
    FAULTS(TARGET, "jmp *(%%rsp)");
    FAULTS(TARGET, "call *(%%rsp)");
    FAULTS(TARGET, "ret");
    FAULTS(TARGET, "ret $8");
    FAULTS(TARGET, "ret $55");
    FAULTS(TARGET, "ret $56");
    FAULTS(TARGET, "ret $0xffff");
}

/* The word is written before, by Intel's CPUs: who cannot write it hears of that. */
static void test_order(void)
{
    map(0);
    set_gate(PF, CODE, STUB(PF), 0x8e, 1);
    TRY("movq %0, %%rdx; movq $0x8000000008, %%rsp; call *%%rdx", not_canonical);
    EXPECT(PF, 2);
    check("cr2", caught.cr2, AT);
    set_gate(PF, CODE, STUB(PF), 0x8e, 0);
}

static void test_far(void)
{
    FAULTS("push $8; " TARGET, "lretq");
    FAULTS("push $16; push $0x1000; pushfq; push $8; " TARGET, "iretq");
    FAULTS("movl $24, %%ecx; xorl %%r11d, %%r11d; push %0; push %0; movw $8, 8(%%rsp);",
           "rex.w ljmp *(%%rsp)");
    FAULTS("push %0; push %0; movw $8, 8(%%rsp);", "rex.w lcall *(%%rsp)");
    TRY("movq %0, %%rcx; xorl %%r11d, %%r11d; leaq 1f(%%rip), %%rdx; movq %%rdx, wanted_ip(%%rip);"
        "movq %%rsp, wanted_sp(%%rip); 1: sysretq", not_canonical);
    expect_fault("sysretq");
    check("cs of sysret's fault", caught.cs, CODE);
}

/* A place that was good often, and others that are not, by the same instruction. */
static void test_known(void)
{
    for (unsigned i = 0; i < 3; i++) {
        TRY("movq %0, %%rdx; movl $50, %%edi; leaq 3f(%%rip), %%rsi; 2: " HERE
            "testl %%edi, %%edi; cmovzq %%rdx, %%rsi; 1: call *%%rsi; decl %%edi; jns 2b; ud2; 3: ret",
            not_canonical + i);
        expect_fault("call");
        TRY("movq %0, %%rdx; movl $50, %%edi; leaq 3f(%%rip), %%rsi; 2: push %%rsi; " HERE
            "testl %%edi, %%edi; cmovzq %%rdx, %%rsi; movq %%rsi, (%%rsp); 1: ret; 3: decl %%edi; jns 2b; ud2",
            not_canonical + i);
        expect_fault("ret");
    }
}

/* At CPL 3, with interrupts on their way. */
static void test_user(void)
{
    open_memory(1);
    TRY(USER HERE "1: jmp *%0", not_canonical, OPERANDS);
    expect_fault("jmp");
    check("cs", caught.cs, UCODE);
    TRY(USER TARGET HERE "1: ret", not_canonical, OPERANDS);
    expect_fault("ret");
    TRY(USER HERE "1: call *%0", not_canonical, OPERANDS);
    expect_fault("call");
    open_memory(0);
}

/* The page that ends where addresses are canonical no more. */
#define EDGE (not_canonical - 0x1000)

extern const u8 call_over[], jmp_back[], jmp_over[], jz_over[], loop_over[], jcxz_over[],
    run_over[], last[], end_over[];
asm(".text\n"
    "jmp_back: .byte 0xe9\n.long -64\n"
    "jmp_over: .byte 0xe9\n.long end_over - 1f\n1:\n"
    "call_over: .byte 0xe8\n.long end_over + 64 - 2f\n2:\n"
    "jz_over: .byte 0x0f, 0x84\n.long end_over - 3f\n3:\n"
    "loop_over: loop end_over\n"
    "jcxz_over: jrcxz end_over + 8\n"
    "run_over: nop\n nop\n"
    "last: jz .\n"
    "end_over:\n");

#define OVER(label) (not_canonical - (end_over - label))

/* `code` leads there, by a jump to what lies before it; the fault is the instruction's at `ip`. */
#define OVER_EDGE(what, code, label, ip) do { \
    TRY("movq %%rsp, wanted_sp(%%rip); " code "jmp *%0", OVER(label)); \
    expect_fault_at(ip, what); } while (0)

/* `low` and `high`: the entries of the top table; `below`: the one for them. */
static void test_edges(u64 *low, u64 *high, u64 below)
{
    u64 low_entry = *low, high_entry = *high;

    *low = *high = below;
    tables[0][511] = tables[0][0];
    tables[1][511] = tables[1][0];
    PTE[511] = (u64)page[1] | 3;
    copy_code((word)page[1] + 0x1000 - (end_over - jmp_over), jmp_over, end_over);
    flush((void *)EDGE);
    /* The first place that is canonical again, and a jump over that edge. */
    PTE[0] = (u64)page[2] | 3;
    copy_code((word)page[2], jmp_back, jmp_over);
    flush((void *)-not_canonical);
    TRY("movq %%rsp, wanted_sp(%%rip); jmp *%0", -not_canonical);
    expect_fault_at(-not_canonical, "jmp back");
    for (unsigned i = 0; i < 2; i++) {
        OVER_EDGE("jmp", "", jmp_over, OVER(jmp_over));
        OVER_EDGE("call", "", call_over, OVER(call_over));
        OVER_EDGE("jz", "cmpl %%eax, %%eax; ", jz_over, OVER(jz_over));
        OVER_EDGE("loop", "movl $2, %%ecx; ", loop_over, OVER(loop_over));
        OVER_EDGE("jrcxz", "xorl %%ecx, %%ecx; ", jcxz_over, OVER(jcxz_over));
        /* LOOP's last round leads on to JRCXZ. */
        OVER_EDGE("loop's end", "movl $1, %%ecx; ", loop_over, OVER(jcxz_over));
        OVER_EDGE("who runs over the edge", "orl $1, %%ecx; ", run_over, not_canonical);
        OVER_EDGE("a jump there that is not taken", "orl $1, %%ecx; ", last, not_canonical);
    }
    tables[0][511] = tables[1][511] = PTE[511] = PTE[0] = 0;
    *low = low_entry;
    *high = high_entry;
    write_cr3(read_cr3());
}

static void test_edge(void)
{
    test_edges(&page_tables[255], &page_tables[256], page_tables[1]);
}

/* ---- with addresses of 57 bits ---- */

/* A jump to where nothing is, and not a fault of the jump. */
static void expect_gone(const char *what, u64 to, int moved)
{
    check(what, caught.vector, PF);
    check(what, caught.ip, to);
    check(what, caught.cr2, to);
    check(what, caught.old_sp, wanted_sp + moved);
}

static void test_57_bits(void)
{
    const u64 places[] = { 1ull << 47, 1ull << 48, (1ull << 56) - 2, -(1ull << 47) - 1,
                           -(1ull << 56) };

    five_levels(1);
    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        u64 to = places[i];

        TRY(HERE "1: jmp *%0", to);
        expect_gone("jmp", to, 0);
        TRY(HERE "1: call *%0", to);
        expect_gone("call", to, -8);
        TRY(TARGET HERE "1: ret", to);
        expect_gone("ret", to, 8);
        TRY("subq $128, %%rsp; " TARGET HERE "1: ret $56", to);
        expect_gone("ret $56", to, 64);
        TRY(HERE STEP "1: jmp *%0", to);
        check("stepped", caught.vector, DB);
        check("stepped", caught.ip, to);
    }
    asm volatile("mov %0, %%dr6" :: "r"(0ull));
    not_canonical = 1ull << 56;
    test_near();
    test_far();
    test_known();
    test_user();
    tables[3][0] = tables[3][511] = page_tables[1];
    test_edges(&level_5[255], &level_5[256], (u64)tables[3] | 7);
    not_canonical = 1ull << 47;
    five_levels(0);
}

void main(void)
{
    set_up();
    write_msr(0xc0000081, 24ull << 48 | 8ull << 32);
    run("near", test_near);
    run("order", test_order);
    run("far", test_far);
    run("targets known and not", test_known);
    run("user mode", test_user);
    run("the last page", test_edge);
    run("five levels", test_57_bits);
    print("end\n");
    outb(0xf4, 0);
}
