// SPDX-License-Identifier: MPL-2.0
/** Builds nodes from libclang's cursors and answers questions about single nodes. */
#include "tree.h"

#include <stdarg.h>

constexpr unsigned DEPTH_MAX = 1000;

struct builder {
	struct unit *unit;
	struct node *parent;
	unsigned depth;
	bool too_deep;
};

static uint32_t
offset_of(CXSourceLocation at)
{
	unsigned offset;
	clang_getFileLocation(at, nullptr, nullptr, nullptr, &offset);
	return offset;
}

void
tree_range(const struct unit *u, CXCursor cursor, uint32_t *first, uint32_t *last)
{
	CXSourceRange range = clang_getCursorExtent(cursor);
	uint32_t end = offset_of(clang_getRangeEnd(range));
	*first = token_at(&u->tokens, offset_of(clang_getRangeStart(range)));
	*last = end > 0 ? token_at(&u->tokens, end - 1) : 0;
	if (*last < *first)
		*last = *first;
}

static bool
is_declaration(enum CXCursorKind kind)
{
	return clang_isDeclaration(kind);
}

/** The token that makes a node what it is. */
static uint32_t
own_token(const struct unit *u, const struct node *n)
{
	switch ((int)n->kind) {
	case CXCursor_UnexposedExpr:
		return n->kids.n == 1 ? NO_TOKEN : n->first;
	case CXCursor_BinaryOperator:
	case CXCursor_CompoundAssignOperator:
	case CXCursor_ConditionalOperator:
	case CXCursor_CallExpr:
		return n->kids.n > 0 && n->kids.at[0]->last < n->last ? n->kids.at[0]->last + 1 : n->first;
	case CXCursor_ArraySubscriptExpr:
	case CXCursor_MemberRefExpr:
		return n->last;
	case CXCursor_UnaryOperator: {
		enum CXUnaryOperatorKind k = clang_getCursorUnaryOperatorKind(n->cursor);
		return k == CXUnaryOperator_PostInc || k == CXUnaryOperator_PostDec ? n->last : n->first;
	}
	default:
		return is_declaration(n->kind) ? token_at(&u->tokens, offset_of(clang_getCursorLocation(n->cursor))) : n->first;
	}
}

static enum CXChildVisitResult build_kid(CXCursor cursor, CXCursor parent, CXClientData data);

static struct node *
build(struct builder *b, CXCursor cursor)
{
	struct node *n = must_alloc(sizeof *n);
	n->cursor = cursor;
	n->kind = clang_getCursorKind(cursor);
	n->type = clang_getCursorType(cursor);
	n->real = clang_getCanonicalType(n->type);
	n->parent = b->parent;
	tree_range(b->unit, cursor, &n->first, &n->last);
	struct builder below = { b->unit, n, b->depth + 1, b->depth >= DEPTH_MAX };
	if (!below.too_deep)
		clang_visitChildren(cursor, build_kid, &below);
	b->too_deep |= below.too_deep;
	n->own = own_token(b->unit, n);
	return n;
}

static enum CXChildVisitResult
build_kid(CXCursor cursor, CXCursor parent, CXClientData data)
{
	struct builder *b = data;
	struct node *n = build(b, cursor);
	vec_push(&b->parent->kids, n);
	return b->too_deep ? CXChildVisit_Break : CXChildVisit_Continue;
}

struct node *
tree_build(struct unit *u, CXCursor cursor)
{
	struct builder b = { .unit = u };
	struct node *n = build(&b, cursor);
	if (!b.too_deep)
		return n;
	refuse(u, SC_PARSE, n, "nested more than %u levels deep; split it", DEPTH_MAX);
	return nullptr;
}

bool
token_trusted(const struct unit *u, uint32_t i)
{
	return i < u->tokens.list.n && u->tokens.list.at[i].trusted;
}

bool
trusted(const struct unit *u, const struct node *n)
{
	return n->own != NO_TOKEN && token_trusted(u, n->own);
}

bool
touched(const struct unit *u, const struct node *n)
{
	for (uint32_t i = n->first; i <= n->last && i < u->tokens.list.n; i++)
		if (!token_trusted(u, i))
			return true;
	return false;
}

void
refuse(const struct unit *u, enum rule rule, const struct node *n, const char *format, ...)
{
	va_list args;
	char *text;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		fail("out of memory");
	va_end(args);
	report(rule, token_place(&u->tokens, n->own != NO_TOKEN ? n->own : n->first), "%s", text);
}

struct node *
kid(const struct node *n, size_t i)
{
	return i < n->kids.n ? n->kids.at[i] : nullptr;
}

struct node *
kid_last(const struct node *n)
{
	return n->kids.n > 0 ? n->kids.at[n->kids.n - 1] : nullptr;
}

