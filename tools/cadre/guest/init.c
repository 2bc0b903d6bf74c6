// SPDX-License-Identifier: MPL-2.0
/*
 * The first program of `./cadre run`, the same on Cadre and on Linux: prepares the file systems, runs the command, reports its
 * exit status on the third serial line, and powers off.
 *
 * Reads /.cadre/command: NUL-terminated words: "tty" or "plain", rows, columns, then NAME=VALUE words of the environment,
 * an empty word, and the command. With "tty" the command has /dev/ttyS0 as its controlling terminal; with "plain" its output
 * goes to ttyS0 and its errors to ttyS1, byte for byte, and its input is empty.
 * Freestanding, since it must run in any root file system.
 */
typedef unsigned long word;

static long
call(word number, word a, word b, word c, word d, word e)
{
	long result;
	register word r10 __asm__("r10") = d;
	register word r8 __asm__("r8") = e;
	__asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
	                 : "rcx", "r11", "memory");
	return result;
}

enum {
	SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_ioctl = 16, SYS_dup2 = 33, SYS_fork = 57,
	SYS_execve = 59, SYS_exit = 60, SYS_wait4 = 61, SYS_chdir = 80, SYS_mkdir = 83, SYS_symlink = 88, SYS_setsid = 112, SYS_mount = 165,
	SYS_reboot = 169, SYS_sethostname = 170, SYS_sync = 162,
	O_RDWR = 2, O_RDONLY = 0, O_NOCTTY = 0400,
	TCGETS = 0x5401, TCSETS = 0x5402, TIOCSCTTY = 0x540E, TIOCSWINSZ = 0x5414, OPOST = 1, ECHO = 8, COMMAND_MAX = 1 << 17,
	WORDS_MAX = 4096,
};

struct termios { unsigned iflag, oflag, cflag, lflag; unsigned char line, cc[19]; };

static char command[COMMAND_MAX];
static char *words[WORDS_MAX];
static char *environment[WORDS_MAX];

static word
length(const char *text)
{
	word n = 0;
	while (text[n] != 0)
		n++;
	return n;
}

static void
say(const char *text)
{
	call(SYS_write, 2, (word)text, length(text), 0, 0);
}

static unsigned
number(const char *text)
{
	unsigned value = 0;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (unsigned)(*text - '0');
	return value;
}

static void
mount(const char *type, const char *where, const char *options)
{
	call(SYS_mkdir, (word)where, 0755, 0, 0, 0);
	call(SYS_mount, (word)type, (word)where, (word)type, 0, (word)options);
}

static void
prepare(void)
{
	mount("devtmpfs", "/dev", "mode=0755");
	mount("proc", "/proc", "");
	mount("sysfs", "/sys", "");
	mount("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666");
	mount("tmpfs", "/dev/shm", "mode=1777");
	mount("mqueue", "/dev/mqueue", "");
	mount("tmpfs", "/run", "mode=0755");
	call(SYS_mkdir, (word) "/tmp", 01777, 0, 0, 0);
	call(SYS_symlink, (word) "/proc/self/fd", (word) "/dev/fd", 0, 0, 0);
	call(SYS_symlink, (word) "/proc/self/fd/0", (word) "/dev/stdin", 0, 0, 0);
	call(SYS_symlink, (word) "/proc/self/fd/1", (word) "/dev/stdout", 0, 0, 0);
	call(SYS_symlink, (word) "/proc/self/fd/2", (word) "/dev/stderr", 0, 0, 0);
	call(SYS_sethostname, (word) "cadre", 5, 0, 0, 0);
}

/* Opens a serial line as descriptor `fd`; `raw`: what is written goes out as it is. */
static void
line_open(const char *name, int fd, int raw)
{
	long opened = call(SYS_open, (word)name, O_RDWR | O_NOCTTY, 0, 0, 0);
	if (opened < 0)
		return;
	struct termios settings;
	if (raw && call(SYS_ioctl, (word)opened, TCGETS, (word)&settings, 0, 0) == 0) {
		settings.oflag &= ~(unsigned)OPOST;
		settings.lflag &= ~(unsigned)ECHO;
		call(SYS_ioctl, (word)opened, TCSETS, (word)&settings, 0, 0);
	}
	if (opened != fd) {
		call(SYS_dup2, (word)opened, (word)fd, 0, 0, 0);
		call(SYS_close, (word)opened, 0, 0, 0, 0);
	}
}

static void
terminal(unsigned rows, unsigned columns)
{
	line_open("/dev/ttyS0", 0, 0);
	call(SYS_dup2, 0, 1, 0, 0, 0);
	call(SYS_dup2, 0, 2, 0, 0, 0);
	unsigned short size[4] = { (unsigned short)rows, (unsigned short)columns, 0, 0 };
	call(SYS_ioctl, 0, TIOCSWINSZ, (word)size, 0, 0);
	call(SYS_setsid, 0, 0, 0, 0, 0);
	call(SYS_ioctl, 0, TIOCSCTTY, 0, 0, 0);
}

