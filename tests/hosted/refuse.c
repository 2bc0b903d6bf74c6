// SPDX-License-Identifier: MPL-2.0
/** refuse NUMBER... -- COMMAND...: runs it with these system calls refused (EPERM), as a host may that keeps programs in. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { CALLS_MAX = 16 };

int
main(int count, char **words)
{
	struct sock_filter code[2 * CALLS_MAX + 2] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)) };
	unsigned short used = 1;
	int i = 1;
	for (; i < count && i <= CALLS_MAX && strcmp(words[i], "--") != 0; i++) {
		code[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)atoi(words[i]), 0, 1);
		code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	}
	code[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	if (i + 1 >= count || strcmp(words[i], "--") != 0) {
		fprintf(stderr, "usage: refuse NUMBER... -- COMMAND...\n");
		return 2;
	}
	struct sock_fprog program = { .len = used, .filter = code };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
		perror("refuse: prctl");
		return 1;
	}
	execvp(words[i + 1], words + i + 1);
	perror(words[i + 1]);
	return 127;
}
