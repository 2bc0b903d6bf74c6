// SPDX-License-Identifier: MPL-2.0
// Waiting for descriptors: poll, select, epoll, eventfd.
// syscalls: poll ppoll select pselect6 epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 eventfd eventfd2
#include "abi.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>

static int
epoll_add(int ep, int fd, uint32_t events)
{
	struct epoll_event e = { .events = events, .data.u64 = (uint64_t)fd };
	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static int
epoll_now(int ep, struct epoll_event *e, int n)
{
	return epoll_wait(ep, e, n, 0);
}

TEST("poll counts descriptors with events and marks closed ones")
{
	int p[2];
	MUST(pipe(p));
	struct pollfd f[4] = { { p[0], POLLIN, 0 }, { p[1], POLLOUT, 0 }, { 99, POLLIN, 7 }, { -1, POLLIN, 7 } };
	CHECK_EQ(poll(f, 4, 0), 2);
	CHECK_EQ(f[0].revents, 0);
	CHECK_EQ(f[1].revents, POLLOUT);
	CHECK_EQ(f[2].revents, POLLNVAL);
	CHECK_EQ(f[3].revents, 0);
	CHECK_EQ(poll(NULL, 0, 10), 0);
	CHECK_ERRNO(poll(BAD, 1, 0), EFAULT);
	CHECK_ERRNO(poll(f, 1 << 20, 0), EINVAL);
	int file = file_with("f", "");
	struct pollfd r = { file, POLLIN | POLLOUT | POLLPRI, 0 };
	CHECK_EQ(poll(&r, 1, 0), 1);
	CHECK_EQ(r.revents, POLLIN | POLLOUT);
	r = (struct pollfd){ open(".", O_RDONLY), POLLIN, 0 };
	CHECK_EQ(poll(&r, 1, 0), 1);
}

TEST("poll waits for its time, an event, or a signal")
{
	int p[2];
	MUST(pipe(p));
	struct pollfd f = { p[0], POLLIN, 0 };
	long long start = now_ms();
	CHECK_EQ(poll(&f, 1, 50), 0);
	CHECK(now_ms() - start >= 50);
	SPAWN({ sleep_ms(50); write(p[1], "x", 1); });
	CHECK_EQ(poll(&f, 1, -1), 1);
	f.events = 0;
	on_signal(SIGUSR1, count_signal, SA_RESTART);
	signal_asleep(getpid(), SIGUSR1);
	CHECK_ERRNO(poll(&f, 1, -1), EINTR);
	CHECK_EQ(signals_seen, 1);
	struct timespec t = { 0, 20000000 }, bad = { 0, 1000000000 };
	CHECK_EQ(ppoll(&f, 1, &t, NULL), 0);
	CHECK_EQ(t.tv_nsec, 20000000);
	CHECK_ERRNO(ppoll(&f, 1, &bad, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_ppoll, &f, 1, &t, &f, 4), EINVAL);
}

TEST("ppoll's mask lets a blocked signal in, which is pending no more")
{
	sigset_t all, none;
	struct timespec t = { 100, 0 };
	sigfillset(&all);
	sigemptyset(&none);
	on_signal(SIGUSR1, count_signal, 0);
	sigprocmask(SIG_BLOCK, &all, NULL);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(signals_seen, 0);
	CHECK_ERRNO(ppoll(NULL, 0, &t, &none), EINTR);
	CHECK_EQ(signals_seen, 1);
	sigset_t now;
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK_EQ(sigismember(&now, SIGUSR1), 1);
	CHECK_ERRNO(syscall(SYS_pselect6, 0, NULL, NULL, NULL, &(struct timespec){ -1, 0 }, NULL), EINVAL);
	kill(getpid(), SIGUSR1);
	CHECK_ERRNO(pselect(0, NULL, NULL, NULL, &t, &none), EINTR);
	CHECK_EQ(signals_seen, 2);
}

TEST("select keeps ready bits, counts them and updates its time")
{
	int p[2];
	fd_set r, w;
	MUST(pipe(p));
	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p[0], &r);
	FD_SET(p[1], &w);
	FD_SET(p[0], &w);
	struct timeval t = { 0, 30000 };
	CHECK_EQ(select(p[1] + 1, &r, &w, NULL, &t), 1);
	CHECK(!FD_ISSET(p[0], &r));
	CHECK(FD_ISSET(p[1], &w));
	CHECK(!FD_ISSET(p[0], &w));
	FD_ZERO(&r);
	FD_SET(p[0], &r);
	CHECK_EQ(select(p[0] + 1, &r, NULL, NULL, &t), 0);
	CHECK(!FD_ISSET(p[0], &r));
	CHECK_EQ(t.tv_sec * 1000000 + t.tv_usec, 0);
	t.tv_sec = 300;
	MUST(write(p[1], "x", 1));
	FD_SET(p[0], &r);
	CHECK_EQ(select(p[0] + 1, &r, NULL, NULL, &t), 1);
	CHECK(t.tv_sec >= 100 && t.tv_sec < 300);
	FD_ZERO(&r);
	FD_SET(40, &r);
	CHECK_ERRNO(select(41, &r, NULL, NULL, &t), EBADF);
	CHECK_ERRNO(select(-1, NULL, NULL, NULL, &t), EINVAL);
	CHECK_ERRNO(syscall(SYS_select, 4, BAD, NULL, NULL, &t), EFAULT);
	t.tv_sec = -1;
	CHECK_ERRNO(select(0, NULL, NULL, NULL, &t), EINVAL);
}

