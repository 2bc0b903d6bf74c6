// SPDX-License-Identifier: MPL-2.0
// Pipes and FIFOs: ends, atomicity, capacity, blocking, interruption.
// syscalls: pipe pipe2 read write close fcntl readv writev ioctl poll fstat lseek mknod dup
#include "abi.h"
#include <sys/eventfd.h>

TEST("pipe gives the two lowest descriptors, reading first")
{
	int p[2];
	CHECK_EQ(pipe(p), 0);
	CHECK_EQ(p[0], 3);
	CHECK_EQ(p[1], 4);
	CHECK_EQ(fcntl(p[0], F_GETFL), O_RDONLY);
	CHECK_EQ(fcntl(p[1], F_GETFL), O_WRONLY);
	CHECK_EQ(fcntl(p[0], F_GETFD), 0);
	struct stat st;
	MUST(fstat(p[0], &st));
	CHECK(S_ISFIFO(st.st_mode));
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK_EQ(st.st_size, 0);
}

TEST("pipe2 takes O_CLOEXEC and O_NONBLOCK and refuses other flags")
{
	int p[2];
	CHECK_EQ(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(p[1], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(p[0], F_GETFL), O_NONBLOCK);
	CHECK_EQ(fcntl(p[1], F_GETFL), O_WRONLY | O_NONBLOCK);
	CHECK_ERRNO(pipe2(p, O_APPEND), EINVAL);
	CHECK_ERRNO(pipe2(p, O_CREAT), EINVAL);
	CHECK_ERRNO(pipe2(p, -1), EINVAL);
	CHECK_ERRNO(syscall(SYS_pipe2, BAD, 0), EFAULT);
	CHECK_EQ(dup(0), 5);
}

TEST("reading and writing the wrong end is EBADF, seeking is ESPIPE")
{
	int p[2];
	char c;
	MUST(pipe(p));
	CHECK_ERRNO(write(p[0], "x", 1), EBADF);
	CHECK_ERRNO(read(p[1], &c, 1), EBADF);
	CHECK_ERRNO(lseek(p[0], 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(pread(p[0], &c, 1, 0), ESPIPE);
	CHECK_ERRNO(pwrite(p[1], &c, 1, 0), ESPIPE);
	CHECK_ERRNO(ftruncate(p[1], 0), EINVAL);
	CHECK_ERRNO(fsync(p[1]), EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, p[0], 0) == MAP_FAILED && errno == ENODEV);
}

TEST("bytes come out in order and a read takes what is there")
{
	int p[2];
	char buf[64] = "";
	MUST(pipe(p));
	CHECK_EQ(write(p[1], "abc", 3), 3);
	CHECK_EQ(write(p[1], "defgh", 5), 5);
	CHECK_EQ(read(p[0], buf, 4), 4);
	CHECK_MEM(buf, "abcd", 4);
	CHECK_EQ(read(p[0], buf, sizeof(buf)), 4);
	CHECK_MEM(buf, "efgh", 4);
	CHECK_EQ(write(p[1], "", 0), 0);
	CHECK_EQ(read(p[0], buf, 0), 0);
}

TEST("the oldest way to a pipe")
{
	int p[2];
	char c = 0;
	CHECK_EQ(syscall(SYS_pipe, p), 0);
	CHECK_EQ(write(p[1], "o", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(fcntl(p[0], F_GETFD), 0);
	CHECK_ERRNO(syscall(SYS_pipe, BAD), EFAULT);
}

TEST("a pipe without writers reads as end of file, one without readers raises SIGPIPE")
{
	int p[2];
	char c;
	MUST(pipe(p));
	MUST(write(p[1], "z", 1));
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 0);
	CHECK_EQ(read(p[0], &c, 1), 0);
	close(p[0]);
	MUST(pipe(p));
	close(p[0]);
	CHECK_EQ(IN_CHILD(write(p[1], "x", 1)), 128 + SIGPIPE);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(write(p[1], "x", 0), 0);
	signals_seen = 0;
	on_signal(SIGPIPE, count_signal, 0);
	CHECK_ERRNO(write(p[1], "x", 1), EPIPE);
	CHECK_EQ(signals_seen, 1);
}

TEST("a non-blocking pipe is EAGAIN when empty and when full, and takes part of a long write")
{
	int p[2];
	static char big[200000];
	char c;
	MUST(pipe2(p, O_NONBLOCK));
	CHECK_ERRNO(read(p[0], &c, 1), EAGAIN);
	CHECK_EQ(write(p[1], big, sizeof(big)), 65536);
	CHECK_ERRNO(write(p[1], "x", 1), EAGAIN);
	int n = 0;
	CHECK_EQ(ioctl(p[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 65536);
	CHECK_EQ(read(p[0], big, 4096), 4096);
	CHECK_EQ(write(p[1], big, 4096), 4096);
	CHECK_ERRNO(write(p[1], big, 4096), EAGAIN);
}

TEST("a write of PIPE_BUF bytes is not split when room is short")
{
	int p[2];
	static char big[65536];
	MUST(pipe2(p, O_NONBLOCK));
	CHECK_EQ(write(p[1], big, 65536 - 4096), 61440);
	CHECK_EQ(write(p[1], big, 1), 1);
	CHECK_ERRNO(write(p[1], big, 4096), EAGAIN);
	CHECK_EQ(write(p[1], big, 4095), 4095);
}

TEST("writes of up to PIPE_BUF from several processes are not mixed")
{
	int p[2];
	MUST(pipe(p));
	for (int w = 0; w < 3; w++)
		SPAWN({
			char block[512];
			memset(block, 'a' + w, sizeof(block));
			close(p[0]);
			for (int i = 0; i < 200; i++)
				if (write(p[1], block, sizeof(block)) != sizeof(block))
					_exit(1);
		});
	close(p[1]);
	static char all[3 * 200 * 512];
	size_t len = 0;
	ssize_t n;
	while ((n = read(p[0], all + len, sizeof(all) - len)) > 0)
		len += (size_t)n;
	CHECK_EQ(len, sizeof(all));
	int mixed = 0;
	for (size_t i = 0; i < len; i += 512)
		for (size_t j = 1; j < 512; j++)
			mixed += all[i] != all[i + j];
	CHECK_EQ(mixed, 0);
}

TEST("a blocked reader wakes when bytes or the end come")
{
	int p[2];
	char c = 0;
	MUST(pipe(p));
	long long start = now_ms();
	pid_t writer = SPAWN({ sleep_ms(50); MUST(write(p[1], "q", 1)); });
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK(now_ms() - start >= 40);
	CHECK_EQ(c, 'q');
	CHECK_EQ(reap(writer), 0);
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 0);
}

TEST("a blocked writer goes on when room comes and writes all")
{
	int p[2];
	static char big[150000];
	MUST(pipe(p));
	pid_t writer = SPAWN({ close(p[0]); _exit(write(p[1], big, sizeof(big)) == sizeof(big) ? 7 : 1); });
	close(p[1]);
	size_t len = 0;
	ssize_t n;
	while ((n = read(p[0], big, 10000)) > 0)
		len += (size_t)n;
	CHECK_EQ(len, sizeof(big));
	CHECK_EQ(reap(writer), 7);
}

TEST("a signal ends a blocked read with EINTR, or restarts it with SA_RESTART")
{
	int p[2];
	char c;
	MUST(pipe(p));
	on_signal(SIGUSR1, count_signal, 0);
	signal_asleep(getpid(), SIGUSR1);
	CHECK_ERRNO(read(p[0], &c, 1), EINTR);
	CHECK_EQ(signals_seen, 1);
	on_signal(SIGUSR1, count_signal, SA_RESTART);
	WHEN_ASLEEP({ kill(self_, SIGUSR1); wait_asleep(self_); MUST(write(p[1], "r", 1)); });
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(signals_seen, 2);
}

TEST("a signal ends a blocked write after part of it with the part's length")
{
	int p[2];
	static char big[100000];
	MUST(pipe(p));
	on_signal(SIGUSR1, count_signal, SA_RESTART);
	signal_asleep(getpid(), SIGUSR1);
	CHECK_EQ(write(p[1], big, sizeof(big)), 65536);
	CHECK_EQ(signals_seen, 1);
}

TEST("F_SETPIPE_SZ rounds up to a power of two pages and does not drop bytes")
{
	int p[2];
	static char big[65536];
	MUST(pipe2(p, O_NONBLOCK));
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 65536);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 5000), 8192);
	CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8192);
	CHECK_EQ(write(p[1], big, sizeof(big)), 8192);
	CHECK_ERRNO(fcntl(p[1], F_SETPIPE_SZ, 4096), EBUSY);
	CHECK_EQ(fcntl(p[1], F_SETPIPE_SZ, 1 << 20), 1 << 20);
	CHECK_EQ(read(p[0], big, sizeof(big)), 8192);
	int fd = file_with("f", "x");
	CHECK_ERRNO(fcntl(fd, F_GETPIPE_SZ), EBADF);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 0), 4096);
}

