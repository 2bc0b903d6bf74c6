/* SC-PRIVATE: an array's length written. */
#include <cadre/fw.h>
void f(struct u32_array *a) { a->length = 1000; }
