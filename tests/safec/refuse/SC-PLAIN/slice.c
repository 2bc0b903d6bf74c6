/* SC-PLAIN: bytes over a slice. */
#include <cadre/fw.h>
u64 f(struct bytes b) { return bytes_len(BYTES_OF(b)); }
