/* SC-PRIVATE: by position. */
#include <cadre/fw.h>
u64 f(void) { struct bytes b = { nullptr, 1000 }; return bytes_len(b); }
