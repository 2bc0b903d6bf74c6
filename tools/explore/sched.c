// SPDX-License-Identifier: MPL-2.0
// The search: every reachable state once, depth first; then which states can still reach the end.
#include "explore_impl.h"

void *memcpy(void *restrict to, const void *restrict from, size_t len);
void *memset(void *to, int byte, size_t len);
char *strstr(const char *text, const char *part);
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int fflush(void *stream);
[[noreturn]] void exit(int status);
void *mmap(void *at, size_t len, int prot, int flags, int fd, long offset);
void explore_switch(u64 *from_sp, u64 to_sp);
int main(int argc, char **argv);

extern const struct model __start_models[], __stop_models[];
extern u64 __data_start[], _end[];

enum : u32 { STATES_MAX = 10000000, EDGES_MAX = 40000000, HASH_SLOTS = 1 << 24, DEPTH_MAX = 4000000, TRACE_MAX = 400,
	SERVICE = EXPLORE_THREADS /* the stack that setup and finish run on */ };
enum : u64 { BLOBS_BYTES = (u64)8 << 30 };

struct state state;
enum mode mode;

struct node {
	u64 blob;        /* offset of its words */
	u64 left;        /* choices not yet tried: bit i runs thread i, 8 + i flushes a store of it, 16 + 8 i + k answers it k */
	u32 id;
};

/** Memory of the engine, outside of what a state is made of. */
static struct engine {
	const struct model *model;
	u64 sp;                          /* the engine's own while a thread runs */
	u32 self;
	bool in_thread;
	const char *failure, *failure_file;
	u32 failure_line;
	u64 at_pc;                       /* of the last access */
	struct { const char *op; u64 addr, pc; } pending[EXPLORE_THREADS + 1];
	u32 *hot, nhot;                  /* numbers of the 64-byte lines of data that were ever written */
	bool *is_hot;
	u64 *pristine, *base;            /* the program's data at its start; at the model's first state */
	u64 *blobs, blobs_len;
	struct node *nodes;
	u32 nnodes, nstates;
	u64 *hashes;                     /* by slot, 0 is free */
	u32 *slot_ids;
	u32 *parent;                     /* by state */
	u8 *via;
	struct { u32 from, to; } *edges;
	u32 nedges;
	bool *ends;                      /* by state: it is an end, or can reach one */
} *engine;

static u8 *
stack_top(u32 i)
{
	/* Fixed, so that pointers to the stacks mean the same in every state; outside of .data, so that only the live part is kept. */
	return (u8 *)0x100000000000 + (u64)(i + 1) * STACK_BYTES;
}

static u64 *
grab(u64 len)
{
	return mmap(nullptr, len, 3, 0x4022, -1, 0);
}

static u64
data_words(void)
{
	return ((u64)_end - (u64)__data_start) / 8;
}

/* --- which data can differ from the first state's --- */

enum : u64 { LINE = 8 /* words */ };

void
explore_wrote(u64 addr, size_t len)
{
	if (addr - (u64)__data_start >= data_words() * 8)
		return;
	u64 last = (addr + len - 1 - (u64)__data_start) / 8 / LINE;
	for (u64 line = (addr - (u64)__data_start) / 8 / LINE; line <= last; line++)
		if (!engine->is_hot[line]) {
			engine->is_hot[line] = true;
			engine->hot[engine->nhot++] = (u32)line;
		}
}

static void
data_restore(void)
{
	for (u32 i = 0; i < engine->nhot; i++)
		memcpy(__data_start + engine->hot[i] * LINE, engine->base + engine->hot[i] * LINE, LINE * 8);
}

/* --- what models and accesses call --- */

u32
explore_self(void)
{
	return engine->in_thread && engine->self < EXPLORE_THREADS ? engine->self : 0;
}

bool
explore_running(void)
{
	return engine->in_thread && engine->self < EXPLORE_THREADS;
}

void
explore_at(void *pc)
{
	engine->at_pc = (u64)pc;
}

static void
to_engine(void)
{
	engine->in_thread = false;
	u64 *sp = engine->self < EXPLORE_THREADS ? &state.threads[engine->self].sp : (u64[1]){};
	explore_switch(sp, engine->sp);
}

void
explore_point(const char *op, u64 addr, u64 pc)
{
	engine->pending[engine->self].op = op;
	engine->pending[engine->self].addr = addr;
	engine->pending[engine->self].pc = pc;
	to_engine();
}

void
explore_await(const u32 *word, u32 value)
{
	struct thread_state *self = &state.threads[explore_self()];
	self->await_word = word;
	self->await_value = value;
	explore_point("await", (u64)word, (u64)__builtin_return_address(0));
	self->await_word = nullptr;
	self->await_value = 0;
}

