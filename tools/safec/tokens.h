// SPDX-License-Identifier: MPL-2.0
/**
 * The unit after preprocessing, token by token, each with the file it is spelled in.
 *
 * The compiler's own preprocessor produces the stream, so macros mean here what they mean there. The checker then
 * parses the *flat* text: the same tokens without any macro. So each node of the syntax tree is a range of tokens,
 * and whether an operator, a cast or a name was written by a service or by a framework macro is exactly known.
 */
#pragma once

#include "base.h"
#include "files.h"
#include "flags.h"
#include "report.h"

struct token {
	const char *text;
	struct place spelled;      /**< where it is written: in a file, or in the body of a macro */
	struct place used;         /**< where the outermost macro that yields it is called; else as `spelled` */
	const struct file *file;   /**< of `spelled` */
	bool trusted;              /**< written in a header of the framework, or declared in one of the compiler */
	bool identifier;           /**< an identifier or a keyword */
};

/** Index of no token. */
constexpr uint32_t NO_TOKEN = UINT32_MAX;

struct tokens {
	VEC(struct token) list;
	VEC(uint32_t) offsets;     /**< where each token starts in `flat` */
	VEC(char) flat;
	VEC(const char *) pasted;  /**< what the names begin with that a service's own macros paste together */
	VEC(const char *) suffixes; /**< and what such names end with */
};

/** Runs the preprocessor. => false where its output cannot be read: after a report, unless the unit has errors anyway. */
bool tokens_read(struct tokens *t, const char *unit, const struct flags *flags, bool has_errors);

/** The token that covers, or follows, `offset` in the flat text. */
uint32_t token_at(const struct tokens *t, uint32_t offset);

/** Where to point a message about token i: at the service's text, never into a framework macro. */
struct place token_place(const struct tokens *t, uint32_t i);

bool token_is(const struct tokens *t, uint32_t i, const char *text);
