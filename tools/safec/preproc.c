// SPDX-License-Identifier: MPL-2.0
/** Checks directives and macros of a service's files, before anything is expanded. */
#include "preproc.h"

#include "lexer.h"

#include <ctype.h>

/* Words that no macro may be named after, nor pasted together to. */
static names_t keywords = {
	"alignas", "alignof", "asm", "auto", "bool", "break", "case", "char", "const", "constexpr", "continue",
	"default", "do", "double", "else", "enum", "extern", "false", "float", "for", "goto", "if", "inline", "int",
	"long", "nullptr", "register", "restrict", "return", "short", "signed", "sizeof", "static", "static_assert",
	"struct", "switch", "thread_local", "true", "typedef", "typeof", "typeof_unqual", "union", "unsigned", "void",
	"volatile", "while", "defined", "alloca", "setjmp", "longjmp", nullptr,
};
/* Marks that are the framework's to give. `scoped` and the lock marks are anyone's. */
static names_t framework_marks = {
	"PRIVATE", "OPAQUE", "SCOPED_TYPE", "RETURNS_SCOPED", "PLAIN", "HEAP_TYPE", nullptr,
};

static bool
is_reserved(const char *name)
{
	return name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1]));
}

/** Whether a framework's or the language's word starts with `prefix`. */
static bool
starts_a_word(const char *prefix)
{
	for (const char *const *k = keywords; *k != nullptr; k++)
		if (starts_with(*k, prefix))
			return true;
	for (const char *const *k = framework_marks; *k != nullptr; k++)
		if (starts_with(*k, prefix))
			return true;
	return prefix[0] == '_' || starts_with("va_arg", prefix) || starts_with("_", prefix);
}

static void
check_name(const struct vocabulary *v, const struct word *w)
{
	if (is_reserved(w->text))
		report(SC_PREPROC, w->at, "the macro name '%s' is the compiler's; drop the leading underscore", w->text);
	else if (name_in(w->text, keywords))
		report(SC_PREPROC, w->at, "the macro '%s' would change the language; choose another name", w->text);
	else if (set_has(&v->identifiers, w->text))
		report(SC_PREPROC, w->at, "'%s' is a word of the framework's headers, whose macros it would change; "
		       "choose another name", w->text);
}

/** Words of the line from `i` on that name a parameter of the macro; returns the index behind the list. */
static size_t
read_parameters(const struct line *l, struct set *parameters)
{
	size_t i = 3;
	if (l->words.n <= 3 || !l->words.at[3].glued || strcmp(l->words.at[3].text, "(") != 0)
		return i;
	for (i++; i < l->words.n && strcmp(l->words.at[i].text, ")") != 0; i++)
		set_add(parameters, l->words.at[i].text);
	set_add(parameters, "__VA_ARGS__");
	set_add(parameters, "__VA_OPT__");
	return i + 1;
}

/** Whether some word of the language, or a macro of the framework's, ends with `suffix`. */
static bool
completes_a_word(const struct vocabulary *v, const char *suffix)
{
	static names_t others = { "va_list", "va_start", "va_arg", "va_copy", "va_end", "__pragma", "no_sanitize", nullptr };
	for (const char *const *k = keywords; *k != nullptr; k++)
		if (ends_with(*k, suffix))
			return true;
	for (const char *const *k = others; *k != nullptr; k++)
		if (ends_with(*k, suffix))
			return true;
	for (size_t i = 0; i < v->macros.cap; i++)
		if (v->macros.slots[i] != nullptr && ends_with(v->macros.slots[i], suffix))
			return true;
	return false;
}

/** `_word`: in small letters, and not the end of a name that the framework keeps to itself. */
static bool
is_suffix(const char *text)
{
	for (const char *c = text; *c != '\0'; c++)
		if (!islower((unsigned char)*c) && !isdigit((unsigned char)*c) && *c != '_')
			return false;
	return text[0] == '_' && islower((unsigned char)text[1]) && !ends_with(text, "_");
}

/** Whether words `from` to `to`, two apart, are written out in the macro. */
static bool
are_literal(const struct line *l, size_t from, size_t to, const struct set *parameters)
{
	for (size_t i = from; i <= to; i += 2)
		if ((l->words.at[i].kind != LEX_IDENTIFIER && l->words.at[i].kind != LEX_NUMBER) || set_has(parameters, l->words.at[i].text))
			return false;
	return true;
}

/**
 * A paste may make a name, never a keyword, a builtin or a mark. So it is mine_##x, or x##_mine, and no such word begins
 * or ends like the part that is written out: tokens.c knows by it whose the name is. An argument of several words is pasted
 * by its first and its last one, so each argument must touch that part. `first` to `last` are the ends of a chain.
 */
