/* SC-ODR: one header in two units. */
#include "s.h"
struct s shared;
int put(struct s *scoped s) { return s->a; }
