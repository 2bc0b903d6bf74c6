// SPDX-License-Identifier: MPL-2.0
// Terminals: pseudo terminals, line editing, job control.
// syscalls: ioctl read write poll setsid setpgid kill open
#include "abi.h"
#include <pty.h>
#include <termios.h>

struct pty { int master, slave; char name[32]; };

static struct pty
pty_new(void)
{
	struct pty t;
	int n = -1, zero = 0;
	t.master = (int)MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	MUST(ioctl(t.master, TIOCSPTLCK, &zero));
	MUST(ioctl(t.master, TIOCGPTN, &n));
	sprintf(t.name, "/dev/pts/%d", n);
	t.slave = (int)MUST(open(t.name, O_RDWR | O_NOCTTY));
	return t;
}

static void
change(int fd, tcflag_t clear_local, tcflag_t set_local, tcflag_t clear_output)
{
	struct termios t;
	MUST(tcgetattr(fd, &t));
	t.c_lflag = (t.c_lflag & ~clear_local) | set_local;
	t.c_oflag &= ~clear_output;
	MUST(tcsetattr(fd, TCSANOW, &t));
}

/* What comes out of `fd`: as many bytes as are expected, which may come in pieces. */
static const char *
got(int fd, const char *expected)
{
	static char text[5000];
	size_t len = 0;
	struct pollfd f = { fd, POLLIN, 0 };
	while (len < strlen(expected) && poll(&f, 1, PATIENCE_MS) == 1) {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = 0;
	return text;
}

#define GOT(fd, text) CHECK_STR(got(fd, text), text)

TEST("a new terminal has the usual settings")
{
	struct pty p = pty_new();
	struct termios t;
	CHECK_EQ(tcgetattr(p.slave, &t), 0);
	CHECK_EQ(t.c_iflag, ICRNL | IXON);
	CHECK_EQ(t.c_oflag, OPOST | ONLCR);
	CHECK_EQ(t.c_lflag, ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN);
	CHECK_EQ(t.c_cflag & (CSIZE | CREAD), CS8 | CREAD);
	CHECK_EQ(t.c_cc[VINTR], 3);
	CHECK_EQ(t.c_cc[VQUIT], 28);
	CHECK_EQ(t.c_cc[VERASE], 127);
	CHECK_EQ(t.c_cc[VKILL], 21);
	CHECK_EQ(t.c_cc[VEOF], 4);
	CHECK_EQ(t.c_cc[VMIN], 1);
	CHECK_EQ(t.c_cc[VSUSP], 26);
	CHECK_EQ(isatty(p.slave), 1);
	CHECK_EQ(isatty(p.master), 1);
	int fd = file_with("f", "");
	CHECK_ERRNO(tcgetattr(fd, &t), ENOTTY);
	struct stat st;
	MUST(fstat(p.slave, &st));
	CHECK_EQ(st.st_rdev >> 8, 136);
	CHECK_EQ(st.st_mode & 0777, 0620);
	CHECK_EQ(st.st_gid, 5);
	CHECK_ERRNO(ioctl(p.slave, 0x5499, 0), ENOTTY);
}

TEST("a locked slave cannot be opened")
{
	int m = (int)MUST(open("/dev/ptmx", O_RDWR | O_NOCTTY)), n = -1, locked = 0;
	char name[32];
	MUST(ioctl(m, TIOCGPTN, &n));
	sprintf(name, "/dev/pts/%d", n);
	CHECK_EQ(ioctl(m, TIOCGPTLCK, &locked), 0);
	CHECK_EQ(locked, 1);
	CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), EIO);
	CHECK_EQ(unlockpt(m), 0);
	CHECK_OK(open(name, O_RDWR | O_NOCTTY));
	CHECK_OK(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY));
	close(m);
	CHECK_ERRNO(open(name, O_RDWR | O_NOCTTY), ENOENT) ;
}

