// SPDX-License-Identifier: MPL-2.0
// Tests of the typed heap: references, downcasts, release, RCU, memory that comes and goes, and slab policies that lie.
#include <arch/string.h>
#include <cadre/time.h>
#include <cadre/sync.h>
#include <mm/test/parallel.h>
#include <object/slab.h>

struct apple {
	u64 weight;
	struct apple *next;
	u8 more[40];
};
struct pear {
	u64 weight;
	struct pear *next;
	u8 more[40];
};
struct big { u8 bytes[20000]; };
struct aligned { alignas(256) u64 word; };
struct empty {};
OBJECT_DECLARE(apple);
OBJECT_DECLARE(pear);
OBJECT_DECLARE(big);
OBJECT_DECLARE(aligned);
OBJECT_DECLARE(empty);

enum : u64 { RELEASE_TRAPS = 666 };
static u32 released;
static void
apple_release(struct apple *apple)
{
	if (apple->weight == RELEASE_TRAPS)
		contain_trap(TEXT("a release function's bug"));
	__atomic_fetch_add(&released, 1, __ATOMIC_RELAXED);
	apple->weight = 0xdead;
}
OBJECT_DEFINE_RELEASE(apple);
OBJECT_DEFINE(pear);
OBJECT_DEFINE(big);
OBJECT_DEFINE(aligned);
OBJECT_DEFINE(empty);

struct token { u64 word; };
PRIVATE extern const struct heap_type token_handle_type;
static u32 token_released;
static void
token_release(struct object *object)
{
	(void)object;
	token_released++;
}
HANDLE_DEFINE(token, token_release);

TEST(objects_come_zeroed_and_apart)
{
	struct apple *apples[100];
	for (u32 i = 0; i < 100; i++) {
		apples[i] = apple_alloc();
		EXPECT(apples[i] != nullptr);
		EXPECT_EQ(apples[i]->weight, 0);
		EXPECT(apples[i]->next == nullptr);
		apples[i]->weight = i + 1;
		memset(apples[i]->more, 0xff, sizeof(apples[i]->more));
	}
	for (u32 i = 0; i < 100; i++)
		EXPECT_EQ(apples[i]->weight, i + 1);
	released = 0;
	for (u32 i = 0; i < 100; i++)
		apple_put(apples[i]);
	EXPECT_EQ(released, 100);
	for (u32 i = 0; i < 100; i++) {
		apples[i] = apple_alloc();
		EXPECT_EQ(apples[i]->weight, 0);
		EXPECT_EQ(apples[i]->more[39], 0);
	}
	for (u32 i = 0; i < 100; i++)
		apple_put(apples[i]);
}

TEST(large_and_aligned_and_empty_objects_work)
{
	struct big *bigs[10];
	struct aligned *aligneds[50];
	struct empty *empties[3];
	for (u32 i = 0; i < 10; i++) {
		bigs[i] = big_alloc();
		EXPECT_EQ(bigs[i]->bytes[19999], 0);
		memset(bigs[i], (int)i, sizeof(*bigs[i]));
	}
	for (u32 i = 0; i < 10; i++) {
		EXPECT(bigs[i]->bytes[0] == i && bigs[i]->bytes[19999] == i);
		big_put(bigs[i]);
	}
	for (u32 i = 0; i < 50; i++) {
		aligneds[i] = aligned_alloc();
		EXPECT_EQ((u64)aligneds[i] % 256, 0);
		EXPECT_EQ(aligneds[i]->word, 0);
		aligneds[i]->word = ~(u64)0;
	}
	for (u32 i = 0; i < 50; i++)
		aligned_put(aligneds[i]);
	for (u32 i = 0; i < 3; i++)
		empties[i] = empty_alloc();
	EXPECT(empties[0] != empties[1] && empties[1] != empties[2]);
	for (u32 i = 0; i < 3; i++)
		empty_put(empties[i]);
}

