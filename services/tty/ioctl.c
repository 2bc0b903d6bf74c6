// SPDX-License-Identifier: MPL-2.0
/**
 * ioctl(2) of terminals: one table for terminals and masters alike.
 *
 * Source: ioctl_tty(2).
 */
#include "tty_impl.h"

struct call {
	struct tty_open *open;
	struct tty *tty;
	struct file *file;
	u32 command;
	u64 arg;
};
typedef err_t call_fn(const struct call *scoped call, u64 *scoped result);

enum : u64 { BREAK_NS = 250 * NS_PER_MS, BREAK_UNIT_NS = 100 * NS_PER_MS };

static err_t
give_int(const struct call *scoped call, i32 value)
{
	return copy_out_value(UADDR(call->arg), value);
}

static err_t
take_int(const struct call *scoped call, i32 *scoped value)
{
	return copy_in(BYTES_OF(*value), UADDR(call->arg));
}

static err_t
do_termios(const struct call *scoped call, u64 *scoped result)
{
	(void)result;
	return termios_ioctl(call->tty, call->command, call->arg);
}

static err_t
do_winsize_get(const struct call *scoped call, u64 *scoped result)
{
	struct winsize size = {};
	(void)result;
	{
		SPIN_SCOPE(&call->tty->lock);
		size = call->tty->size;
	}
	return copy_out_value(UADDR(call->arg), size);
}

static err_t
do_winsize_set(const struct call *scoped call, u64 *scoped result)
{
	struct winsize size = {};
	struct tty *tty = call->tty;
	bool same = false;
	(void)result;
	TRY(copy_in_value(size, UADDR(call->arg)));
	{
		SPIN_SCOPE(&tty->lock);
		same = cbytes_equal(CBYTES_OF(tty->size), CBYTES_OF(size));
		tty->size = size;
	}
	if (!same)
		job_winsize_changed(tty);
	return OK;
}

static err_t
do_group_get(const struct call *scoped call, u64 *scoped result)
{
	i32 id = 0;
	(void)result;
	TRY(job_group_get(call->tty, call->open->master, &id));
	return give_int(call, id);
}

static err_t
do_group_set(const struct call *scoped call, u64 *scoped result)
{
	i32 id = 0;
	(void)result;
	TRY(take_int(call, &id));
	return job_group_set(call->tty, id);
}

static err_t
do_session_get(const struct call *scoped call, u64 *scoped result)
{
	i32 id = 0;
	(void)result;
	TRY(job_session_get(call->tty, call->open->master, &id));
	return give_int(call, id);
}

static err_t
do_controlling(const struct call *scoped call, u64 *scoped result)
{
	(void)result;
	if (call->command == TIOCSCTTY)
		return job_take(call->tty, call->file, call->arg);
	return call->open->master ? ENOTTY : job_leave(call->tty);
}

static err_t
do_exclusive(const struct call *scoped call, u64 *scoped result)
{
	(void)result;
	if (call->command == TIOCGEXCL)
		return give_int(call, (i32)atomic32_load(&call->tty->exclusive));
	atomic32_store(&call->tty->exclusive, call->command == TIOCEXCL);
	return OK;
}

/** As Linux with dev.tty.legacy_tiocsti=0: for the administrator alone. */
static err_t
do_simulate(const struct call *scoped call, u64 *scoped result)
{
	u8 byte = 0;
	(void)result;
	if (!capable(CAP_SYS_ADMIN))
		return EIO;
	TRY(copy_in_value(byte, UADDR(call->arg)));
	(void)tty_receive(call->tty, CBYTES_OF(byte));
	return OK;
}

err_t
tty_ioctl_unread(struct tty_open *open, u64 *scoped bytes)
{
	struct tty *tty = open->tty;
	SPIN_SCOPE(&tty->lock);
	const struct tty_line *line = &tty->line;
	*bytes = tty_is_canonical(tty) ? line->canon - line->tail : line->head - line->tail;
	if (!tty_is_canonical(tty))
		return OK;
	for (u32 at = line->tail; at != line->canon; at++) {
		bool marked = (line->marks[at % TTY_INPUT / 64] >> at % 64 & 1) != 0;
		*bytes -= marked && line->input[at % TTY_INPUT] == 0;
	}
	return OK;
}

