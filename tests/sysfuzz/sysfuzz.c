// SPDX-License-Identifier: MPL-2.0
/*
 * A fuzzer of system calls: `sysfuzz SECONDS SEED [each | CALL…]`, only as the command of a machine that `./cadre run` booted.
 *
 * A supervisor starts generations of workers, half as root and half as nobody; each worker has several threads that make calls of the
 * master table with arguments by their types (sysfuzz_table.h is made of the .tbl files of services/syscall): descriptors of every kind, plausible
 * values and hostile ones, memory that ends inside of a buffer. Workers die often; the supervisor ends what is left of a generation
 * after two seconds and starts the next one. Each generation has file systems of its own. At the end it removes what outlives processes (those, System V
 * objects, queues) and says `end`, so that the kernel's objects can be compared with what was there before the first generation (a first short generation is run
 * before that count, so that what is made once is there).
 *
 * To find the call that leaks: `each` gives each call a short generation of its own and says after it which objects are left; names of
 * calls let the workers make those calls alone.
 *
 * Workers get hold of any memory that they know an address of. So the counts lie far from all other memory, at an address that is a constant in
 * the code, and the supervisor takes them away every few milliseconds into its own memory; a count that cannot be is not taken but reported.
 *
 * The workers must not end the machine by design: no call that stops it, no signal to strangers (target_pid), no path outside of the
 * work directory that a call could damage, no real-time class for root.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum kind { FD, PID, NUMBER, MODE, SIZE, ADDRESS, POINTER, PATH, TIME, IOVEC, MESSAGE, POLLFD, SOCKADDR, SET_BITS, SET_ONE, UID };

struct argument { unsigned char kind; unsigned short first, count; };    /* of a set: its values in set_values */
struct call { unsigned short number; const char *name; unsigned char narguments; struct argument arguments[6]; };

#include "sysfuzz_table.h"

enum { PAGE = 4096, ARENA_PAGES = 24, WORKERS = 3, THREADS = 3, CHILD_CALLS = 200, FORKS_MAX = 40, GENERATION_MS = 2000, EACH_MS = 300, SETTLE_MS = 300,
	END_MS = 60000, FDS = 56, CALLS = sizeof(calls) / sizeof(calls[0]) };

/* In memory that all processes share: what the workers did since the supervisor last looked. */
struct shared {
	unsigned long calls, good;
	int forks;
	unsigned char made[512];        /* by number: it succeeded */
};

#define WORLD     "/tmp/sysfuzz"
#define QUEUES    "/tmp/queues"
#define shared    ((struct shared *)0x100000000000)
#define arena     ((char *)0x200000000000)      /* ARENA_PAGES pages, then one without access */
#define read_only ((char *)0x200010000000)      /* a page */
enum { CALLS_MAX = 1 << 28 };                   /* between two looks of the supervisor, however late it is */

static struct { unsigned long calls, good, spoilt; bool made[512]; } total;     /* the supervisor's */
static unsigned short chosen[512], nchosen;     /* indices of the calls that workers make; none: all of them */
static int is_root;

struct thread { uint64_t random; long left; int depth; };

static uint64_t
random_next(struct thread *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random * 0x2545f4914f6cdd1d >> 11;
}

static uint64_t
below(struct thread *t, uint64_t n)
{
	return random_next(t) % n;
}

/* A system call without the library: errors as they come, nothing of the thread's own memory is needed. */
static inline __attribute__((always_inline)) long
raw(long number, const uint64_t *a)
{
	long result;
	register uint64_t r10 __asm__("r10") = a[3];
	register uint64_t r8 __asm__("r8") = a[4];
	register uint64_t r9 __asm__("r9") = a[5];
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return result;
}

static void
raw_exit(void)
{
	static const uint64_t zero[6];
	raw(SYS_exit_group, zero);
}

static uint64_t
hostile_number(struct thread *t)
{
	static const uint64_t values[] = { 0, 1, 2, 3, 7, 8, 15, 16, 63, 64, 127, 255, 256, 4095, 4096, 4097, 65535, 65536, 1 << 20, 0x7fffffff,
		0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ull, ~0ull - 4095, 0xfffffffffffff000 };
	return values[below(t, sizeof(values) / sizeof(values[0]))];
}

