/* SPDX-License-Identifier: MIT */
/*
 * What CPUs see of each other's memory accesses: the litmus tests of Intel's SDM, volume 3,
 * 8.2.3, and some of "x86-TSO" (Sewell, Sarkar, Owens, Zappa Nardelli, Myreen; CACM 53, 7),
 * locked instructions on any address, and code that another CPU changes (8.1.3).
 *
 * A litmus test is a function for each CPU, run again and again on fresh locations; its
 * outcomes are counted and printed ("# NAME: OUTCOME × COUNT …", an outcome having a digit for
 * each register). Some are forbidden. How often the allowed ones come is a matter of luck and
 * of the host.
 */
#include "tests/functional/jit-system/guest.h"

#define BATCH   32u             /* locations of their own, between two evaluations */
#define BATCHES 160u
#define TICKS   120000000u      /* of the TSC, a GHz: a test ends then, whatever it did */
#define REGISTERS 4u

/* Locations far from each other, so that no line has two of them. */
typedef struct Place {
    volatile u32 x;
    u8 far[124];
    volatile u32 y;
    u8 farther[124];
    volatile u32 r[REGISTERS];
    u8 end[112];
} Place;

typedef struct Litmus {
    const char *name;
    unsigned cpus;
    void (*body[CPUS])(Place *p);
    /* Digits of r[0] … and then, where `last`, of x. */
    unsigned registers;
    int last;
    const char *forbidden[8];   /* '?': any */
} Litmus;

static Place places[BATCH] __attribute__((aligned(4096)));
static const Litmus *volatile litmus;
static struct { volatile u32 at; u8 far[124]; } arrived[CPUS] __attribute__((aligned(128)));
static volatile u32 stop;

