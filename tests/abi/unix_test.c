// SPDX-License-Identifier: MPL-2.0
// Sockets of the family AF_UNIX.
// syscalls: socket socketpair bind listen accept accept4 connect getsockname getpeername sendto recvfrom sendmsg recvmsg sendmmsg
// syscalls: recvmmsg shutdown setsockopt getsockopt
#include "abi.h"

static struct sockaddr_un
address(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	strcpy(a.sun_path, path);
	return a;
}

static int
listener(const char *path, int type)
{
	struct sockaddr_un a = address(path);
	int fd = (int)MUST(socket(AF_UNIX, type, 0));
	MUST(bind(fd, (void *)&a, sizeof(a)));
	if (type != SOCK_DGRAM)
		MUST(listen(fd, 5));
	return fd;
}

static int
connected(const char *path, int type)
{
	struct sockaddr_un a = address(path);
	int fd = (int)MUST(socket(AF_UNIX, type, 0));
	MUST(connect(fd, (void *)&a, sizeof(a)));
	return fd;
}

static int
option(int fd, int name)
{
	int value = -99;
	socklen_t len = sizeof(value);
	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

TEST("socket checks family, type, protocol and flags")
{
	CHECK_ERRNO(socket(AF_UNIX, 99, 0), EINVAL);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 99), EPROTONOSUPPORT);
	CHECK_ERRNO(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM | 0x100, 0), EINVAL);
	int fd = (int)CHECK_OK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
	CHECK_EQ(fcntl(fd, F_GETFD), 1);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	struct stat st;
	MUST(fstat(fd, &st));
	CHECK(S_ISSOCK(st.st_mode));
	CHECK_OK(socket(AF_UNIX, SOCK_RAW, 0));
	int p[2];
	CHECK_ERRNO(socketpair(AF_UNIX, 99, 0, p), EINVAL);
	CHECK_ERRNO(syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM, 0, BAD), EFAULT);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), ESPIPE);
	CHECK_ERRNO(bind(0, NULL, 0), ENOTSOCK);
	CHECK_ERRNO(listen(99, 1), EBADF);
}

