// SPDX-License-Identifier: MPL-2.0
// Terminals by pseudoterminals: line editing, echo, signals, VMIN and VTIME, flow, packet mode, job control, hang-up.
// syscalls: ioctl read write open poll setsid setpgid vhangup close
#include "abi.h"
#include <sys/sendfile.h>
#include <termios.h>
#include <pty.h>

static int master, slave;

static void
pair_open(void)
{
	struct winsize ws = { 24, 80, 0, 0 };
	MUST(openpty(&master, &slave, NULL, NULL, &ws));
}

static void
settings(tcflag_t clear, tcflag_t set)
{
	struct termios t;
	MUST(tcgetattr(slave, &t));
	t.c_lflag = (t.c_lflag & ~clear) | set;
	MUST(tcsetattr(slave, TCSANOW, &t));
}

static void
raw(int min, int time)
{
	struct termios t;
	MUST(tcgetattr(slave, &t));
	cfmakeraw(&t);
	t.c_cc[VMIN] = min;
	t.c_cc[VTIME] = time;
	MUST(tcsetattr(slave, TCSANOW, &t));
}

static void
type(const char *text)
{
	MUST(write(master, text, strlen(text)));
}

/* Bytes as text, with control characters visible. */
static size_t
visible(char *out, const char *buf, ssize_t n)
{
	size_t at = 0;
	for (ssize_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)buf[i];
		if (c < 32 || c >= 127)
			at += (size_t)sprintf(out + at, "\\%03o", c);
		else
			out[at++] = (char)c;
	}
	out[at] = 0;
	return at;
}

/* What the master shows, visible, once there is as much as is expected: it comes in pieces, and in its own time. */
static const char *
shown(const char *expected)
{
	static char out[8192];
	char buf[1024];
	size_t at = 0;
	struct pollfd p = { master, POLLIN, 0 };
	out[0] = 0;
	while (at < strlen(expected) && poll(&p, 1, PATIENCE_MS) == 1 && (p.revents & POLLIN)) {
		ssize_t n = read(master, buf, sizeof(buf));
		if (n <= 0)
			break;
		at += visible(out + at, buf, n);
	}
	return out;
}

/* What a read of the slave gives: waits for it, unless nothing is expected. */
static const char *
line_read(const char *expected)
{
	static char out[32768];
	char buf[4096];
	struct pollfd p = { slave, POLLIN, 0 };
	if (strcmp(expected, "(none)") != 0)
		poll(&p, 1, PATIENCE_MS);
	int flags = fcntl(slave, F_GETFL);
	fcntl(slave, F_SETFL, flags | O_NONBLOCK);
	ssize_t n = read(slave, buf, sizeof(buf));
	int error = errno;
	fcntl(slave, F_SETFL, flags);
	if (n < 0)
		return error == EAGAIN ? "(none)" : strerror(error);
	if (n == 0)
		return "(end)";
	visible(out, buf, n);
	return out;
}

#define SHOWN(text) CHECK_STR(shown(text), text)
#define LINE(text) CHECK_STR(line_read(text), text)

/* What was typed arrives in its own time: waits until the slave could read so many bytes. */
static bool
arrived(int bytes)
{
	int n = 0;
	return SOON(ioctl(slave, FIONREAD, &n) == 0 && n >= bytes);
}

TEST("a new terminal has the standard settings")
{
	struct termios t;
	pair_open();
	MUST(tcgetattr(slave, &t));
	CHECK_EQ(t.c_iflag, ICRNL | IXON);
	CHECK_EQ(t.c_oflag, OPOST | ONLCR);
	CHECK_EQ(t.c_cflag, B38400 | CS8 | CREAD);
	CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VERASE], 0177);
	CHECK_EQ(t.c_cc[VMIN], 1);
	CHECK_EQ(isatty(slave), 1);
	CHECK_EQ(isatty(master), 1);
	CHECK_EQ(strncmp(ptsname(master), "/dev/pts/", 9), 0);
	struct stat st;
	MUST(fstat(slave, &st));
	CHECK_EQ(st.st_mode & S_IFMT, S_IFCHR);
}

TEST("lines come whole, echoed, with CR as NL")
{
	pair_open();
	type("abc");
	SHOWN("abc");
	LINE("(none)");
	type("d\r");
	SHOWN("d\\015\\012");
	LINE("abcd\\012");
	type("one\ntwo\n");
	LINE("one\\012");
	LINE("two\\012");
}

