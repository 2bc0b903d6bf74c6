// SPDX-License-Identifier: MPL-2.0
/**
 * The typed heap: allocation, references, checked downcasts. Where slots lie: slab.c.
 *
 * Why no answer of the policy can do harm: a slot is handed out only by a compare-and-swap of its header from free to
 * claimed, in a slab
 * that was entered while it had memory and keeps it until left. So a slot has one owner at a time, whatever the policy
 * says. Slots in a CPU's magazine are claimed and entered.
 */
#include <arch/string.h>
#include <object/slab.h>
#include <cadre/cpu.h>
#include <irq/interrupt.h>
#include <sync/rcu.h>
#include <task/task_impl.h>

const struct slab_policy *slab_policy_active = &slab_policy;

enum : u32 { HEAP_TRIES = 4 };

/* --- the policy --- */

/** A call of the policy. */
#define SLAB_POLICY(...) POLICY_CALL(slab_policy_active, slab_policy_fallback, policy_fault_counts.slab, __VA_ARGS__)

/* --- slots --- */

/** The slot that the policy answered, claimed: the caller's alone. `*dirty`: not all zero. Null where it is not free. */
static struct slot_header *
slot_claim(struct heap *heap, u32 number, bool *dirty)
{
	struct slot slot;
	if (slot_enter(heap, number, &slot)) {
		u64 word = ref_load(&slot.header->word);
		u32 state = ref_state(word);
		*dirty = state != SLOT_CLEAN;
		if ((state == SLOT_CLEAN || state == SLOT_FREE) && ref_move(&slot.header->word, word, ref_word(SLOT_CLAIMED, 0, 0)))
			return slot.header;
		slab_leave(slot.slab);
	}
	policy_fault(&policy_fault_counts.slab, TEXT("a slot that is not free"));
	return nullptr;
}

/* --- magazines: free slots that a CPU keeps, claimed, so that the policy is asked for many at once --- */

enum : u32 { MAGAZINE_MAX = 16, MAGAZINE_SLAB = 8 };   /* slots of a slab from which on a heap has them */

struct magazine { u64 first; u32 n; };           /* [self] interrupts off; n is read by others as an atomic */
struct magazines { struct magazine of[HEAPS_MAX]; };
CPU_LOCAL_DEFINE(magazines, magazines);

/** Another policy than the image's sees each slot: a test's, or the fallback, which knows of none that it does not find. */
static bool
heap_has_magazine(const struct heap *heap)
{
	return heap->slots >= MAGAZINE_SLAB && __atomic_load_n(&slab_policy_active, __ATOMIC_RELAXED) == &slab_policy;
}

/** Interrupts off. */
static struct magazine *
magazine_here(const struct heap *heap)
{
	return &CPU_LOCAL_HERE(magazines)->of[heap->id % HEAPS_MAX];
}

/* SAFETY: a header that magazine_push or slot_defer linked. Its word is the framework's alone, and its slab stays while the slot is not free. */
static struct slot_header *header_linked(u64 link) { return (struct slot_header *)(HEAP_BASE + link); }
static u64 header_link(const struct slot_header *header) { return header->word & (((u64)1 << REF_STATE_SHIFT) - 1); }

/** A claimed slot, or null. */
static struct slot_header *
magazine_pop(const struct heap *heap)
{
	IRQ_OFF_SCOPE();
	struct magazine *magazine = magazine_here(heap);
	if (magazine->first == 0)
		return nullptr;
	struct slot_header *header = header_linked(magazine->first);
	magazine->first = header_link(header);
	__atomic_store_n(&magazine->n, magazine->n - 1, __ATOMIC_RELAXED);
	return header;
}

/** A slot that is claimed. => true: more than enough lie here. */
static bool
magazine_push(const struct heap *heap, struct slot_header *header)
{
	IRQ_OFF_SCOPE();
	struct magazine *magazine = magazine_here(heap);
	__atomic_store_n(&header->word, (u64)SLOT_CACHED << REF_STATE_SHIFT | magazine->first, __ATOMIC_RELEASE);
	magazine->first = (u64)header - HEAP_BASE;
	__atomic_store_n(&magazine->n, magazine->n + 1, __ATOMIC_RELAXED);
	return magazine->n > MAGAZINE_MAX;
}