u32
explore_choose(u32 n)
{
	struct thread_state *self = &state.threads[explore_self()];
	self->nchoices = n;
	explore_point("choose", n, (u64)__builtin_return_address(0));
	u32 choice = self->choice;
	self->nchoices = self->choice = 0;
	return choice;
}

void
explore_fail(const char *what, const char *file, u32 line)
{
	engine->failure = what;
	engine->failure_file = file;
	engine->failure_line = line;
	for (;;)
		to_engine();
}

/* --- threads --- */

static void
thread_main(void)
{
	u32 self = engine->self;
	const struct model *model = engine->model;
	if (self < EXPLORE_THREADS) {
		model->threads[self]();
		state.threads[self].done = true;
	} else if (state.threads[0].sp == 0) {
		if (model->setup != nullptr)
			model->setup();
	} else if (model->finish != nullptr) {
		model->finish();
	}
	for (;;)
		to_engine();
}

static u64
thread_prepare(u32 i)
{
	u64 *sp = (u64 *)stack_top(i);
	*--sp = 0;
	*--sp = (u64)thread_main;
	for (u32 n = 0; n < 6; n++)
		*--sp = 0;
	return (u64)sp;
}

static void
run(u32 i, u64 sp)
{
	engine->self = i;
	engine->in_thread = true;
	explore_switch(&engine->sp, sp);
}

/* --- states as differences to the first one --- */

/** Appends the current state at `out`; returns its length in words. */
static u64
state_pack(u64 *out)
{
	u64 n = 0, *words = out + 1;
	for (u32 hot = 0; hot < engine->nhot; hot++)
		for (u64 i = engine->hot[hot] * LINE, end = i + LINE; i < end; i++)
			if (__data_start[i] != engine->base[i]) {
				words[n++] = i;
				words[n++] = __data_start[i];
			}
	out[0] = n;
	for (u32 i = 0; i < EXPLORE_THREADS; i++) {
		if (state.threads[i].sp == 0 || state.threads[i].done)
			continue;
		u64 len = ((u64)stack_top(i) - state.threads[i].sp) / 8;
		memcpy(words + n, (void *)state.threads[i].sp, len * 8);
		n += len;
	}
	return n + 1;
}

static void
state_unpack(const u64 *in)
{
	const u64 *words = in + 1;
	data_restore();
	u64 n = 0;
	for (; n < in[0]; n += 2)
		__data_start[words[n]] = words[n + 1];
	for (u32 i = 0; i < EXPLORE_THREADS; i++) {
		if (state.threads[i].sp == 0 || state.threads[i].done)
			continue;
		u64 len = ((u64)stack_top(i) - state.threads[i].sp) / 8;
		memcpy((void *)state.threads[i].sp, words + n, len * 8);
		n += len;
	}
}

static u64
hash(const u64 *words, u64 n)
{
	u64 a = 0x243f6a8885a308d3 ^ n, b = 0x13198a2e03707344;
	for (u64 i = 0; i < n; i++) {
		a = (a ^ words[i]) * 0x9e3779b97f4a7c15;
		b = (b + (a >> 29 ^ a)) * 0xbf58476d1ce4e5b9;
		a ^= b >> 31;
	}
	return (a ^ b >> 32 ^ b) | 1;
}

/** The number of the state with this hash; *fresh where it is new. */
static u32
state_number(u64 key, bool *fresh)
{
	u64 slot = key >> 8 & (HASH_SLOTS - 1);
	while (engine->hashes[slot] != 0 && engine->hashes[slot] != key)
		slot = (slot + 1) & (HASH_SLOTS - 1);
	*fresh = engine->hashes[slot] == 0;
	if (*fresh) {
		engine->hashes[slot] = key;
		engine->slot_ids[slot] = engine->nstates++;
	}
	return engine->slot_ids[slot];
}

/* --- choices --- */

static u64
choices(void)
{
	u64 mask = 0;
	for (u32 i = 0; i < EXPLORE_THREADS; i++) {
		const struct thread_state *thread = &state.threads[i];
		if (thread->nstores > 0)
			mask |= (u64)1 << (8 + i);
		if (thread->sp == 0 || thread->done || (thread->await_word != nullptr && *thread->await_word == thread->await_value))
			continue;
		mask |= thread->nchoices > 0 ? (((u64)1 << thread->nchoices) - 1) << (16 + 8 * i) : (u64)1 << i;
	}
	return mask;
}