TEST("a stream is bytes in both directions and ends when a side closes")
{
	int s[2];
	char buf[32] = "";
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(write(s[0], "abc", 3), 3);
	CHECK_EQ(send(s[0], "def", 3, 0), 3);
	CHECK_EQ(recv(s[1], buf, 2, MSG_PEEK), 2);
	CHECK_EQ(read(s[1], buf, 32), 6);
	CHECK_STR(buf, "abcdef");
	CHECK_ERRNO(recv(s[1], buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK_EQ(write(s[1], "back", 4), 4);
	int n = 0;
	CHECK_EQ(ioctl(s[0], FIONREAD, &n), 0);
	CHECK_EQ(n, 4);
	close(s[1]);
	CHECK_EQ(read(s[0], buf, 32), 4);
	CHECK_EQ(read(s[0], buf, 32), 0);
	CHECK_ERRNO(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(IN_CHILD(write(s[0], "x", 1)), 128 + SIGPIPE);
}

TEST("closing with unread data resets the other side")
{
	int s[2];
	char c;
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	MUST(write(s[0], "unread", 6));
	close(s[1]);
	CHECK_ERRNO(read(s[0], &c, 1), ECONNRESET);
	CHECK_EQ(read(s[0], &c, 1), 0);
}

TEST("bind, listen, connect and accept by a path")
{
	struct sockaddr_un a = address("sock"), peer;
	socklen_t len = sizeof(peer);
	int l = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0)), c = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(connect(c, (void *)&a, sizeof(a)), ENOENT);
	CHECK_ERRNO(listen(l, 1), EINVAL);
	CHECK_EQ(bind(l, (void *)&a, sizeof(a)), 0);
	CHECK_ERRNO(bind(l, (void *)&a, sizeof(a)), EADDRINUSE);
	CHECK_ERRNO(bind(c, (void *)&a, sizeof(a)), EADDRINUSE);
	CHECK_ERRNO(connect(c, (void *)&a, sizeof(a)), ECONNREFUSED);
	CHECK_ERRNO(accept(l, NULL, NULL), EINVAL);
	CHECK_EQ(listen(l, 2), 0);
	CHECK_EQ(connect(c, (void *)&a, sizeof(a)), 0);
	CHECK_ERRNO(connect(c, (void *)&a, sizeof(a)), EISCONN);
	int s = (int)CHECK_OK(accept4(l, (void *)&peer, &len, SOCK_CLOEXEC));
	CHECK_EQ(len, 2);
	CHECK_EQ(peer.sun_family, AF_UNIX);
	CHECK_EQ(fcntl(s, F_GETFD), 1);
	len = sizeof(peer);
	CHECK_EQ(getpeername(c, (void *)&peer, &len), 0);
	CHECK_EQ(len, 7);
	CHECK_STR(peer.sun_path, "sock");
	len = sizeof(peer);
	CHECK_EQ(getsockname(s, (void *)&peer, &len), 0);
	CHECK_EQ(len, 7);
	CHECK_EQ(write(c, "hi", 2), 2);
	CHECK_EQ(read(s, &peer, 10), 2);
	CHECK_ERRNO(accept4(l, NULL, NULL, 1), EINVAL);
	struct stat st;
	MUST(stat("sock", &st));
	CHECK(S_ISSOCK(st.st_mode));
	close(l);
	int d = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_ERRNO(connect(d, (void *)&a, sizeof(a)), ECONNREFUSED);
	close(file_with("plain", ""));
	a = address("plain");
	CHECK_ERRNO(connect(d, (void *)&a, sizeof(a)), ECONNREFUSED);
	CHECK_ERRNO(connect(d, (void *)&a, 1), EINVAL);
	a.sun_family = AF_INET;
	CHECK_ERRNO(connect(d, (void *)&a, sizeof(a)), EINVAL);
	CHECK_ERRNO(getpeername(d, (void *)&peer, &len), ENOTCONN);
	CHECK_ERRNO(connect(d, BAD, 10), EFAULT);
}

TEST("abstract names need no file and vanish with their socket")
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0abi.test" };
	socklen_t len = 3 + 8;
	int l = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0)), c = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0)), o = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_EQ(bind(l, (void *)&a, len), 0);
	CHECK_ERRNO(bind(o, (void *)&a, len), EADDRINUSE);
	MUST(listen(l, 1));
	CHECK_EQ(connect(c, (void *)&a, len), 0);
	close(l);
	CHECK_EQ(bind(o, (void *)&a, len), 0);
	int n = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0));
	CHECK_EQ(bind(n, (void *)&a, 2), 0);
	struct sockaddr_un got;
	socklen_t glen = sizeof(got);
	CHECK_EQ(getsockname(n, (void *)&got, &glen), 0);
	CHECK_EQ(glen, 8);
	CHECK_EQ(got.sun_path[0], 0);
}

TEST("a full backlog keeps a non-blocking connect from waiting")
{
	struct sockaddr_un a = address("sock");
	int l = (int)MUST(socket(AF_UNIX, SOCK_STREAM, 0)), got = 0;
	MUST(bind(l, (void *)&a, sizeof(a)));
	MUST(listen(l, 0));
	int error = 0;
	for (; got < 10; got++) {
		int c = (int)MUST(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0));
		if (connect(c, (void *)&a, sizeof(a)) != 0) {
			error = errno;
			break;
		}
	}
	CHECK_EQ(error, EAGAIN);
	CHECK_EQ(got, 1);
	pid_t child = SPAWN({ int c = socket(AF_UNIX, SOCK_STREAM, 0); _exit(connect(c, (void *)&a, sizeof(a)) == 0 ? 6 : errno); });
	wait_asleep(child);
	CHECK_OK(accept(l, NULL, NULL));
	CHECK_EQ(reap(child), 6);
	fcntl(l, F_SETFL, O_NONBLOCK);
	CHECK_OK(accept(l, NULL, NULL));
	CHECK_ERRNO(accept(l, NULL, NULL), EAGAIN);
}

