// SPDX-License-Identifier: MPL-2.0
/**
 * The console: the first serial port (16550), polled; and port access for io/.
 *
 * A service may acquire the port and drive it: then these lines, panics above all, come between its own. Whatever it sets there
 * costs text at worst.
 */
#include <cadre/boot.h>
#include <x86.h>

enum : u16 { UART_DATA, UART_INTERRUPTS, UART_FIFO, UART_LINE, UART_MODEM, UART_STATUS, UART_SCRATCH = 7 };
enum : u8 { STATUS_RECEIVED = 1, STATUS_SENT = 0x20, LINE_8N1 = 3, LINE_DIVISOR = 0x80, FIFO_ON = 7, MODEM_ON = 3 };
enum : u32 { SEND_TRIES = 100000 };
enum : u16 { DEBUG_PORT = 0xe9 };   /* reads as its own number where it is there */

static u32 uart_state, log_state;   /* [atomic] 0: not probed, 1: there, 2: not */

/** What a probe says, which is made at the first use. Two CPUs at once find the same. */
static bool
probed(u32 *state, bool (*probe)(void))
{
	u32 now = __atomic_load_n(state, __ATOMIC_RELAXED);
	if (now == 0) {
		now = probe() ? 1 : 2;
		__atomic_store_n(state, now, __ATOMIC_RELAXED);
	}
	return now == 1;
}

static bool
uart_probe(void)
{
	static const struct { u8 reg, value; } settings[] = {
		{ UART_INTERRUPTS, 0 }, { UART_LINE, LINE_DIVISOR }, { UART_DATA, 1 /* 115200 baud */ },
		{ UART_INTERRUPTS, 0 }, { UART_LINE, LINE_8N1 }, { UART_FIFO, FIFO_ON }, { UART_MODEM, MODEM_ON },
	};
	port_out8(X86_COM1 + UART_SCRATCH, 0x5a);
	bool there = port_in8(X86_COM1 + UART_SCRATCH) == 0x5a;
	for (u32 i = 0; there && i < COUNTOF(settings); i++)
		port_out8(X86_COM1 + settings[i].reg, settings[i].value);
	return there;
}

/** Whether log lines go to QEMU's debug port (-debugcon): the command line has log=debugcon, and the port answers. */
static bool
log_probe(void)
{
	u8 value[16];
	size_t len = 0;
	bool given = boot_option(TEXT("log"), BYTES_OF(value), &len);
	return given && cbytes_equal((struct cbytes){ value, MIN(len, sizeof(value)) }, TEXT("debugcon")) &&
	       port_in8(DEBUG_PORT) == DEBUG_PORT;
}

/** => a port that does not drain loses text rather than the machine its time. */
static void
uart_send(u8 byte)
{
	for (u32 i = 0; i < SEND_TRIES && (port_in8(X86_COM1 + UART_STATUS) & STATUS_SENT) == 0; i++)
		arch_pause();
	port_out8(X86_COM1 + UART_DATA, byte);
}

void
arch_console_write(const u8 *text, size_t len)
{
	if (!probed(&uart_state, uart_probe))
		return;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			uart_send('\r');
		uart_send(text[i]);
	}
}

void
arch_log_write(const u8 *text, size_t len)
{
	/* The command line is there once RAM is known. */
	if (boot_info.nram == 0 || !probed(&log_state, log_probe))
		return arch_console_write(text, len);
	for (size_t i = 0; i < len; i++)
		port_out8(DEBUG_PORT, text[i]);
}

bool
arch_console_read(u8 *out)
{
	if (!probed(&uart_state, uart_probe) || (port_in8(X86_COM1 + UART_STATUS) & STATUS_RECEIVED) == 0)
		return false;
	*out = port_in8(X86_COM1 + UART_DATA);
	return true;
}

bool
arch_has_ports(void)
{
	return true;
}

/* SAFETY (both): which ports may be touched is the caller's to check: io/port.c. */
u32
arch_port_read(u16 port, u32 size)
{
	return size == 1 ? port_in8(port) : size == 2 ? port_in16(port) : port_in32(port);
}

void
arch_port_write(u16 port, u32 size, u32 value)
{
	size == 1 ? port_out8(port, (u8)value) : size == 2 ? port_out16(port, (u16)value) : port_out32(port, value);
}