static u64 tsc(void)
{
    u32 low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

#define STORE(to, value) "movl $" #value ", %[" #to "];"
#define LOAD(n, from)    "movl %[" #from "], %[r" #n "];"
#define LOCKED           "lock; orl $0, (%%rsp);"
#define XCHG(to, value)  "movl $" #value ", %%eax; xchgl %%eax, %[" #to "];"
/* Registers are kept in rsi, rdi and r8, and go to memory behind the test. */
#define BODY(name, first, second, code) \
    static void name(Place *p) \
    { \
        u32 a = 0, b = 0; \
        asm volatile(code : [ra] "+r"(a), [rb] "+r"(b), [x] "+m"(p->x), [y] "+m"(p->y) :: "eax", "memory"); \
        if (first >= 0) { \
            p->r[first & 3] = a; \
        } \
        if (second >= 0) { \
            p->r[second & 3] = b; \
        } \
    }

BODY(store_x_load_y,        0, -1, STORE(x, 1) LOAD(a, y))
BODY(store_y_load_x,        1, -1, STORE(y, 1) LOAD(a, x))
BODY(store_x_mfence_load_y, 0, -1, STORE(x, 1) "mfence;" LOAD(a, y))
BODY(store_y_mfence_load_x, 1, -1, STORE(y, 1) "mfence;" LOAD(a, x))
BODY(store_x_lock_load_y,   0, -1, STORE(x, 1) LOCKED LOAD(a, y))
BODY(store_y_lock_load_x,   1, -1, STORE(y, 1) LOCKED LOAD(a, x))
BODY(xchg_x_load_y,         0, -1, XCHG(x, 1) LOAD(a, y))
BODY(xchg_y_load_x,         1, -1, XCHG(y, 1) LOAD(a, x))
BODY(store_x_cpuid_load_y, 0, -1,
     STORE(x, 1) "push %%rbx; xorl %%eax, %%eax; cpuid; pop %%rbx;" LOAD(a, y))
BODY(store_x_store_y,      -1, -1, STORE(x, 1) STORE(y, 1))
BODY(xchg_x_store_y,       -1, -1, XCHG(x, 1) STORE(y, 1))
BODY(load_y_load_x,         0,  1, LOAD(a, y) LOAD(b, x))
BODY(load_x_store_y,        0, -1, LOAD(a, x) STORE(y, 1))
BODY(load_y_store_x,        1, -1, LOAD(a, y) STORE(x, 1))
BODY(store_x,              -1, -1, STORE(x, 1))
BODY(store_y,              -1, -1, STORE(y, 1))
BODY(xchg_x,               -1, -1, XCHG(x, 1))
BODY(xchg_y,               -1, -1, XCHG(y, 1))
BODY(load_x_load_x,         0,  1, LOAD(a, x) LOAD(b, x))
BODY(load_x_load_y,         0,  1, LOAD(a, x) LOAD(b, y))
BODY(load_y_load_x_2,       2,  3, LOAD(a, y) LOAD(b, x))
BODY(n6_a,                  0,  1, STORE(x, 1) LOAD(a, x) LOAD(b, y))
BODY(n6_b,                 -1, -1, STORE(y, 2) STORE(x, 2))
BODY(forward_x,             0,  1, STORE(x, 1) LOAD(a, x) LOAD(b, y))
BODY(forward_y,             2,  3, STORE(y, 1) LOAD(a, y) LOAD(b, x))
BODY(load_y_load_x_wrc,     1,  2, LOAD(a, y) LOAD(b, x))

/* SDM 8.2.3.n as the comment says. */
static const Litmus tests[] = {
    /* .2 and .3: neither loads nor stores pass each other */
    { "MP", 2, { store_x_store_y, load_y_load_x }, 2, 0, { "10" } },
    { "LB", 2, { load_x_store_y, load_y_store_x }, 2, 0, { "11" } },
    /* .4: a load may pass a store to elsewhere; but not (.9) what is between here */
    { "SB", 2, { store_x_load_y, store_y_load_x }, 2, 0, { 0 } },
    { "SB with MFENCE", 2, { store_x_mfence_load_y, store_y_mfence_load_x }, 2, 0, { "00" } },
    { "SB with LOCK", 2, { store_x_lock_load_y, store_y_lock_load_x }, 2, 0, { "00" } },
    { "SB with XCHG", 2, { xchg_x_load_y, xchg_y_load_x }, 2, 0, { "00" } },
    { "SB with XCHG and MFENCE", 2, { xchg_x_load_y, store_y_mfence_load_x }, 2, 0, { "00" } },
    { "SB with CPUID and LOCK", 2, { store_x_cpuid_load_y, store_y_lock_load_x }, 2, 0, { "00" } },
    { "MP with XCHG", 2, { xchg_x_store_y, load_y_load_x }, 2, 0, { "10" } },
    /* .5: a CPU sees its own store before the others do */
    { "store forwarding", 2, { forward_x, forward_y }, 4, 0, { "0???", "??0?" } },
    { "n6", 2, { n6_a, n6_b }, 2, 1, { "0??", "2?1", "20?", "??0" } },
    /* One location has one order. */
    { "CoRR", 2, { store_x, load_x_load_x }, 2, 0, { "10" } },
    /* .6: what was seen by who tells of it */
    { "WRC", 3, { store_x, load_x_store_y, load_y_load_x_wrc }, 3, 0, { "110" } },
    /* .7 and .8: all see two stores in one order */
    { "IRIW", 4, { store_x, store_y, load_x_load_y, load_y_load_x_2 }, 4, 0, { "1010" } },
    { "IRIW with XCHG", 4, { xchg_x, xchg_y, load_x_load_y, load_y_load_x_2 }, 4, 0, { "1010" } },
};

/* ---- running them ---- */

/* All CPUs of a test come here, `round` being one more each time. */
static void meet(unsigned cpu, u32 round)
{
    arrived[cpu].at = round;
    for (unsigned i = 0; i < litmus->cpus; i++) {
        while ((int)(arrived[i].at - round) < 0) {
            asm volatile("pause");
        }
    }
}

/* A few instructions more or less, so that the CPUs meet in all ways. */
static void wait_some(u32 *chance)
{
    *chance = *chance * 1664525 + 1013904223;
    for (volatile u32 n = *chance >> 28; n; n--) {
    }
}

/* In every other batch pairs meet for each location; a host that runs them in turns makes that
 * slow. */
static u32 run_batch(unsigned cpu, u32 round, u32 *chance, unsigned batch)
{
    meet(cpu, ++round);
    for (unsigned i = 0; i < BATCH; i++) {
        if (litmus->cpus == 2 && batch & 1) {
            meet(cpu, ++round);
        }
        wait_some(chance);
        litmus->body[cpu](&places[i]);
    }
    meet(cpu, ++round);
    return round;
}

static struct { char text[8]; u32 count; } outcomes[64];
static unsigned outcome_count;

static void clear_places(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        places[i].x = places[i].y = 0;
        for (unsigned n = 0; n < REGISTERS; n++) {
            places[i].r[n] = 9;
        }
    }
}

static void count_outcome(const Place *p)
{
    char text[8] = { 0 };
    unsigned length = 0, i = 0;

    for (; length < litmus->registers; length++) {
        text[length] = '0' + p->r[length];
    }
    if (litmus->last) {
        text[length] = '0' + p->x;
    }
    while (i < outcome_count && *(u64 *)outcomes[i].text != *(u64 *)text) {
        i++;
    }
    if (i == outcome_count && i < 64) {
        *(u64 *)outcomes[outcome_count++].text = *(u64 *)text;
        outcomes[i].count = 0;
    }
    outcomes[i].count++;
}

