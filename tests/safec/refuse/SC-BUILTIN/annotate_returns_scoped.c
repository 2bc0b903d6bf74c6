/* SC-BUILTIN: a mark that lets an address up. */
#include <cadre/safe.h>
RETURNS_SCOPED int *f(int *scoped p) { return p; }
