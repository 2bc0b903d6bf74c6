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
/** A page at `page`, page aligned, becomes zero. */
static inline void page_zero(void *page) { memset(page, 0, PAGE_SIZE); }
static inline void page_copy(void *dst, const void *src) { memcpy(dst, src, PAGE_SIZE); }
