// SPDX-License-Identifier: MPL-2.0
/**
 * The line discipline's input side: what becomes of each byte that is typed.
 *
 * line.special says which bytes mean something under the present settings; all others are text. The input ring holds 4095 bytes; a line that
 * is not complete yet may use one more, which every further byte replaces, so that its end always finds room.
 *
 * Source: termios(3); what it leaves open is as Linux' N_TTY does it.
 */
#include "tty_impl.h"

static bool
is_special(const struct tty *tty, u8 byte)
{
	return (tty->line.special[byte / 64] >> byte % 64 & 1) != 0;
}

static void
mark_special(struct tty *tty, u8 byte)
{
	tty->line.special[byte / 64] |= (u64)1 << byte % 64;
}

static void
mark_key(struct tty *tty, enum termios_cc key)
{
	u8 byte = *ELEM(tty->termios.cc, (u32)key);
	if (byte != 0)
		mark_special(tty, byte);
}

/** Whether `byte` is the key; a key of value 0 is none. */
static bool
is_key(const struct tty *tty, u8 byte, enum termios_cc key)
{
	return byte != 0 && *ELEM(tty->termios.cc, (u32)key) == byte;
}

static void
special_make(struct tty *tty)
{
	static const enum termios_cc signals[] = { VINTR, VQUIT, VSUSP }, flow[] = { VSTART, VSTOP }, edit[] = { VERASE, VKILL, VEOF, VEOL };
	static const enum termios_cc extended[] = { VWERASE, VLNEXT, VREPRINT, VEOL2 };
	for (u32 i = 0; i < COUNTOF(tty->line.special); i++)
		tty->line.special[i] = 0;
	if (tty_lflag(tty, EXTPROC))
		return;
	if (tty_iflag(tty, IGNCR | ICRNL))
		mark_special(tty, '\r');
	if (tty_iflag(tty, INLCR) || tty_lflag(tty, ICANON))
		mark_special(tty, '\n');
	if (tty_iflag(tty, PARMRK))
		mark_special(tty, 0377);
	for (u32 i = 0; i < COUNTOF(signals) && tty_lflag(tty, ISIG); i++)
		mark_key(tty, signals[i]);
	for (u32 i = 0; i < COUNTOF(flow) && tty_iflag(tty, IXON); i++)
		mark_key(tty, flow[i]);
	for (u32 i = 0; i < COUNTOF(edit) && tty_lflag(tty, ICANON); i++)
		mark_key(tty, edit[i]);
	for (u32 i = 0; i < COUNTOF(extended) && tty_lflag(tty, ICANON) && tty_lflag(tty, IEXTEN); i++)
		mark_key(tty, extended[i]);
}

void
line_settings_locked(struct tty *tty, const struct termios *scoped old)
{
	struct tty_line *line = &tty->line;
	if (old == nullptr || ((old->lflag ^ tty->termios.lflag) & (ICANON | EXTPROC)) != 0) {
		for (u32 i = 0; i < COUNTOF(line->marks); i++)
			line->marks[i] = 0;
		line->canon = line->tail;
		/* What was typed in raw mode is one line in canonical mode. */
		if (tty_is_canonical(tty) && line->head != line->tail) {
			u32 last = (line->head - 1) % TTY_INPUT;
			line->marks[last / 64] |= (u64)1 << last % 64;
			line->canon = line->head;
		}
		line->erasing = line->literal = false;
	}
	special_make(tty);
	if (old != nullptr && (old->iflag & IXON) != 0 && !tty_iflag(tty, IXON))
		output_start_locked(tty);
}

/* --- the ring --- */

static void
put(struct tty *tty, u8 byte)
{
	struct tty_line *line = &tty->line;
	line->input[line->head++ % TTY_INPUT] = byte;
}

/** As text: 0377 is doubled under PARMRK, since it begins a mark. */
static void
put_text(struct tty *tty, u8 byte)
{
	if (byte == 0377 && tty_iflag(tty, PARMRK))
		put(tty, byte);
	put(tty, byte);
}

static u8
input_at(const struct tty *tty, u32 position)
{
	return tty->line.input[position % TTY_INPUT];
}

