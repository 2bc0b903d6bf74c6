// SPDX-License-Identifier: MPL-2.0
// What the C library builds from several calls: spawning, pipes to shells, temporary files, walks, named semaphores, timers in threads.
// syscalls: vfork clone3 execve getdents64 lseek ioctl getcwd statx futex timer_create
#include "abi.h"
#include <aio.h>
#include <ftw.h>
#include <glob.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <semaphore.h>
#include <spawn.h>

TEST("posix_spawn runs a program with actions and attributes, and reports that it cannot")
{
	pid_t pid;
	char *argv[] = { "x", "--role", "spawned", NULL }, *none[] = { "x", NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 7, "out", O_RDWR | O_CREAT, 0600);
	posix_spawn_file_actions_adddup2(&actions, 7, 8);
	posix_spawn_file_actions_addclose(&actions, 7);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
	CHECK_EQ(posix_spawn(&pid, abi_self, &actions, &attr, argv, environ), 0);
	CHECK_EQ(reap(pid), 5);
	CHECK_STR(slurp("out"), "spawned");
	CHECK_EQ(posix_spawn(&pid, "/none/such", NULL, NULL, none, environ), ENOENT);
	CHECK_ERRNO(waitpid(-1, NULL, 0), ECHILD);
}

TEST("system and popen run a shell")
{
	char line[64] = "";
	CHECK_EQ(system("exit 3"), 3 << 8);
	FILE *p = popen("echo one; echo two", "r");
	CHECK(p != NULL);
	CHECK(fgets(line, sizeof(line), p) != NULL);
	CHECK_STR(line, "one\n");
	CHECK(fgets(line, sizeof(line), p) != NULL);
	CHECK_EQ(pclose(p), 0);
	p = popen("cat > written", "w");
	CHECK(fputs("text", p) >= 0);
	CHECK_EQ(pclose(p), 0);
	CHECK_STR(slurp("written"), "text");
	CHECK_EQ(system("kill -TERM $$"), SIGTERM);
	CHECK_EQ(system("sleep 0; (exit 4); exit $(( $? + 1 ))"), 5 << 8);
	CHECK_EQ(system("seq 1 5000 | tail -n 1 | grep -q 5000"), 0);
	CHECK_EQ(system("set -e; mkdir x; cd x; for i in 1 2 3; do echo $i > f$i; done; test \"$(cat f*)\" = \"1\n2\n3\""), 0);
}

TEST("temporary files and names are new")
{
	char a[] = "tmpXXXXXX", b[] = "dirXXXXXX";
	int fd = (int)CHECK_OK(mkstemp(a));
	struct stat st;
	MUST(fstat(fd, &st));
	CHECK_EQ(st.st_mode & 0777, 0600);
	CHECK(mkdtemp(b) != NULL);
	MUST(stat(b, &st));
	CHECK_EQ(st.st_mode & 0777, 0700);
	FILE *f = tmpfile();
	CHECK(f != NULL);
	CHECK_EQ(fprintf(f, "%d", 12345), 5);
	rewind(f);
	int value = 0;
	CHECK_EQ(fscanf(f, "%d", &value), 1);
	CHECK_EQ(value, 12345);
}

TEST("a directory is read again from a remembered place")
{
	char name[16];
	MUST(mkdir("d", 0755));
	for (int i = 0; i < 60; i++) {
		sprintf(name, "d/f%02d", i);
		close(file_with(name, ""));
	}
	DIR *dir = opendir("d");
	char third[256] = "", again[256] = "";
	for (int i = 0; i < 20; i++)
		readdir(dir);
	long place = telldir(dir);
	strcpy(third, readdir(dir)->d_name);
	while (readdir(dir) != NULL)
		;
	seekdir(dir, place);
	strcpy(again, readdir(dir)->d_name);
	CHECK(strcmp(third, again) == 0);
	rewinddir(dir);
	int n = 0;
	while (readdir(dir) != NULL)
		n++;
	CHECK_EQ(n, 62);
	glob_t g;
	CHECK_EQ(glob("d/f1*", 0, NULL, &g), 0);
	CHECK_EQ(g.gl_pathc, 10);
	struct dirent **list;
	CHECK_EQ(scandir("d", &list, NULL, alphasort), 62);
	CHECK_STR(list[61]->d_name, "f59");
}

static int walked;

static int
visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path, (void)st, (void)ftw;
	walked += type == FTW_F || type == FTW_D;
	return 0;
}

