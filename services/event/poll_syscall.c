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

static struct pollfd *
pollfd_at(struct poll_waiter *waiter, u32 i)
{
	return waiter->more_fds != nullptr ? pollfd_array_at(waiter->more_fds, i) : ELEM(waiter->fds, i);
}

/** Fetches the array. => EINVAL: more than the limit of open files; ENOMEM, EFAULT */
static err_t
fds_read(struct poll_waiter *waiter, uaddr_t fds, u32 nfds)
{
	if (nfds > rlimit_current(RLIMIT_NOFILE))
		return EINVAL;
	if (nfds <= WAITER_FDS)
		return nfds == 0 ? OK : copy_in(bytes_sub(BYTES_OF(waiter->fds), 0, nfds * sizeof(struct pollfd)), fds);
	waiter->more_fds = pollfd_array_alloc(nfds);
	if (waiter->more_fds == nullptr)
		return ENOMEM;
	for (u32 i = 0; i < nfds; i++) {
		struct pollfd *fd = pollfd_array_at(waiter->more_fds, i);
		TRY(copy_in_value(*fd, UADDR(fds.raw + i * sizeof(struct pollfd))));
	}
	return OK;
}

/** Writes back the results that are not what the program has there. */
static err_t
fds_write(struct poll_waiter *waiter, uaddr_t fds, u32 nfds)
{
	for (u32 i = 0; i < nfds; i++) {
		struct pollfd *fd = pollfd_at(waiter, i);
		i16 revents = fd->revents;
		TRY(copy_out_value(UADDR(fds.raw + i * sizeof(struct pollfd) + 6), revents));
	}
	return OK;
}

static u32
fd_ask(struct poll_waiter *waiter, struct poll_table *scoped table, const struct pollfd *pollfd)
{
	if (pollfd->fd < 0)
		return 0;
	REF_SCOPE(file, file);
	if (fd_get(pollfd->fd, &file) != OK)
		return POLL_NVAL;
	u32 wanted = (u16)pollfd->events | POLL_ERR | POLL_HUP;
	waiter->asking = file;
	table->key = wanted;
	return file_poll(file, table) & wanted;
}

static u32
fds_ask(struct poll_waiter *waiter, u32 nfds, struct poll_table *scoped table)
{
	u32 found = 0;
	for (u32 i = 0; i < nfds; i++) {
		struct pollfd *fd = pollfd_at(waiter, i);
		fd->revents = (i16)fd_ask(waiter, table, fd);
		if (fd->revents != 0) {
			found++;
			table->add = nullptr;
		}
	}
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