TEST("erase, werase, kill and literal next edit the line")
{
	pair_open();
	type("abx\177c\n");
	SHOWN("abx\\010 \\010c\\015\\012");
	LINE("abc\\012");
	type("foo bar  \027x\n");
	SHOWN("foo bar  \\010 \\010\\010 \\010\\010 \\010\\010 \\010\\010 \\010x\\015\\012");
	LINE("foo x\\012");
	type("junk\025ok\n");
	SHOWN("junk\\010 \\010\\010 \\010\\010 \\010\\010 \\010ok\\015\\012");
	LINE("ok\\012");
	type("a\026\003b\n");
	SHOWN("a^\\010^Cb\\015\\012");
	LINE("a\\003b\\012");
	type("a\001\177b\n");
	SHOWN("a^A\\010 \\010\\010 \\010b\\015\\012");
	LINE("ab\\012");
	type("a\tb\177\177c\n");
	SHOWN("a\\011b\\010 \\010\\010\\010\\010\\010\\010\\010\\010c\\015\\012");
	LINE("ac\\012");
	type("xy\022z\n");
	SHOWN("xy^R\\015\\012xyz\\015\\012");
	LINE("xyz\\012");
}

TEST("erase takes whole UTF-8 characters under IUTF8")
{
	struct termios t;
	pair_open();
	type("\303\244\177x\n");
	LINE("\\303x\\012");
	MUST(tcgetattr(slave, &t));
	t.c_iflag |= IUTF8;
	SHOWN("\\303\\244\\010 \\010x\\015\\012");
	MUST(tcsetattr(slave, TCSANOW, &t));
	type("\303\244\177x\n");
	SHOWN("\\303\\244\\010 \\010x\\015\\012");
	LINE("x\\012");
}

TEST("kill without ECHOKE starts a new line, erase without ECHOE shows its key")
{
	pair_open();
	settings(ECHOKE, 0);
	type("abc\025d\n");
	SHOWN("abc^U\\015\\012d\\015\\012");
	LINE("d\\012");
	settings(ECHOE | ECHOKE, 0);
	type("abc\177d\n");
	SHOWN("abc^?d\\015\\012");
	LINE("abd\\012");
	settings(0, ECHOPRT);
	type("abc\177\177d\n");
	SHOWN("abc\\cb/d\\015\\012");
	LINE("ad\\012");
	settings(ECHO, ECHONL);
	type("q\n");
	SHOWN("\\015\\012");
	LINE("q\\012");
}

TEST("end of file ends a line without being in it")
{
	pair_open();
	type("abc\004");
	LINE("abc");
	LINE("(none)");
	type("\004");
	LINE("(end)");
	type("abc\004def\n");
	char c[3];
	CHECK_EQ(read(slave, c, 3), 3);
	LINE("def\\012");
}

TEST("a line is read in pieces, and FIONREAD counts lines")
{
	char c[8] = "";
	int n = -1;
	pair_open();
	type("abcdef\nxy");
	SHOWN("abcdef\\015\\012xy");
	MUST(ioctl(slave, FIONREAD, &n));
	CHECK_EQ(n, 7);
	CHECK_EQ(read(slave, c, 4), 4);
	CHECK_MEM(c, "abcd", 4);
	CHECK_EQ(read(slave, c, 8), 3);
	CHECK_MEM(c, "ef\n", 3);
	MUST(ioctl(slave, FIONREAD, &n));
	CHECK_EQ(n, 0);
	settings(ICANON, 0);
	MUST(ioctl(slave, FIONREAD, &n));
	CHECK_EQ(n, 2);
}

TEST("a line holds 4095 bytes and its end")
{
	char big[5000], back[8192];
	pair_open();
	settings(ECHO, 0);
	memset(big, 'a', sizeof(big));
	for (int i = 0; i < 50; i++)
		MUST(write(master, big + i * 100, 100));
	type("\n");
	ssize_t n = read(slave, back, sizeof(back));
	CHECK_EQ(n, 4096);
	CHECK_EQ(back[4095], '\n');
}

