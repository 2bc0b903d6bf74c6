// SPDX-License-Identifier: MPL-2.0
/**
 * Pseudoterminals: a terminal whose line is a program that holds the master.
 *
 * What the slave's programs write stands in `ring` until the master's reader takes it; what the master writes goes through the slave's line
 * discipline at once. Everything is under the slave's lock. The slave's terminal owns the pair: whoever holds a master holds that.
 *
 * Source: pty(7), ioctl_tty(2), ioctl_pipe packet mode: tty_ioctl(4) TIOCPKT.
 */
#include "tty_impl.h"

enum : u32 { PTY_RING = 16384, PTY_CHUNK = 1024, PTY_ROOM = 256 };

struct pty {
	struct tty *slave;                  /* [const] not counted: it owns this */
	u32 index;                          /* [const] */
	struct object *instance;            /* [const] once open: devpts, counted by it; see devpts.c */
	struct dentry *node;                /* [const] once open: in devpts, counted */
	/* Under slave->lock: */
	struct byte_array *ring;            /* [const] itself */
	u32 head, tail;
	bool master_open, slave_closed, locked, packet;
	u8 status;                          /* TIOCPKT_*, to be told to the master */
	struct poll_queue readable, writable;   /* the master's */
};
static void
pty_release(struct pty *pty)
{
	if (pty->ring != nullptr)
		byte_array_put(pty->ring);
}
OBJECT_DEFINE_RELEASE(pty);

struct pty *
pty_of(struct tty *tty)
{
	return pty_from(tty->driver);
}

/* --- the slave's driver --- */

static u32
unread(const struct pty *pty)
{
	return pty->head - pty->tail;
}

static u32
slave_room(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	return tty->line.stopped ? 0 : PTY_RING - unread(pty);
}

static u32
slave_write(struct tty *tty, struct cbytes text)
{
	struct pty *pty = pty_of(tty);
	u32 n = (u32)MIN(cbytes_len(text), (size_t)slave_room(tty)), at = pty->head % PTY_RING, first = MIN(n, PTY_RING - at);
	bytes_copy(bytes_sub(byte_array_bytes(pty->ring), at, first), cbytes_sub(text, 0, first));
	bytes_copy(byte_array_bytes(pty->ring), cbytes_sub(text, first, n - first));
	pty->head += n;
	return n;
}

static void
slave_kick(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	if (unread(pty) > 0)
		poll_wake(&pty->readable, POLL_IN | POLL_RDNORM);
}

/** In packet mode, something for the master to know. */
static void
packet_tell(struct pty *pty, u8 clear, u8 set)
{
	if (!pty->packet)
		return;
	pty->status = (u8)((pty->status & ~clear) | set);
	poll_wake(&pty->readable, POLL_PRI | POLL_IN | POLL_RDNORM);
}

static void
slave_flush(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	pty->tail = pty->head;
	packet_tell(pty, 0, TIOCPKT_FLUSHWRITE);
	poll_wake(&tty->writable, POLL_OUT | POLL_WRNORM);
}

static void
slave_input_flushed(struct tty *tty)
{
	packet_tell(pty_of(tty), 0, TIOCPKT_FLUSHREAD);
}

static void
slave_input_room(struct tty *tty)
{
	poll_wake(&pty_of(tty)->writable, POLL_OUT | POLL_WRNORM);
}

static void
slave_stop(struct tty *tty)
{
	packet_tell(pty_of(tty), TIOCPKT_START, TIOCPKT_STOP);
}

static void
slave_start(struct tty *tty)
{
	packet_tell(pty_of(tty), TIOCPKT_STOP, TIOCPKT_START);
}

/** Whether ^S and ^Q are what stops and starts output: a program at the master may then do it itself. */
static bool
flow_is_usual(const struct termios *scoped settings)
{
	return (settings->iflag & IXON) != 0 && settings->cc[VSTOP] == 023 && settings->cc[VSTART] == 021;
}

