// SPDX-License-Identifier: MPL-2.0
// Users, groups, capabilities.
// syscalls: getuid getgid geteuid getegid setuid setgid setreuid setregid getgroups setgroups setresuid getresuid setresgid getresgid
// syscalls: setfsuid setfsgid capget capset prctl
#include "abi.h"
#include <linux/capability.h>
#include <sys/fsuid.h>

static bool
ids_are(int real, int effective, int saved)
{
	uid_t r, e, s;
	MUST(getresuid(&r, &e, &s));
	return r == (uid_t)real && e == (uid_t)effective && s == (uid_t)saved;
}

static bool
gids_are(int real, int effective, int saved)
{
	gid_t r, e, s;
	MUST(getresgid(&r, &e, &s));
	return r == (gid_t)real && e == (gid_t)effective && s == (gid_t)saved;
}

static int
caps(struct __user_cap_data_struct *data, bool set)
{
	struct __user_cap_header_struct head = { _LINUX_CAPABILITY_VERSION_3, 0 };
	return (int)syscall(set ? SYS_capset : SYS_capget, &head, data);
}

TEST("root's setuid changes all three ids for good")
{
	CHECK(ids_are(0, 0, 0));
	CHECK_EQ(setuid(1000), 0);
	CHECK(ids_are(1000, 1000, 1000));
	CHECK_ERRNO(setuid(0), EPERM);
	CHECK_EQ(setuid(1000), 0);
	CHECK_ERRNO(setuid(-1), EINVAL);
	CHECK_EQ(getuid(), 1000);
	CHECK_EQ(geteuid(), 1000);
	CHECK_ERRNO(setgid(5), EPERM);
}

TEST("setresuid sets each id to one of the three, and root to any")
{
	CHECK_EQ(setresuid(1, 2, 3), 0);
	CHECK(ids_are(1, 2, 3));
	CHECK_ERRNO(setresuid(4, -1, -1), EPERM);
	CHECK_EQ(setresuid(3, 1, 2), 0);
	CHECK(ids_are(3, 1, 2));
	CHECK_EQ(setresuid(-1, 2, -1), 0);
	CHECK(ids_are(3, 2, 2));
	CHECK_ERRNO(getresuid(BAD, BAD, BAD), EFAULT);
}

TEST("setreuid and seteuid keep the saved id by their rules")
{
	CHECK_EQ(setreuid(1000, 2000), 0);
	CHECK(ids_are(1000, 2000, 2000));
	CHECK_EQ(setreuid(-1, 1000), 0);
	CHECK(ids_are(1000, 1000, 2000));
	CHECK_EQ(seteuid(2000), 0);
	CHECK(ids_are(1000, 2000, 2000));
	CHECK_EQ(setreuid(2000, 1000), 0);
	CHECK(ids_are(2000, 1000, 1000));
	CHECK_ERRNO(setreuid(5, -1), EPERM);
	CHECK_ERRNO(seteuid(0), EPERM);
}

TEST("a daemon drops its rights and takes them back by the saved id")
{
	CHECK_EQ(seteuid(1000), 0);
	CHECK(ids_are(0, 1000, 0));
	CHECK_ERRNO(open("/proc/1/environ", O_RDONLY), EACCES);
	CHECK_EQ(seteuid(0), 0);
	CHECK_OK(open("/proc/1/environ", O_RDONLY));
}

TEST("group ids follow the same rules")
{
	CHECK_EQ(setresgid(1, 2, 3), 0);
	CHECK(gids_are(1, 2, 3));
	CHECK_EQ(getgid(), 1);
	CHECK_EQ(getegid(), 2);
	CHECK_EQ(setregid(7, 8), 0);
	CHECK(gids_are(7, 8, 8));
	CHECK_EQ(setgid(9), 0);
	CHECK(gids_are(9, 9, 9));
	MUST(setuid(1000));
	CHECK_ERRNO(setgid(10), EPERM);
	CHECK_EQ(setgid(9), 0);
	CHECK_ERRNO(setresgid(-1, 10, -1), EPERM);
	CHECK_ERRNO(setregid(11, -1), EPERM);
}

