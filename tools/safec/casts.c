// SPDX-License-Identifier: MPL-2.0
/** SC-CAST: no conversion makes a pointer, changes what it points to, drops const, or turns it into a number. */
#include "rules.h"

static bool
is_literal_zero(const struct unit *u, struct node *n)
{
	n = bare(n);
	return n->kind == CXCursor_IntegerLiteral && n->first == n->last && token_is(&u->tokens, n->first, "0");
}

/** `nullptr`, `0`, `(void *)0`, however wrapped. */
static bool
is_null_constant(const struct unit *u, struct node *n)
{
	n = bare(n);
	if (n->kind == CXCursor_CXXNullPtrLiteralExpr || is_literal_zero(u, n))
		return true;
	return n->kind == CXCursor_CStyleCastExpr && is_void_pointer(n->type) && is_literal_zero(u, kid_last(n));
}

static const char *
pointee_fault(CXType from, CXType to)
{
	if (!clang_equalTypes(canonical(from), canonical(to)))
		return "changes what a pointer points to; declare the type it really has, or use a checked downcast";
	if (clang_isConstQualifiedType(clang_getCanonicalType(from)) && !clang_isConstQualifiedType(clang_getCanonicalType(to)))
		return "drops const; declare the destination const";
	return nullptr;
}

static const char *
to_pointer_fault(const struct unit *u, CXType from, CXType to, struct node *value)
{
	if (is_null_constant(u, value) || clang_getCanonicalType(from).kind == CXType_NullPtr)
		return nullptr;
	if (is_pointer(from))
		return pointee_fault(pointee(from), pointee(to));
	if (is_array(from))
		return pointee_fault(element(from), pointee(to));
	if (is_function(from))
		return pointee_fault(from, pointee(to));
	if (clang_getCanonicalType(from).kind == CXType_Unexposed) /* a builtin's name */
		return nullptr;
	return "makes a pointer from a number; keep the object itself, or an index into its array";
}

/** What is wrong with converting `value`, of type `from`, to `to`; null where nothing is. */
static const char *
conversion_fault(const struct unit *u, CXType from, CXType to, struct node *value)
{
	enum CXTypeKind kind = clang_getCanonicalType(to).kind;
	if (is_pointer(to))
		return to_pointer_fault(u, from, to, value);
	if (is_record(to) && !is_record(from))
		return "makes a union from one member; assign the member";
	if ((is_pointer(from) || is_function(from) || is_array(from)) && kind != CXType_Bool && kind != CXType_Void &&
	    !is_array(to))
		return "turns a pointer into a number; compare pointers with == or give the object a number of its own";
	return nullptr;
}

/**
 * An argument of a framework macro's own call that may become `void *`: one that the macro wrote itself, or one whose
 * parameter has the pointee checked (PLAIN, HEAP_TYPE).
 */
static bool
is_untyped_argument(const struct unit *u, const struct node *n)
{
	const struct node *call = n->parent;
	while (call != nullptr && is_wrapper(call)) {
		n = call;
		call = call->parent;
	}
	if (call == nullptr || call->kind != CXCursor_CallExpr || !trusted(u, bare(call->kids.at[0])))
		return false;
	for (unsigned i = 1; i < call->kids.n; i++)
		if (call->kids.at[i] == n) {
			CXCursor parameter = call_parameter(call, i - 1);
			return trusted(u, bare(call->kids.at[i])) || has_mark(parameter, "cadre:plain") ||
			       has_mark(parameter, "cadre:heap_type");
		}
	return false;
}

static bool
keeps_const(CXType from, CXType to)
{
	return !clang_isConstQualifiedType(clang_getCanonicalType(pointee(from))) ||
	       clang_isConstQualifiedType(clang_getCanonicalType(pointee(to)));
}

