// SPDX-License-Identifier: MPL-2.0
// The machine as a whole: names, memory, randomness, the kernel's log; and calls that are refused.
// syscalls: uname sysinfo sethostname setdomainname syslog getrandom reboot uselib _sysctl kexec_load init_module delete_module
// syscalls: iopl ioperm swapon swapoff acct mount umount2 vhangup pivot_root
#include "abi.h"
#include <sys/klog.h>
#include <sys/random.h>
#include <sys/reboot.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <sys/mount.h>

TEST("uname names a 6.x Linux on x86_64")
{
	struct utsname u;
	CHECK_EQ(uname(&u), 0);
	CHECK_STR(u.sysname, "Linux");
	CHECK_STR(u.machine, "x86_64");
	CHECK(u.release[0] == '6' && u.release[1] == '.');
	CHECK(u.version[0] != 0 && u.nodename[0] != 0);
	CHECK_ERRNO(uname(BAD), EFAULT);
	char release[128];
	snprintf(release, sizeof(release), "%s\n", u.release);
	CHECK(strcmp(slurp("/proc/sys/kernel/osrelease"), release) == 0);
}

TEST("host and domain names are set by root")
{
	struct utsname u;
	char old[64];
	gethostname(old, sizeof(old));
	CHECK_EQ(sethostname("test.name", 9), 0);
	uname(&u);
	CHECK_STR(u.nodename, "test.name");
	CHECK_STR(slurp("/proc/sys/kernel/hostname"), "test.name\n");
	CHECK_EQ(setdomainname("dom", 3), 0);
	uname(&u);
	CHECK_STR(u.domainname, "dom");
	CHECK_ERRNO(sethostname("x", -1), EINVAL);
	CHECK_ERRNO(sethostname("x", 65), EINVAL);
	CHECK_ERRNO(sethostname(BAD, 5), EFAULT);
	CHECK_EQ(sethostname(old, strlen(old)), 0);
	CHECK_EQ(setdomainname("(none)", 6), 0);
	become_nobody();
	CHECK_ERRNO(sethostname("x", 1), EPERM);
	CHECK_ERRNO(setdomainname("x", 1), EPERM);
}

TEST("sysinfo adds up")
{
	struct sysinfo s;
	CHECK_EQ(sysinfo(&s), 0);
	CHECK(s.uptime >= 0 && s.uptime < 100000000);
	CHECK(s.totalram * s.mem_unit > 64ul << 20);
	CHECK(s.freeram <= s.totalram);
	CHECK(s.procs > 1);
	CHECK_ERRNO(sysinfo(BAD), EFAULT);
}

TEST("getrandom fills, and refuses flags that it does not know")
{
	unsigned char a[64] = { 0 }, b[64] = { 0 };
	CHECK_EQ(getrandom(a, 64, 0), 64);
	CHECK_EQ(getrandom(b, 64, GRND_NONBLOCK), 64);
	CHECK(memcmp(a, b, 64) != 0);
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_EQ(getrandom(a, 10, GRND_RANDOM), 10);
	CHECK_ERRNO(getrandom(a, 10, 8), EINVAL);
	CHECK_ERRNO(getrandom(a, 10, GRND_RANDOM | GRND_INSECURE), EINVAL);
	CHECK_ERRNO(getrandom(BAD, 10, 0), EFAULT);
	static char big[100000];
	CHECK_EQ(getrandom(big, sizeof(big), 0), sizeof(big));
}

TEST("syslog reads the kernel's log")
{
	static char text[1 << 18];
	CHECK(klogctl(10, NULL, 0) > 1000);
	CHECK(klogctl(3, text, sizeof(text)) > 0);
	CHECK_ERRNO(klogctl(3, NULL, 10), EINVAL);
	CHECK_ERRNO(klogctl(3, text, -1), EINVAL);
	CHECK_ERRNO(klogctl(99, text, 10), EINVAL);
	CHECK_ERRNO(klogctl(8, NULL, 9), EINVAL);
	become_nobody();
	CHECK_ERRNO(klogctl(5, NULL, 0), EPERM);
}

TEST("reboot wants magic numbers, a privilege and a command that it knows")
{
	CHECK_ERRNO(syscall(SYS_reboot, 0, 0, 0, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_reboot, 0xfee1dead, 0x12345, RB_AUTOBOOT, NULL), EINVAL);
	CHECK_ERRNO(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x1234, NULL), EINVAL);
	CHECK_EQ(syscall(SYS_reboot, 0xfee1dead, 672274793, RB_DISABLE_CAD, NULL), 0);
	become_nobody();
	CHECK_ERRNO(syscall(SYS_reboot, 0xfee1dead, 672274793, RB_AUTOBOOT, NULL), EPERM);
}

TEST("calls that do not exist are ENOSYS")
{
	CHECK_ERRNO(syscall(999), ENOSYS);
	CHECK_ERRNO(syscall(-1), ENOSYS);
	CHECK_ERRNO(syscall(0x7fffffff), ENOSYS);
	CHECK_ERRNO(syscall(350), ENOSYS);
	CHECK_ERRNO(syscall(400), ENOSYS);
	CHECK_ERRNO(syscall(SYS__sysctl, NULL), ENOSYS);
	CHECK_ERRNO(syscall(180, 0), ENOSYS);
	CHECK_ERRNO(syscall(183, 0), ENOSYS);
	CHECK_ERRNO(syscall(236, 0), ENOSYS);
	CHECK_ERRNO(syscall(174, 0), ENOSYS);
	CHECK_ERRNO(syscall(177, 0), ENOSYS);
}

