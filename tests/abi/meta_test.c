// SPDX-License-Identifier: MPL-2.0
// What files say of themselves: status, modes, owners, times, access, extended attributes, file systems.
// syscalls: stat fstat lstat newfstatat statx chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat umask utime utimes futimesat
// syscalls: utimensat access faccessat faccessat2 statfs fstatfs setxattr lsetxattr fsetxattr getxattr lgetxattr fgetxattr listxattr
// syscalls: llistxattr flistxattr removexattr lremovexattr fremovexattr name_to_handle_at
#include "abi.h"
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <utime.h>

static struct stat
status(const char *name)
{
	struct stat st = { 0 };
	MUST(lstat(name, &st));
	return st;
}

TEST("stat fills all fields")
{
	struct stat st, other;
	int fd = file_with("f", "abc");
	CHECK_EQ(stat("f", &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_gid, 0);
	CHECK_EQ(st.st_size, 3);
	CHECK_EQ(st.st_blocks, 8);
	CHECK_EQ(st.st_blksize, 4096);
	CHECK(st.st_ino != 0);
	CHECK_EQ(st.st_rdev, 0);
	CHECK(st.st_mtim.tv_sec > 1000000000);
	CHECK_EQ(fstat(fd, &other), 0);
	CHECK(memcmp(&st, &other, sizeof(st)) == 0);
	CHECK_EQ(fstatat(AT_FDCWD, "f", &other, 0), 0);
	CHECK_EQ(fstatat(fd, "", &other, AT_EMPTY_PATH), 0);
	CHECK(memcmp(&st, &other, sizeof(st)) == 0);
	CHECK_ERRNO(fstatat(fd, "", &other, 0), ENOENT);
	CHECK_ERRNO(fstatat(AT_FDCWD, "f", &other, 0x1), EINVAL);
	CHECK_ERRNO(fstatat(fd, "f", &other, 0), ENOTDIR);
	CHECK_ERRNO(stat("none", &st), ENOENT);
	CHECK_ERRNO(stat("f/x", &st), ENOTDIR);
	CHECK_ERRNO(syscall(SYS_stat, "f", BAD), EFAULT);
	CHECK_ERRNO(syscall(SYS_fstat, 99, &st), EBADF);
	CHECK_ERRNO(syscall(SYS_lstat, BAD, &st), EFAULT);
	CHECK_EQ(fstatat(AT_FDCWD, "", &st, AT_EMPTY_PATH), 0);
	CHECK(S_ISDIR(st.st_mode));
	MUST(stat("/dev/null", &st));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	CHECK(S_ISCHR(st.st_mode));
}

TEST("statx gives what is asked for, and its errors")
{
	struct statx x;
	struct stat st;
	close(file_with("f", "abc"));
	st = status("f");
	CHECK_EQ(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x), 0);
	CHECK_EQ(x.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	CHECK_EQ(x.stx_mode, S_IFREG | 0644);
	CHECK_EQ(x.stx_size, 3);
	CHECK_EQ(x.stx_nlink, 1);
	CHECK(x.stx_ino == st.st_ino);
	CHECK(makedev(x.stx_dev_major, x.stx_dev_minor) == st.st_dev);
	CHECK(x.stx_mtime.tv_sec == st.st_mtim.tv_sec && x.stx_mtime.tv_nsec == (unsigned)st.st_mtim.tv_nsec);
	CHECK_EQ(statx(AT_FDCWD, "f", AT_STATX_DONT_SYNC, STATX_BTIME, &x), 0);
	CHECK_ERRNO(statx(AT_FDCWD, "f", AT_STATX_SYNC_TYPE, 0, &x), EINVAL);
	CHECK_ERRNO(statx(AT_FDCWD, "f", 0, 0x80000000, &x), EINVAL);
	CHECK_ERRNO(statx(AT_FDCWD, "f", 0x1, 0, &x), EINVAL);
	CHECK_ERRNO(syscall(SYS_statx, AT_FDCWD, "f", 0, 0, BAD), EFAULT);
	CHECK_ERRNO(statx(99, "f", 0, 0, &x), EBADF);
	CHECK_ERRNO(statx(AT_FDCWD, "none", 0, 0, &x), ENOENT);
	MUST(symlink("f", "l"));
	CHECK_EQ(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_TYPE, &x), 0);
	CHECK(S_ISLNK(x.stx_mode));
	CHECK_EQ(statx(open("f", O_RDONLY), "", AT_EMPTY_PATH, STATX_SIZE, &x), 0);
	CHECK_EQ(x.stx_size, 3);
}