static uint64_t
small_or_hostile(struct thread *t)
{
	return below(t, 4) != 0 ? below(t, 300) : hostile_number(t);
}

static uint64_t
any_fd(struct thread *t)
{
	static const int odd[] = { -1, AT_FDCWD, 99, 1000, 0x7fffffff, (int)0x80000000 };
	return below(t, 20) != 0 ? below(t, FDS) : (uint64_t)(int64_t)odd[below(t, 6)];
}

/* Only processes of this worker, nobody, or none. */
static uint64_t
target_pid(struct thread *t)
{
	static const uint64_t zero[6];
	uint64_t me = (uint64_t)raw(SYS_getpid, zero);
	switch (below(t, 5)) {
	case 0: return 0x3fffff;
	case 1: return 0;
	case 2: return (uint64_t)raw(SYS_gettid, zero);
	case 3: return is_root ? (uint64_t)-0x3fffff : 0x80000000;
	default: return me;
	}
}

static uint64_t
address(struct thread *t)
{
	uint64_t end = (uint64_t)(arena + ARENA_PAGES * PAGE);
	switch (below(t, 14)) {
	case 0: return 0;
	case 1: return 8;
	case 2: return 0xffffffff81000000;
	case 3: return 0x8000000000000000 + below(t, 100);
	case 4: return end - below(t, 64);
	case 5: return end - below(t, 16) * 8;
	case 6: return (uint64_t)read_only + below(t, 64) * 8;
	case 7: return (uint64_t)arena + below(t, ARENA_PAGES * PAGE);
	case 8: return (uint64_t)arena + below(t, ARENA_PAGES) * PAGE;
	default: return (uint64_t)arena + below(t, ARENA_PAGES * PAGE / 8 - 64) * 8;
	}
}

/* Writes below an address of the arena only. */
static void
put(uint64_t at, const void *bytes, size_t len)
{
	if (at >= (uint64_t)arena && at + len <= (uint64_t)(arena + ARENA_PAGES * PAGE))
		memcpy((void *)at, bytes, len);
}

static uint64_t
plausible_word(struct thread *t)
{
	switch (below(t, 5)) {
	case 0: return any_fd(t);
	case 1: return address(t);
	case 2: return hostile_number(t);
	case 3: return below(t, 65536);
	default: return below(t, 16);
	}
}

static uint64_t
random_structure(struct thread *t)
{
	uint64_t at = address(t), words[16];
	for (int i = 0; i < 16; i++)
		words[i] = plausible_word(t);
	put(at, words, sizeof(words));
	return at;
}

static uint64_t
short_time(struct thread *t)
{
	uint64_t at = address(t);
	struct itimerspec times = { { 0, (long)below(t, 2000000) }, { 0, (long)below(t, 2000000) } };
	if (below(t, 16) == 0)
		times.it_interval.tv_nsec = times.it_value.tv_nsec = (long)hostile_number(t);
	put(at, &times, sizeof(times));
	return at;
}

static uint64_t
vectors(struct thread *t)
{
	uint64_t at = address(t);
	struct iovec v[8];
	for (int i = 0; i < 8; i++)
		v[i] = (struct iovec){ (void *)address(t), below(t, 8) != 0 ? below(t, 5000) : hostile_number(t) };
	put(at, v, sizeof(v));
	return at;
}

static uint64_t
socket_address(struct thread *t)
{
	uint64_t at = address(t);
	struct sockaddr_un a = { .sun_family = below(t, 16) != 0 ? AF_UNIX : (sa_family_t)below(t, 50) };
	snprintf(a.sun_path + below(t, 2), 16, "s%d", (int)below(t, 4));
	put(at, &a, sizeof(a));
	return at;
}