static void
check_paste(const struct vocabulary *v, const struct line *l, size_t first, size_t last, const struct set *parameters,
            struct tokens *pasted)
{
	const struct word *begin = &l->words.at[first], *end = &l->words.at[last];
	bool stringified = first > 0 && strcmp(l->words.at[first - 1].text, "#") == 0;
	if (begin->kind == LEX_NUMBER && are_literal(l, first, last - 2, parameters))
		return;
	if (begin->kind == LEX_IDENTIFIER && are_literal(l, first, last - 2, parameters) && !starts_a_word(begin->text))
		vec_push(&pasted->pasted, begin->text);
	else if (begin->kind == LEX_IDENTIFIER && last == first + 2 && !stringified && are_literal(l, last, last, parameters) &&
	         end->kind == LEX_IDENTIFIER && is_suffix(end->text) && !completes_a_word(v, end->text))
		vec_push(&pasted->suffixes, end->text);
	else
		report(SC_PREPROC, l->words.at[first + 1].at, "'##' may hide what it makes; begin the pasted name with a word of its own, "
		       "as in mine_##x, or end it with one, as in x##_mine");
}

/** Checks the chain of pastes whose first ## is word i; returns the index of its last word. */
static size_t
check_chain(const struct vocabulary *v, const struct line *l, size_t body, size_t i, const struct set *parameters,
            struct tokens *pasted)
{
	size_t last = i + 1;
	while (last + 1 < l->words.n && strcmp(l->words.at[last + 1].text, "##") == 0)
		last += 2;
	if (i <= body || last >= l->words.n)
		report(SC_PREPROC, l->words.at[i].at, "'##' stands between two words");
	else
		check_paste(v, l, i - 1, last, parameters, pasted);
	return last;
}

static void
check_define(const struct vocabulary *v, const struct line *l, struct tokens *pasted)
{
	struct set parameters = { };
	if (l->words.n < 3)
		return;
	check_name(v, &l->words.at[2]);
	size_t body = read_parameters(l, &parameters);
	for (size_t i = body; i < l->words.n; i++)
		if (strcmp(l->words.at[i].text, "##") == 0)
			i = check_chain(v, l, body, i, &parameters, pasted);
}

static void
check_undef(const struct vocabulary *v, const struct line *l, struct tokens *pasted)
{
	if (l->words.n >= 3)
		check_name(v, &l->words.at[2]);
}

/** The name between the quotes or angle brackets of an #include; null where it is not that simple. */
static const char *
include_name(const struct line *l)
{
	if (l->words.n == 3 && l->words.at[2].kind == LEX_STRING)
		return text_copy(l->words.at[2].text + 1, strlen(l->words.at[2].text) - 2);
	if (l->words.n < 5 || strcmp(l->words.at[2].text, "<") != 0 || strcmp(l->words.at[l->words.n - 1].text, ">") != 0)
		return nullptr;
	char *name = text_copy("", 0);
	for (size_t i = 3; i + 1 < l->words.n; i++)
		name = textf("%s%s%s", name, i > 3 && !l->words.at[i].glued ? " " : "", l->words.at[i].text);
	return name;
}

static bool
is_plain_path(const char *name)
{
	for (const char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("_./+-", *c) == nullptr)
			return false;
	return name[0] != '/' && name[0] != '\0' && !starts_with(name, "../") && strstr(name, "/../") == nullptr;
}

static void
check_include(const struct vocabulary *v, const struct line *l, struct tokens *pasted)
{
	const char *name = include_name(l);
	if (name == nullptr || !is_plain_path(name))
		report(SC_PREPROC, l->words.at[0].at, "an include names one header, below the search path, in plain letters; "
		       "write #include <cadre/…> or \"module/module.h\"");
}

static void
check_pragma(const struct vocabulary *v, const struct line *l, struct tokens *pasted)
{
	if (l->words.n != 3 || strcmp(l->words.at[2].text, "once") != 0)
		report(SC_PREPROC, l->words.at[0].at, "#pragma changes what the compiler does; only '#pragma once' is part "
		       "of Safe C: delete it");
}

static void
check_nothing(const struct vocabulary *v, const struct line *l, struct tokens *pasted)
{
}

static const struct directive {
	const char *name;
	void (*check)(const struct vocabulary *, const struct line *, struct tokens *);
} directives[] = {
	{ "define", check_define }, { "undef", check_undef }, { "include", check_include }, { "pragma", check_pragma },
	{ "if", check_nothing }, { "ifdef", check_nothing }, { "ifndef", check_nothing }, { "elif", check_nothing },
	{ "elifdef", check_nothing }, { "elifndef", check_nothing }, { "else", check_nothing },
	{ "endif", check_nothing }, { "error", check_nothing }, { "warning", check_nothing },
};

