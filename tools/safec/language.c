// SPDX-License-Identifier: MPL-2.0
/** SC-FORBID: statements, expressions and types that Safe C does not have. */
#include "rules.h"

static const struct {
	enum CXCursorKind kind;
	const char *text;
} forbidden_nodes[] = {
	{ CXCursor_AddrLabelExpr, "the address of a label; use a switch" },
	{ CXCursor_IndirectGotoStmt, "a computed goto; use a switch" },
	{ CXCursor_GCCAsmStmt, "assembly; it belongs in the framework" },
	{ CXCursor_MSAsmStmt, "assembly; it belongs in the framework" },
	{ CXCursor_AsmLabelAttr, "an asm label; use the name itself" },
	{ CXCursor_FloatingLiteral, "floating point, whose registers are the user's; use integers" },
	{ CXCursor_ImaginaryLiteral, "a complex number; use integers" },
	{ CXCursor_BlockExpr, "a block; use a function" },
};

static const struct {
	enum CXTypeKind first, last;
	const char *text;
} forbidden_types[] = {
	{ CXType_Int128, CXType_Int128, "a 128-bit integer; use u64" },
	{ CXType_UInt128, CXType_UInt128, "a 128-bit integer; use u64" },
	{ CXType_Float, CXType_LongDouble, "floating point, whose registers are the user's; use integers" },
	{ CXType_Float128, CXType_Ibm128, "floating point, whose registers are the user's; use integers" },
	{ CXType_Complex, CXType_Complex, "a complex number; use integers" },
	{ CXType_BlockPointer, CXType_BlockPointer, "a block; use a function pointer" },
	{ CXType_Vector, CXType_Vector, "a vector; use an array" },
	{ CXType_ExtVector, CXType_ExtVector, "a vector; use an array" },
	{ CXType_VariableArray, CXType_VariableArray, "an array whose length is not constant; use a constant bound or a heap array" },
	{ CXType_Atomic, CXType_Atomic, "_Atomic; use the framework's atomics" },
};

static void
check_type(struct unit *u, struct node *n, CXType t)
{
	while (is_pointer(t) || is_array(t)) {
		if (clang_getCanonicalType(t).kind == CXType_VariableArray)
			break;
		t = is_pointer(t) ? pointee(t) : element(t);
	}
	enum CXTypeKind kind = clang_getCanonicalType(t).kind;
	for (size_t i = 0; i < COUNT(forbidden_types); i++)
		if (kind >= forbidden_types[i].first && kind <= forbidden_types[i].last)
			refuse(u, SC_FORBID, n, "%s", forbidden_types[i].text);
}

/** sizeof of a type without a constant size evaluates the length. */
static void
check_sizeof(struct unit *u, struct node *n)
{
	long long value;
	if (!constant_value(n, &value))
		refuse(u, SC_FORBID, n, "the size of an array whose length is not constant; multiply by the length");
}

/** A bound of a parameter declared as an array may call functions: VLA by another name. */
static void
check_parameter_bound(struct unit *u, struct node *n)
{
	long long value;
	for (size_t i = 0; i < n->kids.n; i++)
		if (is_expression(n->kids.at[i]) && !constant_value(n->kids.at[i], &value))
			refuse(u, SC_FORBID, n, "the bound of a parameter is not constant; declare a pointer to a struct, or take a slice");
}

void
rule_language(struct unit *u, struct node *n)
{
	if (n->own != NO_TOKEN && trusted(u, n))
		return;
	for (size_t i = 0; i < COUNT(forbidden_nodes); i++)
		if (forbidden_nodes[i].kind == n->kind)
			refuse(u, SC_FORBID, n, "%s", forbidden_nodes[i].text);
	if (touched(u, n) && (is_expression(n) || clang_isDeclaration(n->kind)))
		check_type(u, n, n->type);
	if (n->kind == CXCursor_FunctionDecl)
		check_type(u, n, clang_getResultType(n->real));
	if (n->kind == CXCursor_ParmDecl)
		check_parameter_bound(u, n);
	if (n->kind == CXCursor_UnaryExpr)
		check_sizeof(u, n);
}
