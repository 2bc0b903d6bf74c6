// SPDX-License-Identifier: MPL-2.0
/** Answers questions about types, from their canonical form. */
#include "types.h"

CXType
canonical(CXType t)
{
	return clang_getUnqualifiedType(clang_getCanonicalType(t));
}

static enum CXTypeKind
kind(CXType t)
{
	return clang_getCanonicalType(t).kind;
}

bool
is_pointer(CXType t)
{
	return kind(t) == CXType_Pointer;
}

bool
is_function(CXType t)
{
	return kind(t) == CXType_FunctionProto || kind(t) == CXType_FunctionNoProto;
}

CXType
pointee(CXType t)
{
	return clang_getPointeeType(clang_getCanonicalType(t));
}

CXType
element(CXType t)
{
	return clang_getArrayElementType(clang_getCanonicalType(t));
}

bool
is_void_pointer(CXType t)
{
	return is_pointer(t) && kind(pointee(t)) == CXType_Void;
}

bool
is_function_pointer(CXType t)
{
	return is_pointer(t) && is_function(pointee(t));
}

bool
is_array(CXType t)
{
	enum CXTypeKind k = kind(t);
	return k == CXType_ConstantArray || k == CXType_IncompleteArray || k == CXType_VariableArray;
}

bool
is_record(CXType t)
{
	return kind(t) == CXType_Record;
}

bool
is_integer(CXType t)
{
	enum CXTypeKind k = kind(t);
	return k == CXType_Enum || (k >= CXType_Bool && k <= CXType_Int128);
}

bool
same_type(CXType a, CXType b)
{
	return clang_equalTypes(clang_getCanonicalType(a), clang_getCanonicalType(b));
}

struct search {
	bool (*visit)(CXType, CXCursor);
	bool found;
};

static bool any(CXType t, CXCursor field, bool (*visit)(CXType, CXCursor));

static enum CXVisitorResult
any_field(CXCursor field, CXClientData data)
{
	struct search *s = data;
	s->found = any(clang_getCursorType(field), field, s->visit);
	return s->found ? CXVisit_Break : CXVisit_Continue;
}

static bool
any(CXType t, CXCursor field, bool (*visit)(CXType, CXCursor))
{
	struct search s = { .visit = visit };
	if (visit(t, field))
		return true;
	if (is_array(t))
		return any(element(t), field, visit);
	if (is_record(t))
		clang_Type_visitFields(clang_getCanonicalType(t), any_field, &s);
	return s.found;
}

bool
type_any(CXType t, bool (*visit)(CXType t, CXCursor field))
{
	return any(t, clang_getNullCursor(), visit);
}

static bool
pointer_here(CXType t, CXCursor field)
{
	return is_pointer(t) || kind(t) == CXType_NullPtr || kind(t) == CXType_BlockPointer;
}

static bool
scoped_here(CXType t, CXCursor field)
{
	return is_scoped_record(t);
}

/** The declaration that carries the marks of a record: its definition where there is one. */
static CXCursor
declaration(CXType t)
{
	CXCursor c = clang_getTypeDeclaration(clang_getCanonicalType(t));
	CXCursor definition = clang_getCursorDefinition(c);
	return clang_Cursor_isNull(definition) ? c : definition;
}

static bool
opaque_here(CXType t, CXCursor field)
{
	return kind(t) == CXType_IncompleteArray ||
	       (is_record(t) && has_mark(declaration(t), "cadre:opaque"));
}

static bool
private_here(CXType t, CXCursor field)
{
	return has_mark(field, "cadre:private");
}

bool
contains_pointer(CXType t)
{
	return type_any(t, pointer_here);
}

bool
contains_scoped(CXType t)
{
	return type_any(t, scoped_here);
}

bool
contains_opaque(CXType t)
{
	return is_record(t) && type_any(t, opaque_here);
}

bool
contains_private(CXType t)
{
	return is_record(t) && type_any(t, private_here);
}

bool
is_scoped_record(CXType t)
{
	return is_record(t) && has_mark(declaration(t), "cadre:scoped_type");
}

