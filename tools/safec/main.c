// SPDX-License-Identifier: MPL-2.0
/** safec, the Safe C checker: reads the command line and starts the work in a process of its own. */
#include "report.h"
#include "unit.h"

#include <libgen.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"usage: safec [-o SUMMARY] [--framework DIR] FILE.c -- CFLAGS...   check one unit\n"
	"       safec --link SUMMARY...                                     compare the units of an image\n"
	"       safec --check-flags -- CFLAGS...                            demand the options of the language\n"
	"       safec --list-flags | --help | --version\n"
	"Exit status: 0 it is Safe C; 1 it is not, with lines 'file:line:col: rule-id: what, and what instead'\n"
	"on standard error; 2 safec itself failed.\n";

struct command {
	const char *file, *output, *framework;
	int nflags;
	char **flags;
};

struct job {
	int n;
	char **args;
	int status;
};

/** The framework's headers: of the tree that this program was built in, by where it lies, else by what it was built with. */
static const char *
default_framework(void)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n > 0) {
		self[n] = '\0';
		const char *beside = textf("%s/../../framework/include", dirname(self));
		if (access(beside, R_OK) == 0)
			return beside;
	}
	return SAFEC_FRAMEWORK;
}

static int
bad_usage(void)
{
	fputs(usage, stderr);
	return 2;
}

static bool
read_command(struct command *c, int n, char **args)
{
	for (int i = 0; i < n; i++) {
		if (strcmp(args[i], "--") == 0) {
			c->nflags = n - i - 1;
			c->flags = args + i + 1;
			break;
		}
		bool valued = strcmp(args[i], "-o") == 0 || strcmp(args[i], "--framework") == 0;
		if (valued && i + 1 < n)
			*(args[i][1] == 'o' ? &c->output : &c->framework) = args[i + 1];
		else if (valued || args[i][0] == '-' || c->file != nullptr)
			return false;
		else
			c->file = args[i];
		i += valued;
	}
	return c->file != nullptr;
}

static int
check(int n, char **args)
{
	static struct unit unit;
	struct command c = { .framework = default_framework() };
	if (!read_command(&c, n, args))
		return bad_usage();
	unit_check(&unit, c.file, c.framework, c.nflags, c.flags);
	int status = report_print();
	if (c.output != nullptr && status == 0)
		summary_write(&unit, c.output);
	return status;
}

static int
check_link(int n, char **args)
{
	link_check(n, args);
	return report_print();
}

static int
check_flags(int n, char **args)
{
	static struct flags flags;
	if (n < 1 || strcmp(args[0], "--") != 0)
		return bad_usage();
	flags_read(&flags, n - 1, args + 1);
	flags_require(n - 1, args + 1);
	return report_print();
}

static int
list_flags(int n, char **args)
{
	flags_print_required();
	return 0;
}

static int
help(int n, char **args)
{
	fputs(usage, stdout);
	return 0;
}

static int
version(int n, char **args)
{
	puts("safec 1, Safe C of Cadre");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int n, char **args);
} modes[] = {
	{ "--link", check_link }, { "--check-flags", check_flags }, { "--list-flags", list_flags }, { "--help", help },
	{ "--version", version },
};

static void *
run(void *data)
{
	struct job *job = data;
	for (size_t i = 0; i < COUNT(modes); i++)
		if (job->n > 0 && strcmp(job->args[0], modes[i].name) == 0) {
			job->status = modes[i].run(job->n - 1, job->args + 1);
			return nullptr;
		}
	job->status = check(job->n, job->args);
	return nullptr;
}

/** Deep syntax trees need a deep stack. */
static int
run_on_big_stack(struct job *job)
{
	pthread_t thread;
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, (size_t)512 << 20);
	if (pthread_create(&thread, &attributes, run, job) != 0)
		fail("no thread");
	pthread_join(thread, nullptr);
	fflush(nullptr);
	return job->status;
}

int
main(int argc, char **argv)
{
	struct job job = { argc - 1, argv + 1, 2 };
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(run_on_big_stack(&job));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		fail("no process");
	if (!WIFEXITED(status))
		fail("crashed; the file is not accepted");
	return WEXITSTATUS(status);
}
