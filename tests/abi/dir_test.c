// SPDX-License-Identifier: MPL-2.0
// Directories, names, links, renames.
// syscalls: getdents getdents64 mkdir mkdirat rmdir rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat readlink
// syscalls: readlinkat mknod mknodat chdir fchdir getcwd chroot
#include "abi.h"
#include <sys/sysmacros.h>

static int
entries(const char *name)
{
	DIR *dir = opendir(name);
	int n = 0;
	if (dir == NULL)
		return -1;
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static long
inode_of(const char *name)
{
	struct stat st;
	return lstat(name, &st) == 0 ? (long)st.st_ino : -1;
}

static int
links_of(const char *name)
{
	struct stat st;
	return lstat(name, &st) == 0 ? (int)st.st_nlink : -1;
}

TEST("mkdir and rmdir and their errors")
{
	struct stat st;
	CHECK_EQ(mkdir("d", 01777), 0);
	MUST(stat("d", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 01755);
	CHECK_EQ(st.st_nlink, 2);
	CHECK_ERRNO(mkdir("d", 0755), EEXIST);
	CHECK_ERRNO(mkdir("none/d", 0755), ENOENT);
	CHECK_ERRNO(mkdir("", 0755), ENOENT);
	CHECK_EQ(mkdir("e/", 0755), 0);
	close(file_with("f", ""));
	CHECK_ERRNO(mkdir("f/d", 0755), ENOTDIR);
	CHECK_ERRNO(mkdir("f", 0755), EEXIST);
	CHECK_EQ(mkdir("d/sub", 0755), 0);
	CHECK_EQ(links_of("d"), 3);
	CHECK_ERRNO(rmdir("d"), ENOTEMPTY);
	CHECK_ERRNO(rmdir("f"), ENOTDIR);
	CHECK_ERRNO(rmdir("none"), ENOENT);
	CHECK_ERRNO(rmdir("d/."), EINVAL);
	CHECK_ERRNO(rmdir("d/sub/.."), ENOTEMPTY);
	CHECK_EQ(rmdir("d/sub"), 0);
	CHECK_EQ(rmdir("d/"), 0);
	CHECK_ERRNO(rmdir("/"), EBUSY);
	CHECK_ERRNO(mkdir("/", 0755), EEXIST);
	CHECK_ERRNO(mkdir(".", 0755), EEXIST);
	CHECK_EQ(mkdirat(AT_FDCWD, "x", 0), 0);
	CHECK_EQ(unlinkat(AT_FDCWD, "x", AT_REMOVEDIR), 0);
	CHECK_ERRNO(unlinkat(AT_FDCWD, "x", 0x8000), EINVAL);
	MUST(symlink("nowhere", "dang"));
	CHECK_ERRNO(mkdir("dang", 0755), EEXIST);
	MUST(symlink("e", "le"));
	CHECK_ERRNO(rmdir("le"), ENOTDIR);
}

TEST("unlink removes a name and the file lives while it is open")
{
	char c = 0;
	int fd = file_with("f", "x");
	CHECK_EQ(unlink("f"), 0);
	CHECK_ERRNO(unlink("f"), ENOENT);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'x');
	MUST(mkdir("d", 0755));
	CHECK_ERRNO(unlink("d"), EISDIR);
	CHECK_ERRNO(unlink("."), EISDIR);
	close(file_with("g", ""));
	CHECK_ERRNO(unlink("g/"), ENOTDIR);
	MUST(symlink("d", "l"));
	CHECK_EQ(unlink("l"), 0);
	CHECK_EQ(access("d", F_OK), 0);
	CHECK_ERRNO(unlink(""), ENOENT);
	CHECK_ERRNO(unlink(BAD), EFAULT);
}

TEST("link makes another name of the same file")
{
	close(file_with("f", "x"));
	CHECK_EQ(link("f", "g"), 0);
	CHECK_EQ(links_of("f"), 2);
	CHECK(inode_of("f") == inode_of("g"));
	CHECK_ERRNO(link("f", "g"), EEXIST);
	CHECK_ERRNO(link("none", "h"), ENOENT);
	MUST(mkdir("d", 0755));
	CHECK_ERRNO(link("d", "e"), EPERM);
	MUST(symlink("f", "l"));
	CHECK_EQ(link("l", "l2"), 0);
	CHECK(inode_of("l2") == inode_of("l"));
	CHECK_EQ(linkat(AT_FDCWD, "l", AT_FDCWD, "l3", AT_SYMLINK_FOLLOW), 0);
	CHECK(inode_of("l3") == inode_of("f"));
	CHECK_ERRNO(linkat(AT_FDCWD, "f", AT_FDCWD, "x", 0x1), EINVAL);
	int fd = open("f", O_RDONLY);
	CHECK_EQ(linkat(fd, "", AT_FDCWD, "byfd", AT_EMPTY_PATH), 0);
	CHECK_EQ(unlink("f"), 0);
	CHECK_EQ(links_of("g"), 3);
	CHECK_ERRNO(link("g", "/dev/x"), EXDEV);
}

TEST("symlink keeps any text, readlink gives it without an end")
{
	char buf[16];
	memset(buf, '#', sizeof(buf));
	CHECK_EQ(symlink("some/where", "l"), 0);
	CHECK_EQ(readlink("l", buf, sizeof(buf)), 10);
	CHECK_EQ(buf[10], '#');
	CHECK_EQ(readlink("l", buf, 4), 4);
	CHECK_ERRNO(readlink("l", buf, 0), EINVAL);
	CHECK_ERRNO(readlink(".", buf, 4), EINVAL);
	CHECK_ERRNO(readlink("none", buf, 4), ENOENT);
	CHECK_ERRNO(readlink("l", BAD, 4), EFAULT);
	CHECK_ERRNO(symlink("x", "l"), EEXIST);
	CHECK_ERRNO(symlink("", "e"), ENOENT);
	CHECK_ERRNO(symlink("x", ""), ENOENT);
	CHECK_ERRNO(symlink("x", "none/l"), ENOENT);
	struct stat st;
	MUST(lstat("l", &st));
	CHECK_EQ(st.st_size, 10);
	CHECK_EQ(st.st_mode, S_IFLNK | 0777);
	CHECK_EQ(symlinkat("t", AT_FDCWD, "l2"), 0);
	CHECK_EQ(readlinkat(AT_FDCWD, "l2", buf, 16), 1);
	static char big[4200];
	memset(big, 'a', 4095);
	CHECK_EQ(symlink(big, "big"), 0);
	memset(big, 'a', 4096);
	CHECK_ERRNO(symlink(big, "bigger"), ENAMETOOLONG);
}

TEST("rename replaces files and empty directories of the same kind")
{
	close(file_with("a", "A"));
	close(file_with("b", "B"));
	long ino = inode_of("a");
	CHECK_EQ(rename("a", "b"), 0);
	CHECK(inode_of("b") == ino);
	CHECK_ERRNO(access("a", F_OK), ENOENT);
	CHECK_ERRNO(rename("a", "c"), ENOENT);
	CHECK_EQ(rename("b", "b"), 0);
	MUST(mkdir("d", 0755));
	MUST(mkdir("e", 0755));
	MUST(mkdir("full", 0755));
	close(file_with("full/x", ""));
	CHECK_ERRNO(rename("b", "d"), EISDIR);
	CHECK_ERRNO(rename("d", "b"), ENOTDIR);
	CHECK_EQ(rename("d", "e"), 0);
	CHECK_ERRNO(rename("e", "full"), ENOTEMPTY);
	CHECK_EQ(rename("full", "e"), 0);
	CHECK_EQ(access("e/x", F_OK), 0);
	CHECK_ERRNO(rename("e", "e/sub"), EINVAL);
	CHECK_ERRNO(rename("e/.", "y"), EBUSY);
	CHECK_ERRNO(rename(".", "y"), EBUSY);
	CHECK_ERRNO(rename("e", "e/.."), EBUSY);
	CHECK_ERRNO(rename("b/", "y"), ENOTDIR);
	CHECK_ERRNO(rename("b", "y/"), ENOTDIR);
	CHECK_EQ(rename("e/", "y/"), 0);
	CHECK_ERRNO(rename("y", "b/z"), ENOTDIR);
	MUST(link("b", "hard"));
	CHECK_EQ(rename("b", "hard"), 0);
	CHECK_EQ(access("b", F_OK), 0);
	MUST(symlink("b", "s"));
	CHECK_EQ(rename("s", "t"), 0);
	CHECK(inode_of("t") != inode_of("b"));
	CHECK_ERRNO(rename("b", "/dev/b"), EXDEV);
}

TEST("a directory that moves to another parent takes its link count along")
{
	MUST(mkdir("p", 0755));
	MUST(mkdir("q", 0755));
	MUST(mkdir("p/d", 0755));
	CHECK_EQ(links_of("p"), 3);
	CHECK_EQ(rename("p/d", "q/d"), 0);
	CHECK_EQ(links_of("p"), 2);
	CHECK_EQ(links_of("q"), 3);
	CHECK(inode_of("q/d/..") == inode_of("q"));
}

TEST("renameat2 keeps, exchanges and refuses")
{
	close(file_with("a", "A"));
	close(file_with("b", "B"));
	MUST(mkdir("d", 0755));
	close(file_with("d/in", ""));
	CHECK_ERRNO(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	CHECK_EQ(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE), 0);
	CHECK_EQ(renameat2(AT_FDCWD, "c", AT_FDCWD, "b", RENAME_EXCHANGE), 0);
	CHECK_STR(slurp("b"), "A");
	CHECK_STR(slurp("c"), "B");
	CHECK_ERRNO(renameat2(AT_FDCWD, "c", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
	CHECK_EQ(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE), 0);
	CHECK_EQ(access("c/in", F_OK), 0);
	CHECK_STR(slurp("d"), "B");
	CHECK_ERRNO(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
	CHECK_ERRNO(renameat2(AT_FDCWD, "c", AT_FDCWD, "d", 64), EINVAL);
	CHECK_ERRNO(renameat2(AT_FDCWD, "c", AT_FDCWD, "c/in", RENAME_EXCHANGE), EINVAL);
	CHECK_EQ(renameat(AT_FDCWD, "d", AT_FDCWD, "z"), 0);
}

TEST("a sticky directory protects names from others")
{
	MUST(mkdir("t", 0777));
	MUST(chmod("t", 01777));
	close(file_with("t/root", ""));
	MUST(mkdir("u", 0777));
	MUST(chmod("u", 0777));
	close(file_with("u/root", ""));
	become_nobody();
	close(file_with("t/mine", ""));
	CHECK_ERRNO(unlink("t/root"), EPERM);
	CHECK_ERRNO(rename("t/root", "t/x"), EPERM);
	CHECK_ERRNO(rename("t/mine", "t/root"), EPERM);
	CHECK_EQ(rename("t/mine", "t/mine2"), 0);
	CHECK_EQ(unlink("t/mine2"), 0);
	CHECK_EQ(unlink("u/root"), 0);
}

TEST("changes of a directory need write and search permission")
{
	MUST(mkdir("ro", 0755));
	close(file_with("ro/f", ""));
	become_nobody();
	CHECK_ERRNO(unlink("ro/f"), EACCES);
	CHECK_ERRNO(mkdir("ro/d", 0755), EACCES);
	CHECK_ERRNO(rmdir("ro"), ENOTEMPTY);
	CHECK_ERRNO(symlink("x", "ro/l"), EACCES);
	CHECK_ERRNO(link("ro/f", "mine"), EPERM);
	CHECK_ERRNO(rename("ro/f", "g"), EACCES);
	CHECK_ERRNO(mknod("ro/n", S_IFREG | 0600, 0), EACCES);
	CHECK_ERRNO(mknod("dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
	CHECK_EQ(mknod("fifo", S_IFIFO | 0600, 0), 0);
}

TEST("mknod makes files, fifos, devices and sockets")
{
	struct stat st;
	CHECK_EQ(mknod("r", S_IFREG | 0600, 0), 0);
	CHECK_EQ(mknod("r0", 0600, 0), 0);
	MUST(stat("r0", &st));
	CHECK(S_ISREG(st.st_mode));
	CHECK_EQ(mknod("c", S_IFCHR | 0666, makedev(1, 3)), 0);
	MUST(stat("c", &st));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	int fd = (int)CHECK_OK(open("c", O_RDWR));
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_EQ(mknod("c99", S_IFCHR | 0666, makedev(250, 99)), 0);
	CHECK_ERRNO(open("c99", O_RDWR), ENXIO);
	CHECK_EQ(mknod("s", S_IFSOCK | 0666, 0), 0);
	CHECK_ERRNO(open("s", O_RDWR), ENXIO);
	CHECK_ERRNO(mknod("d", S_IFDIR | 0666, 0), EPERM);
	CHECK_ERRNO(mknod("l", S_IFLNK | 0666, 0), EINVAL);
	CHECK_ERRNO(mknod("r", S_IFREG | 0600, 0), EEXIST);
	CHECK_EQ(mknodat(AT_FDCWD, "f", S_IFIFO | 0600, 0), 0);
}

TEST("getdents64 lists each name once with its type")
{
	char name[16];
	MUST(mkdir("d", 0755));
	for (int i = 0; i < 100; i++) {
		sprintf(name, "d/f%02d", i);
		close(file_with(name, ""));
	}
	CHECK_EQ(entries("d"), 102);
	int fd = (int)MUST(open("d", O_RDONLY)), n = 0, files = 0, dirs = 0;
	char buf[512];
	long got;
	while ((got = getdents64(fd, buf, sizeof(buf))) > 0)
		for (long at = 0; at < got; n++) {
			struct dirent64 *e = (void *)(buf + at);
			files += e->d_type == DT_REG;
			dirs += e->d_type == DT_DIR;
			at += e->d_reclen;
		}
	CHECK_EQ(got, 0);
	CHECK_EQ(n, 102);
	CHECK_EQ(files, 100);
	CHECK_EQ(dirs, 2);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_ERRNO(getdents64(fd, buf, 10), EINVAL);
	CHECK(getdents64(fd, buf, sizeof(buf)) > 0);
	CHECK_ERRNO(getdents64(0, buf, sizeof(buf)), ENOTDIR);
	CHECK_ERRNO(getdents64(99, buf, sizeof(buf)), EBADF);
	lseek(fd, 0, SEEK_SET);
	CHECK_ERRNO(syscall(SYS_getdents64, fd, BAD, 512), EFAULT);
	CHECK(syscall(SYS_getdents, fd, buf, sizeof(buf)) > 0);
	CHECK_EQ(fsync(fd), 0);
}

TEST("a directory that is emptied while it is read loses no name that stays")
{
	char name[16];
	MUST(mkdir("d", 0755));
	for (int i = 0; i < 200; i++) {
		sprintf(name, "d/f%03d", i);
		close(file_with(name, ""));
	}
	DIR *dir = opendir("d");
	int removed = 0;
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		if (e->d_name[0] == 'f')
			removed += unlinkat(dirfd(dir), e->d_name, 0) == 0;
	closedir(dir);
	CHECK_EQ(removed, 200);
	CHECK_EQ(rmdir("d"), 0);
}

TEST("a removed directory that is still open is empty and takes no names")
{
	MUST(mkdir("d", 0755));
	int fd = (int)MUST(open("d", O_RDONLY));
	char buf[512];
	MUST(rmdir("d"));
	CHECK_ERRNO(getdents64(fd, buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(mkdirat(fd, "x", 0755), ENOENT);
	struct stat st;
	MUST(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
}

TEST("chdir, fchdir and getcwd")
{
	char here[PATH_MAX], buf[PATH_MAX];
	CHECK(getcwd(here, sizeof(here)) == here);
	CHECK_EQ(syscall(SYS_getcwd, buf, sizeof(buf)), strlen(here) + 1);
	CHECK_ERRNO(syscall(SYS_getcwd, buf, 3), ERANGE);
	CHECK_ERRNO(syscall(SYS_getcwd, BAD, 100), EFAULT);
	MUST(mkdir("d", 0755));
	close(file_with("f", ""));
	CHECK_EQ(chdir("d"), 0);
	getcwd(buf, sizeof(buf));
	CHECK_STR(buf + strlen(here), "/d");
	CHECK_EQ(chdir(".."), 0);
	CHECK_ERRNO(chdir("f"), ENOTDIR);
	CHECK_ERRNO(chdir("none"), ENOENT);
	CHECK_ERRNO(fchdir(open("f", O_RDONLY)), ENOTDIR);
	CHECK_ERRNO(fchdir(99), EBADF);
	MUST(chdir("d"));
	MUST(rmdir("../d"));
	CHECK_ERRNO(syscall(SYS_getcwd, buf, sizeof(buf)), ENOENT);
	CHECK_ERRNO(open("x", O_RDWR | O_CREAT, 0600), ENOENT);
	CHECK_EQ(chdir(".."), 0);
	CHECK_EQ(chdir("/"), 0);
	CHECK_EQ(chdir(".."), 0);
	getcwd(buf, sizeof(buf));
	CHECK_STR(buf, "/");
	MUST(chdir(here));
	MUST(mkdir("closed", 0700));
	become_nobody();
	CHECK_ERRNO(chdir("closed"), EACCES);
}

TEST("chroot changes where / is and needs a privilege")
{
	MUST(mkdir("r", 0755));
	MUST(mkdir("r/in", 0755));
	CHECK_ERRNO(chroot("none"), ENOENT);
	CHECK_EQ(IN_CHILD({
		if (chroot("r") != 0 || chdir("/") != 0)
			_exit(1);
		char buf[64];
		getcwd(buf, sizeof(buf));
		_exit(access("/in", F_OK) == 0 && access("/../in", F_OK) == 0 && access("/tmp", F_OK) != 0 && strcmp(buf, "/") == 0 ? 5 : 2);
	}), 5);
	become_nobody();
	CHECK_ERRNO(chroot("r"), EPERM);
}

TEST("a directory's position does not go beyond the largest number")
{
	int fd = (int)MUST(open(".", O_RDONLY | O_DIRECTORY));
	CHECK_EQ(lseek(fd, INT64_MAX, SEEK_SET), INT64_MAX);
	CHECK_ERRNO(lseek(fd, 1, SEEK_CUR), EINVAL);
	CHECK_ERRNO(lseek(fd, INT64_MAX, SEEK_CUR), EINVAL);
	CHECK_ERRNO(lseek(fd, INT64_MIN, SEEK_CUR), EINVAL);
	CHECK_ERRNO(lseek(fd, INT64_MIN, SEEK_SET), EINVAL);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
}
