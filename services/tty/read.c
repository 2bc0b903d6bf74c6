// SPDX-License-Identifier: MPL-2.0
/**
 * read(2) of a terminal: lines in canonical mode, else bytes by VMIN and VTIME.
 *
 * One read at a time has its turn at a terminal, so a read that waits for more is not torn by another.
 */
#include <clock.h>

#include "tty_impl.h"

enum : u32 { READ_CHUNK = 1024 };

/** How long a read waits for bytes. */
struct pace {
	u32 minimum;        /* so many end it; 0 cannot be */
	u64 first_ns;       /* wait for the first byte; TIME_NEVER: no limit */
	u64 next_ns;        /* wait from one byte to the next; 0: no limit */
};

static struct pace
pace_of(struct tty *tty)
{
	SPIN_SCOPE(&tty->lock);
	u32 minimum = tty->termios.cc[VMIN];
	u64 time = tty->termios.cc[VTIME] * (NS_PER_SEC / 10);
	if (tty_lflag(tty, ICANON))
		return (struct pace){ 1, TIME_NEVER, 0 };
	return minimum > 0 ? (struct pace){ minimum, TIME_NEVER, time } : (struct pace){ 1, time, 0 };
}

static bool
is_marked(const struct tty *tty, u32 position)
{
	u32 at = position % TTY_INPUT;
	return (tty->line.marks[at / 64] >> at % 64 & 1) != 0;
}

static void
unmark(struct tty *tty, u32 position)
{
	u32 at = position % TTY_INPUT;
	tty->line.marks[at / 64] &= ~((u64)1 << at % 64);
}

/** Position of the first line end at or behind the tail, below `end`; `end` where there is none. */
static u32
mark_find(const struct tty *tty, u32 end)
{
	u32 position = tty->line.tail;
	while (position != end) {
		u32 at = position % TTY_INPUT;
		u64 word = tty->line.marks[at / 64] >> at % 64;
		if (word != 0)
			return (u32)MIN((u64)position + (u32)__builtin_ffsl((i64)word) - 1, (u64)position + (end - position));
		position += MIN(64 - at % 64, end - position);
	}
	return end;
}

/** The ring's next n bytes, into `to`. */
static void
take(struct tty *tty, struct bytes to, u32 n)
{
	struct tty_line *line = &tty->line;
	u32 at = line->tail % TTY_INPUT, first = MIN(n, TTY_INPUT - at);
	bytes_copy(to, cbytes_sub(CBYTES_OF(line->input), at, first));
	bytes_copy(bytes_from(to, first), cbytes_sub(CBYTES_OF(line->input), 0, n - first));
	line->tail += n;
}

/**
 * Takes up to `limit` bytes of the present line. *over: the line's end was met, or its end mark, which no program sees.
 */
static u32
take_line_locked(struct tty *tty, struct bytes to, u32 limit, bool *scoped over)
{
	struct tty_line *line = &tty->line;
	u32 end = mark_find(tty, line->canon), n = MIN(end - line->tail, limit);
	take(tty, to, n);
	bool at_end = line->tail == end && end != line->canon;
	bool is_eof = at_end && line->input[end % TTY_INPUT] == 0;
	*over = at_end && (is_eof || n < limit);
	if (!*over)
		return n;
	unmark(tty, end);
	if (is_eof)
		line->tail++;
	else
		take(tty, bytes_from(to, n++), 1);
	return n;
}

/** One piece of at most `limit` bytes, and whether the read ends with it. */
static u32
take_locked(struct tty *tty, struct bytes to, u32 limit, bool *scoped over)
{
	u32 n = 0;
	if (tty_is_canonical(tty)) {
		n = take_line_locked(tty, to, limit, over);
	} else {
		n = MIN(tty_unread(tty), limit);
		take(tty, to, n);
		*over = false;
	}
	flip_drain_locked(tty);
	if (tty->ops->input_room != nullptr)
		tty->ops->input_room(tty);
	return n;
}

static bool
readable_or_gone(const struct tty_open *open)
{
	SPIN_SCOPE(&open->tty->lock);
	return line_readable_locked(open->tty, false) || tty_is_hung(open);
}

/** Waits for input. *over: there will be none for this read. => EAGAIN, ERESTARTSYS; EIO, SIGTTIN by job control */
static err_t
await(struct tty_open *open, u32 flags, u64 wait_ns, bool *scoped over)
{
	struct tty *tty = open->tty;
	*over = wait_ns == 0 || tty_is_hung(open);
	if (*over || readable_or_gone(open)) {
		*over = *over && !readable_or_gone(open);
		return OK;
	}
	if ((flags & O_NONBLOCK) != 0)
		return EAGAIN;
	err_t err = WAIT_UNTIL(&tty->readable.wait, readable_or_gone(open), WAIT_INTERRUPTIBLE, wait_ns == TIME_NEVER ? TIME_NEVER : deadline_after(wait_ns));
	*over = err == ETIMEDOUT;
	return *over ? OK : restartable(err);
}

static err_t
read_in_turn(struct tty_open *open, struct uio *scoped uio, u32 flags)
{
	struct tty *tty = open->tty;
	struct pace pace = pace_of(tty);
	u64 asked = uio->left, wait_ns = pace.first_ns;
	u8 chunk[READ_CHUNK];
	for (bool over = false; !over && uio->left > 0;) {
		bool none = false;
		TRY(await(open, flags, wait_ns, &none));
		if (none || tty_is_hung(open))
			return OK;
		u32 n = 0, limit = (u32)MIN(uio->left, (u64)READ_CHUNK);
		{
			SPIN_SCOPE(&tty->lock);
			if (line_readable_locked(tty, false))
				n = take_locked(tty, BYTES_OF(chunk), limit, &over);
			u64 moved = asked - uio->left + n;
			over = over || (!tty_is_canonical(tty) && n > 0 && moved >= pace.minimum && !line_readable_locked(tty, false));
		}
		TRY(uio_put(uio, cbytes_sub(CBYTES_OF(chunk), 0, n)));
		wait_ns = pace.next_ns != 0 ? pace.next_ns : wait_ns;
	}
	return OK;
}

err_t
line_read(struct tty_open *open, struct uio *scoped uio, u32 flags)
{
	struct tty *tty = open->tty;
	if (tty_is_hung(open))
		return OK;
	if (!open->console)
		TRY(job_check(tty, SIGTTIN));
	TRY(tty_turn(tty, &tty->reading, flags));
	err_t err = read_in_turn(open, uio, flags);
	tty_turn_end(tty, &tty->reading);
	return err;
}
