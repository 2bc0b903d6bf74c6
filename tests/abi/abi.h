// SPDX-License-Identifier: MPL-2.0
/**
 * The ABI test ring: a header for small C programs that run unchanged on Linux and on Cadre and whose lines are compared.
 *
 * A program is `<topic>_test.c`: a line `// syscalls: name…` (read by tools/syscalls/gen.py), then TEST("a sentence that names the
 * behaviour") { … } functions. Each runs in a child of its own, in an empty directory of its own, in a session of its own, with a time
 * limit. Each assertion prints one line that is the same in every run in which it holds:
 *
 *     ok topic: sentence: expression = value
 *     not ok topic: sentence: expression = value # got other
 *
 * Arguments of a program choose tests by a part of their sentence.
 */
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-result"
#pragma GCC diagnostic ignored "-Wnonnull"

struct abi_test {
	const char *sentence;
	void (*run)(void);
};

#define ABI_JOIN_(a, b) a##b
#define ABI_JOIN(a, b) ABI_JOIN_(a, b)
#define ABI_TEST(words, n)                                                                                             \
	static void ABI_JOIN(abi_run_, n)(void);                                                                       \
	static const struct abi_test ABI_JOIN(abi_entry_, n) __attribute__((section("abi_tests"), used, aligned(8))) = \
	        { words, ABI_JOIN(abi_run_, n) };                                                                      \
	static void ABI_JOIN(abi_run_, n)(void)
#define TEST(words) ABI_TEST(words, __COUNTER__)

/* ABI_SECONDS: after that a test hangs. PATIENCE_MS: how long it waits for what must come; both are long enough for any machine. */
enum { ABI_SECONDS = 120, PATIENCE_MS = 20000, PAGE = 4096 };

extern const struct abi_test __start_abi_tests[], __stop_abi_tests[];
static char abi_topic[64];
static const char *abi_sentence = "";
static char abi_self[PATH_MAX];    /* this program's file */

/* One line, in one write. */
static void
abi_line(const char *kind, const char *expression, const char *value, const char *got)
{
	char text[4096];
	int n = snprintf(text, sizeof(text), "%s %s: %s: %s%s%s%s%s\n", kind, abi_topic, abi_sentence, expression,
	                 value != NULL ? " = " : "", value != NULL ? value : "", got != NULL ? " # got " : "", got != NULL ? got : "");
	size_t len = (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
	text[len - 1] = '\n';
	ssize_t done = write(1, text, len);
	(void)done;
}

static bool
abi_check(bool good, const char *expression, const char *value, const char *got)
{
	int saved = errno;
	abi_line(good ? "ok" : "not ok", expression, value, good ? NULL : got);
	errno = saved;
	return good;
}

static const char *
abi_error(int number, char *text)
{
	const char *name = strerrorname_np(number);
	return name != NULL ? name : (sprintf(text, "errno %d", number), text);
}

static bool
abi_equal(long long left, long long right, bool constant, const char *expression, const char *other)
{
	char value[128], got[80], error[32];
	int number = errno;
	if (constant)
		snprintf(value, sizeof(value), "%lld", right);
	else
		snprintf(value, sizeof(value), "%s", other);
	if (left == -1)
		snprintf(got, sizeof(got), "-1, errno %s", abi_error(number, error));
	else
		snprintf(got, sizeof(got), "%lld (0x%llx), not %lld", left, (unsigned long long)left, right);
	return abi_check(left == right, expression, value, got);
}

static bool
abi_errno(long long result, int number, int expected, const char *expression)
{
	char got[80], error[32], value[32];
	if (result == -1)
		snprintf(got, sizeof(got), "%s", abi_error(number, error));
	else
		snprintf(got, sizeof(got), "result %lld", result);
	return abi_check(result == -1 && number == expected, expression, abi_error(expected, value), got);
}

static long
abi_ok(long result, const char *expression)
{
	char error[32];
	int number = errno;
	abi_check(result != -1, expression, "done", abi_error(number, error));
	return result;
}

/* Ends the test. */
static _Noreturn void
abi_end(int status)
{
	_exit(status);
}

static long
abi_must(long result, const char *expression)
{
	char error[32];
	if (result == -1) {
		abi_check(false, "needs", expression, abi_error(errno, error));
		abi_end(1);
	}
	return result;
}

static bool
abi_text(const char *left, const char *right, const char *expression)
{
	return abi_check(left != NULL && strcmp(left, right) == 0, expression, right, left != NULL ? left : "null");
}

/* The expression is true. */
#define CHECK(...) abi_check((__VA_ARGS__) ? true : false, #__VA_ARGS__, NULL, "false")
/* Two numbers are equal; `value` is printed as a number where the compiler knows it, else as it is written. */
#define CHECK_EQ(expression, value)                                                                                    \
	({                                                                                                             \
		long long left_ = (long long)(expression);                                                             \
		abi_equal(left_, (long long)(value), __builtin_constant_p(value), #expression, #value);                \
	})
/* A call returns -1 and leaves this error. */
#define CHECK_ERRNO(expression, number)                                                                                \
	({                                                                                                             \
		errno = 0;                                                                                             \
		long long left_ = (long long)(expression);                                                             \
		abi_errno(left_, errno, number, #expression);                                                          \
	})
/* A call does not return -1. Its value. */
#define CHECK_OK(expression) (errno = 0, abi_ok((long)(expression), #expression))
#define CHECK_STR(expression, text) abi_text(expression, text, #expression)
#define CHECK_MEM(left, right, len) abi_check(memcmp(left, right, len) == 0, #left " is " #right, NULL, "other bytes")
/* A step that the test needs; silent unless it fails, which ends the test. */
#define MUST(expression) (errno = 0, abi_must((long)(expression), #expression))
/* Ends the test: it cannot run here. */
#define SKIP(why) (abi_line("skip", why, NULL, NULL), abi_end(0))

/* Exit status as a shell has it. */
static int
abi_status(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WSTOPSIG(status);
}

static int
reap(pid_t pid)
{
	int status = 0;
	while (waitpid(pid, &status, 0) != pid)
		if (errno != EINTR)
			return -1;
	return abi_status(status);
}

/* Runs the statements in a child, which then exits with 0. SPAWN: its pid. IN_CHILD: waits; its status as a shell has it. */
#define SPAWN(...)                                                                                                     \
	({                                                                                                             \
		pid_t pid_ = (pid_t)MUST(fork());                                                                      \
		if (pid_ == 0) {                                                                                       \
			__VA_ARGS__;                                                                                   \
			_exit(0);                                                                                      \
		}                                                                                                      \
		pid_;                                                                                                  \
	})
#define IN_CHILD(...) reap(SPAWN(__VA_ARGS__))

static long long
now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static long long
now_ms(void)
{
	return now_ns() / 1000000;
}

static void
sleep_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&t, &t) != 0 && errno == EINTR)
		;
}

