/* SC-PREPROC: a mark from two halves. */
#include <cadre/safe.h>
#define MARK(x) PRI##x
struct s { MARK(VATE) int x; };
