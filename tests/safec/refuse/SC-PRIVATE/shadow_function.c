/* SC-PRIVATE: a local named like a framework function. */
#include <cadre/fw.h>
static size_t any(size_t i, size_t n) { return i; }
static u32 a[4];
u32 f(u32 i) { size_t (*bounds_check)(size_t, size_t) = any; return *ELEM(a, i); }
