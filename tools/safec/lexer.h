// SPDX-License-Identifier: MPL-2.0
/** Splits a source text into preprocessing tokens and logical lines, without expanding anything. */
#pragma once

#include "base.h"
#include "report.h"

enum lexeme { LEX_IDENTIFIER, LEX_NUMBER, LEX_STRING, LEX_CHARACTER, LEX_PUNCTUATION };

struct word {
	enum lexeme kind;
	const char *text;
	struct place at;
	bool glued;      /**< no blank before it */
};

/** A logical line: from one unspliced newline, outside comments, to the next. */
struct line {
	VEC(struct word) words;
};

struct lexer {
	const char *file, *text, *p, *end;
	unsigned line, column;
	const char *trouble;  /**< null, or what makes the text unfit to be read this way */
	struct place trouble_at;
};

void lexer_init(struct lexer *x, const char *file, const char *text, size_t len);
/** Reads the next line that has words. => false at the end. */
bool lexer_line(struct lexer *x, struct line *line);
