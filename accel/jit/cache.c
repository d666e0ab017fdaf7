/* SPDX-License-Identifier: MIT */
/* The cache of blocks: by what finds them, and by the pages of RAM that their code lies in. */
#include "accel/jit/host.h"

Jit jit;

/* Blocks of the page at `key.offset`, linked by next_on_page. */
struct JitPageBlocks {
    RamBlock *ram;
    uint64_t offset;
    JitBlock *first;
};

static guint hash_block(gconstpointer pointer)
{
    const JitBlock *block = pointer;
    uint64_t h = block->pc * 0x9e3779b97f4a7c15ull ^ block->offset[0] ^ block->flags * 0x85ebca6bu;

    return (guint)(h ^ h >> 32);
}

static gboolean same_block(gconstpointer a, gconstpointer b)
{
    const JitBlock *x = a, *y = b;

    return x->pc == y->pc && x->ram == y->ram && x->offset[0] == y->offset[0] &&
           x->flags == y->flags && x->base == y->base && x->mode == y->mode;
}

typedef struct ContextNumber {
    uint64_t base;
    uint32_t flags, mode;
    uint32_t number;
} ContextNumber;

static guint hash_context(gconstpointer pointer)
{
    const ContextNumber *c = pointer;
    uint64_t h = (c->base ^ (uint64_t)c->flags << 32 ^ c->mode) * 0x9e3779b97f4a7c15ull;

    return (guint)(h >> 32);
}

static gboolean same_context(gconstpointer a, gconstpointer b)
{
    const ContextNumber *x = a, *y = b;

    return x->base == y->base && x->flags == y->flags && x->mode == y->mode;
}

uint32_t jit_cache_context(const JitContext *context)
{
    const ContextNumber key = { context->base, context->flags, context->mode, 0 };
    ContextNumber *found = g_hash_table_lookup(jit.contexts, &key);

    if (!found) {
        found = g_new(ContextNumber, 1);
        *found = key;
        found->number = g_hash_table_size(jit.contexts) + 1;
        g_hash_table_add(jit.contexts, found);
    }
    return found->number;
}

static guint hash_page(gconstpointer pointer)
{
    const JitPageBlocks *page = pointer;
    uint64_t h = (page->offset >> JIT_PAGE_BITS) * 0x9e3779b97f4a7c15ull ^ (uintptr_t)page->ram;

    return (guint)(h ^ h >> 32);
}

static gboolean same_page(gconstpointer a, gconstpointer b)
{
    const JitPageBlocks *x = a, *y = b;

    return x->ram == y->ram && x->offset == y->offset;
}

JitBlock *jit_block_new(unsigned exits)
{
    JitBlock *block = g_malloc0(sizeof(JitBlock) + exits * sizeof(JitExit));

    block->exit_count = exits;
    return block;
}

void jit_block_free(JitBlock *block)
{
    if (block) {
        g_free(block->ops);
        g_free(block);
    }
}

void jit_cache_init(void)
{
    g_mutex_init(&jit.lock);
    jit.blocks = g_hash_table_new(hash_block, same_block);
    jit.pages = g_hash_table_new_full(hash_page, same_page, g_free, NULL);
    jit.contexts = g_hash_table_new_full(hash_context, same_context, g_free, NULL);
    jit.all = g_ptr_array_new_with_free_func((GDestroyNotify)jit_block_free);
    jit.bytes = 0;
}

void jit_cache_flush(void)
{
    g_hash_table_remove_all(jit.blocks);
    g_hash_table_remove_all(jit.pages);
    g_hash_table_remove_all(jit.contexts);
    g_ptr_array_set_size(jit.all, 0);
    jit.bytes = 0;
    atomic_fetch_add(&jit.generation, 1);
    jit_host_flush();
    for (unsigned i = 0; i < vcpu_count(); i++) {
        jit_jumps_flush((JitCpu *)vcpu_at(i));
    }
}

void jit_cache_release(void)
{
    g_clear_pointer(&jit.blocks, g_hash_table_unref);
    g_clear_pointer(&jit.pages, g_hash_table_unref);
    g_clear_pointer(&jit.contexts, g_hash_table_unref);
    g_clear_pointer(&jit.all, g_ptr_array_unref);
    g_mutex_clear(&jit.lock);
    g_clear_pointer(&jit.breakpoints, g_array_unref);
}

JitBlock *jit_cache_find(const JitContext *context, RamBlock *ram, uint64_t offset)
{
    const JitBlock key = { .pc = context->pc, .base = context->base, .flags = context->flags,
                           .mode = context->mode, .ram = ram, .offset = { offset } };

    return g_hash_table_lookup(jit.blocks, &key);
}

