// SPDX-License-Identifier: MPL-2.0
// The host's terminal, raw while the machine has it, and as it was when the program ends, however it ends.
#include <hosted.h>

enum : u64 { TCGETS = 0x5401, TCSETS = 0x5402 };
enum : u32 {
	IFLAGS = 0x5eb,   /* IGNBRK BRKINT PARMRK ISTRIP INLCR IGNCR ICRNL IXON */
	LFLAGS = 0x804b,  /* ISIG ICANON ECHO ECHONL IEXTEN */
	OPOST = 1,
};

struct termios { u32 iflag, oflag, cflag, lflag; u8 line, cc[19]; };   /* of the ABI */

static struct termios saved;   /* [const] once `raw` is set */
static u32 raw;                /* [atomic] */

[[clang::disable_sanitizer_instrumentation]] static void
end_handler(int signal, void *info, u64 *context)
{
	(void)info, (void)context;
	hosted_terminal_restore();
	HOST_CALL(HOST_EXIT_GROUP, 128 + signal);
}

void
hosted_terminal_raw(void)
{
	static const int ends[] = { HOST_SIGHUP, HOST_SIGINT, HOST_SIGQUIT, HOST_SIGTERM };
	if (HOST_CALL(HOST_IOCTL, 0, TCGETS, &saved) != 0)
		return;
	struct termios settings = saved;
	settings.iflag &= ~IFLAGS;
	settings.oflag &= ~OPOST;
	settings.lflag &= ~LFLAGS;
	settings.cc[6] = 1;   /* VMIN */
	settings.cc[5] = 0;   /* VTIME */
	for (u32 i = 0; i < COUNTOF(ends); i++)
		hosted_handler_set(ends[i], end_handler, 0);
	__atomic_store_n(&raw, 1, __ATOMIC_SEQ_CST);
	HOST_CALL(HOST_IOCTL, 0, TCSETS, &settings);
}

void
hosted_terminal_restore(void)
{
	if (__atomic_exchange_n(&raw, 0, __ATOMIC_SEQ_CST) != 0)
		HOST_CALL(HOST_IOCTL, 0, TCSETS, &saved);
}