static uint64_t
message(struct thread *t)
{
	uint64_t at = address(t), control = address(t);
	struct { struct cmsghdr head; int fds[4]; } c = { { CMSG_LEN(sizeof(int) * (1 + below(t, 4))), SOL_SOCKET, (int)(1 + below(t, 2)) }, { 0 } };
	for (int i = 0; i < 4; i++)
		c.fds[i] = (int)any_fd(t);
	if (below(t, 8) == 0)
		c.head.cmsg_len = hostile_number(t);
	put(control, &c, sizeof(c));
	struct msghdr m = { .msg_iov = (void *)vectors(t), .msg_iovlen = below(t, 4) };
	if (below(t, 2) == 0)
		m.msg_control = (void *)control, m.msg_controllen = below(t, 4) != 0 ? sizeof(c) : hostile_number(t);
	if (below(t, 4) == 0)
		m.msg_name = (void *)socket_address(t), m.msg_namelen = (socklen_t)below(t, 130);
	put(at, &m, sizeof(m));
	return at;
}

static uint64_t
poll_set(struct thread *t)
{
	uint64_t at = address(t);
	struct pollfd f[16];
	for (int i = 0; i < 16; i++)
		f[i] = (struct pollfd){ (int)any_fd(t), (short)random_next(t), 0 };
	put(at, f, sizeof(f));
	return at;
}

static uint64_t
path(struct thread *t)
{
	static const char *const names[] = { "a", "b", "d", "d/a", "d/b", "l", "d/../a", ".", "", "a/", "none/x", "/proc/self/stat", "/proc/self/fd",
		"/dev/null", "/dev/zero", "/proc/self/maps", "/dev/ptmx", "d/d", "f", "loop", "/proc/self/status", "s0", "./././b" };
	uint64_t at = address(t);
	if (below(t, 24) == 0)
		memset((char *)(at = (uint64_t)arena), 'x', 3 * PAGE);
	else {
		const char *name = names[below(t, sizeof(names) / sizeof(names[0]))];
		put(at, name, strlen(name) + 1);
	}
	return at;
}

static uint64_t
from_set(struct thread *t, const struct argument *a)
{
	if (a->count == 0 || below(t, 24) == 0)
		return hostile_number(t);
	uint64_t value = set_values[a->first + below(t, a->count)];
	while (a->kind == SET_BITS && below(t, 2) != 0)
		value |= set_values[a->first + below(t, a->count)];
	return a->kind == SET_BITS && below(t, 4) == 0 ? 0 : value;
}

static uint64_t
argument(struct thread *t, const struct argument *a)
{
	switch ((enum kind)a->kind) {
	case FD: return any_fd(t);
	case PID: return target_pid(t);
	case NUMBER: return small_or_hostile(t);
	case MODE: return below(t, 010000);
	case SIZE: return below(t, 6) != 0 ? below(t, 3 * PAGE) : hostile_number(t);
	case ADDRESS: return below(t, 2) != 0 ? random_structure(t) : plausible_word(t);
	case POINTER: return random_structure(t);
	case PATH: return path(t);
	case TIME: return short_time(t);
	case IOVEC: return vectors(t);
	case MESSAGE: return message(t);
	case POLLFD: return poll_set(t);
	case SOCKADDR: return socket_address(t);
	case SET_BITS:
	case SET_ONE: return from_set(t, a);
	case UID: return below(t, 2) != 0 ? 65534 : below(t, 4) - 1;
	}
	return 0;
}

/* The calls that make a second process or thread: where memory is shared the child goes at once. */
static void
born(struct thread *t, long number, const uint64_t *a)
{
	bool own_memory = number == SYS_fork || (number == SYS_clone && (a[0] & CLONE_VM) == 0);
	if (!own_memory || t->depth >= 2)
		raw_exit();
	t->depth++;
	t->left = CHILD_CALLS;
	t->random ^= 0x9e3779b97f4a7c15;
}

static bool
is_birth(long number)
{
	return number == SYS_fork || number == SYS_vfork || number == SYS_clone || number == SYS_clone3;
}

