// SPDX-License-Identifier: MPL-2.0
// Opening files and managing descriptors.
// syscalls: open openat openat2 creat close close_range dup dup2 dup3 fcntl
#include "abi.h"
#include <linux/openat2.h>

static long
openat2_(int dir, const char *path, unsigned long long flags, unsigned long long mode, unsigned long long resolve)
{
	struct open_how how = { flags, mode, resolve };
	return syscall(SYS_openat2, dir, path, &how, sizeof(how));
}

TEST("open gives the lowest free descriptor")
{
	file_with("f", "");
	CHECK_EQ(open("f", O_RDONLY), 4);
	CHECK_EQ(open("f", O_RDONLY), 5);
	CHECK_EQ(close(4), 0);
	CHECK_EQ(open("f", O_RDONLY), 4);
	CHECK_EQ(close(0), 0);
	CHECK_EQ(open("f", O_RDONLY), 0);
	CHECK_ERRNO(close(99), EBADF);
	CHECK_ERRNO(close(-1), EBADF);
	CHECK_EQ(close(5), 0);
	CHECK_ERRNO(close(5), EBADF);
}

TEST("open fails with the error of its path")
{
	static char name[5000];
	close(file_with("f", ""));
	MUST(mkdir("d", 0755));
	CHECK_ERRNO(open("none", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("none/f", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("none/f", O_RDONLY | O_CREAT, 0600), ENOENT);
	CHECK_ERRNO(open("f/g", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("f/", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(open("", O_RDONLY), ENOENT);
	CHECK_ERRNO(open(BAD, O_RDONLY), EFAULT);
	CHECK_ERRNO(open(NULL, O_RDONLY), EFAULT);
	CHECK_ERRNO(open("d", O_WRONLY), EISDIR);
	CHECK_ERRNO(open("d", O_RDWR), EISDIR);
	CHECK_ERRNO(open("d", O_RDONLY | O_CREAT, 0600), EISDIR);
	CHECK_ERRNO(open("new/", O_RDWR | O_CREAT, 0600), EISDIR);
	CHECK_ERRNO(open("f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	CHECK_ERRNO(open("f", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	memset(name, 'n', 255);
	CHECK_OK(open(name, O_RDWR | O_CREAT, 0600));
	memset(name, 'n', 256);
	CHECK_ERRNO(open(name, O_RDWR | O_CREAT, 0600), ENAMETOOLONG);
	for (int i = 0; i < 4095; i++)
		name[i] = i % 2 == 0 ? '.' : '/';
	name[4094] = '.';
	CHECK_OK(open(name, O_RDONLY));
	name[4095] = '/';
	CHECK_ERRNO(open(name, O_RDONLY), ENAMETOOLONG);
}

TEST("symbolic links are followed up to 40 times, or not at all")
{
	close(file_with("f", "data"));
	MUST(symlink("f", "l"));
	MUST(symlink("loop", "loop"));
	MUST(symlink("none", "dangling"));
	CHECK_OK(open("l", O_RDONLY));
	CHECK_ERRNO(open("l", O_RDONLY | O_NOFOLLOW), ELOOP);
	CHECK_ERRNO(open("loop", O_RDONLY), ELOOP);
	CHECK_ERRNO(open("dangling", O_RDONLY), ENOENT);
	CHECK_ERRNO(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_OK(open("dangling", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(access("none", F_OK), 0);
	char from[16], to[16] = "f";
	for (int i = 0; i < 41; i++) {
		snprintf(from, sizeof(from), "c%d", i);
		MUST(symlink(to, from));
		strcpy(to, from);
	}
	CHECK_OK(open("c39", O_RDONLY));
	CHECK_ERRNO(open("c40", O_RDONLY), ELOOP);
	MUST(mkdir("d", 0700));
	MUST(symlink("d", "ld"));
	CHECK_OK(open("ld", O_RDONLY | O_DIRECTORY));
	CHECK_ERRNO(open("ld", O_RDONLY | O_DIRECTORY | O_NOFOLLOW), ENOTDIR);
	CHECK_OK(open("ld/", O_RDONLY | O_NOFOLLOW));
	CHECK_OK(open("ld/../f", O_RDONLY));
}

TEST("creating obeys mode, umask, O_TRUNC")
{
	struct stat st;
	umask(027);
	int fd = (int)CHECK_OK(open("f", O_RDWR | O_CREAT, 0777));
	MUST(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0750);
	MUST(write(fd, "abc", 3));
	CHECK_OK(open("f", O_RDWR | O_TRUNC));
	MUST(fstat(fd, &st));
	CHECK_EQ(st.st_size, 0);
	fd = (int)CHECK_OK(creat("g", 0666));
	CHECK_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_WRONLY);
	MUST(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 07777, 0640);
	int zero = (int)CHECK_OK(open("z", O_RDWR | O_CREAT, 0));
	CHECK_EQ(write(zero, "x", 1), 1);
	CHECK_ERRNO(creat(".", 0600), EISDIR);
}

TEST("F_GETFL shows access mode and status flags, F_SETFL changes only some")
{
	int fd = (int)MUST(open("f", O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_APPEND | 0100000);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_SETFL, O_NONBLOCK | O_WRONLY | O_CREAT), 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK | 0100000);
	CHECK_EQ(fcntl(fd, F_SETFD, 0), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_SETFD, 0xff), 0);
	CHECK_EQ(fcntl(fd, F_GETFD), 1);
	CHECK_ERRNO(fcntl(fd, 9999), EINVAL);
	CHECK_ERRNO(fcntl(-1, F_GETFL), EBADF);
	CHECK_ERRNO(fcntl(77, F_GETFD), EBADF);
	int copy = dup(fd);
	CHECK_EQ(fcntl(copy, F_GETFD), 0);
	CHECK_EQ(fcntl(copy, F_SETFL, O_APPEND), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_APPEND, O_APPEND);
}

TEST("dup, dup2, dup3 and F_DUPFD choose the descriptor")
{
	int fd = file_with("f", "");
	CHECK_EQ(dup(fd), 4);
	CHECK_EQ(dup2(fd, 9), 9);
	CHECK_EQ(dup2(fd, fd), 3);
	CHECK_ERRNO(dup2(88, 88), EBADF);
	CHECK_ERRNO(dup2(fd, -1), EBADF);
	CHECK_ERRNO(dup2(fd, 1 << 30), EBADF);
	CHECK_ERRNO(dup(-1), EBADF);
	CHECK_ERRNO(dup3(fd, fd, 0), EINVAL);
	CHECK_ERRNO(dup3(fd, 10, O_NONBLOCK), EINVAL);
	CHECK_EQ(dup3(fd, 10, O_CLOEXEC), 10);
	CHECK_EQ(fcntl(10, F_GETFD), 1);
	CHECK_EQ(fcntl(fd, F_DUPFD, 20), 20);
	CHECK_EQ(fcntl(fd, F_DUPFD, 20), 21);
	CHECK_EQ(fcntl(fd, F_DUPFD_CLOEXEC, 0), 5);
	CHECK_EQ(fcntl(5, F_GETFD), 1);
	CHECK_ERRNO(fcntl(fd, F_DUPFD, -1), EINVAL);
	CHECK_ERRNO(fcntl(fd, F_DUPFD, 1 << 30), EINVAL);
	CHECK_EQ(dup2(fd, 100), 100);
	CHECK_EQ(dup2(fd, 600), 600);
}

TEST("descriptors end at RLIMIT_NOFILE with EMFILE")
{
	struct rlimit limit = { 8, 8 };
	int fd = file_with("f", ""), p[2];
	MUST(setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_EQ(dup(fd), 4);
	CHECK_EQ(dup(fd), 5);
	CHECK_EQ(dup(fd), 6);
	CHECK_ERRNO(pipe(p), EMFILE);
	CHECK_EQ(dup(fd), 7);
	CHECK_ERRNO(dup(fd), EMFILE);
	CHECK_ERRNO(open("f", O_RDONLY), EMFILE);
	CHECK_ERRNO(open("n", O_RDWR | O_CREAT, 0600), EMFILE);
	CHECK_ERRNO(access("n", F_OK), ENOENT);
	CHECK_ERRNO(fcntl(fd, F_DUPFD, 3), EMFILE);
	CHECK_ERRNO(fcntl(fd, F_DUPFD, 8), EINVAL);
	CHECK_ERRNO(dup2(fd, 8), EBADF);
	CHECK_ERRNO(socket(AF_UNIX, SOCK_STREAM, 0), EMFILE);
}

TEST("close_range closes, marks, or works on a private table")
{
	int fd = file_with("f", "");
	for (int i = 10; i < 20; i++)
		MUST(dup2(fd, i));
	CHECK_EQ(close_range(12, 14, 0), 0);
	CHECK_ERRNO(fcntl(12, F_GETFD), EBADF);
	CHECK_ERRNO(fcntl(14, F_GETFD), EBADF);
	CHECK_EQ(fcntl(15, F_GETFD), 0);
	CHECK_EQ(close_range(15, 16, CLOSE_RANGE_CLOEXEC), 0);
	CHECK_EQ(fcntl(16, F_GETFD), 1);
	CHECK_EQ(fcntl(17, F_GETFD), 0);
	CHECK_ERRNO(close_range(5, 4, 0), EINVAL);
	CHECK_ERRNO(close_range(5, 6, 64), EINVAL);
	CHECK_EQ(close_range(3, ~0u, CLOSE_RANGE_UNSHARE), 0);
	CHECK_ERRNO(fcntl(19, F_GETFD), EBADF);
	CHECK_EQ(fcntl(1, F_GETFD), 0);
}

TEST("O_PATH names a file without opening it")
{
	char c;
	close(file_with("f", "abc"));
	int fd = (int)CHECK_OK(open("f", O_PATH));
	CHECK_ERRNO(read(fd, &c, 1), EBADF);
	CHECK_ERRNO(write(fd, &c, 1), EBADF);
	CHECK_ERRNO(fchmod(fd, 0600), EBADF);
	CHECK_ERRNO(lseek(fd, 0, SEEK_SET), EBADF);
	CHECK_ERRNO(ioctl(fd, FIONREAD, &c), EBADF);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EBADF);
	struct stat st;
	CHECK_EQ(fstat(fd, &st), 0);
	CHECK_EQ(st.st_size, 3);
	CHECK_EQ(fcntl(fd, F_GETFL), O_PATH);
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	int again = (int)CHECK_OK(open(name, O_RDONLY));
	CHECK_EQ(read(again, &c, 1), 1);
	MUST(symlink("f", "l"));
	int link = (int)CHECK_OK(open("l", O_PATH | O_NOFOLLOW));
	MUST(fstat(link, &st));
	CHECK(S_ISLNK(st.st_mode));
	CHECK_EQ(readlinkat(link, "", name, sizeof(name)), 1);
	int d = (int)CHECK_OK(open(".", O_PATH | O_DIRECTORY));
	CHECK_OK(openat(d, "f", O_RDONLY));
	CHECK_EQ(fchdir(d), 0);
	CHECK_OK(dup(d));
}

TEST("O_TMPFILE makes a file without a name, which linkat gives one")
{
	int fd = (int)CHECK_OK(open(".", O_TMPFILE | O_RDWR, 0600));
	struct stat st;
	MUST(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(write(fd, "tmp", 3), 3);
	char name[64];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CHECK_EQ(linkat(AT_FDCWD, name, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), 0);
	CHECK_STR(slurp("named"), "tmp");
	MUST(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 1);
	CHECK_ERRNO(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	CHECK_ERRNO(open("named", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	int excl = (int)CHECK_OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", excl);
	CHECK_ERRNO(linkat(AT_FDCWD, name, AT_FDCWD, "other", AT_SYMLINK_FOLLOW), ENOENT);
}

TEST("openat starts at its directory")
{
	MUST(mkdir("d", 0755));
	int d = (int)MUST(open("d", O_RDONLY)), f = (int)CHECK_OK(openat(d, "f", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(access("d/f", F_OK), 0);
	CHECK_ERRNO(openat(f, "x", O_RDONLY), ENOTDIR);
	CHECK_ERRNO(openat(99, "x", O_RDONLY), EBADF);
	CHECK_OK(openat(99, "/", O_RDONLY));
	CHECK_OK(openat(d, "../d/f", O_RDONLY));
	MUST(unlink("d/f"));
	MUST(rmdir("d"));
	CHECK_ERRNO(openat(d, "f", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_OK(openat(d, ".", O_RDONLY));
	struct stat st;
	CHECK_EQ(fstat(f, &st), 0);
	CHECK_EQ(st.st_nlink, 0);
}

TEST("openat2 restricts how a path resolves")
{
	MUST(mkdir("d", 0755));
	close(file_with("d/f", ""));
	MUST(symlink("f", "d/l"));
	MUST(symlink("/etc", "d/abs"));
	int d = (int)MUST(open("d", O_RDONLY));
	CHECK_OK(openat2_(d, "f", O_RDONLY, 0, 0));
	CHECK_OK(openat2_(d, "l", O_RDONLY, 0, RESOLVE_BENEATH));
	CHECK_ERRNO(openat2_(d, "../d/f", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(openat2_(d, "/etc", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(openat2_(d, "abs", O_RDONLY, 0, RESOLVE_BENEATH), EXDEV);
	CHECK_ERRNO(openat2_(d, "l", O_RDONLY, 0, RESOLVE_NO_SYMLINKS), ELOOP);
	CHECK_OK(openat2_(d, "/f", O_RDONLY, 0, RESOLVE_IN_ROOT));
	CHECK_OK(openat2_(d, "../../f", O_RDONLY, 0, RESOLVE_IN_ROOT));
	CHECK_ERRNO(openat2_(d, "abs", O_RDONLY, 0, RESOLVE_IN_ROOT), ENOENT);
	CHECK_ERRNO(openat2_(AT_FDCWD, "/proc/self/exe", O_RDONLY, 0, RESOLVE_NO_MAGICLINKS), ELOOP);
	CHECK_ERRNO(openat2_(AT_FDCWD, "/proc/version", O_RDONLY, 0, RESOLVE_NO_XDEV), EXDEV);
	CHECK_ERRNO(openat2_(d, "f", O_RDONLY, 0600, 0), EINVAL);
	CHECK_ERRNO(openat2_(d, "f", 1ull << 40, 0, 0), EINVAL);
	CHECK_ERRNO(openat2_(d, "f", O_RDONLY, 0, 1ull << 40), EINVAL);
	CHECK_ERRNO(openat2_(d, "n", O_RDWR | O_CREAT, 0100000, 0), EINVAL);
	CHECK_ERRNO(openat2_(d, "f", O_RDONLY, 0, RESOLVE_IN_ROOT | RESOLVE_BENEATH), EINVAL);
	char how[64] = { 0 };
	CHECK_ERRNO(syscall(SYS_openat2, d, "f", how, 8), EINVAL);
	CHECK_OK(syscall(SYS_openat2, d, "f", how, 64));
	how[40] = 1;
	CHECK_ERRNO(syscall(SYS_openat2, d, "f", how, 64), E2BIG);
	CHECK_ERRNO(syscall(SYS_openat2, d, "f", BAD, 24), EFAULT);
}

TEST("permissions of files and directories hold for others than root")
{
	close(file_with("secret", "x"));
	MUST(chmod("secret", 0600));
	close(file_with("public", "x"));
	MUST(chmod("public", 0644));
	MUST(mkdir("closed", 0700));
	close(file_with("closed/f", ""));
	MUST(mkdir("open", 0755));
	MUST(mkdir("blind", 0711));
	close(file_with("blind/f", ""));
	become_nobody();
	CHECK_ERRNO(open("secret", O_RDONLY), EACCES);
	CHECK_OK(open("public", O_RDONLY));
	CHECK_ERRNO(open("public", O_RDWR), EACCES);
	CHECK_ERRNO(open("public", O_RDONLY | O_TRUNC), EACCES);
	CHECK_ERRNO(open("closed/f", O_RDONLY), EACCES);
	CHECK_ERRNO(open("open/new", O_RDWR | O_CREAT, 0600), EACCES);
	CHECK_OK(open("mine", O_RDWR | O_CREAT, 0600));
	CHECK_ERRNO(open("blind", O_RDONLY), EACCES);
	CHECK_OK(open("blind/f", O_RDONLY));
	CHECK_ERRNO(open("public", O_RDONLY | O_NOATIME), EPERM);
	CHECK_OK(open("mine", O_RDONLY | O_NOATIME));
	CHECK_ERRNO(open("open", O_TMPFILE | O_RDWR, 0600), EACCES);
}

TEST("a file created without write permission is writable by its creator's descriptor only")
{
	become_nobody();
	int fd = (int)CHECK_OK(open("f", O_RDWR | O_CREAT | O_EXCL, 0444));
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_ERRNO(open("f", O_WRONLY), EACCES);
}

TEST("close-on-exec closes at exec and not at fork")
{
	int fd = file_with("f", "x"), keep = dup(fd);
	MUST(fcntl(fd, F_SETFD, FD_CLOEXEC));
	CHECK_EQ(IN_CHILD({ _exit(fcntl(fd, F_GETFD)); }), 1);
	char a[16], b[16];
	sprintf(a, "%d", fd);
	sprintf(b, "%d", keep);
	CHECK_EQ(IN_CHILD(execl(abi_self, "x", "--role", a, NULL)), 9);
	CHECK_EQ(IN_CHILD(execl(abi_self, "x", "--role", b, NULL)), 0);
}

ROLE
{
	(void)argc;
	return fcntl(atoi(argv[0]), F_GETFD) == -1 ? errno : 0;
}
