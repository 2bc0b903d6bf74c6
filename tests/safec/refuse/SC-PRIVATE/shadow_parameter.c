/* SC-PRIVATE: a parameter named like one. */
#include <cadre/fw.h>
static u32 a[4];
u32 f(size_t (*bounds_check)(size_t, size_t), u32 i) { return *ELEM(a, i); }
