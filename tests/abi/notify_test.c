// SPDX-License-Identifier: MPL-2.0
// Descriptors that tell of signals, timers and changes of files; files in memory with seals.
// syscalls: signalfd signalfd4 timerfd_create timerfd_settime timerfd_gettime inotify_init inotify_init1 inotify_add_watch
// syscalls: inotify_rm_watch memfd_create fcntl
#include "abi.h"
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

TEST("a signalfd gives blocked signals with what is known of them")
{
	sigset_t set;
	struct signalfd_siginfo info[3];
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	CHECK_ERRNO(signalfd(-1, &set, 1), EINVAL);
	CHECK_ERRNO(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	CHECK_ERRNO(signalfd(99, &set, 0), EBADF);
	CHECK_ERRNO(signalfd(0, &set, 0), EINVAL);
	int fd = (int)CHECK_OK(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
	CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_ERRNO(read(fd, info, 10), EINVAL);
	kill(getpid(), SIGUSR2);
	union sigval value = { .sival_int = 77 };
	sigqueue(getpid(), SIGUSR1, value);
	struct pollfd f = { fd, POLLIN, 0 };
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(read(fd, info, sizeof(info)), 2 * 128);
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[0].ssi_code, SI_QUEUE);
	CHECK_EQ(info[0].ssi_int, 77);
	CHECK(info[0].ssi_pid == (uint32_t)getpid());
	CHECK_EQ(info[1].ssi_signo, SIGUSR2);
	CHECK_EQ(info[1].ssi_code, SI_USER);
	CHECK_EQ(info[1].ssi_uid, 0);
	sigdelset(&set, SIGUSR2);
	CHECK_EQ(signalfd(fd, &set, 0), fd);
	kill(getpid(), SIGUSR2);
	CHECK_ERRNO(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_OK(syscall(SYS_signalfd, -1, &set, 8));
}

TEST("a signalfd of SIGCHLD tells of a child's end")
{
	sigset_t set;
	struct signalfd_siginfo info;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int fd = (int)MUST(signalfd(-1, &set, 0));
	pid_t child = SPAWN({ sleep_ms(30); _exit(5); });
	CHECK_EQ(read(fd, &info, sizeof(info)), 128);
	CHECK_EQ(info.ssi_signo, SIGCHLD);
	CHECK_EQ(info.ssi_code, CLD_EXITED);
	CHECK_EQ(info.ssi_status, 5);
	CHECK(info.ssi_pid == (uint32_t)child);
}

TEST("a timerfd expires once or again and again")
{
	struct itimerspec t = { { 0, 0 }, { 500, 0 } }, old;
	uint64_t n = 0;
	CHECK_ERRNO(timerfd_create(99, 0), EINVAL);
	CHECK_ERRNO(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_ERRNO(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	int fd = (int)CHECK_OK(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
	CHECK_EQ(fcntl(fd, F_GETFD), 1);
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	CHECK_EQ(timerfd_settime(fd, 0, &t, &old), 0);
	CHECK_EQ(old.it_value.tv_nsec, 0);
	CHECK_EQ(timerfd_gettime(fd, &old), 0);
	CHECK(old.it_value.tv_sec >= 300 && old.it_value.tv_sec < 500);
	t.it_value = (struct timespec){ 0, 30000000 };
	CHECK_EQ(timerfd_settime(fd, 0, &t, NULL), 0);
	struct pollfd f = { fd, POLLIN, 0 };
	CHECK_EQ(poll(&f, 1, PATIENCE_MS), 1);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK_EQ(n, 1);
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	CHECK_ERRNO(read(fd, &n, 4), EINVAL);
	timerfd_gettime(fd, &old);
	CHECK_EQ(old.it_value.tv_sec + old.it_value.tv_nsec, 0);
	t = (struct itimerspec){ { 0, 10000000 }, { 0, 10000000 } };
	CHECK_EQ(timerfd_settime(fd, 0, &t, NULL), 0);
	sleep_ms(55);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK(n >= 5);
	t.it_value.tv_nsec = 0;
	CHECK_EQ(timerfd_settime(fd, 0, &t, NULL), 0);
	sleep_ms(20);
	CHECK_ERRNO(read(fd, &n, 8), EAGAIN);
	t.it_value.tv_nsec = 1000000000;
	CHECK_ERRNO(timerfd_settime(fd, 0, &t, NULL), EINVAL);
	CHECK_ERRNO(timerfd_settime(fd, 8, &t, NULL), EINVAL);
	CHECK_ERRNO(timerfd_settime(0, 0, &old, NULL), EINVAL);
	CHECK_ERRNO(timerfd_settime(fd, 0, BAD, NULL), EFAULT);
	CHECK_ERRNO(write(fd, &n, 8), EINVAL);
	CHECK_ERRNO(timerfd_gettime(99, &old), EBADF);
}

TEST("an absolute timerfd in the past expires at once")
{
	struct itimerspec t = { { 0, 0 }, { 1, 0 } };
	uint64_t n = 0;
	int fd = (int)MUST(timerfd_create(CLOCK_REALTIME, 0));
	CHECK_EQ(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL), 0);
	CHECK_EQ(read(fd, &n, 8), 8);
	CHECK_EQ(n, 1);
	struct itimerspec later = { { 0, 0 }, { 0, 0 } };
	clock_gettime(CLOCK_REALTIME, &later.it_value);
	later.it_value.tv_sec += 1;
	MUST(timerfd_settime(fd, TFD_TIMER_ABSTIME, &later, NULL));
	CHECK_EQ(read(fd, &n, 8), 8);
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK(now.tv_sec > later.it_value.tv_sec || (now.tv_sec == later.it_value.tv_sec && now.tv_nsec >= later.it_value.tv_nsec));
}

/* Events of an inotify descriptor, as text: mask and name of each, in hexadecimal. */
static const char *
events_of(int fd)
{
	static char text[1024];
	char buf[2048] __attribute__((aligned(8)));
	size_t len = 0;
	ssize_t n = read(fd, buf, sizeof(buf));
	text[0] = 0;
	for (ssize_t at = 0; at < n;) {
		struct inotify_event *e = (void *)(buf + at);
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%x %s", len > 0 ? ", " : "", e->mask, e->len > 0 ? e->name : "");
		at += (ssize_t)(sizeof(*e) + e->len);
	}
	return text;
}

TEST("inotify tells of what happens in a directory")
{
	int fd = (int)CHECK_OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	CHECK_ERRNO(inotify_init1(1), EINVAL);
	MUST(mkdir("d", 0755));
	CHECK_EQ(inotify_add_watch(fd, "d", IN_ALL_EVENTS), 1);
	CHECK_ERRNO(read(fd, abi_self, sizeof(abi_self)), EAGAIN);
	int f = (int)MUST(open("d/f", O_RDWR | O_CREAT, 0600));
	CHECK_STR(events_of(fd), "100 f, 20 f");
	MUST(write(f, "x", 1));
	MUST(pread(f, &(char){ 0 }, 1, 0));
	CHECK_STR(events_of(fd), "2 f, 1 f");
	close(f);
	CHECK_STR(events_of(fd), "8 f");
	MUST(chmod("d/f", 0644));
	CHECK_STR(events_of(fd), "4 f");
	MUST(mkdir("d/sub", 0755));
	CHECK_STR(events_of(fd), "40000100 sub");
	MUST(rename("d/f", "d/g"));
	char buf[512] __attribute__((aligned(8)));
	CHECK_EQ(read(fd, buf, sizeof(buf)), 64);
	struct inotify_event *from = (void *)buf, *to = (void *)(buf + 32);
	CHECK_EQ(from->mask, IN_MOVED_FROM);
	CHECK_EQ(to->mask, IN_MOVED_TO);
	CHECK(from->cookie != 0 && from->cookie == to->cookie);
	CHECK_STR(to->name, "g");
	MUST(unlink("d/g"));
	CHECK_STR(events_of(fd), "200 g");
	close(open("d/sub", O_RDONLY));
	CHECK_STR(events_of(fd), "40000020 sub, 40000010 sub");
	MUST(rmdir("d/sub"));
	CHECK_STR(events_of(fd), "40000200 sub");
	MUST(rename("d", "e"));
	CHECK_STR(events_of(fd), "800 ");
	MUST(rmdir("e"));
	CHECK_STR(events_of(fd), "400 , 8000 ");
}

TEST("watches of files, masks and their errors")
{
	int fd = (int)MUST(inotify_init()), f = file_with("f", "x");
	MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
	CHECK_EQ(inotify_add_watch(fd, "f", IN_MODIFY), 1);
	CHECK_EQ(inotify_add_watch(fd, "f", IN_ATTRIB | IN_MASK_ADD), 1);
	MUST(write(f, "y", 1));
	MUST(write(f, "z", 1));
	CHECK_STR(events_of(fd), "2 ");
	MUST(fchmod(f, 0600));
	CHECK_STR(events_of(fd), "4 ");
	CHECK_EQ(inotify_add_watch(fd, "f", IN_MODIFY), 1);
	MUST(fchmod(f, 0644));
	CHECK_STR(events_of(fd), "");
	CHECK_ERRNO(inotify_add_watch(fd, "f", IN_MODIFY | IN_MASK_CREATE), EEXIST);
	CHECK_EQ(inotify_add_watch(fd, ".", IN_CREATE | IN_ONESHOT), 2);
	close(file_with("g", ""));
	CHECK_STR(events_of(fd), "100 g, 8000 ");
	CHECK_EQ(inotify_rm_watch(fd, 1), 0);
	CHECK_STR(events_of(fd), "8000 ");
	CHECK_ERRNO(inotify_rm_watch(fd, 1), EINVAL);
	CHECK_ERRNO(inotify_rm_watch(99, 1), EBADF);
	CHECK_ERRNO(inotify_rm_watch(0, 1), EINVAL);
	CHECK_ERRNO(inotify_add_watch(fd, "f", 0), EINVAL);
	CHECK_ERRNO(inotify_add_watch(fd, "none", IN_MODIFY), ENOENT);
	CHECK_ERRNO(inotify_add_watch(fd, "f", IN_MODIFY | IN_ONLYDIR), ENOTDIR);
	CHECK_ERRNO(inotify_add_watch(99, "f", IN_MODIFY), EBADF);
	CHECK_ERRNO(inotify_add_watch(0, "f", IN_MODIFY), EINVAL);
	CHECK_EQ(inotify_add_watch(fd, "g", IN_OPEN), 3);
	char small[8];
	close(open("g", O_RDONLY));
	CHECK_ERRNO(read(fd, small, 8), EINVAL);
	int n = 0;
	CHECK_EQ(ioctl(fd, FIONREAD, &n), 0);
	CHECK_EQ(n, 16);
	become_nobody();
	CHECK_ERRNO(inotify_add_watch(fd, "/proc/1/fd", IN_OPEN), EACCES);
}

TEST("an inotify read waits for an event")
{
	int fd = (int)MUST(inotify_init());
	MUST(inotify_add_watch(fd, ".", IN_CREATE));
	SPAWN({ sleep_ms(40); close(open("late", O_CREAT | O_RDWR, 0600)); });
	CHECK_STR(events_of(fd), "100 late");
}

TEST("a memfd is a file without a directory, and takes seals")
{
	CHECK_ERRNO(memfd_create("x", 0x100), EINVAL);
	CHECK_ERRNO(memfd_create(BAD, 0), EFAULT);
	char name[260];
	memset(name, 'n', sizeof(name));
	name[249] = 0;
	CHECK_OK(memfd_create(name, 0));
	name[249] = 'n';
	name[250] = 0;
	CHECK_ERRNO(memfd_create(name, 0), EINVAL);
	int fd = (int)CHECK_OK(memfd_create("mine", MFD_CLOEXEC | MFD_ALLOW_SEALING));
	CHECK_EQ(fcntl(fd, F_GETFD), 1);
	char link[64], target[64] = "";
	sprintf(link, "/proc/self/fd/%d", fd);
	readlink(link, target, sizeof(target) - 1);
	CHECK_STR(target, "/memfd:mine (deleted)");
	MUST(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	CHECK_ERRNO(ftruncate(fd, PAGE), EPERM);
	CHECK_EQ(ftruncate(fd, 3 * PAGE), 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	CHECK_ERRNO(ftruncate(fd, 4 * PAGE), EPERM);
	CHECK_ERRNO(pwrite(fd, "x", 1, 3 * PAGE), EPERM);
	CHECK_ERRNO(fallocate(fd, 0, 0, 9 * PAGE), EPERM);
	char *map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(map, PAGE);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	CHECK_ERRNO(write(fd, "x", 1), EPERM);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	CHECK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) != MAP_FAILED);
	map = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_ERRNO(map == MAP_FAILED ? (errno = EPERM, -1) : mprotect(map, PAGE, PROT_READ | PROT_WRITE), errno == EPERM ? EPERM : EACCES);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL), 0);
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), EPERM);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 15);
	int plain = (int)CHECK_OK(memfd_create("", 0));
	CHECK_EQ(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERRNO(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	CHECK_ERRNO(fcntl(0, F_GET_SEALS), EINVAL);
	fd = (int)MUST(memfd_create("w", MFD_ALLOW_SEALING));
	CHECK_ERRNO(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
	MUST(ftruncate(fd, PAGE));
	map = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
	map[0] = 'q';
	CHECK_ERRNO(write(fd, "x", 1), EPERM);
}

/* The signals of F_NOTIFY that come, as many as are expected: descriptor, code and band of each. */
static const char *
notices(int number, const char *expected)
{
	static char text[400];
	size_t at = 0;
	sigset_t set;
	siginfo_t info;
	sigemptyset(&set);
	sigaddset(&set, number);
	text[0] = 0;
	while (sigtimedwait(&set, &info, &(struct timespec){ at < strlen(expected) ? PATIENCE_MS / 1000 : 0, 0 }) == number && at < sizeof(text) - 40)
		at += (size_t)sprintf(text + at, "%d/%d/%lx ", info.si_fd, info.si_code, (long)info.si_band);
	return text;
}

TEST("F_NOTIFY signals what happens in a directory")
{
	int number = SIGRTMIN + 1, fd, other;
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, number);
	sigaddset(&set, SIGIO);
	sigprocmask(SIG_BLOCK, &set, NULL);
	MUST(mkdir("d", 0755));
	other = MUST(open("d/file", O_RDWR | O_CREAT, 0644));
	MUST(write(other, "x", 1));
	fd = MUST(open("d", O_RDONLY));
	MUST(dup2(fd, 50));
	MUST(close(fd));
	fd = 50;
	CHECK_EQ(fcntl(fd, F_NOTIFY, 0), 0);
	CHECK_EQ(fcntl(other, F_NOTIFY, 0), 0);
	CHECK_ERRNO(fcntl(other, F_NOTIFY, DN_MODIFY), ENOTDIR);
	CHECK_EQ(fcntl(fd, F_GETOWN), 0);
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE), 0);
	CHECK(fcntl(fd, F_GETOWN) == getpid());
	MUST(mknod("d/one", S_IFREG | 0644, 0));
	siginfo_t info;
	CHECK_EQ(sigtimedwait(&set, &info, &(struct timespec){ PATIENCE_MS / 1000, 0 }), SIGIO);
	CHECK_EQ(info.si_code, SI_KERNEL);
	MUST(fcntl(fd, F_SETSIG, number));
	MUST(mknod("d/two", S_IFREG | 0644, 0));
	CHECK_STR(notices(number, ""), "");
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE), 0);
	MUST(mknod("d/three", S_IFREG | 0644, 0));
	MUST(mknod("d/four", S_IFREG | 0644, 0));
	CHECK_STR(notices(number, "50/3/441 "), "50/3/441 ");
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_DELETE | DN_MULTISHOT), 0);
	MUST(unlink("d/three"));
	MUST(unlink("d/four"));
	CHECK_STR(notices(number, "50/3/441 50/3/441 "), "50/3/441 50/3/441 ");
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MULTISHOT), 0);
	MUST(unlink("d/two"));
	CHECK_STR(notices(number, ""), "");
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_ATTRIB | DN_MULTISHOT), 0);
	MUST(chmod("d/file", 0600));
	CHECK_STR(notices(number, "50/3/441 "), "50/3/441 ");
	MUST(chmod("d", 0700));
	CHECK_STR(notices(number, "50/3/441 "), "50/3/441 ");
	MUST(fcntl(fd, F_NOTIFY, 0));
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_MODIFY | DN_MULTISHOT), 0);
	MUST(write(other, "y", 1));
	CHECK_STR(notices(number, "50/3/441 "), "50/3/441 ");
	MUST(fcntl(fd, F_NOTIFY, 0));
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_ACCESS), 0);
	char c;
	MUST(pread(other, &c, 1, 0));
	CHECK_STR(notices(number, "50/3/441 "), "50/3/441 ");
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_RENAME), 0);
	MUST(rename("d/one", "d/renamed"));
	CHECK_STR(notices(number, "50/3/441 "), "50/3/441 ");
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT), 0);
	MUST(close(dup(fd)));
	MUST(mknod("d/five", S_IFREG | 0644, 0));
	CHECK_STR(notices(number, ""), "");
	CHECK_EQ(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT), 0);
	MUST(close(fd));
	MUST(mknod("d/six", S_IFREG | 0644, 0));
	CHECK_STR(notices(number, ""), "");
}
