// SPDX-License-Identifier: MPL-2.0
/**
 * SC-SCOPE for function types: a `scoped` mark is no part of a C type, so the checker follows it itself.
 *
 * A function may be used through a pointer only if it marks every parameter that the pointer's declaration marks. What
 * has no declaration to be seen (a pointer from a call, say) counts as marking nothing.
 */
#include "rules.h"

/** One character per parameter: 's' scoped, '.' not; a function pointer's own parameters follow in brackets. */
struct signature {
	char text[256];
	size_t n;
	bool known;
};

static void put(struct signature *s, CXCursor declaration);

static void
put_character(struct signature *s, char c)
{
	if (s->n + 1 < sizeof s->text)
		s->text[s->n++] = c;
}

static CXType
function_behind(CXType t)
{
	t = clang_getCanonicalType(t);
	while (is_pointer(t) || is_array(t))
		t = clang_getCanonicalType(is_pointer(t) ? pointee(t) : element(t));
	return t;
}

static enum CXChildVisitResult
put_parameter(CXCursor cursor, CXCursor parent, CXClientData data)
{
	struct signature *s = data;
	if (clang_getCursorKind(cursor) != CXCursor_ParmDecl)
		return CXChildVisit_Continue;
	put_character(s, has_mark(cursor, "cadre:scoped") ? 's' : '.');
	if (is_function(function_behind(clang_getCursorType(cursor)))) {
		put_character(s, '(');
		put(s, cursor);
		put_character(s, ')');
	}
	return CXChildVisit_Continue;
}

/** Appends the marks of a declaration's parameters, looking through typedefs. */
static void
put(struct signature *s, CXCursor declaration)
{
	size_t before = s->n;
	CXType t = clang_getCursorKind(declaration) == CXCursor_TypedefDecl ? clang_getTypedefDeclUnderlyingType(declaration)
	                                                                    : clang_getCursorType(declaration);
	clang_visitChildren(declaration, put_parameter, s);
	if (s->n > before)
		return;
	while (t.kind == CXType_Pointer || t.kind == CXType_ConstantArray)
		t = t.kind == CXType_Pointer ? clang_getPointeeType(t) : clang_getArrayElementType(t);
	CXCursor alias = clang_getTypeDeclaration(t);
	if (clang_getCursorKind(alias) == CXCursor_TypedefDecl && !clang_equalCursors(alias, declaration))
		put(s, alias);
}

static struct signature
signature_of(CXCursor declaration)
{
	struct signature s = { .known = !clang_Cursor_isNull(declaration) };
	if (s.known && is_function(function_behind(clang_getCursorType(declaration))))
		put(&s, declaration);
	return s;
}

static bool
demands(const struct signature *s)
{
	return memchr(s->text, 's', s->n) != nullptr;
}

/** Whether `have` may stand where `want` is declared: at the top level it may mark more, deeper it must be equal. */
static bool
satisfies(const struct signature *have, const struct signature *want)
{
	unsigned depth = 0;
	if (!demands(want) && !demands(have))
		return true;
	if (have->n != want->n)
		return !demands(want) && memchr(have->text, '(', have->n) == nullptr;
	for (size_t i = 0; i < want->n; i++) {
		char h = have->text[i], w = want->text[i];
		depth += w == '(';
		depth -= w == ')';
		if (h != w && (depth > 0 || h != 's'))
			return false;
	}
	return true;
}

static CXCursor
declaration_of(struct node *n)
{
	n = bare(n);
	while (is_unary(n, CXUnaryOperator_AddrOf) || is_unary(n, CXUnaryOperator_Deref) || n->kind == CXCursor_ArraySubscriptExpr) {
		if (is_unary(n, CXUnaryOperator_Deref) && !is_function_pointer(n->kids.at[0]->type) && !is_array(bare(n->kids.at[0])->type))
			return clang_getNullCursor();
		n = bare(n->kids.at[0]);
	}
	bool named = n->kind == CXCursor_DeclRefExpr || n->kind == CXCursor_MemberRefExpr;
	return named ? clang_getCursorReferenced(n->cursor) : clang_getNullCursor();
}

/** Whether every function that the value can be marks what `want` does. */
static bool
value_satisfies(struct node *value, const struct signature *want)
{
	value = bare(value);
	if (value->kind == CXCursor_CXXNullPtrLiteralExpr || value->kind == CXCursor_IntegerLiteral ||
	    (value->kind == CXCursor_CStyleCastExpr && is_void_pointer(value->type)))
		return true;
	if (value->kind == CXCursor_ConditionalOperator)
		return value_satisfies(value->kids.at[1], want) && value_satisfies(value->kids.at[2], want);
	if (value->kind == CXCursor_CStyleCastExpr)
		return value_satisfies(kid_last(value), want);
	if (value->kind == CXCursor_InitListExpr)
		return true; /* its elements are looked at one by one */
	struct signature have = signature_of(declaration_of(value));
	return satisfies(&have, want);
}