static void
choice_do(u32 choice)
{
	if (choice >= 8 && choice < 16) {
		access_flush(choice - 8);
		return;
	}
	u32 i = choice < 8 ? choice : (choice - 16) / 8;
	if (choice >= 16)
		state.threads[i].choice = (choice - 16) % 8;
	run(i, state.threads[i].sp);
}

static bool
all_done(void)
{
	for (u32 i = 0; i < EXPLORE_THREADS; i++)
		if (engine->model->threads[i] != nullptr && (!state.threads[i].done || state.threads[i].nstores > 0))
			return false;
	return true;
}

/* --- reports --- */

static void
trace_print(u32 id)
{
	static const char *const names[] = { "sc", "tso", "race" };
	printf("FAIL %s (%s): %s", engine->model->name, names[mode], engine->failure);
	if (engine->failure_line != 0)
		printf(" (%s:%u)", engine->failure_file, engine->failure_line);
	printf(" [pc %lx]\n", engine->at_pc);
	u32 n = 0;
	for (u32 at = id; at != 0; at = engine->parent[at])
		n++;
	u8 *path = (u8 *)grab(n + 1);
	u32 left = n;
	for (u32 at = id; at != 0; at = engine->parent[at])
		path[--left] = engine->via[at];
	data_restore();
	for (u32 i = 0; i < EXPLORE_THREADS; i++)
		if (state.threads[i].sp != 0)
			thread_prepare(i);
	memset(engine->pending, 0, sizeof(engine->pending));
	for (u32 i = 0; i < n; i++) {
		u32 choice = path[i], thread = choice < 8 ? choice : choice < 16 ? choice - 8 : (choice - 16) / 8;
		if (i + TRACE_MAX >= n && (choice < 8 || choice >= 16))
			printf("    thread %u: %-18s %lx [pc %lx]\n", thread, engine->pending[thread].op ? engine->pending[thread].op : "begins",
			       engine->pending[thread].addr, engine->pending[thread].pc);
		else if (i + TRACE_MAX >= n)
			printf("    thread %u: its store reaches %lx\n", thread, state.threads[thread].stores[0].addr);
		choice_do(choice);
	}
	for (u32 i = 0; i < EXPLORE_THREADS; i++)
		if (engine->model->threads[i] != nullptr)
			printf("    thread %u: %s\n", i, state.threads[i].done ? "has ended" : engine->pending[i].op ? engine->pending[i].op : "has not begun");
}

/** Marks every state from which an end can be reached; returns one that cannot, or ~0. */
static u32
stuck_find(void)
{
	u32 n = engine->nstates, *first = (u32 *)grab(((u64)n + 2) * 4), *from = (u32 *)grab((u64)engine->nedges * 4 + 4);
	u32 *queue = (u32 *)grab((u64)n * 4 + 4), head = 0, tail = 0;
	for (u32 i = 0; i < engine->nedges; i++)
		first[engine->edges[i].to + 2]++;
	for (u32 i = 2; i < n + 2; i++)
		first[i] += first[i - 1];
	for (u32 i = 0; i < engine->nedges; i++)
		from[first[engine->edges[i].to + 1]++] = engine->edges[i].from;
	for (u32 i = 0; i < n; i++)
		if (engine->ends[i])
			queue[tail++] = i;
	while (head < tail) {
		u32 at = queue[head++];
		for (u32 i = first[at]; i < first[at + 1]; i++)
			if (!engine->ends[from[i]]) {
				engine->ends[from[i]] = true;
				queue[tail++] = from[i];
			}
	}
	for (u32 i = 0; i < n; i++)
		if (!engine->ends[i])
			return i;
	return ~0u;
}

/* --- the search --- */

/** Takes the current state: a new one goes on the stack of states to go on from. */
static bool
state_visit(u32 parent, u32 via)
{
	if (mode == MODE_RACE)
		access_forget();
	u64 *blob = engine->blobs + engine->blobs_len, len = state_pack(blob);
	bool fresh;
	u32 id = state_number(hash(blob, len), &fresh);
	if (engine->nstates > 1 && engine->nedges < EDGES_MAX) {
		engine->edges[engine->nedges].from = parent;
		engine->edges[engine->nedges++].to = id;
	}
	if (!fresh)
		return true;
	engine->parent[id] = parent;
	engine->via[id] = (u8)via;
	u64 left = choices();
	if (all_done()) {
		engine->ends[id] = true;
		run(SERVICE, thread_prepare(SERVICE));
		return engine->failure == nullptr;
	}
	if (left == 0)
		engine->failure = "deadlock: no thread can go on";
	engine->nodes[engine->nnodes++] = (struct node){ engine->blobs_len, left, id };
	engine->blobs_len += len;
	return engine->failure == nullptr;
}

