// SPDX-License-Identifier: MPL-2.0
/**
 * libFuzzer beside the hosted kernel: it runs on a thread of the host that is no CPU, and hands each input to a program of a test, which waits for an interrupt.
 *
 * The input that runs stands in the file that FUZZ_CURRENT names, too, a mapping: whatever ends the kernel leaves it there. So do findings that are
 * no crash: a trap that was contained, an expectation that was not met, an input that does not end, objects that stay.
 * After every WINDOW inputs objects are counted. Where there are more of a type than before, the inputs of the window are run again, as often as tells
 * a leak from a cache that fills.
 */
#include "driver.h"

#include <hosted.h>
#include <program.h>
#include <calls.h>

#include <cadre/boot.h>
#include <cadre/contain.h>
#include <cadre/irq.h>
#include <cadre/sync.h>

[[noreturn]] void abort(void);
int atexit(void (*fn)(void));
char *getenv(const char *name);
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*one)(const u8 *data, size_t size));
size_t LLVMFuzzerCustomMutator(u8 *bytes, size_t len, size_t max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const u8 *a, size_t a_len, const u8 *b, size_t b_len, u8 *out, size_t max, unsigned seed);

enum : u32 { GSI = 20, WINDOW = 128, AGAIN = 24, MARGIN = 8, INPUT_MAX = 65536, PATIENCE_SECONDS = 60 };
enum want : u32 { WANT_RUN, WANT_COUNT, WANT_MARK, WANT_END };

static const struct fuzz_target *const targets[] = { &fuzz_calls, &fuzz_exec, &fuzz_random };
static const struct fuzz_target *target;   /* [const] */
static u8 *current;                        /* [const] INPUT_MAX + 8 bytes: the length, the input */
static struct { enum want want; const u8 *bytes; u32 len; bool found; } request;   /* [const] between asking and answer */
static u32 asked, answered;                /* [atomic] numbers of requests */
static struct wait_queue arrived;

/* --- the kernel's side --- */

static bool
on_interrupt(struct object *unused)
{
	(void)unused;
	wake_all(&arrived);
	return true;
}

static void
requests_serve(void)
{
	struct irq_line *line = nullptr;
	target->start();
	EXPECT_EQ(irq_line_acquire(GSI, IRQ_EDGE_HIGH, on_interrupt, nullptr, 0, &line), OK);
	for (bool go_on = true; go_on;) {
		(void)WAIT_UNTIL(&arrived, __atomic_load_n(&asked, __ATOMIC_SEQ_CST) != answered, WAIT_PLAIN, TIME_NEVER);
		u64 traps = contain_count();
		u32 failures = test_failures();
		if (request.want == WANT_RUN)
			target->run(request.bytes, request.len);
		if (request.want == WANT_MARK)
			test_usage_mark();
		request.found = contain_count() != traps || test_failures() != failures || (request.want == WANT_COUNT && test_usage_grown());
		go_on = request.want != WANT_END;
		__atomic_store_n(&answered, answered + 1, __ATOMIC_SEQ_CST);
		hosted_futex_wake(&answered);
	}
	irq_line_release(line);
}

/* --- libFuzzer's side --- */

static bool
ask(enum want want, const u8 *bytes, size_t len)
{
	u32 before = __atomic_load_n(&answered, __ATOMIC_SEQ_CST);
	request = (typeof(request)){ want, bytes, (u32)len, false };
	__atomic_fetch_add(&asked, 1, __ATOMIC_SEQ_CST);
	hosted_raise_irq(GSI);
	while (__atomic_load_n(&answered, __ATOMIC_SEQ_CST) == before)
		if (hosted_futex_wait(&answered, before, PATIENCE_SECONDS * NS_PER_SEC) == -HOST_ETIMEDOUT) {
			static const char text[] = "fuzz: the input does not end\n";
			hosted_write(2, text, sizeof(text) - 1);
			abort();
		}
	return request.found;
}

static void
current_set(const u8 *bytes, size_t len)
{
	*(u64 *)current = len;
	__builtin_memcpy(current + 8, bytes, len);
}

[[noreturn]] static void
finding(const char *what)
{
	hosted_write(2, what, __builtin_strlen(what));
	abort();
}

/* The inputs since the count before. */
static struct { u8 *bytes; u32 len[WINDOW], n; } window;

static void
window_repeat(u32 first, u32 n)
{
	for (u32 round = 0; round < AGAIN; round++)
		for (u32 i = first; i < first + n; i++) {
			const u8 *bytes = window.bytes + (size_t)i * INPUT_MAX;
			current_set(bytes, window.len[i]);
			if (ask(WANT_RUN, bytes, window.len[i]))
				finding("fuzz: a trap, or an expectation of the fixture that was not met, at another try\n");
		}
}

