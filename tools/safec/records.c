// SPDX-License-Identifier: MPL-2.0
/** SC-UNION and SC-LAYOUT, and the values that are not to be copied or kept: opaque and scoped structs. */
#include "rules.h"

/* The first mapped byte: a null pointer plus the offset of any field must fall below it. */
constexpr long long GUARD_SIZE = 65536;

struct union_check {
	struct unit *unit;
	struct node *of;
};

static enum CXVisitorResult
check_member(CXCursor field, CXClientData data)
{
	struct union_check *c = data;
	const char *fault = why_not_in_union(clang_getCursorType(field));
	if (fault != nullptr)
		refuse(c->unit, SC_UNION, c->of, "the union's member '%s' holds %s; use separate fields and a tag", name_of(field), fault);
	return CXVisit_Continue;
}

static void
check_union(struct unit *u, struct node *n)
{
	struct union_check c = { u, n };
	clang_Type_visitFields(n->real, check_member, &c);
}

static void
check_field(struct unit *u, struct node *n)
{
	long long size = clang_getArraySize(clang_getCanonicalType(n->type));
	bool array = is_array(n->type);
	if (clang_getCanonicalType(n->type).kind == CXType_IncompleteArray && !trusted(u, n))
		refuse(u, SC_INDEX, n, "a flexible array of a service's own; declare the array type with the framework's ARRAY_DECLARE");
	else if (array && size == 0)
		refuse(u, SC_INDEX, n, "an array of no elements; give it a bound");
	if (contains_scoped(n->type))
		refuse(u, SC_SCOPE, n, "'%s' lives in locals and parameters only; keep the object it was made from", type_name(n->type));
}

static void
check_variable(struct unit *u, struct node *n)
{
	if (contains_scoped(n->type) && (!is_record(n->type) || !is_scoped_record(n->type) || !is_automatic(n->cursor)))
		refuse(u, SC_SCOPE, n, "'%s' lives in locals and parameters only, one by one", type_name(n->type));
	if (contains_opaque(n->type) && clang_Type_getSizeOf(n->type) < 0)
		refuse(u, SC_LAYOUT, n, "a variable of a type without a size");
	if (clang_getCanonicalType(n->type).kind == CXType_Record && is_automatic(n->cursor) && n->kind == CXCursor_VarDecl) {
		struct node *init = initialiser(n);
		if (init != nullptr && bare(init)->kind != CXCursor_InitListExpr && contains_opaque(n->type))
			refuse(u, SC_PRIVATE, n, "a copy of opaque '%s'; use the object where it is", type_name(n->type));
	}
}

static void
check_function(struct unit *u, struct node *n)
{
	CXType result = clang_getResultType(clang_getCanonicalType(n->type));
	if (contains_scoped(result))
		refuse(u, SC_SCOPE, n, "returns '%s', which never goes up the call chain; let the caller make it", type_name(result));
	if (contains_opaque(result))
		refuse(u, SC_PRIVATE, n, "returns opaque '%s' by value; return a pointer", type_name(result));
}

static void
check_parameter(struct unit *u, struct node *n)
{
	if (contains_opaque(n->type))
		refuse(u, SC_PRIVATE, n, "takes opaque '%s' by value; take a pointer", type_name(n->type));
}

/** A struct value: read, assigned or passed. */
static void
check_copy(struct unit *u, struct node *n)
{
	if (is_assignment(n) && contains_opaque(n->kids.at[0]->type) && !trusted(u, n))
		refuse(u, SC_PRIVATE, n, "assigns opaque '%s'; use the functions of its type", type_name(n->type));
	bool reads = n->kind == CXCursor_UnexposedExpr && n->kids.n == 1 && is_record(n->type) && n->parent != nullptr;
	if (reads && contains_opaque(n->type) && !trusted(u, n->parent))
		refuse(u, SC_PRIVATE, n, "copies opaque '%s'; use the object where it is", type_name(n->type));
}

static bool
is_zero_list(const struct unit *u, const struct node *n)
{
	return n->kids.n == 0 || (n->kids.n == 1 && token_is(&u->tokens, n->kids.at[0]->first, "0"));
}

static void
check_list(struct unit *u, struct node *n)
{
	bool closed = contains_private(n->type) || contains_opaque(n->type) || (is_record(n->type) && is_scoped_record(n->type));
	bool positional = false;
	for (size_t i = 0; i < n->kids.n; i++)
		positional |= !is_designated(n->kids.at[i]);
	if (closed && positional && !trusted(u, n) && !is_zero_list(u, n))
		refuse(u, SC_PRIVATE, n, "fills '%s', which has private fields, by position; write { } or name public fields", type_name(n->type));
}

static void
check_pointee(struct unit *u, struct node *n)
{
	CXType to = pointee(n->type);
	if (!is_function(to) && clang_Type_getSizeOf(to) > GUARD_SIZE)
		refuse(u, SC_LAYOUT, n, "a pointer to '%s', which is larger than the 64 KiB that are unmapped at address 0; "
		       "split the type, or use a heap array", type_name(to));
}

static void
check_bit_field(struct unit *u, struct node *n)
{
	if (clang_getCanonicalType(n->type).kind == CXType_Enum)
		refuse(u, SC_LAYOUT, n, "a bit-field of an enum; use an unsigned integer");
}

void
rule_records(struct unit *u, struct node *n)
{
	if (n->own != NO_TOKEN && token_trusted(u, n->first) && trusted(u, n))
		return;
	if (n->kind == CXCursor_FieldDecl)
		check_field(u, n);
	else if (n->kind == CXCursor_UnionDecl)
		check_union(u, n);
	else if (n->kind == CXCursor_VarDecl)
		check_variable(u, n);
	else if (n->kind == CXCursor_FunctionDecl)
		check_function(u, n);
	else if (n->kind == CXCursor_ParmDecl)
		check_parameter(u, n);
	else if (n->kind == CXCursor_InitListExpr)
		check_list(u, n);
	else
		check_copy(u, n);
	if (n->kind == CXCursor_FieldDecl && clang_Cursor_isBitField(n->cursor))
		check_bit_field(u, n);
	if (is_pointer(n->type))
		check_pointee(u, n);
}
