// SPDX-License-Identifier: MPL-2.0
// Files that the kernel makes: /proc, /dev, /sys.
// syscalls: open read readlink getdents64
#include "abi.h"
#include <sys/sendfile.h>
#include <sys/sysmacros.h>

static int
lines_of(const char *name)
{
	int n = 0;
	for (const char *at = slurp(name); (at = strchr(at, '\n')) != NULL; at++)
		n++;
	return n;
}

static bool
has(const char *name, const char *text)
{
	return strstr(slurp(name), text) != NULL;
}

static char *
link_of(const char *name)
{
	static char target[PATH_MAX];
	ssize_t n = readlink(name, target, sizeof(target) - 1);
	target[n > 0 ? n : 0] = 0;
	return target;
}

TEST("/proc/self/stat has 52 fields that are right")
{
	char *text = slurp("/proc/self/stat"), *end = strrchr(text, ')'), state;
	int ppid, pgrp, session;
	CHECK(atoi(text) == getpid());
	CHECK(end != NULL);
	if (end == NULL)
		return;
	CHECK_EQ(sscanf(end + 2, "%c %d %d %d", &state, &ppid, &pgrp, &session), 4);
	CHECK_EQ(state, 'R');
	CHECK(ppid == getppid() && pgrp == getpgrp() && session == getsid(0));
	int spaces = 0;
	for (char *at = end; *at != 0; at++)
		spaces += *at == ' ';
	CHECK_EQ(spaces, 50);
}

TEST("/proc/self/status names ids, memory, signals and capabilities")
{
	static const char *const fields[] = { "Name:\t", "Umask:\t0022", "State:\tR", "Tgid:\t", "Pid:\t", "PPid:\t", "TracerPid:\t0", "Uid:\t0\t0\t0\t0",
		"Gid:\t0\t0\t0\t0", "FDSize:\t", "Groups:\t", "VmPeak:\t", "VmSize:\t", "VmRSS:\t", "VmData:\t", "VmStk:\t", "VmExe:\t", "Threads:\t1",
		"SigQ:\t", "SigPnd:\t0000000000000000", "ShdPnd:\t", "SigBlk:\t", "SigIgn:\t", "SigCgt:\t", "CapInh:\t", "CapPrm:\t", "CapEff:\t",
		"CapBnd:\t", "CapAmb:\t", "NoNewPrivs:\t0", "Seccomp:\t0", "Cpus_allowed:\t", "Cpus_allowed_list:\t0", "voluntary_ctxt_switches:\t",
		"nonvoluntary_ctxt_switches:\t" };
	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		char what[64];
		snprintf(what, sizeof(what), "has %s", fields[i]);
		for (char *tab = what; *tab != 0; tab++)
			*tab = *tab == '\t' ? ' ' : *tab;
		abi_check(has("/proc/self/status", fields[i]), what, NULL, "no such line");
	}
	CHECK_EQ(field_of(slurp("/proc/self/status"), "\nPid:"), getpid());
	CHECK_EQ(field_of(slurp("/proc/self/status"), "\nPPid:"), getppid());
	CHECK(field_of(slurp("/proc/self/status"), "VmRSS:") > 0);
}

TEST("/proc/self links: exe, cwd, root, fd")
{
	char here[PATH_MAX], name[64];
	getcwd(here, sizeof(here));
	CHECK(strcmp(link_of("/proc/self/cwd"), here) == 0);
	CHECK_STR(link_of("/proc/self/root"), "/");
	CHECK(strcmp(link_of("/proc/self/exe"), abi_self) == 0);
	sprintf(name, "%d", getpid());
	CHECK(strcmp(link_of("/proc/self"), name) == 0);
	sprintf(name, "%d/task/%d", getpid(), gettid());
	CHECK(strcmp(link_of("/proc/thread-self"), name) == 0);
	int fd = file_with("f", "x");
	sprintf(name, "/proc/self/fd/%d", fd);
	strcat(here, "/f");
	CHECK(strcmp(link_of(name), here) == 0);
	unlink("f");
	strcat(here, " (deleted)");
	CHECK(strcmp(link_of(name), here) == 0);
	CHECK_OK(open(name, O_RDONLY));
	struct stat st;
	MUST(lstat(name, &st));
	CHECK_EQ(st.st_mode, S_IFLNK | 0700);
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	sprintf(name, "/proc/self/fd/%d", s);
	CHECK(strncmp(link_of(name), "socket:[", 8) == 0);
	CHECK_ERRNO(open(name, O_RDONLY), ENXIO);
	CHECK_ERRNO(open("/proc/self/fd/99", O_RDONLY), ENOENT);
}