TEST("a pipe's size above pipe-max-size needs a privilege")
{
	int p[2];
	MUST(pipe(p));
	long most = strtol(slurp("/proc/sys/fs/pipe-max-size"), NULL, 10);
	CHECK_EQ(most, 1 << 20);
	become_nobody();
	CHECK_ERRNO(fcntl(p[0], F_SETPIPE_SZ, 2 << 20), EPERM);
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 1 << 19), 1 << 19);
}

TEST("poll tells the states of both ends")
{
	int p[2];
	static char big[65536];
	MUST(pipe(p));
	struct pollfd r = { p[0], POLLIN, 0 }, w = { p[1], POLLOUT, 0 };
	CHECK_EQ(poll(&r, 1, 0), 0);
	CHECK_EQ(poll(&w, 1, 0), 1);
	CHECK_EQ(w.revents, POLLOUT);
	MUST(write(p[1], big, sizeof(big)));
	CHECK_EQ(poll(&w, 1, 0), 0);
	CHECK_EQ(poll(&r, 1, 0), 1);
	CHECK_EQ(r.revents, POLLIN);
	int other = dup(p[0]);
	close(p[1]);
	CHECK_EQ(poll(&r, 1, 0), 1);
	CHECK_EQ(r.revents, POLLIN | POLLHUP);
	MUST(read(p[0], big, sizeof(big)));
	CHECK_EQ(poll(&r, 1, 0), 1);
	CHECK_EQ(r.revents, POLLHUP);
	close(other);
}

