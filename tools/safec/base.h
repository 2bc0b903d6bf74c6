// SPDX-License-Identifier: MPL-2.0
/**
 * What every file of the checker uses: growing arrays, text, failing.
 *
 * Memory is never freed: the program checks one unit and ends.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/** A growing array of T. `vec_push` doubles its room. */
#define VEC(T) struct { T *at; size_t n, cap; }
#define vec_push(v, x)                                                                                                 \
	do {                                                                                                           \
		if ((v)->n == (v)->cap) {                                                                              \
			(v)->cap = (v)->cap ? 2 * (v)->cap : 8;                                                        \
			(v)->at = must_realloc((v)->at, (v)->cap * sizeof *(v)->at);                                   \
		}                                                                                                      \
		(v)->at[(v)->n++] = (x);                                                                               \
	} while (0)

/** A list of strings that ends with a null pointer: the tables of names. */
typedef const char *const names_t[];

void *must_alloc(size_t size);
void *must_realloc(void *p, size_t size);

/** printf into fresh memory. */
[[gnu::format(printf, 1, 2)]] char *textf(const char *format, ...);
char *text_copy(const char *s, size_t len);

bool starts_with(const char *s, const char *prefix);
bool ends_with(const char *s, const char *suffix);
/** Whether `s` is one of `names`. */
bool name_in(const char *s, const char *const *names);
/** Whether path is `dir` or lies below it; both absolute and resolved. */
bool path_below(const char *path, const char *dir);

/** The whole file with a NUL behind it; null where it cannot be read. */
char *file_read(const char *path, size_t *len);

/** Says why the checker itself cannot go on, and exits with status 2. */
[[noreturn, gnu::format(printf, 1, 2)]] void fail(const char *format, ...);

/** A set of strings. */
struct set {
	const char **slots;
	size_t n, cap;
};
void set_add(struct set *s, const char *text);
bool set_has(const struct set *s, const char *text);
