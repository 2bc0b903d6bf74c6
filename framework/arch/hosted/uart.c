// SPDX-License-Identifier: MPL-2.0
/**
 * The machine's serial ports: 16550s whose lines are descriptors of the host.
 *
 * What the driver sends gathers in `sent` and goes out a buffer at a time, at the latest when the CPU goes to user mode or idles. One host
 * thread reads what comes, and writes what the host did not take at once; it raises the interrupt as the chip would.
 * Source: PC16550D data sheet (TI, SNLS378).
 */
#include <hosted.h>
#include <boot/boot.h>
#include <arch/string.h>

enum : u32 { UARTS = 4, REGISTERS = 8, SENT_MAX = 4096, RECEIVED_MAX = 4096, FIFO = 16 };
enum uart_register : u32 { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH };
enum : u8 {
	IER_RECEIVED = 1, IER_SENT = 2, IIR_NONE = 1, IIR_SENT = 2, IIR_RECEIVED = 4, IIR_FIFO = 0xc0, LCR_DIVISOR = 0x80, MCR_OUT2 = 8,
	LSR_RECEIVED = 1, LSR_SENT = 0x60, MSR_CONNECTED = 0xb0, FCR_CLEAR_RECEIVED = 2, FCR_CLEAR_SENT = 4,
};

static const struct { u16 base; u8 gsi; } places[UARTS] = { { 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 } };

static struct uart {
	u32 lock;                          /* [atomic] taken with interrupts off */
	int in, out;                       /* descriptors, or -1: nothing comes, what is sent is gone. Under lock: */
	bool present, blocked, sent_event, line;   /* blocked: the host's thread waits to write; line: the interrupt's level */
	u8 ier, lcr, mcr, scratch, divisor[2];
	u32 nsent, head, tail;             /* received: [tail, head), modulo RECEIVED_MAX */
	u8 sent[SENT_MAX], received[RECEIVED_MAX];
} uarts[UARTS];

static u32 unflushed;                      /* [atomic] ports with bytes in `sent`, a bit each */
static int wake_fd = -1;                   /* [const] an event that makes the thread look again */
static bool any_present;                   /* [const] */

static u64
uart_lock(struct uart *uart)
{
	u64 flags = arch_irq_save();
	while (__atomic_exchange_n(&uart->lock, 1, __ATOMIC_ACQUIRE) != 0)
		sched_yield();
	return flags;
}

/** The interrupt as it stands now. An edge of its own for each reason that comes up, as the driver of a shared line needs it. */
static void
uart_unlock(struct uart *uart, u64 flags)
{
	bool wanted = ((uart->ier & IER_RECEIVED) != 0 && uart->head != uart->tail) || ((uart->ier & IER_SENT) != 0 && uart->sent_event);
	bool edge = wanted && !uart->line && (uart->mcr & MCR_OUT2) != 0;
	uart->line = wanted;
	__atomic_store_n(&uart->lock, 0, __ATOMIC_RELEASE);
	arch_irq_restore(flags);
	if (edge)
		hosted_raise_irq(places[uart - uarts].gsi);
}

static void
thread_wake(void)
{
	u64 one = 1;
	HOST_CALL(HOST_WRITE, wake_fd, &one, sizeof(one));
}

static bool
host_ready(int fd, short events, int wait_ms)
{
	struct { int fd; short events, got; } poll = { .fd = fd, .events = events };
	return HOST_CALL(HOST_POLL, &poll, 1, wait_ms) == 1;
}

/** Sends what the host takes without waiting; where runs are seeded there is no thread to send the rest. At most a page at a time: so much fits in a pipe that is ready. */
static void
flush_locked(struct uart *uart)
{
	if (hosted_seeded)
		seeded_event(TEXT("sent"), (const u64[]){ (u64)(uart - uarts), uart->nsent, seeded_digest(uart->sent, uart->nsent) }, 3);
	while (uart->nsent > 0 && uart->out >= 0) {
		if (!host_ready(uart->out, HOST_POLLOUT, hosted_seeded ? -1 : 0)) {
			if (hosted_seeded)
				continue;
			uart->blocked = true;
			thread_wake();
			return;
		}
		long n = HOST_CALL(HOST_WRITE, uart->out, uart->sent, uart->nsent);
		if (n == -HOST_EINTR || n == -HOST_EAGAIN)
			continue;
		if (n <= 0)
			uart->out = -1;   /* its reader is gone */
		else
			memmove(uart->sent, uart->sent + n, uart->nsent -= (u32)n);
	}
	uart->nsent = 0;
	uart->blocked = false;
	__atomic_fetch_and(&unflushed, ~(1u << (uart - uarts)), __ATOMIC_RELAXED);
}

