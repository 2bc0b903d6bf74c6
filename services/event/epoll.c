// SPDX-License-Identifier: MPL-2.0
/**
 * epoll_create(2), epoll_ctl(2), epoll_wait(2) and the files of epoll sets.
 */
#include "epoll.h"
#include "poll_call.h"

#include <signal.h>
#include <syscall_handlers.h>
#include <thread.h>

enum epoll_op : i32 { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL, EPOLL_CTL_MOD };
enum : u32 { EPOLL_CLOEXEC = O_CLOEXEC, EVENT_SIZE = 12, EVENTS_MAX = 0x7fffffff / EVENT_SIZE };

/** struct epoll_event of x86-64: 32 bits of events, then 64 of data, without a gap. */
struct epoll_event { u32 events, data_low, data_high; };

static void
epoll_release(struct epoll *epoll)
{
	if (epoll->user != nullptr)
		user_account_put(epoll->user);
}
OBJECT_DEFINE_RELEASE(epoll);

static bool
epoll_may_be_ready(struct epoll *epoll) NO_THREAD_SAFETY("a look")
{
	return __builtin_expect(POINTER_LOAD(epoll->ready.head) != nullptr, true);
}

static struct epoll_item *
ready_pop(struct epoll *epoll)
{
	IRQ_SPIN_SCOPE(&epoll->ready_lock);
	struct epoll_item *item = epoll_ready_list_pop_front(&epoll->ready);
	if (item != nullptr) {
		item->ready = false;
		ready_count_add(epoll, ~(u32)0);
	}
	return item;
}

/** Back to the front: it has not been told. */
static void
ready_unpop(struct epoll *epoll, struct epoll_item *item)
{
	IRQ_SPIN_SCOPE(&epoll->ready_lock);
	if (item->ready)
		return;
	item->ready = true;
	epoll_ready_list_push_front(&epoll->ready, item);
	ready_count_add(epoll, 1);
}

/** Tells one item that has `events`. => EFAULT */
static err_t
item_tell(struct epoll *epoll, struct epoll_item *item, u32 events, uaddr_t at) MUST_HOLD(&epoll->lock)
{
	struct epoll_event event = { events, (u32)item->data, (u32)(item->data >> 32) };
	err_t err = copy_out_value(at, event);
	if (err != OK) {
		ready_unpop(epoll, item);
		return err;
	}
	u32 wanted = atomic32_load_relaxed(&item->events);
	if ((wanted & EPOLLONESHOT) != 0)
		atomic32_store(&item->events, wanted & EPOLL_PRIVATE);
	else if ((wanted & EPOLLET) == 0)
		(void)epoll_ready_push(epoll, item);    /* level: asked again the next time */
	return OK;
}

/** Takes ready items off the list and tells those that really are. => EFAULT where none was told */
static err_t
epoll_collect(struct epoll *epoll, uaddr_t events, u32 max, u32 *scoped told)
{
	*told = 0;
	MUTEX_SCOPE(&epoll->lock);
	for (u32 n = atomic32_load_relaxed(&epoll->ready_count); n > 0 && *told < max; n--) {
		struct epoll_item *item = ready_pop(epoll);
		if (item == nullptr)
			break;
		u32 ready = epoll_item_ask(item, nullptr);
		if (ready == 0)
			continue;
		if (item_tell(epoll, item, ready, UADDR(events.raw + (u64)*told * EVENT_SIZE)) != OK)
			return *told != 0 ? OK : EFAULT;
		*told += 1;
	}
	return OK;
}

static err_t
epoll_run(struct epoll *epoll, uaddr_t events, u32 max, u64 deadline, u64 *scoped result)
{
	bool over = deadline == 0;
	for (;;) {
		if (epoll_may_be_ready(epoll)) {
			u32 told = 0;
			TRY(epoll_collect(epoll, events, max, &told));
			if (epoll_may_be_ready(epoll))
				(void)wake_one(&epoll->queue.wait);     /* for whoever else waits here */
			*result = told;
			if (told != 0)
				return OK;
		}
		*result = 0;
		if (over)
			return OK;
		err_t err = WAIT_UNTIL(&epoll->queue.wait, epoll_may_be_ready(epoll), WAIT_INTERRUPTIBLE, deadline);
		if (err == EINTR)
			return EINTR;
		over = err == ETIMEDOUT;
	}
}