static void
one_call(struct thread *t)
{
	const struct call *call = &calls[nchosen != 0 ? chosen[below(t, nchosen)] : below(t, CALLS)];
	uint64_t a[6];
	if ((call->number == SYS_exit || call->number == SYS_exit_group || call->number == SYS_execve || call->number == SYS_rt_sigreturn) && below(t, 50) != 0)
		return;
	if (is_birth(call->number) && __atomic_add_fetch(&shared->forks, 1, __ATOMIC_RELAXED) > FORKS_MAX)
		return;
	if (is_root && root_skips(call->number))
		return;
	for (int i = 0; i < 6; i++)
		a[i] = i < call->narguments ? argument(t, &call->arguments[i]) : random_next(t);
	if (call->number == SYS_clone)
		a[1] = 0, a[0] &= ~(uint64_t)(CLONE_VM | CLONE_THREAD | CLONE_SIGHAND | CLONE_SETTLS | CLONE_NEWUSER | CLONE_NEWPID);
	if (call->number == SYS_clone3)
		a[0] = 8;
	if (call->number == SYS_kill && (int)a[0] < -1)
		a[0] = 0;
	if (call->number == SYS_fcntl && (int)a[1] == F_SETSIG && ((int)a[2] == SIGKILL || (int)a[2] == SIGSTOP))
		a[2] = SIGUSR1;     /* the owner may be the supervisor, which all other signals leave alone */
	long result = raw(call->number, a);
	if (result == 0 && is_birth(call->number))
		born(t, call->number, a);
	__atomic_add_fetch(&shared->calls, 1, __ATOMIC_RELAXED);
	if (result >= 0 || result < -4095) {
		__atomic_add_fetch(&shared->good, 1, __ATOMIC_RELAXED);
		__atomic_store_n(&shared->made[call->number & 511], 1, __ATOMIC_RELAXED);
	}
}

static void *
thread_run(void *start)
{
	struct thread t = *(struct thread *)start;
	while (t.left-- > 0)
		one_call(&t);
	raw_exit();
	return NULL;
}

static void
nothing(int sig)
{
	(void)sig;
}

/* Descriptors of every kind, from 3 on. */
static void
open_all(void)
{
	int pair[2], zero = 0;
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "s0" };
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	open("a", O_RDWR | O_CREAT, 0666);
	open("b", O_RDWR | O_CREAT | O_APPEND, 0666);
	open(".", O_RDONLY);
	open("d", O_PATH);
	pipe2(pair, O_NONBLOCK);
	pipe2(pair, 0);
	socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair);
	socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair);
	int server = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(server, (void *)&a, sizeof(a));
	listen(server, 3);
	socket(AF_UNIX, SOCK_STREAM, 0);
	epoll_create1(0);
	epoll_create1(0);
	eventfd(1, 0);
	timerfd_create(CLOCK_MONOTONIC, 0);
	signalfd(-1, &set, 0);
	inotify_init();
	memfd_create("m", MFD_ALLOW_SEALING);
	open("/dev/null", O_RDWR);
	open("/dev/zero", O_RDWR);
	open("/dev/urandom", O_RDONLY);
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY), n = 0;
	char name[32];
	ioctl(master, 0x40045431, &zero);
	ioctl(master, 0x80045430, &n);
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	open(name, O_RDWR | O_NOCTTY);
	open("/proc/self/status", O_RDONLY);
	open("/proc/self/task", O_RDONLY);
	syscall(SYS_pidfd_open, getpid(), 0);
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 64 };
	mq_open("/q0", O_RDWR | O_CREAT | O_NONBLOCK, 0666, &attr);
}

static void
limit(int what, rlim_t value)
{
	struct rlimit r = { value, value };
	setrlimit((__rlimit_resource_t)what, &r);
}

static void
set_signals(void (*handler)(int))
{
	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGCHLD)
			signal(sig, handler);
}

