// SPDX-License-Identifier: MPL-2.0
/**
 * poll(2) and ppoll(2).
 *
 * The first look registers on each file's queues until one is found ready; later looks only ask.
 */
#include "poll_call.h"
#include "poll_waiter.h"

#include <signal.h>
#include <syscall_handlers.h>
#include <thread.h>

/** How many descriptors stand in chunk `i` of `nfds`. */
static u32
chunk_len(u32 nfds, u32 i)
{
	return MIN(nfds - i * WAITER_FDS, (u32)WAITER_FDS);
}

static u32
chunk_count(u32 nfds)
{
	return (nfds + WAITER_FDS - 1) / WAITER_FDS;
}

static struct pollfd_chunk *
chunk_at(struct poll_waiter *waiter, u32 i)
{
	return i == 0 ? &waiter->first : pollfd_chunks_at(waiter->more_fds, i - 1);
}

static uaddr_t
chunk_address(uaddr_t fds, u32 i)
{
	return UADDR(fds.raw + (u64)i * WAITER_FDS * sizeof(struct pollfd));
}

/** Fetches the array. => EINVAL: more than the limit of open files; ENOMEM, EFAULT */
static err_t
fds_read(struct poll_waiter *waiter, uaddr_t fds, u32 nfds)
{
	if (nfds > rlimit_current(RLIMIT_NOFILE))
		return EINVAL;
	u32 chunks = chunk_count(nfds);
	TRY(poll_waiter_room(waiter, chunks - MIN(chunks, (u32)1)));
	for (u32 i = 0; i < chunks; i++) {
		struct pollfd_chunk *chunk = chunk_at(waiter, i);
		chunk->changed = 0;
		TRY(copy_in(bytes_sub(BYTES_OF(chunk->fds), 0, chunk_len(nfds, i) * sizeof(struct pollfd)), chunk_address(fds, i)));
	}
	return OK;
}

/**
 * Writes back the results that are not what the program has there, and the first and the last of a chunk in each case: they stand for the
 * pages that it lies in. The other fields may be another thread's by now.
 */
static err_t
chunk_write(const struct pollfd_chunk *chunk, uaddr_t at, u32 len)
{
	for (u64 bits = chunk->changed | 1 | (u64)1 << (len - 1); bits != 0; bits &= bits - 1) {
		u32 i = (u32)__builtin_ffsl((i64)bits) - 1;
		i16 revents = ELEM(chunk->fds, i)->revents;
		TRY(copy_out_value(UADDR(at.raw + i * sizeof(struct pollfd) + 6), revents));
	}
	return OK;
}

static err_t
fds_write(struct poll_waiter *waiter, uaddr_t fds, u32 nfds)
{
	for (u32 i = 0; i < chunk_count(nfds); i++)
		TRY(chunk_write(chunk_at(waiter, i), chunk_address(fds, i), chunk_len(nfds, i)));
	return OK;
}

static inline u32
file_ask(struct poll_waiter *waiter, struct file *file, struct poll_table *scoped table, const struct pollfd *pollfd)
{
	u32 wanted = (u16)pollfd->events | POLL_ERR | POLL_HUP;
	if (table->add != nullptr) {
		waiter->asking = file;
		table->key = wanted;
	}
	return file_poll(file, table) & wanted;
}

/** One descriptor of a table that other threads share. */
static u32
fd_ask_shared(struct poll_waiter *waiter, struct poll_table *scoped table, const struct pollfd *pollfd)
{
	struct fd_hold hold = {};
	if (fd_borrow(pollfd->fd, &hold) != OK)
		return POLL_NVAL;
	u32 events = file_ask(waiter, hold.file, table, pollfd);
	fd_return(&hold);
	return events;
}

