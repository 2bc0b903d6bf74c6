// SPDX-License-Identifier: MPL-2.0
/**
 * The syntax tree of a unit, as ranges of tokens.
 *
 * Built from libclang's cursors over the flat text. A node knows its parent, its children, and its *own* token: the
 * operator, bracket, name or keyword that makes it what it is. A node is trusted iff its own token is.
 */
#pragma once

#include <clang-c/Index.h>

#include "base.h"
#include "preproc.h"
#include "tokens.h"

struct node {
	CXCursor cursor;
	enum CXCursorKind kind;
	CXType type;               /**< as written */
	CXType real;               /**< canonical */
	uint32_t first, last;      /**< its tokens */
	uint32_t own;              /**< its own token; NO_TOKEN for what the compiler adds */
	struct node *parent;
	VEC(struct node *) kids;
};

/** One translation unit under check. */
struct unit {
	const char *path;
	struct flags flags;
	struct tokens tokens;
	struct vocabulary words;
	struct set framework_names; /**< what framework headers declare at file scope */
	CXTranslationUnit source;  /**< as written: errors, included files */
	CXTranslationUnit flat;    /**< the flat text: everything else */
	struct set used;           /**< names that the service's code mentions */
	VEC(struct node *) roots;  /**< declarations at file scope in which a service has a hand */
};

/** Builds the tree of one declaration. Null where it nests too deeply, after a report. */
struct node *tree_build(struct unit *u, CXCursor cursor);

/** The first and last token of a cursor. */
void tree_range(const struct unit *u, CXCursor cursor, uint32_t *first, uint32_t *last);

/** Whether the node was written by the framework; the compiler's own additions are not. */
bool trusted(const struct unit *u, const struct node *n);
bool token_trusted(const struct unit *u, uint32_t i);
/** Whether any token of the node is a service's. */
bool touched(const struct unit *u, const struct node *n);

[[gnu::format(printf, 4, 5)]]
void refuse(const struct unit *u, enum rule rule, const struct node *n, const char *format, ...);

struct node *kid(const struct node *n, size_t i);
struct node *kid_last(const struct node *n);
/** Whether the node is an expression that changes nothing of its one operand: parentheses, implicit conversion. */
bool is_wrapper(const struct node *n);
/** The node without parentheses and implicit conversions. */
struct node *bare(struct node *n);
/** The same, downwards through parentheses alone. */
struct node *unparenthesised(struct node *n);
/** The nearest ancestor that is no parenthesis and no implicit conversion. */
struct node *user_of(const struct node *n);

bool is_expression(const struct node *n);
bool is_binary(const struct node *n);
bool is_operator(const struct node *n, enum CXBinaryOperatorKind kind);
bool is_assignment(const struct node *n);
bool is_unary(const struct node *n, enum CXUnaryOperatorKind kind);
bool is_increment(const struct node *n);
/** Whether the node stands in an operand that is never evaluated: of sizeof, alignof, typeof. */
bool unevaluated(const struct unit *u, const struct node *n);

/** Whether the node names a parameter. */
bool is_parameter(const struct node *n);
/** The initialiser of a variable; null where it has none. */
struct node *initialiser(const struct node *variable);
/** Whether the node is `.field = value` or `[i] = value` in a braced list; the value is its last child. */
bool is_designated(const struct node *n);
/** Whether a variable is a local one with automatic storage (a parameter too). */
bool is_automatic(CXCursor variable);
bool has_mark(CXCursor declaration, const char *mark);
const char *name_of(CXCursor c);
const char *type_name(CXType t);

/** Calls visit on n and all below it, top first. */
void tree_walk(struct node *n, void (*visit)(struct unit *, struct node *), struct unit *u);