/** Gives the policy some of the slots here. => false: there were none, or the policy trapped. */
static bool
magazine_drain(const struct heap *heap)
{
	struct slot_batch batch = {};
	for (struct slot_header *header; batch.n < SLOT_BATCH && (header = magazine_pop(heap)) != nullptr;) {
		struct slot slot = slot_of(header);
		__atomic_store_n(&header->word, ref_word(SLOT_FREE, 0, 0), __ATOMIC_RELEASE);
		slab_leave(slot.slab);
		batch.slots[batch.n++] = slot.number;
	}
	return batch.n > 0 && SLAB_POLICY(policy->give(heap->id, &batch));
}

static void
magazines_drain_here(void *unused)
{
	(void)unused;
	for (u32 id = 1; id <= heap_count(); id++)
		while (magazine_drain(heap_at(id)))
			;
}

u64
magazines_count(const struct heap *heap)
{
	u64 n = 0;
	for (u32 cpu = 0; cpu < cpu_count(); cpu++)
		n += __atomic_load_n(&CPU_LOCAL_OF(magazines, cpu)->of[heap->id % HEAPS_MAX].n, __ATOMIC_RELAXED);
	return n;
}

/* --- allocation --- */

/** Slots of the policy's: one for the caller, claimed, and more for the magazine. */
static struct slot_header *
heap_claim(struct heap *heap, bool *dirty)
{
	for (u32 tries = 0; tries < HEAP_TRIES; tries++) {
		struct slot_batch batch = {};
		u32 slab, n, wanted = heap_has_magazine(heap) ? SLOT_BATCH : 1;
		if (!SLAB_POLICY(policy->take(heap->id, wanted, &batch)))
			slab_policy_fallback.take(heap->id, 1, &batch);
		for (n = MIN(batch.n, wanted); n > 1;) {
			struct slot_header *more = slot_claim(heap, batch.slots[--n], dirty);
			if (more != nullptr)
				(void)magazine_push(heap, more);
		}
		if (n > 0)
			return slot_claim(heap, batch.slots[0], dirty);
		if (heap_is_ample(heap)) {
			policy_fault(&policy_fault_counts.slab, TEXT("no slot, while many are free"));
			return nullptr;
		}
		if ((slab = slab_grow(heap)) == SLOT_NONE)
			return nullptr;
		(void)SLAB_POLICY(policy->slab_added(heap->id, slab, heap->slots));
	}
	return nullptr;
}

