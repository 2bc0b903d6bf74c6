// SPDX-License-Identifier: MPL-2.0
/** Runs clang's preprocessor on the unit and reads the tokens it prints, each with its origin. */
#include "tokens.h"

#include <ctype.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/** The whole of an open file, NUL-terminated. */
static char *
content(int fd, size_t *len)
{
	struct stat status;
	if (fstat(fd, &status) != 0)
		fail("the tokens cannot be read");
	size_t size = (size_t)status.st_size;
	char *text = malloc(size + 1);
	if (text == nullptr)
		fail("no memory");
	for (*len = 0; *len < size;) {
		ssize_t n = pread(fd, text + *len, size - *len, (off_t)*len);
		if (n <= 0)
			fail("the tokens cannot be read");
		*len += (size_t)n;
	}
	text[size] = '\0';
	return text;
}

/**
 * Runs the compiler with `argv`; returns all it writes to standard error.
 *
 * It would write each token in several pieces, a system call each: preload/buffer.c gathers them.
 */
static char *
run_compiler(const char **argv, size_t *len)
{
	pid_t pid;
	posix_spawn_file_actions_t acts;
	int fd = memfd_create("tokens", MFD_CLOEXEC);
	if (fd < 0)
		fail("no file in memory");
	posix_spawn_file_actions_init(&acts);
	posix_spawn_file_actions_adddup2(&acts, fd, 2);
	VEC(char *) env = { };
	vec_push(&env, "LD_PRELOAD=" SAFEC_BUFFER);
	for (char **name = environ; *name != nullptr; name++)
		if (!starts_with(*name, "LD_PRELOAD="))
			vec_push(&env, *name);
	vec_push(&env, nullptr);
	if (posix_spawn(&pid, argv[0], &acts, nullptr, (char *const *)argv, env.at) != 0)
		fail("cannot run %s", argv[0]);
	int status;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		fail("the compiler's preprocessor crashed");
	char *text = content(fd, len);
	close(fd);
	return text;
}

static char *
dump(const char *unit, const struct flags *flags, size_t *len)
{
	static const char *const fixed[] = {
		SAFEC_LLVM "/bin/clang", "-x", "c", "-std=gnu23", "-ffreestanding", "-w", "-fsyntax-only",
		"-Xclang", "-dump-tokens",
	};
	VEC(const char *) argv = { };
	for (size_t i = 0; i < COUNT(fixed); i++)
		vec_push(&argv, fixed[i]);
	for (size_t i = 0; i < flags->parse.n; i++)
		vec_push(&argv, flags->parse.at[i]);
	vec_push(&argv, unit);
	vec_push(&argv, nullptr);
	return run_compiler(argv.at, len);
}

/** Splits "name:line:column" in place. */
static bool
read_place(char *text, struct place *at)
{
	char *column = strrchr(text, ':');
	if (column == nullptr)
		return false;
	*column = '\0';
	char *line = strrchr(text, ':');
	if (line == nullptr)
		return false;
	*line = '\0';
	*at = (struct place){ file_of(text)->name, (unsigned)strtoul(line + 1, nullptr, 10),
		(unsigned)strtoul(column + 1, nullptr, 10) };
	return at->line > 0;
}

/** Reads "used-place" or "used-place <Spelling=spelled-place>", without the closing bracket. */
static bool
read_origin(char *text, struct token *t)
{
	static const char mark[] = " <Spelling=";
	char *spelling = strstr(text, mark);
	if (spelling != nullptr) {
		*spelling = '\0';
		spelling += strlen(mark);
		size_t n = strlen(spelling);
		if (n == 0 || spelling[n - 1] != '>')
			return false;
		spelling[n - 1] = '\0';
		if (!read_place(spelling, &t->spelled))
			return false;
	}
	if (!read_place(text, &t->used))
		return false;
	if (spelling == nullptr)
		t->spelled = t->used;
	t->file = file_of(t->spelled.file);
	return true;
}

static char *
last_of(char *text, const char *part)
{
	char *last = nullptr;
	for (char *p = text; (p = strstr(p, part)) != nullptr; p++)
		last = p;
	return last;
}

/** Cuts what the dump puts behind the token's text: tab, flags. => false where it looks otherwise. */
static bool
cut_flags(char *text)
{
	static names_t marks = { " [StartOfLine]", " [LeadingSpace]", " [ExpandDisabled]", nullptr };
	for (bool cut = true; cut;) {
		cut = false;
		for (size_t i = 0; marks[i] != nullptr; i++)
			if (ends_with(text, marks[i])) {
				text[strlen(text) - strlen(marks[i])] = '\0';
				cut = true;
			}
	}
	if (!ends_with(text, "'\t"))
		return false;
	text[strlen(text) - 2] = '\0';
	return true;
}

