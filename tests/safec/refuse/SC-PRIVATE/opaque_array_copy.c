/* SC-PRIVATE: an array header copied. */
#include <cadre/fw.h>
void f(struct u32_array *a, struct u32_array *b) { *a = *b; }
