// SPDX-License-Identifier: MPL-2.0
/**
 * Frames: who uses each page of RAM, and the frame policy's answers checked.
 *
 * | state | leaves it by |
 * | --- | --- |
 * | FRAME_FREE | claim: compare-and-swap to FRAME_RESERVED by the one who was given it |
 * | FRAME_RESERVED (claimed) | the claimer, once it has zeroed it: to any use; or a CPU's cache, to FRAME_FREE |
 * | FRAME_UNTYPED | the last reference of both kinds: to FRAME_RESERVED, into a cache |
 * | others | their owner in the framework: to FRAME_RESERVED or FRAME_FREE |
 *
 * A claim succeeds for one CPU only, whatever the policy answers, so no frame has two users. An access through a
 * handle holds a
 * framework reference, got only where the state is FRAME_UNTYPED, so the page cannot become anything else in the
 * meantime.
 */
#include <arch/string.h>
#include <boot/boot.h>
#include <cadre/cpu.h>
#include <mm/mm_impl.h>
#include <task/task_impl.h>

const struct frame_policy *frame_policy_active = &frame_policy;
struct policy_faults policy_fault_counts;

static u64 frame_blocks[FRAMES_MAX / FRAME_NOTE_BLOCK / 64];   /* [const] after boot: blocks with metadata */
static struct { u64 next, end; } frame_early;                  /* [boot] while next < end, frames come from here */
static u64 frame_end;                                          /* [const] after boot: highest frame of RAM + 1 */
static u64 frames_total;                                       /* [atomic] frames that the policy was ever given, and the early ones */

/** How many frames have which use, as differences: the sum over all CPUs counts. */
struct frame_counts { i64 by_use[FRAME_TABLE + 1]; };
CPU_LOCAL_DEFINE(frame_counts, frame_counts);

static void
frames_count(enum frame_use from, enum frame_use to, u64 n)
{
	IRQ_OFF_SCOPE();
	struct frame_counts *counts = CPU_LOCAL_HERE(frame_counts);
	__atomic_store_n(&counts->by_use[from], counts->by_use[from] - (i64)n, __ATOMIC_RELAXED);
	__atomic_store_n(&counts->by_use[to], counts->by_use[to] + (i64)n, __ATOMIC_RELAXED);
}

/* --- the policy --- */

void
policy_fault(u64 *counter, struct cbytes what)
{
	u64 n = __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
	if ((n & (n - 1)) == 0)
		log_error("policy fault {}: {}", n, what);
}

struct policy_faults
policy_faults(void)
{
	return (struct policy_faults){
		.frame = __atomic_load_n(&policy_fault_counts.frame, __ATOMIC_RELAXED),
		.slab = __atomic_load_n(&policy_fault_counts.slab, __ATOMIC_RELAXED),
		.sched = sched_policy_faults(),
	};
}

/** The plain policy that replaces one which trapped: the first free frames from where the last were found. */
static u64
fallback_alloc(u64 n, u64 align, u64 limit)
{
	static u64 hint;   /* [atomic] */
	u64 start = align_up(__atomic_load_n(&hint, __ATOMIC_RELAXED), align);
	limit = MIN(limit, frame_end);
	for (u32 pass = 0; pass < 2 && n <= limit; pass++, start = 0) {
		for (u64 pfn = start, i; pfn <= limit - n; pfn = align_up(pfn + i + 1, align)) {
			for (i = 0; i < n && frame_exists(pfn + i) && ref_load(&frame_at(pfn + i)->word) == ref_word(FRAME_FREE, 0, 0); i++)
				;
			if (i < n)
				continue;
			__atomic_store_n(&hint, pfn + n, __ATOMIC_RELAXED);
			return pfn;
		}
	}
	return FRAME_NONE;
}

static void fallback_take(u64 pfn, u64 n) { (void)pfn, (void)n; }
static void fallback_batch(struct frame_batch *batch) { (void)batch; }
static void fallback_give(const struct frame_batch *batch) { (void)batch; }
static const struct frame_policy frame_policy_fallback = { .add = fallback_take, .alloc = fallback_alloc, .free = fallback_take,
	.take = fallback_batch, .give = fallback_give };

