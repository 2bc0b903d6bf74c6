// SPDX-License-Identifier: MPL-2.0
// System V semaphores, messages and shared memory; POSIX message queues.
// syscalls: semget semop semctl semtimedop shmget shmat shmdt shmctl msgget msgsnd msgrcv msgctl mq_open mq_unlink mq_timedsend
// syscalls: mq_timedreceive mq_notify mq_getsetattr
#include "abi.h"
#include <mqueue.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>

union semun { int val; struct semid_ds *buf; unsigned short *array; };
struct message { long type; char text[64]; };

static int
op(int id, int n, int by, int flags)
{
	struct sembuf s = { (unsigned short)n, (short)by, (short)flags };
	return semop(id, &s, 1);
}

TEST("keys name objects: created, found, exclusive, private, removed")
{
	key_t key = 0x5eed;
	int id = (int)CHECK_OK(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600));
	CHECK_ERRNO(semget(key, 3, IPC_CREAT | IPC_EXCL | 0600), EEXIST);
	CHECK_EQ(semget(key, 0, 0), id);
	CHECK_ERRNO(semget(key, 4, 0), EINVAL);
	CHECK_ERRNO(semget(0x999, 1, 0), ENOENT);
	CHECK_ERRNO(semget(0x999, 0, IPC_CREAT | 0600), EINVAL);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	CHECK_ERRNO(semctl(id, 0, GETVAL), EINVAL);
	CHECK_ERRNO(semget(key, 0, 0), ENOENT);
	int a = (int)CHECK_OK(semget(IPC_PRIVATE, 1, 0600)), b = (int)CHECK_OK(semget(IPC_PRIVATE, 1, 0600));
	CHECK(a != b);
	semctl(a, 0, IPC_RMID);
	semctl(b, 0, IPC_RMID);
}

TEST("semaphores count, refuse, wait and undo")
{
	int id = (int)MUST(semget(IPC_PRIVATE, 2, 0600));
	CHECK_EQ(semctl(id, 0, GETVAL), 0);
	CHECK_EQ(op(id, 0, 3, 0), 0);
	CHECK_EQ(semctl(id, 0, GETVAL), 3);
	CHECK(semctl(id, 0, GETPID) == getpid());
	CHECK_EQ(op(id, 0, -2, 0), 0);
	CHECK_ERRNO(op(id, 0, -2, IPC_NOWAIT), EAGAIN);
	CHECK_ERRNO(op(id, 0, 0, IPC_NOWAIT), EAGAIN);
	CHECK_EQ(op(id, 1, 0, IPC_NOWAIT), 0);
	CHECK_ERRNO(op(id, 5, 1, 0), EFBIG);
	CHECK_ERRNO(op(id, 0, 32767, 0), ERANGE);
	CHECK_ERRNO(semop(id, BAD, 1), EFAULT);
	CHECK_ERRNO(semop(id, NULL, 0), EINVAL);
	CHECK_ERRNO(semop(12345, &(struct sembuf){ 0 }, 1), EINVAL);
	struct sembuf two[2] = { { 0, -1, IPC_NOWAIT }, { 1, -1, IPC_NOWAIT } };
	CHECK_ERRNO(semop(id, two, 2), EAGAIN);
	CHECK_EQ(semctl(id, 0, GETVAL), 1);
	CHECK_EQ(IN_CHILD(op(id, 0, 5, SEM_UNDO)), 0);
	CHECK_EQ(semctl(id, 0, GETVAL), 1);
	pid_t child = SPAWN(_exit(op(id, 1, -4, 0) == 0 ? 6 : 1));
	wait_asleep(child);
	CHECK_EQ(semctl(id, 1, GETNCNT), 1);
	CHECK_EQ(semctl(id, 1, SETVAL, (union semun){ .val = 4 }), 0);
	CHECK_EQ(reap(child), 6);
	child = SPAWN(_exit(op(id, 0, 0, 0) == 0 ? 7 : 1));
	wait_asleep(child);
	CHECK_EQ(semctl(id, 0, GETZCNT), 1);
	CHECK_EQ(op(id, 0, -1, 0), 0);
	CHECK_EQ(reap(child), 7);
	struct timespec t = { 0, 30000000 };
	CHECK_ERRNO(semtimedop(id, &(struct sembuf){ 0, -1, 0 }, 1, &t), EAGAIN);
	on_signal(SIGALRM, count_signal, SA_RESTART);
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(op(id, 0, -1, 0), EINTR);
	child = SPAWN(_exit(op(id, 0, -1, 0) == -1 ? errno : 0));
	wait_asleep(child);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
	CHECK_EQ(reap(child), EIDRM);
}