static void
slave_changed(struct tty *tty, const struct termios *scoped old)
{
	struct termios now = tty->termios;
	bool usual = flow_is_usual(&now), other = usual != flow_is_usual(old);
	tty->termios.cflag = (now.cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
	if (other)
		packet_tell(pty_of(tty), TIOCPKT_DOSTOP | TIOCPKT_NOSTOP, usual ? TIOCPKT_DOSTOP : TIOCPKT_NOSTOP);
	if (((old->lflag | now.lflag) & EXTPROC) != 0)
		packet_tell(pty_of(tty), 0, TIOCPKT_IOCTL);
}

static err_t
slave_open(struct tty *tty, struct file *file)
{
	struct pty *pty = pty_of(tty);
	(void)file;
	SPIN_SCOPE(&tty->lock);
	if (pty->locked || !pty->master_open)
		return EIO;
	pty->slave_closed = false;
	return OK;
}

static void
slave_close(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	{
		SPIN_SCOPE(&tty->lock);
		pty->slave_closed = tty->opens == 0;
	}
	poll_wake(&pty->readable, POLL_IN | POLL_HUP);
}

static void
slave_gone(struct tty *tty)
{
	pty_put(pty_of(tty));
}

static const struct tty_ops slave_ops = {
	.write = slave_write,
	.room = slave_room,
	.kick = slave_kick,
	.flush = slave_flush,
	.input_flushed = slave_input_flushed,
	.input_room = slave_input_room,
	.stop = slave_stop,
	.start = slave_start,
	.changed = slave_changed,
	.open = slave_open,
	.close = slave_close,
	.release = slave_gone,
	.pty = true,
};

err_t
pty_create(u32 index, struct object *instance, struct tty **scoped slave)
{
	u8 name[TTY_NAME] = {};
	REF_SCOPE(pty, pty);
	pty = pty_alloc();
	if (pty == nullptr)
		return ENOMEM;
	pty->ring = byte_array_alloc(PTY_RING);
	if (pty->ring == nullptr)
		return ENOMEM;
	pty->index = index;
	pty->instance = instance;
	pty->locked = true;
	size_t len = format_text(BYTES_OF(name), "pts/{}", index);
	TRY(tty_create(&slave_ops, pty_object(pty), PTY_MAJOR + index / 256, index % 256, cbytes_sub(CBYTES_OF(name), 0, len), slave));
	pty->slave = *slave;
	(*slave)->termios.cflag &= ~(u32)HUPCL;
	pty = nullptr;
	return OK;
}

void
pty_set_node(struct tty *slave, struct dentry *node)
{
	pty_of(slave)->node = node;
}

/* --- the master --- */

err_t
pty_open_master(struct tty *slave, struct file *file)
{
	struct tty_open *open = tty_open_alloc();
	if (open == nullptr)
		return ENOMEM;
	tty_get(slave);
	open->tty = slave;
	open->master = open->console = true;   /* a hang-up of the slave is not the master's */
	file->private = tty_open_object(open);
	file->ops = &pty_master_ops;
	SPIN_SCOPE(&slave->lock);
	pty_of(slave)->master_open = true;
	return OK;
}

static void
master_release(struct file *file)
{
	REF_SCOPE(tty_open, open);
	open = tty_open_from(file->private);
	struct tty *tty = open->tty;
	struct pty *pty = pty_of(tty);
	{
		SPIN_SCOPE(&tty->lock);
		pty->master_open = false;
	}
	tty_hangup(tty);
	devpts_remove(pty->instance, pty->node, pty->index);
}

/** What packet mode puts in front: a change of state alone, or 0 and data. => bytes of it in `chunk`; *data: data may follow */
static u32
packet_head(struct pty *pty, struct bytes chunk, bool *scoped data)
{
	*data = true;
	if (!pty->packet)
		return 0;
	*data = pty->status == 0;
	bytes_set(chunk, 0, pty->status);
	if (*data && unread(pty) == 0)
		return 0;
	pty->status = 0;
	return 1;
}

static u32
master_take_locked(struct pty *pty, struct bytes chunk, bool first, bool *scoped more)
{
	u32 head = first ? packet_head(pty, chunk, more) : 0;
	if (first && !*more)
		return head;
	u32 n = MIN((u32)bytes_len(chunk) - head, unread(pty)), at = pty->tail % PTY_RING, until_end = MIN(n, PTY_RING - at);
	struct cbytes ring = bytes_const(byte_array_bytes(pty->ring));
	bytes_copy(bytes_from(chunk, head), cbytes_sub(ring, at, until_end));
	bytes_copy(bytes_from(chunk, head + until_end), cbytes_sub(ring, 0, n - until_end));
	pty->tail += n;
	*more = unread(pty) > 0;
	return head + n;
}

/** The master has read: what waited for room goes on. */
static void
master_took_locked(struct tty *tty)
{
	(void)echo_flush_locked(tty);
	if (tty_room(tty) >= TTY_WAKE_ROOM)
		poll_wake(&tty->writable, POLL_OUT | POLL_WRNORM);
}

static bool
master_readable(struct tty *tty)
{
	struct pty *pty = pty_of(tty);
	SPIN_SCOPE(&tty->lock);
	return unread(pty) > 0 || (pty->packet && pty->status != 0) || pty->slave_closed;
}

/** Waits until there is something. => EAGAIN, ERESTARTSYS; EIO: nobody is there who could write */
static err_t
master_await(struct tty *tty, u32 flags)
{
	struct pty *pty = pty_of(tty);
	if (!master_readable(tty)) {
		if ((flags & O_NONBLOCK) != 0)
			return EAGAIN;
		TRY(restartable(WAIT_UNTIL(&pty->readable.wait, master_readable(tty), WAIT_INTERRUPTIBLE, TIME_NEVER)));
	}
	SPIN_SCOPE(&tty->lock);
	return unread(pty) == 0 && !(pty->packet && pty->status != 0) && pty->slave_closed ? EIO : OK;
}

static err_t
master_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	struct tty *tty = tty_open_from(file->private)->tty;
	u8 chunk[PTY_CHUNK];
	u64 asked = uio->left;
	(void)off;
	for (bool more = true; more && uio->left > 0;) {
		u32 n = 0;
		bool first = uio->left == asked;
		if (first)
			TRY(master_await(tty, flags));
		{
			SPIN_SCOPE(&tty->lock);
			n = master_take_locked(pty_of(tty), bytes_sub(BYTES_OF(chunk), 0, MIN(uio->left, (u64)PTY_CHUNK)), first, &more);
			master_took_locked(tty);
		}
		TRY(uio_put(uio, cbytes_sub(CBYTES_OF(chunk), 0, n)));
		more = more || (first && n == 0);   /* another reader was faster: wait again */
	}
	return OK;
}