void
hosted_uart_flush(void)
{
	for (u32 ports = __atomic_load_n(&unflushed, __ATOMIC_RELAXED); ports != 0; ports &= ports - 1) {
		struct uart *uart = &uarts[__builtin_ctz(ports)];
		u64 flags = uart_lock(uart);
		if (!uart->blocked)
			flush_locked(uart);
		uart_unlock(uart, flags);
	}
}

/* --- registers --- */

static bool
takes_more(const struct uart *uart)
{
	return uart->nsent + FIFO <= SENT_MAX;
}

static void
send_locked(struct uart *uart, u8 byte)
{
	if (uart->nsent == SENT_MAX)
		return;   /* overrun */
	uart->sent[uart->nsent++] = byte;
	__atomic_fetch_or(&unflushed, 1u << (uart - uarts), __ATOMIC_RELAXED);
	if (!takes_more(uart) && !uart->blocked)
		flush_locked(uart);
	uart->sent_event = takes_more(uart);
	uart->line = false;
}

static u8
receive_locked(struct uart *uart)
{
	if (uart->head == uart->tail)
		return 0;
	if (uart->head - uart->tail == RECEIVED_MAX)
		thread_wake();
	return uart->received[uart->tail++ % RECEIVED_MAX];
}

/** What the interrupt is for; reading that the transmitter is empty takes this reason back. */
static u8
reason_locked(struct uart *uart)
{
	if ((uart->ier & IER_RECEIVED) != 0 && uart->head != uart->tail)
		return IIR_RECEIVED;
	bool sent = (uart->ier & IER_SENT) != 0 && uart->sent_event;
	uart->sent_event = false;
	return sent ? IIR_SENT : IIR_NONE;
}

static u8
read_locked(struct uart *uart, enum uart_register reg)
{
	bool divisor = (uart->lcr & LCR_DIVISOR) != 0;
	switch (reg) {
	case DATA: return divisor ? uart->divisor[0] : receive_locked(uart);
	case IER: return divisor ? uart->divisor[1] : uart->ier;
	case IIR: return IIR_FIFO | reason_locked(uart);
	case LCR: return uart->lcr;
	case MCR: return uart->mcr;
	case LSR: return (uart->head != uart->tail ? LSR_RECEIVED : 0) | (takes_more(uart) ? LSR_SENT : 0);
	case MSR: return MSR_CONNECTED;
	case SCRATCH: return uart->scratch;
	}
	return 0xff;
}

static void
fifo_control_locked(struct uart *uart, u8 value)
{
	if ((value & FCR_CLEAR_RECEIVED) != 0)
		uart->tail = uart->head;
	if ((value & FCR_CLEAR_SENT) != 0)
		uart->nsent = 0;
}

static void
write_locked(struct uart *uart, enum uart_register reg, u8 value)
{
	bool divisor = (uart->lcr & LCR_DIVISOR) != 0;
	if (divisor && reg <= IER) {
		uart->divisor[reg] = value;
		return;
	}
	switch (reg) {
	case DATA: send_locked(uart, value); break;
	case IER:
		/* Switched on while it is empty, the transmitter says so at once. */
		uart->sent_event |= (value & ~uart->ier & IER_SENT) != 0 && takes_more(uart);
		uart->ier = value & 15;
		break;
	case IIR: fifo_control_locked(uart, value); break;
	case LCR: uart->lcr = value; break;
	case MCR: uart->mcr = value; break;
	case SCRATCH: uart->scratch = value; break;
	case LSR: case MSR: break;
	}
}

static struct uart *
uart_at(u16 port)
{
	for (u32 i = 0; i < UARTS; i++)
		if (uarts[i].present && port >= places[i].base && port < places[i].base + REGISTERS)
			return &uarts[i];
	return nullptr;
}

u32
arch_port_read(u16 port, u32 size)
{
	struct uart *uart = size == 1 ? uart_at(port) : nullptr;
	if (uart == nullptr)
		return ~(u32)0;
	u64 flags = uart_lock(uart);
	u8 value = read_locked(uart, port % REGISTERS);
	uart_unlock(uart, flags);
	return value;
}

void
arch_port_write(u16 port, u32 size, u32 value)
{
	struct uart *uart = size == 1 ? uart_at(port) : nullptr;
	if (uart == nullptr)
		return;
	u64 flags = uart_lock(uart);
	write_locked(uart, port % REGISTERS, (u8)value);
	uart_unlock(uart, flags);
}

bool arch_has_ports(void) { return any_present; }
bool arch_sensitive_ports(u32 index, u32 *start, u32 *end) { (void)index, (void)start, (void)end; return false; }