TEST("datagrams keep their borders and their sender")
{
	int r = listener("r", SOCK_DGRAM), s = listener("s", SOCK_DGRAM);
	struct sockaddr_un to = address("r"), from;
	socklen_t len = sizeof(from);
	char buf[16] = "";
	CHECK_EQ(sendto(s, "hello", 5, 0, (void *)&to, sizeof(to)), 5);
	CHECK_EQ(sendto(s, "", 0, 0, (void *)&to, sizeof(to)), 0);
	CHECK_EQ(sendto(s, "second", 6, 0, (void *)&to, sizeof(to)), 6);
	CHECK_EQ(recvfrom(r, buf, 16, 0, (void *)&from, &len), 5);
	CHECK_STR(from.sun_path, "s");
	CHECK_EQ(len, 4);
	CHECK_EQ(recv(r, buf, 16, 0), 0);
	CHECK_EQ(recv(r, buf, 3, MSG_TRUNC), 6);
	CHECK_ERRNO(recv(r, buf, 3, MSG_DONTWAIT), EAGAIN);
	CHECK_ERRNO(send(s, "x", 1, 0), ENOTCONN);
	to = address("none");
	CHECK_ERRNO(sendto(s, "x", 1, 0, (void *)&to, sizeof(to)), ENOENT);
	to = address("r");
	CHECK_EQ(connect(s, (void *)&to, sizeof(to)), 0);
	CHECK_EQ(send(s, "c", 1, 0), 1);
	int o = (int)MUST(socket(AF_UNIX, SOCK_DGRAM, 0));
	struct sockaddr_un ts = address("s");
	CHECK_ERRNO(sendto(o, "x", 1, 0, (void *)&ts, sizeof(ts)), EPERM);
	close(r);
	CHECK_ERRNO(send(s, "x", 1, 0), ECONNREFUSED);
	int st = connected("s", SOCK_DGRAM) >= 0;
	CHECK_EQ(st, 1);
	struct sockaddr_un stream = address("stream");
	listener("stream", SOCK_STREAM);
	CHECK_ERRNO(connect(o, (void *)&stream, sizeof(stream)), EPROTOTYPE);
}

TEST("sequenced packets keep borders and tell the end of a record")
{
	int s[2];
	char buf[8];
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	CHECK_EQ(send(s[0], "abcdef", 6, 0), 6);
	CHECK_EQ(send(s[0], "gh", 2, 0), 2);
	struct iovec v = { buf, 3 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	CHECK_EQ(recvmsg(s[1], &m, 0), 3);
	CHECK_EQ(m.msg_flags & MSG_TRUNC, MSG_TRUNC);
	v.iov_len = 8;
	CHECK_EQ(recvmsg(s[1], &m, 0), 2);
	CHECK_EQ(m.msg_flags & MSG_TRUNC, 0);
	close(s[0]);
	CHECK_EQ(recv(s[1], buf, 8, 0), 0);
}

/* Sends descriptors with one byte. */
static int
send_fds(int sock, const int *fds, int n)
{
	char control[CMSG_SPACE(sizeof(int) * 300)] = { 0 }, c = 'F';
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n) };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	memcpy(CMSG_DATA(h), fds, sizeof(int) * (size_t)n);
	return (int)sendmsg(sock, &m, 0);
}

/* Receives up to `room` descriptors; how many, and the message's flags. */
static int
receive_fds(int sock, int *fds, int room, int flags, int *out_flags)
{
	char control[CMSG_SPACE(sizeof(int) * 300)], buf[16];
	struct iovec v = { buf, sizeof(buf) };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room > 0 ? control : NULL, .msg_controllen = room > 0 ? CMSG_LEN(sizeof(int) * (size_t)room) : 0 };
	if (recvmsg(sock, &m, flags) < 0)
		return -1;
	*out_flags = m.msg_flags;
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	if (h == NULL || h->cmsg_type != SCM_RIGHTS)
		return 0;
	int n = (int)((h->cmsg_len - CMSG_LEN(0)) / sizeof(int));
	memcpy(fds, CMSG_DATA(h), sizeof(int) * (size_t)n);
	return n;
}

