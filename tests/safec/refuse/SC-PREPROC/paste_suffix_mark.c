/* SC-PREPROC: a mark has capitals, a suffix has none. */
#include <cadre/fw.h>
#define MAKE(x) x##_TYPE
struct MAKE(SCOPED) s { int x; };
