// SPDX-License-Identifier: MPL-2.0
/**
 * select(2) and pselect6(2): poll(2) with sets of bits.
 *
 * The waiter has six sets in one array of words: those given (read, write, except), then those to give.
 */
#include "poll_call.h"
#include "poll_waiter.h"

#include <signal.h>
#include <syscall_handlers.h>
#include <thread.h>

enum : u32 { SETS = 3, FDS_MAX = 1 << 20 /* fs.nr_open */ };

/** What makes a descriptor a member of each set. */
static const u32 set_events[SETS] = {
	POLL_RDNORM | POLL_RDBAND | POLL_IN | POLL_HUP | POLL_ERR | POLL_NVAL,
	POLL_WRBAND | POLL_WRNORM | POLL_OUT | POLL_ERR | POLL_NVAL,
	POLL_PRI | POLL_NVAL,
};

struct select_sets { uaddr_t at[SETS]; u32 nfds, nwords; };

static u64 *
word_at(struct poll_waiter *waiter, u32 i)
{
	return waiter->more_words != nullptr ? select_words_at(waiter->more_words, i) : ELEM(waiter->words, i);
}

/** The bytes of set `set` of a waiter that has all of them itself. */
#define set_bytes(waiter, sets, set) \
	bytes_sub(BYTES_OF((waiter)->words), (set) * (sets)->nwords * sizeof(u64), (sets)->nwords * sizeof(u64))

/** One set, given; the one to give is empty. */
static err_t
set_read(struct poll_waiter *waiter, const struct select_sets *scoped sets, u32 set)
{
	uaddr_t at = *ELEM(sets->at, set);
	if (waiter->more_words == nullptr && at.raw != 0)
		return copy_in(set_bytes(waiter, sets, set), at);
	for (u32 i = 0; i < sets->nwords; i++) {
		u64 *word = word_at(waiter, set * sets->nwords + i);
		*word = 0;
		if (at.raw != 0)
			TRY(copy_in_value(*word, UADDR(at.raw + i * sizeof(u64))));
	}
	return OK;
}

static err_t
sets_read(struct poll_waiter *waiter, const struct select_sets *scoped sets)
{
	u32 words = 2 * SETS * sets->nwords;
	if (words > WAITER_WORDS) {
		waiter->more_words = select_words_alloc(words);
		if (waiter->more_words == nullptr)
			return ENOMEM;
	}
	for (u32 set = 0; set < SETS; set++)
		TRY(set_read(waiter, sets, set));
	for (u32 i = words / 2; i < words; i++)
		*word_at(waiter, i) = 0;
	return OK;
}

static err_t
sets_write(struct poll_waiter *waiter, const struct select_sets *scoped sets)
{
	for (u32 set = 0; set < SETS; set++) {
		uaddr_t at = sets->at[set];
		if (at.raw != 0 && waiter->more_words == nullptr) {
			TRY(copy_out(at, bytes_const(set_bytes(waiter, sets, SETS + set))));
			continue;
		}
		for (u32 i = 0; at.raw != 0 && i < sets->nwords; i++) {
			u64 word = *word_at(waiter, (SETS + set) * sets->nwords + i);
			TRY(copy_out_value(UADDR(at.raw + i * sizeof(u64)), word));
		}
	}
	return OK;
}

/** A word of each set: what is asked for, and what is found. */
struct select_words3 { u64 given[SETS], found[SETS]; };

/** Bits of any given set, those beyond nfds off: the descriptors that are asked for. */
static u64
word_wanted(const struct select_sets *scoped sets, const struct select_words3 *scoped words, u32 word)
{
	u64 all = words->given[0] | words->given[1] | words->given[2];
	u32 last = sets->nfds % 64;
	return word + 1 == sets->nwords && last != 0 ? all & (((u64)1 << last) - 1) : all;
}

/** What is true of a file, registered at while nothing has been found. */
static inline u32
file_ask(struct poll_waiter *waiter, struct file *file, u32 shift, struct poll_table *scoped table, const struct select_words3 *scoped words)
{
	if (table->add == nullptr)
		return file_poll(file, table);
	u32 wanted = POLL_PRI, members = 0;
	for (u32 set = 0; set < SETS; set++)
		wanted |= (words->given[set] >> shift & 1) != 0 ? set_events[set] : 0;
	waiter->asking = file;
	table->key = wanted;
	u32 events = file_poll(file, table);
	for (u32 set = 0; set < SETS; set++)
		members |= (words->given[set] >> shift & 1) != 0 ? events & set_events[set] : 0;
	if (members != 0)
		table->add = nullptr;
	return events;
}