TEST("epoll_create and epoll_ctl check their arguments")
{
	struct epoll_event e = { .events = EPOLLIN };
	int p[2];
	CHECK_ERRNO(epoll_create(0), EINVAL);
	CHECK_OK(epoll_create(1));
	CHECK_ERRNO(epoll_create1(1), EINVAL);
	int ep = (int)CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
	CHECK_EQ(fcntl(ep, F_GETFD), 1);
	MUST(pipe(p));
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), 0);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &e), EEXIST);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_MOD, p[1], &e), ENOENT);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], &e), ENOENT);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &e), EINVAL);
	CHECK_ERRNO(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &e), EINVAL);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &e), EBADF);
	CHECK_ERRNO(epoll_ctl(99, EPOLL_CTL_ADD, p[1], &e), EBADF);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, file_with("f", ""), &e), EPERM);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[1], BAD), EFAULT);
	CHECK_ERRNO(epoll_ctl(ep, 9, p[1], &e), EINVAL);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), 0);
	CHECK_ERRNO(epoll_wait(ep, &e, 0, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(ep, &e, -1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(p[0], &e, 1, 0), EINVAL);
	CHECK_ERRNO(epoll_wait(99, &e, 1, 0), EBADF);
	CHECK_EQ(epoll_wait(ep, &e, 1, 0), 0);
	CHECK_ERRNO(read(ep, &e, 8), EINVAL);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &(struct epoll_event){ .events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT }), EINVAL);
}

TEST("level-triggered events stay, edge-triggered ones come once for each change")
{
	int p[2], ep = (int)MUST(epoll_create1(0)), edge = (int)MUST(epoll_create1(0));
	struct epoll_event e[4];
	char c;
	MUST(pipe(p));
	MUST(epoll_add(ep, p[0], EPOLLIN));
	MUST(epoll_add(edge, p[0], EPOLLIN | EPOLLET));
	CHECK_EQ(epoll_now(ep, e, 4), 0);
	MUST(write(p[1], "ab", 2));
	CHECK_EQ(epoll_now(ep, e, 4), 1);
	CHECK_EQ(e[0].events, EPOLLIN);
	CHECK(e[0].data.u64 == (uint64_t)p[0]);
	CHECK_EQ(epoll_now(ep, e, 4), 1);
	CHECK_EQ(epoll_now(edge, e, 4), 1);
	CHECK_EQ(epoll_now(edge, e, 4), 0);
	MUST(write(p[1], "c", 1));
	CHECK_EQ(epoll_now(edge, e, 4), 1);
	MUST(read(p[0], &c, 1));
	CHECK_EQ(epoll_now(edge, e, 4), 0);
	CHECK_EQ(epoll_now(ep, e, 4), 1);
	struct epoll_event again = { .events = EPOLLIN | EPOLLET };
	CHECK_EQ(epoll_ctl(edge, EPOLL_CTL_MOD, p[0], &again), 0);
	CHECK_EQ(epoll_now(edge, e, 4), 1);
}

