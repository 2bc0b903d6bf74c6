// SPDX-License-Identifier: MPL-2.0
/*
 * The micro-benchmarks of `./cadre bench`: one operation each, with the definitions of the LMbench papers (McVoy and Staelin, USENIX 1996).
 *
 *	micro [NAME…]     prints "NAME UNIT VALUE" for each; without names: all. `micro -l` lists them.
 *
 * The unit is ns an operation (under QEMU's -icount: guest instructions) or MB/s. Each is run a few times and the least is reported; the
 * number of rounds is fixed, not found by timing, so that both kernels do the same work.
 * Built static; run on both kernels as the same binary. It needs a tmpfs on /tmp and, for exec rows, itself and sh.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { REPEATS = 3, PAGE = 4096, KIB = 1024, MIB = 1024 * 1024 };

static uint64_t
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void
fail(const char *what)
{
	fprintf(stderr, "micro: %s: %s\n", what, strerror(errno));
	exit(1);
}

#define MUST(expression) ({ __auto_type must_ = (expression); if (must_ == (typeof(must_))-1) fail(#expression); must_; })

/* --- system calls ---------------------------------------------------------------------------------------------- */
static int zero_fd, null_fd, file_fd;
static char byte;

static void null_call(long n) { while (n--) syscall(SYS_getppid); }
static void read_call(long n) { while (n--) MUST(read(zero_fd, &byte, 1)); }
static void write_call(long n) { while (n--) MUST(write(null_fd, &byte, 1)); }
static void stat_call(long n) { struct stat s; while (n--) MUST(stat("/tmp/bench/file", &s)); }
static void fstat_call(long n) { struct stat s; while (n--) MUST(fstat(file_fd, &s)); }
static void open_close(long n) { while (n--) MUST(close(MUST(open("/tmp/bench/file", O_RDONLY)))); }
static void fcntl_call(long n) { while (n--) MUST(fcntl(file_fd, F_GETFL)); }

static void
select_call(long n)
{
	enum { FILES = 200 };
	fd_set set, work;
	int fds[FILES], top = 0;
	FD_ZERO(&set);
	for (int i = 0; i < FILES; i++) {
		fds[i] = MUST(dup(file_fd));
		FD_SET(fds[i], &set);
		top = fds[i] > top ? fds[i] : top;
	}
	struct timeval none = { 0, 0 };
	while (n--) {
		work = set;
		none = (struct timeval){ 0, 0 };
		MUST(select(top + 1, NULL, &work, NULL, &none));
	}
	for (int i = 0; i < FILES; i++)
		close(fds[i]);
}

/* --- signals ---------------------------------------------------------------------------------------------------- */
static char *protected_page;

static void handler(int number) { (void)number; }
static void
signal_install(long n)
{
	struct sigaction action = { .sa_handler = handler };
	while (n--)
		MUST(sigaction(SIGUSR1, &action, NULL));
}
static void
signal_catch(long n)
{
	struct sigaction action = { .sa_handler = handler };
	MUST(sigaction(SIGUSR1, &action, NULL));
	pid_t self = getpid();
	while (n--)
		MUST(kill(self, SIGUSR1));
}
static void
fault_handler(int number, siginfo_t *info, void *context)
{
	(void)number, (void)info;
	/* Steps over the two-byte store (88 07: mov %al,(%rdi)). */
	((ucontext_t *)context)->uc_mcontext.gregs[16] += 2;
}
static void
protection_fault(long n)
{
	struct sigaction action = { .sa_sigaction = fault_handler, .sa_flags = SA_SIGINFO }, old;
	MUST(sigaction(SIGSEGV, &action, &old));
	while (n--)
		__asm__ volatile(".byte 0x88, 0x07" : : "D"(protected_page), "a"(0) : "memory");
	MUST(sigaction(SIGSEGV, &old, NULL));
}