TEST("descriptors travel through a socket")
{
	int s[2], p[2], got[4] = { -1, -1, -1, -1 }, flags;
	char buf[8] = "";
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	MUST(pipe(p));
	CHECK_EQ(send_fds(s[0], p, 2), 1);
	close(p[0]);
	close(p[1]);
	CHECK_EQ(receive_fds(s[1], got, 4, MSG_CMSG_CLOEXEC, &flags), 2);
	CHECK_EQ(flags, MSG_CMSG_CLOEXEC);
	CHECK_EQ(fcntl(got[0], F_GETFD), 1);
	CHECK_EQ(write(got[1], "through", 7), 7);
	CHECK_EQ(read(got[0], buf, 8), 7);
	CHECK_EQ(send_fds(s[0], got, 2), 1);
	CHECK_EQ(receive_fds(s[1], got + 2, 1, 0, &flags), 1);
	CHECK_EQ(flags & MSG_CTRUNC, MSG_CTRUNC);
	CHECK_EQ(fcntl(got[2], F_GETFD), 0);
	CHECK_EQ(send_fds(s[0], got, 1), 1);
	CHECK_EQ(receive_fds(s[1], got, 0, 0, &flags), 0);
	CHECK_EQ(flags & MSG_CTRUNC, MSG_CTRUNC);
	int bad = 77;
	CHECK_ERRNO(send_fds(s[0], &bad, 1), EBADF);
	int many[254];
	for (int i = 0; i < 254; i++)
		many[i] = 0;
	CHECK_ERRNO(send_fds(s[0], many, 254), EINVAL);
	CHECK_EQ(send_fds(s[0], many, 253), 1);
}

TEST("a stream read does not cross a message with descriptors")
{
	int s[2], flags, got[2];
	char buf[16];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	MUST(write(s[0], "ab", 2));
	MUST(send_fds(s[0], s, 1));
	MUST(write(s[0], "cd", 2));
	CHECK_EQ(read(s[1], buf, 2), 2);
	CHECK_EQ(receive_fds(s[1], got, 1, 0, &flags), 1);
	CHECK_EQ(read(s[1], buf, 16), 2);
}

TEST("a socket that is sent through itself and closed goes away, and the descriptor limit holds")
{
	for (int i = 0; i < 50; i++) {
		int s[2];
		MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
		MUST(send_fds(s[0], s, 2));
		close(s[0]);
		close(s[1]);
	}
	int s[2];
	CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	int p[2];
	MUST(pipe(p));
	MUST(send_fds(s[0], &p[1], 1));
	close(p[1]);
	char c;
	fcntl(p[0], F_SETFL, O_NONBLOCK);
	CHECK_ERRNO(read(p[0], &c, 1), EAGAIN);
	close(s[0]);
	close(s[1]);
	CHECK(SOON(read(p[0], &c, 1) == 0));
}

TEST("credentials: SO_PEERCRED and SCM_CREDENTIALS")
{
	int s[2], one = 1;
	struct ucred u;
	socklen_t len = sizeof(u);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(getsockopt(s[0], SOL_SOCKET, SO_PEERCRED, &u, &len), 0);
	CHECK_EQ(len, 12);
	CHECK(u.pid == getpid() && u.uid == 0 && u.gid == 0);
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)), 0);
	CHECK_EQ(option(s[1], SO_PASSCRED), 1);
	pid_t child = SPAWN({ setgid(8); setuid(7); write(s[0], "x", 1); });
	char control[CMSG_SPACE(sizeof(u))], c;
	struct iovec v = { &c, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	CHECK_EQ(recvmsg(s[1], &m, 0), 1);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	CHECK(h != NULL && h->cmsg_type == SCM_CREDENTIALS);
	if (h != NULL)
		memcpy(&u, CMSG_DATA(h), sizeof(u));
	CHECK(u.pid == child);
	CHECK_EQ(u.uid, 7);
	CHECK_EQ(u.gid, 8);
	CHECK_EQ(IN_CHILD({
		become_nobody();
		struct ucred lie = { 1, 0, 0 };
		char ctl[CMSG_SPACE(sizeof(lie))] = { 0 };
		struct msghdr out = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof(ctl) };
		struct cmsghdr *oh = CMSG_FIRSTHDR(&out);
		*oh = (struct cmsghdr){ CMSG_LEN(sizeof(lie)), SOL_SOCKET, SCM_CREDENTIALS };
		memcpy(CMSG_DATA(oh), &lie, sizeof(lie));
		_exit(sendmsg(s[0], &out, 0) == -1 ? errno : 0);
	}), EPERM);
}