TEST("chmod sets all twelve bits")
{
	int fd = file_with("f", "");
	CHECK_EQ(chmod("f", 07777), 0);
	CHECK_EQ(status("f").st_mode, S_IFREG | 07777);
	CHECK_EQ(fchmod(fd, 0), 0);
	CHECK_EQ(status("f").st_mode & 07777, 0);
	CHECK_EQ(chmod("f", 0100644), 0);
	CHECK_EQ(status("f").st_mode, S_IFREG | 0644);
	MUST(symlink("f", "l"));
	CHECK_EQ(chmod("l", 0600), 0);
	CHECK_EQ(status("f").st_mode & 07777, 0600);
	CHECK_EQ(status("l").st_mode & 07777, 0777);
	CHECK_EQ(syscall(SYS_fchmodat, AT_FDCWD, "f", 0611), 0);
	CHECK_ERRNO(chmod("none", 0600), ENOENT);
	CHECK_ERRNO(fchmod(99, 0600), EBADF);
	CHECK_ERRNO(chmod(BAD, 0600), EFAULT);
}

TEST("chmod by others than the owner is EPERM, and a foreign group loses the set-group bit")
{
	close(file_with("root", ""));
	close(file_with("mine", ""));
	MUST(chown("mine", 65534, 0));
	become_nobody();
	CHECK_ERRNO(chmod("root", 0666), EPERM);
	CHECK_EQ(chmod("mine", 02755), 0);
	CHECK_EQ(status("mine").st_mode & 07777, 0755);
	CHECK_EQ(chmod("mine", 04755), 0);
	CHECK_EQ(status("mine").st_mode & 07777, 04755);
}

TEST("chown changes owners, clears set-id bits and needs a privilege")
{
	int fd = file_with("f", "");
	MUST(chmod("f", 06755));
	CHECK_EQ(chown("f", 1000, 1001), 0);
	CHECK_EQ(status("f").st_uid, 1000);
	CHECK_EQ(status("f").st_gid, 1001);
	CHECK_EQ(status("f").st_mode & 07777, 0755);
	CHECK_EQ(fchown(fd, -1, 7), 0);
	CHECK_EQ(status("f").st_uid, 1000);
	CHECK_EQ(status("f").st_gid, 7);
	MUST(symlink("f", "l"));
	CHECK_EQ(lchown("l", 5, 6), 0);
	CHECK_EQ(status("l").st_uid, 5);
	CHECK_EQ(status("f").st_uid, 1000);
	CHECK_EQ(chown("l", 65534, 8), 0);
	CHECK_EQ(status("f").st_gid, 8);
	CHECK_EQ(fchownat(fd, "", -1, 9, AT_EMPTY_PATH), 0);
	CHECK_EQ(status("f").st_gid, 9);
	CHECK_ERRNO(fchownat(AT_FDCWD, "f", 0, 0, 0x1), EINVAL);
	CHECK_ERRNO(chown("none", 0, 0), ENOENT);
	CHECK_ERRNO(fchown(99, 0, 0), EBADF);
	become_nobody();
	CHECK_ERRNO(chown("f", 0, -1), EPERM);
	CHECK_ERRNO(chown("f", -1, 0), EPERM);
	CHECK_EQ(chown("f", -1, 65534), 0);
	CHECK_EQ(chown("f", 65534, -1), 0);
	CHECK_ERRNO(chown("l", 1, -1), EPERM);
}

TEST("writing to a set-id file clears the bits, for others than root")
{
	int fd = file_with("f", "");
	MUST(fchown(fd, 65534, 65534));
	MUST(fchmod(fd, 06777));
	become_nobody();
	fd = open("f", O_RDWR);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(status("f").st_mode & 07777, 0777);
}

TEST("files in a set-group directory take its group")
{
	MUST(mkdir("d", 0755));
	MUST(chown("d", 0, 42));
	MUST(chmod("d", 02777));
	close(file_with("d/f", ""));
	MUST(mkdir("d/sub", 0755));
	CHECK_EQ(status("d/f").st_gid, 42);
	CHECK_EQ(status("d/sub").st_gid, 42);
	CHECK_EQ(status("d/sub").st_mode & 07777, 02755);
}

TEST("umask returns the mask before and keeps nine bits")
{
	CHECK_EQ(umask(07777), 022);
	CHECK_EQ(umask(0), 0777);
	CHECK_EQ(IN_CHILD(_exit(umask(077) == 0 ? 3 : 4)), 3);
	CHECK_EQ(umask(022), 0);
}

