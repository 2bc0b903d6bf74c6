// SPDX-License-Identifier: MPL-2.0
/**
 * The driver of 16550 UARTs.
 *
 * Output stands in a ring. Whoever has written fills the FIFO as long as it empties at once (emulated ports always do); the rest goes by interrupt, a
 * FIFO at a time. Interrupts of the transmitter are on while something is left. COM1 and COM3 share a line, so do COM2 and COM4.
 *
 * Lock order: tty.lock → uart.lock, which interrupt handlers take.
 */
#include <cadre/io.h>
#include <cadre/irq.h>
#include <cadre/log.h>

#include <clock.h>
#include <devfs.h>
#include <inode.h>
#include <random.h>
#include <termios.h>
#include <tty.h>

#include "serial.h"
#include "uart.h"

enum : u32 {
	PORTS = 4, OUT_RING = 8192, SEND_MAX = 512, RECEIVE_MAX = 256, BATCH = 64, PASSES = 32, SERIAL_MAJOR = 4, SERIAL_MINOR = 64,
	PORT_16550A = 4,
};

/** Events since the start, as TIOCGICOUNT shows them. */
struct uart_counts { u32 cts, dsr, rng, dcd, received, sent, frame, overrun, parity, breaks, overflow; };

struct uart {
	struct io_port *port;               /* [const] */
	struct tty *tty;                    /* [const] counted */
	u32 base, irq;                      /* [const] */
	struct work *lost;                  /* [const] the carrier is gone */
	struct irq_spin_lock lock;
	/* Under lock: */
	struct byte_array *out;             /* [const] itself */
	u32 head, tail;
	u8 ier, lcr, mcr, urgent;
	bool open, stopped, has_urgent, local;
	struct uart_counts counts;
};
static void
uart_release(struct uart *uart)
{
	if (uart->port != nullptr)
		io_port_release(uart->port);
	if (uart->out != nullptr)
		byte_array_put(uart->out);
	if (uart->lost != nullptr)
		work_put(uart->lost);
}
OBJECT_DECLARE(uart);
OBJECT_DEFINE_RELEASE(uart);

/** The ports of one interrupt line. */
struct uart_line { struct uart *uarts[PORTS]; };   /* [const] before the line is acquired; counted */
OBJECT_DECLARE(uart_line);
OBJECT_DEFINE(uart_line);

static const struct { u16 base; u8 irq; } places[PORTS] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };

static u8 in(struct uart *uart, enum uart_register reg) { return io_port_read8(uart->port, reg); }
static void out(struct uart *uart, enum uart_register reg, u8 value) { io_port_write8(uart->port, reg, value); }

static void
ier_set_locked(struct uart *uart, u8 ier)
{
	if (uart->ier != ier)
		out(uart, UART_IER, ier);
	uart->ier = ier;
}

/* --- sending --- */

static u32
unsent(const struct uart *uart)
{
	return uart->head - uart->tail;
}

/** One FIFO's load, which is empty. */
static void
fifo_fill_locked(struct uart *uart)
{
	u32 n = MIN(unsent(uart), UART_FIFO);
	struct bytes ring = byte_array_bytes(uart->out);
	for (u32 i = 0; i < n; i++)
		out(uart, UART_DATA, bytes_get(ring, (uart->tail + i) % OUT_RING));
	uart->tail += n;
	uart->counts.sent += n;
}

/** Sends what goes without waiting, up to SEND_MAX bytes; the transmitter's interrupt is on where something is left. */
static void
send_locked(struct uart *uart)
{
	u8 line = in(uart, UART_LSR);
	if (uart->has_urgent && (line & LSR_SENT) != 0) {
		out(uart, UART_DATA, uart->urgent);
		uart->has_urgent = false;
		line = in(uart, UART_LSR);
	}
	for (u32 sent = 0; sent < SEND_MAX && !uart->stopped && unsent(uart) > 0 && (line & LSR_SENT) != 0; sent += UART_FIFO) {
		fifo_fill_locked(uart);
		line = in(uart, UART_LSR);
	}
	bool more = uart->has_urgent || (!uart->stopped && unsent(uart) > 0) || (line & LSR_SENT) == 0;
	ier_set_locked(uart, more ? uart->ier | IER_SENT : uart->ier & ~IER_SENT);
}

static struct uart *
uart_of(struct tty *tty)
{
	return uart_from(tty->driver);
}