/* --- the framework's own console: the first port, else the standard streams --- */

void
arch_console_write(const u8 *text, size_t len)
{
	u64 flags = arch_irq_save();
	hosted_uart_flush();
	hosted_write(any_present ? uarts[0].out : 1, text, len);
	arch_irq_restore(flags);
}

bool
arch_console_read(u8 *out)
{
	if (!any_present)
		return host_ready(0, HOST_POLLIN, 0) && HOST_CALL(HOST_READ, 0, out, 1) == 1;
	u64 flags = uart_lock(&uarts[0]);
	bool got = uarts[0].head != uarts[0].tail;
	*out = receive_locked(&uarts[0]);
	uart_unlock(&uarts[0], flags);
	return got;
}

/* --- the host's side --- */

struct poll_entry { int fd; short events, got; };

static void
receive_from_host(struct uart *uart)
{
	u8 bytes[512];
	u64 flags = uart_lock(uart);
	u32 room = RECEIVED_MAX - (uart->head - uart->tail);
	uart_unlock(uart, flags);
	long n = room == 0 ? 0 : HOST_CALL(HOST_READ, uart->in, bytes, MIN(room, (u32)sizeof(bytes)));
	if (hosted_seeded && n > 0 && HOST_CALL(HOST_LSEEK, uart->in, 0, 1) < 0)
		seeded_parted("input that is no file's");
	flags = uart_lock(uart);
	if (room > 0 && n <= 0 && n != -HOST_EINTR && n != -HOST_EAGAIN)
		uart->in = -1;
	for (long i = 0; i < n; i++)
		uart->received[uart->head++ % RECEIVED_MAX] = bytes[i];
	uart_unlock(uart, flags);
}

static void
send_to_host(struct uart *uart)
{
	u64 flags = uart_lock(uart);
	flush_locked(uart);
	uart->sent_event = takes_more(uart);
	uart_unlock(uart, flags);
}

/** What the thread waits for on behalf of one port: input, room to write. */
static void
poll_fill(struct uart *uart, struct poll_entry entries[2])
{
	u64 flags = uart_lock(uart);
	bool room = uart->head - uart->tail < RECEIVED_MAX;
	entries[0] = (struct poll_entry){ .fd = uart->present && room ? uart->in : -1, .events = HOST_POLLIN };
	entries[1] = (struct poll_entry){ .fd = uart->present && uart->blocked ? uart->out : -1, .events = HOST_POLLOUT };
	uart_unlock(uart, flags);
}

static void *
uart_thread(void *unused)
{
	struct poll_entry entries[1 + 2 * UARTS] = { { .fd = wake_fd, .events = HOST_POLLIN } };
	u64 count;
	(void)unused;
	for (;;) {
		for (u32 i = 0; i < UARTS; i++)
			poll_fill(&uarts[i], entries + 1 + 2 * i);
		HOST_CALL(HOST_POLL, entries, COUNTOF(entries), -1);
		if (entries[0].got != 0)
			HOST_CALL(HOST_READ, wake_fd, &count, sizeof(count));
		for (u32 i = 0; i < UARTS; i++) {
			if (entries[1 + 2 * i].got != 0)
				receive_from_host(&uarts[i]);
			if (entries[2 + 2 * i].got != 0)
				send_to_host(&uarts[i]);
		}
	}
}

bool
hosted_uart_receive(int wait_ms)
{
	struct poll_entry entries[2 * UARTS];
	for (u32 i = 0; i < UARTS; i++)
		poll_fill(&uarts[i], entries + 2 * i);
	bool any = false;
	for (u32 i = 0; i < UARTS; i++)
		any |= entries[2 * i].fd >= 0;
	long ready = !any ? 0 : HOST_CALL(HOST_POLL, entries, COUNTOF(entries), wait_ms);
	if (ready <= 0)
		return ready == -HOST_EINTR;
	for (u32 i = 0; i < UARTS; i++)
		if (entries[2 * i].got != 0)
			receive_from_host(&uarts[i]);
	return true;
}

bool
hosted_uart_add(int in, int out)
{
	for (u32 i = 0; i < UARTS; i++) {
		if (uarts[i].present)
			continue;
		uarts[i] = (struct uart){ .present = true, .in = in, .out = out };
		any_present = true;
		return true;
	}
	return false;
}

void
hosted_uart_start(void)
{
	if (!any_present || hosted_seeded)
		return;
	wake_fd = (int)HOST_CALL(HOST_EVENTFD2, 0, 0);
	hosted_host_thread(uart_thread, nullptr);
}
