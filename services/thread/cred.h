// SPDX-License-Identifier: MPL-2.0
/**
 * Credentials: immutable objects, shared until changed; a change publishes a new one.
 *
 * Source: credentials(7), capabilities(7).
 */
#pragma once

#include <cadre/atomic.h>
#include <cadre/object.h>

enum capability : u32 {
	CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_KILL, CAP_SETGID, CAP_SETUID,
	CAP_SETPCAP, CAP_LINUX_IMMUTABLE, CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_ADMIN, CAP_NET_RAW,
	CAP_IPC_LOCK, CAP_IPC_OWNER, CAP_SYS_MODULE, CAP_SYS_RAWIO, CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_PACCT,
	CAP_SYS_ADMIN, CAP_SYS_BOOT, CAP_SYS_NICE, CAP_SYS_RESOURCE, CAP_SYS_TIME, CAP_SYS_TTY_CONFIG, CAP_MKNOD,
	CAP_LEASE, CAP_AUDIT_WRITE, CAP_AUDIT_CONTROL, CAP_SETFCAP, CAP_MAC_OVERRIDE, CAP_MAC_ADMIN, CAP_SYSLOG,
	CAP_WAKE_ALARM, CAP_BLOCK_SUSPEND, CAP_AUDIT_READ, CAP_PERFMON, CAP_BPF, CAP_CHECKPOINT_RESTORE, CAP_COUNT,
};
enum : u64 { CAP_ALL = ((u64)1 << CAP_COUNT) - 1 };

ARRAY_DECLARE(group_array, u32);

/** What one user (real uid) has in use, over all processes: for limits. Lives as long as a cred of the user's does. */
struct user_account {
	u32 uid;                            /* [const] */
	struct atomic64 threads;            /* RLIMIT_NPROC */
	struct atomic64 signals;            /* RLIMIT_SIGPENDING: queued signals */
	struct atomic64 message_bytes;      /* RLIMIT_MSGQUEUE */
	struct atomic64 locked_bytes;       /* RLIMIT_MEMLOCK of shared memory segments */
	struct atomic64 pipe_slots;         /* /proc/sys/fs/pipe-user-pages-soft, -hard */
	struct atomic64 epoll_watches;      /* /proc/sys/fs/epoll/max_user_watches */
	struct atomic64 inotify_instances, inotify_watches; /* /proc/sys/fs/inotify/ */
	struct atomic64 files_in_flight;    /* RLIMIT_NOFILE of descriptors in messages */
};
OBJECT_DECLARE(user_account);
/** With a reference. => null: ENOMEM */
struct user_account *user_account_find(u32 uid);
/** The running thread's, with a reference. */
struct user_account *user_account_current_get(void);
/** Adds `n`, which may be negative as two's complement, to one of the counts. => the sum */
static inline u64 user_count_add(struct atomic64 *count, u64 n) { return atomic64_add(count, n) + n; }

/** Never changed once published. */
struct cred {
	struct user_account *user;          /* counted: of `uid` */
	u32 uid, euid, suid, fsuid;
	u32 gid, egid, sgid, fsgid;
	struct group_array *groups;         /* counted; sorted; null: none */
	u64 cap_inheritable, cap_permitted, cap_effective, cap_bounding, cap_ambient;
	u32 securebits;
};
OBJECT_DECLARE(cred);

/** The running thread's, without a reference. In a kernel task: root's. */
const struct cred *cred_current(void);
/** The same with a reference, to be kept in a file or message. */
struct cred *cred_current_get(void);
/** A copy of the running thread's, to be changed and installed. => null: memory is gone. */
struct cred *cred_copy(void);
/** Makes `cred` the running thread's; takes over the caller's reference. */
void cred_install(struct cred *cred);
/** A copy of any cred. => null: ENOMEM */
struct cred *cred_clone(const struct cred *from);
/** Takes over the reference to `groups` (may be null), sorted. */
void cred_set_groups(struct cred *cred, struct group_array *groups);
/** Changes the real user id, and the account with it. => ENOMEM */
err_t cred_set_uid(struct cred *cred, u32 uid);
bool cred_in_group(const struct cred *cred, u32 gid);      /* fsgid or supplementary */
bool cred_capable(const struct cred *cred, enum capability capability);
/** Whether the running thread has the capability in its effective set. */
bool capable(enum capability capability);
