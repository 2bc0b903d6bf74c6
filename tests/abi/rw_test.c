// SPDX-License-Identifier: MPL-2.0
// Reading and writing regular files: offsets, holes, appending, vectors, copies inside the kernel.
// syscalls: read write pread64 pwrite64 readv writev preadv pwritev preadv2 pwritev2 lseek truncate ftruncate fallocate fsync fdatasync
// syscalls: sync syncfs sync_file_range readahead fadvise64 sendfile splice tee vmsplice copy_file_range
#include "abi.h"
#include <sys/sendfile.h>

static long
size_of(int fd)
{
	struct stat st;
	MUST(fstat(fd, &st));
	return st.st_size;
}

TEST("read and write move the offset, pread and pwrite do not")
{
	char buf[16] = "";
	int fd = (int)MUST(open("f", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(write(fd, "hello world", 11), 11);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_EQ(pwrite(fd, "J", 1, 0), 1);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 11);
	CHECK_EQ(pread(fd, buf, 5, 0), 5);
	CHECK_STR(buf, "Jello");
	CHECK_EQ(read(fd, buf, 5), 0);
	CHECK_EQ(lseek(fd, -5, SEEK_END), 6);
	CHECK_EQ(read(fd, buf, 16), 5);
	CHECK_STR(buf, "world");
	CHECK_EQ(pread(fd, buf, 5, 100), 0);
	CHECK_EQ(pwrite(fd, "x", 1, 20), 1);
	CHECK_EQ(size_of(fd), 21);
	CHECK_EQ(pread(fd, buf, 4, 11), 4);
	CHECK_MEM(buf, "\0\0\0\0", 4);
}

TEST("bad arguments of read and write have their errors")
{
	char c;
	int fd = file_with("f", "abc"), r = (int)MUST(open("f", O_RDONLY)), w = (int)MUST(open("f", O_WRONLY)), d = (int)MUST(open(".", O_RDONLY));
	CHECK_ERRNO(read(-1, &c, 1), EBADF);
	CHECK_ERRNO(read(999, &c, 1), EBADF);
	CHECK_ERRNO(write(999, &c, 1), EBADF);
	CHECK_ERRNO(write(r, &c, 1), EBADF);
	CHECK_ERRNO(read(w, &c, 1), EBADF);
	CHECK_ERRNO(read(d, &c, 1), EISDIR);
	CHECK_ERRNO(write(d, &c, 1), EBADF);
	CHECK_ERRNO(read(fd, BAD, 1), EFAULT);
	CHECK_ERRNO(write(fd, BAD, 1), EFAULT);
	CHECK_ERRNO(pread(fd, &c, 1, -1), EINVAL);
	CHECK_ERRNO(pwrite(fd, &c, 1, -1), EINVAL);
	CHECK_EQ(read(fd, &c, 0), 0);
	CHECK_EQ(write(fd, NULL, 0), 0);
	CHECK_ERRNO(read(r, (void *)0xffff800000000000, 1), EFAULT);
	CHECK_ERRNO(syscall(SYS_read, fd, &c, -1L), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

TEST("a read into memory that ends takes what fits, then is EFAULT")
{
	char *fence = fence_after(1), data[64];
	int fd = file_with("f", "0123456789012345678901234567890123456789");
	memset(data, 'd', sizeof(data));
	CHECK_ERRNO(read(fd, fence, 10), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	ssize_t n = read(fd, fence - 10, 20);
	CHECK(n == 10 || (n == -1 && errno == EFAULT));
	memcpy(fence - 8, "ABCDEFGH", 8);
	lseek(fd, 0, SEEK_SET);
	n = write(fd, fence - 8, 16);
	CHECK(n == 8 || (n == -1 && errno == EFAULT));
}

TEST("the offset is shared by dup and fork and not by a second open")
{
	int fd = file_with("f", "abcdef"), copy = dup(fd), other = open("f", O_RDONLY);
	char c = 0;
	MUST(read(fd, &c, 1));
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 1);
	CHECK_EQ(lseek(other, 0, SEEK_CUR), 0);
	CHECK_EQ(IN_CHILD({ char b; read(fd, &b, 1); _exit(b); }), 'b');
	CHECK_EQ(read(copy, &c, 1), 1);
	CHECK_EQ(c, 'c');
}

TEST("lseek refuses bad origins and negative results")
{
	int fd = file_with("f", "abc");
	CHECK_ERRNO(lseek(fd, -1, SEEK_SET), EINVAL);
	CHECK_ERRNO(lseek(fd, -4, SEEK_END), EINVAL);
	CHECK_ERRNO(lseek(fd, 0, 99), EINVAL);
	CHECK_ERRNO(lseek(-1, 0, SEEK_SET), EBADF);
	CHECK_ERRNO(lseek(fd, LONG_MAX, SEEK_END), EINVAL);
	CHECK_EQ(lseek(fd, 1000, SEEK_SET), 1000);
	CHECK_EQ(size_of(fd), 3);
}

TEST("SEEK_DATA and SEEK_HOLE find holes")
{
	int fd = (int)MUST(open("f", O_RDWR | O_CREAT, 0600));
	MUST(ftruncate(fd, 1 << 20));
	CHECK_ERRNO(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
	MUST(pwrite(fd, "x", 1, 512 << 10));
	CHECK_EQ(lseek(fd, 0, SEEK_DATA), 512 << 10);
	CHECK_EQ(lseek(fd, 512 << 10, SEEK_HOLE), (512 << 10) + 4096);
	CHECK_EQ(lseek(fd, 0, SEEK_HOLE), 0);
	CHECK_ERRNO(lseek(fd, 1 << 20, SEEK_HOLE), ENXIO);
	CHECK_ERRNO(lseek(fd, 2 << 20, SEEK_DATA), ENXIO);
	struct stat st;
	MUST(fstat(fd, &st));
	CHECK_EQ(st.st_blocks, 8);
}

TEST("O_APPEND writes at the end, whatever the offset is")
{
	int fd = file_with("f", "123"), a = (int)MUST(open("f", O_RDWR | O_APPEND));
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 0);
	CHECK_EQ(write(a, "45", 2), 2);
	CHECK_EQ(lseek(a, 0, SEEK_CUR), 5);
	MUST(pwrite(fd, "6", 1, 5));
	MUST(lseek(a, 0, SEEK_SET));
	CHECK_EQ(write(a, "7", 1), 1);
	CHECK_EQ(pwrite(a, "8", 1, 0), 1);
	CHECK_STR(slurp("f"), "12345678");
}

TEST("appending from several processes loses nothing")
{
	int fd = (int)MUST(open("f", O_WRONLY | O_CREAT | O_APPEND, 0600));
	pid_t kids[3];
	for (int k = 0; k < 3; k++)
		kids[k] = SPAWN({
			int mine = open("f", O_WRONLY | O_APPEND);
			for (int i = 0; i < 200; i++)
				if (write(i % 2 != 0 ? mine : fd, "0123456789", 10) != 10)
					_exit(1);
		});
	for (int k = 0; k < 3; k++)
		CHECK_EQ(reap(kids[k]), 0);
	CHECK_EQ(size_of(fd), 6000);
}

TEST("ftruncate shrinks, grows with zeros and refuses")
{
	char buf[8];
	int fd = file_with("f", "abcdefgh"), r = (int)MUST(open("f", O_RDONLY));
	CHECK_EQ(ftruncate(fd, 3), 0);
	CHECK_EQ(ftruncate(fd, 8), 0);
	CHECK_EQ(read(fd, buf, 8), 8);
	CHECK_MEM(buf, "abc\0\0\0\0\0", 8);
	CHECK_ERRNO(ftruncate(r, 1), EINVAL);
	CHECK_ERRNO(ftruncate(fd, -1), EINVAL);
	CHECK_ERRNO(truncate("f", -1), EINVAL);
	CHECK_ERRNO(truncate("none", 0), ENOENT);
	CHECK_ERRNO(truncate(".", 0), EISDIR);
	CHECK_EQ(truncate("f", 5), 0);
	CHECK_EQ(size_of(fd), 5);
	CHECK_ERRNO(ftruncate(-1, 0), EBADF);
	CHECK_ERRNO(truncate(BAD, 0), EFAULT);
	CHECK_ERRNO(truncate("", 0), ENOENT);
}

TEST("fallocate grows, keeps the size, punches holes")
{
	int fd = file_with("f", "abcdefgh");
	char buf[8];
	CHECK_EQ(fallocate(fd, 0, 0, 10000), 0);
	CHECK_EQ(size_of(fd), 10000);
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 10000, 50000), 0);
	CHECK_EQ(size_of(fd), 10000);
	CHECK_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 3), 0);
	CHECK_EQ(pread(fd, buf, 8, 0), 8);
	CHECK_MEM(buf, "ab\0\0\0fgh", 8);
	CHECK_ERRNO(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 1), EOPNOTSUPP);
	CHECK_ERRNO(fallocate(fd, 0, -1, 1), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, 0, 0), EINVAL);
	CHECK_ERRNO(fallocate(fd, 0, LONG_MAX, 2), EFBIG);
	int r = (int)MUST(open("f", O_RDONLY)), p[2];
	CHECK_ERRNO(fallocate(r, 0, 0, 1), EBADF);
	MUST(pipe(p));
	CHECK_ERRNO(fallocate(p[1], 0, 0, 1), ESPIPE);
}

