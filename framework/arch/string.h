// SPDX-License-Identifier: MPL-2.0
/**
 * Memory functions, which the compiler calls too.
 *
 * Aligned 8-byte words are moved whole: a pointer that another CPU copies over is never seen torn (docs/safe-c.md,
 * data races).
 */
#pragma once

#include <cadre/types.h>

void *memcpy(void *dst, const void *src, size_t len);
void *memmove(void *dst, const void *src, size_t len);
void *memset(void *dst, int value, size_t len);
int memcmp(const void *a, const void *b, size_t len);
/** A page at `page`, page aligned, becomes what the page `from` is, null: zero. */
void page_fill(void *page, const void *from);
static inline void page_zero(void *page) { page_fill(page, nullptr); }
static inline void page_copy(void *dst, const void *src) { page_fill(dst, src); }
