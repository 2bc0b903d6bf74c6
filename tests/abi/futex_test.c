// SPDX-License-Identifier: MPL-2.0
// Threads and futexes: the calls below pthreads.
// syscalls: futex futex_waitv set_tid_address set_robust_list get_robust_list clone exit sched_yield gettid
#include "abi.h"
#include <linux/futex.h>

static long
futex(void *at, int op, unsigned val, const void *timeout, void *at2, unsigned val3)
{
	return syscall(SYS_futex, at, op, val, timeout, at2, val3);
}

static unsigned *
shared_words(void)
{
	return mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

TEST("FUTEX_WAIT compares, times out, and refuses")
{
	unsigned word = 5;
	struct timespec t = { 0, 30000000 }, bad = { 0, 1000000000 }, past = { 1, 0 };
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 4, NULL, NULL, 0), EAGAIN);
	long long start = now_ms();
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, &t, NULL, 0), ETIMEDOUT);
	CHECK(now_ms() - start >= 30);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_PRIVATE, 5, &t, NULL, 0), ETIMEDOUT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, &bad, NULL, 0), EINVAL);
	CHECK_ERRNO(futex((char *)&word + 1, FUTEX_WAIT, 5, NULL, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(BAD, FUTEX_WAIT, 5, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT, 5, BAD, NULL, 0), EFAULT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 5, &past, NULL, ~0u), ETIMEDOUT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &past, NULL, ~0u), ETIMEDOUT);
	CHECK_ERRNO(futex(&word, FUTEX_WAIT_BITSET, 5, &past, NULL, 0), EINVAL);
	CHECK_ERRNO(futex(&word, 99, 5, NULL, NULL, 0), ENOSYS);
	CHECK_ERRNO(futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0), ENOSYS);
	CHECK_EQ(futex(&word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
	CHECK_ERRNO(futex(BAD, FUTEX_WAKE, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERRNO(futex((char *)&word + 2, FUTEX_WAKE, 1, NULL, NULL, 0), EINVAL);
	CHECK_EQ(futex(BAD, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
}

TEST("FUTEX_WAKE wakes as many as it is told, across processes")
{
	unsigned *word = shared_words();
	pid_t kids[3];
	for (int i = 0; i < 3; i++)
		kids[i] = SPAWN(_exit(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 3 : 1));
	for (int i = 0; i < 3; i++)
		wait_asleep(kids[i]);
	CHECK_EQ(futex(word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	int status;
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK_EQ(WEXITSTATUS(status), 3);
	CHECK_EQ(futex(word, FUTEX_WAKE, 9, NULL, NULL, 0), 2);
	CHECK(waitpid(-1, &status, 0) > 0);
	CHECK(waitpid(-1, &status, 0) > 0);
}

TEST("bit sets choose whom to wake")
{
	unsigned *word = shared_words();
	pid_t a = SPAWN(_exit(futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 1) == 0 ? 1 : 99));
	pid_t b = SPAWN(_exit(futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 2) == 0 ? 2 : 99));
	wait_asleep(a);
	wait_asleep(b);
	CHECK_EQ(futex(word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 4), 0);
	CHECK_EQ(futex(word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 2), 1);
	CHECK_EQ(reap(b), 2);
	CHECK_ERRNO(futex(word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 0), EINVAL);
	CHECK_EQ(futex(word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 3), 1);
	CHECK_EQ(reap(a), 1);
}

TEST("FUTEX_CMP_REQUEUE moves waiters to another word")
{
	unsigned *word = shared_words();
	pid_t kids[3];
	for (int i = 0; i < 3; i++)
		kids[i] = SPAWN(_exit(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0) == 0 ? 3 : 1));
	for (int i = 0; i < 3; i++)
		wait_asleep(kids[i]);
	CHECK_ERRNO(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)9, word + 1, 7), EAGAIN);
	CHECK_EQ(futex(word, FUTEX_CMP_REQUEUE, 1, (void *)9, word + 1, 0), 3);
	CHECK_EQ(futex(word, FUTEX_WAKE, 9, NULL, NULL, 0), 0);
	CHECK_EQ(futex(word + 1, FUTEX_WAKE, 9, NULL, NULL, 0), 2);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(reap(kids[i]), 3);
	CHECK_EQ(futex(word, FUTEX_REQUEUE, 1, (void *)1, word + 1, 0), 0);
}

TEST("FUTEX_WAKE_OP changes a word and wakes on both")
{
	unsigned *word = shared_words();
	word[1] = 10;
	pid_t a = SPAWN(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0)), b = SPAWN(futex(word + 1, FUTEX_WAIT, 10, NULL, NULL, 0));
	wait_asleep(a);
	wait_asleep(b);
	CHECK_EQ(futex(word, FUTEX_WAKE_OP, 1, (void *)1, word + 1, FUTEX_OP(FUTEX_OP_ADD, 5, FUTEX_OP_CMP_EQ, 10)), 2);
	CHECK_EQ(word[1], 15);
	CHECK_EQ(reap(a) + reap(b), 0);
	CHECK_EQ(futex(word, FUTEX_WAKE_OP, 1, (void *)1, word + 1, FUTEX_OP(FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_GT, 100)), 0);
	CHECK_EQ(word[1], 12);
	CHECK_EQ(futex(word, FUTEX_WAKE_OP, 1, (void *)1, word + 1, FUTEX_OP((FUTEX_OP_XOR | 8), 2, FUTEX_OP_CMP_NE, 0)), 0);
	CHECK_EQ(word[1], 8);
	CHECK_ERRNO(futex(word, FUTEX_WAKE_OP, 1, (void *)1, word + 1, FUTEX_OP(7, 2, FUTEX_OP_CMP_NE, 0)), ENOSYS);
	CHECK_ERRNO(futex(word, FUTEX_WAKE_OP, 1, (void *)1, BAD, FUTEX_OP(1, 2, 0, 0)), EFAULT);
}

TEST("a signal ends FUTEX_WAIT without a time only if its handler does not restart")
{
	unsigned *word = shared_words();
	on_signal(SIGALRM, count_signal, 0);
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0), EINTR);
	on_signal(SIGALRM, count_signal, SA_RESTART);
	WHEN_ASLEEP({ kill(self_, SIGALRM); wait_asleep(self_); word[0] = 1; futex(word, FUTEX_WAKE, 1, NULL, NULL, 0); });
	CHECK_EQ(futex(word, FUTEX_WAIT, 0, NULL, NULL, 0), 0);
	CHECK_EQ(signals_seen, 2);
	signal_asleep(getpid(), SIGALRM);
	struct timespec t = { 100, 0 };
	CHECK_ERRNO(futex(word, FUTEX_WAIT, 1, &t, NULL, 0), EINTR);
}

