// SPDX-License-Identifier: MPL-2.0
/**
 * The line discipline's output side: OPOST, the cursor's column, and echo.
 *
 * Text goes to the driver in runs; only control characters (and letters, for OLCUC) are looked at one by one. Echo that finds no room waits in
 * line.echo, and whatever is written later waits behind it.
 */
#include "tty_impl.h"

/** Sends bytes that belong together, or none of them. */
static bool
send_locked(struct tty *tty, struct cbytes text)
{
	if (tty_room(tty) < cbytes_len(text))
		return false;
	(void)tty->ops->write(tty, text);
	return true;
}

static bool
send_byte_locked(struct tty *tty, u8 byte)
{
	return send_locked(tty, CBYTES_OF(byte));
}

static bool
newline_locked(struct tty *tty)
{
	struct tty_line *line = &tty->line;
	bool with_return = tty_oflag(tty, ONLCR);
	if (!(with_return ? send_locked(tty, TEXT("\r\n")) : send_byte_locked(tty, '\n')))
		return false;
	if (with_return || tty_oflag(tty, ONLRET))
		line->column = 0;
	line->canon_column = line->column;
	return true;
}

static bool
return_locked(struct tty *tty)
{
	struct tty_line *line = &tty->line;
	if (tty_oflag(tty, ONOCR) && line->column == 0)
		return true;
	bool as_newline = tty_oflag(tty, OCRNL);
	if (!send_byte_locked(tty, as_newline ? '\n' : '\r'))
		return false;
	if (!as_newline || tty_oflag(tty, ONLRET))
		line->canon_column = line->column = 0;
	return true;
}

static bool
tab_locked(struct tty *tty)
{
	u32 columns = 8 - tty->line.column % 8;
	bool as_spaces = (tty->termios.oflag & TABDLY) == XTABS;
	if (!send_locked(tty, as_spaces ? cbytes_sub(TEXT("        "), 0, columns) : TEXT("\t")))
		return false;
	tty->line.column += columns;
	return true;
}

/** One byte that is no plain text. => false: no room */
static bool
special_locked(struct tty *tty, u8 byte)
{
	switch (byte) {
	case '\n': return newline_locked(tty);
	case '\r': return return_locked(tty);
	case '\t': return tab_locked(tty);
	default: break;
	}
	bool lower = byte >= 'a' && byte <= 'z';
	if (!send_byte_locked(tty, lower && tty_oflag(tty, OLCUC) ? byte - ('a' - 'A') : byte))
		return false;
	if (byte == '\b')
		tty->line.column -= tty->line.column > 0;
	else if (!byte_is_control(byte) && !tty_is_continuation(tty, byte))
		tty->line.column++;
	return true;
}

/** Length of the plain text at the start of `text`, and the columns it takes. */
static u32
plain_run(const struct tty *tty, struct cbytes text, u32 *scoped columns)
{
	bool letters = tty_oflag(tty, OLCUC);
	u32 n = 0, len = (u32)cbytes_len(text);
	*columns = 0;
	for (; n < len; n++) {
		u8 byte = cbytes_get(text, n);
		if (byte_is_control(byte) || (letters && byte >= 'a' && byte <= 'z'))
			break;
		*columns += !tty_is_continuation(tty, byte);
	}
	return n;
}

static u32
post_locked(struct tty *tty, struct cbytes text)
{
	u32 done = 0, len = (u32)cbytes_len(text);
	while (done < len) {
		u32 columns = 0, run = plain_run(tty, cbytes_from(text, done), &columns);
		if (run > 0) {
			u32 sent = tty->ops->write(tty, cbytes_sub(text, done, run));
			if (sent < run)
				(void)plain_run(tty, cbytes_sub(text, done, sent), &columns);
			tty->line.column += columns;
			done += sent;
			if (sent < run)
				return done;
		} else if (special_locked(tty, cbytes_get(text, done))) {
			done++;
		} else {
			return done;
		}
	}
	return done;
}

u32
output_text_locked(struct tty *tty, struct cbytes text)
{
	if (!echo_flush_locked(tty))
		return 0;
	u32 done = tty_oflag(tty, OPOST) ? post_locked(tty, text) : tty->ops->write(tty, text);
	if (done > 0)
		tty_kick_locked(tty);
	return done;
}

/* --- echo --- */

bool
echo_flush_locked(struct tty *tty)
{
	struct tty_line *line = &tty->line;
	while (line->echo_tail != line->echo_head) {
		u8 byte = line->echo[line->echo_tail % TTY_ECHO];
		if (!(tty_oflag(tty, OPOST) ? special_locked(tty, byte) : send_byte_locked(tty, byte)))
			return false;
		line->echo_tail++;
	}
	return true;
}

/** What finds neither room nor place to wait is lost: nobody looks at this terminal. */
void
echo_raw_locked(struct tty *tty, u8 byte)
{
	struct tty_line *line = &tty->line;
	if (line->echo_tail == line->echo_head && (tty_oflag(tty, OPOST) ? special_locked(tty, byte) : send_byte_locked(tty, byte)))
		return;
	if (line->echo_head - line->echo_tail < TTY_ECHO)
		line->echo[line->echo_head++ % TTY_ECHO] = byte;
}

void
echo_char_locked(struct tty *tty, u8 byte)
{
	if (tty_lflag(tty, ECHOCTL) && byte_is_control(byte) && byte != '\t') {
		echo_raw_locked(tty, '^');
		byte ^= 0100;
	}
	echo_raw_locked(tty, byte);
}

void
echo_back_locked(struct tty *tty, u32 columns)
{
	while (columns-- > 0)
		echo_raw_locked(tty, '\b');
}

/* --- flow --- */

void
output_stop_locked(struct tty *tty)
{
	if (tty->line.stopped)
		return;
	tty->line.stopped = true;
	if (tty->ops->stop != nullptr)
		tty->ops->stop(tty);
}

void
output_start_locked(struct tty *tty)
{
	if (!tty->line.stopped || tty->line.stopped_by_ioctl)
		return;
	tty->line.stopped = false;
	if (tty->ops->start != nullptr)
		tty->ops->start(tty);
	(void)echo_flush_locked(tty);
	tty_kick_locked(tty);
	poll_wake(&tty->writable, POLL_OUT | POLL_WRNORM);
}
