// SPDX-License-Identifier: MPL-2.0
/**
 * Deterministic runs (`--seed N`): everything that happens follows from the seed.
 *
 * There is one vCPU, and no other thread. Time is virtual: it goes on by a fixed amount at each *point*, a place where an interrupt could
 * come, and jumps to the next timer where the CPU idles. Points are: interrupts unmasked, user mode entered, the clock read, a spin
 * loop's turn; and under address sanitizer each load and store of the kernel's. At times drawn from the seed something comes between: the
 * scheduler is called, or the CPU is away for a while, so that timers are late, or for so long that the running task has used up its slice.
 * How often is drawn from the seed, too.
 *
 * All that could differ is written down as an event, and the hash of all events is printed at the end: equal hashes, equal runs.
 */
#include <hosted.h>
#include <cpu/cpu.h>
#include <task/task_impl.h>
#include <cadre/log.h>

bool hosted_seeded;                  /* [const] since main has read its options */

enum : u64 { EPOCH = 1767225600 * NS_PER_SEC /* 2026-01-01 */, TRACE_ROOM = 1 << 16, TRACE_LINE = 256 };
enum : u32 { PACE_MIN = 12, PACE_MAX = 18 };
enum : u64 { LOAD_STORE_NS = 1, WATCH_CLOCK = 2 /* CPU time of a process */, WATCH_NS = 2 * NS_PER_SEC, WATCH_AGAIN_NS = 20 * NS_PER_MS };

/* All: [self] of the one CPU, and written in user mode's stead, too: never by two at once. */
static struct {
	u64 seed, now;
	u64 due;                      /* when the next point has something to do: the earlier of the two */
	u64 disturb, timer;           /* when something comes between; the timer's deadline */
	u64 disturbing, entropy;      /* states of the generators */
	u32 pace;                     /* between two disturbances lie up to 2^pace nanoseconds */
	u64 events, hash;
	u64 watched, watched_since;   /* the user program's run that takes long, and its CPU time when that was seen */
	u64 runs;                     /* of user programs */
	bool parted;                  /* from what the seed says */
	int trace;                    /* descriptor of the list of events; -1: none */
	u64 traced;
	u8 text[TRACE_ROOM];
} run = { .due = TIME_NEVER, .timer = TIME_NEVER, .trace = -1 };

/** Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014: SplitMix64. */
static u64
draw(u64 *state)
{
	u64 z = *state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/** Of any order of magnitude from 2^low to 2^high, each as likely. */
static u64
draw_magnitude(u32 low, u32 high)
{
	u64 scale = (u64)1 << (low + draw(&run.disturbing) % (high - low));
	return scale + draw(&run.disturbing) % scale;
}

/* --- what happened --- */

struct moment { u64 now, due; };

/** No time passes until time_go: a run that is listed is the same as one that is not. */
static struct moment
time_stop(void)
{
	struct moment moment = { run.now, run.due };
	run.due = TIME_NEVER;
	return moment;
}

static void
time_go(struct moment moment)
{
	run.now = moment.now;
	run.due = moment.due;
}

static void
trace_flush(void)
{
	hosted_write(run.trace, run.text, run.traced);
	run.traced = 0;
}

static void
trace_line(struct cbytes what, const u64 *values, u32 n)
{
	struct moment moment = time_stop();
	if (run.traced + TRACE_LINE > TRACE_ROOM)
		trace_flush();
	struct bytes room = { run.text + run.traced, TRACE_LINE - 1 };
	const struct task *task = cpu_table[0]->current;
	size_t len = format_text(room, "{} {} {}", moment.now, task != nullptr ? task->id : 0, what);
	for (u32 i = 0; i < n && len + 24 < room.len; i++)
		len += format_text(bytes_from(room, len), " {x}", values[i]);
	room.ptr[len] = '\n';
	run.traced += len + 1;
	time_go(moment);
}

static void
hash_add(u64 value)
{
	run.hash = (run.hash ^ value) * 0x9fb21c651e98df25;
	run.hash ^= run.hash >> 29;
}

void
seeded_event(struct cbytes what, const u64 *values, u32 n)
{
	if (!hosted_seeded)
		return;
	run.events++;
	hash_add(run.now);
	hash_add(what.ptr[0]);
	for (u32 i = 0; i < n; i++)
		hash_add(values[i]);
	if (run.trace >= 0)
		trace_line(what, values, n);
}

u64
seeded_digest(const void *data, size_t len)
{
	u64 digest = len;
	for (size_t i = 0; i < len; i++)
		digest = (digest ^ ((const u8 *)data)[i]) * 0x100000001b3;
	return digest;
}

static void
say(const char *what)
{
	u8 text[160];
	struct bytes room = { text, sizeof(text) };
	struct moment moment = time_stop();
	struct cbytes words = { (const u8 *)what, __builtin_strlen(what) };
	size_t len = format_text(room, "hosted: {}: seed {}, {} events, {} ns, hash {x}\n", words, run.seed, run.events, moment.now, run.hash);
	hosted_write(2, text, MIN(len, sizeof(text)));
	time_go(moment);
}

void
seeded_parted(const char *why)
{
	if (!hosted_seeded || run.parted)
		return;
	run.parted = true;
	say(why);
}

void
seeded_end(void)
{
	if (!hosted_seeded)
		return;
	if (run.trace >= 0)
		trace_flush();
	say(run.parted ? "not to be replayed" : "the end");
}

/* --- time --- */

static void
due_set(void)
{
	run.due = MIN(run.disturb, run.timer);
}

/** How long the CPU is away; the more often, the more seldom for long: work must go on in the time that others allow for it. */
static u64
away_draw(void)
{
	u64 choice = draw(&run.disturbing) % 1024, long_share = (u64)256 >> (PACE_MAX - run.pace);
	return choice < long_share ? draw_magnitude(22, 23) : choice < 512 ? draw_magnitude(6, run.pace) : 0;
}

static void
disturb(void)
{
	u64 away = away_draw();
	run.disturb = run.now + away + draw_magnitude(4, run.pace);
	run.now += away;
	if (away == 0) {
		__atomic_store_n(&this_cpu()->resched, 1, __ATOMIC_SEQ_CST);
		hosted_post(0, (u32)HOSTED_IPI << IPI_RESCHEDULE);
	}
	seeded_event(TEXT("disturbed"), &away, 1);
}

static void
due_look(void)
{
	if (run.now >= run.disturb)
		disturb();
	if (run.now >= run.timer) {
		run.timer = TIME_NEVER;
		hosted_post(0, HOSTED_TIMER);
	}
	due_set();
}

void
seeded_pass(u64 ns)
{
	run.now += ns;
	if (run.now >= run.due)
		due_look();
}

u64
seeded_clock(void)
{
	return run.now;
}

u64
seeded_realtime(void)
{
	return EPOCH + run.now;
}

void
seeded_timer(u64 deadline_ns)
{
	seeded_event(TEXT("timer"), &deadline_ns, 1);
	run.timer = deadline_ns;
	due_set();
}

bool
seeded_random(u64 *out)
{
	*out = draw(&run.entropy);
	return true;
}

/** Nothing is to be done: what comes next is input, the next timer, or nothing ever. */
void
seeded_idle(void)
{
	while (!hosted_events_wait(&this_cpu()->arch)) {
		if (hosted_uart_receive(run.timer == TIME_NEVER ? -1 : 0))
			continue;
		if (run.timer == TIME_NEVER) {
			seeded_parted("idle for ever: no timer is set, no input can come");
			arch_power_off(HOSTED_IDLE_FOR_EVER);
		}
		run.now = MAX(run.now, run.timer);
		due_look();
	}
}

void
seeded_start(u64 seed, int trace)
{
	run.now = 0;
	run.seed = run.disturbing = seed;
	run.entropy = ~seed;
	run.trace = trace;
	run.pace = PACE_MIN + (u32)(draw(&run.disturbing) % (PACE_MAX + 1 - PACE_MIN));
	run.disturb = draw_magnitude(4, run.pace);
	due_set();
	say("deterministic");
}

/* --- user programs --- */

void
seeded_user(struct cbytes what, const struct user_regs *regs, u64 kind)
{
	if (!hosted_seeded)
		return;
	u64 all = seeded_digest(regs, sizeof(*regs));
	const u64 values[] = { kind, regs->rip, regs->rax, regs->rdi, regs->rsi, regs->rdx, regs->r10, regs->r8, regs->r9, all };
	seeded_event(what, values, COUNTOF(values));
	run.runs++;
}

/**
 * A user program has not come back for a while. It may spin until another runs: only the host's time ends that, and the run is not to be
 * replayed from there on.
 */
bool
seeded_watch(i32 process)
{
	u64 t[2] = {};
	HOST_CALL(HOST_CLOCK_GETTIME, ~(u64)(u32)process << 3 | WATCH_CLOCK, t);
	u64 used = t[0] * NS_PER_SEC + t[1];
	if (run.watched != run.runs) {
		run.watched = run.runs;
		run.watched_since = used;
	}
	u64 patience = run.parted ? WATCH_AGAIN_NS : WATCH_NS;
	if (run.timer == TIME_NEVER || used - run.watched_since < patience)
		return false;
	seeded_parted("a program spins: interrupted by the host's time");
	run.now = MAX(run.now + patience, run.timer);
	due_look();
	return true;
}

/* --- points at loads and stores (-fsanitize-coverage=trace-loads,trace-stores) --- */

#define POINT(name)                                                                                                    \
	void name(void *at);                                                                                           \
	[[clang::disable_sanitizer_instrumentation]] void                                                              \
	name(void *at)                                                                                                 \
	{                                                                                                              \
		(void)at;                                                                                              \
		if (__builtin_expect(hosted_seeded, false) && (run.now += LOAD_STORE_NS) >= run.due)                   \
			seeded_point(0);                                                                               \
	}
POINT(__sanitizer_cov_load1)
POINT(__sanitizer_cov_load2)
POINT(__sanitizer_cov_load4)
POINT(__sanitizer_cov_load8)
POINT(__sanitizer_cov_load16)
POINT(__sanitizer_cov_store1)
POINT(__sanitizer_cov_store2)
POINT(__sanitizer_cov_store4)
POINT(__sanitizer_cov_store8)
POINT(__sanitizer_cov_store16)