TEST("a one-shot entry is silent until it is changed")
{
	int p[2], ep = (int)MUST(epoll_create1(0));
	struct epoll_event e[2], arm = { .events = EPOLLIN | EPOLLONESHOT };
	MUST(pipe(p));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &arm));
	MUST(write(p[1], "a", 1));
	CHECK_EQ(epoll_now(ep, e, 2), 1);
	CHECK_EQ(epoll_now(ep, e, 2), 0);
	MUST(write(p[1], "b", 1));
	CHECK_EQ(epoll_now(ep, e, 2), 0);
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &arm), 0);
	CHECK_EQ(epoll_now(ep, e, 2), 1);
	close(p[1]);
	CHECK_EQ(epoll_now(ep, e, 2), 0);
	arm.events = 0;
	CHECK_EQ(epoll_ctl(ep, EPOLL_CTL_MOD, p[0], &arm), 0);
	CHECK_EQ(epoll_now(ep, e, 2), 1);
	CHECK_EQ(e[0].events, EPOLLHUP);
}

TEST("entries go away with the last descriptor of a file, not the first")
{
	int p[2], ep = (int)MUST(epoll_create1(0));
	struct epoll_event e[2];
	MUST(pipe(p));
	MUST(write(p[1], "a", 1));
	MUST(epoll_add(ep, p[0], EPOLLIN));
	int copy = dup(p[0]);
	CHECK_EQ(epoll_add(ep, copy, EPOLLIN), 0);
	CHECK_EQ(epoll_now(ep, e, 2), 2);
	close(p[0]);
	CHECK_EQ(epoll_now(ep, e, 2), 2);
	CHECK_ERRNO(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL), EBADF);
	close(copy);
	CHECK_EQ(epoll_now(ep, e, 2), 0);
}

TEST("more ready entries than room come in turns")
{
	int ep = (int)MUST(epoll_create1(0));
	struct epoll_event e[2];
	int seen = 0;
	for (int i = 0; i < 4; i++)
		MUST(epoll_add(ep, eventfd(1, 0), EPOLLIN));
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(epoll_now(ep, e, 2), 2);
		for (int j = 0; j < 2; j++)
			seen |= 1 << e[j].data.u64;
	}
	CHECK_EQ(__builtin_popcount((unsigned)seen), 4);
}

TEST("an epoll descriptor in another one is readable when it has events; loops are refused")
{
	int inner = (int)MUST(epoll_create1(0)), outer = (int)MUST(epoll_create1(0)), ev = eventfd(0, 0);
	struct epoll_event e[2];
	MUST(epoll_add(inner, ev, EPOLLIN));
	CHECK_EQ(epoll_add(outer, inner, EPOLLIN), 0);
	CHECK_EQ(epoll_now(outer, e, 2), 0);
	eventfd_write(ev, 1);
	CHECK_EQ(epoll_now(outer, e, 2), 1);
	CHECK(e[0].data.u64 == (uint64_t)inner);
	struct pollfd f = { outer, POLLIN, 0 };
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_ERRNO(epoll_add(inner, outer, EPOLLIN), ELOOP);
	int chain = outer;
	int depth = 0;
	for (; depth < 10; depth++) {
		int next = (int)MUST(epoll_create1(0));
		if (epoll_add(next, chain, EPOLLIN) != 0)
			break;
		chain = next;
	}
	CHECK_EQ(errno, ELOOP);
	CHECK(depth <= 5);
}

