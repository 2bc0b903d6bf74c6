// SPDX-License-Identifier: MPL-2.0
/** Registers of the 16550. Source: National Semiconductor PC16550D data sheet. */
#pragma once

#include <cadre/types.h>

enum uart_register : u32 { UART_DATA = 0, UART_IER = 1, UART_IIR = 2, UART_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5, UART_MSR = 6, UART_SCRATCH = 7, UART_PORTS = 8 };
enum uart_ier : u8 { IER_RECEIVED = 1, IER_SENT = 2, IER_LINE = 4, IER_MODEM = 8 };
enum uart_iir : u8 { IIR_NONE = 1 };
enum uart_fcr : u8 { FCR_ON = 1, FCR_CLEAR_RECEIVE = 2, FCR_CLEAR_SEND = 4, FCR_TRIGGER_8 = 0x80 };
enum uart_lcr : u8 { LCR_STOP2 = 4, LCR_PARITY = 8, LCR_EVEN = 0x10, LCR_STICK = 0x20, LCR_BREAK = 0x40, LCR_DIVISOR = 0x80 };
enum uart_mcr : u8 { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8 /* lets interrupts through */, MCR_LOOP = 0x10 };
enum uart_lsr : u8 { LSR_RECEIVED = 1, LSR_OVERRUN = 2, LSR_PARITY = 4, LSR_FRAME = 8, LSR_BREAK = 0x10, LSR_SENT = 0x20 /* the FIFO is empty */, LSR_IDLE = 0x40 };
enum uart_msr : u8 { MSR_DELTA_CTS = 1, MSR_DELTA_DSR = 2, MSR_DELTA_RI = 4, MSR_DELTA_CD = 8, MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_CD = 0x80 };
enum : u32 { UART_FIFO = 16, UART_CLOCK = 115200 };
