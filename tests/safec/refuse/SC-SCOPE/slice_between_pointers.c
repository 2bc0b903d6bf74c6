/* SC-SCOPE: a slice copied between two pointed-to slices. */
#include <cadre/fw.h>
static void move(struct bytes *scoped a, struct bytes *scoped b) { *a = *b; }
u8 f(void) { u8 o[4] = { }; struct bytes x = BYTES_OF(o); { u8 in[4] = { }; struct bytes y = BYTES_OF(in); move(&x, &y); } return bytes_get(x, 0); }
