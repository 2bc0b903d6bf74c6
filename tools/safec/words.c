// SPDX-License-Identifier: MPL-2.0
/** SC-BUILTIN and SC-FORBID at the level of words: keywords, builtins, attributes that a service spells. */
#include "rules.h"

/* Words with one meaning, which Safe C does not have. */
static const struct {
	const char *text;
	enum rule rule;
	const char *advice;
} forbidden_words[] = {
	{ "asm", SC_FORBID, "assembly belongs in the framework" },
	{ "__asm", SC_FORBID, "assembly belongs in the framework" },
	{ "__asm__", SC_FORBID, "assembly belongs in the framework" },
	{ "register", SC_FORBID, "leave it out" },
	{ "volatile", SC_FORBID, "use the framework's atomics, or io_mem for devices" },
	{ "__volatile", SC_FORBID, "use the framework's atomics, or io_mem for devices" },
	{ "__volatile__", SC_FORBID, "use the framework's atomics, or io_mem for devices" },
	{ "restrict", SC_FORBID, "leave it out: a wrong promise is undefined behaviour" },
	{ "__restrict", SC_FORBID, "leave it out: a wrong promise is undefined behaviour" },
	{ "__restrict__", SC_FORBID, "leave it out: a wrong promise is undefined behaviour" },
	{ "_Thread_local", SC_FORBID, "use cpu_local or the task's data" },
	{ "thread_local", SC_FORBID, "use cpu_local or the task's data" },
	{ "__thread", SC_FORBID, "use cpu_local or the task's data" },
	{ "_Atomic", SC_FORBID, "use the framework's atomics" },
	{ "_BitInt", SC_FORBID, "use u64" },
	{ "__int128", SC_FORBID, "use u64" },
	{ "__int128_t", SC_FORBID, "use u64" },
	{ "__uint128_t", SC_FORBID, "use u64" },
	{ "_Complex", SC_FORBID, "use integers" },
	{ "__complex__", SC_FORBID, "use integers" },
	{ "__real__", SC_FORBID, "use integers" },
	{ "__imag__", SC_FORBID, "use integers" },
	{ "float", SC_FORBID, "use integers" },
	{ "double", SC_FORBID, "use integers" },
	{ "_Float16", SC_FORBID, "use integers" },
	{ "__fp16", SC_FORBID, "use integers" },
	{ "__bf16", SC_FORBID, "use integers" },
	{ "_Decimal32", SC_FORBID, "use integers" },
	{ "_Decimal64", SC_FORBID, "use integers" },
	{ "alloca", SC_FORBID, "use a local array or the heap" },
	{ "__builtin_alloca", SC_FORBID, "use a local array or the heap" },
	{ "setjmp", SC_FORBID, "return an error" },
	{ "_setjmp", SC_FORBID, "return an error" },
	{ "sigsetjmp", SC_FORBID, "return an error" },
	{ "longjmp", SC_FORBID, "return an error" },
	{ "__builtin_setjmp", SC_FORBID, "return an error" },
	{ "__builtin_longjmp", SC_FORBID, "return an error" },
	{ "va_list", SC_FORBID, "take a slice or a struct" },
	{ "va_start", SC_FORBID, "take a slice or a struct" },
	{ "va_arg", SC_FORBID, "take a slice or a struct" },
	{ "__builtin_va_list", SC_FORBID, "take a slice or a struct" },
	{ "__builtin_va_arg", SC_FORBID, "take a slice or a struct" },
	{ "__label__", SC_FORBID, "use labels of the function" },
	{ "__block", SC_FORBID, "use a function" },
};

/* Words with two underscores that are harmless. */
static names_t harmless = {
	"__func__", "__FUNCTION__", "__typeof__", "__typeof", "__typeof_unqual__", "__alignof__", "__alignof", "__const",
	"__const__", "__inline", "__inline__", "__signed", "__signed__", "_Alignas", "_Alignof", "_Bool", "_Generic",
	"_Static_assert", "__builtin_expect", "__builtin_expect_with_probability", "__builtin_constant_p",
	"__builtin_types_compatible_p", "__builtin_offsetof", "__builtin_popcount", "__builtin_popcountl",
	"__builtin_popcountll", "__builtin_popcountg", "__builtin_bswap16", "__builtin_bswap32", "__builtin_bswap64",
	"__builtin_parity", "__builtin_ffs", "__builtin_ffsl", "__builtin_ffsll",
	"__builtin_add_overflow", "__builtin_sub_overflow", "__builtin_mul_overflow", "__attribute__", "__attribute",
	nullptr,
};

/* Attributes that promise nothing the optimiser could turn against the program. */
static names_t attributes = {
	"annotate", "unused", "maybe_unused", "used", "nodiscard", "warn_unused_result", "deprecated", "unavailable",
	"fallthrough", "noinline", "always_inline", "cold", "hot", "error", "warning", "flag_enum",
	"enum_extensibility", "capability", "lockable", "guarded_by", "pt_guarded_by", "acquired_before",
	"acquired_after", "requires_capability", "requires_shared_capability", "locks_excluded", "acquire_capability",
	"acquire_shared_capability", "try_acquire_capability", "release_capability", "release_shared_capability",
	"release_generic_capability", "no_thread_safety_analysis", "assert_capability", "designated_init", "likely", "unlikely", nullptr,
};

/* Attributes that change how a type lies in memory: a rule of their own. */
static names_t layout_attributes = {
	"packed", "aligned", "may_alias", "vector_size", "ext_vector_type", "address_space", "mode", "ms_struct",
	"gcc_struct", "transparent_union", "scalar_storage_order", "randomize_layout", "no_randomize_layout",
	"neon_vector_type", "matrix_type", "align_value", "no_unique_address", "packed_enum", nullptr,
};