TEST("deep directories: walking, the working directory, real paths")
{
	char here[PATH_MAX], deep[PATH_MAX], *at = deep;
	getcwd(here, sizeof(here));
	for (int i = 0; i < 40; i++) {
		MUST(mkdir("level", 0755));
		MUST(chdir("level"));
		at += sprintf(at, "/level");
	}
	char now[PATH_MAX];
	CHECK(getcwd(now, sizeof(now)) != NULL);
	CHECK_STR(now + strlen(here), deep);
	CHECK(realpath("../../level", now) != NULL);
	CHECK_EQ(strlen(now) - strlen(here), 39 * 6);
	MUST(chdir(here));
	CHECK_EQ(nftw("level", visit, 10, FTW_PHYS), 0);
	CHECK_EQ(walked, 40);
	MUST(symlink("level/./level/..", "l"));
	CHECK(realpath("l/level", now) != NULL);
	CHECK_STR(now + strlen(here), "/level/level");
}

TEST("named semaphores are shared by processes and time out")
{
	sem_unlink("/abi.sem");
	sem_t *s = sem_open("/abi.sem", O_CREAT | O_EXCL, 0600, 1);
	CHECK(s != SEM_FAILED);
	CHECK_EQ(sem_wait(s), 0);
	CHECK_ERRNO(sem_trywait(s), EAGAIN);
	pid_t child = SPAWN({ sem_t *mine = sem_open("/abi.sem", 0); sleep_ms(40); _exit(sem_post(mine)); });
	CHECK_EQ(sem_wait(s), 0);
	CHECK_EQ(reap(child), 0);
	struct timespec past = { 1, 0 };
	CHECK_ERRNO(sem_timedwait(s, &past), ETIMEDOUT);
	CHECK_EQ(sem_unlink("/abi.sem"), 0);
	CHECK(sem_open("/abi.sem", 0) == SEM_FAILED && errno == ENOENT);
}

static sem_t expired;

static void
tell(union sigval value)
{
	for (int i = 0; i < value.sival_int; i++)
		sem_post(&expired);
}

TEST("timers that start threads, and asynchronous reads by threads")
{
	timer_t t;
	struct sigevent e = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = tell, .sigev_value.sival_int = 2 };
	sem_init(&expired, 0, 0);
	CHECK_EQ(timer_create(CLOCK_MONOTONIC, &e, &t), 0);
	CHECK_EQ(timer_settime(t, 0, &(struct itimerspec){ { 0, 0 }, { 0, 20000000 } }, NULL), 0);
	CHECK_EQ(sem_wait(&expired), 0);
	CHECK_EQ(sem_wait(&expired), 0);
	char buf[8] = "";
	struct aiocb cb = { .aio_fildes = file_with("f", "async"), .aio_buf = buf, .aio_nbytes = 5 };
	CHECK_EQ(aio_read(&cb), 0);
	const struct aiocb *wait[] = { &cb };
	CHECK_EQ(aio_suspend(wait, 1, NULL), 0);
	CHECK_EQ(aio_return(&cb), 5);
	CHECK_STR(buf, "async");
}

TEST("barriers, reader locks, once, thread-local memory, many threads in turns")
{
	pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
	CHECK_EQ(pthread_rwlock_rdlock(&lock), 0);
	CHECK_EQ(pthread_rwlock_tryrdlock(&lock), 0);
	CHECK_EQ(pthread_rwlock_trywrlock(&lock), EBUSY);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	CHECK_EQ(pthread_attr_setstacksize(&attr, 65536), 0);
	int good = 0;
	for (int round = 0; round < 100; round++) {
		pthread_t t;
		if (pthread_create(&t, &attr, (void *(*)(void *))(void *)getppid, NULL) == 0 && pthread_join(t, NULL) == 0)
			good++;
	}
	CHECK_EQ(good, 100);
}

TEST("FIONBIO and FIOCLEX change descriptor flags")
{
	int p[2], on = 1;
	MUST(pipe(p));
	CHECK_EQ(ioctl(p[0], FIONBIO, &on), 0);
	CHECK_EQ(fcntl(p[0], F_GETFL), O_NONBLOCK);
	on = 0;
	CHECK_EQ(ioctl(p[0], FIONBIO, &on), 0);
	CHECK_EQ(fcntl(p[0], F_GETFL), 0);
	CHECK_EQ(ioctl(p[0], FIOCLEX), 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), 1);
	CHECK_EQ(ioctl(p[0], FIONCLEX), 0);
	CHECK_EQ(fcntl(p[0], F_GETFD), 0);
	CHECK_ERRNO(ioctl(p[0], 0x1234, 0), ENOTTY);
	CHECK_ERRNO(ioctl(99, FIONBIO, &on), EBADF);
	CHECK_ERRNO(ioctl(p[0], FIONBIO, BAD), EFAULT);
}