TEST("output is post-processed")
{
	struct termios t;
	pair_open();
	MUST(write(slave, "a\nb\tc\r\n", 7));
	SHOWN("a\\015\\012b\\011c\\015\\015\\012");
	MUST(tcgetattr(slave, &t));
	t.c_oflag |= XTABS | ONOCR | OLCUC;
	MUST(tcsetattr(slave, TCSANOW, &t));
	MUST(write(slave, "\rab\tc\n", 6));
	SHOWN("AB      C\\015\\012");
	t.c_oflag = OPOST | OCRNL;
	MUST(tcsetattr(slave, TCSANOW, &t));
	MUST(write(slave, "a\rb\n", 4));
	SHOWN("a\\012b\\012");
	t.c_oflag = 0;
	MUST(tcsetattr(slave, TCSANOW, &t));
	MUST(write(slave, "a\rb\n", 4));
	SHOWN("a\\015b\\012");
}

TEST("input flags map and strip")
{
	struct termios t;
	pair_open();
	MUST(tcgetattr(slave, &t));
	t.c_lflag &= ~ECHO;
	t.c_iflag = IGNCR;
	MUST(tcsetattr(slave, TCSANOW, &t));
	type("a\rb\n");
	LINE("ab\\012");
	t.c_iflag = INLCR | ICRNL;
	MUST(tcsetattr(slave, TCSANOW, &t));
	type("a\nb\r");
	LINE("a\\015b\\012");
	t.c_iflag = ISTRIP;
	MUST(tcsetattr(slave, TCSANOW, &t));
	type("\341\n");
	LINE("a\\012");
	t.c_iflag = IUCLC;
	MUST(tcsetattr(slave, TCSANOW, &t));
	type("aBC\n");
	LINE("abc\\012");
	t.c_iflag = PARMRK;
	MUST(tcsetattr(slave, TCSANOW, &t));
	type("\377a\n");
	LINE("\\377\\377a\\012");
}

