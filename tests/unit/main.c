// SPDX-License-Identifier: MPL-2.0
/**
 * The services' part of a test image: runs the unit tests that are linked in, and powers off with 0 where all passed.
 *
 * Command line: `filter=TEXT` only tests whose "file: name" contains TEXT, `skip=TEXT,TEXT…` none of those; `list` names them; `timeout=SECONDS` of one test (180).
 * Each test runs in a task of its own. A test also fails where it leaves heap objects or frames behind.
 */
#include "program.h"
#include "../../services/lib/work.h"
#include <cadre/boot.h>
#include <cadre/frame.h>
#include <cadre/object.h>
#include <cadre/sync.h>
#include <cadre/task.h>
#include <cadre/time.h>
#include <mm/test/parallel.h>

#include <inode.h>

extern const struct test __start_tests[], __stop_tests[];

enum : u32 { TESTS_MAX = 2048, HEAPS_MAX = 1024, LEAK_WAITS = 1000, LEAK_WAITS_INSIDE = 50 };

static const struct test *tests[TESTS_MAX];   /* [self] in the order of running */
static struct {
	const struct test *test;              /* [self] the one that runs */
	const char *skipped;                  /* [self] of the test's task */
	u32 failures;                         /* [atomic] */
	u64 leaves;                           /* [self] of the test's task: test_leaves */
} running;

static bool services_started;        /* [self] */

static struct cbytes
text_of(const char *text)
{
	size_t len = 0;
	while (text[len] != 0)
		len++;
	return (struct cbytes){ (const u8 *)text, len };
}

#define PRINT(format, ...)                                                                                             \
	do {                                                                                                           \
		u8 line_[400];                                                                                         \
		struct bytes room_ = { line_, sizeof(line_) };                                                         \
		size_t len_ = format_text(room_, format, __VA_ARGS__);                                                 \
		console_write((struct cbytes){ line_, MIN(len_, sizeof(line_)) });                                     \
	} while (0)

void
test_fail(const char *file, u32 line, const char *what, u64 left, u64 right)
{
	__atomic_fetch_add(&running.failures, 1, __ATOMIC_RELAXED);
	PRINT("FAIL {}: {} ({}:{}): {}", text_of(running.test->file), text_of(running.test->name), text_of(file), line, text_of(what));
	if (left != right)
		PRINT(" ({x} and {x})", left, right);
	PRINT("\n{}", TEXT(""));
}

u32 test_failures(void) { return __atomic_load_n(&running.failures, __ATOMIC_RELAXED); }

void
test_skip(const char *why)
{
	running.skipped = why;
}

void
test_leaves(u64 objects)
{
	running.leaves = objects;
}

/* --- choosing --- */

static bool
contains(struct cbytes text, struct cbytes part)
{
	for (size_t i = 0; i + part.len <= text.len; i++)
		if (cbytes_equal(cbytes_sub(text, i, part.len), part))
			return true;
	return false;
}

/** Whether `text` has one of the parts, which commas separate, in it. */
static bool
contains_any(struct cbytes text, struct cbytes parts)
{
	for (size_t from = 0, at = 0; at <= parts.len; at++) {
		if (at < parts.len && parts.ptr[at] != ',')
			continue;
		if (at > from && contains(text, cbytes_sub(parts, from, at - from)))
			return true;
		from = at + 1;
	}
	return false;
}

static bool
chosen(const struct test *test, struct cbytes filter, struct cbytes skip)
{
	u8 name[400];
	struct bytes room = { name, sizeof(name) };
	size_t len = format_text(room, "{}: {}", text_of(test->file), text_of(test->name));
	struct cbytes full = { name, MIN(len, sizeof(name)) };
	return contains(full, filter) && !contains_any(full, skip);
}

/** The tests that are chosen, sorted by file; the order within a file stays. */
static u32
tests_collect(struct cbytes filter, struct cbytes skip)
{
	u32 n = 0;
	for (const struct test *test = __start_tests; test < __stop_tests && n < TESTS_MAX; test++) {
		if (!chosen(test, filter, skip))
			continue;
		u32 at = n++;
		for (; at > 0 && cbytes_compare(text_of(tests[at - 1]->file), text_of(test->file)) > 0; at--)
			tests[at] = tests[at - 1];
		tests[at] = test;
	}
	return n;
}

/* --- leaks --- */

struct usage {
	u64 live[HEAPS_MAX];   /* objects by heap id */
	u64 untyped;           /* frames that are neither free nor the framework's */
};
static struct usage before, after;   /* [self] */

static void
usage_read(struct usage *usage)
{
	u8 name[8];
	struct heap_stat heap;
	struct memory_stat memory = memory_stat();
	usage->untyped = memory.total - memory.free - memory.framework - memory.heap - memory.page_tables;
	for (u32 id = 1; id < HEAPS_MAX; id++)
		usage->live[id] = heap_stat_read(id, &heap, (struct bytes){ name, sizeof(name) }) ? heap.live : 0;
}

/** The heap that has more objects than before; 0: none, HEAPS_MAX: untyped frames are missing. */
static u32
leak_find(void)
{
	usage_read(&after);
	for (u32 id = 1; id < HEAPS_MAX; id++)
		if (after.live[id] > before.live[id] + running.leaves)
			return id;
	return after.untyped > before.untyped + running.leaves ? HEAPS_MAX : 0;
}

