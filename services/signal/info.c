// SPDX-License-Identifier: MPL-2.0
/**
 * siginfo_t as programs have it: which member of its union a signal uses, by its code and number.
 *
 * Source: sigaction(2), "The siginfo_t argument to a SA_SIGINFO handler"; asm-generic/siginfo.h of the Linux UAPI.
 */
#include "signal_impl.h"

static u64
words(u32 low, u32 high)
{
	return (u64)low | (u64)high << 32;
}

/** Codes above 0 that the kernel gives for this signal describe a fault at an address. */
static bool
is_fault(const struct signal_info *scoped info)
{
	return info->code > 0 && info->code < SI_KERNEL && info->number != SIGSYS && sigset_has(SIGSET_SYNCHRONOUS, info->number);
}

struct signal_user_info
signal_info_pack(const struct signal_info *scoped info)
{
	struct signal_user_info out = { .number = (i32)info->number, .error = info->error, .code = info->code };
	if (info->is_raw) {
		for (u32 i = 0; i < COUNTOF(info->raw); i++)
			out.payload[i] = info->raw[i];
		return out;
	}
	out.payload[0] = words(info->pid, info->uid);
	if (info->code == SI_TIMER) {
		out.payload[0] = words((u32)info->timer, (u32)info->overrun);
		out.payload[1] = info->value;
	} else if (info->code == SI_QUEUE || info->code == SI_MESGQ || info->code == SI_ASYNCIO) {
		out.payload[1] = info->value;
	} else if (is_fault(info)) {
		out.payload[0] = info->address;
	} else if (info->number == SIGCHLD && info->code > 0 && info->code != SI_KERNEL) {
		out.payload[1] = words((u32)info->status, 0);
		out.payload[2] = info->utime;
		out.payload[3] = info->stime;
	} else if (info->code == SI_SIGIO || (info->code > 0 && info->code != SI_KERNEL && info->number != SIGSYS && info->fd >= 0 && info->band != 0)) {
		out.payload[0] = (u64)(i64)info->band;
		out.payload[1] = words((u32)info->fd, 0);
	} else if (info->number == SIGSYS && info->code > 0 && info->code != SI_KERNEL) {
		out.payload[0] = info->address;
		out.payload[1] = info->value;
	}
	return out;
}

/** Whether the kernel knows what siginfo of this code holds: then what lies beyond is not looked at. */
static bool
is_known(u32 number, i32 code)
{
	static const u8 limits[SIGNAL_MAX + 1] = {
		[SIGILL] = 11, [SIGFPE] = 15, [SIGSEGV] = 10, [SIGBUS] = 5, [SIGTRAP] = 6, [SIGCHLD] = 6, [SIGIO] = 6, [SIGSYS] = 2,
	};
	enum : i32 { POLL_CODES = 6, SI_DETHREAD = -7, SI_ASYNCNL = -60 };
	if (code == SI_KERNEL || code == SI_ASYNCNL)
		return true;
	if (code <= SI_USER)
		return code >= SI_DETHREAD;
	u32 limit = number <= SIGNAL_MAX ? limits[number] : 0;
	return code <= (i32)(limit != 0 ? limit : POLL_CODES);
}

err_t
signal_info_read(uaddr_t from, u32 number, struct signal_info *scoped info)
{
	struct signal_user_info user = {};
	u64 beyond = 0;
	TRY(copy_in_value(user, from));
	for (u32 i = COUNTOF(info->raw); i < COUNTOF(user.payload); i++)
		beyond |= user.payload[i];
	if (beyond != 0 && !is_known((u32)user.number, user.code))
		return E2BIG;
	*info = (struct signal_info){ .number = number, .code = user.code, .error = user.error, .is_raw = true, .given_number = (u32)user.number };
	for (u32 i = 0; i < COUNTOF(info->raw); i++)
		info->raw[i] = user.payload[i];
	/* Where signalfd looks; what was given stands in `raw`. */
	info->pid = (u32)user.payload[0];
	info->uid = (u32)(user.payload[0] >> 32);
	info->value = user.payload[1];
	return OK;
}
