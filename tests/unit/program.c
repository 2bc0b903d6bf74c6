// SPDX-License-Identifier: MPL-2.0
// Processes whose program is a function of a test: process 1 makes each by a fork, as one that executes nothing.
#include "program.h"

#include <cadre/contain.h>
#include <cadre/sync.h>

#include <clock.h>
#include <devfs.h>
#include <epoll.h>
#include <futex.h>
#include <inode.h>
#include <mman.h>
#include <mqueue.h>
#include <pipe.h>
#include <process_impl.h>
#include <procfs.h>
#include <random.h>
#include <sched.h>
#include <sysfs.h>
#include <sysv.h>
#include <time_calls.h>
#include <tmpfs.h>
#include <tty.h>

enum : u64 { CLONE_THREAD_FLAGS = 0x10f00, FORK_FLAGS = SIGCHLD, SIGNAL_IGNORED = 1 };

typedef void body_fn(void);
static struct wait_queue asked, done;
static body_fn *wanted;           /* [atomic] what the next child of process 1 runs */
static u32 programs, threads;     /* [atomic] that have not ended */
static body_fn *thread_bodies[64], *fork_bodies[64];  /* [atomic] handed to a thread, a child: taken once */

/* --- the program's side --- */

uaddr_t
program_put(u64 offset, const void *bytes, size_t len)
{
	EXPECT_EQ(copy_out(program_at(offset), (struct cbytes){ bytes, len }), OK);
	return program_at(offset);
}

void
program_get(u64 offset, void *bytes, size_t len)
{
	EXPECT_EQ(copy_in((struct bytes){ bytes, len }, program_at(offset)), OK);
}

uaddr_t
program_text(u64 offset, const char *text)
{
	size_t len = 0;
	while (text[len++] != 0)
		continue;
	return program_put(offset, text, len);
}

static void
call(struct object *arg)
{
	(*(body_fn **)arg)();
}

void
program_thread_life(struct object *object, body_fn *body)
{
	struct thread *thread = thread_from(object);
	vm_map_activate(thread_own_map(thread));
	if (!contain_call(call, (struct object *)&body))
		test_fail(__FILE__, __LINE__, "a program's thread trapped", 0, 0);
	task_clear_interrupt();
	thread_end(thread);
	thread_put(thread);
}

static body_fn *
body_take(body_fn **bodies)
{
	for (u32 i = 0; i < 64; i++) {
		body_fn *body = __atomic_exchange_n(&bodies[i], nullptr, __ATOMIC_SEQ_CST);
		if (body != nullptr)
			return body;
	}
	return nullptr;
}