TEST("private futexes of a file mapping and of its copy are two")
{
	int fd = file_with("f", "0000");
	MUST(ftruncate(fd, PAGE));
	unsigned *a = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *b = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	pid_t child = SPAWN(_exit(futex(a, FUTEX_WAIT, *a, NULL, NULL, 0) == 0 ? 5 : 1));
	wait_asleep(child);
	CHECK_EQ(futex(b, FUTEX_WAKE, 1, NULL, NULL, 0), 1);
	CHECK_EQ(reap(child), 5);
}

TEST("priority-inheriting futexes: locked by id, handed over, owner checked")
{
	unsigned *word = shared_words();
	CHECK_EQ(futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK(word[0] == (unsigned)gettid());
	CHECK_ERRNO(futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK_EQ(IN_CHILD(_exit(futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0) == -1 ? errno : 0)), EAGAIN);
	CHECK_EQ(IN_CHILD(_exit(futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == -1 ? errno : 0)), EPERM);
	pid_t child = SPAWN({
		if (futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0) != 0)
			_exit(1);
		_exit((word[0] & FUTEX_TID_MASK) == (unsigned)gettid() && futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0) == 0 ? 4 : 2);
	});
	wait_asleep(child);
	CHECK((word[0] & FUTEX_WAITERS) != 0);
	CHECK_EQ(futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	CHECK_EQ(reap(child), 4);
	word[0] = 0x3ffffff;
	CHECK_ERRNO(futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), ESRCH);
	word[0] = (unsigned)getppid();
	struct timespec t = { 1, 0 };
	CHECK_ERRNO(futex(word, FUTEX_LOCK_PI, 0, &t, NULL, 0), ETIMEDOUT);
}

