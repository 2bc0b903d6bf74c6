/* SC-ODR: one header in two units. */
#pragma once
#include <cadre/safe.h>
struct s { int a; struct { long b; } in; };
int put(struct s *scoped s);
extern struct s shared;