/** Reads one line of the dump: name 'text'<tab>[flags]<tab>Loc=<origin> */
static bool
read_line(char *line, struct token *t)
{
	char *text = strstr(line, " '");
	char *origin = last_of(line, "\tLoc=<");
	if (text == nullptr || origin == nullptr || origin < text || !ends_with(line, ">"))
		return false;
	line[strlen(line) - 1] = '\0';
	*origin = '\0';
	*text = '\0';
	t->text = text + 2;
	t->identifier = isalpha((unsigned char)t->text[0]) || t->text[0] == '_' || (t->text[0] & 0x80) != 0;
	return cut_flags(text + 2) && read_origin(origin + strlen("\tLoc=<"), t);
}

/** A pasted token has no file. It is the framework's, unless a service's own macro may have pasted it: preproc.c sees to it that
 * such a one begins or ends with a part that is written in the macro. What is called up in a framework header involves no
 * macro of a service's: none has a name that occurs there. */
static bool
pasted_by_service(const struct tokens *t, const char *text)
{
	for (size_t i = 0; i < t->pasted.n; i++)
		if (starts_with(text, t->pasted.at[i]))
			return true;
	for (size_t i = 0; i < t->suffixes.n; i++)
		if (ends_with(text, t->suffixes.at[i]))
			return true;
	return false;
}

static bool
is_trusted(const struct tokens *t, const struct token *token)
{
	if (strcmp(token->spelled.file, "<scratch space>") == 0)
		return file_of(token->used.file)->kind == FILE_FRAMEWORK || !pasted_by_service(t, token->text);
	if (strcmp(token->spelled.file, "<built-in>") == 0)
		return file_of(token->used.file)->kind == FILE_FRAMEWORK;
	if (token->file->kind == FILE_RESOURCE) /* what such a header declares, not what a service calls up from it */
		return file_of(token->used.file)->kind == FILE_RESOURCE;
	return token->file->kind == FILE_FRAMEWORK;
}

/**
 * A mark is a tag to the compiler, which generates the same code with it as without (an annotation keeps a variable in memory). libclang
 * shows the text of an annotation and not that of a tag: so the rules see annotations. Both runs of the preprocessor see the same macros.
 */
static const char *
mark_shown(const struct token *token)
{
	return token->trusted && strcmp(token->text, "btf_decl_tag") == 0 ? "annotate" : token->text;
}

static void
add(struct tokens *t, const struct token *token)
{
	vec_push(&t->offsets, (uint32_t)t->flat.n);
	vec_push(&t->list, *token);
	for (const char *c = token->text; *c != '\0'; c++)
		vec_push(&t->flat, *c);
	vec_push(&t->flat, t->list.n % 16 == 0 ? '\n' : ' ');
}

bool
tokens_read(struct tokens *t, const char *unit, const struct flags *flags, bool has_errors)
{
	size_t len;
	char *text = dump(unit, flags, &len);
	for (char *line = strtok(text, "\n"); line != nullptr; line = strtok(nullptr, "\n")) {
		struct token token = { };
		if (starts_with(line, "eof ")) {
			vec_push(&t->flat, '\0');
			return true;
		}
		if (!read_line(line, &token)) {
			if (!has_errors)
				report(SC_PARSE, (struct place){ unit, 1, 1 },
				       "the preprocessor's output cannot be followed near: %.80s; write plain tokens", line);
			return false;
		}
		token.trusted = is_trusted(t, &token);
		token.text = mark_shown(&token);
		add(t, &token);
	}
	if (!has_errors)
		report(SC_PARSE, (struct place){ unit, 1, 1 }, "the preprocessor's output has no end; run it again");
	return false;
}

uint32_t
token_at(const struct tokens *t, uint32_t offset)
{
	size_t low = 0, high = t->offsets.n;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (t->offsets.at[middle] + strlen(t->list.at[middle].text) <= offset)
			low = middle + 1;
		else
			high = middle;
	}
	return (uint32_t)low;
}

struct place
token_place(const struct tokens *t, uint32_t i)
{
	if (t->list.n == 0)
		return COMMAND_LINE;
	const struct token *token = &t->list.at[i < t->list.n ? i : t->list.n - 1];
	return token->file->kind == FILE_OWN ? token->spelled : token->used;
}

bool
token_is(const struct tokens *t, uint32_t i, const char *text)
{
	return i < t->list.n && strcmp(t->list.at[i].text, text) == 0;
}