TEST("semctl gives and sets all, with rights")
{
	int id = (int)MUST(semget(IPC_PRIVATE, 3, 0600));
	unsigned short v[3] = { 1, 2, 3 }, got[3];
	CHECK_EQ(semctl(id, 0, SETALL, (union semun){ .array = v }), 0);
	CHECK_EQ(semctl(id, 0, GETALL, (union semun){ .array = got }), 0);
	CHECK_MEM(v, got, sizeof(v));
	struct semid_ds d;
	CHECK_EQ(semctl(id, 0, IPC_STAT, (union semun){ .buf = &d }), 0);
	CHECK_EQ(d.sem_nsems, 3);
	CHECK_EQ(d.sem_perm.mode & 0777, 0600);
	CHECK_EQ(d.sem_perm.uid, 0);
	d.sem_perm.mode = 0644;
	CHECK_EQ(semctl(id, 0, IPC_SET, (union semun){ .buf = &d }), 0);
	CHECK_ERRNO(semctl(id, 0, 999), EINVAL);
	CHECK_ERRNO(semctl(id, 3, GETVAL), EINVAL);
	CHECK_ERRNO(semctl(id, 0, SETVAL, (union semun){ .val = -1 }), ERANGE);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(op(id, 0, 1, 0) == -1 ? errno : 0); }), EACCES);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(semctl(id, 0, IPC_RMID) == -1 ? errno : 0); }), EPERM);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(semctl(id, 0, GETVAL)); }), 1);
	semctl(id, 0, IPC_RMID);
}

TEST("messages are taken in order, by type, or below a type")
{
	int id = (int)MUST(msgget(IPC_PRIVATE, 0600));
	struct message m = { 2, "two" };
	CHECK_EQ(msgsnd(id, &m, 4, 0), 0);
	m = (struct message){ 1, "one" };
	CHECK_EQ(msgsnd(id, &m, 4, 0), 0);
	m = (struct message){ 3, "three" };
	CHECK_EQ(msgsnd(id, &m, 6, 0), 0);
	CHECK_EQ(msgrcv(id, &m, 64, 3, 0), 6);
	CHECK_STR(m.text, "three");
	CHECK_EQ(msgrcv(id, &m, 64, -2, 0), 4);
	CHECK_EQ(m.type, 1);
	CHECK_ERRNO(msgrcv(id, &m, 64, 9, IPC_NOWAIT), ENOMSG);
	CHECK_ERRNO(msgrcv(id, &m, 2, 0, 0), E2BIG);
	CHECK_EQ(msgrcv(id, &m, 2, 0, MSG_NOERROR), 2);
	CHECK_ERRNO(msgrcv(id, &m, 64, 0, IPC_NOWAIT), ENOMSG);
	m.type = 0;
	CHECK_ERRNO(msgsnd(id, &m, 4, 0), EINVAL);
	m.type = 1;
	CHECK_ERRNO(msgsnd(id, &m, 9000, 0), EINVAL);
	CHECK_ERRNO(msgsnd(id, BAD, 4, 0), EFAULT);
	CHECK_ERRNO(msgsnd(12345, &m, 4, 0), EINVAL);
	CHECK_EQ(msgsnd(id, &m, 0, 0), 0);
	CHECK_EQ(msgrcv(id, &m, 64, 0, 0), 0);
	struct msqid_ds d;
	CHECK_EQ(msgctl(id, IPC_STAT, &d), 0);
	CHECK_EQ(d.msg_qnum, 0);
	CHECK_EQ(d.msg_qbytes, 16384);
	pid_t child = SPAWN({ struct message r; _exit(msgrcv(id, &r, 64, 7, 0) == 3 ? 5 : errno); });
	wait_asleep(child);
	m.type = 7;
	MUST(msgsnd(id, &m, 3, 0));
	CHECK_EQ(reap(child), 5);
	static struct { long type; char text[8000]; } big = { 1, "" };
	CHECK_EQ(msgsnd(id, &big, 8000, 0), 0);
	CHECK_EQ(msgsnd(id, &big, 8000, 0), 0);
	CHECK_ERRNO(msgsnd(id, &big, 8000, IPC_NOWAIT), EAGAIN);
	child = SPAWN(_exit(msgsnd(id, &big, 8000, 0) == -1 ? errno : 0));
	wait_asleep(child);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(reap(child), EIDRM);
	CHECK_ERRNO(msgctl(id, IPC_STAT, &d), EINVAL);
}