static int matches(const char *text, const char *pattern)
{
    for (; *pattern; text++, pattern++) {
        if (*pattern != '?' && *pattern != *text) {
            return 0;
        }
    }
    return 1;
}

static void tell_outcomes(void)
{
    print("# ");
    print(litmus->name);
    print(":");
    for (unsigned i = 0; i < outcome_count; i++) {
        print(i ? ", " : " ");
        print(outcomes[i].text);
        print(" x ");
        print_number(outcomes[i].count);
    }
    print("\n");
    for (unsigned i = 0; i < outcome_count; i++) {
        for (unsigned n = 0; n < 8 && litmus->forbidden[n]; n++) {
            if (matches(outcomes[i].text, litmus->forbidden[n])) {
                check(outcomes[i].text, outcomes[i].count, 0);
            }
        }
        check("a register that was not set", outcomes[i].text[0] == '9', 0);
    }
}

/* Of the other CPUs; `at`: a location of what is done next. */
static volatile u32 job;            /* counts tests, which the others follow */
static void (*volatile job_function)(unsigned cpu);

static void litmus_of_other(unsigned cpu)
{
    u32 round = 0, chance = cpu * 77777;

    if (cpu >= litmus->cpus) {
        return;
    }
    for (unsigned batch = 0; !stop; batch++) {
        round = run_batch(cpu, round, &chance, batch);
        meet(cpu, ++round);         /* the first CPU has evaluated it */
    }
}

static void start_job(void (*function)(unsigned))
{
    job_function = function;
    job = job + 1;
}

static void run_litmus(void)
{
    u64 end = tsc() + TICKS;
    u32 round = 0, chance = 1;

    outcome_count = 0;
    stop = 0;
    for (unsigned i = 0; i < CPUS; i++) {
        arrived[i].at = 0;
    }
    clear_places();
    start_job(litmus_of_other);
    for (unsigned batch = 0; !stop; batch++) {
        round = run_batch(0, round, &chance, batch);
        for (unsigned i = 0; i < BATCH; i++) {
            count_outcome(&places[i]);
        }
        clear_places();
        stop = batch + 1 == BATCHES || tsc() > end;
        meet(0, ++round);
    }
    tell_outcomes();
}

static volatile u32 finished[CPUS], first_job;

static void wait_finished(void)
{
    for (unsigned i = 1; i <= cpus_begun; i++) {
        while (finished[i] != job) {
            asm volatile("pause");
        }
    }
}

static void other_cpu(unsigned cpu)
{
    for (u32 done = first_job;;) {
        while (job == done) {
            asm volatile("pause");
        }
        job_function(cpu);
        finished[cpu] = ++done;
    }
}

static void test_litmus(void)
{
    run_litmus();
    wait_finished();
}

/* CPUs that have nothing to do would take the host's from those that have: they begin when
 * needed. */
static void run_with(unsigned cpus)
{
    first_job = job;
    start_cpus(cpus - 1, other_cpu);
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        litmus = &tests[i];
        if (litmus->cpus == cpus) {
            run(litmus->name, test_litmus);
        }
    }
}

/* ---- locked instructions ---- */

#define COUNTS 100000u          /* at most */

static u8 area[3 * 4096] __attribute__((aligned(4096)));
static u8 *volatile counter;
static volatile u32 additions;

/* Four kinds of additions of one, and one to the byte that begins the second page or line alone. */
static void add_to(u8 *at, u8 *byte)
{
    u64 end = tsc() + TICKS;
    u32 added = 0;

    for (unsigned i = 0; i < COUNTS && tsc() < end; i++) {
        u32 one = 1, old;
        switch (i & 3) {
        case 0:
            asm volatile("lock; incl %0" : "+m"(*(u32 *)at));
            break;
        case 1:
            asm volatile("lock; xaddl %1, %0" : "+m"(*(u32 *)at), "+r"(one));
            break;
        case 2:
            do {
                old = *(volatile u32 *)at;
                one = old;
                asm volatile("lock; cmpxchgl %2, %1" : "+a"(one), "+m"(*(u32 *)at) : "r"(old + 1));
            } while (one != old);
            break;
        default:
            asm volatile("lock; subl $-1, %0" : "+m"(*(u32 *)at));
        }
        asm volatile("lock; addb $1, %0" : "+m"(*byte));
        added++;
    }
    asm volatile("lock; addl %1, %0" : "+m"(additions) : "r"(added));
}

