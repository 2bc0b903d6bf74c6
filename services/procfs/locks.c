// SPDX-License-Identifier: MPL-2.0
/**
 * File locks as text: /proc/locks, and the lines of /proc/PID/fdinfo/N. Source: proc_locks(5), proc_pid_fdinfo(5).
 */
#include <file.h>

#include "proc_impl.h"

static void
put_lock(struct text *text, const struct file_lock_info *scoped lock)
{
	text_print(text, "{}: {}", lock->number, lock->waits ? TEXT("-> ") : TEXT(""));
	static const struct { u8 text[8]; } kinds[] = {
		[FILE_LOCK_POSIX] = { "POSIX  " }, [FILE_LOCK_OFD] = { "OFDLCK " }, [FILE_LOCK_FLOCK] = { "FLOCK  " }, [FILE_LOCK_LEASE] = { "LEASE  " },
	};
	text_put_string(text, CBYTES_OF(ELEM(kinds, lock->kind)->text));
	text_put_bytes(text, lock->kind != FILE_LOCK_LEASE ? TEXT("ADVISORY  ") : lock->breaking ? TEXT("BREAKING  ") : TEXT("ACTIVE    "));
	text_put_bytes(text, lock->unlocks ? TEXT("UNLCK ") : lock->write ? TEXT("WRITE ") : TEXT("READ "));
	text_put_signed(text, lock->kind == FILE_LOCK_OFD ? -1 : (i64)lock->pid);
	text_put_char(text, ' ');
	text_put_hex(text, lock->dev_major, 2);
	text_put_char(text, ':');
	text_put_hex(text, lock->dev_minor, 2);
	text_print(text, ":{} {} ", lock->ino, lock->start);
	if (lock->to_eof)
		text_put_bytes(text, TEXT("EOF\n"));
	else
		text_print(text, "{}\n", lock->end);
}

static void
locks_line(struct object *to, const struct file_lock_info *scoped lock)
{
	put_lock(text_from(to), lock);
}

static void
fdinfo_line(struct object *to, const struct file_lock_info *scoped lock)
{
	text_put_bytes(text_from(to), TEXT("lock:\t"));
	put_lock(text_from(to), lock);
}

err_t
show_locks(struct text *text, struct text_node *node)
{
	(void)node;
	file_locks_list(locks_line, text_object(text));
	return OK;
}

void
put_fd_locks(struct text *text, struct file *file, struct fd_table *files)
{
	file_locks_list_of(file, files, fdinfo_line, text_object(text));
}
