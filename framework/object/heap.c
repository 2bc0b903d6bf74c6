// SPDX-License-Identifier: MPL-2.0
/**
 * The typed heap: allocation, references, checked downcasts. Where slots lie: slab.c.
 *
 * Why no answer of the policy can do harm: a slot is handed out only by a compare-and-swap of its header from free to claimed, in a slab
 * that was entered while it had memory and keeps it until left. So a slot has one owner at a time, whatever the policy says.
 */
#include <arch/string.h>
#include <object/slab.h>
#include <sync/rcu.h>
#include <task/task_impl.h>

const struct slab_policy *slab_policy_active = &slab_policy;

enum : u32 { HEAP_TRIES = 4 };

/* --- the policy --- */

enum slab_call : u32 { SLAB_TAKE, SLAB_GIVE, SLAB_GIVE_ASK, SLAB_ADDED, SLAB_SHRINK };

/** Calls the policy with interrupts off; one that traps is replaced. `a` and `b` as the call wants them. => its answer; SLOT_NONE where it has none. */
static u32
policy_call(enum slab_call call, u32 heap, u32 a, u32 b)
{
	struct contain_frame contain;
	u64 flags = arch_irq_save();
	u32 answer = SLOT_NONE;
	fw_assert(this_cpu()->raw_depth == 0);
	if (contain_begin(&contain) == 0) {
		const struct slab_policy *policy = __atomic_load_n(&slab_policy_active, __ATOMIC_ACQUIRE);
		switch (call) {
		case SLAB_TAKE: answer = policy->take(heap); break;
		case SLAB_GIVE: policy->give(heap, a); break;
		case SLAB_GIVE_ASK: policy->give(heap, a); answer = policy->slab_release(heap, false); break;
		case SLAB_ADDED: policy->slab_added(heap, a, b); break;
		case SLAB_SHRINK: answer = policy->slab_release(heap, true); break;
		}
		contain_expect_balance(&contain);
		contain_end(&contain);
	} else {
		__atomic_store_n(&slab_policy_active, &slab_policy_fallback, __ATOMIC_RELEASE);
		policy_fault(&policy_fault_counts.slab, TEXT("the slab policy trapped and is replaced"));
		answer = call == SLAB_TAKE ? slab_policy_fallback.take(heap) : SLOT_NONE;
	}
	arch_irq_restore(flags);
	return answer;
}

/* --- allocation --- */

static struct object *
slot_object(const struct slot *slot)
{
	return (struct object *)(slot->header + 1);
}

/** Makes the slot that the policy answered a live object whose first `bytes` bytes are zero; null where it is not free. */
static struct object *
slot_claim(struct heap *heap, u32 number, u64 bytes, u32 length)
{
	struct slot slot;
	if (!slot_enter(heap, number, &slot))
		return nullptr;
	u64 word = ref_load(&slot.header->word);
	u32 state = ref_state(word);
	if ((state != SLOT_CLEAN && state != SLOT_FREE) || !ref_move(&slot.header->word, word, ref_word(SLOT_CLAIMED, 0, 0))) {
		slab_leave(slot.slab);
		return nullptr;
	}
	struct object *object = slot_object(&slot);
	/* SAFETY: the slot is ours alone (the compare-and-swap), has memory (entered), and `bytes` is no more than its class has. */
	if (state == SLOT_FREE)
		memset(object, 0, bytes);
	if (heap->type->elem_size != 0)
		*(u32 *)object = length;
	__atomic_store_n(&slot.header->word, ref_word(SLOT_LIVE, 1, 0), __ATOMIC_RELEASE);
	return object;
}

/** An object of `bytes` bytes in the heap, grown if need be. */
static struct object *
heap_take(struct heap *heap, u64 bytes, u32 length)
{
	for (u32 tries = 0; tries < HEAP_TRIES; tries++) {
		u32 number = policy_call(SLAB_TAKE, heap->id, 0, 0), slab;
		if (number != SLOT_NONE) {
			struct object *object = slot_claim(heap, number, bytes, length);
			if (object == nullptr)
				policy_fault(&policy_fault_counts.slab, TEXT("a slot that is not free"));
			return object;
		}
		if (heap_is_ample(heap)) {
			policy_fault(&policy_fault_counts.slab, TEXT("no slot, while many are free"));
			return nullptr;
		}
		if ((slab = slab_grow(heap)) == SLOT_NONE)
			return nullptr;
		policy_call(SLAB_ADDED, heap->id, slab, heap->slots);
	}
	return nullptr;
}