TEST("shutdown ends one direction")
{
	int s[2];
	char c;
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(shutdown(s[0], SHUT_WR), 0);
	CHECK_EQ(read(s[1], &c, 1), 0);
	CHECK_ERRNO(send(s[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK_EQ(write(s[1], "y", 1), 1);
	CHECK_EQ(read(s[0], &c, 1), 1);
	struct pollfd f = { s[1], POLLIN | POLLOUT | POLLRDHUP, 0 };
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents, POLLIN | POLLOUT | POLLRDHUP);
	CHECK_EQ(shutdown(s[0], SHUT_RD), 0);
	CHECK_ERRNO(send(s[1], "x", 1, MSG_NOSIGNAL), EPIPE);
	f.revents = 0;
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents & POLLHUP, POLLHUP);
	CHECK_ERRNO(shutdown(s[0], 9), EINVAL);
	CHECK_EQ(shutdown(socket(AF_UNIX, SOCK_STREAM, 0), SHUT_RD), 0);
}

TEST("socket options")
{
	int s[2], v;
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	CHECK_EQ(option(s[0], SO_TYPE), SOCK_STREAM);
	CHECK_EQ(option(s[0], SO_DOMAIN), AF_UNIX);
	CHECK_EQ(option(s[0], SO_PROTOCOL), 0);
	CHECK_EQ(option(s[0], SO_ERROR), 0);
	CHECK_EQ(option(s[0], SO_ACCEPTCONN), 0);
	CHECK_EQ(option(s[0], SO_SNDBUF), 212992);
	v = 10000;
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, sizeof(v)), 0);
	CHECK_EQ(option(s[0], SO_SNDBUF), 20000);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &v, 1), EINVAL);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, 9999, &v, 4), ENOPROTOOPT);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, BAD, 4), EFAULT);
	socklen_t len = 4;
	CHECK_ERRNO(getsockopt(s[0], SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	CHECK_ERRNO(getsockopt(s[0], 77, 1, &v, &len), EOPNOTSUPP);
	CHECK_ERRNO(setsockopt(s[0], SOL_SOCKET, SO_TYPE, &v, 4), ENOPROTOOPT);
	struct timeval t = { 0, 50000 };
	CHECK_EQ(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)), 0);
	CHECK_ERRNO(read(s[0], &v, 1), EAGAIN);
	CHECK_EQ(IN_CHILD({ int l = listener("l", SOCK_STREAM); _exit(option(l, SO_ACCEPTCONN)); }), 1);
}

TEST("a full socket buffer blocks or is EAGAIN, and polls so")
{
	int s[2];
	static char big[1 << 20];
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s));
	ssize_t n = write(s[0], big, sizeof(big));
	CHECK(n > 4096 && n < (ssize_t)sizeof(big));
	while (write(s[0], big, 4096) > 0)
		;
	CHECK_EQ(errno, EAGAIN);
	struct pollfd f = { s[0], POLLOUT, 0 };
	CHECK_EQ(poll(&f, 1, 0), 0);
	while (read(s[1], big, sizeof(big)) > 0)
		;
	CHECK_EQ(poll(&f, 1, 0), 1);
	int d[2];
	MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, d));
	CHECK_ERRNO(send(d[0], big, sizeof(big), 0), EMSGSIZE);
	int sent = 0;
	while (send(d[0], big, 1000, 0) == 1000 && sent < 10000)
		sent++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(sent >= 10 && sent < 10000);
}

TEST("MSG_WAITALL, sendmmsg and recvmmsg")
{
	int s[2];
	char a[8] = "", b[8] = "";
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	SPAWN({ write(s[0], "ab", 2); sleep_ms(40); write(s[0], "cd", 2); });
	CHECK_EQ(recv(s[1], a, 4, MSG_WAITALL), 4);
	CHECK_STR(a, "abcd");
	int d[2];
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, d));
	struct iovec v[2] = { { "one", 3 }, { "three", 5 } }, r[2] = { { a, 8 }, { b, 8 } };
	struct mmsghdr out[2] = { { .msg_hdr = { .msg_iov = &v[0], .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &v[1], .msg_iovlen = 1 } } };
	struct mmsghdr in[2] = { { .msg_hdr = { .msg_iov = &r[0], .msg_iovlen = 1 } }, { .msg_hdr = { .msg_iov = &r[1], .msg_iovlen = 1 } } };
	CHECK_EQ(sendmmsg(d[0], out, 2, 0), 2);
	CHECK_EQ(out[1].msg_len, 5);
	CHECK_EQ(recvmmsg(d[1], in, 2, 0, NULL), 2);
	CHECK_EQ(in[0].msg_len, 3);
	CHECK_EQ(in[1].msg_len, 5);
	CHECK_ERRNO(recvmmsg(d[1], in, 2, MSG_DONTWAIT, NULL), EAGAIN);
	MUST(send(d[0], "x", 1, 0));
	CHECK_EQ(recvmmsg(d[1], in, 2, MSG_WAITFORONE, NULL), 1);
	CHECK_ERRNO(sendmsg(d[0], BAD, 0), EFAULT);
	CHECK_ERRNO(send(d[0], "x", 1, MSG_OOB), EOPNOTSUPP);
}