static void add_in_job(unsigned cpu)
{
    if (cpu == 1) {
        add_to(counter, counter + 3);
    }
}

/* Bits 0 … 23 count additions; the byte above them has its own. */
static void check_counter(u8 *at)
{
    *(u32 *)at = 0;
    additions = 0;
    counter = at;
    start_job(add_in_job);
    add_to(at, at + 3);
    wait_finished();
    check("the count", *(u32 *)at, (additions & 0xffffff) + (additions << 24));
}

static void test_locked_in_line(void)   { check_counter(area + 4096 + 128); }
static void test_locked_unaligned(void) { check_counter(area + 4096 + 130); }
static void test_locked_line(void)      { check_counter(area + 4096 + 126); }
static void test_locked_page(void)      { check_counter(area + 4096 - 1); }

/* CMPXCHG8B of both halves of a counter over a page's end: they stay equal. */
static void add_pairs(u8 *at)
{
    u64 end = tsc() + TICKS, old, seen;

    for (unsigned i = 0; i < COUNTS && tsc() < end; i++) {
        old = *(volatile u64 *)at;
        do {
            u64 new = (u32)(old + 1) * 0x100000001ull;
            seen = old;
            asm volatile("lock; cmpxchg8b %1; movl %%edx, %%edx; shlq $32, %%rdx; orq %%rdx, %%rax"
                         : "+a"(old), "+m"(*(u64 *)at) : "d"((u32)(old >> 32)), "b"((u32)new), "c"((u32)(new >> 32))
                         : "memory", "cc");
        } while (old != seen);
        asm volatile("lock; incl %0" : "+m"(additions));
    }
}

static void pairs_in_job(unsigned cpu)
{
    if (cpu == 1) {
        add_pairs(counter);
    }
}

static void test_locked_pair(void)
{
    u8 *at = area + 2 * 4096 - 4;

    *(u64 *)at = 0;
    additions = 0;
    counter = at;
    start_job(pairs_in_job);
    add_pairs(at);
    wait_finished();
    check("the low half", *(u32 *)at, additions);
    check("the high half", *(u32 *)(at + 4), additions);
}

/* ---- code that another CPU changes: SDM volume 3, 8.1.3 ---- */

#define CHANGES 500u

static u8 code[2 * 4096] __attribute__((aligned(4096)));
static u8 *volatile code_at;
static volatile u32 code_flag, code_done, code_wrong, code_runs;

static void runs_code(unsigned cpu)
{
    for (u32 n = 1; cpu == 1 && n <= CHANGES && !stop; n++) {
        u32 found;
        while (code_flag != n && !stop) {
            asm volatile("pause");
        }
        asm volatile("xorl %%eax, %%eax; cpuid" ::: "eax", "ebx", "ecx", "edx", "memory");
        for (unsigned again = 0; again < 3; again++) {
            asm volatile("call *%1" : "=a"(found) : "r"(code_at) : "memory", "cc");
            code_wrong = code_wrong + (found != code_flag);
        }
        code_runs = n;
        code_done = n;
    }
}

static void change_code(u8 *at)
{
    static const u8 code_bytes[] = { 0xb8, 0, 0, 0, 0, 0xc3 };   /* MOV EAX, …; RET */
    u64 end = tsc() + TICKS;

    copy_code((word)at, code_bytes, code_bytes + sizeof(code_bytes));
    code_at = at;
    stop = code_flag = code_done = code_wrong = 0;
    start_job(runs_code);
    for (u32 n = 1; n <= CHANGES && !stop; n++) {
        for (unsigned i = 0; i < 4; i++) {
            ((volatile u8 *)at)[1 + i] = n >> 8 * i;
        }
        code_flag = n;
        while (code_done != n) {
            asm volatile("pause");
        }
        stop = tsc() > end;
    }
    stop = 1;
    wait_finished();
    check("runs of other code", code_wrong, 0);
}

static void test_code(void)        { change_code(code + 64); }
static void test_code_line(void)   { change_code(code + 128 - 3); }
static void test_code_page(void)   { change_code(code + 4096 - 3); }

void main(void)
{
    load_idt();
    run_with(2);
    run("locked instructions", test_locked_in_line);
    run("locked instructions, unaligned", test_locked_unaligned);
    run("locked instructions over two lines", test_locked_line);
    run("locked instructions over two pages", test_locked_page);
    run("CMPXCHG8B over two pages", test_locked_pair);
    run("cross-modified code", test_code);
    run("cross-modified code over two lines", test_code_line);
    run("cross-modified code over two pages", test_code_page);
    run_with(3);
    run_with(4);
    print("end\n");
    outb(0xf4, 0);
}
