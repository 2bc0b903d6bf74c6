// SPDX-License-Identifier: MPL-2.0
/*
 * Runs the programs of the ABI tests inside the machine: `guest JOBS SECONDS PROGRAM… [-- PROGRAM…]`, JOBS at a time, each for at most SECONDS; those
 * behind `--` when all others have ended, one at a time: they change what the others look at.
 *
 * What the programs print goes out line by line as they write it; here only `begin NAME` and `end NAME STATUS MILLISECONDS` are added, by which
 * tools/cadre/abi.py knows where a machine died. Asks little of the kernel: fork, exec, wait without blocking, sleep, kill.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { JOBS_MAX = 16 };

struct job {
	const char *name;
	pid_t pid;        /* 0: free */
	long long start, end;
};

static struct job jobs[JOBS_MAX];

static long long
now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ll + t.tv_nsec / 1000000;
}

static void
say(const char *what, const char *name, int status, long long ms)
{
	char line[256];
	int n = status < 0 ? snprintf(line, sizeof(line), "%s %s\n", what, name)
	                   : snprintf(line, sizeof(line), "%s %s %d %lld\n", what, name, status, ms);
	ssize_t done = write(1, line, (size_t)n);
	(void)done;
}

static void
start(struct job *job, const char *path, int seconds)
{
	const char *slash = strrchr(path, '/');
	job->name = slash != NULL ? slash + 1 : path;
	job->start = now_ms();
	job->end = job->start + seconds * 1000ll;
	say("begin", job->name, -1, 0);
	job->pid = fork();
	if (job->pid == 0) {
		setpgid(0, 0);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	if (job->pid < 0) {
		say("end", job->name, 126, 0);
		job->pid = 0;
	}
}

static void
look(struct job *job)
{
	int status = 0;
	pid_t got = waitpid(job->pid, &status, WNOHANG);
	if (got == 0 && now_ms() < job->end)
		return;
	if (got == 0) {
		kill(-job->pid, SIGKILL);
		kill(job->pid, SIGKILL);
		for (int i = 0; i < 100 && waitpid(job->pid, &status, WNOHANG) == 0; i++)
			usleep(10000);
		status = 124 << 8;
	}
	say("end", job->name, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), now_ms() - job->start);
	job->pid = 0;
}

int
main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	int njobs = atoi(argv[1]) < JOBS_MAX ? atoi(argv[1]) : JOBS_MAX, seconds = atoi(argv[2]), next = 3, busy;
	do {
		busy = 0;
		for (struct job *job = jobs; job < jobs + njobs; job++)
			busy += job->pid != 0;
		if (next < argc && strcmp(argv[next], "--") == 0 && busy == 0) {
			njobs = 1;
			next++;
		}
		busy = 0;
		for (struct job *job = jobs; job < jobs + njobs; job++) {
			if (job->pid != 0)
				look(job);
			if (job->pid == 0 && next < argc && strcmp(argv[next], "--") != 0)
				start(job, argv[next++], seconds);
			busy += job->pid != 0;
		}
		usleep(3000);
	} while (busy != 0 || next < argc);
	say("over", "all", -1, 0);
	return 0;
}