/** An object whose first `bytes` bytes are zero. */
static struct object *
heap_take(struct heap *heap, u64 bytes, u32 length)
{
	bool dirty = true;
	struct slot_header *header = heap_has_magazine(heap) ? magazine_pop(heap) : nullptr;
	if (header == nullptr && (header = heap_claim(heap, &dirty)) == nullptr)
		return nullptr;
	/* SAFETY: the slot is ours alone (claimed), its slab has memory (entered), and `bytes` is no more than its class has. */
	struct object *object = (struct object *)(header + 1);
	if (dirty)
		memset(object, 0, bytes);
	if (heap->type->elem_size != 0)
		*(u32 *)object = length;
	bool later = (heap->type->flags & HEAP_FRAMEWORK) != 0;   /* heap_publish makes it live */
	__atomic_store_n(&header->word, later ? ref_word(SLOT_CLAIMED, 0, 0) : ref_word(SLOT_LIVE, 1, 0), __ATOMIC_RELEASE);
	return object;
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

/** Takes the memory of a slab away that the policy names. => false: it names none, or one in use. */
static bool
slab_release(struct heap *heap, bool urgent)
{
	u32 slab;
	if ((heap->type->flags & HEAP_FRAMEWORK) != 0 ||
	    !SLAB_POLICY(slab = policy->slab_release(heap->id, urgent)) || slab == SLOT_NONE)
		return false;
	bool retired = slab_retire(heap, slab);
	if (!retired)
		policy_fault(&policy_fault_counts.slab, TEXT("a slab to release that is in use"));
	return retired;
}

/** After the last reference: the header says SLOT_CLAIMED. */
static void
slot_release(struct slot_header *header)
{
	struct heap *heap = header_heap(header);
	if (heap->type->release != nullptr)
		heap->type->release((struct object *)(header + 1));
	if (heap_has_magazine(heap)) {
		if (!magazine_push(heap, header) || !magazine_drain(heap))
			return;
	} else {
		struct slot slot = slot_of(header);
		__atomic_store_n(&header->word, ref_word(SLOT_FREE, 0, 0), __ATOMIC_RELEASE);
		slab_leave(slot.slab);   /* from here on the slot's memory may go */
		if (!SLAB_POLICY(policy->give(heap->id, &(struct slot_batch){ 1, { slot.number } })))
			return;
	}
	if (slab_release(heap, false))
		slab_flush(false);
}

bool
heap_shrink(void)
{
	if (shootdown_allowed())
		cpu_call(cpu_online_set(), magazines_drain_here, nullptr);
	/* Each round takes a slab away, so an honest policy ends; a wrong answer ends it too. */
	for (u32 id = 1; id <= heap_count(); id++)
		while (slab_release(heap_at(id), true))
			;
	return slab_flush(true);
}

/* --- RCU --- */

/* Slots in SLOT_DYING, as they are linked in a magazine: that wait for the next grace period, and for the present one. */
static u64 rcu_deferred, rcu_waiting;   /* [atomic]; [self] of who set rcu_running */
static u32 rcu_running;                 /* [atomic] whether a grace period is on its way for what waits */
static struct rcu_head rcu_head;        /* [self] of who set rcu_running */

static void rcu_done(struct rcu_head *unused);

/** Lets what was deferred until now wait for a grace period, unless one is on its way: then rcu_done comes back here. */
static void
rcu_start(void)
{
	if (__atomic_exchange_n(&rcu_running, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	rcu_waiting = __atomic_exchange_n(&rcu_deferred, 0, __ATOMIC_ACQ_REL);
	rcu_defer(&rcu_head, rcu_done);
}

/** In a worker, after a grace period. */
static void
rcu_done(struct rcu_head *unused)
{
	(void)unused;
	while (rcu_waiting != 0) {
		struct slot_header *header = header_linked(rcu_waiting);
		rcu_waiting = header_link(header);
		__atomic_store_n(&header->word, ref_word(SLOT_CLAIMED, 0, 0), __ATOMIC_RELEASE);
		/* A release function is a service's: where it traps, its object is lost and the others are not. */
		(void)CONTAINED(slot_release(header));
	}
	__atomic_store_n(&rcu_running, 0, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&rcu_deferred, __ATOMIC_SEQ_CST) != 0)
		rcu_start();
}

/** The slot is SLOT_DYING: its word is the framework's alone. */
static void
slot_defer(struct slot_header *header)
{
	u64 first = __atomic_load_n(&rcu_deferred, __ATOMIC_RELAXED);
	do
		__atomic_store_n(&header->word, (u64)SLOT_DYING << REF_STATE_SHIFT | first, __ATOMIC_RELAXED);
	while (!__atomic_compare_exchange_n(&rcu_deferred, &first, (u64)header - HEAP_BASE, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	rcu_start();
}

/* --- references --- */

/**
 * The header of an object that a service presents; traps where it is none of this type. The memory behind may be gone:
 * then access faults.
 */
static struct slot_header *
header_check(const struct heap_type *type, const void *object)
{
	struct slot_header *header = slot_header_find(type, object);
	if (__builtin_expect(header == nullptr, 0))
		misuse("not an object of this type");
	return header;
}

bool
heap_get_live(const struct heap_type *type, struct object *object)
{
	return ref_get(&header_check(type, object)->word, SLOT_LIVE, REF_SERVICE);
}

void
heap_get(const struct heap_type *type, struct object *object)
{
	if (!heap_get_live(type, object))
		misuse("get of an object that is not live");
}

/**
 * A reference of `kind` less, with what that entails: `later`, or where it cannot be here, after a grace period. =>
 * false: there was none.
 */
static bool
slot_put(const struct heap_type *type, struct slot_header *header, enum ref_kind kind, bool later)
{
	if (__builtin_expect((type->flags & HEAP_RELEASE_IN_TASK) != 0, 0))
		later |= !shootdown_allowed();
	u64 last = ref_word(later ? SLOT_DYING : SLOT_CLAIMED, 0, 0);
	enum ref_put put = ref_put(&header->word, SLOT_LIVE, kind, last);
	if (put == REF_LAST)
		(later ? slot_defer : slot_release)(header);
	return put != REF_NONE;
}

static void
service_put(const struct heap_type *type, struct object *object, bool later)
{
	if (!slot_put(type, header_check(type, object), REF_SERVICE, later))
		misuse("put of an object to which no service has a reference");
}

void heap_put(const struct heap_type *type, struct object *object) { service_put(type, object, false); }
void heap_put_rcu(const struct heap_type *type, struct object *object) { service_put(type, object, true); }

static u32
service_refs(const struct slot_header *header)
{
	u64 word = ref_load(&header->word);
	return ref_state(word) == SLOT_LIVE ? ref_count(word, REF_SERVICE) : 0;
}

u32
heap_refs(const struct heap_type *type, struct object *object)
{
	return service_refs(header_check(type, object));
}

static struct object *
object_alive(struct object *object, const struct slot_header *header)
{
	u32 state = ref_state(ref_load(&header->word));
	if (state != SLOT_LIVE && state != SLOT_DYING)
		misuse("downcast of an object that is not live");
	return object;
}

struct object *
heap_downcast(const struct heap_type *type, struct object *object)
{
	return object_alive(object, header_check(type, object));
}

struct object *
task_owner_as_(const struct heap_type *type)
{
	const struct task *self = task_self();
	if (in_handler() || self->owner_type != type)
		misuse("the running task's owner is not of this type");
	return object_alive(self->owner, (const struct slot_header *)self->owner - 1);   /* SAFETY: of the type, so behind a header */
}

const struct heap_type *
heap_type_at(const void *object)
{
	u64 granule = ((u64)object - HEAP_BASE) >> HEAP_GRANULE_SHIFT;
	if (granule >= __atomic_load_n(&heap_next_granule, __ATOMIC_ACQUIRE))
		return nullptr;
	const struct heap_type *type = granule_heap(__atomic_load_n(granule_entry(granule), __ATOMIC_RELAXED))->type;
	return type != nullptr && slot_header_find(type, object) != nullptr ? type : nullptr;
}

bool
heap_hold_live(const struct heap_type *type, void *object)
{
	struct slot_header *header = slot_header_find(type, object);
	return header != nullptr && ref_get(&header->word, SLOT_LIVE, REF_FRAMEWORK);
}

bool
heap_is_orphan(const struct heap_type *type, void *object)
{
	struct slot_header *header = slot_header_find(type, object);
	return header == nullptr || service_refs(header) == 0;
}

void
heap_hold(const struct heap_type *type, void *object)
{
	bool live = heap_hold_live(type, object);
	fw_assert(live);
}

/** The header of an object that the framework itself holds. */
static struct slot_header *
header_known(void *object)
{
	/* SAFETY: it is a slot's object (heap_alloc, or heap_hold_live), and its header lies right before it. */
	return (struct slot_header *)object - 1;
}

void
heap_drop(const struct heap_type *type, void *object)
{
	bool held = slot_put(type, header_known(object), REF_FRAMEWORK, false);
	fw_assert(held);
}

void
heap_publish(const struct heap_type *type, void *object)
{
	(void)type;
	bool mine = ref_move(&header_known(object)->word, ref_word(SLOT_CLAIMED, 0, 0), ref_word(SLOT_LIVE, 1, 0));
	fw_assert(mine);
}

void
heap_discard(const struct heap_type *type, void *object)
{
	(void)type;
	fw_assert(ref_load(&header_known(object)->word) == ref_word(SLOT_CLAIMED, 0, 0));
	slot_release(header_known(object));
}

void
handle_enter(const struct heap_type *type, void *object)
{
	if (!heap_hold_live(type, object))
		misuse("not a live handle of this type");
}
