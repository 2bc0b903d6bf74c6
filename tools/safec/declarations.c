// SPDX-License-Identifier: MPL-2.0
/** What a service declares: types without `void *`, `...` or missing bounds, and names that are its own. */
#include "rules.h"

#include <ctype.h>

/* Functions that the compiler calls by itself. */
static names_t runtime_names = {
	"memcpy", "memmove", "memset", "memcmp", "bcmp", "strlen", "abort", "setjmp", "longjmp", nullptr,
};

static const struct {
	bool (*mentioned)(CXType);
	enum rule rule;
	const char *text;
} type_faults[] = {
	{ mentions_void_pointer, SC_CAST, "has a 'void *' in its type; name the type that it points to, or use struct object *" },
	{ mentions_unprototyped, SC_FORBID, "has a function type without a prototype; name its parameters" },
	{ mentions_variadic, SC_FORBID, "takes any number of arguments; take a slice or a struct" },
	{ mentions_unbounded, SC_INDEX, "points to an array without a bound; point to the struct that holds it" },
};

static bool
is_tag(enum CXCursorKind k)
{
	return k == CXCursor_StructDecl || k == CXCursor_UnionDecl || k == CXCursor_EnumDecl;
}

static bool
declares_type(enum CXCursorKind k)
{
	return k == CXCursor_VarDecl || k == CXCursor_ParmDecl || k == CXCursor_FieldDecl || k == CXCursor_FunctionDecl ||
	       k == CXCursor_TypedefDecl;
}

static bool
declares_name(enum CXCursorKind k)
{
	return (declares_type(k) && k != CXCursor_FieldDecl) || is_tag(k) || k == CXCursor_EnumConstantDecl;
}

static void
check_type(struct unit *u, struct node *n)
{
	if (n->kind == CXCursor_ParmDecl && (is_array(n->type) || is_function(n->type)))
		refuse(u, SC_INDEX, n, "the parameter '%s' is declared as an array or a function but is a pointer; write the pointer, "
		       "or take a struct that holds the array", name_of(n->cursor));
	for (size_t i = 0; i < COUNT(type_faults); i++)
		if (type_faults[i].mentioned(n->type))
			refuse(u, type_faults[i].rule, n, "'%s' %s", name_of(n->cursor), type_faults[i].text);
}

/** What the framework uses and leaves to the services: declared in its header, not private. */
static bool
is_hook(const struct node *n)
{
	bool file_scope = n->parent == nullptr && (n->kind == CXCursor_FunctionDecl || n->kind == CXCursor_VarDecl);
	return file_scope && clang_isCursorDefinition(n->cursor) &&
	       clang_getCursorLinkage(n->cursor) == CXLinkage_External &&
	       !has_mark(clang_getCanonicalCursor(n->cursor), "cadre:private");
}

static void
check_name(struct unit *u, struct node *n)
{
	const char *name = name_of(n->cursor);
	const char *key = is_tag(n->kind) ? textf("tag %s", name) : name;
	bool reserved = name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1]));
	if (name[0] == '\0' || strchr(name, ' ') != nullptr)
		return;
	if (reserved)
		refuse(u, SC_PRIVATE, n, "the name '%s' is the compiler's; drop the leading underscores", name);
	else if (declares_name(n->kind) && set_has(&u->framework_names, key) && !is_hook(n) &&
	         (!is_tag(n->kind) || clang_isCursorDefinition(n->cursor)))
		refuse(u, SC_PRIVATE, n, "'%s' is declared by the framework, whose macros would find this one instead; choose another name", name);
	else if (ends_with(name, "_") && set_has(&u->words.identifiers, name))
		refuse(u, SC_PRIVATE, n, "'%s' is a name inside a framework macro; choose another name", name);
}

static bool
in_unit_itself(const struct unit *u, const struct node *n)
{
	return strcmp(u->tokens.list.at[n->own].spelled.file, u->path) == 0;
}

static bool
declared_in_header(const struct unit *u, const struct node *n)
{
	uint32_t first, last;
	CXCursor earliest = clang_getCanonicalCursor(n->cursor);
	tree_range(u, earliest, &first, &last);
	return strcmp(u->tokens.list.at[last].spelled.file, u->path) != 0;
}

static bool
in_block(const struct node *n)
{
	for (n = n->parent; n != nullptr; n = n->parent)
		if (n->kind == CXCursor_CompoundStmt)
			return true;
	return false;
}

/** A declaration without a definition comes from the header of its owner. */
static void
check_extern(struct unit *u, struct node *n)
{
	enum CX_StorageClass storage = clang_Cursor_getStorageClass(n->cursor);
	bool function = n->kind == CXCursor_FunctionDecl;
	bool declares = function ? !clang_isCursorDefinition(n->cursor) : storage == CX_SC_Extern && initialiser(n) == nullptr;
	if ((function || storage == CX_SC_Extern) && in_block(n))
		refuse(u, SC_PRIVATE, n, "'%s' is declared inside a block; include the header of its owner", name_of(n->cursor));
	else if (declares && storage != CX_SC_Static && in_unit_itself(u, n) && !declared_in_header(u, n) &&
	         clang_Cursor_isNull(clang_getCursorDefinition(n->cursor)))
		refuse(u, SC_PRIVATE, n, "'%s' belongs to another unit; include the header of its owner", name_of(n->cursor));
}

/** A name that the linker would bind calls of the framework or of the compiler to. */
static void
check_linkage(struct unit *u, struct node *n)
{
	const char *name = name_of(n->cursor);
	if (clang_getCursorLinkage(n->cursor) == CXLinkage_External && (name_in(name, runtime_names) || name[0] == '_'))
		refuse(u, SC_PRIVATE, n, "'%s' is a name of the compiler or the linker; choose another", name);
}

/** Promises that only the framework can make: trusted tokens too, where a service's declaration carries them. */
static void
check_marks(struct unit *u, struct node *n)
{
	static names_t marks = {
		"cadre:scoped_type", "cadre:private", "cadre:opaque", "cadre:returns_scoped", "cadre:plain", "cadre:heap_type",
		nullptr,
	};
	for (size_t i = 0; i < n->kids.n; i++) {
		struct node *mark = n->kids.at[i];
		if (mark->kind == CXCursor_AnnotateAttr && !trusted(u, mark) && name_in(name_of(mark->cursor), marks))
			refuse(u, SC_BUILTIN, mark, "the mark '%s' is the framework's to give; a service writes 'scoped' alone", name_of(mark->cursor));
	}
}

void
rule_declarations(struct unit *u, struct node *n)
{
	if (!clang_isDeclaration(n->kind) || n->own == NO_TOKEN)
		return;
	check_marks(u, n);
	if (trusted(u, n))
		return;
	if (declares_type(n->kind))
		check_type(u, n);
	check_name(u, n);
	if (n->kind == CXCursor_FunctionDecl || n->kind == CXCursor_VarDecl) {
		check_extern(u, n);
		check_linkage(u, n);
	}
}