/** A call of the policy. Frames to add or free are FRAME_FREE already. */
#define FRAME_POLICY(...) POLICY_CALL(frame_policy_active, frame_policy_fallback, policy_fault_counts.frame, __VA_ARGS__)

static u64
frames_ask(u64 n, u64 align, u64 limit)
{
	u64 pfn;
	return FRAME_POLICY(pfn = policy->alloc(n, align, limit)) ? pfn : fallback_alloc(n, align, limit);
}

/** Claims what the policy has answered. => false: the answer is wrong, and nothing has changed. */
static bool
frames_claim(u64 pfn, u64 n, u64 align, u64 limit)
{
	if (range_exceeds(pfn, n, MIN(limit, frame_end)) || (pfn & (align - 1)) != 0)
		return false;
	for (u64 i = 0; i < n; i++) {
		if (frame_exists(pfn + i) && ref_move(&frame_at(pfn + i)->word, ref_word(FRAME_FREE, 0, 0), ref_word(FRAME_RESERVED, 0, 0)))
			continue;
		while (i-- > 0)
			__atomic_store_n(&frame_at(pfn + i)->word, ref_word(FRAME_FREE, 0, 0), __ATOMIC_RELEASE);
		return false;
	}
	return true;
}

/* --- each CPU's cache of single frames, claimed and counted as free, so that the policy is asked for many at once --- */

enum : u32 { CACHE_MAX = 64 };
struct frame_cache { u32 n, frames[CACHE_MAX]; };   /* [self] interrupts off */
CPU_LOCAL_DEFINE(frame_cache, frame_cache);

/** Another policy than the image's is asked for each frame: a test's, or the fallback. */
static bool cache_serves(void) { return __atomic_load_n(&frame_policy_active, __ATOMIC_RELAXED) == &frame_policy; }

static u64
cache_pop(void)
{
	IRQ_OFF_SCOPE();
	struct frame_cache *cache = CPU_LOCAL_HERE(frame_cache);
	return cache->n > 0 ? cache->frames[--cache->n % CACHE_MAX] : FRAME_NONE;
}

/** A frame that is claimed. => false: no room. */
static bool
cache_push(u64 pfn)
{
	IRQ_OFF_SCOPE();
	struct frame_cache *cache = CPU_LOCAL_HERE(frame_cache);
	if (cache->n == CACHE_MAX)
		return false;
	cache->frames[cache->n++ % CACHE_MAX] = (u32)pfn;
	return true;
}

/** Gives the policy some of the frames here. => false: there were none, or it trapped. */
static bool
cache_drain(void)
{
	struct frame_batch batch = {};
	u64 pfn;
	while (batch.n < FRAME_BATCH && (pfn = cache_pop()) != FRAME_NONE) {
		__atomic_store_n(&frame_at(pfn)->word, ref_word(FRAME_FREE, 0, 0), __ATOMIC_RELEASE);
		batch.frames[batch.n++] = (u32)pfn;
	}
	return batch.n > 0 && FRAME_POLICY(policy->give(&batch));
}

static void
cache_drain_here(void *unused)
{
	(void)unused;
	while (cache_drain())
		;
}

/** The frame is claimed, and counted as free already. */
static void
frame_give(u64 pfn)
{
	if (cache_serves()) {
		while (!cache_push(pfn))
			(void)cache_drain();
		return;
	}
	__atomic_store_n(&frame_at(pfn)->word, ref_word(FRAME_FREE, 0, 0), __ATOMIC_RELEASE);
	(void)FRAME_POLICY(policy->free(pfn, 1));
}