TEST("VMIN and VTIME in all four cases")
{
	char c[16];
	pair_open();
	raw(0, 0);
	CHECK_EQ(read(slave, c, 16), 0);
	type("xy");
	CHECK(arrived(2));
	CHECK_EQ(read(slave, c, 16), 2);
	raw(0, 2);
	CHECK_EQ(read(slave, c, 16), 0);
	type("xyz");
	CHECK(arrived(3));
	CHECK_EQ(read(slave, c, 16), 3);
	raw(3, 0);
	if (fork() == 0) {
		usleep(30000);
		type("ab");
		usleep(30000);
		type("cd");
		_exit(0);
	}
	ssize_t n = read(slave, c, 16);
	CHECK(n == 3 || n == 4);
	wait(NULL);
	raw(0, 0);
	read(slave, c, 16);
	raw(5, 2);
	type("ab");
	CHECK_EQ(read(slave, c, 16), 2);
	raw(5, 0);
	type("abc");
	CHECK_EQ(read(slave, c, 2), 2);
	struct pollfd p = { slave, POLLIN, 0 };
	CHECK_EQ(poll(&p, 1, 50), 0);
	type("defgh");
	CHECK_EQ(poll(&p, 1, PATIENCE_MS), 1);
	MUST(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	CHECK_EQ(read(slave, c, 16), 6);
	CHECK_ERRNO(read(slave, c, 16), EAGAIN);
}

TEST("raw input becomes a line when canonical mode comes")
{
	pair_open();
	raw(1, 0);
	type("abc");
	CHECK(arrived(3));
	settings(0, ICANON);
	LINE("abc");
}

TEST("stop and start characters hold output")
{
	pair_open();
	struct pollfd p = { slave, POLLOUT, 0 };
	type("\023");
	CHECK(SOON(poll(&p, 1, 0) == 0));
	MUST(fcntl(slave, F_SETFL, O_RDWR | O_NONBLOCK));
	CHECK_ERRNO(write(slave, "held", 4), EAGAIN);
	type("\021");
	CHECK_EQ(poll(&p, 1, PATIENCE_MS), 1);
	CHECK_EQ(write(slave, "go", 2), 2);
	SHOWN("go");
	MUST(tcflow(slave, TCOOFF));
	CHECK_ERRNO(write(slave, "held", 4), EAGAIN);
	type("\021");
	CHECK_ERRNO(write(slave, "held", 4), EAGAIN);
	MUST(tcflow(slave, TCOON));
	CHECK_EQ(write(slave, "on", 2), 2);
	CHECK_ERRNO(tcflow(slave, 9), EINVAL);
	CHECK_ERRNO(tcflush(slave, 9), EINVAL);
}

TEST("packet mode tells of flushes and flow")
{
	char c[16];
	int on = 1, got = 0;
	pair_open();
	MUST(ioctl(master, TIOCPKT, &on));
	MUST(ioctl(master, TIOCGPKT, &got));
	CHECK_EQ(got, 1);
	MUST(write(slave, "hi", 2));
	CHECK_EQ(read(master, c, 16), 3);
	CHECK_MEM(c, "\0hi", 3);
	MUST(tcflush(slave, TCIFLUSH));
	CHECK_EQ(read(master, c, 16), 1);
	CHECK_EQ(c[0], TIOCPKT_FLUSHREAD);
	MUST(tcflush(slave, TCOFLUSH));
	CHECK_EQ(read(master, c, 16), 1);
	CHECK_EQ(c[0], TIOCPKT_FLUSHWRITE);
	struct termios t;
	MUST(tcgetattr(slave, &t));
	t.c_iflag &= ~IXON;
	MUST(tcsetattr(slave, TCSANOW, &t));
	struct pollfd p = { master, POLLIN | POLLPRI, 0 };
	CHECK_EQ(poll(&p, 1, PATIENCE_MS), 1);
	CHECK_EQ(p.revents, POLLIN | POLLPRI);
	CHECK_EQ(read(master, c, 16), 1);
	CHECK_EQ(c[0], TIOCPKT_NOSTOP);
	CHECK_ERRNO(ioctl(slave, TIOCPKT, &on), ENOTTY);
}

TEST("speeds other than the standard ones are kept")
{
	struct { unsigned i, o, c, l; unsigned char line, cc[19]; unsigned is, os; } t;
	pair_open();
	MUST(ioctl(slave, 0x802c542a, &t));
	CHECK_EQ(t.is, 38400);
	CHECK_EQ(t.os, 38400);
	t.c = (t.c & ~010017u) | 010000;
	t.os = 12345;
	MUST(ioctl(slave, 0x402c542b, &t));
	MUST(ioctl(slave, 0x802c542a, &t));
	CHECK_EQ(t.os, 12345);
	CHECK_EQ(t.is, 12345);
	struct termios u;
	MUST(tcgetattr(slave, &u));
	cfsetspeed(&u, B9600);
	MUST(tcsetattr(slave, TCSANOW, &u));
	MUST(ioctl(slave, 0x802c542a, &t));
	CHECK_EQ(t.os, 9600);
}

TEST("the window's size is shared and changes send SIGWINCH once")
{
	struct winsize a = { 10, 20, 0, 0 }, b = { 0 };
	pair_open();
	MUST(ioctl(master, TIOCGWINSZ, &b));
	CHECK_EQ(b.ws_col, 80);
	MUST(ioctl(slave, TIOCSWINSZ, &a));
	MUST(ioctl(master, TIOCGWINSZ, &b));
	CHECK_EQ(b.ws_row, 10);
	CHECK_EQ(b.ws_col, 20);
}

static volatile sig_atomic_t hits[65];
static void hit(int n) { hits[n]++; }
static void
handle(int n, int flags)
{
	struct sigaction s = { .sa_handler = hit, .sa_flags = flags };
	sigaction(n, &s, NULL);
}

TEST("controlling terminal: taken by a leader, asked for, given up")
{
	int id = -1;
	pair_open();
	CHECK_ERRNO(ioctl(slave, TIOCGPGRP, &id), ENOTTY);
	CHECK_ERRNO(ioctl(slave, TIOCGSID, &id), ENOTTY);
	CHECK_EQ(ioctl(master, TIOCGPGRP, &id), 0);
	CHECK_EQ(id, 0);
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
	setsid();
	CHECK_EQ(ioctl(slave, TIOCSCTTY, 0), 0);
	CHECK_EQ(tcgetpgrp(slave) == getpid(), 1);
	CHECK_EQ(tcgetsid(slave) == getpid(), 1);
	CHECK_EQ(ioctl(master, TIOCGPGRP, &id), 0);
	CHECK(id == getpid());
	int tty = open("/dev/tty", O_RDWR);
	CHECK(tty >= 0);
	CHECK_EQ(isatty(tty), 1);
	CHECK_ERRNO(tcsetpgrp(slave, 999999), ESRCH);
	CHECK_ERRNO(tcsetpgrp(slave, 1), EPERM);
	CHECK_ERRNO(tcsetpgrp(slave, -1), EINVAL);
	handle(SIGHUP, 0);
	handle(SIGCONT, 0);
	CHECK_EQ(ioctl(tty, TIOCNOTTY), 0);
	CHECK_EQ(hits[SIGHUP], 1);
	CHECK_EQ(hits[SIGCONT], 1);
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_ERRNO(ioctl(slave, TIOCNOTTY), ENOTTY);
	char *name = ptsname(master);
	int again = open(name, O_RDWR | O_NOCTTY);
	CHECK_ERRNO(tcgetpgrp(again), ENOTTY);
	again = open(name, O_RDWR);
	CHECK(tcgetpgrp(again) == getpid());
}

static void
become_session(void)
{
	setsid();
	MUST(ioctl(slave, TIOCSCTTY, 0));
}

TEST("interrupt, quit and suspend keys signal the foreground")
{
	pair_open();
	become_session();
	handle(SIGINT, SA_RESTART);
	handle(SIGQUIT, SA_RESTART);
	handle(SIGTSTP, SA_RESTART);
	type("lost\003");
	CHECK(SOON(hits[SIGINT] == 1));
	LINE("(none)");
	SHOWN("^C");
	type("\034");
	CHECK(SOON(hits[SIGQUIT] == 1));
	type("\032");
	CHECK(SOON(hits[SIGTSTP] == 1));
	settings(0, NOFLSH);
	type("kept\003\n");
	CHECK(SOON(hits[SIGINT] == 2));
	LINE("kept\\012");
	settings(ISIG, 0);
	type("\003\n");
	LINE("\\003\\012");
	handle(SIGWINCH, SA_RESTART);
	struct winsize ws = { 5, 5, 0, 0 };
	MUST(ioctl(master, TIOCSWINSZ, &ws));
	MUST(ioctl(master, TIOCSWINSZ, &ws));
	CHECK_EQ(hits[SIGWINCH], 1);
	CHECK_EQ(ioctl(master, TIOCSIG, SIGINT), 0);
	CHECK_EQ(hits[SIGINT], 3);
	CHECK_ERRNO(ioctl(master, TIOCSIG, SIGKILL), EINVAL);
}

TEST("a process that is no leader gives its terminal up for itself and its children")
{
	pair_open();
	become_session();
	int status;
	pid_t child = fork();
	if (child == 0) {
		CHECK_EQ(ioctl(slave, TIOCNOTTY), 0);
		CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_ERRNO(ioctl(slave, TIOCNOTTY), ENOTTY);
		CHECK_ERRNO(tcgetpgrp(slave), ENOTTY);
		MUST(setpgid(0, 0));
		type("x\n");
		char c;
		CHECK_EQ(read(slave, &c, 1), 1);
		child = fork();
		if (child == 0) {
			CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
			_exit(0);
		}
		waitpid(child, &status, 0);
		setsid();
		CHECK_ERRNO(ioctl(slave, TIOCSCTTY, 0), EPERM);
		_exit(0);
	}
	CHECK_EQ(waitpid(child, &status, 0), child == -1 ? -1 : child);
	CHECK(open("/dev/tty", O_RDWR) >= 0);
	CHECK(tcgetpgrp(slave) == getpid());
}

/* Waits in pselect with SIGINT let through, as line editors do. => what is wrong, or 0 */
static int
await_interrupt(void)
{
	sigset_t none;
	fd_set set;
	int left = -1;
	sigemptyset(&none);
	for (int i = 1; i <= 200; i++) {
		FD_ZERO(&set);
		FD_SET(slave, &set);
		while (hits[SIGINT] < i)
			if (pselect(slave + 1, &set, NULL, NULL, NULL, &none) != -1 && hits[SIGINT] < i)
				return 1;
		if (ioctl(slave, FIONREAD, &left) != 0 || left != 0)
			return 2;
		if (write(slave, "n", 1) != 1)
			return 3;
	}
	return 0;
}

TEST("text and an interrupt key in one write: the text is gone, the signal ends pselect")
{
	int status, left = 0;
	struct pollfd p;
	sigset_t interrupt;
	char answer[16];
	pair_open();
	sigemptyset(&interrupt);
	sigaddset(&interrupt, SIGINT);
	sigprocmask(SIG_BLOCK, &interrupt, NULL);
	handle(SIGINT, 0);
	settings(ICANON | ECHO, 0);
	pid_t child = fork();
	if (child == 0) {
		close(master);
		become_session();
		write(slave, "n", 1);
		_exit(await_interrupt());
	}
	for (; left < 200; left++) {
		p = (struct pollfd){ master, POLLIN, 0 };
		if (poll(&p, 1, 5000) != 1 || read(master, answer, sizeof(answer)) != 1)
			break;
		type("echo it; false\003");
	}
	CHECK_EQ(left, 200);
	CHECK_EQ(waitpid(child, &status, 0), child == -1 ? -1 : child);
	CHECK_EQ(status, 0);
}

TEST("the background is stopped by reading and, with TOSTOP, by writing")
{
	char c;
	int status;
	pair_open();
	become_session();
	signal(SIGTTOU, SIG_IGN);
	pid_t child = fork();
	if (child == 0) {
		setpgid(0, 0);
		signal(SIGTTOU, SIG_DFL);
		ssize_t n = read(slave, &c, 1);
		_exit(n == 1 ? 7 : 8);
	}
	setpgid(child, child);
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child == -1 ? -1 : child);
	CHECK_EQ(WIFSTOPPED(status), 1);
	CHECK_EQ(WSTOPSIG(status), SIGTTIN);
	MUST(tcsetpgrp(slave, child));
	type("x\n");
	MUST(kill(child, SIGCONT));
	waitpid(child, &status, 0);
	CHECK_EQ(WEXITSTATUS(status), 7);
	MUST(tcsetpgrp(slave, getpid()));
	settings(0, TOSTOP);
	child = fork();
	if (child == 0) {
		signal(SIGTTOU, SIG_DFL);
		setpgid(0, 0);
		_exit(write(slave, "y", 1) == 1 ? 7 : 8);
	}
	setpgid(child, child);
	waitpid(child, &status, WUNTRACED);
	CHECK_EQ(WSTOPSIG(status), SIGTTOU);
	settings(TOSTOP, 0);
	MUST(kill(child, SIGCONT));
	waitpid(child, &status, 0);
	CHECK_EQ(WEXITSTATUS(status), 7);
	child = fork();
	if (child == 0) {
		struct termios t;
		setpgid(0, 0);
		signal(SIGTTOU, SIG_DFL);
		tcgetattr(slave, &t);
		_exit(tcsetattr(slave, TCSANOW, &t) == 0 ? 7 : 8);
	}
	setpgid(child, child);
	waitpid(child, &status, WUNTRACED);
	CHECK_EQ(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU, 1);
	MUST(kill(child, SIGKILL));
	waitpid(child, &status, 0);
	child = fork();
	if (child == 0) {
		signal(SIGTTIN, SIG_IGN);
		setpgid(0, 0);
		errno = 0;
		_exit(read(slave, &c, 1) == -1 ? errno : 0);
	}
	setpgid(child, child);
	waitpid(child, &status, 0);
	CHECK_EQ(WEXITSTATUS(status), EIO);
}