TEST(double_free_and_use_of_dead_objects_trap)
{
	struct apple *apple = apple_alloc();
	apple_get(apple);
	EXPECT(apple_get_live(apple));
	apple_put(apple);
	apple_put(apple);
	released = 0;
	apple_put(apple);
	EXPECT_EQ(released, 1);
	EXPECT_TRAP(apple_put(apple));
	EXPECT_TRAP(apple_get(apple));
	EXPECT_TRAP(apple_from(apple_object(apple)));
	EXPECT_TRAP(apple_put_rcu(apple));
	EXPECT(!apple_get_live(apple));
	EXPECT_EQ(released, 1);
}

struct broad { alignas(2 * PAGE_SIZE) u64 word; };
OBJECT_DECLARE(broad);
OBJECT_DEFINE(broad);

TEST(type_aligned_to_more_than_a_page_traps)
{
	EXPECT_TRAP(broad_alloc());
}

/** Takes an object that its release function has lost back into use, and frees it. */
static void
apple_recover(struct apple *apple)
{
	struct slot slot = slot_of(slot_header_find(&apple_heap_type, apple));
	EXPECT_EQ(ref_load(&slot.header->word), ref_word(SLOT_CLAIMED, 0, 0));
	apple->weight = 0;
	__atomic_store_n(&slot.header->word, ref_word(SLOT_LIVE, 1, 0), __ATOMIC_RELEASE);
	apple_put(apple);
}

TEST(release_function_that_traps_loses_its_object_only)
{
	struct apple *apple = apple_alloc(), *other = apple_alloc(), *first = apple;
	apple->weight = RELEASE_TRAPS;
	released = 0;
	EXPECT_TRAP(apple_put(apple));
	apple = apple_alloc();
	apple->weight = RELEASE_TRAPS;
	apple_put_rcu(apple);
	apple_put_rcu(other);
	AWAIT(__atomic_load_n(&released, __ATOMIC_RELAXED) >= 1);
	EXPECT_EQ(released, 1);
	apple_recover(first);
	apple_recover(apple);
}

TEST(downcast_accepts_only_live_objects_of_the_type)
{
	struct apple *apple = apple_alloc();
	EXPECT(apple_from(apple_object(apple)) == apple);
	EXPECT_TRAP(pear_from(apple_object(apple)));
	EXPECT_TRAP(apple_from(nullptr));
	EXPECT_TRAP(apple_put(nullptr));
	EXPECT_TRAP(apple_from((struct object *)&apple->next));              /* inside */
	static struct apple fixed;
	struct apple local = {};
	EXPECT_TRAP(apple_put(&fixed));                                      /* never allocated */
	EXPECT_TRAP(apple_put(&local));
	EXPECT_TRAP(apple_from((struct object *)((u64)apple + 1)));
	EXPECT_TRAP(apple_from((struct object *)((u64)apple - 16)));
	EXPECT_TRAP(apple_from((struct object *)HEAP_BASE));
	EXPECT_TRAP(apple_from((struct object *)(HEAP_BASE + ((u64)1 << 40))));
	EXPECT_TRAP(apple_from((struct object *)~(u64)0));
	EXPECT(heap_window_hit((u64)apple) && !heap_window_hit((u64)&local));
	apple_put(apple);
}

TEST(saturated_object_is_never_freed)
{
	struct apple *apple = apple_alloc();
	struct slot slot = slot_of(slot_header_find(&apple_heap_type, apple));
	__atomic_store_n(&slot.header->word, ref_word(SLOT_LIVE, REF_MAX - 1, 0), __ATOMIC_SEQ_CST);
	apple_get(apple);
	apple_get(apple);
	for (u32 i = 0; i < 10; i++) {
		apple_put(apple);
		apple_put_rcu(apple);
	}
	EXPECT_EQ(ref_count(ref_load(&slot.header->word), REF_SERVICE), REF_MAX);
	__atomic_store_n(&slot.header->word, ref_word(SLOT_LIVE, 1, 0), __ATOMIC_SEQ_CST);
	apple_put(apple);
}