TEST("a robust list marks the owner's death")
{
	struct { struct robust_list_head head; struct robust_list entry; unsigned word; } *r = (void *)shared_words();
	int end[2];
	MUST(pipe(end));
	pid_t child = SPAWN({
		r->head.list.next = &r->entry;
		r->entry.next = &r->head.list;
		r->head.futex_offset = (long)((char *)&r->word - (char *)&r->entry);
		r->word = (unsigned)gettid() | FUTEX_WAITERS;
		if (syscall(SYS_set_robust_list, &r->head, sizeof(r->head)) != 0)
			_exit(1);
		char c;
		read(end[0], &c, 1);
	});
	CHECK(SOON(*(volatile unsigned *)&r->word != 0));
	unsigned held = r->word;
	pid_t waiter = SPAWN(_exit(futex(&r->word, FUTEX_WAIT, held, NULL, NULL, 0) == 0 ? 7 : 1));
	wait_asleep(waiter);
	MUST(write(end[1], "x", 1));
	CHECK_EQ(reap(child), 0);
	CHECK_EQ(reap(waiter), 7);
	CHECK_EQ(r->word & (FUTEX_OWNER_DIED | FUTEX_TID_MASK), FUTEX_OWNER_DIED);
	CHECK_ERRNO(syscall(SYS_set_robust_list, &r->head, 8), EINVAL);
	void *head = NULL;
	size_t len = 0;
	CHECK_EQ(syscall(SYS_get_robust_list, 0, &head, &len), 0);
	CHECK_EQ(len, 24);
	CHECK(head != NULL);
	CHECK_ERRNO(syscall(SYS_get_robust_list, 0x3fffff, &head, &len), ESRCH);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(syscall(SYS_get_robust_list, 1, &head, &len) == -1 ? errno : 0); }), EPERM);
}

TEST("robust and inheriting mutexes of pthreads work between processes")
{
	pthread_mutex_t *m = (void *)shared_words();
	pthread_mutexattr_t attr;
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	CHECK_EQ(pthread_mutex_init(m, &attr), 0);
	CHECK_EQ(IN_CHILD(_exit(pthread_mutex_lock(m))), 0);
	CHECK_EQ(pthread_mutex_lock(m), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(m), 0);
	CHECK_EQ(pthread_mutex_unlock(m), 0);
	pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_INHERIT);
	CHECK_EQ(pthread_mutex_init(m + 1, &attr), 0);
	CHECK_EQ(IN_CHILD(_exit(pthread_mutex_lock(m + 1))), 0);
	CHECK_EQ(pthread_mutex_lock(m + 1), EOWNERDEAD);
}

