/* SC-ODR: one header, two layouts by -D. */
#include "s.h"
unsigned long fa(struct s *s) { return (unsigned long)(s->x != 0); }
