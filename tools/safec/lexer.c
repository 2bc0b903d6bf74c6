// SPDX-License-Identifier: MPL-2.0
/** A plain lexer for directives: identifiers, numbers, literals, comments, splices. */
#include "lexer.h"

#include <ctype.h>

static void
trouble(struct lexer *x, const char *what)
{
	if (x->trouble != nullptr)
		return;
	x->trouble = what;
	x->trouble_at = (struct place){ x->file, x->line, x->column };
}

/** Trigraphs, bare carriage returns and control characters mean different things to different readers. */
static void
check_characters(struct lexer *x)
{
	for (const char *p = x->text; p < x->end; p++) {
		size_t left = (size_t)(x->end - p);
		if (left > 2 && p[0] == '?' && p[1] == '?' && p[2] != '\0' && strchr("=/'()!<>-", p[2]) != nullptr)
			trouble(x, "a trigraph");
		if ((unsigned char)*p < ' ' && strchr("\t\n\f", *p) == nullptr && !(left > 1 && p[0] == '\r' && p[1] == '\n'))
			trouble(x, "a control character");
		if (*p == '\0')
			trouble(x, "a NUL character");
		x->line += *p == '\n';
	}
	x->line = 1;
}

void
lexer_init(struct lexer *x, const char *file, const char *text, size_t len)
{
	*x = (struct lexer){ .file = file, .text = text, .p = text, .end = text + len, .line = 1, .column = 1 };
	check_characters(x);
}

static char
peek(const struct lexer *x, size_t n)
{
	return x->p + n < x->end ? x->p[n] : '\0';
}

static void
step(struct lexer *x)
{
	if (*x->p++ == '\n') {
		x->line++;
		x->column = 1;
	} else {
		x->column++;
	}
}

static bool
is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || (c & 0x80) != 0;
}

/** Length of a backslash-newline here; 0 where there is none. Blanks before the newline count, as in clang. */
static size_t
splice_length(const struct lexer *x)
{
	size_t n = 1;
	if (peek(x, 0) != '\\')
		return 0;
	while (peek(x, n) == ' ' || peek(x, n) == '\t' || peek(x, n) == '\r' || peek(x, n) == '\f' || peek(x, n) == '\v')
		n++;
	return peek(x, n) == '\n' ? n + 1 : 0;
}

/** A splice may stand between tokens only: inside one it hides what the token is. */
static void
skip_splice(struct lexer *x, size_t n)
{
	char before = x->p > x->text ? x->p[-1] : ' ', after = peek(x, n);
	if (!isspace((unsigned char)before) && !isspace((unsigned char)after) && after != '\0')
		trouble(x, "a line splice inside a token");
	for (; n > 0; n--)
		step(x);
}

static void
skip_comment(struct lexer *x)
{
	bool block = peek(x, 1) == '*';
	step(x);
	step(x);
	while (x->p < x->end) {
		size_t n = splice_length(x);
		if (n > 0 && !block) {
			for (; n > 0; n--)
				step(x);
			continue;
		}
		if (block && peek(x, 0) == '*') {
			size_t slash = 1;
			step(x);
			if (splice_length(x) > 0)
				trouble(x, "a line splice at the end of a comment");
			if (peek(x, slash - 1) == '/') {
				step(x);
				return;
			}
			continue;
		}
		if (!block && peek(x, 0) == '\n')
			return;
		step(x);
	}
}

/** Skips blanks, comments and splices within a line. => false at the end of the line or text. */
static bool
skip_blank(struct lexer *x)
{
	while (x->p < x->end && *x->p != '\n') {
		size_t n = splice_length(x);
		if (n > 0)
			skip_splice(x, n);
		else if (peek(x, 0) == '/' && (peek(x, 1) == '/' || peek(x, 1) == '*'))
			skip_comment(x);
		else if (isspace((unsigned char)*x->p))
			step(x);
		else
			return true;
	}
	return false;
}

static void
read_quoted(struct lexer *x)
{
	char quote = *x->p;
	step(x);
	while (x->p < x->end && *x->p != quote && *x->p != '\n') {
		if (splice_length(x) > 0)
			trouble(x, "a line splice inside a literal");
		if (*x->p == '\\' && x->p + 1 < x->end && x->p[1] != '\n')
			step(x);
		step(x);
	}
	if (x->p < x->end && *x->p == quote)
		step(x);
	else
		trouble(x, "a literal without its closing quote");
}

static void
read_number(struct lexer *x)
{
	while (x->p < x->end) {
		char c = peek(x, 0), next = peek(x, 1);
		bool exponent = c != '\0' && strchr("eEpP", c) != nullptr && (next == '+' || next == '-');
		if (exponent || (c == '\'' && is_word(next)))
			step(x);
		else if (!is_word(c) && c != '.')
			return;
		step(x);
	}
}

/** An identifier, with the literal behind it where it is that literal's prefix. */
static enum lexeme
read_identifier(struct lexer *x)
{
	static names_t prefixes = { "L", "u", "U", "u8", nullptr };
	static names_t raw = { "R", "LR", "uR", "UR", "u8R", nullptr };
	const char *start = x->p;
	while (is_word(peek(x, 0)))
		step(x);
	const char *name = text_copy(start, (size_t)(x->p - start));
	if (peek(x, 0) == '"' && name_in(name, raw))
		trouble(x, "a raw string literal");
	if (strchr(name, '$') != nullptr)
		trouble(x, "'$' in a name");
	char quote = peek(x, 0);
	if ((quote != '"' && quote != '\'') || !name_in(name, prefixes))
		return LEX_IDENTIFIER;
	read_quoted(x);
	return quote == '"' ? LEX_STRING : LEX_CHARACTER;
}

static enum lexeme
read_punctuation(struct lexer *x)
{
	static const char *const pairs[] = { "##", "%:", "<:", ":>", "<%", "%>" };
	if (*x->p == '\\')
		trouble(x, "a backslash outside a literal");
	for (size_t i = 0; i < COUNT(pairs); i++)
		if (peek(x, 0) == pairs[i][0] && peek(x, 1) == pairs[i][1]) {
			if (i > 0)
				trouble(x, "a digraph");
			step(x);
			break;
		}
	step(x);
	return LEX_PUNCTUATION;
}

static enum lexeme
read_word(struct lexer *x)
{
	char c = *x->p;
	if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)peek(x, 1)))) {
		read_number(x);
		return LEX_NUMBER;
	}
	if (is_word(c))
		return read_identifier(x);
	if (c == '"' || c == '\'') {
		read_quoted(x);
		return c == '"' ? LEX_STRING : LEX_CHARACTER;
	}
	return read_punctuation(x);
}

bool
lexer_line(struct lexer *x, struct line *line)
{
	line->words.n = 0;
	while (x->p < x->end && line->words.n == 0) {
		for (const char *blank = x->p; skip_blank(x); blank = x->p) {
			const char *start = x->p;
			struct word word = { .at = { x->file, x->line, x->column }, .glued = blank == start };
			word.kind = read_word(x);
			word.text = text_copy(start, (size_t)(x->p - start));
			vec_push(&line->words, word);
		}
		if (x->p < x->end)
			step(x);
	}
	return line->words.n > 0;
}
