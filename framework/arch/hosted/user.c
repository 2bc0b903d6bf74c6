// SPDX-License-Identifier: MPL-2.0
// User memory by a software walk of the real page tables, and the FPU state as a plain image. There is no user mode yet.
#include <hosted.h>
#include <cpu/cpu.h>
#include <cadre/user.h>
#include <cadre/vm_space.h>
#include <arch/string.h>

/** The byte at user address `at` in the direct map, where the loaded tables allow the access; sets accessed and dirty. Interrupts are off. */
static void *
user_translate(u64 at, bool write)
{
	u64 table = this_cpu()->arch.root_pa;
	if (table == 0 || at >= USER_END)
		return nullptr;
	for (int level = 3;; level--) {
		/* SAFETY: (1) `table` is a page table that vm_space.c keeps while it is loaded and reachable; (2) the index is below 512. */
		u64 *entry = (u64 *)phys_to_virt(table) + (at >> (PAGE_SHIFT + 9 * level) & 511);
		u64 pte = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
		u64 wanted = HOSTED_PTE_PRESENT | HOSTED_PTE_USER | (write ? HOSTED_PTE_WRITE : 0);
		if ((pte & wanted) != wanted)
			return nullptr;
		if (level == 0) {
			__atomic_fetch_or(entry, ARCH_PTE_ACCESSED | (write ? ARCH_PTE_DIRTY : 0), __ATOMIC_RELAXED);
			return (u8 *)phys_to_virt(arch_pte_pa(pte)) + at % PAGE_SIZE;
		}
		table = arch_pte_pa(pte);
	}
}

/** One page's part of a copy, with interrupts off so that no TLB flush is answered in between. User memory may change meanwhile: that is its affair. */
[[clang::disable_sanitizer_instrumentation]] static bool
user_copy_part(u64 at, const u8 *from, u8 *to, size_t len)
{
	u64 flags = arch_irq_save();
	u8 *user = user_translate(at, to == nullptr);
	if (user != nullptr && to != nullptr)
		memcpy(to, user, len);
	else if (user != nullptr && from != nullptr)
		memcpy(user, from, len);
	else if (user != nullptr)
		memset(user, 0, len);
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

/** Not supported: every entry ends at once in an invalid-opcode exception. */
void
arch_user_enter(struct user_context *context, struct user_event *event)
{
	*event = (struct user_event){ .kind = USER_EXCEPTION, .vector = 6, .address = context->regs.rip };
}

/* --- FPU state: the legacy area and header of XSAVE's standard format (Intel SDM 1, 13.4) --- */

struct fpu_state {
	u16 control, status;
	u8 tag, unused;
	u16 opcode;
	u64 ip, dp;
	u32 mxcsr, mxcsr_mask;
	u8 registers[480];
	u64 xstate_bv, xcomp_bv, header[6];
};
static_assert(sizeof(struct fpu_state) == 576);

enum : u64 { XSTATE_KNOWN = 3 /* x87, SSE */ };
enum : u32 { MXCSR_VALID = 0xffff };

size_t
arch_fpu_size(void)
{
	return sizeof(struct fpu_state);
}

void
arch_fpu_init(struct fpu_state *fpu)
{
	*fpu = (struct fpu_state){ .control = 0x37f, .mxcsr = 0x1f80, .mxcsr_mask = MXCSR_VALID };
}

void
arch_fpu_save(struct fpu_state *fpu)
{
	memcpy(fpu, this_cpu()->arch.fpu, sizeof(*fpu));
}

void
arch_fpu_load(const struct fpu_state *fpu)
{
	memcpy(this_cpu()->arch.fpu, fpu, sizeof(*fpu));
}

bool
arch_fpu_import(struct fpu_state *fpu, const void *image, size_t len)
{
	struct fpu_state taken;
	if (len < sizeof(taken))
		return false;
	memcpy(&taken, image, sizeof(taken));
	if ((taken.mxcsr & ~MXCSR_VALID) != 0 || (taken.xstate_bv & ~XSTATE_KNOWN) != 0 || taken.xcomp_bv != 0)
		return false;
	for (u32 i = 0; i < COUNTOF(taken.header); i++)
		if (taken.header[i] != 0)
			return false;
	*fpu = taken;
	return true;
}

void
arch_fpu_export(const struct fpu_state *fpu, void *image)
{
	memcpy(image, fpu, sizeof(*fpu));
}