static err_t
do_unread(const struct call *scoped call, u64 *scoped result)
{
	u64 bytes = 0;
	(void)result;
	TRY(tty_ioctl_unread(call->open, &bytes));
	return give_int(call, (i32)bytes);
}

static err_t
do_unsent(const struct call *scoped call, u64 *scoped result)
{
	u32 bytes = 0;
	(void)result;
	{
		SPIN_SCOPE(&call->tty->lock);
		bytes = tty_pending(call->tty);
	}
	return give_int(call, (i32)bytes);
}

static err_t
do_flush(const struct call *scoped call, u64 *scoped result)
{
	enum : u64 { TCIFLUSH, TCOFLUSH, TCIOFLUSH };
	struct tty *tty = call->tty;
	(void)result;
	TRY(job_check(tty, SIGTTOU));
	if (call->arg > TCIOFLUSH)
		return EINVAL;
	SPIN_SCOPE(&tty->lock);
	if (call->arg != TCOFLUSH) {
		line_flush_locked(tty);
		flip_flush_locked(tty);
	}
	if (call->arg == TCIFLUSH)
		return OK;
	tty->line.echo_tail = tty->line.echo_head;
	if (tty->ops->flush != nullptr)
		tty->ops->flush(tty);
	poll_wake(&tty->writable, POLL_OUT | POLL_WRNORM);
	return OK;
}

static void
send_key_locked(struct tty *tty, enum termios_cc key)
{
	u8 byte = *ELEM(tty->termios.cc, (u32)key);
	if (byte != 0 && tty->ops->urgent != nullptr)
		tty->ops->urgent(tty, byte);
}

static err_t
do_flow(const struct call *scoped call, u64 *scoped result)
{
	enum : u64 { TCOOFF, TCOON, TCIOFF, TCION };
	struct tty *tty = call->tty;
	(void)result;
	TRY(job_check(tty, SIGTTOU));
	if (call->arg > TCION)
		return EINVAL;
	SPIN_SCOPE(&tty->lock);
	if (call->arg == TCOOFF) {
		output_stop_locked(tty);
		tty->line.stopped_by_ioctl = true;
	} else if (call->arg == TCOON && tty->line.stopped_by_ioctl) {
		tty->line.stopped_by_ioctl = false;
		output_start_locked(tty);
	} else if (call->arg >= TCIOFF) {
		send_key_locked(tty, call->arg == TCIOFF ? VSTOP : VSTART);
	}
	return OK;
}

static void
break_set(struct tty *tty, bool on)
{
	SPIN_SCOPE(&tty->lock);
	tty->ops->set_break(tty, on);
}

static err_t
break_send(struct tty *tty, u64 ns)
{
	if (tty->ops->set_break == nullptr)
		return OK;
	break_set(tty, true);
	err_t err = task_sleep_until(deadline_after(ns), true);
	break_set(tty, false);
	return err;
}

static err_t
do_break(const struct call *scoped call, u64 *scoped result)
{
	struct tty *tty = call->tty;
	(void)result;
	if (call->open->master)
		return OK;
	TRY(job_check(tty, SIGTTOU));
	if (call->command != TIOCCBRK && tty_drain(tty) != OK)
		return EINTR;
	if (call->command == TCSBRK)
		return call->arg == 0 ? break_send(tty, BREAK_NS) : OK;
	if (call->command == TCSBRKP)
		return break_send(tty, call->arg == 0 ? BREAK_NS : MIN(call->arg, (u64)0xffff) * BREAK_UNIT_NS);
	if (tty->ops->set_break != nullptr)
		break_set(tty, call->command == TIOCSBRK);
	return OK;
}

static err_t
do_modem_get(const struct call *scoped call, u64 *scoped result)
{
	u32 lines = 0;
	(void)result;
	if (call->tty->ops->modem == nullptr)
		return ENOTTY;
	{
		SPIN_SCOPE(&call->tty->lock);
		lines = call->tty->ops->modem(call->tty);
	}
	return give_int(call, (i32)lines);
}

