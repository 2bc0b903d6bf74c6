/* SC-SCOPE: a mark turned into text and measured is the same text to checker and compiler; it marks nothing. */
#include <cadre/safe.h>
#define TEXT_OF(x) #x
#define LENGTH(x) sizeof(TEXT_OF(x))
static int *keep(int *p) { static int *kept; kept = p; return kept; }
int f(int n) { int local[LENGTH(scoped)] = { n }; return *keep(local); }
