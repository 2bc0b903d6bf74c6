// SPDX-License-Identifier: MPL-2.0
/*
 * How the cost of an operation grows: with processors that do the same at once, and with what there is of a thing already.
 *
 *	scale size [NAME…]    "NAME SIZE ns VALUE": ns an operation where there are SIZE of the thing (guest instructions under -icount)
 *	scale cpus [NAME…]    "NAME CPUS operations N": all processors do it at once, between region_begin and region_end, whose instructions
 *	                      a plugin of the emulator counts
 *	scale -l              lists the names
 *
 * Built static; run on both kernels as the same binary. It needs a tmpfs on /tmp.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PAGE = 4096, REPEATS = 3 };

static void
fail(const char *what)
{
	fprintf(stderr, "scale: %s: %s\n", what, strerror(errno));
	exit(1);
}

#define MUST(expression) ({ __auto_type must_ = (expression); if (must_ == (typeof(must_))-1) fail(#expression); must_; })

static uint64_t
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Where the emulator's plugin begins and ends to count. */
__attribute__((noinline, noipa)) void region_begin(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((noinline, noipa)) void region_end(void) { __asm__ volatile("" ::: "memory"); }

/* --- with processors ------------------------------------------------------------------------------------------------ */
static pthread_barrier_t ready, done;
static int cpus, work_size;
static void (*work)(int cpu, int n);

static void
fault_work(int cpu, int n)
{
	(void)cpu;
	char *p = MUST(mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (int i = 0; i < n; i++)
		((volatile char *)p)[(long)i * PAGE] = 1;
	MUST(munmap(p, (size_t)n * PAGE));
}
static void
map_work(int cpu, int n)
{
	(void)cpu;
	for (int i = 0; i < n; i++)
		MUST(munmap(MUST(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)), 16 * PAGE));
}
static void
open_work(int cpu, int n)
{
	char name[32];
	snprintf(name, sizeof(name), "/tmp/scale/open-%d", cpu);
	for (int i = 0; i < n; i++)
		close(MUST(open(name, O_CREAT | O_RDWR, 0600)));
}
static void
pipe_work(int cpu, int n)
{
	(void)cpu;
	char byte = 0;
	int p[2];
	MUST(pipe(p));
	for (int i = 0; i < n; i++) {
		MUST(write(p[1], &byte, 1));
		MUST(read(p[0], &byte, 1));
	}
	close(p[0]), close(p[1]);
}
static unsigned words[64][64];
static void
futex_work(int cpu, int n)
{
	for (int i = 0; i < n; i++) {
		syscall(SYS_futex, words[cpu], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
		syscall(SYS_futex, words[cpu], FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0);   /* EAGAIN: the word is 0 */
	}
}

static const struct work_row { const char *name; void (*work)(int, int); int n; int processes; } works[] = {
	{ "fault, processes", fault_work, 2000, 1 }, { "fault, threads", fault_work, 2000, 0 }, { "mmap, processes", map_work, 1000, 1 },
	{ "mmap, threads", map_work, 1000, 0 }, { "open, processes", open_work, 1000, 1 }, { "open, threads", open_work, 1000, 0 },
	{ "pipe pairs", pipe_work, 2000, 1 }, { "futex", futex_work, 2000, 0 },
};

static void
stay_on(int cpu)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	MUST(sched_setaffinity(0, sizeof(set), &set));
}
static void *
worker(void *arg)
{
	int cpu = (int)(long)arg;
	stay_on(cpu);
	work(cpu, work_size / 10);
	pthread_barrier_wait(&ready);
	work(cpu, work_size);
	pthread_barrier_wait(&done);
	return arg;
}
static void
in_threads(void)
{
	pthread_t threads[64];
	pthread_barrier_init(&ready, NULL, (unsigned)cpus + 1), pthread_barrier_init(&done, NULL, (unsigned)cpus + 1);
	for (long i = 0; i < cpus; i++)
		pthread_create(&threads[i], NULL, worker, (void *)i);
	region_begin();
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&done);
	region_end();
	for (int i = 0; i < cpus; i++)
		pthread_join(threads[i], NULL);
}
static void
in_processes(void)
{
	char byte = 0;
	int go[2], told[2], end[2];
	MUST(pipe(go)), MUST(pipe(told)), MUST(pipe(end));
	for (int i = 0; i < cpus; i++)
		if (MUST(fork()) == 0) {
			close(end[1]);
			stay_on(i);
			work(i, work_size / 10);
			MUST(write(told[1], &byte, 1));
			MUST(read(go[0], &byte, 1));
			work(i, work_size);
			MUST(write(told[1], &byte, 1));
			_exit(read(end[0], &byte, 1) == 1);
		}
	for (int i = 0; i < cpus; i++)
		MUST(read(told[0], &byte, 1));
	region_begin();
	for (int i = 0; i < cpus; i++)
		MUST(write(go[1], &byte, 1));
	for (int i = 0; i < cpus; i++)
		MUST(read(told[0], &byte, 1));
	region_end();
	close(end[0]), close(end[1]);
	for (int i = 0; i < cpus; i++)
		MUST(wait(NULL));
	close(go[0]), close(go[1]), close(told[0]), close(told[1]);
}
static void
measure_work(const struct work_row *row)
{
	work = row->work, work_size = row->n;
	if (row->processes)
		in_processes();
	else
		in_threads();
	printf("%s %d\toperations\t%d\n", row->name, cpus, cpus * row->n);
	fflush(stdout);
}

