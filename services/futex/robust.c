// SPDX-License-Identifier: MPL-2.0
/**
 * Robust lists: locks that a thread names beforehand, so that the kernel can let go of them should it end while it holds them.
 *
 * The list is the program's memory: it is read with care, at most so many entries of it, and whatever is wrong with it ends the walk.
 *
 * Source: get_robust_list(2); Documentation/robust-futex-ABI of the Linux kernel.
 */
#include "futex_impl.h"

enum : u32 { ROBUST_MAX = 2048 };
enum : u64 { LINK_PI = 1 };

/** struct robust_list_head of x86-64. Plain data. */
struct robust_head { u64 next; i64 offset; u64 pending; };

err_t
sys_set_robust_list(uaddr_t head, u64 len)
{
	if (len != sizeof(struct robust_head))
		return EINVAL;
	thread_current()->robust_list = head;
	return OK;
}

/** Reading another's list is reading its memory's layout. */
static err_t
robust_permitted(struct thread *thread)
{
	const struct cred *own = cred_current();
	RCU_SCOPE();
	const struct cred *other = POINTER_LOAD(thread->cred);
	if (thread == thread_current() || capable(CAP_SYS_PTRACE) || other == nullptr)
		return OK;
	bool same = own->uid == other->uid && own->uid == other->euid && own->uid == other->suid && own->gid == other->gid &&
		own->gid == other->egid && own->gid == other->sgid;
	return same ? OK : EPERM;
}

err_t
sys_get_robust_list(i32 pid, uaddr_t head, uaddr_t len)
{
	u64 size = sizeof(struct robust_head), at = 0;
	REF_SCOPE(thread, thread);
	if (pid == 0) {
		thread = thread_current();
		thread_get(thread);
	} else {
		thread = pid > 0 ? thread_find((u32)pid) : nullptr;
	}
	if (thread == nullptr)
		return ESRCH;
	TRY(robust_permitted(thread));
	at = thread->robust_list.raw;
	TRY(copy_out_value(len, size));
	return copy_out_value(head, at);
}

/** Marks one word as its dead owner's, and wakes one who waits for it. */
static void
word_let_go(uaddr_t at, u32 tid, bool pi, bool pending)
{
	u32 word = 0;
	u64 woken = 0;
	if ((at.raw & 3) != 0 || copy_in_u32(at, &word) != OK)
		return;
	/* It had unlocked, but perhaps not yet woken. */
	if (pending && !pi && word == 0) {
		(void)!futex_wake_at(at, true, 1, &woken);
		return;
	}
	for (;;) {
		if ((word & FUTEX_TID_MASK) != tid)
			return;
		err_t err = user_compare_exchange(at, &word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
		if (err == EAGAIN)
			continue;
		if (err == OK && !pi && (word & FUTEX_WAITERS) != 0)
			(void)!futex_wake_at(at, true, 1, &woken);
		return;
	}
}

static void
entry_let_go(u64 entry, i64 offset, u32 tid, bool pending)
{
	word_let_go(UADDR((entry & ~LINK_PI) + (u64)offset), tid, (entry & LINK_PI) != 0, pending);
}

static void
robust_walk(uaddr_t head_at, u32 tid)
{
	struct robust_head head = {};
	if (copy_in_value(head, head_at) != OK)
		return;
	u64 entry = head.next, next = 0;
	for (u32 i = 0; i < ROBUST_MAX && (entry & ~LINK_PI) != head_at.raw; i++) {
		/* The entry may be gone once its word is let go of. */
		err_t err = copy_in_value(next, UADDR(entry & ~LINK_PI));
		if ((entry & ~LINK_PI) != (head.pending & ~LINK_PI))
			entry_let_go(entry, head.offset, tid, false);
		if (err != OK)
			return;
		entry = next;
	}
	if ((head.pending & ~LINK_PI) != 0)
		entry_let_go(head.pending, head.offset, tid, true);
}

void
futex_exit_robust(struct thread *thread)
{
	uaddr_t head = thread->robust_list;
	thread->robust_list = UADDR(0);
	if (head.raw != 0)
		robust_walk(head, atomic32_load(&thread->tid));
	futex_exit_pi(thread);
}
