// SPDX-License-Identifier: MPL-2.0
/**
 * SC-SCOPE: an address of a local goes down the call chain, never up, sideways or into memory.
 *
 * Every pointer value has a *depth*: 0 for what may be kept anywhere, else the depth of the innermost block whose end
 * ends what it points to. A variable of depth d holds values of depth at most d; memory holds depth 0 alone. Depths of
 * variables are found by iterating over the function until nothing changes; then each place where a value goes is
 * checked. Trust waives none of this: a framework macro's expansion is followed like any other code.
 */
#include "rules.h"

typedef unsigned depth_t;
constexpr depth_t FREE = 0;
constexpr depth_t FUNCTION = 1;     /* parameters, and what scoped parameters point to */
constexpr depth_t TEMPORARY = 1u << 30;

struct variable {
	CXCursor cursor;
	depth_t home;           /* depth of the block that declares it */
	depth_t holds;          /* greatest depth of any value assigned to it */
	bool address_taken;
	struct node *declaration;
};

struct scope {
	struct unit *unit;
	VEC(struct variable) variables;
	bool changed;
	bool reporting;
	bool returns_scoped;
};

static depth_t value_of(struct scope *s, struct node *n);
static depth_t place_of(struct scope *s, struct node *n);

static depth_t
deeper(depth_t a, depth_t b)
{
	return a > b ? a : b;
}

static bool
opens_block(const struct node *n)
{
	return n->kind == CXCursor_CompoundStmt || n->kind == CXCursor_IfStmt || n->kind == CXCursor_SwitchStmt ||
	       n->kind == CXCursor_WhileStmt || n->kind == CXCursor_DoStmt || n->kind == CXCursor_ForStmt;
}

/** Depth of the block that n stands in. A statement under if, for … is a block of its own, braces or not. */
static depth_t
depth_of(const struct node *n)
{
	depth_t depth = FUNCTION;
	for (; n->parent != nullptr; n = n->parent) {
		bool sub = opens_block(n->parent) && n->parent->kind != CXCursor_CompoundStmt && n->kind != CXCursor_CompoundStmt &&
		           n->kind != CXCursor_DeclStmt;
		depth += opens_block(n->parent) + sub;
	}
	return depth;
}

static struct variable *
find(struct scope *s, CXCursor cursor)
{
	for (size_t i = 0; i < s->variables.n; i++)
		if (clang_equalCursors(s->variables.at[i].cursor, cursor))
			return &s->variables.at[i];
	return nullptr;
}

static bool
is_scoped_parameter(const struct node *n)
{
	return n->kind == CXCursor_ParmDecl && (has_mark(n->cursor, "cadre:scoped") || is_scoped_record(n->type));
}

static void
collect(struct scope *s, struct node *n)
{
	if ((n->kind == CXCursor_VarDecl || n->kind == CXCursor_ParmDecl) && is_automatic(n->cursor)) {
		struct variable v = { n->cursor, depth_of(n), FREE, false, n };
		if (is_scoped_parameter(n))
			v.holds = FUNCTION;
		vec_push(&s->variables, v);
	}
	for (size_t i = 0; i < n->kids.n; i++)
		collect(s, n->kids.at[i]);
}

/** A type whose values can hold an address by themselves. */
static bool
carries(CXType t)
{
	return (is_pointer(t) && !is_function_pointer(t)) || is_scoped_record(t);
}

static depth_t
deepest_kid(struct scope *s, struct node *n, size_t from)
{
	depth_t depth = FREE;
	for (size_t i = from; i < n->kids.n; i++)
		if (is_expression(n->kids.at[i]))
			depth = deeper(depth, value_of(s, n->kids.at[i]));
	return depth;
}

static bool
is_arrow(const struct node *member)
{
	return member->kids.n > 0 && is_pointer(member->kids.at[0]->type);
}

static depth_t
place_of_member(struct scope *s, struct node *n)
{
	if (n->kids.n == 0)
		return TEMPORARY;
	return is_arrow(n) ? value_of(s, n->kids.at[0]) : place_of(s, n->kids.at[0]);
}

static depth_t
place_of_reference(struct scope *s, struct node *n)
{
	struct variable *v = find(s, clang_getCursorReferenced(n->cursor));
	return v != nullptr ? v->home : FREE;
}

static bool
is_at_file_scope(const struct node *n)
{
	for (; n != nullptr; n = n->parent)
		if (n->kind == CXCursor_CompoundStmt)
			return false;
	return true;
}

