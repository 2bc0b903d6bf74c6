// SPDX-License-Identifier: MPL-2.0
/**
 * The kernel's one error type. Values are Linux' errno numbers, positive; they are negated in one place, the system
 * call's return. Source: errno(3), asm-generic/errno-base.h and errno.h of the Linux UAPI.
 */
#pragma once

enum [[nodiscard]] err : int {
	OK = 0,
	EPERM = 1, ENOENT, ESRCH, EINTR, EIO, ENXIO, E2BIG, ENOEXEC, EBADF, ECHILD,
	EAGAIN, ENOMEM, EACCES, EFAULT, ENOTBLK, EBUSY, EEXIST, EXDEV, ENODEV, ENOTDIR,
	EISDIR, EINVAL, ENFILE, EMFILE, ENOTTY, ETXTBSY, EFBIG, ENOSPC, ESPIPE, EROFS,
	EMLINK, EPIPE, EDOM, ERANGE, EDEADLK, ENAMETOOLONG, ENOLCK, ENOSYS, ENOTEMPTY, ELOOP,
	ENOMSG = 42, EIDRM = 43, EBADFD = 77, ELIBACC = 79, ELIBBAD, EILSEQ = 84, EUSERS = 87, ENOTSOCK = 88, EDESTADDRREQ, EMSGSIZE, EPROTOTYPE,
	ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP, EPFNOSUPPORT, EAFNOSUPPORT,
	EADDRINUSE, EADDRNOTAVAIL, ENETDOWN, ENETUNREACH, ENETRESET, ECONNABORTED, ECONNRESET,
	ENOBUFS, EISCONN, ENOTCONN, ESHUTDOWN, ETOOMANYREFS, ETIMEDOUT, ECONNREFUSED, EHOSTDOWN,
	EHOSTUNREACH, EALREADY, EINPROGRESS, ESTALE, EDQUOT = 122, ECANCELED = 125, EOWNERDEAD = 130,
	ENOTRECOVERABLE = 131,
	ENODATA = 61, ETIME = 62, EPROTO = 71, EOVERFLOW = 75, ERESTART = 85,
	/* Never seen by a program: what a signal makes of the system call that it cut short (signal(7), "Interruption"). */
	ERESTARTSYS = 512, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK = 516,
};
typedef enum err err_t;

/** Returns from the calling function with the error of `call`, if it has one. */
#define TRY(call)                                                                                                      \
	do {                                                                                                           \
		err_t try_err_ = (call);                                                                               \
		if (__builtin_expect(try_err_ != OK, 0))                                                               \
			return try_err_;                                                                               \
	} while (0)