static err_t
do_modem_set(const struct call *scoped call, u64 *scoped result)
{
	const u32 can = TIOCM_DTR | TIOCM_RTS | TIOCM_OUT1 | TIOCM_OUT2 | TIOCM_LOOP;
	struct tty *tty = call->tty;
	i32 value = 0;
	(void)result;
	if (tty->ops->set_modem == nullptr)
		return ENOTTY;
	TRY(take_int(call, &value));
	SPIN_SCOPE(&tty->lock);
	u32 now = tty->ops->modem(tty), bits = (u32)value & can;
	tty->ops->set_modem(tty, call->command == TIOCMBIS ? now | bits : call->command == TIOCMBIC ? now & ~bits : bits);
	return OK;
}

static err_t
do_discipline(const struct call *scoped call, u64 *scoped result)
{
	i32 number = 0;
	(void)result;
	if (call->command == TIOCGETD)
		return give_int(call, 0);
	TRY(take_int(call, &number));
	TRY(job_check(call->tty, SIGTTOU));
	return number == 0 ? OK : EINVAL;
}

static err_t
do_device(const struct call *scoped call, u64 *scoped result)
{
	u32 major = call->tty->major, minor = call->tty->minor;
	(void)result;
	return give_int(call, (i32)((minor & 0xff) | major << 8 | (minor & ~0xffu) << 12));
}

static err_t
do_hangup(const struct call *scoped call, u64 *scoped result)
{
	(void)result;
	if (!capable(CAP_SYS_ADMIN))
		return EPERM;
	tty_hangup(call->tty);
	return OK;
}

/* Those that programs call most come first. */
static const struct { u32 command; call_fn *fn; } calls[] = {
	{ TCGETS, do_termios }, { TIOCGWINSZ, do_winsize_get }, { TIOCGPGRP, do_group_get }, { TIOCSPGRP, do_group_set },
	{ TCSETS, do_termios }, { TCSETSW, do_termios }, { TCSETSF, do_termios }, { FIONREAD, do_unread },
	{ TCGETS2, do_termios }, { TCSETS2, do_termios }, { TCSETSW2, do_termios }, { TCSETSF2, do_termios },
	{ TCGETA, do_termios }, { TCSETA, do_termios }, { TCSETAW, do_termios }, { TCSETAF, do_termios },
	{ TIOCGLCKTRMIOS, do_termios }, { TIOCSLCKTRMIOS, do_termios }, { TIOCGSOFTCAR, do_termios }, { TIOCSSOFTCAR, do_termios },
	{ TIOCSWINSZ, do_winsize_set }, { TIOCGSID, do_session_get }, { TIOCSCTTY, do_controlling }, { TIOCNOTTY, do_controlling },
	{ TIOCEXCL, do_exclusive }, { TIOCNXCL, do_exclusive }, { TIOCGEXCL, do_exclusive }, { TIOCSTI, do_simulate },
	{ TIOCOUTQ, do_unsent }, { TCFLSH, do_flush }, { TCXONC, do_flow }, { TCSBRK, do_break }, { TCSBRKP, do_break },
	{ TIOCSBRK, do_break }, { TIOCCBRK, do_break }, { TIOCMGET, do_modem_get }, { TIOCMSET, do_modem_set }, { TIOCMBIS, do_modem_set },
	{ TIOCMBIC, do_modem_set }, { TIOCGETD, do_discipline }, { TIOCSETD, do_discipline }, { TIOCGDEV, do_device }, { TIOCVHANGUP, do_hangup },
};

err_t
tty_ioctl(struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	struct tty_open *open = tty_open_from(file->private);
	const struct call call = { open, open->tty, file, command, arg };
	if (tty_is_hung(open))
		return command == TIOCSPGRP ? ENOTTY : EIO;
	for (u32 i = 0; i < COUNTOF(calls); i++) {
		if (calls[i].command == command)
			return calls[i].fn(&call, result);
	}
	return !open->master && open->tty->ops->ioctl != nullptr ? open->tty->ops->ioctl(open->tty, command, arg, result) : ENOTTY;
}