TEST("the writing end polls POLLERR when no reader is left")
{
	int p[2];
	MUST(pipe(p));
	close(p[0]);
	struct pollfd w = { p[1], POLLOUT, 0 };
	CHECK_EQ(poll(&w, 1, 0), 1);
	CHECK_EQ(w.revents, POLLOUT | POLLERR);
}

TEST("a bad buffer is EFAULT and loses nothing")
{
	int p[2];
	char *fence = fence_after(1), buf[16];
	MUST(pipe(p));
	CHECK_ERRNO(write(p[1], BAD, 4), EFAULT);
	MUST(write(p[1], "abcdef", 6));
	CHECK_ERRNO(read(p[0], BAD, 4), EFAULT);
	CHECK_EQ(read(p[0], buf, 6), 6);
	CHECK_MEM(buf, "abcdef", 6);
	memcpy(fence - 3, "xyz", 3);
	CHECK_ERRNO(write(p[1], fence, 1), EFAULT);
}

TEST("vectors are gathered and scattered")
{
	int p[2];
	char a[3] = "", b[5] = "";
	MUST(pipe(p));
	struct iovec out[] = { { "one", 3 }, { "", 0 }, { "two", 3 } }, in[] = { { a, 2 }, { NULL, 0 }, { b, 4 } };
	CHECK_EQ(writev(p[1], out, 3), 6);
	CHECK_EQ(readv(p[0], in, 3), 6);
	CHECK_STR(a, "on");
	CHECK_STR(b, "etwo");
	CHECK_ERRNO(writev(p[1], out, -1), EINVAL);
	CHECK_ERRNO(writev(p[1], out, 1025), EINVAL);
	CHECK_EQ(writev(p[1], out, 0), 0);
	CHECK_ERRNO(writev(p[1], BAD, 2), EFAULT);
	struct iovec negative[] = { { a, (size_t)-1 } };
	CHECK_ERRNO(writev(p[1], negative, 1), EINVAL);
}