TEST("vectors at a position, with flags")
{
	char a[4] = "", b[4] = "";
	int fd = file_with("f", "abcdefgh");
	struct iovec v[] = { { a, 3 }, { b, 3 } };
	CHECK_EQ(preadv(fd, v, 2, 1), 6);
	CHECK_STR(a, "bcd");
	CHECK_STR(b, "efg");
	CHECK_EQ(pwritev(fd, v, 2, 2), 6);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(preadv2(fd, v, 1, -1, 0), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
	CHECK_EQ(pwritev2(fd, v, 1, 0, RWF_APPEND), 3);
	CHECK_EQ(size_of(fd), 11);
	CHECK_ERRNO(preadv(fd, v, 2, -1), EINVAL);
	CHECK_ERRNO(preadv2(fd, v, 2, 0, 0x40000000), EOPNOTSUPP);
	CHECK_EQ(pwritev2(fd, v, 1, 0, RWF_DSYNC), 3);
	struct iovec far[] = { { a, LONG_MAX }, { b, LONG_MAX } };
	CHECK_ERRNO(readv(fd, far, 2), EFAULT);
}

TEST("a vector with a bad part gives what came before it")
{
	char a[4] = "";
	int fd = file_with("f", "abcdefgh");
	struct iovec v[] = { { a, 3 }, { BAD, 3 } };
	CHECK_EQ(readv(fd, v, 2), 3);
	CHECK_STR(a, "abc");
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 3);
	struct iovec w[] = { { BAD, 3 }, { a, 3 } };
	CHECK_ERRNO(readv(fd, w, 2), EFAULT);
}