static void
worker(int index, uint64_t seed)
{
	char name[32];
	static struct thread threads[THREADS];
	setsid();
	set_signals(SIG_DFL);
	is_root = index % 2;
	snprintf(name, sizeof(name), "/%d", index);
	if (chroot(WORLD) != 0 || (mkdir(name, 0777) != 0 && errno != EEXIST) || chmod(name, 0777) != 0 || chdir(name) != 0)
		raw_exit();     /* allocations may fail by design; other directories are not to be touched */
	for (int fd = 0; fd < FDS; fd++)
		close(fd);      /* a lock on what the first program has open as well would stay */
	for (int fd = 0; fd < 3; fd++)
		open("/dev/null", O_RDWR);
	limit(RLIMIT_AS, 512 << 20);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_NOFILE, FDS);
	limit(RLIMIT_CPU, 20);
	if (!is_root) {
		setgroups(0, NULL);
		setresgid(65534, 65534, 65534);
		setresuid(65534, 65534, 65534);
	}
	mkdir("d", 0777);
	symlink("a", "l");
	symlink("loop", "loop");
	mkfifo("f", 0666);
	open_all();
	sigaction(SIGALRM, &(struct sigaction){ .sa_handler = nothing }, NULL);
	setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 7000 }, { 0, 7000 } }, NULL);
	for (int i = 0; i < THREADS; i++)
		threads[i] = (struct thread){ seed * 2654435761u + (uint64_t)(index * 16 + i + 1) * 0x9e3779b97f4a7c15, 1 << 30, 0 };
	for (int i = 1; i < THREADS; i++) {
		pthread_t t;
		pthread_create(&t, NULL, thread_run, &threads[i]);
	}
	thread_run(&threads[0]);
}

