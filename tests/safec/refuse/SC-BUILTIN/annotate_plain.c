/* SC-BUILTIN: a mark of the framework's. */
#include <cadre/safe.h>
int f(PLAIN int *p) { return *p; }