/* A new file with this text; its descriptor, open for reading and writing at 0. */
static int
file_with(const char *name, const char *text)
{
	int fd = (int)MUST(open(name, O_RDWR | O_CREAT | O_TRUNC, 0644));
	MUST(write(fd, text, strlen(text)));
	MUST(lseek(fd, 0, SEEK_SET));
	return fd;
}

/* Contents of a small file, as a string in a static buffer; empty if it cannot be read. */
static char *
slurp(const char *name)
{
	static char text[1 << 16];
	size_t len = 0;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		ssize_t n;
		while (len < sizeof(text) - 1 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0)
			len += (size_t)n;
		close(fd);
	}
	text[len] = 0;
	return text;
}

/* The number behind `field` in a text such as /proc/self/status; -1 if it is not there. */
static long
field_of(const char *text, const char *field)
{
	const char *at = strstr(text, field);
	return at != NULL ? strtol(at + strlen(field), NULL, 0) : -1;
}

/* State letter of a process from /proc, or 0. */
static char
state_of(pid_t pid)
{
	char name[64];
	snprintf(name, sizeof(name), "/proc/%d/stat", (int)pid);
	const char *text = slurp(name), *end = strrchr(text, ')');
	return end != NULL ? end[2] : 0;
}

/* Waits with patience until the condition holds. Its value at the end. For what other tasks do in their own time. */
#define SOON(...)                                                                                                      \
	({                                                                                                             \
		long long end_ = now_ms() + PATIENCE_MS;                                                               \
		bool holds_;                                                                                           \
		while (!(holds_ = (__VA_ARGS__) ? true : false) && now_ms() < end_)                                    \
			sleep_ms(2);                                                                                   \
		holds_;                                                                                                \
	})

/* Waits until a process is seen asleep twice: it is in the call that the test is about. Returns as well when it has ended. */
static void
wait_asleep(pid_t pid)
{
	int seen = 0;
	char state;
	long long end = now_ms() + PATIENCE_MS;
	while (seen < 2 && (state = state_of(pid)) != 0 && state != 'Z' && now_ms() < end) {
		seen = state == 'S' ? seen + 1 : 0;
		sleep_ms(5);
	}
}

