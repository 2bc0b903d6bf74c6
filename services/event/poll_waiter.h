// SPDX-License-Identifier: MPL-2.0
/**
 * What a poll(2) or select(2) sleeps on: its watches, the files that they belong to, and room for its arguments.
 *
 * One is kept on each CPU, so that a call on a few files allocates nothing.
 */
#pragma once

#include <file.h>
#include <poll.h>

enum : u32 { WAITER_SLOTS = 16, WAITER_FDS = 64, WAITER_WORDS = 6 * 16, WAITER_CHUNKS_KEPT = 15 /* 1,024 descriptors */ };

/** struct pollfd. Plain data. */
struct pollfd { i32 fd; i16 events, revents; };
/** A stretch of poll's argument, fetched in one copy. */
struct pollfd_chunk {
	struct pollfd fds[WAITER_FDS];
	u64 changed;                /* bits of those whose revents are not what the program has there */
};
static_assert(WAITER_FDS == 64);
ARRAY_DECLARE(pollfd_chunks, struct pollfd_chunk);
ARRAY_DECLARE(select_words, u64);

struct poll_slot {
	struct poll_watch watch;
	struct file *file;          /* counted, while the watch is on a queue */
};

/** Slots beyond the first ones. */
struct poll_block {
	struct poll_slot slots[WAITER_SLOTS];
	struct poll_block *next;    /* counted */
};
OBJECT_DECLARE(poll_block);

struct poll_waiter {
	struct wait_queue wait;
	struct atomic32 triggered;  /* 1: something has happened since the last look */
	u32 used;                   /* slots */
	struct file *asking;        /* whose poll is being called; not counted */
	struct poll_block *block, *blocks;  /* the last one; the first, counted */
	struct poll_slot slots[WAITER_SLOTS];
	struct pollfd_chunk first;          /* poll's argument */
	struct pollfd_chunks *more_fds;     /* counted: room for what is behind the first chunk */
	u64 words[WAITER_WORDS];            /* select's sets: three given, three to give */
	struct select_words *more_words;
};
OBJECT_DECLARE(poll_waiter);

/** One for the running call. => null: memory is gone */
struct poll_waiter *poll_waiter_take(void);
/** Room for `chunks` of poll's argument behind the first. => ENOMEM */
err_t poll_waiter_room(struct poll_waiter *waiter, u32 chunks);
/** Takes all watches off, and keeps it for the next call. */
void poll_waiter_give(struct poll_waiter *waiter);
/** For use as `add` of a poll_table whose owner is the waiter: `key` has the wanted events. */
err_t poll_waiter_add(struct poll_table *scoped table, struct poll_queue *queue);
/** Sleeps until something has happened. => OK, EINTR, ETIMEDOUT */
err_t poll_waiter_sleep(struct poll_waiter *waiter, u64 deadline);
