// SPDX-License-Identifier: MPL-2.0
/**
 * Copying to and from the running thread's memory: one call of the framework where all is present; faults are served as they come.
 */
#include <vm_impl.h>

/** Serves the fault at `at`, so that the copy can go on. => EFAULT */
static err_t
user_fault(uaddr_t at, enum user_access access)
{
	struct vm_map *map = map_current();
	struct vm_fault fault = {};
	return map != nullptr && vm_map_fault(map, at, access, &fault) == OK ? OK : EFAULT;
}

err_t
copy_in(struct bytes dst, uaddr_t from)
{
	for (size_t at = 0, done = 0;; at += done) {
		if (user_read(bytes_from(dst, at), UADDR(from.raw + at), &done) == OK)
			return OK;
		TRY(user_fault(UADDR(from.raw + at + done), USER_ACCESS_READ));
	}
}

err_t
copy_out(uaddr_t to, struct cbytes src)
{
	for (size_t at = 0, done = 0;; at += done) {
		if (user_write(UADDR(to.raw + at), cbytes_from(src, at), &done) == OK)
			return OK;
		TRY(user_fault(UADDR(to.raw + at + done), USER_ACCESS_WRITE));
	}
}

err_t
zero_out(uaddr_t to, size_t len)
{
	for (size_t at = 0, done = 0;; at += done) {
		if (user_zero(UADDR(to.raw + at), len - at, &done) == OK)
			return OK;
		TRY(user_fault(UADDR(to.raw + at + done), USER_ACCESS_WRITE));
	}
}

err_t
copy_in_string(struct bytes dst, uaddr_t from, size_t *scoped len)
{
	for (size_t at = 0, done = 0;; at += done) {
		err_t err = user_read_string(bytes_from(dst, at), UADDR(from.raw + at), &done);
		*len = at + done;
		if (err != EFAULT)
			return err;
		TRY(user_fault(UADDR(from.raw + at + done), USER_ACCESS_READ));
	}
}

err_t
copy_in_u32(uaddr_t from, u32 *scoped value)
{
	for (;;) {
		err_t err = user_load32(from, value);
		if (err != EFAULT)
			return err;
		TRY(user_fault(from, USER_ACCESS_READ));
	}
}

err_t
user_compare_exchange(uaddr_t at, u32 *scoped expected, u32 to)
{
	for (;;) {
		err_t err = user_cas32(at, expected, to);
		if (err != EFAULT)
			return err;
		TRY(user_fault(at, USER_ACCESS_WRITE));
	}
}

/* --- uio.c's ways between frames and user memory --- */

err_t
user_put_frame(uaddr_t to, struct frame *frame, size_t off, size_t len, size_t *scoped done)
{
	for (size_t at = 0, step = 0;; at += step) {
		err_t err = user_write_frame(UADDR(to.raw + at), frame, off + at, len - at, &step);
		*done = at + step;
		if (err == OK)
			return OK;
		TRY(user_fault(UADDR(to.raw + *done), USER_ACCESS_WRITE));
	}
}

err_t
user_take_frame(uaddr_t from, struct frame *frame, size_t off, size_t len, size_t *scoped done)
{
	for (size_t at = 0, step = 0;; at += step) {
		err_t err = user_read_frame(frame, off + at, len - at, UADDR(from.raw + at), &step);
		*done = at + step;
		if (err == OK)
			return OK;
		TRY(user_fault(UADDR(from.raw + *done), USER_ACCESS_READ));
	}
}

err_t
user_touch(uaddr_t at, size_t len, bool for_write)
{
	u64 end = at.raw + len;
	for (u64 page = at.raw; page < end; page = align_down(page, PAGE_SIZE) + PAGE_SIZE)
		TRY(user_fault(UADDR(page), for_write ? USER_ACCESS_WRITE : USER_ACCESS_READ));
	return OK;
}