/** One descriptor of the word, by `files` or, where other threads share them, with a reference. => EBADF */
static inline err_t
fd_ask(struct poll_waiter *waiter, struct fd_files *files, u32 fd, struct poll_table *scoped table, const struct select_words3 *scoped words,
       u32 *scoped events)
{
	if (files == nullptr) {
		struct fd_hold hold = {};
		TRY(fd_borrow((i32)fd, &hold));
		*events = file_ask(waiter, hold.file, fd % 64, table, words);
		fd_return(&hold);
		return OK;
	}
	struct file *file = fd_peek(files, (i32)fd);
	if (file == nullptr)
		return EBADF;
	*events = file_ask(waiter, file, fd % 64, table, words);
	return OK;
}

static err_t
word_ask(struct poll_waiter *waiter, const struct select_sets *scoped sets, u32 word, struct poll_table *scoped table, u32 *scoped found)
{
	struct fd_files *files = fd_files_unshared();
	struct select_words3 words = {};
	for (u32 set = 0; set < SETS; set++)
		*ELEM(words.given, set) = *word_at(waiter, set * sets->nwords + word);
	for (u64 bits = word_wanted(sets, &words, word); bits != 0; bits &= bits - 1) {
		u32 shift = (u32)__builtin_ffsl((i64)bits) - 1, events = 0;
		TRY(fd_ask(waiter, files, word * 64 + shift, table, &words, &events));
		for (u32 set = 0; set < SETS; set++)
			words.found[set] |= (u64)((events & set_events[set]) != 0) << shift;
	}
	for (u32 set = 0; set < SETS; set++) {
		u64 members = words.found[set] & words.given[set];
		*word_at(waiter, (SETS + set) * sets->nwords + word) = members;
		*found += (u32)__builtin_popcountl(members);
	}
	return OK;
}

static err_t
sets_ask(struct poll_waiter *waiter, const struct select_sets *scoped sets, struct poll_table *scoped table, u32 *scoped found)
{
	for (u32 word = 0; word < sets->nwords; word++)
		TRY(word_ask(waiter, sets, word, table, found));
	return OK;
}

static err_t
select_run(struct poll_waiter *waiter, const struct select_sets *scoped sets, u64 deadline, u32 *scoped found)
{
	struct poll_table table = { .add = deadline != 0 ? poll_waiter_add : nullptr, .owner = poll_waiter_object(waiter) };
	bool over = deadline == 0;
	for (;;) {
		TRY(sets_ask(waiter, sets, &table, found));
		table.add = nullptr;
		if (*found != 0)
			return OK;
		TRY(table.err);
		if (signal_pending())
			return ERESTARTNOHAND;
		if (over)
			return OK;
		err_t err = poll_waiter_sleep(waiter, deadline);
		if (err == EINTR)
			return ERESTARTNOHAND;
		over = err == ETIMEDOUT;
	}
}

static err_t
select_fds(i32 nfds, uaddr_t readfds, uaddr_t writefds, uaddr_t exceptfds, u64 deadline, u64 *scoped result)
{
	if (nfds < 0)
		return EINVAL;
	struct select_sets sets = { { readfds, writefds, exceptfds }, MIN((u32)nfds, FDS_MAX), 0 };
	sets.nwords = (sets.nfds + 63) / 64;
	struct poll_waiter *waiter = poll_waiter_take();
	if (waiter == nullptr)
		return ENOMEM;
	u32 found = 0;
	err_t err = sets_read(waiter, &sets);
	if (err == OK)
		err = select_run(waiter, &sets, deadline, &found);
	if (err == OK)
		err = sets_write(waiter, &sets);
	poll_waiter_give(waiter);
	*result = found;
	return err;
}

err_t
sys_select(i32 nfds, uaddr_t readfds, uaddr_t writefds, uaddr_t exceptfds, uaddr_t timeout, u64 *scoped result)
{
	struct timeout limit = {};
	TRY(timeout_read(TIMEOUT_TIMEVAL, timeout, &limit));
	return call_finish(&limit, false, select_fds(nfds, readfds, writefds, exceptfds, limit.deadline, result));
}

err_t
sys_pselect6(i32 nfds, uaddr_t readfds, uaddr_t writefds, uaddr_t exceptfds, uaddr_t timeout, uaddr_t sigmask,
             u64 *scoped result)
{
	struct { u64 set, size; } mask = {};
	if (sigmask.raw != 0)
		TRY(copy_in_value(mask, sigmask));
	struct timeout limit = {};
	TRY(timeout_read(TIMEOUT_TIMESPEC, timeout, &limit));
	bool masked = mask.set != 0;
	if (masked)
		TRY(signal_mask_temporarily(UADDR(mask.set), mask.size));
	return call_finish(&limit, masked, select_fds(nfds, readfds, writefds, exceptfds, limit.deadline, result));
}