/** Frames from the policy into the cache, and the first of them out of it, where nobody else has taken them meanwhile. */
static u64
cache_fill(void)
{
	struct frame_batch batch = {};
	if (!FRAME_POLICY(policy->take(&batch)))
		return FRAME_NONE;
	for (u32 n = MIN(batch.n, FRAME_BATCH); n > 0; n--) {
		u64 pfn = batch.frames[n - 1];
		if (frames_claim(pfn, 1, 1, FRAME_NONE))
			frame_give(pfn);
		else
			policy_fault(&policy_fault_counts.frame, TEXT("a frame that is not free"));
	}
	return cache_pop();
}

/** Gives the policy what the kernel holds unused, here and, where this CPU may wait for others, everywhere. */
static void
memory_reclaim(void)
{
	if (!shootdown_allowed()) {
		cache_drain_here(nullptr);
		return;
	}
	(void)stack_trim(0);
	(void)heap_shrink();
	cpu_call(cpu_online_set(), cache_drain_here, nullptr);
}

/** n frames, claimed and neither zeroed nor counted. */
static u64
frames_take(u64 n, u64 align, u64 limit)
{
	if (frame_early.next < frame_early.end) {
		fw_assert(n == 1);
		return frame_early.next++;
	}
	u64 pfn = FRAME_NONE;
	if (n == 1 && align == 1 && limit == FRAME_NONE && cache_serves() &&
	    ((pfn = cache_pop()) != FRAME_NONE || (pfn = cache_fill()) != FRAME_NONE))
		return pfn;
	fw_assert(n > 0 && align > 0 && (align & (align - 1)) == 0);
	pfn = frames_ask(n, align, limit);
	if (pfn == FRAME_NONE) {
		memory_reclaim();
		pfn = frames_ask(n, align, limit);
	}
	if (pfn == FRAME_NONE || frames_claim(pfn, n, align, limit))
		return pfn;
	policy_fault(&policy_fault_counts.frame, TEXT("frames that are not free, or not as asked for"));
	return FRAME_NONE;
}

/** From claimed to `use`, with framework references if it is untyped. */
static void
frames_publish(u64 pfn, u64 n, enum frame_use use, u64 word)
{
	for (u64 i = 0; i < n; i++) {
		struct frame *frame = frame_at(pfn + i);
		__atomic_store_n(&frame->owner, 0, __ATOMIC_RELAXED);
		__atomic_store_n(&frame->word, word, __ATOMIC_RELEASE);
	}
	frames_count(FRAME_FREE, use, n);
}

u64
kernel_frames_alloc(u64 n, u64 align, u64 limit, enum frame_use use)
{
	u64 pfn = frames_take(n, align, limit);
	if (pfn == FRAME_NONE)
		return FRAME_NONE;
	/* SAFETY: the frames are claimed by us alone, or the boot's: frames_take. */
	for (u64 i = 0; i < n; i++)
		page_zero(frame_virt(pfn + i));
	if (frame_early.next == 0)   /* else there is no metadata yet: frame_init sees to it */
		frames_publish(pfn, n, use, ref_word(use, 0, use == FRAME_UNTYPED));
	return pfn;
}

void
kernel_frames_free(u64 pfn, u64 n, enum frame_use use)
{
	u32 to = n == 1 ? FRAME_RESERVED : FRAME_FREE;
	for (u64 i = 0; i < n; i++) {
		bool mine = ref_move(&frame_at(pfn + i)->word, ref_word(use, 0, 0), ref_word(to, 0, 0));
		fw_assert(mine);
	}
	frames_count(use, FRAME_FREE, n);
	if (n == 1)
		frame_give(pfn);
	else
		(void)FRAME_POLICY(policy->free(pfn, n));
}

enum frame_use
frame_use(u64 pfn)
{
	return frame_exists(pfn) ? (enum frame_use)ref_state(ref_load(&frame_at(pfn)->word)) : FRAME_RESERVED;
}

bool
frame_exists(u64 pfn)
{
	u64 block = pfn / FRAME_NOTE_BLOCK;
	return pfn < FRAMES_MAX && (frame_blocks[block / 64] >> block % 64 & 1) != 0;
}