/** `__packed__` and `packed` are one. */
static const char *
attribute_name(const char *text)
{
	size_t n = strlen(text);
	return n > 4 && starts_with(text, "__") && ends_with(text, "__") ? text_copy(text + 2, n - 4) : text;
}

static void
refuse_token(const struct unit *u, enum rule rule, uint32_t i, const char *text)
{
	report(rule, token_place(&u->tokens, i), "%s", text);
}

static void
check_annotation(const struct unit *u, uint32_t i)
{
	bool is_scoped = token_is(&u->tokens, i + 1, "(") && token_is(&u->tokens, i + 2, "\"cadre:scoped\"") &&
	                 token_is(&u->tokens, i + 3, ")");
	if (!is_scoped)
		refuse_token(u, SC_BUILTIN, i, "this annotation is the framework's to give; a service writes 'scoped' alone");
}

static void
check_attribute(const struct unit *u, uint32_t i)
{
	const char *name = attribute_name(u->tokens.list.at[i].text);
	if (token_trusted(u, i) || !u->tokens.list.at[i].identifier)
		return;
	if (strcmp(name, "counted_by") == 0)
		refuse_token(u, SC_INDEX, i, "a counted array of a service's own; declare the array type with the framework's ARRAY_DECLARE");
	else if (name_in(name, layout_attributes))
		refuse_token(u, SC_LAYOUT, i, textf("the attribute '%s' changes how the type lies in memory; use integers of fixed size in order", name));
	else if (strcmp(name, "annotate") == 0)
		check_annotation(u, i);
	else if (!name_in(name, attributes))
		refuse_token(u, SC_BUILTIN, i, textf("the attribute '%s' is not one that Safe C admits; leave it out", name));
}

/** Checks the names in an attribute's brackets, which open at i; returns the index behind them. */
static uint32_t
check_attribute_list(const struct unit *u, uint32_t i)
{
	unsigned depth = 0;
	bool expects_name = false;
	for (; i < u->tokens.list.n; i++) {
		const char *t = u->tokens.list.at[i].text;
		bool opens = strcmp(t, "(") == 0 || strcmp(t, "[") == 0;
		bool closes = strcmp(t, ")") == 0 || strcmp(t, "]") == 0;
		bool scope = strcmp(t, "gnu") == 0 || strcmp(t, "clang") == 0 || strcmp(t, "__gnu__") == 0 || strcmp(t, "_Clang") == 0;
		if (scope && token_is(&u->tokens, i + 1, "::")) {
			i++;
			continue;
		}
		if (expects_name && depth == 2 && !opens && !closes && strcmp(t, ",") != 0) {
			check_attribute(u, i);
			expects_name = false;
		}
		depth += opens;
		expects_name |= (opens && depth == 2) || (depth == 2 && strcmp(t, ",") == 0);
		depth -= closes;
		if (closes && depth == 0)
			return i + 1;
	}
	return i;
}

/** Whether an attribute starts here: `__attribute__` or two opening brackets, whoever spells the first. */
static uint32_t
attribute_start(const struct unit *u, uint32_t i)
{
	const char *t = u->tokens.list.at[i].text;
	if (strcmp(t, "__attribute__") == 0 || strcmp(t, "__attribute") == 0)
		return i + 1;
	return strcmp(t, "[") == 0 && token_is(&u->tokens, i + 1, "[") ? i : NO_TOKEN;
}

static void
check_word(const struct unit *u, uint32_t i)
{
	const char *t = u->tokens.list.at[i].text;
	for (size_t k = 0; k < COUNT(forbidden_words); k++)
		if (strcmp(t, forbidden_words[k].text) == 0) {
			refuse_token(u, forbidden_words[k].rule, i, textf("'%s' is not part of Safe C; %s", t, forbidden_words[k].advice));
			return;
		}
	if ((starts_with(t, "__") || strcmp(t, "_Noreturn") == 0) && !name_in(t, harmless))
		refuse_token(u, SC_BUILTIN, i, textf("'%s' is not one of the builtins that Safe C admits; use the framework's function", t));
}

/** `[static 4]`, `[const 4]`, `[*]`: claims and lengths in a parameter's brackets. */
static void
check_bracket(const struct unit *u, uint32_t i)
{
	static names_t claims = { "static", "const", "restrict", "volatile", nullptr };
	const struct token *next = i + 1 < u->tokens.list.n ? &u->tokens.list.at[i + 1] : nullptr;
	if (next != nullptr && name_in(next->text, claims))
		refuse_token(u, SC_FORBID, i, "a claim about an array parameter's length; take a pointer to a struct, or a slice");
	if (next != nullptr && strcmp(next->text, "*") == 0 && token_is(&u->tokens, i + 2, "]"))
		refuse_token(u, SC_FORBID, i, "an array whose length is not known; use a constant bound");
}

static void
check_token(const struct unit *u, uint32_t i)
{
	const struct token *t = &u->tokens.list.at[i];
	if (t->identifier)
		check_word(u, i);
	else if (strcmp(t->text, "[") == 0)
		check_bracket(u, i);
	else if (strcmp(t->text, "?") == 0 && token_is(&u->tokens, i + 1, ":"))
		refuse_token(u, SC_FORBID, i, "a conditional without its middle; write a ? a : b");
	else if (strcmp(t->text, "^") == 0 && (token_is(&u->tokens, i + 1, "{")))
		refuse_token(u, SC_FORBID, i, "a block; use a function");
}

void
rule_words(struct unit *u)
{
	for (uint32_t i = 0; i < u->tokens.list.n; i++) {
		uint32_t list = attribute_start(u, i);
		if (!token_trusted(u, i))
			check_token(u, i);
		if (list != NO_TOKEN)
			check_attribute_list(u, list);
	}
}