TEST("an attached segment stands in maps and smaps with its number and key")
{
	char line[400], wanted[100], named[40];
	int found = 0, id = (int)CHECK_OK(shmget(0xcad2e, 8192, IPC_CREAT | 0600));
	char *a = shmat(id, NULL, 0);
	CHECK(a != (void *)-1);
	a[4096] = 1;
	snprintf(wanted, sizeof(wanted), "%lx-%lx rw-s 00000000 00:01 %d ", (unsigned long)a, (unsigned long)a + 8192, id);
	snprintf(named, sizeof(named), " /SYSV000cad2e (deleted)\n");
	for (int i = 0; i < 2; i++) {
		FILE *file = fopen(i == 0 ? "/proc/self/maps" : "/proc/self/smaps", "r");
		while (fgets(line, sizeof(line), file) != NULL)
			found += strncmp(line, wanted, strlen(wanted)) == 0 && strcmp(line + strlen(line) - strlen(named), named) == 0;
		fclose(file);
	}
	CHECK_EQ(found, 2);
	CHECK(strstr(slurp("/proc/self/status"), "RssShmem:") != NULL);
	CHECK(strlen(slurp("/proc/self/statm")) > 0);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_EQ(shmdt(a), 0);
}

TEST("shared memory is attached, inherited, removed with its last user")
{
	int id = (int)CHECK_OK(shmget(IPC_PRIVATE, 5000, IPC_CREAT | 0600));
	char *a = shmat(id, NULL, 0), *r = shmat(id, NULL, SHM_RDONLY);
	CHECK(a != (void *)-1 && r != (void *)-1);
	strcpy(a, "shared");
	CHECK_STR(r, "shared");
	struct shmid_ds d;
	CHECK_EQ(shmctl(id, IPC_STAT, &d), 0);
	CHECK_EQ(d.shm_segsz, 5000);
	CHECK_EQ(d.shm_nattch, 2);
	CHECK_EQ(IN_CHILD({ a[0] = 'S'; shmctl(id, IPC_STAT, &d); _exit((int)d.shm_nattch); }), 4);
	CHECK_EQ(r[0], 'S');
	CHECK_EQ(shmdt(r), 0);
	CHECK_ERRNO(shmdt(r), EINVAL);
	CHECK_ERRNO(shmdt(a + 1), EINVAL);
	CHECK_EQ(shmctl(id, IPC_RMID, NULL), 0);
	CHECK_STR(a, "Shared");
	CHECK_EQ(shmctl(id, IPC_STAT, &d), 0);
	CHECK_EQ(d.shm_perm.mode & 01000, 01000);
	CHECK_EQ(shmdt(a), 0);
	CHECK_ERRNO(shmctl(id, IPC_STAT, &d), EINVAL);
	CHECK_ERRNO(shmat(id, NULL, 0) == (void *)-1 ? -1 : 0, EINVAL);
	CHECK_ERRNO(shmget(IPC_PRIVATE, 0, 0600), EINVAL);
	CHECK_ERRNO(shmget(0x12121, 10, 0), ENOENT);
	id = (int)MUST(shmget(0x31313, 4096, IPC_CREAT | 0600));
	CHECK_ERRNO(shmget(0x31313, 8192, 0), EINVAL);
	CHECK_ERRNO(shmat(id, (void *)1, 0) == (void *)-1 ? -1 : 0, EINVAL);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(shmat(id, NULL, 0) == (void *)-1 ? errno : 0); }), EACCES);
	shmctl(id, IPC_RMID, NULL);
}

