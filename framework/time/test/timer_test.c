// SPDX-License-Identifier: MPL-2.0
// Timers: never early, in order, cancelled for good, contained.
#include <cadre/irq.h>
#include <task/test/child.h>

static u64 fired_at[32];
static u32 fired, order[32];   /* [atomic] */
static struct timer *timers[32];

static void
note(struct object *arg)
{
	u32 at = __atomic_fetch_add(&fired, 1, __ATOMIC_SEQ_CST);
	fired_at[at % 32] = clock_now();
	for (u32 i = 0; i < 32; i++)
		if (arg == (struct object *)&timers[i])
			order[at % 32] = i;
	EXPECT(irq_context());
}

static struct timer *
timer_new(timer_fn *fn, u32 slot)
{
	struct timer *timer = nullptr;
	EXPECT_EQ(timer_create(fn, (struct object *)&timers[slot], &timer), OK);
	return timer;
}

static void
await(u32 n)
{
	AWAIT(__atomic_load_n(&fired, __ATOMIC_SEQ_CST) >= n);
	EXPECT_EQ(fired, n);
}

TEST(timer_fires_once_and_never_early)
{
	struct timer *timer = timer_new(note, 0);
	fired = 0;
	u64 at = clock_now() + 3 * NS_PER_MS;
	timer_set(timer, at);
	await(1);
	EXPECT(fired_at[0] >= at);
	nap(3 * NS_PER_MS);
	EXPECT_EQ(fired, 1);
	EXPECT(!timer_cancel(timer));
	timer_put(timer);
	EXPECT_TRAP(timer_set(timer, 0));
	EXPECT_TRAP(timer_put(timer));
	EXPECT_TRAP((void)timer_create(nullptr, nullptr, &timer));
}

TEST(timers_of_one_cpu_fire_in_order)
{
	fired = 0;
	for (u32 i = 0; i < 32; i++)
		timers[i] = timer_new(note, i);
	u64 flags = arch_irq_save();   /* they are all set before the first fires, however busy the host is */
	u64 base = clock_now() + 2 * NS_PER_MS;
	for (u32 i = 0; i < 32; i++)
		timer_set(timers[i], base + (i * 7 % 32) * 50 * NS_PER_US);
	arch_irq_restore(flags);
	await(32);
	for (u32 i = 0; i < 32; i++) {
		EXPECT_EQ(order[i] * 7 % 32, i);
		timer_put(timers[i]);
	}
}

TEST(cancelled_timers_do_not_fire)
{
	bool cancelled[32];
	fired = 0;
	for (u32 i = 0; i < 32; i++)
		timers[i] = timer_new(note, i);
	u64 flags = arch_irq_save();   /* on this CPU, which does not look at its timers meanwhile */
	for (u32 i = 0; i < 32; i++)
		timer_set(timers[i], clock_now() + 3 * NS_PER_MS);
	for (u32 i = 0; i < 32; i++)
		cancelled[i] = timer_cancel(timers[i * 5 % 32]);
	timer_set(timers[2], clock_now() + 2 * NS_PER_MS);
	timer_set(timers[2], TIME_NEVER);
	timer_set(timers[1], 0);
	arch_irq_restore(flags);
	for (u32 i = 0; i < 32; i++)
		EXPECT(cancelled[i]);
	EXPECT(!timer_cancel_sync(timers[0]));
	await(1);
	nap(6 * NS_PER_MS);
	EXPECT_EQ(fired, 1);
	for (u32 i = 0; i < 32; i++)
		timer_put(timers[i]);
}

TEST(put_of_a_set_timer_cancels_it)
{
	bool in_time = false;
	for (u64 delay = 2 * NS_PER_MS; !in_time && delay < NS_PER_SEC; delay *= 2) {
		fired = 0;
		struct timer *timer = timer_new(note, 0);
		u64 at = clock_now() + delay;
		timer_set(timer, at);
		timer_put(timer);
		in_time = clock_now() < at;   /* else the host has stopped us, and it may well have fired */
		nap(delay + 3 * NS_PER_MS);
	}
	EXPECT(in_time);
	EXPECT_EQ(fired, 0);
}

static void trap(struct object *arg) { (void)arg; __atomic_fetch_add(&fired, 1, __ATOMIC_SEQ_CST); misuse("on purpose"); }
TEST(timer_whose_function_traps_is_dead)
{
	fired = 0;
	struct timer *timer = timer_new(trap, 0), *other = timer_new(note, 1);
	timer_set(timer, clock_now() + NS_PER_MS);
	timer_set(other, clock_now() + 2 * NS_PER_MS);
	await(2);
	(void)timer_cancel_sync(timer);   /* what it fired for is over: it is marked */
	timer_set(timer, clock_now());
	nap(3 * NS_PER_MS);
	EXPECT_EQ(fired, 2);
	timer_put(timer);
	timer_put(other);
}

static struct timer *again;
static void
set_again(struct object *arg)
{
	(void)arg;
	if (__atomic_fetch_add(&fired, 1, __ATOMIC_SEQ_CST) < 9)
		timer_set(again, clock_now() + 100 * NS_PER_US);
	EXPECT_TRAP((void)timer_cancel_sync(again));
}
TEST(timer_may_set_itself_again)
{
	fired = 0;
	again = timer_new(set_again, 0);
	timer_set(again, clock_now());
	await(10);
	EXPECT(!timer_cancel_sync(again));
	timer_put(again);
}

/* Set, cancel and expiry of the same timers on all CPUs at once; then each fires once more or is cancelled, never both. */
static void
racer(struct object *arg)
{
	(void)arg;
	u32 seed = task_self()->id;
	for (u32 i = 0; i < 400; i++) {
		seed = seed * 1103515245 + 12345;
		struct timer *timer = timers[seed >> 16 & 7];
		if ((seed >> 8 & 3) == 0)
			(void)timer_cancel(timer);
		else if ((seed >> 8 & 3) == 1)
			(void)timer_cancel_sync(timer);
		else
			timer_set(timer, clock_now() + (seed >> 20 & 63) * NS_PER_US);
		if (i % 64 == 0)
			nap(10 * NS_PER_US);
	}
}
TEST(set_cancel_and_expiry_race)
{
	for (u32 i = 0; i < 8; i++)
		timers[i] = timer_new(note, i);
	run_all(racer, 6);
	for (u32 i = 0; i < 8; i++)
		(void)timer_cancel_sync(timers[i]);
	u32 before = fired;
	nap(2 * NS_PER_MS);
	EXPECT_EQ(fired, before);
	for (u32 i = 0; i < 8; i++)
		timer_put(timers[i]);
}

TEST(clock_never_goes_back)
{
	u64 last = 0;
	for (u32 i = 0; i < 20000; i++) {
		u64 now = clock_now();
		EXPECT(now >= last);
		last = now;
	}
}
