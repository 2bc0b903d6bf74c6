/* SC-PRIVATE: in an initialiser. */
#include <cadre/fw.h>
u64 f(void) { struct bytes b = { .len = 1000 }; return bytes_len(b); }