TEST(handle_that_is_being_created_cannot_be_entered_or_put)
{
	struct token *token = (struct token *)heap_alloc(&token_handle_type);
	struct object *stale = (struct object *)token;
	EXPECT_TRAP(heap_get(&token_handle_type, stale));
	EXPECT_TRAP(heap_put(&token_handle_type, stale));
	EXPECT_TRAP(handle_enter(&token_handle_type, token));
	heap_publish(&token_handle_type, token);
	heap_put(&token_handle_type, stale);
	token_released = 0;
	token = (struct token *)heap_alloc(&token_handle_type);
	heap_discard(&token_handle_type, token);
	EXPECT_EQ(token_released, 1);
	EXPECT_TRAP(handle_enter(&token_handle_type, token));
}

TEST(framework_reference_keeps_an_object_that_services_put_too_often)
{
	struct token *token = (struct token *)heap_alloc(&token_handle_type);
	heap_publish(&token_handle_type, token);
	token_released = 0;
	heap_hold(&token_handle_type, token);
	heap_put(&token_handle_type, (struct object *)token);
	EXPECT_TRAP(heap_put(&token_handle_type, (struct object *)token));
	EXPECT(heap_hold_live(&token_handle_type, token));
	handle_enter(&token_handle_type, token);
	handle_leave(&token_handle_type, token);
	heap_drop(&token_handle_type, token);
	EXPECT_EQ(token_released, 0);
	heap_drop(&token_handle_type, token);
	EXPECT_EQ(token_released, 1);
	EXPECT(!heap_hold_live(&token_handle_type, token));
	EXPECT_TRAP(handle_enter(&token_handle_type, token));
	EXPECT_TRAP(handle_enter(&token_handle_type, nullptr));
	EXPECT_TRAP(handle_enter(&token_handle_type, &token_released));
}

TEST(rcu_put_frees_after_the_readers)
{
	struct apple *apple = apple_alloc(), *other = apple_alloc();
	released = 0;
	apple_get(apple);
	apple_put_rcu(apple);                       /* not the last */
	EXPECT(apple_from(apple_object(apple)) == apple);
	apple_put_rcu(apple);
	apple_put_rcu(other);
	EXPECT(!apple_get_live(apple));             /* no new references */
	EXPECT_TRAP(apple_put_rcu(apple));          /* nor another put */
	AWAIT(__atomic_load_n(&released, __ATOMIC_RELAXED) >= 2);
	EXPECT_EQ(released, 2);
	EXPECT_TRAP(apple_from(apple_object(apple)));
}

static u64
heap_pages(const struct heap_type *type)
{
	struct heap_stat stat;
	u8 name[16];
	EXPECT(heap_stat_read(type->ids[0], &stat, (struct bytes){ name, sizeof(name) }));
	return stat.pages;
}

TEST(memory_goes_back_when_slabs_are_empty_and_addresses_are_used_again)
{
	static struct pear *pears[3000];
	struct memory_stat before = {};
	for (u32 round = 0; round < 6; round++) {
		for (u32 i = 0; i < COUNTOF(pears); i++) {
			pears[i] = pear_alloc();
			EXPECT(pears[i] != nullptr);
			pears[i]->weight = i;
		}
		u64 high = heap_pages(&pear_heap_type);
		for (u32 i = 0; i < COUNTOF(pears); i++) {
			EXPECT_EQ(pears[i]->weight, i);
			pear_put(pears[i]);
		}
		EXPECT(heap_pages(&pear_heap_type) < high / 4);
		heap_shrink();
		if (round == 1)
			before = memory_stat();
	}
	EXPECT(memory_stat().free + 16 >= before.free);
	struct heap *heap = heap_of(&pear_heap_type, 0);
	EXPECT(heap->nslabs <= 2 * 3000 / heap->slots);   /* churn uses no new addresses */
}

TEST(statistics_count_live_objects)
{
	struct heap_stat stat;
	u8 name[16];
	struct bytes out = { name, sizeof(name) };
	struct pear *pear = pear_alloc();
	EXPECT(heap_stat_read(pear_heap_type.ids[0], &stat, out));
	u64 live = stat.live;
	EXPECT(live >= 1);
	EXPECT(memcmp(name, "pear", 5) == 0);
	pear_put(pear);
	EXPECT(heap_stat_read(pear_heap_type.ids[0], &stat, out));
	EXPECT_EQ(stat.live, live - 1);
	EXPECT(!heap_stat_read(0, &stat, out));
	EXPECT(!heap_stat_read(heap_count() + 1, &stat, out));
	EXPECT(!heap_stat_read(~0u, &stat, out));
}

