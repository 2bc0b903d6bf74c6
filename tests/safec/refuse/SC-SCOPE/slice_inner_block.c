/* SC-SCOPE: a slice outlives the local it covers. */
#include <cadre/fw.h>
u8 f(void) { struct bytes b = { }; { u8 a[4] = { }; b = BYTES_OF(a); } return bytes_get(b, 0); }