TEST("/proc/self/fdinfo, cmdline, environ, comm, limits, statm")
{
	char name[64];
	int fd = (int)MUST(open("f", O_RDWR | O_CREAT | O_APPEND, 0600));
	MUST(write(fd, "12345", 5));
	sprintf(name, "/proc/self/fdinfo/%d", fd);
	CHECK_EQ(field_of(slurp(name), "pos:"), 5);
	CHECK_EQ(field_of(slurp(name), "flags:"), 0102002);
	CHECK(strstr(slurp("/proc/self/cmdline"), abi_topic) != NULL);
	CHECK_EQ(IN_CHILD({ char *argv[] = { "one", "--role", "two", NULL }, *envp[] = { "E=v", NULL }; execve(abi_self, argv, envp); }), 3);
	CHECK_EQ(prctl(PR_SET_NAME, "renamed"), 0);
	CHECK_STR(slurp("/proc/self/comm"), "renamed\n");
	CHECK(has("/proc/self/limits", "Max open files"));
	CHECK(has("/proc/self/limits", "Max stack size            8388608"));
	CHECK_EQ(lines_of("/proc/self/limits"), 17);
	int fields = 0;
	for (char *at = slurp("/proc/self/statm"); *at != 0; at++)
		fields += *at == ' ' || *at == '\n';
	CHECK_EQ(fields, 7);
	CHECK_EQ(access("/proc/self/task", X_OK), 0);
	sprintf(name, "/proc/self/task/%d/stat", gettid());
	CHECK_EQ(atoi(slurp(name)), gettid());
	CHECK(has("/proc/self/mountinfo", " - proc "));
	CHECK(has("/proc/self/mounts", "proc /proc proc rw"));
	CHECK(has("/proc/mounts", " /dev/pts devpts rw"));
	CHECK_EQ(atoi(slurp("/proc/self/oom_score_adj")), 0);
	CHECK_EQ(access("/proc/self/auxv", R_OK), 0);
}

/* What /proc/pid/io has counted, and what the look itself adds to the next. */
struct io { long read_bytes, written_bytes, reads, writes, own_bytes, own_reads; };

static struct io
io_of(const char *name)
{
	const char *text = slurp(name);
	return (struct io){ field_of(text, "rchar: "), field_of(text, "wchar: "), field_of(text, "syscr: "), field_of(text, "syscw: "), (long)strlen(text), 2 };
}

static void *
write_once(void *fd)
{
	return (void *)write(*(int *)fd, "threads", 7);
}

/* Nothing is printed between two looks: that would be counted. */
TEST("/proc/pid/io counts what was read and written, by threads that ended and children, too")
{
	char text[100], mine[64];
	int fd = file_with("f", "0123456789"), pipe_fds[2], failed = 0;
	struct iovec vec[2] = { { text, 3 }, { text + 3, 4 } };
	pthread_t thread;
	MUST(pipe2(pipe_fds, O_NONBLOCK));
	sprintf(mine, "/proc/self/task/%d/io", gettid());
	struct io start = io_of("/proc/self/io");
	failed += pread(fd, text, 4, 0) != 4;
	failed += preadv(fd, vec, 2, 1) != 7;
	failed += pread(fd, text, 4, 100) != 0;
	failed += read(-1, text, 1) != -1;
	failed += write(fd, "abc", 3) != 3;
	failed += write(pipe_fds[1], "1234", 4) != 4;
	failed += read(pipe_fds[0], text, 100) != 4;
	failed += read(pipe_fds[0], text, 100) != -1;
	failed += lseek(fd, 0, SEEK_SET) != 0;
	failed += sendfile(pipe_fds[1], fd, NULL, 6) != 6;
	struct io calls = io_of("/proc/self/io");
	failed += pthread_create(&thread, NULL, write_once, &fd) != 0 || pthread_join(thread, NULL) != 0;
	struct io threads = io_of("/proc/self/io"), alone = io_of(mine);
	failed += IN_CHILD(_exit((int)write(fd, "child", 5))) != 5;
	struct io child = io_of("/proc/self/io");
	CHECK_EQ(failed, 0);
	CHECK_EQ(calls.read_bytes - start.read_bytes - start.own_bytes, 4 + 7 + 4 + 6);
	CHECK_EQ(calls.reads - start.reads - start.own_reads, 6);
	CHECK_EQ(calls.written_bytes - start.written_bytes, 3 + 4 + 6);
	CHECK_EQ(calls.writes - start.writes, 3);
	CHECK_EQ(threads.written_bytes - calls.written_bytes, 7);
	CHECK_EQ(threads.writes - calls.writes, 1);
	CHECK_EQ(threads.writes - alone.writes, 1);
	CHECK_EQ(child.written_bytes - threads.written_bytes, 5);
	CHECK_EQ(child.writes - threads.writes, 1);
	CHECK_EQ(field_of(slurp("/proc/self/io"), "cancelled_write_bytes: "), 0);
}

