// SPDX-License-Identifier: MPL-2.0
/**
 * The trace of system calls: a line of the log a call, in strace's form, by the tables of syscall_table.h.
 *
 * `[7] openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC, 0) = 3`. What does not fit into a line is cut, the result is not.
 */
#include "syscall.h"
#include "syscall_table.h"
#include <cadre/log.h>
#include <cadre/vm_space.h>

enum : u32 {
	TRACE_LINE_MAX = 320,    /* a line of the log has 384, with its prefix */
	TRACE_ARGS_MAX = 230,    /* of them for the call, so that the result has room */
	TRACE_STRING_MAX = 160,  /* bytes of a string that are shown */
	TRACE_BYTES_MAX = 32,    /* bytes of a buffer that are shown */
};

/** A line in the making. */
struct trace_line {
	u8 text[TRACE_LINE_MAX];
	u32 len, limit;          /* len <= limit <= sizeof text */
};

/** A call that is traced. */
struct trace_call {
	u64 arg[6];
	bool done;               /* it has returned OK, with `result` */
	enum syscall_result_kind kind;
	u64 result;
};

/** Adds formatted text to `line`, a parameter; what does not fit is cut. */
#define trace_add(line, ...)                                                                                           \
	do {                                                                                                           \
		struct bytes trace_room = bytes_sub(BYTES_OF(line->text), line->len, line->limit - line->len);         \
		line->len += (u32)MIN(format_text(trace_room, __VA_ARGS__), bytes_len(trace_room));                    \
	} while (0)

static void
trace_octal(struct trace_line *scoped line, u64 value)
{
	trace_add(line, "0");
	bool begun = false;
	for (u32 shift = 66; shift > 0;) {
		shift -= 3;
		u32 digit = (u32)(value >> shift) & 7;
		begun = begun || digit != 0;
		if (begun)
			trace_add(line, "{}", digit);
	}
}

static void
trace_address(struct trace_line *scoped line, u64 at)
{
	if (at == 0)
		trace_add(line, "NULL");
	else
		trace_add(line, "{x}", at);
}

static void
trace_hex(struct trace_line *scoped line, u64 value)
{
	if (value == 0)
		trace_add(line, "0");
	else
		trace_add(line, "{x}", value);
}

/** Bytes between quotes, with C's escapes; octal ones have all three digits, so that a digit may follow. */
static void
trace_quoted(struct trace_line *scoped line, struct cbytes text, bool cut)
{
	trace_add(line, "\"");
	for (size_t i = 0; i < cbytes_len(text); i++) {
		u8 c = cbytes_get(text, i);
		if (c == '"' || c == '\\')
			trace_add(line, "\\{c}", c);
		else if (c >= ' ' && c <= '~')
			trace_add(line, "{c}", c);
		else if (c == '\n')
			trace_add(line, "\\n");
		else if (c == '\t')
			trace_add(line, "\\t");
		else if (c == '\r')
			trace_add(line, "\\r");
		else
			trace_add(line, "\\{}{}{}", (u32)c >> 6, (u32)c >> 3 & 7, (u32)c & 7);
	}
	trace_add(line, "\"");
	if (cut)
		trace_add(line, "...");
}

/** User memory can be read: there is some. */
static bool
trace_readable(u64 at)
{
	return at != 0 && vm_space_current() != nullptr;
}

static void
trace_string(struct trace_line *scoped line, u64 at)
{
	u8 text[TRACE_STRING_MAX] = {};
	size_t len = 0;
	err_t err = trace_readable(at) ? user_read_string(BYTES_OF(text), UADDR(at), &len) : EFAULT;
	if (err != OK && err != ENAMETOOLONG)
		return trace_address(line, at);
	trace_quoted(line, cbytes_sub(CBYTES_OF(text), 0, len), err != OK);
}

/** Up to `len` bytes from `at`. */
static void
trace_bytes(struct trace_line *scoped line, u64 at, u64 len)
{
	u8 text[TRACE_BYTES_MAX] = {};
	size_t shown = MIN(len, sizeof(text)), done = 0;
	if (!trace_readable(at) || user_read(bytes_sub(BYTES_OF(text), 0, shown), UADDR(at), &done) != OK)
		return trace_address(line, at);
	trace_quoted(line, cbytes_sub(CBYTES_OF(text), 0, shown), shown < len);
}