static void
memory_reset(void)
{
	memcpy(__data_start, engine->pristine, data_words() * 8);
	for (u32 i = 0; i <= EXPLORE_THREADS; i++)
		memset(stack_top(i) - STACK_BYTES, 0, STACK_BYTES);
	mmap(engine->hashes, (u64)HASH_SLOTS * 8, 3, 0x4032, -1, 0);   /* zeroes again */
	memset(engine->ends, 0, engine->nstates);
	for (u32 i = 0; i < engine->nhot; i++)
		engine->is_hot[engine->hot[i]] = false;
	engine->nhot = 0;
	engine->nstates = engine->nedges = engine->nnodes = 0;
	engine->blobs_len = 0;
	engine->failure = nullptr;
	engine->failure_line = 0;
}

/** The last state visited, where something failed. */
static u32
search(void)
{
	if (!state_visit(0, 0))
		return 0;
	while (engine->nnodes > 0) {
		struct node *node = &engine->nodes[engine->nnodes - 1];
		if (node->left == 0) {
			engine->blobs_len = node->blob;
			engine->nnodes--;
			continue;
		}
		u32 choice = (u32)__builtin_ctzl(node->left), id = node->id;
		node->left &= node->left - 1;
		state_unpack(engine->blobs + node->blob);
		choice_do(choice);
		if (engine->failure != nullptr) {
			engine->parent[STATES_MAX] = id;
			engine->via[STATES_MAX] = (u8)choice;
			return STATES_MAX;
		}
		if (!state_visit(id, choice))
			return engine->nstates - 1;
		if (engine->nstates >= STATES_MAX || engine->nedges >= EDGES_MAX - 64) {
			engine->failure = "too many states: not complete";
			return 0;
		}
	}
	u32 stuck = stuck_find();
	if (stuck != ~0u)
		engine->failure = "from here the end cannot be reached any more";
	return stuck;
}

static bool
model_run(const struct model *model, enum mode how)
{
	static const char *const names[] = { "sc", "tso", "race" };
	memory_reset();
	mode = how;
	engine->model = model;
	access_reset();
	run(SERVICE, thread_prepare(SERVICE));
	for (u32 i = 0; i < EXPLORE_THREADS; i++)
		if (model->threads[i] != nullptr)
			state.threads[i].sp = thread_prepare(i);
	memcpy(engine->base, __data_start, data_words() * 8);
	explore_wrote((u64)state.threads, sizeof(state.threads));
	u32 last = search();
	if (engine->failure == nullptr) {
		printf("ok   %s (%s): %u states\n", model->name, names[how], engine->nstates);
		return true;
	}
	trace_print(last);
	return false;
}

int
main(int argc, char **argv)
{
	struct engine *memory = (struct engine *)grab(sizeof(*memory));
	const char *filter = argc > 1 ? argv[1] : "";
	u32 passed = 0, failed = 0;
	access_learn_begin();
	mmap((void *)0x100000000000, (EXPLORE_THREADS + 1) * STACK_BYTES, 3, 0x32, -1, 0);
	engine = memory;
	engine->base = grab(data_words() * 8 + LINE * 8);
	engine->is_hot = (bool *)grab(data_words());
	engine->hot = (u32 *)grab(data_words() * 4);
	engine->blobs = grab(BLOBS_BYTES);
	engine->nodes = (struct node *)grab((u64)DEPTH_MAX * sizeof(struct node));
	engine->hashes = grab((u64)HASH_SLOTS * 8);
	engine->slot_ids = (u32 *)grab((u64)HASH_SLOTS * 4);
	engine->parent = (u32 *)grab(((u64)STATES_MAX + 1) * 4);
	engine->via = (u8 *)grab((u64)STATES_MAX + 1);
	engine->edges = (void *)grab((u64)EDGES_MAX * 8);
	engine->ends = (bool *)grab((u64)STATES_MAX + 1);
	engine->pristine = grab(data_words() * 8);
	memcpy(engine->pristine, __data_start, data_words() * 8);
	for (const struct model *model = __start_models; model < __stop_models; model++)
		for (u32 how = 0; how < MODES && strstr(model->name, filter) != nullptr; how++) {
			if (how == MODE_RACE && model->no_race)
				continue;
			if (model_run(model, (enum mode)how))
				passed++;
			else
				failed++;
			fflush(nullptr);
		}
	printf("%u passed, %u failed\n", passed, failed);
	return failed != 0;
}