/** What is only compared for equality may differ in const. */
static bool
is_compared(const struct node *n, CXType from)
{
	const struct node *user = user_of(n);
	return user != nullptr && (is_operator(user, CXBinaryOperator_EQ) || is_operator(user, CXBinaryOperator_NE)) &&
	       is_pointer(from) && is_pointer(n->type) &&
	       clang_equalTypes(canonical(pointee(from)), canonical(pointee(n->type)));
}

/** Nobody's token makes an implicit conversion, so nobody's is trusted: one macro's value may be another's argument. */
static void
check_implicit(struct unit *u, struct node *n)
{
	CXType from = n->kids.at[0]->type;
	if (same_type(from, n->type) || is_compared(n, from))
		return;
	if (is_void_pointer(n->type) && is_pointer(from) && keeps_const(from, n->type) && is_untyped_argument(u, n))
		return;
	const char *fault = conversion_fault(u, from, n->type, n->kids.at[0]);
	if (fault != nullptr)
		refuse(u, SC_CAST, n, "converting '%s' to '%s' %s", type_name(from), type_name(n->type), fault);
}

static void
check_explicit(struct unit *u, struct node *n)
{
	if (trusted(u, n) || n->kids.n == 0)
		return;
	CXType from = kid_last(n)->type;
	const char *fault = conversion_fault(u, from, n->type, kid_last(n));
	if (fault != nullptr)
		refuse(u, SC_CAST, n, "the cast from '%s' to '%s' %s", type_name(from), type_name(n->type), fault);
}

/** Whether a use of a string literal's address, further up, makes it a pointer to const. */
static bool
becomes_const(const struct unit *u, const struct node *n)
{
	for (n = n->parent; n != nullptr; n = n->parent) {
		if (is_pointer(n->type) && clang_isConstQualifiedType(clang_getCanonicalType(pointee(n->type))))
			return true;
		if (n->kind == CXCursor_CStyleCastExpr && trusted(u, n))
			return true;
		if (!is_wrapper(n) && n->kind != CXCursor_ConditionalOperator && n->kind != CXCursor_StmtExpr &&
		    n->kind != CXCursor_CompoundStmt && !is_operator(n, CXBinaryOperator_Comma))
			return false;
	}
	return false;
}

/** A literal is an array of char that must not be written: its address is good for const pointers only. */
static void
check_string(struct unit *u, struct node *n)
{
	struct node *user = user_of(n);
	struct node *decay = n;
	while (decay->parent != nullptr && is_wrapper(decay->parent) && is_array(decay->type))
		decay = decay->parent;
	if (user != nullptr && is_unary(user, CXUnaryOperator_AddrOf))
		refuse(u, SC_CAST, n, "the address of a string literal; declare a const array and take its address");
	else if (is_pointer(decay->type) && !unevaluated(u, n) && !becomes_const(u, decay) &&
	         !clang_isConstQualifiedType(clang_getCanonicalType(pointee(decay->type))))
		refuse(u, SC_CAST, n, "a string literal as a pointer to char that is not const; write const char *");
}

/** A literal that a macro glues together with a service's text must be used by the macro itself. */
static void
check_mixed_string(struct unit *u, struct node *n)
{
	const struct node *user = user_of(n);
	bool some_trusted = false;
	for (uint32_t i = n->first; i <= n->last; i++)
		some_trusted |= token_trusted(u, i);
	if (some_trusted && touched(u, n) && user != nullptr && is_expression(user) && !trusted(u, user))
		refuse(u, SC_CAST, n, "this text is more than a string literal; pass the framework's macro a plain literal");
}

void
rule_casts(struct unit *u, struct node *n)
{
	if (n->kind == CXCursor_UnexposedExpr && n->kids.n == 1)
		check_implicit(u, n);
	else if (n->kind == CXCursor_CStyleCastExpr)
		check_explicit(u, n);
	else if (n->kind == CXCursor_StringLiteral && touched(u, n)) {
		check_string(u, n);
		check_mixed_string(u, n);
	}
}