TEST("epoll_wait sleeps for its time and wakes for an event of another process")
{
	int ep = (int)MUST(epoll_create1(0)), ev = eventfd(0, 0);
	struct epoll_event e[2];
	MUST(epoll_add(ep, ev, EPOLLIN));
	long long start = now_ms();
	CHECK_EQ(epoll_wait(ep, e, 2, 40), 0);
	CHECK(now_ms() - start >= 40);
	SPAWN({ sleep_ms(50); eventfd_write(ev, 1); });
	CHECK_EQ(epoll_wait(ep, e, 2, -1), 1);
	eventfd_t v;
	eventfd_read(ev, &v);
	on_signal(SIGUSR1, count_signal, SA_RESTART);
	signal_asleep(getpid(), SIGUSR1);
	CHECK_ERRNO(epoll_wait(ep, e, 2, -1), EINTR);
	sigset_t usr1;
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(signals_seen, 2);
	pid_t sender = signal_asleep(getpid(), SIGUSR1);
	CHECK_EQ(epoll_pwait(ep, e, 2, 100, &usr1), 0);
	reap(sender);
	CHECK_EQ(signals_seen, 3);
	struct timespec t = { 0, 10000000 };
	CHECK_EQ(syscall(SYS_epoll_pwait2, ep, e, 2, &t, NULL, 8), 0);
	t.tv_nsec = -1;
	CHECK_ERRNO(syscall(SYS_epoll_pwait2, ep, e, 2, &t, NULL, 8), EINVAL);
}

TEST("EPOLLEXCLUSIVE wakes at least one of several waiters")
{
	int ev = eventfd(0, EFD_NONBLOCK), done[2];
	char c;
	MUST(pipe(done));
	pid_t kids[3];
	for (int i = 0; i < 3; i++)
		kids[i] = SPAWN({
			struct epoll_event e;
			int ep = epoll_create1(0);
			epoll_add(ep, ev, EPOLLIN | EPOLLEXCLUSIVE);
			epoll_wait(ep, &e, 1, -1);
			write(done[1], "x", 1);
		});
	for (int i = 0; i < 3; i++)
		wait_asleep(kids[i]);
	eventfd_write(ev, 1);
	CHECK_EQ(read(done[0], &c, 1), 1);
	for (int i = 0; i < 3; i++)
		kill(kids[i], SIGKILL);
}

TEST("an eventfd counts, blocks at zero and at its end")
{
	uint64_t v = 0;
	CHECK_ERRNO(eventfd(0, 8), EINVAL);
	int fd = (int)CHECK_OK(eventfd(3, EFD_NONBLOCK | EFD_CLOEXEC));
	CHECK_EQ(fcntl(fd, F_GETFD), 1);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_EQ(read(fd, &v, 8), 8);
	CHECK_EQ(v, 3);
	CHECK_ERRNO(read(fd, &v, 8), EAGAIN);
	CHECK_ERRNO(read(fd, &v, 7), EINVAL);
	CHECK_ERRNO(write(fd, &v, 4), EINVAL);
	v = 0xfffffffffffffffe;
	CHECK_EQ(write(fd, &v, 8), 8);
	v = 1;
	CHECK_ERRNO(write(fd, &v, 8), EAGAIN);
	struct pollfd f = { fd, POLLIN | POLLOUT, 0 };
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents, POLLIN);
	v = ~0ull;
	CHECK_ERRNO(write(fd, &v, 8), EINVAL);
	CHECK_EQ(read(fd, &v, 100), 8);
	CHECK(v == 0xfffffffffffffffe);
	int sem = (int)CHECK_OK(syscall(SYS_eventfd2, 2, EFD_SEMAPHORE | EFD_NONBLOCK));
	CHECK_EQ(read(sem, &v, 8), 8);
	CHECK_EQ(v, 1);
	CHECK_EQ(read(sem, &v, 8), 8);
	CHECK_ERRNO(read(sem, &v, 8), EAGAIN);
	int block = (int)CHECK_OK(syscall(SYS_eventfd, 0));
	SPAWN({ sleep_ms(40); eventfd_write(block, 9); });
	CHECK_EQ(read(block, &v, 8), 8);
	CHECK_EQ(v, 9);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
}