TEST("a packet pipe keeps the borders of writes")
{
	int p[2];
	char buf[64];
	MUST(pipe2(p, O_DIRECT));
	MUST(write(p[1], "abc", 3));
	MUST(write(p[1], "defg", 4));
	CHECK_EQ(read(p[0], buf, 64), 3);
	CHECK_EQ(read(p[0], buf, 2), 2);
	MUST(write(p[1], "h", 1));
	CHECK_EQ(read(p[0], buf, 64), 1);
}

TEST("opening a FIFO waits for the other end, or not")
{
	MUST(mkfifo("f", 0600));
	CHECK_ERRNO(open("f", O_WRONLY | O_NONBLOCK), ENXIO);
	int r = (int)CHECK_OK(open("f", O_RDONLY | O_NONBLOCK));
	int w = (int)CHECK_OK(open("f", O_WRONLY | O_NONBLOCK));
	char c;
	CHECK_ERRNO(read(r, &c, 1), EAGAIN);
	close(w);
	CHECK_EQ(read(r, &c, 1), 0);
	close(r);
	long long start = now_ms();
	pid_t child = SPAWN({ sleep_ms(50); int fd = open("f", O_WRONLY); _exit(write(fd, "k", 1) == 1 ? 3 : 1); });
	r = (int)CHECK_OK(open("f", O_RDONLY));
	CHECK(now_ms() - start >= 40);
	CHECK_EQ(read(r, &c, 1), 1);
	CHECK_EQ(reap(child), 3);
	int both = (int)CHECK_OK(open("f", O_RDWR));
	CHECK_EQ(write(both, "m", 1), 1);
	CHECK_EQ(read(both, &c, 1), 1);
	on_signal(SIGALRM, count_signal, 0);
	close(both);
	close(r);
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(open("f", O_RDONLY), EINTR);
}

TEST("opening /proc/self/fd of a pipe gives the same pipe anew")
{
	int p[2];
	char name[64], c;
	MUST(pipe(p));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", p[0]);
	int w = (int)CHECK_OK(open(name, O_WRONLY));
	CHECK_EQ(write(w, "v", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	char target[64] = "";
	MUST(readlink(name, target, sizeof(target) - 1));
	CHECK(strncmp(target, "pipe:[", 6) == 0);
}

TEST("an end of a pipe is opened anew by /proc/self/fd, without waiting")
{
	int p[2];
	char name[64], text[8] = "";
	MUST(pipe(p));
	CHECK_EQ(write(p[1], "ab", 2), 2);
	sprintf(name, "/proc/self/fd/%d", p[0]);
	int writer = open(name, O_WRONLY);
	CHECK(writer >= 0);
	MUST(close(p[1]));
	CHECK_EQ(write(writer, "c", 1), 1);
	MUST(close(writer));
	int reader = open(name, O_RDONLY);
	CHECK(reader >= 0);
	sprintf(name, "/proc/self/fd/%d", open(name, O_PATH));
	MUST(close(p[0]));
	CHECK_EQ(read(reader, text, 8), 3);
	CHECK_STR(text, "abc");
	CHECK_EQ(read(reader, text, 8), 0);
	struct pollfd poll_reader = { .fd = reader, .events = POLLIN };
	CHECK_EQ(poll(&poll_reader, 1, 0), 1);
	CHECK_EQ(poll_reader.revents, POLLHUP);
}

TEST("neither an eventfd nor a socket is opened by /proc/self/fd")
{
	char name[64];
	sprintf(name, "/proc/self/fd/%d", eventfd(0, 0));
	CHECK_ERRNO(open(name, O_RDWR), ENXIO);
	sprintf(name, "/proc/self/fd/%d", socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(open(name, O_RDWR), ENXIO);
}