TEST("the sync calls take files and refuse others")
{
	int fd = file_with("f", "x"), p[2];
	MUST(pipe(p));
	CHECK_EQ(fsync(fd), 0);
	CHECK_EQ(fdatasync(fd), 0);
	CHECK_EQ(syncfs(fd), 0);
	CHECK_ERRNO(syncfs(-1), EBADF);
	CHECK_ERRNO(fsync(-1), EBADF);
	CHECK_ERRNO(fdatasync(p[0]), EINVAL);
	CHECK_EQ(sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE), 0);
	CHECK_ERRNO(sync_file_range(fd, 0, 0, 64), EINVAL);
	CHECK_ERRNO(sync_file_range(fd, -1, 0, 0), EINVAL);
	CHECK_ERRNO(sync_file_range(p[0], 0, 0, 0), ESPIPE);
	sync();
	CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED), 0);
	CHECK_EQ(posix_fadvise(fd, 0, 0, 77), EINVAL);
	CHECK_EQ(posix_fadvise(p[0], 0, 0, POSIX_FADV_NORMAL), ESPIPE);
	CHECK_EQ(posix_fadvise(-1, 0, 0, 0), EBADF);
	CHECK_EQ(posix_fadvise(fd, 0, -1, 0), EINVAL);
	CHECK_ERRNO(readahead(-1, 0, 1), EBADF);
	CHECK_ERRNO(readahead(p[0], 0, 1), EINVAL);
	CHECK_EQ(readahead(fd, 0, 1), 0);
}

