// SPDX-License-Identifier: MPL-2.0
/** Takes one unit through preprocessing, parsing and the rules. */
#include "unit.h"

#include "rules.h"

#include <sys/stat.h>
#include <unistd.h>

static void (*const node_rules[])(struct unit *, struct node *) = {
	rule_casts, rule_arith, rule_index, rule_records, rule_declarations, rule_calls, rule_names, rule_language,
	rule_jumps, rule_function_marks, rule_scope,
};

/* Warnings that are errors in Safe C, whatever the compile line says. Conversions are judged by the rules. */
static const char *const own_flags[] = {
	"-x", "c", "-std=gnu23", "-ffreestanding", "-Wno-everything", "-Werror=return-type",
	"-Werror=implicit-function-declaration", "-Werror=implicit-int", "-fbracket-depth=256", "-ferror-limit=20",
};

typedef VEC(const char *) arguments_t;

static CXTranslationUnit
parse(const char *path, const arguments_t *arguments, struct CXUnsavedFile *text)
{
	CXTranslationUnit tu = nullptr;
	CXIndex index = clang_createIndex(0, 0);
	enum CXErrorCode error = clang_parseTranslationUnit2(index, path, arguments->at, (int)arguments->n, text, text != nullptr,
	                                                     CXTranslationUnit_None, &tu);
	if (error != CXError_Success || tu == nullptr)
		report(SC_PARSE, (struct place){ path, 1, 1 }, "the parser gives up on this file; write it more plainly");
	return tu;
}

/** Where the parser's message points. `tokens` is null for the unit as written, else it translates places. */
static struct place
place_of(CXDiagnostic d, const char *unit, const struct tokens *tokens)
{
	CXFile file;
	unsigned line, column, offset;
	clang_getSpellingLocation(clang_getDiagnosticLocation(d), &file, &line, &column, &offset);
	if (file == nullptr)
		return (struct place){ unit, 1, 1 };
	if (tokens != nullptr)
		return token_place(tokens, token_at(tokens, offset));
	return (struct place){ clang_getCString(clang_getFileName(file)), line, column };
}

static unsigned
report_errors(const struct unit *u, CXTranslationUnit tu, const struct tokens *tokens)
{
	unsigned errors = 0;
	for (unsigned i = 0; i < clang_getNumDiagnostics(tu); i++) {
		CXDiagnostic d = clang_getDiagnostic(tu, i);
		if (clang_getDiagnosticSeverity(d) < CXDiagnostic_Error)
			continue;
		report(SC_PARSE, place_of(d, u->path, tokens), "%s", clang_getCString(clang_getDiagnosticSpelling(d)));
		errors++;
	}
	return errors;
}

static void
add_include(CXFile file, CXSourceLocation *stack, unsigned depth, CXClientData data)
{
	VEC(const char *) *names = data;
	vec_push(names, clang_getCString(clang_getFileName(file)));
}

/** Reads the framework's words first, then checks each of the service's own files. */
static bool
check_files(struct unit *u)
{
	VEC(const char *) names = { };
	bool sound = true;
	clang_getInclusions(u->source, add_include, &names);
	for (size_t i = 0; i < names.n; i++)
		if (file_of(names.at[i])->kind == FILE_FRAMEWORK)
			vocabulary_read(&u->words, file_of(names.at[i]));
	for (size_t i = 0; i < names.n; i++) {
		const struct file *f = file_of(names.at[i]);
		if (f->kind == FILE_OWN)
			sound &= preproc_check(&u->words, f, &u->tokens);
		else if (f->kind == FILE_FOREIGN)
			report(SC_PREPROC, (struct place){ u->path, 1, 1 }, "includes '%s', which is neither the framework's nor a service's; "
			       "use <cadre/…>", f->name);
	}
	for (size_t i = 0; i < u->flags.defines.n; i++)
		preproc_check_define(&u->words, u->flags.defines.at[i]);
	return sound;
}

