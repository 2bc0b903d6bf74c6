// SPDX-License-Identifier: MPL-2.0
/**
 * Tables about system calls, made from syscalls.tbl and names.tbl: what a trace, or /proc, can know of a call without its handler.
 *
 * All are constant. Names are arrays of bytes with their length, since Safe C does not index strings.
 */
#pragma once

#include <cadre/types.h>
#include <syscall_names.h>

enum : u32 { ERRNO_LIMIT = 134 };

/** How an argument is printed. */
enum syscall_arg_kind : u8 {
	SYSCALL_ARG_INT, SYSCALL_ARG_UINT, SYSCALL_ARG_LONG, SYSCALL_ARG_ULONG,   /**< decimal, of 32 or 64 bits */
	SYSCALL_ARG_HEX32, SYSCALL_ARG_HEX,
	SYSCALL_ARG_MODE,       /**< octal */
	SYSCALL_ARG_ID,         /**< u32, all ones is -1 */
	SYSCALL_ARG_DIRFD,
	SYSCALL_ARG_NAMES,      /**< by the set `names` */
	SYSCALL_ARG_POINTER,
	SYSCALL_ARG_STRING,
	SYSCALL_ARG_IN,         /**< bytes, as many as the next argument says */
	SYSCALL_ARG_OUT,        /**< bytes, at most as many as the next argument says, and as the result says */
	SYSCALL_ARG_TIMESPEC, SYSCALL_ARG_TIMEVAL,
};

enum syscall_result_kind : u8 {
	SYSCALL_RESULT_NONE, SYSCALL_RESULT_INT, SYSCALL_RESULT_FD, SYSCALL_RESULT_PID, SYSCALL_RESULT_SIZE, SYSCALL_RESULT_LONG,
	SYSCALL_RESULT_PTR,
};

struct syscall_arg {
	enum syscall_arg_kind kind;
	u8 names;               /**< index of a name set */
};

struct syscall_info {
	u8 name[24];
	u8 name_len;            /**< 0: no such call */
	u8 nargs;
	enum syscall_result_kind result;
	bool enter;             /**< traced at its entry as well */
	struct syscall_arg args[6];
};

/** By number. */
extern const struct syscall_info syscall_infos[SYSCALL_LIMIT];

/** Names for the values of an argument: syscall_names[first .. first + count). */
struct syscall_name_set {
	u16 first, count;
	bool bits;              /**< all entries that match, not the first */
	bool wide;              /**< 64 bits */
	bool is_signed;
};
extern const struct syscall_name_set syscall_name_sets[SYSCALL_NAME_SETS];

struct syscall_name {
	u64 value, mask;        /**< matches x where (x & mask) == value */
	u8 name_len;
	u8 name[52];
};
extern const struct syscall_name syscall_names[SYSCALL_NAMES];

struct errno_name {
	u8 name_len, text_len;  /**< 0: no such number */
	u8 name[16];
	u8 text[56];
};

/** By error number. */
extern const struct errno_name errno_names[ERRNO_LIMIT];
