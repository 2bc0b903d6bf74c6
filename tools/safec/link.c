// SPDX-License-Identifier: MPL-2.0
/** SC-ODR: compares the summaries of all units of an image. One tag has one layout, one name one type and one definition. */
#include "report.h"
#include "unit.h"

enum { KIND, NAME, SHAPE, STATE, SIDE, PLACE, COLUMNS };

struct record {
	char *column[COLUMNS];
	const char *unit;    /* the summary it is from */
	size_t order;
};

static VEC(struct record) records;

static void
read_record(char *line, const char *path)
{
	struct record r = { .unit = path, .order = records.n };
	for (int i = 0; i < COLUMNS; i++) {
		r.column[i] = strsep(&line, "\t");
		if (r.column[i] == nullptr)
			fail("%s is not a summary that this safec wrote", path);
	}
	vec_push(&records, r);
}

static void
read_summary(const char *path)
{
	size_t len;
	char *text = file_read(path, &len);
	if (text == nullptr)
		fail("cannot read %s", path);
	if (!starts_with(text, "safec 1\n"))
		fail("%s is not a summary that this safec wrote", path);
	strtok(text, "\n");
	for (char *line = strtok(nullptr, "\n"); line != nullptr; line = strtok(nullptr, "\n"))
		read_record(line, path);
}

static int
compare(const void *va, const void *vb)
{
	const struct record *a = va, *b = vb;
	int by_kind = strcmp(a->column[KIND], b->column[KIND]);
	int by_name = strcmp(a->column[NAME], b->column[NAME]);
	return by_kind != 0 ? by_kind : by_name != 0 ? by_name : (a->order > b->order) - (a->order < b->order);
}

/** Splits "file:line:column" again. */
static struct place
place_of(const struct record *r)
{
	char *text = text_copy(r->column[PLACE], strlen(r->column[PLACE]));
	struct place at = { text, 1, 1 };
	char *column = strrchr(text, ':');
	if (column == nullptr)
		return at;
	*column = '\0';
	char *line = strrchr(text, ':');
	if (line == nullptr)
		return at;
	*line = '\0';
	return (struct place){ text, (unsigned)atoi(line + 1), (unsigned)atoi(column + 1) };
}

static bool
is(const struct record *r, int column, const char *text)
{
	return strcmp(r->column[column], text) == 0;
}

static void
compare_shapes(const struct record *first, const struct record *r)
{
	if (strcmp(first->column[SHAPE], r->column[SHAPE]) == 0)
		return;
	if (is(r, KIND, "tag"))
		report(SC_ODR, place_of(r), "'%s' has another layout at %s; give one of the two another name", r->column[NAME], first->column[PLACE]);
	else
		report(SC_ODR, place_of(r), "'%s' has another type at %s; declare it in its owner's header alone", r->column[NAME], first->column[PLACE]);
}

/** Checks the records [from, to) of one name. */
static void
check_group(size_t from, size_t to)
{
	const struct record *definition = nullptr, *framework = nullptr, *use = nullptr;
	for (size_t i = from; i < to; i++) {
		const struct record *r = &records.at[i];
		compare_shapes(&records.at[from], r);
		if (is(r, SIDE, "framework"))
			framework = r;
		if (is(r, STATE, "used"))
			use = r;
		if (!is(r, KIND, "name") || !is(r, STATE, "defined") || is(r, SIDE, "framework"))
			continue;
		if (definition != nullptr && definition->unit != r->unit)
			report(SC_ODR, place_of(r), "'%s' is defined at %s too; make one of the two static", r->column[NAME], definition->column[PLACE]);
		definition = r;
	}
	if (use != nullptr && definition == nullptr && framework == nullptr)
		report(SC_PRIVATE, place_of(use), "'%s' is defined by no service and declared by no framework header; it is not a service's to use",
		       use->column[NAME]);
	if (definition != nullptr && framework != nullptr && strstr(framework->column[SHAPE], "!private") != nullptr)
		report(SC_PRIVATE, place_of(definition), "'%s' is private to the framework, declared at %s; choose another name",
		       definition->column[NAME], framework->column[PLACE]);
}

static bool
same_name(const struct record *a, const struct record *b)
{
	return strcmp(a->column[KIND], b->column[KIND]) == 0 && strcmp(a->column[NAME], b->column[NAME]) == 0;
}

void
link_check(int n, char **paths)
{
	for (int i = 0; i < n; i++)
		read_summary(paths[i]);
	if (records.n > 0)
		qsort(records.at, records.n, sizeof *records.at, compare);
	for (size_t from = 0, to; from < records.n; from = to) {
		for (to = from + 1; to < records.n && same_name(&records.at[from], &records.at[to]); to++)
			;
		check_group(from, to);
	}
}