TEST("lines are edited before they are read, and echoed")
{
	struct pty p = pty_new();
	char buf[64] = "";
	MUST(write(p.master, "abc\177d", 5));
	GOT(p.master, "abc\b \bd");
	struct pollfd f = { p.slave, POLLIN, 0 };
	CHECK_EQ(poll(&f, 1, 0), 0);
	MUST(write(p.master, "\n", 1));
	CHECK_EQ(read(p.slave, buf, 64), 4);
	CHECK_STR(buf, "abd\n");
	GOT(p.master, "\r\n");
	MUST(write(p.master, "one two\025new\r", 12));
	CHECK_EQ(read(p.slave, buf, 64), 4);
	CHECK_MEM(buf, "new\n", 4);
	MUST(write(p.master, "word more\027x\n", 12));
	CHECK_EQ(read(p.slave, buf, 64), 7);
	CHECK_MEM(buf, "word x\n", 7);
	MUST(write(p.master, "partial\004", 8));
	CHECK_EQ(read(p.slave, buf, 64), 7);
	MUST(write(p.master, "\004", 1));
	CHECK_EQ(read(p.slave, buf, 64), 0);
	MUST(write(p.master, "line1\nline2\n", 12));
	CHECK_EQ(read(p.slave, buf, 64), 6);
	CHECK_EQ(read(p.slave, buf, 3), 3);
	CHECK_EQ(read(p.slave, buf, 64), 3);
	MUST(write(p.master, "\026\003\n", 3));
	CHECK_EQ(read(p.slave, buf, 64), 2);
	CHECK_EQ(buf[0], 3);
}

TEST("without ICANON bytes come at once, and VMIN and VTIME count")
{
	struct pty p = pty_new();
	struct termios t;
	char buf[64];
	MUST(tcgetattr(p.slave, &t));
	cfmakeraw(&t);
	MUST(tcsetattr(p.slave, TCSANOW, &t));
	MUST(write(p.master, "x\177\n", 3));
	CHECK_EQ(read(p.slave, buf, 64), 3);
	CHECK_MEM(buf, "x\177\n", 3);
	t.c_cc[VMIN] = 0;
	t.c_cc[VTIME] = 0;
	MUST(tcsetattr(p.slave, TCSANOW, &t));
	CHECK_EQ(read(p.slave, buf, 64), 0);
	t.c_cc[VTIME] = 1;
	MUST(tcsetattr(p.slave, TCSANOW, &t));
	CHECK_EQ(read(p.slave, buf, 64), 0);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 0;
	MUST(tcsetattr(p.slave, TCSANOW, &t));
	SPAWN({ write(p.master, "a", 1); sleep_ms(30); write(p.master, "bc", 2); });
	CHECK_EQ(read(p.slave, buf, 64), 3);
	fcntl(p.slave, F_SETFL, O_NONBLOCK);
	CHECK_ERRNO(read(p.slave, buf, 64), EAGAIN);
	int n = -1;
	MUST(write(p.master, "1234", 4));
	CHECK(SOON(ioctl(p.slave, FIONREAD, &n) == 0 && n == 4));
	CHECK_EQ(tcflush(p.slave, TCIFLUSH), 0);
	CHECK_ERRNO(read(p.slave, buf, 64), EAGAIN);
}

TEST("output is processed: newline becomes return and newline")
{
	struct pty p = pty_new();
	MUST(write(p.slave, "a\nb", 3));
	GOT(p.master, "a\r\nb");
	change(p.slave, 0, 0, OPOST);
	MUST(write(p.slave, "a\nb", 3));
	GOT(p.master, "a\nb");
	CHECK_EQ(tcdrain(p.slave), 0);
}

