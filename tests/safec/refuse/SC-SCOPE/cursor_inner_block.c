/* SC-SCOPE: a cursor outlives what it was made over. */
#include <cadre/fw.h>
u8 f(void) { struct cursor c = { }; { u8 a[4] = { }; cursor_init(&c, BYTES_OF(a)); } return cursor_next(&c); }
