// SPDX-License-Identifier: MPL-2.0
/**
 * The kernel log: levelled, typed, usable in every context.
 *
 * `log_info("cpu {}: {} MiB at {x}", cpu, mib, addr)`: each `{}` takes the next argument: an integer, a bool, a
 * `struct cbytes` (text) or an err_t; `{x}` prints an integer in hexadecimal with 0x, `{c}` as a character. Too few or
 * too many arguments do not compile; an unknown directive prints as it stands. Control characters in a text become
 * spaces, so that a line is always one line. Lines go to a ring (read by `log_read`) and, from the console level up, to
 * the console.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/slice.h>

enum log_level : u8 { LOG_ERROR = 3, LOG_WARN = 4, LOG_INFO = 6, LOG_DEBUG = 7 }; /* syslog(2) */

/** One argument of a log line. Made by the macros below, never by hand. */
struct SCOPED_TYPE log_arg {
	PRIVATE enum log_arg_kind : u8 { LOG_ARG_UNSIGNED, LOG_ARG_SIGNED, LOG_ARG_BOOL, LOG_ARG_TEXT } kind;
	PRIVATE u64 value;
	PRIVATE const u8 *text;
};

static inline struct log_arg log_arg_unsigned(u64 v) { return (struct log_arg){ LOG_ARG_UNSIGNED, v, nullptr }; }
static inline struct log_arg log_arg_signed(i64 v) { return (struct log_arg){ LOG_ARG_SIGNED, (u64)v, nullptr }; }
static inline struct log_arg log_arg_bool(bool v) { return (struct log_arg){ LOG_ARG_BOOL, v, nullptr }; }
static inline struct log_arg log_arg_text(struct cbytes v) { return (struct log_arg){ LOG_ARG_TEXT, v.len, v.ptr }; }
static inline struct log_arg log_arg_bytes(struct bytes v) { return (struct log_arg){ LOG_ARG_TEXT, v.len, v.ptr }; }

#define LOG_ARG_(x) _Generic((x),                                                                                      \
	u8: log_arg_unsigned, u16: log_arg_unsigned, u32: log_arg_unsigned, u64: log_arg_unsigned,                     \
	unsigned long long: log_arg_unsigned, char: log_arg_signed, i8: log_arg_signed, i16: log_arg_signed,           \
	int: log_arg_signed, i64: log_arg_signed, long long: log_arg_signed, bool: log_arg_bool,                       \
	struct cbytes: log_arg_text, struct bytes: log_arg_bytes)(x),

/* LOG_EACH_(a, b, c): LOG_ARG_ of each. Each scan of LOG_SCAN_, which makes 13, expands one more. */
#define LOG_EACH_(a, ...) LOG_ARG_(a) __VA_OPT__(LOG_AGAIN_ LOG_PARENS_ (__VA_ARGS__))
#define LOG_AGAIN_()      LOG_EACH_
#define LOG_PARENS_       ()
#define LOG_SCAN_(...)    LOG_SCAN3_(LOG_SCAN3_(LOG_SCAN3_(__VA_ARGS__)))
#define LOG_SCAN3_(...)   LOG_SCAN1_(LOG_SCAN1_(LOG_SCAN1_(__VA_ARGS__)))
#define LOG_SCAN1_(...)   __VA_ARGS__
/* The array has one unused element so that it is never empty. */
#define LOG_ARRAY_(...) ((const struct log_arg[]){ __VA_OPT__(LOG_SCAN_(LOG_EACH_(__VA_ARGS__))) { } })
#define LOG_NARGS_(...) ((u32)(sizeof(LOG_ARRAY_(__VA_ARGS__)) / sizeof(struct log_arg)) - 1)

/* Counts the directives of a format of up to 120 characters at compile time; in a longer one a directive without
 * argument prints `{?}`. */
#define LOG_FIND_(f, n, i)                                                                                             \
	((i) + 1 < (n) && (f)[i] == '{' &&                                                                             \
	 ((f)[(i) + 1] == '}' ||                                                                                       \
	  ((i) + 2 < (n) && (f)[(i) + 2] == '}' && ((f)[(i) + 1] == 'x' || (f)[(i) + 1] == 'c'))))