static u32
serial_write(struct tty *tty, struct cbytes text)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	u32 n = (u32)MIN(cbytes_len(text), (size_t)(OUT_RING - unsent(uart))), at = uart->head % OUT_RING, first = MIN(n, OUT_RING - at);
	bytes_copy(bytes_sub(byte_array_bytes(uart->out), at, first), cbytes_sub(text, 0, first));
	bytes_copy(byte_array_bytes(uart->out), cbytes_sub(text, first, n - first));
	uart->head += n;
	return n;
}

static u32
serial_room(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	return OUT_RING - unsent(uart);
}

static void
serial_kick(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	if (unsent(uart) > 0 && (uart->ier & IER_SENT) == 0)
		send_locked(uart);
}

static u32
serial_pending(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	return unsent(uart) + ((in(uart, UART_LSR) & LSR_SENT) == 0 ? 1 : 0);
}

static void
serial_flush(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	uart->tail = uart->head;
	out(uart, UART_FCR, FCR_ON | FCR_CLEAR_SEND | FCR_TRIGGER_8);
}

static void
serial_stop(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	uart->stopped = true;
}

static void
serial_start(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	uart->stopped = false;
	send_locked(uart);
}

static void
serial_urgent(struct tty *tty, u8 byte)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	uart->urgent = byte;
	uart->has_urgent = true;
	send_locked(uart);
}

/* --- receiving --- */

/** A byte with an error, ahead of which all earlier ones have gone. */
static void
damaged_locked(struct uart *uart, u8 byte, u8 line)
{
	struct uart_counts *counts = &uart->counts;
	enum tty_flag flag = (line & LSR_BREAK) != 0 ? TTY_BREAK : (line & LSR_PARITY) != 0 ? TTY_PARITY : (line & LSR_FRAME) != 0 ? TTY_FRAME : TTY_NORMAL;
	counts->breaks += flag == TTY_BREAK;
	counts->parity += flag == TTY_PARITY;
	counts->frame += flag == TTY_FRAME;
	if (tty_input(uart->tty, CBYTES_OF(byte), flag) == 0)
		counts->overflow++;
	if ((line & LSR_OVERRUN) == 0)
		return;
	counts->overrun++;
	(void)tty_input(uart->tty, CBYTES_OF(byte), TTY_OVERRUN);
}

static void
batch_give_locked(struct uart *uart, struct cbytes batch)
{
	if (cbytes_len(batch) == 0)
		return;
	u32 len = (u32)cbytes_len(batch);
	uart->counts.received += len;
	uart->counts.overflow += len - tty_input(uart->tty, batch, TTY_NORMAL);
}

static void
receive_locked(struct uart *uart, u8 line)
{
	u8 batch[BATCH] = {};
	u32 n = 0;
	for (u32 i = 0; i < RECEIVE_MAX && (line & (LSR_RECEIVED | LSR_BREAK)) != 0; i++) {
		u8 byte = in(uart, UART_DATA);
		if ((line & (LSR_OVERRUN | LSR_PARITY | LSR_FRAME | LSR_BREAK)) == 0 && n < BATCH) {
			batch[n] = byte;
			n++;
		} else {
			batch_give_locked(uart, cbytes_sub(CBYTES_OF(batch), 0, n));
			n = 0;
			damaged_locked(uart, byte, line);
		}
		line = in(uart, UART_LSR);
	}
	batch_give_locked(uart, cbytes_sub(CBYTES_OF(batch), 0, n));
}

static void
modem_locked(struct uart *uart)
{
	u8 modem = in(uart, UART_MSR);
	uart->counts.cts += (modem & MSR_DELTA_CTS) != 0;
	uart->counts.dsr += (modem & MSR_DELTA_DSR) != 0;
	uart->counts.rng += (modem & MSR_DELTA_RI) != 0;
	uart->counts.dcd += (modem & MSR_DELTA_CD) != 0;
	if ((modem & MSR_DELTA_CD) != 0 && (modem & MSR_CD) == 0 && !uart->local)
		(void)work_queue(uart->lost);
}

static void
uart_lost(struct object *arg)
{
	tty_hangup(uart_from(arg)->tty);
}

