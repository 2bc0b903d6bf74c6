// SPDX-License-Identifier: MPL-2.0
/**
 * getrandom(2), /dev/random and /dev/urandom: the generator is ready at boot, so that all of them are the same and none blocks.
 *
 * Source: getrandom(2), random(4).
 */
#include <syscall_handlers.h>

#include <devfs.h>
#include <inode.h>
#include <signal.h>
#include <uio.h>

#include "random_impl.h"

enum : u32 { GRND_NONBLOCK = 1, GRND_RANDOM = 2, GRND_INSECURE = 4, MEM_MAJOR = 1, MINOR_RANDOM = 8, MINOR_URANDOM = 9, CHUNK = 1024, POOL_BITS = 256 };
enum random_ioctl : u32 {
	RNDGETENTCNT = 0x80045200, RNDADDTOENTCNT = 0x40045201, RNDADDENTROPY = 0x40085203, RNDZAPENTCNT = 0x5204, RNDCLEARPOOL = 0x5206,
	RNDRESEEDCRNG = 0x5207,
};

/** Random bytes for a program. Large requests can be interrupted once they have something. */
static err_t
random_put(struct uio *scoped uio)
{
	u8 chunk[CHUNK];
	while (uio->left > 0) {
		size_t n = MIN(uio->left, (u64)CHUNK);
		random_bytes(bytes_sub(BYTES_OF(chunk), 0, n));
		TRY(uio_put(uio, cbytes_sub(CBYTES_OF(chunk), 0, n)));
		if (n == CHUNK && signal_pending())
			return OK;
	}
	return OK;
}

err_t
sys_getrandom(uaddr_t buf, u64 len, u32 flags, u64 *scoped result)
{
	if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) != 0 || (flags & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return EINVAL;
	struct uio uio = uio_user(buf, len);
	u64 asked = uio.left;
	err_t err = random_put(&uio);
	*result = asked - uio.left;
	return *result > 0 ? OK : err;
}

static err_t
random_read(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	(void)file, (void)off, (void)flags;
	return random_put(uio);
}

/** What is written is mixed in, and counts for nothing. */
static err_t
random_write(struct file *file, struct uio *scoped uio, u64 off, u32 flags)
{
	u8 chunk[64];
	(void)file, (void)off, (void)flags;
	while (uio->left > 0) {
		size_t n = MIN(uio->left, (u64)sizeof(chunk));
		TRY(uio_take(uio, bytes_sub(BYTES_OF(chunk), 0, n)));
		generator_add(cbytes_sub(CBYTES_OF(chunk), 0, n));
	}
	return OK;
}

/** struct rand_pool_info: int entropy_count, buf_size; bytes. */
static err_t
entropy_add(struct file *file, u64 arg)
{
	i32 head[2] = {};
	TRY(copy_in_value(head, UADDR(arg)));
	if (head[0] < 0 || head[1] < 0)
		return EINVAL;
	struct uio uio = uio_user(UADDR(arg + sizeof(head)), (u64)head[1]);
	TRY(random_write(file, &uio, 0, 0));
	generator_reseed();
	return OK;
}

static err_t
random_ioctl(struct file *file, u32 command, u64 arg, u64 *scoped result)
{
	i32 bits = POOL_BITS;
	(void)result;
	if (command == RNDGETENTCNT)
		return copy_out_value(UADDR(arg), bits);
	bool known = command == RNDADDTOENTCNT || command == RNDADDENTROPY || command == RNDZAPENTCNT || command == RNDCLEARPOOL || command == RNDRESEEDCRNG;
	if (!known)
		return EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return EPERM;
	if (command == RNDADDENTROPY)
		return entropy_add(file, arg);
	if (command == RNDADDTOENTCNT) {
		TRY(copy_in_value(bits, UADDR(arg)));
		return bits >= 0 ? OK : EINVAL;
	}
	if (command == RNDRESEEDCRNG)
		generator_reseed();
	return OK;
}

/** The position is always 0. */
static err_t
random_seek(struct file *file, i64 off, u32 whence, u64 *scoped result)
{
	(void)file, (void)off, (void)whence;
	*result = 0;
	return OK;
}

static const struct file_ops random_ops = { .read = random_read, .write = random_write, .ioctl = random_ioctl, .seek = random_seek };
static const struct device_ops random_device = { .file_ops = &random_ops };

err_t
random_init(void)
{
	device_register(MEM_MAJOR, MINOR_RANDOM, 2, &random_device);
	TRY(devfs_add(TEXT("random"), S_IFCHR | 0666, 0, 0, MEM_MAJOR, MINOR_RANDOM));
	return devfs_add(TEXT("urandom"), S_IFCHR | 0666, 0, 0, MEM_MAJOR, MINOR_URANDOM);
}
