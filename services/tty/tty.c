// SPDX-License-Identifier: MPL-2.0
/**
 * Terminals as objects and as open files: making, opening, writing, polling, closing.
 */
#include "tty_impl.h"

#include <cadre/log.h>

enum : u32 { WRITE_CHUNK = 1024, TERMINALS = 16 };

ARRAY_DEFINE(flip_array, u16);

static void
tty_release(struct tty *tty)
{
	if (tty->ops->release != nullptr)
		tty->ops->release(tty);
	if (tty->flip != nullptr)
		flip_array_put(tty->flip);
	if (tty->work != nullptr)
		work_put(tty->work);
}
OBJECT_DEFINE_RELEASE(tty);

static void
tty_open_release(struct tty_open *open)
{
	if (open->tty != nullptr)
		tty_put(open->tty);
}
OBJECT_DEFINE_RELEASE(tty_open);

/** The work item: what interrupts have brought goes through the line discipline. */
static void
tty_feed(struct object *arg)
{
	struct tty *tty = tty_from(arg);
	SPIN_SCOPE(&tty->lock);
	flip_drain_locked(tty);
	if (echo_flush_locked(tty))
		tty_kick_locked(tty);
}

err_t
tty_create(const struct tty_ops *ops, struct object *driver, u32 major, u32 minor, struct cbytes name, struct tty **scoped out)
{
	static const struct tty_ops none = {};
	REF_SCOPE(tty, tty);
	tty = tty_alloc();
	if (tty == nullptr)
		return ENOMEM;
	tty->ops = &none;
	tty->flip = flip_array_alloc(TTY_FLIP);
	if (tty->flip == nullptr)
		return ENOMEM;
	TRY(work_create(tty_feed, tty_object(tty), &tty->work));
	tty->name_len = (u32)MIN(cbytes_len(name), (size_t)TTY_NAME);
	bytes_copy(BYTES_OF(tty->name), cbytes_sub(name, 0, tty->name_len));
	tty->ops = ops;
	tty->driver = driver;
	tty->major = major;
	tty->minor = minor;
	termios_standard(&tty->termios);
	{
		SPIN_SCOPE(&tty->lock);
		line_settings_locked(tty, nullptr);
	}
	*out = tty;
	tty = nullptr;
	return OK;
}

/* --- opening and closing --- */

bool
tty_is_hung(const struct tty_open *open)
{
	return !open->console && open->generation != atomic32_load_relaxed(&open->tty->generation);
}

err_t
tty_open_file(struct tty *tty, struct file *file, bool console)
{
	REF_SCOPE(tty_open, open);
	open = tty_open_alloc();
	if (open == nullptr)
		return ENOMEM;
	if (atomic32_load(&tty->exclusive) != 0 && !capable(CAP_SYS_ADMIN))
		return EBUSY;
	{
		SPIN_SCOPE(&tty->lock);
		tty->opens++;
	}
	open->generation = atomic32_load(&tty->generation);
	err_t err = tty->ops->open != nullptr ? tty->ops->open(tty, file) : OK;
	if (err != OK) {
		SPIN_SCOPE(&tty->lock);
		tty->opens--;
		return err;
	}
	tty_get(tty);
	open->tty = tty;
	open->console = console;
	file->private = tty_open_object(open);
	if (!console)
		job_open(tty, file);
	open = nullptr;
	return OK;
}

static void
last_close(struct tty *tty)
{
	if (tty->ops->close != nullptr)
		tty->ops->close(tty);
	atomic32_store(&tty->exclusive, 0);
	job_last_close(tty);
}

static void
tty_file_release(struct file *file)
{
	REF_SCOPE(tty_open, open);
	open = tty_open_from(file->private);
	bool last = false;
	{
		SPIN_SCOPE(&open->tty->lock);
		last = --open->tty->opens == 0;
	}
	if (last)
		last_close(open->tty);
}

/* --- reading and writing --- */

static bool
turn_try(struct atomic32 *turn)
{
	return atomic32_load_relaxed(turn) == 0 && atomic32_exchange(turn, 1) == 0;
}

err_t
tty_turn(struct tty *tty, struct atomic32 *turn, u32 flags)
{
	if (turn_try(turn))
		return OK;
	if ((flags & O_NONBLOCK) != 0)
		return EAGAIN;
	return restartable(WAIT_UNTIL(&tty->turn, turn_try(turn), WAIT_INTERRUPTIBLE, TIME_NEVER));
}

void
tty_turn_end(struct tty *tty, struct atomic32 *turn)
{
	atomic32_store(turn, 0);
	(void)wake_all(&tty->turn);
}

void
tty_wake_all(struct tty *tty)
{
	poll_wake(&tty->readable, POLL_IN | POLL_RDNORM | POLL_HUP);
	poll_wake(&tty->writable, POLL_OUT | POLL_WRNORM | POLL_HUP);
}

static err_t
tty_file_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)off;
	return uio->left == 0 ? OK : line_read(tty_open_from(file->private), uio, flags);
}

static bool
writable_or_gone(const struct tty_open *open)
{
	SPIN_SCOPE(&open->tty->lock);
	return tty_room(open->tty) >= TTY_WAKE_ROOM || tty_is_hung(open);
}