static JitPageBlocks *find_page(RamBlock *ram, uint64_t offset)
{
    const JitPageBlocks key = { .ram = ram, .offset = offset & JIT_PAGE_MASK };

    return g_hash_table_lookup(jit.pages, &key);
}

/* Which of a block's parts is on the page. */
static unsigned part_on(const JitBlock *block, const JitPageBlocks *page)
{
    return (block->offset[0] & JIT_PAGE_MASK) == page->offset ? 0 : 1;
}

static void put_on_page(JitBlock *block, unsigned part)
{
    JitPageBlocks *page = find_page(block->ram, block->offset[part]);

    if (!page) {
        page = g_new(JitPageBlocks, 1);
        *page = (JitPageBlocks){ .ram = block->ram, .offset = block->offset[part] & JIT_PAGE_MASK };
        g_hash_table_add(jit.pages, page);
    }
    block->next_on_page[part] = page->first;
    if (page->first) {
        page->first->previous_on_page[part_on(page->first, page)] = block;
    }
    page->first = block;
}

void jit_cache_add(JitBlock *block)
{
    g_hash_table_add(jit.blocks, block);
    put_on_page(block, 0);
    if (block->length[1]) {
        put_on_page(block, 1);
    }
    g_ptr_array_add(jit.all, block);
    jit.bytes += sizeof(*block) + block->exit_count * sizeof(JitExit) +
                 (block->ops ? block->count * sizeof(IrOp) : 0);
}

static void take_off_page(JitBlock *block, unsigned part)
{
    JitPageBlocks *page = find_page(block->ram, block->offset[part]);
    JitBlock *next = block->next_on_page[part], *previous = block->previous_on_page[part];

    if (next) {
        next->previous_on_page[part_on(next, page)] = previous;
    }
    if (previous) {
        previous->next_on_page[part_on(previous, page)] = next;
    } else if (next) {
        page->first = next;
    } else {
        g_hash_table_remove(jit.pages, page);
    }
}

void jit_chain(JitBlock *from, unsigned number, JitBlock *to)
{
    JitExit *exit = &from->exits[number];

    if (atomic_load(&to->gone) || atomic_load(&exit->to)) {
        return;
    }
    exit->from = from;
    exit->next = to->incoming;
    to->incoming = exit;
    atomic_store(&exit->to, to);
    jit_host_link(from, number, to);
}

static void unchain(JitBlock *block)
{
    for (JitExit *exit = block->incoming; exit; exit = exit->next) {
        atomic_store(&exit->to, NULL);
        jit_host_link(exit->from, exit - exit->from->exits, NULL);
    }
    block->incoming = NULL;
}

void jit_cache_take_out(JitBlock *block)
{
    atomic_store(&block->gone, true);
    jit_host_close(block);
    unchain(block);
    g_hash_table_remove(jit.blocks, block);
    take_off_page(block, 0);
    if (block->length[1]) {
        take_off_page(block, 1);
    }
}

static bool overlaps(const JitBlock *block, unsigned part, uint64_t offset, uint64_t length)
{
    uint64_t first = block->offset[part] - (part ? 0 : block->pc - block->start);

    return offset < first + block->length[part] && first < offset + length;
}

static bool drop_on_page(RamBlock *ram, uint64_t offset, uint64_t length)
{
    JitPageBlocks *page = find_page(ram, offset);
    JitBlock *block = page ? page->first : NULL;
    bool kept = false;

    while (block) {
        unsigned part = part_on(block, page);
        JitBlock *next = block->next_on_page[part];
        if (overlaps(block, part, offset, length)) {
            jit_cache_take_out(block);
        } else {
            kept = true;
        }
        block = next;
    }
    return kept;
}

bool jit_cache_drop(RamBlock *ram, uint64_t offset, uint64_t length)
{
    uint64_t end = offset + length;
    bool kept = false;

    while (offset < end) {
        uint64_t next = MIN(end, (offset & JIT_PAGE_MASK) + JIT_PAGE_SIZE);
        kept |= drop_on_page(ram, offset, next - offset);
        offset = next;
    }
    return kept;
}

bool jit_cache_covers(RamBlock *ram, uint64_t offset, uint64_t length, uint64_t pc)
{
    JitPageBlocks *page = find_page(ram, offset);
    JitBlock *block = page ? page->first : NULL;

    while (block) {
        unsigned part = part_on(block, page);
        if (block->insns > 1 && pc >= block->start && pc < block->end &&
            overlaps(block, part, offset, length)) {
            return true;
        }
        block = block->next_on_page[part];
    }
    return false;
}
