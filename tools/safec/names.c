// SPDX-License-Identifier: MPL-2.0
/** SC-PRIVATE: what the framework marks private is named by the framework only. */
#include "rules.h"

static bool
names_something(const struct node *n)
{
	return n->kind == CXCursor_DeclRefExpr || n->kind == CXCursor_MemberRefExpr || n->kind == CXCursor_MemberRef ||
	       n->kind == CXCursor_TypeRef;
}

/** A name that ends in an underscore, made by a framework macro: a local in its body, what it declares for itself. */
static bool
is_internal(const struct unit *u, CXCursor named)
{
	uint32_t first, last;
	if (clang_Cursor_isNull(named) || !clang_isDeclaration(clang_getCursorKind(named)) || !ends_with(name_of(named), "_"))
		return false;
	tree_range(u, named, &first, &last);
	for (uint32_t i = first; i <= last && i < u->tokens.list.n; i++)
		if (strcmp(u->tokens.list.at[i].text, name_of(named)) == 0)
			return token_trusted(u, i);
	return false;
}

void
rule_names(struct unit *u, struct node *n)
{
	if (!names_something(n) || trusted(u, n))
		return;
	CXCursor named = clang_getCursorReferenced(n->cursor);
	if (has_mark(named, "cadre:private") || is_internal(u, named))
		refuse(u, SC_PRIVATE, n, "'%s' is private to the framework; use the public functions of its header", name_of(named));
}