static bool
flip_has_room(struct tty *tty)
{
	IRQ_SPIN_SCOPE(&tty->flip_lock);
	return tty->flip_head - tty->flip_tail <= TTY_FLIP - PTY_ROOM;
}

static err_t
master_write_chunk(struct tty *tty, struct cbytes text, u32 flags, u32 *scoped done)
{
	u32 len = (u32)cbytes_len(text);
	for (*done = 0; *done < len;) {
		*done += tty_receive(tty, cbytes_from(text, *done));
		if (*done == len)
			return OK;
		if ((flags & O_NONBLOCK) != 0)
			return EAGAIN;
		TRY(restartable(WAIT_UNTIL(&pty_of(tty)->writable.wait, flip_has_room(tty), WAIT_INTERRUPTIBLE, TIME_NEVER)));
	}
	return OK;
}

static err_t
master_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	struct tty *tty = tty_open_from(file->private)->tty;
	u8 chunk[PTY_CHUNK];
	(void)off;
	while (uio->left > 0) {
		struct uio before = *uio;
		u32 n = (u32)MIN(uio->left, (u64)PTY_CHUNK), done = 0;
		TRY(uio_take(uio, bytes_sub(BYTES_OF(chunk), 0, n)));
		err_t err = master_write_chunk(tty, cbytes_sub(CBYTES_OF(chunk), 0, n), flags, &done);
		if (err != OK) {
			*uio = before;
			uio_skip(uio, done);
			return err;
		}
	}
	return OK;
}

