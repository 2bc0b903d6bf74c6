/* SC-PLAIN: bytes over a bool variable. */
#include <cadre/fw.h>
u64 f(void) { bool b = false; return bytes_len(BYTES_OF(b)); }