/** The two words of a struct timespec or timeval. */
static void
trace_time(struct trace_line *scoped line, u64 at, struct cbytes fraction)
{
	struct { i64 sec, frac; } time = {};
	size_t done = 0;
	if (!trace_readable(at) || user_read(BYTES_OF(time), UADDR(at), &done) != OK)
		return trace_address(line, at);
	trace_add(line, "{tv_sec={}, {}={}}", time.sec, fraction, time.frac);
}

static void
trace_number(struct trace_line *scoped line, const struct syscall_name_set *set, u64 value)
{
	if (!set->is_signed)
		trace_hex(line, value);
	else if (set->wide)
		trace_add(line, "{}", (i64)value);
	else
		trace_add(line, "{}", (i32)value);
}

/** A value by the names of a set. An entry takes its bits away from those behind it. */
static void
trace_names(struct trace_line *scoped line, u32 index, u64 word)
{
	const struct syscall_name_set *set = ELEM(syscall_name_sets, index);
	u64 value = set->wide ? word : (u32)word, rest = value, taken = 0;
	bool any = false;
	for (u32 i = 0; i < set->count && (set->bits || !any); i++) {
		const struct syscall_name *name = ELEM(syscall_names, set->first + i);
		if ((name->mask & taken) != 0 || (value & name->mask) != name->value)
			continue;
		if (any)
			trace_add(line, "|");
		trace_add(line, "{}", cbytes_sub(CBYTES_OF(name->name), 0, name->name_len));
		any = true;
		taken |= name->mask;
		rest &= ~name->mask;
	}
	if (any && rest != 0)
		trace_add(line, "|{x}", rest);
	else if (!any && set->bits)
		trace_hex(line, value);
	else if (!any)
		trace_number(line, set, value);
}

/** Bytes that the call has filled: as many as its result says, where that is a number of them. */
static void
trace_out(struct trace_line *scoped line, const struct trace_call *scoped call, u64 at, u64 size)
{
	bool sized = call->kind == SYSCALL_RESULT_SIZE || call->kind == SYSCALL_RESULT_INT;
	if (!call->done || !sized)
		return trace_address(line, at);
	trace_bytes(line, at, MIN(call->result, size));
}

/** The length that follows an argument of bytes; an i32 that is negative is no length. */
static u64
trace_length(const struct syscall_info *info, const struct trace_call *scoped call, u32 i)
{
	if (i + 1 >= info->nargs)
		return 0;
	const struct syscall_arg *arg = ELEM(info->args, i + 1);
	u64 value = call->arg[i + 1];
	if (arg->kind == SYSCALL_ARG_INT)
		return (i32)value > 0 ? (u32)value : 0;
	return arg->kind == SYSCALL_ARG_UINT ? (u32)value : value;
}

static void
trace_arg(struct trace_line *scoped line, const struct syscall_info *info, const struct trace_call *scoped call, u32 i)
{
	const struct syscall_arg *arg = ELEM(info->args, i);
	u64 value = call->arg[i];
	switch (arg->kind) {
	case SYSCALL_ARG_INT: trace_add(line, "{}", (i32)value); break;
	case SYSCALL_ARG_UINT: trace_add(line, "{}", (u32)value); break;
	case SYSCALL_ARG_LONG: trace_add(line, "{}", (i64)value); break;
	case SYSCALL_ARG_ULONG: trace_add(line, "{}", value); break;
	case SYSCALL_ARG_HEX32: trace_hex(line, (u32)value); break;
	case SYSCALL_ARG_HEX: trace_hex(line, value); break;
	case SYSCALL_ARG_MODE: trace_octal(line, (u32)value); break;
	case SYSCALL_ARG_ID:
		if ((u32)value == ~(u32)0)
			trace_add(line, "-1");
		else
			trace_add(line, "{}", (u32)value);
		break;
	case SYSCALL_ARG_DIRFD:
		if ((i32)value == -100)
			trace_add(line, "AT_FDCWD");
		else
			trace_add(line, "{}", (i32)value);
		break;
	case SYSCALL_ARG_NAMES: trace_names(line, arg->names, value); break;
	case SYSCALL_ARG_STRING: trace_string(line, value); break;
	case SYSCALL_ARG_IN: trace_bytes(line, value, trace_length(info, call, i)); break;
	case SYSCALL_ARG_OUT: trace_out(line, call, value, trace_length(info, call, i)); break;
	case SYSCALL_ARG_TIMESPEC: trace_time(line, value, TEXT("tv_nsec")); break;
	case SYSCALL_ARG_TIMEVAL: trace_time(line, value, TEXT("tv_usec")); break;
	default: trace_address(line, value); break;
	}
}

