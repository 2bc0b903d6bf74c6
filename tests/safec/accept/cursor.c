/* a cursor over a local. */
#include <cadre/fw.h>
u8 f(void) { u8 a[4] = { 1 }; struct cursor c = { }; cursor_init(&c, BYTES_OF(a)); return cursor_next(&c) + (u8)c.position; }