struct frame_note *
frame_note(u64 pfn)
{
	if (!frame_exists(pfn))
		misuse("frame_note: no such frame");
	return &frame_at(pfn)->note;
}

/* --- boot --- */

/** Maps the metadata of the blocks that [start, end) touches. */
static void
metadata_map(struct boot_range range)
{
	u64 first = range.start / PAGE_SIZE / FRAME_NOTE_BLOCK, end = MIN(range.end / PAGE_SIZE, FRAMES_MAX);
	for (u64 block = first; block * FRAME_NOTE_BLOCK < end; block++) {
		frame_blocks[block / 64] |= (u64)1 << block % 64;
		u64 from = (u64)frame_at(block * FRAME_NOTE_BLOCK), to = (u64)frame_at((block + 1) * FRAME_NOTE_BLOCK);
		for (u64 va = align_down(from, PAGE_SIZE); va < to; va += PAGE_SIZE)
			if (kspace_translate(va) == ~(u64)0 && kspace_back(va, 1, FRAME_KERNEL) == 0)
				panic("no memory for the metadata of frames");
	}
}

/** Gives the policy frames that are RESERVED, in pieces that lie below FRAMES_MAX. */
static void
frames_add(u64 pfn, u64 end, bool at_boot)
{
	end = MIN(end, FRAMES_MAX);
	if (pfn >= end)
		return;
	for (u64 i = pfn; i < end; i++) {
		bool reserved = ref_move(&frame_at(i)->word, ref_word(FRAME_RESERVED, 0, 0), ref_word(FRAME_FREE, 0, 0));
		fw_assert(reserved);
	}
	__atomic_fetch_add(&frames_total, end - pfn, __ATOMIC_RELAXED);
	frame_end = MAX(frame_end, end); /* an initrd may lie above all other RAM */
	frames_count(FRAME_RESERVED, FRAME_FREE, end - pfn);
	(void)FRAME_POLICY((at_boot ? policy->add : policy->free)(pfn, end - pfn));
}

/** The ranges of RAM, then the reserved ones. */
static struct boot_range
boot_range_at(u32 i)
{
	return i < boot_info.nram ? boot_info.ram[i] : boot_info.reserved[i - boot_info.nram];
}

/** Frame numbers of a range that lie wholly in it. */
static struct boot_range
range_frames(struct boot_range range)
{
	return (struct boot_range){ align_up(range.start, PAGE_SIZE) / PAGE_SIZE, range.end / PAGE_SIZE };
}

void
frame_init(void)
{
	struct boot_range early = {};
	for (u32 i = 0; i < boot_info.nram; i++) {
		struct boot_range frames = range_frames(boot_info.ram[i]);
		frames.end = MIN(frames.end, FRAMES_MAX);
		frame_end = MAX(frame_end, frames.end);
		if (frames.end > frames.start && frames.end - frames.start > early.end - early.start)
			early = frames;
	}
	frame_early = (typeof(frame_early)){ early.start, early.end };
	for (u32 i = 0; i < boot_info.nram + boot_info.nreserved; i++)
		metadata_map(boot_range_at(i));
	if (boot_info.ram_end > FRAMES_MAX * PAGE_SIZE)
		log_warn("memory above {} GiB is not used", FRAMES_MAX >> 18);

	u64 used = frame_early.next;
	fw_assert(used < frame_early.end);
	frame_early.next = frame_early.end = 0;
	for (u64 pfn = early.start; pfn < used; pfn++)
		/* Which of them are tables does not matter: they are never freed. */
		__atomic_store_n(&frame_at(pfn)->word, ref_word(FRAME_KERNEL, 0, 0), __ATOMIC_RELAXED);
	frames_count(FRAME_RESERVED, FRAME_KERNEL, used - early.start);
	frames_total += used - early.start;
	for (u32 i = 0; i < boot_info.nram; i++) {
		struct boot_range frames = range_frames(boot_info.ram[i]);
		frames_add(frames.start == early.start ? used : frames.start, frames.end, true);
	}
}