TEST("window size is kept and changes send SIGWINCH")
{
	struct pty p = pty_new();
	struct winsize w = { 24, 80, 0, 0 }, r = { 0 };
	CHECK_EQ(ioctl(p.slave, TIOCGWINSZ, &r), 0);
	CHECK_EQ(r.ws_row + r.ws_col, 0);
	CHECK_EQ(ioctl(p.master, TIOCSWINSZ, &w), 0);
	CHECK_EQ(ioctl(p.slave, TIOCGWINSZ, &r), 0);
	CHECK_EQ(r.ws_col, 80);
	on_signal(SIGWINCH, count_signal, 0);
	MUST(ioctl(p.slave, TIOCSCTTY, 0));
	w.ws_row = 50;
	MUST(ioctl(p.master, TIOCSWINSZ, &w));
	CHECK_EQ(signals_seen, 1);
	MUST(ioctl(p.master, TIOCSWINSZ, &w));
	CHECK_EQ(signals_seen, 1);
	CHECK_ERRNO(ioctl(p.slave, TIOCSWINSZ, BAD), EFAULT);
}

TEST("the controlling terminal: taking, asking, giving up")
{
	struct pty p = pty_new(), q = pty_new();
	pid_t group = -1, session = -1;
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
	CHECK_ERRNO(ioctl(p.slave, TIOCGPGRP, &group), ENOTTY);
	CHECK_EQ(ioctl(p.slave, TIOCSCTTY, 0), 0);
	CHECK_ERRNO(ioctl(q.slave, TIOCSCTTY, 0), EPERM);
	CHECK_EQ(ioctl(p.slave, TIOCGPGRP, &group), 0);
	CHECK(group == getpgrp());
	CHECK_EQ(ioctl(p.slave, TIOCGSID, &session), 0);
	CHECK(session == getpid());
	int tty = (int)CHECK_OK(open("/dev/tty", O_RDWR));
	CHECK_EQ(write(tty, "t", 1), 1);
	GOT(p.master, "t");
	pid_t none = 0x3fffff;
	CHECK_ERRNO(ioctl(p.slave, TIOCSPGRP, &none), ESRCH);
	none = 1;
	CHECK_ERRNO(ioctl(p.slave, TIOCSPGRP, &none), EPERM);
	none = -1;
	CHECK_ERRNO(ioctl(p.slave, TIOCSPGRP, &none), EINVAL);
	CHECK_ERRNO(ioctl(q.slave, TIOCSPGRP, &group), ENOTTY);
	CHECK_EQ(IN_CHILD({ setsid(); CHECK_ERRNO(ioctl(p.slave, TIOCSCTTY, 0), EPERM); }), 0);
	signal(SIGHUP, SIG_IGN);
	CHECK_EQ(ioctl(p.slave, TIOCNOTTY), 0);
	CHECK_ERRNO(open("/dev/tty", O_RDWR), ENXIO);
}

TEST("control characters send signals to the foreground group")
{
	struct pty p = pty_new();
	int status;
	MUST(ioctl(p.slave, TIOCSCTTY, 0));
	signal(SIGTTOU, SIG_IGN);
	pid_t child = SPAWN({ setpgid(0, 0); for (;;) pause(); });
	setpgid(child, child);
	CHECK_EQ(tcsetpgrp(p.slave, child), 0);
	MUST(write(p.master, "\032", 1));
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK_EQ(WSTOPSIG(status), SIGTSTP);
	kill(child, SIGCONT);
	MUST(write(p.master, "\003", 1));
	CHECK_EQ(reap(child), 128 + SIGINT);
	struct rlimit none = { 0, 0 };
	setrlimit(RLIMIT_CORE, &none);
	child = SPAWN({ setpgid(0, 0); for (;;) pause(); });
	setpgid(child, child);
	MUST(tcsetpgrp(p.slave, child));
	MUST(write(p.master, "\034", 1));
	CHECK_EQ(reap(child), 128 + SIGQUIT);
	MUST(tcsetpgrp(p.slave, getpgrp()));
	change(p.slave, ISIG, 0, 0);
	MUST(write(p.master, "\003\n", 2));
	char buf[8];
	CHECK_EQ(read(p.slave, buf, 8), 2);
}

