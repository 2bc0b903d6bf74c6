// SPDX-License-Identifier: MPL-2.0
/**
 * struct uio: the progress of a transfer over segments of user memory, or a kernel buffer.
 */
#include <vm_impl.h>

ARRAY_DEFINE(iovec_array, struct iovec);

struct uio
uio_user(uaddr_t base, u64 len)
{
	len = MIN(len, (u64)UIO_MAX);
	return (struct uio){ .base = base, .len = len, .left = len };
}

struct uio
uio_kernel(struct byte_array *buffer, size_t off, size_t len)
{
	return (struct uio){ .kernel = buffer, .kernel_off = off, .left = len, .len = len };
}

/** Takes the next segment up where the present one is empty. */
static void
segment_next(struct uio *scoped uio)
{
	while (uio->len == 0 && uio->left > 0 && uio->vec != nullptr && uio->next < iovec_array_len(uio->vec)) {
		const struct iovec *vec = iovec_array_at(uio->vec, uio->next++);
		uio->base = UADDR(vec->base);
		uio->len = MIN(vec->len, uio->left);
	}
}

/** Adds up the lengths, cut to UIO_MAX. => EINVAL: one is negative; EFAULT: an address is not a user's */
static err_t
vector_measure(struct iovec_array *vec, u64 *scoped total)
{
	*total = 0;
	for (u32 i = 0; i < iovec_array_len(vec); i++) {
		struct iovec *at = iovec_array_at(vec, i);
		if ((i64)at->len < 0)
			return EINVAL;
		if (at->len != 0 && range_exceeds(at->base, at->len, USER_END))
			return EFAULT;
		at->len = MIN(at->len, UIO_MAX - *total);
		*total += at->len;
	}
	return OK;
}

err_t
uio_vector(struct uio *scoped uio, uaddr_t vec, u64 count)
{
	*uio = (struct uio){};
	if (count > IOV_MAX)
		return EINVAL;
	if (count == 0)
		return OK;
	REF_SCOPE(iovec_array, array);
	array = iovec_array_alloc((u32)count);
	if (array == nullptr)
		return ENOMEM;
	for (u32 i = 0; i < count; i++) {
		struct iovec one = {};
		TRY(copy_in_value(one, UADDR(vec.raw + i * sizeof(one))));
		*iovec_array_at(array, i) = one;
	}
	TRY(vector_measure(array, &uio->left));
	uio->vec = array;
	array = nullptr;
	segment_next(uio);
	return OK;
}

void
uio_fini(struct uio *scoped uio)
{
	if (uio->vec != nullptr)
		iovec_array_put(uio->vec);
	*uio = (struct uio){};
}

/** `len` bytes of the present segment are moved. */
static inline void
segment_advance(struct uio *scoped uio, size_t len)
{
	if (uio->kernel != nullptr)
		uio->kernel_off += len;
	uio->base.raw += len;
	uio->len -= len;
	uio->left -= len;
	if (uio->len == 0 && uio->vec != nullptr)
		segment_next(uio);
}

void
uio_skip(struct uio *scoped uio, size_t len)
{
	for (len = MIN(len, uio->left); len > 0 && uio->len > 0;) {
		size_t part = MIN(len, uio->len);
		segment_advance(uio, part);
		len -= part;
	}
}

/** Copies are all or nothing up to the fault; what came before it shows in `left` where the pages end there. */
static err_t
part_put(struct uio *scoped uio, struct cbytes src)
{
	if (uio->kernel == nullptr)
		return copy_out(uio->base, src);
	bytes_copy(bytes_sub(byte_array_bytes(uio->kernel), uio->kernel_off, cbytes_len(src)), src);
	return OK;
}

static err_t
part_take(struct uio *scoped uio, struct bytes dst)
{
	if (uio->kernel == nullptr)
		return copy_in(dst, uio->base);
	bytes_copy(dst, bytes_const(bytes_sub(byte_array_bytes(uio->kernel), uio->kernel_off, bytes_len(dst))));
	return OK;
}

/** The next part to copy in one act: within the segment; after a fault, within a page, to see how far it goes. */
static size_t
part_next(const struct uio *scoped uio, size_t len, bool careful)
{
	size_t part = MIN(len, uio->len);
	return careful && uio->kernel == nullptr ? MIN(part, PAGE_SIZE - (uio->base.raw & (PAGE_SIZE - 1))) : part;
}

/** Whether the next `len` bytes are one stretch of user memory: they are moved in one act then, and again in parts where that meets a fault. */
static inline bool
is_one_part(const struct uio *scoped uio, size_t len)
{
	return __builtin_expect(uio->kernel == nullptr && len <= uio->len && len <= uio->left, 1);
}