TEST("registers that a system call does not return in are kept")
{
	long rbx, r12, rdx, r8, result;
	__asm__ volatile("mov $0x11, %%rbx; mov $0x12, %%r12; mov $0x13, %%rdx; mov $0x18, %%r8; mov $39, %%eax; syscall;"
	                 "mov %%rbx, %0; mov %%r12, %1; mov %%rdx, %2; mov %%r8, %3; mov %%rax, %4"
	                 : "=m"(rbx), "=m"(r12), "=m"(rdx), "=m"(r8), "=m"(result) :: "rax", "rbx", "r12", "rdx", "r8", "rcx", "r11", "memory");
	CHECK_EQ(rbx, 0x11);
	CHECK_EQ(r12, 0x12);
	CHECK_EQ(rdx, 0x13);
	CHECK_EQ(r8, 0x18);
	CHECK(result == getpid());
}

TEST("a tmpfs goes with what was reserved behind the end of a file")
{
	MUST(mkdir("m", 0755));
	CHECK_EQ(mount("none", "m", "tmpfs", 0, "size=1m"), 0);
	int fd = (int)MUST(open("m/f", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 65536), 0);
	CHECK_EQ(close(fd), 0);
	CHECK_EQ(umount("m"), 0);
	usleep(50000);
	CHECK_EQ(mount("none", "m", "tmpfs", 0, ""), 0);
	CHECK_ERRNO(access("m/f", F_OK), ENOENT);
	CHECK_EQ(umount("m"), 0);
}

TEST("mounting needs a privilege, and tmpfs mounts")
{
	MUST(mkdir("m", 0755));
	CHECK_ERRNO(mount("none", "gone", "tmpfs", 0, ""), ENOENT);
	CHECK_ERRNO(mount("none", "m", "nosuchfs", 0, ""), ENODEV);
	CHECK_EQ(mount("none", "m", "tmpfs", 0, "size=64k,mode=700,nr_inodes=10"), 0);
	struct stat st;
	MUST(stat("m", &st));
	CHECK_EQ(st.st_mode & 07777, 0700);
	CHECK_ERRNO(rmdir("m"), EBUSY);
	CHECK_ERRNO(rename("m", "n"), EBUSY);
	int fd = (int)MUST(open("m/f", O_RDWR | O_CREAT, 0600));
	static char big[100000];
	CHECK_EQ(write(fd, big, sizeof(big)), 65536);
	CHECK_ERRNO(write(fd, big, 1), ENOSPC);
	CHECK_ERRNO(fallocate(fd, 0, 0, 1 << 20), ENOSPC);
	MUST(ftruncate(fd, 0));
	CHECK_EQ(write(fd, big, 4096), 4096);
	char name[16];
	int made = 0;
	for (; made < 20; made++) {
		sprintf(name, "m/i%d", made);
		if (mknod(name, S_IFREG | 0600, 0) != 0)
			break;
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK(made < 10);
	CHECK_ERRNO(umount("m"), EBUSY);
	close(fd);
	CHECK_EQ(umount("m"), 0);
	CHECK_ERRNO(umount("m"), EINVAL);
	CHECK_ERRNO(access("m/f", F_OK), ENOENT);
	CHECK_EQ(mount("none", "m", "tmpfs", MS_RDONLY, ""), 0);
	CHECK_ERRNO(open("m/x", O_RDWR | O_CREAT, 0600), EROFS);
	CHECK_ERRNO(mkdir("m/d", 0700), EROFS);
	CHECK_EQ(umount2("m", MNT_DETACH), 0);
	CHECK_EQ(mount("none", "m", "tmpfs", MS_NOEXEC | MS_NODEV | MS_NOSUID, ""), 0);
	close(file_with("m/s", "#!/bin/true\n"));
	MUST(chmod("m/s", 0755));
	CHECK_EQ(IN_CHILD({ execl("m/s", "x", NULL); _exit(errno); }), EACCES);
	MUST(mknod("m/null", S_IFCHR | 0666, 0x103));
	CHECK_ERRNO(open("m/null", O_RDWR), EACCES);
	CHECK_EQ(umount("m"), 0);
	become_nobody();
	CHECK_ERRNO(mount("none", "m", "tmpfs", 0, ""), EPERM);
	CHECK_ERRNO(umount("/dev/shm"), EPERM);
}

TEST("pivot_root wants two places of which one is a mount below the other's root")
{
	MUST(mkdir("new", 0755));
	CHECK_ERRNO(syscall(SYS_pivot_root, "new", "gone"), ENOENT);
	CHECK_ERRNO(syscall(SYS_pivot_root, "gone", "new"), ENOENT);
	CHECK_ERRNO(syscall(SYS_pivot_root, "new", "new"), EINVAL);
	CHECK_ERRNO(syscall(SYS_pivot_root, "/dev/null", "new"), ENOTDIR);
	CHECK_ERRNO(syscall(SYS_pivot_root, BAD, "new"), EFAULT);
	CHECK_ERRNO(syscall(SYS_pivot_root, "/", "new"), EINVAL);
	become_nobody();
	CHECK_ERRNO(syscall(SYS_pivot_root, "new", "new"), EPERM);
}

TEST("vhangup needs a privilege")
{
	CHECK_EQ(vhangup(), 0);
	become_nobody();
	CHECK_ERRNO(vhangup(), EPERM);
}