TEST("sendfile copies from a file to files, pipes and sockets")
{
	int in = file_with("in", "0123456789"), out = file_with("out", ""), p[2];
	off_t at = 2;
	CHECK_EQ(sendfile(out, in, &at, 3), 3);
	CHECK_EQ(at, 5);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(sendfile(out, in, NULL, 100), 10);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 10);
	CHECK_EQ(sendfile(out, in, NULL, 100), 0);
	CHECK_STR(slurp("out"), "2340123456789");
	MUST(pipe(p));
	char buf[16] = "";
	at = 0;
	CHECK_EQ(sendfile(p[1], in, &at, 4), 4);
	CHECK_EQ(read(p[0], buf, 16), 4);
	CHECK_STR(buf, "0123");
	CHECK_ERRNO(sendfile(out, p[0], NULL, 1), EINVAL);
	CHECK_ERRNO(sendfile(out, -1, NULL, 1), EBADF);
	CHECK_ERRNO(sendfile(-1, in, NULL, 1), EBADF);
	at = -1;
	CHECK_ERRNO(sendfile(out, in, &at, 1), EINVAL);
	CHECK_ERRNO(sendfile(out, in, BAD, 1), EFAULT);
	int append = (int)MUST(open("out", O_WRONLY | O_APPEND));
	at = 0;
	CHECK_ERRNO(sendfile(append, in, &at, 1), EINVAL);
	int pair[2];
	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	CHECK_EQ(sendfile(pair[0], in, &at, 6), 6);
	CHECK_EQ(read(pair[1], buf, 16), 6);
}

TEST("copy_file_range copies inside and between files")
{
	int in = file_with("in", "0123456789"), out = file_with("out", "");
	off_t from = 3, to = 1;
	CHECK_EQ(copy_file_range(in, &from, out, &to, 4, 0), 4);
	CHECK_EQ(from, 7);
	CHECK_EQ(to, 5);
	CHECK_EQ(copy_file_range(in, NULL, out, NULL, 1, 0), 1);
	CHECK_MEM(slurp("out"), "03456", 6);
	from = 10;
	CHECK_EQ(copy_file_range(in, &from, out, NULL, 5, 0), 0);
	from = 0;
	to = 2;
	CHECK_ERRNO(copy_file_range(in, &from, in, &to, 5, 0), EINVAL);
	CHECK_ERRNO(copy_file_range(in, &from, out, &to, 5, 1), EINVAL);
	int p[2], d = open(".", O_RDONLY);
	MUST(pipe(p));
	CHECK_ERRNO(copy_file_range(in, NULL, p[1], NULL, 5, 0), EINVAL);
	CHECK_ERRNO(copy_file_range(d, NULL, out, NULL, 5, 0), EISDIR);
	int r = open("out", O_RDONLY);
	CHECK_ERRNO(copy_file_range(in, NULL, r, NULL, 5, 0), EBADF);
	int a = open("out", O_WRONLY | O_APPEND);
	CHECK_ERRNO(copy_file_range(in, NULL, a, NULL, 5, 0), EBADF);
}