struct object *
heap_alloc(const struct heap_type *type)
{
	struct heap *heap = heap_of(type, 0);
	return heap != nullptr ? heap_take(heap, type->size, 0) : nullptr;
}

struct object *
heap_alloc_array(const struct heap_type *type, u32 len)
{
	u64 bytes = type->size + (u64)len * type->elem_size;
	if (type->elem_size == 0 || bytes > (u64)1 << 30)
		return nullptr;
	struct heap *heap = heap_of(type, heap_class_of(type, bytes));
	return heap != nullptr ? heap_take(heap, bytes, len) : nullptr;
}

/* --- letting go --- */

/** After the last reference: the header says SLOT_CLAIMED. */
static void
slot_release(const struct slot *slot)
{
	struct heap *heap = slot->heap;
	if (heap->type->release != nullptr)
		heap->type->release(slot_object(slot));
	__atomic_store_n(&slot->header->word, ref_word(SLOT_FREE, 0, 0), __ATOMIC_RELEASE);
	slab_leave(slot->slab);   /* from here on the slot's memory may go */
	u32 slab = policy_call((heap->type->flags & HEAP_FRAMEWORK) == 0 ? SLAB_GIVE_ASK : SLAB_GIVE, heap->id, slot->number, 0);
	if (slab == SLOT_NONE)
		return;
	if (!slab_retire(heap, slab))
		policy_fault(&policy_fault_counts.slab, TEXT("a slab to release that is in use"));
	else
		slab_flush(false);
}

bool
heap_shrink(void)
{
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap *heap = heap_at(id);
		if ((heap->type->flags & HEAP_FRAMEWORK) != 0)
			continue;
		/* Each round takes a slab away, so an honest policy ends; a wrong answer ends it too. */
		for (u32 slab; (slab = policy_call(SLAB_SHRINK, id, 0, 0)) != SLOT_NONE;)
			if (!slab_retire(heap, slab)) {
				policy_fault(&policy_fault_counts.slab, TEXT("a slab to release that is in use"));
				break;
			}
	}
	return slab_flush(true);
}

/* --- RCU --- */

static u32 rcu_running;   /* [atomic] whether a grace period is on its way for what `waiting` lists hold */

static struct rcu_head rcu_head; /* [self] of who set rcu_running */

static void rcu_done(struct rcu_head *unused);

/** Lets what was deferred until now wait for a grace period. => false: nothing was. */
static bool
rcu_start(void)
{
	bool any = false;
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap *heap = heap_at(id);
		heap->waiting = __atomic_exchange_n(&heap->deferred, SLOT_NONE, __ATOMIC_ACQ_REL);
		any |= heap->waiting != SLOT_NONE;
	}
	if (any)
		rcu_defer(&rcu_head, rcu_done);
	return any;
}

static void
rcu_kick(void)
{
	while (__atomic_exchange_n(&rcu_running, 1, __ATOMIC_SEQ_CST) == 0 && !rcu_start()) {
		__atomic_store_n(&rcu_running, 0, __ATOMIC_SEQ_CST);
		bool more = false;
		for (u32 id = 1; id <= heap_count(); id++)
			more |= __atomic_load_n(&heap_at(id)->deferred, __ATOMIC_SEQ_CST) != SLOT_NONE;
		if (!more)
			return;
	}
}

/** A release function is a service's: where it traps, its object is lost and the others are not. */
static void
slot_release_contained(const struct slot *slot)
{
	struct contain_frame contain;
	if (contain_begin(&contain) != 0)
		return;
	slot_release(slot);
	contain_expect_balance(&contain);
	contain_end(&contain);
}

/** In a worker, after a grace period. */
static void
rcu_done(struct rcu_head *unused)
{
	(void)unused;
	for (u32 id = 1; id <= heap_count(); id++) {
		struct heap *heap = heap_at(id);
		for (u32 number = heap->waiting; number != SLOT_NONE;) {
			struct slot slot = slot_at(heap, number);
			number = slot.header->deferred;
			if (ref_put(&slot.header->word, SLOT_DYING, REF_FRAMEWORK, SLOT_CLAIMED) == REF_LAST)
				slot_release_contained(&slot);
		}
		heap->waiting = SLOT_NONE;
	}
	__atomic_store_n(&rcu_running, 0, __ATOMIC_SEQ_CST);
	rcu_kick();
}