TEST("connecting needs write permission on the name")
{
	listener("sock", SOCK_STREAM);
	MUST(chmod("sock", 0700));
	struct sockaddr_un a = address("sock");
	become_nobody();
	CHECK_ERRNO(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&a, sizeof(a)), EACCES);
}

TEST("a blocked accept and recv are interrupted, or restarted")
{
	int l = listener("sock", SOCK_STREAM), s[2];
	char c;
	on_signal(SIGALRM, count_signal, 0);
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(accept(l, NULL, NULL), EINTR);
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(recv(s[0], &c, 1, 0), EINTR);
	on_signal(SIGALRM, count_signal, SA_RESTART);
	WHEN_ASLEEP({ kill(self_, SIGALRM); wait_asleep(self_); write(s[1], "z", 1); });
	CHECK_EQ(recv(s[0], &c, 1, 0), 1);
	CHECK_EQ(signals_seen, 3);
}

/* Receives a byte. => the types of the control items that came with it, then the flags; the last timestamp in `time` */
static const char *
items(int fd, size_t room, struct timespec *time)
{
	static char text[200];
	char byte, control[200];
	struct iovec v = { &byte, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room };
	if (recvmsg(fd, &m, 0) != 1)
		return strerrorname_np(errno);
	size_t at = 0;
	text[0] = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c)) {
		at += sprintf(text + at, "%d:%d ", c->cmsg_type, (int)c->cmsg_len);
		if (c->cmsg_type == SO_TIMESTAMP || c->cmsg_type == SO_TIMESTAMPNS)
			memcpy(time, CMSG_DATA(c), sizeof(*time));
	}
	sprintf(text + at, "flags %x", m.msg_flags);
	return text;
}

TEST("datagrams tell when they were sent, where that is asked for")
{
	int s[2], on = 1, off = 0, value = -1;
	socklen_t len = sizeof(value);
	struct timespec before, told = { 0, 0 }, now;
	MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, s));
	MUST(send(s[0], "a", 1, 0));
	MUST(clock_gettime(CLOCK_REALTIME, &before));
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
	CHECK_STR(items(s[1], 200, &told), "35:32 flags 0");
	CHECK(told.tv_sec >= before.tv_sec && told.tv_sec <= before.tv_sec + 60);
	MUST(send(s[0], "b", 1, 0));
	MUST(clock_gettime(CLOCK_REALTIME, &now));
	usleep(20000);
	CHECK_STR(items(s[1], 200, &told), "35:32 flags 0");
	CHECK(told.tv_sec < now.tv_sec || (told.tv_sec == now.tv_sec && told.tv_nsec <= now.tv_nsec));
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)), 0);
	CHECK_EQ(getsockopt(s[1], SOL_SOCKET, SO_TIMESTAMPNS, &value, &len), 0);
	CHECK_EQ(value, 0);
	CHECK_EQ(getsockopt(s[1], SOL_SOCKET, SO_TIMESTAMP, &value, &len), 0);
	CHECK_EQ(value, 1);
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	MUST(send(s[0], "c", 1, 0));
	CHECK_STR(items(s[1], 200, &told), "29:32 2:28 flags 0");
	CHECK(told.tv_nsec < 1000000);
	MUST(send(s[0], "d", 1, 0));
	CHECK_STR(items(s[1], 24, &told), "29:24 flags 8");
	MUST(send(s[0], "e", 1, 0));
	CHECK_STR(items(s[1], 8, &told), "flags 8");
	CHECK_EQ(setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMPNS, &off, sizeof(off)), 0);
	MUST(send(s[0], "f", 1, 0));
	CHECK_STR(items(s[1], 200, &told), "2:28 flags 0");
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, s));
	MUST(setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)));
	MUST(send(s[0], "g", 1, 0));
	CHECK_STR(items(s[1], 200, &told), "29:32 flags 0");
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, s));
	MUST(setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)));
	MUST(send(s[0], "h", 1, 0));
	CHECK_STR(items(s[1], 200, &told), "flags 0");
}
