/* SPDX-License-Identifier: MIT */
#include "base/epoch.h"

typedef struct Retired {
    struct Retired *next;
    void *pointer;
    GDestroyNotify destroy;
    uint64_t epoch;
} Retired;

_Thread_local EpochReader epoch_self;
_Atomic uint64_t epoch_now = 1;

static GMutex lock;
static GPtrArray *readers;
static Retired *retired;

static void reader_unregister(void *reader)
{
    g_mutex_lock(&lock);
    g_ptr_array_remove_fast(readers, reader);
    g_mutex_unlock(&lock);
}

static GPrivate reader_key = G_PRIVATE_INIT(reader_unregister);

void epoch_register_thread(void)
{
    g_mutex_lock(&lock);
    if (!readers) {
        readers = g_ptr_array_new();
    }
    g_ptr_array_add(readers, &epoch_self);
    g_mutex_unlock(&lock);
    g_private_set(&reader_key, &epoch_self);
    epoch_self.registered = TRUE;
}

void epoch_retire(void *pointer, GDestroyNotify destroy)
{
    Retired *item = g_new(Retired, 1);

    item->pointer = pointer;
    item->destroy = destroy;
    g_mutex_lock(&lock);
    /* A reader whose epoch is at least this one entered after the swap. */
    item->epoch = atomic_fetch_add(&epoch_now, 1) + 1;
    item->next = retired;
    retired = item;
    g_mutex_unlock(&lock);
    epoch_reclaim();
}

static uint64_t oldest_reader(void)
{
    uint64_t oldest = UINT64_MAX;

    atomic_thread_fence(memory_order_seq_cst);  /* epoch_enter() has the other one */
    for (guint i = 0; readers && i < readers->len; i++) {
        EpochReader *reader = readers->pdata[i];
        uint64_t active = atomic_load(&reader->active);
        if (active && active < oldest) {
            oldest = active;
        }
    }
    return oldest;
}

unsigned epoch_reclaim(void)
{
    Retired *ready = NULL, **link;
    unsigned waiting = 0;
    uint64_t oldest;

    g_mutex_lock(&lock);
    oldest = oldest_reader();
    for (link = &retired; *link;) {
        Retired *item = *link;
        if (item->epoch <= oldest) {
            *link = item->next;
            item->next = ready;
            ready = item;
        } else {
            waiting++;
            link = &item->next;
        }
    }
    g_mutex_unlock(&lock);

    while (ready) {
        Retired *item = ready;
        ready = item->next;
        item->destroy(item->pointer);
        g_free(item);
    }
    return waiting;
}
