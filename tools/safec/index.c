// SPDX-License-Identifier: MPL-2.0
/**
 * SC-INDEX: subscripts only where the bound is known and the compiler checks `index < bound`.
 *
 * Measured with clang 22: the check is strict (<) where the subscript itself is read or assigned as a scalar, or is the
 * base of `.field` or of a further subscript. In every other place (under `++`, `--` or `&`, parenthesised on the left, in a
 * copy of a struct, decaying to a pointer) it lets index == bound pass. There the index must be proved. A flexible array in
 * parentheses is not checked at all.
 */
#include "rules.h"

static bool
is_assigned_by(const struct node *user, const struct node *n)
{
	return is_assignment(user) && user->kids.at[0] == n;
}

/** Whether the parent loads the value: the implicit conversion of a scalar lvalue. */
static bool
is_read_by(const struct node *user)
{
	return user->kind == CXCursor_UnexposedExpr && user->kids.n == 1;
}

static bool
scalar_checked(const struct node *n)
{
	const struct node *up = n->parent;
	if (up == nullptr)
		return false;
	if (is_assigned_by(up, n))
		return true;
	while (up->kind == CXCursor_ParenExpr && up->parent != nullptr)
		up = up->parent;
	return is_read_by(up);
}

/** `m[i][j]`: the subscript decays and is the base of the next one. */
static bool
row_checked(const struct node *n)
{
	const struct node *decay = n->parent;
	return decay != nullptr && is_read_by(decay) && decay->parent != nullptr &&
	       decay->parent->kind == CXCursor_ArraySubscriptExpr && decay->parent->kids.at[0] == decay;
}

/** Whether clang's check of this subscript excludes index == bound. */
static bool
strictly_checked(const struct node *n)
{
	if (is_record(n->type))
		return n->parent != nullptr && n->parent->kind == CXCursor_MemberRefExpr;
	return is_array(n->type) ? row_checked(n) : scalar_checked(n);
}

/** A plain local or parameter that nothing changes meanwhile: read twice, it is still the same array. */
static bool
is_steady(struct node *subscript, struct node *n)
{
	if (n->kind == CXCursor_UnexposedExpr && n->kids.n == 1)
		n = n->kids.at[0];
	CXCursor variable = clang_getCursorReferenced(n->cursor);
	return n->kind == CXCursor_DeclRefExpr && is_automatic(variable) && !address_taken(subscript, variable) &&
	       !changed_in(kid(subscript, 1), variable);
}

/** `array->items[i]`, of an array type that the framework defined. */
static void
check_flexible(struct unit *u, struct node *n, struct node *base)
{
	bool bare_base = kid(n->kids.at[0], 0) == base;
	if (!bare_base || base->kind != CXCursor_MemberRefExpr || base->kids.n != 1 || !is_pointer(base->kids.at[0]->type) ||
	    !is_steady(n, base->kids.at[0]))
		refuse(u, SC_INDEX, n, "the compiler does not check this for certain; write local->items[i], with the array's pointer in a local");
	else if (!strictly_checked(n))
		refuse(u, SC_INDEX, n, "here the compiler's check lets an index one past the end through; use the array type's _at() ('+= 1' for '++')");
}

static void
check_constant(struct unit *u, struct node *n, struct node *base)
{
	long long bound = clang_getArraySize(clang_getCanonicalType(base->type));
	if (bound <= 0)
		refuse(u, SC_INDEX, n, "the array has no elements; give it a bound");
	else if (!strictly_checked(n) && !index_proved(u, n, kid(n, 1), bound))
		refuse(u, SC_INDEX, n, "here the compiler's check lets an index one past the end through; write ELEM(array, index) "
		       "('+= 1' for '++'), or test the index against the bound just before");
}

/** An rvalue's array lives until the end of the expression only, and its address is no lvalue. */
static bool
is_temporary(struct node *base)
{
	for (base = unparenthesised(base); base->kind == CXCursor_MemberRefExpr && base->kids.n > 0;
	     base = unparenthesised(base->kids.at[0]))
		if (is_pointer(base->kids.at[0]->type))
			return false;
	return base->kind != CXCursor_DeclRefExpr && base->kind != CXCursor_ArraySubscriptExpr &&
	       base->kind != CXCursor_CompoundLiteralExpr && !is_unary(base, CXUnaryOperator_Deref);
}

static void
check_subscript(struct unit *u, struct node *n)
{
	struct node *base = bare(n->kids.at[0]);
	enum CXTypeKind kind = clang_getCanonicalType(base->type).kind;
	if (base->kind == CXCursor_StringLiteral)
		refuse(u, SC_INDEX, n, "a subscript of a string literal; declare a const array");
	else if (is_parameter(base))
		refuse(u, SC_INDEX, n, "a subscript of an array parameter, which is a pointer; take a struct that holds the array, or a slice");
	else if (kind == CXType_ConstantArray && is_temporary(base))
		refuse(u, SC_INDEX, n, "a subscript of a temporary; put the value into a variable first");
	else if (kind == CXType_ConstantArray)
		check_constant(u, n, base);
	else if (kind == CXType_IncompleteArray && base->kind == CXCursor_MemberRefExpr)
		check_flexible(u, n, base);
	else
		refuse(u, SC_INDEX, n, "a subscript where no bound is known; index an array with a constant bound, or use a slice");
}

/** The address of the first element is good only where there is one. */
static void
check_decay(struct unit *u, struct node *n)
{
	struct node *array = bare(n->kids.at[0]);
	if (n->parent != nullptr && n->parent->kind == CXCursor_ArraySubscriptExpr && n->parent->kids.at[0] == n)
		return;
	if (trusted(u, array) || array->kind == CXCursor_StringLiteral)
		return;
	if (clang_getArraySize(clang_getCanonicalType(array->type)) <= 0)
		refuse(u, SC_INDEX, array, "a pointer into an array that may have no element; use the array type's _at()");
}

static void
check_address(struct unit *u, struct node *n)
{
	struct node *of = n->kids.at[0];
	if (!trusted(u, n) && clang_getCanonicalType(of->type).kind == CXType_IncompleteArray)
		refuse(u, SC_INDEX, n, "a pointer to an array without a bound; point to the struct that holds it");
}

/** A framework macro checks an index against the bound of an array: what it is given must be one. */
static void
check_macro_base(struct unit *u, struct node *n)
{
	struct node *base = bare(n->kids.at[0]);
	if (!trusted(u, base) && (!is_array(base->type) || is_parameter(base)))
		refuse(u, SC_INDEX, base, "this is a pointer, not an array with a bound; pass the array itself");
}

void
rule_index(struct unit *u, struct node *n)
{
	if (n->kind == CXCursor_ArraySubscriptExpr && n->kids.n == 2 && trusted(u, n))
		check_macro_base(u, n);
	if (n->kind == CXCursor_ArraySubscriptExpr && n->kids.n == 2 && !trusted(u, n) && !unevaluated(u, n))
		check_subscript(u, n);
	else if (n->kind == CXCursor_UnexposedExpr && n->kids.n == 1 && is_pointer(n->type) && is_array(n->kids.at[0]->type))
		check_decay(u, n);
	else if (is_unary(n, CXUnaryOperator_AddrOf) && n->kids.n == 1)
		check_address(u, n);
}