bool
is_wrapper(const struct node *n)
{
	return n->kids.n == 1 && (n->kind == CXCursor_ParenExpr || n->kind == CXCursor_UnexposedExpr);
}

struct node *
bare(struct node *n)
{
	while (is_wrapper(n))
		n = n->kids.at[0];
	return n;
}

struct node *
unparenthesised(struct node *n)
{
	while (n->kind == CXCursor_ParenExpr && n->kids.n == 1)
		n = n->kids.at[0];
	return n;
}

struct node *
user_of(const struct node *n)
{
	struct node *p = n->parent;
	while (p != nullptr && is_wrapper(p))
		p = p->parent;
	return p;
}

bool
is_expression(const struct node *n)
{
	return clang_isExpression(n->kind);
}

bool
is_binary(const struct node *n)
{
	return n->kind == CXCursor_BinaryOperator || n->kind == CXCursor_CompoundAssignOperator;
}

bool
is_operator(const struct node *n, enum CXBinaryOperatorKind kind)
{
	return is_binary(n) && clang_getCursorBinaryOperatorKind(n->cursor) == kind;
}

bool
is_assignment(const struct node *n)
{
	return n->kind == CXCursor_CompoundAssignOperator || is_operator(n, CXBinaryOperator_Assign);
}

bool
is_unary(const struct node *n, enum CXUnaryOperatorKind kind)
{
	return n->kind == CXCursor_UnaryOperator && clang_getCursorUnaryOperatorKind(n->cursor) == kind;
}

bool
is_increment(const struct node *n)
{
	enum CXUnaryOperatorKind k = n->kind == CXCursor_UnaryOperator ? clang_getCursorUnaryOperatorKind(n->cursor)
	                                                                : CXUnaryOperator_Invalid;
	return k == CXUnaryOperator_PostInc || k == CXUnaryOperator_PostDec || k == CXUnaryOperator_PreInc ||
	       k == CXUnaryOperator_PreDec;
}

/** A child of a declaration that is no initialiser belongs to its type: an array bound, a typeof operand. */
static bool
is_type_part(const struct node *n)
{
	const struct node *p = n->parent;
	if (!is_declaration(p->kind))
		return false;
	return p->kind != CXCursor_VarDecl || initialiser(p) != n;
}

bool
unevaluated(const struct unit *u, const struct node *n)
{
	for (; n->parent != nullptr && n->parent->kind != CXCursor_CompoundStmt; n = n->parent)
		if (is_expression(n) && (n->parent->kind == CXCursor_UnaryExpr || is_type_part(n)))
			return true;
	return false;
}

bool
is_parameter(const struct node *n)
{
	return n->kind == CXCursor_DeclRefExpr &&
	       clang_getCursorKind(clang_getCursorReferenced(n->cursor)) == CXCursor_ParmDecl;
}

struct node *
initialiser(const struct node *variable)
{
	CXCursor init = clang_Cursor_getVarDeclInitializer(variable->cursor);
	for (size_t i = 0; i < variable->kids.n; i++)
		if (clang_equalCursors(variable->kids.at[i]->cursor, init))
			return variable->kids.at[i];
	return nullptr;
}

bool
is_designated(const struct node *n)
{
	return n->kind == CXCursor_UnexposedExpr && n->kids.n > 1 && n->parent != nullptr &&
	       n->parent->kind == CXCursor_InitListExpr;
}

bool
is_automatic(CXCursor variable)
{
	enum CXCursorKind k = clang_getCursorKind(variable);
	return k == CXCursor_ParmDecl || (k == CXCursor_VarDecl && !clang_Cursor_hasVarDeclGlobalStorage(variable));
}

struct mark_search {
	const char *mark;
	bool found;
};

static enum CXChildVisitResult
find_mark(CXCursor cursor, CXCursor parent, CXClientData data)
{
	struct mark_search *s = data;
	if (clang_getCursorKind(cursor) != CXCursor_AnnotateAttr)
		return CXChildVisit_Continue;
	s->found |= strcmp(name_of(cursor), s->mark) == 0;
	return s->found ? CXChildVisit_Break : CXChildVisit_Continue;
}

bool
has_mark(CXCursor declaration, const char *mark)
{
	struct mark_search s = { .mark = mark };
	if (!clang_Cursor_isNull(declaration))
		clang_visitChildren(declaration, find_mark, &s);
	return s.found;
}

const char *
name_of(CXCursor c)
{
	const char *text = clang_getCString(clang_getCursorSpelling(c));
	return text != nullptr ? text : "";
}

const char *
type_name(CXType t)
{
	const char *text = clang_getCString(clang_getTypeSpelling(t));
	return text != nullptr ? text : "";
}

void
tree_walk(struct node *n, void (*visit)(struct unit *, struct node *), struct unit *u)
{
	visit(u, n);
	for (size_t i = 0; i < n->kids.n; i++)
		tree_walk(n->kids.at[i], visit, u);
}
