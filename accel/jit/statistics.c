/* SPDX-License-Identifier: MIT */
/* What the cache of blocks holds, in words: `info jit`. */
#include "accel/jit/host.h"

typedef struct Counts {
    uint64_t blocks, traces, insns, bytes, longest, code, crossing, exits, chained;
} Counts;

/* Of the blocks that can still be entered. */
static Counts count_blocks(void)
{
    Counts c = { 0 };
    GHashTableIter iter;
    gpointer key;

    g_hash_table_iter_init(&iter, jit.blocks);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        const JitBlock *block = key;
        c.blocks++;
        c.traces += block->trace;
        c.insns += block->insns;
        c.bytes += block->end - block->start;
        c.longest = MAX(c.longest, block->end - block->start);
        c.code += block->code != NULL;
        c.crossing += block->length[1] != 0;
        c.exits += block->exit_count;
        for (unsigned i = 0; i < block->exit_count; i++) {
            c.chained += atomic_load(&block->exits[i].to) != NULL;
        }
    }
    return c;
}

static unsigned percent(uint64_t part, uint64_t all)
{
    return all ? part * 100 / all : 0;
}

void jit_describe(GString *out)
{
    Counts c;
    guint made;
    size_t code, size;

    g_mutex_lock(&jit.lock);
    c = count_blocks();
    made = jit.all->len;
    code = jit_host_used(&size);
    g_mutex_unlock(&jit.lock);
    g_string_append(out, "Translation buffer state:\n");
    g_string_append_printf(out, "gen code size       %zu/%zu%s\n", code, size,
                           size ? "" : " (none: the evaluator runs guest code)");
    g_string_append_printf(out, "descriptions        %zu/%zu\n", jit.bytes, jit.max_bytes);
    g_string_append_printf(out, "TB count            %" PRIu64 " (%" PRIu64 " of host code, %u made)\n",
                           c.blocks, c.code, made);
    g_string_append_printf(out, "hot TB count        %" PRIu64 " (%u%%)\n", c.traces,
                           percent(c.traces, c.blocks));
    g_string_append_printf(out, "TB avg target size  %" PRIu64 " max=%" PRIu64 " bytes, %" PRIu64
                           " instructions\n", c.blocks ? c.bytes / c.blocks : 0, c.longest,
                           c.blocks ? c.insns / c.blocks : 0);
    g_string_append_printf(out, "TB avg host size    %zu bytes\n", made ? code / made : 0);
    g_string_append_printf(out, "cross page TB count %" PRIu64 " (%u%%)\n", c.crossing,
                           percent(c.crossing, c.blocks));
    g_string_append_printf(out, "direct jump count   %" PRIu64 " of %" PRIu64 " (%u%%)\n", c.chained,
                           c.exits, percent(c.chained, c.exits));
    g_string_append_printf(out, "\nStatistics:\nTB flush count      %u\nTB invalidate count %" PRIu64 "\n",
                           atomic_load(&jit.generation), made - c.blocks);
}