/** => whether it wanted anything */
static bool
uart_service(struct uart *uart)
{
	bool ready = false;
	{
		IRQ_SPIN_SCOPE(&uart->lock);
		if ((in(uart, UART_IIR) & IIR_NONE) != 0)
			return false;
		u32 before = unsent(uart);
		receive_locked(uart, in(uart, UART_LSR));
		modem_locked(uart);
		if ((uart->ier & IER_SENT) != 0)
			send_locked(uart);
		ready = (before > 0 && unsent(uart) <= OUT_RING - TTY_WAKE_ROOM) || (uart->ier & IER_SENT) == 0;
	}
	if (ready)
		tty_output_ready(uart->tty);
	return true;
}

static bool
line_interrupt(struct object *arg)
{
	struct uart_line *line = uart_line_from(arg);
	bool any = true, ours = false;
	random_stir(0);
	for (u32 pass = 0; any && pass < PASSES; pass++) {
		any = false;
		for (u32 i = 0; i < PORTS; i++)
			any = (line->uarts[i] != nullptr && uart_service(line->uarts[i])) || any;
		ours = ours || any;
	}
	return ours;
}

/* --- settings --- */

/** LCR for the settings. */
static u8
line_control(const struct termios *scoped settings)
{
	u32 flags = settings->cflag;
	u8 lcr = (u8)((flags & CSIZE) >> 4);
	lcr |= (flags & CSTOPB) != 0 ? LCR_STOP2 : 0;
	if ((flags & PARENB) == 0)
		return lcr;
	return lcr | LCR_PARITY | ((flags & PARODD) == 0 ? LCR_EVEN : 0) | ((flags & CMSPAR) != 0 ? LCR_STICK : 0);
}

static void
settings_apply_locked(struct uart *uart, const struct termios *scoped settings)
{
	u32 divisor = settings->ospeed > 0 ? MIN(MAX(UART_CLOCK / settings->ospeed, 1u), 0xffffu) : 0;
	uart->lcr = line_control(settings);
	if (divisor > 0) {
		out(uart, UART_LCR, uart->lcr | LCR_DIVISOR);
		out(uart, UART_DATA, (u8)divisor);
		out(uart, UART_IER, (u8)(divisor >> 8));
	}
	out(uart, UART_LCR, uart->lcr);
	uart->mcr = (u8)(divisor > 0 ? uart->mcr | MCR_DTR | MCR_RTS : uart->mcr & ~(MCR_DTR | MCR_RTS));
	out(uart, UART_MCR, uart->mcr);
	out(uart, UART_IER, uart->ier);
	uart->local = (settings->cflag & CLOCAL) != 0;
}

static void
serial_changed(struct tty *tty, const struct termios *scoped old)
{
	struct uart *uart = uart_of(tty);
	/* Flow control by wires is not there: what cannot be is not shown. */
	tty->termios.cflag &= ~CRTSCTS;
	if (old->cflag == tty->termios.cflag && old->ospeed == tty->termios.ospeed)
		return;
	IRQ_SPIN_SCOPE(&uart->lock);
	settings_apply_locked(uart, &tty->termios);
}

static void
serial_break(struct tty *tty, bool on)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	uart->lcr = (u8)(on ? uart->lcr | LCR_BREAK : uart->lcr & ~LCR_BREAK);
	out(uart, UART_LCR, uart->lcr);
}

static const struct { u32 line; u8 out, in; } modem_lines[] = {
	{ TIOCM_DTR, MCR_DTR, 0 }, { TIOCM_RTS, MCR_RTS, 0 }, { TIOCM_OUT1, MCR_OUT1, 0 }, { TIOCM_OUT2, MCR_OUT2, 0 }, { TIOCM_LOOP, MCR_LOOP, 0 },
	{ TIOCM_CTS, 0, MSR_CTS }, { TIOCM_DSR, 0, MSR_DSR }, { TIOCM_RNG, 0, MSR_RI }, { TIOCM_CAR, 0, MSR_CD },
};

static u32
serial_modem(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	u32 lines = 0;
	IRQ_SPIN_SCOPE(&uart->lock);
	u8 modem = in(uart, UART_MSR);
	for (u32 i = 0; i < COUNTOF(modem_lines); i++) {
		if ((uart->mcr & modem_lines[i].out) != 0 || (modem & modem_lines[i].in) != 0)
			lines |= modem_lines[i].line;
	}
	return lines;
}