TEST("a background process is stopped by reading, and by writing with TOSTOP")
{
	struct pty p = pty_new();
	int status;
	char c;
	MUST(ioctl(p.slave, TIOCSCTTY, 0));
	pid_t child = SPAWN({ setpgid(0, 0); read(p.slave, &c, 1); });
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
	kill(child, SIGKILL);
	reap(child);
	CHECK_EQ(IN_CHILD({ setpgid(0, 0); signal(SIGTTIN, SIG_IGN); _exit(read(p.slave, &c, 1) == -1 ? errno : 0); }), EIO);
	CHECK_EQ(IN_CHILD({ setpgid(0, 0); _exit(write(p.slave, "x", 1) == 1 ? 3 : 1); }), 3);
	change(p.slave, 0, TOSTOP, 0);
	child = SPAWN({ setpgid(0, 0); write(p.slave, "x", 1); });
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	kill(child, SIGKILL);
	reap(child);
	child = SPAWN({ struct termios t; setpgid(0, 0); tcgetattr(p.slave, &t); tcsetattr(p.slave, TCSANOW, &t); });
	CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
	kill(child, SIGKILL);
}

TEST("closing the master hangs up; closing the slave is EIO at the master")
{
	struct pty p = pty_new(), q = pty_new();
	char c;
	MUST(ioctl(p.slave, TIOCSCTTY, 0));
	on_signal(SIGHUP, count_signal, 0);
	close(p.master);
	CHECK_EQ(signals_seen, 1);
	CHECK_EQ(read(p.slave, &c, 1), 0);
	CHECK_ERRNO(write(p.slave, "x", 1), EIO);
	struct pollfd f = { p.slave, POLLIN, 0 };
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents & POLLHUP, POLLHUP);
	MUST(write(q.slave, "last", 4));
	close(q.slave);
	GOT(q.master, "last");
	CHECK_ERRNO(read(q.master, &c, 1), EIO);
	CHECK_OK(open(q.name, O_RDWR | O_NOCTTY));
	fcntl(q.master, F_SETFL, O_NONBLOCK);
	CHECK_ERRNO(read(q.master, &c, 1), EAGAIN);
}

TEST("when a session leader ends, its foreground group gets SIGHUP")
{
	struct pty p = pty_new();
	int out[2];
	char c = 0;
	MUST(pipe(out));
	CHECK_EQ(IN_CHILD({
		setsid();
		ioctl(p.slave, TIOCSCTTY, 0);
		SPAWN({ sigset_t s; sigemptyset(&s); sigaddset(&s, SIGHUP); sigprocmask(SIG_BLOCK, &s, NULL); int sig; write(out[1], "r", 1); sigwait(&s, &sig); c = (char)sig; write(out[1], &c, 1); });
		MUST(read(out[0], &c, 1));
	}), 0);
	MUST(read(out[0], &c, 1));
	CHECK_EQ(c, SIGHUP);
}

TEST("an orphaned stopped group gets SIGHUP and SIGCONT")
{
	int p[2];
	char c = 0;
	MUST(pipe(p));
	CHECK_EQ(IN_CHILD({
		pid_t grand = SPAWN({
			setpgid(0, 0);
			sigset_t s;
			int sig = 0;
			sigemptyset(&s);
			sigaddset(&s, SIGHUP);
			sigprocmask(SIG_BLOCK, &s, NULL);
			raise(SIGSTOP);
			sigwait(&s, &sig);
			c = (char)sig;
			write(p[1], &c, 1);
		});
		waitpid(grand, NULL, WUNTRACED);
	}), 0);
	struct pollfd f = { p[0], POLLIN, 0 };
	CHECK_EQ(poll(&f, 1, PATIENCE_MS), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(c, SIGHUP);
}
