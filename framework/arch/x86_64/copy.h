// SPDX-License-Identifier: MPL-2.0
/**
 * copy.S: accesses that may fault.
 */
#pragma once

#include <cadre/types.h>

size_t x86_user_copy(void *to, const void *from, size_t len);        /* => bytes copied */
bool x86_user_load32(const u32 *at, u32 *out);
u64 x86_user_cas32(u32 *at, u32 expected, u32 to);                   /* => the word found; ~0: fault */
bool x86_safe_read(u64 at, u64 *out);                                /* => false: nothing is mapped there */
