/* SPDX-License-Identifier: MIT */
/*
 * Read-mostly data without locks: a reader brackets its use with
 * epoch_enter()/epoch_leave() (they nest); a writer publishes a new version
 * with a release store and hands the old one to epoch_retire(), which frees it
 * when no reader can still see it. Writers never wait.
 */
#ifndef BASE_EPOCH_H
#define BASE_EPOCH_H

#include <glib.h>
#include <stdatomic.h>
#include <stdint.h>

typedef struct EpochReader {
    _Atomic uint64_t active;  /* the epoch that this thread entered in; 0: outside */
    unsigned nesting;
    gboolean registered;
} EpochReader;

extern _Thread_local EpochReader epoch_self;
extern _Atomic uint64_t epoch_now;

void epoch_register_thread(void);

static inline void epoch_enter(void)
{
    EpochReader *self = &epoch_self;

    if (self->nesting++ == 0) {
        if (G_UNLIKELY(!self->registered)) {
            epoch_register_thread();
        }
        atomic_store_explicit(&self->active,
                              atomic_load_explicit(&epoch_now, memory_order_acquire),
                              memory_order_relaxed);
        /* Who swaps a pointer and then finds no reader here must not meet one that has the old. */
        atomic_thread_fence(memory_order_seq_cst);
    }
}

static inline void epoch_leave(void)
{
    EpochReader *self = &epoch_self;

    if (--self->nesting == 0) {
        atomic_store_explicit(&self->active, 0, memory_order_release);
    }
}

/* Frees `pointer` with `destroy` once every present reader has left. */
void epoch_retire(void *pointer, GDestroyNotify destroy);

/* Frees what can be freed now; returns what still waits. */
unsigned epoch_reclaim(void);

#endif
