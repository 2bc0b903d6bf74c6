// SPDX-License-Identifier: MPL-2.0
/**
 * A terminal's settings: the standard ones, speeds, and the ioctls of tcgetattr(3) and tcsetattr(3) in their three layouts.
 */
#include "tty_impl.h"

enum : u32 { TERMIO_CC = 8 };

/* As programs have them. Plain data. */
struct termio_user { u16 iflag, oflag, cflag, lflag; u8 line; u8 cc[TERMIO_CC]; u8 pad; };
struct termios_user { u32 iflag, oflag, cflag, lflag; u8 line; u8 cc[TERMIOS_CC]; };
static_assert(sizeof(struct termio_user) == 18 && sizeof(struct termios_user) == 36 && sizeof(struct termios) == 44);

void
termios_standard(struct termios *scoped termios)
{
	static const u8 keys[TERMIOS_CC] = {
		[VINTR] = 3, [VQUIT] = 034, [VERASE] = 0177, [VKILL] = 025, [VEOF] = 4, [VMIN] = 1, [VSTART] = 021, [VSTOP] = 023,
		[VSUSP] = 032, [VREPRINT] = 022, [VDISCARD] = 017, [VWERASE] = 027, [VLNEXT] = 026,
	};
	termios->iflag = ICRNL | IXON;
	termios->oflag = OPOST | ONLCR;
	termios->cflag = B38400 | CS8 | CREAD | HUPCL;
	termios->lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
	termios->line = 0;
	bytes_copy(BYTES_OF(termios->cc), CBYTES_OF(keys));
	termios->ispeed = termios->ospeed = 38400;
}

/** Bits per second that the CBAUD bits of `cflag` name; 0 hangs up; BOTHER: ~0. */
u32
termios_rate(u32 cflag)
{
	static const u32 rates[] = { 0, 50, 75, 110, 134, 150, 200, 300, 600, 1200, 1800, 2400, 4800, 9600, 19200, 38400 };
	static const u32 more[] = { ~0u, 57600, 115200, 230400, 460800, 500000, 576000, 921600, 1000000, 1152000, 1500000, 2000000, 2500000, 3000000, 3500000, 4000000 };
	u32 index = cflag & 15;
	return (cflag & CBAUDEX) != 0 ? more[index] : rates[index];
}

static void
speeds_set(struct termios *scoped termios)
{
	u32 out = termios_rate(termios->cflag), in_code = termios->cflag >> IBSHIFT & CBAUD, in = termios_rate(in_code);
	if (out != ~0u)
		termios->ospeed = out;
	if (in_code == 0)
		termios->ispeed = termios->ospeed;
	else if (in != ~0u)
		termios->ispeed = in;
}

static struct termios
termios_now(struct tty *tty)
{
	SPIN_SCOPE(&tty->lock);
	return tty->termios;
}

/* --- layouts --- */

static err_t
termio_get(const struct termios *scoped now, uaddr_t to)
{
	struct termio_user user = { .iflag = (u16)now->iflag, .oflag = (u16)now->oflag, .cflag = (u16)now->cflag, .lflag = (u16)now->lflag, .line = now->line };
	bytes_copy(BYTES_OF(user.cc), cbytes_sub(CBYTES_OF(now->cc), 0, TERMIO_CC));
	return copy_out_value(to, user);
}

static u32
low_replaced(u32 old, u16 low)
{
	return (old & 0xffff0000) | low;
}

static err_t
termio_set(struct termios *scoped to, uaddr_t from)
{
	struct termio_user user = {};
	TRY(copy_in_value(user, from));
	to->iflag = low_replaced(to->iflag, user.iflag);
	to->oflag = low_replaced(to->oflag, user.oflag);
	to->cflag = low_replaced(to->cflag, user.cflag);
	to->lflag = low_replaced(to->lflag, user.lflag);
	to->line = user.line;
	bytes_copy(BYTES_OF(to->cc), CBYTES_OF(user.cc));
	return OK;
}

static err_t
termios_get(const struct termios *scoped now, uaddr_t to)
{
	struct termios_user user = { .iflag = now->iflag, .oflag = now->oflag, .cflag = now->cflag, .lflag = now->lflag, .line = now->line };
	bytes_copy(BYTES_OF(user.cc), CBYTES_OF(now->cc));
	return copy_out_value(to, user);
}

static err_t
termios_set(struct termios *scoped to, uaddr_t from)
{
	struct termios_user user = {};
	TRY(copy_in_value(user, from));
	to->iflag = user.iflag;
	to->oflag = user.oflag;
	to->cflag = user.cflag;
	to->lflag = user.lflag;
	to->line = user.line;
	bytes_copy(BYTES_OF(to->cc), CBYTES_OF(user.cc));
	return OK;
}

static err_t
termios2_get(const struct termios *scoped now, uaddr_t to)
{
	struct termios user = *now;
	return copy_out_value(to, user);
}