static enum CXChildVisitResult
add_name(CXCursor c, CXCursor parent, CXClientData data)
{
	struct unit *u = data;
	enum CXCursorKind kind = clang_getCursorKind(c);
	bool tag = kind == CXCursor_StructDecl || kind == CXCursor_UnionDecl || kind == CXCursor_EnumDecl;
	uint32_t first, last;
	tree_range(u, c, &first, &last);
	if (first >= u->tokens.list.n || u->tokens.list.at[first].file->kind != FILE_FRAMEWORK ||
	    u->tokens.list.at[last].file->kind != FILE_FRAMEWORK || strcmp(u->tokens.list.at[first].used.file, u->path) == 0)
		return CXChildVisit_Continue;
	if (file_of(u->tokens.list.at[first].used.file)->kind != FILE_FRAMEWORK)
		return CXChildVisit_Continue;
	set_add(&u->framework_names, tag ? textf("tag %s", name_of(c)) : name_of(c));
	return kind == CXCursor_EnumDecl ? CXChildVisit_Recurse : CXChildVisit_Continue;
}

static enum CXChildVisitResult
add_root(CXCursor c, CXCursor parent, CXClientData data)
{
	struct unit *u = data;
	uint32_t first, last;
	tree_range(u, c, &first, &last);
	bool own = false;
	for (uint32_t i = first; i <= last && i < u->tokens.list.n; i++)
		own |= !u->tokens.list.at[i].trusted || file_of(u->tokens.list.at[i].used.file)->kind == FILE_OWN;
	if (own) {
		struct node *n = tree_build(u, c);
		if (n != nullptr)
			vec_push(&u->roots, n);
	}
	return CXChildVisit_Continue;
}

static void
apply(struct unit *u, struct node *n)
{
	if (n->kind == CXCursor_DeclRefExpr)
		set_add(&u->used, name_of(n->cursor));
	for (size_t i = 0; i < COUNT(node_rules); i++)
		node_rules[i](u, n);
}

static bool
parse_source(struct unit *u)
{
	arguments_t arguments = { };
	for (size_t i = 0; i < COUNT(own_flags); i++)
		vec_push(&arguments, own_flags[i]);
	for (size_t i = 0; i < u->flags.parse.n; i++)
		vec_push(&arguments, u->flags.parse.at[i]);
	u->source = parse(u->path, &arguments, nullptr);
	return u->source != nullptr;
}

/** The flat text needs no search path and no macros: they have done their work. */
static bool
is_used_up(const char *flag)
{
	return starts_with(flag, "-I") || starts_with(flag, "-D") || starts_with(flag, "-iquote");
}

static bool
parse_flat(struct unit *u)
{
	arguments_t arguments = { };
	for (size_t i = 0; i < COUNT(own_flags); i++)
		vec_push(&arguments, own_flags[i]);
	for (size_t i = 0; i < u->flags.parse.n; i++)
		if (!is_used_up(u->flags.parse.at[i]))
			vec_push(&arguments, u->flags.parse.at[i]);
		else
			i += u->flags.parse.at[i][2] == '\0' || starts_with(u->flags.parse.at[i], "-iquote");
	vec_push(&arguments, "-undef");
	struct CXUnsavedFile text = { "safec-flat.c", u->tokens.flat.at, u->tokens.flat.n - 1 };
	u->flat = parse("safec-flat.c", &arguments, &text);
	return u->flat != nullptr && report_errors(u, u->flat, &u->tokens) == 0;
}

void
unit_check(struct unit *u, const char *path, const char *framework, int nflags, char **flags)
{
	u->path = path;
	struct stat st;
	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || access(path, R_OK) != 0 || !files_init(framework, path))
		fail("cannot read %s", path);
	flags_read(&u->flags, nflags, flags);
	if (files_framework() != nullptr)
		vec_push(&u->flags.parse, textf("-I%s", files_framework()));
	if (!parse_source(u))
		return;
	unsigned errors = report_errors(u, u->source, nullptr);
	if (!check_files(u) || !tokens_read(&u->tokens, path, &u->flags, errors > 0))
		return;
	rule_words(u);
	if (errors > 0 || !parse_flat(u))
		return;
	clang_visitChildren(clang_getTranslationUnitCursor(u->flat), add_name, u);
	clang_visitChildren(clang_getTranslationUnitCursor(u->flat), add_root, u);
	for (size_t i = 0; i < u->roots.n; i++)
		tree_walk(u->roots.at[i], apply, u);
}
