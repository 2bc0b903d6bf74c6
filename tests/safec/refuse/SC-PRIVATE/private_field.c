/* SC-PRIVATE: a private field read. */
#include <cadre/fw.h>
u64 f(struct bytes b) { return b.len; }