TEST("closing the slave ends the master's input, closing the master hangs the slave up")
{
	char c[8];
	pair_open();
	char *name = strdup(ptsname(master));
	MUST(write(slave, "bye", 3));
	MUST(close(slave));
	struct pollfd p = { master, POLLIN, 0 };
	CHECK_EQ(poll(&p, 1, PATIENCE_MS), 1);
	CHECK_EQ(read(master, c, 8), 3);
	CHECK_ERRNO(read(master, c, 8), EIO);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLHUP);
	slave = open(name, O_RDWR | O_NOCTTY);
	CHECK(slave >= 0);
	CHECK_EQ(poll(&p, 1, 0), 0);
	MUST(close(master));
	CHECK_EQ(read(slave, c, 8), 0);
	CHECK_ERRNO(write(slave, "x", 1), EIO);
	p.fd = slave;
	p.events = POLLIN | POLLOUT;
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT | POLLERR | POLLHUP);
	struct termios t;
	CHECK_ERRNO(tcgetattr(slave, &t), EIO);
	CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), ENOENT);
}

TEST("the master's close sends SIGHUP and SIGCONT to the leader")
{
	pair_open();
	int status, p[2];
	char c;
	MUST(pipe(p));
	pid_t child = fork();
	if (child == 0) {
		close(master);
		become_session();
		handle(SIGHUP, 0);
		handle(SIGCONT, 0);
		write(p[1], "r", 1);
		SOON(hits[SIGHUP] != 0 && hits[SIGCONT] != 0);
		_exit(open("/dev/tty", O_RDWR) < 0 ? errno : 0);
	}
	MUST(read(p[0], &c, 1));
	close(slave);
	close(master);
	waitpid(child, &status, 0);
	CHECK_EQ(WEXITSTATUS(status), ENXIO);
}

