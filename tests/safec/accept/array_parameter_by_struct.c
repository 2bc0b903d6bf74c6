/* a key in a struct. */
#include <cadre/safe.h>
struct key { unsigned char bytes[16]; };
static unsigned fold(const struct key *scoped k) { unsigned s = 0; for (unsigned i = 0; i < sizeof k->bytes; i++) s = s * 31 + k->bytes[i]; return s; }
unsigned f(void) { struct key k = { { 1, 2, 3 } }; return fold(&k); }