/* Pages without access behind `pages` pages with access; the address of the first page without access. */
static char *
fence_after(size_t pages)
{
	char *at = mmap(NULL, (pages + 1) * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED || mprotect(at + pages * PAGE, PAGE, PROT_NONE) != 0)
		abi_must(-1, "a fence");
	return at + pages * PAGE;
}

#define BAD ((void *)8)    /* an address that no process has */

static void
on_signal(int sig, void (*handler)(int), int flags)
{
	struct sigaction act = { .sa_handler = handler, .sa_flags = flags };
	MUST(sigaction(sig, &act, NULL));
}

static volatile sig_atomic_t signals_seen, last_signal;

static void
count_signal(int sig)
{
	signals_seen++;
	last_signal = sig;
}

/* Sends a signal to `pid`, from a child, once that sleeps: the call that the test makes next is interrupted, however late it comes to it. */
static pid_t
signal_asleep(pid_t pid, int sig)
{
	return SPAWN({ wait_asleep(pid); kill(pid, sig); });
}

/* Does something, in a child, once this process sleeps. */
#define WHEN_ASLEEP(...) ({ pid_t self_ = getpid(); SPAWN({ wait_asleep(self_); __VA_ARGS__; }); })

/* Gives up root for good. */
static void
become_nobody(void)
{
	MUST(setgroups(0, NULL));
	MUST(setresgid(65534, 65534, 65534));
	MUST(setresuid(65534, 65534, 65534));
}

static void
abi_remove(const char *name)
{
	if (unlink(name) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	DIR *dir = opendir(name);
	struct dirent *entry;
	char path[PATH_MAX];
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", name, entry->d_name);
		abi_remove(path);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(name);
}

/* In the child: a session, a directory, no memory of the program's other tests. */
static void
abi_child(const struct abi_test *test, const char *directory)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setsid();
	umask(022);
	if (mkdir(directory, 0777) != 0 || chmod(directory, 0777) != 0 || chdir(directory) != 0)
		abi_must(-1, "a directory for the test");
	test->run();
	abi_end(0);
}

/* Waits for a test; looks often at first, so that short tests take no time. Status, or -1 when its time was up. */
static int
abi_await(pid_t pid)
{
	long long end = now_ms() + ABI_SECONDS * 1000;
	int status = 0;
	for (long pause = 100;; pause = pause < 5000 ? pause * 2 : pause) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return abi_status(status);
		if (now_ms() > end) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
		struct timespec t = { 0, pause * 1000 };
		nanosleep(&t, NULL);
	}
}

static void
abi_run(const struct abi_test *test, int index)
{
	char directory[128], got[64];
	snprintf(directory, sizeof(directory), "/tmp/abi.%d.%d", (int)getpid(), index);
	abi_sentence = test->sentence;
	pid_t pid = fork();
	if (pid < 0) {
		abi_check(false, "the test starts", NULL, strerror(errno));
		return;
	}
	if (pid == 0)
		abi_child(test, directory);
	int status = abi_await(pid);
	kill(-pid, SIGKILL);
	abi_remove(directory);
	snprintf(got, sizeof(got), status < 0 ? "no end in %d s" : "status %d", status < 0 ? ABI_SECONDS : status);
	abi_check(status == 0, "the test ends", NULL, got);
}

static void
abi_name(const char *file)
{
	const char *slash = strrchr(file, '/'), *from = slash != NULL ? slash + 1 : file, *end = strstr(from, "_test.c");
	snprintf(abi_topic, sizeof(abi_topic), "%.*s", end != NULL ? (int)(end - from) : 32, from);
}

/* Defined by a program that is executed anew by its own tests: called with the arguments behind "--role". */
static int abi_role(int argc, char **argv) __attribute__((weakref("abi_role_of_program")));
extern int abi_role_of_program(int argc, char **argv) __attribute__((weak));
#define ROLE int abi_role_of_program(int argc, char **argv); int abi_role_of_program(int argc, char **argv)

int
main(int argc, char **argv)
{
	abi_name(__BASE_FILE__);
	ssize_t n = readlink("/proc/self/exe", abi_self, sizeof(abi_self) - 1);
	if (n < 0)
		realpath(argv[0], abi_self);
	if (argc > 1 && strcmp(argv[1], "--role") == 0)
		return abi_role_of_program != NULL ? abi_role(argc - 2, argv + 2) : 2;
	for (int fd = 3; fd < 32; fd++)
		close(fd);
	for (const struct abi_test *test = __start_abi_tests; test < __stop_abi_tests; test++) {
		bool chosen = argc == 1;
		for (int i = 1; i < argc; i++)
			chosen = chosen || strstr(test->sentence, argv[i]) != NULL;
		if (chosen)
			abi_run(test, (int)(test - __start_abi_tests));
	}
	return 0;
}