static err_t
epoll_wait_until(i32 epfd, uaddr_t events, i32 maxevents, u64 deadline, u64 *scoped result)
{
	if (maxevents <= 0 || (u32)maxevents > EVENTS_MAX)
		return EINVAL;
	if (range_exceeds(events.raw, (u64)maxevents * EVENT_SIZE, USER_END))
		return EFAULT;
	struct fd_hold hold = {};
	TRY(fd_borrow(epfd, &hold));
	struct epoll *epoll = epoll_of(hold.file);
	err_t err = epoll != nullptr ? epoll_run(epoll, events, (u32)maxevents, deadline, result) : EINVAL;
	fd_return(&hold);
	return err;
}

static err_t
epoll_wait_masked(i32 epfd, uaddr_t events, i32 maxevents, u64 deadline, uaddr_t sigmask, u64 sigsetsize, u64 *scoped result)
{
	bool masked = sigmask.raw != 0;
	if (masked)
		TRY(signal_mask_temporarily(sigmask, sigsetsize));
	err_t err = epoll_wait_until(epfd, events, maxevents, deadline, result);
	if (masked)
		signal_mask_restore(err == EINTR);
	return err;
}

err_t
sys_epoll_wait(i32 epfd, uaddr_t events, i32 maxevents, i32 timeout, u64 *scoped result)
{
	return epoll_wait_until(epfd, events, maxevents, timeout_from_ms(timeout), result);
}

err_t
sys_epoll_pwait(i32 epfd, uaddr_t events, i32 maxevents, i32 timeout, uaddr_t sigmask, u64 sigsetsize, u64 *scoped result)
{
	return epoll_wait_masked(epfd, events, maxevents, timeout_from_ms(timeout), sigmask, sigsetsize, result);
}

err_t
sys_epoll_pwait2(i32 epfd, uaddr_t events, i32 maxevents, uaddr_t timeout, uaddr_t sigmask, u64 sigsetsize,
                 u64 *scoped result)
{
	struct timeout limit = {};
	TRY(timeout_read(TIMEOUT_TIMESPEC, timeout, &limit));
	return epoll_wait_masked(epfd, events, maxevents, limit.deadline, sigmask, sigsetsize, result);
}

/** What an exclusive watch cannot be. */
static err_t
exclusive_check(i32 op, struct file *target, u32 events)
{
	if ((events & EPOLLEXCLUSIVE) == 0 || op == EPOLL_CTL_DEL)
		return OK;
	if (op == EPOLL_CTL_MOD)
		return EINVAL;
	return op == EPOLL_CTL_ADD && (epoll_of(target) != nullptr || (events & ~(u32)EPOLL_EXCLUSIVE_OK) != 0) ? EINVAL : OK;
}

static err_t
epoll_ctl_locked(struct epoll *epoll, i32 op, struct file *target, i32 fd, u32 events, u64 data) MUST_HOLD(&epoll->lock)
{
	struct epoll_item *item = epoll_find(epoll, target, fd);
	switch (op) {
	case EPOLL_CTL_ADD:
		return item != nullptr ? EEXIST : epoll_add(epoll, target, fd, events | POLL_ERR | POLL_HUP, data);
	case EPOLL_CTL_DEL:
		if (item == nullptr)
			return ENOENT;
		epoll_remove(epoll, item);
		return OK;
	case EPOLL_CTL_MOD:
		if (item == nullptr)
			return ENOENT;
		if ((atomic32_load_relaxed(&item->events) & EPOLLEXCLUSIVE) != 0)
			return EINVAL;
		epoll_change(epoll, item, events | POLL_ERR | POLL_HUP, data);
		return OK;
	default:
		return EINVAL;
	}
}

/** A set is put into a set: both stay as they are while that is checked and done. */
static err_t
epoll_ctl_nested(struct epoll *epoll, i32 op, struct file *target, i32 fd, u32 events, u64 data)
{
	MUTEX_SCOPE(&epoll_nest_lock);
	TRY(epoll_nest_check(epoll, epoll_of(target)));
	MUTEX_SCOPE(&epoll->lock);
	return epoll_ctl_locked(epoll, op, target, fd, events, data);
}