TEST("supplementary groups give rights, and only root sets them")
{
	gid_t list[70000] = { 30, 20, 10 }, got[8];
	CHECK_EQ(setgroups(3, list), 0);
	CHECK_EQ(getgroups(0, NULL), 3);
	CHECK_EQ(getgroups(8, got), 3);
	CHECK_EQ(got[0] + got[1] + got[2], 60);
	CHECK_ERRNO(getgroups(2, got), EINVAL);
	CHECK_ERRNO(getgroups(-1, got), EINVAL);
	CHECK_ERRNO(getgroups(8, BAD), EFAULT);
	CHECK_ERRNO(setgroups(65537, list), EINVAL);
	CHECK_ERRNO(setgroups(2, BAD), EFAULT);
	close(file_with("f", "x"));
	MUST(chown("f", 0, 20));
	MUST(chmod("f", 0640));
	MUST(setgid(99));
	MUST(setuid(99));
	CHECK_OK(open("f", O_RDONLY));
	CHECK_ERRNO(open("f", O_WRONLY), EACCES);
	CHECK_ERRNO(setgroups(1, list), EPERM);
	CHECK_EQ(IN_CHILD(_exit(getgroups(0, NULL))), 3);
}

TEST("the file system ids decide about files, and return what they were")
{
	close(file_with("f", "x"));
	MUST(chmod("f", 0600));
	CHECK_EQ(setfsuid(1000), 0);
	CHECK_EQ(setfsuid(-1), 1000);
	CHECK_EQ(setfsuid(-1), 1000);
	CHECK_ERRNO(open("f", O_RDONLY), EACCES);
	CHECK_EQ(setfsgid(77), 0);
	CHECK_EQ(setfsgid(0), 77);
	CHECK_EQ(setfsuid(0), 1000);
	CHECK_OK(open("f", O_RDONLY));
	MUST(setuid(5));
	CHECK_EQ(setfsuid(6), 5);
	CHECK_EQ(setfsuid(5), 5);
}

TEST("the group of a file has only its group's rights, the owner only the owner's")
{
	close(file_with("f", "x"));
	MUST(chown("f", 50, 60));
	MUST(chmod("f", 0077));
	CHECK_EQ(IN_CHILD({ setgroups(0, NULL); setgid(60); setuid(50); _exit(open("f", O_RDONLY) == -1 ? errno : 0); }), EACCES);
	CHECK_EQ(IN_CHILD({ setgroups(0, NULL); setgid(60); setuid(51); _exit(open("f", O_RDONLY) == -1 ? errno : 0); }), 0);
	MUST(chmod("f", 0707));
	CHECK_EQ(IN_CHILD({ setgroups(0, NULL); setgid(60); setuid(51); _exit(open("f", O_RDONLY) == -1 ? errno : 0); }), EACCES);
	CHECK_EQ(IN_CHILD({ setgroups(0, NULL); setgid(61); setuid(51); _exit(open("f", O_RDONLY) == -1 ? errno : 0); }), 0);
}

TEST("capget and capset and their versions")
{
	struct __user_cap_data_struct d[2] = { 0 }, none[2] = { 0 };
	struct __user_cap_header_struct head = { 0x1234, 0 };
	CHECK_ERRNO(syscall(SYS_capget, &head, d), EINVAL);
	CHECK_EQ(head.version, _LINUX_CAPABILITY_VERSION_3);
	CHECK_EQ(syscall(SYS_capget, &head, d), 0);
	CHECK((d[0].effective & 1) != 0 && (d[0].permitted & 1) != 0);
	head.pid = 0x3fffff;
	CHECK_ERRNO(syscall(SYS_capget, &head, d), ESRCH);
	head.pid = 1;
	CHECK_EQ(syscall(SYS_capget, &head, d), 0);
	CHECK_ERRNO(syscall(SYS_capset, &head, d), EPERM);
	CHECK_ERRNO(syscall(SYS_capget, BAD, d), EFAULT);
	MUST(caps(d, false));
	d[0].effective &= ~(1u << CAP_CHOWN);
	CHECK_EQ(caps(d, true), 0);
	close(file_with("f", ""));
	CHECK_ERRNO(chown("f", 5, 5), EPERM);
	d[0].effective |= 1u << CAP_CHOWN;
	CHECK_EQ(caps(d, true), 0);
	CHECK_EQ(chown("f", 5, 5), 0);
	CHECK_EQ(caps(none, true), 0);
	CHECK_ERRNO(caps(d, true), EPERM);
	CHECK_ERRNO(chown("f", 6, 6), EPERM);
	CHECK_ERRNO(setuid(77), EPERM);
	CHECK_ERRNO(chroot("/"), EPERM);
	CHECK_ERRNO(sethostname("x", 1), EPERM);
	CHECK_ERRNO(mknod("n", S_IFCHR | 0600, 0x103), EPERM);
	CHECK_EQ(getuid(), 0);
}

