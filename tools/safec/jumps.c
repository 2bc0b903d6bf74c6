// SPDX-License-Identifier: MPL-2.0
/**
 * SC-INIT: no read of a variable that was never set.
 *
 * The compiler zeroes every local at its declaration. Two ways lead past that: a jump into the variable's scope from
 * outside, and an initialiser that reads the variable itself.
 */
#include "rules.h"

/** Calls visit for each local that is in scope at n: declared before it in a block around it. */
static struct node *
find_in_scope(struct node *n, bool (*match)(const struct node *variable, const void *data), const void *data)
{
	for (; n->parent != nullptr; n = n->parent) {
		struct node *block = n->parent;
		for (size_t i = 0; i < block->kids.n && block->kids.at[i] != n; i++) {
			struct node *s = block->kids.at[i];
			while ((s->kind == CXCursor_LabelStmt || s->kind == CXCursor_CaseStmt || s->kind == CXCursor_DefaultStmt) && s->kids.n > 0)
				s = kid_last(s);
			if (s->kind != CXCursor_DeclStmt)
				continue;
			for (size_t j = 0; j < s->kids.n; j++)
				if (s->kids.at[j]->kind == CXCursor_VarDecl && is_automatic(s->kids.at[j]->cursor) && match(s->kids.at[j], data))
					return s->kids.at[j];
		}
	}
	return nullptr;
}

static bool
is_same(const struct node *variable, const void *other)
{
	return variable == other;
}

/** A variable in scope at the target but not where the jump starts. */
static bool
is_bypassed(const struct node *variable, const void *start)
{
	return find_in_scope((struct node *)start, is_same, variable) == nullptr;
}

static void
check_jump(struct unit *u, struct node *from, struct node *to)
{
	struct node *variable = find_in_scope(to, is_bypassed, from);
	if (variable != nullptr)
		refuse(u, SC_INIT, to, "a jump here passes the declaration of '%s', which would not be set; declare it before the jump "
		       "or put braces around its scope", name_of(variable->cursor));
}

/** The switch that a case label belongs to. */
static struct node *
switch_of(struct node *label)
{
	struct node *n = label->parent;
	while (n != nullptr && n->kind != CXCursor_SwitchStmt)
		n = n->parent;
	return n;
}

static struct node *
find_label(struct node *n, const char *label)
{
	if (n->kind == CXCursor_LabelStmt && strcmp(name_of(n->cursor), label) == 0)
		return n;
	for (size_t i = 0; i < n->kids.n; i++) {
		struct node *found = find_label(n->kids.at[i], label);
		if (found != nullptr)
			return found;
	}
	return nullptr;
}

static void
check_goto(struct unit *u, struct node *n)
{
	struct node *function = n;
	while (function->parent != nullptr)
		function = function->parent;
	struct node *label = n->kids.n > 0 ? find_label(function, name_of(n->kids.at[0]->cursor)) : nullptr;
	if (label == nullptr)
		refuse(u, SC_INIT, n, "the label of this goto cannot be seen; use a loop or return");
	else
		check_jump(u, n, label);
}

/** Whether a value of the variable is read, or its address taken, within its own initialiser. */
static struct node *
find_itself(struct unit *u, struct node *n, CXCursor variable)
{
	if (n->kind == CXCursor_DeclRefExpr && clang_equalCursors(clang_getCursorReferenced(n->cursor), variable) && !unevaluated(u, n))
		return n;
	for (size_t i = 0; i < n->kids.n; i++) {
		struct node *found = find_itself(u, n->kids.at[i], variable);
		if (found != nullptr)
			return found;
	}
	return nullptr;
}

static void
check_variable(struct unit *u, struct node *n)
{
	struct node *init = is_automatic(n->cursor) ? initialiser(n) : nullptr;
	struct node *itself = init != nullptr ? find_itself(u, init, n->cursor) : nullptr;
	if (itself != nullptr)
		refuse(u, SC_INIT, itself, "'%s' is used in its own initialiser, before it is set; set it in a statement of its own",
		       name_of(n->cursor));
}

void
rule_jumps(struct unit *u, struct node *n)
{
	if (n->kind == CXCursor_GotoStmt)
		check_goto(u, n);
	else if (n->kind == CXCursor_CaseStmt || n->kind == CXCursor_DefaultStmt) {
		struct node *from = switch_of(n);
		if (from != nullptr)
			check_jump(u, from, n);
	} else if (n->kind == CXCursor_VarDecl)
		check_variable(u, n);
}
