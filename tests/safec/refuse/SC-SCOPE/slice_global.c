/* SC-SCOPE: a slice in a global. */
#include <cadre/fw.h>
static struct bytes g;