void
frames_unreserve(u64 start, u64 end)
{
	frames_add(align_up(start, PAGE_SIZE) / PAGE_SIZE, end / PAGE_SIZE, false);
}

bool
ram_overlaps(u64 start, u64 end)
{
	for (u32 i = 0; i < boot_info.nram + boot_info.nreserved; i++) {
		struct boot_range range = boot_range_at(i);
		if (start < range.end && range.start < end)
			return true;
	}
	return false;
}

struct memory_stat
memory_stat(void)
{
	i64 by_use[FRAME_TABLE + 1] = {};
	u32 ncpus = MAX(cpu_online_count, 1u);
	for (u32 cpu = 0; cpu < ncpus; cpu++) {
		typeof(frame_counts_cpu_local_) *counts = cpu_online_count == 0 ? cpu_local_here_(&frame_counts_cpu_local_)
		                                                                  : cpu_local_of_(&frame_counts_cpu_local_, cpu);
		for (u32 use = 0; use < COUNTOF(by_use); use++)
			by_use[use] += __atomic_load_n(&counts->by_use[use], __ATOMIC_RELAXED);
	}
	return (struct memory_stat){
		.total = __atomic_load_n(&frames_total, __ATOMIC_RELAXED), .free = (u64)MAX(by_use[FRAME_FREE], 0l),
		.framework = (u64)(by_use[FRAME_KERNEL] + by_use[FRAME_DMA]), .heap = (u64)by_use[FRAME_HEAP],
		.page_tables = (u64)by_use[FRAME_TABLE],
	};
}

/* --- frames of services --- */

static void
frame_check(const struct frame *frame)
{
	if (frame == nullptr)
		misuse("null frame");
}

bool frame_pin(struct frame *frame) { return ref_get(&frame->word, FRAME_UNTYPED, REF_FRAMEWORK); }

/** After the last reference: the state is FRAME_RESERVED. */
static void
frame_freed(struct frame *frame)
{
	frames_count(FRAME_UNTYPED, FRAME_FREE, 1);
	frame_give(frame_pfn(frame));
}

void
frame_unpin(struct frame *frame)
{
	enum ref_put put = ref_put(&frame->word, FRAME_UNTYPED, REF_FRAMEWORK, ref_word(FRAME_RESERVED, 0, 0));
	fw_assert(put != REF_NONE);
	if (put == REF_LAST)
		frame_freed(frame);
}

bool
frame_map_get(struct frame *frame)
{
	if (!frame_pin(frame))
		return false;
	__atomic_fetch_add(&frame->mappings, 1, __ATOMIC_RELAXED);
	return true;
}

void
frame_map_drop(struct frame *frame)
{
	__atomic_fetch_sub(&frame->mappings, 1, __ATOMIC_RELAXED);
	frame_unpin(frame);
}

struct frame *frame_alloc(void) { return frame_alloc_filled((struct cbytes){}); }

struct frame *
frame_alloc_filled(struct cbytes contents)
{
	if (contents.len > PAGE_SIZE)
		misuse("frame_alloc_filled: longer than a page");
	u64 pfn = frames_take(1, 1, FRAME_NONE);
	if (pfn == FRAME_NONE)
		return nullptr;
	u8 *page = frame_virt(pfn);
	/*
	 * SAFETY: 1. the page is claimed by us alone. 2. contents.len was checked above. 3. Where `contents` faults,
	 * the frame stays claimed: a leak.
	 */
	page_zero(page);
	memcpy(page, contents.ptr, contents.len);
	frames_publish(pfn, 1, FRAME_UNTYPED, ref_word(FRAME_UNTYPED, 1, 0));
	return frame_at(pfn);
}

void
frame_get(struct frame *frame)
{
	frame_check(frame);
	if (!ref_get(&frame->word, FRAME_UNTYPED, REF_SERVICE))
		misuse("frame_get: the frame is not in use");
}