static u32
master_poll(struct file *file, struct poll_table *scoped table)
{
	struct tty *tty = tty_open_from(file->private)->tty;
	struct pty *pty = pty_of(tty);
	poll_add(table, &pty->readable);
	poll_add(table, &pty->writable);
	u32 events = flip_has_room(tty) ? POLL_OUT | POLL_WRNORM : 0;
	SPIN_SCOPE(&tty->lock);
	if (pty->packet && pty->status != 0)
		events |= POLL_PRI | POLL_IN | POLL_RDNORM;
	if (unread(pty) > 0)
		events |= POLL_IN | POLL_RDNORM;
	return events | (pty->slave_closed ? POLL_HUP : 0);
}

static err_t
master_unread(struct file *file, u64 *scoped bytes)
{
	struct tty *tty = tty_open_from(file->private)->tty;
	SPIN_SCOPE(&tty->lock);
	*bytes = unread(pty_of(tty));
	return OK;
}

/* --- the master's own ioctls --- */

static err_t
give(u64 arg, i32 value)
{
	return copy_out_value(UADDR(arg), value);
}

static err_t
set_packet(struct tty *tty, u64 arg)
{
	struct pty *pty = pty_of(tty);
	i32 on = 0;
	TRY(copy_in_value(on, UADDR(arg)));
	SPIN_SCOPE(&tty->lock);
	if (on != 0 && !pty->packet)
		pty->status = 0;
	pty->packet = on != 0;
	return OK;
}

static err_t
set_lock(struct tty *tty, u64 arg)
{
	i32 on = 0;
	TRY(copy_in_value(on, UADDR(arg)));
	SPIN_SCOPE(&tty->lock);
	pty_of(tty)->locked = on != 0;
	return OK;
}

static err_t
send_signal(struct tty *tty, u64 number)
{
	if (number != SIGINT && number != SIGQUIT && number != SIGTSTP)
		return EINVAL;
	SPIN_SCOPE(&tty->lock);
	if (tty->group != nullptr)
		signal_send_group(tty->group, (u32)number);
	return OK;
}

/** tcflush(3) from this side: what the slave's programs wrote is the input. */
static err_t
master_flush(struct tty *tty, u64 what)
{
	enum : u64 { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
	struct pty *pty = pty_of(tty);
	if (what > TCIOFLUSH)
		return EINVAL;
	SPIN_SCOPE(&tty->lock);
	if (what != TCOFLUSH) {
		pty->tail = pty->head;
		master_took_locked(tty);
	}
	if (what != TCIFLUSH) {
		flip_flush_locked(tty);
		line_flush_locked(tty);
	}
	return OK;
}

static err_t
open_peer(struct file *file, struct pty *pty, u64 flags, u64 *scoped result)
{
	REF_SCOPE(file, peer);
	i32 fd = 0;
	TRY(devpts_open_peer(file, pty->node, (u32)flags, &peer));
	TRY(fd_install(peer, 0, (flags & O_CLOEXEC) != 0, &fd));
	*result = (u64)fd;
	return OK;
}

static err_t
master_ioctl(struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	struct tty *tty = tty_open_from(file->private)->tty;
	struct pty *pty = pty_of(tty);
	u64 bytes = 0;
	switch (command) {
	case TIOCPKT: return set_packet(tty, arg);
	case TIOCGPKT: return give(arg, pty->packet);
	case TIOCGPTN: return give(arg, (i32)pty->index);
	case TIOCSPTLCK: return set_lock(tty, arg);
	case TIOCGPTLCK: return give(arg, pty->locked);
	case TIOCGPTPEER: return open_peer(file, pty, arg, result);
	case TIOCSIG: return send_signal(tty, arg);
	case TCFLSH: return master_flush(tty, arg);
	case FIONREAD:
		TRY(master_unread(file, &bytes));
		return give(arg, (i32)bytes);
	case TIOCOUTQ: return give(arg, 0);
	default: return tty_ioctl(file, command, arg, result);
	}
}

const struct file_ops pty_master_ops = {
	.read = master_read,
	.write = master_write,
	.poll = master_poll,
	.ioctl = master_ioctl,
	.readable = master_unread,
	.release = master_release,
	.stream = true,
};