TEST("times are set to nanoseconds, now, or left alone")
{
	struct timespec t[2] = { { 100, 5 }, { 200, 999999999 } };
	close(file_with("f", ""));
	CHECK_EQ(utimensat(AT_FDCWD, "f", t, 0), 0);
	CHECK_EQ(status("f").st_atim.tv_sec, 100);
	CHECK_EQ(status("f").st_atim.tv_nsec, 5);
	CHECK_EQ(status("f").st_mtim.tv_nsec, 999999999);
	CHECK(status("f").st_ctim.tv_sec > 1000000000);
	t[0].tv_nsec = UTIME_OMIT;
	t[1].tv_nsec = UTIME_NOW;
	CHECK_EQ(utimensat(AT_FDCWD, "f", t, 0), 0);
	CHECK_EQ(status("f").st_atim.tv_sec, 100);
	CHECK(status("f").st_mtim.tv_sec > 1000000000);
	t[0].tv_nsec = 1000000000;
	CHECK_ERRNO(utimensat(AT_FDCWD, "f", t, 0), EINVAL);
	CHECK_EQ(syscall(SYS_utimensat, open("f", O_RDONLY), NULL, NULL, 0), 0);
	CHECK(status("f").st_atim.tv_sec > 1000000000);
	struct timeval v[2] = { { 7, 1 }, { 8, 2 } };
	CHECK_EQ(utimes("f", v), 0);
	CHECK_EQ(status("f").st_mtim.tv_nsec, 2000);
	v[0].tv_usec = 1000000;
	CHECK_ERRNO(utimes("f", v), EINVAL);
	struct utimbuf u = { 11, 12 };
	CHECK_EQ(utime("f", &u), 0);
	CHECK_EQ(status("f").st_mtim.tv_sec, 12);
	v[0].tv_usec = 0;
	CHECK_EQ(syscall(SYS_futimesat, AT_FDCWD, "f", v), 0);
	CHECK_EQ(status("f").st_atim.tv_sec, 7);
	MUST(symlink("f", "l"));
	t[0] = t[1] = (struct timespec){ 55, 0 };
	CHECK_EQ(utimensat(AT_FDCWD, "l", t, AT_SYMLINK_NOFOLLOW), 0);
	CHECK_EQ(status("l").st_mtim.tv_sec, 55);
	CHECK_EQ(status("f").st_mtim.tv_sec, 8);
	CHECK_ERRNO(utimensat(AT_FDCWD, "none", t, 0), ENOENT);
	become_nobody();
	CHECK_ERRNO(utimensat(AT_FDCWD, "f", t, 0), EPERM);
	CHECK_ERRNO(utimensat(AT_FDCWD, "f", NULL, 0), EACCES);
}

TEST("reading, writing and changing move the right times")
{
	char c;
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	int fd = file_with("f", "abc");
	MUST(utimensat(AT_FDCWD, "f", old, 0));
	MUST(read(fd, &c, 1));
	CHECK(status("f").st_atim.tv_sec > 1000000000);
	CHECK_EQ(status("f").st_mtim.tv_sec, 1000);
	MUST(write(fd, &c, 1));
	CHECK(status("f").st_mtim.tv_sec > 1000000000);
	MUST(utimensat(AT_FDCWD, "f", old, 0));
	MUST(ftruncate(fd, 1));
	CHECK(status("f").st_mtim.tv_sec > 1000000000);
	MUST(mkdir("d", 0755));
	MUST(utimensat(AT_FDCWD, "d", old, 0));
	close(file_with("d/x", ""));
	CHECK(status("d").st_mtim.tv_sec > 1000000000);
	MUST(utimensat(AT_FDCWD, "f", old, 0));
	MUST(chmod("f", 0600));
	CHECK_EQ(status("f").st_mtim.tv_sec, 1000);
	fd = open("f", O_RDWR | O_NOATIME);
	MUST(read(fd, &c, 1));
	CHECK_EQ(status("f").st_atim.tv_sec, 1000);
}

TEST("access answers for the real user, faccessat2 for the effective one too")
{
	close(file_with("f", ""));
	MUST(chmod("f", 0600));
	CHECK_EQ(access("f", R_OK | W_OK), 0);
	CHECK_ERRNO(access("f", X_OK), EACCES);
	CHECK_EQ(access("f", F_OK), 0);
	CHECK_ERRNO(access("none", F_OK), ENOENT);
	CHECK_ERRNO(access("f", 8), EINVAL);
	CHECK_ERRNO(access("f/x", F_OK), ENOTDIR);
	CHECK_ERRNO(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, 0x1), EINVAL);
	CHECK_EQ(syscall(SYS_faccessat2, open("f", O_RDONLY), "", R_OK, AT_EMPTY_PATH), 0);
	CHECK_EQ(syscall(SYS_faccessat, AT_FDCWD, "f", R_OK), 0);
	MUST(setresuid(65534, 0, 0));
	CHECK_ERRNO(access("f", R_OK), EACCES);
	CHECK_EQ(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS), 0);
	CHECK_OK(open("f", O_RDONLY));
}

