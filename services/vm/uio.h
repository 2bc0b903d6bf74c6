// SPDX-License-Identifier: MPL-2.0
/**
 * Copying between the kernel and the running thread's memory, and `struct uio`: where the bytes of a read or write go.
 *
 * All of these resolve page faults as they go (demand zero, copy-on-write, files): so they sleep, and must be called
 * without spin locks. What is EFAULT for the program is EFAULT here.
 */
#pragma once

#include <cadre/err.h>
#include <cadre/frame.h>
#include <cadre/object.h>
#include <cadre/slice.h>

/** All of it or EFAULT (some of it may have been copied). */
err_t copy_in(struct bytes dst, uaddr_t from);
err_t copy_out(uaddr_t to, struct cbytes src);
/** One value of plain data: `TRY(copy_in_value(&ts, at))` for a local `ts`. */
#define copy_in_value(lvalue, at)  copy_in(BYTES_OF(lvalue), (at))
#define copy_out_value(at, lvalue) copy_out((at), CBYTES_OF(lvalue))
err_t zero_out(uaddr_t to, size_t len);
/** A string with at most dst's length - 1 bytes, without NUL. => ENAMETOOLONG, EFAULT */
err_t copy_in_string(struct bytes dst, uaddr_t from, size_t *scoped len);
/** Aligned 32-bit words, for futexes; fault in as needed. => EFAULT; user_cas: EAGAIN with the other value in *expected. */
err_t copy_in_u32(uaddr_t from, u32 *scoped value);
/** `len` bytes of user memory in an array of their own; null where len is 0. => EFAULT, ENOMEM */
err_t copy_in_array(uaddr_t from, u64 len, struct byte_array **scoped out);
err_t user_compare_exchange(uaddr_t at, u32 *scoped expected, u32 to);

struct iovec { u64 base; u64 len; };          /* as the program has it */
ARRAY_DECLARE(iovec_array, struct iovec);

enum : u32 { IOV_MAX = 1024 };
enum : u64 { UIO_MAX = 0x7ffff000 };          /* MAX_RW_COUNT: more than this is never moved by one call */

/**
 * Progress of one transfer: user memory (one segment or many), or a kernel buffer. A local; passed `scoped`.
 * What `left` was before minus what it is now is what was moved.
 */
struct uio {
	uaddr_t base; u64 len;                /* what is left of the present segment */
	u64 left;                             /* of all */
	struct iovec_array *vec; u32 next;    /* further segments; not counted here */
	struct byte_array *kernel; size_t kernel_off; /* instead of user memory, where not null */
};

struct uio uio_user(uaddr_t base, u64 len);                       /* len is cut to UIO_MAX */
struct uio uio_kernel(struct byte_array *buffer, size_t off, size_t len);
/** From an iovec in user memory. => EINVAL (count, a length negative), EFAULT, ENOMEM; end it with uio_fini. */
err_t uio_vector(struct uio *scoped uio, uaddr_t vec, u64 count);
void uio_fini(struct uio *scoped uio);

/** To the reader: moves src there. => EFAULT; what was moved before shows in `left`. Copies at most `left`. */
err_t uio_put(struct uio *scoped uio, struct cbytes src);
err_t uio_put_frame(struct uio *scoped uio, struct frame *frame, size_t off, size_t len);
err_t uio_put_zeroes(struct uio *scoped uio, size_t len);
/** From the writer. */
err_t uio_take(struct uio *scoped uio, struct bytes dst);
err_t uio_take_frame(struct uio *scoped uio, struct frame *frame, size_t off, size_t len);
/** Passes over bytes, as if moved. */
void uio_skip(struct uio *scoped uio, size_t len);
/** Makes the next `len` bytes present and accessible, as far as one can know: before effects that cannot be undone. */
err_t uio_fault_in(struct uio *scoped uio, size_t len, bool for_write);
