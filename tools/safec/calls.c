// SPDX-License-Identifier: MPL-2.0
/** What a call's declaration demands of its arguments: SC-PLAIN, SC-HEAP, SC-FORMAT. */
#include "rules.h"

/** Strips what changes nothing about which function is called: wrappers, `*`, `&`, subscripts. */
static struct node *
callee_node(const struct node *call)
{
	struct node *n = bare(call->kids.at[0]);
	while ((is_unary(n, CXUnaryOperator_Deref) && is_function_pointer(n->kids.at[0]->type)) ||
	       (is_unary(n, CXUnaryOperator_AddrOf) && is_function(n->kids.at[0]->type)) ||
	       n->kind == CXCursor_ArraySubscriptExpr)
		n = bare(n->kids.at[0]);
	return n;
}

CXCursor
callee_of(const struct node *call)
{
	if (call->kids.n == 0)
		return clang_getNullCursor();
	const struct node *n = callee_node(call);
	bool named = n->kind == CXCursor_DeclRefExpr || n->kind == CXCursor_MemberRefExpr;
	return named ? clang_getCursorReferenced(n->cursor) : clang_getNullCursor();
}

struct parameter_search {
	unsigned wanted, seen;
	CXCursor found;
};

static enum CXChildVisitResult
find_parameter(CXCursor cursor, CXCursor parent, CXClientData data)
{
	struct parameter_search *s = data;
	if (clang_getCursorKind(cursor) == CXCursor_ParmDecl && s->seen++ == s->wanted)
		s->found = cursor;
	return CXChildVisit_Continue;
}

/** The function type behind pointers and arrays. */
static CXType
function_type(CXType t)
{
	t = clang_getCanonicalType(t);
	while (is_pointer(t) || is_array(t))
		t = clang_getCanonicalType(is_pointer(t) ? pointee(t) : element(t));
	return t;
}

/** Parameter i in the declarator of a variable, field or parameter, or of the typedef that is its type. */
static CXCursor
declarator_parameter(CXCursor declaration, unsigned i)
{
	CXType type = clang_getCursorKind(declaration) == CXCursor_TypedefDecl
	                      ? clang_getTypedefDeclUnderlyingType(declaration)
	                      : clang_getCursorType(declaration);
	CXType function = function_type(type);
	struct parameter_search s = { i, 0, clang_getNullCursor() };
	clang_visitChildren(declaration, find_parameter, &s);
	if (s.seen > 0)
		return (int)s.seen == clang_getNumArgTypes(function) ? s.found : clang_getNullCursor();
	CXCursor alias = clang_getTypeDeclaration(is_pointer(type) && type.kind == CXType_Pointer ? clang_getPointeeType(type) : type);
	bool aliased = clang_getCursorKind(alias) == CXCursor_TypedefDecl && !clang_equalCursors(alias, declaration);
	return aliased ? declarator_parameter(alias, i) : clang_getNullCursor();
}

CXCursor
call_parameter(const struct node *call, unsigned i)
{
	CXCursor callee = callee_of(call);
	if (clang_Cursor_isNull(callee) || !is_function(function_type(clang_getCursorType(callee))))
		return clang_getNullCursor();
	if (clang_getCursorKind(callee) == CXCursor_FunctionDecl)
		return (int)i < clang_Cursor_getNumArguments(callee) ? clang_Cursor_getArgument(callee, i) : clang_getNullCursor();
	return declarator_parameter(callee, i);
}

static void
check_marked(struct unit *u, struct node *argument, CXCursor parameter, const char *mark, enum rule rule,
	const char *(*why_not)(CXType), const char *advice)
{
	struct node *value = bare(argument);
	if (!has_mark(parameter, mark))
		return;
	while (value->kind == CXCursor_CStyleCastExpr && trusted(u, value) && is_void_pointer(value->type))
		value = bare(kid_last(value));
	CXType t = is_array(value->type) ? element(value->type) : pointee(value->type);
	const char *fault = is_pointer(value->type) || is_array(value->type) ? why_not(t) : "is no pointer";
	if (fault != nullptr)
		refuse(u, rule, argument, "'%s' %s; %s", type_name(t), fault, advice);
}

static void
check_variadic(struct unit *u, struct node *call)
{
	CXType callee = function_type(call->kids.at[0]->type);
	if (starts_with(name_of(callee_of(call)), "__builtin_")) /* rule_words admits them one by one */
		return;
	if (callee.kind == CXType_FunctionProto && clang_isFunctionTypeVariadic(callee) && !trusted(u, bare(call->kids.at[0])))
		refuse(u, SC_FORMAT, call, "a call with unchecked arguments; use log_info() and its like, which know each argument's type");
	if (callee.kind == CXType_FunctionNoProto)
		refuse(u, SC_FORBID, call, "a call through a type without a prototype; name the parameters");
}

void
rule_calls(struct unit *u, struct node *n)
{
	if (n->kind != CXCursor_CallExpr || n->kids.n == 0)
		return;
	check_variadic(u, n);
	for (unsigned i = 1; i < n->kids.n; i++) {
		CXCursor parameter = call_parameter(n, i - 1);
		check_marked(u, n->kids.at[i], parameter, "cadre:plain", SC_PLAIN, why_not_plain,
		             "move the bytes through a struct of integers");
		check_marked(u, n->kids.at[i], parameter, "cadre:heap_type", SC_HEAP, why_not_heap,
		             "complete it, and keep slices and guards in locals");
	}
}