/**
 * Makes room for one byte (with its marks) more. => false: there is none until somebody reads.
 */
static bool
make_room(struct tty *tty)
{
	struct tty_line *line = &tty->line;
	u32 used = tty_unread(tty), need = tty_iflag(tty, PARMRK) ? 3 : 1;
	if (used + need < TTY_INPUT)
		return true;
	if (!tty_is_canonical(tty) || line->canon != line->tail)
		return false;
	if (used + need > TTY_INPUT)
		line->head = line->tail + TTY_INPUT - need;
	return true;
}

static void
readable(struct tty *tty)
{
	poll_wake(&tty->readable, POLL_IN | POLL_RDNORM);
}

void
line_flush_locked(struct tty *tty)
{
	struct tty_line *line = &tty->line;
	line->head = line->tail = line->canon = 0;
	line->erasing = line->literal = false;
	for (u32 i = 0; i < COUNTOF(line->marks); i++)
		line->marks[i] = 0;
	if (tty->ops->input_flushed != nullptr)
		tty->ops->input_flushed(tty);
	if (tty->ops->input_room != nullptr)
		tty->ops->input_room(tty);
}

/* --- editing --- */

static void
erasing_end(struct tty *tty)
{
	if (tty->line.erasing)
		echo_raw_locked(tty, '/');
	tty->line.erasing = false;
}

/** Echoes a byte of a line, noting where the line begins. */
static void
echo_of_line(struct tty *tty, u8 byte)
{
	if (tty->line.canon == tty->line.head)
		tty->line.canon_column = tty->line.column;
	echo_char_locked(tty, byte);
}

/** Columns that the tab at the line's end took, which has just been taken off. */
static u32
tab_width(const struct tty *tty)
{
	u32 columns = 0, at = tty->line.head;
	bool after_tab = false;
	while (at != tty->line.canon && !after_tab) {
		u8 byte = input_at(tty, --at);
		if (byte == '\t')
			after_tab = true;
		else if (byte_is_control(byte))
			columns += tty_lflag(tty, ECHOCTL) ? 2 : 0;
		else
			columns += !tty_is_continuation(tty, byte);
	}
	if (!after_tab)
		columns += tty->line.canon_column;
	return 8 - columns % 8;
}

/** Shows that a character of `len` bytes, the first of which is `byte`, is gone from the line's end. */
static void
erase_echo(struct tty *tty, u8 byte, u32 len, bool by_erase)
{
	struct tty_line *line = &tty->line;
	if (tty_lflag(tty, ECHOPRT)) {
		if (!line->erasing)
			echo_raw_locked(tty, '\\');
		line->erasing = true;
		echo_char_locked(tty, byte);
		for (u32 i = 1; i < len; i++)
			echo_raw_locked(tty, input_at(tty, line->head + i));
	} else if (by_erase && !tty_lflag(tty, ECHOE)) {
		echo_char_locked(tty, *ELEM(tty->termios.cc, (u32)VERASE));
	} else if (byte == '\t') {
		echo_back_locked(tty, tab_width(tty));
	} else {
		u32 columns = !byte_is_control(byte) ? 1 : tty_lflag(tty, ECHOCTL) ? 2 : 0;
		for (; columns > 0; columns--) {
			echo_raw_locked(tty, '\b');
			echo_raw_locked(tty, ' ');
			echo_raw_locked(tty, '\b');
		}
	}
}

static bool
is_word(u8 byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_';
}

/** Where the last character of the line begins. => false: not a whole character */
static bool
last_character(const struct tty *tty, u32 *scoped at)
{
	*at = tty->line.head;
	do
		*at -= 1;
	while (*at != tty->line.canon && tty_is_continuation(tty, input_at(tty, *at)));
	return !tty_is_continuation(tty, input_at(tty, *at));
}

/** VERASE: a character; VWERASE: a word and what is behind it; VKILL: all. */
static void
erase(struct tty *tty, enum termios_cc key)
{
	struct tty_line *line = &tty->line;
	bool in_word = false;
	u32 at = 0;
	while (line->head != line->canon && last_character(tty, &at)) {
		u8 byte = input_at(tty, at);
		if (key == VWERASE && in_word && !is_word(byte))
			break;
		in_word = in_word || is_word(byte);
		u32 len = line->head - at;
		line->head = at;
		if (tty_lflag(tty, ECHO))
			erase_echo(tty, byte, len, key == VERASE);
		if (key == VERASE)
			break;
	}
	if (line->head == line->canon && tty_lflag(tty, ECHO))
		erasing_end(tty);
}