static bool
is_union(CXType t)
{
	return is_record(t) && clang_getCursorKind(declaration(t)) == CXCursor_UnionDecl;
}

static bool
is_unsuited_scalar(CXType t)
{
	return !is_record(t) && !is_array(t) && (!is_integer(t) || kind(t) == CXType_Enum || kind(t) == CXType_Bool);
}

static bool
not_plain_here(CXType t, CXCursor field)
{
	return is_unsuited_scalar(t) || is_union(t) || opaque_here(t, field) || is_scoped_record(t) ||
	       (clang_getCursorKind(field) == CXCursor_FieldDecl && clang_Cursor_isBitField(field));
}

struct layout {
	long long end;    /* bytes that fields cover so far; -1 after a gap */
};

static enum CXVisitorResult
follow_field(CXCursor field, CXClientData data)
{
	struct layout *l = data;
	if (clang_Cursor_getOffsetOfField(field) != 8 * l->end) {
		l->end = -1;
		return CXVisit_Break;
	}
	l->end += clang_Type_getSizeOf(clang_getCursorType(field));
	return CXVisit_Continue;
}

static bool
padded_here(CXType t, CXCursor field)
{
	struct layout l = { };
	if (!is_record(t) || is_union(t))
		return false;
	clang_Type_visitFields(clang_getCanonicalType(t), follow_field, &l);
	return l.end != clang_Type_getSizeOf(t);
}

const char *
why_not_plain(CXType t)
{
	if (kind(t) == CXType_Void || clang_Type_getSizeOf(t) < 0)
		return "is incomplete";
	if (contains_pointer(t))
		return "contains a pointer";
	if (type_any(t, not_plain_here))
		return "contains something other than integers (a bool, an enum, a union, a bit-field, an opaque struct)";
	return type_any(t, padded_here) ? "has padding" : nullptr;
}

const char *
why_not_heap(CXType t)
{
	if (is_function(t))
		return "is a function";
	if (kind(t) == CXType_Void || clang_Type_getSizeOf(t) < 0)
		return "is incomplete";
	return contains_scoped(t) ? "contains a type that lives in locals only" : nullptr;
}

static bool
not_in_union_here(CXType t, CXCursor field)
{
	return is_unsuited_scalar(t) || opaque_here(t, field) || is_scoped_record(t) || private_here(t, field);
}

const char *
why_not_in_union(CXType t)
{
	if (contains_pointer(t))
		return "a pointer";
	return type_any(t, not_in_union_here) ? "a bool, an enum or an opaque struct" : nullptr;
}

/** Whether `here` holds for a type that t is made of, behind pointers, results and parameters included. */
static bool
mentions(CXType t, bool (*here)(CXType))
{
	t = clang_getCanonicalType(t);
	if (here(t))
		return true;
	if (is_pointer(t))
		return mentions(pointee(t), here);
	if (is_array(t))
		return mentions(element(t), here);
	if (!is_function(t))
		return false;
	for (int i = 0; i < clang_getNumArgTypes(t); i++)
		if (mentions(clang_getArgType(t, (unsigned)i), here))
			return true;
	return mentions(clang_getResultType(t), here);
}

static bool
unprototyped_here(CXType t)
{
	return t.kind == CXType_FunctionNoProto;
}

static bool
variadic_here(CXType t)
{
	return t.kind == CXType_FunctionProto && clang_isFunctionTypeVariadic(t);
}

static bool
unbounded_here(CXType t)
{
	return is_pointer(t) && kind(pointee(t)) == CXType_IncompleteArray;
}

bool
mentions_void_pointer(CXType t)
{
	return mentions(t, is_void_pointer);
}

bool
mentions_unprototyped(CXType t)
{
	return mentions(t, unprototyped_here);
}

bool
mentions_variadic(CXType t)
{
	return mentions(t, variadic_here);
}

bool
mentions_unbounded(CXType t)
{
	return mentions(t, unbounded_here);
}