TEST("/proc for the whole machine")
{
	CHECK(has("/proc/meminfo", "MemTotal:"));
	CHECK(has("/proc/meminfo", "MemFree:"));
	CHECK(has("/proc/meminfo", "MemAvailable:"));
	CHECK(has("/proc/meminfo", "SwapTotal:"));
	CHECK(field_of(slurp("/proc/meminfo"), "MemTotal:") > 100000);
	CHECK(has("/proc/stat", "cpu  "));
	CHECK(has("/proc/stat", "cpu0 "));
	CHECK(has("/proc/stat", "btime "));
	CHECK(has("/proc/stat", "ctxt "));
	CHECK(has("/proc/stat", "processes "));
	CHECK(strtod(slurp("/proc/uptime"), NULL) > 0);
	double load;
	int running, all;
	CHECK_EQ(sscanf(slurp("/proc/loadavg"), "%lf %*f %*f %d/%d", &load, &running, &all), 3);
	CHECK(running >= 1 && all >= running);
	CHECK(has("/proc/version", "Linux version 6."));
	CHECK(has("/proc/cpuinfo", "processor\t: 0"));
	CHECK(has("/proc/cpuinfo", "flags\t\t: "));
	CHECK(has("/proc/filesystems", "nodev\tproc"));
	CHECK(has("/proc/filesystems", "nodev\ttmpfs"));
	CHECK(has("/proc/cmdline", "rdinit") || slurp("/proc/cmdline")[0] != 0);
	CHECK(strtol(slurp("/proc/sys/kernel/pid_max"), NULL, 10) >= 32768);
	CHECK_EQ(strtol(slurp("/proc/sys/vm/overcommit_memory"), NULL, 10), 0);
	CHECK(strtol(slurp("/proc/sys/fs/file-max"), NULL, 10) > 1000);
	CHECK_EQ(strlen(slurp("/proc/sys/kernel/random/boot_id")), 37);
	CHECK(strcmp(slurp("/proc/sys/kernel/random/uuid"), "") != 0);
	CHECK_STR(slurp("/proc/sys/kernel/ostype"), "Linux\n");
	CHECK(strtol(slurp("/proc/sys/kernel/ngroups_max"), NULL, 10) == 65536);
	CHECK(strtol(slurp("/proc/sys/kernel/cap_last_cap"), NULL, 10) >= 40);
}

TEST("/proc lists processes, and those that ended are gone")
{
	char name[64];
	pid_t child = SPAWN(pause());
	DIR *dir = opendir("/proc");
	bool seen = false;
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		seen = seen || atoi(e->d_name) == child;
	CHECK(seen);
	sprintf(name, "/proc/%d/stat", child);
	int fd = (int)CHECK_OK(open(name, O_RDONLY));
	kill(child, SIGKILL);
	CHECK_EQ(reap(child), 128 + SIGKILL);
	char c;
	CHECK_ERRNO(read(fd, &c, 1), ESRCH);
	CHECK_ERRNO(open(name, O_RDONLY), ENOENT);
	CHECK_ERRNO(open("/proc/none", O_RDONLY), ENOENT);
	CHECK_ERRNO(mkdir("/proc/x", 0755), ENOENT);
	CHECK_ERRNO(unlink("/proc/version"), EPERM);
	CHECK_ERRNO(rmdir("/proc/self"), ENOTDIR);
}

