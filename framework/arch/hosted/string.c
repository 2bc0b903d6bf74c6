// SPDX-License-Identifier: MPL-2.0
// Pages as a whole; the other memory functions are the host's.
#include <arch/string.h>

void
page_zero(void *page)
{
	memset(page, 0, PAGE_SIZE);
}

void
page_copy(void *dst, const void *src)
{
	memcpy(dst, src, PAGE_SIZE);
}
