/* a callback with a scoped parameter. */
#include <cadre/safe.h>
typedef int (*visit)(const int *scoped value, int *scoped sum);
static int add(const int *scoped value, int *scoped sum) { *sum += *value; return 0; }
static int each(visit v, int *scoped sum) { int x = 3; return v(&x, sum); }
static const struct { visit v; } table = { .v = add };
static const struct { visit v; } positional = { add };
int f(void) { int s = 0; each(add, &s); return table.v(&s, &s) + positional.v(&s, &s) + s; }
