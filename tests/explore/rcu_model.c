// SPDX-License-Identifier: MPL-2.0
// RCU (sync/rcu.c): what was unpublished before a grace period is used by no reader after it.
#include <cadre/atomic.h>
#include <explore.h>
#include <sync/lock.h>
#include <sync/rcu.h>
#include "env.h"

static struct thing { u32 data; } thing, *published;

u64 clock_now(void) { return 0; }
void cpu_reschedule(u32 cpu) { (void)cpu; }
void contain_push(struct contain_frame *frame) { (void)frame; }
void contain_end(struct contain_frame *frame) { (void)frame; }
void contain_recovered(struct contain_frame *frame) { (void)frame; }
int arch_recovery_set(struct arch_recovery *place) { (void)place; return 0; }

/** Sleeping passes through the scheduler. */
err_t
task_sleep_until(u64 deadline_ns, bool interruptible)
{
	(void)deadline_ns, (void)interruptible;
	rcu_quiescent(this_cpu());
	return OK;
}

static void
setup(void)
{
	env_tasks_init(2);
	env_cpu_count = 2;
	thing.data = 1;
	published = &thing;
}

static void
writer_thread(void)
{
	POINTER_PUBLISH(published, nullptr);
	rcu_synchronize();
	thing.data = 0xdead;   /* the memory is somebody else's now */
	explore_free(&thing, sizeof(thing));
}

static void
read_once(void)
{
	RCU_SCOPE();
	const struct thing *seen = POINTER_LOAD(published);
	/* Atomic first: a place where others go on between the look-up and the use. */
	if (seen != nullptr)
		EXPLORE_CHECK(__atomic_load_n(&seen->data, __ATOMIC_RELAXED) == 1 && seen->data == 1);
}

/** Its CPU passes through the scheduler between the reads, and idles in the end. */
static void
reader_thread(void)
{
	for (u32 i = 0; i < 3; i++) {
		read_once();
		rcu_quiescent(this_cpu());
	}
	rcu_quiet_begin(this_cpu());
}

/** Its CPU comes from idling, and an interrupt handler reads. */
static void
idle_thread(void)
{
	for (u32 i = 0; i < 2; i++) {
		rcu_quiet_begin(this_cpu());
		(void)rcu_quiet_end(this_cpu());
		read_once();
	}
	rcu_quiet_begin(this_cpu());
}

MODEL(rcu_readers_end_first, .setup = setup, .threads = { writer_thread, reader_thread });
MODEL(rcu_idle_reader, .setup = setup, .threads = { writer_thread, idle_thread });