TEST("futex_waitv waits for one of several words")
{
	unsigned *word = shared_words();
	struct futex_waitv v[3] = { { 0, (uintptr_t)word, FUTEX_32, 0 }, { 0, (uintptr_t)(word + 1), FUTEX_32, 0 }, { 0, (uintptr_t)(word + 2), FUTEX_32, 0 } };
	struct timespec past = { 1, 0 };
	WHEN_ASLEEP(futex(word + 1, FUTEX_WAKE, 1, NULL, NULL, 0));
	CHECK_EQ(syscall(SYS_futex_waitv, v, 3, 0, NULL, CLOCK_MONOTONIC), 1);
	CHECK_ERRNO(syscall(SYS_futex_waitv, v, 3, 0, &past, CLOCK_MONOTONIC), ETIMEDOUT);
	v[2].val = 1;
	CHECK_ERRNO(syscall(SYS_futex_waitv, v, 3, 0, NULL, CLOCK_MONOTONIC), EAGAIN);
	CHECK_ERRNO(syscall(SYS_futex_waitv, v, 0, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERRNO(syscall(SYS_futex_waitv, v, 129, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERRNO(syscall(SYS_futex_waitv, v, 3, 1, NULL, CLOCK_MONOTONIC), EINVAL);
	v[0].flags = 0;
	CHECK_ERRNO(syscall(SYS_futex_waitv, v, 3, 0, NULL, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERRNO(syscall(SYS_futex_waitv, BAD, 1, 0, NULL, CLOCK_MONOTONIC), EFAULT);
}

static volatile int counter;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;

static void *
count_up(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&mutex);
		counter++;
		pthread_mutex_unlock(&mutex);
	}
	return arg;
}

TEST("threads share memory, exclude each other, are joined")
{
	pthread_t t[8];
	for (long i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, count_up, (void *)i), 0);
	for (long i = 0; i < 8; i++) {
		void *result;
		CHECK_EQ(pthread_join(t[i], &result), 0);
		CHECK((long)result == i);
	}
	CHECK_EQ(counter, 16000);
	CHECK(SOON(field_of(slurp("/proc/self/status"), "Threads:") == 1));    /* a joined thread is still on its way out */
}

static void *
wait_for_it(void *arg)
{
	pthread_mutex_lock(&mutex);
	while (counter != 5)
		pthread_cond_wait(&cond, &mutex);
	pthread_mutex_unlock(&mutex);
	return arg;
}

TEST("condition variables wake one and all")
{
	pthread_t t[4];
	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, wait_for_it, NULL);
	sleep_ms(20);
	pthread_mutex_lock(&mutex);
	counter = 5;
	pthread_cond_broadcast(&cond);
	pthread_mutex_unlock(&mutex);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	struct timespec t0;
	clock_gettime(CLOCK_REALTIME, &t0);
	pthread_mutex_lock(&mutex);
	CHECK_EQ(pthread_cond_timedwait(&cond, &mutex, &t0), ETIMEDOUT);
}

static void *
cancel_me(void *arg)
{
	for (;;)
		pause();
	return arg;
}

TEST("a thread is cancelled while it waits; ids and names of threads")
{
	pthread_t t;
	void *result;
	char name[32] = "";
	pthread_create(&t, NULL, cancel_me, NULL);
	CHECK_EQ(pthread_setname_np(t, "waiter"), 0);
	CHECK_EQ(pthread_getname_np(t, name, sizeof(name)), 0);
	CHECK_STR(name, "waiter");
	CHECK_EQ(pthread_cancel(t), 0);
	CHECK_EQ(pthread_join(t, &result), 0);
	CHECK(result == PTHREAD_CANCELED);
	CHECK(syscall(SYS_set_tid_address, &counter) == gettid());
}

TEST("the process lives on when the first thread ends, and its status is the last one's")
{
	CHECK_EQ(IN_CHILD({
		pthread_t t;
		pthread_create(&t, NULL, (void *(*)(void *))(void *)sleep_ms, (void *)60);
		pthread_exit(NULL);
	}), 0);
	CHECK_EQ(IN_CHILD({ syscall(SYS_exit, 23); }), 23);
}


static unsigned pi_word, pi_other;
static volatile int pi_step, pi_done;

/* A real-time thread on CPU 0. */
static pthread_t
start_realtime(void *(*body)(void *), int priority)
{
	pthread_t t;
	pthread_attr_t attr;
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(0, &set);
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, priority != 0 ? SCHED_FIFO : SCHED_OTHER);
	pthread_attr_setschedparam(&attr, &(struct sched_param){ .sched_priority = priority });
	pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	errno = pthread_create(&t, &attr, body, NULL);
	MUST(errno == 0 ? 0 : -1);
	return t;
}

static void *
low_priority(void *arg)
{
	futex(&pi_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	pi_step = 1;
	while (pi_step < 5)
		sleep_ms(1);
	/* Works for some time while the one in the middle wants the CPU. */
	for (volatile int i = 0; i < 2000000; i++)
		;
	futex(&pi_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return arg;
}

static void *
middle_priority(void *arg)
{
	struct timespec t;
	while (pi_step < 3)
		sleep_ms(1);
	pi_step = 4;
	/* Half a second of its own time: less than what real-time threads may have of a second. */
	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	while (!pi_done && t.tv_sec == 0 && t.tv_nsec < 500000000);
	return (void *)(long)(pi_done != 0 ? 1 : 2) + 0 * (long)arg;
}

static void *
high_priority(void *arg)
{
	while (pi_step < 1)
		sleep_ms(1);
	pi_step = 3;
	while (pi_step < 4)
		sleep_ms(1);
	pi_step = 5;
	futex(&pi_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	pi_done = 1;
	futex(&pi_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return arg;
}

TEST("who holds a lock is lent the priority of who waits for it")
{
	long lent = 0;
	void *result = NULL;
	pthread_t low = start_realtime(low_priority, 1), middle = start_realtime(middle_priority, 50), high = start_realtime(high_priority, 90);
	pthread_join(low, NULL);
	pthread_join(middle, &result);
	pthread_join(high, NULL);
	lent = (long)result;
	CHECK_EQ(lent, 1);
	CHECK_EQ(pi_word, 0);
}

static volatile int pi_order[3], pi_count;
static volatile pid_t pi_tid[3];

static void *
lock_in_turn(void *arg)
{
	long which = (long)arg;
	pi_tid[which] = gettid();
	futex(&pi_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	pi_order[pi_count++] = (int)which;
	futex(&pi_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return arg;
}

static void *lock_first(void *arg) { (void)arg; return lock_in_turn((void *)0); }
static void *lock_second(void *arg) { (void)arg; return lock_in_turn((void *)1); }
static void *lock_third(void *arg) { (void)arg; return lock_in_turn((void *)2); }

static void
wait_for_waiter(int which)
{
	CHECK(SOON(pi_tid[which] != 0));
	wait_asleep(pi_tid[which]);
}

TEST("the lock goes to the highest priority, else to who came first")
{
	CHECK_EQ(futex(&pi_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	pthread_t first = start_realtime(lock_first, 0);
	wait_for_waiter(0);
	pthread_t second = start_realtime(lock_second, 0);
	wait_for_waiter(1);
	pthread_t third = start_realtime(lock_third, 5);
	wait_for_waiter(2);
	CHECK_EQ(futex(&pi_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	pthread_join(first, NULL);
	pthread_join(second, NULL);
	pthread_join(third, NULL);
	CHECK(pi_order[0] == 2 && pi_order[1] == 0 && pi_order[2] == 1);
	struct sched_param p;
	CHECK_EQ(sched_getparam(0, &p), 0);
	CHECK_EQ(p.sched_priority, 0);
}

/** The kernel's priority of the process' first thread: 20 + nice, or -1 - the real-time priority, its own or a lent one. */
static int
own_priority(void)
{
	char text[600] = "";
	int fd = open("/proc/self/stat", O_RDONLY), priority = 1000;
	read(fd, text, sizeof(text) - 1);
	close(fd);
	char *at = strrchr(text, ')');
	if (at != NULL)
		sscanf(at + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %d", &priority);
	return priority;
}

TEST("who waits is given another priority: the holder is lent that, and loses it")
{
	struct sched_param realtime = { .sched_priority = 40 }, fair = {};
	pi_tid[0] = 0;
	CHECK_EQ(futex(&pi_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	pthread_t waiter = start_realtime(lock_first, 0);
	wait_for_waiter(0);
	CHECK_EQ(own_priority(), 20);
	CHECK_EQ(sched_setscheduler(pi_tid[0], SCHED_FIFO, &realtime), 0);
	CHECK_EQ(own_priority(), -41);
	realtime.sched_priority = 7;
	CHECK_EQ(sched_setparam(pi_tid[0], &realtime), 0);
	CHECK_EQ(own_priority(), -8);
	CHECK_EQ(sched_setscheduler(pi_tid[0], SCHED_OTHER, &fair), 0);
	CHECK_EQ(own_priority(), 20);
	CHECK_EQ(sched_setscheduler(pi_tid[0], SCHED_RR, &realtime), 0);
	CHECK_EQ(own_priority(), -8);
	CHECK_EQ(futex(&pi_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	pthread_join(waiter, NULL);
	CHECK_EQ(own_priority(), 20);
}

static void *
lock_both(void *arg)
{
	futex(&pi_other, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	pi_tid[0] = gettid();
	futex(&pi_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
	futex(&pi_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	futex(&pi_other, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
	return arg;
}

TEST("two that would wait for each other: the second is refused")
{
	pthread_t t;
	CHECK_EQ(futex(&pi_word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
	MUST(pthread_create(&t, NULL, lock_both, NULL));
	wait_for_waiter(0);
	CHECK_ERRNO(futex(&pi_other, FUTEX_LOCK_PI, 0, NULL, NULL, 0), EDEADLK);
	CHECK_EQ(futex(&pi_word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
	pthread_join(t, NULL);
	CHECK_EQ(pi_word + pi_other, 0);
}