/** Puts all of `text` out, waiting for room. *done is how much went, whatever comes. */
static err_t
write_chunk(struct tty_open *open, struct cbytes text, u32 flags, u32 *scoped done)
{
	struct tty *tty = open->tty;
	u32 len = (u32)cbytes_len(text);
	for (*done = 0; *done < len;) {
		if (tty_is_hung(open))
			return EIO;
		{
			SPIN_SCOPE(&tty->lock);
			*done += output_text_locked(tty, cbytes_from(text, *done));
		}
		if (*done == len)
			return OK;
		if ((flags & O_NONBLOCK) != 0)
			return EAGAIN;
		TRY(restartable(WAIT_UNTIL(&tty->writable.wait, writable_or_gone(open), WAIT_INTERRUPTIBLE, TIME_NEVER)));
	}
	return OK;
}

static err_t
write_in_turn(struct tty_open *open, struct uio *scoped uio, u32 flags)
{
	u8 chunk[WRITE_CHUNK];
	while (uio->left > 0) {
		struct uio before = *uio;
		u32 n = (u32)MIN(uio->left, (u64)WRITE_CHUNK), done = 0;
		TRY(uio_take(uio, bytes_sub(BYTES_OF(chunk), 0, n)));
		err_t err = write_chunk(open, cbytes_sub(CBYTES_OF(chunk), 0, n), flags, &done);
		if (err != OK) {
			*uio = before;
			uio_skip(uio, done);
			return err;
		}
	}
	return OK;
}

static err_t
tty_file_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	struct tty_open *open = tty_open_from(file->private);
	struct tty *tty = open->tty;
	(void)off;
	if (tty_is_hung(open))
		return EIO;
	if (tty_lflag(tty, TOSTOP) && !open->console)
		TRY(job_check(tty, SIGTTOU));
	TRY(tty_turn(tty, &tty->writing, flags));
	err_t err = write_in_turn(open, uio, flags);
	tty_turn_end(tty, &tty->writing);
	return err;
}

static u32
tty_file_poll(struct file *file, struct poll_table *scoped table)
{
	struct tty_open *open = tty_open_from(file->private);
	struct tty *tty = open->tty;
	poll_add(table, &tty->readable);
	poll_add(table, &tty->writable);
	if (tty_is_hung(open))
		return POLL_IN | POLL_OUT | POLL_ERR | POLL_HUP | POLL_RDNORM | POLL_WRNORM;
	SPIN_SCOPE(&tty->lock);
	u32 events = line_readable_locked(tty, true) ? POLL_IN | POLL_RDNORM : 0;
	return events | (tty_room(tty) >= TTY_WAKE_ROOM ? POLL_OUT | POLL_WRNORM : 0);
}

static err_t
tty_file_readable(struct file *file, u64 *scoped bytes)
{
	return tty_ioctl_unread(tty_open_from(file->private), bytes);
}

const struct file_ops tty_file_ops = {
	.read = tty_file_read,
	.write = tty_file_write,
	.poll = tty_file_poll,
	.ioctl = tty_ioctl,
	.readable = tty_file_readable,
	.release = tty_file_release,
	.stream = true,
};

void
tty_output_ready(struct tty *tty)
{
	poll_wake(&tty->writable, POLL_OUT | POLL_WRNORM);
	if (tty->line.echo_head != tty->line.echo_tail)
		(void)work_queue(tty->work);
}

/* --- the terminals of the machine --- */

static struct spin_lock terminals_lock;
static struct tty *terminals[TERMINALS];    /* counted; set once each, under the lock */

err_t
tty_register(struct tty *tty, u32 mode)
{
	{
		SPIN_SCOPE(&terminals_lock);
		u32 i = 0;
		while (i < TERMINALS && terminals[i] != nullptr)
			i++;
		if (i >= TERMINALS)
			return ENOSPC;
		tty_get(tty);
		POINTER_PUBLISH(*ELEM(terminals, i), tty);
	}
	tty_console_offer(tty);
	return devfs_add(cbytes_sub(CBYTES_OF(tty->name), 0, tty->name_len), S_IFCHR | mode, 0, 0, tty->major, tty->minor);
}

struct tty *
tty_find(u32 major, u32 minor)
{
	for (u32 i = 0; i < TERMINALS; i++) {
		struct tty *tty = POINTER_LOAD(*ELEM(terminals, i));
		if (tty != nullptr && tty->major == major && tty->minor == minor)
			return tty;
	}
	return nullptr;
}

static bool
all_sent(struct tty *tty)
{
	SPIN_SCOPE(&tty->lock);
	return tty_pending(tty) == 0 || tty->line.stopped;
}

void
tty_drain_all(void)
{
	u64 deadline = deadline_after(NS_PER_SEC);
	for (u32 i = 0; i < TERMINALS; i++) {
		struct tty *tty = POINTER_LOAD(*ELEM(terminals, i));
		if (tty != nullptr)
			(void)WAIT_UNTIL(&tty->writable.wait, all_sent(tty), WAIT_PLAIN, deadline);
	}
}

err_t
tty_init(void)
{
	job_init();
	TRY(console_init());
	return devpts_init();
}