TEST("the leader's end hangs up the foreground of a terminal")
{
	pair_open();
	int status, p[2];
	char c;
	MUST(pipe(p));
	pid_t child = fork();
	if (child == 0) {
		become_session();
		pid_t job = fork();
		if (job == 0) {
			handle(SIGHUP, 0);
			write(p[1], "r", 1);
			SOON(hits[SIGHUP] != 0);
			write(p[1], "h", 1);
			_exit(0);
		}
		read(p[0], &c, 1);
		_exit(0);
	}
	waitpid(child, &status, 0);
	close(p[1]);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, 'h');
}

TEST("a locked slave cannot be opened, and the peer is opened by the master")
{
	int m = posix_openpt(O_RDWR | O_NOCTTY), on = 0;
	CHECK(m >= 0);
	CHECK_EQ(ioctl(m, TIOCGPTLCK, &on), 0);
	CHECK_EQ(on, 1);
	CHECK_ERRNO(open(ptsname(m), O_RDWR | O_NOCTTY), EIO);
	MUST(unlockpt(m));
	int peer = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY);
	CHECK(peer >= 0);
	CHECK_EQ(isatty(peer), 1);
	CHECK_EQ(ioctl(peer, TIOCEXCL), 0);
	CHECK_EQ(ioctl(peer, 0x80045440, &on), 0);
	CHECK_EQ(on, 1);
	CHECK_EQ(ioctl(peer, TIOCNXCL), 0);
	CHECK_ERRNO(ioctl(peer, TIOCGPTN, &on), ENOTTY);
	CHECK_ERRNO(lseek(peer, 0, SEEK_CUR), ESPIPE);
	CHECK_ERRNO(ioctl(peer, TIOCMGET, &on), ENOTTY);
	int number = 5;
	CHECK_EQ(ioctl(peer, TIOCGETD, &number), 0);
	CHECK_EQ(number, 0);
	CHECK_ERRNO(ioctl(peer, 0x5499, &on), ENOTTY);
}