TEST(geometry_wastes_little)
{
	static u32 ids[HEAP_SIZE_CLASSES];
	for (u32 size = 16; size < 70000; size += size / 16 + 8) {
		struct heap_type type = { .name = "x", .size = size, .align = 8, .ids = ids, .nids = 1 };
		struct heap heap = {};
		heap_geometry(&heap, &type, 0);
		u64 bytes = (u64)heap.pages << PAGE_SHIFT;
		EXPECT(heap.slots >= 1 && heap.offset + (u64)(heap.slots - 1) * heap.stride + size <= bytes);
		EXPECT(bytes <= (u64)1 << heap.slab_shift);
		EXPECT((u64)heap.slots * heap.stride >= bytes / 8 * 7 || (heap.slots == 1 && bytes - size <= PAGE_SIZE + 16));
		EXPECT(heap.slots == 1 || heap.slab_shift <= 16);
		u64 window = (u64)4 << MAX(heap.slab_shift, 19u), slabs = heap_window_slabs(&heap, window);
		EXPECT((slabs << heap.slab_shift) + slabs * sizeof(struct slab) <= window && slabs > 0);
	}
}

/* --- what policies may look at --- */

TEST(slots_and_slabs_that_do_not_exist_trap)
{
	struct pear *pear = pear_alloc();
	u32 id = pear_heap_type.ids[0];
	EXPECT_TRAP(slab_note(0, 0));
	EXPECT_TRAP(slab_note(HEAPS_MAX, 0));
	EXPECT_TRAP(slab_note(~0u, 0));
	EXPECT_TRAP(slab_note(id, 1u << 20));
	EXPECT_TRAP(slab_note(id, ~0u));
	EXPECT_TRAP(slot_link(id, ~0u));
	EXPECT_TRAP(slot_link(heap_count() + 1, 0));
	pear_put(pear);
}

TEST(slots_in_magazines_are_free_and_go_back_under_pressure)
{
	struct pear *pears[100];
	struct heap_stat before, after;
	struct heap *heap = heap_of(&pear_heap_type, 0);
	pear_put(pear_alloc());
	EXPECT(heap_stat_read(heap->id, &before, (struct bytes){}));
	for (u32 i = 0; i < COUNTOF(pears); i++)
		EXPECT((pears[i] = pear_alloc()) != nullptr && pears[i]->weight == 0);
	for (u32 i = 0; i < COUNTOF(pears); i++) {
		pears[i]->weight = 7;
		pear_put(pears[i]);
		EXPECT_TRAP(pear_get(pears[i]));
	}
	EXPECT(magazines_count(heap) > 0);
	EXPECT(heap_stat_read(heap->id, &after, (struct bytes){}));
	EXPECT_EQ(after.live, before.live);
	heap_shrink();
	EXPECT_EQ(magazines_count(heap), 0);
}

/* --- policies that lie --- */

static u32 lie_slot, lie_slab;
static void
evil_take(u32 heap, u32 wanted, struct slot_batch *batch)
{
	(void)heap;
	(void)wanted;
	*batch = (struct slot_batch){ lie_slot != SLOT_NONE, { lie_slot } };
}
static void evil_give(u32 heap, const struct slot_batch *batch) { (void)heap; (void)batch; }
static void evil_added(u32 heap, u32 slab, u32 slots) { (void)heap; (void)slab; (void)slots; }
static u32 evil_release(u32 heap, bool urgent) { (void)heap; (void)urgent; return lie_slab; }
static void trapping_take(u32 heap, u32 wanted, struct slot_batch *batch) { (void)heap; (void)wanted; batch->n = ~0u; contain_trap(TEXT("a policy's bug")); }
static const struct slab_policy evil_policy = { evil_take, evil_give, evil_added, evil_release };
static const struct slab_policy trapping_policy = { trapping_take, evil_give, evil_added, evil_release };