/** The slot is SLOT_DYING and has a framework reference for the list. */
static void
slot_defer(const struct slot *slot)
{
	u32 first = __atomic_load_n(&slot->heap->deferred, __ATOMIC_RELAXED);
	do
		slot->header->deferred = first;
	while (!__atomic_compare_exchange_n(&slot->heap->deferred, &first, slot->number, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	rcu_kick();
}

/* --- references --- */

/** The slot of an object that a service presents; traps where it is none of this type. The memory behind may be gone: then access faults. */
static struct slot
slot_check(const struct heap_type *type, const void *object)
{
	struct slot slot;
	if (!slot_find(type, object, &slot))
		misuse("not an object of this type");
	return slot;
}

void
heap_get(const struct heap_type *type, struct object *object)
{
	struct slot slot = slot_check(type, object);
	if (!ref_get(&slot.header->word, SLOT_LIVE, REF_SERVICE))
		misuse("get of an object that is not live");
}

bool
heap_get_live(const struct heap_type *type, struct object *object)
{
	struct slot slot = slot_check(type, object);
	return ref_get(&slot.header->word, SLOT_LIVE, REF_SERVICE);
}

/** A reference of `kind` less; the last one of both kinds becomes one that is let go of after a grace period. */
static bool
slot_put_deferred(const struct slot *slot, enum ref_kind kind)
{
	u64 old = ref_load(&slot->header->word), new;
	bool last;
	do {
		u32 count = ref_count(old, kind);
		if (ref_state(old) != SLOT_LIVE || count == 0)
			return false;
		if (count == REF_MAX)
			return true;
		new = old - ((u64)1 << kind);
		last = new == ref_word(SLOT_LIVE, 0, 0);
		if (last)
			new = ref_word(SLOT_DYING, 0, 1);
	} while (!ref_cas(&slot->header->word, &old, new));
	if (last)
		slot_defer(slot);
	return true;
}

/** A reference of `kind` less, with what that entails. => false: there was none. */
static bool
slot_put(const struct slot *slot, enum ref_kind kind)
{
	if ((slot->heap->type->flags & HEAP_RELEASE_IN_TASK) != 0 && !shootdown_allowed())
		return slot_put_deferred(slot, kind);
	enum ref_put put = ref_put(&slot->header->word, SLOT_LIVE, kind, SLOT_CLAIMED);
	if (put == REF_LAST)
		slot_release(slot);
	return put != REF_NONE;
}

void
heap_put(const struct heap_type *type, struct object *object)
{
	struct slot slot = slot_check(type, object);
	if (!slot_put(&slot, REF_SERVICE))
		misuse("put of an object to which no service has a reference");
}

void
heap_put_rcu(const struct heap_type *type, struct object *object)
{
	struct slot slot = slot_check(type, object);
	if (!slot_put_deferred(&slot, REF_SERVICE))
		misuse("put of an object to which no service has a reference");
}

struct object *
heap_downcast(const struct heap_type *type, struct object *object)
{
	struct slot slot = slot_check(type, object);
	u32 state = ref_state(ref_load(&slot.header->word));
	if (state != SLOT_LIVE && state != SLOT_DYING)
		misuse("downcast of an object that is not live");
	return object;
}

bool
heap_hold_live(const struct heap_type *type, void *object)
{
	struct slot slot;
	return slot_find(type, object, &slot) && ref_get(&slot.header->word, SLOT_LIVE, REF_FRAMEWORK);
}

bool
heap_is_orphan(const struct heap_type *type, void *object)
{
	struct slot slot;
	return !slot_find(type, object, &slot) || ref_count(ref_load(&slot.header->word), REF_SERVICE) == 0;
}

void
heap_hold(const struct heap_type *type, void *object)
{
	bool live = heap_hold_live(type, object);
	fw_assert(live);
}

void
heap_drop(const struct heap_type *type, void *object)
{
	struct slot slot;
	bool held = slot_find(type, object, &slot) && slot_put(&slot, REF_FRAMEWORK);
	fw_assert(held);
}

void
handle_enter(const struct heap_type *type, void *object)
{
	if (!heap_hold_live(type, object))
		misuse("not a live handle of this type");
}