err_t
uio_put(struct uio *scoped uio, struct cbytes src)
{
	size_t whole = 0;
	if (is_one_part(uio, cbytes_len(src)) && user_write(uio->base, src, &whole) == OK) {
		segment_advance(uio, whole);
		return OK;
	}
	bool careful = false;
	for (size_t at = 0, end = MIN(cbytes_len(src), uio->left); at < end && uio->len > 0;) {
		size_t part = part_next(uio, end - at, careful);
		err_t err = part_put(uio, cbytes_sub(src, at, part));
		if (err != OK && careful)
			return err;
		careful = err != OK || careful;
		if (err != OK)
			continue;
		segment_advance(uio, part);
		at += part;
	}
	return OK;
}

err_t
uio_take(struct uio *scoped uio, struct bytes dst)
{
	size_t whole = 0;
	if (is_one_part(uio, bytes_len(dst)) && user_read(dst, uio->base, &whole) == OK) {
		segment_advance(uio, whole);
		return OK;
	}
	bool careful = false;
	for (size_t at = 0, end = MIN(bytes_len(dst), uio->left); at < end && uio->len > 0;) {
		size_t part = part_next(uio, end - at, careful);
		err_t err = part_take(uio, bytes_sub(dst, at, part));
		if (err != OK && careful)
			return err;
		careful = err != OK || careful;
		if (err != OK)
			continue;
		segment_advance(uio, part);
		at += part;
	}
	return OK;
}

err_t
uio_put_frame(struct uio *scoped uio, struct frame *frame, size_t off, size_t len)
{
	size_t whole = 0;
	if (is_one_part(uio, len) && user_write_frame(uio->base, frame, off, len, &whole) == OK) {
		segment_advance(uio, len);
		return OK;
	}
	for (len = MIN(len, uio->left); len > 0 && uio->len > 0;) {
		size_t part = MIN(len, uio->len), done = part;
		err_t err = OK;
		if (uio->kernel != nullptr)
			frame_read(frame, off, bytes_sub(byte_array_bytes(uio->kernel), uio->kernel_off, part));
		else
			err = user_put_frame(uio->base, frame, off, part, &done);
		segment_advance(uio, done);
		TRY(err);
		off += done;
		len -= done;
	}
	return OK;
}

err_t
uio_take_frame(struct uio *scoped uio, struct frame *frame, size_t off, size_t len)
{
	size_t whole = 0;
	if (is_one_part(uio, len) && user_read_frame(frame, off, len, uio->base, &whole) == OK) {
		segment_advance(uio, len);
		return OK;
	}
	for (len = MIN(len, uio->left); len > 0 && uio->len > 0;) {
		size_t part = MIN(len, uio->len), done = part;
		err_t err = OK;
		if (uio->kernel != nullptr)
			frame_write(frame, off, bytes_const(bytes_sub(byte_array_bytes(uio->kernel), uio->kernel_off, part)));
		else
			err = user_take_frame(uio->base, frame, off, part, &done);
		segment_advance(uio, done);
		TRY(err);
		off += done;
		len -= done;
	}
	return OK;
}

err_t
uio_put_zeroes(struct uio *scoped uio, size_t len)
{
	size_t whole = 0;
	if (is_one_part(uio, len) && user_zero(uio->base, len, &whole) == OK) {
		segment_advance(uio, len);
		return OK;
	}
	for (len = MIN(len, uio->left); len > 0 && uio->len > 0;) {
		size_t part = part_next(uio, len, true);
		if (uio->kernel != nullptr)
			bytes_fill(bytes_sub(byte_array_bytes(uio->kernel), uio->kernel_off, part), 0);
		else
			TRY(zero_out(uio->base, part));
		segment_advance(uio, part);
		len -= part;
	}
	return OK;
}

err_t
uio_fault_in(struct uio *scoped uio, size_t len, bool for_write)
{
	if (uio->kernel != nullptr)
		return OK;
	size_t first = MIN(MIN(len, uio->left), uio->len), left = MIN(len, uio->left) - first;
	TRY(user_touch(uio->base, first, for_write));
	for (u32 i = uio->next; uio->vec != nullptr && left > 0 && i < iovec_array_len(uio->vec); i++) {
		const struct iovec *vec = iovec_array_at(uio->vec, i);
		size_t part = MIN(left, vec->len);
		TRY(user_touch(UADDR(vec->base), part, for_write));
		left -= part;
	}
	return OK;
}

err_t
copy_in_array(uaddr_t from, u64 len, struct byte_array **scoped out)
{
	REF_SCOPE(byte_array, array);
	*out = nullptr;
	if (len == 0)
		return OK;
	array = len <= ~(u32)0 ? byte_array_alloc((u32)len) : nullptr;
	if (array == nullptr)
		return ENOMEM;
	TRY(copy_in(byte_array_bytes(array), from));
	*out = array;
	array = nullptr;
	return OK;
}
