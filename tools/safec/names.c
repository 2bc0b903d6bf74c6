// SPDX-License-Identifier: MPL-2.0
/** SC-PRIVATE: what the framework marks private is named by the framework only. */
#include "rules.h"

static bool
names_something(const struct node *n)
{
	return n->kind == CXCursor_DeclRefExpr || n->kind == CXCursor_MemberRefExpr || n->kind == CXCursor_MemberRef ||
	       n->kind == CXCursor_TypeRef;
}

void
rule_names(struct unit *u, struct node *n)
{
	if (!names_something(n) || trusted(u, n))
		return;
	CXCursor named = clang_getCursorReferenced(n->cursor);
	if (has_mark(named, "cadre:private"))
		refuse(u, SC_PRIVATE, n, "'%s' is private to the framework; use the public functions of its header", name_of(named));
}