static inline u32
fd_ask(struct poll_waiter *waiter, struct fd_files *files, struct poll_table *scoped table, const struct pollfd *pollfd)
{
	if (pollfd->fd < 0)
		return 0;
	if (files == nullptr)
		return fd_ask_shared(waiter, table, pollfd);
	struct file *file = fd_peek(files, pollfd->fd);
	return file != nullptr ? file_ask(waiter, file, table, pollfd) : POLL_NVAL;
}

static u32
chunk_ask(struct poll_waiter *waiter, struct pollfd_chunk *chunk, u32 len, struct poll_table *scoped table)
{
	struct fd_files *files = fd_files_unshared();
	u32 found = 0;
	for (u32 i = 0; i < WAITER_FDS && i < len; i++) {
		i16 events = (i16)fd_ask(waiter, files, table, ELEM(chunk->fds, i));
		if (events != chunk->fds[i].revents) {
			chunk->fds[i].revents = events;
			chunk->changed |= (u64)1 << i;
		}
		if (events != 0) {
			found++;
			table->add = nullptr;
		}
	}
	return found;
}

static u32
fds_ask(struct poll_waiter *waiter, u32 nfds, struct poll_table *scoped table)
{
	u32 found = 0;
	for (u32 i = 0; i < chunk_count(nfds); i++)
		found += chunk_ask(waiter, chunk_at(waiter, i), chunk_len(nfds, i), table);
	return found;
}

/** Looks and sleeps until something is ready. => ERESTARTNOHAND, ENOMEM; *found 0: time is up */
static err_t
poll_run(struct poll_waiter *waiter, u32 nfds, u64 deadline, u32 *scoped found)
{
	struct poll_table table = { .add = deadline != 0 ? poll_waiter_add : nullptr, .owner = poll_waiter_object(waiter) };
	bool over = deadline == 0;
	for (;;) {
		*found = fds_ask(waiter, nfds, &table);
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
poll_fds(uaddr_t fds, u32 nfds, u64 deadline, u64 *scoped result)
{
	struct poll_waiter *waiter = poll_waiter_take();
	if (waiter == nullptr)
		return ENOMEM;
	u32 found = 0;
	err_t err = fds_read(waiter, fds, nfds);
	if (err == OK) {
		err = poll_run(waiter, nfds, deadline, &found);
		if (fds_write(waiter, fds, nfds) != OK)
			err = EFAULT;
	}
	poll_waiter_give(waiter);
	*result = found;
	return err;
}

static err_t
poll_restart(const struct restart *scoped restart, u64 *scoped result);

/** An interrupted poll goes on to its first deadline (restart_syscall(2)). */
static err_t
poll_until(uaddr_t fds, u32 nfds, u64 deadline, u64 *scoped result)
{
	err_t err = poll_fds(fds, nfds, deadline, result);
	if (err != ERESTARTNOHAND)
		return err;
	struct restart *restart = &thread_current()->restart;
	restart->fn = poll_restart;
	restart->arg[0] = fds.raw;
	restart->arg[1] = nfds;
	restart->arg[2] = deadline;
	return ERESTART_RESTARTBLOCK;
}

static err_t
poll_restart(const struct restart *scoped restart, u64 *scoped result)
{
	return poll_until(UADDR(restart->arg[0]), (u32)restart->arg[1], restart->arg[2], result);
}

err_t
sys_poll(uaddr_t fds, u32 nfds, i32 timeout, u64 *scoped result)
{
	return poll_until(fds, nfds, timeout_from_ms(timeout), result);
}

err_t
sys_ppoll(uaddr_t fds, u32 nfds, uaddr_t timeout, uaddr_t sigmask, u64 sigsetsize, u64 *scoped result)
{
	struct timeout limit = {};
	TRY(timeout_read(TIMEOUT_TIMESPEC, timeout, &limit));
	bool masked = sigmask.raw != 0;
	if (masked)
		TRY(signal_mask_temporarily(sigmask, sigsetsize));
	return call_finish(&limit, masked, poll_fds(fds, nfds, limit.deadline, result));
}
