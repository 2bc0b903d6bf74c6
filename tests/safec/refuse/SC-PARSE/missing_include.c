/* SC-PARSE: a header that is not there. */
#include <cadre/nowhere.h>
int f(void) { return 0; }