TEST("statfs describes tmpfs and proc")
{
	struct statfs s;
	int fd = file_with("f", "");
	CHECK_EQ(statfs("/dev/shm", &s), 0);
	CHECK_EQ(s.f_type, 0x01021994);
	CHECK_EQ(s.f_bsize, 4096);
	CHECK_EQ(s.f_namelen, 255);
	CHECK(s.f_blocks > 0 && s.f_bfree <= s.f_blocks && s.f_bavail <= s.f_bfree);
	CHECK(s.f_files > 0 && s.f_ffree <= s.f_files);
	CHECK_EQ(statfs("/proc", &s), 0);
	CHECK_EQ(s.f_type, 0x9fa0);
	CHECK_EQ(statfs("/dev/pts", &s), 0);
	CHECK_EQ(s.f_type, 0x1cd1);
	CHECK_EQ(statfs("/sys", &s), 0);
	CHECK_EQ(s.f_type, 0x62656572);
	CHECK_EQ(fstatfs(fd, &s), 0);
	CHECK_ERRNO(statfs("none", &s), ENOENT);
	CHECK_ERRNO(fstatfs(99, &s), EBADF);
	CHECK_ERRNO(statfs("/", BAD), EFAULT);
	int p[2];
	MUST(pipe(p));
	CHECK_EQ(fstatfs(p[0], &s), 0);
	CHECK_EQ(s.f_type, 0x50495045);
}

TEST("many extended attributes of a file are found, changed and removed each by its name")
{
	char name[32], value[32], buf[32], list[1 << 14];
	const char *f = "/dev/shm/abi.xattrs";
	int wrong = 0, left = 0;
	close(file_with(f, ""));
	for (int i = 0; i < 300; i++) {
		sprintf(name, "trusted.n%d", i);
		wrong += setxattr(f, name, name, strlen(name), XATTR_CREATE) != 0;
	}
	for (int i = 0; i < 300; i += 3) {
		sprintf(name, "trusted.n%d", i);
		wrong += setxattr(f, name, "changed", 7, XATTR_REPLACE) != 0;
		sprintf(name, "trusted.n%d", i + 1);
		wrong += removexattr(f, name) != 0;
	}
	for (int i = 0; i < 300; i++) {
		sprintf(name, "trusted.n%d", i);
		strcpy(value, i % 3 == 0 ? "changed" : name);
		memset(buf, 0, sizeof(buf));
		ssize_t n = getxattr(f, name, buf, sizeof(buf));
		wrong += i % 3 == 1 ? n != -1 || errno != ENODATA : strcmp(buf, value) != 0;
	}
	ssize_t len = listxattr(f, list, sizeof(list));
	for (ssize_t at = 0; at < len; at += (ssize_t)strlen(list + at) + 1)
		left += getxattr(f, list + at, NULL, 0) > 0;
	CHECK_EQ(wrong, 0);
	CHECK_EQ(left, 200);
	unlink(f);
}

