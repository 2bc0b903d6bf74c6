/* SC-SCOPE: part of what a scoped parameter points to. */
#include <cadre/safe.h>
struct s { int a, b; };
int *f(struct s *scoped p) { return &p->b; }
