/* SC-PRIVATE: a name that a macro uses. */
#include <cadre/fw.h>
u32 f(u32 min_b_) { return MIN(min_b_, 3u); }
