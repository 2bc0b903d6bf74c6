// SPDX-License-Identifier: MPL-2.0
/**
 * The summary of a unit: the layout of each tag and the type of each external name, for comparison with other units.
 *
 * One record a line, fields separated by tabs: kind, name, shape, `defined`, `used` or `declared`, `framework` or
 * `own`, place.
 */
#include "unit.h"

#include "types.h"

#include <errno.h>

struct writer {
	struct unit *unit;
	FILE *out;
};

static char *shape_of(CXType t);

struct text {
	char *text;
};

static const char *const marks[] = {
	"cadre:scoped", "cadre:scoped_type", "cadre:private", "cadre:opaque", "cadre:returns_scoped", "cadre:plain", "cadre:heap_type",
};

static char *
marks_of(CXCursor c)
{
	char *text = textf("%s", "");
	for (size_t i = 0; i < COUNT(marks); i++)
		if (has_mark(c, marks[i]))
			text = textf("%s!%s", text, marks[i] + strlen("cadre:"));
	return text;
}

static char *parameter_marks(CXCursor c);

static enum CXVisitorResult
add_field(CXCursor field, CXClientData data)
{
	struct text *t = data;
	t->text = textf("%s %s%s%s:%s@%lld", t->text, name_of(field), marks_of(field), parameter_marks(field),
	                shape_of(clang_getCursorType(field)), clang_Cursor_getOffsetOfField(field));
	if (clang_Cursor_isBitField(field))
		t->text = textf("%s/%d", t->text, clang_getFieldDeclBitWidth(field));
	return CXVisit_Continue;
}

static char *
record_shape(CXType t, CXCursor c)
{
	struct text fields = { textf("%s%s{", clang_getCursorKind(c) == CXCursor_UnionDecl ? "union" : "struct", marks_of(c)) };
	clang_Type_visitFields(t, add_field, &fields);
	return textf("%s }%lld/%lld", fields.text, clang_Type_getSizeOf(t), clang_Type_getAlignOf(t));
}

static enum CXChildVisitResult
add_enumerator(CXCursor c, CXCursor parent, CXClientData data)
{
	struct text *t = data;
	if (clang_getCursorKind(c) == CXCursor_EnumConstantDecl)
		t->text = textf("%s %s=%lld", t->text, name_of(c), clang_getEnumConstantDeclValue(c));
	return CXChildVisit_Continue;
}

static char *
enum_shape(CXCursor c)
{
	struct text values = { textf("enum:%s{", shape_of(clang_getEnumDeclIntegerType(c))) };
	clang_visitChildren(c, add_enumerator, &values);
	return textf("%s }", values.text);
}

static bool
is_nameless(CXCursor c)
{
	const char *name = name_of(c);
	return name[0] == '\0' || strchr(name, '(') != nullptr || clang_Cursor_isAnonymous(c);
}

static char *
function_shape(CXType t)
{
	char *text = textf("(");
	for (int i = 0; i < clang_getNumArgTypes(t); i++)
		text = textf("%s%s%s", text, i > 0 ? ", " : "", shape_of(clang_getArgType(t, (unsigned)i)));
	return textf("%s%s)->%s", text, clang_isFunctionTypeVariadic(t) ? ", ..." : "", shape_of(clang_getResultType(t)));
}

/** Spells a type so that equal types of different units have equal texts, and no others. */
static char *
shape_of(CXType t)
{
	t = clang_getCanonicalType(t);
	const char *qualifier = clang_isConstQualifiedType(t) ? "const " : "";
	CXCursor c = clang_getTypeDeclaration(t);
	if (is_pointer(t))
		return textf("%s*%s", qualifier, shape_of(pointee(t)));
	if (is_array(t))
		return textf("[%lld]%s", clang_getArraySize(t), shape_of(element(t)));
	if (is_function(t))
		return function_shape(t);
	if (t.kind == CXType_Record && is_nameless(c))
		return textf("%s%s", qualifier, record_shape(t, c));
	if (t.kind == CXType_Enum && is_nameless(c))
		return textf("%s%s", qualifier, enum_shape(c));
	if (t.kind == CXType_Record || t.kind == CXType_Enum)
		return textf("%s%s", qualifier, name_of(c));
	return textf("%s", type_name(t));
}

static enum CXChildVisitResult
add_parameter(CXCursor c, CXCursor parent, CXClientData data)
{
	struct text *t = data;
	if (clang_getCursorKind(c) == CXCursor_ParmDecl)
		t->text = textf("%s|%s%s", t->text, marks_of(c), parameter_marks(c));
	return CXChildVisit_Continue;
}

static char *
parameter_marks(CXCursor c)
{
	struct text t = { textf("%s", "") };
	clang_visitChildren(c, add_parameter, &t);
	return t.text;
}

static void
record(struct writer *w, const char *kind, CXCursor c, const char *shape, const char *state)
{
	uint32_t first, last;
	tree_range(w->unit, c, &first, &last);
	struct place at = token_place(&w->unit->tokens, first);
	bool framework = file_of(at.file)->kind == FILE_FRAMEWORK;
	fprintf(w->out, "%s\t%s\t%s\t%s\t%s\t%s:%u:%u\n", kind, name_of(c), shape, state,
	        framework ? "framework" : "own", at.file, at.line, at.column);
}

static void
record_tag(struct writer *w, CXCursor c)
{
	CXType t = clang_getCursorType(c);
	if (!clang_isCursorDefinition(c) || is_nameless(c))
		return;
	bool is_enum = clang_getCursorKind(c) == CXCursor_EnumDecl;
	record(w, "tag", c, is_enum ? enum_shape(c) : record_shape(t, c), "declared");
}

static void
record_external(struct writer *w, CXCursor c)
{
	enum CX_StorageClass storage = clang_Cursor_getStorageClass(c);
	bool function = clang_getCursorKind(c) == CXCursor_FunctionDecl;
	bool defined = function ? clang_isCursorDefinition(c) : storage != CX_SC_Extern;
	if (clang_getCursorLinkage(c) != CXLinkage_External)
		return;
	record(w, "name", c, textf("%s%s%s", shape_of(clang_getCursorType(c)), marks_of(c), parameter_marks(c)),
	       defined ? "defined" : set_has(&w->unit->used, name_of(c)) ? "used" : "declared");
}

static const struct {
	enum CXCursorKind kind;
	void (*record)(struct writer *, CXCursor);
} recorded[] = {
	{ CXCursor_StructDecl, record_tag }, { CXCursor_UnionDecl, record_tag }, { CXCursor_EnumDecl, record_tag },
	{ CXCursor_FunctionDecl, record_external }, { CXCursor_VarDecl, record_external },
};

static enum CXChildVisitResult
record_declaration(CXCursor c, CXCursor parent, CXClientData data)
{
	for (size_t i = 0; i < COUNT(recorded); i++)
		if (recorded[i].kind == clang_getCursorKind(c))
			recorded[i].record(data, c);
	return CXChildVisit_Continue;
}

void
summary_write(struct unit *u, const char *path)
{
	struct writer w = { u, fopen(path, "w") };
	if (w.out == nullptr)
		fail("cannot write %s: %s", path, strerror(errno));
	fputs("safec 1\n", w.out);
	if (u->flat != nullptr)
		clang_visitChildren(clang_getTranslationUnitCursor(u->flat), record_declaration, &w);
	if (fclose(w.out) != 0)
		fail("cannot write %s: %s", path, strerror(errno));
}
