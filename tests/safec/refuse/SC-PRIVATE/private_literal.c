/* SC-PRIVATE: in a compound literal. */
#include <cadre/fw.h>
u64 f(void) { return bytes_len((struct bytes){ nullptr, 1000 }); }