/** OUT2 stays: without it no interrupt comes. */
static void
serial_set_modem(struct tty *tty, u32 lines)
{
	struct uart *uart = uart_of(tty);
	IRQ_SPIN_SCOPE(&uart->lock);
	uart->mcr = MCR_OUT2;
	for (u32 i = 0; i < COUNTOF(modem_lines); i++) {
		if ((lines & modem_lines[i].line) != 0)
			uart->mcr |= modem_lines[i].out;
	}
	out(uart, UART_MCR, uart->mcr);
}

/* --- opening and closing --- */

static err_t
serial_open(struct tty *tty, struct file *file)
{
	struct uart *uart = uart_of(tty);
	(void)file;
	SPIN_SCOPE(&tty->lock);
	IRQ_SPIN_SCOPE(&uart->lock);
	if (uart->open)
		return OK;
	uart->open = true;
	uart->mcr = MCR_OUT2;
	settings_apply_locked(uart, &tty->termios);
	ier_set_locked(uart, uart->ier | IER_RECEIVED | IER_LINE | IER_MODEM);
	return OK;
}

static void
serial_close(struct tty *tty)
{
	struct uart *uart = uart_of(tty);
	SPIN_SCOPE(&tty->lock);
	IRQ_SPIN_SCOPE(&uart->lock);
	if (tty->opens > 0)
		return;
	uart->open = false;
	ier_set_locked(uart, uart->ier & IER_SENT);
	if ((tty->termios.cflag & HUPCL) == 0)
		return;
	uart->mcr &= (u8)~(MCR_DTR | MCR_RTS);
	out(uart, UART_MCR, uart->mcr);
}

/* struct serial_struct and struct serial_icounter_struct of the ABI. Plain data. */
struct serial_settings {
	i32 type, line; u32 port; i32 irq, flags, xmit_fifo_size, custom_divisor, baud_base;
	u16 close_delay; u8 io_type, reserved_char; i32 hub6; u16 closing_wait, closing_wait2; u32 pad;
	u64 iomem_base; u16 iomem_reg_shift, pad2; u32 port_high; u64 iomap_base;
};
static_assert(sizeof(struct serial_settings) == 72);
struct serial_counts { i32 cts, dsr, rng, dcd, rx, tx, frame, overrun, parity, brk, buf_overrun; i32 reserved[9]; };

static err_t
settings_give(struct uart *uart, u64 arg)
{
	struct serial_settings settings = {
		.type = PORT_16550A, .line = (i32)uart->tty->minor - (i32)SERIAL_MINOR, .port = uart->base, .irq = (i32)uart->irq,
		.xmit_fifo_size = UART_FIFO, .baud_base = UART_CLOCK, .close_delay = 50, .closing_wait = 3000,
	};
	return copy_out_value(UADDR(arg), settings);
}

static err_t
counts_give(struct uart *uart, u64 arg)
{
	struct uart_counts now = {};
	{
		IRQ_SPIN_SCOPE(&uart->lock);
		now = uart->counts;
	}
	struct serial_counts counts = {
		.cts = (i32)now.cts, .dsr = (i32)now.dsr, .rng = (i32)now.rng, .dcd = (i32)now.dcd, .rx = (i32)now.received, .tx = (i32)now.sent,
		.frame = (i32)now.frame, .overrun = (i32)now.overrun, .parity = (i32)now.parity, .brk = (i32)now.breaks, .buf_overrun = (i32)now.overflow,
	};
	return copy_out_value(UADDR(arg), counts);
}

static err_t
serial_ioctl(struct tty *tty, u32 command, u64 arg, u64 *scoped result)
{
	struct uart *uart = uart_of(tty);
	u32 idle = 0;
	(void)result;
	switch (command) {
	case TIOCGSERIAL: return settings_give(uart, arg);
	case TIOCGICOUNT: return counts_give(uart, arg);
	case TIOCSERGETLSR:
		idle = (in(uart, UART_LSR) & LSR_IDLE) != 0;
		return copy_out_value(UADDR(arg), idle);
	default: return ENOTTY;
	}
}

static const struct tty_ops serial_ops = {
	.write = serial_write,
	.room = serial_room,
	.kick = serial_kick,
	.pending = serial_pending,
	.flush = serial_flush,
	.stop = serial_stop,
	.start = serial_start,
	.urgent = serial_urgent,
	.changed = serial_changed,
	.set_break = serial_break,
	.modem = serial_modem,
	.set_modem = serial_set_modem,
	.open = serial_open,
	.close = serial_close,
	.ioctl = serial_ioctl,
};

