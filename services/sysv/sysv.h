// SPDX-License-Identifier: MPL-2.0
/**
 * System V IPC as others see it: limits, start, and what a thread leaves behind.
 */
#pragma once

#include <thread.h>

struct text;

/** Limits: /proc/sys/kernel/sem (SEMMSL SEMMNS SEMOPM SEMMNI), msgmax, msgmnb, msgmni. */
enum : u32 {
	SEMMSL = 32000, SEMMNS = 1024000000, SEMOPM = 500, SEMMNI = 32000, SEMVMX = 32767, SEMAEM = 32767,
	MSGMAX = 8192, MSGMNB = 16384, MSGMNI = 32000, SHMMNI = 4096,
};

/** Watches threads, for SEM_UNDO. Once at boot. */
void sysv_init(void);
/** exit and unshare(CLONE_SYSVSEM): the thread leaves its undo list; the last one to do so undoes. By the thread itself. */
void sem_undo_leave(struct thread *thread);

/** /proc/sysvipc/{sem,msg,shm}. */
void sysv_show_sem(struct text *text);
void sysv_show_msg(struct text *text);
void sysv_show_shm(struct text *text);
