/* SPDX-License-Identifier: MIT */
/*
 * A bounded FIFO of bytes, as UARTs and keyboards have them. It is plain data:
 * all zero is empty, and it can be saved and loaded member by member. Indexes
 * are masked on use, so that no content leads outside.
 */
#ifndef BASE_FIFO_H
#define BASE_FIFO_H

#include <stdbool.h>
#include <stdint.h>

#define FIFO_SIZE 16u

typedef struct Fifo {
    uint8_t bytes[FIFO_SIZE];
    uint8_t head;   /* of the oldest byte; below FIFO_SIZE */
    uint8_t count;  /* at most FIFO_SIZE */
} Fifo;

static inline bool fifo_is_empty(const Fifo *fifo)
{
    return fifo->count == 0;
}

static inline unsigned fifo_room(const Fifo *fifo)
{
    return fifo->count < FIFO_SIZE ? FIFO_SIZE - fifo->count : 0;
}

static inline void fifo_clear(Fifo *fifo)
{
    fifo->head = fifo->count = 0;
}

/* False, and nothing changes, when it is full. */
static inline bool fifo_push(Fifo *fifo, uint8_t byte)
{
    if (!fifo_room(fifo)) {
        return false;
    }
    fifo->bytes[(fifo->head + fifo->count) % FIFO_SIZE] = byte;
    fifo->count++;
    return true;
}

/* The byte at a distance from the oldest; `at` is below count. */
static inline uint8_t fifo_peek(const Fifo *fifo, unsigned at)
{
    return fifo->bytes[(fifo->head + at) % FIFO_SIZE];
}

/* 0 from an empty one. */
static inline uint8_t fifo_pop(Fifo *fifo)
{
    uint8_t byte = fifo_peek(fifo, 0);

    if (fifo_is_empty(fifo)) {
        return 0;
    }
    fifo->head = (fifo->head + 1) % FIFO_SIZE;
    fifo->count--;
    return byte;
}

#endif