TEST("others' processes are partly hidden from others than root")
{
	pid_t child = SPAWN(pause());
	char name[64];
	become_nobody();
	sprintf(name, "/proc/%d/stat", child);
	CHECK_OK(open(name, O_RDONLY));
	sprintf(name, "/proc/%d/environ", child);
	CHECK_ERRNO(open(name, O_RDONLY), EACCES);
	sprintf(name, "/proc/%d/exe", child);
	char c;
	CHECK_ERRNO(readlink(name, &c, 1), EACCES);
	sprintf(name, "/proc/%d/fd", child);
	CHECK_ERRNO(open(name, O_RDONLY), EACCES);
	CHECK_ERRNO(open("/proc/1/maps", O_RDONLY), EACCES);
}

TEST("a process's memory is read and written through /proc/pid/mem")
{
	static volatile long secret = 0x1234567;
	long value = 0;
	int fd = (int)CHECK_OK(open("/proc/self/mem", O_RDWR));
	CHECK_EQ(pread(fd, &value, 8, (off_t)(uintptr_t)&secret), 8);
	CHECK_EQ(value, 0x1234567);
	value = 77;
	CHECK_EQ(pwrite(fd, &value, 8, (off_t)(uintptr_t)&secret), 8);
	CHECK_EQ(secret, 77);
	CHECK_ERRNO(pread(fd, &value, 8, 16), EIO);
	CHECK_ERRNO(pwrite(fd, &value, 8, 16), EIO);
	CHECK_ERRNO(pwrite(fd, (void *)16, 8, (off_t)(uintptr_t)&secret), EFAULT);
	CHECK_EQ(secret, 77);
}

TEST("a setting that is refused is not written")
{
	int fd = (int)CHECK_OK(open("/proc/sys/vm/overcommit_memory", O_RDWR));
	CHECK_ERRNO(write(fd, "3\n", 2), EINVAL);
	CHECK_ERRNO(write(fd, "x\n", 2), EINVAL);
	CHECK_ERRNO(write(fd, (void *)16, 2), EFAULT);
	CHECK_STR(slurp("/proc/sys/vm/overcommit_memory"), "0\n");
	CHECK_EQ(write(fd, "0\n", 2), 2);
}

TEST("devices of memory: null, zero, full, random")
{
	char buf[64];
	int null = (int)MUST(open("/dev/null", O_RDWR)), zero = (int)MUST(open("/dev/zero", O_RDWR)), full = (int)MUST(open("/dev/full", O_RDWR));
	CHECK_EQ(write(null, buf, 64), 64);
	CHECK_EQ(read(null, buf, 64), 0);
	CHECK_EQ(lseek(null, 100, SEEK_SET), 0);
	memset(buf, 'x', 64);
	CHECK_EQ(read(zero, buf, 64), 64);
	CHECK_EQ(buf[63], 0);
	CHECK_EQ(write(zero, buf, 64), 64);
	CHECK_ERRNO(write(full, buf, 1), ENOSPC);
	CHECK_EQ(read(full, buf, 64), 64);
	CHECK_ERRNO(write(full, buf, 0), ENOSPC);
	int random = (int)MUST(open("/dev/urandom", O_RDWR));
	char other[64];
	CHECK_EQ(read(random, buf, 64), 64);
	CHECK_EQ(read(random, other, 64), 64);
	CHECK(memcmp(buf, other, 64) != 0);
	CHECK_EQ(write(random, buf, 64), 64);
	CHECK_EQ(read(open("/dev/random", O_RDONLY), buf, 16), 16);
	int n = 0;
	CHECK_EQ(ioctl(random, 0x80045200, &n), 0);
	CHECK(n > 0);
	CHECK_ERRNO(ioctl(null, TCGETS, buf), ENOTTY);
	struct stat st;
	static const struct { const char *name; unsigned major, minor, mode; } devices[] = { { "/dev/null", 1, 3, 0666 }, { "/dev/zero", 1, 5, 0666 },
		{ "/dev/full", 1, 7, 0666 }, { "/dev/random", 1, 8, 0666 }, { "/dev/urandom", 1, 9, 0666 }, { "/dev/tty", 5, 0, 0666 },
		{ "/dev/console", 5, 1, 0600 }, { "/dev/ptmx", 5, 2, 0666 }, { "/dev/kmsg", 1, 11, 0644 } };
	for (unsigned i = 0; i < sizeof(devices) / sizeof(devices[0]); i++) {
		bool good = stat(devices[i].name, &st) == 0 && st.st_rdev == makedev(devices[i].major, devices[i].minor) && S_ISCHR(st.st_mode);
		abi_check(good, devices[i].name, "its number", "another");
		abi_check((st.st_mode & 0777) == devices[i].mode, devices[i].name, "its mode", "another");
	}
}