/* --- latency between two processes -------------------------------------------------------------------------------- */
static void
ping_pong(int in, int out, int child_in, int child_out, long n)
{
	pid_t child = MUST(fork());
	if (child == 0) {
		while (read(child_in, &byte, 1) == 1)
			if (write(child_out, &byte, 1) != 1)
				break;
		_exit(0);
	}
	while (n--) {
		MUST(write(out, &byte, 1));
		MUST(read(in, &byte, 1));
	}
	kill(child, SIGKILL);
	MUST(waitpid(child, NULL, 0));
}
static void
pipe_latency(long n)
{
	int a[2], b[2];
	MUST(pipe(a));
	MUST(pipe(b));
	ping_pong(b[0], a[1], a[0], b[1], n);
	for (int i = 0; i < 2; i++)
		close(a[i]), close(b[i]);
}
static void
fifo_latency(long n)
{
	unlink("/tmp/bench/f1"), unlink("/tmp/bench/f2");
	MUST(mkfifo("/tmp/bench/f1", 0600));
	MUST(mkfifo("/tmp/bench/f2", 0600));
	int a = MUST(open("/tmp/bench/f1", O_RDWR)), b = MUST(open("/tmp/bench/f2", O_RDWR));
	ping_pong(b, a, a, b, n);
	close(a), close(b);
}
static void
unix_latency(long n)
{
	int s[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	ping_pong(s[0], s[0], s[1], s[1], n);
	close(s[0]), close(s[1]);
}
static void
unix_connect(long n)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "/tmp/bench/sock" };
	unlink(name.sun_path);
	int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	MUST(bind(listener, (struct sockaddr *)&name, sizeof(name)));
	MUST(listen(listener, 16));
	while (n--) {
		int s = MUST(socket(AF_UNIX, SOCK_STREAM, 0));
		MUST(connect(s, (struct sockaddr *)&name, sizeof(name)));
		close(MUST(accept(listener, NULL, NULL)));
		close(s);
	}
	close(listener);
}

/* --- bandwidth: n chunks of 64 KiB; reported as MB/s --------------------------------------------------------------- */
enum { CHUNK = 64 * KIB };
static char *buffer;

static void
bandwidth(int in, int out, long n)
{
	pid_t child = MUST(fork());
	if (child == 0) {
		close(in);
		for (long i = 0; i < n; i++)
			for (long sent = 0; sent < CHUNK;)
				sent += MUST(write(out, buffer, (size_t)(CHUNK - sent)));
		_exit(0);
	}
	for (long left = n * CHUNK; left > 0;)
		left -= MUST(read(in, buffer, CHUNK));
	MUST(waitpid(child, NULL, 0));
}
static void pipe_bandwidth(long n) { int p[2]; MUST(pipe(p)); bandwidth(p[0], p[1], n); close(p[0]), close(p[1]); }
static void
fifo_bandwidth(long n)
{
	unlink("/tmp/bench/f1");
	MUST(mkfifo("/tmp/bench/f1", 0600));
	int in = MUST(open("/tmp/bench/f1", O_RDWR)), out = MUST(open("/tmp/bench/f1", O_WRONLY));
	bandwidth(in, out, n);
	close(in), close(out);
}
static void unix_bandwidth(long n) { int s[2]; MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s)); bandwidth(s[0], s[1], n); close(s[0]), close(s[1]); }
static void
file_reread(long n)
{
	int fd = MUST(open("/tmp/bench/big", O_RDONLY));
	while (n--)
		if (MUST(read(fd, buffer, CHUNK)) < CHUNK)
			MUST(lseek(fd, 0, SEEK_SET));
	close(fd);
}
static void
mmap_reread(long n)
{
	static volatile long sink;
	int fd = MUST(open("/tmp/bench/big", O_RDONLY));
	for (long at = 0; at < n; at += 64) {
		long *p = MUST(mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, fd, 0)), sum = 0;
		for (long i = 0; i < 4 * MIB / 8; i += 8)
			sum += p[i] + p[i + 1] + p[i + 2] + p[i + 3] + p[i + 4] + p[i + 5] + p[i + 6] + p[i + 7];
		sink += sum;
		MUST(munmap(p, 4 * MIB));
	}
	close(fd);
}