TEST("POSIX queues give the highest priority first")
{
	struct mq_attr attr = { .mq_maxmsg = 4, .mq_msgsize = 32 }, got;
	char buf[64];
	unsigned prio = 99;
	mq_unlink("/abi");
	mqd_t q = (mqd_t)CHECK_OK(mq_open("/abi", O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attr));
	CHECK_ERRNO(mq_open("/abi", O_RDWR | O_CREAT | O_EXCL, 0600, &attr), EEXIST);
	CHECK_ERRNO(mq_open("/none", O_RDWR), ENOENT);
	CHECK_EQ(mq_getattr(q, &got), 0);
	CHECK_EQ(got.mq_maxmsg, 4);
	CHECK_EQ(got.mq_msgsize, 32);
	CHECK_EQ(got.mq_curmsgs, 0);
	CHECK_EQ(got.mq_flags, O_NONBLOCK);
	CHECK_EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(mq_send(q, "low", 3, 1), 0);
	CHECK_EQ(mq_send(q, "high", 4, 9), 0);
	CHECK_EQ(mq_send(q, "low2", 4, 1), 0);
	CHECK_EQ(mq_send(q, "", 0, 0), 0);
	CHECK_ERRNO(mq_send(q, "full", 4, 0), EAGAIN);
	CHECK_ERRNO(mq_receive(q, buf, 31, NULL), EMSGSIZE);
	CHECK_EQ(mq_receive(q, buf, 64, &prio), 4);
	CHECK_EQ(prio, 9);
	CHECK_MEM(buf, "high", 4);
	CHECK_EQ(mq_receive(q, buf, 64, &prio), 3);
	CHECK_EQ(mq_receive(q, buf, 64, NULL), 4);
	CHECK_EQ(mq_receive(q, buf, 64, NULL), 0);
	CHECK_ERRNO(mq_receive(q, buf, 64, NULL), EAGAIN);
	CHECK_ERRNO(mq_send(q, buf, 33, 0), EMSGSIZE);
	CHECK_ERRNO(mq_send(q, buf, 3, 32768), EINVAL);
	CHECK_ERRNO(mq_send(99, buf, 3, 0), EBADF);
	attr.mq_flags = 0;
	CHECK_EQ(mq_setattr(q, &attr, NULL), 0);
	struct timespec past = { 1, 0 };
	CHECK_ERRNO(mq_timedreceive(q, buf, 64, NULL, &past), ETIMEDOUT);
	SPAWN({ sleep_ms(40); mq_send(q, "late", 4, 0); });
	CHECK_EQ(mq_receive(q, buf, 64, NULL), 4);
	struct pollfd f = { q, POLLIN | POLLOUT, 0 };
	CHECK_EQ(poll(&f, 1, 0), 1);
	CHECK_EQ(f.revents, POLLOUT);
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	on_signal(SIGUSR1, count_signal, 0);
	CHECK_EQ(mq_notify(q, &e), 0);
	CHECK_ERRNO(mq_notify(q, &e), EBUSY);
	MUST(mq_send(q, "n", 1, 0));
	CHECK_EQ(signals_seen, 1);
	CHECK_EQ(mq_unlink("/abi"), 0);
	CHECK_ERRNO(mq_unlink("/abi"), ENOENT);
	CHECK_EQ(mq_receive(q, buf, 64, NULL), 1);
	CHECK_ERRNO(syscall(SYS_mq_open, "a/b", O_RDWR | O_CREAT, 0600, NULL), EACCES);
	CHECK_ERRNO(syscall(SYS_mq_open, "", O_RDWR | O_CREAT, 0600, NULL), ENOENT);
	attr.mq_maxmsg = 0;
	CHECK_ERRNO(mq_open("/abi2", O_RDWR | O_CREAT, 0600, &attr), EINVAL);
}

