/* SC-PRIVATE: an enumerator named like a framework name. */
#include <cadre/fw.h>
int f(void) { enum { OK = 5 }; return OK; }
