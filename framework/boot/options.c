// SPDX-License-Identifier: MPL-2.0
/** What services see of the machine's start and end: the command line, its options, the initrd, power. */
#include <arch/string.h>
#include <boot/boot.h>
#include <cadre/boot.h>
#include <debug/debug.h>
#include <mm/mm.h>

enum : u32 { INITRD_CHUNK = 512 };
enum : u64 { INITRD_FREED = (u64)1 << 63 };

/* [atomic] Readers at this moment; INITRD_FREED: no more come, the last gives the memory back. */
static u64 initrd_users;

/**
 * The command line as a slice. It is constant and NUL terminated: checked when the boot information was copied, and
 * bounded here again.
 */
static struct cbytes
cmdline(void)
{
	size_t len = 0;
	while (len < BOOT_CMDLINE_MAX && boot_info.cmdline[len] != '\0')
		len++;
	return (struct cbytes){ (const u8 *)boot_info.cmdline, len };
}

size_t
boot_cmdline(struct bytes dst)
{
	struct cbytes text = cmdline();

	memcpy(dst.ptr, text.ptr, MIN(dst.len, text.len));
	return text.len;
}

/** The first word of `text` from *at on, and *at behind it; empty at the end. */
static struct cbytes
word_next(struct cbytes text, size_t *at)
{
	while (*at < text.len && text.ptr[*at] == ' ')
		++*at;
	size_t start = *at;
	while (*at < text.len && text.ptr[*at] != ' ')
		++*at;
	return cbytes_sub(text, start, *at - start);
}

bool
boot_option(struct cbytes key, struct bytes dst, size_t *len)
{
	struct cbytes text = cmdline(), word, value = {};

	/* The last one counts: what a user appends overrides. */
	for (size_t at = 0; (word = word_next(text, &at)).len != 0;) {
		if (word.len < key.len || key.len == 0 || !cbytes_equal(cbytes_sub(word, 0, key.len), key) ||
		    (word.len > key.len && word.ptr[key.len] != '='))
			continue;
		value = cbytes_from(word, MIN(key.len + 1, word.len));
	}
	if (value.ptr == nullptr)
		return false;
	memcpy(dst.ptr, value.ptr, MIN(dst.len, value.len));
	*len = value.len;
	return true;
}

static bool
initrd_pin(void)
{
	u64 users = __atomic_load_n(&initrd_users, __ATOMIC_RELAXED);

	while ((users & INITRD_FREED) == 0)
		if (__atomic_compare_exchange_n(&initrd_users, &users, users + 1, false, __ATOMIC_ACQUIRE,
		                                __ATOMIC_RELAXED))
			return true;
	return false;
}

/** The last user after boot_initrd_free gives the memory back. */
static void
initrd_unpin(void)
{
	bool last = __atomic_fetch_sub(&initrd_users, 1, __ATOMIC_ACQ_REL) == INITRD_FREED + 1;

	if (last && boot_info.initrd.start < boot_info.initrd.end)
		frames_unreserve(boot_info.initrd.start, boot_info.initrd.end);
}

size_t
boot_initrd_len(void)
{
	bool freed = (__atomic_load_n(&initrd_users, __ATOMIC_RELAXED) & INITRD_FREED) != 0;
	return freed ? 0 : boot_info.initrd.end - boot_info.initrd.start;
}

void
boot_initrd_read(size_t off, struct bytes dst)
{
	u8 chunk[INITRD_CHUNK];

	if (range_exceeds(off, dst.len, boot_initrd_len()))
		misuse("read beyond the end of the initrd");
	for (size_t done = 0, len; done < dst.len; done += len) {
		len = MIN(dst.len - done, sizeof(chunk));
		if (!initrd_pin())
			misuse("read of the initrd while it was freed");
		/* SAFETY: 1. [off, off + dst.len) lies in the initrd, checked above. 2. The initrd is RAM, which the
		 * direct map has. 3. It is not given back before initrd_unpin. The service's memory is written with
		 * nothing held: it may fault. */
		memcpy(chunk, (const u8 *)phys_to_virt(boot_info.initrd.start) + off + done, len);
		initrd_unpin();
		memcpy(dst.ptr + done, chunk, len);
	}
}

void
boot_initrd_free(void)
{
	if (!initrd_pin())
		return;
	__atomic_fetch_or(&initrd_users, INITRD_FREED, __ATOMIC_ACQ_REL);
	initrd_unpin();
}

void
power_off(u8 status)
{
	arch_power_off(status);
}

void
power_restart(void)
{
	arch_restart();
}