/** How long the storage lives that the lvalue n names. */
static depth_t
place_of(struct scope *s, struct node *n)
{
	n = is_wrapper(n) && !is_pointer(n->type) ? bare(n) : unparenthesised(n);
	switch ((int)n->kind) {
	case CXCursor_DeclRefExpr:
		return place_of_reference(s, n);
	case CXCursor_MemberRefExpr:
		return place_of_member(s, n);
	case CXCursor_ArraySubscriptExpr:
		return deeper(value_of(s, n->kids.at[0]), n->kids.n > 1 && is_pointer(n->kids.at[1]->type) ? value_of(s, n->kids.at[1]) : FREE);
	case CXCursor_CompoundLiteralExpr:
		return is_at_file_scope(n) ? FREE : depth_of(n);
	case CXCursor_StringLiteral:
		return FREE;
	case CXCursor_GenericSelectionExpr: {
		depth_t depth = FREE;
		for (size_t i = 1; i < n->kids.n; i++)
			if (is_expression(n->kids.at[i]))
				depth = deeper(depth, place_of(s, n->kids.at[i]));
		return depth;
	}
	case CXCursor_UnaryOperator:
		if (is_unary(n, CXUnaryOperator_Deref))
			return value_of(s, n->kids.at[0]);
		return is_unary(n, CXUnaryOperator_Extension) ? place_of(s, n->kids.at[0]) : TEMPORARY;
	case CXCursor_UnexposedExpr:
		return n->kids.n == 0 ? FREE : n->kids.n == 1 ? place_of(s, n->kids.at[0]) : TEMPORARY;
	default:
		return is_function(n->type) ? FREE : TEMPORARY;
	}
}

static depth_t
value_of_reference(struct scope *s, struct node *n)
{
	struct variable *v = find(s, clang_getCursorReferenced(n->cursor));
	return v != nullptr && carries(v->declaration->type) ? v->holds : FREE;
}

/** What memory holds is free, except the inside of a scoped struct, which is as deep as the struct's value. */
static depth_t
value_of_member(struct scope *s, struct node *n)
{
	struct node *base = kid(n, 0);
	if (base == nullptr || !carries(n->type))
		return FREE;
	CXType record = is_arrow(n) ? pointee(base->type) : base->type;
	if (!is_scoped_record(record) && !is_scoped_record(n->type))
		return FREE;
	return value_of(s, base);
}

static bool
has_automatic_result(struct scope *s, const struct node *call)
{
	return is_scoped_record(call->type) || has_mark(callee_of(call), "cadre:returns_scoped");
}

static depth_t
value_of_block(struct scope *s, struct node *n)
{
	struct node *block = kid(n, 0);
	struct node *last = block != nullptr ? kid_last(block) : nullptr;
	return last != nullptr && is_expression(last) ? value_of(s, last) : FREE;
}

static depth_t
value_of_operator(struct scope *s, struct node *n)
{
	if (is_operator(n, CXBinaryOperator_Assign) || is_operator(n, CXBinaryOperator_Comma))
		return value_of(s, n->kids.at[1]);
	return is_pointer(n->type) ? deepest_kid(s, n, 0) : FREE;
}

static depth_t
value_of_unary(struct scope *s, struct node *n)
{
	if (is_unary(n, CXUnaryOperator_AddrOf))
		return place_of(s, n->kids.at[0]);
	if (is_unary(n, CXUnaryOperator_Deref))
		return is_scoped_record(n->type) ? value_of(s, n->kids.at[0]) : FREE;
	return is_pointer(n->type) || is_unary(n, CXUnaryOperator_Extension) ? deepest_kid(s, n, 0) : FREE;
}

static bool
is_atomic_builtin(const struct scope *s, const struct node *n)
{
	return n->kind == CXCursor_UnexposedExpr && n->kids.n > 1 && !is_designated(n) &&
	       starts_with(s->unit->tokens.list.at[n->first].text, "__atomic_");
}

