// SPDX-License-Identifier: MPL-2.0
// Copies to and from user memory, by a software walk of the page tables.
#include <guest.h>
#include <cadre/vm_space.h>
#include <arch/string.h>

/** The byte at user address `at` in the direct map, where the loaded tables allow the access. Interrupts are off. */
static void *
user_translate(u64 at, bool write)
{
	u64 seen, pte = mirror_walk(at, write ? USER_ACCESS_WRITE : USER_ACCESS_READ, &seen);
	return pte == 0 ? nullptr : (u8 *)phys_to_virt(arch_pte_pa(pte)) + at % PAGE_SIZE;
}

/**
 * memmove where one side is user memory, which programs and other copies may change meanwhile: that is their affair; and which may be the other side's,
 * where a file is written from its mapping. TSan, whose memmove looks at both sides, is told of the kernel's side alone.
 */
[[clang::disable_sanitizer_instrumentation]] static void
user_side_copy(u8 *to, const u8 *from, size_t len, bool out)
{
	if (__tsan_read_range == nullptr)
		return (void)memmove(to, from, len);
	if (out)
		__tsan_read_range(from, len);
	else
		__tsan_write_range(to, len);
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(len) : : "memory");
}

/** As user_side_copy, with zeroes. */
[[clang::disable_sanitizer_instrumentation]] static void
user_side_clear(u8 *user, size_t len)
{
	asm volatile("rep stosb" : "+D"(user), "+c"(len) : "a"(0) : "memory");
}

/** One page's part of a copy, with interrupts off so that no TLB flush is answered in between. */
static bool
user_copy_part(u64 at, const u8 *from, u8 *to, size_t len)
{
	u64 flags = arch_irq_save();
	u8 *user = user_translate(at, to == nullptr);
	if (user != nullptr && to != nullptr)
		user_side_copy(to, user, len, false);
	else if (user != nullptr && from != nullptr)
		user_side_copy(user, from, len, true);
	else if (user != nullptr)
		user_side_clear(user, len);
	arch_irq_restore(flags);
	return user != nullptr;
}

static size_t
user_copy(u64 at, const u8 *from, u8 *to, size_t len)
{
	size_t done = 0;
	while (done < len) {
		size_t part = MIN(len - done, PAGE_SIZE - (at + done) % PAGE_SIZE);
		if (!user_copy_part(at + done, from == nullptr ? nullptr : from + done, to == nullptr ? nullptr : to + done, part))
			break;
		done += part;
	}
	return done;
}

size_t
arch_user_copy_in(void *dst, u64 at, size_t len)
{
	return user_copy(at, nullptr, dst, len);
}

size_t
arch_user_copy_out(u64 at, const void *src, size_t len)
{
	return user_copy(at, src, nullptr, len);
}

size_t
arch_user_zero(u64 at, size_t len)
{
	return user_copy(at, nullptr, nullptr, len);
}

bool
arch_user_load32(u64 at, u32 *out)
{
	u64 flags = arch_irq_save();
	u32 *word = user_translate(at, false);
	if (word != nullptr)
		*out = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	return word != nullptr;
}

bool
arch_user_cas32(u64 at, u32 *expected, u32 to, bool *swapped)
{
	u64 flags = arch_irq_save();
	u32 *word = user_translate(at, true);
	if (word != nullptr)
		*swapped = __atomic_compare_exchange_n(word, expected, to, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	return word != nullptr;
}

void
page_fill(void *page, const void *from)
{
	if (from != nullptr)
		memcpy(page, from, PAGE_SIZE);
	else
		memset(page, 0, PAGE_SIZE);
}