static struct pear *
alloc_with_lie(u32 answer)
{
	lie_slot = answer;
	u64 flags = arch_irq_save();
	__atomic_store_n(&slab_policy_active, &evil_policy, __ATOMIC_SEQ_CST);
	struct pear *pear = pear_alloc();
	__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	return pear;
}

TEST(slab_policy_that_answers_wrongly_gets_nobody_a_wrong_slot)
{
	struct pear *pear = pear_alloc();
	struct slot slot = slot_of(slot_header_find(&pear_heap_type, pear));
	u64 faults = policy_faults().slab;
	EXPECT(alloc_with_lie(slot.number) == nullptr);                    /* in use */
	EXPECT(alloc_with_lie(SLOT_NONE - 1) == nullptr);                  /* out of range */
	EXPECT(alloc_with_lie(slot.heap->nslabs * slot.heap->slots) == nullptr);
	EXPECT_EQ(policy_faults().slab, faults + 3);
	pear->weight = 5;

	u64 flags = arch_irq_save();
	__atomic_store_n(&slab_policy_active, &evil_policy, __ATOMIC_SEQ_CST);
	lie_slab = slot.number / slot.heap->slots;
	struct apple *apple = apple_alloc();   /* whatever it answers here, no apple is a pear */
	__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	EXPECT(apple == nullptr || (void *)apple != (void *)pear);
	if (apple != nullptr) {
		__atomic_store_n(&slab_policy_active, &evil_policy, __ATOMIC_SEQ_CST);
		lie_slab = SLOT_NONE;
		apple_put(apple);
		__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	}
	arch_irq_restore(flags);
	EXPECT_EQ(pear->weight, 5);
	pear_put(pear);
}

TEST(same_slot_twice_is_given_once)
{
	u64 flags = arch_irq_save();
	__atomic_store_n(&slab_policy_active, &evil_policy, __ATOMIC_SEQ_CST);
	lie_slot = SLOT_NONE;
	lie_slab = SLOT_NONE;
	struct heap *heap = heap_of(&big_heap_type, 0);
	u32 slab = slab_grow(heap);            /* the real policy never hears of this one */
	EXPECT(slab != SLOT_NONE);
	lie_slot = slab * heap->slots;
	struct big *first = big_alloc(), *second = big_alloc();
	EXPECT(first != nullptr && second == nullptr);
	lie_slab = slab;
	u64 faults = policy_faults().slab;
	EXPECT(!slab_retire(heap, slab));      /* a slot is out */
	struct big *third = nullptr;
	lie_slot = slab * heap->slots + 1;
	third = big_alloc();
	big_put(third);                        /* asks for the slab, in which `first` lives */
	EXPECT_EQ(policy_faults().slab, faults + 1);
	first->bytes[0] = 1;                   /* still there */
	big_put(first);                        /* now it may go */
	EXPECT_EQ(policy_faults().slab, faults + 1);
	EXPECT_EQ(kspace_translate((u64)first), ~(u64)0);
	__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	EXPECT_TRAP(big_put(first));           /* faults or traps, both contained */
	slab_flush(true);
}

/** More than was asked for, and more than there is room for: the first one of it is looked at, and no more. */
static void
greedy_take(u32 heap, u32 wanted, struct slot_batch *batch)
{
	struct slot_batch real = {};
	slab_policy.take(heap, wanted, &real);
	*batch = (struct slot_batch){ ~0u, { real.n != 0 ? real.slots[0] : SLOT_NONE, SLOT_NONE, 0 } };
}
static const struct slab_policy greedy_policy = { greedy_take, evil_give, evil_added, evil_release };

TEST(slab_policy_that_gives_more_than_was_asked_for_is_heard_in_part)
{
	pear_put(pear_alloc());
	u64 faults = policy_faults().slab;
	u64 flags = arch_irq_save();
	__atomic_store_n(&slab_policy_active, &greedy_policy, __ATOMIC_SEQ_CST);
	struct pear *pear = pear_alloc();
	__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	EXPECT(pear != nullptr);
	EXPECT_EQ(policy_faults().slab, faults);
	pear_put(pear);
}