/** Depth of what the value of n points to. */
static depth_t
value_of(struct scope *s, struct node *n)
{
	switch ((int)n->kind) {
	case CXCursor_ParenExpr:
		return deepest_kid(s, n, 0);
	case CXCursor_UnexposedExpr:
		if (n->kids.n == 1 && is_array(n->kids.at[0]->type) && is_pointer(n->type))
			return place_of(s, n->kids.at[0]);
		return is_atomic_builtin(s, n) ? FREE : is_designated(n) ? value_of(s, kid_last(n)) : deepest_kid(s, n, 0);
	case CXCursor_CStyleCastExpr:
		return n->kids.n > 0 ? value_of(s, kid_last(n)) : FREE;
	case CXCursor_DeclRefExpr:
		return value_of_reference(s, n);
	case CXCursor_MemberRefExpr:
		return value_of_member(s, n);
	case CXCursor_ArraySubscriptExpr:
		return is_scoped_record(n->type) ? deepest_kid(s, n, 0) : FREE;
	case CXCursor_UnaryOperator:
		return value_of_unary(s, n);
	case CXCursor_BinaryOperator:
	case CXCursor_CompoundAssignOperator:
		return value_of_operator(s, n);
	case CXCursor_ConditionalOperator:
	case CXCursor_GenericSelectionExpr:
		return deepest_kid(s, n, 1);
	case CXCursor_StmtExpr:
		return value_of_block(s, n);
	case CXCursor_CallExpr:
		return has_automatic_result(s, n) ? deepest_kid(s, n, 1) : FREE;
	case CXCursor_CompoundLiteralExpr:
	case CXCursor_InitListExpr:
		return deepest_kid(s, n, 0);
	default:
		return FREE;
	}
}

static void
complain(struct scope *s, struct node *n, const char *what, const char *advice)
{
	if (s->reporting)
		refuse(s->unit, SC_SCOPE, n, "%s; %s", what, advice);
}

/** A value goes into a local variable. */
static void
flow_to_variable(struct scope *s, struct variable *v, struct node *value, depth_t depth)
{
	if (!carries(v->declaration->type)) {
		if (depth > FREE && !is_integer(v->declaration->type))
			complain(s, value, "the address of a local is kept in a struct or an array", "keep it in a pointer variable of the same block");
		return;
	}
	if (depth > v->holds) {
		v->holds = depth;
		s->changed = true;
	}
	if (depth > v->home)
		complain(s, value, "the pointer would outlive the local it points to", "declare the pointer in the same block as the local");
	if (v->address_taken && depth > FREE && !is_scoped_record(v->declaration->type))
		complain(s, value, "the address of a local is kept in a pointer whose own address is taken", "use two pointer variables");
}

static void
flow_to_memory(struct scope *s, struct node *value, depth_t depth)
{
	if (depth > FREE)
		complain(s, value, "the address of a local, a slice or a scoped parameter is stored where it may outlive what it points to",
		         "store a heap object's pointer, or an index");
}

static void
check_assignment(struct scope *s, struct node *n)
{
	struct node *target = unparenthesised(n->kids.at[0]), *value = n->kids.at[1];
	if (!carries(target->type) && !is_record(target->type))
		return;
	depth_t depth = value_of(s, value);
	struct variable *v = target->kind == CXCursor_DeclRefExpr ? find(s, clang_getCursorReferenced(target->cursor)) : nullptr;
	if (v != nullptr)
		flow_to_variable(s, v, value, depth);
	else
		flow_to_memory(s, value, depth);
}

static void
check_declaration(struct scope *s, struct node *n)
{
	struct node *init = initialiser(n);
	struct variable *v = find(s, n->cursor);
	if (init == nullptr)
		return;
	depth_t depth = value_of(s, init);
	if (v != nullptr)
		flow_to_variable(s, v, init, depth);
	else if (carries(n->type) || is_record(n->type) || is_array(n->type))
		flow_to_memory(s, init, depth);
}

/** Elements of a struct or an array are memory, but for those of a scoped struct. */
static void
check_list(struct scope *s, struct node *n)
{
	CXType t = n->type;
	while (is_array(t))
		t = element(t);
	if (is_scoped_record(t) || (!is_record(n->type) && !is_array(n->type)))
		return;
	for (size_t i = 0; i < n->kids.n; i++)
		if (is_expression(n->kids.at[i]) && value_of(s, n->kids.at[i]) > FREE)
			complain(s, n->kids.at[i], "the address of a local is kept in a struct or an array", "pass it to a scoped parameter instead");
}

/** Marks variables whose address is taken: what they hold can be replaced behind the checker's back. */
static void
check_address(struct scope *s, struct node *n)
{
	struct node *of = bare(n->kids.at[0]);
	struct variable *v = of->kind == CXCursor_DeclRefExpr ? find(s, clang_getCursorReferenced(of->cursor)) : nullptr;
	if (v == nullptr || !carries(v->declaration->type))
		return;
	v->address_taken = true;
	if (v->holds > FREE && !is_scoped_record(v->declaration->type))
		complain(s, n, "the address of a pointer that holds a local's or a scoped parameter's address", "use two pointer variables");
}