/* --- context switches: a token round a ring of p processes with k bytes each; the pipe's own cost is in it ----------- */
static void
ring(int processes, long size, long n)
{
	int pipes[64][2];
	pid_t children[64];
	long sum = 0;
	for (int i = 0; i < processes; i++)
		MUST(pipe(pipes[i]));
	for (int i = 1; i < processes; i++) {
		children[i] = MUST(fork());
		if (children[i] == 0) {
			long *data = calloc(1, (size_t)size + 8);
			while (read(pipes[i - 1][0], &byte, 1) == 1) {
				for (long j = 0; j < size / 8; j++)
					sum += data[j]++;
				if (write(pipes[i][1], &byte, 1) != 1)
					break;
			}
			_exit((int)(sum & 1));
		}
	}
	long *data = calloc(1, (size_t)size + 8);
	for (long round = 0; round < n; round += processes) {
		MUST(write(pipes[0][1], &byte, 1));
		for (long j = 0; j < size / 8; j++)
			sum += data[j]++;
		MUST(read(pipes[processes - 1][0], &byte, 1));
	}
	free(data);
	for (int i = 1; i < processes; i++)
		kill(children[i], SIGKILL), waitpid(children[i], NULL, 0);
	for (int i = 0; i < processes; i++)
		close(pipes[i][0]), close(pipes[i][1]);
}
static void switch_2_0(long n) { ring(2, 0, n); }
static void switch_8_16(long n) { ring(8, 16 * KIB, n); }
static void switch_16_64(long n) { ring(16, 64 * KIB, n); }

/* --- processes and threads ------------------------------------------------------------------------------------------ */
static void
fork_exit(long n)
{
	while (n--) {
		pid_t child = MUST(fork());
		if (child == 0)
			_exit(0);
		MUST(waitpid(child, NULL, 0));
	}
}
static void
spawn(const char *program, char *const arguments[], long n)
{
	while (n--) {
		pid_t child = MUST(fork());
		if (child == 0) {
			execv(program, arguments);
			_exit(127);
		}
		int status = 0;
		MUST(waitpid(child, &status, 0));
		if (status != 0)
			errno = ENOEXEC, fail(program);
	}
}
static char *self_path;
static void fork_exec(long n) { spawn(self_path, (char *[]){ self_path, "-x", NULL }, n); }
static void fork_shell(long n) { spawn("/bin/sh", (char *[]){ "sh", "-c", "/bin/true", NULL }, n); }
static void *thread_body(void *arg) { return arg; }
static void
thread_create(long n)
{
	while (n--) {
		pthread_t thread;
		errno = pthread_create(&thread, NULL, thread_body, NULL);
		if (errno)
			fail("pthread_create");
		pthread_join(thread, NULL);
	}
}