static void
body_give(body_fn **bodies, body_fn *body)
{
	for (u32 i = 0; i < 64; i++) {
		body_fn *none = nullptr;
		if (__atomic_compare_exchange_n(&bodies[i], &none, body, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return;
	}
	test_fail(__FILE__, __LINE__, "too many threads at once", 0, 0);
}

static void
thread_child(struct object *object)
{
	program_thread_life(object, body_take(thread_bodies));
	__atomic_fetch_sub(&threads, 1, __ATOMIC_SEQ_CST);
	wake_all(&done);
}

/** Takes back what body_give handed to a thread that there is not. Which of them does not matter. */
static err_t
unless_made(err_t err, body_fn **bodies)
{
	if (err != OK)
		(void)body_take(bodies);
	return err;
}

err_t
program_thread_try(body_fn *body)
{
	u64 tid = 0;
	body_give(thread_bodies, body);
	__atomic_fetch_add(&threads, 1, __ATOMIC_SEQ_CST);
	err_t err = unless_made(clone_with_body(CLONE_THREAD_FLAGS, thread_child, &tid), thread_bodies);
	if (err != OK)
		__atomic_fetch_sub(&threads, 1, __ATOMIC_SEQ_CST);
	return err;
}

void
program_thread(body_fn *body)
{
	EXPECT_EQ(program_thread_try(body), OK);
}

void
program_join(void)
{
	EXPECT_EQ(WAIT_UNTIL(&done, __atomic_load_n(&threads, __ATOMIC_SEQ_CST) == 0, WAIT_PLAIN, clock_now() + 60 * NS_PER_SEC), OK);
}

static void
fork_child(struct object *object)
{
	program_thread_life(object, body_take(fork_bodies));
}

err_t
program_fork_try(body_fn *body, u64 *pid)
{
	body_give(fork_bodies, body);
	return unless_made(clone_with_body(FORK_FLAGS, fork_child, pid), fork_bodies);
}

u32
program_fork(body_fn *body)
{
	u64 pid = 0;
	EXPECT_EQ(program_fork_try(body, &pid), OK);
	return (u32)pid;
}

/* --- process 1 --- */

static void
program_child(struct object *object)
{
	body_fn *body = __atomic_exchange_n(&wanted, nullptr, __ATOMIC_SEQ_CST);
	program_thread_life(object, body);
	__atomic_store_n(&programs, 0, __ATOMIC_SEQ_CST);
	wake_all(&done);
}

/** Children that end are not waited for. */
static void
children_ignore(void)
{
	u64 action[4] = { SIGNAL_IGNORED };
	program_put(0, action, sizeof(action));
	EXPECT_EQ(sys_rt_sigaction(SIGCHLD, program_at(0), UADDR(0), 8), OK);
}

static void
file_systems_mount(void)
{
	static const struct { const char *at, *type; } mounts[] = { { "/dev", "devtmpfs" }, { "/proc", "proc" }, { "/sys", "sysfs" }, { "/tmp", "tmpfs" },
		{ "/dev/pts", "devpts" } };
	for (u32 i = 0; i < COUNTOF(mounts); i++) {
		uaddr_t at = program_text(0, mounts[i].at);
		(void)!sys_mkdir(at, 0755);
		EXPECT_EQ(sys_mount(at, at, program_text(100, mounts[i].type), 0, UADDR(0)), OK);
	}
}

static void
first_process(struct object *object) NO_THREAD_SAFETY("its own map, before anybody else looks")
{
	struct thread *thread = thread_from(object);
	struct vm_request area = { .address = UADDR(PROGRAM_AREA), .len = PROGRAM_AREA_LEN, .prot = VM_READ | VM_WRITE, .place = VM_PLACE_FIXED,
		.flags = VM_MAY_WRITE | VM_MAY_EXEC };
	uaddr_t at;
	u64 pid = 0;
	EXPECT_EQ(vm_map_create(&thread->map), OK);
	vm_map_use(thread->map);
	vm_map_activate(thread->map);
	EXPECT_EQ(vm_map_add(thread->map, &area, &at), OK);
	children_ignore();
	file_systems_mount();
	for (;;) {
		(void)WAIT_UNTIL(&asked, __atomic_load_n(&programs, __ATOMIC_SEQ_CST) == 1, WAIT_PLAIN, TIME_NEVER);
		task_clear_interrupt();
		__atomic_store_n(&programs, 2, __ATOMIC_SEQ_CST);
		err_t err = clone_with_body(FORK_FLAGS, program_child, &pid);
		if (err == OK)
			continue;
		test_fail(__FILE__, __LINE__, "no process for the test", err, OK);
		__atomic_store_n(&programs, 0, __ATOMIC_SEQ_CST);
		wake_all(&done);
	}
}

void
program_run_until(body_fn *body, u64 deadline)
{
	__atomic_store_n(&wanted, body, __ATOMIC_SEQ_CST);
	__atomic_store_n(&programs, 1, __ATOMIC_SEQ_CST);
	wake_all(&asked);
	EXPECT_EQ(WAIT_UNTIL(&done, __atomic_load_n(&programs, __ATOMIC_SEQ_CST) == 0, WAIT_PLAIN, deadline), OK);
}

void
program_run(body_fn *body)
{
	program_run_until(body, clock_now() + 170 * NS_PER_SEC);
}

/** What is made once, and stays, is made here: no test's leak. */
static void
use_once(void)
{
	u64 fd = 0;
	EXPECT_EQ(sys_pipe2(program_at(0), 0), OK);
	EXPECT_EQ(sys_memfd_create(program_text(0, "once"), 0, &fd), OK);
	EXPECT_EQ(sys_eventfd2(0, 0, &fd), OK);
	EXPECT_EQ(sys_epoll_create1(0, &fd), OK);
	EXPECT_EQ(sys_socketpair(1, 1, 0, program_at(0)), OK);
	EXPECT_EQ(sys_open(program_text(0, "/dev/ptmx"), 2, 0, &fd), OK);
	EXPECT_EQ(sys_open(program_text(0, "/proc/self/maps"), 0, 0, &fd), OK);
	/* A sparse array stays as high as it ever was. */
	struct user_account *highest = user_account_find(~(u32)1);
	EXPECT(highest != nullptr);
	user_account_put(highest);
}

/** As services/init/init.c, but for what there is no machine behind: serial lines, the initial file system. */
void
program_start_services(void)
{
	clock_start();
	EXPECT_EQ(thread_init(), OK);
	sched_init();
	EXPECT_EQ(vm_init(), OK);
	EXPECT_EQ(mman_init(), OK);
	tmpfs_init();
	EXPECT_EQ(fs_init(), OK);
	futex_init();
	time_init();
	event_init();
	pipe_init();
	sysv_init();
	random_start();
	EXPECT_EQ(devfs_init(), OK);
	EXPECT_EQ(random_init(), OK);
	EXPECT_EQ(tty_init(), OK);
	EXPECT_EQ(mqueue_init(), OK);
	EXPECT_EQ(process_start(), OK);
	EXPECT_EQ(procfs_init(), OK);
	sysfs_init();
	EXPECT_EQ(process_make_first(first_process), OK);
	program_run(use_once);
}