/** A callee that is given the address of a scoped struct may put the other arguments into it. */
static void
flow_into_scoped_arguments(struct scope *s, struct node *call)
{
	for (size_t i = 1; i < call->kids.n; i++) {
		struct node *argument = bare(call->kids.at[i]);
		struct node *of = is_unary(argument, CXUnaryOperator_AddrOf) ? bare(argument->kids.at[0]) : nullptr;
		struct variable *v = of != nullptr && of->kind == CXCursor_DeclRefExpr ? find(s, clang_getCursorReferenced(of->cursor)) : nullptr;
		if (v == nullptr || !is_scoped_record(v->declaration->type))
			continue;
		for (size_t j = 1; j < call->kids.n; j++)
			if (j != i)
				flow_to_variable(s, v, call->kids.at[j], value_of(s, call->kids.at[j]));
	}
}

static bool
is_overflow_builtin(const struct scope *s, const struct node *call)
{
	const char *name = s->unit->tokens.list.at[call->first].text;
	return starts_with(name, "__builtin_") && ends_with(name, "_overflow");
}

static void
check_argument(struct scope *s, struct node *call, unsigned i)
{
	struct node *argument = call->kids.at[i];
	depth_t depth = value_of(s, argument);
	bool by_value = is_scoped_record(argument->type);
	CXCursor parameter = call_parameter(call, i - 1);
	if (depth == FREE || unevaluated(s->unit, call) || is_overflow_builtin(s, call))
		return;
	if (depth >= TEMPORARY)
		complain(s, argument, "the address of a temporary", "put the value into a variable first");
	else if (!by_value && !has_mark(parameter, "cadre:scoped"))
		complain(s, argument, "the address of a local, a slice or a scoped parameter goes to a parameter that may keep it",
		         "mark the parameter scoped, or pass a heap object");
}

static void
check_call(struct scope *s, struct node *n)
{
	for (unsigned i = 1; i < n->kids.n; i++)
		if (carries(n->kids.at[i]->type) || is_record(n->kids.at[i]->type))
			check_argument(s, n, i);
	flow_into_scoped_arguments(s, n);
}

static void
check_return(struct scope *s, struct node *n)
{
	struct node *value = kid(n, 0);
	depth_t depth = value != nullptr ? value_of(s, value) : FREE;
	if (depth > FREE && !(s->returns_scoped && depth == FUNCTION))
		complain(s, n, "returns the address of a local, a slice or what a scoped parameter points to",
		         "let the caller pass the storage, or return a heap object");
}

static void
check_block_value(struct scope *s, struct node *n)
{
	if (value_of(s, n) > depth_of(n))
		complain(s, n, "the value of the block points to a local of the block", "declare the local outside");
}

/** Atomic builtins, from framework macros: the address first, then values that are stored. */
static void
check_atomic(struct scope *s, struct node *n)
{
	for (size_t i = 1; i < n->kids.n; i++)
		if (carries(n->kids.at[i]->type))
			flow_to_memory(s, n->kids.at[i], value_of(s, n->kids.at[i]));
}

static void
visit(struct scope *s, struct node *n)
{
	if (is_operator(n, CXBinaryOperator_Assign))
		check_assignment(s, n);
	else if (n->kind == CXCursor_VarDecl)
		check_declaration(s, n);
	else if (n->kind == CXCursor_InitListExpr)
		check_list(s, n);
	else if (is_unary(n, CXUnaryOperator_AddrOf))
		check_address(s, n);
	else if (n->kind == CXCursor_CallExpr && n->kids.n > 0)
		check_call(s, n);
	else if (n->kind == CXCursor_ReturnStmt)
		check_return(s, n);
	else if (n->kind == CXCursor_StmtExpr)
		check_block_value(s, n);
	else if (is_atomic_builtin(s, n))
		check_atomic(s, n);
	for (size_t i = 0; i < n->kids.n; i++)
		visit(s, n->kids.at[i]);
}

void
rule_scope(struct unit *u, struct node *n)
{
	struct scope s = { .unit = u };
	if (n->parent != nullptr || (n->kind != CXCursor_FunctionDecl && n->kind != CXCursor_VarDecl))
		return;
	s.returns_scoped = has_mark(n->cursor, "cadre:returns_scoped");
	collect(&s, n);
	do {
		s.changed = false;
		visit(&s, n);
	} while (s.changed);
	s.reporting = true;
	visit(&s, n);
}
