// SPDX-License-Identifier: MPL-2.0
// Slices: copying, filling, comparing; and the byte array, the heap type that most slices are of.
#include <arch/string.h>
#include <cadre/object.h>

ARRAY_DEFINE(byte_array, u8);

void
bytes_copy(struct bytes dst, struct cbytes src)
{
	if (src.len > dst.len)
		bounds_trap();
	memmove(dst.ptr, src.ptr, src.len);
}

void
bytes_fill(struct bytes dst, u8 value)
{
	memset(dst.ptr, value, dst.len);
}

int
cbytes_compare(struct cbytes a, struct cbytes b)
{
	int order = memcmp(a.ptr, b.ptr, MIN(a.len, b.len));
	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}