/** What a test started may end a little later (stacks of tasks, RCU, work): there is time for that. */
static bool
leaked(u32 waits)
{
	u8 name[48];
	struct heap_stat heap;
	size_t len = 0;
	u32 id = leak_find();
	if (id != 0)
		spaces_unload();   /* a space that an idle CPU has loaded is no leak */
	if (id != 0 && services_started)
		fs_drop_caches();
	for (u32 i = 0; id != 0 && i < waits; i++) {
		rcu_synchronize();
		(void)task_sleep_until(clock_now() + 10 * NS_PER_MS, false);
		id = leak_find();
	}
	if (id == 0)
		return false;
	if (id == HEAPS_MAX) {
		PRINT("leak {}: {}: {} frames\n", text_of(running.test->file), text_of(running.test->name), after.untyped - before.untyped);
		return true;
	}
	heap_stat_read(id, &heap, (struct bytes){ name, sizeof(name) });
	while (len < sizeof(name) && name[len] != 0)
		len++;
	PRINT("leak {}: {}: {} objects of {}\n", text_of(running.test->file), text_of(running.test->name),
		after.live[id] - before.live[id], ((struct cbytes){ name, len }));
	return true;
}

bool test_usage_grown(void) { return leaked(LEAK_WAITS_INSIDE); }

void
test_usage_mark(void)
{
	fs_drop_caches();
	rcu_synchronize();
	usage_read(&before);
}

/* --- running --- */

enum outcome : u32 { PASSED, FAILED, SKIPPED, OUTCOMES };

static void
test_body(struct object *unused)
{
	(void)unused;
	running.test->run();
}

static bool
run_in_task(u64 timeout_ns)
{
	struct task *task = nullptr;
	if (task_create(test_body, nullptr, text_of(running.test->name), &task) != OK || task_start(task) != OK) {
		test_fail(__FILE__, __LINE__, "no memory for the test's task", 0, 0);
		return true;
	}
	bool ended = task_join(task, clock_now() + timeout_ns) == OK;
	if (!ended)
		test_fail(__FILE__, __LINE__, "ran into its timeout", 0, 0);
	else if (task_ended(task) == TASK_TRAPPED)
		test_fail(__FILE__, __LINE__, "trapped", 0, 0);
	task_put(task);
	return ended;
}

/** Before the first test that needs services, so that tests of the framework have the machine to themselves. */
static void
services_start_for(const struct test *test)
{
	struct cbytes file = text_of(test->file);
	struct cbytes folder = cbytes_sub(file, 0, MIN(file.len, (size_t)9));
	if (services_started || (!contains(folder, TEXT("services/")) && !contains(folder, TEXT("tests/"))))
		return;
	services_started = true;
	running.test = test;
	running.failures = 0;
	program_start_services();
	if (running.failures != 0)
		power_off(1);
}

static enum outcome
test_run(const struct test *test, u64 timeout_ns)
{
	services_start_for(test);
	if (services_started)
		fs_drop_caches();
	running.test = test;
	running.skipped = nullptr;
	running.failures = 0;
	running.leaves = 0;
	usage_read(&before);
	if (!run_in_task(timeout_ns)) {
		PRINT("a test hangs: the rest is not run\n{}", TEXT(""));
		power_off(1);
	}
	if (running.failures == 0 && leaked(LEAK_WAITS))
		running.failures++;
	if (running.failures != 0) {
		PRINT("FAIL {}: {}\n", text_of(test->file), text_of(test->name));
		return FAILED;
	}
	if (running.skipped != nullptr) {
		PRINT("skip {}: {}: {}\n", text_of(test->file), text_of(test->name), text_of(running.skipped));
		return SKIPPED;
	}
	PRINT("ok   {}: {}\n", text_of(test->file), text_of(test->name));
	return PASSED;
}

/** The value of `timeout=`, in seconds. */
static u64
timeout_option(void)
{
	u8 value[8];
	size_t len = 0;
	u64 seconds = 0;
	if (!boot_option(TEXT("timeout"), (struct bytes){ value, sizeof(value) }, &len))
		return 180 * NS_PER_SEC;
	for (size_t i = 0; i < MIN(len, sizeof(value)); i++)
		seconds = seconds * 10 + (u64)(value[i] - '0');
	return seconds * NS_PER_SEC;
}

static void no_work(struct object *arg) { (void)arg; }

static void
tests_run(struct object *unused)
{
	(void)unused;
	u8 filter[128], skip[128];
	size_t len = 0, skip_len = 0;
	if (!boot_option(TEXT("filter"), (struct bytes){ filter, sizeof(filter) }, &len))
		len = 0;
	if (!boot_option(TEXT("skip"), (struct bytes){ skip, sizeof(skip) }, &skip_len))
		skip_len = 0;
	u32 n = tests_collect((struct cbytes){ filter, MIN(len, sizeof(filter)) }, (struct cbytes){ skip, MIN(skip_len, sizeof(skip)) });
	bool list = boot_option(TEXT("list"), (struct bytes){ filter, 0 }, &len);
	u32 count[OUTCOMES] = {};
	u64 timeout_ns = timeout_option();
	/* The first item starts the workers, which stay: no test's leak. */
	struct work *work = nullptr;
	if (work_create(no_work, nullptr, &work) == OK)
		work_put(work);
	for (u32 i = 0; i < n; i++) {
		if (list)
			PRINT("{}: {}\n", text_of(tests[i]->file), text_of(tests[i]->name));
		else
			count[test_run(tests[i], timeout_ns)]++;
	}
	if (!list)
		PRINT("{} passed, {} failed, {} skipped\n", count[PASSED], count[FAILED], count[SKIPPED]);
	power_off(count[FAILED] != 0);
}

/** In a task of its own: should the runner itself trap, that is a failure, and no machine that waits for ever. */
void
kernel_main(void)
{
	struct task *task = nullptr;
	if (task_create(tests_run, nullptr, TEXT("tests"), &task) == OK && task_start(task) == OK)
		(void)task_join(task, TIME_NEVER);
	PRINT("the runner of the tests has trapped\n{}", TEXT(""));
	power_off(1);
}