TEST("semaphore operations are done together, and by whom they are possible first")
{
	int id = (int)MUST(semget(IPC_PRIVATE, 3, 0600));
	struct sembuf both[2] = { { 0, -1, 0 }, { 1, -1, 0 } };
	pid_t child = SPAWN(_exit(semop(id, both, 2) == 0 ? 3 : 1));
	wait_asleep(child);
	CHECK_EQ(op(id, 0, 1, 0), 0);
	CHECK_EQ(semctl(id, 0, GETVAL), 1);
	CHECK_EQ(semctl(id, 0, GETNCNT), 0);
	CHECK_EQ(semctl(id, 1, GETNCNT), 1);
	CHECK_EQ(op(id, 1, 1, 0), 0);
	CHECK_EQ(reap(child), 3);
	CHECK_EQ(semctl(id, 0, GETVAL), 0);
	pid_t large = SPAWN(_exit(op(id, 0, -2, 0) == 0 ? 2 : 1));
	wait_asleep(large);
	pid_t small = SPAWN(_exit(op(id, 0, -1, 0) == 0 ? 1 : 9));
	wait_asleep(small);
	CHECK_EQ(semctl(id, 0, GETNCNT), 2);
	CHECK_EQ(op(id, 0, 1, 0), 0);
	CHECK_EQ(reap(small), 1);
	CHECK_EQ(op(id, 0, 2, 0), 0);
	CHECK_EQ(reap(large), 2);
	struct sembuf up_and_wait[2] = { { 2, 1, 0 }, { 2, 0, IPC_NOWAIT } };
	CHECK_ERRNO(semop(id, up_and_wait, 2), EAGAIN);
	CHECK_EQ(semctl(id, 2, GETVAL), 0);
	struct sembuf zero_and_up[2] = { { 2, 0, 0 }, { 2, 1, 0 } };
	CHECK_EQ(semop(id, zero_and_up, 2), 0);
	static struct sembuf many[501];
	CHECK_ERRNO(semop(id, many, 501), E2BIG);
	many[499] = (struct sembuf){ 2, 5, 0 };
	CHECK_EQ(semop(id, many, 500), 0);
	CHECK_EQ(semctl(id, 2, GETVAL), 6);
	struct timespec bad = { 0, -1 };
	CHECK_ERRNO(semtimedop(id, both, 1, &bad), EINVAL);
	CHECK_ERRNO(semtimedop(id, both, 1, BAD), EFAULT);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

static void *
undo_thread(void *id)
{
	op(*(int *)id, 0, 3, SEM_UNDO);
	return NULL;
}

TEST("what is undone is the threads' together, and forgotten by SETVAL")
{
	int id = (int)MUST(semget(IPC_PRIVATE, 2, 0600));
	pthread_t t;
	CHECK_EQ(IN_CHILD({ pthread_create(&t, NULL, undo_thread, &id); pthread_join(t, NULL); _exit(semctl(id, 0, GETVAL)); }), 3);
	CHECK_EQ(semctl(id, 0, GETVAL), 0);
	CHECK_EQ(IN_CHILD({ op(id, 1, 4, SEM_UNDO); semctl(id, 1, SETVAL, (union semun){ .val = 7 }); op(id, 1, 1, SEM_UNDO); }), 0);
	CHECK_EQ(semctl(id, 1, GETVAL), 7);
	pid_t child = SPAWN({ op(id, 0, 1, SEM_UNDO); op(id, 1, -1, SEM_UNDO); pause(); });
	wait_asleep(child);
	CHECK_EQ(semctl(id, 0, GETVAL), 1);
	kill(child, SIGKILL);
	CHECK_EQ(reap(child), 137);
	CHECK_EQ(semctl(id, 0, GETVAL), 0);
	CHECK_EQ(semctl(id, 1, GETVAL), 7);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}

TEST("messages of all types but one, copies, and who waits")
{
	int id = (int)MUST(msgget(IPC_PRIVATE, 0600));
	struct message m = { 1, "a" };
	MUST(msgsnd(id, &m, 2, 0));
	m = (struct message){ 2, "bb" };
	MUST(msgsnd(id, &m, 3, 0));
	CHECK_EQ(msgrcv(id, &m, 64, 1, MSG_COPY | IPC_NOWAIT), 3);
	CHECK_STR(m.text, "bb");
	CHECK_ERRNO(msgrcv(id, &m, 64, 1, MSG_COPY), EINVAL);
	CHECK_ERRNO(msgrcv(id, &m, 64, 2, MSG_COPY | IPC_NOWAIT), ENOMSG);
	CHECK_EQ(msgrcv(id, &m, 64, 1, MSG_EXCEPT), 3);
	CHECK_EQ(m.type, 2);
	CHECK_EQ(msgrcv(id, &m, 64, 0, 0), 2);
	CHECK_ERRNO(msgrcv(id, &m, -1, 0, IPC_NOWAIT), EINVAL);
	pid_t child = SPAWN({ struct message r; _exit(msgrcv(id, &r, 1, 5, 0) == -1 ? errno : 0); });
	wait_asleep(child);
	m.type = 5;
	MUST(msgsnd(id, &m, 2, 0));
	CHECK_EQ(reap(child), E2BIG);
	CHECK_EQ(msgrcv(id, &m, 64, 5, IPC_NOWAIT), 2);
	struct msqid_ds d;
	MUST(msgctl(id, IPC_STAT, &d));
	d.msg_qbytes = 10;
	CHECK_EQ(msgctl(id, IPC_SET, &d), 0);
	CHECK_EQ(msgsnd(id, &m, 8, 0), 0);
	CHECK_ERRNO(msgsnd(id, &m, 8, IPC_NOWAIT), EAGAIN);
	child = SPAWN({ struct message w = { 6, "wait" }; _exit(msgsnd(id, &w, 8, 0) == 0 ? 4 : 1); });
	wait_asleep(child);
	CHECK_EQ(msgrcv(id, &m, 64, 0, 0), 8);
	CHECK_EQ(reap(child), 4);
	CHECK_EQ(msgrcv(id, &m, 64, 0, 0), 8);
	CHECK_EQ(m.type, 6);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(msgrcv(id, &m, 64, 0, IPC_NOWAIT) == -1 ? errno : 0); }), EACCES);
	on_signal(SIGALRM, count_signal, SA_RESTART);
	signal_asleep(getpid(), SIGALRM);
	CHECK_ERRNO(msgrcv(id, &m, 64, 0, 0), EINTR);
	CHECK_EQ(msgctl(id, IPC_RMID, NULL), 0);
}