void
frame_put(struct frame *frame)
{
	frame_check(frame);
	enum ref_put put = ref_put(&frame->word, FRAME_UNTYPED, REF_SERVICE, ref_word(FRAME_RESERVED, 0, 0));
	if (put == REF_NONE)
		misuse("frame_put: no service has a reference");
	if (put == REF_LAST)
		frame_freed(frame);
}

u32
frame_mappings(struct frame *frame)
{
	frame_check(frame);
	return __atomic_load_n(&frame->mappings, __ATOMIC_RELAXED);
}

u32
frame_refs(struct frame *frame)
{
	frame_check(frame);
	u64 word = ref_load(&frame->word);
	return ref_state(word) == FRAME_UNTYPED ? ref_count(word, REF_SERVICE) + frame_mappings(frame) : 0;
}

pfn_t
frame_number(struct frame *frame)
{
	frame_check(frame);
	return PFN(frame_pfn(frame));
}

u8 *
frame_access(struct frame *frame, size_t off, size_t len)
{
	frame_check(frame);
	if (range_exceeds(off, len, PAGE_SIZE))
		misuse("frame: beyond the page");
	if (!frame_pin(frame))
		misuse("frame: not in use");
	return (u8 *)frame_virt(frame_pfn(frame)) + off;
}

/*
 * SAFETY (the accesses below): 1. [off, off + len) lies in the page, and the frame is untyped and stays so until it is
 * unpinned: frame_access.
 * 2. Nothing typed is ever read from it, and what user space or a device writes meanwhile changes bytes only. 3. Where
 *    the service's side of
 * a copy faults, the pin stays: the frame leaks.
 */
void
frame_read(struct frame *frame, size_t off, struct bytes dst)
{
	memcpy(dst.ptr, frame_access(frame, off, dst.len), dst.len);
	frame_unpin(frame);
}

void
frame_write(struct frame *frame, size_t off, struct cbytes src)
{
	memcpy(frame_access(frame, off, src.len), src.ptr, src.len);
	frame_unpin(frame);
}

void
frame_zero(struct frame *frame, size_t off, size_t len)
{
	memset(frame_access(frame, off, len), 0, len);
	frame_unpin(frame);
}

void
frame_copy(struct frame *dst, struct frame *src)
{
	const u8 *from = frame_access(src, 0, PAGE_SIZE);
	if (dst == nullptr || !frame_pin(dst)) {
		frame_unpin(src);
		misuse("frame_copy: the destination is not in use");
	}
	page_copy(frame_virt(frame_pfn(dst)), from);   /* SAFETY: both are pinned: whole untyped pages */
	frame_unpin(dst);
	frame_unpin(src);
}

static u32 *
frame_word32(struct frame *frame, size_t off)
{
	if ((off & 3) != 0)
		misuse("frame: misaligned word");
	/* SAFETY: the page is page aligned and off a multiple of 4; frame_access checks the rest. */
	return (u32 *)frame_access(frame, off, sizeof(u32));
}

u32
frame_load32(struct frame *frame, size_t off)
{
	u32 value = __atomic_load_n(frame_word32(frame, off), __ATOMIC_SEQ_CST);
	frame_unpin(frame);
	return value;
}

void
frame_store32(struct frame *frame, size_t off, u32 value)
{
	__atomic_store_n(frame_word32(frame, off), value, __ATOMIC_SEQ_CST);
	frame_unpin(frame);
}

struct object *
frame_owner(struct frame *frame)
{
	frame_check(frame);
	/* SAFETY: only frame_set_owner, whose caller has a pointer to an object, writes anything but 0 here. */
	return (struct object *)__atomic_load_n(&frame->owner, __ATOMIC_ACQUIRE);
}

void
frame_set_owner(struct frame *frame, struct object *owner)
{
	frame_check(frame);
	if (ref_state(ref_load(&frame->word)) != FRAME_UNTYPED)
		misuse("frame_set_owner: the frame is not in use");
	__atomic_store_n(&frame->owner, (u64)owner, __ATOMIC_RELEASE);
}
