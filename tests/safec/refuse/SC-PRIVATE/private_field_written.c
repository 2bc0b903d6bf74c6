/* SC-PRIVATE: a private field written. */
#include <cadre/fw.h>
void f(struct bytes b) { b.len = 1000; }