static err_t
epoll_ctl(struct file *file, i32 op, struct file *target, i32 fd, const struct epoll_event *scoped given)
{
	if (target->ops->poll == nullptr)
		return EPERM;
	struct epoll *epoll = epoll_of(file);
	u32 events = given->events;
	u64 data = (u64)given->data_high << 32 | given->data_low;
	if (op != EPOLL_CTL_DEL && (events & EPOLLWAKEUP) != 0 && !capable(CAP_BLOCK_SUSPEND))
		events &= ~(u32)EPOLLWAKEUP;
	if (file == target || epoll == nullptr)
		return EINVAL;
	TRY(exclusive_check(op, target, events));
	if (op == EPOLL_CTL_ADD && epoll_of(target) != nullptr)
		return epoll_ctl_nested(epoll, op, target, fd, events, data);
	MUTEX_SCOPE(&epoll->lock);
	return epoll_ctl_locked(epoll, op, target, fd, events, data);
}

err_t
sys_epoll_ctl(i32 epfd, i32 op, i32 fd, uaddr_t event)
{
	struct epoll_event given = {};
	if (op != EPOLL_CTL_DEL)
		TRY(copy_in_value(given, event));
	struct fd_hold hold = {}, watched = {};
	TRY(fd_borrow(epfd, &hold));
	err_t err = fd_borrow(fd, &watched);
	if (err == OK) {
		err = epoll_ctl(hold.file, op, watched.file, fd, &given);
		fd_return(&watched);
	}
	fd_return(&hold);
	return err;
}

/** A set is readable when one of its items is: those that are not leave the list here. */
static u32
epoll_file_poll(struct file *file, struct poll_table *scoped table)
{
	struct epoll *epoll = file->epoll;
	poll_add(table, &epoll->queue);
	if (!epoll_may_be_ready(epoll))
		return 0;
	MUTEX_SCOPE(&epoll->lock);
	for (u32 n = atomic32_load_relaxed(&epoll->ready_count); n > 0; n--) {
		struct epoll_item *item = ready_pop(epoll);
		if (item == nullptr)
			break;
		if (epoll_item_ask(item, nullptr) != 0) {
			ready_unpop(epoll, item);
			return POLL_IN | POLL_RDNORM;
		}
	}
	return 0;
}

static void
epoll_file_release(struct file *file)
{
	struct epoll *epoll = file->epoll;
	{
		MUTEX_SCOPE(&epoll->lock);
		u64 i = 0;
		for (struct epoll_item *item = epoll_items_next(&epoll->items, &i); item != nullptr;
		     item = epoll_items_next(&epoll->items, &i))
			epoll_remove(epoll, item);
	}
	epoll_put(epoll);
}

static size_t
item_describe(struct epoll_item *item, struct bytes text)
{
	return format_text(text, "tfd: {} events: {x} data: {x}  pos:{}\n", item->fd, atomic32_load_relaxed(&item->events), item->data,
	                   item->file->position);
}

static size_t
epoll_describe(struct file *file, struct bytes text)
{
	struct epoll *epoll = file->epoll;
	MUTEX_SCOPE(&epoll->lock);
	size_t len = 0;
	u64 i = 0;
	XARRAY_FOR(epoll_items, i, first, &epoll->items)
		for (struct epoll_item *item = first; item != nullptr; item = item->same_fd)
			len += item_describe(item, bytes_from(text, MIN(len, bytes_len(text))));
	return len;
}

const struct file_ops epoll_ops = {
	.poll = epoll_file_poll,
	.seek = file_seek_nowhere,
	.release = epoll_file_release,
	.describe = epoll_describe,
};

static err_t
epoll_file(struct epoll *epoll, u32 flags, u64 *scoped result)
{
	REF_SCOPE(file, file);
	TRY(file_create(&epoll_ops, epoll_object(epoll), O_RDWR, FILE_READ | FILE_WRITE, KIND_EPOLL, &file));
	epoll_get(epoll);   /* the file's own */
	epoll->file = file;
	file->epoll = epoll;
	i32 fd = 0;
	TRY(fd_install(file, 0, (flags & EPOLL_CLOEXEC) != 0, &fd));
	*result = (u64)fd;
	return OK;
}

err_t
sys_epoll_create1(u32 flags, u64 *scoped result)
{
	if ((flags & ~(u32)EPOLL_CLOEXEC) != 0)
		return EINVAL;
	REF_SCOPE(epoll, epoll);
	epoll = epoll_alloc();
	if (epoll == nullptr)
		return ENOMEM;
	epoll->user = user_account_current_get();
	return epoll_file(epoll, flags, result);
}

err_t
sys_epoll_create(i32 size, u64 *scoped result)
{
	return size > 0 ? sys_epoll_create1(0, result) : EINVAL;
}

void
event_init(void)
{
	file_gone_register(epoll_file_gone);
}