static void
plain(void)
{
	long null = call(SYS_open, (word) "/dev/null", O_RDONLY, 0, 0, 0);
	call(SYS_dup2, (word)null, 0, 0, 0, 0);
	line_open("/dev/ttyS0", 1, 1);
	line_open("/dev/ttyS1", 2, 1);
	call(SYS_setsid, 0, 0, 0, 0, 0);
}

/* Tries one place: directory (n bytes of it), slash, name. */
static void
try_execute(const char *directory, word n, char **arguments)
{
	static char path[4096];
	word at = 0, len = length(arguments[0]);
	if (n + len + 2 > sizeof(path))
		return;
	for (; at < n; at++)
		path[at] = directory[at];
	path[at++] = '/';
	for (word i = 0; i <= len; i++)
		path[at + i] = arguments[0][i];
	call(SYS_execve, (word)path, (word)arguments, (word)environment, 0, 0);
}

static void
execute(char **arguments)
{
	static const char *const places[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin" };
	long err = 0;
	int slash = 0;
	for (const char *at = arguments[0]; *at != 0; at++)
		slash |= *at == '/';
	if (slash)
		err = call(SYS_execve, (word)arguments[0], (word)arguments, (word)environment, 0, 0);
	for (word i = 0; !slash && i < sizeof(places) / sizeof(places[0]); i++)
		try_execute(places[i], length(places[i]), arguments);
	say("cadre: cannot run ");
	say(arguments[0]);
	say(err == -13 ? ": Permission denied\n" : err == -8 ? ": Exec format error\n" : ": No such file or directory\n");
	call(SYS_exit, err == -13 || err == -8 ? 126 : 127, 0, 0, 0, 0);
}

/* Waits for the command, reaping whatever else ends; its status as a shell has it. */
static unsigned
await(long child)
{
	for (;;) {
		int status = 0;
		long ended = call(SYS_wait4, (word)-1, (word)&status, 0, 0, 0);
		if (ended == child)
			return (status & 0x7f) != 0 ? 128 + ((unsigned)status & 0x7f) : ((unsigned)status >> 8 & 0xff);
		if (ended < 0 && ended != -4)
			return 255;
	}
}

static void
report(unsigned status)
{
	char text[] = "status 000\n";
	for (int i = 9; i > 6; i--, status /= 10)
		text[i] = (char)('0' + status % 10);
	long line = call(SYS_open, (word) "/dev/ttyS2", O_RDWR | O_NOCTTY, 0, 0, 0);
	call(SYS_write, (word)line, (word)text, sizeof(text) - 1, 0, 0);
	/* Waits until all that was written has gone out: TCSBRK with an argument. */
	for (word fd = 0; fd <= (word)line && fd < 8; fd++)
		call(SYS_ioctl, fd, 0x5409, 1, 0, 0);
	call(SYS_sync, 0, 0, 0, 0, 0);
	call(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0, 0);
}

static word
read_words(void)
{
	long file = call(SYS_open, (word) "/.cadre/command", O_RDONLY, 0, 0, 0), got;
	word len = 0, n = 0;
	while (len < COMMAND_MAX - 1 && (got = call(SYS_read, (word)file, (word)(command + len), COMMAND_MAX - 1 - len, 0, 0)) > 0)
		len += (word)got;
	call(SYS_close, (word)file, 0, 0, 0, 0);
	for (word at = 0; at < len && n < WORDS_MAX - 1; at += length(command + at) + 1)
		words[n++] = command + at;
	return n;
}

__attribute__((force_align_arg_pointer)) void
_start(void)
{
	prepare();
	word n = read_words(), first = 3, nenv = 0;
	for (; first < n && words[first][0] != 0; first++)
		environment[nenv++] = words[first];
	if (first + 1 >= n) {
		say("cadre: /.cadre/command is missing or short\n");
		report(255);
	}
	call(SYS_chdir, (word) "/", 0, 0, 0, 0);
	int is_terminal = words[0][0] == 't';
	long child = call(SYS_fork, 0, 0, 0, 0, 0);
	if (child == 0) {
		if (is_terminal)
			terminal(number(words[1]), number(words[2]));
		else
			plain();
		execute(words + first + 1);
	}
	/* Keeps the lines open, so that their last bytes go out. */
	line_open("/dev/ttyS0", 0, 0);
	line_open("/dev/ttyS1", 1, 0);
	report(await(child));
	for (;;)
		call(SYS_wait4, (word)-1, 0, 0, 0, 0);
}