static void
kill_line(struct tty *tty, u8 byte)
{
	const u32 all = ECHO | ECHOK | ECHOKE | ECHOE;
	if ((tty->termios.lflag & all) == all)
		return erase(tty, VKILL);
	if (tty->line.head == tty->line.canon)
		return;
	tty->line.head = tty->line.canon;
	if (!tty_lflag(tty, ECHO))
		return;
	erasing_end(tty);
	echo_char_locked(tty, byte);
	if (tty_lflag(tty, ECHOK))
		echo_raw_locked(tty, '\n');
}

static void
reprint(struct tty *tty, u8 byte)
{
	erasing_end(tty);
	echo_char_locked(tty, byte);
	echo_raw_locked(tty, '\n');
	for (u32 at = tty->line.canon; at != tty->line.head; at++)
		echo_char_locked(tty, input_at(tty, at));
}

/** Ends the line with a byte: '\n', VEOL, or 0 for VEOF, which no reader sees. */
static void
line_end(struct tty *tty, u8 byte)
{
	struct tty_line *line = &tty->line;
	u32 at = line->head % TTY_INPUT;
	line->marks[at / 64] |= (u64)1 << at % 64;
	put(tty, byte);
	line->canon = line->head;
	readable(tty);
}

/* --- one byte --- */

static void
receive_text(struct tty *tty, u8 byte)
{
	if (tty_lflag(tty, ECHO)) {
		erasing_end(tty);
		if (byte == '\n')
			echo_raw_locked(tty, '\n');
		else
			echo_of_line(tty, byte);
	}
	put_text(tty, byte);
}

void
line_signal_locked(struct tty *tty, u32 number)
{
	if (tty->group != nullptr)
		signal_send_group(tty->group, number);
	if (tty_lflag(tty, NOFLSH))
		return;
	tty->line.echo_tail = tty->line.echo_head;
	if (tty->ops->flush != nullptr)
		tty->ops->flush(tty);
	line_flush_locked(tty);
	flip_flush_locked(tty);
}

static bool
receive_signal(struct tty *tty, u8 byte)
{
	u32 number = is_key(tty, byte, VINTR) ? SIGINT : is_key(tty, byte, VQUIT) ? SIGQUIT : is_key(tty, byte, VSUSP) ? SIGTSTP : 0;
	if (number == 0)
		return false;
	line_signal_locked(tty, number);
	if (tty_iflag(tty, IXON))
		output_start_locked(tty);
	if (tty_lflag(tty, ECHO))
		echo_char_locked(tty, byte);
	return true;
}

static bool
receive_flow(struct tty *tty, u8 byte)
{
	if (is_key(tty, byte, VSTART))
		output_start_locked(tty);
	else if (is_key(tty, byte, VSTOP))
		output_stop_locked(tty);
	else
		return false;
	return true;
}

static void
receive_literal_next(struct tty *tty)
{
	tty->line.literal = true;
	if (!tty_lflag(tty, ECHO))
		return;
	erasing_end(tty);
	if (tty_lflag(tty, ECHOCTL)) {
		echo_raw_locked(tty, '^');
		echo_raw_locked(tty, '\b');
	}
}

/** Keys that edit the line. => false: none of them */
static bool
receive_edit(struct tty *tty, u8 byte)
{
	bool extended = tty_lflag(tty, IEXTEN);
	if (is_key(tty, byte, VERASE))
		erase(tty, VERASE);
	else if (is_key(tty, byte, VKILL))
		kill_line(tty, byte);
	else if (extended && is_key(tty, byte, VWERASE))
		erase(tty, VWERASE);
	else if (extended && is_key(tty, byte, VLNEXT))
		receive_literal_next(tty);
	else if (extended && is_key(tty, byte, VREPRINT) && tty_lflag(tty, ECHO))
		reprint(tty, byte);
	else
		return false;
	return true;
}