static long long
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* Again where it fails: an allocation may have, by design, or something of the workers' be on its way out. */
#define SURELY(call) \
	for (int tries = 0; (call) < 0; tries++) { \
		if (tries == 200) { \
			printf("%s: %s\n", #call, strerror(errno)); \
			break; \
		} \
		pause_ms(5); \
	}

/* What those that are left are doing. */
static void
show_processes(void)
{
	static const char *const files[] = { "syscall", "wchan", "status" };
	DIR *dir = opendir("/proc");
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		for (int i = 0; i < 3 && atoi(entry->d_name) > 2; i++) {
			char name[300], text[512];
			snprintf(name, sizeof(name), "/proc/%s/%s", entry->d_name, files[i]);
			int fd = open(name, O_RDONLY);
			ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;
			text[n > 0 ? n : 0] = 0;
			for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
				printf("%s: %s\n", name, line);
			if (fd >= 0)
				close(fd);
		}
	if (dir != NULL)
		closedir(dir);
}

/* Ends all processes but the first one and this one, and waits until they are gone: on a busy host that takes as long as one of its processors is not let run. */
static void
end_all(void)
{
	for (long long end = now_ms() + END_MS; now_ms() < end;) {
		pid_t ended;
		kill(-1, SIGKILL);
		while ((ended = waitpid(-1, NULL, WNOHANG)) > 0)
			;
		if (ended < 0)
			return;
		pause_ms(5);
	}
	printf("some processes do not end\n");
	show_processes();
}

/* File systems of the workers' own, so that nothing that they do to names outlives them. Each step again where an allocation failed by design. */
static void
world_make(void)
{
	static const struct { const char *name; int major, minor; } devices[] = {
		{ WORLD "/dev/null", 1, 3 }, { WORLD "/dev/zero", 1, 5 }, { WORLD "/dev/urandom", 1, 9 }, { WORLD "/dev/ptmx", 5, 2 } };
	SURELY(mkdir(WORLD, 0777));
	SURELY(mount("none", WORLD, "tmpfs", 0, "size=64m"));
	SURELY(mkdir(WORLD "/dev", 0777));
	SURELY(mkdir(WORLD "/dev/pts", 0777));
	SURELY(mkdir(WORLD "/proc", 0777));
	SURELY(mount("none", WORLD "/proc", "proc", 0, NULL));
	SURELY(mount("none", WORLD "/dev/pts", "devpts", 0, NULL));
	for (int i = 0; i < 4; i++) {
		SURELY(mknod(devices[i].name, S_IFCHR | 0666, makedev((unsigned)devices[i].major, (unsigned)devices[i].minor)));
		chmod(devices[i].name, 0666);
	}
	chmod(WORLD, 01777);
}

static void
world_end(void)
{
	SURELY(umount(WORLD "/dev/pts"));
	SURELY(umount(WORLD "/proc"));
	SURELY(umount(WORLD));
	SURELY(rmdir(WORLD));
}

/* System V objects by their index, queues by the names that their file system shows. */
static void
remove_objects(void)
{
	char buf[512];
	for (int i = 0; i < 4096; i++) {
		int id = shmctl(i, SHM_STAT, (struct shmid_ds *)buf);
		if (id >= 0)
			shmctl(id, IPC_RMID, NULL);
		id = semctl(i, 0, SEM_STAT, buf);
		if (id >= 0)
			semctl(id, 0, IPC_RMID);
		id = msgctl(i, MSG_STAT, (struct msqid_ds *)buf);
		if (id >= 0)
			msgctl(id, IPC_RMID, NULL);
	}
	SURELY(mkdir(QUEUES, 0700));
	SURELY(mount("none", QUEUES, "mqueue", 0, NULL));
	DIR *dir = opendir(QUEUES);
	for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
		if (entry->d_name[0] != '.' && snprintf(buf, sizeof(buf), "/%s", entry->d_name) > 0)
			mq_unlink(buf);
	if (dir != NULL)
		closedir(dir);
	SURELY(umount(QUEUES));
	SURELY(rmdir(QUEUES));
}

/* Takes the workers' counts over. */
static void
harvest(void)
{
	unsigned long made = __atomic_exchange_n(&shared->calls, 0, __ATOMIC_RELAXED), good = __atomic_exchange_n(&shared->good, 0, __ATOMIC_RELAXED);
	bool sane = made <= CALLS_MAX && good <= CALLS_MAX;
	total.calls += sane ? made : 0;
	total.good += sane ? good : 0;
	total.spoilt += !sane;
	for (unsigned i = 0; i < CALLS; i++) {
		unsigned char mark = shared->made[calls[i].number & 511];
		total.made[calls[i].number & 511] |= mark == 1;
		total.spoilt += mark > 1;
	}
}

static void
generation(uint64_t seed, long ms)
{
	long long end = now_ms() + ms;
	pid_t pids[WORKERS] = { 0 };
	shared->forks = 0;
	world_make();
	for (int round = 0; now_ms() < end; round++) {
		for (int i = 0; i < WORKERS; i++)
			if (pids[i] <= 0 && (pids[i] = fork()) == 0)
				worker(i + round % 2, seed + (uint64_t)round * 1000);
		int status;
		pid_t ended;
		while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
			for (int i = 0; i < WORKERS; i++)
				pids[i] = pids[i] == ended ? 0 : pids[i];
		pause_ms(10);
		harvest();
	}
	end_all();
	harvest();
	world_end();
	for (int i = 0; i < 3; i++)
		remove_objects();
}

/* What the kernel says of its live objects, once the names that nobody uses are forgotten. */
static void
read_objects(char *text, size_t size)
{
	int drop = -1, fd = -1;
	SURELY(drop = open("/proc/sys/vm/drop_caches", O_WRONLY));
	if (write(drop, "2", 1) != 1)
		printf("the cache of names could not be emptied: errno %d\n", errno);
	close(drop);
	pause_ms(SETTLE_MS);
	SURELY(fd = open("/proc/cadre/objects", O_RDONLY));
	ssize_t n;
	size_t len = 0;
	while (fd >= 0 && len < size - 1 && (n = read(fd, text + len, size - 1 - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		close(fd);
	text[len] = 0;
}

/* How many objects of a type, given with a blank behind, a text of read_objects has in all sizes. */
static long
live(const char *text, const char *type, size_t len)
{
	long n = 0;
	for (const char *line = text; *line != 0; line += strcspn(line, "\n"), line += *line == '\n')
		n += strncmp(line, type, len) == 0 ? atol(line + len) : 0;
	return n;
}

/* Whether some type has more objects in `after`. */
static bool
has_more(const char *before, const char *after)
{
	for (const char *line = after; *line != 0; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, " ") + 1;
		if (strncmp(line, "frames ", len) != 0 && live(after, line, len) > live(before, line, len))
			return true;
	}
	return false;
}

/*
 * For the runner to compare. What ended may stay for a grace period, which on a busy host is as long as one of its processors is not let run: so what
 * is there in the end is given time, as long as it is more than at the start.
 */
static void
show_objects(const char *when)
{
	static char before[1 << 16], text[1 << 16];
	read_objects(text, sizeof(text));
	for (int i = 0; i < 30 && before[0] != 0 && has_more(before, text); i++)
		read_objects(text, sizeof(text));
	memcpy(before, text, sizeof(text));
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
		printf("%s %s\n", when, line);
}

/* Prints the types with more objects in `after`, or fewer. */
static void
show_changes(const char *name, const char *before, const char *after)
{
	for (const char *line = after; *line != 0; line += strcspn(line, "\n"), line += *line == '\n') {
		size_t len = strcspn(line, " ") + 1;
		long was = live(before, line, len), now = live(after, line, len);
		if (now != was && strncmp(line, "frames ", len) != 0)
			printf("changed by %s: %.*s %+ld = %ld\n", name, (int)len - 1, line, now - was, now);
	}
}

/* A generation of each call alone. */
static void
try_each(uint64_t seed)
{
	static char text[2][1 << 16];
	nchosen = 1;
	read_objects(text[0], sizeof(text[0]));
	for (unsigned i = 0; i < CALLS; i++) {
		chosen[0] = (unsigned short)i;
		generation(seed + i, EACH_MS);
		read_objects(text[(i + 1) % 2], sizeof(text[0]));
		show_changes(calls[i].name, text[i % 2], text[(i + 1) % 2]);
	}
}

/* => false: there is no such call */
static bool
choose(const char *name)
{
	for (unsigned i = 0; i < CALLS; i++)
		if (strcmp(calls[i].name, name) == 0) {
			chosen[nchosen++] = (unsigned short)i;
			return true;
		}
	return false;
}

static void
memory_prepare(void)
{
	enum { FLAGS = MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, RW = PROT_READ | PROT_WRITE };
	if (mmap(shared, sizeof(*shared), RW, MAP_SHARED | FLAGS, -1, 0) != shared || mmap(arena, (ARENA_PAGES + 1) * PAGE, RW, MAP_PRIVATE | FLAGS, -1, 0) != arena ||
	    mmap(read_only, PAGE, PROT_READ, MAP_PRIVATE | FLAGS, -1, 0) != read_only)
		exit(3);
	mprotect(arena + ARENA_PAGES * PAGE, PAGE, PROT_NONE);
}

int
main(int argc, char **argv)
{
	if (argc < 3 || access("/.cadre/command", F_OK) != 0) {
		fprintf(stderr, "sysfuzz: only in a machine of ./cadre run, with SECONDS SEED\n");
		return 2;
	}
	long long start = now_ms(), end = start + atol(argv[1]) * 1000;
	uint64_t seed = strtoull(argv[2], NULL, 0);
	bool each = argc == 4 && strcmp(argv[3], "each") == 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	syscall(SYS_ioprio_set, 3 /* a user's */, 0, 2 << 13 | 4);      /* root's workers may give this one and the first an I/O priority: both have one */
	set_signals(SIG_IGN);
	memory_prepare();
	printf("seed %llu\n", (unsigned long long)seed);
	generation(seed, GENERATION_MS);
	for (int i = 3; i < argc && !each; i++)
		if (!choose(argv[i]))
			return 2;
	pause_ms(200);
	show_objects("before");
	for (int i = 1; now_ms() < end && !each; i++) {
		printf("generation %d: %lu calls, %lu without error\n", i, total.calls, total.good);
		generation(seed + (uint64_t)i * 1000003, GENERATION_MS);
	}
	if (each)
		try_each(seed);
	pause_ms(500);
	show_objects("after");
	int kinds = 0;
	for (int i = 0; i < 512; i++)
		kinds += total.made[i];
	printf("end: %lu calls, %lu without error, %d of %d kinds succeeded once, %lu counts spoilt\n", total.calls, total.good, kinds, (int)CALLS, total.spoilt);
	return 0;
}