TEST(slab_policy_that_never_has_a_slot_does_not_eat_all_memory)
{
	struct memory_stat before = memory_stat();
	u64 flags = arch_irq_save();
	__atomic_store_n(&slab_policy_active, &evil_policy, __ATOMIC_SEQ_CST);
	lie_slot = SLOT_NONE;
	for (u32 i = 0; i < 200; i++)
		EXPECT(empty_alloc() == nullptr);
	__atomic_store_n(&slab_policy_active, &slab_policy_fallback, __ATOMIC_SEQ_CST);
	struct empty *empty = empty_alloc();   /* those slots are lost to the real policy only */
	EXPECT(empty != nullptr);
	empty_put(empty);
	for (u32 slab; (slab = slab_policy_fallback.slab_release(empty_heap_type.ids[0], true)) != SLOT_NONE;)
		EXPECT(slab_retire(heap_of(&empty_heap_type, 0), slab));
	__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
	slab_flush(true);
	EXPECT(memory_stat().free + 16 >= before.free);
}

struct plum { u64 word; };
OBJECT_DECLARE(plum);
OBJECT_DEFINE(plum);

static void keeping_take(u32 heap, u32 wanted, struct slot_batch *batch) { preempt_disable(); slab_policy.take(heap, wanted, batch); }
static const struct slab_policy keeping_policy = { keeping_take, evil_give, evil_added, evil_release };

TEST(slab_policy_that_keeps_preemption_off_is_replaced)
{
	u64 flags = arch_irq_save();
	u32 off = this_cpu()->preempt_off;
	__atomic_store_n(&slab_policy_active, &keeping_policy, __ATOMIC_SEQ_CST);
	struct plum *plum = plum_alloc();
	EXPECT(slab_policy_active == &slab_policy_fallback);
	EXPECT_EQ(this_cpu()->preempt_off, off);
	if (plum != nullptr)
		plum_put(plum);
	for (u32 slab; (slab = slab_policy_fallback.slab_release(plum_heap_type.ids[0], true)) != SLOT_NONE;)
		EXPECT(slab_retire(heap_of(&plum_heap_type, 0), slab));
	__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
}

TEST(slab_policy_that_traps_is_replaced)
{
	u64 flags = arch_irq_save();
	__atomic_store_n(&slab_policy_active, &trapping_policy, __ATOMIC_SEQ_CST);
	struct plum *plums[600];
	for (u32 i = 0; i < COUNTOF(plums); i++) {
		plums[i] = plum_alloc();
		EXPECT(plums[i] != nullptr && plums[i]->word == 0);
		plums[i]->word = i;
	}
	EXPECT(slab_policy_active == &slab_policy_fallback);
	for (u32 i = 0; i < COUNTOF(plums); i++) {
		EXPECT_EQ(plums[i]->word, i);
		plum_put(plums[i]);
	}
	for (u32 slab; (slab = slab_policy_fallback.slab_release(plum_heap_type.ids[0], true)) != SLOT_NONE;)
		EXPECT(slab_retire(heap_of(&plum_heap_type, 0), slab));
	__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
}

static void trapping_give(u32 heap, const struct slot_batch *batch) { (void)heap; (void)batch; contain_trap(TEXT("a policy's bug")); }
static void trapping_added(u32 heap, u32 slab, u32 slots) { (void)heap; (void)slab; (void)slots; contain_trap(TEXT("a policy's bug")); }
static u32 trapping_release(u32 heap, bool urgent) { (void)heap; (void)urgent; contain_trap(TEXT("a policy's bug")); }
static const struct slab_policy trapping_giver = { evil_take, trapping_give, evil_added, evil_release };
static const struct slab_policy trapping_adder = { evil_take, evil_give, trapping_added, evil_release };
static const struct slab_policy trapping_releaser = { evil_take, evil_give, evil_added, trapping_release };