TEST("changes of the user id change capabilities, and KEEPCAPS keeps the permitted ones")
{
	struct __user_cap_data_struct d[2];
	MUST(seteuid(1000));
	MUST(caps(d, false));
	CHECK_EQ(d[0].effective, 0);
	CHECK(d[0].permitted != 0);
	MUST(seteuid(0));
	MUST(caps(d, false));
	CHECK(d[0].effective != 0);
	CHECK_EQ(IN_CHILD({ setuid(1000); caps(d, false); _exit(d[0].permitted == 0 && d[0].effective == 0 ? 3 : 1); }), 3);
	MUST(prctl(PR_SET_KEEPCAPS, 1));
	MUST(setuid(1000));
	MUST(caps(d, false));
	CHECK_EQ(d[0].effective, 0);
	CHECK(d[0].permitted != 0);
	d[0].effective = d[0].permitted;
	CHECK_EQ(caps(d, true), 0);
	close(file_with("f", ""));
	CHECK_EQ(chown("f", 7, 7), 0);
}

TEST("single capabilities: DAC_OVERRIDE reads and searches, SETUID changes ids, KILL signals")
{
	close(file_with("f", "x"));
	MUST(chmod("f", 0));
	MUST(mkdir("d", 0));
	MUST(chown("f", 1, 1));
	CHECK_OK(open("f", O_RDWR));
	CHECK_OK(open("d/x", O_RDWR | O_CREAT, 0600));
	struct __user_cap_data_struct d[2];
	MUST(caps(d, false));
	d[0].effective = 1u << CAP_SETUID;
	MUST(caps(d, true));
	CHECK_ERRNO(open("f", O_RDONLY), EACCES);
	CHECK_EQ(IN_CHILD(_exit(setuid(5) == 0 ? 3 : errno)), 3);
	d[0].effective = 1u << CAP_DAC_READ_SEARCH;
	MUST(caps(d, true));
	CHECK_OK(open("f", O_RDONLY));
	CHECK_ERRNO(open("f", O_RDWR), EACCES);
	CHECK_EQ(access("f", W_OK), 0);
	pid_t child = SPAWN({ setuid(5); for (;;) pause(); });
	wait_asleep(child);
	CHECK_EQ(kill(child, SIGKILL), 0);
}

TEST("ambient capabilities and the bounding set")
{
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 0);
	CHECK_ERRNO(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), EPERM);
	struct __user_cap_data_struct d[2];
	MUST(caps(d, false));
	d[0].inheritable = 1u << CAP_CHOWN;
	CHECK_EQ(caps(d, true), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 1);
	CHECK_EQ(IN_CHILD({ prctl(PR_SET_KEEPCAPS, 1); setuid(1000); execl(abi_self, "x", "--role", "chown", NULL); }), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0), 0);
	CHECK_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0), 0);
	CHECK_ERRNO(prctl(PR_CAP_AMBIENT, 99, CAP_CHOWN, 0, 0), EINVAL);
	CHECK_EQ(prctl(PR_GET_SECUREBITS), 0);
}

ROLE
{
	(void)argc;
	(void)argv;
	return strstr(slurp("/proc/self/status"), "CapEff:\t0000000000000000") == NULL ? 1 : 0;
}