TEST("/dev/kmsg takes and gives records")
{
	char text[8192] = "";
	int fd = (int)MUST(open("/dev/kmsg", O_RDWR | O_NONBLOCK));
	CHECK(SOON(lseek(fd, 0, SEEK_END) >= 0 && read(fd, text, sizeof(text)) == -1 && errno == EAGAIN));    /* others log, too */
	CHECK_EQ(write(fd, "<5>abi was here", 15), 15);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERRNO(read(fd, text, 4), EINVAL);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	CHECK(strchr(text, ',') != NULL && strchr(text, ';') != NULL && strchr(text, '\n') != NULL);
}

TEST("the skeleton of /sys")
{
	CHECK_EQ(access("/sys/kernel", X_OK), 0);
	CHECK_EQ(access("/sys/devices/system/cpu", X_OK), 0);
	CHECK(slurp("/sys/devices/system/cpu/online")[0] == '0');
	CHECK_EQ(access("/sys/class", X_OK), 0);
	CHECK_EQ(access("/sys/fs", X_OK), 0);
	CHECK_ERRNO(mkdir("/sys/x", 0755), EPERM);
}

ROLE
{
	(void)argc;
	(void)argv;
	bool good = memcmp(slurp("/proc/self/cmdline"), "one\0--role\0two", 15) == 0 && strcmp(slurp("/proc/self/environ"), "E=v") == 0;
	return good ? 3 : 1;
}

/** A line of the smaps of the mapping at `at`, in kB; -1: none. */
static long
smaps_value(const char *path, void *at, const char *name)
{
	char line[400];
	bool here = false;
	long value = -1;
	FILE *file = fopen(path, "r");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		unsigned long start, end;
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start <= (unsigned long)at && (unsigned long)at < end;
		else if (here && strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = atol(line + strlen(name) + 1);
	}
	fclose(file);
	return value;
}

TEST("smaps tells what a mapping shares, by pages and by parts")
{
	enum { LEN = 16 * 4096 };
	char c;
	int up[2], down[2];
	MUST(pipe(up));
	MUST(pipe(down));
	/* Between mappings that cannot join them. */
	char *area = mmap(NULL, LEN * 3, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *own = mmap(area, LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	char *shared = mmap(area + 2 * LEN, LEN, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	memset(own, 1, LEN / 2);
	memset(shared, 1, LEN);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Size"), 64);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Rss"), 32);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Pss"), 32);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Private_Dirty"), 32);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Anonymous"), 32);
	CHECK_EQ(smaps_value("/proc/self/smaps", shared, "Rss"), 64);
	CHECK_EQ(smaps_value("/proc/self/smaps", shared, "Pss"), 64);
	CHECK_EQ(smaps_value("/proc/self/smaps", shared, "Anonymous"), 0);
	pid_t child = SPAWN({
		memset(shared, 2, LEN);
		own[0] = 2;
		write(up[1], "x", 1);
		read(down[0], &c, 1);
	});
	MUST(read(up[0], &c, 1));
	/* One page of its own for each of them, seven that they share. */
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Rss"), 32);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Pss"), 4 + 7 * 2);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Private_Dirty"), 4);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Shared_Dirty"), 28);
	CHECK_EQ(smaps_value("/proc/self/smaps", shared, "Rss"), 64);
	CHECK_EQ(smaps_value("/proc/self/smaps", shared, "Pss"), 32);
	CHECK_EQ(smaps_value("/proc/self/smaps", shared, "Shared_Dirty"), 64);
	MUST(write(down[1], "x", 1));
	CHECK_EQ(reap(child), 0);
	CHECK_EQ(smaps_value("/proc/self/smaps", own, "Pss"), 32);
	CHECK_EQ(smaps_value("/proc/self/smaps", shared, "Pss"), 64);
}