TEST("a POSIX queue tells once of a message, counts against a limit, and has a place among files")
{
	struct mq_attr attr = { .mq_maxmsg = 2, .mq_msgsize = 16 };
	char buf[128] = "";
	mq_unlink("/abi3");
	mqd_t q = (mqd_t)MUST(mq_open("/abi3", O_RDWR | O_CREAT, 0640, &attr)), r = (mqd_t)MUST(mq_open("/abi3", O_RDONLY));
	CHECK_ERRNO(mq_open("/abi3", O_RDWR | O_WRONLY), EINVAL);
	CHECK_ERRNO(mq_send(r, "x", 1, 0), EBADF);
	struct stat st;
	CHECK_EQ(fstat(q, &st), 0);
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	on_signal(SIGUSR1, count_signal, 0);
	CHECK_EQ(mq_notify(q, &e), 0);
	CHECK_EQ(IN_CHILD(_exit(mq_notify(q, &e) == -1 ? errno : 0)), EBUSY);
	MUST(mq_send(q, "one", 3, 0));
	MUST(mq_send(q, "two", 3, 5));
	CHECK_EQ(signals_seen, 1);
	CHECK_EQ(read(r, buf, sizeof(buf)), 60);
	CHECK(strncmp(buf, "QSIZE:6 ", 8) == 0);
	pid_t child = SPAWN(_exit(mq_send(q, "three", 5, 9) == 0 ? 3 : 1));
	wait_asleep(child);
	CHECK_EQ(mq_receive(r, buf, 128, NULL), 3);
	CHECK_MEM(buf, "two", 3);
	CHECK_EQ(reap(child), 3);
	CHECK_EQ(mq_receive(r, buf, 128, NULL), 5);
	CHECK_EQ(mq_receive(r, buf, 128, NULL), 3);
	int ep = (int)MUST(epoll_create1(0));
	struct epoll_event want = { .events = EPOLLIN }, got;
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, r, &want));
	CHECK_EQ(epoll_wait(ep, &got, 1, 0), 0);
	child = SPAWN({ sleep_ms(30); mq_send(q, "p", 1, 0); });
	CHECK_EQ(epoll_wait(ep, &got, 1, PATIENCE_MS), 1);
	CHECK_EQ(got.events, EPOLLIN);
	MUST(mq_receive(r, buf, 128, NULL));
	CHECK_EQ(mq_notify(q, &e), 0);
	CHECK_EQ(mq_close(r), 0);
	CHECK_EQ(mq_notify(q, &e), 0);
	CHECK_EQ(mq_notify(q, NULL), 0);
	struct rlimit none = { 1000, 1000 };
	CHECK_EQ(IN_CHILD({ setrlimit(RLIMIT_MSGQUEUE, &none); _exit(mq_open("/abi4", O_RDWR | O_CREAT, 0600, NULL) == -1 ? errno : 0); }), EMFILE);
	attr.mq_maxmsg = 11;
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(mq_open("/abi4", O_RDWR | O_CREAT, 0600, &attr) == -1 ? errno : 0); }), EINVAL);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(mq_open("/abi3", O_RDONLY) == -1 ? errno : 0); }), EACCES);
	CHECK_EQ(IN_CHILD({ become_nobody(); _exit(syscall(SYS_mq_unlink, "abi3") == -1 ? errno : 0); }), EPERM);
	MUST(mkdir("queues", 0755));
	CHECK_EQ(mount("none", "queues", "mqueue", 0, NULL), 0);
	CHECK_EQ(access("queues/abi3", F_OK), 0);
	CHECK_EQ(unlink("queues/abi3"), 0);
	CHECK_ERRNO(mq_open("/abi3", O_RDWR), ENOENT);
	CHECK_EQ(mq_send(q, "still", 5, 0), 0);
	CHECK_EQ(umount("queues"), 0);
	CHECK_EQ(mq_close(q), 0);
}

TEST("semop itself, which libraries leave for semtimedop")
{
	int id = (int)MUST(semget(IPC_PRIVATE, 1, 0600));
	CHECK_EQ(syscall(SYS_semop, id, &(struct sembuf){ 0, 2, 0 }, 1), 0);
	CHECK_EQ(semctl(id, 0, GETVAL), 2);
	CHECK_ERRNO(syscall(SYS_semop, id, &(struct sembuf){ 0, -3, IPC_NOWAIT }, 1), EAGAIN);
	CHECK_ERRNO(syscall(SYS_semop, id, BAD, 1), EFAULT);
	CHECK_EQ(semctl(id, 0, IPC_RMID), 0);
}
