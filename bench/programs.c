// SPDX-License-Identifier: MPL-2.0
/*
 * The rows of `./cadre bench` that are real programs: each a shell command, timed from fork to wait.
 *
 *	programs [NAME…]     prints "NAME UNIT VALUE", as micro does. `programs -l` lists them.
 *
 * Needs a Debian root with the packages that tools/cadre/bench.py names, and a tmpfs on /tmp.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const struct row {
	const char *name, *before, *command;
} rows[] = {
	{ "hackbench processes", "", "hackbench -g 2 -l 50 -P" },
	{ "hackbench threads", "", "hackbench -g 2 -l 50 -T" },
	{ "hackbench pipes", "", "hackbench -g 2 -l 50 -p" },
	{ "sqlite3 inserts and queries", "rm -f /tmp/b.db; "
	  "awk 'BEGIN { print \"CREATE TABLE t(id INTEGER PRIMARY KEY, k INT, v TEXT); BEGIN;\"; for (i = 0; i < 50000; i++) "
	  "print \"INSERT INTO t(k, v) VALUES(\" i * 7919 % 50000 \", \\047value \" i \"\\047);\"; print \"COMMIT; CREATE INDEX x ON t(k);\"; "
	  "for (i = 0; i < 2000; i++) print \"SELECT count(*) FROM t WHERE k BETWEEN \" i * 20 \" AND \" i * 20 + 50 \";\" }' >/tmp/b.sql",
	  "sqlite3 /tmp/b.db </tmp/b.sql >/dev/null" },
	{ "tar create", "", "tar cf /tmp/b.tar /usr/lib/python3.11" },
	{ "tar extract", "rm -rf /tmp/b.tree; mkdir /tmp/b.tree; tar cf /tmp/b.tar /usr/lib/python3.11", "tar xf /tmp/b.tar -C /tmp/b.tree" },
	{ "gzip", "head -c 8000000 /usr/bin/perl /usr/bin/python3.11 | head -c 8000000 >/tmp/b.gz.in", "gzip -c /tmp/b.gz.in >/dev/null" },
	{ "find 20000 files", "mkdir -p /tmp/b.find; cd /tmp/b.find; for d in $(seq 100); do mkdir -p $d; (cd $d; seq -f f%g 200 | xargs touch); done",
	  "find /tmp/b.find -name '*99' -size -1k >/dev/null" },
	{ "compile a C project", "mkdir -p /tmp/b.c; cd /tmp/b.c; for i in 1 2 3 4 5; do printf '#include <stdio.h>\\n#include <stdlib.h>\\n#include <string.h>\\nint f%d(int n) "
	  "{ char b[64]; snprintf(b, sizeof b, \"%%d\", n); return (int)strlen(b) + n / %d; }\\n' $i $i >f$i.c; done; "
	  "echo 'int f1(int), f2(int), f3(int), f4(int), f5(int); int main(void) { return f1(1) + f2(2) + f3(3) + f4(4) + f5(5) == 0; }' >main.c",
	  "cd /tmp/b.c && for f in f1 f2 f3 f4 f5 main; do gcc -O1 -c $f.c || exit 1; done; gcc -o prog *.o && ./prog" },
	{ "python3 start-up", "", "for i in 1 2 3 4 5; do python3 -c 'import json, os, re'; done" },
	{ "shell spawns 1000 processes", "", "i=0; while [ $i -lt 1000 ]; do /bin/true; i=$((i + 1)); done" },
};

static uint64_t
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Runs a command by sh; ends the row where it fails. */
static int
run(const char *name, const char *command)
{
	pid_t child = fork();
	if (child == 0) {
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	int status = -1;
	waitpid(child, &status, 0);
	if (status != 0)
		fprintf(stderr, "programs: %s: status %#x\n", name, status);
	return status;
}

static void
measure(const struct row *row)
{
	if (row->before[0] && run(row->name, row->before) != 0)
		return;
	uint64_t start = now();
	if (run(row->name, row->command) != 0)
		return;
	printf("%s\tms\t%.3f\n", row->name, (double)(now() - start) / 1e6);
	fflush(stdout);
}

int
main(int count, char **arguments)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int wanted = count == 1;
		for (int j = 1; j < count; j++)
			wanted |= strstr(rows[i].name, arguments[j]) != NULL;
		if (count > 1 && strcmp(arguments[1], "-l") == 0)
			puts(rows[i].name);
		else if (wanted)
			measure(&rows[i]);
	}
	return 0;
}