TEST("no file here has blocks to map, share or freeze")
{
	int p[2], fd = file_with("f", "abc"), other = MUST(open("g", O_RDWR | O_CREAT, 0600)), writer = MUST(open("g", O_WRONLY)), block = 0;
	int dir = MUST(open(".", O_RDONLY)), appender = MUST(open("g", O_RDWR | O_APPEND)), null = MUST(open("/dev/null", O_RDWR));
	struct fiemap map = { .fm_length = 4096 };
	struct file_clone_range range = { .src_fd = fd };
	MUST(pipe(p));
	CHECK_ERRNO(ioctl(fd, FS_IOC_FIEMAP, &map), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(p[0], FS_IOC_FIEMAP, BAD), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(fd, FIBMAP, &block), EINVAL);
	CHECK_ERRNO(ioctl(fd, FIBMAP, BAD), EFAULT);
	block = -1;
	CHECK_ERRNO(ioctl(fd, FIBMAP, &block), EINVAL);
	CHECK_EQ(block, -1);
	block = 7;
	CHECK_ERRNO(ioctl(fd, FIBMAP, &block), EINVAL);
	CHECK_EQ(block, 0);
	CHECK_ERRNO(ioctl(dir, FIBMAP, &block), ENOTTY);
	CHECK_ERRNO(ioctl(p[0], FIBMAP, &block), ENOTTY);
	CHECK_ERRNO(ioctl(other, FICLONE, fd), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(other, FICLONE, other), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(other, FICLONE, 99), EBADF);
	CHECK_ERRNO(ioctl(other, FICLONE, writer), EBADF);
	CHECK_ERRNO(ioctl(appender, FICLONE, fd), EBADF);
	CHECK_ERRNO(ioctl(other, FICLONE, dir), EISDIR);
	CHECK_ERRNO(ioctl(dir, FICLONE, other), EISDIR);
	CHECK_ERRNO(ioctl(other, FICLONE, p[0]), EXDEV);
	CHECK_ERRNO(ioctl(p[1], FICLONE, p[0]), EINVAL);
	CHECK_ERRNO(ioctl(null, FICLONE, null), EINVAL);
	CHECK_ERRNO(ioctl(other, FICLONERANGE, &range), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(other, FICLONERANGE, BAD), EFAULT);
	CHECK_ERRNO(ioctl(fd, FIFREEZE, 0), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(fd, FITHAW, 0), EINVAL);
}

TEST("FIDEDUPERANGE looks at its arguments")
{
	struct { struct file_dedupe_range range; struct file_dedupe_range_info to[1]; } d = { { .src_length = 3, .dest_count = 1 }, { { 0 } } };
	int fd = file_with("f", "abc"), dir = MUST(open(".", O_RDONLY)), writer = MUST(open("f", O_WRONLY));
	char *end = (char *)MUST((long)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) + 4096;
	MUST(munmap(end, 4096));
	CHECK_ERRNO(ioctl(fd, FIDEDUPERANGE, &d), EOPNOTSUPP);
	CHECK_ERRNO(ioctl(dir, FIDEDUPERANGE, &d), EISDIR);
	CHECK_ERRNO(ioctl(writer, FIDEDUPERANGE, &d), EINVAL);
	CHECK_ERRNO(ioctl(fd, FIDEDUPERANGE, BAD), EFAULT);
	CHECK_ERRNO(ioctl(fd, FIDEDUPERANGE, memcpy(end - sizeof(d.range), &d, sizeof(d.range))), EFAULT);
	d.range.reserved2 = 1;
	CHECK_ERRNO(ioctl(fd, FIDEDUPERANGE, &d), EINVAL);
	d.range.reserved2 = 0;
	d.range.dest_count = 200;
	CHECK_ERRNO(ioctl(fd, FIDEDUPERANGE, &d), ENOMEM);
}

TEST("blocks are for those who may")
{
	int fd = file_with("f", "abc"), block = 0;
	MUST(setuid(1000));
	CHECK_ERRNO(ioctl(fd, FIBMAP, &block), EPERM);
	CHECK_ERRNO(ioctl(fd, FIFREEZE, 0), EPERM);
	CHECK_ERRNO(ioctl(fd, FITHAW, 0), EPERM);
}

ROLE
{
	(void)argc, (void)argv;
	return write(8, "spawned", 7) == 7 && fcntl(7, F_GETFD) == -1 && getpgrp() == getpid() ? 5 : 1;
}
