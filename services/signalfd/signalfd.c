// SPDX-License-Identifier: MPL-2.0
/**
 * signalfd(2): pending signals, taken by reading a file. What a file shows is what is pending for the thread that reads or polls it.
 */
#include <file.h>
#include <signal.h>
#include <syscall_handlers.h>

enum : u32 { SFD_CLOEXEC = O_CLOEXEC, SFD_NONBLOCK = O_NONBLOCK };
enum : u64 { SIGSET_SIZE = 8, UNREADABLE = (u64)1 << (SIGKILL - 1) | (u64)1 << (SIGSTOP - 1) };

struct signalfd { struct atomic64 mask; };
OBJECT_DECLARE(signalfd);
OBJECT_DEFINE(signalfd);

/** struct signalfd_siginfo. Plain data. */
struct signalfd_info {
	u32 number; i32 error, code; u32 pid, uid; i32 fd; u32 timer, band, overrun, trap; i32 status, value_int;
	u64 value, utime, stime, address; u16 address_lsb, pad2; i32 syscall; u64 call_address; u32 arch; u8 pad[28];
};
static_assert(sizeof(struct signalfd_info) == 128);

static struct signalfd_info
info_pack(const struct signal_info *scoped info)
{
	struct signalfd_info out = { .number = info->number, .error = info->error, .code = info->code };
	if (info->code == SI_TIMER) {
		out.timer = info->is_raw ? info->pid : (u32)info->timer;
		out.overrun = info->is_raw ? info->uid : (u32)info->overrun;
	} else if (info->code == SI_SIGIO || (info->code > 0 && info->code < SI_KERNEL && info->number == SIGIO)) {
		out.band = (u32)info->band;
		out.fd = info->fd;
	} else if (info->code > 0 && info->code < SI_KERNEL && info->number != SIGCHLD) {
		out.address = info->address;
	} else {
		out.pid = info->pid;
		out.uid = info->uid;
	}
	if (info->code == SI_TIMER || info->code == SI_QUEUE || info->code == SI_MESGQ || info->code == SI_ASYNCIO) {
		out.value = info->value;
		out.value_int = (i32)info->value;
	}
	out.status = info->status;
	out.utime = info->utime;
	out.stime = info->stime;
	return out;
}

/** Waits until one can be taken; another thread of the process may be faster then. */
static err_t
signalfd_wait(struct signalfd *signalfd)
{
	struct poll_queue *queue = signal_poll_queue();
	return restartable(WAIT_UNTIL(&queue->wait, signal_pending_of(atomic64_load(&signalfd->mask)), WAIT_INTERRUPTIBLE, TIME_NEVER));
}

static err_t
signalfd_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	struct signalfd *signalfd = signalfd_from(file->private);
	struct signal_info info = {};
	u64 count = uio->left / sizeof(struct signalfd_info), done = 0;
	if (count == 0)
		return EINVAL;
	while (done < count) {
		if (signal_dequeue(atomic64_load(&signalfd->mask), &info)) {
			struct signalfd_info out = info_pack(&info);
			TRY(uio_put(uio, CBYTES_OF(out)));
			done++;
		} else if (done > 0) {
			break;
		} else if ((flags & O_NONBLOCK) != 0) {
			return EAGAIN;
		} else {
			TRY(signalfd_wait(signalfd));
		}
	}
	return OK;
}

static u32
signalfd_poll(struct file *file, struct poll_table *scoped table)
{
	struct signalfd *signalfd = signalfd_from(file->private);
	poll_add(table, signal_poll_queue());
	return signal_pending_of(atomic64_load(&signalfd->mask)) ? POLL_IN : 0;
}

static void
signalfd_close(struct file *file)
{
	signalfd_put(signalfd_from(file->private));
}

static size_t
signalfd_describe(struct file *file, struct bytes text)
{
	u64 mask = atomic64_load(&signalfd_from(file->private)->mask);
	/* 16 digits: the log's formats do not pad. */
	static const u8 hex[16] = { '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f' };
	u8 digits[16] = {};
	for (u32 i = 0; i < 16; i++)
		digits[i] = hex[mask >> (60 - 4 * i) & 15];
	return format_text(text, "sigmask:\t{}\n", BYTES_OF(digits));
}

static const struct file_ops signalfd_ops = {
	.read = signalfd_read,
	.poll = signalfd_poll,
	.seek = file_seek_nowhere,
	.release = signalfd_close,
	.describe = signalfd_describe,
};

static err_t
signalfd_new(u64 mask, u32 flags, i32 *scoped fd)
{
	REF_SCOPE(signalfd, signalfd);
	REF_SCOPE(file, file);
	signalfd = signalfd_alloc();
	if (signalfd == nullptr)
		return ENOMEM;
	atomic64_store(&signalfd->mask, mask);
	TRY(file_create(&signalfd_ops, signalfd_object(signalfd), O_RDWR | (flags & O_NONBLOCK), FILE_READ | FILE_WRITE, KIND_SIGNALFD, &file));
	signalfd_get(signalfd);
	return fd_install(file, 0, (flags & O_CLOEXEC) != 0, fd);
}

static err_t
signalfd_change(i32 fd, u64 mask)
{
	REF_SCOPE(file, file);
	TRY(fd_get(fd, &file));
	if (!file_is(file, &signalfd_ops))
		return EINVAL;
	atomic64_store(&signalfd_from(file->private)->mask, mask);
	poll_wake(signal_poll_queue(), POLL_IN);
	return OK;
}

err_t
sys_signalfd4(i32 fd, uaddr_t mask, u64 sizemask, u32 flags, u64 *scoped result)
{
	u64 set = 0;
	if (sizemask != SIGSET_SIZE)
		return EINVAL;
	TRY(copy_in_value(set, mask));
	if ((flags & ~(u32)(SFD_CLOEXEC | SFD_NONBLOCK)) != 0)
		return EINVAL;
	set &= ~(u64)UNREADABLE;
	if (fd == -1)
		TRY(signalfd_new(set, flags, &fd));
	else
		TRY(signalfd_change(fd, set));
	*result = (u64)fd;
	return OK;
}

err_t
sys_signalfd(i32 fd, uaddr_t mask, u64 sizemask, u64 *scoped result)
{
	return sys_signalfd4(fd, mask, sizemask, 0, result);
}