TEST("extended attributes of tmpfs: trusted and security names")
{
	char buf[64] = "";
	int fd = file_with("/dev/shm/abi.xattr", "");
	const char *f = "/dev/shm/abi.xattr";
	CHECK_EQ(setxattr(f, "trusted.one", "value", 5, 0), 0);
	CHECK_EQ(getxattr(f, "trusted.one", buf, 64), 5);
	CHECK_STR(buf, "value");
	CHECK_EQ(getxattr(f, "trusted.one", NULL, 0), 5);
	CHECK_ERRNO(getxattr(f, "trusted.one", buf, 3), ERANGE);
	CHECK_ERRNO(getxattr(f, "trusted.two", buf, 3), ENODATA);
	CHECK_ERRNO(setxattr(f, "trusted.one", "v", 1, XATTR_CREATE), EEXIST);
	CHECK_ERRNO(setxattr(f, "trusted.two", "v", 1, XATTR_REPLACE), ENODATA);
	CHECK_EQ(fsetxattr(fd, "trusted.one", "other", 5, XATTR_REPLACE), 0);
	CHECK_EQ(fgetxattr(fd, "trusted.one", buf, 64), 5);
	CHECK_STR(buf, "other");
	CHECK_EQ(fsetxattr(fd, "security.two", "", 0, 0), 0);
	CHECK_EQ(getxattr(f, "security.two", buf, 64), 0);
	CHECK_EQ(flistxattr(fd, NULL, 0), 25);
	CHECK_EQ(listxattr(f, buf, 64), 25);
	CHECK_ERRNO(listxattr(f, buf, 10), ERANGE);
	CHECK_EQ(removexattr(f, "trusted.one"), 0);
	CHECK_ERRNO(fremovexattr(fd, "trusted.one"), ENODATA);
	CHECK_ERRNO(setxattr(f, "none.x", "v", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(setxattr(f, "noprefix", "v", 1, 0), EOPNOTSUPP);
	CHECK_ERRNO(setxattr(f, "", "v", 1, 0), ERANGE);
	CHECK_ERRNO(setxattr(f, "trusted.x", "v", 1, 4), EINVAL);
	CHECK_ERRNO(setxattr(f, "trusted.x", "v", 70000, 0), E2BIG);
	CHECK_ERRNO(setxattr("none", "trusted.x", "v", 1, 0), ENOENT);
	CHECK_ERRNO(fgetxattr(99, "trusted.x", buf, 1), EBADF);
	CHECK_ERRNO(setxattr(f, BAD, "v", 1, 0), EFAULT);
	MUST(symlink("gone", "/dev/shm/abi.link"));
	CHECK_EQ(lsetxattr("/dev/shm/abi.link", "trusted.l", "L", 1, 0), 0);
	CHECK_EQ(lgetxattr("/dev/shm/abi.link", "trusted.l", buf, 64), 1);
	CHECK_EQ(llistxattr("/dev/shm/abi.link", buf, 64), 10);
	CHECK_ERRNO(getxattr("/dev/shm/abi.link", "trusted.l", buf, 64), ENOENT);
	CHECK_EQ(lremovexattr("/dev/shm/abi.link", "trusted.l"), 0);
	unlink("/dev/shm/abi.link");
	MUST(setxattr(f, "trusted.keep", "v", 1, 0));
	unlink(f);
	become_nobody();
	CHECK_ERRNO(fgetxattr(fd, "trusted.keep", buf, 64), ENODATA);
	CHECK_ERRNO(fsetxattr(fd, "trusted.x", "v", 1, 0), EPERM);
}

TEST("name_to_handle_at: not everywhere, and its errors")
{
	union { struct file_handle h; char room[128]; } u = { .h.handle_bytes = 64 };
	int mount = -1;
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "/proc/self", &u.h, &mount, 0), EOPNOTSUPP);
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "gone", &u.h, &mount, 0), ENOENT);
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, ".", &u.h, &mount, 0x100), EINVAL);
	CHECK_ERRNO(name_to_handle_at(99, "x", &u.h, &mount, 0), EBADF);
	CHECK_ERRNO(name_to_handle_at(AT_FDCWD, "", &u.h, &mount, 0), ENOENT);
}

TEST("utime, utimes, mknod themselves, which libraries leave for newer calls")
{
	close(file_with("f", "x"));
	CHECK_EQ(syscall(SYS_utime, "f", &(struct { long access, change; }){ 11, 22 }), 0);
	CHECK_EQ(status("f").st_atim.tv_sec, 11);
	CHECK_EQ(status("f").st_mtim.tv_sec, 22);
	CHECK_ERRNO(syscall(SYS_utime, "none", NULL), ENOENT);
	struct timeval times[2] = { { 33, 44 }, { 55, 66 } }, wrong[2] = { { 1, 1000000 }, { 1, 0 } };
	CHECK_EQ(syscall(SYS_utimes, "f", times), 0);
	CHECK_EQ(status("f").st_atim.tv_nsec, 44000);
	CHECK_EQ(status("f").st_mtim.tv_sec, 55);
	CHECK_ERRNO(syscall(SYS_utimes, "f", wrong), EINVAL);
	CHECK_EQ(syscall(SYS_mknod, "fifo", S_IFIFO | 0600, 0), 0);
	CHECK_EQ(status("fifo").st_mode, S_IFIFO | 0600);
	CHECK_ERRNO(syscall(SYS_mknod, "fifo", S_IFREG | 0600, 0), EEXIST);
	CHECK_ERRNO(syscall(SYS_mknod, "dir", S_IFDIR | 0700, 0), EPERM);
}

TEST("fchmodat2, where there is one")
{
	close(file_with("f", "x"));
	long result = syscall(452, AT_FDCWD, "f", 0640, 0);
	CHECK((result == 0 && status("f").st_mode == (S_IFREG | 0640)) || (result == -1 && errno == ENOSYS));
}