/** Bytes that end a line. => false: none of them */
static bool
receive_end(struct tty *tty, u8 byte)
{
	if (byte == '\n') {
		if (tty_lflag(tty, ECHO | ECHONL))
			echo_raw_locked(tty, '\n');
		line_end(tty, '\n');
	} else if (is_key(tty, byte, VEOF)) {
		line_end(tty, 0);
	} else if (is_key(tty, byte, VEOL) || (tty_lflag(tty, IEXTEN) && is_key(tty, byte, VEOL2))) {
		if (tty_lflag(tty, ECHO))
			echo_of_line(tty, byte);
		if (byte == 0377 && tty_iflag(tty, PARMRK))
			put(tty, byte);
		line_end(tty, byte);
	} else {
		return false;
	}
	return true;
}

static void
receive_special(struct tty *tty, u8 byte)
{
	if (tty_iflag(tty, IXON) && receive_flow(tty, byte))
		return;
	if (tty_lflag(tty, ISIG) && receive_signal(tty, byte))
		return;
	if (byte == '\r') {
		if (tty_iflag(tty, IGNCR))
			return;
		byte = tty_iflag(tty, ICRNL) ? '\n' : byte;
	} else if (byte == '\n' && tty_iflag(tty, INLCR)) {
		byte = '\r';
	}
	if (tty_lflag(tty, ICANON) && (receive_edit(tty, byte) || receive_end(tty, byte)))
		return;
	receive_text(tty, byte);
}

static u8
stripped(const struct tty *tty, u8 byte)
{
	byte = tty_iflag(tty, ISTRIP) ? byte & 0x7f : byte;
	bool upper = byte >= 'A' && byte <= 'Z';
	return upper && tty_iflag(tty, IUCLC) && tty_lflag(tty, IEXTEN) ? byte + ('a' - 'A') : byte;
}

/** Any byte but START, STOP and the signals lets stopped output go on, under IXANY. */
static void
receive_any(struct tty *tty, u8 byte)
{
	bool flow = is_key(tty, byte, VSTART) || is_key(tty, byte, VSTOP);
	if (tty->line.stopped && tty_iflag(tty, IXON) && tty_iflag(tty, IXANY) && !flow)
		output_start_locked(tty);
}

static void
receive_byte(struct tty *tty, u8 byte)
{
	if (tty_lflag(tty, EXTPROC))
		return put(tty, byte);
	byte = stripped(tty, byte);
	if (tty->line.literal) {
		tty->line.literal = false;
		return receive_text(tty, byte);
	}
	receive_any(tty, byte);
	if (is_special(tty, byte))
		receive_special(tty, byte);
	else
		receive_text(tty, byte);
}

static void
receive_break(struct tty *tty)
{
	if (tty_iflag(tty, IGNBRK))
		return;
	if (tty_iflag(tty, BRKINT))
		return line_signal_locked(tty, SIGINT);
	if (tty_iflag(tty, PARMRK)) {
		put(tty, 0377);
		put(tty, 0);
	}
	put(tty, 0);
}

/** A byte with a parity or framing error. */
static void
receive_damaged(struct tty *tty, u8 byte)
{
	if (!tty_iflag(tty, INPCK))
		return receive_byte(tty, byte);
	if (tty_iflag(tty, IGNPAR))
		return;
	if (tty_iflag(tty, PARMRK)) {
		put(tty, 0377);
		put(tty, 0);
		put(tty, byte);
	} else {
		put(tty, 0);
	}
}

static void
receive_entry(struct tty *tty, u16 entry)
{
	switch ((u16)(entry & 0xff00)) {
	case TTY_NORMAL: return receive_byte(tty, (u8)entry);
	case TTY_BREAK: return receive_break(tty);
	case TTY_OVERRUN:
		if (atomic32_add(&tty->overruns, 1) == 0)
			log_warn("{}: input was lost, the line is faster than its reader", cbytes_sub(CBYTES_OF(tty->name), 0, tty->name_len));
		return;
	default: return receive_damaged(tty, (u8)entry);
	}
}

