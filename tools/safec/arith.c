// SPDX-License-Identifier: MPL-2.0
/** SC-ARITH: no arithmetic on pointers, no order between them. */
#include "rules.h"

static bool
has_pointer_operand(const struct node *n)
{
	for (size_t i = 0; i < n->kids.n; i++)
		if (is_pointer(n->kids.at[i]->type))
			return true;
	return false;
}

static const struct {
	enum CXBinaryOperatorKind kind;
	const char *text;
} pointer_operators[] = {
	{ CXBinaryOperator_Add, "+" }, { CXBinaryOperator_Sub, "-" }, { CXBinaryOperator_AddAssign, "+=" },
	{ CXBinaryOperator_SubAssign, "-=" }, { CXBinaryOperator_LT, "<" }, { CXBinaryOperator_GT, ">" },
	{ CXBinaryOperator_LE, "<=" }, { CXBinaryOperator_GE, ">=" },
};

static void
check_binary(struct unit *u, struct node *n)
{
	enum CXBinaryOperatorKind kind = clang_getCursorBinaryOperatorKind(n->cursor);
	for (size_t i = 0; i < COUNT(pointer_operators); i++)
		if (pointer_operators[i].kind == kind && has_pointer_operand(n))
			refuse(u, SC_ARITH, n, "'%s' on a pointer; compute with the index and subscript the array",
			       pointer_operators[i].text);
}

/** Whether the base of a subscript is an array, not a pointer. */
static bool
has_array_base(struct node *n)
{
	const struct node *base = bare(n->kids.at[0]);
	return is_array(base->type) && !is_parameter(base);
}

void
rule_arith(struct unit *u, struct node *n)
{
	if (n->own == NO_TOKEN || trusted(u, n))
		return;
	if (is_binary(n))
		check_binary(u, n);
	else if (is_increment(n) && has_pointer_operand(n))
		refuse(u, SC_ARITH, n, "'++' or '--' on a pointer; compute with the index and subscript the array");
	else if (n->kind == CXCursor_ArraySubscriptExpr && n->kids.n == 2 && !has_array_base(n))
		refuse(u, SC_ARITH, n, "'[]' on a pointer, whose bound is not known; pass the array inside its struct, or a slice");
}