#define LOG_FIND3_(f, n, i)  (LOG_FIND_(f, n, i) + LOG_FIND_(f, n, (i) + 1) + LOG_FIND_(f, n, (i) + 2))
#define LOG_FIND12_(f, n, i)                                                                                           \
	(LOG_FIND3_(f, n, i) + LOG_FIND3_(f, n, (i) + 3) + LOG_FIND3_(f, n, (i) + 6) + LOG_FIND3_(f, n, (i) + 9))
#define LOG_FIND60_(f, n, i)                                                                                           \
	(LOG_FIND12_(f, n, i) + LOG_FIND12_(f, n, (i) + 12) + LOG_FIND12_(f, n, (i) + 24) +                            \
	 LOG_FIND12_(f, n, (i) + 36) + LOG_FIND12_(f, n, (i) + 48))
#define LOG_DIRECTIVES_(f, n) (LOG_FIND60_(f, n, 0) + LOG_FIND60_(f, n, 60))
PRIVATE static inline struct cbytes
log_format_(const char *format, size_t len, u32 nargs)
	__attribute__((diagnose_if(len <= 120 && (u32)LOG_DIRECTIVES_(format, len) != nargs,
	                           "the format wants another number of arguments", "error")))
{
	(void)nargs;
	return (struct cbytes){ (const u8 *)format, len };
}
#define LOG_FORMAT_(format, ...) log_format_("" format "", sizeof("" format "") - 1, LOG_NARGS_(__VA_ARGS__))

/** Writes one line. `format` is a literal; see the head of this file. => never sleeps or fails; long lines are cut. */
PRIVATE void log_print(enum log_level level, struct cbytes format, const struct log_arg *scoped args, u32 nargs);

/* The last three parameters of log_print and its like. */
#define LOG_LINE_(format, ...) LOG_FORMAT_(format, __VA_ARGS__), LOG_ARRAY_(__VA_ARGS__), LOG_NARGS_(__VA_ARGS__)
#define log_error(format, ...) log_print(LOG_ERROR, LOG_LINE_(format, __VA_ARGS__))
#define log_warn(format, ...)  log_print(LOG_WARN, LOG_LINE_(format, __VA_ARGS__))
#define log_info(format, ...)  log_print(LOG_INFO, LOG_LINE_(format, __VA_ARGS__))
#define log_debug(format, ...) log_print(LOG_DEBUG, LOG_LINE_(format, __VA_ARGS__))

/** Formats into dst as a log line would; returns the length of the whole text, of which dst has what fits. */
PRIVATE size_t format_print(struct bytes dst, struct cbytes format, const struct log_arg *scoped args, u32 nargs);
#define format_text(dst, format, ...) format_print((dst), LOG_LINE_(format, __VA_ARGS__))

/**
 * The log is one stream of lines "<level>[seconds.micros] cpuN: text"; the ring has the last 64 KiB of it, from a
 * line's start on. Copies log text from position *pos on (0 is the oldest) into dst, moves *pos past it, and returns
 * the length; 0 at the end. A position that has been overwritten moves to the oldest text still there.
 */
size_t log_read(u64 *scoped pos, struct bytes dst);

/** Lines at this level or more urgent also go to the console. */
void log_console_level(enum log_level level);

/** Writes bytes to the console as they are: the user's channel, not the log. => may spin while the device drains. */
void console_write(struct cbytes text);
/** Takes one byte that the console has received. => false where there is none. */
bool console_read(u8 *scoped out);

/** Stops the calling service: it has found its own state to be impossible. Contained; see <cadre/contain.h>. */
PRIVATE NORETURN void assert_trap(struct cbytes expression, struct cbytes file, u32 line);
#define assert(expression) ((expression) ? (void)0 : assert_trap(TEXT(#expression), TEXT(__FILE__), __LINE__))