/** `[tid] name(arguments`; the parenthesis is left open. */
static void
trace_call(struct trace_line *scoped line, u32 tid, u64 number, const struct syscall_info *info, const struct trace_call *scoped call)
{
	line->limit = TRACE_ARGS_MAX;
	if (info == nullptr || info->name_len == 0) {
		trace_add(line, "[{}] syscall_{}({x}, {x}, {x}, {x}, {x}, {x}", tid, number, call->arg[0], call->arg[1], call->arg[2],
		          call->arg[3], call->arg[4], call->arg[5]);
	} else {
		trace_add(line, "[{}] {}(", tid, cbytes_sub(CBYTES_OF(info->name), 0, info->name_len));
		for (u32 i = 0; i < info->nargs; i++) {
			if (i > 0)
				trace_add(line, ", ");
			trace_arg(line, info, call, i);
		}
	}
	line->limit = TRACE_LINE_MAX;
}

static void
trace_result(struct trace_line *scoped line, enum syscall_result_kind kind, u64 result)
{
	switch (kind) {
	case SYSCALL_RESULT_NONE: trace_add(line, ") = 0"); break;
	case SYSCALL_RESULT_INT:
	case SYSCALL_RESULT_FD:
	case SYSCALL_RESULT_PID: trace_add(line, ") = {}", (i32)result); break;
	case SYSCALL_RESULT_PTR: trace_add(line, ") = {x}", result); break;
	default: trace_add(line, ") = {}", (i64)result); break;
	}
}

static void
trace_error(struct trace_line *scoped line, err_t err)
{
	u32 number = (u32)err;
	if (number >= ERRNO_LIMIT) {
		trace_add(line, ") = -1 errno {}", number);
		return;
	}
	const struct errno_name *name = ELEM(errno_names, number);
	trace_add(line, ") = -1 {} ({})", cbytes_sub(CBYTES_OF(name->name), 0, name->name_len),
	          cbytes_sub(CBYTES_OF(name->text), 0, name->text_len));
}

static const struct syscall_info *
trace_info(u64 number)
{
	return number < SYSCALL_LIMIT ? ELEM(syscall_infos, number) : nullptr;
}

static void
trace_log(const struct trace_line *scoped line)
{
	log_info("{}", cbytes_sub(CBYTES_OF(line->text), 0, line->len));
}

void
syscall_trace_enter(u32 tid, u64 number, const struct syscall_args *scoped args)
{
	const struct syscall_info *info = trace_info(number);
	if (info == nullptr || !info->enter)
		return;
	struct trace_line line = {};
	struct trace_call call = { .kind = info->result };
	for (u32 i = 0; i < COUNTOF(call.arg); i++)
		call.arg[i] = args->arg[i];
	trace_call(&line, tid, number, info, &call);
	struct trace_line *whole = &line;
	trace_add(whole, " <unfinished ...>");
	trace_log(&line);
}

void
syscall_trace_exit(u32 tid, u64 number, const struct syscall_args *scoped args, err_t err, u64 result)
{
	const struct syscall_info *info = trace_info(number);
	struct trace_line line = {};
	struct trace_call call = { .done = err == OK, .kind = info == nullptr ? SYSCALL_RESULT_LONG : info->result, .result = result };
	for (u32 i = 0; i < COUNTOF(call.arg); i++)
		call.arg[i] = args->arg[i];
	trace_call(&line, tid, number, info, &call);
	if (err == OK)
		trace_result(&line, call.kind, result);
	else
		trace_error(&line, err);
	trace_log(&line);
}