TEST("much input waits for the reader, much output for the master")
{
	char big[65536];
	pair_open();
	raw(1, 0);
	memset(big, 'z', sizeof(big));
	pid_t child = fork();
	if (child == 0) {
		size_t got = 0;
		while (got < sizeof(big)) {
			ssize_t n = read(slave, big, sizeof(big));
			if (n <= 0)
				_exit(1);
			got += n;
		}
		for (size_t put = 0; put < sizeof(big);)
			put += write(slave, big + put, sizeof(big) - put);
		_exit(0);
	}
	for (size_t put = 0; put < sizeof(big);)
		put += write(master, big + put, sizeof(big) - put);
	size_t got = 0;
	while (got < sizeof(big)) {
		ssize_t n = read(master, big, sizeof(big));
		if (n <= 0)
			break;
		got += n;
	}
	int status;
	CHECK_EQ(got, 65536);
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
}

TEST("a long sendfile into a terminal ends when its process is killed")
{
	int master = (int)MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY)), fd = (int)MUST(open("f", O_RDWR | O_CREAT, 0600));
	struct timespec start, end;
	MUST(ftruncate(fd, 1 << 30));
	pid_t child = (pid_t)MUST(fork());
	if (child == 0) {
		sendfile(master, fd, NULL, 1 << 30);
		for (;;)
			pause();
	}
	usleep(100000);
	MUST(kill(child, SIGKILL));
	clock_gettime(CLOCK_MONOTONIC, &start);
	CHECK_EQ(reap(child), 128 + SIGKILL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	CHECK(end.tv_sec - start.tv_sec < 60);
}
