/* a header beside the unit. */
#include "own_header.h"
int shared_add(int a, int b) { return a + b; }
int f(struct shared *s) { return shared_add(s->x, shared_count); }
int shared_count = 3;
