/* SC-SCOPE: a slice returned. */
#include <cadre/fw.h>
struct bytes f(struct bytes b) { return b; }
