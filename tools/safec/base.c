// SPDX-License-Identifier: MPL-2.0
/** Growing arrays, text, sets of names and failing: what every file of the checker uses. */
#include "base.h"

#include <stdarg.h>

void
fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("safec: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(2);
}

void *
must_realloc(void *p, size_t size)
{
	void *q = realloc(p, size);
	if (q == nullptr)
		fail("out of memory");
	return q;
}

void *
must_alloc(size_t size)
{
	return memset(must_realloc(nullptr, size ? size : 1), 0, size);
}

char *
text_copy(const char *s, size_t len)
{
	char *copy = must_alloc(len + 1);
	memcpy(copy, s, len);
	return copy;
}

char *
textf(const char *format, ...)
{
	va_list args;
	char *text;
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		fail("out of memory");
	va_end(args);
	return text;
}

bool
starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool
ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);
	return n >= m && strcmp(s + n - m, suffix) == 0;
}

bool
name_in(const char *s, const char *const *names)
{
	for (; *names != nullptr; names++)
		if (strcmp(s, *names) == 0)
			return true;
	return false;
}

bool
path_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	return n > 0 && strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0' || dir[n - 1] == '/');
}

char *
file_read(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	if (f == nullptr)
		return nullptr;
	VEC(char) text = { };
	for (int c; (c = fgetc(f)) != EOF;)
		vec_push(&text, (char)c);
	bool bad = ferror(f) != 0;
	fclose(f);
	*len = text.n;
	vec_push(&text, '\0');
	return bad ? nullptr : text.at;
}

static size_t
hash(const char *s)
{
	size_t h = 14695981039346656037u;
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * 1099511628211u;
	return h;
}

static const char **
set_slot(const struct set *s, const char *text)
{
	size_t i = hash(text) & (s->cap - 1);
	while (s->slots[i] != nullptr && strcmp(s->slots[i], text) != 0)
		i = (i + 1) & (s->cap - 1);
	return &s->slots[i];
}

static void
set_grow(struct set *s)
{
	struct set bigger = { .cap = s->cap ? 2 * s->cap : 64 };
	bigger.slots = must_alloc(bigger.cap * sizeof *bigger.slots);
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i] != nullptr)
			*set_slot(&bigger, s->slots[i]) = s->slots[i];
	bigger.n = s->n;
	*s = bigger;
}

void
set_add(struct set *s, const char *text)
{
	if (2 * (s->n + 1) > s->cap)
		set_grow(s);
	const char **slot = set_slot(s, text);
	s->n += *slot == nullptr;
	*slot = text;
}

bool
set_has(const struct set *s, const char *text)
{
	return s->cap > 0 && *set_slot(s, text) != nullptr;
}