static err_t
termios2_set(struct termios *scoped to, uaddr_t from)
{
	struct termios user = {};
	TRY(copy_in_value(user, from));
	*to = user;
	return OK;
}

/* --- setting --- */

static bool
drained(struct tty *tty)
{
	SPIN_SCOPE(&tty->lock);
	return tty_pending(tty) == 0;
}

err_t
tty_drain(struct tty *tty)
{
	return restartable(WAIT_UNTIL(&tty->writable.wait, drained(tty), WAIT_INTERRUPTIBLE, TIME_NEVER));
}

/** Keeps the bits that TIOCSLCKTRMIOS holds. */
static u32
held(u32 old, u32 wanted, u32 mask)
{
	return (old & mask) | (wanted & ~mask);
}

static void
locked_keep(const struct tty *tty, struct termios *scoped wanted)
{
	const struct termios *mask = &tty->locked, *old = &tty->termios;
	wanted->iflag = held(old->iflag, wanted->iflag, mask->iflag);
	wanted->oflag = held(old->oflag, wanted->oflag, mask->oflag);
	wanted->cflag = held(old->cflag, wanted->cflag, mask->cflag);
	wanted->lflag = held(old->lflag, wanted->lflag, mask->lflag);
	wanted->line = mask->line != 0 ? old->line : wanted->line;
	for (u32 i = 0; i < TERMIOS_CC; i++)
		wanted->cc[i] = mask->cc[i] != 0 ? old->cc[i] : wanted->cc[i];
}

static void
termios_apply(struct tty *tty, const struct termios *scoped settings)
{
	{
		SPIN_SCOPE(&tty->lock);
		struct termios old = tty->termios, wanted = *settings;
		locked_keep(tty, &wanted);
		tty->termios = wanted;
		if (tty->ops->changed != nullptr)
			tty->ops->changed(tty, &old);
		line_settings_locked(tty, &old);
	}
	/* Whoever waits looks again, by the new rules. */
	poll_wake(&tty->readable, 0);
	poll_wake(&tty->writable, 0);
}

struct termios_layout {
	u32 get;                            /* ioctl numbers */
	u32 set, set_wait, set_flush;
	err_t (*read)(const struct termios *scoped now, uaddr_t to);
	err_t (*write)(struct termios *scoped to, uaddr_t from);
};
static const struct termios_layout layouts[] = {
	{ TCGETS, TCSETS, TCSETSW, TCSETSF, termios_get, termios_set },
	{ TCGETS2, TCSETS2, TCSETSW2, TCSETSF2, termios2_get, termios2_set },
	{ TCGETA, TCSETA, TCSETAW, TCSETAF, termio_get, termio_set },
};

static err_t
layout_set(struct tty *tty, const struct termios_layout *layout, u64 arg, bool wait, bool flush)
{
	TRY(job_check(tty, SIGTTOU));
	struct termios wanted = termios_now(tty);
	TRY(layout->write(&wanted, UADDR(arg)));
	speeds_set(&wanted);
	if (flush) {
		SPIN_SCOPE(&tty->lock);
		line_flush_locked(tty);
		flip_flush_locked(tty);
	}
	if (wait)
		TRY(tty_drain(tty));
	termios_apply(tty, &wanted);
	return OK;
}

static err_t
locked_ioctl(struct tty *tty, u32 command, u64 arg)
{
	struct termios mask = {};
	if (command == TIOCGLCKTRMIOS) {
		{
			SPIN_SCOPE(&tty->lock);
			mask = tty->locked;
		}
		return termios_get(&mask, UADDR(arg));
	}
	if (!capable(CAP_SYS_ADMIN))
		return EPERM;
	TRY(termios_set(&mask, UADDR(arg)));
	SPIN_SCOPE(&tty->lock);
	tty->locked = mask;
	return OK;
}

static err_t
carrier_ioctl(struct tty *tty, u32 command, u64 arg)
{
	struct termios now = termios_now(tty);
	u32 value = (now.cflag & CLOCAL) != 0;
	if (command == TIOCGSOFTCAR)
		return copy_out_value(UADDR(arg), value);
	TRY(copy_in_value(value, UADDR(arg)));
	now.cflag = value != 0 ? now.cflag | CLOCAL : now.cflag & ~CLOCAL;
	termios_apply(tty, &now);
	return OK;
}

err_t
termios_ioctl(struct tty *tty, u32 command, u64 arg)
{
	for (u32 i = 0; i < COUNTOF(layouts); i++) {
		const struct termios_layout *layout = ELEM(layouts, i);
		if (command == layout->get) {
			struct termios now = termios_now(tty);
			return layout->read(&now, UADDR(arg));
		}
		if (command == layout->set || command == layout->set_wait || command == layout->set_flush)
			return layout_set(tty, layout, arg, command != layout->set, command == layout->set_flush);
	}
	if (command == TIOCGLCKTRMIOS || command == TIOCSLCKTRMIOS)
		return locked_ioctl(tty, command, arg);
	return carrier_ioctl(tty, command, arg);
}