TEST("splice moves between a file and a pipe")
{
	int in = file_with("in", "abcdefghij"), out = file_with("out", ""), p[2], q[2];
	char buf[16] = "";
	MUST(pipe(p));
	MUST(pipe(q));
	loff_t at = 2;
	CHECK_EQ(splice(in, &at, p[1], NULL, 4, 0), 4);
	CHECK_EQ(at, 6);
	CHECK_EQ(splice(p[0], NULL, out, NULL, 100, 0), 4);
	CHECK_STR(slurp("out"), "cdef");
	CHECK_ERRNO(splice(in, NULL, out, NULL, 1, 0), EINVAL);
	CHECK_ERRNO(splice(p[0], &at, out, NULL, 1, 0), ESPIPE);
	CHECK_ERRNO(splice(p[0], NULL, out, NULL, 1, 64), EINVAL);
	CHECK_ERRNO(splice(p[0], NULL, out, NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERRNO(splice(p[1], NULL, out, NULL, 1, 0), EBADF);
	CHECK_ERRNO(splice(p[0], NULL, p[1], NULL, 1, 0), EINVAL);
	CHECK_EQ(splice(p[0], NULL, out, NULL, 0, 0), 0);
	MUST(write(p[1], "xyz", 3));
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 2, 0), 2);
	CHECK_EQ(read(q[0], buf, 16), 2);
	CHECK_STR(buf, "xy");
	int a = open("out", O_WRONLY | O_APPEND);
	CHECK_ERRNO(splice(p[0], NULL, a, NULL, 1, 0), EINVAL);
	close(p[1]);
	CHECK_EQ(splice(p[0], NULL, out, NULL, 9, 0), 1);
	CHECK_EQ(splice(p[0], NULL, out, NULL, 9, 0), 0);
}

TEST("tee copies without taking, vmsplice puts memory into a pipe")
{
	int p[2], q[2];
	char buf[16] = "";
	MUST(pipe(p));
	MUST(pipe(q));
	MUST(write(p[1], "hello", 5));
	CHECK_EQ(tee(p[0], q[1], 3, 0), 3);
	CHECK_EQ(read(q[0], buf, 16), 3);
	CHECK_STR(buf, "hel");
	CHECK_EQ(read(p[0], buf, 16), 5);
	CHECK_ERRNO(tee(p[0], q[1], 3, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_ERRNO(tee(p[0], p[1], 3, 0), EINVAL);
	int fd = file_with("f", "x");
	CHECK_ERRNO(tee(fd, q[1], 3, 0), EINVAL);
	struct iovec v[] = { { "mem", 3 }, { "ory", 3 } };
	CHECK_EQ(vmsplice(p[1], v, 2, 0), 6);
	CHECK_EQ(read(p[0], buf, 16), 6);
	CHECK_MEM(buf, "memory", 6);
	CHECK_ERRNO(vmsplice(fd, v, 2, 0), EBADF);
	CHECK_ERRNO(vmsplice(p[1], v, 2, 64), EINVAL);
	struct iovec in[] = { { buf, 4 } };
	MUST(write(p[1], "back", 4));
	CHECK_EQ(vmsplice(p[0], in, 1, 0), 4);
	CHECK_MEM(buf, "back", 4);
}

TEST("a file beyond RLIMIT_FSIZE is EFBIG and SIGXFSZ")
{
	struct rlimit limit = { 1000, 1000 };
	int fd = file_with("f", "");
	MUST(setrlimit(RLIMIT_FSIZE, &limit));
	static char big[2000];
	CHECK_EQ(write(fd, big, 2000), 1000);
	CHECK_EQ(IN_CHILD(write(fd, big, 1)), 128 + SIGXFSZ);
	signal(SIGXFSZ, SIG_IGN);
	CHECK_ERRNO(write(fd, big, 1), EFBIG);
	CHECK_ERRNO(ftruncate(fd, 1001), EFBIG);
	CHECK_EQ(ftruncate(fd, 500), 0);
}
