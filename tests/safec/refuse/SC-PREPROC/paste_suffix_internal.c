/* SC-PREPROC: names that end in an underscore are the framework's. */
#include <cadre/fw.h>
#define MAKE(x) x##_check_type_
int f(int *p) { return MAKE(heap)(p) != nullptr; }
