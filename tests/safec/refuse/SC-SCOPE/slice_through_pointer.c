/* SC-SCOPE: a slice of a local through a pointer. */
#include <cadre/fw.h>
void f(struct bytes *scoped out) { u8 a[4] = { }; *out = BYTES_OF(a); }