/* --- with what there is --------------------------------------------------------------------------------------------- */
static char *area;
static void
mappings_make(int n)
{
	area = MUST(mmap(NULL, (size_t)n * 2 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (int i = 0; i < n; i++)
		MUST(mprotect(area + (long)i * 2 * PAGE, PAGE, PROT_NONE));
}
static void mappings_use(int n, int rounds) { (void)n; map_work(0, rounds); }
static void mappings_end(int n) { MUST(munmap(area, (size_t)n * 2 * PAGE)); }

static void
file_name(char *name, int i)
{
	snprintf(name, 64, "/tmp/scale/d/file-%d", i);
}
static void
files_make(int n)
{
	char name[64];
	MUST(mkdir("/tmp/scale/d", 0700));
	for (int i = 0; i < n; i++)
		file_name(name, i), close(MUST(open(name, O_CREAT | O_WRONLY, 0600)));
}
static void
files_use(int n, int rounds)
{
	char name[64];
	for (int i = 0; i < rounds; i++) {
		file_name(name, n + i), close(MUST(open(name, O_CREAT | O_WRONLY, 0600)));
		MUST(unlink(name));
	}
}
static void
files_end(int n)
{
	char name[64];
	for (int i = 0; i < n; i++)
		file_name(name, i), MUST(unlink(name));
	MUST(rmdir("/tmp/scale/d"));
}

static void
fds_make(int n)
{
	struct rlimit limit = { 20000, 20000 };
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < n; i++)
		MUST(dup(0));
}
static void fds_use(int n, int rounds) { (void)n; while (rounds--) close(MUST(dup(0))); }
static void fds_end(int n) { for (int i = 0; i < n; i++) close(3 + i); }

static int gate[2];
static void
processes_make(int n)
{
	char byte;
	MUST(pipe(gate));
	for (int i = 0; i < n; i++)
		if (MUST(fork()) == 0) {
			close(gate[1]);
			_exit(read(gate[0], &byte, 1) == 1);
		}
}
static void
processes_use(int n, int rounds)
{
	(void)n;
	while (rounds--) {
		pid_t child = MUST(fork());
		if (child == 0)
			_exit(0);
		MUST(waitpid(child, NULL, 0));
	}
}
static void
processes_end(int n)
{
	close(gate[1]), close(gate[0]);
	for (int i = 0; i < n; i++)
		MUST(wait(NULL));
}

static pthread_t many[2000];
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static void *waits(void *arg) { pthread_mutex_lock(&held), pthread_mutex_unlock(&held); return arg; }
static void *returns(void *arg) { return arg; }
static void
thread_make(pthread_t *thread, void *(*body)(void *))
{
	pthread_attr_t small;
	pthread_attr_init(&small), pthread_attr_setstacksize(&small, 16384);
	errno = pthread_create(thread, &small, body, NULL);
	if (errno)
		fail("pthread_create");
}
static void
threads_make(int n)
{
	pthread_mutex_lock(&held);
	for (int i = 0; i < n; i++)
		thread_make(&many[i], waits);
	usleep(1000);
}
static void
threads_use(int n, int rounds)
{
	(void)n;
	while (rounds--) {
		pthread_t thread;
		thread_make(&thread, returns);
		pthread_join(thread, NULL);
	}
}
static void
threads_end(int n)
{
	pthread_mutex_unlock(&held);
	for (int i = 0; i < n; i++)
		pthread_join(many[i], NULL);
}

static const struct size_row { const char *name; void (*make)(int), (*use)(int, int), (*end)(int); int sizes[4], rounds; } sizes[] = {
	{ "mmap+munmap with mappings", mappings_make, mappings_use, mappings_end, { 10, 100, 1000, 10000 }, 200 },
	{ "create+delete with files", files_make, files_use, files_end, { 10, 100, 1000, 10000 }, 200 },
	{ "dup+close with fds", fds_make, fds_use, fds_end, { 10, 100, 1000, 10000 }, 500 },
	{ "fork+exit with processes", processes_make, processes_use, processes_end, { 1, 10, 100, 1000 }, 20 },
	{ "thread create with threads", threads_make, threads_use, threads_end, { 1, 10, 100, 1000 }, 50 },
};

static void
measure_size(const struct size_row *row, int size)
{
	uint64_t best = UINT64_MAX;
	row->make(size);
	for (int i = 0; i < REPEATS; i++) {
		uint64_t start = now();
		row->use(size, row->rounds);
		uint64_t took = now() - start;
		best = took < best ? took : best;
	}
	row->end(size);
	printf("%s %d\tns\t%.1f\n", row->name, size, (double)best / row->rounds);
	fflush(stdout);
}

static int
wanted(const char *name, int count, char **words_given)
{
	int found = count == 0;
	for (int i = 0; i < count; i++)
		found |= strstr(name, words_given[i]) != NULL;
	return found;
}

int
main(int count, char **arguments)
{
	int list = count > 1 && strcmp(arguments[1], "-l") == 0, by_cpus = count > 1 && strcmp(arguments[1], "cpus") == 0;
	cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
	if (!list)
		mkdir("/tmp/scale", 0700);
	for (size_t i = 0; i < sizeof(works) / sizeof(works[0]); i++)
		if (list)
			puts(works[i].name);
		else if (by_cpus && wanted(works[i].name, count - 2, arguments + 2))
			measure_work(&works[i]);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (list)
			puts(sizes[i].name);
		else if (!by_cpus && wanted(sizes[i].name, count - 2, arguments + 2))
			for (int j = 0; j < 4; j++)
				measure_size(&sizes[i], sizes[i].sizes[j]);
	return 0;
}