TEST(slab_policy_may_trap_anywhere)
{
	u64 flags = arch_irq_save();
	__atomic_store_n(&slab_policy_active, &slab_policy_fallback, __ATOMIC_SEQ_CST);
	struct plum *plum = plum_alloc();
	__atomic_store_n(&slab_policy_active, &trapping_giver, __ATOMIC_SEQ_CST);
	plum_put(plum);
	EXPECT(slab_policy_active == &slab_policy_fallback);
	__atomic_store_n(&slab_policy_active, &trapping_adder, __ATOMIC_SEQ_CST);
	lie_slot = lie_slab = SLOT_NONE;
	plum = plum_alloc();
	EXPECT(plum != nullptr && slab_policy_active == &slab_policy_fallback);
	plum_put(plum);
	__atomic_store_n(&slab_policy_active, &trapping_releaser, __ATOMIC_SEQ_CST);
	heap_shrink();
	/* The fallback has given back other heaps' empty slabs here, of which the real policy still believes that they have memory: each
	 * slot of those is refused once, and the heap goes on. */
	EXPECT(slab_policy_active == &slab_policy_fallback);
	__atomic_store_n(&slab_policy_active, &slab_policy, __ATOMIC_SEQ_CST);
	arch_irq_restore(flags);
}

/* --- all CPUs --- */

static u32 mixed_up;
static struct pear *exchange[32];   /* [atomic] */

static void
pear_churn(struct object *arg)
{
	u64 seed = (u64)arg + 1;
	for (u32 i = 0; i < 6000; i++) {
		struct pear *pear = test_random(&seed) % 3 != 0 ? pear_alloc() : nullptr;
		if (pear != nullptr) {
			if (pear->weight != 0)
				__atomic_fetch_add(&mixed_up, 1, __ATOMIC_RELAXED);
			pear->weight = (u64)pear;
		}
		struct pear *old = __atomic_exchange_n(&exchange[test_random(&seed) % 32], pear, __ATOMIC_ACQ_REL);
		if (old == nullptr)
			continue;
		if (old->weight != (u64)old)
			__atomic_fetch_add(&mixed_up, 1, __ATOMIC_RELAXED);
		if (i % 16 == 0)
			pear_put_rcu(old);
		else
			pear_put(old);
	}
}

TEST(no_slot_has_two_owners_on_many_cpus)
{
	parallel_run(pear_churn);
	EXPECT_EQ(mixed_up, 0);
	for (u32 i = 0; i < 32; i++)
		if (exchange[i] != nullptr)
			pear_put(__atomic_exchange_n(&exchange[i], nullptr, __ATOMIC_ACQ_REL));
	struct heap_stat stat = { .live = 1 };
	/* What was put by RCU is freed by a task of the framework. */
	AWAIT(heap_stat_read(pear_heap_type.ids[0], &stat, (struct bytes){}) && stat.live == 0);
}

static void
burst(struct object *arg)
{
	(void)arg;
	struct big *bigs[8] = {};
	for (u32 round = 0; round < 60; round++) {
		for (u32 i = 0; i < 8; i++) {
			bigs[i] = big_alloc();
			if (bigs[i] != nullptr)
				bigs[i]->bytes[test_random(&(u64){ i }) % 20000] = (u8)i;
		}
		for (u32 i = 0; i < 8; i++)
			if (bigs[i] != nullptr)
				big_put(bigs[i]);
		if (round % 8 == 0)
			heap_shrink();
	}
}

TEST(slabs_come_and_go_on_many_cpus)
{
	parallel_run(burst);
	heap_shrink();
	EXPECT_EQ(heap_pages(&big_heap_type), 0);
}

static struct apple *
apple_kept(bool keep, u32 *before)
{
	REF_SCOPE(apple, apple);
	apple = apple_alloc();
	apple_get(apple);
	*before = apple_refs(apple);
	struct apple *result = apple;
	if (keep)
		apple = nullptr;
	return result;
}
TEST(a_reference_scope_puts_what_stands_in_it_at_its_end)
{
	u32 refs = 0;
	struct apple *one = apple_kept(false, &refs);
	EXPECT_EQ(refs, 2);
	EXPECT_EQ(apple_refs(one), 1);
	apple_put(one);
	struct apple *both = apple_kept(true, &refs);
	EXPECT_EQ(apple_refs(both), 2);
	apple_put(both);
	apple_put(both);
	{
		REF_SCOPE(apple, nothing);
		EXPECT(nothing == nullptr);
	}
	EXPECT_TRAP((void)apple_refs((struct apple *)&refs));
}
