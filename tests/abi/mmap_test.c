// SPDX-License-Identifier: MPL-2.0
// Address spaces: mappings, protection, copies on write, faults and what their signals say.
// syscalls: mmap munmap mprotect mremap msync madvise brk mincore mlock mlock2 munlock mlockall munlockall membarrier
// syscalls: process_vm_readv process_vm_writev remap_file_pages pkey_alloc pkey_free pkey_mprotect
#include "abi.h"
#include <linux/membarrier.h>
#include <setjmp.h>

static sigjmp_buf back;
static siginfo_t fault;

static void
on_fault(int sig, siginfo_t *info, void *context)
{
	(void)context;
	fault = *info;
	siglongjmp(back, sig);
}

static void
catch_faults(void)
{
	struct sigaction act = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	sigaction(SIGSEGV, &act, NULL);
	sigaction(SIGBUS, &act, NULL);
}

/* The signal that an access raises, or 0. */
static int
touch_read(volatile char *at)
{
	int sig = sigsetjmp(back, 1);
	if (sig == 0)
		(void)*at;
	return sig;
}

static int
touch_write(volatile char *at)
{
	int sig = sigsetjmp(back, 1);
	if (sig == 0)
		*at = 1;
	return sig;
}

static char *
anonymous(size_t pages, int prot)
{
	char *at = mmap(NULL, pages * PAGE, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		abi_must(-1, "memory");
	return at;
}

#define RW (PROT_READ | PROT_WRITE)
#define MMAP_ERRNO(expression, number) CHECK_ERRNO((long)(expression), number)

TEST("mmap refuses bad arguments")
{
	int fd = file_with("f", "abc"), r = open("f", O_RDONLY), w = open("f", O_WRONLY), p[2];
	MUST(pipe(p));
	MMAP_ERRNO(mmap(NULL, 0, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), EINVAL);
	MMAP_ERRNO(mmap(NULL, PAGE, RW, MAP_ANONYMOUS, -1, 0), EINVAL);
	MMAP_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, -1, 0), EBADF);
	MMAP_ERRNO(mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 1), EINVAL);
	MMAP_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, w, 0), EACCES);
	MMAP_ERRNO(mmap(NULL, PAGE, RW, MAP_SHARED, r, 0), EACCES);
	MMAP_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, p[0], 0), ENODEV);
	MMAP_ERRNO(mmap((void *)1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), EINVAL);
	MMAP_ERRNO(mmap(NULL, 1ul << 62, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	MMAP_ERRNO(mmap(NULL, (size_t)-1, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	MMAP_ERRNO(mmap((void *)0x100000000000000, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
	MMAP_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_SHARED_VALIDATE | MAP_SYNC, fd, 0), EOPNOTSUPP);
	CHECK(mmap(NULL, PAGE, RW, MAP_PRIVATE, r, 0) != MAP_FAILED);
	CHECK(mmap((void *)1, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK(mmap(NULL, 1, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	MMAP_ERRNO(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0), ENODEV);
}

TEST("new memory is zero and a mapping ends where it was asked to")
{
	char *m = anonymous(2, RW);
	int sum = 0;
	for (int i = 0; i < 2 * PAGE; i++)
		sum |= m[i];
	CHECK_EQ(sum, 0);
	catch_faults();
	CHECK_EQ(munmap(m + PAGE, 1), 0);
	CHECK_EQ(touch_read(m), 0);
	CHECK_EQ(touch_read(m + PAGE), SIGSEGV);
	CHECK_EQ(fault.si_code, SEGV_MAPERR);
	CHECK(fault.si_addr == m + PAGE);
	CHECK_EQ(munmap(m, 2 * PAGE), 0);
	CHECK_ERRNO(munmap(m + 1, PAGE), EINVAL);
	CHECK_ERRNO(munmap(m, 0), EINVAL);
	CHECK_ERRNO(munmap((void *)-PAGE, PAGE), EINVAL);
}

TEST("protection is enforced and the signal says so")
{
	char *m = anonymous(3, RW);
	catch_faults();
	m[PAGE] = 5;
	CHECK_EQ(mprotect(m + PAGE, PAGE, PROT_READ), 0);
	CHECK_EQ(touch_read(m + PAGE), 0);
	CHECK_EQ(m[PAGE], 5);
	CHECK_EQ(touch_write(m + PAGE), SIGSEGV);
	CHECK_EQ(fault.si_code, SEGV_ACCERR);
	CHECK(fault.si_addr == m + PAGE);
	CHECK_EQ(mprotect(m + PAGE, PAGE, PROT_NONE), 0);
	CHECK_EQ(touch_read(m + PAGE + 7), SIGSEGV);
	CHECK(fault.si_addr == m + PAGE + 7);
	CHECK_EQ(mprotect(m, 3 * PAGE, RW), 0);
	CHECK_EQ(touch_write(m + PAGE), 0);
	CHECK_ERRNO(mprotect(m + 1, PAGE, RW), EINVAL);
	CHECK_EQ(mprotect(m, 0, RW), 0);
	CHECK_ERRNO(mprotect(m, PAGE, 0x100), EINVAL);
	munmap(m + PAGE, PAGE);
	CHECK_ERRNO(mprotect(m, 3 * PAGE, PROT_READ), ENOMEM);
	CHECK_EQ(touch_write(m), SIGSEGV);
	CHECK_EQ(touch_write(m + 2 * PAGE), 0);
	int fd = file_with("f", "abc");
	close(fd);
	fd = open("f", O_RDONLY);
	char *shared = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	CHECK_ERRNO(mprotect(shared, PAGE, RW), EACCES);
}

TEST("memory that is not executable cannot be executed")
{
	char *m = anonymous(1, RW);
	catch_faults();
	memcpy(m, "\xc3", 1);
	int sig = sigsetjmp(back, 1);
	if (sig == 0)
		((void (*)(void))m)();
	CHECK_EQ(sig, SIGSEGV);
	CHECK_EQ(fault.si_code, SEGV_ACCERR);
	CHECK(fault.si_addr == m);
	CHECK_EQ(mprotect(m, PAGE, PROT_READ | PROT_EXEC), 0);
	sig = sigsetjmp(back, 1);
	if (sig == 0)
		((void (*)(void))m)();
	CHECK_EQ(sig, 0);
}

TEST("an access beyond a file's last page is SIGBUS")
{
	int fd = file_with("f", "abc");
	catch_faults();
	char *m = mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK_EQ(m[0], 'a');
	CHECK_EQ(m[PAGE - 1], 0);
	CHECK_EQ(touch_read(m + PAGE), SIGBUS);
	CHECK_EQ(fault.si_code, BUS_ADRERR);
	CHECK(fault.si_addr == m + PAGE);
	MUST(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(touch_write(m + PAGE), 0);
	MUST(ftruncate(fd, 10));
	CHECK_EQ(touch_read(m + PAGE), SIGBUS);
	CHECK_EQ(touch_read(m), 0);
	int p[2];
	MUST(pipe(p));
	CHECK_ERRNO(write(p[1], m + PAGE, 1), EFAULT);
}

TEST("shared mappings and files show each other's bytes at once, private ones do not write back")
{
	int fd = file_with("f", "abcdef");
	char *shared = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), *private = mmap(NULL, PAGE, RW, MAP_PRIVATE, fd, 0), c = 0;
	MUST(pwrite(fd, "X", 1, 0));
	CHECK_EQ(shared[0], 'X');
	CHECK_EQ(private[0], 'X');
	shared[1] = 'Y';
	MUST(pread(fd, &c, 1, 1));
	CHECK_EQ(c, 'Y');
	private[2] = 'Z';
	MUST(pread(fd, &c, 1, 2));
	CHECK_EQ(c, 'c');
	CHECK_EQ(shared[2], 'c');
	MUST(pwrite(fd, "W", 1, 2));
	CHECK_EQ(private[2], 'Z');
	CHECK_EQ(IN_CHILD({ shared[3] = 'k'; private[3] = 'p'; }), 0);
	CHECK_EQ(shared[3], 'k');
	CHECK(private[3] == 'k' || private[3] == 'd');
	CHECK_EQ(msync(shared, PAGE, MS_SYNC), 0);
	CHECK_EQ(msync(shared, PAGE, MS_ASYNC), 0);
	CHECK_ERRNO(msync(shared, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	CHECK_ERRNO(msync(shared + 1, PAGE, MS_SYNC), EINVAL);
	CHECK_ERRNO(msync(shared, PAGE, 64), EINVAL);
	munmap(shared, PAGE);
	CHECK_ERRNO(msync(shared, PAGE, MS_SYNC), ENOMEM);
}

TEST("after fork, memory is copied when either side writes")
{
	char *m = anonymous(4, RW), *s = mmap(NULL, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	m[0] = 1;
	s[0] = 1;
	CHECK_EQ(IN_CHILD({
		m[0] = 2;
		s[0] = 2;
		if (m[0] == 2 && m[PAGE] == 0)
			_exit(3);
	}), 3);
	CHECK_EQ(m[0], 1);
	CHECK_EQ(s[0], 2);
	pid_t child = SPAWN({ sleep_ms(50); _exit(m[0]); });
	m[0] = 7;
	CHECK_EQ(reap(child), 1);
}

TEST("MAP_FIXED replaces, MAP_FIXED_NOREPLACE does not, a hint is taken when it is free")
{
	char *m = anonymous(4, RW);
	m[0] = 'a';
	m[PAGE] = 'b';
	CHECK(mmap(m, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m);
	CHECK_EQ(m[0], 0);
	CHECK_EQ(m[PAGE], 'b');
	MMAP_ERRNO(mmap(m, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), EEXIST);
	munmap(m, 2 * PAGE);
	CHECK(mmap(m, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == m);
	CHECK(mmap(m + PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == m + PAGE);
	CHECK(mmap(m, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != m);
	char *low = mmap(NULL, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	CHECK((uintptr_t)low < 1ul << 31);
}

TEST("mremap grows, shrinks and moves with the contents")
{
	char *m = anonymous(4, RW);
	m[0] = 'a';
	m[PAGE] = 'b';
	catch_faults();
	CHECK(mremap(m, 4 * PAGE, 2 * PAGE, 0) == m);
	CHECK_EQ(touch_read(m + 2 * PAGE), SIGSEGV);
	CHECK(mremap(m, 2 * PAGE, 4 * PAGE, 0) == m);
	CHECK_EQ(m[PAGE], 'b');
	CHECK(mmap(m + 2 * PAGE, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == m + 2 * PAGE);
	mprotect(m + 2 * PAGE, PAGE, PROT_READ);
	CHECK(mremap(m, 2 * PAGE, 8 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
	char *moved = mremap(m, 2 * PAGE, 8 * PAGE, MREMAP_MAYMOVE);
	CHECK(moved != MAP_FAILED && moved != m);
	CHECK_EQ(moved[PAGE], 'b');
	CHECK_EQ(moved[7 * PAGE], 0);
	CHECK_EQ(touch_read(m), SIGSEGV);
	char *target = anonymous(8, PROT_NONE);
	CHECK(mremap(moved, 8 * PAGE, 3 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
	CHECK_EQ(target[0], 'a');
	CHECK_EQ(touch_read(moved), SIGSEGV);
	CHECK(mremap(target, PAGE, PAGE, MREMAP_FIXED, m) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(target + 1, PAGE, PAGE, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(target, PAGE, 0, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(target, PAGE, PAGE, 64) == MAP_FAILED && errno == EINVAL);
	CHECK(mremap(moved, PAGE, 2 * PAGE, MREMAP_MAYMOVE) == MAP_FAILED && errno == EFAULT);
	CHECK(mremap(target, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, target + PAGE) == MAP_FAILED && errno == EINVAL);
	char *keep = mremap(target, 2 * PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
	CHECK(keep != MAP_FAILED && keep[0] == 'a');
	CHECK_EQ(target[0], 0);
}

TEST("madvise drops memory, checks ranges, and knows its advice")
{
	char *m = anonymous(4, RW);
	memset(m, 'x', 4 * PAGE);
	CHECK_EQ(madvise(m + PAGE, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(m[0], 'x');
	CHECK_EQ(m[PAGE], 0);
	CHECK_EQ(madvise(m, 4 * PAGE, MADV_NORMAL), 0);
	CHECK_EQ(madvise(m, 4 * PAGE, MADV_WILLNEED), 0);
	CHECK_EQ(madvise(m, 4 * PAGE, MADV_SEQUENTIAL), 0);
	CHECK_EQ(madvise(m, 4 * PAGE, MADV_FREE), 0);
	CHECK_ERRNO(madvise(m + 1, PAGE, MADV_DONTNEED), EINVAL);
	CHECK_ERRNO(madvise(m, PAGE, 9999), EINVAL);
	CHECK_EQ(madvise(m, 0, MADV_DONTNEED), 0);
	munmap(m + PAGE, PAGE);
	m[2 * PAGE] = 'y';
	CHECK_ERRNO(madvise(m, 3 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK_EQ(m[2 * PAGE], 0);
	char *fork_away = anonymous(2, RW);
	fork_away[0] = 1;
	fork_away[PAGE] = 1;
	CHECK_EQ(madvise(fork_away, PAGE, MADV_DONTFORK), 0);
	CHECK_EQ(madvise(fork_away + PAGE, PAGE, MADV_WIPEONFORK), 0);
	CHECK_EQ(IN_CHILD(_exit(fork_away[PAGE])), 0);
	CHECK_EQ(IN_CHILD(_exit(fork_away[0])), 128 + SIGSEGV);
	CHECK_EQ(madvise(m, PAGE, MADV_POPULATE_WRITE), 0);
	CHECK_EQ(madvise(m, PAGE, MADV_POPULATE_READ), 0);
	int fd = file_with("f", "abc");
	char *file = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	CHECK_EQ(madvise(file, PAGE, MADV_DONTNEED), 0);
	CHECK_EQ(file[0], 'a');
	CHECK_ERRNO(madvise(file, PAGE, MADV_FREE), EINVAL);
	CHECK_EQ(madvise(file, PAGE, MADV_REMOVE), 0);
	CHECK_EQ(file[0], 0);
}

TEST("brk moves the end of the data segment")
{
	char *start = (char *)syscall(SYS_brk, 0);
	CHECK(start != NULL);
	CHECK((char *)syscall(SYS_brk, start + 100000) == start + 100000);
	start[99999] = 'b';
	CHECK_EQ(start[0], 0);
	CHECK((char *)syscall(SYS_brk, start + 10) == start + 10);
	CHECK((char *)syscall(SYS_brk, 1) == start + 10);
	CHECK((char *)syscall(SYS_brk, start + (1ul << 46)) == start + 10);
	CHECK((char *)syscall(SYS_brk, start + 100000) == start + 100000);
	CHECK_EQ(start[99999], 0);
	struct rlimit limit = { 1 << 20, 1 << 20 };
	MUST(setrlimit(RLIMIT_DATA, &limit));
	CHECK((char *)syscall(SYS_brk, start + (4 << 20)) == start + 100000);
}

TEST("mincore tells what is in memory")
{
	unsigned char v[4] = { 9, 9, 9, 9 };
	char *m = anonymous(4, RW);
	m[PAGE] = 1;
	CHECK_EQ(mincore(m, 4 * PAGE, v), 0);
	CHECK_EQ(v[0] & 1, 0);
	CHECK_EQ(v[1] & 1, 1);
	CHECK_ERRNO(mincore(m + 1, PAGE, v), EINVAL);
	CHECK_ERRNO(mincore(m, PAGE, BAD), EFAULT);
	munmap(m + 2 * PAGE, PAGE);
	CHECK_ERRNO(mincore(m, 4 * PAGE, v), ENOMEM);
}

TEST("mlock brings memory in and counts against its limit")
{
	char *m = anonymous(8, RW);
	unsigned char v[8];
	CHECK_EQ(mlock(m, 2 * PAGE), 0);
	mincore(m, 8 * PAGE, v);
	CHECK_EQ(v[0] & v[1] & 1, 1);
	CHECK_EQ(v[2] & 1, 0);
	CHECK_EQ(field_of(slurp("/proc/self/status"), "VmLck:"), 8);
	CHECK_EQ(munlock(m, 2 * PAGE), 0);
	CHECK_EQ(mlock2(m, PAGE, MLOCK_ONFAULT), 0);
	CHECK_ERRNO(mlock2(m, PAGE, 2), EINVAL);
	CHECK_EQ(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
	CHECK_ERRNO(mlockall(0), EINVAL);
	CHECK_ERRNO(mlockall(64), EINVAL);
	char *locked = anonymous(1, RW);
	mincore(locked, PAGE, v);
	CHECK_EQ(v[0] & 1, 1);
	CHECK_EQ(munlockall(), 0);
	CHECK_EQ(field_of(slurp("/proc/self/status"), "VmLck:"), 0);
	munmap(m + 4 * PAGE, PAGE);
	CHECK_ERRNO(mlock(m, 6 * PAGE), ENOMEM);
	munlockall();
	CHECK_ERRNO(madvise(m, PAGE, MADV_DONTNEED) == 0 && mlock(m, PAGE) == 0 ? madvise(m, PAGE, MADV_DONTNEED) : 0, EINVAL);
	munlockall();
	struct rlimit limit = { 2 * PAGE, 2 * PAGE };
	MUST(setrlimit(RLIMIT_MEMLOCK, &limit));
	become_nobody();
	CHECK_EQ(mlock(m, 2 * PAGE), 0);
	CHECK_ERRNO(mlock(m + 2 * PAGE, PAGE), ENOMEM);
	CHECK_EQ(munlock(m, PAGE), 0);
	CHECK_EQ(mlock(m + 2 * PAGE, PAGE), 0);
}

TEST("RLIMIT_AS bounds the address space")
{
	struct rlimit limit = { 64 << 20, 64 << 20 };
	MUST(setrlimit(RLIMIT_AS, &limit));
	MMAP_ERRNO(mmap(NULL, 100 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	CHECK(mmap(NULL, 1 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
}

TEST("the stack grows down to its limit, then is SIGSEGV")
{
	CHECK_EQ(IN_CHILD({
		struct rlimit limit = { 1 << 20, 1 << 20 };
		setrlimit(RLIMIT_STACK, &limit);
		volatile char *deep = alloca(600 << 10);
		for (int i = (600 << 10) - 1; i >= 0; i -= 1024)
			deep[i] = 1;
		_exit(11);
	}), 11);
	CHECK_EQ(IN_CHILD({
		struct rlimit limit = { 1 << 20, 1 << 20 };
		setrlimit(RLIMIT_STACK, &limit);
		volatile char *deep = alloca(4 << 20);
		for (int i = (4 << 20) - 1; i >= 0; i -= 1024)
			deep[i] = 1;
	}), 128 + SIGSEGV);
}

TEST("membarrier tells its commands and wants registration")
{
	long all = CHECK_OK(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0));
	CHECK((all & MEMBARRIER_CMD_GLOBAL) != 0 && (all & MEMBARRIER_CMD_PRIVATE_EXPEDITED) != 0);
	CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0), 0);
	CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), EPERM);
	CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0), 0);
	CHECK_EQ(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0), 0);
	CHECK_ERRNO(syscall(SYS_membarrier, 1 << 30, 0, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 64, 0), EINVAL);
}

TEST("process_vm_readv and writev copy between processes")
{
	char *shared = anonymous(1, RW), mine[32] = "";
	strcpy(shared, "child's own text");
	int p[2];
	MUST(pipe(p));
	pid_t child = SPAWN({ strcpy(shared, "of the child"); write(p[1], "x", 1); for (;;) pause(); });
	MUST(read(p[0], mine, 1));
	struct iovec local[] = { { mine, 3 }, { mine + 3, 9 } }, remote[] = { { shared, 12 } };
	CHECK_EQ(process_vm_readv(child, local, 2, remote, 1, 0), 12);
	CHECK_STR(mine, "of the child");
	strcpy(mine, "ab");
	CHECK_EQ(process_vm_writev(child, local, 1, remote, 1, 0), 3);
	struct iovec bad[] = { { BAD, 4 } };
	CHECK_ERRNO(process_vm_readv(child, local, 1, bad, 1, 0), EFAULT);
	CHECK_ERRNO(process_vm_readv(child, local, 1, remote, 1, 1), EINVAL);
	CHECK_ERRNO(process_vm_readv(0x3fffff, local, 1, remote, 1, 0), ESRCH);
	CHECK_EQ(process_vm_readv(child, local, 0, remote, 1, 0), 0);
	pid_t stranger = SPAWN({ become_nobody(); _exit(process_vm_readv(child, local, 1, remote, 1, 0) == -1 ? errno : 0); });
	CHECK_EQ(reap(stranger), EPERM);
	kill(child, SIGKILL);
}

TEST("MAP_SHARED memory of /dev/zero and memory of /dev/shm files")
{
	int zero = open("/dev/zero", O_RDWR), fd = shm_open("/abi.mmap", O_RDWR | O_CREAT, 0600);
	char *z = mmap(NULL, PAGE, RW, MAP_SHARED, zero, 0), *p = mmap(NULL, PAGE, RW, MAP_PRIVATE, zero, 0);
	CHECK(z != MAP_FAILED && z[0] == 0 && p != MAP_FAILED && p[0] == 0);
	CHECK_EQ(IN_CHILD(z[0] = 'c'), 0);
	CHECK_EQ(z[0], 'c');
	MUST(ftruncate(fd, PAGE));
	char *a = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0), *b = mmap(NULL, PAGE, RW, MAP_SHARED, fd, 0);
	a[5] = 'v';
	CHECK_EQ(b[5], 'v');
	MUST(shm_unlink("/abi.mmap"));
	CHECK_EQ(b[5], 'v');
}

TEST("/proc/self/maps shows mappings with their protection")
{
	char *m = anonymous(2, PROT_READ), want[64];
	mprotect(m + PAGE, PAGE, PROT_READ | PROT_EXEC);
	sprintf(want, "%lx r-xp 00000000 00:00 0", (unsigned long)m + 2 * PAGE);
	CHECK(strstr(slurp("/proc/self/maps"), want) != NULL);
	CHECK(strstr(slurp("/proc/self/maps"), "[stack]") != NULL);
	CHECK(strstr(slurp("/proc/self/maps"), "[heap]") != NULL);
	CHECK(strstr(slurp("/proc/self/maps"), abi_self) != NULL);
}

TEST("remap_file_pages turns the pages of a shared mapping round")
{
	int fd = file_with("f", "");
	MUST(ftruncate(fd, 4 * PAGE));
	char *m = mmap(NULL, 4 * PAGE, RW, MAP_SHARED, fd, 0);
	for (int i = 0; i < 4; i++)
		m[i * PAGE] = (char)('a' + i);
	CHECK_EQ(syscall(SYS_remap_file_pages, m, PAGE, 0, 3, 0), 0);
	CHECK_EQ(m[0], 'd');
	CHECK_EQ(m[PAGE], 'b');
	m[0] = 'x';
	CHECK_EQ(m[3 * PAGE], 'x');
	CHECK_ERRNO(syscall(SYS_remap_file_pages, m, PAGE, PROT_READ, 1, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_remap_file_pages, m, 0, 0, 1, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_remap_file_pages, anonymous(1, RW), PAGE, 0, 1, 0), EINVAL);
}

TEST("protection keys: what is refused, and none at all")
{
	char *m = anonymous(1, RW);
	CHECK_ERRNO(syscall(SYS_pkey_alloc, 1, 0), EINVAL);
	CHECK_ERRNO(syscall(SYS_pkey_alloc, 0, 8), EINVAL);
	CHECK_ERRNO(syscall(SYS_pkey_free, 77), EINVAL);
	CHECK_ERRNO(syscall(SYS_pkey_free, -1), EINVAL);
	CHECK_EQ(syscall(SYS_pkey_mprotect, m, PAGE, PROT_READ, -1), 0);
	CHECK_ERRNO(syscall(SYS_pkey_mprotect, m, PAGE, PROT_READ, 15), EINVAL);
	CHECK_ERRNO(syscall(SYS_pkey_mprotect, m, PAGE, PROT_READ, 99), EINVAL);
	CHECK_ERRNO(read(file_with("f", "x"), m, 1), EFAULT);
}