/** There are more objects than before: an input that leaves some does so each time, a cache is full at some time. */
static void
window_search(void)
{
	(void)ask(WANT_MARK, nullptr, 0);
	window_repeat(0, window.n);
	if (!ask(WANT_COUNT, nullptr, 0))
		return;
	for (u32 i = 0; i < window.n; i++) {
		(void)ask(WANT_MARK, nullptr, 0);
		window_repeat(i, 1);
		if (ask(WANT_COUNT, nullptr, 0))
			finding("fuzz: the input leaves objects, each time\n");
	}
	(void)ask(WANT_MARK, nullptr, 0);
}

static int
one_input(const u8 *bytes, size_t len)
{
	len = MIN(len, (size_t)INPUT_MAX);
	current_set(bytes, len);
	if (ask(WANT_RUN, bytes, len))
		finding("fuzz: a trap, or an expectation of the fixture that was not met\n");
	window.len[window.n] = (u32)len;
	__builtin_memcpy(window.bytes + (size_t)window.n++ * INPUT_MAX, bytes, len);
	if (window.n < WINDOW)
		return 0;
	if (ask(WANT_COUNT, nullptr, 0))
		window_search();
	window.n = 0;
	return 0;
}

size_t
LLVMFuzzerCustomMutator(u8 *bytes, size_t len, size_t max, unsigned seed)
{
	return target->mutate == nullptr ? LLVMFuzzerMutate(bytes, len, max) : target->mutate(bytes, len, max, seed);
}

size_t
LLVMFuzzerCustomCrossOver(const u8 *a, size_t a_len, const u8 *b, size_t b_len, u8 *out, size_t max, unsigned seed)
{
	return target->cross == nullptr ? 0 : target->cross(a, a_len, b, b_len, out, max, seed);
}

/* --- the beginning --- */

static struct { int argc; char **argv; } arguments;
static u32 ready;   /* [atomic] */

static void
made_print(void)
{
	u8 line[64];
	if (target->made == nullptr)
		return;
	size_t len = format_text(((struct bytes){ line, sizeof(line) }), "{} system calls\n", target->made());
	hosted_write(2, line, len);
}

static void *
fuzzer_thread(void *unused)
{
	(void)unused;
	while (__atomic_load_n(&ready, __ATOMIC_SEQ_CST) == 0)
		hosted_futex_wait(&ready, 0, TIME_NEVER);
	atexit(made_print);
	(void)LLVMFuzzerRunDriver(&arguments.argc, &arguments.argv, one_input);
	if (window.n != 0 && ask(WANT_COUNT, nullptr, 0))
		window_search();
	(void)ask(WANT_END, nullptr, 0);
	return nullptr;
}

void
hosted_beside(int argc, char **argv)
{
	const char *path = getenv("FUZZ_CURRENT");
	long fd = HOST_CALL(HOST_OPEN, path != nullptr ? path : "/dev/null", 2 | 0100 | 01000, 0644);
	bool file = path != nullptr && fd >= 0 && HOST_CALL(HOST_FTRUNCATE, fd, INPUT_MAX + 8) == 0;
	current = mmap(nullptr, INPUT_MAX + 8, HOST_PROT_RW, file ? HOST_MAP_SHARED : HOST_MAP_PRIVATE | HOST_MAP_ANONYMOUS, file ? (int)fd : -1, 0);
	window.bytes = mmap(nullptr, (size_t)WINDOW * INPUT_MAX, HOST_PROT_RW, HOST_MAP_PRIVATE | HOST_MAP_ANONYMOUS | HOST_MAP_NORESERVE, -1, 0);
	arguments = (typeof(arguments)){ argc, argv };
	hosted_host_thread(fuzzer_thread, nullptr);
}

TEST(inputs_of_libfuzzer_neither_trap_nor_leak)
{
	u8 name[16];
	size_t len = 0;
	if (!boot_option(TEXT("fuzz"), (struct bytes){ name, sizeof(name) }, &len)) {
		test_skip("only with fuzz=NAME");
		return;
	}
	for (u32 i = 0; i < COUNTOF(targets); i++)
		if (len == __builtin_strlen(targets[i]->name) && __builtin_memcmp(name, targets[i]->name, len) == 0)
			target = targets[i];
	EXPECT(target != nullptr);
	if (target == nullptr)
		return;
	test_leaves(MARGIN);
	__atomic_store_n(&ready, 1, __ATOMIC_SEQ_CST);
	hosted_futex_wake(&ready);
	program_run_until(requests_serve, TIME_NEVER);
}
