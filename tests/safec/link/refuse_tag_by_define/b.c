/* SC-ODR: one header, two layouts by -D. */
#include "s.h"
int fb(struct s *s) { return s->x != 0; }