/* --- finding --- */

static bool
uart_answers(struct uart *uart)
{
	out(uart, UART_SCRATCH, 0x5a);
	if (in(uart, UART_SCRATCH) != 0x5a)
		return false;
	out(uart, UART_SCRATCH, 0xa5);
	return in(uart, UART_SCRATCH) == 0xa5 && in(uart, UART_LSR) != 0xff;
}

/** Speed 115200, as the firmware and the kernel's console leave it; no modem. */
static void
uart_defaults(struct uart *uart)
{
	struct tty *tty = uart->tty;
	SPIN_SCOPE(&tty->lock);
	tty->termios.cflag = B115200 | CS8 | CREAD | HUPCL | CLOCAL;
	tty->termios.ispeed = tty->termios.ospeed = 115200;
	IRQ_SPIN_SCOPE(&uart->lock);
	out(uart, UART_FCR, FCR_ON | FCR_TRIGGER_8);
	uart->mcr = MCR_OUT2;
	settings_apply_locked(uart, &tty->termios);
}

/** => ENODEV: nothing answers there */
static err_t
uart_make(u32 number, struct uart **scoped out)
{
	u8 name[TTY_NAME] = {};
	REF_SCOPE(uart, uart);
	uart = uart_alloc();
	if (uart == nullptr)
		return ENOMEM;
	uart->base = places[number % PORTS].base;
	uart->irq = places[number % PORTS].irq;
	TRY(io_port_acquire((u16)uart->base, UART_PORTS, &uart->port));
	if (!uart_answers(uart))
		return ENODEV;
	uart->out = byte_array_alloc(OUT_RING);
	if (uart->out == nullptr)
		return ENOMEM;
	TRY(work_create(uart_lost, uart_object(uart), &uart->lost));
	size_t len = format_text(BYTES_OF(name), "ttyS{}", number);
	TRY(tty_create(&serial_ops, uart_object(uart), SERIAL_MAJOR, SERIAL_MINOR + number, cbytes_sub(CBYTES_OF(name), 0, len), &uart->tty));
	uart_defaults(uart);
	*out = uart;
	uart = nullptr;
	return OK;
}

static err_t
device_open(struct file *file, u32 minor)
{
	struct tty *tty = tty_find(SERIAL_MAJOR, minor);
	return tty != nullptr ? tty_open_file(tty, file, false) : EIO;
}

static const struct device_ops serial_device = { .open = device_open, .file_ops = &tty_file_ops };

/** Acquires the interrupt of the ports that `line` has, and shows their terminals. */
static err_t
line_start(struct uart_line *line, u32 irq)
{
	struct irq_line *handle = nullptr;
	TRY(irq_line_acquire(irq, IRQ_DEFAULT, line_interrupt, uart_line_object(line), 0, &handle));
	for (u32 i = 0; i < PORTS; i++) {
		struct uart *uart = line->uarts[i];
		if (uart == nullptr)
			continue;
		log_info("ttyS{}: 16550 at {x}, interrupt {}", i, uart->base, irq);
		TRY(tty_register(uart->tty, 0600));
	}
	return OK;
}

/** The ports of one interrupt. They stay for ever. */
static err_t
line_find(u32 irq)
{
	struct uart_line *line = uart_line_alloc();
	bool any = false;
	if (line == nullptr)
		return ENOMEM;
	for (u32 i = 0; i < PORTS; i++) {
		struct uart *uart = nullptr;
		if (places[i].irq == irq && uart_make(i, &uart) == OK) {
			line->uarts[i] = uart;
			any = true;
		}
	}
	return any ? line_start(line, irq) : OK;
}

err_t
serial_init(void)
{
	u8 byte = 0;
	/* The framework's console sets the port up at its first use: now rather than later. What has been typed already is kept. */
	bool typed = console_read(&byte);
	device_register(SERIAL_MAJOR, SERIAL_MINOR, PORTS, &serial_device);
	TRY(line_find(4));
	struct tty *first = tty_find(SERIAL_MAJOR, SERIAL_MINOR);
	if (typed && first != nullptr)
		(void)tty_input(first, CBYTES_OF(byte), TTY_NORMAL);
	return line_find(3);
}
