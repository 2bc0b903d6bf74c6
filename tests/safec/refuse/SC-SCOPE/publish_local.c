/* SC-SCOPE: a local's address published. */
#include <cadre/fw.h>
struct s { u32 *p; };
void f(struct s *s) { u32 x = 1; POINTER_PUBLISH(s->p, &x); }
