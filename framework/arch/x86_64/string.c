// SPDX-License-Identifier: MPL-2.0
/**
 * memcpy and its kin: 8 bytes at a time; from LONG bytes on by the processor's own loop of words, below it by an unrolled one. Never by
 * bytes, whose loop QEMU's emulation is many times slower at (4 KiB: 4.8 us by `rep movsb`, 0.6 us by `rep stosq`).
 *
 * Whole pages go 32 bytes at a time where the processor can, through the user's ymm0, which is put back before an interrupt can
 * come. Not with AVX-512: an instruction on ymm0 empties the rest of zmm0.
 */

#include <arch/string.h>
#include <sync/raw_lock.h>
#include <x86.h>

#define EACH_32(code) ".irp off, 0, 32, 64, 96, 128, 160, 192, 224; " code "; .endr"
#define NO_BUILTIN __attribute__((no_builtin("memcpy", "memmove", "memset", "memcmp")))

enum : size_t { WORD = sizeof(u64), LONG = 256 /* bytes from which the processor's own loop is worth its start */ };

typedef u64 word_t __attribute__((aligned(1)));

/* SAFETY (all functions here): accesses lie within [dst, dst + len) and [src, src + len), which the callers vouch
 * for; `left` counts down to 0. The last word of 8 bytes or more is moved by itself, whatever of it the words before have covered. */
NO_BUILTIN void *
memcpy(void *dst, const void *src, size_t len)
{
	u8 *to = dst;
	const u8 *from = src;
	size_t left = len;
	if (len < WORD) {
		for (; left != 0; left--)
			*to++ = *from++;
		return dst;
	}
	u64 last = *(const word_t *)(from + len - WORD);   /* first of all: memmove's destination may lie below an overlapping source */
	if (len >= LONG) {
		left = (len - 1) / WORD;
		__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(left) : : "memory");
	}
#pragma clang loop unroll_count(8)
	for (; left > WORD; left -= WORD, to += WORD, from += WORD)
		*(word_t *)to = *(const word_t *)from;
	*(word_t *)((u8 *)dst + len - WORD) = last;
	return dst;
}

/* From the end: for a destination that lies above an overlapping source. */
NO_BUILTIN static void
copy_down(u8 *to, const u8 *from, size_t len)
{
	size_t left = len, tail = ((u64)to + len) % WORD;
	bool together = ((u64)to - (u64)from) % WORD == 0;
	for (size_t n = together ? MIN(tail, len) : 0; n != 0; n--, left--)
		to[left - 1] = from[left - 1];
	for (; left >= WORD; left -= WORD)
		*(word_t *)(to + left - WORD) = *(const word_t *)(from + left - WORD);
	for (; left != 0; left--)
		to[left - 1] = from[left - 1];
}

NO_BUILTIN void *
memmove(void *dst, const void *src, size_t len)
{
	if ((u64)dst - (u64)src >= len)
		return memcpy(dst, src, len);   /* goes upwards */
	copy_down(dst, src, len);
	return dst;
}

NO_BUILTIN void *
memset(void *dst, int value, size_t len)
{
	u8 *to = dst;
	u64 word = (u8)value * 0x0101010101010101;
	size_t left = len;
	if (len < WORD) {
		for (; left != 0; left--)
			*to++ = (u8)value;
		return dst;
	}
	if (len >= LONG) {
		left = (len - 1) / WORD;
		__asm__ volatile("rep stosq" : "+D"(to), "+c"(left) : "a"(word) : "memory");
	}
#pragma clang loop unroll_count(8)
	for (; left > WORD; left -= WORD, to += WORD)
		*(word_t *)to = word;
	*(word_t *)((u8 *)dst + len - WORD) = word;
	return dst;
}

NO_BUILTIN int
memcmp(const void *a, const void *b, size_t len)
{
	const u8 *left = a, *right = b;
	size_t i = 0;
	while (len - i >= WORD && *(const word_t *)(left + i) == *(const word_t *)(right + i))
		i += WORD;
	for (; i < len; i++)
		if (left[i] != right[i])
			return left[i] < right[i] ? -1 : 1;
	return 0;
}

/*
 * SAFETY: whole pages, which the callers vouch for. The compiler uses no vector registers in the kernel, so ymm0 stays from one
 * statement to the next, and interrupts are off until it is the user's again.
 */
void
page_fill(void *page, const void *from)
{
	u8 users[32];
	if (!x86_features.ymm) {
		(void)(from != nullptr ? memcpy(page, from, PAGE_SIZE) : memset(page, 0, PAGE_SIZE));
		return;
	}
	IRQ_OFF_SCOPE();
	asm volatile("vmovdqu %%ymm0, %0; vpxor %%xmm0, %%xmm0, %%xmm0" : "=m"(users));
	for (u64 off = 0; off < PAGE_SIZE; off += 256)
		if (from == nullptr)
			asm volatile(EACH_32("vmovdqu %%ymm0, \\off(%0)") : : "r"((u8 *)page + off) : "memory");
		else
			asm volatile(EACH_32("vmovdqu \\off(%1), %%ymm0; vmovdqu %%ymm0, \\off(%0)") : : "r"((u8 *)page + off), "r"((const u8 *)from + off) : "memory");
	asm volatile("vmovdqu %0, %%ymm0" : : "m"(users));
}