static void
check_flow(struct unit *u, CXCursor target, struct node *value)
{
	struct signature want = signature_of(target);
	if (!is_function(function_behind(value->type)) || is_record(value->type) || is_array(value->type))
		return;
	if (!value_satisfies(value, &want))
		refuse(u, SC_SCOPE, value, "the function's parameters are not marked as those of '%s'; mark them scoped alike",
		       clang_Cursor_isNull(target) ? "this pointer" : name_of(target));
}

struct field_check {
	struct unit *unit;
	struct node *value;
};

static enum CXVisitorResult
check_field(CXCursor field, CXClientData data)
{
	struct field_check *c = data;
	CXType t = clang_getCursorType(field);
	while (is_array(t))
		t = element(t);
	if (is_record(t))
		clang_Type_visitFields(clang_getCanonicalType(t), check_field, c);
	else if (is_function_pointer(t))
		check_flow(c->unit, field, c->value);
	return CXVisit_Continue;
}

/** The braced list's outermost list. */
static struct node *
outermost_list(struct node *n)
{
	while (n->parent != nullptr && (n->parent->kind == CXCursor_InitListExpr || is_designated(n->parent)))
		n = n->parent;
	return n;
}

/** An element without a designator may fill any function pointer of the object. */
static void
check_positional(struct unit *u, struct node *element_node, struct node *value)
{
	struct field_check c = { u, value };
	struct node *list = outermost_list(element_node->parent);
	CXType t = list->type;
	while (is_array(t))
		t = element(t);
	if (is_record(t))
		clang_Type_visitFields(clang_getCanonicalType(t), check_field, &c);
	if (list->parent != nullptr && list->parent->kind == CXCursor_VarDecl && !is_record(t))
		check_flow(u, list->parent->cursor, value);
}

static void
check_element(struct unit *u, struct node *element_node)
{
	if (!is_designated(element_node)) {
		if (is_function_pointer(element_node->type))
			check_positional(u, element_node, element_node);
		return;
	}
	struct node *value = kid_last(element_node), *member = element_node->kids.at[element_node->kids.n - 2];
	if (!is_function_pointer(value->type))
		return;
	if (member->kind == CXCursor_MemberRef)
		check_flow(u, clang_getCursorReferenced(member->cursor), value);
	else
		check_positional(u, element_node, value);
}

static void
check_call(struct unit *u, struct node *n)
{
	for (unsigned i = 1; i < n->kids.n; i++)
		if (is_function_pointer(n->kids.at[i]->type))
			check_flow(u, call_parameter(n, i - 1), n->kids.at[i]);
}

/** Declarations of one function must agree: a caller may have seen either. */
static void
check_redeclaration(struct unit *u, struct node *n)
{
	struct signature here = signature_of(n->cursor), first = signature_of(clang_getCanonicalCursor(n->cursor));
	if (!satisfies(&here, &first) || !satisfies(&first, &here))
		refuse(u, SC_SCOPE, n, "'%s' is declared before with other scoped marks; make them equal", name_of(n->cursor));
}

/** Through a pointer to a marked function pointer, an unmarked function could be stored in it. */
static void
check_address(struct unit *u, struct node *n)
{
	struct node *of = n->kids.at[0];
	struct signature s = signature_of(declaration_of(of));
	if (!is_function(of->type) && demands(&s) && is_function(function_behind(of->type)))
		refuse(u, SC_SCOPE, n, "the address of a function pointer with scoped parameters; assign to it directly");
}

/** What a function returns may be scoped; a pointer to it would forget that. */
static void
check_reference(struct unit *u, struct node *n)
{
	const struct node *callee = n, *user = user_of(n);
	while (callee->parent != nullptr && is_wrapper(callee->parent))
		callee = callee->parent;
	bool called = user != nullptr && user->kind == CXCursor_CallExpr && user->kids.at[0] == callee;
	if (!called && has_mark(clang_getCursorReferenced(n->cursor), "cadre:returns_scoped"))
		refuse(u, SC_SCOPE, n, "'%s' returns a scoped pointer, which a function pointer would forget; call it directly",
		       name_of(n->cursor));
}

void
rule_function_marks(struct unit *u, struct node *n)
{
	if (n->kind == CXCursor_DeclRefExpr && !trusted(u, n))
		check_reference(u, n);
	struct node *init = n->kind == CXCursor_VarDecl ? initialiser(n) : nullptr;
	if (init != nullptr)
		check_flow(u, n->cursor, init);
	else if (is_operator(n, CXBinaryOperator_Assign) && is_function_pointer(n->kids.at[0]->type))
		check_flow(u, declaration_of(n->kids.at[0]), n->kids.at[1]);
	else if (n->kind == CXCursor_InitListExpr)
		for (size_t i = 0; i < n->kids.n; i++)
			check_element(u, n->kids.at[i]);
	else if (n->kind == CXCursor_CallExpr && n->kids.n > 0)
		check_call(u, n);
	else if (n->kind == CXCursor_FunctionDecl)
		check_redeclaration(u, n);
	else if (is_unary(n, CXUnaryOperator_AddrOf))
		check_address(u, n);
	else if (n->kind == CXCursor_UnexposedExpr && n->kids.n == 1 && is_array(n->kids.at[0]->type) &&
	         (n->parent == nullptr || n->parent->kind != CXCursor_ArraySubscriptExpr))
		check_address(u, n);
}
