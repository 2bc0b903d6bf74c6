// SPDX-License-Identifier: MPL-2.0
/**
 * The console: the first serial port (16550), polled; and port access for io/.
 */
#include <cadre/boot.h>
#include <x86.h>

enum : u16 { UART_DATA = 0, UART_INTERRUPTS = 1, UART_FIFO = 2, UART_LINE = 3, UART_MODEM = 4, UART_STATUS = 5, UART_SCRATCH = 7 };
enum : u8 { STATUS_RECEIVED = 1, STATUS_SENT = 0x20, LINE_8N1 = 3, LINE_DIVISOR = 0x80, FIFO_ON = 7, MODEM_ON = 3 };
enum : u32 { SEND_TRIES = 100000 };
enum : u16 { DEBUG_PORT = 0xe9 };   /* reads as its own number where it is there */

/** Probed at the first use: 1 there, 2 not. Two CPUs at once find the same. */
static u32 uart_state;   /* [atomic] */

static bool
uart_present(void)
{
	u32 state = __atomic_load_n(&uart_state, __ATOMIC_RELAXED);
	if (state == 0) {
		port_out8(X86_COM1 + UART_SCRATCH, 0x5a);
		state = port_in8(X86_COM1 + UART_SCRATCH) == 0x5a ? 1 : 2;
		__atomic_store_n(&uart_state, state, __ATOMIC_RELAXED);
		if (state == 1) {
			port_out8(X86_COM1 + UART_INTERRUPTS, 0);
			port_out8(X86_COM1 + UART_LINE, LINE_DIVISOR);
			port_out8(X86_COM1 + UART_DATA, 1);          /* 115200 baud */
			port_out8(X86_COM1 + UART_INTERRUPTS, 0);
			port_out8(X86_COM1 + UART_LINE, LINE_8N1);
			port_out8(X86_COM1 + UART_FIFO, FIFO_ON);
			port_out8(X86_COM1 + UART_MODEM, MODEM_ON);
		}
	}
	return state == 1;
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
	if (!uart_present())
		return;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\n')
			uart_send('\r');
		uart_send(text[i]);
	}
}

/** Whether log lines go to QEMU's debug port (-debugcon): the command line has log=debugcon, and the port answers. Probed once the command line is known. */
static bool
log_has_port(void)
{
	static u32 state;   /* [atomic] 0: not probed, 1: yes, 2: no */
	u32 now = __atomic_load_n(&state, __ATOMIC_RELAXED);
	if (now == 0 && boot_info.nram != 0) {
		u8 value[16];
		size_t len = 0;
		struct bytes text = BYTES_OF(value);
		bool asked = boot_option(TEXT("log"), text, &len) && len <= sizeof(value) &&
			cbytes_equal(bytes_const(bytes_sub(text, 0, len)), TEXT("debugcon"));
		now = asked && port_in8(DEBUG_PORT) == DEBUG_PORT ? 1 : 2;
		__atomic_store_n(&state, now, __ATOMIC_RELAXED);
	}
	return now == 1;
}

void
arch_log_write(const u8 *text, size_t len)
{
	if (!log_has_port())
		return arch_console_write(text, len);
	for (size_t i = 0; i < len; i++)
		port_out8(DEBUG_PORT, text[i]);
}

bool
arch_console_read(u8 *out)
{
	if (!uart_present() || (port_in8(X86_COM1 + UART_STATUS) & STATUS_RECEIVED) == 0)
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
	if (size == 1)
		port_out8(port, (u8)value);
	else if (size == 2)
		port_out16(port, (u16)value);
	else
		port_out32(port, value);
}