/** What follows a batch: echo on its way, readers of raw input awake. */
static void
received(struct tty *tty)
{
	tty_kick_locked(tty);
	if (!tty_is_canonical(tty) && tty->line.head != tty->line.tail)
		readable(tty);
}

/** Whether bytes go into the ring just as they come. */
static bool
is_transparent(const struct tty *tty)
{
	const struct tty_line *line = &tty->line;
	return (line->special[0] | line->special[1] | line->special[2] | line->special[3]) == 0 && !tty_lflag(tty, ECHO | ICANON) &&
	       !tty_iflag(tty, ISTRIP | IUCLC | IXON) && !line->literal;
}

static u32
receive_transparent(struct tty *tty, struct cbytes text)
{
	struct tty_line *line = &tty->line;
	u32 n = (u32)MIN(cbytes_len(text), (size_t)(TTY_INPUT - 1 - MIN(tty_unread(tty), TTY_INPUT - 1)));
	u32 at = line->head % TTY_INPUT, first = MIN(n, TTY_INPUT - at);
	bytes_copy(bytes_sub(BYTES_OF(line->input), at, first), cbytes_sub(text, 0, first));
	bytes_copy(BYTES_OF(line->input), cbytes_sub(text, first, n - first));
	line->head += n;
	return n;
}

u32
line_receive_locked(struct tty *tty, struct cbytes text)
{
	u32 done = 0, len = (u32)cbytes_len(text);
	if (is_transparent(tty))
		done = receive_transparent(tty, text);
	else
		for (; done < len && make_room(tty); done++)
			receive_byte(tty, cbytes_get(text, done));
	if (done > 0)
		received(tty);
	return done;
}

/* --- the queue in front of it --- */

static bool
flip_peek(struct tty *tty, u16 *scoped entry)
{
	IRQ_SPIN_SCOPE(&tty->flip_lock);
	if (tty->flip_head == tty->flip_tail)
		return false;
	*entry = *flip_array_at(tty->flip, tty->flip_tail % TTY_FLIP);
	return true;
}

void
flip_drain_locked(struct tty *tty)
{
	u16 entry = 0;
	bool any = false;
	while (flip_peek(tty, &entry) && make_room(tty)) {
		{
			IRQ_SPIN_SCOPE(&tty->flip_lock);
			tty->flip_tail++;
		}
		receive_entry(tty, entry);
		any = true;
	}
	if (any) {
		received(tty);
		if (tty->ops->input_room != nullptr)
			tty->ops->input_room(tty);
	}
}

void
flip_flush_locked(struct tty *tty)
{
	IRQ_SPIN_SCOPE(&tty->flip_lock);
	tty->flip_tail = tty->flip_head;
}

u32
tty_input(struct tty *tty, struct cbytes text, enum tty_flag flag)
{
	u32 done = 0;
	{
		IRQ_SPIN_SCOPE(&tty->flip_lock);
		for (; done < cbytes_len(text) && tty->flip_head - tty->flip_tail < TTY_FLIP; done++)
			*flip_array_at(tty->flip, tty->flip_head++ % TTY_FLIP) = (u16)(cbytes_get(text, done) | flag);
	}
	(void)work_queue(tty->work);
	return done;
}

u32
tty_receive(struct tty *tty, struct cbytes text)
{
	u32 done = 0, len = (u32)cbytes_len(text);
	SPIN_SCOPE(&tty->lock);
	flip_drain_locked(tty);
	if (tty->flip_head == tty->flip_tail)
		done = line_receive_locked(tty, text);
	IRQ_SPIN_SCOPE(&tty->flip_lock);
	for (; done < len && tty->flip_head - tty->flip_tail < TTY_FLIP; done++)
		*flip_array_at(tty->flip, tty->flip_head++ % TTY_FLIP) = cbytes_get(text, done);
	return done;
}

bool
line_readable_locked(struct tty *tty, bool by_minimum)
{
	if (tty_is_canonical(tty))
		return tty->line.canon != tty->line.tail;
	u8 minimum = tty->termios.cc[VMIN];
	bool whole = by_minimum && !tty_lflag(tty, ICANON) && tty->termios.cc[VTIME] == 0 && minimum > 1;
	return tty_unread(tty) >= (whole ? minimum : 1u);
}
