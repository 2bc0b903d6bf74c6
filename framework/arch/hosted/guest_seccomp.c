// SPDX-License-Identifier: MPL-2.0
/**
 * Guests whose events are signals that the stub itself takes: its system calls, too, by a filter. Registers and FPU state stay where the
 * host has put them, in the signal frame in the slot.
 */
#include <guest.h>
#include <cadre/time.h>
#include <arch/string.h>

enum : u32 { UCONTEXT_REGS = 40, SIGINFO_CALL_AT = 16, SIGINFO_CALL_ARCH = 28 };
enum : u64 { LOOK_NS = 200 * NS_PER_MS, LOOK_SEEDED_NS = 20 * NS_PER_MS };

/** The kernel's view of [at, at + len) in the slot; null: it is not there, since the program has written on its stub. */
static u8 *
slot_view(struct guest *guest, u64 at, u64 len)
{
	u64 off = at - STUB_SLOT;
	return at % 8 != 0 || range_exceeds(off, len, STUB_SLOT_BYTES) ? nullptr : (u8 *)guest->slot + off;
}

/** What the handler has left. => false: it is not the handler's */
static bool
event_read(struct guest *guest)
{
	struct stub_slot *slot = guest->slot;
	u8 *context = slot_view(guest, slot->context, UCONTEXT_REGS + GUEST_REGS * 8), *info = slot_view(guest, slot->info, 128);
	if (context == nullptr || info == nullptr)
		return false;
	guest->regs = (u64 *)(context + UCONTEXT_REGS);
	guest->signal = slot->signal;
	guest->call_at = *(u64 *)(info + SIGINFO_CALL_AT);
	guest->call_arch = *(u32 *)(info + SIGINFO_CALL_ARCH);
	return true;
}

static enum guest_stop
seccomp_run(struct guest *guest)
{
	struct stub_slot *slot = guest->slot;
	u32 state;
	__atomic_store_n(&slot->state, guest->running, __ATOMIC_SEQ_CST);
	hosted_futex_wake(&slot->state);
	while ((state = __atomic_load_n(&slot->state, __ATOMIC_SEQ_CST)) == guest->running)
		/* The host tells of a death while it ran; one while it was stopped has to be looked for. */
		if (hosted_futex_wait(&slot->state, state, hosted_seeded ? LOOK_SEEDED_NS : LOOK_NS) == -HOST_ETIMEDOUT) {
			if (guest_is_dead(guest))
				break;
			if (hosted_seeded && seeded_watch(guest->process))
				guest_kick(this_cpu());
		}
	if (state == STUB_STOPPED && event_read(guest))
		return GUEST_STOPPED;
	guest_end(guest);
	return GUEST_DIED;
}

static u8 *
seccomp_fpu(struct guest *guest)
{
	return slot_view(guest, guest->regs[GUEST_FPU], HOSTED_FPU_MAX);
}

const struct guest_backend guest_seccomp = { .name = "seccomp", .filtered = true, .attach = event_read, .run = seccomp_run, .fpu = seccomp_fpu };