/* --- futexes ---------------------------------------------------------------------------------------------------------- */
static _Atomic unsigned turn;
static long futex_rounds;
static void
futex_wait_for(unsigned value)
{
	unsigned seen;
	while ((seen = atomic_load(&turn)) != value)
		syscall(SYS_futex, &turn, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}
static void
futex_pass(unsigned value)
{
	atomic_store(&turn, value);
	syscall(SYS_futex, &turn, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
static void *
futex_partner(void *arg)
{
	for (long i = 0; i < futex_rounds; i++) {
		futex_wait_for(1);
		futex_pass(0);
	}
	return arg;
}
static void
futex_ping_pong(long n)
{
	pthread_t partner;
	futex_rounds = n;
	pthread_create(&partner, NULL, futex_partner, NULL);
	while (n--) {
		futex_pass(1);
		futex_wait_for(0);
	}
	pthread_join(partner, NULL);
}
static pthread_mutex_t contended = PTHREAD_MUTEX_INITIALIZER;
static volatile long contended_count;
static void *
mutex_body(void *arg)
{
	for (long i = 0; i < futex_rounds; i++) {
		pthread_mutex_lock(&contended);
		for (int spin = 0; spin < 50; spin++)
			contended_count++;
		pthread_mutex_unlock(&contended);
	}
	return arg;
}
static void
mutex_contended(long n)
{
	pthread_t threads[4];
	futex_rounds = n / 4;
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, mutex_body, NULL);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

/* --- memory ------------------------------------------------------------------------------------------------------------- */
static void
fault_anonymous(long n)
{
	char *p = MUST(mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	for (long i = 0; i < n; i++)
		((volatile char *)p)[i * PAGE] = 1;
	MUST(munmap(p, (size_t)n * PAGE));
}
static void
fault_file(long n)
{
	int fd = MUST(open("/tmp/bench/big", O_RDONLY));
	for (long done = 0; done < n; done += 1024) {
		volatile char *p = MUST(mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, fd, 0));
		for (long i = 0; i < 1024; i++)
			(void)p[((i * 619) & 1023) * PAGE];
		MUST(munmap((void *)p, 4 * MIB));
	}
	close(fd);
}
static void
fault_after_fork(long n)
{
	char *p = MUST(mmap(NULL, (size_t)n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memset(p, 1, (size_t)n * PAGE);
	int gate[2];
	MUST(pipe(gate));
	pid_t child = MUST(fork());
	if (child == 0) {
		close(gate[1]);
		_exit(read(gate[0], &byte, 1) == 1);
	}
	for (long i = 0; i < n; i++)
		((volatile char *)p)[i * PAGE] = 2;
	close(gate[1]), close(gate[0]);
	MUST(waitpid(child, NULL, 0));
	MUST(munmap(p, (size_t)n * PAGE));
}
static void
map_unmap(size_t size, long n)
{
	while (n--) {
		volatile char *p = MUST(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		p[0] = 1;
		MUST(munmap((void *)p, size));
	}
}
static void map_1m(long n) { map_unmap(1 * MIB, n); }
static void map_64m(long n) { map_unmap(64 * MIB, n); }
static void
map_touch_4m(long n)
{
	while (n--)
		fault_anonymous(4 * MIB / PAGE);
}
static void
protect(long n)
{
	char *p = MUST(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memset(p, 1, 16 * PAGE);
	while (n--) {
		MUST(mprotect(p + 4 * PAGE, 4 * PAGE, PROT_READ));
		MUST(mprotect(p + 4 * PAGE, 4 * PAGE, PROT_READ | PROT_WRITE));
	}
	MUST(munmap(p, 16 * PAGE));
}

/* --- files ------------------------------------------------------------------------------------------------------------------ */
static void
files(long n, size_t size, int make, int delete)
{
	char name[64];
	for (long i = 0; make && i < n; i++) {
		snprintf(name, sizeof(name), "/tmp/bench/d/%ld", i);
		int fd = MUST(open(name, O_CREAT | O_WRONLY | O_EXCL, 0600));
		if (size)
			MUST(write(fd, buffer, size));
		close(fd);
	}
	for (long i = 0; delete && i < n; i++) {
		snprintf(name, sizeof(name), "/tmp/bench/d/%ld", i);
		MUST(unlink(name));
	}
}
/* Create is timed with what deletes it taken off again by `after`. */
static void create_0k(long n) { files(n, 0, 1, 0); }
static void create_10k(long n) { files(n, 10 * KIB, 1, 0); }
static void delete_0k(long n) { files(n, 0, 0, 1); }
static void before_delete_0k(long n) { files(n, 0, 1, 0); }
static void before_delete_10k(long n) { files(n, 10 * KIB, 1, 0); }
static void after_create(long n) { files(n, 0, 0, 1); }

static void
lookup_deep(long n)
{
	struct stat s;
	while (n--)
		MUST(stat("/tmp/bench/deep/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/file", &s));
}
static void
lookup_wide(long n)
{
	struct stat s;
	char name[64];
	for (long i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "/tmp/bench/wide/file-%ld", i * 7919 % 10000);
		MUST(stat(name, &s));
	}
}
static void
readdir_wide(long n)
{
	static char entries[32 * KIB];
	int fd = MUST(open("/tmp/bench/wide", O_RDONLY | O_DIRECTORY));
	for (long i = 0; i < n; i += 10000) {
		MUST(lseek(fd, 0, SEEK_SET));
		while (MUST(syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0)
			;
	}
	close(fd);
}

/* --- events ------------------------------------------------------------------------------------------------------------------- */
static void
epoll_many(long n)
{
	enum { FILES = 1000 };
	static int fds[FILES];
	struct epoll_event event = { .events = EPOLLIN }, got[8];
	int epoll = MUST(epoll_create1(0));
	for (int i = 0; i < FILES; i++) {
		fds[i] = MUST(eventfd(0, EFD_NONBLOCK));
		event.data.fd = fds[i];
		MUST(epoll_ctl(epoll, EPOLL_CTL_ADD, fds[i], &event));
	}
	uint64_t one = 1;
	for (long i = 0; i < n; i++) {
		MUST(write(fds[i * 37 % FILES], &one, 8));
		if (MUST(epoll_wait(epoll, got, 8, -1)) != 1)
			fail("epoll_wait");
		MUST(read(got[0].data.fd, &one, 8));
	}
	for (int i = 0; i < FILES; i++)
		close(fds[i]);
	close(epoll);
}
static void
poll_many(long n)
{
	enum { FILES = 100 };
	struct pollfd set[FILES];
	for (int i = 0; i < FILES; i++)
		set[i] = (struct pollfd){ .fd = MUST(eventfd(0, EFD_NONBLOCK)), .events = POLLIN };
	while (n--)
		MUST(poll(set, FILES, 0));
	for (int i = 0; i < FILES; i++)
		close(set[i].fd);
}
static void
sleep_jitter(long n)
{
	/* Reported as ns beyond the 1 ms asked for; the caller takes the time of n milliseconds off. */
	struct timespec one = { 0, 1000000 };
	while (n--)
		nanosleep(&one, NULL);
}
static void clock_call(long n) { struct timespec t; while (n--) clock_gettime(CLOCK_MONOTONIC, &t); }

/* --- the table -------------------------------------------------------------------------------------------------------------------- */
enum unit { NS, MBS, OVER_MS };
static const struct row {
	const char *name;
	void (*run)(long n);
	long n;
	enum unit unit;
	void (*before)(long n), (*after)(long n);
} rows[] = {
	{ "null call", null_call, 20000, NS, 0, 0 },
	{ "read 1 B", read_call, 10000, NS, 0, 0 },
	{ "write 1 B", write_call, 10000, NS, 0, 0 },
	{ "stat", stat_call, 5000, NS, 0, 0 },
	{ "fstat", fstat_call, 5000, NS, 0, 0 },
	{ "open+close", open_close, 4000, NS, 0, 0 },
	{ "fcntl", fcntl_call, 10000, NS, 0, 0 },
	{ "select 200 files", select_call, 1000, NS, 0, 0 },
	{ "poll 100 eventfds", poll_many, 1000, NS, 0, 0 },
	{ "epoll 1000 eventfds", epoll_many, 2000, NS, 0, 0 },
	{ "clock_gettime", clock_call, 10000, NS, 0, 0 },
	{ "signal install", signal_install, 10000, NS, 0, 0 },
	{ "signal catch", signal_catch, 5000, NS, 0, 0 },
	{ "protection fault", protection_fault, 5000, NS, 0, 0 },
	{ "pipe round trip", pipe_latency, 2000, NS, 0, 0 },
	{ "fifo round trip", fifo_latency, 2000, NS, 0, 0 },
	{ "unix round trip", unix_latency, 2000, NS, 0, 0 },
	{ "unix connect", unix_connect, 500, NS, 0, 0 },
	{ "pipe bandwidth", pipe_bandwidth, 256, MBS, 0, 0 },
	{ "fifo bandwidth", fifo_bandwidth, 256, MBS, 0, 0 },
	{ "unix bandwidth", unix_bandwidth, 256, MBS, 0, 0 },
	{ "file reread", file_reread, 512, MBS, 0, 0 },
	{ "mmap reread", mmap_reread, 512, MBS, 0, 0 },
	{ "switch 2p/0K", switch_2_0, 4000, NS, 0, 0 },
	{ "switch 8p/16K", switch_8_16, 4000, NS, 0, 0 },
	{ "switch 16p/64K", switch_16_64, 1600, NS, 0, 0 },
	{ "fork+exit", fork_exit, 100, NS, 0, 0 },
	{ "fork+exec", fork_exec, 60, NS, 0, 0 },
	{ "fork+sh", fork_shell, 40, NS, 0, 0 },
	{ "thread create", thread_create, 500, NS, 0, 0 },
	{ "futex ping-pong", futex_ping_pong, 2000, NS, 0, 0 },
	{ "mutex contended", mutex_contended, 8000, NS, 0, 0 },
	{ "fault anonymous", fault_anonymous, 2048, NS, 0, 0 },
	{ "fault file", fault_file, 2048, NS, 0, 0 },
	{ "fault after fork", fault_after_fork, 1024, NS, 0, 0 },
	{ "mmap+touch 4 MiB", map_touch_4m, 4, NS, 0, 0 },
	{ "mmap+munmap 1 MiB", map_1m, 2000, NS, 0, 0 },
	{ "mmap+munmap 64 MiB", map_64m, 1000, NS, 0, 0 },
	{ "mprotect", protect, 2000, NS, 0, 0 },
	{ "create 0K", create_0k, 1000, NS, 0, after_create },
	{ "create 10K", create_10k, 1000, NS, 0, after_create },
	{ "delete 0K", delete_0k, 1000, NS, before_delete_0k, 0 },
	{ "delete 10K", delete_0k, 1000, NS, before_delete_10k, 0 },
	{ "lookup deep", lookup_deep, 3000, NS, 0, 0 },
	{ "lookup wide", lookup_wide, 10000, NS, 0, 0 },
	{ "readdir 10000", readdir_wide, 20000, NS, 0, 0 },
	{ "timer jitter", sleep_jitter, 50, OVER_MS, 0, 0 },
};

static void
prepare(void)
{
	static const char *const deep = "abcdefghijklmno";
	char name[128] = "/tmp/bench/deep";
	mkdir("/tmp/bench", 0700);
	mkdir("/tmp/bench/d", 0700);
	mkdir("/tmp/bench/wide", 0700);
	mkdir(name, 0700);
	for (int i = 0; deep[i]; i++) {
		size_t len = strlen(name);
		name[len] = '/', name[len + 1] = deep[i], name[len + 2] = 0;
		mkdir(name, 0700);
	}
	close(MUST(open(strcat(name, "/file"), O_CREAT | O_WRONLY, 0600)));
	for (int i = 0; i < 10000; i++) {
		snprintf(name, sizeof(name), "/tmp/bench/wide/file-%d", i);
		close(MUST(open(name, O_CREAT | O_WRONLY, 0600)));
	}
	buffer = MUST(mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	memset(buffer, 'x', CHUNK);
	int big = MUST(open("/tmp/bench/big", O_CREAT | O_WRONLY, 0600));
	for (int i = 0; i < 4 * MIB / CHUNK; i++)
		MUST(write(big, buffer, CHUNK));
	close(big);
	file_fd = MUST(open("/tmp/bench/file", O_CREAT | O_RDWR, 0600));
	zero_fd = MUST(open("/dev/zero", O_RDONLY));
	null_fd = MUST(open("/dev/null", O_WRONLY));
	protected_page = MUST(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
}

/* Where `./cadre bench --profile` begins and ends to count. */
__attribute__((noinline, noipa)) void region_begin(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((noinline, noipa)) void region_end(void) { __asm__ volatile("" ::: "memory"); }

static void
measure(const struct row *row)
{
	uint64_t best = UINT64_MAX;
	for (int i = 0; i < REPEATS; i++) {
		if (row->before)
			row->before(row->n);
		uint64_t start = now();
		region_begin();
		row->run(row->n);
		region_end();
		uint64_t took = now() - start;
		if (row->after)
			row->after(row->n);
		best = took < best ? took : best;
	}
	double each = (double)best / (double)row->n;
	if (row->unit == MBS)
		printf("%s\tMB/s\t%.1f\n", row->name, (double)row->n * CHUNK * 1000.0 / (double)best);
	else
		printf("%s\tns\t%.1f\n", row->name, row->unit == OVER_MS ? each - 1e6 : each);
	fflush(stdout);
}

int
main(int count, char **arguments)
{
	self_path = "/proc/self/exe";
	if (count > 1 && strcmp(arguments[1], "-x") == 0)
		return 0;
	if (count > 1 && strcmp(arguments[1], "-l") == 0) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			puts(rows[i].name);
		return 0;
	}
	prepare();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int wanted = count == 1;
		for (int j = 1; j < count; j++)
			wanted |= strstr(rows[i].name, arguments[j]) != NULL;
		if (wanted)
			measure(&rows[i]);
	}
	return 0;
}