static void
check_directive(const struct vocabulary *v, const struct line *l, struct tokens *pasted)
{
	if (l->words.n < 2)
		return;
	for (size_t i = 0; i < COUNT(directives); i++)
		if (strcmp(directives[i].name, l->words.at[1].text) == 0) {
			directives[i].check(v, l, pasted);
			return;
		}
	report(SC_PREPROC, l->words.at[0].at, "the directive '#%s' is not part of Safe C; delete it", l->words.at[1].text);
}

static void
check_word(const struct vocabulary *v, const struct word *w)
{
	if (w->kind != LEX_IDENTIFIER)
		return;
	bool framework = v->identifiers.n > 0;
	if (strcmp(w->text, "_Pragma") == 0 || strcmp(w->text, "__pragma") == 0)
		report(SC_PREPROC, w->at, "%s changes what the compiler does; delete it", w->text);
	else if (framework && name_in(w->text, framework_marks) && set_has(&v->macros, w->text))
		report(SC_BUILTIN, w->at, "the mark %s is the framework's to give; a service writes 'scoped' alone", w->text);
	else if (framework && ends_with(w->text, "_") && set_has(&v->macros, w->text))
		report(SC_PRIVATE, w->at, "the macro %s is internal to the framework; use the one without the trailing "
		       "underscore", w->text);
}

static bool
is_directive(const struct line *l)
{
	return strcmp(l->words.at[0].text, "#") == 0;
}

/** A line marker or #line forges places, and places are what trust rests on. */
static bool
forges_places(const struct line *l)
{
	return l->words.n > 1 && (l->words.at[1].kind == LEX_NUMBER || strcmp(l->words.at[1].text, "line") == 0);
}

bool
preproc_check(const struct vocabulary *v, const struct file *f, struct tokens *pasted)
{
	struct lexer x;
	struct line line = { };
	size_t len;
	bool sound = true;
	char *text = file_read(f->real, &len);
	if (text == nullptr)
		fail("cannot read %s", f->real);
	lexer_init(&x, f->name, text, len);
	while (lexer_line(&x, &line)) {
		for (size_t i = 0; i < line.words.n; i++)
			check_word(v, &line.words.at[i]);
		if (is_directive(&line)) {
			check_directive(v, &line, pasted);
			sound &= !forges_places(&line);
		}
	}
	if (x.trouble != nullptr)
		report(SC_PREPROC, x.trouble_at, "%s can hide what the text means; write it plainly", x.trouble);
	return sound && x.trouble == nullptr;
}

static bool
directive_is(const struct line *l, const char *name)
{
	return l->words.n > 1 && is_directive(l) && strcmp(l->words.at[1].text, name) == 0;
}

/** Words of one line of a framework header: not a macro's own parameters, nor what a condition tests. */
static void
vocabulary_line(struct vocabulary *v, const struct line *l)
{
	struct set parameters = { };
	bool define = directive_is(l, "define") && l->words.n > 2;
	if (is_directive(l) && !define)
		return;
	if (define) {
		set_add(&v->macros, l->words.at[2].text);
		read_parameters(l, &parameters);
	}
	for (size_t i = define ? 2 : 0; i < l->words.n; i++)
		if (l->words.at[i].kind == LEX_IDENTIFIER && !set_has(&parameters, l->words.at[i].text))
			set_add(&v->identifiers, l->words.at[i].text);
}

void
vocabulary_read(struct vocabulary *v, const struct file *f)
{
	struct lexer x;
	struct line line = { };
	size_t len;
	char *text = file_read(f->real, &len);
	if (text == nullptr)
		fail("cannot read %s", f->real);
	lexer_init(&x, f->name, text, len);
	while (lexer_line(&x, &line))
		vocabulary_line(v, &line);
}

void
preproc_check_define(const struct vocabulary *v, const char *define)
{
	size_t name = strcspn(define, "=(");
	struct word w = { .text = text_copy(define, name), .at = COMMAND_LINE };
	if (is_reserved(w.text) || name_in(w.text, keywords) || set_has(&v->identifiers, w.text))
		report(SC_FLAGS, COMMAND_LINE, "-D%s changes a word of the language or the framework; choose another name", w.text);
	for (const char *c = define + name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && strchr("=_\"-+. /:", *c) == nullptr) {
			report(SC_FLAGS, COMMAND_LINE, "-D%s: a macro of the command line holds a number, a name or a text", define);
			return;
		}
}
