// SPDX-License-Identifier: MPL-2.0
/** Collects findings and prints them in order of place, each once. */
#include "report.h"

#include <stdarg.h>

static const char *const rule_names[] = {
	[SC_PARSE] = "SC-PARSE", [SC_FLAGS] = "SC-FLAGS", [SC_OPTIONS] = "SC-OPTIONS", [SC_CAST] = "SC-CAST",
	[SC_ARITH] = "SC-ARITH", [SC_INDEX] = "SC-INDEX", [SC_UNION] = "SC-UNION", [SC_PLAIN] = "SC-PLAIN",
	[SC_LAYOUT] = "SC-LAYOUT", [SC_SCOPE] = "SC-SCOPE", [SC_HEAP] = "SC-HEAP", [SC_INIT] = "SC-INIT",
	[SC_FORBID] = "SC-FORBID", [SC_BUILTIN] = "SC-BUILTIN", [SC_PREPROC] = "SC-PREPROC",
	[SC_PRIVATE] = "SC-PRIVATE", [SC_ODR] = "SC-ODR", [SC_FORMAT] = "SC-FORMAT",
};

struct finding {
	struct place at;
	enum rule rule;
	const char *text;
};

static VEC(struct finding) findings;

void
report(enum rule rule, struct place at, const char *format, ...)
{
	va_list args;
	char *text;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		fail("out of memory");
	va_end(args);
	vec_push(&findings, ((struct finding){ at, rule, text }));
}

static int
compare(const void *va, const void *vb)
{
	const struct finding *a = va, *b = vb;
	int by_file = strcmp(a->at.file, b->at.file);
	if (by_file != 0)
		return by_file;
	if (a->at.line != b->at.line)
		return a->at.line < b->at.line ? -1 : 1;
	if (a->at.column != b->at.column)
		return a->at.column < b->at.column ? -1 : 1;
	return a->rule != b->rule ? (int)a->rule - (int)b->rule : strcmp(a->text, b->text);
}

/** file:line:col: rule-id: what is wrong, and what to write instead */
static void
print(const struct finding *f)
{
	fprintf(stderr, "%s:%u:%u: %s: %s\n", f->at.file, f->at.line, f->at.column, rule_names[f->rule], f->text);
}

int
report_print(void)
{
	if (findings.n > 0)
		qsort(findings.at, findings.n, sizeof *findings.at, compare);
	for (size_t i = 0; i < findings.n; i++)
		if (i == 0 || compare(&findings.at[i - 1], &findings.at[i]) != 0)
			print(&findings.at[i]);
	return findings.n > 0;
}
