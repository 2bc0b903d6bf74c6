// SPDX-License-Identifier: MPL-2.0
// Unpacks the initrd: one stream after the other, and in each one archive after the other.
#include <cadre/boot.h>
#include <cadre/time.h>

#include <initramfs.h>

#include "cpio.h"

/** Passes over zeroes. *more is false where only those were left. */
static err_t
zeroes_skip(struct stream *stream, bool *scoped more)
{
	for (;;) {
		TRY(stream_fill(stream));
		*more = stream->at < stream->end;
		if (!*more || bytes_get(byte_array_bytes(stream->window), stream->at) != 0)
			return OK;
		stream->at += 1;
	}
}

/** All archives of a stream; of a plain one only the first: what follows may be compressed. */
static err_t
stream_unpack(struct stream *stream, struct cpio_count *scoped count)
{
	bool more = true;
	TRY(zeroes_skip(stream, &more));
	while (more) {
		TRY(cpio_unpack(stream, count));
		if (stream->ops == &plain_stream)
			return OK;
		TRY(zeroes_skip(stream, &more));
	}
	return OK;
}

/** Offset of the first byte at or behind `off` that is not zero. */
static u64
archive_start(u64 off, u64 limit)
{
	u8 buffer[256] = {};
	while (off < limit) {
		size_t n = MIN((u64)sizeof(buffer), limit - off);
		boot_initrd_read(off, bytes_sub(BYTES_OF(buffer), 0, n));
		for (size_t i = 0; i < n; i++) {
			if (buffer[i] != 0)
				return off + i;
		}
		off += n;
	}
	return limit;
}

static err_t
initrd_unpack(u64 len, struct cpio_count *scoped count)
{
	for (u64 off = archive_start(0, len); off < len; off = archive_start(off, len)) {
		REF_SCOPE(stream, stream);
		TRY(stream_open(boot_initrd_read, off, len, &stream));
		err_t err = stream_unpack(stream, count);
		if (err != OK)
			log_error("initramfs: stopped in the {} archive that starts at byte {} of the initrd", CBYTES_OF(stream->ops->name), off);
		TRY(err);
		off = stream_end(stream);
	}
	return OK;
}

err_t
initramfs_unpack(void)
{
	u64 len = boot_initrd_len(), start = clock_now();
	struct cpio_count count = {};
	if (len == 0)
		return ENOENT;
	err_t err = initrd_unpack(len, &count);
	boot_initrd_free();
	log_info("initramfs: {} entries, {} KiB unpacked from {} KiB in {} ms", count.entries, count.bytes >> 10, len >> 10, (clock_now() - start) / NS_PER_MS);
	return err;
}
